/* Proof that the netlist of a core is the network. Every layer's netlist, as
 * Yosys maps the module by itself, is compared with its reference for all
 * inputs (reference.h) by ABC, the equivalence checker that comes with Yosys.
 * Registers are taken as wires, and gates.h checks that the paths that meet
 * have equally many: then they delay and do nothing else. What connects the
 * layers is followed net by net. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/err.h"
#include "fpga_flow/design.h"

struct loom_formal {
    const struct loom_design *d;
    const char *core; /* path of the core's Verilog */
    const char *log;  /* the tools' output; NULL: none */
    double timeout_s; /* of each layer's proof, and of Yosys; 0: none */
    int jobs;         /* layers at a time; 0: 1 */
    const atomic_bool *cancel; /* may be NULL */
    void (*progress)(void *ctx, const char *detail);
    void *ctx;
};

enum loom_verdict { LOOM_PROVEN, LOOM_FAILED, LOOM_UNKNOWN };

struct loom_formal_layer {
    const char *name; /* the design's, or "top" for what connects them */
    enum loom_verdict verdict;
    int bits;  /* compared */
    int gates; /* of the two sides, as two-input ands */
    double seconds;
    char reason[512]; /* why not proven; with inputs that show it if failed */
};

struct loom_formal_result {
    int proven, failed, unknown;
    struct loom_formal_layer *layer; /* [n] */
    size_t n;
};

/* 0 (whatever the verdicts), LOOM_ERR_TOOL, LOOM_ERR_IO, LOOM_ERR_CANCELLED.
 * The result's layers are freed with loom_formal_free. */
int loom_formal_run(const struct loom_formal *f, struct loom_formal_result *r,
                    struct loom_errmsg *e);
void loom_formal_free(struct loom_formal_result *r);

const char *loom_verdict_word(enum loom_verdict v); /* "proven" ... */
