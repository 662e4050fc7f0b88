/* What `y` copies: the numbers of the screen that is shown, as text that a
 * spreadsheet takes. */
#pragma once

#include "tui/ui.h"

/* Rows of the table in action.c. copy leaves its text in ui->copied for the
 * terminal to take; export writes the runs that are marked, or all that are
 * shown, to a file by its name's end: .csv, .md, .tsv. */
void copy_now(struct ui *ui, const char *arg);
void copy_export(struct ui *ui, const char *path);
