/* Shared by script.c (the state, points), script_train.c (training),
 * script_net.c (networks), script_build.c (their cells), script_data.c (arrays),
 * script_dataset.c (data sets) and script_share.c (what scripts share of them).
 * Memory that must survive a Lua error is anchored in a userdata before the next
 * call that can raise. */
#pragma once

#include <lauxlib.h>
#include <lua.h>

#include "engine/table.h"
#include "lua/script.h"

#define LOOM_ARRAY_TYPE   "loom.array"
#define LOOM_DATASET_TYPE "loom.dataset"

struct loom_script {
    const struct loom_script_host *host;
    int err; /* code of the last failure in C */
};

/* The state's own struct. */
struct loom_script *loom_script_of(lua_State *L);

/* Raise "script:line: sentence" at the innermost line of the user's script,
 * remembering the code. Does not return. */
int loom_script_raise(lua_State *L, int err, const char *sentence);

int loom_script_raise_msg(lua_State *L, int err, const struct loom_errmsg *e);

/* Field of the table at 1: number (integer if whole), with bounds. */
double loom_script_number(lua_State *L, const char *name, double standard,
                          double lo, double hi);
/* String field copied into buf; `standard` when absent. */
void loom_script_string(lua_State *L, const char *name, const char *standard,
                        char *buf, size_t size);

/* What an array of the script is, and the file that it comes from. lent: its
 * data is another's, here and below. */
struct loom_script_array {
    struct loom_table t;
    char source[64];
    bool lent;
};

struct loom_script_dataset {
    struct loom_dataset *d; /* NULL: not made yet */
    bool lent;
};

/* The array at a stack index; raises if it is none. */
struct loom_script_array *loom_script_array(lua_State *L, int index);

/* The column of an array that the name or number (from 1) at a stack index
 * means; raises if it is none. */
size_t loom_script_column(lua_State *L, const struct loom_script_array *a,
                          int index);

/* A type of userdata. */
void loom_script_new_type(lua_State *L, const char *name, lua_CFunction gc,
                          lua_CFunction index);

/* find, load, data, muon and their types, into the table on top. */
void loom_script_open_data(lua_State *L);
void loom_script_open_dataset(lua_State *L);

/* Into the table of core on top: `share`, and whether there is anyone to share
 * with, `shares`. */
void loom_script_open_share(lua_State *L);
/* The script has all of its data. */
void loom_script_settle_share(lua_State *L);

/* loom.train, as core has it: a table of fields at 1. */
int loom_script_train(lua_State *L);

/* A schedule, or a question, that is a Lua function: kept in the registry. */
struct loom_script_call {
    lua_State *L;
    int ref;
};
struct loom_script_calls {
    struct loom_script_call lr, beta, stop;
    const struct loom_aim *aim; /* whose metrics `stop` is told of */
};

/* All that the table at 1 says of a training, but for its model; both must live
 * as long as that. */
void loom_script_request(lua_State *L, struct loom_train_request *r,
                         struct loom_script_calls *calls);
/* What it says of losses and metrics, for this data. */
void loom_script_aim(lua_State *L, const struct loom_dataset *d,
                     struct loom_aim *a);
/* Its field "model", made; owned by the caller. Raises what is wrong. */
struct loom_model *loom_script_take_model(lua_State *L, uint64_t seed);

/* Raise what has come of something long, which the user may have stopped. */
int loom_script_fail(lua_State *L, int err, const struct loom_errmsg *e);

/* The data set at a stack index; raises if it is none. */
struct loom_dataset *loom_script_dataset(lua_State *L, int index);
