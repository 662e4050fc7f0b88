/* What a user changes in a training: each change says so in the log, can be
 * taken back, and is part of what a saved state holds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

static const char undo_file[] = "undo.loom";

static bool training(const struct loom_session *s)
{
    return s->trainer && !loom_trainer_done(s->trainer);
}

/* Remember what is there now; the oldest is forgotten. The run's row says that
 * it has been changed. */
static struct session_change *remember(struct loom_session *s)
{
    struct loom_errmsg e;
    if (s->n_changes == SESSION_UNDO)
        memmove(&s->change[0], &s->change[1],
                (size_t)--s->n_changes * sizeof(s->change[0]));
    struct session_change *c = &s->change[s->n_changes++];
    *c = (struct session_change){.hand = loom_trainer_hand(s->trainer)};
    if (s->n_changes == 1 && loom_store_set_steered(s->store, s->run, &e) < 0)
        loom_session_log(s, LOOM_LOG_ERROR, "%s", e.text);
    return c;
}

/* What a target is a number of. */
static const char *unit(const struct loom_session *s)
{
    const char *cells = s->view.train.cost_unit;
    return cells[0] ? cells : "EBOPs";
}

/* Beta and lr in the log, as they are from now on. */
static void say(struct loom_session *s, const char *what)
{
    struct loom_train_view *v = &s->view.train;
    loom_trainer_look(s->trainer, v);
    if (v->target > 0)
        loom_session_log(s, LOOM_LOG_INFO,
                         "%sbeta %.3g, follows %.0f %s, lr %.3g (x%.3g)", what,
                         (double)v->beta, (double)v->target, unit(s),
                         (double)v->lr, (double)v->lr_factor);
    else
        loom_session_log(s, LOOM_LOG_INFO,
                         "%sbeta %.3g (x%.3g), lr %.3g (x%.3g)", what,
                         (double)v->beta, (double)v->beta_factor, (double)v->lr,
                         (double)v->lr_factor);
}

static bool usable(double factor)
{
    return factor > 0 && factor < 1e9;
}

void loom_session_scale(struct loom_session *s, double beta, double lr)
{
    if (!training(s) || !usable(beta) || !usable(lr))
        return;
    struct loom_hand h = loom_trainer_hand(s->trainer);
    if (h.target > 0 && fabs(beta / h.beta_factor - 1) > 1e-6) {
        loom_session_log(s, LOOM_LOG_WARN,
                         "beta follows the target of %.0f %s; first target off",
                         h.target, unit(s));
        return;
    }
    remember(s);
    loom_trainer_scale(s->trainer, beta, lr);
    say(s, "");
}

void loom_session_target(struct loom_session *s, double cost)
{
    if (!training(s) || !(cost >= 0 && cost < 1e12))
        return;
    remember(s);
    loom_trainer_target(s->trainer, cost);
    say(s, "");
}

void loom_session_freeze(struct loom_session *s, const char *layer)
{
    if (!training(s))
        return;
    struct loom_model *m = loom_trainer_model(s->trainer);
    bool on = !loom_model_bits_frozen(m, layer);
    if (!loom_model_freeze_bits(m, layer, on)) {
        loom_session_log(s, LOOM_LOG_WARN, "no layer \"%s\" with trained bits",
                         layer);
        return;
    }
    struct session_change *c = remember(s);
    snprintf(c->layer, sizeof(c->layer), "%s", layer);
    loom_session_log(s, LOOM_LOG_INFO, "%s: bits are %s", layer,
                     on ? "frozen, weights go on" : "trained again");
}

/* ---- going back -------------------------------------------------------- */

const struct loom_pareto_point *loom_session_find_point(struct loom_session *s,
                                                        int epoch)
{
    const struct loom_pareto *f = loom_trainer_front(s->trainer);
    for (int k = 0; k < f->n; k++)
        if (f->point[k].epoch == epoch)
            return &f->point[k];
    loom_session_log(s, LOOM_LOG_WARN,
                     "no point of epoch %d on the front to go back to", epoch);
    return NULL;
}

/* Beta as it was at the point, whatever the schedule says by now. */
static void take_beta(struct loom_session *s, double beta)
{
    struct loom_hand h = loom_trainer_hand(s->trainer);
    double planned = h.beta / h.beta_factor;
    if (h.target > 0) {
        loom_trainer_target(s->trainer, h.target); /* no old errors */
    } else if (beta > 0 && planned > 0 && usable(beta / planned)) {
        h.beta_factor = beta / planned;
        loom_trainer_set_hand(s->trainer, &h);
    }
}

/* There is one file of parameters: what was before an earlier going back
 * cannot be had again. */
static void forget_parameters(struct loom_session *s)
{
    int k = s->n_changes;
    while (k > 0 && !s->change[k - 1].parameters)
        k--;
    memmove(&s->change[0], &s->change[k],
            (size_t)(s->n_changes - k) * sizeof(s->change[0]));
    s->n_changes -= k;
}

void loom_session_rollback(struct loom_session *s, int epoch)
{
    struct loom_errmsg e = {""};
    if (!training(s))
        return;
    const struct loom_pareto_point *p = loom_session_find_point(s, epoch);
    if (!p)
        return;
    char *path = loom_asprintf("%s/%s", s->dir, p->file), what[64];
    double beta = 0;
    struct loom_hand before = loom_trainer_hand(s->trainer);
    int err = loom_trainer_save_as(s->trainer, undo_file, &e);
    if (!err)
        err = loom_trainer_take(s->trainer, path, &beta, &e);
    free(path);
    if (err) {
        loom_session_log(s, LOOM_LOG_ERROR, "%s", e.text);
        return;
    }
    forget_parameters(s);
    struct session_change *c = remember(s);
    c->hand = before;
    c->parameters = true;
    take_beta(s, beta);
    snprintf(what, sizeof(what), "back at the parameters of epoch %d: ", epoch);
    say(s, what);
}

void loom_session_undo(struct loom_session *s)
{
    struct loom_errmsg e = {""};
    if (!training(s))
        return;
    if (!s->n_changes) {
        loom_session_log(s, LOOM_LOG_WARN, "nothing to take back");
        return;
    }
    const struct session_change *c = &s->change[--s->n_changes];
    struct loom_model *m = loom_trainer_model(s->trainer);
    if (c->parameters) {
        char *path = loom_asprintf("%s/%s", s->dir, undo_file);
        int err = loom_trainer_take(s->trainer, path, NULL, &e);
        free(path);
        if (err) {
            loom_session_log(s, LOOM_LOG_ERROR, "%s", e.text);
            return;
        }
    }
    if (c->layer[0])
        loom_model_freeze_bits(m, c->layer,
                               !loom_model_bits_frozen(m, c->layer));
    loom_trainer_set_hand(s->trainer, &c->hand);
    say(s, "taken back: ");
}
