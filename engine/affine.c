#include "engine/affine.h"

#include <math.h>
#include <string.h>

/* ---- building ---------------------------------------------------------- */

static int read_norm(struct loom_affine *a, const struct loom_layer *l,
                     struct loom_errmsg *e)
{
    static const char *const names[] = {"epsilon", "momentum", NULL};
    const json_t *j = json_object_get(l->conf, "norm");
    a->norm = j && !json_is_false(j);
    if (j && !json_is_boolean(j) && !json_is_object(j))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"norm\" must be true, false or a table of "
                         "epsilon and momentum",
                         l->name);
    int err = json_is_object(j) ? loom_conf_check(j, l->name, names, e) : 0;
    /* The epsilon that HGQ2 uses, whatever its layer says. */
    return err ? err : loom_moments_read(&a->norm_of, j, l->name, 1e-7, e);
}

static int read_penalties(const struct loom_affine *a, struct loom_model *m,
                          const struct loom_layer *l, struct loom_errmsg *e)
{
    double l1 = 0, l2 = 0;
    int err = loom_conf_number(l->conf, l->name, "kernel_l1", 0, 1e6, &l1, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "kernel_l2", 0, 1e6, &l2, e);
    m->param[a->kernel_value].absolute = (float)l1;
    m->param[a->kernel_value].square = (float)l2;
    return err;
}

/* Zeros and ones of nested lists, in their order, from missing[n] on; the
 * number behind the last, or an error. */
static int read_ones(const json_t *j, bool *missing, int n, int most)
{
    const json_t *v;
    size_t k;
    if (!json_is_array(j)) {
        double x = json_is_number(j) ? json_number_value(j) : -1.0;
        if (n >= most || (x != 0.0 && x != 1.0))
            return LOOM_ERR_ARG;
        missing[n] = x == 0.0;
        return n + 1;
    }
    json_array_foreach(j, k, v)
    {
        n = n < 0 ? n : read_ones(v, missing, n, most);
    }
    return n;
}

static int read_mask(struct loom_affine *a, struct loom_model *m,
                     const struct loom_layer *l, struct loom_errmsg *e)
{
    const json_t *j = json_object_get(l->conf, "mask");
    int n = (int)(a->k * a->units);
    bool *missing =
        j ? loom_model_memory(m, (size_t)n, sizeof(*missing)) : NULL;
    a->kernel.missing = missing;
    if (!missing || read_ones(j, missing, 0, n) == n)
        return 0;
    return loom_fail(e, LOOM_ERR_SHAPE,
                     "%s: field \"mask\" must be %d zeros and ones, %zu for "
                     "each of %zu inputs of an output",
                     l->name, n, a->units, a->k);
}

static int add_param(const struct loom_affine *a, struct loom_model *m,
                     const struct loom_layer *l, const char *name, bool trained)
{
    return loom_model_add_param(m, l->name, name, a->units, trained);
}

static void build_norm(struct loom_affine *a, struct loom_model *m,
                       struct loom_layer *l)
{
    a->gamma = add_param(a, m, l, "gamma", true);
    loom_moments_build(&a->norm_of, m, l->name, a->units);
    a->scale = loom_model_floats(m, a->units);
    a->fused_kernel = loom_model_floats(m, a->k * a->units);
    a->fused_bias = loom_model_floats(m, a->units);
    a->grad_kernel = loom_model_floats(m, a->k * a->units);
    a->grad_bias = loom_model_floats(m, a->units);
    a->float_w = loom_model_floats(m, a->k * a->ldu);
    l->stat_n = 2 * a->units;
    l->sync = true;
}

static void build_room(struct loom_affine *a, struct loom_model *m,
                       struct loom_layer *l)
{
    size_t rows = a->norm ? 2 * a->ldu : a->units;
    a->w = loom_model_floats(m, a->k * a->ldu);
    a->wt = loom_model_floats(m, rows * a->ldk);
    a->b = loom_model_floats(m, a->ldu);
    l->sum_n = a->k * a->ldu + a->ldu;
    l->bias_at = a->k * a->ldu;
    if (a->norm)
        l->sum_n += a->k * a->ldu; /* by way of the statistics */
    loom_affine_lay(a, l);
}

int loom_affine_build(struct loom_affine *a, struct loom_model *m,
                      struct loom_layer *l, struct loom_errmsg *e)
{
    struct loom_layer *src = &m->layer[l->input[0]];
    struct loom_shape flat = {1, {a->units}};
    struct loom_qconf kernel, bias;
    a->has_bias = !json_is_false(json_object_get(l->conf, "bias"));
    int err = loom_weights_conf(l->conf, "kernel", LOOM_Q_WEIGHT,
                                &a->kernel_shape, l->name, &kernel, e);
    if (!err && a->has_bias)
        err = loom_weights_conf(l->conf, "bias", LOOM_Q_BIAS, &flat, l->name,
                                &bias, e);
    if (!err)
        err = read_norm(a, l, e);
    if (err)
        return err;
    a->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    if (!a->in)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: its input %s is not quantized; put a quantize "
                         "layer between them",
                         l->name, src->name);
    if (a->norm && !a->has_bias)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"norm\" needs the bias, which is its "
                         "shift",
                         l->name);
    a->ld_in = src->ld;
    a->ldu = loom_pad(a->units);
    a->ldk = loom_pad(a->k);
    a->kernel_value =
        loom_model_add_param(m, l->name, "kernel", a->k * a->units, true);
    err = read_penalties(a, m, l, e);
    if (err)
        return err;
    loom_weights_build(&a->kernel, m, l->name, "kq", &a->kernel_shape, &kernel);
    err = read_mask(a, m, l, e);
    if (err)
        return err;
    if (a->patch) /* v1 counts a weight once for each place that has its own */
        a->kernel.q.share /= sqrtf((float)((double)a->positions * a->share));
    if (a->has_bias) {
        a->bias_value = add_param(a, m, l, "bias", true);
        loom_weights_build(&a->bias, m, l->name, "bq", &flat, &bias);
    }
    if (a->norm)
        build_norm(a, m, l);
    build_room(a, m, l);
    return 0;
}

void loom_affine_init(struct loom_model *m, struct loom_layer *l,
                      struct loom_rng *rng)
{
    const struct loom_affine *a = l->state;
    /* Keras counts the spatial extent of a kernel into both fans. */
    const struct loom_shape *s = &a->kernel_shape;
    size_t field = 1;
    for (int d = 0; d < s->rank - 2; d++)
        field *= s->dim[d];
    size_t fans = a->k + field * a->units;
    float limit = sqrtf(6.0f / (float)fans);
    float *w = loom_theta(m, a->kernel_value);
    for (size_t j = 0; j < a->k * a->units; j++)
        w[j] = limit * (float)(2.0 * loom_rng_uniform(rng) - 1.0);
    loom_weights_init(&a->kernel, m, w);
    if (a->has_bias)
        loom_weights_init(&a->bias, m, loom_theta(m, a->bias_value));
    if (!a->norm)
        return;
    loom_moments_init(&a->norm_of, m);
    for (size_t u = 0; u < a->units; u++)
        loom_theta(m, a->gamma)[u] = 1.0f;
}

/* ---- once a step ------------------------------------------------------- */

/* The scale and what is quantized, of the statistics in use. */
static void fuse(struct loom_affine *a, const struct loom_model *m)
{
    const float *w = loom_theta(m, a->kernel_value);
    const float *b = loom_theta(m, a->bias_value);
    const float *gamma = loom_theta(m, a->gamma);
    const struct loom_moments *s = &a->norm_of;
    for (size_t u = 0; u < a->units; u++) {
        a->scale[u] = gamma[u] / sqrtf(s->variance[u] + s->epsilon);
        a->fused_bias[u] = b[u] - s->mean[u] * a->scale[u];
    }
    for (size_t k = 0; k < a->k; k++)
        for (size_t u = 0; u < a->units; u++)
            a->fused_kernel[k * a->units + u] =
                w[k * a->units + u] * a->scale[u];
}

/* What is quantized. */
static const float *kernel_values(const struct loom_affine *a,
                                  const struct loom_model *m)
{
    return a->norm ? a->fused_kernel : loom_theta(m, a->kernel_value);
}

static const float *bias_values(const struct loom_affine *a,
                                const struct loom_model *m)
{
    return a->norm ? a->fused_bias : loom_theta(m, a->bias_value);
}

/* v [k][units] as [k][ldu], and transposed as [units][ldk]. */
static void lay_out(const struct loom_affine *a, const float *v, float *w,
                    float *wt)
{
    /* Line by line as they are written: other threads have read them. */
    for (size_t k = 0; k < a->k; k++)
        memcpy(w + k * a->ldu, v + k * a->units, a->units * sizeof(*w));
    for (size_t u = 0; u < a->units; u++)
        for (size_t k = 0; k < a->k; k++)
            wt[u * a->ldk + k] = v[k * a->units + u];
}

static void quantize(struct loom_affine *a, struct loom_model *m)
{
    loom_weights_prepare(&a->kernel, m, kernel_values(a, m));
    lay_out(a, a->kernel.qv, a->w, a->wt);
    if (!a->has_bias)
        return;
    loom_weights_prepare(&a->bias, m, bias_values(a, m));
    memcpy(a->b, a->bias.qv, a->units * sizeof(float));
}

void loom_affine_prepare(struct loom_model *m, struct loom_layer *l)
{
    struct loom_affine *a = l->state;
    const bool *missing = a->kernel.missing;
    for (size_t j = 0; missing && j < a->k * a->units; j++)
        if (missing[j])
            loom_theta(m, a->kernel_value)[j] = 0.0f;
    if (a->norm && loom_in_step(m)) {
        lay_out(a, loom_theta(m, a->kernel_value), a->float_w,
                a->wt + a->ldu * a->ldk);
        return; /* to go on when the statistics are known */
    }
    if (a->norm) {
        loom_moments_use_moving(&a->norm_of, m);
        fuse(a, m);
    }
    quantize(a, m);
}

void loom_affine_sync(struct loom_model *m, struct loom_layer *l,
                      const double *stat, const float *top, size_t rows)
{
    struct loom_affine *a = l->state;
    (void)top;
    loom_moments_use_batch(&a->norm_of, stat, (double)(rows * a->positions));
    fuse(a, m);
    quantize(a, m);
}

/* Gradient on the scale of unit u: that of the fused kernel's column, and of
 * the fused bias. */
static float scale_gradient(const struct loom_affine *a,
                            const struct loom_model *m, size_t u)
{
    const float *w = loom_theta(m, a->kernel_value);
    float sum = -a->grad_bias[u] * a->norm_of.mean[u];
    for (size_t k = 0; k < a->k; k++)
        sum += a->grad_kernel[k * a->units + u] * w[k * a->units + u];
    return sum;
}

void loom_affine_sync_back(struct loom_model *m, struct loom_layer *l,
                           const float *sum, size_t rows)
{
    struct loom_affine *a = l->state;
    const struct loom_moments *s = &a->norm_of;
    (void)rows;
    for (size_t k = 0; k < a->k; k++)
        for (size_t u = 0; u < a->units; u++) {
            size_t j = k * a->units + u;
            a->grad_kernel[j] =
                sum[k * a->ldu + u] * loom_weights_slope(&a->kernel, m, j);
        }
    for (size_t u = 0; u < a->units; u++) {
        a->grad_bias[u] =
            sum[a->k * a->ldu + u] * loom_weights_slope(&a->bias, m, u);
        float over = 1.0f / (s->variance[u] + s->epsilon);
        loom_moments_back(&a->norm_of, u, -a->grad_bias[u] * a->scale[u],
                          -0.5f * scale_gradient(a, m, u) * a->scale[u] * over);
    }
}

/* From the gradients on the fused values, and those of W by way of the
 * statistics [k][ldu]. */
static void reduce_norm(struct loom_affine *a, struct loom_model *m,
                        const float *through)
{
    const struct loom_moments *s = &a->norm_of;
    float *grad = loom_grad(m, a->kernel_value);
    float *gamma = loom_grad(m, a->gamma);
    memcpy(loom_grad(m, a->bias_value), a->grad_bias, a->units * sizeof(float));
    for (size_t u = 0; u < a->units; u++) {
        gamma[u] = scale_gradient(a, m, u) / sqrtf(s->variance[u] + s->epsilon);
        for (size_t k = 0; k < a->k; k++)
            grad[k * a->units + u] =
                a->kernel.missing && a->kernel.missing[k * a->units + u]
                    ? 0.0f
                    : a->grad_kernel[k * a->units + u] * a->scale[u] +
                          through[k * a->ldu + u];
    }
    loom_moments_follow(s, m);
}

void loom_affine_reduce(struct loom_model *m, struct loom_layer *l,
                        const float *sum, const float *top)
{
    struct loom_affine *a = l->state;
    (void)top;
    float *kernel = a->norm ? a->grad_kernel : loom_grad(m, a->kernel_value);
    loom_weights_reduce(&a->kernel, m, sum, a->k, a->units, a->ldu, kernel);
    if (a->has_bias)
        loom_weights_reduce(
            &a->bias, m, sum + a->k * a->ldu, 1, a->units, a->ldu,
            a->norm ? a->grad_bias : loom_grad(m, a->bias_value));
    if (a->norm)
        reduce_norm(a, m, sum + (a->k + 1) * a->ldu);
}

void loom_affine_trace(struct loom_model *m, struct loom_layer *l,
                       const float *top)
{
    struct loom_affine *a = l->state;
    (void)top;
    loom_weights_trace(&a->kernel, m, kernel_values(a, m));
    if (a->has_bias)
        loom_weights_trace(&a->bias, m, bias_values(a, m));
}

/* ---- cost, report, integers -------------------------------------------- */

int32_t loom_affine_element(const struct loom_affine *a, size_t p, size_t k)
{
    return a->patch ? a->patch[p * a->k + k] : (int32_t)(p * a->k + k);
}

double loom_affine_bias_ebops(struct loom_model *m, struct loom_affine *a,
                              float beta)
{
    double bias = 0.0;
    if (!a->has_bias || a->bias.q.conf.v1) /* v1 does not count it */
        return 0.0;
    for (size_t u = 0; u < a->units; u++)
        bias += (double)a->bias.q.bits[u];
    if (beta != 0.0f)
        loom_qstate_bits_grad(&a->bias.q, m, 0, a->units,
                              beta * (float)a->bias_positions);
    return bias * (double)a->bias_positions;
}

double loom_affine_ebops(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct loom_affine *a = l->state;
    const float *bx = a->in->bits, *bw = a->kernel.q.bits;
    double total = 0.0;
    float share = beta * (float)a->share;
    for (size_t k = 0; k < a->k; k++) {
        double row = 0.0, column = 0.0;
        for (size_t u = 0; u < a->units; u++)
            row += (double)bw[k * a->units + u];
        for (size_t p = 0; p < a->positions; p++) {
            int32_t i = loom_affine_element(a, p, k);
            if (i < 0)
                continue;
            column += (double)bx[i];
            if (beta != 0.0f)
                loom_qstate_bits_grad(a->in, m, (size_t)i, 1,
                                      share * (float)row);
        }
        total += row * column;
        if (beta != 0.0f)
            loom_weights_bits_grad(&a->kernel, m, k * a->units, a->units,
                                   share * (float)column);
    }
    return total * a->share + loom_affine_bias_ebops(m, a, beta);
}

/* Row k of the kernel reads elements that have bits, at some position. (The
 * patches of a depthwise kernel do not tell of all of them.) */
static bool has_input(const struct loom_affine *a, size_t k)
{
    const struct loom_shape *s = &a->kernel_shape;
    bool found = s->dim[s->rank - 1] != a->units;
    for (size_t p = 0; !found && p < a->positions; p++) {
        int32_t i = loom_affine_element(a, p, k);
        found = i >= 0 && a->in->bits[i] > 0.0f;
    }
    return found;
}

/* A weight is pruned when it is quantized to nothing (no bits, or zero), or
 * what it is multiplied with is. */
void loom_affine_describe(const struct loom_model *m,
                          const struct loom_layer *l,
                          struct loom_train_layer *row)
{
    const struct loom_affine *a = l->state;
    (void)m;
    const float *bw = a->kernel.q.bits, *qv = a->kernel.qv;
    double sum = 0.0, in = 0.0;
    row->n_in = (int)a->k;
    row->n_out = (int)a->units;
    row->weights = (int)(a->k * a->units);
    row->n_channels =
        a->units < LOOM_VIEW_CHANNELS ? (int)a->units : LOOM_VIEW_CHANNELS;
    for (int j = 0; j < row->n_channels; j++)
        row->channel_bits[j] = 0.0f;
    for (size_t k = 0; k < a->k; k++) {
        bool alive = has_input(a, k);
        for (size_t u = 0; u < a->units; u++) {
            size_t at = k * a->units + u;
            float b = alive && qv[at] != 0.0f ? bw[at] : 0.0f;
            sum += (double)b;
            row->pruned += b == 0.0f;
            if (u < LOOM_VIEW_CHANNELS)
                row->channel_bits[u] += b / (float)a->k;
        }
    }
    for (size_t i = 0; i < a->in->n; i++)
        in += (double)a->in->bits[i];
    row->mean_w_bits = (float)(sum / (double)row->weights);
    row->mean_a_bits = (float)(in / (double)a->in->n);
}

int loom_affine_check(const struct loom_affine *a, const struct loom_layer *l,
                      struct loom_errmsg *e)
{
    if (!loom_weights_finite(&a->kernel) ||
        (a->has_bias && !loom_weights_finite(&a->bias)))
        return loom_fail(e, LOOM_ERR_RANGE,
                         "%s: a weight cannot be brought to its bits", l->name);
    return 0;
}

int loom_affine_freeze(struct loom_model *m, struct loom_layer *l,
                       struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct loom_affine *a = l->state;
    int at = (int)net->n_nodes, err = loom_affine_check(a, l, e);
    if (err)
        return err;
    struct loom_exact_node *d = loom_exact_append(
        net, LOOM_EXACT_LINEAR, l->name, l->n, &node[l->input[0]], 1);
    d->block = a->units;
    for (size_t j = 0; j < l->n; j++) {
        size_t p = j / a->units, u = j % a->units;
        for (size_t k = 0; k < a->k; k++) {
            int32_t i = loom_affine_element(a, p, k);
            if (i >= 0)
                loom_exact_push(d, (size_t)i, a->kernel.qv[k * a->units + u]);
        }
        d->start[j + 1] = d->n_terms;
        if (a->has_bias)
            loom_exact_split(a->bias.qv[u], &d->b[j], &d->bf[j]);
    }
    node[l - m->layer] = at;
    return 0;
}

struct loom_layer_weights loom_affine_weights(const struct loom_model *m,
                                              const struct loom_layer *l)
{
    const struct loom_affine *a = l->state;
    const struct loom_shape *kernel = &a->kernel_shape;
    return (struct loom_layer_weights){
        .rows = a->k,
        .cols = a->units,
        .high = kernel->rank > 3 ? kernel->dim[0] : 1,
        .wide = kernel->rank > 2 ? kernel->dim[kernel->rank - 3] : 1,
        .value = a->norm ? a->fused_kernel : loom_theta(m, a->kernel_value),
        .gradient = a->norm ? a->grad_kernel : loom_grad(m, a->kernel_value),
        .quantized = a->kernel.qv,
        .q = &a->kernel.q,
        .shape = &a->kernel_shape,
        .bias = a->has_bias ? a->bias.qv : NULL,
        .bias_q = a->has_bias ? &a->bias.q : NULL,
        .in = a->in};
}
