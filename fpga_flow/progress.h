/* Where Yosys or nextpnr is, from the lines they print. A line that matches no
 * pattern means nothing. */
#pragma once

#include <stdbool.h>

#include "fpga_flow/build.h"

struct loom_progress {
    enum loom_phase phase;
    float fraction; /* of the phase; < 0 when it cannot be known */
    char detail[80];
    int lc_used, lc_available; /* -1 until printed */
    double fmax_mhz;           /* latest estimate; -1 until printed */
    int arcs, remaining;       /* of the router; -1 until printed */
    /* Arcs routed, again and again, when `remaining` fell last, and since. */
    int best_visit, visits_stuck;
    char error[160]; /* the tool's first error */
};

struct loom_patterns;

struct loom_patterns *loom_patterns_new(void);
void loom_patterns_destroy(struct loom_patterns *p);

/* Before a tool starts: phase YOSYS, or PACK for nextpnr. */
void loom_progress_start(struct loom_progress *p, enum loom_phase phase);

/* True when the line meant something. */
bool loom_progress_line(struct loom_progress *p, const struct loom_patterns *t,
                        const char *line);

/* The router goes in circles: another seed is faster than waiting. */
bool loom_progress_is_stuck(const struct loom_progress *p);
