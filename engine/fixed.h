/* Fixed-point formats and the scalar reference of quantization on integers.
 * A format (k, i, f) holds the multiples of 2^-f in [-k 2^i, 2^i - 2^-f];
 * k is 1 for signed, i counts integer bits without the sign, f fractional
 * bits; i and f may be negative; the width is k + i + f. In ap_fixed<W,I>
 * terms W = k + i + f and I = k + i. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loom_fixed {
    int8_t k;
    int16_t i, f;
};

/* name, word in scripts and files */
#define LOOM_ROUNDS(X)                                                         \
    X(LOOM_RND, "RND")                 /* half up: floor(u + 1/2) */           \
    X(LOOM_TRN, "TRN")                 /* floor */                             \
    X(LOOM_RND_CONV, "RND_CONV")       /* half to even */                      \
    X(LOOM_TRN_ZERO, "TRN_ZERO")       /* towards zero */                      \
    X(LOOM_RND_ZERO, "RND_ZERO")       /* half towards zero */                 \
    X(LOOM_RND_MIN_INF, "RND_MIN_INF") /* half down */                         \
    X(LOOM_RND_INF, "RND_INF")         /* half away from zero */

#define LOOM_OVERFLOWS(X)                                                      \
    X(LOOM_WRAP, "WRAP")       /* modulo 2^(k+i) */                            \
    X(LOOM_SAT, "SAT")         /* clip to [-k 2^i, 2^i - 2^-f] */              \
    X(LOOM_SAT_SYM, "SAT_SYM") /* clip to [-k(2^i - 2^-f), 2^i - 2^-f] */

enum loom_round {
#define X(name, word) name,
    LOOM_ROUNDS(X)
#undef X
        LOOM_N_ROUNDS
};

enum loom_overflow {
#define X(name, word) name,
    LOOM_OVERFLOWS(X)
#undef X
        LOOM_N_OVERFLOWS
};

/* The word of a mode, and the mode of a word (-1 if there is none). */
const char *loom_round_word(enum loom_round r);
const char *loom_overflow_word(enum loom_overflow o);
int loom_round_from_word(const char *s);
int loom_overflow_from_word(const char *s);

/* Bits a value of this format takes; never negative. */
static inline int loom_fixed_width(struct loom_fixed t)
{
    int w = t.k + t.i + t.f;
    return w > 0 ? w : 0;
}

/* Smallest and largest integer (in units of 2^-f) of the format; 0, 0 when
 * its width is 0. Widths up to 62. */
int64_t loom_fixed_min(struct loom_fixed t, enum loom_overflow o);
int64_t loom_fixed_max(struct loom_fixed t);

/* round(v / 2^shift) for shift >= 0, v * 2^-shift (exact) for shift < 0.
 * |result| must stay below 2^62. */
int64_t loom_fixed_round(int64_t v, int shift, enum loom_round r);

/* Bring v (units of 2^-f) to the format t as inference does: saturating
 * modes clip, then round; WRAP rounds, then wraps; width 0 gives 0.
 * Returns the integer in units of 2^-t.f. Source: HGQ2 semantics, the
 * quantizer of arXiv 2405.00645 and its successor. */
int64_t loom_fixed_quantize(int64_t v, int f, struct loom_fixed t,
                            enum loom_round r, enum loom_overflow o);

/* Number of bits of a two's-complement (any lo < 0) or unsigned word that
 * holds every integer of [lo, hi]; 0 for [0, 0]. */
int loom_interval_width(int64_t lo, int64_t hi);
