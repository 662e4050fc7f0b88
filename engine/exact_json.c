/* The JSON form of the frozen network, "bitloom/net/1".
 *   {"schema", "inputs": [floats each external input takes], "output": node,
 *    "nodes": [{"op", "name", "input", "n",
 *               "round", "overflow", "format": [[k, i, f], ...],
 *               "weights": [[i, j, w, wf], ...], "bias": [[j, b, bf], ...],
 *               "elem": [[f, lo, hi], ...]}, ...]}
 * Weights and biases are sparse: zeros are left out. "elem" is for the
 * reader's information; loading derives it anew. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/exact.h"
#include "engine/file.h"
#include "engine/mem.h"

#define SCHEMA "bitloom/net/1"

/* A file that asks for more is damaged: elements of one node, elements and
 * weights of all. A few bytes can ask for much, as zeros are left out. */
enum { MAX_N = 1 << 20, MAX_ELEMENTS = 1 << 22, MAX_WEIGHTS = 1 << 24 };

static const size_t MAX_FILE = (size_t)1 << 31;

/* What the nodes so far have asked for. */
struct asked {
    size_t elements, weights;
};

static const char *const op_words[] = {
#define X(name, word) word,
    LOOM_EXACT_OPS(X)
#undef X
};

static json_t *sparse(const struct loom_exact_node *d, size_t n_in)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n_in; i++)
        for (size_t j = 0; j < d->n; j++)
            if (d->w[i * d->n + j])
                json_array_append_new(a,
                                      json_pack("[i,i,I,i]", (int)i, (int)j,
                                                (json_int_t)d->w[i * d->n + j],
                                                d->wf[i * d->n + j]));
    return a;
}

static json_t *node_to_json(const struct loom_exact *net,
                            const struct loom_exact_node *d)
{
    json_t *j = json_pack("{s:s,s:s,s:i,s:i}", "op", op_words[d->op], "name",
                          d->name, "input", d->input, "n", (int)d->n);
    if (d->format) {
        json_t *a = json_array();
        for (size_t m = 0; m < d->n; m++)
            json_array_append_new(a, json_pack("[i,i,i]", d->format[m].k,
                                               d->format[m].i, d->format[m].f));
        json_object_set_new(j, "round", json_string(loom_round_word(d->round)));
        json_object_set_new(j, "overflow",
                            json_string(loom_overflow_word(d->overflow)));
        json_object_set_new(j, "format", a);
    }
    if (d->w) {
        json_t *a = json_array();
        for (size_t m = 0; m < d->n; m++)
            if (d->b[m])
                json_array_append_new(a,
                                      json_pack("[i,I,i]", (int)m,
                                                (json_int_t)d->b[m], d->bf[m]));
        json_object_set_new(j, "weights", sparse(d, net->nodes[d->input].n));
        json_object_set_new(j, "bias", a);
    }
    json_t *a = json_array();
    for (size_t m = 0; m < d->n; m++)
        json_array_append_new(a, json_pack("[i,I,I]", d->elem[m].f,
                                           (json_int_t)d->elem[m].lo,
                                           (json_int_t)d->elem[m].hi));
    json_object_set_new(j, "elem", a);
    return j;
}

json_t *loom_exact_to_json(const struct loom_exact *net)
{
    json_t *inputs = json_array(), *nodes = json_array();
    for (size_t k = 0; k < net->n_inputs; k++)
        json_array_append_new(inputs,
                              json_integer((json_int_t)net->input_size[k]));
    for (size_t k = 0; k < net->n_nodes; k++)
        json_array_append_new(nodes, node_to_json(net, &net->nodes[k]));
    return json_pack("{s:s,s:o,s:i,s:o}", "schema", SCHEMA, "inputs", inputs,
                     "output", net->output, "nodes", nodes);
}

/* ---- reading ----------------------------------------------------------- */

static int bad(struct loom_errmsg *e, size_t node, const char *field,
               const char *want)
{
    return loom_fail(e, LOOM_ERR_FORMAT,
                     "network JSON: node %zu, field \"%s\": expected %s", node,
                     field, want);
}

/* Integer number m of array a; false if it is not there or out of range. */
static bool int_at(const json_t *a, size_t m, json_int_t lo, json_int_t hi,
                   json_int_t *out)
{
    const json_t *v = json_array_get(a, m);
    if (!json_is_integer(v))
        return false;
    *out = json_integer_value(v);
    return *out >= lo && *out <= hi;
}

static int read_formats(struct loom_exact_node *d, const json_t *j, size_t at,
                        struct loom_errmsg *e)
{
    const json_t *a = json_object_get(j, "format");
    const char *r = json_string_value(json_object_get(j, "round"));
    const char *o = json_string_value(json_object_get(j, "overflow"));
    int ri = r ? loom_round_from_word(r) : -1;
    int oi = o ? loom_overflow_from_word(o) : -1;
    if (ri < 0)
        return bad(e, at, "round", "a rounding mode such as \"RND\"");
    if (oi < 0)
        return bad(e, at, "overflow", "\"WRAP\", \"SAT\" or \"SAT_SYM\"");
    if (json_array_size(a) != d->n)
        return bad(e, at, "format", "one [k, i, f] an element");
    d->round = (enum loom_round)ri;
    d->overflow = (enum loom_overflow)oi;
    d->format = loom_calloc(d->n, sizeof(*d->format));
    for (size_t m = 0; m < d->n; m++) {
        json_int_t k, i, f;
        const json_t *t = json_array_get(a, m);
        if (!int_at(t, 0, 0, 1, &k) || !int_at(t, 1, -1000, 1000, &i) ||
            !int_at(t, 2, -1000, 1000, &f) || k + i + f > 62)
            return bad(e, at, "format", "[k, i, f] of at most 62 bits");
        d->format[m] = (struct loom_fixed){(int8_t)k, (int16_t)i, (int16_t)f};
    }
    return 0;
}

/* Odd, so that a number has one form only; and each place once. */
static bool fresh_odd(int64_t old, json_int_t v)
{
    return !old && v % 2;
}

static int read_dense(struct loom_exact_node *d, size_t n_in, const json_t *j,
                      size_t at, struct asked *asked, struct loom_errmsg *e)
{
    const json_int_t big = (json_int_t)1 << 62;
    const json_t *w = json_object_get(j, "weights"), *t;
    const json_t *b = json_object_get(j, "bias");
    size_t m;
    if (!json_is_array(w) || !json_is_array(b))
        return bad(e, at, "weights", "arrays \"weights\" and \"bias\"");
    asked->weights += n_in * d->n;
    if (asked->weights > MAX_WEIGHTS)
        return bad(e, at, "n", "at most 16 M weights in all");
    d->w = loom_calloc(n_in * d->n, sizeof(*d->w));
    d->wf = loom_calloc(n_in * d->n, sizeof(*d->wf));
    d->b = loom_calloc(d->n, sizeof(*d->b));
    d->bf = loom_calloc(d->n, sizeof(*d->bf));
    json_array_foreach(w, m, t)
    {
        json_int_t r, c, v, f;
        if (!int_at(t, 0, 0, (json_int_t)n_in - 1, &r) ||
            !int_at(t, 1, 0, (json_int_t)d->n - 1, &c) ||
            !int_at(t, 2, -big, big, &v) || !int_at(t, 3, -1000, 1000, &f) ||
            !fresh_odd(d->w[(size_t)r * d->n + (size_t)c], v))
            return bad(e, at, "weights",
                       "[row, column, w, f] in range, w odd, each once");
        d->w[(size_t)r * d->n + (size_t)c] = v;
        d->wf[(size_t)r * d->n + (size_t)c] = (int)f;
    }
    json_array_foreach(b, m, t)
    {
        json_int_t c, v, f;
        if (!int_at(t, 0, 0, (json_int_t)d->n - 1, &c) ||
            !int_at(t, 1, -big, big, &v) || !int_at(t, 2, -1000, 1000, &f) ||
            !fresh_odd(d->b[c], v))
            return bad(e, at, "bias",
                       "[column, b, f] in range, b odd, each once");
        d->b[c] = v;
        d->bf[c] = (int)f;
    }
    return 0;
}

static int op_from_word(const char *s)
{
    for (int i = 0; s && i < LOOM_N_EXACT_OPS; i++)
        if (!strcmp(s, op_words[i]))
            return i;
    return -1;
}

static int read_node(struct loom_exact *net, size_t at, const json_t *j,
                     struct asked *asked, struct loom_errmsg *e)
{
    struct loom_exact_node *d = &net->nodes[at];
    const char *name = json_string_value(json_object_get(j, "name"));
    int op = op_from_word(json_string_value(json_object_get(j, "op")));
    const json_t *j_in = json_object_get(j, "input");
    json_int_t n = json_integer_value(json_object_get(j, "n"));
    json_int_t in = json_is_integer(j_in) ? json_integer_value(j_in) : -1;
    if (op < 0)
        return bad(e, at, "op", "input, quantize, dense or relu");
    if (!name || !*name || strlen(name) > 64)
        return bad(e, at, "name", "a name of 1 to 64 characters");
    if (n < 1 || n > MAX_N)
        return bad(e, at, "n", "1 to 1048576 elements");
    json_int_t last =
        op == LOOM_EXACT_INPUT ? (json_int_t)net->n_inputs : (json_int_t)at;
    if (in < 0 || in >= last)
        return bad(e, at, "input", "an earlier node, or an external input");
    asked->elements += (size_t)n;
    if (asked->elements > MAX_ELEMENTS)
        return bad(e, at, "n", "at most 4 M elements in all");
    d->op = (enum loom_exact_op)op;
    d->name = loom_strdup(name);
    d->n = (size_t)n;
    d->input = (int)in;
    d->elem = loom_calloc(d->n, sizeof(*d->elem));
    size_t n_in =
        op == LOOM_EXACT_INPUT ? net->input_size[in] : net->nodes[in].n;
    if (op != LOOM_EXACT_DENSE && n_in != d->n)
        return bad(e, at, "n", "as many elements as its input has");
    if (op == LOOM_EXACT_DENSE)
        return read_dense(d, n_in, j, at, asked, e);
    return op == LOOM_EXACT_RELU ? 0 : read_formats(d, j, at, e);
}

static int read_net(struct loom_exact *net, const json_t *j,
                    struct loom_errmsg *e)
{
    const json_t *inputs = json_object_get(j, "inputs");
    const json_t *nodes = json_object_get(j, "nodes");
    const char *schema = json_string_value(json_object_get(j, "schema"));
    const json_t *j_out = json_object_get(j, "output");
    json_int_t out = json_is_integer(j_out) ? json_integer_value(j_out) : -1;
    json_int_t v;
    struct asked asked = {0};
    if (!schema || strcmp(schema, SCHEMA))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "network JSON: schema is \"%s\", expected \"%s\"",
                         schema ? schema : "(none)", SCHEMA);
    net->n_inputs = json_array_size(inputs);
    size_t n_nodes = json_array_size(nodes);
    if (!net->n_inputs || !n_nodes || n_nodes > 100000 || net->n_inputs > 1000)
        return bad(e, 0, "nodes", "at least one input and one node");
    net->input_size = loom_calloc(net->n_inputs, sizeof(size_t));
    for (size_t k = 0; k < net->n_inputs; k++) {
        if (!int_at(inputs, k, 1, MAX_N, &v))
            return bad(e, k, "inputs", "sizes of 1 to 1048576");
        net->input_size[k] = (size_t)v;
    }
    net->nodes = loom_calloc(n_nodes, sizeof(*net->nodes));
    net->n_nodes = n_nodes;
    for (size_t k = 0; k < n_nodes; k++) {
        int err = read_node(net, k, json_array_get(nodes, k), &asked, e);
        if (err)
            return err;
        if (net->nodes[k].op == LOOM_EXACT_INPUT)
            net->in_size += net->nodes[k].n;
    }
    if (out < 0 || out >= (json_int_t)n_nodes)
        return bad(e, 0, "output", "the number of a node");
    net->output = (int)out;
    net->out_size = net->nodes[out].n;
    return loom_exact_intervals(net, e);
}

struct loom_exact *loom_exact_from_json(const json_t *j, struct loom_errmsg *e)
{
    struct loom_exact *net = loom_calloc(1, sizeof(*net));
    if (read_net(net, j, e) < 0) {
        loom_exact_destroy(net);
        return NULL;
    }
    return net;
}

struct loom_exact *loom_exact_load(const char *path, struct loom_errmsg *e)
{
    json_error_t je;
    void *text;
    size_t n;
    if (loom_file_read(path, MAX_FILE, &text, &n, e) < 0)
        return NULL;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    free(text);
    if (!j) {
        loom_fail(e, LOOM_ERR_FORMAT, "%s: line %d: %s", path, je.line,
                  je.text);
        return NULL;
    }
    struct loom_exact *net = loom_exact_from_json(j, e);
    if (!net)
        loom_fail_prefix(e, LOOM_ERR_FORMAT, "%s", path);
    json_decref(j);
    return net;
}

int loom_exact_save(const struct loom_exact *net, const char *path,
                    struct loom_errmsg *e)
{
    json_t *j = loom_exact_to_json(net);
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    int err = loom_file_write(path, text, strlen(text), e);
    free(text);
    return err;
}
