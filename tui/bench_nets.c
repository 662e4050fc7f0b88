/* The benchmarks' networks: the jet tagger of HGQ's paper, one for MNIST, a
 * wide one, and the SVHN network of the same paper, three convolutions and
 * three dense layers. */
#include "tui/bench.h"

#include <stdio.h>

enum { JETS_ROWS = 560000, ROWS = 66400 };

static int add(struct loom_model *m, const char *kind, const char *name, int at,
               json_t *take_conf, struct loom_errmsg *e)
{
    int in = at, out = LOOM_ERR_ARG;
    if (at >= 0 || m->n_layers == 0)
        out = loom_model_add(m, kind, name, &in, at < 0 ? 0 : 1, take_conf, e);
    json_decref(take_conf);
    return out;
}

/* quantize, the layer, relu; k numbers them. */
static int add_weighted(struct loom_model *m, const char *kind, int k, int at,
                        json_t *take_conf, bool relu, struct loom_errmsg *e)
{
    char name[32], part[48];
    json_t *kernel = json_pack("{s:i,s:i}", "b0", 3, "i0", 0);
    json_t *bias = json_pack("{s:s}", "overflow", "SAT_SYM");
    snprintf(name, sizeof(name), "%s_%d", kind, k);
    snprintf(part, sizeof(part), "%s/iq", name);
    json_object_set_new(take_conf, "kernel", kernel);
    json_object_set_new(take_conf, "bias", bias);
    at = add(m, "quantize", part, at, json_pack("{s:i,s:i}", "i0", 3, "f0", 3),
             e);
    at = add(m, kind, name, at, take_conf, e);
    snprintf(part, sizeof(part), "%s/relu", name);
    return relu ? add(m, "relu", part, at, NULL, e) : at;
}

static int add_dense(const struct bench_net *n, struct loom_model *m, int at,
                     struct loom_errmsg *e)
{
    int k = 0;
    for (; n->hidden[k]; k++)
        at = add_weighted(m, "dense", k, at,
                          json_pack("{s:i}", "units", n->hidden[k]), true, e);
    return add_weighted(m, "dense", k, at,
                        json_pack("{s:i}", "units", (int)n->out), false, e);
}

static struct loom_model *finish(struct loom_model *m, int at,
                                 struct loom_errmsg *e)
{
    if (at >= 0 && loom_model_finish(m, at, 1, e) >= 0)
        return m;
    loom_model_destroy(m);
    return NULL;
}

static struct loom_model *make_dense(const struct bench_net *n,
                                     struct loom_errmsg *e)
{
    struct loom_model *m = loom_model_new();
    int at =
        add(m, "input", "x", -1, json_pack("{s:i}", "n", (int)n->in[0]), e);
    return finish(m, add_dense(n, m, at, e), e);
}

static struct loom_model *make_svhn(const struct bench_net *n,
                                    struct loom_errmsg *e)
{
    static const int filters[3] = {16, 16, 24};
    struct loom_model *m = loom_model_new();
    int at = add(m, "input", "x", -1,
                 json_pack("{s:[iii]}", "shape", (int)n->in[0], (int)n->in[1],
                           (int)n->in[2]),
                 e);
    for (int k = 0; k < 3; k++) {
        char name[32];
        snprintf(name, sizeof(name), "pool_%d", k);
        at = add_weighted(
            m, "conv2d", k, at,
            json_pack("{s:i,s:[ii]}", "filters", filters[k], "size", 3, 3),
            true, e);
        at = add(m, "max_pool2d", name, at, json_pack("{s:[ii]}", "size", 2, 2),
                 e);
    }
    at = add(m, "flatten", "flatten", at, NULL, e);
    return finish(m, add_dense(n, m, at, e), e);
}

const struct bench_net bench_nets[] = {
    {"jets", JETS_ROWS, 4256, make_dense, {16}, 5, {64, 32, 32}},
    {"mnist", ROWS, 13728, make_dense, {196}, 10, {64, 16}},
    {"wide", ROWS, 84480, make_dense, {64}, 10, {256, 256}},
    {"svhn", ROWS, 840832, make_svhn, {32, 32, 3}, 10, {42, 64}},
};
const int bench_n_nets = sizeof(bench_nets) / sizeof(*bench_nets);

struct loom_dataset *bench_data(const struct bench_net *n,
                                struct loom_errmsg *e)
{
    size_t in = n->in[0] * (n->in[1] ? n->in[1] * n->in[2] : 1);
    struct loom_dataset *d = loom_dataset_new(n->name, in, n->out);
    struct loom_rng rng = loom_rng_init(1, 1);
    size_t rows[LOOM_N_PARTS] = {n->rows, LOOM_BLOCK, 0};
    for (int p = LOOM_TRAIN; p <= LOOM_VAL; p++) {
        if (loom_dataset_alloc(d, (enum loom_part)p, rows[p], 1, e) < 0) {
            loom_dataset_destroy(d);
            return NULL;
        }
        for (size_t j = 0; j < rows[p] * d->n_in; j++)
            d->part[p].x[j] = (float)(4 * loom_rng_uniform(&rng) - 2);
        for (size_t j = 0; j < rows[p]; j++)
            d->part[p].y[j] = (int)loom_rng_below(&rng, d->n_out);
    }
    return d;
}
