/* Every set of kernels that this processor runs against the plain loops. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/kernels.h"

extern const struct loom_kernels loom_kernels_avx512, loom_kernels_avx2,
    loom_kernels_portable;

enum { ROOM = 80 * 160, ROUNDS = 60 };

struct sizes {
    size_t m, n, k, ld;
};

static const struct loom_kernels *sets[3];
static int n_sets;

static void find_sets(void)
{
    sets[n_sets++] = &loom_kernels_portable;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets[n_sets++] = &loom_kernels_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        sets[n_sets++] = &loom_kernels_avx512;
#endif
}

static float *room(void)
{
    struct loom_errmsg e;
    float *p = loom_try_alloc(ROOM, sizeof(float), "test", &e);
    assert_non_null(p);
    return p;
}

static float *draw(struct loom_rng *g, float scale)
{
    float *p = room();
    for (size_t j = 0; j < ROOM; j++)
        p[j] = scale * (float)loom_rng_normal(g);
    return p;
}

static float *copy(const float *p)
{
    return memcpy(room(), p, ROOM * sizeof(float));
}

/* Odd rows, inner sizes that fill no vector, rows wider than what is used. */
static struct sizes draw_sizes(struct loom_rng *g)
{
    struct sizes s;
    s.m = (size_t)unit_between(g, 0, 49);
    s.n = (size_t)unit_between(g, 1, 5) * LOOM_LANES;
    s.k = (size_t)unit_between(g, 0, 67);
    s.ld = s.n + (size_t)unit_between(g, 0, 1) * LOOM_LANES;
    return s;
}

/* Nothing outside of [rows][n] may be touched either. */
static void close_to(const char *set, const char *what, const float *got,
                     const float *want, double tolerance)
{
    for (size_t j = 0; j < ROOM; j++)
        if (!(fabs((double)got[j] - (double)want[j]) <= tolerance))
            fail_msg("%s %s: element %zu: %.9g, not %.9g", set, what, j,
                     (double)got[j], (double)want[j]);
}

static void check_gemm(const struct loom_kernels *s, struct loom_rng *g)
{
    const struct loom_kernels *plain = loom_kernels_plain();
    struct sizes z = draw_sizes(g);
    size_t lda = loom_pad(z.k) + LOOM_LANES;
    float *a = draw(g, 1), *b = draw(g, 1), *c = draw(g, 1), *d = copy(c);
    const float *bias = unit_between(g, 0, 1) ? draw(g, 1) : NULL;
    s->gemm(z.m, z.n, z.k, a, lda, b, z.ld, bias, c, z.ld);
    plain->gemm(z.m, z.n, z.k, a, lda, b, z.ld, bias, d, z.ld);
    close_to(s->name, "gemm", c, d, 1e-4);
    free(a);
    free(b);
    free(c);
    free(d);
    free((void *)(uintptr_t)bias);
}

static void check_gemm_tn(const struct loom_kernels *s, struct loom_rng *g)
{
    struct sizes z = draw_sizes(g);
    size_t lda = loom_pad(z.k) + LOOM_LANES;
    float *a = draw(g, 1), *b = draw(g, 1), *c = draw(g, 1), *d = copy(c);
    s->gemm_tn(z.m, z.n, z.k, a, lda, b, z.ld, c, z.ld);
    loom_kernels_plain()->gemm_tn(z.m, z.n, z.k, a, lda, b, z.ld, d, z.ld);
    close_to(s->name, "gemm_tn", c, d, 1e-4);
    free(a);
    free(b);
    free(c);
    free(d);
}

/* 2^-e .. 2^e in p, their inverses in q. */
static void powers(struct loom_rng *g, int e, float *p, float *q)
{
    for (size_t n = 0; n < 160; n++) {
        int v = unit_between(g, -e, e);
        p[n] = ldexpf(1, v);
        q[n] = ldexpf(1, -v);
    }
}

/* Quantizing must give the same bits everywhere: a network is its numbers. */
static void check_round(const struct loom_kernels *s, struct loom_rng *g)
{
    const struct loom_kernels *plain = loom_kernels_plain();
    struct sizes z = draw_sizes(g);
    float *x = draw(g, 8), *c = draw(g, 1), *d = copy(c);
    float *scale = room(), *inverse = room(), *modulus = room(), *over = room();
    float *bias = room(), *top = draw(g, 1), *top2 = copy(top);
    powers(g, 10, scale, inverse);
    powers(g, 6, modulus, over);
    for (size_t n = 0; n < z.n; n++)
        bias[n] = unit_between(g, 0, 1) ? 0.5f * modulus[n] : 0.0f;
    for (size_t j = 0; j < ROOM; j += 3) /* ties, of either sign */
        x[j] = ldexpf((float)unit_between(g, -99, 99), -unit_between(g, 0, 8));
    s->round(z.m, z.n, x, z.ld, scale, inverse, c, top);
    plain->round(z.m, z.n, x, z.ld, scale, inverse, d, top2);
    close_to(s->name, "round", c, d, 0);
    close_to(s->name, "round's top", top, top2, 0);
    s->wrap(z.m, z.n, x, z.ld, scale, inverse, modulus, over, bias, c);
    plain->wrap(z.m, z.n, x, z.ld, scale, inverse, modulus, over, bias, d);
    close_to(s->name, "wrap", c, d, 0);
    s->rint(z.n, x, c);
    plain->rint(z.n, x, d);
    close_to(s->name, "rint", c, d, 0);
    float *all[] = {x, c, d, scale, inverse, modulus, over, bias, top, top2};
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
        free(all[k]);
}

static void check_sums(const struct loom_kernels *s, struct loom_rng *g)
{
    const struct loom_kernels *plain = loom_kernels_plain();
    struct sizes z = draw_sizes(g);
    float *x = draw(g, 1), *q = draw(g, 1), *y = draw(g, 1);
    float *c = draw(g, 1), *d = copy(c);
    s->error_dot(z.m, z.n, y, x, q, z.ld, c);
    plain->error_dot(z.m, z.n, y, x, q, z.ld, d);
    close_to(s->name, "error_dot", c, d, 1e-4);
    s->column_sum(z.m, z.n, y, z.ld, c);
    plain->column_sum(z.m, z.n, y, z.ld, d);
    close_to(s->name, "column_sum", c, d, 2e-4);
    free(x);
    free(q);
    free(y);
    free(c);
    free(d);
}

static void check_saturate(const struct loom_kernels *s, struct loom_rng *g)
{
    float *p[12];
    size_t n = (size_t)unit_between(g, 0, 300);
    float symmetric = (float)unit_between(g, 0, 1);
    for (int k = 0; k < 12; k++)
        p[k] = room();
    for (size_t j = 0; j < n; j++) {
        p[0][j] = (float)(loom_rng_normal(g) * 8);
        p[1][j] = (float)unit_between(g, 0, 1);
        p[2][j] = (float)unit_between(g, -9, 6);
        p[3][j] = (float)unit_between(g, -6, 12);
    }
    s->saturate(n, symmetric, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
    loom_kernels_plain()->saturate(n, symmetric, p[0], p[1], p[2], p[3], p[8],
                                   p[9], p[10], p[11]);
    close_to(s->name, "saturate", p[4], p[8], 0);
    close_to(s->name, "saturate's dx", p[5], p[9], 0);
    close_to(s->name, "saturate's di", p[6], p[10], 1e-4);
    close_to(s->name, "saturate's df", p[7], p[11], 1e-4);
    for (int k = 0; k < 12; k++)
        free(p[k]);
}

static void check_adam(const struct loom_kernels *s, struct loom_rng *g)
{
    size_t n = (size_t)unit_between(g, 0, 300);
    float *grad = draw(g, 1), *p = draw(g, 1), *m = draw(g, 1), *v = draw(g, 1);
    for (size_t j = 0; j < ROOM; j++)
        v[j] = fabsf(v[j]);
    float *p2 = copy(p), *m2 = copy(m), *v2 = copy(v);
    s->adam(n, p, grad, m, v, 1e-2f, 0.9f, 0.999f, 1e-7f);
    loom_kernels_plain()->adam(n, p2, grad, m2, v2, 1e-2f, 0.9f, 0.999f, 1e-7f);
    close_to(s->name, "adam", p, p2, 1e-4);
    close_to(s->name, "adam's m", m, m2, 1e-5);
    close_to(s->name, "adam's v", v, v2, 1e-5);
    float *all[] = {grad, p, m, v, p2, m2, v2};
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
        free(all[k]);
}

static void test_sets(void **state)
{
    (void)state;
    for (int k = 0; k < n_sets; k++) {
        struct loom_rng g = loom_rng_init(9, 9);
        print_message("%s\n", sets[k]->name);
        for (int n = 0; n < ROUNDS; n++) {
            check_gemm(sets[k], &g);
            check_gemm_tn(sets[k], &g);
            check_round(sets[k], &g);
            check_sums(sets[k], &g);
            check_saturate(sets[k], &g);
            check_adam(sets[k], &g);
        }
    }
}

static void test_choice(void **state)
{
    (void)state;
    assert_ptr_equal(loom_kernels(), sets[n_sets - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_choice),
    };
    find_sets();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
