/* What ends a training before its last epoch, or warns of it. */
#pragma once

#include <stdbool.h>

#include "engine/err.h"
#include "engine/train_view.h"

/* Collapse: bits go faster than the network can follow, down to one that says
 * the same of everything. */
enum loom_on_collapse {
    LOOM_COLLAPSE_WARN, /* once */
    LOOM_COLLAPSE_STOP,
    LOOM_COLLAPSE_ROLLBACK, /* to the last good point, with half the beta */
    LOOM_COLLAPSE_IGNORE
};

/* All zero: a warning of a collapse, and nothing else. */
struct loom_guard_conf {
    enum loom_on_collapse collapse;
    int patience; /* epochs without a better metric; 0: for ever */
    int metric;   /* which one: 0 is the one that the front is made by */
    double ebops; /* epochs of more than that do not count; 0: all do */
    double least; /* by how much a metric is better */
    /* A script's word after every epoch, or NULL: 1 to stop, 0, or an error. */
    int (*when)(void *ud, const struct loom_train_point *p,
                struct loom_errmsg *e);
    void *ud;
};

/* As it goes on; part of a saved training. */
struct loom_guard {
    double best; /* metric; NAN: none yet */
    int since;   /* epochs that counted after it */
    bool warned, stopped;
};

/* What the end of an epoch brought. */
struct loom_notice {
    bool collapsed;
    enum loom_on_collapse action; /* what was done about it */
    char layer[48];      /* which has the fewest bits left for its weights */
    double ebops_before; /* and at epoch_before, before they fell */
    int epoch_before;
    int good_epoch;      /* of the last point of the front before; 0: none */
    const char *stopped; /* NULL, "collapse", "patience" or "script" */
};

/* Loss (with today's beta on the cost), cost and the metric have all fallen
 * since one of the last epochs of p [n]: that epoch, or NULL. A metric falls
 * when a fifth of what it was better than `chance` is gone, the cost when three
 * tenths are. */
const struct loom_train_point *
loom_guard_collapse(const struct loom_train_point *p, int n,
                    const struct loom_train_point *now, double chance,
                    bool lower_is_better);

/* Count the epoch; whether patience has come to an end. Source: HGQ2's early
 * stopping with a threshold of EBOPs. */
bool loom_guard_patience(const struct loom_guard_conf *conf,
                         struct loom_guard *g,
                         const struct loom_train_point *now,
                         bool lower_is_better);

int loom_on_collapse_from_word(const char *s); /* "warn", ...; or -1 */
const char *loom_on_collapse_word(enum loom_on_collapse c);
