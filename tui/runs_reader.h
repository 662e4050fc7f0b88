/* A thread that reads the run store for the Runs screen, on a connection of
 * its own, so that the screen never waits for a disk or a lock. It reads while
 * somebody looks (runs_reader_want), and again when another program or
 * the session has written, at most once a second; else it sleeps. */
#pragma once

#include "tui/runs_list.h"

struct runs_reader;

enum { RUNS_WANTED = 128 };

/* dir NULL: the default store, which need not exist yet. NULL with a sentence
 * where the thread cannot be made. */
struct runs_reader *runs_reader_new(const char *dir, struct loom_errmsg *e);
void runs_reader_free(struct runs_reader *r); /* waits for it; NULL is fine */

/* What can be seen: the run at the cursor ("" none) and n others of which the
 * curve is shown. look false: nobody looks. */
void runs_reader_want(struct runs_reader *r, bool look, const char *cursor,
                      const char (*id)[LOOM_RUN_ID], int n);

/* Readable when there is something new. */
int runs_reader_fd(const struct runs_reader *r);

/* Move what is new into the list, and the sentence of a write that failed
 * into e (empty: none did). Never blocks for long. */
void runs_reader_take(struct runs_reader *r, struct runs_list *l,
                      struct loom_errmsg *e);

/* For runs_list.write; ud is the reader. False: an earlier one is not done. */
bool runs_reader_write(void *ud, const char *id, const char *tags,
                       const char *note);
