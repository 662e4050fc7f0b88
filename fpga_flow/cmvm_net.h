/* A constant matrix as a network of one layer, for the targets whose cells
 * only a whole design tells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/exact.h"
#include "fpga_flow/wires.h"

/* y = x w, x signed integers of `bits` bits; w [n_in][n_out]. NULL and a
 * sentence when a sum passes 62 bits. */
struct loom_exact *loom_cmvm_net(int n_in, int n_out, const int64_t *w,
                                 int bits, struct loom_errmsg *e);

/* Whether the wires that such a network was lowered to compute it: they are
 * sums, so that 0 and the unit vectors tell. */
bool loom_cmvm_net_is(const struct loom_wires *wires, const int64_t *w);
