#include "tui/layers_action.h"

#include <stdlib.h>
#include <string.h>

#include "tui/layers.h"

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

void layers_next_what(struct ui *ui, const char *arg)
{
    (void)arg;
    struct layers_state *s = &ui->layers;
    s->what = (enum layers_what)((s->what + 1) % LAYERS_WHATS);
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
