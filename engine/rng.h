/* Seeded random numbers, the same on every machine: xoshiro256** (Blackman,
 * Vigna 2018), seeded by splitmix64. Plain data: copy it to save it. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct loom_rng {
    uint64_t s[4];
};

static inline uint64_t loom_splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A stream of its own for each (seed, stream). */
static inline struct loom_rng loom_rng_init(uint64_t seed, uint64_t stream)
{
    uint64_t x = seed, y = stream;
    x ^= loom_splitmix64(&y);
    struct loom_rng r;
    for (int i = 0; i < 4; i++)
        r.s[i] = loom_splitmix64(&x);
    return r;
}

static inline uint64_t loom_rng_u64(struct loom_rng *r)
{
    uint64_t *s = r->s, t = s[1] << 17, x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in [0, 1), 53 bits. */
static inline double loom_rng_uniform(struct loom_rng *r)
{
    return (double)(loom_rng_u64(r) >> 11) * 0x1p-53;
}

/* Uniform integer in [0, n), n > 0, without bias (Lemire's rejection). */
static inline uint64_t loom_rng_below(struct loom_rng *r, uint64_t n)
{
    uint64_t limit = -n % n, x;
    do
        x = loom_rng_u64(r);
    while (x < limit);
    return x % n;
}

/* A number of its own for each n, where the order of drawing is not known:
 * keys of keys make one for each (seed, step, row, element). */
static inline uint64_t loom_rng_key(uint64_t key, uint64_t n)
{
    uint64_t x = key ^ n * 0xd1342543de82ef95u;
    return loom_splitmix64(&x);
}

/* The same, uniform in [0, 1), 24 bits. */
static inline float loom_rng_noise(uint64_t key, uint64_t n)
{
    return (float)(loom_rng_key(key, n) >> 40) * 0x1p-24f;
}

/* Standard normal (Box-Muller, one of the pair). */
static inline double loom_rng_normal(struct loom_rng *r)
{
    double u = 1.0 - loom_rng_uniform(r), v = loom_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
