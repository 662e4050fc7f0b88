/* The end of an epoch: does the training go on, and from where? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "engine/trainer_impl.h"

/* The layer with the fewest EBOPs for its weights. */
static void name_poorest(struct loom_trainer *t, char name[48])
{
    struct loom_train_layer *row = loom_calloc(LOOM_VIEW_LAYERS, sizeof(*row));
    int n = loom_model_describe(t->model, row, LOOM_VIEW_LAYERS);
    double least = INFINITY;
    for (int k = 0; k < n; k++) {
        double each = (double)row[k].ebops / row[k].weights;
        if (row[k].weights > 0 && each < least) {
            least = each;
            snprintf(name, 48, "%s", row[k].name);
        }
    }
    free(row);
}

/* The latest point of the front up to an epoch; else its best; else NULL. */
static const struct loom_pareto_point *last_good(const struct loom_pareto *f,
                                                 int epoch)
{
    const struct loom_pareto_point *p = NULL;
    for (int k = 0; k < f->n; k++)
        if (f->point[k].epoch <= epoch && (!p || f->point[k].epoch > p->epoch))
            p = &f->point[k];
    return p ? p : loom_pareto_best(f, 0.0);
}

static int go_back(struct loom_trainer *t, const struct loom_pareto_point *p,
                   struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/%s", t->dir, p->file);
    int err = loom_trainer_take(t, path, NULL, e);
    free(path);
    if (err)
        return err;
    t->beta_factor *= 0.5;
    t->beta *= 0.5;
    if (t->target > 0)
        loom_trainer_target(t, t->target); /* no old errors */
    return 0;
}

static int on_collapse(struct loom_trainer *t,
                       const struct loom_train_point *before,
                       struct loom_errmsg *e)
{
    const struct loom_pareto_point *good = last_good(&t->front, before->epoch);
    struct loom_notice *n = &t->notice;
    n->collapsed = true;
    n->action = t->conf.guard.collapse;
    n->epoch_before = before->epoch;
    n->ebops_before = (double)before->ebops;
    n->good_epoch = good ? good->epoch : 0;
    name_poorest(t, n->layer);
    if (n->action == LOOM_COLLAPSE_ROLLBACK && good && t->dir)
        return go_back(t, good, e);
    if (n->action == LOOM_COLLAPSE_STOP)
        n->stopped = "collapse";
    else
        n->action = LOOM_COLLAPSE_WARN;
    t->guard.warned = true;
    return 0;
}

int loom_trainer_guard(struct loom_trainer *t, struct loom_errmsg *e)
{
    const struct loom_train_point *now = &t->ended;
    const struct loom_guard_conf *c = &t->conf.guard;
    const struct loom_history *h = &t->history;
    bool lower = t->front.lower_is_better;
    int err = 0;
    t->notice = (struct loom_notice){0};
    if (c->collapse != LOOM_COLLAPSE_IGNORE && !t->guard.warned) {
        const struct loom_train_point *before =
            loom_guard_collapse(h->point, h->n, now, t->chance, lower);
        err = before ? on_collapse(t, before, e) : 0;
    }
    if (!err &&
        loom_guard_patience(c, &t->guard, now,
                            loom_aim_lower_is_better(&t->conf.aim, c->metric)))
        t->notice.stopped = "patience";
    if (!err && c->when) {
        err = c->when(c->ud, now, e);
        if (err > 0)
            t->notice.stopped = "script";
        else if (err < 0)
            loom_fail_prefix(e, err, "stop at epoch %d", now->epoch);
    }
    t->guard.stopped |= t->notice.stopped != NULL;
    return err < 0 ? err : 0;
}

const struct loom_train_point *loom_trainer_ended(const struct loom_trainer *t)
{
    return &t->ended;
}

const struct loom_notice *loom_trainer_notice(const struct loom_trainer *t)
{
    return &t->notice;
}
