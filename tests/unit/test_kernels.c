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
        p[j] = scale * (float)(4 * loom_rng_uniform(g) - 2);
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

/* A product of rows that lie in runs, as a convolution has them. */
static struct loom_product draw_product(struct loom_rng *g, struct sizes z,
                                        const float *a, const float *b)
{
    size_t runs = (size_t)unit_between(g, 1, 3);
    return (struct loom_product){
        .M = z.m,
        .N = z.n - (size_t)(unit_between(g, 0, 1) * LOOM_HALF),
        .runs = runs,
        .run = z.k / runs,
        .apart = z.k / runs + 5,
        .a = a,
        .b = b,
        .lda = 71,
        .ldb = z.ld,
        .ldc = z.ld};
}

static void check_product(const struct loom_kernels *s, struct loom_rng *g)
{
    struct sizes z = draw_sizes(g);
    float *a = draw(g, 1), *b = draw(g, 1), *c = draw(g, 1), *d = copy(c);
    float *bias = draw(g, 1);
    struct loom_product p = draw_product(g, z, a, b);
    p.bias = unit_between(g, 0, 1) ? bias : NULL;
    p.c = c;
    s->product(&p);
    p.c = d;
    loom_kernels_plain()->product(&p);
    close_to(s->name, "product", c, d, 1e-4);
    float *all[] = {a, b, c, d, bias};
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
        free(all[k]);
}

static void check_outer(const struct loom_kernels *s, struct loom_rng *g)
{
    struct sizes z = draw_sizes(g);
    size_t planes = (size_t)unit_between(g, 1, 3);
    float *a = draw(g, 1), *b = draw(g, 1), *c = draw(g, 1), *d = copy(c);
    struct loom_outer p = {.planes = planes,
                           .M = z.m / planes,
                           .N = z.n -
                                (size_t)(unit_between(g, 0, 1) * LOOM_HALF),
                           .K = z.k,
                           .a = a,
                           .g = b,
                           .lda = (size_t)unit_between(g, 1, 80),
                           .ldg = z.ld,
                           .a_plane = 100,
                           .g_plane = z.m / planes * z.ld,
                           .c = c,
                           .ldc = z.ld};
    s->outer(&p);
    p.c = d;
    loom_kernels_plain()->outer(&p);
    close_to(s->name, "outer", c, d, 1e-4);
    float *all[] = {a, b, c, d};
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
        free(all[k]);
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

/* A fused product, of this set or the plain one, against its kernels one after
 * the other: the same bits. */
static void check_fused(const struct loom_kernels *s, struct loom_rng *g)
{
    struct sizes z = draw_sizes(g);
    float *p[10];
    for (int k = 0; k < 10; k++)
        p[k] = draw(g, 4);
    float *c = p[2], *want = p[3], *q = p[4], *q2 = p[5], *top = p[6];
    float *scale = p[7], *inverse = p[8], *top2 = p[9];
    struct loom_product f = draw_product(g, z, p[0], p[1]);
    bool each = unit_between(g, 0, 1);
    memcpy(want, c, ROOM * sizeof(*c));
    memcpy(q2, q, ROOM * sizeof(*q));
    memcpy(top2, top, ROOM * sizeof(*top));
    powers(g, 6, scale, inverse);
    f.c = want;
    s->product(&f);
    if (f.N == z.ld) /* whole rows, as the network has them */
        s->relu(z.m * z.ld, want, want);
    else
        for (size_t m = 0; m < z.m; m++)
            s->relu(f.N, want + m * z.ld, want + m * z.ld);
    for (size_t m = 0; each && m < z.m; m++)
        s->round(1, f.N, want + m * z.ld, z.ld, scale + m, inverse + m,
                 q2 + m * z.ld, top2 + m);
    if (!each)
        s->round(z.m, f.N, want, z.ld, scale, inverse, q2, top2);
    f.c = c;
    f.relu = true;
    f.scale = scale;
    f.inverse = inverse;
    f.q = q;
    f.top = top;
    f.each = each;
    s->product(&f);
    close_to(s->name, "fused c", c, want, 0);
    close_to(s->name, "fused q", q, q2, 0);
    close_to(s->name, "fused top", top, top2, 0);
    for (int k = 0; k < 10; k++)
        free(p[k]);
}

static void check_fused_back(const struct loom_kernels *s, struct loom_rng *g)
{
    struct sizes z = draw_sizes(g);
    float *p[10];
    for (int k = 0; k < 10; k++)
        p[k] = draw(g, 4);
    float *c = p[2], *want = p[3], *x = p[4], *rounded = p[5];
    float *error = p[6], *error2 = p[7], *column = p[8], *column2 = p[9];
    bool quantized = unit_between(g, 0, 1), mask = unit_between(g, 0, 1);
    bool sums = unit_between(g, 0, 1);
    struct loom_product f = draw_product(g, z, p[0], p[1]);
    memcpy(want, c, ROOM * sizeof(*c));
    memcpy(error2, error, ROOM * sizeof(*c));
    memcpy(column2, column, ROOM * sizeof(*c));
    f.c = want;
    s->product(&f);
    if (quantized)
        s->error_dot(z.m, f.N, want, x, rounded, z.ld, error2);
    for (size_t m = 0; mask && m < z.m; m++)
        s->relu_back(f.N, x + m * z.ld, want + m * z.ld, want + m * z.ld);
    if (sums)
        s->column_sum(z.m, f.N, want, z.ld, column2);
    f.c = c;
    f.x = x;
    f.rounded = quantized ? rounded : NULL;
    f.error = quantized ? error : NULL;
    f.mask = mask;
    f.column = sums ? column : NULL;
    s->product(&f);
    close_to(s->name, "fused gradient", c, want, 0);
    close_to(s->name, "fused error", error, error2, 0);
    close_to(s->name, "fused column", column, column2, 0);
    for (int k = 0; k < 10; k++)
        free(p[k]);
}

static void check_max(const struct loom_kernels *s, struct loom_rng *g)
{
    const struct loom_kernels *plain = loom_kernels_plain();
    size_t n = (size_t)unit_between(g, 0, 300);
    float *x = draw(g, 1), *y = draw(g, 1), *y2 = copy(y), *gx = draw(g, 1);
    float *left = draw(g, 1), *left2 = copy(left), *gx2 = copy(gx);
    s->max(n, x, y);
    plain->max(n, x, y2);
    close_to(s->name, "max", y, y2, 0);
    s->max_back(n, x, y, left, gx);
    plain->max_back(n, x, y, left2, gx2);
    close_to(s->name, "max_back", gx, gx2, 0);
    close_to(s->name, "max_back's rest", left, left2, 0);
    s->add(n, x, y);
    plain->add(n, x, y2);
    close_to(s->name, "add", y, y2, 0);
    float *all[] = {x, y, y2, gx, left, left2, gx2};
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
        free(all[k]);
}

static void check_softmax(const struct loom_kernels *s, struct loom_rng *g)
{
    size_t rows = (size_t)unit_between(g, 1, LOOM_LANES);
    size_t n = (size_t)unit_between(g, 1, 40);
    float *z = draw(g, 9), *gz = draw(g, 1), *gz2 = copy(gz);
    float loss[LOOM_LANES], loss2[LOOM_LANES], scale[LOOM_LANES];
    int best[LOOM_LANES], best2[LOOM_LANES], y[LOOM_LANES];
    for (size_t r = 0; r < rows; r++) {
        y[r] = unit_between(g, 0, (int)n - 1);
        scale[r] = (float)loom_rng_uniform(g);
    }
    if (n > 3)
        z[1] = z[3] = 99; /* the first of the largest */
    s->softmax(rows, n, z, 48, y, scale, loss, best, gz);
    loom_kernels_plain()->softmax(rows, n, z, 48, y, scale, loss2, best2, gz2);
    close_to(s->name, "softmax", gz, gz2, 1e-6);
    for (size_t r = 0; r < rows; r++) {
        assert_int_equal(best[r], best2[r]);
        assert_float_equal(loss[r], loss2[r], 1e-5);
    }
    free(z);
    free(gz);
    free(gz2);
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
            check_product(sets[k], &g);
            check_outer(sets[k], &g);
            check_round(sets[k], &g);
            check_fused(sets[k], &g);
            check_fused_back(sets[k], &g);
            check_max(sets[k], &g);
            check_softmax(sets[k], &g);
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
