/* bitloom eval: outputs and score of a network, in float and in integers. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/aim.h"
#include "engine/dataset.h"
#include "engine/mem.h"
#include "engine/npy.h"
#include "engine/trainer.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/model_arg.h"

struct eval {
    const char **data, **labels, *map;
    size_t n_data, n_labels;
    const char *label, *out, *store;
    bool exact, json, raw;
    struct cli_model m;
    struct cli_rows rows;
    size_t n_out;
    float *fz, *ez; /* outputs: float, integers as float; NULL not asked */
    long mismatches;
    struct loom_aim aim;
    struct loom_aim_part parts[LOOM_MAX_TARGETS];
    struct loom_dataset *truth; /* labels and scale only; NULL: not known */
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

/* Column `at` of the labels as the classes of d. */
static int take_classes(struct eval *v, size_t at, struct loom_dataset *d,
                        struct loom_errmsg *e)
{
    struct loom_rows *to = &d->part[LOOM_TEST];
    to->y = loom_calloc(v->rows.n + 1, sizeof(*to->y));
    for (size_t r = 0; r < v->rows.n; r++) {
        float y = v->rows.y[r * v->rows.y_width + at];
        if (!(y >= 0 && y < (float)d->n_out) || y != floorf(y))
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "label %g in row %zu: classes are 0 to %zu",
                             (double)y, r, d->n_out - 1);
        to->y[r] = (int)y;
    }
    return 0;
}

/* Labels or targets of one output, from column *at on, which moves on. */
static int take_labels(struct eval *v, const struct loom_goal *g,
                       const json_t *info, size_t *at, struct loom_dataset *d,
                       struct loom_errmsg *e)
{
    bool classes = loom_loss_of_classes(g->loss);
    size_t n = classes ? 1 : d->n_out;
    struct loom_rows *to = &d->part[LOOM_TEST];
    to->rows = v->rows.n;
    d->target_scale =
        (float)json_number_value(json_object_get(info, "target_scale"));
    int err = classes ? take_classes(v, *at, d, e) : 0;
    if (!classes)
        to->t = loom_calloc(v->rows.n * n + 1, sizeof(*to->t));
    for (size_t k = 0; to->t && k < v->rows.n * n; k++)
        to->t[k] = v->rows.y[k / n * v->rows.y_width + *at + k % n];
    *at += n;
    return err;
}

/* The goal of an output, -1: none has that name. */
static int goal_named(const struct eval *v, const char *name)
{
    for (int k = 0; k < v->aim.n; k++)
        if (!strcmp(v->aim.goal[k].output, name))
            return k;
    return v->aim.n ? -1 : 0;
}

/* The labels have a column a class, and one for every target, of n outputs. */
static int check_labels(const struct eval *v, const struct loom_output *out,
                        int n, struct loom_errmsg *e)
{
    bool several = n > 1 || (!v->m.model && v->m.net->n_outputs);
    size_t width = 0;
    for (int k = 0; k < n; k++) {
        int g = goal_named(v, out[k].name);
        if (g < 0 || several != (v->aim.n > 1))
            return loom_fail(e, LOOM_ERR_ARG,
                             "output %s: the file does not say what it is for, "
                             "so labels are of no use",
                             out[k].name);
        size_t own = loom_loss_of_classes(v->aim.goal[g].loss) ? 1 : out[k].n;
        if (v->rows.y_of[k] && v->rows.y_of[k] != own)
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "the labels of output %s have %zu numbers a row, "
                             "not %zu",
                             out[k].name, v->rows.y_of[k], own);
        width += own;
    }
    if (width != v->rows.y_width)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "the labels have %zu numbers a row, not %zu",
                         v->rows.y_width, width);
    return 0;
}

/* Labels (or targets), side by side in the order of the outputs, as scores want
 * them; without any, v->truth stays NULL. */
static int read_truth(struct eval *v, struct loom_errmsg *e)
{
    struct loom_output out[LOOM_MAX_OUTPUTS] = {{"", 0, v->n_out}};
    const json_t *each = json_object_get(v->m.info, "outputs");
    int n = v->m.model ? loom_model_outputs(v->m.model, out) : 1;
    size_t at = 0;
    v->aim = loom_aim_from_json(v->m.info);
    if (!v->rows.y)
        return 0;
    int err = check_labels(v, out, n, e);
    for (int k = 0; !err && k < n; k++) {
        int g = goal_named(v, out[k].name);
        struct loom_dataset *d = loom_dataset_new("labels", 0, out[k].n);
        d->next = v->truth;
        v->truth = d;
        if (n > 1)
            snprintf(d->output, sizeof(d->output), "%s", out[k].name);
        err = take_labels(v, &v->aim.goal[g],
                          n > 1 ? json_array_get(each, (size_t)g) : v->m.info,
                          &at, d, e);
    }
    return err ? err : loom_aim_parts(&v->aim, out, n, v->truth, v->parts, e);
}

/* The metric of outputs z; NaN without labels. */
static double score(const struct eval *v, const float *z)
{
    if (!v->truth || !z)
        return (double)NAN;
    return loom_aim_score(&v->aim, v->parts, LOOM_TEST, NULL, z, v->n_out)
        .metric;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static void put_classes(const struct loom_aim_part *p, const float *z,
                        json_t *into)
{
    size_t n = p->n;
    const struct loom_rows *truth = &p->data->part[LOOM_TEST];
    double *accuracy = loom_calloc(n, sizeof(*accuracy));
    double *auc = loom_calloc(n, sizeof(*auc));
    json_t *list = json_array();
    loom_class_accuracy(truth->rows, n, z, truth->y, accuracy);
    loom_auc(truth->rows, n, z, truth->y, auc);
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

/* All that one output, z [rows][p->n], can be judged by. */
static json_t *metrics_of(const struct loom_aim_part *p, const float *z)
{
    json_t *j = json_object();
    struct loom_goal g = *p->goal;
    const struct loom_rows *truth = &p->data->part[LOOM_TEST];
    bool classes = loom_loss_of_classes(g.loss);
    for (int m = LOOM_ACCURACY; m < LOOM_N_METRICS; m++) {
        g.metric = (enum loom_metric)m;
        if (loom_metric_of_classes(g.metric) != classes ||
            loom_goal_needs_outputs(&g))
            continue;
        struct loom_score s = loom_score_outputs(&g, p->data, truth, z);
        json_object_set_new(j, loom_metric_word(g.metric), number(s.metric));
        json_object_set_new(j, "loss", number(s.loss));
        if (s.outliers >= 0)
            json_object_set_new(j, "outliers", number(s.outliers));
    }
    if (classes)
        put_classes(p, z, j);
    return j;
}

/* Of one output its metrics; of several an object of those by their names. */
static json_t *all_metrics(const struct eval *v, const float *z)
{
    json_t *all = json_object();
    for (int k = 0; v->truth && z && k < (v->aim.n ? v->aim.n : 1); k++) {
        const struct loom_aim_part *p = &v->parts[k];
        float *own = loom_aim_columns(p, v->rows.n, z, v->n_out);
        json_t *j = metrics_of(p, own);
        free(own);
        if (v->aim.n < 2) {
            json_decref(all);
            return j;
        }
        json_object_set_new(all, p->goal->output, j);
    }
    return all;
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
    char metric[LOOM_METRIC_NAME];
    loom_aim_word(&v->aim, 0, metric);
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
        err = cli_rows_read(&v->m, v->data, v->n_data, v->labels, v->n_labels,
                            v->label, &v->rows, &e);
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
    struct eval v = {.data = loom_calloc((size_t)argc, sizeof(*v.data)),
                     .labels = loom_calloc((size_t)argc, sizeof(*v.labels))};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            v.data[v.n_data++] = optarg;
            break;
        case 'l':
            v.labels[v.n_labels++] = optarg;
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
    free(v.labels);
    free(v.fz);
    free(v.ez);
    loom_dataset_destroy(v.truth);
    return status;
}
