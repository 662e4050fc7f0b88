#include "engine/exact.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "engine/quantizer.h"

/* Every interval end stays below this. */
static const int64_t LIMIT = INT64_C(1) << 62;

void loom_exact_destroy(struct loom_exact *net)
{
    if (!net)
        return;
    for (size_t k = 0; k < net->n_nodes; k++) {
        struct loom_exact_node *d = &net->nodes[k];
        free(d->name);
        free(d->elem);
        free(d->format);
        free(d->w);
        free(d->b);
        free(d->wf);
        free(d->bf);
    }
    free(net->nodes);
    free(net->input_size);
    free(net);
}

/* ---- intervals --------------------------------------------------------- */

static int check_widths(const struct loom_exact_node *d, struct loom_errmsg *e)
{
    for (size_t j = 0; d->format && j < d->n; j++)
        if (loom_fixed_width(d->format[j]) > 62)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: element %zu is %d bits wide, at most 62 can "
                             "be handled",
                             d->name, j, loom_fixed_width(d->format[j]));
    return 0;
}

static void input_interval(struct loom_exact_node *d)
{
    for (size_t j = 0; j < d->n; j++) {
        struct loom_fixed t = d->format[j];
        d->elem[j].f = loom_fixed_width(t) ? t.f : 0;
        d->elem[j].lo = loom_fixed_min(t, d->overflow);
        d->elem[j].hi = loom_fixed_max(t);
    }
}

/* Whether v / 2^shift, rounded, lies in [min, max]. */
static bool in_range(int64_t v, int shift, int64_t min, int64_t max,
                     enum loom_round r)
{
    if (shift < 0) { /* v << -shift, without overflow on the way */
        int s = shift < -62 ? 62 : -shift;
        return v <= max >> s && v >= -(-min >> s);
    }
    int64_t y = loom_fixed_round(v, shift, r);
    return y >= min && y <= max;
}

/* The interval of a rounded and wrapped (or clipped) interval: rounding is
 * monotone, so the ends tell, unless the interval leaves the range. */
static void quantize_interval(const struct loom_exact_node *d, size_t j,
                              const struct loom_exact_elem *in,
                              struct loom_exact_elem *out)
{
    struct loom_fixed t = d->format[j];
    if (!loom_fixed_width(t)) {
        *out = (struct loom_exact_elem){0};
        return;
    }
    int64_t min = loom_fixed_min(t, d->overflow), max = loom_fixed_max(t);
    out->f = t.f;
    out->lo = loom_fixed_quantize(in->lo, in->f, t, d->round, d->overflow);
    out->hi = loom_fixed_quantize(in->hi, in->f, t, d->round, d->overflow);
    if (d->overflow != LOOM_WRAP)
        return;
    /* An end that wraps may land where it would saturate: ask the range. */
    if (!in_range(in->lo, in->f - t.f, min, max, d->round) ||
        !in_range(in->hi, in->f - t.f, min, max, d->round)) {
        out->lo = min;
        out->hi = max;
    }
}

static int dense_interval(const struct loom_exact_node *d, size_t j,
                          const struct loom_exact_elem *in, size_t n_in,
                          struct loom_exact_elem *out)
{
    int f = d->b[j] ? d->bf[j] : INT_MIN;
    for (size_t i = 0; i < n_in; i++)
        if (d->w[i * d->n + j] && (in[i].lo || in[i].hi)) {
            int wf = d->wf[i * d->n + j] + in[i].f;
            f = wf > f ? wf : f;
        }
    *out = (struct loom_exact_elem){.f = f == INT_MIN ? 0 : f};
    if (f == INT_MIN)
        return 0;
    double lo = 0, hi = 0; /* doubles decide about overflow, integers exact */
    uint64_t ilo = 0, ihi = 0;
    for (size_t i = 0; i <= n_in; i++) {
        bool bias = i == n_in;
        int64_t w = bias ? d->b[j] : d->w[i * d->n + j];
        int64_t xlo = bias ? 1 : in[i].lo, xhi = bias ? 1 : in[i].hi;
        int s = f - (bias ? d->bf[j] : d->wf[i * d->n + j] + in[i].f);
        if (!w || (!xlo && !xhi))
            continue;
        int64_t a = w > 0 ? xlo : xhi, b = w > 0 ? xhi : xlo;
        lo += ldexp((double)w * (double)a, s);
        hi += ldexp((double)w * (double)b, s);
        if (lo <= -(double)LIMIT || hi >= (double)LIMIT ||
            lo >= (double)LIMIT || hi <= -(double)LIMIT || s > 62)
            return -1;
        ilo += ((uint64_t)w * (uint64_t)a) << s;
        ihi += ((uint64_t)w * (uint64_t)b) << s;
    }
    out->lo = (int64_t)ilo;
    out->hi = (int64_t)ihi;
    return 0;
}

static int node_interval(struct loom_exact *net, struct loom_exact_node *d,
                         struct loom_errmsg *e)
{
    int err = check_widths(d, e);
    if (err)
        return err;
    if (d->op == LOOM_EXACT_INPUT) {
        input_interval(d);
        return 0;
    }
    const struct loom_exact_node *src = &net->nodes[d->input];
    for (size_t j = 0; j < d->n; j++) {
        switch (d->op) {
        case LOOM_EXACT_QUANTIZE:
            quantize_interval(d, j, &src->elem[j], &d->elem[j]);
            break;
        case LOOM_EXACT_RELU:
            d->elem[j] = src->elem[j];
            if (d->elem[j].lo < 0)
                d->elem[j].lo = 0;
            if (d->elem[j].hi < 0)
                d->elem[j].hi = 0;
            break;
        case LOOM_EXACT_DENSE:
            if (dense_interval(d, j, src->elem, src->n, &d->elem[j]) < 0)
                return loom_fail(e, LOOM_ERR_RANGE,
                                 "%s: output %zu needs more than 62 bits; "
                                 "lower the bits of its weights or inputs",
                                 d->name, j);
            break;
        default:
            break;
        }
    }
    return 0;
}

int loom_exact_intervals(struct loom_exact *net, struct loom_errmsg *e)
{
    for (size_t k = 0; k < net->n_nodes; k++) {
        int err = node_interval(net, &net->nodes[k], e);
        if (err)
            return err;
    }
    return 0;
}

/* ---- interpreter ------------------------------------------------------- */

int loom_exact_quantize(const struct loom_exact *net, const float *const *x,
                        size_t rows, int64_t *q, struct loom_errmsg *e)
{
    size_t at = 0;
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        if (d->op != LOOM_EXACT_INPUT)
            continue;
        struct loom_quant_mode m = {d->round, d->overflow};
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < d->n; j++) {
                float v = x[d->input][r * d->n + j];
                struct loom_fixed t = d->format[j];
                if (!isfinite(v))
                    return loom_fail(e, LOOM_ERR_NAN,
                                     "input row %zu, element %zu is %g: "
                                     "inputs must be finite",
                                     r, j, (double)v);
                float y = loom_quant_infer(m, v, t.k, t.i, t.f);
                double u = ldexp((double)y, d->elem[j].f);
                /* float32 may round up past the end of a wide format. */
                if (!(fabs(u) < 0x1p63) || (int64_t)u < d->elem[j].lo ||
                    (int64_t)u > d->elem[j].hi)
                    return loom_fail(e, LOOM_ERR_RANGE,
                                     "input row %zu, element %zu: %g cannot "
                                     "be brought to the %d bits of %s in "
                                     "float32",
                                     r, j, (double)v, loom_fixed_width(t),
                                     d->name);
                q[r * net->in_size + at + j] = (int64_t)u;
            }
        at += d->n;
    }
    return 0;
}

/* Unsigned on the way: a sum of some of the terms may pass what 64 bits hold,
 * the sum of all does not. */
static void run_dense(const struct loom_exact_node *d,
                      const struct loom_exact_node *src, const int64_t *x,
                      int64_t *y)
{
    for (size_t j = 0; j < d->n; j++)
        y[j] = d->b[j]
                   ? (int64_t)((uint64_t)d->b[j] << (d->elem[j].f - d->bf[j]))
                   : 0;
    for (size_t i = 0; i < src->n; i++) {
        if (!x[i])
            continue;
        for (size_t j = 0; j < d->n; j++) {
            int64_t w = d->w[i * d->n + j];
            if (!w)
                continue;
            int s = d->elem[j].f - src->elem[i].f - d->wf[i * d->n + j];
            y[j] =
                (int64_t)((uint64_t)y[j] + ((uint64_t)w * (uint64_t)x[i] << s));
        }
    }
}

static void run_node(const struct loom_exact *net,
                     const struct loom_exact_node *d, const int64_t *x,
                     int64_t *y)
{
    const struct loom_exact_node *src = &net->nodes[d->input];
    if (d->op == LOOM_EXACT_DENSE) {
        run_dense(d, src, x, y);
        return;
    }
    for (size_t j = 0; j < d->n; j++)
        y[j] = d->op == LOOM_EXACT_RELU
                   ? (x[j] > 0 ? x[j] : 0)
                   : loom_fixed_quantize(x[j], src->elem[j].f, d->format[j],
                                         d->round, d->overflow);
}

void loom_exact_run(const struct loom_exact *net, const int64_t *q, size_t rows,
                    int64_t *y)
{
    size_t total = 0;
    int64_t **value = loom_calloc(net->n_nodes, sizeof(*value));
    for (size_t k = 0; k < net->n_nodes; k++)
        total += net->nodes[k].n;
    int64_t *all = loom_calloc(total, sizeof(*all)), *next = all;
    for (size_t k = 0; k < net->n_nodes; k++) {
        value[k] = next;
        next += net->nodes[k].n;
    }
    for (size_t r = 0; r < rows; r++) {
        const int64_t *in = q + r * net->in_size;
        for (size_t k = 0; k < net->n_nodes; k++) {
            const struct loom_exact_node *d = &net->nodes[k];
            if (d->op == LOOM_EXACT_INPUT) {
                memcpy(value[k], in, d->n * sizeof(*in));
                in += d->n;
            } else {
                run_node(net, d, value[d->input], value[k]);
            }
        }
        memcpy(y + r * net->out_size, value[net->output],
               net->out_size * sizeof(*y));
    }
    free(all);
    free(value);
}

void loom_exact_to_float(const struct loom_exact *net, const int64_t *y,
                         size_t rows, float *out)
{
    const struct loom_exact_node *d = &net->nodes[net->output];
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < d->n; j++)
            out[r * d->n + j] =
                (float)ldexp((double)y[r * d->n + j], -d->elem[j].f);
}
