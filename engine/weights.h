/* Weights of a layer: float values, their quantizer, and what a step needs of
 * them. They are quantized once a step, with their local derivatives; the
 * batch gradient on the quantized weights then gives those of the values and
 * of their bits by plain products, so bits need no work for each sample. */
#pragma once

#include "engine/model.h"
#include "engine/qstate.h"

struct loom_weights {
    struct loom_qstate q;
    float *qv;           /* [n] quantized */
    float *dx, *di, *df; /* [n] local derivatives, of the last training step */
    float *kept;         /* [2 groups] i and k while calibration tries others */
    /* [n] weights that are not there: their values are 0, they have no bits and
     * no gradients. NULL: all are. */
    const bool *missing;
};

/* Field `name` of a layer's conf, a table of quantizer fields, over the
 * defaults of the place. */
int loom_weights_conf(const json_t *conf, const char *name,
                      enum loom_qplace place, const struct loom_shape *shape,
                      const char *layer, struct loom_qconf *out,
                      struct loom_errmsg *e);

/* Adds the quantizer's parameters "<layer>/<quantizer>/..."; the values are
 * the caller's. */
void loom_weights_build(struct loom_weights *w, struct loom_model *m,
                        const char *layer, const char *quantizer,
                        const struct loom_shape *shape,
                        const struct loom_qconf *conf);

/* Initial bits, for the initial values v [n]. */
void loom_weights_init(const struct loom_weights *w, struct loom_model *m,
                       const float *v);

/* Quantize the values v [n] in the model's mode: in calibration as they will
 * be once their ranges are calibrated. */
void loom_weights_prepare(struct loom_weights *w, struct loom_model *m,
                          const float *v);

/* From the gradient on the quantized weights, n_rows x n of sum[n_rows][ld]:
 * that of the values into grad [n_rows][n], and those of the bits. */
void loom_weights_reduce(struct loom_weights *w, struct loom_model *m,
                         const float *sum, size_t n_rows, size_t n, size_t ld,
                         float *grad);

/* Add g, a gradient on the bits of weights j .. j + n, to the stored bits'. */
void loom_weights_bits_grad(const struct loom_weights *w, struct loom_model *m,
                            size_t j, size_t n, float g);

/* Derivative of quantized weight j by its value, in a step. */
static inline float loom_weights_slope(const struct loom_weights *w,
                                       const struct loom_model *m, size_t j)
{
    return m->mode == LOOM_MODE_REAL ? 1.0f : w->dx[j];
}

/* Ranges that hold the values v [n]. */
void loom_weights_trace(struct loom_weights *w, struct loom_model *m,
                        const float *v);

/* False where bits are beyond float32's range, as only a damaged file has
 * them. */
bool loom_weights_finite(const struct loom_weights *w);
