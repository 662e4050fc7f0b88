/* The patterns on the logs of several versions of the tools, and SHA-256. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <cmocka.h>

#include "fpga_flow/progress.h"
#include "fpga_flow/sha256.h"
#include "tests/flow/netgen.h"

static struct loom_patterns *patterns;

/* Feed a log (plain or gz) to the patterns; false if it is not there. */
static bool feed(const char *name, struct loom_progress *p,
                 enum loom_phase from, bool *stuck)
{
    char path[1024], line[8192];
    snprintf(path, sizeof(path), "%s/samples/%s", getenv("LOOM_SHARED"), name);
    gzFile f = gzopen(path, "rb");
    if (!f)
        return false;
    loom_progress_start(p, from);
    *stuck = false;
    while (gzgets(f, line, sizeof(line))) {
        line[strcspn(line, "\r\n")] = 0;
        loom_progress_line(p, patterns, line);
        assert_true(p->fraction < 1.001f);
        *stuck |= loom_progress_is_stuck(p);
    }
    gzclose(f);
    return true;
}

static const struct {
    const char *log;
    enum loom_phase from, to;
    int used, available;
    double fmax;
    bool stuck;
    const char *error;
} cases[] = {
    {"ys023/synth_ice40.log.gz", LOOM_PHASE_YOSYS, LOOM_PHASE_YOSYS, -1, -1, -1,
     false, ""},
    {"ys052/synth_ice40.log.gz", LOOM_PHASE_YOSYS, LOOM_PHASE_YOSYS, -1, -1, -1,
     false, ""},
    {"np04/ice40_hx8k_ok.log", LOOM_PHASE_PACK, LOOM_PHASE_ROUTE, 1068, 7680, 1,
     false, ""},
    {"np07/ice40_hx8k_ok.log", LOOM_PHASE_PACK, LOOM_PHASE_ROUTE, -2, 7680, 1,
     false, ""},
    {"np04/ice40_up5k_nofit.log", LOOM_PHASE_PACK, LOOM_PHASE_PLACE, 12777,
     5280, -1, false, "Unable to place cell"},
    {"np04/ice40_hx8k_nofit_placer.log", LOOM_PHASE_PACK, LOOM_PHASE_PLACE, -2,
     7680, -1, false, "e"},
    {"np04/ice_1k_nofit.stderr.log", LOOM_PHASE_PACK, LOOM_PHASE_PLACE, 1068,
     384, -1, false, "Unable to place cell"},
    {"np04/ice40_router1_livelock.log", LOOM_PHASE_PACK, LOOM_PHASE_ROUTE, -2,
     -2, 1, true, ""},
    {"np04/ice40_router2.log.gz", LOOM_PHASE_PACK, LOOM_PHASE_ROUTE, 4055, 7680,
     1, false, ""},
    {"np04/ice_timingfail.err.gz", LOOM_PHASE_PACK, LOOM_PHASE_ROUTE, -2, -2, 1,
     false, ""},
    {"np04/ice_badpkg.stderr.log", LOOM_PHASE_PACK, LOOM_PHASE_PACK, -1, -1, -1,
     false, "nsupported package"},
    {"np07/ecp5_25k_ok.log", LOOM_PHASE_PACK, LOOM_PHASE_ROUTE, -2, -2, 1,
     false, ""},
};

static void test_logs(void **state)
{
    (void)state;
    int seen = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct loom_progress p;
        bool stuck;
        if (!feed(cases[i].log, &p, cases[i].from, &stuck))
            continue;
        seen++;
        bool ok = p.phase == cases[i].to && stuck == cases[i].stuck &&
                  (cases[i].used == -2 || p.lc_used == cases[i].used) &&
                  (cases[i].available == -2 ||
                   p.lc_available == cases[i].available) &&
                  (p.fmax_mhz > 0) == (cases[i].fmax > 0) &&
                  (cases[i].error[0] ? strstr(p.error, cases[i].error) != NULL
                                     : !p.error[0] || cases[i].fmax > 0);
        if (!ok)
            fail_msg("%s: phase %d, cells %d/%d, fmax %g, stuck %d, \"%s\"",
                     cases[i].log, p.phase, p.lc_used, p.lc_available,
                     p.fmax_mhz, stuck, p.error);
    }
    if (!seen) {
        print_message("%s/samples: not there\n", getenv("LOOM_SHARED"));
        skip();
    }
}

/* Every sample can be read through without harm, whatever it is. */
static void test_every_sample(void **state)
{
    (void)state;
    static const char *const folders[] = {"np04", "np07", "ys023", "ys052"};
    int seen = 0;
    for (size_t k = 0; k < 4; k++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/samples/%s", getenv("LOOM_SHARED"),
                 folders[k]);
        DIR *d = opendir(path);
        for (struct dirent *f; d && (f = readdir(d));) {
            struct loom_progress p;
            bool stuck;
            char name[512];
            snprintf(name, sizeof(name), "%s/%.400s", folders[k], f->d_name);
            if (f->d_name[0] != '.')
                seen += feed(name, &p, LOOM_PHASE_PACK, &stuck);
        }
        if (d)
            closedir(d);
    }
    if (!seen)
        skip();
}

static void test_rubbish(void **state)
{
    (void)state;
    struct loom_progress p;
    char line[5000];
    uint64_t s = 1;
    loom_progress_start(&p, LOOM_PHASE_PACK);
    for (int i = 0; i < 300; i++) {
        for (size_t k = 0; k < sizeof(line) - 1; k++) {
            s = s * 6364136223846793005u + 1;
            line[k] = (char)(s >> 56 ? s >> 56 : 1);
        }
        line[sizeof(line) - 1] = 0;
        assert_false(loom_progress_line(&p, patterns, line));
    }
    assert_false(loom_progress_line(&p, patterns, ""));
    loom_progress_line(&p, patterns,
                       "Info: 99999999999 | 1 1 | 1 1 | 99999999999|");
}

/* Lines of the samples cut, their parts exchanged, bytes changed, in any order:
 * nothing breaks, and what is shown stays within its bounds. */
static void test_mutated(void **state)
{
    (void)state;
    static const char *const logs[] = {
        "np04/ice40_router2.log.gz", "np07/ecp5_25k_ok.log",
        "np04/ice40_hx8k_ok.log", "ys052/synth_ice40.log.gz"};
    enum { KEPT = 400 };
    static char line[KEPT][256];
    uint64_t s = 88172645463325252u;
    int n = 0;
    for (size_t k = 0; k < 4; k++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/samples/%s", getenv("LOOM_SHARED"),
                 logs[k]);
        gzFile f = gzopen(path, "rb");
        for (int i = 0; f && i < KEPT / 4 && gzgets(f, line[n], 256); n++, i++)
            line[n][strcspn(line[n], "\r\n")] = 0;
        if (f)
            gzclose(f);
    }
    if (!n)
        skip();
    struct loom_progress p;
    loom_progress_start(&p, LOOM_PHASE_PACK);
    for (int i = 0; i < 40000; i++) {
        char text[512];
        const char *a = line[netgen_below(&s, n)], *b = line[netgen_below(&s, n)];
        int cut = netgen_below(&s, (int)strlen(a) + 1);
        snprintf(text, sizeof(text), "%.*s%s", cut, a,
                 b + netgen_below(&s, (int)strlen(b) + 1));
        for (int c = netgen_below(&s, 4); c && *text; c--)
            text[netgen_below(&s, (int)strlen(text))] =
                (char)(1 + netgen_below(&s, 255));
        size_t digit = strcspn(text, "123456789");
        if (i % 8 == 0 && text[digit] && strlen(text) < 400) {
            memmove(text + digit + 30, text + digit, strlen(text + digit) + 1);
            memset(text + digit, '7', 30);
        }
        loom_progress_line(&p, patterns, text);
        loom_progress_is_stuck(&p);
        assert_true(p.lc_used >= -1 && p.lc_available >= -1);
        assert_true(p.fraction <= 1.0f && p.fraction == p.fraction);
        assert_true(p.phase >= LOOM_PHASE_YOSYS && p.phase < LOOM_N_PHASES);
        assert_non_null(memchr(p.detail, 0, sizeof(p.detail)));
        assert_non_null(memchr(p.error, 0, sizeof(p.error)));
    }
}

static void test_sha256(void **state)
{
    (void)state;
    static const char *const v[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb924"
             "27ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223"
                "b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039"
         "a33ce45964ff2167f6ecedd419db06c1"}};
    char hex[65];
    for (size_t i = 0; i < 3; i++) {
        loom_sha256(v[i][0], strlen(v[i][0]), hex);
        assert_string_equal(hex, v[i][1]);
    }
    char *a = malloc(1000000);
    memset(a, 'a', 1000000);
    loom_sha256(a, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
                             "f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_every_sample),
        cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_mutated),
        cmocka_unit_test(test_sha256),
    };
    if (!getenv("LOOM_SHARED"))
        setenv("LOOM_SHARED", "../shared", 0);
    patterns = loom_patterns_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loom_patterns_destroy(patterns);
    return failed;
}
