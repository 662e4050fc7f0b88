/* The devices that can be built for, the tools that build, and what a design
 * should take there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fpga_flow/design.h"

/* What a design is made of, as its cells are counted: bits, unless it says
 * otherwise. */
enum loom_construct {
    LOOM_SUMS,    /* of sums in carry chains, a cell each (iCE40) */
    LOOM_TAILS,   /* of carries whose sum nobody reads (iCE40) */
    LOOM_CHAINS,  /* carry chains */
    LOOM_OUTS,    /* bits of a sum that are a carry, or an operand's */
    LOOM_PAIRS,   /* two bits of a chain (ECP5) */
    LOOM_LOGIC,   /* LUTs of sums without a chain (ECP5) */
    LOOM_CLIPS,   /* to what some bits hold, and one LUT each to see that */
    LOOM_LIMITS,  /* to other limits */
    LOOM_RELUS,   /* that have LUTs of their own */
    LOOM_SELECTS, /* and complements */
    LOOM_TABLES,  /* LUTs of tables */
    LOOM_DELAYS,  /* registers that stand behind no LUT */
    LOOM_SHIFTS,  /* registers of the harness */
    LOOM_OUTPUTS, /* of the harness */
    LOOM_CONSTRUCTS
};

const char *loom_construct_word(enum loom_construct c); /* "sums", ... */

/* What one of them takes. `lc` as in struct loom_cells. */
struct loom_construct_price {
    double lut4, lc;
};

/* What the devices of one family have in common. */
struct loom_family {
    const char *name;                /* "ice40" */
    const char *synth;               /* Yosys' command */
    const char *synth_serial;        /* for bit-serial cores */
    const char *nextpnr, *pack;      /* programs */
    const char *pins, *pins_flag;    /* file of constraints, nextpnr's option */
    const char *routed, *route_flag; /* file that pack reads, likewise */
    const char *suffix;              /* of a bitstream */
    /* Cells of the netlist; what their types begin with. */
    const char *lut, *carry, *ff, *bram, *dsp;
    /* Rows of nextpnr's utilization. */
    const char *used_cells, *used_bram, *used_dsp;
    int tile;      /* cells of a tile, where a carry chain begins a new one; or 0 */
    int lut_adder; /* bits of an adder up to which LUTs are fewer than a carry
                      chain takes */
    /* Fitted by bitloom bench target. */
    struct loom_construct_price price[LOOM_CONSTRUCTS];
    bool subtracts; /* a difference costs what a sum costs, and complementing a
                       sum costs LUTs; else the other way round */
};

extern const struct loom_family loom_ice40, loom_ecp5;

/* LUTs of six inputs, to compare with what is published of them: no device, no
 * place and route, prices that nobody fitted. */
extern const struct loom_family loom_lut6;

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
/* The same, with a sentence where there is none. */
const struct loom_device *loom_device_get(const char *name,
                                          struct loom_errmsg *e);

/* Yosys' command for a design. */
static inline const char *loom_target_synth(const struct loom_design *d)
{
    return d->serial ? d->family->synth_serial : d->family->synth;
}

/* carry: SB_CARRY or CCU2C. lc: what the device has a number of: logic cells
 * of an iCE40, LUT4s of an ECP5 (where flip-flops are not bound to them). */
struct loom_cells {
    int lut4, carry, ff, lc;
};

/* Constructs of one layer, or of the core and its serial harness (layer -1),
 * with carries and registers, which are just counted. */
struct loom_census {
    int count[LOOM_CONSTRUCTS];
    int carry, ff;
};
struct loom_census loom_target_count(const struct loom_design *d, int layer);

/* Predicted cells of the same: the constructs at the family's prices. A model,
 * not a measurement. */
struct loom_cells loom_target_predict(const struct loom_design *d, int layer);
