/* A constant matrix as adder trees that share sums. */
#pragma once

#include <stdbool.h>

#include "fpga_flow/trees.h"

struct loom_family; /* target.h */

struct loom_share {
    bool on;        /* else each output is a sum of its own */
    bool plus_only; /* no shared sum subtracts: those need no complements */
    int slack;      /* levels more than without sharing, at most; -1: any */
    bool mixed;     /* struct loom_wires */
    long steps;     /* of search for few adders */
    long cell_steps; /* then for few cells of a family, with a register after so
                        many levels of adders */
    const struct loom_family *family;
    int levels;
    uint64_t seed;
    bool greedy; /* in the place of all that: cmvm_greedy.h, adder by adder */
};

/* Like loom_trees_lower; also does the same where sharing cannot be had. */
void loom_share_lower(struct loom_wires *w, const struct loom_matrix *m,
                      const struct loom_share *share, int *y);
