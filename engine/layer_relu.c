/* input{n or shape}: where rows enter. relu: max(x, 0).
 * leaky_relu{slope}: max(x, slope x); a slope that is no power of two costs
 * adders, one above 1 is refused. */
#include <math.h>
#include <stdio.h>

#include "engine/layer.h"

enum { MAX_N = 1 << 20 };

/* Field "shape" into dim; the number of axes, 0 where it is none. */
static int read_shape(const json_t *shape, size_t *dim)
{
    const json_t *v;
    size_t k, n = 1;
    if (json_array_size(shape) > LOOM_MAX_DIMS)
        return 0;
    json_array_foreach(shape, k, v)
    {
        double d = json_number_value(v);
        if (!(d >= 1 && d <= MAX_N) || d != floor(d) ||
            (n *= (size_t)d) > MAX_N)
            return 0;
        dim[k] = (size_t)d;
    }
    return (int)json_array_size(shape);
}

static int build_input(struct loom_model *m, struct loom_layer *l,
                       struct loom_errmsg *e)
{
    static const char *const names[] = {"n", "shape", NULL};
    const json_t *shape = json_object_get(l->conf, "shape");
    size_t dim[LOOM_MAX_DIMS];
    double n = 0;
    (void)m;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "n", 1, MAX_N, &n, e);
    if (!err && (n < 1) == !shape)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"n\", the number of inputs, is missing "
                        "(or field \"shape\"; not both)",
                        l->name);
    dim[0] = (size_t)n;
    int rank = shape ? read_shape(shape, dim) : 1;
    if (!err && !rank)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"shape\" must be 1 to %d whole numbers, "
                        "at most %d elements",
                        l->name, LOOM_MAX_DIMS, MAX_N);
    if (!err)
        loom_layer_shape(l, rank, dim);
    return err;
}

static int freeze_input(struct loom_model *m, struct loom_layer *l,
                        struct loom_exact *net, int *node,
                        struct loom_errmsg *e)
{
    /* Nothing to compute: the quantizers that read it become INPUT nodes. */
    (void)m;
    (void)l;
    (void)net;
    (void)node;
    (void)e;
    return 0;
}

const struct loom_layer_ops loom_layer_input = {
    .kind = "input",
    .build = build_input,
    .freeze = freeze_input,
};

static int build_relu(struct loom_model *m, struct loom_layer *l,
                      struct loom_errmsg *e)
{
    static const char *const names[] = {NULL};
    const struct loom_shape *in = &m->layer[l->input[0]].shape;
    loom_layer_shape(l, in->rank, in->dim);
    return loom_conf_check(l->conf, l->name, names, e);
}

static void forward_relu(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    m->kernels->relu(b->rows * l->ld, b->in[0], b->out);
}

static void backward_relu(const struct loom_model *m,
                          const struct loom_layer *l,
                          const struct loom_block *b)
{
    m->kernels->relu_back(b->rows * l->ld, b->out, b->gout, b->gin[0]);
}

static int freeze_relu(struct loom_model *m, struct loom_layer *l,
                       struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    (void)m;
    (void)e;
    int at = (int)net->n_nodes;
    loom_exact_append(net, LOOM_EXACT_RELU, l->name, l->n, &node[l->input[0]],
                      1);
    node[l - m->layer] = at;
    return 0;
}

const struct loom_layer_ops loom_layer_relu = {
    .kind = "relu",
    .n_inputs = 1,
    .build = build_relu,
    .forward = forward_relu,
    .backward = backward_relu,
    .freeze = freeze_relu,
};

/* ---- leaky relu -------------------------------------------------------- */

struct leaky {
    float slope;
};

static int build_leaky(struct loom_model *m, struct loom_layer *l,
                       struct loom_errmsg *e)
{
    static const char *const names[] = {"slope", NULL};
    struct leaky *s = l->state;
    const struct loom_shape *in = &m->layer[l->input[0]].shape;
    double slope = 0.125;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err =
            loom_conf_number(l->conf, l->name, "slope", 0x1p-12, 1, &slope, e);
    loom_layer_shape(l, in->rank, in->dim);
    s->slope = (float)slope;
    return err;
}

static void forward_leaky(const struct loom_model *m,
                          const struct loom_layer *l,
                          const struct loom_block *b)
{
    const float slope = ((const struct leaky *)l->state)->slope;
    const float *restrict x = b->in[0];
    float *restrict y = b->out;
    (void)m;
    for (size_t j = 0; j < b->rows * l->ld; j++)
        y[j] = x[j] > 0.0f ? x[j] : slope * x[j];
}

static void backward_leaky(const struct loom_model *m,
                           const struct loom_layer *l,
                           const struct loom_block *b)
{
    const float slope = ((const struct leaky *)l->state)->slope;
    const float *restrict y = b->out, *restrict g = b->gout;
    float *restrict gx = b->gin[0];
    (void)m;
    for (size_t j = 0; gx && j < b->rows * l->ld; j++)
        gx[j] = y[j] > 0.0f ? g[j] : slope * g[j];
}

/* The larger of x and slope x. */
static int freeze_leaky(struct loom_model *m, struct loom_layer *l,
                        struct loom_exact *net, int *node,
                        struct loom_errmsg *e)
{
    const struct leaky *s = l->state;
    int in[2] = {node[l->input[0]], (int)net->n_nodes};
    char name[64];
    (void)e;
    snprintf(name, sizeof(name), "%s/slope", l->name);
    struct loom_exact_node *d =
        loom_exact_append(net, LOOM_EXACT_LINEAR, name, l->n, in, 1);
    for (size_t j = 0; j < l->n; j++) {
        loom_exact_push(d, j, s->slope);
        d->start[j + 1] = d->n_terms;
    }
    node[l - m->layer] = (int)net->n_nodes;
    d = loom_exact_append(net, LOOM_EXACT_MAX, l->name, l->n, in, 2);
    for (size_t j = 0; j < l->n; j++) {
        loom_exact_push(d, j, 1.0f);
        loom_exact_push(d, l->n + j, 1.0f);
        d->start[j + 1] = d->n_terms;
    }
    return 0;
}

const struct loom_layer_ops loom_layer_leaky_relu = {
    .kind = "leaky_relu",
    .n_inputs = 1,
    .state_size = sizeof(struct leaky),
    .build = build_leaky,
    .forward = forward_leaky,
    .backward = backward_leaky,
    .freeze = freeze_leaky,
};
