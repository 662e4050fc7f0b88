#include "fpga_flow/wires.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* Interval ends stay below this. */
static const int64_t LIMIT = INT64_C(1) << 62;

void loom_wires_destroy(struct loom_wires *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_layers; i++)
        free(w->layer[i].name);
    for (size_t i = 0; i < w->n_tables; i++)
        free(w->table[i].v);
    for (size_t k = 0; k < w->n_nodes; k++)
        free(w->place[k]);
    free(w->place);
    free(w->node_layer);
    free(w->layer);
    free(w->table);
    free(w->wire);
    free(w->out);
    free(w->out_f);
    free(w->bucket);
    free(w);
}

int loom_wire_width(const struct loom_wires *w, int i)
{
    return loom_interval_width(w->wire[i].lo, w->wire[i].hi);
}

/* ---- hash of equal wires ------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static size_t hash_wire(const struct loom_wire *x)
{
    uint64_t h = mix((uint64_t)x->op * 4 + x->inv * 2 + x->sub, 1);
    h = mix(h, (uint64_t)(uint32_t)x->a << 32 | (uint32_t)x->b);
    h = mix(h, (uint64_t)(uint32_t)x->c);
    h = mix(h, (uint64_t)(uint32_t)x->sa << 16 ^
                   (uint64_t)(uint32_t)x->sb << 8 ^
                   (uint64_t)(uint32_t)x->carry);
    return (size_t)mix(mix(h, (uint64_t)x->k), (uint64_t)x->k2);
}

static bool same_wire(const struct loom_wire *x, const struct loom_wire *y)
{
    return x->op == y->op && x->inv == y->inv && x->sub == y->sub &&
           x->carry == y->carry && x->a == y->a && x->b == y->b &&
           x->c == y->c && x->sa == y->sa && x->sb == y->sb && x->k == y->k &&
           x->k2 == y->k2;
}

static void rehash(struct loom_wires *w)
{
    w->n_buckets = w->n_buckets ? w->n_buckets * 2 : 1024;
    w->bucket = loom_realloc(w->bucket, w->n_buckets * sizeof(*w->bucket));
    memset(w->bucket, 0xff, w->n_buckets * sizeof(*w->bucket));
    for (size_t i = 0; i < w->n; i++) {
        size_t at = hash_wire(&w->wire[i]) & (w->n_buckets - 1);
        while (w->bucket[at] >= 0)
            at = (at + 1) & (w->n_buckets - 1);
        w->bucket[at] = (int)i;
    }
}

static bool disjoint(const struct loom_wires *w, const struct loom_wire *x);

static bool is_sum(const struct loom_wires *w, int i)
{
    return w->wire[i].op == LOOM_WIRE_ADD && !disjoint(w, &w->wire[i]);
}

/* No bit of one operand meets a bit of the other, and nothing is carried.
 * Serial bits would have to be kept first: then it is a sum like others. */
static bool disjoint(const struct loom_wires *w, const struct loom_wire *x)
{
    if (x->op != LOOM_WIRE_ADD || x->carry >= 0 || x->inv || x->sub)
        return false;
    if (w->style == LOOM_WIRES_SERIAL &&
        (is_sum(w, x->a) || is_sum(w, x->b)))
        return false;
    int below = x->sa ? x->b : x->a, s = x->sa + x->sb;
    return s && w->wire[below].lo >= 0 && loom_wire_width(w, below) <= s;
}

/* When the lowest bit of ADD wire x is there, in a segment of sums whose
 * leaves are there at 0. */
static int serial_level(const struct loom_wires *w, const struct loom_wire *x)
{
    int a = loom_wire_time(w, x->a) - x->sa;
    int b = loom_wire_time(w, x->b) - x->sb;
    return (a > b ? a : b) + 1;
}

static int level(const struct loom_wires *w, const struct loom_wire *x)
{
    int top = 0;
    if (w->style == LOOM_WIRES_SERIAL)
        return x->op == LOOM_WIRE_ADD ? serial_level(w, x) : 0;
    const int arg[] = {x->a, x->b, x->c};
    for (int i = 0; i < 3; i++)
        if (arg[i] >= 0 && w->wire[arg[i]].level > top)
            top = w->wire[arg[i]].level;
    bool adds = x->op == LOOM_WIRE_CLIP || x->op == LOOM_WIRE_MUX ||
                x->op == LOOM_WIRE_TABLE ||
                (x->op == LOOM_WIRE_ADD && !disjoint(w, x));
    return top + adds;
}

int loom_wire_time(const struct loom_wires *w, int i)
{
    const struct loom_wire *x = &w->wire[i];
    bool leaf = w->style == LOOM_WIRES_SERIAL &&
                (x->op != LOOM_WIRE_ADD || disjoint(w, x));
    return leaf ? 0 : x->level;
}

/* The wire equal to x, new if there is none. */
static int intern(struct loom_wires *w, struct loom_wire x)
{
    if (x.lo <= -LIMIT || x.hi >= LIMIT) {
        w->wide = true;
        x.lo = x.hi = 0;
    }
    if (x.lo == x.hi && x.op != LOOM_WIRE_CONST)
        return loom_wire_const(w, x.lo, x.f);
    if (2 * (w->n + 1) > w->n_buckets)
        rehash(w);
    size_t at = hash_wire(&x) & (w->n_buckets - 1);
    for (; w->bucket[at] >= 0; at = (at + 1) & (w->n_buckets - 1))
        if (same_wire(&w->wire[w->bucket[at]], &x))
            return w->bucket[at];
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 256;
        w->wire = loom_realloc(w->wire, w->cap * sizeof(*w->wire));
    }
    x.level = level(w, &x);
    x.layer = w->at_layer;
    x.index = w->at_index;
    w->bucket[at] = (int)w->n;
    w->wire[w->n] = x;
    return (int)w->n++;
}

/* ---- constructors ------------------------------------------------------- */

int loom_wire_chain(const struct loom_wire *x)
{
    return x->carry >= 0 ? x->carry : x->sub || x->sb > x->sa ? x->sb : x->sa;
}

static struct loom_wire unary(enum loom_wire_op op, const struct loom_wires *w,
                              int a)
{
    return (struct loom_wire){
        .op = op, .a = a, .b = -1, .c = -1, .f = w->wire[a].f};
}

int loom_wire_input(struct loom_wires *w, int64_t k,
                    const struct loom_exact_elem *elem)
{
    return intern(w, (struct loom_wire){.op = LOOM_WIRE_INPUT,
                                        .a = -1,
                                        .b = -1,
                                        .c = -1,
                                        .k = k,
                                        .f = elem->f,
                                        .lo = elem->lo,
                                        .hi = elem->hi});
}

int loom_wire_const(struct loom_wires *w, int64_t k, int f)
{
    return intern(w, (struct loom_wire){.op = LOOM_WIRE_CONST,
                                        .a = -1,
                                        .b = -1,
                                        .c = -1,
                                        .k = k,
                                        .f = f,
                                        .lo = k,
                                        .hi = k});
}

static bool is_const(const struct loom_wires *w, int a)
{
    return w->wire[a].op == LOOM_WIRE_CONST;
}

/* v << s, or LIMIT (of its sign) where that needs more than 62 bits. */
static int64_t shl(int64_t v, int s)
{
    if (v && (s >= 62 || v >= LIMIT >> s || v <= -(LIMIT >> s)))
        return v < 0 ? -LIMIT : LIMIT;
    return v * (INT64_C(1) << (v ? s : 0));
}

int loom_wire_shl(struct loom_wires *w, int a, int s)
{
    if (!s)
        return a;
    const struct loom_wire *x = &w->wire[a];
    if (x->op == LOOM_WIRE_SHL)
        return loom_wire_shl(w, x->a, s + (int)x->k);
    struct loom_wire y = unary(LOOM_WIRE_SHL, w, a);
    y.k = s;
    y.f = x->f + s;
    y.lo = shl(x->lo, s);
    y.hi = shl(x->hi, s);
    return intern(w, y);
}

/* Take shifts off an operand: a becomes the wire below its SHL, constants
 * lose their low zeros. */
static void strip(struct loom_wires *w, int *a, int *s)
{
    const struct loom_wire x = w->wire[*a];
    if (x.op == LOOM_WIRE_SHL) {
        *s += (int)x.k;
        *a = x.a;
    } else if (x.op == LOOM_WIRE_CONST && x.k && !(x.k & 1)) {
        int z = __builtin_ctzll((uint64_t)x.k);
        *s += z;
        *a = loom_wire_const(w, x.k >> z, x.f - z);
    }
}

/* The interval of an ADD wire; past 62 bits where it cannot be told. */
static void add_interval(const struct loom_wires *w, struct loom_wire *z)
{
    const struct loom_wire *x = &w->wire[z->a], *y = &w->wire[z->b];
    int64_t one = z->carry >= 0 ? shl(1, z->carry) : 0;
    int64_t v[4] = {shl(x->lo, z->sa), shl(x->hi, z->sa), shl(y->lo, z->sb),
                    shl(y->hi, z->sb)};
    if (z->sub) {
        int64_t lo = v[2];
        v[2] = -v[3];
        v[3] = -lo;
    }
    for (int i = 0; i < 4; i++)
        if (v[i] <= -LIMIT || v[i] >= LIMIT || one >= LIMIT / 2) {
            z->hi = LIMIT;
            return;
        }
    /* Halved first: the sum of two ends and the carry may pass 63 bits. */
    if (v[0] / 2 + v[2] / 2 <= -LIMIT / 2 || v[1] / 2 + v[3] / 2 >= LIMIT / 4) {
        z->hi = LIMIT;
        return;
    }
    z->lo = v[0] + v[2] + one;
    z->hi = v[1] + v[3] + one;
}

int loom_wire_add(struct loom_wires *w, int a, int sa, int b, int sb, int carry)
{
    strip(w, &a, &sa);
    strip(w, &b, &sb);
    if (carry < 0 && is_const(w, a) && !w->wire[a].k)
        return loom_wire_shl(w, b, sb);
    if (carry < 0 && is_const(w, b) && !w->wire[b].k)
        return loom_wire_shl(w, a, sa);
    int common = sa < sb ? sa : sb;
    if (carry >= 0 && carry < common)
        common = carry;
    struct loom_wire z = {.op = LOOM_WIRE_ADD, .a = a, .b = b, .c = -1};
    z.sa = sa - common;
    z.sb = sb - common;
    z.carry = carry < 0 ? -1 : carry - common;
    if (a > b || (a == b && sa > sb)) {
        z.a = b;
        z.b = a;
        z.sa = sb - common;
        z.sb = sa - common;
    }
    z.f = is_const(w, z.a) ? w->wire[z.b].f + z.sb : w->wire[z.a].f + z.sa;
    add_interval(w, &z);
    return loom_wire_shl(w, intern(w, z), common);
}

int loom_wire_sub(struct loom_wires *w, int a, int sa, int b, int sb)
{
    strip(w, &b, &sb);
    if (w->style == LOOM_WIRES_COMPLEMENT) /* a - b = a + ~b + 1 */
        return loom_wire_add(w, a, sa, loom_wire_not(w, b), sb, sb);
    strip(w, &a, &sa);
    if (is_const(w, b))
        return loom_wire_add(
            w, a, sa, loom_wire_const(w, -w->wire[b].k, w->wire[b].f), sb, -1);
    if (a == b && sa == sb)
        return loom_wire_const(w, 0, w->wire[a].f + sa);
    int common = is_const(w, a) && !w->wire[a].k ? sb : sa < sb ? sa : sb;
    struct loom_wire z = {.op = LOOM_WIRE_ADD, .a = a, .b = b, .c = -1};
    z.sub = true;
    z.sa = sa > common ? sa - common : 0;
    z.sb = sb - common;
    z.carry = -1;
    z.f = w->wire[b].f + z.sb;
    add_interval(w, &z);
    return loom_wire_shl(w, intern(w, z), common);
}

int loom_wire_not(struct loom_wires *w, int a)
{
    struct loom_wire y = w->wire[a];
    if (y.op == LOOM_WIRE_NOT)
        return y.a;
    if (y.op == LOOM_WIRE_ADD && !disjoint(w, &y) && w->style == LOOM_WIRES_COMPLEMENT)
        y.inv = !y.inv;
    else
        y = unary(LOOM_WIRE_NOT, w, a);
    y.lo = -w->wire[a].hi - 1;
    y.hi = -w->wire[a].lo - 1;
    return intern(w, y);
}

int loom_wire_relu(struct loom_wires *w, int a)
{
    struct loom_wire x = w->wire[a];
    if (x.lo >= 0)
        return a;
    if (x.op == LOOM_WIRE_SHL)
        return loom_wire_shl(w, loom_wire_relu(w, x.a), (int)x.k);
    struct loom_wire y = unary(LOOM_WIRE_RELU, w, a);
    y.hi = x.hi > 0 ? x.hi : 0;
    return intern(w, y);
}

static int64_t clip(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

int loom_wire_clip(struct loom_wires *w, int a, int64_t lo, int64_t hi)
{
    const struct loom_wire *x = &w->wire[a];
    if (x->lo >= lo && x->hi <= hi)
        return a;
    if (lo == 0 && x->hi <= hi)
        return loom_wire_relu(w, a);
    struct loom_wire y = unary(LOOM_WIRE_CLIP, w, a);
    y.k = lo;
    y.k2 = hi;
    y.lo = clip(x->lo, lo, hi);
    y.hi = clip(x->hi, lo, hi);
    return intern(w, y);
}

int loom_wire_mux(struct loom_wires *w, int sel, int b, int c)
{
    if (is_const(w, sel))
        return w->wire[sel].k ? b : c;
    if (b == c)
        return b;
    const struct loom_wire *x = &w->wire[b], *y = &w->wire[c];
    struct loom_wire z = unary(LOOM_WIRE_MUX, w, sel);
    z.b = b;
    z.c = c;
    z.f = x->f;
    z.lo = x->lo < y->lo ? x->lo : y->lo;
    z.hi = x->hi > y->hi ? x->hi : y->hi;
    return intern(w, z);
}

/* The number of an equal table, new if there is none. */
static int64_t keep_table(struct loom_wires *w, struct loom_wire_table t)
{
    for (size_t i = 0; i < w->n_tables; i++)
        if (w->table[i].lo == t.lo && w->table[i].n == t.n &&
            !memcmp(w->table[i].v, t.v, t.n * sizeof(*t.v)))
            return (int64_t)i;
    w->table = loom_realloc(w->table, (w->n_tables + 1) * sizeof(*w->table));
    int64_t *v = loom_malloc(t.n * sizeof(*v));
    memcpy(v, t.v, t.n * sizeof(*v));
    w->table[w->n_tables] = (struct loom_wire_table){t.lo, t.n, v};
    return (int64_t)w->n_tables++;
}

/* A table of x << s as one of x. */
static int table_of_shifted(struct loom_wires *w, int x, int s,
                            const struct loom_wire_table *t, int f)
{
    const struct loom_wire a = w->wire[x];
    struct loom_wire_table u = {.lo = a.lo, .n = (size_t)(a.hi - a.lo) + 1};
    u.v = loom_malloc(u.n * sizeof(*u.v));
    for (size_t k = 0; k < u.n; k++)
        u.v[k] = t->v[(u.lo + (int64_t)k) * (INT64_C(1) << s) - t->lo];
    int y = loom_wire_table(w, x, &u, f);
    free(u.v);
    return y;
}

int loom_wire_table(struct loom_wires *w, int a,
                    const struct loom_wire_table *t, int f)
{
    const struct loom_wire x = w->wire[a];
    assert(x.lo >= t->lo && (uint64_t)(x.hi - t->lo) < t->n);
    if (x.op == LOOM_WIRE_SHL)
        return table_of_shifted(w, x.a, (int)x.k, t, f);
    struct loom_wire_table u = {x.lo, (size_t)(x.hi - x.lo) + 1,
                                t->v + (x.lo - t->lo)};
    struct loom_wire y = unary(LOOM_WIRE_TABLE, w, a);
    y.f = f;
    y.lo = y.hi = u.v[0];
    for (size_t k = 1; k < u.n; k++) {
        y.lo = u.v[k] < y.lo ? u.v[k] : y.lo;
        y.hi = u.v[k] > y.hi ? u.v[k] : y.hi;
    }
    if (y.lo < y.hi)
        y.k = keep_table(w, u);
    return intern(w, y);
}

int loom_wire_known(struct loom_wires *w, int a, int64_t lo, int64_t hi)
{
    const struct loom_wire x = w->wire[a];
    lo = lo < x.lo ? x.lo : lo;
    hi = hi > x.hi ? x.hi : hi;
    if (lo == x.lo && hi == x.hi)
        return a;
    if (x.op == LOOM_WIRE_SHL)
        return loom_wire_shl(
            w, loom_wire_known(w, x.a, -(-lo >> x.k), hi >> x.k), (int)x.k);
    struct loom_wire y = unary(LOOM_WIRE_WRAP, w, a);
    y.k = loom_interval_width(lo, hi);
    y.k2 = lo < 0;
    y.lo = lo;
    y.hi = hi;
    return intern(w, y);
}

int loom_wire_shr(struct loom_wires *w, int a, int s)
{
    struct loom_wire x = w->wire[a];
    if (!s)
        return a;
    if (s > 62)
        s = 62;
    if (x.op == LOOM_WIRE_SHL)
        return x.k >= s ? loom_wire_shl(w, x.a, (int)x.k - s)
                        : loom_wire_shr(w, x.a, s - (int)x.k);
    if (x.op == LOOM_WIRE_SHR)
        return loom_wire_shr(w, x.a, s + (int)x.k);
    struct loom_wire y = unary(LOOM_WIRE_SHR, w, a);
    y.k = s;
    y.f = x.f - s;
    y.lo = x.lo >> s;
    y.hi = x.hi >> s;
    return intern(w, y);
}

int loom_wire_wrap(struct loom_wires *w, int a, int bits, bool sign)
{
    struct loom_wire x = w->wire[a];
    if (bits <= 0)
        return loom_wire_const(w, 0, x.f);
    int64_t half = INT64_C(1) << (bits - 1);
    int64_t lo = sign ? -half : 0, hi = sign ? half - 1 : half - 1 + half;
    if (x.lo >= lo && x.hi <= hi)
        return a;
    if (x.op == LOOM_WIRE_SHL)
        return loom_wire_shl(w, loom_wire_wrap(w, x.a, bits - (int)x.k, sign),
                             bits > x.k ? (int)x.k : 0);
    if (x.op == LOOM_WIRE_WRAP && x.k >= bits)
        return loom_wire_wrap(w, x.a, bits, sign);
    struct loom_wire y = unary(LOOM_WIRE_WRAP, w, a);
    y.k = bits;
    y.k2 = sign;
    y.lo = lo;
    y.hi = hi;
    if (is_const(w, a))
        y.lo = y.hi = (int64_t)(((uint64_t)x.k - (uint64_t)lo) &
                                ((UINT64_C(1) << bits) - 1)) +
                      lo;
    return intern(w, y);
}

int loom_wire_bit_of(struct loom_wires *w, int a, int bit)
{
    struct loom_wire x = w->wire[a];
    if (bit > 62)
        bit = 62;
    if (x.op == LOOM_WIRE_SHL)
        return bit < x.k ? loom_wire_const(w, 0, 0)
                         : loom_wire_bit_of(w, x.a, bit - (int)x.k);
    struct loom_wire y = unary(LOOM_WIRE_BIT, w, a);
    y.k = bit;
    y.f = 0;
    y.hi = 1;
    if (x.lo >> bit == x.hi >> bit)
        y.lo = y.hi = (x.lo >> bit) & 1;
    return intern(w, y);
}

/* ---- views -------------------------------------------------------------- */

bool loom_wire_is_view(const struct loom_wires *w, int i)
{
    const struct loom_wire *x = &w->wire[i];
    return x->op >= LOOM_WIRE_SHL || disjoint(w, x);
}

struct loom_wire_bit loom_wire_bit(const struct loom_wires *w, int id, int i)
{
    static const struct loom_wire_bit zero = {-1, 0};
    for (;;) {
        const struct loom_wire *x = &w->wire[id];
        int width = loom_wire_width(w, id);
        if (i < 0 || (i >= width && x->lo >= 0))
            return zero;
        i = i >= width ? width - 1 : i;
        switch (x->op) {
        case LOOM_WIRE_CONST:
            return (struct loom_wire_bit){-1, (int)(x->k >> i) & 1};
        case LOOM_WIRE_SHL:
            if (i < x->k)
                return zero;
            i -= (int)x->k;
            id = x->a;
            break;
        case LOOM_WIRE_SHR:
        case LOOM_WIRE_BIT:
            i += (int)x->k;
            id = x->a;
            break;
        case LOOM_WIRE_WRAP:
            id = x->a;
            break;
        default:
            if (!disjoint(w, x))
                return (struct loom_wire_bit){id, i};
            if (i < x->sa + x->sb) {
                id = x->sa ? x->b : x->a;
            } else {
                i -= x->sa + x->sb;
                id = x->sa ? x->a : x->b;
            }
        }
    }
}

/* ---- interpreter -------------------------------------------------------- */

static int64_t eval(const struct loom_wires *w, const struct loom_wire *x,
                    const int64_t *v, const int64_t *in)
{
    switch (x->op) {
    case LOOM_WIRE_INPUT:
        return in[x->k];
    case LOOM_WIRE_CONST:
        return x->k;
    case LOOM_WIRE_ADD: {
        int64_t a = v[x->a] * (INT64_C(1) << x->sa);
        int64_t b = v[x->b] * (INT64_C(1) << x->sb);
        int64_t y = (x->sub ? a - b : a + b) +
                    (x->carry < 0 ? 0 : INT64_C(1) << x->carry);
        return x->inv ? -y - 1 : y;
    }
    case LOOM_WIRE_NOT:
        return -v[x->a] - 1;
    case LOOM_WIRE_RELU:
        return v[x->a] > 0 ? v[x->a] : 0;
    case LOOM_WIRE_CLIP:
        return clip(v[x->a], x->k, x->k2);
    case LOOM_WIRE_MUX:
        return v[x->a] ? v[x->b] : v[x->c];
    case LOOM_WIRE_TABLE:
        return w->table[x->k].v[v[x->a] - w->table[x->k].lo];
    case LOOM_WIRE_SHL:
        return v[x->a] * (INT64_C(1) << x->k);
    case LOOM_WIRE_SHR:
        return v[x->a] >> x->k;
    case LOOM_WIRE_WRAP: {
        int64_t lo = x->k2 ? -(INT64_C(1) << (x->k - 1)) : 0;
        return (int64_t)(((uint64_t)v[x->a] - (uint64_t)lo) &
                         ((UINT64_C(1) << x->k) - 1)) +
               lo;
    }
    case LOOM_WIRE_BIT:
        return (v[x->a] >> x->k) & 1;
    }
    return 0;
}

void loom_wires_run(const struct loom_wires *w, const int64_t *q, size_t rows,
                    int64_t *y)
{
    int64_t *v = loom_calloc(w->n + 1, sizeof(*v));
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < w->n; i++) {
            v[i] = eval(w, &w->wire[i], v, q + r * w->n_in);
            assert(v[i] >= w->wire[i].lo && v[i] <= w->wire[i].hi);
        }
        for (size_t j = 0; j < w->n_out; j++)
            y[r * w->n_out + j] = v[w->out[j]];
    }
    free(v);
}
