#include "engine/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/layer.h"
#include "engine/mem.h"

static const struct loom_layer_ops *const kinds[] = {
    &loom_layer_input,
    &loom_layer_quantize,
    &loom_layer_dense,
    &loom_layer_relu,
};

/* MAX_FLOATS: of one model and one worker's activations, 1 GB. A file that
 * asks for more is damaged, a script that does has slipped. */
enum {
    N_KINDS = sizeof(kinds) / sizeof(*kinds),
    MAX_LAYERS = 4096,
    MAX_FLOATS = 1 << 28
};

struct loom_model *loom_model_new(void)
{
    struct loom_model *m = loom_calloc(1, sizeof(*m));
    m->kernels = loom_kernels();
    m->input = m->output = -1;
    return m;
}

void loom_model_destroy(struct loom_model *m)
{
    if (!m)
        return;
    for (int k = 0; k < m->n_layers; k++) {
        json_decref(m->layer[k].conf);
        free(m->layer[k].state);
    }
    for (int k = 0; k < m->n_blocks; k++)
        free(m->block[k]);
    free(m->block);
    free(m->layer);
    free(m->param);
    free(m->theta);
    free(m->grad);
    free(m);
}

float *loom_model_floats(struct loom_model *m, size_t n)
{
    float *p = NULL;
    m->n_floats += n;
    if (m->n_floats <= MAX_FLOATS)
        p = loom_try_alloc(n, sizeof(float), "layer", NULL);
    if (!p)
        m->out_of_memory = true;
    m->block =
        loom_realloc(m->block, (size_t)(m->n_blocks + 1) * sizeof(*m->block));
    m->block[m->n_blocks++] = p;
    return p;
}

int loom_model_add_param(struct loom_model *m, const char *layer,
                         const char *name, size_t n, bool trained)
{
    m->param =
        loom_realloc(m->param, (size_t)(m->n_params + 1) * sizeof(*m->param));
    struct loom_param *p = &m->param[m->n_params];
    *p = (struct loom_param){.at = m->n_theta, .n = n, .trained = trained};
    snprintf(p->name, sizeof(p->name), "%s/%s", layer, name);
    m->n_theta += n;
    return m->n_params++;
}

/* ---- building ---------------------------------------------------------- */

int loom_conf_check(const json_t *conf, const char *layer,
                    const char *const *names, struct loom_errmsg *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)conf, key, value)
    {
        bool known = false;
        for (int i = 0; names[i]; i++)
            known |= !strcmp(key, names[i]);
        if (known)
            continue;
        char list[256] = "none";
        size_t at = 0;
        for (int i = 0; names[i] && at < sizeof(list) - 1; i++)
            at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
                                   i ? ", " : "", names[i]);
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: unknown field \"%s\"; known fields: %s", layer,
                         key, list);
    }
    return 0;
}

int loom_conf_number(const json_t *conf, const char *layer, const char *name,
                     double lo, double hi, double *value, struct loom_errmsg *e)
{
    const json_t *v = json_object_get(conf, name);
    if (!v)
        return 0;
    double x = json_number_value(v);
    if (!json_is_number(v) || !(x >= lo && x <= hi))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: field \"%s\" must be a number from %g to %g",
                         layer, name, lo, hi);
    *value = x;
    return 0;
}

int loom_conf_whole(const json_t *conf, const char *layer, const char *name,
                    double lo, double hi, double *value, struct loom_errmsg *e)
{
    int err = loom_conf_number(conf, layer, name, lo, hi, value, e);
    if (!err && *value != floor(*value))
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"%s\" must be a whole number", layer, name);
    return err;
}

static const struct loom_layer_ops *kind_of(const char *word)
{
    for (int k = 0; k < N_KINDS; k++)
        if (!strcmp(word, kinds[k]->kind))
            return kinds[k];
    return NULL;
}

static bool is_utf8(const char *s)
{
    json_t *j = json_string(s);
    json_decref(j);
    return j != NULL;
}

static int check_new(const struct loom_model *m,
                     const struct loom_layer_ops *ops, const char *kind,
                     const char *name, const int *inputs, int n_inputs,
                     struct loom_errmsg *e)
{
    if (!ops)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: unknown layer kind \"%s\"; known: input, "
                         "quantize, dense, relu",
                         name, kind);
    if (!*name || strlen(name) >= sizeof(m->layer->name))
        return loom_fail(e, LOOM_ERR_ARG,
                         "layer name \"%s\": 1 to %zu characters are allowed",
                         name, sizeof(m->layer->name) - 1);
    if (!is_utf8(name)) /* or it could not be saved */
        return loom_fail(e, LOOM_ERR_ARG, "layer %d: its name is not UTF-8",
                         m->n_layers);
    if (ops == &loom_layer_input && m->input >= 0)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: there is an input layer already: %s", name,
                         m->layer[m->input].name);
    if (m->n_layers == MAX_LAYERS)
        return loom_fail(e, LOOM_ERR_RANGE, "%s: at most %d layers", name,
                         MAX_LAYERS);
    if (loom_model_find(m, name) >= 0)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: there is a layer of this name already", name);
    if (n_inputs != ops->n_inputs)
        return loom_fail(e, LOOM_ERR_ARG, "%s: %s takes %d inputs, not %d",
                         name, kind, ops->n_inputs, n_inputs);
    for (int k = 0; k < n_inputs; k++)
        if (inputs[k] < 0 || inputs[k] >= m->n_layers)
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: its input is not an earlier layer", name);
    return 0;
}

int loom_model_add(struct loom_model *m, const char *kind, const char *name,
                   const int *inputs, int n_inputs, const json_t *conf,
                   struct loom_errmsg *e)
{
    const struct loom_layer_ops *ops = kind_of(kind);
    int err = check_new(m, ops, kind, name, inputs, n_inputs, e);
    if (err)
        return err;
    m->layer =
        loom_realloc(m->layer, (size_t)(m->n_layers + 1) * sizeof(*m->layer));
    struct loom_layer *l = &m->layer[m->n_layers];
    *l = (struct loom_layer){.ops = ops, .n_inputs = n_inputs};
    snprintf(l->name, sizeof(l->name), "%s", name);
    for (int k = 0; k < n_inputs; k++)
        l->input[k] = inputs[k];
    l->conf = conf ? json_deep_copy(conf) : json_object();
    l->state = ops->state_size ? loom_calloc(1, ops->state_size) : NULL;
    err = ops->build(m, l, e);
    m->n_floats += 2 * LOOM_BLOCK * loom_pad(l->n);
    if (!err && (m->out_of_memory || m->n_floats > MAX_FLOATS))
        err = loom_fail(e, LOOM_ERR_NOMEM,
                        "%s: with this layer the model is too large, or there "
                        "is no memory; fewer inputs or units help",
                        name);
    if (err) {
        json_decref(l->conf);
        free(l->state);
        return err;
    }
    l->ld = loom_pad(l->n);
    l->sum_at = m->n_sum;
    l->top_at = m->n_top;
    m->n_sum += loom_pad(l->sum_n);
    m->n_top += loom_pad(l->top_n);
    if (ops == &loom_layer_input)
        m->input = m->n_layers;
    return m->n_layers++;
}

/* Every layer but the output is read by exactly one other: a gradient comes
 * from one place, and none is missing. */
static int check_chain(const struct loom_model *m, int output,
                       struct loom_errmsg *e)
{
    for (int k = 0; k < m->n_layers; k++) {
        int readers = k == output;
        for (int r = k + 1; r < m->n_layers; r++)
            for (int i = 0; i < m->layer[r].n_inputs; i++)
                readers += m->layer[r].input[i] == k;
        if (readers != 1)
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: read by %d layers; exactly one must read it",
                             m->layer[k].name, readers);
    }
    return 0;
}

int loom_model_finish(struct loom_model *m, int output, uint64_t seed,
                      struct loom_errmsg *e)
{
    if (m->input < 0 || output < 0 || output >= m->n_layers)
        return loom_fail(e, LOOM_ERR_ARG,
                         "the model needs an input and an output layer");
    int err = check_chain(m, output, e);
    if (err)
        return err;
    m->output = output;
    m->theta = loom_try_alloc(m->n_theta, sizeof(float), "parameters", e);
    m->grad = loom_try_alloc(m->n_theta, sizeof(float), "gradients", e);
    if (!m->theta || !m->grad)
        return loom_fail(e, LOOM_ERR_NOMEM,
                         "no memory for a model of %zu parameters", m->n_theta);
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_rng rng = loom_rng_init(seed, (uint64_t)k + 1);
        if (m->layer[k].ops->init)
            m->layer[k].ops->init(m, &m->layer[k], &rng);
    }
    return 0;
}

json_t *loom_model_to_json(const struct loom_model *m)
{
    json_t *layers = json_array();
    for (int k = 0; k < m->n_layers; k++) {
        const struct loom_layer *l = &m->layer[k];
        json_t *inputs = json_array();
        for (int i = 0; i < l->n_inputs; i++)
            json_array_append_new(inputs, json_integer(l->input[i]));
        json_array_append_new(
            layers, json_pack("{s:s,s:s,s:o,s:O}", "kind", l->ops->kind, "name",
                              l->name, "inputs", inputs, "conf", l->conf));
    }
    return json_pack("{s:i,s:o}", "output", m->output, "layers", layers);
}

static int add_from_json(struct loom_model *m, const json_t *j,
                         struct loom_errmsg *e)
{
    const char *kind = json_string_value(json_object_get(j, "kind"));
    const char *name = json_string_value(json_object_get(j, "name"));
    const json_t *inputs = json_object_get(j, "inputs");
    const json_t *conf = json_object_get(j, "conf");
    int input[LOOM_MAX_INPUTS];
    size_t n = json_array_size(inputs);
    if (!kind || !name || n > LOOM_MAX_INPUTS || !json_is_object(conf))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "model: layer %d lacks kind, name, inputs or conf",
                         m->n_layers);
    for (size_t k = 0; k < n; k++) {
        const json_t *j_in = json_array_get(inputs, k);
        json_int_t v = json_is_integer(j_in) ? json_integer_value(j_in) : -1;
        input[k] = v < 0 || v >= MAX_LAYERS ? -1 : (int)v;
    }
    return loom_model_add(m, kind, name, input, (int)n, conf, e);
}

struct loom_model *loom_model_from_json(const json_t *j, struct loom_errmsg *e)
{
    struct loom_model *m = loom_model_new();
    const json_t *layers = json_object_get(j, "layers");
    json_int_t out = json_integer_value(json_object_get(j, "output"));
    int err = 0;
    for (size_t k = 0; err >= 0 && k < json_array_size(layers); k++)
        err = add_from_json(m, json_array_get(layers, k), e);
    if (err >= 0)
        err = loom_model_finish(m, out < 0 || out > MAX_LAYERS ? -1 : (int)out,
                                0, e);
    if (err < 0) {
        loom_model_destroy(m);
        return NULL;
    }
    return m;
}

int loom_model_find(const struct loom_model *m, const char *layer)
{
    for (int k = 0; k < m->n_layers; k++)
        if (!strcmp(m->layer[k].name, layer))
            return k;
    return LOOM_ERR_MISSING;
}

struct loom_param *loom_model_param(const struct loom_model *m,
                                    const char *name)
{
    for (int k = 0; k < m->n_params; k++)
        if (!strcmp(m->param[k].name, name))
            return &m->param[k];
    return NULL;
}

const char *loom_model_not_finite(const struct loom_model *m)
{
    for (int k = 0; k < m->n_params; k++)
        for (size_t j = 0; j < m->param[k].n; j++)
            if (!isfinite(m->theta[m->param[k].at + j]))
                return m->param[k].name;
    return NULL;
}

/* ---- memory of a step -------------------------------------------------- */

int loom_scratch_init(struct loom_scratch *s, const struct loom_model *m,
                      struct loom_errmsg *e)
{
    size_t total = 0, n = (size_t)m->n_layers;
    for (int k = 0; k < m->n_layers; k++)
        total += 2 * LOOM_BLOCK * m->layer[k].ld;
    s->out = loom_calloc(n, sizeof(*s->out));
    s->gout = loom_calloc(n, sizeof(*s->gout));
    s->memory = loom_try_alloc(total, sizeof(float), "activations", e);
    float *p = s->memory;
    for (int k = 0; p && k < m->n_layers; k++) {
        s->out[k] = p;
        s->gout[k] = p + LOOM_BLOCK * m->layer[k].ld;
        p += 2 * LOOM_BLOCK * m->layer[k].ld;
    }
    return s->memory ? 0 : LOOM_ERR_NOMEM;
}

void loom_scratch_deinit(struct loom_scratch *s)
{
    free(s->out);
    free(s->gout);
    free(s->memory);
    *s = (struct loom_scratch){0};
}

int loom_sums_init(struct loom_sums *s, const struct loom_model *m,
                   struct loom_errmsg *e)
{
    s->sum = loom_try_alloc(m->n_sum, sizeof(float), "gradient sums", e);
    s->top = loom_try_alloc(m->n_top, sizeof(float), "ranges", e);
    return s->sum && s->top ? 0 : LOOM_ERR_NOMEM;
}

void loom_sums_deinit(struct loom_sums *s)
{
    free(s->sum);
    free(s->top);
    *s = (struct loom_sums){0};
}

void loom_sums_clear(struct loom_sums *s, const struct loom_model *m)
{
    memset(s->sum, 0, m->n_sum * sizeof(float));
    memset(s->top, 0, m->n_top * sizeof(float));
}

/* ---- a step ------------------------------------------------------------ */

void loom_model_prepare(struct loom_model *m, enum loom_mode mode)
{
    m->mode = mode;
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].ops->prepare)
            m->layer[k].ops->prepare(m, &m->layer[k]);
}

static struct loom_block block_at(const struct loom_model *m,
                                  struct loom_scratch *s, size_t rows,
                                  struct loom_sums *sums, int k)
{
    const struct loom_layer *l = &m->layer[k];
    struct loom_block b = {.rows = rows, .out = s->out[k], .gout = s->gout[k]};
    for (int i = 0; i < l->n_inputs; i++) {
        b.in[i] = s->out[l->input[i]];
        /* Nobody asks for the gradient of the data itself. */
        b.gin[i] = l->input[i] == m->input ? NULL : s->gout[l->input[i]];
    }
    if (sums) {
        b.sum = sums->sum + l->sum_at;
        b.top = sums->top + l->top_at;
    }
    return b;
}

void loom_model_forward(const struct loom_model *m, struct loom_scratch *s,
                        size_t rows, struct loom_sums *sums)
{
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_block b = block_at(m, s, rows, sums, k);
        if (m->layer[k].ops->forward)
            m->layer[k].ops->forward(m, &m->layer[k], &b);
    }
}

void loom_model_backward(const struct loom_model *m, struct loom_scratch *s,
                         size_t rows, struct loom_sums *sums)
{
    for (int k = m->n_layers - 1; k >= 0; k--) {
        struct loom_block b = block_at(m, s, rows, sums, k);
        if (m->layer[k].ops->backward)
            m->layer[k].ops->backward(m, &m->layer[k], &b);
    }
}

static void merge(const struct loom_model *m, struct loom_sums *chunk,
                  int n_chunks)
{
    float *restrict sum = chunk[0].sum, *restrict top = chunk[0].top;
    for (int c = 1; c < n_chunks; c++) {
        const float *restrict s = chunk[c].sum, *restrict t = chunk[c].top;
        for (size_t j = 0; j < m->n_sum; j++)
            sum[j] += s[j];
        for (size_t j = 0; j < m->n_top; j++)
            top[j] = top[j] > t[j] ? top[j] : t[j];
    }
}

void loom_model_reduce(struct loom_model *m, struct loom_sums *chunk,
                       int n_chunks)
{
    merge(m, chunk, n_chunks);
    memset(m->grad, 0, m->n_theta * sizeof(float));
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (l->ops->reduce)
            l->ops->reduce(m, l, chunk[0].sum + l->sum_at,
                           chunk[0].top + l->top_at);
    }
}

void loom_model_trace(struct loom_model *m, struct loom_sums *chunk,
                      int n_chunks)
{
    merge(m, chunk, n_chunks);
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].ops->trace)
            m->layer[k].ops->trace(m, &m->layer[k],
                                   chunk[0].top + m->layer[k].top_at);
}

double loom_model_ebops(struct loom_model *m, float beta, double *rounded)
{
    double total = 0.0, whole = 0.0;
    for (int k = 0; k < m->n_layers; k++) {
        if (!m->layer[k].ops->ebops)
            continue;
        double v = m->layer[k].ops->ebops(m, &m->layer[k], beta);
        total += v;
        whole += floor(v);
    }
    if (rounded)
        *rounded = whole;
    return total;
}

double loom_model_l1(struct loom_model *m, bool add)
{
    double total = 0.0;
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        double sum = 0.0;
        for (size_t j = 0; p->l1 != 0.0f && j < p->n; j++) {
            sum += (double)m->theta[p->at + j];
            if (add)
                m->grad[p->at + j] += p->l1;
        }
        total += sum * (double)p->l1;
    }
    return total;
}

void loom_model_project(struct loom_model *m)
{
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        float *v = m->theta + p->at;
        for (size_t j = 0; p->lo < p->hi && j < p->n; j++)
            v[j] = v[j] < p->lo ? p->lo : v[j] > p->hi ? p->hi : v[j];
    }
}

int loom_model_describe(struct loom_model *m, struct loom_train_layer *row,
                        int max)
{
    int n = 0;
    for (int k = 0; k < m->n_layers && n < max; k++) {
        struct loom_layer *l = &m->layer[k];
        if (!l->ops->describe)
            continue;
        memset(&row[n], 0, sizeof(row[n]));
        snprintf(row[n].name, sizeof(row[n].name), "%.31s", l->name);
        snprintf(row[n].kind, sizeof(row[n].kind), "%s", l->ops->kind);
        row[n].ebops = (float)l->ops->ebops(m, l, 0.0f);
        l->ops->describe(m, l, &row[n]);
        n++;
    }
    return n;
}

/* ---- freezing ---------------------------------------------------------- */

struct loom_exact_node *loom_exact_append(struct loom_exact *net,
                                          enum loom_exact_op op,
                                          const char *name, size_t n, int input)
{
    net->nodes =
        loom_realloc(net->nodes, (net->n_nodes + 1) * sizeof(*net->nodes));
    struct loom_exact_node *d = &net->nodes[net->n_nodes++];
    size_t n_in = op == LOOM_EXACT_INPUT ? n : net->nodes[input].n;
    *d = (struct loom_exact_node){.op = op, .input = input, .n = n};
    d->name = loom_strdup(name);
    d->elem = loom_calloc(n, sizeof(*d->elem));
    if (op == LOOM_EXACT_INPUT || op == LOOM_EXACT_QUANTIZE)
        d->format = loom_calloc(n, sizeof(*d->format));
    if (op == LOOM_EXACT_DENSE) {
        d->w = loom_calloc(n_in * n, sizeof(*d->w));
        d->wf = loom_calloc(n_in * n, sizeof(*d->wf));
        d->b = loom_calloc(n, sizeof(*d->b));
        d->bf = loom_calloc(n, sizeof(*d->bf));
    }
    if (op == LOOM_EXACT_INPUT)
        net->in_size += n;
    return d;
}

/* Largest |partial sum| of output j in units of its own step, in any order
 * of summation. */
static double dense_bound(const struct loom_exact *net,
                          const struct loom_exact_node *d, size_t j)
{
    const struct loom_exact_node *src = &net->nodes[d->input];
    double sum = ldexp(fabs((double)d->b[j]), d->elem[j].f - d->bf[j]);
    for (size_t i = 0; i < src->n; i++) {
        const struct loom_exact_elem *x = &src->elem[i];
        double top = fmax(fabs((double)x->lo), fabs((double)x->hi));
        size_t at = i * d->n + j;
        if (d->w[at] && top > 0)
            sum += ldexp(fabs((double)d->w[at]) * top,
                         d->elem[j].f - x->f - d->wf[at]);
    }
    return sum;
}

/* Largest number that rounding and wrapping element j passes through: the
 * (clipped) value plus half a step of the new grid, in steps of the finer of
 * the old grid and that half; and, when it wraps, the rounded value plus half
 * the modulus, in the new grid's. */
static double quantize_bound(const struct loom_exact *net,
                             const struct loom_exact_node *d, size_t j)
{
    const struct loom_exact_elem *x = &net->nodes[d->input].elem[j];
    int drop = x->f - d->format[j].f, width = loom_fixed_width(d->format[j]);
    double top = fmax(fabs((double)x->lo), fabs((double)x->hi));
    if (!width)
        return 0.0;
    double now = ldexp(top, -drop); /* in the new grid's steps */
    if (d->overflow != LOOM_WRAP)
        now = fmin(now, ldexp(1.0, d->format[j].i + d->format[j].f));
    double rounded = drop > 0 ? top + ldexp(1.0, drop - 1) : 2.0 * now + 1.0;
    double wrapped = d->overflow == LOOM_WRAP ? now + ldexp(1.0, width) : 0.0;
    return fmax(rounded, wrapped);
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
            if (d->op == LOOM_EXACT_DENSE)
                top = dense_bound(net, d, j);
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

struct loom_exact *loom_model_freeze(struct loom_model *m,
                                     struct loom_errmsg *e)
{
    struct loom_exact *net = loom_calloc(1, sizeof(*net));
    int *node = loom_calloc((size_t)m->n_layers, sizeof(*node));
    int err = 0;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    net->n_inputs = 1;
    net->input_size = loom_calloc(1, sizeof(size_t));
    net->input_size[0] = m->layer[m->input].n;
    for (int k = 0; !err && k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        /* Integers begin behind a quantizer. */
        bool raw = l->n_inputs && l->input[0] == m->input;
        if (raw && l->ops != &loom_layer_quantize)
            err = loom_fail(e, LOOM_ERR_ARG,
                            "%s: reads the input before it is quantized",
                            l->name);
        else
            err = l->ops->freeze(m, l, net, node, e);
    }
    if (!err) {
        net->output = node[m->output];
        net->out_size = net->nodes[net->output].n;
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
