#include "tui/state.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"

char *state_path(const char *name)
{
    struct loom_errmsg e;
    char *dir = loom_folder(LOOM_FOLDER_STATE);
    char *path = loom_file_mkdirs(dir, &e) == LOOM_OK
                     ? loom_asprintf("%s/%s", dir, name)
                     : NULL;
    free(dir);
    return path;
}

/* ---- reading ---- */

/* A whole number of the object from 0 to below n, else `standard`. */
static int number(const json_t *j, const char *name, int n, int standard)
{
    const json_t *v = json_object_get(j, name);
    json_int_t i = json_integer_value(v);
    return json_is_integer(v) && i >= 0 && i < n ? (int)i : standard;
}

static const char *string(const json_t *j, const char *name)
{
    const char *s = json_string_value(json_object_get(j, name));
    return s ? s : "";
}

/* The last script becomes the first to choose; its run, if it can go on. */
static void offer(const json_t *j, struct ui *ui)
{
    const char *script = string(j, "script"), *run = string(j, "run");
    if (!*script || strlen(script) >= UI_PATH || access(script, R_OK) != 0)
        return;
    if (ui->n_scripts == UI_SCRIPTS)
        ui->n_scripts--;
    memmove(ui->scripts[1], ui->scripts[0],
            (size_t)ui->n_scripts * sizeof ui->scripts[0]);
    strcpy(ui->scripts[0], script);
    ui->n_scripts++;
    if (*run)
        snprintf(ui->last, sizeof ui->last, "go on with %s, epoch %d of %d",
                 run, number(j, "epoch", INT_MAX, 0),
                 number(j, "epochs", INT_MAX, 0));
}

json_t *state_load(const char *path, struct ui *ui)
{
    json_t *j = path ? json_load_file(path, 0, NULL) : NULL;
    if (!json_is_object(j)) {
        json_decref(j);
        return NULL;
    }
    ui->screen = (enum screen)number(j, "screen", SCREENS, 0);
    ui->focus = (enum dash_box)number(j, "focus", DASH_BOXES, 0);
    ui->theme = (enum style_theme)number(j, "theme", STYLE_THEMES, 0);
    ui->log_y = number(j, "log_y", 2, 1);
    ui->no_mouse = number(j, "no_mouse", 2, 0);
    ui->layer = number(j, "layer", LOOM_VIEW_LAYERS, 0);
    ui->layers.map = (enum layers_map)number(j, "map", LAYERS_MAPS, 0);
    ui->layers.what = (enum layers_what)number(j, "what", LAYERS_WHATS, 0);
    ui->layers.zoom = number(j, "zoom", 65, 1);
    if (ui->layers.zoom < 1)
        ui->layers.zoom = 1;
    if (!ui->n_scripts || ui->view->train.state == LOOM_TRAIN_EMPTY)
        offer(j, ui);
    return j;
}

void state_resume(const json_t *j, struct loom_session_conf *conf,
                  const char ***set)
{
    const json_t *list = json_object_get(j, "set");
    size_t n = json_array_size(list);
    conf->resume = string(j, "run");
    if (!conf->out && string(j, "out")[0])
        conf->out = string(j, "out");
    *set = loom_calloc(n + 1, sizeof **set);
    for (size_t k = 0, at = 0; k < n; k++)
        if (json_is_string(json_array_get(list, k)))
            (*set)[at++] = json_string_value(json_array_get(list, k));
    if (!conf->set[0])
        conf->set = *set;
}

/* ---- writing ---- */

static void set_path(json_t *j, const char *name, const char *path)
{
    char *whole = path ? realpath(path, NULL) : NULL;
    if (whole)
        json_object_set_new(j, name, json_string(whole));
    free(whole);
}

/* What a later start can go on with. */
static void add_session(json_t *j, const struct ui *ui,
                        const struct loom_session_conf *conf)
{
    const struct loom_train_view *t = &ui->view->train;
    json_t *set = json_array();
    for (size_t k = 0; conf->set && conf->set[k]; k++)
        json_array_append_new(set, json_string(conf->set[k]));
    set_path(j, "script", conf->script);
    set_path(j, "out", conf->out);
    json_object_set_new(j, "set", set);
    if (!t->run[0] || t->state == LOOM_TRAIN_DONE ||
        t->state == LOOM_TRAIN_FAILED)
        return;
    json_object_set_new(j, "run", json_string(t->run));
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "epochs", json_integer(t->epochs));
}

static void keep_session(json_t *j, const json_t *old)
{
    static const char *const names[] = {"script", "out",   "set",
                                        "run",    "epoch", "epochs"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        json_t *v = json_object_get(old, names[k]);
        if (v)
            json_object_set(j, names[k], v);
    }
}

void state_save(const char *path, const struct ui *ui, const json_t *old,
                const struct loom_session_conf *conf)
{
    struct loom_errmsg e;
    if (!path)
        return;
    json_t *j =
        json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "screen",
                  (int)ui->screen, "focus", (int)ui->focus, "theme",
                  (int)ui->theme, "log_y", ui->log_y, "no_mouse", ui->no_mouse,
                  "layer", ui->layer, "map", (int)ui->layers.map, "what",
                  (int)ui->layers.what, "zoom", ui->layers.zoom);
    if (conf->script)
        add_session(j, ui, conf);
    else
        keep_session(j, old);
    char *text = json_dumps(j, JSON_INDENT(1));
    if (text)
        loom_file_write(path, text, strlen(text), &e);
    free(text);
    json_decref(j);
}
