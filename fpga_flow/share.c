#include "fpga_flow/share.h"

#include <stdlib.h>

#include "engine/mem.h"
#include "fpga_flow/cmvm.h"

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

static bool solve(const struct loom_wires *w, const struct loom_matrix *m,
                  const struct loom_share *share, struct loom_cmvm_sums *s)
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

struct lowering {
    struct loom_wires *w;
    const struct loom_matrix *m;
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

void loom_share_lower(struct loom_wires *w, const struct loom_matrix *m,
                      const struct loom_share *share, int *y)
{
    struct loom_cmvm_sums s;
    if (!share || !share->on || !solve(w, m, share, &s)) {
        loom_trees_lower(w, m, y);
        return;
    }
    struct lowering l = {.w = w, .m = m, .s = &s};
    l.wire = loom_malloc((size_t)s.n * sizeof(*l.wire));
    for (int i = 0; i < s.n; i++)
        l.wire[i] = i < s.n_in ? m->x[i] : -1;
    for (size_t j = 0; j < m->n_out; j++) {
        w->at_index = (int)(m->first + j);
        y[j] = lower_sum(&l, s.n_in + (int)j, constant(w, m, j), m->f[j]);
    }
    free(l.wire);
    loom_cmvm_sums_deinit(&s);
}
