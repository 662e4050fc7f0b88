#include "tui/runs_plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "tui/format.h"
#include "tui/plot.h"

/* ---- the front of all runs ---- */

/* What a run's best point costs; *measured: by place and route. */
static double cost_of(const struct filter_row *row, enum runs_cost c,
                      bool *measured)
{
    const struct loom_store_cost *k = row->cost;
    *measured = false;
    if (c == RUNS_COST_EBOPS)
        return row->run->best_epoch ? row->run->best_ebops : (double)NAN;
    if (!k)
        return (double)NAN;
    double real = c == RUNS_COST_LUT4 ? k->lut4 : k->lc;
    *measured = isfinite(real);
    return *measured             ? real
           : c == RUNS_COST_LUT4 ? k->predicted_lut4
                                 : k->predicted_lc;
}

struct dot {
    double x, y;
    bool measured, front, here;
};

/* The runs that are judged as the selected one is; how many. */
static int take_dots(const struct runs_list *l, struct dot *dot)
{
    const struct filter_row *at = runs_list_selected(l);
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        const struct filter_row *row = runs_list_row(l, i);
        if (!row->run->best_epoch ||
            strcmp(row->run->metric, at->run->metric) != 0)
            continue;
        dot[n].x = cost_of(row, l->cost, &dot[n].measured);
        dot[n].y = row->run->best_metric;
        dot[n].here = row == at;
        n += isfinite(dot[n].x) && isfinite(dot[n].y);
    }
    return n;
}

/* Those that none beats in both; how many. */
static int find_front(struct dot *dot, int n, bool lower)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        dot[i].front = true;
        for (int k = 0; k < n && dot[i].front; k++) {
            double better = lower ? dot[i].y - dot[k].y : dot[k].y - dot[i].y;
            dot[i].front = !(dot[k].x <= dot[i].x && better >= 0 &&
                             (dot[k].x < dot[i].x || better > 0));
        }
        count += dot[i].front;
    }
    return count;
}

static void draw_dots(struct area a, struct dot *dot, int n, const char *x_name)
{
    struct plot_mark *mark = loom_malloc((size_t)(n + 1) * sizeof *mark);
    struct plot_axes ax;
    int k = 0;
    for (int pass = 0; pass < 3; pass++) /* the selected one lies on top */
        for (int i = 0; i < n; i++)
            if (pass == (dot[i].here ? 2 : dot[i].front ? 1 : 0))
                mark[k++] = (struct plot_mark){dot[i].x, dot[i].y,
                                               dot[i].here    ? STYLE_KEY
                                               : dot[i].front ? STYLE_GOOD
                                                              : STYLE_DIM,
                                               dot[i].measured ? U'◆'
                                               : dot[i].front  ? U'•'
                                                               : U'○'};
    if (plot_mark_axes(mark, k, &ax))
        plot_marks(plot_labels(a, &ax, x_name), mark, k, &ax);
    free(mark);
}

void runs_plot_front(struct area a, const struct ui *ui)
{
    static const char *const costs[] = {"EBOPs", "LUT4", "LC"};
    const struct runs_list *l = ui->runs;
    const struct filter_row *at = runs_list_selected(l);
    char title[96], note[64];
    if (!at) {
        area_box(a, ui->full, "no run", NULL);
        return;
    }
    struct dot *dot = loom_calloc((size_t)l->n + 1, sizeof *dot);
    int n = take_dots(l, dot);
    int front = find_front(dot, n, at->run->lower_is_better);
    snprintf(title, sizeof title, "%s %s %s ←", at->run->metric,
             at->run->lower_is_better ? "↓" : "↑", costs[l->cost]);
    snprintf(note, sizeof note, "front %d of %d%s", front, n,
             l->cost == RUNS_COST_EBOPS ? "" : "  ◆ measured ○ ~model");
    struct area in = area_box(a, ui->full, title, note);
    if (n)
        draw_dots(in, dot, n, costs[l->cost]);
    else
        area_printf(in, 1, 0, STYLE_DIM,
                    "no run has %s yet; $ for another cost", costs[l->cost]);
    free(dot);
}

/* ---- parallel coordinates ---- */

enum { AXES = 16, AXIS_WIDTH = 12, DRAWN = 300 };

struct axis {
    char name[24];
    double lo, hi;
    bool log;
    float *y; /* [n] of the runs, 0 .. 1; NaN where a run has none */
};

/* Number of a run under a name; NaN: it has none. */
static double value(const struct filter_row *row, const char *name)
{
    bool measured;
    if (!strcmp(name, "metric"))
        return row->run->best_epoch ? row->run->best_metric : (double)NAN;
    if (!strcmp(name, "EBOPs"))
        return cost_of(row, RUNS_COST_EBOPS, &measured);
    if (!strcmp(name, "LUT4"))
        return cost_of(row, RUNS_COST_LUT4, &measured);
    if (!strcmp(name, "LC"))
        return cost_of(row, RUNS_COST_LC, &measured);
    if (!strcmp(name, "seed"))
        return (double)row->run->seed;
    return filter_setting(row->settings, name);
}

/* Take the name as an axis if the runs differ in it. */
static void add_axis(struct axis *axis, int *n, const struct runs_list *l,
                     const char *name)
{
    struct axis *x = &axis[*n];
    if (*n == AXES)
        return;
    *x = (struct axis){.lo = INFINITY, .hi = -INFINITY};
    snprintf(x->name, sizeof x->name, "%s", name);
    for (int i = 0; i < l->n; i++) {
        double v = value(runs_list_row(l, i), name);
        x->lo = isfinite(v) && v < x->lo ? v : x->lo;
        x->hi = isfinite(v) && v > x->hi ? v : x->hi;
    }
    if (!(x->hi > x->lo))
        return;
    x->log = x->lo > 0 && x->hi / x->lo > 20;
    x->y = loom_malloc((size_t)l->n * sizeof *x->y);
    double lo = x->log ? log(x->lo) : x->lo, hi = x->log ? log(x->hi) : x->hi;
    for (int i = 0; i < l->n; i++) {
        double v = value(runs_list_row(l, i), name);
        x->y[i] = (float)(((x->log ? log(v) : v) - lo) / (hi - lo));
    }
    (*n)++;
}

/* Settings of any of the runs, then what came of them. */
static int make_axes(struct axis *axis, const struct runs_list *l, int most)
{
    static const char *const ends[] = {"seed", "EBOPs", "LUT4", "LC", "metric"};
    json_t *names = json_object();
    const char *name;
    json_t *v;
    size_t n_ends = sizeof ends / sizeof *ends;
    int n = 0;
    for (int i = 0; i < l->n; i++)
        filter_setting_names(runs_list_row(l, i)->settings, names);
    json_object_foreach(names, name, v) if (n < most - 3)
        add_axis(axis, &n, l, name);
    for (size_t i = 0; i < n_ends; i++)
        if (n < most - (i + 1 < n_ends)) /* the last one has its place */
            add_axis(axis, &n, l, ends[i]);
    json_decref(names);
    return n;
}

static void draw_run(struct area a, const struct axis *axis, int n, int run,
                     enum style s)
{
    float x[AXES], y[AXES];
    struct plot_axes ax = {0, n - 1, 0, 1, false, false, -1};
    for (int k = 0; k < n; k++) {
        x[k] = (float)k;
        y[k] = axis[k].y[run];
    }
    struct plot_line line = {x, y, n, s, false};
    plot_lines(a, &line, 1, &ax);
}

/* As many as a picture over the whole width has room for; how many. */
static int axes_of(const struct ui *ui, struct axis *axis)
{
    int most = (ui->w - 4) / AXIS_WIDTH;
    most = most < AXES ? most : AXES;
    return most >= 2 && ui->runs->n ? make_axes(axis, ui->runs, most) : 0;
}

static void free_axes(struct axis *axis, int n)
{
    for (int k = 0; k < n; k++)
        free(axis[k].y);
}

/* Number of the chosen one of n > 0. */
static int chosen(const struct runs_list *l, const struct axis *axis, int n)
{
    int k = 0;
    while (k < n - 1 && strcmp(axis[k].name, l->axis) != 0)
        k++;
    return k;
}

void runs_plot_move_axis(struct ui *ui, long by)
{
    struct axis axis[AXES];
    int n = axes_of(ui, axis);
    if (n) {
        int k = ui_between(chosen(ui->runs, axis, n) + (int)by, 0, n - 1);
        memcpy(ui->runs->axis, axis[k].name, sizeof ui->runs->axis);
    }
    free_axes(axis, n);
}

bool runs_plot_on_axis(const struct ui *ui, char name[24], double *v)
{
    struct axis axis[AXES];
    const struct filter_row *row = runs_list_selected(ui->runs);
    int n = row ? axes_of(ui, axis) : 0;
    if (n) {
        memcpy(name, axis[chosen(ui->runs, axis, n)].name, 24);
        *v = value(row, name);
    }
    free_axes(axis, n);
    return n && isfinite(*v);
}

static void draw_axes(struct area a, const struct axis *axis, int n, int here)
{
    char v[FORMAT_CHARS];
    for (int k = 0; k < n; k++) {
        int x = k * (a.w - 1) / (n - 1);
        struct area at = area_sub(a, x < AXIS_WIDTH ? 0 : x - AXIS_WIDTH + 1, 0,
                                  AXIS_WIDTH, a.h);
        for (int row = 0; row < 3; row++) {
            const char *text = row == 0   ? axis[k].name
                               : row == 1 ? format_value(axis[k].hi, v)
                                          : format_value(axis[k].lo, v);
            int y = row == 2 ? a.h - 1 : row;
            enum style s = row         ? STYLE_DIM
                           : k == here ? STYLE_KEY
                                       : STYLE_TITLE;
            if (x < AXIS_WIDTH)
                area_fit(area_sub(a, x, 0, AXIS_WIDTH - 1, a.h), 0, y,
                         AXIS_WIDTH - 1, s, text);
            else
                area_right(at, AXIS_WIDTH, y, s, "%.11s", text);
        }
    }
}

void runs_plot_parallel(struct area a, const struct ui *ui)
{
    const struct runs_list *l = ui->runs;
    struct axis axis[AXES];
    char note[64];
    int drawn = l->n < DRAWN ? l->n : DRAWN;
    snprintf(note, sizeof note, "%s%d of %d runs",
             a.w < 70 ? "" : "h l axis  [ ] from, to  ", drawn, l->n);
    struct area in = area_box(a, ui->full, "parallel coordinates", note);
    in = area_sub(in, 1, 0, in.w - 2, in.h);
    int n = axes_of(ui, axis);
    if (n < 2) {
        area_text(in, 0, 0, STYLE_DIM, "the runs differ in too little");
    } else {
        struct area plot = area_sub(in, 0, 2, in.w, in.h - 3);
        int at = runs_list_at(l);
        for (int i = 0; i < drawn; i++)
            if (i != at)
                draw_run(plot, axis, n, i,
                         runs_list_marked(l, runs_list_row(l, i)->run->id)
                             ? STYLE_VAL
                             : STYLE_DIM);
        if (at >= 0)
            draw_run(plot, axis, n, at, STYLE_KEY);
        draw_axes(in, axis, n, chosen(l, axis, n));
    }
    free_axes(axis, n);
}
