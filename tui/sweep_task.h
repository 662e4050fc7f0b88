/* One variant of a sweep, in this process. */
#pragma once

#include <jansson.h>

#include "engine/err.h"
#include "lua/depot.h"

/* Train variant k (from 1) of the plan of DIR, or go on with it: its run and
 * its store are in DIR/00K, what it says in log.jsonl and err.txt there, its
 * end in done.json. Of so many threads (0: one a core); depot is what variants
 * that train at once share, or NULL. Several may be at work on threads of their
 * own. The exit status of what has ended, or an error: LOOM_ERR_CANCELLED after
 * a signal (flow_interrupts), saved. */
int sweep_task(const json_t *plan, const char *dir, int k, int threads,
               struct loom_depot *depot, struct loom_errmsg *e);
