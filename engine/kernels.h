/* The hot loops, in one table a CPU kind; loom_kernels() picks the fastest
 * one this machine runs. All of them are one source (kernels_impl.h) compiled
 * for several instruction sets, beside the plain loops of loom_kernels_plain,
 * which are the reference.
 *
 * Matrices are row-major with a leading dimension. Widths called N are whole
 * vectors (multiples of LOOM_LANES, padded with zeros; of LOOM_HALF where
 * told), pointers are aligned to 4 bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { LOOM_LANES = 16, LOOM_HALF = 8 };

/* n rounded up to whole vectors. */
static inline size_t loom_pad(size_t n)
{
    return (n + LOOM_LANES - 1) / LOOM_LANES * LOOM_LANES;
}

/* c[M][N] = bias[N] + a[M][K] b[K][N], and what is to follow while a tile of c
 * is in registers; each step gives the same bits as its kernel below.
 * The columns of a lie in `runs` runs of `run` that are `apart` floats from one
 * another: a convolution's patch where it lies. N: a multiple of LOOM_HALF.
 * Pointers are NULL for what is not wanted. */
struct loom_product {
    size_t M, N, runs, run, apart;
    const float *a, *b, *bias;
    float *c;
    size_t lda, ldb, ldc;
    /* Vectors below are [N], or one a row: this far apart. */
    size_t each;
    bool relu;                    /* c = max(c, 0) */
    const float *scale, *inverse; /* q, top as `round` makes them of c */
    float *q, *top;               /* q [M][ldc] */
    /* c as a gradient on q, x before it was rounded [M][ldc]: */
    const float *x, *rounded;
    float *error;  /* as `error_dot` */
    bool mask;     /* c = 0 where x <= 0: `relu_back` */
    float *column; /* as `column_sum` of what is stored */
};

/* c[K][N] += transpose(a) g over the rows of a [M][K] and g [M][N], `planes`
 * times: each plane's rows begin a_plane and g_plane floats after those of the
 * one before. N: a multiple of LOOM_HALF. */
struct loom_outer {
    size_t planes, M, N, K;
    const float *a, *g;
    size_t lda, ldg, a_plane, g_plane;
    float *c;
    size_t ldc;
};

struct loom_kernels {
    const char *name; /* "avx512", "avx2", "portable", "plain" */

    /* n rounds of 12 independent multiply-adds on whole vectors and nothing
     * else: n * fma_flops operations, as fast as this machine does them. The
     * result only keeps the compiler honest. */
    float (*fma)(size_t n);
    double fma_flops;

    void (*product)(const struct loom_product *p);
    void (*outer)(const struct loom_outer *p);

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

    /* y = max(x, 0); and gx = g where y > 0, else 0. In place or apart. */
    void (*relu)(size_t n, const float *x, float *y);
    void (*relu_back)(size_t n, const float *y, const float *g, float *gx);

    /* sum[n] += sum over rows of g (x - q). */
    void (*error_dot)(size_t M, size_t N, const float *g, const float *x,
                      const float *q, size_t ld, float *sum);

    /* sum[n] += sum over rows of g. */
    void (*column_sum)(size_t M, size_t N, const float *g, size_t ld,
                       float *sum);

    /* y = max(x, y); and, y being the maximum of several x that come here in
     * turn, the gradient `left` [n] goes to the first that equals it. */
    void (*max)(size_t n, const float *x, float *y);
    void (*max_back)(size_t n, const float *x, const float *y, float *left,
                     float *gx);

    /* y += x; and y = max(x, y) of what is never negative. */
    void (*add)(size_t n, const float *x, float *y);

    /* Softmax and cross-entropy of up to LOOM_LANES rows z [rows][ld] of n
     * values with labels y: loss[r] = log sum_j exp(z_j) - z_label, best[r] the
     * first of the largest; gz (may be NULL) gets scale[r] (softmax - one-hot).
     */
    void (*softmax)(size_t rows, size_t n, const float *z, size_t ld,
                    const int *y, const float *scale, float *loss, int *best,
                    float *gz);

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
