#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "engine/idx.h"
#include "tests/fuzz/fuzz.h"

static const struct {
    uint8_t image[24];
    size_t n;
} seeds[] = {
    {{0, 0, 0x08, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 9, 8, 7, 6}, 20},
    {{0, 0, 0x0b, 1, 0, 0, 0, 2, 1, 0, 2, 0}, 12},
    {{0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0}, 12},
    {{0, 0, 0x0e, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0xc0}, 20},
};
enum { N_SEEDS = sizeof(seeds) / sizeof(seeds[0]) };

static size_t gzip(const uint8_t *p, size_t n, uint8_t *to)
{
    z_stream z = {0};
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    uint8_t copy[FUZZ_SEED_ROOM];
    memcpy(copy, p, n);
    z.next_in = copy;
    z.avail_in = (unsigned)n;
    z.next_out = to;
    z.avail_out = FUZZ_SEED_ROOM;
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return z.total_out;
}

/* Each plain, then each packed. */
size_t fuzz_seed(size_t i, uint8_t *to)
{
    if (i >= 2 * N_SEEDS)
        return 0;
    if (i >= N_SEEDS)
        return gzip(seeds[i - N_SEEDS].image, seeds[i - N_SEEDS].n, to);
    memcpy(to, seeds[i].image, sizeof(seeds[i].image));
    return seeds[i].n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_array a;
    struct loom_errmsg e;
    if (loom_idx_decode(data, n, "fuzz", &a, &e) == 0)
        free(loom_array_to_f32(&a)); /* reads every element */
    loom_array_deinit(&a);
    if (loom_idx_read(fuzz_file(data, n), &a, &e) == 0)
        free(loom_array_to_f32(&a));
    loom_array_deinit(&a);
    return 0;
}
