/* A design: a network's wires, their pipeline, and how the rows of integers
 * are packed into the core's two ports. Inputs that nothing reads are left
 * out of the port; elements of no bits likewise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "engine/exact.h"
#include "fpga_flow/pipeline.h"
#include "fpga_flow/wires.h"

/* The bits of one element in a port. */
struct loom_port {
    int at, bits; /* bits 0: not in the port */
};

struct loom_design {
    const struct loom_exact *net; /* borrowed */
    char *name;                   /* a Verilog identifier */
    struct loom_wires *w;
    struct loom_pipeline p;
    bool shares;           /* made by loom_design_new, not _plain */
    char **layer;          /* [w->n_layers] identifiers, unique */
    struct loom_port *in;  /* [n_in] */
    struct loom_port *out; /* [n_out] */
    int in_bits, out_bits; /* of the ports, at least 1 */
};

/* levels: adder levels a stage, 0 for a stage a layer. Layers share sums in
 * the way that should take the fewest cells; the same network always gives the
 * same design. NULL and a sentence when a width passes 62 bits. */
struct loom_design *loom_design_new(const struct loom_exact *net,
                                    const char *name, int levels,
                                    struct loom_errmsg *e);
/* The same, and then goes on to look for a smaller one; ends the round that
 * it is in when `seconds` have passed. */
struct loom_design *loom_design_search(const struct loom_exact *net,
                                       const char *name, int levels,
                                       double seconds, struct loom_errmsg *e);
/* The same with nothing shared: the reference. */
struct loom_design *loom_design_plain(const struct loom_exact *net,
                                      const char *name, int levels,
                                      struct loom_errmsg *e);
void loom_design_destroy(struct loom_design *d);

/* What the adders and registers come to; layer -1 for all.
 * adder_bits counts carry chains only; registers are bits. */
struct loom_design_size {
    int adders, adder_bits, registers, depth;
};
struct loom_design_size loom_design_size(const struct loom_design *d,
                                         int layer);

/* Lines of hex digits for $readmemh, one a row; fresh memory.
 * v [rows][n_in] or [rows][n_out]. */
char *loom_design_hex(const struct loom_port *port, size_t n, int port_bits,
                      const int64_t *v, size_t rows);
