#include "fpga_flow/forecast.h"

#include <math.h>
#include <stdio.h>

#include "engine/checkpoint.h"

/* What sharing left of 1,000 cells on average, in eleven points of muon tracks,
 * jets and digits of 2,600 to 27,000 LC; of LCs 710 to 850. */
static const struct loom_cells kept = {
    .lut4 = 760, .carry = 730, .ff = 890, .lc = 760};

static void count_plain(const struct loom_design *d, struct loom_forecast *out)
{
    out->plain = loom_target_predict(d, -1);
    for (size_t k = 0; k < d->w->n_layers && k < LOOM_FORECAST_LAYERS; k++) {
        snprintf(out->layer[k].name, sizeof(out->layer[k].name), "%.31s",
                 d->layer[k]);
        out->layer[k].plain_lc = loom_target_predict(d, (int)k).lc;
        out->n_layers++;
    }
}

static void count_shared(const struct loom_design *d, struct loom_forecast *out)
{
    out->cells = loom_target_predict(d, -1);
    for (int k = 0; k < out->n_layers; k++)
        out->layer[k].lc = loom_target_predict(d, k).lc;
}

/* n as part / all has it, in two digits. */
static int like_part(int n, int part, int all)
{
    double v = all > 0 ? (double)n * part / all : n;
    double digit = v >= 100 ? pow(10, floor(log10(v)) - 1) : 1;
    return (int)(round(v / digit) * digit);
}

static void guess_shared(const struct loom_forecast *like,
                         struct loom_forecast *out)
{
    static const struct loom_cells thousand = {1000, 1000, 1000, 1000};
    const struct loom_cells *part = like->epoch ? &like->cells : &kept;
    const struct loom_cells *all = like->epoch ? &like->plain : &thousand;
    const struct loom_cells *n = &out->plain;
    out->cells =
        (struct loom_cells){like_part(n->lut4, part->lut4, all->lut4),
                            like_part(n->carry, part->carry, all->carry),
                            like_part(n->ff, part->ff, all->ff),
                            like_part(n->lc, part->lc, all->lc)};
    for (int k = 0; k < out->n_layers; k++) {
        bool known = k < like->n_layers && like->layer[k].plain_lc > 0;
        out->layer[k].lc = like_part(out->layer[k].plain_lc,
                                     known ? like->layer[k].lc : part->lc,
                                     known ? like->layer[k].plain_lc : all->lc);
    }
}

static int count(const struct loom_exact *net, const struct loom_device *device,
                 const struct loom_forecast *like, struct loom_forecast *out,
                 struct loom_errmsg *e)
{
    struct loom_design_conf conf = {.name = "net",
                                    .family = device->family,
                                    .levels = loom_pipeline_levels(0),
                                    .plain = true};
    struct loom_design *d = loom_design_new(net, &conf, e);
    if (!d)
        return LOOM_ERR_RANGE;
    count_plain(d, out);
    loom_design_destroy(d);
    if (like) {
        guess_shared(like, out);
        return 0;
    }
    conf.plain = false;
    d = loom_design_new(net, &conf, e);
    if (!d)
        return LOOM_ERR_RANGE;
    count_shared(d, out);
    loom_design_destroy(d);
    return 0;
}

int loom_forecast_make(const char *path, int epoch,
                       const struct loom_device *device,
                       const struct loom_forecast *like,
                       struct loom_forecast *out, struct loom_errmsg *e)
{
    struct loom_checkpoint c;
    *out = (struct loom_forecast){.lc_available = device->lc};
    int err = loom_checkpoint_read(path, &c, e);
    if (err)
        return err;
    struct loom_exact *net = loom_model_freeze(c.model, e);
    err = net ? count(net, device, like, out, e) : LOOM_ERR_RANGE;
    if (!err) {
        out->epoch = epoch;
        snprintf(out->device, sizeof(out->device), "%s", device->shorthand);
    }
    loom_exact_destroy(net);
    loom_checkpoint_deinit(&c);
    return err;
}
