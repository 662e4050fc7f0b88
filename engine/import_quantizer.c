/* HGQ2's quantizer configurations in our words. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "engine/import_impl.h"

struct job {
    const struct import_layer *l;
    const char *field; /* of the layer, for sentences */
    const json_t *config;
    json_t *conf; /* ours */
    struct loom_errmsg *e;
};

static int fail(const struct job *q, const char *key, const char *want)
{
    return import_fail(q->l, q->field, q->e, "%s must be %s", key, want);
}

/* kif or kbi, wrap or sat, as their words in capitals or not. */
static int read_word(const struct job *q, const char *key, const char *ours,
                     bool upper)
{
    const char *s = json_string_value(json_object_get(q->config, key));
    char word[24] = "";
    for (size_t k = 0; s && s[k] && k < sizeof(word) - 1; k++)
        word[k] = (char)(upper ? toupper((unsigned char)s[k])
                               : tolower((unsigned char)s[k]));
    if (!*word)
        return fail(q, key, "a word");
    json_object_set_new(q->conf, ours, json_string(word));
    return 0;
}

static int read_number(const struct job *q, const char *key)
{
    const json_t *v = json_object_get(q->config, key);
    if (json_is_boolean(v))
        json_object_set_new(q->conf, key, json_integer(json_is_true(v)));
    else if (json_is_number(v))
        json_object_set_new(q->conf, key, json_real(json_number_value(v)));
    else
        return fail(q, key, "a number");
    return 0;
}

/* A MinMax constraint (or null) as a range. */
static int read_range(const struct job *q, const char *key, const char *ours)
{
    const json_t *v = json_object_get(q->config, key);
    if (!v || json_is_null(v)) {
        json_object_set_new(q->conf, ours, json_false());
        return 0;
    }
    const char *name = json_string_value(json_object_get(v, "class_name"));
    const json_t *c = json_object_get(v, "config");
    const json_t *lo = json_object_get(c, "min_value");
    const json_t *hi = json_object_get(c, "max_value");
    if (!name || strcmp(name, "MinMax") || !json_is_number(lo) ||
        !json_is_number(hi))
        return fail(q, key, "a MinMax constraint, or null");
    json_object_set_new(
        q->conf, ours,
        json_pack("[f,f]", json_number_value(lo), json_number_value(hi)));
    return 0;
}

/* A MonoL1 regularizer (or null). */
static int read_l1(const struct job *q, const char *key, double *l1)
{
    const json_t *v = json_object_get(q->config, key);
    *l1 = 0;
    if (!v || json_is_null(v))
        return 0;
    const char *name = json_string_value(json_object_get(v, "class_name"));
    const json_t *x = json_object_get(json_object_get(v, "config"), "l1");
    if (!name || strcmp(name, "MonoL1") || !json_is_number(x))
        return fail(q, key, "a MonoL1 regularizer, or null");
    *l1 = json_number_value(x);
    return 0;
}

/* i's own regularizer is only known where it is trained and the same. */
static int read_regularizers(const struct job *q, bool kif, bool wraps)
{
    double l1, i_l1;
    int err = read_l1(q, kif ? "fr" : "br", &l1);
    if (!err)
        err = read_l1(q, "ir", &i_l1);
    if (!err && !wraps && i_l1 != (kif ? l1 : 0))
        err = fail(q, "ir", kif ? "the same as fr" : "null");
    json_object_set_new(q->conf, "l1", json_real(l1));
    return err;
}

/* Bit a of *axes: axis a of the tensor (the rows not counted) is listed. */
static int list_axes(const struct job *q, const char *key, const json_t *list,
                     int all, int first, unsigned *axes, bool *rows)
{
    const json_t *v;
    size_t k;
    *axes = 0;
    *rows = false;
    json_array_foreach(list, k, v)
    {
        json_int_t a = json_is_integer(v) ? json_integer_value(v) : all;
        a += a < 0 ? all : 0;
        if (a < 0 || a >= all)
            return fail(q, key, "a list of axes");
        if (a < first)
            *rows = true;
        else
            *axes |= 1u << (a - first);
    }
    return 0;
}

/* Which axes have bits of their own. */
static int read_axes(const struct job *q, bool data, int rank)
{
    const json_t *same = json_object_get(q->config, "homogeneous_axis");
    const json_t *differ = json_object_get(q->config, "heterogeneous_axis");
    bool by_differ = json_is_array(differ), rows;
    const char *key = by_differ ? "heterogeneous_axis" : "homogeneous_axis";
    unsigned axes;
    if (!by_differ && !json_is_array(same))
        return fail(q, key, "a list of axes");
    int err = list_axes(q, key, by_differ ? differ : same, rank + data, data,
                        &axes, &rows);
    if (err)
        return err;
    if (data && rows == by_differ)
        return fail(q, key, "such that all rows share their bits");
    json_t *per = json_array();
    for (int a = 0; a < rank; a++)
        if ((axes >> a & 1) == by_differ)
            json_array_append_new(per, json_integer(a + 1));
    json_object_set_new(q->conf, "per", per);
    return 0;
}

/* Whether there is such a field, not null. */
static bool has(const struct job *q, const char *key, const json_t **v)
{
    *v = json_object_get(q->config, key);
    return *v && !json_is_null(*v);
}

/* Division is exact by a power of two alone; what comes first where there is an
 * affine map, too, is not known. */
static int read_extras(const struct job *q, struct import_scale *scale)
{
    const json_t *v;
    int exponent;
    struct import_scale s = {1, 1, 0};
    if (has(q, "bw_mapper", &v))
        return fail(q, "bw_mapper", "null; it is not known here");
    if (has(q, "qnoise_factor", &v) && json_number_value(v) != 1)
        return fail(q, "qnoise_factor", "null, or 1");
    if (has(q, "affine", &v)) {
        s.factor = json_number_value(json_array_get(v, 0));
        s.shift = json_number_value(json_array_get(v, 1));
        if (!scale || json_array_size(v) != 2 || s.factor == 0 ||
            !json_is_number(json_array_get(v, 1)))
            return fail(q, "affine",
                        scale ? "null, or [factor, shift]"
                              : "null for weights");
        if (has(q, "scaler", &v))
            return fail(q, "scaler", "null where there is an affine map");
    }
    if (has(q, "scaler", &v)) {
        s.divisor = json_number_value(v);
        if (!scale || fabs(frexp(s.divisor, &exponent)) != 0.5)
            return fail(q, "scaler",
                        scale ? "null, or a power of two" : "null for weights");
    }
    if (scale)
        *scale = s;
    return 0;
}

static int read_decay(const struct job *q)
{
    const json_t *v = json_object_get(q->config, "i_decay_speed");
    if (v && !json_is_number(v))
        return fail(q, "i_decay_speed", "a number");
    if (v)
        json_object_set_new(q->conf, "i_decay",
                            json_real(fmin(json_number_value(v), 1e9)));
    return 0;
}

static int read_all(const struct job *q, struct import_scale *scale, int rank)
{
    int err = read_word(q, "q_type", "type", false);
    if (!err)
        err = read_word(q, "round_mode", "round", true);
    if (!err)
        err = read_word(q, "overflow_mode", "overflow", true);
    if (err)
        return err;
    const char *type = json_string_value(json_object_get(q->conf, "type"));
    const char *over = json_string_value(json_object_get(q->conf, "overflow"));
    bool kif = !strcmp(type, "kif"), wraps = !strcmp(over, "WRAP");
    if (!kif && strcmp(type, "kbi"))
        return fail(q, "q_type", "kif or kbi");
    err = read_number(q, "k0");
    if (!err)
        err = read_number(q, "i0");
    if (!err)
        err = read_number(q, kif ? "f0" : "b0");
    if (!err)
        err = read_range(q, "ic", "i");
    if (!err)
        err = kif ? read_range(q, "fc", "f") : read_range(q, "bc", "b");
    if (!err)
        err = read_regularizers(q, kif, wraps);
    if (!err)
        err = read_decay(q);
    if (!err)
        err = read_extras(q, scale);
    const json_t *trained = json_object_get(q->config, "trainable");
    if (!err && trained && !json_is_boolean(trained))
        err = fail(q, "trainable", "true or false");
    if (trained)
        json_object_set_new(q->conf, "trained",
                            json_boolean(json_is_true(trained)));
    return err ? err : read_axes(q, scale != NULL, rank);
}

/* Variables are numbered, those trained in the making first. */
static void load_bits(struct import *im, const struct import_layer *l,
                      const char *group, const char *param, const json_t *conf)
{
    static const char *const orders[2][2][3] = {
        {{"b", "i", "k"}, {"b", "k", "i"}}, {{"i", "f", "k"}, {"f", "k", "i"}}};
    const char *type = json_string_value(json_object_get(conf, "type"));
    const char *over = json_string_value(json_object_get(conf, "overflow"));
    const char *const *order =
        orders[!strcmp(type, "kif")][!strcmp(over, "WRAP")];
    for (int k = 0; k < 3; k++) {
        char set[96];
        snprintf(set, sizeof(set), "%s%squantizer/vars/%d", group,
                 *group ? "/" : "", k);
        import_load(im, l, set, "%s/%s", param, order[k]);
    }
}

int import_quantizer(struct import *im, const struct import_layer *l,
                     const char *field, int item, struct import_scale *scale,
                     int rank, const char *group, const char *param,
                     json_t **conf, struct loom_errmsg *e)
{
    const json_t *v = json_object_get(l->config, field);
    if (item >= 0)
        v = json_array_get(v, (size_t)item);
    struct job q = {l, field, json_object_get(v, "config"), json_object(), e};
    if (!q.config) /* plain, as older versions wrote it */
        q.config = v;
    if (json_object_get(q.config, "config"))
        q.config = json_object_get(q.config, "config");
    int err = json_is_object(q.config)
                  ? read_all(&q, scale, rank)
                  : import_fail(l, field, e, "a quantizer is expected");
    if (!err)
        load_bits(im, l, group, param, q.conf);
    if (err)
        json_decref(q.conf);
    else
        *conf = q.conf;
    return err;
}
