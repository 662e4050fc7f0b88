/* The session's builds: the best point of the front, frozen, handed to the
 * FPGA floor on a thread of its own; one runs at a time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

enum { MAX_VECTORS = 10000 };

static void destroy(struct session_build *b)
{
    if (b->started && !b->ended)
        pthread_join(b->thread, NULL);
    loom_build_destroy(b->build);
    loom_exact_destroy(b->net);
    free(b->vectors);
    free(b);
}

/* The test rows as the network's input ports see them. */
static int make_vectors(struct loom_session *s, struct session_build *b,
                        size_t *n, struct loom_errmsg *e)
{
    const struct loom_rows *t = &s->data->part[LOOM_TEST];
    *n = t->rows < MAX_VECTORS ? t->rows : MAX_VECTORS;
    b->vectors = loom_calloc(*n * b->net->in_size + 1, sizeof(int64_t));
    return *n ? loom_exact_quantize(b->net, t->x, *n, b->vectors, e) : 0;
}

static struct session_build *make(struct loom_session *s,
                                  const struct loom_device *device,
                                  const struct loom_pareto_point *p,
                                  struct loom_exact *take_net,
                                  struct loom_errmsg *e)
{
    struct session_build *b = loom_calloc(1, sizeof(*b));
    size_t n = 0;
    char *dir =
        loom_asprintf("%s/build-%05d-%s", s->dir, p->epoch, device->shorthand);
    b->net = take_net;
    if (!make_vectors(s, b, &n, e)) {
        struct loom_build_conf conf = {
            .net = b->net,
            .vectors = b->vectors,
            .n_vectors = n,
            .name = s->run,
            .device = device->name,
            .dir = dir,
        };
        b->build = loom_build_new(&conf, e);
    }
    if (b->build) {
        struct loom_store_build row = {.epoch = p->epoch, .dir = dir};
        struct loom_errmsg ignored;
        snprintf(row.run, sizeof(row.run), "%s", s->run);
        snprintf(row.device, sizeof(row.device), "%s", device->name);
        if (!loom_store_add_build(s->store, &row, &ignored))
            b->row = row.id;
    } else {
        destroy(b);
        b = NULL;
    }
    free(dir);
    return b;
}

/* Room for one more in front: the oldest that ended leaves. */
static bool make_room(struct loom_session *s)
{
    if (s->n_builds < LOOM_VIEW_BUILDS)
        return true;
    for (int k = s->n_builds - 1; k >= 0; k--)
        if (s->build[k]->ended) {
            destroy(s->build[k]);
            memmove(&s->build[k], &s->build[k + 1],
                    (size_t)(s->n_builds - k - 1) * sizeof(s->build[0]));
            s->n_builds--;
            return true;
        }
    return false;
}

static bool can_build(struct loom_session *s)
{
    if (!s->trainer || !loom_trainer_front(s->trainer)->n)
        loom_session_log(s, LOOM_LOG_WARN,
                         "nothing to build yet: the front is empty until the "
                         "first epoch is done");
    else if (!make_room(s))
        loom_session_log(s, LOOM_LOG_WARN, "%d builds wait already",
                         LOOM_VIEW_BUILDS);
    else
        return true;
    return false;
}

/* A prediction this far beyond the device is not worth minutes of synthesis;
 * frees the network then. */
static bool hopeless(const struct loom_device *device,
                     struct loom_choice *choice, struct loom_errmsg *e)
{
    if (choice->predicted_lc < 2 * device->lc)
        return false;
    loom_fail(e, LOOM_ERR_FIT,
              "nothing on the front comes near %s: ~%d of %d LC; train on, or "
              "raise beta",
              device->shorthand, choice->predicted_lc, device->lc);
    loom_exact_destroy(choice->net);
    choice->net = NULL;
    return true;
}

void loom_session_build(struct loom_session *s, const char *name)
{
    const char *device = name[0] ? name : s->view.device;
    if (!can_build(s))
        return;
    if (loom_device_find(device))
        loom_session_choose(s, loom_device_find(device));
    else
        loom_session_log(s, LOOM_LOG_ERROR,
                         "build: there is no device \"%s\"", device);
}

void loom_session_build_point(struct loom_session *s,
                              const struct loom_device *device,
                              const struct loom_pareto_point *p,
                              struct loom_choice *choice)
{
    struct loom_errmsg e = {""};
    struct session_build *b = NULL;
    if (!can_build(s))
        loom_exact_destroy(choice->net);
    else if (!hopeless(device, choice, &e))
        b = make(s, device, p, choice->net, &e);
    if (!b) {
        if (e.text[0])
            loom_session_log(s, LOOM_LOG_ERROR, "build: %s", e.text);
        return;
    }
    snprintf(s->view.device, sizeof(s->view.device), "%s", device->shorthand);
    b->id = ++s->last_build_id;
    memmove(&s->build[1], &s->build[0],
            (size_t)s->n_builds * sizeof(s->build[0]));
    s->build[0] = b;
    s->n_builds++;
    loom_session_log(s, choice->fits ? LOOM_LOG_INFO : LOOM_LOG_WARN,
                     "build %d: epoch %d, %s %.5g, %.0f EBOPs, %s %s: ~%d of "
                     "%d LC",
                     b->id, p->epoch, s->view.train.metric, p->metric, p->ebops,
                     choice->fits ? "the best that should fit"
                                  : "the closest, though too large for",
                     device->shorthand, choice->predicted_lc, device->lc);
}

void loom_session_cancel_build(struct loom_session *s, int id)
{
    for (int k = 0; k < s->n_builds; k++)
        if (!s->build[k]->ended && (!id || s->build[k]->id == id)) {
            loom_build_cancel(s->build[k]->build);
            if (id)
                return;
        }
}

static void *build_main(void *arg)
{
    struct session_build *b = arg;
    struct loom_errmsg e = {""}; /* the view carries the sentence too */
    loom_build_run(b->build, &e);
    atomic_store(&b->finished, true);
    return NULL;
}

static void launch(struct loom_session *s, struct session_build *b)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&b->thread, NULL, build_main, b);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    b->started = !err;
    if (err) {
        b->ended = true;
        loom_session_log(s, LOOM_LOG_ERROR, "build %d: no thread: %s", b->id,
                         strerror(err));
    }
}

static void report_end(struct loom_session *s, const struct loom_build_view *v)
{
    if (v->state != LOOM_BUILD_DONE) {
        loom_session_log(s,
                         v->state == LOOM_BUILD_CANCELLED ? LOOM_LOG_WARN
                                                          : LOOM_LOG_ERROR,
                         "build %d: %.160s", v->id, v->error);
        return;
    }
    loom_session_log(s, LOOM_LOG_GOOD,
                     "build %d: %d LUT4, %d carry, %d FF, %d LC, %.1f MHz; %ld "
                     "of %ld vectors exact",
                     v->id, v->lut4, v->carry, v->ff, v->lc,
                     (double)v->fmax_mhz, v->vectors - v->mismatches,
                     v->vectors);
    loom_session_log(s, LOOM_LOG_GOOD, "build %d: %.170s", v->id, v->bitstream);
}

static void collect(struct loom_session *s, struct session_build *b,
                    const struct loom_build_view *v)
{
    struct loom_errmsg ignored;
    char *text = NULL;
    pthread_join(b->thread, NULL);
    b->ended = true;
    report_end(s, v);
    if (v->state == LOOM_BUILD_DONE) {
        json_t *j = loom_build_report(b->build);
        text = json_dumps(j, JSON_COMPACT);
        json_decref(j);
    }
    if (b->row)
        loom_store_end_build(s->store, b->row,
                             v->state == LOOM_BUILD_DONE        ? "done"
                             : v->state == LOOM_BUILD_CANCELLED ? "cancelled"
                                                                : "failed",
                             text ? text : "", &ignored);
    free(text);
}

bool loom_session_tend_builds(struct loom_session *s)
{
    bool choosing = loom_session_tend_choice(s), running = false;
    /* Oldest first: they were asked for first. */
    for (int k = s->n_builds - 1; k >= 0; k--) {
        struct session_build *b = s->build[k];
        struct loom_build_view *v = &s->view.build[k];
        bool finished = atomic_load(&b->finished);
        loom_build_look(b->build, v);
        v->id = b->id;
        if (b->started && !b->ended && finished)
            collect(s, b, v);
        if (!b->started && !b->ended && !running)
            launch(s, b);
        running |= b->started && !b->ended;
    }
    s->view.n_builds = s->n_builds;
    return running || choosing;
}

void loom_session_end_builds(struct loom_session *s)
{
    loom_session_drop_choice(s);
    for (int k = 0; k < s->n_builds; k++)
        loom_build_cancel(s->build[k]->build);
    for (int k = 0; k < s->n_builds; k++) {
        struct session_build *b = s->build[k];
        struct loom_errmsg ignored;
        if (!b->ended && b->row)
            loom_store_end_build(s->store, b->row, "cancelled", "", &ignored);
        destroy(b);
    }
    s->n_builds = 0;
}
