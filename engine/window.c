#include "engine/window.h"

#include <string.h>

/* Field `name`: a whole number for all axes, or an array of one an axis. */
static int read_sizes(const json_t *conf, const char *layer, const char *name,
                      int axes, size_t out[2], struct loom_errmsg *e)
{
    const json_t *v = json_object_get(conf, name);
    bool list = json_is_array(v);
    if (!v)
        return 0;
    for (int a = 0; a < axes; a++) {
        const json_t *x = list ? json_array_get(v, (size_t)a) : v;
        json_int_t n = json_is_integer(x) ? json_integer_value(x)
                       : json_is_real(x)  ? (json_int_t)json_real_value(x)
                                          : 0;
        if (n < 1 || n > 1 << 16 || (double)n != json_number_value(x) ||
            (list && json_array_size(v) != (size_t)axes))
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: field \"%s\" must be a whole number from 1, "
                             "or %d of them",
                             layer, name, axes);
        out[a] = (size_t)n;
    }
    return 0;
}

static int read_padding(const json_t *conf, const char *layer, bool *same,
                        struct loom_errmsg *e)
{
    const json_t *v = json_object_get(conf, "padding");
    const char *word = v ? json_string_value(v) : "valid";
    *same = word && !strcmp(word, "same");
    if (!word || (!*same && strcmp(word, "valid")))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"padding\" must be \"valid\" or \"same\"",
                         layer);
    return 0;
}

/* Positions and padding along axis a. */
static int place(struct loom_window *w, int a, bool same, const char *layer,
                 struct loom_errmsg *e)
{
    size_t in = w->in[a], size = w->size[a], stride = w->stride[a];
    if (!same && size > in)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: a window of %zu does not fit an axis of %zu; "
                         "padding = \"same\" would fill it up",
                         layer, size, in);
    w->positions[a] =
        same ? (in + stride - 1) / stride : (in - size) / stride + 1;
    size_t covered = (w->positions[a] - 1) * stride + size;
    w->front[a] = same && covered > in ? (covered - in) / 2 : 0;
    return 0;
}

int loom_window_read(struct loom_window *w, const json_t *conf,
                     const char *name, bool tiles, int axes,
                     const struct loom_layer *src, const char *layer,
                     struct loom_errmsg *e)
{
    bool same = false;
    if (src->shape.rank != axes + 1)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: its input %s has %d axes, not %d (%s, channels)",
                         layer, src->name, src->shape.rank, axes + 1,
                         axes == 1 ? "steps" : "rows, columns");
    *w = (struct loom_window){.axes = axes,
                              .channels = src->shape.dim[axes],
                              .n = 1,
                              .n_positions = 1};
    int err = read_sizes(conf, layer, name, axes, w->size, e);
    if (!err && !w->size[0])
        err = loom_fail(e, LOOM_ERR_ARG, "%s: field \"%s\" is missing", layer,
                        name);
    for (int a = 0; a < axes; a++)
        w->stride[a] = tiles ? w->size[a] : 1;
    if (!err)
        err = read_sizes(conf, layer, "stride", axes, w->stride, e);
    if (!err)
        err = read_padding(conf, layer, &same, e);
    for (int a = 0; !err && a < axes; a++) {
        w->in[a] = src->shape.dim[a];
        err = place(w, a, same, layer, e);
        w->n *= w->size[a];
        w->n_positions *= w->positions[a];
    }
    return err;
}

int32_t loom_window_at(const struct loom_window *w, size_t p, size_t k)
{
    size_t at = 0, scale = w->channels;
    for (int a = w->axes - 1; a >= 0; a--) {
        size_t i = p % w->positions[a] * w->stride[a] + k % w->size[a];
        p /= w->positions[a];
        k /= w->size[a];
        if (i < w->front[a] || i - w->front[a] >= w->in[a])
            return -1;
        at += (i - w->front[a]) * scale;
        scale *= w->in[a];
    }
    return (int32_t)at;
}

void loom_window_shape(const struct loom_window *w, size_t channels,
                       struct loom_layer *l)
{
    size_t dim[3];
    for (int a = 0; a < w->axes; a++)
        dim[a] = w->positions[a];
    dim[w->axes] = channels;
    loom_layer_shape(l, w->axes + 1, dim);
}
