#include "engine/fixed.h"

#include <string.h>

static const char *const round_words[] = {
#define X(name, word) word,
    LOOM_ROUNDS(X)
#undef X
};

static const char *const overflow_words[] = {
#define X(name, word) word,
    LOOM_OVERFLOWS(X)
#undef X
};

static int from_word(const char *s, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(s, words[i]))
            return i;
    return -1;
}

const char *loom_round_word(enum loom_round r)
{
    return round_words[r];
}

const char *loom_overflow_word(enum loom_overflow o)
{
    return overflow_words[o];
}

int loom_round_from_word(const char *s)
{
    return from_word(s, round_words, LOOM_N_ROUNDS);
}

int loom_overflow_from_word(const char *s)
{
    return from_word(s, overflow_words, LOOM_N_OVERFLOWS);
}

int64_t loom_fixed_max(struct loom_fixed t)
{
    int b = t.i + t.f;
    return loom_fixed_width(t) && b > 0 ? (int64_t)((UINT64_C(1) << b) - 1) : 0;
}

int64_t loom_fixed_min(struct loom_fixed t, enum loom_overflow o)
{
    int b = t.i + t.f;
    if (!t.k || !loom_fixed_width(t))
        return 0;
    if (o == LOOM_SAT_SYM)
        return -loom_fixed_max(t);
    return -(int64_t)(UINT64_C(1) << b);
}

/* Whether v / 2^shift, whose floor is q and whose dropped part is r of
 * 2^shift, rounds up from q. `half` is 2^(shift-1). */
static bool rounds_up(int64_t v, int64_t q, uint64_t r, uint64_t half,
                      enum loom_round mode)
{
    switch (mode) {
    case LOOM_RND:
        return r >= half;
    case LOOM_TRN:
        return false;
    case LOOM_RND_CONV:
        return r > half || (r == half && (q & 1));
    case LOOM_TRN_ZERO:
        return v < 0 && r;
    case LOOM_RND_ZERO:
        return r > half || (r == half && v < 0);
    case LOOM_RND_MIN_INF:
        return r > half;
    case LOOM_RND_INF:
        return r > half || (r == half && v >= 0);
    default:
        return false;
    }
}

int64_t loom_fixed_round(int64_t v, int shift, enum loom_round mode)
{
    if (shift <= 0)
        return (int64_t)((uint64_t)v << (shift < -63 ? 63 : -shift));
    /* |v| < 2^62, so past 62 places every value is below one half step. */
    if (shift > 62) {
        v = v > 0 ? 1 : v < 0 ? -1 : 0;
        shift = 62;
    }
    int64_t q = v >> shift;
    uint64_t r = (uint64_t)v - ((uint64_t)q << shift);
    return q + rounds_up(v, q, r, UINT64_C(1) << (shift - 1), mode);
}

/* v * 2^s clipped to [lo, hi], s >= 0, without overflow on the way. */
static int64_t shift_clip(int64_t v, int s, int64_t lo, int64_t hi)
{
    if (v > 0 && (s > 62 || v > (hi >> s)))
        return hi;
    if (v < 0 && (s > 62 || v < -(-lo >> s)))
        return lo;
    return v * (INT64_C(1) << (v ? s : 0));
}

int64_t loom_fixed_quantize(int64_t v, int f, struct loom_fixed t,
                            enum loom_round r, enum loom_overflow o)
{
    int width = loom_fixed_width(t);
    if (!width)
        return 0;
    int shift = f - t.f;
    int64_t lo = loom_fixed_min(t, o), hi = loom_fixed_max(t);
    if (o != LOOM_WRAP) {
        /* The ends lie on the grid, so clipping after rounding is the same. */
        if (shift < 0)
            return shift_clip(v, -shift, lo, hi);
        int64_t y = loom_fixed_round(v, shift, r);
        return y < lo ? lo : y > hi ? hi : y;
    }
    uint64_t mask = (UINT64_C(1) << width) - 1;
    uint64_t y = shift < -63 ? 0 : (uint64_t)loom_fixed_round(v, shift, r);
    return (int64_t)((y - (uint64_t)lo) & mask) + lo;
}

int loom_interval_width(int64_t lo, int64_t hi)
{
    int w = 0;
    if (lo >= 0) {
        while (w < 63 && (hi >> w))
            w++;
        return w;
    }
    while (w < 62 && (lo < -(INT64_C(1) << w) || hi >= (INT64_C(1) << w)))
        w++;
    return w + 1;
}
