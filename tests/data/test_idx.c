/* IDX files of every type, damaged ones, and MNIST itself. */
#include "engine/idx.h"

#include "engine/file.h"
#include "tests/data/support.h"

static void every_type(void **state)
{
    (void)state;
    static const struct {
        unsigned char image[24];
        size_t n;
        enum loom_dtype dtype;
        double value; /* of the last element */
    } entries[] = {
        {{0, 0, 0x08, 1, 0, 0, 0, 2, 7, 255}, 10, LOOM_U8, 255},
        {{0, 0, 0x09, 1, 0, 0, 0, 1, 255}, 9, LOOM_I8, -1},
        {{0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0xfe}, 10, LOOM_I16, -2},
        {{0, 0, 0x0c, 1, 0, 0, 0, 1, 0, 1, 0, 0}, 12, LOOM_I32, 65536},
        {{0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0}, 12, LOOM_F32, 1.5},
        {{0, 0, 0x0e, 1, 0, 0, 0, 1, 0xc0, 0}, 16, LOOM_F64, -2},
        {{0, 0, 0x08, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3}, 15, LOOM_U8, 3},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct loom_array a;
        assert_ok(loom_idx_decode(entries[i].image, entries[i].n, "i", &a, e));
        assert_int_equal(a.dtype, entries[i].dtype);
        assert_true(loom_array_get(&a, a.n - 1) == entries[i].value);
        loom_array_deinit(&a);
        for (size_t cut = 1; cut <= entries[i].n; cut++)
            assert_fails(loom_idx_decode(entries[i].image, entries[i].n - cut,
                                         "i.idx", &a, e),
                         LOOM_ERR_FORMAT, "i.idx");
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        unsigned char image[40];
        size_t n;
        const char *says;
    } entries[] = {
        {{1, 0, 8, 1, 0, 0, 0, 0}, 8, "not an IDX file"},
        {{0, 0, 7, 1, 0, 0, 0, 0}, 8, "not an IDX file"},
        {{0, 0, 8, 0}, 4, "0 axes"},
        {{0, 0, 8, 9}, 40, "9 axes"},
        {{0, 0, 8, 255}, 40, "255 axes"},
        {{0, 0, 8, 1, 0, 0, 0, 1, 1, 1}, 10, "more bytes"},
        {{0, 0, 8, 1, 0x7f, 255, 255, 255, 1}, 9, "cut short"},
        {{0, 0, 14, 1, 255, 255, 255, 255, 1}, 9, "GiB"},
        {{0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
          255},
         16,
         "GiB"},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct loom_array a;
        assert_fails(
            loom_idx_decode(entries[i].image, entries[i].n, "i.idx", &a, e),
            LOOM_ERR_FORMAT, entries[i].says);
        assert_null(a.data);
    }
}

static void files(void **state)
{
    char *path = test_path(*state, "f.idx");
    struct loom_array a;
    assert_ok(loom_file_write(path, "\0\0\x08\x01\0\0\0\x01\x09", 9, e));
    assert_ok(loom_idx_read(path, &a, e));
    assert_true(loom_array_get(&a, 0) == 9);
    loom_array_deinit(&a);
    assert_ok(loom_file_write(path, "\x1f\x8b\x08\0\0\0", 6, e));
    assert_fails(loom_idx_read(path, &a, e), LOOM_ERR_FORMAT, "f.idx");
    assert_fails(loom_idx_read("/nowhere/x", &a, e), LOOM_ERR_MISSING,
                 "/nowhere/x");
    free(path);
}

static void mnist(void **state)
{
    (void)state;
    char *images = test_shared("data/mnist/t10k-images-idx3-ubyte.gz");
    char *labels = test_shared("data/mnist/t10k-labels-idx1-ubyte.gz");
    if (!images || !labels)
        skip();
    struct loom_array a;
    assert_ok(loom_idx_read(images, &a, e));
    assert_int_equal(a.n_dims, 3);
    assert_int_equal(a.dim[0], 10000);
    assert_int_equal(a.dim[1], 28);
    assert_int_equal(a.dim[2], 28);
    loom_array_deinit(&a);
    assert_ok(loom_idx_read(labels, &a, e));
    assert_int_equal(a.n, 10000);
    assert_true(loom_array_get(&a, 0) == 7); /* the test part's first digit */
    loom_array_deinit(&a);
    free(images);
    free(labels);
}

static int setup(void **state)
{
    *state = test_folder();
    return 0;
}

static int teardown(void **state)
{
    test_folder_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(refused),
        cmocka_unit_test(files),
        cmocka_unit_test(mnist),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
