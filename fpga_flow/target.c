#include "fpga_flow/target.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* The eight cells of a tile share a clock enable. The many of a bit-serial core
 * scatter over more tiles than there are: 4,384 cells did not place in 5,280.
 * Before a shift register's bit there is a LUT that does the same. */
const struct loom_family loom_ice40 = {
    .name = "ice40",
    .synth = "synth_ice40",
    .synth_serial = "synth_ice40 -nodffe",
    .nextpnr = "nextpnr-ice40",
    .pack = "icepack",
    .pins = "pins.pcf",
    .pins_flag = "--pcf",
    .routed = "design.asc",
    .route_flag = "--asc",
    .suffix = "bin",
    .lut = "SB_LUT4",
    .carry = "SB_CARRY",
    .ff = "SB_DFF",
    .bram = "SB_RAM",
    .dsp = "SB_MAC16",
    .used_cells = "ICESTORM_LC",
    .used_bram = "ICESTORM_RAM",
    .used_dsp = "ICESTORM_DSP",
    .tile = 8,
    /* 63 micro-benchmarks and 17 networks, each left out once: cells 0.7 % off
     * in the median, 2.9 % at worst. */
    .price = {[LOOM_SUMS] = {1, 1.01},
              [LOOM_TAILS] = {0, 1},
              [LOOM_OUTS] = {0, 1},
              [LOOM_CHAINS] = {0, 0.11},
              [LOOM_CLIPS] = {1, 1},
              [LOOM_LIMITS] = {3, 3.4},
              [LOOM_RELUS] = {1, 1},
              [LOOM_SELECTS] = {1, 1},
              [LOOM_TABLES] = {1, 1},
              [LOOM_DELAYS] = {0.05, 1.05},
              [LOOM_SHIFTS] = {0, 1},
              [LOOM_OUTPUTS] = {1, 0}},
};

static const char *const words[LOOM_CONSTRUCTS] = {
    "sums",   "tails", "chains",  "outs",   "pairs",  "logic",  "clips",
    "limits", "relus", "selects", "tables", "delays", "shifts", "outputs"};

const char *loom_construct_word(enum loom_construct c)
{
    return words[c];
}

/* A carry chain takes four LUTs beside those of its bits. Measured on a
 * 2,549-EBOP network with a register after every level, LUTs and MHz: all sums
 * in chains 3,907, 198; up to 7 bits in LUTs 3,698, 184; up to 9 bits 3,583,
 * 135. Wider LUTs (-nowidelut forbids them) are two of these each. */
const struct loom_family loom_ecp5 = {
    .name = "ecp5",
    .synth = "synth_ecp5 -nowidelut",
    .synth_serial = "synth_ecp5 -nowidelut",
    .nextpnr = "nextpnr-ecp5",
    .pack = "ecppack",
    .pins = "pins.lpf",
    .pins_flag = "--lpf",
    .routed = "design.config",
    .route_flag = "--textcfg",
    .suffix = "bit",
    .lut = "LUT4",
    .carry = "CCU2C",
    .ff = "TRELLIS_FF",
    .bram = "DP16KD",
    .dsp = "MULT18X18D",
    .used_cells = "TRELLIS_COMB",
    .used_bram = "DP16KD",
    .used_dsp = "MULT18X18D",
    .price = {[LOOM_CHAINS] = {0, 4},
              [LOOM_PAIRS] = {0, 2},
              [LOOM_LOGIC] = {1, 1},
              [LOOM_CLIPS] = {1, 1},
              [LOOM_LIMITS] = {3, 3},
              [LOOM_RELUS] = {1, 1},
              [LOOM_SELECTS] = {1, 1},
              [LOOM_TABLES] = {1, 1},
              [LOOM_OUTPUTS] = {1, 1}},
    .lut_adder = 7,
    .subtracts = true,
};

/* A carry chain takes a LUT a bit; what subtracts costs what adds. Of delays
 * no shift registers are made: flip-flops count as such. */
const struct loom_family loom_lut6 = {
    .name = "lut6",
    .synth = "synth_xilinx -flatten -noiopad -noclkbuf -nosrl",
    .lut = "LUT",
    .carry = "CARRY4",
    .ff = "FD",
    .bram = "RAMB",
    .dsp = "DSP48",
    .price = {[LOOM_PAIRS] = {2, 2},
              [LOOM_LOGIC] = {1, 1},
              [LOOM_CLIPS] = {1, 1},
              [LOOM_LIMITS] = {2, 2},
              [LOOM_RELUS] = {0.5, 0.5},
              [LOOM_SELECTS] = {1, 1},
              [LOOM_TABLES] = {0.5, 0.5}},
    .subtracts = true,
};

/* Pins are those of common boards: iCEstick, HX8K breakout, UPduino, TinyFPGA
 * BX, ULX3S; the first is the board's oscillator. nextpnr takes a 12k part for
 * the 25k die that is in it: what it may use is counted here. */
const struct loom_device loom_devices[] = {
    {"ice40-hx1k-tq144", "hx1k", &loom_ice40, "--hx1k", "tq144", 1280, 16, 0,
     60, "21 78 79 80"},
    {"ice40-hx8k-ct256", "hx8k", &loom_ice40, "--hx8k", "ct256", 7680, 32, 0,
     60, "J3 B1 C1 D1"},
    {"ice40-lp1k-cm81", "lp1k", &loom_ice40, "--lp1k", "cm81", 1280, 16, 0, 40,
     "B2 A1 A2 B1"},
    {"ice40-lp8k-cm81", "lp8k", &loom_ice40, "--lp8k", "cm81", 7680, 32, 0, 40,
     "B2 A1 A2 B1"},
    {"ice40-up5k-sg48", "up5k", &loom_ice40, "--up5k", "sg48", 5280, 30, 8, 24,
     "35 2 3 4"},
    {"ecp5-12k-CABGA381", "ecp5-12k", &loom_ecp5, "--12k", "CABGA381", 12144,
     32, 28, 60, "G2 B11 A10 C11"},
    {"ecp5-25k-CABGA381", "ecp5-25k", &loom_ecp5, "--25k", "CABGA381", 24288,
     56, 28, 60, "G2 B11 A10 C11"},
    {"ecp5-25k-CSFBGA285", "ecp5-25k-csfbga285", &loom_ecp5, "--25k",
     "CSFBGA285", 24288, 56, 28, 48, "A9 N17 M18 B10"},
    {"ecp5-45k-CABGA381", "ecp5-45k", &loom_ecp5, "--45k", "CABGA381", 43848,
     108, 72, 60, "G2 B11 A10 C11"},
    {"ecp5-85k-CABGA381", "ecp5-85k", &loom_ecp5, "--85k", "CABGA381", 83640,
     208, 156, 60, "G2 B11 A10 C11"},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL}};

const struct loom_device *loom_device_find(const char *name)
{
    for (const struct loom_device *d = loom_devices; d->name; d++)
        if (!strcmp(name, d->name) || !strcmp(name, d->shorthand))
            return d;
    return NULL;
}

const struct loom_device *loom_device_get(const char *name,
                                          struct loom_errmsg *e)
{
    const struct loom_device *d = name ? loom_device_find(name) : NULL;
    if (!d)
        loom_fail(e, LOOM_ERR_ARG,
                  "device \"%s\" is not known; bitloom devices lists those "
                  "that are",
                  name ? name : "");
    return d;
}

static int above(int a, int b)
{
    return a > b ? a - b : 0;
}

/* LUT4s that a function of so many bits takes: one up to four, and then a
 * tree of tables and selections. */
static int table_luts(int bits)
{
    return bits <= 4 ? 1 : bits == 5 ? 2 : (1 << (bits - 4)) * 4 / 3;
}

/* Bit k of a wire: 0 or 1 where it is constant, else -1. */
static int constant_bit(const struct loom_wires *w, int a, int k)
{
    struct loom_wire_bit b = loom_wire_bit(w, a, k);
    return b.wire < 0 ? b.i : -1;
}

/* What is left of an adder when constants are taken out. */
struct adder {
    int sums;    /* bits that are computed */
    int outs;    /* that are the carry of the bit below, or an operand's */
    int carries; /* that do, of those that a bit above takes */
    int full;    /* bits that both operands have, and whose carry is taken */
};

/* A sum of bit `of`, a bit `with` that is constant, or is none (-1), and a
 * carry c likewise: whether it is there already, as that bit or as what its
 * complement was made of. */
static bool is_copy(const struct loom_wires *w, struct loom_wire_bit of,
                    int with, int c)
{
    return with >= 0 && c >= 0 && of.wire >= 0 &&
           (with == c || w->wire[of.wire].op == LOOM_WIRE_NOT);
}

static struct adder adder_parts(const struct loom_wires *w,
                                const struct loom_wire *x)
{
    struct adder r = {0};
    int c = x->sub || x->carry >= 0;
    for (int k = loom_wire_chain(x); k < x->bits; k++) {
        int a = constant_bit(w, x->a, k - x->sa);
        int b = constant_bit(w, x->b, k - x->sb);
        if (x->sub && b >= 0)
            b = !b;
        bool last = k == x->bits - 1, full = a < 0 && b < 0;
        bool out = (c < 0 && a == b && a >= 0) ||
                   is_copy(w,
                           a < 0 ? loom_wire_bit(w, x->a, k - x->sa)
                                 : loom_wire_bit(w, x->b, k - x->sb),
                           a < 0 ? b : a, c);
        r.sums += k >= x->low && !out && (a < 0 || b < 0 || c < 0);
        r.outs += k >= x->low && out;
        c = a == b && a >= 0 ? a : a == c && a >= 0 ? a : b == c ? b : -1;
        r.carries += !last && c < 0;
        r.full += !last && full;
    }
    return r;
}

/* A carry chain takes a cell a bit, also where the sum bit is dropped. */
static void count_ice40(const struct loom_wires *w, const struct loom_wire *x,
                        struct loom_census *c)
{
    struct adder r = adder_parts(w, x);
    c->carry += r.carries;
    c->count[LOOM_CHAINS] += r.carries > 0;
    c->count[LOOM_SUMS] += r.sums;
    /* A comparison: complements go into the cells of its carries. */
    if (r.sums + r.outs == 1 && w->wire[x->b].op == LOOM_WIRE_NOT)
        r.carries = above(r.carries, w->wire[x->b].bits);
    c->count[LOOM_OUTS] += r.outs;
    c->count[LOOM_TAILS] += above(r.carries + !r.outs, r.sums);
}

/* In LUTs one a sum, and one more for a carry where both operands have bits
 * but at the lower end, of which Yosys saves an eighth, or a quarter where no
 * register is behind; or a chain, which Yosys does without up to 4 bits. */
static void count_ecp5(const struct loom_wires *w, const struct loom_wire *x,
                       bool registered, struct loom_census *c)
{
    struct adder r = adder_parts(w, x);
    int n = r.carries + 1, luts = r.sums + r.outs + above(r.full, 1);
    bool logic = x->bits - loom_wire_chain(x) <= loom_ecp5.lut_adder;
    if (logic || n <= 4) {
        c->count[LOOM_LOGIC] += luts - luts / (registered ? 8 : 4);
        return;
    }
    c->count[LOOM_PAIRS] += (n + 1) / 2;
    c->count[LOOM_CHAINS]++;
    c->carry += (n + 1) / 2;
}

/* For each bit of each wire, the last slot at which it is registered; 0 for
 * none. The bits of a sum below its chain are an operand's, and are registered
 * there. */
struct last_slots {
    int16_t slot[64];
};

static struct last_slots *last_slots(const struct loom_design *d)
{
    const struct loom_wires *w = d->w;
    struct last_slots *last = loom_calloc(w->n + 1, sizeof(*last));
    for (int i = (int)w->n - 1; i >= 0; i--) {
        const struct loom_wire *x = &w->wire[i];
        if (loom_wire_is_view(w, i))
            continue;
        bool adds = x->op == LOOM_WIRE_ADD, a_low = x->sub || x->sa <= x->sb;
        for (int k = x->low; k < x->bits; k++) {
            int16_t *at = &last[i].slot[k];
            if (loom_pipeline_banks(&d->p, i) && *at < d->p.last[i])
                *at = (int16_t)d->p.last[i];
            if (!adds || k >= loom_wire_chain(x))
                continue;
            struct loom_wire_bit b = a_low ? loom_wire_bit(w, x->a, k - x->sa)
                                           : loom_wire_bit(w, x->b, k - x->sb);
            if (b.wire >= 0 && last[b.wire].slot[b.i] < *at)
                last[b.wire].slot[b.i] = *at;
            *at = 0;
        }
    }
    return last;
}

/* A power of two. */
static bool is_whole(int64_t v)
{
    return v > 0 && !(v & (v - 1));
}

/* The logic of wire i; false: it has none. max(x, 0) of a sum nobody else reads
 * goes into the sum's LUTs. */
static bool count_logic(const struct loom_design *d, int i, bool registered,
                        bool merged, struct loom_census *c)
{
    const struct loom_wire *x = &d->w->wire[i];
    int n = above(x->bits, x->low);
    switch (x->op) {
    case LOOM_WIRE_ADD:
        if (d->family == &loom_ice40)
            count_ice40(d->w, x, c);
        else
            count_ecp5(d->w, x, registered, c);
        return true;
    case LOOM_WIRE_CLIP:
        if (is_whole(x->k2 + 1) && (x->k == 0 || x->k == -x->k2 - 1))
            c->count[LOOM_CLIPS] += n + 1;
        else
            c->count[LOOM_LIMITS] += n;
        return true;
    case LOOM_WIRE_RELU:
        c->count[LOOM_RELUS] += merged ? 0 : n;
        return true;
    case LOOM_WIRE_NOT: /* of what is positive, the sign is known */
        c->count[LOOM_SELECTS] += n - (n && x->hi < 0);
        return true;
    case LOOM_WIRE_MUX:
        c->count[LOOM_SELECTS] += n;
        return true;
    case LOOM_WIRE_TABLE:
        c->count[LOOM_TABLES] += n * table_luts(loom_wire_width(d->w, x->a));
        return true;
    default:
        return false;
    }
}

/* Wire i and its registers. A cell of an iCE40 has one output: a register is
 * free only if nobody reads the sum before it, and never behind a carry. An
 * ECP5's stand beside the LUTs. */
static void count_wire(const struct loom_design *d, int i,
                       const struct last_slots *last, bool merged,
                       struct loom_census *c)
{
    bool registered = loom_pipeline_banks(&d->p, i) && !d->p.early[i];
    int outs = c->count[LOOM_OUTS];
    bool logic = count_logic(d, i, registered, merged, c);
    for (int k = 0; k < d->w->wire[i].bits; k++) {
        int banks = above(last[i].slot[k] + 1, d->p.stage[i]);
        if (!last[i].slot[k])
            continue;
        c->ff += banks;
        c->count[LOOM_DELAYS] += banks - (logic && banks && registered);
    }
    c->count[LOOM_DELAYS] += registered ? c->count[LOOM_OUTS] - outs : 0;
}

/* For each wire, how many others read it. */
static int *count_readers(const struct loom_wires *w)
{
    int *n = loom_calloc(w->n + 1, sizeof(*n));
    for (size_t i = 0; i < w->n; i++) {
        const int arg[] = {w->wire[i].a, w->wire[i].b, w->wire[i].c};
        for (int m = 0; m < 3; m++)
            if (arg[m] >= 0)
                n[arg[m]]++;
    }
    return n;
}

/* Whether max(x, 0) has its sum or selection, and every view between, to
 * itself, and that is made of LUTs. */
static bool is_merged(const struct loom_design *d, const int *readers,
                      const struct loom_wire *x)
{
    const struct loom_wires *w = d->w;
    int a = x->a;
    while (loom_wire_is_view(w, a) && readers[a] == 1 && w->wire[a].b < 0)
        a = w->wire[a].a;
    const struct loom_wire *sum = &w->wire[a];
    if (sum->op == LOOM_WIRE_MUX)
        return readers[a] == 1;
    return sum->op == LOOM_WIRE_ADD && readers[a] == 1 &&
           (d->family == &loom_ice40 ||
            sum->bits - loom_wire_chain(sum) <= d->family->lut_adder);
}

static void count_harness(const struct loom_design *d, struct loom_census *c)
{
    int ff = d->in_bits + d->out_bits + d->latency + 3;
    c->count[LOOM_OUTPUTS] += d->out_bits + 1;
    c->count[LOOM_SHIFTS] += ff;
    c->ff += ff;
}

struct loom_census loom_target_count(const struct loom_design *d, int layer)
{
    struct loom_census c = {.carry = 0};
    int *readers = count_readers(d->w);
    struct last_slots *last = last_slots(d);
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if (!x->bits || x->op == LOOM_WIRE_CONST ||
            loom_wire_is_view(d->w, (int)i) ||
            (layer >= 0 && x->layer != layer))
            continue;
        /* The harness's chain holds every input's past already. */
        if (layer < 0 && x->op == LOOM_WIRE_INPUT)
            continue;
        bool merged = x->op == LOOM_WIRE_RELU && is_merged(d, readers, x);
        count_wire(d, (int)i, last, merged, &c);
    }
    free(readers);
    free(last);
    if (layer < 0)
        count_harness(d, &c);
    return c;
}

/* LUTs of wire x of bit-serial arithmetic that stand beside registers. */
static int beside(const struct loom_wires *w, const struct loom_wire *x)
{
    int n = above(x->bits, x->low);
    switch (x->op) {
    case LOOM_WIRE_CLIP:
        return 2 * n;
    case LOOM_WIRE_MUX:
        return n;
    case LOOM_WIRE_TABLE:
        return n * table_luts(loom_wire_width(w, x->a));
    default:
        return 0;
    }
}

/* A cell a register, which has a LUT before it (iCE40) or mostly not. */
static struct loom_cells serial_cells(const struct loom_design *d, int layer)
{
    const struct loom_bitserial *s = d->serial;
    struct loom_design_size z = loom_design_size(d, layer);
    struct loom_cells c = {.ff = z.registers, .lc = z.registers};
    bool ice40 = d->family == &loom_ice40;
    c.lut4 = 2 * z.adders + (layer < 0 ? 2 * (int)s->n_windows : 0);
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if (layer >= 0 && x->layer != layer)
            continue;
        int luts = beside(d->w, x);
        c.lut4 += luts + (ice40 ? s->wire[i].bits - s->wire[i].low : 0);
        c.lc += luts;
    }
    for (size_t k = 0; k < s->n_leaves; k++)
        if (layer < 0 || s->leaf[k].layer == layer)
            c.lut4 += s->leaf[k].sum < 0 ? s->leaf[k].bits : 1;
    if (layer < 0) { /* the harness */
        int ff = d->in_bits + d->out_bits + 3;
        c.ff += ff;
        c.lc += ff;
        c.lut4 += d->out_bits + 1;
    }
    if (!ice40)
        c.lc = c.lut4;
    return c;
}

struct loom_cells loom_target_predict(const struct loom_design *d, int layer)
{
    if (d->serial)
        return serial_cells(d, layer);
    struct loom_census c = loom_target_count(d, layer);
    double lut4 = 0.0, lc = 0.0;
    for (int k = 0; k < LOOM_CONSTRUCTS; k++) {
        lut4 += d->family->price[k].lut4 * c.count[k];
        lc += d->family->price[k].lc * c.count[k];
    }
    return (struct loom_cells){.lut4 = (int)(lut4 + 0.5),
                               .carry = c.carry,
                               .ff = c.ff,
                               .lc = (int)(lc + 0.5)};
}
