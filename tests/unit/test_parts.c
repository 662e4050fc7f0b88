/* The trainer's small parts: schedules, the front, the history. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/control.h"
#include "engine/pareto.h"
#include "engine/schedule.h"
#include "engine/trainer_impl.h"

/* ---- schedules --------------------------------------------------------- */

static double at(const struct loom_schedule *s, double epoch)
{
    struct loom_errmsg e;
    return loom_schedule_at(s, epoch, &e);
}

static void near_to(double got, double want)
{
    if (fabs(got - want) > 1e-12 * fabs(want))
        fail_msg("%.17g, not %.17g", got, want);
}

static void test_piecewise(void **state)
{
    (void)state;
    struct loom_schedule s = {.kind = LOOM_PIECEWISE,
                              .n_keys = 4,
                              .key = {{10, 1, LOOM_HOLD},
                                      {20, 2, LOOM_LINEAR},
                                      {30, 4, LOOM_LOG},
                                      {40, 400, LOOM_LOG}}};
    static const struct {
        double epoch, value;
    } cases[] = {{0, 1},  {10, 1},  {19.99, 1}, {20, 2},   {25, 3},
                 {30, 4}, {35, 40}, {40, 400},  {41, 400}, {1e9, 400}};
    assert_ok(loom_schedule_check(&s, "beta", e));
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++)
        near_to(at(&s, cases[k].epoch), cases[k].value);
    s.key[1].interp = LOOM_SMOOTH;
    near_to(at(&s, 20), 2);
    near_to(at(&s, 20 + 10 / 3.0), 2.5);
    near_to(at(&s, 25), 3);
}

static void test_cosine(void **state)
{
    (void)state;
    struct loom_schedule s = {.kind = LOOM_COSINE,
                              .value = 1,
                              .cycle = 10,
                              .decay = 0.5,
                              .floor = 0.2,
                              .flat = 2};
    assert_ok(loom_schedule_check(&s, "lr", e));
    near_to(at(&s, 0), 1);
    near_to(at(&s, 4), 0.6);
    near_to(at(&s, 8), 0.2);
    near_to(at(&s, 9.5), 0.2);
    near_to(at(&s, 10), 0.6); /* the second cycle is half as high */
    near_to(at(&s, 18), 0.2);
    near_to(at(&s, 20), 0.4);
    s.rest = 0.7;
    near_to(at(&s, 7), 0.2 + 0.4 * (1 + cos(M_PI * 7 / 8)));
    near_to(at(&s, 8), 0.7);
    near_to(at(&s, 9.9), 0.7);
    /* TensorFlow: lr0 ((1 - alpha) m^c (1 + cos pi t)/2 + alpha) */
    struct loom_schedule tf = {.kind = LOOM_COSINE,
                               .value = 4e-3,
                               .cycle = 10,
                               .decay = 0.8,
                               .floor = 0.05 * 4e-3};
    for (int k = 0; k < 50; k++) {
        double half = 0.5 * (1 + cos(M_PI * (k % 10) / 10.0));
        near_to(at(&tf, k), 4e-3 * (0.95 * pow(0.8, k / 10) * half + 0.05));
    }
}

static void test_schedule_wrong(void **state)
{
    (void)state;
    static const struct {
        struct loom_schedule s;
        const char *word;
    } cases[] = {
        {{.kind = LOOM_CONSTANT, .value = -1}, "-1"},
        {{.kind = LOOM_CONSTANT, .value = NAN}, "nan"},
        {{.kind = LOOM_PIECEWISE}, "64 points"},
        {{.kind = LOOM_PIECEWISE, .n_keys = 65}, "64 points"},
        {{.kind = LOOM_PIECEWISE, .n_keys = 1, .key = {{0, -1, LOOM_LOG}}},
         "point 1"},
        {{.kind = LOOM_PIECEWISE, .n_keys = 1, .key = {{NAN, 1, LOOM_LOG}}},
         "point 1"},
        {{.kind = LOOM_PIECEWISE,
          .n_keys = 2,
          .key = {{5, 1, LOOM_LINEAR}, {5, 2, LOOM_LINEAR}}},
         "point 2"},
        {{.kind = LOOM_PIECEWISE,
          .n_keys = 2,
          .key = {{0, 0, LOOM_LOG}, {5, 2, LOOM_LOG}}},
         "logarithmic"},
        {{.kind = LOOM_COSINE, .value = 1, .cycle = 0, .decay = 1}, "cycle"},
        {{.kind = LOOM_COSINE, .value = 1, .cycle = NAN, .decay = 1}, "cycle"},
        {{.kind = LOOM_COSINE, .value = 1, .cycle = 2, .decay = 1, .flat = 2},
         "flat"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        assert_fails(loom_schedule_check(&cases[k].s, "beta", e), LOOM_ERR_ARG,
                     cases[k].word);
        assert_fails(loom_schedule_check(&cases[k].s, "beta", e), LOOM_ERR_ARG,
                     "beta");
    }
}

/* ---- beta after a target ----------------------------------------------- */

/* The sum of errors written out, from where beta was. */
static void test_pid(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(6, 6);
    struct loom_control_conf given = {
        .p = 0.7, .i = 0.01, .d = 0.3, .damp = 0.25, .lo = 1e-12, .hi = 1e3};
    struct loom_control_conf conf = loom_control_standard(&given);
    double target = 500, beta = 2e-6, ebops = 4000, sum = 0, last, first;
    struct loom_control c = loom_control_begin(&conf, target, beta, ebops);
    last = log10(ebops / target);
    first = log10(beta) - 0.7 * last;
    for (int k = 0; k < 200; k++) {
        ebops = exp(4 + 5 * loom_rng_uniform(&g));
        double error = log10(ebops / target);
        sum += 0.01 * error;
        double want = pow(10, first + 0.7 * error + sum + 0.3 * (error - last));
        last = error;
        beta = loom_control_next(&conf, &c, target, beta, ebops);
        near_to(beta * 1e6, (error < 0 ? 0.75 : 1) * want * 1e6);
    }
}

/* Out of bounds nothing is summed up: it comes back at once. */
static void test_pid_bounds(void **state)
{
    (void)state;
    struct loom_control_conf given = {.i = 0.1, .lo = 1e-8, .hi = 1e-4};
    struct loom_control_conf conf = loom_control_standard(&given);
    struct loom_control c = loom_control_begin(&conf, 100, 1e-5, 100);
    double beta = 1e-5;
    for (int k = 0; k < 500; k++)
        beta = loom_control_next(&conf, &c, 100, beta, 1e6);
    assert_true(beta == 1e-4);
    for (int k = 0; k < 12; k++)
        beta = loom_control_next(&conf, &c, 100, beta, 10);
    assert_true(beta < 1e-5);
    for (int k = 0; k < 500; k++)
        beta = loom_control_next(&conf, &c, 100, beta, 0);
    assert_true(beta == 1e-8);
}

static void test_dual(void **state)
{
    (void)state;
    struct loom_control_conf given = {
        .kind = LOOM_DUAL, .rate = 1e-6, .hi = 1e-5};
    struct loom_control_conf conf = loom_control_standard(&given);
    struct loom_control c = loom_control_begin(&conf, 100, 3e-6, 150);
    near_to(loom_control_next(&conf, &c, 100, 3e-6, 150), 3.5e-6);
    near_to(loom_control_next(&conf, &c, 100, 3e-6, 50), 2.5e-6);
    assert_true(loom_control_next(&conf, &c, 100, 1e-7, 0) == 0);
    assert_true(loom_control_next(&conf, &c, 100, 9e-6, 1e5) == 1e-5);
}

/* ---- the front --------------------------------------------------------- */

/* Whether a is at least as good as b in both, for metrics to be raised. */
static bool beats(const struct loom_pareto_point *a,
                  const struct loom_pareto_point *b, bool lower)
{
    double gain = lower ? b->metric - a->metric : a->metric - b->metric;
    return gain >= 0 && a->cost <= b->cost;
}

static void check_front(const struct loom_pareto *f)
{
    for (int a = 0; a < f->n; a++)
        for (int b = 0; b < f->n; b++)
            if (a != b && beats(&f->point[a], &f->point[b], f->lower_is_better))
                fail_msg("point %d beats %d", a, b);
    for (int a = 1; a < f->n; a++)
        assert_true(f->point[a - 1].cost < f->point[a].cost);
}

/* Against all points ever shown, as long as none left for lack of room. */
static void check_brute(const struct loom_pareto *f,
                        const struct loom_pareto_point *seen, int n)
{
    int kept = 0;
    for (int a = 0; a < n; a++) {
        bool best = true;
        for (int b = 0; b < n; b++) {
            bool equal = beats(&seen[a], &seen[b], f->lower_is_better) &&
                         beats(&seen[b], &seen[a], f->lower_is_better);
            if (b != a && beats(&seen[b], &seen[a], f->lower_is_better))
                best &= equal && a < b; /* the first of equals stays */
        }
        kept += best;
    }
    assert_int_equal(f->n, kept);
}

static void test_front(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(8, 8);
    struct loom_pareto_point gone[LOOM_PARETO_MAX + 1], seen[60];
    for (int run = 0; run < 400; run++) {
        struct loom_pareto f = {.lower_is_better = run % 2};
        int left = 0, joined = 0, n = 0;
        for (; n < 60; n++) {
            seen[n] = (struct loom_pareto_point){
                n, unit_between(&g, 0, 30), unit_between(&g, 0, 30), 0, ""};
            if (loom_pareto_wants(&f, seen[n].metric, seen[n].cost)) {
                left += loom_pareto_add(&f, &seen[n], gone);
                joined++;
            }
            check_front(&f);
        }
        assert_int_equal(joined - left, f.n);
        check_brute(&f, seen, n);
    }
}

static void check_full(bool lower)
{
    struct loom_rng g = loom_rng_init(9, 8);
    struct loom_pareto f = {.lower_is_better = lower};
    struct loom_pareto_point gone[LOOM_PARETO_MAX + 1];
    double best = lower ? 0 : -1, cheapest = 1e9;
    for (int k = 0; k < 3000; k++) {
        double c = loom_rng_uniform(&g) * 1e4;
        double metric = sqrt(c) + loom_rng_uniform(&g);
        struct loom_pareto_point p = {k, lower ? -metric : metric, c, 0, ""};
        if (!loom_pareto_wants(&f, p.metric, p.cost))
            continue;
        int n = f.n, left = loom_pareto_add(&f, &p, gone);
        assert_int_equal(f.n, n + 1 - left);
        assert_true(f.n <= LOOM_PARETO_MAX);
        check_front(&f);
        best = lower ? fmin(best, p.metric) : fmax(best, p.metric); /* the ends never leave */
        cheapest = fmin(cheapest, p.cost);
        assert_true(loom_pareto_best(&f, 0)->metric == best);
        assert_true(f.point[0].cost == cheapest);
    }
    assert_int_equal(f.n, LOOM_PARETO_MAX);
    assert_false(loom_pareto_wants(&f, NAN, 1));
    assert_false(loom_pareto_wants(&f, 1, NAN));
    assert_false(loom_pareto_wants(&f, INFINITY, 1));
    assert_null(loom_pareto_best(&f, cheapest / 2));
    assert_ptr_equal(loom_pareto_best(&f, cheapest), &f.point[0]);
}

static void test_front_full(void **state)
{
    (void)state;
    check_full(false);
    check_full(true);
}

/* ---- history ----------------------------------------------------------- */

static void test_history(void **state)
{
    (void)state;
    struct loom_history *h = loom_calloc(1, sizeof(*h));
    h->stride = 1;
    for (int epoch = 1; epoch <= 20000; epoch++) {
        struct loom_train_point p = {.epoch = epoch};
        loom_history_add(h, &p);
        assert_true(h->n <= LOOM_HISTORY);
        if (epoch % 997)
            continue;
        for (int k = 0; k < h->n; k++)
            assert_int_equal(h->point[k].epoch, 1 + k * h->stride);
        assert_true(h->point[h->n - 1].epoch + h->stride > epoch);
    }
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_piecewise),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_schedule_wrong),
        cmocka_unit_test(test_pid),
        cmocka_unit_test(test_pid_bounds),
        cmocka_unit_test(test_dual),
        cmocka_unit_test(test_front),
        cmocka_unit_test(test_front_full),
        cmocka_unit_test(test_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
