#include "tui/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "tui/format.h"

/* Dots a cell, across and down. */
static const struct {
    int x, y;
} dots[] = {{2, 4}, {2, 2}, {1, 2}};

struct canvas {
    struct area a;
    int w, h; /* in dots */
    uint8_t *mask, *style;
};

static bool usable(double v, bool logarithmic)
{
    return isfinite(v) && (!logarithmic || v > 0);
}

/* Where v lies between lo and hi, 0..1. */
static double place(double v, double lo, double hi, bool logarithmic)
{
    if (logarithmic) {
        v = log(v);
        lo = log(lo);
        hi = log(hi);
    }
    double t = hi > lo ? (v - lo) / (hi - lo) : 0.5;
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* A round number near v: the largest not above it, or the smallest not
 * below, of `step`, which rises from 1 to 10, times a power of ten. */
static double round_to(double v, bool up, const double *step, int n)
{
    double base = pow(10, floor(log10(v)));
    for (int i = 0; i < n && up; i++)
        if (step[i] * base >= v * (1 - 1e-9))
            return step[i] * base;
    for (int i = n - 1; i >= 0 && !up; i--)
        if (step[i] * base <= v * (1 + 1e-9))
            return step[i] * base;
    return v;
}

static double round_125(double v, bool up)
{
    static const double step[] = {1, 2, 5, 10};
    return round_to(v, up, step, 4);
}

static double round_fine(double v, bool up)
{
    static const double step[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10};
    return round_to(v, up, step, 12);
}

static int decimals_of(double step)
{
    int d = (int)ceil(-log10(step) - 1e-9);
    return d < 0 ? 0 : d > 6 ? -1 : d;
}

static void round_linear(double *lo, double *hi, int *decimals)
{
    double span = *hi - *lo;
    if (!(span > 0))
        span = *lo != 0 ? fabs(*lo) * 0.1 : 1;
    double step = round_125(span / 10, true);
    *lo = floor(*lo / step + 1e-9) * step;
    *hi = ceil(*hi / step - 1e-9) * step;
    if (!(*hi > *lo))
        *hi = *lo + step;
    *decimals = decimals_of(step);
}

static void round_log(double *lo, double *hi)
{
    *lo = round_fine(*lo, false);
    *hi = round_fine(*hi, true);
    if (!(*hi > *lo))
        *hi = round_125(*lo * 1.5, true);
}

static void widen(double v, double *lo, double *hi)
{
    *lo = v < *lo ? v : *lo;
    *hi = v > *hi ? v : *hi;
}

static void round_y(struct plot_axes *ax)
{
    ax->decimals = -1;
    if (ax->log_y)
        round_log(&ax->y0, &ax->y1);
    else
        round_linear(&ax->y0, &ax->y1, &ax->decimals);
}

bool plot_line_axes(const struct plot_line *line, int n_lines, bool log_y,
                    struct plot_axes *ax)
{
    *ax = (struct plot_axes){INFINITY, -INFINITY, INFINITY, -INFINITY,
                             false,    log_y,     -1};
    for (int l = 0; l < n_lines; l++)
        for (int i = 0; i < line[l].n; i++)
            if (usable((double)line[l].y[i], log_y) && isfinite(line[l].x[i])) {
                widen((double)line[l].x[i], &ax->x0, &ax->x1);
                widen((double)line[l].y[i], &ax->y0, &ax->y1);
            }
    if (!(ax->x1 >= ax->x0))
        return false;
    round_y(ax);
    return true;
}

bool plot_mark_axes(const struct plot_mark *mark, int n, struct plot_axes *ax)
{
    *ax = (struct plot_axes){INFINITY, -INFINITY, INFINITY, -INFINITY,
                             false,    false,     -1};
    for (int i = 0; i < n; i++)
        if (isfinite(mark[i].x) && isfinite(mark[i].y)) {
            widen(mark[i].x, &ax->x0, &ax->x1);
            widen(mark[i].y, &ax->y0, &ax->y1);
        }
    if (!(ax->x1 >= ax->x0))
        return false;
    int unused;
    ax->log_x = ax->x0 > 0 && ax->x1 > 4 * ax->x0;
    if (ax->log_x)
        round_log(&ax->x0, &ax->x1);
    else
        round_linear(&ax->x0, &ax->x1, &unused);
    round_y(ax);
    return true;
}

/* The value that belongs to a row: its label, in at most 7 columns. */
static const char *label(double v, const struct plot_axes *ax,
                         char buf[FORMAT_CHARS])
{
    if (fabs(v) < 1e-12 * (ax->y1 - ax->y0))
        v = 0;
    if (v != 0 && (fabs(v) < 1e-3 || fabs(v) >= 99999.5))
        return format_power(v, buf);
    if (ax->decimals < 0)
        snprintf(buf, FORMAT_CHARS, "%.3g", v);
    else
        snprintf(buf, FORMAT_CHARS, "%.*f", ax->decimals, v);
    return buf;
}

enum { TICKS = 64 };

/* Round values from top to bottom; those without room are left out later. */
static int ticks(const struct plot_axes *ax, double out[TICKS])
{
    int n = 0;
    out[n++] = ax->y1;
    if (ax->log_y) {
        double down = ax->y1 / ax->y0 > 1e4 ? 0.11 : 0.7;
        for (double v = round_125(ax->y1 * down, false);
             v > ax->y0 * 1.2 && n < TICKS - 1; v = round_125(v * down, false))
            out[n++] = v;
    } else {
        double step = round_125((ax->y1 - ax->y0) / 4.01, true);
        for (double v = (ceil(ax->y1 / step - 1e-9) - 1) * step;
             v > ax->y0 + step * 0.5 && n < TICKS - 1; v -= step)
            out[n++] = v;
    }
    out[n++] = ax->y0;
    return n;
}

static int row_of(double v, const struct plot_axes *ax, int rows)
{
    double t = place(v, ax->y0, ax->y1, ax->log_y);
    return (int)((1 - t) * (rows - 1) + 0.5);
}

/* "50k", not "50.0k"; in full where the axis is so short that its ends would
 * look alike. */
static void count_label(double v, const struct plot_axes *ax,
                        char buf[FORMAT_CHARS])
{
    if (ax->x1 - ax->x0 < 0.02 * fabs(ax->x1) && fabs(v) < 1e9) {
        snprintf(buf, FORMAT_CHARS, "%.0f", v);
        return;
    }
    format_count(v, buf);
    char *zero = strstr(buf, ".0");
    if (zero)
        memmove(zero, zero + 2, strlen(zero + 2) + 1);
}

static void x_labels(struct area a, const struct plot_axes *ax,
                     const char *name)
{
    char lo[FORMAT_CHARS], hi[FORMAT_CHARS];
    count_label(ax->x0, ax, lo);
    count_label(ax->x1, ax, hi);
    area_text(a, 0, 0, STYLE_DIM, lo);
    area_right(a, a.w, 0, STYLE_DIM, "%s", hi);
    int room = a.w - text_width(lo) - text_width(hi), w = text_width(name);
    if (room >= w + 4)
        area_text(a, text_width(lo) + (room - w) / 2, 0, STYLE_DIM, name);
}

struct area plot_labels(struct area a, const struct plot_axes *ax,
                        const char *x_name)
{
    double tick[TICKS];
    char buf[FORMAT_CHARS];
    bool below = a.h >= 7;
    int rows = a.h - below, wide = 0;
    int n = ticks(ax, tick);
    for (int i = 0; i < n; i++) {
        int w = text_width(label(tick[i], ax, buf));
        wide = w > wide ? w : wide;
    }
    if (a.w < wide + 12 || rows < 2)
        return a;
    for (int i = 0, next = 0; i < n; i++) {
        int y = row_of(tick[i], ax, rows);
        if (i == n - 1 || (y >= next && rows - 1 - y > 1)) {
            area_right(a, wide, y, STYLE_DIM, "%s", label(tick[i], ax, buf));
            next = y + 2;
        }
    }
    if (below)
        x_labels(area_sub(a, wide + 1, a.h - 1, a.w, 1), ax, x_name);
    return area_sub(a, wide + 1, 0, a.w, rows);
}

static void dot(struct canvas *c, int x, int y, enum style s)
{
    static const uint8_t braille[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    enum grid_glyphs g = c->a.grid->glyphs;
    int dx = dots[g].x, dy = dots[g].y;
    int i = y / dy * c->a.w + x / dx;
    if (g == GRID_BRAILLE)
        c->mask[i] |= braille[y % dy][x % dx];
    else
        c->mask[i] |= (uint8_t)(1 << (y % dy * dx + x % dx));
    c->style[i] = (uint8_t)s;
}

/* Bresenham's line; a dashed one leaves out every other stretch. */
static void stroke(struct canvas *c, const int p[2], const int q[2],
                   const struct plot_line *l, int *walked)
{
    int x = p[0], y = p[1], dx = abs(q[0] - x), dy = -abs(q[1] - y);
    int sx = q[0] > x ? 1 : -1, sy = q[1] > y ? 1 : -1, err = dx + dy;
    for (;; ++*walked) {
        if (!l->dashed || *walked / 2 % 2 == 0)
            dot(c, x, y, l->style);
        if (x == q[0] && y == q[1])
            return;
        int e2 = 2 * err;
        if (e2 >= dy) {
            err += dy;
            x += sx;
        }
        if (e2 <= dx) {
            err += dx;
            y += sy;
        }
    }
}

static void draw_line(struct canvas *c, const struct plot_line *l,
                      const struct plot_axes *ax)
{
    int last[2] = {-1, -1}, walked = 0;
    for (int i = 0; i < l->n; i++) {
        if (!usable((double)l->y[i], ax->log_y) || !isfinite(l->x[i])) {
            last[0] = -1;
            continue;
        }
        double tx = place((double)l->x[i], ax->x0, ax->x1, ax->log_x);
        double ty = place((double)l->y[i], ax->y0, ax->y1, ax->log_y);
        int p[2] = {(int)(tx * (c->w - 1) + 0.5),
                    (int)((1 - ty) * (c->h - 1) + 0.5)};
        stroke(c, last[0] < 0 ? p : last, p, l, &walked);
        memcpy(last, p, sizeof p);
    }
}

static uint32_t glyph(enum grid_glyphs g, uint8_t mask)
{
    static const uint16_t quadrant[16] = {
        ' ',    0x2598, 0x259d, 0x2580, 0x2596, 0x258c, 0x259e, 0x259b,
        0x2597, 0x259a, 0x2590, 0x259c, 0x2584, 0x2599, 0x259f, 0x2588};
    if (g == GRID_BRAILLE)
        return 0x2800u + mask;
    return g == GRID_BLOCKS ? quadrant[mask & 15] : (uint32_t) " '.:"[mask & 3];
}

void plot_lines(struct area a, const struct plot_line *line, int n_lines,
                const struct plot_axes *ax)
{
    enum grid_glyphs g = a.grid->glyphs;
    size_t cells = (size_t)a.w * (size_t)a.h;
    if (!cells)
        return;
    uint8_t *block = loom_calloc(2, cells);
    struct canvas c = {a, a.w * dots[g].x, a.h * dots[g].y, block,
                       block + cells};
    for (int l = 0; l < n_lines; l++)
        draw_line(&c, &line[l], ax);
    for (size_t i = 0; i < cells; i++)
        if (c.mask[i])
            area_put(a, (int)i % a.w, (int)i / a.w, (enum style)c.style[i],
                     glyph(g, c.mask[i]));
    free(block);
}

void plot_marks(struct area a, const struct plot_mark *mark, int n,
                const struct plot_axes *ax)
{
    for (int i = 0; i < n; i++) {
        if (!usable(mark[i].x, ax->log_x) || !usable(mark[i].y, ax->log_y))
            continue;
        double t = place(mark[i].x, ax->x0, ax->x1, ax->log_x);
        area_put(a, (int)(t * (a.w - 1) + 0.5), row_of(mark[i].y, ax, a.h),
                 mark[i].style, mark[i].ch);
    }
}

/* One row of eighth blocks, each column the last value of its stretch. */
static void spark_blocks(struct area a, const float *y, int n,
                         const struct plot_axes *ax, enum style s)
{
    int w = n < a.w ? n : a.w;
    for (int x = 0; x < w; x++) {
        double v = (double)y[(int)((long)(x + 1) * n / w) - 1];
        if (!usable(v, ax->log_y))
            continue;
        int level = (int)(place(v, ax->y0, ax->y1, ax->log_y) * 7 + 0.5);
        area_put(a, a.w - w + x, 0, s, (uint32_t)(0x2581 + level));
    }
}

void plot_spark(struct area a, const float *y, int n, enum style s)
{
    float lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) {
            lo = y[i] < lo ? y[i] : lo;
            hi = y[i] > hi ? y[i] : hi;
        }
    if (!(hi >= lo) || !a.w || !a.h)
        return;
    struct plot_axes ax = {
        0, n > 1 ? n - 1 : 1, (double)lo, (double)hi, false, lo > 0, -1};
    if (a.h == 1 && a.grid->glyphs != GRID_ASCII) {
        spark_blocks(a, y, n, &ax, s);
        return;
    }
    float *x = loom_malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++)
        x[i] = (float)i;
    struct plot_line line = {x, y, n, s, false};
    plot_lines(a, &line, 1, &ax);
    free(x);
}

/* The highest of those that share a column, so that no bar is lost. */
static float column_height(const float *y, int n, int x, int w)
{
    int from = x * n / w, to = (x + 1) * n / w;
    float top = 0;
    for (int i = from; i < to || i == from; i++)
        top = isfinite(y[i]) && y[i] > top ? y[i] : top;
    return top;
}

void plot_bars(struct area a, const float *y, int n, enum style s)
{
    float most = 0;
    bool ascii = a.grid->glyphs == GRID_ASCII;
    for (int i = 0; i < n; i++)
        most = isfinite(y[i]) && y[i] > most ? y[i] : most;
    for (int x = 0; x < a.w && most > 0; x++) {
        float top = column_height(y, n, x, a.w);
        int eighths = (int)lrintf(top / most * (float)(8 * a.h));
        eighths = top > 0 && !eighths ? 1 : eighths;
        for (int up = 0; up < a.h && eighths > 0; up++, eighths -= 8) {
            uint32_t part = eighths < 8 ? 0x2580 + (uint32_t)eighths : 0x2588;
            if (ascii)
                part = eighths >= 6 ? '#' : eighths >= 3 ? ':' : '.';
            area_put(a, x, a.h - 1 - up, s, part);
        }
    }
}
