/* The trainer's insides, shared by trainer.c (the loop), trainer_state.c
 * (looking, what is saved, resuming), trainer_save.c (saving), trainer_steer.c
 * and trainer_guard.c. */
#pragma once

#include <math.h>

#include "engine/checkpoint.h"
#include "engine/optimizer.h"
#include "engine/pool.h"
#include "engine/trainer.h"

/* A batch is always cut into this many parts, however many threads there
 * are: the order of summation, and so the result, stays the same. */
enum { LOOM_CHUNKS = 8, LOOM_HISTORY = 2 * LOOM_VIEW_POINTS };

/* One finished epoch out of `stride`; the stride doubles when full. */
struct loom_history {
    int n, stride;
    struct loom_train_point point[LOOM_HISTORY];
};

struct loom_trainer {
    struct loom_model *model;
    const struct loom_dataset *data;
    struct loom_trainer_conf conf;
    char *dir; /* conf.dir, owned */
    struct loom_pool *pool;
    struct loom_scratch *scratch; /* one a thread */
    struct loom_sums chunk[LOOM_CHUNKS];
    float
        *between; /* [blocks of a batch][n_kept] from pass to pass of a step */
    /* For each goal of the aim: what it is about; how its loss is computed; its
     * sums over a chunk. */
    struct loom_aim_part part[LOOM_MAX_TARGETS];
    struct loom_loss_rule rule[LOOM_MAX_TARGETS];
    struct loom_loss_sums loss[LOOM_CHUNKS][LOOM_MAX_TARGETS];
    int n_parts;
    float *outputs; /* of rows that were scored, where a metric needs them */
    struct loom_optimizer optimizer;
    uint32_t *order; /* [train rows] of this epoch */
    float *kept;     /* [n_theta + n_top] while a point is calibrated: the
                      * parameters as they were, ranges of the validation rows */

    int epoch, batch, batches;       /* finished, in this epoch, of an epoch */
    double lr, beta;                 /* of this epoch, factors applied */
    double lr_planned, beta_planned; /* what the schedules say */
    double lr_factor, beta_factor;
    double target; /* cost that beta follows, 0 none */
    struct loom_control control;
    double epoch_loss;                /* of this epoch so far */
    double train_rows;                /* that epoch_loss is of */
    double train_loss, ebops, cost;   /* of the last batch or epoch */
    struct loom_score val;
    struct loom_pareto front;
    struct loom_guard guard;
    struct loom_notice notice;     /* of the last epoch */
    struct loom_train_point ended; /* that epoch */
    double chance; /* metric of an answer that is always the same */
    int new_point; /* index in the front after an epoch; -1 */
    int n_gone;    /* points that left it then */
    struct loom_pareto_point gone[LOOM_PARETO_MAX + 1];
    struct loom_history history;
    double elapsed_before, epoch_seconds; /* of earlier processes; the last */
    double started, epoch_started, saved; /* monotonic seconds */
    struct loom_saver *saver;             /* NULL without a folder */
    int saved_epoch; /* of the newest state that is saved or being saved; -1 */
};

/* Before the first epoch. */
static const struct loom_score LOOM_UNSCORED = {
    NAN, NAN, -1.0, {NAN, NAN, NAN, NAN}};

/* Memory and a thread to save with; of a trainer that has all but that. */
struct loom_saver *loom_saver_new(const struct loom_trainer *t,
                                  struct loom_errmsg *e);
/* What is being written is written. */
void loom_saver_destroy(struct loom_saver *s);

/* Begin to save where that is due and nothing is being saved; or the error of
 * what was. Allocates nothing. */
int loom_trainer_autosave(struct loom_trainer *t, struct loom_errmsg *e);
/* Wait until nothing is being saved; or the error of what was. */
int loom_trainer_settle(struct loom_trainer *t, struct loom_errmsg *e);

double loom_now(void);

/* Set t->ebops and t->cost from the parameters prepared; adds beta times the
 * gradient of the cost. */
void loom_trainer_count(struct loom_trainer *t, float beta);

/* Set t->order for the epoch, from seed and epoch alone. */
void loom_trainer_shuffle(struct loom_trainer *t);
/* Schedules at the current epoch, and the factors applied to them. */
int loom_trainer_schedules(struct loom_trainer *t, struct loom_errmsg *e);
/* One step of the controller behind a target, if there is one. */
void loom_trainer_follow(struct loom_trainer *t);
/* Judge the epoch that ended, which is in the history: notice, guard, and the
 * parameters where it goes back. */
int loom_trainer_guard(struct loom_trainer *t, struct loom_errmsg *e);
/* The same layers and settings in both, or LOOM_ERR_ARG. */
int loom_trainer_same(const struct loom_model *a, const struct loom_model *b,
                      struct loom_errmsg *e);
/* The checkpoint has the state of an optimizer of the same kind. */
bool loom_trainer_same_optimizer(const struct loom_trainer *t,
                                 const struct loom_checkpoint *c);
/* The epoch as it stands: losses, metrics, cost. */
struct loom_train_point loom_trainer_now(const struct loom_trainer *t);
/* Append the epoch that just ended to the history. */
void loom_history_add(struct loom_history *h, const struct loom_train_point *p);
/* What a checkpoint says about itself; new reference. */
json_t *loom_trainer_info(const struct loom_trainer *t);
/* What it needs to go on, of a trainer whose clock is in elapsed_before; new
 * reference. */
json_t *loom_trainer_to_json(const struct loom_trainer *t);
