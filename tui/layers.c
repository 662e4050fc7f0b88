#include "tui/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/layers_impl.h"

/* What is looked at. */

const struct loom_train_layer *layers_selected(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    return t->n_layers ? &t->layer[ui_between(ui->layer, 0, t->n_layers - 1)]
                       : NULL;
}

const struct loom_layer_detail *layers_detail(const struct ui *ui)
{
    const struct loom_train_layer *l = layers_selected(ui);
    const struct loom_layer_detail *d = ui->detail;
    bool it = l && d && d->name[0] && !strcmp(d->name, l->name);
    return it && (!d->inputs || ui->layers.inputs) ? d : NULL;
}

bool layers_tiled(const struct loom_layer_detail *d)
{
    return d->kernel_high * d->kernel_wide > 1;
}

static void layer_shape(const struct ui *ui, int *rows, int *cols)
{
    const struct loom_train_layer *l = layers_selected(ui);
    const struct loom_layer_detail *d = layers_detail(ui);
    *rows = d ? d->rows : l && l->weights ? l->n_in : 1;
    *cols = d ? d->cols : l && l->weights ? l->n_out : 1;
}

/* Layout. */

static void layout_boxes(const struct ui *ui, struct layers_layout *l)
{
    int w = ui->w, body = ui->h - 2;
    l->frames = w >= 80 && ui->h >= 24;
    l->map = (struct dash_rect){0, 1, w, body};
    if (!l->frames || ui->full)
        return;
    bool wide = w >= 120 && body >= 36;
    int below = wide ? ui_between(body / 4, 9, 16) : 7;
    int left = wide ? w * 62 / 100 : w * 52 / 80, right = w - left;
    int top = body - below, y = 1;
    l->map = (struct dash_rect){0, 1, left, top};
    l->histogram = (struct dash_rect){left, y, right, wide ? 13 : top - 8};
    y += l->histogram.h;
    struct dash_rect low = {0, 1 + top, w, below};
    if (wide) {
        l->flow = (struct dash_rect){left, y, right, 10};
        y += l->flow.h;
        l->time = low;
    } else if (ui->layers.epoch) { /* what is asked for has the room */
        l->time = low;
    } else {
        l->flow = low;
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
    return ui_between(from, 0, last > 0 ? last : 0);
}

/* Cells of `size` that fit, with a blank behind every `gap` of them. */
static int fit(int n, int room, int size, int gap)
{
    while (n > 1 && n * size + (gap ? (n + gap - 2) / gap : 0) > room)
        n--;
    return n;
}

/* Tiles stand apart where every weight has a digit of its own. */
static void layout_gaps(const struct ui *ui, struct layers_layout *l)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    if (!d || !layers_tiled(d) || ui->layers.map != LAYERS_DIGITS ||
        l->high * l->wide > 1)
        return;
    l->gap_h = d->kernel_high < d->rows ? d->kernel_high : 0;
    l->gap_w = d->kernel_wide < d->cols ? d->kernel_wide : 0;
}

static void layout_map(const struct ui *ui, struct layers_layout *l)
{
    const struct layers_state *s = &ui->layers;
    int rows, cols, edge = l->frames ? 2 : 0;
    layer_shape(ui, &rows, &cols);
    int w = l->map.w - edge, h = l->map.h - edge - 1 - (l->frames ? 0 : 2);
    l->label = columns_of(rows - 1) + 2;
    l->means = w >= 44 ? 13 : 0;
    int room = ui_between(w - l->label - l->means, 1, LOOM_DETAIL_SIDE);
    int high = ui_between(h, 1, LOOM_DETAIL_SIDE / 2);
    if (s->map == LAYERS_BLOCKS)
        high *= 2;
    bool whole = s->map == LAYERS_WHOLE;
    l->high = ui_between(whole ? parts(rows, high) : s->zoom, 1, rows);
    l->wide = ui_between(whole ? parts(cols, room) : s->zoom, 1, cols);
    layout_gaps(ui, l);
    int n_rows = parts(rows, l->high), n_cols = parts(cols, l->wide);
    l->cell_w =
        s->map != LAYERS_BLOCKS && fit(n_cols, room, 2, l->gap_w) == n_cols ? 2
                                                                            : 1;
    l->cols = fit(ui_between(n_cols, 1, room), room, l->cell_w, l->gap_w);
    l->rows = fit(ui_between(n_rows, 1, high), high, 1, l->gap_h);
    l->rows = ui_between(l->rows, 1, LOOM_DETAIL_CELLS / l->cols);
    l->row = scroll(s->from_row, ui_between(s->row, 0, rows - 1), rows, l->rows,
                    l->high);
    l->col = scroll(s->from_col, ui_between(s->col, 0, cols - 1), cols, l->cols,
                    l->wide);
}

void layers_layout(const struct ui *ui, struct layers_layout *l)
{
    memset(l, 0, sizeof *l);
    layout_boxes(ui, l);
    layout_map(ui, l);
}

static int gaps(int first, int i, int gap)
{
    return gap ? (first + i) / gap - first / gap : 0;
}

int layers_x(const struct layers_layout *l, int i)
{
    return i * l->cell_w + gaps(l->col, i, l->gap_w);
}

int layers_y(const struct layers_layout *l, int i)
{
    return i + gaps(l->row, i, l->gap_h);
}

const struct loom_weight_cell *layers_cell(const struct loom_layer_detail *d,
                                           const struct layers_layout *l,
                                           int row, int col)
{
    int y = (row - d->row) / l->high, x = (col - d->col) / l->wide;
    if (d->high != l->high || d->wide != l->wide || row < d->row ||
        col < d->col || y >= d->n_rows || x >= d->n_cols)
        return NULL;
    return &d->cell[y * d->n_cols + x];
}

/* What keys do. */

/* Remember what is shown, so that the map stays where it is. */
static void settle(struct ui *ui)
{
    struct layers_layout l;
    int rows, cols;
    layer_shape(ui, &rows, &cols);
    ui->layers.row = ui_between(ui->layers.row, 0, rows - 1);
    ui->layers.col = ui_between(ui->layers.col, 0, cols - 1);
    layers_layout(ui, &l);
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
    struct layers_layout l;
    layers_layout(ui, &l);
    go(ui, rows * l.high, cols * l.wide);
}

void layers_click(struct ui *ui, int x, int y)
{
    struct layers_layout l;
    layers_layout(ui, &l);
    int high = l.high * (ui->layers.map == LAYERS_BLOCKS ? 2 : 1);
    int row = 0, col = 0;
    while (row + 1 < l.rows && layers_y(&l, row + 1) <= y)
        row++;
    while (col + 1 < l.cols && layers_x(&l, col + 1) <= x)
        col++;
    go(ui, l.row + (long)row * high - ui->layers.row,
       l.col + (long)col * l.wide - ui->layers.col);
}

void layers_turn(struct ui *ui, int by)
{
    int n = ui->view->train.n_layers;
    if (n)
        ui->layer = ui_between(ui_between(ui->layer, 0, n - 1) + by, 0, n - 1);
    settle(ui);
}

/* From what is shown, so that a key is seen to do something. */
void layers_zoom(struct ui *ui, bool in)
{
    struct layers_layout l;
    layers_layout(ui, &l);
    int zoom = 1, now = l.high > l.wide ? l.high : l.wide;
    while (in ? zoom * 2 < now : zoom <= now)
        zoom *= 2;
    ui->layers.zoom = ui_between(zoom, 1, 64);
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
    const struct loom_layer_detail *d = layers_detail(ui);
    if (!d || !d->n_points)
        return;
    int at = ui_between(map_at(ui, d) + by, 0, d->n_points);
    ui->layers.epoch = at < d->n_points ? d->point[at].epoch : 0;
    settle(ui);
}

int layers_page(const struct ui *ui)
{
    struct layers_layout l;
    layers_layout(ui, &l);
    return l.rows;
}

static bool same(const struct loom_layer_watch *a,
                 const struct loom_layer_watch *b)
{
    return !strcmp(a->name, b->name) && a->row == b->row && a->col == b->col &&
           a->rows == b->rows && a->cols == b->cols && a->high == b->high &&
           a->wide == b->wide && a->epoch == b->epoch &&
           a->inputs == b->inputs && a->example == b->example;
}

void layers_watch(struct ui *ui)
{
    struct loom_command c = {.kind = LOOM_CMD_WATCH_LAYER};
    const struct loom_train_layer *t = layers_selected(ui);
    if (ui->screen == SCREEN_LAYERS && t) {
        struct layers_layout l;
        layers_layout(ui, &l);
        memcpy(c.watch.name, t->name, sizeof c.watch.name);
        c.watch.row = l.row;
        c.watch.col = l.col;
        c.watch.rows = l.rows;
        c.watch.cols = l.cols;
        c.watch.high = l.high;
        c.watch.wide = l.wide;
        c.watch.epoch = ui->layers.epoch;
        c.watch.inputs = ui->layers.inputs;
        c.watch.example = ui->layers.example;
    }
    if (ui->send && !same(&c.watch, &ui->layers.sent) && ui->send(ui->ud, &c))
        ui->layers.sent = c.watch;
}

/* The picture. */

/* Without frames: the map and one line about the cursor. */
static void draw_compact(struct area a, const struct ui *ui,
                         const struct layers_layout *l)
{
    char title[96], note[80], v[FORMAT_CHARS];
    const struct loom_layer_detail *d = layers_detail(ui);
    const struct loom_weight_cell *c =
        d ? layers_cell(d, l, ui->layers.row / l->high * l->high,
                        ui->layers.col / l->wide * l->wide)
          : NULL;
    layers_map_title(ui, title, sizeof title);
    layers_map_note(ui, l, note, sizeof note);
    area_text(a, 1, 0, STYLE_TITLE, title);
    if (text_width(title) + text_width(note) + 3 < a.w)
        area_right(a, a.w - 1, 0, STYLE_DIM, "%s", note);
    layers_map_draw(area_sub(a, 0, 1, a.w, a.h - 2), ui, l);
    if (!c || isnan(c->bits))
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
    struct layers_layout l;
    char title[96], note[80];
    layers_layout(ui, &l);
    if (!l.frames) {
        draw_compact(ui_body(all), ui, &l);
        return;
    }
    const struct loom_layer_detail *d = layers_detail(ui);
    layers_map_title(ui, title, sizeof title);
    layers_map_note(ui, &l, note, sizeof note);
    layers_map_draw(
        area_box(box(all, l.map), true, title, note[0] ? note : NULL), ui, &l);
    if (!l.cell.w)
        return;
    struct area in =
        area_box(box(all, l.histogram), false,
                 d && d->inputs ? "inputs by bits" : "weights by bits", NULL);
    if (d)
        layers_histogram_draw(in, d);
    layers_cell_draw(box(all, l.cell), ui, &l);
    if (l.flow.w) {
        in = area_box(box(all, l.flow), false, "inputs, outputs, cost", NULL);
        if (d)
            layers_flow_draw(in, ui, d);
    }
    if (l.time.w)
        layers_time_draw(box(all, l.time), ui);
}
