#include "fpga_flow/trees.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* A term of a sum: wire << shift. */
struct term {
    int wire, shift;
};

/* A sum in the making: leaves first, then the sum of each step. */
struct sum {
    size_t n, cap;     /* leaves */
    struct term *term; /* [2 cap] */
    struct step {
        size_t a, b;
        int carry; /* weight given to the adder, -1 for none */
    } * step;      /* [cap] */
    bool *used;    /* [2 cap] */
};

static void sum_deinit(struct sum *s)
{
    free(s->term);
    free(s->step);
    free(s->used);
}

/* Take the shift off a wire. */
static struct term term_of(const struct loom_wires *w, int wire, int shift)
{
    const struct loom_wire *x = &w->wire[wire];
    if (x->op == LOOM_WIRE_SHL)
        return (struct term){x->a, shift + (int)x->k};
    return (struct term){wire, shift};
}

static void push(struct loom_wires *w, struct sum *s, int wire, int shift)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->term = loom_realloc(s->term, 2 * s->cap * sizeof(*s->term));
        s->step = loom_realloc(s->step, s->cap * sizeof(*s->step));
        s->used = loom_realloc(s->used, 2 * s->cap * sizeof(*s->used));
    }
    s->term[s->n++] = term_of(w, wire, shift);
}

static void push_const(struct loom_wires *w, struct sum *s, int64_t k, int f)
{
    int z = k ? __builtin_ctzll((uint64_t)k) : 0;
    push(w, s, loom_wire_const(w, k >> z, f - z), z);
}

static int top_bit(const struct loom_wires *w, struct term t)
{
    return t.shift + loom_wire_width(w, t.wire);
}

static struct term add_terms(struct loom_wires *w, struct term a, struct term b,
                             int carry)
{
    return term_of(w, loom_wire_add(w, a.wire, a.shift, b.wire, b.shift, carry),
                   0);
}

/* When a term is there: of serial ones the higher shift is earlier. */
static int time_of(const struct loom_wires *w, struct term t)
{
    int time = loom_wire_time(w, t.wire);
    return w->style == LOOM_WIRES_SERIAL ? time - t.shift : time;
}

/* The unused term of lowest level; of equals, the one that makes the shortest
 * carry chain with `mate` (or, without one, reaches the least high). */
static size_t pick(const struct loom_wires *w, const struct sum *s, size_t n,
                   const struct term *mate)
{
    size_t best = n;
    int best_level = 0, best_cost = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->used[i])
            continue;
        struct term t = s->term[i];
        int level = time_of(w, t), cost = top_bit(w, t);
        if (mate) {
            int top = top_bit(w, *mate);
            int low = t.shift > mate->shift ? t.shift : mate->shift;
            cost = (cost > top ? cost : top) - low;
        }
        if (best == n || level < best_level ||
            (level == best_level && cost < best_cost)) {
            best = i;
            best_level = level;
            best_cost = cost;
        }
    }
    return best;
}

/* Choose the steps, and build them without carries. */
static void plan(struct loom_wires *w, struct sum *s)
{
    memset(s->used, 0, 2 * s->cap * sizeof(*s->used));
    for (size_t m = 0; m + 1 < s->n; m++) {
        size_t a = pick(w, s, s->n + m, NULL);
        s->used[a] = true;
        size_t b = pick(w, s, s->n + m, &s->term[a]);
        s->used[b] = true;
        s->step[m] = (struct step){a, b, -1};
        s->term[s->n + m] = add_terms(w, s->term[a], s->term[b], -1);
    }
}

/* Have the adders of the plan add 2^p by their carries, if they can: one of
 * that weight, or two of half of it. */
static bool absorb(struct loom_wires *w, struct sum *s, int p)
{
    for (size_t m = 0; m + 1 < s->n; m++) {
        struct term a = s->term[s->step[m].a], b = s->term[s->step[m].b];
        if (s->step[m].carry < 0 &&
            (a.shift > b.shift ? a.shift : b.shift) == p &&
            !loom_wire_is_view(w, s->term[s->n + m].wire)) {
            s->step[m].carry = p;
            return true;
        }
    }
    return p > 0 && absorb(w, s, p - 1) && absorb(w, s, p - 1);
}

/* The sum of the terms and k >= 0. */
static struct term build(struct loom_wires *w, struct sum *s, int64_t k, int f)
{
    bool fits = true;
    plan(w, s);
    for (int p = 0; p < 62 && fits; p++)
        if (k >> p & 1)
            fits = absorb(w, s, p);
    if (!fits) {
        push_const(w, s, k, f);
        plan(w, s);
    } else if (k) {
        for (size_t m = 0; m + 1 < s->n; m++)
            s->term[s->n + m] =
                add_terms(w, s->term[s->step[m].a], s->term[s->step[m].b],
                          s->step[m].carry);
    }
    return s->term[2 * s->n - 2];
}

/* LUTs that the complement of a sum costs: none where an adder makes it. */
static int complement_cost(const struct loom_wires *w, const struct sum *s,
                           int64_t k)
{
    return s->n > 1 || k ? 0 : loom_wire_width(w, s->term[0].wire);
}

static int lowest(const struct sum *s)
{
    int z = s->term[0].shift;
    for (size_t i = 1; i < s->n; i++)
        z = s->term[i].shift < z ? s->term[i].shift : z;
    return z;
}

/* pos - neg + k, both not empty. */
static int difference(struct loom_wires *w, struct sum *pos, struct sum *neg,
                      int64_t k, int f)
{
    int64_t kp = k > 0 ? k : 0, kn = k < 0 ? -k : 0;
    bool flip = w->style == LOOM_WIRES_COMPLEMENT && lowest(pos) <= lowest(neg) && !kp && !kn &&
                complement_cost(w, pos, kp) < complement_cost(w, neg, kn);
    struct term p = build(w, pos, kp, f), n = build(w, neg, kn, f);
    if (flip && p.shift <= n.shift) { /* p - n = ~(~p + n) */
        p.wire = loom_wire_not(w, p.wire);
        struct term y = add_terms(w, p, n, -1);
        int back = y.shift - p.shift;
        int r = loom_wire_not(w, loom_wire_shl(w, y.wire, back));
        return loom_wire_shl(w, r, p.shift);
    }
    return loom_wire_sub(w, p.wire, p.shift, n.wire, n.shift);
}

/* -neg + k */
static int negative(struct loom_wires *w, struct sum *neg, int64_t k, int f)
{
    int z = lowest(neg);
    if (k <= -(INT64_C(1) << z) &&
        w->style == LOOM_WIRES_COMPLEMENT) { /* -(n << z) = (~n << z) + 2^z */
        struct term n = build(w, neg, -k - (INT64_C(1) << z), f);
        int back = n.shift - z;
        if (back < 0) /* the constant reached below: as it stands */
            return loom_wire_add(w, loom_wire_const(w, -(INT64_C(1) << z), f),
                                 0, loom_wire_not(w, n.wire), n.shift, n.shift);
        int r = loom_wire_not(w, loom_wire_shl(w, n.wire, back));
        return loom_wire_shl(w, r, z);
    }
    struct sum pos = {0};
    push_const(w, &pos, k, f);
    int y = difference(w, &pos, neg, 0, f);
    sum_deinit(&pos);
    return y;
}

/* Canonical signed digits of v, lowest first: calls push on pos or neg. */
static void push_digits(struct loom_wires *w, struct sum *pos, struct sum *neg,
                        int wire, int shift, int64_t v)
{
    for (; v; v /= 2, shift++) {
        if (!(v & 1))
            continue;
        int64_t d = (v & 3) == 3 ? -1 : 1;
        push(w, d > 0 ? pos : neg, wire, shift);
        v -= d;
    }
}

/* ---- terms of both signs in one tree ------------------------------------ */

/* Sum over the terms of 2^level: its logarithm is the least depth of the sum.
 * Levels from `base` on. */
static double spread(const struct loom_wires *w, const struct sum *s, int base)
{
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += ldexp(1, time_of(w, s->term[i]) - base);
    return sum;
}

static int first_time(const struct loom_wires *w, const struct sum *s, int best)
{
    for (size_t i = 0; i < s->n; i++)
        if (time_of(w, s->term[i]) < best)
            best = time_of(w, s->term[i]);
    return best;
}

static struct term take_first(const struct loom_wires *w, struct sum *s)
{
    memset(s->used, 0, s->n * sizeof(*s->used));
    size_t first = pick(w, s, s->n, NULL);
    struct term t = s->term[first];
    s->term[first] = s->term[--s->n];
    return t;
}

/* Where the terms of one sign are so many that their tree is as deep as one of
 * all terms, some are taken from terms of the other sign first. */
static void mix(struct loom_wires *w, struct sum *pos, struct sum *neg)
{
    int base = first_time(w, neg, first_time(w, pos, INT_MAX));
    double a = spread(w, pos, base), b = spread(w, neg, base);
    double half = ldexp(1, (int)ceil(log2(a + b)) - 1);
    struct sum *many = a > b ? pos : neg, *few = a > b ? neg : pos;
    while (few->n && many->n > 1 && spread(w, many, base) > half) {
        struct term x = take_first(w, many), y = take_first(w, few);
        push(w, few, loom_wire_sub(w, y.wire, y.shift, x.wire, x.shift), 0);
    }
}

/* The sum of pos less the sum of neg plus k. */
static int sum_up(struct loom_wires *w, struct sum *pos, struct sum *neg,
                  int64_t k, int f)
{
    if (pos->n && neg->n && w->mixed)
        mix(w, pos, neg);
    if (pos->n && neg->n)
        return difference(w, pos, neg, k, f);
    if (neg->n)
        return negative(w, neg, k, f);
    if (!pos->n)
        return loom_wire_const(w, k, f);
    if (k < 0) {
        push_const(w, pos, k, f);
        k = 0;
    }
    struct term t = build(w, pos, k, f);
    return loom_wire_shl(w, t.wire, t.shift);
}

int loom_trees_sum(struct loom_wires *w, const struct loom_tree_term *term,
                   size_t n, int64_t k, int f)
{
    struct sum pos = {0}, neg = {0};
    for (size_t i = 0; i < n; i++) {
        const struct loom_wire *x = &w->wire[term[i].wire];
        int64_t c = term[i].c;
        if (!c || (!x->lo && !x->hi))
            continue;
        if (x->op == LOOM_WIRE_CONST)
            k += (x->k * c) * (INT64_C(1) << term[i].shift);
        else
            push_digits(w, &pos, &neg, term[i].wire, term[i].shift, c);
    }
    int y = sum_up(w, &pos, &neg, k, f);
    sum_deinit(&pos);
    sum_deinit(&neg);
    return y;
}

void loom_trees_lower(struct loom_wires *w, const struct loom_matrix *m, int *y)
{
    struct loom_tree_term *term = loom_calloc(m->n_in + 1, sizeof(*term));
    for (size_t j = 0; j < m->n_out; j++) {
        w->at_index = (int)(m->first + j);
        for (size_t i = 0; i < m->n_in; i++) {
            size_t at = i * m->n_out + j;
            term[i] = (struct loom_tree_term){m->x[i], m->shift[at], m->w[at]};
        }
        y[j] = loom_trees_sum(w, term, m->n_in, m->k[j], m->f[j]);
    }
    free(term);
}
