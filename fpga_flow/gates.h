/* A netlist of Yosys as logic: what each net computes when registers let
 * everything through, and how many clock edges late it comes. A net has one
 * such number only if all that meets in a cell is equally late; where that
 * holds, the circuit is its logic, delayed. */
#pragma once

#include <jansson.h>

#include "engine/err.h"
#include "fpga_flow/aig.h"

struct loom_gates; /* a module of a netlist */

enum { LOOM_GATES_ANY = -1 }; /* slot of a constant: it is never late */

struct loom_signal {
    int lit, slot;
};

/* Read a module of Yosys' JSON, which is borrowed; NULL and a sentence if it
 * is not one. */
struct loom_gates *loom_gates_new(const json_t *module, struct loom_aig *g,
                                  struct loom_errmsg *e);
void loom_gates_destroy(struct loom_gates *m);

/* What enters at bit i of a port of the module or, if `cell` is not NULL,
 * leaves that of a cell that is to be taken as it is; LOOM_ERR_FORMAT without
 * such a bit. */
int loom_gates_set(struct loom_gates *m, const char *cell, const char *port,
                   int i, struct loom_signal s, struct loom_errmsg *e);

/* What bit i of a port of the module, or of the cell, carries. LOOM_ERR_FORMAT
 * with a sentence for a cell that is not known, one where signals of different
 * slots meet, or a loop. */
int loom_gates_get(struct loom_gates *m, const char *cell, const char *port,
                   int i, struct loom_signal *s, struct loom_errmsg *e);
