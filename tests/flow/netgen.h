/* Random frozen networks for the tests of the flow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/exact.h"

/* xorshift: the tests' own generator, so that a case is its seed. */
static inline uint64_t netgen_next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* 0 .. n-1 */
static inline int netgen_below(uint64_t *s, int n)
{
    return (int)((netgen_next(s) >> 20) % (uint64_t)n);
}

/* Like a trained network: dense, ReLU and a WRAP/RND quantizer a layer,
 * most weights 0, the others of few bits.
 *   size [n_sizes] elements of the input and of each layer
 *   keep  per mille of the weights that are not 0
 *   bits  of activations, at most */
struct loom_exact *netgen_like(uint64_t seed, const int *size, int n_sizes,
                               int keep, int bits);

/* Anything that is legal: every operation, rounding and overflow mode, widths
 * from 0, negative fractions, several inputs, nodes read twice. NULL when the
 * draw needs more than 62 bits, or a table of many entries. */
struct loom_exact *netgen_wild(uint64_t seed);

/* A row of integers within the input intervals. */
void netgen_row(const struct loom_exact *net, uint64_t *s, int64_t *row);

/* How many networks a test draws: LOOM_PROPERTY, or 1,000 with LOOM_NIGHTLY=1,
 * or `ci`. From seed *seed on: LOOM_SEED, or 1. */
long netgen_count(long ci, uint64_t *seed);

/* Bit operations: sum over weights of its bits times the activation's. */
double netgen_ebops(const struct loom_exact *net);
