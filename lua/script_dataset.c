/* Data sets for scripts: loom.data and loom.muon. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/dataset_build.h"
#include "engine/digits.h"
#include "engine/mem.h"
#include "engine/muon.h"
#include "engine/split.h"
#include "lua/script_impl.h"

/* Whatever is wrong with data is bad input, for exit statuses too. */
static int bad_data(lua_State *L, const struct loom_errmsg *e)
{
    return loom_script_raise_msg(L, LOOM_ERR_SCRIPT, e);
}

/* ---- the type ----------------------------------------------------------- */

struct loom_dataset *loom_script_dataset(lua_State *L, int index)
{
    struct loom_script_dataset *s = luaL_testudata(L, index, LOOM_DATASET_TYPE);
    if (!s || !s->d)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "expected a data set from loom.data or loom.muon "
                          "(field \"data\")");
    return s ? s->d : NULL;
}

static int gc_dataset(lua_State *L)
{
    struct loom_script_dataset *s = luaL_checkudata(L, 1, LOOM_DATASET_TYPE);
    if (!s->lent)
        loom_dataset_destroy(s->d);
    s->d = NULL;
    return 0;
}

/* A list where there are several, else nil. */
static void push_output_names(lua_State *L, const struct loom_dataset *d)
{
    if (!d->next) {
        lua_pushnil(L);
        return;
    }
    lua_newtable(L);
    for (lua_Integer k = 1; d; d = d->next, k++) {
        lua_pushstring(L, d->output);
        lua_rawseti(L, -2, k);
    }
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
    else if (!strcmp(key, "output_names"))
        push_output_names(L, d);
    else
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "a data set has inputs, outputs, output_names "
                                 "and the rows of train, val and test");
    return 1;
}

/* The anchor first: what is stored in it is freed on any error. */
static struct loom_dataset **push_dataset(lua_State *L)
{
    struct loom_script_dataset *s = lua_newuserdatauv(L, sizeof(*s), 1);
    *s = (struct loom_script_dataset){0};
    luaL_setmetatable(L, LOOM_DATASET_TYPE);
    return &s->d;
}

/* ---- the rows of loom.data ---------------------------------------------- */

/* Zeroed memory that lives as long as the value on the stack. */
static void *push_memory(lua_State *L, size_t n)
{
    return memset(lua_newuserdatauv(L, n + 1, 0), 0, n + 1);
}

/* The array in field `name` of the table at 1, or NULL. */
static struct loom_script_array *array_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    struct loom_script_array *a =
        lua_isnil(L, -1) ? NULL : loom_script_array(L, -1);
    lua_pop(L, 1); /* the table keeps it alive */
    return a;
}

static void add_source(struct loom_dataset *d, const char *source)
{
    size_t at = strlen(d->source);
    if (!strstr(d->source, source))
        snprintf(d->source + at, sizeof(d->source) - at, "%s%s", at ? ", " : "",
                 source);
}

/* Columns of x that are no features, in memory on the stack: those that field
 * "without" lists, and (of x itself) the one that "split" names. */
static bool *columns_left_out(lua_State *L, const struct loom_script_array *x,
                              bool whole)
{
    bool *leave = push_memory(L, loom_array_columns(&x->t.a));
    int type = lua_getfield(L, 1, "without");
    if (type != LUA_TTABLE && type != LUA_TNIL)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "data: field \"without\" must be a list of columns");
    for (lua_Integer k = 1; type == LUA_TTABLE; k++) {
        bool end = lua_rawgeti(L, -1, k) == LUA_TNIL;
        if (!end)
            leave[loom_script_column(L, x, -1)] = true;
        lua_pop(L, 1);
        if (end)
            break;
    }
    type = lua_getfield(L, 1, "split");
    if (whole && (type == LUA_TSTRING || type == LUA_TNUMBER))
        leave[loom_script_column(L, x, -1)] = true;
    lua_pop(L, 2);
    return leave;
}

/* What is about target k (from 0) in the place of the table at 1; the caller
 * removes it. False: there is no such target. */
static bool enter_target(lua_State *L, int k)
{
    lua_getfield(L, 1, "of");
    bool there = lua_rawgeti(L, -1, k + 1) == LUA_TTABLE;
    lua_remove(L, -2);
    if (there)
        lua_insert(L, 1);
    else
        lua_pop(L, 1);
    return there;
}

/* Target k of a block of x, in field y_name: an array or a column of x. False:
 * it has none. */
static bool labels_of(lua_State *L, int k, const struct loom_script_array *x,
                      const char *y_name, struct loom_labels *of)
{
    enter_target(L, k);
    bool there = lua_getfield(L, 1, y_name) != LUA_TNIL;
    if (there && x && lua_isuserdata(L, -1))
        of->y = &loom_script_array(L, -1)->t;
    else if (there && x)
        of->column = loom_script_column(L, x, -1);
    lua_pop(L, 1); /* the table keeps it alive */
    lua_remove(L, 1);
    return there;
}

/* Into b, the rows of fields x_name and y_name; false: there are none. What
 * they need stays on the stack. */
static bool block_of(lua_State *L, const char *x_name, const char *y_name,
                     enum loom_part part, struct loom_block *b)
{
    const struct loom_script_array *x = array_field(L, x_name);
    const char *what = lua_pushfstring(L, "data: %s and %s", x_name, y_name);
    *b = (struct loom_block){.what = what, .only = part};
    for (int k = 0; k < LOOM_MAX_TARGETS && enter_target(L, k); k++) {
        lua_remove(L, 1);
        if (labels_of(L, k, x, y_name, &b->of[k]) != !!x)
            loom_script_raise(L, LOOM_ERR_SHAPE,
                              lua_pushfstring(L, "%s: both are needed", what));
    }
    if (x) {
        b->x = &x->t;
        b->leave = columns_left_out(L, x, !strcmp(x_name, "x"));
    }
    return x;
}

/* {train = 0.7, val = 0.1, test = 0.2} or {train = array of rows, ...} */
static void split_by_table(lua_State *L, uint8_t *part, size_t rows,
                           char words[static 96])
{
    static const char *const name[] = {"train", "val", "test"};
    struct loom_errmsg e;
    const struct loom_array *index[LOOM_N_PARTS] = {NULL};
    double ratio[LOOM_N_PARTS] = {0};
    uint64_t seed = (uint64_t)loom_script_number(L, "seed", 1, 0, 0x1p53);
    int lists = 0, numbers = 0;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        int type = lua_getfield(L, -1, name[p]);
        numbers += type == LUA_TNUMBER;
        lists += type == LUA_TUSERDATA;
        if (type == LUA_TNUMBER)
            ratio[p] = lua_tonumber(L, -1);
        else if (type != LUA_TNIL)
            index[p] = &loom_script_array(L, -1)->t.a;
        lua_pop(L, 1);
    }
    if (!lists == !numbers)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "data: field \"split\" takes shares or arrays of row "
                          "numbers for train, val and test");
    int err = lists ? loom_split_index(part, rows, index, &e)
                    : loom_split_ratio(part, rows, ratio, seed, &e);
    if (err)
        bad_data(L, &e);
    if (lists)
        snprintf(words, 96, "by lists of rows");
    else
        snprintf(words, 96, "train %g, val %g, test %g, seed %ju", ratio[0],
                 ratio[1], ratio[2], (uintmax_t)seed);
}

/* Field "split" for the rows of b; the parts stay on the stack. */
static void split_block(lua_State *L, struct loom_block *b,
                        char words[static 96])
{
    struct loom_errmsg e;
    size_t rows = b->x->a.n_dims ? b->x->a.dim[0] : 0;
    uint8_t *part = push_memory(L, rows);
    lua_getfield(L, 1, "split");
    if (lua_istable(L, -1)) {
        split_by_table(L, part, rows, words);
    } else {
        size_t column = loom_script_column(L, array_field(L, "x"), -1);
        if (!b->x->n_columns)
            loom_script_raise(L, LOOM_ERR_SCRIPT,
                              "data: to split by a column, x must have columns "
                              "with names");
        int err = loom_split_column(part, b->x, column, &e);
        if (err)
            bad_data(L, &e);
        snprintf(words, 96, "by column %.60s", b->x->name[column]);
    }
    lua_pop(L, 1);
    b->part = part;
}

/* All blocks that the table at 1 gives. */
static size_t blocks_of(lua_State *L, struct loom_block b[LOOM_N_PARTS],
                        char words[static 96])
{
    static const char *const name[][2] = {
        {"x_train", "y_train"}, {"x_val", "y_val"}, {"x_test", "y_test"}};
    size_t n = 0;
    bool whole = block_of(L, "x", "y", LOOM_TRAIN, &b[0]);
    bool split = lua_getfield(L, 1, "split") != LUA_TNIL;
    if (split && !whole)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "data: field \"split\" splits x and y");
    if (whole && split)
        split_block(L, &b[0], words);
    n += whole;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        struct loom_block one;
        if (!block_of(L, name[p][0], name[p][1], (enum loom_part)p, &one))
            continue;
        if (whole && p != LOOM_TEST)
            loom_script_raise(L, LOOM_ERR_SCRIPT,
                              "data: give either x and y, or x_train and "
                              "y_train");
        b[n++] = one;
    }
    if (!n)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "data: x and y, x_train and y_train, or x_test and "
                          "y_test are needed");
    return n;
}

/* ---- what is done to them ----------------------------------------------- */

/* A list of n strings in a field over the names that there are. */
static void name_field(lua_State *L, const char *field, char ***names, size_t n)
{
    char text[128];
    if (lua_getfield(L, 1, field) != LUA_TNIL) {
        if (!lua_istable(L, -1) || lua_rawlen(L, -1) != n) {
            snprintf(text, sizeof(text),
                     "data: field \"%s\" must be a list of %zu names", field,
                     n);
            loom_script_raise(L, LOOM_ERR_SHAPE, text);
        }
        if (!*names)
            *names = loom_calloc(n, sizeof(**names));
        for (size_t k = 0; k < n; k++) {
            lua_rawgeti(L, -1, (lua_Integer)k + 1);
            const char *name = lua_tostring(L, -1);
            free((*names)[k]);
            (*names)[k] = loom_table_name(name ? name : "?");
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* "balanced", or a list of a number a class. */
static void weigh(lua_State *L, struct loom_dataset *d)
{
    struct loom_errmsg e;
    int type = lua_getfield(L, 1, "class_weight"), err = 0;
    if (type == LUA_TSTRING && !strcmp(lua_tostring(L, -1), "balanced")) {
        err = loom_dataset_weigh(d, NULL, &e);
    } else if (type == LUA_TTABLE && lua_rawlen(L, -1) == d->n_out) {
        float *w = push_memory(L, d->n_out * sizeof(*w));
        for (size_t k = 0; k < d->n_out; k++) {
            lua_rawgeti(L, -2, (lua_Integer)k + 1);
            w[k] = lua_isnumber(L, -1) ? (float)lua_tonumber(L, -1) : NAN;
            lua_pop(L, 1);
        }
        err = loom_dataset_weigh(d, w, &e);
        lua_pop(L, 1);
    } else if (type != LUA_TNIL) {
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "data: field \"class_weight\" must be \"balanced\" "
                          "or a list of a number for each class");
    }
    lua_pop(L, 1);
    if (err)
        bad_data(L, &e);
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
        struct loom_errmsg e;
        for (int p = 0; p < LOOM_N_PARTS; p++)
            if (loom_dataset_own(d, (enum loom_part)p, &e) < 0)
                bad_data(L, &e);
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

/* A validation part where there is none, and how the parts were made. */
static void split_val(lua_State *L, struct loom_dataset *d, const char *words,
                      size_t dropped)
{
    struct loom_errmsg e;
    char val[48] = "", left[56] = "";
    if (d->part[LOOM_TRAIN].rows && !d->part[LOOM_VAL].rows) {
        double share = loom_script_number(L, "val", 0.1, 1e-6, 0.9);
        double seed = loom_script_number(L, "seed", 1, 0, 0x1p53);
        int err = loom_dataset_split_val(d, share, (uint64_t)seed, &e);
        if (err)
            bad_data(L, &e);
        snprintf(val, sizeof(val), "; val %g of train, seed %.0f", share, seed);
    }
    if (dropped)
        snprintf(left, sizeof(left), "; %zu rows with missing values out",
                 dropped);
    snprintf(d->split, sizeof(d->split), "%.60s%s%s", words, val, left);
}

static bool drop_missing(lua_State *L)
{
    char word[8];
    loom_script_string(L, "missing", "error", word, sizeof(word));
    if (strcmp(word, "error") && strcmp(word, "drop"))
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "data: field \"missing\" must be \"drop\" (leave "
                          "such rows out) or \"error\"");
    return !strcmp(word, "drop");
}

/* The set on the stack's top may use rows of the arrays it is made of: it
 * keeps them, and knows where they come from. */
static void keep_arrays(lua_State *L, struct loom_dataset *d)
{
    static const char *const fields[] = {"x", "x_train", "x_val", "x_test"};
    lua_newtable(L);
    for (lua_Integer k = 0; k < 4; k++) {
        const struct loom_script_array *a = array_field(L, fields[k]);
        if (a)
            add_source(d, a->source);
        lua_getfield(L, 1, fields[k]);
        lua_rawseti(L, -2, k + 1);
    }
    lua_setiuservalue(L, -2, 1);
}

/* The anchored set of all blocks. */
static struct loom_dataset *build(lua_State *L, size_t *dropped,
                                  char words[static 96])
{
    struct loom_errmsg e;
    struct loom_block block[LOOM_N_PARTS + 1];
    char name[sizeof((struct loom_dataset *)0)->name];
    int err;
    loom_script_string(L, "name", "data", name, sizeof(name));
    struct loom_build_conf conf = {.name = name,
                                   .drop_missing = drop_missing(L)};
    for (int k = 0; k < LOOM_MAX_TARGETS && enter_target(L, k); k++) {
        lua_getfield(L, 1, "output");
        conf.target[conf.n_targets++] = (struct loom_build_target){
            .output = lua_tostring(L, -1), /* the table keeps it */
            .classes = (size_t)loom_script_number(L, "classes", 0, 0, 65536),
            .scale = target_scale(L)};
        lua_pop(L, 1);
        lua_remove(L, 1);
    }
    size_t n = blocks_of(L, block, words);
    struct loom_dataset **d = push_dataset(L);
    *d = loom_dataset_build(block, n, &conf, dropped, &err, &e);
    if (!*d)
        bad_data(L, &e);
    keep_arrays(L, *d);
    return *d;
}

static int data(lua_State *L)
{
    struct loom_errmsg e;
    size_t dropped;
    char words[96] = "as given";
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkstack(L, 64, "data"); /* what blocks need stays there */
    struct loom_dataset *d = build(L, &dropped, words);
    name_field(L, "features", &d->feature, d->n_in);
    struct loom_dataset *t = d;
    for (int k = 0; t && enter_target(L, k); k++, t = t->next) {
        loom_script_string(L, "unit", "", t->unit, sizeof(t->unit));
        name_field(L, "class_names", &t->class_name, t->n_out);
        lua_remove(L, 1);
    }
    int err = loom_dataset_check(d, &e);
    if (err)
        return bad_data(L, &e);
    split_val(L, d, words, dropped);
    if (lua_getfield(L, 1, "standardize") != LUA_TNIL && lua_toboolean(L, -1))
        err = loom_dataset_standardize(d, &e); /* fitted without validation */
    lua_pop(L, 1);
    if (err)
        return bad_data(L, &e);
    t = d;
    for (int k = 0; t && enter_target(L, k); k++, t = t->next) {
        weigh(L, t);
        lua_remove(L, 1);
    }
    standardize_like(L, d);
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
        return bad_data(L, &e);
    (*d)->target_scale = scale;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t j = 0; j < (*d)->part[p].rows; j++)
            (*d)->part[p].t[j] /= scale;
    return 1;
}

static int digits(lua_State *L)
{
    struct loom_errmsg e;
    luaL_checktype(L, 1, LUA_TTABLE);
    struct loom_digits_conf c = {
        .train = (size_t)loom_script_number(L, "train", 8000, 1, 1e7),
        .val = (size_t)loom_script_number(L, "val", 1000, 1, 1e7),
        .test = (size_t)loom_script_number(L, "test", 2000, 1, 1e7),
        .seed = (uint64_t)loom_script_number(L, "seed", 1, 0, 0x1p53),
    };
    struct loom_dataset **d = push_dataset(L);
    *d = loom_digits_generate(&c, &e);
    return *d ? 1 : bad_data(L, &e);
}

void loom_script_open_dataset(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"data", data},
        {"muon", muon},
        {"digits", digits},
        {NULL, NULL},
    };
    loom_script_new_type(L, LOOM_DATASET_TYPE, gc_dataset, dataset_index);
    luaL_setfuncs(L, functions, 0);
}
