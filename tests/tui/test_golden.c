/* Every screen in every state, as text: tests/tui/golden/NAME.txt. With
 * --update the files are written anew; look at the difference before keeping
 * it. Usage: test_golden GOLDEN_FOLDER [--update] */
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

#include "engine/file.h"
#include "tests/tui/views.h"
#include "tui/key.h"
#include "tui/builds.h"
#include "tui/data.h"
#include "tui/keys.h"
#include "tui/layers.h"

static const char *folder;
static bool update;
static struct loom_view view;
static struct loom_layer_detail detail;
static struct loom_console_view lines;
static struct loom_data_view data;
static struct builds_files files;

static const struct {
    int w, h;
} sizes[] = {{60, 16}, {80, 24}, {160, 48}};

/* Name of the file, view, and the keys that lead to the picture. */
static const struct {
    const char *name;
    enum view_kind view;
    const char *keys;
    enum runs_kind runs;
} cases[] = {
    {"dash-empty", VIEW_EMPTY, "", RUNS_NULL},
    {"dash-loading", VIEW_LOADING, "", RUNS_NULL},
    {"dash-first", VIEW_FIRST, "", RUNS_NULL},
    {"dash-running", VIEW_RUNNING, "", RUNS_NULL},
    {"dash-pausing", VIEW_PAUSING, "", RUNS_NULL},
    {"dash-paused", VIEW_PAUSED, "", RUNS_NULL},
    {"dash-done", VIEW_DONE, "", RUNS_NULL},
    {"dash-failed", VIEW_FAILED, "", RUNS_NULL},
    {"dash-building", VIEW_BUILDING, "", RUNS_NULL},
    {"dash-odd", VIEW_ODD, "", RUNS_NULL},
    {"layers-empty", VIEW_EMPTY, "2", RUNS_NULL},
    {"layers-first", VIEW_FIRST, "2]", RUNS_NULL},
    {"layers-none", VIEW_RUNNING, "2", RUNS_NULL},
    {"layers-running", VIEW_RUNNING, "2]]jjjjlllll", RUNS_NULL},
    {"layers-large", VIEW_PAUSED, "2]G", RUNS_NULL},
    {"layers-blocks", VIEW_RUNNING, "2]m", RUNS_NULL},
    {"layers-whole", VIEW_RUNNING, "2]mm", RUNS_NULL},
    {"layers-means", VIEW_RUNNING, "2]--jj", RUNS_NULL},
    {"layers-value", VIEW_RUNNING, "2]]v", RUNS_NULL},
    {"layers-past", VIEW_RUNNING, "2]],,,,,,", RUNS_NULL},
    {"layers-earliest", VIEW_DONE, "2]]]<", RUNS_NULL},
    {"layers-full", VIEW_RUNNING, "2]\r", RUNS_NULL},
    {"layers-odd", VIEW_ODD, "2]vvvl", RUNS_NULL},
    {"builds-empty", VIEW_RUNNING, "3", RUNS_NULL},
    {"builds-running", VIEW_BUILDING, "3j", RUNS_NULL},
    {"builds-failed", VIEW_BUILDING, "3jj", RUNS_NULL},
    {"builds-done", VIEW_BUILDING, "3G", RUNS_NULL},
    {"builds-cells", VIEW_BUILDING, "3Gm", RUNS_NULL},
    {"builds-path", VIEW_BUILDING, "3Gmm", RUNS_NULL},
    {"builds-log", VIEW_BUILDING, "3Gl", RUNS_NULL},
    {"builds-find", VIEW_BUILDING, "3jll/over\rNN", RUNS_NULL},
    {"builds-only", VIEW_BUILDING, "3j/over\r&\rkk", RUNS_NULL},
    {"builds-wrong", VIEW_BUILDING, "3G/(", RUNS_NULL},
    {"builds-versus", VIEW_BUILDING, "3jx", RUNS_NULL},
    {"builds-help", VIEW_BUILDING, "3?", RUNS_NULL},
    {"builds-odd", VIEW_ODD, "3", RUNS_NULL},
    {"help", VIEW_RUNNING, "?", RUNS_NULL},
    {"command", VIEW_RUNNING, ":be\t", RUNS_NULL},
    {"quit", VIEW_RUNNING, "q", RUNS_NULL},
    {"linear", VIEW_RUNNING, "l", RUNS_NULL},
    {"full-bits", VIEW_RUNNING, "\t\tj\r", RUNS_NULL},
    {"runs-loading", VIEW_RUNNING, "4", RUNS_NULL},
    {"runs-empty", VIEW_EMPTY, "4", RUNS_NOTHING},
    {"runs-absent", VIEW_EMPTY, "4", RUNS_ABSENT},
    {"runs-error", VIEW_RUNNING, "4", RUNS_BROKEN},
    {"runs", VIEW_RUNNING, "4", RUNS_SOME},
    {"runs-down", VIEW_DONE, "4sjjj", RUNS_SOME},
    {"runs-full", VIEW_RUNNING, "4\r", RUNS_SOME},
    {"runs-filter", VIEW_RUNNING, "4/rms < 13 and #beta", RUNS_SOME},
    {"runs-filter-wrong", VIEW_RUNNING, "4/rms < x", RUNS_SOME},
    {"runs-filter-none", VIEW_RUNNING, "4/#bogus\r", RUNS_SOME},
    {"runs-compare", VIEW_RUNNING, "4 j x", RUNS_SOME},
    {"runs-front", VIEW_RUNNING, "4pjj", RUNS_SOME},
    {"runs-front-lut4", VIEW_DONE, "4$", RUNS_SOME},
    {"runs-parallel", VIEW_RUNNING, "4pp j", RUNS_SOME},
    {"runs-columns", VIEW_RUNNING, "4:columns run lc seed tags\r", RUNS_SOME},
    {"runs-odd-front", VIEW_ODD, "4p", RUNS_STRANGE},
    {"runs-odd-parallel", VIEW_ODD, "4pp", RUNS_STRANGE},
    {"runs-odd", VIEW_ODD, "4", RUNS_STRANGE},
    {"runs-help", VIEW_RUNNING, "4?", RUNS_SOME},
    {"data-empty", VIEW_EMPTY, "5", RUNS_NULL},
    {"data-loading", VIEW_LOADING, "5", RUNS_NULL},
    {"data", VIEW_RUNNING, "5jj", RUNS_NULL},
    {"data-sum", VIEW_PAUSED, "5mG", RUNS_NULL},
    {"data-rows", VIEW_RUNNING, "5\rjjll", RUNS_NULL},
    {"data-no-rows", VIEW_RUNNING, "5pp", RUNS_NULL},
    {"data-odd", VIEW_ODD, "5jjj", RUNS_NULL},
    {"data-help", VIEW_RUNNING, "5?", RUNS_NULL},
    {"lua-empty", VIEW_EMPTY, "6", RUNS_NULL},
    {"lua", VIEW_RUNNING, "6run.lo", RUNS_NULL},
    {"lua-back", VIEW_PAUSED, "6\033kkk", RUNS_NULL},
    {"lua-busy", VIEW_BUILDING, "6", RUNS_NULL},
    {"lua-help", VIEW_RUNNING, "6\033?", RUNS_NULL},
    {"palette", VIEW_RUNNING, "\020", RUNS_NULL},
    {"palette-build", VIEW_RUNNING, "3\020bu", RUNS_NULL},
    {"palette-none", VIEW_RUNNING, "\020xyzzy", RUNS_NULL},
    {"quit-build", VIEW_BUILT, "q", RUNS_NULL},
    {"full-log", VIEW_RUNNING, "\t\t\t\t\rkkkk", RUNS_NULL},
};

static bool accept_command(void *ud, const struct loom_command *c)
{
    (void)ud;
    (void)c;
    return true;
}

/* As the loop does it: a key, and what the screen then asks for. */
static void press(struct ui *ui, const char *keys)
{
    for (; *keys; keys++) {
        keys_press(ui, *keys);
        layers_watch(ui);
        view_detail(ui->view, &ui->layers.sent, &detail);
        ui->detail = &detail;
        data_watch(ui);
        builds_watch(ui);
        if (ui->builds.wanted.dir[0]) {
            view_files(&ui->builds.wanted, &files);
            ui->files = &files;
        }
        if (ui->look.sent.on && ui->view->train.n_layers) {
            view_data(!isnan(ui->view->train.loss), &ui->look.sent, &data);
            ui->data = &data;
        }
    }
}

/* The first line that differs, for the eye. */
static void show_difference(const char *name, const char *want, const char *got)
{
    for (int line = 1; *want || *got; line++) {
        size_t nw = strcspn(want, "\n"), ng = strcspn(got, "\n");
        if (nw != ng || memcmp(want, got, nw) != 0) {
            print_error("%s:%d\n  want %.*s\n  got  %.*s\n", name, line,
                        (int)nw, want, (int)ng, got);
            return;
        }
        want += nw + (want[nw] == '\n');
        got += ng + (got[ng] == '\n');
    }
}

static int check(const char *name, const char *got)
{
    char path[1024];
    void *want = NULL;
    size_t n;
    struct loom_errmsg e;
    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    if (update)
        return loom_file_write(path, got, strlen(got), &e) ? 1 : 0;
    if (loom_file_read(path, 1 << 20, &want, &n, &e)) {
        print_error("%s: no golden file (--update writes it)\n", name);
        return 1;
    }
    int bad = n != strlen(got) || memcmp(want, got, n) != 0;
    if (bad)
        show_difference(name, want, got);
    free(want);
    return bad;
}

static int check_case(size_t c, size_t size, bool ascii)
{
    struct ui ui;
    struct grid g;
    char name[80];
    ui_init(&ui);
    ui.w = sizes[size].w;
    ui.h = sizes[size].h;
    ui.send = accept_command;
    view_make(cases[c].view, &view);
    ui.view = &view;
    if (cases[c].view == VIEW_EMPTY) {
        ui.n_scripts = 3;
        strcpy(ui.scripts[0], "examples/jets.lua");
        strcpy(ui.scripts[1], "examples/mnist.lua");
        strcpy(ui.scripts[2], "examples/muon.lua");
    }
    ui.runs = runs_make(cases[c].runs);
    view_console(&lines);
    lines.busy = cases[c].view == VIEW_BUILDING;
    if (cases[c].view != VIEW_EMPTY)
        ui.lines = &lines;
    press(&ui, cases[c].keys);
    grid_init(&g, ascii ? GRID_ASCII : GRID_BRAILLE);
    ui_draw(&g, &ui);
    char *text = grid_text(&g);
    snprintf(name, sizeof name, "%s-%dx%d%s", cases[c].name, ui.w, ui.h,
             ascii ? "-ascii" : "");
    int bad = check(name, text);
    free(text);
    runs_list_free(ui.runs);
    grid_deinit(&g);
    return bad;
}

static void test_golden(void **unused)
{
    (void)unused;
    int bad = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int ascii = 0; ascii < 2; ascii++)
                bad += check_case(c, s, ascii);
    assert_int_equal(bad, 0);
}

/* Without colour the attributes must still tell what is what: a letter a
 * cell, b bold, d dim, r reverse, over the running Dash. */
static void test_mono(void **unused)
{
    (void)unused;
    struct ui ui;
    struct grid g;
    ui_init(&ui);
    ui.w = 80;
    ui.h = 24;
    view_make(VIEW_BUILDING, &view);
    ui.view = &view;
    grid_init(&g, GRID_BRAILLE);
    ui_draw(&g, &ui);
    char text[81 * 24 + 1], *p = text;
    for (int y = 0; y < 24; y++, *p++ = '\n')
        for (int x = 0; x < 80; x++) {
            struct style_look k =
                style_look((enum style)g.cell[y * 80 + x].style, STYLE_VIRIDIS,
                           STYLE_MONO);
            assert_int_equal(k.fg, -1);
            assert_int_equal(k.bg, -1);
            *p++ = k.reverse ? 'r' : k.bold ? 'b' : k.dim ? 'd' : '.';
        }
    *p = 0;
    assert_int_equal(check("mono-80x24", text), 0);
    grid_deinit(&g);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_mono),
    };
    folder = argc > 1 ? argv[1] : "tests/tui/golden";
    update = argc > 2 && !strcmp(argv[2], "--update");
    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
