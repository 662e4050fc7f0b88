/* The filter expression: what it lets pass, where its errors point, and that no
 * text breaks it. */
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
#include "tui/runs_data.h"

static char muon_text[][64] = {
    "examples/muon.lua", "{\"lr\":0.002,\"deep\":true,\"name\":\"Big one\"}",
    "beta,best", "first try", ""};
static char jets_text[][64] = {
    "examples/jets.lua", "{\"lr\":0.01,\"set\":[\"wide=64\",\"data=32k\"]}",
    "old", "", "loss is NaN"};

static struct loom_store_run runs[] = {
    {.id = "muon-001",
     .metric = "rms",
     .lower_is_better = true,
     .state = LOOM_RUN_DONE,
     .seed = 7,
     .epochs = 20,
     .n_builds = 1,
     .best_epoch = 11,
     .best_metric = 13.25,
     .best_ebops = 3900,
     .started = 1.8e9},
    {.id = "jets-002",
     .parent = "jets-001",
     .metric = "accuracy",
     .state = LOOM_RUN_FAILED,
     .epochs = 3,
     .best_epoch = 2,
     .best_metric = 0.76,
     .best_ebops = 28400,
     .started = 1.7e9},
};
static const struct loom_store_cost cost = {
    .lut4 = 2070, .lc = 2400, .fmax_mhz = 61.5};
static struct filter_row rows[2];

static int setup(void **unused)
{
    (void)unused;
    char(*text[])[64] = {muon_text, jets_text};
    for (int i = 0; i < 2; i++) {
        runs[i].script = text[i][0];
        runs[i].settings = text[i][1];
        runs[i].tags = text[i][2];
        runs[i].note = text[i][3];
        runs[i].reason = text[i][4];
        rows[i].run = &runs[i];
        rows[i].settings = json_loads(text[i][1], 0, NULL);
    }
    rows[0].cost = &cost;
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    json_decref(rows[0].settings);
    json_decref(rows[1].settings);
    return 0;
}

/* Which of muon-001 (1) and jets-002 (2) pass. */
static const struct {
    const char *text;
    int pass;
} cases[] = {
    {"", 3},
    {"  ", 3},
    {"muon", 1},
    {"MUON", 1},
    {"lua", 3},
    {"examples/jets", 2},
    {"\"first try\"", 1},
    {"first old", 0},
    {"#beta", 1},
    {"#BEST", 1},
    {"#bet", 0},
    {"#old or #best", 3},
    {"not #old", 1},
    {"not not #old", 2},
    {"acc > .75", 2},
    {"accuracy > .75 and ebops < 30k", 2},
    {"ac > .75", 0},
    {"rms < 14", 1},
    {"metric > 0", 3},
    {"lut < 5000", 1},
    {"lut>=2070 lc=2400 fmax>60", 1},
    {"not lut < 5000", 2},
    {"ebops < 4k", 1},
    {"ebops<4k or acc>.7", 3},
    {"(ebops<4k or acc>.7) and seed = 7", 1},
    {"muon or jets and #none", 1},
    {"epochs != 3", 1},
    {"started > 2026-01-01", 1},
    {"state = failed", 2},
    {"state != failed", 1},
    {"script ~ MUON", 1},
    {"id = jets-002", 2},
    {"parent = jets-001", 2},
    {"reason ~ nan", 2},
    {"tag = best", 1},
    {"tag != best", 2},
    {"tags ~ be", 1},
    {"builds > 0", 1},
    {"lr < 5e-3", 1},
    {"lr = .01", 2},
    {"deep = true", 1},
    {"name = \"big one\"", 1},
    {"name ~ big", 1},
    {"wide > 63", 2},
    {"data = 32k", 2},
    {"bogus > 3", 0},
    {"/^muon-\\d+$/", 1},
    {"/^MUON/", 0},
    {"/^MUON/i", 1},
    {"/a\\/?/ and /jets|nothing/", 2},
    {"/(a*)*b$/ or jets", 2},
    {"\"or\" or muon", 1},
    {"and-not", 0},
    {"#beta #best", 1},
};

static void test_match(void **unused)
{
    (void)unused;
    int bad = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct loom_errmsg e = {""};
        struct filter *f = filter_parse(cases[i].text, NULL, &e);
        int pass =
            f ? filter_match(f, &rows[0]) + 2 * filter_match(f, &rows[1]) : -1;
        if (pass != cases[i].pass) {
            print_error("%s: %d, not %d; %s\n", cases[i].text, pass,
                        cases[i].pass, e.text);
            bad++;
        }
        filter_free(f);
    }
    assert_int_equal(bad, 0);
}

static const struct {
    const char *text;
    size_t at;
    const char *word; /* of the sentence */
} errors[] = {
    {"acc >", 5, "missing"},
    {"acc > x", 6, "no number"},
    {"ebops < 4kk", 8, "no number"},
    {"ebops ~ 4", 8, "is a number"},
    {"id < 4", 5, "is a text"},
    {"state = dnoe", 8, "no such state"},
    {"(muon", 0, "never closed"},
    {"muon)", 4, "no ("},
    {"(a <", 4, "missing"},
    {"\"muon", 0, "quote"},
    {"muon /x", 5, "never closed"},
    {"/(/", 2, "parenthes"},
    {"muon or", 7, "missing"},
    {"not", 3, "missing"},
    {"# x", 1, "a tag"},
    {"> 4", 0, "missing"},
    {"lr < fast", 5, "no number"},
    {"()", 1, "missing"},
};

static void test_errors(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct loom_errmsg e = {""};
        size_t at = 999;
        struct filter *f = filter_parse(errors[i].text, &at, &e);
        if (f || at != errors[i].at || !strstr(e.text, errors[i].word))
            fail_msg("%s: at %zu: %s", errors[i].text, at, e.text);
    }
}

static void test_unknown(void **unused)
{
    (void)unused;
    struct loom_errmsg e;
    struct filter *f =
        filter_parse("lr > 0 and rms > 0 and bogus > 1", NULL, &e);
    assert_non_null(f);
    for (int i = 0; i < 2; i++)
        filter_match(f, &rows[i]);
    assert_string_equal(filter_unknown(f), "bogus");
    filter_free(f);
}

/* Anything at all: an error that points into the text, or an answer. */
static void test_rubbish(void **unused)
{
    (void)unused;
    static const char *const part[] = {
        "(",   ")",   "not ",       "and ",    "or ",  "#",    "/",
        "\"",  "acc", "<",          ">=",      "~",    "4k",   "state",
        "=",   " ",   "\\",         "[",       "a*",   "\xff", "\xc3\xa9",
        "lut", "-",   "2026-01-01", "{99999}", "(?R)", "i"};
    struct loom_rng r = loom_rng_init(3, 0);
    for (int i = 0; i < 30000; i++) {
        char text[400] = "";
        int n = (int)(loom_rng_u64(&r) % 24);
        for (int k = 0; k < n; k++)
            strcat(text, part[loom_rng_u64(&r) % (sizeof part / sizeof *part)]);
        size_t at = 0;
        struct loom_errmsg e = {""};
        struct filter *f = filter_parse(text, &at, &e);
        if (f) {
            filter_match(f, &rows[0]);
            filter_match(f, &rows[1]);
        } else {
            assert_true(at <= strlen(text) && e.text[0]);
        }
        filter_free(f);
    }
    char deep[5000];
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = i % 2 ? 'a' : ' ';
    deep[sizeof deep - 1] = 0;
    assert_null(filter_parse(deep, NULL, NULL));
    memset(deep, '(', sizeof deep - 1);
    assert_null(filter_parse(deep, NULL, NULL));
}

static void test_tags(void **unused)
{
    (void)unused;
    static const char *const t[][3] = {
        {"", "a", "a"},       {"a", "b", "a,b"},  {"a,b", "-a", "b"},
        {"a,b", "a", "b,a"},  {"a", "-a", ""},    {"a", "-b", "a"},
        {",,a,", "b", "a,b"}, {"ab", "-a", "ab"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char *got = runs_edit_tags(t[i][0], t[i][1], NULL);
        assert_string_equal(got, t[i][2]);
        free(got);
    }
    struct loom_errmsg e;
    assert_null(runs_edit_tags("", "a b", &e));
    assert_null(runs_edit_tags("", "-", &e));
    assert_null(runs_edit_tags("", "", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unknown), cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_tags),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
