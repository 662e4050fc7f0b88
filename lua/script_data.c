/* Arrays for scripts, and where their files are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/data_file.h"
#include "engine/dataset_build.h"
#include "engine/folder.h"
#include "engine/store.h"
#include "lua/script_impl.h"

/* Its address names the registry's entry of the methods of arrays. */
static const char METHODS;

/* ---- arrays ------------------------------------------------------------ */

struct loom_script_array *loom_script_array(lua_State *L, int index)
{
    struct loom_script_array *a = luaL_testudata(L, index, LOOM_ARRAY_TYPE);
    if (!a)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "expected an array from loom.load");
    return a;
}

size_t loom_script_column(lua_State *L, const struct loom_script_array *a,
                          int index)
{
    const char *name = luaL_tolstring(L, index, NULL);
    char *end, text[160];
    long column = loom_table_column(&a->t, name);
    unsigned long number = strtoul(name, &end, 10);
    if (column < 0 && *name && !*end && number >= 1 &&
        number <= loom_array_columns(&a->t.a))
        column = (long)number - 1; /* of an array without names */
    if (column < 0) {
        snprintf(text, sizeof(text), "no column \"%.60s\" in %s", name,
                 a->source);
        loom_script_raise(L, LOOM_ERR_MISSING, text);
    }
    lua_pop(L, 1);
    return (size_t)column;
}

/* An empty array on the stack; its data, once set, is freed with it. */
static struct loom_script_array *push_array(lua_State *L, const char *source)
{
    struct loom_script_array *a = lua_newuserdatauv(L, sizeof(*a), 0);
    *a = (struct loom_script_array){0};
    snprintf(a->source, sizeof(a->source), "%s", source);
    luaL_setmetatable(L, LOOM_ARRAY_TYPE);
    return a;
}

static int gc_array(lua_State *L)
{
    struct loom_script_array *a = luaL_checkudata(L, 1, LOOM_ARRAY_TYPE);
    if (!a->lent)
        loom_table_deinit(&a->t);
    return 0;
}

/* One made from another. */
static struct loom_array *push_like(lua_State *L,
                                    const struct loom_script_array *from,
                                    enum loom_dtype dtype, int n_dims,
                                    const size_t *dim)
{
    struct loom_errmsg e;
    struct loom_script_array *a = push_array(L, from->source);
    int err = loom_array_init(&a->t.a, dtype, n_dims, dim, LOOM_BYTES_MAX,
                              "array", &e);
    if (err)
        loom_script_raise_msg(L, err, &e);
    return &a->t.a;
}

/* a:scale(factor, offset): every element * factor + offset. */
static int array_scale(lua_State *L)
{
    struct loom_script_array *from = loom_script_array(L, 1);
    const struct loom_array *a = &from->t.a;
    double factor = luaL_checknumber(L, 2), offset = luaL_optnumber(L, 3, 0);
    struct loom_array *b = push_like(L, from, LOOM_F32, a->n_dims, a->dim);
    float *y = b->data;
    for (size_t j = 0; j < a->n; j++)
        y[j] = (float)(loom_array_get(a, j) * factor + offset);
    return 1;
}

/* a:replace(from, to): elements equal to `from` become `to`. */
static int array_replace(lua_State *L)
{
    struct loom_script_array *from = loom_script_array(L, 1);
    const struct loom_array *a = &from->t.a;
    double old = luaL_checknumber(L, 2), new = luaL_checknumber(L, 3);
    struct loom_array *b = push_like(L, from, LOOM_F32, a->n_dims, a->dim);
    float *y = b->data;
    for (size_t j = 0; j < a->n; j++) {
        double v = loom_array_get(a, j);
        y[j] = (float)(v == old ? new : v);
    }
    return 1;
}

/* a:column(name or number): that column, with its words. */
static int array_column(lua_State *L)
{
    struct loom_script_array *from = loom_script_array(L, 1);
    size_t column = loom_script_column(L, from, 2);
    struct loom_script_array *to = push_array(L, from->source);
    struct loom_errmsg e;
    int err = loom_table_pick(&from->t, column, &to->t, &e);
    return err ? loom_script_raise_msg(L, err, &e) : 1;
}

/* a:permute(4, 1, 2, 3): the axes in another order. */
static int array_permute(lua_State *L)
{
    struct loom_script_array *from = loom_script_array(L, 1);
    const struct loom_array *a = &from->t.a;
    size_t dim[LOOM_NPY_MAX_DIMS], step[LOOM_NPY_MAX_DIMS];
    size_t at[LOOM_NPY_MAX_DIMS] = {0}, size = loom_dtype_size(a->dtype);
    unsigned seen = 0;
    for (int k = 0; k < a->n_dims; k++) {
        lua_Integer axis = luaL_optinteger(L, k + 2, 0);
        if (axis < 1 || axis > a->n_dims || seen >> axis & 1 ||
            lua_gettop(L) != a->n_dims + 1)
            return loom_script_raise(L, LOOM_ERR_SHAPE,
                                     "permute: name each axis of the array "
                                     "once, as 4, 1, 2, 3");
        seen |= 1u << axis;
        dim[k] = a->dim[axis - 1];
        step[k] = size;
        for (int j = (int)axis; j < a->n_dims; j++)
            step[k] *= a->dim[j];
    }
    struct loom_array *b = push_like(L, from, a->dtype, a->n_dims, dim);
    const char *p = a->data;
    char *q = b->data;
    for (size_t i = 0; i < b->n; i++, q += size) {
        memcpy(q, p, size);
        for (int k = a->n_dims - 1; k >= 0; k--) {
            p += step[k];
            if (++at[k] < dim[k])
                break;
            p -= at[k] * step[k];
            at[k] = 0;
        }
    }
    return 1;
}

/* a:average_pool(h, w, k): rows are images of h x w; means of k x k. */
static int array_average_pool(lua_State *L)
{
    struct loom_script_array *from = loom_script_array(L, 1);
    const struct loom_array *a = &from->t.a;
    lua_Integer h = luaL_checkinteger(L, 2), w = luaL_checkinteger(L, 3);
    lua_Integer k = luaL_checkinteger(L, 4);
    if (h < 1 || w < 1 || k < 1 || h % k || w % k || h > 65536 || w > 65536 ||
        a->n_dims < 1 || loom_array_columns(a) != (size_t)(h * w))
        return loom_script_raise(L, LOOM_ERR_SHAPE,
                                 "average_pool(h, w, k): rows must have h*w "
                                 "elements, and k must divide h and w");
    size_t H = (size_t)h, W = (size_t)w, K = (size_t)k;
    size_t dim[2] = {a->dim[0], (H / K) * (W / K)};
    struct loom_array *b = push_like(L, from, LOOM_F32, 2, dim);
    float *y = b->data;
    for (size_t r = 0; r < dim[0]; r++)
        for (size_t i = 0; i < H; i++)
            for (size_t j = 0; j < W; j++)
                y[r * dim[1] + i / K * (W / K) + j / K] +=
                    (float)(loom_array_get(a, r * H * W + i * W + j) /
                            (double)(K * K));
    return 1;
}

static void push_names(lua_State *L, const struct loom_table *t)
{
    lua_createtable(L, (int)t->n_columns, 0);
    for (size_t k = 0; k < t->n_columns; k++) {
        lua_pushstring(L, t->name[k]);
        lua_rawseti(L, -2, (lua_Integer)k + 1);
    }
}

/* What core's table of methods has, as the library left it, or a field. */
static int array_index(lua_State *L)
{
    const struct loom_table *t = &loom_script_array(L, 1)->t;
    const char *key = luaL_checkstring(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &METHODS);
    if (lua_getfield(L, -1, key) != LUA_TNIL)
        return 1;
    if (!strcmp(key, "rows"))
        lua_pushinteger(L, t->a.n_dims ? (lua_Integer)t->a.dim[0] : 1);
    else if (!strcmp(key, "columns"))
        lua_pushinteger(L, (lua_Integer)loom_array_columns(&t->a));
    else if (!strcmp(key, "names"))
        push_names(L, t);
    else
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "an array has rows, columns, names, scale, "
                                 "average_pool, column, permute and replace");
    return 1;
}

/* What load's second argument says: a member, or a table of settings. */
static struct loom_data_conf load_conf(lua_State *L)
{
    struct loom_data_conf c = loom_data_plain;
    if (!lua_istable(L, 2)) {
        c.member = luaL_optstring(L, 2, NULL);
        return c;
    }
    lua_getfield(L, 2, "member"); /* the table keeps it alive */
    c.member = luaL_optstring(L, -1, NULL);
    lua_getfield(L, 2, "header");
    if (!lua_isnil(L, -1))
        c.csv.header = lua_toboolean(L, -1);
    lua_getfield(L, 2, "delimiter");
    const char *delimiter = luaL_optstring(L, -1, NULL);
    if (delimiter && (strlen(delimiter) != 1 || strchr("\"\n\r", *delimiter)))
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "load: field \"delimiter\" must be one character");
    c.csv.delimiter = delimiter ? *delimiter : 0;
    lua_pop(L, 3);
    return c;
}

/* load(path), load(path, member) or load(path, {member, header, delimiter}) */
static int load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1), *slash = strrchr(path, '/');
    struct loom_data_conf conf = load_conf(L);
    struct loom_script_array *a = push_array(L, slash ? slash + 1 : path);
    struct loom_errmsg e;
    int err = loom_data_read(path, &conf, &a->t, &e);
    return err ? loom_script_raise_msg(L, err, &e) : 1;
}

/* ---- finding files ----------------------------------------------------- */

struct search {
    lua_State *L;
    const char *name;
    char looked[1024];
};

/* On success pushes the path. */
static bool look_in(struct search *s, const char *folder, size_t n)
{
    char path[4096];
    size_t at = strlen(s->looked);
    snprintf(path, sizeof(path), "%.*s/%s", (int)n, folder, s->name);
    if (!access(path, R_OK)) {
        lua_pushstring(s->L, path);
        return true;
    }
    snprintf(s->looked + at, sizeof(s->looked) - at, "%s%.*s", at ? ", " : "",
             (int)n, folder);
    return false;
}

static bool look_everywhere(struct search *s, const char *script)
{
    const char *slash = strrchr(script, '/');
    size_t n = slash ? (size_t)(slash - script) : 1;
    const char *folder = slash ? script : ".";
    char near[4096];
    if (look_in(s, folder, n))
        return true;
    for (const char *p = getenv("LOOM_DATA"); p && *p;) {
        size_t m = strcspn(p, ":");
        if (m && look_in(s, p, m))
            return true;
        p += m + (p[m] == ':');
    }
    snprintf(near, sizeof(near), "%.*s/data", (int)n, folder);
    if (look_in(s, near, strlen(near)))
        return true;
    snprintf(near, sizeof(near), "%.*s/../../shared/data", (int)n, folder);
    if (look_in(s, near, strlen(near)) ||
        look_in(s, "../shared/data", strlen("../shared/data")))
        return true;
    char *home =
        loom_folder(LOOM_FOLDER_DATA); /* where bitloom fetch puts it */
    snprintf(near, sizeof(near), "%s/data", home);
    free(home);
    return look_in(s, near, strlen(near));
}

/* find(name): the path, or nil and the folders looked in. */
static int find(lua_State *L)
{
    struct search s = {.L = L, .name = luaL_checkstring(L, 1)};
    if (s.name[0] == '/' && !access(s.name, R_OK)) {
        lua_settop(L, 1);
        return 1;
    }
    if (look_everywhere(&s, loom_script_of(L)->host->script))
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, s.looked);
    return 2;
}

void loom_script_new_type(lua_State *L, const char *name, lua_CFunction gc,
                          lua_CFunction index)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void loom_script_open_data(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", find},
        {"load", load},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"scale", array_scale},     {"average_pool", array_average_pool},
        {"replace", array_replace}, {"column", array_column},
        {"permute", array_permute}, {NULL, NULL},
    };
    loom_script_new_type(L, LOOM_ARRAY_TYPE, gc_array, array_index);
    luaL_setfuncs(L, functions, 0);
    luaL_newlib(L, methods);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &METHODS);
    lua_setfield(L, -2, "methods");
    loom_script_open_dataset(L);
}
