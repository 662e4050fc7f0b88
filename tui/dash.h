/* The Dash screen: training at a glance. From 80x24 on a set of boxes; from
 * 40x10 on a compact page without frames; below that one line of numbers. */
#pragma once

#include "tui/ui.h"

struct dash_rect {
    int x, y, w, h;
};

struct dash_layout {
    enum { DASH_TINY, DASH_COMPACT, DASH_FRAMES } kind;
    struct dash_rect box[DASH_BOXES]; /* of the whole screen; w == 0: hidden */
};

/* Pure: from ui's size, fullness and focus. */
void dash_layout(const struct ui *ui, struct dash_layout *out);

const char *dash_box_name(enum dash_box b);

/* Rows: through the scripts to choose from, the layers or the points of the
 * front where their box has the keys, else the log; a page is what of it is
 * visible. Columns: the cursor through the epochs of the curves. */
void dash_move(struct ui *ui, long rows, long cols);
int dash_row(const struct ui *ui);
int dash_page(const struct ui *ui);

void dash_draw(struct area all, const struct ui *ui);
