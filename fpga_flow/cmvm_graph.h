/* A constant matrix as a graph of two-operand adders.
 * Nodes 0 .. n_in-1 are the inputs, n_in + k is adder k; an adder's operands
 * come before it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fpga_flow/cmvm_sums.h"

/* (a << sa) + (b << sb), or - (b << sb); one of the shifts is 0. */
struct loom_cmvm_add {
    int a, b, sa, sb;
    bool minus;
    int depth, bits; /* adders on the way; length of the carry chain */
    int64_t lo, hi;  /* interval of the sum of two intervals */
};

/* node << shift, negated; node -1: 0. */
struct loom_cmvm_out {
    int node, shift;
    bool negate;
};

struct loom_cmvm_graph {
    int n_in, n_out;
    int n_adds, adds_cap;
    struct loom_cmvm_add *add;
    struct loom_cmvm_out *out; /* [n_out] */
};

/* Write out the sums as adders: the operands of each are added in the order
 * that keeps carry chains short, no later than the sums' bound on the depth
 * allows. */
void loom_cmvm_graph_make(struct loom_cmvm_graph *g,
                          const struct loom_cmvm_sums *s);
void loom_cmvm_graph_deinit(struct loom_cmvm_graph *g);

/* Bits of the carry chains that the sum of a node will take. */
int loom_cmvm_graph_sum_bits(const struct loom_cmvm_sums *s, int node);

/* Bits of all carry chains: from the coarser operand's lowest bit to the
 * highest bit of either. The longest way in adders. */
int loom_cmvm_graph_bits(const struct loom_cmvm_graph *g);
int loom_cmvm_graph_depth(const struct loom_cmvm_graph *g);

/* Whether output j is sum_i x[i] w[i][j] for every x: the coefficients that
 * the graph works out to, in integers. w [n_in][n_out] */
bool loom_cmvm_graph_is(const struct loom_cmvm_graph *g, const int64_t *w);
