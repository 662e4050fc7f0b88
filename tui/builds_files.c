#include "tui/builds_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/mem.h"

enum { MOST_LOG = 8 << 20, AGAIN_S = 1 };

const char *builds_log_name(enum builds_log l)
{
    static const char *const names[BUILDS_LOGS] = {"verify.log", "yosys.log",
                                                   "nextpnr.log"};
    return names[l];
}

/* ---- the report ---- */

static void copy(char *out, size_t n, const json_t *j, const char *name)
{
    const char *s = json_string_value(json_object_get(j, name));
    snprintf(out, n, "%s", s ? s : "");
}

static int number(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_number(v) ? (int)json_number_value(v) : -1;
}

/* Where a step is: in the network's own names where it has one. */
static void read_step(struct builds_files *f, const json_t *s)
{
    char layer[40], cell[64];
    int k = f->n_steps++, output = number(s, "output");
    copy(f->step[k].type, sizeof f->step[k].type, s, "type");
    copy(layer, sizeof layer, s, "layer");
    copy(cell, sizeof cell, s, "cell");
    f->step[k].ns = json_number_value(json_object_get(s, "delay_ns"));
    if (layer[0] && output >= 0)
        snprintf(f->step[k].where, sizeof f->step[k].where, "%s output %d",
                 layer, output);
    else
        snprintf(f->step[k].where, sizeof f->step[k].where, "%s",
                 layer[0] ? layer : cell);
}

static void read_layer(struct builds_files *f, const json_t *l)
{
    const json_t *cells = json_object_get(l, "cells");
    int k = f->n_layers++;
    copy(f->layer[k].name, sizeof f->layer[k].name, l, "name");
    f->layer[k].lut4 = number(cells, "lut4");
    f->layer[k].carry = number(cells, "carry");
    f->layer[k].ff = number(cells, "ff");
    f->layer[k].predicted_lc = number(json_object_get(l, "predicted"), "lc");
}

static void read_slack(struct builds_files *f, const json_t *s)
{
    const json_t *counts = json_object_get(s, "counts"), *v;
    size_t i;
    json_array_foreach(counts, i, v)
    {
        if (f->n_slacks < BUILDS_SLACKS)
            f->slack[f->n_slacks++] = (float)json_number_value(v);
    }
    f->endpoints = number(s, "endpoints");
    f->failing = number(s, "failing");
    f->least_ns = json_number_value(json_object_get(s, "least_ns"));
    f->bin_ns = json_number_value(json_object_get(s, "bin_ns"));
}

static void read_report(struct builds_files *f, const char *dir)
{
    char *path = loom_asprintf("%s/build.json", dir);
    json_t *j = json_load_file(path, 0, NULL), *v;
    size_t i;
    read_slack(f, json_object_get(j, "slack"));
    json_array_foreach(json_object_get(j, "critical_path"), i, v)
    {
        if (f->n_steps < BUILDS_STEPS)
            read_step(f, v);
    }
    json_array_foreach(json_object_get(j, "layers"), i, v)
    {
        if (f->n_layers < BUILDS_LAYERS)
            read_layer(f, v);
    }
    json_array_foreach(json_object_get(j, "seeds"), i, v)
    {
        const json_t *mhz = json_object_get(v, "fmax_mhz");
        if (f->n_seeds == BUILDS_SEEDS)
            break;
        f->seed[f->n_seeds].seed = number(v, "seed");
        f->seed[f->n_seeds++].fmax_mhz =
            json_is_number(mhz) ? json_number_value(mhz) : -1;
    }
    f->best_seed = number(j, "best_seed");
    json_decref(j);
    free(path);
}

/* ---- the log ---- */

/* The file's end, of at most MOST_LOG bytes; NULL: there is none. */
static char *read_end(const char *path, size_t *n, bool *cut)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    *cut = st.st_size > MOST_LOG;
    size_t want = *cut ? MOST_LOG : (size_t)st.st_size;
    char *text = loom_malloc(want + 1);
    ssize_t got = 1;
    for (*n = 0; *n < want && got > 0; *n += got > 0 ? (size_t)got : 0)
        got = pread(fd, text + *n, want - *n,
                    st.st_size - (off_t)want + (off_t)*n);
    close(fd);
    text[*n] = 0;
    return text;
}

static void split(struct builds_files *f, size_t n)
{
    size_t room = 0;
    for (size_t at = 0; at < n;) {
        char *end = memchr(f->text + at, '\n', n - at);
        if (f->n_lines == room) {
            room = room ? 2 * room : 256;
            f->line = loom_realloc(f->line, room * sizeof *f->line);
        }
        f->line[f->n_lines++] = at;
        at = end ? (size_t)(end - f->text) + 1 : n;
        if (end)
            *end = 0;
    }
}

static void match(struct builds_files *f)
{
    int err;
    PCRE2_SIZE where;
    pcre2_code *code = pcre2_compile(
        (PCRE2_SPTR)f->of.pattern, PCRE2_ZERO_TERMINATED,
        PCRE2_CASELESS | PCRE2_MATCH_INVALID_UTF, &err, &where, NULL);
    if (!code) {
        char why[80];
        pcre2_get_error_message(err, (PCRE2_UCHAR *)why, sizeof why);
        snprintf(f->wrong, sizeof f->wrong, "at %zu: %s", (size_t)where, why);
        return;
    }
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    f->match = loom_malloc((f->n_lines + 1) * sizeof *f->match);
    for (size_t i = 0; i < f->n_lines; i++)
        if (pcre2_match(code, (PCRE2_SPTR)(f->text + f->line[i]),
                        PCRE2_ZERO_TERMINATED, 0, 0, data, NULL) >= 0)
            f->match[f->n_matches++] = i;
    pcre2_match_data_free(data);
    pcre2_code_free(code);
}

struct builds_files *builds_files_read(const struct builds_wanted *w)
{
    struct builds_files *f = loom_calloc(1, sizeof *f);
    size_t n = 0;
    f->of = *w;
    f->best_seed = -1;
    read_report(f, w->dir);
    char *path = loom_asprintf("%s/%s", w->dir, builds_log_name(w->log));
    f->text = read_end(path, &n, &f->cut);
    if (f->text)
        split(f, n);
    if (w->pattern[0])
        match(f);
    free(path);
    return f;
}

void builds_files_free(struct builds_files *f)
{
    if (!f)
        return;
    free(f->text);
    free(f->line);
    free(f->match);
    free(f);
}

/* ---- the thread ---- */

struct builds_reader {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock. */
    bool stop;
    struct builds_wanted wanted;
    struct builds_files *made; /* to be taken */
    /* The thread's own: what it read last, and its files' sizes and times. */
    struct builds_wanted read;
    struct timespec changed[2];
    off_t size[2];
};

static bool same(const struct builds_wanted *a, const struct builds_wanted *b)
{
    return !strcmp(a->dir, b->dir) && a->log == b->log && a->live == b->live &&
           !strcmp(a->pattern, b->pattern);
}

/* The report or the log is not what it was at the last look. */
static bool has_changed(struct builds_reader *r, const struct builds_wanted *w)
{
    const char *const names[] = {"build.json", builds_log_name(w->log)};
    bool any = false;
    for (int k = 0; k < 2; k++) {
        struct stat st = {0};
        char *path = loom_asprintf("%s/%s", w->dir, names[k]);
        if (stat(path, &st) != 0)
            memset(&st, 0, sizeof st);
        any |= st.st_size != r->size[k] ||
               st.st_mtim.tv_sec != r->changed[k].tv_sec ||
               st.st_mtim.tv_nsec != r->changed[k].tv_nsec;
        r->size[k] = st.st_size;
        r->changed[k] = st.st_mtim;
        free(path);
    }
    return any;
}

static void read_wanted(struct builds_reader *r, const struct builds_wanted *w)
{
    bool changed = has_changed(r, w);
    if (!changed && same(w, &r->read))
        return;
    struct builds_files *f = builds_files_read(w);
    r->read = *w;
    pthread_mutex_lock(&r->lock);
    builds_files_free(r->made);
    r->made = f;
    if (eventfd_write(r->fd, 1) < 0)
        r->read.dir[0] = 0; /* cannot be; then it is read again */
    pthread_mutex_unlock(&r->lock);
}

static void *reader_main(void *arg)
{
    struct builds_reader *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct builds_wanted w = r->wanted;
        if (!w.dir[0]) {
            pthread_cond_wait(&r->wake, &r->lock);
            continue;
        }
        pthread_mutex_unlock(&r->lock);
        read_wanted(r, &w);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += AGAIN_S;
        pthread_mutex_lock(&r->lock);
        int rc = 0;
        while (!r->stop && !rc && same(&w, &r->wanted))
            rc = w.live ? pthread_cond_timedwait(&r->wake, &r->lock, &until)
                        : pthread_cond_wait(&r->wake, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct builds_reader *builds_reader_new(struct loom_errmsg *e)
{
    struct builds_reader *r = loom_calloc(1, sizeof *r);
    sigset_t all, old;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, NULL);
    r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = r->fd < 0 ? 1 : pthread_create(&r->thread, NULL, reader_main, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!rc)
        return r;
    if (r->fd >= 0)
        close(r->fd);
    free(r);
    loom_fail(e, LOOM_ERR_NOMEM, "no thread to read builds");
    return NULL;
}

void builds_reader_free(struct builds_reader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    builds_files_free(r->made);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->wake);
    close(r->fd);
    free(r);
}

void builds_reader_want(struct builds_reader *r, const struct builds_wanted *w)
{
    pthread_mutex_lock(&r->lock);
    if (!same(&r->wanted, w)) {
        r->wanted = *w;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
}

int builds_reader_fd(const struct builds_reader *r)
{
    return r->fd;
}

struct builds_files *builds_reader_take(struct builds_reader *r)
{
    uint64_t n;
    pthread_mutex_lock(&r->lock);
    if (eventfd_read(r->fd, &n) < 0)
        n = 0; /* nothing new */
    struct builds_files *f = r->made;
    r->made = NULL;
    pthread_mutex_unlock(&r->lock);
    return f;
}
