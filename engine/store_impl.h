/* What store.c (opening, writing) and store_read.c share. */
#pragma once

#include <sqlite3.h>

#include "engine/store.h"

struct loom_store {
    sqlite3 *db;
    char *dir, *path;
};

/* The sentence and code of SQLite's last error. */
int loom_store_fail(const struct loom_store *s, struct loom_errmsg *e);

/* A statement with its parameters: a letter each of `types`, t for a text
 * (NULL counts as ""), i an int64_t, d a double. NULL with a sentence in e
 * and *err set. */
sqlite3_stmt *loom_store_prepare(struct loom_store *s, int *err,
                                 struct loom_errmsg *e, const char *sql,
                                 const char *types, ...);

/* Run one statement that gives no rows; how many rows it changed. */
int loom_store_change(struct loom_store *s, struct loom_errmsg *e,
                      const char *sql, const char *types, ...);

/* Within a transaction: the next id of a name, "muon-001", never used
 * before. */
int loom_store_next_id(struct loom_store *s, const char *name,
                       char id[LOOM_RUN_ID], struct loom_errmsg *e);

/* Commit, or roll back if err; returns err or commit's. */
int loom_store_finish(struct loom_store *s, int err, struct loom_errmsg *e);

/* Whether the process of a run lives: 1 yes, 0 no, -1 on another machine. */
int loom_store_process(const char *host, int64_t pid);

/* LOOM_ERR_MISSING with a sentence unless there is such a run. */
int loom_store_find_run(struct loom_store *s, const char *id,
                        struct loom_errmsg *e);
