/* Prices of cells: what a fit finds and forgives, what is in the file, and
 * accuracies by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/rng.h"
#include "fpga_flow/price.h"

enum { ROWS = 40 };

static const struct loom_cost truth = {.device = "ice40-hx8k-ct256",
                                       .unit = "LC",
                                       .fixed = 60,
                                       .price = {0.5, 0.8, 0, 1.2, 0.3, 2, 1}};

/* Networks of other sizes and mixtures, priced by the truth. */
static void draw(struct loom_price_row row[ROWS], char name[ROWS][8],
                 uint64_t seed)
{
    struct loom_rng g = loom_rng_init(seed, 0);
    for (int k = 0; k < ROWS; k++) {
        double size = exp(5 + 3 * loom_rng_uniform(&g));
        for (int p = 0; p < LOOM_COST_PARTS; p++)
            row[k].part[p] = size * (0.1 + loom_rng_uniform(&g));
        snprintf(name[k], sizeof(name[k]), "n%d", k / 2);
        row[k].group = name[k];
        row[k].cells = loom_price_cells(&truth, &row[k]);
    }
}

static void test_finds(void **state)
{
    (void)state;
    struct loom_price_row row[ROWS];
    char name[ROWS][8];
    struct loom_cost before = {.unit = "LC", .price = {1, 0, 0, 0, 0, 1, 1}};
    struct loom_cost c, again;
    draw(row, name, 1);
    for (int k = 0; k < 4; k++)
        row[k].cells *= 5; /* not of this world */
    loom_price_fit(row, ROWS, &before, &c);
    loom_price_fit(row, ROWS, &before, &again);
    assert_memory_equal(&c, &again, sizeof(c));
    for (int k = 4; k < ROWS; k++) {
        double off = loom_price_cells(&c, &row[k]) / row[k].cells - 1;
        if (fabs(off) > 0.05)
            fail_msg("row %d is %.1f %% off", k, 100 * off);
    }
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        assert_true(c.price[p] >= 0);
    struct loom_accuracy a = loom_price_check(row + 4, ROWS - 4, &before);
    print_message("left out: %.2f %% median, %.2f %% worst, rank %.4f\n",
                  100 * a.median, 100 * a.worst, a.rank);
    assert_true(a.median < 0.03 && a.worst < 0.15 && a.rank > 0.99);
}

/* No rows: as before. One: that one, and what it does not speak of as before.
 * Leaving out the only network leaves nothing. */
static void test_few(void **state)
{
    (void)state;
    struct loom_price_row row[2] = {
        {.part = {[LOOM_COST_PRODUCTS] = 1000}, .cells = 2000, .group = "a"}};
    struct loom_cost before = {.price = {1, 0.7, 0, 0, 0, 3, 1}}, c;
    loom_price_fit(row, 0, &before, &c);
    assert_memory_equal(&c, &before, sizeof(c));
    loom_price_fit(row, 1, &before, &c);
    assert_true(c.price[LOOM_COST_PRODUCTS] > 1.2);
    assert_true(c.price[LOOM_COST_PRODUCTS] < 2.0);
    assert_true(fabs(c.price[LOOM_COST_WIDTHS] - 0.7) < 1e-6);
    assert_true(isnan(loom_price_check(row, 1, &before).median));
    row[1] = row[0];
    assert_true(isnan(loom_price_check(row, 2, &before).median));
    row[1].group = "b";
    assert_true(loom_price_check(row, 2, &before).worst < 0.5);
}

static void test_accuracy(void **state)
{
    (void)state;
    const double real[] = {100, 200, 300, 400, 500};
    const double up[] = {110, 200, 330, 400, 600};
    const double down[] = {5, 4, 3, 2, 1}, ties[] = {1, 1, 2, 2, 2};
    struct loom_accuracy a = loom_accuracy_of(up, real, 5);
    assert_true(fabs(a.median - 0.1) < 1e-12 && fabs(a.worst - 0.2) < 1e-12);
    assert_true(fabs(a.rank - 1) < 1e-12);
    assert_true(fabs(loom_accuracy_of(down, real, 5).rank + 1) < 1e-12);
    double some = loom_accuracy_of(ties, real, 5).rank;
    assert_true(some > 0.8 && some < 0.9); /* sqrt(3) / 2 */
    a = loom_accuracy_of(up, real, 0);
    assert_true(isnan(a.median) && isnan(a.worst) && isnan(a.rank));
    double even[] = {4, 1, 2, 3};
    assert_true(loom_median(even, 4) == 2.5);
}

/* Each device its family's; what calibrate wrote counts, until it is damaged;
 * what is damaged is named. */
static void test_file(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    struct loom_cost c, up5k;
    char dir[] = "/tmp/bitloom-price-XXXXXX";
    assert_non_null(mkdtemp(dir));
    setenv("XDG_DATA_HOME", dir, 1);
    assert_int_equal(loom_price_find("up5k", &up5k, &e), 0);
    assert_string_equal(up5k.device, "ice40-up5k-sg48");
    assert_true(up5k.price[LOOM_COST_PRODUCTS] > 0);
    assert_int_equal(loom_price_find("ecp5-25k", &c, &e), 0);
    assert_string_equal(c.unit, "LUT4");
    assert_int_equal(loom_price_find("virtex", &c, &e), LOOM_ERR_ARG);
    assert_non_null(strstr(e.text, "virtex"));

    struct loom_accuracy none = {NAN, NAN, NAN};
    assert_int_equal(loom_price_write(&loom_ice40, &truth, 3, &none, &e), 0);
    assert_int_equal(loom_price_find("up5k", &c, &e), 0);
    assert_string_equal(c.device, "ice40-up5k-sg48");
    assert_memory_equal(c.price, truth.price, sizeof(c.price));
    assert_true(c.fixed == truth.fixed);
    char *path = loom_price_path(&loom_ice40);
    static const char *const bad[] = {
        "", "{}", "{\"schema\":\"bitloom/cost\",\"version\":2}",
        "{\"schema\":\"bitloom/cost\",\"version\":1,\"cost\":{}}",
        "{\"schema\":\"bitloom/cost\",\"version\":1,\"cost\":{\"device\":\"x\","
        "\"unit\":\"LUT4\",\"fixed\":0,\"products\":1,\"widths\":1,"
        "\"digits\":1,\"terms\":1,\"biases\":1,\"data\":1,\"other\":1}}"};
    for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
        loom_file_write(path, bad[k], strlen(bad[k]), &e);
        assert_int_equal(loom_price_find("hx8k", &c, &e), LOOM_ERR_FORMAT);
        assert_non_null(strstr(e.text, path));
    }
    free(path);
    loom_file_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
