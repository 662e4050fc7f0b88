/* A device's cells as a training counts them: what the parts are, that their
 * gradient is a derivative, and that they read back as they were written. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/affine.h"
#include "engine/cost.h"

static const char dense[] =
    "[['input','x',{'n':5}],['quantize','q',{'i0':2,'f0':3}],"
    "['dense','d',{'units':4,'kernel':{'b0':4}}],['relu','r',{}],"
    "['quantize','s',{'i0':1,'f0':2}],"
    "['dense','e',{'units':3,'kernel':{'type':'kif','f0':2,'i0':0}}]]";

static const char conv[] =
    "[['input','x',{'shape':[4,5,2]}],['quantize','q',{'i0':1,'f0':2}],"
    "['conv2d','c',{'filters':3,'size':[3,2],'padding':'same','parallel':4,"
    "'kernel':{'b0':3}}],['relu','r',{}],['flatten','f',{}],"
    "['quantize','s',{'i0':0,'f0':2}],"
    "['dense','d',{'units':2,'kernel':{'b0':2}}]]";

/* Bits of its own for every element: 0 to 6, or any number between. */
static void draw_bits(struct loom_qstate *q, uint64_t seed)
{
    struct loom_rng g = loom_rng_init(seed, 0);
    for (size_t j = 0; j < q->n; j++) {
        q->bits[j] = (float)unit_between(&g, 0, 6);
        q->rf[j] = q->bits[j] - q->ri[j];
    }
}

/* A model in whose layers of weights all bits are drawn. */
static struct loom_model *drawn(const char *chain)
{
    struct loom_model *m = unit_chain(chain);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_affine *a = m->layer[k].state;
        if (m->layer[k].ops->ebops != loom_affine_ebops)
            continue;
        draw_bits(a->in, (uint64_t)k);
        draw_bits(&a->kernel.q, 100 + (uint64_t)k);
        draw_bits(&a->bias.q, 200 + (uint64_t)k);
    }
    memset(m->grad, 0, m->n_theta * sizeof(float));
    return m;
}

static double some(double b)
{
    return 1.0 - exp2(-b);
}

/* Weight by weight, as the header has it. */
static void count_weight(const struct loom_affine *a, size_t p, size_t k,
                         size_t u, double part[LOOM_COST_PARTS])
{
    int32_t i = loom_affine_element(a, p, k);
    double w = (double)a->kernel.q.bits[k * a->units + u];
    double x = i < 0 ? 0.0 : (double)a->in->bits[i];
    part[LOOM_COST_PRODUCTS] += a->share * x * w;
    part[LOOM_COST_WIDTHS] += a->share * x * some(w);
    part[LOOM_COST_DIGITS] += a->share * some(x) * w;
    part[LOOM_COST_TERMS] += a->share * some(x) * some(w);
}

static void count_layer(const struct loom_affine *a,
                        double part[LOOM_COST_PARTS])
{
    for (size_t p = 0; p < a->positions; p++)
        for (size_t k = 0; k < a->k; k++)
            for (size_t u = 0; u < a->units; u++)
                count_weight(a, p, k, u, part);
    for (size_t u = 0; u < a->units; u++)
        part[LOOM_COST_BIASES] +=
            (double)a->bias.q.bits[u] * (double)a->bias_positions;
    for (size_t k = 0; a->positions == 1 && k < a->k; k++) {
        double w = 0;
        for (size_t u = 0; u < a->units; u++)
            w += (double)a->kernel.q.bits[k * a->units + u];
        part[LOOM_COST_DATA] += (double)a->in->bits[k] * some(w);
    }
}

static void test_parts(void **state)
{
    struct loom_model *m = drawn(*state);
    double got[LOOM_COST_PARTS], want[LOOM_COST_PARTS] = {0};
    loom_cost_parts(m, got);
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].ops->ebops == loom_affine_ebops)
            count_layer(m->layer[k].state, want);
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        if (p != LOOM_COST_DATA || *state == dense)
            if (fabs(got[p] - want[p]) > 1e-9 * (1 + want[p]))
                fail_msg("%s: %.9g, not %.9g",
                         loom_cost_word((enum loom_cost_part)p), got[p],
                         want[p]);
    assert_true(got[LOOM_COST_PRODUCTS] > 0 && got[LOOM_COST_DATA] > 0);
    double ebops = loom_model_ebops(m, 0, NULL);
    assert_true(fabs(got[LOOM_COST_PRODUCTS] + got[LOOM_COST_BIASES] - ebops) <
                1e-9 * ebops);
    loom_model_destroy(m);
}

/* Of the bits of quantizer q; grad is that of the bits' parameter. */
static void check_bits(struct loom_model *m, const struct loom_cost *c,
                       struct loom_qstate *q, float beta)
{
    const float h = 1.0f / 64;
    for (size_t j = 0; j < q->n; j++) {
        float was = q->bits[j];
        double got = (double)loom_qstate_gradient(q, m, j);
        q->bits[j] = was + h;
        double more = loom_cost_cells(m, c, 0);
        q->bits[j] = was - h;
        double less = loom_cost_cells(m, c, 0);
        q->bits[j] = was;
        double want = (double)beta * (more - less) / (2 * (double)h);
        if (q->conf.type == LOOM_KIF && was <= 0)
            want = 0; /* nothing there that could be less */
        if (fabs(got - want) > 2e-4 * (fabs(want) + 0.01))
            fail_msg("bits[%zu] = %g: gradient %.6g, not %.6g", j, (double)was,
                     got, want);
    }
}

/* Each price alone, and all of them. */
static void test_gradient(void **state)
{
    const float beta = 0.25f;
    for (int only = 0; only <= LOOM_COST_PARTS; only++) {
        struct loom_model *m = drawn(*state);
        struct loom_cost c = {.device = "d", .unit = "LC", .fixed = 7};
        for (int p = 0; p < LOOM_COST_PARTS; p++)
            c.price[p] =
                p == only || only == LOOM_COST_PARTS ? 0.5 + 0.25 * p : 0;
        double cells = loom_cost_cells(m, &c, beta);
        assert_true(cells == loom_cost_cells(m, &c, 0) && cells >= 7);
        for (int k = 0; k < m->n_layers; k++) {
            struct loom_affine *a = m->layer[k].state;
            if (m->layer[k].ops->ebops != loom_affine_ebops)
                continue;
            check_bits(m, &c, a->in, beta);
            check_bits(m, &c, &a->kernel.q, beta);
            check_bits(m, &c, &a->bias.q, beta);
        }
        loom_model_destroy(m);
    }
}

/* Layers without weights count by their EBOPs. */
static void test_other(void **state)
{
    (void)state;
    struct loom_model *m =
        unit_chain("[['input','x',{'n':5}],['quantize','q',{'i0':1,'f0':3}],"
                   "['relu','r',{}],['quantize','s',{'i0':1,'f0':2}],"
                   "['maximum','m',{},'q','s']]");
    struct loom_cost c = {.device = "d", .price = {[LOOM_COST_OTHER] = 3}};
    size_t bytes = m->n_theta * sizeof(float);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    memset(m->grad, 0, bytes);
    double ebops = loom_model_ebops(m, 3, NULL);
    float *want = memcpy(loom_malloc(bytes), m->grad, bytes);
    memset(m->grad, 0, bytes);
    assert_true(ebops > 0 && loom_cost_cells(m, &c, 1) == 3 * ebops);
    assert_memory_equal(m->grad, want, bytes);
    free(want);
    loom_model_destroy(m);
}

static void test_json(void **state)
{
    (void)state;
    struct loom_cost c = {.device = "hx8k", .unit = "LC", .fixed = 12.5}, back;
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        c.price[p] = 1.0 / (3 + p);
    json_t *j = loom_cost_to_json(&c);
    assert_ok(loom_cost_from_json(j, &back, e));
    assert_string_equal(back.device, c.device);
    assert_string_equal(back.unit, c.unit);
    assert_true(back.fixed == c.fixed);
    assert_memory_equal(back.price, c.price, sizeof(c.price));
    json_object_set_new(j, "data", json_real(-1));
    assert_fails(loom_cost_from_json(j, &back, e), LOOM_ERR_FORMAT, "data");
    json_object_set_new(j, "data", json_string("1"));
    assert_fails(loom_cost_from_json(j, &back, e), LOOM_ERR_FORMAT, "data");
    json_object_set_new(j, "device", json_string(""));
    assert_fails(loom_cost_from_json(j, &back, e), LOOM_ERR_FORMAT, "device");
    json_decref(j);
    assert_fails(loom_cost_from_json(NULL, &back, e), LOOM_ERR_FORMAT,
                 "device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"parts, dense", test_parts, NULL, NULL, (void *)(uintptr_t)dense},
        {"parts, conv", test_parts, NULL, NULL, (void *)(uintptr_t)conv},
        {"gradient, dense", test_gradient, NULL, NULL,
         (void *)(uintptr_t)dense},
        {"gradient, conv", test_gradient, NULL, NULL, (void *)(uintptr_t)conv},
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
