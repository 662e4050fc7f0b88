/* bitloom verify: the Verilog, and the netlist, against the integer network,
 * bit for bit. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/design.h"
#include "fpga_flow/emit.h"
#include "fpga_flow/formal.h"
#include "fpga_flow/interface.h"
#include "fpga_flow/tool.h"
#include "fpga_flow/verify.h"
#include "fpga_flow/verilog.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

/* What is simulated: the files of a compiled folder, or fresh ones in a
 * temporary folder. */
struct files {
    char *core, *serial, *tmp;
};

static int write_fresh(const struct loom_design *d, struct files *f,
                       struct loom_errmsg *e)
{
    f->tmp = loom_folder_scratch(e);
    if (!f->tmp)
        return LOOM_ERR_IO;
    char *core = loom_verilog_core(d), *serial = loom_verilog_serial(d);
    f->core = loom_asprintf("%s/core.v", f->tmp);
    f->serial = loom_asprintf("%s/serial.v", f->tmp);
    int err = loom_file_write(f->core, core, strlen(core), e);
    if (!err)
        err = loom_file_write(f->serial, serial, strlen(serial), e);
    free(core);
    free(serial);
    return err;
}

static void files_deinit(struct files *f)
{
    if (f->tmp)
        loom_file_remove_tree(f->tmp);
    free(f->core);
    free(f->serial);
    free(f->tmp);
}

/* A folder that compile wrote is taken as it lies there. */
static bool is_compiled(const char *arg)
{
    char *path = loom_asprintf("%s/core.v", arg);
    bool is = !access(path, F_OK);
    free(path);
    return is;
}

static int open_design(const struct flow_arg *a, const struct flow_input *in,
                       struct loom_design **d, struct files *f,
                       struct loom_errmsg *e)
{
    char *name = NULL;
    struct loom_design_conf conf = {.name = in->model.name,
                                    .family = a->device ? a->device->family
                                                        : &loom_ice40,
                                    .levels = loom_pipeline_levels(a->levels),
                                    .plain = a->plain};
    bool compiled = is_compiled(a->model);
    if (compiled) {
        int err = loom_emit_read(a->model, &name, &conf, e);
        if (err)
            return err;
        f->core = loom_asprintf("%s/core.v", a->model);
        f->serial = loom_asprintf("%s/%s.v", a->model,
                                  loom_interface_word(conf.interface));
    }
    *d = loom_design_new(in->model.net, &conf, e);
    free(name);
    if (!*d)
        return LOOM_ERR_RANGE;
    return compiled ? 0 : write_fresh(*d, f, e);
}

static void progress(void *ctx, const char *text)
{
    if (!*(const bool *)ctx)
        fprintf(stderr, "%s\n", text);
}

/* All that was asked for, and what came of it. */
struct outcome {
    struct loom_verify_result rtl, netlist;
    struct loom_formal_result formal;
};

static int check(const struct flow_arg *a, const struct loom_verify *v,
                 struct outcome *o, struct loom_errmsg *e)
{
    enum { LAYER_TIMEOUT_S = 120 };
    struct loom_formal f = {.d = v->d,
                            .core = v->core,
                            .timeout_s = a->timeout_s > 0 ? a->timeout_s
                                                          : LAYER_TIMEOUT_S,
                            .jobs = a->jobs,
                            .cancel = v->cancel,
                            .progress = v->progress,
                            .ctx = v->ctx};
    int err = loom_verify_run(v, &o->rtl, e);
    if (!err && a->netlist)
        err = loom_verify_netlist(v, &o->netlist, e);
    if (!err && a->formal)
        err = loom_formal_run(&f, &o->formal, e);
    return err;
}

/* Nothing differs, and what was to be proven is. */
static bool is_right(const struct outcome *o)
{
    return !o->rtl.mismatches && !o->rtl.serial_mismatches &&
           !o->netlist.mismatches && !o->formal.failed && !o->formal.unknown;
}

static json_t *formal_json(const struct loom_formal_result *r)
{
    json_t *a = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct loom_formal_layer *l = &r->layer[i];
        json_t *j =
            json_pack("{s:s,s:s,s:i,s:i,s:f}", "name", l->name, "verdict",
                      loom_verdict_word(l->verdict), "bits", l->bits, "gates",
                      l->gates, "seconds", l->seconds);
        if (l->verdict != LOOM_PROVEN)
            json_object_set_new(j, "reason", json_string(l->reason));
        json_array_append_new(a, j);
    }
    return json_pack("{s:i,s:i,s:i,s:o}", "proven", r->proven, "failed",
                     r->failed, "unknown", r->unknown, "layers", a);
}

static int report_json(const struct flow_arg *a, const struct outcome *o)
{
    const struct loom_verify_result *r = &o->rtl;
    const char *first = r->first[0] ? r->first : o->netlist.first;
    json_t *j =
        json_pack("{s:s,s:I,s:I,s:s,s:I,s:I}", "schema", "bitloom/verify/1",
                  "vectors", (json_int_t)r->vectors, "mismatches",
                  (json_int_t)r->mismatches, "simulator", r->simulator,
                  "serial_vectors", (json_int_t)r->serial_vectors,
                  "serial_mismatches", (json_int_t)r->serial_mismatches);
    if (a->netlist) {
        json_object_set_new(j, "netlist_vectors",
                            json_integer(o->netlist.vectors));
        json_object_set_new(j, "netlist_mismatches",
                            json_integer(o->netlist.mismatches));
    }
    if (a->formal)
        json_object_set_new(j, "formal", formal_json(&o->formal));
    if (first[0])
        json_object_set_new(j, "first", json_string(first));
    return cli_print_json(j);
}

static void report_lines(const struct flow_arg *a, const struct outcome *o)
{
    const struct loom_verify_result *r = &o->rtl;
    printf("%s: %ld vectors, %ld mismatches; through its interface %ld, %ld\n",
           r->simulator, r->vectors, r->mismatches, r->serial_vectors,
           r->serial_mismatches);
    if (r->first[0])
        printf("first: %s\n", r->first);
    r = &o->netlist;
    if (a->netlist)
        printf("netlist, in %s: %ld vectors, %ld mismatches\n", r->simulator,
               r->vectors, r->mismatches);
    if (r->first[0])
        printf("first: %s\n", r->first);
    if (a->formal)
        printf("formal: %d proven, %d failed, %d unknown\n", o->formal.proven,
               o->formal.failed, o->formal.unknown);
    for (size_t i = 0; i < o->formal.n; i++) {
        const struct loom_formal_layer *l = &o->formal.layer[i];
        printf("  %-16s %-8s %7.1f s%s%s\n", l->name,
               loom_verdict_word(l->verdict), l->seconds,
               l->reason[0] ? "  " : "", l->reason);
    }
}

int cmd_verify(int argc, char **argv)
{
    struct flow_arg a;
    struct flow_input in;
    struct files f = {0};
    struct loom_design *d = NULL;
    struct outcome o = {0};
    struct loom_errmsg e = {""};
    if (flow_arg_parse(argc, argv, "DefJlnrtx", &a) != CLI_DONE)
        return CLI_USAGE;
    int err = flow_input_open(&a, &in, &e);
    if (err)
        return cli_fail(err, &e);
    err = open_design(&a, &in, &d, &f, &e);
    if (!err) {
        struct loom_verify v = {.d = d,
                                .core = f.core,
                                .serial = f.serial,
                                .vectors = in.vectors,
                                .n_vectors = in.n_vectors,
                                .random = (size_t)a.random,
                                .timeout_s = a.timeout_s,
                                .cancel = flow_interrupts(),
                                .progress = progress,
                                .ctx = &a.quiet};
        err = check(&a, &v, &o, &e);
    }
    int status = err ? cli_fail(err, &e) : CLI_DONE;
    if (!err && a.json)
        status = report_json(&a, &o);
    else if (!err)
        report_lines(&a, &o);
    if (!status && !is_right(&o))
        status = CLI_FAILED;
    loom_formal_free(&o.formal);
    loom_design_destroy(d);
    files_deinit(&f);
    flow_input_close(&in);
    return status;
}
