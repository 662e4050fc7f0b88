#include "fpga_flow/cmvm_graph.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fixed.h"
#include "engine/mem.h"

void loom_cmvm_graph_deinit(struct loom_cmvm_graph *g)
{
    free(g->add);
    free(g->out);
    *g = (struct loom_cmvm_graph){0};
}

/* ---- one sum ------------------------------------------------------------ */

/* An operand: +-(node << shift); top: the bit above its highest. */
struct operand {
    int node, shift, top, depth;
    bool negate;
    int64_t lo, hi; /* of the node */
};

struct maker {
    const struct loom_cmvm_sums *s;
    struct loom_cmvm_graph *g; /* NULL: only count bits */
    struct operand *of;        /* [s->n] what each node became */
    bool *made;
    int bits;
};

static int max(int a, int b)
{
    return a > b ? a : b;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

static struct operand shifted(struct operand x, int shift, bool negate)
{
    x.shift += shift;
    x.top += shift;
    x.negate ^= negate;
    return x;
}

static int chain(const struct operand *a, const struct operand *b)
{
    return max(max(a->top, b->top) - max(a->shift, b->shift), 1);
}

/* The new adder's node. */
static int append(struct loom_cmvm_graph *g, const struct loom_cmvm_add *x)
{
    if (g->n_adds == g->adds_cap) {
        g->adds_cap = g->adds_cap ? 2 * g->adds_cap : 64;
        g->add = loom_realloc(g->add, (size_t)g->adds_cap * sizeof(*g->add));
    }
    g->add[g->n_adds] = *x;
    return g->n_in + g->n_adds++;
}

static struct operand add(struct maker *m, struct operand a, struct operand b)
{
    struct loom_cmvm_graph *g = m->g;
    if (a.negate && !b.negate) {
        struct operand t = a;
        a = b;
        b = t;
    }
    int common = min(a.shift, b.shift);
    struct loom_cmvm_add x = {.a = a.node,
                              .b = b.node,
                              .sa = a.shift - common,
                              .sb = b.shift - common,
                              .minus = a.negate != b.negate,
                              .depth = max(a.depth, b.depth) + 1,
                              .bits = chain(&a, &b)};
    int64_t ka = INT64_C(1) << x.sa, kb = INT64_C(1) << x.sb;
    x.lo = a.lo * ka + (x.minus ? -b.hi : b.lo) * kb;
    x.hi = a.hi * ka + (x.minus ? -b.lo : b.hi) * kb;
    m->bits += x.bits;
    return (struct operand){.node = g ? append(g, &x) : -1,
                            .shift = common,
                            .top = common + loom_interval_width(x.lo, x.hi),
                            .depth = x.depth,
                            .negate = a.negate,
                            .lo = x.lo,
                            .hi = x.hi};
}

/* Whether the operands can still be added by depth `bound` with a and b added
 * first. */
static bool fits(const struct operand *x, int n, int a, int b, int bound)
{
    if (bound <= 0)
        return true;
    uint64_t sum = UINT64_C(1) << (max(x[a].depth, x[b].depth) + 1);
    for (int i = 0; i < n; i++)
        if (i != a && i != b)
            sum += UINT64_C(1) << x[i].depth;
    return sum <= UINT64_C(1) << bound;
}

/* How good it is to add two operands next; less is better. */
static int64_t cost(const struct operand *a, const struct operand *b)
{
    int width = max(a->top, b->top) - min(a->shift, b->shift);
    return ((int64_t)chain(a, b) << 32) + ((int64_t)width << 16) +
           max(a->depth, b->depth);
}

static struct operand add_all(struct maker *m, struct operand *x, int n,
                              int bound)
{
    while (n > 1) {
        int a = 0, b = 1;
        int64_t best = INT64_MAX;
        for (int k = 1; k < n; k++)
            for (int i = 0; i < k; i++) {
                int64_t c = cost(&x[i], &x[k]);
                if (c < best && fits(x, n, i, k, bound)) {
                    best = c;
                    a = i;
                    b = k;
                }
            }
        x[a] = add(m, x[a], x[b]);
        x[b] = x[--n];
    }
    return x[0];
}

/* ---- all sums ----------------------------------------------------------- */

static struct operand leaf(const struct loom_cmvm_sums *s, int node)
{
    const struct loom_cmvm_sum *x = &s->sum[node];
    return (struct operand){.node = node,
                            .top = loom_interval_width(x->lo, x->hi),
                            .depth = x->depth,
                            .lo = x->lo,
                            .hi = x->hi};
}

/* Add up the terms of a node that has some, each the operand `of` says, or a
 * leaf where that is NULL. */
static struct operand sum_up(struct maker *m, int node)
{
    const struct loom_cmvm_sums *s = m->s;
    const struct loom_cmvm_sum *x = &s->sum[node];
    struct operand *op = loom_malloc((size_t)x->digits * sizeof(*op));
    int n = 0;
    for (int i = 0; i < x->n; i++) {
        int of = x->term[i].node;
        struct operand y = m->of ? m->of[of] : leaf(s, of);
        int64_t c = x->term[i].c;
        for (int k = 0; c; c /= 2, k++) {
            if (!(c & 1))
                continue;
            int d = (c & 3) == 3 ? -1 : 1;
            op[n++] = shifted(y, k, d < 0);
            c -= d;
        }
    }
    bool part = node >= s->n_in + s->n_out;
    int bound = s->max_depth && part ? x->depth : s->max_depth;
    struct operand y = add_all(m, op, n, bound);
    free(op);
    return y;
}

static void make(struct maker *m, int node)
{
    const struct loom_cmvm_sum *x = &m->s->sum[node];
    if (m->made[node] || !x->n)
        return;
    for (int i = 0; i < x->n; i++)
        make(m, x->term[i].node);
    m->of[node] = sum_up(m, node);
    m->made[node] = true;
}

void loom_cmvm_graph_make(struct loom_cmvm_graph *g,
                          const struct loom_cmvm_sums *s)
{
    struct maker m = {.s = s, .g = g};
    m.of = loom_calloc((size_t)s->n + 1, sizeof(*m.of));
    m.made = loom_calloc((size_t)s->n + 1, sizeof(*m.made));
    *g = (struct loom_cmvm_graph){.n_in = s->n_in, .n_out = s->n_out};
    g->out = loom_calloc((size_t)s->n_out + 1, sizeof(*g->out));
    for (int i = 0; i < s->n_in; i++) {
        m.of[i] = leaf(s, i);
        m.made[i] = true;
    }
    for (int j = 0; j < s->n_out; j++) {
        make(&m, s->n_in + j);
        struct operand y = m.of[s->n_in + j];
        g->out[j] = (struct loom_cmvm_out){y.node, y.shift, y.negate};
        if (!s->sum[s->n_in + j].n)
            g->out[j].node = -1;
    }
    free(m.of);
    free(m.made);
}

int loom_cmvm_graph_sum_bits(const struct loom_cmvm_sums *s, int node)
{
    struct maker m = {.s = s};
    if (s->sum[node].n)
        sum_up(&m, node);
    return m.bits;
}

/* ---- what it comes to --------------------------------------------------- */

int loom_cmvm_graph_bits(const struct loom_cmvm_graph *g)
{
    int sum = 0;
    for (int i = 0; i < g->n_adds; i++)
        sum += g->add[i].bits;
    return sum;
}

int loom_cmvm_graph_depth(const struct loom_cmvm_graph *g)
{
    int depth = 0;
    for (int i = 0; i < g->n_adds; i++)
        depth = max(depth, g->add[i].depth);
    return depth;
}

bool loom_cmvm_graph_is(const struct loom_cmvm_graph *g, const int64_t *w)
{
    size_t n = (size_t)(g->n_in + g->n_adds);
    int64_t *c = loom_malloc((n + 1) * sizeof(*c));
    bool same = true;
    for (int j = 0; j < g->n_out && same; j++) {
        const struct loom_cmvm_out *y = &g->out[j];
        memset(c, 0, n * sizeof(*c));
        if (y->node >= 0)
            c[y->node] = (INT64_C(1) << y->shift) * (y->negate ? -1 : 1);
        for (int k = g->n_adds; k-- > 0;) {
            const struct loom_cmvm_add *x = &g->add[k];
            int64_t v = c[g->n_in + k];
            c[x->a] += v * (INT64_C(1) << x->sa);
            c[x->b] += v * (INT64_C(1) << x->sb) * (x->minus ? -1 : 1);
        }
        for (int i = 0; i < g->n_in; i++)
            same &= c[i] == w[(size_t)i * (size_t)g->n_out + (size_t)j];
    }
    free(c);
    return same;
}
