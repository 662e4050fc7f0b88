/* The training loop: batches, gradients, schedules, validation, the front.
 * One thread owns a trainer; its workers are its own. Nothing is allocated in
 * a step. The result depends on the seed alone, not on threads: a batch is
 * cut into a fixed number of chunks that are summed in order. */
#pragma once

#include <jansson.h>

#include "engine/aim.h"
#include "engine/control.h"
#include "engine/cost.h"
#include "engine/err.h"
#include "engine/guard.h"
#include "engine/model.h"
#include "engine/optimizer.h"
#include "engine/pareto.h"
#include "engine/schedule.h"
#include "engine/train_view.h"

struct loom_trainer_conf {
    struct loom_aim aim;
    size_t batch; /* rows; batches of an epoch are made of nearly this size */
    int epochs;
    uint64_t seed;
    int threads; /* 0: one a processor */
    struct loom_schedule lr, beta;
    struct loom_control_conf control; /* of beta, where it has a target */
    /* What beta is the price of, the front and targets count: cells of its
     * device, or (no device) EBOPs. */
    struct loom_cost cost;
    struct loom_optimizer_conf optimizer;
    struct loom_guard_conf guard;
    const char *dir;   /* folder for checkpoints; NULL: none are written */
    bool unquantized;  /* quantizers do nothing in training steps: for measuring
                          what they cost */
    double autosave_s; /* between saves of the training state; 0: 30 */
};

struct loom_trainer;

/* Takes the model over (also when it fails); data is borrowed. */
struct loom_trainer *loom_trainer_new(struct loom_model *take_model,
                                      const struct loom_dataset *data,
                                      const struct loom_trainer_conf *conf,
                                      struct loom_errmsg *e);
void loom_trainer_destroy(struct loom_trainer *t);

struct loom_model *loom_trainer_model(struct loom_trainer *t);
const struct loom_pareto *loom_trainer_front(const struct loom_trainer *t);

/* What the last epoch's end brought. */
enum { LOOM_STEP_BATCH = 0, LOOM_STEP_EPOCH = 1 };

/* Where the autosave is due, copy the state for a thread that writes it, unless
 * that is still at the last one; then train one batch; with the last of an
 * epoch, validate and update the front. LOOM_STEP_BATCH, LOOM_STEP_EPOCH,
 * or an error, also of a save before; LOOM_ERR_NAN names what went wrong first,
 * and leaves the last good checkpoint. */
int loom_trainer_step(struct loom_trainer *t, struct loom_errmsg *e);
bool loom_trainer_done(const struct loom_trainer *t);

/* After LOOM_STEP_EPOCH: the point that joined the front then, or NULL. */
const struct loom_pareto_point *
loom_trainer_new_point(const struct loom_trainer *t);

/* The points that left the front then: their number, and where they are
 * (valid until the next step). */
int loom_trainer_gone(const struct loom_trainer *t,
                      const struct loom_pareto_point **points);
/* Remove their files, once the caller has taken note. Those on the front of the
 * saved state go when a newer one is saved: a run that is killed and resumed
 * finds all of its front. */
void loom_trainer_remove_gone(const struct loom_trainer *t);

/* After LOOM_STEP_EPOCH: that epoch, with the beta and learning rate that it
 * had; valid until the next. */
const struct loom_train_point *loom_trainer_ended(const struct loom_trainer *t);

/* After LOOM_STEP_EPOCH: what the guard has to say; valid until the next. */
const struct loom_notice *loom_trainer_notice(const struct loom_trainer *t);

/* The user's hand on the schedules: factor on beta and the learning rate
 * from the next batch on. */
void loom_trainer_scale(struct loom_trainer *t, double beta, double lr);

/* Beta follows a target from now on, as control.h has it, begun so that it does
 * not jump. 0: back to the schedule and its factor. */
void loom_trainer_target(struct loom_trainer *t, double cost);

/* All that a user's hand has set of beta and the learning rate. */
struct loom_hand {
    double beta_factor, lr_factor;
    double target; /* 0: none */
    struct loom_control control;
    double beta; /* as it is */
};
struct loom_hand loom_trainer_hand(const struct loom_trainer *t);
void loom_trainer_set_hand(struct loom_trainer *t, const struct loom_hand *h);

/* Go on from the parameters of a checkpoint of the same network, with its
 * optimizer's state if it has one and a fresh one else. The clock, the front
 * and the history stay; `beta` (may be NULL) gets the file's beta, 0 if it says
 * none. On failure nothing is changed. */
int loom_trainer_take(struct loom_trainer *t, const char *path, double *beta,
                      struct loom_errmsg *e);

/* Begin anew in another folder from the parameters of a checkpoint, at the end
 * of `epoch`: the clock goes back there, the history after it and the front are
 * dropped (their files are not touched), the user's hand stays. On failure the
 * folder and the clock are as before. */
int loom_trainer_branch(struct loom_trainer *t, const char *path,
                        const char *dir, int epoch, struct loom_errmsg *e);

/* Metric, loss and so on of a part, in evaluation mode. */
int loom_trainer_evaluate(struct loom_trainer *t, enum loom_part part,
                          struct loom_score *out, struct loom_errmsg *e);

/* Fill all of the view that the trainer knows. */
void loom_trainer_look(const struct loom_trainer *t, struct loom_train_view *v);

/* Save everything needed to go on, as dir/last.loom, and wait for it; and take
 * it up again (model, optimizer, position, front, history): from there on the
 * run is the one that was never stopped. */
int loom_trainer_save(struct loom_trainer *t, struct loom_errmsg *e);
/* The same under another name in the folder. */
int loom_trainer_save_as(struct loom_trainer *t, const char *name,
                         struct loom_errmsg *e);
int loom_trainer_resume(struct loom_trainer *t, const char *path,
                        struct loom_errmsg *e);
/* After resuming: remove what a killed process has left in the folder, halves
 * of files and points that are not on the front. Nobody else may be at work
 * there. */
void loom_trainer_tidy(const struct loom_trainer *t);

/* Set the ranges of all quantizers that wrap to what these rows x [rows][n_in]
 * need; one thread. */
int loom_model_calibrate(struct loom_model *m, const float *x, size_t rows,
                         struct loom_errmsg *e);

/* Outputs of a model in evaluation mode: x [rows][n_in] -> z [rows][n_out],
 * one thread. */
int loom_model_predict(struct loom_model *m, const float *x, size_t rows,
                       float *z, struct loom_errmsg *e);
