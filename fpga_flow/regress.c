#include "fpga_flow/regress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/accuracy.h"

enum { MAX = LOOM_REGRESS_MAX };

/* Normal equations: a price = b. */
struct normal {
    double a[MAX][MAX], b[MAX];
};

double loom_regress_at(const struct loom_regress *r, const double *price, int i)
{
    double y = 0.0;
    for (int k = 0; k < r->n_x; k++)
        y += price[k] * r->x[i * r->n_x + k];
    return y;
}

static double miss(const struct loom_regress *r, const double *price, int i)
{
    return fabs(loom_regress_at(r, price, i) / r->y[i] - 1.0);
}

static double share(const struct loom_regress *r, int i, int k)
{
    return r->x[i * r->n_x + k] / r->y[i];
}

static void add_row(struct normal *s, const struct loom_regress *r, int i,
                    double weight)
{
    for (int k = 0; k < r->n_x; k++) {
        for (int j = 0; j < r->n_x; j++)
            s->a[k][j] += weight * share(r, i, k) * share(r, i, j);
        s->b[k] += weight * share(r, i, k);
    }
}

static void hold(struct normal *s, const struct loom_regress *r)
{
    static const double HELD = 0.5, LEAST = 1e-12;
    for (int k = 0; k < r->n_x; k++) {
        double mean = 0.0;
        for (int i = 0; i < r->n; i++)
            mean += share(r, i, k) / r->n;
        double weight = HELD * mean * mean + LEAST;
        s->a[k][k] += weight;
        s->b[k] += weight * r->before[k];
    }
}

/* One price after the other, as long as it takes: the sum of squares is convex,
 * and so is what lies above the floor. */
static void descend(const struct normal *s, const struct loom_regress *r,
                    double *price)
{
    enum { SWEEPS = 5000 };
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int k = 0; k < r->n_x; k++) {
            double rest = s->b[k];
            for (int j = 0; j < r->n_x; j++)
                rest -= j == k ? 0.0 : s->a[k][j] * price[j];
            price[k] = fmax(rest / s->a[k][k], r->floor * r->before[k]);
        }
}

/* Huber's: beyond 1.345 standard deviations (1.4826 medians) a point counts by
 * its distance and not by the square of it. */
static double reach(const struct loom_regress *r, const double *price)
{
    double *off = loom_malloc((size_t)r->n * sizeof(*off));
    for (int i = 0; i < r->n; i++)
        off[i] = miss(r, price, i);
    double far = 1.345 * 1.4826 * loom_median(off, r->n);
    free(off);
    return far > 0.01 ? far : 0.01;
}

void loom_regress_fit(const struct loom_regress *r, double *price)
{
    enum { ROUNDS = 12 };
    memcpy(price, r->before, (size_t)r->n_x * sizeof(*price));
    for (int round = 0; r->n && round < ROUNDS; round++) {
        struct normal s = {.b = {0}};
        double far = round ? reach(r, price) : INFINITY;
        for (int i = 0; i < r->n; i++) {
            double off = miss(r, price, i);
            add_row(&s, r, i, off > far ? far / off : 1.0);
        }
        hold(&s, r);
        descend(&s, r, price);
    }
}
