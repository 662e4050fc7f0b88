/* Fixed point on integers against the definition in 128-bit arithmetic. */
#include "tests/unit/unit.h"

#include <inttypes.h>

#include "engine/fixed.h"

__extension__ typedef __int128 wide;

static wide power(int e)
{
    return (wide)1 << e;
}

static wide floor_div(wide a, wide b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static wide ceil_div(wide a, wide b)
{
    return -floor_div(-a, b);
}

/* v / d rounded, by the words of each mode. */
static wide naive_round(wide v, wide d, enum loom_round r)
{
    wide sign = v < 0 ? -1 : 1, a = v * sign;
    wide up = floor_div(2 * v + d, 2 * d);
    switch (r) {
    case LOOM_RND:
        return up;
    case LOOM_TRN:
        return floor_div(v, d);
    case LOOM_RND_CONV:
        return (2 * v + d) % (2 * d) == 0 && up % 2 != 0 ? up - 1 : up;
    case LOOM_TRN_ZERO:
        return sign * (a / d);
    case LOOM_RND_ZERO:
        return sign * ceil_div(2 * a - d, 2 * d);
    case LOOM_RND_MIN_INF:
        return ceil_div(2 * v - d, 2 * d);
    case LOOM_RND_INF:
        return sign * floor_div(2 * a + d, 2 * d);
    default:
        return 0;
    }
}

/* The format's range as the header words it, in units of 2^-f. */
static void naive_range(struct loom_fixed t, enum loom_overflow o, wide *lo,
                        wide *hi)
{
    wide top = power(t.i + t.f);
    *hi = top - 1;
    *lo = o == LOOM_SAT_SYM ? -t.k * (top - 1) : -t.k * top;
}

static wide naive_quantize(int64_t value, int f, struct loom_fixed t,
                           enum loom_round r, enum loom_overflow o)
{
    wide lo, hi, v = value, d = 1;
    if (t.k + t.i + t.f <= 0)
        return 0;
    naive_range(t, o, &lo, &hi);
    int up = t.f - f;
    if (up > 63) /* beyond every range, and a multiple of every modulus */
        return o == LOOM_WRAP || !v ? 0 : v > 0 ? hi : lo;
    if (up > 0)
        v *= power(up);
    if (up < -63) { /* below half a step whatever it is */
        v = v < 0 ? -1 : v > 0;
        up = -63;
    }
    if (up < 0)
        d = power(-up);
    if (o != LOOM_WRAP) { /* clip, then round */
        v = v > hi * d ? hi * d : v;
        v = v < lo * d ? lo * d : v;
        return naive_round(v, d, r);
    }
    wide m = power(t.k + t.i + t.f), y = naive_round(v, d, r) - lo;
    return y - floor_div(y, m) * m + lo;
}

static int64_t random_value(struct loom_rng *g)
{
    int bits = unit_between(g, 0, 61);
    int64_t v = (int64_t)(loom_rng_u64(g) >> (63 - bits));
    v = unit_between(g, 0, 7) ? v : (INT64_C(1) << bits);
    return unit_between(g, 0, 1) ? v : -v;
}

static void test_round(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(1, 1);
    for (int n = 0; n < 200000; n++) {
        int shift = unit_between(&g, 0, 62);
        int64_t v = random_value(&g);
        if (unit_between(&g, 0, 3) == 0 && shift && shift < 60) /* a tie */
            v = (v >> shift) * (INT64_C(1) << shift) +
                (INT64_C(1) << (shift - 1));
        enum loom_round r =
            (enum loom_round)unit_between(&g, 0, LOOM_N_ROUNDS - 1);
        wide want = naive_round(v, power(shift), r);
        int64_t got = loom_fixed_round(v, shift, r);
        if (got != want)
            fail_msg("round %s of %" PRId64 " >> %d: %" PRId64 ", not %" PRId64,
                     loom_round_word(r), v, shift, got, (int64_t)want);
    }
}

static void test_round_far(void **state)
{
    (void)state;
    for (int r = 0; r < LOOM_N_ROUNDS; r++)
        for (int64_t v = -3; v <= 3; v++)
            for (int shift = 61; shift < 3000; shift += shift < 70 ? 1 : 777)
                assert_int_equal(loom_fixed_round(v, shift, (enum loom_round)r),
                                 naive_round(v, power(70), (enum loom_round)r));
    assert_int_equal(loom_fixed_round(5, -3, LOOM_RND), 40);
    assert_int_equal(loom_fixed_round(-5, -3, LOOM_RND), -40);
    assert_int_equal(loom_fixed_round(0, -2000, LOOM_RND), 0);
}

static struct loom_fixed random_format(struct loom_rng *g)
{
    struct loom_fixed t = {(int8_t)unit_between(g, 0, 1), 0, 0};
    int width = unit_between(g, 0, 9) ? unit_between(g, -3, 20)
                                      : unit_between(g, 21, 62);
    t.f = (int16_t)unit_between(g, -30, 70);
    t.i = (int16_t)(width - t.k - t.f);
    return t;
}

static void check_quantize(int64_t v, int f, struct loom_fixed t,
                           enum loom_round r, enum loom_overflow o)
{
    int64_t want = (int64_t)naive_quantize(v, f, t, r, o);
    int64_t got = loom_fixed_quantize(v, f, t, r, o);
    if (got != want)
        fail_msg("%" PRId64 " of f %d to k %d i %d f %d, %s %s: %" PRId64
                 ", not %" PRId64,
                 v, f, t.k, t.i, t.f, loom_round_word(r), loom_overflow_word(o),
                 got, want);
    assert_in_range(got - loom_fixed_min(t, o), 0,
                    loom_fixed_max(t) - loom_fixed_min(t, o));
}

static void test_quantize(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(2, 1);
    for (int n = 0; n < 400000; n++) {
        struct loom_fixed t = random_format(&g);
        int64_t v = random_value(&g);
        int f = unit_between(&g, 0, 5) ? t.f + unit_between(&g, -8, 20)
                                       : unit_between(&g, -1000, 1000);
        enum loom_round r =
            (enum loom_round)unit_between(&g, 0, LOOM_N_ROUNDS - 1);
        enum loom_overflow o =
            (enum loom_overflow)unit_between(&g, 0, LOOM_N_OVERFLOWS - 1);
        /* What is wrapped must be representable before. */
        if (o == LOOM_WRAP && f < t.f && t.f - f < 64)
            v >>= t.f - f > 62 ? 62 : t.f - f;
        check_quantize(v, f, t, r, o);
    }
}

/* Small formats, all of them, with every value around their range. */
static void test_quantize_all_small(void **state)
{
    (void)state;
    for (int k = 0; k <= 1; k++)
        for (int i = -3; i <= 3; i++)
            for (int f = -3; f <= 3; f++)
                for (int r = 0; r < LOOM_N_ROUNDS; r++)
                    for (int o = 0; o < LOOM_N_OVERFLOWS; o++)
                        for (int v = -130; v <= 130; v += 1)
                            check_quantize(
                                v, 3,
                                (struct loom_fixed){(int8_t)k, (int16_t)i,
                                                    (int16_t)f},
                                (enum loom_round)r, (enum loom_overflow)o);
}

static void test_words(void **state)
{
    (void)state;
    for (int r = 0; r < LOOM_N_ROUNDS; r++)
        assert_int_equal(
            loom_round_from_word(loom_round_word((enum loom_round)r)), r);
    for (int o = 0; o < LOOM_N_OVERFLOWS; o++)
        assert_int_equal(
            loom_overflow_from_word(loom_overflow_word((enum loom_overflow)o)),
            o);
    assert_int_equal(loom_round_from_word("rnd"), -1);
    assert_int_equal(loom_overflow_from_word(""), -1);
}

static void test_interval_width(void **state)
{
    (void)state;
    static const struct {
        int64_t lo, hi;
        int width;
    } cases[] = {
        {0, 0, 0},
        {0, 1, 1},
        {0, 255, 8},
        {3, 256, 9},
        {-1, 0, 1},
        {-1, 1, 2},
        {-128, 127, 8},
        {-129, 0, 9},
        {-5, 128, 9},
        {-7, -3, 4},
        {0, (INT64_C(1) << 62) - 1, 62},
        {-(INT64_C(1) << 61), 0, 62},
        {-(INT64_C(1) << 62), (INT64_C(1) << 62) - 1, 63},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++)
        assert_int_equal(loom_interval_width(cases[c].lo, cases[c].hi),
                         cases[c].width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_round_far),
        cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_quantize_all_small),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_interval_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
