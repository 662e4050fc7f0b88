/* The products' tiles, for vectors of WIDTH lanes: ROWS rows by one or two
 * vectors of the result stay in registers while the inner sum runs, and what
 * follows is done to them there. Included by kernels_impl.h once a width;
 * vector names come from there too. */

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define F(name)     JOIN(name, WIDTH)
#define VEC         F(vec)

INLINE VEC F(load)(const float *p)
{
    return *(const VEC *)p;
}

INLINE void F(store)(float *p, VEC v)
{
    *(VEC *)p = v;
}

INLINE VEC F(all)(float x)
{
    return (VEC){0.0f} + x;
}

INLINE VEC F(abs)(VEC x)
{
    return (VEC)((F(ints))x & 0x7fffffff);
}

/* v where x > 0, else 0 */
INLINE VEC F(keep)(VEC x, VEC v)
{
    return (VEC)((F(ints))v & (x > F(all)(0.0f)));
}

/* Column vector v of the tile whose first element is (m, n). */
INLINE size_t F(at)(size_t m, size_t n, int r, int v, size_t ld)
{
    return (m + (size_t)r) * ld + n + (size_t)(v * WIDTH);
}

INLINE VEC F(round)(VEC h, VEC scale, VEC inverse)
{
    return F(floor)(h * scale + F(all)(0.5f)) * inverse;
}

INLINE void F(quantize)(const struct loom_product *p, int R, int V, size_t m,
                        size_t n, VEC (*acc)[2])
{
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
        size_t k = F(at)(m, n, 0, v, p->each);
        VEC s = F(load)(p->scale + k), i = F(load)(p->inverse + k);
        VEC t = F(load)(p->top + k);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            VEC q = F(round)(acc[r][v], s, i);
            F(store)(p->q + F(at)(m, n, r, v, p->ldc), q);
            t = F(max)(t, F(abs)(q));
        }
        F(store)(p->top + k, t);
    }
}

/* The same where every row has bits of its own. */
INLINE void F(quantize_each)(const struct loom_product *p, int R, int V,
                             size_t m, size_t n, VEC (*acc)[2])
{
#pragma GCC unroll 2
    for (int v = 0; v < V; v++)
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            size_t k = F(at)(m, n, r, v, p->each);
            VEC s = F(load)(p->scale + k), i = F(load)(p->inverse + k);
            VEC q = F(round)(acc[r][v], s, i);
            F(store)(p->q + F(at)(m, n, r, v, p->ldc), q);
            F(store)(p->top + k, F(max)(F(load)(p->top + k), F(abs)(q)));
        }
}

/* Gradients on the way back through a quantizer, a relu, a bias. */
INLINE void F(back)(const struct loom_product *p, int R, int V, size_t m,
                    size_t n, VEC (*acc)[2])
{
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
        size_t k = n + (size_t)(v * WIDTH);
        VEC e = p->error ? F(load)(p->error + k) : F(all)(0.0f);
        VEC column = p->column ? F(load)(p->column + k) : F(all)(0.0f);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
            size_t at = F(at)(m, n, r, v, p->ldc);
            VEC x = F(load)(p->x + at);
            if (p->error)
                e += acc[r][v] * (x - F(load)(p->rounded + at));
            if (p->mask)
                acc[r][v] = F(keep)(x, acc[r][v]);
            column += acc[r][v];
        }
        if (p->error)
            F(store)(p->error + k, e);
        if (p->column)
            F(store)(p->column + k, column);
    }
}

/* Rows m.. m+R, columns n.. n+V WIDTH; R and V known when compiled. */
INLINE void F(tile)(const struct loom_product *p, int R, int V, size_t m,
                    size_t n)
{
    VEC acc[ROWS][2];
    const float *b = p->b + n, *a = p->a + m * p->lda;
#pragma GCC unroll 12
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++)
            acc[r][v] =
                p->bias ? F(load)(p->bias + n + v * WIDTH) : F(all)(0.0f);
    for (size_t run = 0; run < p->runs; run++, a += p->apart)
        for (size_t k = 0; k < p->run; k++, b += p->ldb) {
            VEC w[2];
#pragma GCC unroll 2
            for (int v = 0; v < V; v++)
                w[v] = F(load)(b + v * WIDTH);
#pragma GCC unroll 12
            for (int r = 0; r < R; r++) {
                float x = a[(size_t)r * p->lda + k];
#pragma GCC unroll 2
                for (int v = 0; v < V; v++)
                    acc[r][v] += x * w[v];
            }
        }
    if (p->relu)
#pragma GCC unroll 12
        for (int r = 0; r < R; r++)
#pragma GCC unroll 2
            for (int v = 0; v < V; v++)
                acc[r][v] = F(max)(acc[r][v], F(all)(0.0f));
    if (p->scale && p->each)
        F(quantize_each)(p, R, V, m, n, acc);
    else if (p->scale)
        F(quantize)(p, R, V, m, n, acc);
    if (p->x)
        F(back)(p, R, V, m, n, acc);
#pragma GCC unroll 12
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++)
            F(store)(p->c + F(at)(m, n, r, v, p->ldc), acc[r][v]);
}

/* Rows k.. k+R of c, columns n.. n+V WIDTH. */
INLINE void F(tile_outer)(const struct loom_outer *p, int R, int V, size_t k,
                          size_t n)
{
    VEC acc[ROWS][2];
    float *c = p->c + k * p->ldc + n;
#pragma GCC unroll 12
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++)
            acc[r][v] = F(load)(c + F(at)(0, 0, r, v, p->ldc));
    for (size_t plane = 0; plane < p->planes; plane++) {
        const float *a = p->a + plane * p->a_plane + k;
        const float *g = p->g + plane * p->g_plane + n;
        for (size_t m = 0; m < p->M; m++, a += p->lda, g += p->ldg) {
            VEC w[2];
#pragma GCC unroll 2
            for (int v = 0; v < V; v++)
                w[v] = F(load)(g + v * WIDTH);
#pragma GCC unroll 12
            for (int r = 0; r < R; r++)
#pragma GCC unroll 2
                for (int v = 0; v < V; v++)
                    acc[r][v] += a[r] * w[v];
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < V; v++)
            F(store)(c + F(at)(0, 0, r, v, p->ldc), acc[r][v]);
}

/* A call of f for every number of rows there can be. */
#define ROWS_OF_6(f, p, V, m, n)                                               \
    case 1:                                                                    \
        f(p, 1, V, m, n);                                                      \
        break;                                                                 \
    case 2:                                                                    \
        f(p, 2, V, m, n);                                                      \
        break;                                                                 \
    case 3:                                                                    \
        f(p, 3, V, m, n);                                                      \
        break;                                                                 \
    case 4:                                                                    \
        f(p, 4, V, m, n);                                                      \
        break;                                                                 \
    case 5:                                                                    \
        f(p, 5, V, m, n);                                                      \
        break;                                                                 \
    case 6:                                                                    \
        f(p, 6, V, m, n);                                                      \
        break;
#if ROWS == 12
#define ROWS_OF(f, p, V, m, n)                                                 \
    ROWS_OF_6(f, p, V, m, n)                                                   \
    case 7:                                                                    \
        f(p, 7, V, m, n);                                                      \
        break;                                                                 \
    case 8:                                                                    \
        f(p, 8, V, m, n);                                                      \
        break;                                                                 \
    case 9:                                                                    \
        f(p, 9, V, m, n);                                                      \
        break;                                                                 \
    case 10:                                                                   \
        f(p, 10, V, m, n);                                                     \
        break;                                                                 \
    case 11:                                                                   \
        f(p, 11, V, m, n);                                                     \
        break;                                                                 \
    case 12:                                                                   \
        f(p, 12, V, m, n);                                                     \
        break;
#else
#define ROWS_OF ROWS_OF_6
#endif

/* V vectors of columns, in tiles of as equal heights as can be. */
INLINE void F(panel)(const struct loom_product *p, int V, size_t n)
{
    for (size_t m = 0, left = tiles_of(p->M), R; m < p->M; m += R, left--) {
        R = (p->M - m + left - 1) / left;
        switch (R) {
            ROWS_OF(F(tile), p, V, m, n)
        }
    }
}

INLINE void F(panel_outer)(const struct loom_outer *p, int V, size_t n)
{
    for (size_t k = 0, left = tiles_of(p->K), R; k < p->K; k += R, left--) {
        R = (p->K - k + left - 1) / left;
        switch (R) {
            ROWS_OF(F(tile_outer), p, V, k, n)
        }
    }
}

#undef ROWS_OF
#undef ROWS_OF_6
#undef VEC
#undef F
#undef WIDTH
