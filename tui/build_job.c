#include "tui/build_job.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tui/flow_arg.h"

struct job {
    struct loom_build *b;
    struct loom_errmsg *e;
    int err;
    atomic_bool done;
};

static void *work(void *arg)
{
    struct job *j = arg;
    j->err = loom_build_run(j->b, j->e);
    atomic_store(&j->done, true);
    return NULL;
}

static void draw_bar(const struct loom_build_view *v)
{
    char bar[21];
    int n = v->fraction < 0 ? 0 : (int)(v->fraction * 20);
    for (int i = 0; i < 20; i++)
        bar[i] = i < n ? '#' : '.';
    bar[20] = 0;
    fprintf(stderr, "\r\033[K%-9s [%s] %5.1f s  %.40s",
            loom_phase_word(v->phase), bar, (double)v->seconds[v->phase],
            v->detail);
}

static void watch(struct job *j, const atomic_bool *interrupted, bool quiet)
{
    bool tty = isatty(STDERR_FILENO), cancelled = false;
    int shown = -1;
    struct timespec tick = {0, 100 * 1000000};
    while (!atomic_load(&j->done)) {
        struct loom_build_view v;
        nanosleep(&tick, NULL);
        if (atomic_load(interrupted) && !cancelled) {
            loom_build_cancel(j->b);
            cancelled = true;
        }
        loom_build_look(j->b, &v);
        if (quiet)
            continue;
        if (tty)
            draw_bar(&v);
        else if (shown != (int)v.phase)
            fprintf(stderr, "%s\n", loom_phase_word(v.phase));
        shown = (int)v.phase;
    }
    if (tty && !quiet)
        fputs("\r\033[K", stderr);
}

int build_job(const struct loom_build_conf *conf, bool quiet,
              struct loom_build_view *view, json_t **report,
              struct loom_errmsg *e)
{
    pthread_t thread;
    struct job j = {.b = loom_build_new(conf, e), .e = e};
    const atomic_bool *interrupted = flow_interrupts();
    if (report)
        *report = NULL;
    if (!j.b)
        return LOOM_ERR_ARG;
    if (pthread_create(&thread, NULL, work, &j)) {
        j.err = loom_fail(e, LOOM_ERR_NOMEM, "no thread can be started");
    } else {
        watch(&j, interrupted, quiet);
        pthread_join(thread, NULL);
    }
    if (view)
        loom_build_look(j.b, view);
    if (report && !j.err)
        *report = loom_build_report(j.b);
    loom_build_destroy(j.b);
    return j.err;
}
