#include "tui/runs_action.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "tui/runs_plot.h"

bool runs_any(const struct ui *ui)
{
    return ui->runs && ui->runs->state == RUNS_READY && ui->runs->n > 0;
}

bool runs_stored(const struct ui *ui)
{
    return ui->runs && ui->runs->state == RUNS_READY && ui->runs->data->n > 0;
}

bool runs_marked(const struct ui *ui)
{
    return runs_any(ui) && ui->runs->n_marks > 1;
}

bool runs_can_go_back(const struct ui *ui)
{
    return ui->runs && (ui->runs->compare || ui->runs->filter_text[0]);
}

void runs_back(struct ui *ui)
{
    if (!ui->runs)
        return;
    if (ui->runs->compare)
        ui->runs->compare = false;
    else
        runs_list_filter(ui->runs, "");
}

void runs_move(struct ui *ui, long rows, long cols)
{
    if (runs_any(ui) && rows)
        runs_list_move(ui->runs, rows);
    if (runs_on_axes(ui) && cols)
        runs_plot_move_axis(ui, cols);
}

int runs_row(const struct ui *ui)
{
    return ui->runs ? runs_list_at(ui->runs) : 0;
}

/* And on to the next, so that held Space marks a block. */
void runs_mark(struct ui *ui, const char *arg)
{
    (void)arg;
    const struct filter_row *row = runs_list_selected(ui->runs);
    if (!row)
        return;
    if (!runs_list_mark(ui->runs, row->run->id))
        ui_say(ui, STYLE_WARN, "%d runs are marked, no more fit", RUNS_MARKS);
    else if (!ui->full)
        runs_list_move(ui->runs, 1);
}

void runs_compare(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->runs->compare = !ui->runs->compare;
}

const char *runs_compare_word(const struct ui *ui)
{
    return ui->runs && ui->runs->compare ? "Details" : "Compare";
}

void runs_sort(struct ui *ui, const char *arg)
{
    if (!ui->runs)
        return;
    int s = ((int)ui->runs->sort + 1) % RUNS_SORTS;
    if (*arg) {
        for (s = 0; s < RUNS_SORTS; s++)
            if (!strcmp(arg, runs_sort_name((enum runs_sort)s)))
                break;
        if (s == RUNS_SORTS) {
            ui_say(
                ui, STYLE_ERROR,
                "sort: started, metric, ebops, lut4, lc, fmax, epochs or id");
            return;
        }
    }
    runs_list_sort(ui->runs, (enum runs_sort)s, false);
    ui_say(ui, STYLE_PLAIN, "by %s%s", runs_sort_name((enum runs_sort)s),
           s == RUNS_BY_METRIC ? ", the best first" : "");
}

void runs_reverse(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui->runs)
        runs_list_sort(ui->runs, ui->runs->sort, !ui->runs->reverse);
}

/* ---- filter ---- */

const char *runs_filter_begin(struct ui *ui)
{
    struct runs_list *l = ui->runs;
    if (!l)
        return "";
    memcpy(l->filter_before, l->filter_text, sizeof l->filter_before);
    memcpy(l->cursor_before, l->cursor, sizeof l->cursor_before);
    return l->filter_text;
}

void runs_filter_preview(struct ui *ui, const char *text)
{
    if (!ui->runs)
        return;
    runs_list_filter(ui->runs, text);
    snprintf(ui->choices, sizeof ui->choices, "%s", ui->runs->filter_error);
}

void runs_filter_undo(struct ui *ui)
{
    struct runs_list *l = ui->runs;
    if (!l)
        return;
    runs_list_filter(l, l->filter_before);
    memcpy(l->cursor, l->cursor_before, sizeof l->cursor);
}

void runs_filter(struct ui *ui, const char *text)
{
    if (!ui->runs)
        return;
    bool read = runs_list_filter(ui->runs, text);
    if (ui->runs->filter_error[0])
        ui_say(ui, read ? STYLE_WARN : STYLE_ERROR, "%s",
               ui->runs->filter_error);
}

bool runs_on_axes(const struct ui *ui)
{
    return runs_any(ui) && ui->runs->pane == RUNS_PARALLEL &&
           !ui->runs->compare && !ui->full;
}

/* In the fewest digits that are the same number. */
static void brush(struct ui *ui, const char *comparison)
{
    const char *now = ui->runs->filter_text;
    char name[24], text[32];
    double v;
    if (!runs_plot_on_axis(ui, name, &v)) {
        ui_say(ui, STYLE_WARN, "this run has nothing on the axis");
        return;
    }
    for (int digits = 4; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    char *all = loom_asprintf(*now ? "(%s) and %s %s %s" : "%s%s %s %s", now,
                              name, comparison, text);
    if (strlen(all) < RUNS_FILTER)
        runs_filter(ui, all);
    else
        ui_say(ui, STYLE_WARN, "the filter is as long as it can be");
    free(all);
}

void runs_from(struct ui *ui, const char *arg)
{
    (void)arg;
    brush(ui, ">=");
}

void runs_to(struct ui *ui, const char *arg)
{
    (void)arg;
    brush(ui, "<=");
}

/* ---- tags and notes ---- */

static void write_run(struct ui *ui, const struct loom_store_run *r,
                      const char *tags, const char *note)
{
    const struct runs_list *l = ui->runs;
    if (!l->write || !l->write(l->ud, r->id, tags, note))
        ui_say(ui, STYLE_WARN, "the store is busy: try again");
}

void runs_tag(struct ui *ui, const char *tag)
{
    struct loom_errmsg e = {""};
    const struct filter_row *row =
        ui->runs ? runs_list_selected(ui->runs) : NULL;
    if (!row)
        return;
    char *tags = runs_edit_tags(row->run->tags, tag, &e);
    if (tags)
        write_run(ui, row->run, tags, NULL);
    else
        ui_say(ui, STYLE_ERROR, "%.190s", e.text);
    free(tags);
}

const char *runs_note_text(const struct ui *ui)
{
    const struct filter_row *row =
        ui->runs ? runs_list_selected(ui->runs) : NULL;
    return row ? row->run->note : "";
}

void runs_note(struct ui *ui, const char *text)
{
    const struct filter_row *row =
        ui->runs ? runs_list_selected(ui->runs) : NULL;
    if (row)
        write_run(ui, row->run, NULL, strcmp(text, "-") ? text : "");
}

/* ---- what is shown ---- */

void runs_next_pane(struct ui *ui, const char *arg)
{
    struct runs_list *l = ui->runs;
    (void)arg;
    if (!l->compare)
        l->pane = (enum runs_pane)((l->pane + 1) % RUNS_PANES);
    l->compare = false;
}

void runs_next_cost(struct ui *ui, const char *name)
{
    static const char *const names[] = {"ebops", "lut4", "lc"};
    int at = ((int)ui->runs->cost + 1) % RUNS_COSTS;
    for (int i = 0; *name && i < RUNS_COSTS; i++)
        if (!strcmp(name, names[i]))
            at = i;
    ui->runs->cost = (enum runs_cost)at;
    ui->runs->pane = RUNS_FRONT;
    ui->runs->compare = false;
}

void runs_columns(struct ui *ui, const char *names)
{
    unsigned bits = 0;
    const char *wrong = names;
    if (!strcmp(names, "auto"))
        ui->runs->columns = 0;
    else if (runs_columns_read(names, &bits, &wrong))
        ui->runs->columns = bits;
    else
        ui_say(ui, STYLE_ERROR, "no column \"%.20s\": Tab lists them", wrong);
}

void runs_columns_text(const struct ui *ui, char *buf, size_t n)
{
    unsigned bits = ui->runs ? ui->runs->columns : 0;
    size_t at = 0;
    buf[0] = 0;
    for (int i = 0; runs_column(i) && at < n; i++)
        if (bits & 1u << i)
            at += (size_t)snprintf(buf + at, n - at, "%s%s", at ? " " : "",
                                   runs_column(i));
}
