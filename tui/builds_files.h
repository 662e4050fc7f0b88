/* What the folder of a build tells beside its view: the report's layers,
 * critical path and seeds, and the logs of the tools. Read by a thread of its
 * own, so that the screen never waits for a disk; asleep unless wanted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/err.h"

enum builds_log { BUILDS_VERIFY, BUILDS_YOSYS, BUILDS_NEXTPNR, BUILDS_LOGS };

const char *builds_log_name(enum builds_log l); /* "yosys.log" */

enum {
    BUILDS_STEPS = 96,
    BUILDS_LAYERS = 32,
    BUILDS_SEEDS = 32,
    BUILDS_SLACKS = 64
};

struct builds_wanted {
    char dir[256]; /* "": nothing */
    enum builds_log log;
    char pattern[200]; /* PCRE2, of lines to find; "" none */
    bool live;         /* the build runs: look for changes */
};

struct builds_files {
    struct builds_wanted of;
    int n_steps; /* of the critical path */
    struct {
        char type[16], where[64]; /* "routing"; "dense_0 output 13" */
        double ns;
    } step[BUILDS_STEPS];
    /* The ends of paths by the time that is left, bins of bin_ns from least_ns
     * on; none where n_slacks is 0. */
    int n_slacks, endpoints, failing;
    double least_ns, bin_ns;
    float slack[BUILDS_SLACKS];
    int n_layers;
    struct {
        char name[32];
        int lut4, carry, ff, predicted_lc; /* -1 unknown */
    } layer[BUILDS_LAYERS];
    int n_seeds;
    struct {
        int seed;
        double fmax_mhz; /* negative: it failed */
    } seed[BUILDS_SEEDS];
    int best_seed;
    /* The log: its lines, each ended by a 0, and which of them match. */
    char *text;
    size_t *line, n_lines;
    size_t *match, n_matches;
    bool cut;        /* only the end of a very long one */
    char wrong[120]; /* with the pattern, or "" */
};

void builds_files_free(struct builds_files *f); /* NULL is fine */

/* All of it, now. Absent files leave their part empty. */
struct builds_files *builds_files_read(const struct builds_wanted *w);

struct builds_reader;

struct builds_reader *builds_reader_new(struct loom_errmsg *e);
void builds_reader_free(struct builds_reader *r); /* NULL is fine */

/* What is looked at; while it is, it is read again when it has changed. */
void builds_reader_want(struct builds_reader *r, const struct builds_wanted *w);

/* Readable when there is something new; which is taken, and the caller's. */
int builds_reader_fd(const struct builds_reader *r);
struct builds_files *builds_reader_take(struct builds_reader *r);
