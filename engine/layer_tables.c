/* tables{hidden}: for every element a trained function of its own, which ends
 * as a table: y = b2 + sum over h of w2_h s(w1_h x + b1_h), `hidden` of them, s
 * being x (27 + x^2) / (27 + 9 x^2), which is tanh but for 3 %, and 1 from 3
 * on, where it becomes level. Behind a broadcast and in front of a sum that is
 * HGQ-LUT's dense layer: a function for each connection.
 *
 * In integers it is what `function` is, a table for each element. The quantizer
 * before it says how many inputs its table has, the one behind it how many
 * outputs; EBOPs as HGQ2's QDenseT counts them, with m and n of those bits, the
 * sign among them: sum over the tables of n (c / 2 + 1), c being 2^(m-5) from 5
 * inputs on, m / 5 below, where the 1 is for the sum. */
#include <math.h>

#include "engine/layer.h"

struct tables {
    size_t hidden;
    int w1, b1, w2, b2;     /* parameters [n][hidden], b2 [n] */
    const float *v[4];      /* their values */
    struct loom_qstate *in; /* the quantizer before it */
};

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"hidden", NULL};
    struct tables *s = l->state;
    struct loom_layer *src = &m->layer[l->input[0]];
    double hidden = 8;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "hidden", 1, 256, &hidden, e);
    s->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    if (!err && !s->in)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: its input %s is not quantized; put a quantize "
                        "layer between them",
                        l->name, src->name);
    if (err)
        return err;
    loom_layer_shape(l, src->shape.rank, src->shape.dim);
    s->hidden = (size_t)hidden;
    size_t n = l->n * s->hidden;
    s->w1 = loom_model_add_param(m, l->name, "w1", n, true);
    s->b1 = loom_model_add_param(m, l->name, "b1", n, true);
    s->w2 = loom_model_add_param(m, l->name, "w2", n, true);
    s->b2 = loom_model_add_param(m, l->name, "b2", l->n, true);
    l->sum_n = 3 * n + l->n;
    return 0;
}

static void uniform(float *v, size_t n, double limit, struct loom_rng *rng)
{
    for (size_t j = 0; j < n; j++)
        v[j] = (float)(limit * (2.0 * loom_rng_uniform(rng) - 1.0));
}

/* Glorot's uniform, of one input and `hidden` outputs and back, and functions
 * of which each bends somewhere else; so many that are summed over the first
 * axis should give what one would. */
static void init(struct loom_model *m, struct loom_layer *l,
                 struct loom_rng *rng)
{
    const struct tables *s = l->state;
    size_t n = l->n * s->hidden;
    double limit = sqrt(6.0 / (double)(s->hidden + 1));
    uniform(loom_theta(m, s->w1), n, limit, rng);
    uniform(loom_theta(m, s->b1), n, 1.0, rng);
    uniform(loom_theta(m, s->w2), n, limit / sqrt((double)l->shape.dim[0]),
            rng);
}

static void prepare(struct loom_model *m, struct loom_layer *l)
{
    struct tables *s = l->state;
    const int param[] = {s->w1, s->b1, s->w2, s->b2};
    for (int k = 0; k < 4; k++)
        s->v[k] = loom_theta(m, param[k]);
}

/* ---- values ------------------------------------------------------------ */

static inline float squash(float x)
{
    x = x > 3.0f ? 3.0f : x < -3.0f ? -3.0f : x;
    return x * (27.0f + x * x) / (27.0f + 9.0f * x * x);
}

static inline float squash_slope(float x)
{
    x = x > 3.0f ? 3.0f : x < -3.0f ? -3.0f : x;
    float t = (9.0f - x * x) / (9.0f + 3.0f * x * x);
    return t * t;
}

static float value(const struct loom_layer *l, size_t j, float x)
{
    const struct tables *s = l->state;
    size_t at = j * s->hidden;
    const float *w1 = s->v[0] + at, *b1 = s->v[1] + at, *w2 = s->v[2] + at;
    float y = s->v[3][j];
    for (size_t h = 0; h < s->hidden; h++)
        y += w2[h] * squash(w1[h] * x + b1[h]);
    return y;
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            b->out[r * l->ld + j] = value(l, j, b->in[0][r * l->ld + j]);
}

/* Table j at x with gradient g: sums of those on its parameters; the one on
 * x. */
static float backward_at(const struct loom_layer *l, size_t j, float x, float g,
                         float *sum)
{
    const struct tables *s = l->state;
    size_t at = j * s->hidden, n = l->n * s->hidden;
    const float *w1 = s->v[0] + at, *b1 = s->v[1] + at, *w2 = s->v[2] + at;
    float *g1 = sum + at, *gb = g1 + n, *g2 = gb + n, gx = 0.0f;
    for (size_t h = 0; h < s->hidden; h++) {
        float z = w1[h] * x + b1[h], back = g * w2[h] * squash_slope(z);
        g1[h] += back * x;
        gb[h] += back;
        g2[h] += g * squash(z);
        gx += back * w1[h];
    }
    sum[3 * n + j] += g;
    return gx;
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++) {
            size_t at = r * l->ld + j;
            float gx = backward_at(l, j, b->in[0][at], b->gout[at], b->sum);
            if (b->gin[0])
                b->gin[0][at] = gx;
        }
}

static void reduce(struct loom_model *m, struct loom_layer *l, const float *sum,
                   const float *top)
{
    const struct tables *s = l->state;
    const int param[] = {s->w1, s->b1, s->w2, s->b2};
    (void)top;
    for (int k = 0; k < 4; k++) {
        size_t n = m->param[param[k]].n;
        float *grad = loom_grad(m, param[k]);
        for (size_t j = 0; j < n; j++)
            grad[j] = sum[j];
        sum += n;
    }
}

/* ---- cost -------------------------------------------------------------- */

/* All bits of element j, 0 where there are none. */
static double width(const struct loom_qstate *q, size_t j)
{
    return q->bits[j] > 0.0f ? (double)(q->bits[j] + q->rk[j]) : 0.0;
}

static double ebops(struct loom_model *m, struct loom_layer *l, float beta)
{
    const struct tables *s = l->state;
    struct loom_qstate *out = loom_function_reader(m, l);
    const double ln2 = 0.693147180559945309;
    double total = 0.0;
    for (size_t j = 0; out && j < l->n; j++) {
        double in = width(s->in, j), n = width(out, j);
        double c = in >= 5.0 ? exp2(in - 5.0) : in / 5.0;
        double slope = in >= 5.0 ? ln2 * c : 0.2;
        total += n * (0.5 * c + 1.0);
        if (beta == 0.0f)
            continue;
        loom_qstate_bits_grad(s->in, m, j, 1,
                              (float)((double)beta * 0.5 * slope * n));
        loom_qstate_bits_grad(out, m, j, 1,
                              (float)((double)beta * (0.5 * c + 1.0)));
    }
    return total;
}

static void describe(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row)
{
    const struct tables *s = l->state;
    double sum = 0.0;
    (void)m;
    for (size_t j = 0; j < l->n; j++)
        sum += width(s->in, j);
    row->n_in = row->n_out = (int)l->n;
    row->mean_a_bits = (float)(sum / (double)l->n);
}

const struct loom_layer_ops loom_layer_tables = {
    .kind = "tables",
    .n_inputs = 1,
    .state_size = sizeof(struct tables),
    .build = build,
    .init = init,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .reduce = reduce,
    .ebops = ebops,
    .describe = describe,
    .freeze = loom_function_lower,
    .value = value,
};
