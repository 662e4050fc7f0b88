/* What the files of the Dash screen share: dash.c (layout, keys, whole pages),
 * and those that draw its boxes. Each box draws its own frame. */
#pragma once

#include "tui/dash.h"

/* dash_plots.c; what the front counts: EBOPs, or cells as a step estimates
 * them. */
const char *dash_cost_unit(const struct loom_train_view *t);
double dash_cost(const struct loom_train_view *t, float ebops, float cost);
void dash_loss_draw(struct area a, const struct ui *ui, bool focus);
void dash_metric_draw(struct area a, const struct ui *ui, bool focus);
void dash_front_draw(struct area a, const struct ui *ui, bool focus);
/* The curves of the loss, without a frame. */
void dash_loss_lines(struct area in, const struct ui *ui);

/* dash_bits.c */
struct dash_bits_columns {
    int name, shape, w, a, ebops, pruned, map;
};
struct dash_bits_columns dash_bits_columns(const struct loom_train_view *t,
                                           int w);
void dash_bits_draw(struct area a, const struct ui *ui, bool focus);
/* The layers' rows, without titles. */
void dash_bits_rows(struct area a, const struct ui *ui,
                    const struct dash_bits_columns *c, bool spaced);

/* dash_panels.c; schedule: in the same box */
void dash_budget_draw(struct area a, const struct ui *ui, bool focus,
                      bool schedule);
void dash_schedule_draw(struct area a, const struct ui *ui, bool focus);
void dash_jobs_draw(struct area a, const struct ui *ui, bool focus);
void dash_build_row(struct area a, int x, int y, int w,
                    const struct loom_build_view *b);

/* dash_log.c; the lines alone, as many as there is room for; and as many rows
 * down in them, of `rows` that are shown. */
void dash_log_draw(struct area a, const struct ui *ui, bool focus);
void dash_log_lines(struct area a, const struct ui *ui);
void dash_log_move(struct ui *ui, long by, int rows);
