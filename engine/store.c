#include "engine/store_impl.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"

enum {
    BUSY_MS = 5000,
    APPLICATION = 0x4c4f4f4d /* "LOOM", in the file's header */
};

/* What a run's epochs and points amount to: the last epoch, how many points
 * live, and the best of them. Part of a step below. */
#define STAND_EPOCHS                                                           \
    "UPDATE runs SET last_epoch ="                                             \
    " ifnull((SELECT max(epoch) FROM epochs WHERE run = runs.id), 0)"
#define STAND_POINTS                                                           \
    "UPDATE runs SET n_points ="                                               \
    " (SELECT count(*) FROM points WHERE run = runs.id AND live),"             \
    " (best_epoch, best_metric, best_ebops) ="                                 \
    " (SELECT p.epoch, p.val_metric, p.ebops FROM points p"                    \
    " JOIN runs o ON o.id = p.run WHERE p.run = runs.id AND p.live"            \
    " AND p.val_metric IS NOT NULL ORDER BY CASE o.lower_is_better"            \
    " WHEN 1 THEN p.val_metric ELSE -p.val_metric END, p.ebops LIMIT 1)"

/* From each version of the file to the next; the number of the last is in its
 * user_version. A step that was released never changes. */
static const char *const steps[] = {
    "CREATE TABLE names(name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;"
    "CREATE TABLE runs(id TEXT PRIMARY KEY, script TEXT NOT NULL,"
    " script_text TEXT NOT NULL, settings TEXT NOT NULL, parent TEXT NOT NULL,"
    " metric TEXT NOT NULL, unit TEXT NOT NULL,"
    " lower_is_better INTEGER NOT NULL, seed INTEGER NOT NULL,"
    " data_hash INTEGER NOT NULL, version TEXT NOT NULL, dir TEXT NOT NULL,"
    " state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',"
    " started REAL NOT NULL, ended REAL, tags TEXT NOT NULL DEFAULT '',"
    " note TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE TABLE epochs("
    " run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,"
    " epoch INTEGER NOT NULL, loss REAL, val_loss REAL, val_metric REAL,"
    " ebops REAL, beta REAL, lr REAL, seconds REAL,"
    " PRIMARY KEY(run, epoch)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE points("
    " run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,"
    " epoch INTEGER NOT NULL, val_metric REAL, ebops REAL,"
    " checkpoint TEXT NOT NULL, live INTEGER NOT NULL,"
    " PRIMARY KEY(run, epoch)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE builds(id INTEGER PRIMARY KEY,"
    " run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,"
    " epoch INTEGER NOT NULL, device TEXT NOT NULL, state TEXT NOT NULL,"
    " report TEXT NOT NULL DEFAULT '', dir TEXT NOT NULL,"
    " started REAL NOT NULL, ended REAL) STRICT;"
    "CREATE INDEX builds_of_run ON builds(run);",

    /* Who runs it: tells a run whose process died from one that goes on. */
    ("ALTER TABLE runs ADD COLUMN host TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE runs ADD COLUMN pid INTEGER NOT NULL DEFAULT 0;"),

    /* Lists are by time: without it, all of every run would be sorted. */
    "CREATE INDEX runs_by_start ON runs(started);",

    /* What it takes to make a run again, and to see that it is the same. */
    ("ALTER TABLE runs ADD COLUMN recipe TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE runs ADD COLUMN steered INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE runs ADD COLUMN weights TEXT NOT NULL DEFAULT '';"),

    /* Further metrics; the run's settings name them. */
    ("ALTER TABLE epochs ADD COLUMN more1 REAL;"
     "ALTER TABLE epochs ADD COLUMN more2 REAL;"
     "ALTER TABLE epochs ADD COLUMN more3 REAL;"),

    /* A list reads one table of short rows: a script's text is kept once, and
     * what epochs and points amount to stands in the run's row. */
    ("CREATE TABLE scripts(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"
     " STRICT;"
     "INSERT INTO scripts(text) SELECT DISTINCT script_text FROM runs;"
     "ALTER TABLE runs ADD COLUMN script_id INTEGER NOT NULL DEFAULT 0;"
     "UPDATE runs SET script_id ="
     " (SELECT s.id FROM scripts s WHERE s.text = script_text);"
     "ALTER TABLE runs DROP COLUMN script_text;"
     "ALTER TABLE runs ADD COLUMN last_epoch INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE runs ADD COLUMN n_points INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE runs ADD COLUMN best_epoch INTEGER;"
     "ALTER TABLE runs ADD COLUMN best_metric REAL;"
     "ALTER TABLE runs ADD COLUMN best_ebops REAL;"
     "CREATE INDEX points_live ON points(run, val_metric, ebops, epoch)"
     " WHERE live;" STAND_EPOCHS ";" STAND_POINTS ";"
     "CREATE TRIGGER epochs_in AFTER INSERT ON epochs BEGIN UPDATE runs SET"
     " last_epoch = max(last_epoch, NEW.epoch) WHERE id = NEW.run; END;"
     "CREATE TRIGGER epochs_out AFTER DELETE ON epochs BEGIN " STAND_EPOCHS
     " WHERE id = OLD.run; END;"
     "CREATE TRIGGER points_in AFTER INSERT ON points BEGIN " STAND_POINTS
     " WHERE id = NEW.run; END;"
     "CREATE TRIGGER points_set AFTER UPDATE ON points BEGIN " STAND_POINTS
     " WHERE id = NEW.run; END;"
     "CREATE TRIGGER points_out AFTER DELETE ON points BEGIN " STAND_POINTS
     " WHERE id = OLD.run; END;"),
};
enum { VERSION = sizeof(steps) / sizeof(steps[0]) };

static const char *const state_word[] = {"running", "done", "stopped", "failed",
                                         "lost"};

const char *loom_run_state_word(enum loom_run_state s)
{
    return state_word[s];
}

int loom_run_state_find(const char *word)
{
    for (int i = 0; i <= LOOM_RUN_LOST; i++)
        if (!strcmp(word, state_word[i]))
            return i;
    return -1;
}

/* ---- errors and statements ---- */

int loom_store_fail(const struct loom_store *s, struct loom_errmsg *e)
{
    int code = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return loom_fail(e, LOOM_ERR_BUSY,
                         "%s: another program has it locked for more than "
                         "%d s; try again when it is done",
                         s->path, BUSY_MS / 1000);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return loom_fail(e, LOOM_ERR_IO,
                         "%s: cannot be written; check the permissions of the "
                         "file and its folder, or choose another one with "
                         "--out",
                         s->path);
    case SQLITE_FULL:
        return loom_fail(e, LOOM_ERR_IO,
                         "%s: the disk is full; free some space and try again",
                         s->path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: damaged, or not a run store (%s); move it away "
                         "or choose another folder with --out",
                         s->path, sqlite3_errmsg(s->db));
    case SQLITE_NOMEM:
        return loom_fail(e, LOOM_ERR_NOMEM, "%s: out of memory", s->path);
    default:
        return loom_fail(e, LOOM_ERR_IO, "%s: %s (SQLite error %d)", s->path,
                         sqlite3_errmsg(s->db), code);
    }
}

static sqlite3_stmt *prepare_list(struct loom_store *s, int *err,
                                  struct loom_errmsg *e, const char *sql,
                                  const char *types, va_list ap)
{
    sqlite3_stmt *q = NULL;
    *err = 0;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK) {
        *err = loom_store_fail(s, e);
        return NULL;
    }
    for (int i = 1; types[i - 1]; i++) {
        const char *text;
        switch (types[i - 1]) {
        case 't':
            text = va_arg(ap, const char *);
            sqlite3_bind_text(q, i, text ? text : "", -1, SQLITE_TRANSIENT);
            break;
        case 'i':
            sqlite3_bind_int64(q, i, va_arg(ap, int64_t));
            break;
        default:
            sqlite3_bind_double(q, i, va_arg(ap, double));
        }
    }
    return q;
}

sqlite3_stmt *loom_store_prepare(struct loom_store *s, int *err,
                                 struct loom_errmsg *e, const char *sql,
                                 const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *q = prepare_list(s, err, e, sql, types, ap);
    va_end(ap);
    return q;
}

int loom_store_change(struct loom_store *s, struct loom_errmsg *e,
                      const char *sql, const char *types, ...)
{
    int err;
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *q = prepare_list(s, &err, e, sql, types, ap);
    va_end(ap);
    if (!q)
        return err;
    int done = sqlite3_step(q) == SQLITE_DONE;
    err = done ? sqlite3_changes(s->db) : loom_store_fail(s, e);
    sqlite3_finalize(q);
    return err;
}

static int execute(struct loom_store *s, const char *sql, struct loom_errmsg *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : loom_store_fail(s, e);
}

/* The first number of the first row. */
static int ask(struct loom_store *s, const char *sql, int64_t *out,
               struct loom_errmsg *e)
{
    int err;
    sqlite3_stmt *q = loom_store_prepare(s, &err, e, sql, "");
    if (!q)
        return err;
    int step = sqlite3_step(q);
    *out = step == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        err = loom_store_fail(s, e);
    sqlite3_finalize(q);
    return err;
}

int loom_store_version(struct loom_store *s, int64_t *version,
                       struct loom_errmsg *e)
{
    return ask(s, "PRAGMA data_version", version, e);
}

int loom_store_begin(struct loom_store *s, struct loom_errmsg *e)
{
    return execute(s, "BEGIN IMMEDIATE", e);
}

int loom_store_commit(struct loom_store *s, struct loom_errmsg *e)
{
    return execute(s, "COMMIT", e);
}

void loom_store_rollback(struct loom_store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* End a transaction that went well or not; returns the first error. */
int loom_store_finish(struct loom_store *s, int err, struct loom_errmsg *e)
{
    if (err >= 0)
        err = loom_store_commit(s, e);
    if (err < 0)
        loom_store_rollback(s);
    return err;
}

/* ---- opening ---- */

/* Bring the file up to date, inside a transaction that keeps other programs
 * from doing the same. */
static int migrate(struct loom_store *s, struct loom_errmsg *e)
{
    int64_t version = 0, application = 0, tables = 0;
    int err = ask(s, "PRAGMA user_version", &version, e);
    if (!err)
        err = ask(s, "PRAGMA application_id", &application, e);
    if (!err)
        err = ask(s, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (err)
        return err;
    if (application != APPLICATION && (tables || version || application))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: a database, but not a run store; choose another "
                         "folder with --out",
                         s->path);
    if (version > VERSION)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: written by a newer bitloom (version %d of the "
                         "store, this one knows %d); use that one",
                         s->path, (int)version, (int)VERSION);
    for (; !err && version < VERSION; version++)
        err = execute(s, steps[version], e);
    char pragma[96];
    snprintf(pragma, sizeof(pragma),
             "PRAGMA application_id=%d;PRAGMA user_version=%d", APPLICATION,
             (int)VERSION);
    return err ? err : execute(s, pragma, e);
}

static int up_to_date(struct loom_store *s, struct loom_errmsg *e)
{
    int64_t version = 0, application = 0;
    int err = ask(s, "PRAGMA user_version", &version, e);
    if (!err)
        err = ask(s, "PRAGMA application_id", &application, e);
    return err ? err : version == VERSION && application == APPLICATION;
}

static int open_file(struct loom_store *s, enum loom_store_mode mode,
                     struct loom_errmsg *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (mode == LOOM_STORE_WRITE) {
        int err = loom_file_mkdirs(s->dir, e);
        if (err)
            return err;
        flags |= SQLITE_OPEN_CREATE;
    } else if (access(s->path, F_OK) < 0 && errno == ENOENT) {
        return loom_fail(e, LOOM_ERR_MISSING,
                         "%s: no runs here; train something first, or name "
                         "another folder with --out",
                         s->dir);
    }
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        return loom_store_fail(s, e);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    int err = execute(s,
                      "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
                      "PRAGMA synchronous=NORMAL;"
                      "PRAGMA cache_size=-32768;", /* KiB: a list's table */
                      e);
    if (!err)
        err = up_to_date(s, e);
    if (err)
        return err < 0 ? err : 0;
    /* The journal mode stays with the file: it is set once, before the first
     * transaction. A file system that cannot do it keeps the old journal. */
    sqlite3_exec(s->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
    err = loom_store_begin(s, e);
    return err ? err : loom_store_finish(s, migrate(s, e), e);
}

struct loom_store *loom_store_open(const char *dir, enum loom_store_mode mode,
                                   int *err, struct loom_errmsg *e)
{
    struct loom_store *s = loom_calloc(1, sizeof(*s));
    s->dir = dir ? loom_strdup(dir) : loom_folder(LOOM_FOLDER_DATA);
    s->path = loom_asprintf("%s/bitloom.db", s->dir);
    int failed = open_file(s, mode, e);
    if (err)
        *err = failed;
    if (!failed)
        return s;
    loom_store_close(s);
    return NULL;
}

void loom_store_close(struct loom_store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    free(s->dir);
    free(s->path);
    free(s);
}

const char *loom_store_dir(const struct loom_store *s)
{
    return s->dir;
}

int loom_store_check(struct loom_store *s, struct loom_errmsg *e)
{
    int err;
    int64_t broken = 0;
    sqlite3_stmt *q =
        loom_store_prepare(s, &err, e, "PRAGMA integrity_check(1)", "");
    if (!q)
        return err;
    const char *text = sqlite3_step(q) == SQLITE_ROW
                           ? (const char *)sqlite3_column_text(q, 0)
                           : NULL;
    if (!text)
        err = loom_store_fail(s, e);
    else if (strcmp(text, "ok") != 0)
        err = loom_fail(e, LOOM_ERR_FORMAT, "%s: damaged: %s", s->path, text);
    sqlite3_finalize(q);
    if (!err)
        err = ask(s, "SELECT count(*) FROM pragma_foreign_key_check()", &broken,
                  e);
    if (!err && broken)
        err = loom_fail(e, LOOM_ERR_FORMAT,
                        "%s: damaged: %d rows belong to no run", s->path,
                        (int)broken);
    return err;
}

/* ---- writing ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int loom_store_find_run(struct loom_store *s, const char *id,
                        struct loom_errmsg *e)
{
    int err;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e, "SELECT 1 FROM runs WHERE id = ?", "t", id);
    if (!q)
        return err;
    int step = sqlite3_step(q);
    if (step == SQLITE_DONE)
        err = loom_fail(e, LOOM_ERR_MISSING,
                        "%s: no run of this name in %s; bitloom runs lists "
                        "them",
                        id, s->dir);
    else if (step != SQLITE_ROW)
        err = loom_store_fail(s, e);
    sqlite3_finalize(q);
    return err;
}

/* A change that touches no row had no run to touch. */
static int touched(struct loom_store *s, int changes, const char *id,
                   struct loom_errmsg *e)
{
    if (changes)
        return changes < 0 ? changes : 0;
    return loom_store_find_run(s, id, e);
}

static void clean_name(const char *name, char out[LOOM_RUN_ID - 16])
{
    size_t n = 0;
    for (; *name && n < LOOM_RUN_ID - 17; name++) {
        int c = tolower((unsigned char)*name);
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || (c == '-' && n);
        if (ok)
            out[n++] = (char)c;
    }
    if (!n)
        n = (size_t)sprintf(out, "run");
    out[n] = 0;
}

static int next_number(struct loom_store *s, const char *name, int64_t *number,
                       struct loom_errmsg *e)
{
    int err;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "INSERT INTO names VALUES(?, 1) "
        "ON CONFLICT(name) DO UPDATE SET last = last + 1 RETURNING last",
        "t", name);
    if (!q)
        return err;
    if (sqlite3_step(q) == SQLITE_ROW)
        *number = sqlite3_column_int64(q, 0);
    else
        err = loom_store_fail(s, e);
    sqlite3_finalize(q);
    return err;
}

int loom_store_next_id(struct loom_store *s, const char *name,
                       char id[LOOM_RUN_ID], struct loom_errmsg *e)
{
    char clean[LOOM_RUN_ID - 16];
    int64_t number = 0;
    clean_name(name, clean);
    int err = next_number(s, clean, &number, e);
    snprintf(id, LOOM_RUN_ID, "%s-%03d", clean, (int)number);
    return err;
}

static void host_name(char out[64])
{
    if (gethostname(out, 64) < 0)
        out[0] = 0;
    out[63] = 0;
}

int loom_store_process(const char *host, int64_t pid)
{
    char here[64];
    host_name(here);
    if (pid <= 0 || strcmp(host, here) != 0)
        return -1;
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static int insert_run(struct loom_store *s, const char *id,
                      const struct loom_store_new *info, struct loom_errmsg *e)
{
    char host[64];
    host_name(host);
    int changes =
        loom_store_change(s, e, "INSERT OR IGNORE INTO scripts(text) VALUES(?)",
                          "t", info->script_text);
    if (changes < 0)
        return changes;
    changes = loom_store_change(
        s, e,
        "INSERT INTO runs(id, dir, script, script_id, settings, parent,"
        " metric, unit, lower_is_better, seed, data_hash, version, state,"
        " started, host, pid, recipe)"
        " VALUES(?,?,?,(SELECT id FROM scripts WHERE text = ?),?,?,?,?,?,?,?,?,"
        "?,?,?,?,?)",
        "ttttttttiiittdtit", id, id, info->script, info->script_text,
        info->settings, info->parent, info->metric, info->unit,
        (int64_t)info->lower_is_better, (int64_t)info->seed,
        (int64_t)info->data_hash, LOOM_VERSION,
        loom_run_state_word(LOOM_RUN_RUNNING), now(), host, (int64_t)getpid(),
        info->recipe);
    return changes < 0 ? changes : 0;
}

int loom_store_new_run(struct loom_store *s, const char *name,
                       const struct loom_store_new *info, char id[LOOM_RUN_ID],
                       struct loom_errmsg *e)
{
    int err = loom_store_begin(s, e);
    if (err)
        return err;
    err = loom_store_next_id(s, name, id, e);
    if (!err)
        err = insert_run(s, id, info, e);
    if (!err) {
        char *dir = loom_asprintf("%s/%s", s->dir, id);
        err = loom_file_mkdirs(dir, e);
        free(dir);
    }
    return loom_store_finish(s, err, e);
}

/* LOOM_ERR_BUSY if the run's process is alive, and is not this one. */
static int check_idle(struct loom_store *s, const char *id, const char *why,
                      struct loom_errmsg *e)
{
    int err;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "SELECT host, pid FROM runs WHERE id = ? AND state = 'running'", "t",
        id);
    if (!q)
        return err;
    if (sqlite3_step(q) == SQLITE_ROW) {
        const char *host = (const char *)sqlite3_column_text(q, 0);
        int64_t pid = sqlite3_column_int64(q, 1);
        if (pid != getpid() && loom_store_process(host ? host : "", pid) == 1)
            err = loom_fail(e, LOOM_ERR_BUSY,
                            "%s: it is running (process %d); stop it before "
                            "%s",
                            id, (int)pid, why);
    }
    sqlite3_finalize(q);
    return err;
}

/* Epochs and points as they were at the end of `epoch`. */
static int go_back(struct loom_store *s, const char *id, int epoch,
                   const int *live, int n, struct loom_errmsg *e)
{
    static const char *const forget[] = {
        "DELETE FROM epochs WHERE run = ? AND epoch > ?",
        "DELETE FROM points WHERE run = ? AND epoch > ?",
        "UPDATE points SET live = 0 WHERE run = ? AND epoch <= ?"};
    int err = 0;
    for (size_t k = 0; err >= 0 && k < sizeof(forget) / sizeof(*forget); k++)
        err = loom_store_change(s, e, forget[k], "ti", id, (int64_t)epoch);
    for (int k = 0; err >= 0 && k < n; k++)
        err = loom_store_change(
            s, e, "UPDATE points SET live = 1 WHERE run = ? AND epoch = ?",
            "ti", id, (int64_t)live[k]);
    return err;
}

int loom_store_resume_run(struct loom_store *s, const char *id, int epoch,
                          const int *live, int n, struct loom_errmsg *e)
{
    char host[64];
    host_name(host);
    int err = loom_store_begin(s, e);
    if (err)
        return err;
    err = check_idle(s, id, "resuming it", e);
    if (err >= 0)
        err = touched(s,
                      loom_store_change(
                          s, e,
                          "UPDATE runs SET state = 'running', reason = '',"
                          " ended = NULL, host = ?, pid = ?, version = ?,"
                          " weights = ''"
                          " WHERE id = ?",
                          "titt", host, (int64_t)getpid(), LOOM_VERSION, id),
                      id, e);
    if (err >= 0)
        err = go_back(s, id, epoch, live, n, e);
    return loom_store_finish(s, err, e);
}

int loom_store_set_state(struct loom_store *s, const char *id,
                         enum loom_run_state state, const char *reason,
                         struct loom_errmsg *e)
{
    return touched(s,
                   loom_store_change(
                       s, e,
                       "UPDATE runs SET state = ?1, reason = ?2, ended ="
                       " CASE ?1 WHEN 'running' THEN NULL ELSE ?3 END"
                       " WHERE id = ?4",
                       "ttdt", loom_run_state_word(state), reason, now(), id),
                   id, e);
}

/* Of a long run every stride-th epoch is kept, and the last ones: which is a
 * matter of the last epoch alone, so a run that was resumed has the same. */
static int thin_epochs(struct loom_store *s, const char *id, int last,
                       struct loom_errmsg *e)
{
    enum { EVERY = LOOM_STORE_EPOCHS / 16 };
    int64_t stride = 1;
    if (last % EVERY || last < LOOM_STORE_EPOCHS)
        return 0;
    while (last / stride > LOOM_STORE_EPOCHS / 2)
        stride *= 2;
    int changes = loom_store_change(
        s, e,
        "DELETE FROM epochs WHERE run = ? AND epoch <= ? AND (epoch - 1) % ?",
        "tii", id, (int64_t)(last - EVERY), stride);
    return changes < 0 ? changes : 0;
}

/* One statement for all rows. */
static int insert_epochs(struct loom_store *s, const char *id,
                         const struct loom_store_epoch *row, size_t n,
                         struct loom_errmsg *e)
{
    int err;
    sqlite3_stmt *q = loom_store_prepare(
        s, &err, e,
        "INSERT OR REPLACE INTO epochs VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", "t",
        id);
    for (size_t i = 0; q && !err && i < n; i++) {
        const double v[] = {row[i].loss,    row[i].val_loss, row[i].val_metric,
                            row[i].ebops,   row[i].beta,     row[i].lr,
                            row[i].seconds, row[i].more[0],  row[i].more[1],
                            row[i].more[2]};
        sqlite3_bind_int(q, 2, row[i].epoch);
        for (int k = 0; k < 10; k++)
            sqlite3_bind_double(q, 3 + k, v[k]);
        if (sqlite3_step(q) != SQLITE_DONE)
            err = loom_store_fail(s, e);
        sqlite3_reset(q);
        if (!err)
            err = thin_epochs(s, id, row[i].epoch, e);
    }
    sqlite3_finalize(q);
    return err;
}

int loom_store_add_epochs(struct loom_store *s, const char *id,
                          const struct loom_store_epoch *row, size_t n,
                          struct loom_errmsg *e)
{
    if (!sqlite3_get_autocommit(s->db))
        return insert_epochs(s, id, row, n, e);
    int err = loom_store_begin(s, e);
    return err ? err : loom_store_finish(s, insert_epochs(s, id, row, n, e), e);
}

int loom_store_add_point(struct loom_store *s, const char *id,
                         const struct loom_store_point *p,
                         struct loom_errmsg *e)
{
    int changes = loom_store_change(
        s, e, "INSERT OR REPLACE INTO points VALUES(?,?,?,?,?,?)", "tiddti", id,
        (int64_t)p->epoch, p->val_metric, p->ebops, p->checkpoint,
        (int64_t)p->live);
    return changes < 0 ? changes : 0;
}

int loom_store_drop_point(struct loom_store *s, const char *id, int epoch,
                          struct loom_errmsg *e)
{
    int changes = loom_store_change(
        s, e, "UPDATE points SET live = 0 WHERE run = ? AND epoch = ?", "ti",
        id, (int64_t)epoch);
    if (changes)
        return changes < 0 ? changes : 0;
    return loom_fail(e, LOOM_ERR_MISSING, "%s: no point at epoch %d", id,
                     epoch);
}

int loom_store_add_build(struct loom_store *s, struct loom_store_build *b,
                         struct loom_errmsg *e)
{
    snprintf(b->state, sizeof(b->state), "running");
    b->started = now();
    b->ended = (double)NAN;
    int changes = loom_store_change(
        s, e,
        "INSERT INTO builds(run, epoch, device, state, dir, started)"
        " VALUES(?,?,?,?,?,?)",
        "tittt"
        "d",
        b->run, (int64_t)b->epoch, b->device, b->state, b->dir, b->started);
    b->id = sqlite3_last_insert_rowid(s->db);
    return changes < 0 ? changes : 0;
}

int loom_store_end_build(struct loom_store *s, int64_t build, const char *state,
                         const char *report, struct loom_errmsg *e)
{
    int changes = loom_store_change(
        s, e, "UPDATE builds SET state = ?, report = ?, ended = ? WHERE id = ?",
        "ttdi", state, report, now(), build);
    if (changes)
        return changes < 0 ? changes : 0;
    return loom_fail(e, LOOM_ERR_MISSING, "%s: no build number %d", s->path,
                     (int)build);
}

int loom_store_set_tags(struct loom_store *s, const char *id, const char *tags,
                        struct loom_errmsg *e)
{
    return touched(s,
                   loom_store_change(s, e,
                                     "UPDATE runs SET tags = ? WHERE id = ?",
                                     "tt", tags, id),
                   id, e);
}

int loom_store_set_steered(struct loom_store *s, const char *id,
                           struct loom_errmsg *e)
{
    return touched(s,
                   loom_store_change(s, e,
                                     "UPDATE runs SET steered = 1 WHERE id = ?",
                                     "t", id),
                   id, e);
}

int loom_store_set_weights(struct loom_store *s, const char *id,
                           const char *hash, struct loom_errmsg *e)
{
    return touched(s,
                   loom_store_change(s, e,
                                     "UPDATE runs SET weights = ? WHERE id = ?",
                                     "tt", hash, id),
                   id, e);
}

int loom_store_set_note(struct loom_store *s, const char *id, const char *note,
                        struct loom_errmsg *e)
{
    return touched(s,
                   loom_store_change(s, e,
                                     "UPDATE runs SET note = ? WHERE id = ?",
                                     "tt", note, id),
                   id, e);
}

int loom_store_remove_run(struct loom_store *s, const char *id,
                          struct loom_errmsg *e)
{
    int err = check_idle(s, id, "removing it", e);
    if (err >= 0)
        err = touched(
            s,
            loom_store_change(s, e, "DELETE FROM runs WHERE id = ?", "t", id),
            id, e);
    if (err >= 0) /* texts that no run has */
        err = loom_store_change(
            s, e,
            "DELETE FROM scripts WHERE id NOT IN (SELECT script_id FROM runs)",
            "");
    return err < 0 ? err : 0;
}
