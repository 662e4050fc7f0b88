/* Lua tables as JSON values, for layer settings, and back, for reports. */
#pragma once

#include <jansson.h>
#include <lua.h>

/* The value at index as JSON: nil -> NULL, booleans, numbers (integral ones
 * as integers), strings, tables (1..n keys: array, else object). New
 * reference; on failure NULL, with *why a static sentence. Never raises. */
json_t *loom_lua_to_json(lua_State *L, int index, const char **why);

/* The other way: pushes the value; null becomes nil. */
void loom_lua_from_json(lua_State *L, const json_t *j);
