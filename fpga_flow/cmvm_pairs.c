#include "fpga_flow/cmvm_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

enum { LEAST = 1024 }; /* slots */

void loom_cmvm_pairs_init(struct loom_cmvm_pairs *p)
{
    memset(p, 0, sizeof(*p));
    p->cap = LEAST;
    p->slot = loom_calloc(p->cap, sizeof(*p->slot));
}

void loom_cmvm_pairs_deinit(struct loom_cmvm_pairs *p)
{
    for (int i = 0; i < LOOM_CMVM_SCORES; i++)
        free(p->bucket[i].slot);
    free(p->slot);
}

static size_t home(const struct loom_cmvm_pairs *p, uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h ^ h >> 32) & (p->cap - 1);
}

static size_t find(const struct loom_cmvm_pairs *p, uint64_t key)
{
    size_t i = home(p, key);
    while (p->slot[i].key && p->slot[i].key != key)
        i = (i + 1) & (p->cap - 1);
    return i;
}

static void leave(struct loom_cmvm_pairs *p, struct loom_cmvm_pair *x)
{
    if (x->at < 0)
        return;
    int last = --p->bucket[x->score].n;
    uint32_t moved = p->bucket[x->score].slot[last];
    p->bucket[x->score].slot[x->at] = moved;
    p->slot[moved].at = x->at;
    x->at = -1;
}

static void enter(struct loom_cmvm_pairs *p, size_t i, int count)
{
    struct loom_cmvm_pair *x = &p->slot[i];
    int score = count < LOOM_CMVM_SCORES ? count : LOOM_CMVM_SCORES - 1;
    int n = p->bucket[score].n++;
    if (n == p->bucket[score].cap) {
        int cap = n ? 2 * n : 16;
        p->bucket[score].cap = cap;
        p->bucket[score].slot =
            loom_realloc(p->bucket[score].slot,
                         (size_t)cap * sizeof(*p->bucket[score].slot));
    }
    p->bucket[score].slot[n] = (uint32_t)i;
    x->at = n;
    x->score = (unsigned)score;
    if (score > p->top)
        p->top = score;
}

static void move(struct loom_cmvm_pairs *p, size_t from, size_t to)
{
    struct loom_cmvm_pair *x = &p->slot[from];
    p->slot[to] = *x;
    if (x->at >= 0)
        p->bucket[x->score].slot[x->at] = (uint32_t)to;
    x->key = 0;
}

static void resize(struct loom_cmvm_pairs *p, size_t cap)
{
    struct loom_cmvm_pair *old = p->slot;
    size_t n = p->cap;
    p->cap = cap;
    p->slot = loom_calloc(p->cap, sizeof(*p->slot));
    for (size_t i = 0; i < n; i++) {
        if (!old[i].key)
            continue;
        size_t to = find(p, old[i].key);
        p->slot[to] = old[i];
        if (old[i].at >= 0)
            p->bucket[old[i].score].slot[old[i].at] = (uint32_t)to;
    }
    free(old);
}

/* Free slot i; those probed past it move up. */
static void erase(struct loom_cmvm_pairs *p, size_t i)
{
    size_t mask = p->cap - 1;
    p->slot[i].key = 0;
    p->n--;
    for (size_t k = (i + 1) & mask; p->slot[k].key; k = (k + 1) & mask) {
        size_t h = home(p, p->slot[k].key);
        if (((k - h) & mask) >= ((k - i) & mask)) {
            move(p, k, i);
            i = k;
        }
    }
}

void loom_cmvm_pairs_add(struct loom_cmvm_pairs *p, uint64_t key, int by)
{
    size_t i = find(p, key);
    struct loom_cmvm_pair *x = &p->slot[i];
    if (!x->key) {
        *x = (struct loom_cmvm_pair){.key = key, .at = -1};
        if (2 * ++p->n > p->cap) {
            resize(p, 2 * p->cap);
            i = find(p, key);
            x = &p->slot[i];
        }
    }
    leave(p, x);
    x->count = (unsigned)((int)x->count + by);
    if (x->count >= 2)
        enter(p, i, (int)x->count);
    else if (!x->count)
        erase(p, i);
}

int loom_cmvm_pairs_top(struct loom_cmvm_pairs *p)
{
    while (p->top && !p->bucket[p->top].n)
        p->top--;
    return p->top;
}

void loom_cmvm_pairs_shrink(struct loom_cmvm_pairs *p)
{
    size_t cap = p->cap;
    while (cap > LEAST && 4 * p->n < cap)
        cap /= 2;
    if (cap < p->cap)
        resize(p, cap);
}

void loom_cmvm_pairs_demote(struct loom_cmvm_pairs *p, uint32_t at, int count)
{
    leave(p, &p->slot[at]);
    if (count >= 2)
        enter(p, at, count);
}
