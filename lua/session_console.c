/* The console: lines of the user, run by console.lua on a Lua thread of the
 * script's state. All on the session's thread, between two batches. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

#include "console_lua.h" /* made from console.lua: console_lua_source */

/* Instructions between two looks whether the user wants it to stop. */
enum { CONSOLE_COUNT = 1000 };

/* Between two views of a line that goes on printing, in seconds. */
static const double CONSOLE_PERIOD = 0.05;

static struct loom_session *session_of(lua_State *L)
{
    return *(struct loom_session **)lua_getextraspace(L);
}

/* ---- the view ---------------------------------------------------------- */

static void publish(struct loom_session *s)
{
    uint64_t one = 1;
    s->console.published = loom_session_now();
    loom_mailbox_put(s->console.mailbox, s->console.view);
    if (write(s->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        abort(); /* an eventfd of our own cannot fail otherwise */
}

static char *new_line(struct loom_console_view *v, enum loom_console_kind kind)
{
    uint64_t number = v->n ? v->line[v->n - 1].number + 1 : 1;
    if (v->n == LOOM_CONSOLE_LINES)
        memmove(&v->line[0], &v->line[1],
                (size_t)(--v->n) * sizeof(v->line[0]));
    struct loom_console_line *line = &v->line[v->n++];
    *line = (struct loom_console_line){.number = number, .kind = kind};
    return line->text;
}

/* Text of any length: a line each '\n', long ones in pieces, tabs as blanks. */
static void say(struct loom_session *s, enum loom_console_kind kind,
                const char *text)
{
    char *line = new_line(s->console.view, kind);
    for (int at = 0; *text; text++) {
        bool inner = (*text & 0xc0) == 0x80;
        if (*text == '\n' || (!inner && at > LOOM_CONSOLE_CHARS - 10)) {
            line = new_line(s->console.view, kind);
            at = 0;
        }
        if (*text == '\t')
            do
                line[at++] = ' ';
            while (at % 8);
        else if (*text != '\n' && at < LOOM_CONSOLE_CHARS - 1)
            line[at++] = *text;
    }
}

bool loom_session_console_print(struct loom_session *s, const char *text)
{
    if (!s->console.depth)
        return false;
    say(s, LOOM_CONSOLE_OUTPUT, text);
    if (loom_session_now() - s->console.published > CONSOLE_PERIOD)
        publish(s);
    return true;
}

/* ---- what console.lua asks for ----------------------------------------- */

static void set_number(lua_State *L, const char *name, double v)
{
    lua_pushnumber(L, v);
    lua_setfield(L, -2, name);
}

static void set_string(lua_State *L, const char *name, const char *v)
{
    lua_pushstring(L, v);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer v)
{
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}

static void push_layers(lua_State *L, const struct loom_train_view *t)
{
    lua_createtable(L, t->n_layers, 0);
    for (int k = 0; k < t->n_layers; k++) {
        const struct loom_train_layer *l = &t->layer[k];
        lua_createtable(L, 0, 10);
        set_string(L, "name", l->name);
        set_string(L, "kind", l->kind);
        set_integer(L, "inputs", l->n_in);
        set_integer(L, "outputs", l->n_out);
        set_integer(L, "weights", l->weights);
        set_integer(L, "pruned", l->pruned);
        set_number(L, "bits", (double)l->mean_w_bits);
        set_number(L, "in_bits", (double)l->mean_a_bits);
        set_number(L, "ebops", (double)l->ebops);
        lua_pushboolean(L, l->frozen);
        lua_setfield(L, -2, "frozen");
        lua_rawseti(L, -2, k + 1);
    }
}

static void push_front(lua_State *L, const struct loom_train_view *t)
{
    lua_createtable(L, t->n_front, 0);
    for (int k = 0; k < t->n_front; k++) {
        lua_createtable(L, 0, 3);
        set_integer(L, "epoch", t->front[k].epoch);
        set_number(L, "metric", (double)t->front[k].val_metric);
        set_number(L, "ebops", (double)t->front[k].ebops);
        lua_rawseti(L, -2, k + 1);
    }
}

/* The training as it is now, in a table. */
static int view(lua_State *L)
{
    static const char *const states[] = {
        [LOOM_TRAIN_EMPTY] = "empty",     [LOOM_TRAIN_LOADING] = "loading",
        [LOOM_TRAIN_RUNNING] = "running", [LOOM_TRAIN_PAUSING] = "pausing",
        [LOOM_TRAIN_PAUSED] = "paused",   [LOOM_TRAIN_DONE] = "done",
        [LOOM_TRAIN_FAILED] = "failed"};
    struct loom_session *s = session_of(L);
    const struct loom_train_view *t = &s->view.train;
    if (s->trainer)
        loom_trainer_look(s->trainer, &s->view.train);
    lua_createtable(L, 0, 20);
    set_string(L, "id", t->run);
    set_string(L, "state", states[t->state]);
    set_string(L, "metric", t->metric);
    set_integer(L, "epoch", t->epoch);
    set_integer(L, "epochs", t->epochs);
    set_integer(L, "batch", t->batch);
    set_number(L, "loss", (double)t->loss);
    set_number(L, "val_loss", (double)t->val_loss);
    set_number(L, "val_metric", (double)t->val_metric);
    set_number(L, "ebops", (double)t->ebops);
    set_number(L, "beta", (double)t->beta);
    set_number(L, "lr", (double)t->lr);
    set_number(L, "beta_factor", (double)t->beta_factor);
    set_number(L, "lr_factor", (double)t->lr_factor);
    push_layers(L, t);
    lua_setfield(L, -2, "layers");
    push_front(L, t);
    lua_setfield(L, -2, "front");
    return 1;
}

/* The script's local variables while it is within loom.train: else nil. */
static int locals(lua_State *L)
{
    struct loom_session *s = session_of(L);
    lua_Debug ar;
    for (int level = 0; lua_getstack(s->L, level, &ar); level++) {
        lua_getinfo(s->L, "S", &ar);
        if (strcmp(ar.what, "main") != 0 || ar.source[0] != '@')
            continue;
        lua_newtable(L);
        const char *name;
        for (int k = 1; (name = lua_getlocal(s->L, &ar, k)); k++) {
            lua_xmove(s->L, L, 1);
            lua_setfield(L, -2, name);
        }
        return 1;
    }
    return 0;
}

/* send(kind, value): what the keys of the screen send. */
static int send(lua_State *L)
{
    static const char *const names[] = {
        "pause",  "resume", "beta",   "lr",   "snapshot", "build",  "cancel",
        "target", "step",   "freeze", "undo", "rollback", "branch", NULL};
    static const enum loom_cmd_kind kinds[] = {
        LOOM_CMD_PAUSE,        LOOM_CMD_RESUME,   LOOM_CMD_SCALE_BETA,
        LOOM_CMD_SCALE_LR,     LOOM_CMD_SNAPSHOT, LOOM_CMD_BUILD,
        LOOM_CMD_CANCEL_BUILD, LOOM_CMD_TARGET,   LOOM_CMD_STEP,
        LOOM_CMD_FREEZE,       LOOM_CMD_UNDO,     LOOM_CMD_ROLLBACK,
        LOOM_CMD_BRANCH};
    struct loom_command c = {.kind =
                                 kinds[luaL_checkoption(L, 1, NULL, names)]};
    if (lua_type(L, 2) == LUA_TNUMBER)
        c.value = lua_tonumber(L, 2);
    else
        snprintf(c.text, sizeof(c.text), "%s", luaL_optstring(L, 2, ""));
    loom_session_obey(session_of(L), &c);
    return 0;
}

static int action(lua_State *L)
{
    struct loom_console_view *v = session_of(L)->console.view;
    uint64_t number = v->n_actions ? v->action[v->n_actions - 1].number + 1 : 1;
    if (v->n_actions == LOOM_CONSOLE_ACTIONS)
        memmove(&v->action[0], &v->action[1],
                (size_t)(--v->n_actions) * sizeof(v->action[0]));
    v->action[v->n_actions].number = number;
    snprintf(v->action[v->n_actions++].text, sizeof(v->action[0].text), "%s",
             luaL_checkstring(L, 1));
    publish(session_of(L));
    return 0;
}

static int runs(lua_State *L)
{
    struct loom_session *s = session_of(L);
    struct loom_store_run *run;
    struct loom_errmsg e;
    size_t n = 0;
    struct loom_store *store =
        loom_store_open(s->out, LOOM_STORE_READ, NULL, &e);
    if (!store || loom_store_list(store, NULL, &run, &n, &e)) {
        loom_store_close(store);
        return luaL_error(L, "%s", e.text);
    }
    loom_store_close(store);
    lua_createtable(L, (int)n, 0);
    for (size_t k = 0; k < n; k++) {
        lua_createtable(L, 0, 8);
        set_string(L, "id", run[k].id);
        set_string(L, "state", loom_run_state_word(run[k].state));
        set_string(L, "tags", run[k].tags);
        set_integer(L, "epochs", run[k].epochs);
        if (run[k].best_epoch) {
            set_string(L, "name", run[k].metric);
            set_number(L, "metric", run[k].best_metric);
            set_number(L, "ebops", run[k].best_ebops);
            set_integer(L, "best", run[k].best_epoch);
        }
        lua_rawseti(L, -2, (lua_Integer)k + 1);
    }
    loom_store_runs_free(run, n);
    return 1;
}

/* ---- lines ------------------------------------------------------------- */

/* Call a function of console.lua with a text; its results are on the stack
 * from *base on, or an error message (false). */
static bool call(struct loom_session *s, const char *name, const char *text,
                 int *base)
{
    lua_State *L = s->console.L;
    *base = lua_gettop(L) + 1;
    if (!lua_checkstack(L, 8))
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->console.functions);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_pushstring(L, text);
    lua_sethook(L, loom_session_count, LUA_MASKCOUNT, CONSOLE_COUNT);
    s->console.depth++;
    int rc = lua_pcall(L, 1, 2, 0);
    s->console.depth--;
    return rc == LUA_OK;
}

/* Of an error, without our own place; nothing here may raise one. */
static const char *message(lua_State *L, int at)
{
    static const char own[] = "console.lua:";
    const char *text = lua_type(L, at) == LUA_TSTRING
                           ? lua_tostring(L, at)
                           : "an error that is no text";
    const char *rest = strstr(text, ": ");
    return rest && !strncmp(text, own, sizeof(own) - 1) ? rest + 2 : text;
}

void loom_session_eval(struct loom_session *s, const char *text)
{
    struct loom_console_view *v = s->console.view;
    int base;
    if (!s->console.depth)
        atomic_store(&s->console.stop, false);
    say(s, v->more ? LOOM_CONSOLE_MORE : LOOM_CONSOLE_INPUT, text);
    v->busy = true;
    publish(s);
    bool done = call(s, "eval", text, &base);
    v->busy = s->console.depth > 0;
    v->more = done && lua_toboolean(s->console.L, base);
    if (!done)
        say(s, LOOM_CONSOLE_ERROR, message(s->console.L, base));
    lua_settop(s->console.L, base - 1);
    publish(s);
}

void loom_session_complete(struct loom_session *s, const char *text,
                           double request)
{
    struct loom_console_view *v = s->console.view;
    int base;
    v->completed = request;
    v->completion[0] = v->choices[0] = 0;
    if (call(s, "complete", text, &base)) {
        snprintf(v->completion, sizeof(v->completion), "%s",
                 lua_tostring(s->console.L, base));
        snprintf(v->choices, sizeof(v->choices), "%s",
                 lua_tostring(s->console.L, base + 1));
    }
    lua_settop(s->console.L, base - 1);
    publish(s);
}

void loom_session_forget(struct loom_session *s)
{
    int base;
    s->console.view->more = false;
    call(s, "forget", "", &base);
    lua_settop(s->console.L, base - 1);
    publish(s);
}

/* ---- life -------------------------------------------------------------- */

/* console.lua with its core, run once; leaves its functions in the registry. */
static int open_console(lua_State *L)
{
    static const luaL_Reg core[] = {
        {"view", view},     {"locals", locals}, {"send", send},
        {"action", action}, {"runs", runs},     {NULL, NULL},
    };
    struct loom_session *s = session_of(L);
    s->console.L = lua_newthread(L);
    luaL_ref(L, LUA_REGISTRYINDEX); /* as long as the state */
    if (luaL_loadbuffer(L, console_lua_source, sizeof(console_lua_source) - 1,
                        "=console.lua"))
        return lua_error(L);
    luaL_newlib(L, core);
    lua_call(L, 1, 1);
    s->console.functions = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

int loom_session_open_console(struct loom_session *s, struct loom_errmsg *e)
{
    s->console.view = loom_calloc(1, sizeof(*s->console.view));
    s->console.mailbox = loom_mailbox_new(sizeof(*s->console.view), e);
    if (!s->console.mailbox)
        return LOOM_ERR_NOMEM;
    *(struct loom_session **)lua_getextraspace(s->L) = s;
    lua_pushcfunction(s->L, open_console);
    if (lua_pcall(s->L, 0, 0, 0) != LUA_OK)
        return loom_fail(e, LOOM_ERR_NOMEM, "no console: %s",
                         lua_tostring(s->L, -1));
    return 0;
}

void loom_session_close_console(struct loom_session *s)
{
    loom_mailbox_destroy(s->console.mailbox);
    free(s->console.view);
}

const struct loom_console_view *
loom_session_look_console(struct loom_session *s)
{
    return loom_mailbox_get(s->console.mailbox);
}

void loom_session_stop_console(struct loom_session *s)
{
    atomic_store(&s->console.stop, true);
}
