/* Networks of QONNX. Tensors of the graph are found by their names; those that
 * a Transpose has put channels first are the layer before it with a note, since
 * our layers have channels last. */
#include "engine/import.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/export.h"
#include "engine/file.h"
#include "engine/layer.h"
#include "engine/mem.h"
#include "onnx.pb-c.h"

enum { FLOAT = 1, MAX_FILE = 1 << 28, MAX_NODES = 4096, MAX_AXES = 5 };

/* Constants: of the file (borrowed or decoded), or quantized ones of a node. */
struct constant {
    const char *name;
    int rank;
    size_t dim[MAX_AXES], n;
    float *v;                     /* [n] owned */
    const Onnx__NodeProto *quant; /* NULL: as they are in the file */
};

/* What a node has given: the layer, channels first or not. */
struct tensor {
    const char *name;
    int layer;
    bool first;
};

/* Values for a parameter, once there is a model. */
struct value {
    char *param;
    float *v; /* [n] */
    size_t n;
};

struct onnx {
    struct loom_model *m;
    const Onnx__GraphProto *g;
    struct constant *constant;
    size_t n_constants;
    struct tensor *tensor;
    size_t n_tensors;
    struct value *value;
    size_t n_values;
    const Onnx__NodeProto *node; /* at hand */
    struct loom_errmsg *e;
};

/* "node t1 (MatMul), field: sentence". */
__attribute__((format(printf, 3, 4))) static int
wrong(const struct onnx *o, const char *field, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const char *name = o->node->name && *o->node->name ? o->node->name
                       : o->node->n_output             ? o->node->output[0]
                                                       : "?";
    return loom_fail(o->e, LOOM_ERR_FORMAT, "node %.60s (%.40s), %s: %s", name,
                     o->node->op_type ? o->node->op_type : "", field, text);
}

/* ---- what nodes have ---------------------------------------------------- */

static const Onnx__AttributeProto *attribute(const Onnx__NodeProto *node,
                                             const char *name)
{
    for (size_t k = 0; k < node->n_attribute; k++)
        if (node->attribute[k]->name && !strcmp(node->attribute[k]->name, name))
            return node->attribute[k];
    return NULL;
}

static int64_t whole(const Onnx__NodeProto *node, const char *name,
                     int64_t standard)
{
    const Onnx__AttributeProto *a = attribute(node, name);
    return a && a->has_i ? a->i : standard;
}

/* A word of at most 15 letters; `standard` where there is none. */
static void word(const Onnx__NodeProto *node, const char *name,
                 const char *standard, char out[static 16])
{
    const Onnx__AttributeProto *a = attribute(node, name);
    if (a && a->has_s)
        snprintf(out, 16, "%.*s", (int)(a->s.len < 16 ? a->s.len : 15),
                 (const char *)a->s.data);
    else
        snprintf(out, 16, "%s", standard);
}

/* The n whole numbers of an attribute; `standard` for each without it. */
static int wholes(const struct onnx *o, const char *name, size_t n,
                  int64_t standard, int64_t *out)
{
    const Onnx__AttributeProto *a = attribute(o->node, name);
    for (size_t k = 0; k < n; k++)
        out[k] = a && k < a->n_ints ? a->ints[k] : standard;
    if (a && a->n_ints != n)
        return wrong(o, name, "%zu numbers; %zu are expected", a->n_ints, n);
    return 0;
}

/* Attributes that change what a node does must have the value that does not. */
static int plain(const struct onnx *o, const char *name, int64_t want)
{
    int64_t v = whole(o->node, name, want);
    return v == want ? 0
                     : wrong(o, name, "%lld; only %lld can be handled",
                             (long long)v, (long long)want);
}

static int known_attributes(const struct onnx *o, const char *const *names)
{
    for (size_t k = 0; k < o->node->n_attribute; k++) {
        const char *name = o->node->attribute[k]->name;
        size_t j = 0;
        while (names[j] && strcmp(names[j], name ? name : ""))
            j++;
        if (!names[j])
            return wrong(o, name ? name : "attribute", "it is not known here");
    }
    return 0;
}

static const struct constant *constant_named(const struct onnx *o,
                                             const char *name)
{
    for (size_t k = 0; k < o->n_constants; k++)
        if (!strcmp(o->constant[k].name, name))
            return &o->constant[k];
    return NULL;
}

static const struct tensor *tensor_named(const struct onnx *o, const char *name)
{
    for (size_t k = 0; k < o->n_tensors; k++)
        if (!strcmp(o->tensor[k].name, name))
            return &o->tensor[k];
    return NULL;
}

/* Input k of the node, as a tensor; NULL with a sentence. */
static const struct tensor *input(const struct onnx *o, size_t k)
{
    const struct tensor *t =
        k < o->node->n_input ? tensor_named(o, o->node->input[k]) : NULL;
    if (!t)
        wrong(o, "input",
              "number %zu, %s, is no tensor that an earlier node "
              "gives",
              k, k < o->node->n_input ? o->node->input[k] : "(missing)");
    return t;
}

static const struct constant *constant(const struct onnx *o, size_t k)
{
    const struct constant *c =
        k < o->node->n_input ? constant_named(o, o->node->input[k]) : NULL;
    if (!c)
        wrong(o, "input", "number %zu, %s, is no constant of float32", k,
              k < o->node->n_input ? o->node->input[k] : "(missing)");
    return c;
}

/* Element j of a tensor of `rank` axes, in a constant that is spread over it;
 * SIZE_MAX: it cannot be. */
static size_t spread(const struct constant *c, int rank, const size_t *dim,
                     size_t j)
{
    size_t at = 0, step = 1;
    for (int a = 1; a <= rank && a <= c->rank; a++) {
        size_t n = c->dim[c->rank - a], i = j % dim[rank - a];
        j /= dim[rank - a];
        if (n != 1 && n != dim[rank - a])
            return SIZE_MAX;
        at += n == 1 ? 0 : i * step;
        step *= n;
    }
    return c->n == step ? at : SIZE_MAX;
}

/* ---- layers ------------------------------------------------------------- */

/* Names of layers are short, and of plain letters; numbered where two would be
 * the same. */
static void layer_name(const struct onnx *o, const char *tensor, char out[48])
{
    snprintf(out, 48, "%.39s", *tensor ? tensor : "layer");
    for (char *c = out; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '_';
    if (strlen(tensor) > 39 || loom_model_find(o->m, out) >= 0)
        snprintf(out + strnlen(out, 30), 18, "~%d", o->m->n_layers);
}

static int add_layer(struct onnx *o, const char *kind, const int *in, int n,
                     json_t *take_conf, const char *tensor, bool first)
{
    char name[48];
    layer_name(o, tensor, name);
    int at = loom_model_add(o->m, kind, name, in, n, take_conf, o->e);
    json_decref(take_conf);
    if (at < 0 && o->node)
        return loom_fail_prefix(o->e, at, "node %.60s (%.40s)", tensor,
                                o->node->op_type);
    if (at < 0)
        return at;
    o->tensor =
        loom_realloc(o->tensor, (o->n_tensors + 1) * sizeof(*o->tensor));
    o->tensor[o->n_tensors++] = (struct tensor){tensor, at, first};
    return at;
}

/* Values for the parameter LAYER/what; takes v. */
static void add_value(struct onnx *o, const char *layer, const char *what,
                      float *take_v, size_t n)
{
    o->value = loom_realloc(o->value, (o->n_values + 1) * sizeof(*o->value));
    o->value[o->n_values++] =
        (struct value){loom_asprintf("%s/%s", layer, what), take_v, n};
}

/* ---- quantizers --------------------------------------------------------- */

struct formats {
    const struct constant *scale, *width;
    const Onnx__AttributeProto *sign; /* each element's, or NULL */
    bool is_signed;
    int rank;
    size_t dim[MAX_AXES], n; /* of what is quantized */
    float *k, *i, *f;        /* [n] */
};

/* Element j from its step and its bits. */
static int read_format(const struct onnx *o, struct formats *t, size_t j)
{
    size_t s = spread(t->scale, t->rank, t->dim, j);
    size_t w = spread(t->width, t->rank, t->dim, j);
    int exponent;
    if (s == SIZE_MAX || w == SIZE_MAX)
        return wrong(o, s == SIZE_MAX ? "scale" : "bitwidth",
                     "its shape does not go with that of what is quantized");
    double scale = (double)t->scale->v[s], width = (double)t->width->v[w];
    if (!(scale > 0) || frexp(scale, &exponent) != 0.5)
        return wrong(o, "scale", "%g; powers of two can be handled", scale);
    if (!(width >= 0 && width <= 60) || width != floor(width))
        return wrong(o, "bitwidth", "%g; 0 to 60 can be handled", width);
    int64_t sign = t->sign ? t->sign->ints[j] : t->is_signed;
    if (sign < 0 || sign > LOOM_QONNX_NO_BITS)
        return wrong(o, "loom_sign", "%lld", (long long)sign);
    bool none = sign == LOOM_QONNX_NO_BITS || width == 0;
    t->k[j] = none ? 0.0f : (float)sign;
    t->f[j] = none ? 0.0f : (float)(1 - exponent);
    /* One bit less where only others needed a sign. */
    t->i[j] = none ? 0.0f : (float)width - (float)t->is_signed - t->f[j];
    return 0;
}

static int check_quant(const struct onnx *o, char over[16], char round[16])
{
    static const char *const names[] = {"signed",        "narrow",
                                        "rounding_mode", "loom_overflow",
                                        "loom_sign",     NULL};
    static const char *const modes[][2] = {
        {"ROUND", "RND_CONV"}, {"FLOOR", "TRN"}, {"DOWN", "TRN_ZERO"}};
    int64_t narrow = whole(o->node, "narrow", 0);
    bool is_signed = whole(o->node, "signed", 1) != 0;
    char mode[16];
    const struct constant *zero = constant(o, 2);
    int err = zero ? known_attributes(o, names) : LOOM_ERR_FORMAT;
    for (size_t j = 0; !err && j < zero->n; j++)
        if (zero->v[j] != 0.0f)
            err = wrong(o, "zeropt", "%g; only 0 can be handled",
                        (double)zero->v[j]);
    if (!err && narrow && !is_signed)
        err = wrong(o, "narrow", "1 of unsigned numbers");
    word(o->node, "rounding_mode", "ROUND", mode);
    size_t k = 0;
    while (k < 3 && strcmp(mode, modes[k][0]))
        k++;
    if (!err && k == 3)
        err = wrong(o, "rounding_mode",
                    "%s; ROUND, FLOOR and DOWN can be handled", mode);
    snprintf(round, 16, "%s", k < 3 ? modes[k][1] : "");
    word(o->node, "loom_overflow", narrow ? "SAT_SYM" : "SAT", over);
    if (!err && loom_overflow_from_word(over) < 0)
        err = wrong(o, "loom_overflow", "%s", over);
    return err;
}

/* The formats of the node at hand for so many axes; free_formats. */
static int read_formats(const struct onnx *o, int rank, const size_t *dim,
                        struct formats *t)
{
    *t = (struct formats){.scale = constant(o, 1),
                          .width = constant(o, 3),
                          .sign = attribute(o->node, "loom_sign"),
                          .is_signed = whole(o->node, "signed", 1) != 0,
                          .rank = rank,
                          .n = 1};
    if (!t->scale || !t->width)
        return LOOM_ERR_FORMAT;
    for (int a = 0; a < rank; a++)
        t->n *= t->dim[a] = dim[a];
    if (t->sign && t->sign->n_ints != t->n)
        return wrong(o, "loom_sign", "%zu numbers for %zu elements",
                     t->sign->n_ints, t->n);
    t->k = loom_calloc(t->n, sizeof(float));
    t->i = loom_calloc(t->n, sizeof(float));
    t->f = loom_calloc(t->n, sizeof(float));
    int err = 0;
    for (size_t j = 0; !err && j < t->n; j++)
        err = read_format(o, t, j);
    return err;
}

/* In the order of our layers: element j is order[j] of the tensor. Takes v. */
static float *in_order(float *take_v, const size_t *order, size_t n)
{
    if (!order)
        return take_v;
    float *out = loom_calloc(n, sizeof(*out));
    for (size_t j = 0; j < n; j++)
        out[j] = take_v[order[j]];
    free(take_v);
    return out;
}

/* The formats as parameters of quantizer LAYER/prefix; they are given away. */
static void add_formats(struct onnx *o, const char *layer, const char *prefix,
                        struct formats *t, const size_t *order)
{
    float **const v[] = {&t->k, &t->i, &t->f};
    for (int b = 0; b < 3; b++) {
        char *what = loom_asprintf("%s%c", prefix, "kif"[b]);
        add_value(o, layer, what, in_order(*v[b], order, t->n), t->n);
        *v[b] = NULL;
        free(what);
    }
}

static void free_formats(struct formats *t)
{
    free(t->k);
    free(t->i);
    free(t->f);
}

static json_t *quantizer_conf(const char *round, const char *over)
{
    return json_pack("{s:s,s:s,s:s,s:b,s:b,s:b}", "type", "kif", "round", round,
                     "overflow", over, "i", 0, "f", 0, "trained", 1);
}

/* Quant of a constant: kept until the node that multiplies with it. */
static int quantize_constant(struct onnx *o, const struct constant *c)
{
    struct constant q = *c;
    char over[16], round[16];
    int err = check_quant(o, over, round);
    if (err)
        return err;
    if (c->quant || o->node->n_output != 1 ||
        constant_named(o, o->node->output[0]))
        return wrong(o, "input", "a constant is quantized once");
    q.name = o->node->output[0];
    q.quant = o->node;
    q.v = loom_malloc((c->n + 1) * sizeof(*q.v));
    memcpy(q.v, c->v, c->n * sizeof(*q.v));
    o->constant =
        loom_realloc(o->constant, (o->n_constants + 1) * sizeof(*o->constant));
    o->constant[o->n_constants++] = q;
    return 0;
}

/* The node that adds `half` to what node `at` rounds down, if there is one. */
static const Onnx__NodeProto *half_added(const struct onnx *o)
{
    for (size_t k = 0; k < o->g->n_node; k++) {
        const Onnx__NodeProto *a = o->g->node[k];
        if (a->n_output == 1 && a->n_input == 2 && a->op_type &&
            !strcmp(a->op_type, "Add") &&
            !strcmp(a->output[0], o->node->input[0]) &&
            tensor_named(o, a->input[0]) && constant_named(o, a->input[1]))
            return a;
    }
    return NULL;
}

/* Half a step is added, so that FLOOR rounds half up; to elements without bits,
 * whatever it is. */
static int check_half(const struct onnx *o, const struct formats *t,
                      const struct constant *half, bool *rounds)
{
    bool plain_floor = true;
    *rounds = true;
    for (size_t j = 0; j < t->n; j++) {
        size_t at = spread(half, t->rank, t->dim, j);
        if (at == SIZE_MAX)
            return wrong(o, "input",
                         "the shape of what is added before does "
                         "not go with it");
        bool none = t->k[j] + t->i[j] + t->f[j] <= 0.0f;
        *rounds &= none || half->v[at] == ldexpf(0.5f, -(int)t->f[j]);
        plain_floor &= none || half->v[at] == 0.0f;
    }
    if (*rounds || plain_floor)
        return 0;
    return wrong(o, "input", "what is added to it before is not half a step");
}

/* Quant of data. */
static int quantize_data(struct onnx *o)
{
    const Onnx__NodeProto *add = half_added(o);
    const struct tensor *in =
        add ? tensor_named(o, add->input[0]) : input(o, 0);
    char over[16], round[16];
    struct formats t = {0};
    bool rounds = false;
    int err = in ? check_quant(o, over, round) : LOOM_ERR_FORMAT;
    if (err)
        return err;
    const struct loom_layer *l = &o->m->layer[in->layer];
    size_t dim[MAX_AXES] = {1};
    if (l->shape.rank + 1 > MAX_AXES || (in->first && l->shape.rank != 3))
        return wrong(o, "input", "it has %d axes", l->shape.rank + 1);
    for (int a = 0; a < l->shape.rank; a++)
        dim[a + 1] = l->shape.dim[a];
    err = read_formats(o, l->shape.rank + 1, dim, &t);
    if (!err && in->first && (t.scale->n > 1 || t.width->n > 1))
        err = wrong(o, "scale",
                    "one for all is handled where channels come "
                    "first");
    if (!err && add)
        err = check_half(o, &t, constant_named(o, add->input[1]), &rounds);
    if (!err && add && strcmp(round, "TRN"))
        err = wrong(o, "rounding_mode", "FLOOR is expected behind an Add");
    int at = in->layer;
    if (!err)
        at = err = add_layer(o, "quantize", &at, 1,
                             quantizer_conf(rounds ? "RND" : round, over),
                             o->node->output[0], in->first);
    if (at >= 0 && err >= 0)
        add_formats(o, o->m->layer[at].name, "", &t, NULL);
    free_formats(&t);
    return err < 0 ? err : 0;
}

static int quant(struct onnx *o)
{
    if (o->node->n_input != 4)
        return wrong(o, "input",
                     "%zu; x, scale, zero point and bits are "
                     "expected",
                     o->node->n_input);
    if (constant_named(o, o->node->output[0])) /* it is done, see below */
        return 0;
    return quantize_data(o);
}

/* ---- weights ------------------------------------------------------------ */

/* A quantized constant as values and formats of quantizer LAYER/which of its
 * layer; its conf, NULL with a sentence. */
static json_t *add_weights(struct onnx *o, const struct constant *c,
                           const char *layer, const char *what,
                           const char *prefix, const size_t *order)
{
    const Onnx__NodeProto *here = o->node;
    char over[16], round[16];
    struct formats t = {0};
    if (!c->quant) {
        wrong(o, "input", "%s is no Quant of a constant", c->name);
        return NULL;
    }
    o->node = c->quant;
    int err = check_quant(o, over, round);
    if (!err)
        err = read_formats(o, c->rank, c->dim, &t);
    if (!err) {
        float *v = loom_malloc((c->n + 1) * sizeof(*v));
        memcpy(v, c->v, c->n * sizeof(*v));
        add_value(o, layer, what, in_order(v, order, c->n), c->n);
        add_formats(o, layer, prefix, &t, order);
    }
    free_formats(&t);
    o->node = here;
    return err ? NULL : quantizer_conf(round, over);
}

/* The only node that reads a tensor, if it adds a constant of n numbers. */
static const Onnx__NodeProto *bias_of(const struct onnx *o, const char *tensor,
                                      size_t n)
{
    const Onnx__NodeProto *found = NULL;
    int readers = 0;
    for (size_t k = 0; k < o->g->n_node; k++)
        for (size_t i = 0; i < o->g->node[k]->n_input; i++)
            if (!strcmp(o->g->node[k]->input[i], tensor)) {
                found = o->g->node[k];
                readers++;
            }
    if (readers != 1 || !found->op_type || strcmp(found->op_type, "Add") ||
        found->n_input != 2 || found->n_output != 1)
        return NULL;
    const struct constant *c = constant_named(o, found->input[1]);
    return c && c->quant && c->n == n ? found : NULL;
}

static int finish_affine(struct onnx *o, const char *kind,
                         const struct tensor *in, json_t *take_conf,
                         const struct constant *w, const size_t *order,
                         const struct constant *bias, const char *tensor)
{
    char name[48];
    layer_name(o, tensor, name);
    json_t *kernel = add_weights(o, w, name, "kernel", "kq/", order);
    json_t *b = kernel && bias ? add_weights(o, bias, name, "bias", "bq/", NULL)
                               : json_false();
    if (!kernel || !b) {
        json_decref(kernel);
        json_decref(take_conf);
        return LOOM_ERR_FORMAT;
    }
    json_object_set_new(take_conf, "kernel", kernel);
    json_object_set_new(take_conf, "bias", b);
    int at = add_layer(o, kind, &in->layer, 1, take_conf, tensor, in->first);
    return at < 0 ? at : 0;
}

/* x W, with the Add of a bias behind it. */
static int mat_mul(struct onnx *o)
{
    const struct tensor *in = input(o, 0);
    const struct constant *w = in ? constant(o, 1) : NULL;
    if (!in || !w)
        return LOOM_ERR_FORMAT;
    if (w->rank != 2 || in->first)
        return wrong(o, "input",
                     "weights [inputs][outputs], and channels last, "
                     "are expected");
    const Onnx__NodeProto *add = bias_of(o, o->node->output[0], w->dim[1]);
    return finish_affine(o, "dense", in,
                         json_pack("{s:I}", "units", (json_int_t)w->dim[1]), w,
                         NULL, add ? constant_named(o, add->input[1]) : NULL,
                         add ? add->output[0] : o->node->output[0]);
}

/* The window's fields into conf: padding as one of the two that we have. */
static int read_window(const struct onnx *o, const struct tensor *in,
                       json_t *conf)
{
    const struct loom_shape *s = &o->m->layer[in->layer].shape;
    int64_t size[2], stride[2], pads[4], dilations[2];
    char pad[16];
    word(o->node, "auto_pad", "NOTSET", pad);
    int err = wholes(o, "kernel_shape", 2, 0, size);
    if (!err)
        err = wholes(o, "strides", 2, 1, stride);
    if (!err)
        err = wholes(o, "pads", 4, 0, pads);
    if (!err)
        err = wholes(o, "dilations", 2, 1, dilations);
    if (!err && strcmp(pad, "NOTSET"))
        err = wrong(o, "auto_pad", "%s; pads are expected", pad);
    if (!err && (dilations[0] != 1 || dilations[1] != 1))
        err = wrong(o, "dilations", "only 1 can be handled");
    bool valid = true, same = true;
    for (int a = 0; !err && a < 2; a++) {
        if (s->rank != 3 || size[a] < 1 || size[a] > 4096 || stride[a] < 1 ||
            stride[a] > 4096)
            return wrong(o, "kernel_shape",
                         "size and stride from 1, of rows "
                         "with two axes and channels");
        int64_t in_a = (int64_t)s->dim[a];
        int64_t need = ((in_a - 1) / stride[a]) * stride[a] + size[a] - in_a;
        need = need > 0 ? need : 0;
        valid &= !pads[a] && !pads[a + 2];
        same &= pads[a] == need / 2 && pads[a + 2] == need - need / 2;
    }
    if (!err && !valid && !same)
        err = wrong(o, "pads",
                    "none, or as many as keep the size (the "
                    "smaller half in front), can be handled");
    if (err)
        return err;
    json_object_set_new(conf, "size", json_pack("[I,I]", size[0], size[1]));
    json_object_set_new(conf, "stride",
                        json_pack("[I,I]", stride[0], stride[1]));
    json_object_set_new(conf, "padding", json_string(valid ? "valid" : "same"));
    return 0;
}

/* A tensor with channels first. */
static const struct tensor *image(const struct onnx *o)
{
    const struct tensor *in = input(o, 0);
    if (in && !in->first) {
        wrong(o, "input", "a Transpose of 0, 3, 1, 2 is expected before it");
        return NULL;
    }
    return in;
}

static int conv(struct onnx *o)
{
    static const char *const names[] = {
        "kernel_shape", "strides",  "pads", "dilations",
        "group",        "auto_pad", NULL};
    const struct tensor *in = image(o);
    const struct constant *w = in ? constant(o, 1) : NULL;
    const struct constant *bias = NULL;
    if (!w)
        return LOOM_ERR_FORMAT;
    int err = known_attributes(o, names);
    if (!err)
        err = plain(o, "group", 1);
    if (!err && w->rank != 4)
        err = wrong(o, "input",
                    "weights [filters][channels][rows][columns] "
                    "are expected");
    if (!err && o->node->n_input > 2 && !(bias = constant(o, 2)))
        err = LOOM_ERR_FORMAT;
    if (err)
        return err;
    json_t *conf = json_pack("{s:I}", "filters", (json_int_t)w->dim[0]);
    err = read_window(o, in, conf);
    if (err) {
        json_decref(conf);
        return err;
    }
    size_t *order = loom_calloc(w->n + 1, sizeof(*order)), j = 0;
    const size_t *d = w->dim;
    for (size_t p = 0; p < d[2] * d[3]; p++)
        for (size_t c = 0; c < d[1]; c++)
            for (size_t u = 0; u < d[0]; u++)
                order[j++] = (u * d[1] + c) * d[2] * d[3] + p;
    err = finish_affine(o, "conv2d", in, conf, w, order, bias,
                        o->node->output[0]);
    free(order);
    return err;
}

/* ---- other nodes -------------------------------------------------------- */

static int max_pool(struct onnx *o)
{
    static const char *const names[] = {
        "kernel_shape", "strides",   "pads",          "dilations",
        "auto_pad",     "ceil_mode", "storage_order", NULL};
    const struct tensor *in = image(o);
    json_t *conf = json_object();
    int err = in ? known_attributes(o, names) : LOOM_ERR_FORMAT;
    if (!err)
        err = plain(o, "ceil_mode", 0);
    if (!err)
        err = read_window(o, in, conf);
    if (err) {
        json_decref(conf);
        return err;
    }
    int at = add_layer(o, "max_pool2d", &in->layer, 1, conf, o->node->output[0],
                       true);
    return at < 0 ? at : 0;
}

static int transpose(struct onnx *o)
{
    static const int64_t to_first[] = {0, 3, 1, 2}, to_last[] = {0, 2, 3, 1};
    const struct tensor *in = input(o, 0);
    int64_t perm[4];
    if (!in)
        return LOOM_ERR_FORMAT;
    int err = wholes(o, "perm", 4, -1, perm);
    if (err)
        return err;
    if (o->m->layer[in->layer].shape.rank != 3 ||
        memcmp(perm, in->first ? to_last : to_first, sizeof(perm)))
        return wrong(o, "perm",
                     "0, 3, 1, 2 and back, 0, 2, 3, 1, of rows with "
                     "two axes and channels, can be handled");
    struct tensor t = {o->node->output[0], in->layer, !in->first};
    o->tensor =
        loom_realloc(o->tensor, (o->n_tensors + 1) * sizeof(*o->tensor));
    o->tensor[o->n_tensors++] = t;
    return 0;
}

/* Two tensors. Of a bias and of half a step the node that it is for has seen
 * to. */
static int add(struct onnx *o)
{
    if (o->node->n_input == 2 && constant_named(o, o->node->input[1])) {
        for (size_t k = 0; k < o->g->n_node; k++) {
            const Onnx__NodeProto *q = o->g->node[k];
            if (q->n_input == 4 && !strcmp(q->input[0], o->node->output[0]) &&
                tensor_named(o, o->node->input[0]))
                return 0;
        }
        if (tensor_named(o, o->node->output[0]))
            return 0;
        return wrong(o, "input",
                     "a constant is added as the bias behind "
                     "MatMul, or as half a step before Quant");
    }
    const struct tensor *a = input(o, 0), *b = a ? input(o, 1) : NULL;
    if (!a || !b)
        return LOOM_ERR_FORMAT;
    if (a->first != b->first)
        return wrong(o, "input", "one has channels first, one last");
    int at = add_layer(o, "add", (const int[]){a->layer, b->layer}, 2,
                       json_object(), o->node->output[0], a->first);
    return at < 0 ? at : 0;
}

static int relu(struct onnx *o)
{
    const struct tensor *in = input(o, 0);
    if (!in)
        return LOOM_ERR_FORMAT;
    int at = add_layer(o, "relu", &in->layer, 1, json_object(),
                       o->node->output[0], in->first);
    return at < 0 ? at : 0;
}

static int flatten(struct onnx *o)
{
    const struct tensor *in = input(o, 0);
    int err = in ? plain(o, "axis", 1) : LOOM_ERR_FORMAT;
    if (!err && in->first)
        err = wrong(o, "input",
                    "a Transpose of 0, 2, 3, 1 is expected before "
                    "it");
    if (err)
        return err;
    int at = add_layer(o, "flatten", &in->layer, 1, json_object(),
                       o->node->output[0], false);
    return at < 0 ? at : 0;
}

static int translate(struct onnx *o)
{
    static const struct {
        const char *op;
        int (*translate)(struct onnx *o);
    } known[] = {
        {"Quant", quant},      {"IntQuant", quant},  {"MatMul", mat_mul},
        {"Conv", conv},        {"Add", add},         {"Relu", relu},
        {"MaxPool", max_pool}, {"Flatten", flatten}, {"Transpose", transpose}};
    const char *op = o->node->op_type ? o->node->op_type : "";
    if (o->node->n_output != 1)
        return wrong(o, "output", "%zu; one is handled", o->node->n_output);
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        if (!strcmp(op, known[k].op)) {
            if (tensor_named(o, o->node->output[0]) &&
                known[k].translate != add)
                return wrong(o, "output", "%s is there already",
                             o->node->output[0]);
            return known[k].translate(o);
        }
    return wrong(o, "operator",
                 "it is not known here; Quant, MatMul, Conv, Add, Relu, "
                 "MaxPool, Flatten and Transpose are");
}

/* ---- the file ----------------------------------------------------------- */

/* Numbers of an initializer that is float32: from a list, or little endian
 * bytes. Others are none of ours; what uses one will say so. */
static int read_constant(struct onnx *o, const Onnx__TensorProto *t)
{
    struct constant c = {.name = t->name ? t->name : "", .n = 1};
    bool good = t->n_dims <= MAX_AXES;
    if (t->data_type != FLOAT)
        return 0;
    for (size_t a = 0; good && a < t->n_dims; a++) {
        good = t->dims[a] >= 1 && t->dims[a] <= MAX_FILE &&
               c.n <= MAX_FILE / (size_t)t->dims[a];
        c.dim[c.rank++] = (size_t)t->dims[a];
        c.n *= good ? c.dim[a] : 1;
    }
    size_t there = t->has_raw_data ? t->raw_data.len / 4 : t->n_float_data;
    if (!good || there != c.n || (t->has_raw_data && t->raw_data.len % 4))
        return loom_fail(o->e, LOOM_ERR_FORMAT,
                         "initializer %.60s: %zu numbers for its %zu axes",
                         c.name, there, t->n_dims);
    c.v = loom_malloc(c.n * sizeof(*c.v));
    for (size_t j = 0; j < c.n; j++) {
        if (t->has_raw_data) {
            const uint8_t *b = t->raw_data.data + 4 * j;
            uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8 |
                            (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
            memcpy(&c.v[j], &bits, 4);
        } else {
            c.v[j] = t->float_data[j];
        }
        good = good && isfinite(c.v[j]);
    }
    o->constant =
        loom_realloc(o->constant, (o->n_constants + 1) * sizeof(*o->constant));
    o->constant[o->n_constants++] = c;
    return good ? 0
                : loom_fail(o->e, LOOM_ERR_NAN,
                            "initializer %.60s: it holds what is no number",
                            c.name);
}

/* An input: rows of its other axes. */
static int read_input(struct onnx *o, const Onnx__ValueInfoProto *v)
{
    const Onnx__TensorShapeProto *s =
        v->type && v->type->tensor_type ? v->type->tensor_type->shape : NULL;
    json_t *shape = json_array();
    if (!v->name || constant_named(o, v->name)) { /* older files list them */
        json_decref(shape);
        return 0;
    }
    for (size_t a = 1; s && a < s->n_dim; a++)
        json_array_append_new(shape, json_integer(s->dim[a]->dim_value));
    if (json_array_size(shape))
        return add_layer(o, "input", NULL, 0,
                         json_pack("{s:o}", "shape", shape), v->name, false);
    json_decref(shape);
    return loom_fail(o->e, LOOM_ERR_FORMAT,
                     "input %.60s: its shape is not said", v->name);
}

static bool is_quant(const Onnx__NodeProto *node)
{
    return node->op_type && node->n_input == 4 &&
           (!strcmp(node->op_type, "Quant") ||
            !strcmp(node->op_type, "IntQuant"));
}

/* Constants are quantized first: nodes may come in any order where none needs
 * another. */
static int read_graph(struct onnx *o)
{
    int err = 0;
    if (o->g->n_node > MAX_NODES || o->g->n_initializer > 8 * MAX_NODES)
        err = loom_fail(o->e, LOOM_ERR_FORMAT,
                        "%zu nodes, %zu constants; %d, %d can be handled",
                        o->g->n_node, o->g->n_initializer, MAX_NODES,
                        8 * MAX_NODES);
    for (size_t k = 0; !err && k < o->g->n_initializer; k++)
        err = read_constant(o, o->g->initializer[k]);
    for (size_t k = 0; err >= 0 && k < o->g->n_input; k++)
        err = read_input(o, o->g->input[k]);
    err = err < 0 ? err : 0;
    for (size_t k = 0; !err && k < o->g->n_node; k++) {
        o->node = o->g->node[k];
        const struct constant *c =
            is_quant(o->node) ? constant_named(o, o->node->input[0]) : NULL;
        err = c ? quantize_constant(o, c) : 0;
    }
    for (size_t k = 0; !err && k < o->g->n_node; k++) {
        o->node = o->g->node[k];
        err = translate(o);
    }
    if (err)
        return err;
    const struct tensor *out = o->g->n_output == 1 && o->g->output[0]->name
                                   ? tensor_named(o, o->g->output[0]->name)
                                   : NULL;
    if (!out || out->first)
        return loom_fail(o->e, LOOM_ERR_FORMAT,
                         "its one output must be what a node gives, channels "
                         "last");
    return loom_model_finish(o->m, out->layer, 1, o->e);
}

static int set_values(struct onnx *o)
{
    for (size_t k = 0; k < o->n_values; k++) {
        const struct value *v = &o->value[k];
        struct loom_param *p = loom_model_param(o->m, v->param);
        if (!p || p->n != v->n)
            return loom_fail(o->e, LOOM_ERR_SHAPE,
                             "%s: %zu numbers, where the network has %zu",
                             v->param, v->n, p ? p->n : 0);
        memcpy(o->m->theta + p->at, v->v, p->n * sizeof(float));
    }
    return 0;
}

static void free_all(struct onnx *o)
{
    for (size_t k = 0; k < o->n_constants; k++)
        free(o->constant[k].v);
    for (size_t k = 0; k < o->n_values; k++) {
        free(o->value[k].param);
        free(o->value[k].v);
    }
    free(o->constant);
    free(o->value);
    free(o->tensor);
}

struct loom_model *loom_import_qonnx(const char *path, json_t **info,
                                     struct loom_errmsg *e)
{
    void *bytes = NULL;
    size_t n = 0;
    int err = loom_file_read(path, MAX_FILE, &bytes, &n, e);
    if (err)
        return NULL;
    Onnx__ModelProto *p = onnx__model_proto__unpack(NULL, n, bytes);
    struct onnx o = {.m = loom_model_new(), .e = e};
    free(bytes);
    if (!p || !p->graph) {
        err = loom_fail(e, LOOM_ERR_FORMAT, "no ONNX model, or it is damaged");
    } else {
        o.g = p->graph;
        err = read_graph(&o);
    }
    if (!err)
        err = set_values(&o);
    if (!err)
        *info = json_object();
    free_all(&o);
    if (p)
        onnx__model_proto__free_unpacked(p, NULL);
    if (!err)
        return o.m;
    loom_fail_prefix(e, err, "%s", path);
    loom_model_destroy(o.m);
    return NULL;
}
