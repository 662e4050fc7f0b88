/* The screen under every size, every key and much rubbish: it must draw, keep
 * its state sane and send only what was asked. Run it under ASan. */
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/rng.h"
#include "tests/tui/views.h"
#include "tui/action.h"
#include "tui/keys.h"
#include "tui/line.h"
#include "tui/builds.h"
#include "tui/builds_past.h"
#include "tui/console.h"
#include "tui/dash.h"
#include "tui/data.h"
#include "tui/format.h"
#include "tui/key.h"
#include "tui/layers.h"
#include "tui/plot.h"

static struct loom_view views[VIEW_KINDS];
static struct runs_list *lists[RUNS_KINDS];
static struct grid grid;
static struct loom_build_view *past;
static int n_past;

/* The last command sent. */
static struct loom_command sent;
static int n_sent;
static bool refuse;

static bool take(void *ud, const struct loom_command *c)
{
    (void)ud;
    sent = *c;
    n_sent++;
    return !refuse;
}

static void forget_copy(struct ui *ui)
{
    free(ui->copied);
    ui->copied = NULL;
}

static void start(struct ui *ui, enum view_kind kind, int w, int h)
{
    ui_init(ui);
    ui->w = w;
    ui->h = h;
    ui->view = &views[kind];
    ui->send = take;
    ui->runs = lists[RUNS_SOME];
    ui->past = past;
    ui->n_past = n_past;
    sent = (struct loom_command){.kind = LOOM_CMD_STOP};
    n_sent = 0;
    refuse = false;
}

static void press(struct ui *ui, const char *keys)
{
    for (; *keys; keys++)
        keys_press(ui, *keys);
}

static struct loom_layer_detail detail;
static struct loom_data_view data;
static struct builds_files files;

/* What the session would answer, sometimes late. */
static void answer(struct ui *ui)
{
    layers_watch(ui);
    view_detail(ui->view, &ui->layers.sent, &detail);
    ui->detail = &detail;
    data_watch(ui);
    builds_watch(ui);
    view_files(&ui->builds.wanted, &files);
    ui->files = &files;
    view_data(ui->view->train.state != LOOM_TRAIN_PAUSED, &ui->look.sent,
              &data);
    ui->data = &data;
}

/* Every cell is a character of width 1, or one of 2 and its other half. */
static void check_grid(const struct grid *g)
{
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            const struct cell *c = &g->cell[y * g->w + x];
            assert_true(c->style < STYLE_COUNT);
            if (c->width == 2)
                assert_true(x + 1 < g->w && c[1].width == 0);
            else if (c->width == 0)
                assert_true(x > 0 && c[-1].width == 2);
            else
                assert_true(c->width == 1 && c->ch >= ' ');
        }
}

static void draw(const struct ui *ui)
{
    ui_draw(&grid, ui);
    assert_int_equal(grid.w, ui->w);
    assert_int_equal(grid.h, ui->h);
    check_grid(&grid);
}

static const char *const roads[] = {
    "",     "\r",     "\t\t\t\r", "zz\t\tkj\r", "w/e\r", "3",    "3m",
    "3mm",  "3/a\r&", "3x",        "4",           "4\r",   "4 jx", "4x\r",
    "4p",   "4pp",    "4$$",       "?",           ":xy",    "\020bu", "2]",
    "2]a",  "2]]aej-", "2]]mjjl",  "2]mm--,",     "5",      "5\rjl", "6x"};

enum { ROADS = sizeof roads / sizeof *roads };

static void draw_at(int w, int h, int view, const char *keys,
                    enum grid_glyphs glyphs)
{
    struct ui ui;
    start(&ui, (enum view_kind)view, w, h);
    ui.runs = lists[view % RUNS_KINDS];
    press(&ui, keys);
    if (keys[0] == '2' || keys[0] == '3' || keys[0] == '5')
        answer(&ui);
    grid.glyphs = glyphs;
    draw(&ui);
}

/* All pictures at sizes where something changes. */
static void test_sizes(void **unused)
{
    (void)unused;
    static const int w[] = {1,  2,  3,  7,  12, 39,  40,  41,  55,
                            59, 60, 79, 80, 81, 119, 120, 121, 300};
    static const int h[] = {1, 2, 3, 5, 9, 10, 11, 16, 23, 24, 25, 48, 100};
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        for (size_t j = 0; j < sizeof h / sizeof *h; j++)
            for (int v = 0; v < VIEW_KINDS; v++)
                for (size_t k = (i + j + (size_t)v) % 3; /* a third of them */
                     k < ROADS; k += 3)
                    draw_at(w[i], h[j], v, roads[k],
                            (enum grid_glyphs)((i + j) % 3));
}

/* Every size there is, with one picture after the other. */
static void test_every_size(void **unused)
{
    (void)unused;
    size_t n = 0;
    for (int w = 1; w <= 300; w++)
        for (int h = 1; h <= 100; h++, n++)
            draw_at(w, h, (int)(n / 7 % VIEW_KINDS), roads[n % ROADS],
                    (enum grid_glyphs)(n / 5 % 3));
}

/* No two boxes share a cell, and none leaves the screen. */
static void test_layout(void **unused)
{
    (void)unused;
    for (int w = 80; w <= 300; w += 3)
        for (int h = 24; h <= 100; h++) {
            struct ui ui;
            struct dash_layout l;
            static char taken[100][300];
            memset(taken, 0, sizeof taken);
            start(&ui, VIEW_RUNNING, w, h);
            dash_layout(&ui, &l);
            int area = 0;
            for (int b = 0; b < DASH_BOXES; b++) {
                struct dash_rect r = l.box[b];
                if (!r.w)
                    continue;
                assert_true(r.x >= 0 && r.x + r.w <= w && r.w >= 20);
                assert_true(r.y >= 1 && r.y + r.h <= h - 1 && r.h >= 4);
                for (int y = r.y; y < r.y + r.h; y++)
                    for (int x = r.x; x < r.x + r.w; x++, area++)
                        assert_int_equal(taken[y][x]++, 0);
            }
            assert_int_equal(area, w * (h - 2));
        }
}

static void test_table(void **unused)
{
    (void)unused;
    for (const struct action *a = actions; a->name; a++) {
        assert_non_null(a->help);
        assert_true(a->run && a->screens);
        assert_true((*a->keys == 0) == (a->key[0] == 0));
        for (const struct action *b = actions; b < a; b++) {
            assert_string_not_equal(a->name, b->name);
            for (int i = 0; i < 3 && a->key[i]; i++)
                for (int j = 0; a->screens & b->screens && j < 3 && b->key[j];
                     j++)
                    assert_int_not_equal(a->key[i], b->key[j]);
        }
    }
}

/* Every action, by key and by name, on every screen in every state. */
static void test_walk(void **unused)
{
    (void)unused;
    for (int v = 0; v < VIEW_KINDS; v++)
        for (int s = 0; s < SCREENS; s++)
            for (const struct action *a = actions; a->name; a++)
                for (int full = 0; full < 2; full++) {
                    struct ui ui;
                    start(&ui, (enum view_kind)v, 80, 24);
                    ui.screen = (enum screen)s;
                    ui.runs = lists[v % RUNS_KINDS];
                    ui.full = full;
                    ui.layer = 1;
                    if (s != SCREEN_DASH)
                        answer(&ui);
                    keys_press(&ui, a->key[0]);
                    forget_copy(&ui);
                    draw(&ui);
                    if (s != SCREEN_DASH)
                        answer(&ui);
                    draw(&ui);
                    start(&ui, (enum view_kind)v, 80, 24);
                    line_run(&ui, a->name);
                    forget_copy(&ui);
                    draw(&ui);
                    if (*a->arg == 0 && strcmp(a->name, "command") != 0) {
                        char line[64];
                        snprintf(line, sizeof line, "%s x", a->name);
                        line_run(&ui, line);
                        assert_true(ui.note[0]);
                    }
                }
}

/* The picture as it is, to be compared. */
static struct cell *picture(struct ui *ui)
{
    if (ui->screen != SCREEN_DASH)
        answer(ui);
    draw(ui);
    size_t n = (size_t)grid.w * (size_t)grid.h;
    struct cell *copy = malloc(n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, grid.cell, n * sizeof *copy);
    return copy;
}

/* What a key did: asked for something, said something, or is to be seen. */
static bool has_effect(struct ui *ui, const struct cell *before)
{
    int commands = n_sent; /* answers to the new picture are no effect */
    struct cell *after = picture(ui);
    bool seen = false;
    for (int i = 0; i < grid.w * grid.h; i++)
        seen |=
            before[i].ch != after[i].ch || before[i].style != after[i].style;
    free(after);
    return seen || commands || ui->note[0] || ui->quit || ui->suspend ||
           ui->redraw || ui->stop_line || ui->copied || ui->open[0];
}

/* Moves do nothing at the end of what they move on. */
static bool is_move(const struct action *a)
{
    static const char *const names[] = {
        "up",       "down",   "page-up", "page-down", "top",
        "bottom",   "left",   "right",   "earlier",   "later",
        "earliest", "now",    "wider",   "closer",    "zoom-in",
        "zoom-out", "before", "after",   "back",      "zoom"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(a->name, names[i]))
            return true;
    for (int s = 0; s < SCREENS; s++)
        if (a->key[0] == ui_screen((enum screen)s)->key)
            return true;
    return false;
}

/* Press the key of an action after some others: whether it did something;
 * *can: it should have been able to. */
static bool try_key(const struct action *a, int view, int screen,
                    const char *road, bool *can)
{
    struct ui ui;
    start(&ui, (enum view_kind)view, 100, 30);
    ui.screen = (enum screen)screen;
    ui.layer = 1;
    free(picture(&ui)); /* the session has answered */
    for (; *road && !console_types(&ui); road++) {
        keys_press(&ui, *road);
        free(picture(&ui));
    }
    struct cell *before = picture(&ui);
    forget_copy(&ui);
    ui.redraw = false;
    ui.note[0] = 0;
    n_sent = 0;
    *can = !a->valid || a->valid(&ui);
    keys_press(&ui, a->key[0]);
    bool effect = has_effect(&ui, before);
    forget_copy(&ui);
    free(before);
    return effect;
}

/* On every screen in every state: the key of what cannot be done does nothing,
 * that of what can does something, if need be in another place. */
static void test_effects(void **unused)
{
    (void)unused;
    static const char *const elsewhere[] = {
        "j",   "k",    "+h",    "-l", ",",         "pp", "ppG",
        "pph", "/a\r", "/a\rn", "z",  ":before\r", "\r"};
    int bad = 0;
    for (const struct action *a = actions; a->name; a++)
        for (int s = 0; s < SCREENS; s++) {
            bool ever = false, can, types = s == SCREEN_LUA && a->key[0] < 256;
            if (!a->key[0] || types || !(a->screens & 1u << s))
                continue;
            for (int v = 0; v < VIEW_KINDS; v++) {
                bool effect = try_key(a, v, s, "", &can);
                ever |= effect;
                if (effect == can || (can && is_move(a)))
                    continue;
                print_error("%s, %s: %s does %s\n", view_names[v],
                            ui_screen((enum screen)s)->name, a->name,
                            effect ? "what cannot be done" : "nothing");
                bad++;
            }
            for (size_t k = 0; !ever && k < sizeof elsewhere / sizeof(char *);
                 k++)
                ever = try_key(a, VIEW_BUILDING, s, elsewhere[k], &can);
            /* What Lua moves on comes from a session and its past. */
            if (!ever && s != SCREEN_LUA &&
                a->key[0] != ui_screen((enum screen)s)->key) {
                print_error("%s: %s never does anything\n",
                            ui_screen((enum screen)s)->name, a->name);
                bad++;
            }
        }
    assert_int_equal(bad, 0);
}

static const struct {
    const char *keys; /* typed on running Dash */
    enum loom_cmd_kind kind;
    double value;
    const char *text;
} commands[] = {
    {" ", LOOM_CMD_TOGGLE, 0, ""},
    {"+", LOOM_CMD_SCALE_BETA, 1.25, ""},
    {"-", LOOM_CMD_SCALE_BETA, 0.8, ""},
    {">", LOOM_CMD_SCALE_LR, 1.25, ""},
    {"<", LOOM_CMD_SCALE_LR, 0.8, ""},
    {"s", LOOM_CMD_SNAPSHOT, 0, ""},
    {"b", LOOM_CMD_BUILD, 0, ""},
    {"c", LOOM_CMD_CANCEL_BUILD, 0, ""},
    {"3jc", LOOM_CMD_CANCEL_BUILD, 13, ""},
    {":build up5k\r", LOOM_CMD_BUILD, 0, "up5k"},
    {":cancel b-14\r", LOOM_CMD_CANCEL_BUILD, 14, ""},
    {":pau\r", LOOM_CMD_PAUSE, 0, ""},
    {":resume\r", LOOM_CMD_RESUME, 0, ""},
    {":beta x1.5\r", LOOM_CMD_SCALE_BETA, 1.5, ""},
    {":beta 1e-5\r", LOOM_CMD_SCALE_BETA, -1, ""},
    {":lr *0.5\r", LOOM_CMD_SCALE_LR, 0.5, ""},
    {":target 4k\r", LOOM_CMD_TARGET, 4000, ""},
    {":target off\r", LOOM_CMD_TARGET, 0, ""},
    {":rollback 203\r", LOOM_CMD_ROLLBACK, 203, ""},
    {":branch 203\r", LOOM_CMD_BRANCH, 203, ""},
    {"\tkr", LOOM_CMD_ROLLBACK, 27, ""}, /* the best point, chosen there */
    {"\tkjB", LOOM_CMD_BRANCH, 38, ""},
    {":target 1080 lut4\r", LOOM_CMD_TARGET, 450, ""},
    {":target 4.86k lc\r", LOOM_CMD_TARGET, 1800, ""},
    {":freeze dense_1\r", LOOM_CMD_FREEZE, 0, "dense_1"},
    {"F", LOOM_CMD_FREEZE, 0, "quant_in"},
    {"u", LOOM_CMD_UNDO, 0, ""},
    {"\t\t\r+", LOOM_CMD_SCALE_BETA, 1.25, ""},
};

static void test_commands(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct ui ui;
        start(&ui, VIEW_BUILDING, 80, 24);
        press(&ui, commands[i].keys);
        assert_int_equal(n_sent, 1);
        assert_int_equal(sent.kind, commands[i].kind);
        assert_string_equal(sent.text, commands[i].text);
        double want = commands[i].value;
        if (want < 0)
            want = 1e-5 / (double)views[VIEW_BUILDING].train.beta;
        assert_true(fabs(sent.value - want) <= 1e-6 * fabs(want));
    }
}

/* Factors add up from what was sent, also before a view tells of it; a value
 * to reach counts from the schedule. */
static void test_factors(void **unused)
{
    (void)unused;
    struct ui ui;
    start(&ui, VIEW_PAUSED, 80, 24); /* its beta factor is 1.5625 */
    press(&ui, "+");
    assert_true(fabs(sent.value - 1.5625 * 1.25) < 1e-6);
    press(&ui, "+-");
    assert_true(fabs(sent.value - 1.5625 * 1.25) < 1e-6);
    press(&ui, ":beta 1e-5\r");
    double now = (double)views[VIEW_PAUSED].train.beta;
    assert_true(fabs(sent.value - 1.5625 * 1e-5 / now) < 1e-6);
    refuse = true;
    press(&ui, "+");
    refuse = false;
    press(&ui, ":beta x1\r");
    assert_true(fabs(sent.value - 1.5625 * 1e-5 / now) < 1e-6);
}

static void test_refusals(void **unused)
{
    (void)unused;
    static const char *const wrong[] = {
        ":beta\r",       ":beta 0\r",     ":beta -1\r",    ":beta x\r",
        ":beta nan\r",   ":beta 1e-5x\r", ":nonsense\r",   ":p\r",
        ":quit now\r",   ":lr inf\r",     ":target\r",     ":target 0\r",
        ":target 4kk\r", ":rollback\r",   ":rollback 1\r", ":rollback 203x\r",
        ":step\r"};
    struct ui ui;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        start(&ui, VIEW_RUNNING, 80, 24);
        press(&ui, wrong[i]);
        assert_int_equal(n_sent, 0);
        assert_true(ui.note[0]);
    }
    start(&ui, VIEW_RUNNING, 80, 24);
    press(&ui, "c"); /* no build runs */
    assert_int_equal(n_sent, 0);
    refuse = true;
    press(&ui, " ");
    assert_non_null(strstr(ui.note, "busy"));
    start(&ui, VIEW_DONE, 80, 24);
    press(&ui, " +-<>s");
    assert_int_equal(n_sent, 0);
    start(&ui, VIEW_EMPTY, 80, 24);
    press(&ui, " b");
    assert_int_equal(n_sent, 0);
}

static void test_quit(void **unused)
{
    (void)unused;
    struct ui ui;
    start(&ui, VIEW_DONE, 80, 24);
    press(&ui, "q");
    assert_true(ui.quit);
    start(&ui, VIEW_RUNNING, 80, 24);
    press(&ui, "q");
    assert_true(ui.asks_quit && !ui.quit);
    press(&ui, "x");
    assert_true(ui.asks_quit);
    press(&ui, "n");
    assert_false(ui.asks_quit || ui.quit);
    press(&ui, "qy");
    assert_true(ui.quit);
    start(&ui, VIEW_RUNNING, 80, 24);
    keys_press(&ui, KEY_CTRL('C'));
    keys_press(&ui, KEY_CTRL('C'));
    assert_true(ui.quit);
}

static void test_log_scroll(void **unused)
{
    (void)unused;
    struct ui ui;
    const struct loom_view *v = &views[VIEW_RUNNING];
    start(&ui, VIEW_RUNNING, 80, 24);
    press(&ui, "k");
    assert_int_equal(ui.log_at, v->log[v->n_log - 2].number);
    press(&ui, "j");
    assert_int_equal(ui.log_at, 0);
    press(&ui, "g");
    uint64_t top = ui.log_at;
    press(&ui, "kkk");
    assert_int_equal(ui.log_at, top);
    press(&ui, "j");
    assert_int_equal(ui.log_at, top + 1);
    press(&ui, "f");
    assert_int_equal(ui.log_at, 0);
}

/* The cursor stays in the layer, the window around it, and the session is
 * asked for just what is shown, once. */
static void test_layers(void **unused)
{
    (void)unused;
    struct ui ui;
    const struct loom_layer_watch *w = &sent.watch;
    start(&ui, VIEW_RUNNING, 80, 24);
    layers_watch(&ui);
    assert_int_equal(n_sent, 0);
    press(&ui, "2]");
    layers_watch(&ui);
    layers_watch(&ui);
    assert_int_equal(n_sent, 1);
    assert_int_equal(sent.kind, LOOM_CMD_WATCH_LAYER);
    assert_string_equal(w->name, "dense_0");
    assert_true(w->row == 0 && w->col == 0 && w->high == 1 && w->wide == 1 &&
                !w->epoch);
    press(&ui, "Ghhk");
    answer(&ui);
    assert_int_equal(ui.layers.row, 348);
    assert_int_equal(ui.layers.col, 0);
    assert_int_equal(w->row + w->rows, 350);
    press(&ui, "--");
    answer(&ui);
    assert_int_equal(w->high, 4);
    assert_int_equal(w->row % 4, 0);
    press(&ui, "+,,.");
    answer(&ui);
    assert_int_equal(w->wide, 2);
    assert_int_equal(w->epoch, detail.point[detail.n_points - 1].epoch);
    press(&ui, "<");
    answer(&ui);
    assert_int_equal(w->epoch, 1);
    press(&ui, ">mm");
    answer(&ui);
    assert_true(!w->epoch && w->rows * w->high >= 350);
    press(&ui, ":layer out\r");
    assert_int_equal(ui.layer, 4);
    press(&ui, ":layer nonsense\r");
    assert_true(ui.note[0]);
    press(&ui, "1");
    layers_watch(&ui);
    assert_string_equal(w->name, "");
}

/* The curves' cursor, zoom and the log's filter; Esc gives them up again. */
static void test_curves(void **unused)
{
    (void)unused;
    struct ui ui;
    start(&ui, VIEW_RUNNING, 160, 48);
    keys_press(&ui, KEY_ARROW_RIGHT);
    assert_int_equal(ui.dash.cursor, 0);
    keys_press(&ui, KEY_ARROW_LEFT);
    keys_press(&ui, KEY_ARROW_LEFT);
    assert_int_equal(ui.dash.cursor, 213);
    keys_press(&ui, KEY_ARROW_RIGHT);
    assert_int_equal(ui.dash.cursor, 214);
    keys_press(&ui, KEY_ARROW_RIGHT);
    assert_int_equal(ui.dash.cursor, 0);
    press(&ui, "zzzzzzzzzzzz");
    assert_int_equal(ui.dash.zoom, 5); /* 214 >> 5 are as few as is useful */
    press(&ui, "Z");
    assert_int_equal(ui.dash.zoom, 4);
    press(&ui, "w/pruned\r");
    assert_true(ui.dash.warnings);
    assert_string_equal(ui.dash.find, "pruned");
    press(&ui, "/xyz\033");
    assert_string_equal(ui.dash.find, "pruned");
    press(&ui, "\033\033");
    assert_true(!ui.dash.zoom && !ui.dash.find[0] && !ui.dash.warnings);
    press(&ui, "r"); /* no point is chosen */
    assert_int_equal(n_sent, 0);
}

static void test_random(void **unused)
{
    (void)unused;
    static const int special[] = {
        KEY_TAB,     KEY_RETURN,    KEY_ESCAPE,     KEY_RUBOUT,
        KEY_BACKTAB, KEY_ARROW_UP,  KEY_ARROW_DOWN, KEY_ARROW_LEFT,
        KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_FIRST,      KEY_LAST,
        KEY_ERASE,   KEY_CTRL('L'), KEY_CTRL('P'),  KEY_CTRL('U'),
        0x6f22,      0x1f600,       0x301,          0x110fff};
    const char *many = getenv("LOOM_RANDOM_KEYS"); /* by hand: 100000 */
    struct loom_rng r = loom_rng_init(3, 0);
    struct loom_console_view lines;
    struct ui ui;
    start(&ui, VIEW_RUNNING, 80, 24);
    view_console(&lines);
    ui.lines = &lines;
    for (int i = 0, n = many ? atoi(many) : 10000; i < n; i++) {
        uint64_t x = loom_rng_u64(&r);
        if (x % 16 == 0) {
            ui.w = 1 + (int)((x >> 8) % 300);
            ui.h = 1 + (int)((x >> 20) % 100);
        } else if (x % 16 == 1) {
            ui.view = &views[(x >> 8) % VIEW_KINDS];
            ui.runs = lists[(x >> 16) % RUNS_KINDS];
        } else if (x % 16 == 2) {
            struct mouse m = {(int)((x >> 8) % 4), (int)((x >> 16) % 300),
                              (int)((x >> 32) % 100)};
            keys_mouse(&ui, &grid, &m);
        } else if (x % 16 == 3) {
            lines.busy = x >> 8 & 1;
            lines.more = x >> 9 & 1;
            lines.completed = ui.console.asked;
            console_news(&ui);
        } else if (x % 16 < 8) {
            keys_press(&ui, special[(x >> 8) % 20]);
        } else {
            keys_press(&ui, (int)((x >> 8) & 127));
        }
        ui.quit = ui.suspend = ui.redraw = false;
        forget_copy(&ui);
        ui.open[0] = 0;
        if (x >> 40 & 1 && i % 4 == 0)
            answer(&ui);
        if (i % 4 == 0)
            draw(&ui);
    }
}

static void test_format(void **unused)
{
    (void)unused;
    char b[FORMAT_CHARS];
    assert_string_equal(format_value(0.24712, b), "0.2471");
    assert_string_equal(format_value(99999, b), "99999");
    assert_string_equal(format_value(123456, b), "1.2e5");
    assert_string_equal(format_value(-0.00012, b), "-1.2e-4");
    assert_string_equal(format_value(NAN, b), "—");
    assert_string_equal(format_power(9.96e-7, b), "1.0e-6");
    assert_string_equal(format_power(0, b), "0");
    assert_string_equal(format_count(28412, b), "28.4k");
    assert_string_equal(format_count(9999, b), "9999");
    assert_string_equal(format_count(1234567, b), "1235k");
    assert_string_equal(format_seconds(0.414, b), "0.41 s");
    assert_string_equal(format_seconds(158, b), "2m38");
    assert_string_equal(format_seconds(3840, b), "1h04");
    assert_string_equal(format_seconds(-1, b), "—");
    assert_string_equal(format_seconds(1e30, b), "—");
}

static void test_plot_edges(void **unused)
{
    (void)unused;
    float x[4] = {1, 2, 3, 4}, nan4[4] = {NAN, INFINITY, -INFINITY, NAN};
    float one[1] = {5}, huge[4] = {3e38f, -3e38f, 1e-45f, 0};
    struct plot_axes ax;
    struct plot_line none = {x, nan4, 4, STYLE_VAL, false};
    struct plot_line point = {x, one, 1, STYLE_VAL, false};
    struct plot_line wild = {x, huge, 4, STYLE_VAL, true};
    assert_false(plot_line_axes(&none, 1, true, &ax));
    assert_false(plot_line_axes(NULL, 0, true, &ax));
    grid_resize(&grid, 40, 10);
    for (int log_y = 0; log_y < 2; log_y++) {
        assert_true(plot_line_axes(&point, 1, log_y, &ax));
        plot_lines(plot_labels(grid_all(&grid), &ax, "x"), &point, 1, &ax);
        assert_true(plot_line_axes(&wild, 1, log_y, &ax));
        plot_lines(plot_labels(grid_all(&grid), &ax, "x"), &wild, 1, &ax);
    }
    plot_spark(grid_all(&grid), huge, 4, STYLE_VAL);
    plot_spark(grid_all(&grid), nan4, 4, STYLE_VAL);
    plot_spark(grid_all(&grid), one, 1, STYLE_VAL);
    check_grid(&grid);
}

static void test_style(void **unused)
{
    (void)unused;
    assert_int_equal(style_depth(0, NULL, NULL), STYLE_MONO);
    assert_int_equal(style_depth(256, "truecolor", "1"), STYLE_MONO);
    assert_int_equal(style_depth(8, "truecolor", NULL), STYLE_16);
    assert_int_equal(style_depth(256, NULL, ""), STYLE_256);
    assert_int_equal(style_depth(256, "24bit", NULL), STYLE_TRUE);
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 10; i++) {
            enum style s = (enum style)(STYLE_BITS + i);
            struct style_look k = style_look(s, (enum style_theme)t, STYLE_256);
            assert_true(k.bg >= 16 && (k.fg == 16 || k.fg == 231));
            assert_int_equal(style_look(s, (enum style_theme)t, STYLE_16).bg,
                             -1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_layout),
        cmocka_unit_test(test_table),      cmocka_unit_test(test_walk),
        cmocka_unit_test(test_effects),    cmocka_unit_test(test_commands),
        cmocka_unit_test(test_factors),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_quit),       cmocka_unit_test(test_log_scroll),
        cmocka_unit_test(test_random),     cmocka_unit_test(test_curves),
        cmocka_unit_test(test_every_size), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_format),     cmocka_unit_test(test_plot_edges),
        cmocka_unit_test(test_style),
    };
    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    for (int v = 0; v < VIEW_KINDS; v++)
        view_make((enum view_kind)v, &views[v]);
    for (int k = 0; k < RUNS_KINDS; k++)
        lists[k] = runs_make((enum runs_kind)k);
    past = builds_past_make(lists[RUNS_SOME]->data, &views[VIEW_EMPTY],
                            &n_past);
    grid_init(&grid, GRID_BRAILLE);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grid_deinit(&grid);
    for (int k = 0; k < RUNS_KINDS; k++)
        runs_list_free(lists[k]);
    free(past);
    return failed;
}
