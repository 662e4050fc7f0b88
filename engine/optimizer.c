#include "engine/optimizer.h"

#include <math.h>
#include <stdlib.h>

#include "engine/mem.h"

int loom_adam_init(struct loom_adam *a, const struct loom_model *m,
                   struct loom_errmsg *e)
{
    *a = (struct loom_adam){.beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-7f};
    a->m = loom_try_alloc(m->n_theta, sizeof(float), "Adam's moments", e);
    a->v = loom_try_alloc(m->n_theta, sizeof(float), "Adam's moments", e);
    return a->m && a->v ? 0 : LOOM_ERR_NOMEM;
}

void loom_adam_deinit(struct loom_adam *a)
{
    free(a->m);
    free(a->v);
    *a = (struct loom_adam){0};
}

void loom_adam_step(struct loom_adam *a, struct loom_model *m, double lr)
{
    double t = (double)++a->step;
    float rate = (float)(lr * sqrt(1.0 - pow((double)a->beta2, t)) /
                         (1.0 - pow((double)a->beta1, t)));
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        if (p->trained && !p->frozen)
            m->kernels->adam(p->n, m->theta + p->at, m->grad + p->at,
                             a->m + p->at, a->v + p->at, rate, a->beta1,
                             a->beta2, a->epsilon);
    }
    loom_model_project(m);
}
