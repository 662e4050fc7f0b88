/* One build in a thread of its own, shown on standard error meanwhile; Ctrl-C
 * cancels it. */
#pragma once

#include "fpga_flow/build.h"

/* Build and wait. The view (may be NULL) is what loom_build_look says at the
 * end, whatever came of it; report (may be NULL) becomes a new reference, or
 * NULL after a failure. Returns what loom_build_run does. */
int build_job(const struct loom_build_conf *conf, bool quiet,
              struct loom_build_view *view, json_t **report,
              struct loom_errmsg *e);
