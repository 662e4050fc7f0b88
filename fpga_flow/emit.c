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

static char *pins(const struct loom_device *dev)
{
    char pin[4][8] = {{0}};
    sscanf(dev->pins, "%7s %7s %7s %7s", pin[0], pin[1], pin[2], pin[3]);
    return loom_asprintf("# %s; move them to where your board wants them\n"
                         "set_io clk %s\nset_io sdi %s\nset_io sync %s\n"
                         "set_io sdo %s\n",
                         dev->name, pin[0], pin[1], pin[2], pin[3]);
}

static char *makefile(const struct loom_design *d,
                      const struct loom_device *dev, double clock_mhz)
{
    return loom_asprintf(
        "# %s for %s, without bitloom:\n"
        "#   make       the bitstream\n"
        "#   make sim   the core against the expected outputs\n"
        "SEED = 1\n\n"
        "%s.bin: design.asc\n"
        "\ticepack design.asc $@\n\n"
        "design.asc: synth.json pins.pcf\n"
        "\tnextpnr-ice40 %s --package %s --json synth.json --pcf pins.pcf \\\n"
        "\t    --freq %g --timing-allow-fail --seed $(SEED) \\\n"
        "\t    --report nextpnr.json --asc $@\n\n"
        "synth.json: core.v serial.v\n"
        "\tyosys -q -p 'read_verilog core.v serial.v; \\\n"
        "\t    synth_ice40 -top %s_serial -json $@'\n\n"
        "sim: core.v bench.v vectors.hex expected.hex\n"
        "\tiverilog -g2005 -s bench -o bench.vvp bench.v core.v\n"
        "\tvvp -n bench.vvp\n\n"
        "clean:\n"
        "\trm -f %s.bin design.asc synth.json nextpnr.json bench.vvp\n\n"
        ".PHONY: sim clean\n"
        ".DELETE_ON_ERROR:\n",
        d->name, dev->name, d->name, dev->flag, dev->package, clock_mhz,
        d->name, d->name);
}

static char *description(const struct loom_design *d,
                         const struct loom_device *dev, double clock_mhz)
{
    json_t *j = json_pack(
        "{s:s,s:s,s:s,s:f,s:i,s:i}", "schema", "bitloom/design/1", "name",
        d->name, "device", dev->name, "clock_mhz", clock_mhz, "levels",
        d->p.levels, "effort", (int)d->shares, "latency_cycles", d->p.latency);
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
        err = put(dir, "pins.pcf", pins(dev), e);
    if (!err)
        err = put(dir, "Makefile", makefile(d, dev, clock_mhz), e);
    if (!err)
        err = loom_verify_rows(d, vectors, n_vectors, &rows, &n, e);
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

int loom_emit_read(const char *dir, char **name, int *levels, bool *plain,
                   struct loom_errmsg *e)
{
    json_error_t je;
    int err = 0;
    char *path = loom_asprintf("%s/design.json", dir);
    json_t *j = json_load_file(path, 0, &je);
    const char *s = json_string_value(json_object_get(j, "name"));
    const json_t *l = json_object_get(j, "levels");
    if (!s || !json_is_integer(l) || json_integer_value(l) < 0 ||
        json_integer_value(l) > 1000) {
        err = loom_fail(e, j ? LOOM_ERR_FORMAT : LOOM_ERR_MISSING,
                        "%s: not a design: %s; bitloom compile writes one",
                        path, j ? "name or levels is missing" : je.text);
    } else {
        *name = loom_strdup(s);
        *levels = (int)json_integer_value(l);
        *plain = !json_integer_value(json_object_get(j, "effort"));
    }
    json_decref(j);
    free(path);
    return err;
}
