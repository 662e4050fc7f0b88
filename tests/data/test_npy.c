/* .npy files of every type, and everything that can be wrong with one. */
#include "engine/npy.h"

#include <math.h>

#include <zlib.h>

#include "engine/file.h"
#include "tests/data/support.h"

/* An image: version, dictionary text, data. Returns its length. */
static size_t make(char *to, int version, const char *dict, const void *data,
                   size_t n)
{
    size_t text = strlen(dict), at = version == 1 ? 10 : 12;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (char)version;
    to[7] = 0;
    memset(to + 8, 0, 4);
    to[8] = (char)(text & 255);
    to[9] = (char)(text >> 8);
    memcpy(to + at, dict, text);
    if (n)
        memcpy(to + at + text, data, n);
    return at + text + n;
}

static void every_type(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        enum loom_dtype dtype;
        size_t size;
        unsigned char bytes[16]; /* two elements */
        double a, b;
    } entries[] = {
        {"|b1", LOOM_BOOL, 1, {0, 1}, 0, 1},
        {"|i1", LOOM_I8, 1, {0x80, 0x7f}, -128, 127},
        {"|u1", LOOM_U8, 1, {0x80, 0xff}, 128, 255},
        {">u1", LOOM_U8, 1, {1, 2}, 1, 2},
        {"<i2", LOOM_I16, 2, {0, 0x80, 1, 0}, -32768, 1},
        {"<u2", LOOM_U16, 2, {0, 0x80, 1, 0}, 32768, 1},
        {"<i4", LOOM_I32, 4, {0xff, 0xff, 0xff, 0xff, 2}, -1, 2},
        {"<u4", LOOM_U32, 4, {0xff, 0xff, 0xff, 0xff, 2}, 4294967295.0, 2},
        {"<i8",
         LOOM_I64,
         8,
         {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 3},
         -2,
         3},
        {"<u8", LOOM_U64, 8, {0, 0, 0, 0, 0, 0, 0, 0x80, 3}, 0x1p63, 3},
        {"<f4",
         LOOM_F32,
         4,
         {0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0x7f},
         1.5,
         (double)INFINITY},
        {"=f4", LOOM_F32, 4, {0, 0, 0xc0, 0x3f, 0, 0, 0, 0x80}, 1.5, 0},
        {"<f8",
         LOOM_F64,
         8,
         {0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0},
         1.5,
         -2},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char dict[128], image[256];
        snprintf(dict, sizeof(dict),
                 "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }  \n",
                 entries[i].descr);
        size_t n = make(image, 1, dict, entries[i].bytes, 2 * entries[i].size);
        struct loom_array a;
        assert_ok(loom_npy_decode(image, n, entries[i].descr, &a, e));
        assert_int_equal(a.dtype, entries[i].dtype);
        assert_int_equal(loom_dtype_size(a.dtype), entries[i].size);
        assert_true(loom_array_get(&a, 0) == entries[i].a);
        assert_true(loom_array_get(&a, 1) == entries[i].b);
        assert_int_equal((uintptr_t)a.data % 64, 0);
        float *f = loom_array_to_f32(&a);
        assert_true(f[0] == (float)entries[i].a);
        free(f);
        loom_array_deinit(&a);
    }
}

static void shapes(void **state)
{
    (void)state;
    static const struct {
        const char *dict;
        int version, n_dims;
        size_t n, dim[3], bytes;
    } entries[] = {
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (), }\n",
         1,
         0,
         1,
         {0},
         2},
        {"{'shape': (2, 3), 'descr': '<i2', 'fortran_order': False}",
         1,
         2,
         6,
         {2, 3},
         12},
        {"{\"descr\":\"<i2\",\"fortran_order\":False,\"shape\":(2,3,)}",
         2,
         2,
         6,
         {2, 3},
         12},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (2L, 1L), }",
         3,
         2,
         2,
         {2, 1},
         4},
        {"{'descr': '<i2', 'fortran_order': True, 'shape': (2,), }",
         1,
         1,
         2,
         {2},
         4},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (3, 0, 7), }",
         1,
         3,
         0,
         {3, 0, 7},
         0},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char image[256];
        const char data[16] = {0};
        size_t n = make(image, entries[i].version, entries[i].dict, data,
                        entries[i].bytes);
        struct loom_array a;
        assert_ok(loom_npy_decode(image, n, "x.npy", &a, e));
        assert_int_equal(a.n_dims, entries[i].n_dims);
        assert_int_equal(a.n, entries[i].n);
        for (int k = 0; k < a.n_dims; k++)
            assert_int_equal(a.dim[k], entries[i].dim[k]);
        loom_array_deinit(&a);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *dict, *says;
        size_t bytes;
    } entries[] = {
        {"", "header", 0},
        {"{", "dictionary", 0},
        {"{}", "damaged", 0},
        {"[]", "damaged", 0},
        {"{'descr': '<f4', 'fortran_order': False}", "damaged", 0},
        {"{'descr': '<f4', 'shape': (1,), 'shape': (1,)}", "damaged", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "dictionary",
         4},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}", "damaged",
         4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "damaged",
         4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'a': 1}",
         "unknown key", 4},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "fortran_order",
         4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "shape",
         4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}", "shape",
         8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "shape", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 4}", "shape", 16},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(1,1,1,1,1,1,1,1,1)}",
         "8 axes", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(99999999999999999999999,)}",
         "shape", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(4294967296, 4294967296)}",
         "GiB", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(4294967296, 0, 4294967296)}",
         "GiB", 0},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1073741824,)}",
         "GiB", 4},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000,)}",
         "800000000 bytes", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "cut short",
         7},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
         "more bytes", 9},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
         "big-endian", 8},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (2,)}", "<f2", 4},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "|O", 4},
        {"{'descr': '<U3', 'fortran_order': False, 'shape': (2,)}", "<U3", 24},
        {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", "damaged", 8},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
         "records", 8},
        {"{'descr': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', "
         "'fortran_order': False, 'shape': (2,)}",
         "dtype", 8},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1)}",
         "Fortran order", 8},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char image[512];
        const char data[64] = {0};
        size_t n = make(image, 1, entries[i].dict, data, entries[i].bytes);
        struct loom_array a;
        assert_fails(loom_npy_decode(image, n, "x.npy", &a, e), LOOM_ERR_FORMAT,
                     entries[i].says);
        assert_fails(loom_npy_decode(image, n, "x.npy", &a, e), LOOM_ERR_FORMAT,
                     "x.npy");
        assert_null(a.data);
    }
}

/* Cut anywhere, and with any byte of its header changed, an image is refused
 * or read; it never does anything else (the sanitizers watch). */
static void cut_and_changed(void **state)
{
    (void)state;
    char image[256], copy[256];
    const char data[24] = {0};
    size_t n = make(
        image, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
        data, sizeof(data));
    struct loom_array a;
    struct loom_errmsg e;
    for (size_t cut = 0; cut < n; cut++) {
        char *exact = loom_malloc(cut + 1); /* its end is the block's end */
        memcpy(exact + 1, image, cut);
        assert_int_equal(loom_npy_decode(exact + 1, cut, "x", &a, &e),
                         LOOM_ERR_FORMAT);
        free(exact);
    }
    for (size_t at = 0; at < n - sizeof(data); at++)
        for (int byte = 0; byte < 256; byte++) {
            memcpy(copy, image, n);
            copy[at] = (char)byte;
            if (loom_npy_decode(copy, n, "x", &a, &e) == 0)
                loom_array_deinit(&a);
        }
}

static void written_and_read(void **state)
{
    char *path = test_path(*state, "w.npy");
    static const float v[6] = {1, -2, 0.5f, 3e38f, -0.0f, 7};
    static const struct {
        int n_dims;
        size_t dim[3], n;
    } entries[] = {{0, {0}, 1}, {1, {6}, 6}, {3, {1, 2, 3}, 6}, {2, {0, 4}, 0}};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct loom_array a;
        assert_ok(
            loom_npy_write_f32(path, v, entries[i].n_dims, entries[i].dim, e));
        assert_ok(loom_npy_read(path, &a, e));
        assert_int_equal(a.n, entries[i].n);
        assert_int_equal(a.n_dims, entries[i].n_dims);
        assert_int_equal(a.dtype, LOOM_F32);
        assert_memory_equal(a.data, v, a.n * sizeof(float));
        loom_array_deinit(&a);
    }
    struct loom_array a;
    assert_fails(loom_npy_read(*state, &a, e), LOOM_ERR_IO, "not a plain file");
    assert_fails(loom_npy_read("/nowhere/x.npy", &a, e), LOOM_ERR_MISSING,
                 "/nowhere/x.npy");
    assert_fails(loom_npy_write_f32("/nowhere/x.npy", v, 0, NULL, e),
                 LOOM_ERR_MISSING, "/nowhere/x.npy");
    free(path);
}

static void gzipped(void **state)
{
    char *path = test_path(*state, "z.npy.gz");
    char image[256];
    const char data[4096] = {1};
    size_t n = make(image, 1,
                    "{'descr': '|u1', 'fortran_order': False, "
                    "'shape': (4096,)}",
                    NULL, 0);
    gzFile g = gzopen(path, "wb9");
    gzwrite(g, image, (unsigned)n);
    gzwrite(g, data, sizeof(data));
    gzclose(g);
    struct loom_array a;
    assert_ok(loom_npy_read(path, &a, e));
    assert_int_equal(a.n, 4096);
    loom_array_deinit(&a);

    /* Without its last bytes, and with a wrong checksum. */
    void *bytes;
    size_t size;
    assert_ok(loom_file_read(path, 1 << 20, &bytes, &size, e));
    for (size_t cut = 1; cut < size; cut++) {
        assert_ok(loom_file_write(path, bytes, size - cut, e));
        assert_fails(loom_npy_read(path, &a, e), LOOM_ERR_FORMAT, "z.npy");
    }
    ((char *)bytes)[size - 6] ^= 1;
    assert_ok(loom_file_write(path, bytes, size, e));
    assert_fails(loom_npy_read(path, &a, e), LOOM_ERR_FORMAT, "checksum");
    free(bytes);
    free(path);
}

static void real_files(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum loom_dtype dtype;
        int n_dims;
        size_t dim[2];
    } entries[] = {
        {"data/jets1024/x_i16.npy", LOOM_I16, 2, {1024, 16}},
        {"data/jets1024/x_f32.npy", LOOM_F32, 2, {1024, 16}},
        {"data/jets1024/y_u8.npy", LOOM_U8, 1, {1024}},
        {"data/jets_sim/x_test.npy", LOOM_F32, 2, {83176, 16}},
    };
    int seen = 0;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char *path = test_shared(entries[i].file);
        struct loom_array a;
        if (!path)
            continue;
        seen++;
        assert_ok(loom_npy_read(path, &a, e));
        assert_int_equal(a.dtype, entries[i].dtype);
        assert_int_equal(a.n_dims, entries[i].n_dims);
        for (int k = 0; k < a.n_dims; k++)
            assert_int_equal(a.dim[k], entries[i].dim[k]);
        loom_array_deinit(&a);
        free(path);
    }
    if (!seen)
        skip();
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
        cmocka_unit_test(every_type),       cmocka_unit_test(shapes),
        cmocka_unit_test(refused),          cmocka_unit_test(cut_and_changed),
        cmocka_unit_test(written_and_read), cmocka_unit_test(gzipped),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
