/* The summary of a data set, and the weights of its classes. */
#include "engine/data_summary.h"

#include <math.h>

#include "tests/data/support.h"

/* Parts of 8, 2 and 4 rows of 3 inputs: row number over all parts, 5, and 0
 * but for one row; label: row number modulo 3, of 4 classes. */
static struct loom_dataset *make(int classes)
{
    static const size_t rows[] = {8, 2, 4};
    struct loom_dataset *d = loom_dataset_new("small", 3, classes ? 4 : 1);
    size_t at = 0;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        struct loom_rows *r = &d->part[p];
        assert_ok(
            loom_dataset_alloc(d, (enum loom_part)p, rows[p], classes, e));
        for (size_t i = 0; i < rows[p]; i++, at++) {
            float x[] = {(float)at, 5, at == 3 ? -2.0f : 0};
            memcpy(r->x + 3 * i, x, sizeof(x));
            if (classes)
                r->y[i] = (int)(at % 3);
            else
                r->t[i] = (float)at;
        }
    }
    return d;
}

static struct loom_data_summary *summarize(const struct loom_dataset *d)
{
    struct loom_errmsg e = {""};
    struct loom_data_summary *s = loom_data_summary_new(d, &e);
    if (!s)
        fail_msg("%s", e.text);
    return s;
}

static void columns(void **state)
{
    (void)state;
    struct loom_dataset *d = make(1);
    d->feature = loom_calloc(3, sizeof(char *));
    /* 16 characters of two bytes: the cut is between two of them. */
    d->feature[1] = loom_strdup("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
                                "\u00e9\u00e9");
    struct loom_data_summary *s = summarize(d);
    const struct loom_column_summary *f = s->feature;
    assert_string_equal(f[0].name, "0");
    assert_int_equal(strlen(f[1].name), 30);
    assert_true(f[0].low == 0 && f[0].high == 13 && f[0].mean == 6.5);
    assert_true(fabs(f[0].deviation - sqrt((14.0 * 14 - 1) / 12)) < 1e-12);
    assert_int_equal(f[0].zeros, 1);
    assert_int_equal(f[0].bin[0], 1);
    assert_int_equal(f[0].bin[LOOM_SUMMARY_BINS - 1], 1);
    assert_true(!f[0].constant && f[1].constant && !f[2].constant);
    assert_int_equal(s->n_constant, 1);
    assert_int_equal(f[1].bin[0], 14);
    assert_true(f[2].low == -2 && f[2].high == 0 && f[2].bin[0] == 1);
    assert_int_equal(s->n_missing, 0);
    loom_data_summary_destroy(s);

    d->part[LOOM_VAL].x[0] = NAN;
    d->part[LOOM_VAL].x[1] = INFINITY;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t i = 0; i < d->part[p].rows; i++)
            d->part[p].x[3 * i + 2] = -INFINITY;
    s = summarize(d);
    f = s->feature;
    assert_int_equal(s->n_missing, 16);
    assert_true(f[0].missing == 1 && f[1].missing == 1 && f[2].missing == 14);
    assert_true(f[2].low == 0 && f[2].high == 0 && f[2].mean == 0);
    loom_data_summary_destroy(s);
    loom_dataset_destroy(d);
}

static void classes(void **state)
{
    (void)state;
    struct loom_dataset *d = make(1);
    struct loom_data_summary *s = summarize(d);
    /* Rows 0..7, 8..9, 10..13, modulo 3. */
    static const size_t want[4][3] = {
        {3, 1, 1}, {3, 0, 2}, {2, 1, 1}, {0, 0, 0}};
    for (int k = 0; k < 4; k++)
        assert_memory_equal(s->class[k].rows, want[k], sizeof(want[k]));
    assert_true(s->bad_labels == 0 && !s->target && s->class[0].weight == 1);
    loom_data_summary_destroy(s);
    d->part[LOOM_TEST].y[0] = 4;
    d->part[LOOM_TEST].y[1] = -1;
    s = summarize(d);
    assert_int_equal(s->bad_labels, 2);
    loom_data_summary_destroy(s);
    loom_dataset_destroy(d);

    d = make(0);
    d->target_scale = 4;
    s = summarize(d);
    assert_null(s->class);
    assert_true(s->target[0].high == 52 && s->target[0].mean == 26);
    loom_data_summary_destroy(s);
    loom_dataset_destroy(d);
}

static void repeated(void **state)
{
    (void)state;
    struct loom_dataset *d = make(1);
    struct loom_data_summary *s = summarize(d);
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (int q = 0; q < LOOM_N_PARTS; q++)
            assert_true(!s->repeated[p] && !s->shared[p][q]);
    loom_data_summary_destroy(s);
    /* Training row 1 again there, in validation, and twice in the test part;
     * the zeros of one copy are negative. */
    const float *row = d->part[LOOM_TRAIN].x + 3;
    memcpy(d->part[LOOM_TRAIN].x + 6, row, 12);
    memcpy(d->part[LOOM_VAL].x, row, 12);
    memcpy(d->part[LOOM_TEST].x, row, 12);
    memcpy(d->part[LOOM_TEST].x + 9, row, 12);
    d->part[LOOM_TEST].x[11] = -0.0f;
    s = summarize(d);
    static const size_t twice[] = {1, 0, 1};
    static const size_t shared[3][3] = {{0, 1, 2}, {0, 0, 2}, {0, 0, 0}};
    assert_memory_equal(s->repeated, twice, sizeof(twice));
    assert_memory_equal(s->shared, shared, sizeof(shared));
    json_t *j = loom_data_summary_to_json(s);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(j, "shared_rows"), "train_test")),
                     2);
    assert_int_equal(json_array_size(json_object_get(j, "features")), 3);
    assert_int_equal(json_array_size(json_object_get(j, "classes")), 4);
    json_decref(j);
    loom_data_summary_destroy(s);
    loom_dataset_destroy(d);
}

static void weights(void **state)
{
    (void)state;
    struct loom_dataset *d = make(1);
    uint32_t hash = loom_dataset_hash(d);
    assert_ok(loom_dataset_weigh(d, NULL, e));
    /* Training labels 0 1 2 0 1 2 0 1: 3, 3, 2 rows of 8, and none. */
    static const float want[] = {8.0f / 9, 8.0f / 9, 8.0f / 6, 1};
    assert_memory_equal(d->class_weight, want, sizeof(want));
    assert_int_not_equal(hash, loom_dataset_hash(d));
    assert_ok(loom_dataset_weigh(d, (float[]){1, 0, 2.5f, 0}, e));
    assert_true(d->class_weight[2] == 2.5f);
    assert_fails(loom_dataset_weigh(d, (float[]){1, -1, 1, 1}, e),
                 LOOM_ERR_RANGE, "class 1");
    assert_fails(loom_dataset_weigh(d, (float[]){1, 1, NAN, 1}, e),
                 LOOM_ERR_RANGE, "class 2");
    assert_fails(loom_dataset_weigh(d, (float[]){0, 0, 0, 0}, e),
                 LOOM_ERR_RANGE, "all classes");
    assert_true(d->class_weight[2] == 2.5f);
    d->part[LOOM_TRAIN].y[2] = 7;
    assert_fails(loom_dataset_weigh(d, NULL, e), LOOM_ERR_RANGE, "label 7");
    loom_dataset_destroy(d);
    d = make(0);
    assert_fails(loom_dataset_weigh(d, NULL, e), LOOM_ERR_ARG, "labels");
    loom_dataset_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns),
        cmocka_unit_test(classes),
        cmocka_unit_test(repeated),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
