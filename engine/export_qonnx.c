/* A network as QONNX. Data lies as in our networks, channels last; around a
 * convolution and a pool, which ONNX has with channels first, it is transposed
 * there and back. */
#include "engine/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/layer.h"
#include "engine/mem.h"
#include "engine/window.h"
#include "onnx.pb-c.h"

/* Attributes are of these types, tensors of the first. */
enum { FLOAT = 1, INT = 2, STRING = 3, INTS = 7 };
enum { IR_VERSION = 8, OPSET = 13 };

static const char QONNX[] = "qonnx.custom_op.general";

struct onnx {
    const struct loom_model *m;
    Onnx__GraphProto *g;
    struct loom_errmsg *e;
};

/* ---- messages ----------------------------------------------------------- */

/* All memory is from malloc: onnx__model_proto__free_unpacked frees it. */
#define NEW(type, init)                                                        \
    __extension__({                                                            \
        type *new_ = loom_malloc(sizeof(*new_));                               \
        init(new_);                                                            \
        new_;                                                                  \
    })

#define APPEND(list, n, value)                                                 \
    do {                                                                       \
        (list) = loom_realloc((list), ((n) + 1) * sizeof(*(list)));            \
        (list)[(n)++] = (value);                                               \
    } while (0)

static Onnx__NodeProto *add_node(struct onnx *o, const char *op,
                                 const char *const *input, int n,
                                 const char *output)
{
    Onnx__NodeProto *node = NEW(Onnx__NodeProto, onnx__node_proto__init);
    node->op_type = loom_strdup(op);
    node->name = loom_strdup(output);
    for (int k = 0; k < n; k++)
        APPEND(node->input, node->n_input, loom_strdup(input[k]));
    APPEND(node->output, node->n_output, loom_strdup(output));
    APPEND(o->g->node, o->g->n_node, node);
    return node;
}

static Onnx__AttributeProto *add_attribute(Onnx__NodeProto *node,
                                           const char *name, int type)
{
    Onnx__AttributeProto *a =
        NEW(Onnx__AttributeProto, onnx__attribute_proto__init);
    a->name = loom_strdup(name);
    a->has_type = 1;
    a->type = type;
    APPEND(node->attribute, node->n_attribute, a);
    return a;
}

static void set_int(Onnx__NodeProto *node, const char *name, int v)
{
    Onnx__AttributeProto *a = add_attribute(node, name, INT);
    a->has_i = 1;
    a->i = v;
}

static void set_ints(Onnx__NodeProto *node, const char *name, int n,
                     const size_t *v)
{
    Onnx__AttributeProto *a = add_attribute(node, name, INTS);
    for (int k = 0; k < n; k++)
        APPEND(a->ints, a->n_ints, (int64_t)v[k]);
}

static void set_word(Onnx__NodeProto *node, const char *name, const char *word)
{
    Onnx__AttributeProto *a = add_attribute(node, name, STRING);
    a->has_s = 1;
    a->s.data = (uint8_t *)loom_strdup(word);
    a->s.len = strlen(word);
}

/* Constants; one number without a shape where all are the same and `one`. */
static void add_tensor(struct onnx *o, const char *name,
                       const struct loom_shape *shape, const float *v, bool one)
{
    Onnx__TensorProto *t = NEW(Onnx__TensorProto, onnx__tensor_proto__init);
    size_t n = 1;
    for (int a = 0; a < shape->rank; a++)
        n *= shape->dim[a];
    for (size_t j = 1; one && j < n; j++)
        one = v[j] == v[0];
    for (int a = 0; a < shape->rank && !one; a++)
        APPEND(t->dims, t->n_dims, (int64_t)shape->dim[a]);
    t->has_data_type = 1;
    t->data_type = FLOAT;
    t->name = loom_strdup(name);
    t->n_float_data = one ? 1 : n;
    t->float_data = loom_malloc(t->n_float_data * sizeof(*t->float_data));
    memcpy(t->float_data, v, t->n_float_data * sizeof(*t->float_data));
    APPEND(o->g->initializer, o->g->n_initializer, t);
}

static void add_dim(Onnx__TensorShapeProto *s, size_t n)
{
    Onnx__TensorShapeProto__Dimension *d =
        NEW(Onnx__TensorShapeProto__Dimension,
            onnx__tensor_shape_proto__dimension__init);
    if (n) {
        d->has_dim_value = 1;
        d->dim_value = (int64_t)n;
    } else {
        d->dim_param = loom_strdup("rows");
    }
    APPEND(s->dim, s->n_dim, d);
}

/* What a layer's output is, as rows of its shape. */
static Onnx__ValueInfoProto *value_of(const struct loom_layer *l)
{
    Onnx__ValueInfoProto *v =
        NEW(Onnx__ValueInfoProto, onnx__value_info_proto__init);
    v->name = loom_strdup(l->name);
    v->type = NEW(Onnx__TypeProto, onnx__type_proto__init);
    v->type->tensor_type =
        NEW(Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
    v->type->tensor_type->has_elem_type = 1;
    v->type->tensor_type->elem_type = FLOAT;
    v->type->tensor_type->shape =
        NEW(Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
    add_dim(v->type->tensor_type->shape, 0);
    for (int a = 0; a < l->shape.rank; a++)
        add_dim(v->type->tensor_type->shape, l->shape.dim[a]);
    return v;
}

/* ---- quantizers --------------------------------------------------------- */

/* "BASE/what", to be freed. */
static char *part(const char *base, const char *what)
{
    return loom_asprintf("%s/%s", base, what);
}

static struct loom_fixed format_of(const struct loom_qstate *q, size_t j)
{
    struct loom_fixed t = {(int8_t)q->rk[j],
                           (int16_t)fminf(fmaxf(q->ri[j], -999), 999),
                           (int16_t)fminf(fmaxf(q->rf[j], -999), 999)};
    return loom_fixed_width(t) ? t : (struct loom_fixed){0, 0, 0};
}

/* What is added before rounding, beside the step and the bits. */
struct formats {
    float *scale, *half, *width; /* [n] */
    size_t *sign;                /* [n] */
    bool is_signed, mixed, shifted;
};

/* Of an element that has no bits, in a tensor of signed ones, which have 2 or
 * more: of such a large step that all becomes 0. */
static const float NOTHING = 0x1p60f;

static void write_format(struct formats *f, size_t j, struct loom_fixed t,
                         enum loom_round round)
{
    int width = loom_fixed_width(t);
    bool none = f->is_signed && !width, bare = f->is_signed && !t.k;
    f->sign[j] = none ? LOOM_QONNX_NO_BITS : (size_t)t.k;
    f->mixed |= bare;
    f->width[j] = none ? 2 : (float)(width + bare);
    f->scale[j] = none ? NOTHING : ldexpf(1.0f, -t.f);
    if (round == LOOM_RND || (round == LOOM_TRN && none))
        f->half[j] = 0.5f * f->scale[j];
    f->shifted |= f->half[j] != 0.0f;
}

/* Formats of q, element j of the tensor being order[j] of q (NULL: j). One
 * attribute says for all whether they are signed, so where some are, the
 * others have one bit more, and attribute loom_sign tells which. */
static int read_formats(struct onnx *o, const struct loom_qstate *q,
                        const size_t *order, const char *name,
                        struct formats *f)
{
    size_t n = q->n;
    f->scale = loom_calloc(n, sizeof(*f->scale));
    f->half = loom_calloc(n, sizeof(*f->half));
    f->width = loom_calloc(n, sizeof(*f->width));
    f->sign = loom_calloc(n, sizeof(*f->sign));
    for (size_t j = 0; j < n; j++)
        f->is_signed |= format_of(q, j).k;
    for (size_t j = 0; j < n; j++) {
        struct loom_fixed t = format_of(q, order ? order[j] : j);
        int width = loom_fixed_width(t);
        if (abs(t.f) > 100 || width > 60)
            return loom_fail(o->e, LOOM_ERR_RANGE,
                             "%s: %d bits in steps of 2^%d cannot be written "
                             "as float32",
                             name, width, -t.f);
        write_format(f, j, t, q->conf.mode.round);
    }
    return 0;
}

static void free_formats(struct formats *f)
{
    free(f->scale);
    free(f->half);
    free(f->width);
    free(f->sign);
}

/* x + half a step, since rounding half up is rounding down of that, and that is
 * what every program has. Takes and gives the tensor's name. */
static char *add_half(struct onnx *o, const struct formats *f,
                      const struct loom_shape *shape, char *take_in,
                      const char *out)
{
    char *half = part(out, "half"), *sum = part(out, "plus_half");
    add_tensor(o, half, shape, f->half, true);
    add_node(o, "Add", (const char *[]){take_in, half}, 2, sum);
    free(half);
    free(take_in);
    return sum;
}

static const char *rounding(enum loom_round r)
{
    switch (r) {
    case LOOM_RND:
    case LOOM_TRN:
        return "FLOOR";
    case LOOM_RND_CONV:
        return "ROUND";
    case LOOM_TRN_ZERO:
        return "DOWN";
    default:
        return NULL;
    }
}

static void add_quant_node(struct onnx *o, const struct loom_qstate *q,
                           const struct formats *f,
                           const struct loom_shape *shape, const char *in,
                           const char *out)
{
    static const float zero = 0;
    const struct loom_shape scalar = {0, {0}};
    char *scale = part(out, "scale"), *point = part(out, "zero"),
         *width = part(out, "bits");
    enum loom_overflow over = q->conf.mode.overflow;
    add_tensor(o, scale, shape, f->scale, true);
    add_tensor(o, point, &scalar, &zero, true);
    add_tensor(o, width, shape, f->width, true);
    Onnx__NodeProto *node =
        add_node(o, "Quant", (const char *[]){in, scale, point, width}, 4, out);
    node->domain = loom_strdup(QONNX);
    set_int(node, "signed", f->is_signed);
    set_int(node, "narrow", f->is_signed && over == LOOM_SAT_SYM);
    set_word(node, "rounding_mode", rounding(q->conf.mode.round));
    set_word(node, "loom_overflow", loom_overflow_word(over));
    if (f->mixed)
        set_ints(node, "loom_sign", (int)q->n, f->sign);
    free(scale);
    free(point);
    free(width);
}

/* Tensor `in` of that shape, quantized, is `out`. Constants are on their grid,
 * so that they are rounded to what they are. */
static int add_quantizer(struct onnx *o, const struct loom_qstate *q,
                         const size_t *order, const struct loom_shape *shape,
                         bool constant, const char *in, const char *out)
{
    struct formats f = {0};
    char *from = loom_strdup(in);
    int err = read_formats(o, q, order, out, &f);
    if (!err && !rounding(q->conf.mode.round))
        err = loom_fail(o->e, LOOM_ERR_ARG,
                        "%s: rounding %s cannot be written as QONNX", out,
                        loom_round_word(q->conf.mode.round));
    if (!err && f.shifted && !constant)
        from = add_half(o, &f, shape, from, out);
    if (!err)
        add_quant_node(o, q, &f, shape, from, out);
    free_formats(&f);
    free(from);
    return err;
}

/* Rows in front of a layer's shape. */
static struct loom_shape rows_of(const struct loom_shape *s)
{
    struct loom_shape r = {s->rank + 1, {1}};
    for (int a = 0; a < s->rank && a + 1 < LOOM_MAX_DIMS; a++)
        r.dim[a + 1] = s->dim[a];
    return r;
}

/* ---- weights ------------------------------------------------------------ */

/* The tensor LAYER/what of values v [n], quantized by q. */
static int add_weights(struct onnx *o, const struct loom_layer *l,
                       const char *what, const struct loom_qstate *q,
                       const float *v, const size_t *order,
                       const struct loom_shape *shape)
{
    char *name = part(l->name, what), *value = part(name, "values");
    float *in_order = loom_calloc(q->n, sizeof(*in_order));
    for (size_t j = 0; j < q->n; j++)
        in_order[j] = v[order ? order[j] : j];
    add_tensor(o, value, shape, in_order, false);
    int err = add_quantizer(o, q, order, shape, true, value, name);
    free(in_order);
    free(name);
    free(value);
    return err;
}

static int add_bias(struct onnx *o, const struct loom_layer *l,
                    const struct loom_layer_weights *w)
{
    struct loom_shape flat = {1, {w->cols}};
    return w->bias ? add_weights(o, l, "bias", w->bias_q, w->bias, NULL, &flat)
                   : 0;
}

static int put_dense(struct onnx *o, struct loom_layer *l, const char *in)
{
    struct loom_layer_weights w = l->ops->weights(o->m, l);
    struct loom_shape shape = {2, {w.rows, w.cols}};
    char *kernel = part(l->name, "kernel"), *bias = part(l->name, "bias");
    char *product = part(l->name, "product");
    int err = add_weights(o, l, "kernel", w.q, w.quantized, NULL, &shape);
    if (!err)
        err = add_bias(o, l, &w);
    if (!err)
        add_node(o, "MatMul", (const char *[]){in, kernel}, 2,
                 w.bias ? product : l->name);
    if (!err && w.bias)
        add_node(o, "Add", (const char *[]){product, bias}, 2, l->name);
    free(kernel);
    free(bias);
    free(product);
    return err;
}

/* A node with channels first between two transpositions; its other inputs. */
static Onnx__NodeProto *add_between(struct onnx *o, const char *op,
                                    const struct loom_layer *l, const char *in,
                                    const char *const *more, int n)
{
    static const size_t first[] = {0, 3, 1, 2}, last[] = {0, 2, 3, 1};
    char *x = part(l->name, "channels_first"), *y = part(l->name, "result");
    const char *input[3] = {x};
    for (int k = 0; k < n; k++)
        input[k + 1] = more[k];
    set_ints(add_node(o, "Transpose", &in, 1, x), "perm", 4, first);
    size_t at = o->g->n_node;
    add_node(o, op, input, n + 1, y);
    set_ints(add_node(o, "Transpose", (const char *[]){y}, 1, l->name), "perm",
             4, last);
    free(x);
    free(y);
    return o->g->node[at];
}

/* kernel_shape, strides and pads of the window that a layer's conf gives. */
static int set_window(struct onnx *o, const struct loom_layer *l, bool tiles,
                      struct loom_window *w, size_t pads[4])
{
    int err = loom_window_read(w, l->conf, "size", tiles, 2,
                               &o->m->layer[l->input[0]], l->name, o->e);
    for (int a = 0; !err && a < 2; a++) {
        size_t reach = (w->positions[a] - 1) * w->stride[a] + w->size[a];
        size_t all = reach > w->in[a] ? reach - w->in[a] : 0;
        pads[a] = w->front[a];
        pads[a + 2] = all > pads[a] ? all - pads[a] : 0;
    }
    return err;
}

static void put_window(Onnx__NodeProto *node, const struct loom_window *w,
                       const size_t pads[4])
{
    set_ints(node, "kernel_shape", 2, w->size);
    set_ints(node, "strides", 2, w->stride);
    set_ints(node, "pads", 4, pads);
}

static int put_conv(struct onnx *o, struct loom_layer *l, const char *in)
{
    struct loom_layer_weights w = l->ops->weights(o->m, l);
    const size_t *d = w.shape->dim; /* rows, columns, channels, filters */
    struct loom_shape shape = {4, {d[3], d[2], d[0], d[1]}};
    struct loom_window window;
    size_t pads[4], *order = loom_calloc(w.q->n, sizeof(*order)), j = 0;
    int err = set_window(o, l, false, &window, pads);
    for (size_t u = 0; u < d[3]; u++)
        for (size_t c = 0; c < d[2]; c++)
            for (size_t p = 0; p < d[0] * d[1]; p++)
                order[j++] = (p * d[2] + c) * d[3] + u;
    if (!err)
        err = add_weights(o, l, "kernel", w.q, w.quantized, order, &shape);
    if (!err)
        err = add_bias(o, l, &w);
    char *kernel = part(l->name, "kernel"), *bias = part(l->name, "bias");
    if (!err)
        put_window(add_between(o, "Conv", l, in, (const char *[]){kernel, bias},
                               w.bias ? 2 : 1),
                   &window, pads);
    free(kernel);
    free(bias);
    free(order);
    return err;
}

static int put_pool(struct onnx *o, struct loom_layer *l, const char *in)
{
    struct loom_window window;
    size_t pads[4];
    int err = set_window(o, l, true, &window, pads);
    if (!err)
        put_window(add_between(o, "MaxPool", l, in, NULL, 0), &window, pads);
    return err;
}

/* ---- the graph ---------------------------------------------------------- */

/* All inputs, added two by two. */
static void put_add(struct onnx *o, const struct loom_layer *l)
{
    char *sum = loom_strdup(o->m->layer[l->input[0]].name);
    for (int k = 1; k < l->n_inputs; k++) {
        char *next = k + 1 < l->n_inputs ? loom_asprintf("%s/sum%d", l->name, k)
                                         : loom_strdup(l->name);
        add_node(o, "Add", (const char *[]){sum, o->m->layer[l->input[k]].name},
                 2, next);
        free(sum);
        sum = next;
    }
    free(sum);
}

static int put_layer(struct onnx *o, struct loom_layer *l)
{
    const char *in = l->n_inputs ? o->m->layer[l->input[0]].name : "";
    if (l->ops == &loom_layer_input) {
        APPEND(o->g->input, o->g->n_input, value_of(l));
    } else if (l->ops == &loom_layer_quantize) {
        struct loom_shape rows = rows_of(&l->shape);
        if (rows.rank > LOOM_MAX_DIMS)
            return loom_fail(o->e, LOOM_ERR_ARG,
                             "%s: rows of %d axes cannot be written as QONNX",
                             l->name, l->shape.rank);
        return add_quantizer(o, l->ops->output_bits(l), NULL, &rows, false, in,
                             l->name);
    } else if (l->ops == &loom_layer_dense) {
        return put_dense(o, l, in);
    } else if (l->ops == &loom_layer_conv2d) {
        return put_conv(o, l, in);
    } else if (l->ops == &loom_layer_max_pool2d) {
        return put_pool(o, l, in);
    } else if (l->ops == &loom_layer_relu) {
        add_node(o, "Relu", &in, 1, l->name);
    } else if (l->ops == &loom_layer_flatten) {
        set_int(add_node(o, "Flatten", &in, 1, l->name), "axis", 1);
    } else if (l->ops == &loom_layer_add) {
        put_add(o, l);
    } else {
        return loom_fail(o->e, LOOM_ERR_ARG,
                         "%s: a layer of kind %s cannot be written as QONNX; "
                         "input, quantize, dense, conv2d, max_pool2d, relu, "
                         "flatten and add can",
                         l->name, l->ops->kind);
    }
    return 0;
}

static void add_opset(Onnx__ModelProto *p, const char *domain, int version)
{
    Onnx__OperatorSetIdProto *s =
        NEW(Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
    s->domain = loom_strdup(domain);
    s->has_version = 1;
    s->version = version;
    APPEND(p->opset_import, p->n_opset_import, s);
}

int loom_export_qonnx(struct loom_model *m, const char *path,
                      struct loom_errmsg *e)
{
    Onnx__ModelProto *p = NEW(Onnx__ModelProto, onnx__model_proto__init);
    int err = 0;
    p->has_ir_version = 1;
    p->ir_version = IR_VERSION;
    p->producer_name = loom_strdup("bitloom");
    p->graph = NEW(Onnx__GraphProto, onnx__graph_proto__init);
    p->graph->name = loom_strdup("network");
    add_opset(p, "", OPSET);
    add_opset(p, QONNX, 1);
    struct onnx o = {m, p->graph, e};
    loom_model_prepare(m, LOOM_MODE_EVAL);
    for (int k = 0; !err && k < m->n_layers; k++)
        err = put_layer(&o, &m->layer[k]);
    if (!err) {
        APPEND(p->graph->output, p->graph->n_output,
               value_of(&m->layer[m->output]));
        size_t n = onnx__model_proto__get_packed_size(p);
        uint8_t *bytes = loom_malloc(n);
        onnx__model_proto__pack(p, bytes);
        err = loom_file_write(path, bytes, n, e);
        free(bytes);
    }
    onnx__model_proto__free_unpacked(p, NULL);
    return err;
}
