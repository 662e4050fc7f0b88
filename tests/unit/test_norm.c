/* Batch norms against plain sums in double: a network of fused norms whose
 * bits are so fine that rounding vanishes, differentiated by finite
 * differences; and one layer of coarse bits against the definition of what is
 * passed straight through. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/layer.h"
#include "engine/quantizer.h"

enum { ROWS = 40, MAX_VALUES = ROWS * 64 };

#define FINE   "{'f0':14,'i0':6,'overflow':'SAT','l1':0}"
#define KERNEL "{'type':'kif','f0':18,'i0':4,'overflow':'SAT'}"
#define EXACT  "'kernel':" KERNEL ",'bias':" KERNEL

struct rig {
    struct loom_model *m;
    struct loom_scratch s;
    struct loom_sums sums;
    float x[ROWS * 16];
};

static struct rig *rig_new(const char *text, uint64_t seed)
{
    struct rig *r = loom_calloc(1, sizeof(*r));
    struct loom_rng g = loom_rng_init(seed, 1);
    r->m = unit_chain(text);
    assert_ok(loom_scratch_init(&r->s, r->m, e));
    assert_ok(loom_sums_init(&r->sums, r->m, e));
    for (size_t j = 0; j < ROWS * r->m->n_in; j++)
        r->x[j] = rintf((float)loom_rng_normal(&g) * 64 + 32) / 64;
    for (int p = 0; p < r->m->n_params; p++) {
        const struct loom_param *q = &r->m->param[p];
        const char *word = strrchr(q->name, '/') + 1;
        if (!strcmp(word, "gamma") || !strcmp(word, "bias"))
            for (size_t j = 0; j < q->n; j++)
                r->m->theta[q->at + j] =
                    (float)(0.3 * loom_rng_normal(&g) + (*word == 'g'));
    }
    return r;
}

static void rig_destroy(struct rig *r)
{
    loom_scratch_deinit(&r->s);
    loom_sums_deinit(&r->sums);
    loom_model_destroy(r->m);
    free(r);
}

/* Outputs and gradients of the sum of out^2 / 2, of one block. */
static void run(struct rig *r)
{
    struct loom_model *m = r->m;
    const struct loom_layer *out = &m->layer[m->output];
    int last = m->n_phases - 1;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_sums_clear(&r->sums, m);
    for (size_t k = 0; k < ROWS; k++)
        loom_scratch_put(&r->s, m, k, r->x + k * m->n_in);
    for (int p = 0; p <= last; p++) {
        loom_model_forward_phase(m, &r->s, ROWS, &r->sums, p, false);
        if (p < last)
            loom_model_sync(m, &r->sums, 1, p, ROWS);
    }
    memcpy(r->s.gout[m->output], r->s.out[m->output],
           ROWS * out->ld * sizeof(float));
    for (int p = last; p >= 0; p--) {
        if (p < last)
            loom_model_sync_back(m, &r->sums, 1, p + 1, ROWS);
        loom_model_backward_phase(m, &r->s, ROWS, &r->sums, p);
    }
    loom_model_reduce(m, &r->sums, 1);
}

static const float *values(const struct rig *r, const char *layer,
                           const char *word)
{
    char *name = loom_asprintf("%s/%s", layer, word);
    const struct loom_param *p = loom_model_param(r->m, name);
    assert_non_null(p);
    free(name);
    return r->m->theta + p->at;
}

/* ---- the reference ----------------------------------------------------- */

/* x W + b over patches of k elements that begin `step` apart, normed. */
struct plain {
    const char *name;
    size_t n_in, positions, step, k, units;
    bool norm, unbiased;
    double mean[8], variance[8]; /* of the last time */
};

static void plain_norm(struct plain *a, const struct rig *r, const double *x,
                       double *y)
{
    const float *w = values(r, a->name, "kernel");
    const float *b = a->unbiased ? NULL : values(r, a->name, "bias");
    const float *gamma = a->norm ? values(r, a->name, "gamma") : NULL;
    double count = (double)(ROWS * a->positions);
    for (size_t u = 0; u < a->units; u++) {
        double sum = 0, square = 0;
        for (size_t t = 0; t < ROWS * a->positions; t++) {
            const double *from =
                x + t / a->positions * a->n_in + t % a->positions * a->step;
            double z = 0;
            for (size_t k = 0; k < a->k; k++)
                z += from[k] * (double)w[k * a->units + u];
            y[t * a->units + u] = z;
            sum += z;
        }
        double mean = sum / count;
        for (size_t t = 0; t < ROWS * a->positions; t++)
            square += pow(y[t * a->units + u] - mean, 2);
        a->mean[u] = mean;
        a->variance[u] = square / count;
        double scale =
            a->norm ? (double)gamma[u] / sqrt(square / count + 1e-7) : 1;
        double shift = (b ? (double)b[u] : 0) - (a->norm ? mean * scale : 0);
        for (size_t t = 0; t < ROWS * a->positions; t++)
            y[t * a->units + u] = y[t * a->units + u] * scale + shift;
    }
}

typedef double plain_loss(struct plain *a, size_t n, const struct rig *r);

static double half_square(const double *y, size_t n)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += y[j] * y[j] / 2;
    return sum;
}

static void plain_input(const struct rig *r, double *x)
{
    for (size_t j = 0; j < ROWS * r->m->n_in; j++)
        x[j] = (double)r->x[j];
}

/* One behind the other, with ReLUs between them. */
static double chain_loss(struct plain *a, size_t n, const struct rig *r)
{
    static double x[2][MAX_VALUES];
    plain_input(r, x[0]);
    for (size_t k = 0; k < n; k++) {
        plain_norm(&a[k], r, x[k % 2], x[(k + 1) % 2]);
        for (size_t j = 0; k + 1 < n && j < MAX_VALUES; j++)
            x[(k + 1) % 2][j] = fmax(x[(k + 1) % 2][j], 0);
    }
    return half_square(x[n % 2], ROWS * a[n - 1].positions * a[n - 1].units);
}

/* a and b side by side, c of their sum; the product of all three's sum with
 * d, which reads the input: ways around one norm and around two. */
static double paths_loss(struct plain *a, size_t n, const struct rig *r)
{
    static double x[MAX_VALUES], y[4][MAX_VALUES];
    (void)n;
    plain_input(r, x);
    plain_norm(&a[0], r, x, y[0]);
    plain_norm(&a[1], r, x, y[1]);
    for (size_t j = 0; j < ROWS * a[0].units; j++)
        y[0][j] += y[1][j];
    plain_norm(&a[2], r, y[0], y[2]);
    plain_norm(&a[3], r, x, y[3]);
    for (size_t j = 0; j < ROWS * a[0].units; j++)
        y[3][j] *= y[0][j] + y[2][j];
    return half_square(y[3], ROWS * a[0].units);
}

/* The norm of its own between a and b, over 2 positions of 4 channels. */
static double standalone_loss(struct plain *a, size_t n, const struct rig *r)
{
    static double x[2][MAX_VALUES];
    const float *gamma = values(r, "n", "gamma"),
                *beta = values(r, "n", "beta");
    (void)n;
    plain_input(r, x[0]);
    plain_norm(&a[0], r, x[0], x[1]);
    for (size_t c = 0; c < 4; c++) {
        double mean = 0, variance = 0;
        for (size_t t = 0; t < 2 * ROWS; t++)
            mean += x[1][t * 4 + c] / (2 * ROWS);
        for (size_t t = 0; t < 2 * ROWS; t++)
            variance += pow(x[1][t * 4 + c] - mean, 2) / (2 * ROWS);
        double scale = (double)gamma[c] / sqrt(variance + 1e-3);
        for (size_t t = 0; t < 2 * ROWS; t++)
            x[1][t * 4 + c] =
                fmax((x[1][t * 4 + c] - mean) * scale + (double)beta[c], 0);
    }
    plain_norm(&a[1], r, x[1], x[0]);
    return half_square(x[0], ROWS * 3);
}

static void check_differences(struct rig *r, plain_loss *loss, struct plain *a,
                              size_t n, const struct loom_param *p)
{
    double worst = 0, top = 0;
    for (size_t j = p->at; j < p->at + p->n; j++) {
        float *v = r->m->theta + j, old = *v;
        *v = old + 0x1p-12f;
        double up = loss(a, n, r), from = (double)*v;
        *v = old - 0x1p-12f;
        double want = (up - loss(a, n, r)) / (from - (double)*v);
        *v = old;
        worst = fmax(worst, fabs(want - (double)r->m->grad[j]));
        top = fmax(top, fabs(want));
    }
    print_message("%-10s largest difference %.1e of the largest derivative\n",
                  p->name, worst / top);
    assert_true(top > 0 && worst < 2e-3 * top);
}

static void check_net(struct rig *r, plain_loss *loss, struct plain *a,
                      size_t n)
{
    run(r);
    for (int p = 0; p < r->m->n_params; p++) {
        const char *word = strrchr(r->m->param[p].name, '/') + 1;
        if (!strcmp(word, "kernel") || !strcmp(word, "bias") ||
            !strcmp(word, "gamma") || !strcmp(word, "beta"))
            check_differences(r, loss, a, n, &r->m->param[p]);
    }
    loss(a, n, r);
    for (size_t k = 0; k < n; k++)
        for (size_t u = 0; a[k].norm && u < a[k].units; u++) {
            const float *mean = values(r, a[k].name, "moving_mean");
            const float *variance = values(r, a[k].name, "moving_variance");
            assert_true(fabs((double)mean[u] - 0.01 * a[k].mean[u]) < 1e-5);
            assert_true(fabs((double)variance[u] - 0.99 -
                             0.01 * a[k].variance[u]) < 1e-5);
        }
    rig_destroy(r);
}

static void test_dense(void **state)
{
    (void)state;
    struct plain a[] = {
        {.name = "a", .n_in = 5, .positions = 1, .k = 5, .units = 7, .norm = 1},
        {.name = "b", .n_in = 7, .positions = 1, .k = 7, .units = 6, .norm = 1},
        {.name = "c", .n_in = 6, .positions = 1, .k = 6, .units = 3}};
    check_net(rig_new("[['input','x',{'n':5}],['quantize','a/iq'," FINE "],"
                      "['dense','a',{'units':7,'norm':true," EXACT "}],"
                      "['relu','r',{}],['quantize','b/iq'," FINE "],"
                      "['dense','b',{'units':6,'norm':true," EXACT "}],"
                      "['relu','s',{}],['quantize','c/iq'," FINE "],"
                      "['dense','c',{'units':3," EXACT "}]]",
                      4),
              chain_loss, a, 3);
}

static void test_conv(void **state)
{
    (void)state;
    struct plain a[] = {
        {.name = "a",
         .n_in = 14,
         .positions = 5,
         .step = 2,
         .k = 6,
         .units = 4,
         .norm = true},
        {.name = "b",
         .n_in = 20,
         .positions = 5,
         .step = 4,
         .k = 4,
         .units = 3,
         .norm = true},
        {.name = "c", .n_in = 15, .positions = 1, .k = 15, .units = 2}};
    check_net(
        rig_new("[['input','x',{'shape':[7,2]}],['quantize','a/iq'," FINE "],"
                "['conv1d','a',{'filters':4,'size':3,'norm':true," EXACT "}],"
                "['relu','r',{}],['quantize','b/iq'," FINE "],"
                "['dense','b',{'units':3,'norm':true," EXACT "}],"
                "['relu','s',{}],['flatten','f',{}],['quantize','c/iq'," FINE
                "],"
                "['dense','c',{'units':2," EXACT "}]]",
                4),
        chain_loss, a, 3);
}

static void test_paths(void **state)
{
    (void)state;
    struct plain a[] = {
        {.name = "a", .n_in = 3, .positions = 1, .k = 3, .units = 4, .norm = 1},
        {.name = "b", .n_in = 3, .positions = 1, .k = 3, .units = 4, .norm = 1},
        {.name = "c", .n_in = 4, .positions = 1, .k = 4, .units = 4, .norm = 1},
        {.name = "d", .n_in = 3, .positions = 1, .k = 3, .units = 4}};
    check_net(rig_new("[['input','x',{'n':3}],['quantize','q'," FINE "],"
                      "['dense','a',{'units':4,'norm':true," EXACT "},'q'],"
                      "['dense','b',{'units':4,'norm':true," EXACT "},'q'],"
                      "['add','s',{},'a','b'],['quantize','r'," FINE "],"
                      "['dense','c',{'units':4,'norm':true," EXACT "}],"
                      "['dense','d',{'units':4," EXACT "},'q'],"
                      "['add','t',{},'c','s'],['multiply','o',{},'t','d']]",
                      4),
              paths_loss, a, 4);
}

static void test_standalone(void **state)
{
    (void)state;
    struct plain a[] = {
        {.name = "a",
         .n_in = 6,
         .positions = 2,
         .step = 3,
         .k = 3,
         .units = 4,
         .unbiased = true},
        {.name = "b", .n_in = 8, .positions = 1, .k = 8, .units = 3}};
    check_net(
        rig_new("[['input','x',{'shape':[2,3]}],['quantize','q'," FINE "],"
                "['dense','a',{'units':4,'bias':false,'kernel':" KERNEL "}],"
                "['quantize','o'," FINE "],"
                "['batch_norm','n',{'scale':" KERNEL ",'offset':" KERNEL "}],"
                "['relu','r',{}],['flatten','f',{}],['quantize','s'," FINE "],"
                "['dense','b',{'units':3," EXACT "}]]",
                6),
        standalone_loss, a, 2);
}

/* Cost of a norm of its own: input bits times scale bits, and the offset's. */
static void test_ebops(void **state)
{
    (void)state;
    struct loom_model *m =
        unit_chain("[['input','x',{'shape':[2,3]}],"
                   "['quantize','q',{'i0':2,'f0':3}],"
                   "['batch_norm','n',{'scale':{'b0':4},'offset':{'b0':5}}]]");
    loom_model_prepare(m, LOOM_MODE_EVAL);
    memset(m->grad, 0, m->n_theta * sizeof(float));
    assert_true(loom_model_ebops(m, 0.5f, NULL) == 6 * 5 * 4 + 6 * 5);
    const struct {
        const char *name;
        float want;
    } cases[] = {{"q/f", 4}, {"n/kq/b", 2 * 5}, {"n/bq/b", 2}};
    for (size_t k = 0; k < 3; k++) {
        const struct loom_param *p = loom_model_param(m, cases[k].name);
        for (size_t j = 0; j < p->n; j++)
            assert_true(m->grad[p->at + j] == 0.5f * cases[k].want);
    }
    loom_model_destroy(m);
}

/* ---- straight through --------------------------------------------------- */

enum { IN = 5, OUT = 4 };

/* Quantized v with its derivative. */
static double coarse(float v, bool kernel, double *dx)
{
    struct loom_quant_mode mode = {LOOM_RND, LOOM_SAT_SYM};
    float k = 1, i = kernel ? 0 : 1, f = 3, slope, di, df;
    float y = loom_quant_one(mode, v, k, i, f, true);
    loom_quant_backward(mode, &v, &y, &k, &i, &f, 1, &slope, &di, &df);
    *dx = (double)slope;
    return (double)y;
}

struct coarse {
    double z0[ROWS][OUT], out[ROWS][OUT];
    double q[IN][OUT], kernel[IN][OUT]; /* gradients on the fused kernel */
    double bias[OUT], scale[OUT], gamma[OUT];
    double through[ROWS][OUT]; /* gradients on z0 by way of its moments */
};

/* Column u: forward from the definition, and back. */
static void coarse_column(struct coarse *c, const struct rig *r, size_t u)
{
    const float *w = values(r, "a", "kernel"), *b = values(r, "a", "bias");
    double mean = 0, variance = 0, slope, to_scale;
    double gamma = (double)values(r, "a", "gamma")[u];
    for (size_t t = 0; t < ROWS; t++) {
        for (size_t k = 0; k < IN; k++)
            c->z0[t][u] += (double)r->x[t * IN + k] * (double)w[k * OUT + u];
        mean += c->z0[t][u] / ROWS;
    }
    for (size_t t = 0; t < ROWS; t++)
        variance += pow(c->z0[t][u] - mean, 2) / ROWS;
    double scale = gamma / sqrt(variance + 1e-7);
    double shift = coarse((float)((double)b[u] - mean * scale), false, &slope);
    c->scale[u] = scale;
    for (size_t t = 0; t < ROWS; t++)
        c->out[t][u] = shift;
    double bias_slope = slope;
    for (size_t k = 0; k < IN; k++) {
        c->q[k][u] =
            coarse((float)((double)w[k * OUT + u] * scale), true, &slope);
        c->kernel[k][u] = slope;
        for (size_t t = 0; t < ROWS; t++)
            c->out[t][u] += (double)r->x[t * IN + k] * c->q[k][u];
    }
    for (size_t t = 0; t < ROWS; t++)
        c->bias[u] += c->out[t][u] * bias_slope;
    to_scale = -c->bias[u] * mean;
    for (size_t k = 0; k < IN; k++) {
        double g = 0;
        for (size_t t = 0; t < ROWS; t++)
            g += (double)r->x[t * IN + k] * c->out[t][u];
        c->kernel[k][u] *= g;
        to_scale += c->kernel[k][u] * (double)w[k * OUT + u];
    }
    c->gamma[u] = to_scale / sqrt(variance + 1e-7);
    for (size_t t = 0; t < ROWS; t++)
        c->through[t][u] =
            -c->bias[u] * scale / ROWS -
            to_scale * scale / (variance + 1e-7) * (c->z0[t][u] - mean) / ROWS;
}

static void near(const char *what, double got, double want, double top)
{
    if (!(fabs(got - want) <= 2e-5 * top))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

static void test_coarse(void **state)
{
    (void)state;
    struct rig *r =
        rig_new("[['input','x',{'n':5}],['quantize','q',{'f0':6,'i0':5}],"
                "['dense','a',{'units':4,'norm':true,"
                "'kernel':{'b0':3,'i0':0},'bias':{'b0':4,'i0':1,"
                "'overflow':'SAT_SYM'}}]]",
                9);
    struct coarse *c = loom_calloc(1, sizeof(*c));
    const struct loom_model *m = r->m;
    for (size_t u = 0; u < OUT; u++)
        coarse_column(c, r, u);
    run(r);
    for (size_t t = 0; t < ROWS; t++)
        for (size_t u = 0; u < OUT; u++)
            near("output", (double)r->s.out[2][t * m->layer[2].ld + u],
                 c->out[t][u], 1);
    const float *g = m->grad - m->theta + values(r, "a", "kernel");
    for (size_t u = 0; u < OUT; u++) {
        near("bias", (double)(m->grad - m->theta + values(r, "a", "bias"))[u],
             c->bias[u], 40);
        near("gamma", (double)(m->grad - m->theta + values(r, "a", "gamma"))[u],
             c->gamma[u], 40);
        for (size_t k = 0; k < IN; k++) {
            double want = c->kernel[k][u] * c->scale[u];
            for (size_t t = 0; t < ROWS; t++)
                want += (double)r->x[t * IN + k] * c->through[t][u];
            near("kernel", (double)g[k * OUT + u], want, 100);
        }
    }
    for (size_t t = 0; t < ROWS; t++)
        for (size_t k = 0; k < IN; k++) {
            double want = 0;
            for (size_t u = 0; u < OUT; u++)
                want += c->out[t][u] * c->q[k][u] +
                        c->through[t][u] *
                            (double)values(r, "a", "kernel")[k * OUT + u];
            near("input", (double)r->s.gout[1][t * m->layer[1].ld + k], want,
                 5);
        }
    free(c);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense), cmocka_unit_test(test_conv),
        cmocka_unit_test(test_paths), cmocka_unit_test(test_standalone),
        cmocka_unit_test(test_ebops), cmocka_unit_test(test_coarse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
