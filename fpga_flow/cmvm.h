/* Constant matrix times vector with few adders.
 * Greedy first: the pair of terms that occurs most becomes a part of its own,
 * until none occurs twice. Then search: a few parts are dissolved into the
 * sums that use them, which are shared anew with some chance in the choice;
 * what costs more is taken back. The search stops after a number of steps
 * (the same steps give the same result, whatever the threads) or at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/err.h"
#include "fpga_flow/cmvm_sums.h"

enum loom_cmvm_goal {
    LOOM_CMVM_ADDERS, /* then adder bits */
    LOOM_CMVM_BITS    /* then adders */
};

struct loom_cmvm {
    int n_in, n_out;
    const int64_t *w;       /* [n_in][n_out] */
    const int64_t *lo, *hi; /* [n_in] of the inputs */
    const int *depth;       /* [n_in] adders before the inputs; NULL: none */
    enum loom_cmvm_goal goal;
    bool plus_only; /* no shared part subtracts */
    int max_depth;  /* 0: no bound; raised to what the matrix needs */
    double seconds; /* 0: until `steps` */
    long steps;     /* of each thread; 0: until `seconds` */
    /* What counts in the end, if not NULL: after the search for the goal, so
     * many steps of a search for less of it. It only reads the sums; with
     * several threads, from any of them. */
    double (*cost)(void *ctx, const struct loom_cmvm_sums *s);
    void *ctx;
    long cost_steps;
    uint64_t seed;
    int threads; /* searches side by side, the best is kept; at least 1 */
};

/* Fills s, which the caller gives back with loom_cmvm_sums_deinit.
 * LOOM_ERR_RANGE if a sum could need more than 60 bits. */
int loom_cmvm_solve(const struct loom_cmvm *m, struct loom_cmvm_sums *s,
                    struct loom_errmsg *e);

/* The least depth that the matrix can have without sharing. */
int loom_cmvm_min_depth(const struct loom_cmvm *m);
