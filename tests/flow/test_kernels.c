/* What cells are compared with, and what search for cells does: matrices as
 * plain Verilog and as a greedy graph are exact; registers move to where they
 * are fewest. */
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
#include "fpga_flow/cmvm_graph.h"
#include "fpga_flow/cmvm_greedy.h"
#include "fpga_flow/cmvm_naive.h"
#include "fpga_flow/cmvm_net.h"
#include "fpga_flow/share.h"
#include "fpga_flow/target.h"
#include "fpga_flow/verify.h"
#include "tests/flow/netgen.h"

enum { ROWS = 9, COLS = 7 };

/* Coefficients of up to `bits` bits and a sign, some 0. */
static void draw(uint64_t *r, int bits, int64_t *w)
{
    for (int i = 0; i < ROWS * COLS; i++)
        w[i] =
            netgen_below(r, 3) ? netgen_below(r, 2 << bits) - (1 << bits) : 0;
}

static struct loom_design *design(const struct loom_exact *net,
                                  const struct loom_family *family,
                                  const struct loom_share *share)
{
    struct loom_errmsg e = {""};
    struct loom_design *d = loom_design_new(
        net,
        &(struct loom_design_conf){
            .name = "m", .family = family, .levels = 2, .share = share},
        &e);
    if (!d)
        fail_msg("%s", e.text);
    return d;
}

static void test_greedy(void **state)
{
    (void)state;
    const struct loom_share greedy[2] = {{.on = false}, {.greedy = true}};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t r = seed;
        int64_t w[ROWS * COLS], lo[ROWS], hi[ROWS];
        struct loom_cmvm_graph g;
        draw(&r, (int)(seed % 8), w);
        for (int i = 0; i < ROWS; i++) {
            lo[i] = -128;
            hi[i] = 127;
        }
        loom_cmvm_greedy(&g, ROWS, COLS, w, lo, hi);
        assert_true(loom_cmvm_graph_is(&g, w));
        loom_cmvm_graph_deinit(&g);
        struct loom_exact *net = loom_cmvm_net(ROWS, COLS, w, 8, NULL);
        struct loom_design *d =
            design(net, seed & 1 ? &loom_ice40 : &loom_ecp5, greedy);
        assert_true(loom_cmvm_net_is(d->w, w));
        loom_design_destroy(d);
        loom_exact_destroy(net);
    }
}

/* What two outputs have in common is found once. */
static void test_greedy_shares(void **state)
{
    (void)state;
    static const int64_t w[2 * 3] = {5, 5, 10, 3, 0, 6}, lo[2] = {0, 0},
                               hi[2] = {7, 7};
    struct loom_cmvm_graph g;
    loom_cmvm_greedy(&g, 2, 3, w, lo, hi);
    assert_true(loom_cmvm_graph_is(&g, w));
    assert_int_equal(g.n_adds, 3); /* 5a, 3b = 4b - b, 5a + 3b */
    loom_cmvm_graph_deinit(&g);
}

/* The naive core in a simulator. */
static void test_naive(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_kernels.XXXXXX", path[4096];
    struct loom_errmsg e = {""};
    if (loom_tool_find("iverilog", path, sizeof(path), &e)) {
        print_message("%s\n", e.text);
        skip();
    }
    assert_non_null(mkdtemp(dir));
    char *core = loom_asprintf("%s/core.v", dir);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint64_t r = seed;
        int64_t w[ROWS * COLS];
        draw(&r, (int)seed, w);
        w[0] = -4; /* one term, negated, and shifted */
        for (int i = 1; i < ROWS; i++)
            w[i * COLS] = 0;
        struct loom_exact *net = loom_cmvm_net(ROWS, COLS, w, 8, &e);
        struct loom_design *d = design(net, &loom_ice40, NULL);
        char *text = loom_cmvm_naive(d, w);
        assert_int_equal(loom_file_write(core, text, strlen(text), &e), 0);
        struct loom_verify v = {.d = d,
                                .core = core,
                                .simulator = "iverilog",
                                .random = 100,
                                .timeout_s = 100};
        struct loom_verify_result result;
        if (loom_verify_run(&v, &result, &e))
            fail_msg("%s", e.text);
        if (result.mismatches || result.vectors < 100)
            fail_msg("%ld of %ld: %s", result.mismatches, result.vectors,
                     result.first);
        free(text);
        loom_design_destroy(d);
        loom_exact_destroy(net);
    }
    free(core);
    loom_file_remove_tree(dir);
}

/* A search for cells ends at no more of them than it began with, and in the
 * same place each time. */
static void test_cells(void **state)
{
    (void)state;
    uint64_t r = 5;
    int64_t w[ROWS * COLS];
    int lc[3];
    draw(&r, 6, w);
    struct loom_exact *net = loom_cmvm_net(ROWS, COLS, w, 8, NULL);
    for (int k = 0; k < 3; k++) {
        struct loom_share share[2] = {{.on = false},
                                      {.on = true,
                                       .plus_only = true,
                                       .slack = 1,
                                       .steps = 300,
                                       .cell_steps = k ? 300 : 0,
                                       .family = &loom_ice40,
                                       .levels = 2}};
        struct loom_design *d = design(net, &loom_ice40, share);
        assert_true(loom_cmvm_net_is(d->w, w));
        lc[k] = loom_target_predict(d, -1).lc;
        loom_design_destroy(d);
    }
    assert_true(lc[1] < lc[0]);
    assert_int_equal(lc[1], lc[2]);
    loom_exact_destroy(net);
}

/* 9 terms of one sign and 7 of the other: two trees and a difference are five
 * levels, one tree of both is four. */
static void test_mixed(void **state)
{
    (void)state;
    int64_t w[16];
    int latency[2];
    for (int i = 0; i < 16; i++)
        w[i] = i < 9 ? 1 : -1;
    struct loom_exact *net = loom_cmvm_net(16, 1, w, 8, NULL);
    for (int k = 0; k < 2; k++) {
        const struct loom_share share[2] = {{.on = false}, {.mixed = k == 1}};
        struct loom_design *d = design(net, &loom_ice40, share);
        assert_true(loom_cmvm_net_is(d->w, w));
        latency[k] = d->latency;
        loom_design_destroy(d);
    }
    assert_int_equal(latency[0], 3);
    assert_int_equal(latency[1], 2);
    loom_exact_destroy(net);
}

/* y0 is a sum of 16 inputs, in two stages; y1 a multiple of one input, whose 8
 * bits rather wait than its own 15. */
static void test_retimed(void **state)
{
    (void)state;
    int64_t w[17 * 2] = {0};
    for (int i = 0; i < 16; i++)
        w[2 * i] = 1;
    w[2 * 16 + 1] = 1 + 4 + 16 + 64;
    struct loom_exact *net = loom_cmvm_net(17, 2, w, 8, NULL);
    const struct loom_share none[2] = {{.on = false}, {.on = false}};
    struct loom_design *d = design(net, &loom_ice40, none);
    assert_int_equal(d->latency, 2);
    assert_int_equal(loom_design_size(d, -1).registers, 4 * 10 + 12 + 8 + 15);
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if (x->op == LOOM_WIRE_ADD && !loom_wire_is_view(d->w, (int)i))
            assert_in_range(d->p.stage[i], 1, d->latency);
    }
    loom_design_destroy(d);
    loom_exact_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy), cmocka_unit_test(test_greedy_shares),
        cmocka_unit_test(test_naive),  cmocka_unit_test(test_cells),
        cmocka_unit_test(test_mixed),  cmocka_unit_test(test_retimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
