#include "tui/builds.h"

#include <stdio.h>
#include <string.h>

#include "tui/builds_pane.h"
#include "tui/format.h"

int builds_count(const struct ui *ui)
{
    return ui->view->n_builds + ui->n_past;
}

const struct loom_build_view *builds_get(const struct ui *ui, int i)
{
    int n = ui->view->n_builds;
    return i < n ? &ui->view->build[i] : &ui->past[i - n];
}

const char *builds_name(const struct loom_build_view *b, char buf[48])
{
    if (b->id > 0)
        snprintf(buf, 48, "b-%d", b->id);
    else
        snprintf(buf, 48, "%.31s@%d", b->name, builds_epoch(b));
    return buf;
}

int builds_selected(const struct ui *ui)
{
    int n = builds_count(ui);
    for (int i = 0; i < n; i++)
        if (builds_get(ui, i)->id == ui->build_id)
            return i;
    return n > 0 ? 0 : -1;
}

const struct loom_build_view *builds_now(const struct ui *ui)
{
    int at = builds_selected(ui);
    return at < 0 ? NULL : builds_get(ui, at);
}

/* The newest that is done: what Layers shows cells of. */
static const struct loom_build_view *newest_done(const struct ui *ui)
{
    const struct loom_view *v = ui->view;
    for (int i = 0; i < v->n_builds; i++)
        if (v->build[i].state == LOOM_BUILD_DONE)
            return &v->build[i];
    return NULL;
}

void builds_watch(struct ui *ui)
{
    struct builds_wanted *w = &ui->builds.wanted;
    const struct loom_build_view *b =
        ui->screen == SCREEN_BUILDS   ? builds_now(ui)
        : ui->screen == SCREEN_LAYERS ? newest_done(ui)
                                      : NULL;
    snprintf(w->dir, sizeof w->dir, "%s", b ? b->dir : "");
    w->live = b && b->state == LOOM_BUILD_RUNNING;
}

/* The log where it has the whole screen, else the selection. */
void builds_move(struct ui *ui, long rows, long cols)
{
    int n = builds_count(ui);
    long at = builds_selected(ui) + rows, most = 0;
    (void)cols;
    if (ui->full && ui->builds.pane == BUILDS_LOG) {
        most = builds_log_rows(ui) - 1;
        at = ui->builds.back - rows;
        ui->builds.back = at < 0 || most < 0 ? 0 : at < most ? at : most;
    } else if (n) {
        ui->build_id =
            builds_get(ui, (int)(at < 0 ? 0 : at < n ? at : n - 1))->id;
        ui->builds.back = ui->builds.hit = 0;
    }
}

int builds_page(const struct ui *ui)
{
    return ui->h - 4;
}

const struct loom_build_view *builds_current(const struct loom_view *v)
{
    for (int i = 0; i < v->n_builds; i++)
        if (v->build[i].state == LOOM_BUILD_RUNNING)
            return &v->build[i];
    return v->n_builds > 0 ? &v->build[0] : NULL;
}

static const struct {
    const char *mark, *word;
    enum style style;
} states[] = {
    [LOOM_BUILD_QUEUED] = {"·", "waits", STYLE_DIM},
    [LOOM_BUILD_RUNNING] = {"▶", "running", STYLE_GOOD},
    [LOOM_BUILD_DONE] = {"✔", "done", STYLE_GOOD},
    [LOOM_BUILD_FAILED] = {"✘", "failed", STYLE_ERROR},
    [LOOM_BUILD_CANCELLED] = {"✘", "cancelled", STYLE_DIM},
};

const char *builds_mark(const struct loom_build_view *b)
{
    return states[b->state].mark;
}

enum style builds_style(const struct loom_build_view *b)
{
    return states[b->state].style;
}

const char *builds_stage(const struct loom_build_view *b, char *buf, size_t n)
{
    const char *phase = loom_phase_word(b->phase);
    if (b->state == LOOM_BUILD_RUNNING && b->fraction >= 0)
        snprintf(buf, n, "%s %2.0f%%", phase, 100 * (double)b->fraction);
    else if (b->state == LOOM_BUILD_RUNNING)
        snprintf(buf, n, "%s", phase);
    else if (b->state == LOOM_BUILD_FAILED)
        snprintf(buf, n, "%s failed", phase);
    else
        snprintf(buf, n, "%s", states[b->state].word);
    return buf;
}

int builds_epoch(const struct loom_build_view *b)
{
    const char *slash = strrchr(b->dir, '/');
    int epoch;
    return sscanf(slash ? slash + 1 : b->dir, "build-%d-", &epoch) == 1 ? epoch
                                                                        : -1;
}

float builds_seconds(const struct loom_build_view *b)
{
    float sum = 0;
    for (int i = 0; i < LOOM_N_PHASES; i++)
        sum += b->seconds[i];
    return sum;
}

/* Cells used of those the device has. */

static void usage_row(struct area a, int y, const char *name, int measured,
                      int predicted, int available)
{
    char n[FORMAT_CHARS];
    int best = measured >= 0 ? measured : predicted;
    int bar = a.w - 24 < 40 ? a.w - 24 : 40;
    int x = 6 + (bar >= 3 ? bar : -1);
    area_text(a, 0, y, STYLE_PLAIN, name);
    if (bar >= 3)
        area_bar(a, 6, y, bar,
                 available > 0 && best >= 0 ? (double)best / available : 0,
                 measured < 0);
    if (available > 0 && best >= 0)
        area_right(a, x + 5, y, STYLE_PLAIN, "%.0f%%",
                   100.0 * best / available);
    if (measured >= 0)
        area_right(a, x + 11, y, STYLE_MEASURED, "%s",
                   format_count(measured, n));
    else
        area_right(a, x + 11, y, STYLE_DIM, "—");
    if (predicted >= 0)
        area_right(a, x + 18, y, STYLE_ESTIMATE, "~%s",
                   format_count(predicted, n));
}

int builds_usage(struct area a, int y, const struct loom_build_view *b)
{
    int all = b->lc_available;
    usage_row(a, y++, "LUT4", b->lut4, b->predicted_lut4, all);
    usage_row(a, y++, "FF", b->ff, b->predicted_ff, all);
    usage_row(a, y++, "carry", b->carry, b->predicted_carry, all);
    usage_row(a, y++, "LC", b->lc, b->predicted_lc, all);
    return y;
}

/* The table. */

struct column {
    const char *title;
    int w, least; /* columns; of a screen of at least this width */
    bool right;
};

enum {
    COL_ID,
    COL_NAME,
    COL_EPOCH,
    COL_DEVICE,
    COL_STAGE,
    COL_LUT4,
    COL_FF,
    COL_CARRY,
    COL_LC,
    COL_FMAX,
    COL_TARGET,
    COL_LATENCY,
    COL_VECTORS,
    COL_TIME,
    COLUMNS
};

static const struct column column[COLUMNS] = {
    [COL_ID] = {"id", 5, 0, false},
    [COL_NAME] = {"network", 0, 0, false}, /* takes what is left */
    [COL_EPOCH] = {"epoch", 5, 66, true},
    [COL_DEVICE] = {"device", 16, 86, false},
    [COL_STAGE] = {"state", 14, 0, false},
    [COL_LUT4] = {"LUT4", 6, 110, true},
    [COL_FF] = {"FF", 6, 110, true},
    [COL_CARRY] = {"carry", 6, 110, true},
    [COL_LC] = {"LC", 6, 50, true},
    [COL_FMAX] = {"Fmax MHz", 8, 50, true},
    [COL_TARGET] = {"target", 6, 110, true},
    [COL_LATENCY] = {"cycles", 6, 120, true},
    [COL_VECTORS] = {"bit-exact", 11, 120, true},
    [COL_TIME] = {"time", 6, 58, true},
};

static int name_width(int w)
{
    int used = 4;
    for (int i = 0; i < COLUMNS; i++)
        if (i != COL_NAME && w >= column[i].least)
            used += column[i].w + 1;
    return w - used - 1 < 40 ? w - used - 1 : 40;
}

static void count_or_dash(int n, char *buf)
{
    if (n >= 0)
        format_count(n, buf);
    else
        strcpy(buf, "—");
}

static void cell_text(const struct loom_build_view *b, int col, char buf[64])
{
    buf[0] = 0;
    switch (col) {
    case COL_ID:
        if (b->id > 0)
            snprintf(buf, 64, "b-%d", b->id);
        break;
    case COL_NAME:
        snprintf(buf, 64, "%s", b->name);
        break;
    case COL_EPOCH:
        if (builds_epoch(b) >= 0)
            snprintf(buf, 64, "%d", builds_epoch(b));
        break;
    case COL_DEVICE:
        snprintf(buf, 64, "%s", b->device);
        break;
    case COL_STAGE:
        builds_stage(b, buf, 64);
        break;
    case COL_LUT4:
        count_or_dash(b->lut4, buf);
        break;
    case COL_FF:
        count_or_dash(b->ff, buf);
        break;
    case COL_CARRY:
        count_or_dash(b->carry, buf);
        break;
    case COL_LC:
        count_or_dash(b->lc, buf);
        break;
    case COL_FMAX:
        snprintf(buf, 64, b->fmax_mhz >= 0 ? "%.1f" : "—", (double)b->fmax_mhz);
        break;
    case COL_TARGET:
        if (b->clock_mhz > 0)
            snprintf(buf, 64, "%.0f", (double)b->clock_mhz);
        break;
    case COL_LATENCY:
        count_or_dash(b->latency_cycles, buf);
        break;
    case COL_VECTORS:
        if (b->vectors >= 0)
            snprintf(buf, 64, "%ld/%ld", b->vectors - b->mismatches,
                     b->vectors);
        else
            strcpy(buf, "—");
        break;
    case COL_TIME:
        if (builds_seconds(b) > 0)
            format_seconds((double)builds_seconds(b), buf);
        break;
    }
}

/* One row; b NULL: the titles. */
static void table_row(struct area a, int y, const struct loom_build_view *b,
                      bool selected)
{
    int x = 4;
    char text[64];
    if (b) {
        area_text(a, 0, y, STYLE_KEY, selected ? "▸" : "");
        area_text(a, 2, y, builds_style(b), builds_mark(b));
    }
    for (int i = 0; i < COLUMNS; i++) {
        int w = i == COL_NAME ? name_width(a.w) : column[i].w;
        if (a.w < column[i].least || w < 1)
            continue;
        enum style s = !b               ? STYLE_DIM
                       : selected       ? STYLE_BOLD
                       : i == COL_STAGE ? builds_style(b)
                                        : STYLE_PLAIN;
        if (b)
            cell_text(b, i, text);
        else
            snprintf(text, sizeof text, "%s", column[i].title);
        if (column[i].right)
            area_right(a, x + w, y, s, "%s", text);
        else
            area_fit(a, x, y, w, s, text);
        x += w + 1;
    }
}

static void draw_table(struct area a, const struct ui *ui)
{
    int at = builds_selected(ui), rows = a.h - 1;
    int from = at >= rows ? at - rows + 1 : 0;
    table_row(a, 0, NULL, false);
    area_spot(area_sub(a, 0, 1, a.w, rows), SPOT_ROWS, from);
    for (int i = from; i < builds_count(ui) && i - from < rows; i++)
        table_row(a, 1 + i - from, builds_get(ui, i), i == at);
}

/* The selected build. */

static void phase_row(struct area a, int y, const struct loom_build_view *b,
                      int p)
{
    char t[FORMAT_CHARS];
    bool now = p == (int)b->phase && b->state != LOOM_BUILD_DONE &&
               b->state != LOOM_BUILD_QUEUED;
    bool past = b->state == LOOM_BUILD_DONE ||
                (b->state != LOOM_BUILD_QUEUED && p < (int)b->phase);
    area_text(a, 0, y,
              now    ? builds_style(b)
              : past ? STYLE_GOOD
                     : STYLE_DIM,
              now    ? builds_mark(b)
              : past ? "✔"
                     : "·");
    area_text(a, 2, y,
              now    ? STYLE_BOLD
              : past ? STYLE_PLAIN
                     : STYLE_DIM,
              loom_phase_word((enum loom_phase)p));
    if ((past || now) && (b->id > 0 || b->seconds[p] > 0))
        area_right(a, 19, y, STYLE_PLAIN, "%s",
                   format_seconds((double)b->seconds[p], t));
    if (p == LOOM_PHASE_VERIFY && b->vectors >= 0) {
        if (b->mismatches)
            area_printf(a, 21, y, STYLE_ERROR, "%ld of %ld differ",
                        b->mismatches, b->vectors);
        else
            area_printf(a, 21, y, STYLE_GOOD,
                        a.w >= 36 ? "%ld bit-exact" : "%ld", b->vectors);
        return;
    }
    if (!now || b->state != LOOM_BUILD_RUNNING)
        return;
    int x = 21;
    if (b->fraction >= 0) {
        int bar = a.w - x - 6 < 24 ? a.w - x - 6 : 24;
        if (bar >= 4) {
            area_bar(a, x, y, bar, (double)b->fraction, false);
            x += bar;
        }
        x += area_printf(a, x, y, STYLE_PLAIN, " %2.0f%%",
                         100 * (double)b->fraction) +
             2;
    }
    if (a.w - x >= text_width(b->detail))
        area_text(a, x, y, STYLE_DIM, b->detail);
    else if (y + 1 < a.h && p + 1 == LOOM_N_PHASES)
        area_fit(a, 2, y + 1, a.w - 2, STYLE_DIM, b->detail);
}

static int fact(struct area a, int y, const char *name, enum style s,
                const char *text)
{
    area_text(a, 0, y, STYLE_DIM, name);
    return area_wrap(area_sub(a, 11, 0, a.w - 11, a.h), y, s, text);
}

static int draw_results(struct area a, int y, const struct loom_build_view *b)
{
    char text[96];
    if (b->fmax_mhz >= 0) {
        bool met = b->fmax_mhz >= b->clock_mhz;
        if (b->clock_mhz > 0)
            snprintf(text, sizeof text, "%.1f MHz %s %.0f",
                     (double)b->fmax_mhz, met ? "≥" : "<",
                     (double)b->clock_mhz);
        else
            snprintf(text, sizeof text, "%.1f MHz", (double)b->fmax_mhz);
        y = fact(a, y, "Fmax", met ? STYLE_MEASURED : STYLE_WARN, text);
    }
    if (b->latency_cycles >= 0) {
        double mhz = (double)(b->fmax_mhz > 0 ? b->fmax_mhz : b->clock_mhz);
        if (mhz > 0)
            snprintf(text, sizeof text, "%d cycles, %.0f ns", b->latency_cycles,
                     b->latency_cycles * 1e3 / mhz);
        else
            snprintf(text, sizeof text, "%d cycles", b->latency_cycles);
        y = fact(a, y, "latency", STYLE_PLAIN, text);
    }
    return y;
}

static void draw_selected(struct area a, const struct loom_build_view *b)
{
    bool wide = a.w >= 56;
    struct area left = area_sub(a, 1, 0, wide ? a.w / 2 - 2 : a.w - 2, a.h);
    int y = 0;
    if (b->error[0])
        y = area_wrap(area_sub(a, 1, 0, a.w - 2, a.h), 0, STYLE_ERROR,
                      b->error) +
            1;
    int top = y;
    for (int p = 0; p < LOOM_N_PHASES; p++)
        phase_row(left, y++, b, p);
    struct area right = wide ? area_sub(a, a.w / 2, 0, a.w / 2 - 1, a.h)
                             : area_sub(left, 0, 0, left.w, left.h);
    int ry = wide ? top : y + 1;
    area_right(right, right.w < 64 ? right.w : 64, ry - !wide, STYLE_DIM,
               "measured ~model");
    ry = builds_usage(right, ry + wide, b);
    ry = draw_results(right, ry + wide, b);
    struct area foot = area_sub(a, 1, 0, a.w - 2, a.h);
    y = (y > ry ? y : ry) + (a.h > 14);
    if (b->bitstream[0])
        y = fact(foot, y, "bitstream", STYLE_MEASURED, b->bitstream);
    if (b->dir[0])
        fact(foot, y, "folder", STYLE_PLAIN, b->dir);
}

static void draw_details(struct area a, const struct ui *ui, bool focus)
{
    const struct loom_build_view *b = builds_now(ui);
    char title[128], note[48], name[48];
    builds_name(b, name);
    if (b->id < 0)
        snprintf(title, sizeof title, "%s, of an earlier session", name);
    else if (builds_epoch(b) >= 0)
        snprintf(title, sizeof title, "%s %s of epoch %d", name, b->name,
                 builds_epoch(b));
    else
        snprintf(title, sizeof title, "%s %s", name, b->name);
    snprintf(note, sizeof note, "%s  %d LC", b->device, b->lc_available);
    struct area in =
        area_box(a, focus, title, b->lc_available > 0 ? note : b->device);
    draw_selected(in, b);
}

/* The chosen pane; beside the details where there is room for both. */
static void draw_lower(struct area a, const struct ui *ui)
{
    enum builds_pane pane = ui->builds.pane;
    bool both = a.w >= 140 && !ui->full;
    int left = both ? a.w / 2 : 0;
    if (both)
        draw_details(area_sub(a, 0, 0, left, a.h), ui, false);
    if (pane == BUILDS_DETAILS && both)
        pane = BUILDS_CELLS;
    if (pane == BUILDS_DETAILS)
        draw_details(a, ui, ui->full);
    else
        builds_pane_draw(area_sub(a, left, 0, a.w - left, a.h), ui, pane);
}

void builds_draw(struct area all, const struct ui *ui)
{
    const struct loom_view *v = ui->view;
    struct area body = ui_body(all);
    int at = builds_selected(ui);
    char note[48];
    if (at < 0) {
        struct area in = area_box(body, true, "builds", NULL);
        area_wrap(area_sub(in, 2, 1, in.w - 4, in.h - 1), 0, STYLE_PLAIN,
                  v->train.n_front
                      ? "No build yet.\n\nb builds the best point of the "
                        "front: Verilog, simulation, Yosys, nextpnr, "
                        "bitstream."
                      : "No build yet.\n\nThe first finished epoch makes a "
                        "point that can be built.");
        return;
    }
    if (ui->full) {
        draw_lower(body, ui);
        return;
    }
    int most = body.h - 14 > 4 ? body.h - 14 : 4;
    int n = builds_count(ui), h = n + 3 < most ? n + 3 : most;
    snprintf(note, sizeof note, "%d of %d", at + 1, n);
    draw_table(area_box(area_sub(body, 0, 0, body.w, h), true, "builds", note),
               ui);
    draw_lower(area_sub(body, 0, h, body.w, body.h - h), ui);
}
