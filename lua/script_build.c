/* What a script's network takes of a device: predicted, synthesized, built. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/build.h"
#include "fpga_flow/measure.h"
#include "fpga_flow/target.h"
#include "lua/ljson.h"
#include "lua/script_impl.h"
#include "lua/script_net.h"

enum { MAX_VECTORS = 10000 };

/* Anchored, so that a Lua error frees all of it. */
struct work {
    struct loom_exact *net;
    struct loom_design *design;
    struct loom_synthesized *layer;
    struct loom_build *build;
    int64_t *vectors;
    char *scratch; /* a folder */
};

static int gc_work(lua_State *L)
{
    struct work *w = lua_touserdata(L, 1);
    loom_build_destroy(w->build);
    loom_design_destroy(w->design);
    loom_exact_destroy(w->net);
    free(w->layer);
    free(w->vectors);
    if (w->scratch)
        loom_file_remove_tree(w->scratch);
    free(w->scratch);
    *w = (struct work){0};
    return 0;
}

static struct work *push_work(lua_State *L)
{
    struct work *w = lua_newuserdatauv(L, sizeof(*w), 0);
    *w = (struct work){0};
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, gc_work);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return w;
}

/* The network at 1, frozen, for the device that the table at 2 names; from
 * then on that table is at 1. */
static const struct loom_device *freeze(lua_State *L, struct work *w)
{
    struct loom_errmsg e;
    char name[32];
    struct loom_model *m = loom_script_net(L, 1)->model;
    lua_pushvalue(L, 2);
    lua_replace(L, 1);
    loom_script_string(L, "device", "hx8k", name, sizeof(name));
    const struct loom_device *device = loom_device_find(name);
    if (!device)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "field \"device\" must be one of those that bitloom "
                          "devices lists");
    w->net = loom_model_freeze(m, &e);
    if (!w->net)
        loom_script_raise_msg(L, LOOM_ERR_RANGE, &e);
    return device;
}

static char *scratch(lua_State *L, struct work *w)
{
    struct loom_errmsg e;
    w->scratch = loom_folder_scratch(&e);
    if (!w->scratch)
        loom_script_raise_msg(L, LOOM_ERR_IO, &e);
    return w->scratch;
}

/* ---- cells -------------------------------------------------------------- */

static void set_cells(lua_State *L, int lut4, int carry, int ff)
{
    lua_pushinteger(L, lut4);
    lua_setfield(L, -2, "lut4");
    lua_pushinteger(L, carry);
    lua_setfield(L, -2, "carry");
    lua_pushinteger(L, ff);
    lua_setfield(L, -2, "ff");
}

static void push_cells(lua_State *L, const struct work *w,
                       struct loom_cells all)
{
    const struct loom_wires *wires = w->design->w;
    lua_createtable(L, 0, 6);
    set_cells(L, all.lut4, all.carry, all.ff);
    lua_pushinteger(L, all.lc);
    lua_setfield(L, -2, "lc");
    lua_pushinteger(L, w->design->latency);
    lua_setfield(L, -2, "latency");
    lua_createtable(L, 0, (int)wires->n_layers);
    for (size_t k = 0; k < wires->n_layers; k++) {
        struct loom_cells p = loom_target_predict(w->design, (int)k);
        lua_createtable(L, 0, 3);
        if (w->layer)
            set_cells(L, w->layer[k].lut4, w->layer[k].carry, w->layer[k].ff);
        else
            set_cells(L, p.lut4, p.carry, p.ff);
        lua_setfield(L, -2, wires->layer[k].name);
    }
    lua_setfield(L, -2, "layers");
}

/* cells(net, {device, levels, measured}) -> {lut4, carry, ff, lc, latency,
 * layers = {name = {lut4, carry, ff}}}: of the core and its serial harness,
 * predicted, or counted in what Yosys and nextpnr's packing make of it. */
int loom_script_cells(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_errmsg e;
    lua_settop(L, 2);
    struct work *w = push_work(L);
    const struct loom_device *device = freeze(L, w);
    int levels = (int)loom_script_number(L, "levels", 0, -1, 1000), err = 0;
    lua_getfield(L, 1, "measured");
    bool measured = lua_toboolean(L, -1);
    w->design = loom_design_new(
        w->net,
        &(struct loom_design_conf){.name = "net",
                                   .family = device->family,
                                   .levels = loom_pipeline_levels(levels)},
        &e);
    if (!w->design)
        return loom_script_raise_msg(L, LOOM_ERR_RANGE, &e);
    struct loom_cells all = loom_target_predict(w->design, -1);
    if (measured) {
        w->layer = loom_calloc(w->design->w->n_layers + 1, sizeof(*w->layer));
        err = loom_measure_run(&(struct loom_measurement){.device = device,
                                                          .dir = scratch(L, w),
                                                          .layer = w->layer,
                                                          .cancel = h->cancel},
                               w->design, &all, &e);
    }
    if (err)
        return loom_script_fail(L, err, &e);
    push_cells(L, w, all);
    return 1;
}

/* ---- a build ------------------------------------------------------------ */

struct thread {
    struct loom_build *build;
    struct loom_errmsg e;
    int err;
    atomic_bool done;
};

static void *build_main(void *arg)
{
    struct thread *t = arg;
    t->err = loom_build_run(t->build, &t->e);
    atomic_store(&t->done, true);
    return NULL;
}

/* Wait for it; meanwhile the session does what it is asked for. */
static int run(struct loom_build *b, const struct loom_script_host *h,
               struct loom_errmsg *e)
{
    struct thread t = {.build = b};
    struct timespec tick = {0, 50 * 1000000};
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&thread, NULL, build_main, &t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        return loom_fail(e, LOOM_ERR_NOMEM, "build: no thread for it");
    while (!atomic_load(&t.done)) {
        nanosleep(&tick, NULL);
        if (h->alive && !h->alive(h->ud))
            loom_build_cancel(b);
    }
    pthread_join(thread, NULL);
    *e = t.e;
    return t.err;
}

/* build(net, {device, data, clock, seeds, levels, dir}): simulated on the test
 * rows, placed and routed; what build.json holds. Without dir nothing stays. */
int loom_script_build(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_errmsg e;
    char dir[4096];
    lua_settop(L, 2);
    struct work *w = push_work(L);
    const struct loom_device *device = freeze(L, w);
    lua_getfield(L, 1, "data");
    const struct loom_rows *rows = &loom_script_dataset(L, -1)->part[LOOM_TEST];
    loom_script_string(L, "dir", "", dir, sizeof(dir));
    struct loom_build_conf conf = {
        .net = w->net,
        .name = "net",
        .device = device->name,
        .clock_mhz = loom_script_number(L, "clock", 0, 0, 1000),
        .seeds = (int)loom_script_number(L, "seeds", 1, 1, 64),
        .levels = (int)loom_script_number(L, "levels", 0, -1, 1000),
        .n_vectors = rows->rows < MAX_VECTORS ? rows->rows : MAX_VECTORS,
        .dir = dir[0] ? dir : scratch(L, w)};
    conf.vectors = w->vectors =
        loom_calloc(conf.n_vectors * w->net->in_size + 1, sizeof(int64_t));
    int err =
        loom_exact_quantize(w->net, rows->x, conf.n_vectors, w->vectors, &e);
    if (!err) {
        w->build = loom_build_new(&conf, &e);
        err = w->build ? run(w->build, h, &e) : LOOM_ERR_ARG;
    }
    if (err)
        return loom_script_fail(L, err, &e);
    json_t *report = loom_build_report(w->build);
    loom_lua_from_json(L, report);
    json_decref(report);
    return 1;
}
