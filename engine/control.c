#include "engine/control.h"

#include <math.h>

struct loom_control_conf
loom_control_standard(const struct loom_control_conf *c)
{
    struct loom_control_conf s = *c;
    s.p = c->p > 0 ? c->p : 1.0;
    s.i = c->i > 0 ? c->i : 2e-3;
    s.rate = c->rate > 0 ? c->rate : 1e-7;
    s.lo = c->lo > 0 || c->kind == LOOM_DUAL ? c->lo : 1e-12;
    s.hi = c->hi > 0 ? c->hi : 1.0;
    return s;
}

static double error_of(double target, double ebops)
{
    return log10(fmax(ebops, 1.0) / target);
}

static double bounded(const struct loom_control_conf *c, double beta)
{
    return fmin(fmax(beta, c->lo), c->hi);
}

struct loom_control loom_control_begin(const struct loom_control_conf *conf,
                                       double target, double beta, double ebops)
{
    struct loom_control c = {0.0, error_of(target, ebops)};
    if (conf->kind == LOOM_PID)
        c.sum = (log10(bounded(conf, beta)) - conf->p * c.error) / conf->i;
    return c;
}

static double pid(const struct loom_control_conf *conf, struct loom_control *c,
                  double error)
{
    double sum = c->sum + error;
    double beta = pow(10.0, conf->p * error + conf->i * sum +
                                conf->d * (error - c->error));
    if (beta > conf->lo && beta < conf->hi)
        c->sum = sum;
    c->error = error;
    if (error < 0.0)
        beta *= 1.0 - conf->damp;
    return beta;
}

double loom_control_next(const struct loom_control_conf *conf,
                         struct loom_control *c, double target, double beta,
                         double ebops)
{
    beta = conf->kind == LOOM_PID ? pid(conf, c, error_of(target, ebops))
                                  : beta + conf->rate * (ebops / target - 1.0);
    return bounded(conf, beta);
}
