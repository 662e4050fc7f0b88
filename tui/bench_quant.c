/* bitloom bench quant: the quantizers' kernels alone, on a block that lies in
 * cache, beside the plain loops. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "tui/bench.h"
#include "tui/cli.h"

/* A block of a layer of 64 values; one quantizer's weights are as many. */
enum { COLUMNS = 64, N = LOOM_BLOCK * COLUMNS, ARRAYS = 12 };

static const double SECONDS = 0.2;

/* Arrays of N: values, gradients, bits as steps and as numbers, results. */
struct room {
    float *p[ARRAYS];
};

static void run_round(const struct loom_kernels *k, const struct room *r)
{
    k->round(LOOM_BLOCK, COLUMNS, r->p[0], COLUMNS, r->p[2], r->p[3], r->p[8],
             r->p[9]);
}

static void run_wrap(const struct loom_kernels *k, const struct room *r)
{
    k->wrap(LOOM_BLOCK, COLUMNS, r->p[0], COLUMNS, r->p[2], r->p[3], r->p[2],
            r->p[3], r->p[2], r->p[8]);
}

static void run_error(const struct loom_kernels *k, const struct room *r)
{
    k->error_dot(LOOM_BLOCK, COLUMNS, r->p[1], r->p[0], r->p[8], COLUMNS,
                 r->p[9]);
}

static void run_saturate(const struct loom_kernels *k, const struct room *r)
{
    k->saturate(N, 1.0f, r->p[0], r->p[4], r->p[5], r->p[6], r->p[8], r->p[9],
                r->p[10], r->p[11]);
}

static const struct kind {
    const char *name, *what;
    void (*run)(const struct loom_kernels *k, const struct room *r);
} kinds[] = {
    {"round", "activations in training, ranges tracked", run_round},
    {"wrap", "activations as the hardware has them", run_wrap},
    {"error_dot", "gradient of activations' bits", run_error},
    {"saturate", "weights, with their derivatives", run_saturate},
};

/* Values a second, the best of five. */
static double measure(const struct kind *kind, const struct loom_kernels *k,
                      const struct room *r)
{
    double best = 0;
    for (int turn = 0; turn < 5; turn++) {
        double start = bench_now(), took;
        size_t n = 0;
        do {
            for (int j = 0; j < 20; j++, n += N)
                kind->run(k, r);
            took = bench_now() - start;
        } while (took < SECONDS / 5);
        best = fmax(best, (double)n / took);
    }
    return best;
}

static int fill(struct room *r, struct loom_errmsg *e)
{
    struct loom_rng g = loom_rng_init(1, 1);
    for (int k = 0; k < ARRAYS; k++)
        if (!(r->p[k] = loom_try_alloc(N, sizeof(float), "values", e)))
            return LOOM_ERR_NOMEM;
    for (size_t j = 0; j < N; j++) {
        r->p[0][j] = (float)loom_rng_normal(&g);
        r->p[1][j] = (float)loom_rng_normal(&g);
        r->p[2][j] = 8.0f;
        r->p[3][j] = 0.125f;
        r->p[4][j] = 1.0f;
        r->p[5][j] = 1.0f;
        r->p[6][j] = 3.0f;
    }
    return 0;
}

int bench_quant(const struct bench_conf *c)
{
    struct loom_errmsg e;
    struct room r = {{NULL}};
    json_t *cases = json_array();
    int err = fill(&r, &e);
    if (!err && !c->json)
        printf("kernels %s, 1 thread, %d values in cache\n\n"
               "kernel     against plain  values/s\n",
               loom_kernels()->name, N);
    for (size_t k = 0; !err && k < sizeof(kinds) / sizeof(*kinds); k++) {
        double fast = measure(&kinds[k], loom_kernels(), &r);
        double plain = measure(&kinds[k], loom_kernels_plain(), &r);
        json_array_append_new(cases,
                              json_pack("{s:s,s:f,s:f}", "kernel",
                                        kinds[k].name, "values_per_s", fast,
                                        "reference_ratio", fast / plain));
        if (!c->json)
            printf("%-10s %11.1f x  %6.2f G   %s\n", kinds[k].name,
                   fast / plain, 1e-9 * fast, kinds[k].what);
    }
    for (int k = 0; k < ARRAYS; k++)
        free(r.p[k]);
    if (!err && c->json)
        return cli_print_json(json_pack("{s:s,s:s,s:o}", "schema",
                                        "bitloom/bench-quant/1", "kernels",
                                        loom_kernels()->name, "cases", cases));
    json_decref(cases);
    return err ? cli_fail(err, &e) : CLI_DONE;
}
