/* And-inverter graphs: logic as two-input ands and complements, in which equal
 * functions of equal operands are one node. A literal is 2 * node, plus 1 for
 * the complement; literals 0 and 1 are the constants. Words are signed
 * two's-complement numbers of literals; bits above a word repeat its sign. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"

struct loom_aig; /* the graph */

struct loom_aig *loom_aig_new(void);
void loom_aig_destroy(struct loom_aig *g);

/* A new input; inputs are counted from 0 in the order they were made. */
int loom_aig_input(struct loom_aig *g);
int loom_aig_n_inputs(const struct loom_aig *g);
/* And gates so far. */
int loom_aig_size(const struct loom_aig *g);

int loom_aig_and(struct loom_aig *g, int a, int b);
int loom_aig_or(struct loom_aig *g, int a, int b);
int loom_aig_xor(struct loom_aig *g, int a, int b);
int loom_aig_mux(struct loom_aig *g, int sel, int a, int b); /* sel ? a : b */
static inline int loom_aig_not(int a)
{
    return a ^ 1;
}

/* The value of literal l for values of the inputs, value[n_inputs]. */
bool loom_aig_value(const struct loom_aig *g, const bool *value, int l);

/* A binary AIGER file (Biere, 2007) of n outputs; LOOM_ERR_IO. */
int loom_aig_write(const struct loom_aig *g, const int *out, size_t n,
                   const char *path, struct loom_errmsg *e);

enum { LOOM_WORD_BITS = 160 };

struct loom_word {
    int n; /* at least 1; the last is the sign */
    int bit[LOOM_WORD_BITS];
};

struct loom_word loom_word_const(int64_t v);
/* Bit i: 0 below the word, its sign above. */
int loom_word_bit(const struct loom_word *a, int i);
/* Bits low .. low + n - 1 of a, as a signed number. */
struct loom_word loom_word_slice(const struct loom_word *a, int low, int n);
/* The n lowest bits of a + b + carry * 2^at, for an `at` below which a or b is
 * 0. */
struct loom_word loom_word_add(struct loom_aig *g, const struct loom_word *a,
                               const struct loom_word *b, int carry, int at,
                               int n);
struct loom_word loom_word_not(const struct loom_word *a);
struct loom_word loom_word_mux(struct loom_aig *g, int sel,
                               const struct loom_word *a,
                               const struct loom_word *b);
struct loom_word loom_word_mul(struct loom_aig *g, const struct loom_word *a,
                               const struct loom_word *b);
int loom_word_less(struct loom_aig *g, const struct loom_word *a,
                   const struct loom_word *b);
/* lo <= a <= hi */
int loom_word_within(struct loom_aig *g, const struct loom_word *a, int64_t lo,
                     int64_t hi);
/* v[a - lo] for a of [lo, lo + n), anything elsewhere. */
struct loom_word loom_word_table(struct loom_aig *g, const struct loom_word *a,
                                 int64_t lo, const int64_t *v, size_t n);
