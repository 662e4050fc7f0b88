/* Views of a session as the screen would see them, always the same. */
#pragma once

#include "lua/session.h"

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
    VIEW_ODD,      /* not a number, wide and broken text, enormous values */
    VIEW_KINDS
};

extern const char *const view_names[VIEW_KINDS];

void view_make(enum view_kind kind, struct loom_view *v);
