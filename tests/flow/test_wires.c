/* Wires against the integer interpreter, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/mem.h"
#include "fpga_flow/share.h"
#include "fpga_flow/wires.h"
#include "tests/flow/netgen.h"

/* The value of a wire's bits, gathered one by one through the views. */
static void check_bits(const struct loom_wires *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct loom_wire *x = &w->wire[i];
        assert_true(x->lo <= x->hi);
        assert_true(x->bits <= loom_wire_width(w, (int)i));
        if (x->op == LOOM_WIRE_ADD) {
            assert_true(x->a < (int)i && x->b < (int)i);
            assert_true(loom_wire_chain(x) >= 0);
        }
        for (int b = 0; b < x->bits; b++) {
            struct loom_wire_bit s = loom_wire_bit(w, (int)i, b);
            assert_true(s.wire < 0 || (!loom_wire_is_view(w, s.wire) &&
                                       s.i < loom_wire_width(w, s.wire)));
        }
    }
}

static void check_net(const struct loom_exact *net, uint64_t seed, int rows,
                      const struct loom_share *share)
{
    struct loom_errmsg e = {""};
    struct loom_wires *w = loom_wires_lower(net, share, seed % 3, &e);
    if (!w) {
        assert_non_null(strstr(e.text, "62 bits"));
        return;
    }
    check_bits(w);
    uint64_t s = seed + 99;
    size_t n = (size_t)rows;
    int64_t *q = loom_calloc(n * net->in_size, sizeof(*q));
    int64_t *want = loom_calloc(n * net->out_size, sizeof(*want));
    int64_t *got = loom_calloc(n * net->out_size, sizeof(*got));
    for (size_t r = 0; r < n; r++)
        netgen_row(net, &s, q + r * net->in_size);
    loom_exact_run(net, q, n, want);
    loom_wires_run(w, q, n, got);
    for (size_t i = 0; i < n * net->out_size; i++)
        if (want[i] != got[i])
            fail_msg("seed %llu: value %zu is %lld, expected %lld",
                     (unsigned long long)seed, i, (long long)got[i],
                     (long long)want[i]);
    free(q);
    free(want);
    free(got);
    loom_wires_destroy(w);
}

/* The same with the sums of its layers shared, in the way that seed says. */
static void check_shared(const struct loom_exact *net, uint64_t seed, int rows)
{
    struct loom_share *share = loom_calloc(net->n_nodes, sizeof(*share));
    for (size_t k = 0; k < net->n_nodes; k++)
        share[k] = (struct loom_share){.on = true,
                                       .plus_only = (seed + k) % 2,
                                       .slack = (int)(seed % 3) - 1,
                                       .steps = 20};
    check_net(net, seed, rows, share);
    free(share);
}

static void test_wild(void **state)
{
    (void)state;
    int legal = 0;
    for (uint64_t seed = 1; seed <= 6000; seed++) {
        struct loom_exact *net = netgen_wild(seed);
        if (!net)
            continue;
        check_net(net, seed, 40, NULL);
        check_shared(net, seed, 40);
        loom_exact_destroy(net);
        legal++;
    }
    print_message("%d networks\n", legal);
    assert_true(legal > 3000);
}

static void test_like_trained(void **state)
{
    (void)state;
    static const int sizes[] = {30, 16, 12, 5};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct loom_exact *net =
            netgen_like(seed, sizes, 4, 50 + 15 * (int)seed, 6);
        assert_non_null(net);
        check_net(net, seed, 100, NULL);
        check_shared(net, seed, 100);
        loom_exact_destroy(net);
    }
}

/* One LINEAR node of one output: every small pair of weights and bias. */
static void test_small_sums(void **state)
{
    (void)state;
    for (int c = 0; c < 15 * 15 * 11; c++) {
        static const int sizes[] = {2, 1};
        struct loom_exact *net = netgen_like(7, sizes, 2, 1000, 1);
        struct loom_exact_node *d = &net->nodes[1];
        int w[2] = {c % 15 - 7, c / 15 % 15 - 7}, b = c / 225 - 5;
        d->n_terms = 0;
        for (int i = 0; i < 2; i++) {
            net->nodes[0].format[i] = (struct loom_fixed){i == 0, 2, 1};
            int z = w[i] ? __builtin_ctz((unsigned)abs(w[i])) : 0;
            if (w[i])
                d->term[d->n_terms++] =
                    (struct loom_exact_term){w[i] / (1 << z), i, 1 - z};
        }
        d->start[1] = d->n_terms;
        int z = b ? __builtin_ctz((unsigned)abs(b)) : 0;
        d->b[0] = b / (1 << z);
        d->bf[0] = 2 - z;
        assert_int_equal(loom_exact_intervals(net, NULL), 0);
        check_net(net, (uint64_t)c, 30, NULL);
        check_shared(net, (uint64_t)c, 30);
        loom_exact_destroy(net);
    }
}

/* What must cost nothing costs nothing. */
static void test_free_things(void **state)
{
    (void)state;
    struct loom_wires w = {0};
    struct loom_exact_elem e4 = {.f = 2, .lo = 0, .hi = 15};
    int x = loom_wire_input(&w, 0, &e4), y = loom_wire_input(&w, 1, &e4);
    int zero = loom_wire_const(&w, 0, 2);
    assert_int_equal(loom_wire_add(&w, x, 0, zero, 0, -1), x);
    assert_int_equal(loom_wire_relu(&w, x), x);
    assert_int_equal(loom_wire_wrap(&w, x, 4, false), x);
    assert_int_equal(loom_wire_clip(&w, x, -16, 15), x);
    assert_int_equal(loom_wire_shr(&w, loom_wire_shl(&w, x, 3), 3), x);
    assert_int_equal(loom_wire_not(&w, loom_wire_not(&w, x)), x);
    assert_int_equal(loom_wire_add(&w, x, 0, y, 1, -1),
                     loom_wire_add(&w, y, 1, x, 0, -1));
    assert_true(loom_wire_is_view(&w, loom_wire_add(&w, x, 4, y, 0, -1)));
    assert_false(loom_wire_is_view(&w, loom_wire_add(&w, x, 3, y, 0, -1)));
    int s = loom_wire_add(&w, x, 0, y, 0, -1), n = loom_wire_not(&w, s);
    assert_int_equal(w.wire[n].op, LOOM_WIRE_ADD);
    assert_int_equal(loom_wire_not(&w, n), s);
    free(w.wire);
    free(w.bucket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wild),
        cmocka_unit_test(test_like_trained),
        cmocka_unit_test(test_small_sums),
        cmocka_unit_test(test_free_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
