/* The cells that a trained point should take, layer by layer, before anything
 * is built: the model of target.h on the design that a build would make, or
 * roughly, in a hundredth of the time, on the design in which layers share no
 * sums, times what sharing saves. */
#pragma once

#include "engine/err.h"
#include "fpga_flow/target.h"

enum { LOOM_FORECAST_LAYERS = 32 };

struct loom_forecast {
    int epoch; /* of the point; 0: there is none */
    char device[24];
    struct loom_cells cells; /* of the core and its harness; rough: 2 digits */
    struct loom_cells plain; /* the same if layers shared no sums */
    int lc_available;
    int n_layers;
    struct {
        char name[32];
        int lc, plain_lc;
    } layer[LOOM_FORECAST_LAYERS];
};

/* Of a checkpoint, on a device; epoch is the caller's word. like NULL: as long
 * as making the design takes, seconds. Else roughly: sums are shared as they
 * are in `like`, an earlier point's; with its epoch 0 as in the networks that
 * were measured, within 9 % of what making the design says. Any thread. An
 * error of reading, or LOOM_ERR_RANGE: it cannot be frozen. */
int loom_forecast_make(const char *path, int epoch,
                       const struct loom_device *device,
                       const struct loom_forecast *like,
                       struct loom_forecast *out, struct loom_errmsg *e);
