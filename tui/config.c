#include "tui/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "engine/folder.h"
#include "engine/mem.h"
#include "tui/action.h"
#include "tui/key.h"

static struct config *config_of(lua_State *L)
{
    return *(struct config **)lua_getextraspace(L);
}

/* ---- keys ---- */

static const struct {
    const char *name;
    int key;
} key_names[] = {{"Space", ' '},
                 {"Enter", KEY_RETURN},
                 {"Tab", KEY_TAB},
                 {"S-Tab", KEY_BACKTAB},
                 {"Esc", KEY_ESCAPE},
                 {"Up", KEY_ARROW_UP},
                 {"Down", KEY_ARROW_DOWN},
                 {"Left", KEY_ARROW_LEFT},
                 {"Right", KEY_ARROW_RIGHT},
                 {"PgUp", KEY_PAGE_UP},
                 {"PgDn", KEY_PAGE_DOWN},
                 {"Home", KEY_FIRST},
                 {"End", KEY_LAST},
                 {"Delete", KEY_ERASE},
                 {"Backspace", KEY_RUBOUT}};

static int read_key(const char *text)
{
    const char *p = text;
    for (size_t i = 0; i < sizeof key_names / sizeof *key_names; i++)
        if (!strcmp(text, key_names[i].name))
            return key_names[i].key;
    if (!strncmp(text, "Ctrl-", 5) && text[5] >= 'A' && text[5] <= 'Z' &&
        !text[6])
        return KEY_CTRL(text[5]);
    uint32_t ch = text_next(&p);
    return ch > ' ' && ch != 127 && ch != 0xfffd && !*p ? (int)ch : KEY_NONE;
}

static int find_action(const char *name)
{
    for (int i = 0; actions[i].name; i++)
        if (!strcmp(actions[i].name, name))
            return i;
    return -1;
}

static void bind(lua_State *L, const char *name, const char *text)
{
    struct bindings *b = &config_of(L)->keys;
    int action = find_action(name), key = read_key(text);
    if (action < 0)
        luaL_error(L, "keys: there is no action \"%s\"; ? lists them", name);
    if (!key)
        luaL_error(L,
                   "keys: \"%s\" is no key; one character, Ctrl-A to Ctrl-Z, "
                   "Space, Enter, Tab, S-Tab, Esc, Up, Down, Left, Right, "
                   "PgUp, PgDn, Home, End, Delete, Backspace",
                   text);
    if (b->n == UI_BOUND)
        luaL_error(L, "keys: at most %d", UI_BOUND);
    b->of[b->n].action = action;
    b->of[b->n].key = key;
    snprintf(b->of[b->n].name, sizeof b->of[0].name, "%s", text);
    b->n++;
}

/* keys = {action = "key", ...}, on top of the stack. */
static void read_keys(lua_State *L)
{
    if (!lua_istable(L, -1))
        luaL_error(L, "keys: a table, like {build = \"x\"}");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "keys: a name and a key are texts, like build = "
                          "\"x\"");
        bind(L, lua_tostring(L, -2), lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}

/* Two actions on one screen with one key: the one that is left without is
 * named. */
static int check_keys(const struct config *c, struct loom_errmsg *e)
{
    const struct bindings *b = &c->keys;
    for (int i = 0; i < b->n; i++)
        for (int s = 0; s < SCREENS; s++)
            for (const struct action *a = actions; a->name; a++) {
                struct bindings alone = *b;
                const struct action *own = &actions[b->of[i].action];
                if (a == own || !(a->screens & own->screens & 1u << s))
                    continue;
                /* the only action left on that screen would be a */
                for (int k = 0; k < alone.n; k++)
                    if (alone.of[k].action == b->of[i].action)
                        alone.of[k].key = KEY_NONE;
                if (action_of_key(b->of[i].key, (enum screen)s, &alone) == a)
                    return loom_fail(e, LOOM_ERR_SCRIPT,
                                     "keys: %s is the key of %s on %s, not of "
                                     "%s too; give that another",
                                     b->of[i].name, a->name,
                                     ui_screen((enum screen)s)->name,
                                     own->name);
            }
    return 0;
}

/* ---- values ---- */

static int choice(lua_State *L, const char *name, const char *const *names)
{
    const char *v = lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : "";
    char list[128] = "";
    for (int i = 0; names[i]; i++) {
        if (!strcmp(v, names[i]))
            return i;
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", names[i]);
    }
    return luaL_error(L, "%s: one of %s", name, list);
}

static int yes_or_no(lua_State *L, const char *name)
{
    if (!lua_isboolean(L, 3))
        return luaL_error(L, "%s: true or false", name);
    return lua_toboolean(L, 3);
}

static int whole(lua_State *L, const char *name, int lo, int hi)
{
    int is_whole;
    lua_Integer v = lua_tointegerx(L, 3, &is_whole);
    if (!is_whole || lua_type(L, 3) != LUA_TNUMBER || v < lo || v > hi)
        return luaL_error(L, "%s: a whole number from %d to %d", name, lo, hi);
    return (int)v;
}

/* Every assignment of the file arrives here: it alone knows its line. */
static int assign(lua_State *L)
{
    static const char *const glyphs[] = {"braille", "blocks", "ascii", NULL};
    static const char *const maps[] = {"digits", "blocks", "whole", NULL};
    const char *themes[STYLE_THEMES + 1] = {NULL};
    struct config *c = config_of(L);
    const char *name = luaL_checkstring(L, 2);
    for (int i = 0; i < STYLE_THEMES; i++)
        themes[i] = style_theme_name((enum style_theme)i);
    if (!strcmp(name, "theme"))
        c->theme = choice(L, name, themes);
    else if (!strcmp(name, "glyphs"))
        c->glyphs = choice(L, name, glyphs);
    else if (!strcmp(name, "map"))
        c->map = choice(L, name, maps);
    else if (!strcmp(name, "fps"))
        c->fps = whole(L, name, 1, 60);
    else if (!strcmp(name, "mouse"))
        c->mouse = yes_or_no(L, name);
    else if (!strcmp(name, "log_axis"))
        c->log_axis = yes_or_no(L, name);
    else if (!strcmp(name, "colour"))
        c->colour = yes_or_no(L, name);
    else if (!strcmp(name, "keys"))
        read_keys(L);
    else
        luaL_error(L,
                   "there is no setting \"%s\"; known: colour, fps, glyphs, "
                   "keys, log_axis, map, mouse, theme",
                   name);
    return 0;
}

/* ---- the file ---- */

/* The file runs with nothing but what it assigns; too much of that is
 * stopped. */
static void stop(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    luaL_error(L, "this goes on for too long");
}

static int run_file(lua_State *L, const char *path)
{
    int rc = luaL_loadfilex(L, path, "t");
    if (rc)
        return rc;
    lua_newtable(L); /* the file's globals */
    lua_newtable(L);
    lua_pushcfunction(L, assign);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_setupvalue(L, -2, 1);
    lua_sethook(L, stop, LUA_MASKCOUNT, 1000000);
    return lua_pcall(L, 0, 0, 0);
}

int config_load(const char *path, struct config *c, struct loom_errmsg *e)
{
    char *folder = path ? NULL : loom_folder(LOOM_FOLDER_CONFIG);
    char *file = path     ? loom_strdup(path)
                 : folder ? loom_asprintf("%s/config.lua", folder)
                          : NULL;
    int err = 0;
    *c = (struct config){.theme = -1,
                         .map = -1,
                         .mouse = -1,
                         .log_axis = -1,
                         .colour = -1,
                         .glyphs = -1};
    if (file && access(file, F_OK) == 0) {
        lua_State *L = luaL_newstate();
        if (!L)
            err = loom_fail(e, LOOM_ERR_NOMEM, "no memory for %s", file);
        if (L)
            *(struct config **)lua_getextraspace(L) = c;
        if (L && run_file(L, file))
            err = loom_fail(e, LOOM_ERR_SCRIPT, "%s", lua_tostring(L, -1));
        if (L)
            lua_close(L);
        if (!err && check_keys(c, e))
            err = loom_fail_prefix(e, LOOM_ERR_SCRIPT, "%s: ", file);
    }
    free(file);
    free(folder);
    return err;
}

void config_apply(const struct config *c, struct ui *ui)
{
    if (c->theme >= 0)
        ui->theme = (enum style_theme)c->theme;
    if (c->map >= 0)
        ui->layers.map = (enum layers_map)c->map;
    if (c->mouse >= 0)
        ui->no_mouse = !c->mouse;
    if (c->log_axis >= 0)
        ui->log_y = c->log_axis;
    ui->bound = c->keys;
}
