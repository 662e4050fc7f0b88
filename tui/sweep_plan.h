/* What the variants of a sweep are: DIR/sweep.json, written once, and
 * DIR/job.sh, which does one of them. */
#pragma once

#include <jansson.h>

#include "engine/err.h"
#include "tui/args.h"

/* All combinations of the values in a's --set key=v1,v2,..., times `seeds`
 * seeds from 1 on (0: the one of a): {"script", "sha256", "epochs", "device",
 * "variants": [{"set": ["key=value", ...], "seed"}]}; NULL with a sentence. */
json_t *sweep_plan_make(const struct args *a, int seeds, struct loom_errmsg *e);

/* Write it to DIR with job.sh; if there is one already, it must be the same. */
int sweep_plan_settle(const char *dir, json_t *wanted, struct loom_errmsg *e);

/* That of DIR; NULL with a sentence. */
json_t *sweep_plan_read(const char *dir, struct loom_errmsg *e);

/* LOOM_ERR_ARG if the plan's script is another one by now. */
int sweep_plan_check_script(const json_t *plan, struct loom_errmsg *e);
