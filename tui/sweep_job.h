/* Many variants of one script, each a run in a store of its own below DIR, so
 * that they can be made by any process on any machine that sees the folder;
 * what is finished is taken into the user's store. Whatever is killed goes on
 * from its last checkpoint when it is started again. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "engine/store.h"
#include "fpga_flow/cluster.h"
#include "tui/args.h"

struct sweep_variant {
    json_t *set;    /* borrowed from the plan: ["key=value", ...] */
    long long seed; /* -1: the script's */
    bool done, collected;
    int status;            /* of a done one: 0, or an exit status */
    char run[LOOM_RUN_ID]; /* its id in its own store, then in the user's */
    char why[256];         /* it failed */
};

struct sweep_job {
    char *dir, *store; /* store NULL: the default one */
    json_t *plan;      /* sweep.json */
    int n;
    struct sweep_variant *variant;
};

/* Make DIR with the plan: all combinations of the values in a's --set
 * key=v1,v2,...; times `seeds` seeds from 1 on (0: the script's own). If there
 * is a plan already it must be the same, and the sweep goes on. 0 or an
 * error. sweep_deinit afterwards, whatever came of it. */
int sweep_init(struct sweep_job *j, const char *dir, const struct args *a,
               int seeds, struct loom_errmsg *e);
void sweep_deinit(struct sweep_job *j);

/* See how the variants stand, and take what is done into the user's store. */
int sweep_collect(struct sweep_job *j, struct loom_errmsg *e);

/* Do what is left with `jobs` processes at once, of so many threads each (0:
 * the cores shared out); returns when all are done, or LOOM_ERR_CANCELLED. */
int sweep_run(struct sweep_job *j, int jobs, int threads, bool quiet,
              struct loom_errmsg *e);

/* The same on a cluster: submitted, followed, and submitted again (3 times at
 * most) where a task has left the cluster unfinished. */
int sweep_run_slurm(struct sweep_job *j, const char *partition, bool quiet,
                    struct loom_errmsg *e);

/* What came of it (schema bitloom/sweep/1): new reference. */
json_t *sweep_json(const struct sweep_job *j);

/* "key=value key=value seed=N" of a variant; at most size bytes. */
void sweep_words(const struct sweep_variant *v, char *out, size_t size);
