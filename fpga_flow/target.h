/* The devices that can be built for, the tools that build, and what a design
 * should take there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fpga_flow/design.h"

/* What the devices of one family have in common. */
struct loom_family {
    const char *name;                /* "ice40" */
    const char *synth;               /* Yosys' command */
    const char *nextpnr, *pack;      /* programs */
    const char *pins, *pins_flag;    /* file of constraints, nextpnr's option */
    const char *routed, *route_flag; /* file that pack reads, likewise */
    const char *suffix;              /* of a bitstream */
    /* Cells of the netlist; what their types begin with. */
    const char *lut, *carry, *ff, *bram, *dsp;
    /* Rows of nextpnr's utilization. */
    const char *used_cells, *used_bram, *used_dsp;
    int lut_adder;  /* bits of an adder up to which LUTs are fewer than a carry
                       chain takes */
    bool subtracts; /* a difference costs what a sum costs, and complementing a
                       sum costs LUTs; else the other way round */
};

extern const struct loom_family loom_ice40, loom_ecp5;

struct loom_device {
    const char *name;      /* "ice40-hx8k-ct256" */
    const char *shorthand; /* "hx8k" */
    const struct loom_family *family;
    const char *flag;    /* nextpnr's */
    const char *package; /* nextpnr's */
    int lc;              /* LUT4s; as many flip-flops */
    int bram, dsp;
    double clock_mhz; /* target where none is given */
    const char *pins; /* of clk, sdi, sync, sdo */
};

/* All devices, ended by a NULL name. */
extern const struct loom_device loom_devices[];

/* By name or short form; NULL if there is none. */
const struct loom_device *loom_device_find(const char *name);

/* carry: SB_CARRY or CCU2C. lc: what the device has a number of: logic cells
 * of an iCE40, LUT4s of an ECP5 (where flip-flops are not bound to them). */
struct loom_cells {
    int lut4, carry, ff, lc;
};

/* Predicted cells of one layer, or of the core and its serial harness
 * (layer -1). A model, not a measurement. */
struct loom_cells loom_target_predict(const struct loom_design *d, int layer);
