/* The stateless quantizer and the trained ones against HGQ2's numbers. */
#include "tests/golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"
#include "engine/mem.h"

static const double GRADIENT = 2e-6;

static void check_mode(struct golden *g, const char *set,
                       struct loom_quant_mode m, bool training)
{
    size_t n;
    const char *phase = training ? "train" : "eval";
    char key[96];
    snprintf(key, sizeof(key), "%s/%s/%s/%s", set, loom_round_word(m.round),
             loom_overflow_word(m.overflow), phase);
    const float *x = golden_get(g, &n, "%s/x", set);
    const float *k = golden_get(g, NULL, "%s/k", set);
    const float *i = golden_get(g, NULL, "%s/i", set);
    const float *f = golden_get(g, NULL, "%s/f", set);
    const float *up = golden_get(g, NULL, "%s/up", set);
    float *y = loom_calloc(4 * n, sizeof(float));
    float *dx = y + n, *di = y + 2 * n, *df = y + 3 * n;
    loom_quant_forward(m, x, k, i, f, n, training, y);
    golden_exact(key, y, golden_get(g, NULL, "%s/y", key), n);
    if (training && golden_has(g, "%s/dx", key)) {
        loom_quant_backward(m, x, y, k, i, f, n, dx, di, df);
        for (size_t j = 0; j < n; j++) {
            dx[j] *= up[j];
            di[j] *= up[j];
            df[j] *= up[j];
        }
        golden_close_to("dx", dx, golden_get(g, NULL, "%s/dx", key), n,
                        GRADIENT);
        golden_close_to("di", di, golden_get(g, NULL, "%s/di", key), n,
                        GRADIENT);
        golden_close_to("df", df, golden_get(g, NULL, "%s/df", key), n,
                        GRADIENT);
    }
    free(y);
}

static void test_stateless(void **state)
{
    (void)state;
    struct golden *g = golden_open("quantizers.npz");
    if (!g)
        skip();
    static const char *const sets[] = {"grid", "rand"};
    for (int s = 0; s < 2; s++)
        for (int r = 0; r < LOOM_N_ROUNDS; r++)
            for (int o = 0; o < LOOM_N_OVERFLOWS; o++)
                for (int training = 0; training < 2; training++)
                    check_mode(g, sets[s],
                               (struct loom_quant_mode){(enum loom_round)r,
                                                        (enum loom_overflow)o},
                               training);
    golden_close(g);
}

/* A model of one quantize layer ("act": bits shared by the rows) with the
 * given bits. */
static struct loom_model *act_model(struct golden *g, const char *key,
                                    const char *type, const char *overflow,
                                    const char *round)
{
    struct loom_errmsg e;
    char name[128];
    snprintf(name, sizeof(name), "%s/train/x", key);
    int n = (int)golden_dim(g, name, 1);
    json_t *in = json_pack("{s:i}", "n", n);
    json_t *q = json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:f}", "type", type,
                          "overflow", overflow, "round", round, "i", 0, "f", 0,
                          "b", 0, "i_decay", 0.01);
    struct loom_model *m = loom_model_new();
    int a = loom_model_add(m, "input", "x", NULL, 0, in, &e);
    int b = loom_model_add(m, "quantize", "q", &a, 1, q, &e);
    if (b < 0 || loom_model_finish(m, b, 1, &e) < 0)
        fail_msg("%s", e.text);
    json_decref(in);
    json_decref(q);
    const char *bf = strcmp(type, "kif") ? "b" : "f";
    const struct {
        const char *param, *array;
    } set[] = {{"k", "k0"}, {"i", "i0"}, {bf, strcmp(bf, "b") ? "f0" : "b0"}};
    for (int p = 0; p < 3; p++) {
        snprintf(name, sizeof(name), "q/%s", set[p].param);
        memcpy(m->theta + loom_model_param(m, name)->at,
               golden_get(g, NULL, "%s/train/%s", key, set[p].array),
               (size_t)n * sizeof(float));
    }
    return m;
}

/* All rows forward and back, block by block, into one chunk. */
static void run_rows(struct loom_model *m, struct loom_scratch *s,
                     struct loom_sums *sums, const float *x, const float *up,
                     size_t rows, float *y)
{
    size_t n = m->layer[m->input[0]].n, ld = m->layer[m->input[0]].ld;
    bool waits = m->mode == LOOM_MODE_TRAIN && m->n_phases > 1;
    loom_sums_clear(sums, m);
    for (size_t at = 0; waits && at < rows; at += LOOM_BLOCK) {
        size_t b = rows - at < LOOM_BLOCK ? rows - at : LOOM_BLOCK;
        for (size_t r = 0; r < b; r++)
            loom_scratch_put(s, m, r, x + (at + r) * n);
        loom_model_forward_phase(m, s, b, sums, 0, false);
    }
    if (waits)
        loom_model_sync(m, sums, 1, 0, rows);
    for (size_t at = 0; at < rows; at += LOOM_BLOCK) {
        size_t b = rows - at < LOOM_BLOCK ? rows - at : LOOM_BLOCK;
        for (size_t r = 0; r < b; r++) {
            loom_scratch_put(s, m, r, x + (at + r) * n);
            memcpy(s->gout[m->output] + r * ld, up + (at + r) * n,
                   n * sizeof(*x));
        }
        loom_model_forward(m, s, b, sums);
        loom_model_backward(m, s, b, sums);
        for (size_t r = 0; r < b; r++)
            memcpy(y + (at + r) * n, s->out[m->output] + r * ld,
                   n * sizeof(*x));
    }
}

static void check_act(struct golden *g, const char *type, const char *overflow,
                      const char *round)
{
    char key[96];
    struct loom_errmsg e;
    struct loom_scratch s;
    struct loom_sums sums;
    snprintf(key, sizeof(key), "%s/%s/%s/act", type, overflow, round);
    struct loom_model *m = act_model(g, key, type, overflow, round);
    size_t n = m->layer[m->input[0]].n, all;
    const float *x = golden_get(g, &all, "%s/train/x", key);
    const float *up = golden_get(g, NULL, "%s/train/up", key);
    float *y = loom_calloc(all, sizeof(float));
    assert_int_equal(loom_scratch_init(&s, m, &e), 0);
    assert_int_equal(loom_sums_init(&sums, m, &e), 0);
    print_message("%s\n", key);

    loom_model_prepare(m, LOOM_MODE_EVAL);
    run_rows(m, &s, &sums, x, up, all / n, y);
    golden_exact("eval y", y, golden_get(g, NULL, "%s/eval/y", key), all);

    loom_model_prepare(m, LOOM_MODE_TRAIN);
    run_rows(m, &s, &sums, x, up, all / n, y);
    golden_exact("train y", y, golden_get(g, NULL, "%s/train/y", key), all);
    loom_model_reduce(m, &sums, 1);
    bool kif = !strcmp(type, "kif"), wraps = !strcmp(overflow, "WRAP");
    struct loom_param *bf = loom_model_param(m, kif ? "q/f" : "q/b");
    struct loom_param *i = loom_model_param(m, "q/i");
    golden_close_to(kif ? "df" : "db", m->grad + bf->at,
                    golden_get(g, NULL, "%s/train/%s", key, kif ? "df" : "db"),
                    n, GRADIENT);
    if (!wraps)
        golden_close_to("di", m->grad + i->at,
                        golden_get(g, NULL, "%s/train/di", key), n, GRADIENT);
    golden_exact("i after", m->theta + i->at,
                 golden_get(g, NULL, "%s/train/i_after", key), n);
    struct loom_layer *l = &m->layer[m->output];
    golden_exact("bits", l->ops->output_bits(l)->bits,
                 golden_get(g, NULL, "%s/train/bits", key), n);
    loom_scratch_deinit(&s);
    loom_sums_deinit(&sums);
    loom_model_destroy(m);
    free(y);
}

/* Weights: a dense layer with that kernel quantizer, whose values are x. */
static void check_weights(struct golden *g, const char *type,
                          const char *overflow, const char *round)
{
    char key[96], name[128];
    struct loom_errmsg e = {""};
    bool kif = !strcmp(type, "kif"), wraps = !strcmp(overflow, "WRAP");
    size_t n;
    snprintf(key, sizeof(key), "%s/%s/%s/wt", type, overflow, round);
    snprintf(name, sizeof(name), "%s/train/x", key);
    int in = (int)golden_dim(g, name, 0), units = (int)golden_dim(g, name, 1);
    const float *x = golden_get(g, &n, "%s/train/x", key);
    const float *up = golden_get(g, NULL, "%s/train/up", key);
    print_message("%s\n", key);
    struct loom_model *m = loom_model_new();
    json_t *input = json_pack("{s:i}", "n", in);
    json_t *conf =
        json_pack("{s:i,s:b,s:{s:s,s:s,s:s,s:b,s:b,s:b,s:f}}", "units", units,
                  "bias", 0, "kernel", "type", type, "overflow", overflow,
                  "round", round, "i", 0, "f", 0, "b", 0, "i_decay", 0.01);
    int at = loom_model_add(m, "input", "x", NULL, 0, input, &e);
    at = loom_model_add(m, "quantize", "q", &at, 1, NULL, &e);
    at = loom_model_add(m, "dense", "d", &at, 1, conf, &e);
    if (at < 0 || loom_model_finish(m, at, 1, &e) < 0)
        fail_msg("%s", e.text);
    json_decref(input);
    json_decref(conf);
    memcpy(m->theta + loom_model_param(m, "d/kernel")->at, x, n * sizeof(*x));
    const char *bits = kif ? "f" : "b", *words[] = {"k", "i", bits};
    for (int p = 0; p < 3; p++) {
        snprintf(name, sizeof(name), "d/kq/%s", words[p]);
        memcpy(m->theta + loom_model_param(m, name)->at,
               golden_get(g, NULL, "%s/train/%s0", key, words[p]),
               n * sizeof(float));
    }
    struct loom_layer *l = &m->layer[at];
    loom_model_prepare(m, LOOM_MODE_EVAL);
    golden_exact("eval y", l->ops->weights(m, l).quantized,
                 golden_get(g, NULL, "%s/eval/y", key), n);
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    golden_exact("train y", l->ops->weights(m, l).quantized,
                 golden_get(g, NULL, "%s/train/y", key), n);
    golden_exact("bits", l->ops->weights(m, l).q->bits,
                 golden_get(g, NULL, "%s/train/bits", key), n);
    golden_exact("i after", m->theta + loom_model_param(m, "d/kq/i")->at,
                 golden_get(g, NULL, "%s/train/i_after", key), n);
    float *sum = loom_calloc(l->sum_n, sizeof(*sum));
    size_t ld = loom_pad((size_t)units);
    for (int r = 0; r < in; r++)
        memcpy(sum + (size_t)r * ld, up + r * units,
               (size_t)units * sizeof(*sum));
    memset(m->grad, 0, m->n_theta * sizeof(float));
    l->ops->reduce(m, l, sum, NULL);
    golden_close_to("dx", m->grad + loom_model_param(m, "d/kernel")->at,
                    golden_get(g, NULL, "%s/train/dx", key), n, GRADIENT);
    snprintf(name, sizeof(name), "d/kq/%s", bits);
    golden_close_to(bits, m->grad + loom_model_param(m, name)->at,
                    golden_get(g, NULL, "%s/train/d%s", key, bits), n,
                    GRADIENT);
    if (!wraps)
        golden_close_to("di", m->grad + loom_model_param(m, "d/kq/i")->at,
                        golden_get(g, NULL, "%s/train/di", key), n, GRADIENT);
    free(sum);
    loom_model_destroy(m);
}

static void test_trained(void **state)
{
    (void)state;
    struct golden *g = golden_open("quantizer_layers.npz");
    if (!g)
        skip();
    static const char *const types[] = {"kif", "kbi"};
    int checked = 0;
    for (int t = 0; t < 2; t++)
        for (int r = 0; r < LOOM_N_ROUNDS; r++)
            for (int o = 0; o < LOOM_N_OVERFLOWS; o++) {
                const char *round = loom_round_word((enum loom_round)r);
                const char *over = loom_overflow_word((enum loom_overflow)o);
                if (golden_has(g, "%s/%s/%s/wt/train/x", types[t], over, round))
                    check_weights(g, types[t], over, round);
                if (!golden_has(g, "%s/%s/%s/act/train/x", types[t], over,
                                round))
                    continue;
                check_act(g, types[t], over, round);
                checked++;
            }
    assert_true(checked > 0);
    golden_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stateless),
        cmocka_unit_test(test_trained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
