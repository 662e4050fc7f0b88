#include "tui/palette.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/action.h"
#include "tui/key.h"
#include "tui/line.h"

enum { MOST = 128 };

struct found {
    const struct action *action;
    int score, place;
};

/* Letters in one piece count most, then those at the start of a word. */
int palette_score(const char *letters, const char *text)
{
    int score = 0, run = 0;
    for (const char *p = text; *letters; p++) {
        while (*letters == ' ')
            letters++;
        if (!*letters)
            break;
        if (!*p)
            return -1;
        if (tolower((unsigned char)*p) != tolower((unsigned char)*letters)) {
            run = 0;
            continue;
        }
        bool start = p == text || !isalnum((unsigned char)p[-1]);
        score += 1 + 8 * run + 6 * start + 4 * (p == text);
        run++;
        letters++;
    }
    return score;
}

static int compare(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->score != y->score ? y->score - x->score : x->place - y->place;
}

/* The actions that match, the best first: of this screen before others. */
static int search(const struct ui *ui, struct found out[MOST])
{
    int n = 0;
    for (const struct action *a = actions; a->name && n < MOST; a++) {
        int name = palette_score(ui->palette.line.text, a->name);
        int help = palette_score(ui->palette.line.text, a->help);
        int score = name >= 0 ? 2 * name + 8 : help;
        if (score < 0 || !strcmp(a->name, "palette"))
            continue;
        bool here = a->screens & 1u << ui->screen;
        out[n] = (struct found){a, score + 3 * here, n};
        n++;
    }
    qsort(out, (size_t)n, sizeof *out, compare);
    return n;
}

void palette_open(struct ui *ui, const char *arg)
{
    ui->palette.open = true;
    ui->palette.at = 0;
    edit_set(&ui->palette.line, arg);
}

/* Do it; what needs more words gets the command line. */
static void pick(struct ui *ui, const struct action *a)
{
    char text[64];
    ui->palette.open = false;
    snprintf(text, sizeof text, "%s ", a->name);
    if (*a->arg && *a->arg != '[')
        line_open(ui, text);
    else
        line_run(ui, text);
}

void palette_pick(struct ui *ui, int row)
{
    struct found f[MOST];
    if (row >= 0 && row < search(ui, f))
        pick(ui, f[row].action);
}

void palette_key(struct ui *ui, int key)
{
    struct palette *p = &ui->palette;
    struct found f[MOST];
    int n = search(ui, f);
    if (key == KEY_ESCAPE || key == KEY_CTRL('C') || key == KEY_CTRL('P')) {
        p->open = false;
    } else if (key == KEY_RETURN) {
        if (n)
            palette_pick(ui, p->at);
    } else if (key == KEY_ARROW_DOWN || key == KEY_TAB) {
        p->at = p->at + 1 < n ? p->at + 1 : p->at;
    } else if (key == KEY_ARROW_UP || key == KEY_BACKTAB) {
        p->at = p->at > 0 ? p->at - 1 : 0;
    } else if (edit_key(&p->line, key)) {
        p->at = 0;
    }
}

static void draw_row(struct area a, int y, const struct action *act,
                     bool selected, const struct ui *ui)
{
    bool can = !act->valid || act->valid(ui);
    enum style s = selected ? STYLE_BOLD : can ? STYLE_PLAIN : STYLE_DIM;
    area_text(a, 0, y, STYLE_KEY, selected ? "▸" : "");
    area_fit(a, 2, y, 12, s, act->name);
    area_fit(a, 15, y, 7, STYLE_KEY, action_keys(act, &ui->bound));
    area_fit(a, 23, y, a.w - 23, can ? STYLE_PLAIN : STYLE_DIM, act->help);
}

void palette_draw(struct area body, const struct ui *ui)
{
    struct found f[MOST];
    int n = search(ui, f), w = body.w - 8 < 76 ? body.w - 8 : 76;
    int h = body.h - 2 < 18 ? body.h - 2 : 18;
    if (body.w < 50)
        w = body.w;
    if (body.h < 8)
        h = body.h;
    struct area a = area_sub(body, (body.w - w) / 2, (body.h - h) / 3, w, h);
    char note[32];
    snprintf(note, sizeof note, "%d of %d", n ? ui->palette.at + 1 : 0, n);
    area_fill(a, STYLE_PLAIN, ' ');
    struct area in = area_box(a, true, "palette", note);
    edit_draw(area_sub(in, 0, 0, in.w, 1), "> ", &ui->palette.line);
    int rows = in.h - 1, at = ui->palette.at < n ? ui->palette.at : n - 1;
    int from = at >= rows ? at - rows + 1 : 0;
    for (int i = from; i < n && i - from < rows; i++)
        draw_row(in, 1 + i - from, f[i].action, i == at, ui);
    if (!n)
        area_text(in, 2, 1, STYLE_DIM, "no action has these letters");
    area_spot(a, SPOT_NONE, 0);
    area_spot(area_sub(in, 0, 1, in.w, rows), SPOT_PALETTE, from);
}
