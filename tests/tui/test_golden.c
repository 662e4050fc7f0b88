/* Every screen in every state: tests/tui/golden/NAME.txt has it at three sizes,
 * as UTF-8, as ASCII, and without colours, where attributes alone tell what is
 * what: a letter a cell, b bold, d dim, r reverse. With --update the files are
 * written anew; look at the difference before keeping it.
 * Usage: test_golden GOLDEN_FOLDER [--update] */
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
#include "tui/builds_past.h"
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
static struct loom_build_view *past;

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
    {"dash-built", VIEW_BUILT, "", RUNS_NULL},
    {"dash-values", VIEW_PAUSED, "zz\001\001\001", RUNS_NULL},
    {"dash-warnings", VIEW_RUNNING, "w", RUNS_NULL},
    {"dash-find", VIEW_RUNNING, "/front\r", RUNS_NULL},
    {"dash-find-none", VIEW_RUNNING, "/xyzzy", RUNS_NULL},
    {"full-front", VIEW_BUILDING, "\t\tjj\r", RUNS_NULL},
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
    {"layers-conv", VIEW_BUILT, "2]]jjjjlllll", RUNS_NULL},
    {"layers-conv-means", VIEW_BUILT, "2]]-", RUNS_NULL},
    {"layers-inputs", VIEW_PAUSED, "2]ajll", RUNS_NULL},
    {"layers-image", VIEW_BUILT, "2]]aelljj", RUNS_NULL},
    {"layers-range", VIEW_RUNNING, "2]]vvvvv", RUNS_NULL},
    {"layers-saturation", VIEW_RUNNING, "2]]vvvvvv", RUNS_NULL},
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
    {"builds-earlier", VIEW_BUILDING, "3Gk", RUNS_SOME},
    {"builds-earlier-versus", VIEW_BUILDING, "3jj:versus muon-012\r", RUNS_SOME},
    {"builds-only-earlier", VIEW_EMPTY, "3j", RUNS_SOME},
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

/* As the loop does it: a key (\001: the arrow to the left), and what the screen
 * then asks for. */
static void press(struct ui *ui, const char *keys)
{
    for (; *keys; keys++) {
        keys_press(ui, *keys == '\001' ? KEY_ARROW_LEFT : *keys);
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
    if (loom_file_read(path, 1 << 22, &want, &n, &e)) {
        print_error("%s: no golden file (--update writes it)\n", name);
        return 1;
    }
    int bad = n != strlen(got) || memcmp(want, got, n) != 0;
    if (bad)
        show_difference(name, want, got);
    free(want);
    return bad;
}

static void set_up(struct ui *ui, size_t c, int w, int h)
{
    ui_init(ui);
    ui->w = w;
    ui->h = h;
    ui->send = accept_command;
    view_make(cases[c].view, &view);
    ui->view = &view;
    if (cases[c].view == VIEW_EMPTY) {
        ui->n_scripts = 3;
        strcpy(ui->scripts[0], "examples/jets.lua");
        strcpy(ui->scripts[1], "examples/mnist.lua");
        strcpy(ui->scripts[2], "examples/muon.lua");
    }
    ui->runs = runs_make(cases[c].runs);
    free(past);
    past = builds_past_make(ui->runs ? ui->runs->data : NULL, &view,
                            &ui->n_past);
    ui->past = past;
    view_console(&lines);
    lines.busy = cases[c].view == VIEW_BUILDING;
    if (cases[c].view != VIEW_EMPTY)
        ui->lines = &lines;
    press(ui, cases[c].keys);
}

/* A letter a cell, without the dots at the ends of lines. */
static void write_attributes(FILE *f, const struct grid *g)
{
    for (int y = 0; y < g->h; y++)
        for (int x = 0, dots = 0; x <= g->w; x++) {
            const struct cell *c = &g->cell[y * g->w + x];
            struct style_look k = {0};
            if (x < g->w)
                k = style_look((enum style)c->style, STYLE_VIRIDIS, STYLE_MONO);
            assert_true(x == g->w || (k.fg == -1 && k.bg == -1));
            char a = k.reverse ? 'r' : k.bold ? 'b' : k.dim ? 'd' : '.';
            if (x < g->w && a == '.') {
                dots++;
                continue;
            }
            for (; x < g->w && dots; dots--)
                fputc('.', f);
            fputc(x < g->w ? a : '\n', f);
        }
}

static void write_pictures(FILE *f, size_t c, size_t size)
{
    struct ui ui;
    struct grid g;
    int w = sizes[size].w, h = sizes[size].h;
    set_up(&ui, c, w, h);
    for (int ascii = 0; ascii < 2; ascii++) {
        grid_init(&g, ascii ? GRID_ASCII : GRID_BRAILLE);
        ui_draw(&g, &ui);
        char *text = grid_text(&g);
        fprintf(f, "== %dx%d %s\n%s", w, h, ascii ? "ascii" : "utf-8", text);
        free(text);
        if (ascii) {
            fprintf(f, "== %dx%d attributes\n", w, h);
            write_attributes(f, &g);
        }
        grid_deinit(&g);
    }
    runs_list_free(ui.runs);
}

static void test_golden(void **unused)
{
    (void)unused;
    int bad = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char *text;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        assert_non_null(f);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            write_pictures(f, c, s);
        fclose(f);
        bad += check(cases[c].name, text);
        free(text);
    }
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
    };
    folder = argc > 1 ? argv[1] : "tests/tui/golden";
    update = argc > 2 && !strcmp(argv[2], "--update");
    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(past);
    return failed;
}
