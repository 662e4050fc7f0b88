/* What a screen shows of a training run: plain data, filled by the trainer,
 * copied by value. Nothing here points anywhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    LOOM_VIEW_POINTS = 512, /* of history, decimated evenly when longer */
    LOOM_VIEW_FRONT = 96,
    LOOM_VIEW_LAYERS = 24,
    LOOM_VIEW_CHANNELS = 128,
    LOOM_VIEW_METRICS = 3 /* beside the one that the front is made by */
};

enum loom_train_state {
    LOOM_TRAIN_EMPTY,   /* no run */
    LOOM_TRAIN_LOADING, /* the script runs, data is read or made */
    LOOM_TRAIN_RUNNING,
    LOOM_TRAIN_PAUSING, /* stops after this batch */
    LOOM_TRAIN_PAUSED,
    LOOM_TRAIN_DONE,
    LOOM_TRAIN_FAILED
};

struct loom_train_point {
    int epoch;
    float loss, val_loss, val_metric, ebops, beta, lr;
    float cost; /* what beta is the price of: the EBOPs, or a device's cells */
    float more[LOOM_VIEW_METRICS]; /* by the further metrics */
};

struct loom_train_layer {
    char name[32], kind[24];
    int n_in, n_out;
    float mean_w_bits, mean_a_bits; /* a: of its inputs; < 0: not quantized */
    float ebops;
    int weights, pruned; /* pruned: weights of 0 bits */
    int n_channels;      /* of channel_bits: min(n_out, ...) */
    bool frozen;         /* its bits are trained no more */
    float channel_bits[LOOM_VIEW_CHANNELS]; /* mean weight bits an output */
};

struct loom_train_front {
    int epoch;
    float val_metric, ebops, cost;
};

struct loom_train_view {
    enum loom_train_state state;
    char run[48];    /* id in the store */
    char metric[64]; /* "accuracy", "rms", "angle.rms" */
    char unit[16];   /* of the metric, "" or "mrad" */
    bool lower_is_better;
    int n_more; /* further metrics */
    char more_metric[LOOM_VIEW_METRICS][64];
    float more[LOOM_VIEW_METRICS];
    int epoch, epochs;  /* finished, planned */
    int batch, batches; /* within the epoch */
    int threads;
    float loss, val_loss, val_metric, ebops, beta, lr;
    float cost;        /* what beta is the price of: the EBOPs, or */
    char cost_unit[8]; /* "LC", "LUT4": cells as a step estimates them */
    float beta_factor, lr_factor; /* the user's factors on the schedules */
    float target;   /* cost that beta follows; 0: none, beta is as planned */
    float outliers; /* regression: share of errors beyond the cut; else -1 */
    float seconds_per_epoch, samples_per_s, elapsed_s, eta_s;
    int checkpoint_age_s; /* since the last one written; -1 none */
    int n_points;
    struct loom_train_point point[LOOM_VIEW_POINTS];
    int n_front;
    struct loom_train_front front[LOOM_VIEW_FRONT]; /* rising cost */
    int n_layers;
    struct loom_train_layer layer[LOOM_VIEW_LAYERS];
    float pruned_fraction;
    char weights[20]; /* hash of all parameters, once it is done; else "" */
    char error[512]; /* state FAILED: what, where, what to do */
};
