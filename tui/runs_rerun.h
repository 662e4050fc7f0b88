/* A run of the store made again from its row. */
#pragma once

#include <stdbool.h>

#include "engine/store.h"

/* Train as r was trained, into a new run of the store in that folder, and say
 * whether the weights are the same. threads: 0, one a processor. Changes into
 * the folder where r ran. Returns an exit status of cli.h: CLI_FAILED where
 * they are not. */
int runs_rerun(const struct loom_store_run *r, const char *store, int threads,
               bool json);
