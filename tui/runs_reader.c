#include "tui/runs_reader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/mem.h"

struct wanted {
    bool look;
    char cursor[LOOM_RUN_ID];
    char id[RUNS_WANTED][LOOM_RUN_ID];
    int n;
};

struct job {
    char id[LOOM_RUN_ID]; /* "": none */
    char *tags, *note;    /* NULL: keep */
};

struct runs_reader {
    char *dir; /* NULL: the default */
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;

    /* Under the lock. */
    bool stop;
    struct wanted wanted;
    int wanted_serial;
    struct job job;
    enum runs_state state; /* of what is to be taken */
    struct loom_errmsg failure, write_failure;
    struct runs_data *data;
    struct runs_more *more;
    bool new_state;

    /* The thread's own. */
    struct loom_store *store;
    int64_t version;
    bool read_once;
    int served; /* serial of the wanted that `more` answered */
    struct runs_spark *cache;
    int n_cache;
    struct timespec next; /* not before this to the store again */
};

static struct timespec after_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec ||
           (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Publish, under the lock: news for the screen. */
static void publish(struct runs_reader *r)
{
    uint64_t one = 1;
    if (write(r->fd, &one, sizeof one) < 0)
        return; /* it is readable already */
}

static void say(struct runs_reader *r, enum runs_state state,
                const struct loom_errmsg *e)
{
    pthread_mutex_lock(&r->lock);
    bool same = r->state == state && (!e || !strcmp(e->text, r->failure.text));
    r->state = state;
    if (e)
        r->failure = *e;
    r->new_state |= !same;
    if (!same)
        publish(r);
    pthread_mutex_unlock(&r->lock);
}

/* ---- reading ---- */

static bool open_store(struct runs_reader *r)
{
    int err = 0;
    struct loom_errmsg e = {""};
    if (!r->store)
        r->store = loom_store_open(r->dir, LOOM_STORE_READ, &err, &e);
    if (!r->store)
        say(r, err == LOOM_ERR_MISSING ? RUNS_NO_STORE : RUNS_ERROR, &e);
    return r->store != NULL;
}

static void fail(struct runs_reader *r, const struct loom_errmsg *e)
{
    say(r, RUNS_ERROR, e);
    loom_store_close(r->store); /* and try anew */
    r->store = NULL;
    r->read_once = false;
}

/* All runs, if somebody wrote since the last time. */
static bool read_list(struct runs_reader *r)
{
    struct loom_errmsg e = {""};
    int64_t version = 0;
    int err = loom_store_version(r->store, &version, &e);
    if (!err && r->read_once && version == r->version)
        return true;
    struct runs_data *d = err ? NULL : runs_data_read(r->store, NULL, &err, &e);
    if (!d) {
        fail(r, &e);
        return false;
    }
    r->version = version;
    r->read_once = true;
    r->n_cache = 0;
    r->served = -1;
    pthread_mutex_lock(&r->lock);
    runs_data_free(r->data);
    r->data = d;
    r->state = RUNS_READY;
    r->new_state = true;
    publish(r);
    pthread_mutex_unlock(&r->lock);
    return true;
}

static struct runs_spark *spark_of(struct runs_reader *r, const char *id)
{
    for (int i = 0; i < r->n_cache; i++)
        if (!strcmp(r->cache[i].id, id))
            return &r->cache[i];
    struct loom_store_epoch *rows;
    size_t n;
    struct loom_errmsg e;
    if (loom_store_epochs(r->store, id, &rows, &n, &e))
        return NULL;
    if (r->n_cache == 2 * RUNS_WANTED)
        r->n_cache = 0;
    struct runs_spark *s = &r->cache[r->n_cache++];
    snprintf(s->id, sizeof s->id, "%s", id);
    runs_make_spark(s, rows, n);
    free(rows);
    return s;
}

static struct runs_more *read_more(struct runs_reader *r,
                                   const struct wanted *w)
{
    struct loom_errmsg e;
    struct runs_more *m = loom_calloc(1, sizeof *m);
    m->spark = loom_calloc(RUNS_WANTED, sizeof *m->spark);
    for (int i = 0; i < w->n; i++) {
        const struct runs_spark *s = spark_of(r, w->id[i]);
        if (s)
            m->spark[m->n_sparks++] = *s;
    }
    if (w->cursor[0] &&
        !loom_store_epochs(r->store, w->cursor, &m->epoch, &m->n_epochs, &e) &&
        !loom_store_points(r->store, w->cursor, true, &m->point, &m->n_points,
                           &e) &&
        !loom_store_builds(r->store, w->cursor, &m->build, &m->n_builds, &e))
        memcpy(m->id, w->cursor, sizeof m->id);
    return m;
}

/* ---- the thread ---- */

static void do_job(struct runs_reader *r, struct job *j)
{
    struct loom_errmsg e = {""};
    int err = open_store(r) ? 0 : LOOM_ERR_MISSING;
    if (!err && j->tags)
        err = loom_store_set_tags(r->store, j->id, j->tags, &e);
    if (!err && j->note)
        err = loom_store_set_note(r->store, j->id, j->note, &e);
    free(j->tags);
    free(j->note);
    r->read_once = false; /* own writes do not change the version */
    r->next = after_ms(0);
    if (err) {
        pthread_mutex_lock(&r->lock);
        r->write_failure = e;
        publish(r);
        pthread_mutex_unlock(&r->lock);
    }
}

/* Under the lock: wait until there is something to do; false: end. */
static bool wait_for_work(struct runs_reader *r)
{
    for (;;) {
        struct timespec now = after_ms(0);
        if (r->stop)
            return false;
        if (r->job.id[0] || (r->wanted.look && (r->served != r->wanted_serial ||
                                                !before(&now, &r->next))))
            return true;
        if (r->wanted.look)
            pthread_cond_timedwait(&r->wake, &r->lock, &r->next);
        else
            pthread_cond_wait(&r->wake, &r->lock);
    }
}

static void serve(struct runs_reader *r, const struct wanted *w, int serial)
{
    struct timespec start = after_ms(0);
    if (!before(&start, &r->next)) {
        bool fine = open_store(r) && read_list(r);
        struct timespec end = after_ms(0);
        long took = (end.tv_sec - start.tv_sec) * 1000 +
                    (end.tv_nsec - start.tv_nsec) / 1000000;
        r->next = after_ms(fine && took * 10 > 1000 ? took * 10 : 1000);
    }
    if (r->store && r->served != serial) {
        struct runs_more *m = read_more(r, w);
        pthread_mutex_lock(&r->lock);
        runs_more_free(r->more);
        r->more = m;
        publish(r);
        pthread_mutex_unlock(&r->lock);
    }
    r->served = serial;
}

static void *run(void *ud)
{
    struct runs_reader *r = ud;
    pthread_mutex_lock(&r->lock);
    while (wait_for_work(r)) {
        struct wanted w = r->wanted;
        struct job j = r->job;
        int serial = r->wanted_serial;
        r->job = (struct job){.id = ""};
        pthread_mutex_unlock(&r->lock);
        if (j.id[0])
            do_job(r, &j);
        if (w.look)
            serve(r, &w, serial);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- the screen's side ---- */

struct runs_reader *runs_reader_new(const char *dir, struct loom_errmsg *e)
{
    struct runs_reader *r = loom_calloc(1, sizeof *r);
    pthread_condattr_t attr;
    r->dir = dir ? loom_strdup(dir) : NULL;
    r->cache = loom_calloc(2 * RUNS_WANTED, sizeof *r->cache);
    r->served = -1;
    r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (r->fd >= 0 && pthread_create(&r->thread, NULL, run, r) == 0)
        return r;
    loom_fail(e, LOOM_ERR_IO, "the runs cannot be read: no thread left");
    if (r->fd >= 0)
        close(r->fd);
    free(r->cache);
    free(r->dir);
    free(r);
    return NULL;
}

void runs_reader_free(struct runs_reader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    loom_store_close(r->store);
    runs_data_free(r->data);
    runs_more_free(r->more);
    free(r->job.tags);
    free(r->job.note);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    close(r->fd);
    free(r->cache);
    free(r->dir);
    free(r);
}

static bool same_wish(const struct wanted *w, bool look, const char *cursor,
                      const char (*id)[LOOM_RUN_ID], int n)
{
    if (w->look != look || w->n != n || strcmp(w->cursor, cursor) != 0)
        return false;
    for (int i = 0; i < n; i++)
        if (strcmp(w->id[i], id[i]) != 0)
            return false;
    return true;
}

void runs_reader_want(struct runs_reader *r, bool look, const char *cursor,
                      const char (*id)[LOOM_RUN_ID], int n)
{
    n = n < RUNS_WANTED ? n : RUNS_WANTED;
    pthread_mutex_lock(&r->lock);
    if (!same_wish(&r->wanted, look, cursor, id, n)) {
        r->wanted.look = look;
        r->wanted.n = n;
        snprintf(r->wanted.cursor, sizeof r->wanted.cursor, "%s", cursor);
        for (int i = 0; i < n; i++)
            memcpy(r->wanted.id[i], id[i], sizeof r->wanted.id[i]);
        r->wanted_serial++;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
}

int runs_reader_fd(const struct runs_reader *r)
{
    return r->fd;
}

void runs_reader_take(struct runs_reader *r, struct runs_list *l,
                      struct loom_errmsg *e)
{
    uint64_t n;
    pthread_mutex_lock(&r->lock);
    if (read(r->fd, &n, sizeof n) < 0)
        n = 0; /* nothing new: what follows does nothing */
    struct runs_data *data = r->data;
    struct runs_more *more = r->more;
    r->data = NULL;
    r->more = NULL;
    *e = r->write_failure;
    r->write_failure.text[0] = 0;
    if (r->new_state) {
        l->state = r->state;
        l->error = r->failure;
    }
    r->new_state = false;
    pthread_mutex_unlock(&r->lock);
    if (data)
        runs_list_set_data(l, data);
    if (more)
        runs_list_set_more(l, more);
}

bool runs_reader_write(void *ud, const char *id, const char *tags,
                       const char *note)
{
    struct runs_reader *r = ud;
    pthread_mutex_lock(&r->lock);
    bool free_now = !r->job.id[0];
    if (free_now) {
        snprintf(r->job.id, sizeof r->job.id, "%s", id);
        r->job.tags = tags ? loom_strdup(tags) : NULL;
        r->job.note = note ? loom_strdup(note) : NULL;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
    return free_now;
}
