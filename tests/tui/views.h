/* Views of a session as the screen would see them, always the same. */
#pragma once

#include "lua/session.h"
#include "tui/builds_files.h"
#include "tui/runs_list.h"

enum view_kind {
    VIEW_EMPTY,
    VIEW_LOADING,
    VIEW_FIRST, /* running, before the first epoch ends */
    VIEW_RUNNING,
    VIEW_PAUSING,
    VIEW_PAUSED,
    VIEW_DONE,
    VIEW_FAILED,
    VIEW_BUILDING, /* running, with a build in route and others */
    VIEW_BUILT,    /* done, and a build still runs */
    VIEW_ODD,      /* not a number, wide and broken text, enormous values */
    VIEW_KINDS
};

extern const char *const view_names[VIEW_KINDS];

void view_make(enum view_kind kind, struct loom_view *v);

/* Lists of runs for the Runs screen. */
enum runs_kind {
    RUNS_NULL,    /* not asked for yet: no list at all */
    RUNS_NOTHING, /* a store without runs */
    RUNS_ABSENT,  /* no store */
    RUNS_BROKEN,  /* cannot be read */
    RUNS_SOME,    /* fourteen, one with details */
    RUNS_STRANGE, /* hostile texts, numbers that are none */
    RUNS_KINDS
};

/* The caller frees it with runs_list_free. */
struct runs_list *runs_make(enum runs_kind kind);

/* What a session would say of a layer of the view. */
void view_detail(const struct loom_view *v, const struct loom_layer_watch *w,
                 struct loom_layer_detail *d);

/* One more line of a console; and one of all kinds of them. */
void view_line(struct loom_console_view *v, enum loom_console_kind kind,
               const char *text);
void view_console(struct loom_console_view *v);

/* Data as a session would show it: classes, or a target with much that is
 * wrong. What it points to lives until the next call. */
void view_data(bool classes, const struct loom_data_watch *w,
               struct loom_data_view *v);

/* What a build's folder would tell. What it points to lives until the next
 * call. */
void view_files(const struct builds_wanted *w, struct builds_files *f);
