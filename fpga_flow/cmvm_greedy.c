#include "fpga_flow/cmvm_greedy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fixed.h"
#include "engine/mem.h"

/* +-(node << shift) */
struct digit {
    int node, shift;
    bool negate;
};

struct node {
    int64_t lo, hi;
    int depth;
};

struct greedy {
    struct loom_cmvm_graph *g;
    struct node *node; /* [n_in + n_adds] */
    int n, cap;
    struct row {
        struct digit *digit;
        int n;
    } * row; /* [n_out] what each output still is the sum of */
};

/* first + (second << shift), or minus; the first digit's sign is taken out. */
struct pair {
    int a, b, shift;
    bool minus;
};

struct counted {
    uint64_t key; /* 0: free */
    int count;
};

/* ---- graph -------------------------------------------------------------- */

static int append(struct greedy *x, int64_t lo, int64_t hi, int depth)
{
    if (x->n == x->cap) {
        x->cap = x->cap ? 2 * x->cap : 64;
        x->node = loom_realloc(x->node, (size_t)x->cap * sizeof(*x->node));
    }
    x->node[x->n] = (struct node){lo, hi, depth};
    return x->n++;
}

static int top(const struct greedy *x, int node, int shift)
{
    return shift + loom_interval_width(x->node[node].lo, x->node[node].hi);
}

/* The node of p, whose shift may be negative. */
static int add(struct greedy *x, const struct pair *p)
{
    const struct node a = x->node[p->a], b = x->node[p->b];
    struct loom_cmvm_graph *g = x->g;
    struct loom_cmvm_add y = {.a = p->a,
                              .b = p->b,
                              .sa = p->shift < 0 ? -p->shift : 0,
                              .sb = p->shift > 0 ? p->shift : 0,
                              .minus = p->minus};
    int64_t ka = INT64_C(1) << y.sa, kb = INT64_C(1) << y.sb;
    int ta = top(x, p->a, y.sa), tb = top(x, p->b, y.sb);
    y.bits = (ta > tb ? ta : tb) - (y.sa > y.sb ? y.sa : y.sb);
    y.bits = y.bits > 0 ? y.bits : 1;
    y.depth = (a.depth > b.depth ? a.depth : b.depth) + 1;
    y.lo = a.lo * ka + (y.minus ? -b.hi : b.lo) * kb;
    y.hi = a.hi * ka + (y.minus ? -b.lo : b.hi) * kb;
    if (g->n_adds == g->adds_cap) {
        g->adds_cap = g->adds_cap ? 2 * g->adds_cap : 64;
        g->add = loom_realloc(g->add, (size_t)g->adds_cap * sizeof(*g->add));
    }
    g->add[g->n_adds++] = y;
    return append(x, y.lo, y.hi, y.depth);
}

/* ---- pairs -------------------------------------------------------------- */

static struct pair pair_of(const struct digit *p, const struct digit *q)
{
    if (p->node > q->node || (p->node == q->node && p->shift > q->shift)) {
        const struct digit *t = p;
        p = q;
        q = t;
    }
    return (struct pair){p->node, q->node, q->shift - p->shift,
                         p->negate != q->negate};
}

static uint64_t pack(struct pair p)
{
    return (uint64_t)(p.a + 1) << 36 | (uint64_t)p.b << 8 |
           (uint64_t)(p.shift + 64) << 1 | p.minus;
}

static struct pair unpack(uint64_t key)
{
    return (struct pair){(int)(key >> 36) - 1, (int)(key >> 8 & 0xfffffff),
                         (int)(key >> 1 & 127) - 64, key & 1};
}

static int count_up(struct counted *table, size_t size, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (size - 1);
    while (table[at].key && table[at].key != key)
        at = (at + 1) & (size - 1);
    table[at].key = key;
    return ++table[at].count;
}

/* Bits that both have, with a sign. */
static int overlap(const struct greedy *x, struct pair p)
{
    int a = top(x, p.a, 0), b = top(x, p.b, 0);
    return a < b ? a : b;
}

/* The pair that saves most, of equals the newest. False: none occurs twice. */
static bool pick(const struct greedy *x, struct pair *best)
{
    size_t pairs = 1, size = 1024;
    for (int j = 0; j < x->g->n_out; j++)
        pairs += (size_t)x->row[j].n * (size_t)x->row[j].n / 2;
    while (size < 2 * pairs)
        size *= 2;
    struct counted *table = loom_calloc(size, sizeof(*table));
    uint64_t key = 0;
    int64_t most = 0;
    for (int j = 0; j < x->g->n_out; j++)
        for (int k = 0; k < x->row[j].n; k++)
            for (int i = 0; i < k; i++) {
                struct pair p =
                    pair_of(&x->row[j].digit[i], &x->row[j].digit[k]);
                uint64_t at = pack(p);
                int n = count_up(table, size, at);
                int64_t score = n > 1 ? (int64_t)n * overlap(x, p) : 0;
                if (score > most || (score && score == most && at > key)) {
                    most = score;
                    key = at;
                }
            }
    free(table);
    if (key)
        *best = unpack(key);
    return key != 0;
}

/* Put the pair's node in the place of each occurrence in a row. */
static void replace(struct row *r, struct pair p, int node)
{
    for (int i = 0; i < r->n; i++)
        for (int k = 0; k < r->n; k++) {
            struct digit *a = &r->digit[i], *b = &r->digit[k];
            if (i == k || a->node != p.a || b->node != p.b ||
                b->shift - a->shift != p.shift ||
                (a->negate != b->negate) != p.minus)
                continue;
            int low = p.shift < 0 ? p.shift : 0;
            *a = (struct digit){node, a->shift + low, a->negate};
            *b = r->digit[--r->n];
            i = -1;
            break;
        }
}

/* ---- outputs ------------------------------------------------------------ */

/* Whether p should be added before q: by depth, then sign, then height. */
static bool before(const struct greedy *x, const struct digit *p,
                   const struct digit *q)
{
    int dp = x->node[p->node].depth, dq = x->node[q->node].depth;
    if (dp != dq)
        return dp < dq;
    if (p->negate != q->negate)
        return q->negate;
    return top(x, p->node, p->shift) < top(x, q->node, q->shift);
}

static struct digit take_first(const struct greedy *x, struct row *r)
{
    int first = 0;
    for (int i = 1; i < r->n; i++)
        if (before(x, &r->digit[i], &r->digit[first]))
            first = i;
    struct digit y = r->digit[first];
    r->digit[first] = r->digit[--r->n];
    return y;
}

static void add_up(struct greedy *x, struct row *r)
{
    while (r->n > 1) {
        struct digit p = take_first(x, r), q = take_first(x, r);
        if (p.negate && !q.negate) {
            struct digit t = p;
            p = q;
            q = t;
        }
        struct pair s = {p.node, q.node, q.shift - p.shift,
                         p.negate != q.negate};
        int low = p.shift < q.shift ? p.shift : q.shift;
        r->digit[r->n++] = (struct digit){add(x, &s), low, p.negate};
    }
}

static void read_row(struct row *r, const int64_t *w, int n_in, int n_out)
{
    enum { DIGITS = 32 };
    r->digit = loom_malloc((size_t)n_in * DIGITS * sizeof(*r->digit));
    for (int i = 0; i < n_in; i++) {
        int64_t c = w[(size_t)i * (size_t)n_out];
        for (int k = 0; c; c /= 2, k++) {
            if (!(c & 1))
                continue;
            int d = (c & 3) == 3 ? -1 : 1;
            r->digit[r->n++] = (struct digit){i, k, d < 0};
            c -= d;
        }
    }
}

void loom_cmvm_greedy(struct loom_cmvm_graph *g, int n_in, int n_out,
                      const int64_t *w, const int64_t *lo, const int64_t *hi)
{
    struct greedy x = {.g = g};
    struct pair p;
    *g = (struct loom_cmvm_graph){.n_in = n_in, .n_out = n_out};
    g->out = loom_calloc((size_t)n_out + 1, sizeof(*g->out));
    x.row = loom_calloc((size_t)n_out + 1, sizeof(*x.row));
    for (int i = 0; i < n_in; i++)
        append(&x, lo[i], hi[i], 0);
    for (int j = 0; j < n_out; j++)
        read_row(&x.row[j], w + j, n_in, n_out);
    while (pick(&x, &p)) {
        int node = add(&x, &p);
        for (int j = 0; j < n_out; j++)
            replace(&x.row[j], p, node);
    }
    for (int j = 0; j < n_out; j++) {
        add_up(&x, &x.row[j]);
        struct digit y =
            x.row[j].n ? x.row[j].digit[0] : (struct digit){-1, 0, 0};
        g->out[j] = (struct loom_cmvm_out){y.node, y.shift, y.negate};
        free(x.row[j].digit);
    }
    free(x.row);
    free(x.node);
}
