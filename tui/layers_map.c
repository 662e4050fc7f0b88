/* The map of Layers: a digit, a half-block or a mean for every weight. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/format.h"
#include "tui/layers_impl.h"

const char *layers_what_name(enum layers_what what)
{
    static const char *const names[LAYERS_WHATS] = {
        "bits",  "value",     "error", "gradient", "gradient of bits",
        "range", "saturation"};
    return names[what];
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
    case LAYERS_RANGE:
        return c->range;
    case LAYERS_SATURATION:
        return c->fill;
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

/* The digit of a value, 0 .. 9: bits; eighths of the range, 9 beyond it; or
 * halvings below the largest. -1: not known. */
static int digit(float v, enum layers_what what, float top)
{
    if (isnan(v))
        return -1;
    if (what == LAYERS_BITS)
        return v >= 9 ? 9 : v > 0 && v < 1 ? 1 : (int)lrintf(v);
    if (what == LAYERS_SATURATION)
        return v > 1 ? 9 : v > 0 ? (int)fmaxf(ceilf(8 * v), 1) : 0;
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

static void draw_row_mean(struct area a, const struct layers_layout *l, int y,
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
                     const struct layers_layout *l, int row, int col, float top)
{
    if (row >= d->rows || col >= d->cols)
        return -2;
    const struct loom_weight_cell *c = layers_cell(d, l, row, col);
    if (c && isnan(c->bits))
        return -2;
    return c ? digit(quantity(c, ui->layers.what), ui->layers.what, top) : -1;
}

/* What a row is called: its number; a channel's, at the top of its kernels; or
 * that of the first input of a list's row. */
static void draw_row_label(struct area a, const struct ui *ui,
                           const struct layers_layout *l, int y, int row)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    int at = ui->layers.row, high = d->kernel_high;
    bool here = at >= row &&
                at < row + l->high * (ui->layers.map == LAYERS_BLOCKS ? 2 : 1);
    int number = row;
    if (d->inputs && !layers_tiled(d))
        number = row * d->cols;
    else if (!d->inputs && layers_tiled(d))
        number = row / high;
    if (number == row || d->inputs || row % high == 0 || y == 1 || here)
        area_right(a, l->label - 1, y, here ? STYLE_BOLD : STYLE_DIM, "%d",
                   number);
}

static void draw_map_row(struct area a, const struct ui *ui,
                         const struct layers_layout *l, int y, int row,
                         float top)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    const struct layers_state *s = &ui->layers;
    bool blocks = s->map == LAYERS_BLOCKS;
    int high = l->high * (blocks ? 2 : 1);
    bool here = s->row >= row && s->row < row + high;
    draw_row_label(a, ui, l, y, row);
    for (int x = 0; x < l->cols; x++) {
        int col = l->col + x * l->wide, at = l->label + layers_x(l, x);
        bool cursor = here && s->col >= col && s->col < col + l->wide;
        int n = map_digit(ui, d, l, row, col, top);
        if (blocks)
            put_block(a, at, y, n, map_digit(ui, d, l, row + l->high, col, top),
                      cursor);
        else if (n > -2)
            put_digit(a, at, y, l->cell_w, n, cursor);
    }
    draw_row_mean(a, l, y, d, row);
}

/* Numbers of columns above them, or of the tiles, where there is room. */
static void draw_column_numbers(struct area a, const struct ui *ui,
                                const struct layers_layout *l)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    int tile = layers_tiled(d) ? d->kernel_wide : 1, free_from = l->label;
    int step = tile > 1 ? 1 : 10 / l->cell_w, end = l->label;
    end += layers_x(l, l->cols - 1) + l->cell_w;
    area_fit(a, 0, 0, l->label - 1, STYLE_DIM, d->inputs ? "" : "in");
    for (int x = 0; x < l->cols; x += step) {
        int col = l->col + x * l->wide, at = l->label + layers_x(l, x);
        if (tile > 1 && x && col % tile >= l->wide)
            continue;
        char text[16];
        int w = snprintf(text, sizeof text, "%d", col / tile);
        int span = tile > 1 ? tile : step * l->wide;
        bool here = ui->layers.col / span == col / span;
        if (at >= free_from && (at + w <= end || x == 0)) {
            area_text(a, at, 0, here ? STYLE_BOLD : STYLE_DIM, text);
            free_from = at + w + 1;
        }
    }
    if (l->means)
        area_right(a, a.w, 0, STYLE_DIM, "row mean");
}

static void draw_nothing(struct area a, const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    const struct loom_train_layer *l = layers_selected(ui);
    const char *text = t->state == LOOM_TRAIN_EMPTY     ? "no run"
                       : t->state == LOOM_TRAIN_LOADING ? "loading …"
                       : !l                             ? "no layers"
                       : !l->weights ? "a layer without weights"
                                     : "waits for the next batch";
    area_text(a, (a.w - text_width(text)) / 2, (a.h - 1) / 2, STYLE_DIM, text);
}

void layers_map_draw(struct area a, const struct ui *ui,
                     const struct layers_layout *l)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    if (!d) {
        draw_nothing(a, ui);
        return;
    }
    bool blocks = ui->layers.map == LAYERS_BLOCKS;
    float top = largest(d, ui->layers.what);
    draw_column_numbers(a, ui, l);
    area_spot(
        area_sub(a, l->label, 1, layers_x(l, l->cols - 1) + l->cell_w, a.h - 1),
        SPOT_CELLS, 0);
    for (int y = 0; y < (blocks ? (l->rows + 1) / 2 : l->rows); y++)
        draw_map_row(a, ui, l, 1 + layers_y(l, y),
                     l->row + y * l->high * (blocks ? 2 : 1), top);
}

/* "conv_0 3×3×8→16", "dense_0 16×64", "dense_0 inputs 28×28". */
static int shape_text(const struct loom_layer_detail *d, char *out, size_t n)
{
    int high = d->kernel_high, wide = d->kernel_wide;
    if (d->inputs && layers_tiled(d))
        return snprintf(out, n, "%s inputs %d×%d×%d", d->name, d->rows, wide,
                        d->cols / wide);
    if (d->inputs)
        return snprintf(out, n, "%s inputs %d", d->name, d->weights);
    if (layers_tiled(d))
        return snprintf(out, n, "%s %d×%d×%d→%d", d->name, high, wide,
                        d->rows / high, d->cols / wide);
    return snprintf(out, n, "%s %d×%d", d->name, d->rows, d->cols);
}

void layers_map_title(const struct ui *ui, char *title, size_t n)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    const struct loom_train_layer *l = layers_selected(ui);
    if (!d) {
        snprintf(title, n, "%s", l ? l->name : "layer");
        return;
    }
    char more[48] = "";
    if (d->inputs && ui->layers.what == LAYERS_VALUE)
        snprintf(more, sizeof more, " of example %d", ui->layers.example);
    else if (d->map >= 0)
        snprintf(more, sizeof more, " at epoch %d", d->epoch);
    else if (l->frozen)
        snprintf(more, sizeof more, " frozen");
    size_t used = (size_t)shape_text(d, title, n);
    if (used < n)
        snprintf(title + used, n - used, " %s%s",
                 layers_what_name(ui->layers.what), more);
}

/* What a digit is, and what a cell. */
void layers_map_note(const struct ui *ui, const struct layers_layout *l,
                     char *note, size_t n)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    char top[FORMAT_CHARS], scale[64] = "";
    note[0] = 0;
    if (!d)
        return;
    if (ui->layers.what == LAYERS_SATURATION)
        snprintf(scale, sizeof scale, "8 = full, 9 = beyond its range  ");
    else if (ui->layers.what != LAYERS_BITS)
        snprintf(scale, sizeof scale, "9 = %s, less 1: half  ",
                 format_value((double)largest(d, ui->layers.what), top));
    else if (l->rows * l->high < d->rows || l->cols * l->wide < d->cols)
        snprintf(scale, sizeof scale, "from [%d,%d]  ", l->row, l->col);
    if (l->high * l->wide > 1)
        snprintf(note, n, "%smeans of %d×%d", scale, l->high, l->wide);
    else
        snprintf(note, n, "%s1:1", scale);
}

char *layers_map_text(const struct ui *ui)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    char *text = NULL;
    size_t n;
    FILE *f = d ? open_memstream(&text, &n) : NULL;
    if (!f)
        return NULL;
    for (int y = 0; y < d->n_rows; y++)
        for (int x = 0; x < d->n_cols; x++)
            fprintf(
                f, "%.6g%c",
                (double)quantity(&d->cell[y * d->n_cols + x], ui->layers.what),
                x + 1 < d->n_cols ? '\t' : '\n');
    fclose(f);
    return text;
}
