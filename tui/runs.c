#include "tui/runs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/plot.h"
#include "tui/runs_plot.h"

static const struct {
    const char *mark;
    enum style style;
} states[] = {
    [LOOM_RUN_RUNNING] = {"▶", STYLE_GOOD},
    [LOOM_RUN_DONE] = {"✔", STYLE_GOOD},
    [LOOM_RUN_STOPPED] = {"‖", STYLE_WARN},
    [LOOM_RUN_FAILED] = {"✘", STYLE_ERROR},
    [LOOM_RUN_LOST] = {"?", STYLE_WARN},
};

/* ---- where things are ---- */

/* Height of the table's box; the other gets the rest. */
static int table_height(const struct ui *ui)
{
    int h = ui->h - 2;
    if (h < 14)
        return h;
    int least = h * 2 / 5 > 9 ? h * 2 / 5 : 9;
    int need = (ui->runs && ui->runs->data ? (int)ui->runs->data->n : 0) + 3;
    return need < h - least ? (need > 6 ? need : 6) : h - least;
}

int runs_page(const struct ui *ui)
{
    int rows = table_height(ui) - 3;
    return rows > 1 ? rows : 1;
}

int runs_first(const struct ui *ui)
{
    int at = runs_list_at(ui->runs), rows = runs_page(ui), n = ui->runs->n;
    int first = at - rows / 2;
    first = first + rows > n ? n - rows : first;
    return first > 0 ? first : 0;
}

/* ---- the table ---- */

enum {
    COL_ID,
    COL_KIND,
    COL_METRIC,
    COL_EBOPS,
    COL_LUT4,
    COL_LC,
    COL_FMAX,
    COL_EPOCHS,
    COL_SEED,
    COL_STARTED,
    COL_SPARK,
    COL_TAGS,
    COLUMNS
};

static const struct {
    const char *name, *title;
    int w, least; /* columns; of a table of at least this width */
    bool right;
} column[COLUMNS] = {
    [COL_ID] = {"run", "run", 12, 0, false},
    [COL_KIND] = {"kind", "", 9, 108, false}, /* the metric's name */
    [COL_METRIC] = {"metric", "metric", 7, 0, true},
    [COL_EBOPS] = {"ebops", "EBOPs", 6, 0, true},
    [COL_LUT4] = {"lut4", "LUT4", 6, 44, true},
    [COL_LC] = {"lc", "LC", 6, 108, true},
    [COL_FMAX] = {"fmax", "Fmax", 5, 50, true},
    [COL_EPOCHS] = {"epochs", "epochs", 6, 64, true},
    [COL_SEED] = {"seed", "seed", 6, 108, true},
    [COL_STARTED] = {"started", "started", 16, 94, false},
    [COL_SPARK] = {"curve", "val loss", 20, 130, false},
    [COL_TAGS] = {"tags", "tags", 0, 50, false}, /* takes what is left */
};

enum { LEFT = 6 }; /* columns of cursor, mark and state */

const char *runs_column(int i)
{
    return i < COLUMNS ? column[i].name : NULL;
}

bool runs_columns_read(const char *text, unsigned *bits, const char **wrong)
{
    *bits = 0;
    for (const char *p = text; *(p += strspn(p, " ,"));) {
        size_t n = strcspn(p, " ,");
        int i = 0;
        while (i < COLUMNS && (strncmp(column[i].name, p, n) != 0 ||
                               column[i].name[n]))
            i++;
        *wrong = p;
        if (i == COLUMNS)
            return false;
        *bits |= 1u << i;
        p += n;
    }
    return true;
}

/* Those that were chosen, else those that there is room for. */
static bool shown(const struct runs_list *l, int i, int w)
{
    return l->columns ? l->columns & 1u << i : w >= column[i].least;
}

static int tags_width(const struct runs_list *l, int w)
{
    int used = LEFT;
    for (int i = 0; i < COL_TAGS; i++)
        if (shown(l, i, w))
            used += column[i].w + 1;
    return w - used - 1;
}

/* The name of the metric, where all that are shown have the same. */
static const char *common_metric(const struct runs_list *l)
{
    for (int i = 1; i < l->n; i++)
        if (strcmp(runs_list_row(l, i)->run->metric,
                   runs_list_row(l, 0)->run->metric) != 0)
            return "metric";
    return l->n && runs_list_row(l, 0)->run->metric[0]
               ? runs_list_row(l, 0)->run->metric
               : "metric";
}

/* What was measured, else a "~" and what was predicted. */
static enum style cells_text(double measured, double predicted, char buf[64])
{
    char n[FORMAT_CHARS];
    bool guess = !isfinite(measured) && isfinite(predicted);
    snprintf(buf, 64, "%s%s", guess ? "~" : "",
             format_count(guess ? predicted : measured, n));
    return guess                ? STYLE_ESTIMATE
           : isfinite(measured) ? STYLE_MEASURED
                                : STYLE_DIM;
}

static enum style cell_text(const struct filter_row *row, int col, char buf[64])
{
    static const struct loom_store_cost none = {.lut4 = (double)NAN,
                                                .lc = (double)NAN,
                                                .fmax_mhz = (double)NAN,
                                                .predicted_lut4 = (double)NAN,
                                                .predicted_lc = (double)NAN};
    const struct loom_store_run *r = row->run;
    const struct loom_store_cost *c = row->cost ? row->cost : &none;
    char n[FORMAT_CHARS];
    bool best = r->best_epoch > 0;
    switch (col) {
    case COL_ID:
        snprintf(buf, 64, "%.63s", r->id);
        return STYLE_PLAIN;
    case COL_KIND:
        snprintf(buf, 64, "%s", r->metric);
        return STYLE_DIM;
    case COL_METRIC:
        format_value(best ? r->best_metric : (double)NAN, n);
        snprintf(buf, 64, "%s", n);
        return STYLE_PLAIN;
    case COL_EBOPS:
        format_count(best ? r->best_ebops : (double)NAN, n);
        snprintf(buf, 64, "%s", n);
        return STYLE_PLAIN;
    case COL_LUT4:
        return cells_text(c->lut4, c->predicted_lut4, buf);
    case COL_LC:
        return cells_text(c->lc, c->predicted_lc, buf);
    case COL_FMAX:
        snprintf(buf, 64, isfinite(c->fmax_mhz) ? "%.1f" : "—", c->fmax_mhz);
        return isfinite(c->fmax_mhz) ? STYLE_MEASURED : STYLE_DIM;
    case COL_EPOCHS:
        snprintf(buf, 64, "%d", r->epochs);
        return STYLE_PLAIN;
    case COL_SEED:
        snprintf(buf, 64, "%llu", (unsigned long long)r->seed);
        return STYLE_PLAIN;
    case COL_STARTED:
        runs_time_text(r->started, buf);
        return STYLE_PLAIN;
    case COL_TAGS:
        snprintf(buf, 64, "%.63s", r->tags);
        return STYLE_PLAIN;
    default:
        buf[0] = 0;
        return STYLE_PLAIN;
    }
}

static void draw_cell(struct area a, int x, int y, int w, int col, enum style s,
                      const char *text)
{
    if (column[col].right && text_width(text) <= w)
        area_right(a, x + w, y, s, "%s", text);
    else
        area_fit(a, x, y, w, s, text);
}

static void table_titles(struct area a, const struct runs_list *l)
{
    int x = LEFT;
    for (int i = 0; i < COLUMNS; i++) {
        int w = i == COL_TAGS ? tags_width(l, a.w) : column[i].w;
        if (!shown(l, i, a.w) || w < 1)
            continue;
        draw_cell(a, x, 0, w, i, STYLE_DIM,
                  i == COL_METRIC ? common_metric(l) : column[i].title);
        x += w + 1;
    }
}

static void table_row(struct area a, int y, const struct runs_list *l,
                      const struct filter_row *row, bool selected)
{
    int x = LEFT;
    char text[64];
    const struct loom_store_run *r = row->run;
    const struct runs_spark *spark = runs_list_spark(l, r->id);
    area_text(a, 0, y, STYLE_KEY, selected ? "▸" : "");
    area_text(a, 2, y, STYLE_KEY, runs_list_marked(l, r->id) ? "●" : "");
    area_text(a, 4, y, states[r->state].style, states[r->state].mark);
    for (int i = 0; i < COLUMNS; i++) {
        int w = i == COL_TAGS ? tags_width(l, a.w) : column[i].w;
        if (!shown(l, i, a.w) || w < 1)
            continue;
        enum style s = cell_text(row, i, text);
        if (i == COL_SPARK && spark)
            plot_spark(area_sub(a, x, y, w, 1), spark->y, spark->n,
                       STYLE_TRAIN);
        else
            draw_cell(a, x, y, w, i,
                      selected && s == STYLE_PLAIN ? STYLE_BOLD : s, text);
        x += w + 1;
    }
}

static void draw_table(struct area a, const struct ui *ui)
{
    const struct runs_list *l = ui->runs;
    int first = runs_first(ui), at = runs_list_at(l);
    if (!l->n) {
        area_wrap(area_sub(a, 2, 1, a.w - 4, a.h - 1), 0, STYLE_PLAIN,
                  l->data->n ? "No run passes the filter.\n\n"
                               "/ changes it, Esc clears it."
                             : "No run yet.\n\nEnter on Dash runs a script; "
                               "so does bitloom run SCRIPT.lua.");
        return;
    }
    table_titles(a, l);
    area_spot(area_sub(a, 0, 1, a.w, a.h - 1), SPOT_ROWS, first);
    for (int i = 0; i < a.h - 1 && first + i < l->n; i++)
        table_row(a, i + 1, l, runs_list_row(l, first + i), first + i == at);
}

static struct area table_box(struct area a, const struct runs_list *l)
{
    char title[RUNS_FILTER + 16], note[96];
    snprintf(title, sizeof title, "runs%s%s", l->filter_text[0] ? "  / " : "",
             l->filter_text);
    if (text_width(title) > a.w - 34)
        snprintf(title, sizeof title, "runs  / …");
    int at = runs_list_at(l) + 1;
    int n = l->n ? snprintf(note, sizeof note, "%d of %d", at, l->n)
                 : snprintf(note, sizeof note, "none");
    if ((size_t)l->n != l->data->n)
        n += snprintf(note + n, sizeof note - (size_t)n, " (%zu)", l->data->n);
    if (l->n_marks)
        n += snprintf(note + n, sizeof note - (size_t)n, "  ●%d", l->n_marks);
    snprintf(note + n, sizeof note - (size_t)n, "  %s %s",
             runs_sort_name(l->sort), l->reverse ? "↑" : "↓");
    return area_box(a, true, title, note);
}

/* ---- the run at the cursor ---- */

enum { NAME = 10 };

static int fact(struct area a, int y, const char *name, enum style s,
                const char *text)
{
    if (!*text || y >= a.h)
        return y;
    area_text(a, 0, y, STYLE_DIM, name);
    return area_wrap(area_sub(a, NAME, 0, a.w - NAME, a.h), y, s, text);
}

static void best_text(const struct loom_store_run *r, char *buf, size_t n)
{
    char v[RUNS_CELL], e[FORMAT_CHARS];
    if (r->best_epoch)
        snprintf(buf, n, "%s %s, %s EBOPs, epoch %d; %d on the front",
                 r->metric, runs_metric_text(r, r->best_metric, v),
                 format_count(r->best_ebops, e), r->best_epoch, r->n_points);
    else
        snprintf(buf, n, "no point yet");
}

static int cost_facts(struct area a, int y, const struct loom_store_cost *c)
{
    char lut4[64], lc[64], text[200];
    if (!c)
        return y;
    cells_text(c->lut4, (double)NAN, lut4);
    cells_text(c->lc, (double)NAN, lc);
    int n = snprintf(text, sizeof text, "%s LUT4, %s LC", lut4, lc);
    if (isfinite(c->fmax_mhz))
        n += snprintf(text + n, sizeof text - (size_t)n, ", %.1f MHz",
                      c->fmax_mhz);
    snprintf(text + n, sizeof text - (size_t)n, ", epoch %d, %s", c->epoch,
             c->device);
    y = fact(a, y, "measured", STYLE_MEASURED, text);
    if (!isfinite(c->predicted_lut4) && !isfinite(c->predicted_lc))
        return y;
    cells_text((double)NAN, c->predicted_lut4, lut4);
    cells_text((double)NAN, c->predicted_lc, lc);
    snprintf(text, sizeof text, "%s LUT4, %s LC", lut4, lc);
    return fact(a, y, "predicted", STYLE_ESTIMATE, text);
}

/* "muon-001 > muon-004 > this; 2 runs go on from it" */
static void lineage_text(const struct runs_list *l,
                         const struct loom_store_run *r, char *buf, size_t n)
{
    const char *chain[4];
    int depth = 0, children = 0;
    size_t at = 0;
    for (const char *id = r->parent; *id && depth < 4 && strcmp(id, r->id);) {
        int i = runs_data_find(l->data, id);
        chain[depth++] = id;
        id = i >= 0 ? l->data->run[i].parent : "";
    }
    for (size_t i = 0; i < l->data->n; i++)
        children += !strcmp(l->data->run[i].parent, r->id);
    buf[0] = 0;
    for (int i = depth - 1; i >= 0 && at < n; i--)
        at += (size_t)snprintf(buf + at, n - at, "%s > ", chain[i]);
    if (depth && at < n)
        at += (size_t)snprintf(buf + at, n - at, "this");
    if (children && at < n)
        snprintf(buf + at, n - at, "%s%d %s from it", depth ? "; " : "",
                 children, children == 1 ? "run goes on" : "runs go on");
}

static void settings_text(json_t *settings, char *buf, size_t n)
{
    const char *key;
    json_t *value;
    size_t at = 0;
    buf[0] = 0;
    json_object_foreach(settings, key, value)
    {
        char *text =
            runs_setting_empty(value) ? NULL : runs_setting_text(value);
        if (text && at < n)
            at += (size_t)snprintf(buf + at, n - at, "%s%s %s", at ? ", " : "",
                                   key, text);
        free(text);
    }
}

static int draw_facts(struct area a, int y, const struct runs_list *l,
                      const struct filter_row *row)
{
    const struct loom_store_run *r = row->run;
    char text[500], when[24], v[FORMAT_CHARS];
    if (r->reason[0])
        y = fact(a, y, "why", STYLE_ERROR, r->reason);
    best_text(r, text, sizeof text);
    y = fact(a, y, "best", STYLE_PLAIN, text);
    y = cost_facts(a, y, row->cost);
    settings_text(row->settings, text, sizeof text);
    y = fact(a, y, "settings", STYLE_PLAIN, text);
    y = fact(a, y, "note", STYLE_PLAIN, r->note);
    y = fact(a, y, "tags", STYLE_PLAIN, r->tags);
    lineage_text(l, r, text, sizeof text);
    y = fact(a, y, "lineage", STYLE_PLAIN, text);
    snprintf(text, sizeof text, "%s%s%s", runs_time_text(r->started, when),
             isfinite(r->ended) ? ", took " : "",
             isfinite(r->ended) ? format_seconds(r->ended - r->started, v)
                                : "");
    y = fact(a, y, "started", STYLE_PLAIN, text);
    snprintf(text, sizeof text, "%llu, data %08x, bitloom %s",
             (unsigned long long)r->seed, r->data_hash, r->version);
    y = fact(a, y, "seed", STYLE_PLAIN, text);
    y = fact(a, y, "script", STYLE_PLAIN, r->script);
    return fact(a, y, "folder", STYLE_PLAIN, r->dir);
}

enum { PLOTTED = 400 };

static void draw_loss(struct area a, const struct runs_more *m)
{
    static const char *const none = "no epoch yet";
    float x[PLOTTED], loss[PLOTTED], val[PLOTTED];
    size_t n = m->n_epochs < PLOTTED ? m->n_epochs : PLOTTED;
    struct plot_axes ax;
    for (size_t i = 0; i < n; i++) {
        const struct loom_store_epoch *e =
            &m->epoch[n > 1 ? i * (m->n_epochs - 1) / (n - 1) : 0];
        x[i] = (float)e->epoch;
        loss[i] = (float)e->loss;
        val[i] = (float)e->val_loss;
    }
    const struct plot_line line[] = {
        {x, loss, (int)n, STYLE_TRAIN, false},
        {x, val, (int)n, STYLE_VAL, true},
    };
    if (plot_line_axes(line, 2, true, &ax))
        plot_lines(plot_labels(a, &ax, "epoch"), line, 2, &ax);
    else
        area_text(a, 1, 0, STYLE_DIM, none);
}

static void draw_front(struct area a, const struct runs_more *m,
                       const struct loom_store_run *r)
{
    struct plot_mark mark[PLOTTED];
    struct plot_axes ax;
    int n = 0;
    for (size_t i = 0; i < m->n_points && n < PLOTTED; i++) {
        const struct loom_store_point *p = &m->point[i];
        bool built = false;
        for (size_t k = 0; k < m->n_builds; k++)
            built |= m->build[k].epoch == p->epoch &&
                     !strcmp(m->build[k].state, "done");
        mark[n++] = (struct plot_mark){p->ebops, p->val_metric,
                                       p->epoch == r->best_epoch ? STYLE_GOOD
                                                                 : STYLE_VAL,
                                       built ? U'◆' : U'•'};
    }
    if (plot_mark_axes(mark, n, &ax))
        plot_marks(plot_labels(a, &ax, "EBOPs"), mark, n, &ax);
    else
        area_text(a, 1, 0, STYLE_DIM, "no point on the front yet");
}

/* "✔ 12 ice40-hx8k-ct256 of epoch 24  2026-11-23 17:21" a row. */
static void draw_builds(struct area a, const struct runs_more *m)
{
    char when[24];
    for (int i = 0; i < (int)m->n_builds && i < a.h; i++) {
        const struct loom_store_build *b = &m->build[i];
        bool done = !strcmp(b->state, "done"),
             runs = !strcmp(b->state, "running");
        area_text(a, 0, i, done || runs ? STYLE_GOOD : STYLE_ERROR,
                  runs   ? "▶"
                  : done ? "✔"
                         : "✘");
        area_printf(a, 2, i, STYLE_PLAIN, "%s of epoch %d, %s  %s", b->device,
                    b->epoch, b->state, runs_time_text(b->started, when));
    }
    if (!m->n_builds)
        area_text(a, 0, 0, STYLE_DIM, "no build yet");
}

/* Boxes of curves at the right of the facts, or below them. */
static void draw_plots(struct area a, const struct runs_list *l,
                       const struct loom_store_run *r, bool builds)
{
    const struct runs_more *m = l->more;
    char title[96];
    bool here = m && !strcmp(m->id, r->id);
    int n = a.w >= 76 ? 2 : 1, low = builds && a.h >= 14 ? 7 : 0;
    struct area loss = area_sub(a, 0, 0, a.w / n, (a.h - low) / (3 - n));
    struct area front = n == 2
                            ? area_sub(a, a.w / 2, 0, a.w - a.w / 2, a.h - low)
                            : area_sub(a, 0, loss.h, a.w, a.h - low - loss.h);
    snprintf(title, sizeof title, "%s %s EBOPs ←", r->metric,
             r->lower_is_better ? "↓" : "↑");
    struct area in = area_box(loss, false, "loss", "train ── val ┄┄");
    if (here)
        draw_loss(in, m);
    in = area_box(front, false, title, NULL);
    if (here)
        draw_front(in, m, r);
    if (!low)
        return;
    in = area_box(area_sub(a, 0, a.h - low, a.w, low), false, "builds", NULL);
    if (here)
        draw_builds(area_sub(in, 1, 0, in.w - 2, in.h), m);
}

static void draw_selected(struct area a, const struct ui *ui)
{
    const struct runs_list *l = ui->runs;
    const struct filter_row *row = runs_list_selected(l);
    char title[96];
    if (!row) {
        area_box(a, ui->full, "no run", NULL);
        return;
    }
    const struct loom_store_run *r = row->run;
    bool wide = a.w >= 110 && a.h >= 8, tall = !wide && a.h >= 30;
    struct area left = wide   ? area_sub(a, 0, 0, a.w / 2 - 6, a.h)
                       : tall ? area_sub(a, 0, 0, a.w, a.h - 15)
                              : a;
    snprintf(title, sizeof title, "%s %s %s", states[r->state].mark, r->id,
             loom_run_state_word(r->state));
    struct area in = area_box(left, ui->full, title, NULL);
    int y = draw_facts(area_sub(in, 1, 0, in.w - 2, in.h), 0, l, row);
    if (wide)
        draw_plots(area_sub(a, left.w, 0, a.w - left.w, a.h), l, r, true);
    else if (tall)
        draw_plots(area_sub(a, 0, left.h, a.w, 15), l, r, false);
    else if (in.h - y >= 7)
        draw_plots(area_sub(in, 0, y, in.w, in.h - y), l, r, false);
}

/* ---- compare ---- */

static void compare_row(struct area a, int y, const char *key,
                        const struct runs_compare_row *row, int n, int w)
{
    area_fit(a, 1, y, 13, STYLE_DIM, key);
    for (int i = 0; i < n; i++)
        area_fit(a, 15 + i * (w + 1), y, w,
                 row->differs ? STYLE_BOLD : STYLE_PLAIN,
                 row->cell[i][0] ? row->cell[i] : "—");
}

static void draw_compare(struct area a, const struct ui *ui)
{
    const struct filter_row *mark[RUNS_MARKS];
    struct filter_row row[RUNS_MARKS];
    struct runs_compare c;
    int n = runs_list_marks(ui->runs, mark), y = 1, same = 0;
    for (int i = 0; i < n; i++)
        row[i] = *mark[i];
    struct area in = area_box(a, ui->full, "compare ●", "only what differs");
    if (n < 2) {
        area_wrap(area_sub(in, 1, 0, in.w - 2, in.h), 0, STYLE_PLAIN,
                  "Space marks runs; two or more are compared.");
        return;
    }
    runs_compare_make(&c, row, n);
    int w = (in.w - 16) / n - 1;
    w = w < 12 ? 12 : w > 24 ? 24 : w;
    for (int i = 0; i < n; i++)
        area_fit(in, 15 + i * (w + 1), 0, w, STYLE_KEY, row[i].run->id);
    for (int k = 0; k < c.n_rows; k++) {
        if (c.row[k].differs && y < in.h)
            compare_row(in, y++, c.row[k].key, &c.row[k], n, w);
        same += !c.row[k].differs;
    }
    if (y < in.h)
        area_printf(in, 1, y, STYLE_DIM, "%d more are the same", same);
    runs_compare_free(&c);
}

/* ---- the screen ---- */

/* What there is to say while there is no list; NULL: there is one. */
static const char *why_nothing(const struct runs_list *l)
{
    if (!l || (l->state == RUNS_LOADING && !l->data))
        return "… reading the runs";
    return l->state == RUNS_NO_STORE || l->state == RUNS_ERROR ? l->error.text
                                                               : NULL;
}

void runs_draw(struct area all, const struct ui *ui)
{
    const struct runs_list *l = ui->runs;
    struct area body = ui_body(all);
    const char *nothing = why_nothing(l);
    if (nothing) {
        bool bad = l && l->state == RUNS_ERROR;
        struct area in = area_box(
            body, true, bad ? "✘ the runs cannot be read" : "runs", NULL);
        area_wrap(area_sub(in, 2, 1, in.w - 4, in.h - 1), 0,
                  bad ? STYLE_ERROR : STYLE_PLAIN, nothing);
        return;
    }
    static void (*const panes[])(struct area, const struct ui *) = {
        draw_selected, runs_plot_front, runs_plot_parallel};
    void (*lower)(struct area, const struct ui *) =
        l->compare ? draw_compare : panes[l->pane];
    if (ui->full) {
        lower(body, ui);
        return;
    }
    int h = table_height(ui);
    draw_table(table_box(area_sub(body, 0, 0, body.w, h), l), ui);
    if (h < body.h)
        lower(area_sub(body, 0, h, body.w, body.h - h), ui);
}
