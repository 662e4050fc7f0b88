/* Memory for small things: these abort with a message when there is none.
 * Large buffers (data sets, weights, activations) use loom_try_alloc and
 * return LOOM_ERR_NOMEM with the bytes asked. */
#pragma once

#include <stddef.h>
#include <stdarg.h>

#include "engine/err.h"

void *loom_malloc(size_t n);
void *loom_calloc(size_t n, size_t size);
void *loom_realloc(void *p, size_t n);
char *loom_strdup(const char *s);

/* printf into fresh memory that the caller frees. */
__attribute__((format(printf, 1, 2))) char *loom_asprintf(const char *fmt, ...);

/* Zeroed, 64-byte aligned block of n elements of `size` bytes, freed with
 * free(); NULL and a sentence in e (naming `what`) when there is no memory
 * or n * size overflows. */
void *loom_try_alloc(size_t n, size_t size, const char *what,
                     struct loom_errmsg *e);
