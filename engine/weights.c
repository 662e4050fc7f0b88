#include "engine/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"

int loom_weights_conf(const json_t *conf, const char *name,
                      enum loom_qplace place, const struct loom_shape *shape,
                      const char *layer, struct loom_qconf *out,
                      struct loom_errmsg *e)
{
    const json_t *j = json_object_get(conf, name);
    *out = loom_qconf_default(place);
    if (j && !json_is_object(j))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"%s\" must be a table of quantizer "
                         "fields",
                         layer, name);
    return loom_qconf_read(out, j, shape, layer, e);
}

void loom_weights_build(struct loom_weights *w, struct loom_model *m,
                        const char *layer, const char *quantizer,
                        const struct loom_shape *shape,
                        const struct loom_qconf *conf)
{
    loom_qstate_build(&w->q, m, layer, quantizer, shape, conf);
    w->qv = loom_model_floats(m, w->q.n);
    w->dx = loom_model_floats(m, w->q.n);
    w->di = loom_model_floats(m, w->q.n);
    w->df = loom_model_floats(m, w->q.n);
    w->kept = loom_model_floats(m, 2 * w->q.groups);
}

static bool wraps(const struct loom_weights *w)
{
    return w->q.conf.mode.overflow == LOOM_WRAP;
}

void loom_weights_init(const struct loom_weights *w, struct loom_model *m,
                       const float *v)
{
    loom_qstate_init(&w->q, m);
    loom_qstate_adapt(&w->q, m, v);
}

/* What the vector kernel can do: rounding half up, saturating. */
static bool is_plain(const struct loom_qstate *q)
{
    return q->conf.mode.round == LOOM_RND && !q->conf.stochastic &&
           q->conf.mode.overflow != LOOM_WRAP;
}

/* What the range of a wrapping quantizer follows: KIF's values on their grid,
 * KBI's, whose grid depends on the range, as they are. */
static void magnitudes(const struct loom_qstate *q, const float *v, float *top)
{
    for (size_t j = 0; j < q->n; j++) {
        float y = v[j];
        if (q->conf.type == LOOM_KIF)
            y = loom_quant_one(q->conf.mode, y, q->rk[j], q->ri[j], q->rf[j],
                               true);
        top[j] = fabsf(y);
    }
}

/* The range first; the sign is that of what is left after rounding by it. */
void loom_weights_trace(struct loom_weights *w, struct loom_model *m,
                        const float *v)
{
    struct loom_qstate *q = &w->q;
    float *top = w->dx, *negative = w->di; /* of training, made anew there */
    if (!wraps(w) || !q->conf.trained)
        return;
    magnitudes(q, v, top);
    memset(negative, 0, q->n * sizeof(*negative));
    loom_qstate_trace(q, m, top, negative);
    for (size_t j = 0; j < q->n; j++) {
        float y = loom_quant_one(q->conf.mode, v[j], q->rk[j], q->ri[j],
                                 q->rf[j], true);
        negative[j] = y < 0.0f && q->bits[j] > 0.0f;
    }
    loom_qstate_trace(q, m, top, negative);
}

/* As loom_weights_trace would leave the bits, without storing them. */
static void try_trace(struct loom_weights *w, struct loom_model *m,
                      const float *v)
{
    size_t n = w->q.groups;
    float *i = loom_theta(m, w->q.i), *k = loom_theta(m, w->q.k);
    memcpy(w->kept, i, n * sizeof(float));
    memcpy(w->kept + n, k, n * sizeof(float));
    loom_weights_trace(w, m, v);
    memcpy(i, w->kept, n * sizeof(float));
    memcpy(k, w->kept + n, n * sizeof(float));
}

static float quantize_one(const struct loom_weights *w,
                          const struct loom_model *m, float v, size_t j)
{
    const struct loom_qstate *q = &w->q;
    bool only_round =
        wraps(w) && q->conf.trained &&
        (q->conf.type == LOOM_KIF ||
         q->conf.mode.round == LOOM_RND); /* as in the reference */
    if (m->mode == LOOM_MODE_TRAIN && q->conf.stochastic)
        return loom_quant_draw(
            q->conf.mode, v, q->rk[j], q->ri[j], q->rf[j],
            loom_rng_noise(loom_rng_key(m->noise, (uint64_t)q->bf), j));
    if (m->mode == LOOM_MODE_EVAL && !only_round)
        return loom_quant_infer(q->conf.mode, v, q->rk[j], q->ri[j], q->rf[j]);
    return loom_quant_one(q->conf.mode, v, q->rk[j], q->ri[j], q->rf[j], true);
}

/* Place of the highest bit of |v|, counted up from 2^-1; -infinity for 0. */
static float high_bit(float v)
{
    int e;
    frexpf(v, &e);
    return v != 0.0f ? (float)e : -INFINITY;
}

/* v1's bits: in training the places from the highest bit of those that share
 * them down to the grid, else those that each weight's bits span. */
static void count_v1(struct loom_weights *w, enum loom_mode mode)
{
    struct loom_qstate *q = &w->q;
    const uint32_t *group = q->group;
    float *high = q->bits; /* of a group first: that lies in front */
    if (mode != LOOM_MODE_TRAIN) {
        for (size_t j = 0; j < q->n; j++) {
            int64_t odd;
            int f;
            loom_exact_split(w->qv[j], &odd, &f);
            q->bits[j] = high_bit((float)llabs(odd));
            q->bits[j] = fmaxf(q->bits[j], 0.0f);
        }
        return;
    }
    for (size_t g = 0; g < q->groups; g++)
        high[g] = -INFINITY;
    for (size_t j = 0; j < q->n; j++) {
        size_t g = group ? group[j] : j;
        high[g] = fmaxf(high[g], high_bit(w->qv[j]));
    }
    for (size_t j = q->n; j-- > 0;)
        q->bits[j] = fmaxf(high[group ? group[j] : j] + q->rf[j], 0.0f);
}

static void quantize(struct loom_weights *w, struct loom_model *m,
                     const float *v)
{
    struct loom_qstate *q = &w->q;
    if (m->mode == LOOM_MODE_REAL) {
        memcpy(w->qv, v, q->n * sizeof(*v));
        return;
    }
    loom_qstate_prepare(q, m);
    /* Trained WRAP weights follow their values in training and are never
     * wrapped, only rounded, as in the reference. */
    if (wraps(w) && m->mode == LOOM_MODE_TRAIN) {
        float *top = w->dx; /* overwritten below */
        magnitudes(q, v, top);
        loom_qstate_track(q, m, top, NULL);
    }
    if (m->mode == LOOM_MODE_TRACE)
        try_trace(w, m, v);
    if (m->mode == LOOM_MODE_TRAIN && is_plain(q)) {
        float symmetric = q->conf.mode.overflow == LOOM_SAT_SYM ? 1.0f : 0.0f;
        m->kernels->saturate(q->n, symmetric, v, q->rk, q->ri, q->rf, w->qv,
                             w->dx, w->di, w->df);
        return;
    }
    for (size_t j = 0; j < q->n; j++)
        w->qv[j] = quantize_one(w, m, v[j], j);
    if (m->mode == LOOM_MODE_TRAIN)
        loom_quant_backward(q->conf.mode, v, w->qv, q->rk, q->ri, q->rf, q->n,
                            w->dx, w->di, w->df);
    if (q->conf.v1)
        count_v1(w, m->mode);
}

void loom_weights_prepare(struct loom_weights *w, struct loom_model *m,
                          const float *v)
{
    quantize(w, m, v);
    for (size_t j = 0; w->missing && j < w->q.n; j++)
        if (w->missing[j])
            w->dx[j] = w->di[j] = w->df[j] = w->q.bits[j] = 0.0f;
}

void loom_weights_bits_grad(const struct loom_weights *w, struct loom_model *m,
                            size_t j, size_t n, float g)
{
    if (!w->missing)
        loom_qstate_bits_grad(&w->q, m, j, n, g);
    for (size_t c = j; w->missing && c < j + n; c++)
        if (!w->missing[c])
            loom_qstate_bits_grad(&w->q, m, c, 1, g);
}

void loom_weights_reduce(struct loom_weights *w, struct loom_model *m,
                         const float *sum, size_t n_rows, size_t n, size_t ld,
                         float *grad)
{
    const float *dx = w->dx, *di = w->di, *df = w->df;
    for (size_t r = 0; r < n_rows; r++, sum += ld) {
        if (m->mode == LOOM_MODE_REAL) {
            memcpy(grad + r * n, sum, n * sizeof(*sum));
            continue;
        }
        for (size_t c = 0; c < n; c++)
            grad[r * n + c] = sum[c] * dx[r * n + c];
        loom_qstate_grad(&w->q, m, r * n, n, sum, wraps(w) ? NULL : di + r * n,
                         df + r * n);
    }
}

bool loom_weights_finite(const struct loom_weights *w)
{
    for (size_t j = 0; j < w->q.n; j++)
        if (!isfinite(w->qv[j]))
            return false;
    return true;
}
