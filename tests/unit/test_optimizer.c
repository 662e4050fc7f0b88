/* Optimizers against the same formulas in double precision. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/optimizer.h"

enum { STEPS = 40 };

static const char chain[] =
    "[['input','x',{'n':5}],['quantize','q',{}],"
    "['dense','d',{'units':7}],['quantize','r',{'per':'tensor'}],"
    "['dense','e',{'units':3,'kernel':{'per':'tensor'}}]]";

/* A model's parameters and state in double. */
struct reference {
    double *p, *m, *v, *top;
};

static struct reference new_reference(const struct loom_model *model)
{
    size_t n = model->n_theta;
    struct reference r = {
        loom_calloc(n, sizeof(double)), loom_calloc(n, sizeof(double)),
        loom_calloc(n, sizeof(double)), loom_calloc(n, sizeof(double))};
    for (size_t j = 0; j < n; j++)
        r.p[j] = (double)model->theta[j];
    return r;
}

static double clip_factor(const struct loom_model *m, double most)
{
    double square = 0;
    for (int k = 0; k < m->n_params; k++)
        for (size_t j = 0; j < m->param[k].n; j++)
            if (m->param[k].trained && !m->param[k].frozen)
                square += pow((double)m->grad[m->param[k].at + j], 2);
    double length = sqrt(square);
    return most > 0 && length > most ? most / length : 1;
}

static void update(const struct loom_optimizer_conf *c, struct reference *r,
                   size_t j, double g, bool bits, double lr, int t)
{
    double b1 = c->beta1 > 0 ? (double)c->beta1 : 0.9;
    double b2 = c->beta2 > 0 ? (double)c->beta2 : 0.999;
    double eps = c->epsilon > 0 ? (double)c->epsilon : 1e-7;
    if (c->clip_value > 0)
        g = fmax(fmin(g, (double)c->clip_value), -(double)c->clip_value);
    if (!bits)
        r->p[j] -= lr * (double)c->decay * r->p[j];
    if (c->kind == LOOM_SGD) {
        double u = (double)c->momentum;
        r->m[j] = u * r->m[j] - lr * g;
        r->p[j] += c->nesterov ? u * r->m[j] - lr * g : r->m[j];
        return;
    }
    r->m[j] = b1 * r->m[j] + (1 - b1) * g;
    r->v[j] = b2 * r->v[j] + (1 - b2) * g * g;
    r->top[j] = fmax(r->top[j], r->v[j]);
    double v = c->amsgrad ? r->top[j] : r->v[j];
    r->p[j] -= lr * sqrt(1 - pow(b2, t)) / (1 - pow(b1, t)) * r->m[j] /
               (sqrt(v) + eps);
}

static void reference_step(const struct loom_optimizer_conf *c,
                           struct reference *r, const struct loom_model *m,
                           double lr, int t)
{
    double factor = clip_factor(m, (double)c->clip_norm);
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *q = &m->param[k];
        for (size_t j = q->at; j < q->at + q->n; j++) {
            if (q->trained && !q->frozen)
                update(c, r, j, factor * (double)m->grad[j], q->bits, lr, t);
            if (q->bounded)
                r->p[j] = fmax(fmin(r->p[j], (double)q->hi), (double)q->lo);
        }
    }
}

static void draw_gradients(struct loom_model *m, struct loom_rng *g)
{
    for (size_t j = 0; j < m->n_theta; j++)
        m->grad[j] = (float)(0.3 * loom_rng_normal(g));
}

static void close_to(const struct loom_model *m, const struct reference *r)
{
    for (size_t j = 0; j < m->n_theta; j++)
        if (fabs((double)m->theta[j] - r->p[j]) > 2e-5 * fmax(1, fabs(r->p[j])))
            fail_msg("parameter %zu is %.9g, not %.9g", j, (double)m->theta[j],
                     r->p[j]);
}

static const struct loom_optimizer_conf cases[] = {
    {0},
    {.beta1 = 0.8f, .beta2 = 0.95f, .epsilon = 1e-3f},
    {.amsgrad = true, .beta2 = 0.5f},
    {.decay = 0.5f},
    {.kind = LOOM_SGD},
    {.kind = LOOM_SGD, .momentum = 0.9f},
    {.kind = LOOM_SGD, .momentum = 0.9f, .nesterov = true},
    {.clip_norm = 0.7f},
    {.clip_value = 0.1f},
    {.kind = LOOM_SGD, .clip_norm = 1e6f},
    {.kind = LOOM_SGD, .clip_norm = 0.4f, .clip_value = 0.05f, .decay = 0.1f},
};

static void test_formulas(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_rng g = loom_rng_init(3, k);
        struct loom_model *m = unit_chain(chain);
        struct reference r = new_reference(m);
        struct loom_optimizer o;
        assert_true(loom_model_freeze_bits(m, "e", true) > 0);
        assert_ok(loom_optimizer_init(&o, &cases[k], m, e));
        for (int t = 1; t <= STEPS; t++) {
            double lr = 1e-2 / t;
            draw_gradients(m, &g);
            reference_step(&cases[k], &r, m, lr, t);
            loom_optimizer_step(&o, m, lr);
            close_to(m, &r);
        }
        loom_optimizer_deinit(&o);
        loom_model_destroy(m);
        free(r.p);
        free(r.m);
        free(r.v);
        free(r.top);
    }
}

/* In pieces of any size, last first: the same bits as in one. */
static void test_ranges(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_rng g = loom_rng_init(4, k);
        struct loom_model *a = unit_chain(chain), *b = unit_chain(chain);
        struct loom_optimizer o, p;
        assert_ok(loom_optimizer_init(&o, &cases[k], a, e));
        assert_ok(loom_optimizer_init(&p, &cases[k], b, e));
        for (int t = 1; t <= 5; t++) {
            draw_gradients(a, &g);
            memcpy(b->grad, a->grad, a->n_theta * sizeof(float));
            loom_optimizer_step(&o, a, 1e-2);
            loom_optimizer_begin(&p, b, 1e-2);
            size_t piece = (size_t)unit_between(&g, 1, 40);
            for (size_t end = b->n_theta; end; end -= end < piece ? end : piece)
                loom_optimizer_range(&p, b, end < piece ? 0 : end - piece, end);
            assert_memory_equal(a->theta, b->theta, a->n_theta * sizeof(float));
        }
        loom_optimizer_deinit(&o);
        loom_optimizer_deinit(&p);
        loom_model_destroy(a);
        loom_model_destroy(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
