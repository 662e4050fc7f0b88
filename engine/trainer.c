#include "engine/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/trainer_impl.h"

/* Numbers a target may have: a block of them lies on the stack. */
enum { MAX_TARGETS = 64 };

double loom_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- passes over rows, in parallel ------------------------------------- */

/* One pass: rows [first, first + n) of a part, in the given order or as they
 * lie. To score them: forward through all layers. In a step: through those of
 * one phase, forward; forward to the loss and back; or back. */
enum way { SCORE, FORWARD, TURN, BACK };

struct pass {
    struct loom_trainer *t;
    enum loom_part part;
    const struct loom_rows *rows; /* of that part */
    const uint32_t *order;        /* NULL: as they lie */
    size_t first, n;
    enum way way;
    int phase;
    float *outputs; /* [n][outputs], or NULL */
};

static size_t row_at(const struct pass *p, size_t at)
{
    return p->order ? p->order[p->first + at] : p->first + at;
}

/* Rows in random order lie all over memory: ask for the beginnings of those
 * from `at` on while others are at work. The rest of a long row follows by
 * itself. */
static void ask_for_block(const struct pass *p, size_t at)
{
    enum { LINE = 16, LINES = 4 };
    size_t n_in = p->t->model->n_in;
    size_t end = p->n - at < LOOM_BLOCK ? p->n : at + LOOM_BLOCK;
    size_t ask = n_in < LINES * LINE ? n_in : LINES * LINE;
    for (; p->order && at < end; at++) {
        size_t row = row_at(p, at);
        for (size_t k = 0; k < ask; k += LINE)
            __builtin_prefetch(p->rows->x + row * n_in + k);
        if (p->rows->y)
            __builtin_prefetch(p->rows->y + row);
    }
}

static void fill_block(const struct pass *p, size_t at, size_t rows,
                       struct loom_scratch *s)
{
    const struct loom_model *m = p->t->model;
    s->first = at;
    for (size_t r = 0; r < rows; r++)
        loom_scratch_put(s, m, r, p->rows->x + row_at(p, at + r) * m->n_in);
}

/* The loss of goal k for a block that went forward; its gradient to gz, the
 * beginning of the output layer's (NULL: none, it is no training: there all
 * classes weigh the same). */
static void block_loss(const struct pass *p, int k, size_t at, size_t rows,
                       const struct loom_scratch *s, float *gz,
                       struct loom_loss_sums *sums)
{
    const struct loom_trainer *t = p->t;
    const struct loom_aim_part *part = &t->part[k];
    const struct loom_rows *of = &part->data->part[p->part];
    const struct loom_layer *out = &t->model->layer[t->model->output];
    struct loom_loss_rule rule = t->rule[k];
    int y[LOOM_BLOCK];
    float target[LOOM_BLOCK * MAX_TARGETS];
    float weight = (float)loom_goal_weight(part->goal);
    if (gz)
        rule.class_weight = part->data->class_weight;
    for (size_t r = 0; r < rows; r++) {
        size_t row = row_at(p, at + r);
        if (of->y)
            y[r] = of->y[row];
        else
            memcpy(target + r * part->n, of->t + row * part->n,
                   part->n * sizeof(*target));
    }
    loom_loss_block(&rule, rows, part->n, s->out[t->model->output] + part->at,
                    out->ld, y, target, weight / (float)p->n,
                    gz ? gz + part->at : NULL, sums);
}

static size_t blocks_of(size_t rows)
{
    return (rows + LOOM_BLOCK - 1) / LOOM_BLOCK;
}

/* Rows `at` and behind it of the pass, a block. */
static void run_block(const struct pass *p, struct loom_scratch *s, size_t at,
                      struct loom_sums *chunk, struct loom_loss_sums *sums)
{
    struct loom_trainer *t = p->t;
    const struct loom_model *m = t->model;
    const struct loom_layer *out = &m->layer[m->output];
    size_t rows = p->n - at < LOOM_BLOCK ? p->n - at : LOOM_BLOCK;
    float *gz = p->way == TURN ? s->gout[m->output] : NULL;
    fill_block(p, at, rows, s);
    ask_for_block(p, at + rows);
    if (p->way == SCORE)
        loom_model_forward(m, s, rows, chunk);
    else
        loom_model_forward_phase(m, s, rows, chunk, p->phase, p->way == BACK);
    for (int k = 0; k < t->n_parts && (p->way == SCORE || gz); k++)
        block_loss(p, k, at, rows, s, gz, &sums[k]);
    if (p->way == TURN || p->way == BACK)
        loom_model_backward_phase(m, s, rows, chunk, p->phase);
    for (size_t r = 0; p->outputs && r < rows; r++)
        memcpy(p->outputs + (at + r) * out->n, s->out[m->output] + r * out->ld,
               out->n * sizeof(float));
}

/* Blocks of chunk c, into the chunk's own sums. */
static void run_chunk(void *ud, int c, int worker)
{
    const struct pass *p = ud;
    struct loom_trainer *t = p->t;
    struct loom_scratch *s = &t->scratch[worker];
    size_t blocks = blocks_of(p->n), kept = t->model->n_kept;
    size_t from = blocks * (size_t)c / LOOM_CHUNKS;
    size_t to = blocks * ((size_t)c + 1) / LOOM_CHUNKS;
    struct loom_loss_sums sums[LOOM_MAX_TARGETS] = {0};
    if (p->phase == 0 && p->way != BACK)
        loom_sums_clear(&t->chunk[c], t->model);
    for (size_t b = from; b < to; b++) {
        loom_scratch_at(s, t->model,
                        p->way == SCORE ? NULL : t->between + b * kept);
        run_block(p, s, b * LOOM_BLOCK, &t->chunk[c], sums);
    }
    if (p->way == SCORE || p->way == TURN)
        memcpy(t->loss[c], sums, sizeof(sums));
}

static void pass_over(struct pass *p, enum way way, int phase)
{
    p->way = way;
    p->phase = phase;
    loom_pool_run(p->t->pool, LOOM_CHUNKS, run_chunk, p);
}

/* Of goal k, over all chunks. */
static struct loom_loss_sums sum_of_losses(const struct loom_trainer *t, int k)
{
    struct loom_loss_sums total = {0};
    for (int c = 0; c < LOOM_CHUNKS; c++) {
        const struct loom_loss_sums *l = &t->loss[c][k];
        total.loss += l->loss;
        total.correct += l->correct;
        total.square += l->square;
        total.inliers += l->inliers;
        total.absolute += l->absolute;
        total.values += l->values;
    }
    return total;
}

/* Rows forward, in the mode prepared. */
static void run_forward(struct pass *p)
{
    pass_over(p, SCORE, 0);
}

/* All passes of a step over its batch; the loss, summed over its rows. */
static double run_step(struct pass *p)
{
    struct loom_model *m = p->t->model;
    int last = m->n_phases - 1;
    for (int k = 0; k < last; k++) {
        pass_over(p, FORWARD, k);
        loom_model_sync(m, p->t->chunk, LOOM_CHUNKS, k, p->n);
    }
    pass_over(p, TURN, last);
    for (int k = last - 1; k >= 0; k--) {
        loom_model_sync_back(m, p->t->chunk, LOOM_CHUNKS, k + 1, p->n);
        pass_over(p, BACK, k);
    }
    double loss = 0.0;
    for (int k = 0; k < p->t->n_parts; k++)
        loss +=
            loom_goal_weight(p->t->part[k].goal) * sum_of_losses(p->t, k).loss;
    return loss;
}

/* Parameters must be prepared in the mode wanted. */
static struct loom_score score_part(struct loom_trainer *t, enum loom_part part)
{
    const struct loom_rows *rows = &t->data->part[part];
    size_t width = t->model->layer[t->model->output].n;
    struct loom_loss_sums sums[LOOM_MAX_TARGETS];
    struct pass p = {.t = t, .part = part, .rows = rows, .n = rows->rows};
    if (loom_aim_needs_outputs(&t->conf.aim)) {
        size_t bytes = rows->rows * width * sizeof(float);
        t->outputs = p.outputs = loom_realloc(t->outputs, bytes);
    }
    run_forward(&p);
    for (int k = 0; k < t->n_parts; k++)
        sums[k] = sum_of_losses(t, k);
    return loom_aim_score(&t->conf.aim, t->part, part, sums, p.outputs, width);
}

int loom_trainer_evaluate(struct loom_trainer *t, enum loom_part part,
                          struct loom_score *out, struct loom_errmsg *e)
{
    if (!t->data->part[part].rows)
        return loom_fail(e, LOOM_ERR_MISSING, "%s: this part has no rows",
                         t->data->name);
    loom_model_prepare(t->model, LOOM_MODE_EVAL);
    *out = score_part(t, part);
    return 0;
}

/* ---- making one -------------------------------------------------------- */

/* Whether model, data and settings go together; t->part. */
static int check_fit(struct loom_trainer *t, struct loom_errmsg *e)
{
    const struct loom_model *m = t->model;
    const struct loom_dataset *d = t->data;
    const struct loom_trainer_conf *c = &t->conf;
    const struct loom_layer *in = &m->layer[m->input[0]];
    if (m->n_in != d->n_in)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: takes %zu inputs, but the data %s has %zu",
                         in->name, m->n_in, d->name, d->n_in);
    struct loom_output out[LOOM_MAX_OUTPUTS];
    int n_out = loom_model_outputs(m, out);
    int err = loom_aim_parts(&c->aim, out, n_out, d, t->part, e);
    t->n_parts = c->aim.n ? c->aim.n : 1;
    for (int k = 0; !err && k < t->n_parts; k++)
        if (t->part[k].n > MAX_TARGETS && !t->part[k].data->part[LOOM_TRAIN].y)
            err = loom_fail(e, LOOM_ERR_SHAPE, "at most %d targets, not %zu",
                            MAX_TARGETS, t->part[k].n);
    if (err)
        return err;
    if (!d->part[LOOM_TRAIN].rows || !d->part[LOOM_VAL].rows)
        return loom_fail(e, LOOM_ERR_MISSING,
                         "the data %s has %zu training and %zu validation "
                         "rows; both are needed",
                         d->name, d->part[LOOM_TRAIN].rows,
                         d->part[LOOM_VAL].rows);
    if (c->batch < 1 || c->epochs < 1)
        return loom_fail(e, LOOM_ERR_ARG,
                         "batch and epochs must be at least 1");
    err = loom_schedule_check(&c->lr, "lr", e);
    return err ? err : loom_schedule_check(&c->beta, "beta", e);
}

/* Rows of the largest batch. */
static size_t most_rows(const struct loom_trainer *t)
{
    size_t rows = t->data->part[LOOM_TRAIN].rows, n = (size_t)t->batches;
    return (rows + n - 1) / n;
}

static int allocate(struct loom_trainer *t, struct loom_errmsg *e)
{
    t->pool = loom_pool_new(t->conf.threads, e);
    if (!t->pool)
        return LOOM_ERR_NOMEM;
    int threads = loom_pool_threads(t->pool), err = 0;
    t->scratch = loom_calloc((size_t)threads, sizeof(*t->scratch));
    for (int k = 0; !err && k < threads; k++)
        err = loom_scratch_init(&t->scratch[k], t->model, e);
    for (int c = 0; !err && c < LOOM_CHUNKS; c++)
        err = loom_sums_init(&t->chunk[c], t->model, e);
    if (!err)
        err =
            loom_optimizer_init(&t->optimizer, &t->conf.optimizer, t->model, e);
    t->order = loom_try_alloc(t->data->part[LOOM_TRAIN].rows, sizeof(*t->order),
                              "order of rows", e);
    t->kept = loom_try_alloc(t->model->n_theta + t->model->n_top, sizeof(float),
                             "copy of the parameters", e);
    t->between = loom_try_alloc(blocks_of(most_rows(t)),
                                t->model->n_kept * sizeof(float),
                                "activations of a batch", e);
    return err || !t->order || !t->kept || !t->between ? LOOM_ERR_NOMEM : 0;
}

struct loom_trainer *loom_trainer_new(struct loom_model *take_model,
                                      const struct loom_dataset *data,
                                      const struct loom_trainer_conf *conf,
                                      struct loom_errmsg *e)
{
    struct loom_trainer *t = loom_calloc(1, sizeof(*t));
    t->model = take_model;
    t->data = data;
    t->conf = *conf;
    t->lr_factor = t->beta_factor = 1.0;
    t->new_point = t->saved_epoch = -1;
    t->history.stride = 1;
    t->val = LOOM_UNSCORED;
    t->train_loss = NAN;
    t->front.lower_is_better = loom_aim_lower_is_better(&conf->aim, 0);
    if (conf->autosave_s <= 0)
        t->conf.autosave_s = 30;
    t->guard.best = NAN;
    t->conf.control = loom_control_standard(&conf->control);
    t->dir = conf->dir ? loom_strdup(conf->dir) : NULL;
    int err = check_fit(t, e);
    for (int k = 0; !err && k < t->n_parts; k++)
        t->rule[k] = loom_goal_rule(t->part[k].goal, t->part[k].data);
    if (!err) {
        size_t rows = data->part[LOOM_TRAIN].rows;
        t->chance = loom_aim_chance(&t->conf.aim, t->part, LOOM_VAL);
        t->batches = (int)((rows + conf->batch - 1) / conf->batch);
        err = allocate(t, e);
    }
    if (!err) {
        loom_trainer_shuffle(t);
        err = loom_trainer_schedules(t, e);
    }
    if (!err && t->dir) {
        t->saver = loom_saver_new(t, e);
        err = t->saver ? 0 : LOOM_ERR_NOMEM;
    }
    if (err) {
        loom_trainer_destroy(t);
        return NULL;
    }
    loom_model_prepare(t->model, LOOM_MODE_EVAL);
    loom_trainer_count(t, 0.0f);
    loom_trainer_follow(t);
    t->started = t->epoch_started = t->saved = loom_now();
    return t;
}

void loom_trainer_destroy(struct loom_trainer *t)
{
    if (!t)
        return;
    int threads = t->pool ? loom_pool_threads(t->pool) : 0;
    loom_saver_destroy(t->saver);
    loom_pool_destroy(t->pool);
    for (int k = 0; t->scratch && k < threads; k++)
        loom_scratch_deinit(&t->scratch[k]);
    for (int c = 0; c < LOOM_CHUNKS; c++)
        loom_sums_deinit(&t->chunk[c]);
    loom_optimizer_deinit(&t->optimizer);
    loom_model_destroy(t->model);
    free(t->scratch);
    free(t->order);
    free(t->kept);
    free(t->between);
    free(t->outputs);
    free(t->dir);
    free(t);
}

struct loom_model *loom_trainer_model(struct loom_trainer *t)
{
    return t->model;
}

const struct loom_pareto *loom_trainer_front(const struct loom_trainer *t)
{
    return &t->front;
}

bool loom_trainer_done(const struct loom_trainer *t)
{
    return t->epoch >= t->conf.epochs || t->guard.stopped;
}

const struct loom_pareto_point *
loom_trainer_new_point(const struct loom_trainer *t)
{
    return t->new_point < 0 ? NULL : &t->front.point[t->new_point];
}

int loom_trainer_gone(const struct loom_trainer *t,
                      const struct loom_pareto_point **points)
{
    *points = t->gone;
    return t->n_gone;
}

/* ---- the loop ---------------------------------------------------------- */

void loom_trainer_shuffle(struct loom_trainer *t)
{
    size_t n = t->data->part[LOOM_TRAIN].rows;
    struct loom_rng rng =
        loom_rng_init(t->conf.seed, 0x5eed0000u + (uint64_t)t->epoch);
    for (size_t i = 0; i < n; i++)
        t->order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)loom_rng_below(&rng, i);
        uint32_t x = t->order[i - 1];
        t->order[i - 1] = t->order[j];
        t->order[j] = x;
    }
}

int loom_trainer_schedules(struct loom_trainer *t, struct loom_errmsg *e)
{
    t->lr_planned = loom_schedule_at(&t->conf.lr, t->epoch, e);
    if (!isfinite(t->lr_planned))
        return loom_fail_prefix(e, LOOM_ERR_SCRIPT, "lr at epoch %d",
                                t->epoch + 1);
    t->beta_planned = loom_schedule_at(&t->conf.beta, t->epoch, e);
    if (!isfinite(t->beta_planned))
        return loom_fail_prefix(e, LOOM_ERR_SCRIPT, "beta at epoch %d",
                                t->epoch + 1);
    loom_trainer_scale(t, t->beta_factor, t->lr_factor);
    return 0;
}

static int nan_error(const struct loom_trainer *t, int epoch, int batch,
                     struct loom_errmsg *e)
{
    const char *bad = loom_model_not_finite(t->model);
    return loom_fail(
        e, LOOM_ERR_NAN,
        "the loss is not a number at epoch %d, batch %d of %d; first bad: "
        "%s; lr %.3g, beta %.3g; lower the learning rate, or go on from %s",
        epoch, batch, t->batches, bad ? bad : "the activations", t->lr, t->beta,
        t->front.n ? t->front.point[t->front.n - 1].file
                   : "the start with other settings");
}

/* What the network costs, and its EBOPs. */
static double count(struct loom_trainer *t, float beta, double *ebops)
{
    const struct loom_cost *c = &t->conf.cost;
    *ebops = loom_model_ebops(t->model, c->device[0] ? 0.0f : beta, NULL);
    return c->device[0] ? loom_cost_cells(t->model, c, beta) : *ebops;
}

void loom_trainer_count(struct loom_trainer *t, float beta)
{
    t->cost = count(t, beta, &t->ebops);
}

/* ---- once a step, layer by layer ---------------------------------------- */

static void prepare_layer(void *ud, int k, int worker)
{
    (void)worker;
    loom_model_prepare_layer(((struct loom_trainer *)ud)->model, k);
}

static void reduce_layer(void *ud, int k, int worker)
{
    struct loom_trainer *t = ud;
    (void)worker;
    loom_model_reduce_layer(t->model, t->chunk, LOOM_CHUNKS, k);
}

static void update_layer(void *ud, int k, int worker)
{
    struct loom_trainer *t = ud;
    const struct loom_layer *l = &t->model->layer[k];
    (void)worker;
    loom_optimizer_range(&t->optimizer, t->model, l->theta_at,
                         l->theta_at + l->theta_n);
}

static void every_layer(struct loom_trainer *t,
                        void (*work)(void *ud, int k, int worker))
{
    loom_pool_run(t->pool, t->model->n_layers, work, t);
}

/* From the chunks' sums to the next parameters. */
static void update(struct loom_trainer *t)
{
    every_layer(t, reduce_layer);
    if (!t->conf.unquantized) {
        loom_trainer_count(t, (float)t->beta);
        loom_model_l1_gradient(t->model);
    }
    loom_optimizer_begin(&t->optimizer, t->model, t->lr);
    every_layer(t, update_layer);
}

static int train_batch(struct loom_trainer *t, struct loom_errmsg *e)
{
    struct loom_model *m = t->model;
    size_t n = t->data->part[LOOM_TRAIN].rows, nb = (size_t)t->batches;
    size_t first = n * (size_t)t->batch / nb;
    size_t last = n * ((size_t)t->batch + 1) / nb;
    struct pass p = {.t = t,
                     .part = LOOM_TRAIN,
                     .rows = &t->data->part[LOOM_TRAIN],
                     .order = t->order,
                     .first = first,
                     .n = last - first};
    m->noise = loom_rng_key(t->conf.seed, t->epoch * nb + (size_t)t->batch);
    m->fresh = t->batch == 0;
    m->mode = t->conf.unquantized ? LOOM_MODE_REAL : LOOM_MODE_TRAIN;
    every_layer(t, prepare_layer);
    double loss = run_step(&p);
    if (!isfinite(loss))
        return nan_error(t, t->epoch + 1, t->batch + 1, e);
    update(t);
    t->epoch_loss += loss;
    t->train_rows += (double)p.n;
    t->train_loss = t->epoch_loss / t->train_rows;
    t->batch++;
    return 0;
}

/* chunk[0].top = the largest of all chunks' and `more` (may be NULL). */
static void merge_tops(struct loom_trainer *t, const float *more)
{
    float *top = t->chunk[0].top;
    for (size_t j = 0; j < t->model->n_top; j++) {
        for (int c = 1; c < LOOM_CHUNKS; c++)
            top[j] = fmaxf(top[j], t->chunk[c].top[j]);
        if (more)
            top[j] = fmaxf(top[j], more[j]);
    }
}

/* Calibrate the ranges on the training and validation rows, and keep the
 * point if it is still wanted; training goes on from the parameters as they
 * were. The validation rows have just been through, in mode TRACE. */
static int try_point(struct loom_trainer *t, struct loom_errmsg *e)
{
    struct loom_model *m = t->model;
    const struct loom_rows *rows = &t->data->part[LOOM_TRAIN];
    struct pass p = {.t = t, .part = LOOM_TRAIN, .rows = rows, .n = rows->rows};
    float *val_top = t->kept + m->n_theta;
    double ebops;
    int err = 0;
    memcpy(t->kept, m->theta, m->n_theta * sizeof(float));
    merge_tops(t, NULL);
    memcpy(val_top, t->chunk[0].top, m->n_top * sizeof(float));
    run_forward(&p);
    merge_tops(t, val_top);
    loom_model_trace(m, t->chunk, 1);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    double cost = count(t, 0.0f, &ebops);
    struct loom_score val = score_part(t, LOOM_VAL);
    if (loom_pareto_wants(&t->front, val.metric, cost)) {
        struct loom_pareto_point q = {t->epoch, val.metric, cost, ebops, ""};
        snprintf(q.file, sizeof(q.file), "epoch-%05d.loom", t->epoch);
        if (t->dir) {
            char *path = loom_asprintf("%s/%s", t->dir, q.file);
            json_t *info = loom_trainer_info(t);
            json_object_set_new(info, "val_metric", json_real(val.metric));
            json_object_set_new(info, "ebops", json_real(ebops));
            if (t->conf.cost.device[0])
                json_object_set_new(info, "cells", json_real(cost));
            err = loom_checkpoint_write(path, m, info, NULL, NULL, e);
            json_decref(info);
            free(path);
        }
        if (!err)
            t->n_gone = loom_pareto_add(&t->front, &q, t->gone);
        for (int k = 0; !err && k < t->front.n; k++)
            if (t->front.point[k].epoch == t->epoch)
                t->new_point = k;
    }
    memcpy(m->theta, t->kept, m->n_theta * sizeof(float));
    return err;
}

void loom_history_add(struct loom_history *h, const struct loom_train_point *p)
{
    if ((p->epoch - 1) % h->stride)
        return;
    if (h->n == LOOM_HISTORY) {
        for (int k = 0; 2 * k < h->n; k++)
            h->point[k] = h->point[2 * k];
        h->n = (h->n + 1) / 2;
        h->stride *= 2;
        if ((p->epoch - 1) % h->stride)
            return;
    }
    h->point[h->n++] = *p;
}

static int end_epoch(struct loom_trainer *t, struct loom_errmsg *e)
{
    t->epoch++;
    t->new_point = -1;
    t->n_gone = 0;
    /* Ranges are calibrated for every point that is kept, so here no value
     * wraps, and what validation sees is remembered for that. */
    loom_model_prepare(t->model, LOOM_MODE_TRACE);
    loom_trainer_count(t, 0.0f);
    t->val = score_part(t, LOOM_VAL);
    if (!isfinite(t->val.loss))
        return nan_error(t, t->epoch, t->batch, e);
    int err = 0;
    if (loom_pareto_wants(&t->front, t->val.metric, t->cost))
        err = try_point(t, e);
    double now = loom_now();
    t->epoch_seconds = now - t->epoch_started;
    t->epoch_started = now;
    t->ended = loom_trainer_now(t);
    loom_history_add(&t->history, &t->ended);
    if (!err)
        err = loom_trainer_guard(t, e);
    t->batch = 0;
    t->epoch_loss = 0;
    t->train_rows = 0;
    if (!err && !loom_trainer_done(t)) {
        loom_trainer_shuffle(t);
        err = loom_trainer_schedules(t, e);
        loom_trainer_follow(t);
    }
    return err;
}

int loom_trainer_step(struct loom_trainer *t, struct loom_errmsg *e)
{
    /* Before the step: of the last one, the caller has taken note. A state that
     * was ahead of his records would leave a hole in them after a kill. */
    int err = loom_trainer_autosave(t, e);
    if (!err)
        err = train_batch(t, e);
    if (err)
        return err;
    if (t->batch < t->batches)
        return LOOM_STEP_BATCH;
    err = loom_dataset_intact(t->data, e);
    if (!err)
        err = end_epoch(t, e);
    return err ? err : LOOM_STEP_EPOCH;
}

/* ---- outputs ----------------------------------------------------------- */

/* Rows x forward in the mode prepared; outputs to z, if asked for. */
static void run_rows(const struct loom_model *m, struct loom_scratch *s,
                     struct loom_sums *sums, const float *x, size_t rows,
                     float *z)
{
    const struct loom_layer *out = &m->layer[m->output];
    for (size_t at = 0; at < rows; at += LOOM_BLOCK) {
        size_t n = rows - at < LOOM_BLOCK ? rows - at : LOOM_BLOCK;
        for (size_t r = 0; r < n; r++)
            loom_scratch_put(s, m, r, x + (at + r) * m->n_in);
        loom_model_forward(m, s, n, sums);
        for (size_t r = 0; z && r < n; r++)
            memcpy(z + (at + r) * out->n, s->out[m->output] + r * out->ld,
                   out->n * sizeof(*z));
    }
}

/* Forward in a mode, with memory of its own. */
static int run_alone(struct loom_model *m, enum loom_mode mode, const float *x,
                     size_t rows, float *z, struct loom_errmsg *e)
{
    struct loom_scratch s;
    struct loom_sums sums = {0};
    int err = loom_scratch_init(&s, m, e);
    if (!err)
        err = loom_sums_init(&sums, m, e);
    if (!err) {
        loom_model_prepare(m, mode);
        run_rows(m, &s, &sums, x, rows, z);
        if (mode == LOOM_MODE_TRACE)
            loom_model_trace(m, &sums, 1);
    }
    loom_scratch_deinit(&s);
    loom_sums_deinit(&sums);
    return err;
}

int loom_model_predict(struct loom_model *m, const float *x, size_t rows,
                       float *z, struct loom_errmsg *e)
{
    return run_alone(m, LOOM_MODE_EVAL, x, rows, z, e);
}

int loom_model_calibrate(struct loom_model *m, const float *x, size_t rows,
                         struct loom_errmsg *e)
{
    return run_alone(m, LOOM_MODE_TRACE, x, rows, NULL, e);
}
