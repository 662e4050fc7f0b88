/* Wires as expressions of Verilog-2005. Who writes a module says how it calls
 * a wire at a time, and which of the wire's bits that name carries; "time" is
 * whatever the module goes by. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "fpga_flow/wires.h"

struct loom_family; /* target.h */

struct loom_expr {
    FILE *f; /* borrowed, as all here */
    const struct loom_wires *w;
    const struct loom_family *family;
    const void *ctx;
    /* Print the name of wire i, which is no view and no constant. */
    void (*name)(const struct loom_expr *e, int i, int time);
    /* That name carries bits low .. bits - 1. */
    void (*range)(const struct loom_expr *e, int i, int time, int *low,
                  int *bits);
};

/* Bits low .. top of wire id, which may be a view or a constant. */
void loom_expr_bits(const struct loom_expr *o, int id, int low, int top,
                    int time);

/* What wire i computes, its operands as they are at a time. */
void loom_expr_wire(const struct loom_expr *o, int i, int time);

/* The functions that the expressions of a layer's wires call, each once:
 * tables (layer -1: of all layers), and adders that are written as logic. */
void loom_expr_tables(const struct loom_expr *o, int layer);
void loom_expr_sums(const struct loom_expr *o, int layer);

/* n'b... of the low n bits of v. */
void loom_expr_literal(FILE *f, int n, int64_t v);

/* A fixed-point format in words: "7 bits signed, step 2^-3, -8 .. 7.875". */
void loom_expr_format(FILE *f, int bits, int frac, int64_t lo, int64_t hi);
