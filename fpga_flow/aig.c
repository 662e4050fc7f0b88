#include "fpga_flow/aig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/fixed.h"
#include "engine/mem.h"

/* a < 0: an input; node 0 is the constant 0. Operands have a >= b. */
struct node {
    int a, b;
};

struct loom_aig {
    struct node *node;
    int n, cap, n_inputs;
    int *bucket; /* nodes by their operands, 0: none */
    int n_buckets;
};

struct loom_aig *loom_aig_new(void)
{
    struct loom_aig *g = loom_calloc(1, sizeof(*g));
    g->n = 1;
    g->cap = g->n_buckets = 1 << 12;
    g->node = loom_calloc((size_t)g->cap, sizeof(*g->node));
    g->bucket = loom_calloc((size_t)g->n_buckets, sizeof(*g->bucket));
    return g;
}

void loom_aig_destroy(struct loom_aig *g)
{
    if (!g)
        return;
    free(g->node);
    free(g->bucket);
    free(g);
}

int loom_aig_n_inputs(const struct loom_aig *g)
{
    return g->n_inputs;
}

int loom_aig_size(const struct loom_aig *g)
{
    return g->n - 1 - g->n_inputs;
}

static int push(struct loom_aig *g, struct node x)
{
    if (g->n == g->cap) {
        g->cap *= 2;
        g->node = loom_realloc(g->node, (size_t)g->cap * sizeof(*g->node));
    }
    g->node[g->n] = x;
    return 2 * g->n++;
}

int loom_aig_input(struct loom_aig *g)
{
    return push(g, (struct node){-1, g->n_inputs++});
}

static int find(const struct loom_aig *g, struct node x)
{
    uint64_t h = ((uint64_t)(uint32_t)x.a << 32 | (uint32_t)x.b) *
                 UINT64_C(0x9e3779b97f4a7c15);
    int at = (int)(h >> 33) & (g->n_buckets - 1);
    for (; g->bucket[at]; at = (at + 1) & (g->n_buckets - 1)) {
        const struct node *y = &g->node[g->bucket[at]];
        if (y->a == x.a && y->b == x.b)
            break;
    }
    return at;
}

static void rehash(struct loom_aig *g)
{
    free(g->bucket);
    g->n_buckets *= 2;
    g->bucket = loom_calloc((size_t)g->n_buckets, sizeof(*g->bucket));
    for (int i = 1; i < g->n; i++)
        if (g->node[i].a >= 0)
            g->bucket[find(g, g->node[i])] = i;
}

int loom_aig_and(struct loom_aig *g, int a, int b)
{
    struct node x = a > b ? (struct node){a, b} : (struct node){b, a};
    if (x.b == 0 || x.a == (x.b ^ 1))
        return 0;
    if (x.b == 1 || x.a == x.b)
        return x.a;
    int at = find(g, x);
    if (g->bucket[at])
        return 2 * g->bucket[at];
    int l = push(g, x);
    g->bucket[at] = l / 2;
    if (2 * g->n > g->n_buckets)
        rehash(g);
    return l;
}

int loom_aig_or(struct loom_aig *g, int a, int b)
{
    return loom_aig_and(g, a ^ 1, b ^ 1) ^ 1;
}

int loom_aig_mux(struct loom_aig *g, int sel, int a, int b)
{
    if (a == b)
        return a;
    return loom_aig_or(g, loom_aig_and(g, sel, a), loom_aig_and(g, sel ^ 1, b));
}

int loom_aig_xor(struct loom_aig *g, int a, int b)
{
    return loom_aig_mux(g, a, b ^ 1, b);
}

bool loom_aig_value(const struct loom_aig *g, const bool *value, int l)
{
    bool *v = loom_calloc((size_t)g->n, sizeof(*v));
    for (int i = 1; i <= l / 2; i++) {
        struct node x = g->node[i];
        v[i] = x.a < 0 ? value[x.b]
                       : (v[x.a / 2] ^ (x.a & 1)) && (v[x.b / 2] ^ (x.b & 1));
    }
    bool y = v[l / 2] ^ (l & 1);
    free(v);
    return y;
}

/* A difference of literals in the file's form: seven bits a byte. */
static void put_delta(FILE *f, unsigned d)
{
    for (; d > 127; d >>= 7)
        fputc((int)(d & 127) | 128, f);
    fputc((int)d, f);
}

int loom_aig_write(const struct loom_aig *g, const int *out, size_t n,
                   const char *path, struct loom_errmsg *e)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    int *to = loom_calloc((size_t)g->n, sizeof(*to)), at = 1;
    for (int i = 1; i < g->n; i++)
        if (g->node[i].a < 0)
            to[i] = 2 * at++;
    for (int i = 1; i < g->n; i++)
        if (g->node[i].a >= 0)
            to[i] = 2 * at++;
    fprintf(f, "aig %d %d 0 %zu %d\n", at - 1, g->n_inputs, n,
            at - 1 - g->n_inputs);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%d\n", to[out[i] / 2] | (out[i] & 1));
    for (int i = 1; i < g->n; i++) {
        struct node x = g->node[i];
        if (x.a < 0)
            continue;
        int a = to[x.a / 2] | (x.a & 1), b = to[x.b / 2] | (x.b & 1);
        put_delta(f, (unsigned)(to[i] - (a > b ? a : b)));
        put_delta(f, (unsigned)(a > b ? a - b : b - a));
    }
    fclose(f);
    int err = loom_file_write(path, text, size, e);
    free(text);
    free(to);
    return err;
}

/* ---- words -------------------------------------------------------------- */

struct loom_word loom_word_const(int64_t v)
{
    struct loom_word w = {.n = loom_interval_width(v, v) + (v >= 0)};
    for (int i = 0; i < w.n; i++)
        w.bit[i] = (int)(v >> i & 1);
    return w;
}

int loom_word_bit(const struct loom_word *a, int i)
{
    return i < 0 ? 0 : a->bit[i < a->n ? i : a->n - 1];
}

struct loom_word loom_word_slice(const struct loom_word *a, int low, int n)
{
    struct loom_word w = {.n = n < LOOM_WORD_BITS ? n : LOOM_WORD_BITS};
    for (int i = 0; i < w.n; i++)
        w.bit[i] = loom_word_bit(a, low + i);
    return w;
}

struct loom_word loom_word_add(struct loom_aig *g, const struct loom_word *a,
                               const struct loom_word *b, int carry, int at,
                               int n)
{
    struct loom_word w = {.n = n < LOOM_WORD_BITS ? n : LOOM_WORD_BITS};
    int c = 0;
    for (int i = 0; i < w.n; i++) {
        int x = loom_word_bit(a, i), y = loom_word_bit(b, i);
        int half = loom_aig_xor(g, x, y);
        c = i == at ? carry : c;
        w.bit[i] = loom_aig_xor(g, half, c);
        c = loom_aig_or(g, loom_aig_and(g, x, y), loom_aig_and(g, half, c));
    }
    return w;
}

struct loom_word loom_word_not(const struct loom_word *a)
{
    struct loom_word w = *a;
    for (int i = 0; i < w.n; i++)
        w.bit[i] ^= 1;
    return w;
}

struct loom_word loom_word_mux(struct loom_aig *g, int sel,
                               const struct loom_word *a,
                               const struct loom_word *b)
{
    struct loom_word w = {.n = a->n > b->n ? a->n : b->n};
    for (int i = 0; i < w.n; i++)
        w.bit[i] =
            loom_aig_mux(g, sel, loom_word_bit(a, i), loom_word_bit(b, i));
    return w;
}

struct loom_word loom_word_mul(struct loom_aig *g, const struct loom_word *a,
                               const struct loom_word *b)
{
    struct loom_word sum = loom_word_const(0), zero = sum;
    int n = a->n + b->n;
    for (int i = 0; i < b->n; i++) {
        struct loom_word row = loom_word_mux(g, b->bit[i], a, &zero);
        row = loom_word_slice(&row, -i, n);
        bool sign = i == b->n - 1;
        if (sign)
            row = loom_word_not(&row);
        sum = loom_word_add(g, &sum, &row, sign, 0, n);
    }
    return sum;
}

int loom_word_less(struct loom_aig *g, const struct loom_word *a,
                   const struct loom_word *b)
{
    int n = (a->n > b->n ? a->n : b->n) + 1;
    struct loom_word not_b = loom_word_not(b);
    struct loom_word d = loom_word_add(g, a, &not_b, 1, 0, n);
    return d.bit[n - 1];
}

int loom_word_within(struct loom_aig *g, const struct loom_word *a, int64_t lo,
                     int64_t hi)
{
    struct loom_word low = loom_word_const(lo), high = loom_word_const(hi);
    return loom_aig_and(g, loom_word_less(g, a, &low) ^ 1,
                        loom_word_less(g, &high, a) ^ 1);
}

struct table {
    int64_t lo;
    const int64_t *v;
    size_t n;
};

/* The entries whose index is `top` above bit k, chosen by a's bits below. */
static struct loom_word choose(struct loom_aig *g, const struct loom_word *a,
                               const struct table *t, int k, int64_t top)
{
    int64_t first = top * (INT64_C(1) << k), end = t->lo + (int64_t)t->n;
    int64_t past = first + (INT64_C(1) << k);
    if (first >= end || past <= t->lo)
        return loom_word_const(0);
    if (!k)
        return loom_word_const(t->v[first - t->lo]);
    struct loom_word one = choose(g, a, t, k - 1, 2 * top + 1);
    struct loom_word zero = choose(g, a, t, k - 1, 2 * top);
    if (first + (past - first) / 2 >= end)
        return zero;
    if (first + (past - first) / 2 <= t->lo)
        return one;
    return loom_word_mux(g, a->bit[k - 1], &one, &zero);
}

struct loom_word loom_word_table(struct loom_aig *g, const struct loom_word *a,
                                 int64_t lo, const int64_t *v, size_t n)
{
    struct table t = {lo, v, n};
    struct loom_word minus = choose(g, a, &t, a->n - 1, -1);
    struct loom_word plus = choose(g, a, &t, a->n - 1, 0);
    return loom_word_mux(g, a->bit[a->n - 1], &minus, &plus);
}
