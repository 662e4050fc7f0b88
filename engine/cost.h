/* What a network takes of a device, estimated from its bits alone, so that a
 * step can follow the gradient: a training may count that instead of EBOPs.
 *
 * An adder chain for a product takes as many cells as its data has bits, and a
 * little more, and another chain with every few bits of the weight. So for a
 * layer of weights w, bits b(w), at data x, bits b(x), with s(b) = 1 - 2^-b,
 * which is 0 where there are none and soon 1:
 *
 *   PRODUCTS  sum b(x) b(w)      EBOPs
 *   WIDTHS    sum b(x) s(b(w))   adders by the bits of their data
 *   DIGITS    sum s(b(x)) b(w)   adders by the bits of their weight
 *   TERMS     sum s(b(x)) s(b(w))   adders
 *   BIASES    sum b(bias)
 *   DATA      sum b(x) s(sum b(w) of x)   what holds and rounds the data that
 *                                         a weight reads
 *   OTHER     EBOPs of layers without such weights
 *
 * cells = fixed + sum price part. The prices are a family's, fitted to
 * measured builds (fpga_flow/price.h); none is negative. */
#pragma once

#include <jansson.h>

#include "engine/err.h"
#include "engine/model.h"

enum loom_cost_part {
    LOOM_COST_PRODUCTS,
    LOOM_COST_WIDTHS,
    LOOM_COST_DIGITS,
    LOOM_COST_TERMS,
    LOOM_COST_BIASES,
    LOOM_COST_DATA,
    LOOM_COST_OTHER,
    LOOM_COST_PARTS
};

struct loom_cost {
    char device[32]; /* "": EBOPs count, and not this */
    char unit[8];    /* of the cells: "LC", "LUT4" */
    double fixed;    /* cells around every network */
    double price[LOOM_COST_PARTS];
};

/* "products", ...: the parts' names in files. */
const char *loom_cost_word(enum loom_cost_part p);

/* The parts of the current parameters, of the last prepare. */
void loom_cost_parts(struct loom_model *m, double part[LOOM_COST_PARTS]);

/* The cells; adds beta times their gradient to m->grad when beta is not 0.
 * Same thread and state as loom_model_ebops; no allocation. */
double loom_cost_cells(struct loom_model *m, const struct loom_cost *c,
                       float beta);

/* As an object, and back; LOOM_ERR_FORMAT where it is none. */
json_t *loom_cost_to_json(const struct loom_cost *c);
int loom_cost_from_json(const json_t *j, struct loom_cost *out,
                        struct loom_errmsg *e);
