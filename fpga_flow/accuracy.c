#include "fpga_flow/accuracy.h"

#include <math.h>
#include <stdlib.h>

#include "engine/mem.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double loom_median(double *v, int n)
{
    if (n < 1)
        return NAN;
    qsort(v, (size_t)n, sizeof(*v), compare);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* How many are below v[i], and half of those that equal it. */
static double rank_of(const double *v, int n, int i)
{
    double below = 0.0;
    for (int j = 0; j < n; j++)
        below += v[j] < v[i] ? 1.0 : v[j] == v[i] ? 0.5 : 0.0;
    return below;
}

static double rank_correlation(const double *a, const double *b, int n)
{
    double mean = 0.5 * n, ab = 0.0, aa = 0.0, bb = 0.0;
    for (int i = 0; i < n; i++) {
        double x = rank_of(a, n, i) - mean, y = rank_of(b, n, i) - mean;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return n > 1 ? ab / sqrt(aa * bb) : NAN;
}

struct loom_accuracy loom_accuracy_of(const double *estimate,
                                      const double *measured, int n)
{
    double *off = loom_malloc((size_t)(n + 1) * sizeof(*off));
    for (int i = 0; i < n; i++)
        off[i] = fabs(estimate[i] / measured[i] - 1.0);
    struct loom_accuracy r = {.median = loom_median(off, n),
                              .rank = rank_correlation(estimate, measured, n)};
    r.worst = n ? off[n - 1] : NAN; /* they are sorted now */
    free(off);
    return r;
}
