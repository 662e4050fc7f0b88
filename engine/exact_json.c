/* The JSON form of the frozen network, "bitloom/net/1".
 *   {"schema", "inputs": [floats each external input takes], "output": node,
 *    "outputs": [[name, elements], ...],
 *    "nodes": [{"op", "name", "input": node or [node, ...], "n",
 *               "from": [number of the row, ...],
 *               "round", "overflow", "format": [[k, i, f], ...],
 *               "weights": [[i, j, w, f], ...], "bias": [[j, b, f], ...],
 *               "block",
 *               "table": [[f, v, v, ...], ...],
 *               "elem": [[f, lo, hi], ...]}, ...]}
 * Weights are those of linear nodes, zeros left out, j then i rising; for max
 * and mul they name the elements (w 1, f 0). "outputs" is there where several
 * lie side by side in the output node, "from" where an input node takes other
 * numbers of a row than those of its input, in their order. "elem" is for the
 * reader's information; loading derives it anew. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/exact.h"
#include "engine/file.h"
#include "engine/mem.h"

#define SCHEMA "bitloom/net/1"

/* A file that asks for more is damaged: elements of one node, and of all. A
 * few bytes can ask for much, as zeros are left out. */
enum { MAX_N = 1 << 20, MAX_ELEMENTS = 1 << 22 };

static const size_t MAX_FILE = (size_t)1 << 31;

static const char *const op_words[] = {
#define X(name, word) word,
    LOOM_EXACT_OPS(X)
#undef X
};

static json_t *terms_to_json(const struct loom_exact_node *d)
{
    json_t *a = json_array();
    for (size_t j = 0; j < d->n; j++)
        for (size_t t = d->start[j]; t < d->start[j + 1]; t++)
            json_array_append_new(a, json_pack("[i,i,I,i]", (int)d->term[t].i,
                                               (int)j, (json_int_t)d->term[t].w,
                                               (int)d->term[t].f));
    return a;
}

static json_t *bias_to_json(const struct loom_exact_node *d)
{
    json_t *a = json_array();
    for (size_t m = 0; m < d->n; m++)
        if (d->b[m])
            json_array_append_new(
                a, json_pack("[i,I,i]", (int)m, (json_int_t)d->b[m], d->bf[m]));
    return a;
}

static json_t *formats_to_json(const struct loom_exact_node *d)
{
    json_t *a = json_array();
    for (size_t m = 0; m < d->n; m++)
        json_array_append_new(a, json_pack("[i,i,i]", d->format[m].k,
                                           d->format[m].i, d->format[m].f));
    return a;
}

static json_t *tables_to_json(const struct loom_exact_node *d)
{
    json_t *a = json_array();
    for (size_t j = 0; j < d->n; j++) {
        json_t *row = json_pack("[i]", d->table_f[j]);
        size_t end = j + 1 < d->n ? d->at[j + 1] : d->n_table;
        for (size_t k = d->at[j]; k < end; k++)
            json_array_append_new(row, json_integer((json_int_t)d->table[k]));
        json_array_append_new(a, row);
    }
    return a;
}

static json_t *inputs_to_json(const struct loom_exact_node *d)
{
    json_t *a = json_array();
    if (d->n_inputs == 1) {
        json_decref(a);
        return json_integer(d->input[0]);
    }
    for (int k = 0; k < d->n_inputs; k++)
        json_array_append_new(a, json_integer(d->input[k]));
    return a;
}

static json_t *node_to_json(const struct loom_exact_node *d)
{
    json_t *j = json_pack("{s:s,s:s,s:o,s:i}", "op", op_words[d->op], "name",
                          d->name, "input", inputs_to_json(d), "n", (int)d->n);
    json_t *from = json_array();
    for (size_t m = 0; d->from && m < d->n; m++)
        json_array_append_new(from, json_integer(d->from[m]));
    if (d->from)
        json_object_set(j, "from", from);
    json_decref(from);
    if (d->format) {
        json_object_set_new(j, "round", json_string(loom_round_word(d->round)));
        json_object_set_new(j, "overflow",
                            json_string(loom_overflow_word(d->overflow)));
        json_object_set_new(j, "format", formats_to_json(d));
    }
    if (d->start)
        json_object_set_new(j, "weights", terms_to_json(d));
    if (d->b) {
        json_object_set_new(j, "bias", bias_to_json(d));
        json_object_set_new(j, "block", json_integer((json_int_t)d->block));
    }
    if (d->table)
        json_object_set_new(j, "table", tables_to_json(d));
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
        json_array_append_new(nodes, node_to_json(&net->nodes[k]));
    json_t *j = json_pack("{s:s,s:o,s:i,s:o}", "schema", SCHEMA, "inputs",
                          inputs, "output", net->output, "nodes", nodes);
    json_t *outputs = json_array();
    for (size_t k = 0; k < net->n_outputs; k++)
        json_array_append_new(outputs,
                              json_pack("[s,I]", net->outputs[k].name,
                                        (json_int_t)net->outputs[k].n));
    if (net->n_outputs)
        json_object_set(j, "outputs", outputs);
    json_decref(outputs);
    return j;
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

/* The terms of element j end where those of j + 1 start. */
static int read_terms(struct loom_exact_node *d, size_t n_in, const json_t *j,
                      size_t at, struct loom_errmsg *e)
{
    const json_int_t big = (json_int_t)1 << 62;
    const json_t *w = json_object_get(j, "weights"), *t;
    json_int_t row = 0, last = -1;
    size_t m;
    if (!json_is_array(w))
        return bad(e, at, "weights", "an array");
    d->start = loom_calloc(d->n + 1, sizeof(*d->start));
    d->term = loom_calloc(json_array_size(w) + 1, sizeof(*d->term));
    json_array_foreach(w, m, t)
    {
        json_int_t i, o, v, f;
        if (!int_at(t, 0, 0, (json_int_t)n_in - 1, &i) ||
            !int_at(t, 1, row, (json_int_t)d->n - 1, &o) ||
            !int_at(t, 2, -big, big, &v) || !int_at(t, 3, -1000, 1000, &f) ||
            !(v & 1) || (o == row && i <= last))
            return bad(e, at, "weights",
                       "[i, j, w, f] in range, w odd, j then i rising");
        row = o;
        last = i;
        d->term[d->n_terms++] =
            (struct loom_exact_term){v, (int32_t)i, (int32_t)f};
        d->start[o + 1] = d->n_terms;
    }
    for (size_t o = 0; o < d->n; o++)
        if (d->start[o + 1] < d->start[o])
            d->start[o + 1] = d->start[o];
    return 0;
}

/* max and mul: plain elements, at least one; two. */
static int check_elements(const struct loom_exact_node *d, size_t at,
                          struct loom_errmsg *e)
{
    for (size_t t = 0; t < d->n_terms; t++)
        if (d->term[t].w != 1 || d->term[t].f)
            return bad(e, at, "weights", "w 1 and f 0 in max and mul");
    for (size_t j = 0; j < d->n; j++) {
        size_t n = d->start[j + 1] - d->start[j];
        if (n < 1 || (d->op == LOOM_EXACT_MUL && n != 2))
            return bad(e, at, "weights",
                       "one or more elements for max, two for mul");
    }
    return 0;
}

static int read_linear(struct loom_exact_node *d, const json_t *j, size_t at,
                       struct loom_errmsg *e)
{
    const json_int_t big = (json_int_t)1 << 62;
    const json_t *b = json_object_get(j, "bias"), *t;
    const json_t *block = json_object_get(j, "block");
    size_t m;
    d->b = loom_calloc(d->n, sizeof(*d->b));
    d->bf = loom_calloc(d->n, sizeof(*d->bf));
    d->block = json_is_integer(block) && json_integer_value(block) > 0
                   ? (size_t)json_integer_value(block)
                   : 0;
    if (!d->block || d->n % d->block)
        return bad(e, at, "block", "a divisor of n");
    if (!json_is_array(b))
        return bad(e, at, "bias", "an array");
    json_array_foreach(b, m, t)
    {
        json_int_t c, v, f;
        if (!int_at(t, 0, 0, (json_int_t)d->n - 1, &c) ||
            !int_at(t, 1, -big, big, &v) || !int_at(t, 2, -1000, 1000, &f) ||
            d->b[c] || !(v & 1))
            return bad(e, at, "bias", "[j, b, f] in range, each j once, b odd");
        d->b[c] = v;
        d->bf[c] = (int)f;
    }
    return 0;
}

static int read_table(struct loom_exact_node *d, const json_t *j, size_t at,
                      struct loom_errmsg *e)
{
    const json_int_t big = ((json_int_t)1 << 62) - 1;
    const json_t *rows = json_object_get(j, "table");
    json_int_t v;
    if (json_array_size(rows) != d->n)
        return bad(e, at, "table", "one [f, v, ...] an element");
    for (size_t r = 0; r < d->n; r++)
        d->n_table += json_array_size(json_array_get(rows, r));
    d->at = loom_calloc(d->n, sizeof(*d->at));
    d->table_f = loom_calloc(d->n, sizeof(*d->table_f));
    d->table = loom_calloc(d->n_table + 1, sizeof(*d->table));
    d->n_table = 0;
    for (size_t r = 0; r < d->n; r++) {
        const json_t *row = json_array_get(rows, r);
        if (json_array_size(row) < 2 || !int_at(row, 0, -1000, 1000, &v))
            return bad(e, at, "table", "[f, v, ...] with integers");
        d->table_f[r] = (int)v;
        d->at[r] = d->n_table;
        for (size_t k = 1; k < json_array_size(row); k++) {
            if (!int_at(row, k, -big, big, &v))
                return bad(e, at, "table", "[f, v, ...] with integers");
            d->table[d->n_table++] = v;
        }
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

/* Numbers of earlier nodes, or of an external input. */
static int read_inputs(const struct loom_exact *net, struct loom_exact_node *d,
                       size_t at, const json_t *j, struct loom_errmsg *e)
{
    const json_t *in = json_object_get(j, "input");
    bool one = json_is_integer(in);
    size_t n = one ? 1 : json_array_size(in);
    bool many = d->op == LOOM_EXACT_LINEAR || d->op == LOOM_EXACT_MAX ||
                d->op == LOOM_EXACT_MUL;
    json_int_t end =
        d->op == LOOM_EXACT_INPUT ? (json_int_t)net->n_inputs : (json_int_t)at;
    if (n < 1 || n > (many ? LOOM_EXACT_MAX_INPUTS : 1))
        return bad(e, at, "input", many ? "1 to 8 nodes" : "one node");
    for (size_t k = 0; k < n; k++) {
        json_int_t v = one ? json_integer_value(in) : -1;
        if (!one && !int_at(in, k, 0, end - 1, &v))
            v = -1;
        if (v < 0 || v >= end)
            return bad(e, at, "input", "an earlier node, or an external input");
        d->input[k] = (int)v;
    }
    d->n_inputs = (int)n;
    return 0;
}

/* Numbers of a row of all external inputs. */
static int read_from(const struct loom_exact *net, struct loom_exact_node *d,
                     const json_t *j, size_t at, struct loom_errmsg *e)
{
    const json_t *a = json_object_get(j, "from");
    json_int_t width = 0, v;
    for (size_t k = 0; k < net->n_inputs; k++)
        width += (json_int_t)net->input_size[k];
    if (json_array_size(a) != d->n)
        return bad(e, at, "from", "one number an element");
    d->from = loom_calloc(d->n, sizeof(*d->from));
    for (size_t m = 0; m < d->n; m++) {
        if (!int_at(a, m, 0, width - 1, &v))
            return bad(e, at, "from", "numbers of a row of inputs");
        d->from[m] = (int32_t)v;
    }
    return 0;
}

static int read_body(struct loom_exact *net, struct loom_exact_node *d,
                     size_t at, const json_t *j, struct loom_errmsg *e)
{
    size_t n_in = d->op == LOOM_EXACT_INPUT ? net->input_size[d->input[0]]
                                            : loom_exact_n_in(net, d);
    bool terms = d->op == LOOM_EXACT_LINEAR || d->op == LOOM_EXACT_MAX ||
                 d->op == LOOM_EXACT_MUL;
    int err = 0;
    if (d->op == LOOM_EXACT_INPUT && json_object_get(j, "from"))
        err = read_from(net, d, j, at, e);
    else if (!terms && n_in != d->n)
        err = bad(e, at, "n", "as many elements as its input has");
    if (terms)
        err = read_terms(d, n_in, j, at, e);
    if (err)
        return err;
    switch (d->op) {
    case LOOM_EXACT_LINEAR:
        return read_linear(d, j, at, e);
    case LOOM_EXACT_MAX:
    case LOOM_EXACT_MUL:
        return check_elements(d, at, e);
    case LOOM_EXACT_TABLE:
        return read_table(d, j, at, e);
    case LOOM_EXACT_RELU:
        return 0;
    default:
        return read_formats(d, j, at, e);
    }
}

static int read_node(struct loom_exact *net, size_t at, const json_t *j,
                     size_t *elements, struct loom_errmsg *e)
{
    struct loom_exact_node *d = &net->nodes[at];
    const char *name = json_string_value(json_object_get(j, "name"));
    int op = op_from_word(json_string_value(json_object_get(j, "op")));
    json_int_t n = json_integer_value(json_object_get(j, "n"));
    if (op < 0)
        return bad(e, at, "op",
                   "input, quantize, linear, relu, max, mul or table");
    if (!name || !*name || strlen(name) > 64)
        return bad(e, at, "name", "a name of 1 to 64 characters");
    if (n < 1 || n > MAX_N)
        return bad(e, at, "n", "1 to 1048576 elements");
    *elements += (size_t)n;
    if (*elements > MAX_ELEMENTS)
        return bad(e, at, "n", "at most 4 M elements in all");
    d->op = (enum loom_exact_op)op;
    int err = read_inputs(net, d, at, j, e);
    if (err)
        return err;
    d->name = loom_strdup(name);
    d->n = (size_t)n;
    d->elem = loom_calloc(d->n, sizeof(*d->elem));
    return read_body(net, d, at, j, e);
}

/* Names and sizes, if there are any: all of the output node. */
static int read_outputs(struct loom_exact *net, const json_t *a,
                        struct loom_errmsg *e)
{
    size_t n = json_array_size(a), k, total = 0;
    const json_t *v;
    json_int_t size;
    if (!a)
        return 0;
    if (n < 2 || n > net->out_size)
        return bad(e, (size_t)net->output, "outputs", "two or more outputs");
    net->outputs = loom_calloc(n, sizeof(*net->outputs));
    json_array_foreach(a, k, v)
    {
        const char *name = json_string_value(json_array_get(v, 0));
        if (!name || !*name || strlen(name) > 64 ||
            !int_at(v, 1, 1, (json_int_t)net->out_size, &size))
            return bad(e, (size_t)net->output, "outputs", "[name, elements]");
        net->outputs[net->n_outputs++] =
            (struct loom_exact_output){loom_strdup(name), (size_t)size};
        total += (size_t)size;
    }
    return total == net->out_size ? 0
                                  : bad(e, (size_t)net->output, "outputs",
                                        "as many elements as its node has");
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
    size_t elements = 0;
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
        int err = read_node(net, k, json_array_get(nodes, k), &elements, e);
        if (err)
            return err;
        if (net->nodes[k].op == LOOM_EXACT_INPUT)
            net->in_size += net->nodes[k].n;
    }
    if (out < 0 || out >= (json_int_t)n_nodes)
        return bad(e, 0, "output", "the number of a node");
    net->output = (int)out;
    net->out_size = net->nodes[out].n;
    int err = read_outputs(net, json_object_get(j, "outputs"), e);
    return err ? err : loom_exact_intervals(net, e);
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
