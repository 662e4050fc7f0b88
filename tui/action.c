#include "tui/action.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tui/builds_pane.h"
#include "tui/console.h"
#include "tui/copy.h"
#include "tui/dash_action.h"
#include "tui/dash.h"
#include "tui/data.h"
#include "tui/help.h"
#include "tui/key.h"
#include "tui/layers_action.h"
#include "tui/line.h"
#include "tui/palette.h"
#include "tui/runs_action.h"
#include "tui/train_action.h"

static int clamp(long v, long lo, long hi)
{
    return (int)(v < lo ? lo : v > hi ? hi : v);
}

/* When an action can be done. */

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

static bool error_shown(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_FAILED && !ui->error_read;
}

static bool can_go_back(const struct ui *ui)
{
    return ui->full || error_shown(ui) ||
           (ui->screen == SCREEN_DASH && dash_can_go_back(ui)) ||
           (ui->screen == SCREEN_RUNS && runs_can_go_back(ui)) ||
           console_types(ui);
}

static bool can_open(const struct ui *ui)
{
    if (ui->screen == SCREEN_RUNS)
        return !ui->full && runs_any(ui);
    if (ui->screen == SCREEN_DATA)
        return !ui->full && data_any(ui);
    if (ui->screen == SCREEN_BUILDS)
        return !ui->full && builds_any(ui);
    return is_empty(ui) ? ui->n_scripts > 0 : !ui->full && !error_shown(ui);
}

static bool can_find(const struct ui *ui)
{
    return ui->screen == SCREEN_DASH ? ui->view->n_log > 0 : builds_any(ui);
}

static bool has_points(const struct ui *ui)
{
    return ui->view->train.n_points > 0;
}

/* Its hint is left out where there is no room. */
static bool has_palette(const struct ui *ui)
{
    return ui->w >= 60;
}

static bool is_list(const struct ui *ui)
{
    return ui->screen == SCREEN_DASH     ? is_empty(ui) && ui->n_scripts > 1
           : ui->screen == SCREEN_BUILDS ? builds_two(ui)
                                         : false;
}

/* Moving. */

void action_move(struct ui *ui, long by)
{
    if (ui->help)
        ui->help_row = clamp(ui->help_row + by, 0, help_last_row(ui));
    else
        ui_screen(ui->screen)->move(ui, by, 0);
}

static int page(const struct ui *ui)
{
    int rows = ui->help ? ui->h - 4 : ui_screen(ui->screen)->page(ui);
    return rows > 1 ? rows : 1;
}

static void up(struct ui *ui, const char *arg)
{
    (void)arg;
    action_move(ui, -1);
}

static void down(struct ui *ui, const char *arg)
{
    (void)arg;
    action_move(ui, 1);
}

static void page_up(struct ui *ui, const char *arg)
{
    (void)arg;
    action_move(ui, -page(ui));
}

static void page_down(struct ui *ui, const char *arg)
{
    (void)arg;
    action_move(ui, page(ui));
}

static void top(struct ui *ui, const char *arg)
{
    (void)arg;
    action_move(ui, -INT_MAX / 2);
}

static void bottom(struct ui *ui, const char *arg)
{
    (void)arg;
    action_move(ui, INT_MAX / 2);
}

static bool has_columns(const struct ui *ui)
{
    return ui->screen == SCREEN_RUNS ? runs_on_axes(ui) : has_layers(ui);
}

static void left(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_screen(ui->screen)->move(ui, 0, -1);
}

static void right(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_screen(ui->screen)->move(ui, 0, 1);
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
    else if (!ui->full && ui->screen == SCREEN_DASH)
        dash_back(ui);
    else if (console_types(ui))
        ui->console.keys = true;
    else
        ui->full = false;
}

static const char *back_word(const struct ui *ui)
{
    return error_shown(ui) ? "Close" : "Back";
}

static void choose_script(struct ui *ui)
{
    memcpy(ui->open, ui->scripts[ui->script], sizeof ui->open);
    ui->go_on = ui->script == 0 && ui->last[0];
}

static void open_box(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui->help || error_shown(ui))
        back(ui, "");
    else if (ui->screen == SCREEN_RUNS)
        ui->full = !ui->full && runs_any(ui);
    else if (ui->screen == SCREEN_DATA)
        ui->full = !ui->full && data_any(ui);
    else if (ui->screen == SCREEN_BUILDS)
        ui->full = !ui->full && builds_any(ui);
    else if (is_empty(ui) && ui->n_scripts > 0)
        choose_script(ui);
    else if (!is_empty(ui))
        ui->full = !ui->full;
}

static const char *open_word(const struct ui *ui)
{
    struct dash_layout l;
    dash_layout(ui, &l);
    if (ui->screen == SCREEN_LAYERS && !is_empty(ui))
        return "Zoom";
    if (ui->screen == SCREEN_DATA)
        return "Rows";
    if (ui->screen == SCREEN_BUILDS)
        return "Zoom";
    return ui->screen == SCREEN_RUNS ? "Open"
           : is_empty(ui) ? ui->last[0] && !ui->script ? "Go on" : "Run"
           : l.kind == DASH_FRAMES ? "Zoom"
                                   : dash_box_name(ui->focus);
}

static void theme(struct ui *ui, const char *arg)
{
    int t = (int)ui->theme + 1;
    for (int i = 0; *arg && i < STYLE_THEMES; i++)
        if (!strcmp(arg, style_theme_name((enum style_theme)i)))
            t = i;
    ui->theme = (enum style_theme)(t % STYLE_THEMES);
    ui->redraw = true;
    ui_say(ui, STYLE_PLAIN, "theme %s", style_theme_name(ui->theme));
}

static void to_dash(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_turn(ui, SCREEN_DASH);
}

static void to_layers(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_turn(ui, SCREEN_LAYERS);
}

static void to_builds(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_turn(ui, SCREEN_BUILDS);
}

static void to_runs(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_turn(ui, SCREEN_RUNS);
}

static void to_data(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_turn(ui, SCREEN_DATA);
}

static void to_lua(struct ui *ui, const char *arg)
{
    ui_turn(ui, SCREEN_LUA);
    if (*arg)
        console_run(ui, arg);
}

/* A command that is typed to its end: its name, and what it is now. */
static void type_command(struct ui *ui, const char *name, const char *now)
{
    char text[EDIT_SIZE];
    snprintf(text, sizeof text, "%s %s", name, now);
    line_open(ui, text);
}

static void filter(struct ui *ui, const char *arg)
{
    if (*arg)
        runs_filter(ui, arg);
    else
        type_command(ui, "filter", runs_filter_begin(ui));
}

static void find(struct ui *ui, const char *arg)
{
    bool dash = ui->screen == SCREEN_DASH;
    if (!*arg)
        type_command(ui, "find",
                     dash ? ui->dash.find : ui->builds.wanted.pattern);
    else if (dash)
        dash_find(ui, arg);
    else
        builds_find(ui, arg);
}

static void tag(struct ui *ui, const char *arg)
{
    if (*arg)
        runs_tag(ui, arg);
    else
        type_command(ui, "tag", "");
}

static void columns(struct ui *ui, const char *arg)
{
    char now[EDIT_SIZE / 2];
    runs_columns_text(ui, now, sizeof now);
    if (*arg)
        runs_columns(ui, arg);
    else
        type_command(ui, "columns", *now ? now : "run metric ebops lut4 ");
}

static void export_runs(struct ui *ui, const char *path)
{
    if (*path)
        copy_export(ui, path);
    else
        type_command(ui, "export", "runs.csv");
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
    line_open(ui, "");
}

static void open_script(struct ui *ui, const char *arg)
{
    if (!*arg)
        ui_say(ui, STYLE_ERROR, "open: which script? :open SCRIPT.lua");
    else if (!is_empty(ui))
        ui_say(ui, STYLE_WARN, "%s is open: quit first", ui->view->script);
    else {
        snprintf(ui->open, sizeof ui->open, "%s", arg);
        ui->go_on = false;
    }
}

static void mouse(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->no_mouse = !ui->no_mouse;
    ui_say(ui, STYLE_PLAIN, "%s",
           ui->no_mouse ? "mouse off: select text as usual"
                        : "mouse on: Shift selects text");
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
    if (console_stop(ui))
        return;
    if (ui->help)
        ui->help = false;
    else if (ui_trains(ui) || ui_builds(ui))
        ui->asks_quit = true;
    else
        ui->quit = true;
}

enum {
    D = 1 << SCREEN_DASH,
    L = 1 << SCREEN_LAYERS,
    B = 1 << SCREEN_BUILDS,
    R = 1 << SCREEN_RUNS,
    T = 1 << SCREEN_DATA,
    U = 1 << SCREEN_LUA,
    ALL = D | L | B | R | T | U
};

// clang-format off
const struct action actions[] = {
    {"toggle", "Space", "Pause", "", "pause or resume training",
     {' '}, ALL & ~R, ui_trains, NULL, train_toggle, train_toggle_word},
    {"mark", "Space", "Mark", "", "mark a run to compare it",
     {' '}, R, runs_any, NULL, runs_mark, NULL},
    {"compare", "x", "Compare", "", "what differs between the marked runs",
     {'x'}, R, runs_any, runs_marked, runs_compare, runs_compare_word},
    {"pause", "", NULL, "", "pause after this batch",
     {0}, ALL, ui_trains, NULL, train_pause, NULL},
    {"resume", "", NULL, "", "go on training",
     {0}, ALL, ui_trains, NULL, train_resume, NULL},
    {"zoom", "Enter", "Open", "", "give the focused box the whole screen",
     {KEY_RETURN}, D | L | B | R | T, NULL, can_open, open_box, open_word},
    {"pane", "m", "Pane", "[NAME]", "details, cells a layer, critical path, log",
     {'m'}, B, builds_any, NULL, builds_next_pane, NULL},
    {"log", "l", "Log", "[NAME]", "the log; again: the next tool's",
     {'l'}, B, builds_any, NULL, builds_next_log, NULL},
    {"find", "/", "Find", "[TEXT]", "lines of the log; of a build's, as PCRE2",
     {'/'}, D | B, can_find, builds_any, find, NULL},
    {"only", "&", NULL, "", "of the log only what was found, or all",
     {'&'}, B, builds_found, NULL, builds_only, NULL},
    {"next-match", "n", NULL, "", "the next line that was found",
     {'n'}, B, builds_found, NULL, builds_next_match, NULL},
    {"last-match", "N", NULL, "", "the one before",
     {'N'}, B, builds_found, NULL, builds_last_match, NULL},
    {"versus", "x", "Versus", "[ID]", "beside the build below, or the one named",
     {'x'}, B, builds_two, NULL, builds_versus, NULL},
    {"enter", "Enter", "Run", "", "run the line; type again",
     {KEY_RETURN, 'i'}, U, NULL, NULL, console_enter, console_enter_word},
    {"complete", "Tab", "Complete", "", "the word at the cursor",
     {KEY_TAB}, U, NULL, console_types, console_complete, NULL},
    {"back", "Esc", "Back", "", "close, or back to all boxes",
     {KEY_ESCAPE}, ALL, NULL, can_go_back, back, back_word},
    {"down", "↓ j", "Next", "", "one row down; console: a newer line",
     {KEY_ARROW_DOWN, 'j'}, ALL, NULL, is_list, down, NULL},
    {"up", "↑ k", NULL, "", "one row up; console: an older line",
     {KEY_ARROW_UP, 'k'}, ALL, NULL, NULL, up, NULL},
    {"filter", "/", "Filter", "[EXPR]", "acc > .75 and lut < 5k, #tag, /regex/",
     {'/'}, R, NULL, runs_stored, filter, NULL},
    {"sort", "s", "Sort", "[COLUMN]", "by the next column, or the one named",
     {'s'}, R, NULL, runs_any, runs_sort, NULL},
    {"reverse", "S", NULL, "", "the other way round",
     {'S'}, R, NULL, NULL, runs_reverse, NULL},
    {"picture", "p", "Picture", "", "details, front of all runs, parallel axes",
     {'p'}, R, runs_any, NULL, runs_next_pane, NULL},
    {"cost", "$", NULL, "[ebops | lut4 | lc]", "front by EBOPs, LUT4 or LC",
     {'$'}, R, runs_any, NULL, runs_next_cost, NULL},
    {"from", "[", "From", "", "only runs with at least as much on the axis",
     {'['}, R, runs_on_axes, NULL, runs_from, NULL},
    {"to", "]", "To", "", "only runs with at most as much on the axis",
     {']'}, R, runs_on_axes, NULL, runs_to, NULL},
    {"columns", "C", NULL, "[NAMES | auto]", "the columns of the table",
     {'C'}, R, runs_any, NULL, columns, NULL},
    {"tag", "T", "Tag", "TAG | -TAG", "give the run a tag, or take it away",
     {'T'}, R, runs_any, NULL, tag, NULL},
    {"note", "N", "Note", "[TEXT]", "write a note to the run; - removes it",
     {'N'}, R, runs_any, NULL, annotate, NULL},
    {"export", "E", "Export", "FILE.csv | .md | .tsv",
     "the runs that are marked, or all that are shown, to a file",
     {'E'}, R, runs_any, NULL, export_runs, NULL},
    {"left", "← h", NULL, "", "one weight, column or axis to the left",
     {KEY_ARROW_LEFT, 'h'}, L | R | T, has_columns, NULL, left, NULL},
    {"right", "→ l", NULL, "", "one weight, column or axis to the right",
     {KEY_ARROW_RIGHT, 'l'}, L | R | T, has_columns, NULL, right, NULL},
    {"part", "p", "Part", "[NAME]", "rows of the next part: train, val, test",
     {'p'}, T, data_any, NULL, data_next_part, NULL},
    {"sum", "m", "Sum", "", "histogram, or summed up",
     {'m'}, T, data_any, NULL, data_next_plot, data_plot_word},
    {"layer", "]", "Layer", "[NAME]", "the next layer, or the one named",
     {']'}, L, has_layers, NULL, layers_named, NULL},
    {"last-layer", "[", NULL, "", "the layer before",
     {'['}, L, has_layers, NULL, layers_before, NULL},
    {"map", "m", "Map", "", "map as digits, half blocks, or means of the whole",
     {'m'}, L, has_layers, NULL, layers_next_map, NULL},
    {"value", "v", "Value", "[NAME]",
     "map of bits, values, errors, gradients, ranges, saturation",
     {'v'}, L, has_layers, NULL, layers_next_what, NULL},
    {"inputs", "a", "Inputs", "", "the layer's weights, or its activations",
     {'a'}, L, has_layers, NULL, layers_inputs, layers_inputs_word},
    {"example", "e", NULL, "[ROW]",
     "activations of the next row of validation data",
     {'e'}, L, has_layers, NULL, layers_example, NULL},
    {"zoom-out", "-", "Out", "", "a cell for more weights: means",
     {'-'}, L, has_layers, NULL, layers_zoom_out, NULL},
    {"zoom-in", "+", "In", "", "a cell for fewer weights",
     {'+', '='}, L, has_layers, NULL, layers_zoom_in, NULL},
    {"earlier", ",", "Earlier", "", "the bits of an earlier epoch",
     {','}, L, has_layers, NULL, layers_earlier, NULL},
    {"later", ".", NULL, "", "the bits of a later epoch",
     {'.'}, L, has_layers, NULL, layers_later, NULL},
    {"earliest", "<", NULL, "", "the bits of the first epoch",
     {'<'}, L, has_layers, NULL, layers_earliest, NULL},
    {"now", ">", NULL, "", "the bits as they are now",
     {'>'}, L, has_layers, NULL, layers_latest, NULL},
    {"build", "b", "Build", "[DEVICE]", "build the best point for the FPGA",
     {'b'}, ALL, NULL, has_front, train_build, NULL},
    {"cancel", "c", "Cancel build", "[ID]", "cancel the build that runs",
     {'c'}, ALL, NULL, ui_builds, train_cancel, NULL},
    {"beta-up", "+", "β up", "", "β × 1.25: fewer bits",
     {'+', '='}, D, ui_trains, NULL, train_beta_up, NULL},
    {"beta-down", "-", "β down", "", "β / 1.25: more bits",
     {'-'}, D, ui_trains, NULL, train_beta_down, NULL},
    {"beta", "", NULL, "VALUE | xFACTOR", "set β from the next batch on",
     {0}, ALL, ui_trains, NULL, train_beta, NULL},
    {"lr-up", ">", NULL, "", "learning rate × 1.25",
     {'>'}, D, ui_trains, NULL, train_lr_up, NULL},
    {"lr-down", "<", NULL, "", "learning rate / 1.25",
     {'<'}, D, ui_trains, NULL, train_lr_down, NULL},
    {"lr", "", NULL, "VALUE | xFACTOR", "set the learning rate",
     {0}, ALL, ui_trains, NULL, train_lr, NULL},
    {"snapshot", "s", "Snapshot", "", "write a checkpoint now",
     {'s'}, ALL & ~R, ui_trains, NULL, train_snapshot, NULL},
    {"target", "", NULL, "EBOPS | off", "let β follow a target",
     {0}, ALL, ui_trains, NULL, train_target, NULL},
    {"step", "n", "Step", "[batch | epoch]", "one batch, while paused",
     {'n'}, D | L, is_paused, NULL, train_step, NULL},
    {"step-epoch", "N", NULL, "", "to the end of the epoch, while paused",
     {'N'}, D | L, is_paused, NULL, train_step_epoch, NULL},
    {"freeze", "F", NULL, "[LAYER]", "keep the layer's bits; again: train them",
     {'F'}, D | L, ui_trains, NULL, train_freeze, NULL},
    {"rollback", "r", "Roll back", "EPOCH",
     "go on from a point of the front: the one chosen",
     {'r'}, D, ui_trains, dash_point_chosen, train_rollback, NULL},
    {"branch", "B", "Branch", "EPOCH", "a new run from a point of the front",
     {'B'}, D, ui_trains, dash_point_chosen, train_branch, NULL},
    {"undo", "u", NULL, "", "take back the last change of the training",
     {'u'}, D | L | B, ui_trains, NULL, train_undo, NULL},
    {"next", "Tab", "Next box", "", "focus the next box",
     {KEY_TAB}, D, has_run, NULL, dash_next_box, NULL},
    {"previous", "S-Tab", NULL, "", "focus the box before",
     {KEY_BACKTAB}, D, has_run, NULL, dash_last_box, NULL},
    {"log-axis", "l", "Log", "", "loss on a logarithmic or linear axis",
     {'l'}, D, has_run, NULL, dash_log_axis, dash_log_axis_word},
    {"closer", "z", NULL, "", "curves: half as many epochs",
     {'z'}, D, has_points, NULL, dash_closer, NULL},
    {"wider", "Z", NULL, "", "curves: twice as many epochs",
     {'Z'}, D, has_points, NULL, dash_wider, NULL},
    {"before", "←", NULL, "", "curves: read the values of an epoch before",
     {KEY_ARROW_LEFT}, D, has_points, NULL, left, NULL},
    {"after", "→", NULL, "", "of an epoch after",
     {KEY_ARROW_RIGHT}, D, has_points, NULL, right, NULL},
    {"warnings", "w", NULL, "", "log: warnings only, or all lines",
     {'w'}, D, has_run, NULL, dash_warnings, NULL},
    {"follow", "f", NULL, "", "log: stay at the newest line, or stop here",
     {'f'}, D, has_run, NULL, dash_follow, NULL},
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
    {"data", "5", NULL, "", "what the network is trained on",
     {'5'}, ALL, NULL, NULL, to_data, NULL},
    {"lua", "6", NULL, "[LINE]", "a console on the script's state",
     {'6'}, ALL, NULL, NULL, to_lua, NULL},
    {"palette", "Ctrl-P", "Palette", "[LETTERS]", "find any action",
     {KEY_CTRL('P')}, ALL, NULL, has_palette, palette_open, NULL},
    {"copy", "y", NULL, "", "the numbers of this screen to the clipboard",
     {'y'}, ALL, NULL, NULL, copy_now, NULL},
    {"mouse", "M", NULL, "", "mouse on or off: off, text can be selected",
     {'M'}, ALL, NULL, NULL, mouse, NULL},
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

static int bound_to(const struct action *a, const struct bindings *b)
{
    for (int i = 0; i < b->n; i++)
        if (b->of[i].action == (int)(a - actions))
            return i;
    return -1;
}

const char *action_keys(const struct action *a, const struct bindings *b)
{
    int i = bound_to(a, b);
    return i < 0 ? a->keys : b->of[i].name;
}

static bool has_key(const struct action *a, int key, const struct bindings *b)
{
    int own = bound_to(a, b);
    if (own >= 0)
        return b->of[own].key == key;
    for (int i = 0; i < 3 && a->key[i]; i++)
        if (a->key[i] == key)
            return true;
    return false;
}

const struct action *action_of_key(int key, enum screen screen,
                                   const struct bindings *b)
{
    for (const struct action *a = actions; a->name; a++)
        if (a->screens & 1u << screen && has_key(a, key, b))
            return a;
    return NULL;
}

bool action_hinted(const struct action *a, const struct ui *ui)
{
    bool (*when)(const struct ui *) = a->hint ? a->hint : a->valid;
    int own = bound_to(a, &ui->bound);
    int key = own < 0 ? a->key[0] : ui->bound.of[own].key;
    bool letter = key >= ' ' && key < KEY_RUBOUT;
    return a->label && a->screens & 1u << ui->screen && (!when || when(ui)) &&
           !(letter && console_types(ui));
}

void action_do(struct ui *ui, const struct action *a, const char *arg)
{
    if (a->valid && !a->valid(ui)) {
        ui_say(ui, STYLE_WARN, "%s: nothing to do that to now", a->name);
        return;
    }
    for (int s = 0; s < SCREENS && !(a->screens & 1u << ui->screen); s++)
        if (a->screens & 1u << s)
            ui_turn(ui, (enum screen)s);
    a->run(ui, arg);
}
