/* Simulation of a core, or its netlist, against the integer interpreter, bit
 * for bit. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "fpga_flow/design.h"
#include "fpga_flow/tool.h"

struct loom_verify {
    const struct loom_design *d;
    const char *core;       /* path of the core's Verilog */
    const char *serial;     /* path of the interface, NULL: not simulated */
    const int64_t *vectors; /* [n_vectors][in_size], before the corners */
    size_t n_vectors;
    size_t random;         /* vectors to draw as well; 0: LOOM_VERIFY_RANDOM */
    const char *simulator; /* "verilator", "iverilog"; NULL: the quicker one for
                              so many rows, or whichever is there */
    const char *log;       /* the simulator's output; NULL: none */
    double timeout_s;
    const atomic_bool *cancel; /* may be NULL */
    void (*progress)(void *ctx, const char *detail);
    void *ctx;
};

enum { LOOM_VERIFY_RANDOM = 1000 };

struct loom_verify_result {
    char simulator[16]; /* "verilator" or "iverilog" */
    long vectors, mismatches;
    long serial_vectors, serial_mismatches;
    char first[160]; /* the first mismatch, in the bench's words */
};

/* The rows that are simulated: the n given ones, all lowest, all highest, each
 * input alone at either end, `random` ones drawn. Fresh memory in *rows. */
int loom_verify_rows(const struct loom_design *d, const int64_t *vectors,
                     size_t n, size_t random, int64_t **rows, size_t *n_rows,
                     struct loom_errmsg *e);

/* Write bench.v, of the core or of its interface, vectors.hex, expected.hex and
 * what a self-test holds, for n rows, into a folder. */
int loom_verify_write(const struct loom_design *d, const char *dir,
                      const int64_t *rows, size_t n, bool serial,
                      struct loom_errmsg *e);

/* Simulate every given vector, and the corners of loom_verify_rows.
 * 0 (whatever the mismatches), or
 * LOOM_ERR_TOOL, LOOM_ERR_IO, LOOM_ERR_CANCELLED. */
int loom_verify_run(const struct loom_verify *v, struct loom_verify_result *r,
                    struct loom_errmsg *e);

/* The same vectors through the netlist that Yosys makes of the core, with the
 * vendor's models of the cells; `serial` plays no part. */
int loom_verify_netlist(const struct loom_verify *v,
                        struct loom_verify_result *r, struct loom_errmsg *e);
