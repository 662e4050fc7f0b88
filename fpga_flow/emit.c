#include "fpga_flow/emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/interface.h"
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

/* The pins of d's interface; none of AXI4-Stream, which is for a larger
 * design. */
static int find_pins(const struct loom_design *d, const struct loom_device *dev,
                     struct loom_pin pin[6], struct loom_errmsg *e)
{
    memset(pin, 0, 6 * sizeof(*pin));
    return d->interface == LOOM_STREAM ? 0
                                       : loom_interface_pins(d, dev, pin, e);
}

static int put_pins(const struct loom_design *d, const struct loom_device *dev,
                    double clock_mhz, const char *dir, struct loom_errmsg *e)
{
    char *text = NULL;
    size_t n = 0;
    struct loom_pin pin[6];
    int err = find_pins(d, dev, pin, e);
    if (err)
        return err;
    FILE *f = open_memstream(&text, &n);
    if (d->board)
        fprintf(f, "# %s\n", d->board->title);
    else
        fprintf(f, "# %s; move them to where your board wants them\n",
                dev->name);
    for (int i = 0; pin[i].port; i++)
        if (dev->family == &loom_ice40)
            fprintf(f, "set_io %s %s\n", pin[i].port, pin[i].pin);
        else
            fprintf(f,
                    "LOCATE COMP \"%s\" SITE \"%s\";\n"
                    "IOBUF PORT \"%s\" IO_TYPE=LVCMOS33;\n",
                    pin[i].port, pin[i].pin, pin[i].port);
    if (dev->family != &loom_ice40)
        fprintf(f, "FREQUENCY PORT \"clk\" %g MHZ;\n", clock_mhz);
    fclose(f);
    return put(dir, dev->family->pins, text, e);
}

static char *makefile(const struct loom_design *d,
                      const struct loom_device *dev, double clock_mhz)
{
    const struct loom_family *f = dev->family;
    const char *word = loom_interface_word(d->interface);
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
        "synth.json: core.v %s.v\n"
        "\tyosys -q -p 'read_verilog core.v %s.v; "
        "%s -top %s_%s -json $@'\n\n"
        "sim: core.v bench.v vectors.hex expected.hex\n"
        "\tiverilog -g2005 -s bench -o bench.vvp bench.v core.v\n"
        "\tvvp -n bench.vvp\n\n"
        "clean:\n"
        "\trm -f %s.%s %s synth.json nextpnr.json bench.vvp\n\n"
        ".PHONY: sim clean\n"
        ".DELETE_ON_ERROR:\n",
        d->name, dev->name, d->name, f->suffix, f->routed, f->pack, f->routed,
        f->routed, f->pins, f->nextpnr, dev->flag, dev->package, f->pins_flag,
        f->pins, clock_mhz, f->route_flag, word, word, loom_target_synth(d),
        d->name, word, d->name, f->suffix, f->routed);
}

static char *description(const struct loom_design *d,
                         const struct loom_device *dev, double clock_mhz)
{
    json_t *j = json_pack(
        "{s:s,s:s,s:s,s:f,s:i,s:i}", "schema", "bitloom/design/1", "name",
        d->name, "device", dev->name, "clock_mhz", clock_mhz, "levels",
        d->p.levels, "effort", (int)!d->plain, "latency_cycles", d->latency);
    json_object_set_new(j, "interface",
                        json_string(loom_interface_word(d->interface)));
    if (d->board)
        json_object_set_new(j, "board", json_string(d->board->name));
    char *text = json_dumps(j, JSON_INDENT(1));
    json_decref(j);
    return text;
}

/* "" where apio knows no board with this part. */
static char *apio(const struct loom_design *d, const struct loom_device *dev)
{
    static const char *const boards[][2] = {
        {"ice40-hx1k-tq144", "icestick"},   {"ice40-hx8k-ct256", "ice40-hx8k"},
        {"ice40-lp8k-cm81", "tinyfpga-bx"}, {"ice40-up5k-sg48", "upduino31"},
        {"ecp5-12k-CABGA381", "ulx3s-12f"}, {"ecp5-25k-CABGA381", "ulx3s-25f"},
        {"ecp5-45k-CABGA381", "ulx3s-45f"}, {"ecp5-85k-CABGA381", "ulx3s-85f"}};
    for (size_t i = 0; i < sizeof(boards) / sizeof(*boards); i++)
        if (!strcmp(dev->name, boards[i][0]))
            return loom_asprintf("; apio build, without bitloom\n"
                                 "[env:default]\n"
                                 "board = %s\n"
                                 "top-module = %s_%s\n",
                                 boards[i][1], d->name,
                                 loom_interface_word(d->interface));
    return loom_strdup("");
}

int loom_emit_rtl(const struct loom_design *d, const int64_t *vectors,
                  size_t n_vectors, const char *dir, struct loom_errmsg *e)
{
    int64_t *rows = NULL;
    size_t n = 0;
    char file[32];
    snprintf(file, sizeof(file), "%s.v", loom_interface_word(d->interface));
    int err = loom_file_mkdirs(dir, e);
    if (!err)
        err = put(dir, "core.v", loom_verilog_core(d), e);
    if (!err)
        err = put(dir, file, loom_interface_verilog(d), e);
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
    return err;
}

int loom_emit(const struct loom_design *d, const struct loom_device *dev,
              double clock_mhz, const int64_t *vectors, size_t n_vectors,
              const char *dir, struct loom_errmsg *e)
{
    struct loom_pin pin[6];
    int err = find_pins(d, dev, pin, e);
    if (err)
        return err;
    char *board = apio(d, dev);
    err = loom_emit_rtl(d, vectors, n_vectors, dir, e);
    if (!err)
        err = put_pins(d, dev, clock_mhz, dir, e);
    if (!err)
        err = put(dir, "Makefile", makefile(d, dev, clock_mhz), e);
    if (!err && *board)
        err = put(dir, "apio.ini", loom_strdup(board), e);
    free(board);
    return err ? err
               : put(dir, "design.json", description(d, dev, clock_mhz), e);
}

/* ---- FuseSoC ------------------------------------------------------------ */

/* A target of the core file that builds for a device, by the tool that
 * FuseSoC has for the family. */
static void put_target(FILE *f, const struct loom_design *d,
                       const struct loom_device *dev, const char *tool,
                       double clock_mhz)
{
    const char *options = strchr(loom_target_synth(d), ' ');
    fprintf(f,
            "  %s:\n"
            "    default_tool: %s\n"
            "    filesets: [rtl, %s]\n"
            "    toplevel: %s_serial\n"
            "    tools:\n"
            "      %s:\n",
            tool, tool, dev->family->name, d->name, tool);
    if (options)
        fprintf(f, "        yosys_synth_options: [%s]\n", options + 1);
    fprintf(f,
            "        nextpnr_options: [%s, --package, %s, --freq, \"%g\", "
            "--timing-allow-fail]\n",
            dev->flag, dev->package, clock_mhz);
}

static char *core_file(const struct loom_design *d,
                       const struct loom_device *ice40,
                       const struct loom_device *ecp5, double clock_mhz)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    fprintf(f,
            "CAPI=2:\n"
            "name: bitloom:networks:%s:1.0\n"
            "description: a quantized network, %d cycles, a result a clock\n"
            "filesets:\n"
            "  rtl:\n"
            "    files: [core.v, serial.v]\n"
            "    file_type: verilogSource-2005\n"
            "  bench:\n"
            "    files:\n"
            "      - bench.v: {file_type: verilogSource-2005}\n"
            "      - vectors.hex: {file_type: user, copyto: vectors.hex}\n"
            "      - expected.hex: {file_type: user, copyto: expected.hex}\n"
            "  ice40:\n"
            "    files: [%s]\n"
            "    file_type: PCF\n"
            "  ecp5:\n"
            "    files: [%s]\n"
            "    file_type: LPF\n"
            "targets:\n"
            "  default:\n"
            "    filesets: [rtl]\n"
            "    toplevel: %s\n"
            "  sim:\n"
            "    default_tool: icarus\n"
            "    filesets: [rtl, bench]\n"
            "    toplevel: bench\n"
            "    tools:\n"
            "      icarus:\n"
            "        iverilog_options: [-g2005]\n"
            "  lint:\n"
            "    default_tool: verilator\n"
            "    filesets: [rtl]\n"
            "    toplevel: %s_serial\n"
            "    tools:\n"
            "      verilator:\n"
            "        mode: lint-only\n",
            d->name, d->latency, ice40->family->pins, ecp5->family->pins,
            d->name, d->name);
    put_target(f, d, ice40, "icestorm", clock_mhz);
    put_target(f, d, ecp5, "trellis", clock_mhz);
    fclose(f);
    return text;
}

int loom_emit_fusesoc(const struct loom_design *d,
                      const struct loom_device *ice40,
                      const struct loom_device *ecp5, double clock_mhz,
                      const int64_t *vectors, size_t n_vectors, const char *dir,
                      struct loom_errmsg *e)
{
    char *name = loom_asprintf("%s.core", d->name);
    int err = loom_emit_rtl(d, vectors, n_vectors, dir, e);
    if (!err)
        err = put_pins(d, ice40, clock_mhz, dir, e);
    if (!err)
        err = put_pins(d, ecp5, clock_mhz, dir, e);
    if (!err)
        err = put(dir, name, core_file(d, ice40, ecp5, clock_mhz), e);
    free(name);
    return err;
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
    const char *word = json_string_value(json_object_get(j, "interface"));
    const char *board = json_string_value(json_object_get(j, "board"));
    int interface = word ? loom_interface_find(word) : LOOM_SERIAL;
    if (interface < 0 || !s || !dev || !json_is_integer(l) ||
        (json_integer_value(l) < 0 &&
         json_integer_value(l) != LOOM_BIT_SERIAL) ||
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
            .plain = !json_integer_value(json_object_get(j, "effort")),
            .interface = (enum loom_interface)interface,
            .board = board ? loom_board_find(board) : NULL};
    }
    json_decref(j);
    free(path);
    return err;
}
