#include "fpga_flow/measure.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/emit.h"
#include "fpga_flow/memo.h"
#include "fpga_flow/progress.h"
#include "fpga_flow/tool.h"

enum { TIMEOUT_S = 600 };

/* Run a tool in m->dir, unless what this very call makes is known; its output
 * to `log`, which is one of the files it makes. */
static int run(const struct loom_measurement *m, struct loom_memo *memo,
               const char *name, const char *log, struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/%s", m->dir, log);
    struct loom_tool t = {.argv = memo->argv,
                          .dir = m->dir,
                          .log = path,
                          .timeout_s =
                              m->timeout_s > 0 ? m->timeout_s : TIMEOUT_S,
                          .cancel = m->cancel};
    int status = 0;
    memo->dir = m->dir;
    loom_memo_init(memo);
    if (!loom_memo_take(memo)) {
        remove(path);
        status = loom_tool_run(&t, e);
        if (!status)
            loom_memo_keep(memo);
    }
    loom_memo_deinit(memo);
    if (status > 0) {
        char *see = loom_asprintf("see %s", path);
        status = loom_tool_failed(name, status, see, m->dir, e);
        free(see);
    }
    free(path);
    return status;
}

static int synthesize(const struct loom_measurement *m,
                      const struct loom_design *d, const char *tool,
                      const char *version, struct loom_errmsg *e)
{
    char *script = loom_asprintf(
        "read_verilog core.v serial.v; %s -top %s_serial %s",
        loom_target_synth(d), d->name,
        d->family->nextpnr ? "-json synth.json" : "; write_json synth.json");
    const char *const argv[] = {tool, "-q", "-p", script, NULL};
    static const char *const in[] = {"core.v", "serial.v", NULL};
    static const char *const out[] = {"synth.json", NULL};
    struct loom_memo memo = {
        .argv = argv, .version = version, .in = in, .out = out};
    int err = run(m, &memo, "yosys", "yosys.log", e);
    free(script);
    return err;
}

/* What synth.json has. */
static int read_netlist(const struct loom_measurement *m,
                        const struct loom_design *d, struct loom_cells *out,
                        struct loom_errmsg *e)
{
    struct loom_synthesized all = {.lut4 = 0}, *own = NULL;
    if (!m->layer)
        own = loom_calloc(d->w->n_layers + 1, sizeof(*own));
    char *netlist = loom_asprintf("%s/synth.json", m->dir);
    int err =
        loom_report_netlist(netlist, d, &all, m->layer ? m->layer : own, e);
    free(own);
    free(netlist);
    *out = (struct loom_cells){
        .lut4 = all.lut4, .carry = all.carry, .ff = all.ff, .lc = all.lut4};
    return err;
}

static int pack(const struct loom_measurement *m, const char *tool,
                const char *version, struct loom_errmsg *e)
{
    const struct loom_family *f = m->device->family;
    const char *const argv[] = {tool,          m->device->flag,
                                "--package",   m->device->package,
                                "--json",      "synth.json",
                                f->pins_flag,  f->pins,
                                "--pack-only", NULL};
    const char *const in[] = {"synth.json", f->pins, NULL};
    static const char *const out[] = {"pack.log", NULL};
    struct loom_memo memo = {
        .argv = argv, .version = version, .in = in, .out = out};
    return run(m, &memo, f->nextpnr, "pack.log", e);
}

/* The last number of cells that the log speaks of. */
static int read_packed(const struct loom_measurement *m, int *lc,
                       struct loom_errmsg *e)
{
    enum { MOST = 1 << 24 };
    char *path = loom_asprintf("%s/pack.log", m->dir), *text, *rest = NULL;
    struct loom_patterns *patterns = loom_patterns_new();
    struct loom_progress p;
    size_t n;
    int err = loom_file_read(path, MOST, (void **)&text, &n, e);
    loom_progress_start(&p, LOOM_PHASE_PACK);
    if (!err) {
        for (char *s = strtok_r(text, "\n", &rest); s;
             s = strtok_r(NULL, "\n", &rest))
            loom_progress_line(&p, patterns, s);
        free(text);
        *lc = p.lc_used;
        if (p.lc_used < 0)
            err = loom_fail(e, LOOM_ERR_TOOL, "%s does not say how many cells",
                            path);
    }
    loom_patterns_destroy(patterns);
    free(path);
    return err;
}

static int put_core(const struct loom_measurement *m, struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/core.v", m->dir);
    int err = loom_file_write(path, m->core, strlen(m->core), e);
    free(path);
    return err;
}

int loom_measure_run(const struct loom_measurement *m, const struct loom_design *d,
                     struct loom_cells *out, struct loom_errmsg *e)
{
    char yosys[PATH_MAX], nextpnr[PATH_MAX], version[2][64];
    const struct loom_family *f = m->device->family;
    if (loom_tool_find(f->nextpnr, nextpnr, sizeof(nextpnr), e) ||
        loom_tool_find_beside(nextpnr, "yosys", yosys, sizeof(yosys), e))
        return LOOM_ERR_TOOL;
    loom_tool_version(yosys, "-V", version[0], sizeof(version[0]));
    loom_tool_version(nextpnr, "--version", version[1], sizeof(version[1]));
    int err = loom_file_mkdirs(m->dir, e);
    if (!err)
        err = loom_emit(d, m->device, m->device->clock_mhz, NULL, 0, m->dir, e);
    if (!err && m->core)
        err = put_core(m, e);
    if (!err)
        err = synthesize(m, d, yosys, version[0], e);
    if (!err)
        err = read_netlist(m, d, out, e);
    if (!err)
        err = pack(m, nextpnr, version[1], e);
    return err ? err : read_packed(m, &out->lc, e);
}

int loom_measure_net(const struct loom_measured_net *m, struct loom_cells *out,
                     struct loom_design **design, struct loom_errmsg *e)
{
    char *dir = loom_folder_scratch(e);
    if (!dir)
        return LOOM_ERR_IO;
    struct loom_design *d = loom_design_new(
        m->net,
        &(struct loom_design_conf){
            .name = "net", .family = m->device->family, .levels = m->levels},
        e);
    int err = d ? loom_measure_run(
                      &(struct loom_measurement){
                          .device = m->device, .dir = dir, .cancel = m->cancel},
                      d, out, e)
                : LOOM_ERR_RANGE;
    if (design && !err)
        *design = d;
    else
        loom_design_destroy(d);
    loom_file_remove_tree(dir);
    free(dir);
    return err;
}

int loom_measure_synthesis(const struct loom_measurement *m,
                           const struct loom_design *d, struct loom_cells *out,
                           struct loom_errmsg *e)
{
    char yosys[PATH_MAX], version[64];
    if (loom_tool_find("yosys", yosys, sizeof(yosys), e))
        return LOOM_ERR_TOOL;
    loom_tool_version(yosys, "-V", version, sizeof(version));
    int err = loom_file_mkdirs(m->dir, e);
    if (!err)
        err = loom_emit_rtl(d, NULL, 0, m->dir, e);
    if (!err)
        err = synthesize(m, d, yosys, version, e);
    return err ? err : read_netlist(m, d, out, e);
}
