/* How the world talks to a core: the modules around it, their test benches, and
 * the boards they are for. The module is <name>_<word>, in a file <word>.v. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "fpga_flow/design.h"
#include "fpga_flow/target.h"

const char *loom_interface_word(enum loom_interface i);
/* -1 if there is none. */
int loom_interface_find(const char *word);

struct loom_board {
    const char *name, *title;
    const char *device;        /* by its short name */
    double clock_mhz;          /* of its oscillator */
    const char *clk, *rx, *tx; /* pins; rx and tx as the chip sees them */
    const char *sck, *cs, *mosi, *miso;
};

/* All boards, ended by a NULL name. */
extern const struct loom_board loom_boards[];
const struct loom_board *loom_board_find(const char *name);

/* A port of the module and its pin, for the family's file of pins. */
struct loom_pin {
    const char *port;
    char pin[8];
};

/* The pins of d's interface on its board or, for LOOM_SERIAL without one, where
 * the device has them; a NULL port ends them. LOOM_ERR_ARG where there are
 * none. */
int loom_interface_pins(const struct loom_design *d,
                        const struct loom_device *dev, struct loom_pin pin[6],
                        struct loom_errmsg *e);

/* The module around d's core, fresh text. Its bauds are those of the board's
 * oscillator. */
char *loom_interface_verilog(const struct loom_design *d);

/* A test bench that feeds n rows of vectors.hex through it and compares with
 * expected.hex; it prints "vectors N mismatches M". */
char *loom_interface_bench(const struct loom_design *d, size_t n);

/* Vectors that a simulation of it takes, out of n, which are at least 1,000;
 * for LOOM_SELFTEST those that its image holds. */
size_t loom_interface_rows(const struct loom_design *d, size_t n);
