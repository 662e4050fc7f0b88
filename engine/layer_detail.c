#include "engine/layer_detail.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/fuse.h"
#include "engine/layer.h"

/* What the weights, or the inputs, are looked at through. Laid out are
 * `channels` kernels of high x wide below one another, or side by side; of
 * inputs in a list there are `n` in rows of d->cols. */
struct look {
    struct loom_model *m;
    const struct loom_bit_history *h;
    const float *example; /* the inputs' values, or NULL */
    int layer;
    struct loom_layer_weights w;
    size_t high, wide, channels, n;
    bool list, plain; /* plain: as they lie in memory */
    struct loom_layer_detail *d;
};

enum { LIST_COLS = 32 };

static const size_t NOWHERE = SIZE_MAX;

/* Number of the weight or input at a place of the layout. */
static size_t index_at(const struct look *k, size_t row, size_t col)
{
    size_t at = row * (size_t)k->d->cols + col;
    if (k->plain)
        return at;
    if (k->list)
        return at < k->n ? at : NOWHERE;
    if (k->d->inputs && k->high == 1)
        return col * k->channels + row;
    if (k->d->inputs)
        return (row * k->wide + col % k->wide) * k->channels + col / k->wide;
    size_t place = row % k->high * k->wide + col % k->wide;
    return (place * k->channels + row / k->high) * k->w.cols + col / k->wide;
}

static float input_bits(const struct look *k, size_t j)
{
    const struct loom_qstate *q = k->w.in;
    return q->rk[j] + q->ri[j] + q->rf[j] > 0.0f ? q->bits[j] : 0.0f;
}

static float bits_of(const struct look *k, size_t j)
{
    if (k->d->inputs)
        return input_bits(k, j);
    return k->d->map < 0 ? loom_weight_bits(&k->w, j)
                         : loom_bit_history_bits(k->h, k->layer, k->d->map,
                                                 j / k->w.cols, j % k->w.cols);
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

static void add_format(struct loom_weight_cell *c, const struct loom_qstate *q,
                       size_t j)
{
    c->range = c->bits > 0.0f ? loom_exp2i(q->ri[j]) : 0.0f;
    c->fill = c->range > 0.0f ? fabsf(c->value) / c->range : 0.0f;
    c->k = (int8_t)q->rk[j];
    c->i = (int8_t)fmaxf(fminf(q->ri[j], 99.0f), -99.0f);
    c->f = (int8_t)fmaxf(fminf(q->rf[j], 99.0f), -99.0f);
}

/* Weight or input j as it is now. */
static struct loom_weight_cell now(const struct look *k, size_t j)
{
    const struct loom_qstate *q = k->d->inputs ? k->w.in : k->w.q;
    struct loom_weight_cell c = {
        .bits = bits_of(k, j),
        .bit_gradient = loom_qstate_gradient(q, k->m, j),
    };
    if (k->d->inputs) {
        c.value = k->example ? k->example[j] : NAN;
        c.error = c.gradient = NAN;
    } else {
        c.value = k->w.value[j];
        c.error = c.value - loom_quant_one(q->conf.mode, c.value, q->rk[j],
                                           q->ri[j], q->rf[j], true);
        c.gradient = k->w.gradient[j];
    }
    add_format(&c, q, j);
    return c;
}

static struct loom_weight_cell only_bits(float bits)
{
    return (struct loom_weight_cell){.bits = bits,
                                     .value = NAN,
                                     .error = NAN,
                                     .gradient = NAN,
                                     .bit_gradient = NAN,
                                     .range = NAN,
                                     .fill = NAN};
}

static void add_cell(struct loom_weight_cell *sum,
                     const struct loom_weight_cell *c)
{
    sum->value += fabsf(c->value);
    sum->error += fabsf(c->error);
    sum->gradient += fabsf(c->gradient);
    sum->bit_gradient += fabsf(c->bit_gradient);
    sum->range += c->range;
    sum->fill += c->fill;
}

/* Means over what is in a cell that begins at (row, col). */
static struct loom_weight_cell mean_cell(const struct look *k, size_t row,
                                         size_t col)
{
    struct loom_weight_cell sum = {0};
    const struct loom_layer_detail *d = k->d;
    size_t n = 0;
    for (size_t r = row; r < row + (size_t)d->high && r < (size_t)d->rows; r++)
        for (size_t c = col; c < col + (size_t)d->wide && c < (size_t)d->cols;
             c++) {
            size_t j = index_at(k, r, c);
            if (j == NOWHERE)
                continue;
            n++;
            sum.bits += bits_of(k, j);
            if (d->map < 0) {
                struct loom_weight_cell one = now(k, j);
                add_cell(&sum, &one);
            }
        }
    float part = 1.0f / (float)n; /* of none: not a number */
    if (d->map >= 0 || !n)
        return only_bits(sum.bits * part);
    return (struct loom_weight_cell){.bits = sum.bits * part,
                                     .value = sum.value * part,
                                     .error = sum.error * part,
                                     .gradient = sum.gradient * part,
                                     .bit_gradient = sum.bit_gradient * part,
                                     .range = sum.range * part,
                                     .fill = sum.fill * part};
}

static struct loom_weight_cell cell_at(const struct look *k, size_t row,
                                       size_t col)
{
    if (k->d->high * k->d->wide > 1)
        return mean_cell(k, row, col);
    size_t j = index_at(k, row, col);
    return j == NOWHERE     ? only_bits(NAN)
           : k->d->map >= 0 ? only_bits(bits_of(k, j))
                            : now(k, j);
}

static void fill_window(const struct look *k)
{
    struct loom_layer_detail *d = k->d;
    struct loom_weight_cell *cell = d->cell;
    for (int y = 0; y < d->n_rows; y++)
        for (int x = 0; x < d->n_cols; x++)
            *cell++ = cell_at(k, (size_t)(d->row + y * d->high),
                              (size_t)(d->col + x * d->wide));
}

/* ---- the whole --------------------------------------------------------- */

static void sum_row(const struct look *k, size_t row, double *total)
{
    struct loom_layer_detail *d = k->d;
    double sum = 0.0;
    size_t n = 0;
    for (size_t c = 0; c < (size_t)d->cols; c++) {
        size_t j = index_at(k, row, c);
        if (j == NOWHERE)
            continue;
        float b = bits_of(k, j);
        int bin =
            b < LOOM_DETAIL_BINS - 1 ? (int)lrintf(b) : LOOM_DETAIL_BINS - 1;
        n++;
        d->histogram[bin > 0 ? bin : 0]++;
        d->pruned += b == 0.0f;
        d->max_bits = fmaxf(d->max_bits, b);
        sum += (double)b;
    }
    int y = ((int)row - d->row) / d->high;
    if ((int)row >= d->row && y < d->n_rows && n) {
        int last = d->rows - (d->row + y * d->high);
        d->row_bits[y] +=
            (float)(sum / (double)n) / (float)(last < d->high ? last : d->high);
    }
    d->weights += (int)n;
    *total += sum;
}

/* No weight is left of high x wide of them from (row, col) on. */
static bool is_dead(const struct look *k, size_t row, size_t col, size_t high,
                    size_t wide)
{
    for (size_t r = row; r < row + high; r++)
        for (size_t c = col; c < col + wide; c++)
            if (bits_of(k, index_at(k, r, c)) != 0.0f)
                return false;
    return true;
}

static void note_dead(size_t at, int *n, int list[LOOM_DETAIL_DEAD])
{
    if (*n < LOOM_DETAIL_DEAD)
        list[*n] = (int)at;
    ++*n;
}

static void find_dead(const struct look *k)
{
    struct loom_layer_detail *d = k->d;
    size_t rows = (size_t)d->rows, cols = (size_t)d->cols;
    for (size_t c = 0; c * k->high < rows; c++)
        if (is_dead(k, c * k->high, 0, k->high, cols))
            note_dead(c, &d->n_dead_rows, d->dead_row);
    for (size_t f = 0; f * k->wide < cols; f++)
        if (is_dead(k, 0, f * k->wide, rows, k->wide))
            note_dead(f, &d->n_dead_cols, d->dead_col);
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
    for (size_t r = 0; r < (size_t)d->rows; r++)
        sum_row(k, r, &total);
    if (!d->inputs)
        find_dead(k);
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
        bool known = in && in->n == k->w.rows && !d->inputs;
        d->in_k[y] = known ? in->rk[row] : NAN;
        d->in_i[y] = known ? in->ri[row] : NAN;
        d->in_f[y] = known ? in->rf[row] : NAN;
    }
}

/* ---- the layout -------------------------------------------------------- */

/* Kernels of a channel below those of the channel before. */
static void lay_weights(struct look *k)
{
    k->high = k->w.high;
    k->wide = k->w.wide;
    k->channels = k->w.rows / (k->high * k->wide);
    k->d->rows = (int)(k->channels * k->high);
    k->d->cols = (int)(k->w.cols * k->wide);
}

/* A list that is a square is one of a picture's points. */
static size_t list_cols(size_t n)
{
    size_t side = (size_t)lrint(sqrt((double)n));
    return n <= LIST_COLS ? n : side * side == n ? side : LIST_COLS;
}

/* The images of the channels side by side, or their lines below one another.
 * False: the inputs have no bits of their own. */
static bool lay_inputs(struct look *k)
{
    const struct loom_layer *l = &k->m->layer[k->layer];
    const struct loom_layer *from = &k->m->layer[l->input[0]];
    const struct loom_shape *s = &from->shape;
    size_t across = s->rank > 1 ? s->dim[s->rank - 2] : 1;
    k->n = from->n;
    k->list = s->rank == 1;
    k->channels = s->dim[s->rank - 1];
    k->wide = k->list ? list_cols(k->n) : across;
    k->high = k->list ? (k->n + k->wide - 1) / k->wide
                      : k->n / (across * k->channels);
    bool lines = !k->list && k->high == 1;
    k->d->rows = (int)(lines ? k->channels : k->high);
    k->d->cols = (int)(k->list || lines ? k->wide : k->wide * k->channels);
    return k->w.in && k->w.in->n == k->n;
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

/* What is shown, and how it is laid out. */
static void lay_out(struct look *k, const struct loom_layer_watch *w,
                    const struct loom_scratch *example)
{
    struct loom_layer_detail *d = k->d;
    const struct loom_layer *l = &k->m->layer[k->layer];
    d->inputs = w->inputs && lay_inputs(k);
    if (!d->inputs) {
        k->list = false;
        lay_weights(k);
        if (w->epoch > 0)
            choose_map(d, w->epoch);
    } else if (example) {
        k->example = loom_fuse_out(k->m, example, l->input[0]);
    }
    k->plain = !d->inputs && k->high * k->wide == 1;
    d->kernel_high = (int)(k->list ? 1 : k->high);
    d->kernel_wide = (int)(k->list ? 1 : k->wide);
}

void loom_layer_look(struct loom_model *m, const struct loom_bit_history *h,
                     int epoch, const struct loom_layer_watch *w,
                     const struct loom_scratch *example,
                     struct loom_layer_detail *d)
{
    struct look k = {.m = m, .h = h, .layer = find(m, w->name), .d = d};
    memset(d, 0, sizeof(*d));
    d->map = -1;
    d->epoch = epoch;
    if (!w->name[0] || k.layer < 0)
        return;
    struct loom_layer *l = &m->layer[k.layer];
    k.w = l->ops->weights(m, l);
    snprintf(d->name, sizeof(d->name), "%.31s", l->name);
    snprintf(d->kind, sizeof(d->kind), "%.15s", l->ops->kind);
    d->n_points = h ? loom_bit_history_size(h) : 0;
    for (int p = 0; p < d->n_points; p++)
        d->point[p] = loom_bit_history_point(h, k.layer, p);
    d->symmetric = k.w.q->conf.mode.overflow == LOOM_SAT_SYM;
    lay_out(&k, w, example);
    set_window(d, w);
    fill_window(&k);
    fill_whole(&k);
    fill_formats(&k);
}
