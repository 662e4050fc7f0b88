/* Arrays and rows that stay in their file: used where they are, copied before
 * they are changed, and not the end of the program when the file is cut. */
#include "engine/map.h"

#include <math.h>
#include <zlib.h>

#include "engine/data_file.h"
#include "engine/dataset_build.h"
#include "engine/file.h"
#include "tests/data/support.h"

enum { ROWS = 100000, COLUMNS = 3 };

static char *dir, *path;

static void write_rows(size_t rows)
{
    float *x = loom_malloc(rows * COLUMNS * sizeof(*x));
    for (size_t i = 0; i < rows * COLUMNS; i++)
        x[i] = (float)(i % 1000) + 1;
    assert_ok(loom_npy_write_f32(path, x, 2, (size_t[]){rows, COLUMNS}, e));
    free(x);
}

static int make_files(void **state)
{
    (void)state;
    dir = test_folder();
    path = test_path(dir, "rows.npy");
    write_rows(ROWS);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    free(path);
    test_folder_remove(dir);
    return 0;
}

static void check_rows(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != (float)(i % 1000) + 1)
            fail_msg("number %zu is %g", i, (double)x[i]);
}

static void used_in_place(void **state)
{
    (void)state;
    struct loom_table t;
    assert_ok(loom_data_read(path, &loom_data_plain, &t, e));
    assert_non_null(t.a.map.data);
    assert_true((char *)t.a.data > t.a.map.data);
    assert_int_equal(t.a.dim[0], ROWS);
    check_rows(t.a.data, t.a.n);
    assert_ok(loom_map_check(&t.a.map, e));
    loom_table_deinit(&t);
    assert_null(t.a.data);
    loom_table_deinit(&t);
}

/* What cannot be used in its file is read, with the reader's sentences. */
static void read_instead(void **state)
{
    (void)state;
    void *data;
    size_t n;
    struct loom_table t;
    assert_ok(loom_file_read(path, 1 << 24, &data, &n, e));
    char *odd = loom_malloc(n + 1);
    memcpy(odd, data, 10);
    memcpy(odd + 10, "{'descr':", 9); /* one blank more: not aligned */
    odd[19] = ' ';
    memcpy(odd + 20, (char *)data + 19, n - 19);
    odd[8]++;
    assert_ok(loom_file_write(path, odd, n + 1, e));
    assert_ok(loom_data_read(path, &loom_data_plain, &t, e));
    assert_null(t.a.map.data);
    check_rows(t.a.data, t.a.n);
    loom_table_deinit(&t);
    static const struct {
        long more;
        const char *what;
    } wrong[] = {{-5, "cut short"}, {4, "more bytes"}};
    for (int k = 0; k < 2; k++) {
        char *other = loom_calloc(n + 8, 1);
        memcpy(other, data, n);
        assert_ok(
            loom_file_write(path, other, (size_t)((long)n + wrong[k].more), e));
        free(other);
        assert_fails(loom_data_read(path, &loom_data_plain, &t, e),
                     LOOM_ERR_FORMAT, wrong[k].what);
    }
    gzFile g = gzopen(path, "wb1");
    gzwrite(g, data, (unsigned)n);
    gzclose(g);
    assert_ok(loom_data_read(path, &loom_data_plain, &t, e));
    assert_null(t.a.map.data);
    check_rows(t.a.data, t.a.n);
    loom_table_deinit(&t);
    assert_ok(loom_file_write(path, "", 0, e));
    assert_fails(loom_data_read(path, &loom_data_plain, &t, e), LOOM_ERR_FORMAT,
                 "not an .npy");
    assert_fails(loom_data_read(dir, &loom_data_plain, &t, e), LOOM_ERR_IO,
                 "plain file");
    free(odd);
    free(data);
}

/* A set of the mapped inputs and labels of one class more each row. */
static struct loom_dataset *make_set(struct loom_table *x, struct loom_table *y)
{
    struct loom_errmsg sentence = {""};
    int err;
    write_rows(ROWS);
    assert_ok(loom_data_read(path, &loom_data_plain, x, e));
    *y = (struct loom_table){0};
    assert_ok(loom_array_init(&y->a, LOOM_U8, 1, (size_t[]){ROWS},
                              LOOM_BYTES_MAX, "y", e));
    for (size_t i = 0; i < ROWS; i++)
        ((uint8_t *)y->a.data)[i] = (uint8_t)(i % 4);
    struct loom_block b = {.what = "rows", .x = x, .of = {{.y = y}}};
    struct loom_build_conf c = {.name = "mapped",
                                .n_targets = 1,
                                .target = {{.classes = 4, .scale = 1}}};
    struct loom_dataset *d =
        loom_dataset_build(&b, 1, &c, NULL, &err, &sentence);
    if (!d)
        fail_msg("%s", sentence.text);
    return d;
}

static void lent(void **state)
{
    (void)state;
    struct loom_table x, y;
    struct loom_dataset *d = make_set(&x, &y);
    assert_ptr_equal(d->part[LOOM_TRAIN].x, x.a.data);
    assert_int_equal(d->part[LOOM_TRAIN].y[7], 3);
    uint32_t hash = loom_dataset_hash(d);
    assert_ok(loom_dataset_own(d, LOOM_TRAIN, e));
    assert_ptr_not_equal(d->part[LOOM_TRAIN].x, x.a.data);
    assert_int_equal(hash, loom_dataset_hash(d));
    loom_dataset_destroy(d);
    loom_table_deinit(&x);
    loom_table_deinit(&y);

    /* Whatever changes rows takes a copy first. */
    d = make_set(&x, &y);
    assert_ok(loom_dataset_split_val(d, 0.5, 1, e));
    assert_int_equal(d->part[LOOM_VAL].rows, ROWS / 2);
    check_rows(x.a.data, x.a.n);
    loom_dataset_destroy(d);
    loom_table_deinit(&x);
    loom_table_deinit(&y);
    d = make_set(&x, &y);
    assert_ok(loom_dataset_standardize(d, e));
    check_rows(x.a.data, x.a.n);
    loom_dataset_destroy(d);
    loom_table_deinit(&x);
    loom_table_deinit(&y);
}

static void cut_while_used(void **state)
{
    (void)state;
    struct loom_table x, y;
    struct loom_dataset *d = make_set(&x, &y);
    assert_ok(loom_dataset_intact(d, e));
    assert_int_equal(truncate(path, 5000), 0);
    /* The pages that are gone read as zeros; those that are left may stay. */
    double sum = 0;
    for (size_t i = 0; i < x.a.n; i++)
        sum += (double)d->part[LOOM_TRAIN].x[i];
    assert_true(sum < 2048 * 1000);
    assert_fails(loom_dataset_intact(d, e), LOOM_ERR_IO,
                 "rows.npy: it was changed while");
    loom_dataset_destroy(d);
    loom_table_deinit(&x);
    loom_table_deinit(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_in_place),
        cmocka_unit_test(read_instead),
        cmocka_unit_test(lent),
        cmocka_unit_test(cut_while_used),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
