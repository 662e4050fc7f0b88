/* Lua tables as JSON values, for layer settings. */
#pragma once

#include <jansson.h>
#include <lua.h>

/* The value at index as JSON: nil -> NULL, booleans, numbers (integral ones
 * as integers), strings, tables (1..n keys: array, else object). New
 * reference; on failure NULL, with *why a static sentence. Never raises. */
json_t *loom_lua_to_json(lua_State *L, int index, const char **why);
