/* Every kind of file by its name; HDF5 and MATLAB in detail. */
#include "engine/data_file.h"

#include <hdf5.h>
#include <zlib.h>

#include "engine/file.h"
#include "engine/mat.h"
#include "tests/data/support.h"

static int read_any(const char *path, const char *member,
                    struct loom_table *out, struct loom_errmsg *e)
{
    struct loom_data_conf conf = loom_data_plain;
    conf.member = member;
    return loom_data_read(path, &conf, out, e);
}

static void check_numbers(const struct loom_array *a, int n_dims,
                          const size_t *dim, const double *want)
{
    assert_int_equal(a->n_dims, n_dims);
    for (int k = 0; k < n_dims; k++)
        assert_int_equal(a->dim[k], dim[k]);
    for (size_t i = 0; i < a->n; i++)
        if (loom_array_get(a, i) != want[i])
            fail_msg("number %zu is %g", i, loom_array_get(a, i));
}

/* ---- MATLAB ------------------------------------------------------------- */

/* One array of 2 x 3 x 2 with the values 1 .. 12 in the file's order, its
 * class and the type it is stored as given. */
struct mat_entry {
    uint32_t class, stored, size;
    enum loom_dtype dtype;
};

static size_t put(char *to, const void *p, size_t n)
{
    memset(to, 0, (n + 7) / 8 * 8);
    memcpy(to, p, n);
    return (n + 7) / 8 * 8;
}

static size_t make_array(const struct mat_entry *m, const char *name, char *out)
{
    char data[96];
    uint32_t head[] = {6, 8, m->class, 0, 5, 12, 2, 3, 2, 0};
    for (int i = 0; i < 12; i++) {
        double d = i + 1;
        float f = (float)(i + 1);
        int64_t whole = i + 1;
        const void *v = m->stored == 9   ? (const void *)&d
                        : m->stored == 7 ? (const void *)&f
                                         : (const void *)&whole;
        memcpy(data + (size_t)i * m->size, v, m->size);
    }
    size_t n = 8 + put(out + 8, head, sizeof(head));
    uint32_t tag[] = {1, (uint32_t)strlen(name)};
    n += put(out + n, tag, 8);
    n += put(out + n, name, strlen(name));
    tag[0] = m->stored;
    tag[1] = 12 * m->size;
    n += put(out + n, tag, 8);
    n += put(out + n, data, 12 * m->size);
    memcpy(out, (uint32_t[]){14, (uint32_t)n - 8}, 8);
    return n;
}

static size_t make_mat(const struct mat_entry *m, const char *const *names,
                       int packed, char *out)
{
    char array[512];
    memset(out, ' ', 128);
    memcpy(out, "MATLAB 5.0 MAT-file", 19);
    memcpy(out + 124, "\0\1IM", 4);
    size_t n = 128;
    for (; *names; names++) {
        size_t k = make_array(m, *names, array);
        uLongf room = 512;
        if (packed) {
            compress((unsigned char *)out + n + 8, &room,
                     (unsigned char *)array, k);
            memcpy(out + n, (uint32_t[]){15, (uint32_t)room}, 8);
            n += 8 + room;
        } else {
            memcpy(out + n, array, k);
            n += k;
        }
    }
    return n;
}

/* In C order: element [i][j][k] is 1 + i + 2 j + 6 k. */
static const double mat_want[] = {1, 7, 3, 9, 5, 11, 2, 8, 4, 10, 6, 12};
static const size_t mat_dim[] = {2, 3, 2};

static void mat(void **state)
{
    (void)state;
    static const struct mat_entry entries[] = {
        {6, 9, 8, LOOM_F64},   {6, 2, 1, LOOM_F64},   {6, 3, 2, LOOM_F64},
        {7, 7, 4, LOOM_F32},   {7, 2, 1, LOOM_F32},   {8, 1, 1, LOOM_I8},
        {9, 2, 1, LOOM_U8},    {10, 3, 2, LOOM_I16},  {11, 4, 2, LOOM_U16},
        {12, 5, 4, LOOM_I32},  {12, 2, 1, LOOM_I32},  {13, 6, 4, LOOM_U32},
        {14, 12, 8, LOOM_I64}, {15, 13, 8, LOOM_U64},
    };
    static const char *const names[] = {"first", "X", NULL};
    for (size_t k = 0; k < 2 * sizeof(entries) / sizeof(*entries); k++) {
        char file[2048];
        struct loom_array a;
        size_t n = make_mat(&entries[k / 2], names, k % 2, file);
        assert_ok(loom_mat_decode(file, n, "f.mat", "X", &a, e));
        assert_int_equal(a.dtype, entries[k / 2].dtype);
        check_numbers(&a, 3, mat_dim, mat_want);
        loom_array_deinit(&a);
        assert_ok(loom_mat_decode(file, n, "f.mat", "first", &a, e));
        loom_array_deinit(&a);
        assert_fails(loom_mat_decode(file, n, "f.mat", NULL, &a, e),
                     LOOM_ERR_MISSING, "name one of its arrays: first, X");
        assert_fails(loom_mat_decode(file, n, "f.mat", "Y", &a, e),
                     LOOM_ERR_MISSING, "no array Y; it has first, X");
        /* Cut anywhere, it is never read as whole. */
        for (size_t cut = 0; cut < n - 7; cut++) {
            struct loom_errmsg e = {""};
            int err = loom_mat_decode(file, cut, "f.mat", "X", &a, &e);
            assert_true(err == LOOM_ERR_FORMAT || err == LOOM_ERR_MISSING);
            assert_true(strstr(e.text, "f.mat") && !a.data);
        }
    }
}

static void mat_refused(void **state)
{
    (void)state;
    static const struct mat_entry m = {6, 9, 8, LOOM_F64};
    static const char *const names[] = {"X", NULL};
    static const struct {
        size_t at;
        char byte;
        int err;
        const char *what;
    } entries[] = {
        {126, 'M', LOOM_ERR_FORMAT, "not a MATLAB file"}, /* big-endian? */
        {124, 2, LOOM_ERR_FORMAT, "not a MATLAB file"},
        {144, 4, LOOM_ERR_MISSING, "no array of numbers"}, /* text */
        {145, 8, LOOM_ERR_MISSING, "no array of numbers"}, /* complex */
        {128, 13, LOOM_ERR_MISSING, "no array of numbers"},
        {136, 5, LOOM_ERR_FORMAT, "of type 5 and 8 bytes"},
        {163, -1, LOOM_ERR_FORMAT, "an axis of length"},
        {160, 3, LOOM_ERR_FORMAT, "needs 144 bytes"},
        {160, 1, LOOM_ERR_FORMAT, "96 bytes for 6 numbers"},
        {192, 99, LOOM_ERR_FORMAT, "numbers of type 99"},
    };
    for (size_t k = 0; k < sizeof(entries) / sizeof(*entries); k++) {
        char file[1024];
        struct loom_array a;
        size_t n = make_mat(&m, names, 0, file);
        file[entries[k].at] = entries[k].byte;
        assert_fails(loom_mat_decode(file, n, "f.mat", NULL, &a, e),
                     entries[k].err, entries[k].what);
    }
}

/* ---- HDF5 --------------------------------------------------------------- */

static void put_set(hid_t file, const char *path, hid_t type, int rank,
                    const hsize_t *dim, const void *data, int packed)
{
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    if (packed) {
        H5Pset_chunk(plist, rank, dim);
        H5Pset_deflate(plist, 6);
    }
    hid_t groups = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(groups, 1);
    hid_t space = H5Screate_simple(rank, dim, NULL);
    hid_t set = H5Dcreate2(file, path, type, space, groups, plist, H5P_DEFAULT);
    if (data)
        H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(groups);
    H5Pclose(plist);
}

struct record {
    double mass;
    int16_t n;
    float pt;
};

static hid_t record_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct record));
    H5Tinsert(type, "mass", offsetof(struct record, mass), H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "n", offsetof(struct record, n), H5T_NATIVE_INT16);
    H5Tinsert(type, "pt", offsetof(struct record, pt), H5T_NATIVE_FLOAT);
    return type;
}

static void make_hdf5(const char *path)
{
    static const uint8_t u8[] = {1, 2, 3, 4, 5, 255};
    static const double f64[] = {-1.5, 2};
    static const struct record r[] = {{1, 2, 3}, {4, -5, 6.5f}};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_set(file, "x", H5T_NATIVE_UINT8, 2, (hsize_t[]){3, 2}, u8, 0);
    put_set(file, "train/deep/y", H5T_IEEE_F64BE, 1, (hsize_t[]){2}, NULL, 0);
    hid_t set = H5Dopen2(file, "train/deep/y", H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, f64);
    H5Dclose(set);
    put_set(file, "packed", H5T_NATIVE_UINT8, 2, (hsize_t[]){3, 2}, u8, 1);
    hid_t type = record_type();
    put_set(file, "records", type, 1, (hsize_t[]){2}, r, 1);
    H5Tclose(type);
    type = H5Tcopy(H5T_C_S1);
    put_set(file, "text", type, 1, (hsize_t[]){6}, u8, 0);
    H5Tclose(type);
    /* What h5py makes of booleans. */
    static const int8_t bools[] = {1, 0, 1};
    type = H5Tenum_create(H5T_NATIVE_INT8);
    H5Tenum_insert(type, "FALSE", (int8_t[]){0});
    H5Tenum_insert(type, "TRUE", (int8_t[]){1});
    put_set(file, "bools", type, 1, (hsize_t[]){3}, bools, 0);
    H5Tclose(type);
    /* 8 TB, of which nothing is stored. */
    put_set(file, "claims", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){1 << 20, 1 << 20},
            NULL, 0);
    H5Fclose(file);
}

static void hdf5(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "a.h5");
    char *with = test_path(dir, "a.h5:/train/deep/y");
    struct loom_table t;
    make_hdf5(path);
    static const char *const same[] = {"x", "/x", "packed"};
    for (int k = 0; k < 3; k++) {
        assert_ok(read_any(path, same[k], &t, e));
        assert_int_equal(t.a.dtype, LOOM_U8);
        check_numbers(&t.a, 2, (size_t[]){3, 2},
                      (double[]){1, 2, 3, 4, 5, 255});
        loom_table_deinit(&t);
    }
    assert_ok(read_any(with, NULL, &t, e));
    assert_int_equal(t.a.dtype, LOOM_F64);
    check_numbers(&t.a, 1, (size_t[]){2}, (double[]){-1.5, 2});
    loom_table_deinit(&t);
    assert_ok(read_any(path, "records", &t, e));
    check_numbers(&t.a, 2, (size_t[]){2, 3}, (double[]){1, 2, 3, 4, -5, 6.5});
    assert_int_equal(loom_table_column(&t, "pt"), 2);
    loom_table_deinit(&t);
    assert_ok(read_any(path, "bools", &t, e));
    check_numbers(&t.a, 1, (size_t[]){3}, (double[]){1, 0, 1});
    loom_table_deinit(&t);
    assert_fails(read_any(path, NULL, &t, e), LOOM_ERR_MISSING,
                 "name one of its data sets: /bools, /claims, /packed");
    assert_fails(read_any(path, "nothing", &t, e), LOOM_ERR_MISSING,
                 "no data set nothing");
    assert_fails(read_any(path, "train", &t, e), LOOM_ERR_MISSING,
                 "no data set train");
    assert_fails(read_any(path, "text", &t, e), LOOM_ERR_FORMAT,
                 "text: it holds no numbers");
    assert_fails(read_any(path, "claims", &t, e), LOOM_ERR_FORMAT,
                 "larger than 4 GiB");
    void *data;
    size_t n;
    assert_ok(loom_file_read(path, 1 << 24, &data, &n, e));
    for (size_t cut = 0; cut < n; cut += 97) {
        assert_ok(loom_file_write(path, data, cut, e));
        assert_fails(read_any(path, "x", &t, e), LOOM_ERR_FORMAT, "a.h5");
    }
    free(data);
    free(with);
    free(path);
    test_folder_remove(dir);
}

/* ---- by name ------------------------------------------------------------ */

static void write_text(const char *path, const char *text, size_t n)
{
    assert_ok(loom_file_write(path, text, n, e));
}

static void by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *member, *text;
        size_t n; /* of text; 0: up to its zero */
        int err;
        const char *what;
    } entries[] = {
        {"a.csv", NULL, "x\n1\n", 0, 0, NULL},
        {"a.TSV", NULL, "x\ty\n1\t2\n", 0, 0, NULL},
        {"a.data", NULL, "1,2\n", 0, 0, NULL},
        {"a.arff", NULL, "@relation r\n@attribute x real\n@data\n1\n", 0, 0,
         NULL},
        {"unknown", NULL, "@relation r\n@attribute x real\n@data\n1\n", 0, 0,
         NULL},
        {"table", NULL, "x,y\n1,2\n", 0, 0, NULL},
        {"labels-idx1-ubyte", NULL, "\0\0\x08\1\0\0\0\2\7\11", 10, 0, NULL},
        {"bytes", NULL, "\0\0\x08\1\0\0\0\2\7\11", 10, 0, NULL},
        {"a.csv", "x", "x\n1\n", 0, LOOM_ERR_ARG, "there is no \"x\" to name"},
        {"a.npy", NULL, "x,y\n1,2\n", 0, LOOM_ERR_FORMAT, "not an .npy"},
        {"a.npz", NULL, "x,y\n1,2\n", 0, LOOM_ERR_FORMAT, "a.npz"},
        {"a.mat", NULL, "x,y\n1,2\n", 0, LOOM_ERR_FORMAT, "not a MATLAB"},
        {"a.mat", NULL, "MATLAB 7.3 MAT-file", 0, LOOM_ERR_FORMAT,
         "no HDF5 file"},
        {"a.h5", NULL, "x,y\n1,2\n", 0, LOOM_ERR_FORMAT, "no HDF5 file"},
        {"a.idx", NULL, "x,y\n1,2\n", 0, LOOM_ERR_FORMAT, "not an IDX"},
        {"empty.csv", NULL, "", 0, LOOM_ERR_FORMAT, "no rows"},
        {"empty", NULL, "", 0, LOOM_ERR_FORMAT, "not an IDX"},
    };
    char *dir = test_folder();
    for (size_t k = 0; k < sizeof(entries) / sizeof(*entries); k++) {
        char *path = test_path(dir, entries[k].name);
        struct loom_table t;
        write_text(path, entries[k].text,
                   entries[k].n ? entries[k].n : strlen(entries[k].text));
        if (entries[k].err)
            assert_fails(read_any(path, entries[k].member, &t, e),
                         entries[k].err, entries[k].what);
        else
            assert_ok(read_any(path, entries[k].member, &t, e));
        loom_table_deinit(&t);
        free(path);
    }
    struct loom_table t;
    assert_fails(read_any("/nowhere/a.csv", NULL, &t, e), LOOM_ERR_MISSING,
                 "/nowhere/a.csv");
    assert_fails(read_any("/nowhere/a.csv:x", NULL, &t, e), LOOM_ERR_ARG,
                 "to name");
    assert_fails(read_any(dir, NULL, &t, e), LOOM_ERR_IO, "not a plain file");
    test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mat),
        cmocka_unit_test(mat_refused),
        cmocka_unit_test(hdf5),
        cmocka_unit_test(by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
