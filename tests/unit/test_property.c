/* Random chains of dense, ReLU and quantize layers with random bits and
 * weights: what evaluation gives in float32 and what the integer network
 * gives are the same numbers, for every network that freezes.
 * LOOM_PROPERTY=100000 draws that many networks, LOOM_PROPERTY_SEED=7 others;
 * a failure says its seed. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/layer.h"
#include "engine/trainer.h"

enum { ROWS = 24 };

static void set_field(json_t *j, const char *name, json_t *v)
{
    json_object_set_new(j, name, v);
}

static void draw_mode(struct loom_rng *g, json_t *q, bool wrap)
{
    int o = unit_between(g, wrap ? 0 : 1, LOOM_N_OVERFLOWS - 1);
    int r = unit_between(g, 0, 2) ? LOOM_RND
                                  : unit_between(g, 0, LOOM_N_ROUNDS - 1);
    set_field(q, "round", json_string(loom_round_word((enum loom_round)r)));
    set_field(q, "overflow",
              json_string(loom_overflow_word((enum loom_overflow)o)));
    if (unit_between(g, 0, 3) == 0)
        set_field(q, "per", json_string("tensor"));
}

static json_t *draw_data_quantizer(struct loom_rng *g)
{
    json_t *q = json_object();
    bool kbi = unit_between(g, 0, 3) == 0;
    set_field(q, "type", json_string(kbi ? "kbi" : "kif"));
    draw_mode(g, q, !kbi);
    return q;
}

static json_t *draw_weight_quantizer(struct loom_rng *g)
{
    json_t *q = json_object();
    set_field(q, "type", json_string(unit_between(g, 0, 2) ? "kbi" : "kif"));
    draw_mode(g, q, true);
    return q;
}

static int add(struct loom_model *m, const char *kind, int input, json_t *conf)
{
    struct loom_errmsg e = {""};
    char name[32];
    snprintf(name, sizeof(name), "%s_%d", kind, m->n_layers);
    int at = loom_model_add(m, kind, name, &input, input < 0 ? 0 : 1, conf, &e);
    if (at < 0)
        fail_msg("%s", e.text);
    json_decref(conf);
    return at;
}

static struct loom_model *draw_model(struct loom_rng *g, uint64_t seed)
{
    struct loom_model *m = loom_model_new();
    int at =
        add(m, "input", -1, json_pack("{s:i}", "n", unit_between(g, 1, 9)));
    for (int n = unit_between(g, 1, 3); n > 0; n--) {
        at = add(m, "quantize", at, draw_data_quantizer(g));
        json_t *conf = json_pack(
            "{s:i,s:o,s:o}", "units", unit_between(g, 1, 7), "kernel",
            draw_weight_quantizer(g), "bias", draw_weight_quantizer(g));
        at = add(m, "dense", at, conf);
        if (unit_between(g, 0, 1))
            at = add(m, "relu", at, json_object());
    }
    if (unit_between(g, 0, 2) == 0)
        at = add(m, "quantize", at, draw_data_quantizer(g));
    assert_ok(loom_model_finish(m, at, seed, e));
    return m;
}

/* Bits of a parameter "<layer>/.../k|i|f|b", widths `wide` or small. */
static void draw_bits(struct loom_rng *g, struct loom_model *m, bool wide)
{
    for (int p = 0; p < m->n_params; p++) {
        const struct loom_param *q = &m->param[p];
        const char *word = strrchr(q->name, '/') + 1;
        float *v = m->theta + q->at;
        for (size_t j = 0; j < q->n; j++) {
            if (!strcmp(word, "k"))
                v[j] = (float)unit_between(g, 0, 1);
            else if (!strcmp(word, "i"))
                v[j] = (float)unit_between(g, -3, wide ? 14 : 4);
            else if (!strcmp(word, "f"))
                v[j] = (float)unit_between(g, -4, wide ? 14 : 6);
            else if (!strcmp(word, "b"))
                v[j] = (float)unit_between(g, 0, wide ? 16 : 6);
            else /* kernel, bias */
                v[j] =
                    (float)(loom_rng_normal(g) * exp2(unit_between(g, -4, 3)));
            if (word[1] == 0) /* as trained: anything between */
                v[j] += word[0] == 'k'
                            ? 0.0f
                            : (float)(loom_rng_uniform(g) - 0.5) * 0.98f;
        }
    }
}

/* Mostly values of the range, some on ties, some far outside. */
static float draw_input(struct loom_rng *g)
{
    switch (unit_between(g, 0, 7)) {
    case 0:
        return ldexpf((float)unit_between(g, -64, 64), -unit_between(g, 0, 7));
    case 1:
        return (float)(loom_rng_normal(g) * 1e4);
    case 2:
        return 0.0f;
    default:
        return (float)(loom_rng_normal(g) * 4);
    }
}

static void report(uint64_t seed, const struct loom_model *m, const float *x,
                   const struct loom_exact *net, size_t at, float got,
                   float want)
{
    json_t *j = loom_model_to_json(m), *n = loom_exact_to_json(net);
    char *a = json_dumps(j, JSON_COMPACT), *b = json_dumps(n, JSON_COMPACT);
    for (size_t k = 0; k < m->layer[m->input[0]].n; k++)
        print_message("x[%zu] = %.9g\n", k, (double)x[k]);
    fail_msg("seed %lu: output %zu: float %.9g, integers %.9g\n%s\n%s",
             (unsigned long)seed, at, (double)got, (double)want, a, b);
}

/* True if the network freezes. */
static bool check_network(uint64_t seed)
{
    struct loom_rng g = loom_rng_init(seed, 11);
    struct loom_errmsg why = {""};
    struct loom_model *m = draw_model(&g, seed);
    draw_bits(&g, m, unit_between(&g, 0, 3) == 0);
    struct loom_exact *net = loom_model_freeze(m, &why);
    if (!net) {
        assert_true(why.text[0] != 0);
        loom_model_destroy(m);
        return false;
    }
    size_t n_in = m->layer[m->input[0]].n, n_out = m->layer[m->output].n;
    float x[ROWS * 16], z[ROWS * 16], want[ROWS * 16];
    int64_t *q = loom_calloc(ROWS * net->in_size + 1, sizeof(*q));
    int64_t *y = loom_calloc(ROWS * net->out_size + 1, sizeof(*y));
    for (size_t k = 0; k < ROWS * n_in; k++)
        x[k] = draw_input(&g);
    assert_ok(loom_model_predict(m, x, ROWS, z, e));
    assert_ok(loom_exact_quantize(net, x, ROWS, q, e));
    loom_exact_run(net, q, ROWS, y);
    loom_exact_to_float(net, y, ROWS, want);
    for (size_t k = 0; k < ROWS * n_out; k++) {
        const struct loom_exact_elem *d =
            &net->nodes[net->output].elem[k % n_out];
        if (z[k] != want[k])
            report(seed, m, x + k / n_out * n_in, net, k % n_out, z[k],
                   want[k]);
        if (y[k] < d->lo || y[k] > d->hi)
            fail_msg("seed %lu: output %zu is outside of its interval",
                     (unsigned long)seed, k % n_out);
    }
    free(q);
    free(y);
    loom_exact_destroy(net);
    loom_model_destroy(m);
    return true;
}

static void test_networks(void **state)
{
    (void)state;
    long count = unit_count("LOOM_PROPERTY", 3000), frozen = 0;
    uint64_t seed = (uint64_t)unit_count("LOOM_PROPERTY_SEED", 1) << 32;
    for (long n = 0; n < count; n++)
        frozen += check_network(seed + (uint64_t)n);
    print_message("%ld networks, %ld freeze, all of them exact\n", count,
                  frozen);
    assert_true(frozen > 2 * count / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
