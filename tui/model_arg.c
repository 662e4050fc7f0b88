#include "tui/model_arg.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/checkpoint.h"
#include "engine/mem.h"
#include "engine/npy.h"
#include "engine/store.h"

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

/* Path of the checkpoint that "RUN" or "RUN@EPOCH" means. */
static int find_run(const char *arg, const char *store, char **path,
                    struct loom_errmsg *e)
{
    int err = 0;
    struct loom_store *s = loom_store_open(store, LOOM_STORE_READ, &err, e);
    if (!s)
        return loom_fail_prefix(e, err, "%s is no file; looking for a run",
                                arg);
    err = loom_store_resolve(s, arg, path, e);
    loom_store_close(s);
    return err;
}

/* A run's folder: its best point, by the store beside it. */
static int find_in_folder(const char *folder, char **path,
                          struct loom_errmsg *e)
{
    char *copy = loom_strdup(folder), *copy2 = loom_strdup(folder);
    int err = find_run(basename(copy), dirname(copy2), path, e);
    free(copy);
    free(copy2);
    return err;
}

static int find_path(const char *arg, const char *store, char **path,
                     struct loom_errmsg *e)
{
    if (is_folder(arg)) {
        char *net = loom_asprintf("%s/net.json", arg);
        if (is_file(net)) {
            *path = net;
            return 0;
        }
        free(net);
        return find_in_folder(arg, path, e);
    }
    if (is_file(arg) || strchr(arg, '/')) {
        *path = loom_strdup(arg);
        return 0;
    }
    return find_run(arg, store, path, e);
}

/* "…/muon-001/epoch-00040.loom" is muon-001; anything else its own name. */
static void name_model(struct cli_model *m)
{
    char *a = loom_strdup(m->path), *b = loom_strdup(m->path);
    char *file = basename(a), *folder = basename(dirname(b));
    bool inside = !strncmp(file, "epoch-", 6) || !strcmp(file, "last.loom") ||
                  !strcmp(file, "net.json");
    snprintf(m->name, sizeof(m->name), "%.63s", inside ? folder : file);
    char *dot = inside ? NULL : strrchr(m->name, '.');
    if (dot && dot > m->name)
        *dot = 0;
    free(a);
    free(b);
}

int cli_model_open(const char *arg, const char *store, struct cli_model *out,
                   struct loom_errmsg *e)
{
    struct loom_checkpoint c = {0};
    *out = (struct cli_model){0};
    int err = find_path(arg, store, &out->path, e);
    if (err)
        return err;
    size_t n = strlen(out->path);
    if (n > 5 && !strcmp(out->path + n - 5, ".json")) {
        out->net = loom_exact_load(out->path, e);
        err = out->net ? 0 : LOOM_ERR_FORMAT;
    } else {
        err = loom_checkpoint_read(out->path, &c, e);
    }
    out->model = c.model;
    out->info = c.info;
    c.model = NULL;
    c.info = NULL;
    loom_checkpoint_deinit(&c);
    if (err)
        cli_model_close(out);
    else
        name_model(out);
    return err;
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

static size_t inputs_of(const struct cli_model *m)
{
    return m->model ? m->model->layer[m->model->input].n
                    : m->net->input_size[0];
}

static int read_x(const struct cli_model *m, const char *path,
                  struct cli_rows *out, struct loom_errmsg *e)
{
    struct loom_array a = {0};
    int err = loom_npy_read(path, &a, e);
    if (err)
        return err;
    out->n_in = inputs_of(m);
    size_t width = a.n_dims && a.dim[0] ? a.n / a.dim[0] : 0;
    if (width != out->n_in)
        err = loom_fail(e, LOOM_ERR_SHAPE,
                        "%s: rows of %zu numbers; the network takes %zu", path,
                        width, out->n_in);
    else if (!(out->x = loom_array_to_f32(&a)))
        err = loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", path);
    out->n = a.n_dims ? a.dim[0] : 0;
    loom_array_deinit(&a);
    return err;
}

static int read_y(const char *path, struct cli_rows *out, struct loom_errmsg *e)
{
    struct loom_array a = {0};
    int err = loom_npy_read(path, &a, e);
    if (err)
        return err;
    if (!a.n_dims || a.dim[0] != out->n || !a.n)
        err = loom_fail(e, LOOM_ERR_SHAPE,
                        "%s: %zu rows, but there are %zu inputs", path,
                        a.n_dims ? a.dim[0] : 0, out->n);
    else if (!(out->y = loom_array_to_f32(&a)))
        err = loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", path);
    out->y_width = err ? 0 : a.n / a.dim[0];
    loom_array_deinit(&a);
    return err;
}

int cli_rows_read(const struct cli_model *m, const char *x_path,
                  const char *y_path, struct cli_rows *out,
                  struct loom_errmsg *e)
{
    *out = (struct cli_rows){0};
    char *folder = loom_strdup(m->path);
    char *x = loom_asprintf("%s/test_x.npy", dirname(folder));
    char *y = loom_asprintf("%s/test_y.npy", folder);
    bool own = !x_path;
    int err = 0;
    if (!own || is_file(x))
        err = read_x(m, own ? x : x_path, out, e);
    if (!err && out->n && (y_path || (own && is_file(y))))
        err = read_y(y_path ? y_path : y, out, e);
    if (err)
        cli_rows_free(out);
    free(folder);
    free(x);
    free(y);
    return err;
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
    if (loom_exact_quantize(net, (const float *const[]){r->x}, r->n, q, e) <
        0) {
        free(q);
        return NULL;
    }
    return q;
}
