/* A constant matrix as adders in the way that is usual for wide LUTs: of the
 * pairs of terms that occur more than once, the one that saves most (how often
 * it occurs, times the bits that its operands have in common) becomes a sum of
 * its own, until there is none; what is left of an output is added up in the
 * order of depth. No search, no device. Source of the method: da4ml (Sun et
 * al., arXiv 2507.04535). What a search on cells is worth is measured against
 * it. */
#pragma once

#include <stdint.h>

#include "fpga_flow/cmvm_graph.h"

/* w [n_in][n_out]; lo, hi [n_in] of the inputs. The graph is the caller's, who
 * gives it back with loom_cmvm_graph_deinit. Sums must stay below 2^62. Time
 * grows with the square of an output's digits: for the kernels of networks. */
void loom_cmvm_greedy(struct loom_cmvm_graph *g, int n_in, int n_out,
                      const int64_t *w, const int64_t *lo, const int64_t *hi);
