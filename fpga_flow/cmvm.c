#include "fpga_flow/cmvm.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "engine/mem.h"
#include "engine/pool.h"
#include "engine/rng.h"
#include "fpga_flow/cmvm_graph.h"

/* One search among those side by side. */
struct search {
    const struct loom_cmvm *m;
    int max_depth;
    double end; /* seconds on the clock, 0: none */
    struct loom_rng rng;
    struct loom_cmvm_sums sums;
    int64_t bits; /* of the sums, but for those that changed */
    struct loom_cmvm_sums best;
    double best_cost;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one search --------------------------------------------------------- */

/* Make parts until no pair occurs twice, or there are `most` more; with chance
 * `noise` not the best pair but one of the next score, and so on. */
static void share(struct loom_cmvm_sums *s, struct loom_rng *rng, double noise,
                  int most)
{
    for (int top; most && (top = loom_cmvm_pairs_top(&s->pairs)) > 0;) {
        while (noise > 0 && loom_rng_uniform(rng) < noise) {
            int next = top - 1;
            while (next > 0 && !s->pairs.bucket[next].n)
                next--;
            if (!next)
                break;
            top = next;
        }
        uint64_t n = (uint64_t)s->pairs.bucket[top].n;
        most -= loom_cmvm_sums_extract(
            s, s->pairs.bucket[top].slot[loom_rng_below(rng, n)]);
    }
}

/* Dissolve a part, and perhaps another that has to do with it. */
static void dissolve(struct loom_cmvm_sums *s, struct loom_rng *rng)
{
    enum { MOST = 2 };
    int part = s->part[loom_rng_below(rng, (uint64_t)s->n_parts)];
    for (uint64_t left = loom_rng_below(rng, MOST) + 1; left; left--) {
        const struct loom_cmvm_sum *x = &s->sum[part];
        int user = x->user[loom_rng_below(rng, (uint64_t)x->n_users)];
        loom_cmvm_sums_inline(s, part);
        x = &s->sum[user];
        if (!x->n)
            return;
        part = x->term[loom_rng_below(rng, (uint64_t)x->n)].node;
        if (x->at >= 0 && loom_rng_below(rng, 2))
            part = user;
        if (s->sum[part].at < 0)
            return;
    }
}

/* What the search brings down. */
static int64_t measure_sums(struct search *x)
{
    struct loom_cmvm_sums *s = &x->sums;
    if (x->m->goal == LOOM_CMVM_ADDERS)
        return s->adders;
    for (int node; (node = loom_cmvm_sums_changed(s)) >= 0;) {
        x->bits -= s->sum[node].bits;
        s->sum[node].bits = loom_cmvm_graph_sum_bits(s, node);
        x->bits += s->sum[node].bits;
    }
    return x->bits;
}

static const double noise = 0.2;

/* Whether it became better. */
static bool step(struct search *x)
{
    int64_t before = measure_sums(x);
    loom_cmvm_sums_commit(&x->sums);
    dissolve(&x->sums, &x->rng);
    share(&x->sums, &x->rng, noise, -1);
    int64_t after = measure_sums(x);
    if (after > before)
        loom_cmvm_sums_rollback(&x->sums);
    return after < before;
}

/* The search for less of the cost: what does not pay there need not be shared.
 */
static void refine(struct search *x)
{
    enum { MOST = 4 };
    const struct loom_cmvm *m = x->m;
    struct loom_cmvm_sums *s = &x->sums;
    double before = m->cost(m->ctx, s);
    for (long i = 0; i < m->cost_steps; i++) {
        loom_cmvm_sums_commit(s);
        if (s->n_parts)
            dissolve(s, &x->rng);
        share(s, &x->rng, noise, (int)loom_rng_below(&x->rng, MOST));
        double after = m->cost(m->ctx, s);
        if (after > before)
            loom_cmvm_sums_rollback(s);
        else
            before = after;
        if (x->end > 0 && seconds() > x->end)
            break;
    }
}

static double cost(const struct search *x)
{
    struct loom_cmvm_graph g;
    if (x->m->cost)
        return x->m->cost(x->m->ctx, &x->sums);
    loom_cmvm_graph_make(&g, &x->sums);
    double bits = loom_cmvm_graph_bits(&g), adders = g.n_adds;
    loom_cmvm_graph_deinit(&g);
    return x->m->goal == LOOM_CMVM_BITS ? bits + 1e-6 * adders
                                        : adders + 1e-6 * bits;
}

/* Keep what was found if it is the best so far. */
static void keep(struct search *x)
{
    double c = cost(x);
    if (x->best.sum && c >= x->best_cost) {
        loom_cmvm_sums_deinit(&x->sums);
        return;
    }
    if (x->best.sum)
        loom_cmvm_sums_deinit(&x->best);
    x->best = x->sums;
    x->best_cost = c;
}

/* From the matrix to where the search finds nothing better for long. Returns
 * the steps that are left. */
static long descend(struct search *x, long left)
{
    enum { PATIENCE = 300 };
    const struct loom_cmvm *m = x->m;
    struct loom_cmvm_sums *s = &x->sums;
    long idle = 0;
    x->bits = 0;
    loom_cmvm_sums_init(s, m->n_in, m->n_out, m->w, m->lo, m->hi, m->depth,
                        x->max_depth, m->plus_only);
    share(s, &x->rng, 0, -1);
    loom_cmvm_pairs_shrink(&s->pairs);
    while (s->n_parts && left && idle < 4000 + PATIENCE * (long)s->n_parts) {
        idle = step(x) ? 0 : idle + 1;
        left -= m->steps > 0;
        if (x->end > 0 && seconds() > x->end)
            left = 0;
    }
    bool settled = !s->n_parts;
    if (m->cost)
        refine(x);
    keep(x);
    return settled ? 0 : left;
}

static void work(void *ud, int item, int worker)
{
    struct search *x = (struct search *)ud + item;
    (void)worker;
    for (long left = x->m->steps > 0 ? x->m->steps : 1; left;)
        left = descend(x, left);
}

/* ---- all of them -------------------------------------------------------- */

/* Bits that the widest sum may take. */
static int measure(const struct loom_cmvm *m)
{
    double most = 1;
    for (int j = 0; j < m->n_out; j++) {
        double sum = 0;
        for (int i = 0; i < m->n_in; i++) {
            int64_t c = m->w[(size_t)i * (size_t)m->n_out + (size_t)j];
            double x = fmax(fabs((double)m->lo[i]), fabs((double)m->hi[i]));
            sum += fabs((double)c) * fmax(x, 1);
        }
        most = fmax(most, sum);
    }
    return (int)ceil(log2(most));
}

int loom_cmvm_min_depth(const struct loom_cmvm *m)
{
    double most = 1;
    for (int j = 0; j < m->n_out; j++) {
        double spread = 0;
        for (int i = 0; i < m->n_in; i++) {
            int64_t c = m->w[(size_t)i * (size_t)m->n_out + (size_t)j];
            spread +=
                ldexp(loom_cmvm_sums_digits(c), m->depth ? m->depth[i] : 0);
        }
        most = fmax(most, spread);
    }
    return (int)ceil(log2(most));
}

int loom_cmvm_solve(const struct loom_cmvm *m, struct loom_cmvm_sums *s,
                    struct loom_errmsg *e)
{
    enum { BITS = 56, DEEP = 50 };
    int min_depth = loom_cmvm_min_depth(m), bits = measure(m);
    if (bits > BITS)
        return loom_fail(e, LOOM_ERR_RANGE,
                         "a sum of the matrix may need %d bits; at most %d",
                         bits + 1, BITS);
    int bound =
        m->max_depth > 0 && m->max_depth < min_depth ? min_depth : m->max_depth;
    struct loom_pool *pool = loom_pool_new(m->threads, e);
    if (!pool)
        return LOOM_ERR_NOMEM;
    struct search *all = loom_calloc((size_t)m->threads, sizeof(*all));
    for (int i = 0; i < m->threads; i++)
        all[i] =
            (struct search){.m = m,
                            .max_depth = bound > DEEP ? 0 : bound,
                            .end = m->seconds > 0 ? seconds() + m->seconds : 0,
                            .rng = loom_rng_init(m->seed, (uint64_t)i)};
    loom_pool_run(pool, m->threads, work, all);
    int best = 0;
    for (int i = 1; i < m->threads; i++)
        if (all[i].best_cost < all[best].best_cost)
            best = i;
    for (int i = 0; i < m->threads; i++)
        if (i != best)
            loom_cmvm_sums_deinit(&all[i].best);
    *s = all[best].best;
    free(all);
    loom_pool_destroy(pool);
    return 0;
}
