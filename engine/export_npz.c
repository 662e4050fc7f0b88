#include "engine/export.h"

#include <stdlib.h>
#include <string.h>

#include <zip.h>

#include "engine/file.h"
#include "engine/layer.h"
#include "engine/mem.h"
#include "engine/npy.h"

/* ---- the archive -------------------------------------------------------- */

/* Built in memory, so that it is written at once. */
struct archive {
    zip_source_t *image;
    zip_t *zip;
    const char *path;
    int err;
    struct loom_errmsg *e;
};

static void broken(struct archive *a, const char *why)
{
    if (!a->err)
        a->err = loom_fail(a->e, LOOM_ERR_IO, "%s: %s", a->path, why);
}

/* A member; takes data (from malloc). */
static void put(struct archive *a, const char *name, void *take_data, size_t n)
{
    zip_source_t *s =
        a->err ? NULL : zip_source_buffer(a->zip, take_data, n, 1);
    if (!s)
        free(take_data);
    if (!s && !a->err)
        broken(a, zip_strerror(a->zip));
    if (s && zip_file_add(a->zip, name, s, ZIP_FL_ENC_UTF_8) < 0) {
        zip_source_free(s);
        broken(a, zip_strerror(a->zip));
    }
}

/* "LAYER/WHAT.npy" */
static void put_array(struct archive *a, const char *layer, const char *what,
                      enum loom_dtype dtype, const void *data,
                      const struct loom_shape *shape)
{
    char *name = loom_asprintf("%s/%s.npy", layer, what);
    size_t n = 0;
    void *image = a->err ? NULL
                         : loom_npy_encode(name, dtype, data, shape->rank,
                                           shape->dim, &n, a->e);
    if (image)
        put(a, name, image, n);
    else if (!a->err)
        a->err = LOOM_ERR_NOMEM;
    free(name);
}

static int open_archive(struct archive *a, const char *path,
                        struct loom_errmsg *e)
{
    *a = (struct archive){.path = path, .e = e};
    a->image = zip_source_buffer_create(NULL, 0, 0, NULL);
    if (a->image)
        zip_source_keep(a->image); /* zip_close lets go of it once */
    a->zip =
        a->image ? zip_open_from_source(a->image, ZIP_TRUNCATE, NULL) : NULL;
    if (!a->zip) {
        zip_source_free(a->image);
        return loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for an archive",
                         path);
    }
    return 0;
}

/* Write the image that the closed archive has left. */
static void write_image(struct archive *a)
{
    zip_stat_t st;
    char *data = NULL;
    if (zip_source_stat(a->image, &st) < 0 || zip_source_open(a->image) < 0) {
        broken(a, "the archive cannot be read back");
        return;
    }
    data = loom_try_alloc(st.size, 1, a->path, a->e);
    if (!data)
        a->err = LOOM_ERR_NOMEM;
    else if (zip_source_read(a->image, data, st.size) != (zip_int64_t)st.size)
        broken(a, "the archive cannot be read back");
    else
        a->err = loom_file_write(a->path, data, st.size, a->e);
    zip_source_close(a->image);
    free(data);
}

static int close_archive(struct archive *a)
{
    if (a->err)
        zip_discard(a->zip);
    else if (zip_close(a->zip) < 0) {
        broken(a, zip_strerror(a->zip));
        zip_discard(a->zip);
    } else {
        write_image(a);
    }
    zip_source_free(a->image);
    return a->err;
}

/* ---- what is in it ------------------------------------------------------ */

/* The formats of q, as PREFIXk, PREFIXi and PREFIXf. */
static void put_bits(struct archive *a, const char *layer, const char *prefix,
                     const struct loom_qstate *q,
                     const struct loom_shape *shape)
{
    const float *const bits[] = {q->rk, q->ri, q->rf};
    int16_t *v = loom_calloc(q->n + 1, sizeof(*v));
    for (int b = 0; b < 3; b++) {
        char *name = loom_asprintf("%s%c", prefix, "kif"[b]);
        for (size_t j = 0; j < q->n; j++)
            v[j] = (int16_t)(bits[b][j] > 999    ? 999
                             : bits[b][j] < -999 ? -999
                                                 : bits[b][j]);
        put_array(a, layer, name, LOOM_I16, v, shape);
        free(name);
    }
    free(v);
}

static void put_weights(struct archive *a, const struct loom_layer *l,
                        const struct loom_layer_weights *w)
{
    struct loom_shape flat = {1, {w->cols}};
    put_array(a, l->name, "kernel", LOOM_F32, w->quantized, w->shape);
    put_bits(a, l->name, "kernel_", w->q, w->shape);
    if (!w->bias)
        return;
    put_array(a, l->name, "bias", LOOM_F32, w->bias, &flat);
    put_bits(a, l->name, "bias_", w->bias_q, &flat);
}

/* Parameters of a kind that has no weights of this form. */
static void put_params(struct archive *a, const struct loom_model *m,
                       const struct loom_layer *l)
{
    size_t prefix = strlen(l->name);
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        struct loom_shape flat = {1, {p->n}};
        if (p->at >= l->theta_at && p->at < l->theta_at + l->theta_n)
            put_array(a, l->name, p->name + prefix + 1, LOOM_F32,
                      m->theta + p->at, &flat);
    }
}

static void put_layer(struct archive *a, struct loom_model *m, int k)
{
    struct loom_layer *l = &m->layer[k];
    if (l->ops->weights) {
        struct loom_layer_weights w = l->ops->weights(m, l);
        put_weights(a, l, &w);
    } else if (l->ops == &loom_layer_quantize) {
        put_bits(a, l->name, "", l->ops->output_bits(l), &l->shape);
    } else {
        put_params(a, m, l);
    }
}

int loom_export_npz(struct loom_model *m, const char *path,
                    struct loom_errmsg *e)
{
    struct archive a;
    int err = open_archive(&a, path, e);
    if (err)
        return err;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    for (int k = 0; k < m->n_layers; k++)
        put_layer(&a, m, k);
    json_t *graph = loom_model_to_json(m);
    char *text = json_dumps(graph, JSON_INDENT(1));
    put(&a, "model.json", text, strlen(text));
    json_decref(graph);
    return close_archive(&a);
}
