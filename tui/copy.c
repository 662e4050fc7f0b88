#include "tui/copy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "tui/builds.h"
#include "tui/layers_impl.h"
#include "tui/runs_export.h"
#include "tui/runs_list.h"

/* The point of the front that is chosen, else how the training stands. */
static char *dash_text(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    if (t->state == LOOM_TRAIN_EMPTY)
        return NULL;
    for (int i = 0; i < t->n_front; i++)
        if (t->front[i].epoch == ui->dash.point)
            return loom_asprintf(
                "%s@%d\t%.6g\t%.6g EBOPs\n", t->run, t->front[i].epoch,
                (double)t->front[i].val_metric, (double)t->front[i].ebops);
    return loom_asprintf("%s\tepoch %d\tloss %.6g\tval %.6g\t%s %.6g\t%.6g "
                         "EBOPs\tbeta %.6g\tlr %.6g\n",
                         t->run, t->epoch, (double)t->loss, (double)t->val_loss,
                         t->metric, (double)t->val_metric, (double)t->ebops,
                         (double)t->beta, (double)t->lr);
}

static char *build_text(const struct ui *ui)
{
    const struct loom_build_view *b = builds_now(ui);
    return b ? loom_asprintf("%s\t%s\t%d LUT4\t%d carry\t%d FF\t%d LC\t%.2f "
                             "MHz\t%s\n",
                             b->name, b->device, b->lut4, b->carry, b->ff,
                             b->lc, (double)b->fmax_mhz,
                             b->bitstream[0] ? b->bitstream : b->dir)
             : NULL;
}

/* Those that are marked, else all that are shown. */
static char *runs_text(const struct ui *ui, enum runs_format format, int *n)
{
    const struct runs_list *l = ui->runs;
    const struct filter_row *marked[RUNS_MARKS];
    *n = l && l->state == RUNS_READY ? runs_list_marks(l, marked) : 0;
    if (*n)
        return runs_export_text(marked, *n, format);
    *n = l && l->state == RUNS_READY ? l->n : 0;
    if (!*n)
        return NULL;
    const struct filter_row **row = loom_calloc((size_t)*n, sizeof *row);
    for (int i = 0; i < *n; i++)
        row[i] = runs_list_row(l, i);
    char *text = runs_export_text(row, *n, format);
    free(row);
    return text;
}

static char *data_text(const struct ui *ui)
{
    const struct loom_data_summary *s = ui->data ? ui->data->summary : NULL;
    char *text = NULL;
    size_t n;
    FILE *f = s ? open_memstream(&text, &n) : NULL;
    if (!f)
        return NULL;
    fputs("feature\tmin\tmax\tmean\tstd\tmissing\n", f);
    for (size_t k = 0; k < s->n_in; k++) {
        const struct loom_column_summary *c = &s->feature[k];
        fprintf(f, "%s\t%.6g\t%.6g\t%.6g\t%.6g\t%zu\n", c->name, (double)c->low,
                (double)c->high, c->mean, c->deviation, (size_t)c->missing);
    }
    fclose(f);
    return text;
}

/* What the last line of the console answered. */
static char *console_text(const struct ui *ui)
{
    const struct loom_console_view *v = ui->lines;
    char *text = NULL;
    size_t n;
    int from = v ? v->n : 0;
    while (from > 0 && (v->line[from - 1].kind == LOOM_CONSOLE_OUTPUT ||
                        v->line[from - 1].kind == LOOM_CONSOLE_ERROR))
        from--;
    FILE *f = v && from < v->n ? open_memstream(&text, &n) : NULL;
    if (!f)
        return NULL;
    for (int i = from; i < v->n; i++)
        fprintf(f, "%s\n", v->line[i].text);
    fclose(f);
    return text;
}

void copy_now(struct ui *ui, const char *arg)
{
    int n = 0;
    char *text = NULL;
    (void)arg;
    switch (ui->screen) {
    case SCREEN_LAYERS:
        text = layers_map_text(ui);
        break;
    case SCREEN_BUILDS:
        text = build_text(ui);
        break;
    case SCREEN_RUNS:
        text = runs_text(ui, RUNS_TABS, &n);
        break;
    case SCREEN_DATA:
        text = data_text(ui);
        break;
    case SCREEN_LUA:
        text = console_text(ui);
        break;
    default:
        text = dash_text(ui);
    }
    if (!text) {
        ui_say(ui, STYLE_WARN, "nothing here to copy");
        return;
    }
    free(ui->copied);
    ui->copied = text;
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    ui_say(ui, STYLE_GOOD, "copied %zu line%s", lines, lines == 1 ? "" : "s");
}

void copy_export(struct ui *ui, const char *path)
{
    struct loom_errmsg e;
    int n, format = runs_export_format(path);
    if (format < 0) {
        ui_say(ui, STYLE_ERROR,
               "export: to a file that ends in .csv, .md or .tsv");
        return;
    }
    char *text = runs_text(ui, (enum runs_format)format, &n);
    if (!text)
        ui_say(ui, STYLE_WARN, "export: no runs are shown");
    else if (loom_file_write(path, text, strlen(text), &e))
        ui_say(ui, STYLE_ERROR, "export: %.150s", e.text);
    else
        ui_say(ui, STYLE_GOOD, "%d run%s written to %.100s", n,
               n == 1 ? "" : "s", path);
    free(text);
}
