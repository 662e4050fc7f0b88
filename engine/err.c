#include "engine/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *loom_strerror(int err)
{
    switch (err) {
#define X(name, code, words)                                                   \
    case name:                                                                 \
        return words;
        LOOM_ERRORS(X)
#undef X
    }
    return "unknown error";
}

int loom_fail(struct loom_errmsg *e, int err, const char *fmt, ...)
{
    if (!e)
        return err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return err;
}

int loom_fail_prefix(struct loom_errmsg *e, int err, const char *fmt, ...)
{
    if (!e)
        return err;
    struct loom_errmsg old = *e;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(e->text))
        return err;
    size_t left = sizeof(e->text) - (size_t)n;
    snprintf(e->text + n, left, ": %.*s", (int)left, old.text);
    return err;
}
