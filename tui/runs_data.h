/* All runs of a store, read once: what lists, filters and comparisons of
 * runs work on. Plain memory; a reader on one thread hands it to another. */
#pragma once

#include "engine/store.h"
#include "tui/filter.h"

struct runs_data {
    size_t n, n_costs;
    struct loom_store_run *run;   /* newest first */
    struct loom_store_cost *cost; /* by rising id */
    struct filter_row *row;       /* [n], one a run, in the same order */
    json_t **settings;            /* [n] objects, or NULL */
};

/* f may be NULL: all. NULL with a sentence and *err set. */
struct runs_data *runs_data_read(struct loom_store *s,
                                 const struct loom_store_filter *f, int *err,
                                 struct loom_errmsg *e);
void runs_data_free(struct runs_data *d); /* NULL is fine */

/* Rows for runs that the caller has: takes both arrays, whatever their
 * number. */
struct runs_data *runs_data_new(struct loom_store_run *run, size_t n,
                                struct loom_store_cost *cost, size_t n_costs);

/* Index of a run, -1: none of that id. */
int runs_data_find(const struct runs_data *d, const char *id);

/* A list of nothing, as `set` is where nothing was set: not worth a word. */
bool runs_setting_empty(const json_t *v);
/* As words, NULL for NULL; the caller frees. */
char *runs_setting_text(const json_t *v);

/* Add a tag to a run's tags, or take it away where it begins with '-'; the
 * caller frees. NULL with a sentence if it is no single word. */
char *runs_edit_tags(const char *tags, const char *tag, struct loom_errmsg *e);

/* What differs between runs: a row an attribute or setting, a text a run. */
enum { RUNS_CELL = 40 };

struct runs_compare_row {
    char *key;
    bool differs, always;    /* always: worth a row though nothing differs */
    char (*cell)[RUNS_CELL]; /* [n_runs], "" where a run has no such thing */
};

struct runs_compare {
    int n_runs, n_rows;
    struct runs_compare_row *row;
};

/* row: n runs. The rows live until the free. */
void runs_compare_make(struct runs_compare *c, const struct filter_row *row,
                       int n);
void runs_compare_free(struct runs_compare *c);

/* "12.3 mrad"; "—" for what is not known. */
const char *runs_metric_text(const struct loom_store_run *r, double v,
                             char buf[RUNS_CELL]);
/* "2026-11-23 17:21" in local time, "—" */
const char *runs_time_text(double t, char buf[24]);
