#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#include "tui/action.h"
#include "tui/builds.h"
#include "tui/dash.h"
#include "tui/format.h"
#include "tui/help.h"
#include "tui/layers.h"
#include "tui/runs.h"

static const struct {
    const char *name;
    char key;
    void (*draw)(struct area all, const struct ui *ui);
} screens[SCREENS] = {
    [SCREEN_DASH] = {"Dash", '1', dash_draw},
    [SCREEN_LAYERS] = {"Layers", '2', layers_draw},
    [SCREEN_BUILDS] = {"Builds", '3', builds_draw},
    [SCREEN_RUNS] = {"Runs", '4', runs_draw},
};

static const struct {
    const char *mark, *word;
    enum style style;
} states[] = {
    [LOOM_TRAIN_EMPTY] = {"·", "no run", STYLE_DIM},
    [LOOM_TRAIN_LOADING] = {"…", "loading", STYLE_PLAIN},
    [LOOM_TRAIN_RUNNING] = {"▶", "running", STYLE_GOOD},
    [LOOM_TRAIN_PAUSING] = {"▷", "stops after this batch", STYLE_WARN},
    [LOOM_TRAIN_PAUSED] = {"‖", "paused", STYLE_WARN},
    [LOOM_TRAIN_DONE] = {"✔", "done", STYLE_GOOD},
    [LOOM_TRAIN_FAILED] = {"✘", "failed", STYLE_ERROR},
};

const char *ui_state_mark(enum loom_train_state s)
{
    return states[s].mark;
}

const char *ui_state_word(enum loom_train_state s)
{
    return states[s].word;
}

enum style ui_state_style(enum loom_train_state s)
{
    return states[s].style;
}

const char *ui_screen_name(enum screen s)
{
    return screens[s].name;
}

char ui_screen_key(enum screen s)
{
    return screens[s].key;
}

const struct loom_view *ui_no_view(void)
{
    static const struct loom_view none = {.train = {.state = LOOM_TRAIN_EMPTY,
                                                    .outliers = -1,
                                                    .checkpoint_age_s = -1}};
    return &none;
}

void ui_init(struct ui *ui)
{
    *ui = (struct ui){.log_y = true, .view = ui_no_view(), .layers.zoom = 1};
}

bool ui_trains(const struct ui *ui)
{
    enum loom_train_state s = ui->view->train.state;
    return s == LOOM_TRAIN_RUNNING || s == LOOM_TRAIN_PAUSING ||
           s == LOOM_TRAIN_PAUSED;
}

struct area ui_body(struct area all)
{
    return area_sub(all, 0, 1, all.w, all.h - 2);
}

/* The tab line. */

enum { PIECES = 7 };

/* What the right of the tab line says, and from the most to the least
 * needed, which of it is left out first when there is no room. */
static void pieces(const struct ui *ui, char out[PIECES][80])
{
    const struct loom_train_view *t = &ui->view->train;
    char time[FORMAT_CHARS];
    for (int i = 0; i < PIECES; i++)
        out[i][0] = 0;
    snprintf(out[1], 80, "%s %s", ui_state_mark(t->state),
             ui_state_word(t->state));
    if (t->state == LOOM_TRAIN_EMPTY)
        return;
    snprintf(out[0], 80, "%.60s", t->run[0] ? t->run : ui->view->script);
    if (t->epochs > 0)
        snprintf(out[2], 80, "ep %d/%d", t->epoch, t->epochs);
    if (t->seconds_per_epoch > 0)
        snprintf(out[3], 80, "%s/ep",
                 format_seconds((double)t->seconds_per_epoch, time));
    if (t->state == LOOM_TRAIN_RUNNING && t->eta_s > 0 && t->eta_s < 1e7f)
        snprintf(out[4], 80, "eta %s",
                 format_whole_seconds((double)t->eta_s, time));
    if (t->threads > 0)
        snprintf(out[5], 80, "%d thr", t->threads);
    if (t->checkpoint_age_s >= 0)
        snprintf(out[6], 80, "saved %s ago",
                 format_whole_seconds(t->checkpoint_age_s, time));
}

static void draw_status(struct area a, const struct ui *ui, int from)
{
    static const int need[PIECES] = {1, 2, 0, 4, 3, 6, 5};
    char text[PIECES][80];
    pieces(ui, text);
    bool shown[PIECES] = {false};
    int room = a.w - 1 - from;
    for (int i = 0; i < PIECES; i++) {
        int w = text_width(text[need[i]]) + 2;
        if (w == 2)
            continue;
        if (w > room)
            break;
        shown[need[i]] = true;
        room -= w;
    }
    for (int i = 0, x = from + room + 2; i < PIECES; i++)
        if (shown[i])
            x += 2 + area_text(a, x, 0,
                               i == 1   ? ui_state_style(ui->view->train.state)
                               : i == 0 ? STYLE_BOLD
                                        : STYLE_PLAIN,
                               text[i]);
}

static void draw_tabs(struct area a, const struct ui *ui)
{
    int x = 1;
    for (int i = 0; i < SCREENS; i++) {
        bool on = ui->screen == (enum screen)i;
        if (on)
            x += area_printf(a, x, 0, STYLE_TAB, "[%c %s]", screens[i].key,
                             screens[i].name);
        else
            x += area_printf(a, x, 0, STYLE_PLAIN, " %c %s ", screens[i].key,
                             screens[i].name);
        x++;
    }
    draw_status(a, ui, x);
}

/* The key line. */

static int hint_width(const struct action *a, const struct ui *ui)
{
    const char *label = a->word ? a->word(ui) : a->label;
    return text_width(a->keys) + 1 + text_width(label) + 2;
}

static int draw_hint(struct area a, int x, const struct action *act,
                     const struct ui *ui)
{
    int w = area_text(a, x, 0, STYLE_KEY, act->keys) + 1;
    w += area_text(a, x + w, 0, STYLE_PLAIN,
                   act->word ? act->word(ui) : act->label);
    return w + 2;
}

/* Command, help and quit close the table and always have their place. */
static bool is_last(const struct action *a)
{
    return !a->valid && !a->hint;
}

static void draw_hints(struct area a, const struct ui *ui)
{
    int last = 0, x = 1;
    for (const struct action *act = actions; act->name; act++)
        if (action_hinted(act, ui) && is_last(act))
            last += hint_width(act, ui);
    for (const struct action *act = actions; act->name; act++)
        if (action_hinted(act, ui) &&
            (is_last(act) || x + hint_width(act, ui) + last <= a.w + 2))
            x += draw_hint(a, x, act, ui);
}

static void draw_last_line(struct area a, const struct ui *ui)
{
    if (ui->typing) {
        int over = text_width(ui->line) + 3 - a.w, x = over > 0 ? -over : 0;
        x += area_text(a, x, 0, STYLE_KEY, ":");
        x += area_text(a, x, 0, STYLE_PLAIN, ui->line);
        area_put(a, x, 0, STYLE_SELECTED, ' ');
    } else if (ui->asks_quit) {
        int x = 1 + area_text(a, 1, 0, STYLE_WARN,
                              a.w >= 60 ? "Training runs: save it and leave?"
                                        : "Save and leave?");
        x += 2 + area_text(a, x + 2, 0, STYLE_KEY, "y");
        x += 1 + area_text(a, x + 1, 0, STYLE_PLAIN, "Yes");
        x += 2 + area_text(a, x + 2, 0, STYLE_KEY, "n");
        area_text(a, x + 1, 0, STYLE_PLAIN, "No");
    } else {
        draw_hints(a, ui);
    }
}

/* The answer to the last key, on the last row of the body. */
static void draw_note(struct area body, const struct ui *ui)
{
    const char *text = ui->typing ? ui->choices : ui->note;
    int w = text_width(text);
    if (!*text || body.h < 1)
        return;
    if (w > body.w - 4)
        w = body.w - 4;
    struct area line = area_sub(body, 1, body.h - 1, w + 2, 1);
    area_fill(line, STYLE_PLAIN, ' ');
    area_fit(line, 1, 0, w, ui->typing ? STYLE_PLAIN : ui->note_style, text);
}

/* Why training stopped, over everything until it is closed. */
static void draw_error(struct area body, const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    int w = body.w - 8 < 76 ? body.w - 8 : 76;
    if (body.w < 40)
        w = body.w;
    int h = 4 + text_width(t->error) / (w > 8 ? w - 6 : 2) + 2;
    for (const char *p = t->error; (p = strchr(p, '\n')); p++)
        h++;
    h = h < body.h ? h : body.h;
    struct area a = area_sub(body, (body.w - w) / 2, (body.h - h) / 2, w, h);
    struct area in =
        area_box(a, true, t->epoch ? "✘ training stopped" : "✘ it cannot start",
                 "Esc close");
    area_wrap(area_sub(in, 1, h > 5, in.w - 2, in.h - (h > 5)), 0, STYLE_PLAIN,
              t->error[0] ? t->error : "no reason given");
}

void ui_draw(struct grid *g, const struct ui *ui)
{
    grid_resize(g, ui->w, ui->h);
    struct area all = grid_all(g), body = ui_body(all);
    bool tiny = ui->w < 40 || ui->h < 10;
    if (tiny && !ui->help) {
        dash_draw(all, ui);
    } else if (ui->help) {
        help_draw(body, ui);
    } else {
        screens[ui->screen].draw(all, ui);
        if (ui->view->train.state == LOOM_TRAIN_FAILED && !ui->error_read &&
            ui->screen == SCREEN_DASH)
            draw_error(body, ui);
    }
    if (ui->h > 1 && (!tiny || ui->help))
        draw_tabs(all, ui);
    if (ui->h > 1) {
        draw_note(body, ui);
        draw_last_line(area_sub(all, 0, ui->h - 1, ui->w, 1), ui);
    }
}
