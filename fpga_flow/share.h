/* A constant matrix as adder trees that share sums. */
#pragma once

#include <stdbool.h>

#include "fpga_flow/trees.h"

struct loom_share {
    bool on;        /* else each output is a sum of its own */
    bool plus_only; /* no shared sum subtracts: those need no complements */
    int slack;      /* levels more than without sharing, at most; -1: any */
    long steps;     /* of search */
    uint64_t seed;
};

/* Like loom_trees_lower; also does the same where sharing cannot be had. */
void loom_share_lower(struct loom_wires *w, const struct loom_matrix *m,
                      const struct loom_share *share, int *y);
