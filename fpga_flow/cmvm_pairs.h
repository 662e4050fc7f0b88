/* How often each pair of terms occurs, and which occur most.
 * A pair is a key. Its score is its count, or less if it was demoted; pairs
 * that score at least two stand in the bucket of their score, so that counting
 * up and down and drawing one of the best take constant time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { LOOM_CMVM_SCORES = 512 };

struct loom_cmvm_pair {
    uint64_t key; /* 0: a free slot */
    unsigned count : 20, score : 12;
    int at; /* place in the bucket of that score; < 0: in none */
};

struct loom_cmvm_pairs {
    struct loom_cmvm_pair *slot;
    size_t n, cap; /* cap: a power of two */
    struct {
        uint32_t *slot;
        int n, cap;
    } bucket[LOOM_CMVM_SCORES];
    int top; /* all buckets above are empty */
};

void loom_cmvm_pairs_init(struct loom_cmvm_pairs *p);
void loom_cmvm_pairs_deinit(struct loom_cmvm_pairs *p);

/* Add `by` to the count of a key (not 0). */
void loom_cmvm_pairs_add(struct loom_cmvm_pairs *p, uint64_t key, int by);

/* Give back slots where most are free: fewer are quicker to reach. */
void loom_cmvm_pairs_shrink(struct loom_cmvm_pairs *p);

/* The highest score with a pair in it; 0: there is none. */
int loom_cmvm_pairs_top(struct loom_cmvm_pairs *p);

/* Let a pair (slot `at`) count only as `count` until its count changes. */
void loom_cmvm_pairs_demote(struct loom_cmvm_pairs *p, uint32_t at, int count);
