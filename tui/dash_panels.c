/* The budget, schedule and jobs of Dash. */
#include <math.h>
#include <stdio.h>

#include "tui/builds.h"
#include "tui/dash_impl.h"
#include "tui/format.h"
#include "tui/plot.h"

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

void dash_schedule_draw(struct area a, const struct ui *ui, bool focus)
{
    char note[48], e[FORMAT_CHARS];
    double target = (double)ui->view->train.target;
    snprintf(note, sizeof note, "β → %s %s", format_count(target, e),
             dash_cost_unit(&ui->view->train));
    struct area in =
        area_box(a, focus, "schedule", target > 0 ? note : "+ - β   < > lr");
    int rows = in.h / 2 > 1 ? in.h / 2 : 1;
    draw_schedule_rows(in, 0, rows, &ui->view->train);
}

/* "b-13  ▶ route 61%  1m12": a build in one row of w columns. */
void dash_build_row(struct area a, int x, int y, int w,
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

/* Before there is a build: what the newest point should take. */
static void draw_forecast(struct area in, const struct ui *ui)
{
    const struct loom_view *v = ui->view;
    const struct loom_forecast *f = &v->forecast;
    const struct loom_build_view b = {.lut4 = -1,
                                      .ff = -1,
                                      .carry = -1,
                                      .lc = -1,
                                      .predicted_lut4 = f->cells.lut4,
                                      .predicted_ff = f->cells.ff,
                                      .predicted_carry = f->cells.carry,
                                      .predicted_lc = f->cells.lc,
                                      .lc_available = f->lc_available};
    if (!f->epoch) {
        bool ended = v->train.state >= LOOM_TRAIN_DONE;
        area_text(in, 1, 1, STYLE_DIM, "no build yet");
        area_text(in, 1, 2, STYLE_DIM,
                  v->train.n_front ? "b builds the best point"
                  : ended          ? "no point to build"
                                   : "the first epoch makes a point");
        return;
    }
    int y = builds_usage(in, 0, &b);
    area_printf(in, 0, y, STYLE_DIM, "~ is of epoch %d  b builds",
                f->epoch);
}

/* Beside a build: what would come of the newest point. */
static void forecast_row(struct area a, int y, const struct loom_forecast *f,
                         const struct loom_build_view *b)
{
    char n[FORMAT_CHARS];
    if (!f->epoch || f->epoch == builds_epoch(b))
        return;
    int x = area_text(a, 0, y, STYLE_DIM, "now");
    x = 6 + area_printf(a, x + 3, y, STYLE_ESTIMATE, "~%s LC",
                        format_count(f->cells.lc, n));
    area_printf(a, x + 2, y, STYLE_DIM, "%.0f%% of %s, epoch %d",
                100.0 * f->cells.lc / (f->lc_available ? f->lc_available : 1),
                f->device, f->epoch);
}

void dash_budget_draw(struct area a, const struct ui *ui, bool focus,
                      bool schedule)
{
    const struct loom_view *v = ui->view;
    const struct loom_build_view *b = builds_current(v);
    const struct loom_forecast *f = &v->forecast;
    char note[48];
    const char *device = b ? b->device : f->epoch ? f->device : v->device;
    int all = b ? b->lc_available : f->epoch ? f->lc_available : 0;
    if (all > 0 && a.w >= 44)
        snprintf(note, sizeof note, "%s %d LC", device, all);
    else
        snprintf(note, sizeof note, "%s", device);
    struct area in = area_box(a, focus, "budget", note);
    int room = in.h - 2 * schedule;
    if (!b) {
        draw_forecast(area_sub(in, 0, 0, in.w, room), ui);
    } else {
        bool busy = b->state != LOOM_BUILD_DONE;
        int y = builds_usage(in, 0, b);
        if (!busy || room - y > 1)
            fmax_row(in, y++, b);
        if (room - y > 0)
            dash_build_row(in, 0, y++, in.w, b);
        if (room - y > 0)
            forecast_row(in, y, f, b);
    }
    if (schedule)
        draw_schedule_rows(in, in.h - 2, 1, &v->train);
}

void dash_jobs_draw(struct area a, const struct ui *ui, bool focus)
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
    if (t->eta_s > 0 && t->state == LOOM_TRAIN_RUNNING)
        area_right(in, in.w, 0, STYLE_PLAIN, "eta %s",
                   format_whole_seconds((double)t->eta_s, e));
    if (t->batches > 0 && t->state == LOOM_TRAIN_RUNNING && in.w >= x + 28)
        area_printf(in, x + 2, 0, STYLE_DIM, "batch %d/%d", t->batch,
                    t->batches);
    for (int i = 0; i < v->n_builds && i + 1 < in.h; i++) {
        area_printf(in, 0, 1 + i, STYLE_DIM, "b-%d", v->build[i].id);
        dash_build_row(in, 6, 1 + i, in.w - 6, &v->build[i]);
    }
}
