#include "tui/layers_action.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tui/layers_impl.h"

/* The layer with that name or number, or the next one. */
void layers_named(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    char *end;
    long n = strtol(arg, &end, 10);
    int at = *arg && !*end && n >= 1 && n <= t->n_layers ? (int)n - 1 : -1;
    for (int i = 0; i < t->n_layers; i++)
        if (!strcmp(arg, t->layer[i].name))
            at = i;
    if (!*arg)
        layers_turn(ui, 1);
    else if (at < 0)
        ui_say(ui, STYLE_ERROR, "no layer \"%.40s\": a name or 1 to %d", arg,
               t->n_layers);
    else
        layers_turn(ui, at - ui->layer);
}

void layers_before(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_turn(ui, -1);
}

void layers_next_map(struct ui *ui, const char *arg)
{
    (void)arg;
    struct layers_state *s = &ui->layers;
    s->map = (enum layers_map)((s->map + 1) % LAYERS_MAPS);
}

/* Inputs have no gradient of their own, and no error that is kept. */
static bool shown(const struct ui *ui, int what)
{
    return !ui->layers.inputs ||
           (what != LAYERS_ERROR && what != LAYERS_GRADIENT);
}

void layers_next_what(struct ui *ui, const char *name)
{
    int what = ui->layers.what, found = -1;
    for (int k = 0; *name && k < LAYERS_WHATS; k++)
        if (!strcmp(name, layers_what_name((enum layers_what)k)))
            found = k;
    if (*name && (found < 0 || !shown(ui, found))) {
        ui_say(ui, STYLE_ERROR, "no map of \"%.40s\" here; v shows them all",
               name);
        return;
    }
    do
        what = (what + 1) % LAYERS_WHATS;
    while (!shown(ui, what));
    ui->layers.what = (enum layers_what)(found < 0 ? what : found);
}

void layers_inputs(struct ui *ui, const char *arg)
{
    (void)arg;
    struct layers_state *s = &ui->layers;
    s->inputs = !s->inputs;
    s->row = s->col = s->from_row = s->from_col = s->epoch = 0;
    if (!shown(ui, s->what))
        s->what = LAYERS_VALUE;
}

const char *layers_inputs_word(const struct ui *ui)
{
    return ui->layers.inputs ? "Weights" : "Inputs";
}

void layers_example(struct ui *ui, const char *number)
{
    char *end;
    long n = strtol(number, &end, 10);
    if (*number && (*end || n < 0 || n > INT_MAX / 2)) {
        ui_say(ui, STYLE_ERROR,
               "example: a row of the validation data, from 0");
        return;
    }
    if (!ui->layers.inputs)
        layers_inputs(ui, "");
    ui->layers.what = LAYERS_VALUE;
    ui->layers.example = *number ? (int)n : ui->layers.example + 1;
}

void layers_zoom_in(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_zoom(ui, true);
}

void layers_zoom_out(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_zoom(ui, false);
}

void layers_earlier(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, -1);
}

void layers_later(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, 1);
}

void layers_earliest(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, -LOOM_BIT_MAPS);
}

void layers_latest(struct ui *ui, const char *arg)
{
    (void)arg;
    layers_time(ui, LOOM_BIT_MAPS);
}
