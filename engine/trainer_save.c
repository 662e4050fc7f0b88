/* Saving a training without stopping it. Between two steps all that a file
 * holds of the trainer is copied into memory that is there from the start; a
 * thread of its own makes the file of the copy. What the disk does meanwhile
 * stops no step. Main invariant: the copy is the thread's while `busy`, else
 * the trainer's. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/trainer_impl.h"

enum { NICE = 10 };

static const char LAST[] = "last.loom";

struct loom_saver {
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of the three below */
    pthread_cond_t wake, idle;
    bool busy, quit;
    /* The copy. Of the model, parameters and their marks are copied; its
     * layers do not change. */
    struct loom_trainer at;
    struct loom_model model;
    struct loom_optimizer optimizer;
    char name[32];
    /* What came of the last one: the trainer's, once it is not busy. */
    int err;
    struct loom_errmsg e;
    bool told; /* the trainer has taken note */
    double begun;
};

/* ---- the folder ---------------------------------------------------------- */

/* The epoch of a point's file, "epoch-00012.loom"; -1: it is none. */
static int epoch_of(const char *name)
{
    int epoch, end = 0;
    if (sscanf(name, "epoch-%d.loom%n", &epoch, &end) != 1 || !end || name[end])
        return -1;
    return epoch;
}

static bool on_front(const struct loom_pareto *f, int epoch)
{
    for (int k = 0; k < f->n; k++)
        if (f->point[k].epoch == epoch)
            return true;
    return false;
}

/* Remove files of points up to `epoch` that are not on this front. */
static void remove_points(const char *dir, const struct loom_pareto *front,
                          int epoch)
{
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && (f = readdir(d))) {
        int of = epoch_of(f->d_name);
        if (of >= 0 && of <= epoch && !on_front(front, of))
            unlinkat(dirfd(d), f->d_name, 0);
    }
    if (d)
        closedir(d);
}

void loom_trainer_remove_gone(const struct loom_trainer *t)
{
    for (int k = 0; t->dir && k < t->n_gone; k++) {
        if (t->gone[k].epoch <= t->saved_epoch)
            continue; /* the saved state has it still */
        char *path = loom_asprintf("%s/%s", t->dir, t->gone[k].file);
        unlink(path);
        free(path);
    }
}

void loom_trainer_tidy(const struct loom_trainer *t)
{
    if (!t->dir)
        return;
    loom_file_remove_halves(t->dir);
    remove_points(t->dir, &t->front, INT_MAX);
}

/* ---- the thread ---------------------------------------------------------- */

static int write_copy(const struct loom_saver *s, struct loom_errmsg *e)
{
    const struct loom_trainer *t = &s->at;
    const char *bad = loom_model_not_finite(t->model);
    if (bad)
        return loom_fail(e, LOOM_ERR_NAN,
                         "%s is not a number any more; nothing is saved over "
                         "the last good state; lower the learning rate",
                         bad);
    char *path = loom_asprintf("%s/%s", t->dir, s->name);
    json_t *info = loom_trainer_info(t), *state = loom_trainer_to_json(t);
    int err =
        loom_checkpoint_write(path, t->model, info, &t->optimizer, state, e);
    if (!err && !strcmp(s->name, LAST))
        remove_points(t->dir, &t->front, t->epoch);
    json_decref(info);
    json_decref(state);
    free(path);
    return err;
}

static void *saver_main(void *arg)
{
    struct loom_saver *s = arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_mutex_lock(&s->lock);
    while (s->busy || !s->quit) {
        if (!s->busy) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        s->err = write_copy(s, &s->e);
        pthread_mutex_lock(&s->lock);
        s->busy = false;
        pthread_cond_signal(&s->idle);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- one a trainer ------------------------------------------------------- */

static int copy_init(struct loom_saver *s, const struct loom_trainer *t,
                     struct loom_errmsg *e)
{
    const struct loom_model *m = t->model;
    s->model.param = loom_calloc((size_t)m->n_params, sizeof(*m->param));
    s->model.theta =
        loom_try_alloc(m->n_theta, sizeof(float), "copy to save", e);
    int err = loom_optimizer_init(&s->optimizer, &t->conf.optimizer, m, e);
    return s->model.theta ? err : LOOM_ERR_NOMEM;
}

struct loom_saver *loom_saver_new(const struct loom_trainer *t,
                                  struct loom_errmsg *e)
{
    struct loom_saver *s = loom_calloc(1, sizeof(*s));
    sigset_t all, old;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->told = true;
    s->begun = loom_now();
    int err = copy_init(s, t, e);
    if (!err) {
        sigfillset(&all); /* signals are the business of whoever made it */
        sigdelset(&all, SIGBUS); /* of a mapped file, see engine/map.h */
        pthread_sigmask(SIG_SETMASK, &all, &old);
        s->started = !pthread_create(&s->thread, NULL, saver_main, s);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (!s->started)
            err = loom_fail(e, LOOM_ERR_NOMEM, "no thread to save with");
    }
    if (!err)
        return s;
    loom_saver_destroy(s);
    return NULL;
}

void loom_saver_destroy(struct loom_saver *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->quit = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->started)
        pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->idle);
    loom_optimizer_deinit(&s->optimizer);
    free(s->model.param);
    free(s->model.theta);
    free(s);
}

/* ---- saving -------------------------------------------------------------- */

/* Copy the trainer and have the copy written; it must not be busy. */
static void begin(struct loom_trainer *t, const char *name)
{
    struct loom_saver *s = t->saver;
    const struct loom_model *m = t->model;
    struct loom_param *param = s->model.param;
    float *theta = s->model.theta;
    s->model = *m;
    s->model.param = param;
    s->model.theta = theta;
    memcpy(param, m->param, (size_t)m->n_params * sizeof(*param));
    memcpy(theta, m->theta, m->n_theta * sizeof(*theta));
    loom_optimizer_copy(&s->optimizer, &t->optimizer);
    s->at = *t;
    s->at.model = &s->model;
    s->at.optimizer = s->optimizer;
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->begun = loom_now();
    s->at.elapsed_before += s->begun - t->started;
    s->told = false;
    if (!strcmp(name, LAST))
        t->saved_epoch = t->epoch;
    pthread_mutex_lock(&s->lock);
    s->busy = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* Take note of the last file, which is written; its error, once. */
static int take_note(struct loom_trainer *t, struct loom_errmsg *e)
{
    struct loom_saver *s = t->saver;
    if (s->told)
        return 0;
    s->told = true;
    if (s->err)
        return loom_fail(e, s->err, "%s", s->e.text);
    if (!strcmp(s->name, LAST))
        t->saved = s->begun;
    return 0;
}

int loom_trainer_autosave(struct loom_trainer *t, struct loom_errmsg *e)
{
    struct loom_saver *s = t->saver;
    if (!s)
        return 0;
    pthread_mutex_lock(&s->lock);
    bool busy = s->busy;
    pthread_mutex_unlock(&s->lock);
    if (busy)
        return 0;
    int err = take_note(t, e);
    if (!err && loom_now() - s->begun > t->conf.autosave_s)
        begin(t, LAST);
    return err;
}

int loom_trainer_settle(struct loom_trainer *t, struct loom_errmsg *e)
{
    struct loom_saver *s = t->saver;
    if (!s)
        return 0;
    pthread_mutex_lock(&s->lock);
    while (s->busy)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return take_note(t, e);
}

int loom_trainer_save_as(struct loom_trainer *t, const char *name,
                         struct loom_errmsg *e)
{
    if (!t->saver)
        return 0;
    loom_trainer_settle(t, NULL); /* what went wrong goes wrong again, or not */
    begin(t, name);
    return loom_trainer_settle(t, e);
}

int loom_trainer_save(struct loom_trainer *t, struct loom_errmsg *e)
{
    return loom_trainer_save_as(t, LAST, e);
}
