#include "fpga_flow/emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/verify.h"
#include "fpga_flow/verilog.h"

/* Write one file; steals text. */
static int put(const char *dir, const char *name, char *text,
               struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/%s", dir, name);
    int err = loom_file_write(path, text, strlen(text), e);
    free(path);
    free(text);
    return err;
}

static char *pins(const struct loom_device *dev, double clock_mhz)
{
    static const char *const port[4] = {"clk", "sdi", "sync", "sdo"};
    char pin[4][8] = {{0}}, *text = NULL;
    size_t n = 0;
    sscanf(dev->pins, "%7s %7s %7s %7s", pin[0], pin[1], pin[2], pin[3]);
    FILE *f = open_memstream(&text, &n);
    fprintf(f, "# %s; move them to where your board wants them\n", dev->name);
    for (int i = 0; i < 4; i++)
        if (dev->family == &loom_ice40)
            fprintf(f, "set_io %s %s\n", port[i], pin[i]);
        else
            fprintf(f,
                    "LOCATE COMP \"%s\" SITE \"%s\";\n"
                    "IOBUF PORT \"%s\" IO_TYPE=LVCMOS33;\n",
                    port[i], pin[i], port[i]);
    if (dev->family != &loom_ice40)
        fprintf(f, "FREQUENCY PORT \"clk\" %g MHZ;\n", clock_mhz);
    fclose(f);
    return text;
}

static char *makefile(const struct loom_design *d,
                      const struct loom_device *dev, double clock_mhz)
{
    const struct loom_family *f = dev->family;
    return loom_asprintf(
        "# %s for %s, without bitloom:\n"
        "#   make       the bitstream\n"
        "#   make sim   the core against the expected outputs\n"
        "SEED = 1\n\n"
        "%s.%s: %s\n"
        "\t%s %s $@\n\n"
        "%s: synth.json %s\n"
        "\t%s %s --package %s --json synth.json %s %s \\\n"
        "\t    --freq %g --timing-allow-fail --seed $(SEED) \\\n"
        "\t    --report nextpnr.json %s $@\n\n"
        "synth.json: core.v serial.v\n"
        "\tyosys -q -p 'read_verilog core.v serial.v; \\\n"
        "\t    %s -top %s_serial -json $@'\n\n"
        "sim: core.v bench.v vectors.hex expected.hex\n"
        "\tiverilog -g2005 -s bench -o bench.vvp bench.v core.v\n"
        "\tvvp -n bench.vvp\n\n"
        "clean:\n"
        "\trm -f %s.%s %s synth.json nextpnr.json bench.vvp\n\n"
        ".PHONY: sim clean\n"
        ".DELETE_ON_ERROR:\n",
        d->name, dev->name, d->name, f->suffix, f->routed, f->pack, f->routed,
        f->routed, f->pins, f->nextpnr, dev->flag, dev->package, f->pins_flag,
        f->pins, clock_mhz, f->route_flag, f->synth, d->name, d->name,
        f->suffix, f->routed);
}

static char *description(const struct loom_design *d,
                         const struct loom_device *dev, double clock_mhz)
{
    json_t *j = json_pack(
        "{s:s,s:s,s:s,s:f,s:i,s:i}", "schema", "bitloom/design/1", "name",
        d->name, "device", dev->name, "clock_mhz", clock_mhz, "levels",
        d->p.levels, "effort", (int)!d->plain, "latency_cycles", d->p.latency);
    char *text = json_dumps(j, JSON_INDENT(1));
    json_decref(j);
    return text;
}

int loom_emit(const struct loom_design *d, const struct loom_device *dev,
              double clock_mhz, const int64_t *vectors, size_t n_vectors,
              const char *dir, struct loom_errmsg *e)
{
    int64_t *rows = NULL;
    size_t n = 0;
    int err = loom_file_mkdirs(dir, e);
    if (!err)
        err = put(dir, "core.v", loom_verilog_core(d), e);
    if (!err)
        err = put(dir, "serial.v", loom_verilog_serial(d), e);
    if (!err)
        err = put(dir, dev->family->pins, pins(dev, clock_mhz), e);
    if (!err)
        err = put(dir, "Makefile", makefile(d, dev, clock_mhz), e);
    if (!err)
        err = loom_verify_rows(d, vectors, n_vectors, LOOM_VERIFY_RANDOM, &rows,
                               &n, e);
    if (!err)
        err = loom_verify_write(d, dir, rows, n, false, e);
    free(rows);
    if (err)
        return err;
    char *net = loom_asprintf("%s/net.json", dir);
    err = loom_exact_save(d->net, net, e);
    free(net);
    return err ? err
               : put(dir, "design.json", description(d, dev, clock_mhz), e);
}

int loom_emit_read(const char *dir, char **name, struct loom_design_conf *conf,
                   struct loom_errmsg *e)
{
    json_error_t je;
    int err = 0;
    char *path = loom_asprintf("%s/design.json", dir);
    json_t *j = json_load_file(path, 0, &je);
    const char *s = json_string_value(json_object_get(j, "name"));
    const char *device = json_string_value(json_object_get(j, "device"));
    const struct loom_device *dev = device ? loom_device_find(device) : NULL;
    const json_t *l = json_object_get(j, "levels");
    if (!s || !dev || !json_is_integer(l) || json_integer_value(l) < 0 ||
        json_integer_value(l) > 1000) {
        err =
            loom_fail(e, j ? LOOM_ERR_FORMAT : LOOM_ERR_MISSING,
                      "%s: not a design: %s; bitloom compile writes one", path,
                      j ? "name, device or levels is missing" : je.text);
    } else {
        *name = loom_strdup(s);
        *conf = (struct loom_design_conf){
            .name = *name,
            .family = dev->family,
            .levels = (int)json_integer_value(l),
            .plain = !json_integer_value(json_object_get(j, "effort"))};
    }
    json_decref(j);
    free(path);
    return err;
}
