#include "lua/depot.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

struct use {
    const void *user;
    struct use *next;
};

struct entry {
    char *recipe;
    void *thing;
    void (*destroy)(void *thing);
    struct use *uses;
    struct entry *next;
};

struct loom_depot {
    pthread_mutex_t lock;
    struct entry *first; /* newest first: nothing is made of a later one */
};

struct loom_depot *loom_depot_new(void)
{
    struct loom_depot *d = loom_calloc(1, sizeof(*d));
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

/* Take the user off a list of uses; NULL: all users. */
static void drop_uses(struct use **at, const void *user)
{
    while (*at) {
        struct use *u = *at;
        if (user && u->user != user) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        free(u);
    }
}

static void add_use(struct entry *t, const void *user)
{
    for (const struct use *u = t->uses; u; u = u->next)
        if (u->user == user)
            return;
    struct use *u = loom_malloc(sizeof(*u));
    *u = (struct use){user, t->uses};
    t->uses = u;
}

static void free_unused(struct loom_depot *d)
{
    for (struct entry **at = &d->first; *at;) {
        struct entry *t = *at;
        if (t->uses) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        t->destroy(t->thing);
        free(t->recipe);
        free(t);
    }
}

void loom_depot_destroy(struct loom_depot *d)
{
    if (!d)
        return;
    loom_depot_leave(d, NULL);
    free_unused(d);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void loom_depot_lock(struct loom_depot *d)
{
    pthread_mutex_lock(&d->lock);
}

void loom_depot_unlock(struct loom_depot *d)
{
    pthread_mutex_unlock(&d->lock);
}

void *loom_depot_find(struct loom_depot *d, const char *recipe,
                      const void *user)
{
    for (struct entry *t = d->first; t; t = t->next)
        if (!strcmp(t->recipe, recipe)) {
            add_use(t, user);
            return t->thing;
        }
    return NULL;
}

void loom_depot_add(struct loom_depot *d, const char *recipe, void *take,
                    void (*destroy)(void *thing), const void *user)
{
    struct entry *t = loom_malloc(sizeof(*t));
    *t = (struct entry){.recipe = loom_strdup(recipe),
                        .thing = take,
                        .destroy = destroy,
                        .next = d->first};
    d->first = t;
    add_use(t, user);
}

void loom_depot_leave(struct loom_depot *d, const void *user)
{
    loom_depot_lock(d);
    for (struct entry *t = d->first; t; t = t->next)
        drop_uses(&t->uses, user);
    loom_depot_unlock(d);
}

void loom_depot_tidy(struct loom_depot *d)
{
    loom_depot_lock(d);
    free_unused(d);
    loom_depot_unlock(d);
}
