/* The folder of a design: everything that a build needs, and a Makefile that
 * needs no bitloom.
 *   core.v serial.v    the network, and the harness around it
 *   bench.v vectors.hex expected.hex   a self-checking simulation
 *   pins.pcf Makefile
 *   net.json           the integer network
 *   design.json        name, device, clock, levels, effort */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "fpga_flow/design.h"
#include "fpga_flow/target.h"

/* Write all of it; makes the folder. vectors [n_vectors][in_size] lead the
 * bench's rows. */
int loom_emit(const struct loom_design *d, const struct loom_device *dev,
              double clock_mhz, const int64_t *vectors, size_t n_vectors,
              const char *dir, struct loom_errmsg *e);

/* The levels of a design folder, whether it is plain, and its name (fresh
 * memory). */
int loom_emit_read(const char *dir, char **name, int *levels, bool *plain,
                   struct loom_errmsg *e);
