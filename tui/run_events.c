#include "tui/run_events.h"

#include <math.h>

#include <jansson.h>

#include "tui/cli.h"

/* A number that is none becomes null: JSON has no NaN. */
static json_t *real(float v)
{
    return isfinite(v) ? json_real((double)v) : json_null();
}

/* Cells, where they are what counts; estimated, as in every step. */
static void put_cost(json_t *j, const struct loom_train_view *t, float cost)
{
    if (!t->cost_unit[0])
        return;
    json_object_set_new(j, "cost", real(cost));
    json_object_set_new(j, "cost_unit", json_string(t->cost_unit));
}

static json_t *new_event(const char *name)
{
    return json_pack("{s:s, s:s}", "schema", "bitloom/run/1", "event", name);
}

static void put_epoch(FILE *out, const struct loom_train_view *t)
{
    json_t *j = new_event("epoch");
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "epochs", json_integer(t->epochs));
    json_object_set_new(j, "loss", real(t->loss));
    json_object_set_new(j, "val_loss", real(t->val_loss));
    json_object_set_new(j, "val_metric", real(t->val_metric));
    json_object_set_new(j, "metric", json_string(t->metric));
    json_t *metrics = json_pack("{s:o}", t->metric, real(t->val_metric));
    for (int k = 0; k < t->n_more; k++)
        json_object_set_new(metrics, t->more_metric[k], real(t->more[k]));
    json_object_set_new(j, "metrics", metrics);
    if (t->outliers >= 0)
        json_object_set_new(j, "outliers", real(t->outliers));
    json_object_set_new(j, "ebops", real(t->ebops));
    put_cost(j, t, t->cost);
    json_object_set_new(j, "beta", real(t->beta));
    json_object_set_new(j, "lr", real(t->lr));
    json_object_set_new(j, "seconds", real(t->seconds_per_epoch));
    json_object_set_new(j, "samples_per_s", real(t->samples_per_s));
    cli_write_json(out, j);
}

static json_t *point(const struct loom_train_view *t, int i)
{
    const struct loom_train_front *p = &t->front[i];
    json_t *j = json_object();
    json_object_set_new(j, "epoch", json_integer(p->epoch));
    json_object_set_new(j, "val_metric", real(p->val_metric));
    json_object_set_new(j, "ebops", real(p->ebops));
    put_cost(j, t, p->cost);
    return j;
}

static void put_pareto(FILE *out, const struct loom_event *ev)
{
    const struct loom_train_view *t = ev->train;
    json_t *j = new_event("pareto");
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "val_metric", real(t->val_metric));
    json_object_set_new(j, "ebops", real(t->ebops));
    put_cost(j, t, t->cost);
    json_object_set_new(j, "checkpoint",
                        json_string(ev->checkpoint ? ev->checkpoint : ""));
    cli_write_json(out, j);
}

static void put_collapse(FILE *out, const struct loom_event *ev)
{
    const struct loom_notice *n = ev->notice;
    json_t *j = new_event("collapse");
    json_object_set_new(j, "epoch", json_integer(ev->train->epoch));
    json_object_set_new(j, "since_epoch", json_integer(n->epoch_before));
    json_object_set_new(j, "ebops_before", json_real(n->ebops_before));
    json_object_set_new(j, "layer", json_string(n->layer));
    json_object_set_new(j, "good_epoch",
                        n->good_epoch ? json_integer(n->good_epoch)
                                      : json_null());
    json_object_set_new(j, "action",
                        json_string(loom_on_collapse_word(n->action)));
    cli_write_json(out, j);
}

static void put_stop(FILE *out, const struct loom_event *ev)
{
    json_t *j = new_event("stop");
    json_object_set_new(j, "epoch", json_integer(ev->train->epoch));
    json_object_set_new(j, "reason", json_string(ev->notice->stopped));
    cli_write_json(out, j);
}

static const char *const level_words[] = {"info", "good", "warn", "error"};

static void put_log(FILE *out, const struct loom_log_line *line)
{
    json_t *j = new_event("log");
    json_t *text = json_string(line->text);
    json_object_set_new(j, "level", json_string(level_words[line->level]));
    json_object_set_new(j, "text", text ? text : json_string("?"));
    cli_write_json(out, j);
}

int run_best(const struct loom_train_view *t)
{
    int best = -1;
    for (int i = 0; i < t->n_front; i++) {
        float m = t->front[i].val_metric;
        if (isfinite(m) &&
            (best < 0 || (t->lower_is_better ? m < t->front[best].val_metric
                                             : m > t->front[best].val_metric)))
            best = i;
    }
    return best;
}

void run_write_done(FILE *out, const struct loom_train_view *t, bool complete)
{
    json_t *j = new_event("done"), *front = json_array();
    int best = run_best(t);
    for (int i = 0; i < t->n_front; i++)
        json_array_append_new(front, point(t, i));
    json_object_set_new(j, "run", json_string(t->run));
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "complete", json_boolean(complete));
    json_object_set_new(j, "metric", json_string(t->metric));
    json_object_set_new(j, "best", best < 0 ? json_null() : point(t, best));
    json_object_set_new(j, "front", front);
    json_object_set_new(j, "weights", json_string(t->weights));
    cli_write_json(out, j);
}

void run_write_event(FILE *out, const struct loom_event *ev)
{
    switch (ev->kind) {
    case LOOM_EVENT_EPOCH:
        put_epoch(out, ev->train);
        break;
    case LOOM_EVENT_PARETO:
        put_pareto(out, ev);
        break;
    case LOOM_EVENT_COLLAPSE:
        put_collapse(out, ev);
        break;
    case LOOM_EVENT_STOP:
        put_stop(out, ev);
        break;
    case LOOM_EVENT_LOG:
        put_log(out, ev->line);
        break;
    default:
        break;
    }
}
