/* Simulated house numbers: what they are made of, and that one can read them.
 */
#include "engine/digits.h"

#include <math.h>

#include "tests/data/support.h"

static struct loom_dataset *make(size_t train, size_t test, uint64_t seed)
{
    struct loom_errmsg e = {""};
    struct loom_digits_conf c = {.train = train, .test = test, .seed = seed};
    struct loom_dataset *d = loom_digits_generate(&c, &e);
    if (!d)
        fail_msg("%s", e.text);
    return d;
}

static void made_of(void **state)
{
    (void)state;
    struct loom_dataset *d = make(500, 10, 1), *more = make(501, 5, 1);
    struct loom_dataset *other = make(500, 10, 2);
    size_t count[10] = {0}, n = 500 * LOOM_DIGITS_PIXELS;
    assert_ok(loom_dataset_check(d, e));
    for (size_t i = 0; i < n; i++) {
        float v = d->part[LOOM_TRAIN].x[i];
        assert_true(v >= 0 && v < 1 && v * 256 == floorf(v * 256));
    }
    for (size_t i = 0; i < 500; i++)
        count[d->part[LOOM_TRAIN].y[i]]++;
    for (int k = 0; k < 10; k++)
        assert_true(count[k] > 25);
    assert_memory_equal(d->part[LOOM_TRAIN].x, more->part[LOOM_TRAIN].x,
                        n * sizeof(float));
    assert_memory_not_equal(d->part[LOOM_TRAIN].x, other->part[LOOM_TRAIN].x,
                            n * sizeof(float));
    assert_memory_not_equal(d->part[LOOM_TRAIN].x, d->part[LOOM_TEST].x,
                            10 * LOOM_DIGITS_PIXELS * sizeof(float));
    loom_dataset_destroy(d);
    loom_dataset_destroy(more);
    loom_dataset_destroy(other);
}

enum { N = LOOM_DIGITS_SIZE * LOOM_DIGITS_SIZE };

/* How far each pixel's brightness is from the picture's mean, as a vector of
 * mean 0 and length 1: the same for dark strokes and bright ones. */
static void strength(const float *x, float to[N])
{
    float mean = 0, length = 0, all = 0;
    for (int i = 0; i < N; i++) {
        to[i] = x[3 * i] + x[3 * i + 1] + x[3 * i + 2];
        mean += to[i] / N;
    }
    for (int i = 0; i < N; i++) {
        to[i] = fabsf(to[i] - mean);
        all += to[i] / N;
    }
    for (int i = 0; i < N; i++) {
        to[i] -= all;
        length += to[i] * to[i];
    }
    for (int i = 0; i < N; i++)
        to[i] /= sqrtf(length);
}

/* The class whose mean picture is most alike is right far more often than by
 * chance (measured: 74 %). */
static void legible(void **state)
{
    (void)state;
    static float mean[10][N], one[N];
    struct loom_dataset *d = make(2000, 500, 1);
    const struct loom_rows *train = &d->part[LOOM_TRAIN];
    const struct loom_rows *test = &d->part[LOOM_TEST];
    int right = 0;
    for (size_t i = 0; i < train->rows; i++) {
        strength(train->x + i * LOOM_DIGITS_PIXELS, one);
        for (int k = 0; k < N; k++)
            mean[train->y[i]][k] += one[k];
    }
    for (size_t i = 0; i < test->rows; i++) {
        float best = -1e9f;
        int found = 0;
        strength(test->x + i * LOOM_DIGITS_PIXELS, one);
        for (int c = 0; c < 10; c++) {
            float alike = 0, length = 0;
            for (int k = 0; k < N; k++) {
                alike += one[k] * mean[c][k];
                length += mean[c][k] * mean[c][k];
            }
            alike /= sqrtf(length);
            if (alike > best) {
                best = alike;
                found = c;
            }
        }
        right += found == test->y[i];
    }
    printf("%.1f %% by mean pictures\n", right / 5.0);
    assert_true(right > 300);
    loom_dataset_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_of),
        cmocka_unit_test(legible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
