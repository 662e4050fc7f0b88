/* bitloom bench train: whole training steps, beside what this machine can do,
 * beside the plain loops, and beside the same step without quantizers. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/pool.h"
#include "engine/trainer.h"
#include "tui/bench.h"
#include "tui/cli.h"

/* A case takes so many seconds, in slices of which the fastest counts, as it
 * does for the peak: what others do on the machine is no part of the answer.
 * The plain loops take whole small batches. */
static const double LONG = 1.0, SLICE = 0.1, PLAIN = 0.3;
enum { PLAIN_BATCH = 1024 };

struct run {
    struct bench_conf conf;
    struct loom_errmsg e;
    int all;        /* threads */
    double peak[2]; /* GFLOP/s of one thread and of all */
    json_t *cases;
};

struct setting {
    size_t batch;
    int threads;
    bool quantized;
    const struct loom_kernels *kernels;
};

static struct loom_trainer *make_trainer(const struct bench_net *n,
                                         const struct loom_dataset *d,
                                         const struct setting *s,
                                         struct loom_errmsg *e)
{
    struct loom_trainer_conf conf = {.batch = s->batch,
                                     .epochs = 1 << 20,
                                     .seed = 1,
                                     .threads = s->threads,
                                     .lr = loom_schedule_constant(5e-3),
                                     .beta = loom_schedule_constant(5e-6),
                                     .unquantized = !s->quantized};
    struct loom_model *m = n->make(n, e);
    if (!m)
        return NULL;
    m->kernels = s->kernels;
    return loom_trainer_new(m, d, &conf, e);
}

/* Rows a second of whole batches, but for the last of an epoch, which also
 * validates; negative: an error. */
static double measure(const struct bench_net *n, const struct loom_dataset *d,
                      const struct setting *s, double seconds,
                      struct loom_errmsg *e)
{
    struct loom_trainer *t = make_trainer(n, d, s, e);
    double batches = ceil((double)n->rows / (double)s->batch);
    double rows = (double)n->rows / batches, best = 0, all = 0, slice = 0;
    int rc = t ? loom_trainer_step(t, e) : LOOM_ERR_NOMEM; /* warm up */
    for (int steps = 0; rc >= 0 && all < seconds;) {
        double start = bench_now();
        rc = loom_trainer_step(t, e);
        if (rc != LOOM_STEP_BATCH)
            continue;
        double took = bench_now() - start;
        all += took;
        slice += took;
        steps++;
        if (slice >= SLICE) {
            best = fmax(best, steps * rows / slice);
            slice = steps = 0;
        }
    }
    loom_trainer_destroy(t);
    return rc < 0 ? rc : best;
}

static double heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return (double)m.uordblks + (double)m.hblkhd;
}

/* Bytes that a network and its trainer take on one thread, a trained number;
 * bits are trained numbers too. */
static double bytes_a_parameter(const struct bench_net *n,
                                const struct loom_dataset *d,
                                struct loom_errmsg *e)
{
    struct setting s = {PLAIN_BATCH, 1, true, loom_kernels()};
    double before = heap(), parameters = 0;
    struct loom_trainer *t = make_trainer(n, d, &s, e);
    if (!t)
        return NAN;
    const struct loom_model *m = loom_trainer_model(t);
    double order = (double)n->rows * sizeof(uint32_t); /* of the data */
    for (int k = 0; k < m->n_params; k++)
        parameters += m->param[k].trained ? (double)m->param[k].n : 0;
    double bytes = (heap() - before - order) / parameters;
    loom_trainer_destroy(t);
    return bytes;
}

static void print_case(const struct bench_net *n, const struct setting *s,
                       double part, double ratio, double extra, double rate,
                       double gflops)
{
    printf("%-6s %6zu %7d   %5.1f %%  %8.1f x   %+6.1f %%  %8.4f s  %7.3f M  "
           "%7.1f\n",
           n->name, s->batch, s->threads, 100 * part, ratio, 100 * extra,
           (double)n->rows / rate, 1e-6 * rate, gflops);
    fflush(stdout);
}

/* With quantizers and without: a row of the table, two cases of the JSON. */
static int run_case(struct run *b, const struct bench_net *n,
                    const struct loom_dataset *d, size_t batch, int threads,
                    double plain)
{
    struct setting s = {batch, threads, false, loom_kernels()};
    double rate[2];
    for (int q = 0; q < 2; q++) {
        s.quantized = q;
        rate[q] = measure(n, d, &s, LONG, &b->e);
        if (rate[q] < 0)
            return (int)rate[q];
        double gflops = 1e-9 * rate[q] * 6.0 * n->macs;
        double part = gflops / b->peak[threads > 1];
        json_array_append_new(
            b->cases, json_pack("{s:s,s:I,s:I,s:i,s:b,s:f,s:f,s:f,s:f,s:f}",
                                "net", n->name, "rows", (json_int_t)n->rows,
                                "batch", (json_int_t)batch, "threads", threads,
                                "quantized", q, "seconds_per_epoch",
                                (double)n->rows / rate[q], "rows_per_s",
                                rate[q], "gflops", gflops, "fraction_of_peak",
                                part, "reference_ratio", rate[q] / plain));
        if (q && !b->conf.json)
            print_case(n, &s, part, rate[q] / plain, rate[0] / rate[1] - 1.0,
                       rate[q], gflops);
    }
    return 0;
}

/* Others on the machine may have been at work when it was measured before. */
static void raise_peak(struct run *b, int threads)
{
    double *peak = &b->peak[threads > 1];
    *peak = fmax(*peak, bench_peak(threads, &b->e));
}

static int run_threads(struct run *b, const struct bench_net *n,
                       const struct loom_dataset *d, int threads)
{
    static const size_t batches[] = {1024, 16600, 33200};
    struct setting s = {PLAIN_BATCH, threads, true, loom_kernels_plain()};
    double plain = measure(n, d, &s, PLAIN, &b->e);
    int err = plain < 0 ? (int)plain : 0;
    raise_peak(b, threads);
    if (!err && b->conf.batch)
        return run_case(b, n, d, b->conf.batch, threads, plain);
    for (size_t k = 0; !err && k < sizeof(batches) / sizeof(*batches); k++)
        err = run_case(b, n, d, batches[k], threads, plain);
    return err;
}

static int run_net(struct run *b, json_t *memory, const struct bench_net *n)
{
    struct loom_dataset *d = bench_data(n, &b->e);
    int err = d ? 0 : LOOM_ERR_NOMEM;
    double bytes = err ? NAN : bytes_a_parameter(n, d, &b->e);
    json_object_set_new(memory, n->name, json_real(bytes));
    if (!err && !b->conf.threads)
        err = run_threads(b, n, d, 1);
    if (!err && (b->conf.threads || b->all > 1))
        err = run_threads(b, n, d, b->all);
    if (d)
        loom_dataset_destroy(d);
    return err;
}

static void print_head(const struct run *b)
{
    printf("kernels %s; peak %.1f GFLOP/s on 1 thread, %.1f on %d\n"
           "a step is quantizers, forward, backward, EBOPs, Adam\n\n"
           "net     batch threads  of peak  against plain  quantizers   s/epoch"
           "     rows/s  GFLOP/s\n",
           loom_kernels()->name, b->peak[0], b->peak[1], b->all);
}

static void print_memory(const json_t *memory, double peak_mb)
{
    const char *name;
    json_t *v;
    printf("\nbytes a trained number (weights, biases, their bits):");
    json_object_foreach((json_t *)(uintptr_t)memory, name, v)
        printf(" %s %.0f", name, json_real_value(v));
    printf("; most memory at once, data included: %.0f MB\n", peak_mb);
}

static int all_threads(const struct run *b)
{
    struct loom_pool *pool = NULL;
    struct loom_errmsg e;
    if (b->conf.threads)
        return b->conf.threads;
    pool = loom_pool_new(0, &e);
    int n = pool ? loom_pool_threads(pool) : 1;
    loom_pool_destroy(pool);
    return n;
}

int bench_train(const struct bench_conf *c)
{
    struct run b = {.conf = *c, .cases = json_array()};
    json_t *memory = json_object();
    struct rusage use;
    int err = 0;
    b.all = all_threads(&b);
    b.peak[0] = bench_peak(1, &b.e);
    b.peak[1] = bench_peak(b.all, &b.e);
    if (!c->json)
        print_head(&b);
    for (int k = 0; !err && k < bench_n_nets; k++)
        if (!c->net || !strcmp(c->net, bench_nets[k].name))
            err = run_net(&b, memory, &bench_nets[k]);
    getrusage(RUSAGE_SELF, &use);
    if (!err && !c->json)
        print_memory(memory, 1e-3 * (double)use.ru_maxrss);
    if (err || !c->json) {
        json_decref(b.cases);
        json_decref(memory);
        return err ? cli_fail(err, &b.e) : CLI_DONE;
    }
    return cli_print_json(
        json_pack("{s:s,s:s,s:{s:f,s:f},s:i,s:o,s:o,s:I}", "schema",
                  "bitloom/bench-train/1", "kernels", loom_kernels()->name,
                  "peak_gflops", "1", b.peak[0], "all", b.peak[1], "threads",
                  b.all, "cases", b.cases, "bytes_per_parameter", memory,
                  "peak_rss_bytes", (json_int_t)use.ru_maxrss * 1024));
}
