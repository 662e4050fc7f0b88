/* Gradients. Where bits are so fine that rounding vanishes, the gradient of
 * the loss is a derivative, and finite differences must find it. What is
 * passed straight through is checked against its own definition. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/layer.h"
#include "engine/loss.h"

enum { ROWS = 40 };

struct rig {
    struct loom_model *m;
    struct loom_scratch s;
    struct loom_sums sums;
    float x[ROWS * 8], t[ROWS * 32];
};

static struct rig *rig_new(const char *text, uint64_t seed)
{
    struct rig *r = loom_calloc(1, sizeof(*r));
    struct loom_rng g = loom_rng_init(seed, 1);
    r->m = unit_chain(text);
    assert_ok(loom_scratch_init(&r->s, r->m, e));
    assert_ok(loom_sums_init(&r->sums, r->m, e));
    for (size_t j = 0; j < ROWS * 8; j++)
        r->x[j] = (float)loom_rng_normal(&g);
    for (size_t j = 0; j < ROWS * 32; j++)
        r->t[j] = (float)loom_rng_normal(&g);
    return r;
}

static void rig_destroy(struct rig *r)
{
    loom_scratch_deinit(&r->s);
    loom_sums_deinit(&r->sums);
    loom_model_destroy(r->m);
    free(r);
}

/* Sum of squared errors over all rows; gradients into m->grad. */
static double run(struct rig *r)
{
    struct loom_model *m = r->m;
    const struct loom_layer *in = &m->layer[m->input[0]];
    const struct loom_layer *out = &m->layer[m->output];
    struct loom_loss_sums loss = {0};
    loom_sums_clear(&r->sums, m);
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    for (size_t k = 0; k < ROWS; k++)
        memcpy(r->s.out[m->input[0]] + k * in->ld, r->x + k * in->n,
               in->n * sizeof(float));
    loom_model_forward(m, &r->s, ROWS, &r->sums);
    loom_loss_block(&(struct loom_loss_rule){.kind = LOOM_MSE}, ROWS, out->n,
                    r->s.out[m->output], out->ld, NULL, r->t, 1.0f,
                    r->s.gout[m->output], &loss);
    loom_model_backward(m, &r->s, ROWS, &r->sums);
    loom_model_reduce(m, &r->sums, 1);
    return loss.loss;
}

/* All of parameter `name` by central differences of step h. */
static void check_differences(struct rig *r, const char *name, float h)
{
    struct loom_model *m = r->m;
    const struct loom_param *p = loom_model_param(m, name);
    float *grad = loom_calloc(m->n_theta, sizeof(float));
    double worst = 0, top = 0;
    assert_non_null(p);
    run(r);
    memcpy(grad, m->grad, m->n_theta * sizeof(float));
    for (size_t j = p->at; j < p->at + p->n; j++) {
        float old = m->theta[j];
        m->theta[j] = old + h;
        double up = run(r);
        m->theta[j] = old - h;
        double down = run(r);
        m->theta[j] = old;
        double want = (up - down) / (2 * (double)h);
        worst = fmax(worst, fabs(want - (double)grad[j]));
        top = fmax(top, fabs(want));
    }
    print_message("%-12s largest difference %.1e of the largest derivative\n",
                  name, worst / top);
    assert_true(top > 0 && worst < 4e-3 * top);
    free(grad);
}

#define FINE   "{'f0':16,'i0':6,'overflow':'SAT','l1':0}"
#define KERNEL "{'type':'kif','f0':18,'i0':4,'overflow':'SAT'}"

static void test_differences(void **state)
{
    (void)state;
    struct rig *r = rig_new(
        "[['input','x',{'n':5}],['quantize','a/iq'," FINE "],"
        "['dense','a',{'units':7,'kernel':" KERNEL ",'bias':" KERNEL "}],"
        "['relu','r',{}],['quantize','b/iq'," FINE "],"
        "['dense','b',{'units':3,'kernel':" KERNEL ",'bias':" KERNEL "}],"
        "['quantize','c/iq'," FINE "]]",
        3);
    /* Biases away from 0, so that no ReLU stands at its corner. */
    const struct loom_param *p = loom_model_param(r->m, "a/bias");
    for (size_t j = 0; j < p->n; j++)
        r->m->theta[p->at + j] = j % 2 ? 0.3f : -0.2f;
    check_differences(r, "a/kernel", 1.0f / 256);
    check_differences(r, "a/bias", 1.0f / 256);
    check_differences(r, "b/kernel", 1.0f / 256);
    check_differences(r, "b/bias", 1.0f / 256);
    rig_destroy(r);
}

/* EBOPs are a polynomial of whole bits; their gradient is the difference that
 * one more bit makes. */
static void check_ebops(const char *chain, const char *const *bits)
{
    struct rig *r = rig_new(chain, 4);
    struct loom_model *m = r->m;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    memset(m->grad, 0, m->n_theta * sizeof(float));
    double base = loom_model_ebops(m, 0.5f, NULL);
    float *grad = memcpy(loom_calloc(m->n_theta, 4), m->grad, m->n_theta * 4);
    assert_true(base > 0);
    for (; *bits; bits++) {
        const struct loom_param *p = loom_model_param(m, *bits);
        assert_non_null(p);
        for (size_t j = p->at; j < p->at + p->n; j++) {
            m->theta[j] += 1;
            loom_model_prepare(m, LOOM_MODE_EVAL);
            double more = loom_model_ebops(m, 0, NULL);
            m->theta[j] -= 1;
            if (fabs(0.5 * (more - base) - (double)grad[j]) > 1e-3)
                fail_msg("%s[%zu]: gradient %g, a bit more costs %g", *bits,
                         j - p->at, (double)grad[j], more - base);
        }
    }
    free(grad);
    rig_destroy(r);
}

static void test_ebops(void **state)
{
    (void)state;
    static const char *const bits[] = {"q/f", "d/kq/b", "d/bq/b", "s/f",
                                       "s/i", "e/kq/f", "e/bq/b", NULL};
    static const char *const deep[] = {"q/f", "d/kq/b", "d/bq/b", NULL};
    check_ebops("[['input','x',{'n':5}],['quantize','q',{'i0':2,'f0':3}],"
                "['dense','d',{'units':4,'kernel':{'b0':4}}],['relu','r',{}],"
                "['quantize','s',{'overflow':'SAT','per':'tensor'}],"
                "['dense','e',{'units':2,'kernel':{'type':'kif','f0':4,'i0':0},"
                "  'bias':{'per':'tensor'}}]]",
                bits);
    check_ebops("[['input','x',{'shape':[2,2,2]}],['quantize','q',{'f0':1}],"
                "['depthwise_conv2d','d',{'size':2,'multiplier':2,"
                "  'padding':'same','parallel':3}]]",
                deep);
}

static double grad_of(const struct loom_model *m, const char *name, size_t j)
{
    const struct loom_param *p =
        loom_model_param((struct loom_model *)(uintptr_t)m, name);
    assert_non_null(p);
    return (double)m->grad[p->at + j];
}

/* A table costs 1e-4 of its entries times its output's bits; a function that
 * is not between two quantizers nothing. */
static void test_table_ebops(void **state)
{
    (void)state;
    struct rig *r = rig_new(
        "[['input','x',{'n':5}],['function','n',{'name':'tanh'}],"
        "['quantize','q',{'i0':1,'f0':3}],['relu','u',{}],"
        "['function','v',{'name':'tanh'}],['quantize','w',{'i0':2,'f0':3}],"
        "['function','f',{'name':'exp','scale':0.5}],"
        "['quantize','o',{'type':'kbi','b0':6,'overflow':'SAT'}]]",
        4);
    struct loom_model *m = r->m;
    const double entries = exp2(2 + 3), bits = 6 + 1, ln2 = log(2);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    memset(m->grad, 0, m->n_theta * sizeof(float));
    double cost = loom_model_ebops(m, 2.0f, NULL);
    assert_true(fabs(cost - 5 * 1e-4 * entries * bits) < 1e-9);
    for (size_t j = 0; j < 5; j++) {
        double want = 2 * 1e-4 * ln2 * entries * bits;
        assert_true(grad_of(m, "q/f", j) == 0);
        assert_true(fabs(grad_of(m, "w/f", j) - want) < 1e-6 * want);
        want = 2 * 1e-4 * entries;
        assert_true(fabs(grad_of(m, "o/b", j) - want) < 1e-6 * want);
    }
    rig_destroy(r);
}

/* kernel_l1 and kernel_l2 are of the float kernel of their layer alone. */
static void test_penalties(void **state)
{
    (void)state;
    struct loom_model *m = unit_chain(
        "[['input','x',{'n':3}],['quantize','q',{'l1':0}],"
        "['dense','d',{'units':4,'kernel_l1':0.25,'kernel_l2':0.5,"
        " 'kernel':{'l1':0},'bias':{'l1':0}}],['quantize','r',{'l1':0}],"
        "['dense','e',{'units':2,'kernel':{'l1':0},'bias':{'l1':0}}]]");
    const struct loom_param *p = loom_model_param(m, "d/kernel");
    float *w = m->theta + p->at;
    double want = 0;
    w[5] = 0;
    for (size_t j = 0; j < p->n; j++)
        want += 0.25 * fabs((double)w[j]) + 0.5 * (double)w[j] * (double)w[j];
    memset(m->grad, 0, m->n_theta * sizeof(float));
    assert_true(fabs(loom_model_l1(m, true) - want) < 1e-6);
    for (size_t j = 0; j < m->n_theta; j++) {
        double v = (double)m->theta[j];
        bool own = j >= p->at && j < p->at + p->n;
        double slope = own ? 0.25 * ((v > 0) - (v < 0)) + v : 0;
        assert_true(fabs((double)m->grad[j] - slope) < 1e-6);
    }
    loom_model_destroy(m);
}

/* Every channel has its own two filters: values and EBOPs written out. */
static void test_depthwise(void **state)
{
    (void)state;
    struct rig *r =
        rig_new("[['input','x',{'shape':[2,2,2]}],['quantize','q'," FINE "],"
                "['depthwise_conv2d','d',{'size':[2,1],'multiplier':2,"
                "  'padding':'same','kernel':" KERNEL ",'bias':" KERNEL "}]]",
                9);
    struct loom_model *m = r->m;
    const float *w = m->theta + loom_model_param(m, "d/kernel")->at;
    float *b = m->theta + loom_model_param(m, "d/bias")->at;
    float *f = m->theta + loom_model_param(m, "q/f")->at;
    float *wf = m->theta + loom_model_param(m, "d/kq/f")->at;
    float *bf = m->theta + loom_model_param(m, "d/bq/f")->at;
    for (int u = 0; u < 4; u++)
        b[u] = (float)u;
    run(r);
    /* Below the last row there is padding. */
    for (size_t row = 0; row < ROWS; row++)
        for (int at = 0; at < 16; at++) {
            int u = at % 4, column = at / 4 % 2, y = at / 8;
            double want = u;
            for (int k = 0; k < 2 - y; k++)
                want += (double)w[4 * k + u] *
                        (double)r->x[8 * row + (size_t)(4 * (y + k) +
                                                        2 * column + u / 2)];
            double got = (double)r->s.out[2][row * m->layer[2].ld + (size_t)at];
            assert_true(fabs(got - want) < 1e-3);
        }
    double cost = 0;
    for (int j = 0; j < 8; j++) {
        f[j] = (float)j;
        wf[j] = (float)(9 - j);
    }
    for (int at = 0; at < 16; at++)
        for (int k = 0; k < 2 - at / 8; k++) {
            int i = 4 * (at / 8 + k) + 2 * (at / 4 % 2) + at % 4 / 2;
            cost += (6 + i + 1) * (4 + 9 - (4 * k + at % 4) + 1);
        }
    for (int u = 0; u < 4; u++)
        cost += (4 + (double)bf[u] + 1) * 4;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    assert_true(fabs(loom_model_ebops(m, 0, NULL) - cost) < 1e-6 * cost);
    rig_destroy(r);
}

/* A relu and a quantizer behind it are computed on their own in training. */
static void test_depthwise_alone(void **state)
{
    (void)state;
    struct rig *r = rig_new("[['input','x',{'shape':[2,2,2]}],"
                            "['quantize','q',{}],['depthwise_conv2d','d',"
                            "{'size':2,'multiplier':4,'padding':'same'}],"
                            "['relu','u',{}],['quantize','z',{'f0':3}]]",
                            10);
    run(r);
    const float *d = r->s.out[2], *z = r->s.out[4];
    int above = 0;
    for (size_t row = 0; row < 4; row++)
        for (size_t j = 0; j < 32; j++) {
            size_t at = row * r->m->layer[2].ld + j;
            float y = d[at] > 0 ? floorf(d[at] * 8 + 0.5f) / 8 : 0;
            assert_true(z[at] == y);
            above += y > 0;
        }
    assert_true(above > 0);
    rig_destroy(r);
}

/* Softmax over the last of [2][3], as HGQ2 counts it. */
static void test_softmax_ebops(void **state)
{
    (void)state;
    static const char text[] =
        "{'output':11,'layers':["
        "{'kind':'input','name':'x','inputs':[],'conf':{'shape':[2,3]}},"
        "{'kind':'quantize','name':'q','inputs':[0],'conf':{}},"
        "{'kind':'max','name':'m','inputs':[1],"
        "  'conf':{'axes':[-1],'keep':true}},"
        "{'kind':'subtract','name':'s','inputs':[2,1],'conf':{}},"
        "{'kind':'quantize','name':'ei','inputs':[3],'conf':{}},"
        "{'kind':'function','name':'e','inputs':[4],"
        "  'conf':{'name':'exp','scale':-1}},"
        "{'kind':'quantize','name':'eo','inputs':[5],'conf':{}},"
        "{'kind':'sum','name':'t','inputs':[6],"
        "  'conf':{'axes':[-1],'keep':true,'unit':1}},"
        "{'kind':'quantize','name':'ii','inputs':[7],'conf':{}},"
        "{'kind':'function','name':'i','inputs':[8],"
        "  'conf':{'name':'inverse'}},"
        "{'kind':'quantize','name':'io','inputs':[9],'conf':{}},"
        "{'kind':'multiply','name':'p','inputs':[6,10],'conf':{}}]}";
    struct loom_errmsg why = {""};
    json_t *j = unit_json(text);
    struct loom_model *m = loom_model_from_json(j, &why);
    if (!m)
        fail_msg("%s", why.text);
    struct loom_rng g = loom_rng_init(8, 1);
    double bits[5][6], cost = 0;
    static const char *const q[] = {"q/f", "ei/f", "eo/f", "ii/f", "io/f"};
    for (int k = 0; k < 5; k++) {
        const struct loom_param *p = loom_model_param(m, q[k]);
        for (size_t c = 0; c < p->n; c++) {
            m->theta[p->at + c] = (float)unit_between(&g, -3, 5);
            bits[k][c] = fmax(0, 2 + (double)m->theta[p->at + c]);
        }
    }
    for (int row = 0; row < 2; row++) {
        double low = INFINITY;
        for (int c = 3 * row; c < 3 * row + 3; c++) {
            low = fmin(low, bits[2][c]);
            cost += bits[0][c] + bits[2][c] + bits[2][c] * bits[4][row];
            cost += 1e-4 * exp2(bits[1][c]) * bits[2][c];
        }
        cost += 1e-4 * exp2(bits[3][row]) * bits[4][row] - low;
    }
    loom_model_prepare(m, LOOM_MODE_EVAL);
    double got = loom_model_ebops(m, 0, NULL);
    if (fabs(got - cost) > 1e-9 * cost)
        fail_msg("softmax costs %.9g, not %.9g", got, cost);
    json_decref(j);
    loom_model_destroy(m);
}

/* The gradient on f of data: ln2 times the sum over rows of g (x - q). */
static void test_surrogate(void **state)
{
    (void)state;
    static const char *const rounds[] = {"RND", "TRN", "RND_CONV"};
    for (int k = 0; k < 3; k++) {
        char text[160];
        snprintf(text, sizeof(text),
                 "[['input','x',{'n':4}],"
                 "['quantize','q',{'i0':4,'f0':1,'round':'%s','per':'%s'}]]",
                 rounds[k], k ? "element" : "tensor");
        struct rig *r = rig_new(text, 5);
        struct loom_model *m = r->m;
        run(r);
        const struct loom_param *f = loom_model_param(m, "q/f");
        double want[4] = {0};
        for (size_t row = 0; row < ROWS; row++)
            for (size_t j = 0; j < 4; j++) {
                size_t at = row * m->layer[1].ld + j;
                want[k ? j : 0] +=
                    0.6931471805599453 * (double)r->s.gout[1][at] *
                    ((double)r->x[row * 4 + j] - (double)r->s.out[1][at]);
            }
        for (size_t j = 0; j < f->n; j++)
            assert_true(fabs((double)m->grad[f->at + j] - want[j]) <
                        1e-4 * (1 + fabs(want[j])));
        rig_destroy(r);
    }
}

/* In training the range follows the data; i falls slowly, rises at once. */
static void test_tracking(void **state)
{
    (void)state;
    struct rig *r = rig_new("[['input','x',{'n':2}],"
                            "['quantize','q',{'i0':5,'f0':2}]]",
                            6);
    struct loom_model *m = r->m;
    float *i = m->theta + loom_model_param(m, "q/i")->at;
    for (size_t k = 0; k < ROWS; k++) {
        r->x[2 * k] = 0.9f;
        r->x[2 * k + 1] = -0.3f;
    }
    run(r);
    assert_true(i[0] == 5 - 0.01f);
    r->x[2 * 17] = 100.0f;
    run(r);
    assert_true(i[0] == 7);
    assert_true(i[1] == 5 - 0.01f - 0.01f);
    rig_destroy(r);
}

/* Parameters stay in their bounds, and L1 is a constant push. */
static void test_bounds(void **state)
{
    (void)state;
    struct rig *r = rig_new("[['input','x',{'n':2}],"
                            "['quantize','q',{'f':[1,3],'l1':0.25}]]",
                            6);
    struct loom_model *m = r->m;
    const struct loom_param *f = loom_model_param(m, "q/f");
    m->theta[f->at] = 17;
    m->theta[f->at + 1] = -17;
    loom_model_project(m, 0, m->n_theta);
    assert_true(m->theta[f->at] == 3 && m->theta[f->at + 1] == 1);
    memset(m->grad, 0, m->n_theta * sizeof(float));
    assert_true(loom_model_l1(m, true) == 0.25 * 4);
    assert_true(m->grad[f->at] == 0.25f && m->grad[f->at + 1] == 0.25f);
    rig_destroy(r);
}

/* Weights that are masked are zero, have no bits and no gradient, and cost
 * nothing: the rest is as it is without them. */
static void test_mask(void **state)
{
    (void)state;
    struct rig *r =
        rig_new("[['input','x',{'n':3}],['quantize','q',{'i0':2,'f0':3}],"
                "['dense','d',{'units':2,'kernel':{'b0':4},'bias':false,"
                "'mask':[[1,0],[0,0],[1,1]]}]]",
                6);
    static const int there[6] = {1, 0, 0, 0, 1, 1};
    struct loom_model *m = r->m;
    const struct loom_param *w = loom_model_param(m, "d/kernel");
    const struct loom_param *b = loom_model_param(m, "d/kq/b");
    run(r);
    assert_true(loom_model_ebops(m, 1.0f, NULL) == 3 * 5 * 4);
    for (size_t j = 0; j < 6; j++) {
        assert_true((m->theta[w->at + j] != 0) == there[j]);
        assert_true((m->grad[w->at + j] != 0) == there[j]);
        assert_true((m->grad[b->at + j] != 0) == there[j]);
    }
    const struct loom_param *f = loom_model_param(m, "q/f");
    assert_true(m->grad[f->at + 1] == 0); /* nobody reads that input */
    for (size_t k = 0; k < ROWS; k++)
        for (size_t u = 0; u < 2; u++) {
            double want = 0;
            for (size_t j = 0; j < 3; j++) {
                double q = rint((double)m->theta[w->at + 2 * j + u] * 4) / 4;
                double x = (double)r->s.out[1][k * m->layer[1].ld + j];
                want += there[2 * j + u] ? q * x : 0;
            }
            assert_true(
                fabs(want - (double)r->s.out[2][k * m->layer[2].ld + u]) <
                1e-5);
        }
    rig_destroy(r);
}

/* Weights whose input has no bits are pruned, too. */
static void test_dead_inputs(void **state)
{
    (void)state;
    struct loom_model *m =
        unit_chain("[['input','x',{'n':3}],['quantize','q',{'i0':2,'f0':3}],"
                   "['dense','d',{'units':2,'kernel':{'b0':9}}]]");
    struct loom_train_layer row[4];
    m->theta[loom_model_param(m, "q/f")->at + 1] = -2;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    assert_int_equal(loom_model_describe(m, row, 4), 1);
    assert_int_equal(row[0].weights, 6);
    assert_int_equal(row[0].pruned, 2);
    assert_true(row[0].mean_w_bits == 6.0f);
    loom_model_destroy(m);
}

static void test_wrong_masks(void **state)
{
    (void)state;
    static const char *const masks[] = {"[[1,0],[0,1]]", "[1,0,1,0,1,0,1]",
                                        "[1,0,1,0,1,2]", "true",
                                        "['1','0','0','0','0','0']"};
    for (size_t k = 0; k < sizeof(masks) / sizeof(*masks); k++) {
        struct loom_errmsg e = {""};
        char *text = loom_asprintf("[['input','x',{'n':3}],['quantize','q',{}],"
                                   "['dense','d',{'units':2,'mask':%s}]]",
                                   masks[k]);
        assert_null(unit_try_chain(text, &e));
        assert_non_null(strstr(e.text, "d: field \"mask\" must be 6 zeros"));
        free(text);
    }
}

/* The share asked for goes, the rest makes up for it; the way back is the
 * same; the lot falls by step, row and element; evaluation drops nothing. */
static void test_dropout(void **state)
{
    (void)state;
    struct rig *r = rig_new("[['input','x',{'n':8}],['quantize','q',{'f0':9}],"
                            "['dropout','o',{'rate':0.25}]]",
                            2);
    struct loom_model *m = r->m;
    float first[ROWS * 16];
    int dropped = 0, moved = 0;
    assert_int_equal(m->layer[2].ld, 16);
    run(r);
    memcpy(first, r->s.out[2], sizeof(first));
    for (size_t j = 0; j < ROWS * 16; j++) {
        float x = r->s.out[1][j], y = first[j], g = r->s.gout[2][j];
        dropped += j % 16 < 8 && x != 0 && y == 0;
        if (j % 16 < 8 && x != 0) {
            assert_true(y == 0 || fabsf(y - x / 0.75f) < 1e-6f * fabsf(y));
            float want = y == 0 ? 0 : g / 0.75f;
            assert_true(fabsf(r->s.gout[1][j] - want) <= 1e-6f * fabsf(want));
        }
    }
    assert_true(dropped > ROWS * 8 / 8 && dropped < ROWS * 8 / 2);
    run(r);
    assert_memory_equal(first, r->s.out[2], sizeof(first));
    m->noise++;
    run(r);
    for (size_t j = 0; j < ROWS * 16; j++)
        moved += (first[j] == 0) != (r->s.out[2][j] == 0);
    assert_true(moved > 40);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    loom_model_forward(m, &r->s, ROWS, &r->sums);
    for (size_t j = 0; j < ROWS * 16; j++)
        assert_true(r->s.out[2][j] == r->s.out[1][j]);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_ebops),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_dead_inputs),
        cmocka_unit_test(test_wrong_masks),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_depthwise_alone),
        cmocka_unit_test(test_table_ebops),
        cmocka_unit_test(test_softmax_ebops),
        cmocka_unit_test(test_surrogate),
        cmocka_unit_test(test_tracking),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
