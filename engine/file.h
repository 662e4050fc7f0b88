/* Whole files: read at once, written so that they are whole or absent. */
#pragma once

#include <stddef.h>

#include "engine/err.h"

/* Write through path.tmp<pid>, fsync, rename. On failure the old file, if
 * any, stays as it was and nothing half-written is left. */
int loom_file_write(const char *path, const void *data, size_t n,
                    struct loom_errmsg *e);

/* Remove what killed processes have left half-written in a folder by
 * loom_file_write. Only where none is writing. */
void loom_file_remove_halves(const char *dir);

/* Read a file of at most max bytes into fresh memory (caller frees), with a
 * zero byte after its end. Folders and the like are refused. */
int loom_file_read(const char *path, size_t max, void **data, size_t *n,
                   struct loom_errmsg *e);

/* mkdir -p. */
int loom_file_mkdirs(const char *path, struct loom_errmsg *e);

/* rm -rf, on one file system; links are removed, not followed. 0, or -1 with
 * errno set when something is left; a path that is not there is no failure. */
int loom_file_remove_tree(const char *path);
