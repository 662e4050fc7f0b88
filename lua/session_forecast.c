/* The cells that the newest point of the front should take, predicted beside
 * the training, by a thread that is forgotten when the session ends first.
 * While the network trains, roughly, which takes some hundredths of a second,
 * and at most a hundredth of the time; when it rests, by making the design,
 * once, which takes seconds. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

enum { PATIENCE = 100 };

/* Freed by whoever of the two is the last. */
struct session_forecast_job {
    atomic_int owners;
    atomic_bool done;
    char *path;
    int epoch;
    const struct loom_device *device;
    bool roughly;
    struct loom_forecast like;
    double seconds; /* of a processor */
    struct loom_forecast result;
};

static void let_go(struct session_forecast_job *j)
{
    if (atomic_fetch_sub(&j->owners, 1) > 1)
        return;
    free(j->path);
    free(j);
}

static void *forecast_main(void *arg)
{
    struct session_forecast_job *j = arg;
    struct loom_errmsg ignored; /* the point may be gone; there is a next one */
    struct timespec t;
    pthread_setname_np(pthread_self(), "forecast");
    loom_forecast_make(j->path, j->epoch, j->device,
                       j->roughly ? &j->like : NULL, &j->result, &ignored);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    j->seconds = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    atomic_store(&j->done, true);
    let_go(j);
    return NULL;
}

static bool launch(struct session_forecast_job *j)
{
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&thread, NULL, forecast_main, j);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!err)
        pthread_detach(thread);
    return !err;
}

static const struct loom_pareto_point *newest(const struct loom_session *s)
{
    const struct loom_pareto *f =
        s->trainer ? loom_trainer_front(s->trainer) : NULL;
    const struct loom_pareto_point *p = NULL;
    for (int k = 0; f && k < f->n; k++)
        if (!p || f->point[k].epoch > p->epoch)
            p = &f->point[k];
    return p;
}

static void begin(struct loom_session *s)
{
    struct session_forecast *f = &s->forecast;
    const struct loom_pareto_point *p = newest(s);
    const struct loom_device *device = loom_device_find(s->view.device);
    bool trains = !s->paused && s->trainer && !loom_trainer_done(s->trainer);
    bool known = p && p->epoch == f->epoch && device == f->device &&
                 (trains || !f->roughly);
    if (!p || !device || known || (trains && loom_session_now() < f->next))
        return;
    struct session_forecast_job *j = loom_calloc(1, sizeof(*j));
    j->path = loom_asprintf("%s/%s", s->dir, p->file);
    j->epoch = f->epoch = p->epoch;
    j->device = f->device = device;
    j->roughly = f->roughly = trains;
    if (!strcmp(f->made.device, device->shorthand))
        j->like = f->made;
    atomic_init(&j->owners, 2);
    atomic_init(&j->done, false);
    f->job = j;
    if (launch(j))
        return;
    let_go(j); /* the thread's part */
    let_go(j);
    f->job = NULL;
}

static void collect(struct loom_session *s)
{
    struct session_forecast *f = &s->forecast;
    if (f->job->result.epoch)
        s->view.forecast = f->job->result;
    if (f->job->result.epoch && !f->job->roughly)
        f->made = f->job->result;
    if (f->job->roughly)
        f->next = loom_session_now() + PATIENCE * f->job->seconds;
    let_go(f->job);
    f->job = NULL;
    loom_session_publish(s, true);
}

bool loom_session_tend_forecast(struct loom_session *s)
{
    struct session_forecast *f = &s->forecast;
    if (!s->conf.forecast)
        return false;
    if (f->job && atomic_load(&f->job->done))
        collect(s);
    if (!f->job)
        begin(s);
    return f->job;
}

void loom_session_drop_forecast(struct loom_session *s)
{
    if (s->forecast.job)
        let_go(s->forecast.job);
    memset(&s->forecast, 0, sizeof(s->forecast));
    memset(&s->view.forecast, 0, sizeof(s->view.forecast));
}
