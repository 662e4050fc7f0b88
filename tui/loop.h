/* The event loop of the screen: keys, signals and new views in; pictures
 * and commands out. Idle, it sleeps without waking. */
#pragma once

#include "tui/args.h"

/* Runs until the user leaves or a signal ends it; the terminal is given back
 * and the session saved. Returns the exit status. */
int loop_run(const struct args *a);
