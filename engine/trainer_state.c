/* The trainer as others see it: the screen's view, what is saved of it,
 * resuming. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/trainer_impl.h"

/* What d's labels or targets are, into j. */
static void describe_targets(const struct loom_dataset *d, json_t *j)
{
    double scale = (double)(d->target_scale > 0 ? d->target_scale : 1);
    json_t *classes = json_array(); /* names, where they are known */
    json_object_set_new(j, "unit", json_string(d->unit));
    json_object_set_new(j, "target_scale", json_real(scale));
    for (size_t k = 0; d->class_name && k < d->n_out; k++)
        json_array_append_new(
            classes, json_string(d->class_name[k] ? d->class_name[k] : ""));
    if (json_array_size(classes))
        json_object_set(j, "classes", classes);
    json_decref(classes);
}

json_t *loom_trainer_info(const struct loom_trainer *t)
{
    const struct loom_dataset *d = t->data;
    json_t *j = json_pack("{s:s,s:i,s:i,s:f}", "data", d->name, "epoch",
                          t->epoch, "inputs", (int)d->n_in, "beta", t->beta);
    loom_aim_to_json(&t->conf.aim, j);
    for (int k = 0; k < t->n_parts; k++) {
        json_t *of =
            t->n_parts == 1
                ? j
                : json_array_get(json_object_get(j, "outputs"), (size_t)k);
        describe_targets(t->part[k].data, of);
    }
    if (d->mean && d->scale) {
        json_t *mean = json_array(), *scale = json_array();
        for (size_t k = 0; k < d->n_in; k++) {
            json_array_append_new(mean, json_real((double)d->mean[k]));
            json_array_append_new(scale, json_real((double)d->scale[k]));
        }
        json_object_set_new(j, "mean", mean);
        json_object_set_new(j, "scale", scale);
    }
    if (t->conf.cost.device[0])
        json_object_set_new(j, "cost", loom_cost_to_json(&t->conf.cost));
    return j;
}

/* ---- the view ---------------------------------------------------------- */

struct loom_train_point loom_trainer_now(const struct loom_trainer *t)
{
    struct loom_train_point p = {t->epoch,           (float)t->train_loss,
                                 (float)t->val.loss, (float)t->val.metric,
                                 (float)t->ebops,    (float)t->beta,
                                 (float)t->lr,       (float)t->cost,
                                 {0}};
    for (int k = 0; k < LOOM_VIEW_METRICS; k++)
        p.more[k] = (float)t->val.all[k + 1];
    return p;
}

static void look_metrics(const struct loom_trainer *t,
                         struct loom_train_view *v)
{
    const struct loom_aim *a = &t->conf.aim;
    const struct loom_dataset *d = t->part[loom_aim_metric(a, 0).goal].data;
    loom_aim_word(a, 0, v->metric);
    snprintf(v->unit, sizeof(v->unit), "%s", d->unit);
    v->lower_is_better = t->front.lower_is_better;
    v->val_metric = (float)t->val.metric;
    v->outliers = (float)t->val.outliers;
    v->n_more = loom_aim_n_metrics(a) - 1;
    for (int k = 0; k < v->n_more; k++) {
        loom_aim_word(a, k + 1, v->more_metric[k]);
        v->more[k] = (float)t->val.all[k + 1];
    }
}

static void look_history(const struct loom_trainer *t,
                         struct loom_train_view *v)
{
    const struct loom_history *h = &t->history;
    int step = (h->n + LOOM_VIEW_POINTS - 2) / (LOOM_VIEW_POINTS - 1);
    v->n_points = 0;
    for (int k = 0; k < h->n; k += step)
        v->point[v->n_points++] = h->point[k];
    /* The latest epoch is always there. */
    bool last = v->n_points && v->point[v->n_points - 1].epoch == t->epoch;
    if (t->epoch && !last)
        v->point[v->n_points++] = loom_trainer_now(t);
}

static void look_times(const struct loom_trainer *t, struct loom_train_view *v)
{
    double now = loom_now();
    double in_epoch = (double)t->batch / (double)t->batches;
    double rows = (double)t->data->part[LOOM_TRAIN].rows;
    v->elapsed_s = (float)(t->elapsed_before + now - t->started);
    v->seconds_per_epoch = (float)t->epoch_seconds;
    if (!t->epoch && in_epoch > 0)
        v->seconds_per_epoch = (float)((now - t->epoch_started) / in_epoch);
    v->samples_per_s =
        v->seconds_per_epoch > 0 ? (float)rows / v->seconds_per_epoch : 0;
    v->eta_s = v->seconds_per_epoch *
               (float)((double)(t->conf.epochs - t->epoch) - in_epoch);
    v->checkpoint_age_s = t->dir ? (int)(now - t->saved) : -1;
}

void loom_trainer_look(const struct loom_trainer *t, struct loom_train_view *v)
{
    look_metrics(t, v);
    v->epoch = t->epoch;
    v->epochs = t->conf.epochs;
    v->batch = t->batch;
    v->batches = t->batches;
    v->threads = loom_pool_threads(t->pool);
    v->loss = (float)t->train_loss;
    v->val_loss = (float)t->val.loss;
    v->ebops = (float)t->ebops;
    v->cost = (float)t->cost;
    snprintf(v->cost_unit, sizeof(v->cost_unit), "%s", t->conf.cost.unit);
    v->beta = (float)t->beta;
    v->lr = (float)t->lr;
    v->beta_factor = (float)t->beta_factor;
    v->lr_factor = (float)t->lr_factor;
    v->target = (float)t->target;
    look_history(t, v);
    look_times(t, v);
    v->n_front = 0;
    for (int k = 0; k < t->front.n && k < LOOM_VIEW_FRONT; k++)
        v->front[v->n_front++] = (struct loom_train_front){
            t->front.point[k].epoch, (float)t->front.point[k].metric,
            (float)t->front.point[k].ebops, (float)t->front.point[k].cost};
    v->n_layers = loom_model_describe(t->model, v->layer, LOOM_VIEW_LAYERS);
    double weights = 0, pruned = 0;
    for (int k = 0; k < v->n_layers; k++) {
        weights += v->layer[k].weights;
        pruned += v->layer[k].pruned;
    }
    v->pruned_fraction = weights > 0 ? (float)(pruned / weights) : 0;
}

/* ---- what is saved, and resuming --------------------------------------- */

/* JSON has no NaN; null stands for it. */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static double number_of(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

/* With the first `more` of the further metrics. */
static json_t *history_to_json(const struct loom_history *h, int more)
{
    json_t *a = json_array();
    for (int k = 0; k < h->n; k++) {
        const struct loom_train_point *p = &h->point[k];
        json_t *row = json_array();
        json_array_append_new(row, json_integer(p->epoch));
        const float v[] = {p->loss, p->val_loss, p->val_metric, p->ebops,
                           p->beta, p->lr,       p->cost};
        for (size_t c = 0; c < sizeof(v) / sizeof(*v); c++)
            json_array_append_new(row, number((double)v[c]));
        for (int c = 0; c < more; c++)
            json_array_append_new(row, number((double)p->more[c]));
        json_array_append_new(a, row);
    }
    return json_pack("{s:i,s:o}", "stride", h->stride, "points", a);
}

/* Names of the bits that are trained no more. */
static json_t *frozen_to_json(const struct loom_model *m)
{
    json_t *a = json_array();
    for (int k = 0; k < m->n_params; k++)
        if (m->param[k].frozen)
            json_array_append_new(a, json_string(m->param[k].name));
    return a;
}

static void read_frozen(struct loom_model *m, const json_t *a)
{
    for (int k = 0; k < m->n_params; k++)
        m->param[k].frozen = false;
    for (size_t k = 0; k < json_array_size(a); k++) {
        const char *name = json_string_value(json_array_get(a, k));
        struct loom_param *p = name ? loom_model_param(m, name) : NULL;
        if (p)
            p->frozen = p->bits;
    }
}

json_t *loom_trainer_to_json(const struct loom_trainer *t)
{
    json_t *front = json_array(), *j = json_object();
    for (int k = 0; k < t->front.n; k++) {
        const struct loom_pareto_point *p = &t->front.point[k];
        json_array_append_new(front,
                              json_pack("[i,f,f,s,f]", p->epoch, p->metric,
                                        p->ebops, p->file, p->cost));
    }
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"epoch", t->epoch},
        {"batch", t->batch},
        {"batches", t->batches},
        {"seed_high", (double)(t->conf.seed >> 32)},
        {"seed_low", (double)(t->conf.seed & 0xffffffffu)},
        {"lr_factor", t->lr_factor},
        {"beta_factor", t->beta_factor},
        {"target", t->target},
        {"integral", t->control.sum},
        {"error", t->control.error},
        {"beta", t->beta},
        {"loss_sum", t->epoch_loss},
        {"train_rows", t->train_rows},
        {"train_loss", t->train_loss},
        {"ebops", t->ebops},
        {"cost", t->cost},
        {"val_loss", t->val.loss},
        {"val_metric", t->val.metric},
        {"val_outliers", t->val.outliers},
        {"elapsed", t->elapsed_before},
    };
    for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++)
        json_object_set_new(j, numbers[k].name, number(numbers[k].value));
    json_object_set_new(j, "guard",
                        json_pack("{s:o,s:i,s:b,s:b}", "best",
                                  number(t->guard.best), "since",
                                  t->guard.since, "warned", t->guard.warned,
                                  "stopped", t->guard.stopped));
    json_object_set_new(j, "optimizer",
                        json_string(loom_optimizer_word(&t->conf.optimizer)));
    json_object_set_new(j, "frozen", frozen_to_json(t->model));
    json_t *all = json_array();
    for (int k = 0; k < LOOM_MAX_METRICS; k++)
        json_array_append_new(all, number(t->val.all[k]));
    json_object_set_new(j, "val_metrics", all);
    json_object_set_new(j, "front", front);
    json_object_set_new(
        j, "history",
        history_to_json(&t->history, loom_aim_n_metrics(&t->conf.aim) - 1));
    return j;
}

static int read_front(struct loom_trainer *t, const json_t *a,
                      struct loom_errmsg *e)
{
    if (json_array_size(a) > LOOM_PARETO_MAX)
        return loom_fail(e, LOOM_ERR_FORMAT, "the front has too many points");
    t->front.n = 0;
    for (size_t k = 0; k < json_array_size(a); k++) {
        const json_t *row = json_array_get(a, k);
        const char *file = json_string_value(json_array_get(row, 3));
        struct loom_pareto_point *p = &t->front.point[k];
        if (!file || strlen(file) >= sizeof(p->file) || strchr(file, '/'))
            return loom_fail(e, LOOM_ERR_FORMAT,
                             "the front's point %zu is damaged", k);
        p->epoch = (int)json_integer_value(json_array_get(row, 0));
        p->metric = json_number_value(json_array_get(row, 1));
        p->ebops = json_number_value(json_array_get(row, 2));
        const json_t *cost = json_array_get(row, 4); /* new in files */
        p->cost = cost ? json_number_value(cost) : p->ebops;
        memcpy(p->file, file, strlen(file) + 1);
        t->front.n++;
    }
    return 0;
}

static int read_history(struct loom_trainer *t, const json_t *j,
                        struct loom_errmsg *e)
{
    const json_t *a = json_object_get(j, "points");
    json_int_t stride = json_integer_value(json_object_get(j, "stride"));
    if (json_array_size(a) > LOOM_HISTORY || stride < 1 || stride > 1 << 30)
        return loom_fail(e, LOOM_ERR_FORMAT, "the history is damaged");
    t->history.stride = (int)stride;
    t->history.n = 0;
    for (size_t k = 0; k < json_array_size(a); k++) {
        const json_t *row = json_array_get(a, k);
        struct loom_train_point *p = &t->history.point[t->history.n++];
        float v[7 + LOOM_VIEW_METRICS];
        for (size_t c = 0; c < sizeof(v) / sizeof(*v); c++) {
            const json_t *x = json_array_get(row, c + 1);
            v[c] = json_is_number(x) ? (float)json_number_value(x) : NAN;
        }
        *p = (struct loom_train_point){
            (int)json_integer_value(json_array_get(row, 0)),
            v[0],
            v[1],
            v[2],
            v[3],
            v[4],
            v[5],
            isfinite(v[6]) ? v[6] : v[3], /* new in files */
            {v[7], v[8], v[9]}};
    }
    return 0;
}

/* What stopped it counts as long as the script still asks for that. */
static void read_guard(struct loom_trainer *t, const json_t *j)
{
    const struct loom_guard_conf *c = &t->conf.guard;
    bool asked = c->patience || c->when || c->collapse == LOOM_COLLAPSE_STOP;
    t->guard = (struct loom_guard){
        .best = number_of(j, "best"),
        .since = (int)json_integer_value(json_object_get(j, "since")),
        .warned = json_is_true(json_object_get(j, "warned")),
        .stopped = asked && json_is_true(json_object_get(j, "stopped"))};
}

static int read_state(struct loom_trainer *t, const json_t *j,
                      struct loom_errmsg *e)
{
    double epoch = number_of(j, "epoch"), batch = number_of(j, "batch");
    double seed = number_of(j, "seed_high") * 0x1p32 + number_of(j, "seed_low");
    if (number_of(j, "batches") != (double)t->batches ||
        seed != (double)t->conf.seed)
        return loom_fail(e, LOOM_ERR_ARG,
                         "it was trained with another seed, batch size or "
                         "data; resume with the same script and settings");
    if (!(epoch >= 0 && epoch <= 1e9) || !(batch >= 0 && batch < t->batches))
        return loom_fail(e, LOOM_ERR_FORMAT, "its position is damaged");
    t->epoch = (int)epoch;
    t->batch = (int)batch;
    t->lr_factor = number_of(j, "lr_factor");
    t->beta_factor = number_of(j, "beta_factor");
    t->epoch_loss = number_of(j, "loss_sum");
    t->train_rows = number_of(j, "train_rows");
    t->train_loss = number_of(j, "train_loss");
    t->ebops = number_of(j, "ebops");
    t->cost = number_of(j, "cost");
    if (!isfinite(t->cost)) /* a file from before it was there */
        t->cost = t->ebops;
    t->val.loss = number_of(j, "val_loss");
    t->val.metric = number_of(j, "val_metric");
    t->val.outliers = number_of(j, "val_outliers");
    for (int k = 0; k < LOOM_MAX_METRICS; k++) {
        const json_t *v =
            json_array_get(json_object_get(j, "val_metrics"), (size_t)k);
        t->val.all[k] = json_is_number(v) ? json_number_value(v) : (double)NAN;
    }
    t->elapsed_before = number_of(j, "elapsed");
    if (!(t->lr_factor > 0 && t->lr_factor < INFINITY) ||
        !(t->beta_factor > 0 && t->beta_factor < INFINITY) ||
        !isfinite(t->epoch_loss) || !isfinite(t->train_rows))
        return loom_fail(e, LOOM_ERR_FORMAT, "its numbers are damaged");
    t->target = number_of(j, "target");
    t->control.sum = number_of(j, "integral");
    t->control.error = number_of(j, "error");
    t->beta = number_of(j, "beta");
    if (!isfinite(t->control.error)) /* a file from before it was there */
        t->control.error = 0.0;
    if (!(t->target > 0 && t->target < INFINITY) || !isfinite(t->control.sum) ||
        !(t->beta >= 0 && t->beta < INFINITY))
        t->target = 0.0; /* none */
    read_guard(t, json_object_get(j, "guard"));
    read_frozen(t->model, json_object_get(j, "frozen"));
    int err = read_front(t, json_object_get(j, "front"), e);
    return err ? err : read_history(t, json_object_get(j, "history"), e);
}

/* The same layers and settings, or the numbers would mean something else. */
int loom_trainer_same(const struct loom_model *a, const struct loom_model *b,
                      struct loom_errmsg *e)
{
    json_t *ja = loom_model_to_json(a), *jb = loom_model_to_json(b);
    bool same = json_equal(ja, jb);
    json_decref(ja);
    json_decref(jb);
    return same ? 0
                : loom_fail(e, LOOM_ERR_ARG,
                            "its layers are not those of the script; resume "
                            "with the script it was trained with");
}

bool loom_trainer_same_optimizer(const struct loom_trainer *t,
                                 const struct loom_checkpoint *c)
{
    const json_t *j = json_object_get(c->trainer, "optimizer");
    const char *word = j ? json_string_value(j) : "adam";
    return c->optimizer.m && word &&
           !strcmp(word, loom_optimizer_word(&t->conf.optimizer));
}

/* Prices may have changed since: what was paid for is what counts. */
static int read_cost(struct loom_trainer *t, const json_t *j,
                     struct loom_errmsg *e)
{
    struct loom_cost c = {.device = ""};
    int err = j ? loom_cost_from_json(j, &c, e) : 0;
    if (!err && strcmp(c.device, t->conf.cost.device))
        err = loom_fail(e, LOOM_ERR_ARG,
                        "it was trained for the cost of %s, and the script "
                        "asks for that of %s; resume with the script it was "
                        "trained with",
                        c.device[0] ? c.device : "EBOPs",
                        t->conf.cost.device[0] ? t->conf.cost.device : "EBOPs");
    if (!err)
        t->conf.cost = c;
    return err;
}

int loom_trainer_resume(struct loom_trainer *t, const char *path,
                        struct loom_errmsg *e)
{
    struct loom_checkpoint c;
    int err = loom_checkpoint_read(path, &c, e);
    if (err)
        return err;
    if (!c.trainer || !c.optimizer.m)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "it holds a network only; to go on training, name "
                        "last.loom of the run");
    if (!err)
        err = loom_trainer_same(c.model, t->model, e);
    if (!err && !loom_trainer_same_optimizer(t, &c))
        err = loom_fail(e, LOOM_ERR_ARG,
                        "it was trained with another optimizer; resume with "
                        "the script it was trained with");
    if (!err)
        err = read_cost(t, json_object_get(c.info, "cost"), e);
    if (!err)
        err = read_state(t, c.trainer, e);
    if (!err) {
        size_t bytes = t->model->n_theta * sizeof(float);
        memcpy(t->model->theta, c.model->theta, bytes);
        loom_optimizer_copy(&t->optimizer, &c.optimizer);
        loom_model_prepare(t->model, LOOM_MODE_EVAL);
        t->saved_epoch = t->epoch;
        if (!loom_trainer_done(t)) {
            loom_trainer_shuffle(t);
            err = loom_trainer_schedules(t, e);
        }
    }
    loom_checkpoint_deinit(&c);
    return err ? loom_fail_prefix(e, err, "%s", path) : 0;
}
