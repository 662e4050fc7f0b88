/* What a training is for: a goal for each output of the network, and the
 * metrics that it is judged by. Plain data. */
#pragma once

#include "engine/metric.h"
#include "engine/model.h"

enum { LOOM_MAX_METRICS = LOOM_MAX_SCORES, LOOM_METRIC_NAME = 64 };

/* A metric of goal number `goal`; its own metric is asked for nothing. */
struct loom_measure {
    int goal;
    enum loom_metric metric;
};

struct loom_aim {
    int n; /* outputs; 0 is 1 */
    struct loom_goal goal[LOOM_MAX_TARGETS];
    /* The front is made by the first; 0: that of goal 0. */
    int n_metrics;
    struct loom_measure metric[LOOM_MAX_METRICS];
};

int loom_aim_n_metrics(const struct loom_aim *a);
/* The k-th metric, the standard one resolved. */
struct loom_measure loom_aim_metric(const struct loom_aim *a, int k);
bool loom_aim_lower_is_better(const struct loom_aim *a, int k);
/* "accuracy"; where there are several outputs "class.accuracy". */
void loom_aim_word(const struct loom_aim *a, int k,
                   char word[static LOOM_METRIC_NAME]);
/* The metric of such a word, its goal found by its output; false: none. */
bool loom_aim_from_word(const struct loom_aim *a, const char *word,
                        struct loom_measure *out);

/* A goal, its data, and where its output lies in a row of all outputs. */
struct loom_aim_part {
    const struct loom_goal *goal;
    const struct loom_dataset *data;
    size_t at, n;
};

/* Find the parts of an aim for a network's outputs and for data: part k is of
 * goal k. LOOM_ERR_SHAPE, LOOM_ERR_ARG where they do not go together. */
int loom_aim_parts(const struct loom_aim *a, const struct loom_output *out,
                   int n_out, const struct loom_dataset *d,
                   struct loom_aim_part part[LOOM_MAX_TARGETS],
                   struct loom_errmsg *e);

/* The weighted loss and all metrics of rows of a part of the data, from the
 * sums of each goal over them (NULL: from z alone) and the outputs z
 * [rows][width] (NULL where loom_aim_needs_outputs says so). */
struct loom_score loom_aim_score(const struct loom_aim *a,
                                 const struct loom_aim_part *parts,
                                 enum loom_part which,
                                 const struct loom_loss_sums *sums,
                                 const float *z, size_t width);
bool loom_aim_needs_outputs(const struct loom_aim *a);
/* The part's columns of z [rows][width] as rows of their own; fresh memory. */
float *loom_aim_columns(const struct loom_aim_part *p, size_t rows,
                        const float *z, size_t width);

/* What the best answer that does not look at its input would score by the
 * first metric. */
double loom_aim_chance(const struct loom_aim *a,
                       const struct loom_aim_part *parts, enum loom_part which);

/* The fields of a checkpoint's info, and from there: what is unknown there is
 * standard. */
void loom_aim_to_json(const struct loom_aim *a, json_t *info);
struct loom_aim loom_aim_from_json(const json_t *info);
