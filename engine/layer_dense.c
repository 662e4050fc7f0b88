/* dense: y = x q(W) + q(b), every weight with its own bits.
 * Weights are quantized once a step, with their local derivatives; the batch
 * gradient on q(W) then gives the gradients of W and of its bits by plain
 * products (GW dW, GW df, GW di), so bits need no work for each sample.
 * EBOPs = sum_ij bits(x_i) bits(W_ij) + mean(bits(b)) outputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"

/* Values to be quantized, their quantizer and local derivatives. */
struct weights {
    int value; /* parameter, [n] */
    struct loom_qstate q;
    float *qv, *dx, *di, *df; /* [n] */
    bool fast;                /* has a kernel of its own */
};

struct dense {
    struct weights kernel, bias;
    size_t n_in, ld_in;
    float *w, *wt, *b; /* q(W) [n_in][ld], transposed [n][ld_in]; q(b) [ld] */
    struct loom_qstate *in; /* the quantizer before it */
};

static int read_quantizer(const json_t *conf, const char *name,
                          enum loom_qplace place, struct loom_qconf *c,
                          const char *layer, struct loom_errmsg *e)
{
    const json_t *j = json_object_get(conf, name);
    *c = loom_qconf_default(place);
    if (j && !json_is_object(j))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"%s\" must be a table of quantizer "
                         "fields",
                         layer, name);
    return loom_qconf_read(c, j, layer, e);
}

static void build_weights(struct weights *w, struct loom_model *m,
                          const char *layer, const char *value,
                          const char *quantizer, size_t n,
                          const struct loom_qconf *c)
{
    w->value = loom_model_add_param(m, layer, value, n, true);
    loom_qstate_build(&w->q, m, layer, quantizer, n, c);
    w->fast = c->mode.round == LOOM_RND && c->mode.overflow != LOOM_WRAP;
    w->qv = loom_model_floats(m, n);
    w->dx = loom_model_floats(m, n);
    w->di = loom_model_floats(m, n);
    w->df = loom_model_floats(m, n);
}

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"units", "kernel", "bias", NULL};
    struct dense *s = l->state;
    struct loom_layer *src = &m->layer[l->input[0]];
    struct loom_qconf kernel, bias;
    double units = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "units", 1, 65536, &units, e);
    if (!err && units < 1)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"units\", the number of outputs, is "
                        "missing",
                        l->name);
    if (!err)
        err = read_quantizer(l->conf, "kernel", LOOM_Q_WEIGHT, &kernel, l->name,
                             e);
    if (!err)
        err = read_quantizer(l->conf, "bias", LOOM_Q_BIAS, &bias, l->name, e);
    if (err)
        return err;
    s->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    if (!s->in)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: its input %s is not quantized; put a quantize "
                         "layer between them",
                         l->name, src->name);
    l->n = (size_t)units;
    l->ld = loom_pad(l->n);
    s->n_in = src->n;
    s->ld_in = src->ld;
    build_weights(&s->kernel, m, l->name, "kernel", "kq", s->n_in * l->n,
                  &kernel);
    build_weights(&s->bias, m, l->name, "bias", "bq", l->n, &bias);
    s->w = loom_model_floats(m, s->n_in * l->ld);
    s->wt = loom_model_floats(m, l->n * s->ld_in);
    s->b = loom_model_floats(m, l->ld);
    l->sum_n = s->n_in * l->ld + l->ld;
    return 0;
}

/* Glorot's uniform for the kernel, zero for the bias, as Keras. */
static void init(struct loom_model *m, struct loom_layer *l,
                 struct loom_rng *rng)
{
    struct dense *s = l->state;
    float limit = sqrtf(6.0f / (float)(s->n_in + l->n));
    float *w = loom_theta(m, s->kernel.value);
    for (size_t j = 0; j < s->n_in * l->n; j++)
        w[j] = limit * (float)(2.0 * loom_rng_uniform(rng) - 1.0);
    loom_qstate_init(&s->kernel.q, m);
    loom_qstate_init(&s->bias.q, m);
}

static void prepare_weights(struct weights *w, struct loom_model *m)
{
    struct loom_qstate *q = &w->q;
    const float *v = loom_theta(m, w->value);
    bool wraps = q->conf.mode.overflow == LOOM_WRAP;
    loom_qstate_prepare(q, m);
    /* Trained WRAP weights follow their values in training and are never
     * wrapped, only rounded, as in the reference. */
    if (wraps && m->mode == LOOM_MODE_TRAIN) {
        float *top = w->dx; /* overwritten below */
        for (size_t j = 0; j < q->n; j++)
            top[j] = fabsf(v[j]);
        loom_qstate_track(q, m, top);
    }
    loom_quant_forward(q->conf.mode, v, q->rk, q->ri, q->rf, q->n,
                       m->mode != LOOM_MODE_EVAL || (wraps && q->conf.trained),
                       w->qv);
    if (m->mode == LOOM_MODE_TRAIN)
        loom_quant_backward(q->conf.mode, v, q->rk, q->ri, q->rf, q->n, w->dx,
                            w->di, w->df);
}

static void prepare(struct loom_model *m, struct loom_layer *l)
{
    struct dense *s = l->state;
    prepare_weights(&s->kernel, m);
    prepare_weights(&s->bias, m);
    for (size_t i = 0; i < s->n_in; i++)
        for (size_t j = 0; j < l->n; j++) {
            float v = s->kernel.qv[i * l->n + j];
            s->w[i * l->ld + j] = v;
            s->wt[j * s->ld_in + i] = v;
        }
    memcpy(s->b, s->bias.qv, l->n * sizeof(float));
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct dense *s = l->state;
    m->kernels->gemm(b->rows, l->ld, s->n_in, b->in[0], s->ld_in, s->w, l->ld,
                     s->b, b->out, l->ld);
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct dense *s = l->state;
    m->kernels->gemm_tn(b->rows, l->ld, s->n_in, b->in[0], s->ld_in, b->gout,
                        l->ld, b->sum, l->ld);
    m->kernels->column_sum(b->rows, l->ld, b->gout, l->ld,
                           b->sum + s->n_in * l->ld);
    if (b->gin[0])
        m->kernels->gemm(b->rows, s->ld_in, l->n, b->gout, l->ld, s->wt,
                         s->ld_in, NULL, b->gin[0], s->ld_in);
}

/* Gradients of n_rows x n weights from those of their quantized values,
 * sum[n_rows][ld]. */
static void reduce_weights(struct weights *w, struct loom_model *m,
                           const float *sum, size_t n_rows, size_t n, size_t ld)
{
    float *grad = loom_grad(m, w->value);
    const float *dx = w->dx, *di = w->di, *df = w->df;
    bool wraps = w->q.conf.mode.overflow == LOOM_WRAP;
    for (size_t r = 0; r < n_rows; r++, sum += ld) {
        for (size_t c = 0; c < n; c++)
            grad[r * n + c] = sum[c] * dx[r * n + c];
        loom_qstate_grad(&w->q, m, r * n, n, sum, wraps ? NULL : di + r * n,
                         df + r * n);
    }
}

static void reduce(struct loom_model *m, struct loom_layer *l, const float *sum,
                   const float *top)
{
    struct dense *s = l->state;
    (void)top;
    reduce_weights(&s->kernel, m, sum, s->n_in, l->n, l->ld);
    reduce_weights(&s->bias, m, sum + s->n_in * l->ld, 1, l->n, l->ld);
}

static void trace_weights(struct weights *w, struct loom_model *m)
{
    const float *v = loom_theta(m, w->value);
    float *top = w->dx, *negative = w->di; /* of training, made anew there */
    for (size_t j = 0; j < w->q.n; j++) {
        top[j] = fabsf(v[j]);
        negative[j] = w->qv[j] < 0.0f && w->q.bits[j] > 0.0f;
    }
    loom_qstate_trace(&w->q, m, top, negative);
}

static void trace(struct loom_model *m, struct loom_layer *l, const float *top)
{
    struct dense *s = l->state;
    (void)top;
    trace_weights(&s->kernel, m);
    trace_weights(&s->bias, m);
}

static double ebops(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct dense *s = l->state;
    const float *bx = s->in->bits, *bw = s->kernel.q.bits;
    double total = 0.0, bias = 0.0;
    for (size_t i = 0; i < s->n_in; i++) {
        double row = 0.0;
        for (size_t j = 0; j < l->n; j++)
            row += (double)bw[i * l->n + j];
        total += (double)bx[i] * row;
        if (beta == 0.0f)
            continue;
        loom_qstate_bits_grad(s->in, m, i, 1, beta * (float)row);
        loom_qstate_bits_grad(&s->kernel.q, m, i * l->n, l->n, beta * bx[i]);
    }
    for (size_t j = 0; j < l->n; j++)
        bias += (double)s->bias.q.bits[j];
    if (beta != 0.0f)
        loom_qstate_bits_grad(&s->bias.q, m, 0, l->n, beta);
    return total + bias;
}

/* A weight is pruned when it is quantized to nothing: no bits, or zero. */
static void describe(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row)
{
    const struct dense *s = l->state;
    const float *bw = s->kernel.q.bits, *qv = s->kernel.qv;
    double sum = 0.0, in = 0.0;
    (void)m;
    row->n_in = (int)s->n_in;
    row->n_out = (int)l->n;
    row->weights = (int)(s->n_in * l->n);
    row->n_channels =
        l->n < LOOM_VIEW_CHANNELS ? (int)l->n : LOOM_VIEW_CHANNELS;
    for (int j = 0; j < row->n_channels; j++)
        row->channel_bits[j] = 0.0f;
    for (size_t i = 0; i < s->n_in; i++) {
        in += (double)s->in->bits[i];
        for (size_t j = 0; j < l->n; j++) {
            size_t at = i * l->n + j;
            float b = bw[at] > 0.0f && qv[at] != 0.0f ? bw[at] : 0.0f;
            sum += (double)b;
            row->pruned += b == 0.0f;
            if (j < LOOM_VIEW_CHANNELS)
                row->channel_bits[j] += b / (float)s->n_in;
        }
    }
    row->mean_w_bits = (float)(sum / (double)row->weights);
    row->mean_a_bits = (float)(in / (double)s->n_in);
}

/* v as odd * 2^-f; 0 gives 0, 0. */
static void split_float(float v, int64_t *odd, int *f)
{
    int e;
    float m = frexpf(v, &e);
    *odd = (int64_t)ldexpf(m, 24);
    *f = 24 - e;
    if (!*odd)
        *f = 0;
    while (*odd && !(*odd & 1)) {
        *odd /= 2;
        --*f;
    }
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    struct dense *s = l->state;
    int at = (int)net->n_nodes;
    /* Bits beyond float32's range, as only a damaged file has them. */
    for (size_t j = 0; j < s->n_in * l->n; j++)
        if (!isfinite(s->kernel.qv[j]) || !isfinite(s->bias.qv[j % l->n]))
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: a weight cannot be brought to its bits",
                             l->name);
    struct loom_exact_node *d = loom_exact_append(
        net, LOOM_EXACT_DENSE, l->name, l->n, node[l->input[0]]);
    for (size_t j = 0; j < s->n_in * l->n; j++)
        split_float(s->kernel.qv[j], &d->w[j], &d->wf[j]);
    for (size_t j = 0; j < l->n; j++)
        split_float(s->bias.qv[j], &d->b[j], &d->bf[j]);
    node[l - m->layer] = at;
    return 0;
}

const struct loom_layer_ops loom_layer_dense = {
    .kind = "dense",
    .n_inputs = 1,
    .state_size = sizeof(struct dense),
    .build = build,
    .init = init,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .reduce = reduce,
    .trace = trace,
    .ebops = ebops,
    .describe = describe,
    .freeze = freeze,
};
