/* bitloom bench target: the prices behind predicted cells, fitted to designs
 * whose cells are counted. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/accuracy.h"
#include "fpga_flow/measure.h"
#include "fpga_flow/regress.h"
#include "tui/bench.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"
#include "tui/model_arg.h"

enum { N = LOOM_CONSTRUCTS };

/* A design that was counted. */
struct row {
    char name[64];
    int levels;
    bool network; /* else a micro-benchmark */
    struct loom_census census;
    struct loom_cells measured, predicted;
    double fitted[2]; /* LUT4 and cells, a network's by all but itself */
};

enum { LUT4, LC };

struct job {
    const struct loom_device *device;
    const char *store, *out;
    bool json, quiet;
    int levels, n;
    struct row *row;
    double price[2][N];
};

static double measured(const struct row *r, int what)
{
    return what == LUT4 ? r->measured.lut4 : r->measured.lc;
}

static double predicted(const struct row *r, int what)
{
    return what == LUT4 ? r->predicted.lut4 : r->predicted.lc;
}

/* ---- counting ------------------------------------------------------------ */

static int count(struct job *j, const struct loom_exact *net, const char *name,
                 int levels, bool network, struct loom_errmsg *e)
{
    struct row r = {.levels = levels, .network = network};
    struct loom_design *d = NULL;
    int err = loom_measure_net(
        &(struct loom_measured_net){.net = net,
                                    .device = j->device,
                                    .levels = levels,
                                    .cancel = flow_interrupts()},
        &r.measured, &d, e);
    if (!err) {
        snprintf(r.name, sizeof(r.name), "%s", name);
        r.census = loom_target_count(d, -1);
        r.predicted = loom_target_predict(d, -1);
        j->row = loom_realloc(j->row, (size_t)(j->n + 1) * sizeof(*j->row));
        j->row[j->n++] = r;
        if (!j->quiet)
            printf("%-32s %6d LUT4 (~%d) %6d LC (~%d)\n", r.name,
                   r.measured.lut4, r.predicted.lut4, r.measured.lc,
                   r.predicted.lc);
        fflush(stdout);
    }
    loom_design_destroy(d);
    return err;
}

static int count_micros(struct job *j, struct loom_errmsg *e)
{
    int err = 0;
    for (int k = 0; !err; k++) {
        char name[48];
        struct loom_exact *net = bench_micro(k, name, e);
        if (!name[0])
            break;
        err = net ? count(j, net, name, LOOM_PIPELINE_LEVELS, false, e)
                  : loom_fail_prefix(e, LOOM_ERR_RANGE, "%s", name);
        loom_exact_destroy(net);
    }
    return err;
}

static int count_network(struct job *j, const char *arg, struct loom_errmsg *e)
{
    struct cli_model m;
    int err = cli_model_open(arg, j->store, &m, e);
    if (err)
        return err;
    err = cli_model_freeze(&m, e);
    if (!err)
        err = count(j, m.net, m.name, j->levels, true, e);
    cli_model_close(&m);
    return err;
}

/* ---- fitting --------------------------------------------------------------
 */

/* Prices of LUT4s or cells, by all rows but one (NULL: by all). */
static void fit(const struct job *j, int what, const struct row *without,
                double price[N])
{
    double *x = loom_malloc((size_t)j->n * N * sizeof(*x)), before[N];
    double *y = loom_malloc((size_t)j->n * sizeof(*y));
    int n = 0;
    for (int k = 0; k < N; k++) {
        const struct loom_construct_price *p = &j->device->family->price[k];
        before[k] = what == LUT4 ? p->lut4 : p->lc;
    }
    for (int i = 0; i < j->n; i++) {
        if (&j->row[i] == without)
            continue;
        for (int k = 0; k < N; k++)
            x[n * N + k] = j->row[i].census.count[k];
        y[n++] = measured(&j->row[i], what);
    }
    loom_regress_fit(
        &(struct loom_regress){
            .n = n, .n_x = N, .x = x, .y = y, .before = before},
        price);
    free(x);
    free(y);
}

static void fit_all(struct job *j)
{
    for (int what = LUT4; what <= LC; what++) {
        fit(j, what, NULL, j->price[what]);
        for (int i = 0; i < j->n; i++) {
            double price[N], *use = j->price[what];
            if (j->row[i].network) {
                fit(j, what, &j->row[i], price);
                use = price;
            }
            for (int k = 0; k < N; k++)
                j->row[i].fitted[what] += use[k] * j->row[i].census.count[k];
        }
    }
}

/* Of the networks: as predicted now, or as fitted. */
static struct loom_accuracy accuracy(const struct job *j, int what, bool fitted)
{
    double *guess = loom_malloc((size_t)(j->n + 1) * sizeof(*guess));
    double *real = loom_malloc((size_t)(j->n + 1) * sizeof(*real));
    int n = 0;
    for (int i = 0; i < j->n; i++)
        if (j->row[i].network) {
            const struct row *r = &j->row[i];
            guess[n] = fitted ? r->fitted[what] : predicted(r, what);
            real[n++] = measured(r, what);
        }
    struct loom_accuracy a = loom_accuracy_of(guess, real, n);
    free(guess);
    free(real);
    return a;
}

/* ---- the answer ---------------------------------------------------------- */

static void print_text(const struct job *j)
{
    static const char *const words[] = {"LUT4", "LC"};
    const struct loom_family *f = j->device->family;
    printf("\n%-10s %15s %15s\n%-10s %7s %7s %7s %7s\n", "", "LUT4", "LC",
           "construct", "is", "fitted", "is", "fitted");
    for (int k = 0; k < N; k++)
        printf("%-10s %7.3f %7.3f %7.3f %7.3f\n",
               loom_construct_word((enum loom_construct)k), f->price[k].lut4,
               j->price[LUT4][k], f->price[k].lc, j->price[LC][k]);
    for (int what = LUT4; what <= LC; what++)
        for (int fitted = 0; fitted < 2; fitted++) {
            struct loom_accuracy a = accuracy(j, what, fitted);
            if (isfinite(a.median))
                printf("%-4s of networks, %s: %.1f %% off in the median, %.1f "
                       "%% at worst, rank correlation %.4f\n",
                       words[what],
                       fitted ? "fitted to all others" : "as it is",
                       100 * a.median, 100 * a.worst, a.rank);
        }
}

static json_t *accuracy_json(struct loom_accuracy a)
{
    if (!isfinite(a.median) || !isfinite(a.rank))
        return json_null();
    return json_pack("{s:f,s:f,s:f}", "median", a.median, "worst", a.worst,
                     "rank", a.rank);
}

static json_t *row_json(const struct row *r)
{
    json_t *census = json_object();
    for (int k = 0; k < N; k++)
        json_object_set_new(census, loom_construct_word((enum loom_construct)k),
                            json_integer(r->census.count[k]));
    return json_pack(
        "{s:s,s:b,s:i,s:o,s:{s:i,s:i,s:i,s:i},s:{s:i,s:i},s:{s:f,s:f}}", "name",
        r->name, "network", r->network, "levels", r->levels, "constructs",
        census, "measured", "lut4", r->measured.lut4, "carry",
        r->measured.carry, "ff", r->measured.ff, "lc", r->measured.lc,
        "predicted", "lut4", r->predicted.lut4, "lc", r->predicted.lc, "fitted",
        "lut4", r->fitted[LUT4], "lc", r->fitted[LC]);
}

static json_t *to_json(const struct job *j)
{
    const struct loom_family *f = j->device->family;
    json_t *rows = json_array(), *prices = json_object();
    for (int i = 0; i < j->n; i++)
        json_array_append_new(rows, row_json(&j->row[i]));
    for (int k = 0; k < N; k++)
        json_object_set_new(prices, loom_construct_word((enum loom_construct)k),
                            json_pack("{s:f,s:f,s:f,s:f}", "lut4",
                                      f->price[k].lut4, "lut4_fitted",
                                      j->price[LUT4][k], "lc", f->price[k].lc,
                                      "lc_fitted", j->price[LC][k]));
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "schema",
                     "bitloom/bench_target/1", "device", j->device->name,
                     "prices", prices, "lut4", accuracy_json(accuracy(j, 0, 0)),
                     "lut4_fitted", accuracy_json(accuracy(j, 0, 1)), "lc",
                     accuracy_json(accuracy(j, 1, 0)), "lc_fitted",
                     accuracy_json(accuracy(j, 1, 1)), "rows", rows);
}

static int answer(const struct job *j, struct loom_errmsg *e)
{
    json_t *o = to_json(j);
    int err = 0;
    if (j->out) {
        char *text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
        err = loom_file_write(j->out, text, strlen(text), e);
        free(text);
    }
    if (!j->quiet)
        print_text(j);
    if (!err && j->json)
        return cli_print_json(o);
    json_decref(o);
    return err ? cli_fail(err, e) : CLI_DONE;
}

static int parse(int argc, char **argv, struct job *j)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'},
        {"levels", required_argument, NULL, 'l'},
        {"store", required_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0}};
    struct loom_errmsg e = {""};
    int c, status = CLI_DONE;
    double levels = j->levels;
    optind = 1;
    while ((c = getopt_long(argc, argv, "o:q", options, NULL)) != -1) {
        if (c == '?')
            return cli_usage("bench", "wrong option");
        if (c == 'd' && !(j->device = loom_device_get(optarg, &e)))
            return cli_fail(LOOM_ERR_ARG, &e);
        if (c == 'l')
            status =
                cli_number("bench", "--levels", optarg, 0, 100, true, &levels);
        if (status != CLI_DONE)
            return status;
        if (c == 'o')
            j->out = optarg;
        if (c == 'S')
            j->store = optarg;
        j->json |= c == 'j';
        j->quiet |= c == 'q' || c == 'j';
    }
    j->levels = (int)levels;
    return j->device ? CLI_DONE : cli_usage("bench", "--device DEV is needed");
}

int bench_target(int argc, char **argv)
{
    struct job j = {.levels = LOOM_PIPELINE_LEVELS};
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &j);
    if (status != CLI_DONE)
        return status;
    int err = 0;
    for (int k = optind; !err && k < argc; k++)
        err = count_network(&j, argv[k], &e);
    if (!err)
        err = count_micros(&j, &e);
    if (!err)
        fit_all(&j);
    status = err ? cli_fail(err, &e) : answer(&j, &e);
    free(j.row);
    return status;
}
