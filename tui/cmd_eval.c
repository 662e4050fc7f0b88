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
    const char *labels, *label, *out, *store;
    bool exact, json, raw;
    struct cli_model m;
    struct cli_rows rows;
    size_t n_out;
    float *fz, *ez; /* outputs: float, integers as float; NULL not asked */
    long mismatches;
    struct loom_goal goal;
    struct loom_dataset d; /* its shape and scale only */
    struct loom_rows truth;
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

/* Labels (or targets) as scores want them; without any, rows is 0. */
static int read_truth(struct eval *v, struct loom_errmsg *e)
{
    const json_t *scale = json_object_get(v->m.info, "target_scale");
    v->goal = loom_goal_from_json(v->m.info);
    v->d = (struct loom_dataset){
        .n_out = v->n_out, .target_scale = (float)json_number_value(scale)};
    bool classes = loom_loss_of_classes(v->goal.loss);
    if (!v->rows.y)
        return 0;
    if (v->rows.y_width != (classes ? 1 : v->n_out))
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "the labels have %zu numbers a row, not %zu",
                         v->rows.y_width, classes ? 1 : v->n_out);
    v->truth = (struct loom_rows){.rows = v->rows.n, .t = v->rows.y};
    if (classes)
        v->truth.y = loom_calloc(v->rows.n, sizeof(int));
    for (size_t r = 0; classes && r < v->rows.n; r++) {
        float y = v->rows.y[r];
        if (!(y >= 0 && y < (float)v->n_out) || y != floorf(y))
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "label %g in row %zu: classes are 0 to %zu",
                             (double)y, r, v->n_out - 1);
        v->truth.y[r] = (int)y;
    }
    return 0;
}

/* The metric of outputs z; NaN without labels. */
static double score(const struct eval *v, const float *z)
{
    return v->truth.rows && z
               ? loom_score_outputs(&v->goal, &v->d, &v->truth, z).metric
               : (double)NAN;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void put_classes(const struct eval *v, const float *z, json_t *into)
{
    size_t n = v->n_out;
    double *accuracy = loom_calloc(n, sizeof(*accuracy));
    double *auc = loom_calloc(n, sizeof(*auc));
    json_t *list = json_array();
    loom_class_accuracy(v->truth.rows, n, z, v->truth.y, accuracy);
    loom_auc(v->truth.rows, n, z, v->truth.y, auc);
    for (size_t c = 0; c < n; c++)
        json_array_append_new(list, json_pack("{s:o,s:o}", "accuracy",
                                              number(accuracy[c]), "auc",
                                              number(auc[c])));
    json_object_set_new(into, "classes", list);
    json_object_set_new(into, "class_accuracy",
                        number(loom_mean_of(n, accuracy)));
    json_object_set_new(into, "auc", number(loom_mean_of(n, auc)));
    free(accuracy);
    free(auc);
}

/* All that outputs z can be judged by; empty without labels. */
static json_t *all_metrics(const struct eval *v, const float *z)
{
    json_t *j = json_object();
    struct loom_goal g = v->goal;
    bool classes = loom_loss_of_classes(g.loss);
    if (!v->truth.rows || !z)
        return j;
    for (int m = LOOM_ACCURACY; m < LOOM_N_METRICS; m++) {
        g.metric = (enum loom_metric)m;
        if (loom_metric_of_classes(g.metric) != classes ||
            loom_goal_needs_outputs(&g))
            continue;
        struct loom_score s = loom_score_outputs(&g, &v->d, &v->truth, z);
        json_object_set_new(j, loom_metric_word(g.metric), number(s.metric));
        json_object_set_new(j, "loss", number(s.loss));
        if (s.outliers >= 0)
            json_object_set_new(j, "outliers", number(s.outliers));
    }
    if (classes)
        put_classes(v, z, j);
    return j;
}

static int write_out(const struct eval *v, struct loom_errmsg *e)
{
    if (!v->out)
        return 0;
    return loom_npy_write_f32(v->out, v->ez ? v->ez : v->fz, 2,
                              (size_t[]){v->rows.n, v->n_out}, e);
}

static int report(const struct eval *v, double value, double float_value)
{
    const char *metric = loom_metric_word(loom_goal_metric(&v->goal));
    if (v->json)
        return cli_print_json(json_pack(
            "{s:s,s:s,s:I,s:s,s:o,s:o,s:I,s:o}", "schema", "bitloom/eval/1",
            "model", v->m.path, "samples", (json_int_t)v->rows.n, "metric",
            metric, "value", number(value), "float_value", number(float_value),
            "mismatches", (json_int_t)v->mismatches, "metrics",
            all_metrics(v, v->ez ? v->ez : v->fz)));
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
    int err = cli_model_open(model, v->store, &v->m, &e);
    if (!err)
        err = cli_rows_read(&v->m, v->data, v->n_data, v->labels, v->label,
                            &v->rows, &e);
    if (!err && v->raw)
        err = cli_rows_standardize(&v->m, &v->rows, &e);
    if (!err && v->map)
        err = map_labels(v, &e);
    if (!err && !v->rows.n)
        err = loom_fail(&e, LOOM_ERR_ARG,
                        "eval: no rows: name them with --data X.npy");
    if (!err)
        err = compute(v, &e);
    if (!err)
        err = read_truth(v, &e);
    if (!err)
        err = write_out(v, &e);
    if (err)
        return cli_fail(err, &e);
    double float_value = score(v, v->fz);
    int status = report(v, v->ez ? score(v, v->ez) : float_value, float_value);
    return v->mismatches ? CLI_FAILED : status;
}

int cmd_eval(int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"labels", required_argument, NULL, 'l'},
        {"label", required_argument, NULL, 'c'},
        {"raw", no_argument, NULL, 'r'},
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
        case 'c':
            v.label = optarg;
            break;
        case 'r':
            v.raw = true;
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
    free(v.truth.y);
    return status;
}
