/* Adam over the trained parameters of a model (Kingma, Ba 2015; defaults and
 * the place of epsilon as in Keras). */
#pragma once

#include <stdint.h>

#include "engine/model.h"

struct loom_adam {
    float beta1, beta2, epsilon;
    uint64_t step;
    float *m, *v; /* [n_theta] first and second moments */
};

int loom_adam_init(struct loom_adam *a, const struct loom_model *m,
                   struct loom_errmsg *e);
void loom_adam_deinit(struct loom_adam *a);

/* One step with m->grad, then every parameter back into its bounds. */
void loom_adam_step(struct loom_adam *a, struct loom_model *m, double lr);
