/* What scripts that run at once in one process share: arrays and data sets,
 * made once, never written to afterwards, found by the recipe they were made
 * by. All functions may be called from any thread. */
#pragma once

#include <stdbool.h>

struct loom_depot;

struct loom_depot *loom_depot_new(void);
/* Frees all that is left; nobody may use any of it any more. */
void loom_depot_destroy(struct loom_depot *d);

/* From lock to unlock the caller alone makes things: what another one is about
 * to make is found, and not made again. find and add are called in between. */
void loom_depot_lock(struct loom_depot *d);
void loom_depot_unlock(struct loom_depot *d);

/* The thing of that recipe, from now on used by `user`; NULL: there is none. */
void *loom_depot_find(struct loom_depot *d, const char *recipe,
                      const void *user);
/* Takes a thing that was made, used by `user`. */
void loom_depot_add(struct loom_depot *d, const char *recipe, void *take,
                    void (*destroy)(void *thing), const void *user);

/* `user` uses nothing any more. Things stay, for whoever comes next. */
void loom_depot_leave(struct loom_depot *d, const void *user);
/* Someone has all that it needs: free what nobody uses. */
void loom_depot_tidy(struct loom_depot *d);
