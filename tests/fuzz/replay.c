/* TARGET                  the seeds, and mutations of them for a second
 * TARGET --write FOLDER   the seeds as files, for libFuzzer to start from
 * TARGET FILE...          these inputs: what a search found */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/rng.h"
#include "tests/fuzz/fuzz.h"

static int write_seeds(const char *dir)
{
    uint8_t seed[FUZZ_SEED_ROOM];
    struct loom_errmsg e;
    size_t n;
    int err = loom_file_mkdirs(dir, &e);
    for (size_t i = 0; !err && (n = fuzz_seed(i, seed)) > 0; i++) {
        char *path = loom_asprintf("%s/seed%zu", dir, i);
        err = loom_file_write(path, seed, n, &e);
        free(path);
    }
    if (err)
        fprintf(stderr, "%s\n", e.text);
    return err ? 1 : 0;
}

static int run_file(const char *path)
{
    struct loom_errmsg e;
    void *data;
    size_t n;
    if (loom_file_read(path, 1 << 24, &data, &n, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    return 0;
}

/* One small change: a byte, a number, a cut, a piece copied elsewhere. */
static size_t mutate(struct loom_rng *r, uint8_t *p, size_t n)
{
    static const uint8_t edge[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '(', ','};
    size_t at = (size_t)loom_rng_below(r, n), left = n - at;
    size_t len = 1 + (size_t)loom_rng_below(r, left < 8 ? left : 8);
    switch (loom_rng_below(r, 5)) {
    case 0:
        p[at] ^= (uint8_t)(1u << loom_rng_below(r, 8));
        return n;
    case 1:
        p[at] = edge[loom_rng_below(r, sizeof(edge))];
        return n;
    case 2:
        memset(p + at, loom_rng_below(r, 2) ? 0xff : 0, len);
        return n;
    case 3:
        memmove(p + at, p + loom_rng_below(r, n - len + 1), len);
        return n;
    default:
        return loom_rng_below(r, 8) ? n : 1 + at;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The input sits at the end of a block of its exact size, so that the address
 * sanitizer sees the first byte read too far. */
static void run_exact(const uint8_t *p, size_t n)
{
    uint8_t *exact = loom_malloc(n + !n);
    memcpy(exact, p, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

int main(int argc, char **argv)
{
    uint8_t seed[FUZZ_SEED_ROOM];
    int failed = 0;
    if (argc == 3 && !strcmp(argv[1], "--write"))
        return write_seeds(argv[2]);
    for (int i = 1; i < argc; i++)
        failed |= run_file(argv[i]);
    if (argc > 1)
        return failed;
    struct input {
        uint8_t *p;
        size_t n;
    } *seeds = NULL; /* made once: some take a file for it */
    size_t n_seeds = 0, runs = 0;
    run_exact((const uint8_t *)"", 0);
    for (size_t n; (n = fuzz_seed(n_seeds, seed)) > 0; n_seeds++) {
        seeds = loom_realloc(seeds, (n_seeds + 1) * sizeof(*seeds));
        seeds[n_seeds] = (struct input){memcpy(loom_malloc(n), seed, n), n};
        run_exact(seed, n);
    }
    struct loom_rng r = loom_rng_init(1, 0);
    for (double end = now() + 1; now() < end; runs++) {
        const struct input *from = &seeds[loom_rng_below(&r, n_seeds)];
        size_t n = from->n;
        memcpy(seed, from->p, n);
        for (size_t k = 1 + loom_rng_below(&r, 6); k; k--)
            n = mutate(&r, seed, n);
        run_exact(seed, n);
    }
    printf("%zu seeds, %zu mutations\n", n_seeds, runs);
    for (size_t k = 0; k < n_seeds; k++)
        free(seeds[k].p);
    free(seeds);
    return 0;
}
