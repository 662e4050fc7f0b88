#include "tui/line.h"

#include <stdio.h>
#include <string.h>

#include "fpga_flow/target.h"
#include "tui/action.h"
#include "tui/builds_pane.h"
#include "tui/dash_action.h"
#include "tui/key.h"
#include "tui/layers_impl.h"
#include "tui/runs_action.h"

void line_open(struct ui *ui, const char *text)
{
    runs_filter_begin(ui);
    memcpy(ui->builds.pattern_before, ui->builds.wanted.pattern,
           sizeof ui->builds.pattern_before);
    memcpy(ui->dash.find_before, ui->dash.find, sizeof ui->dash.find);
    ui->typing = true;
    ui->choices[0] = 0;
    edit_set(&ui->line, text);
}

/* ---- doing it ---- */

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

void line_run(struct ui *ui, const char *line)
{
    char text[EDIT_SIZE];
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
        ui_say(ui, STYLE_ERROR, "no command \"%.*s\": Tab lists them", (int)n,
               text);
    else if (*arg && !*a->arg)
        ui_say(ui, STYLE_ERROR, "%s takes nothing after it", a->name);
    else
        action_do(ui, a, arg);
}

/* ---- completion ---- */

/* What a word could be: number i of them into buf; false after the last. */
typedef bool choice_of(const struct ui *ui, int i, char buf[UI_PATH]);

static bool give(char buf[UI_PATH], const char *text)
{
    if (text)
        snprintf(buf, UI_PATH, "%s", text);
    return text != NULL;
}

static bool command_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    (void)ui;
    for (const struct action *a = actions; a->name; a++)
        if (is_command(a) && i-- == 0)
            return give(buf, a->name);
    return false;
}

static bool theme_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    (void)ui;
    return i < STYLE_THEMES && give(buf, style_theme_name((enum style_theme)i));
}

static bool sort_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    (void)ui;
    return i < RUNS_SORTS && give(buf, runs_sort_name((enum runs_sort)i));
}

static bool layer_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    const struct loom_train_view *t = &ui->view->train;
    return i < t->n_layers && give(buf, t->layer[i].name);
}

static bool device_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    (void)ui;
    for (const struct loom_device *d = loom_devices; d->name; d++)
        if (i-- == 0)
            return give(buf, d->shorthand);
    return false;
}

static bool script_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    return i < ui->n_scripts && give(buf, ui->scripts[i]);
}

static bool front_epoch(const struct ui *ui, int i, char buf[UI_PATH])
{
    const struct loom_train_view *t = &ui->view->train;
    return i < t->n_front &&
           snprintf(buf, UI_PATH, "%d", t->front[i].epoch) > 0;
}

static bool step_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    static const char *const names[] = {"batch", "epoch", NULL};
    (void)ui;
    return give(buf, names[i < 2 ? i : 2]);
}

static bool column_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    (void)ui;
    return give(buf, runs_column(i));
}

static bool what_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    (void)ui;
    return i < LAYERS_WHATS &&
           give(buf, layers_what_name((enum layers_what)i));
}

static bool cost_name(const struct ui *ui, int i, char buf[UI_PATH])
{
    static const char *const names[] = {"ebops", "lut4", "lc", NULL};
    (void)ui;
    return give(buf, names[i < 3 ? i : 3]);
}

static const struct {
    const char *command;
    choice_of *choice;
} choices[] = {
    {"theme", theme_name},     {"sort", sort_name},     {"layer", layer_name},
    {"freeze", layer_name},    {"build", device_name},  {"open", script_name},
    {"rollback", front_epoch}, {"branch", front_epoch},
    {"step", step_name},       {"columns", column_name},
    {"cost", cost_name},       {"value", what_name},
};

/* The word at the end of the line as far as it is certain; all that are left
 * are listed. */
static void complete(struct ui *ui)
{
    char *text = ui->line.text, first[UI_PATH] = "", name[UI_PATH];
    size_t start = strcspn(text, " "), common = 0, used = 0;
    choice_of *choice = NULL;
    int count = 0;
    if (!text[start])
        choice = command_name;
    for (size_t i = 0; !choice && i < sizeof choices / sizeof *choices; i++)
        if (!strncmp(text, choices[i].command, start) &&
            !choices[i].command[start])
            choice = choices[i].choice;
    start = text[start] ? (size_t)(strrchr(text, ' ') - text) + 1 : 0;
    size_t n = strlen(text + start);
    ui->choices[0] = 0;
    for (int i = 0; choice && choice(ui, i, name); i++) {
        if (strncmp(name, text + start, n) != 0)
            continue;
        size_t same = 0;
        while (count && first[same] && first[same] == name[same])
            same++;
        if (!count++)
            snprintf(first, sizeof first, "%s", name);
        common = count == 1 ? strlen(first) : same < common ? same : common;
        int wrote = snprintf(ui->choices + used, sizeof ui->choices - used,
                             "%s%s", used ? "  " : "", name);
        used += (size_t)wrote;
        if (used >= sizeof ui->choices)
            used = sizeof ui->choices - 1;
    }
    if (!count)
        return;
    char whole[EDIT_SIZE];
    snprintf(whole, sizeof whole, "%.*s%.*s%s", (int)start, text, (int)common,
             first, count == 1 ? " " : "");
    edit_set(&ui->line, whole);
    if (count == 1)
        ui->choices[0] = 0;
}

/* ---- keys ---- */

static bool is_prompt(const struct ui *ui, const char *command)
{
    return ui->screen == SCREEN_RUNS &&
           !strncmp(ui->line.text, command, strlen(command));
}

/* A pattern for the log of a build, or a text for that of Dash. */
static bool is_find(const struct ui *ui)
{
    return (ui->screen == SCREEN_BUILDS || ui->screen == SCREEN_DASH) &&
           !strncmp(ui->line.text, "find ", 5);
}

static void find_text(struct ui *ui, const char *builds, const char *dash)
{
    if (ui->screen == SCREEN_BUILDS)
        builds_find(ui, builds);
    else
        dash_find(ui, dash);
}

/* Return was pressed. A filter or note that was emptied is taken away, where
 * the bare command would ask for one. */
static void end_line(struct ui *ui)
{
    if (is_prompt(ui, "filter "))
        runs_filter(ui, ui->line.text + 7);
    else if (is_find(ui))
        find_text(ui, ui->line.text + 5, ui->line.text + 5);
    else if (is_prompt(ui, "note ") && !ui->line.text[5])
        runs_note(ui, "-");
    else
        line_run(ui, ui->line.text);
}

void line_key(struct ui *ui, int key)
{
    if (key != KEY_TAB)
        ui->choices[0] = 0;
    if (key == KEY_ESCAPE || key == KEY_CTRL('C')) {
        ui->typing = false;
        if (is_prompt(ui, "filter "))
            runs_filter_undo(ui);
        if (is_find(ui))
            find_text(ui, ui->builds.pattern_before, ui->dash.find_before);
    } else if (key == KEY_RETURN) {
        ui->typing = false;
        end_line(ui);
    } else if (key == KEY_TAB) {
        complete(ui);
    } else {
        if ((key == KEY_RUBOUT || key == 8) && !ui->line.text[0])
            ui->typing = false;
        edit_key(&ui->line, key);
    }
    if (ui->typing && is_prompt(ui, "filter "))
        runs_filter_preview(ui, ui->line.text + 7);
    if (ui->typing && is_find(ui))
        find_text(ui, ui->line.text + 5, ui->line.text + 5);
}
