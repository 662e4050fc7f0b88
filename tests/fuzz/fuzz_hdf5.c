#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "engine/hdf5_file.h"
#include "tests/fuzz/fuzz.h"

/* What libhdf5 itself loses of a damaged file is no finding. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}

/* In a file: plain numbers; packed ones; records. */
static void put_set(hid_t file, int kind)
{
    static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    hsize_t dim[] = {4, 3};
    hid_t type = H5Tcopy(H5T_NATIVE_FLOAT),
          plist = H5Pcreate(H5P_DATASET_CREATE);
    int rank = 2;
    if (kind == 1) {
        H5Pset_chunk(plist, 2, (hsize_t[]){2, 3});
        H5Pset_shuffle(plist);
        H5Pset_deflate(plist, 6);
    } else if (kind == 2) {
        H5Tclose(type);
        type = H5Tcreate(H5T_COMPOUND, 12);
        H5Tinsert(type, "a", 0, H5T_NATIVE_FLOAT);
        H5Tinsert(type, "b", 4, H5T_NATIVE_FLOAT);
        H5Tinsert(type, "c", 8, H5T_NATIVE_INT);
        rank = 1;
    }
    hid_t space = H5Screate_simple(rank, dim, NULL);
    hid_t set =
        H5Dcreate2(file, "x", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(plist);
    H5Tclose(type);
}

/* Each in the old and in the new format. */
size_t fuzz_seed(size_t i, uint8_t *to)
{
    if (i >= 6)
        return 0;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 10, 0);
    if (i % 2)
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate("seed", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    put_set(file, (int)i / 2);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    ssize_t n = H5Fget_file_image(file, to, FUZZ_SEED_ROOM);
    H5Fclose(file);
    H5Pclose(access);
    return n > 0 ? (size_t)n : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_table t;
    struct loom_errmsg e;
    if (loom_hdf5_read(fuzz_file(data, n), NULL, &t, &e) == 0)
        free(loom_array_to_f32(&t.a)); /* reads every element */
    else if (t.a.data || t.name)
        abort();
    loom_table_deinit(&t);
    return 0;
}
