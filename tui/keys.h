/* What keys and the mouse mean, in every state of the screen. */
#pragma once

#include "tui/key.h"
#include "tui/ui.h"

/* A key was pressed: do what it means now; a key without meaning does
 * nothing. */
void keys_press(struct ui *ui, int key);

/* A click, or the wheel, on the picture g, which is the last one drawn. */
void keys_mouse(struct ui *ui, const struct grid *g, const struct mouse *m);
