/* Worker threads that share out the items 0..n-1 of a job. Each begins with its
 * part of them, the same in every job, so that what it works on stays in its
 * cache; who is done helps the others. Results must not depend on who does
 * what. */
#pragma once

#include "engine/err.h"

struct loom_pool;

/* `threads` counts the caller; 0: one a processor. Workers run at nice +10,
 * so that whoever waits for a key stays instant. */
struct loom_pool *loom_pool_new(int threads, struct loom_errmsg *e);
void loom_pool_destroy(struct loom_pool *p);
int loom_pool_threads(const struct loom_pool *p);

/* Call work(ud, item, worker) for every item, worker in [0, threads); returns
 * when all are done. One caller at a time. */
void loom_pool_run(struct loom_pool *p, int n,
                   void (*work)(void *ud, int item, int worker), void *ud);
