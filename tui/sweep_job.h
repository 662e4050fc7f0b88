/* Many variants of one script, each a run in a store of its own below DIR, so
 * that they can be made by any process on any machine that sees the folder;
 * what is finished is taken into the user's store. Whatever is killed goes on
 * from its last checkpoint when it is started again. Here they train several at
 * once in this process, and share what their scripts make of data. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "tui/args.h"
#include "tui/array_job.h"

struct sweep_variant {
    json_t *set;    /* borrowed from the plan: ["key=value", ...] */
    long long seed; /* -1: the script's */
    bool collected; /* its task's run is the id in the user's store now */
};

struct sweep_job {
    struct array_job array;
    char *store;  /* NULL: the default one */
    json_t *plan; /* sweep.json */
    struct sweep_variant *variant; /* [array.n] */
};

/* Make DIR with the plan: all combinations of the values in a's --set
 * key=v1,v2,...; times `seeds` seeds from 1 on (0: the script's own). If there
 * is a plan already it must be the same, and the sweep goes on. 0 or an
 * error. sweep_deinit afterwards, whatever came of it. sweep_run or
 * array_run_slurm does what is left. */
int sweep_init(struct sweep_job *j, const char *dir, const struct args *a,
               int seeds, struct loom_errmsg *e);
void sweep_deinit(struct sweep_job *j);

/* Do what is left, `jobs` variants at once of so many threads each. Small
 * networks train fastest on one thread each. */
int sweep_run(struct sweep_job *j, int jobs, int threads, bool quiet,
              struct loom_errmsg *e);

/* See how the variants stand, and take what is done into the user's store. */
int sweep_collect(struct sweep_job *j, struct loom_errmsg *e);

/* What came of it (schema bitloom/sweep/1): new reference. */
json_t *sweep_json(const struct sweep_job *j);
