/* bitloom verify: the Verilog against the integer network, bit for bit. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/design.h"
#include "fpga_flow/emit.h"
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
        f->serial = loom_asprintf("%s/serial.v", a->model);
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

static int report(const struct flow_arg *a, const struct loom_verify_result *r)
{
    bool same = !r->mismatches && !r->serial_mismatches;
    if (a->json) {
        json_t *j =
            json_pack("{s:s,s:I,s:I,s:s,s:I,s:I}", "schema", "bitloom/verify/1",
                      "vectors", (json_int_t)r->vectors, "mismatches",
                      (json_int_t)r->mismatches, "simulator", r->simulator,
                      "serial_vectors", (json_int_t)r->serial_vectors,
                      "serial_mismatches", (json_int_t)r->serial_mismatches);
        if (!same)
            json_object_set_new(j, "first", json_string(r->first));
        int status = cli_print_json(j);
        return status ? status : same ? CLI_DONE : CLI_FAILED;
    }
    printf("%s: %ld vectors, %ld mismatches; through the serial harness %ld, "
           "%ld\n",
           r->simulator, r->vectors, r->mismatches, r->serial_vectors,
           r->serial_mismatches);
    if (!same)
        printf("first: %s\n", r->first);
    return same ? CLI_DONE : CLI_FAILED;
}

int cmd_verify(int argc, char **argv)
{
    struct flow_arg a;
    struct flow_input in;
    struct files f = {0};
    struct loom_design *d = NULL;
    struct loom_verify_result r;
    struct loom_errmsg e = {""};
    if (flow_arg_parse(argc, argv, "eltx", &a) != CLI_DONE)
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
                                .timeout_s = a.timeout_s,
                                .cancel = flow_interrupts(),
                                .progress = progress,
                                .ctx = &a.quiet};
        err = loom_verify_run(&v, &r, &e);
    }
    int status = err ? cli_fail(err, &e) : report(&a, &r);
    loom_design_destroy(d);
    files_deinit(&f);
    flow_input_close(&in);
    return status;
}
