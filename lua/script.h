/* The library `loom` that scripts see: data, models, schedules, training.
 * The C side is the table `core`; loom.lua, compiled in, builds the friendly
 * one on it. What training means is the session's business: it gives two
 * functions. */
#pragma once

#include <stdatomic.h>

#include <lua.h>

#include "engine/checkpoint.h"
#include "engine/dataset.h"
#include "engine/model.h"
#include "engine/trainer.h"
#include "lua/depot.h"

/* What a script's loom.train{...} asked for. */
struct loom_train_request {
    struct loom_model *take_model;
    struct loom_dataset *data;     /* borrowed from the script's state */
    struct loom_trainer_conf conf; /* dir and threads are the session's */
    char name[32];                 /* of the run, e.g. "muon" */
    char device[24];               /* for builds; "" none given */
};

struct loom_script_host {
    void *ud;
    /* Train to the end (or to the user's stop). 0, or an error in e. */
    int (*train)(void *ud, struct loom_train_request *r, struct loom_errmsg *e);
    /* Point k of the front after training; false when there is none. */
    bool (*point)(void *ud, int k, struct loom_pareto_point *out);
    /* The checkpoint of such a point. */
    int (*load)(void *ud, const struct loom_pareto_point *p,
                struct loom_checkpoint *out, struct loom_errmsg *e);
    /* While a script waits for something long: do what the user asks for.
     * False: it is to end. NULL: nobody asks. */
    bool (*alive)(void *ud);
    const atomic_bool *cancel; /* for what cannot ask; may be NULL */
    int threads;               /* of trainings in memory; 0: one a processor */
    void (*print)(void *ud, const char *line);
    const char *script;     /* path, for relative files */
    const char *const *set; /* "key=value" list, NULL-ended, or NULL */
    int epochs;             /* > 0: over the script's */
    int64_t seed;           /* >= 0: over the script's */
    struct loom_depot *depot; /* shared with other scripts, or NULL */
};

/* A state with the standard libraries and loom; host is borrowed and must
 * outlive it. NULL: no memory. */
lua_State *loom_script_new(const struct loom_script_host *host);

/* Run the script file, or, where it is not NULL, a text as if it were in that
 * file. LOOM_ERR_SCRIPT with "script:line: ..." in e; other
 * codes where train failed (LOOM_ERR_NAN, LOOM_ERR_CANCELLED, ...). */
int loom_script_run(lua_State *L, const char *path, const char *text,
                    struct loom_errmsg *e);
