/* What Yosys makes of a core, mapped to the cells of its family. */
#pragma once

#include <stdatomic.h>

#include "engine/err.h"
#include "fpga_flow/design.h"

struct loom_netlist {
    const struct loom_design *d;
    const char *core;          /* path of the core's Verilog, absolute */
    const char *dir;           /* an absolute folder for what is written */
    const char *log;           /* Yosys' output; NULL: none */
    double timeout_s;          /* 0: none */
    const atomic_bool *cancel; /* may be NULL */
};

/* Write DIR/netlist.v: the netlist as a build has it, but without the harness,
 * and behind it the vendor's models of the cells in use, as Yosys ships them.
 * Any simulator reads it. LOOM_ERR_TOOL, LOOM_ERR_IO, LOOM_ERR_CANCELLED. */
int loom_netlist_write(const struct loom_netlist *n, struct loom_errmsg *e);

/* Write DIR/netlist.json: every module of the core mapped by itself. */
int loom_netlist_layers(const struct loom_netlist *n, struct loom_errmsg *e);
