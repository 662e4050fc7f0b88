#include "engine/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

static const char *const words[] = {"",    "accuracy", "class_accuracy",
                                    "auc", "rms",      "mae"};

int loom_metric_from_word(const char *s)
{
    for (int i = 1; i < (int)(sizeof(words) / sizeof(*words)); i++)
        if (!strcmp(s, words[i]))
            return i;
    return -1;
}

const char *loom_metric_word(enum loom_metric m)
{
    return words[m];
}

/* ---- goals ------------------------------------------------------------- */

enum loom_metric loom_goal_metric(const struct loom_goal *g)
{
    if (g->metric != LOOM_METRIC_STANDARD)
        return g->metric;
    return loom_loss_of_classes(g->loss) ? LOOM_ACCURACY : LOOM_RMS;
}

bool loom_metric_of_classes(enum loom_metric m)
{
    return m == LOOM_ACCURACY || m == LOOM_CLASS_ACCURACY || m == LOOM_AUC;
}

bool loom_goal_lower_is_better(const struct loom_goal *g)
{
    return !loom_metric_of_classes(loom_goal_metric(g));
}

bool loom_goal_needs_outputs(const struct loom_goal *g)
{
    return g->metric == LOOM_CLASS_ACCURACY || g->metric == LOOM_AUC;
}

int loom_goal_check(const struct loom_goal *g, const struct loom_dataset *d,
                    struct loom_errmsg *e)
{
    bool classes = false;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        classes |= d->part[p].y != NULL;
    if (classes != loom_loss_of_classes(g->loss))
        return loom_fail(e, LOOM_ERR_ARG,
                         "the data %s has %s: its loss can be %s, not \"%s\"",
                         d->name, classes ? "classes" : "targets",
                         classes ? "\"cross_entropy\" or \"hinge\""
                                 : "\"mse\" or \"huber\"",
                         loom_loss_word(g->loss));
    if (classes != loom_metric_of_classes(loom_goal_metric(g)))
        return loom_fail(e, LOOM_ERR_ARG,
                         "the data %s has %s: its metric can be %s, not \"%s\"",
                         d->name, classes ? "classes" : "targets",
                         classes ? "\"accuracy\", \"class_accuracy\" or \"auc\""
                                 : "\"rms\" or \"mae\"",
                         loom_metric_word(g->metric));
    return 0;
}

static double target_scale(const struct loom_dataset *d)
{
    return d->target_scale > 0 ? (double)d->target_scale : 1.0;
}

static double largest_class(const struct loom_rows *rows, size_t classes)
{
    size_t *count = loom_calloc(classes, sizeof(*count)), most = 0;
    for (size_t r = 0; r < rows->rows; r++)
        if (++count[rows->y[r]] > most)
            most = count[rows->y[r]];
    free(count);
    return (double)most / (double)rows->rows;
}

/* Root mean square, or mean absolute value, of what is left without the mean
 * of each target. */
static double spread(const struct loom_rows *rows, size_t n, bool absolute)
{
    double total = 0.0, count = (double)rows->rows;
    for (size_t j = 0; j < n; j++) {
        double mean = 0.0;
        for (size_t r = 0; r < rows->rows; r++)
            mean += (double)rows->t[r * n + j] / count;
        for (size_t r = 0; r < rows->rows; r++) {
            double d = (double)rows->t[r * n + j] - mean;
            total += absolute ? fabs(d) : d * d;
        }
    }
    total /= count * (double)n;
    return absolute ? total : sqrt(total);
}

double loom_goal_chance(const struct loom_goal *g, const struct loom_dataset *d,
                        enum loom_part part)
{
    const struct loom_rows *rows = &d->part[part];
    enum loom_metric m = loom_goal_metric(g);
    if (m == LOOM_AUC)
        return 0.5;
    if (m == LOOM_CLASS_ACCURACY)
        return 1.0 / (double)d->n_out;
    if (m == LOOM_ACCURACY)
        return largest_class(rows, d->n_out);
    return target_scale(d) * spread(rows, d->n_out, m == LOOM_MAE);
}

struct loom_loss_rule loom_goal_rule(const struct loom_goal *g,
                                     const struct loom_dataset *d)
{
    double delta = g->huber_delta > 0 ? g->huber_delta : 1.0;
    return (struct loom_loss_rule){.kind = g->loss,
                                   .delta = delta / target_scale(d),
                                   .cut = g->outlier_cut / target_scale(d)};
}

double loom_goal_weight(const struct loom_goal *g)
{
    return g->weight > 0 ? g->weight : 1.0;
}

void loom_goal_to_json(const struct loom_goal *g, json_t *info)
{
    json_object_set_new(info, "loss", json_string(loom_loss_word(g->loss)));
    json_object_set_new(info, "metric",
                        json_string(loom_metric_word(loom_goal_metric(g))));
    json_object_set_new(info, "huber_delta", json_real(g->huber_delta));
    json_object_set_new(info, "outlier_cut", json_real(g->outlier_cut));
}

struct loom_goal loom_goal_from_json(const json_t *info)
{
    const char *loss = json_string_value(json_object_get(info, "loss"));
    const char *metric = json_string_value(json_object_get(info, "metric"));
    int l = loss ? loom_loss_from_word(loss) : -1;
    int m = metric ? loom_metric_from_word(metric) : -1;
    struct loom_goal g = {
        .loss = l < 0 ? LOOM_CROSS_ENTROPY : (enum loom_loss)l,
        .metric = m < 0 ? LOOM_METRIC_STANDARD : (enum loom_metric)m,
        .huber_delta = json_number_value(json_object_get(info, "huber_delta")),
        .outlier_cut = json_number_value(json_object_get(info, "outlier_cut"))};
    if (loom_metric_of_classes(loom_goal_metric(&g)) !=
        loom_loss_of_classes(g.loss))
        g.metric = LOOM_METRIC_STANDARD;
    return g;
}

/* ---- scores ------------------------------------------------------------ */

struct loom_score loom_score_sums(const struct loom_goal *g,
                                  const struct loom_dataset *d,
                                  const struct loom_loss_sums *s, double rows)
{
    struct loom_score v = {
        .loss = s->loss / rows, .metric = NAN, .outliers = -1.0};
    enum loom_metric m = loom_goal_metric(g);
    double scale = target_scale(d);
    if (m == LOOM_ACCURACY)
        v.metric = s->correct / rows;
    else if (m == LOOM_RMS && s->inliers > 0)
        v.metric = scale * sqrt(s->square / s->inliers);
    else if (m == LOOM_MAE)
        v.metric = scale * s->absolute / s->values;
    if (!loom_metric_of_classes(m) && g->outlier_cut > 0)
        v.outliers = 1.0 - s->inliers / s->values;
    return v;
}

struct loom_score loom_score_outputs(const struct loom_goal *g,
                                     const struct loom_dataset *d,
                                     const struct loom_rows *rows,
                                     const float *z)
{
    struct loom_loss_sums s = {0};
    struct loom_loss_rule rule = loom_goal_rule(g, d);
    loom_loss_block(&rule, rows->rows, d->n_out, z, d->n_out, rows->y, rows->t,
                    0.0f, NULL, &s);
    struct loom_score v = loom_score_sums(g, d, &s, (double)rows->rows);
    if (loom_goal_needs_outputs(g)) {
        double *each = loom_malloc(d->n_out * sizeof(*each));
        (g->metric == LOOM_AUC ? loom_auc : loom_class_accuracy)(
            rows->rows, d->n_out, z, rows->y, each);
        v.metric = loom_mean_of(d->n_out, each);
        free(each);
    }
    return v;
}

double loom_mean_of(size_t n, const double *v)
{
    double sum = 0.0, count = 0.0;
    for (size_t j = 0; j < n; j++)
        if (!isnan(v[j])) {
            sum += v[j];
            count += 1.0;
        }
    return count > 0.0 ? sum / count : NAN;
}

void loom_class_accuracy(size_t rows, size_t n, const float *z, const int *y,
                         double *into)
{
    double *of = loom_calloc(n, sizeof(*of));
    memset(into, 0, n * sizeof(*into));
    for (size_t r = 0; r < rows; r++, z += n) {
        size_t best = 0;
        for (size_t j = 1; j < n; j++)
            if (z[j] > z[best])
                best = j;
        of[y[r]] += 1.0;
        into[y[r]] += best == (size_t)y[r];
    }
    for (size_t c = 0; c < n; c++)
        into[c] = of[c] > 0.0 ? into[c] / of[c] : NAN;
    free(of);
}

/* ---- area under the curve ---------------------------------------------- */

struct ranked {
    double score;
    bool own; /* of the class */
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    return (p->score > q->score) - (p->score < q->score);
}

/* log of softmax(z)[c] / (1 - softmax(z)[c]), which rises with it. The sum is
 * one of integers: rows that have the same outputs in another order tie. */
static double log_odds(size_t n, const float *z, size_t c)
{
    double top = -INFINITY;
    int64_t sum = 0;
    for (size_t j = 0; j < n; j++)
        if (j != c)
            top = fmax(top, (double)z[j]);
    for (size_t j = 0; j < n; j++)
        if (j != c) {
            double e = exp((double)z[j] - top);
            sum += e > 0 ? (int64_t)(0x1p46 * e) : 0;
        }
    return (double)z[c] - top - log((double)sum);
}

/* Pairs won by the class: a row of it wins against all others before it, half
 * against those of the same score. */
static double area(const struct ranked *p, size_t rows)
{
    double won = 0.0, before = 0.0, own = 0.0;
    for (size_t at = 0, end; at < rows; at = end) {
        double mine = 0.0, others = 0.0;
        for (end = at; end == at || (end < rows && p[end].score == p[at].score);
             end++) {
            mine += p[end].own;
            others += !p[end].own;
        }
        won += mine * (before + 0.5 * others);
        before += others;
        own += mine;
    }
    return own * before > 0.0 ? won / (own * before) : NAN;
}

void loom_auc(size_t rows, size_t n, const float *z, const int *y, double *into)
{
    struct ranked *p = loom_malloc((rows + 1) * sizeof(*p));
    for (size_t c = 0; c < n; c++) {
        for (size_t r = 0; r < rows; r++)
            p[r] = (struct ranked){n > 1 ? log_odds(n, z + r * n, c) : 0.0,
                                   (size_t)y[r] == c};
        qsort(p, rows, sizeof(*p), by_score);
        into[c] = area(p, rows);
    }
    free(p);
}
