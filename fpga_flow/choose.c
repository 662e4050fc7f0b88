#include "fpga_flow/choose.h"

#include "engine/checkpoint.h"
#include "fpga_flow/design.h"

/* Share of a device that a prediction may take: it has been up to 10 % too
 * low, and a device more than 95 % full routes slowly or not at all. */
static const double ROOM = 0.85;

/* The checkpoint's network and its predicted cells. */
static int predict(const char *path, const struct loom_design_conf *conf,
                   struct loom_exact **net, int *lc, struct loom_errmsg *e)
{
    struct loom_checkpoint c;
    int err = loom_checkpoint_read(path, &c, e);
    if (err)
        return err;
    struct loom_design *d = NULL;
    *net = loom_model_freeze(c.model, e);
    if (*net)
        d = loom_design_new(*net, conf, e);
    if (d)
        *lc = loom_target_predict(d, -1).lc;
    else
        err = LOOM_ERR_RANGE;
    loom_design_destroy(d);
    loom_checkpoint_deinit(&c);
    if (err) {
        loom_exact_destroy(*net);
        *net = NULL;
    }
    return err;
}

int loom_choose(const char *const *paths, int n,
                const struct loom_device *device, int levels,
                struct loom_choice *out, struct loom_errmsg *e)
{
    int err = loom_fail(e, LOOM_ERR_MISSING, "the front has no point yet");
    *out = (struct loom_choice){.index = -1};
    const struct loom_design_conf conf = {.name = "net",
                                          .family = device->family,
                                          .levels =
                                              loom_pipeline_levels(levels)};
    for (int k = 0; k < n && !out->fits; k++) {
        struct loom_exact *net = NULL;
        int lc = 0;
        err = predict(paths[k], &conf, &net, &lc, e);
        if (err && err != LOOM_ERR_RANGE)
            break;
        if (!err && (out->index < 0 || lc < out->predicted_lc)) {
            loom_exact_destroy(out->net);
            *out = (struct loom_choice){k, net, lc, lc <= ROOM * device->lc};
            net = NULL;
        }
        loom_exact_destroy(net);
    }
    if (out->index >= 0)
        err = 0;
    return err;
}
