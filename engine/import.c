#include "engine/import_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/keras_file.h"
#include "engine/layer.h"
#include "engine/mem.h"

/* ---- for the translators ----------------------------------------------- */

int import_fail(const struct import_layer *l, const char *field,
                struct loom_errmsg *e, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return loom_fail(e, LOOM_ERR_FORMAT, "layer %s (%s), field %s: %s", l->name,
                     l->class_name, field, text);
}

/* The field where it is there and not null. */
static const json_t *field_of(const struct import_layer *l, const char *field)
{
    const json_t *v = json_object_get(l->config, field);
    return v && !json_is_null(v) ? v : NULL;
}

int import_whole(const struct import_layer *l, const char *field, int standard,
                 int *out, struct loom_errmsg *e)
{
    const json_t *v = field_of(l, field);
    *out = standard;
    if (!v)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < -(1 << 24) ||
        json_integer_value(v) > 1 << 24)
        return import_fail(l, field, e, "a whole number is expected");
    *out = (int)json_integer_value(v);
    return 0;
}

int import_flag(const struct import_layer *l, const char *field, bool standard,
                bool *out, struct loom_errmsg *e)
{
    const json_t *v = field_of(l, field);
    *out = v ? json_is_true(v) : standard;
    if (v && !json_is_boolean(v))
        return import_fail(l, field, e, "true or false is expected");
    return 0;
}

int import_word(const struct import_layer *l, const char *field,
                const char **out, struct loom_errmsg *e)
{
    const json_t *v = field_of(l, field);
    *out = v ? json_string_value(v) : "";
    return *out ? 0 : import_fail(l, field, e, "a word is expected");
}

int import_add(struct import *im, const struct import_layer *l,
               const char *kind, const char *suffix, const int *input,
               int n_inputs, json_t *conf, struct loom_errmsg *e)
{
    char *name = loom_asprintf("%s%s", l->name, suffix);
    int at = loom_model_add(im->m, kind, name, input, n_inputs, conf, e);
    if (at < 0)
        loom_fail_prefix(e, at, "layer %s (%s)", l->name, l->class_name);
    json_decref(conf);
    free(name);
    return at;
}

void import_load(struct import *im, const struct import_layer *l,
                 const char *set, const char *param, ...)
{
    char name[128];
    va_list ap;
    va_start(ap, param);
    vsnprintf(name, sizeof(name), param, ap);
    va_end(ap);
    im->load = loom_realloc(im->load, (im->n_loads + 1) * sizeof(*im->load));
    im->load[im->n_loads++] = (struct import_load){
        loom_asprintf("%s/%s", l->group, set), loom_strdup(name)};
}

/* ---- the graph --------------------------------------------------------- */

enum { MAX_LAYERS = 2048 };

/* "QEinsumDense" -> "q_einsum_dense", as Keras names groups. */
static void snake_case(const char *s, char *out, size_t room)
{
    size_t n = 0;
    for (size_t k = 0; s[k] && n + 2 < room; k++) {
        bool upper = isupper((unsigned char)s[k]);
        if (k && upper &&
            (islower((unsigned char)s[k + 1]) ||
             islower((unsigned char)s[k - 1])))
            out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)s[k]);
    }
    out[n] = 0;
}

/* The layer's group: its class, numbered among those of its class. */
static void name_group(const struct import *im, struct import_layer *l)
{
    char snake[64];
    int n = 0;
    snake_case(l->class_name, snake, sizeof(snake));
    for (size_t k = 0; k < im->n_layers; k++)
        n += !strcmp(im->layer[k].class_name, l->class_name);
    if (n)
        snprintf(l->group, sizeof(l->group), "layers/%s_%d", snake, n);
    else
        snprintf(l->group, sizeof(l->group), "layers/%s", snake);
}

static int find_layer(const struct import *im, const char *name)
{
    for (size_t k = 0; name && k < im->n_layers; k++)
        if (!strcmp(im->layer[k].name, name))
            return (int)k;
    return -1;
}

/* [name, node, tensor], all but the first 0. */
static const char *first_of(const json_t *history)
{
    for (size_t k = 1; k < 3; k++)
        if (json_integer_value(json_array_get(history, k)))
            return NULL;
    return json_string_value(json_array_get(history, 0));
}

/* Tensors among the arguments of a call, in order. */
static int collect_inputs(const struct import *im, struct import_layer *l,
                          const json_t *args, int depth, struct loom_errmsg *e)
{
    const char *name = json_string_value(json_object_get(args, "class_name"));
    const json_t *v;
    size_t k;
    if (name && !strcmp(name, "__keras_tensor__")) {
        const json_t *config = json_object_get(args, "config");
        const json_t *history = json_object_get(config, "keras_history");
        int at = find_layer(im, first_of(history));
        if (at < 0)
            return import_fail(l, "inbound_nodes", e,
                               "reads what no earlier layer gives, or a layer "
                               "that is used more than once");
        if (l->n_inputs == LOOM_MAX_INPUTS)
            return import_fail(l, "inbound_nodes", e,
                               "at most %d inputs can be handled",
                               LOOM_MAX_INPUTS);
        l->input[l->n_inputs++] = im->layer[at].at;
        return 0;
    }
    int err = 0;
    json_array_foreach(args, k, v)
    {
        if (!err && depth < 4)
            err = collect_inputs(im, l, v, depth + 1, e);
    }
    return err;
}

static int read_call(const struct import *im, struct import_layer *l,
                     const json_t *nodes, struct loom_errmsg *e)
{
    const json_t *kwargs, *v;
    const char *key;
    if (json_array_size(nodes) != 1)
        return import_fail(l, "inbound_nodes", e,
                           "the layer is used %zu times; once is handled",
                           json_array_size(nodes));
    l->args = json_object_get(json_array_get(nodes, 0), "args");
    kwargs = json_object_get(json_array_get(nodes, 0), "kwargs");
    json_object_foreach((json_t *)(uintptr_t)kwargs, key, v)
    {
        if (!json_is_null(v) && !json_is_boolean(v))
            return import_fail(l, "inbound_nodes", e,
                               "argument \"%s\" is not known here", key);
    }
    if (!json_is_array(l->args))
        return import_fail(l, "inbound_nodes", e, "no arguments");
    return collect_inputs(im, l, l->args, 0, e);
}

/* A layer of the file as im->layer's last. */
static int add_layer(struct import *im, const json_t *j, bool chain,
                     struct loom_errmsg *e)
{
    struct import_layer l = {
        .name = json_string_value(json_object_get(j, "name")),
        .class_name = json_string_value(json_object_get(j, "class_name")),
        .config = json_object_get(j, "config"),
    };
    if (!l.name)
        l.name = json_string_value(json_object_get(l.config, "name"));
    if (!l.name || !l.class_name || !json_is_object(l.config) ||
        strlen(l.name) > 40 || strlen(l.class_name) > 40 ||
        im->n_layers == MAX_LAYERS)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: layer %zu lacks name, class_name or config, or "
                         "they are too long",
                         im->path, im->n_layers);
    if (find_layer(im, l.name) >= 0)
        return import_fail(&l, "name", e, "two layers have it");
    name_group(im, &l);
    int err = 0, at = -1;
    if (!strcmp(l.class_name, "InputLayer"))
        at = loom_model_find(im->m, l.name); /* made first, see below */
    else if (!chain)
        err = read_call(im, &l, json_object_get(j, "inbound_nodes"), e);
    else
        l.input[l.n_inputs++] = im->layer[im->n_layers - 1].at;
    if (!err && at < 0)
        err = import_translate(im, &l, &at, e);
    if (err)
        return err;
    im->layer =
        loom_realloc(im->layer, (im->n_layers + 1) * sizeof(*im->layer));
    snprintf(im->layer[im->n_layers].name, sizeof(im->layer->name), "%s",
             l.name);
    snprintf(im->layer[im->n_layers].class_name, sizeof(im->layer->class_name),
             "%s", l.class_name);
    im->layer[im->n_layers++].at = at;
    return 0;
}

static const json_t *layer_by_name(const json_t *layers, const char *name)
{
    const json_t *v;
    size_t k;
    json_array_foreach(layers, k, v)
    {
        const char *s = json_string_value(
            json_object_get(json_object_get(v, "config"), "name"));
        if (s && name && !strcmp(s, name))
            return v;
    }
    return NULL;
}

/* An input layer, from its batch_shape. */
static int add_input(struct import *im, const json_t *j, struct loom_errmsg *e)
{
    const json_t *config = json_object_get(j, "config"), *v;
    struct import_layer l = {
        .name = json_string_value(json_object_get(config, "name")),
        .class_name = json_string_value(json_object_get(j, "class_name")),
        .config = config,
    };
    const json_t *batch = json_object_get(config, "batch_shape");
    size_t k;
    if (!l.name || !l.class_name || strcmp(l.class_name, "InputLayer"))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: an input of the model is no InputLayer",
                         im->path);
    json_t *shape = json_array();
    json_array_foreach(batch, k, v)
    {
        if (k)
            json_array_append(shape, (json_t *)(uintptr_t)v);
    }
    int at = import_add(im, &l, "input", "", NULL, 0,
                        json_pack("{s:o}", "shape", shape), e);
    return at < 0 ? at : 0;
}

/* The model's inputs first, in its order: that is the order of the data. One
 * is written [name, 0, 0], several as a list of those. */
static int add_inputs(struct import *im, const json_t *config,
                      const json_t *layers, struct loom_errmsg *e)
{
    const json_t *list = json_object_get(config, "input_layers"), *v;
    size_t k;
    if (!list) /* a Sequential starts with its own */
        return add_input(im, json_array_get(layers, 0), e);
    if (json_is_string(json_array_get(list, 0)))
        return add_input(im, layer_by_name(layers, first_of(list)), e);
    int err = json_array_size(list)
                  ? 0
                  : loom_fail(e, LOOM_ERR_FORMAT,
                              "%s: the model has no input_layers", im->path);
    json_array_foreach(list, k, v)
    {
        if (!err)
            err = add_input(im, layer_by_name(layers, first_of(v)), e);
    }
    return err;
}

static int find_output(const struct import *im, const json_t *config, int *out,
                       struct loom_errmsg *e)
{
    const json_t *list = json_object_get(config, "output_layers");
    int at = (int)im->n_layers - 1;
    if (list) {
        if (json_array_size(list) == 1 &&
            json_is_array(json_array_get(list, 0)))
            list = json_array_get(list, 0);
        at = find_layer(im, first_of(list));
    }
    if (at < 0)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: output_layers must be one layer of the model",
                         im->path);
    *out = im->layer[at].at;
    return 0;
}

/* [name, 0, 0], or a list of those: several are put side by side. */
static int find_outputs(struct import *im, const json_t *config, int *out,
                        struct loom_errmsg *e)
{
    const json_t *list = json_object_get(config, "output_layers"), *v;
    json_t *names = json_array(), *conf = json_object();
    int at[LOOM_MAX_OUTPUTS], n = 0, err = 0;
    size_t k;
    if (json_array_size(list) < 2 || !json_is_array(json_array_get(list, 0))) {
        json_decref(names);
        json_decref(conf);
        return find_output(im, config, out, e);
    }
    json_array_foreach(list, k, v)
    {
        int layer = find_layer(im, first_of(v));
        if (layer < 0 || n == LOOM_MAX_OUTPUTS) {
            err = loom_fail(e, LOOM_ERR_FORMAT,
                            "%s: output_layers must be 1 to %d layers of the "
                            "model",
                            im->path, LOOM_MAX_OUTPUTS);
            break;
        }
        json_array_append_new(names, json_string(im->layer[layer].name));
        at[n++] = im->layer[layer].at;
    }
    json_object_set_new(conf, "names", names);
    if (!err)
        err = *out =
            loom_model_add(im->m, "outputs", "outputs", at, n, conf, e);
    json_decref(conf);
    return err < 0 ? err : 0;
}

static int build(struct import *im, const json_t *j, struct loom_errmsg *e)
{
    const char *name = json_string_value(json_object_get(j, "class_name"));
    const json_t *config = json_object_get(j, "config"), *v;
    const json_t *layers = json_object_get(config, "layers");
    bool chain = name && !strcmp(name, "Sequential");
    size_t k;
    int out = -1;
    if (!name || (!chain && strcmp(name, "Functional")))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: the model is of class %s; Functional and "
                         "Sequential ones can be imported",
                         im->path, name ? name : "(none)");
    if (!json_array_size(layers))
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: the model has no layers",
                         im->path);
    int err = add_inputs(im, config, layers, e);
    json_array_foreach(layers, k, v)
    {
        if (!err)
            err = add_layer(im, v, chain, e);
    }
    if (!err)
        err = find_outputs(im, config, &out, e);
    return err ? err : loom_model_finish(im->m, out, 1, e);
}

/* ---- numbers ----------------------------------------------------------- */

static int load_numbers(struct import *im, struct loom_keras_file *f,
                        struct loom_errmsg *e)
{
    for (size_t k = 0; k < im->n_loads; k++) {
        const struct import_load *t = &im->load[k];
        const struct loom_param *p = loom_model_param(im->m, t->param);
        if (!p)
            return loom_fail(e, LOOM_ERR_FORMAT, "%s: no parameter %s",
                             im->path, t->param);
        int err = loom_keras_read(f, t->set, p->n, im->m->theta + p->at, e);
        if (err)
            return loom_fail_prefix(e, err, "%s", t->param);
        const char *word = strrchr(t->param, '/') + 1;
        for (size_t j = 0; j < p->n; j++) {
            float v = im->m->theta[p->at + j];
            if (!isfinite(v) || (v < 0 && !strcmp(word, "moving_variance")))
                return loom_fail(e, LOOM_ERR_NAN, "%s: %s holds %g", im->path,
                                 t->set, (double)v);
        }
    }
    return 0;
}

/* What the network was trained for, as far as the file says. */
static json_t *info_of(const json_t *j)
{
    const json_t *compiled = json_object_get(j, "compile_config");
    const json_t *loss = json_object_get(compiled, "loss");
    const char *word = json_string_value(json_object_get(loss, "class_name"));
    const char *name = json_string_value(
        json_object_get(json_object_get(j, "config"), "name"));
    json_t *info = json_object();
    if (!word)
        word = json_string_value(loss);
    if (name)
        json_object_set_new(info, "name", json_string(name));
    if (word && (strstr(word, "Squared") || !strcmp(word, "mse")))
        json_object_set_new(info, "loss", json_string("mse"));
    else if (word && (strstr(word, "rossentropy")))
        json_object_set_new(info, "loss", json_string("cross_entropy"));
    return info;
}

struct loom_model *loom_import_keras(const char *path, json_t **info,
                                     struct loom_errmsg *e)
{
    struct loom_keras_file *f = loom_keras_open(path, e);
    if (!f)
        return NULL;
    struct import im = {.m = loom_model_new(), .path = path};
    const json_t *config = loom_keras_config(f);
    int err = build(&im, config, e);
    if (!err)
        err = load_numbers(&im, f, e);
    if (!err)
        *info = info_of(config);
    loom_keras_close(f);
    for (size_t k = 0; k < im.n_loads; k++) {
        free(im.load[k].set);
        free(im.load[k].param);
    }
    free(im.load);
    free(im.layer);
    if (!err)
        return im.m;
    if (!strstr(e->text, path))
        loom_fail_prefix(e, err, "%s", path);
    loom_model_destroy(im.m);
    return NULL;
}
