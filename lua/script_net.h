/* Networks that a script holds: made of layers, with the weights of another,
 * or taken from the front; trained without a run of their own, scored and
 * compared. For scripts that search. */
#pragma once

#include <lua.h>

#include "engine/aim.h"
#include "engine/model.h"

#define LOOM_NET_TYPE "loom.net"

struct loom_script_net {
    struct loom_model *model;
    struct loom_aim aim;
};

/* The network at a stack index; raises if it is none. */
struct loom_script_net *loom_script_net(lua_State *L, int index);

/* net, net_of, tune, rate, kl, ebops and their type, into the table on top. */
void loom_script_open_net(lua_State *L);

/* Functions of core on a network at 1 with a table of fields at 2
 * (script_build.c): what its cells are, and a build of it. */
int loom_script_cells(lua_State *L);
int loom_script_build(lua_State *L);
