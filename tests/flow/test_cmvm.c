/* Constant matrices to adder graphs: exact, within bounds, repeatable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/mem.h"
#include "fpga_flow/cmvm.h"
#include "fpga_flow/cmvm_graph.h"
#include "fpga_flow/cmvm_net.h"
#include "fpga_flow/target.h"
#include "tests/flow/netgen.h"

struct problem {
    struct loom_cmvm m;
    int64_t *w, *lo, *hi;
};

/* bits of a coefficient, per mille that are not 0; each row and column gets a
 * power of two of its own where `scaled`. */
static void problem_init(struct problem *p, uint64_t seed, int n_in, int n_out,
                         int bits, int keep, bool scaled)
{
    uint64_t r = seed * 77 + 1;
    size_t n = (size_t)n_in * (size_t)n_out;
    p->w = loom_calloc(n + 1, sizeof(*p->w));
    p->lo = loom_calloc((size_t)n_in, sizeof(*p->lo));
    p->hi = loom_calloc((size_t)n_in, sizeof(*p->hi));
    for (size_t i = 0; i < n; i++)
        if (netgen_below(&r, 1000) < keep)
            p->w[i] = netgen_below(&r, 2 << bits) - (1 << bits);
    for (int i = 0; i < n_in && scaled; i++) {
        int s = netgen_below(&r, 5);
        for (int j = 0; j < n_out; j++)
            p->w[i * n_out + j] *= INT64_C(1) << (s + j % 4);
    }
    for (int i = 0; i < n_in; i++) {
        p->lo[i] = -netgen_below(&r, 200);
        p->hi[i] = netgen_below(&r, 200);
    }
    p->m = (struct loom_cmvm){.n_in = n_in,
                              .n_out = n_out,
                              .w = p->w,
                              .lo = p->lo,
                              .hi = p->hi,
                              .steps = 200,
                              .seed = seed,
                              .threads = 1};
}

static void problem_deinit(struct problem *p)
{
    free(p->w);
    free(p->lo);
    free(p->hi);
}

static void solve(const struct loom_cmvm *m, struct loom_cmvm_graph *g)
{
    struct loom_cmvm_sums s;
    struct loom_errmsg e = {""};
    assert_int_equal(loom_cmvm_solve(m, &s, &e), 0);
    loom_cmvm_graph_make(g, &s);
    assert_int_equal(g->n_adds, s.adders);
    loom_cmvm_sums_deinit(&s);
}

/* Run x through the graph; every sum must lie in the interval it claims. */
static int64_t output(const struct loom_cmvm_graph *g, const int64_t *x, int j)
{
    int64_t *v = loom_calloc((size_t)(g->n_in + g->n_adds), sizeof(*v));
    memcpy(v, x, (size_t)g->n_in * sizeof(*v));
    for (int k = 0; k < g->n_adds; k++) {
        const struct loom_cmvm_add *a = &g->add[k];
        assert_true(a->a < g->n_in + k && a->b < g->n_in + k);
        assert_true(a->sa == 0 || a->sb == 0);
        int64_t b = v[a->b] * (INT64_C(1) << a->sb);
        int64_t y = v[a->a] * (INT64_C(1) << a->sa) + (a->minus ? -b : b);
        assert_true(y >= a->lo && y <= a->hi && a->bits > 0);
        v[g->n_in + k] = y;
    }
    const struct loom_cmvm_out *o = &g->out[j];
    int64_t y = o->node < 0 ? 0 : v[o->node] * (INT64_C(1) << o->shift);
    free(v);
    return o->negate ? -y : y;
}

static void check(const struct problem *p, const struct loom_cmvm_graph *g)
{
    assert_true(loom_cmvm_graph_is(g, p->w));
    uint64_t r = 5;
    int64_t *x = loom_calloc((size_t)p->m.n_in, sizeof(*x));
    for (int i = 0; i < p->m.n_in; i++)
        x[i] = p->lo[i] + netgen_below(&r, (int)(p->hi[i] - p->lo[i] + 1));
    for (int j = 0; j < p->m.n_out; j++) {
        int64_t y = 0;
        for (int i = 0; i < p->m.n_in; i++)
            y += x[i] * p->w[i * p->m.n_out + j];
        assert_int_equal(output(g, x, j), y);
    }
    free(x);
}

static int naive(const struct problem *p)
{
    int sum = 0;
    for (int j = 0; j < p->m.n_out; j++) {
        int digits = 0;
        for (int i = 0; i < p->m.n_in; i++)
            digits += loom_cmvm_sums_digits(p->w[i * p->m.n_out + j]);
        sum += digits > 1 ? digits - 1 : 0;
    }
    return sum;
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t r = seed;
        struct problem p;
        struct loom_cmvm_graph g;
        int n_in = 1 + netgen_below(&r, 12), n_out = 1 + netgen_below(&r, 12);
        problem_init(&p, seed, n_in, n_out, netgen_below(&r, 14),
                     netgen_below(&r, 1001), seed & 1);
        p.m.goal = seed % 3 ? LOOM_CMVM_ADDERS : LOOM_CMVM_BITS;
        solve(&p.m, &g);
        check(&p, &g);
        assert_true(g.n_adds <= naive(&p));
        loom_cmvm_graph_deinit(&g);
        problem_deinit(&p);
    }
}

static void test_depth(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct problem p;
        struct loom_cmvm_graph g;
        problem_init(&p, seed, 9, 7, 6, 800, false);
        p.m.max_depth = 1;
        solve(&p.m, &g);
        check(&p, &g);
        int least = loom_cmvm_graph_depth(&g);
        loom_cmvm_graph_deinit(&g);
        p.m.max_depth = least + 1;
        solve(&p.m, &g);
        check(&p, &g);
        assert_true(loom_cmvm_graph_depth(&g) <= least + 1);
        loom_cmvm_graph_deinit(&g);
        problem_deinit(&p);
    }
}

static void test_repeats(void **state)
{
    (void)state;
    struct problem p;
    struct loom_cmvm_graph g[2];
    problem_init(&p, 3, 10, 10, 7, 900, false);
    p.m.threads = 2;
    p.m.steps = 1000;
    for (int i = 0; i < 2; i++)
        solve(&p.m, &g[i]);
    assert_int_equal(g[0].n_adds, g[1].n_adds);
    for (int k = 0; k < g[0].n_adds; k++) {
        assert_int_equal(g[0].add[k].a, g[1].add[k].a);
        assert_int_equal(g[0].add[k].b, g[1].add[k].b);
        assert_int_equal(g[0].add[k].sb, g[1].add[k].sb);
    }
    for (int i = 0; i < 2; i++)
        loom_cmvm_graph_deinit(&g[i]);
    problem_deinit(&p);
}

/* Small matrices whose fewest adders are known. */
static void test_known(void **state)
{
    (void)state;
    static const struct {
        int n_in, n_out, adders;
        int64_t w[9];
    } cases[] = {
        {1, 1, 0, {0}},
        {1, 1, 0, {-64}},
        {1, 1, 1, {3}},
        {1, 1, 2, {45}},          /* (1 + 4) (1 + 8) */
        {1, 3, 1, {3, 6, -12}},   /* one part, shifted and negated */
        {2, 2, 2, {1, 1, 1, -1}}, /* a + b, a - b */
        {2, 2, 2, {1, 3, 1, 1}},  /* a + b, (a + b) + 2a */
        {2, 3, 2, {0, 5, 10, 0, 1, 2}},
        {3, 3, 3, {1, 1, 1, 1, 1, 1, 0, 1, -1}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct problem p;
        struct loom_cmvm_graph g;
        problem_init(&p, 1, cases[i].n_in, cases[i].n_out, 0, 0, false);
        memcpy(p.w, cases[i].w, (size_t)(p.m.n_in * p.m.n_out) * sizeof(*p.w));
        p.m.steps = 500;
        solve(&p.m, &g);
        check(&p, &g);
        assert_int_equal(g.n_adds, cases[i].adders);
        loom_cmvm_graph_deinit(&g);
        problem_deinit(&p);
    }
}

/* As a network, with the cells of a chip for its cost. */
static void test_net(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct problem p;
        struct loom_errmsg e = {""};
        problem_init(&p, seed, 8, 6, 6, 700, seed & 1);
        struct loom_exact *net = loom_cmvm_net(p.m.n_in, p.m.n_out, p.w, 8, &e);
        assert_non_null(net);
        struct loom_design_conf conf = {
            .name = "m", .family = &loom_ice40, .levels = 2};
        struct loom_design *shared = loom_design_new(net, &conf, &e);
        conf.plain = true;
        struct loom_design *plain = loom_design_new(net, &conf, &e);
        assert_non_null(plain);
        assert_non_null(shared);
        assert_true(loom_cmvm_net_is(plain->w, p.w));
        assert_true(loom_cmvm_net_is(shared->w, p.w));
        assert_true(loom_target_predict(shared, -1).lc <=
                    loom_target_predict(plain, -1).lc);
        p.w[0] ^= 1;
        assert_false(loom_cmvm_net_is(shared->w, p.w));
        loom_design_destroy(plain);
        loom_design_destroy(shared);
        loom_exact_destroy(net);
        problem_deinit(&p);
    }
}

static void test_too_wide(void **state)
{
    (void)state;
    struct problem p;
    struct loom_cmvm_sums s;
    struct loom_errmsg e = {""};
    problem_init(&p, 1, 2, 2, 4, 1000, false);
    p.w[0] = INT64_C(1) << 52;
    p.hi[0] = 255;
    assert_int_equal(loom_cmvm_solve(&p.m, &s, &e), LOOM_ERR_RANGE);
    assert_non_null(strstr(e.text, "bits"));
    problem_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_repeats), cmocka_unit_test(test_known),
        cmocka_unit_test(test_net),     cmocka_unit_test(test_too_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
