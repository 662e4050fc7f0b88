#include "tui/console.h"

#include <stdio.h>
#include <string.h>

#include "tui/history.h"

bool console_types(const struct ui *ui)
{
    return ui->screen == SCREEN_LUA && !ui->console.keys && !ui->help;
}

bool console_busy(const struct ui *ui)
{
    return ui->lines && ui->lines->busy;
}

/* ---- keys ---- */

void console_run(struct ui *ui, const char *text)
{
    if (ui_send(ui, LOOM_CMD_EVAL, 0, text, ""))
        ui->console.back = 0;
}

void console_enter(struct ui *ui, const char *arg)
{
    struct console_state *c = &ui->console;
    (void)arg;
    if (c->keys) {
        c->keys = false;
        return;
    }
    if (!c->input.text[strspn(c->input.text, " ")])
        return;
    if (!ui_send(ui, LOOM_CMD_EVAL, 0, c->input.text, ""))
        return;
    history_add(ui->history, c->input.text);
    edit_set(&c->input, "");
    c->back = 0;
    c->waits = false;
}

const char *console_enter_word(const struct ui *ui)
{
    return ui->console.keys ? "Type" : "Run";
}

void console_complete(struct ui *ui, const char *arg)
{
    struct console_state *c = &ui->console;
    char text[EDIT_SIZE];
    (void)arg;
    if (c->keys)
        return;
    snprintf(text, sizeof text, "%.*s", c->input.at, c->input.text);
    c->asked += 1;
    c->waits = ui_send(ui, LOOM_CMD_COMPLETE, c->asked, text, "");
}

bool console_stop(struct ui *ui)
{
    struct console_state *c = &ui->console;
    if (ui->screen != SCREEN_LUA)
        return false;
    if (console_busy(ui)) {
        ui->stop_line = true;
        ui_say(ui, STYLE_WARN, "stopping the line");
    } else if (c->input.text[0]) {
        edit_set(&c->input, "");
    } else if (ui->lines && ui->lines->more) {
        ui_send(ui, LOOM_CMD_FORGET, 0, "", "");
    } else {
        return false;
    }
    return true;
}

void console_news(struct ui *ui)
{
    struct console_state *c = &ui->console;
    const struct loom_console_view *v = ui->lines;
    if (!v || !c->waits || v->completed < c->asked)
        return;
    c->waits = false;
    for (const char *p = v->completion; *p;)
        edit_key(&c->input, (int)text_next(&p));
    if (!v->completion[0] || strstr(v->choices, "  "))
        snprintf(ui->choices, sizeof ui->choices, "%s",
                 v->choices[0] ? v->choices : "nothing begins so");
}

const char *console_action(struct ui *ui)
{
    const struct loom_console_view *v = ui->lines;
    for (int i = 0; v && i < v->n_actions; i++)
        if (v->action[i].number > ui->console.acts) {
            ui->console.acts = v->action[i].number;
            return v->action[i].text;
        }
    return NULL;
}

/* ---- the screen ---- */

static const char *const nothing[] = {
    "Lua, on the script's own state, between two batches. Try",
    "",
    "run.loss                   what the training is at; Tab completes",
    "run:set(\"beta\", 1e-5)      beta, lr or target from the next batch",
    "run.layers                 the layers, their bits and EBOPs",
    "run:pause()  run:step()    and resume, snapshot, freeze, rollback, undo",
    "run:build(\"up5k\")          build the best point",
    "runs()                     all runs of the store",
    "ui.action(\"runs\")          any command of the screen",
    "",
    "The script's own variables are there too. Esc: keys are commands again.",
};

int console_page(const struct ui *ui)
{
    int rows = ui->h - 6;
    return rows > 1 ? rows : 1;
}

/* Rows that a line takes. */
static int height(const struct loom_console_line *l, int w)
{
    int n = text_width(l->text);
    return n <= w || w < 1 ? 1 : (n + w - 1) / w;
}

static void scroll(struct ui *ui, long by)
{
    long most = ui->lines ? ui->lines->n - 1 : 0;
    long back = ui->console.back - by;
    ui->console.back = back < 0 || most < 0 ? 0 : back > most ? most : back;
}

void console_move(struct ui *ui, long rows, long cols)
{
    struct console_state *c = &ui->console;
    (void)cols;
    if (c->keys || rows < -1 || rows > 1)
        scroll(ui, rows);
    else if (rows)
        history_turn(ui->history, (int)rows, &c->input);
}

static const struct {
    const char *prompt;
    enum style style;
} kinds[] = {
    [LOOM_CONSOLE_INPUT] = {"> ", STYLE_BOLD},
    [LOOM_CONSOLE_MORE] = {"… ", STYLE_BOLD},
    [LOOM_CONSOLE_OUTPUT] = {"", STYLE_PLAIN},
    [LOOM_CONSOLE_ERROR] = {"✘ ", STYLE_ERROR},
};

/* A line from column 0 on, broken anywhere. */
static void draw_line(struct area a, int y, const struct loom_console_line *l)
{
    int indent = text_width(kinds[l->kind].prompt), w = a.w - indent;
    struct area in = area_sub(a, indent, 0, w, a.h);
    area_text(a, 0, y, STYLE_KEY, kinds[l->kind].prompt);
    for (int x = 0, i = 0, n = height(l, w); i < n; i++, x += w)
        if (y + i >= 0)
            area_text(area_sub(in, 0, y + i, w, 1), -x, 0, kinds[l->kind].style,
                      l->text);
}

static void draw_lines(struct area a, const struct ui *ui)
{
    const struct loom_console_view *v = ui->lines;
    int y = a.h;
    for (int i = v->n - 1 - (int)ui->console.back; i >= 0 && y > 0; i--) {
        const struct loom_console_line *l = &v->line[i];
        y -= height(l, a.w - text_width(kinds[l->kind].prompt));
        draw_line(a, y, l);
    }
}

static void draw_input(struct area a, const struct ui *ui)
{
    const struct loom_console_view *v = ui->lines;
    if (console_busy(ui))
        area_text(a, 0, 0, STYLE_WARN, "… runs; Ctrl-C stops it");
    else if (ui->console.keys)
        area_text(a, 0, 0, STYLE_DIM, "> Enter to type");
    else
        edit_draw(a, v && v->more ? "… " : "> ", &ui->console.input);
}

void console_draw(struct area all, const struct ui *ui)
{
    struct area body = ui_body(all);
    bool frame = ui->w >= 40 && body.h >= 6;
    char note[48] = "";
    if (ui->console.back)
        snprintf(note, sizeof note, "%ld more ↓", ui->console.back);
    struct area in =
        frame ? area_box(body, true, "lua", note[0] ? note : NULL) : body;
    struct area out = area_sub(in, 0, 0, in.w, in.h - 1);
    if (ui->lines && ui->lines->n) {
        draw_lines(out, ui);
    } else {
        int n = sizeof nothing / sizeof *nothing;
        for (int i = 0; i < n; i++)
            area_text(out, 1, i + (out.h > n + 1), STYLE_DIM, nothing[i]);
    }
    draw_input(area_sub(in, 0, in.h - 1, in.w, 1), ui);
}
