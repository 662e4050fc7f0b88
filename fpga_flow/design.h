/* A design: a network's wires, their pipeline, and how the rows of integers
 * are packed into the core's two ports. Inputs that nothing reads are left
 * out of the port; elements of no bits likewise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "engine/exact.h"
#include "fpga_flow/bitserial.h"
#include "fpga_flow/pipeline.h"
#include "fpga_flow/wires.h"

struct loom_family; /* target.h */
struct loom_share;  /* share.h */
struct loom_board;  /* interface.h */

/* word, what it is: the module around the core, which talks to the world */
#define LOOM_INTERFACES(X)                                                     \
    X(LOOM_SERIAL, "serial", "three pins and a clock, bit by bit")             \
    X(LOOM_UART, "uart", "bytes over a serial line, 115200 8N1")               \
    X(LOOM_SPI, "spi", "a slave of mode 0")                                    \
    X(LOOM_STREAM, "stream", "AXI4-Stream, for a larger design")               \
    X(LOOM_SELFTEST, "selftest", "tests itself, reports over a serial line")

enum loom_interface {
#define X(name, word, what) name,
    LOOM_INTERFACES(X)
#undef X
        LOOM_N_INTERFACES
};

/* The bits of one element in a port. */
struct loom_port {
    int at, bits; /* bits 0: not in the port */
};

struct loom_design {
    const struct loom_exact *net; /* borrowed */
    const struct loom_family *family;
    char *name;                   /* a Verilog identifier */
    struct loom_wires *w;
    struct loom_pipeline p;        /* empty if serial */
    struct loom_bitserial *serial; /* NULL: a result every cycle */
    int latency, ii; /* cycles from a row to its result, and to the next row */
    bool plain;            /* as asked for */
    enum loom_interface interface;  /* likewise */
    const struct loom_board *board; /* NULL: none */
    char **layer;          /* [w->n_layers] identifiers, unique */
    struct loom_port *in;  /* [n_in] */
    struct loom_port *out; /* [n_out] */
    int in_bits, out_bits; /* of the ports, at least 1 */
};

struct loom_design_conf {
    const char *name;
    const struct loom_family *family; /* for which cells are counted */
    int levels;     /* adder levels a stage, 0 for a stage a layer, or
                       LOOM_BIT_SERIAL */
    bool plain;     /* layers share no sums: the reference */
    const struct loom_share *share; /* [n_nodes of the network] how each layer
                                       shares them; NULL: that is looked for */
    enum loom_interface interface;
    const struct loom_board *board; /* NULL: none in particular */
    double seconds; /* to go on looking for a smaller one; ends the round that
                       it is in when they have passed */
};

/* Layers share sums in the way that should take the fewest cells; the same
 * network always gives the same design, if no seconds are given. NULL and a
 * sentence when a width passes 62 bits. */
struct loom_design *loom_design_new(const struct loom_exact *net,
                                    const struct loom_design_conf *conf,
                                    struct loom_errmsg *e);
void loom_design_destroy(struct loom_design *d);

/* What the adders and registers come to; layer -1 for all. */
struct loom_design_size loom_design_size(const struct loom_design *d,
                                         int layer);

/* Lines of hex digits for $readmemh, one a row; fresh memory.
 * v [rows][n_in] or [rows][n_out]. */
char *loom_design_hex(const struct loom_port *port, size_t n, int port_bits,
                      const int64_t *v, size_t rows);
