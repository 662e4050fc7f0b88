/* One real build of a small network, and those that must fail. */
#include <math.h>
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
#include "engine/mem.h"
#include "fpga_flow/build.h"
#include "fpga_flow/report.h"
#include "fpga_flow/sha256.h"
#include "fpga_flow/target.h"
#include "fpga_flow/tool.h"
#include "tests/flow/netgen.h"

static char dir[64];

static bool have_tools(const char *nextpnr, const char *pack)
{
    const char *const tools[] = {"yosys", nextpnr, pack, "verilator"};
    for (size_t i = 0; i < 4; i++) {
        char path[4096];
        struct loom_errmsg e;
        if (loom_tool_find(tools[i], path, sizeof(path), &e)) {
            print_message("%s\n", e.text);
            return false;
        }
    }
    return true;
}

static struct loom_build *new_build(const struct loom_exact *net,
                                    const char *device, struct loom_errmsg *e)
{
    return loom_build_new(&(struct loom_build_conf){.net = net,
                                                    .name = "small",
                                                    .device = device,
                                                    .seeds = 2,
                                                    .dir = dir},
                          e);
}

/* The end with the least slack is the critical path's, and every end is in the
 * histogram. */
static void check_timing(const json_t *j)
{
    const json_t *s = json_object_get(j, "slack"), *v, *seeds;
    const json_t *counts = json_object_get(s, "counts");
    double fmax = json_number_value(json_object_get(j, "fmax_mhz"));
    double period = 1e3 / json_number_value(json_object_get(j, "clock_mhz"));
    double least = json_number_value(json_object_get(s, "least_ns"));
    int sum = 0, layers = 0;
    size_t i;
    json_array_foreach(counts, i, v) sum += (int)json_integer_value(v);
    assert_true(sum > 100);
    assert_int_equal(sum, json_integer_value(json_object_get(s, "endpoints")));
    assert_true(fabs(period - 1e3 / fmax - least) < 0.01);
    assert_int_equal(json_integer_value(json_object_get(s, "failing")) > 0,
                     least < 0);
    json_array_foreach(json_object_get(j, "critical_path"), i, v) layers +=
        json_object_get(v, "layer") != NULL;
    assert_true(layers > 0);
    seeds = json_object_get(j, "fmax_seeds");
    assert_true(json_number_value(json_object_get(seeds, "best")) == fmax);
    assert_true(json_number_value(json_object_get(seeds, "worst")) <=
                json_number_value(json_object_get(seeds, "median")));
}

static void check_build(const char *device, int available, size_t least)
{
    static const int sizes[] = {16, 8, 3};
    struct loom_exact *net = netgen_like(4, sizes, 3, 400, 4);
    struct loom_errmsg e = {""};
    char *cache = loom_asprintf("%s/cache", dir);
    setenv("LOOM_CACHE", cache, 1);
    free(cache);
    struct loom_build *b = new_build(net, device, &e);
    assert_non_null(b);
    if (loom_build_run(b, &e))
        fail_msg("%s", e.text);
    struct loom_build_view v;
    loom_build_look(b, &v);
    assert_int_equal(v.state, LOOM_BUILD_DONE);
    assert_true(v.vectors > 1000);
    assert_int_equal(v.mismatches, 0);
    assert_int_equal(v.lc_available, available);
    assert_true(v.lc > 0 && v.lc <= available && v.fmax_mhz > 20);
    assert_true(abs(v.lc - v.predicted_lc) < v.lc / 3);
    json_t *j = loom_build_report(b);
    assert_int_equal(json_array_size(json_object_get(j, "seeds")), 2);
    assert_true(json_array_size(json_object_get(j, "critical_path")) > 0);
    check_timing(j);
    void *bin;
    size_t n;
    char hex[65];
    assert_int_equal(loom_file_read(v.bitstream, 1 << 20, &bin, &n, NULL), 0);
    loom_sha256(bin, n, hex);
    assert_string_equal(hex, json_string_value(json_object_get(j, "sha256")));
    assert_true(n >= least);
    free(bin);
    assert_int_equal(json_integer_value(json_object_get(j, "reused")), 0);
    loom_build_destroy(b);

    /* The same once more: nothing is run again, all comes out the same. */
    b = new_build(net, device, &e);
    assert_int_equal(loom_build_run(b, &e), 0);
    json_t *again = loom_build_report(b);
    assert_int_equal(json_integer_value(json_object_get(again, "reused")), 3);
    static const char *const same[] = {"sha256", "cells",         "fmax_mhz",
                                       "layers", "critical_path", "best_seed"};
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        assert_true(json_equal(json_object_get(j, same[i]),
                               json_object_get(again, same[i])));
    json_decref(j);
    json_decref(again);
    loom_build_destroy(b);
    loom_exact_destroy(net);
}

static void test_ice40(void **state)
{
    (void)state;
    if (!have_tools("nextpnr-ice40", "icepack"))
        skip();
    check_build("hx1k", 1280, 32220); /* a whole HX1K */
}

static void test_ecp5(void **state)
{
    (void)state;
    if (!have_tools("nextpnr-ecp5", "ecppack"))
        skip();
    check_build("ecp5-25k", 24288, 100000);
}

/* A netlist of carries alone: chains of so many, each with its first carry a
 * constant or from elsewhere. */
static char *chains(const int *length, const bool *fed, int n)
{
    char *text = loom_strdup("");
    int net = 2;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < length[k]; i++, net++) {
            char in[16] = "\"0\"";
            if (i || fed[k])
                snprintf(in, sizeof(in), "%d", i ? net - 1 : 1000 + k);
            char *more = loom_asprintf(
                "%s%s\"core.c%d\": {\"type\": \"SB_CARRY\", \"connections\": "
                "{\"CI\": [%s], \"CO\": [%d]}}",
                text, *text ? ", " : "", net, in, net);
            free(text);
            text = more;
        }
    char *all = loom_asprintf("{\"modules\": {\"tiles_serial\": {\"cells\": "
                              "{%s}}}}",
                              text);
    free(text);
    return all;
}

/* A chain begins in a tile of eight cells of its own. */
static void test_tiles(void **state)
{
    (void)state;
    static const int sizes[] = {2, 1}, length[] = {1, 7, 8, 6, 7};
    static const bool fed[] = {false, false, false, true, true};
    struct loom_exact *net = netgen_like(1, sizes, 2, 1000, 2);
    struct loom_errmsg e = {""};
    for (int family = 0; family < 2; family++) {
        struct loom_design *d = loom_design_new(
            net,
            &(struct loom_design_conf){
                .name = "tiles", .family = family ? &loom_ecp5 : &loom_ice40},
            &e);
        struct loom_synthesized all,
            *layer = loom_calloc(d->w->n_layers + 1, sizeof(*layer));
        char *path = loom_asprintf("%s/chains.json", dir);
        char *text = chains(length, fed, 5);
        assert_int_equal(loom_file_write(path, text, strlen(text), &e), 0);
        assert_int_equal(loom_report_netlist(path, d, &all, layer, &e), 0);
        assert_int_equal(all.tiles, family ? 0 : 1 + 1 + 2 + 1 + 2);
        assert_int_equal(all.carry, family ? 0 : 1 + 7 + 8 + 6 + 7);
        free(text);
        free(path);
        free(layer);
        loom_design_destroy(d);
    }
    loom_exact_destroy(net);
}

static void test_wrong_use(void **state)
{
    (void)state;
    static const int sizes[] = {2, 1};
    struct loom_exact *net = netgen_like(1, sizes, 2, 1000, 2);
    static const struct {
        struct loom_build_conf conf;
        const char *says;
    } cases[] = {{{.device = "hx9k", .dir = "x"}, "hx9k"},
                 {{.device = "hx8k", .dir = ""}, "folder"},
                 {{.device = "hx8k", .dir = "x", .clock_mhz = -1}, "clock"},
                 {{.device = "hx8k", .dir = "x", .seeds = 1000}, "seeds"},
                 {{.device = "hx8k", .dir = "x", .levels = -3}, "levels"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct loom_build_conf c = cases[i].conf;
        struct loom_errmsg e = {""};
        c.net = net;
        assert_null(loom_build_new(&c, &e));
        assert_non_null(strstr(e.text, cases[i].says));
    }
    loom_exact_destroy(net);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/bitloom-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return loom_file_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ice40),
        cmocka_unit_test(test_ecp5),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
