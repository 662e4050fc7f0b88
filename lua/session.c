#include "lua/session.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

/* Between two views, in seconds, while something goes on. */
static const double VIEW_PERIOD = 0.05;

enum { NICE = 10 };

double loom_session_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- making one -------------------------------------------------------- */

static char *copy(const char *s)
{
    return s ? loom_strdup(s) : NULL;
}

static char **copy_list(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    char **out = loom_calloc(n + 1, sizeof(*out));
    for (size_t k = 0; k < n; k++)
        out[k] = loom_strdup(list[k]);
    return out;
}

static void print_line(void *ud, const char *line)
{
    if (!loom_session_console_print(ud, line))
        loom_session_log(ud, LOOM_LOG_INFO, "%s", line);
}

struct loom_session *loom_session_new(const struct loom_session_conf *conf,
                                      struct loom_errmsg *e)
{
    struct loom_session *s = loom_calloc(1, sizeof(*s));
    pthread_condattr_t attr;
    s->conf = *conf;
    s->script = copy(conf->script);
    s->out = copy(conf->out);
    s->resume = copy(conf->resume);
    s->device = copy(conf->device);
    s->set = copy_list(conf->set);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->arrived, &attr);
    pthread_condattr_destroy(&attr);
    s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->mailbox = loom_mailbox_new(sizeof(struct loom_view), e);
    s->layer.mailbox = loom_mailbox_new(sizeof(struct loom_layer_detail), e);
    s->looked.mailbox = loom_mailbox_new(sizeof(struct loom_data_view), e);
    snprintf(s->view.script, sizeof(s->view.script), "%s",
             s->script ? s->script : "");
    snprintf(s->view.device, sizeof(s->view.device), "%s",
             s->device ? s->device : "hx8k");
    s->view.train.checkpoint_age_s = -1;
    s->view.train.outliers = -1;
    s->host = (struct loom_script_host){
        .ud = s,
        .train = loom_session_train,
        .point = loom_session_point,
        .load = loom_session_load,
        .alive = loom_session_alive,
        .cancel = &s->interrupted,
        .threads = conf->threads,
        .print = print_line,
        .script = s->script,
        .set = (const char *const *)s->set,
        .epochs = conf->epochs,
        .seed = conf->seed,
        .depot = conf->depot,
    };
    s->L = loom_script_new(&s->host);
    if (!s->mailbox || !s->layer.mailbox || !s->looked.mailbox ||
        s->event_fd < 0 || !s->L || loom_session_open_console(s, e)) {
        loom_fail(e, LOOM_ERR_NOMEM, "no memory for a session");
        loom_session_destroy(s);
        return NULL;
    }
    return s;
}

void loom_session_destroy(struct loom_session *s)
{
    if (!s)
        return;
    if (s->has_thread) {
        struct loom_command stop = {.kind = LOOM_CMD_STOP};
        loom_session_interrupt(s);
        loom_session_send(s, &stop);
        pthread_join(s->thread, NULL);
    }
    loom_session_end_builds(s);
    loom_session_drop_forecast(s);
    loom_session_end_run(s);
    if (s->L)
        lua_close(s->L);
    if (s->conf.depot)
        loom_depot_leave(s->conf.depot, &s->host);
    loom_session_close_console(s);
    loom_session_forget_data(s);
    loom_store_close(s->store);
    loom_mailbox_destroy(s->mailbox);
    loom_mailbox_destroy(s->layer.mailbox);
    if (s->event_fd >= 0)
        close(s->event_fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->arrived);
    for (size_t k = 0; s->set && s->set[k]; k++)
        free(s->set[k]);
    free(s->set);
    free(s->script);
    free(s->out);
    free(s->resume);
    free(s->device);
    free(s->dir);
    free(s);
}

/* ---- the view ---------------------------------------------------------- */

void loom_session_tell(struct loom_session *s, enum loom_event_kind kind,
                       const char *checkpoint)
{
    if (!s->conf.event)
        return;
    struct loom_event ev = {
        .kind = kind, .train = &s->view.train, .checkpoint = checkpoint};
    if (kind == LOOM_EVENT_LOG)
        ev.line = &s->view.log[s->view.n_log - 1];
    if (kind == LOOM_EVENT_COLLAPSE || kind == LOOM_EVENT_STOP)
        ev.notice = loom_trainer_notice(s->trainer);
    s->conf.event(s->conf.ud, &ev);
}

void loom_session_log(struct loom_session *s, enum loom_log_level level,
                      const char *fmt, ...)
{
    struct loom_view *v = &s->view;
    uint64_t number = v->n_log ? v->log[v->n_log - 1].number + 1 : 1;
    if (v->n_log == LOOM_VIEW_LOG)
        memmove(&v->log[0], &v->log[1],
                (size_t)(--v->n_log) * sizeof(v->log[0]));
    struct loom_log_line *line = &v->log[v->n_log++];
    *line = (struct loom_log_line){
        .number = number, .time = (int64_t)time(NULL), .level = level};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line->text, sizeof(line->text), fmt, ap);
    va_end(ap);
    loom_session_tell(s, LOOM_EVENT_LOG, NULL);
}

void loom_session_publish(struct loom_session *s, bool at_once)
{
    double t = loom_session_now();
    if (!at_once && t - s->published < VIEW_PERIOD)
        return;
    s->published = t;
    if (s->trainer)
        loom_trainer_look(s->trainer, &s->view.train);
    loom_session_show_layer(s);
    s->view.serial++;
    loom_mailbox_put(s->mailbox, &s->view);
    uint64_t one = 1;
    if (write(s->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        abort(); /* an eventfd of our own cannot fail otherwise */
}

int loom_session_fd(const struct loom_session *s)
{
    return s->event_fd;
}

const struct loom_view *loom_session_look(struct loom_session *s)
{
    uint64_t n;
    if (read(s->event_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        return NULL;
    return loom_mailbox_get(s->mailbox);
}

/* ---- commands ---------------------------------------------------------- */

bool loom_session_send(struct loom_session *s, const struct loom_command *c)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->n_queue < SESSION_QUEUE;
    if (room)
        s->queue[s->n_queue++] = *c;
    pthread_cond_signal(&s->arrived);
    pthread_mutex_unlock(&s->lock);
    return room;
}

void loom_session_interrupt(struct loom_session *s)
{
    atomic_store(&s->interrupted, true);
}

static bool interrupted(const struct loom_session *s)
{
    return atomic_load(&s->interrupted) ||
           (s->conf.interrupted && atomic_load(s->conf.interrupted));
}

/* Take the oldest command; waits up to `seconds` (negative: for ever, 0: not
 * at all) for one. */
static bool take(struct loom_session *s, struct loom_command *c, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long ns = until.tv_nsec + (long)(seconds * 1e9);
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (!s->n_queue && seconds != 0 && rc != ETIMEDOUT)
        rc = seconds < 0
                 ? pthread_cond_wait(&s->arrived, &s->lock)
                 : pthread_cond_timedwait(&s->arrived, &s->lock, &until);
    bool got = s->n_queue > 0;
    if (got) {
        *c = s->queue[0];
        memmove(&s->queue[0], &s->queue[1],
                (size_t)(--s->n_queue) * sizeof(s->queue[0]));
    }
    pthread_mutex_unlock(&s->lock);
    return got;
}

static bool training(const struct loom_session *s)
{
    return s->trainer && !loom_trainer_done(s->trainer);
}

static void pause_training(struct loom_session *s, bool pause)
{
    if (!training(s) || s->paused == pause)
        return;
    s->paused = pause;
    s->view.train.state = pause ? LOOM_TRAIN_PAUSED : LOOM_TRAIN_RUNNING;
    loom_session_log(s, LOOM_LOG_INFO, "%s at epoch %d, batch %d",
                     pause ? "paused" : "goes on", s->view.train.epoch,
                     s->view.train.batch);
}

static void step(struct loom_session *s, bool epoch)
{
    if (training(s) && s->paused)
        s->step = epoch ? STEP_EPOCH : STEP_BATCH;
}

static void save_now(struct loom_session *s)
{
    struct loom_errmsg e;
    if (!s->trainer)
        return;
    if (loom_trainer_save(s->trainer, &e) < 0)
        loom_session_log(s, LOOM_LOG_ERROR, "%s", e.text);
    else
        loom_session_log(s, LOOM_LOG_INFO, "saved %s/last.loom", s->dir);
}

void loom_session_obey(struct loom_session *s, const struct loom_command *c)
{
    switch (c->kind) {
    case LOOM_CMD_PAUSE:
        pause_training(s, true);
        break;
    case LOOM_CMD_RESUME:
        pause_training(s, false);
        break;
    case LOOM_CMD_TOGGLE:
        pause_training(s, !s->paused);
        break;
    case LOOM_CMD_SCALE_BETA:
        loom_session_scale(s, c->value, (double)s->view.train.lr_factor);
        break;
    case LOOM_CMD_SCALE_LR:
        loom_session_scale(s, (double)s->view.train.beta_factor, c->value);
        break;
    case LOOM_CMD_SNAPSHOT:
        save_now(s);
        break;
    case LOOM_CMD_BUILD:
        loom_session_build(s, c->text);
        break;
    case LOOM_CMD_CANCEL_BUILD:
        loom_session_cancel_build(s, (int)c->value);
        break;
    case LOOM_CMD_TARGET:
        loom_session_target(s, c->value);
        break;
    case LOOM_CMD_STEP:
        step(s, c->value > 0);
        break;
    case LOOM_CMD_FREEZE:
        loom_session_freeze(s, c->text);
        break;
    case LOOM_CMD_ROLLBACK:
        loom_session_rollback(s, c->value > 0 ? (int)fmin(c->value, 1e9) : 0);
        break;
    case LOOM_CMD_BRANCH:
        loom_session_branch(s, c->value > 0 ? (int)fmin(c->value, 1e9) : 0);
        break;
    case LOOM_CMD_UNDO:
        loom_session_undo(s);
        break;
    case LOOM_CMD_WATCH_LAYER:
        loom_session_watch_layer(s, &c->watch);
        break;
    case LOOM_CMD_EVAL:
        loom_session_eval(s, c->text);
        break;
    case LOOM_CMD_COMPLETE:
        loom_session_complete(s, c->text, c->value);
        break;
    case LOOM_CMD_FORGET:
        loom_session_forget(s);
        break;
    case LOOM_CMD_WATCH_DATA:
        loom_session_show_data(s, &c->data);
        break;
    case LOOM_CMD_STOP:
        s->stop = true;
        break;
    }
}

/* Look after what goes on beside, and after `waited` seconds of nothing else
 * show it, if asked to: a forecast tells of itself. Returns the seconds to the
 * next time, -1: a command is all there is to wait for. */
static double tend(struct loom_session *s, double waited, bool shown)
{
    static const double build = 0.1, forecast = 0.5;
    bool builds = loom_session_tend_builds(s);
    bool forecasts = loom_session_tend_forecast(s);
    if (shown && waited != forecast)
        loom_session_publish(s, true);
    return builds ? build : forecasts ? forecast : -1;
}

bool loom_session_drain(struct loom_session *s)
{
    struct loom_command c;
    for (double wait = 0;;) {
        bool halted = s->paused && s->step == STEP_NONE;
        wait = tend(s, wait, halted);
        if (interrupted(s))
            s->stop = true;
        if (s->stop)
            return false;
        if (take(s, &c, halted ? wait : 0)) {
            loom_session_obey(s, &c);
            loom_session_publish(s, true);
        } else if (!halted) {
            return true;
        }
    }
}

/* ---- running the script ------------------------------------------------ */

/* Stops a script that computes for long; installed before it starts. A script
 * may catch the error, so from now on there is one at every instruction. */
void loom_session_count(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    struct loom_session *s = *(struct loom_session **)lua_getextraspace(L);
    bool line = s->console.depth > 0 && atomic_load(&s->console.stop);
    if (!s->stop && !line && !interrupted(s))
        return;
    lua_sethook(L, loom_session_count, LUA_MASKCOUNT, 1);
    luaL_error(L, "interrupted");
}

int loom_session_run(struct loom_session *s, struct loom_errmsg *e)
{
    struct loom_train_view *v = &s->view.train;
    v->state = LOOM_TRAIN_LOADING;
    loom_session_publish(s, true);
    lua_sethook(s->L, loom_session_count, LUA_MASKCOUNT, 100000);
    int err = s->conf.again ? loom_session_can_again(s->conf.again, e) : 0;
    if (!err)
        err = loom_script_run(s->L, s->script,
                              s->conf.again ? s->conf.again->script_text : NULL,
                              e);
    if (err == LOOM_ERR_SCRIPT && (s->stop || interrupted(s)))
        err = loom_fail(e, LOOM_ERR_CANCELLED, "interrupted");
    err = loom_session_judge_again(s, err, e);
    if (err) {
        v->state = LOOM_TRAIN_FAILED;
        snprintf(v->error, sizeof(v->error), "%.511s", e->text);
        if (err != LOOM_ERR_CANCELLED)
            loom_session_log(s, LOOM_LOG_ERROR, "%s", e->text);
    } else if (s->trainer) {
        v->state = LOOM_TRAIN_DONE;
        loom_session_tell(s, LOOM_EVENT_DONE, NULL);
    } else {
        v->state = LOOM_TRAIN_EMPTY;
    }
    loom_session_publish(s, true);
    return err;
}

static void *session_main(void *arg)
{
    struct loom_session *s = arg;
    struct loom_errmsg e = {""};
    struct loom_command c;
    double wait = 0;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_setname_np(pthread_self(), "session");
    loom_session_run(s, &e);
    s->paused = false;
    /* Interrupted: a full queue has no room for the command to stop. */
    while (!s->stop && !interrupted(s)) {
        wait = tend(s, wait, true);
        if (take(s, &c, wait))
            loom_session_obey(s, &c);
    }
    return NULL;
}

int loom_session_start(struct loom_session *s, struct loom_errmsg *e)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of a mapped file, see engine/map.h */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&s->thread, NULL, session_main, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        return loom_fail(e, LOOM_ERR_NOMEM, "no thread for the session: %s",
                         strerror(err));
    s->has_thread = true;
    return 0;
}
