/* The hot loops, in one table a CPU kind; loom_kernels() picks the fastest
 * one this machine runs. All of them are one source (kernels_impl.h) compiled
 * for several instruction sets, beside the plain loops of loom_kernels_plain,
 * which are the reference.
 *
 * Matrices are row-major with a leading dimension; every leading dimension,
 * and every width called N here, is a multiple of LOOM_LANES, padded with
 * zeros; pointers are 64-byte aligned. */
#pragma once

#include <stddef.h>

enum { LOOM_LANES = 16 };

/* n rounded up to whole vectors. */
static inline size_t loom_pad(size_t n)
{
    return (n + LOOM_LANES - 1) / LOOM_LANES * LOOM_LANES;
}

struct loom_kernels {
    const char *name; /* "avx512", "avx2", "portable", "plain" */

    /* n rounds of 12 independent multiply-adds on whole vectors and nothing
     * else: n * fma_flops operations, as fast as this machine does them. The
     * result only keeps the compiler honest. */
    float (*fma)(size_t n);
    double fma_flops;

    /* c[M][N] = bias[N] + a[M][K] b[K][N]; bias may be NULL for zeros. */
    void (*gemm)(size_t M, size_t N, size_t K, const float *a, size_t lda,
                 const float *b, size_t ldb, const float *bias, float *c,
                 size_t ldc);

    /* c[K][N] += transpose(a[M][K]) g[M][N] */
    void (*gemm_tn)(size_t M, size_t N, size_t K, const float *a, size_t lda,
                    const float *g, size_t ldg, float *c, size_t ldc);

    /* Rounding half up to the grid 1/scale, column by column:
     * q = floor(x scale + 1/2) / scale; top = max(top, |q|) over the rows. */
    void (*round)(size_t M, size_t N, const float *x, size_t ld,
                  const float *scale, const float *inverse, float *q,
                  float *top);

    /* The same without top, then wrapped: with t = q + bias, the result is
     * t - floor(t / modulus) modulus - bias. A column of no bits has scale 0
     * and bias 0. modulus are powers of two, and `over` their inverses. */
    void (*wrap)(size_t M, size_t N, const float *x, size_t ld,
                 const float *scale, const float *inverse, const float *modulus,
                 const float *over, const float *bias, float *q);

    /* y = max(x, 0); and gx = g where y > 0, else 0. */
    void (*relu)(size_t n, const float *x, float *y);
    void (*relu_back)(size_t n, const float *y, const float *g, float *gx);

    /* sum[n] += sum over rows of g (x - q). */
    void (*error_dot)(size_t M, size_t N, const float *g, const float *x,
                      const float *q, size_t ld, float *sum);

    /* sum[n] += sum over rows of g. */
    void (*column_sum)(size_t M, size_t N, const float *g, size_t ld,
                       float *sum);

    /* y = x rounded half to even, elementwise. */
    void (*rint)(size_t n, const float *x, float *y);

    /* Saturating quantizers that round half up, elementwise, with their local
     * derivatives as loom_quant_backward has them; symmetric 1: SAT_SYM, 0:
     * SAT. k, i, f are whole numbers with |i|, |f| <= 126. */
    void (*saturate)(size_t n, float symmetric, const float *x, const float *k,
                     const float *i, const float *f, float *y, float *dx,
                     float *di, float *df);

    /* Adam on n parameters: m and v are updated with g, then
     * p -= rate m / (sqrt(v) + epsilon), the bias corrections being in rate
     * (Kingma, Ba 2015; epsilon outside the root as Keras has it). */
    void (*adam)(size_t n, float *p, const float *g, float *m, float *v,
                 float rate, float beta1, float beta2, float epsilon);
};

const struct loom_kernels *loom_kernels(void);
const struct loom_kernels *loom_kernels_plain(void);
