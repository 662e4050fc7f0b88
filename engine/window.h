/* Windows that slide over one or two axes: what convolutions and pools read.
 * The input is [steps][channels] or [rows][columns][channels]. Padding as
 * Keras has it: "valid", none; "same", so that there are ceil(size / stride)
 * positions, the smaller half of it in front. */
#pragma once

#include "engine/layer.h"

struct loom_window {
    int axes; /* 1 or 2 */
    size_t size[2], stride[2], positions[2];
    size_t in[2], channels;
    size_t front[2]; /* padding before the first element */
    size_t n;        /* elements of a window, without channels */
    size_t n_positions;
};

/* From conf, fields `name` (a number, or one an axis), stride, padding, over
 * an input of this shape; stride defaults to the size where `tiles`, else 1. */
int loom_window_read(struct loom_window *w, const json_t *conf,
                     const char *name, bool tiles, int axes,
                     const struct loom_layer *src, const char *layer,
                     struct loom_errmsg *e);

/* Element (channel 0) at place k of position p's window; -1: padding. Rises
 * with k. */
int32_t loom_window_at(const struct loom_window *w, size_t p, size_t k);

/* Shape of the output with that many channels. */
void loom_window_shape(const struct loom_window *w, size_t channels,
                       struct loom_layer *l);
