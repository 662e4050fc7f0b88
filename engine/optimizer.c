#include "engine/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

int loom_optimizer_init(struct loom_optimizer *o,
                        const struct loom_optimizer_conf *conf,
                        const struct loom_model *m, struct loom_errmsg *e)
{
    *o = (struct loom_optimizer){.conf = *conf, .n = m->n_theta};
    if (!(conf->beta1 > 0.0f))
        o->conf.beta1 = 0.9f;
    if (!(conf->beta2 > 0.0f))
        o->conf.beta2 = 0.999f;
    if (!(conf->epsilon > 0.0f))
        o->conf.epsilon = 1e-7f;
    float **const state[] = {&o->m, &o->v, &o->top};
    for (int k = 0; k < 2 + conf->amsgrad; k++) {
        *state[k] =
            loom_try_alloc(m->n_theta, sizeof(float), "optimizer's state", e);
        if (!*state[k])
            return LOOM_ERR_NOMEM;
    }
    return 0;
}

void loom_optimizer_deinit(struct loom_optimizer *o)
{
    free(o->m);
    free(o->v);
    free(o->top);
    *o = (struct loom_optimizer){0};
}

void loom_optimizer_copy(struct loom_optimizer *o,
                         const struct loom_optimizer *from)
{
    const float *const old[] = {from ? from->m : NULL, from ? from->v : NULL,
                                from ? from->top : NULL};
    float *const mine[] = {o->m, o->v, o->top};
    size_t bytes = o->n * sizeof(float);
    o->step = from ? from->step : 0;
    for (int k = 0; k < 3; k++) {
        if (mine[k] && old[k])
            memcpy(mine[k], old[k], bytes);
        else if (mine[k])
            memset(mine[k], 0, bytes);
    }
}

const char *loom_optimizer_word(const struct loom_optimizer_conf *c)
{
    return c->kind == LOOM_SGD ? "sgd" : c->amsgrad ? "amsgrad" : "adam";
}

static bool moves(const struct loom_param *p)
{
    return p->trained && !p->frozen;
}

/* The factor that makes all gradients together no longer than asked. */
static float clip_factor(const struct loom_optimizer *o,
                         const struct loom_model *m)
{
    double square = 0.0, most = (double)o->conf.clip_norm;
    for (int k = 0; k < m->n_params && most > 0.0; k++)
        for (size_t j = 0; moves(&m->param[k]) && j < m->param[k].n; j++) {
            double g = (double)m->grad[m->param[k].at + j];
            square += g * g;
        }
    return square > most * most ? (float)(most / sqrt(square)) : 1.0f;
}

void loom_optimizer_begin(struct loom_optimizer *o, const struct loom_model *m,
                          double lr)
{
    double t = (double)++o->step;
    o->lr = (float)lr;
    o->rate = (float)(lr * sqrt(1.0 - pow((double)o->conf.beta2, t)) /
                      (1.0 - pow((double)o->conf.beta1, t)));
    o->clip = clip_factor(o, m);
}

/* Gradients as they count, and decay, in place. */
static void clip_and_decay(const struct loom_optimizer *o,
                           const struct loom_param *param, size_t n, float *p,
                           float *g)
{
    float most = o->conf.clip_value, keep = 1.0f - o->lr * o->conf.decay;
    for (size_t j = 0; o->clip < 1.0f && j < n; j++)
        g[j] *= o->clip;
    for (size_t j = 0; most > 0.0f && j < n; j++)
        g[j] = g[j] > most ? most : g[j] < -most ? -most : g[j];
    for (size_t j = 0; keep < 1.0f && !param->bits && j < n; j++)
        p[j] *= keep;
}

static void sgd(const struct loom_optimizer *o, size_t n, float *restrict p,
                const float *restrict g, float *restrict v)
{
    float momentum = o->conf.momentum, lr = o->lr;
    for (size_t j = 0; j < n; j++) {
        v[j] = momentum * v[j] - lr * g[j];
        p[j] += o->conf.nesterov ? momentum * v[j] - lr * g[j] : v[j];
    }
}

static void amsgrad(const struct loom_optimizer *o, size_t n, float *restrict p,
                    const float *restrict g, float *restrict m,
                    float *restrict v, float *restrict top)
{
    float b1 = 1.0f - o->conf.beta1, b2 = 1.0f - o->conf.beta2;
    for (size_t j = 0; j < n; j++) {
        m[j] += (g[j] - m[j]) * b1;
        v[j] += (g[j] * g[j] - v[j]) * b2;
        top[j] = top[j] > v[j] ? top[j] : v[j];
        p[j] -= o->rate * m[j] / (sqrtf(top[j]) + o->conf.epsilon);
    }
}

void loom_optimizer_range(const struct loom_optimizer *o, struct loom_model *m,
                          size_t begin, size_t end)
{
    const struct loom_optimizer_conf *c = &o->conf;
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *param = &m->param[k];
        size_t at = param->at > begin ? param->at : begin;
        size_t last = param->at + param->n < end ? param->at + param->n : end;
        if (!moves(param) || at >= last)
            continue;
        float *p = m->theta + at, *g = m->grad + at;
        clip_and_decay(o, param, last - at, p, g);
        if (c->kind == LOOM_SGD)
            sgd(o, last - at, p, g, o->m + at);
        else if (c->amsgrad)
            amsgrad(o, last - at, p, g, o->m + at, o->v + at, o->top + at);
        else
            m->kernels->adam(last - at, p, g, o->m + at, o->v + at, o->rate,
                             c->beta1, c->beta2, c->epsilon);
    }
    loom_model_project(m, begin, end);
}

void loom_optimizer_step(struct loom_optimizer *o, struct loom_model *m,
                         double lr)
{
    loom_optimizer_begin(o, m, lr);
    loom_optimizer_range(o, m, 0, m->n_theta);
}
