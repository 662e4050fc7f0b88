/* One slot belongs to the writer, one to the reader, one lies in the middle;
 * handing over is one exchange of the middle slot's number. FRESH marks a
 * middle slot that the reader has not seen. */
#include "engine/mailbox.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

enum { FRESH = 4, SLOT = 3 };

struct loom_mailbox {
    size_t size;
    char *slot[3];
    unsigned writer, reader;
    bool seen; /* the reader has had a value */
    atomic_uint middle;
};

struct loom_mailbox *loom_mailbox_new(size_t size, struct loom_errmsg *e)
{
    struct loom_mailbox *m = loom_calloc(1, sizeof(*m));
    m->size = size;
    m->writer = 0;
    m->reader = 1;
    atomic_init(&m->middle, 2);
    for (int k = 0; k < 3; k++)
        if (!(m->slot[k] = loom_try_alloc(1, size, "mailbox", e))) {
            loom_mailbox_destroy(m);
            return NULL;
        }
    return m;
}

void loom_mailbox_destroy(struct loom_mailbox *m)
{
    if (!m)
        return;
    for (int k = 0; k < 3; k++)
        free(m->slot[k]);
    free(m);
}

void loom_mailbox_put(struct loom_mailbox *m, const void *value)
{
    memcpy(m->slot[m->writer], value, m->size);
    m->writer = atomic_exchange_explicit(&m->middle, m->writer | FRESH,
                                         memory_order_acq_rel) &
                SLOT;
}

const void *loom_mailbox_get(struct loom_mailbox *m)
{
    if (atomic_load_explicit(&m->middle, memory_order_relaxed) & FRESH) {
        m->reader = atomic_exchange_explicit(&m->middle, m->reader,
                                             memory_order_acq_rel) &
                    SLOT;
        m->seen = true;
    }
    return m->seen ? m->slot[m->reader] : NULL;
}
