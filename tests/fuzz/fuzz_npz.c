#include <stdlib.h>
#include <string.h>

#include <zip.h>

#include "engine/npy.h"
#include "tests/fuzz/fuzz.h"

static const char member[] =
    "\x93NUMPY\x01\x00\x3b\x00"
    "{'descr': '|u1', 'fortran_order': False, 'shape': (600,), }";
enum { HEADER = 10 + 59, MEMBER = HEADER + 600 };

/* Archives of 0 to 3 members, stored and deflated in turn. */
size_t fuzz_seed(size_t i, uint8_t *to)
{
    static const char *const name[] = {"x.npy", "a/y.npy", "z.txt"};
    static char image[MEMBER];
    memcpy(image, member, HEADER);
    if (i >= 6)
        return 0;
    zip_source_t *s = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_source_keep(s);
    zip_t *z = zip_open_from_source(s, ZIP_TRUNCATE, NULL);
    for (size_t k = 0; k <= i / 2; k++) {
        zip_source_t *from = zip_source_buffer(z, image, MEMBER, 0);
        zip_int64_t at = zip_file_add(z, name[k], from, 0);
        zip_set_file_compression(z, (zip_uint64_t)at,
                                 (i + k) % 2 ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                                 0);
    }
    zip_close(z);
    zip_source_open(s);
    zip_int64_t n = zip_source_read(s, to, FUZZ_SEED_ROOM);
    zip_source_close(s);
    zip_source_free(s);
    return n > 0 ? (size_t)n : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_errmsg e;
    struct loom_npz *z = loom_npz_open(fuzz_file(data, n), &e);
    for (size_t i = 0; z && i < loom_npz_count(z) && i < 16; i++) {
        struct loom_array a;
        if (loom_npz_read(z, loom_npz_name(z, i), &a, &e) == 0)
            free(loom_array_to_f32(&a)); /* reads every element */
        loom_array_deinit(&a);
    }
    loom_npz_close(z);
    return 0;
}
