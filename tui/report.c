#include "tui/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "tui/chart.h"
#include "tui/format.h"
#include "tui/style.h"

static const char style[] =
    ":root{--bg:#fff;--fg:#1b1d21;--dim:#636a75;--line:#d9dde3;--panel:#f6f7f9;"
    "--good:#0a6b3d;--guess:#7a3e9d;--bad:#b3261e;--empty:#eceff3;"
    "--c0:#0062b1;--c1:#c25700;--c2:#00785a;--c3:#a8347a;--c4:#6d5c00;"
    "--c5:#4f4fc4;--c6:#8a3b12;--c7:#3d6470}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14161a;--fg:#e6e8eb;"
    "--dim:#9aa3af;--line:#343a43;--panel:#1b1e24;--good:#5fd39a;"
    "--guess:#d3a6ee;--bad:#ff8a80;--empty:#262a31;--c0:#6cb4ff;--c1:#ffa657;"
    "--c2:#4fd6b0;--c3:#f291c8;--c4:#e3cf57;--c5:#a9a9ff;--c6:#e59a73;"
    "--c7:#9cc5d1}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;padding:24px 20px 60px;"
    "max-width:1100px;background:var(--bg);color:var(--fg);"
    "font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:34px 0 10px;"
    "border-bottom:1px solid var(--line);padding-bottom:4px}"
    "h3{font-size:15px;margin:18px 0 6px}p{margin:6px 0}"
    ".dim{color:var(--dim)}.bad{color:var(--bad)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;margin:6px 0;"
    "font-variant-numeric:tabular-nums}"
    "th,td{padding:4px 12px 4px 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--line)}"
    "th{font-weight:600;color:var(--dim)}td.n,th.n{text-align:right}"
    "tr.differs td{font-weight:600}\n"
    ".measured{color:var(--good);font-weight:600}"
    ".guess{color:var(--guess);font-style:italic}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,"
    "minmax(340px,1fr));gap:12px}"
    ".chart{width:100%;height:auto;background:var(--panel);border-radius:6px}"
    "svg text{font:11px system-ui,sans-serif;fill:var(--dim)}"
    "svg text.label{font-weight:700;font-size:12px;fill:var(--s)}"
    "svg text.name{font-weight:600;fill:var(--fg);font-size:13px}"
    ".grid{stroke:var(--line);fill:none}"
    ".line{fill:none;stroke:var(--s);stroke-width:1.8;stroke-linejoin:round}"
    ".dash{stroke-dasharray:5 3}.dot{fill:var(--s);stroke:var(--bg)}\n"
    ".c0{--s:var(--c0)}.c1{--s:var(--c1)}.c2{--s:var(--c2)}.c3{--s:var(--c3)}"
    ".c4{--s:var(--c4)}.c5{--s:var(--c5)}.c6{--s:var(--c6)}.c7{--s:var(--c7)}\n"
    ".key span{display:inline-block;margin:0 18px 4px 0}"
    ".key i{display:inline-block;width:26px;height:0;margin-right:6px;"
    "vertical-align:middle;border-top:3px solid var(--s)}\n"
    ".map{display:block;max-width:100%;height:auto;background:var(--empty);"
    "shape-rendering:crispEdges}.map text{font:9px ui-monospace,monospace;"
    "text-anchor:middle}.swatch{display:inline-block;width:24px;height:20px;"
    "text-align:center;font:12px/20px ui-monospace,monospace;"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".map{print-color-adjust:exact;-webkit-print-color-adjust:exact}\n"
    "pre{background:var(--panel);border-radius:6px;padding:12px;overflow-x:"
    "auto;"
    "font:12.5px/1.45 ui-monospace,monospace;white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n"
    "@media print{body{max-width:none;padding:0;font-size:11px}"
    "h2{break-after:avoid}h3{break-after:avoid}svg,tr{break-inside:avoid}"
    ".charts{grid-template-columns:1fr 1fr}pre{background:none;"
    "border:1px solid var(--line)}}\n";

/* What is being written: the runs, side by side. */
struct page {
    struct html h;
    const struct filter_row *row;
    const struct report_run *more;
    int n;
    char (*label)[12]; /* [n] "1", "2" ...: of the runs in charts; "": one */
};

void report_run_deinit(struct report_run *r)
{
    for (int i = 0; i < r->n_maps; i++)
        free(r->map[i].bits);
    free(r->map);
    free(r->layer);
    free(r->epoch);
    free(r->point);
    loom_store_builds_free(r->build, r->n_builds);
    *r = (struct report_run){.n_maps = 0};
}

/* ---- tables ---- */

static void number_cell(struct html *h, const char *class_name,
                        const char *text)
{
    html_printf(h, "<td class='n %s'>%s</td>", class_name, text);
}

static void heads(struct html *h, const char *const *name, int n, int left)
{
    html_raw(h, "<div class='scroll'><table><thead><tr>");
    for (int i = 0; i < n; i++)
        html_printf(h, "<th%s>%s</th>", i < left ? "" : " class='n'", name[i]);
    html_raw(h, "</tr></thead><tbody>\n");
}

static const char table_end[] = "</tbody></table></div>\n";

static void text_row(struct page *p, const char *name,
                     const char *(*text)(const struct loom_store_run *r))
{
    struct html *h = &p->h;
    bool any = false;
    for (int i = 0; i < p->n; i++)
        any |= *text(p->row[i].run) != 0;
    if (!any)
        return;
    html_printf(h, "<tr><th>%s</th>", name);
    for (int i = 0; i < p->n; i++)
        html_element(h, "td", NULL, text(p->row[i].run));
    html_raw(h, "</tr>\n");
}

static const char *text_note(const struct loom_store_run *r)
{
    return r->note;
}

static const char *text_tags(const struct loom_store_run *r)
{
    return r->tags;
}

static const char *text_reason(const struct loom_store_run *r)
{
    return r->reason;
}

static void row_of_times(struct page *p)
{
    struct html *h = &p->h;
    char when[24], took[FORMAT_CHARS];
    html_raw(h, "<tr><th>started</th>");
    for (int i = 0; i < p->n; i++) {
        const struct loom_store_run *r = p->row[i].run;
        html_printf(h, "<td>%s", runs_time_text(r->started, when));
        if (isfinite(r->ended))
            html_printf(h, ", took %s",
                        format_seconds(r->ended - r->started, took));
        html_raw(h, "</td>");
    }
    html_raw(h, "</tr>\n");
}

static bool is_measured(const char *key)
{
    return !strcmp(key, "LUT4") || !strcmp(key, "LC") || !strcmp(key, "Fmax");
}

/* Attributes and settings, a column a run; what differs is bold. */
static void summary(struct page *p)
{
    struct html *h = &p->h;
    struct runs_compare c;
    runs_compare_make(&c, p->row, p->n);
    html_raw(h, "<h2>Summary</h2>\n<div class='scroll'><table><thead><tr>"
                "<th></th>");
    for (int i = 0; i < p->n; i++)
        html_element(h, "th", NULL, p->row[i].run->id);
    html_raw(h, "</tr></thead><tbody>\n");
    for (int k = 0; k < c.n_rows; k++) {
        if (p->n == 1 && !strcmp(c.row[k].key, "script text"))
            continue;
        bool any = false;
        for (int i = 0; i < p->n; i++)
            any |= c.row[k].cell[i][0] != 0;
        if (!any)
            continue;
        html_printf(h, "<tr%s>", c.row[k].differs ? " class='differs'" : "");
        html_element(h, "th", NULL, c.row[k].key);
        for (int i = 0; i < p->n; i++) {
            const char *text = c.row[k].cell[i];
            html_element(h, "td",
                         *text == '~'                         ? "guess"
                         : *text && is_measured(c.row[k].key) ? "measured"
                                                              : NULL,
                         *text ? text : "—");
        }
        html_raw(h, "</tr>\n");
    }
    text_row(p, "tags", text_tags);
    text_row(p, "note", text_note);
    text_row(p, "how it ended", text_reason);
    row_of_times(p);
    html_raw(h, table_end);
    if (p->n > 1)
        html_raw(h, "<p class='dim'>Bold: it differs.</p>\n");
    runs_compare_free(&c);
}

/* ---- curves ---- */

enum { C_LOSS, C_VAL, C_METRIC, C_EBOPS, C_BETA, C_LR, CURVES };

static double value(const struct loom_store_epoch *e, int curve)
{
    const double v[CURVES] = {e->loss,  e->val_loss, e->val_metric,
                              e->ebops, e->beta,     e->lr};
    return v[curve];
}

/* Numbers of one curve of all runs: x in the first half, y in the second. */
static double *take_curve(const struct report_run *r, int curve)
{
    double *v = loom_calloc(2 * r->n_epochs + 1, sizeof *v);
    for (size_t i = 0; i < r->n_epochs; i++) {
        v[i] = r->epoch[i].epoch;
        v[r->n_epochs + i] = value(&r->epoch[i], curve);
    }
    return v;
}

/* metric: of the runs that have this one; NULL: of all. */
static void draw_curves(struct page *p, const char *title, const char *metric,
                        int curve, int dashed, bool log_y)
{
    int per = dashed < 0 ? 1 : 2, n = per * p->n;
    struct chart_series *s = loom_calloc((size_t)n, sizeof *s);
    double **v = loom_calloc((size_t)n, sizeof *v);
    for (int k = 0; k < n; k++) {
        const struct report_run *r = &p->more[k / per];
        bool shown = !metric || !strcmp(metric, p->row[k / per].run->metric);
        v[k] = take_curve(r, k % per ? dashed : curve);
        s[k] =
            (struct chart_series){.x = v[k],
                                  .y = v[k] + r->n_epochs,
                                  .n = shown ? (int)r->n_epochs : 0,
                                  .color = k / per,
                                  .mark = k % per ? CHART_DASHED : CHART_LINE,
                                  .name = p->row[k / per].run->id,
                                  .label = k % per ? NULL : p->label[k / per]};
    }
    chart_draw(&p->h, title, "epoch", false, log_y, s, n);
    for (int k = 0; k < n; k++)
        free(v[k]);
    free(v);
    free(s);
}

static void draw_front(struct page *p, const char *title, const char *metric)
{
    struct chart_series *s = loom_calloc((size_t)p->n, sizeof *s);
    for (int k = 0; k < p->n; k++) {
        const struct report_run *r = &p->more[k];
        double *v = loom_calloc(2 * r->n_points + 1, sizeof *v);
        bool *built = loom_calloc(r->n_points + 1, sizeof *built);
        bool shown = !strcmp(metric, p->row[k].run->metric);
        for (size_t i = 0; i < r->n_points; i++) {
            v[i] = r->point[i].ebops;
            v[r->n_points + i] = r->point[i].val_metric;
            for (size_t b = 0; b < r->n_builds; b++)
                built[i] |= r->build[b].epoch == r->point[i].epoch &&
                            !strcmp(r->build[b].state, "done");
        }
        s[k] = (struct chart_series){.x = v,
                                     .y = v + r->n_points,
                                     .special = built,
                                     .n = shown ? (int)r->n_points : 0,
                                     .color = k,
                                     .mark = CHART_DOTS,
                                     .name = p->row[k].run->id,
                                     .label = p->label[k]};
    }
    chart_draw(&p->h, title, "EBOPs", true, false, s, p->n);
    for (int k = 0; k < p->n; k++) {
        free((void *)(uintptr_t)s[k].x);
        free((void *)(uintptr_t)s[k].special);
    }
    free(s);
}

/* An accuracy and an rms have no axis in common: a chart a metric, and a
 * front. */
static void draw_metrics(struct page *p)
{
    char title[128], front[160];
    for (int i = 0; i < p->n; i++) {
        const struct loom_store_run *r = p->row[i].run;
        bool drawn = false;
        for (int k = 0; k < i; k++)
            drawn |= !strcmp(p->row[k].run->metric, r->metric);
        if (drawn)
            continue;
        snprintf(title, sizeof title, "%s%s%s%s, %s is better",
                 r->metric[0] ? r->metric : "metric", r->unit[0] ? " [" : "",
                 r->unit, r->unit[0] ? "]" : "",
                 r->lower_is_better ? "lower" : "higher");
        snprintf(front, sizeof front, "front: %s", title);
        draw_curves(p, title, r->metric, C_METRIC, -1, false);
        draw_front(p, front, r->metric);
    }
}

static void curves(struct page *p)
{
    struct html *h = &p->h;
    html_raw(h, "<h2>Curves</h2>\n<p class='key'>");
    for (int i = 0; i < p->n && p->n > 1; i++) {
        html_printf(h, "<span class='c%d'><i></i>%s ", i % CHART_COLORS,
                    p->label[i]);
        html_text(h, p->row[i].run->id);
        html_raw(h, "</span>");
    }
    html_raw(h, "<span class='dim'>loss: solid is training, dashed is "
                "validation; front: a diamond was built</span></p>\n"
                "<div class='charts'>\n");
    draw_curves(p, "loss", NULL, C_LOSS, C_VAL, true);
    draw_curves(p, "EBOPs", NULL, C_EBOPS, -1, true);
    draw_metrics(p);
    draw_curves(p, "beta", NULL, C_BETA, -1, true);
    draw_curves(p, "learning rate", NULL, C_LR, -1, true);
    html_raw(h, "</div>\n");
}

/* ---- layers ---- */

static void layer_table(struct html *h, const struct report_run *r)
{
    static const char *const names[] = {"layer",  "kind",   "shape",
                                        "EBOPs",  "share",  "weights",
                                        "pruned", "w bits", "a bits"};
    char a[FORMAT_CHARS];
    double total = 0;
    for (int i = 0; i < r->n_layers; i++)
        total += (double)r->layer[i].ebops;
    heads(h, names, 9, 3);
    for (int i = 0; i < r->n_layers; i++) {
        const struct loom_train_layer *l = &r->layer[i];
        html_raw(h, "<tr>");
        html_element(h, "td", NULL, l->name);
        html_element(h, "td", "dim", l->kind);
        html_printf(h, "<td>%d × %d</td>", l->n_in, l->n_out);
        number_cell(h, "", format_count((double)l->ebops, a));
        html_printf(h, "<td class='n'>%.0f%%</td><td class='n'>%d</td>",
                    total > 0 ? 100 * (double)l->ebops / total : 0, l->weights);
        html_printf(h, "<td class='n'>%.1f%%</td>",
                    l->weights > 0 ? 100.0 * l->pruned / l->weights : 0);
        if (l->mean_w_bits >= 0)
            html_printf(h, "<td class='n'>%.2f</td>", (double)l->mean_w_bits);
        else
            html_raw(h, "<td class='n'>—</td>");
        if (l->mean_a_bits >= 0)
            html_printf(h, "<td class='n'>%.2f</td>", (double)l->mean_a_bits);
        else
            html_raw(h, "<td class='n'>—</td>");
        html_raw(h, "</tr>\n");
    }
    html_printf(h, "<tr><th>total</th><td></td><td></td><td class='n'>%s</td>",
                format_count(total, a));
    html_raw(h, "<td></td><td></td><td></td><td></td><td></td></tr>");
    html_raw(h, table_end);
}

/* Black or white, whatever stands out from the colour of so many bits. */
static const char *ink(int bits)
{
    return style_look((enum style)(STYLE_BITS + bits), STYLE_VIRIDIS, STYLE_256)
                       .fg == 231
               ? "#fff"
               : "#000";
}

static void map_legend(struct html *h)
{
    html_raw(h, "<p>bits of a weight: <span class='swatch' style='background:"
                "var(--empty)'>·</span> pruned ");
    for (int b = 1; b <= 9; b++)
        html_printf(h,
                    "<span class='swatch' style='background:#%06x;color:%s'>%d"
                    "%s</span>",
                    (unsigned)style_rgb(STYLE_VIRIDIS, b), ink(b), b,
                    b == 9 ? "+" : "");
    html_raw(h, "</p>\n");
}

static int shown_bits(const struct report_map *m, size_t row, size_t col)
{
    int b = m->bits[row * m->cols + col];
    return b < 9 ? b : 9;
}

/* Rectangles of one colour as one path; equal neighbours in a row are one. */
static void map_path(struct html *h, const struct report_map *m, int bits,
                     int side)
{
    bool any = false;
    for (size_t c = 0; c < m->cols; c++)
        for (size_t r = 0; r < m->rows;) {
            size_t end = r + 1;
            if (shown_bits(m, r, c) != bits) {
                r = end;
                continue;
            }
            while (end < m->rows && shown_bits(m, end, c) == bits)
                end++;
            if (!any)
                html_printf(h, "<path fill='#%06x' d='",
                            (unsigned)style_rgb(STYLE_VIRIDIS, bits));
            any = true;
            html_printf(h, "M%zu %zuh%zuv%dh-%zuz", r * (size_t)side,
                        c * (size_t)side, (end - r) * (size_t)side, side,
                        (end - r) * (size_t)side);
            r = end;
        }
    if (any)
        html_raw(h, "'/>\n");
}

static void map_digits(struct html *h, const struct report_map *m, int side)
{
    for (size_t c = 0; c < m->cols; c++)
        for (size_t r = 0; r < m->rows; r++) {
            int b = shown_bits(m, r, c);
            if (b)
                html_printf(h,
                            "<text x='%.1f' y='%.1f' style='fill:%s'>%d"
                            "</text>",
                            ((double)r + 0.5) * side,
                            ((double)c + 0.5) * side + 3.2, ink(b), b);
        }
}

/* Inputs to the right, outputs downwards. */
static void draw_map(struct html *h, const struct report_map *m)
{
    int side = m->rows <= 68 ? 14 : m->rows <= 160 ? 6 : m->rows <= 480 ? 3 : 1;
    if (m->rows > 4096 || m->cols > 4096 || !m->rows || !m->cols)
        return;
    html_raw(h, "<h3>");
    html_text(h, m->name);
    html_printf(h,
                " <span class='dim'>%zu inputs across, %zu outputs down</span>"
                "</h3>\n<div class='scroll'><svg class='map' role='img' "
                "width='%zu' height='%zu' viewBox='0 0 %zu %zu'><title>",
                m->rows, m->cols, m->rows * (size_t)side,
                m->cols * (size_t)side, m->rows * (size_t)side,
                m->cols * (size_t)side);
    html_text(h, m->name);
    html_raw(h, "</title>\n");
    for (int b = 1; b <= 9; b++)
        map_path(h, m, b, side);
    if (side >= 14 && m->rows * m->cols <= 4096)
        map_digits(h, m, side);
    html_raw(h, "</svg></div>\n");
}

static void layers(struct page *p, int i)
{
    struct html *h = &p->h;
    const struct report_run *r = &p->more[i];
    const struct loom_store_run *run = p->row[i].run;
    if (r->why.text[0]) {
        html_raw(h, "<h3>layers</h3>\n");
        html_element(h, "p", "bad", r->why.text);
    }
    if (!r->layer)
        return;
    html_printf(h, "<h3>Layers of the best point, epoch %d</h3>\n",
                run->best_epoch);
    layer_table(h, r);
    if (r->n_maps)
        map_legend(h);
    for (int k = 0; k < r->n_maps; k++)
        draw_map(h, &r->map[k]);
}

/* ---- builds ---- */

static double number(const json_t *report, const char *group, const char *key)
{
    const json_t *v =
        json_object_get(group ? json_object_get(report, group) : report, key);
    return json_is_number(v) && json_number_value(v) >= 0 ? json_number_value(v)
                                                          : (double)NAN;
}

static void cells(struct html *h, const json_t *j, const char *group,
                  bool guess)
{
    static const char *const key[] = {"lut4", "ff", "carry", "lc"};
    char text[FORMAT_CHARS], cell[FORMAT_CHARS + 2];
    for (int k = 0; k < 4; k++) {
        double v = number(j, group, key[k]);
        snprintf(cell, sizeof cell, "%s%s", guess && isfinite(v) ? "~" : "",
                 format_count(v, text));
        number_cell(h, guess ? "guess" : "measured", cell);
    }
}

static void build_rows(struct html *h, const struct loom_store_build *b)
{
    json_t *j = json_loads(b->report, 0, NULL);
    char v[FORMAT_CHARS];
    double ns = number(j, NULL, "latency_ns"),
           mhz = number(j, NULL, "fmax_mhz");
    html_printf(h, "<tr><td>%d</td>", b->epoch);
    html_element(h, "td", NULL, b->device);
    html_element(h, "td", strcmp(b->state, "done") ? "bad" : NULL, b->state);
    html_raw(h, "<td>measured</td>");
    cells(h, j, "cells", false);
    html_printf(h,
                isfinite(mhz) ? "<td class='n measured'>%.1f</td>"
                              : "<td class='n'>—</td>",
                mhz);
    number_cell(h, "", format_count(number(j, NULL, "latency_cycles"), v));
    html_printf(
        h, isfinite(ns) ? "<td class='n'>%.0f</td>" : "<td class='n'>—</td>",
        ns);
    double vectors = number(j, "verify", "vectors"),
           wrong = number(j, "verify", "mismatches");
    if (isfinite(vectors) && isfinite(wrong))
        html_printf(h, "<td class='n'>%.0f / %.0f</td>", vectors - wrong,
                    vectors);
    else
        html_raw(h, "<td class='n'>—</td>");
    html_raw(h, "</tr>\n");
    if (json_object_get(j, "predicted")) {
        html_raw(h, "<tr><td></td><td></td><td></td>"
                    "<td class='guess'>predicted</td>");
        cells(h, j, "predicted", true);
        html_raw(h, "<td></td><td></td><td></td><td></td></tr>\n");
    }
    json_decref(j);
}

static void builds(struct html *h, const struct report_run *r)
{
    static const char *const names[] = {
        "epoch", "device", "state",    "",       "LUT4",       "FF",
        "carry", "LC",     "Fmax MHz", "cycles", "latency ns", "bit-exact"};
    if (!r->n_builds)
        return;
    html_raw(h, "<h3>Builds</h3>\n");
    heads(h, names, 12, 4);
    for (size_t i = 0; i < r->n_builds; i++)
        build_rows(h, &r->build[i]);
    html_raw(h, table_end);
    html_raw(h, "<p class='dim'><span class='measured'>Measured</span> by "
                "synthesis, place and route; <span class='guess'>~predicted"
                "</span> before the tools ran.</p>\n");
}

/* ---- the page ---- */

static void front_table(struct html *h, const struct report_run *r,
                        const struct loom_store_run *run)
{
    static const char *const names[] = {"epoch", "EBOPs", "metric", ""};
    char v[FORMAT_CHARS];
    if (!r->n_points)
        return;
    html_raw(h, "<h3>Front</h3>\n");
    heads(h, names, 4, 1);
    for (size_t i = 0; i < r->n_points; i++) {
        html_printf(h, "<tr><td>%d</td>", r->point[i].epoch);
        number_cell(h, "", format_count(r->point[i].ebops, v));
        number_cell(h, "", format_value(r->point[i].val_metric, v));
        html_printf(h, "<td>%s</td></tr>\n",
                    r->point[i].epoch == run->best_epoch ? "best" : "");
    }
    html_raw(h, table_end);
}

static void one_run(struct page *p, int i)
{
    struct html *h = &p->h;
    const struct loom_store_run *run = p->row[i].run;
    html_element(h, "h2", NULL, run->id);
    layers(p, i);
    builds(h, &p->more[i]);
    front_table(h, &p->more[i], run);
    html_raw(h, "<h3>Script <span class='dim'>");
    html_text(h, run->script);
    html_raw(h, "</span></h3>\n");
    html_element(h, "pre", NULL, run->script_text);
    html_raw(h, "<h3>Settings</h3>\n");
    html_element(h, "pre", NULL, run->settings);
    html_raw(h, "\n");
}

static void head(struct page *p)
{
    struct html *h = &p->h;
    html_raw(h, "<!DOCTYPE html>\n<html lang='en'>\n<head>\n"
                "<meta charset='utf-8'/>\n<meta name='viewport' "
                "content='width=device-width, initial-scale=1'/>\n"
                "<meta name='color-scheme' content='light dark'/>\n<title>");
    for (int i = 0; i < p->n && i < 4; i++) {
        html_raw(h, i ? ", " : "");
        html_text(h, p->row[i].run->id);
    }
    html_raw(h, p->n > 4 ? ", … – bitloom</title>\n<style>\n"
                         : " – bitloom</title>\n<style>\n");
    html_raw(h, style);
    html_raw(h, "</style>\n</head>\n<body>\n<h1>");
    for (int i = 0; i < p->n; i++) {
        html_raw(h, i ? ", " : "");
        html_text(h, p->row[i].run->id);
    }
    html_raw(h, "</h1>\n");
}

char *report_make(const struct filter_row *row, const struct report_run *more,
                  int n)
{
    struct page p = {.row = row, .more = more, .n = n};
    p.label = loom_calloc((size_t)n, sizeof *p.label);
    for (int i = 0; i < n && n > 1; i++)
        snprintf(p.label[i], sizeof p.label[i], "%d", i + 1);
    head(&p);
    html_raw(&p.h, "<p class='dim'>written by bitloom " LOOM_VERSION "</p>\n");
    summary(&p);
    curves(&p);
    for (int i = 0; i < n; i++)
        one_run(&p, i);
    html_raw(&p.h, "</body>\n</html>\n");
    free(p.label);
    return p.h.text;
}
