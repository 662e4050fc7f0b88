/* Curves and scatters on a grid: braille dots (2 x 4 a cell), quadrants
 * (2 x 2) or ASCII (1 x 2), as the grid's glyphs say. What is not finite, or
 * not positive on a logarithmic axis, is a gap; any number of points is fine,
 * none too. */
#pragma once

#include <stdbool.h>

#include "tui/grid.h"

struct plot_axes {
    double x0, x1, y0, y1; /* x0 <= x1, y0 <= y1, finite */
    bool log_x, log_y;
    int decimals; /* of the labels at y; < 0: as needed */
};

struct plot_line {
    const float *x, *y;
    int n;
    enum style style;
    bool dashed; /* tells two curves apart without colour */
};

struct plot_mark {
    double x, y;
    enum style style;
    uint32_t ch;
};

/* Round limits around all that can be drawn, so that labels are short and
 * the picture keeps still while points arrive. False: nothing to draw. */
bool plot_line_axes(const struct plot_line *line, int n_lines, bool log_y,
                    struct plot_axes *ax);
bool plot_mark_axes(const struct plot_mark *mark, int n, struct plot_axes *ax);

/* Labels at the left and below; returns the area inside them. An axis has
 * no labels where the area is too small for them. */
struct area plot_labels(struct area a, const struct plot_axes *ax,
                        const char *x_name);

void plot_lines(struct area a, const struct plot_line *line, int n_lines,
                const struct plot_axes *ax);
/* Later marks lie over earlier ones. */
void plot_marks(struct area a, const struct plot_mark *mark, int n,
                const struct plot_axes *ax);

/* The history of one value, as high as the area, the newest at the right;
 * logarithmic where all is positive. */
void plot_spark(struct area a, const float *y, int n, enum style s);

/* Bars that stand on the lower edge, n of them over the whole width; the
 * highest is as high as the area. What is not above 0 is empty. */
void plot_bars(struct area a, const float *y, int n, enum style s);
