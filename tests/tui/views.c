#include "tests/tui/views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

const char *const view_names[VIEW_KINDS] = {
    "empty", "loading", "first",    "running", "pausing", "paused",
    "done",  "failed",  "building", "built",   "odd"};

static uint32_t state;

static double noise(void) /* -1 .. 1 */
{
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / 8388608.0 - 1;
}

static void add_log(struct loom_view *v, enum loom_log_level level,
                    const char *text)
{
    struct loom_log_line *l = &v->log[v->n_log];
    *l = (struct loom_log_line){.number = (uint64_t)v->n_log + 31,
                                .time = 1000000 + v->n_log * 7,
                                .level = level};
    snprintf(l->text, sizeof l->text, "%s", text);
    v->n_log++;
}

static void make_points(struct loom_train_view *t, int epochs)
{
    t->n_points = epochs;
    for (int i = 0; i < epochs; i++) {
        double x = (i + 1) / 60.0;
        struct loom_train_point *p = &t->point[i];
        p->epoch = i + 1;
        p->loss = (float)(0.2 + 1.1 * exp(-x * 1.5) + 0.004 * noise());
        p->val_loss = (float)(0.22 + 1.1 * exp(-x * 1.4) + 0.012 * noise());
        p->val_metric = (float)(3.4 + 14 * exp(-x) + 0.15 * noise());
        p->ebops = (float)(42000 * exp(-x * 0.45) + 900);
        p->beta = (float)(1e-7 * pow(10, i / 130.0));
        p->lr = (float)(2e-3 * (0.55 + 0.45 * cos(i / 15.0)));
    }
    const struct loom_train_point *p = &t->point[epochs - 1];
    t->epoch = epochs;
    t->loss = p->loss;
    t->val_loss = p->val_loss;
    t->val_metric = p->val_metric;
    t->ebops = p->ebops;
    t->beta = p->beta;
    t->lr = p->lr;
}

static void make_layer(struct loom_train_view *t, const char *name,
                       const char *kind, int n_in, int n_out, double bits)
{
    struct loom_train_layer *l = &t->layer[t->n_layers++];
    snprintf(l->name, sizeof l->name, "%s", name);
    snprintf(l->kind, sizeof l->kind, "%s", kind);
    l->n_in = n_in;
    l->n_out = n_out;
    l->mean_a_bits = (float)(bits + 1.1);
    if (bits < 0) {
        l->mean_w_bits = -1;
        l->mean_a_bits = 7;
        return;
    }
    l->weights = n_in * n_out;
    l->n_channels = n_out < LOOM_VIEW_CHANNELS ? n_out : LOOM_VIEW_CHANNELS;
    double sum = 0;
    for (int i = 0; i < l->n_channels; i++) {
        double b = bits * (1.9 - 1.8 * i / l->n_channels) + noise();
        l->channel_bits[i] = b > 0.3 ? (float)b : 0;
        sum += (double)l->channel_bits[i];
    }
    l->mean_w_bits = (float)(sum / l->n_channels);
    l->pruned = (int)(l->weights * 0.3 / bits);
    l->ebops = (float)(l->weights * bits * 4.0);
}

static void make_model(struct loom_train_view *t)
{
    make_layer(t, "quant_in", "quantize", 350, 350, -1);
    make_layer(t, "dense_0", "dense", 350, 64, 1.6);
    make_layer(t, "dense_1", "dense", 64, 32, 2.7);
    make_layer(t, "dense_2", "dense", 32, 32, 3.4);
    make_layer(t, "out", "dense", 32, 1, 4.6);
    t->pruned_fraction = 0.41f;
    for (int i = 0; i < 18; i++)
        t->front[t->n_front++] = (struct loom_train_front){
            .epoch = 214 - i * 11,
            .ebops = (float)(900 * pow(1.23, i)),
            .val_metric = (float)(3.3 + 9 * exp(-i / 4.0))};
}

static void make_forecast(struct loom_view *v)
{
    struct loom_forecast *f = &v->forecast;
    const struct loom_train_view *t = &v->train;
    *f = (struct loom_forecast){.epoch = t->front[0].epoch,
                                .cells = {2160, 1190, 980, 2430},
                                .lc_available = 7680};
    snprintf(f->device, sizeof f->device, "hx8k");
    for (int k = 0; k < t->n_layers; k++) {
        snprintf(f->layer[k].name, sizeof f->layer[k].name, "%s",
                 t->layer[k].name);
        f->layer[k].lc = 100 + 331 * k;
        f->n_layers++;
    }
}

static void make_logs(struct loom_view *v)
{
    char text[160];
    for (int i = v->train.epoch - 64; i < v->train.epoch; i++) {
        const struct loom_train_point *p = &v->train.point[i];
        snprintf(text, sizeof text,
                 "ep %d  loss %.4f  val %.4f  rms %.3f mrad  ebops %.0f  "
                 "0.41 s/ep",
                 p->epoch, (double)p->loss, (double)p->val_loss,
                 (double)p->val_metric, (double)p->ebops);
        add_log(v, LOOM_LOG_INFO, text);
        if (i % 9 == 0)
            add_log(v, LOOM_LOG_GOOD, "front: new point, kept as a checkpoint");
        if (i % 30 == 0)
            add_log(v, LOOM_LOG_WARN, "dense_1: 2 outputs are pruned away");
    }
}

static struct loom_build_view *add_build(struct loom_view *v, int id,
                                         enum loom_build_state s,
                                         enum loom_phase phase)
{
    static const float seconds[] = {0.21f, 3.1f,  21.4f, 1.1f,
                                    14.0f, 33.1f, 0.4f};
    struct loom_build_view *b = &v->build[v->n_builds++];
    *b = (struct loom_build_view){
        .id = id,
        .state = s,
        .phase = phase,
        .fraction = -1,
        .vectors = phase > LOOM_PHASE_VERIFY ? 4000 : -1,
        .mismatches = phase > LOOM_PHASE_VERIFY ? 0 : -1,
        .lut4 = -1,
        .carry = -1,
        .ff = -1,
        .lc = -1,
        .bram = -1,
        .dsp = -1,
        .lc_available = 7680,
        .fmax_mhz = -1,
        .clock_mhz = 60,
        .latency_cycles = phase > LOOM_PHASE_EMIT ? 9 : -1,
        .predicted_lut4 = 2160,
        .predicted_carry = 1190,
        .predicted_ff = 980,
        .predicted_lc = 2430};
    snprintf(b->name, sizeof b->name, "muon_017");
    snprintf(b->device, sizeof b->device, "ice40-hx8k-ct256");
    snprintf(b->dir, sizeof b->dir, "runs/muon-017/build-%05d-hx8k",
             115 + id % 99 * 11);
    for (int i = 0; s != LOOM_BUILD_QUEUED && i <= (int)phase; i++)
        b->seconds[i] = seconds[i];
    if (phase >= LOOM_PHASE_PLACE) {
        b->lut4 = 2070;
        b->carry = 1212;
        b->ff = 955;
        b->lc = 2301;
    }
    return b;
}

static void finish_build(struct loom_build_view *b)
{
    b->fmax_mhz = 72.31f;
    snprintf(b->bitstream, sizeof b->bitstream, "%s/muon.bin", b->dir);
}

static void make_builds(struct loom_view *v)
{
    add_build(v, 14, LOOM_BUILD_QUEUED, LOOM_PHASE_EMIT);
    struct loom_build_view *b =
        add_build(v, 13, LOOM_BUILD_RUNNING, LOOM_PHASE_ROUTE);
    b->fraction = 0.61f;
    snprintf(b->detail, sizeof b->detail, "overused 37");
    b = add_build(v, 12, LOOM_BUILD_FAILED, LOOM_PHASE_PLACE);
    b->lc = 8601;
    b->lut4 = 8320;
    snprintf(b->error, sizeof b->error,
             "does not fit: 8601 LC needed, ice40-hx8k-ct256 has 7680; raise "
             "beta or choose a smaller point of the front");
    b = add_build(v, 11, LOOM_BUILD_CANCELLED, LOOM_PHASE_YOSYS);
    finish_build(add_build(v, 9, LOOM_BUILD_DONE, LOOM_PHASE_BITSTREAM));
}

static void make_odd(struct loom_view *v)
{
    struct loom_train_view *t = &v->train;
    snprintf(t->run, sizeof t->run, "長い名前の実行-é\x01\xff");
    snprintf(t->layer[1].name, sizeof t->layer[1].name,
             "層_with_a_very_long_name_here");
    t->point[40].loss = NAN;
    t->point[41].val_loss = INFINITY;
    t->point[42].val_loss = -1;
    t->front[2].ebops = NAN;
    t->loss = NAN;
    t->ebops = 3.2e9f;
    t->beta = 0;
    t->beta_factor = 3.05f;
    t->eta_s = 1e9f;
    t->layer[2].channel_bits[3] = NAN;
    t->layer[2].channel_bits[4] = 31;
    t->layer[3].ebops = INFINITY;
    t->layer[3].n_out = 4000;
    add_log(v, LOOM_LOG_ERROR,
            "tab\there, bell\x07, broken \xe2\x94, 漢字, e\xcc\x81");
    struct loom_build_view *b =
        add_build(v, 2000000000, LOOM_BUILD_RUNNING, LOOM_PHASE_YOSYS);
    b->lc_available = 0;
    memset(b->detail, 'x', sizeof b->detail - 1);
}

/* A run some way on. */
static void make_run(enum view_kind kind, struct loom_view *v)
{
    struct loom_train_view *t = &v->train;
    make_points(t, kind == VIEW_DONE ? 480 : 214);
    t->seconds_per_epoch = 0.41f;
    t->eta_s = 158;
    t->checkpoint_age_s = 7;
    make_logs(v);
    if (kind != VIEW_PAUSING)
        make_forecast(v);
    if (kind == VIEW_DONE) {
        t->epochs = t->epoch;
        t->eta_s = 0;
        add_log(v, LOOM_LOG_GOOD, "done: 480 epochs in 3m17");
        finish_build(add_build(v, 1, LOOM_BUILD_DONE, LOOM_PHASE_BITSTREAM));
    } else if (kind == VIEW_BUILDING || kind == VIEW_BUILT) {
        make_builds(v);
        if (kind == VIEW_BUILT) { /* and has a convolution */
            struct loom_train_layer *l = &t->layer[2];
            snprintf(l->kind, sizeof l->kind, "conv2d");
            snprintf(v->stopped, sizeof v->stopped, "no better in 50 epochs");
            l->n_in = 72;
            l->weights = l->n_in * l->n_out;
        }
    } else if (kind == VIEW_PAUSED) {
        t->beta_factor = 1.5625f;
        v->collapsed = 180;
    } else if (kind == VIEW_FAILED) {
        snprintf(t->error, sizeof t->error,
                 "examples/muon.lua:31: loss is not a number at epoch 215, "
                 "batch 118.\nThe first bad tensor is the input of dense_1. "
                 "Lower the learning rate, or start beta smaller.\nThe last "
                 "good state is epoch 214: bitloom run examples/muon.lua "
                 "--resume muon-017");
        add_log(v, LOOM_LOG_ERROR, "loss is not a number at epoch 215");
    } else if (kind == VIEW_ODD) {
        make_odd(v);
    }
}

void view_make(enum view_kind kind, struct loom_view *v)
{
    static const enum loom_train_state states[VIEW_KINDS] = {
        [VIEW_EMPTY] = LOOM_TRAIN_EMPTY,
        [VIEW_LOADING] = LOOM_TRAIN_LOADING,
        [VIEW_PAUSING] = LOOM_TRAIN_PAUSING,
        [VIEW_PAUSED] = LOOM_TRAIN_PAUSED,
        [VIEW_DONE] = LOOM_TRAIN_DONE,
        [VIEW_FAILED] = LOOM_TRAIN_FAILED,
        [VIEW_FIRST] = LOOM_TRAIN_RUNNING,
        [VIEW_RUNNING] = LOOM_TRAIN_RUNNING,
        [VIEW_BUILDING] = LOOM_TRAIN_RUNNING,
        [VIEW_BUILT] = LOOM_TRAIN_DONE,
        [VIEW_ODD] = LOOM_TRAIN_RUNNING};
    struct loom_train_view *t = &v->train;
    state = 7;
    memset(v, 0, sizeof *v);
    v->serial = 1;
    t->state = states[kind];
    t->outliers = t->pruned_fraction = -1;
    t->checkpoint_age_s = -1;
    t->beta_factor = t->lr_factor = 1;
    if (kind == VIEW_EMPTY)
        return;
    snprintf(v->script, sizeof v->script, "examples/muon.lua");
    snprintf(v->device, sizeof v->device, "ice40-hx8k-ct256");
    add_log(v, LOOM_LOG_INFO, "examples/muon.lua");
    if (kind == VIEW_LOADING)
        return;
    snprintf(t->run, sizeof t->run, "muon-017");
    snprintf(t->metric, sizeof t->metric, "rms");
    snprintf(t->unit, sizeof t->unit, "mrad");
    t->lower_is_better = true;
    t->epochs = 600;
    t->batches = 120;
    t->threads = 2;
    make_model(t);
    if (kind == VIEW_FIRST) {
        t->n_front = 0;
        t->batch = 17;
        t->loss = t->val_loss = t->val_metric = t->ebops = NAN;
        t->beta = 1e-7f;
        t->lr = 2e-3f;
        return;
    }
    make_run(kind, v);
}

/* ---- runs ---- */

static struct loom_store_run make_stored_run(int i)
{
    static const char *const tags[] = {"beta", "beta,best", "", "old", "wide"};
    bool jets = i % 3 == 0;
    struct loom_store_run r = {
        .lower_is_better = !jets,
        .state = i == 13  ? LOOM_RUN_RUNNING
                 : i == 9 ? LOOM_RUN_FAILED
                 : i == 8 ? LOOM_RUN_STOPPED
                 : i == 7 ? LOOM_RUN_LOST
                          : LOOM_RUN_DONE,
        .seed = 7,
        .data_hash = jets ? 0x9c1f : 0x88e02,
        .started = 1.79e9 + i * 5000,
        .ended = i == 13 ? (double)NAN : 1.79e9 + i * 5000 + 125,
        .epochs = i == 9 ? 31 : 600 - i,
        .n_points = i == 9 ? 0 : 18,
        .best_epoch = i == 9 ? 0 : 214,
        .best_metric = jets ? 0.73 + i * 0.0021 : 14.1 - i * 0.31,
        .best_ebops = 900 * pow(1.3, i)};
    snprintf(r.id, sizeof r.id, "%s-%03d", jets ? "jets" : "muon", i + 1);
    if (i == 10 || i == 11)
        snprintf(r.parent, sizeof r.parent, "muon-%03d", i == 10 ? 5 : 11);
    snprintf(r.metric, sizeof r.metric, "%s", jets ? "accuracy" : "rms");
    snprintf(r.unit, sizeof r.unit, "%s", jets ? "" : "mrad");
    snprintf(r.version, sizeof r.version, "0.1.0");
    r.dir = loom_asprintf("runs/%s", r.id);
    r.script = loom_asprintf("examples/%s.lua", jets ? "jets" : "muon");
    r.script_id = i % 2;
    r.script_text = loom_strdup(i % 2 ? "beta = 1e-6" : "beta = 2e-6");
    r.settings = loom_asprintf("{\"beta\":%de-6,\"epochs\":600,\"lr\":0.002}",
                               1 + i % 2);
    r.tags = loom_strdup(tags[i % 5]);
    r.note = loom_strdup(i == 11 ? "beta kept small until epoch 100" : "");
    r.reason = loom_strdup(
        i == 9 ? "loss is not a number at epoch 31, batch 118" : "");
    r.n_builds = i % 4 == 3;
    return r;
}

static struct loom_store_cost *make_costs(const struct loom_store_run *r, int n,
                                          size_t *n_costs)
{
    struct loom_store_cost *c = loom_calloc((size_t)n + 1, sizeof *c);
    *n_costs = 0;
    for (int k = 0; k < 2; k++) /* by id: jets before muon */
        for (int i = 0; i < n; i++)
            if (r[i].n_builds && (r[i].id[0] == 'm') == (k == 1)) {
                struct loom_store_cost *to = &c[(*n_costs)++];
                *to = (struct loom_store_cost){
                    .epoch = 214,
                    .lut4 = i == 6 ? (double)NAN : 2070 + 100 * i,
                    .lc = i == 6 ? (double)NAN : 2400 + 100 * i,
                    .ff = 950,
                    .fmax_mhz = i == 6 ? (double)NAN : 61.5 + i,
                    .predicted_lut4 = 2160 + 100 * i,
                    .predicted_lc = 2430 + 100 * i};
                memcpy(to->run, r[i].id, sizeof to->run);
                snprintf(to->device, sizeof to->device, "ice40-hx8k-ct256");
            }
    return c;
}

static int by_cost(const void *a, const void *b)
{
    return strcmp(((const struct loom_store_cost *)a)->run,
                  ((const struct loom_store_cost *)b)->run);
}

/* What the reader would have found of the run at the cursor. */
static struct runs_more *make_more(const struct runs_list *l)
{
    struct runs_more *m = loom_calloc(1, sizeof *m);
    memcpy(m->id, l->cursor, sizeof m->id);
    m->n_epochs = 300;
    m->epoch = loom_calloc(m->n_epochs, sizeof *m->epoch);
    for (int i = 0; i < 300; i++)
        m->epoch[i] = (struct loom_store_epoch){
            .epoch = i + 1,
            .loss = 0.2 + exp(-i / 40.0) + 0.004 * noise(),
            .val_loss = 0.23 + exp(-i / 38.0) + 0.01 * noise()};
    m->n_points = 18;
    m->point = loom_calloc(m->n_points, sizeof *m->point);
    for (int i = 0; i < 18; i++)
        m->point[i] =
            (struct loom_store_point){.epoch = 214 - 11 * i,
                                      .ebops = 900 * pow(1.23, i),
                                      .val_metric = 10 + 9 * exp(-i / 4.0),
                                      .live = true};
    m->n_builds = 1;
    m->build = loom_calloc(1, sizeof *m->build);
    *m->build = (struct loom_store_build){.epoch = 203,
                                          .device = "ice40-hx8k-ct256",
                                          .state = "done",
                                          .started = 1.79e9,
                                          .dir = loom_strdup("b"),
                                          .report = loom_strdup("")};
    m->n_sparks = l->n < RUNS_MARKS ? l->n : RUNS_MARKS;
    m->spark = loom_calloc(RUNS_MARKS, sizeof *m->spark);
    for (int i = 0; i < m->n_sparks; i++) {
        memcpy(m->spark[i].id, runs_list_row(l, i)->run->id, LOOM_RUN_ID);
        runs_make_spark(&m->spark[i], m->epoch, i == 3 ? 0 : 300);
    }
    return m;
}

/* What should never be, but is in somebody's store. */
static void make_strange(struct loom_store_run *r)
{
    snprintf(r->id, sizeof r->id, "長い名前の実行-é-with-a-very-long-name\x01");
    memcpy(r->parent, r->id, sizeof r->parent); /* its own parent */
    free(r->tags);
    free(r->note);
    free(r->settings);
    r->tags = loom_strdup("\x1b[31m,漢字,,broken \xe2\x94");
    r->note = loom_strdup("tab\t, bell \a, \xff\xfe, e\xcc\x81");
    r->settings = loom_strdup("[not an object]");
    r->best_metric = (double)NAN;
    r->best_ebops = INFINITY;
    r->started = 1e300;
    r->ended = -1e300;
    r->seed = UINT64_MAX;
}

struct runs_list *runs_make(enum runs_kind kind)
{
    static const enum runs_state states[RUNS_KINDS] = {
        [RUNS_NOTHING] = RUNS_READY,
        [RUNS_ABSENT] = RUNS_NO_STORE,
        [RUNS_BROKEN] = RUNS_ERROR,
        [RUNS_SOME] = RUNS_READY,
        [RUNS_STRANGE] = RUNS_READY};
    if (kind == RUNS_NULL)
        return NULL;
    struct runs_list *l = runs_list_new();
    int n = kind >= RUNS_SOME ? 14 : 0;
    size_t n_costs;
    l->state = states[kind];
    loom_fail(&l->error, LOOM_ERR_FORMAT,
              kind == RUNS_ABSENT
                  ? "runs: no runs here; train something first, or name "
                    "another folder with --out"
                  : "runs/bitloom.db: damaged, or not a run store; move it "
                    "away or choose another folder with --out");
    if (kind == RUNS_ABSENT || kind == RUNS_BROKEN)
        return l;
    state = 7;
    struct loom_store_run *r = loom_calloc((size_t)n + 1, sizeof *r);
    for (int i = 0; i < n; i++)
        r[i] = make_stored_run(n - 1 - i);
    if (kind == RUNS_STRANGE)
        make_strange(&r[0]);
    struct loom_store_cost *c = make_costs(r, n, &n_costs);
    qsort(c, n_costs, sizeof *c, by_cost);
    runs_list_set_data(l, runs_data_new(r, (size_t)n, c, n_costs));
    if (n)
        runs_list_set_more(l, make_more(l));
    return l;
}

/* ---- a layer ---- */

/* Bits more that all weights had at the beginning. */
static double melt(int epoch)
{
    return 4 * exp(-epoch / 50.0);
}

static float weight_bits(int row, int col, const struct loom_train_layer *l,
                         double more)
{
    if (row % 13 == 5 || col % 17 == 9)
        return 0;
    state = (uint32_t)(row * 7919 + col * 104729 + 1);
    noise();
    double b = (double)l->mean_w_bits * (2 - 2.0 * col / l->n_out) + noise();
    b += more - 0.001 * row;
    return b > 0.5 ? (float)floor(b + 0.5) : 0;
}

static struct loom_weight_cell weight(float bits)
{
    double v = noise();
    return (struct loom_weight_cell){.bits = bits,
                                     .value = (float)(0.7 * v * v * v),
                                     .error = (float)(0.02 * noise()),
                                     .gradient = (float)(1e-3 * noise()),
                                     .bit_gradient = (float)(1e-5 * noise()),
                                     .range = bits > 0,
                                     .fill = (float)fabs(0.7 * v * v * v) * 2,
                                     .k = 1,
                                     .i = 0,
                                     .f = (int8_t)bits};
}

static void fill_cells(struct loom_layer_detail *d,
                       const struct loom_train_layer *l, int epoch)
{
    double more = melt(epoch);
    for (int y = 0; y < d->n_rows; y++) {
        d->in_k[y] = 0;
        d->in_i[y] = 2;
        d->in_f[y] = (float)(y % 5);
        for (int x = 0; x < d->n_cols; x++) {
            struct loom_weight_cell *c = &d->cell[y * d->n_cols + x];
            *c = weight(weight_bits(d->row + y * d->high, d->col + x * d->wide,
                                    l, more));
            d->row_bits[y] += c->bits / (float)d->n_cols;
            if (d->map >= 0)
                c->value = c->error = c->gradient = c->bit_gradient =
                    c->range = c->fill = NAN;
            if (d->inputs)
                c->error = c->gradient = NAN;
        }
    }
}

static void count_bits(struct loom_layer_detail *d,
                       const struct loom_train_layer *l, int epoch)
{
    double sum = 0, more = melt(epoch);
    for (int r = 0; r < d->rows; r++)
        for (int c = 0; c < d->cols; c++) {
            float b = weight_bits(r, c, l, more);
            d->histogram[b > 16 ? 16 : (int)b]++;
            sum += (double)b;
            d->max_bits = fmaxf(d->max_bits, b);
        }
    d->weights = d->rows * d->cols;
    d->pruned = d->histogram[0];
    d->mean_bits = (float)(sum / d->weights);
    d->p90_bits = loom_bit_quantile(d->histogram, LOOM_DETAIL_BINS, 0.9);
    for (int r = 5; r < d->rows; r += 13, d->n_dead_rows++)
        if (d->n_dead_rows < LOOM_DETAIL_DEAD)
            d->dead_row[d->n_dead_rows] = r;
    for (int c = 9; c < d->cols; c += 17, d->n_dead_cols++)
        if (d->n_dead_cols < LOOM_DETAIL_DEAD)
            d->dead_col[d->n_dead_cols] = c;
}

static void fill_history(struct loom_layer_detail *d, const struct loom_view *v,
                         const struct loom_train_layer *l)
{
    for (int e = 1; e <= v->train.epoch && d->n_points < LOOM_BIT_MAPS; e += 8)
        d->point[d->n_points++] = (struct loom_bit_point){
            e, l->mean_w_bits + 4 * expf(-(float)e / 50),
            floorf(l->mean_w_bits * 2 + 4 * expf(-(float)e / 50))};
}

/* A convolution's kernels of 3 x 3, inputs as a list or an image of 3 columns.
 */
static void lay_out(struct loom_layer_detail *d,
                    const struct loom_layer_watch *w,
                    const struct loom_train_layer *l)
{
    bool conv = !strcmp(l->kind, "conv2d");
    d->inputs = w->inputs;
    d->kernel_high = d->kernel_wide = conv ? 3 : 1;
    d->rows = conv ? l->n_in / 3 : l->n_in;
    d->cols = conv ? l->n_out * 3 : l->n_out;
    if (!w->inputs)
        return;
    d->rows = conv ? 12 : (l->n_in + 31) / 32;
    d->cols = conv ? l->n_in / 9 * 10 : l->n_in < 32 ? l->n_in : 32;
    d->kernel_high = conv ? 12 : 1;
    d->kernel_wide = conv ? 10 : 1;
}

void view_detail(const struct loom_view *v, const struct loom_layer_watch *w,
                 struct loom_layer_detail *d)
{
    const struct loom_train_layer *l = NULL;
    memset(d, 0, sizeof *d);
    for (int i = 0; i < v->train.n_layers; i++)
        if (!strcmp(v->train.layer[i].name, w->name) &&
            v->train.layer[i].weights)
            l = &v->train.layer[i];
    d->map = -1;
    d->epoch = v->train.epoch;
    if (!l)
        return;
    memcpy(d->name, l->name, sizeof d->name);
    memcpy(d->kind, l->kind, sizeof d->kind);
    lay_out(d, w, l);
    fill_history(d, v, l);
    for (int k = 0; w->epoch && !d->inputs && k < d->n_points; k++)
        if (k == 0 || d->point[k].epoch <= w->epoch)
            d->epoch = d->point[d->map = k].epoch;
    d->high = w->high;
    d->wide = w->wide;
    d->row = w->row;
    d->col = w->col;
    d->n_rows = w->rows;
    d->n_cols = w->cols;
    d->symmetric = true;
    d->ebops = l->ebops;
    d->share = 0.4f;
    d->saturated = 0.003f;
    d->in =
        (struct loom_format_range){l->n_in, 3, 0, 1, 2, -1, 5, 3.6f, 0, 3.9f};
    d->out = (struct loom_format_range){l->n_out, 0, 1,    4,   4,
                                        2,        2, 7.0f, -16, 15.75f};
    if (l->n_out == 1)
        d->out.n = 0;
    fill_cells(d, l, d->epoch);
    count_bits(d, l, d->epoch);
    if (v->train.loss != v->train.loss && d->n_rows * d->n_cols > 4) {
        d->cell[1].value = INFINITY;
        d->cell[2].gradient = NAN;
        d->cell[3].bits = 31;
    }
}

/* ---- the console ---- */

void view_line(struct loom_console_view *v, enum loom_console_kind kind,
               const char *text)
{
    struct loom_console_line *l = &v->line[v->n++];
    l->number = (uint64_t)v->n;
    l->kind = kind;
    snprintf(l->text, sizeof l->text, "%s", text);
}

void view_console(struct loom_console_view *v)
{
    static const struct {
        enum loom_console_kind kind;
        const char *text;
    } lines[] = {
        {LOOM_CONSOLE_INPUT, "run.val_loss"},
        {LOOM_CONSOLE_OUTPUT, "0.2601"},
        {LOOM_CONSOLE_INPUT, "for _, l in ipairs(run.layers) do"},
        {LOOM_CONSOLE_MORE, "  print(l.name, l.bits)"},
        {LOOM_CONSOLE_MORE, "end"},
        {LOOM_CONSOLE_OUTPUT, "dense_0\t3.2"},
        {LOOM_CONSOLE_OUTPUT, "dense_1\t2.41"},
        {LOOM_CONSOLE_INPUT, "run.layerz"},
        {LOOM_CONSOLE_ERROR,
         "console:1: run has no field \"layerz\"; it has: batch beta "
         "beta_factor ebops epoch epochs front id layers loss lr state"},
        {LOOM_CONSOLE_INPUT, "\"漢字 é\" .. string.rep(\"-\", 90)"},
        {LOOM_CONSOLE_OUTPUT,
         "漢字 é------------------------------------------------------------"
         "------------------------------"},
    };
    memset(v, 0, sizeof *v);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        view_line(v, lines[i].kind, lines[i].text);
}

/* ---- data ---- */

static void make_column(struct loom_column_summary *c, int k)
{
    snprintf(c->name, sizeof c->name, k % 5 == 3 ? "長い名前_%d" : "C%d_b%d", k,
             k % 3);
    c->low = (float)(-2.5 + 0.1 * k);
    c->high = (float)(4 + 0.3 * k);
    c->mean = 0.03 * k;
    c->deviation = 1 - 0.01 * k;
    for (int i = 0; i < LOOM_SUMMARY_BINS; i++)
        c->bin[i] = (uint32_t)(1000 * exp(-0.01 * (i - 10 - k) * (i - 10 - k)));
}

void view_data(bool classes, const struct loom_data_watch *w,
               struct loom_data_view *v)
{
    static struct loom_data_summary s;
    static struct loom_column_summary feature[40], target[2];
    static struct loom_class_summary class[5];
    static const char *const names[] = {"g", "q", "W", "Z", "t"};
    memset(&s, 0, sizeof s);
    memset(feature, 0, sizeof feature);
    memset(v, 0, sizeof *v);
    for (int i = 0; i < 40; i++)
        make_column(&feature[i], i);
    feature[2].constant = true;
    feature[4].missing = 123;
    make_column(&target[0], 1);
    make_column(&target[1], 2);
    for (int i = 0; i < 5; i++) {
        snprintf(class[i].name, sizeof class[i].name, "%s", names[i]);
        class[i].rows[LOOM_TRAIN] = (size_t)(116012 - 20000 * i);
        class[i].weight = i == 4 ? 2.5f : 1;
    }
    snprintf(s.name, sizeof s.name, "jets_sim");
    snprintf(s.source, sizeof s.source, "data/jets.npz");
    snprintf(s.split, sizeof s.split, "val: 10%% of train, seed 7");
    s.hash = 0x9c1fe07a;
    s.standardized = classes;
    s.n_in = classes ? 16 : 40;
    s.n_out = classes ? 5 : 2;
    s.rows[LOOM_TRAIN] = 380060;
    s.rows[LOOM_VAL] = 42000;
    s.feature = feature;
    s.class = classes ? class : NULL;
    s.target = classes ? NULL : target;
    s.n_constant = classes ? 0 : 1;
    s.n_missing = classes ? 0 : 123;
    s.repeated[LOOM_TRAIN] = classes ? 0 : 17;
    s.shared[LOOM_TRAIN][LOOM_VAL] = classes ? 0 : 3;
    v->summary = &s;
    v->part = w->part;
    v->row = w->row;
    v->col = w->col < s.n_in ? w->col : s.n_in - 1;
    v->n_rows = s.rows[w->part] ? LOOM_DATA_ROWS : 0;
    v->n_cols = (int)(s.n_in - v->col) < LOOM_DATA_COLS ? (int)(s.n_in - v->col)
                                                        : LOOM_DATA_COLS;
    for (int y = 0; y < LOOM_DATA_ROWS; y++) {
        v->label[y] = classes ? (float)((w->row + (size_t)y) % 6) : (float)y;
        for (int x = 0; x < LOOM_DATA_COLS; x++)
            v->x[y][x] = (float)(x + y) / 16;
    }
    v->x[1][1] = NAN;
}

/* ---- a build's folder ---- */

void view_files(const struct builds_wanted *w, struct builds_files *f)
{
    static const char *const types[] = {"clk-to-q", "routing", "logic"};
    static char text[4000];
    static size_t line[60], match[60];
    size_t at = 0;
    memset(f, 0, sizeof *f);
    f->of = *w;
    f->n_steps = 13;
    f->n_slacks = 32;
    f->endpoints = 1024;
    f->failing = 3;
    f->least_ns = -0.41;
    f->bin_ns = 0.5;
    for (int i = 0; i < f->n_slacks; i++)
        f->slack[i] = (float)(90 * exp(-(i - 20) * (i - 20) / 60.0));
    for (int i = 0; i < f->n_steps; i++) {
        snprintf(f->step[i].type, sizeof f->step[i].type, "%s",
                 types[i ? 1 + i % 2 : 0]);
        snprintf(f->step[i].where, sizeof f->step[i].where,
                 i < 6 ? "dense_0 output %d" : "層_1 output %d", i);
        f->step[i].ns = 0.24 + 0.11 * (i % 4);
    }
    f->n_layers = 4;
    for (int i = 0; i < f->n_layers; i++) {
        snprintf(f->layer[i].name, sizeof f->layer[i].name, "dense_%d", i);
        f->layer[i].lut4 = 1300 - 400 * i;
        f->layer[i].carry = 610 - 190 * i;
        f->layer[i].ff = 502 - 100 * i;
        f->layer[i].predicted_lc = 1390 - 390 * i;
    }
    f->n_seeds = 3;
    f->best_seed = 2;
    for (int i = 0; i < f->n_seeds; i++) {
        f->seed[i].seed = i + 1;
        f->seed[i].fmax_mhz = i == 2 ? -1 : 68.2 + 4.1 * i;
    }
    f->text = text;
    f->line = line;
    f->match = match;
    for (int i = 0; i < 60; i++) {
        line[f->n_lines] = at;
        at += 1 + (size_t)snprintf(text + at, sizeof text - at,
                                   "Info: iter=%d wires=%d overused=%d %s", i,
                                   91230 + i, 9120 / (i + 1),
                                   i % 9 ? "" : "漢字\x01\xff");
        if (w->pattern[0] && i % 9 == 0)
            match[f->n_matches++] = f->n_lines;
        f->n_lines++;
    }
    if (!strcmp(w->pattern, "("))
        snprintf(f->wrong, sizeof f->wrong, "at 1: missing )");
}
