/* One headless run of a script, shown on standard output meanwhile; Ctrl-C
 * saves and ends it. */
#pragma once

#include "tui/args.h"

/* Another size than the script's own way leads to: a script that steers beta
 * to so many EBOPs gets these as its target, any other its schedule of beta
 * times the factor. All 0: as the script says. */
struct run_size {
    double ebops, factor;
};

/* Train and wait. last (may be NULL): the run as it was in the end. Returns an
 * exit status of cli.h; what failed has been said on standard error. */
int run_job(struct args *a, struct run_size size, struct loom_train_view *last);
