#include "tui/builds_pane.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/builds.h"
#include "tui/format.h"
#include "tui/plot.h"

static const char *const pane_names[BUILDS_PANES] = {"details", "cells", "path",
                                                     "log", "versus"};

/* The files of the selected build; NULL: not read yet. */
static const struct builds_files *files(const struct ui *ui)
{
    const struct builds_files *f = ui->files;
    return f && !strcmp(f->of.dir, ui->builds.wanted.dir) ? f : NULL;
}

/* ---- what keys do ---- */

bool builds_any(const struct ui *ui)
{
    return builds_count(ui) > 0;
}

bool builds_two(const struct ui *ui)
{
    return builds_count(ui) > 1;
}

bool builds_found(const struct ui *ui)
{
    const struct builds_files *f = files(ui);
    return f && f->n_matches > 0;
}

void builds_next_pane(struct ui *ui, const char *pane)
{
    int at = ((int)ui->builds.pane + 1) % BUILDS_VERSUS;
    for (int i = 0; *pane && i < BUILDS_PANES; i++)
        if (!strcmp(pane, pane_names[i]))
            at = i;
    ui->builds.pane = (enum builds_pane)at;
}

void builds_next_log(struct ui *ui, const char *name)
{
    struct builds_state *s = &ui->builds;
    int at = s->pane == BUILDS_LOG ? ((int)s->wanted.log + 1) % BUILDS_LOGS
                                   : (int)s->wanted.log;
    for (int i = 0; *name && i < BUILDS_LOGS; i++)
        if (!strncmp(name, builds_log_name((enum builds_log)i), strlen(name)))
            at = i;
    s->wanted.log = (enum builds_log)at;
    s->pane = BUILDS_LOG;
    s->back = s->hit = 0;
}

void builds_find(struct ui *ui, const char *pattern)
{
    struct builds_state *s = &ui->builds;
    snprintf(s->wanted.pattern, sizeof s->wanted.pattern, "%s", pattern);
    s->pane = BUILDS_LOG;
    s->back = s->hit = 0;
}

void builds_only(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->builds.only = !ui->builds.only;
    ui->builds.back = ui->builds.hit = 0;
}

/* Put a match into the middle of what is seen. */
static void turn_match(struct ui *ui, long by)
{
    struct builds_state *s = &ui->builds;
    const struct builds_files *f = files(ui);
    long n = (long)f->n_matches, hit = s->hit + by;
    s->pane = BUILDS_LOG;
    s->hit = hit < 1 ? n : hit > n ? 1 : hit; /* 1: the last one */
    long line = s->only ? n - s->hit : (long)f->match[n - s->hit];
    long back = builds_log_rows(ui) - 1 - line - builds_page(ui) / 4;
    s->back = back > 0 ? back : 0;
}

void builds_next_match(struct ui *ui, const char *arg)
{
    (void)arg;
    turn_match(ui, -1);
}

void builds_last_match(struct ui *ui, const char *arg)
{
    (void)arg;
    turn_match(ui, 1);
}

/* The build to compare with: the one named, else the one below; again: the
 * details. */
/* "2", "b-2", "jets-001" or "jets-001@104"; 0: none. */
static int find_build(const struct ui *ui, const char *text)
{
    char name[48];
    for (int i = 0; i < builds_count(ui); i++) {
        const struct loom_build_view *b = builds_get(ui, i);
        builds_name(b, name);
        if (!strcmp(text, name) || (b->id > 0 && !strcmp(text, name + 2)) ||
            (b->id < 0 && !strcmp(text, b->name)))
            return b->id;
    }
    return 0;
}

void builds_versus(struct ui *ui, const char *id)
{
    struct builds_state *s = &ui->builds;
    if (s->pane == BUILDS_VERSUS && !*id) {
        s->pane = BUILDS_DETAILS;
        return;
    }
    s->versus = *id ? find_build(ui, id) : 0;
    if (*id && !s->versus)
        ui_say(ui, STYLE_ERROR, "no build \"%.40s\": b-2, or a run", id);
    else
        s->pane = BUILDS_VERSUS;
}

/* ---- cells a layer ---- */

static void draw_cells(struct area a, const struct builds_files *f)
{
    char n[FORMAT_CHARS];
    int most = 1, bar = a.w - 46;
    for (int i = 0; i < f->n_layers; i++)
        most = f->layer[i].lut4 > most ? f->layer[i].lut4 : most;
    area_text(a, 0, 0, STYLE_DIM, "layer");
    area_right(a, 26, 0, STYLE_DIM, "LUT4");
    area_right(a, 33, 0, STYLE_DIM, "carry");
    area_right(a, 40, 0, STYLE_DIM, "FF");
    area_right(a, a.w, 0, STYLE_DIM, a.w >= 48 ? "~LC" : "");
    for (int i = 0; i < f->n_layers && i + 1 < a.h; i++) {
        int y = i + 1;
        area_fit(a, 0, y, 19, STYLE_PLAIN, f->layer[i].name);
        area_right(a, 26, y, STYLE_MEASURED, "%s",
                   format_count(f->layer[i].lut4, n));
        area_right(a, 33, y, STYLE_MEASURED, "%s",
                   format_count(f->layer[i].carry, n));
        area_right(a, 40, y, STYLE_MEASURED, "%s",
                   format_count(f->layer[i].ff, n));
        if (bar >= 9)
            area_bar(a, 41, y, bar - 3, (double)f->layer[i].lut4 / most, false);
        if (a.w >= 48 && f->layer[i].predicted_lc >= 0)
            area_right(a, a.w, y, STYLE_ESTIMATE, "~%s",
                       format_count(f->layer[i].predicted_lc, n));
    }
}

/* Fmax of every placement that was tried. */
static int draw_seeds(struct area a, int y, const struct builds_files *f)
{
    double most = 1;
    for (int i = 0; i < f->n_seeds; i++)
        most = fmax(most, f->seed[i].fmax_mhz);
    if (f->n_seeds && y < a.h)
        area_text(a, 0, y++, STYLE_DIM, "Fmax over seeds, MHz");
    for (int i = 0; i < f->n_seeds && y < a.h; i++, y++) {
        double mhz = f->seed[i].fmax_mhz;
        area_printf(a, 0, y, STYLE_PLAIN, "%s%d",
                    f->seed[i].seed == f->best_seed ? "◆ " : "  ",
                    f->seed[i].seed);
        if (mhz < 0)
            area_text(a, 8, y, STYLE_ERROR, "failed");
        else
            area_right(a, 14, y, STYLE_MEASURED, "%.1f", mhz);
        area_bar(a, 15, y, a.w - 16, fmax(mhz, 0) / most, false);
    }
    return y;
}

/* ---- the critical path ---- */

/* Steps that are wires and steps that are logic add up apart. */
/* How much time is left at the ends of all paths. */
static void draw_slack(struct area a, const struct builds_files *f)
{
    area_printf(a, 0, 0, f->failing > 0 ? STYLE_WARN : STYLE_DIM,
                "slack of %d ends of paths, %d fail", f->endpoints, f->failing);
    plot_bars(area_sub(a, 0, 1, a.w, a.h - 2), f->slack, f->n_slacks,
              STYLE_MEASURED);
    area_printf(a, 0, a.h - 1, STYLE_DIM, "%.2f ns", f->least_ns);
    area_right(a, a.w, a.h - 1, STYLE_DIM, "%.2f ns",
               f->least_ns + f->bin_ns * f->n_slacks);
}

static void draw_path(struct area a, const struct builds_files *f)
{
    double total = 0, wires = 0;
    int y = 1;
    area_text(a, 0, 0, STYLE_DIM, "step");
    area_right(a, 18, 0, STYLE_DIM, "ns");
    area_right(a, 25, 0, STYLE_DIM, "sum");
    area_text(a, 27, 0, STYLE_DIM, "where");
    for (int i = 0; i < f->n_steps; i++) {
        bool wire = !strcmp(f->step[i].type, "routing");
        total += f->step[i].ns;
        wires += wire ? f->step[i].ns : 0;
        if (y >= a.h - 1)
            continue; /* the sums go on */
        area_fit(a, 0, y, 10, wire ? STYLE_DIM : STYLE_PLAIN, f->step[i].type);
        area_right(a, 18, y, STYLE_PLAIN, "%.2f", f->step[i].ns);
        area_right(a, 25, y, STYLE_PLAIN, "%.2f", total);
        area_fit(a, 27, y++, a.w - 27, STYLE_PLAIN, f->step[i].where);
    }
    if (total > 0)
        area_printf(a, 0, a.h - 1, STYLE_BOLD,
                    "%d steps, %.2f ns: logic %.0f%%, wires %.0f%%", f->n_steps,
                    total, 100 * (1 - wires / total), 100 * wires / total);
}

/* ---- the log ---- */

long builds_log_rows(const struct ui *ui)
{
    const struct builds_files *f = files(ui);
    return !f ? 0 : (long)(ui->builds.only ? f->n_matches : f->n_lines);
}

static bool is_match(const struct builds_files *f, size_t line)
{
    size_t lo = 0, hi = f->n_matches;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (f->match[mid] < line)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < f->n_matches && f->match[lo] == line;
}

static void draw_log(struct area a, const struct ui *ui)
{
    const struct builds_files *f = files(ui);
    long n = builds_log_rows(ui), end = n - ui->builds.back;
    long from = end > a.h ? end - a.h : 0;
    if (!n)
        area_printf(a, 1, 0, STYLE_DIM,
                    !f->n_lines ? "%s is not there yet"
                                : "no line of %s matches",
                    builds_log_name(f->of.log));
    for (long i = from; i < end; i++) {
        size_t line = ui->builds.only ? f->match[i] : (size_t)i;
        bool hit = is_match(f, line);
        area_right(a, 6, (int)(i - from), STYLE_DIM, "%zu", line + 1);
        area_fit(a, 8, (int)(i - from), a.w - 8, hit ? STYLE_BOLD : STYLE_PLAIN,
                 f->text + f->line[line]);
        if (hit && !ui->builds.only)
            area_text(a, 7, (int)(i - from), STYLE_KEY, "▸");
    }
}

static void log_note(const struct ui *ui, const struct builds_files *f,
                     char *note, size_t n)
{
    if (f && f->wrong[0])
        snprintf(note, n, "%s", f->wrong);
    else if (f && f->of.pattern[0])
        snprintf(note, n, "/%.40s/ %zu of %zu%s", f->of.pattern, f->n_matches,
                 f->n_lines, ui->builds.back ? "" : "  ↓");
    else
        snprintf(note, n, "%ld lines%s%s", builds_log_rows(ui),
                 f && f->cut ? ", its end" : "", ui->builds.back ? "" : "  ↓");
}

/* ---- two builds ---- */

static void row(struct area a, int *y, const char *name, double left,
                double right, int decimals)
{
    bool differ = !(left == right);
    double v[2] = {left, right};
    if (left < 0 && right < 0)
        return;
    area_text(a, 0, *y, STYLE_DIM, name);
    for (int i = 0; i < 2; i++)
        if (v[i] < 0)
            area_right(a, 26 + 12 * i, *y, STYLE_DIM, "—");
        else
            area_right(a, 26 + 12 * i, *y, differ ? STYLE_BOLD : STYLE_PLAIN,
                       "%.*f", decimals, v[i]);
    if (left > 0 && right >= 0 && differ)
        area_right(a, 50, *y, STYLE_PLAIN, "%+.1f%%", 100 * (right / left - 1));
    (*y)++;
}

static const struct loom_build_view *other(const struct ui *ui)
{
    int at = builds_selected(ui), n = builds_count(ui);
    for (int i = 0; i < n; i++)
        if (ui->builds.versus && builds_get(ui, i)->id == ui->builds.versus)
            return builds_get(ui, i);
    return builds_get(ui, at + 1 < n ? at + 1 : at ? at - 1 : 0);
}

static double seconds_or_none(const struct loom_build_view *b)
{
    double s = (double)builds_seconds(b);
    return s > 0 ? s : -1;
}

static void draw_versus(struct area a, const struct ui *ui)
{
    const struct loom_build_view *p = other(ui), *q = builds_now(ui);
    char left[48], right[48];
    int y = 1;
    area_right(a, 26, 0, STYLE_KEY, "%s", builds_name(p, left));
    area_right(a, 38, 0, STYLE_KEY, "%.11s", builds_name(q, right));
    area_right(a, 50, 0, STYLE_DIM, "change");
    row(a, &y, "epoch", builds_epoch(p), builds_epoch(q), 0);
    row(a, &y, "LUT4", p->lut4, q->lut4, 0);
    row(a, &y, "carry", p->carry, q->carry, 0);
    row(a, &y, "FF", p->ff, q->ff, 0);
    row(a, &y, "LC", p->lc, q->lc, 0);
    row(a, &y, "~LC", p->predicted_lc, q->predicted_lc, 0);
    row(a, &y, "BRAM", p->bram, q->bram, 0);
    row(a, &y, "DSP", p->dsp, q->dsp, 0);
    row(a, &y, "Fmax MHz", (double)p->fmax_mhz, (double)q->fmax_mhz, 1);
    row(a, &y, "target MHz", (double)p->clock_mhz, (double)q->clock_mhz,
        0);
    row(a, &y, "cycles", p->latency_cycles, q->latency_cycles, 0);
    row(a, &y, "seconds", seconds_or_none(p), seconds_or_none(q), 0);
    if (strcmp(p->device, q->device) != 0)
        area_printf(a, 0, y, STYLE_WARN, "devices differ: %s, %s", p->device,
                    q->device);
}

/* ---- the box ---- */

static void draw_files(struct area in, const struct ui *ui, enum builds_pane p)
{
    const struct builds_files *f = files(ui);
    if (!f) {
        area_text(in, 0, 0, STYLE_DIM, "… its folder is read");
    } else if (p == BUILDS_LOG) {
        draw_log(in, ui);
    } else if (!f->n_layers) {
        area_text(in, 0, 0, STYLE_DIM, "the report comes at the build's end");
    } else if (p == BUILDS_PATH) {
        int slack = f->n_slacks && in.h - f->n_steps > 8
                        ? in.h - f->n_steps - 3
                        : 0;
        slack = slack < 12 ? slack : 12;
        draw_path(area_sub(in, 0, 0, in.w, in.h - slack - (slack > 0)), f);
        if (slack)
            draw_slack(area_sub(in, 0, in.h - slack, in.w, slack), f);
    } else {
        int seeds =
            f->n_seeds && in.h - f->n_layers > 4
                ? (f->n_seeds + 2 < in.h / 2 ? f->n_seeds + 2 : in.h / 2)
                : 0;
        draw_cells(area_sub(in, 0, 0, in.w, in.h - seeds), f);
        draw_seeds(area_sub(in, 0, in.h - seeds, in.w, seeds), 1, f);
    }
}

void builds_pane_draw(struct area a, const struct ui *ui, enum builds_pane p)
{
    const struct builds_files *f = files(ui);
    const struct loom_build_view *b = builds_now(ui);
    char title[80], note[160] = "";
    static const char *const what[BUILDS_PANES] = {
        "details", "cells a layer", "critical path", "", "against another"};
    char name[48];
    snprintf(title, sizeof title, "%s %s", builds_name(b, name),
             p == BUILDS_LOG ? builds_log_name(ui->builds.wanted.log)
                             : what[p]);
    if (p == BUILDS_LOG)
        log_note(ui, f, note, sizeof note);
    struct area in = area_box(a, ui->full, title, note[0] ? note : NULL);
    in = area_sub(in, 1, 0, in.w - 2, in.h);
    if (p == BUILDS_VERSUS)
        draw_versus(in, ui);
    else
        draw_files(in, ui, p);
}
