/* scale{factor, shift}: factor x + shift, by constants. What costs bits is
 * before it; the bits of its output count as those of its input. */
#include <math.h>

#include "engine/layer.h"

struct scale {
    float factor, shift;
    struct loom_qstate *in; /* the quantizer before it; NULL: none */
};

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"factor", "shift", NULL};
    struct scale *s = l->state;
    struct loom_layer *src = &m->layer[l->input[0]];
    double factor = 1, shift = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "factor", -0x1p60, 0x1p60,
                               &factor, e);
    if (!err)
        err = loom_conf_number(l->conf, l->name, "shift", -0x1p60, 0x1p60,
                               &shift, e);
    s->factor = (float)factor;
    s->shift = (float)shift;
    s->in = src->ops->output_bits ? src->ops->output_bits(src) : NULL;
    loom_layer_shape(l, src->shape.rank, src->shape.dim);
    return err;
}

/* Row by row: what pads a row stays 0. */
static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct scale *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = r * l->ld; j < r * l->ld + l->n; j++)
            b->out[j] = b->in[0][j] * s->factor + s->shift;
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct scale *s = l->state;
    (void)m;
    for (size_t j = 0; b->gin[0] && j < b->rows * l->ld; j++)
        b->gin[0][j] = b->gout[j] * s->factor;
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct scale *s = l->state;
    int at = (int)net->n_nodes;
    (void)e;
    struct loom_exact_node *d = loom_exact_append(
        net, LOOM_EXACT_LINEAR, l->name, l->n, &node[l->input[0]], 1);
    for (size_t j = 0; j < l->n; j++) {
        loom_exact_push(d, j, s->factor);
        loom_exact_split(s->shift, &d->b[j], &d->bf[j]);
        d->start[j + 1] = d->n_terms;
    }
    node[l - m->layer] = at;
    return 0;
}

static struct loom_qstate *output_bits(struct loom_layer *l)
{
    return ((struct scale *)l->state)->in;
}

const struct loom_layer_ops loom_layer_scale = {
    .kind = "scale",
    .n_inputs = 1,
    .state_size = sizeof(struct scale),
    .build = build,
    .forward = forward,
    .backward = backward,
    .freeze = freeze,
    .output_bits = output_bits,
};
