#include "lua/script.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "engine/mem.h"
#include "lua/ljson.h"
#include "lua/script_impl.h"

#include "loom_lua.h" /* made from loom.lua: loom_lua_source, its size */

/* Their addresses name our entries in the registry: the state's own struct;
 * the data of the last training, which the host looks at until the next. */
static const char KEY, DATA;

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

static int raise_msg(lua_State *L, int err, const struct loom_errmsg *e)
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

/* ---- schedules --------------------------------------------------------- */

/* A schedule that is a Lua function: kept in the registry. */
struct callback {
    lua_State *L;
    int ref;
    char what[8];
};

static double call_schedule(void *ud, double epoch, struct loom_errmsg *e)
{
    struct callback *c = ud;
    lua_State *L = c->L;
    int top = lua_gettop(L);
    double v = NAN;
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->ref);
    lua_pushnumber(L, epoch);
    int rc = lua_pcall(L, 1, 1, 0);
    if (rc != LUA_OK && lua_isstring(L, -1))
        loom_fail(e, LOOM_ERR_SCRIPT, "%s", lua_tostring(L, -1));
    else if (rc != LUA_OK)
        loom_fail(e, LOOM_ERR_SCRIPT, "the function raised a %s",
                  luaL_typename(L, -1));
    else if (!lua_isnumber(L, -1) || !isfinite(lua_tonumber(L, -1)) ||
             lua_tonumber(L, -1) < 0)
        loom_fail(e, LOOM_ERR_SCRIPT,
                  "the function gave %s, not a number of 0 or more",
                  luaL_typename(L, -1));
    else
        v = lua_tonumber(L, -1);
    lua_settop(L, top);
    return v;
}

static double number_field(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    double v = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : NAN;
    lua_pop(L, 1);
    return v;
}

static void read_points(lua_State *L, int t, struct loom_schedule *s,
                        enum loom_interp interp)
{
    lua_getfield(L, t, "points");
    int points = lua_gettop(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, points);
    if (n > LOOM_MAX_KEYS)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "a schedule has at most 64 points");
    for (lua_Integer k = 1; k <= n; k++) {
        lua_rawgeti(L, points, k);
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        s->key[s->n_keys].epoch = lua_tonumber(L, -2);
        s->key[s->n_keys].value = lua_tonumber(L, -1);
        s->key[s->n_keys++].interp = interp;
        lua_pop(L, 3);
    }
    lua_pop(L, 1);
}

static void read_schedule(lua_State *L, const char *name, double standard,
                          struct loom_schedule *s, struct callback *c)
{
    lua_getfield(L, 1, name);
    int t = lua_gettop(L);
    *s = loom_schedule_constant(standard);
    if (lua_isnumber(L, t)) {
        s->value = lua_tonumber(L, t);
    } else if (lua_isfunction(L, t)) {
        lua_pushvalue(L, t);
        *c = (struct callback){.L = L, .ref = luaL_ref(L, LUA_REGISTRYINDEX)};
        *s = (struct loom_schedule){
            .kind = LOOM_CALLBACK, .call = call_schedule, .ud = c};
    } else if (lua_istable(L, t)) {
        lua_getfield(L, t, "schedule");
        const char *kind = lua_tostring(L, -1);
        lua_getfield(L, t, "interp");
        const char *interp = lua_tostring(L, -1);
        if (kind && !strcmp(kind, "piecewise") && interp) {
            s->kind = LOOM_PIECEWISE;
            read_points(L, t, s,
                        !strcmp(interp, "log")      ? LOOM_LOG
                        : !strcmp(interp, "linear") ? LOOM_LINEAR
                                                    : LOOM_HOLD);
        } else if (kind && !strcmp(kind, "cosine")) {
            s->kind = LOOM_COSINE;
            s->value = number_field(L, t, "from");
            s->cycle = number_field(L, t, "cycle");
            s->decay = number_field(L, t, "decay");
            s->floor = number_field(L, t, "floor");
            s->flat = number_field(L, t, "flat");
        } else {
            t = 0;
        }
    } else if (!lua_isnil(L, t)) {
        t = 0;
    }
    if (!t) {
        char text[128];
        snprintf(text, sizeof(text),
                 "field \"%s\" must be a number, a schedule (loom.log{...}) "
                 "or a function of the epoch",
                 name);
        loom_script_raise(L, LOOM_ERR_SCRIPT, text);
    }
    lua_settop(L, 1);
}

/* ---- training ---------------------------------------------------------- */

/* A model under construction, anchored so that an error frees it. */
static int gc_model(lua_State *L)
{
    struct loom_model **m = lua_touserdata(L, 1);
    loom_model_destroy(*m);
    *m = NULL;
    return 0;
}

/* Field "inputs" of the layer table on top of the stack: places in the list
 * of layers, from 1. */
static int read_inputs(lua_State *L, int input[LOOM_MAX_INPUTS])
{
    lua_getfield(L, -1, "inputs");
    lua_Integer n = lua_istable(L, -1) ? (lua_Integer)lua_rawlen(L, -1) : 0;
    if (n > LOOM_MAX_INPUTS)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "a layer reads more layers than can be handled");
    for (lua_Integer k = 0; k < n; k++) {
        lua_rawgeti(L, -1, k + 1);
        input[k] = (int)lua_tointeger(L, -1) - 1;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return (int)n;
}

/* The layer table on top of the stack, as the model's next layer. */
static int add_layer(lua_State *L, struct loom_model *m)
{
    struct loom_errmsg e;
    const char *why;
    int input[LOOM_MAX_INPUTS], n_inputs = read_inputs(L, input);
    lua_getfield(L, -1, "kind");
    lua_getfield(L, -2, "name");
    lua_getfield(L, -3, "conf");
    const char *kind = lua_tostring(L, -3), *name = lua_tostring(L, -2);
    if (!kind || !name)
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "a layer's name must be a string");
    json_t *conf = loom_lua_to_json(L, lua_gettop(L), &why);
    if (!conf) {
        snprintf(e.text, sizeof(e.text), "%s: %s", name, why);
        return loom_script_raise(L, LOOM_ERR_SCRIPT, e.text);
    }
    int at = loom_model_add(m, kind, name, input, n_inputs, conf, &e);
    json_decref(conf);
    if (at < 0)
        return raise_msg(L, LOOM_ERR_SCRIPT, &e);
    lua_pop(L, 3);
    return at;
}

/* From t.model.layers; leaves the anchor on the stack. */
static struct loom_model **build_model(lua_State *L, uint64_t seed)
{
    struct loom_errmsg e;
    struct loom_model **m =
        lua_newuserdatauv(L, sizeof(struct loom_model *), 0);
    *m = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, gc_model);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *m = loom_model_new();
    lua_getfield(L, 1, "model");
    lua_getfield(L, -1, "layers");
    int at = -1;
    for (lua_Integer k = 1; k <= (lua_Integer)lua_rawlen(L, -1); k++) {
        lua_rawgeti(L, -1, k);
        at = add_layer(L, *m);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    int err = loom_model_finish(*m, at, seed, &e);
    if (err)
        raise_msg(L, err, &e);
    return m;
}

static enum loom_loss read_loss(lua_State *L, const struct loom_dataset *d)
{
    char word[24];
    loom_script_string(L, "loss",
                       d->part[LOOM_TRAIN].y ? "cross_entropy" : "mse", word,
                       sizeof(word));
    int loss = loom_loss_from_word(word);
    if (loss < 0)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "field \"loss\" must be \"cross_entropy\" or "
                          "\"mse\"");
    return (enum loom_loss)loss;
}

static int train(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_train_request r = {0};
    struct callback lr, beta;
    struct loom_errmsg e = {""};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "data");
    r.data = loom_script_dataset(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &DATA);
    lua_settop(L, 1);
    loom_script_string(L, "name", r.data->name, r.name, sizeof(r.name));
    loom_script_string(L, "device", "", r.device, sizeof(r.device));
    r.conf.loss = read_loss(L, r.data);
    r.conf.batch = (size_t)loom_script_number(L, "batch", 1024, 1, 1e9);
    r.conf.epochs = (int)loom_script_number(L, "epochs", 100, 1, 1e9);
    r.conf.seed = (uint64_t)loom_script_number(L, "seed", 1, 0, 0x1p53);
    r.conf.outlier_cut = loom_script_number(L, "outlier_cut", 0, 0, 1e30);
    r.conf.autosave_s = loom_script_number(L, "autosave", 30, 0.01, 1e6);
    read_schedule(L, "lr", 1e-3, &r.conf.lr, &lr);
    read_schedule(L, "beta", 1e-6, &r.conf.beta, &beta);
    if (h->epochs > 0)
        r.conf.epochs = h->epochs;
    if (h->seed >= 0)
        r.conf.seed = (uint64_t)h->seed;
    struct loom_model **m = build_model(L, r.conf.seed);
    r.take_model = *m;
    *m = NULL; /* the host frees it, also when it fails */
    int err = h->train(h->ud, &r, &e);
    /* A script may catch the error: the host's hook is asked at once. */
    if (err == LOOM_ERR_CANCELLED)
        lua_sethook(L, lua_gethook(L), lua_gethookmask(L), 1);
    return err ? raise_msg(L, err, &e) : 0;
}

static int point(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_pareto_point p;
    if (!h->point(h->ud, (int)luaL_checkinteger(L, 1) - 1, &p))
        return 0;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, p.epoch);
    lua_setfield(L, -2, "epoch");
    lua_pushnumber(L, p.metric);
    lua_setfield(L, -2, "metric");
    lua_pushnumber(L, p.cost);
    lua_setfield(L, -2, "ebops");
    return 1;
}

static int score(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    static const char *const parts[] = {"train", "val", "test", NULL};
    struct loom_pareto_point p;
    struct loom_errmsg e;
    struct loom_score s;
    struct loom_dataset *d = loom_script_dataset(L, 2);
    enum loom_part part = (enum loom_part)luaL_checkoption(L, 3, "test", parts);
    if (!h->point(h->ud, (int)luaL_checkinteger(L, 1) - 1, &p))
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "there is no such point any more");
    int err = h->score(h->ud, &p, d, part, &s, &e);
    if (err)
        return raise_msg(L, err, &e);
    lua_pushnumber(L, s.metric);
    lua_pushnumber(L, s.outliers);
    return 2;
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
        {"fail", fail},   {"train", train}, {"point", point},
        {"score", score}, {NULL, NULL},
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

int loom_script_run(lua_State *L, const char *path, struct loom_errmsg *e)
{
    struct loom_script *s = loom_script_of(L);
    int err = 0;
    s->err = 0;
    lua_settop(L, 0);
    lua_pushcfunction(L, to_message);
    int rc = luaL_loadfilex(L, path, "t");
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
