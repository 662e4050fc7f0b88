/* .npz archives: made here with libzip, and the shared ones. */
#include <zip.h>

#include "engine/file.h"
#include "engine/npy.h"
#include "tests/data/support.h"

static const char header[] =
    "\x93NUMPY\x01\x00\x46\x00"
    "{'descr': '|u1', 'fortran_order': False, 'shape': (20000,), }        \n";
enum { HEADER = 10 + 70, DATA = 20000, MEMBER = HEADER + DATA };

static unsigned char member[MEMBER];

static void add(zip_t *z, const char *name, const void *p, size_t n, int method)
{
    zip_source_t *s = zip_source_buffer(z, p, n, 0);
    zip_int64_t i = zip_file_add(z, name, s, 0);
    assert_true(i >= 0);
    assert_int_equal(zip_set_file_compression(z, (zip_uint64_t)i, method, 0),
                     0);
}

static void make_archive(const char *path)
{
    assert_int_equal(sizeof(header) - 1, HEADER);
    memcpy(member, header, HEADER);
    memset(member + HEADER, 7, DATA);
    int code = 0;
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(z);
    add(z, "deflated.npy", member, MEMBER, ZIP_CM_DEFLATE);
    add(z, "a/stored.npy", member, MEMBER, ZIP_CM_STORE);
    add(z, "readme.txt", "hello", 5, ZIP_CM_STORE);
    add(z, "short.npy", member, MEMBER - 1, ZIP_CM_DEFLATE);
    add(z, "long.npy", member, HEADER + 3, ZIP_CM_STORE);
    add(z, ".npy", "", 0, ZIP_CM_STORE);
    add(z, "empty.npy", "", 0, ZIP_CM_STORE);
    assert_int_equal(zip_close(z), 0);
}

static void members(void **state)
{
    char *path = test_path(*state, "m.npz");
    make_archive(path);
    struct loom_errmsg msg;
    struct loom_npz *z = loom_npz_open(path, &msg);
    assert_non_null(z);
    assert_int_equal(loom_npz_count(z), 5);
    assert_string_equal(loom_npz_name(z, 0), "deflated");
    assert_string_equal(loom_npz_name(z, 1), "a/stored");
    struct loom_array a;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(loom_npz_read(z, loom_npz_name(z, i), &a, e));
        assert_int_equal(a.n, DATA);
        assert_memory_equal(a.data, member + HEADER, DATA);
        loom_array_deinit(&a);
    }
    assert_fails(loom_npz_read(z, "short", &a, e), LOOM_ERR_FORMAT,
                 "cut short");
    assert_fails(loom_npz_read(z, "long", &a, e), LOOM_ERR_FORMAT, "m.npz");
    assert_fails(loom_npz_read(z, "empty", &a, e), LOOM_ERR_FORMAT,
                 "not an .npy file");
    assert_fails(loom_npz_read(z, "other", &a, e), LOOM_ERR_MISSING, "other");
    loom_npz_close(z);
    loom_npz_close(NULL);
    free(path);
}

static void not_archives(void **state)
{
    char *path = test_path(*state, "bad.npz");
    static const struct {
        const char *bytes;
        size_t n;
    } entries[] = {{"", 0}, {"PK", 2}, {"PK\5\6", 4}, {header, HEADER}};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct loom_errmsg msg;
        assert_ok(loom_file_write(path, entries[i].bytes, entries[i].n, e));
        struct loom_npz *z = loom_npz_open(path, &msg);
        if (z) { /* an empty file is an archive of nothing to libzip */
            assert_int_equal(entries[i].n, 0);
            assert_int_equal(loom_npz_count(z), 0);
            loom_npz_close(z);
        } else {
            assert_non_null(strstr(msg.text, "bad.npz"));
        }
    }
    struct loom_errmsg msg;
    assert_null(loom_npz_open("/nowhere/x.npz", &msg));
    assert_non_null(strstr(msg.text, "/nowhere/x.npz"));
    assert_null(loom_npz_open(*state, &msg));
    free(path);
}

/* An archive whose directory claims far more than its bytes can hold. */
static void bomb(void **state)
{
    char *path = test_path(*state, "m.npz");
    void *bytes;
    size_t n;
    make_archive(path);
    assert_ok(loom_file_read(path, 1 << 20, &bytes, &n, e));
    unsigned char *p = bytes;
    /* The first central directory entry: uncompressed size at 24. */
    size_t at = 0;
    while (memcmp(p + at, "PK\1\2", 4))
        at++;
    memset(p + at + 24, 0xee, 4);
    assert_ok(loom_file_write(path, bytes, n, e));
    free(bytes);
    struct loom_errmsg msg;
    struct loom_npz *z = loom_npz_open(path, &msg);
    struct loom_array a;
    assert_non_null(z);
    assert_fails(loom_npz_read(z, "deflated", &a, e), LOOM_ERR_FORMAT,
                 "cannot be packed");
    loom_npz_close(z);
    free(path);
}

static void read_all(const char *path, size_t at_least)
{
    struct loom_errmsg msg;
    struct loom_npz *z = loom_npz_open(path, &msg);
    assert_non_null(z);
    assert_true(loom_npz_count(z) >= at_least);
    for (size_t i = 0; i < loom_npz_count(z); i++) {
        struct loom_array a;
        int err = loom_npz_read(z, loom_npz_name(z, i), &a, &msg);
        if (err && !strstr(msg.text, "numbers of type <U")) /* words */
            fail_msg("%s", msg.text);
        loom_array_deinit(&a);
    }
    loom_npz_close(z);
}

static void shipped_jets(void **state)
{
    (void)state;
    const char *root = getenv("LOOM_ROOT");
    char *path = test_path(root ? root : ".", "examples/data/jets_32k.npz");
    read_all(path, 4);
    struct loom_errmsg msg;
    struct loom_npz *z = loom_npz_open(path, &msg);
    struct loom_array a;
    assert_ok(loom_npz_read(z, "x_train", &a, e));
    assert_int_equal(a.dtype, LOOM_I16);
    assert_int_equal(a.dim[0], 24000);
    assert_int_equal(a.dim[1], 16);
    loom_array_deinit(&a);
    loom_npz_close(z);
    free(path);
}

static void golden(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t members;
    } entries[] = {
        {"golden/hgq2/quantizers.npz", 202},
        {"golden/hgq2/quantizer_layers.npz", 756},
        {"golden/hgq2/qdense.npz", 51},
        {"golden/hgq2/mlp_randbits.npz", 278},
    };
    int seen = 0;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char *path = test_shared(entries[i].file);
        if (!path)
            continue;
        seen++;
        read_all(path, entries[i].members);
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
        cmocka_unit_test(members), cmocka_unit_test(not_archives),
        cmocka_unit_test(bomb),    cmocka_unit_test(shipped_jets),
        cmocka_unit_test(golden),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
