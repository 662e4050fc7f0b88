/* The fast kernels' one source shape. A file that includes this defines VL,
 * the lanes of one vector, and NAME, the table's name; it is compiled for its
 * instruction set. Only rounding down and the larger of two vectors have no
 * operator in C: those two are told for each set. */
#include <math.h>
#include <stdint.h>

#include "engine/kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define VECTOR(n)                                                              \
    typedef float vec_##n                                                      \
        __attribute__((vector_size(n * 4), aligned(4), may_alias));            \
    typedef int32_t ints_##n                                                   \
        __attribute__((vector_size(n * 4), aligned(4), may_alias));

#if VL == 16
VECTOR(16)
INLINE vec_16 floor_16(vec_16 x)
{
    return (vec_16)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF);
}
INLINE vec_16 max_16(vec_16 x, vec_16 y)
{
    return (vec_16)_mm512_max_ps((__m512)x, (__m512)y);
}
#endif
#if VL >= 8
VECTOR(8)
INLINE vec_8 floor_8(vec_8 x)
{
    return (vec_8)_mm256_floor_ps((__m256)x);
}
INLINE vec_8 max_8(vec_8 x, vec_8 y)
{
    return (vec_8)_mm256_max_ps((__m256)x, (__m256)y);
}
#else
VECTOR(4)
INLINE vec_4 floor_4(vec_4 x)
{
#ifdef __ARM_NEON
    return (vec_4)vrndmq_f32((float32x4_t)x);
#else
    return (vec_4){floorf(x[0]), floorf(x[1]), floorf(x[2]), floorf(x[3])};
#endif
}
INLINE vec_4 max_4(vec_4 x, vec_4 y)
{
    ints_4 more = x > y;
    return (vec_4)(((ints_4)x & more) | ((ints_4)y & ~more));
}
#endif

/* Rows of a tile: as many as leave registers for the two weights. AVX-512 and
 * NEON have 32 vector registers, the others 16. */
#if VL == 16 || defined(__ARM_NEON)
#define ROWS 12
#else
#define ROWS 6
#endif

/* The fewest tiles that hold so many rows. */
INLINE size_t tiles_of(size_t rows)
{
    return (rows + ROWS - 1) / ROWS;
}

/* Columns that fill no whole vector of 16 fill one of 8. */
#if VL == 16
#define WIDTH 8
#include "engine/kernels_tile.h"
#endif
#define WIDTH VL
#include "engine/kernels_tile.h"

#define OF_(name, n) name##_##n
#define OF(name, n)  OF_(name, n)
#define VF           OF(vec, VL)
#define VI           OF(ints, VL)
#define LOAD         OF(load, VL)
#define STORE        OF(store, VL)
#define MAX          OF(max, VL)

static float fma_burn(size_t n)
{
    VF acc[12], x = (VF){0.0f} + 0.999999f, y = (VF){0.0f} + 1e-7f, sum = {0};
    for (int i = 0; i < 12; i++)
        acc[i] = (VF){0.0f} + (float)i;
    for (; n; n--)
        for (int i = 0; i < 12; i++)
            acc[i] = acc[i] * x + y;
    for (int i = 0; i < 12; i++)
        sum += acc[i];
    return sum[0];
}

static void product(const struct loom_product *p)
{
    size_t n = 0;
    for (; n + 2 * VL <= p->N; n += 2 * VL)
        OF(panel, VL)(p, 2, n);
    for (; n + VL <= p->N; n += VL)
        OF(panel, VL)(p, 1, n);
#if VL == 16
    if (n < p->N)
        panel_8(p, 1, n);
#endif
}

static void outer(const struct loom_outer *p)
{
    size_t n = 0;
    for (; n + 2 * VL <= p->N; n += 2 * VL)
        OF(panel_outer, VL)(p, 2, n);
    for (; n + VL <= p->N; n += VL)
        OF(panel_outer, VL)(p, 1, n);
#if VL == 16
    if (n < p->N)
        panel_outer_8(p, 1, n);
#endif
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

/* In place, or apart: no element is read after another is written. */
#ifdef __clang__
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#else
#define IN_PLACE _Pragma("GCC ivdep")
#endif

static void relu(size_t n, const float *x, float *y)
{
    IN_PLACE
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > 0.0f ? x[j] : 0.0f;
}

static void relu_back(size_t n, const float *restrict y, const float *g,
                      float *gx)
{
    IN_PLACE
    for (size_t j = 0; j < n; j++) {
        float v = g[j];
        gx[j] = y[j] > 0.0f ? v : 0.0f;
    }
}

static void max(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > y[j] ? x[j] : y[j];
}

static void max_back(size_t n, const float *restrict x, const float *restrict y,
                     float *restrict left, float *restrict gx)
{
    for (size_t j = 0; j < n; j++) {
        float g = left[j];
        bool here = x[j] == y[j];
        gx[j] += here ? g : 0.0f;
        left[j] = here ? 0.0f : g;
    }
}

static void add(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t j = 0; j < n; j++)
        y[j] += x[j];
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

/* e^x for x <= 0, as Cephes has it: 2^n times a polynomial of the rest. Below
 * e^-87, next to nothing. */
INLINE float exp_of(float x)
{
    x = x < -87.0f ? -87.0f : x;
    float n = rintf(x * 1.44269504088896341f);
    x -= n * 0.693359375f;
    x -= n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * x + 1.3981999507e-3f;
    p = p * x + 8.3334519073e-3f;
    p = p * x + 4.1665795894e-2f;
    p = p * x + 1.6666665459e-1f;
    p = p * x + 5.0000001201e-1f;
    /* x passes on what is no number; as an exponent that would be undefined. */
    return (p * x * x + x + 1.0f) * exp2i(n > -126.0f ? n : -126.0f);
}

/* Row r of at most LOOM_LANES lies in lane r: the last one again where there
 * are fewer. */
static void softmax(size_t rows, size_t n, const float *z, size_t ld,
                    const int *y, const float *scale, float *loss, int *best,
                    float *gz)
{
    const float *row[LOOM_LANES];
    float top[LOOM_LANES], sum[LOOM_LANES] = {0}, x[LOOM_LANES];
    int at[LOOM_LANES] = {0};
    for (size_t r = 0; r < LOOM_LANES; r++) {
        row[r] = z + (r < rows ? r : rows - 1) * ld;
        top[r] = row[r][0];
    }
    for (size_t j = 1; j < n; j++) {
        for (size_t r = 0; r < LOOM_LANES; r++)
            x[r] = row[r][j];
        for (size_t r = 0; r < LOOM_LANES; r++) {
            at[r] = x[r] > top[r] ? (int)j : at[r];
            top[r] = x[r] > top[r] ? x[r] : top[r];
        }
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t r = 0; r < LOOM_LANES; r++)
            x[r] = row[r][j];
        for (size_t r = 0; r < LOOM_LANES; r++) {
            x[r] = exp_of(x[r] - top[r]);
            sum[r] += x[r];
        }
        for (size_t r = 0; gz && r < rows; r++)
            gz[r * ld + j] = x[r];
    }
    for (size_t r = 0; r < rows; r++) {
        size_t label = (size_t)y[r];
        loss[r] = logf(sum[r]) - (row[r][label] - top[r]);
        best[r] = at[r];
        for (size_t j = 0; gz && j < n; j++)
            gz[r * ld + j] *= scale[r] / sum[r];
        if (gz)
            gz[r * ld + label] -= scale[r];
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
    TEXT(NAME), fma_burn, 12 * VL * 2, product,    outer,      quant_round,
    quant_wrap, relu,     relu_back,   error_dot,  column_sum, max,
    max_back,   add,      softmax,     round_even, saturate,   adam,
};
