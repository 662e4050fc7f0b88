/* The pictures of Dash: curves through the epochs, and the front. */
#include <math.h>
#include <stdio.h>

#include "tui/builds.h"
#include "tui/dash_impl.h"
#include "tui/format.h"
#include "tui/plot.h"

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

/* The part of the history that is shown: all, or so many halvings of it, around
 * the cursor or up to now. */
struct history {
    int n;
    float x[LOOM_VIEW_POINTS], y[3][LOOM_VIEW_POINTS];
};

enum { H_LOSS, H_VAL, H_METRIC, LEAST_POINTS = 8 };

static int cursor_point(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    int at = t->n_points - 1;
    while (ui->dash.cursor && at > 0 && t->point[at].epoch > ui->dash.cursor)
        at--;
    return at;
}

static void take_history(const struct ui *ui, struct history *h)
{
    const struct loom_train_view *t = &ui->view->train;
    int shown = t->n_points >> ui_between(ui->dash.zoom, 0, 8);
    shown = ui_between(shown, LEAST_POINTS, t->n_points);
    int from = cursor_point(ui) - (ui->dash.cursor ? shown / 2 : shown - 1);
    from = ui_between(from, 0, t->n_points - shown);
    h->n = t->n_points ? shown : 0;
    for (int i = 0; i < h->n; i++) {
        const struct loom_train_point *p = &t->point[from + i];
        h->x[i] = (float)p->epoch;
        h->y[H_LOSS][i] = p->loss;
        h->y[H_VAL][i] = p->val_loss;
        h->y[H_METRIC][i] = p->val_metric;
    }
}

/* A line at an epoch, over as many rows as there are. */
static void draw_epoch(struct area a, const struct plot_axes *ax, int epoch,
                       enum style s)
{
    double at = epoch;
    if (!epoch || at < ax->x0 || at > ax->x1)
        return;
    double t = ax->x1 > ax->x0 ? (at - ax->x0) / (ax->x1 - ax->x0) : 0.5;
    for (int y = 0; y < a.h; y++)
        area_put(a, (int)(t * (a.w - 1) + 0.5), y, s, 0x2502);
}

static void draw_curves(struct area in, const struct plot_line *line, int n,
                        bool log_y, const struct ui *ui)
{
    struct plot_axes ax;
    if (!plot_line_axes(line, n, log_y, &ax)) {
        no_points(in, &ui->view->train);
        return;
    }
    struct area p = plot_labels(in, &ax, "epoch");
    draw_epoch(p, &ax, ui->view->collapsed, STYLE_WARN);
    draw_epoch(p, &ax, ui->dash.cursor, STYLE_KEY);
    plot_lines(p, line, n, &ax);
}

void dash_loss_lines(struct area in, const struct ui *ui)
{
    struct history h;
    take_history(ui, &h);
    const struct plot_line line[] = {
        {h.x, h.y[H_LOSS], h.n, STYLE_TRAIN, false},
        {h.x, h.y[H_VAL], h.n, STYLE_VAL, true},
    };
    draw_curves(in, line, 2, ui->log_y, ui);
}

/* "×4 ", how far the curves are zoomed in. */
static const char *zoom_text(const struct ui *ui, char buf[16])
{
    buf[0] = 0;
    if (ui->dash.zoom)
        snprintf(buf, 16, "×%d  ", 1 << ui_between(ui->dash.zoom, 0, 8));
    return buf;
}

void dash_loss_draw(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    char v[FORMAT_CHARS], w[FORMAT_CHARS], zoom[16], note[80];
    if (ui->dash.cursor && t->n_points) {
        const struct loom_train_point *p = &t->point[cursor_point(ui)];
        snprintf(note, sizeof note, "ep %d  %s  %s", p->epoch,
                 format_value((double)p->loss, v),
                 format_value((double)p->val_loss, w));
    } else {
        snprintf(note, sizeof note, "%s  %s%s",
                 format_value((double)t->loss, v), zoom_text(ui, zoom),
                 ui->log_y ? "log" : "linear");
    }
    struct area in = area_box(a, focus, "loss", t->n_points ? note : NULL);
    if (a.w > 40) {
        area_text(a, 8, 0, STYLE_TRAIN, " train ── ");
        area_text(a, 18, 0, STYLE_VAL, "val ┄┄ ");
    }
    dash_loss_lines(in, ui);
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

void dash_metric_draw(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    struct history h;
    take_history(ui, &h);
    char title[96], note[64] = "", v[FORMAT_CHARS], e[FORMAT_CHARS];
    snprintf(title, sizeof title, "val %s%s%s",
             t->metric[0] ? t->metric : "metric", t->unit[0] ? " " : "",
             t->unit);
    int best = best_point(t);
    if (ui->dash.cursor && t->n_points) {
        const struct loom_train_point *p = &t->point[cursor_point(ui)];
        snprintf(note, sizeof note, "ep %d  %s  %s EBOPs", p->epoch,
                 format_value((double)p->val_metric, v),
                 format_count((double)p->ebops, e));
    } else if (best >= 0) {
        snprintf(note, sizeof note, "best %s at %d",
                 format_value((double)t->point[best].val_metric, v),
                 t->point[best].epoch);
    }
    struct area in = area_box(a, focus, title, note[0] ? note : NULL);
    const struct plot_line line = {h.x, h.y[H_METRIC], h.n, STYLE_VAL, false};
    draw_curves(in, &line, 1, false, ui);
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

const char *dash_cost_unit(const struct loom_train_view *t)
{
    return t->cost_unit[0] ? t->cost_unit : "EBOPs";
}

double dash_cost(const struct loom_train_view *t, float ebops, float cost)
{
    return (double)(t->cost_unit[0] ? cost : ebops);
}

static double point_cost(const struct loom_train_view *t,
                         const struct loom_train_front *p)
{
    return dash_cost(t, p->ebops, p->cost);
}

/* The chosen one lies over the built ones, these over the others. */
static int front_marks(const struct ui *ui,
                       struct plot_mark mark[LOOM_VIEW_FRONT + 1])
{
    const struct loom_train_view *t = &ui->view->train;
    int n = 0;
    if (t->epoch > 0)
        mark[n++] =
            (struct plot_mark){dash_cost(t, t->ebops, t->cost),
                               (double)t->val_metric, STYLE_VAL, 0x25cb};
    for (int layer = 0; layer < 3; layer++)
        for (int i = 0; i < t->n_front; i++) {
            bool built = is_built(ui->view, t->front[i].epoch);
            bool chosen = t->front[i].epoch == ui->dash.point;
            if ((chosen ? 2 : built) == layer)
                mark[n++] = (struct plot_mark){(double)t->front[i].ebops,
                                               (double)t->front[i].val_metric,
                                               chosen  ? STYLE_SELECTED
                                               : built ? STYLE_MEASURED
                                                       : STYLE_TRAIN,
                                               built ? 0x25c6 : 0x2022};
        }
    return n;
}

/* The points by falling metric, so that the chosen one is among them. */
static void front_table(struct area a, const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    char e[FORMAT_CHARS], m[FORMAT_CHARS];
    int at = 0, rows = a.h - 1;
    area_right(a, 8, 0, STYLE_DIM, "%s%s", t->cost_unit[0] ? "~" : "",
               dash_cost_unit(t));
    area_right(a, 18, 0, STYLE_DIM, "%s", t->metric);
    area_right(a, 26, 0, STYLE_DIM, "epoch");
    for (int i = 0; i < t->n_front; i++)
        if (t->front[t->n_front - 1 - i].epoch == ui->dash.point)
            at = i;
    int from = at < rows ? 0 : at - rows + 1;
    for (int i = from; i < t->n_front && i - from < rows; i++) {
        const struct loom_train_front *p = &t->front[t->n_front - 1 - i];
        bool on = p->epoch == ui->dash.point;
        enum style s = on ? STYLE_BOLD : STYLE_PLAIN;
        int y = 1 + i - from;
        area_text(a, 0, y, STYLE_KEY, on ? "▸" : "");
        area_right(a, 8, y, s, "%s", format_count(point_cost(t, p), e));
        area_right(a, 18, y, s, "%s", format_value((double)p->val_metric, m));
        area_right(a, 26, y, s, "%d", p->epoch);
        if (is_built(ui->view, p->epoch))
            area_text(a, 28, y, STYLE_MEASURED, "◆ built");
    }
}

static void front_note(const struct ui *ui, char *note, size_t n)
{
    const struct loom_train_view *t = &ui->view->train;
    char e[FORMAT_CHARS], m[FORMAT_CHARS];
    snprintf(note, n, "%d kept", t->n_front);
    for (int i = 0; i < t->n_front; i++)
        if (t->front[i].epoch == ui->dash.point)
            snprintf(note, n, "ep %d  %s  %s", t->front[i].epoch,
                     format_value((double)t->front[i].val_metric, m),
                     format_count(point_cost(t, &t->front[i]), e));
}

void dash_front_draw(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_train_view *t = &ui->view->train;
    struct plot_mark mark[LOOM_VIEW_FRONT + 1];
    struct plot_axes ax;
    char title[96], note[80];
    snprintf(title, sizeof title, "%s %s %s%s ←",
             t->metric[0] ? t->metric : "metric",
             t->lower_is_better ? "↓" : "↑", t->cost_unit[0] ? "~" : "",
             dash_cost_unit(t));
    front_note(ui, note, sizeof note);
    if (text_width(title) + text_width(note) + 9 > a.w)
        snprintf(title, sizeof title, "front");
    struct area in = area_box(a, focus, title, t->n_front ? note : NULL);
    int n = front_marks(ui, mark);
    if (!plot_mark_axes(mark, n, &ax)) {
        no_points(in, t);
        return;
    }
    if (ui->full && in.w >= 70) {
        front_table(area_sub(in, in.w - 36, 0, 36, in.h), ui);
        in = area_sub(in, 0, 0, in.w - 40, in.h);
    }
    plot_marks(plot_labels(in, &ax, dash_cost_unit(t)), mark, n, &ax);
}
