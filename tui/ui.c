#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#include "tui/action.h"
#include "tui/builds.h"
#include "tui/console.h"
#include "tui/dash.h"
#include "tui/data.h"
#include "tui/format.h"
#include "tui/help.h"
#include "tui/layers.h"
#include "tui/palette.h"
#include "tui/runs.h"

static const struct ui_screen screens[SCREENS] = {
    [SCREEN_DASH] = {"Dash", '1', dash_draw, dash_move, dash_page, dash_row},
    [SCREEN_LAYERS] = {"Layers", '2', layers_draw, layers_move, layers_page,
                       NULL},
    [SCREEN_BUILDS] = {"Builds", '3', builds_draw, builds_move, builds_page,
                       builds_selected},
    [SCREEN_RUNS] = {"Runs", '4', runs_draw, runs_move, runs_page, runs_row},
    [SCREEN_DATA] = {"Data", '5', data_draw, data_move, data_page, data_row},
    [SCREEN_LUA] = {"Lua", '6', console_draw, console_move, console_page, NULL},
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

const struct ui_screen *ui_screen(enum screen s)
{
    return &screens[s];
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

bool ui_builds(const struct ui *ui)
{
    for (int i = 0; i < ui->view->n_builds; i++)
        if (ui->view->build[i].state <= LOOM_BUILD_RUNNING)
            return true;
    return false;
}

void ui_say(struct ui *ui, enum style s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ui->note, sizeof ui->note, fmt, ap);
    va_end(ap);
    ui->note_style = s;
}

bool ui_send(struct ui *ui, enum loom_cmd_kind kind, double value,
             const char *text, const char *said)
{
    struct loom_command c = {.kind = kind, .value = value};
    snprintf(c.text, sizeof c.text, "%s", text);
    if (!ui->send) {
        ui_say(ui, STYLE_WARN, "no script is open: :open SCRIPT.lua");
        return false;
    }
    if (!ui->send(ui->ud, &c)) {
        ui_say(ui, STYLE_WARN, "busy with earlier commands: try again");
        return false;
    }
    if (*said)
        ui_say(ui, STYLE_GOOD, "%s", said);
    return true;
}

void ui_turn(struct ui *ui, enum screen s)
{
    if (s == SCREEN_RUNS || s == SCREEN_DATA || s == SCREEN_BUILDS)
        ui->full = false;
    ui->screen = s;
    ui->help = ui->console.keys = false;
}

struct area ui_body(struct area all)
{
    return area_sub(all, 0, 1, all.w, all.h - 2);
}

/* The tab line. */

enum { PIECES = 8 };

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
    if (ui->view->collapsed)
        snprintf(out[7], 80, "! collapsing since %d", ui->view->collapsed);
    else if (ui->view->stopped[0] && t->state == LOOM_TRAIN_DONE)
        snprintf(out[7], 80, "stopped: %.47s", ui->view->stopped);
    if (t->checkpoint_age_s >= 0)
        snprintf(out[6], 80, "saved %s ago",
                 format_whole_seconds(t->checkpoint_age_s, time));
}

static void draw_status(struct area a, const struct ui *ui, int from)
{
    static const int need[PIECES] = {1, 7, 2, 0, 4, 3, 6, 5};
    char text[PIECES][80];
    pieces(ui, text);
    bool shown[PIECES] = {false};
    int room = a.w - 1 - from;
    for (int i = 0; i < PIECES; i++) {
        int w = text_width(text[need[i]]) + 2;
        if (w == 2 || (w > room && need[i] == 7))
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
                               : i == 7 ? STYLE_WARN
                               : i == 0 ? STYLE_BOLD
                                        : STYLE_PLAIN,
                               text[i]);
}

/* Where there is little room, numbers do. */
static void draw_tabs(struct area a, const struct ui *ui)
{
    bool words = a.w >= 80;
    int x = 1;
    for (int i = 0; i < SCREENS; i++) {
        bool on = ui->screen == (enum screen)i;
        const char *name = on || words ? screens[i].name : "";
        int from = x;
        x += area_printf(a, x, 0, on ? STYLE_TAB : STYLE_PLAIN,
                         on      ? "[%c %s]"
                         : words ? " %c %s "
                                 : " %c%s",
                         screens[i].key, name);
        area_spot(area_sub(a, from, 0, x - from, 1), SPOT_SCREEN, i);
    }
    draw_status(a, ui, x);
}

/* The key line. */

static int hint_width(const struct action *a, const struct ui *ui)
{
    const char *label = a->word ? a->word(ui) : a->label;
    return text_width(action_keys(a, &ui->bound)) + 1 + text_width(label) + 2;
}

static int draw_hint(struct area a, int x, const struct action *act,
                     const struct ui *ui)
{
    int w = area_text(a, x, 0, STYLE_KEY, action_keys(act, &ui->bound)) + 1;
    w += area_text(a, x + w, 0, STYLE_PLAIN,
                   act->word ? act->word(ui) : act->label);
    area_spot(area_sub(a, x, 0, w, 1), SPOT_ACTION, (int)(act - actions));
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

static void draw_question(struct area a, const struct ui *ui)
{
    const char *what = ui_trains(ui) ? "Training runs: save it and leave?"
                                     : "A build runs: stop it and leave?";
    int x = 1 + area_text(a, 1, 0, STYLE_WARN,
                          a.w >= 60       ? what
                          : ui_trains(ui) ? "Save and leave?"
                                          : "Stop and leave?");
    static const char keys[] = "yn";
    for (int i = 0; keys[i]; i++) {
        int from = x + 2;
        area_put(a, from, 0, STYLE_KEY, (uint32_t)keys[i]);
        x = from + 2 +
            area_text(a, from + 2, 0, STYLE_PLAIN,
                      keys[i] == 'y' ? "Yes" : "No");
        area_spot(area_sub(a, from, 0, x - from, 1), SPOT_KEY, keys[i]);
    }
}

static void draw_last_line(struct area a, const struct ui *ui)
{
    if (ui->typing)
        edit_draw(a, ":", &ui->line);
    else if (ui->asks_quit)
        draw_question(a, ui);
    else
        draw_hints(a, ui);
}

/* The answer to the last key, on the last row of the body. */
static void draw_note(struct area body, const struct ui *ui)
{
    bool asked = ui->typing || ui->screen == SCREEN_LUA;
    const char *text = asked && ui->choices[0] ? ui->choices : ui->note;
    int w = text_width(text);
    if (!*text || body.h < 1)
        return;
    if (w > body.w - 4)
        w = body.w - 4;
    struct area line = area_sub(body, 1, body.h - 1, w + 2, 1);
    area_fill(line, STYLE_PLAIN, ' ');
    area_fit(line, 1, 0, w, text == ui->choices ? STYLE_PLAIN : ui->note_style,
             text);
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
    if (ui->palette.open && !tiny)
        palette_draw(body, ui);
    if (ui->h > 1) {
        draw_note(body, ui);
        draw_last_line(area_sub(all, 0, ui->h - 1, ui->w, 1), ui);
    }
}
