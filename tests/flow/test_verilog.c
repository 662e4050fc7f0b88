/* The Verilog in a simulator against the integer interpreter.
 * LOOM_NIGHTLY=1 draws 1,000 networks of a kind (meson test -t 0),
 * LOOM_PROPERTY=7 that many, LOOM_SEED=7 from that one on. */
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
#include "fpga_flow/design.h"
#include "fpga_flow/target.h"
#include "fpga_flow/verify.h"
#include "fpga_flow/verilog.h"
#include "tests/flow/netgen.h"

static char dir[64];

static char *put(const char *name, char *text)
{
    char *path = loom_asprintf("%s/%s", dir, name);
    assert_int_equal(loom_file_write(path, text, strlen(text), NULL), 0);
    free(text);
    return path;
}

static struct loom_design *design(const struct loom_exact *net,
                                  const struct loom_family *family, int levels,
                                  struct loom_errmsg *e)
{
    return loom_design_new(net,
                           &(struct loom_design_conf){.name = "net",
                                                      .family = family,
                                                      .levels = levels},
                           e);
}

static void simulate(const struct loom_exact *net,
                     const struct loom_family *family, int levels,
                     const char *simulator, long *vectors)
{
    struct loom_errmsg e = {""};
    struct loom_design *d = design(net, family, levels, &e);
    if (!d)
        return;
    char *core = put("core.v", loom_verilog_core(d));
    char *serial = put("serial.v", loom_verilog_serial(d));
    struct loom_verify v = {.d = d,
                            .core = core,
                            .serial = serial,
                            .simulator = simulator,
                            .timeout_s = 300};
    struct loom_verify_result r;
    if (loom_verify_run(&v, &r, &e) < 0)
        fail_msg("%s", e.text);
    if (r.mismatches || r.serial_mismatches)
        fail_msg("%ld of %ld, %ld of %ld: %s", r.mismatches, r.vectors,
                 r.serial_mismatches, r.serial_vectors, r.first);
    *vectors += r.vectors;
    free(core);
    free(serial);
    loom_design_destroy(d);
}

static void need(const char *tool)
{
    char path[4096];
    struct loom_errmsg e;
    if (!loom_tool_find(tool, path, sizeof(path), &e))
        return;
    print_message("%s\n", e.text);
    skip();
}

static void test_wild(void **state)
{
    (void)state;
    long vectors = 0;
    need("iverilog");
    uint64_t seed;
    long nets = netgen_count(50, &seed);
    for (long n = 0; n < nets; seed++) {
        struct loom_exact *net = netgen_wild(seed);
        if (net)
            simulate(net, seed & 4 ? &loom_ecp5 : &loom_ice40, (int)(seed % 4),
                     "iverilog", &vectors);
        n += net != NULL;
        loom_exact_destroy(net);
    }
    print_message("%ld networks, %ld vectors\n", nets, vectors);
}

static void test_wild_bit_serial(void **state)
{
    (void)state;
    long vectors = 0;
    need("iverilog");
    uint64_t seed;
    long nets = netgen_count(30, &seed);
    for (long n = 0; n < nets; seed++) {
        struct loom_exact *net = netgen_wild(seed);
        if (net)
            simulate(net, &loom_ice40, LOOM_BIT_SERIAL, "iverilog", &vectors);
        n += net != NULL;
        loom_exact_destroy(net);
    }
    print_message("%ld networks, %ld vectors\n", nets, vectors);
}

static void test_like_trained(void **state)
{
    (void)state;
    static const int sizes[] = {16, 12, 8, 3};
    long vectors = 0;
    need("iverilog");
    for (int levels = LOOM_BIT_SERIAL; levels < 4; levels++) {
        if (levels == -1)
            continue;
        struct loom_exact *net = netgen_like(5, sizes, 4, 400, 5);
        simulate(net, &loom_ecp5, levels, "iverilog", &vectors);
        loom_exact_destroy(net);
    }
}

static void test_verilator(void **state)
{
    (void)state;
    static const int sizes[] = {16, 8, 3};
    long vectors = 0;
    need("verilator");
    struct loom_exact *net = netgen_like(6, sizes, 3, 400, 5);
    simulate(net, &loom_ice40, 1, "verilator", &vectors);
    loom_exact_destroy(net);
}

/* A wrong core must not pass. */
static void test_mismatch(void **state)
{
    (void)state;
    static const int sizes[] = {4, 3};
    need("iverilog");
    struct loom_exact *net = netgen_like(9, sizes, 2, 1000, 4);
    struct loom_exact *other = netgen_like(9, sizes, 2, 1000, 4);
    other->nodes[1].b[0] += 2;
    loom_exact_intervals(other, NULL);
    struct loom_design *d = design(net, &loom_ice40, 1, NULL);
    struct loom_design *wrong = design(other, &loom_ice40, 1, NULL);
    char *core = put("core.v", loom_verilog_core(wrong));
    struct loom_verify v = {
        .d = d, .core = core, .simulator = "iverilog", .timeout_s = 300};
    struct loom_verify_result r;
    struct loom_errmsg e = {""};
    int err = loom_verify_run(&v, &r, &e);
    assert_true(err == LOOM_ERR_TOOL || r.mismatches > 0);
    free(core);
    loom_design_destroy(d);
    loom_design_destroy(wrong);
    loom_exact_destroy(net);
    loom_exact_destroy(other);
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
    char *core = loom_asprintf("%s/core.v", dir);
    char *serial = loom_asprintf("%s/serial.v", dir);
    unlink(core);
    unlink(serial);
    free(core);
    free(serial);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wild),
        cmocka_unit_test(test_wild_bit_serial),
        cmocka_unit_test(test_like_trained),
        cmocka_unit_test(test_verilator),
        cmocka_unit_test(test_mismatch),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
