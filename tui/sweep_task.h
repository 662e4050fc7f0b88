/* One variant of a sweep, trained in this process: what DIR/job.sh starts. */
#pragma once

/* Train task k (from 1) of DIR, or go on with it, in the store DIR/NNN, which
 * also gets all that is said; its end is told by DIR/NNN/done.json. threads 0:
 * all cores. An exit status of cli.h. */
int sweep_task(const char *dir, int k, int threads);
