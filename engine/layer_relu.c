/* input: where rows enter. relu: max(x, 0). */
#include "engine/layer.h"

static int build_input(struct loom_model *m, struct loom_layer *l,
                       struct loom_errmsg *e)
{
    static const char *const names[] = {"n", NULL};
    double n = 0;
    (void)m;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "n", 1, 1 << 20, &n, e);
    if (!err && n < 1)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"n\", the number of inputs, is missing",
                        l->name);
    l->n = (size_t)n;
    return err;
}

static int freeze_input(struct loom_model *m, struct loom_layer *l,
                        struct loom_exact *net, int *node,
                        struct loom_errmsg *e)
{
    /* Nothing to compute: the quantizers that read it become INPUT nodes. */
    (void)m;
    (void)l;
    (void)net;
    (void)node;
    (void)e;
    return 0;
}

const struct loom_layer_ops loom_layer_input = {
    .kind = "input",
    .build = build_input,
    .freeze = freeze_input,
};

static int build_relu(struct loom_model *m, struct loom_layer *l,
                      struct loom_errmsg *e)
{
    static const char *const names[] = {NULL};
    l->n = m->layer[l->input[0]].n;
    return loom_conf_check(l->conf, l->name, names, e);
}

static void forward_relu(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    m->kernels->relu(b->rows * l->ld, b->in[0], b->out);
}

static void backward_relu(const struct loom_model *m,
                          const struct loom_layer *l,
                          const struct loom_block *b)
{
    m->kernels->relu_back(b->rows * l->ld, b->out, b->gout, b->gin[0]);
}

static int freeze_relu(struct loom_model *m, struct loom_layer *l,
                       struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    (void)m;
    (void)e;
    int at = (int)net->n_nodes;
    loom_exact_append(net, LOOM_EXACT_RELU, l->name, l->n, node[l->input[0]]);
    node[l - m->layer] = at;
    return 0;
}

const struct loom_layer_ops loom_layer_relu = {
    .kind = "relu",
    .n_inputs = 1,
    .build = build_relu,
    .forward = forward_relu,
    .backward = backward_relu,
    .freeze = freeze_relu,
};
