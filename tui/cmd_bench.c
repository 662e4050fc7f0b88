/* bitloom bench: the project's benchmarks. Ratios survive a noisy machine,
 * seconds do not: whatever is timed is timed beside its reference, in the same
 * run. */
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/pool.h"
#include "tui/bench.h"
#include "tui/cli.h"
#include "tui/commands.h"

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the machine's peak ------------------------------------------------- */

enum { PEAK_ROUNDS = 2000000, TURNS = 10, MAX_SINKS = 64 };

struct peak {
    const struct loom_kernels *k;
    volatile float sink[MAX_SINKS];
};

static void burn(void *ud, int item, int worker)
{
    struct peak *p = ud;
    (void)worker;
    p->sink[item % MAX_SINKS] = p->k->fma(PEAK_ROUNDS);
}

double bench_peak(int threads, struct loom_errmsg *e)
{
    struct loom_pool *pool = loom_pool_new(threads, e);
    struct peak p = {.k = loom_kernels()};
    double best = 0;
    if (!pool)
        return NAN;
    for (int r = 0; r < TURNS; r++) {
        double t = bench_now();
        loom_pool_run(pool, threads, burn, &p);
        double g = threads * PEAK_ROUNDS * p.k->fma_flops / (bench_now() - t);
        best = fmax(best, 1e-9 * g);
    }
    loom_pool_destroy(pool);
    return best;
}

/* ---- options ------------------------------------------------------------ */

static int wrong_net(const char *name)
{
    char list[128] = "";
    for (int k = 0; k < bench_n_nets; k++) {
        strncat(list, k ? ", " : "", sizeof(list) - strlen(list) - 1);
        strncat(list, bench_nets[k].name, sizeof(list) - strlen(list) - 1);
    }
    return cli_usage("bench", "no network is called \"%s\"; there are %s", name,
                     list);
}

/* CLI_DONE, or the exit status. */
static int read_options(int argc, char **argv, struct bench_conf *c)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"net", required_argument, NULL, 'n'},
        {"batch", required_argument, NULL, 'b'},
        {"threads", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0}};
    double batch = 0, threads = 0;
    int o;
    optind = 1;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int status = CLI_DONE;
        if (o == '?')
            return cli_usage("bench", "wrong option");
        c->json |= o == 'j';
        if (o == 'n')
            c->net = optarg;
        else if (o == 'b')
            status = cli_number("bench", "--batch", optarg, 1, 1 << 30, true,
                                &batch);
        else if (o == 't')
            status = cli_number("bench", "--threads", optarg, 1, 1024, true,
                                &threads);
        if (status != CLI_DONE)
            return status;
    }
    c->batch = (size_t)batch;
    c->threads = (int)threads;
    bool known = !c->net;
    size_t rows = SIZE_MAX;
    for (int k = 0; k < bench_n_nets; k++)
        if (!c->net || !strcmp(c->net, bench_nets[k].name)) {
            known = true;
            rows = bench_nets[k].rows < rows ? bench_nets[k].rows : rows;
        }
    if (known && c->batch > rows / 2) /* the last of an epoch is not timed */
        return cli_usage("bench", "--batch: at most half of the %zu rows",
                         rows);
    return known ? CLI_DONE : wrong_net(c->net);
}

int cmd_bench(int argc, char **argv)
{
    struct bench_conf c = {0};
    if (argc > 1 && !strcmp(argv[1], "ui"))
        return cmd_bench_ui(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "target"))
        return bench_target(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "cmvm"))
        return bench_cmvm(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "lut6"))
        return bench_lut6(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "kernels"))
        return bench_kernels(argc - 1, argv + 1);
    int status = read_options(argc, argv, &c);
    if (status != CLI_DONE)
        return status;
    if (optind + 1 == argc && !strcmp(argv[optind], "train"))
        return bench_train(&c);
    if (optind + 1 == argc && !strcmp(argv[optind], "quant"))
        return bench_quant(&c);
    return cli_usage(
        "bench",
        "name what to measure: train, quant, ui, target, cmvm, kernels or lut6");
}
