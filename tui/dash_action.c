#include "tui/dash_action.h"

#include <stdio.h>

#include "tui/dash.h"

static void turn_focus(struct ui *ui, int by)
{
    struct dash_layout l;
    dash_layout(ui, &l);
    bool any = ui->full || l.kind != DASH_FRAMES;
    int b = (int)ui->focus;
    for (int i = 0; i < DASH_BOXES; i++) {
        b = (b + by + DASH_BOXES) % DASH_BOXES;
        if (any || l.box[b].w > 0)
            break;
    }
    ui->focus = (enum dash_box)b;
}

void dash_next_box(struct ui *ui, const char *arg)
{
    (void)arg;
    turn_focus(ui, 1);
}

void dash_last_box(struct ui *ui, const char *arg)
{
    (void)arg;
    turn_focus(ui, -1);
}

void dash_log_axis(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->log_y = !ui->log_y;
}

const char *dash_log_axis_word(const struct ui *ui)
{
    return ui->log_y ? "Linear" : "Log";
}

void dash_closer(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui->view->train.n_points >> ui->dash.zoom > 8)
        ui->dash.zoom++;
}

void dash_wider(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->dash.zoom -= ui->dash.zoom > 0;
}

void dash_follow(struct ui *ui, const char *arg)
{
    (void)arg;
    const struct loom_view *v = ui->view;
    ui->log_at = ui->log_at || !v->n_log ? 0 : v->log[v->n_log - 1].number;
}

void dash_warnings(struct ui *ui, const char *arg)
{
    (void)arg;
    ui->dash.warnings = !ui->dash.warnings;
    ui->log_at = 0;
}

void dash_find(struct ui *ui, const char *text)
{
    snprintf(ui->dash.find, sizeof ui->dash.find, "%s", text);
    ui->log_at = 0;
}

bool dash_point_chosen(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    for (int i = 0; i < t->n_front; i++)
        if (t->front[i].epoch == ui->dash.point)
            return ui->focus == DASH_FRONT && ui_trains(ui);
    return false;
}

bool dash_can_go_back(const struct ui *ui)
{
    const struct dash_state *d = &ui->dash;
    return d->cursor || d->point || d->zoom || d->find[0] || d->warnings;
}

void dash_back(struct ui *ui)
{
    struct dash_state *d = &ui->dash;
    if (d->cursor)
        d->cursor = 0;
    else if (d->point)
        d->point = 0;
    else if (d->zoom)
        d->zoom = 0;
    else
        d->find[0] = d->warnings = 0;
}
