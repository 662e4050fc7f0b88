#include "lua/ljson.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include <lauxlib.h>

enum { MAX_DEPTH = 16 };

static json_t *value(lua_State *L, int index, int depth, const char **why);

/* The keys of a table are walked with their values on the stack; nothing here
 * can raise: strings are only read where they are strings. */
static json_t *table(lua_State *L, int index, int depth, const char **why)
{
    bool list = lua_rawlen(L, index) > 0;
    json_t *j = list ? json_array() : json_object();
    if (list) {
        for (lua_Integer k = 1; j && k <= (lua_Integer)lua_rawlen(L, index);
             k++) {
            lua_rawgeti(L, index, k);
            json_t *v = value(L, lua_gettop(L), depth + 1, why);
            lua_pop(L, 1);
            if (!v || json_array_append_new(j, v) < 0) {
                json_decref(j);
                j = NULL;
            }
        }
        return j;
    }
    lua_pushnil(L);
    while (lua_next(L, index)) {
        json_t *v = NULL;
        if (lua_type(L, -2) != LUA_TSTRING)
            *why = "a table has a key that is no string";
        else
            v = value(L, lua_gettop(L), depth + 1, why);
        if (!v || json_object_set_new(j, lua_tostring(L, -2), v) < 0) {
            lua_pop(L, 2);
            json_decref(j);
            return NULL;
        }
        lua_pop(L, 1);
    }
    return j;
}

static json_t *value(lua_State *L, int index, int depth, const char **why)
{
    *why = "a value is no boolean, number, string or table";
    if (depth > MAX_DEPTH || !lua_checkstack(L, 4)) {
        *why = "tables are nested too deeply";
        return NULL;
    }
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(L, index));
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return json_integer((json_int_t)lua_tointeger(L, index));
        *why = "a number is not finite";
        return isfinite(lua_tonumber(L, index))
                   ? json_real(lua_tonumber(L, index))
                   : NULL;
    case LUA_TSTRING:
        *why = "a string is not valid UTF-8";
        return json_string(lua_tostring(L, index));
    case LUA_TTABLE:
        return table(L, index, depth, why);
    default:
        return NULL;
    }
}

json_t *loom_lua_to_json(lua_State *L, int index, const char **why)
{
    *why = "there is no value";
    return lua_isnoneornil(L, index) ? NULL
                                     : value(L, lua_absindex(L, index), 0, why);
}

static void push_table(lua_State *L, const json_t *j)
{
    const char *key;
    json_t *v;
    size_t k;
    luaL_checkstack(L, 4, "a report is nested too deeply");
    lua_newtable(L);
    json_array_foreach(j, k, v)
    {
        loom_lua_from_json(L, v);
        lua_rawseti(L, -2, (lua_Integer)k + 1);
    }
    json_object_foreach((json_t *)(uintptr_t)j, key, v)
    {
        loom_lua_from_json(L, v);
        lua_setfield(L, -2, key);
    }
}

void loom_lua_from_json(lua_State *L, const json_t *j)
{
    if (json_is_array(j) || json_is_object(j))
        push_table(L, j);
    else if (json_is_string(j))
        lua_pushstring(L, json_string_value(j));
    else if (json_is_integer(j))
        lua_pushinteger(L, (lua_Integer)json_integer_value(j));
    else if (json_is_real(j))
        lua_pushnumber(L, json_real_value(j));
    else if (json_is_boolean(j))
        lua_pushboolean(L, json_is_true(j));
    else
        lua_pushnil(L);
}
