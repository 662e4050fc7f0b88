/* bitloom cmvm: one constant matrix to a graph of adders. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/cmvm.h"
#include "fpga_flow/cmvm_net.h"
#include "fpga_flow/target.h"
#include "tui/bench.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/matrix.h"

struct cmvm_arg {
    const char *file, *target;
    enum loom_cmvm_goal goal;
    const struct loom_family *family; /* cells of it, not a goal of the graph */
    double seconds, steps, max_depth, seed, threads;
    bool json, quiet;
};

/* ---- options ------------------------------------------------------------ */

static int target(const char *command, struct cmvm_arg *a)
{
    a->family = !strcmp(a->target, loom_ice40.name)  ? &loom_ice40
                : !strcmp(a->target, loom_ecp5.name) ? &loom_ecp5
                                                     : NULL;
    a->goal = strcmp(a->target, "bits") ? LOOM_CMVM_ADDERS : LOOM_CMVM_BITS;
    if (a->goal == LOOM_CMVM_ADDERS && !a->family &&
        strcmp(a->target, "adders"))
        return cli_usage(command,
                         "--target %s: expected ice40, ecp5, adders or bits",
                         a->target);
    if (a->family && (a->max_depth || a->steps))
        return cli_usage(command, "--target %s takes --time only", a->target);
    return CLI_DONE;
}

static int parse(int argc, char **argv, struct cmvm_arg *a)
{
    static const struct option options[] = {
        {"target", required_argument, NULL, 'g'},
        {"max-depth", required_argument, NULL, 'd'},
        {"time", required_argument, NULL, 't'},
        {"steps", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'r'},
        {"threads", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0}};
    int c, status = CLI_DONE;
    *a = (struct cmvm_arg){.target = "adders", .threads = 2};
    optind = 1;
    while ((c = getopt_long(argc, argv, "q", options, NULL)) != -1) {
        if (c == 'g')
            a->target = optarg;
        else if (c == 'd')
            status = cli_number(argv[0], "--max-depth", optarg, 0, 1000, true,
                                &a->max_depth);
        else if (c == 't')
            status = cli_number(argv[0], "--time", optarg, 0.001, 1e6, false,
                                &a->seconds);
        else if (c == 's')
            status = cli_number(argv[0], "--steps", optarg, 1, 1e15, true,
                                &a->steps);
        else if (c == 'r')
            status =
                cli_number(argv[0], "--seed", optarg, 0, 1e15, true, &a->seed);
        else if (c == 'n')
            status = cli_number(argv[0], "--threads", optarg, 1, 64, true,
                                &a->threads);
        else if (c == 'j')
            a->json = true;
        else if (c == 'q')
            a->quiet = true;
        else
            return cli_usage(argv[0], "wrong option");
        if (status != CLI_DONE)
            return status;
    }
    if (optind + 1 != argc)
        return cli_usage(argv[0], "one FILE is needed");
    a->file = argv[optind];
    if (!a->seconds && !a->steps)
        a->seconds = 10;
    return target(argv[0], a);
}

/* ---- the work ----------------------------------------------------------- */

/* What a matrix comes to. */
struct result {
    struct cli_graph_size size;
    int cost;
};

static int solve_graph(const struct cmvm_arg *a, const struct cli_matrix *m,
                       struct result *r, struct loom_errmsg *e)
{
    struct loom_cmvm p = {.goal = a->goal,
                          .max_depth = (int)a->max_depth,
                          .seconds = a->seconds,
                          .steps = (long)a->steps,
                          .seed = (uint64_t)a->seed,
                          .threads = (int)a->threads};
    int err = cli_matrix_solve(m, &p, &r->size, e);
    r->cost = a->goal == LOOM_CMVM_BITS ? r->size.bits : r->size.adders;
    return err;
}

/* Cells of the pipelined core: those of both layers, harness aside. */
static int solve_cells(const struct cmvm_arg *a, const struct cli_matrix *m,
                       struct result *r, struct loom_errmsg *e)
{
    enum { BITS = 8 };
    struct loom_exact *net = loom_cmvm_net(m->rows, m->cols, m->w, BITS, e);
    struct loom_design *d =
        net ? loom_design_new(
                  net,
                  &(struct loom_design_conf){.name = "matrix",
                                             .family = a->family,
                                             .levels = LOOM_PIPELINE_LEVELS,
                                             .seconds = a->seconds},
                  e)
            : NULL;
    if (d) {
        struct loom_design_size s = loom_design_size(d, -1);
        r->size =
            (struct cli_graph_size){.adders = s.adders,
                                    .bits = s.adder_bits,
                                    .depth = s.depth,
                                    .exact = loom_cmvm_net_is(d->w, m->w)};
        for (int l = 0; l < (int)d->w->n_layers; l++)
            r->cost += loom_target_predict(d, l).lc;
    }
    int err = d ? 0 : LOOM_ERR_RANGE;
    loom_design_destroy(d);
    loom_exact_destroy(net);
    return err;
}

static int report(const struct cmvm_arg *a, const struct cli_matrix *m,
                  const struct result *r, double took)
{
    int status = r->size.exact ? CLI_DONE : CLI_FAILED;
    if (a->json)
        status |= cli_print_json(json_pack(
            "{s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:f,s:b,s:s,s:i}", "schema",
            "bitloom/cmvm/1", "file", a->file, "rows", m->rows, "cols", m->cols,
            "adders", r->size.adders, "adder_bits", r->size.bits, "depth",
            r->size.depth, "seconds", took, "exact", r->size.exact, "target",
            a->target, "target_cost", r->cost));
    else if (!a->quiet)
        printf("%d x %d: %d adders, %d adder bits, depth %d, %s %d, %.2f s, "
               "%s\n",
               m->rows, m->cols, r->size.adders, r->size.bits, r->size.depth,
               a->family ? "cells (model)" : a->target, r->cost, took,
               r->size.exact ? "exact" : "NOT EXACT");
    return status;
}

int cmd_cmvm(int argc, char **argv)
{
    struct cmvm_arg a;
    struct cli_matrix m = {0};
    struct result r = {0};
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &a);
    if (status != CLI_DONE)
        return status;
    int err = cli_matrix_read(a.file, &m, &e);
    double start = bench_now();
    if (!err)
        err = (a.family ? solve_cells : solve_graph)(&a, &m, &r, &e);
    status = err ? cli_fail(err, &e) : report(&a, &m, &r, bench_now() - start);
    free(m.w);
    return status;
}
