/* The log on Dash: all lines, the warnings, or those with a text. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tui/dash_impl.h"

static const enum style log_style[] = {
    [LOOM_LOG_INFO] = STYLE_PLAIN,
    [LOOM_LOG_GOOD] = STYLE_GOOD,
    [LOOM_LOG_WARN] = STYLE_WARN,
    [LOOM_LOG_ERROR] = STYLE_ERROR,
};

/* The lines to show, in their order; how many. */
static int choose(const struct ui *ui, int index[LOOM_VIEW_LOG])
{
    const struct loom_view *v = ui->view;
    int n = 0;
    for (int i = 0; i < v->n_log; i++)
        if ((!ui->dash.warnings || v->log[i].level >= LOOM_LOG_WARN) &&
            strcasestr(v->log[i].text, ui->dash.find))
            index[n++] = i;
    return n;
}

/* Which of them is the last one shown, of `rows` at a time; -1: there is
 * none. */
static int last_shown(const struct ui *ui, const int *index, int n, int rows)
{
    int at = n - 1;
    while (ui->log_at && at > 0 && ui->view->log[index[at]].number > ui->log_at)
        at--;
    return at < rows - 1 ? (n < rows ? n - 1 : rows - 1) : at;
}

void dash_log_move(struct ui *ui, long by, int rows)
{
    int index[LOOM_VIEW_LOG], n = choose(ui, index);
    long at = last_shown(ui, index, n, rows) + by;
    if (!n)
        return;
    at = at < rows - 1 ? rows - 1 : at;
    ui->log_at = at >= n - 1 ? 0 : ui->view->log[index[at]].number;
}

static void log_line(struct area a, int y, const struct loom_log_line *l)
{
    char clock[16];
    time_t at = (time_t)l->time;
    struct tm tm;
    static const char *const mark[] = {" ", "✔", "!", "✘"};
    if (!localtime_r(&at, &tm) || !strftime(clock, sizeof clock, "%T", &tm))
        clock[0] = 0;
    area_text(a, 0, y, STYLE_DIM, clock);
    area_text(a, 9, y, log_style[l->level], mark[l->level]);
    area_fit(a, 11, y, a.w - 11, log_style[l->level], l->text);
}

void dash_log_lines(struct area a, const struct ui *ui)
{
    int index[LOOM_VIEW_LOG], n = choose(ui, index);
    int end = last_shown(ui, index, n, a.h);
    int from = end - a.h + 1 > 0 ? end - a.h + 1 : 0;
    for (int i = from; i <= end; i++)
        log_line(a, i - from, &ui->view->log[index[i]]);
    if (!n && ui->view->n_log)
        area_text(a, 11, 0, STYLE_DIM, "no such line");
}

void dash_log_draw(struct area a, const struct ui *ui, bool focus)
{
    int index[LOOM_VIEW_LOG], n = choose(ui, index);
    int below = n - 1 - last_shown(ui, index, n, a.h - 2);
    char note[48], title[96];
    if (ui->log_at && below > 0)
        snprintf(note, sizeof note, "%d more ↓  f follow", below);
    else
        snprintf(note, sizeof note, "%s",
                 ui->log_at ? "stopped  f follow" : "follow ↓");
    snprintf(title, sizeof title, "log%s%s%.60s",
             ui->dash.warnings ? ", warnings" : "",
             ui->dash.find[0] ? " with " : "", ui->dash.find);
    dash_log_lines(area_box(a, focus, title, ui->view->n_log ? note : NULL),
                   ui);
}
