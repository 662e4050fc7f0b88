/* The devices that can be built for, and what a design should take there. */
#pragma once

#include <stddef.h>

#include "fpga_flow/design.h"

enum loom_family { LOOM_ICE40 };

struct loom_device {
    const char *name;      /* "ice40-hx8k-ct256" */
    const char *shorthand; /* "hx8k" */
    enum loom_family family;
    const char *flag;    /* nextpnr's */
    const char *package; /* nextpnr's */
    int lc, bram, dsp;
    double clock_mhz; /* target where none is given */
    const char *pins; /* of clk, sdi, sync, sdo */
};

/* All devices, ended by a NULL name. */
extern const struct loom_device loom_devices[];

/* By name or short form; NULL if there is none. */
const struct loom_device *loom_device_find(const char *name);

struct loom_cells {
    int lut4, carry, ff, lc;
};

/* Predicted cells of one layer, or of the core and its serial harness
 * (layer -1). A model, not a measurement. */
struct loom_cells loom_target_predict(const struct loom_design *d, int layer);
