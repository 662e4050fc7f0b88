/* How far estimates are from what was measured. */
#pragma once

/* Errors are shares of what was measured. NaN of none; rank: Spearman's
 * correlation, NaN of fewer than two. */
struct loom_accuracy {
    double median, worst, rank;
};

/* estimate, measured [n]; what was measured is above 0. */
struct loom_accuracy loom_accuracy_of(const double *estimate,
                                      const double *measured, int n);

/* Of v [n], which is sorted; NaN of none. */
double loom_median(double *v, int n);
