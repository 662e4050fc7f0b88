/* Beta, the price of an EBOP, set after every epoch so that EBOPs reach a
 * target; or of a cell, where a training counts those.
 *   pid   beta = 10^(p err + i sum err + d change of err), where err is
 *         log10(EBOPs / target). Source: HGQ2's BetaPID, log mode. The sum
 *         stays where beta would leave its bounds.
 *   dual  beta += rate (EBOPs / target - 1), never below 0: ascent on the
 *         multiplier of the constraint EBOPs <= target. */
#pragma once

enum loom_control_kind { LOOM_PID, LOOM_DUAL };

/* All zero: pid with its standards, and no target. */
struct loom_control_conf {
    enum loom_control_kind kind;
    double target;  /* EBOPs; 0: none */
    int warmup;     /* epochs before, beta as scheduled */
    double p, i, d; /* pid; 0: 1, 0.002, 0 */
    double damp;    /* pid; below the target beta is smaller by this part */
    double rate;    /* dual; 0: 1e-7 */
    double lo, hi;  /* of beta; 0: 1e-12 (dual: 0), 1 */
};

struct loom_control {
    double sum, error; /* of errors; the last one */
};

/* Standards for what is zero. */
struct loom_control_conf
loom_control_standard(const struct loom_control_conf *c);

/* Begin so that beta does not jump; conf from loom_control_standard. */
struct loom_control loom_control_begin(const struct loom_control_conf *conf,
                                       double target, double beta,
                                       double ebops);

/* Beta after an epoch that ended with these EBOPs. */
double loom_control_next(const struct loom_control_conf *conf,
                         struct loom_control *c, double target, double beta,
                         double ebops);
