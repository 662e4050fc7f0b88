/* How the bits of every weight went on through the epochs: a bounded series
 * of maps a layer, evenly spaced; when it is full every other one goes. All
 * memory is taken at the start. Owned by the trainer's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"

enum { LOOM_BIT_MAPS = 64, LOOM_BIT_MAP_CELLS = 16384 };

struct loom_bit_point {
    int epoch;
    float mean, p90; /* bits of all weights of the layer */
};

struct loom_bit_history;

/* NULL with a sentence when there is no memory. The model is borrowed. */
struct loom_bit_history *loom_bit_history_new(struct loom_model *m,
                                              struct loom_errmsg *e);
void loom_bit_history_destroy(struct loom_bit_history *h);

/* Take a map of every layer after an epoch, if it is one to keep. Epochs rise;
 * one that does not begins the series anew. */
void loom_bit_history_add(struct loom_bit_history *h, int epoch);

/* Maps there are; the same for all layers. */
int loom_bit_history_size(const struct loom_bit_history *h);

/* Map number `map` of a layer (its number in the model), which has weights. */
struct loom_bit_point loom_bit_history_point(const struct loom_bit_history *h,
                                             int layer, int map);

/* Bits of the weight at (row, col) then; a large layer's map holds means of
 * squares of weights. */
float loom_bit_history_bits(const struct loom_bit_history *h, int layer,
                            int map, size_t row, size_t col);

/* The least of all weights' bits that at least a part of them do not exceed,
 * from counts[b] of b bits. */
float loom_bit_quantile(const int *counts, int n, double part);
