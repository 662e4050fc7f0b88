/* What there is to see of one build beside its details: cells a layer, the
 * critical path, the logs, what is different in another build. */
#pragma once

#include "tui/ui.h"

void builds_pane_draw(struct area a, const struct ui *ui, enum builds_pane p);

/* Lines of the log that are shown, scrolled away or not. */
long builds_log_rows(const struct ui *ui);

/* Rows of the table in action.c. */
void builds_next_pane(struct ui *ui, const char *pane); /* "": the next one */
void builds_next_log(struct ui *ui, const char *name);
void builds_only(struct ui *ui, const char *arg);
void builds_next_match(struct ui *ui, const char *arg);
void builds_last_match(struct ui *ui, const char *arg);
void builds_versus(struct ui *ui, const char *id);
bool builds_any(const struct ui *ui);
bool builds_two(const struct ui *ui);
bool builds_found(const struct ui *ui);

/* The log's lines that match, or what is wrong with the pattern; also while it
 * is typed. "": none. */
void builds_find(struct ui *ui, const char *pattern);
