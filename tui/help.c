#include "tui/help.h"

#include <stdio.h>

#include "tui/action.h"

static const char *const words[] = {
    "",
    "Marks     ▶ running  ▷ pausing  ‖ paused  ✔ done  ✘ failed  · waiting",
    "Numbers   ~ is an estimate of the model; no mark is measured by place "
    "and route",
    "Bit map   a digit a channel: its mean bits a weight, 9 is 9 and more, "
    "· is pruned",
    "Runs      ‖ stopped, can be resumed  ? lost: its process is gone  ● marked",
    "Front     • point kept as a checkpoint  ◆ built  ○ now",
};

enum { WORDS = sizeof words / sizeof *words };

static bool listed(const struct action *a, const struct ui *ui)
{
    return a->screens & 1u << ui->screen;
}

static int action_rows(const struct ui *ui)
{
    int n = 0;
    for (const struct action *a = actions; a->name; a++)
        n += listed(a, ui);
    return n;
}

static int columns(const struct ui *ui)
{
    return ui->w >= 140 ? 2 : 1;
}

static int rows(const struct ui *ui)
{
    int c = columns(ui);
    return (action_rows(ui) + c - 1) / c + WORDS;
}

int help_last_row(const struct ui *ui)
{
    int over = rows(ui) - (ui->h - 4);
    return over > 0 ? over : 0;
}

static void draw_action(struct area a, int x, int y, const struct action *act,
                        const struct ui *ui)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", act->name, *act->arg ? " " : "",
             act->arg);
    area_text(a, x + 1, y, STYLE_KEY, action_keys(act, &ui->bound));
    area_fit(a, x + 9, y, 21, STYLE_DIM, name);
    area_text(a, x + 31, y, STYLE_PLAIN, act->help);
}

void help_draw(struct area body, const struct ui *ui)
{
    int from =
        ui->help_row < help_last_row(ui) ? ui->help_row : help_last_row(ui);
    int c = columns(ui), per = rows(ui) - WORDS, i = 0;
    char title[64];
    snprintf(title, sizeof title, "keys on %s", ui_screen(ui->screen)->name);
    struct area in =
        area_box(body, true, title, "second column: as typed after :");
    for (const struct action *a = actions; a->name; a++)
        if (listed(a, ui)) {
            int col = c == 1 ? 0 : i / per;
            draw_action(in, col * (in.w / c), i - col * per - from, a, ui);
            i++;
        }
    for (i = 0; i < WORDS; i++)
        area_text(in, 1, per + i - from, STYLE_PLAIN, words[i]);
}
