#include "tui/dash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/mem.h"
#include "tui/builds.h"
#include "tui/format.h"
#include "tui/plot.h"

/* Layout. */

static int between(int v, int lo, int hi)
{
    return v > hi ? (hi < lo ? lo : hi) : v < lo ? lo : v;
}

static void layout_right(struct dash_layout *l, struct dash_rect r, bool jobs)
{
    int budget = r.h >= 13 ? 9 : r.h;
    l->box[DASH_BUDGET] = (struct dash_rect){r.x, r.y, r.w, budget};
    if (budget < r.h)
        l->box[DASH_SCHEDULE] =
            (struct dash_rect){r.x, r.y + budget, r.w, r.h - budget};
    if (jobs) {
        struct dash_rect *log = &l->box[DASH_LOG];
        log->w = r.x;
        l->box[DASH_JOBS] = (struct dash_rect){r.x, log->y, r.w, log->h};
    }
}

void dash_layout(const struct ui *ui, struct dash_layout *l)
{
    int w = ui->w, body = ui->h - 2;
    memset(l, 0, sizeof *l);
    l->kind = w < 40 || ui->h < 10   ? DASH_TINY
              : w < 80 || ui->h < 24 ? DASH_COMPACT
                                     : DASH_FRAMES;
    if (l->kind != DASH_TINY && ui->full)
        l->box[ui->focus] = (struct dash_rect){0, 1, w, body};
    if (l->kind != DASH_FRAMES || ui->full)
        return;
    int log = between(body / 5, 4, 20), mid = between(body * 2 / 5, 9, 24);
    int top = body - log - mid;
    bool wide = w >= 120;
    int right = wide ? between(w * 31 / 100, 38, 64) : w * 34 / 80;
    int left = w - right, loss = wide ? left * 56 / 100 : left;
    l->box[DASH_LOSS] = (struct dash_rect){0, 1, loss, top};
    if (wide)
        l->box[DASH_METRIC] = (struct dash_rect){loss, 1, left - loss, top};
    l->box[DASH_FRONT] = (struct dash_rect){left, 1, right, top};
    l->box[DASH_BITS] = (struct dash_rect){0, 1 + top, left, mid};
    l->box[DASH_LOG] = (struct dash_rect){0, 1 + top + mid, w, log};
    layout_right(l, (struct dash_rect){left, 1 + top, right, mid}, wide);
}

const char *dash_box_name(enum dash_box b)
{
    static const char *const names[DASH_BOXES] = {
        "Loss", "Metric", "Front", "Bits", "Budget", "Schedule", "Log", "Jobs"};
    return names[b];
}

static bool chooses(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_EMPTY;
}

static void move_log(struct ui *ui, long by)
{
    const struct loom_view *v = ui->view;
    if (!v->n_log)
        return;
    int rows = dash_page(ui), last = v->n_log - 1, at = last;
    if (ui->log_at)
        at = between((int)(ui->log_at - v->log[0].number), 0, last);
    at = between(at + (int)by, rows - 1 < last ? rows - 1 : last, last);
    ui->log_at = at == last ? 0 : v->log[at].number;
}

void dash_move(struct ui *ui, long rows, long cols)
{
    int by = (int)rows;
    (void)cols;
    if (chooses(ui))
        ui->script = between(ui->script + by, 0, ui->n_scripts - 1);
    else if (ui->focus == DASH_BITS)
        ui->layer = between(ui->layer + by, 0, ui->view->train.n_layers - 1);
    else
        move_log(ui, by);
}

int dash_row(const struct ui *ui)
{
    return chooses(ui) ? ui->script : ui->layer;
}

int dash_page(const struct ui *ui)
{
    struct dash_layout l;
    dash_layout(ui, &l);
    int rows = l.box[DASH_LOG].h - 2;
    return rows > 1 ? rows : 1;
}

/* Curves. */

static void no_points(struct area a, const struct loom_train_view *t)
{
    const char *text =
        t->state == LOOM_TRAIN_LOADING ? "loading …"
        : t->state == LOOM_TRAIN_FAILED || t->state == LOOM_TRAIN_DONE
            ? "no finished epoch"
            : "waits for the first epoch";
    area_text(a, (a.w - text_width(text)) / 2, (a.h - 1) / 2, STYLE_DIM, text);
}

struct history {
    int n;
    float x[LOOM_VIEW_POINTS], y[4][LOOM_VIEW_POINTS];
};

enum { H_LOSS, H_VAL, H_METRIC };

static void take_history(const struct loom_train_view *t, struct history *h)
{
    h->n = t->n_points;
    for (int i = 0; i < h->n; i++) {
        const struct loom_train_point *p = &t->point[i];
        h->x[i] = (float)p->epoch;
        h->y[H_LOSS][i] = p->loss;
        h->y[H_VAL][i] = p->val_loss;
        h->y[H_METRIC][i] = p->val_metric;
    }
}

static void draw_curves(struct area in, const struct plot_line *line, int n,
                        bool log_y, const struct loom_train_view *t)
{
    struct plot_axes ax;
    if (!plot_line_axes(line, n, log_y, &ax)) {
        no_points(in, t);
        return;
    }
    plot_lines(plot_labels(in, &ax, "epoch"), line, n, &ax);
}

static void draw_loss_lines(struct area in, const struct ui *ui)
{
    struct history h;
    take_history(&ui->view->train, &h);
    const struct plot_line line[] = {
        {h.x, h.y[H_LOSS], h.n, STYLE_TRAIN, false},
        {h.x, h.y[H_VAL], h.n, STYLE_VAL, true},
    };
    draw_curves(in, line, 2, ui->log_y, &ui->view->train);
}

static void draw_loss(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    char v[FORMAT_CHARS], note[64];
    snprintf(note, sizeof note, "%s  %s", format_value((double)t->loss, v),
             ui->log_y ? "log" : "linear");
    struct area in = area_box(a, focus, "loss", t->n_points ? note : NULL);
    if (a.w > 40) {
        area_text(a, 8, 0, STYLE_TRAIN, " train ── ");
        area_text(a, 18, 0, STYLE_VAL, "val ┄┄ ");
    }
    draw_loss_lines(in, ui);
}

/* The best point of the history; -1: none. */
static int best_point(const struct loom_train_view *t)
{
    int best = -1;
    for (int i = 0; i < t->n_points; i++) {
        float m = t->point[i].val_metric;
        if (!isfinite(m))
            continue;
        if (best < 0 || (t->lower_is_better ? m < t->point[best].val_metric
                                            : m > t->point[best].val_metric))
            best = i;
    }
    return best;
}

static void draw_metric(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    struct history h;
    take_history(t, &h);
    char title[64], note[64], v[FORMAT_CHARS];
    snprintf(title, sizeof title, "val %s%s%s",
             t->metric[0] ? t->metric : "metric", t->unit[0] ? " " : "",
             t->unit);
    int best = best_point(t);
    if (best >= 0)
        snprintf(note, sizeof note, "best %s at %d",
                 format_value((double)t->point[best].val_metric, v),
                 t->point[best].epoch);
    struct area in = area_box(a, focus, title, best >= 0 ? note : NULL);
    const struct plot_line line = {h.x, h.y[H_METRIC], h.n, STYLE_VAL, false};
    draw_curves(in, &line, 1, false, t);
}

/* The front. */

static bool is_built(const struct loom_view *v, int epoch)
{
    for (int i = 0; i < v->n_builds; i++)
        if (v->build[i].state == LOOM_BUILD_DONE &&
            builds_epoch(&v->build[i]) == epoch)
            return true;
    return false;
}

/* What the front counts: EBOPs, or cells as a step estimates them. */
static const char *cost_unit(const struct loom_train_view *t)
{
    return t->cost_unit[0] ? t->cost_unit : "EBOPs";
}

static double cost_of(const struct loom_train_view *t, float ebops, float cost)
{
    return (double)(t->cost_unit[0] ? cost : ebops);
}

static int front_marks(const struct loom_view *v,
                       struct plot_mark mark[LOOM_VIEW_FRONT + 1])
{
    const struct loom_train_view *t = &v->train;
    int n = 0;
    if (t->epoch > 0)
        mark[n++] =
            (struct plot_mark){cost_of(t, t->ebops, t->cost),
                               (double)t->val_metric, STYLE_VAL, 0x25cb};
    for (int built = 0; built < 2; built++)
        for (int i = 0; i < t->n_front; i++)
            if (is_built(v, t->front[i].epoch) == built)
                mark[n++] = (struct plot_mark){
                    cost_of(t, t->front[i].ebops, t->front[i].cost),
                    (double)t->front[i].val_metric,
                    built ? STYLE_MEASURED : STYLE_TRAIN,
                    built ? 0x25c6 : 0x2022};
    return n;
}

static void front_table(struct area a, const struct loom_view *v)
{
    const struct loom_train_view *t = &v->train;
    char e[FORMAT_CHARS], m[FORMAT_CHARS];
    area_right(a, 8, 0, STYLE_DIM, "%s%s", t->cost_unit[0] ? "~" : "",
               cost_unit(t));
    area_right(a, 18, 0, STYLE_DIM, "%s", t->metric);
    area_right(a, 26, 0, STYLE_DIM, "epoch");
    for (int i = 0; i < t->n_front; i++) {
        area_right(
            a, 8, 1 + i, STYLE_PLAIN, "%s",
            format_count(cost_of(t, t->front[i].ebops, t->front[i].cost), e));
        area_right(a, 18, 1 + i, STYLE_PLAIN, "%s",
                   format_value((double)t->front[i].val_metric, m));
        area_right(a, 26, 1 + i, STYLE_PLAIN, "%d", t->front[i].epoch);
        if (is_built(v, t->front[i].epoch))
            area_text(a, 28, 1 + i, STYLE_MEASURED, "◆ built");
    }
}

static void draw_front(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    struct plot_mark mark[LOOM_VIEW_FRONT + 1];
    struct plot_axes ax;
    char title[64], note[64];
    snprintf(title, sizeof title, "%s %s %s%s ←",
             t->metric[0] ? t->metric : "metric",
             t->lower_is_better ? "↓" : "↑", t->cost_unit[0] ? "~" : "",
             cost_unit(t));
    snprintf(note, sizeof note, "%d kept", t->n_front);
    struct area in = area_box(a, focus, title, t->n_front ? note : NULL);
    int n = front_marks(ui->view, mark);
    if (!plot_mark_axes(mark, n, &ax)) {
        no_points(in, t);
        return;
    }
    if (ui->full && in.w >= 90) {
        front_table(area_sub(in, in.w - 36, 0, 36, in.h), ui->view);
        in = area_sub(in, 0, 0, in.w - 40, in.h);
    }
    plot_marks(plot_labels(in, &ax, cost_unit(t)), mark, n, &ax);
}

/* The bit map. */

/* Cells of one layer: channels, or means of k of them where there is no
 * room. Returns k. */
static int map_group(const struct loom_train_layer *l, int cells)
{
    return cells > 0 && l->n_channels > 0 ? (l->n_channels + cells - 1) / cells
                                          : 1;
}

static void bit_cell(struct area a, int x, int y, float bits)
{
    int n = isfinite(bits) ? between((int)lrintf(bits), 0, 9) : 0;
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
struct bits_columns {
    int name, shape, w, a, ebops, pruned, map;
};

static struct bits_columns bits_columns(const struct loom_train_view *t, int w)
{
    struct bits_columns c = {0};
    char shape[24];
    for (int i = 0; i < t->n_layers; i++) {
        int n = text_width(t->layer[i].name);
        c.name = n > c.name ? n : c.name;
        shape_text(&t->layer[i], shape);
        n = text_width(shape);
        c.shape = n > c.shape ? n : c.shape;
    }
    c.name = between(c.name, 4, w < 60 ? 10 : 20);
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
                     const struct bits_columns *c, bool selected, int rows)
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

static void bits_titles(struct area a, const struct bits_columns *c)
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

static void draw_layers(struct area a, const struct ui *ui,
                        const struct bits_columns *c, bool spaced)
{
    const struct loom_train_view *t = &ui->view->train;
    int at = between(ui->layer, 0, t->n_layers - 1);
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

static void draw_bits(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    struct area in = area_box(a, focus, "bits per layer",
                              t->n_layers ? "mean of the weights" : NULL);
    if (!t->n_layers) {
        area_text(in, (in.w - 9) / 2, (in.h - 1) / 2, STYLE_DIM,
                  t->state == LOOM_TRAIN_LOADING ? "loading …" : "no layers");
        return;
    }
    struct bits_columns c = bits_columns(t, in.w);
    int need = 0;
    for (int i = 0; i < t->n_layers; i++)
        need += layer_rows(&t->layer[i], c.map, ui->full);
    int room = in.h - 2, foot = in.h - 1;
    bool spaced = need + t->n_layers <= room;
    bits_titles(in, &c);
    draw_layers(area_sub(in, 0, 1, in.w, room), ui, &c, spaced);
    bits_total(in, foot, t);
    if (in.w >= 54)
        bits_scale(area_sub(in, in.w - 25, 0, 25, in.h), foot);
    else
        area_right(in, in.w, foot, STYLE_DIM, "· 0 bit");
}

/* The budget, schedule and jobs. */

static void spark_row(struct area a, int y, int rows, const char *name,
                      double value, float factor,
                      const struct loom_train_view *t, bool beta)
{
    float history[LOOM_VIEW_POINTS];
    char v[FORMAT_CHARS];
    for (int i = 0; i < t->n_points; i++)
        history[i] = beta ? t->point[i].beta : t->point[i].lr;
    area_text(a, 0, y, STYLE_PLAIN, name);
    if (t->n_points || value > 0)
        area_right(a, 10, y, STYLE_BOLD, "%s", format_power(value, v));
    int end = a.w;
    if (factor > 0 && fabsf(factor - 1) > 1e-6f && a.w >= 30) {
        area_right(a, a.w, y, STYLE_WARN, "×%.3g", (double)factor);
        end -= 7;
    }
    plot_spark(area_sub(a, 11, y, end - 11, rows), history, t->n_points,
               beta ? STYLE_ESTIMATE : STYLE_TRAIN);
}

static void draw_schedule_rows(struct area a, int y, int rows,
                               const struct loom_train_view *t)
{
    spark_row(a, y, rows, "β", (double)t->beta, t->beta_factor, t, true);
    spark_row(a, y + rows, rows, "lr", (double)t->lr, t->lr_factor, t, false);
}

static void draw_schedule(struct area a, const struct ui *ui, bool focus)
{
    char note[48], e[FORMAT_CHARS];
    double target = (double)ui->view->train.target;
    snprintf(note, sizeof note, "β → %s %s", format_count(target, e),
             cost_unit(&ui->view->train));
    struct area in =
        area_box(a, focus, "schedule", target > 0 ? note : "+ - β   < > lr");
    int rows = in.h / 2 > 1 ? in.h / 2 : 1;
    draw_schedule_rows(in, 0, rows, &ui->view->train);
}

/* "b-13  ▶ route 61%  1m12": a build in one row of w columns. */
static void build_row(struct area a, int x, int y, int w,
                      const struct loom_build_view *b)
{
    char stage[64], t[FORMAT_CHARS], n[FORMAT_CHARS];
    struct area row = area_sub(a, x, y, w, 1);
    x = 1 + area_text(row, 0, 0, builds_style(b), builds_mark(b));
    x += 2 + area_text(row, x, 0, STYLE_PLAIN,
                       builds_stage(b, stage, sizeof stage));
    if (b->state == LOOM_BUILD_DONE && b->fmax_mhz >= 0 && w - x > 16) {
        x += area_printf(row, x, 0, STYLE_MEASURED, "%.1f MHz  ",
                         (double)b->fmax_mhz);
        if (w - x >= 9 + 6)
            x += area_printf(row, x, 0, STYLE_MEASURED, "%s LC  ",
                             format_count(b->lc, n));
    } else if (b->state == LOOM_BUILD_RUNNING &&
               w - x - 8 >= text_width(b->detail)) {
        area_text(row, x, 0, STYLE_DIM, b->detail);
    }
    if (builds_seconds(b) > 0)
        area_right(row, w, 0, STYLE_PLAIN, "%s",
                   format_seconds((double)builds_seconds(b), t));
}

static void fmax_row(struct area a, int y, const struct loom_build_view *b)
{
    area_text(a, 0, y, STYLE_PLAIN, "Fmax");
    if (b->fmax_mhz < 0) {
        area_printf(a, 6, y, STYLE_DIM, "—  target %.0f MHz",
                    (double)b->clock_mhz);
        return;
    }
    bool met = b->fmax_mhz >= b->clock_mhz;
    int x = 6 + area_printf(a, 6, y, met ? STYLE_MEASURED : STYLE_WARN,
                            "%.1f MHz", (double)b->fmax_mhz);
    area_printf(a, x + 1, y, STYLE_DIM, "%s %.0f", met ? "≥" : "<",
                (double)b->clock_mhz);
}

static void draw_budget(struct area a, const struct ui *ui, bool focus,
                        bool schedule)
{
    const struct loom_view *v = ui->view;
    const struct loom_build_view *b = builds_current(v);
    char note[48];
    if (b && b->lc_available > 0 && a.w >= 44)
        snprintf(note, sizeof note, "%s %d LC", b->device, b->lc_available);
    else
        snprintf(note, sizeof note, "%s", b ? b->device : v->device);
    struct area in = area_box(a, focus, "budget", note);
    bool ended = v->train.state >= LOOM_TRAIN_DONE;
    if (!b) {
        area_text(in, 1, 1, STYLE_DIM, "no build yet");
        area_text(in, 1, 2, STYLE_DIM,
                  v->train.n_front ? "b builds the best point"
                  : ended          ? "no point to build"
                                   : "the first epoch makes a point");
    } else {
        int room = in.h - 2 * schedule;
        bool busy = b->state != LOOM_BUILD_DONE;
        int y = builds_usage(in, 0, b);
        if (!busy || room - y > 1)
            fmax_row(in, y++, b);
        if (room - y > 0)
            build_row(in, 0, y, in.w, b);
    }
    if (schedule)
        draw_schedule_rows(in, in.h - 2, 1, &v->train);
}

static void draw_jobs(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_view *v = ui->view;
    const struct loom_train_view *t = &v->train;
    char e[FORMAT_CHARS];
    struct area in = area_box(a, focus, "jobs", NULL);
    area_text(in, 0, 0, STYLE_DIM, "train");
    int x = 6;
    x += 1 +
         area_text(in, x, 0, ui_state_style(t->state), ui_state_mark(t->state));
    x += area_text(in, x, 0, STYLE_PLAIN, ui_state_word(t->state));
    if (t->batches > 0 && t->state == LOOM_TRAIN_RUNNING)
        area_printf(in, x + 2, 0, STYLE_DIM, "batch %d/%d", t->batch,
                    t->batches);
    if (t->eta_s > 0 && t->state == LOOM_TRAIN_RUNNING)
        area_right(in, in.w, 0, STYLE_PLAIN, "eta %s",
                   format_whole_seconds((double)t->eta_s, e));
    for (int i = 0; i < v->n_builds && i + 1 < in.h; i++) {
        area_printf(in, 0, 1 + i, STYLE_DIM, "b-%d", v->build[i].id);
        build_row(in, 6, 1 + i, in.w - 6, &v->build[i]);
    }
}

/* The log. */

static const enum style log_style[] = {
    [LOOM_LOG_INFO] = STYLE_PLAIN,
    [LOOM_LOG_GOOD] = STYLE_GOOD,
    [LOOM_LOG_WARN] = STYLE_WARN,
    [LOOM_LOG_ERROR] = STYLE_ERROR,
};

static void log_line(struct area a, int y, const struct loom_log_line *l)
{
    char clock[16];
    time_t at = (time_t)l->time;
    struct tm tm;
    static const char *const mark[] = {" ", "✔", "!", "✘"};
    if (!localtime_r(&at, &tm) || !strftime(clock, sizeof clock, "%T", &tm))
        clock[0] = 0;
    area_text(a, 0, y, STYLE_DIM, clock);
    area_text(a, 9, y, log_style[l->level], mark[l->level]);
    area_fit(a, 11, y, a.w - 11, log_style[l->level], l->text);
}

/* Index of the last line to show. */
static int log_end(const struct ui *ui, int rows)
{
    const struct loom_view *v = ui->view;
    int last = v->n_log - 1;
    if (!ui->log_at || last < 0)
        return last;
    int64_t at = (int64_t)(ui->log_at - v->log[0].number);
    int least = rows - 1 < last ? rows - 1 : last;
    return at < least ? least : at > last ? last : (int)at;
}

static void log_lines(struct area a, const struct ui *ui)
{
    int end = log_end(ui, a.h), from = end - a.h + 1 > 0 ? end - a.h + 1 : 0;
    for (int i = from; i <= end; i++)
        log_line(a, i - from, &ui->view->log[i]);
}

static void draw_log(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_view *v = ui->view;
    int rows = a.h - 2, below = v->n_log - 1 - log_end(ui, rows);
    char note[48];
    if (ui->log_at && below > 0)
        snprintf(note, sizeof note, "%d more ↓  f follow", below);
    else
        snprintf(note, sizeof note, "%s",
                 ui->log_at ? "stopped  f follow" : "follow ↓");
    log_lines(area_box(a, focus, "log", v->n_log ? note : NULL), ui);
}

/* Whole pages. */

static void draw_empty(struct area body, const struct ui *ui)
{
    struct area in = area_box(body, true, "bitloom", NULL);
    int y = in.h > 12 ? 2 : 0;
    in = area_sub(in, 2, 0, in.w - 4, in.h);
    area_text(in, 0, y++, STYLE_BOLD, "No run yet.");
    y++;
    if (!ui->n_scripts) {
        area_wrap(in, y, STYLE_PLAIN,
                  "No script here or in examples/. Start with one: bitloom "
                  "SCRIPT.lua, or type :open SCRIPT.lua");
        return;
    }
    area_text(in, 0, y++, STYLE_PLAIN, "Enter runs a script:");
    y++;
    int rows = in.h - y, at = ui->script;
    int from = at >= rows ? at - rows + 1 : 0;
    area_spot(area_sub(in, 0, y, in.w, rows), SPOT_ROWS, from);
    for (int i = from; i < ui->n_scripts && i - from < rows; i++) {
        area_text(in, 0, y + i - from, STYLE_KEY, i == at ? "▸" : " ");
        char text[UI_PATH + UI_LINE];
        snprintf(text, sizeof text, "%s%s%s", i ? "" : ui->last,
                 !i && ui->last[0] ? ": " : "", ui->scripts[i]);
        area_fit(in, 2, y + i - from, in.w - 2,
                 i == at ? STYLE_BOLD : STYLE_PLAIN, text);
    }
}

enum { FIELDS = 6 };

/* The numbers of now, as many whole ones as fit. */
static int draw_numbers(struct area a, int x, int y, const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    char text[FIELDS][64], v[FORMAT_CHARS];
    snprintf(text[0], 64, "loss %s", format_value((double)t->loss, v));
    snprintf(text[1], 64, "%.16s %s", t->metric[0] ? t->metric : "metric",
             format_value((double)t->val_metric, v));
    snprintf(text[2], 64, "ebops %s", format_count((double)t->ebops, v));
    snprintf(text[3], 64, "val %s", format_value((double)t->val_loss, v));
    snprintf(text[4], 64, "β %s", format_power((double)t->beta, v));
    snprintf(text[5], 64, "lr %s", format_power((double)t->lr, v));
    for (int i = 0; i < FIELDS; i++) {
        int w = text_width(text[i]);
        if (x + w > a.w)
            break;
        x += w + 2;
        area_text(a, x - w - 2, y, i < 3 ? STYLE_BOLD : STYLE_PLAIN, text[i]);
    }
    return x;
}

static void draw_tiny(struct area a, const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    char text[48];
    snprintf(text, sizeof text, "%s %d/%d", ui_state_mark(t->state), t->epoch,
             t->epochs);
    if (t->state == LOOM_TRAIN_EMPTY || text_width(text) > a.w)
        snprintf(text, sizeof text, "%s", ui_state_mark(t->state));
    int x = area_text(a, 0, 0, ui_state_style(t->state), text) + 2;
    if (t->state == LOOM_TRAIN_EMPTY)
        area_text(a, x, 0, STYLE_PLAIN, a.w >= x + 6 ? "no run" : "");
    else
        draw_numbers(a, x, 0, ui);
}

static void draw_compact(struct area body, const struct ui *ui)
{
    const struct loom_view *v = ui->view;
    const struct loom_train_view *t = &v->train;
    const struct loom_build_view *b = builds_current(v);
    struct area a = area_sub(body, 1, 0, body.w - 2, body.h);
    int y = 0;
    draw_numbers(a, 0, y++, ui);
    if (b) {
        area_printf(a, 0, y, STYLE_DIM, "b-%d", b->id);
        build_row(a, 6, y++, a.w - 6, b);
    }
    int log = a.h >= 12 ? 2 : a.h >= 9, rest = a.h - y - log;
    int layers = between(t->n_layers, 0, rest / 2);
    if (rest > 6 && a.h >= 12)
        y++;
    struct bits_columns c = bits_columns(t, a.w);
    c.map += c.a + c.pruned; /* there are no titles to tell these apart */
    c.a = c.pruned = 0;
    if (layers)
        draw_layers(area_sub(a, 0, y, a.w, layers), ui, &c, false);
    y += layers;
    if (rest > 6 && a.h >= 12 && layers)
        y++;
    draw_loss_lines(area_sub(a, 0, y, a.w, a.h - log - y), ui);
    log_lines(area_sub(a, 0, a.h - log, a.w, log), ui);
}

static void draw_box(struct area all, const struct ui *ui,
                     const struct dash_layout *l, enum dash_box b)
{
    struct dash_rect r = l->box[b];
    struct area a = area_sub(all, r.x, r.y, r.w, r.h);
    bool focus = ui->focus == b;
    area_spot(a, SPOT_BOX, (int)b);
    switch (b) {
    case DASH_LOSS:
        draw_loss(a, ui, focus);
        break;
    case DASH_METRIC:
        draw_metric(a, ui, focus);
        break;
    case DASH_FRONT:
        draw_front(a, ui, focus);
        break;
    case DASH_BITS:
        draw_bits(a, ui, focus);
        break;
    case DASH_BUDGET:
        draw_budget(a, ui, focus, l->box[DASH_SCHEDULE].w == 0);
        break;
    case DASH_SCHEDULE:
        draw_schedule(a, ui, focus);
        break;
    case DASH_LOG:
        draw_log(a, ui, focus);
        break;
    default:
        draw_jobs(a, ui, focus);
    }
}

void dash_draw(struct area all, const struct ui *ui)
{
    struct dash_layout l;
    dash_layout(ui, &l);
    if (l.kind == DASH_TINY)
        draw_tiny(all, ui);
    else if (ui->view->train.state == LOOM_TRAIN_EMPTY)
        draw_empty(ui_body(all), ui);
    else if (l.kind == DASH_COMPACT && !ui->full)
        draw_compact(ui_body(all), ui);
    else
        for (int b = 0; b < DASH_BOXES; b++)
            if (l.box[b].w > 0)
                draw_box(all, ui, &l, (enum dash_box)b);
}
