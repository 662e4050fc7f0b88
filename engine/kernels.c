/* The choice of kernels, and the plain loops that are their reference. */
#include "engine/kernels.h"

#include <math.h>

#include "engine/quantizer.h"

static float fma_burn(size_t n)
{
    float acc[12] = {0}, sum = 0.0f;
    for (; n; n--)
        for (int i = 0; i < 12; i++)
            acc[i] = acc[i] * 0.999999f + 1e-7f;
    for (int i = 0; i < 12; i++)
        sum += acc[i];
    return sum;
}

static void after(const struct loom_product *p, size_t m, size_t n, float *c)
{
    size_t v = m * p->each + n;
    if (p->relu)
        *c = *c > 0.0f ? *c : 0.0f;
    if (!p->scale)
        return;
    float q = floorf(*c * p->scale[v] + 0.5f) * p->inverse[v];
    p->q[m * p->ldc + n] = q;
    p->top[v] = fmaxf(p->top[v], fabsf(q));
}

static void back(const struct loom_product *p, size_t m, size_t n, float *c)
{
    float x = p->x[m * p->ldc + n];
    if (p->error)
        p->error[n] += *c * (x - p->rounded[m * p->ldc + n]);
    if (p->mask && !(x > 0.0f))
        *c = 0.0f;
    if (p->column)
        p->column[n] += *c;
}

static void product(const struct loom_product *p)
{
    for (size_t m = 0; m < p->M; m++)
        for (size_t n = 0; n < p->N; n++) {
            const float *a = p->a + m * p->lda, *b = p->b + n;
            float sum = p->bias ? p->bias[n] : 0.0f;
            for (size_t run = 0; run < p->runs; run++, a += p->apart)
                for (size_t k = 0; k < p->run; k++, b += p->ldb)
                    sum += a[k] * *b;
            after(p, m, n, &sum);
            if (p->x)
                back(p, m, n, &sum);
            p->c[m * p->ldc + n] = sum;
        }
}

static void outer(const struct loom_outer *p)
{
    for (size_t k = 0; k < p->K; k++)
        for (size_t n = 0; n < p->N; n++)
            for (size_t plane = 0; plane < p->planes; plane++)
                for (size_t m = 0; m < p->M; m++)
                    p->c[k * p->ldc + n] +=
                        p->a[plane * p->a_plane + m * p->lda + k] *
                        p->g[plane * p->g_plane + m * p->ldg + n];
}

static void quant_round(size_t M, size_t N, const float *x, size_t ld,
                        const float *scale, const float *inverse, float *q,
                        float *top)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            float y = floorf(x[m * ld + n] * scale[n] + 0.5f) * inverse[n];
            q[m * ld + n] = y;
            top[n] = fmaxf(top[n], fabsf(y));
        }
}

static void quant_wrap(size_t M, size_t N, const float *x, size_t ld,
                       const float *scale, const float *inverse,
                       const float *modulus, const float *over,
                       const float *bias, float *q)
{
    for (size_t m = 0; m < M; m++, x += ld, q += ld)
        for (size_t n = 0; n < N; n++) {
            float y = floorf(x[n] * scale[n] + 0.5f) * inverse[n];
            float t = y + bias[n];
            q[n] = t - floorf(t * over[n]) * modulus[n] - bias[n];
        }
}

static void relu(size_t n, const float *x, float *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > 0.0f ? x[j] : 0.0f;
}

static void relu_back(size_t n, const float *y, const float *g, float *gx)
{
    for (size_t j = 0; j < n; j++) {
        float v = g[j];
        gx[j] = y[j] > 0.0f ? v : 0.0f;
    }
}

static void error_dot(size_t M, size_t N, const float *g, const float *x,
                      const float *q, size_t ld, float *sum)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++)
            sum[n] += g[m * ld + n] * (x[m * ld + n] - q[m * ld + n]);
}

static void column_sum(size_t M, size_t N, const float *g, size_t ld,
                       float *sum)
{
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++)
            sum[n] += g[m * ld + n];
}

static void max(size_t n, const float *x, float *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > y[j] ? x[j] : y[j];
}

static void max_back(size_t n, const float *x, const float *y, float *left,
                     float *gx)
{
    for (size_t j = 0; j < n; j++)
        if (x[j] == y[j]) {
            gx[j] += left[j];
            left[j] = 0.0f;
        }
}

static void add(size_t n, const float *x, float *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] += x[j];
}

static void softmax(size_t rows, size_t n, const float *z, size_t ld,
                    const int *y, const float *scale, float *loss, int *best,
                    float *gz)
{
    for (size_t r = 0; r < rows; r++, z += ld) {
        size_t most = 0, label = (size_t)y[r];
        float sum = 0.0f;
        for (size_t j = 1; j < n; j++)
            if (z[j] > z[most])
                most = j;
        for (size_t j = 0; j < n; j++)
            sum += expf(z[j] - z[most]);
        loss[r] = logf(sum) - (z[label] - z[most]);
        best[r] = (int)most;
        for (size_t j = 0; gz && j < n; j++)
            gz[r * ld + j] = scale[r] * expf(z[j] - z[most]) / sum -
                             (j == label ? scale[r] : 0.0f);
    }
}

static void round_even(size_t n, const float *x, float *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = rintf(x[j]);
}

static void saturate(size_t n, float symmetric, const float *x, const float *k,
                     const float *i, const float *f, float *y, float *dx,
                     float *di, float *df)
{
    struct loom_quant_mode m = {LOOM_RND,
                                symmetric != 0.0f ? LOOM_SAT_SYM : LOOM_SAT};
    loom_quant_forward(m, x, k, i, f, n, true, y);
    loom_quant_backward(m, x, y, k, i, f, n, dx, di, df);
}

static void adam(size_t n, float *p, const float *g, float *m, float *v,
                 float rate, float beta1, float beta2, float epsilon)
{
    for (size_t j = 0; j < n; j++) {
        m[j] += (g[j] - m[j]) * (1.0f - beta1);
        v[j] += (g[j] * g[j] - v[j]) * (1.0f - beta2);
        p[j] -= rate * m[j] / (sqrtf(v[j]) + epsilon);
    }
}

static const struct loom_kernels plain = {
    "plain",    fma_burn, 24,        product,    outer,      quant_round,
    quant_wrap, relu,     relu_back, error_dot,  column_sum, max,
    max_back,   add,      softmax,   round_even, saturate,   adam,
};

extern const struct loom_kernels loom_kernels_avx512, loom_kernels_avx2,
    loom_kernels_portable;

const struct loom_kernels *loom_kernels_plain(void)
{
    return &plain;
}

const struct loom_kernels *loom_kernels(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
        return &loom_kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &loom_kernels_avx2;
#endif
    return &loom_kernels_portable;
}
