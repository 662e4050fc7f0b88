/* HGQ2's and Keras' layer classes in our kinds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/import_impl.h"
#include "engine/layer.h"
#include "engine/mem.h"

static const struct loom_shape *shape_of(const struct import *im, int at)
{
    return &im->m->layer[at].shape;
}

static bool enabled(const struct import_layer *l, const char *field)
{
    return json_is_true(json_object_get(l->config, field));
}

/* Fields that change what a layer computes and are not known here must have
 * the value that changes nothing. */
static int expect(const struct import_layer *l, const char *field,
                  const json_t *want, struct loom_errmsg *e)
{
    const json_t *v = json_object_get(l->config, field);
    char *text = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
    int err = 0;
    if (v && !json_is_null(v) && !json_equal(v, (json_t *)(uintptr_t)want))
        err = import_fail(l, field, e, "only %s can be handled", text);
    free(text);
    return err;
}

static int expect_text(const struct import_layer *l, const char *field,
                       const char *want, struct loom_errmsg *e)
{
    json_t *j = json_loads(want, JSON_DECODE_ANY, NULL);
    int err = expect(l, field, j, e);
    json_decref(j);
    return err;
}

/* ---- quantizers before and behind -------------------------------------- */

/* A quantize layer "<layer>/<suffix>" behind layer `at`. */
static int add_scale(struct import *im, const struct import_layer *l,
                     const char *slash, const char *what, double factor,
                     double shift, int at, struct loom_errmsg *e)
{
    char suffix[48];
    snprintf(suffix, sizeof(suffix), "%s/%s", slash, what);
    return at < 0 || (factor == 1 && shift == 0)
               ? at
               : import_add(
                     im, l, "scale", suffix, &at, 1,
                     json_pack("{s:f,s:f}", "factor", factor, "shift", shift),
                     e);
}

/* A quantizer, takes conf, and what is done before and behind it. */
static int add_scaled(struct import *im, const struct import_layer *l,
                      const char *slash, const struct import_scale *s, int at,
                      json_t *conf, struct loom_errmsg *e)
{
    at = add_scale(im, l, slash, "divided", 1 / s->divisor, 0, at, e);
    if (at < 0)
        json_decref(conf);
    else
        at = import_add(im, l, "quantize", slash, &at, 1, conf, e);
    at = add_scale(im, l, slash, "scaled", s->divisor, 0, at, e);
    return add_scale(im, l, slash, "affine", s->factor, s->shift, at, e);
}

static int add_quantizer(struct import *im, const struct import_layer *l,
                         const char *field, int item, const char *group,
                         const char *suffix, int at, struct loom_errmsg *e)
{
    json_t *conf = NULL;
    char param[80], slash[24];
    snprintf(param, sizeof(param), "%s/%s", l->name, suffix);
    snprintf(slash, sizeof(slash), "/%s", suffix);
    struct import_scale scale;
    int err = import_quantizer(im, l, field, item, &scale,
                               shape_of(im, at)->rank, group, param, &conf, e);
    return err ? err : add_scaled(im, l, slash, &scale, at, conf, e);
}

static int add_input_quantizer(struct import *im, const struct import_layer *l,
                               struct loom_errmsg *e)
{
    if (!enabled(l, "enable_iq"))
        return l->input[0];
    return add_quantizer(im, l, "iq_conf", -1, "iq", "iq", l->input[0], e);
}

/* Behind a layer: its activation, its output quantizer. */
static int add_tail(struct import *im, const struct import_layer *l, int at,
                    struct loom_errmsg *e)
{
    const char *word;
    int err = import_word(l, "activation", &word, e);
    if (err)
        return err;
    if (!strcmp(word, "relu"))
        at = import_add(im, l, "relu", "/relu", &at, 1, json_object(), e);
    else if (*word && strcmp(word, "linear"))
        return import_fail(l, "activation", e,
                           "\"%s\" is not known here; linear and relu are",
                           word);
    if (at >= 0 && enabled(l, "enable_oq"))
        at = add_quantizer(im, l, "oq_conf", -1, "oq", "oq", at, e);
    return at;
}

/* ---- dense and convolution --------------------------------------------- */

/* kernel and bias quantizers into conf, values to be loaded: variables are
 * kernel, bias, gamma, then two of no use here, and the moving ones. */
static int add_weights(struct import *im, const struct import_layer *l,
                       int kernel_rank, bool bias, bool norm, json_t *conf,
                       struct loom_errmsg *e)
{
    json_t *q;
    char param[80];
    snprintf(param, sizeof(param), "%s/kq", l->name);
    int err = import_quantizer(im, l, "kq_conf", -1, NULL, kernel_rank, "kq",
                               param, &q, e);
    if (err)
        return err;
    json_object_set_new(conf, "kernel", q);
    import_load(im, l, "vars/0", "%s/kernel", l->name);
    json_object_set_new(conf, "bias", json_false());
    json_object_set_new(conf, "norm", json_boolean(norm));
    if (bias) {
        snprintf(param, sizeof(param), "%s/bq", l->name);
        err =
            import_quantizer(im, l, "bq_conf", -1, NULL, 1, "bq", param, &q, e);
        if (err)
            return err;
        json_object_set_new(conf, "bias", q);
        import_load(im, l, "vars/1", "%s/bias", l->name);
    }
    if (norm) {
        import_load(im, l, "vars/2", "%s/gamma", l->name);
        import_load(im, l, "vars/5", "%s/moving_mean", l->name);
        import_load(im, l, "vars/6", "%s/moving_variance", l->name);
    }
    return 0;
}

static int read_parallel(const struct import_layer *l, json_t *conf,
                         struct loom_errmsg *e)
{
    int n;
    int err = import_whole(l, "parallelization_factor", -1, &n, e);
    if (!err && n > 0)
        json_object_set_new(conf, "parallel", json_integer(n));
    return err;
}

/* Layer l behind the one at `at`, and what follows it; steals conf, and passes
 * on an error that was before. */
static int finish(struct import *im, const struct import_layer *l,
                  const char *kind, int at, json_t *conf, int err,
                  struct loom_errmsg *e)
{
    if (err) {
        json_decref(conf);
        return err;
    }
    at = import_add(im, l, kind, "", &at, 1, conf, e);
    return at < 0 ? at : add_tail(im, l, at, e);
}

static int finish_affine(struct import *im, const struct import_layer *l,
                         const char *kind, int at, json_t *conf, int err,
                         struct loom_errmsg *e)
{
    if (!err)
        err = expect_text(l, "kernel_constraint", "null", e);
    if (!err)
        err = read_parallel(l, conf, e);
    return finish(im, l, kind, at, conf, err, e);
}

static int dense(struct import *im, const struct import_layer *l,
                 struct loom_errmsg *e)
{
    int units;
    bool bias;
    int at = add_input_quantizer(im, l, e);
    int err = at < 0 ? at : import_whole(l, "units", 0, &units, e);
    if (!err)
        err = import_flag(l, "use_bias", true, &bias, e);
    if (err)
        return err;
    json_t *conf = json_pack("{s:i}", "units", units);
    err = add_weights(im, l, 2, bias, false, conf, e);
    return finish_affine(im, l, "dense", at, conf, err, e);
}

/* "bnc,cC->bnC": over the last axis, all others kept. The output letter. */
static char last_axis_equation(const char *s, int rank)
{
    size_t r = (size_t)rank + 1;
    const char *comma = strchr(s, ','), *arrow = strstr(s, "->");
    if (!comma || !arrow || (size_t)(comma - s) != r || arrow - comma != 3 ||
        strlen(arrow + 2) != r || strncmp(s, arrow + 2, r - 1) ||
        comma[1] != s[r - 1] || comma[2] != arrow[1 + r])
        return 0;
    for (size_t i = 0; i < r; i++) /* all letters differ */
        if (strchr(s, s[i]) != s + i || s[i] == comma[2])
            return 0;
    return comma[2];
}

static int einsum_dense(struct import *im, const struct import_layer *l,
                        struct loom_errmsg *e)
{
    bool norm = !strcmp(l->class_name, "QEinsumDenseBatchnorm");
    const char *equation, *axes;
    const json_t *out = json_object_get(l->config, "output_shape");
    int at = add_input_quantizer(im, l, e);
    int err = at < 0 ? at : import_word(l, "equation", &equation, e);
    if (!err)
        err = import_word(l, "bias_axes", &axes, e);
    if (err)
        return err;
    char channel = last_axis_equation(equation, shape_of(im, at)->rank);
    if (!channel)
        return import_fail(l, "equation", e,
                           "\"%s\": only sums over the last axis that keep "
                           "all others can be handled, as bnc,cC->bnC",
                           equation);
    if ((*axes || norm) && (axes[0] != channel || axes[1]))
        return import_fail(l, "bias_axes", e,
                           "\"%s\": must be the last axis of the output", axes);
    if (json_is_array(out))
        out = json_array_get(out, json_array_size(out) - 1);
    if (!json_is_integer(out) || json_integer_value(out) < 1 ||
        json_integer_value(out) > 65536)
        return import_fail(l, "output_shape", e, "its last size is missing");
    /* Their standard values are not saved; others might be, one day. */
    err = expect_text(l, "scale", "true", e);
    if (!err)
        err = expect_text(l, "center", "true", e);
    if (err)
        return err;
    json_t *conf = json_pack("{s:i}", "units", (int)json_integer_value(out));
    err = add_weights(im, l, 2, *axes != 0, norm, conf, e);
    return finish_affine(im, l, "dense", at, conf, err, e);
}

/* A quantizer of the channels into conf. */
static int channel_quantizer(struct import *im, const struct import_layer *l,
                             const char *field, const char *group,
                             const char *ours, json_t *conf,
                             struct loom_errmsg *e)
{
    json_t *q;
    char param[80];
    snprintf(param, sizeof(param), "%s/%s", l->name, group);
    int err = import_quantizer(im, l, field, -1, NULL, 1, group, param, &q, e);
    if (!err)
        json_object_set_new(conf, ours, q);
    return err;
}

/* Variables: gamma and beta, where they are, then the moving ones. */
static void load_norm(struct import *im, const struct import_layer *l,
                      bool gamma, bool beta)
{
    static const char *const names[] = {"gamma", "beta", "moving_mean",
                                        "moving_variance"};
    int at = 0;
    for (int k = 0; k < 4; k++) {
        char set[24], param[80];
        if ((k == 0 && !gamma) || (k == 1 && !beta))
            continue;
        snprintf(set, sizeof(set), "vars/%d", at++);
        snprintf(param, sizeof(param), "%s/%s", l->name, names[k]);
        import_load(im, l, set, "%s", param);
    }
}

static int batch_norm(struct import *im, const struct import_layer *l,
                      struct loom_errmsg *e)
{
    static const char *const numbers[] = {"epsilon", "momentum"};
    bool gamma, beta;
    int axis, at = add_input_quantizer(im, l, e);
    int err = at < 0 ? at : import_flag(l, "scale", true, &gamma, e);
    if (!err)
        err = import_flag(l, "center", true, &beta, e);
    if (!err)
        err = import_whole(l, "axis", -1, &axis, e);
    if (!err && axis != -1 && axis != shape_of(im, at)->rank)
        err = import_fail(l, "axis", e, "only the last can be handled");
    if (!err)
        err = expect_text(l, "freeze_statistics", "false", e);
    if (err)
        return err;
    /* Not centered, HGQ2 adds a constant 1. */
    json_t *conf = json_pack("{s:b,s:o}", "gamma", gamma, "beta",
                             beta ? json_true() : json_real(1));
    for (int k = 0; !err && k < 2; k++) {
        json_t *v = json_object_get(l->config, numbers[k]);
        if (v && !json_is_number(v))
            err = import_fail(l, numbers[k], e, "a number is expected");
        else if (v)
            json_object_set(conf, numbers[k], v);
    }
    if (!err)
        err = channel_quantizer(im, l, "kq_conf", "kq", "scale", conf, e);
    if (!err)
        err = channel_quantizer(im, l, "bq_conf", "bq", "offset", conf, e);
    if (err) {
        json_decref(conf);
        return err;
    }
    load_norm(im, l, gamma, beta);
    at = import_add(im, l, "batch_norm", "", &at, 1, conf, e);
    return at < 0 ? at : add_tail(im, l, at, e);
}

/* A field of one number an axis, as it is. */
static void copy_sizes(const struct import_layer *l, const char *field,
                       const char *ours, json_t *conf)
{
    json_t *v = json_object_get(l->config, field);
    if (v && !json_is_null(v))
        json_object_set(conf, ours, v);
}

static int conv(struct import *im, const struct import_layer *l,
                struct loom_errmsg *e)
{
    int axes = strstr(l->class_name, "1D") ? 1 : 2, filters;
    bool bias;
    const char *padding;
    int at = add_input_quantizer(im, l, e);
    int err = at < 0 ? at : import_whole(l, "filters", 0, &filters, e);
    if (!err)
        err = import_flag(l, "use_bias", true, &bias, e);
    if (!err)
        err = import_word(l, "padding", &padding, e);
    if (!err)
        err = expect_text(l, "data_format", "\"channels_last\"", e);
    if (!err)
        err = expect_text(l, "dilation_rate", axes == 1 ? "[1]" : "[1,1]", e);
    if (!err)
        err = expect_text(l, "groups", "1", e);
    if (err)
        return err;
    json_t *conf =
        json_pack("{s:i,s:s}", "filters", filters, "padding", padding);
    copy_sizes(l, "kernel_size", "size", conf);
    copy_sizes(l, "strides", "stride", conf);
    err = add_weights(im, l, axes + 2, bias, false, conf, e);
    return finish_affine(im, l, axes == 1 ? "conv1d" : "conv2d", at, conf, err,
                         e);
}

/* ---- merges, sums, pools ----------------------------------------------- */

static int merge(struct import *im, const struct import_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const kinds[][2] = {{"QAdd", "add"},
                                           {"QSubtract", "subtract"},
                                           {"QMultiply", "multiply"},
                                           {"QMaximum", "maximum"},
                                           {"QMinimum", "minimum"}};
    int input[LOOM_MAX_INPUTS];
    const char *kind = NULL;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
        if (!strcmp(l->class_name, kinds[k][0]))
            kind = kinds[k][1];
    for (int i = 0; i < l->n_inputs; i++) {
        char group[48] = "iq/quantizers/quantizer", suffix[8];
        input[i] = l->input[i];
        if (i)
            snprintf(group, sizeof(group), "iq/quantizers/quantizer_%d", i);
        snprintf(suffix, sizeof(suffix), "iq%d", i);
        if (enabled(l, "enable_iq"))
            input[i] =
                add_quantizer(im, l, "iq_confs", i, group, suffix, input[i], e);
        if (input[i] < 0)
            return input[i];
    }
    int at = import_add(im, l, kind, "", input, l->n_inputs, json_object(), e);
    return at < 0 ? at : add_tail(im, l, at, e);
}

static int sum(struct import *im, const struct import_layer *l,
               struct loom_errmsg *e)
{
    int at = add_input_quantizer(im, l, e);
    if (at < 0)
        return at;
    const json_t *axes = json_object_get(l->config, "axes"), *v;
    const json_t *scale = json_object_get(l->config, "scale");
    int rank = shape_of(im, at)->rank, all = rank + 1;
    bool keep;
    json_t *ours = json_array();
    int err = import_flag(l, "keepdims", false, &keep, e);
    if (json_is_integer(axes))
        json_array_append_new(
            ours, json_integer((json_integer_value(axes) + all) % all));
    for (size_t k = 0; k < json_array_size(axes); k++) {
        v = json_array_get(axes, k);
        json_array_append_new(
            ours, json_integer((json_integer_value(v) + all) % all));
    }
    json_t *conf = json_pack("{s:o,s:b}", "axes", ours, "keep", keep);
    if (json_is_number(scale))
        json_object_set_new(conf, "scale", json_real(json_number_value(scale)));
    else if (!err && scale && !json_is_null(scale))
        err = import_fail(l, "scale", e, "a number is expected");
    return finish(im, l, "sum", at, conf, err, e);
}

/* (Q)(Global)(Max|Average)Pooling(1|2)D */
static int pool(struct import *im, const struct import_layer *l,
                struct loom_errmsg *e)
{
    bool maximum = strstr(l->class_name, "Max"), keep;
    const char *padding, *digit = strstr(l->class_name, "1D") ? "1" : "2";
    int at = add_input_quantizer(im, l, e);
    int err =
        at < 0 ? at : expect_text(l, "data_format", "\"channels_last\"", e);
    if (!err)
        err = import_word(l, "padding", &padding, e);
    if (!err)
        err = import_flag(l, "keepdims", false, &keep, e);
    if (!err && keep)
        err = import_fail(l, "keepdims", e, "only false can be handled");
    if (err)
        return err;
    json_t *conf = json_object();
    char kind[32];
    if (strstr(l->class_name, "Global")) {
        snprintf(kind, sizeof(kind), "global_%s_pool",
                 maximum ? "max" : "average");
    } else {
        snprintf(kind, sizeof(kind), "%s_pool%sd", maximum ? "max" : "average",
                 digit);
        json_object_set_new(conf, "padding",
                            json_string(*padding ? padding : "valid"));
        copy_sizes(l, "pool_size", "size", conf);
        copy_sizes(l, "strides", "stride", conf);
        err = read_parallel(l, conf, e);
    }
    return finish(im, l, kind, at, conf, err, e);
}

/* ---- what only moves numbers ------------------------------------------- */

static int reshape(struct import *im, const struct import_layer *l,
                   struct loom_errmsg *e)
{
    const json_t *target = json_object_get(l->config, "target_shape"), *v;
    size_t known = 1, k, all = im->m->layer[l->input[0]].n;
    json_t *shape = json_array();
    json_array_foreach(target, k, v)
    {
        if (json_integer_value(v) > 0 && json_integer_value(v) <= 1 << 24)
            known *= (size_t)json_integer_value(v);
    }
    json_array_foreach(target, k, v) /* -1: what is left */
    {
        json_int_t n = json_integer_value(v);
        json_array_append_new(
            shape, json_integer(n == -1 ? (json_int_t)(all / known) : n));
    }
    return import_add(im, l, "reshape", "", l->input, 1,
                      json_pack("{s:o}", "shape", shape), e);
}

static int permute(struct import *im, const struct import_layer *l,
                   struct loom_errmsg *e)
{
    json_t *conf = json_object();
    copy_sizes(l, "dims", "axes", conf);
    return import_add(im, l, "permute", "", l->input, 1, conf, e);
}

static int concatenate(struct import *im, const struct import_layer *l,
                       struct loom_errmsg *e)
{
    int axis, all = shape_of(im, l->input[0])->rank + 1;
    int err = import_whole(l, "axis", -1, &axis, e);
    if (err)
        return err;
    axis += axis < 0 ? all : 0;
    return import_add(im, l, "concatenate", "", l->input, l->n_inputs,
                      json_pack("{s:i}", "axis", axis), e);
}

/* One bound of a slice, counted from the end if negative. */
static bool read_bound(const json_t *slice, const char *name, int size,
                       int standard, int *out)
{
    const json_t *v = json_object_get(slice, name);
    *out = standard;
    if (!v || json_is_null(v))
        return true;
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : 1 << 30;
    n += n < 0 ? size : 0;
    *out = n < 0 ? 0 : n > size ? size : (int)n;
    return json_is_integer(v);
}

/* args: the tensor, and a slice for each axis, the rows first. */
static int get_item(struct import *im, const struct import_layer *l,
                    struct loom_errmsg *e)
{
    const json_t *list = json_array_get(l->args, 1), *v;
    const struct loom_shape shape = *shape_of(im, l->input[0]);
    int at = l->input[0], from, to, step, n = 0;
    size_t k;
    if (!json_is_array(list) || json_array_size(list) > (size_t)shape.rank + 1)
        return import_fail(l, "args", e, "a slice for each axis is expected");
    json_array_foreach(list, k, v)
    {
        const json_t *s = json_object_get(v, "config");
        const char *name = json_string_value(json_object_get(v, "class_name"));
        int size = k ? (int)shape.dim[k - 1] : 1 << 30;
        if (!name || strcmp(name, "__slice__") ||
            !read_bound(s, "start", size, 0, &from) ||
            !read_bound(s, "stop", size, size, &to) ||
            !read_bound(s, "step", size, 1, &step) || step < 1 ||
            (!k && (from || to != size || step != 1)))
            return import_fail(l, "args", e,
                               "slices over all rows, with steps of 1 or "
                               "more, can be handled");
        if (!k || (!from && to == size && step == 1))
            continue;
        char suffix[24] = "";
        if (n++)
            snprintf(suffix, sizeof(suffix), "/%zu", k);
        at = import_add(im, l, "slice", suffix, &at, 1,
                        json_pack("{s:i,s:i,s:i,s:i}", "axis", (int)k, "from",
                                  from, "to", to, "step", step),
                        e);
        if (at < 0)
            return at;
    }
    return at;
}

static int flatten(struct import *im, const struct import_layer *l,
                   struct loom_errmsg *e)
{
    return import_add(im, l, "flatten", "", l->input, 1, json_object(), e);
}

/* ---- functions --------------------------------------------------------- */

/* The layer's activation behind layer `at`: its number, or `at`. */
static int add_function(struct import *im, const struct import_layer *l, int at,
                        struct loom_errmsg *e)
{
    static const char *const known[][2] = {
        {"tanh", "tanh"},         {"sigmoid", "sigmoid"},
        {"exponential", "exp"},   {"softplus", "softplus"},
        {"softsign", "softsign"}, {"silu", "silu"},
        {"swish", "silu"},        {"gelu", "gelu"},
        {"elu", "elu"},           {"selu", "selu"}};
    const char *word;
    int err = import_word(l, "activation", &word, e);
    if (err)
        return err;
    if (!*word || !strcmp(word, "linear"))
        return at;
    if (!strcmp(word, "relu"))
        return import_add(im, l, "relu", "", &at, 1, json_object(), e);
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        if (!strcmp(word, known[k][0]))
            return import_add(im, l, "function", "", &at, 1,
                              json_pack("{s:s}", "name", known[k][1]), e);
    return import_fail(l, "activation", e, "\"%s\" is not known here", word);
}

static int activation(struct import *im, const struct import_layer *l,
                      struct loom_errmsg *e)
{
    return add_function(im, l, l->input[0], e);
}

static int unary_function(struct import *im, const struct import_layer *l,
                          struct loom_errmsg *e)
{
    int at = add_input_quantizer(im, l, e);
    if (at >= 0)
        at = add_function(im, l, at, e);
    if (at >= 0 && enabled(l, "enable_oq"))
        at = add_quantizer(im, l, "oq_conf", -1, "oq", "oq", at, e);
    return at;
}

static int quantizer(struct import *im, const struct import_layer *l,
                     struct loom_errmsg *e)
{
    json_t *conf = NULL;
    struct import_scale scale;
    int err = import_quantizer(im, l, "config", -1, &scale,
                               shape_of(im, l->input[0])->rank, "", l->name,
                               &conf, e);
    return err ? err : add_scaled(im, l, "", &scale, l->input[0], conf, e);
}

/* Part `suffix` of a softmax, of inputs that may be errors. */
static int add_part(struct import *im, const struct import_layer *l,
                    const char *kind, const char *suffix, const int *input,
                    int n_inputs, json_t *conf, struct loom_errmsg *e)
{
    for (int k = 0; k < n_inputs; k++)
        if (input[k] < 0) {
            json_decref(conf);
            return input[k];
        }
    return import_add(im, l, kind, suffix, input, n_inputs, conf, e);
}

static int add_table(struct import *im, const struct import_layer *l,
                     const char *theirs, const char *ours, double scale, int at,
                     struct loom_errmsg *e)
{
    char field[16], group[24], suffix[24];
    for (int out = 0; out < 2 && at >= 0; out++) {
        const char *q = out ? "oq" : "iq";
        snprintf(field, sizeof(field), "%s_%s_conf", theirs, q);
        snprintf(group, sizeof(group), "%s_table/%s", theirs, q);
        snprintf(suffix, sizeof(suffix), "%s/%s", ours, q);
        at = add_quantizer(im, l, field, -1, group, suffix, at, e);
        snprintf(suffix, sizeof(suffix), "/%s", ours);
        if (!out)
            at = add_part(im, l, "function", suffix, &at, 1,
                          json_pack("{s:s,s:f}", "name", ours, "scale", scale),
                          e);
    }
    return at;
}

/* Our axes of a list that counts the rows as axis 0. */
static json_t *softmax_axes(const struct import_layer *l, int all)
{
    const json_t *list = json_object_get(l->config, "axes"), *v;
    json_t *axes = json_array();
    size_t k;
    json_array_foreach(list, k, v)
    {
        json_int_t a = json_integer_value(v);
        json_array_append_new(axes, json_integer(a < 0 ? a + all : a));
    }
    return axes;
}

/* How often the same softmax is computed in a row. */
static int softmax_count(const struct import *im, int x, const json_t *axes)
{
    const struct loom_shape *shape = shape_of(im, x);
    int n = 1;
    for (int a = 1; a <= shape->rank; a++) {
        bool summed = false;
        for (size_t k = 0; k < json_array_size(axes); k++)
            summed |= json_integer_value(json_array_get(axes, k)) == a;
        n *= summed ? 1 : (int)shape->dim[a - 1];
    }
    return n;
}

/* e / sum e with e = exp(-scale (max x - x)); if it is not stable, of
 * exp(scale x). */
static int softmax(struct import *im, const struct import_layer *l,
                   struct loom_errmsg *e)
{
    const json_t *scaler = json_object_get(l->config, "input_scaler");
    bool stable;
    int parallel, err = import_flag(l, "stable", true, &stable, e);
    if (!err)
        err = import_whole(l, "parallelization_factor", -1, &parallel, e);
    if (!err && scaler && !json_is_number(scaler))
        err = import_fail(l, "input_scaler", e, "a number is expected");
    int x = err ? err : add_input_quantizer(im, l, e);
    if (x < 0)
        return x;
    double scale = scaler ? json_number_value(scaler) : 1;
    json_t *axes = softmax_axes(l, shape_of(im, x)->rank + 1);
    int all = softmax_count(im, x, axes);
    if (parallel >= 0 && parallel != all) {
        json_decref(axes);
        return import_fail(l, "parallelization_factor", e,
                           "-1 or %d, all at once, can be handled", all);
    }
    int top[2] = {0, x}, out[2], at = x;
    if (stable) {
        top[0] = add_part(im, l, "max", "/max", &x, 1,
                          json_pack("{s:O,s:b}", "axes", axes, "keep", 1), e);
        at = add_part(im, l, "subtract", "/subtract", top, 2, json_object(), e);
    }
    out[0] = add_table(im, l, "exp", "exp", stable ? -scale : scale, at, e);
    at = add_part(
        im, l, "sum", "/sum", out, 1,
        json_pack("{s:o,s:b,s:i}", "axes", axes, "keep", 1, "unit", 1), e);
    out[1] = add_table(im, l, "inv", "inverse", 1, at, e);
    at = add_part(im, l, "multiply", "", out, 2, json_object(), e);
    return at < 0 ? at : add_tail(im, l, at, e);
}

static int relu(struct import *im, const struct import_layer *l,
                struct loom_errmsg *e)
{
    static const char *const zero[] = {"negative_slope", "threshold"};
    for (int k = 0; k < 2; k++)
        if (json_number_value(json_object_get(l->config, zero[k])) != 0)
            return import_fail(l, zero[k], e, "only 0 can be handled");
    int err = expect_text(l, "max_value", "null", e);
    if (err)
        return err;
    return import_add(im, l, "relu", "", l->input, 1, json_object(), e);
}

/* Nothing, once a network is trained. */
static int nothing(struct import *im, const struct import_layer *l,
                   struct loom_errmsg *e)
{
    (void)im;
    (void)e;
    return l->input[0];
}

int import_translate(struct import *im, const struct import_layer *l, int *at,
                     struct loom_errmsg *e)
{
    static const struct {
        const char *class_name;
        int most_inputs;
        int (*translate)(struct import *, const struct import_layer *,
                         struct loom_errmsg *);
    } known[] = {
        {"QDense", 1, dense},
        {"QEinsumDense", 1, einsum_dense},
        {"QEinsumDenseBatchnorm", 1, einsum_dense},
        {"QBatchNormalization", 1, batch_norm},
        {"QConv1D", 1, conv},
        {"QConv2D", 1, conv},
        {"QAdd", LOOM_MAX_INPUTS, merge},
        {"QSubtract", 2, merge},
        {"QMultiply", 2, merge},
        {"QMaximum", LOOM_MAX_INPUTS, merge},
        {"QMinimum", LOOM_MAX_INPUTS, merge},
        {"QUnaryFunctionLUT", 1, unary_function},
        {"QSoftmax", 1, softmax},
        {"Quantizer", 1, quantizer},
        {"QSum", 1, sum},
        {"QMaxPooling1D", 1, pool},
        {"QMaxPooling2D", 1, pool},
        {"QAveragePooling1D", 1, pool},
        {"QAveragePooling2D", 1, pool},
        {"QGlobalMaxPooling1D", 1, pool},
        {"QGlobalMaxPooling2D", 1, pool},
        {"QGlobalAveragePooling1D", 1, pool},
        {"QGlobalAveragePooling2D", 1, pool},
        {"MaxPooling1D", 1, pool},
        {"MaxPooling2D", 1, pool},
        {"AveragePooling1D", 1, pool},
        {"AveragePooling2D", 1, pool},
        {"GlobalMaxPooling1D", 1, pool},
        {"GlobalMaxPooling2D", 1, pool},
        {"GlobalAveragePooling1D", 1, pool},
        {"GlobalAveragePooling2D", 1, pool},
        {"Concatenate", LOOM_MAX_INPUTS, concatenate},
        {"Reshape", 1, reshape},
        {"Flatten", 1, flatten},
        {"Permute", 1, permute},
        {"GetItem", 1, get_item},
        {"Activation", 1, activation},
        {"ReLU", 1, relu},
        {"Dropout", 1, nothing},
    };
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++) {
        if (strcmp(l->class_name, known[k].class_name))
            continue;
        if (l->n_inputs < 1 || l->n_inputs > known[k].most_inputs)
            return import_fail(l, "inbound_nodes", e,
                               "%d inputs, 1 to %d can be handled", l->n_inputs,
                               known[k].most_inputs);
        *at = known[k].translate(im, l, e);
        return *at < 0 ? *at : 0;
    }
    return import_fail(l, "class_name", e, "this class is not known");
}
