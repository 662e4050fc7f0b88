/* What a layer kind is: one table of functions. A kind is one file
 * layer_<kind>.c; its struct is private there. */
#pragma once

#include "engine/model.h"
#include "engine/qstate.h"

/* One block of rows at one layer. */
struct loom_block {
    size_t rows, first; /* and the first one's number in the batch */
    const float *in[LOOM_MAX_INPUTS]; /* [rows][ld of that layer] */
    float *out;                       /* [rows][ld] */
    float *gin[LOOM_MAX_INPUTS];      /* to be written; NULL: not wanted */
    const float *gout;
    float *sum, *top; /* this layer's part of the chunk's */
    double *stat;
    float *work;      /* [work_n], 64-byte aligned, anything in it */
    /* Of affine layers: what the product does besides, forward or back (NULL:
     * nothing); somebody else sums the bias' gradients. */
    const struct loom_product *fused;
    bool summed;
};

struct loom_layer_ops {
    const char *kind;
    int n_inputs;   /* exactly, or at least if: */
    int max_inputs; /* not 0 */
    size_t state_size;
    /* Read conf, check shapes, set the shape, sum_n, top_n, stat_n, work_n,
     * sync, add parameters. */
    int (*build)(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e);
    void (*init)(struct loom_model *m, struct loom_layer *l,
                 struct loom_rng *rng);
    /* Once a step: everything that depends on its parameters alone. */
    void (*prepare)(struct loom_model *m, struct loom_layer *l);
    void (*forward)(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b);
    void (*backward)(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b);
    /* Of layers that set l->sync while they are built, in training, for a
     * batch of so many rows: sums over the inputs into b->stat and maxima into
     * b->top; what follows from all of them, before forward; sums over gout
     * into b->sum; what follows from all of those, before backward (the latter
     * two may be NULL). */
    void (*look)(const struct loom_model *m, const struct loom_layer *l,
                 const struct loom_block *b);
    void (*sync)(struct loom_model *m, struct loom_layer *l, const double *stat,
                 const float *top, size_t rows);
    void (*look_back)(const struct loom_model *m, const struct loom_layer *l,
                      const struct loom_block *b);
    void (*sync_back)(struct loom_model *m, struct loom_layer *l,
                      const float *sum, size_t rows);
    /* Once a step, from the batch's sums: gradients of its own parameters (zero
     * before), tracked ranges. */
    void (*reduce)(struct loom_model *m, struct loom_layer *l, const float *sum,
                   const float *top);
    void (*trace)(struct loom_model *m, struct loom_layer *l, const float *top);
    /* EBOPs; adds beta times its gradient to m->grad if beta != 0. */
    double (*ebops)(struct loom_model *m, struct loom_layer *l, float beta);
    void (*describe)(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row);
    /* Append nodes to net; node[] maps layers to them. */
    int (*freeze)(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e);
    /* Of layers that are a function of each element j, and end as tables: its
     * value at x, after prepare; NULL: it is none. */
    float (*value)(const struct loom_layer *l, size_t j, float x);
    /* The quantizer whose grid the output lies on; NULL: none. */
    struct loom_qstate *(*output_bits)(struct loom_layer *l);
    /* The weights, for a screen; NULL: it has none. */
    struct loom_layer_weights (*weights)(const struct loom_model *m,
                                         const struct loom_layer *l);
};

/* A layer's weights as a matrix, [rows][cols]: what an output is made of, and
 * the outputs. Borrowed, of the last prepare. */
struct loom_layer_weights {
    size_t rows, cols;
    const float *value, *gradient, *quantized; /* a fused norm is in them */
    const struct loom_qstate *q;
    const struct loom_shape *shape; /* the kernel's own, of rows x cols */
    const float *bias;              /* [cols] quantized; NULL: none */
    const struct loom_qstate *bias_q;
    const struct loom_qstate *in; /* of the inputs: one a row, if as many */
    size_t high, wide; /* of a filter's kernel: rows are [high][wide][channels];
                          1, 1 where there is no such thing */
};

/* Bits of weight j; 0 when it is quantized to nothing. */
static inline float loom_weight_bits(const struct loom_layer_weights *w,
                                     size_t j)
{
    return w->q->bits[j] > 0.0f && w->quantized[j] != 0.0f ? w->q->bits[j]
                                                           : 0.0f;
}

extern const struct loom_layer_ops loom_layer_input, loom_layer_quantize,
    loom_layer_dense, loom_layer_conv1d, loom_layer_conv2d,
    loom_layer_depthwise_conv2d, loom_layer_relu, loom_layer_leaky_relu,
    loom_layer_function, loom_layer_tables, loom_layer_repeat, loom_layer_add,
    loom_layer_subtract, loom_layer_multiply, loom_layer_maximum,
    loom_layer_minimum, loom_layer_scale, loom_layer_sum, loom_layer_max,
    loom_layer_max_pool1d, loom_layer_max_pool2d, loom_layer_average_pool1d,
    loom_layer_average_pool2d, loom_layer_global_max_pool,
    loom_layer_global_average_pool, loom_layer_reshape, loom_layer_flatten,
    loom_layer_permute, loom_layer_slice, loom_layer_concatenate,
    loom_layer_batch_norm, loom_layer_dropout, loom_layer_outputs;

/* Floats a row of its own output and gradient, where they are not its input's.
 */
static inline size_t loom_layer_buffers(const struct loom_layer *l)
{
    return (2 - (size_t)l->in_place - (size_t)l->shares) * l->ld;
}

/* The model was prepared for a step. */
static inline bool loom_in_step(const struct loom_model *m)
{
    return m->mode == LOOM_MODE_TRAIN || m->mode == LOOM_MODE_REAL;
}

/* A quantizer that only rounds half up in training: the steps [ld] of its
 * grids, 1/scale. False: it does more. */
bool loom_quantize_grid(const struct loom_layer *l, const float **scale,
                        const float **inverse);

/* Set the shape of a layer's output, and with it n and ld. */
void loom_layer_shape(struct loom_layer *l, int rank, const size_t *dim);

/* Register a parameter of n floats; returns its number. For ops->build. */
int loom_model_add_param(struct loom_model *m, const char *layer,
                         const char *name, size_t n, bool trained);

static inline float *loom_theta(const struct loom_model *m, int param)
{
    return m->theta + m->param[param].at;
}

static inline float *loom_grad(const struct loom_model *m, int param)
{
    return m->grad + m->param[param].at;
}

/* For layers with `value`: a table node at the end of net, of node `in`, each
 * entry rounded by quantizer q (NULL: none); ops->freeze, which leaves that to
 * the quantizers behind it; and the first of those, NULL: none. */
int loom_function_lower(struct loom_model *m, struct loom_layer *l,
                        struct loom_exact *net, int *node,
                        struct loom_errmsg *e);
struct loom_qstate *loom_function_reader(const struct loom_model *m,
                                         const struct loom_layer *l);
int loom_function_freeze(const struct loom_layer *l, const char *name,
                         const struct loom_qstate *q, struct loom_exact *net,
                         int in, struct loom_errmsg *e);

/* A new node at the end of net, named after the layer, with n elements. Terms
 * are added row by row: loom_exact_push, then start[j + 1] = n_terms. */
struct loom_exact_node *loom_exact_append(struct loom_exact *net,
                                          enum loom_exact_op op,
                                          const char *name, size_t n,
                                          const int *input, int n_inputs);

/* LOOM_ERR_ARG when conf has a field that is not among the NULL-ended names;
 * the sentence lists what there is. */
int loom_conf_check(const json_t *conf, const char *layer,
                    const char *const *names, struct loom_errmsg *e);
/* Whether a layer only moves numbers; where element j of it comes from. */
bool loom_layer_moves(const struct loom_layer *l, size_t j, int *input,
                      size_t *element);
/* For freezing: which number of a row of data (all inputs side by side) is
 * element j of layer k, by way of layers that only move them; -1: none. */
int32_t loom_model_raw(const struct loom_model *m, int k, size_t j);
/* What the INPUT node d of such a layer k is made of. */
void loom_model_raw_node(const struct loom_model *m, int k,
                         struct loom_exact_node *d);

/* A number or integer field with bounds, left alone when absent. */
int loom_conf_number(const json_t *conf, const char *layer, const char *name,
                     double lo, double hi, double *value,
                     struct loom_errmsg *e);
/* The same, and it must be whole. */
int loom_conf_whole(const json_t *conf, const char *layer, const char *name,
                    double lo, double hi, double *value, struct loom_errmsg *e);
