/* When each wire is computed, and which registers that takes.
 * Slot s is the time after s clock edges; inputs are there at slot 0. A wire
 * of stage t is computed between the register banks t-1 and t, from what is
 * there at slot t-1; so at slot t-1 it can be read unregistered (by wires of
 * the same stage), from slot t on it comes from a register. Inputs count as
 * stage 1. All outputs leave at slot `latency`. II = 1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fpga_flow/wires.h"

struct loom_pipeline {
    int levels;  /* adder levels a stage; 0: a stage a layer */
    int latency; /* clock cycles from an input to its outputs */
    int *stage;  /* [w->n] of wires that are not views */
    int *last;   /* [w->n] last slot anyone reads; < stage: no register */
    bool *early; /* [w->n] someone reads it before its register */
};

/* Adder levels a stage where nobody asks. A 196-24-24-10 network of 1,764
 * EBOPs on an HX8K, harness included, measured: 1 level 2,390 cells 177 MHz,
 * 2 levels 2,030 cells 116 MHz, 3 levels 1,976 cells 87 MHz, a stage a layer
 * 1,942 cells 78 MHz. */
enum { LOOM_PIPELINE_LEVELS = 2 };

/* In the place of levels: no stages, but sums one bit at a time (bitserial.h).
 */
enum { LOOM_BIT_SERIAL = -2 };

/* What a caller's number means: 0 the default, -1 a stage a layer; bit-serial
 * stays that. */
static inline int loom_pipeline_levels(int asked)
{
    return asked == LOOM_BIT_SERIAL ? asked : asked < 0 ? 0 : asked ? asked : LOOM_PIPELINE_LEVELS;
}

void loom_pipeline_make(struct loom_pipeline *p, const struct loom_wires *w,
                        int levels);
void loom_pipeline_deinit(struct loom_pipeline *p);

/* Register banks behind wire i: its own, then those of balance. */
int loom_pipeline_banks(const struct loom_pipeline *p, int i);
