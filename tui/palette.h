/* The palette: any action by a few letters of its name or its help. */
#pragma once

#include "tui/ui.h"

void palette_open(struct ui *ui, const char *arg);
void palette_draw(struct area body, const struct ui *ui);
void palette_key(struct ui *ui, int key);
/* A click on its row. */
void palette_pick(struct ui *ui, int row);

/* How well letters find themselves in a text, in their order; the more the
 * better, negative: not at all. Upper and lower case are the same. */
int palette_score(const char *letters, const char *text);
