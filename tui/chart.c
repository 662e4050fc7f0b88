#include "tui/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "tui/format.h"

/* In units of the picture. */
enum { W = 420, H = 240, LEFT = 52, RIGHT = 12, TOP = 30, BOTTOM = 36 };
enum { BUCKETS = 360 };

struct axis {
    double lo, hi; /* of the values, or of their logarithms */
    bool log;
    double from, to; /* in the picture */
};

static double on(const struct axis *a, double v)
{
    double t = a->log ? log10(v) : v;
    return a->from + (t - a->lo) / (a->hi - a->lo) * (a->to - a->from);
}

static bool fits(const struct axis *a, double v)
{
    return isfinite(v) && fabs(v) < 1e300 && (!a->log || v > 1e-300);
}

static bool range(struct axis *x, struct axis *y, const struct chart_series *s,
                  int n)
{
    x->lo = y->lo = INFINITY;
    x->hi = y->hi = -INFINITY;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < s[k].n; i++) {
            if (!fits(x, s[k].x[i]) || !fits(y, s[k].y[i]))
                continue;
            double u = x->log ? log10(s[k].x[i]) : s[k].x[i];
            double v = y->log ? log10(s[k].y[i]) : s[k].y[i];
            x->lo = fmin(x->lo, u);
            x->hi = fmax(x->hi, u);
            y->lo = fmin(y->lo, v);
            y->hi = fmax(y->hi, v);
        }
    return x->lo <= x->hi;
}

/* A little room around, and never a span of nothing. */
static void widen(struct axis *a, double by)
{
    double span = a->hi - a->lo;
    if (!(span > 1e-9 * fabs(a->hi)))
        span = a->hi ? 0.1 * fabs(a->hi) : 1;
    if (a->log && span < 0.3)
        span = 0.3;
    double middle = (a->lo + a->hi) / 2;
    a->lo = middle - span * (0.5 + by);
    a->hi = middle + span * (0.5 + by);
}

/* Values with a label, at most 8, which are round. */
static int ticks(const struct axis *a, double out[8])
{
    static const double steps[] = {1, 2, 5, 10};
    int n = 0;
    if (a->log) {
        bool fine = a->hi - a->lo < 1.6;
        double every = ceil((a->hi - a->lo) / 6);
        for (double e = floor(a->lo); e <= a->hi && n < 8; e += every)
            for (int k = 0; k < (fine ? 3 : 1) && n < 8; k++) {
                double v = e + log10(steps[k]);
                if (v >= a->lo && v <= a->hi)
                    out[n++] = pow(10, v);
            }
        return n;
    }
    double rough = (a->hi - a->lo) / 5, unit = pow(10, floor(log10(rough)));
    double step = unit;
    for (int k = 0; k < 4 && step < rough; k++)
        step = unit * steps[k];
    for (double i = ceil(a->lo / step); i * step <= a->hi && n < 8; i++)
        out[n++] = i * step;
    return n;
}

/* "0.25", "20k", "1e-6" */
static const char *label(double v, char buf[FORMAT_CHARS])
{
    double m = fabs(v);
    int e = m > 0 ? (int)floor(log10(m) + 1e-9) : 0;
    if (m != 0 && (m < 1e-3 || m >= 1e9))
        snprintf(buf, FORMAT_CHARS, "%.3ge%d", v / pow(10, e), e);
    else if (m >= 1e6)
        snprintf(buf, FORMAT_CHARS, "%gM", v / 1e6);
    else if (m >= 1e4)
        snprintf(buf, FORMAT_CHARS, "%gk", v / 1e3);
    else
        snprintf(buf, FORMAT_CHARS, "%.4g", m < 1e-12 ? 0 : v);
    return buf;
}

static void draw_axes(struct html *h, const struct axis *x,
                      const struct axis *y, const char *x_name)
{
    double t[8];
    char b[FORMAT_CHARS];
    int n = ticks(y, t);
    for (int i = 0; i < n; i++)
        html_printf(h,
                    "<path class='grid' d='M%d %.1fH%d'/><text x='%d' y='%.1f' "
                    "text-anchor='end'>%s</text>",
                    LEFT, on(y, t[i]), W - RIGHT, LEFT - 6, on(y, t[i]) + 4,
                    label(t[i], b));
    n = ticks(x, t);
    for (int i = 0; i < n; i++)
        html_printf(h,
                    "<path class='grid' d='M%.1f %dV%d'/><text x='%.1f' y='%d' "
                    "text-anchor='middle'>%s</text>",
                    on(x, t[i]), TOP, H - BOTTOM, on(x, t[i]), H - BOTTOM + 15,
                    label(t[i], b));
    html_printf(h, "<text x='%d' y='%d' text-anchor='end'>%s</text>", W - RIGHT,
                H - 4, x_name);
}

/* Thinned: of the values that fall on one place, the least and the most. */
static void draw_line(struct html *h, const struct axis *x,
                      const struct axis *y, const struct chart_series *s)
{
    bool pen = false;
    int i = 0, step = s->n / BUCKETS + 1;
    html_printf(h, "<path class='line c%d%s' d='", s->color % CHART_COLORS,
                s->mark == CHART_DASHED ? " dash" : "");
    while (i < s->n) {
        int end = i + step < s->n ? i + step : s->n, lo = -1, hi = -1;
        for (int k = i; k < end; k++) {
            if (!fits(x, s->x[k]) || !fits(y, s->y[k]))
                continue;
            lo = lo < 0 || s->y[k] < s->y[lo] ? k : lo;
            hi = hi < 0 || s->y[k] > s->y[hi] ? k : hi;
        }
        int at[2] = {lo < hi ? lo : hi, lo < hi ? hi : lo};
        for (int k = at[0] == at[1]; lo >= 0 && k < 2; k++) {
            html_printf(h, "%c%.1f %.1f", pen ? 'L' : 'M', on(x, s->x[at[k]]),
                        on(y, s->y[at[k]]));
            pen = true;
        }
        pen = pen && lo >= 0;
        i = end;
    }
    html_raw(h, "'><title>");
    html_text(h, s->name);
    html_raw(h, "</title></path>");
}

static void draw_dots(struct html *h, const struct axis *x,
                      const struct axis *y, const struct chart_series *s)
{
    char u[FORMAT_CHARS], v[FORMAT_CHARS];
    for (int i = 0; i < s->n; i++) {
        if (!fits(x, s->x[i]) || !fits(y, s->y[i]))
            continue;
        double cx = on(x, s->x[i]), cy = on(y, s->y[i]);
        if (s->special && s->special[i])
            html_printf(h,
                        "<path class='dot c%d' d='M%.1f %.1fl5 5l-5 5l-5-5z'>",
                        s->color % CHART_COLORS, cx, cy - 5);
        else
            html_printf(h,
                        "<circle class='dot c%d' cx='%.1f' cy='%.1f' r='3.2'>",
                        s->color % CHART_COLORS, cx, cy);
        html_raw(h, "<title>");
        html_text(h, s->name);
        html_printf(h, ": %s at %s</title>%s", format_value(s->y[i], u),
                    format_count(s->x[i], v),
                    s->special && s->special[i] ? "</path>" : "</circle>");
    }
}

/* At the last value that is shown, on the side that has room. */
static void draw_label(struct html *h, const struct axis *x,
                       const struct axis *y, const struct chart_series *s)
{
    int i = s->n - 1;
    while (i >= 0 && (!fits(x, s->x[i]) || !fits(y, s->y[i])))
        i--;
    if (i < 0 || !s->label)
        return;
    double cx = on(x, s->x[i]), cy = on(y, s->y[i]);
    bool right = cx < W - RIGHT - 14;
    html_printf(h, "<text class='label c%d' x='%.1f' y='%.1f'%s>",
                s->color % CHART_COLORS, cx + (right ? 6 : -4),
                right ? cy + 4 : cy - 6, right ? "" : " text-anchor='end'");
    html_text(h, s->label);
    html_raw(h, "</text>");
}

bool chart_draw(struct html *h, const char *title, const char *x_name,
                bool log_x, bool log_y, const struct chart_series *s, int n)
{
    struct axis x = {.log = log_x, .from = LEFT, .to = W - RIGHT};
    struct axis y = {.log = log_y, .from = H - BOTTOM, .to = TOP};
    bool dots = n > 0 && s[0].mark == CHART_DOTS;
    if (!range(&x, &y, s, n))
        return false;
    widen(&x, dots ? 0.05 : 0);
    widen(&y, 0.06);
    html_printf(h, "<svg class='chart' viewBox='0 0 %d %d' role='img'><title>",
                W, H);
    html_text(h, title);
    html_printf(h, "</title><text class='name' x='%d' y='16'>", LEFT);
    html_text(h, title);
    html_raw(h, "</text>");
    draw_axes(h, &x, &y, x_name);
    for (int i = 0; i < n; i++)
        if (s[i].mark == CHART_DOTS)
            draw_dots(h, &x, &y, &s[i]);
        else
            draw_line(h, &x, &y, &s[i]);
    for (int i = 0; i < n; i++)
        draw_label(h, &x, &y, &s[i]);
    html_raw(h, "</svg>\n");
    return true;
}
