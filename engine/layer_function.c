/* function{name, scale}: a function of scale x, for every element x: tanh,
 * sigmoid, exp, inverse (1 / (x + 1e-7)), softplus, softsign, silu, gelu, elu,
 * selu. function{values, from, to}: straight lines through values at equal
 * distances from `from` to `to`, constant beyond.
 *
 * In integers it is a table of what float32 gives for each value that the
 * input can take, so the input must be quantized to few bits. A quantizer
 * behind it is applied to the entries: then that quantizer's node is the table,
 * and the function has none of its own.
 *
 * EBOPs as HGQ2 counts them, for each quantizer behind it: 1e-4 times the sum
 * of 2^b_in b_out; nothing where it is not between two quantizers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"
#include "engine/mem.h"

enum { MAX_TABLE = 1 << 22, MAX_POINTS = 1 << 16 };

struct function {
    float (*value)(const struct function *s, float x);
    /* Derivative at x, where the value is y. */
    float (*slope)(const struct function *s, float x, float y);
    float scale;
    float *point;    /* [n_points] of a given one */
    float from, per; /* points per unit of x */
    size_t n_points;
    struct loom_qstate *in; /* the quantizer before it; NULL: none */
};

/* ---- the functions ----------------------------------------------------- */

#define FUNCTION(word, y_of_x, slope_of_xy)                                    \
    static float word##_value(const struct function *s, float x)               \
    {                                                                          \
        (void)s;                                                               \
        return y_of_x;                                                         \
    }                                                                          \
    static float word##_slope(const struct function *s, float x, float y)      \
    {                                                                          \
        (void)s;                                                               \
        (void)x;                                                               \
        (void)y;                                                               \
        return slope_of_xy;                                                    \
    }

static float logistic(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* Of the normal distribution: below x, and its density. */
static float normal_cdf(float x)
{
    return 0.5f * erfcf(-0.70710678118654752f * x);
}

static float normal_pdf(float x)
{
    return 0.3989422804014327f * expf(-0.5f * x * x);
}

static const float SELU = 1.0507009873554805f, SELU_ALPHA = 1.6732632423543772f;

/* clang-format off */
FUNCTION(tanh, tanhf(x), 1.0f - y * y)
FUNCTION(sigmoid, logistic(x), y * (1.0f - y))
FUNCTION(exp, expf(x), y)
FUNCTION(inverse, 1.0f / (x + 1e-7f), -y * y)
FUNCTION(softplus, x > 20.0f ? x : log1pf(expf(x)), logistic(x))
FUNCTION(softsign, x / (1.0f + fabsf(x)),
         1.0f / ((1.0f + fabsf(x)) * (1.0f + fabsf(x))))
FUNCTION(silu, x * logistic(x),
         logistic(x) * (1.0f + x * (1.0f - logistic(x))))
FUNCTION(gelu, x * normal_cdf(x), normal_cdf(x) + x * normal_pdf(x))
FUNCTION(elu, x > 0.0f ? x : expm1f(x), x > 0.0f ? 1.0f : y + 1.0f)
FUNCTION(selu, SELU * (x > 0.0f ? x : SELU_ALPHA * expm1f(x)),
         x > 0.0f ? SELU : y + SELU * SELU_ALPHA)
/* clang-format on */

/* The point before x, at most the last but one; *t in [0, 1] from there. */
static size_t place(const struct function *s, float x, float *t)
{
    float last = (float)(s->n_points - 1), at = (x - s->from) * s->per;
    at = at > 0.0f ? at : 0.0f;
    at = at < last ? at : last;
    size_t k = (size_t)at;
    k = k < s->n_points - 1 ? k : s->n_points - 2;
    *t = at - (float)k;
    return k;
}

static float given_value(const struct function *s, float x)
{
    float t;
    const float *p = s->point + place(s, x, &t);
    return p[0] + (p[1] - p[0]) * t;
}

static float given_slope(const struct function *s, float x, float y)
{
    float t, at = (x - s->from) * s->per;
    const float *p = s->point + place(s, x, &t);
    (void)y;
    return at >= 0.0f && at < (float)(s->n_points - 1) ? (p[1] - p[0]) * s->per
                                                       : 0.0f;
}

static float value(const struct loom_layer *l, size_t j, float x)
{
    const struct function *s = l->state;
    (void)j;
    return s->value(s, s->scale * x);
}

/* ---- building ---------------------------------------------------------- */

static int read_name(struct function *s, const struct loom_layer *l,
                     struct loom_errmsg *e)
{
#define KNOWN(word)                                                            \
    {                                                                          \
#word, word##_value, word##_slope                                      \
    }
    static const struct {
        const char *name;
        float (*value)(const struct function *, float);
        float (*slope)(const struct function *, float, float);
    } known[] = {KNOWN(tanh),     KNOWN(sigmoid),  KNOWN(exp),  KNOWN(inverse),
                 KNOWN(softplus), KNOWN(softsign), KNOWN(silu), KNOWN(gelu),
                 KNOWN(elu),      KNOWN(selu)};
    const char *name = json_string_value(json_object_get(l->conf, "name"));
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        if (name && !strcmp(name, known[k].name)) {
            s->value = known[k].value;
            s->slope = known[k].slope;
            return 0;
        }
    return loom_fail(e, LOOM_ERR_ARG,
                     "%s: field \"name\" must be \"tanh\", \"sigmoid\", "
                     "\"exp\", \"inverse\", \"softplus\", \"softsign\", "
                     "\"silu\", \"gelu\", \"elu\" or \"selu\"",
                     l->name);
}

static int read_values(struct function *s, struct loom_model *m,
                       const struct loom_layer *l, struct loom_errmsg *e)
{
    const json_t *values = json_object_get(l->conf, "values"), *v;
    double from = -8, to = 8;
    size_t n = json_array_size(values), k;
    bool good = n >= 2 && n <= MAX_POINTS;
    int err = loom_conf_number(l->conf, l->name, "from", -1e6, 1e6, &from, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "to", -1e6, 1e6, &to, e);
    if (err)
        return err;
    s->point = loom_model_floats(m, good ? n : 0);
    json_array_foreach(values, k, v)
    {
        double y = json_number_value(v);
        good = good && s->point && json_is_number(v) && fabs(y) < 1e30;
        if (good)
            s->point[k] = (float)y;
    }
    if (!good || !(to > from))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"values\" must be 2 to %d numbers, at "
                         "equal distances from \"from\" to \"to\", which is "
                         "above it",
                         l->name, MAX_POINTS);
    s->n_points = n;
    s->from = (float)from;
    s->per = (float)((double)(n - 1) / (to - from));
    s->value = given_value;
    s->slope = given_slope;
    return 0;
}

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"name", "scale", "values",
                                        "from", "to",    NULL};
    struct function *s = l->state;
    struct loom_layer *src = &m->layer[l->input[0]];
    double scale = 1;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "scale", -1e6, 1e6, &scale, e);
    if (!err)
        err = json_object_get(l->conf, "values") ? read_values(s, m, l, e)
                                                 : read_name(s, l, e);
    s->scale = (float)scale;
    s->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    loom_layer_shape(l, src->shape.rank, src->shape.dim);
    return err;
}

/* ---- values ------------------------------------------------------------ */

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            b->out[r * l->ld + j] = value(l, j, b->in[0][r * l->ld + j]);
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct function *s = l->state;
    (void)m;
    for (size_t r = 0; b->gin[0] && r < b->rows; r++)
        for (size_t j = r * l->ld; j < r * l->ld + l->n; j++)
            b->gin[0][j] = b->gout[j] * s->scale *
                           s->slope(s, s->scale * b->in[0][j], b->out[j]);
}

/* ---- cost -------------------------------------------------------------- */

/* The next layer from `from` on that reads l, or the number of layers. */
static int next_reader(const struct loom_model *m, const struct loom_layer *l,
                       int from)
{
    for (; from < m->n_layers; from++)
        for (int i = 0; i < m->layer[from].n_inputs; i++)
            if (&m->layer[m->layer[from].input[i]] == l)
                return from;
    return from;
}

struct loom_qstate *loom_function_reader(const struct loom_model *m,
                                         const struct loom_layer *l)
{
    for (int k = next_reader(m, l, 0); k < m->n_layers;
         k = next_reader(m, l, k + 1))
        if (m->layer[k].ops == &loom_layer_quantize)
            return m->layer[k].ops->output_bits(&m->layer[k]);
    return NULL;
}

static double table_ebops(struct loom_model *m, struct loom_qstate *in,
                          struct loom_qstate *out, float beta)
{
    const double unit = 1e-4, ln2 = 0.693147180559945309;
    double total = 0.0;
    for (size_t j = 0; j < in->n; j++) {
        double entries = exp2((double)in->bits[j]), b = (double)out->bits[j];
        total += unit * entries * b;
        if (beta == 0.0f)
            continue;
        loom_qstate_bits_grad(in, m, j, 1,
                              (float)((double)beta * unit * ln2 * entries * b));
        loom_qstate_bits_grad(out, m, j, 1,
                              (float)((double)beta * unit * entries));
    }
    return total;
}

static double ebops(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct function *s = l->state;
    double total = 0.0;
    for (int k = next_reader(m, l, 0); k < m->n_layers;
         k = next_reader(m, l, k + 1)) {
        struct loom_layer *r = &m->layer[k];
        if (s->in && !s->in->conf.v1 && r->ops == &loom_layer_quantize)
            total += table_ebops(m, s->in, r->ops->output_bits(r), beta);
    }
    return total;
}

static void describe(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row)
{
    const struct function *s = l->state;
    double sum = 0.0;
    (void)m;
    for (size_t j = 0; s->in && j < l->n; j++)
        sum += (double)s->in->bits[j];
    row->n_in = row->n_out = (int)l->n;
    row->mean_a_bits = s->in ? (float)(sum / (double)l->n) : -1.0f;
}

/* ---- integers ---------------------------------------------------------- */

/* Entry for x 2^-x_f at element j. */
static float entry(const struct loom_layer *l, const struct loom_qstate *q,
                   size_t j, int64_t x, int x_f)
{
    float y = l->ops->value(l, j, (float)ldexp((double)x, -x_f));
    return q ? loom_quant_infer(q->conf.mode, y, q->rk[j], q->ri[j], q->rf[j])
             : y;
}

/* One step finer than all entries of element j, so that each is whole. */
static int finest_step(const struct loom_layer *l, const struct loom_qstate *q,
                       size_t j, const struct loom_exact_elem *x)
{
    int finest = 0;
    for (int64_t v = x->lo; v <= x->hi; v++) {
        int64_t odd;
        int f;
        loom_exact_split(entry(l, q, j, v, x->f), &odd, &f);
        finest = odd && f > finest ? f : finest;
    }
    return finest;
}

static bool fill(const struct loom_layer *l, const struct loom_qstate *q,
                 size_t j, const struct loom_exact_elem *x, int f,
                 int64_t *table)
{
    for (int64_t v = x->lo; v <= x->hi; v++) {
        double y = ldexp((double)entry(l, q, j, v, x->f), f);
        if (!(fabs(y) < 0x1p62))
            return false;
        *table++ = (int64_t)y;
    }
    return true;
}

static int count_entries(const struct loom_exact_node *in, const char *name,
                         size_t *total, struct loom_errmsg *e)
{
    *total = 0;
    for (size_t j = 0; j < in->n && *total <= MAX_TABLE; j++) {
        const struct loom_exact_elem *x = &in->elem[j];
        *total += x->hi - x->lo < MAX_TABLE ? (size_t)(x->hi - x->lo) + 1
                                            : MAX_TABLE + 1;
    }
    if (*total <= MAX_TABLE)
        return 0;
    return loom_fail(e, LOOM_ERR_RANGE,
                     "%s: its table needs more than %d entries; quantize the "
                     "function's input to fewer bits",
                     name, MAX_TABLE);
}

int loom_function_freeze(const struct loom_layer *l, const char *name,
                         const struct loom_qstate *q, struct loom_exact *net,
                         int in, struct loom_errmsg *e)
{
    size_t total;
    int err = loom_exact_intervals(net, e); /* of what is there so far */
    if (!err)
        err = count_entries(&net->nodes[in], name, &total, e);
    if (err)
        return err;
    struct loom_exact_node *d =
        loom_exact_append(net, LOOM_EXACT_TABLE, name, l->n, &in, 1);
    const struct loom_exact_elem *x = net->nodes[in].elem;
    d->at = loom_calloc(l->n, sizeof(*d->at));
    d->table_f = loom_calloc(l->n, sizeof(*d->table_f));
    d->table = loom_calloc(total, sizeof(*d->table));
    for (size_t j = 0; j < l->n; j++) {
        d->table_f[j] = finest_step(l, q, j, &x[j]);
        d->at[j] = d->n_table;
        if (!fill(l, q, j, &x[j], d->table_f[j], d->table + d->n_table))
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: element %zu needs more than 62 bits; bound "
                             "the range of the function's input",
                             name, j);
        d->n_table += (size_t)(x[j].hi - x[j].lo) + 1;
    }
    return 0;
}

/* Quantizers behind it make their own tables; others read the raw one. */
int loom_function_lower(struct loom_model *m, struct loom_layer *l,
                        struct loom_exact *net, int *node,
                        struct loom_errmsg *e)
{
    bool raw = l == &m->layer[m->output];
    int in = node[l->input[0]], err = 0;
    for (int k = next_reader(m, l, 0); k < m->n_layers;
         k = next_reader(m, l, k + 1))
        raw |= m->layer[k].ops != &loom_layer_quantize;
    node[l - m->layer] = in;
    if (raw) {
        node[l - m->layer] = (int)net->n_nodes;
        err = loom_function_freeze(l, l->name, NULL, net, in, e);
    }
    return err;
}

const struct loom_layer_ops loom_layer_function = {
    .kind = "function",
    .n_inputs = 1,
    .state_size = sizeof(struct function),
    .build = build,
    .forward = forward,
    .backward = backward,
    .ebops = ebops,
    .describe = describe,
    .freeze = loom_function_lower,
    .value = value,
};
