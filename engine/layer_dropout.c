/* dropout{rate}: in training every element is 0 with that probability, the
 * others are 1 / (1 - rate) times as large; elsewhere nothing happens. What is
 * dropped follows from seed, step, layer, row and element alone. */
#include "engine/layer.h"

struct dropout {
    float rate;
};

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"rate", NULL};
    struct dropout *s = l->state;
    const struct loom_shape *in = &m->layer[l->input[0]].shape;
    double rate = -1;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "rate", 0, 0.999, &rate, e);
    if (!err && rate < 0)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"rate\", the share that is dropped, is "
                        "missing",
                        l->name);
    s->rate = (float)rate;
    loom_layer_shape(l, in->rank, in->dim);
    return err;
}

/* y = x, thinned out in training. */
static void thin(const struct loom_model *m, const struct loom_layer *l,
                 const struct loom_block *b, const float *x, float *y)
{
    const struct dropout *s = l->state;
    bool all = m->mode != LOOM_MODE_TRAIN;
    float scale = all ? 1.0f : 1.0f / (1.0f - s->rate);
    uint64_t layer = loom_rng_key(m->noise, ~(uint64_t)(l - m->layer));
    for (size_t r = 0; r < b->rows; r++) {
        uint64_t row = loom_rng_key(layer, b->first + r);
        for (size_t j = 0; j < l->n; j++) {
            size_t at = r * l->ld + j;
            bool stays = all || loom_rng_noise(row, j) >= s->rate;
            y[at] = stays ? scale * x[at] : 0.0f;
        }
    }
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    thin(m, l, b, b->in[0], b->out);
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    if (b->gin[0])
        thin(m, l, b, b->gout, b->gin[0]);
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    (void)net;
    (void)e;
    node[l - m->layer] = node[l->input[0]];
    return 0;
}

const struct loom_layer_ops loom_layer_dropout = {
    .kind = "dropout",
    .n_inputs = 1,
    .state_size = sizeof(struct dropout),
    .build = build,
    .forward = forward,
    .backward = backward,
    .freeze = freeze,
};
