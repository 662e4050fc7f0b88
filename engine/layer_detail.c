#include "engine/layer_detail.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/layer.h"

/* What the weights are looked at through. */
struct look {
    struct loom_model *m;
    const struct loom_bit_history *h;
    int layer;
    struct loom_layer_weights w;
    struct loom_layer_detail *d;
};

static float bits_at(const struct look *k, size_t row, size_t col)
{
    return k->d->map < 0
               ? loom_weight_bits(&k->w, row * k->w.cols + col)
               : loom_bit_history_bits(k->h, k->layer, k->d->map, row, col);
}

static int find(const struct loom_model *m, const char *name)
{
    size_t n = sizeof(((struct loom_layer_watch *)0)->name) - 1;
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].ops->weights && !strncmp(m->layer[k].name, name, n))
            return k;
    return -1;
}

static int between(int v, int lo, int hi)
{
    return v > hi ? (hi < lo ? lo : hi) : v < lo ? lo : v;
}

static void set_window(struct loom_layer_detail *d,
                       const struct loom_layer_watch *w)
{
    d->high = between(w->high, 1, d->rows);
    d->wide = between(w->wide, 1, d->cols);
    d->row = between(w->row, 0, d->rows - 1) / d->high * d->high;
    d->col = between(w->col, 0, d->cols - 1) / d->wide * d->wide;
    int rows = (d->rows - d->row + d->high - 1) / d->high;
    int cols = (d->cols - d->col + d->wide - 1) / d->wide;
    d->n_cols =
        between(w->cols, 1, cols < LOOM_DETAIL_SIDE ? cols : LOOM_DETAIL_SIDE);
    d->n_rows =
        between(w->rows, 1, rows < LOOM_DETAIL_SIDE ? rows : LOOM_DETAIL_SIDE);
    d->n_rows = between(d->n_rows, 1, LOOM_DETAIL_CELLS / d->n_cols);
}

/* ---- the window -------------------------------------------------------- */

/* Weight j as it is now. */
static struct loom_weight_cell weight(const struct look *k, size_t j)
{
    const struct loom_qstate *q = k->w.q;
    float v = k->w.value[j];
    float y =
        loom_quant_one(q->conf.mode, v, q->rk[j], q->ri[j], q->rf[j], true);
    return (struct loom_weight_cell){
        .bits = loom_weight_bits(&k->w, j),
        .value = v,
        .error = v - y,
        .gradient = k->w.gradient[j],
        .bit_gradient = loom_qstate_gradient(q, k->m, j),
        .k = (int8_t)q->rk[j],
        .i = (int8_t)fmaxf(fminf(q->ri[j], 99.0f), -99.0f),
        .f = (int8_t)fmaxf(fminf(q->rf[j], 99.0f), -99.0f)};
}

static struct loom_weight_cell past_cell(float bits)
{
    return (struct loom_weight_cell){.bits = bits,
                                     .value = NAN,
                                     .error = NAN,
                                     .gradient = NAN,
                                     .bit_gradient = NAN};
}

/* Means over the weights of a cell that begins at (row, col). */
static struct loom_weight_cell mean_cell(const struct look *k, size_t row,
                                         size_t col)
{
    struct loom_weight_cell sum = {0};
    size_t last_row = row + (size_t)k->d->high, n = 0;
    size_t last_col = col + (size_t)k->d->wide;
    for (size_t r = row; r < last_row && r < k->w.rows; r++)
        for (size_t c = col; c < last_col && c < k->w.cols; c++, n++) {
            sum.bits += bits_at(k, r, c);
            if (k->d->map >= 0)
                continue;
            struct loom_weight_cell one = weight(k, r * k->w.cols + c);
            sum.value += fabsf(one.value);
            sum.error += fabsf(one.error);
            sum.gradient += fabsf(one.gradient);
            sum.bit_gradient += fabsf(one.bit_gradient);
        }
    float part = 1.0f / (float)n;
    if (k->d->map >= 0)
        return past_cell(sum.bits * part);
    return (struct loom_weight_cell){.bits = sum.bits * part,
                                     .value = sum.value * part,
                                     .error = sum.error * part,
                                     .gradient = sum.gradient * part,
                                     .bit_gradient = sum.bit_gradient * part};
}

static void fill_window(const struct look *k)
{
    struct loom_layer_detail *d = k->d;
    struct loom_weight_cell *cell = d->cell;
    for (int y = 0; y < d->n_rows; y++)
        for (int x = 0; x < d->n_cols; x++) {
            size_t row = (size_t)(d->row + y * d->high);
            size_t col = (size_t)(d->col + x * d->wide);
            *cell++ = d->high * d->wide > 1 ? mean_cell(k, row, col)
                      : d->map >= 0         ? past_cell(bits_at(k, row, col))
                                            : weight(k, row * k->w.cols + col);
        }
}

/* ---- the whole --------------------------------------------------------- */

static void note_dead(int at, int *n, int list[LOOM_DETAIL_DEAD])
{
    if (*n < LOOM_DETAIL_DEAD)
        list[*n] = at;
    ++*n;
}

static void sum_row(const struct look *k, size_t row, double *total)
{
    struct loom_layer_detail *d = k->d;
    double sum = 0.0;
    for (size_t c = 0; c < k->w.cols; c++) {
        float b = bits_at(k, row, c);
        int bin =
            b < LOOM_DETAIL_BINS - 1 ? (int)lrintf(b) : LOOM_DETAIL_BINS - 1;
        d->histogram[bin]++;
        d->pruned += b == 0.0f;
        d->max_bits = fmaxf(d->max_bits, b);
        sum += (double)b;
    }
    if (sum == 0.0)
        note_dead((int)row, &d->n_dead_rows, d->dead_row);
    int y = ((int)row - d->row) / d->high;
    if ((int)row >= d->row && y < d->n_rows) {
        int last = d->rows - (d->row + y * d->high);
        d->row_bits[y] += (float)(sum / (double)k->w.cols) /
                          (float)(last < d->high ? last : d->high);
    }
    *total += sum;
}

static void find_dead_cols(const struct look *k)
{
    for (size_t c = 0; c < k->w.cols; c++) {
        size_t r = 0;
        while (r < k->w.rows && bits_at(k, r, c) == 0.0f)
            r++;
        if (r == k->w.rows)
            note_dead((int)c, &k->d->n_dead_cols, k->d->dead_col);
    }
}

static void count_saturated(const struct look *k)
{
    const struct loom_qstate *q = k->w.q;
    const float *v = k->w.value;
    size_t n = k->w.rows * k->w.cols, beyond = 0;
    for (size_t j = 0; j < n; j++)
        beyond += q->bits[j] > 0.0f && fabsf(v[j]) > loom_exp2i(q->ri[j]);
    k->d->saturated = (float)((double)beyond / (double)n);
}

static void fill_whole(const struct look *k)
{
    struct loom_layer_detail *d = k->d;
    double total = 0.0;
    for (size_t r = 0; r < k->w.rows; r++)
        sum_row(k, r, &total);
    find_dead_cols(k);
    d->weights = d->rows * d->cols;
    d->mean_bits = (float)(total / (double)d->weights);
    d->p90_bits = loom_bit_quantile(d->histogram, LOOM_DETAIL_BINS, 0.9);
    count_saturated(k);
    double all = loom_model_ebops(k->m, 0.0f, NULL);
    struct loom_layer *l = &k->m->layer[k->layer];
    d->ebops = (float)l->ops->ebops(k->m, l, 0.0f);
    d->share = all > 0 ? (float)((double)d->ebops / all) : 0.0f;
}

/* ---- inputs and outputs ------------------------------------------------ */

static void widen(int v, bool first, int *lo, int *hi)
{
    *lo = first || v < *lo ? v : *lo;
    *hi = first || v > *hi ? v : *hi;
}

static struct loom_format_range formats(const struct loom_qstate *q)
{
    struct loom_format_range f = {.n = q ? (int)q->n : 0};
    bool first = true;
    for (int j = 0; j < f.n; j++) {
        f.mean_bits += q->bits[j] / (float)f.n;
        if (q->rk[j] + q->ri[j] + q->rf[j] <= 0.0f) {
            f.dead++;
            continue;
        }
        float top = loom_exp2i(q->ri[j]);
        widen((int)q->ri[j], first, &f.i_min, &f.i_max);
        widen((int)q->rf[j], first, &f.f_min, &f.f_max);
        f.k |= q->rk[j] > 0.0f;
        f.low = fminf(f.low, q->rk[j] > 0.0f ? -top : 0.0f);
        f.high = fmaxf(f.high, top - loom_exp2i(-q->rf[j]));
        first = false;
    }
    return f;
}

/* The quantizer that the layer's outputs go to, past a relu. */
static const struct loom_qstate *next_bits(const struct loom_model *m, int at)
{
    for (int k = at + 1; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (l->n_inputs != 1 || l->input[0] != at)
            continue;
        if (l->ops->output_bits)
            return l->ops->output_bits(l);
        at = k;
    }
    return NULL;
}

static void fill_formats(const struct look *k)
{
    struct loom_layer_detail *d = k->d;
    const struct loom_qstate *in = k->w.in;
    d->in = formats(in);
    d->out = formats(next_bits(k->m, k->layer));
    for (int y = 0; y < d->n_rows; y++) {
        size_t row = (size_t)(d->row + y * d->high);
        bool known = in && in->n == k->w.rows;
        d->in_k[y] = known ? in->rk[row] : NAN;
        d->in_i[y] = known ? in->ri[row] : NAN;
        d->in_f[y] = known ? in->rf[row] : NAN;
    }
}

/* The last map up to an epoch, or the first. */
static void choose_map(struct loom_layer_detail *d, int epoch)
{
    for (int k = 0; k < d->n_points; k++)
        if (k == 0 || d->point[k].epoch <= epoch)
            d->map = k;
    if (d->map >= 0)
        d->epoch = d->point[d->map].epoch;
}

void loom_layer_look(struct loom_model *m, const struct loom_bit_history *h,
                     int epoch, const struct loom_layer_watch *w,
                     struct loom_layer_detail *d)
{
    struct look k = {m, h, find(m, w->name), {0}, d};
    memset(d, 0, sizeof(*d));
    d->map = -1;
    d->epoch = epoch;
    if (!w->name[0] || k.layer < 0)
        return;
    struct loom_layer *l = &m->layer[k.layer];
    k.w = l->ops->weights(m, l);
    snprintf(d->name, sizeof(d->name), "%.31s", l->name);
    snprintf(d->kind, sizeof(d->kind), "%.15s", l->ops->kind);
    d->rows = (int)k.w.rows;
    d->cols = (int)k.w.cols;
    d->n_points = h ? loom_bit_history_size(h) : 0;
    for (int p = 0; p < d->n_points; p++)
        d->point[p] = loom_bit_history_point(h, k.layer, p);
    d->symmetric = k.w.q->conf.mode.overflow == LOOM_SAT_SYM;
    if (w->epoch > 0)
        choose_map(d, w->epoch);
    set_window(d, w);
    fill_window(&k);
    fill_whole(&k);
    fill_formats(&k);
}
