#include "fpga_flow/reference.h"

#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* Which element a bit of a wire belongs to; node -1: none. */
struct owner {
    int node;
    int lit; /* the input made for it, -1: none yet */
};

struct value {
    struct loom_word word;
    int when; /* literal; -1: not made yet */
};

struct loom_reference_own {
    const struct loom_design *d;
    const struct loom_exact *net;
    const struct loom_wires *w;
    struct loom_aig *g;
    int layer;
    size_t *first;        /* [w->n + 1] of the wires' bits, among all */
    struct owner *owner;  /* [all bits] */
    int **bits;           /* [w->n] what wires compute, NULL: not made yet */
    struct value **value; /* [nodes] */
    int inputs;           /* literal: all of them in their intervals */
    bool *loose;          /* the reference's */
    int64_t *coef;        /* [w->n] scratch of the algebra */
    bool *atom;           /* [w->n] likewise */
};

static int elem_bits(const struct loom_exact_elem *e)
{
    return loom_interval_width(e->lo, e->hi) + (e->lo >= 0);
}

/* ---- bits of wires ------------------------------------------------------ */

static int layer_of(const struct loom_wires *w, int i)
{
    return w->wire[i].op == LOOM_WIRE_INPUT ? -1 : w->wire[i].layer;
}

static bool is_read_elsewhere(const struct loom_reference_own *o, int k)
{
    const struct loom_wires *w = o->w;
    if (k == o->net->output || o->net->nodes[k].op == LOOM_EXACT_INPUT)
        return true;
    for (size_t m = (size_t)k + 1; m < o->net->n_nodes; m++) {
        const struct loom_exact_node *d = &o->net->nodes[m];
        for (int i = 0; d->op != LOOM_EXACT_INPUT && i < d->n_inputs; i++)
            if (d->input[i] == k && w->node_layer[m] != w->node_layer[k])
                return true;
    }
    return false;
}

/* Bit b of element j of node k: a bit of a wire, or a constant. */
static struct loom_wire_bit locate(const struct loom_wires *w, int k, size_t j,
                                   int b)
{
    struct loom_wire_place p = w->place[k][j];
    return loom_wire_bit(w, p.wire, b - p.shift);
}

/* Each bit that holds one of an element that others read belongs to it, if the
 * layer that computes it is the one whose proof speaks of that element. */
static void find_owners(struct loom_reference_own *o)
{
    const struct loom_wires *w = o->w;
    for (size_t i = 0; i < o->first[w->n]; i++)
        o->owner[i] = (struct owner){-1, -1};
    for (int k = 0; k < (int)o->net->n_nodes; k++) {
        const struct loom_exact_node *d = &o->net->nodes[k];
        for (size_t j = 0; is_read_elsewhere(o, k) && j < d->n; j++) {
            if (w->place[k][j].wire < 0)
                continue;
            for (int b = 0; b < elem_bits(&d->elem[j]); b++) {
                struct loom_wire_bit at = locate(w, k, j, b);
                if (at.wire < 0)
                    continue;
                struct owner *own = &o->owner[o->first[at.wire] + (size_t)at.i];
                int layer = layer_of(w, at.wire);
                if (own->node < 0 && (layer < 0 || layer == w->node_layer[k]))
                    own->node = k;
            }
        }
    }
}

static const int *compute(struct loom_reference_own *o, int i);

/* A bit of a wire that is not a view: an input of the layer, or computed. */
static int bit_of(struct loom_reference_own *o, struct loom_wire_bit at)
{
    if (at.wire < 0)
        return at.i;
    struct owner *own = &o->owner[o->first[at.wire] + (size_t)at.i];
    bool here = layer_of(o->w, at.wire) == o->layer;
    if (here || own->node < 0) {
        *o->loose |= !here;
        return compute(o, at.wire)[at.i];
    }
    if (own->lit < 0)
        own->lit = loom_aig_input(o->g);
    return own->lit;
}

/* Wire i as a signed number. */
static struct loom_word wire_word(struct loom_reference_own *o, int i)
{
    const struct loom_wire *x = &o->w->wire[i];
    struct loom_word a = {.n = loom_wire_width(o->w, i) + (x->lo >= 0)};
    for (int b = 0; b < a.n; b++)
        a.bit[b] = bit_of(o, loom_wire_bit(o->w, i, b));
    return a;
}

static struct loom_word add_word(struct loom_reference_own *o,
                                 const struct loom_wire *x, int n)
{
    struct loom_word a = wire_word(o, x->a), b = wire_word(o, x->b);
    a = loom_word_slice(&a, -x->sa, n);
    b = loom_word_slice(&b, -x->sb, n);
    if (x->sub)
        b = loom_word_not(&b);
    bool carry = x->sub || x->carry >= 0;
    struct loom_word y =
        loom_word_add(o->g, &a, &b, carry, x->sub ? 0 : x->carry, n);
    return x->inv ? loom_word_not(&y) : y;
}

static struct loom_word clip_word(struct loom_aig *g, const struct loom_word *a,
                                  int64_t lo, int64_t hi)
{
    struct loom_word low = loom_word_const(lo), high = loom_word_const(hi);
    struct loom_word y = loom_word_mux(g, loom_word_less(g, a, &low), &low, a);
    return loom_word_mux(g, loom_word_less(g, &high, a), &high, &y);
}

/* What wire i says of its operands, of n bits. */
static struct loom_word op_word(struct loom_reference_own *o, int i, int n)
{
    const struct loom_wire *x = &o->w->wire[i];
    struct loom_word a, b, c, zero = loom_word_const(0);
    if (x->op == LOOM_WIRE_ADD)
        return add_word(o, x, n);
    a = wire_word(o, x->a);
    switch (x->op) {
    case LOOM_WIRE_NOT:
        return loom_word_not(&a);
    case LOOM_WIRE_RELU:
        return loom_word_mux(o->g, loom_word_bit(&a, a.n - 1), &zero, &a);
    case LOOM_WIRE_CLIP:
        return clip_word(o->g, &a, x->k, x->k2);
    case LOOM_WIRE_MUX:
        b = wire_word(o, x->b);
        c = wire_word(o, x->c);
        return loom_word_mux(o->g, a.bit[0], &b, &c);
    default:
        return loom_word_table(o->g, &a, o->w->table[x->k].lo,
                               o->w->table[x->k].v, o->w->table[x->k].n);
    }
}

static const int *compute(struct loom_reference_own *o, int i)
{
    if (o->bits[i])
        return o->bits[i];
    int n = loom_wire_width(o->w, i);
    int *bits = loom_calloc((size_t)n + 1, sizeof(*bits));
    if (o->w->wire[i].op == LOOM_WIRE_INPUT) { /* one that no node reads */
        for (int b = 0; b < n; b++)
            bits[b] = loom_aig_input(o->g);
    } else {
        struct loom_word y = op_word(o, i, n);
        for (int b = 0; b < n; b++)
            bits[b] = loom_word_bit(&y, b);
    }
    return o->bits[i] = bits;
}

/* ---- the sums, over the integers ---------------------------------------- */

/* a + b 2^s, or false. */
static bool shift_add(int64_t *a, int64_t b, int s)
{
    int64_t v;
    if (!b)
        return true;
    return s >= 0 && s < 62 &&
           !__builtin_mul_overflow(b, INT64_C(1) << s, &v) &&
           !__builtin_add_overflow(*a, v, a);
}

/* No value of the operands leaves wire x's interval. */
static bool wide_enough(const struct loom_wires *w, const struct loom_wire *x)
{
    const struct loom_wire *a = &w->wire[x->a];
    const struct loom_wire *b = x->b < 0 ? NULL : &w->wire[x->b];
    int64_t lo = 0, hi = 0;
    bool fits = true;
    if (x->op == LOOM_WIRE_ADD) {
        fits = shift_add(&lo, a->lo, x->sa) && shift_add(&hi, a->hi, x->sa) &&
               shift_add(&lo, x->sub ? -b->hi : b->lo, x->sb) &&
               shift_add(&hi, x->sub ? -b->lo : b->hi, x->sb) &&
               (x->carry < 0 ||
                (shift_add(&lo, 1, x->carry) && shift_add(&hi, 1, x->carry)));
    } else if (x->op == LOOM_WIRE_SHL) {
        fits = shift_add(&lo, a->lo, (int)x->k) &&
               shift_add(&hi, a->hi, (int)x->k);
    } else {
        lo = a->lo;
        hi = a->hi;
    }
    if (x->inv || x->op == LOOM_WIRE_NOT) {
        int64_t top = -lo - 1;
        lo = -hi - 1;
        hi = top;
    }
    return fits && x->lo <= lo && x->hi >= hi;
}

/* Replace c times wire i by what it is a sum of. */
static bool expand(struct loom_reference_own *o, int i, int64_t c, int64_t *k)
{
    const struct loom_wire *x = &o->w->wire[i];
    if (x->op == LOOM_WIRE_CONST) {
        int64_t v;
        return !__builtin_mul_overflow(c, x->k, &v) && shift_add(k, v, 0);
    }
    if ((x->op != LOOM_WIRE_ADD && x->op != LOOM_WIRE_NOT &&
         x->op != LOOM_WIRE_SHL) ||
        !wide_enough(o->w, x))
        return false;
    bool inv = x->inv || x->op == LOOM_WIRE_NOT;
    int64_t sign = inv ? -c : c;
    if (inv && !shift_add(k, -c, 0))
        return false;
    if (x->op != LOOM_WIRE_ADD)
        return shift_add(&o->coef[x->a], sign,
                         x->op == LOOM_WIRE_SHL ? (int)x->k : 0);
    return shift_add(&o->coef[x->a], sign, x->sa) &&
           shift_add(&o->coef[x->b], x->sub ? -sign : sign, x->sb) &&
           (x->carry < 0 || shift_add(k, sign, x->carry));
}

/* The node and the element behind input element i of node d. */
static void source(const struct loom_exact *net,
                   const struct loom_exact_node *d, size_t i, int *k, size_t *j)
{
    int m = 0;
    for (; i >= net->nodes[d->input[m]].n; m++)
        i -= net->nodes[d->input[m]].n;
    *k = d->input[m];
    *j = i;
}

/* Take term t off the sum: from then on its wire stands for the element. */
static bool subtract(struct loom_reference_own *o,
                     const struct loom_exact_node *d, size_t at, int f,
                     int64_t *k)
{
    const struct loom_exact_term *t = &d->term[at];
    const struct loom_exact_elem *x = loom_exact_in(o->net, d, (size_t)t->i);
    int node, s = f - t->f - x->f;
    size_t j;
    int64_t v;
    if (x->lo == x->hi)
        return !__builtin_mul_overflow(-t->w, x->lo, &v) && shift_add(k, v, s);
    source(o->net, d, (size_t)t->i, &node, &j);
    struct loom_wire_place p = o->w->place[node][j];
    if (p.wire < 0)
        return false;
    const struct loom_wire *y = &o->w->wire[p.wire];
    int64_t lo = 0, hi = 0;
    o->atom[p.wire] = true;
    return shift_add(&lo, y->lo, p.shift) && shift_add(&hi, y->hi, p.shift) &&
           lo <= x->lo && hi >= x->hi &&
           shift_add(&o->coef[p.wire], -t->w, s + p.shift);
}

/* Whether element j of LINEAR node d is what its place holds, less *k: the
 * circuit's sums, multiplied out, are the network's. */
static bool same_sum(struct loom_reference_own *o, int node, size_t j,
                     int64_t *k)
{
    const struct loom_exact_node *d = &o->net->nodes[node];
    struct loom_wire_place p = o->w->place[node][j];
    int f = d->elem[j].f;
    *k = 0;
    if (p.wire < 0)
        return false;
    memset(o->coef, 0, o->w->n * sizeof(*o->coef));
    memset(o->atom, 0, o->w->n * sizeof(*o->atom));
    bool same = shift_add(&o->coef[p.wire], 1, p.shift);
    if (d->b && d->b[j])
        same = same && shift_add(k, -d->b[j], f - d->bf[j]);
    for (size_t t = d->start[j]; same && t < d->start[j + 1]; t++)
        same = subtract(o, d, t, f, k);
    for (int i = p.wire; same && i >= 0; i--) {
        int64_t c = o->coef[i];
        if (!c || o->atom[i])
            continue;
        o->coef[i] = 0;
        same = expand(o, i, c, k);
    }
    for (size_t i = 0; same && i < o->w->n; i++)
        same = !o->coef[i];
    return same;
}

/* ---- the network's operations ------------------------------------------- */

static const struct value *value_in(struct loom_reference *r,
                                    const struct loom_exact_node *d, size_t i);

/* a 2^s as a word of n bits. */
static struct loom_word shifted(const struct loom_word *a, int s, int n)
{
    return loom_word_slice(a, -s, n);
}

static struct loom_word plain_sum(struct loom_reference *r,
                                  const struct loom_exact_node *d, size_t j)
{
    struct loom_aig *g = r->own->g;
    int f = d->elem[j].f, n = elem_bits(&d->elem[j]);
    struct loom_word y = loom_word_const(d->b ? d->b[j] : 0);
    y = shifted(&y, d->b && d->b[j] ? f - d->bf[j] : 0, n);
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        const struct loom_exact_term *term = &d->term[t];
        const struct loom_exact_elem *x =
            loom_exact_in(r->own->net, d, (size_t)term->i);
        struct loom_word w = loom_word_const(term->w);
        w = loom_word_mul(g, &value_in(r, d, (size_t)term->i)->word, &w);
        if (x->lo || x->hi)
            w = shifted(&w, f - term->f - x->f, n);
        y = loom_word_add(g, &y, &w, 0, 0, n);
    }
    return y;
}

/* Element j of LINEAR node k, and where what it is made of is possible. */
static struct value linear(struct loom_reference *r, int k, size_t j)
{
    struct loom_reference_own *o = r->own;
    const struct loom_exact_node *d = &o->net->nodes[k];
    const struct loom_exact_elem *e = &d->elem[j];
    struct value y = {.when = 1};
    int64_t extra;
    int n = elem_bits(e);
    if (e->lo == e->hi)
        return (struct value){loom_word_const(e->lo), 1};
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++)
        y.when = loom_aig_and(o->g, y.when,
                              value_in(r, d, (size_t)d->term[t].i)->when);
    if (same_sum(o, k, j, &extra)) {
        struct loom_word minus = loom_word_const(-extra);
        y.word = wire_word(o, o->w->place[k][j].wire);
        y.word = shifted(&y.word, o->w->place[k][j].shift, n + 1);
        y.word = loom_word_add(o->g, &y.word, &minus, 0, 0, n + 1);
    } else {
        r->plain++;
        y.word = plain_sum(r, d, j);
    }
    y.when = loom_aig_and(o->g, y.when,
                          loom_word_within(o->g, &y.word, e->lo, e->hi));
    return y;
}

/* Whether v 2^-shift rounds up from its floor; HGQ's modes. */
static int rounds_up(struct loom_aig *g, const struct loom_word *v, int shift,
                     enum loom_round mode)
{
    int half = loom_word_bit(v, shift - 1), rest = 0;
    int neg = v->bit[v->n - 1], odd = loom_word_bit(v, shift);
    for (int i = 0; i < shift - 1; i++)
        rest = loom_aig_or(g, rest, loom_word_bit(v, i));
    switch (mode) {
    case LOOM_RND:
        return half;
    case LOOM_RND_CONV:
        return loom_aig_and(g, half, loom_aig_or(g, rest, odd));
    case LOOM_TRN_ZERO:
        return loom_aig_and(g, neg, loom_aig_or(g, half, rest));
    case LOOM_RND_ZERO:
        return loom_aig_and(g, half, loom_aig_or(g, rest, neg));
    case LOOM_RND_MIN_INF:
        return loom_aig_and(g, half, rest);
    case LOOM_RND_INF:
        return loom_aig_and(g, half, loom_aig_or(g, rest, neg ^ 1));
    default:
        return 0;
    }
}

static struct loom_word quantized(struct loom_aig *g, const struct loom_word *v,
                                  int f, struct loom_fixed t,
                                  enum loom_round mode, enum loom_overflow over)
{
    enum { PAST = 64 }; /* all that is dropped is sign */
    struct loom_word zero = loom_word_const(0), y = *v;
    int shift = f - t.f < PAST ? f - t.f : PAST, n = loom_fixed_width(t);
    if (!n)
        return zero;
    if (shift > 0) {
        int m = v->n - shift > 0 ? v->n - shift + 1 : 2;
        y = loom_word_slice(v, shift, m);
        y = loom_word_add(g, &y, &zero, rounds_up(g, v, shift, mode), 0, m);
    } else {
        y = shifted(v, -shift, v->n - shift);
    }
    if (over != LOOM_WRAP)
        return clip_word(g, &y, loom_fixed_min(t, over), loom_fixed_max(t));
    y = loom_word_slice(&y, 0, n + !t.k);
    if (!t.k)
        y.bit[n] = 0;
    return y;
}

static struct loom_word maximum(struct loom_reference *r,
                                const struct loom_exact_node *d, size_t j)
{
    struct loom_aig *g = r->own->g;
    int n = elem_bits(&d->elem[j]) + 1;
    struct loom_word top = loom_word_const(0);
    for (size_t t = d->start[j]; t < d->start[j + 1]; t++) {
        size_t i = (size_t)d->term[t].i;
        const struct loom_exact_elem *x = loom_exact_in(r->own->net, d, i);
        struct loom_word a = value_in(r, d, i)->word;
        int s = x->lo || x->hi ? d->elem[j].f - x->f : 0;
        a = shifted(&a, s, a.n + s > n ? a.n + s : n);
        top = t == d->start[j]
                  ? a
                  : loom_word_mux(g, loom_word_less(g, &top, &a), &a, &top);
    }
    return top;
}

/* Element j of node k, of this layer. */
static struct value make(struct loom_reference *r, int k, size_t j)
{
    struct loom_aig *g = r->own->g;
    const struct loom_exact_node *d = &r->own->net->nodes[k];
    struct loom_word zero = loom_word_const(0);
    struct value y = {.when = 1};
    if (d->op == LOOM_EXACT_LINEAR)
        return linear(r, k, j);
    if (d->op == LOOM_EXACT_MAX || d->op == LOOM_EXACT_MUL)
        for (size_t t = d->start[j]; t < d->start[j + 1]; t++)
            y.when = loom_aig_and(g, y.when,
                                  value_in(r, d, (size_t)d->term[t].i)->when);
    if (d->op == LOOM_EXACT_MAX) {
        y.word = maximum(r, d, j);
    } else if (d->op == LOOM_EXACT_MUL) {
        const struct loom_exact_term *t = d->term + d->start[j];
        y.word = loom_word_mul(g, &value_in(r, d, (size_t)t[0].i)->word,
                               &value_in(r, d, (size_t)t[1].i)->word);
    } else {
        const struct value *x = value_in(r, d, j);
        const struct loom_exact_elem *e = loom_exact_in(r->own->net, d, j);
        y.when = x->when;
        if (d->op == LOOM_EXACT_RELU)
            y.word =
                loom_word_mux(g, x->word.bit[x->word.n - 1], &zero, &x->word);
        else if (d->op == LOOM_EXACT_TABLE)
            y.word = loom_word_table(g, &x->word, e->lo, d->table + d->at[j],
                                     (size_t)(e->hi - e->lo) + 1);
        else
            y.word = quantized(g, &x->word, e->f, d->format[j], d->round,
                               d->overflow);
    }
    return y;
}

/* Element j of node k, of another layer: an input of this one. */
static struct value take(struct loom_reference *r, int k, size_t j)
{
    struct loom_reference_own *o = r->own;
    const struct loom_exact_elem *e = &o->net->nodes[k].elem[j];
    struct value y = {.when = 1};
    bool known = o->w->place[k][j].wire >= 0;
    if (e->lo == e->hi) {
        y.word = loom_word_const(e->lo);
        return y;
    }
    r->loose |= !known;
    y.word.n = elem_bits(e);
    for (int b = 0; b < y.word.n; b++)
        y.word.bit[b] =
            known ? bit_of(o, locate(o->w, k, j, b)) : loom_aig_input(o->g);
    y.when = loom_word_within(o->g, &y.word, e->lo, e->hi);
    o->inputs = loom_aig_and(o->g, o->inputs, y.when);
    return y;
}

static const struct value *value_of(struct loom_reference *r, int k, size_t j)
{
    struct loom_reference_own *o = r->own;
    const struct loom_exact_node *d = &o->net->nodes[k];
    if (!o->value[k]) {
        o->value[k] = loom_malloc((d->n + 1) * sizeof(**o->value));
        for (size_t i = 0; i < d->n; i++)
            o->value[k][i].when = -1;
    }
    if (o->value[k][j].when < 0) {
        bool here =
            o->w->node_layer[k] == o->layer && d->op != LOOM_EXACT_INPUT;
        struct value y = here ? make(r, k, j) : take(r, k, j);
        int n = elem_bits(&d->elem[j]);
        y.word = loom_word_slice(&y.word, 0, n);
        o->value[k][j] = y;
    }
    return &o->value[k][j];
}

static const struct value *value_in(struct loom_reference *r,
                                    const struct loom_exact_node *d, size_t i)
{
    int k;
    size_t j;
    source(r->own->net, d, i, &k, &j);
    return value_of(r, k, j);
}

/* ---- claims ------------------------------------------------------------- */

static void claim_element(struct loom_reference *r, int k, size_t j)
{
    struct loom_reference_own *o = r->own;
    if (o->w->place[k][j].wire < 0)
        return; /* nothing can see it */
    const struct value *v = value_of(r, k, j);
    for (int b = 0; b < v->word.n; b++) {
        struct loom_wire_bit at = locate(o->w, k, j, b);
        bool here = at.wire >= 0 && layer_of(o->w, at.wire) == o->layer;
        r->claim =
            loom_realloc(r->claim, (r->n_claims + 1) * sizeof(*r->claim));
        r->claim[r->n_claims++] =
            (struct loom_claim){.node = k,
                                .elem = (int)j,
                                .bit = b,
                                .wire = here ? at.wire : -1,
                                .at = here ? at.i : -1,
                                .is = here ? -1 : bit_of(o, at),
                                .want = v->word.bit[b],
                                .when = v->when};
    }
}

struct loom_reference *loom_reference_new(const struct loom_design *d,
                                          int layer, struct loom_aig *g)
{
    struct loom_reference *r = loom_calloc(1, sizeof(*r));
    struct loom_reference_own *o = loom_calloc(1, sizeof(*o));
    const struct loom_wires *w = d->w;
    r->own = o;
    *o = (struct loom_reference_own){.d = d,
                                     .net = d->net,
                                     .w = w,
                                     .g = g,
                                     .layer = layer,
                                     .loose = &r->loose,
                                     .inputs = 1};
    o->first = loom_calloc(w->n + 1, sizeof(*o->first));
    for (size_t i = 0; i < w->n; i++)
        o->first[i + 1] = o->first[i] + (size_t)loom_wire_width(w, (int)i);
    o->owner = loom_calloc(o->first[w->n] + 1, sizeof(*o->owner));
    o->bits = loom_calloc(w->n + 1, sizeof(*o->bits));
    o->value = loom_calloc(d->net->n_nodes + 1, sizeof(*o->value));
    o->coef = loom_calloc(w->n + 1, sizeof(*o->coef));
    o->atom = loom_calloc(w->n + 1, sizeof(*o->atom));
    find_owners(o);
    for (int k = 0; k < (int)d->net->n_nodes; k++)
        if (w->node_layer[k] == layer &&
            d->net->nodes[k].op != LOOM_EXACT_INPUT && is_read_elsewhere(o, k))
            for (size_t j = 0; j < d->net->nodes[k].n; j++)
                claim_element(r, k, j);
    return r;
}

void loom_reference_destroy(struct loom_reference *r)
{
    if (!r)
        return;
    struct loom_reference_own *o = r->own;
    for (size_t i = 0; i < o->w->n; i++)
        free(o->bits[i]);
    for (size_t k = 0; k < o->net->n_nodes; k++)
        free(o->value[k]);
    free(o->first);
    free(o->owner);
    free(o->bits);
    free(o->value);
    free(o->coef);
    free(o->atom);
    free(o);
    free(r->claim);
    free(r);
}

int loom_reference_bit(struct loom_reference *r, int wire, int bit)
{
    return bit_of(r->own, loom_wire_bit(r->own->w, wire, bit));
}

bool loom_reference_covers(const struct loom_reference *r, int wire, int bit)
{
    return r->own->owner[r->own->first[wire] + (size_t)bit].node >= 0;
}

int loom_reference_inputs(const struct loom_reference *r)
{
    return r->own->inputs;
}

const struct loom_word *loom_reference_value(struct loom_reference *r, int k,
                                             int j)
{
    return &value_of(r, k, (size_t)j)->word;
}
