#include "engine/quantizer.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const float LN2 = 0.693147180559945309f;

float loom_exp2i(float e)
{
    if (e >= -126.0f && e <= 127.0f) {
        uint32_t bits = (uint32_t)((int32_t)e + 127) << 23;
        float y;
        memcpy(&y, &bits, sizeof(y));
        return y;
    }
    return e < 0.0f ? 0.0f : INFINITY;
}

static float round_to(enum loom_round r, float u)
{
    switch (r) {
    case LOOM_RND:
        return floorf(u + 0.5f);
    case LOOM_TRN:
        return floorf(u);
    case LOOM_RND_CONV:
        return rintf(u);
    case LOOM_TRN_ZERO:
        return truncf(u);
    case LOOM_RND_ZERO:
        return copysignf(ceilf(fabsf(u) - 0.5f), u);
    case LOOM_RND_MIN_INF:
        return ceilf(u - 0.5f);
    case LOOM_RND_INF:
        return copysignf(floorf(fabsf(u) + 0.5f), u);
    default:
        return u;
    }
}

/* The range of a saturating format; i below -f counts as -f. */
struct range {
    float lo, hi, top, step; /* top is 2^i, step 2^-f */
};

static struct range range_of(enum loom_overflow o, float k, float i, float f)
{
    struct range r;
    r.top = loom_exp2i(i > -f ? i : -f);
    r.step = loom_exp2i(-f);
    r.hi = r.top - r.step;
    r.lo = o == LOOM_SAT ? -k * r.top : -k * r.hi;
    return r;
}

static float clip(enum loom_overflow o, float x, float k, float i, float f)
{
    struct range r = range_of(o, k, i, f);
    return x > r.hi ? r.hi : x < r.lo ? r.lo : x;
}

float loom_quant_one(struct loom_quant_mode m, float x, float k, float i,
                     float f, bool training)
{
    if (m.overflow != LOOM_WRAP)
        x = clip(m.overflow, x, k, i, f);
    float y = round_to(m.round, x * loom_exp2i(f)) * loom_exp2i(-f);
    if (m.overflow != LOOM_WRAP || training)
        return y;
    float modulus = loom_exp2i(k + (i > -f ? i : -f));
    float bias = k * modulus * 0.5f;
    float t = y + bias;
    return t - floorf(t / modulus) * modulus - bias;
}

float loom_quant_draw(struct loom_quant_mode m, float x, float k, float i,
                      float f, float noise)
{
    if (m.overflow != LOOM_WRAP)
        x = clip(m.overflow, x, k, i, f);
    float u = x * loom_exp2i(f), low = floorf(u);
    return (u - low > noise ? low + 1.0f : low) * loom_exp2i(-f);
}

float loom_quant_infer(struct loom_quant_mode m, float x, float k, float i,
                       float f)
{
    return k + i + f > 0.0f ? loom_quant_one(m, x, k, i, f, false) : 0.0f;
}

void loom_quant_forward(struct loom_quant_mode m, const float *x,
                        const float *k, const float *i, const float *f,
                        size_t n, bool training, float *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = loom_quant_one(m, x[j], k[j], i[j], f[j], training);
}

void loom_quant_backward(struct loom_quant_mode m, const float *x,
                         const float *y, const float *k, const float *i,
                         const float *f, size_t n, float *dx, float *di,
                         float *df)
{
    for (size_t j = 0; j < n; j++) {
        struct range r = range_of(m.overflow, k[j], i[j], f[j]);
        bool clips = m.overflow != LOOM_WRAP;
        bool over = clips && x[j] > r.hi, under = clips && x[j] < r.lo;
        float v = over ? r.hi : under ? r.lo : x[j];
        dx[j] = over || under ? 0.0f : 1.0f;
        di[j] = over ? LN2 * r.top : under ? -k[j] * LN2 * r.top : 0.0f;
        df[j] = LN2 * (v - y[j]);
        if (over)
            df[j] += LN2 * r.step;
        else if (under && m.overflow == LOOM_SAT_SYM)
            df[j] -= k[j] * LN2 * r.step;
    }
}

float loom_quant_int_bits(float m, float f)
{
    int e;
    float s = frexpf(m + loom_exp2i(-f), &e);
    return (float)(s == 0.5f ? e - 1 : e);
}
