/* One dense or convolution layer, and twenty steps of the small jet tagger,
 * against HGQ2. */
#include "tests/golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"
#include "engine/loss.h"
#include "engine/mem.h"
#include "engine/optimizer.h"

static const double GRADIENT = 2e-6, LOSS = 1e-6, TRAJECTORY = 1e-3;

enum { MAX_DENSE = 16 };

static int add(struct loom_model *m, const char *kind, const char *name, int in,
               json_t *conf)
{
    struct loom_errmsg e;
    int at = loom_model_add(m, kind, name, &in, in < 0 ? 0 : 1, conf, &e);
    if (at < 0)
        fail_msg("%s", e.text);
    json_decref(conf);
    return at;
}

/* quantize and dense as HGQ2's example builds them: SAT_SYM biases. */
static int add_dense(struct loom_model *m, const char *name, int in,
                     size_t units)
{
    char iq[64];
    snprintf(iq, sizeof(iq), "%s/iq", name);
    int q = add(m, "quantize", iq, in, json_object());
    return add(m, "dense", name, q,
               json_pack("{s:i,s:{s:s}}", "units", (int)units, "bias",
                         "overflow", "SAT_SYM"));
}

/* Copy every parameter that the file has under the prefix. */
static void load(struct loom_model *m, struct golden *g, const char *prefix)
{
    for (int k = 0; k < m->n_params; k++) {
        size_t n;
        const struct loom_param *p = &m->param[k];
        const float *v = golden_get(g, &n, "%s/%s", prefix, p->name);
        assert_int_equal(n, p->n);
        memcpy(m->theta + p->at, v, n * sizeof(float));
    }
}

static void check_grads(struct loom_model *m, struct golden *g,
                        const char *prefix)
{
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        if (p->trained)
            golden_close_to(p->name, m->grad + p->at,
                            golden_get(g, NULL, "%s/%s", prefix, p->name), p->n,
                            GRADIENT);
    }
}

static void check_vars(struct loom_model *m, struct golden *g,
                       const char *prefix, double tolerance)
{
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        const float *want = golden_get(g, NULL, "%s/%s", prefix, p->name);
        if (tolerance > 0)
            golden_close_to(p->name, m->theta + p->at, want, p->n, tolerance);
        else
            golden_exact(p->name, m->theta + p->at, want, p->n);
    }
}

/* Rows of x into the input, block by block; z and up are [rows][n out], the
 * gradient is up, or (up NULL) that of the mean cross-entropy of one-hot y. */
struct rows {
    size_t n;
    const float *x, *up, *y;
    float *z, *dx;
    struct loom_loss_sums loss;
};

static void one_hot_labels(const float *y, size_t rows, size_t n, int *label)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++)
            if (y[r * n + j] == 1.0f)
                label[r] = (int)j;
}

static void run(struct loom_model *m, struct loom_scratch *s,
                struct loom_sums *sums, struct rows *p, bool back)
{
    const struct loom_layer *in = &m->layer[m->input[0]];
    const struct loom_layer *out = &m->layer[m->output];
    loom_sums_clear(sums, m);
    p->loss = (struct loom_loss_sums){0};
    for (size_t at = 0; at < p->n; at += LOOM_BLOCK) {
        size_t b = p->n - at < LOOM_BLOCK ? p->n - at : LOOM_BLOCK;
        for (size_t r = 0; r < b; r++)
            memcpy(s->out[m->input[0]] + r * in->ld, p->x + (at + r) * in->n,
                   in->n * sizeof(float));
        loom_model_forward(m, s, b, sums);
        if (p->y) {
            int label[LOOM_BLOCK];
            one_hot_labels(p->y + at * out->n, b, out->n, label);
            loom_loss_block(&(struct loom_loss_rule){0}, b, out->n,
                            s->out[m->output], out->ld, label, NULL,
                            1.0f / (float)p->n, s->gout[m->output], &p->loss);
        }
        for (size_t r = 0; r < b; r++) {
            memcpy(p->z + (at + r) * out->n, s->out[m->output] + r * out->ld,
                   out->n * sizeof(float));
            if (p->up)
                memcpy(s->gout[m->output] + r * out->ld,
                       p->up + (at + r) * out->n, out->n * sizeof(float));
        }
        if (back)
            loom_model_backward(m, s, b, sums);
        /* Behind the first quantizer, whose own derivative is 1. */
        for (size_t r = 0; back && p->dx && r < b; r++)
            memcpy(p->dx + (at + r) * in->n, s->gout[1] + r * in->ld,
                   in->n * sizeof(float));
    }
}

/* One layer, its model finished: forward, loss, gradients, ranges. */
static void check_layer(struct golden *g, struct loom_model *m, float beta)
{
    struct loom_errmsg e;
    struct loom_scratch s;
    struct loom_sums sums;
    size_t rows = golden_dim(g, "x", 0), n_out = m->layer[m->output].n;
    assert_int_equal(loom_scratch_init(&s, m, &e), 0);
    assert_int_equal(loom_sums_init(&sums, m, &e), 0);
    load(m, g, "var0");
    struct rows p = {.n = rows,
                     .x = golden_get(g, NULL, "x"),
                     .up = golden_get(g, NULL, "up"),
                     .z = loom_calloc(rows * n_out, sizeof(float)),
                     .dx = loom_calloc(rows * m->n_in, sizeof(float))};

    loom_model_prepare(m, LOOM_MODE_EVAL);
    run(m, &s, &sums, &p, false);
    golden_exact("y eval", p.z, golden_get(g, NULL, "y_eval_var0"),
                 rows * n_out);

    loom_model_prepare(m, LOOM_MODE_TRAIN);
    run(m, &s, &sums, &p, true);
    golden_exact("y train", p.z, golden_get(g, NULL, "y_train"), rows * n_out);
    golden_close_to("dx", p.dx, golden_get(g, NULL, "dx"), rows * m->n_in,
                    GRADIENT);
    loom_model_reduce(m, &sums, 1);
    double whole, ebops = loom_model_ebops(m, beta, &whole);
    float total = (float)((double)beta * ebops + loom_model_l1(m, true));
    float terms[2] = {(float)ebops, (float)whole};
    golden_exact("ebops", &terms[0], golden_get(g, NULL, "ebops_float"), 1);
    golden_exact("ebops", &terms[1], golden_get(g, NULL, "ebops_uint32"), 1);
    size_t n_terms;
    const float *want = golden_get(g, &n_terms, "loss_terms");
    float sum = 0;
    for (size_t j = 0; j < n_terms; j++)
        sum += want[j];
    golden_close_to("loss terms", &total, &sum, 1, LOSS);
    check_grads(m, g, "grad");
    check_vars(m, g, "var_after_forward", 0);

    loom_model_prepare(m, LOOM_MODE_EVAL);
    run(m, &s, &sums, &p, false);
    golden_exact("y eval after", p.z, golden_get(g, NULL, "y_eval_after"),
                 rows * n_out);
    free(p.z);
    free(p.dx);
    loom_scratch_deinit(&s);
    loom_sums_deinit(&sums);
}

static void test_qdense(void **state)
{
    (void)state;
    struct golden *g = golden_open("qdense.npz");
    if (!g)
        skip();
    struct loom_errmsg e;
    size_t n_in = golden_dim(g, "var0/dense/kernel", 0);
    struct loom_model *m = loom_model_new();
    int x = add(m, "input", "x", -1, json_pack("{s:i}", "n", (int)n_in));
    int d = add_dense(m, "dense", x, golden_dim(g, "var0/dense/kernel", 1));
    int y = add(m, "relu", "relu", d, NULL);
    assert_int_equal(loom_model_finish(m, y, 1, &e), 0);
    check_layer(g, m, golden_get(g, NULL, "var0/dense/beta")[0]);
    loom_model_destroy(m);
    golden_close(g);
}

/* Stride and padding are not in the file: those that give its shape. */
static struct loom_model *conv_model(struct golden *g, int stride, bool same)
{
    struct loom_errmsg e;
    const char *kernel = "var0/conv/kernel";
    struct loom_model *m = loom_model_new();
    json_t *shape =
        json_pack("{s:[i,i,i]}", "shape", (int)golden_dim(g, "x", 1),
                  (int)golden_dim(g, "x", 2), (int)golden_dim(g, "x", 3));
    json_t *conf = json_pack(
        "{s:i,s:[i,i],s:i,s:s,s:{s:s}}", "filters",
        (int)golden_dim(g, kernel, 3), "size", (int)golden_dim(g, kernel, 0),
        (int)golden_dim(g, kernel, 1), "stride", stride, "padding",
        same ? "same" : "valid", "bias", "overflow", "SAT_SYM");
    int x = add(m, "input", "x", -1, shape);
    int q = add(m, "quantize", "conv/iq", x, NULL);
    int y = add(m, "relu", "relu", add(m, "conv2d", "conv", q, conf), NULL);
    assert_int_equal(loom_model_finish(m, y, 1, &e), 0);
    const size_t *dim = m->layer[y].shape.dim;
    for (int a = 0; a < 3; a++)
        if (dim[a] != golden_dim(g, "up", a + 1)) {
            loom_model_destroy(m);
            return NULL;
        }
    return m;
}

static void test_qconv2d(void **state)
{
    (void)state;
    struct golden *g = golden_open("qconv2d.npz");
    if (!g)
        skip();
    struct loom_model *m = NULL;
    for (int k = 0; k < 6 && !m; k++)
        m = conv_model(g, k / 2 + 1, k % 2);
    assert_non_null(m);
    check_layer(g, m, golden_get(g, NULL, "var0/conv/beta")[0]);
    loom_model_destroy(m);
    golden_close(g);
}

/* dense_0 ... dense_n with ReLUs between them and a quantized output. */
static struct loom_model *mlp_model(struct golden *g, int *n_dense)
{
    struct loom_errmsg e;
    struct loom_model *m = loom_model_new();
    int n = 0, at = add(m, "input", "x", -1,
                        json_pack("{s:i}", "n", (int)golden_dim(g, "X", 1)));
    for (; n < MAX_DENSE && golden_has(g, "var0/dense_%d/kernel", n); n++) {
        char name[32], kernel[64];
        snprintf(name, sizeof(name), "dense_%d", n);
        snprintf(kernel, sizeof(kernel), "var0/%s/kernel", name);
        if (n) {
            char relu[48];
            snprintf(relu, sizeof(relu), "%s/relu", name);
            at = add(m, "relu", relu, at, NULL);
        }
        at = add_dense(m, name, at, golden_dim(g, kernel, 1));
    }
    char oq[48];
    snprintf(oq, sizeof(oq), "dense_%d/oq", n - 1);
    at = add(m, "quantize", oq, at, json_pack("{s:f}", "l1", 1e-3));
    if (loom_model_finish(m, at, 1, &e) < 0)
        fail_msg("%s", e.text);
    *n_dense = n;
    return m;
}

static void check_ebops(struct loom_model *m, struct golden *g, int step,
                        int n_dense, float beta)
{
    const float *want = golden_get(g, NULL, "ebops") + step * n_dense;
    for (int k = 0, d = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (!l->ops->ebops)
            continue;
        float v = (float)floor(l->ops->ebops(m, l, beta));
        golden_close_to(l->name, &v, &want[d++], 1, step ? TRAJECTORY : 0);
    }
}

static void check_mlp(const char *file)
{
    struct golden *g = golden_open(file);
    if (!g)
        skip();
    struct loom_errmsg e;
    struct loom_scratch s;
    struct loom_sums sums;
    struct loom_optimizer optimizer;
    int n_dense;
    struct loom_model *m = mlp_model(g, &n_dense);
    size_t n_out = golden_dim(g, "Y", 1), n_in = golden_dim(g, "X", 1);
    size_t batch = golden_dim(g, "logits0", 0), steps;
    size_t batches = golden_dim(g, "X", 0) / batch;
    const float *X = golden_get(g, NULL, "X"), *Y = golden_get(g, NULL, "Y");
    const float *want_ce = golden_get(g, &steps, "ce");
    const float *want_loss = golden_get(g, NULL, "loss_total");
    float beta = golden_get(g, NULL, "var0/dense_0/beta")[0];
    assert_int_equal(loom_scratch_init(&s, m, &e), 0);
    assert_int_equal(loom_sums_init(&sums, m, &e), 0);
    assert_int_equal(loom_optimizer_init(
                         &optimizer, &(struct loom_optimizer_conf){0}, m, &e),
                     0);
    load(m, g, "var0");
    float *z = loom_calloc(batch * n_out, sizeof(float));
    for (size_t step = 0; step < steps; step++) {
        size_t at = step % batches * batch;
        struct rows p = {
            .n = batch, .x = X + at * n_in, .y = Y + at * n_out, .z = z};
        loom_model_prepare(m, LOOM_MODE_TRAIN);
        run(m, &s, &sums, &p, true);
        loom_model_reduce(m, &sums, 1);
        check_ebops(m, g, (int)step, n_dense, 0.0f);
        double ebops = loom_model_ebops(m, beta, NULL);
        float ce = (float)(p.loss.loss / (double)batch);
        float loss =
            ce + (float)((double)beta * ebops + loom_model_l1(m, true));
        golden_close_to("ce", &ce, &want_ce[step], 1, step ? TRAJECTORY : LOSS);
        golden_close_to("loss", &loss, &want_loss[step], 1,
                        step ? TRAJECTORY : LOSS);
        if (!step) {
            golden_exact("logits", z, golden_get(g, NULL, "logits0"),
                         batch * n_out);
            check_grads(m, g, "grad0");
            check_vars(m, g, "var_after_forward0", 0);
        }
        loom_optimizer_step(&optimizer, m, 5e-3);
        if (!step)
            check_vars(m, g, "var_after_step0", TRAJECTORY);
    }
    check_vars(m, g, "var_after_step19", TRAJECTORY);
    free(z);
    loom_optimizer_deinit(&optimizer);
    loom_scratch_deinit(&s);
    loom_sums_deinit(&sums);
    loom_model_destroy(m);
    golden_close(g);
}

static void test_mlp_default(void **state)
{
    (void)state;
    check_mlp("mlp_default.npz");
}

static void test_mlp_randbits(void **state)
{
    (void)state;
    check_mlp("mlp_randbits.npz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qdense),
        cmocka_unit_test(test_qconv2d),
        cmocka_unit_test(test_mlp_default),
        cmocka_unit_test(test_mlp_randbits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
