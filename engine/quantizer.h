/* The HGQ quantizer, float32: forward and surrogate gradients.
 * Bits k (sign), i (integer, without sign), f (fractional) are integer-valued
 * floats, one per element. In training WRAP only rounds (its range is tracked
 * instead, see qstate.h); in inference it wraps. Saturating modes clip first,
 * then round. Source: HGQ, arXiv 2405.00645, with the semantics of its second
 * version. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/fixed.h"

struct loom_quant_mode {
    enum loom_round round;
    enum loom_overflow overflow;
};

/* 2^e for integer-valued e; 0 below the float32 range, infinity above. */
float loom_exp2i(float e);

/* One value. The scalar reference of everything below. */
float loom_quant_one(struct loom_quant_mode m, float x, float k, float i,
                     float f, bool training);

/* One value as the hardware has it: inference, and 0 where the width k + i + f
 * is 0 or less. */
float loom_quant_infer(struct loom_quant_mode m, float x, float k, float i,
                       float f);

/* One value in training, rounded up as often as it is near to the next step:
 * where the rest of x above the grid is more than the noise in [0, 1). */
float loom_quant_draw(struct loom_quant_mode m, float x, float k, float i,
                      float f, float noise);

/* y = Q(x), all [n]. y may be x. */
void loom_quant_forward(struct loom_quant_mode m, const float *x,
                        const float *k, const float *i, const float *f,
                        size_t n, bool training, float *y);

/* Local derivatives of y = Q(x) in training: dx, di, df [n] such that a loss
 * gradient g on y gives g*dx on x, g*di on i and g*df on f, i and f taken as
 * independent. Inside the range dx = 1, di = 0, df = ln2 (x - y). */
void loom_quant_backward(struct loom_quant_mode m, const float *x,
                         const float *y, const float *k, const float *i, const float *f,
                         size_t n, float *dx, float *di, float *df);

/* Integer bits that hold +-m on the grid 2^-f: ceil(log2(m + 2^-f)). */
float loom_quant_int_bits(float m, float f);
