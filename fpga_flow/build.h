/* One build: integer network -> Verilog -> simulation -> Yosys -> nextpnr ->
 * bitstream -> report. loom_build_run blocks its own thread; any other thread
 * may look (loom_build_view) and cancel (loom_build_cancel) meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engine/err.h"
#include "engine/exact.h"
#include "fpga_flow/design.h"

enum loom_phase {
    LOOM_PHASE_EMIT,
    LOOM_PHASE_VERIFY,
    LOOM_PHASE_YOSYS,
    LOOM_PHASE_PACK,
    LOOM_PHASE_PLACE,
    LOOM_PHASE_ROUTE,
    LOOM_PHASE_BITSTREAM,
    LOOM_N_PHASES
};

const char *loom_phase_word(enum loom_phase p); /* "emit" ... "bitstream" */

enum loom_build_state {
    LOOM_BUILD_QUEUED,
    LOOM_BUILD_RUNNING,
    LOOM_BUILD_DONE,
    LOOM_BUILD_FAILED,
    LOOM_BUILD_CANCELLED
};

struct loom_build_conf {
    const struct loom_exact *net; /* borrowed until loom_build_destroy */
    const int64_t *vectors;       /* borrowed; [n_vectors][net->in_size] */
    size_t n_vectors;             /* 0: corner and random vectors only */
    const char *name;             /* of the design, e.g. "muon" */
    const char *device;           /* "hx8k", "ice40-hx8k-ct256", ... */
    double clock_mhz;             /* target; 0: the device's default */
    int levels;                   /* adder levels a pipeline stage; 0: default,
                                     -1: a stage a layer */
    bool plain;                   /* layers share no sums: the reference */
    enum loom_interface interface;
    const struct loom_board *board; /* NULL: none in particular */
    int seeds;                    /* placements to try; 0: 1 */
    double timeout_s;             /* deadline of each tool; 0: default */
    const char *dir;              /* output folder, made if absent */
};

/* What a screen shows of a build; plain data, copied. */
struct loom_build_view {
    int id;
    enum loom_build_state state;
    enum loom_phase phase;
    char name[32], device[24], dir[256];
    float seconds[LOOM_N_PHASES]; /* so far, of phases begun; else 0 */
    float fraction;  /* of the phase, 0..1; < 0 when it cannot be known */
    char detail[80]; /* e.g. "placer iteration 7", "overused 37" */
    long vectors, mismatches; /* -1 until simulated */
    /* measured (placed); -1 until known */
    int lut4, carry, ff, lc, bram, dsp;
    int lc_available;
    /* predicted before the tools ran; -1 until known */
    int predicted_lut4, predicted_carry, predicted_ff, predicted_lc;
    float fmax_mhz, clock_mhz; /* < 0 until known; target */
    int latency_cycles;        /* -1 until known */
    char bitstream[288];       /* path, "" until written */
    char error[512];           /* why it failed and what to do */
};

struct loom_build;

/* Check the configuration and make a queued build; NULL with a sentence in e
 * on an unknown device, a bad clock and the like. Strings are copied. */
struct loom_build *loom_build_new(const struct loom_build_conf *conf,
                                  struct loom_errmsg *e);
void loom_build_destroy(struct loom_build *b);

/* Run to the end. 0 done; LOOM_ERR_TOOL, LOOM_ERR_FIT, LOOM_ERR_MISMATCH,
 * LOOM_ERR_CANCELLED, LOOM_ERR_IO with the sentence in e and in the view.
 * On failure the folder holds the logs and no half-written bitstream. */
int loom_build_run(struct loom_build *b, struct loom_errmsg *e);

/* Any thread; returns at once, the run ends within a second. */
void loom_build_cancel(struct loom_build *b);

/* Any thread: copy the current view. */
void loom_build_look(struct loom_build *b, struct loom_build_view *out);

/* After a successful run: the report object (schema
 * bitloom/build/1); new reference. */
json_t *loom_build_report(const struct loom_build *b);
