#include "fpga_flow/fit.h"

#include <stdlib.h>
#include <string.h>

/* A device fuller than this routes slowly or not at all. */
static const double FULL = 0.96;
/* What was predicted and not measured yet may be this much larger. */
static const double DOUBT = 1.08;
/* A first build of what is predicted to be larger is worth its minutes only
 * up to here. */
static const double HOPE = 1.15;
enum { MAX_RATIOS = 64 };

const char *loom_fit_word(enum loom_fit_outcome o)
{
    static const char *const words[] = {"unknown", "fits", "too large",
                                        "too slow", "failed"};
    return words[o];
}

/* How full the device would be, by whatever it has least of. */
static double fill(const struct loom_fit *f, struct loom_cells c)
{
    double lc = c.lc / (FULL * f->limit.lc);
    double lut4 = f->limit.lut4 ? c.lut4 / (double)f->limit.lut4 : 0;
    double ff = f->limit.ff ? c.ff / (double)f->limit.ff : 0;
    double most = lut4 > ff ? lut4 : ff;
    return lc > most ? lc : most;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void update_ratio(struct loom_fit *f)
{
    double r[MAX_RATIOS];
    size_t n = 0;
    for (int i = 0; i < f->n && n < MAX_RATIOS; i++) {
        const struct loom_fit_point *p = &f->point[i];
        if (p->is_predicted && p->measured.lc > 0 && p->predicted.lc > 0)
            r[n++] = fill(f, p->measured) / fill(f, p->predicted);
    }
    if (!n)
        return;
    qsort(r, n, sizeof(*r), by_size);
    f->ratio = n % 2 ? r[n / 2] : (r[n / 2 - 1] + r[n / 2]) / 2;
}

/* Expected fill of point i; a point that cannot be predicted has failed. */
static double expect(struct loom_fit *f, int i, loom_fit_predict predict,
                     void *ctx)
{
    struct loom_fit_point *p = &f->point[i];
    if (!p->is_predicted) {
        p->is_predicted = !predict(ctx, i, &p->predicted);
        if (!p->is_predicted)
            p->outcome = LOOM_FIT_FAILED;
    }
    return fill(f, p->predicted) * (f->ratio > 0 ? f->ratio : DOUBT);
}

static bool is_too_much(enum loom_fit_outcome o)
{
    return o == LOOM_FIT_TOO_LARGE || o == LOOM_FIT_TOO_SLOW;
}

int loom_fit_best(const struct loom_fit *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->point[i].outcome == LOOM_FIT_YES)
            return i;
    return -1;
}

/* The last point that was too much, of those better than the best that fits:
 * what is better still is larger still. */
static int last_refused(const struct loom_fit *f, int end)
{
    int last = -1;
    for (int i = 0; i < end; i++)
        if (is_too_much(f->point[i].outcome))
            last = i;
    return last;
}

int loom_fit_next(struct loom_fit *f, loom_fit_predict predict, void *ctx)
{
    int best = loom_fit_best(f), end = best < 0 ? f->n : best;
    int from = last_refused(f, end) + 1, lo = from, hi = end;
    /* Sizes fall along the points: halve, then walk past exceptions. */
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (expect(f, mid, predict, ctx) <= 1 ||
            f->point[mid].outcome == LOOM_FIT_FAILED)
            hi = mid;
        else
            lo = mid + 1;
    }
    for (int i = lo; i < end; i++)
        if (expect(f, i, predict, ctx) <= 1 &&
            f->point[i].outcome == LOOM_FIT_UNKNOWN)
            return i;
    /* None should fit, and none does so far: the smallest tells. */
    for (int i = end - 1; best < 0 && i >= from; i--) {
        double size = expect(f, i, predict, ctx);
        if (f->point[i].outcome == LOOM_FIT_UNKNOWN)
            return size <= HOPE ? i : -1;
    }
    return -1;
}

void loom_fit_note(struct loom_fit *f, int i, struct loom_cells measured,
                   double fmax_mhz, int err)
{
    struct loom_fit_point *p = &f->point[i];
    p->measured = measured;
    p->fmax_mhz = fmax_mhz;
    bool over = measured.lc > f->limit.lc ||
                (f->limit.lut4 && measured.lut4 > f->limit.lut4) ||
                (f->limit.ff && measured.ff > f->limit.ff);
    p->outcome = over || err == LOOM_ERR_FIT ? LOOM_FIT_TOO_LARGE
                 : err                       ? LOOM_FIT_FAILED
                 : fmax_mhz < f->clock_mhz   ? LOOM_FIT_TOO_SLOW
                                             : LOOM_FIT_YES;
    update_ratio(f);
}

double loom_fit_growth(const struct loom_fit *f)
{
    int best = loom_fit_best(f), i = best < 0 ? f->n - 1 : best;
    if (i <= 0 && best >= 0)
        return 0;
    const struct loom_fit_point *p = &f->point[i];
    if (f->n && p->measured.lc > 0)
        return 1 / fill(f, p->measured);
    return f->n && p->is_predicted
               ? 1 / (fill(f, p->predicted) * (f->ratio > 0 ? f->ratio : DOUBT))
               : 0;
}
