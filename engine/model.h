/* A network: a graph of layers over one arena of parameters.
 *
 * Build: add layers in topological order (each names its inputs), then
 * loom_model_finish lays out the memory; nothing is allocated afterwards.
 * Data flows in blocks of at most LOOM_BLOCK rows: a block goes forward
 * through all layers and back while it is in cache. Every layer's output is
 * [rows][ld] float32, ld padded to whole vectors, the padding zero.
 *
 * A step: loom_model_prepare (quantize parameters once), then for each block
 * of each chunk loom_model_forward / backward into the chunk's own sums, then
 * loom_model_reduce (sums -> parameter gradients, in chunk order, so that the
 * result does not depend on threads). Preparing and reducing belong to one
 * thread; forward and backward of different scratches may run in parallel.
 *
 * A layer that needs the whole batch (a batch norm, of its statistics) is a
 * sync point of training. It splits the layers into phases, and the step into
 * passes over all blocks:
 *
 *     for each phase p but the last:
 *         forward_phase p of all blocks, loom_model_sync p
 *     forward_phase of the last phase, loss, backward_phase of it
 *     for each phase p but the last, backwards:
 *         loom_model_sync_back p + 1, backward_phase p of all blocks
 *
 * What one pass leaves for another (outputs and gradients of n_kept floats a
 * block) lies in the caller's memory; all else is computed again. Without sync
 * points there is one phase, and nothing is kept. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engine/err.h"
#include "engine/exact.h"
#include "engine/kernels.h"
#include "engine/rng.h"
#include "engine/train_view.h"

enum {
    LOOM_BLOCK = 48,
    LOOM_MAX_INPUTS = LOOM_EXACT_MAX_INPUTS,
    LOOM_MAX_OUTPUTS = LOOM_MAX_INPUTS,
    LOOM_OUTPUT_NAME = 48, /* room for one */
    LOOM_MAX_DIMS = 4
};

/* Of one row of a layer's output; elements lie in C order, the last axis
 * (channels) fastest. */
struct loom_shape {
    int rank; /* 1 to LOOM_MAX_DIMS */
    size_t dim[LOOM_MAX_DIMS];
};

enum loom_mode {
    LOOM_MODE_TRAIN, /* WRAP only rounds, ranges are tracked */
    LOOM_MODE_EVAL,  /* what the hardware does */
    LOOM_MODE_TRACE, /* as training, ranges are measured anew */
    LOOM_MODE_REAL   /* as training, and no quantizer does anything: what they
                        cost is measured against it */
};

/* A named slice of the arena. */
struct loom_param {
    char name[72]; /* "dense_0/kernel", "dense_0/kq/b", ... */
    size_t at, n;
    bool trained; /* else: state (tracked ranges, signs) */
    bool bounded; /* projected to [lo, hi] after each step */
    bool bits;    /* of a trained quantizer */
    bool frozen;  /* trained no more, for now */
    float lo, hi;
    float l1; /* MonoL1: adds l1 * sum(value) to the loss */
    float absolute, square; /* the same of sum |value| and sum value^2 */
};

struct loom_layer_ops;
struct loom_qstate;

struct loom_layer {
    const struct loom_layer_ops *ops;
    char name[48];
    int n_inputs, input[LOOM_MAX_INPUTS]; /* layer numbers */
    bool adds[LOOM_MAX_INPUTS]; /* its gradient joins one that is there */
    struct loom_shape shape;    /* of the output */
    size_t n, ld;               /* its elements, padded */
    size_t work_n;              /* floats it needs while it computes */
    size_t sum_at, sum_n;       /* its floats among a chunk's sums */
    size_t top_at, top_n;       /* and among its maxima */
    size_t theta_at, theta_n;   /* its parameters, all of them */
    /* Set by its kind: it multiplies patches of its input with a matrix; all of
     * it with one; where a bias' sums begin among its sums (0: none). */
    bool affine, matrix;
    size_t bias_at;
    /* Set by the plan (fuse.h), layer numbers or 0: what runs in its product
     * forward; what its input's gradient passes through on the way back; and
     * what of itself runs in another's. */
    int relu, quantize, column;
    bool error, mask;
    bool in_forward, in_backward, summed;
    bool in_place, shares;      /* its output, its gradient, are its input's */
    size_t stat_at, stat_n;     /* and among its statistics */
    bool sync;                  /* its forward waits for the whole batch */
    bool kept;                  /* another phase than its own needs it */
    int phase;
    json_t *conf;               /* as given, owned: what a checkpoint stores */
    void *state;                /* the kind's own, owned by ops */
};

struct loom_model {
    const struct loom_kernels *kernels;
    int n_layers;
    struct loom_layer *layer;
    int n_inputs, input[LOOM_MAX_INPUTS]; /* its input layers */
    size_t n_in; /* elements of all of them: one row of data, side by side */
    int output;  /* layer number */
    int n_phases;
    int *order; /* [n_layers] by phases, in each the sync points first */
    int *first; /* [n_phases + 1] where in the order a phase begins */
    int n_params;
    struct loom_param *param;
    size_t n_theta;
    float *theta, *grad; /* [n_theta] all parameters, their gradients */
    size_t n_sum, n_top; /* floats of sums and maxima a chunk needs */
    size_t n_stat;       /* and doubles of statistics */
    size_t n_kept;       /* floats a block leaves from pass to pass */
    size_t n_work;       /* floats of the layer that needs most */
    size_t n_spare;      /* floats of a gradient that joins another */
    enum loom_mode mode; /* of the last prepare */
    /* Of the step, set before preparing it for training: a key to draw from,
     * and whether it is the first of an epoch. */
    uint64_t noise;
    bool fresh;
    int n_blocks;
    void **block;    /* memory handed out by loom_model_memory */
    size_t n_floats; /* in there, and of one worker's activations */
    bool out_of_memory;
};

/* Memory of one worker (activations) or one chunk (sums). */
struct loom_scratch {
    float **out, **gout; /* [n_layers] -> [LOOM_BLOCK][ld] */
    float *spare[LOOM_MAX_INPUTS], *work;
    size_t first; /* number of the block's first row in the batch */
    float *kept; /* of the layers so named, where the caller has none */
    float *memory;
};

struct loom_sums {
    float *sum, *top; /* [n_sum], [n_top] */
    double *stat;     /* [n_stat] */
};

/* One of a network's outputs: numbers at .. at + n of its last layer's. The
 * name lives as long as the model. */
struct loom_output {
    const char *name;
    size_t at, n;
};

struct loom_model *loom_model_new(void);
void loom_model_destroy(struct loom_model *m);

/* Add a layer; returns its number or an error. conf (borrowed, may be NULL)
 * holds the kind's fields; an unknown kind or field, a wrong type or shape is
 * an error naming layer and field. The kinds and their fields are told where
 * they are made, in layer_*.c. */
int loom_model_add(struct loom_model *m, const char *kind, const char *name,
                   const int *inputs, int n_inputs, const json_t *conf,
                   struct loom_errmsg *e);

/* Close the graph: `output` becomes the output, memory is laid out and
 * parameters are initialised from the seed. Every other layer must be read by
 * one or more. */
int loom_model_finish(struct loom_model *m, int output, uint64_t seed,
                      struct loom_errmsg *e);

/* The outputs in their order: the inputs of a last layer of kind outputs, or
 * that layer itself. Returns how many. */
int loom_model_outputs(const struct loom_model *m,
                       struct loom_output out[LOOM_MAX_OUTPUTS]);

/* The graph as JSON and back (finished, parameters freshly initialised). */
json_t *loom_model_to_json(const struct loom_model *m);
struct loom_model *loom_model_from_json(const json_t *j, struct loom_errmsg *e);

/* Stop training the bits of a layer and of the quantizers named after it
 * ("LAYER/..."), or go on; its weights are trained either way, and ranges that
 * follow the data go on. Returns how many parameters that is. */
int loom_model_freeze_bits(struct loom_model *m, const char *layer,
                           bool frozen);
bool loom_model_bits_frozen(const struct loom_model *m, const char *layer);

int loom_model_find(const struct loom_model *m, const char *layer);
/* Parameter by name, NULL if there is none. */
struct loom_param *loom_model_param(const struct loom_model *m,
                                    const char *name);

/* Name of the first parameter that holds what is no finite number, or NULL. */
const char *loom_model_not_finite(const struct loom_model *m);

/* A hash of all parameters as they are: the same only for the same bits. */
uint64_t loom_model_hash(const struct loom_model *m);

int loom_scratch_init(struct loom_scratch *s, const struct loom_model *m,
                      struct loom_errmsg *e);
void loom_scratch_deinit(struct loom_scratch *s);
/* The block of which `kept` [n_kept], 64-byte aligned, is left; NULL: a block
 * that goes through all layers at once. */
void loom_scratch_at(struct loom_scratch *s, const struct loom_model *m,
                     float *kept);
int loom_sums_init(struct loom_sums *s, const struct loom_model *m,
                   struct loom_errmsg *e);
void loom_sums_deinit(struct loom_sums *s);
void loom_sums_clear(struct loom_sums *s, const struct loom_model *m);

void loom_model_prepare(struct loom_model *m, enum loom_mode mode);
/* The part of layer k alone, in m->mode; layers may run on several threads. */
void loom_model_prepare_layer(struct loom_model *m, int k);

/* Put a row of data x [n_in] into row r of the input layers. */
void loom_scratch_put(struct loom_scratch *s, const struct loom_model *m,
                      size_t r, const float *x);

/* rows <= LOOM_BLOCK of input have been put; fills s->out, phase after phase
 * without sync points: all of evaluation, and of training a model that has
 * none. */
void loom_model_forward(const struct loom_model *m, struct loom_scratch *s,
                        size_t rows, struct loom_sums *sums);
/* The loss gradient is in s->gout[m->output]. */
void loom_model_backward(const struct loom_model *m, struct loom_scratch *s,
                         size_t rows, struct loom_sums *sums);

/* One phase of training for a block whose inputs have been put; `again`: for
 * the second time, before its backward_phase. */
void loom_model_forward_phase(const struct loom_model *m,
                              struct loom_scratch *s, size_t rows,
                              struct loom_sums *sums, int phase, bool again);
void loom_model_backward_phase(const struct loom_model *m,
                               struct loom_scratch *s, size_t rows,
                               struct loom_sums *sums, int phase);
/* Between the passes over a batch of `rows`: the sync points behind the phase
 * learn of its statistics; those at the phase's begin of their gradients. The
 * chunks are summed in order. */
void loom_model_sync(struct loom_model *m, struct loom_sums *chunk,
                     int n_chunks, int phase, size_t rows);
void loom_model_sync_back(struct loom_model *m, struct loom_sums *chunk,
                          int n_chunks, int phase, size_t rows);

/* Sum the chunks in order into chunk[0], set m->grad from it (zero where
 * nothing flows) and update tracked ranges. */
void loom_model_reduce(struct loom_model *m, struct loom_sums *chunk,
                       int n_chunks);
/* The part of layer k alone; layers may run on several threads. */
void loom_model_reduce_layer(struct loom_model *m, struct loom_sums *chunk,
                             int n_chunks, int k);

/* After forwards in mode TRACE: set the ranges to what was seen. */
void loom_model_trace(struct loom_model *m, struct loom_sums *chunk,
                      int n_chunks);

/* EBOPs of the current parameters; adds beta * dEBOPs to m->grad when beta
 * is not 0. Source: HGQ, arXiv 2405.00645. Layers with cost, each as a whole
 * number as HGQ2 counts them, are in `rounded` (may be NULL). */
double loom_model_ebops(struct loom_model *m, float beta, double *rounded);

/* Sum of the l1 terms and the like; adds their gradients to m->grad when add
 * is true. The gradients alone: for a step, which asks for no sum. */
void loom_model_l1_gradient(struct loom_model *m);
double loom_model_l1(struct loom_model *m, bool add);

/* Put the parameters of theta[begin, end) back into their bounds. */
void loom_model_project(struct loom_model *m, size_t begin, size_t end);

/* Fill the screen's rows, one for each layer that costs something; returns
 * how many. */
int loom_model_describe(struct loom_model *m, struct loom_train_layer *row,
                        int max);

/* The integer network of the current parameters. LOOM_ERR_RANGE, naming the
 * layer, where float32 evaluation could not follow it exactly. */
struct loom_exact *loom_model_freeze(struct loom_model *m,
                                     struct loom_errmsg *e);

/* Zeroed memory that lives as long as the model; for ops->build. NULL where
 * there is too little, which the model notices. */
void *loom_model_memory(struct loom_model *m, size_t n, size_t size);
float *loom_model_floats(struct loom_model *m, size_t n);
