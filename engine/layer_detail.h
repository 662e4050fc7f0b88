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

/* What is asked for: weights from (row, col) on, in cells of high x wide,
 * of which there are rows x cols; now, or as the last map of the history up to
 * an epoch has them. Anything out of bounds is put right. */
struct loom_layer_watch {
    char name[32]; /* as struct loom_train_layer has it; "" nothing */
    int row, col, rows, cols, high, wide;
    int epoch; /* 0: now */
};

/* A cell: one weight; of several, bits are means and the others mean
 * magnitudes. What
 * the history does not hold is NaN. */
struct loom_weight_cell {
    float bits;
    float value, error; /* as trained; that less as quantized */
    float gradient;     /* on the value */
    float bit_gradient; /* on its trained bits, beta's part in it */
    int8_t k, i, f;     /* format, of one weight */
};

/* Formats of a layer's inputs or outputs. */
struct loom_format_range {
    int n;                             /* elements; 0: not quantized */
    int dead;                          /* of no bits */
    int k, i_min, i_max, f_min, f_max; /* of the live ones */
    float mean_bits, low, high;        /* what they can hold */
};

struct loom_layer_detail {
    char name[32], kind[16]; /* name "": there is no such layer */
    int rows, cols;          /* of the whole layer: inputs, outputs */
    int epoch;               /* of what is shown */
    int map;                 /* of the history; negative: as it is now */
    bool symmetric;          /* ranges: no lowest number without a twin */
    int high, wide, row, col, n_rows, n_cols;        /* the window */
    struct loom_weight_cell cell[LOOM_DETAIL_CELLS]; /* [n_rows][n_cols] */
    float row_bits[LOOM_DETAIL_SIDE]; /* mean of the whole row, a cell row */
    float in_k[LOOM_DETAIL_SIDE], in_i[LOOM_DETAIL_SIDE],
        in_f[LOOM_DETAIL_SIDE];      /* of the input at the first of its rows */
    int histogram[LOOM_DETAIL_BINS]; /* weights by bits */
    float mean_bits, p90_bits, max_bits;
    float saturated;     /* share of the weights beyond their range */
    int weights, pruned; /* pruned: of no bits, or quantized to 0 */
    int n_dead_rows, dead_row[LOOM_DETAIL_DEAD];
    int n_dead_cols, dead_col[LOOM_DETAIL_DEAD];
    float ebops, share; /* of the network's */
    struct loom_format_range in, out;
    int n_points; /* of the history; the last one is the latest kept */
    struct loom_bit_point point[LOOM_BIT_MAPS];
};

/* Look at the layer that w names; h may be NULL: no history. Costs about what
 * quantizing the layer once does; allocates nothing. */
void loom_layer_look(struct loom_model *m, const struct loom_bit_history *h,
                     int epoch, const struct loom_layer_watch *w,
                     struct loom_layer_detail *d);
