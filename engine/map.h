/* A file mapped for reading. Where somebody cuts the file short while it is
 * used, the kernel takes its pages away; they then read as zeros instead of
 * ending the program by SIGBUS (which threads must not block), and
 * loom_map_check says what happened. For
 * that, open maps are kept in a table of the whole process: a signal has no
 * other way to what it is about. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"

struct loom_map {
    const char *data; /* NULL: none */
    size_t size;
    int fd;
    int64_t changed_ns; /* when the file was changed last, as it was opened */
    char *path;
};

/* Any thread. LOOM_ERR_MISSING, LOOM_ERR_IO; an empty file is LOOM_ERR_FORMAT.
 * *m is all zero after a failure. */
int loom_map_open(struct loom_map *m, const char *path, struct loom_errmsg *e);

/* Safe on one that is all zero. */
void loom_map_close(struct loom_map *m);

/* LOOM_ERR_IO if the file is not what it was when it was opened. */
int loom_map_check(const struct loom_map *m, struct loom_errmsg *e);
