/* One headless run of a script, shown on standard output meanwhile; Ctrl-C
 * saves and ends it. */
#pragma once

#include "tui/args.h"

/* Train and wait. target: EBOPs that beta is to steer to, 0: as the script
 * says. last (may be NULL): the run as it was in the end. Returns an exit
 * status of cli.h; what failed has been said on standard error. */
int run_job(struct args *a, double target, struct loom_train_view *last);
