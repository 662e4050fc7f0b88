/* conv1d, conv2d{filters, size, stride, padding, parallel, kernel, bias, norm}:
 * the kernel is [size...][channels][filters]. `parallel` is how many positions
 * are computed side by side (all of them without it), of which EBOPs counts
 * the average cost. Other fields as affine.h and window.h have them. */
#include "engine/affine.h"
#include "engine/window.h"

/* Every position's patch, over all channels. */
static void fill_patches(const struct loom_affine *a,
                         const struct loom_window *w, int32_t *patch)
{
    for (size_t p = 0; p < a->positions; p++)
        for (size_t k = 0; k < w->n; k++) {
            int32_t at = loom_window_at(w, p, k);
            for (size_t c = 0; c < w->channels; c++)
                *patch++ = at < 0 ? -1 : at + (int32_t)c;
        }
}

/* Where the patches lie: lines along the last axis, one above the other. */
static struct loom_lines lay_lines(const struct loom_window *w)
{
    size_t c = w->channels, x = (size_t)w->axes - 1; /* the last axis */
    size_t size[2], in[2], front[2], stride[2], positions[2];
    for (size_t a = 0; a < 2; a++) {
        bool there = a == 1 || x == 1;
        size_t from = x == 1 ? a : 0;
        size[a] = there ? w->size[from] : 1;
        in[a] = there ? w->in[from] : 1;
        front[a] = there ? w->front[from] : 0;
        stride[a] = there ? w->stride[from] : 1;
        positions[a] = there ? w->positions[from] : 1;
    }
    size_t need[2]; /* rows and columns that the windows reach */
    for (size_t a = 0; a < 2; a++) {
        need[a] = (positions[a] - 1) * stride[a] + size[a];
        if (need[a] < front[a] + in[a])
            need[a] = front[a] + in[a];
    }
    bool pads = need[0] > in[0] || need[1] > in[1];
    return (struct loom_lines){
        .lines = positions[0],
        .line = positions[1],
        .down = stride[0] * need[1] * c,
        .step = stride[1] * c,
        .runs = size[0],
        .run = size[1] * c,
        .apart = need[1] * c,
        .padded = pads ? need[0] * need[1] * c : 0,
        .rows = in[0],
        .row = in[1] * c,
        .front = (front[0] * need[1] + front[1]) * c,
    };
}

static int build(struct loom_model *m, struct loom_layer *l, int axes,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {
        "filters",          "size", "stride", "padding", "parallel",
        LOOM_AFFINE_FIELDS, NULL};
    struct loom_affine *a = l->state;
    const struct loom_layer *src = &m->layer[l->input[0]];
    struct loom_window w;
    double filters = 0, parallel = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err =
            loom_conf_whole(l->conf, l->name, "filters", 1, 65536, &filters, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "parallel", 1, 1 << 24,
                              &parallel, e);
    if (!err && filters < 1)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"filters\", the number of output "
                        "channels, is missing",
                        l->name);
    if (!err)
        err =
            loom_window_read(&w, l->conf, "size", false, axes, src, l->name, e);
    if (err)
        return err;
    a->units = (size_t)filters;
    a->positions = w.n_positions;
    a->k = w.n * w.channels;
    for (int d = 0; d < axes; d++)
        a->kernel_shape.dim[d] = w.size[d];
    a->kernel_shape.dim[axes] = w.channels;
    a->kernel_shape.dim[axes + 1] = a->units;
    a->kernel_shape.rank = axes + 2;
    /* HGQ2 counts the bias once an input position, outside of `parallel`. */
    a->bias_positions = src->n / w.channels;
    a->share = parallel > 0 ? parallel / (double)a->positions : 1.0;
    int32_t *patch =
        loom_model_memory(m, a->positions * a->k, sizeof(*a->patch));
    if (patch)
        fill_patches(a, &w, patch);
    a->patch = patch;
    a->lines = lay_lines(&w);
    loom_window_shape(&w, a->units, l);
    return loom_affine_build(a, m, l, e);
}

static int build_1d(struct loom_model *m, struct loom_layer *l,
                    struct loom_errmsg *e)
{
    return build(m, l, 1, e);
}

static int build_2d(struct loom_model *m, struct loom_layer *l,
                    struct loom_errmsg *e)
{
    return build(m, l, 2, e);
}

const struct loom_layer_ops loom_layer_conv1d = {
    .kind = "conv1d",
    .n_inputs = 1,
    .build = build_1d,
    LOOM_AFFINE_OPS,
};

const struct loom_layer_ops loom_layer_conv2d = {
    .kind = "conv2d",
    .n_inputs = 1,
    .build = build_2d,
    LOOM_AFFINE_OPS,
};
