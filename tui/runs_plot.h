/* Many runs in one picture: the front of all that are shown, and parallel
 * coordinates of what they were trained with and what came of it. */
#pragma once

#include "tui/runs_list.h"
#include "tui/ui.h"

void runs_plot_front(struct area a, const struct ui *ui);
void runs_plot_parallel(struct area a, const struct ui *ui);

/* The chosen axis: one `by` places to the right of it; its name and what the
 * selected run has there, false: nothing. */
void runs_plot_move_axis(struct ui *ui, long by);
bool runs_plot_on_axis(const struct ui *ui, char name[24], double *value);
