/* Verilog-2005 of a design. Every function returns fresh text that the caller
 * frees. Layers are modules of their own, named after the layer; values are
 * plain bit vectors of exact width, signs are extended in the open. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fpga_flow/design.h"

/* The core: module d->name (clk, x, y), and a module a layer; or, bit-serial,
 * d->name (clk, go, x, y, done), and a block a layer. */
char *loom_verilog_core(const struct loom_design *d);

/* A port of a layer's module: bits low .. bits - 1 of a wire, as they are at a
 * slot. */
struct loom_verilog_port {
    char *name; /* owned */
    int wire, slot, low, bits;
    bool out;
};

/* The ports of module <name>_<layer>, but for clk: fresh memory in *ports,
 * freed with loom_verilog_ports_free. 0 where the layer has no module. */
size_t loom_verilog_ports(const struct loom_design *d, int layer,
                          struct loom_verilog_port **ports);
void loom_verilog_ports_free(struct loom_verilog_port *ports, size_t n);
/* The latter. */
char *loom_verilog_bitserial(const struct loom_design *d);

/* What the bits of y are, in comments. */
void loom_verilog_output_table(const struct loom_design *d, FILE *f);

/* Module <name>_serial (clk, sdi, sync, sdo): shift registers around the
 * core, so that any network fits the pins of any package. */
char *loom_verilog_serial(const struct loom_design *d);

/* Test benches of the core and of the harness. They read rows of vectors and
 * of expected outputs from the files vectors.hex and expected.hex of the
 * working folder, and print "vectors N mismatches M". */
char *loom_verilog_bench(const struct loom_design *d, size_t rows);
char *loom_verilog_serial_bench(const struct loom_design *d, size_t rows);
