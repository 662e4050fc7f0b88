#include "lua/script_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/mem.h"
#include "lua/script_impl.h"

struct loom_script_net *loom_script_net(lua_State *L, int index)
{
    struct loom_script_net *n = luaL_testudata(L, index, LOOM_NET_TYPE);
    if (!n || !n->model)
        loom_script_raise(L, LOOM_ERR_SCRIPT,
                          "expected a network from loom.net{...} or a point");
    return n;
}

static int gc_net(lua_State *L)
{
    struct loom_script_net *n = luaL_checkudata(L, 1, LOOM_NET_TYPE);
    loom_model_destroy(n->model);
    n->model = NULL;
    return 0;
}

static struct loom_script_net *push_net(lua_State *L)
{
    struct loom_script_net *n = lua_newuserdatauv(L, sizeof(*n), 0);
    *n = (struct loom_script_net){0};
    luaL_setmetatable(L, LOOM_NET_TYPE);
    return n;
}

/* ---- making ------------------------------------------------------------- */

/* Values and ranges go from network to network; bits ("b", "f") and signs do
 * not. */
static bool is_bits(const char *param)
{
    const char *last = strrchr(param, '/');
    return last && strlen(last) == 2 && strchr("bfk", last[1]);
}

static void take_values(struct loom_model *to, const struct loom_model *from)
{
    for (int k = 0; k < to->n_params; k++) {
        const struct loom_param *p = &to->param[k];
        const struct loom_param *q = loom_model_param(from, p->name);
        if (q && q->n == p->n && !is_bits(p->name))
            memcpy(to->theta + p->at, from->theta + q->at,
                   p->n * sizeof(float));
    }
}

static void calibrate(lua_State *L, struct loom_model *m,
                      const struct loom_dataset *d)
{
    struct loom_errmsg e;
    const struct loom_rows *r = &d->part[LOOM_TRAIN];
    int err = m->n_in != d->n_in
                  ? loom_fail(&e, LOOM_ERR_SHAPE,
                              "net: the data %s has rows of %zu numbers, the "
                              "network reads %zu",
                              d->name, d->n_in, m->n_in)
                  : loom_model_calibrate(m, r->x, r->rows, &e);
    if (err)
        loom_script_raise_msg(L, err, &e);
}

/* net(fields, from or nil): the model of fields.model, with the values of
 * another network, and ranges for the training rows. */
static int net(lua_State *L)
{
    struct loom_script_net *from =
        lua_isnoneornil(L, 2) ? NULL : loom_script_net(L, 2);
    struct loom_script_net *n = push_net(L);
    lua_getfield(L, 1, "data");
    struct loom_dataset *d = loom_script_dataset(L, -1);
    lua_pop(L, 1);
    loom_script_aim(L, d, &n->aim);
    n->model = loom_script_take_model(
        L, (uint64_t)loom_script_number(L, "seed", 1, 0, 0x1p53));
    if (from)
        take_values(n->model, from->model);
    calibrate(L, n->model, d);
    return 1;
}

/* net_of(k): the network of point k of the front. */
static int net_of(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_script_net *n = push_net(L);
    struct loom_pareto_point p;
    struct loom_checkpoint c;
    struct loom_errmsg e;
    if (!h->point(h->ud, (int)luaL_checkinteger(L, 1) - 1, &p))
        return loom_script_raise(L, LOOM_ERR_SCRIPT,
                                 "there is no such point any more");
    int err = h->load(h->ud, &p, &c, &e);
    if (err)
        return loom_script_raise_msg(L, err, &e);
    n->aim = loom_aim_from_json(c.info);
    n->model = c.model;
    c.model = NULL;
    loom_checkpoint_deinit(&c);
    return 1;
}

/* ---- training ----------------------------------------------------------- */

static struct loom_model *copy_of(const struct loom_model *m,
                                  struct loom_errmsg *e)
{
    json_t *j = loom_model_to_json(m);
    struct loom_model *copy = loom_model_from_json(j, e);
    json_decref(j);
    if (copy)
        memcpy(copy->theta, m->theta, m->n_theta * sizeof(float));
    return copy;
}

static int run(struct loom_trainer *t, const struct loom_script_host *h,
               struct loom_errmsg *e)
{
    int rc = 0;
    while (rc >= 0 && !loom_trainer_done(t)) {
        if (h->alive && !h->alive(h->ud))
            return loom_fail(e, LOOM_ERR_CANCELLED, "interrupted");
        rc = loom_trainer_step(t, e);
    }
    return rc < 0 ? rc : 0;
}

/* tune(fields, net): train it, as loom.train would, and keep its last state;
 * no run, no front. */
static int tune(lua_State *L)
{
    const struct loom_script_host *h = loom_script_of(L)->host;
    struct loom_script_net *n = loom_script_net(L, 2);
    struct loom_train_request r;
    struct loom_script_calls calls;
    struct loom_errmsg e;
    lua_settop(L, 2);
    loom_script_request(L, &r, &calls);
    r.conf.threads = h->threads;
    r.take_model = copy_of(n->model, &e);
    struct loom_trainer *t =
        r.take_model ? loom_trainer_new(r.take_model, r.data, &r.conf, &e)
                     : NULL;
    int err = t ? run(t, h, &e) : LOOM_ERR_SCRIPT;
    if (!err)
        memcpy(n->model->theta, loom_trainer_model(t)->theta,
               n->model->n_theta * sizeof(float));
    loom_trainer_destroy(t);
    if (err)
        return loom_script_fail(L, err, &e);
    calibrate(L, n->model, r.data);
    return 0;
}

/* ---- judging ------------------------------------------------------------ */

/* Outputs [rows][*width] of the first rows of a part, at most `most` (0: all);
 * anchored on the stack. `what` begins the sentence of an error. */
static float *outputs(lua_State *L, const char *what, struct loom_model *m,
                      const struct loom_dataset *d, enum loom_part part,
                      size_t most, size_t *rows, size_t *width)
{
    struct loom_errmsg e;
    const struct loom_rows *r = &d->part[part];
    *rows = most && most < r->rows ? most : r->rows;
    *width = m->layer[m->output].n;
    if (!*rows || m->n_in != d->n_in) {
        loom_fail(&e, LOOM_ERR_SHAPE,
                  "%s: the data %s has no such rows, or does not fit the "
                  "network",
                  what, d->name);
        loom_script_raise_msg(L, LOOM_ERR_SHAPE, &e);
    }
    float *z = lua_newuserdatauv(L, *rows * *width * sizeof(*z), 0);
    int err = loom_model_predict(m, r->x, *rows, z, &e);
    if (err)
        loom_script_raise_msg(L, err, &e);
    return z;
}

static enum loom_part part_at(lua_State *L, int index)
{
    static const char *const parts[] = {"train", "val", "test", NULL};
    return (enum loom_part)luaL_checkoption(L, index, "test", parts);
}

/* rate(net, data, part): metric, share of outliers, all metrics, loss. */
static int rate(lua_State *L)
{
    struct loom_script_net *n = loom_script_net(L, 1);
    struct loom_dataset *d = loom_script_dataset(L, 2);
    enum loom_part part = part_at(L, 3);
    struct loom_aim_part parts[LOOM_MAX_TARGETS];
    struct loom_output of[LOOM_MAX_OUTPUTS];
    struct loom_errmsg e;
    size_t rows, width;
    float *z = outputs(L, "score", n->model, d, part, 0, &rows, &width);
    int n_out = loom_model_outputs(n->model, of);
    int err = loom_aim_parts(&n->aim, of, n_out, d, parts, &e);
    if (err) {
        lua_pushfstring(L, "score: %s", e.text);
        return loom_script_raise(L, err, lua_tostring(L, -1));
    }
    struct loom_score s = loom_aim_score(&n->aim, parts, part, NULL, z, width);
    lua_pushnumber(L, s.metric);
    lua_pushnumber(L, s.outliers);
    lua_createtable(L, LOOM_MAX_METRICS, 0);
    for (int k = 0; k < LOOM_MAX_METRICS; k++) {
        lua_pushnumber(L, s.all[k]);
        lua_rawseti(L, -2, k + 1);
    }
    lua_pushnumber(L, s.loss);
    return 4;
}

/* log sum exp of a row. */
static double log_sum(const float *z, size_t n)
{
    double top = (double)z[0], sum = 0;
    for (size_t j = 1; j < n; j++)
        top = fmax(top, (double)z[j]);
    for (size_t j = 0; j < n; j++)
        sum += exp((double)z[j] - top);
    return top + log(sum);
}

/* kl(p, q, data, part, rows): what q says, in nats a row, where p is right;
 * both as classifiers, softmax(z). */
static int kl(lua_State *L)
{
    struct loom_script_net *p = loom_script_net(L, 1);
    struct loom_script_net *q = loom_script_net(L, 2);
    struct loom_dataset *d = loom_script_dataset(L, 3);
    enum loom_part part = part_at(L, 4);
    size_t most = (size_t)luaL_optinteger(L, 5, 0), rows, n, width;
    const float *a = outputs(L, "kl", p->model, d, part, most, &rows, &n);
    const float *b = outputs(L, "kl", q->model, d, part, most, &rows, &width);
    double sum = 0;
    if (n != width)
        return loom_script_raise(L, LOOM_ERR_SHAPE,
                                 "kl: the networks have other outputs");
    for (size_t r = 0; r < rows; r++, a += n, b += n) {
        double la = log_sum(a, n), lb = log_sum(b, n);
        for (size_t j = 0; j < n; j++) {
            double lp = (double)a[j] - la;
            sum += exp(lp) * (lp - ((double)b[j] - lb));
        }
    }
    lua_pushnumber(L, sum / (double)rows);
    return 1;
}

static int ebops(lua_State *L)
{
    struct loom_model *m = loom_script_net(L, 1)->model;
    loom_model_prepare(m, LOOM_MODE_EVAL);
    lua_pushnumber(L, loom_model_ebops(m, 0, NULL));
    return 1;
}

static int no_field(lua_State *L)
{
    (void)L;
    return 0;
}

void loom_script_open_net(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"net", net},
        {"net_of", net_of},
        {"tune", tune},
        {"rate", rate},
        {"kl", kl},
        {"ebops", ebops},
        {"cells", loom_script_cells},
        {"build", loom_script_build},
        {NULL, NULL},
    };
    loom_script_new_type(L, LOOM_NET_TYPE, gc_net, no_field);
    luaL_getmetatable(L, LOOM_NET_TYPE);
    lua_pushcfunction(L, gc_net);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
