/* What is around a core: simulated, linted, with pins; a self-test that has to
 * find what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/emit.h"
#include "fpga_flow/interface.h"
#include "fpga_flow/tool.h"
#include "fpga_flow/verify.h"
#include "fpga_flow/verilog.h"
#include "tests/flow/netgen.h"

static char *dir;

static void need(const char *tool)
{
    char path[4096];
    struct loom_errmsg e;
    if (!loom_tool_find(tool, path, sizeof(path), &e))
        return;
    print_message("%s\n", e.text);
    skip();
}

static char *put(const char *name, char *text)
{
    char *path = loom_asprintf("%s/%s", dir, name);
    assert_int_equal(loom_file_write(path, text, strlen(text), NULL), 0);
    free(text);
    return path;
}

static struct loom_design *design(const struct loom_exact *net,
                                  enum loom_interface interface,
                                  const char *board)
{
    struct loom_errmsg e = {""};
    const struct loom_board *b = board ? loom_board_find(board) : NULL;
    struct loom_design_conf conf = {
        .name = "net",
        .family = b ? loom_device_find(b->device)->family : &loom_ice40,
        .levels = 1,
        .plain = true,
        .interface = interface,
        .board = b};
    struct loom_design *d = loom_design_new(net, &conf, &e);
    if (!d)
        fail_msg("%s", e.text);
    return d;
}

/* Simulate core and interface; `wrong`: the core's first sum is a difference.
 */
static void simulate(const struct loom_design *d, bool wrong,
                     struct loom_verify_result *r)
{
    struct loom_errmsg e = {""};
    char *text = loom_verilog_core(d), *plus = strstr(text, " + ");
    if (wrong) {
        assert_non_null(plus);
        plus[1] = '-';
    }
    char *core = put("core.v", text);
    char *around = put("around.v", loom_interface_verilog(d));
    struct loom_verify v = {.d = d,
                            .core = core,
                            .serial = around,
                            .simulator = "iverilog",
                            .timeout_s = 300};
    if (loom_verify_run(&v, r, &e))
        fail_msg("%s: %s", loom_interface_word(d->interface), e.text);
    free(core);
    free(around);
}

/* Networks with ports of few and of many bytes, through every interface. */
static void test_all(void **state)
{
    static const int sizes[][3] = {{16, 8, 3}, {2, 3, 1}};
    (void)state;
    need("iverilog");
    for (int n = 0; n < 2; n++) {
        struct loom_exact *net =
            netgen_like(6 + (uint64_t)n, sizes[n], 3, 600, 5);
        for (int i = 0; i < LOOM_N_INTERFACES; i++) {
            struct loom_verify_result r;
            struct loom_design *d =
                design(net, (enum loom_interface)i, "icebreaker");
            simulate(d, false, &r);
            assert_int_equal(r.mismatches, 0);
            if (r.serial_mismatches)
                fail_msg("%s: %s", loom_interface_word(d->interface), r.first);
            assert_int_equal(r.serial_vectors,
                             loom_interface_rows(d, (size_t)r.vectors));
            loom_design_destroy(d);
        }
        loom_exact_destroy(net);
    }
}

/* The self-test sees a core that is wrong. */
static void test_wrong(void **state)
{
    static const int sizes[] = {4, 3};
    struct loom_verify_result r;
    (void)state;
    need("iverilog");
    struct loom_exact *net = netgen_like(9, sizes, 2, 1000, 4);
    struct loom_design *d = design(net, LOOM_SELFTEST, "icebreaker");
    simulate(d, true, &r);
    assert_true(r.mismatches > 0);
    assert_true(r.serial_mismatches > 0);
    loom_design_destroy(d);
    loom_exact_destroy(net);
}

static bool keep(void *ctx, const char *line, bool err)
{
    char *first = ctx;
    (void)err;
    if (!*first && *line == '%')
        snprintf(first, 256, "%s", line);
    return true;
}

/* No simulator has anything to complain about. */
static void test_lint(void **state)
{
    static const int sizes[] = {16, 8, 3};
    (void)state;
    need("verilator");
    need("iverilog");
    struct loom_exact *net = netgen_like(6, sizes, 3, 600, 5);
    for (int i = 0; i < LOOM_N_INTERFACES; i++) {
        struct loom_design *d =
            design(net, (enum loom_interface)i, "icebreaker");
        char *core = put("core.v", loom_verilog_core(d));
        char *around = put("around.v", loom_interface_verilog(d));
        char *top = loom_asprintf("net_%s", loom_interface_word(d->interface));
        const char *const lint[] = {"verilator",    "--lint-only", "-Wall",
                                    "--top-module", top,           core,
                                    around,         NULL};
        const char *const icarus[] = {
            "iverilog", "-g2005", "-Wall", "-Wno-timescale", "-t", "null",
            "-s",       top,      core,    around,           NULL};
        char first[256] = "";
        struct loom_tool t = {
            .argv = lint, .dir = dir, .line = keep, .ctx = first};
        if (loom_tool_run(&t, NULL) || *first)
            fail_msg("%s: %s", top, first);
        t.argv = icarus;
        assert_int_equal(loom_tool_run(&t, NULL), 0);
        free(core);
        free(around);
        free(top);
        loom_design_destroy(d);
    }
    loom_exact_destroy(net);
}

/* Every board has a device, and pins for what it says it can do. */
static void test_boards(void **state)
{
    static const int sizes[] = {4, 3};
    struct loom_errmsg e;
    (void)state;
    struct loom_exact *net = netgen_like(9, sizes, 2, 1000, 4);
    for (const struct loom_board *b = loom_boards; b->name; b++) {
        const struct loom_device *dev = loom_device_find(b->device);
        assert_non_null(dev);
        for (int i = 0; i < LOOM_N_INTERFACES; i++) {
            struct loom_pin pin[6];
            struct loom_design *d =
                design(net, (enum loom_interface)i, b->name);
            int err = loom_interface_pins(d, dev, pin, &e), n = 0;
            bool none = i == LOOM_STREAM ||
                        (!b->sck && (i == LOOM_SPI || i == LOOM_SERIAL));
            assert_int_equal(err, none ? LOOM_ERR_ARG : 0);
            for (; !err && pin[n].port; n++) {
                assert_true(pin[n].pin[0]);
                for (int k = 0; k < n; k++)
                    assert_string_not_equal(pin[k].pin, pin[n].pin);
            }
            if (!err)
                assert_int_equal(n, i == LOOM_SELFTEST ? 2
                                    : i == LOOM_UART   ? 3
                                    : i == LOOM_SPI    ? 5
                                                       : 4);
            loom_design_destroy(d);
        }
    }
    struct loom_design *d = design(net, LOOM_UART, NULL);
    char *out = loom_asprintf("%s/none", dir);
    assert_int_equal(
        loom_emit(d, loom_device_find("hx8k"), 12, NULL, 0, out, &e),
        LOOM_ERR_ARG);
    assert_non_null(strstr(e.text, "--board"));
    FILE *f = fopen(out, "r");
    assert_null(f);
    free(out);
    loom_design_destroy(d);
    loom_exact_destroy(net);
}

static int make_dir(void **state)
{
    (void)state;
    dir = loom_folder_scratch(NULL);
    return dir ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    int err = loom_file_remove_tree(dir);
    free(dir);
    return err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boards),
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
