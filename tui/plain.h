/* bitloom --plain: the same program as lines of words, for a screen reader or
 * a terminal that can do nothing. What the screen's command line takes is
 * typed; what happens is said, each thing once. */
#pragma once

#include "tui/args.h"

/* Until the user leaves, or all is done and nothing more can be typed.
 * Returns the exit status. */
int plain_run(const struct args *a);
