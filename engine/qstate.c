#include "engine/qstate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/layer.h"

/* Keras' backend epsilon, part of the KBI range formula. */
static const float EPSILON = 1e-7f;

/* Of integer or fractional bits, either way: float32 has no more. And how far
 * they may ever be, so that 2^i and 2^-f are numbers. */
enum { MAX_BITS = 32, LIMIT = 100 };

struct loom_qconf loom_qconf_default(enum loom_qplace place)
{
    struct loom_qconf c = {
        .type = LOOM_KBI,
        .mode = {LOOM_RND, LOOM_SAT_SYM},
        .k0 = 1.0f,
        .b0 = 8.0f,
        .i0 = 2.0f,
        .b_range = {0.0f, 23.0f},
        .i_range = {-INFINITY, INFINITY},
        .f_range = {-INFINITY, INFINITY},
        .axes = ~0u,
        .l1 = 1e-8f,
        .i_decay = INFINITY,
        .trained = true,
    };
    if (place == LOOM_Q_BIAS) {
        c.mode.overflow = LOOM_WRAP;
        c.b_range[1] = 24.0f;
        c.i_decay = 0.01f;
    } else if (place == LOOM_Q_DATA) {
        c.type = LOOM_KIF;
        c.mode.overflow = LOOM_WRAP;
        c.f0 = 6.0f;
        c.i_range[0] = -23.0f;
        c.i_range[1] = 23.0f;
        c.f_range[0] = -24.0f;
        c.f_range[1] = 24.0f;
        c.i_decay = 0.01f;
    }
    return c;
}

static int read_range(const json_t *j, const char *layer, const char *name,
                      float out[2], struct loom_errmsg *e)
{
    const json_t *v = json_object_get(j, name);
    if (!v)
        return 0;
    if (json_is_false(v)) {
        out[0] = -INFINITY;
        out[1] = INFINITY;
        return 0;
    }
    const json_t *lo = json_array_get(v, 0), *hi = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_number(lo) || !json_is_number(hi) ||
        json_number_value(lo) > json_number_value(hi) ||
        json_number_value(lo) < -MAX_BITS || json_number_value(hi) > MAX_BITS)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: quantizer field \"%s\" must be {lowest, "
                         "highest}, within -%d to %d, or false",
                         layer, name, MAX_BITS, MAX_BITS);
    out[0] = (float)json_number_value(lo);
    out[1] = (float)json_number_value(hi);
    return 0;
}

/* A field that is there must be of its type; nothing is ignored. */
static int check_types(const json_t *j, const char *layer,
                       struct loom_errmsg *e)
{
    static const char *const words[] = {"type", "round", "overflow",
                                        "semantics"};
    static const char *const flags[] = {"trained", "adapt"};
    for (size_t n = 0; n < sizeof(words) / sizeof(*words); n++) {
        const json_t *v = json_object_get(j, words[n]);
        if (v && !json_is_string(v))
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: quantizer field \"%s\" must be a string",
                             layer, words[n]);
    }
    for (size_t n = 0; n < sizeof(flags) / sizeof(*flags); n++) {
        const json_t *v = json_object_get(j, flags[n]);
        if (v && !json_is_boolean(v))
            return loom_fail(e, LOOM_ERR_ARG,
                             "%s: quantizer field \"%s\" must be true or "
                             "false",
                             layer, flags[n]);
    }
    return 0;
}

/* Before all other fields: v1 has other defaults. */
static int read_semantics(struct loom_qconf *c, const json_t *j,
                          const char *layer, struct loom_errmsg *e)
{
    const char *word = json_string_value(json_object_get(j, "semantics"));
    c->v1 = word && !strcmp(word, "v1");
    if (word && !c->v1 && strcmp(word, "v2"))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: quantizer field \"semantics\" must be \"v1\" or "
                         "\"v2\"",
                         layer);
    if (!c->v1)
        return 0;
    c->adapt = c->type == LOOM_KBI; /* weights */
    c->type = LOOM_KIF;
    c->mode = (struct loom_quant_mode){LOOM_RND, LOOM_WRAP};
    c->f0 = 2.0f;
    c->f_range[0] = -23.0f;
    c->f_range[1] = 23.0f;
    c->l1 = 1e-6f;
    return 0;
}

static int read_words(struct loom_qconf *c, const json_t *j, const char *layer,
                      struct loom_errmsg *e)
{
    const char *type = json_string_value(json_object_get(j, "type"));
    const char *round = json_string_value(json_object_get(j, "round"));
    const char *over = json_string_value(json_object_get(j, "overflow"));
    const json_t *trained = json_object_get(j, "trained");
    const json_t *adapt = json_object_get(j, "adapt");
    c->stochastic = round && !strcmp(round, "S_RND");
    if (c->stochastic)
        round = loom_round_word(LOOM_RND);
    int r = round ? loom_round_from_word(round) : (int)c->mode.round;
    int o = over ? loom_overflow_from_word(over) : (int)c->mode.overflow;
    if (type && strcmp(type, "kif") && strcmp(type, "kbi"))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: quantizer type \"%s\": expected \"kif\" or "
                         "\"kbi\"",
                         layer, type);
    if (r < 0)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: rounding \"%s\": expected RND, TRN, RND_CONV, "
                         "TRN_ZERO, RND_ZERO, RND_MIN_INF, RND_INF or S_RND",
                         layer, round);
    if (o < 0)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: overflow \"%s\": expected WRAP, SAT or SAT_SYM",
                         layer, over);
    if (type)
        c->type = !strcmp(type, "kif") ? LOOM_KIF : LOOM_KBI;
    if (trained)
        c->trained = json_is_true(trained);
    if (adapt)
        c->adapt = json_is_true(adapt);
    c->mode.round = (enum loom_round)r;
    c->mode.overflow = (enum loom_overflow)o;
    if (c->v1 && (c->type != LOOM_KIF || o != LOOM_WRAP))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: quantizer semantics \"v1\" are of type \"kif\" "
                         "with overflow WRAP only",
                         layer);
    return 0;
}

static int read_axes(struct loom_qconf *c, const json_t *j,
                     const struct loom_shape *shape, const char *layer,
                     struct loom_errmsg *e)
{
    const json_t *per = json_object_get(j, "per"), *v;
    const char *word = json_string_value(per);
    size_t k;
    bool good = !per || json_is_array(per);
    unsigned axes = 0;
    if (!per)
        return 0;
    if (word) {
        good = !strcmp(word, "element") || !strcmp(word, "tensor") ||
               !strcmp(word, "channel");
        axes = *word == 'e' ? ~0u : *word == 'c' ? 1u << (shape->rank - 1) : 0;
    }
    json_array_foreach(per, k, v)
    {
        json_int_t a = json_is_integer(v) ? json_integer_value(v) : 0;
        good &= a >= 1 && a <= shape->rank;
        axes |= good ? 1u << (a - 1) : 0;
    }
    if (!good)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: quantizer field \"per\" must be \"element\", "
                         "\"tensor\", \"channel\" or a list of axes from 1 "
                         "to %d",
                         layer, shape->rank);
    c->axes = axes;
    return 0;
}

int loom_qconf_read(struct loom_qconf *c, const json_t *j,
                    const struct loom_shape *shape, const char *layer,
                    struct loom_errmsg *e)
{
    static const char *const names[] = {
        "type", "round",   "overflow", "k0",        "b0", "i0",
        "f0",   "b",       "i",        "f",         "l1", "i_decay",
        "per",  "trained", "adapt",    "semantics", NULL};
    const struct {
        const char *name;
        float *at;
        double lo, hi;
    } numbers[] = {
        {"b0", &c->b0, 0, MAX_BITS},
        {"i0", &c->i0, -MAX_BITS, MAX_BITS},
        {"f0", &c->f0, -MAX_BITS, MAX_BITS},
        {"l1", &c->l1, 0, 1e3},
        {"i_decay", &c->i_decay, 0, 1e9},
    };
    if (!j)
        return 0;
    int err = loom_conf_check(j, layer, names, e);
    if (!err)
        err = check_types(j, layer, e);
    if (!err)
        err = read_semantics(c, j, layer, e);
    if (!err)
        err = read_words(c, j, layer, e);
    if (!err)
        err = read_axes(c, j, shape, layer, e);
    double k = (double)c->k0;
    if (!err)
        err = loom_conf_whole(j, layer, "k0", 0, 1, &k, e);
    c->k0 = (float)k;
    for (size_t n = 0; !err && n < sizeof(numbers) / sizeof(*numbers); n++) {
        double v = (double)*numbers[n].at;
        err = loom_conf_number(j, layer, numbers[n].name, numbers[n].lo,
                               numbers[n].hi, &v, e);
        *numbers[n].at = (float)v;
    }
    if (!err)
        err = read_range(j, layer, "b", c->b_range, e);
    if (!err)
        err = read_range(j, layer, "i", c->i_range, e);
    if (!err)
        err = read_range(j, layer, "f", c->f_range, e);
    return err;
}

/* ---- state ------------------------------------------------------------- */

static int add_bits(struct loom_qstate *q, struct loom_model *m,
                    const char *layer, const char *quantizer, const char *word,
                    bool trained, const float range[2])
{
    char name[24];
    snprintf(name, sizeof(name), "%s%s%s", quantizer, *quantizer ? "/" : "",
             word);
    int p = loom_model_add_param(m, layer, name, q->groups,
                                 trained && q->conf.trained);
    m->param[p].bits = m->param[p].trained;
    if (m->param[p].trained) {
        m->param[p].l1 =
            strcmp(word, "i") || q->conf.type == LOOM_KIF ? q->conf.l1 : 0.0f;
        m->param[p].bounded = isfinite(range[0]);
        m->param[p].lo = range[0];
        m->param[p].hi = range[1];
    }
    return p;
}

/* Number the sets of bits as their indices count up, axes that share left
 * out: so a set's number is never above that of its elements. */
static void number_groups(struct loom_qstate *q, struct loom_model *m,
                          const struct loom_shape *shape)
{
    size_t n = 1, stride[LOOM_MAX_DIMS] = {0};
    q->groups = 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        n *= shape->dim[a];
        if (q->conf.axes >> a & 1) {
            stride[a] = q->groups;
            q->groups *= shape->dim[a];
        }
    }
    q->n = n;
    q->group =
        q->groups < n ? loom_model_memory(m, n, sizeof(*q->group)) : NULL;
    for (size_t j = 0; q->group && j < n; j++) {
        size_t left = j, g = 0;
        for (int a = shape->rank - 1; a >= 0; a--) {
            g += left % shape->dim[a] * stride[a];
            left /= shape->dim[a];
        }
        q->group[j] = (uint32_t)g;
    }
}

void loom_qstate_build(struct loom_qstate *q, struct loom_model *m,
                       const char *layer, const char *name,
                       const struct loom_shape *shape,
                       const struct loom_qconf *conf)
{
    static const float none[2] = {-INFINITY, INFINITY};
    bool kif = conf->type == LOOM_KIF;
    bool wraps = conf->mode.overflow == LOOM_WRAP;
    q->conf = *conf;
    number_groups(q, m, shape);
    q->share = 1.0f / sqrtf((float)q->n / (float)q->groups);
    size_t n = q->n;
    q->k = add_bits(q, m, layer, name, "k", false, none);
    q->i = add_bits(q, m, layer, name, "i", !wraps, conf->i_range);
    q->bf = add_bits(q, m, layer, name, kif ? "f" : "b", true,
                     kif ? conf->f_range : conf->b_range);
    q->rk = loom_model_floats(m, n);
    q->ri = loom_model_floats(m, n);
    q->rf = loom_model_floats(m, n);
    q->bits = loom_model_floats(m, n);
}

void loom_qstate_init(const struct loom_qstate *q, struct loom_model *m)
{
    const struct loom_qconf *c = &q->conf;
    for (size_t g = 0; g < q->groups; g++) {
        loom_theta(m, q->k)[g] = c->k0;
        loom_theta(m, q->i)[g] = c->i0;
        loom_theta(m, q->bf)[g] = c->type == LOOM_KIF ? c->f0 : c->b0;
    }
}

static size_t group_of(const struct loom_qstate *q, size_t j)
{
    return q->group ? q->group[j] : j;
}

static float bound(float v)
{
    return fminf(fmaxf(v, -LIMIT), LIMIT);
}

/* Spread the sets of bits over the elements, in place from the end: no set
 * lies behind its elements. */
static void spread(const struct loom_qstate *q, float *v)
{
    for (size_t j = q->n; q->group && j-- > 0;)
        v[j] = v[q->group[j]];
}

void loom_qstate_prepare(struct loom_qstate *q, const struct loom_model *m)
{
    bool kif = q->conf.type == LOOM_KIF;
    bool sat = q->conf.mode.overflow == LOOM_SAT;
    const float *k = loom_theta(m, q->k);
    m->kernels->rint(q->groups, loom_theta(m, q->i), q->ri);
    m->kernels->rint(q->groups, loom_theta(m, q->bf), q->bits);
    for (size_t g = 0; g < q->groups; g++) {
        q->rk[g] = k[g] > 0.0f ? 1.0f : 0.0f; /* whatever a file says */
        q->ri[g] = bound(q->ri[g]);
        float v = q->bits[g], sum = q->ri[g] + v;
        q->rf[g] = bound(kif ? v : v - q->ri[g]);
        sum += q->conf.v1 ? q->rk[g] : 0.0f;
        q->bits[g] = !kif ? v : sum > 0.0f ? sum : 0.0f;
        q->bits[g] += sat ? q->rk[g] : 0.0f;
    }
    spread(q, q->rk);
    spread(q, q->ri);
    spread(q, q->rf);
    spread(q, q->bits);
}

/* ceil(log2((m + eps) / (1 - 2^-b + eps))); nothing fits in 0 bits. */
static float kbi_int_bits(float top, float b)
{
    if (b <= 0.0f)
        return 32.0f;
    float x = (top + EPSILON) / (1.0f - loom_exp2i(-b) + EPSILON);
    return ceilf(log2f(x));
}

static float needed_int_bits(const struct loom_qstate *q, size_t j, float top)
{
    return q->conf.type == LOOM_KIF ? loom_quant_int_bits(top, q->rf[j])
                                    : kbi_int_bits(top, q->rf[j] + q->ri[j]);
}

/* Of each group, the largest magnitude first. */
void loom_qstate_adapt(const struct loom_qstate *q, struct loom_model *m,
                       const float *v)
{
    const struct loom_qconf *c = &q->conf;
    float *i = loom_theta(m, q->i), *bf = loom_theta(m, q->bf);
    float *top = q->ri; /* made anew by prepare */
    if (!c->adapt)
        return;
    memset(top, 0, q->n * sizeof(*top));
    for (size_t j = 0; j < q->n; j++)
        top[group_of(q, j)] = fmaxf(top[group_of(q, j)], fabsf(v[j]));
    for (size_t g = 0; g < q->groups; g++) {
        if (top[g] == 0.0f)
            continue;
        if (c->type == LOOM_KIF)
            bf[g] = fminf(fmaxf(c->f0 - log2f(top[g]), c->f_range[0]),
                          c->f_range[1]);
        i[g] = c->type == LOOM_KIF ? loom_quant_int_bits(top[g], rintf(bf[g]))
                                   : kbi_int_bits(top[g], rintf(bf[g]));
    }
}

/* Largest need of each group, into the stored i. */
static void raise_int_bits(struct loom_qstate *q, struct loom_model *m,
                           const float *top)
{
    float *i = loom_theta(m, q->i);
    for (size_t j = 0; j < q->n; j++) {
        size_t g = group_of(q, j);
        i[g] = fmaxf(i[g], needed_int_bits(q, j, top[j]));
    }
}

/* The signs of an epoch. */
static void track_signs(struct loom_qstate *q, struct loom_model *m,
                        const float *negative)
{
    float *k = loom_theta(m, q->k);
    for (size_t g = 0; m->fresh && g < q->groups; g++)
        k[g] = 0.0f;
    for (size_t j = 0; j < q->n; j++)
        if (negative[j] > 0.0f)
            k[group_of(q, j)] = 1.0f;
}

void loom_qstate_track(struct loom_qstate *q, struct loom_model *m,
                       const float *top, const float *negative)
{
    if (q->conf.mode.overflow != LOOM_WRAP || !q->conf.trained)
        return;
    float *i = loom_theta(m, q->i);
    float decay = !q->conf.v1 ? q->conf.i_decay : m->fresh ? INFINITY : 0.0f;
    for (size_t g = 0; g < q->groups; g++)
        i[g] -= decay;
    raise_int_bits(q, m, top);
    if (q->conf.v1 && negative)
        track_signs(q, m, negative);
    /* Only KBI clips here, as in the reference. */
    if (q->conf.type == LOOM_KBI)
        for (size_t g = 0; g < q->groups; g++)
            i[g] = fminf(fmaxf(i[g], q->conf.i_range[0]), q->conf.i_range[1]);
    loom_qstate_prepare(q, m);
}

void loom_qstate_trace(struct loom_qstate *q, struct loom_model *m,
                       const float *top, const float *negative)
{
    if (q->conf.mode.overflow != LOOM_WRAP || !q->conf.trained)
        return;
    float *i = loom_theta(m, q->i), *k = loom_theta(m, q->k);
    for (size_t g = 0; g < q->groups; g++) {
        i[g] = -1e9f;
        k[g] = 0.0f;
    }
    for (size_t j = 0; j < q->n; j++) {
        /* -2^i is in range, 2^i is not. */
        float low = q->conf.v1 ? negative[j] - loom_exp2i(-q->rf[j]) : 0.0f;
        size_t g = group_of(q, j);
        i[g] = fmaxf(i[g], needed_int_bits(q, j, fmaxf(top[j], low)));
    }
    for (size_t j = 0; j < q->n; j++)
        if (negative[j] > 0.0f)
            k[group_of(q, j)] = 1.0f;
    for (size_t g = 0; g < q->groups; g++)
        i[g] = fminf(fmaxf(i[g], q->conf.i_range[0]), q->conf.i_range[1]);
    loom_qstate_prepare(q, m);
}

void loom_qstate_grad(const struct loom_qstate *q, struct loom_model *m,
                      size_t j, size_t n, const float *g, const float *di,
                      const float *df)
{
    float *restrict bf = loom_grad(m, q->bf), *restrict i = loom_grad(m, q->i);
    /* f = b - i: what i gains in range it loses in precision. */
    float loss = q->conf.type == LOOM_KBI ? 1.0f : 0.0f;
    if (!q->group) { /* the usual case, as vectors */
        for (size_t c = 0; c < n; c++)
            bf[j + c] += g[c] * df[c];
        for (size_t c = 0; di && c < n; c++)
            i[j + c] += g[c] * (di[c] - loss * df[c]);
        return;
    }
    for (size_t c = 0; c < n; c++)
        bf[group_of(q, j + c)] += g[c] * df[c];
    for (size_t c = 0; di && c < n; c++)
        i[group_of(q, j + c)] += g[c] * (di[c] - loss * df[c]);
}

void loom_qstate_bits_grad(const struct loom_qstate *q, struct loom_model *m,
                           size_t j, size_t n, float v)
{
    float *bf = loom_grad(m, q->bf), *i = loom_grad(m, q->i);
    if (q->conf.v1) {
        for (size_t c = j; c < j + n; c++)
            bf[group_of(q, c)] += q->bits[c] > 0.0f ? v * q->share : 0.0f;
        return;
    }
    if (q->conf.type == LOOM_KBI) {
        for (size_t c = j; c < j + n; c++)
            bf[group_of(q, c)] += v;
        return;
    }
    for (size_t c = j; c < j + n; c++)
        if (q->ri[c] + q->rf[c] > 0.0f) {
            bf[group_of(q, c)] += v;
            i[group_of(q, c)] += v;
        }
}

float loom_qstate_gradient(const struct loom_qstate *q,
                           const struct loom_model *m, size_t j)
{
    return loom_grad(m, q->bf)[group_of(q, j)];
}
