/* The same job as a Slurm array: by sbatch, squeue and scancel, found as all
 * tools are. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/err.h"

enum { LOOM_CLUSTER_ID = 32 };

/* Submit tasks `index` [n] (rising, from 1) of a script as one array, from
 * folder dir, which also gets their output; partition may be NULL. The id of
 * the array goes to `job`. LOOM_ERR_TOOL with sbatch's own words. */
int loom_cluster_submit(const char *script, const char *dir,
                        const char *partition, const int *index, int n,
                        char job[LOOM_CLUSTER_ID], struct loom_errmsg *e);

/* Which of n tasks (numbered from 1) the cluster still has, waiting or
 * running: has[0] is of task 1. A job that it no longer knows has none left.
 * LOOM_ERR_TOOL when Slurm does not answer. */
int loom_cluster_look(const char *job, bool *has, int n, struct loom_errmsg *e);
