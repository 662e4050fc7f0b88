/* bitloom bench kernels: constant matrices in cells of a device, three ways:
 * as plain Verilog, as a graph of fewest adders, and as bitloom makes them.
 * All three have the same ports, the same harness and a register after every
 * two levels of adders. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/accuracy.h"
#include "fpga_flow/cmvm_graph.h"
#include "fpga_flow/cmvm_greedy.h"
#include "fpga_flow/cmvm_naive.h"
#include "fpga_flow/cmvm_net.h"
#include "fpga_flow/measure.h"
#include "fpga_flow/share.h"
#include "tui/bench.h"
#include "tui/cli.h"
#include "tui/flow_arg.h"
#include "tui/matrix.h"

enum { NAIVE, GREEDY, OURS, WAYS, BITS = 8, TIMEOUT_S = 3600 };

static const char *const words[WAYS] = {"naive", "greedy", "bitloom"};

/* A kernel, counted. */
struct kernel {
    char name[64];
    int adders[WAYS], cells[WAYS], latency[WAYS]; /* cells of the core */
    int predicted[WAYS]; /* likewise; 0: nobody predicts naive ones */
};

struct job {
    const struct loom_device *device;
    double seconds;
    bool json;
    int n;
    struct kernel *row;
};

/* What the harness, which is the same to all, has of cells. */
static int harness(const struct loom_design *d)
{
    return d->in_bits + d->out_bits + d->latency + 3;
}

/* Cells of a design, without those of its harness. */
static int count(const struct job *j, const struct loom_design *d,
                 const char *core, int *cells, struct loom_errmsg *e)
{
    char *dir = loom_folder_scratch(e);
    struct loom_measurement m = {.device = j->device,
                                 .dir = dir,
                                 .core = core,
                                 .timeout_s = TIMEOUT_S,
                                 .cancel = flow_interrupts()};
    struct loom_cells c = {0};
    if (!dir)
        return LOOM_ERR_IO;
    int err = loom_measure_run(&m, d, &c, e);
    *cells = c.lc - harness(d);
    loom_file_remove_tree(dir);
    free(dir);
    return err;
}

static struct loom_design *design(const struct job *j,
                                  const struct loom_exact *net,
                                  const struct loom_share *share, bool plain,
                                  struct loom_errmsg *e)
{
    return loom_design_new(
        net,
        &(struct loom_design_conf){.name = "kernel",
                                   .family = j->device->family,
                                   .levels = LOOM_PIPELINE_LEVELS,
                                   .plain = plain,
                                   .share = share,
                                   .seconds = j->seconds},
        e);
}

/* The three ways; digits less one a sum are what the naive one adds. */
static int count_naive(const struct job *j, const struct loom_exact *net,
                       const struct cli_matrix *m, struct kernel *k,
                       struct loom_errmsg *e)
{
    struct loom_design *d = design(j, net, NULL, true, e);
    if (!d)
        return LOOM_ERR_RANGE;
    char *core = loom_cmvm_naive(d, m->w);
    int err = count(j, d, core, &k->cells[NAIVE], e);
    for (int c = 0; c < m->cols; c++) {
        int digits = 0;
        for (int r = 0; r < m->rows; r++)
            digits += loom_cmvm_sums_digits(m->w[r * m->cols + c]);
        k->adders[NAIVE] += digits > 1 ? digits - 1 : 0;
    }
    k->latency[NAIVE] = d->latency;
    free(core);
    loom_design_destroy(d);
    return err;
}

static int count_design(const struct job *j, const struct loom_exact *net,
                        const struct cli_matrix *m, int way,
                        const struct loom_share *share, struct kernel *k,
                        struct loom_errmsg *e)
{
    struct loom_design *d = design(j, net, share, false, e);
    if (!d)
        return LOOM_ERR_RANGE;
    int err = loom_cmvm_net_is(d->w, m->w)
                  ? count(j, d, NULL, &k->cells[way], e)
                  : loom_fail(e, LOOM_ERR_RANGE, "%s: another matrix", k->name);
    k->adders[way] = loom_design_size(d, -1).adders;
    k->latency[way] = d->latency;
    k->predicted[way] = loom_target_predict(d, -1).lc - harness(d);
    loom_design_destroy(d);
    return err;
}

/* Adders of the graph: some of them are two in cells, for both signs. */
static int greedy_adders(const struct cli_matrix *m)
{
    int64_t *lo = loom_malloc((size_t)m->rows * sizeof(*lo));
    int64_t *hi = loom_malloc((size_t)m->rows * sizeof(*hi));
    for (int i = 0; i < m->rows; i++) {
        lo[i] = -(1 << (BITS - 1));
        hi[i] = (1 << (BITS - 1)) - 1;
    }
    struct loom_cmvm_graph g;
    loom_cmvm_greedy(&g, m->rows, m->cols, m->w, lo, hi);
    int n = g.n_adds;
    loom_cmvm_graph_deinit(&g);
    free(lo);
    free(hi);
    return n;
}

static int count_greedy(const struct job *j, const struct loom_exact *net,
                        const struct cli_matrix *m, struct kernel *k,
                        struct loom_errmsg *e)
{
    const struct loom_share share[2] = {{.on = false}, {.greedy = true}};
    int err = count_design(j, net, m, GREEDY, share, k, e);
    k->adders[GREEDY] = greedy_adders(m);
    return err;
}

static int count_kernel(struct job *j, const char *file, struct loom_errmsg *e)
{
    struct cli_matrix m = {0};
    struct kernel k = {.name = ""};
    cli_matrix_name(file, k.name, sizeof(k.name));
    int err = cli_matrix_read(file, &m, e);
    struct loom_exact *net =
        err ? NULL : loom_cmvm_net(m.rows, m.cols, m.w, BITS, e);
    if (!err && !net)
        err = LOOM_ERR_RANGE;
    if (!err)
        err = count_naive(j, net, &m, &k, e);
    if (!err)
        err = count_greedy(j, net, &m, &k, e);
    if (!err)
        err = count_design(j, net, &m, OURS, NULL, &k, e);
    loom_exact_destroy(net);
    free(m.w);
    if (err)
        return err;
    j->row = loom_realloc(j->row, (size_t)(j->n + 1) * sizeof(*j->row));
    j->row[j->n++] = k;
    return 0;
}

/* ---- the answer ---------------------------------------------------------- */

static void print_row(const struct kernel *k)
{
    printf("| %-28s |", k->name);
    for (int w = 0; w < WAYS; w++)
        printf(" %6d | %6d |", k->adders[w], k->cells[w]);
    printf(" %.3f | %.3f |\n", (double)k->cells[OURS] / k->cells[NAIVE],
           (double)k->cells[OURS] / k->cells[GREEDY]);
    fflush(stdout);
}

static void print_head(const struct job *j)
{
    printf("Cells of %s, harness aside; the last two columns are ours by the "
           "others'.\n\n| %-28s |",
           j->device->name, "kernel");
    for (int w = 0; w < WAYS; w++)
        printf(" adders | %6s |", words[w]);
    printf(" naive | greedy |\n|---|---|---|---|---|---|---|---|---|\n");
}

static struct kernel total(const struct job *j)
{
    struct kernel t = {.name = "total"};
    for (int i = 0; i < j->n; i++)
        for (int w = 0; w < WAYS; w++) {
            t.adders[w] += j->row[i].adders[w];
            t.cells[w] += j->row[i].cells[w];
            t.predicted[w] += j->row[i].predicted[w];
        }
    return t;
}

/* Predictions of all that were predicted. */
static struct loom_accuracy accuracy(const struct job *j)
{
    double *guess = loom_malloc((size_t)(j->n * WAYS + 1) * sizeof(*guess));
    double *real = loom_malloc((size_t)(j->n * WAYS + 1) * sizeof(*real));
    int n = 0;
    for (int i = 0; i < j->n; i++)
        for (int w = GREEDY; w < WAYS; w++) {
            guess[n] = j->row[i].predicted[w];
            real[n++] = j->row[i].cells[w];
        }
    struct loom_accuracy a = loom_accuracy_of(guess, real, n);
    free(guess);
    free(real);
    return a;
}

static json_t *row_json(const struct kernel *k)
{
    json_t *o = json_pack("{s:s}", "name", k->name);
    for (int w = 0; w < WAYS; w++)
        json_object_set_new(o, words[w],
                            json_pack("{s:i,s:i,s:i,s:i}", "adders",
                                      k->adders[w], "cells", k->cells[w],
                                      "predicted", k->predicted[w],
                                      "latency_cycles", k->latency[w]));
    return o;
}

static int answer(const struct job *j)
{
    struct kernel t = total(j);
    struct loom_accuracy a = accuracy(j);
    if (!j->json) {
        print_row(&t);
        if (isfinite(a.median) && isfinite(a.rank))
            printf(
                "\nCells as predicted, of the %d designs that are not naive: "
                "%.1f %% off in the\nmedian, %.1f %% at worst, rank "
                "correlation %.4f.\n",
                2 * j->n, 100 * a.median, 100 * a.worst, a.rank);
        return CLI_DONE;
    }
    json_t *rows = json_array();
    for (int i = 0; i < j->n; i++)
        json_array_append_new(rows, row_json(&j->row[i]));
    return cli_print_json(json_pack(
        "{s:s,s:s,s:o,s:o}", "schema", "bitloom/bench_kernels/1", "device",
        j->device->name, "total", row_json(&t), "kernels", rows));
}

static int parse(int argc, char **argv, struct job *j)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'},
        {"time", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct loom_errmsg e = {""};
    int c, status = CLI_DONE;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?')
            return cli_usage("bench", "wrong option");
        if (c == 'd' && !(j->device = loom_device_get(optarg, &e)))
            return cli_fail(LOOM_ERR_ARG, &e);
        if (c == 't')
            status = cli_number("bench", "--time", optarg, 0.01, 1e6, false,
                                &j->seconds);
        if (status != CLI_DONE)
            return status;
        j->json |= c == 'j';
    }
    if (!j->device)
        return cli_usage("bench", "--device DEV is needed");
    return optind < argc ? CLI_DONE
                         : cli_usage("bench", "name files of matrices");
}

int bench_kernels(int argc, char **argv)
{
    struct job j = {0};
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &j), err = 0;
    if (status != CLI_DONE)
        return status;
    if (!j.json)
        print_head(&j);
    for (int k = optind; !err && k < argc; k++) {
        err = count_kernel(&j, argv[k], &e);
        if (!err && !j.json)
            print_row(&j.row[j.n - 1]);
    }
    status = err ? cli_fail(err, &e) : answer(&j);
    free(j.row);
    return status;
}
