/* Layers that reduce groups of elements of one input to one each:
 *   sum{axes, keep, scale, unit}      over axes counted from 1 (the last
 *                                     is -1, too); times scale
 *   max{axes, keep}
 *   max_pool1d, max_pool2d, average_pool1d, average_pool2d
 *                                     {size, stride, padding, parallel}
 *   global_max_pool, global_average_pool   over all axes but the last
 * A padded place does not count, as in Keras. An average over a number that
 * is no power of two cannot be exact and is refused when freezing.
 * EBOPs as HGQ2 counts them: sum unit (sum of b - min of b over the group),
 * unit being .65; the others share sum b over the input. */
#include <math.h>
#include <string.h>

#include "engine/window.h"

/* Element j of the output is made of elements member[start[j]] ...,
 * multiplied by scale[j] where they are summed. */
struct pool {
    size_t *start;   /* [n + 1] */
    int32_t *member; /* [start[n]] rising within j */
    float *scale;    /* [n]; NULL: their maximum is taken */
    size_t run; /* outputs at a time whose members lie side by side: channels */
    size_t n_in, ld_in;
    double share, unit;
    struct loom_qstate *in; /* the quantizer before it; NULL: none */
};

static int no_memory(const struct loom_layer *l, struct loom_errmsg *e)
{
    return loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", l->name);
}

/* Room for at most `members` in all, `run` of them side by side. */
static bool build_room(struct loom_model *m, struct loom_layer *l,
                       size_t members, size_t run, bool sums)
{
    struct pool *s = l->state;
    struct loom_layer *src = &m->layer[l->input[0]];
    s->start = loom_model_memory(m, l->n + 1, sizeof(*s->start));
    s->member = loom_model_memory(m, members, sizeof(*s->member));
    s->scale = sums ? loom_model_floats(m, l->n) : NULL;
    s->n_in = src->n;
    s->ld_in = src->ld;
    s->run = run;
    l->work_n = run; /* gradients that are still to be given out */
    s->share = 1.0;
    s->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    return s->start && s->member && (s->scale || !sums);
}

/* Groups that share all indices but those along `axes` (a bit an axis). */
static int build_axes(struct loom_model *m, struct loom_layer *l, unsigned axes,
                      bool keep, bool sums, struct loom_errmsg *e)
{
    struct pool *s = l->state;
    const struct loom_shape in = m->layer[l->input[0]].shape;
    size_t dim[LOOM_MAX_DIMS], n = m->layer[l->input[0]].n;
    int rank = 0;
    for (int a = 0; a < in.rank; a++)
        if (!(axes >> a & 1))
            dim[rank++] = in.dim[a];
        else if (keep || in.rank == 1)
            dim[rank++] = 1;
    if (!rank) /* all axes */
        dim[rank++] = 1;
    loom_layer_shape(l, rank, dim);
    size_t run = axes >> (in.rank - 1) & 1 ? 1 : in.dim[in.rank - 1];
    if (!build_room(m, l, n, run, sums))
        return no_memory(l, e);
    size_t per = n / l->n;
    size_t *fill = loom_model_memory(m, l->n, sizeof(*fill));
    if (!fill)
        return no_memory(l, e);
    for (size_t j = 0; j <= l->n; j++)
        s->start[j] = j * per;
    for (size_t i = 0; i < n; i++) {
        size_t left = i, j = 0, scale = 1;
        for (int a = in.rank - 1; a >= 0; a--) {
            if (!(axes >> a & 1)) {
                j += left % in.dim[a] * scale;
                scale *= in.dim[a];
            }
            left /= in.dim[a];
        }
        s->member[s->start[j] + fill[j]++] = (int32_t)i;
    }
    return 0;
}

static int read_axes(const struct loom_model *m, const struct loom_layer *l,
                     unsigned *axes, struct loom_errmsg *e)
{
    const json_t *v = json_object_get(l->conf, "axes"), *x;
    int rank = m->layer[l->input[0]].shape.rank;
    bool good = json_array_size(v) > 0;
    size_t k;
    *axes = 0;
    json_array_foreach(v, k, x)
    {
        double a = json_number_value(x);
        a += a < 0 ? rank + 1 : 0;
        good = good && a >= 1 && a <= rank && a == floor(a);
        *axes |= good ? 1u << ((int)a - 1) : 0;
    }
    if (good)
        return 0;
    return loom_fail(e, LOOM_ERR_ARG,
                     "%s: field \"axes\" must be a list of axes from 1 to %d, "
                     "or from -1, the last, to -%d",
                     l->name, rank, rank);
}

static int build_over_axes(struct loom_model *m, struct loom_layer *l,
                           bool sums, struct loom_errmsg *e)
{
    const json_t *keep = json_object_get(l->conf, "keep");
    unsigned axes;
    if (keep && !json_is_boolean(keep))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"keep\" must be true or false", l->name);
    int err = read_axes(m, l, &axes, e);
    return err ? err : build_axes(m, l, axes, json_is_true(keep), sums, e);
}

static int build_sum(struct loom_model *m, struct loom_layer *l,
                     struct loom_errmsg *e)
{
    static const char *const names[] = {"axes", "keep", "scale", "unit", NULL};
    struct pool *s = l->state;
    double scale = 1;
    s->unit = 0.65;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "scale", -0x1p60, 0x1p60,
                               &scale, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "unit", 0, 1, &s->unit, e);
    if (!err)
        err = build_over_axes(m, l, true, e);
    for (size_t j = 0; !err && j < l->n; j++)
        s->scale[j] = (float)scale;
    return err;
}

static int build_max(struct loom_model *m, struct loom_layer *l,
                     struct loom_errmsg *e)
{
    static const char *const names[] = {"axes", "keep", NULL};
    int err = loom_conf_check(l->conf, l->name, names, e);
    return err ? err : build_over_axes(m, l, false, e);
}

static void average(struct loom_layer *l)
{
    const struct pool *s = l->state;
    for (size_t j = 0; j < l->n; j++)
        s->scale[j] = 1.0f / (float)(s->start[j + 1] - s->start[j]);
}

static int build_global(struct loom_model *m, struct loom_layer *l, bool sums,
                        struct loom_errmsg *e)
{
    static const char *const names[] = {NULL};
    int rank = m->layer[l->input[0]].shape.rank;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = build_axes(m, l, (1u << (rank - 1)) - 1, false, sums, e);
    if (!err && sums)
        average(l);
    return err;
}

static int build_windows(struct loom_model *m, struct loom_layer *l, int axes,
                         bool sums, struct loom_errmsg *e)
{
    static const char *const names[] = {"size", "stride", "padding", "parallel",
                                        NULL};
    struct pool *s = l->state;
    struct loom_window w;
    double parallel = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "parallel", 1, 1 << 24,
                              &parallel, e);
    if (!err)
        err = loom_window_read(&w, l->conf, "size", true, axes,
                               &m->layer[l->input[0]], l->name, e);
    if (err)
        return err;
    loom_window_shape(&w, w.channels, l);
    if (!build_room(m, l, l->n * w.n, w.channels, sums))
        return no_memory(l, e);
    s->share = parallel > 0 ? parallel / (double)w.n_positions : 1.0;
    size_t n = 0;
    for (size_t j = 0; j < l->n; j++) {
        for (size_t k = 0; k < w.n; k++) {
            int32_t at = loom_window_at(&w, j / w.channels, k);
            if (at >= 0)
                s->member[n++] = at + (int32_t)(j % w.channels);
        }
        s->start[j + 1] = n;
    }
    if (sums)
        average(l);
    return 0;
}

/* ---- values ------------------------------------------------------------ */

static void forward_sum(const struct loom_model *m, const struct loom_layer *l,
                        const struct loom_block *b)
{
    const struct pool *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++) {
        const float *x = b->in[0] + r * s->ld_in;
        for (size_t j = 0; j < l->n; j++) {
            float sum = 0.0f;
            for (size_t t = s->start[j]; t < s->start[j + 1]; t++)
                sum += x[s->member[t]];
            b->out[r * l->ld + j] = sum * s->scale[j];
        }
    }
}

static void backward_sum(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    const struct pool *s = l->state;
    (void)m;
    if (!b->gin[0])
        return;
    memset(b->gin[0], 0, b->rows * s->ld_in * sizeof(float));
    for (size_t r = 0; r < b->rows; r++) {
        float *g = b->gin[0] + r * s->ld_in;
        for (size_t j = 0; j < l->n; j++)
            for (size_t t = s->start[j]; t < s->start[j + 1]; t++)
                g[s->member[t]] += b->gout[r * l->ld + j] * s->scale[j];
    }
}

static void forward_max(const struct loom_model *m, const struct loom_layer *l,
                        const struct loom_block *b)
{
    const struct pool *s = l->state;
    for (size_t r = 0; r < b->rows; r++) {
        const float *x = b->in[0] + r * s->ld_in;
        float *y = b->out + r * l->ld;
        for (size_t j = 0; j < l->n; j += s->run) {
            size_t t = s->start[j];
            memcpy(y + j, x + s->member[t], s->run * sizeof(*y));
            while (++t < s->start[j + 1])
                m->kernels->max(s->run, x + s->member[t], y + j);
        }
    }
}

/* The first of equal ones gets the gradient. */
static void backward_max(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    const struct pool *s = l->state;
    if (!b->gin[0])
        return;
    memset(b->gin[0], 0, b->rows * s->ld_in * sizeof(float));
    for (size_t r = 0; r < b->rows; r++) {
        const float *x = b->in[0] + r * s->ld_in, *y = b->out + r * l->ld;
        float *g = b->gin[0] + r * s->ld_in, *left = b->work;
        for (size_t j = 0; j < l->n; j += s->run) {
            memcpy(left, b->gout + r * l->ld + j, s->run * sizeof(*left));
            for (size_t t = s->start[j]; t < s->start[j + 1]; t++)
                m->kernels->max_back(s->run, x + s->member[t], y + j, left,
                                     g + s->member[t]);
        }
    }
}

/* ---- cost -------------------------------------------------------------- */

/* HGQ's first version counts products only. */
static bool counted(const struct pool *s)
{
    return s->in && !s->in->conf.v1;
}

static double ebops_sum(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct pool *s = l->state;
    const float unit = (float)s->unit;
    double total = 0.0;
    for (size_t j = 0; counted(s) && j < l->n; j++) {
        const int32_t *member = s->member + s->start[j];
        size_t n = s->start[j + 1] - s->start[j], count = 0;
        float low = INFINITY;
        for (size_t t = 0; t < n; t++) {
            float b = s->in->bits[member[t]];
            count = b < low ? 1 : count + (b == low);
            low = b < low ? b : low;
            total += (double)b;
        }
        total -= (double)low;
        for (size_t t = 0; beta != 0.0f && t < n; t++) {
            float g = s->in->bits[member[t]] == low ? 1.0f - 1.0f / (float)count
                                                    : 1.0f;
            loom_qstate_bits_grad(s->in, m, (size_t)member[t], 1,
                                  beta * unit * g);
        }
    }
    return (double)unit * total;
}

static double ebops_pool(struct loom_model *m, struct loom_layer *l, float beta)
{
    struct pool *s = l->state;
    double total = 0.0;
    if (!counted(s))
        return 0.0;
    for (size_t i = 0; i < s->n_in; i++)
        total += (double)s->in->bits[i];
    if (beta != 0.0f)
        loom_qstate_bits_grad(s->in, m, 0, s->n_in, beta * (float)s->share);
    return total * s->share;
}

static void describe(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row)
{
    const struct pool *s = l->state;
    double sum = 0.0;
    (void)m;
    for (size_t i = 0; s->in && i < s->n_in; i++)
        sum += (double)s->in->bits[i];
    row->n_in = (int)s->n_in;
    row->n_out = (int)l->n;
    row->mean_a_bits = (float)(sum / (double)s->n_in);
}

/* ---- integers ---------------------------------------------------------- */

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct pool *s = l->state;
    int at = (int)net->n_nodes, exponent;
    for (size_t j = 0; s->scale && j < l->n; j++)
        if (s->scale[j] != 0.0f && fabsf(frexpf(s->scale[j], &exponent)) != .5f)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: multiplies by %g, which is no power of two: "
                             "it cannot be exact; choose windows of a power "
                             "of two, without padding",
                             l->name, (double)s->scale[j]);
    struct loom_exact_node *d =
        loom_exact_append(net, s->scale ? LOOM_EXACT_LINEAR : LOOM_EXACT_MAX,
                          l->name, l->n, &node[l->input[0]], 1);
    for (size_t j = 0; j < l->n; j++) {
        for (size_t t = s->start[j]; t < s->start[j + 1]; t++)
            loom_exact_push(d, (size_t)s->member[t],
                            s->scale ? s->scale[j] : 1.0f);
        d->start[j + 1] = d->n_terms;
    }
    node[l - m->layer] = at;
    return 0;
}

/* ---- the kinds --------------------------------------------------------- */

#define WINDOWS(word, axes, sums)                                              \
    static int build_##word(struct loom_model *m, struct loom_layer *l,        \
                            struct loom_errmsg *e)                             \
    {                                                                          \
        return build_windows(m, l, axes, sums, e);                             \
    }

WINDOWS(max_pool1d, 1, false)
WINDOWS(max_pool2d, 2, false)
WINDOWS(average_pool1d, 1, true)
WINDOWS(average_pool2d, 2, true)

static int build_global_max(struct loom_model *m, struct loom_layer *l,
                            struct loom_errmsg *e)
{
    return build_global(m, l, false, e);
}

static int build_global_average(struct loom_model *m, struct loom_layer *l,
                                struct loom_errmsg *e)
{
    return build_global(m, l, true, e);
}

#define OPS(word, make, way, cost)                                             \
    {                                                                          \
        .kind = #word, .n_inputs = 1, .state_size = sizeof(struct pool),       \
        .build = (make), .forward = forward_##way, .backward = backward_##way, \
        .ebops = (cost), .describe = describe, .freeze = freeze                \
    }

const struct loom_layer_ops loom_layer_sum =
    OPS(sum, build_sum, sum, ebops_sum);
const struct loom_layer_ops loom_layer_max =
    OPS(max, build_max, max, ebops_pool);
const struct loom_layer_ops loom_layer_max_pool1d =
    OPS(max_pool1d, build_max_pool1d, max, ebops_pool);
const struct loom_layer_ops loom_layer_max_pool2d =
    OPS(max_pool2d, build_max_pool2d, max, ebops_pool);
const struct loom_layer_ops loom_layer_average_pool1d =
    OPS(average_pool1d, build_average_pool1d, sum, ebops_pool);
const struct loom_layer_ops loom_layer_average_pool2d =
    OPS(average_pool2d, build_average_pool2d, sum, ebops_pool);
const struct loom_layer_ops loom_layer_global_max_pool =
    OPS(global_max_pool, build_global_max, max, ebops_pool);
const struct loom_layer_ops loom_layer_global_average_pool =
    OPS(global_average_pool, build_global_average, sum, ebops_pool);
