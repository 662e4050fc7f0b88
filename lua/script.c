#include "lua/script.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "engine/mem.h"
#include "lua/script_impl.h"
#include "lua/script_net.h"

#include "loom_lua.h" /* made from loom.lua: loom_lua_source, its size */

/* Its address names the registry's entry of the state's own struct. */
static const char KEY;

struct loom_script *loom_script_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &KEY);
    struct loom_script *s = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return s;
}

int loom_script_raise(lua_State *L, int err, const char *sentence)
{
    lua_Debug ar;
    loom_script_of(L)->err = err;
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.source[0] == '@' && ar.currentline > 0) {
            lua_pushfstring(L, "%s:%d: %s", ar.source + 1, ar.currentline,
                            sentence);
            return lua_error(L);
        }
    }
    lua_pushstring(L, sentence);
    return lua_error(L);
}

int loom_script_raise_msg(lua_State *L, int err, const struct loom_errmsg *e)
{
    return loom_script_raise(L, err, e->text);
}

static int fail(lua_State *L)
{
    return loom_script_raise(L, LOOM_ERR_SCRIPT, luaL_checkstring(L, 1));
}

double loom_script_number(lua_State *L, const char *name, double standard,
                          double lo, double hi)
{
    lua_getfield(L, 1, name);
    double v = standard;
    if (!lua_isnil(L, -1)) {
        int is_number;
        v = lua_tonumberx(L, -1, &is_number);
        if (!is_number || !(v >= lo && v <= hi)) {
            char text[160];
            snprintf(text, sizeof(text),
                     "field \"%s\" must be a number from %g to %g", name, lo,
                     hi);
            loom_script_raise(L, LOOM_ERR_SCRIPT, text);
        }
    }
    lua_pop(L, 1);
    return v;
}

void loom_script_string(lua_State *L, const char *name, const char *standard,
                        char *buf, size_t size)
{
    lua_getfield(L, 1, name);
    const char *s = lua_isnil(L, -1) ? standard : lua_tostring(L, -1);
    if (!s || strlen(s) >= size) {
        char text[128];
        snprintf(text, sizeof(text),
                 "field \"%s\" must be a string of at most %zu characters",
                 name, size - 1);
        loom_script_raise(L, LOOM_ERR_SCRIPT, text);
    } else {
        memcpy(buf, s, strlen(s) + 1);
    }
    lua_pop(L, 1);
}

static int point(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_pareto_point p;
    if (!h->point(h->ud, (int)luaL_checkinteger(L, 1) - 1, &p))
        return 0;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, p.epoch);
    lua_setfield(L, -2, "epoch");
    lua_pushnumber(L, p.metric);
    lua_setfield(L, -2, "metric");
    lua_pushnumber(L, p.ebops);
    lua_setfield(L, -2, "ebops");
    lua_pushnumber(L, p.cost);
    lua_setfield(L, -2, "cost");
    return 1;
}

/* ---- the state --------------------------------------------------------- */

static int print(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    luaL_Buffer b;
    int n = lua_gettop(L);
    luaL_buffinit(L, &b);
    for (int k = 1; k <= n; k++) {
        if (k > 1)
            luaL_addchar(&b, '\t');
        luaL_tolstring(L, k, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    h->print(h->ud, lua_tostring(L, -1));
    return 0;
}

static void push_settings(lua_State *L, const char *const *set)
{
    lua_newtable(L);
    for (; set && *set; set++) {
        const char *eq = strchr(*set, '=');
        if (!eq)
            continue;
        lua_pushlstring(L, *set, (size_t)(eq - *set));
        lua_pushstring(L, eq + 1);
        lua_rawset(L, -3);
    }
}

static int open_all(lua_State *L)
{
    static const luaL_Reg core[] = {
        {"fail", fail},
        {"train", loom_script_train},
        {"point", point},
        {NULL, NULL},
    };
    struct loom_script *s = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_pushlightuserdata(L, s);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &KEY);
    lua_pushcfunction(L, print);
    lua_setglobal(L, "print");
    if (luaL_loadbuffer(L, loom_lua_source, sizeof(loom_lua_source) - 1,
                        "=loom.lua"))
        return lua_error(L);
    luaL_newlib(L, core);
    push_settings(L, s->host->set);
    lua_setfield(L, -2, "settings");
    loom_script_open_data(L);
    loom_script_open_net(L);
    loom_script_open_share(L);
    lua_call(L, 1, 1);
    lua_setglobal(L, "loom");
    return 0;
}

lua_State *loom_script_new(const struct loom_script_host *host)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return NULL;
    /* Lives as long as the state: a userdata that the registry holds. */
    struct loom_script *s = lua_newuserdatauv(L, sizeof(*s), 0);
    *s = (struct loom_script){.host = host};
    lua_rawsetp(L, LUA_REGISTRYINDEX, s);
    lua_pushcfunction(L, open_all);
    lua_pushlightuserdata(L, s);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        lua_close(L);
        return NULL;
    }
    return L;
}

static bool names(const char *message, const char *source)
{
    size_t n = strlen(source);
    return !strncmp(message, source, n) && message[n] == ':';
}

/* Every message names a line of the user's script: also where the error is no
 * string, or came up within the library, whose own line says nothing. */
static int to_message(lua_State *L)
{
    lua_Debug ar;
    if (!lua_tostring(L, 1))
        lua_pushfstring(L, "the script raised a %s", luaL_typename(L, 1));
    const char *message = lua_tostring(L, -1);
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.source[0] != '@' || ar.currentline <= 0)
            continue;
        if (names(message, ar.source + 1) || names(message, ar.short_src))
            return 1;
        if (names(message, "loom.lua"))
            message = strchr(message, ' ') + 1;
        lua_pushfstring(L, "%s:%d: %s", ar.source + 1, ar.currentline, message);
        return 1;
    }
    return 1;
}

/* As lua_loadfilex does: without a byte order mark, and a first line for the
 * shell is only a line. */
static int load_text(lua_State *L, const char *text, const char *path)
{
    if (!strncmp(text, "\xef\xbb\xbf", 3))
        text += 3;
    if (*text == '#')
        text += strcspn(text, "\n");
    lua_pushfstring(L, "@%s", path);
    int rc = luaL_loadbufferx(L, text, strlen(text), lua_tostring(L, -1), "t");
    lua_remove(L, -2);
    return rc;
}

int loom_script_run(lua_State *L, const char *path, const char *text,
                    struct loom_errmsg *e)
{
    struct loom_script *s = loom_script_of(L);
    int err = 0;
    s->err = 0;
    lua_settop(L, 0);
    lua_pushcfunction(L, to_message);
    int rc = text ? load_text(L, text, path) : luaL_loadfilex(L, path, "t");
    if (rc == LUA_OK)
        rc = lua_pcall(L, 0, 0, 1);
    if (rc == LUA_ERRFILE)
        err = loom_fail(e, LOOM_ERR_MISSING, "%s", lua_tostring(L, -1));
    else if (rc != LUA_OK)
        err = loom_fail(e, s->err ? s->err : LOOM_ERR_SCRIPT, "%s",
                        lua_tostring(L, -1));
    lua_settop(L, 0);
    return err;
}
