/* Losses and what is counted beside them, on one block of outputs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of a row; the loss of a part is the mean over its rows.
 *   cross_entropy  -log softmax(z)[label]
 *   mse            mean over outputs of d^2, d = z - target
 *   huber          mean over outputs of d^2/2 where |d| <= delta, else
 *                  delta (|d| - delta/2)                       (Huber 1964)
 *   hinge          max(0, 1 + largest other z - z[label])
 *                                                (Crammer, Singer 2001) */
enum loom_loss { LOOM_CROSS_ENTROPY, LOOM_MSE, LOOM_HUBER, LOOM_HINGE };

struct loom_loss_rule {
    enum loom_loss kind;
    double delta; /* huber; in the unit of the outputs */
    double cut;   /* errors of at least this size are outliers; 0: none are */
    const float *class_weight; /* [n] a row's loss by its label; NULL: all 1 */
};

/* Sums over rows; divide by rows for means. */
struct loom_loss_sums {
    double loss;
    double correct; /* rows whose largest output is the label (first wins) */
    double square,
        inliers; /* targets: error^2 without outliers, their number */
    double absolute, values; /* targets: |error|, outputs seen */
};

/* z [rows][ld] of n outputs; y labels, or t [rows][n] targets.
 * gz (may be NULL) gets the gradient of the sum of losses times `scale`. */
void loom_loss_block(const struct loom_loss_rule *rule, size_t rows, size_t n,
                     const float *z, size_t ld, const int *y, const float *t,
                     float scale, float *gz, struct loom_loss_sums *sums);

int loom_loss_from_word(const char *s); /* "cross_entropy", ...; or -1 */
const char *loom_loss_word(enum loom_loss kind);
/* Whether it wants labels; else targets. */
bool loom_loss_of_classes(enum loom_loss kind);
