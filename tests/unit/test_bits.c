/* How bits begin, round and are counted: initial bits that fit the weights,
 * stochastic rounding, absurd bits, and the semantics of HGQ's first version
 * against its formulas, written out in double. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/layer.h"
#include "engine/trainer.h"

enum { ROWS = 40, IN = 4, OUT = 3 };

static float *theta(struct loom_model *m, const char *name)
{
    const struct loom_param *p = loom_model_param(m, name);
    assert_non_null(p);
    return m->theta + p->at;
}

static double grad(struct loom_model *m, const char *name, int j)
{
    const struct loom_param *p = loom_model_param(m, name);
    assert_non_null(p);
    return (double)m->grad[p->at + (size_t)j];
}

static void close_to(const char *what, double got, double want)
{
    if (fabs(got - want) > 2e-5 * (1 + fabs(want)))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

/* ---- initial bits ------------------------------------------------------ */

static void test_adapt(void **state)
{
    (void)state;
    struct loom_model *m = unit_chain(
        "[['input','x',{'n':4}],['quantize','q',{}],"
        "['dense','a',{'units':5,'kernel':{'b0':3,'adapt':true}}],"
        "['quantize','r',{}],['dense','b',{'units':6,'kernel':{'type':'kif',"
        "  'overflow':'SAT','f0':2,'adapt':true,'per':'channel'}}]]");
    const float *w = theta(m, "a/kernel"), *i = theta(m, "a/kq/i");
    for (int j = 0; j < 20; j++) {
        /* Three bits that count: the weight is among their numbers. */
        double top = exp2((double)i[j]) - exp2((double)i[j] - 3);
        assert_true((double)fabsf(w[j]) <= top * (1 + 1e-6));
        assert_true((double)fabsf(w[j]) > top / 2 * (1 - 1e-6));
        assert_true(theta(m, "a/kq/b")[j] == 3);
    }
    w = theta(m, "b/kernel");
    for (int u = 0; u < 6; u++) {
        double top = 0, f = (double)theta(m, "b/kq/f")[u];
        for (int k = 0; k < 5; k++)
            top = fmax(top, fabs((double)w[6 * k + u]));
        close_to("f", f, 2 - log2(top));
        assert_true(top <=
                    exp2((double)theta(m, "b/kq/i")[u]) - exp2(-rint(f)));
    }
    loom_model_destroy(m);
}

/* ---- stochastic rounding ----------------------------------------------- */

struct rig {
    struct loom_model *m;
    struct loom_scratch s;
    struct loom_sums sums;
};

static void rig_init(struct rig *r, const char *chain)
{
    r->m = unit_chain(chain);
    assert_ok(loom_scratch_init(&r->s, r->m, e));
    assert_ok(loom_sums_init(&r->sums, r->m, e));
}

static void rig_deinit(struct rig *r)
{
    loom_scratch_deinit(&r->s);
    loom_sums_deinit(&r->sums);
    loom_model_destroy(r->m);
}

/* Rows x of training, `first` of them in a block of their own. */
static void run_rows(struct rig *r, const float *x, size_t first, float *y)
{
    struct loom_model *m = r->m;
    const struct loom_layer *out = &m->layer[m->output];
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_sums_clear(&r->sums, m);
    for (size_t at = 0, n; at < ROWS; at += n) {
        n = at < first ? first : ROWS - at;
        for (size_t k = 0; k < n; k++)
            loom_scratch_put(&r->s, m, k, x + (at + k) * m->n_in);
        r->s.first = at;
        loom_model_forward(m, &r->s, n, &r->sums);
        for (size_t k = 0; k < n; k++)
            memcpy(y + (at + k) * out->n, r->s.out[m->output] + k * out->ld,
                   out->n * sizeof(*y));
    }
}

/* Every x lies between two steps: it goes up as often as it is near. */
static void check_stochastic(const char *overflow)
{
    struct rig r;
    enum { N = 500 };
    static float x[ROWS * N], y[ROWS * N], z[ROWS * N];
    char chain[160];
    snprintf(chain, sizeof(chain),
             "[['input','x',{'n':%d}],['quantize','q',{'f0':2,'i0':3,"
             "'round':'S_RND','overflow':'%s'}]]",
             N, overflow);
    rig_init(&r, chain);
    for (int k = 0; k < ROWS * N; k++)
        x[k] = -1.75f + (float)(k % N % 5) / 16;
    r.m->noise = 77;
    run_rows(&r, x, 17, y);
    run_rows(&r, x, 3, z);
    assert_memory_equal(y, z, sizeof(y));
    r.m->noise = 78;
    run_rows(&r, x, 3, z);
    assert_memory_not_equal(y, z, sizeof(y));
    int up[5] = {0}, differ = 0;
    for (int k = 0; k < ROWS * N; k++) {
        bool rose = y[k] == -1.5f;
        assert_true(rose || y[k] == -1.75f);
        up[k % N % 5] += rose;
        differ += y[k] != y[k % N]; /* of the first row */
    }
    assert_true(differ > 0);
    for (int k = 0; k < 5; k++) {
        double n = ROWS * N / 5, p = (double)k / 4;
        if (fabs(up[k] - n * p) > 5 * sqrt(n * p * (1 - p)))
            fail_msg("%d of %g went up, %g should", up[k], n, n * p);
    }
    /* Evaluation rounds half up. */
    assert_ok(loom_model_predict(r.m, x, ROWS, y, e));
    for (int k = 0; k < ROWS * N; k++)
        assert_true(y[k] == (k % N % 5 < 2 ? -1.75f : -1.5f));
    rig_deinit(&r);
}

static void test_stochastic(void **state)
{
    (void)state;
    check_stochastic("WRAP");
    check_stochastic("SAT");
    check_stochastic("SAT_SYM");
}

/* ---- absurd bits ------------------------------------------------------- */

/* As only a damaged file has them: all stays finite. */
static void test_absurd(void **state)
{
    (void)state;
    static const float bad[] = {1e9f, -1e9f, 300, -300, 126, -127, 0};
    for (int k = 0; k < 7 * 7; k++) {
        struct rig r;
        float x[ROWS * IN], y[ROWS * OUT];
        rig_init(&r, "[['input','x',{'n':4}],['quantize','q',{}],['dense','d',"
                     "{'units':3,'bias':{'overflow':'SAT'}}]]");
        for (int j = 0; j < ROWS * IN; j++)
            x[j] = (float)(j % 7) - 3.3f;
        for (int j = 0; j < IN * OUT; j++) {
            theta(r.m, "d/kq/i")[j] = bad[k % 7];
            theta(r.m, "d/kq/b")[j] = bad[k / 7];
        }
        run_rows(&r, x, 7, y);
        for (int j = 0; j < ROWS * OUT; j++)
            assert_true(isfinite(y[j]));
        rig_deinit(&r);
    }
}

/* ---- the first version ------------------------------------------------- */

static const double LN2 = 0.693147180559945309;

static double floor_log2(double v)
{
    int e;
    frexp(v, &e);
    return v > 0 ? e - 1 : -INFINITY;
}

static double ceil_log2(double v)
{
    int e;
    return v > 0 ? (frexp(v, &e) == 0.5 ? e - 1 : e) : -INFINITY;
}

static double quantized(double x, double f)
{
    return floor(x * exp2(rint(f)) + 0.5) * exp2(-rint(f));
}

/* What HGQ's first version makes of a dense layer behind a quantizer. */
struct v1 {
    double x[ROWS][IN], w[IN][OUT], xf[IN], wf[IN][OUT]; /* given */
    int x_group[IN], w_group[IN][OUT];
    double xq[ROWS][IN], wq[IN][OUT], low[IN], high[IN];
    double bits[IN], w_bits[IN][OUT], ebops;
};

static void v1_values(struct v1 *v)
{
    for (int i = 0; i < IN; i++) {
        double *low = &v->low[v->x_group[i]], *high = &v->high[v->x_group[i]];
        for (int r = 0; r < ROWS; r++) {
            v->xq[r][i] = quantized(v->x[r][i], v->xf[i]);
            *low = fmin(*low, v->xq[r][i]);
            *high = fmax(*high, v->xq[r][i]);
        }
        for (int u = 0; u < OUT; u++)
            v->wq[i][u] = quantized(v->w[i][u], v->wf[i][u]);
    }
}

static void v1_bits(struct v1 *v, bool exact)
{
    for (int i = 0; i < IN; i++) {
        double low = v->low[v->x_group[i]], high = v->high[v->x_group[i]];
        double f = rint(v->xf[i]), k = low < 0;
        double range = exact ? fmax(ceil_log2(-low), ceil_log2(high + exp2(-f)))
                             : floor_log2(fmax(-low, high)) + 1;
        v->bits[i] = fmax(0, range + f + k);
        for (int u = 0; u < OUT; u++) {
            double high_w = 0, m = fabs(v->wq[i][u]);
            for (int j = 0; j < IN; j++)
                for (int c = 0; c < OUT; c++)
                    if (v->w_group[j][c] == v->w_group[i][u])
                        high_w = fmax(high_w, fabs(v->wq[j][c]));
            v->w_bits[i][u] =
                fmax(0, floor_log2(high_w) + 1 + rint(v->wf[i][u]));
            if (exact) {
                int64_t n = (int64_t)(m * 0x1p32), bits = 0;
                while (n && !(n & 1))
                    n >>= 1;
                for (; n; n >>= 1)
                    bits++;
                v->w_bits[i][u] = (double)bits;
            }
        }
    }
    v->ebops = 0;
    for (int i = 0; i < IN; i++)
        for (int u = 0; u < OUT; u++)
            v->ebops += v->bits[i] * v->w_bits[i][u];
}

/* Gradients on the f of data and weights for those on the outputs. */
static void v1_gradients(const struct v1 *v, double g[ROWS][OUT], double beta,
                         double *gx, double *gw)
{
    double nx[IN] = {0}, nw[IN * OUT] = {0};
    for (int i = 0; i < IN; i++) {
        nx[v->x_group[i]]++;
        for (int u = 0; u < OUT; u++)
            nw[v->w_group[i][u]]++;
    }
    for (int i = 0; i < IN; i++)
        for (int u = 0; u < OUT; u++) {
            int a = v->x_group[i], b = v->w_group[i][u];
            double up = 0;
            for (int r = 0; r < ROWS; r++) {
                gx[a] +=
                    g[r][u] * v->wq[i][u] * LN2 * (v->x[r][i] - v->xq[r][i]);
                up += g[r][u] * v->xq[r][i];
            }
            gw[b] += up * LN2 * (v->w[i][u] - v->wq[i][u]);
            gw[b] += beta * v->bits[i] * (v->w_bits[i][u] > 0) / sqrt(nw[b]);
            gx[a] += beta * v->w_bits[i][u] * (v->bits[i] > 0) / sqrt(nx[a]);
        }
}

/* The model's parameters drawn, and given to the formulas. */
static void v1_draw(struct v1 *v, struct loom_model *m, struct loom_rng *g,
                    bool tensor, bool channel)
{
    float *f = theta(m, "q/f"), *wf = theta(m, "d/kq/f");
    float *w = theta(m, "d/kernel");
    for (int j = 0; j < (tensor ? 1 : IN); j++)
        f[j] = (float)(loom_rng_uniform(g) * 6 - 1);
    for (int j = 0; j < (channel ? OUT : IN * OUT); j++)
        wf[j] = (float)(loom_rng_uniform(g) * 6 - 2);
    for (int i = 0; i < IN; i++) {
        v->x_group[i] = tensor ? 0 : i;
        v->xf[i] = (double)f[v->x_group[i]];
        v->low[i] = INFINITY;
        v->high[i] = -INFINITY;
        for (int u = 0; u < OUT; u++) {
            v->w_group[i][u] = channel ? u : OUT * i + u;
            v->wf[i][u] = (double)wf[v->w_group[i][u]];
            v->w[i][u] = (double)w[OUT * i + u];
        }
    }
}

static void v1_step(struct rig *r, const float *x, double g[ROWS][OUT])
{
    struct loom_model *m = r->m;
    float y[ROWS * OUT];
    m->fresh = true;
    run_rows(r, x, ROWS, y);
    for (int k = 0; k < ROWS; k++)
        for (int u = 0; u < OUT; u++) {
            g[k][u] = sin(1 + 3 * k + 5 * u);
            r->s.gout[m->output][(size_t)k * m->layer[m->output].ld +
                                 (size_t)u] = (float)g[k][u];
        }
    loom_model_backward(m, &r->s, ROWS, &r->sums);
    loom_model_reduce(m, &r->sums, 1);
}

static void check_v1(bool tensor, bool channel, uint64_t seed)
{
    struct rig r;
    struct v1 v;
    struct loom_rng g = loom_rng_init(seed, 2);
    char chain[300];
    float x[ROWS * IN];
    double up[ROWS][OUT], gx[IN] = {0}, gw[IN * OUT] = {0};
    snprintf(chain, sizeof(chain),
             "[['input','x',{'n':4}],['quantize','q',{'semantics':'v1','per':"
             "'%s'}],['dense','d',{'units':3,'kernel':{'semantics':'v1','per':"
             "'%s'},'bias':{'semantics':'v1'}}]]",
             tensor ? "tensor" : "element", channel ? "channel" : "element");
    rig_init(&r, chain);
    v1_draw(&v, r.m, &g, tensor, channel);
    for (int k = 0; k < ROWS * IN; k++) {
        /* The second is positive; the third has -2^i as its end. */
        x[k] = (float)(loom_rng_normal(&g) * 1.3);
        x[k] = k % IN == 1 ? fabsf(x[k]) : x[k];
        x[k] = k % IN == 2 ? fmaxf(fminf(x[k], 1.0f), -2.0f) : x[k];
        v.x[k / IN][k % IN] = (double)x[k];
    }
    x[2] = -2.0f;
    v.x[0][2] = -2.0;
    v1_step(&r, x, up);
    memset(gx, 0, sizeof(gx));
    v1_values(&v);
    v1_bits(&v, false);
    v1_gradients(&v, up, 0.5, gx, gw);
    close_to("EBOPs", loom_model_ebops(r.m, 0.5f, NULL), v.ebops);
    for (int j = 0; j < (tensor ? 1 : IN); j++)
        close_to("df of data", grad(r.m, "q/f", j), gx[j]);
    for (int j = 0; j < (channel ? OUT : IN * OUT); j++)
        close_to("df of weights", grad(r.m, "d/kq/f", j), gw[j]);
    /* After training: ranges traced, bits that weights span. */
    assert_ok(loom_model_calibrate(r.m, x, ROWS, e));
    loom_model_prepare(r.m, LOOM_MODE_EVAL);
    v1_bits(&v, true);
    close_to("exact EBOPs", loom_model_ebops(r.m, 0, NULL), v.ebops);
    rig_deinit(&r);
}

static void test_v1(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++)
        for (int k = 0; k < 4; k++)
            check_v1(k & 1, k & 2, seed);
}

/* The range is that of an epoch: its first step forgets. */
static void test_v1_epoch(void **state)
{
    (void)state;
    struct rig r;
    float x[ROWS * IN] = {0}, y[ROWS * IN];
    rig_init(&r, "[['input','x',{'n':4}],['quantize','q',{'semantics':'v1'}]]");
    const float *i = theta(r.m, "q/i"), *k = theta(r.m, "q/k");
    static const struct {
        float low, high;
        bool fresh;
        float i, k;
    } step[] = {{-5, 1, true, 3, 1},
                {0, 1, false, 3, 1},
                {0, 9, false, 4, 1},
                {0, 1.5f, true, 1, 0},
                {-0.25f, 1, false, 1, 1}};
    for (int n = 0; n < 5; n++) {
        x[0] = step[n].low;
        x[IN] = step[n].high;
        r.m->fresh = step[n].fresh;
        run_rows(&r, x, ROWS, y);
        loom_model_reduce(r.m, &r.sums, 1);
        assert_true(i[0] == step[n].i && k[0] == step[n].k);
    }
    rig_deinit(&r);
}

static void test_refused(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    assert_null(unit_try_chain("[['input','x',{'n':4}],['quantize','q',"
                               "{'adapt':true}]]",
                               &e));
    assert_non_null(strstr(e.text, "q: quantizer field \"adapt\""));
    assert_null(unit_try_chain("[['input','x',{'n':4}],['quantize','q',"
                               "{'semantics':'v1','overflow':'SAT'}]]",
                               &e));
    assert_non_null(strstr(e.text, "q: quantizer semantics \"v1\""));
    assert_null(unit_try_chain("[['input','x',{'n':4}],['quantize','q',"
                               "{'semantics':'v3'}]]",
                               &e));
    assert_non_null(strstr(e.text, "\"v1\" or \"v2\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adapt),    cmocka_unit_test(test_stochastic),
        cmocka_unit_test(test_absurd),   cmocka_unit_test(test_v1),
        cmocka_unit_test(test_v1_epoch), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
