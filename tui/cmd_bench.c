/* bitloom bench train: how fast a training step is, beside what this machine
 * can do and beside the plain loops, all in one run: ratios survive a noisy
 * machine, seconds do not. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/dataset.h"
#include "engine/mem.h"
#include "engine/pool.h"
#include "engine/trainer.h"
#include "tui/cli.h"
#include "tui/commands.h"

enum { ROWS = 560000, MAX_WIDTHS = 6 };

/* Training steps are measured for this long a case, in seconds. */
static const double LONG = 1.0, SHORT = 0.3;

static const struct net {
    const char *name;
    size_t rows;
    int widths[MAX_WIDTHS]; /* inputs, hidden..., outputs, 0 */
} nets[] = {
    {"jets", ROWS, {16, 64, 32, 32, 5, 0}},
    {"mnist", 60000, {196, 64, 16, 10, 0}},
    {"wide", 60000, {64, 256, 256, 10, 0}},
};

struct result {
    double seconds; /* of the rows measured */
    double rows;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double macs(const struct net *n)
{
    double sum = 0;
    for (int k = 0; n->widths[k + 1]; k++)
        sum += (double)n->widths[k] * n->widths[k + 1];
    return sum;
}

/* ---- the machine's peak ------------------------------------------------- */

enum { PEAK_ROUNDS = 4000000 };

struct peak {
    const struct loom_kernels *k;
    volatile float sink[64];
};

static void burn(void *ud, int item, int worker)
{
    struct peak *p = ud;
    (void)worker;
    p->sink[item % 64] = p->k->fma(PEAK_ROUNDS);
}

/* GFLOP/s of as many threads, the best of five. */
static double peak_gflops(int threads, struct loom_errmsg *e)
{
    struct loom_pool *pool = loom_pool_new(threads, e);
    struct peak p = {.k = loom_kernels()};
    double best = 0;
    if (!pool)
        return NAN;
    for (int r = 0; r < 5; r++) {
        double t = now();
        loom_pool_run(pool, threads, burn, &p);
        double g = threads * PEAK_ROUNDS * p.k->fma_flops / (now() - t);
        best = fmax(best, 1e-9 * g);
    }
    loom_pool_destroy(pool);
    return best;
}

/* ---- a case ------------------------------------------------------------- */

/* Noise in, random labels out: the time does not depend on them. */
static struct loom_dataset *make_data(const struct net *n,
                                      struct loom_errmsg *e)
{
    int last = 0;
    while (n->widths[last + 1])
        last++;
    struct loom_dataset *d = loom_dataset_new(n->name, (size_t)n->widths[0],
                                              (size_t)n->widths[last]);
    struct loom_rng rng = loom_rng_init(1, 1);
    size_t rows[LOOM_N_PARTS] = {n->rows, LOOM_BLOCK, 0};
    snprintf(d->metric, sizeof(d->metric), "accuracy");
    for (int p = LOOM_TRAIN; p <= LOOM_VAL; p++) {
        if (loom_dataset_alloc(d, (enum loom_part)p, rows[p], 1, e) < 0) {
            loom_dataset_destroy(d);
            return NULL;
        }
        for (size_t j = 0; j < rows[p] * d->n_in; j++)
            d->part[p].x[j] = (float)(4 * loom_rng_uniform(&rng) - 2);
        for (size_t j = 0; j < rows[p]; j++)
            d->part[p].y[j] = (int)loom_rng_below(&rng, d->n_out);
    }
    return d;
}

static int add(struct loom_model *m, const char *kind, const char *name, int at,
               json_t *take_conf, struct loom_errmsg *e)
{
    int in = at;
    int out = loom_model_add(m, kind, name, &in, at < 0 ? 0 : 1, take_conf, e);
    json_decref(take_conf);
    return out;
}

static struct loom_model *make_model(const struct net *n, struct loom_errmsg *e)
{
    struct loom_model *m = loom_model_new();
    int at = add(m, "input", "x", -1, json_pack("{s:i}", "n", n->widths[0]), e);
    for (int k = 0; at >= 0 && n->widths[k + 1]; k++) {
        char q[32], dense[32], relu[32];
        snprintf(q, sizeof(q), "dense_%d/iq", k);
        snprintf(dense, sizeof(dense), "dense_%d", k);
        snprintf(relu, sizeof(relu), "dense_%d/relu", k);
        at = add(m, "quantize", q, at, json_pack("{s:i,s:i}", "i0", 3, "f0", 3),
                 e);
        if (at >= 0)
            at = add(m, "dense", dense, at,
                     json_pack("{s:i,s:{s:i,s:i},s:{s:s}}", "units",
                               n->widths[k + 1], "kernel", "b0", 3, "i0", 0,
                               "bias", "overflow", "SAT_SYM"),
                     e);
        if (at >= 0 && n->widths[k + 2])
            at = add(m, "relu", relu, at, NULL, e);
    }
    if (at < 0 || loom_model_finish(m, at, 1, e) < 0) {
        loom_model_destroy(m);
        return NULL;
    }
    return m;
}

/* Time whole batches, but for the last of an epoch, which also validates. */
static int measure(const struct net *n, const struct loom_dataset *d,
                   size_t batch, int threads,
                   const struct loom_kernels *kernels, double seconds,
                   struct result *out, struct loom_errmsg *e)
{
    struct loom_trainer_conf conf = {.batch = batch,
                                     .epochs = 1 << 20,
                                     .seed = 1,
                                     .threads = threads,
                                     .lr = loom_schedule_constant(5e-3),
                                     .beta = loom_schedule_constant(5e-6)};
    struct loom_model *m = make_model(n, e);
    if (!m)
        return LOOM_ERR_NOMEM;
    m->kernels = kernels;
    struct loom_trainer *t = loom_trainer_new(m, d, &conf, e);
    if (!t)
        return LOOM_ERR_NOMEM;
    size_t batches = (n->rows + batch - 1) / batch;
    double rows = (double)n->rows / (double)batches;
    int rc = loom_trainer_step(t, e); /* once, to warm up */
    *out = (struct result){0};
    while (rc >= 0 && out->seconds < seconds) {
        double start = now();
        rc = loom_trainer_step(t, e);
        if (rc != LOOM_STEP_BATCH)
            continue;
        out->seconds += now() - start;
        out->rows += rows;
    }
    loom_trainer_destroy(t);
    return rc < 0 ? rc : 0;
}

/* ---- the table ---------------------------------------------------------- */

struct bench {
    bool json;
    int all;        /* threads */
    double peak[2]; /* GFLOP/s of one thread and of all */
    json_t *cases;
};

static int run_case(struct bench *b, const struct net *n,
                    const struct loom_dataset *d, size_t batch, int threads,
                    struct loom_errmsg *e)
{
    struct result fast, plain;
    int err = measure(n, d, batch, threads, loom_kernels(), LONG, &fast, e);
    if (!err)
        err = measure(n, d, batch, threads, loom_kernels_plain(), SHORT, &plain,
                      e);
    if (err)
        return err;
    double rate = fast.rows / fast.seconds;
    double gflops = 1e-9 * rate * 6.0 * macs(n);
    double part = gflops / b->peak[threads > 1];
    double ratio = rate / (plain.rows / plain.seconds);
    json_array_append_new(
        b->cases,
        json_pack("{s:s,s:I,s:I,s:i,s:b,s:f,s:f,s:f,s:f,s:f}", "net", n->name,
                  "rows", (json_int_t)n->rows, "batch", (json_int_t)batch,
                  "threads", threads, "quantized", 1, "seconds_per_epoch",
                  (double)n->rows / rate, "rows_per_s", rate, "gflops", gflops,
                  "fraction_of_peak", part, "reference_ratio", ratio));
    if (!b->json)
        printf("%-6s %6zu %7d   %5.1f %%  %8.1f x  %8.4f s  %7.2f M  %7.1f\n",
               n->name, batch, threads, 100 * part, ratio,
               (double)n->rows / rate, 1e-6 * rate, gflops);
    fflush(stdout);
    return 0;
}

static int run_net(struct bench *b, const struct net *n, struct loom_errmsg *e)
{
    static const size_t batches[] = {1024, 16600, 33200};
    struct loom_dataset *d = make_data(n, e);
    int err = d ? 0 : LOOM_ERR_NOMEM;
    for (size_t k = 0; !err && k < sizeof(batches) / sizeof(*batches); k++) {
        err = run_case(b, n, d, batches[k], 1, e);
        if (!err && b->all > 1)
            err = run_case(b, n, d, batches[k], b->all, e);
    }
    loom_dataset_destroy(d);
    return err;
}

static int bench_train(struct bench *b)
{
    struct loom_errmsg e = {""};
    struct loom_pool *pool = loom_pool_new(0, &e);
    int err = 0;
    b->all = pool ? loom_pool_threads(pool) : 1;
    loom_pool_destroy(pool);
    b->peak[0] = peak_gflops(1, &e);
    b->peak[1] = peak_gflops(b->all, &e);
    b->cases = json_array();
    if (!b->json)
        printf("kernels %s; peak %.1f GFLOP/s on 1 thread, %.1f on %d\n"
               "a step is quantizers, forward, backward, EBOPs, Adam\n\n"
               "net     batch threads  of peak  against plain  s/epoch"
               "   rows/s  GFLOP/s\n",
               loom_kernels()->name, b->peak[0], b->peak[1], b->all);
    for (size_t k = 0; !err && k < sizeof(nets) / sizeof(*nets); k++)
        err = run_net(b, &nets[k], &e);
    if (err) {
        json_decref(b->cases);
        return cli_fail(err, &e);
    }
    if (!b->json) {
        json_decref(b->cases);
        return CLI_DONE;
    }
    return cli_print_json(json_pack(
        "{s:s,s:s,s:{s:f,s:f},s:i,s:o}", "schema", "bitloom/bench-train/1",
        "kernels", loom_kernels()->name, "peak_gflops", "1", b->peak[0], "all",
        b->peak[1], "threads", b->all, "cases", b->cases));
}

int cmd_bench(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct bench b = {0};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'j')
            return cli_usage("bench", "wrong option");
        b.json = true;
    }
    if (optind + 1 != argc || strcmp(argv[optind], "train"))
        return cli_usage("bench", "name what to measure: train");
    return bench_train(&b);
}
