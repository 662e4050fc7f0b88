/* A bitstream onto a board, by openFPGALoader or iceprog. */
#pragma once

#include <stdbool.h>

#include "fpga_flow/tool.h"

struct loom_program {
    const char *bitstream;     /* the file */
    const char *device;        /* "ice40-hx8k-ct256"; NULL: not known */
    const char *board;         /* openFPGALoader's name, NULL: none given */
    bool flash;                /* keep it there without power */
    const char *log;           /* as in struct loom_tool */
    const atomic_bool *cancel; /* as in struct loom_tool */
    loom_tool_line line;       /* as in struct loom_tool; may be NULL */
    void *ctx;
};

/* Read where the bitstream of a build's folder is, and for which device: fresh
 * strings. LOOM_ERR_MISSING or LOOM_ERR_FORMAT with a sentence. */
int loom_program_find(const char *dir, char **bitstream, char **device,
                      struct loom_errmsg *e);

/* Program the board and wait. A named board is openFPGALoader's; without one
 * an iCE40 is taken to hang on the FTDI chip that iceprog knows. LOOM_ERR_ARG
 * when neither can be, LOOM_ERR_TOOL with the tool's own words. `used` (may be
 * NULL) becomes the name of the tool. */
int loom_program_run(const struct loom_program *p, const char **used,
                     struct loom_errmsg *e);
