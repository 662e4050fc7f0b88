/* Which row goes where, and data sets made of arrays. */
#include "engine/split.h"

#include <math.h>

#include "engine/dataset_build.h"
#include "tests/data/support.h"

static void count(const uint8_t *part, size_t rows, size_t n[4])
{
    memset(n, 0, 4 * sizeof(*n));
    for (size_t i = 0; i < rows; i++)
        n[part[i]]++;
}

static void ratio(void **state)
{
    (void)state;
    static const struct {
        double ratio[3];
        size_t rows, want[4];
    } good[] = {
        {{0.7, 0.1, 0.2}, 1000, {700, 100, 200, 0}},
        {{0.7, 0.1, 0.2}, 3, {2, 0, 1, 0}},
        {{1, 0, 0}, 5, {5, 0, 0, 0}},
        {{1.0 / 3, 1.0 / 3, 1.0 / 3}, 100, {33, 34, 33, 0}},
        {{0.25, 0, 0.25}, 10, {3, 0, 2, 5}},
        {{0.5, 0.5, 0}, 0, {0, 0, 0, 0}},
    };
    uint8_t part[1000], again[1000];
    for (size_t k = 0; k < sizeof(good) / sizeof(*good); k++) {
        size_t n[4], rows = good[k].rows;
        assert_ok(loom_split_ratio(part, rows, good[k].ratio, 1, e));
        count(part, rows, n);
        assert_memory_equal(n, good[k].want, sizeof(n));
    }
    static const double bad[][3] = {
        {0, 0, 0}, {0.9, 0.2, 0}, {-0.1, 0.5, 0}, {NAN, 0, 0}, {2, 0, 0}};
    for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++)
        assert_fails(loom_split_ratio(part, 10, bad[k], 1, e), LOOM_ERR_RANGE,
                     "split");
    /* The seed is all that decides; another draws otherwise; no part is a
     * block of the file. */
    assert_ok(loom_split_ratio(part, 1000, good[0].ratio, 1, e));
    assert_ok(loom_split_ratio(again, 1000, good[0].ratio, 1, e));
    assert_memory_equal(part, again, 1000);
    assert_ok(loom_split_ratio(again, 1000, good[0].ratio, 2, e));
    assert_memory_not_equal(part, again, 1000);
    size_t n[4];
    count(part, 500, n);
    assert_true(n[0] > 320 && n[0] < 380 && n[2] > 75 && n[2] < 125);
}

static struct loom_array numbers(double *v, size_t n)
{
    return (struct loom_array){
        .dtype = LOOM_F64, .n_dims = 1, .dim = {n}, .n = n, .data = v};
}

static void by_index(void **state)
{
    (void)state;
    double train[] = {4, 0, 2}, test[] = {1}, out[] = {6}, half[] = {0.5};
    double twice[] = {2};
    struct loom_array a = numbers(train, 3), b = numbers(test, 1);
    uint8_t part[6];
    assert_ok(loom_split_index(part, 6,
                               (const struct loom_array *[]){&a, NULL, &b}, e));
    assert_memory_equal(part, "\0\2\0\3\0\3", 6);
    static const struct {
        const char *what;
    } bad[] = {{"test: element 0 is 6; rows are 0 to 5"},
               {"element 0 is 0.5"},
               {"row 2 is in train and in test"}};
    double *lists[] = {out, half, twice};
    for (int k = 0; k < 3; k++) {
        b = numbers(lists[k], 1);
        assert_fails(
            loom_split_index(part, 6,
                             (const struct loom_array *[]){&a, NULL, &b}, e),
            LOOM_ERR_RANGE, bad[k].what);
    }
}

static struct loom_table table(const char *text)
{
    struct loom_table t;
    struct loom_bytes b;
    loom_bytes_memory(&b, text, strlen(text), "text");
    assert_ok(loom_csv_decode(&b, &(struct loom_csv_conf){-1, 0}, &t, e));
    return t;
}

static void by_column(void **state)
{
    (void)state;
    uint8_t part[4];
    struct loom_table t =
        table("x,p,q,r,s\n1,Train,0,a,3\n2,test,2,b,0\n3,valid,1,b,0\n"
              "4,,NA,a,0\n");
    assert_ok(loom_split_column(part, &t, 1, e));
    assert_memory_equal(part, "\0\2\1\3", 4);
    assert_ok(loom_split_column(part, &t, 2, e));
    assert_memory_equal(part, "\0\2\1\3", 4);
    assert_fails(loom_split_column(part, &t, 3, e), LOOM_ERR_RANGE,
                 "row 0 is for \"a\"");
    assert_fails(loom_split_column(part, &t, 4, e), LOOM_ERR_RANGE,
                 "row 0 is for part 3");
    loom_table_deinit(&t);
}

static struct loom_dataset *make(const struct loom_block *b, size_t n,
                                 struct loom_build_conf c, size_t *dropped)
{
    struct loom_errmsg e = {""};
    int err;
    c.name = "built";
    c.n_targets = c.n_targets ? c.n_targets : 1;
    for (int k = 0; k < c.n_targets; k++)
        c.target[k].scale = c.target[k].scale > 0 ? c.target[k].scale : 1;
    struct loom_dataset *d = loom_dataset_build(b, n, &c, dropped, &err, &e);
    if (!d)
        fail_msg("%s", e.text);
    assert_int_equal(err, 0);
    return d;
}

static void built(void **state)
{
    (void)state;
    struct loom_table train =
        table("id,u,v,kind\n1,2,3,w\n4,5,NA,g\n7,8,9,w\n");
    struct loom_table test = table("id,u,v,kind\n1,2,3,g\n4,5,6,g\n");
    const bool id[] = {true, false, false, false};
    struct loom_block b[] = {{.what = "a",
                              .x = &train,
                              .of = {{.column = 3}},
                              .leave = id,
                              .only = LOOM_TRAIN},
                             {.what = "b",
                              .x = &test,
                              .of = {{.column = 3}},
                              .leave = id,
                              .only = LOOM_TEST}};
    size_t dropped;
    struct loom_dataset *d =
        make(b, 2, (struct loom_build_conf){.drop_missing = true}, &dropped);
    assert_true(d->n_in == 2 && d->n_out == 2 && dropped == 1);
    assert_true(d->part[0].rows == 2 && d->part[2].rows == 2);
    assert_memory_equal(d->part[0].x, ((float[]){2, 3, 8, 9}), 16);
    /* "g" is class 0 in both, though the test file has no "w". */
    assert_memory_equal(d->part[0].y, ((int[]){1, 1}), 8);
    assert_memory_equal(d->part[2].y, ((int[]){0, 0}), 8);
    assert_string_equal(d->feature[1], "v");
    assert_string_equal(d->class_name[1], "w");
    loom_dataset_destroy(d);

    d = make(b, 2, (struct loom_build_conf){0}, &dropped);
    assert_true(dropped == 0 && isnan(d->part[0].x[3]));
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_NAN, "column 1 (v)");
    loom_dataset_destroy(d);

    /* A column as target, in other units; parts row by row. */
    const uint8_t part[] = {LOOM_TEST, LOOM_NO_PART, LOOM_TRAIN};
    struct loom_block c = {
        .what = "c", .x = &train, .of = {{.column = 0}}, .part = part};
    const bool kind[] = {false, false, false, true};
    c.leave = kind;
    d = make(&c, 1, (struct loom_build_conf){.target = {{.scale = 2}}}, NULL);
    assert_true(d->n_in == 2 && d->n_out == 1 && !d->part[1].rows);
    assert_true(d->part[0].t[0] == 3.5f && d->part[2].t[0] == 0.5f);
    loom_dataset_destroy(d);
    loom_table_deinit(&train);
    loom_table_deinit(&test);
}

/* A class and a target, both columns of x: the same rows for both, however they
 * are divided. */
static void several(void **state)
{
    (void)state;
    struct loom_table x = table("u,kind,v\n1,w,10\n2,g,20\n3,w,NA\n4,w,40\n"
                                "5,g,50\n6,g,60\n");
    struct loom_block b = {
        .what = "a", .x = &x, .of = {{.column = 1}, {.column = 2}}};
    struct loom_build_conf c = {
        .n_targets = 2,
        .target = {{.output = "kind"}, {.output = "size", .scale = 2}},
        .drop_missing = true};
    size_t dropped;
    struct loom_dataset *d = make(&b, 1, c, &dropped);
    const struct loom_dataset *size = loom_dataset_of(d, "size");
    assert_true(dropped == 1 && d->n_in == 1 && d->n_out == 2 && size);
    assert_true(size == d->next && size->n_out == 1 && !size->n_in);
    assert_ptr_equal(loom_dataset_of(d, "kind"), d);
    assert_null(loom_dataset_of(d, ""));
    uint32_t hash = loom_dataset_hash(d);
    d->next->part[0].t[2] += 1;
    assert_true(loom_dataset_hash(d) != hash);
    d->next->part[0].t[2] -= 1;
    assert_ok(loom_dataset_split_val(d, 0.4, 3, e));
    assert_ok(loom_dataset_check(d, e));
    assert_int_equal(size->part[LOOM_VAL].rows, 2);
    for (int p = 0; p < 2; p++)
        for (size_t i = 0; i < d->part[p].rows; i++) {
            float u = d->part[p].x[i];
            assert_true(size->part[p].t[i] == 5 * u);
            assert_int_equal(d->part[p].y[i], u == 1 || u == 4);
        }
    d->next->part[LOOM_VAL].rows = 1;
    assert_fails(loom_dataset_check(d, e), LOOM_ERR_SHAPE,
                 "2 rows for output kind, but 1 for size");
    loom_dataset_destroy(d);
    loom_table_deinit(&x);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b; /* two files, the last column is the label */
        size_t label_a, label_b, classes;
        int err;
        const char *what;
    } entries[] = {
        {"u,k\n1,w\n", "u,v,k\n1,2,w\n", 1, 2, 0, LOOM_ERR_SHAPE,
         "b: inputs of 2 columns; a has 1"},
        {"u,k\n1,w\n", "u,k\n1,x\n", 1, 1, 0, LOOM_ERR_RANGE,
         "b: the label \"x\" is none of the classes"},
        {"u,k\n1,w\n", "u,k\n1,2\n", 1, 1, 0, LOOM_ERR_SHAPE,
         "labels are words"},
        {"u,k\n1,w\n2,g\n", "u,k\n1,w\n", 1, 1, 1, LOOM_ERR_RANGE,
         "1 classes, but the labels have 2 words"},
        {"u,k,z\nq,w,1\n", "u,k,z\nr,w,1\n", 1, 1, 0, LOOM_ERR_SHAPE,
         "column u holds other words"},
        {"k\n1\n", "k\n1\n", 0, 0, 0, LOOM_ERR_SHAPE, "no features"},
    };
    for (size_t k = 0; k < sizeof(entries) / sizeof(*entries); k++) {
        struct loom_table a = table(entries[k].a), b = table(entries[k].b);
        struct loom_block block[] = {
            {.what = "a", .x = &a, .of = {{.column = entries[k].label_a}}},
            {.what = "b",
             .x = &b,
             .of = {{.column = entries[k].label_b}},
             .only = LOOM_TEST}};
        struct loom_build_conf c = {
            .name = "n",
            .n_targets = 1,
            .target = {{.classes = entries[k].classes, .scale = 1}}};
        struct loom_errmsg e = {""};
        int err = 0;
        assert_null(loom_dataset_build(block, 2, &c, NULL, &err, &e));
        if (err != entries[k].err || !strstr(e.text, entries[k].what))
            fail_msg("entry %zu: %d, \"%s\"", k, err, e.text);
        loom_table_deinit(&a);
        loom_table_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratio),     cmocka_unit_test(by_index),
        cmocka_unit_test(by_column), cmocka_unit_test(built),
        cmocka_unit_test(several),   cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
