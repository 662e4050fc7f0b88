/* function{name}: tanh, sigmoid or exp of every element. In integers it is a
 * table of what float32 gives for each value the input can take, so the input
 * must be quantized to few bits; a quantizer belongs behind it, too. No EBOPs:
 * those of HGQ2 depend on that quantizer's bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"
#include "engine/mem.h"

enum { MAX_TABLE = 1 << 22 };

struct function {
    float (*value)(float x);
    float (*slope)(float y); /* derivative, from the value */
};

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static float tanh_slope(float y)
{
    return 1.0f - y * y;
}

static float sigmoid_slope(float y)
{
    return y * (1.0f - y);
}

static float exp_slope(float y)
{
    return y;
}

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"name", NULL};
    static const struct {
        const char *name;
        struct function f;
    } known[] = {{"tanh", {tanhf, tanh_slope}},
                 {"sigmoid", {sigmoid, sigmoid_slope}},
                 {"exp", {expf, exp_slope}}};
    const struct loom_shape *in = &m->layer[l->input[0]].shape;
    const char *name = json_string_value(json_object_get(l->conf, "name"));
    int err = loom_conf_check(l->conf, l->name, names, e);
    loom_layer_shape(l, in->rank, in->dim);
    for (size_t k = 0; !err && k < sizeof(known) / sizeof(*known); k++)
        if (name && !strcmp(name, known[k].name)) {
            memcpy(l->state, &known[k].f, sizeof(known[k].f));
            return 0;
        }
    return err ? err
               : loom_fail(e, LOOM_ERR_ARG,
                           "%s: field \"name\" must be \"tanh\", \"sigmoid\" "
                           "or \"exp\"",
                           l->name);
}

static void forward(const struct loom_model *m, const struct loom_layer *l,
                    const struct loom_block *b)
{
    const struct function *s = l->state;
    (void)m;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            b->out[r * l->ld + j] = s->value(b->in[0][r * l->ld + j]);
}

static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct function *s = l->state;
    (void)m;
    for (size_t r = 0; b->gin[0] && r < b->rows; r++)
        for (size_t j = 0; j < l->n; j++)
            b->gin[0][r * l->ld + j] =
                b->gout[r * l->ld + j] * s->slope(b->out[r * l->ld + j]);
}

/* One step finer than all entries of element j, so that each is whole. */
static int finest_step(const struct function *s,
                       const struct loom_exact_elem *x)
{
    int finest = 0;
    for (int64_t v = x->lo; v <= x->hi; v++) {
        int64_t odd;
        int f;
        loom_exact_split(s->value((float)ldexp((double)v, -x->f)), &odd, &f);
        finest = odd && f > finest ? f : finest;
    }
    return finest;
}

static bool fill(const struct function *s, const struct loom_exact_elem *x,
                 int f, int64_t *table)
{
    for (int64_t v = x->lo; v <= x->hi; v++) {
        double y = (double)s->value((float)ldexp((double)v, -x->f));
        if (!(fabs(ldexp(y, f)) < 0x1p62))
            return false;
        *table++ = (int64_t)ldexp(y, f);
    }
    return true;
}

static int freeze(struct loom_model *m, struct loom_layer *l,
                  struct loom_exact *net, int *node, struct loom_errmsg *e)
{
    const struct function *s = l->state;
    int at = (int)net->n_nodes, in = node[l->input[0]];
    int err = loom_exact_intervals(net, e); /* of what is there so far */
    size_t total = 0;
    for (size_t j = 0; !err && j < l->n; j++) {
        const struct loom_exact_elem *x = &net->nodes[in].elem[j];
        if (x->hi - x->lo >= MAX_TABLE)
            total = MAX_TABLE + 1;
        total += total > MAX_TABLE ? 0 : (size_t)(x->hi - x->lo) + 1;
    }
    if (!err && total > MAX_TABLE)
        err = loom_fail(e, LOOM_ERR_RANGE,
                        "%s: its table needs more than %d entries; quantize "
                        "its input to fewer bits",
                        l->name, MAX_TABLE);
    if (err)
        return err;
    struct loom_exact_node *d =
        loom_exact_append(net, LOOM_EXACT_TABLE, l->name, l->n, &in, 1);
    const struct loom_exact_elem *x = net->nodes[in].elem;
    d->at = loom_calloc(l->n, sizeof(*d->at));
    d->table_f = loom_calloc(l->n, sizeof(*d->table_f));
    d->table = loom_calloc(total, sizeof(*d->table));
    for (size_t j = 0; j < l->n; j++) {
        d->table_f[j] = finest_step(s, &x[j]);
        d->at[j] = d->n_table;
        if (!fill(s, &x[j], d->table_f[j], d->table + d->n_table))
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: element %zu needs more than 62 bits; bound "
                             "the range of its input",
                             l->name, j);
        d->n_table += (size_t)(x[j].hi - x[j].lo) + 1;
    }
    node[l - m->layer] = at;
    return 0;
}

const struct loom_layer_ops loom_layer_function = {
    .kind = "function",
    .n_inputs = 1,
    .state_size = sizeof(struct function),
    .build = build,
    .forward = forward,
    .backward = backward,
    .freeze = freeze,
};
