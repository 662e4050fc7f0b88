#include "engine/store_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* ---- columns ---- */

static const char *text(sqlite3_stmt *q, int column)
{
    const char *t = (const char *)sqlite3_column_text(q, column);
    return t ? t : "";
}

static char *copy(sqlite3_stmt *q, int column)
{
    return loom_strdup(text(q, column));
}

static double number(sqlite3_stmt *q, int column)
{
    return sqlite3_column_type(q, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(q, column);
}

/* Rows of a statement into a growing array, each filled by `read`. */
static int collect(struct loom_store *s, sqlite3_stmt *q, size_t size,
                   void (*read)(const struct loom_store *s, sqlite3_stmt *q,
                                void *to),
                   void **rows, size_t *n, struct loom_errmsg *e)
{
    size_t room = 0;
    int step;
    *rows = NULL;
    *n = 0;
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        if (*n == room) {
            room = room ? 2 * room : 16;
            *rows = loom_realloc(*rows, room * size);
        }
        char *to = (char *)*rows + (*n)++ * size;
        memset(to, 0, size);
        read(s, q, to);
    }
    sqlite3_finalize(q);
    return step == SQLITE_DONE ? 0 : loom_store_fail(s, e);
}

/* ---- runs ---- */

#define RUN_COLUMNS                                                            \
    "r.id, r.parent, r.metric, r.unit, r.version, r.lower_is_better, r.state," \
    " r.seed, r.data_hash, r.started, r.ended, r.dir, r.script, r.script_id,"  \
    " r.settings, r.tags, r.note, r.reason, r.host, r.pid, r.last_epoch,"      \
    " r.n_points, (SELECT count(*) FROM builds WHERE run = r.id),"             \
    " r.best_epoch, r.best_metric, r.best_ebops,"                              \
    " r.recipe, r.steered, r.weights"

static void read_run(const struct loom_store *s, sqlite3_stmt *q, void *to)
{
    struct loom_store_run *r = to;
    snprintf(r->id, sizeof(r->id), "%s", text(q, 0));
    snprintf(r->parent, sizeof(r->parent), "%s", text(q, 1));
    snprintf(r->metric, sizeof(r->metric), "%s", text(q, 2));
    snprintf(r->unit, sizeof(r->unit), "%s", text(q, 3));
    snprintf(r->version, sizeof(r->version), "%s", text(q, 4));
    r->lower_is_better = sqlite3_column_int(q, 5);
    int state = loom_run_state_find(text(q, 6));
    r->state = state < 0 ? LOOM_RUN_FAILED : (enum loom_run_state)state;
    if (state == LOOM_RUN_RUNNING &&
        !loom_store_process(text(q, 18), sqlite3_column_int64(q, 19)))
        r->state = LOOM_RUN_LOST;
    r->seed = (uint64_t)sqlite3_column_int64(q, 7);
    r->data_hash = (uint32_t)sqlite3_column_int64(q, 8);
    r->started = number(q, 9);
    r->ended = number(q, 10);
    r->dir = loom_asprintf("%s/%s", s->dir, text(q, 11));
    r->script = copy(q, 12);
    r->script_id = sqlite3_column_int64(q, 13);
    r->settings = copy(q, 14);
    r->tags = copy(q, 15);
    r->note = copy(q, 16);
    r->reason = copy(q, 17);
    r->epochs = sqlite3_column_int(q, 20);
    r->n_points = sqlite3_column_int(q, 21);
    r->n_builds = sqlite3_column_int(q, 22);
    r->best_epoch = sqlite3_column_int(q, 23);
    r->best_metric = number(q, 24);
    r->best_ebops = number(q, 25);
    r->recipe = copy(q, 26);
    r->steered = sqlite3_column_int(q, 27);
    snprintf(r->weights, sizeof(r->weights), "%s", text(q, 28));
}

void loom_store_run_deinit(struct loom_store_run *r)
{
    char *owned[] = {r->dir,  r->script, r->script_text, r->settings,
                     r->tags, r->note,   r->reason,      r->recipe};
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        free(owned[i]);
    *r = (struct loom_store_run){0};
}

void loom_store_runs_free(struct loom_store_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        loom_store_run_deinit(&runs[i]);
    free(runs);
}

static bool has_state(const struct loom_store_run *r, int state)
{
    return state < 0 || (int)r->state == state;
}

int loom_store_list(struct loom_store *s, const struct loom_store_filter *f,
                    struct loom_store_run **runs, size_t *n,
                    struct loom_errmsg *e)
{
    static const struct loom_store_filter all = {.state = -1};
    int err;
    void *rows = NULL;
    f = f ? f : &all;
    *runs = NULL;
    *n = 0;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "SELECT " RUN_COLUMNS " FROM runs r WHERE instr(r.id, ?1) AND"
        " (?2 = '' OR instr(',' || r.tags || ',', ',' || ?2 || ','))"
        " ORDER BY r.started DESC, r.rowid DESC",
        "tt", f->name, f->tag);
    if (!q)
        return err;
    err = collect(s, q, sizeof(**runs), read_run, &rows, n, e);
    *runs = rows;
    /* The state is looked at here: whether a run is lost is not in the
     * file. */
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (has_state(&(*runs)[i], f->state))
            (*runs)[kept++] = (*runs)[i];
        else
            loom_store_run_deinit(&(*runs)[i]);
    *n = kept;
    if (err) {
        loom_store_runs_free(*runs, *n);
        *runs = NULL;
        *n = 0;
    }
    return err;
}

int loom_store_get(struct loom_store *s, const char *id,
                   struct loom_store_run *out, struct loom_errmsg *e)
{
    int err = loom_store_find_run(s, id, e);
    *out = (struct loom_store_run){0};
    if (err)
        return err;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "SELECT " RUN_COLUMNS ", t.text FROM runs r"
        " LEFT JOIN scripts t ON t.id = r.script_id WHERE r.id = ?",
        "t", id);
    if (!q)
        return err;
    if (sqlite3_step(q) == SQLITE_ROW) {
        read_run(s, q, out);
        out->script_text = copy(q, 29);
    } else {
        err = loom_store_fail(s, e);
    }
    sqlite3_finalize(q);
    return err;
}

/* ---- epochs, points, builds ---- */

static void read_epoch(const struct loom_store *s, sqlite3_stmt *q, void *to)
{
    (void)s;
    *(struct loom_store_epoch *)to =
        (struct loom_store_epoch){sqlite3_column_int(q, 0),
                                  number(q, 1),
                                  number(q, 2),
                                  number(q, 3),
                                  number(q, 4),
                                  number(q, 5),
                                  number(q, 6),
                                  number(q, 7),
                                  {number(q, 8), number(q, 9), number(q, 10)}};
}

static void read_point(const struct loom_store *s, sqlite3_stmt *q, void *to)
{
    struct loom_store_point *p = to;
    (void)s;
    p->epoch = sqlite3_column_int(q, 0);
    p->val_metric = number(q, 1);
    p->ebops = number(q, 2);
    snprintf(p->checkpoint, sizeof(p->checkpoint), "%s", text(q, 3));
    p->live = sqlite3_column_int(q, 4);
}

static void read_build(const struct loom_store *s, sqlite3_stmt *q, void *to)
{
    struct loom_store_build *b = to;
    (void)s;
    b->id = sqlite3_column_int64(q, 0);
    snprintf(b->run, sizeof(b->run), "%s", text(q, 1));
    b->epoch = sqlite3_column_int(q, 2);
    snprintf(b->device, sizeof(b->device), "%s", text(q, 3));
    snprintf(b->state, sizeof(b->state), "%s", text(q, 4));
    b->report = copy(q, 5);
    b->dir = copy(q, 6);
    b->started = number(q, 7);
    b->ended = number(q, 8);
}

/* All rows of one run; LOOM_ERR_MISSING if there is no such run. */
static int
rows_of(struct loom_store *s, const char *id, const char *sql, size_t size,
        void (*read)(const struct loom_store *s, sqlite3_stmt *q, void *to),
        void **rows, size_t *n, struct loom_errmsg *e)
{
    int err = loom_store_find_run(s, id, e);
    *rows = NULL;
    *n = 0;
    if (err)
        return err;
    sqlite3_stmt *q = loom_store_prepare(s, &err, e, sql, "t", id);
    return q ? collect(s, q, size, read, rows, n, e) : err;
}

int loom_store_epochs(struct loom_store *s, const char *id,
                      struct loom_store_epoch **rows, size_t *n,
                      struct loom_errmsg *e)
{
    void *p;
    int err = rows_of(s, id,
                      "SELECT epoch, loss, val_loss, val_metric, ebops, beta,"
                      " lr, seconds, more1, more2, more3 FROM epochs"
                      " WHERE run = ? ORDER BY epoch",
                      sizeof(**rows), read_epoch, &p, n, e);
    *rows = p;
    return err;
}

int loom_store_points(struct loom_store *s, const char *id, bool live_only,
                      struct loom_store_point **points, size_t *n,
                      struct loom_errmsg *e)
{
    void *p;
    int err = rows_of(
        s, id,
        live_only
            ? "SELECT epoch, val_metric, ebops, checkpoint, live FROM points"
              " WHERE run = ? AND live ORDER BY ebops, epoch"
            : "SELECT epoch, val_metric, ebops, checkpoint, live FROM points"
              " WHERE run = ? ORDER BY ebops, epoch",
        sizeof(**points), read_point, &p, n, e);
    *points = p;
    return err;
}

int loom_store_builds(struct loom_store *s, const char *id,
                      struct loom_store_build **builds, size_t *n,
                      struct loom_errmsg *e)
{
    void *p;
    int err = rows_of(s, id,
                      "SELECT id, run, epoch, device, state, report, dir,"
                      " started, ended FROM builds WHERE run = ?"
                      " ORDER BY id DESC",
                      sizeof(**builds), read_build, &p, n, e);
    *builds = p;
    return err;
}

void loom_store_builds_free(struct loom_store_build *builds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(builds[i].dir);
        free(builds[i].report);
    }
    free(builds);
}

/* A count of a report; what the tools did not get to is -1 there. */
static double known(sqlite3_stmt *q, int column)
{
    double v = number(q, column);
    return v >= 0 ? v : (double)NAN;
}

static void read_cost(const struct loom_store *s, sqlite3_stmt *q, void *to)
{
    struct loom_store_cost *c = to;
    (void)s;
    snprintf(c->run, sizeof(c->run), "%s", text(q, 0));
    snprintf(c->device, sizeof(c->device), "%s", text(q, 1));
    c->epoch = sqlite3_column_int(q, 2);
    c->lut4 = known(q, 3);
    c->lc = known(q, 4);
    c->ff = known(q, 5);
    c->fmax_mhz = known(q, 6);
    c->predicted_lut4 = known(q, 7);
    c->predicted_lc = known(q, 8);
}

int loom_store_costs(struct loom_store *s, struct loom_store_cost **costs,
                     size_t *n, struct loom_errmsg *e)
{
    int err;
    void *rows = NULL;
    *costs = NULL;
    *n = 0;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "SELECT run, device, epoch, report->>'$.cells.lut4',"
        " report->>'$.cells.lc', report->>'$.cells.ff',"
        " report->>'$.fmax_mhz', report->>'$.predicted.lut4',"
        " report->>'$.predicted.lc' FROM builds WHERE id IN"
        " (SELECT max(id) FROM builds WHERE json_valid(report) GROUP BY run)"
        " ORDER BY run",
        "");
    if (!q)
        return err;
    err = collect(s, q, sizeof(**costs), read_cost, &rows, n, e);
    *costs = rows;
    return err;
}

/* ---- checkpoints ---- */

int loom_store_best(struct loom_store *s, const char *id,
                    struct loom_store_point *out, struct loom_errmsg *e)
{
    int err = loom_store_find_run(s, id, e);
    if (err)
        return err;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "SELECT b.epoch, b.val_metric, b.ebops, b.checkpoint, b.live"
        " FROM runs r JOIN points b ON b.run = r.id AND b.epoch = r.best_epoch"
        " WHERE r.id = ?",
        "t", id);
    if (!q)
        return err;
    int step = sqlite3_step(q);
    *out = (struct loom_store_point){0};
    if (step == SQLITE_ROW)
        read_point(s, q, out);
    else if (step == SQLITE_DONE)
        err = loom_fail(e, LOOM_ERR_MISSING,
                        "%s: it has no checkpoint yet; its first epoch writes "
                        "one",
                        id);
    else
        err = loom_store_fail(s, e);
    sqlite3_finalize(q);
    return err;
}

/* "no checkpoint of epoch 5; there are 3, 9, 12" */
static int fail_epoch(const char *id, const char *epoch,
                      const struct loom_store_point *p, size_t n,
                      struct loom_errmsg *e)
{
    char list[400] = "";
    size_t at = 0;
    for (size_t i = 0; i < n && at + 24 < sizeof(list); i++)
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%d",
                               i ? ", " : "", p[i].epoch);
    return loom_fail(e, LOOM_ERR_MISSING,
                     "%s: no checkpoint of epoch %s on its front; there are: "
                     "%s",
                     id, epoch, n ? list : "none yet");
}

static int find_epoch(struct loom_store *s, const char *id, const char *epoch,
                      struct loom_store_point *out, struct loom_errmsg *e)
{
    struct loom_store_point *p;
    size_t n, i = 0;
    int err = loom_store_points(s, id, true, &p, &n, e);
    if (err)
        return err;
    char *end;
    long want = strtol(epoch, &end, 10);
    while (i < n && p[i].epoch != want)
        i++;
    if (i == n || end == epoch || *end)
        err = fail_epoch(id, epoch, p, n, e);
    else
        *out = p[i];
    free(p);
    return err;
}

int loom_store_resolve(struct loom_store *s, const char *what, char **path,
                       struct loom_errmsg *e)
{
    char *id = loom_strdup(what), *at = strrchr(id, '@');
    struct loom_store_point p;
    struct loom_store_run run;
    if (at)
        *at = 0;
    int err =
        at ? find_epoch(s, id, at + 1, &p, e) : loom_store_best(s, id, &p, e);
    if (!err)
        err = loom_store_get(s, id, &run, e);
    if (!err) {
        *path = loom_asprintf("%s/%s", run.dir, p.checkpoint);
        loom_store_run_deinit(&run);
    }
    free(id);
    return err;
}
