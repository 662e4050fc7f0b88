#include "fpga_flow/cmvm_net.h"

#include <stdlib.h>

#include "engine/mem.h"

static void fill_input(struct loom_exact_node *d, int n, int bits)
{
    d->op = LOOM_EXACT_INPUT;
    d->name = loom_strdup("x");
    d->n_inputs = 1;
    d->n = (size_t)n;
    d->elem = loom_calloc(d->n, sizeof(*d->elem));
    d->format = loom_calloc(d->n, sizeof(*d->format));
    for (size_t i = 0; i < d->n; i++)
        d->format[i] = (struct loom_fixed){1, (int16_t)(bits - 1), 0};
}

static void fill_linear(struct loom_exact_node *d, int n_in, int n_out,
                        const int64_t *w)
{
    d->op = LOOM_EXACT_LINEAR;
    d->name = loom_strdup("matrix");
    d->n_inputs = 1;
    d->n = d->block = (size_t)n_out;
    d->elem = loom_calloc(d->n, sizeof(*d->elem));
    d->start = loom_calloc(d->n + 1, sizeof(*d->start));
    d->term = loom_calloc((size_t)n_in * d->n + 1, sizeof(*d->term));
    d->b = loom_calloc(d->n, sizeof(*d->b));
    d->bf = loom_calloc(d->n, sizeof(*d->bf));
    for (size_t j = 0; j < d->n; j++) {
        for (int i = 0; i < n_in; i++) {
            int64_t c = w[(size_t)i * d->n + j];
            int z = c ? __builtin_ctzll((uint64_t)c) : 0;
            if (c)
                d->term[d->n_terms++] = (struct loom_exact_term){
                    c / (INT64_C(1) << z), (int32_t)i, -z};
        }
        d->start[j + 1] = d->n_terms;
    }
}

struct loom_exact *loom_cmvm_net(int n_in, int n_out, const int64_t *w,
                                 int bits, struct loom_errmsg *e)
{
    struct loom_exact *net = loom_calloc(1, sizeof(*net));
    net->n_nodes = 2;
    net->nodes = loom_calloc(net->n_nodes, sizeof(*net->nodes));
    fill_input(&net->nodes[0], n_in, bits);
    fill_linear(&net->nodes[1], n_in, n_out, w);
    net->output = 1;
    net->n_inputs = 1;
    net->input_size = loom_calloc(1, sizeof(*net->input_size));
    net->input_size[0] = net->in_size = (size_t)n_in;
    net->out_size = (size_t)n_out;
    if (!loom_exact_intervals(net, e))
        return net;
    loom_exact_destroy(net);
    return NULL;
}

bool loom_cmvm_net_is(const struct loom_wires *wires, const int64_t *w)
{
    size_t n_in = wires->n_in, n_out = wires->n_out;
    int64_t *x = loom_calloc(n_in + 1, sizeof(*x));
    int64_t *y = loom_calloc(n_out + 1, sizeof(*y));
    bool same = true;
    for (size_t i = 0; i <= n_in && same; i++) {
        if (i < n_in)
            x[i] = 1;
        loom_wires_run(wires, x, 1, y);
        for (size_t j = 0; j < n_out; j++) {
            int64_t want = i < n_in ? w[i * n_out + j] : 0;
            same &= y[j] * (INT64_C(1) << -wires->out_f[j]) == want;
        }
        x[i] = 0;
    }
    free(x);
    free(y);
    return same;
}
