/* bitloom calibrate: what cells cost in bits, fitted to networks whose cells
 * were counted. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/file.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "fpga_flow/measure.h"
#include "fpga_flow/price.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"
#include "tui/model_arg.h"

struct job {
    const struct loom_device *device;
    const char *store; /* NULL: the default */
    bool json, quiet;
    int n, n_builds; /* rows; those of the store's builds, which come first */
    struct loom_price_row *row;
    char **name; /* [n] owned, also the rows' groups */
};

static void free_job(struct job *j)
{
    for (int k = 0; k < j->n; k++)
        free(j->name[k]);
    free(j->name);
    free(j->row);
}

/* Parts of the model of a checkpoint, and its cells. */
static int add_row(struct job *j, struct loom_model *m, const char *name,
                   int cells, struct loom_errmsg *e)
{
    size_t n = (size_t)j->n + 1;
    if (cells < 1)
        return loom_fail(e, LOOM_ERR_RANGE, "%s takes no cells", name);
    j->row = loom_realloc(j->row, n * sizeof(*j->row));
    j->name = loom_realloc(j->name, n * sizeof(*j->name));
    j->name[j->n] = loom_strdup(name);
    j->row[j->n] =
        (struct loom_price_row){.cells = cells, .group = j->name[j->n]};
    loom_model_prepare(m, LOOM_MODE_EVAL);
    loom_cost_parts(m, j->row[j->n++].part);
    return 0;
}

/* ---- builds of the store ------------------------------------------------- */

/* Cells of a report, if it is of the family and of the usual depth; else 0. */
static int report_cells(const struct job *j, const char *report)
{
    json_t *o = json_loads(report, 0, NULL);
    const char *name = json_string_value(json_object_get(o, "device"));
    const struct loom_device *d = name ? loom_device_find(name) : NULL;
    json_int_t levels = json_integer_value(json_object_get(o, "levels"));
    json_int_t lc =
        json_integer_value(json_object_get(json_object_get(o, "cells"), "lc"));
    json_decref(o);
    bool usual =
        d && d->family == j->device->family && levels == LOOM_PIPELINE_LEVELS;
    return usual && lc > 0 && lc < 1 << 24 ? (int)lc : 0;
}

/* A network that is gone, or cannot be read, says nothing. */
static void add_build(struct job *j, struct loom_store *s,
                      const struct loom_store_build *b)
{
    struct loom_errmsg ignored;
    struct loom_checkpoint c;
    int cells = report_cells(j, b->report);
    char *what = loom_asprintf("%s@%d", b->run, b->epoch), *path = NULL;
    if (cells && !loom_store_resolve(s, what, &path, &ignored) &&
        !loom_checkpoint_read(path, &c, &ignored)) {
        add_row(j, c.model, b->run, cells, &ignored);
        loom_checkpoint_deinit(&c);
    }
    free(path);
    free(what);
}

static int add_builds(struct job *j, struct loom_errmsg *e)
{
    struct loom_store_run *run = NULL;
    size_t n_runs = 0;
    int err = 0;
    struct loom_store *s = loom_store_open(j->store, LOOM_STORE_READ, &err, e);
    if (!s)
        return err == LOOM_ERR_MISSING ? 0 : err;
    err = loom_store_list(s, NULL, &run, &n_runs, e);
    for (size_t r = 0; !err && r < n_runs; r++) {
        struct loom_store_build *b = NULL;
        size_t n = 0;
        err = loom_store_builds(s, run[r].id, &b, &n, e);
        for (size_t k = 0; !err && k < n; k++)
            add_build(j, s, &b[k]);
        loom_store_builds_free(b, n);
    }
    loom_store_runs_free(run, n_runs);
    loom_store_close(s);
    j->n_builds = j->n;
    return err;
}

/* ---- networks that are named --------------------------------------------- */

static int add_model(struct job *j, const char *arg, struct loom_errmsg *e)
{
    struct cli_model m;
    struct loom_cells cells;
    int err = cli_model_open(arg, j->store, &m, e);
    if (err)
        return err;
    if (!m.model)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: only the integers are known; name a checkpoint "
                        "or a run",
                        arg);
    if (!err)
        err = cli_model_freeze(&m, e);
    if (!err)
        err = loom_measure_net(
            &(struct loom_measured_net){.net = m.net,
                                        .device = j->device,
                                        .levels = LOOM_PIPELINE_LEVELS,
                                        .cancel = flow_interrupts()},
            &cells, NULL, e);
    if (!err)
        err = add_row(j, m.model, m.name, cells.lc, e);
    if (!err && !j->json && !j->quiet)
        printf("%-32s %7d %s measured\n", m.name, cells.lc,
               loom_price_unit(j->device->family));
    fflush(stdout);
    cli_model_close(&m);
    return err;
}

/* ---- the answer ---------------------------------------------------------- */

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *rows_json(const struct job *j, const struct loom_cost *c)
{
    json_t *a = json_array();
    for (int k = 0; k < j->n; k++)
        json_array_append_new(
            a, json_pack("{s:s,s:s,s:f,s:f}", "name", j->name[k], "from",
                         k < j->n_builds ? "build" : "synthesis", "cells",
                         j->row[k].cells, "estimated",
                         loom_price_cells(c, &j->row[k])));
    return a;
}

static void print_text(const struct job *j, const struct loom_cost *c,
                       const struct loom_accuracy *error)
{
    char *path = loom_price_path(j->device->family);
    printf("%d networks: %d built, %d by synthesis and packing\n", j->n,
           j->n_builds, j->n - j->n_builds);
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        printf("%-9s %8.4f %s\n", loom_cost_word(p), c->price[p], c->unit);
    printf("%-9s %8.1f %s\n", "fixed", c->fixed, c->unit);
    if (isfinite(error->median))
        printf("each priced by the others: %.1f %% off in the median, %.1f %% "
               "at worst, rank correlation %.3f\n",
               100 * error->median, 100 * error->worst, error->rank);
    printf("written to %s\n", path);
    free(path);
}

static int fit(const struct job *j, struct loom_errmsg *e)
{
    struct loom_cost before, c;
    int err;
    loom_price_shipped(j->device, &before);
    loom_price_fit(j->row, j->n, &before, &c);
    struct loom_accuracy error = loom_price_check(j->row, j->n, &before);
    err = loom_price_write(j->device->family, &c, j->n, &error, e);
    if (err)
        return err;
    if (!j->json) {
        if (!j->quiet)
            print_text(j, &c, &error);
        return 0;
    }
    return cli_print_json(json_pack(
        "{s:s,s:s,s:i,s:i,s:o,s:{s:o,s:o,s:o},s:o}", "schema",
        "bitloom/calibrate/1", "device", j->device->name, "networks", j->n,
        "builds", j->n_builds, "cost", loom_cost_to_json(&c), "error", "median",
        number(error.median), "worst", number(error.worst), "rank",
        number(error.rank), "rows", rows_json(j, &c)));
}

static int calibrate(struct job *j, char **models, int n)
{
    struct loom_errmsg e = {""};
    int err = add_builds(j, &e);
    for (int k = 0; !err && k < n; k++)
        err = add_model(j, models[k], &e);
    if (!err && !j->n)
        err = loom_fail(&e, LOOM_ERR_MISSING,
                        "the store has no build for the family of %s; build "
                        "a run, or name MODELs whose cells are to be counted",
                        j->device->name);
    if (!err)
        err = fit(j, &e);
    return err ? cli_fail(err, &e) : CLI_DONE;
}

int cmd_calibrate(int argc, char **argv)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'},
        {"store", required_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0}};
    struct job j = {0};
    struct loom_errmsg e = {""};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "q", options, NULL)) != -1) {
        if (c == '?')
            return cli_usage(argv[0], "wrong option");
        if (c == 'd' && !(j.device = loom_device_get(optarg, &e)))
            return cli_fail(LOOM_ERR_ARG, &e);
        if (c == 'S')
            j.store = optarg;
        j.json |= c == 'j';
        j.quiet |= c == 'q';
    }
    if (!j.device)
        return cli_usage(argv[0], "--device DEV is needed");
    int status = calibrate(&j, argv + optind, argc - optind);
    free_job(&j);
    return status;
}
