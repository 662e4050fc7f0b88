/* Layers that run inside another's product. A relu and a quantizer behind an
 * affine layer that nobody else reads are done while its outputs are in
 * registers; on the way back, so are the gradients through a quantizer, a relu
 * and a bias in front of a dense layer. All else runs by its own functions, in
 * the same loop over blocks; the numbers are the same bits either way.
 * Only training steps are fused: elsewhere every layer runs alone. */
#pragma once

#include "engine/layer.h"

/* Once, when the graph is closed; readers [n_layers] counts who reads each. */
void loom_fuse_plan(struct loom_model *m, const int *readers);

/* A quantizer that does nothing in this mode. */
bool loom_fuse_is_off(const struct loom_model *m, int k);

/* Where layer k's output is: without quantizers, that of the layer before. */
float *loom_fuse_out(const struct loom_model *m, const struct loom_scratch *s,
                     int k);

/* The layer runs in another's product in this mode. */
bool loom_fuse_skips_forward(const struct loom_model *m, int k);
bool loom_fuse_skips_backward(const struct loom_model *m, int k);

/* What layer k's product does besides: into p, else zero, and b->fused; on the
 * way back for its input's gradient, and whether the bias' sums are made by the
 * layer behind it (b->summed). */
void loom_fuse_forward(const struct loom_model *m, const struct loom_scratch *s,
                       struct loom_sums *sums, int k, struct loom_product *p,
                       struct loom_block *b);
void loom_fuse_backward(const struct loom_model *m,
                        const struct loom_scratch *s, struct loom_sums *sums,
                        int k, struct loom_product *p, struct loom_block *b);
