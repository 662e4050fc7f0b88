#include "fpga_flow/forecast.h"

#include <stdio.h>

#include "engine/checkpoint.h"

static void count(const struct loom_design *d, struct loom_forecast *out)
{
    out->cells = loom_target_predict(d, -1);
    for (size_t k = 0; k < d->w->n_layers && k < LOOM_FORECAST_LAYERS; k++) {
        snprintf(out->layer[k].name, sizeof(out->layer[k].name), "%.31s",
                 d->layer[k]);
        out->layer[k].lc = loom_target_predict(d, (int)k).lc;
        out->n_layers++;
    }
}

int loom_forecast_make(const char *path, int epoch,
                       const struct loom_device *device,
                       struct loom_forecast *out, struct loom_errmsg *e)
{
    struct loom_checkpoint c;
    const struct loom_design_conf conf = {.name = "net",
                                          .family = device->family,
                                          .levels = loom_pipeline_levels(0)};
    *out = (struct loom_forecast){.lc_available = device->lc};
    int err = loom_checkpoint_read(path, &c, e);
    if (err)
        return err;
    struct loom_design *d = NULL;
    struct loom_exact *net = loom_model_freeze(c.model, e);
    if (net)
        d = loom_design_new(net, &conf, e);
    if (d) {
        count(d, out);
        out->epoch = epoch;
        snprintf(out->device, sizeof(out->device), "%s", device->shorthand);
    }
    loom_design_destroy(d);
    loom_exact_destroy(net);
    loom_checkpoint_deinit(&c);
    return d ? 0 : LOOM_ERR_RANGE;
}
