/* The user's hand on a training: factors, a target, other parameters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "engine/trainer_impl.h"

void loom_trainer_scale(struct loom_trainer *t, double beta, double lr)
{
    t->beta_factor = beta;
    t->lr_factor = lr;
    t->lr = t->lr_planned * lr;
    if (!t->target)
        t->beta = t->beta_planned * beta;
}

/* ---- a target ---------------------------------------------------------- */

void loom_trainer_target(struct loom_trainer *t, double cost)
{
    t->target = cost;
    if (cost > 0)
        t->control =
            loom_control_begin(&t->conf.control, cost, t->beta, t->cost);
    else
        loom_trainer_scale(t, t->beta_factor, t->lr_factor);
}

void loom_trainer_follow(struct loom_trainer *t)
{
    const struct loom_control_conf *c = &t->conf.control;
    if (t->target > 0)
        t->beta =
            loom_control_next(c, &t->control, t->target, t->beta, t->cost);
    else if (c->target > 0 && t->epoch == c->warmup)
        loom_trainer_target(t, c->target);
}

/* ---- taking back ------------------------------------------------------- */

struct loom_hand loom_trainer_hand(const struct loom_trainer *t)
{
    return (struct loom_hand){t->beta_factor, t->lr_factor, t->target,
                              t->control, t->beta};
}

void loom_trainer_set_hand(struct loom_trainer *t, const struct loom_hand *h)
{
    t->target = h->target;
    t->control = h->control;
    loom_trainer_scale(t, h->beta_factor, h->lr_factor);
    if (t->target)
        t->beta = h->beta;
}

int loom_trainer_take(struct loom_trainer *t, const char *path, double *beta,
                      struct loom_errmsg *e)
{
    struct loom_checkpoint c;
    size_t bytes = t->model->n_theta * sizeof(float);
    int err = loom_checkpoint_read(path, &c, e);
    if (err)
        return err;
    err = loom_trainer_same(c.model, t->model, e);
    if (!err) {
        memcpy(t->model->theta, c.model->theta, bytes);
        loom_optimizer_copy(&t->optimizer, loom_trainer_same_optimizer(t, &c)
                                               ? &c.optimizer
                                               : NULL);
        loom_model_prepare(t->model, LOOM_MODE_EVAL);
        loom_trainer_count(t, 0.0f);
        if (beta)
            *beta = json_number_value(json_object_get(c.info, "beta"));
    }
    loom_checkpoint_deinit(&c);
    return err ? loom_fail_prefix(e, err, "%s", path) : 0;
}

int loom_trainer_branch(struct loom_trainer *t, const char *path,
                        const char *dir, int epoch, struct loom_errmsg *e)
{
    int before = t->epoch, err = loom_trainer_settle(t, e);
    if (!err)
        err = loom_trainer_take(t, path, NULL, e);
    if (err)
        return err;
    t->epoch = epoch;
    err = loom_trainer_schedules(t, e);
    if (err) {
        t->epoch = before;
        return err;
    }
    free(t->dir);
    t->dir = loom_strdup(dir);
    t->batch = 0;
    t->epoch_loss = 0;
    t->train_rows = 0;
    t->train_loss = NAN;
    t->val = LOOM_UNSCORED;
    t->front.n = t->n_gone = 0;
    t->new_point = t->saved_epoch = -1;
    t->guard = (struct loom_guard){.best = NAN};
    t->notice = (struct loom_notice){0};
    struct loom_history *h = &t->history;
    while (h->n && h->point[h->n - 1].epoch > epoch)
        h->n--;
    if (t->target > 0)
        loom_trainer_target(t, t->target); /* no old errors */
    loom_trainer_shuffle(t);
    return 0;
}
