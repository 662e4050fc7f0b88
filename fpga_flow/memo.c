#include "fpga_flow/memo.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/sha256.h"

enum { MAX_FILE = 1 << 28, CHUNK = 1 << 16 };

/* Where entries are; NULL: nowhere. */
static char *folder(void)
{
    const char *own = getenv("LOOM_CACHE");
    if (own)
        return *own ? loom_strdup(own) : NULL;
    return loom_folder(LOOM_FOLDER_CACHE);
}

static char *append(char *text, const char *a, const char *b)
{
    char *longer = loom_asprintf("%s%s %s\n", text, a, b);
    free(text);
    return longer;
}

/* The call in words; NULL when an input cannot be read. */
static char *describe(const struct loom_memo *m)
{
    char *text = loom_asprintf("version %s\n", m->version);
    for (int i = 0; m->argv[i]; i++)
        text = append(text, "word", m->argv[i]);
    for (int i = 0; m->in[i]; i++) {
        char *path = loom_asprintf("%s/%s", m->dir, m->in[i]), sha[65];
        void *data = NULL;
        size_t n;
        int err = loom_file_read(path, MAX_FILE, &data, &n, NULL);
        free(path);
        if (err) {
            free(text);
            return NULL;
        }
        loom_sha256(data, n, sha);
        free(data);
        text = append(text, m->in[i], sha);
    }
    return text;
}

void loom_memo_init(struct loom_memo *m)
{
    char key[65], *dir = folder(), *text = dir ? describe(m) : NULL;
    m->entry = NULL;
    if (text) {
        loom_sha256(text, strlen(text), key);
        m->entry = loom_asprintf("%s/%s", dir, key);
    }
    free(text);
    free(dir);
}

void loom_memo_deinit(struct loom_memo *m)
{
    free(m->entry);
    m->entry = NULL;
}

/* ---- one file, packed and back ------------------------------------------ */

static bool pack(const char *from, const char *to)
{
    void *data = NULL;
    size_t n;
    if (loom_file_read(from, MAX_FILE, &data, &n, NULL))
        return false;
    gzFile z = gzopen(to, "wbe1");
    bool good = z && (!n || gzwrite(z, data, (unsigned)n) == (int)n);
    if (z)
        good &= gzclose(z) == Z_OK;
    free(data);
    return good;
}

/* The bytes of a packed file whose checksum is right; else NULL. */
static char *unpack(const char *from, size_t *n)
{
    gzFile z = gzopen(from, "rbe");
    char *data = NULL;
    int got = 1;
    *n = 0;
    while (z && got > 0 && *n < MAX_FILE) {
        data = loom_realloc(data, *n + CHUNK);
        got = gzread(z, data + *n, CHUNK);
        *n += got > 0 ? (size_t)got : 0;
    }
    bool whole = z && got == 0 && !gzdirect(z);
    if (z)
        whole &= gzclose(z) == Z_OK;
    if (whole)
        return data;
    free(data);
    return NULL;
}

bool loom_memo_take(const struct loom_memo *m)
{
    bool all = m->entry && !access(m->entry, R_OK | X_OK);
    for (int i = 0; all && m->out[i]; i++) {
        char *from = loom_asprintf("%s/%s.gz", m->entry, m->out[i]);
        char *to = loom_asprintf("%s/%s", m->dir, m->out[i]);
        size_t n;
        char *data = unpack(from, &n);
        if (!data)
            loom_file_remove_tree(m->entry); /* damaged: it never was */
        all = data && !loom_file_write(to, data, n, NULL);
        free(data);
        free(from);
        free(to);
    }
    if (all)
        utimensat(AT_FDCWD, m->entry, NULL, 0); /* used just now */
    return all;
}

/* ---- keeping ------------------------------------------------------------ */

struct entry {
    char *path;
    time_t used;
    int64_t bytes;
};

static int64_t bytes_in(const char *dir)
{
    int64_t sum = 0;
    struct stat st;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        if (!fstatat(dirfd(d), f->d_name, &st, 0) && S_ISREG(st.st_mode))
            sum += st.st_size;
    if (d)
        closedir(d);
    return sum;
}

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

/* Entries of the folder, and what an ended process has left half made. */
static struct entry *list(const char *dir, size_t *n)
{
    struct entry *e = NULL;
    struct stat st;
    DIR *d = opendir(dir);
    *n = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        if (strlen(f->d_name) < 64 ||
            fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
            !S_ISDIR(st.st_mode))
            continue;
        e = loom_realloc(e, (*n + 1) * sizeof(*e));
        char *path = loom_asprintf("%s/%s", dir, f->d_name);
        e[(*n)++] = (struct entry){path, st.st_mtime, bytes_in(path)};
    }
    if (d)
        closedir(d);
    return e;
}

static void make_room(const char *dir)
{
    size_t n;
    int64_t sum = 0;
    struct entry *e = list(dir, &n);
    if (n)
        qsort(e, n, sizeof(*e), by_use);
    for (size_t i = 0; i < n; i++)
        sum += e[i].bytes;
    for (size_t i = 0; i < n; i++) {
        if (sum > LOOM_MEMO_BYTES && i + 1 < n) {
            loom_file_remove_tree(e[i].path);
            sum -= e[i].bytes;
        }
        free(e[i].path);
    }
    free(e);
}

void loom_memo_keep(const struct loom_memo *m)
{
    if (!m->entry)
        return;
    char *part = loom_asprintf("%s.%ld", m->entry, (long)getpid());
    bool good = !loom_file_mkdirs(part, NULL);
    for (int i = 0; good && m->out[i]; i++) {
        char *from = loom_asprintf("%s/%s", m->dir, m->out[i]);
        char *to = loom_asprintf("%s/%s.gz", part, m->out[i]);
        good = pack(from, to);
        free(from);
        free(to);
    }
    if (!good || rename(part, m->entry))
        loom_file_remove_tree(part);
    free(part);
    char *dir = folder();
    make_room(dir);
    free(dir);
}
