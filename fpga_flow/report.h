/* What the tools measured, out of their JSON files. */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "engine/err.h"
#include "fpga_flow/design.h"

struct loom_placed {
    double fmax_mhz; /* -1: the report names no clock */
    int lc, bram, dsp;
    json_t *path; /* array of the critical path's steps; owned */
};

/* nextpnr's --report file. Steps name layer and output where the net does. */
int loom_report_placed(const char *path, const struct loom_design *d,
                       struct loom_placed *out, struct loom_errmsg *e);

struct loom_synthesized {
    int lut4, carry, ff, bram, dsp;
};

/* Yosys' netlist: cells of the whole into *all, and of each layer into
 * layer[w->n_layers]; what belongs to no layer is the harness. */
int loom_report_netlist(const char *path, const struct loom_design *d,
                        struct loom_synthesized *all,
                        struct loom_synthesized *layer, struct loom_errmsg *e);
