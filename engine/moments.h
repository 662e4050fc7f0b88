/* Mean and variance of the channels of some values z, for the batch norms: in
 * training those of the batch, through which gradients flow, in evaluation
 * moving averages of them, which are parameters of the layer. */
#pragma once

#include "engine/layer.h"

struct loom_moments {
    size_t n;                         /* channels */
    int moving_mean, moving_variance; /* parameters [n] */
    float epsilon, momentum;
    float *mean, *variance; /* [n] that the layer is to use */
    double count;           /* values a channel, of the last batch */
    /* [padded n] a gradient on z is shift + slope z, beside what comes through
     * the layer itself */
    float *shift, *slope;
};

/* Fields epsilon and momentum of a JSON object (may be NULL). */
int loom_moments_read(struct loom_moments *s, const json_t *conf,
                      const char *layer, double epsilon, struct loom_errmsg *e);
void loom_moments_build(struct loom_moments *s, struct loom_model *m,
                        const char *layer, size_t n);
void loom_moments_init(const struct loom_moments *s, struct loom_model *m);

/* Use the moving averages. */
void loom_moments_use_moving(struct loom_moments *s,
                             const struct loom_model *m);

/* Add rows z [rows][ld] to sums stat [2 n]: z and its square, in double, so
 * that their difference holds. */
void loom_moments_add(const struct loom_moments *s, const float *z, size_t ld,
                      size_t rows, double *stat);
/* Use those of `count` values a channel. */
void loom_moments_use_batch(struct loom_moments *s, const double *stat,
                            double count);

/* Channel c's shift and slope from the gradients on its mean and variance. */
void loom_moments_back(struct loom_moments *s, size_t c, float mean,
                       float variance);

/* Once a step: the moving averages follow those of the batch. */
void loom_moments_follow(const struct loom_moments *s, struct loom_model *m);
