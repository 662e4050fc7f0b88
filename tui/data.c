#include "tui/data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/plot.h"

static const char *const part_names[LOOM_N_PARTS] = {"train", "val", "test"};

static const struct loom_data_summary *summary(const struct ui *ui)
{
    return ui->data ? ui->data->summary : NULL;
}

bool data_any(const struct ui *ui)
{
    return summary(ui) != NULL;
}

static size_t clamp(long v, size_t n)
{
    return v < 0 || !n ? 0 : (size_t)v < n ? (size_t)v : n - 1;
}

static size_t feature_at(const struct ui *ui)
{
    return clamp((long)ui->look.feature, summary(ui)->n_in);
}

/* ---- what keys do ---- */

int data_page(const struct ui *ui)
{
    return ui->full ? ui->h - 5 : (ui->h - 2) / 2 - 3;
}

int data_row(const struct ui *ui)
{
    return (int)(ui->full ? ui->look.at.row : ui->look.feature);
}

void data_move(struct ui *ui, long rows, long cols)
{
    const struct loom_data_summary *s = summary(ui);
    struct data_state *d = &ui->look;
    if (!s)
        return;
    if (!ui->full) {
        d->feature = clamp((long)feature_at(ui) + rows + cols, s->n_in);
        return;
    }
    d->at.row = clamp((long)d->at.row + rows, s->rows[d->at.part]);
    d->at.col = clamp((long)d->at.col + cols, s->n_in);
}

void data_next_part(struct ui *ui, const char *part)
{
    struct data_state *d = &ui->look;
    int at = ((int)d->at.part + 1) % LOOM_N_PARTS;
    for (int i = 0; *part && i < LOOM_N_PARTS; i++)
        if (!strcmp(part, part_names[i]))
            at = i;
    d->at.part = (enum loom_part)at;
    d->at.row = 0;
    ui->full = true;
}

void data_next_plot(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->look.sum = !ui->look.sum;
}

const char *data_plot_word(const struct ui *ui)
{
    return ui->look.sum ? "Histogram" : "Sum";
}

void data_watch(struct ui *ui)
{
    struct data_state *d = &ui->look;
    struct loom_command c = {.kind = LOOM_CMD_WATCH_DATA};
    const struct loom_data_watch *was = &d->sent;
    if (ui->screen == SCREEN_DATA) {
        c.data = d->at;
        c.data.on = true;
    }
    bool same = c.data.on == was->on && c.data.part == was->part &&
                c.data.row == was->row && c.data.col == was->col;
    if (ui->send && !same && ui->send(ui->ud, &c))
        d->sent = c.data;
}

/* ---- features ---- */

static void bins(const struct loom_column_summary *c, bool sum,
                 float y[LOOM_SUMMARY_BINS])
{
    double all = 0;
    for (int i = 0; i < LOOM_SUMMARY_BINS; i++) {
        all += c->bin[i];
        y[i] = sum ? (float)all : (float)c->bin[i];
    }
}

static void number(struct area a, int *x, int y, double v)
{
    char text[FORMAT_CHARS];
    area_right(a, *x += 8, y, STYLE_PLAIN, "%s", format_value(v, text));
}

static int name_width(int w)
{
    return w >= 76 ? 16 : w >= 56 ? 10 : 8;
}

static void feature_row(struct area a, int y,
                        const struct loom_column_summary *c, bool selected)
{
    float h[LOOM_SUMMARY_BINS];
    char n[FORMAT_CHARS];
    int x = 2 + name_width(a.w);
    area_text(a, 0, y, STYLE_KEY, selected ? "▸" : "");
    area_fit(a, 2, y, name_width(a.w), selected ? STYLE_BOLD : STYLE_PLAIN,
             c->name);
    number(a, &x, y, (double)c->low);
    number(a, &x, y, (double)c->high);
    if (a.w >= 56) {
        number(a, &x, y, c->mean);
        number(a, &x, y, c->deviation);
    }
    area_right(a, x += 6, y, c->missing ? STYLE_WARN : STYLE_DIM, "%s",
               c->missing ? format_count((double)c->missing, n) : "0");
    bins(c, false, h);
    struct area bar = area_sub(a, x + 1, y, a.w - x - 1, 1);
    if (c->constant)
        area_text(bar, 0, 0, STYLE_WARN, "constant");
    else
        plot_bars(bar, h, LOOM_SUMMARY_BINS, STYLE_TRAIN);
}

static void feature_titles(struct area a)
{
    int x = 2 + name_width(a.w);
    area_text(a, 2, 0, STYLE_DIM, "feature");
    area_right(a, x += 8, 0, STYLE_DIM, "min");
    area_right(a, x += 8, 0, STYLE_DIM, "max");
    if (a.w >= 56) {
        area_right(a, x += 8, 0, STYLE_DIM, "mean");
        area_right(a, x += 8, 0, STYLE_DIM, "std");
    }
    area_right(a, x + 6, 0, STYLE_DIM, "NaN");
}

static void draw_features(struct area a, const struct ui *ui)
{
    const struct loom_data_summary *s = summary(ui);
    int at = (int)feature_at(ui), rows = a.h - 1, n = (int)s->n_in;
    int from = at >= rows ? at - rows + 1 : 0;
    feature_titles(a);
    area_spot(area_sub(a, 0, 1, a.w, rows), SPOT_ROWS, from);
    for (int i = from; i < n && i - from < rows; i++)
        feature_row(a, 1 + i - from, &s->feature[i], i == at);
}

/* The histogram of the selected feature, with its ends below. */
static void draw_histogram(struct area a, const struct ui *ui)
{
    const struct loom_column_summary *c = &summary(ui)->feature[feature_at(ui)];
    float y[LOOM_SUMMARY_BINS];
    char v[FORMAT_CHARS];
    struct area box =
        area_box(a, false, c->name, ui->look.sum ? "summed up" : "histogram");
    struct area in = area_sub(box, 1, 0, box.w - 2, box.h - 1);
    bins(c, ui->look.sum, y);
    plot_bars(in, y, LOOM_SUMMARY_BINS, STYLE_TRAIN);
    area_text(box, 1, box.h - 1, STYLE_DIM, format_value((double)c->low, v));
    area_right(box, box.w - 1, box.h - 1, STYLE_DIM, "%s",
               format_value((double)c->high, v));
    const size_t *rows = summary(ui)->rows;
    double all = (double)(rows[LOOM_TRAIN] + rows[LOOM_VAL] + rows[LOOM_TEST]);
    if (box.w >= 40 && all > 0)
        area_printf(box, box.w / 2 - 5, box.h - 1, STYLE_DIM, "%.1f%% zeros",
                    100.0 * (double)c->zeros / all);
}

/* ---- classes, or what a target is ---- */

static void draw_classes(struct area a, const struct loom_data_summary *s)
{
    size_t most = 1;
    char n[FORMAT_CHARS];
    for (size_t i = 0; i < s->n_out; i++)
        most = s->class[i].rows[LOOM_TRAIN] > most
                   ? s->class[i].rows[LOOM_TRAIN]
                   : most;
    for (int i = 0; i < (int)s->n_out && i < a.h; i++) {
        const struct loom_class_summary *c = &s->class[i];
        if (i == a.h - 1 && (int)s->n_out > a.h) {
            area_printf(a, 0, i, STYLE_DIM, "… %d more", (int)s->n_out - i);
            return;
        }
        area_fit(a, 0, i, 10, STYLE_PLAIN, c->name);
        area_bar(a, 11, i, a.w - 26, (double)c->rows[LOOM_TRAIN] / (double)most,
                 false);
        area_right(a, a.w - 7, i, STYLE_PLAIN, "%s",
                   format_count((double)c->rows[LOOM_TRAIN], n));
        if (fabsf(c->weight - 1) > 1e-6f)
            area_right(a, a.w, i, STYLE_DIM, "×%.3g", (double)c->weight);
    }
}

static void draw_targets(struct area a, const struct loom_data_summary *s)
{
    float y[LOOM_SUMMARY_BINS];
    char lo[FORMAT_CHARS], hi[FORMAT_CHARS];
    for (int i = 0; i < (int)s->n_out && 2 * i + 1 < a.h; i++) {
        const struct loom_column_summary *c = &s->target[i];
        bins(c, false, y);
        area_printf(a, 0, 2 * i, STYLE_PLAIN, "%.12s  %s to %s %s, std %.4g",
                    c->name, format_value((double)c->low, lo),
                    format_value((double)c->high, hi), s->unit, c->deviation);
        plot_bars(area_sub(a, 0, 2 * i + 1, a.w, 1), y, LOOM_SUMMARY_BINS,
                  STYLE_VAL);
    }
}

/* ---- facts and warnings ---- */

static int warn(struct area a, int y, size_t n, const char *what)
{
    char count[FORMAT_CHARS];
    if (!n)
        return y;
    area_printf(a, 0, y, STYLE_WARN, "! %s %s", format_count((double)n, count),
                what);
    return y + 1;
}

/* A class with a tenth of the rows of another is easily never learned. */
static int warn_balance(struct area a, int y, const struct loom_data_summary *s)
{
    size_t least = (size_t)-1, most = 0;
    for (size_t i = 0; s->class && i < s->n_out; i++) {
        size_t n = s->class[i].rows[LOOM_TRAIN];
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (!s->class || most < 10 * least)
        return y;
    area_printf(a, 0, y, STYLE_WARN, "! the classes differ %.3g to 1 in rows",
                (double)most / (double)(least ? least : 1));
    return y + 1;
}

static int draw_warnings(struct area a, int y,
                         const struct loom_data_summary *s)
{
    int from = y;
    char what[64];
    y = warn(a, y, s->n_constant, "features never change");
    y = warn(a, y, s->n_missing, "values are missing");
    y = warn(a, y, s->bad_labels, "labels are no class");
    y = warn_balance(a, y, s);
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (int q = p + 1; q < LOOM_N_PARTS; q++) {
            snprintf(what, sizeof what, "rows of %s are in %s too",
                     part_names[q], part_names[p]);
            y = warn(a, y, s->shared[p][q], what);
        }
    y = warn(a, y, s->repeated[LOOM_TRAIN], "training rows are there before");
    if (y == from)
        area_text(a, 0, y++, STYLE_GOOD, "✔ nothing suspicious");
    return y;
}

static void draw_facts(struct area a, const struct loom_data_summary *s)
{
    char n[LOOM_N_PARTS][FORMAT_CHARS];
    int y = draw_warnings(a, 0, s);
    for (int p = 0; p < LOOM_N_PARTS; p++)
        format_count((double)s->rows[p], n[p]);
    area_printf(a, 0, y++, STYLE_PLAIN, "rows   %s train, %s val, %s test",
                n[0], n[1], n[2]);
    if (s->split[0])
        area_printf(a, 0, y++, STYLE_PLAIN, "split  %s", s->split);
    if (s->source[0])
        area_printf(a, 0, y++, STYLE_PLAIN, "from   %s", s->source);
    area_printf(a, 0, y, STYLE_PLAIN, "hash   %08x%s", s->hash,
                s->standardized ? ", standardized" : "");
}

/* ---- rows ---- */

static void rows_titles(struct area a, const struct ui *ui, int cells)
{
    const struct loom_data_summary *s = summary(ui);
    area_right(a, 8, 0, STYLE_DIM, "row");
    area_right(a, 17, 0, STYLE_DIM, "%s", s->class ? "class" : "target");
    for (int i = 0; i < cells && ui->data->col + (size_t)i < s->n_in; i++)
        area_fit(a, 18 + i * 9, 0, 8, STYLE_DIM,
                 s->feature[ui->data->col + (size_t)i].name);
}

static void label_text(const struct loom_data_summary *s, float label,
                       char buf[FORMAT_CHARS])
{
    size_t k = label >= 0 ? (size_t)label : s->n_out;
    if (s->class && k < s->n_out)
        snprintf(buf, FORMAT_CHARS, "%.8s", s->class[k].name);
    else
        format_value((double)label, buf);
}

static void draw_rows(struct area a, const struct ui *ui)
{
    const struct loom_data_view *d = ui->data;
    char text[FORMAT_CHARS];
    int cells = (a.w - 17) / 9 < d->n_cols ? (a.w - 17) / 9 : d->n_cols;
    rows_titles(a, ui, cells);
    if (!d->n_rows)
        area_text(a, 2, 2, STYLE_DIM, "this part has no rows");
    for (int y = 0; y < d->n_rows && y + 1 < a.h; y++) {
        area_right(a, 8, y + 1, y ? STYLE_DIM : STYLE_BOLD, "%zu",
                   d->row + (size_t)y);
        label_text(summary(ui), d->label[y], text);
        area_right(a, 17, y + 1, STYLE_VAL, "%s", text);
        for (int i = 0; i < cells; i++)
            area_right(a, 26 + i * 9, y + 1,
                       isfinite(d->x[y][i]) ? STYLE_PLAIN : STYLE_WARN, "%s",
                       format_value((double)d->x[y][i], text));
    }
}

static void draw_all_rows(struct area body, const struct ui *ui)
{
    char title[96], note[96];
    const struct loom_data_summary *s = summary(ui);
    snprintf(title, sizeof title, "%s: rows of %s", s->name,
             part_names[ui->data->part]);
    snprintf(note, sizeof note, "%zu of %zu", ui->data->row,
             s->rows[ui->data->part]);
    draw_rows(area_box(body, true, title, note), ui);
}

/* ---- the screen ---- */

static void draw_nothing(struct area body, const struct ui *ui)
{
    enum loom_train_state state = ui->view->train.state;
    struct area in = area_box(body, true, "data", NULL);
    area_wrap(area_sub(in, 2, 1, in.w - 4, in.h - 1), 0, STYLE_PLAIN,
              state == LOOM_TRAIN_EMPTY
                  ? "No run yet, so no data. Enter on Dash runs a script."
                  : "… the data are looked at, between two batches");
}

void data_draw(struct area all, const struct ui *ui)
{
    struct area body = ui_body(all);
    const struct loom_data_summary *s = summary(ui);
    char title[96], note[96];
    if (!s) {
        draw_nothing(body, ui);
        return;
    }
    if (ui->full) {
        draw_all_rows(body, ui);
        return;
    }
    bool wide = body.w >= 80, high = body.h >= 16;
    int low = !high             ? 0
              : body.h / 3 > 20 ? 20
              : body.h / 3 < 8  ? 8
                                : body.h / 3;
    int left = wide ? body.w * 5 / 8 : body.w, top = body.h - low;
    snprintf(title, sizeof title, "%s, %zu features", s->name, s->n_in);
    int bad = (s->n_constant > 0) + (s->n_missing > 0) + (s->bad_labels > 0);
    if (!low && bad)
        snprintf(note, sizeof note, "! constant %zu, missing %zu, labels %zu",
                 s->n_constant, s->n_missing, s->bad_labels);
    else
        snprintf(note, sizeof note, "%zu", feature_at(ui) + 1);
    draw_features(area_box(area_sub(body, 0, 0, left, top), true, title, note),
                  ui);
    if (wide)
        draw_histogram(area_sub(body, left, 0, body.w - left, top), ui);
    if (!low)
        return;
    int half = wide ? body.w / 2 : 0;
    struct area facts = area_box(area_sub(body, half, top, body.w - half, low),
                                 false, "facts", NULL);
    draw_facts(area_sub(facts, 1, 0, facts.w - 2, facts.h), s);
    if (!wide)
        return;
    struct area out =
        area_box(area_sub(body, 0, top, half, low), false,
                 s->class ? "classes, training rows" : "target", NULL);
    out = area_sub(out, 1, 0, out.w - 2, out.h);
    if (s->class)
        draw_classes(out, s);
    else
        draw_targets(out, s);
}
