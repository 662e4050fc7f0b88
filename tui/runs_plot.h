/* Many runs in one picture: the front of all that are shown, and parallel
 * coordinates of what they were trained with and what came of it. */
#pragma once

#include "tui/runs_list.h"
#include "tui/ui.h"

void runs_plot_front(struct area a, const struct ui *ui);
void runs_plot_parallel(struct area a, const struct ui *ui);
