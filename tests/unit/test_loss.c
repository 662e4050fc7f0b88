/* Losses and metrics against their definitions in double precision. */
#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>

#include "engine/metric.h"

enum { ROWS = 9, N = 5, LD = 16 };

/* ---- losses ------------------------------------------------------------ */

static double row_of_classes(const struct loom_loss_rule *rule, const double *z,
                             int y)
{
    double sum = 0, rival = -INFINITY;
    for (int j = 0; j < N; j++) {
        sum += exp(z[j]);
        if (j != y)
            rival = fmax(rival, z[j]);
    }
    double loss = rule->kind == LOOM_HINGE ? fmax(0, 1 + rival - z[y])
                                           : -log(exp(z[y]) / sum);
    return rule->class_weight ? (double)rule->class_weight[y] * loss : loss;
}

static double row_of_targets(const struct loom_loss_rule *rule, const double *z,
                             const float *t)
{
    double sum = 0, delta = rule->delta;
    for (int j = 0; j < N; j++) {
        double d = fabs(z[j] - (double)t[j]);
        sum += rule->kind == LOOM_MSE ? d * d
               : d <= delta           ? d * d / 2
                                      : delta * (d - delta / 2);
    }
    return sum / N;
}

struct block {
    double z[ROWS][N];
    int y[ROWS];
    float t[ROWS * N];
};

static double reference(const struct loom_loss_rule *rule,
                        const struct block *b)
{
    double sum = 0;
    for (int r = 0; r < ROWS; r++)
        sum += loom_loss_of_classes(rule->kind)
                   ? row_of_classes(rule, b->z[r], b->y[r])
                   : row_of_targets(rule, b->z[r], b->t + r * N);
    return sum;
}

static void draw(struct block *b, struct loom_rng *g)
{
    for (int r = 0; r < ROWS; r++) {
        b->y[r] = unit_between(g, 0, N - 1);
        for (int j = 0; j < N; j++) {
            b->z[r][j] = (double)(float)(1.5 * loom_rng_normal(g));
            b->t[r * N + j] = (float)loom_rng_normal(g);
        }
    }
}

/* The gradient is that of the reference, by central differences. */
static void check_loss(const struct loom_loss_rule *rule, uint64_t seed)
{
    struct loom_rng g = loom_rng_init(seed, rule->kind);
    struct loom_loss_sums s = {0}, again = {0};
    struct block b;
    float z[ROWS * LD] = {0}, gz[ROWS * LD];
    draw(&b, &g);
    for (int r = 0; r < ROWS; r++)
        for (int j = 0; j < N; j++)
            z[r * LD + j] = (float)b.z[r][j];
    loom_loss_block(rule, ROWS, N, z, LD, b.y, b.t, 0.5f, gz, &s);
    loom_loss_block(rule, ROWS, N, z, LD, b.y, b.t, 0.5f, NULL, &again);
    assert_memory_equal(&s, &again, sizeof(s));
    double want = reference(rule, &b);
    assert_true(fabs(s.loss - want) < 1e-5 * fmax(want, 1));
    for (int r = 0; r < ROWS; r++)
        for (int j = 0; j < N; j++) {
            double old = b.z[r][j];
            b.z[r][j] = old + 1e-6;
            double up = reference(rule, &b);
            b.z[r][j] = old - 1e-6;
            double slope = 0.5 * (up - reference(rule, &b)) / 2e-6;
            b.z[r][j] = old;
            if (fabs(slope - (double)gz[r * LD + j]) > 1e-5)
                fail_msg("%s: gradient %g, not %g", loom_loss_word(rule->kind),
                         (double)gz[r * LD + j], slope);
        }
}

static void test_losses(void **state)
{
    (void)state;
    static const float weight[N] = {1, 0.25f, 3, 0, 2};
    static const struct loom_loss_rule rules[] = {
        {.kind = LOOM_CROSS_ENTROPY},
        {.kind = LOOM_CROSS_ENTROPY, .class_weight = weight},
        {.kind = LOOM_HINGE},
        {.kind = LOOM_HINGE, .class_weight = weight},
        {.kind = LOOM_MSE},
        {.kind = LOOM_MSE, .cut = 0.5},
        {.kind = LOOM_HUBER, .delta = 1},
        {.kind = LOOM_HUBER, .delta = 0.3, .cut = 0.5},
    };
    for (size_t k = 0; k < sizeof(rules) / sizeof(*rules); k++)
        for (uint64_t seed = 0; seed < 20; seed++)
            check_loss(&rules[k], seed);
}

/* Logits as large as float32 has them give finite numbers. */
static void test_cross_entropy_large(void **state)
{
    (void)state;
    static const struct loom_loss_rule rule = {.kind = LOOM_CROSS_ENTROPY};
    static const float z[][3] = {{1e30f, -1e30f, 0},
                                 {-1e30f, -1e30f, -1e30f},
                                 {FLT_MAX, FLT_MAX, 0},
                                 {88, 89, 90},
                                 {0, 0, 0}};
    for (size_t k = 0; k < sizeof(z) / sizeof(*z); k++)
        for (int y = 0; y < 3; y++) {
            float gz[3];
            struct loom_loss_sums s = {0};
            loom_loss_block(&rule, 1, 3, z[k], 3, &y, NULL, 1, gz, &s);
            assert_true(isfinite(s.loss) && s.loss >= 0);
            assert_true(fabsf(gz[0] + gz[1] + gz[2]) < 1e-6f);
        }
    int y = 1; /* the first of equals is the answer */
    struct loom_loss_sums s = {0};
    loom_loss_block(&rule, 1, 3, z[4], 3, &y, NULL, 1, NULL, &s);
    assert_true(s.correct == 0);
    assert_true(fabs(s.loss - log(3)) < 1e-6);
}

/* Errors of at least the cut are outliers, and not in the rms. */
static void test_cut(void **state)
{
    (void)state;
    static const float z[4] = {1, 2, 3, 10}, t[4] = {0, 0, 0, 0};
    static const struct loom_loss_rule rule = {.kind = LOOM_MSE, .cut = 3};
    struct loom_loss_sums s = {0};
    loom_loss_block(&rule, 2, 2, z, 2, NULL, t, 1, NULL, &s);
    assert_true(s.square == 5 && s.inliers == 2 && s.values == 4);
    assert_true(s.loss == (1 + 4) / 2.0 + (9 + 100) / 2.0);
    struct loom_dataset d = {.n_in = 1, .n_out = 2, .target_scale = 4};
    struct loom_rows rows = {.rows = 2, .t = (float *)(uintptr_t)t};
    struct loom_goal g = {.loss = LOOM_MSE, .outlier_cut = 12};
    struct loom_score v = loom_score_outputs(&g, &d, &rows, z);
    assert_true(fabs(v.metric - 4 * sqrt(2.5)) < 1e-6);
    assert_true(fabs(v.outliers - 0.5) < 1e-12);
    g.metric = LOOM_MAE; /* of all, outliers too */
    v = loom_score_outputs(&g, &d, &rows, z);
    assert_true(fabs(v.metric - 4 * 4) < 1e-6);
    g = (struct loom_goal){.loss = LOOM_HUBER, .huber_delta = 8};
    v = loom_score_outputs(&g, &d, &rows, z);
    assert_true(v.outliers == -1);
    /* delta is 2 in the outputs' unit */
    assert_true(fabs(v.loss - (0.5 + 2 + 4 + 18) / 4) < 1e-6);
    g.outlier_cut = 1e-3;
    v = loom_score_outputs(&g, &d, &rows, z);
    assert_true(isnan(v.metric) && v.outliers == 1);
}

/* ---- metrics of classes ------------------------------------------------ */

static double softmax(const float *z, int n, int c)
{
    double sum = 0;
    for (int j = 0; j < n; j++)
        sum += exp((double)z[j]);
    return exp((double)z[c]) / sum;
}

/* Every pair counted. */
static double pairs_won(const float *z, const int *y, int rows, int n, int c)
{
    double won = 0, pairs = 0;
    for (int a = 0; a < rows; a++)
        for (int b = 0; b < rows; b++)
            if (y[a] == c && y[b] != c) {
                double d = softmax(z + a * n, n, c) - softmax(z + b * n, n, c);
                won += fabs(d) < 1e-12 ? 0.5 : d > 0;
                pairs++;
            }
    return pairs > 0 ? won / pairs : (double)NAN;
}

static void near_or_nan(double got, double want)
{
    if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-9))
        fail_msg("%.12g, not %.12g", got, want);
}

/* Few levels make ties; a class may be absent, or be all there is. */
static void test_auc(void **state)
{
    (void)state;
    struct loom_rng g = loom_rng_init(5, 5);
    for (int round = 0; round < 300; round++) {
        int rows = unit_between(&g, 1, 40), n = unit_between(&g, 2, 5);
        int levels = unit_between(&g, 1, 8), y[40];
        float z[200];
        double auc[5], accuracy[5];
        for (int r = 0; r < rows; r++) {
            y[r] = unit_between(&g, 0, n - 1 - round % 2);
            for (int j = 0; j < n; j++)
                z[r * n + j] = (float)unit_between(&g, 0, levels) / 4.0f +
                               (j == y[r] ? 0.5f : 0.0f);
        }
        loom_auc((size_t)rows, (size_t)n, z, y, auc);
        loom_class_accuracy((size_t)rows, (size_t)n, z, y, accuracy);
        for (int c = 0; c < n; c++) {
            double found = 0, all = 0;
            near_or_nan(auc[c], pairs_won(z, y, rows, n, c));
            for (int r = 0; r < rows; r++) {
                bool best = true;
                for (int j = 0; j < n; j++)
                    best &= j < c ? z[r * n + j] < z[r * n + c]
                                  : z[r * n + j] <= z[r * n + c];
                all += y[r] == c;
                found += y[r] == c && best;
            }
            near_or_nan(accuracy[c], all > 0 ? found / all : (double)NAN);
        }
    }
}

/* What is asked for is what drives, and absent classes do not count. */
static void test_scores(void **state)
{
    (void)state;
    static const float z[4 * 3] = {3, 1, 2, 3, 1, 2, 0, 5, 1, 4, 5, 1};
    static const int y[4] = {0, 1, 1, 1};
    struct loom_dataset d = {.n_out = 3};
    struct loom_rows rows = {.rows = 4, .y = (int *)(uintptr_t)y};
    struct loom_goal g = {.metric = LOOM_METRIC_STANDARD};
    assert_true(loom_score_outputs(&g, &d, &rows, z).metric == 3 / 4.0);
    g.metric = LOOM_CLASS_ACCURACY;
    near_or_nan(loom_score_outputs(&g, &d, &rows, z).metric, (1 + 2 / 3.0) / 2);
    g.metric = LOOM_AUC;
    near_or_nan(loom_score_outputs(&g, &d, &rows, z).metric, 2.5 / 3);
    float nan[3] = {NAN, NAN, NAN};
    double v[3];
    loom_auc(1, 3, nan, y, v); /* comes to an end */
}

static void test_goals(void **state)
{
    (void)state;
    int y = 0;
    float t = 0;
    struct loom_dataset classes = {.name = "c", .part = {{.y = &y}}};
    struct loom_dataset targets = {.name = "t", .part = {{.t = &t}}};
    for (int loss = LOOM_CROSS_ENTROPY; loss <= LOOM_HINGE; loss++)
        for (int m = LOOM_METRIC_STANDARD; m < LOOM_N_METRICS; m++) {
            struct loom_errmsg why;
            struct loom_goal g = {.loss = (enum loom_loss)loss,
                                  .metric = (enum loom_metric)m,
                                  .huber_delta = 2,
                                  .outlier_cut = 3};
            bool of = loom_loss_of_classes(g.loss);
            bool good =
                loom_metric_of_classes(loom_goal_metric(&g)) == of || !m;
            assert_int_equal(
                loom_goal_check(&g, of ? &classes : &targets, &why),
                good ? 0 : LOOM_ERR_ARG);
            assert_int_equal(
                loom_goal_check(&g, of ? &targets : &classes, &why),
                LOOM_ERR_ARG);
            if (!good)
                continue;
            json_t *info = json_object();
            loom_goal_to_json(&g, info);
            struct loom_goal back = loom_goal_from_json(info);
            assert_int_equal(back.loss, g.loss);
            assert_int_equal(loom_goal_metric(&back), loom_goal_metric(&g));
            assert_true(back.huber_delta == 2 && back.outlier_cut == 3);
            json_decref(info);
        }
    struct loom_goal none = loom_goal_from_json(NULL);
    assert_int_equal(loom_goal_metric(&none), LOOM_ACCURACY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_cross_entropy_large),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_auc),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_goals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
