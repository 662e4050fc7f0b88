#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/npy.h"
#include "tests/fuzz/fuzz.h"

static const char *const dicts[] = {
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }   \n",
    "{'descr': '<i8', 'fortran_order': True, 'shape': (), }\n",
    "{\"shape\": (1L, 0), \"fortran_order\": False, \"descr\": \">i2\"}",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (9, 9, 9)}",
};

size_t fuzz_seed(size_t i, uint8_t *to)
{
    if (i >= 2 * sizeof(dicts) / sizeof(dicts[0]))
        return 0;
    const char *dict = dicts[i / 2];
    size_t text = strlen(dict), start = i % 2 ? 12 : 10;
    memset(to, 0, FUZZ_SEED_ROOM);
    memcpy(to, "\x93NUMPY", 6);
    to[6] = i % 2 ? 2 : 1;
    to[8] = (uint8_t)text;
    memcpy(to + start, dict, text);
    static const size_t data[] = {24, 5, 8, 0, 0};
    return start + text + data[i / 2];
}

static void use(struct loom_array *a)
{
    free(loom_array_to_f32(a)); /* reads every element */
    loom_array_deinit(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_array a;
    struct loom_errmsg e;
    if (loom_npy_decode(data, n, "fuzz", &a, &e) == 0)
        use(&a);
    if (loom_npy_read(fuzz_file(data, n), &a, &e) == 0)
        use(&a);
    return 0;
}
