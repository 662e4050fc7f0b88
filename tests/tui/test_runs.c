/* The list of runs: order, marks, cursor, filter while it is typed; and the
 * thread that reads the store, against a real one. */
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/tui/views.h"
#include "tui/action.h"
#include "tui/keys.h"
#include "tui/line.h"
#include "tui/key.h"
#include "tui/runs.h"
#include "tui/runs_reader.h"

static char wrote_id[LOOM_RUN_ID], wrote_tags[80], wrote_note[80];

static bool write_run(void *ud, const char *id, const char *tags,
                      const char *note)
{
    (void)ud;
    snprintf(wrote_id, sizeof wrote_id, "%s", id);
    snprintf(wrote_tags, sizeof wrote_tags, "%s", tags ? tags : "(keep)");
    snprintf(wrote_note, sizeof wrote_note, "%s", note ? note : "(keep)");
    return true;
}

static void start(struct ui *ui)
{
    ui_init(ui);
    ui->w = 80;
    ui->h = 24;
    ui->runs = runs_make(RUNS_SOME);
    ui->runs->write = write_run;
    keys_press(ui, '4');
}

static void press(struct ui *ui, const char *keys)
{
    for (; *keys; keys++)
        keys_press(ui, *keys);
}

static const char *id_at(const struct ui *ui, int i)
{
    const struct filter_row *row = runs_list_row(ui->runs, i);
    return row ? row->run->id : "";
}

/* Keys, and what is then at the top, at the bottom and at the cursor. */
static const struct {
    const char *keys, *first, *last, *cursor;
    int n;
} moves[] = {
    {"", "muon-014", "jets-001", "muon-014", 14},
    {"S", "jets-001", "muon-014", "muon-014", 14},
    {":sort ebops\r", "jets-001", "jets-010", "muon-014", 14},
    {":sort ebops\rS", "muon-014", "jets-010", "muon-014", 14},
    {":sort metric\r", "jets-013", "muon-002", "muon-014", 14},
    {":sort id\r", "jets-001", "muon-014", "muon-014", 14},
    {":sort epochs\r", "jets-001", "jets-010", "muon-014", 14},
    {":sort fmax\r", "jets-004", "jets-001", "muon-014", 14},
    {":sort bogus\r", "muon-014", "jets-001", "muon-014", 14},
    {"ssssssss", "muon-014", "jets-001", "muon-014", 14},
    {"jjj", "muon-014", "jets-001", "muon-011", 14},
    {"G", "muon-014", "jets-001", "jets-001", 14},
    {"jjkG0g", "muon-014", "jets-001", "muon-014", 14},
    {"/jets\r", "jets-013", "jets-001", "jets-013", 5},
    {"/jets\rGS", "jets-001", "jets-013", "jets-001", 5},
    {"/rms < 11\r", "muon-014", "muon-012", "muon-014", 2},
    {"/rms <\r", "muon-014", "muon-002", "muon-014", 9},
    {"/jets\x1b", "muon-014", "jets-001", "muon-014", 14},
    {"/jets\r\x1b", "muon-014", "jets-001", "jets-013", 14},
    {"/jets\r/\x15"
     "filter #beta\r",
     "muon-012", "jets-001", "muon-012", 6},
    {"/jets\r/\x7f\x7f\x7f\x7f\r", "muon-014", "jets-001", "jets-013", 14},
    {":filter state = failed\r", "jets-010", "jets-010", "jets-010", 1},
    {"/nothing\r", "", "", "", 0},
    {"]", "muon-014", "jets-001", "muon-014", 14}, /* without axes nothing */
    {"/jets\rpp]", "jets-013", "jets-001", "jets-013", 4},
    {"/jets\rppjj]", "jets-007", "jets-001", "jets-007", 3},
    {"/jets\rppjj[", "jets-013", "jets-007", "jets-007", 2},
    {"/jets\rppjjh]", "jets-007", "jets-001", "jets-007", 3}, /* EBOPs */
    {"/jets\rppGhhhhhhl]", "jets-001", "jets-001", "jets-001", 1},
    {"/jets or muon\rpp[]", "jets-013", "jets-013", "jets-013", 1},
    {"/jets\rppj]", "jets-013", "jets-001", "jets-010", 5}, /* no metric */
    {"/jets\rpp]\x1b", "muon-014", "jets-001", "jets-013", 14},
};

static void test_moves(void **unused)
{
    (void)unused;
    int bad = 0;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        struct ui ui;
        start(&ui);
        press(&ui, moves[i].keys);
        const struct filter_row *at = runs_list_selected(ui.runs);
        const char *cursor = at ? at->run->id : "";
        if (ui.runs->n != moves[i].n || strcmp(id_at(&ui, 0), moves[i].first) ||
            strcmp(id_at(&ui, ui.runs->n - 1), moves[i].last) ||
            strcmp(cursor, moves[i].cursor)) {
            print_error("%s: %d runs, %s to %s, at %s\n", moves[i].keys,
                        ui.runs->n, id_at(&ui, 0), id_at(&ui, ui.runs->n - 1),
                        cursor);
            bad++;
        }
        runs_list_free(ui.runs);
    }
    assert_int_equal(bad, 0);
}

static void test_marks(void **unused)
{
    (void)unused;
    struct ui ui;
    const struct filter_row *mark[RUNS_MARKS];
    start(&ui);
    press(&ui, "x"); /* compare with no mark: it says what to do */
    assert_true(ui.runs->compare);
    press(&ui, "\x1b  ");
    assert_false(ui.runs->compare);
    assert_int_equal(runs_list_marks(ui.runs, mark), 2);
    assert_string_equal(mark[1]->run->id, "jets-013");
    press(&ui, "k "); /* unmarks it, and moves on */
    assert_int_equal(ui.runs->n_marks, 1);
    assert_string_equal(runs_list_selected(ui.runs)->run->id, "muon-012");
    for (int i = 0; i < 40; i++) {
        char id[LOOM_RUN_ID];
        snprintf(id, sizeof id, "other-%d", i);
        assert_int_equal(runs_list_mark(ui.runs, id), i < RUNS_MARKS - 1);
    }
    assert_int_equal(runs_list_marks(ui.runs, mark), 1); /* of those there */
    runs_list_free(ui.runs);
}

static void test_writes(void **unused)
{
    (void)unused;
    struct ui ui;
    start(&ui);
    press(&ui, "Tbest\r");
    assert_string_equal(wrote_id, "muon-014");
    assert_string_equal(wrote_tags, "old,best");
    assert_string_equal(wrote_note, "(keep)");
    press(&ui, "T-old\r");
    assert_string_equal(wrote_tags, "");
    press(&ui, "jjNnow\r");
    assert_string_equal(wrote_id, "muon-012");
    assert_string_equal(wrote_note, "beta kept small until epoch 100now");
    press(&ui, "N");
    for (int i = 0; i < 60 && strcmp(ui.line.text, "note ") != 0; i++)
        keys_press(&ui, KEY_RUBOUT);
    press(&ui, "\r");
    assert_string_equal(wrote_note, "");
    wrote_id[0] = 0;
    press(&ui, "Ta,b\r");
    assert_string_equal(wrote_id, "");
    assert_non_null(strstr(ui.note, "one word"));
    ui.runs->write = NULL;
    press(&ui, "Tx\r");
    assert_non_null(strstr(ui.note, "busy"));
    runs_list_free(ui.runs);
}

/* 10,000 runs: each key that is typed into the filter is a filter of all. */
static void test_many(void **unused)
{
    (void)unused;
    enum { N = 10000 };
    struct loom_store_run *r = calloc(N, sizeof *r);
    for (int i = 0; i < N; i++) {
        r[i] = (struct loom_store_run){
            .best_epoch = 1, .best_metric = i % 100 / 100.0, .best_ebops = i};
        snprintf(r[i].id, sizeof r[i].id, "jets-%05d", i);
        snprintf(r[i].metric, sizeof r[i].metric, "accuracy");
        char **text[] = {&r[i].dir,  &r[i].script, &r[i].script_text,
                         &r[i].tags, &r[i].note,   &r[i].reason};
        for (size_t k = 0; k < sizeof text / sizeof *text; k++)
            *text[k] = strdup("some text");
        r[i].settings = strdup("{\"lr\":0.01,\"beta\":1e-6}");
    }
    struct runs_list *l = runs_list_new();
    runs_list_set_data(l, runs_data_new(r, N, NULL, 0));
    static const char *const filters[] = {"acc > .75 and ebops < 5k",
                                          "/ts-0*9+/", "some not #x", "lr < 1"};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        assert_true(runs_list_filter(l, filters[i]));
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        printf("%-26s %5d of %d runs: %.1f ms\n", filters[i], l->n, N,
               1e3 * (double)(b.tv_sec - a.tv_sec) +
                   1e-6 * (double)(b.tv_nsec - a.tv_nsec));
        assert_true(l->n > 0);
    }
    runs_list_free(l);
}

/* ---- the reader ---- */

static const struct loom_store_new info = {.script = "muon.lua",
                                           .settings = "{\"lr\":1}",
                                           .metric = "rms",
                                           .lower_is_better = true};

/* Take news until the test passes, at most ten seconds. */
static bool wait_for(struct runs_reader *r, struct runs_list *l,
                     bool (*done)(const struct runs_list *l),
                     struct loom_errmsg *e)
{
    for (int i = 0; i < 100; i++) {
        struct pollfd p = {runs_reader_fd(r), POLLIN, 0};
        if (poll(&p, 1, 100) > 0)
            runs_reader_take(r, l, e);
        if (done(l))
            return true;
    }
    return false;
}

static bool no_store(const struct runs_list *l)
{
    return l->state == RUNS_NO_STORE;
}

static bool one_run(const struct runs_list *l)
{
    return l->state == RUNS_READY && l->n == 1;
}

static bool two_runs(const struct runs_list *l)
{
    return l->n == 2;
}

static bool has_more(const struct runs_list *l)
{
    return l->more && !strcmp(l->more->id, "muon-001") &&
           l->more->n_epochs == 3 && runs_list_spark(l, "muon-001");
}

static bool tagged(const struct runs_list *l)
{
    int i = runs_data_find(l->data, "muon-001");
    return i >= 0 && !strcmp(l->data->run[i].tags, "best");
}

static void add_run(const char *dir)
{
    struct loom_errmsg e;
    char id[LOOM_RUN_ID];
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_WRITE, NULL, &e);
    assert_non_null(s);
    assert_int_equal(loom_store_new_run(s, "muon", &info, id, &e), 0);
    for (int k = 1; k <= 3; k++) {
        struct loom_store_epoch row = {.epoch = k, .loss = 1.0 / k};
        assert_int_equal(loom_store_add_epochs(s, id, &row, 1, &e), 0);
    }
    loom_store_close(s);
}

/* A store that is not there yet, comes, grows, is written, and breaks. */
static void test_reader(void **unused)
{
    (void)unused;
    char dir[] = "/tmp/loom-runs-XXXXXX", path[64], id[1][LOOM_RUN_ID] = {""};
    struct loom_errmsg e = {""};
    assert_non_null(mkdtemp(dir));
    struct runs_reader *r = runs_reader_new(dir, &e);
    struct runs_list *l = runs_list_new();
    assert_non_null(r);
    runs_reader_want(r, true, "", NULL, 0);
    assert_true(wait_for(r, l, no_store, &e));
    assert_non_null(strstr(l->error.text, "no runs here"));
    add_run(dir);
    assert_true(wait_for(r, l, one_run, &e));
    strcpy(id[0], "muon-001");
    runs_reader_want(r, true, l->cursor, (const char(*)[LOOM_RUN_ID])id, 1);
    assert_true(wait_for(r, l, has_more, &e));
    add_run(dir);
    assert_true(wait_for(r, l, two_runs, &e));
    assert_string_equal(l->cursor, "muon-001");
    assert_true(runs_reader_write(r, "muon-001", "best", NULL));
    assert_true(wait_for(r, l, tagged, &e));
    assert_string_equal(e.text, "");
    assert_true(runs_reader_write(r, "muon-999", NULL, "x"));
    for (int i = 0; i < 100 && !e.text[0]; i++) {
        struct pollfd p = {runs_reader_fd(r), POLLIN, 0};
        if (poll(&p, 1, 100) > 0)
            runs_reader_take(r, l, &e);
    }
    assert_non_null(strstr(e.text, "muon-999"));
    runs_reader_want(r, false, "", NULL, 0); /* and sleeps */
    runs_reader_free(r);
    runs_list_free(l);
    snprintf(path, sizeof path, "rm -rf %s", dir);
    assert_int_equal(system(path), 0);
}

/* Pictures of many runs, the cost they are judged by, chosen columns; and
 * settings as numbers, wherever they were given. */
static void test_pictures(void **unused)
{
    (void)unused;
    struct ui ui;
    start(&ui);
    press(&ui, "p");
    assert_int_equal(ui.runs->pane, RUNS_FRONT);
    press(&ui, "$");
    assert_int_equal(ui.runs->cost, RUNS_COST_LUT4);
    press(&ui, "pp");
    assert_int_equal(ui.runs->pane, RUNS_DETAILS);
    press(&ui, ":columns run lc\r");
    unsigned chosen = ui.runs->columns;
    assert_true(chosen && !(chosen & (chosen - 1) & ((chosen & (chosen - 1)) - 1)));
    press(&ui, ":columns run lcx\r");
    assert_true(ui.note[0] && ui.runs->columns == chosen);
    press(&ui, "Ct\t\r"); /* "run lct" is none; kept */
    assert_int_equal(ui.runs->columns, chosen);
    press(&ui, ":columns auto\r");
    assert_int_equal(ui.runs->columns, 0);
    runs_list_free(ui.runs);
    json_t *j = json_pack("{s:f,s:s,s:s,s:[s,s]}", "lr", 0.5, "text", "x", "n",
                          "12", "set", "beta=1e-6", "mode=fast");
    assert_true(filter_setting(j, "lr") > 0.4 && filter_setting(j, "n") > 11);
    assert_true(filter_setting(j, "beta") < 2e-6);
    assert_true(isnan(filter_setting(j, "text")) &&
                isnan(filter_setting(j, "mode")) &&
                isnan(filter_setting(NULL, "lr")));
    json_t *names = json_object();
    filter_setting_names(j, names);
    filter_setting_names(NULL, names);
    assert_int_equal(json_object_size(names), 3);
    json_decref(names);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),  cmocka_unit_test(test_marks),
        cmocka_unit_test(test_writes), cmocka_unit_test(test_many),
        cmocka_unit_test(test_reader), cmocka_unit_test(test_pictures),
    };
    setenv("TZ", "UTC", 1);
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
