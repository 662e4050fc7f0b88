/* The cells that a design takes, counted: synthesis, and packing by nextpnr,
 * which is all of place and route that changes their number. */
#pragma once

#include <stdatomic.h>

#include "engine/err.h"
#include "fpga_flow/design.h"
#include "fpga_flow/report.h"
#include "fpga_flow/target.h"

struct loom_measurement {
    const struct loom_device *device;
    const char *dir;           /* to work in, made if absent; files stay */
    const char *core;          /* Verilog in the place of the design's core, of
                                  the same ports and latency; NULL: its own */
    double timeout_s;          /* of each tool; 0: 600 */
    const atomic_bool *cancel; /* may be NULL */
    /* [w->n_layers + 1], may be NULL: becomes what each layer takes, the rest
     * being the harness. */
    struct loom_synthesized *layer;
};

/* Cells of the design with its harness, also where they are more than the
 * device has. LOOM_ERR_TOOL where a tool is missing or fails, LOOM_ERR_IO,
 * LOOM_ERR_CANCELLED. What has been counted before is known (memo.h). */
int loom_measure_run(const struct loom_measurement *m, const struct loom_design *d,
                     struct loom_cells *out, struct loom_errmsg *e);

/* The same of a network as a build makes it, in a folder that goes again.
 * *design, if asked for, becomes its design, for the caller to destroy. */
struct loom_measured_net {
    const struct loom_exact *net;
    const struct loom_device *device;
    int levels; /* of a stage, as of a design */
    const atomic_bool *cancel;
};
int loom_measure_net(const struct loom_measured_net *m, struct loom_cells *out,
                     struct loom_design **design, struct loom_errmsg *e);

/* The same by synthesis only, for a family without place and route (loom_lut6):
 * m->device is not read, lc is the LUTs. */
int loom_measure_synthesis(const struct loom_measurement *m,
                           const struct loom_design *d, struct loom_cells *out,
                           struct loom_errmsg *e);
