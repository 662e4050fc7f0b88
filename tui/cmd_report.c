/* bitloom report: runs as one page of HTML. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/file.h"
#include "engine/layer.h"
#include "engine/mem.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/report.h"

enum { MAX_LAYERS = 256, MAX_RUNS = 16 };

static int parse(int argc, char **argv, struct cli_out_args *a)
{
    int status = cli_out_parse(argc, argv, a);
    if (status != CLI_DONE)
        return status;
    if (optind == argc)
        return cli_usage(argv[0], "which RUN?");
    if (argc - optind > MAX_RUNS)
        return cli_usage(argv[0], "at most %d runs on a page", MAX_RUNS);
    if (!a->out)
        return cli_usage(argv[0],
                         "where to? name the file with -o report.html");
    return CLI_DONE;
}

/* ---- the best point ---- */

static void take_maps(struct loom_model *m, struct report_run *out)
{
    out->map = loom_calloc((size_t)m->n_layers, sizeof *out->map);
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (!l->ops->weights)
            continue;
        struct loom_layer_weights w = l->ops->weights(m, l);
        struct report_map *map = &out->map[out->n_maps++];
        snprintf(map->name, sizeof map->name, "%s", l->name);
        map->rows = w.rows;
        map->cols = w.cols;
        map->bits = loom_malloc(w.rows * w.cols + 1);
        for (size_t i = 0; i < w.rows * w.cols; i++) {
            float b = loom_weight_bits(&w, i);
            map->bits[i] = b < 255.0f ? (uint8_t)b : 255;
        }
    }
}

static int read_best(struct loom_store *s, const char *id,
                     struct report_run *out, struct loom_errmsg *e)
{
    char *path;
    struct loom_checkpoint c;
    int err = loom_store_resolve(s, id, &path, e);
    if (err)
        return err;
    err = loom_checkpoint_read(path, &c, e);
    free(path);
    if (err)
        return err;
    out->layer = loom_calloc(MAX_LAYERS, sizeof *out->layer);
    loom_model_prepare(c.model, LOOM_MODE_EVAL);
    loom_model_ebops(c.model, 0.0f, NULL);
    out->n_layers = loom_model_describe(c.model, out->layer, MAX_LAYERS);
    take_maps(c.model, out);
    loom_checkpoint_deinit(&c);
    return 0;
}

/* All of one run. A best point that cannot be read is said on the page: the
 * rest is worth reading. */
static int read_run(struct loom_store *s, const char *id,
                    struct loom_store_run *run, struct report_run *out,
                    struct loom_errmsg *e)
{
    int err = loom_store_get(s, id, run, e);
    if (err)
        return err;
    err = loom_store_epochs(s, id, &out->epoch, &out->n_epochs, e);
    if (!err)
        err = loom_store_points(s, id, true, &out->point, &out->n_points, e);
    if (!err)
        err = loom_store_builds(s, id, &out->build, &out->n_builds, e);
    if (!err && run->best_epoch)
        read_best(s, id, out, &out->why);
    return err;
}

static int write_page(struct loom_store *s, const struct cli_out_args *a,
                      char **id, size_t n, struct loom_errmsg *e)
{
    struct loom_store_run *run = loom_calloc(n, sizeof *run);
    struct report_run *more = loom_calloc(n, sizeof *more);
    struct loom_store_cost *cost = NULL;
    size_t got = 0, n_costs = 0;
    int err = loom_store_costs(s, &cost, &n_costs, e);
    while (!err && got < n) {
        err = read_run(s, id[got], &run[got], &more[got], e);
        got += !err;
    }
    struct runs_data *d = runs_data_new(run, got, cost, n_costs);
    if (!err) {
        char *page = report_make(d->row, more, (int)n);
        err = loom_file_write(a->out, page, strlen(page), e);
        free(page);
    }
    for (size_t i = 0; i < n; i++)
        report_run_deinit(&more[i]);
    free(more);
    runs_data_free(d);
    return err;
}

int cmd_report(int argc, char **argv)
{
    struct cli_out_args a;
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &a), err;
    if (status != CLI_DONE)
        return status;
    struct loom_store *s = loom_store_open(a.store, LOOM_STORE_READ, &err, &e);
    if (!s)
        return cli_fail(err, &e);
    err = write_page(s, &a, argv + optind, (size_t)(argc - optind), &e);
    loom_store_close(s);
    if (err)
        return cli_fail(err, &e);
    if (a.json)
        return cli_print_json(json_pack("{ss ss si}", "schema",
                                        "bitloom/report/1", "report", a.out,
                                        "runs", argc - optind));
    printf("%s\n", a.out);
    return CLI_DONE;
}
