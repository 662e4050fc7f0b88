/* What keys and commands do on Dash; rows of the table in action.c. */
#pragma once

#include "tui/ui.h"

/* The next box that can be seen; on a full or compact screen, any. */
void dash_next_box(struct ui *ui, const char *arg);
void dash_last_box(struct ui *ui, const char *arg);
void dash_log_axis(struct ui *ui, const char *arg);
const char *dash_log_axis_word(const struct ui *ui);
void dash_closer(struct ui *ui, const char *arg);
void dash_wider(struct ui *ui, const char *arg);
void dash_follow(struct ui *ui, const char *arg);
void dash_warnings(struct ui *ui, const char *arg);

/* Of the log the lines with that text; also while it is typed. "": all. */
void dash_find(struct ui *ui, const char *text);

/* A point of the front is chosen, in the box that has the keys. */
bool dash_point_chosen(const struct ui *ui);

/* Esc: give up the cursor, the chosen point, the zoom, the filter, the full
 * screen, the first of them that there is. */
bool dash_can_go_back(const struct ui *ui);
void dash_back(struct ui *ui);
