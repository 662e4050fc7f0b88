/* The help page, made from the table of actions. */
#pragma once

#include "tui/ui.h"

void help_draw(struct area body, const struct ui *ui);

/* The last row that the page can begin with. */
int help_last_row(const struct ui *ui);
