#include "fpga_flow/interface.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/verilog.h"
#include "fpga_flow/wrapper.h"

enum { BAUD = 115200, LINE_ROWS = 4, STREAM_ROWS = 1000, TEST_ROWS = 256 };

const char *loom_interface_word(enum loom_interface i)
{
    static const char *const words[] = {
#define X(name, word, what) word,
        LOOM_INTERFACES(X)
#undef X
    };
    return words[i];
}

int loom_interface_find(const char *word)
{
    for (int i = 0; i < LOOM_N_INTERFACES; i++)
        if (!strcmp(word, loom_interface_word((enum loom_interface)i)))
            return i;
    return -1;
}

/* Clocks and pins are those of the boards' public documents:
 *   iCEBreaker: icebreaker.pcf of icebreaker-fpga/icebreaker-examples and of
 *     YosysHQ/icestorm (examples/icebreaker); SPI on PMOD 1A
 *   iCE40-HX8K-EVB: Olimex's schematic, rev. B; line and SPI on connector GPIO1
 *   HX8K breakout: Lattice's guide EB85, hx8kboard.pcf of YosysHQ/icestorm; the
 *     line is the FTDI chip's second channel; SPI on header J2
 *   ULX3S: ulx3s_v20.lpf of emard/ulx3s; SPI on GP and GN 0, 1
 *   OrangeCrab: orangecrab_r0.2.pcf of orangecrab-fpga; its USB has no serial
 *     line, so it is on the headers' pins 0 and 1 */
const struct loom_board loom_boards[] = {
    {"icebreaker", "1BitSquared iCEBreaker", "up5k", 12, "35", "6", "9", "4",
     "2", "47", "45"},
    {"hx8k-evb", "Olimex iCE40-HX8K-EVB", "hx8k", 100, "J3", "E4", "B2", "F5",
     "B1", "C1", "C2"},
    {"hx8k-breakout", "Lattice iCE40-HX8K breakout", "hx8k", 12, "J3", "B10",
     "B12", "C16", "D16", "E16", "F16"},
    {"ulx3s-12f", "ULX3S 12F", "ecp5-12k", 25, "G2", "M1", "L4", "B11", "C11",
     "A10", "A11"},
    {"ulx3s-25f", "ULX3S 25F", "ecp5-25k", 25, "G2", "M1", "L4", "B11", "C11",
     "A10", "A11"},
    {"ulx3s-45f", "ULX3S 45F", "ecp5-45k", 25, "G2", "M1", "L4", "B11", "C11",
     "A10", "A11"},
    {"ulx3s-85f", "ULX3S 85F", "ecp5-85k", 25, "G2", "M1", "L4", "B11", "C11",
     "A10", "A11"},
    {"orangecrab", "OrangeCrab 25F, r0.2", "ecp5-25k-csfbga285", 48, "A9",
     "M18", "N17", NULL, NULL, NULL, NULL},
    {NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL}};

const struct loom_board *loom_board_find(const char *name)
{
    for (const struct loom_board *b = loom_boards; b->name; b++)
        if (!strcmp(b->name, name))
            return b;
    return NULL;
}

/* ---- what an interface takes -------------------------------------------- */

static int has_pins(const struct loom_design *d, struct loom_errmsg *e)
{
    const struct loom_board *b = d->board;
    const char *word = loom_interface_word(d->interface);
    if (d->interface == LOOM_STREAM)
        return loom_fail(e, LOOM_ERR_ARG,
                         "interface stream is for a larger design and has no "
                         "pins; bitloom compile writes it");
    if (!b && d->interface != LOOM_SERIAL)
        return loom_fail(e, LOOM_ERR_ARG,
                         "interface %s: on which pins? --board says so; "
                         "bitloom devices lists boards",
                         word);
    if (b && !b->sck &&
        (d->interface == LOOM_SPI || d->interface == LOOM_SERIAL))
        return loom_fail(e, LOOM_ERR_ARG,
                         "board %s has no pins for interface %s; it has them "
                         "for uart and selftest",
                         b->name, word);
    return 0;
}

int loom_interface_pins(const struct loom_design *d,
                        const struct loom_device *dev, struct loom_pin pin[6],
                        struct loom_errmsg *e)
{
    const struct loom_board *b = d->board;
    char own[4][8] = {{0}};
    int err = has_pins(d, e);
    if (err)
        return err;
    sscanf(dev->pins, "%7s %7s %7s %7s", own[0], own[1], own[2], own[3]);
    const struct {
        enum loom_interface at;
        const char *port, *pin;
    } all[] = {{LOOM_SERIAL, "sdi", b ? b->mosi : own[1]},
               {LOOM_SERIAL, "sync", b ? b->cs : own[2]},
               {LOOM_SERIAL, "sdo", b ? b->miso : own[3]},
               {LOOM_UART, "rx", b ? b->rx : NULL},
               {LOOM_UART, "tx", b ? b->tx : NULL},
               {LOOM_SPI, "sck", b ? b->sck : NULL},
               {LOOM_SPI, "cs", b ? b->cs : NULL},
               {LOOM_SPI, "mosi", b ? b->mosi : NULL},
               {LOOM_SPI, "miso", b ? b->miso : NULL},
               {LOOM_SELFTEST, "tx", b ? b->tx : NULL}};
    memset(pin, 0, 6 * sizeof(*pin));
    pin->port = "clk";
    snprintf(pin->pin, sizeof(pin->pin), "%s", b ? b->clk : own[0]);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].at == d->interface) {
            (++pin)->port = all[i].port;
            snprintf(pin->pin, sizeof(pin->pin), "%s", all[i].pin);
        }
    return 0;
}

/* ---- texts -------------------------------------------------------------- */

/* Clock edges a bit of the serial line. */
static int clocks(const struct loom_design *d)
{
    return d->board ? (int)(d->board->clock_mhz * 1e6 / BAUD + 0.5) : 104;
}

/* A memory of TEST_ROWS takes a block RAM for every 16 bits; where the device
 * has too few, 16 rows, which are a table each bit. */
static int test_rows(const struct loom_design *d)
{
    const struct loom_device *dev =
        d->board ? loom_device_find(d->board->device) : NULL;
    int blocks = (d->in_bits + 15) / 16 + (d->out_bits + 15) / 16;
    return dev && blocks > dev->bram ? 16 : TEST_ROWS;
}

static char *verilog(const struct loom_design *d)
{
    switch (d->interface) {
    case LOOM_UART:
        return loom_wrapper_uart(d, clocks(d));
    case LOOM_SPI:
        return loom_wrapper_spi(d);
    case LOOM_STREAM:
        return loom_wrapper_stream(d);
    case LOOM_SELFTEST:
        return loom_wrapper_selftest(d, clocks(d), test_rows(d));
    default:
        return loom_verilog_serial(d);
    }
}

char *loom_interface_verilog(const struct loom_design *d)
{
    char *text = verilog(d);
    char *all =
        loom_asprintf("/* verilator lint_off DECLFILENAME */\n%s", text);
    free(text);
    return all;
}

char *loom_interface_bench(const struct loom_design *d, size_t n)
{
    switch (d->interface) {
    case LOOM_UART:
        return loom_wrapper_uart_bench(d, n);
    case LOOM_SPI:
        return loom_wrapper_spi_bench(d, n);
    case LOOM_STREAM:
        return loom_wrapper_stream_bench(d, n);
    case LOOM_SELFTEST:
        return loom_wrapper_selftest_bench(d, n);
    default:
        return loom_verilog_serial_bench(d, n);
    }
}

size_t loom_interface_rows(const struct loom_design *d, size_t n)
{
    size_t most = d->interface == LOOM_STREAM     ? STREAM_ROWS
                  : d->interface == LOOM_SELFTEST ? (size_t)test_rows(d)
                                                  : LINE_ROWS;
    return n < most ? n : most;
}
