/* The latest value of something large, from one writer to one reader, neither
 * of which ever waits: three slots and one atomic word. */
#pragma once

#include <stddef.h>

#include "engine/err.h"

struct loom_mailbox;

/* Slots of `size` bytes, zeroed. */
struct loom_mailbox *loom_mailbox_new(size_t size, struct loom_errmsg *e);
void loom_mailbox_destroy(struct loom_mailbox *m);

/* Writer: copy `value` in; it replaces what the reader has not fetched. */
void loom_mailbox_put(struct loom_mailbox *m, const void *value);

/* Reader: the newest value, valid until the next call; NULL before the first
 * put. */
const void *loom_mailbox_get(struct loom_mailbox *m);
