/* bitloom export: a network for other programs. */
#include <stdio.h>
#include <string.h>

#include "engine/export.h"
#include "fpga_flow/design.h"
#include "fpga_flow/emit.h"
#include "fpga_flow/target.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

/* The device named, if it is of this family, else a common one. */
static const struct loom_device *part(const struct flow_arg *a,
                                      const struct loom_family *f)
{
    if (a->device && a->device->family == f)
        return a->device;
    return loom_device_find(f == &loom_ice40 ? "hx8k" : "ecp5-25k");
}

static int export_rtl(const struct flow_arg *a, const struct flow_input *in,
                      struct loom_errmsg *e)
{
    const struct loom_family *f = a->device ? a->device->family : &loom_ice40;
    struct loom_design *d = loom_design_new(
        in->model.net,
        &(struct loom_design_conf){.name = in->model.name,
                                   .family = f,
                                   .levels = loom_pipeline_levels(a->levels),
                                   .plain = a->plain},
        e);
    if (!d)
        return LOOM_ERR_RANGE;
    double clock = a->clock_mhz > 0 ? a->clock_mhz : part(a, f)->clock_mhz;
    int err =
        !strcmp(a->format, "verilog")
            ? loom_emit_rtl(d, in->vectors, in->n_vectors, a->out, e)
            : loom_emit_fusesoc(d, part(a, &loom_ice40), part(a, &loom_ecp5),
                                clock, in->vectors, in->n_vectors, a->out, e);
    loom_design_destroy(d);
    return err;
}

static int export_rtl_of(const struct flow_arg *a, struct loom_errmsg *e)
{
    struct flow_input in;
    int err = flow_input_open(a, &in, e);
    if (!err) {
        err = export_rtl(a, &in, e);
        flow_input_close(&in);
    }
    return err;
}

static int export_model(const struct flow_arg *a, struct loom_errmsg *e)
{
    struct cli_model m;
    int err = cli_model_open(a->model, a->store, &m, e);
    if (err)
        return err;
    if (m.model)
        err = !strcmp(a->format, "npz") ? loom_export_npz(m.model, a->out, e)
                                        : loom_export_qonnx(m.model, a->out, e);
    else
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s holds integers only; --format %s needs a "
                        "checkpoint",
                        m.path, a->format);
    cli_model_close(&m);
    return err;
}

int cmd_export(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*write)(const struct flow_arg *a, struct loom_errmsg *e);
    } formats[] = {{"verilog", export_rtl_of},
                   {"fusesoc", export_rtl_of},
                   {"npz", export_model},
                   {"qonnx", export_model}};
    struct flow_arg a;
    struct loom_errmsg e = {""};
    if (flow_arg_parse(argc, argv, "cDeFlox", &a) != CLI_DONE)
        return CLI_USAGE;
    for (size_t k = 0; a.format && k < sizeof(formats) / sizeof(*formats); k++)
        if (!strcmp(a.format, formats[k].name)) {
            int err = formats[k].write(&a, &e);
            if (err)
                return cli_fail(err, &e);
            if (a.json)
                return cli_print_json(json_pack("{s:s,s:s,s:s}", "schema",
                                                "bitloom/export/1", "format",
                                                a.format, "out", a.out));
            if (!a.quiet)
                printf("written to %s\n", a.out);
            return CLI_DONE;
        }
    return cli_usage("export",
                     "--format %s: expected verilog, fusesoc, npz or qonnx",
                     a.format ? a.format : "is missing");
}
