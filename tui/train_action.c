#include "tui/train_action.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "tui/builds.h"

static const double step = 1.25; /* of beta and lr, a key press */

static int clamp(long v, long lo, long hi)
{
    return (int)(v < lo ? lo : v > hi ? hi : v);
}

void train_toggle(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui_trains(ui))
        ui_send(ui, LOOM_CMD_TOGGLE, 0, "", "");
}

const char *train_toggle_word(const struct ui *ui)
{
    return ui->view->train.state == LOOM_TRAIN_RUNNING ? "Pause" : "Resume";
}

void train_pause(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_send(ui, LOOM_CMD_PAUSE, 0, "", "pauses after this batch");
}

void train_resume(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_send(ui, LOOM_CMD_RESUME, 0, "", "training goes on");
}

/* The factor on a schedule. Keys are faster than views, so what was sent
 * counts, not what is shown. */
static double factor_of(const struct ui *ui, enum loom_cmd_kind kind)
{
    const struct loom_train_view *t = &ui->view->train;
    bool beta = kind == LOOM_CMD_SCALE_BETA;
    float sent = beta ? ui->beta_factor : ui->lr_factor;
    float shown = beta ? t->beta_factor : t->lr_factor;
    return (double)(sent > 0 ? sent : shown > 0 ? shown : 1);
}

static void set_factor(struct ui *ui, enum loom_cmd_kind kind, double factor)
{
    char said[80];
    bool beta = kind == LOOM_CMD_SCALE_BETA;
    snprintf(said, sizeof said, "%s ×%.3g on its schedule from the next batch",
             beta ? "β" : "lr", factor);
    if (ui_send(ui, kind, factor, "", said))
        *(beta ? &ui->beta_factor : &ui->lr_factor) = (float)factor;
}

static void scale(struct ui *ui, enum loom_cmd_kind kind, double by)
{
    set_factor(ui, kind, factor_of(ui, kind) * by);
}

void train_beta_up(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_BETA, step);
}

void train_beta_down(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_BETA, 1 / step);
}

void train_lr_up(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_LR, step);
}

void train_lr_down(struct ui *ui, const char *arg)
{
    (void)arg;
    scale(ui, LOOM_CMD_SCALE_LR, 1 / step);
}

/* "x1.5" is a factor; "1e-5" is the value to reach from `now`, which has the
 * shown factor in it. */
static void scale_typed(struct ui *ui, enum loom_cmd_kind kind, double now,
                        float shown, const char *arg)
{
    const char *name = kind == LOOM_CMD_SCALE_BETA ? "beta" : "lr";
    bool factor = *arg == 'x' || *arg == '*';
    char *end;
    double v = strtod(arg + factor, &end);
    if (end == arg + factor || *end || !(v > 0) || !isfinite(v))
        ui_say(ui, STYLE_ERROR,
               "%s: a value above 0 like 1e-5, or a factor "
               "like x1.5",
               name);
    else if (factor)
        scale(ui, kind, v);
    else if (!(now > 0) || !isfinite(now))
        ui_say(ui, STYLE_ERROR,
               "%s is not above 0 now: give a factor, like "
               ":%s x1.5",
               name, name);
    else
        set_factor(ui, kind, v / now * (double)(shown > 0 ? shown : 1));
}

void train_beta(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    scale_typed(ui, LOOM_CMD_SCALE_BETA, (double)t->beta, t->beta_factor, arg);
}

void train_lr(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    scale_typed(ui, LOOM_CMD_SCALE_LR, (double)t->lr, t->lr_factor, arg);
}

void train_snapshot(struct ui *ui, const char *arg)
{
    (void)arg;
    ui_send(ui, LOOM_CMD_SNAPSHOT, 0, "", "writing a checkpoint");
}

/* One batch while paused; "epoch" up to the end of it. */
void train_step(struct ui *ui, const char *arg)
{
    bool epoch = !strcmp(arg, "epoch");
    if (*arg && !epoch && strcmp(arg, "batch") != 0)
        ui_say(ui, STYLE_ERROR, "step: batch or epoch");
    else
        ui_send(ui, LOOM_CMD_STEP, epoch, "",
                epoch ? "one epoch" : "one batch");
}

void train_step_epoch(struct ui *ui, const char *arg)
{
    (void)arg;
    train_step(ui, "epoch");
}

/* "4000", "4k", "5k lut4", "5k lc", "off": EBOPs, or what the newest point's
 * EBOPs and predicted cells make of cells. */
static bool read_target(struct ui *ui, const char *arg, double *v,
                        const char **unit)
{
    const struct loom_forecast *f = &ui->view->forecast;
    char *end;
    *v = strtod(arg, &end);
    if (*end == 'k' && end > arg) {
        *v *= 1000;
        end++;
    }
    *unit = end + strspn(end, " ");
    bool cells = !strcmp(*unit, "lut4") || !strcmp(*unit, "lc");
    if (end == arg || (**unit && !cells) || !(*v >= 1) || !(*v < 1e12))
        ui_say(ui, STYLE_ERROR,
               "target: EBOPs, like 4000 or 4k; 5k lut4, 5k lc; or off");
    else if (cells && !f->epoch)
        ui_say(ui, STYLE_WARN, "no cells are predicted yet: give EBOPs");
    else
        return true;
    return false;
}

/* What the training counts at the point that was predicted; as it is now where
 * that has left the front. */
static double forecast_cost(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    for (int i = 0; i < t->n_front; i++)
        if (t->front[i].epoch == ui->view->forecast.epoch)
            return (double)(t->cost_unit[0] ? t->front[i].cost
                                            : t->front[i].ebops);
    return (double)(t->cost_unit[0] ? t->cost : t->ebops);
}

void train_target(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    const struct loom_cells *cells = &ui->view->forecast.cells;
    const char *unit;
    char said[96] = "β follows the target";
    double v = 0;
    if (!strcmp(arg, "off")) {
        ui_send(ui, LOOM_CMD_TARGET, 0, "", "β back on its schedule");
        return;
    }
    if (!read_target(ui, arg, &v, &unit))
        return;
    if (*unit) {
        int now = unit[1] == 'u' ? cells->lut4 : cells->lc;
        v *= forecast_cost(ui) / (now > 0 ? now : 1);
        snprintf(said, sizeof said, "β follows ~%.0f %s, as epoch %d has it", v,
                 t->cost_unit[0] ? t->cost_unit : "EBOPs",
                 ui->view->forecast.epoch);
    }
    if (v >= 1 && isfinite(v))
        ui_send(ui, LOOM_CMD_TARGET, v, "", said);
}

/* The layer that is named, else the selected one. */
void train_freeze(struct ui *ui, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    const char *name = arg;
    if (!*arg && t->n_layers)
        name = t->layer[clamp(ui->layer, 0, t->n_layers - 1)].name;
    ui_send(ui, LOOM_CMD_FREEZE, 0, name, "");
}

/* To a point of the front, named by its epoch, or the chosen one. */
static void go_back(struct ui *ui, enum loom_cmd_kind kind, const char *arg)
{
    const struct loom_train_view *t = &ui->view->train;
    char *end, chosen[16];
    if (!*arg && ui->dash.point) {
        snprintf(chosen, sizeof chosen, "%d", ui->dash.point);
        arg = chosen;
    }
    long epoch = strtol(arg, &end, 10);
    bool found = false;
    for (int i = 0; i < t->n_front; i++)
        found = found || t->front[i].epoch == epoch;
    if (end == arg || *end || !found)
        ui_say(ui, STYLE_ERROR,
               "which point of the front? its epoch, or choose one there");
    else
        ui_send(ui, kind, (double)epoch, "", "");
}

void train_rollback(struct ui *ui, const char *arg)
{
    go_back(ui, LOOM_CMD_ROLLBACK, arg);
}

void train_branch(struct ui *ui, const char *arg)
{
    go_back(ui, LOOM_CMD_BRANCH, arg);
}

void train_undo(struct ui *ui, const char *arg)
{
    (void)arg;
    if (ui_send(ui, LOOM_CMD_UNDO, 0, "", "taking back the last change"))
        ui->beta_factor = ui->lr_factor = 0;
}

/* Builds. */

void train_build(struct ui *ui, const char *arg)
{
    if (!ui->view->train.n_front)
        ui_say(ui, STYLE_WARN,
               "no point on the front yet: the first finished "
               "epoch makes one");
    else
        ui_send(ui, LOOM_CMD_BUILD, 0, arg, "building the best point");
}

void train_cancel(struct ui *ui, const char *arg)
{
    int id = 0, at = builds_selected(ui);
    if (*arg)
        id = atoi(arg + strspn(arg, "b-"));
    else if (ui->screen == SCREEN_BUILDS && at >= 0 &&
             at < ui->view->n_builds &&
             ui->view->build[at].state <= LOOM_BUILD_RUNNING)
        id = ui->view->build[at].id;
    if (!ui_builds(ui))
        ui_say(ui, STYLE_WARN, "no build is running");
    else
        ui_send(ui, LOOM_CMD_CANCEL_BUILD, id, "", "cancelling");
}
