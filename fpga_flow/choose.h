/* Which point of a front to build: the best one that should fit. */
#pragma once

#include "engine/err.h"
#include "engine/exact.h"
#include "fpga_flow/target.h"

struct loom_choice {
    int index;              /* into the paths given */
    struct loom_exact *net; /* owned by the caller */
    int predicted_lc;       /* of the core and its harness: a model's word */
    bool fits;              /* with room to route; false: no point does, and
                               this is the one that comes closest */
};

/* paths: checkpoints [n], best first. Reads and freezes one after the other
 * until one is predicted to take at most 85 % of the device; levels as in
 * loom_build_conf. A point that cannot be frozen is passed over. LOOM_ERR_RANGE
 * when none can be; else the error of reading. */
int loom_choose(const char *const *paths, int n,
                const struct loom_device *device, int levels,
                struct loom_choice *out, struct loom_errmsg *e);
