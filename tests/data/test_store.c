/* The run store: what is written is read; several writers, a killed writer,
 * old files, files that are something else. */
#include "engine/store.h"

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/file.h"
#include "engine/store_impl.h"
#include "tests/data/support.h"

static const struct loom_store_new info = {
    .script = "examples/muon.lua",
    .script_text = "print 'it''s'\n",
    .settings = "{\"beta\":1e-6}",
    .metric = "rms",
    .unit = "mrad",
    .lower_is_better = true,
    .seed = UINT64_MAX,
    .data_hash = UINT32_MAX,
};

static struct loom_store *open_store(const char *dir)
{
    struct loom_errmsg msg = {""};
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_WRITE, NULL, &msg);
    if (!s)
        fail_msg("%s", msg.text);
    return s;
}

static void open_fails(const char *dir, enum loom_store_mode mode, int code,
                       const char *says)
{
    struct loom_errmsg msg = {""};
    int err = 0;
    assert_null(loom_store_open(dir, mode, &err, &msg));
    if (err != code || !strstr(msg.text, says))
        fail_msg("%d, \"%s\"", err, msg.text);
}

static void add_epoch(struct loom_store *s, const char *id, int epoch)
{
    const struct loom_store_epoch row = {
        .epoch = epoch, .loss = 1.0 / epoch, .val_metric = (double)NAN};
    assert_ok(loom_store_add_epochs(s, id, &row, 1, e));
}

static void add_point(struct loom_store *s, const char *id, int epoch,
                      double metric, double ebops)
{
    struct loom_store_point p = {
        .epoch = epoch, .val_metric = metric, .ebops = ebops, .live = true};
    snprintf(p.checkpoint, sizeof(p.checkpoint), "e%d.loom", epoch);
    assert_ok(loom_store_add_point(s, id, &p, e));
}

static void a_run(void **state)
{
    struct loom_store *s = open_store(*state);
    char id[LOOM_RUN_ID], *path;
    assert_ok(loom_store_new_run(s, "muon", &info, id, e));
    assert_string_equal(id, "muon-001");
    path = test_path(*state, id);
    struct stat st;
    assert_true(!stat(path, &st) && S_ISDIR(st.st_mode));
    free(path);
    assert_fails(loom_store_resolve(s, id, &path, e), LOOM_ERR_MISSING,
                 "no checkpoint yet");

    assert_ok(loom_store_begin(s, e));
    for (int i = 1; i <= 3; i++)
        add_epoch(s, id, i);
    add_point(s, id, 1, 5, 900);
    add_point(s, id, 2, 3, 1000);
    add_point(s, id, 3, 3, 800);
    assert_ok(loom_store_commit(s, e));
    assert_ok(loom_store_drop_point(s, id, 2, e));

    struct loom_store_run r;
    assert_ok(loom_store_get(s, id, &r, e));
    assert_string_equal(r.script, info.script);
    assert_string_equal(r.script_text, info.script_text);
    assert_string_equal(r.settings, info.settings);
    assert_string_equal(r.parent, "");
    assert_string_equal(r.version, LOOM_VERSION);
    assert_true(r.seed == UINT64_MAX && r.data_hash == UINT32_MAX);
    assert_int_equal(r.state, LOOM_RUN_RUNNING);
    assert_true(r.started > 1.6e9 && isnan(r.ended));
    assert_int_equal(r.epochs, 3);
    assert_int_equal(r.n_points, 2);
    assert_int_equal(r.best_epoch, 3);
    assert_true(r.best_metric == 3 && r.best_ebops == 800);
    loom_store_run_deinit(&r);

    struct loom_store_epoch *row;
    struct loom_store_point *p;
    size_t n;
    assert_ok(loom_store_epochs(s, id, &row, &n, e));
    assert_int_equal(n, 3);
    assert_true(row[2].epoch == 3 && row[2].loss == 1.0 / 3);
    assert_true(isnan(row[0].val_metric));
    free(row);
    assert_ok(loom_store_points(s, id, true, &p, &n, e));
    assert_int_equal(n, 2);
    assert_int_equal(p[0].epoch, 3); /* the cheaper one first */
    free(p);
    assert_ok(loom_store_points(s, id, false, &p, &n, e));
    assert_int_equal(n, 3);
    free(p);

    assert_ok(loom_store_set_state(s, id, LOOM_RUN_FAILED, "loss is NaN", e));
    assert_ok(loom_store_set_tags(s, id, "beta,big", e));
    assert_ok(loom_store_set_note(s, id, "a note", e));
    assert_ok(loom_store_get(s, id, &r, e));
    assert_int_equal(r.state, LOOM_RUN_FAILED);
    assert_string_equal(r.reason, "loss is NaN");
    assert_string_equal(r.tags, "beta,big");
    assert_string_equal(r.note, "a note");
    assert_true(r.ended >= r.started);
    loom_store_run_deinit(&r);
    loom_store_close(s);
}

static void resolve(void **state)
{
    struct loom_store *s = open_store(*state);
    char *path, id[LOOM_RUN_ID];
    assert_ok(loom_store_resolve(s, "muon-001", &path, e));
    assert_non_null(strstr(path, "/muon-001/e3.loom"));
    free(path);
    assert_ok(loom_store_resolve(s, "muon-001@1", &path, e));
    assert_non_null(strstr(path, "/muon-001/e1.loom"));
    free(path);
    assert_fails(loom_store_resolve(s, "muon-001@2", &path, e),
                 LOOM_ERR_MISSING, "there are: 3, 1");
    assert_fails(loom_store_resolve(s, "muon-001@1x", &path, e),
                 LOOM_ERR_MISSING, "1x");
    assert_fails(loom_store_resolve(s, "muon-001@", &path, e), LOOM_ERR_MISSING,
                 "there are");
    assert_fails(loom_store_resolve(s, "muon-9", &path, e), LOOM_ERR_MISSING,
                 "muon-9");
    assert_fails(loom_store_set_tags(s, "muon-9", "x", e), LOOM_ERR_MISSING,
                 "muon-9");
    assert_fails(loom_store_drop_point(s, "muon-001", 77, e), LOOM_ERR_MISSING,
                 "epoch 77");
    struct loom_store_new higher = info;
    higher.lower_is_better = false;
    assert_ok(loom_store_new_run(s, "muon", &higher, id, e));
    assert_string_equal(id, "muon-002");
    add_point(s, id, 1, 0.70, 100);
    add_point(s, id, 2, 0.75, 300);
    add_point(s, id, 3, 0.75, 200);
    add_point(s, id, 4, (double)NAN, 100);
    struct loom_store_point p;
    assert_ok(loom_store_best(s, id, &p, e));
    assert_int_equal(p.epoch, 3);
    loom_store_close(s);
}

static void lists(void **state)
{
    struct loom_store *s = open_store(*state);
    char id[LOOM_RUN_ID];
    assert_ok(loom_store_new_run(s, "-Jets (2)/..", &info, id, e));
    assert_string_equal(id, "jets2-001");
    assert_ok(loom_store_new_run(s, "\xc3\xa9!", &info, id, e));
    assert_string_equal(id, "run-001");
    static const struct {
        struct loom_store_filter filter;
        size_t n;
        const char *first;
    } entries[] = {
        {{-1, NULL, NULL}, 4, "run-001"},
        {{LOOM_RUN_FAILED, NULL, NULL}, 1, "muon-001"},
        {{LOOM_RUN_RUNNING, NULL, NULL}, 3, "run-001"},
        {{-1, "big", NULL}, 1, "muon-001"},
        {{-1, "bi", NULL}, 0, NULL},
        {{-1, NULL, "muon"}, 2, "muon-002"},
        {{-1, NULL, "%"}, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct loom_store_run *runs;
        size_t n;
        assert_ok(loom_store_list(s, &entries[i].filter, &runs, &n, e));
        assert_int_equal(n, entries[i].n);
        if (n)
            assert_string_equal(runs[0].id, entries[i].first);
        loom_store_runs_free(runs, n);
    }
    /* A removed run's number is not given again. */
    assert_ok(loom_store_remove_run(s, "run-001", e));
    assert_ok(loom_store_new_run(s, "run", &info, id, e));
    assert_string_equal(id, "run-002");
    assert_fails(loom_store_remove_run(s, "run-001", e), LOOM_ERR_MISSING,
                 "run-001");
    loom_store_close(s);
}

static void builds(void **state)
{
    struct loom_store *s = open_store(*state);
    struct loom_store_build b = {.run = "muon-001",
                                 .epoch = 3,
                                 .device = "hx8k",
                                 .dir = *state},
                            *all;
    size_t n;
    assert_ok(loom_store_add_build(s, &b, e));
    int64_t first = b.id;
    assert_ok(loom_store_end_build(s, b.id, "done", "{\"lc\":12}", e));
    assert_ok(loom_store_add_build(s, &b, e));
    assert_true(b.id > first);
    assert_ok(loom_store_builds(s, "muon-001", &all, &n, e));
    assert_int_equal(n, 2);
    assert_string_equal(all[0].state, "running");
    assert_true(isnan(all[0].ended));
    assert_string_equal(all[1].report, "{\"lc\":12}");
    assert_string_equal(all[1].dir, (char *)*state);
    loom_store_builds_free(all, n);
    assert_fails(loom_store_end_build(s, 999, "done", NULL, e),
                 LOOM_ERR_MISSING, "999");
    snprintf(b.run, sizeof(b.run), "muon-9");
    assert_fails(loom_store_add_build(s, &b, e), LOOM_ERR_IO, "FOREIGN KEY");
    loom_store_close(s);
}

/* Going on from an epoch forgets what came later. */
static void resume(void **state)
{
    struct loom_store *s = open_store(*state);
    struct loom_store_run r;
    assert_ok(loom_store_drop_point(s, "muon-001", 1, e));
    assert_ok(loom_store_resume_run(s, "muon-001", 1, (int[]){1}, 1, e));
    assert_ok(loom_store_get(s, "muon-001", &r, e));
    assert_int_equal(r.epochs, 1);
    assert_int_equal(r.best_epoch, 1); /* it is on the front again */
    assert_int_equal(r.n_points, 1);
    assert_int_equal(r.state, LOOM_RUN_RUNNING);
    assert_string_equal(r.reason, "");
    assert_true(isnan(r.ended));
    loom_store_run_deinit(&r);
    assert_fails(loom_store_resume_run(s, "muon-9", 1, NULL, 0, e),
                 LOOM_ERR_MISSING, "muon-9");
    loom_store_close(s);
}

/* ---- several programs ---- */

static void write_runs(const char *dir, int n)
{
    struct loom_errmsg e;
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_WRITE, NULL, &e);
    char id[LOOM_RUN_ID];
    int err = s ? 0 : -1;
    for (int i = 0; !err && i < n; i++) {
        err = loom_store_new_run(s, "race", &info, id, &e);
        for (int k = 1; !err && k <= 10; k++) {
            const struct loom_store_epoch row = {.epoch = k, .loss = k};
            err = loom_store_add_epochs(s, id, &row, 1, &e);
        }
    }
    if (err)
        fprintf(stderr, "%s\n", e.text);
    loom_store_close(s);
    _exit(err ? 1 : 0);
}

/* Four programs make the store and write to it, all at once. */
static void writers(void **state)
{
    enum { PROGRAMS = 4, RUNS = 10 };
    char *dir = test_path(*state, "many/deep");
    for (int i = 0; i < PROGRAMS; i++)
        if (fork() == 0)
            write_runs(dir, RUNS);
    for (int i = 0; i < PROGRAMS; i++) {
        int status;
        assert_true(wait(&status) > 0 && status == 0);
    }
    struct loom_store *s = open_store(dir);
    struct loom_store_run *runs;
    size_t n;
    assert_ok(loom_store_list(s, NULL, &runs, &n, e));
    assert_int_equal(n, PROGRAMS * RUNS); /* so no id was given twice */
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(runs[i].epochs, 10);
        assert_int_equal(runs[i].state, LOOM_RUN_LOST);
    }
    loom_store_runs_free(runs, n);
    assert_ok(loom_store_check(s, e));
    loom_store_close(s);
    free(dir);
}

/* Write pairs of rows forever; a transaction holds both. */
static void write_forever(const char *dir, int ready)
{
    struct loom_errmsg e;
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_WRITE, NULL, &e);
    char id[LOOM_RUN_ID];
    if (!s || loom_store_new_run(s, "killed", &info, id, &e))
        _exit(1);
    for (int k = 1;; k += 2) {
        const struct loom_store_epoch row[] = {{.epoch = k}, {.epoch = k + 1}};
        if (loom_store_add_epochs(s, id, row, 2, &e))
            _exit(1);
        if (k == 21 && write(ready, "", 1) < 0)
            _exit(1);
    }
}

static void killed(void **state)
{
    char *dir = test_path(*state, "killed");
    for (int i = 0; i < 5; i++) {
        int ready[2];
        char byte;
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (!child)
            write_forever(dir, ready[1]);
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        nanosleep(&(struct timespec){.tv_nsec = 3000000 + 1700000 * i}, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(ready[0]);
        struct loom_store *s = open_store(dir);
        struct loom_store_run *runs;
        size_t n;
        assert_ok(loom_store_check(s, e));
        assert_ok(loom_store_list(s, NULL, &runs, &n, e));
        assert_int_equal(n, i + 1);
        assert_int_equal(runs[0].state, LOOM_RUN_LOST);
        assert_true(runs[0].epochs >= 22 && runs[0].epochs % 2 == 0);
        loom_store_runs_free(runs, n);
        loom_store_close(s);
    }
    free(dir);
}

/* A run whose process is alive is neither resumed nor removed. */
static void alive(void **state)
{
    int ready[2];
    char byte;
    char *dir = test_path(*state, "alive");
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (!child)
        write_forever(dir, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    struct loom_store *s = open_store(dir);
    assert_fails(loom_store_remove_run(s, "killed-001", e), LOOM_ERR_BUSY,
                 "running");
    assert_fails(loom_store_resume_run(s, "killed-001", 1, NULL, 0, e),
                 LOOM_ERR_BUSY, "running");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_ok(loom_store_remove_run(s, "killed-001", e));
    assert_ok(loom_store_check(s, e));
    loom_store_close(s);
    close(ready[0]);
    close(ready[1]);
    free(dir);
}

static void locked(void **state)
{
    struct loom_store *a = open_store(*state), *b = open_store(*state);
    sqlite3_busy_timeout(b->db, 50);
    assert_ok(loom_store_begin(a, e));
    assert_fails(loom_store_set_note(b, "muon-001", "x", e), LOOM_ERR_BUSY,
                 "locked");
    struct loom_store_run r;
    assert_ok(loom_store_get(b, "muon-001", &r, e)); /* readers never wait */
    loom_store_run_deinit(&r);
    loom_store_rollback(a);
    assert_ok(loom_store_set_note(b, "muon-001", "x", e));
    loom_store_close(a);
    loom_store_close(b);
}

/* ---- the disk, old files, other files ---- */

static void full(void **state)
{
    char *dir = test_path(*state, "full");
    struct loom_store *s = open_store(dir);
    char id[LOOM_RUN_ID];
    assert_ok(loom_store_new_run(s, "full", &info, id, e));
    assert_int_equal(
        sqlite3_exec(s->db, "PRAGMA max_page_count=1", NULL, NULL, NULL), 0);
    char *text = loom_calloc(1, 1 << 20);
    memset(text, 'x', (1 << 20) - 1);
    assert_fails(loom_store_set_note(s, id, text, e), LOOM_ERR_IO,
                 "the disk is full");
    free(text);
    assert_ok(loom_store_check(s, e));
    loom_store_close(s);
    free(dir);
}

static void no_folder(void **state)
{
    char *file = test_path(*state, "plain"), *under = test_path(file, "x");
    assert_ok(loom_file_write(file, "x", 1, e));
    open_fails(under, LOOM_STORE_WRITE, LOOM_ERR_IO, "plain");
    open_fails("/nowhere/else", LOOM_STORE_READ, LOOM_ERR_MISSING,
               "/nowhere/else");
    if (geteuid() != 0) { /* no folder is read-only to root */
        char *dir = test_path(*state, "readonly");
        assert_int_equal(mkdir(dir, 0555), 0);
        open_fails(dir, LOOM_STORE_WRITE, LOOM_ERR_IO, "permissions");
        free(dir);
    }
    free(under);
    free(file);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *msg = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
        fail_msg("%s", msg);
    sqlite3_close(db);
}

/* A store as its first version wrote it, with a run in it. */
static void old_version(void **state)
{
    char *dir = test_path(*state, "old"), *path = test_path(dir, "bitloom.db");
    assert_ok(loom_file_mkdirs(dir, e));
    execute(
        path,
        "CREATE TABLE names(name TEXT PRIMARY KEY, last INTEGER NOT NULL)"
        " STRICT;"
        "CREATE TABLE runs(id TEXT PRIMARY KEY, script TEXT NOT NULL,"
        " script_text TEXT NOT NULL, settings TEXT NOT NULL,"
        " parent TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,"
        " lower_is_better INTEGER NOT NULL, seed INTEGER NOT NULL,"
        " data_hash INTEGER NOT NULL, version TEXT NOT NULL,"
        " dir TEXT NOT NULL, state TEXT NOT NULL,"
        " reason TEXT NOT NULL DEFAULT '', started REAL NOT NULL, ended REAL,"
        " tags TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '')"
        " STRICT;"
        "CREATE TABLE epochs(run TEXT NOT NULL REFERENCES runs(id)"
        " ON DELETE CASCADE, epoch INTEGER NOT NULL, loss REAL, val_loss REAL,"
        " val_metric REAL, ebops REAL, beta REAL, lr REAL, seconds REAL,"
        " PRIMARY KEY(run, epoch)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE points(run TEXT NOT NULL REFERENCES runs(id)"
        " ON DELETE CASCADE, epoch INTEGER NOT NULL, val_metric REAL,"
        " ebops REAL, checkpoint TEXT NOT NULL, live INTEGER NOT NULL,"
        " PRIMARY KEY(run, epoch)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE builds(id INTEGER PRIMARY KEY, run TEXT NOT NULL"
        " REFERENCES runs(id) ON DELETE CASCADE, epoch INTEGER NOT NULL,"
        " device TEXT NOT NULL, state TEXT NOT NULL,"
        " report TEXT NOT NULL DEFAULT '', dir TEXT NOT NULL,"
        " started REAL NOT NULL, ended REAL) STRICT;"
        "CREATE INDEX builds_of_run ON builds(run);"
        "INSERT INTO names VALUES('muon', 7);"
        "INSERT INTO runs VALUES('muon-007', 's', 't', '{}', '', 'rms', 'mrad',"
        " 1, 1, 2, '0.0.9', 'muon-007', 'running', '', 1.7e9, NULL, 'old', '');"
        "INSERT INTO epochs VALUES('muon-007', 4, 1, 2, 3, 4, 5, 6, 7);"
        "INSERT INTO points VALUES('muon-007', 2, 9, 100, 'a', 1);"
        "INSERT INTO points VALUES('muon-007', 3, 8, 90, 'b', 0);"
        "INSERT INTO points VALUES('muon-007', 4, 10, 80, 'c', 1);"
        "PRAGMA application_id=1280266061; PRAGMA user_version=1;");
    struct loom_store *s = open_store(dir);
    struct loom_store_run r;
    char id[LOOM_RUN_ID];
    assert_ok(loom_store_check(s, e));
    assert_ok(loom_store_get(s, "muon-007", &r, e));
    assert_int_equal(r.epochs, 4);
    assert_int_equal(r.state, LOOM_RUN_RUNNING); /* nobody knows where */
    assert_string_equal(r.tags, "old");
    assert_string_equal(r.script_text, "t");
    assert_int_equal(r.n_points, 2);
    assert_int_equal(r.best_epoch, 2);
    assert_true(r.best_metric == 9 && r.best_ebops == 100);
    loom_store_run_deinit(&r);
    assert_ok(loom_store_new_run(s, "muon", &info, id, e));
    assert_string_equal(id, "muon-008");
    loom_store_close(s);
    execute(path, "PRAGMA user_version=99");
    open_fails(dir, LOOM_STORE_READ, LOOM_ERR_FORMAT, "newer bitloom");
    free(path);
    free(dir);
}

static void other_files(void **state)
{
    char *dir = test_path(*state, "other"),
         *path = test_path(dir, "bitloom.db");
    assert_ok(loom_file_mkdirs(dir, e));
    assert_ok(loom_file_write(path,
                              "this is not a database, by far. ......."
                              ".......................................",
                              78, e));
    open_fails(dir, LOOM_STORE_WRITE, LOOM_ERR_FORMAT, "not a run store");
    unlink(path);
    execute(path, "CREATE TABLE mine(a)");
    open_fails(dir, LOOM_STORE_WRITE, LOOM_ERR_FORMAT, "not a run store");
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    open_fails(dir, LOOM_STORE_WRITE, LOOM_ERR_IO, "bitloom.db");
    free(path);
    free(dir);
}

/* A store with bytes overwritten: an error with a sentence, or the rows. */
static void damaged(void **state)
{
    char *dir = test_path(*state, "killed");
    char *path = test_path(dir, "bitloom.db");
    void *bytes;
    size_t n, refused = 0;
    assert_ok(loom_file_read(path, 1 << 26, &bytes, &n, e));
    for (size_t at = 0; at < n; at += n / 61 + 1) {
        char *copy = loom_malloc(n);
        memcpy(copy, bytes, n);
        memset(copy + at, 0xa5, n - at < 300 ? n - at : 300);
        assert_ok(loom_file_write(path, copy, n, e));
        free(copy);
        struct loom_errmsg msg = {""};
        struct loom_store *s =
            loom_store_open(dir, LOOM_STORE_READ, NULL, &msg);
        struct loom_store_run *runs = NULL;
        size_t count = 0;
        int err = s ? loom_store_list(s, NULL, &runs, &count, &msg) : -1;
        err = err ? err : loom_store_check(s, &msg);
        refused += err < 0;
        assert_true(!err || strstr(msg.text, "bitloom.db"));
        loom_store_runs_free(runs, count);
        loom_store_close(s);
    }
    assert_true(refused > 10);
    free(bytes);
    free(path);
    free(dir);
}

/* What a session does at the end of an epoch. */
static void cost(void **state)
{
    struct loom_store *s = open_store(*state);
    char id[LOOM_RUN_ID];
    struct timespec a, b;
    assert_ok(loom_store_new_run(s, "cost", &info, id, e));
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 1; i <= 1000; i++) {
        assert_ok(loom_store_begin(s, e));
        add_epoch(s, id, i);
        add_point(s, id, i, 1.0 / i, 10 * i);
        assert_ok(loom_store_commit(s, e));
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double seconds =
        (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    printf("the end of an epoch takes %.3f ms\n", 1e3 * seconds / 1000);
    loom_store_close(s);
}

/* The history of a run of a day: bounded, even, with its last epochs; and the
 * same where it was resumed. */
static void long_run(void **state)
{
    enum { LAST = 100000, BACK = 70001 };
    struct loom_store *s = open_store(*state);
    struct loom_store_run r;
    struct loom_store_epoch *row = loom_calloc(LAST, sizeof(*row)), *got[2];
    char id[LOOM_RUN_ID];
    size_t n[2];
    for (int k = 0; k < LAST; k++)
        row[k].epoch = k + 1;
    for (int run = 0; run < 2; run++) {
        assert_ok(loom_store_new_run(s, "long", &info, id, e));
        for (int k = 0; k < LAST; k += 5000)
            assert_ok(loom_store_add_epochs(s, id, row + k, 5000, e));
        if (run) {
            assert_ok(loom_store_resume_run(s, id, BACK, NULL, 0, e));
            assert_ok(loom_store_add_epochs(s, id, row + BACK, LAST - BACK, e));
        }
        assert_ok(loom_store_epochs(s, id, &got[run], &n[run], e));
    }
    assert_ok(loom_store_get(s, id, &r, e));
    assert_int_equal(r.epochs, LAST);
    loom_store_run_deinit(&r);
    assert_in_range(n[0], LOOM_STORE_EPOCHS / 4, LOOM_STORE_EPOCHS);
    assert_int_equal(got[0][0].epoch, 1);
    for (size_t k = 1; k < n[0]; k++)
        assert_in_range(got[0][k].epoch - got[0][k - 1].epoch, 1, 16);
    assert_int_equal(got[0][n[0] - 1000].epoch, LAST - 999);
    assert_int_equal(n[0], n[1]);
    for (size_t k = 0; k < n[0]; k++)
        assert_int_equal(got[0][k].epoch, got[1][k].epoch);
    free(got[0]);
    free(got[1]);
    free(row);
    loom_store_close(s);
}

static int setup(void **state)
{
    *state = test_folder();
    return 0;
}

static int teardown(void **state)
{
    test_folder_remove(*state);
    return 0;
}

/* What the newest build with a report measured, a row a run. */
static void costs(void **state)
{
    static const char *const reports[][2] = {
        {"done", "{\"cells\":{\"lut4\":10,\"lc\":12},\"fmax_mhz\":50.5}"},
        {"done", "{\"cells\":{\"lut4\":20,\"lc\":-1},\"predicted\":"
                 "{\"lc\":25}}"},
        {"failed", ""},
        {"failed", "no JSON"},
    };
    char dir[600], id[LOOM_RUN_ID];
    snprintf(dir, sizeof(dir), "%s/costs", (char *)*state);
    struct loom_store *s = open_store(dir);
    struct loom_store_cost *c;
    size_t n;
    int64_t before, after;
    assert_ok(loom_store_new_run(s, "muon", &info, id, e));
    assert_ok(loom_store_version(s, &before, e));
    assert_ok(loom_store_costs(s, &c, &n, e));
    assert_int_equal(n, 0);
    free(c);
    for (size_t i = 0; i < 4; i++) {
        struct loom_store_build b = {.device = "hx8k", .dir = dir, .epoch = 7};
        snprintf(b.run, sizeof(b.run), "%s", id);
        assert_ok(loom_store_add_build(s, &b, e));
        assert_ok(
            loom_store_end_build(s, b.id, reports[i][0], reports[i][1], e));
    }
    assert_ok(loom_store_costs(s, &c, &n, e));
    assert_int_equal(n, 1);
    assert_string_equal(c[0].run, id);
    assert_int_equal(c[0].epoch, 7);
    assert_true(c[0].lut4 == 20 && isnan(c[0].lc) && isnan(c[0].fmax_mhz));
    assert_true(c[0].predicted_lc == 25 && isnan(c[0].predicted_lut4));
    free(c);
    /* Own writes do not count, others' do. */
    assert_ok(loom_store_version(s, &after, e));
    assert_int_equal(before, after);
    struct loom_store *other =
        loom_store_open(dir, LOOM_STORE_READ, NULL, NULL);
    assert_ok(loom_store_set_note(other, id, "x", e));
    loom_store_close(other);
    assert_ok(loom_store_version(s, &after, e));
    assert_int_not_equal(before, after);
    loom_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run),       cmocka_unit_test(resolve),
        cmocka_unit_test(lists),       cmocka_unit_test(builds),
        cmocka_unit_test(costs),       cmocka_unit_test(resume),
        cmocka_unit_test(writers),     cmocka_unit_test(killed),
        cmocka_unit_test(alive),       cmocka_unit_test(locked),
        cmocka_unit_test(full),        cmocka_unit_test(no_folder),
        cmocka_unit_test(old_version), cmocka_unit_test(other_files),
        cmocka_unit_test(damaged),     cmocka_unit_test(cost),
        cmocka_unit_test(long_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
