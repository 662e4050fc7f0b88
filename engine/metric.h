/* What a network is judged by: the goal of a training, and scores of outputs
 * against it. */
#pragma once

#include <jansson.h>

#include "engine/dataset.h"
#include "engine/loss.h"

enum loom_metric {
    LOOM_METRIC_STANDARD, /* accuracy for labels, rms for targets */
    LOOM_ACCURACY,
    LOOM_CLASS_ACCURACY, /* mean over the classes of the share found */
    LOOM_AUC,            /* mean over the classes, each against the rest */
    LOOM_RMS,            /* of the errors that are no outliers */
    LOOM_MAE,            /* mean absolute error */
    LOOM_N_METRICS
};

/* Of one output. */
struct loom_goal {
    enum loom_loss loss;
    enum loom_metric metric;
    double huber_delta; /* in the target's unit; 0: 1 */
    double outlier_cut; /* targets: in their unit; 0: none */
    /* Where there are several outputs: */
    char output[48];
    double weight; /* of its loss in the sum of all; 0: 1 */
};

int loom_metric_from_word(const char *s); /* "accuracy", ...; or -1 */
const char *loom_metric_word(enum loom_metric m);
/* Whether it is one of labels; else of targets. */
bool loom_metric_of_classes(enum loom_metric m);

/* The metric, the standard one resolved. */
enum loom_metric loom_goal_metric(const struct loom_goal *g);
bool loom_goal_lower_is_better(const struct loom_goal *g);
/* LOOM_ERR_ARG where loss, metric and data do not go together. */
int loom_goal_check(const struct loom_goal *g, const struct loom_dataset *d,
                    struct loom_errmsg *e);
/* What the best answer that does not look at its input would score on a part
 * (which has rows). */
double loom_goal_chance(const struct loom_goal *g, const struct loom_dataset *d,
                        enum loom_part part);
double loom_goal_weight(const struct loom_goal *g);
/* How the loss of this data is computed, all classes weighing the same. */
struct loom_loss_rule loom_goal_rule(const struct loom_goal *g,
                                     const struct loom_dataset *d);

/* Its fields into a checkpoint's info, and from there (what is missing or
 * unknown there is standard). */
void loom_goal_to_json(const struct loom_goal *g, json_t *info);
struct loom_goal loom_goal_from_json(const json_t *info);

enum { LOOM_MAX_SCORES = 4 };

struct loom_score {
    double loss, metric, outliers; /* outliers: share; -1 without a cut */
    double all[LOOM_MAX_SCORES];   /* by all metrics of an aim */
};

/* From the sums over `rows` rows; NAN where the metric needs the outputs. */
struct loom_score loom_score_sums(const struct loom_goal *g,
                                  const struct loom_dataset *d,
                                  const struct loom_loss_sums *s, double rows);
/* Of outputs z [rows][n_out] (targets scaled as in the data set). */
struct loom_score loom_score_outputs(const struct loom_goal *g,
                                     const struct loom_dataset *d,
                                     const struct loom_rows *rows,
                                     const float *z);
/* Whether the metric needs the outputs. */
bool loom_goal_needs_outputs(const struct loom_goal *g);

/* z [rows][n], labels y. into[c]: the share of the rows of class c whose
 * largest output is c (first wins); NAN where there are none. */
void loom_class_accuracy(size_t rows, size_t n, const float *z, const int *y,
                         double *into);
/* into[c]: of all pairs of a row of class c and one of another class, the
 * share where softmax(z)[c] is larger for the first, ties half: the area under
 * the ROC curve. NAN where there are no such pairs. */
void loom_auc(size_t rows, size_t n, const float *z, const int *y,
              double *into);
/* Mean of those that are numbers. */
double loom_mean_of(size_t n, const double *v);
