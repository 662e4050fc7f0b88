/* The boxes beside the map of Layers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/layers_impl.h"
#include "tui/plot.h"

static int columns_of(int number)
{
    char text[16];
    return snprintf(text, sizeof text, "%d", number);
}

void layers_histogram_draw(struct area in, const struct loom_layer_detail *d)
{
    char text[FORMAT_CHARS];
    bool mean = in.h >= 9;
    int rows = ui_between(in.h - mean, 1, 10), most = 1;
    int count[LOOM_DETAIL_BINS] = {0};
    for (int b = 0; b < LOOM_DETAIL_BINS; b++)
        count[b < rows ? b : rows - 1] += d->histogram[b];
    for (int b = 0; b < rows; b++)
        most = count[b] > most ? count[b] : most;
    for (int b = 0; b < rows; b++) {
        area_printf(in, 1, b, STYLE_BITS + (enum style)b, "%d", b);
        area_text(in, 2, b, STYLE_DIM, b == rows - 1 ? "+" : " ");
        area_bar(in, 4, b, in.w - 17, (double)count[b] / most, false);
        area_right(in, in.w - 6, b, STYLE_PLAIN, "%s",
                   format_count(count[b], text));
        area_right(in, in.w - 1, b, STYLE_PLAIN, "%.0f%%",
                   100.0 * count[b] / d->weights);
    }
    if (mean)
        area_printf(in, 1, rows, STYLE_PLAIN, "mean %.2f  p90 %.0f  max %.0f",
                    (double)d->mean_bits, (double)d->p90_bits,
                    (double)d->max_bits);
}

static void draw_format(struct area a, int x, int y, int k, int i, int f)
{
    area_printf(a, x, y, STYLE_PLAIN, "%c%d i%d f%d", k ? 's' : 'u',
                k + i + f > 0 ? k + i + f : 0, i, f);
}

static void named(struct area a, int y, const char *name, const char *value)
{
    area_text(a, 1, y, STYLE_DIM, name);
    area_text(a, 8, y, STYLE_PLAIN, value);
}

/* What a weight or an input is, in as many rows as there are. */
static void draw_weight(struct area in, const struct loom_layer_detail *d,
                        const struct loom_weight_cell *c, int row)
{
    char v[FORMAT_CHARS], line[64];
    int at = 0;
    double high = ldexp(1, c->i) - ldexp(1, -c->f);
    double low = !c->k ? 0 : d->symmetric ? -high : -ldexp(1, c->i);
    named(in, at++, "value", format_value((double)c->value, v));
    snprintf(line, sizeof line, "%.0f", (double)c->bits);
    named(in, at++, "bits", line);
    if (c->bits > 0)
        draw_format(in, 12, 1, c->k, c->i, c->f);
    /* + 0: no minus before a zero */
    if (!d->inputs)
        named(in, at++, "grad", format_value((double)c->gradient + 0.0, v));
    named(in, at++, "grad b", format_value((double)c->bit_gradient + 0.0, v));
    snprintf(line, sizeof line, "%.4g to %.4g%s", low, high,
             c->fill > 1 ? ": beyond" : "");
    named(in, at++, "range", c->bits > 0 ? line : "pruned");
    if (d->inputs)
        return;
    named(in, at++, "error", format_value((double)c->error, v));
    snprintf(line, sizeof line, "%.6g", (double)(c->value - c->error));
    named(in, at++, "quant", line);
    int y = (row - d->row) / d->high;
    if (!isnan(d->in_k[y])) {
        named(in, at, "input", "");
        draw_format(in, 8, at, (int)d->in_k[y], (int)d->in_i[y],
                    (int)d->in_f[y]);
    }
}

static void draw_mean(struct area in, const struct loom_weight_cell *c)
{
    char v[FORMAT_CHARS];
    snprintf(v, sizeof v, "%.4g", (double)c->bits);
    named(in, 0, "bits", v);
    if (isnan(c->value))
        return;
    area_text(in, 1, 1, STYLE_DIM, "mean magnitudes");
    named(in, 2, "value", format_value((double)c->value, v));
    named(in, 3, "grad", format_value((double)c->gradient, v));
    named(in, 4, "grad b", format_value((double)c->bit_gradient, v));
    named(in, 5, "error", format_value((double)c->error, v));
}

/* "weight [3,5]", "input 12", "channel 2 filter 5 [0,1]". */
static void cell_title(const struct ui *ui, const struct loom_layer_detail *d,
                       char *title, size_t n)
{
    int row = ui->layers.row, col = ui->layers.col;
    int high = d ? d->kernel_high : 1, wide = d ? d->kernel_wide : 1;
    bool tiled = d && layers_tiled(d), inputs = d && d->inputs;
    if (inputs && tiled)
        snprintf(title, n, "channel %d [%d,%d]",
                 high < d->rows ? row : col / wide, high < d->rows ? 0 : row,
                 col % wide);
    else if (inputs)
        snprintf(title, n, "input %d", row * d->cols + col);
    else if (tiled)
        snprintf(title, n, "channel %d filter %d [%d,%d]", row / high,
                 col / wide, row % high, col % wide);
    else
        snprintf(title, n, "weight [%d,%d]", row, col);
}

void layers_cell_draw(struct area a, const struct ui *ui,
                      const struct layers_layout *l)
{
    char title[64], note[24];
    const struct loom_layer_detail *d = layers_detail(ui);
    const struct loom_weight_cell *c =
        d ? layers_cell(d, l, ui->layers.row / l->high * l->high,
                        ui->layers.col / l->wide * l->wide)
          : NULL;
    cell_title(ui, d, title, sizeof title);
    bool one = l->high * l->wide == 1;
    snprintf(note, sizeof note, "%d×%d", l->high, l->wide);
    struct area in = area_box(a, false, title, one ? NULL : note);
    if (!c || isnan(c->bits))
        return;
    if (!one || d->map >= 0)
        draw_mean(in, c);
    else
        draw_weight(in, d, c, ui->layers.row);
}

static void range_text(int lo, int hi, char out[24])
{
    if (lo == hi)
        snprintf(out, 24, "%d", lo);
    else
        snprintf(out, 24, "%d..%d", lo, hi);
}

static void draw_formats(struct area in, int y, const char *name,
                         const struct loom_format_range *f)
{
    char i[24], fr[24], dead[24] = "";
    area_text(in, 1, y, STYLE_DIM, name);
    if (!f->n) {
        area_text(in, 6, y, STYLE_DIM, "not quantized");
        return;
    }
    range_text(f->i_min, f->i_max, i);
    range_text(f->f_min, f->f_max, fr);
    if (f->dead)
        snprintf(dead, sizeof dead, " %d dead", f->dead);
    area_printf(in, 6, y, STYLE_PLAIN,
                "%4d%s  %.1f bits  %c i %s f %s  [%.4g, %.4g]", f->n, dead,
                (double)f->mean_bits, f->k ? 's' : 'u', i, fr, (double)f->low,
                (double)f->high);
}

static int list_dead(struct area in, int x, int y, const char *name, int n,
                     const int list[LOOM_DETAIL_DEAD])
{
    if (!n)
        return 0;
    int start = x;
    x += area_printf(in, x, y, STYLE_WARN, "%d %s", n, name);
    for (int i = 0; i < n && i < LOOM_DETAIL_DEAD; i++) {
        if (x + columns_of(list[i]) + 4 > in.w || i == 8)
            return x + area_text(in, x, y, STYLE_DIM, " …") - start;
        x += area_printf(in, x, y, STYLE_PLAIN, " %d", list[i]);
    }
    return x - start;
}

static void draw_dead(struct area in, int y, const struct loom_layer_detail *d,
                      bool roomy)
{
    int x = 1 + area_text(in, 1, y, STYLE_DIM, "dead ");
    if (!d->n_dead_rows && !d->n_dead_cols) {
        area_text(in, x, y, STYLE_PLAIN, "none");
        return;
    }
    x += list_dead(in, x, y, "inputs", d->n_dead_rows, d->dead_row);
    if (roomy && d->n_dead_rows && d->n_dead_cols) {
        y++;
        x = 6;
    } else if (d->n_dead_rows) {
        x += 2;
    }
    list_dead(in, x, y, "outputs", d->n_dead_cols, d->dead_col);
}

/* What the layer takes on the device: predicted, and measured in the build
 * that was read last. */
static void draw_cells(struct area in, int y, const struct ui *ui,
                       const struct loom_layer_detail *d)
{
    const struct loom_forecast *f = &ui->view->forecast;
    const struct builds_files *b = ui->files;
    bool read = b && b->n_layers && !strcmp(b->of.dir, ui->builds.wanted.dir);
    int x = 1 + area_text(in, 1, y, STYLE_DIM, "cells");
    int from = x;
    for (int k = 0; f->epoch && k < f->n_layers; k++)
        if (!strcmp(f->layer[k].name, d->name))
            x += area_printf(in, x + 1, y, STYLE_ESTIMATE, "~%d LC",
                             f->layer[k].lc) +
                 1;
    for (int k = 0; read && k < b->n_layers; k++)
        if (!strcmp(b->layer[k].name, d->name) && b->layer[k].lut4 >= 0)
            x += area_printf(in, x + 1, y, STYLE_MEASURED,
                             "%d LUT4, %d carry, %d FF", b->layer[k].lut4,
                             b->layer[k].carry, b->layer[k].ff) +
                 1;
    if (x == from)
        area_text(in, x + 1, y, STYLE_DIM, "not known yet");
}

void layers_flow_draw(struct area in, const struct ui *ui,
                      const struct loom_layer_detail *d)
{
    char e[FORMAT_CHARS];
    bool roomy = in.h >= 7;
    int y = 0;
    draw_formats(in, y++, "in", &d->in);
    draw_formats(in, y++, "out", &d->out);
    y += roomy;
    area_printf(in, 1, y++, STYLE_PLAIN,
                "%s EBOPs, %.0f%% of all  %.0f%% pruned  %.1f%% saturated",
                format_count((double)d->ebops, e), 100 * (double)d->share,
                100.0 * d->pruned / d->weights, 100 * (double)d->saturated);
    draw_cells(in, y++, ui, d);
    if (!d->inputs)
        draw_dead(in, y, d, roomy);
}

/* Bits over the epochs, and the epoch that is looked at. */
static void draw_history(struct area in, const struct ui *ui,
                         const struct loom_layer_detail *d)
{
    enum { MOST = LOOM_BIT_MAPS + 1 };
    float x[MOST], mean[MOST], p90[MOST];
    int n = 0;
    for (; n < d->n_points; n++) {
        x[n] = (float)d->point[n].epoch;
        mean[n] = d->point[n].mean;
        p90[n] = d->point[n].p90;
    }
    if (d->map < 0 && !d->inputs && n && d->epoch > d->point[n - 1].epoch) {
        x[n] = (float)d->epoch;
        mean[n] = d->mean_bits;
        p90[n++] = d->p90_bits;
    }
    const struct plot_line line[] = {{x, mean, n, STYLE_TRAIN, false},
                                     {x, p90, n, STYLE_VAL, true}};
    struct plot_axes ax;
    if (!plot_line_axes(line, 2, false, &ax)) {
        area_text(in, 1, 0, STYLE_DIM, "waits for the first epoch");
        return;
    }
    struct area p = plot_labels(in, &ax, "epoch");
    plot_lines(p, line, 2, &ax);
    double t = ax.x1 > ax.x0 ? ((double)d->epoch - ax.x0) / (ax.x1 - ax.x0) : 1;
    int at = ui_between((int)(t * (p.w - 1) + 0.5), 0, p.w - 1);
    for (int y = 0; y < p.h && ui->layers.epoch; y++)
        area_put(p, at, y, STYLE_KEY, 0x2502);
}

void layers_time_draw(struct area a, const struct ui *ui)
{
    const struct loom_layer_detail *d = layers_detail(ui);
    struct area in =
        area_box(a, false, "bits over epochs",
                 ui->layers.epoch ? ", . epoch   > now" : ", earlier");
    area_text(a, 21, 0, STYLE_TRAIN, " mean ── ");
    area_text(a, 30, 0, STYLE_VAL, "p90 ┄┄ ");
    if (d)
        draw_history(in, ui, d);
}
