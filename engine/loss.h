/* Losses and what is counted beside them, on one block of outputs. */
#pragma once

#include <stddef.h>

enum loom_loss { LOOM_CROSS_ENTROPY, LOOM_MSE };

/* Sums over rows; divide by rows for means. */
struct loom_loss_sums {
    double loss; /* CE: -log p(label); MSE: mean over outputs of error^2 */
    double
        correct;   /* CE: rows whose largest output is the label (first wins) */
    double square; /* MSE: sum of error^2, outliers excluded */
    double inliers; /* MSE: outputs whose |error| < the cut */
    double values;  /* MSE: outputs seen */
};

/* z [rows][ld] of n outputs; y labels (CE) or t [rows][n] targets (MSE).
 * cut: errors of at least this size are outliers (0: none are).
 * gz (may be NULL) gets the gradient of the sum of losses times `scale`. */
void loom_loss_block(enum loom_loss kind, size_t rows, size_t n, const float *z,
                     size_t ld, const int *y, const float *t, double cut,
                     float scale, float *gz, struct loom_loss_sums *sums);

int loom_loss_from_word(const char *s); /* "cross_entropy", "mse"; or -1 */
const char *loom_loss_word(enum loom_loss kind);
