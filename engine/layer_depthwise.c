/* depthwise_conv2d{size, multiplier, stride, padding, parallel, kernel, bias,
 * norm}:
 * every channel has filters of its own, `multiplier` of them; the kernel is
 * [rows][columns][channels][multiplier], output channel c multiplier + j is of
 * input channel c. Weights, their bits and the fields are those of affine.h,
 * whose patches here list channel 0 of each place. EBOPs as conv2d. */
#include <math.h>
#include <string.h>

#include "engine/affine.h"
#include "engine/window.h"

struct depthwise {
    struct loom_affine a; /* k: places of a window */
    size_t channels, multiplier;
};

static int read_fields(struct loom_window *w, size_t *multiplier,
                       double *parallel, const struct loom_model *m,
                       const struct loom_layer *l, struct loom_errmsg *e)
{
    static const char *const names[] = {"size",    "multiplier", "stride",
                                        "padding", "parallel",   "kernel",
                                        "bias",    "norm",       NULL};
    double n = 1;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "multiplier", 1, 65536, &n, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "parallel", 1, 1 << 24,
                              parallel, e);
    *multiplier = (size_t)n;
    return err ? err
               : loom_window_read(w, l->conf, "size", false, 2,
                                  &m->layer[l->input[0]], l->name, e);
}

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    struct depthwise *s = l->state;
    struct loom_affine *a = &s->a;
    struct loom_window w;
    double parallel = 0;
    int err = read_fields(&w, &s->multiplier, &parallel, m, l, e);
    if (err)
        return err;
    s->channels = w.channels;
    a->units = w.channels * s->multiplier;
    a->positions = w.n_positions;
    a->k = w.n;
    a->kernel_shape = (struct loom_shape){
        4, {w.size[0], w.size[1], w.channels, s->multiplier}};
    a->bias_positions = m->layer[l->input[0]].n / w.channels;
    a->share = parallel > 0 ? parallel / (double)a->positions : 1.0;
    int32_t *patch =
        loom_model_memory(m, a->positions * a->k, sizeof(*a->patch));
    for (size_t j = 0; patch && j < a->positions * a->k; j++)
        patch[j] = loom_window_at(&w, j / a->k, j % a->k);
    a->patch = patch;
    loom_window_shape(&w, a->units, l);
    err = loom_affine_build(a, m, l, e);
    l->affine = false; /* no product that another layer could be part of */
    l->work_n = a->norm ? a->ldu : 0;
    return err;
}

/* Glorot's uniform by what an output reads, and what reads an input. */
static void init(struct loom_model *m, struct loom_layer *l,
                 struct loom_rng *rng)
{
    const struct depthwise *s = l->state;
    const struct loom_affine *a = &s->a;
    loom_affine_init(m, l, rng);
    float *w = loom_theta(m, a->kernel_value);
    float wider = sqrtf((float)(1 + a->units) / (float)(1 + s->multiplier));
    for (size_t j = 0; j < a->k * a->units; j++)
        w[j] *= wider;
}

/* ---- a block ----------------------------------------------------------- */

/* y [units], of position p of a row x, plus the products with w [k][ldu]. */
static void add_products(const struct depthwise *s, size_t p, const float *x,
                         const float *w, float *y)
{
    const struct loom_affine *a = &s->a;
    for (size_t k = 0; k < a->k; k++, w += a->ldu) {
        int32_t at = a->patch[p * a->k + k];
        for (size_t c = 0; at >= 0 && c < s->channels; c++)
            for (size_t j = 0; j < s->multiplier; j++)
                y[c * s->multiplier + j] +=
                    x[(size_t)at + c] * w[c * s->multiplier + j];
    }
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct depthwise *s = l->state;
    const struct loom_affine *a = &s->a;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t p = 0; p < a->positions; p++) {
            float *y = b->out + r * l->ld + p * a->units;
            for (size_t u = 0; u < a->units; u++)
                y[u] = a->has_bias ? a->b[u] : 0.0f;
            add_products(s, p, b->in[0] + r * a->ld_in, a->w, y);
        }
}

/* Position p of a row x: from g [units] the sums of the gradients on weights,
 * if there are any to keep, and those on the input by way of w. */
static void backward_at(const struct depthwise *s, size_t p, const float *x,
                        const float *g, const float *w, float *gx, float *sum)
{
    const struct loom_affine *a = &s->a;
    for (size_t k = 0; k < a->k; k++, w += a->ldu) {
        int32_t at = a->patch[p * a->k + k];
        for (size_t u = 0; at >= 0 && u < a->units; u++) {
            size_t i = (size_t)at + u / s->multiplier;
            if (sum)
                sum[k * a->ldu + u] += x[i] * g[u];
            if (gx)
                gx[i] += w[u] * g[u];
        }
    }
}

/* Back to the weights, unless they have had theirs in look_back, and to the
 * inputs unless gin[0] is NULL. */
static void backward_plain(const struct loom_layer *l,
                           const struct loom_block *b, bool weights)
{
    const struct depthwise *s = l->state;
    const struct loom_affine *a = &s->a;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t p = 0; p < a->positions; p++) {
            const float *g = b->gout + r * l->ld + p * a->units;
            backward_at(s, p, b->in[0] + r * a->ld_in, g, a->w,
                        b->gin[0] ? b->gin[0] + r * a->ld_in : NULL,
                        weights ? b->sum : NULL);
            for (size_t u = 0; weights && u < a->units; u++)
                b->sum[a->k * a->ldu + u] += g[u];
        }
}

/* x W, W in float, of position p of row r: in the block's room. */
static float *float_product(const struct depthwise *s,
                            const struct loom_block *b, size_t r, size_t p)
{
    const struct loom_affine *a = &s->a;
    float *z = b->work;
    memset(z, 0, a->ldu * sizeof(*z));
    add_products(s, p, b->in[0] + r * a->ld_in, a->float_w, z);
    return z;
}

/* What goes by way of a norm's statistics. */
static void backward_norm(const struct loom_layer *l,
                          const struct loom_block *b)
{
    const struct depthwise *s = l->state;
    const struct loom_affine *a = &s->a;
    const struct loom_moments *of = &a->norm_of;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t p = 0; p < a->positions; p++) {
            float *z = float_product(s, b, r, p);
            for (size_t u = 0; u < a->units; u++)
                z[u] = of->shift[u] + of->slope[u] * z[u];
            backward_at(s, p, b->in[0] + r * a->ld_in, z, a->float_w,
                        b->gin[0] ? b->gin[0] + r * a->ld_in : NULL,
                        b->sum + (a->k + 1) * a->ldu);
        }
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct loom_affine *a = &((const struct depthwise *)l->state)->a;
    (void)m;
    if (b->gin[0])
        memset(b->gin[0], 0, b->rows * a->ld_in * sizeof(float));
    backward_plain(l, b, !a->norm);
    if (a->norm)
        backward_norm(l, b);
}

static void look(const struct loom_model *m, const struct loom_layer *l,
                 const struct loom_block *b)
{
    const struct depthwise *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t p = 0; p < s->a.positions; p++)
            loom_moments_add(&s->a.norm_of, float_product(s, b, r, p), s->a.ldu,
                             1, b->stat);
}

static void look_back(const struct loom_model *m, const struct loom_layer *l,
                      const struct loom_block *b)
{
    struct loom_block weights = *b;
    (void)m;
    weights.gin[0] = NULL;
    backward_plain(l, &weights, true);
}

/* ---- cost, integers ---------------------------------------------------- */

static double ebops(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct depthwise *s = l->state;
    struct loom_affine *a = &s->a;
    const float *bx = a->in->bits, *bw = a->kernel.q.bits;
    double total = 0.0;
    float share = beta * (float)a->share;
    for (size_t k = 0; k < a->k; k++)
        for (size_t u = 0; u < a->units; u++) {
            double column = 0.0;
            float weight = bw[k * a->units + u];
            for (size_t p = 0; p < a->positions; p++) {
                int32_t at = a->patch[p * a->k + k];
                if (at < 0)
                    continue;
                size_t i = (size_t)at + u / s->multiplier;
                column += (double)bx[i];
                if (beta != 0.0f)
                    loom_qstate_bits_grad(a->in, m, i, 1, share * weight);
            }
            total += column * (double)weight;
            if (beta != 0.0f)
                loom_qstate_bits_grad(&a->kernel.q, m, k * a->units + u, 1,
                                      share * (float)column);
        }
    return total * a->share + loom_affine_bias_ebops(m, a, beta);
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct depthwise *s = l->state;
    const struct loom_affine *a = &s->a;
    int at = (int)net->n_nodes, err = loom_affine_check(a, l, e);
    if (err)
        return err;
    struct loom_exact_node *d = loom_exact_append(
        net, LOOM_EXACT_LINEAR, l->name, l->n, &node[l->input[0]], 1);
    d->block = s->multiplier;
    for (size_t j = 0; j < l->n; j++) {
        size_t p = j / a->units, u = j % a->units;
        for (size_t k = 0; k < a->k; k++) {
            int32_t from = a->patch[p * a->k + k];
            if (from >= 0)
                loom_exact_push(d, (size_t)from + u / s->multiplier,
                                a->kernel.qv[k * a->units + u]);
        }
        d->start[j + 1] = d->n_terms;
        if (a->has_bias)
            loom_exact_split(a->bias.qv[u], &d->b[j], &d->bf[j]);
    }
    node[l - m->layer] = at;
    return 0;
}

const struct loom_layer_ops loom_layer_depthwise_conv2d = {
    .kind = "depthwise_conv2d",
    .n_inputs = 1,
    .state_size = sizeof(struct depthwise),
    .build = build,
    .init = init,
    .prepare = loom_affine_prepare,
    .forward = forward,
    .backward = backward,
    .look = look,
    .sync = loom_affine_sync,
    .look_back = look_back,
    .sync_back = loom_affine_sync_back,
    .reduce = loom_affine_reduce,
    .trace = loom_affine_trace,
    .ebops = ebops,
    .describe = loom_affine_describe,
    .freeze = freeze,
    .weights = loom_affine_weights,
};
