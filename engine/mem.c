#include "engine/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, PAGE = 2 << 20 };

static void *check(void *p, size_t n)
{
    if (!p && n) {
        fprintf(stderr, "bitloom: out of memory (%zu bytes)\n", n);
        abort();
    }
    return p;
}

void *loom_malloc(size_t n)
{
    return check(malloc(n), n);
}

void *loom_calloc(size_t n, size_t size)
{
    return check(calloc(n, size), n && size ? 1 : 0);
}

void *loom_realloc(void *p, size_t n)
{
    return check(realloc(p, n), n);
}

char *loom_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(loom_malloc(n), s, n);
}

char *loom_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    char *s = loom_malloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

/* Large arrays lie in large pages: rows are read in random order, and finding
 * the page of each would cost as much as the row. */
static void *alloc_aligned(size_t bytes)
{
    bool large = bytes >= 2 * (size_t)PAGE;
    size_t align = large ? PAGE : ALIGN;
    void *p = aligned_alloc(align, (bytes + align - 1) / align * align);
    if (p && large)
        madvise(p, bytes, MADV_HUGEPAGE); /* a wish, not a need */
    return p;
}

void *loom_try_alloc(size_t n, size_t size, const char *what,
                     struct loom_errmsg *e)
{
    void *p = NULL;
    if (!size || n <= (SIZE_MAX - PAGE) / size) {
        size_t bytes = (n * size + ALIGN - 1) / ALIGN * ALIGN;
        p = alloc_aligned(bytes ? bytes : ALIGN);
        if (p)
            memset(p, 0, bytes);
    }
    if (!p)
        loom_fail(e, LOOM_ERR_NOMEM,
                  "%s: no memory for %zu elements of %zu bytes", what, n, size);
    return p;
}
