#include "fpga_flow/target.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* Pins are those of common boards: iCEstick, HX8K breakout, UPduino, TinyFPGA
 * BX; the first is the board's oscillator. */
const struct loom_device loom_devices[] = {
    {"ice40-hx1k-tq144", "hx1k", LOOM_ICE40, "--hx1k", "tq144", 1280, 16, 0, 60,
     "21 78 79 80"},
    {"ice40-hx8k-ct256", "hx8k", LOOM_ICE40, "--hx8k", "ct256", 7680, 32, 0, 60,
     "J3 B1 C1 D1"},
    {"ice40-lp1k-cm81", "lp1k", LOOM_ICE40, "--lp1k", "cm81", 1280, 16, 0, 40,
     "B2 A1 A2 B1"},
    {"ice40-lp8k-cm81", "lp8k", LOOM_ICE40, "--lp8k", "cm81", 7680, 32, 0, 40,
     "B2 A1 A2 B1"},
    {"ice40-up5k-sg48", "up5k", LOOM_ICE40, "--up5k", "sg48", 5280, 30, 8, 24,
     "35 2 3 4"},
    {NULL, NULL, LOOM_ICE40, NULL, NULL, 0, 0, 0, 0, NULL}};

const struct loom_device *loom_device_find(const char *name)
{
    for (const struct loom_device *d = loom_devices; d->name; d++)
        if (!strcmp(name, d->name) || !strcmp(name, d->shorthand))
            return d;
    return NULL;
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

/* Cells of wire i. A carry chain takes a cell a bit, also where the sum bit is
 * dropped; max(x, 0) of a sum nobody else reads goes into the sum's LUTs. */
static struct loom_cells wire_cells(const struct loom_design *d, int i,
                                    bool merged)
{
    const struct loom_wire *x = &d->w->wire[i];
    struct loom_cells c = {0};
    int n = above(x->bits, x->low), banks = loom_pipeline_banks(&d->p, i);
    bool logic = true;
    switch (x->op) {
    case LOOM_WIRE_ADD: {
        int chain = loom_wire_chain(x);
        c.lut4 = above(x->bits, chain > x->low ? chain : x->low);
        c.lc = above(x->bits, chain);
        c.carry = above(c.lc, 1);
        break;
    }
    case LOOM_WIRE_CLIP:
        c.lut4 = c.lc = 2 * n;
        break;
    case LOOM_WIRE_RELU:
        c.lut4 = c.lc = merged ? 0 : n;
        break;
    case LOOM_WIRE_NOT:
    case LOOM_WIRE_MUX:
        c.lut4 = c.lc = n;
        break;
    case LOOM_WIRE_TABLE:
        c.lut4 = c.lc = n * table_luts(loom_wire_width(d->w, x->a));
        break;
    default:
        logic = false;
    }
    c.ff = banks * n;
    /* A cell has one output: its register is free only if nobody reads the
     * sum before it. */
    c.lc += (banks - (logic && banks && !d->p.early[i])) * n;
    return c;
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

/* Whether max(x, 0) has its sum, and every view between, to itself. */
static bool is_merged(const struct loom_wires *w, const int *readers,
                      const struct loom_wire *x)
{
    int a = x->a;
    while (loom_wire_is_view(w, a) && readers[a] == 1 && w->wire[a].b < 0)
        a = w->wire[a].a;
    return w->wire[a].op == LOOM_WIRE_ADD && readers[a] == 1;
}

struct loom_cells loom_target_predict(const struct loom_design *d, int layer)
{
    struct loom_cells sum = {0};
    int *readers = count_readers(d->w);
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if (!x->bits || x->op == LOOM_WIRE_CONST ||
            loom_wire_is_view(d->w, (int)i) ||
            (layer >= 0 && x->layer != layer))
            continue;
        bool merged = x->op == LOOM_WIRE_RELU && is_merged(d->w, readers, x);
        struct loom_cells c = wire_cells(d, (int)i, merged);
        sum.lut4 += c.lut4;
        sum.carry += c.carry;
        sum.ff += c.ff;
        sum.lc += c.lc;
    }
    free(readers);
    if (layer < 0) { /* the harness */
        int ff = d->in_bits + d->out_bits + d->p.latency + 3;
        sum.lut4 += d->out_bits + 1;
        sum.ff += ff;
        sum.lc += ff;
    }
    return sum;
}
