/* One layer under the magnifying glass: plain data for a screen, a window of
 * its weights and numbers of the whole. Filled on request only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/bit_history.h"

enum {
    LOOM_DETAIL_CELLS = 16384,
    LOOM_DETAIL_SIDE = 512, /* most rows or columns of a window */
    LOOM_DETAIL_BINS = 17,  /* 0 .. 15 bits, 16 and more */
    LOOM_DETAIL_DEAD = 24   /* listed; all are counted */
};

/* What is asked for: weights (or the layer's inputs) from (row, col) on, in
 * cells of high x wide, of which there are rows x cols; now, or as the last map
 * of the history up to an epoch has them, which knows of weights alone.
 * Anything out of bounds is put right.
 *
 * A dense layer's row is an input, its column an output. Convolutions are laid
 * out by channel: the kernel that channel c has in filter f begins at
 * (c kernel_high, f kernel_wide). Inputs lie as an image does, its channels
 * side by side, or as a line a channel; a list of them is wrapped. */
struct loom_layer_watch {
    char name[32]; /* as struct loom_train_layer has it; "" nothing */
    int row, col, rows, cols, high, wide;
    int epoch; /* 0: now */
    bool inputs;
    int example; /* whose values the inputs are: a row of the caller's */
};

/* A cell: one weight or input; of several, bits are means and the others mean
 * magnitudes. What is not known is NaN. */
struct loom_weight_cell {
    float bits;
    float value, error; /* as trained; that less as quantized. An input's is
                           that of one example. */
    float gradient;     /* on the value */
    float bit_gradient; /* on its trained bits, beta's part in it */
    float range, fill;  /* what its bits reach up to, 0: it has none; how much
                           of that the value takes, above 1: it saturates */
    int8_t k, i, f;     /* format, of one */
};

/* Formats of a layer's inputs or outputs. */
struct loom_format_range {
    int n;                             /* elements; 0: not quantized */
    int dead;                          /* of no bits */
    int k, i_min, i_max, f_min, f_max; /* of the live ones */
    float mean_bits, low, high;        /* what they can hold */
};

struct loom_layer_detail {
    char name[32], kind[16];      /* name "": there is no such layer */
    int rows, cols;               /* of the whole layer, as it is laid out */
    int kernel_high, kernel_wide; /* of a convolution's; of an image; or 1 */
    bool inputs;                  /* they are shown, not the weights */
    int epoch;                    /* of what is shown */
    int map;                      /* of the history; negative: as it is now */
    bool symmetric;               /* ranges: no lowest number without a twin */
    int high, wide, row, col, n_rows, n_cols;        /* the window */
    struct loom_weight_cell cell[LOOM_DETAIL_CELLS]; /* [n_rows][n_cols] */
    float row_bits[LOOM_DETAIL_SIDE]; /* mean of the whole row, a cell row */
    float in_k[LOOM_DETAIL_SIDE], in_i[LOOM_DETAIL_SIDE],
        in_f[LOOM_DETAIL_SIDE];      /* of the input at the first of its rows */
    int histogram[LOOM_DETAIL_BINS]; /* weights by bits */
    float mean_bits, p90_bits, max_bits;
    float saturated;     /* share of the weights beyond their range */
    int weights, pruned; /* or inputs; pruned: of no bits, or quantized to 0 */
    /* Inputs (channels) and outputs (filters) that no weight is left for. */
    int n_dead_rows, dead_row[LOOM_DETAIL_DEAD];
    int n_dead_cols, dead_col[LOOM_DETAIL_DEAD];
    float ebops, share; /* of the network's */
    struct loom_format_range in, out;
    int n_points; /* of the history; the last one is the latest kept */
    struct loom_bit_point point[LOOM_BIT_MAPS];
};

/* Look at the layer that w names; h may be NULL: no history. `example`: what a
 * forward of one row left, or NULL: values of inputs are not known. Costs about
 * what quantizing the layer once does; allocates nothing. */
void loom_layer_look(struct loom_model *m, const struct loom_bit_history *h,
                     int epoch, const struct loom_layer_watch *w,
                     const struct loom_scratch *example,
                     struct loom_layer_detail *d);
