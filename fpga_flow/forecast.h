/* The cells that a trained point should take, layer by layer, before anything
 * is built: the model of target.h on the design that a build would make. */
#pragma once

#include "engine/err.h"
#include "fpga_flow/target.h"

enum { LOOM_FORECAST_LAYERS = 32 };

struct loom_forecast {
    int epoch; /* of the point; 0: there is none */
    char device[24];
    struct loom_cells cells; /* of the core and its harness */
    int lc_available;
    int n_layers;
    struct {
        char name[32];
        int lc;
    } layer[LOOM_FORECAST_LAYERS];
};

/* Of a checkpoint, on a device; epoch is the caller's word. As long as making
 * the design takes; any thread. An error of reading, or LOOM_ERR_RANGE: it
 * cannot be frozen. */
int loom_forecast_make(const char *path, int epoch,
                       const struct loom_device *device,
                       struct loom_forecast *out, struct loom_errmsg *e);
