/* The Runs screen's own state: which runs are shown in which order, what is
 * marked, where the cursor is. It keeps its place by the runs' ids, so that
 * new data may come at any time. One thread. */
#pragma once

#include "tui/runs_data.h"

enum runs_state { RUNS_LOADING, RUNS_READY, RUNS_NO_STORE, RUNS_ERROR };

enum runs_sort {
    RUNS_BY_START,
    RUNS_BY_METRIC,
    RUNS_BY_EBOPS,
    RUNS_BY_LUT4,
    RUNS_BY_LC,
    RUNS_BY_FMAX,
    RUNS_BY_EPOCHS,
    RUNS_BY_ID,
    RUNS_SORTS
};

/* The lower part of the screen; and what a run costs there. */
enum runs_pane { RUNS_DETAILS, RUNS_FRONT, RUNS_PARALLEL, RUNS_PANES };
enum runs_cost { RUNS_COST_EBOPS, RUNS_COST_LUT4, RUNS_COST_LC, RUNS_COSTS };

enum { RUNS_SPARK = 48, RUNS_MARKS = 32, RUNS_FILTER = 200 };

/* The history of a run in a few numbers: its validation loss. */
struct runs_spark {
    char id[LOOM_RUN_ID];
    int n;
    float y[RUNS_SPARK];
};

/* All of one run; and the sparks of those that can be seen. */
struct runs_more {
    char id[LOOM_RUN_ID]; /* "": none */
    struct loom_store_epoch *epoch;
    struct loom_store_point *point; /* live, by rising EBOPs */
    struct loom_store_build *build; /* newest first */
    size_t n_epochs, n_points, n_builds;
    struct runs_spark *spark;
    int n_sparks;
};

struct runs_list {
    enum runs_state state;
    struct loom_errmsg error; /* NO_STORE, ERROR */
    struct runs_data *data;   /* owned; NULL until READY */
    struct runs_more *more;   /* owned, or NULL */
    int *order, n;            /* indices of the runs shown */
    char cursor[LOOM_RUN_ID];
    char mark[RUNS_MARKS][LOOM_RUN_ID];
    int n_marks;
    char filter_text[RUNS_FILTER];
    /* Before another filter was begun to be typed. */
    char filter_before[RUNS_FILTER], cursor_before[LOOM_RUN_ID];
    struct filter *filter;  /* NULL: all */
    char filter_error[200]; /* of the text being typed, or "" */
    enum runs_sort sort;
    bool reverse, compare;
    enum runs_pane pane;
    enum runs_cost cost;
    char axis[24];    /* chosen in RUNS_PARALLEL; none of them: the last */
    unsigned columns; /* chosen, a bit each; 0: those that fit */
    /* Ask for new tags or a new note of a run; NULL: keep. False: not now. */
    bool (*write)(void *ud, const char *id, const char *tags, const char *note);
    void *ud;
};

struct runs_list *runs_list_new(void);
void runs_list_free(struct runs_list *l); /* NULL is fine */

/* Both take what they are given, NULL too. */
void runs_list_set_data(struct runs_list *l, struct runs_data *d);
void runs_list_set_more(struct runs_list *l, struct runs_more *m);
void runs_more_free(struct runs_more *m);

/* Show only what passes. False: the text cannot be read, filter_error says why
 * and where, and the list stays as it was. */
bool runs_list_filter(struct runs_list *l, const char *text);

const char *runs_sort_name(enum runs_sort s);
void runs_list_sort(struct runs_list *l, enum runs_sort s, bool reverse);

/* Row of the cursor among those shown, -1: none is. */
int runs_list_at(const struct runs_list *l);
void runs_list_move(struct runs_list *l, long by);
/* The run under the cursor, or NULL; and any of those shown. */
const struct filter_row *runs_list_row(const struct runs_list *l, int i);
const struct filter_row *runs_list_selected(const struct runs_list *l);

bool runs_list_marked(const struct runs_list *l, const char *id);
/* False: no more can be marked. */
bool runs_list_mark(struct runs_list *l, const char *id);
/* The marked runs that there are, in the data's order; how many. */
int runs_list_marks(const struct runs_list *l,
                    const struct filter_row *out[RUNS_MARKS]);
const struct runs_spark *runs_list_spark(const struct runs_list *l,
                                         const char *id);

/* The epochs' validation loss (the loss where there is none), thinned evenly
 * with its last value kept. */
void runs_make_spark(struct runs_spark *s, const struct loom_store_epoch *row,
                     size_t n);
