/* The options that compile, verify and build share, and what they mean. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fpga_flow/interface.h"
#include "fpga_flow/target.h"
#include "tui/model_arg.h"

struct flow_arg {
    const char *model, *out, *data, *store, *format;
    const struct loom_device *device; /* NULL: not given */
    const struct loom_board *board;   /* NULL: not given; else it gave device
                                         and clock if nobody else did */
    enum loom_interface interface;
    double clock_mhz;                 /* 0: not given */
    double timeout_s;                 /* 0: not given */
    int levels; /* 0: not given; -1: a stage a layer; LOOM_BIT_SERIAL */
    int seeds;                        /* 0: not given */
    int jobs;                         /* 0: not given */
    int random;                       /* vectors to draw; 0: not given */
    bool plain;                       /* --effort 0 */
    bool netlist, formal;
    bool json, quiet;
};

/* Read the options named in `allowed` (letters: b board, d device, D device
 * that may be left out, c clock, e effort, f formal, F format, i interface, J
 * jobs, l levels, n netlist, o out, r random, s seeds, t timeout, x data).
 * CLI_DONE, or the exit status after a sentence was printed. */
int flow_arg_parse(int argc, char **argv, const char *allowed,
                   struct flow_arg *a);

/* The network and its test rows as integers: from --data, else those kept
 * with the run, else none. */
struct flow_input {
    struct cli_model model;
    int64_t *vectors;
    size_t n_vectors;
};

int flow_input_open(const struct flow_arg *a, struct flow_input *in,
                    struct loom_errmsg *e);
void flow_input_close(struct flow_input *in);

/* From now on SIGINT, SIGTERM and SIGHUP set this flag (and SIGPIPE is
 * ignored). */
atomic_bool *flow_interrupts(void);
