/* Builds of earlier sessions, as the store tells of them: one a run, the
 * newest. */
#pragma once

#include "lua/session.h"
#include "tui/runs_data.h"

/* Newest run first, at most as many as a screen can want; without those that
 * the view has. Their ids are below 0. The caller frees; NULL where *n is 0. */
struct loom_build_view *builds_past_make(const struct runs_data *d,
                                         const struct loom_view *v, int *n);
