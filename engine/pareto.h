/* The front: points (metric, cost) that no other point beats in both. */
#pragma once

#include <stdbool.h>

enum { LOOM_PARETO_MAX = 96 };

struct loom_pareto_point {
    int epoch;
    double metric, cost; /* less cost is better */
    double ebops;        /* the cost, where no other is asked for */
    char file[64];       /* of the checkpoint, in the run's folder */
};

struct loom_pareto {
    bool lower_is_better; /* the metric */
    int n;
    struct loom_pareto_point point[LOOM_PARETO_MAX]; /* by rising cost */
};

/* Whether (metric, cost) would join the front: no point is at least as good
 * in both. Not a number never joins. */
bool loom_pareto_wants(const struct loom_pareto *f, double metric, double cost);

/* Add a point that is wanted. Points it beats, and one of the most crowded
 * ones when the front is full, leave; they are copied to `gone` (room for
 * LOOM_PARETO_MAX + 1), and their number is returned. */
int loom_pareto_add(struct loom_pareto *f, const struct loom_pareto_point *p,
                    struct loom_pareto_point *gone);

/* The point with the best metric (among those of at most max_cost, if
 * max_cost > 0); NULL if there is none. */
const struct loom_pareto_point *loom_pareto_best(const struct loom_pareto *f,
                                                 double max_cost);
