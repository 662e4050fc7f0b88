/* What the tools measured, out of their JSON files. */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "engine/err.h"
#include "fpga_flow/design.h"

struct loom_placed {
    double fmax_mhz; /* -1: the report names no clock */
    int lc, bram, dsp;
    json_t *path;  /* array of the critical path's steps; owned */
    json_t *slack; /* histogram over the paths' ends, as below; owned */
};

/* nextpnr's --report file, for a clock target. Steps name layer, output and
 * bit where the net does. slack: {endpoints, failing, least_ns, bin_ns, counts}
 * of what is left of the period at the ends of all paths from clock to clock:
 * counts[k] ends have least_ns + k bin_ns or more; null where the report has
 * no detailed timings. */
int loom_report_placed(const char *path, const struct loom_design *d,
                       double clock_mhz, struct loom_placed *out,
                       struct loom_errmsg *e);
void loom_placed_deinit(struct loom_placed *p);

struct loom_synthesized {
    int lut4, carry, ff, bram, dsp;
    /* Tiles that carry chains take where a family has them: a chain begins in
     * one of its own, and what it leaves of the last is for other cells only. */
    int tiles;
};

/* Yosys' netlist: cells of the whole into *all, and of each layer into
 * layer[w->n_layers]; what belongs to no layer is the harness. */
int loom_report_netlist(const char *path, const struct loom_design *d,
                        struct loom_synthesized *all,
                        struct loom_synthesized *layer, struct loom_errmsg *e);
