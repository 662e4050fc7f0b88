#include "tui/dash.h"

#include <stdio.h>
#include <string.h>

#include "tui/builds.h"
#include "tui/dash_impl.h"
#include "tui/format.h"

/* Layout. */

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
    int log = ui_between(body / 5, 4, 20),
        mid = ui_between(body * 2 / 5, 9, 24);
    int top = body - log - mid;
    bool wide = w >= 120;
    int right = wide ? ui_between(w * 31 / 100, 38, 64) : w * 34 / 80;
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

/* The point of the front that is chosen, by its number; -1: none. */
static int chosen(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    for (int i = 0; i < t->n_front; i++)
        if (ui->dash.point == t->front[i].epoch)
            return i;
    return -1;
}

/* Up is a better metric, so along the front backwards. */
static void move_point(struct ui *ui, int by)
{
    const struct loom_train_view *t = &ui->view->train;
    int at = chosen(ui);
    if (t->n_front)
        ui->dash.point =
            t->front[at < 0 ? t->n_front - 1
                            : ui_between(at - by, 0, t->n_front - 1)]
                .epoch;
}

/* The epoch under the cursor; past the last one is none. */
static void move_cursor(struct ui *ui, int by)
{
    const struct loom_train_view *t = &ui->view->train;
    int at = t->n_points;
    while (ui->dash.cursor && at > 0 &&
           t->point[at - 1].epoch >= ui->dash.cursor)
        at--;
    at = ui_between(at + by, 0, t->n_points);
    ui->dash.cursor = at < t->n_points ? t->point[at].epoch : 0;
}

void dash_move(struct ui *ui, long rows, long cols)
{
    int by = (int)rows;
    if (chooses(ui))
        ui->script = ui_between(ui->script + by, 0, ui->n_scripts - 1);
    else if (cols)
        move_cursor(ui, (int)cols);
    else if (ui->focus == DASH_BITS)
        ui->layer = ui_between(ui->layer + by, 0, ui->view->train.n_layers - 1);
    else if (ui->focus == DASH_FRONT)
        move_point(ui, by);
    else
        dash_log_move(ui, by, dash_page(ui));
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
        dash_build_row(a, 6, y++, a.w - 6, b);
    }
    int log = a.h >= 12 ? 2 : a.h >= 9, rest = a.h - y - log;
    int layers = ui_between(t->n_layers, 0, rest / 2);
    if (rest > 6 && a.h >= 12)
        y++;
    struct dash_bits_columns c = dash_bits_columns(t, a.w);
    c.map += c.a + c.pruned; /* there are no titles to tell these apart */
    c.a = c.pruned = 0;
    if (layers)
        dash_bits_rows(area_sub(a, 0, y, a.w, layers), ui, &c, false);
    y += layers;
    if (rest > 6 && a.h >= 12 && layers)
        y++;
    dash_loss_lines(area_sub(a, 0, y, a.w, a.h - log - y), ui);
    dash_log_lines(area_sub(a, 0, a.h - log, a.w, log), ui);
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
        dash_loss_draw(a, ui, focus);
        break;
    case DASH_METRIC:
        dash_metric_draw(a, ui, focus);
        break;
    case DASH_FRONT:
        dash_front_draw(a, ui, focus);
        break;
    case DASH_BITS:
        dash_bits_draw(a, ui, focus);
        break;
    case DASH_BUDGET:
        dash_budget_draw(a, ui, focus, l->box[DASH_SCHEDULE].w == 0);
        break;
    case DASH_SCHEDULE:
        dash_schedule_draw(a, ui, focus);
        break;
    case DASH_LOG:
        dash_log_draw(a, ui, focus);
        break;
    default:
        dash_jobs_draw(a, ui, focus);
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
