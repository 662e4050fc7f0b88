#include "tui/model_arg.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/checkpoint.h"
#include "engine/data_file.h"
#include "engine/dataset_build.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "fpga_flow/choose.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Files that MODEL may mean, the best first. */
struct paths {
    char **path;
    int n;
};

static void add_path(struct paths *p, char *take_path)
{
    p->path = loom_realloc(p->path, (size_t)(p->n + 1) * sizeof(*p->path));
    p->path[p->n++] = take_path;
}

static void free_paths(struct paths *p)
{
    for (int k = 0; k < p->n; k++)
        free(p->path[k]);
    free(p->path);
}

/* All points of a run's front. */
static int add_points(struct loom_store *s, const char *id, struct paths *out,
                      struct loom_errmsg *e)
{
    struct loom_store_run run;
    struct loom_store_point *p = NULL;
    size_t n = 0;
    int err = loom_store_get(s, id, &run, e);
    if (err)
        return err;
    err = loom_store_points(s, run.id, true, &p, &n, e);
    if (!err && !n)
        err = loom_fail(e, LOOM_ERR_MISSING,
                        "run %s has no point on its front yet", run.id);
    for (size_t k = 1; k < n; k++) { /* insertion: at most a hundred */
        struct loom_store_point q = p[k];
        size_t at = k;
        for (;
             at && (run.lower_is_better ? p[at - 1].val_metric > q.val_metric
                                        : p[at - 1].val_metric < q.val_metric);
             at--)
            p[at] = p[at - 1];
        p[at] = q;
    }
    for (size_t k = 0; !err && k < n; k++)
        add_path(out, loom_asprintf("%s/%s", run.dir, p[k].checkpoint));
    loom_store_run_deinit(&run);
    free(p);
    return err;
}

/* "RUN", "RUN@EPOCH", or (NULL) the newest run. */
static int find_run(const char *what, const char *store, struct paths *out,
                    struct loom_errmsg *e)
{
    int err = 0;
    char *path = NULL;
    struct loom_store *s = loom_store_open(store, LOOM_STORE_READ, &err, e);
    if (!s)
        return what ? loom_fail_prefix(e, err,
                                       "%s is no file; looking for a run", what)
                    : err;
    if (!what) {
        struct loom_store_run *runs = NULL;
        size_t n = 0;
        err = loom_store_list(s, NULL, &runs, &n, e);
        if (!err && !n)
            err = loom_fail(e, LOOM_ERR_MISSING, "%s: no runs yet", store);
        if (!err)
            err = add_points(s, runs[0].id, out, e);
        loom_store_runs_free(runs, n);
    } else if (strchr(what, '@')) {
        err = loom_store_resolve(s, what, &path, e);
        if (!err)
            add_path(out, path);
    } else {
        err = add_points(s, what, out, e);
    }
    loom_store_close(s);
    return err;
}

static int find_in_folder(const char *folder, struct paths *out,
                          struct loom_errmsg *e)
{
    char *net = loom_asprintf("%s/net.json", folder);
    char *db = loom_asprintf("%s/bitloom.db", folder);
    char *copy = loom_strdup(folder), *copy2 = loom_strdup(folder);
    int err = 0;
    if (is_file(net)) {
        add_path(out, net);
        net = NULL;
    } else if (is_file(db)) {
        err = find_run(NULL, folder, out, e);
    } else {
        err = find_run(basename(copy), dirname(copy2), out, e);
    }
    free(net);
    free(db);
    free(copy);
    free(copy2);
    return err;
}

static int find_paths(const char *arg, const char *store, struct paths *out,
                      struct loom_errmsg *e)
{
    if (is_folder(arg))
        return find_in_folder(arg, out, e);
    if (!is_file(arg) && !strchr(arg, '/'))
        return find_run(arg, store, out, e);
    add_path(out, loom_strdup(arg));
    return 0;
}

/* "…/muon-001/epoch-00040.loom" is muon-001@40, as it is written on the
 * command line; other files in a run's folder go by the folder's name, and
 * anything else by its own. */
static void name_model(struct cli_model *m)
{
    char *a = loom_strdup(m->path), *b = loom_strdup(m->path);
    char *file = basename(a), *folder = basename(dirname(b));
    int epoch;
    if (sscanf(file, "epoch-%d.loom", &epoch) == 1) {
        snprintf(m->name, sizeof(m->name), "%.50s@%d", folder, epoch);
    } else if (!strcmp(file, "last.loom") || !strcmp(file, "net.json")) {
        snprintf(m->name, sizeof(m->name), "%.63s", folder);
    } else {
        snprintf(m->name, sizeof(m->name), "%.63s", file);
        char *dot = strrchr(m->name, '.');
        if (dot && dot > m->name)
            *dot = 0;
    }
    free(a);
    free(b);
}

static int read_model(const char *path, struct cli_model *out,
                      struct loom_errmsg *e)
{
    struct loom_checkpoint c = {0};
    size_t n = strlen(path);
    int err = 0;
    out->path = loom_strdup(path);
    if (n > 5 && !strcmp(path + n - 5, ".json")) {
        out->net = loom_exact_load(path, e);
        err = out->net ? 0 : LOOM_ERR_FORMAT;
    } else {
        err = loom_checkpoint_read(path, &c, e);
    }
    out->model = c.model;
    out->info = c.info;
    c.model = NULL;
    c.info = NULL;
    loom_checkpoint_deinit(&c);
    name_model(out);
    return err;
}

int cli_model_open_for(const char *arg, const char *store,
                       const struct loom_device *device, int levels,
                       struct cli_model *out, struct loom_errmsg *e)
{
    struct paths p = {0};
    struct loom_choice choice = {0};
    *out = (struct cli_model){0};
    int err = find_paths(arg, store, &p, e);
    if (!err && device && p.n > 1)
        err = loom_choose((const char *const *)p.path, p.n, device, levels,
                          &choice, e);
    if (!err)
        err = read_model(p.path[choice.index], out, e);
    if (!err && choice.net)
        out->net = choice.net;
    else
        loom_exact_destroy(choice.net);
    if (err)
        cli_model_close(out);
    free_paths(&p);
    return err;
}

int cli_model_open(const char *arg, const char *store, struct cli_model *out,
                   struct loom_errmsg *e)
{
    return cli_model_open_for(arg, store, NULL, 0, out, e);
}

void cli_model_close(struct cli_model *m)
{
    loom_model_destroy(m->model);
    loom_exact_destroy(m->net);
    json_decref(m->info);
    free(m->path);
    *m = (struct cli_model){0};
}

int cli_model_freeze(struct cli_model *m, struct loom_errmsg *e)
{
    if (!m->net)
        m->net = loom_model_freeze(m->model, e);
    return m->net ? 0 : LOOM_ERR_RANGE;
}

/* ---- rows -------------------------------------------------------------- */

/* Numbers that one row of input k has; 0 where there is no such input. */
static size_t input_size(const struct cli_model *m, size_t k)
{
    if (m->model)
        return k < (size_t)m->model->n_inputs
                   ? m->model->layer[m->model->input[k]].n
                   : 0;
    return k < m->net->n_inputs ? m->net->input_size[k] : 0;
}

/* Number of the input that "NAME=FILE" names (NAME may also be its number,
 * from 1), -1: there is none. *file: what follows, or all of it. */
static int input_named(const struct cli_model *m, const char *arg,
                       const char **file)
{
    const char *equal = strchr(arg, '=');
    char name[64];
    *file = equal ? equal + 1 : arg;
    snprintf(name, sizeof(name), "%.*s", equal ? (int)(equal - arg) : 0, arg);
    for (size_t k = 0; equal && input_size(m, k); k++) {
        const char *layer =
            m->model ? m->model->layer[m->model->input[k]].name : "";
        if (!strcmp(name, layer) || strtoul(name, NULL, 10) == k + 1)
            return (int)k;
    }
    return -1;
}

/* Names of classes that a word among the labels of output k (of n) may be. */
static const json_t *classes_of(const struct cli_model *m, int k, int n)
{
    const json_t *each = json_object_get(m->info, "outputs"), *o;
    struct loom_output out[LOOM_MAX_OUTPUTS];
    size_t i;
    if (n < 2)
        return json_object_get(m->info, "classes");
    loom_model_outputs(m->model, out);
    json_array_foreach(each, i, o)
    {
        const char *name = json_string_value(json_object_get(o, "output"));
        if (name && !strcmp(name, out[k].name))
            return json_object_get(o, "classes");
    }
    return NULL;
}

/* Column `label` of a table, fresh memory [rows], a word by its number among
 * the classes; NULL with a sentence. */
static float *labels_in(const struct loom_table *t, size_t label,
                        const json_t *classes, struct loom_errmsg *e)
{
    size_t rows = t->a.n_dims ? t->a.dim[0] : 0;
    size_t columns = loom_array_columns(&t->a);
    struct loom_words none = {0}, *w = &none;
    if (label < t->n_columns)
        w = &t->words[label];
    float *number = loom_calloc(w->n + 1, sizeof(*number));
    for (size_t k = 0; k < w->n; k++) {
        size_t j = 0, n = json_array_size(classes);
        while (j < n && strcmp(w->word[k],
                               json_string_value(json_array_get(classes, j))))
            j++;
        number[k] = (float)(n ? j : k);
    }
    float *y = loom_try_alloc(rows, sizeof(float), "labels", e);
    for (size_t r = 0; y && r < rows; r++) {
        double v = loom_array_get(&t->a, r * columns + label);
        y[r] = w->n && v >= 0 ? number[(size_t)v] : (float)v;
    }
    free(number);
    return y;
}

/* The rows of a table, but for column `label` (-1: none is left out), into
 * columns at .. at + width of out->x, which is made by the first one. */
static int put_columns(const struct loom_table *t, long label, const char *path,
                       size_t at, size_t width, struct cli_rows *out,
                       struct loom_errmsg *e)
{
    size_t rows = t->a.n_dims ? t->a.dim[0] : 0;
    size_t columns = loom_array_columns(&t->a);
    if (columns - (label >= 0) != width)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: rows of %zu numbers; the network takes %zu", path,
                         columns - (label >= 0), width);
    if (out->x && rows != out->n)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu rows, but the other inputs have %zu", path,
                         rows, out->n);
    if (!out->x)
        out->x = loom_try_alloc(rows * out->n_in, sizeof(float), path, e);
    if (!out->x)
        return LOOM_ERR_NOMEM;
    for (size_t r = 0; r < rows; r++) {
        float *x = out->x + r * out->n_in + at;
        for (size_t k = 0; k < columns; k++)
            if ((long)k != label)
                *x++ = (float)loom_array_get(&t->a, r * columns + k);
    }
    out->n = rows;
    return 0;
}

/* A file into columns at .. at + width of out->x; its column `label` (may be
 * NULL) into out->y. */
static int read_columns(const struct cli_model *m, const char *path,
                        const char *label, size_t at, size_t width,
                        struct cli_rows *out, struct loom_errmsg *e)
{
    struct loom_table t;
    long column = -1;
    int err = loom_data_read(path, &loom_data_plain, &t, e);
    if (!err && label && (column = loom_table_column(&t, label)) < 0)
        err = loom_fail(e, LOOM_ERR_ARG, "%s: no column \"%s\"", path, label);
    if (!err)
        err = put_columns(&t, column, path, at, width, out, e);
    if (!err && label) {
        out->y = labels_in(&t, (size_t)column, classes_of(m, 0, 1), e);
        out->y_width = 1;
        err = out->y ? 0 : LOOM_ERR_NOMEM;
    }
    loom_table_deinit(&t);
    return err;
}

/* One file of all inputs side by side, or NAME=FILE for every input. */
static int read_x(const struct cli_model *m, const char *const *data, size_t n,
                  const char *label, struct cli_rows *out,
                  struct loom_errmsg *e)
{
    const char *file;
    size_t n_inputs = 0, at = 0;
    unsigned seen = 0;
    while (input_size(m, n_inputs))
        out->n_in += input_size(m, n_inputs++);
    if (n == 1 && input_named(m, data[0], &file) < 0)
        return read_columns(m, data[0], label, 0, out->n_in, out, e);
    if (label)
        return loom_fail(e, LOOM_ERR_ARG,
                         "--label %s: it is a column of one file of all inputs",
                         label);
    for (size_t k = 0; k < n; k++) {
        int i = input_named(m, data[k], &file);
        if (i < 0)
            return loom_fail(e, LOOM_ERR_ARG,
                             "--data %s: expected NAME=FILE, NAME one of the "
                             "network's %zu inputs%s%s",
                             data[k], n_inputs, m->model ? ", as " : "",
                             m->model ? m->model->layer[m->model->input[0]].name
                                      : "");
        seen |= 1u << i;
        at = 0;
        for (int j = 0; j < i; j++)
            at += input_size(m, (size_t)j);
        int err =
            read_columns(m, file, NULL, at, input_size(m, (size_t)i), out, e);
        if (err)
            return err;
    }
    if (seen + 1 == 1u << n_inputs && n == n_inputs)
        return 0;
    return loom_fail(e, LOOM_ERR_ARG,
                     "--data: each of the %zu inputs needs NAME=FILE once",
                     n_inputs);
}

/* The labels of a file, fresh memory [out->n][*width]; NULL with a sentence. */
static float *read_labels(const char *path, const json_t *classes,
                          const struct cli_rows *of, size_t *width,
                          struct loom_errmsg *e)
{
    struct loom_table t;
    float *y = NULL;
    if (loom_data_read(path, &loom_data_plain, &t, e))
        return NULL;
    size_t rows = t.a.n_dims ? t.a.dim[0] : 0;
    *width = loom_array_columns(&t.a);
    if (rows != of->n || !t.a.n)
        loom_fail(e, LOOM_ERR_SHAPE, "%s: %zu rows, but there are %zu inputs",
                  path, rows, of->n);
    else if (*width == 1)
        y = labels_in(&t, 0, classes, e);
    else if (!(y = loom_array_to_f32(&t.a)))
        loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", path);
    loom_table_deinit(&t);
    return y;
}

/* Number of the output that "NAME=FILE" names, -1: there is none. */
static int output_named(const struct cli_model *m, const char *arg)
{
    struct loom_output out[LOOM_MAX_OUTPUTS];
    int n = m->model ? loom_model_outputs(m->model, out) : 0;
    for (int k = 0; k < n; k++) {
        size_t length = strlen(out[k].name);
        if (n > 1 && !strncmp(arg, out[k].name, length) && arg[length] == '=')
            return k;
    }
    return -1;
}

/* NAME=FILE of each of n outputs, side by side in the network's order. */
static int read_each(const struct cli_model *m, const char *const *labels,
                     int n, struct cli_rows *out, struct loom_errmsg *e)
{
    float *y[LOOM_MAX_OUTPUTS] = {NULL};
    int err = 0;
    for (int k = 0; !err && k < n; k++) {
        int o = output_named(m, labels[k]);
        if (o < 0 || o >= n || y[o])
            err = loom_fail(e, LOOM_ERR_ARG,
                            "--labels %s: each of the network's outputs needs "
                            "NAME=FILE once",
                            labels[k]);
        else if (!(y[o] =
                       read_labels(strchr(labels[k], '=') + 1,
                                   classes_of(m, o, n), out, &out->y_of[o], e)))
            err = LOOM_ERR_FORMAT;
        else
            out->y_width += out->y_of[o];
    }
    if (!err && !(out->y = loom_try_alloc(out->n * out->y_width + 1,
                                          sizeof(float), "labels", e)))
        err = LOOM_ERR_NOMEM;
    for (size_t r = 0, at = 0; !err && r < out->n; r++)
        for (int o = 0; o < n; at += out->y_of[o++])
            memcpy(out->y + at, y[o] + r * out->y_of[o],
                   out->y_of[o] * sizeof(float));
    for (int o = 0; o < n; o++)
        free(y[o]);
    return err;
}

/* One file of the labels of all outputs, or NAME=FILE for each. */
static int read_y(const struct cli_model *m, const char *const *labels,
                  size_t n, struct cli_rows *out, struct loom_errmsg *e)
{
    struct loom_output of[LOOM_MAX_OUTPUTS];
    int n_outputs = m->model ? loom_model_outputs(m->model, of) : 1;
    if (n == 1 && output_named(m, labels[0]) < 0) {
        out->y =
            read_labels(labels[0], classes_of(m, 0, 1), out, &out->y_width, e);
        return out->y ? 0 : LOOM_ERR_FORMAT;
    }
    if (n != (size_t)n_outputs)
        return loom_fail(e, LOOM_ERR_ARG,
                         "--labels: one FILE, or NAME=FILE for each of the "
                         "network's %d outputs",
                         n_outputs);
    return read_each(m, labels, n_outputs, out, e);
}

int cli_rows_read(const struct cli_model *m, const char *const *data,
                  size_t n_data, const char *const *labels, size_t n_labels,
                  const char *label, struct cli_rows *out,
                  struct loom_errmsg *e)
{
    *out = (struct cli_rows){0};
    char *folder = loom_strdup(m->path);
    char *x = loom_asprintf("%s/test_x.npy", dirname(folder));
    char *y = loom_asprintf("%s/test_y.npy", folder);
    bool own = !n_data;
    int err = 0;
    if (!own || is_file(x))
        err = own ? read_x(m, (const char *const *)&x, 1, NULL, out, e)
                  : read_x(m, data, n_data, label, out, e);
    if (!err && out->n && n_labels)
        err = read_y(m, labels, n_labels, out, e);
    else if (!err && out->n && own && is_file(y))
        err = read_y(m, (const char *const *)&y, 1, out, e);
    if (err)
        cli_rows_free(out);
    free(folder);
    free(x);
    free(y);
    return err;
}

int cli_rows_standardize(const struct cli_model *m, struct cli_rows *r,
                         struct loom_errmsg *e)
{
    const json_t *mean = json_object_get(m->info, "mean");
    const json_t *scale = json_object_get(m->info, "scale");
    if (json_array_size(mean) != r->n_in || json_array_size(scale) != r->n_in)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: it was not trained on data that bitloom "
                         "standardized; leave --raw out",
                         m->name);
    for (size_t k = 0; k < r->n_in; k++) {
        float a = (float)json_number_value(json_array_get(mean, k));
        float b = (float)json_number_value(json_array_get(scale, k));
        for (size_t i = 0; i < r->n; i++)
            r->x[i * r->n_in + k] = (r->x[i * r->n_in + k] - a) / b;
    }
    return 0;
}

void cli_rows_free(struct cli_rows *r)
{
    free(r->x);
    free(r->y);
    *r = (struct cli_rows){0};
}

int64_t *cli_rows_quantize(const struct cli_rows *r,
                           const struct loom_exact *net, struct loom_errmsg *e)
{
    int64_t *q = loom_calloc(r->n * net->in_size + 1, sizeof(*q));
    if (loom_exact_quantize(net, r->x, r->n, q, e) < 0) {
        free(q);
        return NULL;
    }
    return q;
}
