/* The run store: what was trained, epoch by epoch, and what was built of it.
 * One SQLite file, bitloom.db, beside one folder a run:
 *
 *   DIR/bitloom.db   DIR/muon-001/   DIR/muon-002/   DIR/jets-001/ ...
 *
 * Several programs may write at once (write-ahead log; each waits up to 5 s
 * for another's transaction). A transaction that was committed survives the
 * death of its process; the file is whole after kill -9. A store of an older
 * bitloom is brought up to date when it is opened.
 *
 * A store belongs to the thread that uses it; another thread opens its own.
 * Errors: LOOM_ERR_BUSY locked for too long; LOOM_ERR_IO not writable, disk
 * full; LOOM_ERR_FORMAT not a run store, damaged, or of a newer bitloom;
 * LOOM_ERR_MISSING no such store, run, epoch. Numbers that are not known are
 * NaN; texts are never NULL in what is read, but where that is said. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"

enum { LOOM_RUN_ID = 64, LOOM_STORE_EPOCHS = 16384 };

enum loom_run_state {
    LOOM_RUN_RUNNING,
    LOOM_RUN_DONE,
    LOOM_RUN_STOPPED, /* by the user; can be resumed */
    LOOM_RUN_FAILED,
    LOOM_RUN_LOST /* says it runs, but its process is gone; only when read */
};

const char *loom_run_state_word(enum loom_run_state s); /* "running" ... */
/* The state of a word; negative if there is none. */
int loom_run_state_find(const char *word);

/* What is known when a run begins; borrowed. NULL texts count as "". */
struct loom_store_new {
    const char *script, *script_text; /* path and content */
    const char *settings;             /* JSON object: --set and options */
    const char *recipe; /* JSON object: what else it takes to make it again */
    const char *parent;               /* run it goes on from, or "" */
    const char *metric, *unit;
    bool lower_is_better;
    uint64_t seed;
    uint32_t data_hash;
};

struct loom_store_run {
    char id[LOOM_RUN_ID], parent[LOOM_RUN_ID];
    char metric[64], unit[16], version[16]; /* of the bitloom that ran */
    bool lower_is_better;
    enum loom_run_state state;
    uint64_t seed;
    uint32_t data_hash;
    double started, ended; /* Unix time; ended: NaN while it runs */
    char *dir;             /* of its files: the store's folder and the id */
    char *script, *settings, *recipe;
    char *script_text; /* NULL in a list */
    int64_t script_id; /* two runs have the same text if they have the same */
    char weights[20]; /* hash of its parameters in the end, "" before */
    bool steered;     /* changed by hand while it trained */
    char *tags; /* words, one comma between two */
    char *note;
    char *reason; /* why it failed */
    int epochs;   /* the last one written; 0: none */
    int n_points, n_builds;
    int best_epoch; /* of the live point with the best metric; 0: none */
    double best_metric, best_ebops;
};

struct loom_store_epoch {
    int epoch;
    double loss, val_loss, val_metric, ebops, beta, lr, seconds;
    double more[3]; /* by the further metrics that the settings name */
};

struct loom_store_point {
    int epoch;
    double val_metric, ebops;
    char checkpoint[64]; /* file in the run's folder */
    bool live;           /* on the front; a point that left has no file */
};

struct loom_store_build {
    int64_t id;
    char run[LOOM_RUN_ID], device[32];
    char state[16]; /* "running", "done", "failed", "cancelled" */
    int epoch;
    double started, ended;
    char *dir;    /* as it was given */
    char *report; /* JSON, or "" */
};

/* Of a run's newest build that has a report. */
struct loom_store_cost {
    char run[LOOM_RUN_ID], device[32];
    int epoch; /* of the network that was built */
    double lut4, lc, ff, fmax_mhz;
    double predicted_lut4, predicted_lc; /* before the tools ran */
};

struct loom_store;

enum loom_store_mode {
    LOOM_STORE_READ, /* LOOM_ERR_MISSING where no store is */
    LOOM_STORE_WRITE /* folder and file are made if absent */
};

/* dir NULL: the user's, LOOM_FOLDER_DATA. NULL with a sentence and *err on
 * failure (err may be NULL). */
struct loom_store *loom_store_open(const char *dir, enum loom_store_mode mode,
                                   int *err, struct loom_errmsg *e);
void loom_store_close(struct loom_store *s);
const char *loom_store_dir(const struct loom_store *s);

/* Read the whole file and its cross references; slow on a large store. */
int loom_store_check(struct loom_store *s, struct loom_errmsg *e);

/* Several writes as one transaction: all or none, and one sync to disk. A
 * write outside of begin and commit is a transaction of its own. After a
 * failed write, roll back. */
int loom_store_begin(struct loom_store *s, struct loom_errmsg *e);
int loom_store_commit(struct loom_store *s, struct loom_errmsg *e);
void loom_store_rollback(struct loom_store *s);

/* ---- writing: the session's thread, at the end of an epoch ---- */

/* A new run, running: id is the name (letters, digits, '-' and '_' of it, in
 * lower case) and the next free number, "muon-001". Numbers are never used
 * twice, whatever other programs do at the same time, and its folder is made.
 * May not be called between begin and commit. */
int loom_store_new_run(struct loom_store *s, const char *name,
                       const struct loom_store_new *info, char id[LOOM_RUN_ID],
                       struct loom_errmsg *e);

/* Go on with a run from the end of `epoch`: later epochs and points are
 * forgotten, and the front is that of then, the points of the epochs live [n].
 * LOOM_ERR_BUSY if its process is alive. */
int loom_store_resume_run(struct loom_store *s, const char *id, int epoch,
                          const int *live, int n, struct loom_errmsg *e);

/* A state other than running also sets the end; reason may be NULL. */
int loom_store_set_state(struct loom_store *s, const char *id,
                         enum loom_run_state state, const char *reason,
                         struct loom_errmsg *e);

/* Its user has changed it while it trained; the hash of its parameters in the
 * end. */
int loom_store_set_steered(struct loom_store *s, const char *id,
                           struct loom_errmsg *e);
int loom_store_set_weights(struct loom_store *s, const char *id,
                           const char *hash, struct loom_errmsg *e);

/* A row that is there already is replaced. Of a run of more than
 * LOOM_STORE_EPOCHS epochs not all are kept: every second, fourth ... of the
 * older ones, so that there are never more rows than that. */
int loom_store_add_epochs(struct loom_store *s, const char *id,
                          const struct loom_store_epoch *row, size_t n,
                          struct loom_errmsg *e);
int loom_store_add_point(struct loom_store *s, const char *id,
                         const struct loom_store_point *p,
                         struct loom_errmsg *e);
/* A point left the front. */
int loom_store_drop_point(struct loom_store *s, const char *id, int epoch,
                          struct loom_errmsg *e);

/* A build begins (run, epoch, device, dir are read; sets id, state "running"
 * and started); it ends with a state and, if it has one, a report. */
int loom_store_add_build(struct loom_store *s, struct loom_store_build *b,
                         struct loom_errmsg *e);
int loom_store_end_build(struct loom_store *s, int64_t build, const char *state,
                         const char *report, struct loom_errmsg *e);

int loom_store_set_tags(struct loom_store *s, const char *id, const char *tags,
                        struct loom_errmsg *e);
int loom_store_set_note(struct loom_store *s, const char *id, const char *note,
                        struct loom_errmsg *e);

/* Forget a run with all its rows; its folder is the caller's to remove.
 * LOOM_ERR_BUSY if its process is alive. */
int loom_store_remove_run(struct loom_store *s, const char *id,
                          struct loom_errmsg *e);

/* Take a finished run of another store over, with its files: a new id here, a
 * tag, its folder copied (linked where that is possible). A run with that tag
 * that is there already is it: nothing is done, and its id returned.
 * LOOM_ERR_BUSY if its process is alive. */
int loom_store_adopt(struct loom_store *s, const char *from, const char *run,
                     const char *tag, char id[LOOM_RUN_ID],
                     struct loom_errmsg *e);

/* ---- reading; arrays are the caller's to free, as below ---- */

struct loom_store_filter {
    int state;        /* enum loom_run_state; negative: any */
    const char *tag;  /* NULL: any */
    const char *name; /* part of the id; NULL: any */
};

/* Newest first; filter may be NULL. */
int loom_store_list(struct loom_store *s, const struct loom_store_filter *f,
                    struct loom_store_run **runs, size_t *n,
                    struct loom_errmsg *e);
/* One run; loom_store_run_deinit afterwards. */
int loom_store_get(struct loom_store *s, const char *id,
                   struct loom_store_run *out, struct loom_errmsg *e);
void loom_store_run_deinit(struct loom_store_run *r);
void loom_store_runs_free(struct loom_store_run *runs, size_t n);

/* By rising epoch; points by rising EBOPs. free() the array. */
int loom_store_epochs(struct loom_store *s, const char *id,
                      struct loom_store_epoch **rows, size_t *n,
                      struct loom_errmsg *e);
int loom_store_points(struct loom_store *s, const char *id, bool live_only,
                      struct loom_store_point **points, size_t *n,
                      struct loom_errmsg *e);
/* Newest first. */
int loom_store_builds(struct loom_store *s, const char *id,
                      struct loom_store_build **builds, size_t *n,
                      struct loom_errmsg *e);
void loom_store_builds_free(struct loom_store_build *builds, size_t n);

/* One a run that has a build with a report, by rising id of the run. */
int loom_store_costs(struct loom_store *s, struct loom_store_cost **costs,
                     size_t *n, struct loom_errmsg *e);

/* A number that is another one when another connection has written since. */
int loom_store_version(struct loom_store *s, int64_t *version,
                       struct loom_errmsg *e);

/* The live point with the best metric, of fewest EBOPs where several have
 * it. */
int loom_store_best(struct loom_store *s, const char *id,
                    struct loom_store_point *out, struct loom_errmsg *e);

/* "RUN" (its best point) or "RUN@EPOCH" to the path of the checkpoint, which
 * the caller frees; the sentence of a failure names the epochs there are. */
int loom_store_resolve(struct loom_store *s, const char *what, char **path,
                       struct loom_errmsg *e);
