/* What keys and commands do on the Runs screen; rows of the table in action.c.
 * Each is fine with no list at all. */
#pragma once

#include "tui/runs.h"

bool runs_any(const struct ui *ui);    /* some are shown */
bool runs_stored(const struct ui *ui); /* some are there */
bool runs_marked(const struct ui *ui); /* two or more */
/* Esc has something to undo: compare, then the filter. */
bool runs_can_go_back(const struct ui *ui);
void runs_back(struct ui *ui);

void runs_mark(struct ui *ui, const char *arg);
void runs_compare(struct ui *ui, const char *arg);
const char *runs_compare_word(const struct ui *ui);
void runs_sort(struct ui *ui, const char *arg);
void runs_reverse(struct ui *ui, const char *arg);

/* The filter now, kept aside while another is typed; what that would show (or
 * its error); back to the one before; and a new one. */
const char *runs_filter_begin(struct ui *ui);
void runs_filter_preview(struct ui *ui, const char *text);
void runs_filter_undo(struct ui *ui);
void runs_filter(struct ui *ui, const char *text);

void runs_tag(struct ui *ui, const char *tag);
const char *runs_note_text(const struct ui *ui);
void runs_note(struct ui *ui, const char *text); /* "-": none */

/* In parallel axes: show only the runs that have at least, or at most, as much
 * as the selected one on the chosen axis; the filter says so. */
bool runs_on_axes(const struct ui *ui);
void runs_from(struct ui *ui, const char *arg);
void runs_to(struct ui *ui, const char *arg);

void runs_next_pane(struct ui *ui, const char *arg);
void runs_next_cost(struct ui *ui, const char *name); /* "": the next one */
/* "run metric ebops", "auto"; and those of now, to be typed on. */
void runs_columns(struct ui *ui, const char *names);
void runs_columns_text(const struct ui *ui, char *buf, size_t n);
