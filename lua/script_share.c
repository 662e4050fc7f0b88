/* Arrays and data sets that scripts of one process share: core.share. What the
 * depot holds is a loom_script_array or loom_script_dataset that owns; a
 * script's own value borrows from it. */
#include <stdlib.h>

#include "engine/mem.h"
#include "lua/script_impl.h"

enum kind { ARRAY, DATASET };

struct thing {
    enum kind kind;
    union {
        struct loom_script_array array;
        struct loom_script_dataset dataset;
    } of;
};

static void destroy(void *p)
{
    struct thing *t = p;
    if (t->kind == ARRAY)
        loom_table_deinit(&t->of.array.t);
    else
        loom_dataset_destroy(t->of.dataset.d);
    free(t);
}

/* What the value on the stack's top owns; from now on it borrows. NULL: it is
 * nothing that can be shared. */
static struct thing *take(lua_State *L)
{
    struct loom_script_array *a = luaL_testudata(L, -1, LOOM_ARRAY_TYPE);
    struct loom_script_dataset *d = luaL_testudata(L, -1, LOOM_DATASET_TYPE);
    if (!a && !d)
        return NULL;
    struct thing *t = loom_calloc(1, sizeof(*t));
    t->kind = a ? ARRAY : DATASET;
    if (a) {
        t->of.array = *a;
        a->lent = true;
    } else {
        t->of.dataset = *d;
        d->lent = true;
    }
    return t;
}

static void push(lua_State *L, const struct thing *t)
{
    if (t->kind == ARRAY) {
        struct loom_script_array *a = lua_newuserdatauv(L, sizeof(*a), 0);
        *a = t->of.array;
        a->lent = true;
        luaL_setmetatable(L, LOOM_ARRAY_TYPE);
    } else {
        struct loom_script_dataset *d = lua_newuserdatauv(L, sizeof(*d), 1);
        *d = (struct loom_script_dataset){t->of.dataset.d, true};
        luaL_setmetatable(L, LOOM_DATASET_TYPE);
    }
}

/* share(recipe, make, ...): what the depot has of that recipe, or make(...),
 * which it has from then on. */
static int share(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_depot *d = h->depot;
    const char *recipe = luaL_checkstring(L, 1);
    int rc = LUA_OK;
    loom_depot_lock(d);
    struct thing *t = loom_depot_find(d, recipe, h);
    if (!t) {
        rc = lua_pcall(L, lua_gettop(L) - 2, 1, 0);
        struct thing *made = rc == LUA_OK ? take(L) : NULL;
        if (made)
            loom_depot_add(d, recipe, made, destroy, h);
    }
    loom_depot_unlock(d);
    if (rc != LUA_OK)
        return lua_error(L);
    if (t)
        push(L, t);
    return 1;
}

void loom_script_open_share(lua_State *L)
{
    lua_pushcfunction(L, share);
    lua_setfield(L, -2, "share");
    lua_pushboolean(L, loom_script_of(L)->host->depot != NULL);
    lua_setfield(L, -2, "shares");
}

void loom_script_settle_share(lua_State *L)
{
    const struct loom_script *s = loom_script_of(L);
    if (s->host->depot)
        loom_depot_tidy(s->host->depot);
}
