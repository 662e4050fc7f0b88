#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "engine/mat.h"
#include "tests/fuzz/fuzz.h"

enum { HEADER = 128 };

static size_t put_words(uint8_t *to, const uint32_t *word, size_t n)
{
    memcpy(to, word, 4 * n);
    return 4 * n;
}

/* An array "X" of 2 x 3 bytes as doubles, or "yy" of 3 x 1 doubles. */
static size_t put_array(uint8_t *to, int second)
{
    static const uint32_t first[] = {14, 56, 6,          8,    6,          0,
                                     5,  8,  2,          3,    0x00010001, 'X',
                                     2,  6,  0x04030201, 0x605};
    static const uint32_t other[] = {
        14, 72, 6, 8, 6, 0, 5, 8, 3, 1, 0x00020001, 'y' | 'y' << 8, 9, 24};
    static const double y[] = {1, 10, 3};
    if (!second)
        return put_words(to, first, sizeof(first) / 4);
    size_t n = put_words(to, other, sizeof(other) / 4);
    memcpy(to + n, y, sizeof(y));
    return n + sizeof(y);
}

/* Plain, packed, and both arrays. */
size_t fuzz_seed(size_t i, uint8_t *to)
{
    uint8_t array[256];
    size_t n = HEADER;
    if (i >= 4)
        return 0;
    memset(to, ' ', HEADER);
    memcpy(to, "MATLAB 5.0", 10);
    memcpy(to + HEADER - 4, "\0\1IM", 4);
    for (int k = 0; k < 2; k++) {
        if (i < 2 && (int)i != k)
            continue;
        size_t length = put_array(array, k);
        if (i == 3) {
            uLongf room = FUZZ_SEED_ROOM - n - 8;
            compress(to + n + 8, &room, array, length);
            put_words(to + n, (uint32_t[]){15, (uint32_t)room}, 2);
            n += 8 + room;
        } else {
            memcpy(to + n, array, length);
            n += length;
        }
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const want[] = {"X", "yy", NULL};
    for (int k = 0; k < 3; k++) {
        struct loom_array a;
        struct loom_errmsg e;
        if (loom_mat_decode(data, n, "fuzz", want[k], &a, &e) == 0)
            free(loom_array_to_f32(&a)); /* reads every element */
        else if (a.data)
            abort();
        loom_array_deinit(&a);
    }
    return 0;
}
