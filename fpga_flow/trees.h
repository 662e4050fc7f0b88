/* A constant matrix as adder trees: sums of shifted wires. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fpga_flow/wires.h"

/* A matrix to lower: y[j] = sum_i x[i] w[i][j] 2^(shift of i, j) + k[j]. */
struct loom_matrix {
    size_t n_in, n_out;
    size_t first;     /* at_index of the first output */
    const int *x;     /* [n_in] wires */
    const int64_t *w; /* [n_in][n_out] odd or 0 */
    const int *shift; /* [n_in][n_out] >= 0 where w is not 0 */
    const int64_t *k; /* [n_out] */
    const int *f;     /* [n_out] of y */
};

/* c * wire * 2^shift. */
struct loom_tree_term {
    int wire, shift;
    int64_t c;
};

/* The sum of n terms and k, in steps of 2^-f. Digits are canonical signed; the
 * positive ones make one tree and the negative ones another, by depth, then
 * width; the one subtraction that is left is an addition of a complement,
 * which costs nothing where an adder stores it. What is left of the constant
 * enters by carries, then as a leaf. */
int loom_trees_sum(struct loom_wires *w, const struct loom_tree_term *term,
                   size_t n, int64_t k, int f);

/* Lower the matrix to wires y [n_out], each a sum of its own, stamping
 * w->at_index with its number. */
void loom_trees_lower(struct loom_wires *w, const struct loom_matrix *m,
                      int *y);
