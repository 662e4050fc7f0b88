#include "fpga_flow/bitserial.h"

#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

struct planner {
    const struct loom_wires *w;
    struct loom_bitserial *s;
    int *ends;  /* [w->n] cycle from which on a sum's stream is 0 */
    int *first; /* [w->n] in which something of a row first reaches a sum */
    struct reader {
        int n;          /* who read all at once what a wire gives */
        int leaf, relu; /* the last of these that did, -1: none */
    } * reader;         /* [w->n] */
};

static int max(int a, int b)
{
    return a > b ? a : b;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* A sum, a selection and so on: not a constant, not bits of others. */
static bool computes(const struct loom_wires *w, int i)
{
    return w->wire[i].op != LOOM_WIRE_CONST && !loom_wire_is_view(w, i);
}

static bool adds(const struct loom_wires *w, int i)
{
    return w->wire[i].op == LOOM_WIRE_ADD && computes(w, i);
}

bool loom_bitserial_is_sum(const struct loom_bitserial *s,
                           const struct loom_wires *w, int i)
{
    return adds(w, i) && s->wire[i].need > 0;
}

int loom_bitserial_copy(const struct loom_bitserial *s, int i, int time)
{
    const struct loom_bitserial_wire *x = &s->wire[i];
    return time <= x->until ? 0 : (time - x->until + s->ii - 1) / s->ii;
}

/* ---- what is a leaf ------------------------------------------------------ */

/* The leaf of a wire in a segment, new if there is none. */
static int leaf(struct loom_bitserial *s, int wire, int segment)
{
    for (size_t i = s->n_leaves; i-- > 0;)
        if (s->leaf[i].wire == wire && s->leaf[i].segment == segment)
            return (int)i;
    s->leaf = loom_realloc(s->leaf, (s->n_leaves + 1) * sizeof(*s->leaf));
    s->leaf[s->n_leaves] = (struct loom_bitserial_leaf){
        .wire = wire, .segment = segment, .clear = -1, .sum = -1};
    return (int)s->n_leaves++;
}

/* The last segment behind wire id. */
static int segment_of(const struct planner *p, int id)
{
    const struct loom_wire *x = &p->w->wire[id];
    if (x->op == LOOM_WIRE_CONST)
        return 0;
    if (!loom_wire_is_view(p->w, id))
        return p->s->wire[id].segment;
    int a = segment_of(p, x->a);
    return x->b < 0 ? a : max(a, segment_of(p, x->b));
}

static void sum_operands(struct planner *p, int i)
{
    const struct loom_wire *x = &p->w->wire[i];
    struct loom_bitserial_wire *y = &p->s->wire[i];
    int id[2] = {x->a, x->b}, shift[2] = {x->sa, x->sb};
    y->segment = 1;
    for (int m = 0; m < 2; m++) {
        for (; p->w->wire[id[m]].op == LOOM_WIRE_SHL;
             id[m] = p->w->wire[id[m]].a)
            shift[m] += (int)p->w->wire[id[m]].k;
        int after = segment_of(p, id[m]);
        y->segment = max(y->segment, after + !adds(p->w, id[m]));
    }
    for (int m = 0; m < 2; m++) {
        struct loom_bitserial_operand o = {LOOM_OPERAND_SUM, id[m], shift[m],
                                           0};
        if (!adds(p->w, id[m]) || segment_of(p, id[m]) < y->segment) {
            o.kind = LOOM_OPERAND_LEAF;
            o.id = leaf(p->s, id[m], y->segment);
        }
        y->op[m] = o;
    }
}

static void segments(struct planner *p)
{
    for (int i = 0; i < (int)p->w->n; i++) {
        const struct loom_wire *x = &p->w->wire[i];
        const int arg[] = {x->a, x->b, x->c};
        if (!computes(p->w, i))
            continue;
        if (adds(p->w, i)) {
            sum_operands(p, i);
            continue;
        }
        for (int m = 0; m < 3; m++)
            if (arg[m] >= 0)
                p->s->wire[i].segment =
                    max(p->s->wire[i].segment, segment_of(p, arg[m]));
    }
}

/* ---- which bits are read ------------------------------------------------- */

/* Bits low .. top of wire id are read all at once, by a leaf, by max(x, 0), or
 * by something else (both -1). */
static void keep(struct planner *p, int id, int low, int top, int leaf,
                 int relu)
{
    int before = -1;
    for (int k = max(low, 0); k <= top; k++) {
        struct loom_wire_bit b = loom_wire_bit(p->w, id, k);
        if (b.wire >= 0 && b.wire != before)
            p->reader[b.wire] =
                (struct reader){p->reader[b.wire].n + 1, leaf, relu};
        before = b.wire;
        if (b.wire < 0 || !adds(p->w, b.wire))
            continue;
        struct loom_bitserial_wire *y = &p->s->wire[b.wire];
        y->low = y->bits ? min(y->low, b.i) : b.i;
        y->bits = max(y->bits, b.i + 1);
    }
}

/* What a wire that is no sum reads. */
static void keep_operands(struct planner *p, int i)
{
    const struct loom_wire *x = &p->w->wire[i];
    int sign = x->a < 0 ? 0 : loom_wire_width(p->w, x->a) - 1;
    switch (x->op) {
    case LOOM_WIRE_MUX:
        keep(p, x->a, 0, 0, -1, -1);
        keep(p, x->b, x->low, x->bits - 1, -1, -1);
        keep(p, x->c, x->low, x->bits - 1, -1, -1);
        break;
    case LOOM_WIRE_RELU:
        keep(p, x->a, x->low, sign, -1, i);
        break;
    case LOOM_WIRE_CLIP:
    case LOOM_WIRE_TABLE:
        keep(p, x->a, 0, sign, -1, -1);
        break;
    case LOOM_WIRE_NOT:
        keep(p, x->a, x->low, x->bits - 1, -1, -1);
        break;
    default:
        break;
    }
}

/* The leaf that is all that reads sum i, as bits in a row or as max(x, 0) of
 * such, is sent from where they are kept. */
static void send_from(struct planner *p, int i)
{
    const struct loom_wires *w = p->w;
    struct loom_bitserial_wire *y = &p->s->wire[i];
    int relu = p->reader[i].relu, from = relu < 0 ? i : relu;
    int k = p->reader[from].leaf, first = 0;
    if (p->reader[i].n != 1 || p->reader[from].n != 1 || k < 0)
        return;
    struct loom_bitserial_leaf *l = &p->s->leaf[k];
    for (int j = 0; j < l->bits; j++) {
        struct loom_wire_bit b = loom_wire_bit(w, l->wire, j);
        if (b.wire == relu && relu >= 0)
            b = loom_wire_bit(w, w->wire[relu].a, b.i);
        first = j ? first : b.i;
        if (b.wire != i || b.i != first + j)
            return;
    }
    if (relu >= 0) {
        y->sign = y->bits - 1;
        p->s->wire[relu].inside = true;
    }
    y->low = first;
    y->bits = first + l->bits;
    y->sends = k;
    l->sum = i;
}

static int operand_wire(const struct planner *p,
                        const struct loom_bitserial_operand *o)
{
    return o->kind == LOOM_OPERAND_SUM ? o->id : p->s->leaf[o->id].wire;
}

/* Sum i reads its operands. */
static void need_operands(struct planner *p, int i)
{
    struct loom_bitserial_wire *y = &p->s->wire[i];
    if (y->bits)
        send_from(p, i);
    y->need = max(y->need, max(y->bits, y->sign + 1));
    for (int m = 0; m < 2; m++) {
        struct loom_bitserial_operand *o = &y->op[m];
        int bits = y->need - o->shift;
        if (bits <= 0 || !loom_wire_width(p->w, operand_wire(p, o))) {
            *o = (struct loom_bitserial_operand){LOOM_OPERAND_ZERO, 0, 0, 0};
            continue;
        }
        if (o->kind == LOOM_OPERAND_SUM) {
            p->s->wire[o->id].need = max(p->s->wire[o->id].need, bits);
            continue;
        }
        struct loom_bitserial_leaf *l = &p->s->leaf[o->id];
        l->need = max(l->need, bits);
        l->reader = i;
        l->layer = p->w->wire[i].layer;
    }
}

/* Leaves of each wire, by next[leaf] from head[wire] on. */
static void list_leaves(const struct planner *p, int *head, int *next)
{
    for (size_t i = 0; i < p->w->n; i++)
        head[i] = -1;
    for (size_t k = 0; k < p->s->n_leaves; k++) {
        next[k] = head[p->s->leaf[k].wire];
        head[p->s->leaf[k].wire] = (int)k;
    }
}

static void needs(struct planner *p)
{
    const struct loom_wires *w = p->w;
    int *head = loom_malloc((w->n + 1) * sizeof(*head));
    int *next = loom_malloc((p->s->n_leaves + 1) * sizeof(*next));
    list_leaves(p, head, next);
    for (size_t j = 0; j < w->n_out; j++)
        keep(p, w->out[j], 0, loom_wire_width(w, w->out[j]) - 1, -1, -1);
    for (int i = (int)w->n - 1; i >= 0; i--) {
        for (int k = head[i]; k >= 0; k = next[k]) {
            struct loom_bitserial_leaf *l = &p->s->leaf[k];
            l->bits = min(loom_wire_width(w, i), l->need);
            keep(p, i, 0, l->bits - 1, k, -1);
        }
        if (adds(w, i))
            need_operands(p, i);
        else if (computes(w, i) && w->wire[i].bits > 0)
            keep_operands(p, i);
    }
    free(head);
    free(next);
}

/* ---- when ---------------------------------------------------------------- */

/* First cycle in which bits 0 .. top of wire id are there. */
static int there(const struct planner *p, int id, int top)
{
    int from = 0;
    for (int k = 0; k <= top; k++) {
        struct loom_wire_bit b = loom_wire_bit(p->w, id, k);
        if (b.wire >= 0)
            from = max(from, p->s->wire[b.wire].from);
    }
    return from;
}

/* All that wire i, which is no sum, reads, is there. */
static int operands_there(const struct planner *p, int i)
{
    const struct loom_wire *x = &p->w->wire[i];
    const int arg[] = {x->a, x->b, x->c};
    int from = 0;
    for (int m = 0; m < 3; m++)
        if (arg[m] >= 0)
            from =
                max(from, there(p, arg[m], loom_wire_width(p->w, arg[m]) - 1));
    return from;
}

/* Cycle in which bit 0 of an operand is there. */
static int operand_start(const struct planner *p,
                         const struct loom_bitserial_operand *o)
{
    return o->kind == LOOM_OPERAND_SUM ? p->s->wire[o->id].start
                                       : p->s->leaf[o->id].load + 1;
}

/* A sum's own times; `load`: of the segment's leaves. */
static void time_sum(struct planner *p, int i, int load)
{
    const struct loom_wire *x = &p->w->wire[i];
    struct loom_bitserial_wire *y = &p->s->wire[i];
    y->start = load + 2 - max(x->carry, 0);
    for (int m = 0; m < 2; m++)
        if (y->op[m].kind != LOOM_OPERAND_ZERO)
            y->start =
                max(y->start, operand_start(p, &y->op[m]) - y->op[m].shift + 1);
    y->inject =
        x->carry >= 0 && x->carry < y->need ? y->start - 2 + x->carry : -1;
    y->from = y->start + max(y->bits, y->sign + 1);
    p->ends[i] = y->start + y->need - 1;
    p->first[i] = y->inject >= 0 ? y->inject : INT32_MAX;
    for (int m = 0; m < 2; m++) {
        struct loom_bitserial_operand *o = &y->op[m];
        if (o->kind == LOOM_OPERAND_ZERO)
            continue;
        bool sum = o->kind == LOOM_OPERAND_SUM;
        int *delay = sum ? &p->s->wire[o->id].delay : &p->s->leaf[o->id].delay;
        o->delay = y->start - 1 + o->shift - operand_start(p, o);
        *delay = max(*delay, o->delay);
        int end = sum ? p->ends[o->id]
                      : p->s->leaf[o->id].load + 1 +
                            (p->w->wire[p->s->leaf[o->id].wire].lo < 0
                                 ? p->s->leaf[o->id].need
                                 : p->s->leaf[o->id].bits);
        p->ends[i] = max(p->ends[i], end + o->delay);
        p->first[i] = min(p->first[i], operand_start(p, o) + o->delay);
    }
    /* The carry is cleared with the operands' last bit, and the sum is 0 one
     * cycle after they are; a carry that was put in needs the LUT's input, and
     * goes by itself a cycle later. */
    y->clear = y->inject >= 0 ? -1 : p->ends[i] - 1;
    if (y->inject >= 0)
        p->ends[i]++;
    p->s->ii = max(p->s->ii, p->ends[i] - p->first[i]);
    p->ends[i]++;
}

/* The leaves of a segment; returns when they are loaded. */
static int time_leaves(struct planner *p, int segment)
{
    int load = 0;
    for (size_t k = 0; k < p->s->n_leaves; k++) {
        const struct loom_bitserial_leaf *l = &p->s->leaf[k];
        if (l->segment == segment && l->need > 0)
            load = max(load, there(p, l->wire, l->bits - 1));
    }
    for (size_t k = 0; k < p->s->n_leaves; k++) {
        struct loom_bitserial_leaf *l = &p->s->leaf[k];
        if (l->segment != segment || l->need <= 0)
            continue;
        l->load = load;
        if (p->w->wire[l->wire].lo < 0 && l->sum < 0)
            l->clear = load + l->need;
        p->s->ii = max(p->s->ii, l->need);
        if (l->sum >= 0)
            p->s->longest[segment] = max(p->s->longest[segment], l->bits);
    }
    for (size_t k = 0; k < p->s->n_leaves; k++) {
        const struct loom_bitserial_leaf *l = &p->s->leaf[k];
        if (l->segment != segment || l->sum < 0)
            continue;
        const struct loom_bitserial_wire *y = &p->s->wire[l->sum];
        p->s->ii =
            max(p->s->ii, load + p->s->longest[segment] - y->start - y->low);
    }
    return load;
}

static void times(struct planner *p)
{
    int n = 0;
    for (size_t i = 0; i < p->w->n; i++)
        n = max(n, p->s->wire[i].segment);
    p->s->longest = loom_calloc((size_t)n + 1, sizeof(*p->s->longest));
    for (int segment = 0; segment <= n; segment++) {
        int load = segment ? time_leaves(p, segment) : 0;
        for (int i = 0; i < (int)p->w->n; i++)
            if (p->s->wire[i].segment == segment &&
                loom_bitserial_is_sum(p->s, p->w, i))
                time_sum(p, i, load);
        for (int i = 0; i < (int)p->w->n; i++)
            if (p->s->wire[i].segment == segment && computes(p->w, i) &&
                p->w->wire[i].bits > 0 && !adds(p->w, i))
                p->s->wire[i].from = operands_there(p, i);
    }
}

/* ---- how long it stays --------------------------------------------------- */

/* Bits 0 .. top of wire id are read in a cycle: count copies; returns until
 * when these stay. */
static int read_at(struct planner *p, int id, int top, int time)
{
    int until = INT32_MAX;
    for (int k = 0; k <= top; k++) {
        struct loom_wire_bit b = loom_wire_bit(p->w, id, k);
        if (b.wire < 0)
            continue;
        struct loom_bitserial_wire *x = &p->s->wire[b.wire];
        int copy = loom_bitserial_copy(p->s, b.wire, time);
        x->copies = max(x->copies, copy);
        until = min(until, x->until + copy * p->s->ii);
        if (copy)
            p->s->last = max(p->s->last, x->until + (copy - 1) * p->s->ii);
    }
    return until;
}

static void stays(struct planner *p)
{
    const struct loom_wires *w = p->w;
    for (int i = 0; i < (int)w->n; i++) {
        struct loom_bitserial_wire *y = &p->s->wire[i];
        const int arg[] = {w->wire[i].a, w->wire[i].b, w->wire[i].c};
        if (!computes(w, i) || w->wire[i].bits <= 0)
            continue;
        if (adds(w, i)) {
            y->until = y->start + y->low + p->s->ii;
            continue;
        }
        y->until = w->wire[i].op == LOOM_WIRE_INPUT ? 0 : INT32_MAX;
        for (int m = 0; m < 3; m++)
            if (arg[m] >= 0)
                y->until = min(y->until, read_at(p, arg[m],
                                                 loom_wire_width(w, arg[m]) - 1,
                                                 y->from));
    }
    for (size_t k = 0; k < p->s->n_leaves; k++)
        if (p->s->leaf[k].need > 0 && p->s->leaf[k].sum < 0)
            read_at(p, p->s->leaf[k].wire, p->s->leaf[k].bits - 1,
                    p->s->leaf[k].load);
    for (size_t j = 0; j < w->n_out; j++)
        read_at(p, w->out[j], loom_wire_width(w, w->out[j]) - 1, p->s->latency);
}

static void find_last(struct planner *p)
{
    struct loom_bitserial *s = p->s;
    s->last = max(s->last, s->latency);
    for (size_t i = 0; i < p->w->n; i++)
        if (loom_bitserial_is_sum(s, p->w, (int)i)) {
            s->last = max(s->last, s->wire[i].clear);
            s->last = max(s->last, s->wire[i].inject);
            s->last = max(s->last, s->wire[i].from - 1);
        }
    for (size_t k = 0; k < s->n_leaves; k++)
        s->last = max(s->last,
                      max(s->leaf[k].clear, s->leaf[k].load + s->leaf[k].need));
}

/* ---- windows ------------------------------------------------------------- */

struct loom_bitserial_window
loom_bitserial_keeps(const struct loom_bitserial *s, int i)
{
    const struct loom_bitserial_wire *y = &s->wire[i];
    struct loom_bitserial_window v = {y->start + y->low, y->start + y->bits, 0,
                                      0};
    if (y->sends < 0 || y->bits - y->low == 1)
        return v;
    const struct loom_bitserial_leaf *l = &s->leaf[y->sends];
    int end = l->load + s->longest[l->segment] - 1;
    if (v.b == l->load)
        return (struct loom_bitserial_window){v.a, end, 0, 0};
    v.c = l->load;
    v.d = end;
    return v;
}

struct loom_bitserial_window
loom_bitserial_sends(const struct loom_bitserial *s, int k)
{
    const struct loom_bitserial_leaf *l = &s->leaf[k];
    return (struct loom_bitserial_window){l->load, l->load + l->bits, 0, 0};
}

struct loom_bitserial_window
loom_bitserial_extends(const struct loom_bitserial *s,
                       const struct loom_wires *w, int k)
{
    const struct loom_bitserial_leaf *l = &s->leaf[k];
    int from = l->load + l->bits;
    bool extends = w->wire[l->wire].lo < 0 && l->need > l->bits;
    return (struct loom_bitserial_window){
        from, extends ? l->load + l->need : from, 0, 0};
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct loom_bitserial_window));
}

/* One of a single cycle is a bit of the control chain. */
static void add_window(struct loom_bitserial *s, struct loom_bitserial_window v)
{
    if (v.b - v.a > 1 || v.c)
        s->window[s->n_windows++] = v;
}

static void windows(struct planner *p)
{
    struct loom_bitserial *s = p->s;
    size_t n = 0;
    s->window = loom_calloc(p->w->n + 2 * s->n_leaves + 1, sizeof(*s->window));
    for (int i = 0; i < (int)p->w->n; i++)
        if (loom_bitserial_is_sum(s, p->w, i) && s->wire[i].bits)
            add_window(s, loom_bitserial_keeps(s, i));
    for (int k = 0; k < (int)s->n_leaves; k++)
        if (s->leaf[k].bits > 0 && s->leaf[k].sum >= 0) {
            add_window(s, loom_bitserial_sends(s, k));
            add_window(s, loom_bitserial_extends(s, p->w, k));
        }
    qsort(s->window, s->n_windows, sizeof(*s->window), compare);
    for (size_t i = 0; i < s->n_windows; i++)
        if (!n || compare(&s->window[i], &s->window[n - 1]))
            s->window[n++] = s->window[i];
    s->n_windows = n;
}

struct loom_bitserial *loom_bitserial_new(const struct loom_wires *w)
{
    struct loom_bitserial *s = loom_calloc(1, sizeof(*s));
    struct planner p = {.w = w, .s = s};
    s->ii = 1;
    s->wire = loom_calloc(w->n + 1, sizeof(*s->wire));
    p.ends = loom_calloc(w->n + 1, sizeof(*p.ends));
    p.first = loom_calloc(w->n + 1, sizeof(*p.first));
    p.reader = loom_malloc((w->n + 1) * sizeof(*p.reader));
    for (size_t i = 0; i < w->n; i++) {
        p.reader[i] = (struct reader){0, -1, -1};
        s->wire[i].sign = s->wire[i].sends = -1;
    }
    segments(&p);
    needs(&p);
    times(&p);
    for (size_t j = 0; j < w->n_out; j++)
        s->latency = max(s->latency, there(&p, w->out[j],
                                           loom_wire_width(w, w->out[j]) - 1));
    stays(&p);
    find_last(&p);
    windows(&p);
    free(p.ends);
    free(p.first);
    free(p.reader);
    return s;
}

void loom_bitserial_destroy(struct loom_bitserial *s)
{
    if (!s)
        return;
    free(s->wire);
    free(s->leaf);
    free(s->longest);
    free(s->window);
    free(s);
}

struct loom_design_size loom_bitserial_size(const struct loom_bitserial *s,
                                            const struct loom_wires *w,
                                            int layer)
{
    struct loom_design_size z = {
        .registers = layer < 0 ? s->last + (int)s->n_windows : 0};
    for (size_t i = 0; i < w->n; i++) {
        const struct loom_bitserial_wire *y = &s->wire[i];
        const struct loom_wire *x = &w->wire[i];
        if ((layer >= 0 && x->layer != layer) || !computes(w, (int)i))
            continue;
        if (!loom_bitserial_is_sum(s, w, (int)i)) {
            z.registers += y->copies * max(x->bits - x->low, 0);
            continue;
        }
        z.adders++;
        z.adder_bits++;
        z.registers += 2 + y->delay + (1 + y->copies) * (y->bits - y->low) +
                       (y->sign >= 0);
        z.depth = max(z.depth, y->segment);
    }
    for (size_t k = 0; k < s->n_leaves; k++)
        if (s->leaf[k].bits > 0 && (layer < 0 || s->leaf[k].layer == layer))
            z.registers +=
                (s->leaf[k].sum < 0 ? s->leaf[k].bits : 1) + s->leaf[k].delay;
    return z;
}
