#include "engine/schedule.h"

#include <math.h>
#include <stdbool.h>

struct loom_schedule loom_schedule_constant(double value)
{
    return (struct loom_schedule){.kind = LOOM_CONSTANT, .value = value};
}

static double piecewise(const struct loom_schedule *s, double epoch)
{
    int k = 0;
    while (k + 1 < s->n_keys && s->key[k + 1].epoch <= epoch)
        k++;
    double a = s->key[k].value;
    if (k + 1 == s->n_keys || epoch <= s->key[k].epoch ||
        s->key[k].interp == LOOM_HOLD)
        return a;
    double b = s->key[k + 1].value;
    double t =
        (epoch - s->key[k].epoch) / (s->key[k + 1].epoch - s->key[k].epoch);
    if (s->key[k].interp == LOOM_LOG)
        return a * pow(b / a, t);
    if (s->key[k].interp == LOOM_SMOOTH)
        t = 0.5 * (1.0 - cos(M_PI * t));
    return a + (b - a) * t;
}

static double cosine(const struct loom_schedule *s, double epoch)
{
    double c = floor(epoch / s->cycle), t = epoch - c * s->cycle;
    double part = fmin(t / (s->cycle - s->flat), 1.0);
    if (s->rest > 0.0 && part == 1.0)
        return s->rest;
    double top = (s->value - s->floor) * pow(s->decay, c);
    return s->floor + 0.5 * top * (1.0 + cos(M_PI * part));
}

double loom_schedule_at(const struct loom_schedule *s, double epoch,
                        struct loom_errmsg *e)
{
    if (s->kind == LOOM_CALLBACK)
        return s->call(s->ud, epoch, e);
    double v = s->kind == LOOM_PIECEWISE ? piecewise(s, epoch)
               : s->kind == LOOM_COSINE  ? cosine(s, epoch)
                                         : s->value;
    if (!isfinite(v))
        loom_fail(e, LOOM_ERR_RANGE, "the schedule's numbers are too large");
    return v;
}

static int check_piecewise(const struct loom_schedule *s, const char *what,
                           struct loom_errmsg *e)
{
    if (s->n_keys < 1 || s->n_keys > LOOM_MAX_KEYS)
        return loom_fail(e, LOOM_ERR_ARG, "%s: needs 1 to %d points", what,
                         LOOM_MAX_KEYS);
    for (int k = 0; k < s->n_keys; k++) {
        if (!isfinite(s->key[k].value) || s->key[k].value < 0.0)
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: point %d has the value %g; 0 or more is "
                             "allowed",
                             what, k + 1, s->key[k].value);
        if (!isfinite(s->key[k].epoch))
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: point %d lies at no finite epoch", what,
                             k + 1);
        if (k && s->key[k].epoch <= s->key[k - 1].epoch)
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: point %d lies at epoch %g, not after the "
                             "one before it",
                             what, k + 1, s->key[k].epoch);
        bool log = k && s->key[k - 1].interp == LOOM_LOG;
        if (log && (s->key[k].value <= 0.0 || s->key[k - 1].value <= 0.0))
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: a logarithmic stretch cannot begin or end "
                             "at 0",
                             what);
    }
    return 0;
}

int loom_schedule_check(const struct loom_schedule *s, const char *what,
                        struct loom_errmsg *e)
{
    if (s->kind == LOOM_PIECEWISE)
        return check_piecewise(s, what, e);
    if (s->kind == LOOM_COSINE &&
        !(s->cycle > 0.0 && s->flat >= 0.0 && s->flat < s->cycle &&
          s->decay > 0.0 && s->floor >= 0.0 && s->rest >= 0.0))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: a cosine needs cycle > 0, 0 <= flat < cycle, "
                         "decay > 0, floor >= 0 and rest >= 0",
                         what);
    if (s->kind != LOOM_CALLBACK && (!isfinite(s->value) || s->value < 0.0))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: %g is not a number of 0 or "
                         "more",
                         what, s->value);
    return 0;
}
