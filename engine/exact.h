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
    X(LOOM_EXACT_LINEAR, "linear")                                             \
    X(LOOM_EXACT_RELU, "relu")                                                 \
    X(LOOM_EXACT_MAX, "max")                                                   \
    X(LOOM_EXACT_MUL, "mul")                                                   \
    X(LOOM_EXACT_TABLE, "table")

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

/* What element i of a node's inputs contributes: x[i] w 2^-f, w odd. The
 * elements of several inputs are counted one after the other. */
struct loom_exact_term {
    int64_t w;
    int32_t i, f;
};

enum { LOOM_EXACT_MAX_INPUTS = 8 };

struct loom_exact_node {
    enum loom_exact_op op;
    char *name;   /* owned; the layer's name in the script, e.g. "dense_0" */
    int n_inputs; /* at least 1; more for LINEAR, MAX and MUL only */
    int input[LOOM_EXACT_MAX_INPUTS]; /* earlier nodes; for INPUT the number of
                                         the external input */
    size_t n;                         /* elements */
    struct loom_exact_elem *elem;     /* [n] */

    /* INPUT: which number of a row of data (all inputs side by side) each
     * element is; NULL: those of its input, in their order. */
    int32_t *from; /* [n] */

    /* INPUT, QUANTIZE */
    struct loom_fixed *format; /* [n] */
    enum loom_round round;
    enum loom_overflow overflow;

    /* LINEAR, MAX, MUL: element j is of the terms start[j] .. start[j + 1],
     * their i rising: their sum, plus b 2^-bf with b odd or 0 (LINEAR); the
     * largest of them, at least one; the product of two (both with w 1, f 0).
     * elem[j].f is the finest step that occurs; for MUL the steps' sum. */
    size_t *start, n_terms; /* [n + 1] */
    struct loom_exact_term *term;
    int64_t *b; /* [n], LINEAR */
    int *bf;
    size_t block; /* LINEAR: every so many outputs share their inputs */

    /* TABLE: y = v 2^-f, v being table[at[j] + x - lo] for x of element j of
     * the input, whose interval starts at lo; f = table_f[j]. The entries of a
     * function with a quantizer behind it are rounded already. */
    size_t *at, n_table; /* [n] */
    int64_t *table;
    int *table_f; /* [n] */
};

struct loom_exact {
    size_t n_nodes;
    struct loom_exact_node *nodes;
    int output;         /* node index */
    size_t n_inputs;    /* external inputs */
    size_t *input_size; /* [n_inputs] floats each takes */
    size_t in_size;     /* sum of the INPUT nodes' n: one row of integers in */
    size_t out_size;    /* nodes[output].n */
    /* Of several outputs, that lie in the output node one after the other:
     * their names (owned) and sizes; none where there is one. */
    size_t n_outputs;
    struct loom_exact_output {
        char *name;
        size_t n;
    } * outputs;
};

void loom_exact_destroy(struct loom_exact *net);

/* Fill f, lo and hi of every element from the formats and weights, in order;
 * LOOM_ERR_RANGE names the node whose interval passes 62 bits. */
int loom_exact_intervals(struct loom_exact *net, struct loom_errmsg *e);

/* Elements of all inputs of a node together, and the i-th of them. INPUT
 * nodes have none. */
size_t loom_exact_n_in(const struct loom_exact *net,
                       const struct loom_exact_node *d);
const struct loom_exact_elem *loom_exact_in(const struct loom_exact *net,
                                            const struct loom_exact_node *d,
                                            size_t i);

/* Append to the terms of a node under construction: nothing for v = 0. */
void loom_exact_push(struct loom_exact_node *d, size_t i, float v);

/* v as odd * 2^-f; 0 gives 0, 0. */
void loom_exact_split(float v, int64_t *odd, int *f);

/* Quantize rows of float inputs to the integers of the INPUT nodes.
 *   x [rows][sum of input_size], the inputs side by side; q [rows][in_size]
 * LOOM_ERR_NAN for what is not finite, LOOM_ERR_RANGE for what float32 cannot
 * bring to the format (only formats of more than 24 bits); both name it. */
int loom_exact_quantize(const struct loom_exact *net, const float *x,
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
