/* The best of several networks that a device holds at a clock, found by
 * building few of them. Networks come best first, so that each is larger than
 * those after it. What has been measured corrects what is predicted; a
 * predicted number never decides alone: the answer has been placed and routed.
 * Plain data, one thread. */
#pragma once

#include <stdbool.h>

#include "fpga_flow/target.h"

enum loom_fit_outcome {
    LOOM_FIT_UNKNOWN,
    LOOM_FIT_YES,
    LOOM_FIT_TOO_LARGE,
    LOOM_FIT_TOO_SLOW,
    LOOM_FIT_FAILED /* for another reason: it says nothing of the others */
};

const char *loom_fit_word(enum loom_fit_outcome o); /* "fits", "too large" */

struct loom_fit_point {
    bool is_predicted;
    struct loom_cells predicted;
    enum loom_fit_outcome outcome;
    struct loom_cells measured; /* lc 0: not known */
    double fmax_mhz;            /* 0: not known */
};

struct loom_fit {
    struct loom_cells limit; /* carry is not limited */
    double clock_mhz;
    int n;
    struct loom_fit_point *point; /* [n], borrowed, best first */
    double ratio; /* of measured to predicted cells: as it was elsewhere (0:
                     not known), then the median of the points' own */
};

/* The cells of point i, predicted; 0 or an error, which passes it over. */
typedef int (*loom_fit_predict)(void *ctx, int i, struct loom_cells *out);

/* Which point to build next; -1: nothing is left to learn. Asks `predict`
 * for points that have no prediction yet, a few of them. */
int loom_fit_next(struct loom_fit *f, loom_fit_predict predict, void *ctx);

/* Point i was built, and came to err (0, or what loom_build_run returned):
 * cells and clock as measured, 0 where it did not come so far. Sets the
 * outcome. */
void loom_fit_note(struct loom_fit *f, int i, struct loom_cells measured,
                   double fmax_mhz, int err);

/* The best point that fits, measured; -1: none. */
int loom_fit_best(const struct loom_fit *f);

/* The factor by which the network of the best point that fits (none: of the
 * smallest) could grow, or must shrink, to fill the device; 0: not known, or
 * the best network of all fits. */
double loom_fit_growth(const struct loom_fit *f);
