/* quantize: one set of bits an input element, shared by all rows.
 * The surrogate gradient of f is ln2 times the sum over rows of g (x - q);
 * with WRAP and RND, the usual case, forward and backward are two fused
 * passes; other modes take the scalar reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"

struct quantize {
    struct loom_qstate q;
    float *scale, *inverse;       /* [ld] 2^f, 2^-f */
    float *modulus, *over, *bias; /* [ld] of wrapping, in evaluation */
    float *unit; /* [n] what the sums are to be multiplied by */
    bool fast;
    bool waits; /* KBI with WRAP: its f follows the range of the whole batch */
};

static const float LN2 = 0.693147180559945309f;

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    struct quantize *s = l->state;
    struct loom_qconf c = loom_qconf_default(LOOM_Q_DATA);
    const struct loom_shape shape = m->layer[l->input[0]].shape;
    int err = loom_qconf_read(&c, l->conf, &shape, l->name, e);
    if (err)
        return err;
    if (c.adapt)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: quantizer field \"adapt\" is for weights, not "
                         "for data",
                         l->name);
    loom_layer_shape(l, shape.rank, shape.dim);
    s->fast = c.mode.round == LOOM_RND && c.mode.overflow == LOOM_WRAP &&
              !c.stochastic;
    /* The layer's parameters carry the quantizer's own name ("dense_0/iq"):
     * nothing stands between it and k, i, f. */
    loom_qstate_build(&s->q, m, l->name, "", &shape, &c);
    s->scale = loom_model_floats(m, l->ld);
    s->inverse = loom_model_floats(m, l->ld);
    s->modulus = loom_model_floats(m, l->ld);
    s->over = loom_model_floats(m, l->ld);
    s->bias = loom_model_floats(m, l->ld);
    s->unit = loom_model_floats(m, l->n);
    for (size_t j = 0; s->unit && j < l->n; j++)
        s->unit[j] = s->fast ? LN2 : 1.0f;
    l->sum_n = 2 * l->ld; /* gradients on f, i */
    s->waits = c.type == LOOM_KBI && c.mode.overflow == LOOM_WRAP && c.trained;
    l->sync = s->waits;
    l->top_n = (c.v1 || s->waits ? 3 : 2) * l->ld; /* |q|, -q, q or |x| */
    return 0;
}

static void init(struct loom_model *m, struct loom_layer *l,
                 struct loom_rng *rng)
{
    struct quantize *s = l->state;
    (void)rng;
    loom_qstate_init(&s->q, m);
}

/* From the bits read. */
static void set_grid(const struct loom_model *m, const struct loom_layer *l)
{
    const struct quantize *s = l->state;
    const struct loom_qstate *q = &s->q;
    for (size_t j = 0; j < l->n; j++) {
        float i = q->ri[j] > -q->rf[j] ? q->ri[j] : -q->rf[j];
        bool dead =
            m->mode == LOOM_MODE_EVAL && q->rk[j] + q->ri[j] + q->rf[j] <= 0.0f;
        s->scale[j] = dead ? 0.0f : loom_exp2i(q->rf[j]);
        s->inverse[j] = loom_exp2i(-q->rf[j]);
        s->modulus[j] = dead ? 1.0f : loom_exp2i(q->rk[j] + i);
        s->over[j] = 1.0f / s->modulus[j];
        s->bias[j] = dead ? 0.0f : 0.5f * q->rk[j] * s->modulus[j];
    }
}

static void prepare(struct loom_model *m, struct loom_layer *l)
{
    struct quantize *s = l->state;
    loom_qstate_prepare(&s->q, m);
    set_grid(m, l);
}

/* Where a quantizer that waits keeps the largest |x|. */
static size_t raw_top(const struct loom_layer *l)
{
    return 2 * l->ld;
}

static void look(const struct loom_model *m, const struct loom_layer *l,
                 const struct loom_block *b)
{
    float *top = b->top + raw_top(l);
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            top[j] = fmaxf(top[j], fabsf(b->in[0][r * l->ld + j]));
}

static void sync(struct loom_model *m, struct loom_layer *l, const double *stat,
                 const float *top, size_t rows)
{
    struct quantize *s = l->state;
    (void)stat;
    (void)rows;
    if (m->mode == LOOM_MODE_REAL)
        return;
    loom_qstate_track(&s->q, m, top + raw_top(l), NULL);
    set_grid(m, l);
}

static void forward_eval(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    const struct quantize *s = l->state;
    const struct loom_qstate *q = &s->q;
    if (s->fast) {
        m->kernels->wrap(b->rows, l->ld, b->in[0], l->ld, s->scale, s->inverse,
                         s->modulus, s->over, s->bias, b->out);
        return;
    }
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            b->out[r * l->ld + j] =
                loom_quant_infer(q->conf.mode, b->in[0][r * l->ld + j],
                                 q->rk[j], q->ri[j], q->rf[j]);
}

/* top[j] = the largest of it and sign * y[j] over the rows. */
static void raise_top(const struct loom_block *b, size_t ld, float sign,
                      float *top)
{
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < ld; j++) {
            float v = sign * b->out[r * ld + j];
            top[j] = top[j] > v ? top[j] : v;
        }
}

/* Stochastic rounding: what is drawn depends on step, row and element alone. */
static void draw(const struct loom_model *m, const struct loom_layer *l,
                 const struct loom_block *b)
{
    const struct loom_qstate *q = &((const struct quantize *)l->state)->q;
    uint64_t key = loom_rng_key(m->noise, (uint64_t)q->bf);
    for (size_t r = 0; r < b->rows; r++) {
        uint64_t row = loom_rng_key(key, b->first + r);
        for (size_t j = 0; j < l->n; j++)
            b->out[r * l->ld + j] =
                loom_quant_draw(q->conf.mode, b->in[0][r * l->ld + j], q->rk[j],
                                q->ri[j], q->rf[j], loom_rng_noise(row, j));
    }
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct quantize *s = l->state;
    const struct loom_qstate *q = &s->q;
    if (m->mode == LOOM_MODE_EVAL) {
        forward_eval(m, l, b);
        return;
    }
    if (s->fast) {
        m->kernels->round(b->rows, l->ld, b->in[0], l->ld, s->scale, s->inverse,
                          b->out, b->top);
    } else {
        if (q->conf.stochastic && m->mode == LOOM_MODE_TRAIN)
            draw(m, l, b);
        else
            for (size_t r = 0; r < b->rows; r++)
                loom_quant_forward(q->conf.mode, b->in[0] + r * l->ld, q->rk,
                                   q->ri, q->rf, l->n, true,
                                   b->out + r * l->ld);
        raise_top(b, l->ld, 1.0f, b->top);
        raise_top(b, l->ld, -1.0f, b->top);
    }
    if (m->mode == LOOM_MODE_TRACE || q->conf.v1)
        raise_top(b, l->ld, -1.0f, b->top + l->ld);
    if (q->conf.v1)
        raise_top(b, l->ld, 1.0f, b->top + 2 * l->ld);
    if (s->waits && m->mode == LOOM_MODE_TRACE)
        look(m, l, b);
}

bool loom_quantize_grid(const struct loom_layer *l, const float **scale,
                        const float **inverse)
{
    const struct quantize *s = l->state;
    *scale = s->scale;
    *inverse = s->inverse;
    /* v1 looks at signs, too. */
    return s->fast && !s->q.conf.v1 && !s->waits;
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct quantize *s = l->state;
    const struct loom_qstate *q = &s->q;
    if (m->mode == LOOM_MODE_REAL) {
        if (b->gin[0])
            memcpy(b->gin[0], b->gout, b->rows * l->ld * sizeof(float));
        return;
    }
    if (s->fast) {
        m->kernels->error_dot(b->rows, l->ld, b->gout, b->in[0], b->out, l->ld,
                              b->sum);
        if (b->gin[0] && b->gin[0] != b->gout)
            memcpy(b->gin[0], b->gout, b->rows * l->ld * sizeof(float));
        return;
    }
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++) {
            float dx, di, df, g = b->gout[r * l->ld + j];
            loom_quant_backward(q->conf.mode, &b->in[0][r * l->ld + j],
                                &b->out[r * l->ld + j], &q->rk[j], &q->ri[j],
                                &q->rf[j], 1, &dx, &di, &df);
            b->sum[j] += g * df;
            b->sum[l->ld + j] += g * di;
            if (b->gin[0])
                b->gin[0][r * l->ld + j] = g * dx;
        }
}

static void reduce(struct loom_model *m, struct loom_layer *l, const float *sum,
                   const float *top)
{
    struct quantize *s = l->state;
    loom_qstate_grad(&s->q, m, 0, l->n, s->unit, sum + l->ld, sum);
    if (!s->waits)
        loom_qstate_track(&s->q, m, top, top + l->ld);
}

static void trace(struct loom_model *m, struct loom_layer *l, const float *top)
{
    struct quantize *s = l->state;
    bool third = s->q.conf.v1 || s->waits;
    loom_qstate_trace(&s->q, m, third ? top + 2 * l->ld : top, top + l->ld);
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct quantize *s = l->state;
    const struct loom_qstate *q = &s->q;
    const struct loom_layer *src = &m->layer[l->input[0]];
    int at = (int)net->n_nodes;
    bool first = loom_model_raw(m, l->input[0], 0) >= 0;
    node[l - m->layer] = at;
    if (src->ops->value)
        return loom_function_freeze(src, l->name, q, net, node[src->input[0]],
                                    e);
    struct loom_exact_node *d =
        loom_exact_append(net, first ? LOOM_EXACT_INPUT : LOOM_EXACT_QUANTIZE,
                          l->name, l->n, &node[l->input[0]], 1);
    d->round = q->conf.mode.round;
    d->overflow = q->conf.mode.overflow;
    if (first)
        loom_model_raw_node(m, l->input[0], d);
    for (size_t j = 0; j < l->n; j++)
        d->format[j] = (struct loom_fixed){
            (int8_t)q->rk[j], (int16_t)fminf(fmaxf(q->ri[j], -999), 999),
            (int16_t)fminf(fmaxf(q->rf[j], -999), 999)};
    return 0;
}

static struct loom_qstate *output_bits(struct loom_layer *l)
{
    return &((struct quantize *)l->state)->q;
}

const struct loom_layer_ops loom_layer_quantize = {
    .kind = "quantize",
    .n_inputs = 1,
    .state_size = sizeof(struct quantize),
    .build = build,
    .init = init,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .look = look,
    .sync = sync,
    .reduce = reduce,
    .trace = trace,
    .freeze = freeze,
    .output_bits = output_bits,
};
