/* The fast kernels' one source shape. A file that includes this defines
 * VL, the lanes of one vector, and NAME, the table's name; it is compiled for
 * its instruction set. A tile of C stays in registers while K runs. */
#include <math.h>
#include <stdint.h>

#include "engine/kernels.h"

typedef float vf __attribute__((vector_size(VL * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float *p)
{
    return *(const vf *)p;
}

INLINE void store(float *p, vf v)
{
    *(vf *)p = v;
}

static float fma_burn(size_t n)
{
    vf acc[12], x = (vf){0.0f} + 0.999999f, y = (vf){0.0f} + 1e-7f, sum = {0};
    for (int i = 0; i < 12; i++)
        acc[i] = (vf){0.0f} + (float)i;
    for (; n; n--)
        for (int i = 0; i < 12; i++)
            acc[i] = acc[i] * x + y;
    for (int i = 0; i < 12; i++)
        sum += acc[i];
    return sum[0];
}

/* Rows of a tile: as many as leave registers for the two weights. AVX-512 has
 * 32 vector registers, the others 16 or fewer. */
enum { ROWS = VL == 16 ? 12 : 6 };

/* c[R][V*VL] = bias + a[R][K] b[K][V*VL], R and V known when compiled. */
INLINE void tile(int R, int V, size_t K, const float *a, size_t lda,
                 const float *b, size_t ldb, const float *bias, float *c,
                 size_t ldc)
{
    vf acc[ROWS][2];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            acc[r][v] = bias ? load(bias + v * VL) : (vf){0.0f};
    for (size_t k = 0; k < K; k++) {
        vf w[2];
        for (int v = 0; v < V; v++)
            w[v] = load(b + k * ldb + (size_t)v * VL);
        for (int r = 0; r < R; r++) {
            float x = a[(size_t)r * lda + k];
            for (int v = 0; v < V; v++)
                acc[r][v] += x * w[v];
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            store(c + (size_t)r * ldc + (size_t)v * VL, acc[r][v]);
}

INLINE void gemm_columns(int V, size_t M, size_t K, const float *a, size_t lda,
                         const float *b, size_t ldb, const float *bias,
                         float *c, size_t ldc)
{
    size_t m = 0;
    for (; m + ROWS <= M; m += ROWS)
        tile(ROWS, V, K, a + m * lda, lda, b, ldb, bias, c + m * ldc, ldc);
    for (; m + 4 <= M; m += 4)
        tile(4, V, K, a + m * lda, lda, b, ldb, bias, c + m * ldc, ldc);
    for (; m < M; m++)
        tile(1, V, K, a + m * lda, lda, b, ldb, bias, c + m * ldc, ldc);
}

static void gemm(size_t M, size_t N, size_t K, const float *a, size_t lda,
                 const float *b, size_t ldb, const float *bias, float *c,
                 size_t ldc)
{
    size_t n = 0;
    for (; n + 2 * VL <= N; n += 2 * VL)
        gemm_columns(2, M, K, a, lda, b + n, ldb, bias ? bias + n : NULL, c + n,
                     ldc);
    for (; n < N; n += VL)
        gemm_columns(1, M, K, a, lda, b + n, ldb, bias ? bias + n : NULL, c + n,
                     ldc);
}

/* c[R][V*VL] += transpose(a[M][R]) g[M][V*VL] */
INLINE void tile_tn(int R, int V, size_t M, const float *a, size_t lda,
                    const float *g, size_t ldg, float *c, size_t ldc)
{
    vf acc[ROWS][2];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            acc[r][v] = load(c + (size_t)r * ldc + (size_t)v * VL);
    for (size_t m = 0; m < M; m++) {
        vf w[2];
        for (int v = 0; v < V; v++)
            w[v] = load(g + m * ldg + (size_t)v * VL);
        for (int r = 0; r < R; r++) {
            float x = a[m * lda + (size_t)r];
            for (int v = 0; v < V; v++)
                acc[r][v] += x * w[v];
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++)
            store(c + (size_t)r * ldc + (size_t)v * VL, acc[r][v]);
}

INLINE void gemm_tn_columns(int V, size_t M, size_t K, const float *a,
                            size_t lda, const float *g, size_t ldg, float *c,
                            size_t ldc)
{
    size_t k = 0;
    for (; k + ROWS <= K; k += ROWS)
        tile_tn(ROWS, V, M, a + k, lda, g, ldg, c + k * ldc, ldc);
    for (; k + 4 <= K; k += 4)
        tile_tn(4, V, M, a + k, lda, g, ldg, c + k * ldc, ldc);
    for (; k < K; k++)
        tile_tn(1, V, M, a + k, lda, g, ldg, c + k * ldc, ldc);
}

static void gemm_tn(size_t M, size_t N, size_t K, const float *a, size_t lda,
                    const float *g, size_t ldg, float *c, size_t ldc)
{
    size_t n = 0;
    for (; n + 2 * VL <= N; n += 2 * VL)
        gemm_tn_columns(2, M, K, a, lda, g + n, ldg, c + n, ldc);
    for (; n < N; n += VL)
        gemm_tn_columns(1, M, K, a, lda, g + n, ldg, c + n, ldc);
}

/* The elementwise kernels are plain loops over whole vectors of columns: the
 * compiler turns them into this instruction set's vectors. */
static void quant_round(size_t M, size_t N, const float *restrict x, size_t ld,
                        const float *restrict scale,
                        const float *restrict inverse, float *restrict q,
                        float *restrict top)
{
    for (size_t m = 0; m < M; m++, x += ld, q += ld)
        for (size_t n = 0; n < N; n++) {
            float y = floorf(x[n] * scale[n] + 0.5f) * inverse[n];
            float a = fabsf(y);
            q[n] = y;
            top[n] = top[n] > a ? top[n] : a;
        }
}

static void quant_wrap(size_t M, size_t N, const float *restrict x, size_t ld,
                       const float *restrict scale,
                       const float *restrict inverse,
                       const float *restrict modulus,
                       const float *restrict over, const float *restrict bias,
                       float *restrict q)
{
    for (size_t m = 0; m < M; m++, x += ld, q += ld)
        for (size_t n = 0; n < N; n++) {
            float y = floorf(x[n] * scale[n] + 0.5f) * inverse[n];
            float t = y + bias[n];
            q[n] = t - floorf(t * over[n]) * modulus[n] - bias[n];
        }
}

static void relu(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > 0.0f ? x[j] : 0.0f;
}

static void relu_back(size_t n, const float *restrict y,
                      const float *restrict g, float *restrict gx)
{
    for (size_t j = 0; j < n; j++) {
        float v = g[j];
        gx[j] = y[j] > 0.0f ? v : 0.0f;
    }
}

static void error_dot(size_t M, size_t N, const float *restrict g,
                      const float *restrict x, const float *restrict q,
                      size_t ld, float *restrict sum)
{
    for (size_t m = 0; m < M; m++, g += ld, x += ld, q += ld)
        for (size_t n = 0; n < N; n++)
            sum[n] += g[n] * (x[n] - q[n]);
}

static void column_sum(size_t M, size_t N, const float *restrict g, size_t ld,
                       float *restrict sum)
{
    for (size_t m = 0; m < M; m++, g += ld)
        for (size_t n = 0; n < N; n++)
            sum[n] += g[n];
}

static void round_even(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = rintf(x[j]);
}

/* 2^e for whole |e| <= 126, as bits, so that it becomes vector code. */
INLINE float exp2i(float e)
{
    union {
        int32_t bits;
        float value;
    } u = {.bits = ((int32_t)e + 127) * (1 << 23)};
    return u.value;
}

static void saturate(size_t n, float symmetric, const float *restrict x,
                     const float *restrict k, const float *restrict i,
                     const float *restrict f, float *restrict y,
                     float *restrict dx, float *restrict di, float *restrict df)
{
    const float ln2 = 0.693147180559945309f;
    for (size_t j = 0; j < n; j++) {
        float top = exp2i(i[j] > -f[j] ? i[j] : -f[j]);
        float step = exp2i(-f[j]), hi = top - step;
        float lo = -k[j] * (top - symmetric * step);
        float over = x[j] > hi ? 1.0f : 0.0f;
        float under = x[j] < lo ? 1.0f : 0.0f;
        float v = x[j] > hi ? hi : x[j];
        v = x[j] < lo ? lo : v;
        float q = floorf(v * exp2i(f[j]) + 0.5f) * step;
        y[j] = q;
        dx[j] = 1.0f - over - under;
        di[j] = ln2 * top * (over - k[j] * under);
        df[j] = ln2 * (v - q) + ln2 * step * (over - symmetric * k[j] * under);
    }
}

static void adam(size_t n, float *restrict p, const float *restrict g,
                 float *restrict m, float *restrict v, float rate, float beta1,
                 float beta2, float epsilon)
{
    for (size_t j = 0; j < n; j++) {
        m[j] += (g[j] - m[j]) * (1.0f - beta1);
        v[j] += (g[j] * g[j] - v[j]) * (1.0f - beta2);
        p[j] -= rate * m[j] / (sqrtf(v[j]) + epsilon);
    }
}

#define TABLE_(set) loom_kernels_##set
#define TABLE(set)  TABLE_(set)
#define TEXT_(set)  #set
#define TEXT(set)   TEXT_(set)

extern const struct loom_kernels TABLE(NAME);
const struct loom_kernels TABLE(NAME) = {
    TEXT(NAME),  fma_burn,   12 * VL * 2, gemm,      gemm_tn,
    quant_round, quant_wrap, relu,        relu_back, error_dot,
    column_sum,  round_even, saturate,    adam,
};
