/* make_store FOLDER: a store of three runs, as trainings would leave it. */
#include <stdio.h>

#include "engine/store.h"

static const struct loom_store_new infos[] = {
    {.script = "examples/muon.lua",
     .script_text = "beta = 1e-6\n",
     .settings = "{\"beta\":1e-6,\"epochs\":3}",
     .metric = "rms",
     .unit = "mrad",
     .lower_is_better = true,
     .seed = 7,
     .data_hash = 0x9c1f},
    {.script = "examples/muon.lua",
     .script_text = "beta = 2e-6\n",
     .settings = "{\"beta\":2e-6,\"epochs\":3}",
     .metric = "rms",
     .unit = "mrad",
     .lower_is_better = true,
     .seed = 7,
     .data_hash = 0x9c1f},
    {.script = "examples/jets.lua",
     .script_text = "",
     .settings = "",
     .metric = "accuracy",
     .seed = 8},
};

static int fill(struct loom_store *s, const char *id, struct loom_errmsg *e)
{
    int err = 0;
    for (int k = 1; !err && k <= 3; k++) {
        const struct loom_store_epoch row = {.epoch = k,
                                             .loss = 1.0 / k,
                                             .val_metric = 6.0 / k,
                                             .ebops = 3000.0 * k};
        const struct loom_store_point p = {.epoch = k,
                                           .val_metric = 6.0 / k,
                                           .ebops = 3000.0 * k,
                                           .checkpoint = "p.loom",
                                           .live = k != 2};
        err = loom_store_add_epochs(s, id, &row, 1, e);
        if (!err)
            err = loom_store_add_point(s, id, &p, e);
    }
    return err;
}

static int build(struct loom_store *s, const char *id, struct loom_errmsg *e)
{
    char dir[] = "/builds/1";
    struct loom_store_build b = {.epoch = 3, .device = "hx8k", .dir = dir};
    snprintf(b.run, sizeof(b.run), "%s", id);
    int err = loom_store_add_build(s, &b, e);
    return err ? err
               : loom_store_end_build(
                     s, b.id, "done",
                     "{\"cells\":{\"lc\":5870},\"fmax_mhz\":144.12}", e);
}

int main(int argc, char **argv)
{
    struct loom_errmsg e = {"usage: make_store FOLDER"};
    char id[LOOM_RUN_ID];
    struct loom_store *s =
        argc == 2 ? loom_store_open(argv[1], LOOM_STORE_WRITE, NULL, &e) : NULL;
    int err = s ? 0 : -1;
    for (int i = 0; !err && i < 3; i++) {
        err = loom_store_new_run(s, i < 2 ? "muon" : "jets", &infos[i], id, &e);
        if (!err)
            err = fill(s, id, &e);
        if (!err)
            err = i == 0 ? build(s, id, &e) : 0;
        if (!err && i < 2)
            err = loom_store_set_state(
                s, id, i ? LOOM_RUN_FAILED : LOOM_RUN_DONE,
                i ? "epoch 3: the loss is not a number" : NULL, &e);
    }
    if (err)
        fprintf(stderr, "%s\n", e.text);
    loom_store_close(s);
    return err ? 1 : 0;
}
