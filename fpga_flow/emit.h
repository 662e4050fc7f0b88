/* The folder of a design: everything that a build needs, and a Makefile that
 * needs no bitloom.
 *   core.v serial.v    the network, and the interface around it (uart.v, ...)
 *   bench.v vectors.hex expected.hex   a self-checking simulation
 *   pins.pcf or .lpf, Makefile, apio.ini where apio knows a board
 *   net.json           the integer network
 *   design.json        name, device, clock, levels (-2: bit-serial), effort */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "fpga_flow/design.h"
#include "fpga_flow/target.h"

/* Only what needs no device: the Verilog, the simulation, net.json. */
int loom_emit_rtl(const struct loom_design *d, const int64_t *vectors,
                  size_t n_vectors, const char *dir, struct loom_errmsg *e);

/* The same with pins of two devices, of either family, and a core file for
 * FuseSoC (CAPI2), NAME.core: targets sim, lint, icestorm, trellis. */
int loom_emit_fusesoc(const struct loom_design *d,
                      const struct loom_device *ice40,
                      const struct loom_device *ecp5, double clock_mhz,
                      const int64_t *vectors, size_t n_vectors, const char *dir,
                      struct loom_errmsg *e);

/* Write all of it; makes the folder. vectors [n_vectors][in_size] lead the
 * bench's rows. */
int loom_emit(const struct loom_design *d, const struct loom_device *dev,
              double clock_mhz, const int64_t *vectors, size_t n_vectors,
              const char *dir, struct loom_errmsg *e);

/* How a design folder's design was made; its name is fresh memory, also
 * conf->name. */
int loom_emit_read(const char *dir, char **name, struct loom_design_conf *conf,
                   struct loom_errmsg *e);
