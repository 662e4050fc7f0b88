#include "tests/tui/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const view_names[VIEW_KINDS] = {
    "empty",  "loading", "first",  "running",  "pausing",
    "paused", "done",    "failed", "building", "odd"};

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
    if (kind == VIEW_DONE) {
        t->epochs = t->epoch;
        t->eta_s = 0;
        add_log(v, LOOM_LOG_GOOD, "done: 480 epochs in 3m17");
        finish_build(add_build(v, 1, LOOM_BUILD_DONE, LOOM_PHASE_BITSTREAM));
    } else if (kind == VIEW_BUILDING) {
        make_builds(v);
    } else if (kind == VIEW_PAUSED) {
        t->beta_factor = 1.5625f;
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
