/* bitloom fetch: a public data set into the data folder. The curl program
 * carries it; what has come is only kept under its own name when its SHA-256
 * is right. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/bytes.h"
#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "fpga_flow/sha256.h"
#include "fpga_flow/tool.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

/* A file of a data set. Sums are of the content, unpacked where it is packed:
 * mirrors pack the same content anew. */
struct item {
    char *set, *file, *sum, *url;
};

#define MNIST "https://storage.googleapis.com/cvdf-datasets/mnist/"
#define SVHN  "http://ufldl.stanford.edu/housenumbers/"

static const struct {
    const char *set, *file, *sum, *url;
} known[] = {
    {"mnist", "train-images-idx3-ubyte.gz",
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
     MNIST "train-images-idx3-ubyte.gz"},
    {"mnist", "train-labels-idx1-ubyte.gz",
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
     MNIST "train-labels-idx1-ubyte.gz"},
    {"mnist", "t10k-images-idx3-ubyte.gz",
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
     MNIST "t10k-images-idx3-ubyte.gz"},
    {"mnist", "t10k-labels-idx1-ubyte.gz",
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
     MNIST "t10k-labels-idx1-ubyte.gz"},
    {"svhn", "train_32x32.mat",
     "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
     SVHN "train_32x32.mat"},
    {"svhn", "test_32x32.mat",
     "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
     SVHN "test_32x32.mat"},
};

struct fetch {
    const char *name, *list, *folder;
    bool json, quiet;
    struct item *item;
    size_t n;
    json_t *files;
};

/* ---- which files -------------------------------------------------------- */

static void add_item(struct fetch *f, const char *set, const char *file,
                     const char *sum, const char *url)
{
    f->item = loom_realloc(f->item, (f->n + 1) * sizeof(*f->item));
    f->item[f->n++] = (struct item){loom_strdup(set), loom_strdup(file),
                                    loom_strdup(sum), loom_strdup(url)};
}

static bool is_sum(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* Lines of NAME FILE SHA256 URL; # begins a comment. */
static int read_list(struct fetch *f, struct loom_errmsg *e)
{
    void *data;
    size_t size, line = 0;
    int err = loom_file_read(f->list, 1 << 20, &data, &size, e);
    if (err)
        return err;
    char *rest = data, *text;
    while (!err && (text = strsep(&rest, "\n"))) {
        char set[64], file[128], sum[80], url[1024], more;
        line++;
        text[strcspn(text, "#\r")] = 0;
        if (!text[strspn(text, " \t")])
            continue;
        int n = sscanf(text, "%63s %127s %79s %1023s %c", set, file, sum, url,
                       &more);
        if (n != 4 || !is_sum(sum) || strchr(file, '/') || strchr(set, '/') ||
            *set == '.' || *file == '.')
            err = loom_fail(e, LOOM_ERR_FORMAT,
                            "%s: line %zu: NAME FILE SHA256 URL are expected",
                            f->list, line);
        else
            add_item(f, set, file, sum, url);
    }
    free(data);
    return err;
}

/* The sets that there are, as "a, b". */
static void name_sets(const struct fetch *f, char *to, size_t size)
{
    *to = 0;
    for (size_t k = 0; k < f->n; k++) {
        size_t at = strlen(to);
        if (!k || strcmp(f->item[k].set, f->item[k - 1].set))
            snprintf(to + at, size - at, "%s%s", at ? ", " : "",
                     f->item[k].set);
    }
}

static int find_items(struct fetch *f, struct loom_errmsg *e)
{
    char sets[512];
    bool there = false;
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        add_item(f, known[k].set, known[k].file, known[k].sum, known[k].url);
    int err = f->list ? read_list(f, e) : 0;
    for (size_t k = 0; k < f->n; k++)
        there = there || !strcmp(f->item[k].set, f->name);
    if (err || there)
        return err;
    name_sets(f, sets, sizeof(sets));
    return loom_fail(e, LOOM_ERR_ARG,
                     "fetch: no data set \"%s\" is known; there is %s. Others "
                     "can be given with --list FILE",
                     f->name, sets);
}

/* ---- one file ----------------------------------------------------------- */

/* The sum of a file's content: LOOM_ERR_MISSING where it is not there. */
static int sum_of(const char *path, char sum[65], struct loom_errmsg *e)
{
    struct loom_bytes b;
    size_t n = 0, room = 1 << 20;
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    char *data = loom_malloc(room);
    int64_t got;
    while ((got = b.read(&b, data + n, room - n)) > 0) {
        n += (size_t)got;
        if (n > LOOM_BYTES_MAX)
            break;
        if (n == room)
            data = loom_realloc(data, room *= 2);
    }
    loom_bytes_close(&b);
    if (got < 0)
        err = loom_fail(e, LOOM_ERR_FORMAT, "%s: cannot be unpacked", path);
    else
        loom_sha256(data, n, sum);
    free(data);
    return err;
}

static bool show(void *ctx, const char *line, bool err)
{
    (void)err;
    struct loom_errmsg *last = ctx;
    snprintf(last->text, sizeof(last->text), "%s", line);
    return true;
}

/* Exit statuses of curl: the server cannot go on in the middle, or the file
 * there is no longer than the part that is here. */
enum { CURL_NO_RANGE = 33, CURL_BAD_RESUME = 36 };

/* URL into path, going on where an earlier try ended. */
static int download(const char *url, const char *path, struct loom_errmsg *e)
{
    struct loom_errmsg last = {""};
    const char *argv[] = {"curl",
                          "--fail",
                          "--location",
                          "--silent",
                          "--show-error",
                          "--connect-timeout",
                          "20",
                          "--speed-time",
                          "60",
                          "--speed-limit",
                          "1",
                          "--continue-at",
                          "-",
                          "--output",
                          path,
                          url,
                          NULL};
    struct loom_tool t = {
        .argv = argv, .cancel = flow_interrupts(), .line = show, .ctx = &last};
    int status = loom_tool_run(&t, e);
    if (status == CURL_NO_RANGE || status == CURL_BAD_RESUME) {
        unlink(path);
        status = loom_tool_run(&t, e);
    }
    if (status <= 0)
        return status;
    return loom_fail(e, LOOM_ERR_IO,
                     "%s: could not be fetched: %s. What has come is kept; the "
                     "same command goes on from there",
                     url, *last.text ? last.text : "curl failed");
}

/* Make path hold what it should; *how says what was needed for it. */
static int fetch_file(const struct item *item, const char *path,
                      const char **how, struct loom_errmsg *e)
{
    char sum[65];
    *how = "there";
    if (!sum_of(path, sum, NULL) && !strcmp(sum, item->sum))
        return 0;
    *how = "fetched";
    char *part = loom_asprintf("%s.part", path);
    int err = 0;
    /* All of it may have come before: then there is nothing to go on with. */
    bool whole = !sum_of(part, sum, NULL) && !strcmp(sum, item->sum);
    if (!whole)
        err = download(item->url, part, e);
    if (!err && !whole)
        err = sum_of(part, sum, e);
    if (!err && strcmp(sum, item->sum)) {
        err = loom_fail(e, LOOM_ERR_FORMAT,
                        "%s: not what it should be: SHA-256 %.16s..., expected "
                        "%.16s...; it was removed",
                        item->url, sum, item->sum);
        unlink(part);
    }
    if (!err && rename(part, path) < 0)
        err = loom_fail(e, LOOM_ERR_IO, "%s: %s", path, strerror(errno));
    free(part);
    return err;
}

/* ---- all of them -------------------------------------------------------- */

/* Where data is kept: --out, the first folder of LOOM_DATA, or the user's. */
static char *data_folder(const struct fetch *f)
{
    const char *list = getenv("LOOM_DATA");
    if (f->folder)
        return loom_strdup(f->folder);
    if (list && *list && *list != ':')
        return loom_asprintf("%.*s", (int)strcspn(list, ":"), list);
    char *store = loom_folder(LOOM_FOLDER_DATA);
    char *folder = loom_asprintf("%s/data", store);
    free(store);
    return folder;
}

static int fetch_all(struct fetch *f, struct loom_errmsg *e)
{
    char *home = data_folder(f);
    char *folder = loom_asprintf("%s/%s", home, f->name);
    int err = loom_file_mkdirs(folder, e);
    for (size_t k = 0; !err && k < f->n; k++) {
        if (strcmp(f->item[k].set, f->name))
            continue;
        const char *how = "";
        char *path = loom_asprintf("%s/%s", folder, f->item[k].file);
        if (!f->json && !f->quiet)
            printf("%s\n", path);
        err = fetch_file(&f->item[k], path, &how, e);
        if (!err)
            json_array_append_new(
                f->files, json_pack("{s:s,s:s,s:s}", "file", path, "sha256",
                                    f->item[k].sum, "how", how));
        free(path);
    }
    free(folder);
    free(home);
    return err;
}

static int run(struct fetch *f)
{
    struct loom_errmsg e = {""};
    f->files = json_array();
    int err = find_items(f, &e);
    if (!err)
        err = fetch_all(f, &e);
    int status = CLI_DONE;
    if (err)
        status = cli_fail(err, &e);
    else if (f->json)
        status = cli_print_json(json_pack("{s:s,s:s,s:O}", "schema",
                                          "bitloom/fetch/1", "name", f->name,
                                          "files", f->files));
    else if (!f->quiet)
        printf("%s: %zu files, as they should be\n", f->name,
               json_array_size(f->files));
    json_decref(f->files);
    for (size_t k = 0; k < f->n; k++) {
        free(f->item[k].set);
        free(f->item[k].file);
        free(f->item[k].sum);
        free(f->item[k].url);
    }
    free(f->item);
    return status;
}

int cmd_fetch(int argc, char **argv)
{
    static const struct option options[] = {
        {"list", required_argument, NULL, 'l'},
        {"out", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct fetch f = {0};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "q", options, NULL)) != -1) {
        switch (c) {
        case 'l':
            f.list = optarg;
            break;
        case 'o':
            f.folder = optarg;
            break;
        case 'j':
            f.json = true;
            break;
        case 'q':
            f.quiet = true;
            break;
        default:
            return cli_usage("fetch", "wrong option");
        }
    }
    if (optind + 1 != argc)
        return cli_usage("fetch", "one NAME is needed");
    f.name = argv[optind];
    return run(&f);
}
