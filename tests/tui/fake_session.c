/* A session without a script, a model or a thread: what lua/session.h
 * promises, with views that are always the same, so that the real screen can be
 * driven by tests. The script's name picks the view: "running.lua",
 * "building.lua" ...; "ticking.lua" has news a thousand times a second,
 * "crash.lua" dies at the first command, "long.lua" runs until interrupted.
 * Commands are appended to the file that LOOM_FAKE_LOG names. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/mem.h"
#include "lua/session.h"
#include "tests/tui/views.h"

struct loom_session {
    struct loom_session_conf conf;
    struct loom_view view;
    struct loom_layer_watch watch;
    struct loom_layer_detail detail;
    int fd;
    struct loom_console_view lines;
    struct loom_data_view data;
    bool ticking, crash;
    volatile sig_atomic_t interrupted;
};

/* "examples/running.lua" -> "running". */
static void kind_name(const char *script, char name[64])
{
    const char *slash = strrchr(script, '/');
    snprintf(name, 64, "%s", slash ? slash + 1 : script);
    name[strcspn(name, ".")] = 0;
}

struct loom_session *loom_session_new(const struct loom_session_conf *conf,
                                      struct loom_errmsg *e)
{
    char name[64];
    kind_name(conf->script, name);
    if (!strcmp(name, "missing")) {
        loom_fail(e, LOOM_ERR_MISSING, "%s:3: data/muon.npz: no such file",
                  conf->script);
        return NULL;
    }
    struct loom_session *s = loom_calloc(1, sizeof *s);
    s->conf = *conf;
    s->ticking = !strcmp(name, "ticking");
    s->crash = !strcmp(name, "crash");
    enum view_kind kind = VIEW_RUNNING;
    for (int i = 0; i < VIEW_KINDS; i++)
        if (!strcmp(view_names[i], name))
            kind = (enum view_kind)i;
    view_make(kind, &s->view);
    s->fd = s->ticking ? timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)
                       : eventfd(0, EFD_NONBLOCK);
    return s;
}

void loom_session_destroy(struct loom_session *s)
{
    close(s->fd);
    free(s);
}

const struct loom_layer_detail *loom_session_look_layer(struct loom_session *s)
{
    return s->watch.name[0] ? &s->detail : NULL;
}

static void publish(struct loom_session *s)
{
    s->view.serial++;
    if (!s->ticking && eventfd_write(s->fd, 1) < 0)
        abort();
}

int loom_session_start(struct loom_session *s, struct loom_errmsg *e)
{
    (void)e;
    struct itimerspec ms = {{0, 1000000}, {0, 1000000}};
    if (s->ticking)
        timerfd_settime(s->fd, 0, &ms, NULL);
    publish(s);
    return 0;
}

int loom_session_fd(const struct loom_session *s)
{
    return s->fd;
}

const struct loom_view *loom_session_look(struct loom_session *s)
{
    uint64_t n;
    if (read(s->fd, &n, sizeof n) == sizeof n && s->ticking)
        s->view.train.epoch += (int)n;
    return &s->view;
}

const struct loom_console_view *
loom_session_look_console(struct loom_session *s)
{
    return s->lines.n || s->lines.completed > 0 ? &s->lines : NULL;
}

void loom_session_stop_console(struct loom_session *s)
{
    s->lines.busy = false;
}

/* "say TEXT" answers, "act NAME" asks for an action, "loop" never ends; all
 * else is an error. */
static void eval(struct loom_session *s, const char *text)
{
    struct loom_console_view *v = &s->lines;
    if (v->n + 2 > LOOM_CONSOLE_LINES)
        v->n = 0;
    view_line(v, LOOM_CONSOLE_INPUT, text);
    if (!strncmp(text, "say ", 4)) {
        view_line(v, LOOM_CONSOLE_OUTPUT, text + 4);
    } else if (!strncmp(text, "act ", 4)) {
        v->n_actions = 1;
        v->action[0].number++;
        snprintf(v->action[0].text, sizeof v->action[0].text, "%.100s",
                 text + 4);
    } else if (!strcmp(text, "loop")) {
        v->busy = true;
    } else {
        view_line(v, LOOM_CONSOLE_ERROR, "console:1: no such thing");
    }
}

const struct loom_data_view *loom_session_look_data(struct loom_session *s)
{
    return s->data.summary ? &s->data : NULL;
}

static void record(const struct loom_command *c)
{
    const char *path = getenv("LOOM_FAKE_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (f) {
        fprintf(f, "%d %.6g %s\n", (int)c->kind, c->value, c->text);
        fclose(f);
    }
}

bool loom_session_send(struct loom_session *s, const struct loom_command *c)
{
    struct loom_train_view *t = &s->view.train;
    record(c);
    if (s->crash && c->kind != LOOM_CMD_STOP)
        raise(SIGSEGV);
    if (c->kind == LOOM_CMD_TOGGLE)
        t->state = t->state == LOOM_TRAIN_PAUSED ? LOOM_TRAIN_RUNNING
                                                 : LOOM_TRAIN_PAUSED;
    if (c->kind == LOOM_CMD_WATCH_LAYER) {
        s->watch = c->watch;
        view_detail(&s->view, &s->watch, &s->detail);
    }
    if (c->kind == LOOM_CMD_SCALE_BETA) {
        t->beta *= (float)c->value / t->beta_factor;
        t->beta_factor = (float)c->value;
    }
    if (c->kind == LOOM_CMD_WATCH_DATA)
        view_data(true, &c->data, &s->data);
    if (c->kind == LOOM_CMD_EVAL)
        eval(s, c->text);
    if (c->kind == LOOM_CMD_COMPLETE) {
        s->lines.completed = c->value;
        strcpy(s->lines.completion, "loss");
        strcpy(s->lines.choices, "run.loss");
    }
    publish(s);
    return true;
}

void loom_session_interrupt(struct loom_session *s)
{
    s->interrupted = 1;
}

static void emit(struct loom_session *s, enum loom_event_kind kind,
                 const struct loom_log_line *line)
{
    struct loom_event ev = {kind, &s->view.train, "runs/muon-017/ckpt/3.loom",
                            line, NULL};
    if (s->conf.event)
        s->conf.event(s->conf.ud, &ev);
}

int loom_session_run(struct loom_session *s, struct loom_errmsg *e)
{
    struct loom_train_view *t = &s->view.train, all = *t;
    char name[64];
    kind_name(s->conf.script, name);
    bool forever = !strcmp(name, "long");
    int epochs = s->conf.epochs > 0 ? s->conf.epochs : 5;
    t->epochs = epochs;
    emit(s, LOOM_EVENT_START, NULL);
    for (int i = 0; i < epochs || forever; i++) {
        struct timespec pause = {0, 2000000};
        t->epoch = i + 1;
        t->loss = i == 1 ? NAN : all.point[i % 100].loss;
        t->val_metric = all.point[i % 100].val_metric;
        t->samples_per_s = 12345;
        emit(s, LOOM_EVENT_BATCH, NULL);
        emit(s, LOOM_EVENT_EPOCH, NULL);
        if (i == 2)
            emit(s, LOOM_EVENT_PARETO, NULL);
        if (i == 3)
            emit(s, LOOM_EVENT_LOG, &s->view.log[0]);
        if (forever)
            nanosleep(&pause, NULL);
        if (s->interrupted)
            return loom_fail(e, LOOM_ERR_CANCELLED, "interrupted");
    }
    if (!strcmp(name, "failed"))
        return loom_fail(e, LOOM_ERR_NAN, "%s", t->error);
    t->state = LOOM_TRAIN_DONE;
    emit(s, LOOM_EVENT_DONE, NULL);
    return 0;
}
