#include "fpga_flow/retime.h"

#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* Who reads what, views looked through. */
struct edges {
    int *start; /* [n + 1] of each wire in `to` */
    int *to;
};

struct retime {
    struct loom_pipeline *p;
    const struct loom_wires *w;
    struct edges reads, read_by; /* read_by: the wire w->n is the outputs */
    int *cone, n_cone;           /* wires that move together */
    int *in_cone;                /* [n] the root they move with, + 1 */
    int *counted, stamp;         /* [n] when a wire was last counted */
};

/* ---- edges -------------------------------------------------------------- */

static void note(const struct loom_wires *w, int id, int reader,
                 struct edges *e, int *fill)
{
    const struct loom_wire *x = &w->wire[id];
    if (x->op == LOOM_WIRE_CONST || !x->bits)
        return;
    if (!loom_wire_is_view(w, id)) {
        if (e->to)
            e->to[e->start[reader] + fill[reader]] = id;
        fill[reader]++;
        return;
    }
    note(w, x->a, reader, e, fill);
    if (x->b >= 0)
        note(w, x->b, reader, e, fill);
}

static void note_all(const struct loom_wires *w, struct edges *e, int *fill)
{
    memset(fill, 0, (w->n + 2) * sizeof(*fill));
    for (size_t i = 0; i < w->n; i++) {
        const int arg[] = {w->wire[i].a, w->wire[i].b, w->wire[i].c};
        if (loom_wire_is_view(w, (int)i) || !w->wire[i].bits)
            continue;
        for (int m = 0; m < 3; m++)
            if (arg[m] >= 0)
                note(w, arg[m], (int)i, e, fill);
    }
    for (size_t j = 0; j < w->n_out; j++)
        note(w, w->out[j], (int)w->n, e, fill);
}

static void starts(struct edges *e, const int *fill, size_t n)
{
    e->start = loom_malloc((n + 2) * sizeof(*e->start));
    e->start[0] = 0;
    for (size_t i = 0; i <= n; i++)
        e->start[i + 1] = e->start[i] + fill[i];
    e->to = loom_malloc(((size_t)e->start[n + 1] + 1) * sizeof(*e->to));
}

static void find_edges(struct retime *r)
{
    size_t n = r->w->n;
    int *fill = loom_malloc((n + 2) * sizeof(*fill));
    r->reads = (struct edges){NULL, NULL};
    note_all(r->w, &r->reads, fill);
    starts(&r->reads, fill, n);
    note_all(r->w, &r->reads, fill);
    memset(fill, 0, (n + 2) * sizeof(*fill));
    for (int k = 0; k < r->reads.start[n + 1]; k++)
        fill[r->reads.to[k]]++;
    starts(&r->read_by, fill, n);
    memset(fill, 0, (n + 2) * sizeof(*fill));
    for (int i = 0; i <= (int)n; i++)
        for (int k = r->reads.start[i]; k < r->reads.start[i + 1]; k++) {
            int id = r->reads.to[k];
            r->read_by.to[r->read_by.start[id] + fill[id]++] = i;
        }
    free(fill);
}

/* ---- moves -------------------------------------------------------------- */

/* The slot at which reader i reads, when the wires of the cone of `root` are
 * `by` stages later. */
static int slot_of(const struct retime *r, int i, int root, int by)
{
    if (i == (int)r->w->n)
        return r->p->latency;
    return r->p->stage[i] - 1 + (r->in_cone[i] == root + 1 ? by : 0);
}

/* Register bits that wire o takes beside its own logic, likewise. */
static int delays(const struct retime *r, int o, int root, int by)
{
    const struct loom_wire *x = &r->w->wire[o];
    int stage = r->p->stage[o] + (r->in_cone[o] == root + 1 ? by : 0);
    int last = -1;
    bool early = false;
    for (int k = r->read_by.start[o]; k < r->read_by.start[o + 1]; k++) {
        int slot = slot_of(r, r->read_by.to[k], root, by);
        last = slot > last ? slot : last;
        early |= slot < stage;
    }
    int banks = last - stage + 1;
    bool free_one = x->op != LOOM_WIRE_INPUT && !early;
    return banks > 0 ? (banks - free_one) * (x->bits - x->low) : 0;
}

/* The stages that wire v can move: up to the one before its first reader's. */
static int room(const struct retime *r, int v)
{
    int least = r->p->latency - r->p->stage[v];
    for (int k = r->read_by.start[v]; k < r->read_by.start[v + 1]; k++) {
        int slot = slot_of(r, r->read_by.to[k], -2, 0);
        if (slot - r->p->stage[v] < least)
            least = slot - r->p->stage[v];
    }
    return least;
}

/* Put v, and then what only the cone reads, into the cone. */
static void grow(struct retime *r, int root)
{
    r->n_cone = 0;
    r->cone[r->n_cone++] = root;
    r->in_cone[root] = root + 1;
    for (int c = 0; c < r->n_cone; c++) {
        int v = r->cone[c];
        for (int k = r->reads.start[v]; k < r->reads.start[v + 1]; k++) {
            int o = r->reads.to[k];
            bool only = r->w->wire[o].op != LOOM_WIRE_INPUT &&
                        r->in_cone[o] != root + 1;
            for (int m = r->read_by.start[o];
                 only && m < r->read_by.start[o + 1]; m++) {
                int i = r->read_by.to[m];
                only = i < (int)r->w->n && r->in_cone[i] == root + 1;
            }
            if (!only)
                continue;
            r->in_cone[o] = root + 1;
            r->cone[r->n_cone++] = o;
        }
    }
}

/* Delays of the root and of what the cone reads from outside. */
static int around(struct retime *r, int root, int by)
{
    int sum = delays(r, root, root, by);
    r->stamp++;
    for (int c = 0; c < r->n_cone; c++) {
        int v = r->cone[c];
        for (int k = r->reads.start[v]; k < r->reads.start[v + 1]; k++) {
            int o = r->reads.to[k];
            if (r->in_cone[o] == root + 1 || r->counted[o] == r->stamp)
                continue;
            r->counted[o] = r->stamp;
            sum += delays(r, o, root, by);
        }
    }
    return sum;
}

static bool move(struct retime *r, int v)
{
    int most = room(r, v), best_by = 0;
    if (most <= 0)
        return false;
    grow(r, v);
    int best = around(r, v, 0);
    for (int by = 1; by <= most; by++) {
        int bits = around(r, v, by);
        if (bits < best) {
            best = bits;
            best_by = by;
        }
    }
    for (int c = 0; c < r->n_cone; c++)
        r->p->stage[r->cone[c]] += best_by;
    return best_by > 0;
}

void loom_retime(struct loom_pipeline *p, const struct loom_wires *w)
{
    enum { PASSES = 4 };
    struct retime r = {.p = p, .w = w};
    if (p->latency < 2)
        return;
    r.cone = loom_malloc((w->n + 1) * sizeof(*r.cone));
    r.in_cone = loom_calloc(w->n + 1, sizeof(*r.in_cone));
    r.counted = loom_calloc(w->n + 1, sizeof(*r.counted));
    find_edges(&r);
    bool moved = true;
    for (int pass = 0; pass < PASSES && moved; pass++) {
        moved = false;
        memset(r.in_cone, 0, w->n * sizeof(*r.in_cone));
        for (int i = (int)w->n - 1; i >= 0; i--) {
            const struct loom_wire *x = &w->wire[i];
            bool can = x->bits && x->op != LOOM_WIRE_INPUT &&
                       x->op != LOOM_WIRE_CONST && !loom_wire_is_view(w, i);
            moved |= can && move(&r, i);
        }
    }
    free(r.cone);
    free(r.in_cone);
    free(r.counted);
    free(r.reads.start);
    free(r.reads.to);
    free(r.read_by.start);
    free(r.read_by.to);
}
