/* The command line: actions by their names, with what they take. */
#pragma once

#include "tui/ui.h"

/* Begin to type, with this much there already. */
void line_open(struct ui *ui, const char *text);

void line_key(struct ui *ui, int key);

/* Do what was typed, "beta x1.5"; a wrong word is answered in ui->note. What
 * belongs to another screen is done there. */
void line_run(struct ui *ui, const char *text);
