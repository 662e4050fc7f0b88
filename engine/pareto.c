#include "engine/pareto.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The metric so that more is better. */
static double gain(const struct loom_pareto *f, double metric)
{
    return f->lower_is_better ? -metric : metric;
}

bool loom_pareto_wants(const struct loom_pareto *f, double metric, double cost)
{
    if (!isfinite(metric) || !isfinite(cost))
        return false;
    for (int k = 0; k < f->n; k++)
        if (f->point[k].cost <= cost &&
            gain(f, f->point[k].metric) >= gain(f, metric))
            return false;
    return true;
}

static void take_out(struct loom_pareto *f, int k,
                     struct loom_pareto_point *gone, int *n_gone)
{
    gone[(*n_gone)++] = f->point[k];
    memmove(&f->point[k], &f->point[k + 1],
            (size_t)(f->n - k - 1) * sizeof(f->point[0]));
    f->n--;
}

/* The inner point whose two neighbours are closest (log of cost, metric by
 * the front's span); the ends always stay. */
static int most_crowded(const struct loom_pareto *f)
{
    const struct loom_pareto_point *p = f->point;
    double span_c = log1p(p[f->n - 1].cost) - log1p(p[0].cost);
    double span_m = fabs(p[f->n - 1].metric - p[0].metric);
    double best = INFINITY;
    int at = 1;
    for (int k = 1; k + 1 < f->n; k++) {
        double d = (log1p(p[k + 1].cost) - log1p(p[k - 1].cost)) / span_c +
                   fabs(p[k + 1].metric - p[k - 1].metric) / span_m;
        if (d < best) {
            best = d;
            at = k;
        }
    }
    return at;
}

int loom_pareto_add(struct loom_pareto *f, const struct loom_pareto_point *p,
                    struct loom_pareto_point *gone)
{
    int n_gone = 0, at = 0;
    for (int k = f->n - 1; k >= 0; k--)
        if (f->point[k].cost >= p->cost &&
            gain(f, f->point[k].metric) <= gain(f, p->metric))
            take_out(f, k, gone, &n_gone);
    if (f->n == LOOM_PARETO_MAX)
        take_out(f, most_crowded(f), gone, &n_gone);
    while (at < f->n && f->point[at].cost < p->cost)
        at++;
    memmove(&f->point[at + 1], &f->point[at],
            (size_t)(f->n - at) * sizeof(f->point[0]));
    f->point[at] = *p;
    f->n++;
    return n_gone;
}

const struct loom_pareto_point *loom_pareto_best(const struct loom_pareto *f,
                                                 double max_cost)
{
    const struct loom_pareto_point *best = NULL;
    for (int k = 0; k < f->n; k++)
        if ((max_cost <= 0.0 || f->point[k].cost <= max_cost) &&
            (!best || gain(f, f->point[k].metric) > gain(f, best->metric)))
            best = &f->point[k];
    return best;
}
