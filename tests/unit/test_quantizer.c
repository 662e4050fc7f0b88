/* The float quantizer: equal to the integer one in inference, and gradients
 * as they are defined. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/quantizer.h"

static const double LN2 = 0.693147180559945309;

static struct loom_quant_mode random_mode(struct loom_rng *g)
{
    return (struct loom_quant_mode){
        (enum loom_round)unit_between(g, 0, LOOM_N_ROUNDS - 1),
        (enum loom_overflow)unit_between(g, 0, LOOM_N_OVERFLOWS - 1)};
}

/* Values and formats whose arithmetic float32 holds: then not a bit may
 * differ. */
static void test_equals_integers(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(3, 1);
    for (int n = 0; n < 400000; n++) {
        struct loom_quant_mode m = random_mode(&g);
        int fx = unit_between(&g, -10, 20), width = unit_between(&g, -2, 18);
        int drop = unit_between(&g, -4, 12);
        struct loom_fixed t = {(int8_t)unit_between(&g, 0, 1), 0, 0};
        t.f = (int16_t)(fx - drop);
        t.i = (int16_t)(width - t.k - t.f);
        int64_t v = unit_between(&g, -(1 << 17), 1 << 17);
        float x = ldexpf((float)v, -fx);
        float got = loom_quant_infer(m, x, t.k, t.i, t.f);
        int64_t q = loom_fixed_quantize(v, fx, t, m.round, m.overflow);
        double want = ldexp((double)q, -t.f);
        if ((double)got != want)
            fail_msg("%g to k %d i %d f %d, %s %s: %.9g, not %.9g", (double)x,
                     t.k, t.i, t.f, loom_round_word(m.round),
                     loom_overflow_word(m.overflow), (double)got, want);
    }
}

/* The definition of the surrogate gradients, region by region. */
static void want_gradient(struct loom_quant_mode m, double x, double k,
                          double i, double f, double y, double *dx, double *di,
                          double *df)
{
    double top = exp2(fmax(i, -f)), step = exp2(-f), hi = top - step;
    double lo = m.overflow == LOOM_SAT ? -k * top : -k * hi;
    bool clips = m.overflow != LOOM_WRAP;
    *dx = 1;
    *di = 0;
    *df = LN2 * (x - y);
    if (clips && x > hi) {
        *dx = 0;
        *di = LN2 * top;
        *df = LN2 * step;
    } else if (clips && x < lo) {
        *dx = 0;
        *di = -k * LN2 * top;
        *df = m.overflow == LOOM_SAT ? 0 : -k * LN2 * step;
    }
}

static void test_gradient(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(4, 1);
    for (int n = 0; n < 200000; n++) {
        struct loom_quant_mode m = random_mode(&g);
        float k = (float)unit_between(&g, 0, 1);
        float i = (float)unit_between(&g, -4, 6);
        float f = (float)unit_between(&g, -3, 9);
        float x = (float)(loom_rng_normal(&g) * 20), dx, di, df;
        float y = loom_quant_one(m, x, k, i, f, true);
        double want[3];
        loom_quant_backward(m, &x, &y, &k, &i, &f, 1, &dx, &di, &df);
        want_gradient(m, (double)x, (double)k, (double)i, (double)f, (double)y,
                      &want[0], &want[1], &want[2]);
        const float got[3] = {dx, di, df};
        for (int c = 0; c < 3; c++)
            if (fabs((double)got[c] - want[c]) >
                1e-6 * fmax(fabs(want[c]), fabs((double)x)))
                fail_msg("%s %s x %g k %g i %g f %g, derivative %d: %g, not %g",
                         loom_round_word(m.round),
                         loom_overflow_word(m.overflow), (double)x, (double)k,
                         (double)i, (double)f, c, (double)got[c], want[c]);
    }
}

/* The integer bits say what holds: +-top fits, half of it would fit in less. */
static void test_int_bits(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(5, 1);
    for (int n = 0; n < 100000; n++) {
        int f = unit_between(&g, -6, 10), v = unit_between(&g, 0, 1 << 12);
        float m = ldexpf((float)v, -f);
        float i = loom_quant_int_bits(m, (float)f);
        double hi = exp2((double)i) - exp2(-f);
        assert_true((double)m <= hi);
        assert_true((double)m > exp2((double)i - 1) - exp2(-f) || !v);
    }
}

static void test_exp2i(void **state)
{
    (void)state;
    for (int e = -126; e <= 127; e++)
        assert_true(loom_exp2i((float)e) == ldexpf(1, e));
    assert_true(loom_exp2i(-127) == 0);
    assert_true(isinf(loom_exp2i(128)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_integers),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_int_bits),
        cmocka_unit_test(test_exp2i),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
