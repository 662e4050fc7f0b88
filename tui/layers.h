/* The Layers screen: one layer, weight by weight. A map with a cursor, what
 * the cursor is on, how the bits are spread, what goes in and out, and how the
 * bits went on through the epochs. */
#pragma once

#include "tui/ui.h"

void layers_draw(struct area all, const struct ui *ui);

/* Ask the session for what the screen shows, if that is not what it was asked
 * for last; for nothing while another screen is shown. */
void layers_watch(struct ui *ui);

/* Move the cursor by cells; it stays in the layer. */
void layers_move(struct ui *ui, long rows, long cols);
/* To the cell of the map that was clicked. */
void layers_click(struct ui *ui, int x, int y);
/* To another layer, by its number. */
void layers_turn(struct ui *ui, int by);
void layers_zoom(struct ui *ui, bool in);
/* Back and forth through the history of bits; past its end is now. */
void layers_time(struct ui *ui, int by);
/* Rows of the map that can be seen. */
int layers_page(const struct ui *ui);
