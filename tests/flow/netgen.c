#include "tests/flow/netgen.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"

static struct loom_exact *new_net(size_t n_nodes, size_t n_inputs)
{
    struct loom_exact *net = loom_calloc(1, sizeof(*net));
    net->n_nodes = n_nodes;
    net->nodes = loom_calloc(n_nodes, sizeof(*net->nodes));
    net->n_inputs = n_inputs;
    net->input_size = loom_calloc(n_inputs, sizeof(*net->input_size));
    return net;
}

static struct loom_exact_node *node(struct loom_exact *net, size_t at,
                                    enum loom_exact_op op, int input, size_t n)
{
    struct loom_exact_node *d = &net->nodes[at];
    static const char *const words[] = {"input", "q",   "linear", "relu",
                                        "max",   "mul", "table"};
    d->op = op;
    d->name = loom_asprintf("%s_%zu", words[op], at);
    d->n_inputs = 1;
    d->input[0] = input;
    d->n = n;
    d->elem = loom_calloc(n, sizeof(*d->elem));
    if (op == LOOM_EXACT_INPUT || op == LOOM_EXACT_QUANTIZE)
        d->format = loom_calloc(n, sizeof(*d->format));
    if (op == LOOM_EXACT_LINEAR || op == LOOM_EXACT_MAX ||
        op == LOOM_EXACT_MUL) {
        d->start = loom_calloc(n + 1, sizeof(*d->start));
        d->term = loom_calloc((net->nodes[input].n + 3) * n, sizeof(*d->term));
    }
    if (op == LOOM_EXACT_LINEAR) {
        d->block = n;
        d->b = loom_calloc(n, sizeof(*d->b));
        d->bf = loom_calloc(n, sizeof(*d->bf));
    }
    return d;
}

static int64_t odd(uint64_t *s, int bits)
{
    int64_t v = netgen_below(s, 1 << bits) | 1;
    return netgen_below(s, 2) ? v : -v;
}

static void add_term(struct loom_exact_node *d, size_t i, int64_t w, int f)
{
    d->term[d->n_terms++] = (struct loom_exact_term){w, (int32_t)i, f};
}

static struct loom_exact *seal(struct loom_exact *net)
{
    for (size_t k = 0; k < net->n_nodes; k++)
        if (net->nodes[k].op == LOOM_EXACT_INPUT)
            net->in_size += net->nodes[k].n;
    net->out_size = net->nodes[net->output].n;
    if (!loom_exact_intervals(net, NULL))
        return net;
    loom_exact_destroy(net);
    return NULL;
}

struct loom_exact *netgen_like(uint64_t seed, const int *size, int n_sizes,
                               int keep, int bits)
{
    uint64_t s = seed * 2654435761u + 88172645463325252u;
    struct loom_exact *net = new_net((size_t)(1 + 3 * (n_sizes - 1) - 2), 1);
    net->input_size[0] = (size_t)size[0];
    struct loom_exact_node *d =
        node(net, 0, LOOM_EXACT_INPUT, 0, (size_t)size[0]);
    for (size_t j = 0; j < d->n; j++)
        d->format[j] =
            (struct loom_fixed){0, 0, (int16_t)netgen_below(&s, bits + 1)};
    size_t at = 1;
    for (int l = 1; l < n_sizes; l++) {
        size_t n_in = (size_t)size[l - 1], n = (size_t)size[l];
        d = node(net, at, LOOM_EXACT_LINEAR, (int)at - 1, n);
        for (size_t m = 0; m < n * n_in; m++) {
            if (netgen_below(&s, 1000) < keep) {
                int w = netgen_below(&s, 8);
                int64_t v = odd(&s, w < 4 ? 0 : w < 6 ? 2 : w < 7 ? 3 : 4);
                add_term(d, m % n_in, v, 2 + netgen_below(&s, 4));
            }
            d->start[m / n_in + 1] = d->n_terms;
        }
        for (size_t j = 0; j < n; j++) {
            d->b[j] = odd(&s, 3);
            d->bf[j] = 2 + netgen_below(&s, 4);
        }
        at++;
        if (l + 1 == n_sizes)
            break;
        node(net, at, LOOM_EXACT_RELU, (int)at - 1, n);
        at++;
        d = node(net, at, LOOM_EXACT_QUANTIZE, (int)at - 1, n);
        d->round = LOOM_RND;
        d->overflow = LOOM_WRAP;
        for (size_t j = 0; j < n; j++) {
            int b = 1 + netgen_below(&s, bits), i = 1 + netgen_below(&s, 2);
            d->format[j] = (struct loom_fixed){0, (int16_t)i, (int16_t)(b - i)};
        }
        at++;
    }
    net->output = (int)at - 1;
    return seal(net);
}

static void wild_formats(struct loom_exact_node *d, uint64_t *s)
{
    d->round = (enum loom_round)netgen_below(s, LOOM_N_ROUNDS);
    d->overflow = (enum loom_overflow)netgen_below(s, LOOM_N_OVERFLOWS);
    for (size_t j = 0; j < d->n; j++)
        d->format[j] = (struct loom_fixed){(int8_t)netgen_below(s, 2),
                                           (int16_t)(netgen_below(s, 12) - 3),
                                           (int16_t)(netgen_below(s, 12) - 4)};
}

static void wild_sums(struct loom_exact_node *d, uint64_t *s, size_t n_in)
{
    for (size_t j = 0; j < d->n; j++) {
        for (size_t i = 0; i < n_in; i++)
            if (netgen_below(s, 3))
                add_term(d, i, odd(s, 1 + netgen_below(s, 7)),
                         netgen_below(s, 9) - 3);
        d->start[j + 1] = d->n_terms;
        if (netgen_below(s, 3)) {
            d->b[j] = odd(s, 1 + netgen_below(s, 7));
            d->bf[j] = netgen_below(s, 11) - 3;
        }
    }
}

/* Terms of maxima and products: of one element and others of the same values,
 * read once more. */
static void wild_picks(struct loom_exact_node *d, uint64_t *s, size_t n_in)
{
    d->input[d->n_inputs++] = d->input[0];
    for (size_t j = 0; j < d->n; j++) {
        add_term(d, (size_t)netgen_below(s, (int)n_in), 1, 0);
        size_t other = n_in + (size_t)netgen_below(s, (int)n_in);
        add_term(d, other, 1, 0);
        if (d->op == LOOM_EXACT_MAX && other + 1 < 2 * n_in)
            add_term(d, other + 1, 1, 0);
        d->start[j + 1] = d->n_terms;
    }
}

/* A table for every element of x, which has few values; false if not. */
static bool wild_tables(struct loom_exact_node *d, uint64_t *s,
                        const struct loom_exact_node *x)
{
    enum { MOST = 300 };
    d->at = loom_calloc(d->n, sizeof(*d->at));
    d->table_f = loom_calloc(d->n, sizeof(*d->table_f));
    d->table = loom_calloc(MOST * d->n, sizeof(*d->table));
    for (size_t j = 0; j < d->n; j++) {
        int bits = 1 + netgen_below(s, 9);
        if (x->elem[j].hi - x->elem[j].lo >= MOST)
            return false;
        d->at[j] = d->n_table;
        d->table_f[j] = netgen_below(s, 8) - 2;
        for (int64_t v = x->elem[j].lo; v <= x->elem[j].hi; v++)
            d->table[d->n_table++] =
                netgen_below(s, 1 << bits) - netgen_below(s, 1 << bits);
    }
    return true;
}

/* Fill node k; false if it cannot be what it is. */
static bool wild_node(struct loom_exact *net, size_t k, uint64_t *s)
{
    struct loom_exact_node *d = &net->nodes[k];
    const struct loom_exact_node *in = &net->nodes[d->input[0]];
    if (d->format)
        wild_formats(d, s);
    if (d->op == LOOM_EXACT_LINEAR)
        wild_sums(d, s, in->n);
    if (d->op == LOOM_EXACT_MAX || d->op == LOOM_EXACT_MUL)
        wild_picks(d, s, in->n);
    if (d->op == LOOM_EXACT_TABLE && !wild_tables(d, s, in))
        return false;
    size_t all = net->n_nodes;
    net->n_nodes = k + 1; /* tables ask for the intervals so far */
    bool fits = !loom_exact_intervals(net, NULL);
    net->n_nodes = all;
    return fits;
}

struct loom_exact *netgen_wild(uint64_t seed)
{
    static const enum loom_exact_op ops[] = {
        LOOM_EXACT_INPUT,  LOOM_EXACT_QUANTIZE, LOOM_EXACT_QUANTIZE,
        LOOM_EXACT_LINEAR, LOOM_EXACT_LINEAR,   LOOM_EXACT_QUANTIZE,
        LOOM_EXACT_LINEAR, LOOM_EXACT_RELU,     LOOM_EXACT_MAX,
        LOOM_EXACT_MUL,    LOOM_EXACT_TABLE};
    uint64_t s = seed * 2654435761u + 1442695040888963407u;
    size_t n_nodes = 2 + (size_t)netgen_below(&s, 8);
    struct loom_exact *net = new_net(n_nodes, 2);
    net->input_size[0] = 1 + (size_t)netgen_below(&s, 5);
    net->input_size[1] = 1 + (size_t)netgen_below(&s, 5);
    for (size_t k = 0; k < n_nodes; k++) {
        enum loom_exact_op op =
            k == 0 ? LOOM_EXACT_INPUT
                   : ops[netgen_below(&s, sizeof(ops) / sizeof(*ops))];
        bool input = op == LOOM_EXACT_INPUT;
        int in = input ? netgen_below(&s, 2)
                       : (int)k - 1 - netgen_below(&s, k > 1 ? 2 : 1);
        size_t n = input ? net->input_size[in] : net->nodes[in].n;
        if (op == LOOM_EXACT_LINEAR || op == LOOM_EXACT_MAX ||
            op == LOOM_EXACT_MUL)
            n = 1 + (size_t)netgen_below(&s, 5);
        node(net, k, op, in, n);
        if (!wild_node(net, k, &s)) {
            loom_exact_destroy(net);
            return NULL;
        }
    }
    net->output = (int)n_nodes - 1;
    return seal(net);
}

void netgen_row(const struct loom_exact *net, uint64_t *s, int64_t *row)
{
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        if (d->op != LOOM_EXACT_INPUT)
            continue;
        for (size_t j = 0; j < d->n; j++) {
            uint64_t span = (uint64_t)(d->elem[j].hi - d->elem[j].lo) + 1;
            int how = netgen_below(s, 8);
            *row++ = how == 0 ? d->elem[j].lo
                     : how == 1
                         ? d->elem[j].hi
                         : d->elem[j].lo + (int64_t)(netgen_next(s) % span);
        }
    }
}

long netgen_count(long ci, uint64_t *seed)
{
    const char *from = getenv("LOOM_SEED"), *count = getenv("LOOM_PROPERTY");
    const char *nightly = getenv("LOOM_NIGHTLY");
    *seed = from ? strtoull(from, NULL, 10) : 1;
    return count ? strtol(count, NULL, 10) : nightly && *nightly ? 1000 : ci;
}

double netgen_ebops(const struct loom_exact *net)
{
    double sum = 0;
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        for (size_t t = 0; d->op == LOOM_EXACT_LINEAR && t < d->n_terms; t++) {
            int64_t w = d->term[t].w;
            const struct loom_exact_elem *x =
                loom_exact_in(net, d, (size_t)d->term[t].i);
            sum += loom_interval_width(0, w < 0 ? -w : w) *
                   loom_interval_width(x->lo, x->hi);
        }
    }
    return sum;
}
