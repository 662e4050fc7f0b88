#include "tui/action.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/builds.h"
#include "tui/dash.h"
#include "tui/format.h"
#include "tui/help.h"
#include "tui/key.h"
#include "tui/layers.h"
#include "tui/runs_action.h"

static const double step = 1.25; /* of beta and lr, a key press */

__attribute__((format(printf, 3, 4))) static void
note(struct ui *ui, enum style s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ui->note, sizeof ui->note, fmt, ap);
    va_end(ap);
    ui->note_style = s;
}

/* Send a command; the answer to the user's key is `said`. False: not taken,
 * and the note says why. */
static bool send(struct ui *ui, enum loom_cmd_kind kind, double value,
                 const char *text, const char *said)
{
    struct loom_command c = {.kind = kind, .value = value};
    snprintf(c.text, sizeof c.text, "%s", text);
    if (!ui->send) {
        note(ui, STYLE_WARN, "no script is open: :open SCRIPT.lua");
        return false;
    }
    if (!ui->send(ui->ud, &c)) {
        note(ui, STYLE_WARN, "busy with earlier commands: try again");
        return false;
    }
    if (*said)
        note(ui, STYLE_GOOD, "%s", said);
    return true;
}

static int clamp(long v, long lo, long hi)
{
    return (int)(v < lo ? lo : v > hi ? hi : v);
}

/* When an action can be done. */

static bool trains(const struct ui *ui)
{
    return ui_trains(ui);
}

static bool is_empty(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_EMPTY;
}

static bool has_run(const struct ui *ui)
{
    return !is_empty(ui);
}

/* Of the session, not of the run at the cursor of Runs. */
static bool has_front(const struct ui *ui)
{
    return ui->view->train.n_front > 0 && ui->screen != SCREEN_RUNS;
}

static bool has_layers(const struct ui *ui)
{
    return ui->view->train.n_layers > 0;
}

static bool is_paused(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_PAUSED;
}

static bool has_job(const struct ui *ui)
{
    for (int i = 0; i < ui->view->n_builds; i++)
        if (ui->view->build[i].state <= LOOM_BUILD_RUNNING)
            return true;
    return false;
}

static bool error_shown(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_FAILED && !ui->error_read;
}

static bool can_go_back(const struct ui *ui)
{
    return ui->full || error_shown(ui) ||
           (ui->screen == SCREEN_RUNS && runs_can_go_back(ui));
}

static bool can_open(const struct ui *ui)
{
    if (ui->screen == SCREEN_RUNS)
        return !ui->full && runs_any(ui);
    return is_empty(ui) ? ui->n_scripts > 0 : !ui->full && !error_shown(ui);
}

static bool is_list(const struct ui *ui)
{
    return ui->screen == SCREEN_RUNS     ? false
           : is_empty(ui)                ? ui->n_scripts > 1
           : ui->screen == SCREEN_BUILDS ? ui->view->n_builds > 1
                                         : false;
}

/* Training. */

static void toggle(struct ui *ui, const char *arg)
{
    (void)arg;
    if (trains(ui))
        send(ui, LOOM_CMD_TOGGLE, 0, "", "");
}

static const char *toggle_word(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_RUNNING ? "Pause" : "Resume";
}

static void pause_training(struct ui *ui, const char *arg)
{
    (void)arg;
    send(ui, LOOM_CMD_PAUSE, 0, "", "pauses after this batch");
}

static void resume_training(struct ui *ui, const char *arg)
{
    (void)arg;
    send(ui, LOOM_CMD_RESUME, 0, "", "training goes on");
}

/* The factor on a schedule. Keys are faster than views, so what was sent
 * counts, not what is shown. */
static double factor_of(const struct ui *ui, enum loom_cmd_kind kind)
{
    const struct loom_train_view *t = &ui->view->train;
    bool beta = kind == LOOM_CMD_SCALE_BETA;
    float sent = beta ? ui->beta_factor : ui->lr_factor;
    float shown = beta ? t->beta_factor : t->lr_factor;
    return (double)(sent > 0 ? sent : shown > 0 ? shown : 1);
}

static void set_factor(struct ui *ui, enum loom_cmd_kind kind, double factor)
{
    char said[80];
    bool beta = kind == LOOM_CMD_SCALE_BETA;
    snprintf(said, sizeof said, "%s ×%.3g on its schedule from the next batch",
             beta ? "β" : "lr", factor);
    if (send(ui, kind, factor, "", said))
        *(beta ? &ui->beta_factor : &ui->lr_factor) = (float)factor;
}

static void scale(struct ui *ui, enum loom_cmd_kind kind, double by)
{
    set_factor(ui, kind, factor_of(ui, kind) * by);
}

static void beta_up(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_BETA, step);
}

static void beta_down(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_BETA, 1 / step);
}

static void lr_up(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_LR, step);
}

static void lr_down(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_LR, 1 / step);
}

/* "x1.5" is a factor; "1e-5" is the value to reach from `now`, which has the
 * shown factor in it. */
static void scale_typed(struct ui *ui, enum loom_cmd_kind kind, double now,
                        float shown, const char *arg)
{
    const char *name = kind == LOOM_CMD_SCALE_BETA ? "beta" : "lr";
    bool factor = *arg == 'x' || *arg == '*';
    char *end;
    double v = strtod(arg + factor, &end);
    if (end == arg + factor || *end || !(v > 0) || !isfinite(v))
        note(ui, STYLE_ERROR,
             "%s: a value above 0 like 1e-5, or a factor "
             "like x1.5",
             name);
    else if (factor)
        scale(ui, kind, v);
    else if (!(now > 0) || !isfinite(now))
        note(ui, STYLE_ERROR,
             "%s is not above 0 now: give a factor, like "
             ":%s x1.5",
             name, name);
    else
        set_factor(ui, kind, v / now * (double)(shown > 0 ? shown : 1));
}

static void beta_typed(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    scale_typed(ui, LOOM_CMD_SCALE_BETA, (double)t->beta, t->beta_factor, arg);
}

static void lr_typed(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    scale_typed(ui, LOOM_CMD_SCALE_LR, (double)t->lr, t->lr_factor, arg);
}

static void snapshot(struct ui *ui, const char *arg)
{
    (void)arg;
    send(ui, LOOM_CMD_SNAPSHOT, 0, "", "writing a checkpoint");
}

/* One batch while paused; "epoch" up to the end of it. */
static void step_batch(struct ui *ui, const char *arg)
{
    bool epoch = !strcmp(arg, "epoch");
    if (*arg && !epoch && strcmp(arg, "batch") != 0)
        note(ui, STYLE_ERROR, "step: batch or epoch");
    else
        send(ui, LOOM_CMD_STEP, epoch, "", epoch ? "one epoch" : "one batch");
}

static void step_epoch(struct ui *ui, const char *arg)
{
    (void)arg;
    step_batch(ui, "epoch");
}

static void target(struct ui *ui, const char *arg)
{
    char *end;
    double v = strtod(arg, &end);
    bool off = !strcmp(arg, "off");
    if (*end == 'k' && end > arg) {
        v *= 1000;
        end++;
    }
    if (!off && (end == arg || *end || !(v >= 1) || !(v < 1e12)))
        note(ui, STYLE_ERROR, "target: EBOPs, like 4000 or 4k, or off");
    else
        send(ui, LOOM_CMD_TARGET, off ? 0 : v, "",
             off ? "β back on its schedule" : "β follows the target");
}

/* The layer that is named, else the selected one. */
static void freeze(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    const char *name = arg;
    if (!*arg && t->n_layers)
        name = t->layer[clamp(ui->layer, 0, t->n_layers - 1)].name;
    send(ui, LOOM_CMD_FREEZE, 0, name, "");
}

/* To a point of the front, named by its epoch. */
static void go_back(struct ui *ui, enum loom_cmd_kind kind, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    char *end;
    long epoch = strtol(arg, &end, 10);
    bool found = false;
    for (int i = 0; i < t->n_front; i++)
        found = found || t->front[i].epoch == epoch;
    if (end == arg || *end || !found)
        note(ui, STYLE_ERROR,
             "which point of the front? its epoch; Dash lists them");
    else
        send(ui, kind, (double)epoch, "", "");
}

static void rollback(struct ui *ui, const char *arg)
{
    go_back(ui, LOOM_CMD_ROLLBACK, arg);
}

static void branch(struct ui *ui, const char *arg)
{
    go_back(ui, LOOM_CMD_BRANCH, arg);
}

static void undo(struct ui *ui, const char *arg)
{
    (void)arg;
    if (send(ui, LOOM_CMD_UNDO, 0, "", "taking back the last change"))
        ui->beta_factor = ui->lr_factor = 0;
}

/* Builds. */

static void build(struct ui *ui, const char *arg)
{
    if (!ui->view->train.n_front)
        note(ui, STYLE_WARN,
             "no point on the front yet: the first finished "
             "epoch makes one");
    else
        send(ui, LOOM_CMD_BUILD, 0, arg, "building the best point");
}

static void cancel(struct ui *ui, const char *arg)
{
    int id = 0, at = builds_selected(ui);
    if (*arg)
        id = atoi(arg + strspn(arg, "b-"));
    else if (ui->screen == SCREEN_BUILDS && at >= 0 &&
             ui->view->build[at].state <= LOOM_BUILD_RUNNING)
        id = ui->view->build[at].id;
    if (!has_job(ui))
        note(ui, STYLE_WARN, "no build is running");
    else
        send(ui, LOOM_CMD_CANCEL_BUILD, id, "", "cancelling");
}

/* Moving. */

static void move_log(struct ui *ui, long by)
{
    const struct loom_view *v = ui->view;
    if (!v->n_log)
        return;
    int rows = dash_log_rows(ui), last = v->n_log - 1, at = last;
    if (ui->log_at)
        at = clamp((long)(ui->log_at - v->log[0].number), 0, last);
    at = clamp(at + by, rows - 1 < last ? rows - 1 : last, last);
    ui->log_at = at == last ? 0 : v->log[at].number;
}

static void move_build(struct ui *ui, long by)
{
    int n = ui->view->n_builds;
    if (n)
        ui->build_id =
            ui->view->build[clamp(builds_selected(ui) + by, 0, n - 1)].id;
}

static void move(struct ui *ui, long by)
{
    if (ui->help)
        ui->help_row = clamp(ui->help_row + by, 0, help_last_row(ui));
    else if (ui->screen == SCREEN_BUILDS)
        move_build(ui, by);
    else if (ui->screen == SCREEN_LAYERS)
        layers_move(ui, clamp(by, -INT_MAX / 4, INT_MAX / 4), 0);
    else if (ui->screen == SCREEN_RUNS)
        runs_move(ui, by);
    else if (is_empty(ui))
        ui->script = clamp(ui->script + by, 0, ui->n_scripts - 1);
    else if (ui->focus == DASH_BITS)
        ui->layer = clamp(ui->layer + by, 0, ui->view->train.n_layers - 1);
    else
        move_log(ui, by);
}

static int page(const struct ui *ui)
{
    int rows = ui->help                      ? ui->h - 4
               : ui->screen == SCREEN_DASH   ? dash_log_rows(ui)
               : ui->screen == SCREEN_LAYERS ? layers_page(ui)
               : ui->screen == SCREEN_RUNS   ? runs_rows(ui)
                                             : ui->h - 4;
    return rows > 1 ? rows : 1;
}

static void up(struct ui *ui, const char *arg)
{
    (void)arg;
    move(ui, -1);
}

static void down(struct ui *ui, const char *arg)
{
    (void)arg;
    move(ui, 1);
}

static void page_up(struct ui *ui, const char *arg)
{
    (void)arg;
    move(ui, -page(ui));
}

static void page_down(struct ui *ui, const char *arg)
{
    (void)arg;
    move(ui, page(ui));
}

static void top(struct ui *ui, const char *arg)
{
    (void)arg;
    move(ui, -INT_MAX / 2);
}

static void bottom(struct ui *ui, const char *arg)
{
    (void)arg;
    move(ui, INT_MAX / 2);
}

/* Layers. */

static void left(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_move(ui, 0, -1);
}

static void right(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_move(ui, 0, 1);
}

/* The layer with that name or number, or the next one. */
static void turn_layer(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    char *end;
    long n = strtol(arg, &end, 10);
    int at = *arg && !*end && n >= 1 && n <= t->n_layers ? (int)n - 1 : -1;
    for (int i = 0; i < t->n_layers; i++)
        if (!strcmp(arg, t->layer[i].name))
            at = i;
    if (!*arg)
        layers_turn(ui, 1);
    else if (at < 0)
        note(ui, STYLE_ERROR, "no layer \"%.40s\": a name or 1 to %d", arg,
             t->n_layers);
    else
        layers_turn(ui, at - ui->layer);
}

static void last_layer(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_turn(ui, -1);
}

static void next_map(struct ui *ui, const char *arg)
{
    (void)arg;
    struct layers_state *s = &ui->layers;
    s->map = (enum layers_map)((s->map + 1) % LAYERS_MAPS);
}

static void next_what(struct ui *ui, const char *arg)
{
    (void)arg;
    struct layers_state *s = &ui->layers;
    s->what = (enum layers_what)((s->what + 1) % LAYERS_WHATS);
}

static void zoom_in(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_zoom(ui, true);
}

static void zoom_out(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_zoom(ui, false);
}

static void earlier(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, -1);
}

static void later(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, 1);
}

static void earliest(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, -LOOM_BIT_MAPS);
}

static void latest(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, LOOM_BIT_MAPS);
}

/* The next box that can be seen; on a full or compact screen, any. */
static void turn_focus(struct ui *ui, int by)
{
    struct dash_layout l;
    dash_layout(ui, &l);
    bool any = ui->full || l.kind != DASH_FRAMES;
    int b = (int)ui->focus;
    for (int i = 0; i < DASH_BOXES; i++) {
        b = (b + by + DASH_BOXES) % DASH_BOXES;
        if (any || l.box[b].w > 0)
            break;
    }
    ui->focus = (enum dash_box)b;
}

static void focus_next(struct ui *ui, const char *arg)
{
    (void)arg;
    turn_focus(ui, 1);
}

static void focus_last(struct ui *ui, const char *arg)
{
    (void)arg;
    turn_focus(ui, -1);
}

/* The screen. */

static void back(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui->help)
        ui->help = false;
    else if (error_shown(ui))
        ui->error_read = true;
    else if (!ui->full && ui->screen == SCREEN_RUNS)
        runs_back(ui);
    else
        ui->full = false;
}

static const char *back_word(const struct ui *ui)
{
    return error_shown(ui) ? "Close" : "Back";
}

static void open_box(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui->help || error_shown(ui))
        back(ui, "");
    else if (ui->screen == SCREEN_RUNS)
        ui->full = !ui->full && runs_any(ui);
    else if (is_empty(ui) && ui->n_scripts > 0)
        snprintf(ui->open, sizeof ui->open, "%s", ui->scripts[ui->script]);
    else if (!is_empty(ui))
        ui->full = !ui->full;
}

static const char *open_word(const struct ui *ui)
{
    struct dash_layout l;
    dash_layout(ui, &l);
    if (ui->screen == SCREEN_LAYERS && !is_empty(ui))
        return "Zoom";
    return ui->screen == SCREEN_RUNS ? "Open"
           : is_empty(ui)            ? "Run"
           : l.kind == DASH_FRAMES   ? "Zoom"
                                     : dash_box_name(ui->focus);
}

static void log_axis(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->log_y = !ui->log_y;
}

static const char *log_axis_word(const struct ui *ui)
{
    return ui->log_y ? "Linear" : "Log";
}

static void follow(struct ui *ui, const char *arg)
{
    (void)arg;
    const struct loom_view *v = ui->view;
    ui->log_at = ui->log_at || !v->n_log ? 0 : v->log[v->n_log - 1].number;
}

static void theme(struct ui *ui, const char *arg)
{
    int t = (int)ui->theme + 1;
    for (int i = 0; *arg && i < STYLE_THEMES; i++)
        if (!strcmp(arg, style_theme_name((enum style_theme)i)))
            t = i;
    ui->theme = (enum style_theme)(t % STYLE_THEMES);
    ui->redraw = true;
    note(ui, STYLE_PLAIN, "theme %s", style_theme_name(ui->theme));
}

static void to_dash(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->screen = SCREEN_DASH;
    ui->help = false;
}

static void to_layers(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->screen = SCREEN_LAYERS;
    ui->help = false;
}

static void to_builds(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->screen = SCREEN_BUILDS;
    ui->help = false;
}

static void to_runs(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->screen = SCREEN_RUNS;
    ui->help = ui->full = false;
}

/* A command that is typed to its end: its name, and what it is now. */
static void type_command(struct ui *ui, const char *name, const char *now)
{
    ui->typing = true;
    ui->choices[0] = 0;
    snprintf(ui->line, sizeof ui->line, "%s %s", name, now);
}

static void filter(struct ui *ui, const char *arg)
{
    if (*arg)
        runs_filter(ui, arg);
    else
        type_command(ui, "filter", runs_filter_begin(ui));
}

static void tag(struct ui *ui, const char *arg)
{
    if (*arg)
        runs_tag(ui, arg);
    else
        type_command(ui, "tag", "");
}

static void annotate(struct ui *ui, const char *arg)
{
    if (*arg)
        runs_note(ui, arg);
    else
        type_command(ui, "note", runs_note_text(ui));
}

static void help(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->help = !ui->help;
    ui->help_row = 0;
}

static void type(struct ui *ui, const char *arg)
{
    (void)arg;
    runs_filter_begin(ui);
    ui->typing = true;
    ui->line[0] = ui->choices[0] = 0;
}

static void open_script(struct ui *ui, const char *arg)
{
    if (!*arg)
        note(ui, STYLE_ERROR, "open: which script? :open SCRIPT.lua");
    else if (!is_empty(ui))
        note(ui, STYLE_WARN, "%s is open: quit first", ui->view->script);
    else
        snprintf(ui->open, sizeof ui->open, "%s", arg);
}

static void redraw(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->redraw = true;
}

static void suspend(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->suspend = true;
}

static void quit(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui->help)
        ui->help = false;
    else if (ui_trains(ui))
        ui->asks_quit = true;
    else
        ui->quit = true;
}

enum {
    D = 1 << SCREEN_DASH,
    L = 1 << SCREEN_LAYERS,
    B = 1 << SCREEN_BUILDS,
    R = 1 << SCREEN_RUNS,
    ALL = D | L | B | R
};

// clang-format off
const struct action actions[] = {
    {"toggle", "Space", "Pause", "", "pause or resume training",
     {' '}, ALL & ~R, trains, NULL, toggle, toggle_word},
    {"mark", "Space", "Mark", "", "mark a run to compare it",
     {' '}, R, runs_any, NULL, runs_mark, NULL},
    {"compare", "x", "Compare", "", "what differs between the marked runs",
     {'x'}, R, runs_any, runs_marked, runs_compare, runs_compare_word},
    {"pause", "", NULL, "", "pause after this batch",
     {0}, ALL, trains, NULL, pause_training, NULL},
    {"resume", "", NULL, "", "go on training",
     {0}, ALL, trains, NULL, resume_training, NULL},
    {"zoom", "Enter", "Open", "", "give the focused box the whole screen",
     {KEY_RETURN}, D | L | R, NULL, can_open, open_box, open_word},
    {"back", "Esc", "Back", "", "close, or back to all boxes",
     {KEY_ESCAPE}, ALL, NULL, can_go_back, back, back_word},
    {"down", "↓ j", "Next", "", "one row down: layer, build, run or log line",
     {KEY_ARROW_DOWN, 'j'}, ALL, NULL, is_list, down, NULL},
    {"up", "↑ k", NULL, "", "one row up",
     {KEY_ARROW_UP, 'k'}, ALL, NULL, NULL, up, NULL},
    {"filter", "/", "Filter", "[EXPR]", "acc > .75 and lut < 5k, #tag, /regex/",
     {'/'}, R, NULL, runs_stored, filter, NULL},
    {"sort", "s", "Sort", "[COLUMN]", "by the next column, or the one named",
     {'s'}, R, NULL, runs_any, runs_sort, NULL},
    {"reverse", "S", NULL, "", "the other way round",
     {'S'}, R, NULL, NULL, runs_reverse, NULL},
    {"tag", "T", "Tag", "TAG | -TAG", "give the run a tag, or take it away",
     {'T'}, R, runs_any, NULL, tag, NULL},
    {"note", "N", "Note", "[TEXT]", "write a note to the run; - removes it",
     {'N'}, R, runs_any, NULL, annotate, NULL},
    {"left", "← h", NULL, "", "one weight to the left",
     {KEY_ARROW_LEFT, 'h'}, L, has_layers, NULL, left, NULL},
    {"right", "→ l", NULL, "", "one weight to the right",
     {KEY_ARROW_RIGHT, 'l'}, L, has_layers, NULL, right, NULL},
    {"layer", "]", "Layer", "[NAME]", "the next layer, or the one named",
     {']'}, L, has_layers, NULL, turn_layer, NULL},
    {"last-layer", "[", NULL, "", "the layer before",
     {'['}, L, has_layers, NULL, last_layer, NULL},
    {"map", "m", "Map", "", "map as digits, half blocks, or means of the whole",
     {'m'}, L, has_layers, NULL, next_map, NULL},
    {"value", "v", "Value", "", "map of bits, values, errors or gradients",
     {'v'}, L, has_layers, NULL, next_what, NULL},
    {"zoom-out", "-", "Out", "", "a cell for more weights: means",
     {'-'}, L, has_layers, NULL, zoom_out, NULL},
    {"zoom-in", "+", "In", "", "a cell for fewer weights",
     {'+', '='}, L, has_layers, NULL, zoom_in, NULL},
    {"earlier", ",", "Earlier", "", "the bits of an earlier epoch",
     {','}, L, has_layers, NULL, earlier, NULL},
    {"later", ".", NULL, "", "the bits of a later epoch",
     {'.'}, L, has_layers, NULL, later, NULL},
    {"earliest", "<", NULL, "", "the bits of the first epoch",
     {'<'}, L, has_layers, NULL, earliest, NULL},
    {"now", ">", NULL, "", "the bits as they are now",
     {'>'}, L, has_layers, NULL, latest, NULL},
    {"build", "b", "Build", "[DEVICE]", "build the best point for the FPGA",
     {'b'}, ALL, NULL, has_front, build, NULL},
    {"cancel", "c", "Cancel build", "[ID]", "cancel the build that runs",
     {'c'}, ALL, NULL, has_job, cancel, NULL},
    {"beta-up", "+", "β up", "", "β × 1.25: fewer bits",
     {'+', '='}, D, trains, NULL, beta_up, NULL},
    {"beta-down", "-", "β down", "", "β / 1.25: more bits",
     {'-'}, D, trains, NULL, beta_down, NULL},
    {"beta", "", NULL, "VALUE | xFACTOR", "set β from the next batch on",
     {0}, ALL, trains, NULL, beta_typed, NULL},
    {"lr-up", ">", NULL, "", "learning rate × 1.25",
     {'>'}, D, trains, NULL, lr_up, NULL},
    {"lr-down", "<", NULL, "", "learning rate / 1.25",
     {'<'}, D, trains, NULL, lr_down, NULL},
    {"lr", "", NULL, "VALUE | xFACTOR", "set the learning rate",
     {0}, ALL, trains, NULL, lr_typed, NULL},
    {"snapshot", "s", "Snapshot", "", "write a checkpoint now",
     {'s'}, ALL & ~R, trains, NULL, snapshot, NULL},
    {"target", "", NULL, "EBOPS | off", "let β follow a target",
     {0}, ALL, trains, NULL, target, NULL},
    {"step", "n", "Step", "[batch | epoch]", "one batch, while paused",
     {'n'}, D | L, is_paused, NULL, step_batch, NULL},
    {"step-epoch", "N", NULL, "", "to the end of the epoch, while paused",
     {'N'}, D | L, is_paused, NULL, step_epoch, NULL},
    {"freeze", "F", NULL, "[LAYER]", "keep the layer's bits; again: train them",
     {'F'}, D | L, trains, NULL, freeze, NULL},
    {"rollback", "", NULL, "EPOCH", "go on from a point of the front",
     {0}, ALL, trains, NULL, rollback, NULL},
    {"branch", "", NULL, "EPOCH", "a new run from a point of the front",
     {0}, ALL, trains, NULL, branch, NULL},
    {"undo", "u", NULL, "", "take back the last change of the training",
     {'u'}, D | L | B, trains, NULL, undo, NULL},
    {"next", "Tab", "Next box", "", "focus the next box",
     {KEY_TAB}, D, has_run, NULL, focus_next, NULL},
    {"previous", "S-Tab", NULL, "", "focus the box before",
     {KEY_BACKTAB}, D, has_run, NULL, focus_last, NULL},
    {"log-axis", "l", "Log", "", "loss on a logarithmic or linear axis",
     {'l'}, D, has_run, NULL, log_axis, log_axis_word},
    {"follow", "f", NULL, "", "log: stay at the newest line, or stop here",
     {'f'}, D, has_run, NULL, follow, NULL},
    {"page-up", "PgUp", NULL, "", "one page up",
     {KEY_PAGE_UP}, ALL, NULL, NULL, page_up, NULL},
    {"page-down", "PgDn", NULL, "", "one page down",
     {KEY_PAGE_DOWN}, ALL, NULL, NULL, page_down, NULL},
    {"top", "g Home", NULL, "", "to the first row",
     {'g', KEY_FIRST}, ALL, NULL, NULL, top, NULL},
    {"bottom", "G End", NULL, "", "to the last row",
     {'G', KEY_LAST}, ALL, NULL, NULL, bottom, NULL},
    {"dash", "1", NULL, "", "training at a glance",
     {'1'}, ALL, NULL, NULL, to_dash, NULL},
    {"layers", "2", NULL, "", "one layer, weight by weight",
     {'2'}, ALL, NULL, NULL, to_layers, NULL},
    {"builds", "3", NULL, "", "all builds",
     {'3'}, ALL, NULL, NULL, to_builds, NULL},
    {"runs", "4", NULL, "", "all runs of the store",
     {'4'}, ALL, NULL, NULL, to_runs, NULL},
    {"theme", "t", NULL, "[NAME]", "next colours: viridis, cividis, plain",
     {'t'}, ALL, NULL, NULL, theme, NULL},
    {"open", "", NULL, "SCRIPT.lua", "run a script",
     {0}, ALL, NULL, NULL, open_script, NULL},
    {"redraw", "Ctrl-L", NULL, "", "paint the whole screen again",
     {KEY_CTRL('L')}, ALL, NULL, NULL, redraw, NULL},
    {"suspend", "Ctrl-Z", NULL, "", "back to the shell; training goes on",
     {KEY_CTRL('Z')}, ALL, NULL, NULL, suspend, NULL},
    {"command", ":", "Command", "", "type a command; Tab completes",
     {':'}, ALL, NULL, NULL, type, NULL},
    {"help", "?", "Help", "", "this page",
     {'?'}, ALL, NULL, NULL, help, NULL},
    {"quit", "q", "Quit", "", "save and leave (asks while training runs)",
     {'q', KEY_CTRL('C')}, ALL, NULL, NULL, quit, NULL},
    {.name = NULL},
};
// clang-format on

bool action_hinted(const struct action *a, const struct ui *ui)
{
    bool (*when)(const struct ui *) = a->hint ? a->hint : a->valid;
    return a->label && a->screens & 1u << ui->screen && (!when || when(ui));
}

/* The command line. */

static bool is_command(const struct action *a)
{
    return a->name && strcmp(a->name, "command") != 0;
}

/* The action of that name, or the only one that begins so; NULL. */
static const struct action *find(const char *name, size_t n)
{
    const struct action *found = NULL;
    int count = 0;
    for (const struct action *a = actions; a->name; a++) {
        if (!is_command(a) || strncmp(a->name, name, n) != 0)
            continue;
        if (!a->name[n])
            return a;
        found = a;
        count++;
    }
    return count == 1 ? found : NULL;
}

void action_line(struct ui *ui, const char *line)
{
    char text[UI_LINE];
    line += strspn(line, " :");
    snprintf(text, sizeof text, "%s", line);
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ')
        text[--len] = 0;
    size_t n = strcspn(text, " ");
    const char *arg = text + n + strspn(text + n, " ");
    if (!n)
        return;
    const struct action *a = find(text, n);
    if (!a)
        note(ui, STYLE_ERROR, "no command \"%.*s\": Tab lists them", (int)n,
             text);
    else if (*arg && !*a->arg)
        note(ui, STYLE_ERROR, "%s takes nothing after it", a->name);
    else if (a->valid && !a->valid(ui))
        note(ui, STYLE_WARN, "%s: nothing to do that to now", a->name);
    else
        a->run(ui, arg);
}

/* Complete the first word as far as it is certain; list what is left. */
static void complete(struct ui *ui)
{
    size_t n = strlen(ui->line), common = 0, used = 0;
    const char *first = NULL;
    int count = 0;
    ui->choices[0] = 0;
    if (strchr(ui->line, ' '))
        return;
    for (const struct action *a = actions; a->name; a++) {
        if (!is_command(a) || strncmp(a->name, ui->line, n) != 0)
            continue;
        size_t same = 0;
        while (first && first[same] && first[same] == a->name[same])
            same++;
        common = !first ? strlen(a->name) : same < common ? same : common;
        first = first ? first : a->name;
        count++;
        int wrote = snprintf(ui->choices + used, sizeof ui->choices - used,
                             "%s%s", used ? "  " : "", a->name);
        used += (size_t)wrote;
        if (used >= sizeof ui->choices)
            used = sizeof ui->choices - 1;
    }
    if (first)
        snprintf(ui->line, sizeof ui->line, "%.*s%s", (int)common, first,
                 count == 1 ? " " : "");
    if (count == 1)
        ui->choices[0] = 0;
}

static void append(struct ui *ui, int key)
{
    size_t n = strlen(ui->line);
    char utf8[5] = "";
    if (key < 0x80)
        utf8[0] = (char)key;
    else if (key < 0x800)
        snprintf(utf8, sizeof utf8, "%c%c", 0xc0 | key >> 6, 0x80 | (key & 63));
    else if (key < 0x10000)
        snprintf(utf8, sizeof utf8, "%c%c%c", 0xe0 | key >> 12,
                 0x80 | (key >> 6 & 63), 0x80 | (key & 63));
    if (n + strlen(utf8) + 1 < sizeof ui->line)
        strcpy(ui->line + n, utf8);
}

static void rub_out(struct ui *ui)
{
    size_t n = strlen(ui->line);
    while (n && (ui->line[n - 1] & 0xc0) == 0x80)
        n--;
    ui->line[n ? n - 1 : 0] = 0;
}

static bool is_prompt(const struct ui *ui, const char *command)
{
    return ui->screen == SCREEN_RUNS &&
           !strncmp(ui->line, command, strlen(command));
}

/* Return was pressed. A filter or note that was emptied is taken away, where
 * the bare command would ask for one. */
static void end_line(struct ui *ui)
{
    if (is_prompt(ui, "filter "))
        runs_filter(ui, ui->line + 7);
    else if (is_prompt(ui, "note ") && !ui->line[5])
        runs_note(ui, "-");
    else
        action_line(ui, ui->line);
}

static void key_typed(struct ui *ui, int key)
{
    if (key != KEY_TAB)
        ui->choices[0] = 0;
    if (key == KEY_ESCAPE || key == KEY_CTRL('C')) {
        ui->typing = false;
        if (is_prompt(ui, "filter "))
            runs_filter_undo(ui);
    } else if (key == KEY_RETURN) {
        ui->typing = false;
        end_line(ui);
    } else if (key == KEY_TAB) {
        complete(ui);
    } else if (key == KEY_RUBOUT || key == 8 || key == KEY_ERASE) {
        if (!ui->line[0])
            ui->typing = false;
        rub_out(ui);
    } else if (key == KEY_CTRL('U')) {
        ui->line[0] = 0;
    } else if (key >= ' ' && key < KEY_SPECIAL) {
        append(ui, key);
    }
    if (ui->typing && is_prompt(ui, "filter "))
        runs_filter_preview(ui, ui->line + 7);
}

static void key_asked(struct ui *ui, int key)
{
    if (key == 'y' || key == 'Y' || key == KEY_CTRL('C'))
        ui->quit = true;
    if (key == 'y' || key == 'Y' || key == 'n' || key == 'N' ||
        key == KEY_ESCAPE || key == KEY_CTRL('C') || key == 'q')
        ui->asks_quit = false;
}

static const struct action *of_key(int key, enum screen screen)
{
    for (const struct action *a = actions; a->name; a++)
        for (int i = 0; i < 3 && a->key[i]; i++)
            if (a->key[i] == key && a->screens & 1u << screen)
                return a;
    return NULL;
}

void action_key(struct ui *ui, int key)
{
    if (key == KEY_NONE)
        return;
    ui->note[0] = 0;
    if (ui->asks_quit) {
        key_asked(ui, key);
        return;
    }
    if (ui->typing) {
        key_typed(ui, key);
        return;
    }
    const struct action *a = of_key(key, ui->screen);
    if (a && (!a->valid || a->valid(ui)))
        a->run(ui, "");
}
