#include "engine/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/fuse.h"
#include "engine/layer.h"
#include "engine/mem.h"

static const struct loom_layer_ops *const kinds[] = {
    &loom_layer_input,
    &loom_layer_quantize,
    &loom_layer_dense,
    &loom_layer_conv1d,
    &loom_layer_conv2d,
    &loom_layer_depthwise_conv2d,
    &loom_layer_relu,
    &loom_layer_leaky_relu,
    &loom_layer_function,
    &loom_layer_tables,
    &loom_layer_add,
    &loom_layer_subtract,
    &loom_layer_multiply,
    &loom_layer_maximum,
    &loom_layer_minimum,
    &loom_layer_scale,
    &loom_layer_sum,
    &loom_layer_max,
    &loom_layer_max_pool1d,
    &loom_layer_max_pool2d,
    &loom_layer_average_pool1d,
    &loom_layer_average_pool2d,
    &loom_layer_global_max_pool,
    &loom_layer_global_average_pool,
    &loom_layer_reshape,
    &loom_layer_flatten,
    &loom_layer_permute,
    &loom_layer_slice,
    &loom_layer_repeat,
    &loom_layer_concatenate,
    &loom_layer_batch_norm,
    &loom_layer_dropout,
    &loom_layer_outputs,
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
    m->output = -1;
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
    free(m->order);
    free(m->first);
    free(m->param);
    free(m->theta);
    free(m->grad);
    free(m);
}

void *loom_model_memory(struct loom_model *m, size_t n, size_t size)
{
    void *p = NULL;
    m->n_floats += n * size / sizeof(float);
    if (n <= MAX_FLOATS && m->n_floats <= MAX_FLOATS)
        p = loom_try_alloc(n, size, "layer", NULL);
    if (!p)
        m->out_of_memory = true;
    m->block =
        loom_realloc(m->block, (size_t)(m->n_blocks + 1) * sizeof(*m->block));
    m->block[m->n_blocks++] = p;
    return p;
}

float *loom_model_floats(struct loom_model *m, size_t n)
{
    return loom_model_memory(m, n, sizeof(float));
}

void loom_layer_shape(struct loom_layer *l, int rank, const size_t *dim)
{
    l->shape.rank = rank;
    l->n = 1;
    for (int a = 0; a < rank; a++) {
        l->shape.dim[a] = dim[a];
        l->n *= dim[a];
    }
    l->ld = loom_pad(l->n);
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

static int unknown_kind(const char *name, const char *kind,
                        struct loom_errmsg *e)
{
    char list[512] = "";
    for (size_t k = 0, at = 0; k < N_KINDS; k++)
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
                               k ? ", " : "", kinds[k]->kind);
    return loom_fail(e, LOOM_ERR_ARG,
                     "%s: unknown layer kind \"%s\"; known: %s", name, kind,
                     list);
}

static int check_inputs(const struct loom_model *m,
                        const struct loom_layer_ops *ops, const char *name,
                        const int *inputs, int n_inputs, struct loom_errmsg *e)
{
    int most = ops->max_inputs ? ops->max_inputs : ops->n_inputs;
    if (n_inputs < ops->n_inputs || n_inputs > most)
        return loom_fail(e, LOOM_ERR_ARG, "%s: %s takes %s%d inputs, not %d",
                         name, ops->kind,
                         ops->max_inputs == 0       ? ""
                         : n_inputs < ops->n_inputs ? "at least "
                                                    : "at most ",
                         n_inputs < ops->n_inputs ? ops->n_inputs : most,
                         n_inputs);
    for (int k = 0; k < n_inputs; k++)
        if (inputs[k] < 0 || inputs[k] >= m->n_layers)
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: its input is not an earlier layer", name);
        else if (m->layer[inputs[k]].ops == &loom_layer_outputs)
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: nothing can follow the outputs %s", name,
                             m->layer[inputs[k]].name);
    return 0;
}

static int check_new(const struct loom_model *m,
                     const struct loom_layer_ops *ops, const char *name,
                     struct loom_errmsg *e)
{
    if (!*name || strlen(name) >= sizeof(m->layer->name))
        return loom_fail(e, LOOM_ERR_ARG,
                         "layer name \"%s\": 1 to %zu characters are allowed",
                         name, sizeof(m->layer->name) - 1);
    if (!is_utf8(name)) /* or it could not be saved */
        return loom_fail(e, LOOM_ERR_ARG, "layer %d: its name is not UTF-8",
                         m->n_layers);
    if (ops == &loom_layer_input && m->n_inputs == LOOM_MAX_INPUTS)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: at most %d input layers can be handled", name,
                         LOOM_MAX_INPUTS);
    if (m->n_layers == MAX_LAYERS)
        return loom_fail(e, LOOM_ERR_RANGE, "%s: at most %d layers", name,
                         MAX_LAYERS);
    if (loom_model_find(m, name) >= 0)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: there is a layer of this name already", name);
    return 0;
}

int loom_model_add(struct loom_model *m, const char *kind, const char *name,
                   const int *inputs, int n_inputs, const json_t *conf,
                   struct loom_errmsg *e)
{
    const struct loom_layer_ops *ops = kind_of(kind);
    int err = ops ? check_new(m, ops, name, e) : unknown_kind(name, kind, e);
    if (!err)
        err = check_inputs(m, ops, name, inputs, n_inputs, e);
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
    l->theta_at = m->n_theta;
    err = ops->build(m, l, e);
    l->theta_n = m->n_theta - l->theta_at;
    m->n_floats += 2 * LOOM_BLOCK * l->ld + l->work_n;
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
    l->sum_at = m->n_sum;
    l->top_at = m->n_top;
    l->stat_at = m->n_stat;
    m->n_sum += loom_pad(l->sum_n);
    m->n_top += loom_pad(l->top_n);
    m->n_stat += l->stat_n;
    if (loom_pad(l->work_n) > m->n_work)
        m->n_work = loom_pad(l->work_n);
    if (ops == &loom_layer_input) {
        m->input[m->n_inputs++] = m->n_layers;
        m->n_in += l->n;
    }
    return m->n_layers++;
}

/* A layer belongs to the phase of its inputs, a sync point to the one behind
 * it. In a phase's order the sync points come first: their gradients go back
 * last, when the phase before it begins. */
static void order_layers(struct loom_model *m)
{
    int n = 0;
    m->n_phases = 1;
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        l->phase = 0;
        for (int i = 0; i < l->n_inputs; i++)
            if (m->layer[l->input[i]].phase > l->phase)
                l->phase = m->layer[l->input[i]].phase;
        l->phase += l->sync;
        if (l->phase >= m->n_phases)
            m->n_phases = l->phase + 1;
    }
    m->order = loom_calloc((size_t)m->n_layers, sizeof(*m->order));
    m->first = loom_calloc((size_t)m->n_phases + 1, sizeof(*m->first));
    for (int p = 0; p < m->n_phases; p++) {
        for (int sync = 1; sync >= 0; sync--)
            for (int k = 0; k < m->n_layers; k++)
                if (m->layer[k].phase == p && m->layer[k].sync == sync)
                    m->order[n++] = k;
        m->first[p + 1] = n;
    }
}

/* Every layer but the output is read: none lacks a gradient. Where several
 * read one, the last of them (the first to go back) sets its gradient and the
 * others add theirs. */
static int link_layers(struct loom_model *m, int output, struct loom_errmsg *e)
{
    int *readers = loom_calloc((size_t)m->n_layers, sizeof(*readers)),
        lost = -1;
    readers[output] = 1;
    for (int o = m->n_layers - 1; o >= 0; o--) {
        int k = m->order[o];
        struct loom_layer *l = &m->layer[k];
        if (!readers[k])
            lost = k;
        for (int i = 0; i < l->n_inputs; i++) {
            size_t floats = LOOM_BLOCK * m->layer[l->input[i]].ld;
            l->adds[i] = readers[l->input[i]]++ > 0;
            if (l->adds[i] && floats > m->n_spare)
                m->n_spare = floats;
        }
    }
    bool twice = readers[output] > 1;
    loom_fuse_plan(m, readers);
    free(readers);
    if (lost >= 0)
        return loom_fail(e, LOOM_ERR_ARG, "%s: no other layer reads it",
                         m->layer[lost].name);
    if (twice)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: is the output, but another layer reads it",
                         m->layer[output].name);
    return 0;
}

static void keep(struct loom_model *m, int k)
{
    if (m->layer[k].ops != &loom_layer_input) /* data is put anew */
        m->layer[k].kept = true;
}

/* Kept are the sync points (their gradient waits), what a later phase reads,
 * what the loss needs, and where a kept layer's numbers lie in its input's, as
 * those of a quantizer may that is off. */
static void find_kept(struct loom_model *m, int output)
{
    if (m->layer[output].phase + 1 < m->n_phases)
        keep(m, output);
    for (int k = m->n_layers - 1; k >= 0; k--) {
        const struct loom_layer *l = &m->layer[k];
        for (int i = 0; i < l->n_inputs; i++)
            if (m->layer[l->input[i]].phase < l->phase)
                keep(m, l->input[i]);
        if (l->sync)
            keep(m, k);
        if (l->kept &&
            (l->in_place || l->shares || l->ops == &loom_layer_quantize))
            keep(m, l->input[0]);
    }
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].kept)
            m->n_kept += LOOM_BLOCK * loom_layer_buffers(&m->layer[k]);
}

int loom_model_finish(struct loom_model *m, int output, uint64_t seed,
                      struct loom_errmsg *e)
{
    if (!m->n_inputs || output < 0 || output >= m->n_layers)
        return loom_fail(e, LOOM_ERR_ARG,
                         "the model needs an input and an output layer");
    order_layers(m);
    int err = link_layers(m, output, e);
    if (err)
        return err;
    find_kept(m, output);
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

/* FNV-1a. */
uint64_t loom_model_hash(const struct loom_model *m)
{
    const unsigned char *p = (const unsigned char *)m->theta;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t k = 0; k < m->n_theta * sizeof(float); k++)
        h = (h ^ p[k]) * 0x100000001b3u;
    return h;
}

int loom_model_outputs(const struct loom_model *m,
                       struct loom_output out[LOOM_MAX_OUTPUTS])
{
    const struct loom_layer *l = &m->layer[m->output];
    const json_t *names = json_object_get(l->conf, "names");
    size_t at = 0;
    if (l->ops != &loom_layer_outputs) {
        out[0] = (struct loom_output){l->name, 0, l->n};
        return 1;
    }
    for (int k = 0; k < l->n_inputs; k++) {
        const char *name = json_string_value(json_array_get(names, (size_t)k));
        out[k] = (struct loom_output){name, at, m->layer[l->input[k]].n};
        at += out[k].n;
    }
    return l->n_inputs;
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

/* ---- cost, bounds, report ----------------------------------------------- */

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

static bool is_regular(const struct loom_param *p)
{
    return p->l1 != 0.0f || p->absolute != 0.0f || p->square != 0.0f;
}

void loom_model_l1_gradient(struct loom_model *m)
{
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        const float *restrict v = m->theta + p->at;
        float *restrict g = m->grad + p->at;
        for (size_t j = 0; is_regular(p) && j < p->n; j++) {
            float sign = (float)((v[j] > 0.0f) - (v[j] < 0.0f));
            g[j] += p->l1 + p->absolute * sign + 2.0f * p->square * v[j];
        }
    }
}

double loom_model_l1(struct loom_model *m, bool add)
{
    double total = 0.0;
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        double sum = 0.0, absolute = 0.0, square = 0.0;
        for (size_t j = p->at; is_regular(p) && j < p->at + p->n; j++) {
            double v = (double)m->theta[j];
            sum += v;
            absolute += fabs(v);
            square += v * v;
        }
        total += sum * (double)p->l1 + absolute * (double)p->absolute +
                 square * (double)p->square;
    }
    if (add)
        loom_model_l1_gradient(m);
    return total;
}

void loom_model_project(struct loom_model *m, size_t begin, size_t end)
{
    for (int k = 0; k < m->n_params; k++) {
        const struct loom_param *p = &m->param[k];
        size_t at = p->at > begin ? p->at : begin;
        size_t last = p->at + p->n < end ? p->at + p->n : end;
        float *v = m->theta;
        for (size_t j = at; p->bounded && j < last; j++)
            v[j] = v[j] < p->lo ? p->lo : v[j] > p->hi ? p->hi : v[j];
    }
}

static bool is_bits_of(const struct loom_param *p, const char *layer)
{
    size_t n = strlen(layer);
    return p->bits && !strncmp(p->name, layer, n) && p->name[n] == '/';
}

int loom_model_freeze_bits(struct loom_model *m, const char *layer, bool frozen)
{
    int n = 0;
    for (int k = 0; k < m->n_params; k++)
        if (is_bits_of(&m->param[k], layer)) {
            m->param[k].frozen = frozen;
            n++;
        }
    return n;
}

bool loom_model_bits_frozen(const struct loom_model *m, const char *layer)
{
    for (int k = 0; k < m->n_params; k++)
        if (m->param[k].frozen && is_bits_of(&m->param[k], layer))
            return true;
    return false;
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
        row[n].frozen = loom_model_bits_frozen(m, l->name);
        n++;
    }
    return n;
}
