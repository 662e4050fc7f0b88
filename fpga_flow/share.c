#include "fpga_flow/share.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/cmvm.h"
#include "fpga_flow/cmvm_greedy.h"
#include "fpga_flow/pipeline.h"
#include "fpga_flow/target.h"

/* The matrix in integers; rows of constants and zeros stay empty, so that
 * what they add can join k. False if it takes too many bits. */
static bool integers(const struct loom_wires *w, const struct loom_matrix *m,
                     int64_t *c)
{
    enum { BITS = 40 };
    for (size_t i = 0; i < m->n_in; i++) {
        const struct loom_wire *x = &w->wire[m->x[i]];
        for (size_t j = 0; j < m->n_out; j++) {
            size_t at = i * m->n_out + j;
            if (!m->w[at] || x->op == LOOM_WIRE_CONST || (!x->lo && !x->hi))
                continue;
            if (m->shift[at] > BITS || llabs(m->w[at]) >> (BITS - m->shift[at]))
                return false;
            c[at] = m->w[at] * (INT64_C(1) << m->shift[at]);
        }
    }
    return true;
}

struct lowering {
    struct loom_wires *w;
    const struct loom_cmvm_sums *s;
    int *wire; /* [s->n], -1: not yet */
};

static int lower_sum(struct lowering *l, int node, int64_t k, int f)
{
    const struct loom_cmvm_sum *x = &l->s->sum[node];
    size_t n = (size_t)x->n;
    struct loom_tree_term *term = loom_calloc(n + 1, sizeof(*term));
    for (size_t i = 0; i < n; i++) {
        int of = x->term[i].node;
        if (l->wire[of] < 0)
            l->wire[of] = lower_sum(l, of, 0, f);
        term[i] = (struct loom_tree_term){l->wire[of], 0, x->term[i].c};
    }
    int y = loom_trees_sum(l->w, term, n, k, f);
    free(term);
    return y;
}

/* What inputs that are constants add to output j. */
static int64_t constant(const struct loom_wires *w, const struct loom_matrix *m,
                        size_t j)
{
    int64_t k = m->k[j];
    for (size_t i = 0; i < m->n_in; i++) {
        const struct loom_wire *x = &w->wire[m->x[i]];
        size_t at = i * m->n_out + j;
        if (m->w[at] && x->op == LOOM_WIRE_CONST)
            k += (x->k * m->w[at]) * (INT64_C(1) << m->shift[at]);
    }
    return k;
}

/* Sums to wires y [n_out] of w, of inputs x [n_in]. */
static void lower_sums(struct loom_wires *w, const struct loom_matrix *m,
                       const struct loom_cmvm_sums *s, const int *x,
                       const int64_t *k, int *y)
{
    struct lowering l = {.w = w, .s = s};
    l.wire = loom_malloc((size_t)s->n * sizeof(*l.wire));
    for (int i = 0; i < s->n; i++)
        l.wire[i] = i < s->n_in ? x[i] : -1;
    for (size_t j = 0; j < m->n_out; j++) {
        w->at_index = (int)(m->first + j);
        y[j] = lower_sum(&l, s->n_in + (int)j, k[j], m->f[j]);
    }
    free(l.wire);
}

/* ---- cells of some sums ------------------------------------------------- */

/* A matrix on its own: what search compares. */
struct trial {
    const struct loom_wires *w;
    const struct loom_matrix *m;
    const struct loom_share *share;
    const int64_t *k; /* [n_out] constants, of inputs too */
    int first;        /* level at which its inputs begin */
};

/* An input of the matrix as one of a program of its own. */
static int trial_input(const struct trial *t, struct loom_wires *w, int id)
{
    const struct loom_wire *x = &t->w->wire[id];
    if (x->op == LOOM_WIRE_SHL)
        return loom_wire_shl(w, trial_input(t, w, x->a), (int)x->k);
    if (x->op == LOOM_WIRE_CONST)
        return loom_wire_const(w, x->k, x->f);
    struct loom_exact_elem elem = {.f = x->f, .lo = x->lo, .hi = x->hi};
    int y = loom_wire_input(w, id, &elem);
    w->wire[y].level = x->level - t->first;
    return y;
}

/* The first level from which on an input of the matrix is there, at the
 * beginning of a stage. */
static int first_level(const struct loom_wires *w, const struct loom_matrix *m,
                       int levels)
{
    int first = INT_MAX;
    for (size_t i = 0; i < m->n_in; i++) {
        const struct loom_wire *x = &w->wire[m->x[i]];
        if (x->lo < x->hi && x->level < first)
            first = x->level;
    }
    return first == INT_MAX || !levels ? 0 : first - first % levels;
}

/* Of a stage a layer, it is all in one. */
static double trial_cells(void *ctx, const struct loom_cmvm_sums *s)
{
    const struct trial *t = ctx;
    const struct loom_matrix *m = t->m;
    struct loom_wire_layer layer = {.depth = 1};
    struct loom_wires *w = loom_calloc(1, sizeof(*w));
    int *x = loom_malloc((m->n_in + 1) * sizeof(*x));
    w->style = t->w->style;
    w->mixed = t->share->mixed;
    w->n_layers = 1;
    w->layer = &layer;
    w->n_out = m->n_out;
    w->out = loom_malloc((m->n_out + 1) * sizeof(*w->out));
    for (size_t i = 0; i < m->n_in; i++)
        x[i] = trial_input(t, w, m->x[i]);
    lower_sums(w, m, s, x, t->k, w->out);
    int *to = loom_wires_settle(w);
    loom_wires_compact(w, to);
    struct loom_design d = {.w = w, .family = t->share->family};
    loom_pipeline_make(&d.p, w, t->share->levels);
    double cells = loom_target_predict(&d, 0).lc;
    loom_pipeline_deinit(&d.p);
    w->layer = NULL;
    w->n_layers = 0;
    loom_wires_destroy(w);
    free(to);
    free(x);
    return cells;
}

/* ---- solving ------------------------------------------------------------ */

static bool solve(const struct loom_wires *w, const struct loom_matrix *m,
                  const struct loom_share *share, const int64_t *k,
                  struct loom_cmvm_sums *s)
{
    int64_t *c = loom_calloc(m->n_in * m->n_out + 1, sizeof(*c));
    int64_t *lo = loom_calloc(m->n_in + 1, sizeof(*lo));
    int64_t *hi = loom_calloc(m->n_in + 1, sizeof(*hi));
    int *depth = loom_calloc(m->n_in + 1, sizeof(*depth)), first = INT32_MAX;
    for (size_t i = 0; i < m->n_in; i++) {
        const struct loom_wire *x = &w->wire[m->x[i]];
        lo[i] = x->lo;
        hi[i] = x->hi;
        depth[i] = loom_wire_time(w, m->x[i]);
        if (x->lo < x->hi && depth[i] < first)
            first = depth[i];
    }
    for (size_t i = 0; i < m->n_in; i++)
        depth[i] = depth[i] > first ? depth[i] - first : 0;
    struct loom_cmvm p = {.n_in = (int)m->n_in,
                          .n_out = (int)m->n_out,
                          .w = c,
                          .lo = lo,
                          .hi = hi,
                          .depth = depth,
                          .plus_only = share->plus_only,
                          .steps = share->steps,
                          .seed = share->seed,
                          .threads = 1};
    struct trial t = {w, m, share, k, first_level(w, m, share->levels)};
    if (share->cell_steps) {
        p.cost = trial_cells;
        p.ctx = &t;
        p.cost_steps = share->cell_steps;
    }
    bool done = integers(w, m, c);
    if (share->slack >= 0)
        p.max_depth = loom_cmvm_min_depth(&p) + share->slack;
    done = done && !loom_cmvm_solve(&p, s, NULL);
    free(c);
    free(lo);
    free(hi);
    free(depth);
    return done;
}

/* The graph of few adders, each as it stands. False where there is none. */
static bool lower_greedy(struct loom_wires *w, const struct loom_matrix *m,
                         int *y)
{
    int64_t *c = loom_calloc(m->n_in * m->n_out + 1, sizeof(*c));
    int64_t *lo = loom_calloc(m->n_in + 1, sizeof(*lo));
    int64_t *hi = loom_calloc(m->n_in + 1, sizeof(*hi));
    bool done = integers(w, m, c);
    for (size_t i = 0; i < m->n_in; i++) {
        lo[i] = w->wire[m->x[i]].lo;
        hi[i] = w->wire[m->x[i]].hi;
    }
    struct loom_cmvm_graph g = {.n_in = 0};
    if (done)
        loom_cmvm_greedy(&g, (int)m->n_in, (int)m->n_out, c, lo, hi);
    int *wire = loom_malloc((m->n_in + (size_t)g.n_adds) * sizeof(*wire) + 1);
    memcpy(wire, m->x, m->n_in * sizeof(*wire));
    for (int k = 0; k < g.n_adds; k++) {
        const struct loom_cmvm_add *x = &g.add[k];
        int a = wire[x->a], b = wire[x->b];
        wire[g.n_in + k] = x->minus ? loom_wire_sub(w, a, x->sa, b, x->sb)
                                    : loom_wire_add(w, a, x->sa, b, x->sb, -1);
    }
    for (int j = 0; j < g.n_out; j++) {
        const struct loom_cmvm_out *o = &g.out[j];
        w->at_index = (int)m->first + j;
        struct loom_tree_term t = {o->node < 0 ? 0 : wire[o->node], o->shift,
                                   o->negate ? -1 : 1};
        y[j] = loom_trees_sum(w, &t, o->node >= 0, constant(w, m, (size_t)j),
                              m->f[j]);
    }
    loom_cmvm_graph_deinit(&g);
    free(wire);
    free(c);
    free(lo);
    free(hi);
    return done;
}

/* A matrix whose sums are shared. */
static bool lower_shared(struct loom_wires *w, const struct loom_matrix *m,
                         const struct loom_share *share, int *y)
{
    struct loom_cmvm_sums s;
    int64_t *k = loom_malloc((m->n_out + 1) * sizeof(*k));
    for (size_t j = 0; j < m->n_out; j++)
        k[j] = constant(w, m, j);
    bool done = solve(w, m, share, k, &s);
    if (done) {
        w->mixed = share->mixed;
        lower_sums(w, m, &s, m->x, k, y);
        w->mixed = false;
        loom_cmvm_sums_deinit(&s);
    }
    free(k);
    return done;
}

void loom_share_lower(struct loom_wires *w, const struct loom_matrix *m,
                      const struct loom_share *share, int *y)
{
    if (share && share->greedy && lower_greedy(w, m, y))
        return;
    if (!share || !share->on || !lower_shared(w, m, share, y)) {
        w->mixed = share && share->mixed;
        loom_trees_lower(w, m, y);
        w->mixed = false;
    }
}
