/* batch_norm{scale, offset, gamma, beta, epsilon, momentum}: y = q(s) x + q(t)
 * in every channel (the last axis), with s = gamma / sqrt(variance + epsilon)
 * and t = beta - mean s; scale, offset: the quantizers' fields; gamma, beta:
 * false where there is none; beta may be a number that stays. In training mean
 * and variance are those of the batch, gradients flow through them, and the
 * moving ones follow. Source: HGQ2's QBatchNormalization. EBOPs = sum bits(x)
 * bits(s) + elements mean(bits(t)). */
#include <math.h>

#include "engine/layer.h"
#include "engine/moments.h"
#include "engine/weights.h"

struct norm {
    size_t channels, positions, ld_in;
    struct loom_moments of;
    struct loom_weights scale, offset;
    int gamma, beta;                 /* parameters; -1: none */
    float fixed_beta;                /* in its place */
    float *s, *t;                    /* [channels] before they are quantized */
    float *grad_scale, *grad_offset; /* of those */
    struct loom_qstate *in;
};

/* Field `name`, true unless told otherwise. */
static int read_flag(const struct loom_layer *l, const char *name, bool *out,
                     struct loom_errmsg *e)
{
    const json_t *v = json_object_get(l->conf, name);
    *out = !json_is_false(v);
    return !v || json_is_boolean(v)
               ? 0
               : loom_fail(e, LOOM_ERR_ARG,
                           "%s: field \"%s\" must be true or false", l->name,
                           name);
}

/* Whether there is a trained one; a number is one that is not. */
static int read_beta(const struct loom_layer *l, struct norm *s, bool *out,
                     struct loom_errmsg *e)
{
    double fixed = 0;
    if (!json_is_number(json_object_get(l->conf, "beta")))
        return read_flag(l, "beta", out, e);
    int err = loom_conf_number(l->conf, l->name, "beta", -1e9, 1e9, &fixed, e);
    s->fixed_beta = (float)fixed;
    *out = false;
    return err;
}

static void build_room(struct norm *s, struct loom_model *m,
                       struct loom_layer *l)
{
    loom_moments_build(&s->of, m, l->name, s->channels);
    s->s = loom_model_floats(m, s->channels);
    s->t = loom_model_floats(m, s->channels);
    s->grad_scale = loom_model_floats(m, s->channels);
    s->grad_offset = loom_model_floats(m, s->channels);
    l->sum_n = 2 * s->channels;
    l->stat_n = 2 * s->channels;
    l->sync = true;
}

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"scale",   "offset",   "gamma", "beta",
                                        "epsilon", "momentum", NULL};
    struct norm *s = l->state;
    struct loom_layer *src = &m->layer[l->input[0]];
    s->channels = src->shape.dim[src->shape.rank - 1];
    struct loom_shape flat = {1, {s->channels}};
    struct loom_qconf scale, offset;
    bool gamma = true, beta = true;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = read_flag(l, "gamma", &gamma, e);
    if (!err)
        err = read_beta(l, s, &beta, e);
    if (!err)
        err = loom_moments_read(&s->of, l->conf, l->name, 1e-3, e);
    if (!err)
        err = loom_weights_conf(l->conf, "scale", LOOM_Q_WEIGHT, &flat, l->name,
                                &scale, e);
    if (!err)
        err = loom_weights_conf(l->conf, "offset", LOOM_Q_BIAS, &flat, l->name,
                                &offset, e);
    if (err)
        return err;
    s->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    if (!s->in)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: its input %s is not quantized; put a quantize "
                         "layer between them",
                         l->name, src->name);
    s->positions = src->n / s->channels;
    s->ld_in = src->ld;
    loom_layer_shape(l, src->shape.rank, src->shape.dim);
    s->gamma =
        gamma ? loom_model_add_param(m, l->name, "gamma", s->channels, true)
              : -1;
    s->beta =
        beta ? loom_model_add_param(m, l->name, "beta", s->channels, true) : -1;
    loom_weights_build(&s->scale, m, l->name, "kq", &flat, &scale);
    loom_weights_build(&s->offset, m, l->name, "bq", &flat, &offset);
    build_room(s, m, l);
    return 0;
}

static float gamma_of(const struct norm *s, const struct loom_model *m,
                      size_t c)
{
    return s->gamma < 0 ? 1.0f : loom_theta(m, s->gamma)[c];
}

/* The scale and the offset, of the statistics in use. */
static void fuse(struct norm *s, const struct loom_model *m)
{
    for (size_t c = 0; c < s->channels; c++) {
        float beta = s->beta < 0 ? s->fixed_beta : loom_theta(m, s->beta)[c];
        s->s[c] = gamma_of(s, m, c) / sqrtf(s->of.variance[c] + s->of.epsilon);
        s->t[c] = beta - s->of.mean[c] * s->s[c];
    }
}

static void init(struct loom_model *m, struct loom_layer *l,
                 struct loom_rng *rng)
{
    struct norm *s = l->state;
    (void)rng;
    for (size_t c = 0; s->gamma >= 0 && c < s->channels; c++)
        loom_theta(m, s->gamma)[c] = 1.0f;
    loom_moments_init(&s->of, m);
    loom_moments_use_moving(&s->of, m);
    fuse(s, m);
    loom_weights_init(&s->scale, m, s->s);
    loom_weights_init(&s->offset, m, s->t);
}

static void quantize(struct norm *s, struct loom_model *m)
{
    fuse(s, m);
    loom_weights_prepare(&s->scale, m, s->s);
    loom_weights_prepare(&s->offset, m, s->t);
}

static void prepare(struct loom_model *m, struct loom_layer *l)
{
    struct norm *s = l->state;
    if (loom_in_step(m))
        return; /* when the statistics are known */
    loom_moments_use_moving(&s->of, m);
    quantize(s, m);
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct norm *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t p = 0; p < s->positions; p++) {
            size_t at = p * s->channels;
            const float *x = b->in[0] + r * s->ld_in + at;
            float *y = b->out + r * l->ld + at;
            for (size_t c = 0; c < s->channels; c++)
                y[c] = x[c] * s->scale.qv[c] + s->offset.qv[c];
        }
}

static void look(const struct loom_model *m, const struct loom_layer *l,
                 const struct loom_block *b)
{
    const struct norm *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        loom_moments_add(&s->of, b->in[0] + r * s->ld_in, s->channels,
                         s->positions, b->stat);
}

static void sync(struct loom_model *m, struct loom_layer *l, const double *stat,
                 const float *top, size_t rows)
{
    struct norm *s = l->state;
    (void)top;
    loom_moments_use_batch(&s->of, stat, (double)(rows * s->positions));
    quantize(s, m);
}

/* Gradients on q(s), then on q(t). */
static void look_back(const struct loom_model *m, const struct loom_layer *l,
                      const struct loom_block *b)
{
    const struct norm *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t p = 0; p < s->positions; p++) {
            const float *x = b->in[0] + r * s->ld_in + p * s->channels;
            const float *g = b->gout + r * l->ld + p * s->channels;
            for (size_t c = 0; c < s->channels; c++) {
                b->sum[c] += g[c] * x[c];
                b->sum[s->channels + c] += g[c];
            }
        }
}

/* Gradient on s itself: its own and that of the offset. */
static float scale_gradient(const struct norm *s, size_t c)
{
    return s->grad_scale[c] - s->grad_offset[c] * s->of.mean[c];
}

static void sync_back(struct loom_model *m, struct loom_layer *l,
                      const float *sum, size_t rows)
{
    struct norm *s = l->state;
    (void)rows;
    for (size_t c = 0; c < s->channels; c++) {
        float over = 1.0f / (s->of.variance[c] + s->of.epsilon);
        s->grad_scale[c] = sum[c] * loom_weights_slope(&s->scale, m, c);
        s->grad_offset[c] =
            sum[s->channels + c] * loom_weights_slope(&s->offset, m, c);
        loom_moments_back(&s->of, c, -s->grad_offset[c] * s->s[c],
                          -0.5f * scale_gradient(s, c) * s->s[c] * over);
    }
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct norm *s = l->state;
    (void)m;
    for (size_t r = 0; b->gin[0] && r < b->rows; r++)
        for (size_t p = 0; p < s->positions; p++) {
            size_t at = p * s->channels;
            const float *x = b->in[0] + r * s->ld_in + at;
            const float *g = b->gout + r * l->ld + at;
            float *gx = b->gin[0] + r * s->ld_in + at;
            for (size_t c = 0; c < s->channels; c++)
                gx[c] = g[c] * s->scale.qv[c] + s->of.shift[c] +
                        s->of.slope[c] * x[c];
        }
}

static void reduce(struct loom_model *m, struct loom_layer *l, const float *sum,
                   const float *top)
{
    struct norm *s = l->state;
    size_t n = s->channels;
    (void)top;
    loom_weights_reduce(&s->scale, m, sum, 1, n, n, s->grad_scale);
    loom_weights_reduce(&s->offset, m, sum + n, 1, n, n, s->grad_offset);
    for (size_t c = 0; c < n; c++) {
        float root = sqrtf(s->of.variance[c] + s->of.epsilon);
        if (s->gamma >= 0)
            loom_grad(m, s->gamma)[c] = scale_gradient(s, c) / root;
        if (s->beta >= 0)
            loom_grad(m, s->beta)[c] = s->grad_offset[c];
    }
    loom_moments_follow(&s->of, m);
}

static void trace(struct loom_model *m, struct loom_layer *l, const float *top)
{
    struct norm *s = l->state;
    (void)top;
    loom_weights_trace(&s->scale, m, s->s);
    loom_weights_trace(&s->offset, m, s->t);
}

static double ebops(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct norm *s = l->state;
    const float *bx = s->in->bits, *bs = s->scale.q.bits;
    double total = 0.0; /* v1 counts products only */
    double shifts = s->offset.q.conf.v1 ? 0.0 : (double)s->positions;
    for (size_t c = 0; c < s->channels; c++) {
        double x = 0.0;
        for (size_t p = 0; p < s->positions; p++) {
            size_t j = p * s->channels + c;
            x += (double)bx[j];
            if (beta != 0.0f)
                loom_qstate_bits_grad(s->in, m, j, 1, beta * bs[c]);
        }
        total += x * (double)bs[c] +
                 (double)s->offset.q.bits[c] * shifts;
        if (beta != 0.0f)
            loom_qstate_bits_grad(&s->scale.q, m, c, 1, beta * (float)x);
    }
    if (beta != 0.0f)
        loom_qstate_bits_grad(&s->offset.q, m, 0, s->channels,
                              beta * (float)shifts);
    return total;
}

static void describe(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row)
{
    const struct norm *s = l->state;
    double in = 0.0, sum = 0.0;
    (void)m;
    row->n_in = (int)l->n;
    row->n_out = (int)l->n;
    row->weights = (int)s->channels;
    for (size_t i = 0; i < s->in->n; i++)
        in += (double)s->in->bits[i];
    for (size_t c = 0; c < s->channels; c++) {
        float bits = s->scale.qv[c] != 0.0f ? s->scale.q.bits[c] : 0.0f;
        sum += (double)bits;
        row->pruned += bits == 0.0f;
    }
    row->mean_w_bits = (float)(sum / (double)s->channels);
    row->mean_a_bits = (float)(in / (double)s->in->n);
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct norm *s = l->state;
    if (!loom_weights_finite(&s->scale) || !loom_weights_finite(&s->offset))
        return loom_fail(e, LOOM_ERR_RANGE,
                         "%s: a scale or an offset cannot be brought to its "
                         "bits",
                         l->name);
    int at = (int)net->n_nodes;
    struct loom_exact_node *d = loom_exact_append(
        net, LOOM_EXACT_LINEAR, l->name, l->n, &node[l->input[0]], 1);
    for (size_t j = 0; j < l->n; j++) {
        loom_exact_push(d, j, s->scale.qv[j % s->channels]);
        d->start[j + 1] = d->n_terms;
        loom_exact_split(s->offset.qv[j % s->channels], &d->b[j], &d->bf[j]);
    }
    node[l - m->layer] = at;
    return 0;
}

const struct loom_layer_ops loom_layer_batch_norm = {
    .kind = "batch_norm",
    .n_inputs = 1,
    .state_size = sizeof(struct norm),
    .build = build,
    .init = init,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .look = look,
    .sync = sync,
    .look_back = look_back,
    .sync_back = sync_back,
    .reduce = reduce,
    .trace = trace,
    .ebops = ebops,
    .describe = describe,
    .freeze = freeze,
};
