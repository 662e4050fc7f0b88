/* From a model to its integer network. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"
#include "engine/mem.h"

struct loom_exact_node *loom_exact_append(struct loom_exact *net,
                                          enum loom_exact_op op,
                                          const char *name, size_t n,
                                          const int *input, int n_inputs)
{
    net->nodes =
        loom_realloc(net->nodes, (net->n_nodes + 1) * sizeof(*net->nodes));
    struct loom_exact_node *d = &net->nodes[net->n_nodes++];
    *d = (struct loom_exact_node){.op = op, .n_inputs = n_inputs, .n = n};
    memcpy(d->input, input, (size_t)n_inputs * sizeof(*input));
    d->name = loom_strdup(name);
    d->elem = loom_calloc(n, sizeof(*d->elem));
    if (op == LOOM_EXACT_INPUT || op == LOOM_EXACT_QUANTIZE)
        d->format = loom_calloc(n, sizeof(*d->format));
    if (op == LOOM_EXACT_LINEAR || op == LOOM_EXACT_MAX || op == LOOM_EXACT_MUL)
        d->start = loom_calloc(n + 1, sizeof(*d->start));
    if (op == LOOM_EXACT_LINEAR) {
        d->b = loom_calloc(n, sizeof(*d->b));
        d->bf = loom_calloc(n, sizeof(*d->bf));
        d->block = 1;
    }
    if (op == LOOM_EXACT_INPUT)
        net->in_size += n;
    return d;
}

/* Largest magnitude of element i of a node's inputs, in its own steps. */
static double magnitude(const struct loom_exact_elem *x)
{
    return fmax(fabs((double)x->lo), fabs((double)x->hi));
}

/* Largest |partial sum| of output j in units of its own step, in any order
 * of summation. */
static double linear_bound(const struct loom_exact *net,
                           const struct loom_exact_node *d, size_t j)
{
    double sum = ldexp(fabs((double)d->b[j]), d->elem[j].f - d->bf[j]);
    for (size_t k = d->start[j]; k < d->start[j + 1]; k++) {
        const struct loom_exact_term *t = &d->term[k];
        const struct loom_exact_elem *x = loom_exact_in(net, d, (size_t)t->i);
        double top = magnitude(x);
        if (top > 0)
            sum += ldexp(fabs((double)t->w) * top, d->elem[j].f - x->f - t->f);
    }
    return sum;
}

/* Largest number that rounding element j of [-top, top] passes through: the
 * value plus half a step of the new grid, `drop` places coarser, in steps of
 * the finer of the old grid and that half. What is far below that half becomes
 * 0 whatever gets lost; what already lies on a coarser grid survives, as the
 * half is lost, or makes a tie of an even number. */
static double round_bound(double top, int drop)
{
    if (drop > 0)
        return top <= ldexp(1.0, drop - 2) ? top : top + ldexp(1.0, drop - 1);
    return drop < 0 ? top : 2.0 * top + 1.0;
}

/* The same for all of a quantizer. Wrapping adds the modulus to the rounded
 * value; all are multiples of the new grid's step, or of the old one's (or of
 * half the modulus) where that is coarser. Saturating may put the end of the
 * range, which is odd, in the value's place before it is rounded. */
static double quantize_bound(const struct loom_exact *net,
                             const struct loom_exact_node *d, size_t j)
{
    const struct loom_exact_elem *x = loom_exact_in(net, d, j);
    int drop = x->f - d->format[j].f, width = loom_fixed_width(d->format[j]);
    double top = magnitude(x), now = ldexp(top, -drop);
    double limit = ldexp(1.0, d->format[j].i + d->format[j].f);
    if (!width)
        return 0.0;
    if (d->overflow == LOOM_WRAP) {
        int step = drop < 0 && -drop < width - 1 ? -drop : width - 1;
        double sum = ldexp(now + ldexp(1.0, width), drop < 0 ? -step : 0);
        return fmax(round_bound(top, drop), sum);
    }
    if (drop < 0 && now >= limit)
        return 2.0 * limit + 1.0;
    return drop ? round_bound(top, drop) : 2.0 * fmin(now, limit) + 1.0;
}

/* An input may be anything: rounding must stay exact up to the format's end,
 * half a step included. */
static double input_bound(const struct loom_exact_node *d, size_t j)
{
    const struct loom_fixed *t = &d->format[j];
    return loom_fixed_width(*t) ? ldexp(2.0, t->i + t->f) : 0.0;
}

/* float32 evaluation follows the integers as long as every number on the way,
 * in any order of summation, has at most 24 bits. */
static int check_float32(const struct loom_exact *net, struct loom_errmsg *e)
{
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        for (size_t j = 0; j < d->n; j++) {
            double top = 0.0;
            if (d->op == LOOM_EXACT_LINEAR)
                top = linear_bound(net, d, j);
            else if (d->op == LOOM_EXACT_MUL)
                top = magnitude(&d->elem[j]);
            else if (d->op == LOOM_EXACT_QUANTIZE)
                top = quantize_bound(net, d, j);
            else if (d->op == LOOM_EXACT_INPUT)
                top = input_bound(d, j);
            if (top > 0x1p24)
                return loom_fail(
                    e, LOOM_ERR_RANGE,
                    "%s: element %zu needs %d bits, more than the 24 that "
                    "float32 evaluation holds exactly; bound its bits, or "
                    "those of its weights or inputs (field f = {lowest, "
                    "highest})",
                    d->name, j, (int)ceil(log2(top)));
        }
    }
    return 0;
}

int32_t loom_model_raw(const struct loom_model *m, int k, size_t j)
{
    const struct loom_layer *l = &m->layer[k];
    for (int i = 0;
         l->ops == &loom_layer_dropout || loom_layer_moves(l, j, &i, &j); i = 0)
        l = &m->layer[l->input[i]];
    for (int port = 0; port < m->n_inputs; port++) {
        if (&m->layer[m->input[port]] == l)
            return (int32_t)j;
        j += m->layer[m->input[port]].n;
    }
    return -1;
}

void loom_model_raw_node(const struct loom_model *m, int k,
                         struct loom_exact_node *d)
{
    int32_t start = 0;
    d->from = loom_calloc(d->n, sizeof(*d->from));
    for (size_t j = 0; j < d->n; j++)
        d->from[j] = loom_model_raw(m, k, j);
    for (int port = 0; port < m->n_inputs; port++) {
        size_t n = m->layer[m->input[port]].n;
        bool all = d->n == n;
        for (size_t j = 0; all && j < n; j++)
            all = d->from[j] == start + (int32_t)j;
        if (all) { /* as they are */
            free(d->from);
            d->from = NULL;
            d->input[0] = port;
            return;
        }
        start += (int32_t)n;
    }
}

/* Integers begin behind a quantizer; before it, numbers may only move. */
static bool is_raw(const struct loom_model *m, int k)
{
    for (size_t j = 0; j < m->layer[k].n; j++)
        if (loom_model_raw(m, k, j) < 0)
            return false;
    return true;
}

static bool reads_raw_data(const struct loom_model *m,
                           const struct loom_layer *l)
{
    for (int i = 0; i < l->n_inputs; i++)
        if (is_raw(m, l->input[i]))
            return true;
    return false;
}

static void name_outputs(const struct loom_model *m, struct loom_exact *net)
{
    struct loom_output out[LOOM_MAX_OUTPUTS];
    int n = loom_model_outputs(m, out);
    if (n == 1)
        return;
    net->outputs = loom_calloc((size_t)n, sizeof(*net->outputs));
    net->n_outputs = (size_t)n;
    for (int k = 0; k < n; k++) {
        net->outputs[k].name = loom_strdup(out[k].name);
        net->outputs[k].n = out[k].n;
    }
}

struct loom_exact *loom_model_freeze(struct loom_model *m,
                                     struct loom_errmsg *e)
{
    struct loom_exact *net = loom_calloc(1, sizeof(*net));
    int *node = loom_calloc((size_t)m->n_layers, sizeof(*node));
    int err = 0;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    net->n_inputs = (size_t)m->n_inputs;
    net->input_size = loom_calloc(net->n_inputs, sizeof(size_t));
    for (int i = 0; i < m->n_inputs; i++)
        net->input_size[i] = m->layer[m->input[i]].n;
    for (int k = 0; !err && k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        bool raw = reads_raw_data(m, l);
        if (raw && k != m->output && is_raw(m, k))
            continue;
        if (raw && l->ops != &loom_layer_quantize)
            err = loom_fail(e, LOOM_ERR_ARG,
                            "%s: reads the input before it is quantized; put a "
                            "quantize layer before it (only layers that move "
                            "numbers, and dropout, may come first)",
                            l->name);
        else
            err = l->ops->freeze(m, l, net, node, e);
    }
    if (!err) {
        net->output = node[m->output];
        net->out_size = net->nodes[net->output].n;
        name_outputs(m, net);
        err = loom_exact_intervals(net, e);
    }
    if (!err)
        err = check_float32(net, e);
    free(node);
    if (err) {
        loom_exact_destroy(net);
        return NULL;
    }
    return net;
}
