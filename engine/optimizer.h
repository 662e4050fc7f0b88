/* One step of the trained parameters of a model against their gradients.
 *   adam  m and v are means of g and g^2 (Kingma, Ba 2015; defaults and the
 *         place of epsilon as in Keras); with amsgrad the largest v so far
 *         counts (Reddi, Kale, Kumar 2018); with decay, values that are no bits
 *         shrink by lr decay a step (AdamW: Loshchilov, Hutter 2019)
 *   sgd   v = momentum v - lr g, and p += v, or momentum v - lr g (Nesterov)
 * Gradients are clipped before, where asked for: all of them together to a
 * length, then each to a size. */
#pragma once

#include <stdint.h>

#include "engine/model.h"

enum loom_optimizer_kind { LOOM_ADAM, LOOM_SGD };

/* All zero: Adam with its defaults, unclipped. */
struct loom_optimizer_conf {
    enum loom_optimizer_kind kind;
    float beta1, beta2, epsilon; /* adam; 0: 0.9, 0.999, 1e-7 */
    bool amsgrad;
    float decay;
    float momentum; /* sgd */
    bool nesterov;
    float clip_norm, clip_value; /* 0: none */
};

struct loom_optimizer {
    struct loom_optimizer_conf conf;
    uint64_t step;
    size_t n;           /* n_theta */
    float *m, *v, *top; /* [n] each; sgd: m is its v; top: amsgrad's v */
    /* Of the step begun: */
    float lr, rate, clip; /* rate: with Adam's bias corrections */
};

int loom_optimizer_init(struct loom_optimizer *o,
                        const struct loom_optimizer_conf *conf,
                        const struct loom_model *m, struct loom_errmsg *e);
void loom_optimizer_deinit(struct loom_optimizer *o);

/* Take over the state of another one for the same model; NULL: forget all. */
void loom_optimizer_copy(struct loom_optimizer *o,
                         const struct loom_optimizer *from);

/* What tells the states of two optimizers apart: "adam", "amsgrad", "sgd". */
const char *loom_optimizer_word(const struct loom_optimizer_conf *c);

/* Begin a step with m->grad, complete for all parameters: one thread. */
void loom_optimizer_begin(struct loom_optimizer *o, const struct loom_model *m,
                          double lr);
/* Do it for the parameters of theta[begin, end), and put them back into their
 * bounds. Ranges may run on several threads, in any order. */
void loom_optimizer_range(const struct loom_optimizer *o, struct loom_model *m,
                          size_t begin, size_t end);
/* Both, for all of them. */
void loom_optimizer_step(struct loom_optimizer *o, struct loom_model *m,
                         double lr);
