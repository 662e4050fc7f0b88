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
        free(d->from);
        free(d->start);
        free(d->term);
        free(d->b);
        free(d->bf);
        free(d->at);
        free(d->table);
        free(d->table_f);
    }
    for (size_t k = 0; k < net->n_outputs; k++)
        free(net->outputs[k].name);
    free(net->outputs);
    free(net->nodes);
    free(net->input_size);
    free(net);
}

/* ---- terms ------------------------------------------------------------- */

size_t loom_exact_n_in(const struct loom_exact *net,
                       const struct loom_exact_node *d)
{
    size_t n = 0;
    for (int k = 0; d->op != LOOM_EXACT_INPUT && k < d->n_inputs; k++)
        n += net->nodes[d->input[k]].n;
    return n;
}

const struct loom_exact_elem *loom_exact_in(const struct loom_exact *net,
                                            const struct loom_exact_node *d,
                                            size_t i)
{
    const struct loom_exact_node *src = &net->nodes[d->input[0]];
    for (int k = 1; i >= src->n; k++) {
        i -= src->n;
        src = &net->nodes[d->input[k]];
    }
    return &src->elem[i];
}

void loom_exact_split(float v, int64_t *odd, int *f)
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

void loom_exact_push(struct loom_exact_node *d, size_t i, float v)
{
    if (v == 0.0f)
        return;
    size_t n = d->n_terms;
    if (!(n & (n - 1))) /* full at every power of two */
        d->term = loom_realloc(d->term, (n ? 2 * n : 1) * sizeof(*d->term));
    struct loom_exact_term *t = &d->term[d->n_terms++];
    int f;
    loom_exact_split(v, &t->w, &f);
    t->i = (int32_t)i;
    t->f = f;
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

/* The finest step among the terms and the bias of element j that are not
 * always 0; INT_MIN where there is none. */
static int finest(const struct loom_exact *net, const struct loom_exact_node *d,
                  size_t j)
{
    int f = d->b && d->b[j] ? d->bf[j] : INT_MIN;
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        const struct loom_exact_elem *x =
            loom_exact_in(net, d, (size_t)d->term[t].i);
        if ((x->lo || x->hi) && d->term[t].f + x->f > f)
            f = d->term[t].f + x->f;
    }
    return f;
}

/* A sum's ends. Doubles decide about overflow, integers are exact. */
struct ends {
    double lo, hi;
    uint64_t ilo, ihi;
};

/* Add w 2^s times [lo, hi]; false when an end passes 62 bits. */
static bool add_ends(struct ends *sum, int64_t w, int s, int64_t lo, int64_t hi)
{
    int64_t a = w > 0 ? lo : hi, b = w > 0 ? hi : lo;
    if (!a && !b)
        return true;
    sum->lo += ldexp((double)w * (double)a, s);
    sum->hi += ldexp((double)w * (double)b, s);
    if (fabs(sum->lo) >= (double)LIMIT || fabs(sum->hi) >= (double)LIMIT ||
        s > 62)
        return false;
    sum->ilo += ((uint64_t)w * (uint64_t)a) << s;
    sum->ihi += ((uint64_t)w * (uint64_t)b) << s;
    return true;
}

static bool linear_interval(const struct loom_exact *net,
                            struct loom_exact_node *d, size_t j)
{
    int f = finest(net, d, j);
    struct ends sum = {0};
    d->elem[j] = (struct loom_exact_elem){.f = f == INT_MIN ? 0 : f};
    if (f == INT_MIN)
        return true;
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        const struct loom_exact_elem *x =
            loom_exact_in(net, d, (size_t)d->term[t].i);
        if (!add_ends(&sum, d->term[t].w, f - d->term[t].f - x->f, x->lo,
                      x->hi))
            return false;
    }
    if (d->b[j] && !add_ends(&sum, d->b[j], f - d->bf[j], 1, 1))
        return false;
    d->elem[j].lo = (int64_t)sum.ilo;
    d->elem[j].hi = (int64_t)sum.ihi;
    return true;
}

static bool max_interval(const struct loom_exact *net,
                         struct loom_exact_node *d, size_t j)
{
    int f = finest(net, d, j);
    struct loom_exact_elem *y = &d->elem[j];
    *y = (struct loom_exact_elem){
        .f = f == INT_MIN ? 0 : f, .lo = INT64_MIN, .hi = INT64_MIN};
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        const struct loom_exact_elem *x =
            loom_exact_in(net, d, (size_t)d->term[t].i);
        struct ends one = {0};
        if (!add_ends(&one, 1, y->f - x->f, x->lo, x->hi))
            return false;
        if ((int64_t)one.ilo > y->lo)
            y->lo = (int64_t)one.ilo;
        if ((int64_t)one.ihi > y->hi)
            y->hi = (int64_t)one.ihi;
    }
    return true;
}

static bool mul_interval(const struct loom_exact *net,
                         struct loom_exact_node *d, size_t j)
{
    const struct loom_exact_term *t = d->term + d->start[j];
    const struct loom_exact_elem *a = loom_exact_in(net, d, (size_t)t[0].i);
    const struct loom_exact_elem *b = loom_exact_in(net, d, (size_t)t[1].i);
    const int64_t u[2] = {a->lo, a->hi}, v[2] = {b->lo, b->hi};
    struct loom_exact_elem *y = &d->elem[j];
    *y = (struct loom_exact_elem){a->f + b->f, INT64_MAX, INT64_MIN};
    for (int k = 0; k < 4; k++) {
        if (fabs((double)u[k / 2] * (double)v[k % 2]) >= (double)LIMIT)
            return false;
        int64_t p = u[k / 2] * v[k % 2];
        y->lo = p < y->lo ? p : y->lo;
        y->hi = p > y->hi ? p : y->hi;
    }
    /* A square (the same element twice) is never negative. */
    if (t[0].i == t[1].i && y->lo < 0)
        y->lo = 0;
    return true;
}

static bool table_interval(const struct loom_exact *net,
                           struct loom_exact_node *d, size_t j)
{
    const struct loom_exact_elem *x = loom_exact_in(net, d, j);
    const int64_t *v = d->table + d->at[j];
    size_t end = j + 1 < d->n ? d->at[j + 1] : d->n_table;
    if ((uint64_t)(x->hi - x->lo) + 1 != end - d->at[j])
        return false;
    struct loom_exact_elem *y = &d->elem[j];
    *y = (struct loom_exact_elem){d->table_f[j], v[0], v[0]};
    for (int64_t k = 1; k <= x->hi - x->lo; k++) {
        y->lo = v[k] < y->lo ? v[k] : y->lo;
        y->hi = v[k] > y->hi ? v[k] : y->hi;
    }
    return true;
}

static void relu_interval(const struct loom_exact_elem *x,
                          struct loom_exact_elem *y)
{
    *y = *x;
    y->lo = y->lo < 0 ? 0 : y->lo;
    y->hi = y->hi < 0 ? 0 : y->hi;
}

static int too_wide(const struct loom_exact_node *d, size_t j,
                    struct loom_errmsg *e)
{
    if (d->op == LOOM_EXACT_TABLE)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: element %zu: its table has not one entry for "
                         "each of its inputs",
                         d->name, j);
    return loom_fail(e, LOOM_ERR_RANGE,
                     "%s: output %zu needs more than 62 bits; lower the bits "
                     "of its weights or inputs",
                     d->name, j);
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
    for (size_t j = 0; j < d->n; j++) {
        bool fits = true;
        switch (d->op) {
        case LOOM_EXACT_QUANTIZE:
            quantize_interval(d, j, loom_exact_in(net, d, j), &d->elem[j]);
            break;
        case LOOM_EXACT_RELU:
            relu_interval(loom_exact_in(net, d, j), &d->elem[j]);
            break;
        case LOOM_EXACT_LINEAR:
            fits = linear_interval(net, d, j);
            break;
        case LOOM_EXACT_MAX:
            fits = max_interval(net, d, j);
            break;
        case LOOM_EXACT_MUL:
            fits = mul_interval(net, d, j);
            break;
        case LOOM_EXACT_TABLE:
            fits = table_interval(net, d, j);
            break;
        default:
            break;
        }
        if (!fits)
            return too_wide(d, j, e);
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

int loom_exact_quantize(const struct loom_exact *net, const float *x,
                        size_t rows, int64_t *q, struct loom_errmsg *e)
{
    size_t at = 0, width = 0;
    for (size_t k = 0; k < net->n_inputs; k++)
        width += net->input_size[k];
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        if (d->op != LOOM_EXACT_INPUT)
            continue;
        struct loom_quant_mode m = {d->round, d->overflow};
        size_t from = 0;
        for (int i = 0; !d->from && i < d->input[0]; i++)
            from += net->input_size[i];
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < d->n; j++) {
                size_t i = d->from ? (size_t)d->from[j] : from + j;
                float v = x[r * width + i];
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
static int64_t run_linear(const struct loom_exact *net,
                          const struct loom_exact_node *d, size_t j,
                          const int64_t *x)
{
    int f = d->elem[j].f;
    uint64_t sum = d->b[j] ? (uint64_t)d->b[j] << (f - d->bf[j]) : 0;
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        size_t i = (size_t)d->term[t].i;
        if (x[i])
            sum += (uint64_t)d->term[t].w * (uint64_t)x[i]
                   << (f - d->term[t].f - loom_exact_in(net, d, i)->f);
    }
    return (int64_t)sum;
}

static int64_t run_max(const struct loom_exact *net,
                       const struct loom_exact_node *d, size_t j,
                       const int64_t *x)
{
    int64_t top = INT64_MIN;
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        size_t i = (size_t)d->term[t].i;
        int64_t v = 0;
        if (x[i])
            v = (int64_t)((uint64_t)x[i]
                          << (d->elem[j].f - loom_exact_in(net, d, i)->f));
        top = v > top ? v : top;
    }
    return top;
}

static int64_t run_element(const struct loom_exact *net,
                           const struct loom_exact_node *d, size_t j,
                           const int64_t *x)
{
    const struct loom_exact_term *t;
    switch (d->op) {
    case LOOM_EXACT_LINEAR:
        return run_linear(net, d, j, x);
    case LOOM_EXACT_RELU:
        return x[j] > 0 ? x[j] : 0;
    case LOOM_EXACT_MAX:
        return run_max(net, d, j, x);
    case LOOM_EXACT_MUL:
        t = d->term + d->start[j];
        return x[t[0].i] * x[t[1].i];
    case LOOM_EXACT_TABLE:
        return d
            ->table[d->at[j] + (size_t)(x[j] - loom_exact_in(net, d, j)->lo)];
    default:
        return loom_fixed_quantize(x[j], loom_exact_in(net, d, j)->f,
                                   d->format[j], d->round, d->overflow);
    }
}

/* The values of all inputs of a node, side by side. */
static const int64_t *gather(const struct loom_exact *net,
                             const struct loom_exact_node *d,
                             int64_t *const *value, int64_t *room)
{
    if (d->n_inputs == 1)
        return value[d->input[0]];
    size_t at = 0;
    for (int k = 0; k < d->n_inputs; k++) {
        size_t n = net->nodes[d->input[k]].n;
        memcpy(room + at, value[d->input[k]], n * sizeof(*room));
        at += n;
    }
    return room;
}

static void run_row(const struct loom_exact *net, const int64_t *in,
                    int64_t *const *value, int64_t *room)
{
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        if (d->op == LOOM_EXACT_INPUT) {
            memcpy(value[k], in, d->n * sizeof(*in));
            in += d->n;
            continue;
        }
        const int64_t *x = gather(net, d, value, room);
        for (size_t j = 0; j < d->n; j++)
            value[k][j] = run_element(net, d, j, x);
    }
}

void loom_exact_run(const struct loom_exact *net, const int64_t *q, size_t rows,
                    int64_t *y)
{
    size_t total = 0, most = 0;
    int64_t **value = loom_calloc(net->n_nodes, sizeof(*value));
    for (size_t k = 0; k < net->n_nodes; k++) {
        size_t n_in = loom_exact_n_in(net, &net->nodes[k]);
        total += net->nodes[k].n;
        most = n_in > most ? n_in : most;
    }
    int64_t *all = loom_calloc(total + most, sizeof(*all)), *next = all;
    for (size_t k = 0; k < net->n_nodes; k++) {
        value[k] = next;
        next += net->nodes[k].n;
    }
    for (size_t r = 0; r < rows; r++) {
        run_row(net, q + r * net->in_size, value, next);
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
