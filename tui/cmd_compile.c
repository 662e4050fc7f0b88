/* bitloom compile: the Verilog of a network, and all that a build needs. */
#include <stdio.h>

#include "fpga_flow/design.h"
#include "fpga_flow/emit.h"
#include "fpga_flow/target.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

static json_t *cells(struct loom_cells c)
{
    return json_pack("{s:i,s:i,s:i,s:i}", "lut4", c.lut4, "carry", c.carry,
                     "ff", c.ff, "lc", c.lc);
}

static json_t *to_json(const struct loom_design *d,
                       const struct loom_device *dev, double clock,
                       const char *dir)
{
    struct loom_design_size s = loom_design_size(d, -1);
    json_t *layers = json_array();
    for (int l = 0; l < (int)d->w->n_layers; l++) {
        struct loom_design_size x = loom_design_size(d, l);
        json_array_append_new(
            layers,
            json_pack("{s:s,s:i,s:i,s:i,s:i,s:o}", "name", d->w->layer[l].name,
                      "adders", x.adders, "adder_bits", x.adder_bits,
                      "registers", x.registers, "depth", x.depth, "predicted",
                      cells(loom_target_predict(d, l))));
    }
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:f,s:i,s:i,s:i,s:i,s:i,s:i,s:o,s:i,s:o}", "schema",
        "bitloom/compile/1", "name", d->name, "device", dev->name, "dir", dir,
        "clock_mhz", clock, "adders", s.adders, "adder_bits", s.adder_bits,
        "registers", s.registers, "stages", d->latency, "latency_cycles",
        d->latency, "ii", d->ii, "predicted", cells(loom_target_predict(d, -1)),
        "lc_available", dev->lc, "layers", layers);
}

static void print_table(const struct loom_design *d,
                        const struct loom_device *dev, const char *dir)
{
    printf("%-16s %7s %10s %9s %14s\n", "layer", "adders", "adder bits",
           "registers", "cells (model)");
    for (int l = -1; l < (int)d->w->n_layers; l++) {
        int k = l + 1 < (int)d->w->n_layers ? l + 1 : -1; /* the sum last */
        struct loom_design_size s = loom_design_size(d, k);
        if (k < 0 || s.adders || s.registers)
            printf("%-16s %7d %10d %9d %14d\n",
                   k < 0 ? "with harness" : d->w->layer[k].name, s.adders,
                   s.adder_bits, s.registers, loom_target_predict(d, k).lc);
    }
    printf("latency %d cycles, a result every ", d->latency);
    if (d->ii > 1)
        printf("%d cycles", d->ii);
    else
        printf("cycle");
    printf("; %s has %d cells\nwritten to %s\n", dev->name, dev->lc, dir);
}

int cmd_compile(int argc, char **argv)
{
    struct flow_arg a;
    struct flow_input in;
    struct loom_errmsg e = {""};
    if (flow_arg_parse(argc, argv, "bidcelox", &a) != CLI_DONE)
        return CLI_USAGE;
    int err = flow_input_open(&a, &in, &e);
    if (err)
        return cli_fail(err, &e);
    double clock = a.clock_mhz > 0 ? a.clock_mhz : a.device->clock_mhz;
    int levels = loom_pipeline_levels(a.levels);
    int status = CLI_DONE;
    struct loom_design *d =
        loom_design_new(in.model.net,
                        &(struct loom_design_conf){.name = in.model.name,
                                                   .family = a.device->family,
                                                   .levels = levels,
                                                   .plain = a.plain,
                                                   .interface = a.interface,
                                                   .board = a.board},
                        &e);
    err = d ? loom_emit(d, a.device, clock, in.vectors, in.n_vectors, a.out, &e)
            : LOOM_ERR_RANGE;
    if (err)
        status = cli_fail(err, &e);
    else if (a.json)
        status = cli_print_json(to_json(d, a.device, clock, a.out));
    else if (!a.quiet)
        print_table(d, a.device, a.out);
    loom_design_destroy(d);
    flow_input_close(&in);
    return status;
}
