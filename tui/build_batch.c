#include "tui/build_batch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "tui/array_job.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

/* A build's tools took 84 to 622 MB for 1,000 to 17,000 cells; a simulation's
 * compiler more. EBOPs are known at once, and come to about as many cells. */
enum { MB_LEAST = 300, EBOPS_PER_MB = 10, MOST = 4096 };

enum how { HERE, SLURM, PREPARE };

struct batch {
    struct array_job array;
    json_t *plan;
    enum how how;
    int jobs;
    bool points, json, quiet;
    const char *partition, *devices, *out, *store;
    const char **model, **rest; /* [argc], borrowed from argv; NULL-ended */
};

/* ---- the words ----------------------------------------------------------- */

static const struct {
    const char *name;
    bool value;
} known[] = {{"--jobs", true},   {"--partition", true}, {"--device", true},
             {"--store", true},  {"--out", true},       {"-o", true},
             {"--slurm", false}, {"--prepare", false},  {"--points", false},
             {"--json", false},  {"-q", false},         {"--quiet", false},
             {"--clock", true},  {"--levels", true},    {"--effort", true},
             {"--seeds", true},  {"--timeout", true},   {"--data", true},
             {"--board", true},  {"--interface", true}};

/* The option that a word is, and its value: "--jobs 3" or "--jobs=3". -1: no
 * option; *at stays on its last word. */
static int option_at(int argc, char **argv, int *at, const char **value)
{
    const char *word = argv[*at];
    size_t n = strcspn(word, "=");
    *value = NULL;
    for (int k = 0; k < (int)(sizeof(known) / sizeof(*known)); k++)
        if (strlen(known[k].name) == n && !strncmp(word, known[k].name, n)) {
            if (known[k].value)
                *value = word[n]          ? word + n + 1
                         : *at + 1 < argc ? argv[++*at]
                                          : NULL;
            return k;
        }
    return -1;
}

bool build_batch_is(int argc, char **argv)
{
    int models = 0;
    bool several = false;
    for (int at = 1; at < argc; at++) {
        const char *value;
        int k = option_at(argc, argv, &at, &value);
        const char *name = k >= 0 ? known[k].name : "";
        models += k < 0 && argv[at][0] != '-';
        several |= !strcmp(name, "--jobs") || !strcmp(name, "--slurm") ||
                   !strcmp(name, "--prepare") || !strcmp(name, "--points") ||
                   (!strcmp(name, "--device") && value && strchr(value, ','));
    }
    return several || models > 1;
}

/* Take one option; false: it lacks its value, or is out of range. */
static bool take(struct batch *b, const char *name, const char *value,
                 int *n_rest)
{
    const struct {
        const char *name, **to;
    } texts[] = {{"--partition", &b->partition},
                 {"--device", &b->devices},
                 {"--out", &b->out},
                 {"-o", &b->out}};
    for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
        if (!strcmp(name, texts[k].name)) {
            *texts[k].to = value;
            return value != NULL;
        }
    if (!strcmp(name, "--jobs"))
        return value && (b->jobs = atoi(value)) >= 1 && b->jobs <= 1024;
    if (!strcmp(name, "--slurm"))
        b->how = SLURM;
    else if (!strcmp(name, "--prepare"))
        b->how = PREPARE;
    else if (!strcmp(name, "--points"))
        b->points = true;
    else if (!strcmp(name, "--json"))
        b->json = b->quiet = true;
    else if (!strcmp(name, "-q") || !strcmp(name, "--quiet"))
        b->quiet = true;
    else { /* what every build gets */
        if (!value)
            return false;
        if (!strcmp(name, "--store"))
            b->store = value;
        b->rest[(*n_rest)++] = name;
        b->rest[(*n_rest)++] = value;
    }
    return true;
}

static int parse(struct batch *b, int argc, char **argv)
{
    int n_models = 0, n_rest = 0;
    b->model = loom_calloc((size_t)argc + 1, sizeof(*b->model));
    b->rest = loom_calloc(2 * (size_t)argc + 2, sizeof(*b->rest));
    for (int at = 1; at < argc; at++) {
        const char *value, *word = argv[at];
        int k = option_at(argc, argv, &at, &value);
        if (k < 0 && word[0] == '-')
            return cli_usage("build", "%s: wrong option", word);
        if (k < 0)
            b->model[n_models++] = word;
        else if (!take(b, known[k].name, value, &n_rest))
            return cli_usage("build", "%s: a value is missing or wrong", word);
    }
    if (!n_models || !b->out || !b->devices)
        return cli_usage("build", "MODEL, --device DEV and -o DIR are needed");
    if (b->partition && b->how != SLURM)
        return cli_usage("build", "--partition is for --slurm");
    return CLI_DONE;
}

/* ---- the plan ------------------------------------------------------------ */

/* One build's words, checked as `bitloom build` checks them. */
static int add_task(struct batch *b, json_t *all, const char *model,
                    const char *device, int n_device)
{
    json_t *words = json_array();
    char *name = loom_asprintf("%.*s", n_device, device);
    const char *argv[64] = {"build", model, "--device", name, "-o", "-"};
    const char *order[64];
    int n = 6;
    struct flow_arg a;
    for (int k = 0; b->rest[k] && n < 63; k++)
        argv[n++] = b->rest[k];
    memcpy(order, argv, sizeof(order)); /* getopt moves words about */
    int status = flow_arg_parse(n, (char **)(uintptr_t)order, "dcelostx", &a);
    for (int k = 1; k < n && status == CLI_DONE; k++)
        if (k != 4 && k != 5 &&
            json_array_append_new(words, json_string(argv[k])))
            status = cli_usage("build", "%s: expected UTF-8", argv[k]);
    if (status == CLI_DONE && json_array_size(all) >= MOST)
        status = cli_usage("build", "at most %d builds at once", MOST);
    json_array_append_new(all, words);
    free(name);
    return status;
}

/* A model on all devices. */
static int add_model(struct batch *b, json_t *all, const char *model)
{
    int status = CLI_DONE;
    for (const char *d = b->devices; status == CLI_DONE && *d;) {
        int n = (int)strcspn(d, ",");
        status = add_task(b, all, model, d, n);
        d += n + (d[n] == ',');
    }
    return status;
}

/* Every point of a run's front. */
static int add_points(struct batch *b, json_t *all, const char *run)
{
    struct loom_errmsg e = {""};
    struct loom_store_run r;
    struct loom_store_point *p = NULL;
    size_t n = 0;
    int err = 0, status = CLI_DONE;
    struct loom_store *s = loom_store_open(b->store, LOOM_STORE_READ, &err, &e);
    if (s)
        err = loom_store_get(s, run, &r, &e);
    if (s && !err) {
        err = loom_store_points(s, r.id, true, &p, &n, &e);
        for (size_t k = 0; !err && status == CLI_DONE && k < n; k++) {
            char *model = loom_asprintf("%s@%d", r.id, p[k].epoch);
            status = add_model(b, all, model);
            free(model);
        }
        loom_store_run_deinit(&r);
    }
    free(p);
    if (s)
        loom_store_close(s);
    if (!err && !n)
        err = loom_fail(&e, LOOM_ERR_MISSING, "%s: no point on its front", run);
    return err ? cli_fail(err, &e) : status;
}

static int make_plan(struct batch *b)
{
    char cwd[PATH_MAX];
    json_t *all = json_array();
    int status = CLI_DONE;
    if (!getcwd(cwd, sizeof(cwd)))
        snprintf(cwd, sizeof(cwd), "/");
    for (int k = 0; status == CLI_DONE && b->model[k]; k++)
        status = b->points ? add_points(b, all, b->model[k])
                           : add_model(b, all, b->model[k]);
    b->plan = json_pack("{s:s,s:s,s:o}", "schema", "bitloom/builds-plan/1",
                        "folder", cwd, "builds", all);
    if (status == CLI_DONE && !b->plan)
        status = cli_usage("build", "%s: expected UTF-8", cwd);
    return status;
}

/* Write the plan and job.sh, or go on with the same one. */
static int settle(struct batch *b, struct loom_errmsg *e)
{
    int err = loom_file_mkdirs(b->out, e);
    b->array.dir = err ? NULL : realpath(b->out, NULL);
    if (err)
        return err;
    char *path = loom_asprintf("%s/builds.json", b->array.dir);
    json_t *old = json_load_file(path, 0, NULL);
    if (old && !json_equal(old, b->plan))
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: of other builds; choose another folder with -o",
                        path);
    if (!err && !old)
        err = array_write_script(b->array.dir, "build", e);
    if (!err && !old)
        err = array_write_json(path, json_incref(b->plan), e);
    json_decref(old);
    free(path);
    return err;
}

/* What a build of this model should take; 0: not known. */
static int expect_mb(const struct batch *b, const char *model)
{
    struct cli_model m;
    int mb = 0;
    if (cli_model_open(model, b->store, &m, NULL))
        return 0;
    if (m.model) {
        loom_model_prepare(m.model, LOOM_MODE_EVAL);
        mb = MB_LEAST +
             (int)(loom_model_ebops(m.model, 0.0f, NULL) / EBOPS_PER_MB);
    }
    cli_model_close(&m);
    return mb;
}

static void make_tasks(struct batch *b)
{
    const json_t *all = json_object_get(b->plan, "builds");
    struct array_job *j = &b->array;
    j->command = "build";
    j->n = (int)json_array_size(all);
    j->task = loom_calloc((size_t)j->n + 1, sizeof(*j->task));
    for (int k = 0; k < j->n; k++) {
        const json_t *w = json_array_get(all, (size_t)k);
        const char *model = json_string_value(json_array_get(w, 0));
        snprintf(j->task[k].words, sizeof(j->task[k].words), "%.100s %.40s",
                 model, json_string_value(json_array_get(w, 2)));
        if (b->how == HERE && b->jobs > 1)
            j->task[k].mb = expect_mb(b, model);
    }
}

/* ---- the answer ---------------------------------------------------------- */

/* DIR/00K/build.json of a build that is done, else NULL; new reference. */
static json_t *report_of(const struct batch *b, int k)
{
    const struct array_task *t = &b->array.task[k];
    char *path = loom_asprintf("%s/%03d/build.json", b->array.dir, k + 1);
    json_t *o = t->done && !t->status ? json_load_file(path, 0, NULL) : NULL;
    free(path);
    return o;
}

static json_t *to_json(const struct batch *b)
{
    json_t *all = json_array();
    int done = 0, failed = 0;
    for (int k = 0; k < b->array.n; k++) {
        const struct array_task *t = &b->array.task[k];
        json_t *words =
            json_array_get(json_object_get(b->plan, "builds"), (size_t)k);
        json_t *report = report_of(b, k);
        json_array_append_new(all, json_pack("{s:O,s:O,s:s,s:s,s:o}", "model",
                                             json_array_get(words, 0), "device",
                                             json_array_get(words, 2), "state",
                                             !t->done    ? "waiting"
                                             : t->status ? "failed"
                                                         : "done",
                                             "why", t->why, "report",
                                             report ? report : json_null()));
        done += t->done && !t->status;
        failed += t->done && t->status;
    }
    return json_pack("{s:s,s:s,s:i,s:i,s:i,s:o}", "schema", "bitloom/builds/1",
                     "dir", b->array.dir, "builds", b->array.n, "done", done,
                     "failed", failed, "tasks", all);
}

static void print_table(const struct batch *b)
{
    for (int k = 0; k < b->array.n; k++) {
        const struct array_task *t = &b->array.task[k];
        json_t *r = report_of(b, k), *c = json_object_get(r, "cells");
        printf("%03d  %-32s  ", k + 1, t->words);
        if (r)
            printf("%6d LC %6d LUT4 %6d FF %7.1f MHz\n",
                   (int)json_integer_value(json_object_get(c, "lc")),
                   (int)json_integer_value(json_object_get(c, "lut4")),
                   (int)json_integer_value(json_object_get(c, "ff")),
                   json_number_value(json_object_get(r, "fmax_mhz")));
        else
            printf("%s%s\n", t->done ? "failed: " : "waiting", t->why);
        json_decref(r);
    }
}

static int run(struct batch *b)
{
    struct loom_errmsg e = {""};
    int err = settle(b, &e), failed = 0;
    if (err)
        return cli_fail(err, &e);
    make_tasks(b);
    array_forget_failures(&b->array);
    array_take_stock(&b->array, true);
    if (b->how == SLURM)
        err = array_run_slurm(&b->array, b->partition, b->quiet, &e);
    else if (b->how == HERE)
        err = array_run(&b->array, b->jobs, NULL, NULL, b->quiet, &e);
    if (err)
        return cli_fail(err, &e);
    for (int k = 0; k < b->array.n; k++)
        failed += b->array.task[k].status != 0;
    if (b->json)
        cli_print_json(to_json(b));
    else if (!b->quiet)
        print_table(b);
    if (b->how == PREPARE && !b->quiet)
        printf("tasks 1 to %d: sh %s/job.sh NUMBER; then the same command "
               "shows what they made\n",
               b->array.n, b->array.dir);
    return failed ? CLI_FAILED : CLI_DONE;
}

int build_batch(int argc, char **argv)
{
    struct batch b = {.jobs = 1};
    int status = parse(&b, argc, argv);
    if (status == CLI_DONE)
        status = make_plan(&b);
    if (status == CLI_DONE)
        status = run(&b);
    json_decref(b.plan);
    array_deinit(&b.array);
    free(b.model);
    free(b.rest);
    return status;
}

/* ---- one of them --------------------------------------------------------- */

/* cmd_build of the words in the plan, into the task's folder. */
static int build_words(const json_t *words, const char *own)
{
    size_t n = json_array_size(words);
    const char **argv = loom_calloc(n + 6, sizeof(*argv));
    argv[0] = "build";
    for (size_t k = 0; k < n; k++)
        argv[k + 1] = json_string_value(json_array_get(words, k));
    argv[n + 1] = "-o";
    argv[n + 2] = own;
    argv[n + 3] = "-q";
    int status = cmd_build((int)n + 4, (char **)(uintptr_t)argv);
    free(argv);
    return status;
}

static bool is_words(const json_t *words)
{
    size_t n = json_array_size(words);
    for (size_t k = 0; k < n; k++)
        if (!json_is_string(json_array_get(words, k)))
            return false;
    return n > 0;
}

int build_batch_task(int argc, char **argv)
{
    struct loom_errmsg e = {""};
    if (argc != 4)
        return cli_usage("build", "--task DIR NUMBER");
    int k = atoi(argv[3]), err = 0, status = CLI_DONE;
    char *path = loom_asprintf("%s/builds.json", argv[2]);
    char *own = loom_asprintf("%s/%03d", argv[2], k);
    char *end = loom_asprintf("%s/done.json", own);
    json_t *plan = json_load_file(path, 0, NULL);
    const char *folder = array_word(plan, "folder");
    const json_t *words =
        k > 0 ? json_array_get(json_object_get(plan, "builds"), (size_t)k - 1)
              : NULL;
    if (!is_words(words))
        err = loom_fail(&e, LOOM_ERR_ARG, "%s: there is no build %d", path, k);
    else if (access(end, F_OK)) {
        err = array_redirect(own, &e);
        if (!err && chdir(folder))
            err = loom_fail(&e, LOOM_ERR_IO, "%s: %s", folder, strerror(errno));
        if (!err)
            status = build_words(words, own);
        if (!err && status != CLI_INTERRUPTED)
            status = array_end_task(own, "", status);
    }
    json_decref(plan);
    free(path);
    free(own);
    free(end);
    return err ? cli_fail(err, &e) : status;
}
