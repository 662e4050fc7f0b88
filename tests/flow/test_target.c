/* Predicted cells: constructs at their prices, held against cells that are
 * counted by synthesis and packing, construct by construct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "fpga_flow/cmvm_net.h"
#include "fpga_flow/measure.h"
#include "fpga_flow/regress.h"
#include "fpga_flow/tool.h"

static struct loom_design *design(const struct loom_exact *net,
                                  const struct loom_family *f)
{
    struct loom_errmsg e = {""};
    struct loom_design *d = loom_design_new(
        net,
        &(struct loom_design_conf){.name = "net", .family = f, .levels = 2},
        &e);
    if (!d)
        fail_msg("%s", e.text);
    return d;
}

/* 6 x 6, sums and differences of up to 4 inputs. */
static struct loom_exact *matrix(void)
{
    struct loom_errmsg e = {""};
    int64_t w[36];
    for (int i = 0; i < 36; i++)
        w[i] = i * 7 % 5 == 0 ? 3 : i * 5 % 7 == 0 ? -1 : i % 4 == 1;
    struct loom_exact *net = loom_cmvm_net(6, 6, w, 6, &e);
    if (!net)
        fail_msg("%s", e.text);
    return net;
}

/* The whole is its layers and the harness; cells are counts times prices. */
static void test_census(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct loom_family *f = k ? &loom_ecp5 : &loom_ice40;
        struct loom_exact *net = matrix();
        struct loom_design *d = design(net, f);
        struct loom_census c = loom_target_count(d, -1);
        struct loom_cells all = loom_target_predict(d, -1);
        double lc = 0, lut4 = 0;
        for (int i = 0; i < LOOM_CONSTRUCTS; i++) {
            assert_true(c.count[i] >= 0);
            lc += f->price[i].lc * c.count[i];
            lut4 += f->price[i].lut4 * c.count[i];
        }
        assert_true(fabs(lc - all.lc) <= 0.5 && fabs(lut4 - all.lut4) <= 0.5);
        assert_true(c.ff == all.ff && c.carry == all.carry && all.lc > 0);
        int adders = c.count[LOOM_SUMS] + c.count[LOOM_LOGIC];
        for (size_t l = 0; l < d->w->n_layers; l++) {
            struct loom_census part = loom_target_count(d, (int)l);
            adders -= part.count[LOOM_SUMS] + part.count[LOOM_LOGIC];
            assert_int_equal(part.count[LOOM_OUTPUTS], 0);
        }
        assert_int_equal(adders, 0);
        loom_design_destroy(d);
        loom_exact_destroy(net);
    }
}

/* Within a twelfth, and twice the same. */
static void check_measured(const char *device)
{
    struct loom_errmsg e = {""};
    char path[4096];
    const struct loom_device *dev = loom_device_find(device);
    if (loom_tool_find(dev->family->nextpnr, path, sizeof(path), &e) ||
        loom_tool_find_beside(path, "yosys", path, sizeof(path), &e))
        skip();
    struct loom_exact *net = matrix();
    struct loom_design *d = design(net, dev->family);
    struct loom_cells p = loom_target_predict(d, -1), got, again;
    char *dir = loom_folder_scratch(&e);
    struct loom_measurement m = {.device = dev, .dir = dir};
    for (int k = 0; k < 2; k++)
        if (loom_measure_run(&m, d, k ? &again : &got, &e))
            fail_msg("%s", e.text);
    print_message("%s: %d LUT4 (~%d), %d LC (~%d)\n", device, got.lut4, p.lut4,
                  got.lc, p.lc);
    assert_memory_equal(&got, &again, sizeof(got));
    assert_int_equal(got.ff, p.ff);
    assert_true(abs(got.lc - p.lc) * 12 <= got.lc);
    loom_file_remove_tree(dir);
    free(dir);
    loom_design_destroy(d);
    loom_exact_destroy(net);
}

static void test_measured_ice40(void **state)
{
    (void)state;
    check_measured("hx8k");
}

static void test_measured_ecp5(void **state)
{
    (void)state;
    check_measured("ecp5-25k");
}

/* A tool that fails is named, with where its words are. */
static void test_no_room(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    struct loom_cells c;
    struct loom_exact *net = matrix();
    struct loom_design *d = design(net, &loom_ice40);
    struct loom_measurement m = {.device = loom_device_find("hx8k"),
                             .dir = "/proc/bitloom"};
    assert_true(loom_measure_run(&m, d, &c, &e) < 0);
    assert_true(strlen(e.text) > 0);
    loom_design_destroy(d);
    loom_exact_destroy(net);
}

/* What is free costs nothing, what must not be negative is not, and a floor
 * holds. */
static void test_regress(void **state)
{
    (void)state;
    enum { ROWS = 30, PRICES = 3 };
    double x[ROWS * PRICES], y[ROWS], price[PRICES];
    const double before[PRICES] = {1, 1, 1};
    for (int i = 0; i < ROWS; i++) {
        x[i * PRICES] = 300 + i % 3 * 2000;
        x[i * PRICES + 1] = 200 + i % 5 * 1500;
        x[i * PRICES + 2] = 20 + i % 2 * 500;
        y[i] =
            2 * x[i * PRICES] + 3 * x[i * PRICES + 1] - 0.2 * x[i * PRICES + 2];
    }
    struct loom_regress r = {
        .n = ROWS, .n_x = PRICES, .x = x, .y = y, .before = before};
    loom_regress_fit(&r, price);
    assert_true(price[2] == 0 && price[0] > 1.9 && price[1] > 2.8);
    r.floor = 0.5;
    loom_regress_fit(&r, price);
    assert_true(price[2] == 0.5);
    assert_true(loom_regress_at(&r, before, 0) == x[0] + x[1] + x[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_census),
        cmocka_unit_test(test_measured_ice40),
        cmocka_unit_test(test_measured_ecp5),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_regress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
