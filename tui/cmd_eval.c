/* bitloom eval: outputs and score of a network, in float and in integers. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/dataset.h"
#include "engine/mem.h"
#include "engine/npy.h"
#include "engine/trainer.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/model_arg.h"

struct eval {
    const char **data, *map;
    size_t n_data;
    const char *labels, *out, *store;
    bool exact, json;
    struct cli_model m;
    struct cli_rows rows;
    size_t n_out;
    float *fz, *ez; /* outputs: float, integers as float; NULL not asked */
    long mismatches;
};

static int compute(struct eval *v, struct loom_errmsg *e)
{
    size_t n = v->rows.n;
    bool exact = v->exact || !v->m.model;
    int err = exact ? cli_model_freeze(&v->m, e) : 0;
    if (err)
        return err;
    v->n_out = v->m.model ? v->m.model->layer[v->m.model->output].n
                          : v->m.net->out_size;
    if (v->m.model) {
        v->fz = loom_calloc(n * v->n_out, sizeof(float));
        err = loom_model_predict(v->m.model, v->rows.x, n, v->fz, e);
    }
    if (err || !exact)
        return err;
    int64_t *q = cli_rows_quantize(&v->rows, v->m.net, e);
    if (!q)
        return LOOM_ERR_NAN;
    int64_t *y = loom_calloc(n * v->n_out, sizeof(*y));
    v->ez = loom_calloc(n * v->n_out, sizeof(float));
    loom_exact_run(v->m.net, q, n, y);
    loom_exact_to_float(v->m.net, y, n, v->ez);
    for (size_t j = 0; v->fz && j < n * v->n_out; j++)
        v->mismatches += v->fz[j] != v->ez[j];
    free(q);
    free(y);
    return 0;
}

static double info_number(const json_t *info, const char *name, double standard)
{
    const json_t *j = json_object_get(info, name);
    return json_is_number(j) ? json_number_value(j) : standard;
}

/* The metric of outputs z; NaN without labels. */
static int score(const struct eval *v, const float *z, const char **metric,
                 double *value, struct loom_errmsg *e)
{
    const json_t *info = v->m.info;
    const char *loss = json_string_value(json_object_get(info, "loss"));
    bool classes = !loss || !strcmp(loss, "cross_entropy");
    struct loom_dataset d = {.n_out = v->n_out};
    struct loom_rows rows = {.rows = v->rows.n};
    *metric = classes ? "accuracy" : "rms";
    *value = NAN;
    if (!v->rows.y || !z)
        return 0;
    if (v->rows.y_width != (classes ? 1 : v->n_out))
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "the labels have %zu numbers a row, not %zu",
                         v->rows.y_width, classes ? 1 : v->n_out);
    d.target_scale = (float)info_number(info, "target_scale", 1);
    if (classes) {
        rows.y = loom_calloc(rows.rows, sizeof(int));
        for (size_t r = 0; r < rows.rows; r++) {
            float y = v->rows.y[r];
            rows.y[r] = (int)y;
            if (!(y >= 0 && y < (float)v->n_out) || y != floorf(y)) {
                free(rows.y);
                return loom_fail(e, LOOM_ERR_SHAPE,
                                 "label %g in row %zu: classes are 0 to %zu",
                                 (double)y, r, v->n_out - 1);
            }
        }
    }
    rows.t = v->rows.y;
    *value =
        loom_score_outputs(&d, &rows, classes ? LOOM_CROSS_ENTROPY : LOOM_MSE,
                           info_number(info, "outlier_cut", 0), z)
            .metric;
    free(rows.y);
    return 0;
}

static int write_out(const struct eval *v, struct loom_errmsg *e)
{
    if (!v->out)
        return 0;
    return loom_npy_write_f32(v->out, v->ez ? v->ez : v->fz, 2,
                              (size_t[]){v->rows.n, v->n_out}, e);
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static int report(const struct eval *v, const char *metric, double value,
                  double float_value)
{
    if (v->json)
        return cli_print_json(json_pack(
            "{s:s,s:s,s:I,s:s,s:o,s:o,s:I}", "schema", "bitloom/eval/1",
            "model", v->m.path, "samples", (json_int_t)v->rows.n, "metric",
            metric, "value", number(value), "float_value", number(float_value),
            "mismatches", (json_int_t)v->mismatches));
    printf("%s: %zu rows\n", v->m.name, v->rows.n);
    if (isfinite(float_value))
        printf("  float     %s %.6g\n", metric, float_value);
    if (v->ez) {
        if (isfinite(value))
            printf("  integers  %s %.6g\n", metric, value);
        if (v->fz)
            printf("  %ld of %zu outputs differ\n", v->mismatches,
                   v->rows.n * v->n_out);
    }
    return CLI_DONE;
}

/* --map 0,1,4,2,3: label k of the file is that output of the network. */
static int map_labels(struct eval *v, struct loom_errmsg *e)
{
    float to[256];
    size_t n = 0;
    const char *p = v->map;
    while (*p && n < 256) {
        char *end;
        long k = strtol(p, &end, 10);
        if (end == p || k < 0 || k > 65535 || (*end && *end != ','))
            return loom_fail(e, LOOM_ERR_ARG,
                             "--map %s: expected numbers of outputs, as "
                             "0,1,4,2,3",
                             v->map);
        to[n++] = (float)k;
        p = *end ? end + 1 : end;
    }
    for (size_t r = 0; v->rows.y && r < v->rows.n; r++) {
        float y = v->rows.y[r];
        if (v->rows.y_width != 1 || !(y >= 0 && y < (float)n) || y != floorf(y))
            return loom_fail(e, LOOM_ERR_ARG,
                             "--map %s: label %g in row %zu is not among its "
                             "%zu",
                             v->map, (double)y, r, n);
        v->rows.y[r] = to[(size_t)y];
    }
    return 0;
}

static int run(struct eval *v, const char *model)
{
    struct loom_errmsg e = {""};
    const char *metric = "";
    double value = NAN, float_value = NAN;
    int err = cli_model_open(model, v->store, &v->m, &e);
    if (!err)
        err = cli_rows_read(&v->m, v->data, v->n_data, v->labels, &v->rows, &e);
    if (!err && v->map)
        err = map_labels(v, &e);
    if (!err && !v->rows.n)
        err = loom_fail(&e, LOOM_ERR_ARG,
                        "eval: no rows: name them with --data X.npy");
    if (!err)
        err = compute(v, &e);
    if (!err)
        err = score(v, v->fz, &metric, &float_value, &e);
    if (!err)
        err = score(v, v->ez, &metric, &value, &e);
    if (!err)
        err = write_out(v, &e);
    if (err)
        return cli_fail(err, &e);
    if (!v->ez)
        value = float_value;
    int status = report(v, metric, value, float_value);
    return v->mismatches ? CLI_FAILED : status;
}

int cmd_eval(int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"labels", required_argument, NULL, 'l'},
        {"map", required_argument, NULL, 'm'},
        {"exact", no_argument, NULL, 'x'},
        {"out", required_argument, NULL, 'o'},
        {"store", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct eval v = {.data = loom_calloc((size_t)argc, sizeof(*v.data))};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            v.data[v.n_data++] = optarg;
            break;
        case 'l':
            v.labels = optarg;
            break;
        case 'm':
            v.map = optarg;
            break;
        case 'x':
            v.exact = true;
            break;
        case 'o':
            v.out = optarg;
            break;
        case 's':
            v.store = optarg;
            break;
        case 'j':
            v.json = true;
            break;
        default:
            return cli_usage("eval", "wrong option");
        }
    }
    if (optind + 1 != argc)
        return cli_usage("eval", "one MODEL is needed");
    int status = run(&v, argv[optind]);
    cli_rows_free(&v.rows);
    cli_model_close(&v.m);
    free(v.data);
    free(v.fz);
    free(v.ez);
    return status;
}
