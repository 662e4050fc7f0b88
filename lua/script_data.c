/* Arrays and data sets for scripts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/idx.h"
#include "engine/mem.h"
#include "engine/muon.h"
#include "lua/script_impl.h"

static int raise_msg(lua_State *L, int err, const struct loom_errmsg *e)
{
    return loom_script_raise(L, err, e->text);
}

/* ---- arrays ------------------------------------------------------------ */

static struct loom_array *check_array(lua_State *L, int index)
{
    struct loom_array *a = luaL_testudata(L, index, LOOM_ARRAY_TYPE);
    if (!a)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "expected an array from loom.load");
    return a;
}

/* An empty array on the stack; its data, once set, is freed with it. */
static struct loom_array *push_array(lua_State *L)
{
    struct loom_array *a = lua_newuserdatauv(L, sizeof(*a), 0);
    *a = (struct loom_array){0};
    luaL_setmetatable(L, LOOM_ARRAY_TYPE);
    return a;
}

static int gc_array(lua_State *L)
{
    loom_array_deinit(luaL_checkudata(L, 1, LOOM_ARRAY_TYPE));
    return 0;
}

static size_t columns_of(const struct loom_array *a)
{
    return a->n_dims && a->dim[0] ? a->n / a->dim[0] : 1;
}

static struct loom_array *push_f32(lua_State *L, int n_dims, const size_t *dim)
{
    struct loom_errmsg e;
    struct loom_array *a = push_array(L);
    a->dtype = LOOM_F32;
    a->n_dims = n_dims;
    a->n = 1;
    for (int d = 0; d < n_dims; d++) {
        a->dim[d] = dim[d];
        a->n *= dim[d];
    }
    a->data = loom_try_alloc(a->n, sizeof(float), "array", &e);
    if (!a->data)
        raise_msg(L, LOOM_ERR_NOMEM, &e);
    return a;
}

/* a:scale(factor, offset): every element * factor + offset. */
static int array_scale(lua_State *L)
{
    struct loom_array *a = check_array(L, 1);
    double factor = luaL_checknumber(L, 2), offset = luaL_optnumber(L, 3, 0);
    struct loom_array *b = push_f32(L, a->n_dims, a->dim);
    float *y = b->data;
    for (size_t j = 0; j < a->n; j++)
        y[j] = (float)(loom_array_get(a, j) * factor + offset);
    return 1;
}

/* a:average_pool(h, w, k): rows are images of h x w; means of k x k. */
static int array_average_pool(lua_State *L)
{
    struct loom_array *a = check_array(L, 1);
    lua_Integer h = luaL_checkinteger(L, 2), w = luaL_checkinteger(L, 3);
    lua_Integer k = luaL_checkinteger(L, 4);
    if (h < 1 || w < 1 || k < 1 || h % k || w % k || h > 65536 || w > 65536 ||
        a->n_dims < 1 || columns_of(a) != (size_t)(h * w))
        return loom_script_raise(L, LOOM_ERR_SHAPE,
                                 "average_pool(h, w, k): rows must have h*w "
                                 "elements, and k must divide h and w");
    size_t H = (size_t)h, W = (size_t)w, K = (size_t)k;
    size_t dim[2] = {a->dim[0], (H / K) * (W / K)};
    struct loom_array *b = push_f32(L, 2, dim);
    float *y = b->data;
    for (size_t r = 0; r < dim[0]; r++)
        for (size_t i = 0; i < H; i++)
            for (size_t j = 0; j < W; j++)
                y[r * dim[1] + i / K * (W / K) + j / K] +=
                    (float)(loom_array_get(a, r * H * W + i * W + j) /
                            (double)(K * K));
    return 1;
}

static int array_index(lua_State *L)
{
    struct loom_array *a = check_array(L, 1);
    const char *key = luaL_checkstring(L, 2);
    if (!strcmp(key, "rows"))
        lua_pushinteger(L, a->n_dims ? (lua_Integer)a->dim[0] : 1);
    else if (!strcmp(key, "columns"))
        lua_pushinteger(L, (lua_Integer)columns_of(a));
    else if (!strcmp(key, "scale"))
        lua_pushcfunction(L, array_scale);
    else if (!strcmp(key, "average_pool"))
        lua_pushcfunction(L, array_average_pool);
    else
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "an array has rows, columns, scale and "
                                 "average_pool");
    return 1;
}

/* Last characters of a path, whatever stands before. */
static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

/* load(path) or load(path, member) */
static int load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    const char *member = luaL_optstring(L, 2, NULL);
    struct loom_array *a = push_array(L);
    struct loom_errmsg e;
    int err;
    if (ends(path, ".npz")) {
        if (!member)
            return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                     "load: name the member of the .npz file "
                                     "too");
        struct loom_npz *z = loom_npz_open(path, &e);
        err = z ? loom_npz_read(z, member, a, &e) : LOOM_ERR_IO;
        loom_npz_close(z);
    } else if (ends(path, ".npy")) {
        err = loom_npy_read(path, a, &e);
    } else {
        err = loom_idx_read(path, a, &e);
    }
    return err ? raise_msg(L, err, &e) : 1;
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
    return look_in(s, near, strlen(near)) ||
           look_in(s, "../shared/data", strlen("../shared/data"));
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

/* ---- data sets --------------------------------------------------------- */

struct loom_dataset *loom_script_dataset(lua_State *L, int index)
{
    struct loom_dataset **d = luaL_testudata(L, index, LOOM_DATASET_TYPE);
    if (!d || !*d)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "expected a data set from loom.data or loom.muon "
                          "(field \"data\")");
    return d ? *d : NULL;
}

static int gc_dataset(lua_State *L)
{
    struct loom_dataset **d = luaL_checkudata(L, 1, LOOM_DATASET_TYPE);
    loom_dataset_destroy(*d);
    *d = NULL;
    return 0;
}

static int dataset_index(lua_State *L)
{
    struct loom_dataset *d = loom_script_dataset(L, 1);
    const char *key = luaL_checkstring(L, 2);
    static const char *const parts[] = {"train", "val", "test"};
    for (int p = 0; p < LOOM_N_PARTS; p++)
        if (!strcmp(key, parts[p])) {
            lua_pushinteger(L, (lua_Integer)d->part[p].rows);
            return 1;
        }
    if (!strcmp(key, "inputs"))
        lua_pushinteger(L, (lua_Integer)d->n_in);
    else if (!strcmp(key, "outputs"))
        lua_pushinteger(L, (lua_Integer)d->n_out);
    else
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "a data set has inputs, outputs, and the "
                                 "rows of train, val and test");
    return 1;
}

/* The anchor first: what is stored in it is freed on any error. */
static struct loom_dataset **push_dataset(lua_State *L)
{
    struct loom_dataset **d = lua_newuserdatauv(L, sizeof(*d), 0);
    *d = NULL;
    luaL_setmetatable(L, LOOM_DATASET_TYPE);
    return d;
}

/* The array in field `name` of the table at 1, or NULL. */
static const struct loom_array *array_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    const struct loom_array *a = lua_isnil(L, -1) ? NULL : check_array(L, -1);
    lua_pop(L, 1); /* the table keeps it alive */
    return a;
}

static int shape_error(lua_State *L, const char *word, const char *what)
{
    char text[192];
    snprintf(text, sizeof(text), "data: x_%s and y_%s: %s", word, word, what);
    return loom_script_raise(L, LOOM_ERR_SHAPE, text);
}

static void fill_part(lua_State *L, struct loom_dataset *d, enum loom_part part,
                      const char *word, bool classes)
{
    char name[16];
    struct loom_errmsg e;
    snprintf(name, sizeof(name), "x_%s", word);
    const struct loom_array *x = array_field(L, name);
    snprintf(name, sizeof(name), "y_%s", word);
    const struct loom_array *y = array_field(L, name);
    if (!x && !y)
        return;
    if (!x || !y || !x->n_dims || !y->n_dims || x->dim[0] != y->dim[0])
        shape_error(L, word, "both are needed, with the same rows");
    if (columns_of(x) != d->n_in)
        shape_error(L, word, "x must have as many columns as in training");
    if (columns_of(y) != (classes ? 1 : d->n_out))
        shape_error(L, word, "y must have one label (or target) a row");
    size_t rows = x->dim[0];
    int err = loom_dataset_alloc(d, part, rows, classes, &e);
    if (err)
        raise_msg(L, err, &e);
    for (size_t j = 0; j < x->n; j++)
        d->part[part].x[j] = (float)loom_array_get(x, j);
    for (size_t j = 0; j < y->n; j++) {
        double v = loom_array_get(y, j);
        if (!classes)
            d->part[part].t[j] = (float)(v / (double)d->target_scale);
        else
            d->part[part].y[j] =
                v >= 0 && v < 1e6 && v == floor(v) ? (int)v : -1;
    }
}

/* Apply another set's standardisation to this one. */
static void standardize_like(lua_State *L, struct loom_dataset *d)
{
    lua_getfield(L, 1, "like");
    if (!lua_isnil(L, -1)) {
        const struct loom_dataset *o = loom_script_dataset(L, -1);
        if (o->n_in != d->n_in || !o->mean)
            loom_script_raise(L, LOOM_ERR_SHAPE,
                              "data: like = a set that was standardized, "
                              "with as many inputs");
        for (int p = 0; p < LOOM_N_PARTS; p++)
            for (size_t j = 0; j < d->part[p].rows * d->n_in; j++)
                d->part[p].x[j] = (d->part[p].x[j] - o->mean[j % d->n_in]) /
                                  o->scale[j % d->n_in];
    }
    lua_pop(L, 1);
}

/* A factor on targets that costs no hardware: a power of two. */
static float target_scale(lua_State *L)
{
    double v = loom_script_number(L, "target_scale", 1, 0x1p-40, 0x1p40);
    int exponent;
    if (frexp(v, &exponent) != 0.5)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "field \"target_scale\" must be a power of two");
    return (float)v;
}

static int data(lua_State *L)
{
    struct loom_errmsg e;
    char name[sizeof((struct loom_dataset *)0)->name];
    luaL_checktype(L, 1, LUA_TTABLE);
    loom_script_string(L, "name", "data", name, sizeof(name));
    const struct loom_array *x = array_field(L, "x_train");
    const struct loom_array *y = array_field(L, "y_train");
    bool train = x && y;
    if (!train) {
        x = array_field(L, "x_test");
        y = array_field(L, "y_test");
    }
    if (!x || !y)
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "data: x_train and y_train (or x_test and "
                                 "y_test) are needed");
    size_t classes = (size_t)loom_script_number(L, "classes", 0, 0, 65536);
    struct loom_dataset **d = push_dataset(L);
    *d = loom_dataset_new(name, columns_of(x),
                          classes ? classes : columns_of(y));
    (*d)->target_scale = target_scale(L);
    snprintf((*d)->metric, sizeof((*d)->metric), "%s",
             classes ? "accuracy" : "rms");
    loom_script_string(L, "unit", "", (*d)->unit, sizeof((*d)->unit));
    fill_part(L, *d, LOOM_TRAIN, "train", classes > 0);
    fill_part(L, *d, LOOM_VAL, "val", classes > 0);
    fill_part(L, *d, LOOM_TEST, "test", classes > 0);
    int err = loom_dataset_check(*d, &e);
    lua_getfield(L, 1, "standardize");
    bool standardize = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!err && standardize)
        err = loom_dataset_standardize(*d, &e);
    if (!err && train && !(*d)->part[LOOM_VAL].rows)
        err = loom_dataset_split_val(
            *d, loom_script_number(L, "val", 0.1, 1e-6, 0.9),
            (uint64_t)loom_script_number(L, "seed", 1, 0, 0x1p53), &e);
    if (err)
        return raise_msg(L, err, &e);
    standardize_like(L, *d);
    return 1;
}

static int muon(lua_State *L)
{
    struct loom_errmsg e;
    struct loom_muon_conf c = loom_muon_defaults();
    luaL_checktype(L, 1, LUA_TTABLE);
    c.train = (size_t)loom_script_number(L, "train", (double)c.train, 1, 1e8);
    c.val = (size_t)loom_script_number(L, "val", (double)c.val, 1, 1e8);
    c.test = (size_t)loom_script_number(L, "test", (double)c.test, 1, 1e8);
    c.seed = (uint64_t)loom_script_number(L, "seed", (double)c.seed, 0, 0x1p53);
    c.efficiency = loom_script_number(L, "efficiency", c.efficiency, 0, 1);
    c.noise = loom_script_number(L, "noise", c.noise, 0, 1);
    c.scattering_mrad =
        loom_script_number(L, "scattering_mrad", c.scattering_mrad, 0, 100);
    c.max_angle_mrad =
        loom_script_number(L, "max_angle_mrad", c.max_angle_mrad, 1, 1000);
    float scale = target_scale(L);
    struct loom_dataset **d = push_dataset(L);
    *d = loom_muon_generate(&c, &e);
    if (!*d)
        return raise_msg(L, LOOM_ERR_SCRIPT, &e);
    (*d)->target_scale = scale;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t j = 0; j < (*d)->part[p].rows; j++)
            (*d)->part[p].t[j] /= scale;
    return 1;
}

static void new_type(lua_State *L, const char *name, lua_CFunction gc,
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
        {"find", find}, {"load", load}, {"data", data},
        {"muon", muon}, {NULL, NULL},
    };
    new_type(L, LOOM_ARRAY_TYPE, gc_array, array_index);
    new_type(L, LOOM_DATASET_TYPE, gc_dataset, dataset_index);
    luaL_setfuncs(L, functions, 0);
}
