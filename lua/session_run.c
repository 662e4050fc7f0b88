/* Training for the script: a run in the store, the loop, its folder. */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/checkpoint.h"
#include "engine/file.h"
#include "engine/mem.h"
#include "engine/npy.h"
#include "lua/session_impl.h"

/* Test rows that are kept beside the run, for builds and `bitloom eval`. */
enum { KEPT_TEST_ROWS = 10000 };

/* Between two progress events of a headless run, in seconds. */
static const double TELL_PERIOD = 0.1;

/* ---- the run's record -------------------------------------------------- */

static json_t *settings(const struct loom_session *s,
                        const struct loom_train_request *r)
{
    json_t *set = json_array();
    for (size_t k = 0; s->set[k]; k++)
        json_array_append_new(set, json_string(s->set[k]));
    json_t *j =
        json_pack("{s:o,s:i,s:i,s:s}", "set", set, "epochs", r->conf.epochs,
                  "batch", (int)r->conf.batch, "device", s->view.device);
    json_t *metrics = json_array();
    for (int k = 0; k < loom_aim_n_metrics(&r->conf.aim); k++) {
        char word[LOOM_METRIC_NAME];
        loom_aim_word(&r->conf.aim, k, word);
        json_array_append_new(metrics, json_string(word));
    }
    if (json_array_size(metrics) > 1)
        json_object_set(j, "metrics", metrics);
    json_decref(metrics);
    return j;
}

/* The store of `--out`, or the default one. */
static int open_store(struct loom_session *s, const char *dir,
                      struct loom_errmsg *e)
{
    int err = 0;
    if (!s->store)
        s->store = loom_store_open(dir, LOOM_STORE_WRITE, &err, e);
    return s->store ? 0 : err;
}

static void take_run(struct loom_session *s, const char *id)
{
    snprintf(s->run, sizeof(s->run), "%s", id);
    snprintf(s->view.train.run, sizeof(s->view.train.run), "%.47s", id);
    free(s->dir);
    s->dir = loom_asprintf("%s/%s", loom_store_dir(s->store), id);
}

static int new_run(struct loom_session *s, const struct loom_train_request *r,
                   const char *parent, struct loom_errmsg *e)
{
    void *text = NULL;
    size_t n;
    char id[LOOM_RUN_ID];
    int err = loom_session_check_again(s, r, e);
    if (!err)
        err = open_store(s, s->out, e);
    if (!err && s->conf.again)
        text = loom_strdup(s->conf.again->script_text);
    else if (!err)
        err = loom_file_read(s->script, 1 << 24, &text, &n, e);
    if (err)
        return err;
    char metric[LOOM_METRIC_NAME];
    const struct loom_aim *aim = &r->conf.aim;
    const struct loom_dataset *judged = loom_dataset_of(
        r->data, aim->goal[loom_aim_metric(aim, 0).goal].output);
    loom_aim_word(aim, 0, metric);
    json_t *j = settings(s, r);
    char *json = json_dumps(j, JSON_COMPACT), *recipe = loom_session_recipe(s);
    struct loom_store_new info = {
        .script = s->script,
        .script_text = text,
        .settings = json,
        .recipe = recipe,
        .parent = parent,
        .metric = metric,
        .unit = judged->unit,
        .lower_is_better = loom_aim_lower_is_better(&r->conf.aim, 0),
        .seed = r->conf.seed,
        .data_hash = loom_dataset_hash(r->data),
    };
    err = loom_store_new_run(s->store, r->name, &info, id, e);
    if (!err)
        take_run(s, id);
    json_decref(j);
    free(json);
    free(recipe);
    free(text);
    return err;
}

/* `--resume` names a run of the store, its folder, or its last.loom. */
static int old_run(struct loom_session *s, const struct loom_train_request *r,
                   struct loom_errmsg *e)
{
    struct loom_store_run run;
    char *path = loom_strdup(s->resume), *id = path;
    int err = 0;
    size_t n = strlen(path);
    if (n > 10 && !strcmp(path + n - 10, "/last.loom"))
        path[n - 10] = 0;
    if (strchr(path, '/')) {
        char *parent = loom_strdup(path);
        err = open_store(s, dirname(parent), e);
        free(parent);
        id = strrchr(path, '/') + 1;
    } else {
        err = open_store(s, s->out, e);
    }
    if (!err)
        err = loom_store_get(s->store, id, &run, e);
    if (!err) {
        if (run.data_hash == loom_dataset_hash(r->data))
            take_run(s, run.id);
        else
            err = loom_fail(e, LOOM_ERR_ARG,
                            "%s was trained on other data; resume with the "
                            "same script, settings and files",
                            run.id);
        loom_store_run_deinit(&run);
    }
    free(path);
    return err;
}

/* Labels or targets of the first test rows, [rows][*width], those of several
 * outputs in the network's order. */
static float *labels_in_order(const struct loom_session *s, size_t rows,
                              size_t *width)
{
    struct loom_output out[LOOM_MAX_OUTPUTS];
    int n = loom_model_outputs(loom_trainer_model(s->trainer), out);
    const struct loom_dataset *of[LOOM_MAX_OUTPUTS];
    size_t at = 0;
    *width = 0;
    for (int k = 0; k < n; k++) {
        of[k] = loom_dataset_of(s->data, n > 1 ? out[k].name : "");
        *width += of[k]->part[LOOM_TEST].y ? 1 : of[k]->n_out;
    }
    float *to = loom_malloc((rows * *width + 1) * sizeof(*to));
    for (int k = 0; k < n; k++) {
        const struct loom_rows *r = &of[k]->part[LOOM_TEST];
        size_t own = r->y ? 1 : of[k]->n_out;
        for (size_t j = 0; j < rows * own; j++)
            to[j / own * *width + at + j % own] =
                r->y ? (float)r->y[j] : r->t[j];
        at += own;
    }
    return to;
}

/* Test inputs and labels (or targets) beside the checkpoints. */
static int keep_test_rows(struct loom_session *s, struct loom_errmsg *e)
{
    const struct loom_dataset *d = s->data;
    const struct loom_rows *t = &d->part[LOOM_TEST];
    size_t rows = t->rows < KEPT_TEST_ROWS ? t->rows : KEPT_TEST_ROWS, width;
    if (!rows)
        return 0;
    char *x = loom_asprintf("%s/test_x.npy", s->dir);
    char *y = loom_asprintf("%s/test_y.npy", s->dir);
    float *labels = labels_in_order(s, rows, &width);
    int err = loom_npy_write_f32(x, t->x, 2, (size_t[]){rows, d->n_in}, e);
    if (!err)
        err = loom_npy_write_f32(y, labels, t->y && width == 1 ? 1 : 2,
                                 (size_t[]){rows, width}, e);
    free(labels);
    free(x);
    free(y);
    return err;
}

/* ---- the loop ---------------------------------------------------------- */

static int record_epoch(struct loom_session *s, struct loom_errmsg *e)
{
    const struct loom_train_point *ended = loom_trainer_ended(s->trainer);
    const struct loom_pareto_point *p = loom_trainer_new_point(s->trainer);
    struct loom_store_epoch row = {ended->epoch,
                                   (double)ended->loss,
                                   (double)ended->val_loss,
                                   (double)ended->val_metric,
                                   (double)ended->ebops,
                                   (double)ended->beta,
                                   (double)ended->lr,
                                   (double)s->view.train.seconds_per_epoch,
                                   {(double)ended->more[0],
                                    (double)ended->more[1],
                                    (double)ended->more[2]}};
    int err = loom_store_begin(s->store, e);
    if (!err)
        err = loom_store_add_epochs(s->store, s->run, &row, 1, e);
    if (!err && p) {
        struct loom_store_point q = {.epoch = p->epoch,
                                     .val_metric = p->metric,
                                     .ebops = p->ebops,
                                     .live = true};
        snprintf(q.checkpoint, sizeof(q.checkpoint), "%s", p->file);
        err = loom_store_add_point(s->store, s->run, &q, e);
    }
    const struct loom_pareto_point *gone;
    int n_gone = loom_trainer_gone(s->trainer, &gone);
    for (int k = 0; !err && k < n_gone; k++)
        err = loom_store_drop_point(s->store, s->run, gone[k].epoch, e);
    if (!err)
        err = loom_store_commit(s->store, e);
    if (err)
        loom_store_rollback(s->store);
    else
        loom_trainer_remove_gone(s->trainer);
    return err;
}

/* What the trainer's guard has to say. */
static void pass_on(struct loom_session *s)
{
    const struct loom_notice *n = loom_trainer_notice(s->trainer);
    const struct loom_train_point *p = loom_trainer_ended(s->trainer);
    if (n->collapsed) {
        char advice[64] = "lower beta";
        if (n->action == LOOM_COLLAPSE_ROLLBACK)
            snprintf(advice, sizeof(advice),
                     "back to epoch %d, with half the beta", n->good_epoch);
        else if (n->action == LOOM_COLLAPSE_WARN && n->good_epoch)
            snprintf(advice, sizeof(advice), ":rollback %d, and lower beta",
                     n->good_epoch);
        loom_session_log(s, LOOM_LOG_WARN,
                         "collapse since epoch %d: %.0f to %.0f EBOPs, %s "
                         "%.4g; fewest bits in %s; %s",
                         n->epoch_before, n->ebops_before, (double)p->ebops,
                         s->view.train.metric, (double)p->val_metric, n->layer,
                         advice);
        bool back = n->action == LOOM_COLLAPSE_ROLLBACK;
        s->view.collapsed = back ? 0 : n->epoch_before;
        loom_session_tell(s, LOOM_EVENT_COLLAPSE, NULL);
    }
    if (n->stopped) {
        loom_session_log(s, LOOM_LOG_INFO, "stopped after epoch %d: %s",
                         p->epoch, n->stopped);
        snprintf(s->view.stopped, sizeof(s->view.stopped), "%.47s", n->stopped);
        loom_session_tell(s, LOOM_EVENT_STOP, NULL);
    }
}

static int end_epoch(struct loom_session *s, struct loom_errmsg *e)
{
    struct loom_train_view *v = &s->view.train;
    const struct loom_train_point *ended = loom_trainer_ended(s->trainer);
    const struct loom_pareto_point *p = loom_trainer_new_point(s->trainer);
    loom_trainer_look(s->trainer, &s->view.train);
    loom_bit_history_add(s->layer.bits, v->epoch);
    int err = record_epoch(s, e);
    if (err)
        return err;
    /* The listener is told of the epoch that ended, the view shows what the
     * next one begins with. */
    v->ebops = ended->ebops;
    v->cost = ended->cost;
    v->beta = ended->beta;
    v->lr = ended->lr;
    loom_session_tell(s, LOOM_EVENT_EPOCH, NULL);
    loom_trainer_look(s->trainer, v);
    if (p) {
        char *path = loom_asprintf("%s/%s", s->dir, p->file), cells[40] = "";
        if (v->cost_unit[0])
            snprintf(cells, sizeof(cells), ", ~%.0f %s", p->cost, v->cost_unit);
        s->view.collapsed = 0; /* it can be no worse than others */
        /* The listener is told of the calibrated point, not of the epoch. */
        s->view.train.val_metric = (float)p->metric;
        s->view.train.ebops = (float)p->ebops;
        s->view.train.cost = (float)p->cost;
        loom_session_tell(s, LOOM_EVENT_PARETO, path);
        loom_trainer_look(s->trainer, &s->view.train);
        loom_session_log(s, LOOM_LOG_GOOD,
                         "front: epoch %d, %s %.5g%s%s, %.0f EBOPs%s", p->epoch,
                         v->metric, p->metric, v->unit[0] ? " " : "", v->unit,
                         p->ebops, cells);
        free(path);
    }
    pass_on(s);
    return 0;
}

static int loop(struct loom_session *s, struct loom_errmsg *e)
{
    while (!loom_trainer_done(s->trainer)) {
        if (!loom_session_drain(s)) {
            int err = loom_trainer_save(s->trainer, e);
            return err ? err
                       : loom_fail(e, LOOM_ERR_CANCELLED,
                                   "stopped at epoch %d of %d, state saved; "
                                   "go on with: bitloom run %s --resume %s",
                                   s->view.train.epoch, s->view.train.epochs,
                                   s->script, s->dir);
        }
        int rc = loom_trainer_step(s->trainer, e);
        if (rc == LOOM_STEP_EPOCH || s->step == STEP_BATCH)
            s->step = STEP_NONE;
        if (rc == LOOM_STEP_EPOCH)
            rc = end_epoch(s, e);
        if (rc < 0)
            return rc;
        double now = loom_session_now();
        if (s->conf.event && now - s->told > TELL_PERIOD) {
            s->told = now;
            loom_trainer_look(s->trainer, &s->view.train);
            loom_session_tell(s, LOOM_EVENT_BATCH, NULL);
        }
        loom_session_publish(s, false);
    }
    return loom_trainer_save(s->trainer, e);
}

/* The store goes back to where the trainer is. */
static int record_resume(struct loom_session *s, struct loom_errmsg *e)
{
    const struct loom_pareto *f = loom_trainer_front(s->trainer);
    int live[LOOM_PARETO_MAX];
    for (int k = 0; k < f->n; k++)
        live[k] = f->point[k].epoch;
    loom_trainer_look(s->trainer, &s->view.train);
    return loom_store_resume_run(s->store, s->run, s->view.train.epoch, live,
                                 f->n, e);
}

static int start(struct loom_session *s, struct loom_train_request *r,
                 struct loom_errmsg *e)
{
    r->conf.threads = s->conf.threads;
    r->conf.dir = s->dir;
    s->data = r->data;
    s->looked.of = NULL; /* may be other data at the same address */
    loom_session_show_data(s, NULL);
    s->trainer = loom_trainer_new(r->take_model, r->data, &r->conf, e);
    r->take_model = NULL;
    if (!s->trainer)
        return LOOM_ERR_SCRIPT;
    int err = loom_session_open_layers(s, e);
    if (!err && s->resume) {
        char *path = loom_asprintf("%s/last.loom", s->dir);
        err = loom_trainer_resume(s->trainer, path, e);
        if (!err)
            err = record_resume(s, e);
        if (!err) /* nobody else is at work there */
            loom_trainer_tidy(s->trainer);
        free(path);
    }
    return err ? err : keep_test_rows(s, e);
}

static void record_end(struct loom_session *s, int err,
                       const struct loom_errmsg *e)
{
    struct loom_errmsg ignored;
    enum loom_run_state state = err == LOOM_ERR_CANCELLED ? LOOM_RUN_STOPPED
                                : err                     ? LOOM_RUN_FAILED
                                                          : LOOM_RUN_DONE;
    if (s->run[0] && !err)
        loom_store_set_weights(s->store, s->run, s->view.train.weights,
                               &ignored);
    if (s->run[0])
        loom_store_set_state(s->store, s->run, state, err ? e->text : "",
                             &ignored);
}

/* The new run from the point's file in the old one's folder. */
static int make_branch(struct loom_session *s, const char *parent,
                       const char *path, int epoch, struct loom_errmsg *e)
{
    int err = new_run(s, s->request, parent, e);
    if (err)
        return err;
    err = keep_test_rows(s, e);
    if (!err)
        err = loom_trainer_branch(s->trainer, path, s->dir, epoch, e);
    if (err)
        record_end(s, err, e);
    return err;
}

void loom_session_branch(struct loom_session *s, int epoch)
{
    struct loom_errmsg e = {""}, ignored;
    if (!s->request || loom_trainer_done(s->trainer))
        return;
    const struct loom_pareto_point *p = loom_session_find_point(s, epoch);
    if (!p)
        return;
    char old[LOOM_RUN_ID], *dir = s->dir;
    char *path = loom_asprintf("%s/%s", dir, p->file);
    memcpy(old, s->run, sizeof(old));
    int err = loom_trainer_save(s->trainer, &e);
    if (!err) {
        s->dir = NULL;
        err = make_branch(s, old, path, epoch, &e);
    }
    if (err) {
        loom_session_log(s, LOOM_LOG_ERROR, "%s", e.text);
        if (s->dir != dir)
            free(s->dir);
        s->dir = dir;
        memcpy(s->run, old, sizeof(old));
        snprintf(s->view.train.run, sizeof(s->view.train.run), "%.47s", old);
    } else {
        loom_store_set_state(s->store, old, LOOM_RUN_STOPPED, "", &ignored);
        s->n_changes = 0;
        loom_session_drop_choice(s); /* of the other run */
        free(dir);
        if (loom_trainer_save(s->trainer, &e) < 0)
            loom_session_log(s, LOOM_LOG_ERROR, "%s", e.text);
        loom_trainer_look(s->trainer, &s->view.train);
        loom_session_log(s, LOOM_LOG_GOOD, "run %s branches from %s@%d", s->run,
                         old, epoch);
    }
    free(path);
}

int loom_session_train(void *ud, struct loom_train_request *r,
                       struct loom_errmsg *e)
{
    struct loom_session *s = ud;
    if (s->console.depth) {
        loom_model_destroy(r->take_model);
        return loom_fail(e, LOOM_ERR_SCRIPT,
                         "train: not from the console; a script trains");
    }
    loom_session_end_run(s);
    s->n_trained++;
    s->view.train.weights[0] = 0;
    if (!s->device && r->device[0])
        snprintf(s->view.device, sizeof(s->view.device), "%s", r->device);
    int err = s->resume ? old_run(s, r, e) : new_run(s, r, "", e);
    if (!err)
        err = start(s, r, e);
    loom_model_destroy(r->take_model);
    if (!err) {
        s->view.train.state = LOOM_TRAIN_RUNNING;
        loom_trainer_look(s->trainer, &s->view.train);
        loom_session_log(s, LOOM_LOG_INFO,
                         "run %s: %s, %zu training rows, "
                         "%d threads",
                         s->run, r->data->name, r->data->part[LOOM_TRAIN].rows,
                         s->view.train.threads);
        loom_session_tell(s, LOOM_EVENT_START, NULL);
        loom_session_publish(s, true);
        s->request = r;
        err = loop(s, e);
        s->request = NULL;
    }
    if (!err)
        snprintf(s->view.train.weights, sizeof(s->view.train.weights),
                 "%016" PRIx64,
                 loom_model_hash(loom_trainer_model(s->trainer)));
    record_end(s, err, e);
    return err ? err : loom_session_end_again(s, e);
}

void loom_session_end_run(struct loom_session *s)
{
    s->n_changes = 0;
    s->step = STEP_NONE;
    s->view.collapsed = 0;
    s->view.stopped[0] = 0;
    loom_session_drop_choice(s);
    loom_session_drop_forecast(s);
    loom_session_close_layers(s);
    loom_trainer_destroy(s->trainer);
    s->trainer = NULL;
}

/* ---- points ------------------------------------------------------------ */

bool loom_session_point(void *ud, int k, struct loom_pareto_point *out)
{
    const struct loom_session *s = ud;
    const struct loom_pareto *f =
        s->trainer ? loom_trainer_front(s->trainer) : NULL;
    if (!f || k < 0 || k >= f->n)
        return false;
    *out = f->point[k];
    return true;
}

int loom_session_load(void *ud, const struct loom_pareto_point *p,
                      struct loom_checkpoint *out, struct loom_errmsg *e)
{
    const struct loom_session *s = ud;
    char *path = loom_asprintf("%s/%s", s->dir, p->file);
    int err = loom_checkpoint_read(path, out, e);
    free(path);
    return err;
}

bool loom_session_alive(void *ud)
{
    struct loom_session *s = ud;
    bool alive = loom_session_drain(s);
    loom_session_publish(s, false);
    return alive;
}
