#include "engine/aim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

static int goals_of(const struct loom_aim *a)
{
    return a->n ? a->n : 1;
}

/* ---- metrics ----------------------------------------------------------- */

int loom_aim_n_metrics(const struct loom_aim *a)
{
    return a->n_metrics ? a->n_metrics : 1;
}

/* The goal of the k-th metric, with that metric. */
static struct loom_goal goal_of(const struct loom_aim *a, int k)
{
    if (!a->n_metrics)
        return a->goal[0];
    struct loom_goal g = a->goal[a->metric[k].goal];
    g.metric = a->metric[k].metric;
    return g;
}

struct loom_measure loom_aim_metric(const struct loom_aim *a, int k)
{
    struct loom_goal g = goal_of(a, k);
    int goal = a->n_metrics ? a->metric[k].goal : 0;
    return (struct loom_measure){goal, loom_goal_metric(&g)};
}

bool loom_aim_lower_is_better(const struct loom_aim *a, int k)
{
    struct loom_goal g = goal_of(a, k);
    return loom_goal_lower_is_better(&g);
}

bool loom_aim_needs_outputs(const struct loom_aim *a)
{
    bool needs = false;
    for (int k = 0; k < loom_aim_n_metrics(a); k++) {
        struct loom_goal g = goal_of(a, k);
        needs |= loom_goal_needs_outputs(&g);
    }
    return needs;
}

void loom_aim_word(const struct loom_aim *a, int k,
                   char word[static LOOM_METRIC_NAME])
{
    struct loom_measure m = loom_aim_metric(a, k);
    snprintf(word, LOOM_METRIC_NAME, "%s%s%s", a->goal[m.goal].output,
             goals_of(a) > 1 ? "." : "", loom_metric_word(m.metric));
}

bool loom_aim_from_word(const struct loom_aim *a, const char *word,
                        struct loom_measure *out)
{
    const char *dot = strrchr(word, '.');
    size_t n = dot ? (size_t)(dot - word) : 0;
    int metric = loom_metric_from_word(dot ? dot + 1 : word);
    if (metric < 0)
        return false;
    for (int k = 0; k < goals_of(a); k++)
        if (strlen(a->goal[k].output) == n &&
            !strncmp(a->goal[k].output, word, n)) {
            *out = (struct loom_measure){k, (enum loom_metric)metric};
            return true;
        }
    return false;
}

/* ---- parts ------------------------------------------------------------- */

static int find_part(const struct loom_goal *g, const struct loom_output *out,
                     int n_out, const struct loom_dataset *d,
                     struct loom_aim_part *part, struct loom_errmsg *e)
{
    const struct loom_output *o = NULL;
    for (int k = 0; k < n_out; k++)
        if (n_out == 1 || !strcmp(out[k].name, g->output))
            o = &out[k];
    d = loom_dataset_of(d, n_out == 1 ? "" : g->output);
    if (!o || !d)
        return loom_fail(e, LOOM_ERR_ARG, "output %s: the %s none of that name",
                         g->output, o ? "data have" : "network has");
    if (o->n != d->n_out)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: gives %zu outputs, but the data %s needs %zu",
                         o->name, o->n, d->name, d->n_out);
    *part = (struct loom_aim_part){g, d, o->at, o->n};
    return 0;
}

int loom_aim_parts(const struct loom_aim *a, const struct loom_output *out,
                   int n_out, const struct loom_dataset *d,
                   struct loom_aim_part part[LOOM_MAX_TARGETS],
                   struct loom_errmsg *e)
{
    int n_data = 0, err = 0;
    for (const struct loom_dataset *t = d; t; t = t->next)
        n_data++;
    if (n_out != n_data || n_out != goals_of(a))
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "the network has %d output%s, the data %s %s for %d",
                         n_out, n_out == 1 ? "" : "s", d->name,
                         n_data == 1 ? "has labels or targets" : "have them",
                         n_data);
    for (int k = 0; !err && k < n_out; k++)
        err = find_part(&a->goal[k], out, n_out, d, &part[k], e);
    for (int k = 0; !err && k < n_out; k++) {
        struct loom_goal g = a->goal[k];
        if (a->n_metrics) /* the goal's own is asked for nothing */
            g.metric = LOOM_METRIC_STANDARD;
        err = loom_goal_check(&g, part[k].data, e);
    }
    for (int k = 0; !err && k < a->n_metrics; k++) {
        struct loom_goal g = goal_of(a, k);
        err = loom_goal_check(&g, part[a->metric[k].goal].data, e);
    }
    return err;
}

/* ---- scores ------------------------------------------------------------ */

float *loom_aim_columns(const struct loom_aim_part *p, size_t rows,
                        const float *z, size_t width)
{
    float *own = loom_malloc((rows * p->n + 1) * sizeof(*own));
    for (size_t r = 0; r < rows; r++)
        memcpy(own + r * p->n, z + r * width + p->at, p->n * sizeof(*own));
    return own;
}

static struct loom_score score_part(const struct loom_goal *g,
                                    const struct loom_aim_part *p,
                                    enum loom_part which,
                                    const struct loom_loss_sums *sums,
                                    const float *z, size_t width)
{
    const struct loom_rows *rows = &p->data->part[which];
    if (sums && !loom_goal_needs_outputs(g))
        return loom_score_sums(g, p->data, sums, (double)rows->rows);
    float *own = loom_aim_columns(p, rows->rows, z, width);
    struct loom_score s = loom_score_outputs(g, p->data, rows, own);
    free(own);
    return s;
}

struct loom_score loom_aim_score(const struct loom_aim *a,
                                 const struct loom_aim_part *parts,
                                 enum loom_part which,
                                 const struct loom_loss_sums *sums,
                                 const float *z, size_t width)
{
    struct loom_score all = {.outliers = -1.0};
    for (int k = loom_aim_n_metrics(a); k < LOOM_MAX_METRICS; k++)
        all.all[k] = NAN;
    for (int k = 0; k < goals_of(a); k++) {
        struct loom_goal g = a->goal[k];
        g.metric = LOOM_METRIC_STANDARD;
        struct loom_score s =
            score_part(&g, &parts[k], which, sums ? &sums[k] : NULL, z, width);
        all.loss += loom_goal_weight(&g) * s.loss;
    }
    for (int k = 0; k < loom_aim_n_metrics(a); k++) {
        struct loom_goal g = goal_of(a, k);
        int of = loom_aim_metric(a, k).goal;
        struct loom_score s = score_part(&g, &parts[of], which,
                                         sums ? &sums[of] : NULL, z, width);
        all.all[k] = s.metric;
        if (!k) {
            all.metric = s.metric;
            all.outliers = s.outliers;
        }
    }
    return all;
}

double loom_aim_chance(const struct loom_aim *a,
                       const struct loom_aim_part *parts, enum loom_part which)
{
    struct loom_goal g = goal_of(a, 0);
    const struct loom_aim_part *p = &parts[loom_aim_metric(a, 0).goal];
    return loom_goal_chance(&g, p->data, which);
}

/* ---- in a file --------------------------------------------------------- */

void loom_aim_to_json(const struct loom_aim *a, json_t *info)
{
    char word[LOOM_METRIC_NAME];
    json_t *metrics = json_array(), *outputs = json_array();
    for (int k = 0; k < loom_aim_n_metrics(a); k++) {
        loom_aim_word(a, k, word);
        json_array_append_new(metrics, json_string(word));
    }
    for (int k = 0; k < a->n && a->n > 1; k++) {
        json_t *j = json_pack("{s:s,s:f}", "output", a->goal[k].output,
                              "weight", loom_goal_weight(&a->goal[k]));
        loom_goal_to_json(&a->goal[k], j);
        json_object_del(j, "metric");
        json_array_append_new(outputs, j);
    }
    if (a->n <= 1)
        loom_goal_to_json(&a->goal[0], info);
    else
        json_object_set(info, "outputs", outputs);
    json_object_set(info, "metric", json_array_get(metrics, 0));
    if (a->n_metrics > 1)
        json_object_set(info, "metrics", metrics);
    json_decref(metrics);
    json_decref(outputs);
}

struct loom_aim loom_aim_from_json(const json_t *info)
{
    const json_t *outputs = json_object_get(info, "outputs");
    const json_t *metrics = json_object_get(info, "metrics"), *j;
    struct loom_aim a = {.n = 0};
    size_t k;
    if (!json_array_size(outputs))
        a.goal[0] = loom_goal_from_json(info);
    json_array_foreach(outputs, k, j)
    {
        const char *name = json_string_value(json_object_get(j, "output"));
        struct loom_goal *g = &a.goal[k];
        if (k == LOOM_MAX_TARGETS)
            break;
        *g = loom_goal_from_json(j);
        g->weight = json_number_value(json_object_get(j, "weight"));
        snprintf(g->output, sizeof(g->output), "%s", name ? name : "");
        a.n++;
    }
    for (k = 0; k < (metrics ? json_array_size(metrics) : a.n > 1); k++) {
        j = metrics ? json_array_get(metrics, k)
                    : json_object_get(info, "metric");
        const char *word = json_string_value(j);
        if (word && a.n_metrics < LOOM_MAX_METRICS &&
            loom_aim_from_word(&a, word, &a.metric[a.n_metrics]))
            a.n_metrics++;
    }
    return a;
}
