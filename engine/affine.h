/* y = x q(W) + q(b) with the same weights at several positions: what dense
 * and convolution layers have in common. Position p reads k elements of the
 * input (its patch) and writes `units` of the output, which lies position by
 * position.
 *
 * With `norm`, a batch norm is fused: what is quantized is W s and b - mean s
 * with s = gamma / sqrt(variance + epsilon). In training mean and variance
 * (biased) are those of x W, W in float, over the batch and all positions;
 * gradients flow through them; the moving ones follow and are what evaluation
 * uses. Source: HGQ2's QEinsumDenseBatchnorm; its epsilon is Keras' backend's.
 *
 * EBOPs = share sum_p sum_ku bits(x_pk) bits(W_ku)
 *         + bias_positions sum_u bits(b_u). */
#pragma once

#include "engine/layer.h"
#include "engine/moments.h"
#include "engine/weights.h"

/* The patches as the input has them: `lines` of `line` positions each, `down`
 * and `step` floats from one another; a patch is `runs` runs of `run` floats,
 * `apart` from one another. All that in the input with zeros around it, where
 * there is padding: `rows` rows of `row` floats, the first of them `front`
 * floats into the padded input, each `apart` behind the one before. */
struct loom_lines {
    size_t lines, line, down, step, runs, run, apart;
    size_t padded; /* floats of the padded input; 0: no padding */
    size_t rows, row, front;
};

struct loom_affine {
    /* set before building */
    size_t positions, k, units;
    const int32_t *patch; /* [positions][k] elements of the input, rising; -1:
                             0. NULL: position p reads the next k */
    struct loom_lines lines;
    struct loom_shape kernel_shape; /* k units elements in all */
    size_t bias_positions;
    double share;

    struct loom_weights kernel, bias;
    int kernel_value, bias_value; /* parameters */
    bool has_bias, norm;
    struct loom_moments norm_of; /* of x W */
    int gamma;                   /* parameter [units] */
    float *scale;                /* [units] s */
    float *fused_kernel, *fused_bias;
    float *grad_kernel, *grad_bias; /* of the fused values */
    float *float_w;    /* W [k][ldu]; transposed it lies behind wt's ldu rows */
    float *w, *wt, *b; /* q(W) [k][ldu], transposed [units][ldk]; [ldu] */
    size_t ldu, ldk, ld_in;
    struct loom_qstate *in; /* the quantizer before it */
};

/* The fields that loom_affine_build reads from a layer's conf. */
#define LOOM_AFFINE_FIELDS                                                     \
    "kernel", "bias", "norm", "mask", "kernel_l1", "kernel_l2"

/* Add parameters and room; l's shape is set. conf: kernel, bias = quantizer
 * fields (bias = false: none); norm = true or {epsilon, momentum}; mask =
 * lists of zeros and ones like the kernel, a 0 for a weight that is not there;
 * kernel_l1 and kernel_l2: these times sum |w| and sum w^2 of the float kernel
 * join the loss. */
int loom_affine_build(struct loom_affine *a, struct loom_model *m,
                      struct loom_layer *l, struct loom_errmsg *e);

/* Element of the input at place k of position p's patch; -1: none. */
int32_t loom_affine_element(const struct loom_affine *a, size_t p, size_t k);

/* The bias' part of the EBOPs; and LOOM_ERR_RANGE where a weight is beyond
 * float32. For kinds that lay out their kernel another way. */
double loom_affine_bias_ebops(struct loom_model *m, struct loom_affine *a,
                              float beta);
int loom_affine_check(const struct loom_affine *a, const struct loom_layer *l,
                      struct loom_errmsg *e);

/* How the layer works on a block, and the room it needs. For
 * loom_affine_build. */
void loom_affine_lay(const struct loom_affine *a, struct loom_layer *l);

/* The functions of struct loom_layer_ops, for kinds whose state is a struct
 * loom_affine. Initial values as Keras: Glorot's uniform, zero for the bias. */
#define LOOM_AFFINE_OPS                                                        \
    .state_size = sizeof(struct loom_affine), .init = loom_affine_init,        \
    .prepare = loom_affine_prepare, .forward = loom_affine_forward,            \
    .backward = loom_affine_backward, .look = loom_affine_look,                \
    .sync = loom_affine_sync, .look_back = loom_affine_look_back,              \
    .sync_back = loom_affine_sync_back, .reduce = loom_affine_reduce,          \
    .trace = loom_affine_trace, .ebops = loom_affine_ebops,                    \
    .describe = loom_affine_describe, .freeze = loom_affine_freeze,            \
    .weights = loom_affine_weights

void loom_affine_init(struct loom_model *m, struct loom_layer *l,
                      struct loom_rng *rng);
void loom_affine_prepare(struct loom_model *m, struct loom_layer *l);
void loom_affine_forward(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b);
void loom_affine_backward(const struct loom_model *m,
                          const struct loom_layer *l,
                          const struct loom_block *b);
void loom_affine_look(const struct loom_model *m, const struct loom_layer *l,
                      const struct loom_block *b);
void loom_affine_sync(struct loom_model *m, struct loom_layer *l,
                      const double *stat, const float *top, size_t rows);
void loom_affine_look_back(const struct loom_model *m,
                           const struct loom_layer *l,
                           const struct loom_block *b);
void loom_affine_sync_back(struct loom_model *m, struct loom_layer *l,
                           const float *sum, size_t rows);
void loom_affine_reduce(struct loom_model *m, struct loom_layer *l,
                        const float *sum, const float *top);
void loom_affine_trace(struct loom_model *m, struct loom_layer *l,
                       const float *top);
double loom_affine_ebops(struct loom_model *m, struct loom_layer *l,
                         float beta);
void loom_affine_describe(const struct loom_model *m,
                          const struct loom_layer *l,
                          struct loom_train_layer *row);
int loom_affine_freeze(struct loom_model *m, struct loom_layer *l,
                       struct loom_exact *net, int *node,
                       struct loom_errmsg *e);
struct loom_layer_weights loom_affine_weights(const struct loom_model *m,
                                              const struct loom_layer *l);
