/* Registers where the fewest bits cross: a sum, with all that only it reads,
 * is computed stages later where its operands wait in registers anyway, or
 * take fewer bits than it has. */
#pragma once

#include "fpga_flow/pipeline.h"

/* Move stages of p, of which stage, latency and levels are set. No wire gets
 * more work into its stage than it had. */
void loom_retime(struct loom_pipeline *p, const struct loom_wires *w);
