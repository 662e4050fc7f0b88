/* reshape{shape}, flatten, permute{axes}, slice{axis, from, to, step},
 * repeat{n}, concatenate{axis}, outputs{names}: layers that only move numbers.
 * Axes count from 1, the rows not counted; slice takes elements from + k step
 * (counted from 0) below `to`. outputs is the last layer of a network of
 * several outputs: all of them, flat, one after the other. */
#include <string.h>

#include "engine/layer.h"

/* Element j of the output is element at[j] of input which[j]. */
struct move {
    int32_t *at;
    uint8_t *which;
    size_t ld[LOOM_MAX_INPUTS];
    size_t n[LOOM_MAX_INPUTS];
    bool whole; /* nothing moves: one input, every element in its place */
};

static int build_room(struct loom_model *m, struct loom_layer *l)
{
    struct move *s = l->state;
    s->at = loom_model_memory(m, l->n, sizeof(*s->at));
    s->which = loom_model_memory(m, l->n, sizeof(*s->which));
    for (int i = 0; i < l->n_inputs; i++) {
        s->ld[i] = m->layer[l->input[i]].ld;
        s->n[i] = m->layer[l->input[i]].n;
    }
    return s->at && s->which ? 0 : LOOM_ERR_NOMEM;
}

/* Out element j has index x[a] along axis a of the output; in the only input
 * it lies at start + sum x[a] stride[a]. */
static int build_strided(struct loom_model *m, struct loom_layer *l,
                         size_t start, const size_t *stride,
                         struct loom_errmsg *e)
{
    struct move *s = l->state;
    if (build_room(m, l) < 0)
        return loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", l->name);
    s->whole = l->n == s->n[0];
    for (size_t j = 0; j < l->n; j++) {
        size_t left = j, at = start;
        for (int a = l->shape.rank - 1; a >= 0; a--) {
            at += left % l->shape.dim[a] * stride[a];
            left /= l->shape.dim[a];
        }
        s->at[j] = (int32_t)at;
        s->whole &= at == j;
    }
    return 0;
}

static void strides_of(const struct loom_shape *shape, size_t *stride)
{
    size_t n = 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        stride[a] = n;
        n *= shape->dim[a];
    }
}

/* Whole numbers of an array field, 1 to LOOM_MAX_DIMS of them. */
static int read_list(const struct loom_layer *l, const char *name, size_t *out,
                     int *n, struct loom_errmsg *e)
{
    const json_t *v = json_object_get(l->conf, name), *x;
    size_t k;
    bool good = json_array_size(v) >= 1 && json_array_size(v) <= LOOM_MAX_DIMS;
    *n = good ? (int)json_array_size(v) : 0;
    json_array_foreach(v, k, x)
    {
        double d = json_number_value(x);
        good = good && d >= 1 && d <= 1 << 24 && d == (double)(size_t)d;
        if (good)
            out[k] = (size_t)d;
    }
    if (good)
        return 0;
    return loom_fail(e, LOOM_ERR_ARG,
                     "%s: field \"%s\" must be 1 to %d whole numbers from 1",
                     l->name, name, LOOM_MAX_DIMS);
}

static int build_reshape(struct loom_model *m, struct loom_layer *l,
                         struct loom_errmsg *e)
{
    static const char *const names[] = {"shape", NULL};
    size_t dim[LOOM_MAX_DIMS], stride[LOOM_MAX_DIMS];
    const struct loom_layer *src = &m->layer[l->input[0]];
    int rank;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = read_list(l, "shape", dim, &rank, e);
    if (err)
        return err;
    loom_layer_shape(l, rank, dim);
    if (l->n != src->n)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: field \"shape\" has %zu elements, its input %s "
                         "%zu",
                         l->name, l->n, src->name, src->n);
    strides_of(&l->shape, stride);
    return build_strided(m, l, 0, stride, e);
}

static int build_flatten(struct loom_model *m, struct loom_layer *l,
                         struct loom_errmsg *e)
{
    static const char *const names[] = {NULL};
    static const size_t one = 1;
    int err = loom_conf_check(l->conf, l->name, names, e);
    loom_layer_shape(l, 1, &m->layer[l->input[0]].n);
    return err ? err : build_strided(m, l, 0, &one, e);
}

static int build_permute(struct loom_model *m, struct loom_layer *l,
                         struct loom_errmsg *e)
{
    static const char *const names[] = {"axes", NULL};
    const struct loom_shape *in = &m->layer[l->input[0]].shape;
    size_t axis[LOOM_MAX_DIMS], from[LOOM_MAX_DIMS], stride[LOOM_MAX_DIMS];
    size_t dim[LOOM_MAX_DIMS];
    unsigned seen = 0;
    int rank;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = read_list(l, "axes", axis, &rank, e);
    for (int a = 0; !err && a < rank; a++)
        seen |= axis[a] <= (size_t)in->rank ? 1u << axis[a] : 0;
    if (!err && (rank != in->rank || seen != (2u << rank) - 2))
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"axes\" must have each axis, 1 to %d, once",
                        l->name, in->rank);
    if (err)
        return err;
    strides_of(in, from);
    for (int a = 0; a < rank; a++) {
        dim[a] = in->dim[axis[a] - 1];
        stride[a] = from[axis[a] - 1];
    }
    loom_layer_shape(l, rank, dim);
    return build_strided(m, l, 0, stride, e);
}

static int read_axis(const struct loom_layer *l, const struct loom_shape *in,
                     int *axis, struct loom_errmsg *e)
{
    double v = in->rank;
    int err = loom_conf_whole(l->conf, l->name, "axis", 1, in->rank, &v, e);
    *axis = (int)v - 1;
    return err;
}

static int build_slice(struct loom_model *m, struct loom_layer *l,
                       struct loom_errmsg *e)
{
    static const char *const names[] = {"axis", "from", "to", "step", NULL};
    struct loom_shape shape = m->layer[l->input[0]].shape;
    size_t stride[LOOM_MAX_DIMS];
    int axis = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = read_axis(l, &shape, &axis, e);
    double size = err ? 1 : (double)shape.dim[axis];
    double from = 0, to = size, step = 1;
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "from", 0, size - 1, &from, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "to", from + 1, size, &to, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "step", 1, size, &step, e);
    if (err)
        return err;
    strides_of(&shape, stride);
    size_t start = (size_t)from * stride[axis];
    stride[axis] *= (size_t)step;
    shape.dim[axis] =
        ((size_t)to - (size_t)from + (size_t)step - 1) / (size_t)step;
    loom_layer_shape(l, shape.rank, shape.dim);
    return build_strided(m, l, start, stride, e);
}

/* A last axis along which every element is there n times. */
static int build_repeat(struct loom_model *m, struct loom_layer *l,
                        struct loom_errmsg *e)
{
    static const char *const names[] = {"n", NULL};
    struct loom_shape shape = m->layer[l->input[0]].shape;
    size_t stride[LOOM_MAX_DIMS];
    double n = 1;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "n", 1, 65536, &n, e);
    if (!err && shape.rank == LOOM_MAX_DIMS)
        err = loom_fail(e, LOOM_ERR_SHAPE, "%s: its input has %d axes already",
                        l->name, shape.rank);
    if (err)
        return err;
    strides_of(&shape, stride);
    stride[shape.rank] = 0;
    shape.dim[shape.rank++] = (size_t)n;
    loom_layer_shape(l, shape.rank, shape.dim);
    return build_strided(m, l, 0, stride, e);
}

/* Input i has the same shape as the first but along the axis. */
static int check_part(const struct loom_model *m, const struct loom_layer *l,
                      int i, int axis, struct loom_errmsg *e)
{
    const struct loom_layer *a = &m->layer[l->input[0]];
    const struct loom_layer *b = &m->layer[l->input[i]];
    bool same = a->shape.rank == b->shape.rank;
    for (int d = 0; same && d < a->shape.rank; d++)
        same = d == axis || a->shape.dim[d] == b->shape.dim[d];
    if (same)
        return 0;
    return loom_fail(e, LOOM_ERR_SHAPE,
                     "%s: its inputs %s and %s must have the same shape, but "
                     "for axis %d",
                     l->name, a->name, b->name, axis + 1);
}

/* Slabs of each input in turn; a slab is all from the axis on. */
static void fill_concatenated(const struct loom_model *m, struct loom_layer *l,
                              int axis)
{
    struct move *s = l->state;
    size_t outer = 1, j = 0;
    for (int a = 0; a < axis; a++)
        outer *= l->shape.dim[a];
    for (size_t o = 0; o < outer; o++)
        for (int i = 0; i < l->n_inputs; i++) {
            size_t slab = m->layer[l->input[i]].n / outer;
            for (size_t k = 0; k < slab; k++, j++) {
                s->at[j] = (int32_t)(o * slab + k);
                s->which[j] = (uint8_t)i;
            }
        }
}

static int build_concatenate(struct loom_model *m, struct loom_layer *l,
                             struct loom_errmsg *e)
{
    static const char *const names[] = {"axis", NULL};
    struct loom_shape shape = m->layer[l->input[0]].shape;
    int axis = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = read_axis(l, &shape, &axis, e);
    for (int i = 1; !err && i < l->n_inputs; i++) {
        err = check_part(m, l, i, axis, e);
        if (!err)
            shape.dim[axis] += m->layer[l->input[i]].shape.dim[axis];
    }
    if (err)
        return err;
    loom_layer_shape(l, shape.rank, shape.dim);
    if (build_room(m, l) < 0)
        return loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", l->name);
    fill_concatenated(m, l, axis);
    return 0;
}

/* As many names as inputs, each another word. */
static int check_names(const struct loom_layer *l, struct loom_errmsg *e)
{
    const json_t *names = json_object_get(l->conf, "names");
    size_t n = json_array_size(names);
    bool good = n == (size_t)l->n_inputs;
    for (size_t k = 0; good && k < n; k++) {
        const char *name = json_string_value(json_array_get(names, k));
        good = name && *name && strlen(name) < LOOM_OUTPUT_NAME;
        for (size_t i = 0; good && i < k; i++)
            good = strcmp(name, json_string_value(json_array_get(names, i)));
    }
    return good ? 0
                : loom_fail(e, LOOM_ERR_ARG,
                            "%s: field \"names\" must be a name for each of "
                            "the %d outputs, of 1 to %d characters",
                            l->name, l->n_inputs, LOOM_OUTPUT_NAME - 1);
}

static int build_outputs(struct loom_model *m, struct loom_layer *l,
                         struct loom_errmsg *e)
{
    static const char *const names[] = {"names", NULL};
    size_t n = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = check_names(l, e);
    for (int i = 0; i < l->n_inputs; i++)
        n += m->layer[l->input[i]].n;
    loom_layer_shape(l, 1, &n);
    if (!err && build_room(m, l) < 0)
        err = loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", l->name);
    if (!err)
        fill_concatenated(m, l, 0);
    return err;
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct move *s = l->state;
    (void)m;
    if (s->whole) {
        memcpy(b->out, b->in[0], b->rows * l->ld * sizeof(float));
        return;
    }
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            b->out[r * l->ld + j] =
                b->in[s->which[j]][r * s->ld[s->which[j]] + (size_t)s->at[j]];
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct move *s = l->state;
    (void)m;
    for (int i = 0; i < l->n_inputs; i++)
        if (b->gin[i])
            memset(b->gin[i], 0, b->rows * s->ld[i] * sizeof(float));
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++) {
            int i = s->which[j];
            if (b->gin[i])
                b->gin[i][r * s->ld[i] + (size_t)s->at[j]] +=
                    b->gout[r * l->ld + j];
        }
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct move *s = l->state;
    int input[LOOM_MAX_INPUTS], at = (int)net->n_nodes;
    size_t first[LOOM_MAX_INPUTS], n = 0;
    (void)e;
    for (int i = 0; i < l->n_inputs; i++) {
        input[i] = node[l->input[i]];
        first[i] = n;
        n += s->n[i];
    }
    struct loom_exact_node *d = loom_exact_append(
        net, LOOM_EXACT_LINEAR, l->name, l->n, input, l->n_inputs);
    for (size_t j = 0; j < l->n; j++) {
        loom_exact_push(d, first[s->which[j]] + (size_t)s->at[j], 1.0f);
        d->start[j + 1] = d->n_terms;
    }
    node[l - m->layer] = at;
    return 0;
}

bool loom_layer_moves(const struct loom_layer *l, size_t j, int *input,
                      size_t *element)
{
    const struct move *s = l->state;
    if (l->ops->freeze != freeze)
        return false;
    *input = s->which[j];
    *element = (size_t)s->at[j];
    return true;
}

#define MOVES                                                                  \
    .state_size = sizeof(struct move), .forward = forward,                     \
    .backward = backward, .freeze = freeze

const struct loom_layer_ops loom_layer_reshape = {
    .kind = "reshape", .n_inputs = 1, .build = build_reshape, MOVES};

const struct loom_layer_ops loom_layer_flatten = {
    .kind = "flatten", .n_inputs = 1, .build = build_flatten, MOVES};

const struct loom_layer_ops loom_layer_permute = {
    .kind = "permute", .n_inputs = 1, .build = build_permute, MOVES};

const struct loom_layer_ops loom_layer_slice = {
    .kind = "slice", .n_inputs = 1, .build = build_slice, MOVES};

const struct loom_layer_ops loom_layer_repeat = {
    .kind = "repeat", .n_inputs = 1, .build = build_repeat, MOVES};

const struct loom_layer_ops loom_layer_concatenate = {
    .kind = "concatenate",
    .n_inputs = 2,
    .max_inputs = LOOM_MAX_INPUTS,
    .build = build_concatenate,
    MOVES};

const struct loom_layer_ops loom_layer_outputs = {.kind = "outputs",
                                                  .n_inputs = 2,
                                                  .max_inputs = LOOM_MAX_INPUTS,
                                                  .build = build_outputs,
                                                  MOVES};
