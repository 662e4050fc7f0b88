/* The frozen network: integers only, and what they mean.
 * Every element of every value is an integer v that stands for v * 2^-f, with
 * its own f and an exact interval [lo, hi]. The interpreter here IS the
 * definition of correct: training in eval mode, wires, RTL and netlist must
 * all give the same bits.
 *
 * Nodes are stored in topological order. INPUT nodes turn an external float
 * input into integers (their format is what the chip's input ports carry);
 * everything after them is integer arithmetic without loss, but for QUANTIZE,
 * which rounds and wraps or saturates as its format says.
 * Widths: every lo, hi fits 62 bits, checked when the network is made. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engine/err.h"
#include "engine/fixed.h"

/* op, word in the JSON form */
#define LOOM_EXACT_OPS(X)                                                      \
    X(LOOM_EXACT_INPUT, "input")                                               \
    X(LOOM_EXACT_QUANTIZE, "quantize")                                         \
    X(LOOM_EXACT_DENSE, "dense")                                               \
    X(LOOM_EXACT_RELU, "relu")

enum loom_exact_op {
#define X(name, word) name,
    LOOM_EXACT_OPS(X)
#undef X
        LOOM_N_EXACT_OPS
};

/* One element: integers lo..hi in units of 2^-f. */
struct loom_exact_elem {
    int f;
    int64_t lo, hi;
};

struct loom_exact_node {
    enum loom_exact_op op;
    char *name; /* owned; the layer's name in the script, e.g. "dense_0" */
    int input;  /* node index; for INPUT the number of the external input */
    size_t n;   /* elements */
    struct loom_exact_elem *elem; /* [n] */

    /* INPUT, QUANTIZE */
    struct loom_fixed *format; /* [n] */
    enum loom_round round;
    enum loom_overflow overflow;

    /* DENSE: y[j] = sum_i x[i] w[i][j] + b[j]; a weight is w * 2^-wf with w
     * odd or 0; a bias likewise. elem[j].f is the finest step that occurs. */
    int64_t *w, *b; /* [n_in][n], [n] */
    int *wf, *bf;   /* [n_in][n], [n] */
};

struct loom_exact {
    size_t n_nodes;
    struct loom_exact_node *nodes;
    int output;         /* node index */
    size_t n_inputs;    /* external inputs */
    size_t *input_size; /* [n_inputs] floats each takes */
    size_t in_size;     /* sum of the INPUT nodes' n: one row of integers in */
    size_t out_size;    /* nodes[output].n */
};

void loom_exact_destroy(struct loom_exact *net);

/* Fill f, lo and hi of every element from the formats and weights, in order;
 * LOOM_ERR_RANGE names the node whose interval passes 62 bits. */
int loom_exact_intervals(struct loom_exact *net, struct loom_errmsg *e);

/* Quantize rows of float inputs to the integers of the INPUT nodes.
 *   x [n_inputs] pointers to [rows][input_size[k]]; q [rows][in_size]
 * LOOM_ERR_NAN for what is not finite, LOOM_ERR_RANGE for what float32 cannot
 * bring to the format (only formats of more than 24 bits); both name it. */
int loom_exact_quantize(const struct loom_exact *net, const float *const *x,
                        size_t rows, int64_t *q, struct loom_errmsg *e);

/* Run rows of integers: q [rows][in_size] -> y [rows][out_size]; y[j] stands
 * for y[j] * 2^-nodes[output].elem[j].f. */
void loom_exact_run(const struct loom_exact *net, const int64_t *q, size_t rows,
                    int64_t *y);

/* The same, as float32 values [rows][out_size]. */
void loom_exact_to_float(const struct loom_exact *net, const int64_t *y,
                         size_t rows, float *out);

/* JSON form "bitloom/net/1": new reference; and back, checking everything. */
json_t *loom_exact_to_json(const struct loom_exact *net);
struct loom_exact *loom_exact_from_json(const json_t *j, struct loom_errmsg *e);
struct loom_exact *loom_exact_load(const char *path, struct loom_errmsg *e);
int loom_exact_save(const struct loom_exact *net, const char *path,
                    struct loom_errmsg *e);
