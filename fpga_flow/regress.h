/* Prices of what things are made of, from things whose cost is known: y = sum
 * price x, close by share of y. Least squares that forgive far points (Huber's
 * weights). The same rows give the same prices. */
#pragma once

enum { LOOM_REGRESS_MAX = 16 };

struct loom_regress {
    int n, n_x;           /* rows; kinds of things, at most LOOM_REGRESS_MAX */
    const double *x;      /* [n][n_x], 0 or more */
    const double *y;      /* [n], above 0 */
    const double *before; /* [n_x] prices that hold where the rows say nothing:
                             as much as half a row */
    double floor; /* no price falls below this share of what it was: with it at
                     0, not below 0 */
};

/* price [n_x]. */
void loom_regress_fit(const struct loom_regress *r, double *price);

/* y of row i at these prices. */
double loom_regress_at(const struct loom_regress *r, const double *price,
                       int i);
