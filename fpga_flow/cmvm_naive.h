/* A constant matrix in the way it is written by hand: each output a sum of
 * shifted inputs, one for each canonical signed digit, as plain Verilog
 * expressions with a register after every two levels of additions. What
 * sharing and the choice of sums are worth is measured against it. */
#pragma once

#include <stdint.h>

#include "fpga_flow/design.h"

/* The core of a design of loom_cmvm_net, in fresh memory; its ports are the
 * design's. Sets d->latency to its own. w [n_in][n_out] */
char *loom_cmvm_naive(struct loom_design *d, const int64_t *w);
