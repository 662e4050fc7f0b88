/* The Runs screen: a row a run, and all that is known of the one at the
 * cursor, or what differs between the marked ones. */
#pragma once

#include "tui/runs_list.h"
#include "tui/ui.h"

void runs_draw(struct area all, const struct ui *ui);

/* Rows of the table that can be seen, and the first of them. */
int runs_page(const struct ui *ui);

/* Its cursor. */
void runs_move(struct ui *ui, long rows, long cols);
int runs_row(const struct ui *ui);
int runs_first(const struct ui *ui);

/* Column number i of the table by its name, NULL: no such column; and a list
 * of names as bits. False: a word is none, and *wrong points at it. */
const char *runs_column(int i);
bool runs_columns_read(const char *text, unsigned *bits, const char **wrong);
