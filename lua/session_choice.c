/* Which point of the front to build is found beside the training: it makes the
 * designs of one point after the other, which may take a while. Nobody waits
 * for the thread; it is forgotten when the session ends first. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

enum { TRIES = 3 }; /* points leave the front while they are looked at */

/* Freed by whoever of the two is the last. */
struct session_choice {
    atomic_int owners;
    atomic_bool done;
    int n, tries;
    struct loom_pareto_point point[LOOM_PARETO_MAX]; /* best first */
    char *path[LOOM_PARETO_MAX];
    const struct loom_device *device;
    struct loom_choice choice;
    int err;
    struct loom_errmsg e;
};

static void let_go(struct session_choice *c)
{
    if (atomic_fetch_sub(&c->owners, 1) > 1)
        return;
    for (int k = 0; k < c->n; k++)
        free(c->path[k]);
    loom_exact_destroy(c->choice.net);
    free(c);
}

static void *choice_main(void *arg)
{
    struct session_choice *c = arg;
    c->err = loom_choose((const char *const *)c->path, c->n, c->device, 0,
                         &c->choice, &c->e);
    atomic_store(&c->done, true);
    let_go(c);
    return NULL;
}

static bool launch(struct session_choice *c)
{
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&thread, NULL, choice_main, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!err)
        pthread_detach(thread);
    return !err;
}

static void begin(struct loom_session *s, const struct loom_device *device,
                  int tries)
{
    const struct loom_pareto *f = loom_trainer_front(s->trainer);
    struct session_choice *c = loom_calloc(1, sizeof(*c));
    c->device = device;
    c->tries = tries;
    for (c->n = 0; c->n < f->n; c->n++) {
        /* Along the front more cost is a better metric. */
        c->point[c->n] = f->point[f->n - 1 - c->n];
        c->path[c->n] = loom_asprintf("%s/%s", s->dir, c->point[c->n].file);
    }
    atomic_init(&c->owners, 2);
    atomic_init(&c->done, false);
    s->choice = c;
    if (launch(c))
        return;
    loom_session_log(s, LOOM_LOG_ERROR, "build: no thread for it");
    let_go(c); /* the thread's part */
    loom_session_drop_choice(s);
}

void loom_session_choose(struct loom_session *s,
                         const struct loom_device *device)
{
    if (s->choice) {
        loom_session_log(s, LOOM_LOG_WARN,
                         "build: still looking for the point to build");
        return;
    }
    loom_session_log(s, LOOM_LOG_INFO,
                     "build: looking for the best of %d points that should "
                     "fit %s",
                     loom_trainer_front(s->trainer)->n, device->shorthand);
    begin(s, device, TRIES);
}

bool loom_session_tend_choice(struct loom_session *s)
{
    struct session_choice *c = s->choice;
    if (!c || !atomic_load(&c->done))
        return c != NULL;
    s->choice = NULL;
    bool gone = c->err && c->err != LOOM_ERR_RANGE && c->tries > 1;
    if (gone && s->trainer && loom_trainer_front(s->trainer)->n) {
        begin(s, c->device, c->tries - 1);
    } else if (c->err) {
        loom_session_log(s, LOOM_LOG_ERROR, "build: %s", c->e.text);
    } else {
        struct loom_choice choice = c->choice;
        c->choice.net = NULL; /* it goes to the build */
        loom_session_build_point(s, c->device, &c->point[choice.index],
                                 &choice);
    }
    let_go(c);
    return s->choice != NULL;
}

void loom_session_drop_choice(struct loom_session *s)
{
    if (s->choice)
        let_go(s->choice);
    s->choice = NULL;
}
