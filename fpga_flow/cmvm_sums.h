/* A constant matrix as a set of sums that use one another.
 * Nodes are numbered: inputs, then outputs, then parts, which are made on the
 * way. A node that is not an input is the sum of its terms, each another node
 * times an integer; a term of integer c costs as many operands as c has
 * canonical signed digits, a node one adder less than its operands. The value
 * of a node never changes, only what it is summed from.
 *
 * Which digits an integer is made of stays open until they are used: a digit
 * belongs to c if taking it away leaves one digit less (3 offers 4-1 and 2+1
 * at once). Pairs of such digits in one sum are counted in `pairs`.
 *
 * Changes are logged, so that a step of search can be taken back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/rng.h"
#include "fpga_flow/cmvm_pairs.h"

struct loom_cmvm_term {
    int node;
    int digits;
    int64_t c;
    uint64_t plus, minus; /* bit k: +-2^k is a digit of c */
};

struct loom_cmvm_sum {
    struct loom_cmvm_term *term;
    int n, cap, digits;
    int *user; /* nodes that have this one as a term */
    int n_users, users_cap, use_digits;
    int depth; /* adders on the way to it, at least */
    int64_t lo, hi;
    int at;     /* place among the parts, -1 if it is none */
    bool stale; /* see loom_cmvm_sums_changed */
    int bits;   /* what the caller put there */
};

struct loom_cmvm_sums {
    int n_in, n_out, n, cap; /* n: nodes, free ones included */
    struct loom_cmvm_sum *sum;
    struct loom_cmvm_pairs pairs;
    int adders;
    int max_depth;  /* 0: no bound */
    bool plus_only; /* no part subtracts */
    int *part;      /* parts alive */
    int n_parts;
    struct {
        int node, of;
        int64_t c;
    } * log;
    size_t n_log, log_cap;
    int *stale; /* nodes marked so */
    int n_stale;
    int *spare; /* numbers that may be free */
    size_t n_spare, spare_cap;
};

/* w [n_in][n_out]; lo, hi and depth [n_in] of the inputs (depth NULL: 0).
 * max_depth 0: no bound, else at least what the matrix needs. */
void loom_cmvm_sums_init(struct loom_cmvm_sums *s, int n_in, int n_out,
                         const int64_t *w, const int64_t *lo, const int64_t *hi,
                         const int *depth, int max_depth, bool plus_only);
void loom_cmvm_sums_deinit(struct loom_cmvm_sums *s);

/* Digits of c in canonical signed form. */
int loom_cmvm_sums_digits(int64_t c);

/* The coefficient of `of` in the sum of `node`. */
int64_t loom_cmvm_sums_get(const struct loom_cmvm_sums *s, int node, int of);

/* The next node that changed since it was last returned here; -1: none. */
int loom_cmvm_sums_changed(struct loom_cmvm_sums *s);

/* Start anew to log; take back all that was logged. */
void loom_cmvm_sums_commit(struct loom_cmvm_sums *s);
void loom_cmvm_sums_rollback(struct loom_cmvm_sums *s);

/* Put the terms of a part in the place of it everywhere. */
void loom_cmvm_sums_inline(struct loom_cmvm_sums *s, int part);

/* Make a part of the pair in that slot of `pairs` wherever it occurs. False,
 * and the pair loses its place, where that would save less than its count
 * says. */
bool loom_cmvm_sums_extract(struct loom_cmvm_sums *s, uint32_t slot);
