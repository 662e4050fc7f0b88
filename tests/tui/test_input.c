/* What is typed, clicked and remembered: lines, their history, the console,
 * the palette, the mouse, the state of the last time. */
#include <locale.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/file.h"
#include "tests/tui/views.h"
#include "tui/config.h"
#include "tui/console.h"
#include "tui/history.h"
#include "tui/key.h"
#include "tui/keys.h"
#include "tui/line.h"
#include "tui/palette.h"
#include "tui/runs_export.h"
#include "tui/state.h"

static char folder[] = "/tmp/loom-input-XXXXXX";
static struct loom_view view;
static struct loom_console_view lines;
static struct grid grid;
static struct loom_command sent;
static int n_sent;

static bool take(void *ud, const struct loom_command *c)
{
    (void)ud;
    sent = *c;
    n_sent++;
    return true;
}

static void start(struct ui *ui, enum view_kind kind)
{
    ui_init(ui);
    ui->w = 80;
    ui->h = 24;
    view_make(kind, &view);
    ui->view = &view;
    ui->send = take;
    n_sent = 0;
}

static void press(struct ui *ui, const char *keys)
{
    for (; *keys; keys++)
        keys_press(ui, *keys);
}

static void test_edit(void **unused)
{
    (void)unused;
    struct edit e;
    edit_set(&e, "one two");
    edit_key(&e, KEY_ARROW_LEFT);
    edit_key(&e, 0x6f22);
    assert_string_equal(e.text, "one tw漢o");
    edit_key(&e, KEY_RUBOUT);
    edit_key(&e, KEY_ERASE);
    assert_string_equal(e.text, "one tw");
    edit_key(&e, KEY_CTRL('W'));
    assert_string_equal(e.text, "one ");
    edit_key(&e, KEY_CTRL('A'));
    edit_key(&e, KEY_RUBOUT);
    edit_key(&e, 0x1f600);
    assert_string_equal(e.text, "😀one ");
    edit_key(&e, KEY_CTRL('K'));
    edit_key(&e, KEY_CTRL('U'));
    assert_string_equal(e.text, "");
    assert_false(edit_key(&e, KEY_RETURN) || edit_key(&e, KEY_PAGE_UP));
    for (int i = 0; i < EDIT_SIZE; i++)
        edit_key(&e, 0xe9);
    assert_int_equal(strlen(e.text), (EDIT_SIZE - 1) / 2 * 2);
    char longer[EDIT_SIZE + 9];
    memset(longer, 'x', sizeof longer);
    memcpy(longer + EDIT_SIZE - 2, "é", 2);
    longer[sizeof longer - 1] = 0;
    edit_set(&e, longer);
    assert_int_equal(strlen(e.text), EDIT_SIZE - 2); /* no half of the é */
}

static void test_history(void **unused)
{
    (void)unused;
    char path[64];
    struct edit e;
    snprintf(path, sizeof path, "%s/lines", folder);
    struct history *h = history_new(path);
    history_add(h, "run.loss");
    history_add(h, "model");
    history_add(h, "model");
    history_add(h, "run.beta");
    history_free(h);
    h = history_new(path); /* from the disk */
    edit_set(&e, "");
    history_turn(h, -1, &e);
    history_turn(h, -1, &e);
    history_turn(h, -1, &e);
    assert_string_equal(e.text, "run.loss");
    history_turn(h, -1, &e);
    assert_string_equal(e.text, "run.loss");
    history_turn(h, 1, &e);
    history_turn(h, 1, &e);
    history_turn(h, 1, &e);
    assert_string_equal(e.text, "");
    edit_set(&e, "run.l"); /* only what begins so */
    history_turn(h, -1, &e);
    assert_string_equal(e.text, "run.loss");
    history_turn(h, 1, &e);
    assert_string_equal(e.text, "run.l");
    for (int i = 0; i < 3000; i++) {
        char line[16];
        snprintf(line, sizeof line, "%d", i);
        history_add(h, line);
    }
    history_free(h);
    history_free(history_new(path)); /* too long: written anew */
    void *text;
    size_t n;
    struct loom_errmsg err;
    assert_int_equal(loom_file_read(path, 1 << 20, &text, &n, &err), 0);
    assert_int_equal(n, 500 * 5);
    free(text);
    history_add(NULL, "x");
    history_turn(NULL, 1, &e);
}

static void test_console(void **unused)
{
    (void)unused;
    struct ui ui;
    start(&ui, VIEW_RUNNING);
    press(&ui, "61 + q?:\r"); /* all of it is Lua */
    assert_int_equal(sent.kind, LOOM_CMD_EVAL);
    assert_string_equal(sent.text, "1 + q?:");
    press(&ui, "  \r\r");
    assert_int_equal(n_sent, 1);
    press(&ui, "\tru");
    sent.kind = LOOM_CMD_STOP;
    press(&ui, "n.\t");
    assert_int_equal(sent.kind, LOOM_CMD_COMPLETE);
    assert_string_equal(sent.text, "  run.");
    lines = (struct loom_console_view){.completed = sent.value,
                                       .completion = "val_",
                                       .choices = "val_loss  val_metric"};
    ui.lines = &lines;
    console_news(&ui);
    assert_string_equal(ui.console.input.text, "  run.val_");
    assert_non_null(strstr(ui.choices, "val_metric"));
    console_news(&ui); /* once is enough */
    assert_string_equal(ui.console.input.text, "  run.val_");
    keys_press(&ui, KEY_CTRL('C'));
    assert_string_equal(ui.console.input.text, "");
    lines.busy = true;
    keys_press(&ui, KEY_CTRL('C'));
    assert_true(ui.stop_line && !ui.asks_quit);
    lines.busy = false;
    lines.more = true;
    keys_press(&ui, KEY_CTRL('C'));
    assert_int_equal(sent.kind, LOOM_CMD_FORGET);
    lines.more = false;
    keys_press(&ui, KEY_CTRL('C'));
    assert_true(ui.asks_quit);
    press(&ui, "n\033");
    assert_true(ui.console.keys);
    press(&ui, "3");
    assert_int_equal(ui.screen, SCREEN_BUILDS);
    press(&ui, ":lua run.loss\r");
    assert_int_equal(ui.screen, SCREEN_LUA);
    assert_string_equal(sent.text, "run.loss");
    lines.n_actions = 2;
    lines.action[0].number = 4;
    lines.action[1].number = 5;
    strcpy(lines.action[1].text, "theme cividis");
    ui.console.acts = 4;
    const char *asked = console_action(&ui);
    assert_non_null(asked);
    line_run(&ui, asked);
    assert_int_equal(ui.theme, STYLE_CIVIDIS);
    assert_null(console_action(&ui));
}

static void test_palette(void **unused)
{
    (void)unused;
    struct ui ui;
    assert_true(palette_score("bu", "build") > palette_score("bu", "beta-up"));
    assert_true(palette_score("xyz", "build") < 0);
    start(&ui, VIEW_RUNNING);
    press(&ui, "\020snap\r");
    assert_int_equal(sent.kind, LOOM_CMD_SNAPSHOT);
    assert_false(ui.palette.open);
    press(&ui, "\020rollb\r"); /* wants an epoch */
    assert_true(ui.typing);
    assert_string_equal(ui.line.text, "rollback ");
    press(&ui, "203\r");
    assert_int_equal(sent.kind, LOOM_CMD_ROLLBACK);
    press(&ui, "\020zoom-out\r"); /* of another screen */
    assert_int_equal(ui.screen, SCREEN_LAYERS);
    int before = n_sent;
    press(&ui, "\020snap\033");
    assert_true(!ui.palette.open && n_sent == before);
}

/* Where a text is on the screen. */
static bool find(const struct ui *ui, const char *text, struct mouse *m)
{
    ui_draw(&grid, ui);
    for (m->y = 0; m->y < grid.h; m->y++)
        for (m->x = 0; m->x + (int)strlen(text) <= grid.w; m->x++) {
            int i = 0;
            const struct cell *c = &grid.cell[m->y * grid.w + m->x];
            while (text[i] && c[i].ch == (unsigned char)text[i])
                i++;
            if (!text[i])
                return true;
        }
    return false;
}

static void click(struct ui *ui, const char *text, bool twice)
{
    struct mouse m = {.what = twice ? MOUSE_DOUBLE : MOUSE_CLICK};
    if (!find(ui, text, &m))
        fail_msg("nothing says \"%s\"", text);
    keys_mouse(ui, &grid, &m);
}

static void test_mouse(void **unused)
{
    (void)unused;
    struct ui ui;
    struct mouse wheel = {MOUSE_DOWN, 40, 12};
    start(&ui, VIEW_BUILDING);
    click(&ui, "bits per layer", false);
    assert_int_equal(ui.focus, DASH_BITS);
    click(&ui, "dense_1", false);
    assert_int_equal(ui.layer, 2);
    click(&ui, "Pause", false);
    assert_int_equal(sent.kind, LOOM_CMD_TOGGLE);
    click(&ui, "bits per layer", true);
    assert_true(ui.full);
    click(&ui, "3 Builds", false);
    assert_int_equal(ui.screen, SCREEN_BUILDS);
    ui.full = false;
    click(&ui, "b-12", false);
    assert_int_equal(ui.build_id, 12);
    ui_draw(&grid, &ui);
    keys_mouse(&ui, &grid, &wheel);
    assert_int_equal(ui.build_id, 9);
    press(&ui, "4");
    ui.runs = runs_make(RUNS_SOME);
    click(&ui, "jets-010", false);
    assert_string_equal(ui.runs->cursor, "jets-010");
    click(&ui, "muon-012", true);
    assert_true(ui.full);
    assert_string_equal(ui.runs->cursor, "muon-012");
    press(&ui, "\020snap");
    click(&ui, "write a checkpoint", false);
    assert_int_equal(sent.kind, LOOM_CMD_SNAPSHOT);
    press(&ui, "q");
    click(&ui, "Yes", false);
    assert_true(ui.quit);
    runs_list_free(ui.runs);
    start(&ui, VIEW_EMPTY);
    ui.n_scripts = 2;
    strcpy(ui.scripts[0], "one.lua");
    strcpy(ui.scripts[1], "two.lua");
    click(&ui, "two.lua", true);
    assert_string_equal(ui.open, "two.lua");
}

static void test_state(void **unused)
{
    (void)unused;
    struct ui ui;
    struct loom_errmsg err;
    char path[64], script[64];
    static const char wrong[] = "{\"screen\":99,\"zoom\":-4,\"set\":{}}";
    const char *given[] = {"beta=1e-5", NULL}, *none[] = {NULL}, **set;
    snprintf(path, sizeof path, "%s/screen.json", folder);
    snprintf(script, sizeof script, "%s/a.lua", folder);
    assert_int_equal(loom_file_write(script, "", 0, &err), 0);
    start(&ui, VIEW_PAUSED);
    press(&ui, "2m");
    ui.layers.zoom = 4;
    ui.theme = STYLE_CIVIDIS;
    struct loom_session_conf conf = {
        .script = script, .out = folder, .set = given};
    state_save(path, &ui, NULL, &conf);
    start(&ui, VIEW_EMPTY);
    json_t *j = state_load(path, &ui);
    assert_non_null(j);
    assert_true(ui.screen == SCREEN_LAYERS && ui.theme == STYLE_CIVIDIS &&
                ui.layers.map == LAYERS_BLOCKS && ui.layers.zoom == 4);
    assert_int_equal(ui.n_scripts, 1);
    assert_string_equal(ui.last, "go on with muon-017, epoch 214 of 600");
    press(&ui, "1\r");
    assert_true(ui.go_on && ui.open[0]);
    conf = (struct loom_session_conf){.set = none};
    state_resume(j, &conf, &set);
    assert_string_equal(conf.resume, "muon-017");
    assert_string_equal(conf.set[0], "beta=1e-5");
    assert_non_null(strstr(conf.out, "loom-input"));
    free(set);
    /* Nothing was opened: what there was is kept. */
    conf = (struct loom_session_conf){0};
    state_save(path, &ui, j, &conf);
    json_decref(j);
    j = state_load(path, &ui);
    assert_string_equal(json_string_value(json_object_get(j, "run")),
                        "muon-017");
    json_decref(j);
    assert_int_equal(loom_file_write(path, wrong, strlen(wrong), &err), 0);
    start(&ui, VIEW_EMPTY);
    j = state_load(path, &ui);
    assert_non_null(j);
    json_decref(j);
    assert_true(ui.screen == SCREEN_DASH && ui.layers.zoom == 1);
    assert_null(state_load("/nonexistent/x", &ui));
    state_save("/nonexistent/x", &ui, NULL, &conf);
}

static void put(const char *name, const char *text, size_t n)
{
    char path[80];
    struct loom_errmsg err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(loom_file_write(path, text, n, &err), 0);
}

/* A build's folder, whole, half and hostile. */
static void test_folder(void **unused)
{
    (void)unused;
    static const char report[] =
        "{\"critical_path\":[{\"type\":\"routing\",\"delay_ns\":1.5,"
        "\"cell\":\"x\",\"layer\":\"dense_0\",\"output\":3},7,"
        "{\"type\":\"logic\",\"cell\":\"LC_1\"}],"
        "\"layers\":[{\"name\":\"dense_0\",\"cells\":{\"lut4\":12},"
        "\"predicted\":{\"lc\":14}}],\"best_seed\":2,"
        "\"slack\":{\"endpoints\":9,\"failing\":1,\"least_ns\":-0.5,"
        "\"bin_ns\":0.25,\"counts\":[1,3,\"x\",5]},"
        "\"seeds\":[{\"seed\":1,\"fmax_mhz\":null},"
        "{\"seed\":2,\"fmax_mhz\":71.5}]}";
    static const char log[] = "one\nwarn: two\n\nxx\nnul\0 xx\n\xff\xfe x";
    struct builds_wanted w = {.log = BUILDS_YOSYS, .pattern = "^WARN|x+$"};
    snprintf(w.dir, sizeof w.dir, "%s", folder);
    struct builds_files *f = builds_files_read(&w);
    assert_true(!f->n_steps && !f->n_layers && !f->n_lines && !f->n_matches);
    builds_files_free(f);
    put("build.json", report, sizeof report - 1);
    put("yosys.log", log, sizeof log - 1);
    f = builds_files_read(&w);
    assert_int_equal(f->n_steps, 3);
    assert_true(f->n_slacks == 4 && f->failing == 1 && f->endpoints == 9 &&
                f->slack[1] == 3 && f->slack[2] == 0 && f->least_ns == -0.5 &&
                f->bin_ns == 0.25);
    assert_string_equal(f->step[0].where, "dense_0 output 3");
    assert_string_equal(f->step[2].where, "LC_1");
    assert_true(f->layer[0].lut4 == 12 && f->layer[0].ff == -1 &&
                f->layer[0].predicted_lc == 14);
    assert_true(f->n_seeds == 2 && f->seed[0].fmax_mhz < 0 &&
                f->seed[1].fmax_mhz > 71);
    assert_int_equal(f->n_lines, 6);
    assert_int_equal(f->n_matches, 3);
    assert_true(f->match[0] == 1 && f->match[1] == 3 && f->match[2] == 5);
    builds_files_free(f);
    strcpy(w.pattern, "a(");
    f = builds_files_read(&w);
    assert_true(f->wrong[0] && !f->n_matches && f->n_lines == 6);
    builds_files_free(f);
    put("build.json", "{\"layers\":{},", 12);
    struct loom_errmsg err;
    struct builds_reader *r = builds_reader_new(&err);
    assert_non_null(r);
    strcpy(w.pattern, "one");
    w.live = true;
    builds_reader_want(r, &w);
    struct pollfd p = {builds_reader_fd(r), POLLIN, 0};
    assert_int_equal(poll(&p, 1, 10000), 1);
    f = builds_reader_take(r);
    assert_true(f && f->n_matches == 1 && !f->n_layers);
    builds_files_free(f);
    assert_null(builds_reader_take(r));
    put("yosys.log", "one\none\n", 8); /* it grows while it runs */
    assert_int_equal(poll(&p, 1, 10000), 1);
    f = builds_reader_take(r);
    assert_true(f && f->n_matches == 2);
    builds_files_free(f);
    builds_reader_free(r);
}

/* y copies what is shown; runs are written to a file as its name says. */
static void test_copy(void **unused)
{
    (void)unused;
    struct ui ui;
    struct loom_errmsg err;
    char line[128], path[80];
    void *text;
    size_t n;
    start(&ui, VIEW_PAUSED);
    press(&ui, "y");
    assert_non_null(strstr(ui.copied, "muon-017\tepoch 214\tloss 0.205"));
    press(&ui, "\tkky");
    assert_string_equal(ui.copied, "muon-017@27\t3.42838\t30382.9 EBOPs\n");
    press(&ui, "4");
    ui.runs = runs_make(RUNS_SOME);
    press(&ui, "y");
    assert_int_equal(strncmp(ui.copied, "run\tstate\tmetric\tbest", 21), 0);
    snprintf(path, sizeof path, "%s/r.csv", folder);
    snprintf(line, sizeof line, ":export %s\r", path);
    press(&ui, line);
    assert_int_equal(loom_file_read(path, 1 << 20, &text, &n, &err), 0);
    assert_non_null(strstr(text, "run,state,metric,best,unit,epoch,ebops"));
    assert_non_null(strstr(text, "\njets-013,done,accuracy,0.7552,,214,"));
    free(text);
    strcpy(path + strlen(path) - 3, "md");
    snprintf(line, sizeof line, ":export %s\r", path);
    press(&ui, line);
    assert_int_equal(loom_file_read(path, 1 << 20, &text, &n, &err), 0);
    assert_non_null(strstr(text, "|\n|---|---|"));
    free(text);
    press(&ui, " j y"); /* the marked ones alone */
    assert_string_equal(ui.note, "copied 3 lines");
    free(ui.copied);
    press(&ui, ":export /nonexistent/r.csv\r");
    assert_non_null(strstr(ui.note, "export: /nonexistent/r.csv"));
    press(&ui, ":export r.txt\r");
    assert_non_null(strstr(ui.note, ".csv, .md or .tsv"));
    runs_list_free(ui.runs);
    char tags[] = "a|b", note[] = "1, \"2\"\n3";
    struct loom_store_run r = {.tags = tags, .note = note};
    const struct filter_row row = {.run = &r}, *rows[] = {&row};
    char *csv = runs_export_text(rows, 1, RUNS_CSV);
    assert_non_null(strstr(csv, ",a|b,\"1, \"\"2\"\"\n3\"\n"));
    free(csv);
    char *md = runs_export_text(rows, 1, RUNS_MARKDOWN);
    assert_non_null(strstr(md, "| a\\|b | 1, \"2\" 3 |\n"));
    free(md);
}

static int config_says(const char *text, struct config *c,
                       struct loom_errmsg *e)
{
    char path[80];
    put("config.lua", text, strlen(text));
    snprintf(path, sizeof path, "%s/config.lua", folder);
    return config_load(path, c, e);
}

/* What a config file sets, and what it is told when it is wrong: its line and
 * what would be right. */
static void test_config(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"fps = 20\ntheme = 'pink'", "config.lua:2: theme: one of viridis, "},
        {"\n\nfps = 0", ":3: fps: a whole number from 1 to 60"},
        {"fps = '20'", ":1: fps: a whole number"},
        {"fps = 2.5", ":1: fps: a whole number"},
        {"mouse = 1", ":1: mouse: true or false"},
        {"colour = nil", ":1: colour: true or false"},
        {"--\nthem = 'x'", ":2: there is no setting \"them\"; known: colour"},
        {"keys = {buil = 'x'}", ":1: keys: there is no action \"buil\""},
        {"keys = {build = 'xx'}", ":1: keys: \"xx\" is no key; one char"},
        {"keys = {build = 7}", ":1: keys: a name and a key are texts"},
        {"keys = 'x'", ":1: keys: a table"},
        {"keys = {build = 't'}", "keys: t is the key of theme on Dash, not of "
                                 "build too"},
        {"keys = {build = 'X', help = 'X'}", "keys: X is the key of "},
        {"theme =", ":1: unexpected symbol"},
        {"os.exit(1)", ":1: attempt to index a nil value (global 'os')"},
        {"while true do end", "this goes on for too long"},
        {"\033Lua", "attempt to load a binary chunk"},
    };
    struct config c;
    struct loom_errmsg e;
    struct ui ui;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(config_says(wrong[i].text, &c, &e), 0);
        if (!strstr(e.text, wrong[i].says))
            fail_msg("%s\n  says %s", wrong[i].text, e.text);
    }
    assert_int_equal(config_load("/nonexistent/config.lua", &c, &e), 0);
    assert_true(!c.fps && c.theme < 0 && !c.keys.n);
    assert_int_equal(
        config_says("local dark = false\nfps = 20 mouse = false\n"
                    "theme = dark and 'viridis' or 'cividis-light'\n"
                    "glyphs = 'blocks' map = 'whole' log_axis = false\n"
                    "keys = {build = 't', theme = 'Ctrl-T', step = 'ß'}",
                    &c, &e),
        0);
    assert_true(c.fps == 20 && c.glyphs == GRID_BLOCKS && c.colour < 0);
    start(&ui, VIEW_PAUSED);
    config_apply(&c, &ui);
    assert_true(ui.theme == STYLE_CIVIDIS_LIGHT && ui.no_mouse && !ui.log_y &&
                ui.layers.map == LAYERS_WHOLE);
    press(&ui, "b"); /* no longer a key */
    assert_int_equal(n_sent, 0);
    press(&ui, "t");
    assert_int_equal(sent.kind, LOOM_CMD_BUILD);
    keys_press(&ui, KEY_CTRL('T'));
    assert_int_equal(ui.theme, STYLE_PLAINEST);
    keys_press(&ui, 0xdf);
    assert_int_equal(sent.kind, LOOM_CMD_STEP);
    struct mouse m;
    assert_true(find(&ui, "t Build", &m)); /* and the key line says so */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edit),    cmocka_unit_test(test_history),
        cmocka_unit_test(test_console), cmocka_unit_test(test_palette),
        cmocka_unit_test(test_mouse),   cmocka_unit_test(test_state),
        cmocka_unit_test(test_folder),  cmocka_unit_test(test_config),
        cmocka_unit_test(test_copy),
    };
    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8") || !mkdtemp(folder))
        return 77;
    grid_init(&grid, GRID_ASCII);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    grid_deinit(&grid);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : failed;
}
