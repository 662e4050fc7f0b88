/* Charts as inline SVG: lines and scatters with axes. Colours are classes of
 * the page's style sheet ("c0" ... "c7"), so that it can be light or dark;
 * dashes and the shape of marks tell apart what colour tells apart. */
#pragma once

#include <stdbool.h>

#include "tui/html.h"

enum chart_mark { CHART_LINE, CHART_DASHED, CHART_DOTS };

enum { CHART_COLORS = 8 };

struct chart_series {
    const double *x, *y; /* what is not finite is left out */
    const bool *special; /* [n] drawn as a diamond; NULL: none */
    int n, color;
    enum chart_mark mark;
    const char *name;  /* said when pointed at */
    const char *label; /* at its end, so that colour is not needed; or NULL */
};

/* Nothing is drawn, and false returned, where there is nothing to draw. A
 * logarithmic axis leaves out what is not positive. */
bool chart_draw(struct html *h, const char *title, const char *x_name,
                bool log_x, bool log_y, const struct chart_series *s, int n);
