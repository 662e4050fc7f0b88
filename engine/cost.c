#include "engine/cost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/affine.h"

static const char *const words[LOOM_COST_PARTS] = {
    "products", "widths", "digits", "terms", "biases", "data", "other"};

const char *loom_cost_word(enum loom_cost_part p)
{
    return words[p];
}

/* 1 - 2^-b, and its derivative. */
static double some(double b)
{
    return 1.0 - exp2(-b);
}

static double some_slope(double b)
{
    static const double LN2 = 0.693147180559945309;
    return LN2 * exp2(-b);
}

/* ---- a layer of weights -------------------------------------------------- */

/* Weights that meet the data at place k of every patch: both as sums of bits
 * and of s(bits), over the units and over the positions. */
struct place {
    double w, w_some, x, x_some;
};

static struct place sum_place(const struct loom_affine *a, size_t k)
{
    const float *bw = a->kernel.q.bits + k * a->units;
    struct place s = {0};
    for (size_t u = 0; u < a->units; u++) {
        s.w += (double)bw[u];
        s.w_some += some((double)bw[u]);
    }
    for (size_t p = 0; p < a->positions; p++) {
        int32_t i = loom_affine_element(a, p, k);
        double b = i < 0 ? 0.0 : (double)a->in->bits[i];
        s.x += b;
        s.x_some += some(b);
    }
    return s;
}

/* Elements that several patches read are held once. */
static double held(const struct loom_affine *a)
{
    return (double)a->in->n / ((double)a->positions * (double)a->k);
}

static void add_place(const struct loom_affine *a, const struct place *s,
                      double part[LOOM_COST_PARTS])
{
    part[LOOM_COST_PRODUCTS] += a->share * s->x * s->w;
    part[LOOM_COST_WIDTHS] += a->share * s->x * s->w_some;
    part[LOOM_COST_DIGITS] += a->share * s->x_some * s->w;
    part[LOOM_COST_TERMS] += a->share * s->x_some * s->w_some;
    part[LOOM_COST_DATA] += held(a) * s->x * some(s->w);
}

/* The gradient, that a place has on the bits and on s(bits) of its data and of
 * its weights. */
static void place_gradient(struct loom_model *m, const struct loom_affine *a,
                           size_t k, const struct place *s, const double *price)
{
    double each = price[LOOM_COST_DATA] * held(a);
    double x = a->share * (price[LOOM_COST_PRODUCTS] * s->w +
                           price[LOOM_COST_WIDTHS] * s->w_some) +
               each * some(s->w);
    double x_some = a->share * (price[LOOM_COST_DIGITS] * s->w +
                                price[LOOM_COST_TERMS] * s->w_some);
    double w = a->share * (price[LOOM_COST_PRODUCTS] * s->x +
                           price[LOOM_COST_DIGITS] * s->x_some) +
               each * s->x * some_slope(s->w);
    double w_some = a->share * (price[LOOM_COST_WIDTHS] * s->x +
                                price[LOOM_COST_TERMS] * s->x_some);
    for (size_t p = 0; p < a->positions; p++) {
        int32_t i = loom_affine_element(a, p, k);
        if (i < 0)
            continue;
        double g = x + x_some * some_slope((double)a->in->bits[i]);
        loom_qstate_bits_grad(a->in, m, (size_t)i, 1, (float)g);
    }
    for (size_t j = k * a->units; j < (k + 1) * a->units; j++) {
        double g = w + w_some * some_slope((double)a->kernel.q.bits[j]);
        loom_weights_bits_grad(&a->kernel, m, j, 1, (float)g);
    }
}

/* Adds to the parts; and, where there are prices, their gradient. */
static void visit_affine(struct loom_model *m, struct loom_affine *a,
                         const double *price, double part[LOOM_COST_PARTS])
{
    float bias = price ? (float)price[LOOM_COST_BIASES] : 0.0f;
    for (size_t k = 0; k < a->k; k++) {
        struct place s = sum_place(a, k);
        add_place(a, &s, part);
        if (price)
            place_gradient(m, a, k, &s, price);
    }
    part[LOOM_COST_BIASES] += loom_affine_bias_ebops(m, a, bias);
}

/* ---- the network --------------------------------------------------------- */

/* price (or NULL: no gradient) is times beta. */
static void visit(struct loom_model *m, const double *price,
                  double part[LOOM_COST_PARTS])
{
    float other = price ? (float)price[LOOM_COST_OTHER] : 0.0f;
    memset(part, 0, LOOM_COST_PARTS * sizeof(*part));
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (l->ops->ebops == loom_affine_ebops)
            visit_affine(m, l->state, price, part);
        else if (l->ops->ebops)
            part[LOOM_COST_OTHER] += l->ops->ebops(m, l, other);
    }
}

void loom_cost_parts(struct loom_model *m, double part[LOOM_COST_PARTS])
{
    visit(m, NULL, part);
}

double loom_cost_cells(struct loom_model *m, const struct loom_cost *c,
                       float beta)
{
    double part[LOOM_COST_PARTS], price[LOOM_COST_PARTS], cells = c->fixed;
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        price[p] = (double)beta * c->price[p];
    visit(m, beta != 0.0f ? price : NULL, part);
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        cells += c->price[p] * part[p];
    return cells;
}

/* ---- in files ------------------------------------------------------------ */

json_t *loom_cost_to_json(const struct loom_cost *c)
{
    json_t *j = json_pack("{s:s,s:s,s:f}", "device", c->device, "unit", c->unit,
                          "fixed", c->fixed);
    for (int p = 0; p < LOOM_COST_PARTS; p++)
        json_object_set_new(j, words[p], json_real(c->price[p]));
    return j;
}

/* A number of 0 or more. */
static int read_price(const json_t *j, const char *name, double *out,
                      struct loom_errmsg *e)
{
    const json_t *v = json_object_get(j, name);
    *out = json_number_value(v);
    if (!json_is_number(v) || !(*out >= 0.0 && *out <= 1e9))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "cost: \"%s\" must be a number of 0 or more", name);
    return 0;
}

int loom_cost_from_json(const json_t *j, struct loom_cost *out,
                        struct loom_errmsg *e)
{
    const char *device = json_string_value(json_object_get(j, "device"));
    const char *unit = json_string_value(json_object_get(j, "unit"));
    *out = (struct loom_cost){0};
    if (!device || !*device || strlen(device) >= sizeof(out->device) || !unit ||
        strlen(unit) >= sizeof(out->unit))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "cost: \"device\" and \"unit\" must be words");
    snprintf(out->device, sizeof(out->device), "%s", device);
    snprintf(out->unit, sizeof(out->unit), "%s", unit);
    int err = read_price(j, "fixed", &out->fixed, e);
    for (int p = 0; !err && p < LOOM_COST_PARTS; p++)
        err = read_price(j, words[p], &out->price[p], e);
    return err;
}
