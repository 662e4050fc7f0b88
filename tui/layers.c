#include "tui/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/dash.h"
#include "tui/format.h"
#include "tui/plot.h"

/* Layout. */

/* Boxes (no width: hidden), and the part of the layer that the map shows. */
struct layout {
    bool frames;
    struct dash_rect map, histogram, cell, flow, time;
    int label, cell_w, means;   /* columns: row numbers, a cell, row means */
    int high, wide, rows, cols; /* cells of high x wide weights */
    int row, col;               /* the first cell, in weights */
};

static int between(int v, int lo, int hi)
{
    return v > hi ? (hi < lo ? lo : hi) : v < lo ? lo : v;
}

static const struct loom_train_layer *selected(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    return t->n_layers ? &t->layer[between(ui->layer, 0, t->n_layers - 1)]
                       : NULL;
}

/* What is known of the selected layer; NULL: nothing yet. */
static const struct loom_layer_detail *detail(const struct ui *ui)
{
    const struct loom_train_layer *l = selected(ui);
    const struct loom_layer_detail *d = ui->detail;
    return l && d && d->name[0] && !strcmp(d->name, l->name) ? d : NULL;
}

static void layer_shape(const struct ui *ui, int *rows, int *cols)
{
    const struct loom_train_layer *l = selected(ui);
    const struct loom_layer_detail *d = detail(ui);
    *rows = d ? d->rows : l && l->weights ? l->n_in : 1;
    *cols = d ? d->cols : l && l->weights ? l->n_out : 1;
}

static void layout_boxes(const struct ui *ui, struct layout *l)
{
    int w = ui->w, body = ui->h - 2;
    l->frames = w >= 80 && ui->h >= 24;
    l->map = (struct dash_rect){0, 1, w, body};
    if (!l->frames || ui->full)
        return;
    bool wide = w >= 120 && body >= 36;
    int below = wide ? between(body / 4, 9, 16) : 6;
    int left = wide ? w * 62 / 100 : w * 52 / 80, right = w - left;
    int top = body - below, y = 1;
    l->map = (struct dash_rect){0, 1, left, top};
    l->histogram = (struct dash_rect){left, y, right, wide ? 13 : top - 8};
    y += l->histogram.h;
    if (wide) {
        l->flow = (struct dash_rect){left, y, right, 9};
        y += l->flow.h;
        l->time = (struct dash_rect){0, 1 + top, w, below};
    } else {
        l->flow = (struct dash_rect){0, 1 + top, w, below};
    }
    l->cell = (struct dash_rect){left, y, right, 1 + top - y};
}

static int parts(int n, int k)
{
    return (n + k - 1) / k;
}

static int columns_of(int number)
{
    char text[16];
    return snprintf(text, sizeof text, "%d", number);
}

/* The first cell shown, so that the cursor is among `room` cells; `from` as
 * far as that goes. All in weights. */
static int scroll(int from, int at, int n, int room, int zoom)
{
    int last = (parts(n, zoom) - room) * zoom, span = (room - 1) * zoom;
    from = from / zoom * zoom;
    at = at / zoom * zoom;
    from = at < from ? at : at > from + span ? at - span : from;
    return between(from, 0, last > 0 ? last : 0);
}

static void layout_map(const struct ui *ui, struct layout *l)
{
    const struct layers_state *s = &ui->layers;
    int rows, cols, edge = l->frames ? 2 : 0;
    layer_shape(ui, &rows, &cols);
    int w = l->map.w - edge, h = l->map.h - edge - 1 - (l->frames ? 0 : 2);
    l->label = columns_of(rows - 1) + 2;
    l->means = w >= 44 ? 13 : 0;
    int room = between(w - l->label - l->means, 1, LOOM_DETAIL_SIDE);
    int high = between(h, 1, LOOM_DETAIL_SIDE / 2);
    if (s->map == LAYERS_BLOCKS)
        high *= 2;
    bool whole = s->map == LAYERS_WHOLE;
    l->high = between(whole ? parts(rows, high) : s->zoom, 1, rows);
    l->wide = between(whole ? parts(cols, room) : s->zoom, 1, cols);
    int n_rows = parts(rows, l->high), n_cols = parts(cols, l->wide);
    l->cell_w = s->map != LAYERS_BLOCKS && 2 * n_cols <= room ? 2 : 1;
    l->cols = between(n_cols, 1, room);
    l->rows = between(n_rows, 1, high);
    l->rows = between(l->rows, 1, LOOM_DETAIL_CELLS / l->cols);
    l->row = scroll(s->from_row, between(s->row, 0, rows - 1), rows, l->rows,
                    l->high);
    l->col = scroll(s->from_col, between(s->col, 0, cols - 1), cols, l->cols,
                    l->wide);
}

static void layout(const struct ui *ui, struct layout *l)
{
    memset(l, 0, sizeof *l);
    layout_boxes(ui, l);
    layout_map(ui, l);
}

/* What keys do. */

/* Remember what is shown, so that the map stays where it is. */
static void settle(struct ui *ui)
{
    struct layout l;
    int rows, cols;
    layer_shape(ui, &rows, &cols);
    ui->layers.row = between(ui->layers.row, 0, rows - 1);
    ui->layers.col = between(ui->layers.col, 0, cols - 1);
    layout(ui, &l);
    ui->layers.from_row = l.row;
    ui->layers.from_col = l.col;
}

/* By weights, wherever that is. */
static void go(struct ui *ui, long rows, long cols)
{
    int n_rows, n_cols;
    layer_shape(ui, &n_rows, &n_cols);
    long row = ui->layers.row + rows, col = ui->layers.col + cols;
    ui->layers.row = row < 0 ? 0 : row < n_rows ? (int)row : n_rows - 1;
    ui->layers.col = col < 0 ? 0 : col < n_cols ? (int)col : n_cols - 1;
    settle(ui);
}

void layers_move(struct ui *ui, long rows, long cols)
{
    struct layout l;
    layout(ui, &l);
    go(ui, rows * l.high, cols * l.wide);
}

void layers_click(struct ui *ui, int x, int y)
{
    struct layout l;
    layout(ui, &l);
    int high = l.high * (ui->layers.map == LAYERS_BLOCKS ? 2 : 1);
    go(ui, l.row + (long)y * high - ui->layers.row,
       l.col + (long)(x / l.cell_w) * l.wide - ui->layers.col);
}

void layers_turn(struct ui *ui, int by)
{
    int n = ui->view->train.n_layers;
    if (n)
        ui->layer = between(between(ui->layer, 0, n - 1) + by, 0, n - 1);
    settle(ui);
}

/* From what is shown, so that a key is seen to do something. */
void layers_zoom(struct ui *ui, bool in)
{
    struct layout l;
    layout(ui, &l);
    int zoom = 1, now = l.high > l.wide ? l.high : l.wide;
    while (in ? zoom * 2 < now : zoom <= now)
        zoom *= 2;
    ui->layers.zoom = between(zoom, 1, 64);
    if (ui->layers.map == LAYERS_WHOLE)
        ui->layers.map = LAYERS_DIGITS;
    settle(ui);
}

/* The map of the history that is looked at; n_points: now. */
static int map_at(const struct ui *ui, const struct loom_layer_detail *d)
{
    int at = 0;
    if (!ui->layers.epoch)
        return d->n_points;
    while (at + 1 < d->n_points && d->point[at + 1].epoch <= ui->layers.epoch)
        at++;
    return at;
}

void layers_time(struct ui *ui, int by)
{
    const struct loom_layer_detail *d = detail(ui);
    if (!d || !d->n_points)
        return;
    int at = between(map_at(ui, d) + by, 0, d->n_points);
    ui->layers.epoch = at < d->n_points ? d->point[at].epoch : 0;
}

int layers_page(const struct ui *ui)
{
    struct layout l;
    layout(ui, &l);
    return l.rows;
}

static bool same(const struct loom_layer_watch *a,
                 const struct loom_layer_watch *b)
{
    return !strcmp(a->name, b->name) && a->row == b->row && a->col == b->col &&
           a->rows == b->rows && a->cols == b->cols && a->high == b->high &&
           a->wide == b->wide && a->epoch == b->epoch;
}

void layers_watch(struct ui *ui)
{
    struct loom_command c = {.kind = LOOM_CMD_WATCH_LAYER};
    const struct loom_train_layer *t = selected(ui);
    if (ui->screen == SCREEN_LAYERS && t) {
        struct layout l;
        layout(ui, &l);
        memcpy(c.watch.name, t->name, sizeof c.watch.name);
        c.watch.row = l.row;
        c.watch.col = l.col;
        c.watch.rows = l.rows;
        c.watch.cols = l.cols;
        c.watch.high = l.high;
        c.watch.wide = l.wide;
        c.watch.epoch = ui->layers.epoch;
    }
    if (ui->send && !same(&c.watch, &ui->layers.sent) && ui->send(ui->ud, &c))
        ui->layers.sent = c.watch;
}

/* The map. */

static const char *const what_names[LAYERS_WHATS] = {
    "bits", "value", "error", "gradient", "gradient of bits"};

/* The cell of the detail at these weights; NULL: not in its window. */
static const struct loom_weight_cell *cell_at(const struct loom_layer_detail *d,
                                              const struct layout *l, int row,
                                              int col)
{
    int y = (row - d->row) / l->high, x = (col - d->col) / l->wide;
    if (d->high != l->high || d->wide != l->wide || row < d->row ||
        col < d->col || y >= d->n_rows || x >= d->n_cols)
        return NULL;
    return &d->cell[y * d->n_cols + x];
}

static float quantity(const struct loom_weight_cell *c, enum layers_what what)
{
    switch (what) {
    case LAYERS_VALUE:
        return c->value;
    case LAYERS_ERROR:
        return c->error;
    case LAYERS_GRADIENT:
        return c->gradient;
    case LAYERS_BIT_GRADIENT:
        return c->bit_gradient;
    default:
        return c->bits;
    }
}

/* Magnitude of digit 9: the largest in the window. */
static float largest(const struct loom_layer_detail *d, enum layers_what what)
{
    float top = 0;
    for (int j = 0; j < d->n_rows * d->n_cols; j++) {
        float v = fabsf(quantity(&d->cell[j], what));
        top = isfinite(v) && v > top ? v : top;
    }
    return top;
}

/* The digit of a value, 0 .. 9: bits, or halvings below the largest; -1: not
 * known. */
static int digit(float v, enum layers_what what, float top)
{
    if (isnan(v))
        return -1;
    if (what == LAYERS_BITS)
        return v >= 9 ? 9 : v > 0 && v < 1 ? 1 : (int)lrintf(v);
    if (v == 0 || !(top > 0))
        return 0;
    /* Clamped as a float: a value may be endless, or next to nothing. */
    float step = floorf(log2f(top / fabsf(v)) + 0.5f);
    return (int)fminf(fmaxf(9.0f - step, 1.0f), 9.0f);
}

static void put_digit(struct area a, int x, int y, int w, int n, bool cursor)
{
    enum style s = n < 0 ? STYLE_DIM : (enum style)(STYLE_BITS + n);
    area_put(a, x, y, cursor ? STYLE_SELECTED : s,
             n < 0 ? '?'
             : n   ? '0' + (uint32_t)n
                   : 0xb7);
    if (w > 1)
        area_put(a, x + 1, y, n < 0 ? STYLE_PLAIN : s, ' ');
}

/* Two cells, one over the other; below < -1: there is none. */
static void put_block(struct area a, int x, int y, int above, int below,
                      bool cursor)
{
    int p = above < 0 ? 0 : above, q = below < 0 ? 0 : below;
    uint32_t ch = p && q && p == q ? 0x2588 : p || !q ? 0x2580 : 0x2584;
    if (!p && !q)
        ch = 0xb7;
    /* The colour of the character is that of its own half. */
    int pair = ch == 0x2584 ? q * 10 + p : p * 10 + q;
    enum style s = below < -1 ? STYLE_PLAIN
                   : p == q   ? (enum style)(STYLE_PAIR + p * 10)
                              : (enum style)(STYLE_PAIR + pair);
    area_put(a, x, y, cursor ? STYLE_SELECTED : s, ch);
}

static void draw_row_mean(struct area a, const struct layout *l, int y,
                          const struct loom_layer_detail *d, int row)
{
    int at = (row - d->row) / l->high;
    if (!l->means || d->high != l->high || row < d->row || at >= d->n_rows)
        return;
    int x = a.w - l->means;
    area_bar(a, x + 1, y, 7, (double)(d->row_bits[at] / 8), false);
    area_right(a, a.w, y, STYLE_PLAIN, "%.1f", (double)d->row_bits[at]);
}

/* Digit of the cell at these weights; -1 unknown, -2 beyond the layer. */
static int map_digit(const struct ui *ui, const struct loom_layer_detail *d,
                     const struct layout *l, int row, int col, float top)
{
    if (row >= d->rows || col >= d->cols)
        return -2;
    const struct loom_weight_cell *c = cell_at(d, l, row, col);
    return c ? digit(quantity(c, ui->layers.what), ui->layers.what, top) : -1;
}

static void draw_map_row(struct area a, const struct ui *ui,
                         const struct layout *l, int y, int row, float top)
{
    const struct loom_layer_detail *d = detail(ui);
    const struct layers_state *s = &ui->layers;
    bool blocks = s->map == LAYERS_BLOCKS;
    int high = l->high * (blocks ? 2 : 1);
    bool here = s->row >= row && s->row < row + high;
    area_right(a, l->label - 1, y, here ? STYLE_BOLD : STYLE_DIM, "%d", row);
    for (int x = 0; x < l->cols; x++) {
        int col = l->col + x * l->wide, at = l->label + x * l->cell_w;
        bool cursor = here && s->col >= col && s->col < col + l->wide;
        int n = map_digit(ui, d, l, row, col, top);
        if (blocks)
            put_block(a, at, y, n, map_digit(ui, d, l, row + l->high, col, top),
                      cursor);
        else
            put_digit(a, at, y, l->cell_w, n, cursor);
    }
    draw_row_mean(a, l, y, d, row);
}

/* Numbers of columns above them, where there is room. */
static void draw_column_numbers(struct area a, const struct ui *ui,
                                const struct layout *l)
{
    int step = 10 / l->cell_w, end = l->label + l->cols * l->cell_w;
    area_fit(a, 0, 0, l->label - 1, STYLE_DIM, "in");
    for (int x = 0; x < l->cols; x += step) {
        int col = l->col + x * l->wide, at = l->label + x * l->cell_w;
        bool here =
            ui->layers.col >= col && ui->layers.col < col + step * l->wide;
        if (at + columns_of(col) <= end || x == 0)
            area_printf(a, at, 0, here ? STYLE_BOLD : STYLE_DIM, "%d", col);
    }
    if (l->means)
        area_right(a, a.w, 0, STYLE_DIM, "row mean");
}

static void draw_nothing(struct area a, const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    const struct loom_train_layer *l = selected(ui);
    const char *text = t->state == LOOM_TRAIN_EMPTY     ? "no run"
                       : t->state == LOOM_TRAIN_LOADING ? "loading …"
                       : !l                             ? "no layers"
                       : !l->weights ? "a layer without weights"
                                     : "waits for the next batch";
    area_text(a, (a.w - text_width(text)) / 2, (a.h - 1) / 2, STYLE_DIM, text);
}

static void draw_map(struct area a, const struct ui *ui, const struct layout *l)
{
    const struct loom_layer_detail *d = detail(ui);
    if (!d) {
        draw_nothing(a, ui);
        return;
    }
    bool blocks = ui->layers.map == LAYERS_BLOCKS;
    float top = largest(d, ui->layers.what);
    draw_column_numbers(a, ui, l);
    area_spot(area_sub(a, l->label, 1, l->cols * l->cell_w, a.h - 1),
              SPOT_CELLS, 0);
    for (int y = 0; y < (blocks ? parts(l->rows, 2) : l->rows); y++)
        draw_map_row(a, ui, l, 1 + y, l->row + y * l->high * (blocks ? 2 : 1),
                     top);
}

static void map_title(const struct ui *ui, char *title, size_t n)
{
    const struct loom_layer_detail *d = detail(ui);
    const struct loom_train_layer *l = selected(ui);
    int used;
    if (!d) {
        snprintf(title, n, "%s", l ? l->name : "layer");
        return;
    }
    used = snprintf(title, n, "%s %d×%d %s", d->name, d->rows, d->cols,
                    what_names[ui->layers.what]);
    if (l->frozen && d->map < 0 && used > 0 && (size_t)used < n)
        snprintf(title + used, n - (size_t)used, " frozen");
    if (d->map >= 0 && used > 0 && (size_t)used < n)
        snprintf(title + used, n - (size_t)used, " at epoch %d", d->epoch);
}

/* "rows 0-13 of 64 cols 0-31 of 32", and what a cell is. */
static void map_note(const struct ui *ui, const struct layout *l, char *note,
                     size_t n)
{
    const struct loom_layer_detail *d = detail(ui);
    char top[FORMAT_CHARS], scale[64] = "";
    note[0] = 0;
    if (!d)
        return;
    if (ui->layers.what != LAYERS_BITS)
        snprintf(scale, sizeof scale, "9 = %s, less 1: half  ",
                 format_value((double)largest(d, ui->layers.what), top));
    else if (l->rows * l->high < d->rows || l->cols * l->wide < d->cols)
        snprintf(scale, sizeof scale, "from [%d,%d]  ", l->row, l->col);
    if (l->high * l->wide > 1)
        snprintf(note, n, "%smeans of %d×%d", scale, l->high, l->wide);
    else
        snprintf(note, n, "%s1:1", scale);
}

/* The other boxes. */

static void draw_histogram(struct area in, const struct loom_layer_detail *d)
{
    char text[FORMAT_CHARS];
    bool mean = in.h >= 9;
    int rows = between(in.h - mean, 1, 10), most = 1;
    int count[LOOM_DETAIL_BINS] = {0};
    for (int b = 0; b < LOOM_DETAIL_BINS; b++)
        count[b < rows ? b : rows - 1] += d->histogram[b];
    for (int b = 0; b < rows; b++)
        most = count[b] > most ? count[b] : most;
    for (int b = 0; b < rows; b++) {
        area_printf(in, 1, b, STYLE_BITS + (enum style)b, "%d", b);
        area_text(in, 2, b, STYLE_DIM, b == rows - 1 ? "+" : " ");
        area_bar(in, 4, b, in.w - 17, (double)count[b] / most, false);
        area_right(in, in.w - 6, b, STYLE_PLAIN, "%s",
                   format_count(count[b], text));
        area_right(in, in.w - 1, b, STYLE_PLAIN, "%.0f%%",
                   100.0 * count[b] / d->weights);
    }
    if (mean)
        area_printf(in, 1, rows, STYLE_PLAIN, "mean %.2f  p90 %.0f  max %.0f",
                    (double)d->mean_bits, (double)d->p90_bits,
                    (double)d->max_bits);
}

static void draw_format(struct area a, int x, int y, int k, int i, int f)
{
    area_printf(a, x, y, STYLE_PLAIN, "%c%d i%d f%d", k ? 's' : 'u',
                k + i + f > 0 ? k + i + f : 0, i, f);
}

static void named(struct area a, int y, const char *name, const char *value)
{
    area_text(a, 1, y, STYLE_DIM, name);
    area_text(a, 8, y, STYLE_PLAIN, value);
}

/* What a weight is, in as many rows as there are. */
static void draw_weight(struct area in, const struct loom_layer_detail *d,
                        const struct loom_weight_cell *c, int row)
{
    char v[FORMAT_CHARS], line[64];
    double high = ldexp(1, c->i) - ldexp(1, -c->f);
    double low = !c->k ? 0 : d->symmetric ? -high : -ldexp(1, c->i);
    named(in, 0, "value", format_value((double)c->value, v));
    snprintf(line, sizeof line, "%.0f", (double)c->bits);
    named(in, 1, "bits", line);
    if (c->bits > 0)
        draw_format(in, 12, 1, c->k, c->i, c->f);
    /* + 0: no minus before a zero */
    named(in, 2, "grad", format_value((double)c->gradient + 0.0, v));
    named(in, 3, "grad b", format_value((double)c->bit_gradient + 0.0, v));
    snprintf(line, sizeof line, "%.4g to %.4g", low, high);
    named(in, 4, "range", c->bits > 0 ? line : "pruned");
    named(in, 5, "error", format_value((double)c->error, v));
    snprintf(line, sizeof line, "%.6g", (double)(c->value - c->error));
    named(in, 6, "quant", line);
    int y = (row - d->row) / d->high;
    if (!isnan(d->in_k[y])) {
        named(in, 7, "input", "");
        draw_format(in, 8, 7, (int)d->in_k[y], (int)d->in_i[y],
                    (int)d->in_f[y]);
    }
}

static void draw_mean(struct area in, const struct loom_weight_cell *c)
{
    char v[FORMAT_CHARS];
    snprintf(v, sizeof v, "%.4g", (double)c->bits);
    named(in, 0, "bits", v);
    if (isnan(c->value))
        return;
    area_text(in, 1, 1, STYLE_DIM, "mean magnitudes");
    named(in, 2, "value", format_value((double)c->value, v));
    named(in, 3, "grad", format_value((double)c->gradient, v));
    named(in, 4, "grad b", format_value((double)c->bit_gradient, v));
    named(in, 5, "error", format_value((double)c->error, v));
}

static const struct loom_weight_cell *cursor_cell(const struct ui *ui,
                                                  const struct layout *l)
{
    const struct loom_layer_detail *d = detail(ui);
    return d ? cell_at(d, l, ui->layers.row / l->high * l->high,
                       ui->layers.col / l->wide * l->wide)
             : NULL;
}

static void draw_cell(struct area a, const struct ui *ui,
                      const struct layout *l)
{
    char title[48], note[24];
    const struct loom_layer_detail *d = detail(ui);
    const struct loom_weight_cell *c = cursor_cell(ui, l);
    snprintf(title, sizeof title, "weight [%d,%d]", ui->layers.row,
             ui->layers.col);
    bool one = l->high * l->wide == 1;
    snprintf(note, sizeof note, "%d×%d", l->high, l->wide);
    struct area in = area_box(a, false, title, one ? NULL : note);
    if (!c)
        return;
    if (!one || d->map >= 0)
        draw_mean(in, c);
    else
        draw_weight(in, d, c, ui->layers.row);
}

static void range_text(int lo, int hi, char out[24])
{
    if (lo == hi)
        snprintf(out, 24, "%d", lo);
    else
        snprintf(out, 24, "%d..%d", lo, hi);
}

static void draw_formats(struct area in, int y, const char *name,
                         const struct loom_format_range *f)
{
    char i[24], fr[24], dead[24] = "";
    area_text(in, 1, y, STYLE_DIM, name);
    if (!f->n) {
        area_text(in, 6, y, STYLE_DIM, "not quantized");
        return;
    }
    range_text(f->i_min, f->i_max, i);
    range_text(f->f_min, f->f_max, fr);
    if (f->dead)
        snprintf(dead, sizeof dead, " %d dead", f->dead);
    area_printf(in, 6, y, STYLE_PLAIN,
                "%4d%s  %.1f bits  %c i %s f %s  [%.4g, %.4g]", f->n, dead,
                (double)f->mean_bits, f->k ? 's' : 'u', i, fr, (double)f->low,
                (double)f->high);
}

static int list_dead(struct area in, int x, int y, const char *name, int n,
                     const int list[LOOM_DETAIL_DEAD])
{
    if (!n)
        return 0;
    int start = x;
    x += area_printf(in, x, y, STYLE_WARN, "%d %s", n, name);
    for (int i = 0; i < n && i < LOOM_DETAIL_DEAD; i++) {
        if (x + columns_of(list[i]) + 4 > in.w || i == 8)
            return x + area_text(in, x, y, STYLE_DIM, " …") - start;
        x += area_printf(in, x, y, STYLE_PLAIN, " %d", list[i]);
    }
    return x - start;
}

static void draw_flow(struct area in, const struct loom_layer_detail *d)
{
    char e[FORMAT_CHARS];
    int gap = in.h >= 6, y = 0;
    draw_formats(in, y++, "in", &d->in);
    draw_formats(in, y++, "out", &d->out);
    y += gap;
    area_printf(in, 1, y++, STYLE_PLAIN,
                "%s EBOPs, %.0f%% of all  %.0f%% pruned  %.1f%% saturated",
                format_count((double)d->ebops, e), 100 * (double)d->share,
                100.0 * d->pruned / d->weights, 100 * (double)d->saturated);
    int x = 1 + area_text(in, 1, y, STYLE_DIM, "dead ");
    if (!d->n_dead_rows && !d->n_dead_cols) {
        area_text(in, x, y, STYLE_PLAIN, "none");
        return;
    }
    x += list_dead(in, x, y, "inputs", d->n_dead_rows, d->dead_row);
    if (gap && d->n_dead_rows && d->n_dead_cols) {
        y++;
        x = 6;
    } else if (d->n_dead_rows) {
        x += 2;
    }
    list_dead(in, x, y, "outputs", d->n_dead_cols, d->dead_col);
}

/* Bits over the epochs, and the epoch that is looked at. */
static void draw_time(struct area in, const struct ui *ui,
                      const struct loom_layer_detail *d)
{
    enum { MOST = LOOM_BIT_MAPS + 1 };
    float x[MOST], mean[MOST], p90[MOST];
    int n = 0;
    for (; n < d->n_points; n++) {
        x[n] = (float)d->point[n].epoch;
        mean[n] = d->point[n].mean;
        p90[n] = d->point[n].p90;
    }
    if (d->map < 0 && n && d->epoch > d->point[n - 1].epoch) {
        x[n] = (float)d->epoch;
        mean[n] = d->mean_bits;
        p90[n++] = d->p90_bits;
    }
    const struct plot_line line[] = {{x, mean, n, STYLE_TRAIN, false},
                                     {x, p90, n, STYLE_VAL, true}};
    struct plot_axes ax;
    if (!plot_line_axes(line, 2, false, &ax)) {
        area_text(in, 1, 0, STYLE_DIM, "waits for the first epoch");
        return;
    }
    struct area p = plot_labels(in, &ax, "epoch");
    plot_lines(p, line, 2, &ax);
    double t = ax.x1 > ax.x0 ? ((double)d->epoch - ax.x0) / (ax.x1 - ax.x0) : 1;
    int at = between((int)(t * (p.w - 1) + 0.5), 0, p.w - 1);
    for (int y = 0; y < p.h && ui->layers.epoch; y++)
        area_put(p, at, y, STYLE_KEY, 0x2502);
}

/* Without frames: the map and one line about the cursor. */
static void draw_compact(struct area a, const struct ui *ui,
                         const struct layout *l)
{
    char title[96], note[80], v[FORMAT_CHARS];
    const struct loom_weight_cell *c = cursor_cell(ui, l);
    map_title(ui, title, sizeof title);
    map_note(ui, l, note, sizeof note);
    area_text(a, 1, 0, STYLE_TITLE, title);
    if (text_width(title) + text_width(note) + 3 < a.w)
        area_right(a, a.w - 1, 0, STYLE_DIM, "%s", note);
    draw_map(area_sub(a, 0, 1, a.w, a.h - 2), ui, l);
    if (!c)
        return;
    int x = 1 + area_printf(a, 1, a.h - 1, STYLE_BOLD, "[%d,%d]",
                            ui->layers.row, ui->layers.col);
    x += area_printf(a, x + 1, a.h - 1, STYLE_PLAIN, "%.4g bits",
                     (double)c->bits);
    if (!isnan(c->value))
        x += area_printf(a, x + 3, a.h - 1, STYLE_PLAIN, "value %s",
                         format_value((double)c->value, v));
    if (!isnan(c->gradient))
        area_printf(a, x + 5, a.h - 1, STYLE_DIM, "grad %s",
                    format_value((double)c->gradient, v));
}

static struct area box(struct area all, struct dash_rect r)
{
    return area_sub(all, r.x, r.y, r.w, r.h);
}

void layers_draw(struct area all, const struct ui *ui)
{
    struct layout l;
    char title[96], note[80];
    layout(ui, &l);
    if (!l.frames) {
        draw_compact(ui_body(all), ui, &l);
        return;
    }
    const struct loom_layer_detail *d = detail(ui);
    map_title(ui, title, sizeof title);
    map_note(ui, &l, note, sizeof note);
    draw_map(area_box(box(all, l.map), true, title, note[0] ? note : NULL), ui,
             &l);
    if (!l.cell.w)
        return;
    struct area in =
        area_box(box(all, l.histogram), false, "weights by bits", NULL);
    if (d)
        draw_histogram(in, d);
    draw_cell(box(all, l.cell), ui, &l);
    in = area_box(box(all, l.flow), false, "inputs, outputs, cost", NULL);
    if (d)
        draw_flow(in, d);
    if (!l.time.w)
        return;
    in = area_box(box(all, l.time), false, "bits over epochs",
                  ui->layers.epoch ? ", . epoch   > now" : ", earlier");
    area_text(all, l.time.x + 21, l.time.y, STYLE_TRAIN, " mean ── ");
    area_text(all, l.time.x + 30, l.time.y, STYLE_VAL, "p90 ┄┄ ");
    if (d)
        draw_time(in, ui, d);
}
