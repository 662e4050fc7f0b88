/* What keys and commands do on the Layers screen; rows of the table in
 * action.c. */
#pragma once

#include "tui/ui.h"

void layers_named(struct ui *ui, const char *layer); /* "": the next one */
void layers_before(struct ui *ui, const char *arg);
void layers_next_map(struct ui *ui, const char *arg);
void layers_next_what(struct ui *ui, const char *name); /* "": the next one */
void layers_inputs(struct ui *ui, const char *arg);
const char *layers_inputs_word(const struct ui *ui);
void layers_example(struct ui *ui, const char *row); /* "": the next one */
void layers_zoom_in(struct ui *ui, const char *arg);
void layers_zoom_out(struct ui *ui, const char *arg);
void layers_earlier(struct ui *ui, const char *arg);
void layers_later(struct ui *ui, const char *arg);
void layers_earliest(struct ui *ui, const char *arg);
void layers_latest(struct ui *ui, const char *arg);
