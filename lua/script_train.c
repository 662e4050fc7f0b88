/* loom.train of the script library: its fields, the model, the schedules. */
#include "lua/script_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpga_flow/price.h"
#include "lua/ljson.h"

/* Its address names the registry's entry of the data of the last training,
 * which the host looks at until the next. */
static const char DATA;

/* ---- schedules --------------------------------------------------------- */

static double call_schedule(void *ud, double epoch, struct loom_errmsg *e)
{
    struct loom_script_call *c = ud;
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

static enum loom_interp interp_of(const char *word)
{
    static const char *const words[] = {"hold", "linear", "log", "smooth"};
    for (int k = 0; word && k < 4; k++)
        if (!strcmp(word, words[k]))
            return (enum loom_interp)k;
    return LOOM_HOLD;
}

static void read_points(lua_State *L, int t, struct loom_schedule *s)
{
    lua_getfield(L, t, "points");
    int points = lua_gettop(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, points);
    if (n > LOOM_MAX_KEYS)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "a schedule has at most 64 points");
    s->kind = LOOM_PIECEWISE;
    for (lua_Integer k = 1; k <= n; k++) {
        lua_rawgeti(L, points, k);
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        lua_rawgeti(L, -3, 3);
        s->key[s->n_keys].epoch = lua_tonumber(L, -3);
        s->key[s->n_keys].value = lua_tonumber(L, -2);
        s->key[s->n_keys++].interp = interp_of(lua_tostring(L, -1));
        lua_pop(L, 4);
    }
    lua_pop(L, 1);
}

static bool read_table(lua_State *L, int t, struct loom_schedule *s)
{
    lua_getfield(L, t, "schedule");
    const char *kind = lua_tostring(L, -1);
    if (kind && !strcmp(kind, "piecewise")) {
        read_points(L, t, s);
        return true;
    }
    s->kind = LOOM_COSINE;
    s->value = number_field(L, t, "from");
    s->cycle = number_field(L, t, "cycle");
    s->decay = number_field(L, t, "decay");
    s->floor = number_field(L, t, "floor");
    s->flat = number_field(L, t, "flat");
    s->rest = number_field(L, t, "rest");
    return kind && !strcmp(kind, "cosine");
}

static void read_schedule(lua_State *L, const char *name, double standard,
                          struct loom_schedule *s, struct loom_script_call *c)
{
    bool good = true;
    lua_getfield(L, 1, name);
    int t = lua_gettop(L);
    *s = loom_schedule_constant(standard);
    if (lua_isnumber(L, t)) {
        s->value = lua_tonumber(L, t);
    } else if (lua_isfunction(L, t)) {
        lua_pushvalue(L, t);
        *c = (struct loom_script_call){.L = L,
                                       .ref = luaL_ref(L, LUA_REGISTRYINDEX)};
        *s = (struct loom_schedule){
            .kind = LOOM_CALLBACK, .call = call_schedule, .ud = c};
    } else if (lua_istable(L, t)) {
        good = read_table(L, t, s);
    } else {
        good = lua_isnil(L, t);
    }
    if (!good) {
        char text[128];
        snprintf(text, sizeof(text),
                 "field \"%s\" must be a number, a schedule (loom.log{...}) "
                 "or a function of the epoch",
                 name);
        loom_script_raise(L, LOOM_ERR_SCRIPT, text);
    }
    lua_settop(L, t - 1);
}

/* ---- tables within the table ------------------------------------------- */

/* Field `name`, a table, in the place of the table at 1; false, and all as it
 * was, where it is no table. */
static bool enter(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_insert(L, 1);
    return true;
}

static void leave(lua_State *L)
{
    lua_remove(L, 1);
}

static bool read_bool(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    bool v = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

/* Fields of the table at 1 that lie within float32's range; 0 where absent. */
static float read_float(lua_State *L, const char *name, double lo, double hi)
{
    return (float)loom_script_number(L, name, 0, lo, hi);
}

/* loom.pid{...} or loom.dual{...} in the place of a schedule. */
static void read_control(lua_State *L, struct loom_control_conf *c)
{
    static const double MOST = 1e12;
    char kind[12];
    loom_script_string(L, "schedule", "", kind, sizeof(kind));
    c->kind = !strcmp(kind, "dual") ? LOOM_DUAL : LOOM_PID;
    c->target = loom_script_number(L, "target", 0, 1, MOST);
    c->warmup = (int)loom_script_number(L, "warmup", 10, 0, 1e9);
    c->p = loom_script_number(L, "p", 0, 0, 1e6);
    c->i = loom_script_number(L, "i", 0, 1e-12, 1e6);
    c->d = loom_script_number(L, "d", 0, 0, 1e6);
    c->damp = loom_script_number(L, "damp", 0, 0, 1);
    c->rate = loom_script_number(L, "rate", 0, 1e-30, 1e6);
    c->lo = loom_script_number(L, "lo", 0, 0, 1e6);
    c->hi = loom_script_number(L, "hi", 0, 1e-30, 1e6);
}

static bool is_control(lua_State *L)
{
    char kind[12] = "";
    if (!enter(L, "beta"))
        return false;
    lua_getfield(L, 1, "schedule");
    const char *word = lua_tostring(L, -1);
    snprintf(kind, sizeof(kind), "%s", word ? word : "");
    lua_pop(L, 1);
    leave(L);
    return !strcmp(kind, "pid") || !strcmp(kind, "dual");
}

static void read_beta(lua_State *L, struct loom_trainer_conf *c,
                      struct loom_script_call *call)
{
    bool control = is_control(L) && enter(L, "beta");
    if (control)
        read_control(L, &c->control);
    read_schedule(L, control ? "start" : "beta", 1e-6, &c->beta, call);
    if (control)
        leave(L);
}

/* loom.adam{...} and so on. */
static void read_optimizer(lua_State *L, struct loom_optimizer_conf *c)
{
    char kind[12];
    if (!enter(L, "optimizer"))
        return;
    loom_script_string(L, "optimizer", "", kind, sizeof(kind));
    c->kind = !strcmp(kind, "sgd") ? LOOM_SGD : LOOM_ADAM;
    c->beta1 = read_float(L, "beta1", 1e-9, 1 - 1e-6);
    c->beta2 = read_float(L, "beta2", 1e-9, 1 - 1e-6);
    c->epsilon = read_float(L, "epsilon", 1e-30, 1);
    c->amsgrad = read_bool(L, "amsgrad");
    c->decay = read_float(L, "decay", 0, 1e3);
    c->momentum = read_float(L, "momentum", 0, 1);
    c->nesterov = read_bool(L, "nesterov");
    c->clip_norm = read_float(L, "clip_norm", 1e-30, 1e30);
    c->clip_value = read_float(L, "clip_value", 1e-30, 1e30);
    leave(L);
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
        return loom_script_raise_msg(L, LOOM_ERR_SCRIPT, &e);
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
        loom_script_raise_msg(L, err, &e);
    return m;
}

/* A field that is one of the words `of` knows; "words" lists them. */
static int read_word(lua_State *L, const char *name, const char *standard,
                     int (*of)(const char *), const char *words)
{
    char word[24], text[160];
    loom_script_string(L, name, standard, word, sizeof(word));
    int v = of(word);
    if (v < 0) {
        snprintf(text, sizeof(text), "field \"%s\" must be one of %s", name,
                 words);
        loom_script_raise(L, LOOM_ERR_SCRIPT, text);
    }
    return v;
}

/* The loss of what d is for, from the fields of the table at 1. */
static struct loom_goal read_goal(lua_State *L, const struct loom_dataset *d)
{
    struct loom_goal g = {0};
    g.loss = (enum loom_loss)read_word(
        L, "loss", d->part[LOOM_TRAIN].y ? "cross_entropy" : "mse",
        loom_loss_from_word,
        "\"cross_entropy\", \"hinge\", \"mse\", \"huber\"");
    g.weight = loom_script_number(L, "loss_weight", 1, 1e-30, 1e30);
    g.huber_delta = loom_script_number(L, "huber_delta", 1, 1e-30, 1e30);
    g.outlier_cut = loom_script_number(L, "outlier_cut", 0, 0, 1e30);
    snprintf(g.output, sizeof(g.output), "%s", d->output);
    return g;
}

/* The metric that the string on the stack's top names. */
static void read_metric(lua_State *L, struct loom_aim *a)
{
    const char *word = lua_isstring(L, -1) ? lua_tostring(L, -1) : "";
    if (a->n_metrics == LOOM_MAX_METRICS)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "field \"metrics\": at most 4 metrics");
    if (!loom_aim_from_word(a, word, &a->metric[a->n_metrics++]))
        loom_script_raise(
            L, LOOM_ERR_SCRIPT,
            a->n > 1 ? "field \"metrics\" must name an output and one of "
                       "accuracy, class_accuracy, auc, rms, mae: "
                       "\"OUTPUT.accuracy\""
                     : "field \"metrics\" must be of \"accuracy\", "
                       "\"class_accuracy\", \"auc\", \"rms\", \"mae\"");
}

/* metrics = {word, ...}; the library makes it of metric = word, too. */
static void read_metrics(lua_State *L, struct loom_aim *a)
{
    int type = lua_getfield(L, 1, "metrics");
    for (lua_Integer k = 1; type == LUA_TTABLE; k++) {
        if (lua_rawgeti(L, -1, k) != LUA_TNIL)
            read_metric(L, a);
        else
            type = LUA_TNIL;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Of several outputs, each has a table of its own in field "goals". */
static void read_aim(lua_State *L, const struct loom_dataset *d,
                     struct loom_aim *a)
{
    bool several = d->next;
    *a = (struct loom_aim){0};
    if (several && !enter(L, "goals"))
        loom_script_raise(L, LOOM_ERR_SCRIPT, "train: no goals");
    for (; d; d = d->next) {
        if (several && !enter(L, d->output))
            loom_script_raise(L, LOOM_ERR_SCRIPT, "train: a goal is missing");
        a->goal[a->n++] = read_goal(L, d);
        if (several)
            leave(L);
    }
    if (several)
        leave(L);
    read_metrics(L, a);
}

/* ---- when to stop ------------------------------------------------------ */

/* All metrics of an epoch by their names, in a table. */
static void push_metrics(lua_State *L, const struct loom_aim *a,
                         const struct loom_train_point *p)
{
    char word[LOOM_METRIC_NAME];
    lua_createtable(L, 0, LOOM_MAX_METRICS);
    for (int k = 0; k < loom_aim_n_metrics(a); k++) {
        loom_aim_word(a, k, word);
        lua_pushnumber(L, (double)(k ? p->more[k - 1] : p->val_metric));
        lua_setfield(L, -2, word);
    }
}

/* Ask the script, with what the epoch brought. */
static int ask_stop(void *ud, const struct loom_train_point *p,
                    struct loom_errmsg *e)
{
    const struct loom_script_calls *s = ud;
    const struct loom_script_call *c = &s->stop;
    lua_State *L = c->L;
    int top = lua_gettop(L), stop = 0;
    const struct {
        const char *name;
        float value;
    } fields[] = {{"loss", p->loss},   {"val_loss", p->val_loss},
                  {"ebops", p->ebops}, {"metric", p->val_metric},
                  {"beta", p->beta},   {"lr", p->lr},
                  {"cost", p->cost}};
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->ref);
    lua_createtable(L, 0, 9);
    lua_pushinteger(L, p->epoch);
    lua_setfield(L, -2, "epoch");
    push_metrics(L, s->aim, p);
    lua_setfield(L, -2, "metrics");
    for (size_t k = 0; k < sizeof(fields) / sizeof(*fields); k++) {
        lua_pushnumber(L, (double)fields[k].value);
        lua_setfield(L, -2, fields[k].name);
    }
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        stop = lua_toboolean(L, -1);
    else
        stop = loom_fail(e, LOOM_ERR_SCRIPT, "%s",
                         lua_isstring(L, -1) ? lua_tostring(L, -1)
                                             : "the function raised no words");
    lua_settop(L, top);
    return stop;
}

/* Which of the metrics patience is about: field "metric", else the first. */
static int patient_metric(lua_State *L, const struct loom_aim *a)
{
    char name[LOOM_METRIC_NAME], word[LOOM_METRIC_NAME];
    loom_aim_word(a, 0, word);
    loom_script_string(L, "metric", word, name, sizeof(name));
    for (int k = 0; k < loom_aim_n_metrics(a); k++) {
        loom_aim_word(a, k, word);
        if (!strcmp(name, word))
            return k;
    }
    loom_script_raise(L, LOOM_ERR_SCRIPT,
                      "stop: field \"metric\" must be one of field "
                      "\"metrics\"");
    return 0;
}

/* stop = {patience, metric, ebops, least, when}; collapse = "warn" ... */
static void read_guard(lua_State *L, struct loom_guard_conf *c,
                       struct loom_script_calls *s)
{
    c->collapse = (enum loom_on_collapse)read_word(
        L, "collapse", "warn", loom_on_collapse_from_word,
        "\"warn\", \"stop\", \"rollback\", \"ignore\"");
    if (!enter(L, "stop"))
        return;
    c->metric = patient_metric(L, s->aim);
    c->patience = (int)loom_script_number(L, "patience", 0, 1, 1e9);
    c->ebops = loom_script_number(L, "ebops", 0, 1, 1e12);
    c->least = loom_script_number(L, "least", 0, 0, 1e30);
    lua_getfield(L, 1, "when");
    if (lua_isfunction(L, -1)) {
        s->stop = (struct loom_script_call){
            .L = L, .ref = luaL_ref(L, LUA_REGISTRYINDEX)};
        c->when = ask_stop;
        c->ud = s;
    } else {
        lua_pop(L, 1);
    }
    leave(L);
}

/* cost = "ebops", or the name of a device whose cells count instead. */
static void read_cost(lua_State *L, struct loom_cost *c)
{
    struct loom_errmsg e;
    char name[32];
    loom_script_string(L, "cost", "ebops", name, sizeof(name));
    *c = (struct loom_cost){.device = ""};
    if (!strcmp(name, "ebops"))
        return;
    int err = loom_price_find(name, c, &e);
    if (err)
        loom_script_raise_msg(L, LOOM_ERR_SCRIPT, &e);
}

void loom_script_aim(lua_State *L, const struct loom_dataset *d,
                     struct loom_aim *a)
{
    read_aim(L, d, a);
}

struct loom_model *loom_script_take_model(lua_State *L, uint64_t seed)
{
    struct loom_model **anchor = build_model(L, seed), *m = *anchor;
    *anchor = NULL;
    lua_pop(L, 1);
    return m;
}

int loom_script_fail(lua_State *L, int err, const struct loom_errmsg *e)
{
    /* A script may catch the error: the host's hook is asked at once. */
    if (err == LOOM_ERR_CANCELLED)
        lua_sethook(L, lua_gethook(L), lua_gethookmask(L), 1);
    return loom_script_raise_msg(L, err, e);
}

void loom_script_request(lua_State *L, struct loom_train_request *r,
                         struct loom_script_calls *calls)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    int top = lua_gettop(L);
    *r = (struct loom_train_request){0};
    *calls = (struct loom_script_calls){.aim = &r->conf.aim};
    lua_getfield(L, 1, "data");
    r->data = loom_script_dataset(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &DATA);
    loom_script_string(L, "name", r->data->name, r->name, sizeof(r->name));
    loom_script_string(L, "device", "", r->device, sizeof(r->device));
    read_aim(L, r->data, &r->conf.aim);
    r->conf.batch = (size_t)loom_script_number(L, "batch", 1024, 1, 1e9);
    r->conf.epochs = (int)loom_script_number(L, "epochs", 100, 1, 1e9);
    r->conf.seed = (uint64_t)loom_script_number(L, "seed", 1, 0, 0x1p53);
    r->conf.autosave_s = loom_script_number(L, "autosave", 30, 0.01, 1e6);
    read_schedule(L, "lr", 1e-3, &r->conf.lr, &calls->lr);
    read_beta(L, &r->conf, &calls->beta);
    read_cost(L, &r->conf.cost);
    read_optimizer(L, &r->conf.optimizer);
    read_guard(L, &r->conf.guard, calls);
    if (h->seed >= 0)
        r->conf.seed = (uint64_t)h->seed;
    lua_settop(L, top);
}

int loom_script_train(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_train_request r;
    struct loom_script_calls calls;
    struct loom_errmsg e = {""};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    loom_script_request(L, &r, &calls);
    if (h->epochs > 0)
        r.conf.epochs = h->epochs;
    r.take_model = loom_script_take_model(L, r.conf.seed);
    loom_script_settle_share(L);
    /* The host frees the model, also when it fails. */
    int err = h->train(h->ud, &r, &e);
    return err ? loom_script_fail(L, err, &e) : 0;
}
