/* The bit map of Dash: a row a layer, a digit a channel. */
#include <math.h>
#include <stdio.h>

#include "tui/dash_impl.h"
#include "tui/format.h"

/* Cells of one layer: channels, or means of k of them where there is no
 * room. Returns k. */
static int map_group(const struct loom_train_layer *l, int cells)
{
    return cells > 0 && l->n_channels > 0 ? (l->n_channels + cells - 1) / cells
                                          : 1;
}

static void bit_cell(struct area a, int x, int y, float bits)
{
    int n = isfinite(bits) ? ui_between((int)lrintf(bits), 0, 9) : 0;
    uint32_t ch = !isfinite(bits) ? '?' : bits <= 0 ? 0xb7 : '0' + (uint32_t)n;
    area_put(a, x, y, (enum style)(STYLE_BITS + n), ch);
}

/* The channels of a layer from (0, 0) on, over as many rows as a has; an
 * ellipsis stands for those that the view leaves out. */
static void draw_channels(struct area a, const struct loom_train_layer *l)
{
    bool more = l->n_out > l->n_channels;
    int cells = a.w * a.h, k = map_group(l, cells - more), at = 0;
    for (int i = 0; i < l->n_channels; i += k, at++) {
        float sum = 0;
        int n = 0;
        for (int c = i; c < l->n_channels && c < i + k; c++, n++)
            sum += l->channel_bits[c];
        bit_cell(a, at % a.w, at / a.w, sum / (float)n);
    }
    if (more && l->n_channels && at < cells)
        area_put(a, at % a.w, at / a.w, STYLE_DIM, 0x2026);
}

static void shape_text(const struct loom_train_layer *l, char buf[24])
{
    snprintf(buf, 24, "%d×%d", l->n_in, l->n_out);
}

/* Columns of the table beside the map. */
struct dash_bits_columns dash_bits_columns(const struct loom_train_view *t,
                                           int w)
{
    struct dash_bits_columns c = {0};
    char shape[24];
    for (int i = 0; i < t->n_layers; i++) {
        int n = text_width(t->layer[i].name);
        c.name = n > c.name ? n : c.name;
        shape_text(&t->layer[i], shape);
        n = text_width(shape);
        c.shape = n > c.shape ? n : c.shape;
    }
    c.name = ui_between(c.name, 4, w < 60 ? 10 : 20);
    c.shape = w >= 44 ? c.shape : 0;
    c.w = 5;
    c.a = w >= 64 ? 6 : 0;
    c.ebops = w >= 34 ? 7 : 0;
    c.pruned = w >= 64 ? 6 : 0;
    c.map = w - 1 - (c.name + 1) - (c.shape ? c.shape + 1 : 0) - c.w - c.a -
            c.ebops - c.pruned - 1;
    if (c.map < 0)
        c.map = 0;
    return c;
}

static void right_bits(struct area a, int *x, int w, int y, float bits)
{
    *x += w;
    if (w && bits >= 0)
        area_right(a, *x, y, STYLE_PLAIN, w > 5 ? "%.1f" : "%.1fb",
                   (double)bits);
    else if (w)
        area_right(a, *x, y, STYLE_DIM, "—");
}

static void bits_row(struct area a, int y, const struct loom_train_layer *l,
                     const struct dash_bits_columns *c, bool selected, int rows)
{
    char text[FORMAT_CHARS];
    int x = 1 + c->name + 1;
    area_text(a, 0, y, STYLE_KEY, selected ? "▸" : "");
    area_fit(a, 1, y, c->name, selected ? STYLE_BOLD : STYLE_PLAIN, l->name);
    if (c->shape) {
        shape_text(l, text);
        area_text(a, x, y, STYLE_DIM, text);
        x += c->shape + 1;
    }
    draw_channels(area_sub(a, x, y, c->map, rows), l);
    x += c->map;
    right_bits(a, &x, c->w, y, l->weights ? l->mean_w_bits : -1);
    right_bits(a, &x, c->a, y, l->mean_a_bits);
    if (c->ebops)
        area_right(a, x += c->ebops, y, STYLE_PLAIN, "%s",
                   format_count((double)l->ebops, text));
    if (c->pruned && l->weights)
        area_right(a, x + c->pruned, y, STYLE_PLAIN, "%.0f%%",
                   100.0 * l->pruned / l->weights);
}

static void bits_titles(struct area a, const struct dash_bits_columns *c)
{
    int x = 1;
    area_text(a, x, 0, STYLE_DIM, "layer");
    x += c->name + 1;
    if (c->shape)
        area_text(a, x, 0, STYLE_DIM, "shape");
    x += c->shape ? c->shape + 1 : 0;
    area_fit(a, x, 0, c->map, STYLE_DIM,
             c->map > 33 ? "bits a weight, a digit a channel" : "bits");
    area_right(a, x += c->map + c->w, 0, STYLE_DIM, "w");
    if (c->a)
        area_right(a, x += c->a, 0, STYLE_DIM, "act");
    if (c->ebops)
        area_right(a, x += c->ebops, 0, STYLE_DIM, "EBOPs");
    if (c->pruned)
        area_right(a, x + c->pruned, 0, STYLE_DIM, "0 bit");
}

/* "· 0 1 2 ... 9+ bits" on their colours. */
static void bits_scale(struct area a, int y)
{
    int x = 1 + area_text(a, 0, y, STYLE_DIM, "bits");
    bit_cell(a, x, y, 0);
    x += 2 + area_text(a, x + 2, y, STYLE_DIM, "pruned ");
    for (int i = 0; i < 10; i++)
        bit_cell(a, x + i, y, i ? (float)i : 0.1f);
    area_text(a, x + 10, y, STYLE_DIM, "+");
}

static void bits_total(struct area a, int y, const struct loom_train_view *t)
{
    char e[FORMAT_CHARS];
    int x = 1 + area_printf(a, 1, y, STYLE_BOLD, "%s EBOPs",
                            format_count((double)t->ebops, e));
    if (t->pruned_fraction >= 0)
        area_printf(a, x + 2, y, STYLE_PLAIN, "%.0f%% pruned",
                    100 * (double)t->pruned_fraction);
}

/* Rows a layer takes in the map: on the full screen as many as it needs. */
static int layer_rows(const struct loom_train_layer *l, int map, bool full)
{
    return full && map > 0 && l->n_channels > map
               ? (l->n_channels + map - 1) / map
               : 1;
}

/* The first layer shown, so that the selected one is among them. */
static int first_layer(const struct loom_train_view *t, int selected, int room,
                       int map, bool full)
{
    int from = selected, used = 0;
    for (int i = selected; i >= 0; i--) {
        used += layer_rows(&t->layer[i], map, full);
        if (used > room)
            break;
        from = i;
    }
    return from;
}

void dash_bits_rows(struct area a, const struct ui *ui,
                    const struct dash_bits_columns *c, bool spaced)
{
    const struct loom_train_view *t = &ui->view->train;
    int at = ui_between(ui->layer, 0, t->n_layers - 1);
    bool full = ui->full;
    int y = 0, i = first_layer(t, at, a.h, c->map, full);
    for (; i < t->n_layers && y < a.h; i++) {
        int rows = layer_rows(&t->layer[i], c->map, full);
        bits_row(a, y, &t->layer[i], c, i == at && ui->focus == DASH_BITS,
                 rows);
        if (ui->focus == DASH_BITS && rows == 1)
            area_spot(area_sub(a, 0, y, a.w, 1), SPOT_ROWS, i);
        y += rows + spaced;
    }
}

void dash_bits_draw(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    struct area in = area_box(a, focus, "bits per layer",
                              t->n_layers ? "mean of the weights" : NULL);
    if (!t->n_layers) {
        area_text(in, (in.w - 9) / 2, (in.h - 1) / 2, STYLE_DIM,
                  t->state == LOOM_TRAIN_LOADING ? "loading …" : "no layers");
        return;
    }
    struct dash_bits_columns c = dash_bits_columns(t, in.w);
    int need = 0;
    for (int i = 0; i < t->n_layers; i++)
        need += layer_rows(&t->layer[i], c.map, ui->full);
    int room = in.h - 2, foot = in.h - 1;
    bool spaced = need + t->n_layers <= room;
    bits_titles(in, &c);
    dash_bits_rows(area_sub(in, 0, 1, in.w, room), ui, &c, spaced);
    bits_total(in, foot, t);
    if (in.w >= 54)
        bits_scale(area_sub(in, in.w - 25, 0, 25, in.h), foot);
    else
        area_right(in, in.w, foot, STYLE_DIM, "· 0 bit");
}
