/* The search for the best network that fits, over networks whose true sizes
 * are known to the test alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/err.h"
#include "engine/rng.h"
#include "fpga_flow/fit.h"

enum { MAX = 96 };

struct world {
    int n, asked;
    int size[MAX];           /* LC once placed */
    double wrong, fmax[MAX]; /* prediction = size / wrong */
};

static int predict(void *ctx, int i, struct loom_cells *out)
{
    struct world *w = ctx;
    w->asked++;
    if (!w->size[i])
        return LOOM_ERR_RANGE;
    out->lc = (int)(w->size[i] / w->wrong);
    out->lut4 = out->lc * 3 / 4;
    out->ff = out->lc / 2;
    return 0;
}

/* Search to the end; how many builds it took. */
static int search(struct loom_fit *f, struct world *w)
{
    int builds = 0;
    for (int i; (i = loom_fit_next(f, predict, w)) >= 0; builds++) {
        assert_true(i < w->n && builds < w->n);
        assert_int_equal(f->point[i].outcome, LOOM_FIT_UNKNOWN);
        struct loom_cells c = {
            .lc = w->size[i], .lut4 = w->size[i] * 3 / 4, .ff = w->size[i] / 2};
        bool placed = c.lc <= f->limit.lc;
        loom_fit_note(f, i, c, placed ? w->fmax[i] : 0,
                      placed ? 0 : LOOM_ERR_FIT);
    }
    return builds;
}

/* Sizes fall from `from` to `to`. */
static void fill(struct world *w, int n, int from, int to)
{
    *w = (struct world){.n = n, .wrong = 1};
    for (int i = 0; i < n; i++) {
        w->size[i] = (int)(from * pow((double)to / from, i / (n - 1.0)));
        w->fmax[i] = 100;
    }
}

static void test_finds_the_best(void **state)
{
    (void)state;
    struct loom_rng r = loom_rng_init(5, 0);
    for (int k = 0; k < 400; k++) {
        struct world w;
        struct loom_fit_point point[MAX] = {{0}};
        fill(&w, 20 + (int)loom_rng_below(&r, MAX - 20), 20000, 1000);
        w.wrong = 0.8 + 0.01 * (double)loom_rng_below(&r, 60);
        struct loom_fit f = {
            .limit = {.lc = 7680}, .clock_mhz = 60, .n = w.n, .point = point};
        int builds = search(&f, &w), best = loom_fit_best(&f);
        assert_true(builds <= 6);
        assert_true(w.asked <= 30);
        assert_true(best >= 0 && w.size[best] <= 7680);
        /* Nothing better would have fitted with the room that routing
         * needs. */
        assert_true(best == 0 || w.size[best - 1] > 0.95 * 7680);
    }
}

static void test_all_fit(void **state)
{
    (void)state;
    struct world w;
    struct loom_fit_point point[MAX] = {{0}};
    fill(&w, 30, 900, 300);
    struct loom_fit f = {
        .limit = {.lc = 7680}, .clock_mhz = 60, .n = 30, .point = point};
    assert_int_equal(search(&f, &w), 1);
    assert_int_equal(loom_fit_best(&f), 0);
    assert_true(loom_fit_growth(&f) == 0);
}

static void test_nothing_fits(void **state)
{
    (void)state;
    struct world w;
    struct loom_fit_point point[MAX] = {{0}};
    fill(&w, 30, 9000, 4000);
    struct loom_fit f = {
        .limit = {.lc = 1280}, .clock_mhz = 60, .n = 30, .point = point};
    assert_int_equal(search(&f, &w), 0); /* hopeless: no build */
    assert_int_equal(loom_fit_best(&f), -1);
    double g = loom_fit_growth(&f);
    assert_true(g > 0.25 && g < 0.33);

    /* Within hope: the smallest is tried. */
    struct loom_fit_point again[MAX] = {{0}};
    f = (struct loom_fit){
        .limit = {.lc = 3950}, .clock_mhz = 60, .n = 30, .point = again};
    assert_int_equal(search(&f, &w), 1);
    assert_int_equal(again[29].outcome, LOOM_FIT_TOO_LARGE);
}

/* The limits on tables and registers count as the device does. */
static void test_limits(void **state)
{
    (void)state;
    struct world w;
    struct loom_fit_point point[MAX] = {{0}};
    fill(&w, 40, 20000, 1000);
    struct loom_fit f = {.limit = {.lc = 7680, .lut4 = 3000, .ff = 5000},
                         .clock_mhz = 60,
                         .n = 40,
                         .point = point};
    search(&f, &w);
    int best = loom_fit_best(&f);
    assert_true(w.size[best] * 3 / 4 <= 3000);
    assert_true(w.size[best - 1] * 3 / 4 > 2850);
}

/* One that misses the clock, one that cannot be predicted, and one whose
 * build fails for a reason of its own are passed over. */
static void test_exceptions(void **state)
{
    (void)state;
    struct world w;
    struct loom_fit_point point[MAX] = {{0}};
    fill(&w, 10, 5000, 2000);
    w.fmax[0] = 40;
    w.size[1] = 0;
    struct loom_fit f = {
        .limit = {.lc = 7680}, .clock_mhz = 60, .n = 10, .point = point};
    assert_int_equal(loom_fit_next(&f, predict, &w), 0);
    loom_fit_note(&f, 0, (struct loom_cells){.lc = 5000}, 40, 0);
    assert_int_equal(point[0].outcome, LOOM_FIT_TOO_SLOW);
    assert_int_equal(loom_fit_next(&f, predict, &w), 2);
    loom_fit_note(&f, 2, (struct loom_cells){0}, 0, LOOM_ERR_TOOL);
    assert_int_equal(point[2].outcome, LOOM_FIT_FAILED);
    assert_int_equal(loom_fit_next(&f, predict, &w), 3);
    loom_fit_note(&f, 3, (struct loom_cells){.lc = w.size[3]}, 80, 0);
    assert_int_equal(loom_fit_best(&f), 3);
    assert_int_equal(loom_fit_next(&f, predict, &w), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_best), cmocka_unit_test(test_all_fit),
        cmocka_unit_test(test_nothing_fits),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_exceptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
