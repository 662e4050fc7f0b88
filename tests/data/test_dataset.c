/* A data set: its parts, split, scaling, checks, hash. */
#include "engine/dataset.h"

#include <math.h>

#include "tests/data/support.h"

/* rows x 3 inputs: row number, a constant, row number squared; label or
 * target: the row number modulo 4. */
static struct loom_dataset *make(size_t rows, int classes)
{
    struct loom_dataset *d = loom_dataset_new("small", 3, classes ? 4 : 1);
    for (int p = 0; p < LOOM_N_PARTS; p += 2) {
        struct loom_rows *r = &d->part[p];
        assert_ok(loom_dataset_alloc(d, (enum loom_part)p, rows, classes, e));
        for (size_t i = 0; i < rows; i++) {
            float v = (float)i;
            memcpy(r->x + 3 * i, (float[]){v, 5, v * v}, 12);
            if (classes)
                r->y[i] = (int)(i % 4);
            else
                r->t[i] = (float)(i % 4);
        }
    }
    return d;
}

static void parts(void **state)
{
    (void)state;
    struct loom_dataset *d = make(10, 1);
    assert_ok(loom_dataset_check(d, e));
    assert_fails(loom_dataset_alloc(d, LOOM_TRAIN, 5, 1, e), LOOM_ERR_ARG,
                 "training");
    assert_fails(loom_dataset_alloc(d, LOOM_VAL, SIZE_MAX / 4, 1, e),
                 LOOM_ERR_NOMEM, "small");
    assert_null(d->part[LOOM_VAL].x);
    loom_dataset_destroy(d);
    d = make(10, 0);
    loom_dataset_destroy(d);
    loom_dataset_destroy(NULL);
}

static void split(void **state)
{
    (void)state;
    static const struct {
        double fraction;
        size_t rows, val;
        int err;
    } entries[] = {
        {0.25, 100, 25, 0},          {0.5, 2, 1, 0},
        {0.001, 100, 1, 0},          {0.999, 100, 99, 0},
        {0, 100, 0, LOOM_ERR_ARG},   {1, 100, 0, LOOM_ERR_ARG},
        {-1, 100, 0, LOOM_ERR_ARG},  {(double)NAN, 100, 0, LOOM_ERR_ARG},
        {0.5, 1, 0, LOOM_ERR_SHAPE},
    };
    for (size_t k = 0; k < 2 * sizeof(entries) / sizeof(entries[0]); k++) {
        const int classes = k % 2, i = (int)k / 2;
        struct loom_dataset *d = make(entries[i].rows, classes);
        assert_int_equal(loom_dataset_split_val(d, entries[i].fraction, 3, NULL),
                         entries[i].err);
        assert_int_equal(d->part[LOOM_VAL].rows, entries[i].val);
        assert_int_equal(d->part[LOOM_TRAIN].rows + entries[i].val,
                         entries[i].rows);
        /* Every row is on one side, whole and in order. */
        size_t next[] = {0, 0};
        const enum loom_part side[] = {LOOM_TRAIN, LOOM_VAL};
        for (size_t row = 0; row < entries[i].rows; row++) {
            int s = next[1] < d->part[LOOM_VAL].rows &&
                    d->part[LOOM_VAL].x[3 * next[1]] == (float)row;
            const struct loom_rows *r = &d->part[side[s]];
            assert_true(r->x[3 * next[s]] == (float)row);
            assert_true(r->x[3 * next[s] + 2] == (float)(row * row));
            int label = classes ? r->y[next[s]] : (int)r->t[next[s]];
            assert_int_equal(label, row % 4);
            next[s]++;
        }
        if (!entries[i].err)
            assert_fails(loom_dataset_split_val(d, 0.5, 3, e), LOOM_ERR_ARG,
                         "already");
        loom_dataset_destroy(d);
    }
}

static void standardize(void **state)
{
    (void)state;
    struct loom_dataset *d = make(1000, 1);
    d->part[LOOM_TEST].x[0] = 1e6f; /* not part of the fit */
    assert_ok(loom_dataset_standardize(d, e));
    assert_true(d->mean[0] == 499.5f && d->mean[1] == 5 && d->scale[1] == 1);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 1000; i++) {
        double v = (double)d->part[LOOM_TRAIN].x[3 * i + 2];
        sum += v;
        squares += v * v;
        assert_true(d->part[LOOM_TRAIN].x[3 * i + 1] == 0);
    }
    assert_true(fabs(sum / 1000) < 1e-6 && fabs(squares / 1000 - 1) < 1e-5);
    assert_true(d->part[LOOM_TEST].x[0] == (1e6f - d->mean[0]) / d->scale[0]);
    assert_fails(loom_dataset_standardize(d, e), LOOM_ERR_ARG, "already");
    loom_dataset_destroy(d);
}

static void checks(void **state)
{
    (void)state;
    struct loom_dataset *d = make(10, 1);
    d->part[LOOM_TEST].x[3 * 7 + 2] = NAN;
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_NAN,
                 "test row 7, column 2");
    d->feature = loom_calloc(3, sizeof(char *));
    d->feature[2] = loom_strdup("mass");
    assert_fails(loom_dataset_standardize(d, e), LOOM_ERR_NAN, "(mass)");
    d->part[LOOM_TEST].x[3 * 7 + 2] = 0;
    d->part[LOOM_TRAIN].y[4] = 4;
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_RANGE,
                 "training row 4 has label 4");
    d->part[LOOM_TRAIN].y[4] = -1;
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_RANGE, "label -1");
    loom_dataset_destroy(d);

    d = make(10, 0);
    d->part[LOOM_TRAIN].t[3] = -INFINITY;
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_NAN,
                 "training row 3, target 0");
    d->part[LOOM_TRAIN].t[3] = 0;
    assert_ok(loom_dataset_alloc(d, LOOM_VAL, 2, 1, e));
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_SHAPE, "validation");
    loom_dataset_destroy(d);

    d = loom_dataset_new("none", 3, 4);
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_SHAPE, "none");
    loom_dataset_destroy(d);
}

static void hash(void **state)
{
    (void)state;
    struct loom_dataset *a = make(10, 1), *b = make(10, 1);
    assert_int_equal(loom_dataset_hash(a), loom_dataset_hash(b));
    b->part[LOOM_TEST].y[9] ^= 1;
    assert_int_not_equal(loom_dataset_hash(a), loom_dataset_hash(b));
    b->part[LOOM_TEST].y[9] ^= 1;
    assert_ok(loom_dataset_split_val(b, 0.3, 1, e));
    assert_int_not_equal(loom_dataset_hash(a), loom_dataset_hash(b));
    loom_dataset_destroy(a);
    loom_dataset_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),       cmocka_unit_test(split),
        cmocka_unit_test(standardize), cmocka_unit_test(checks),
        cmocka_unit_test(hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
