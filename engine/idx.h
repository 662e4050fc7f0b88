/* IDX files (MNIST's format), plain or gzip: magic 00 00 type ndims, then
 * big-endian sizes, then data. Types ubyte, byte, short, int, float, double. */
#pragma once

#include "engine/err.h"
#include "engine/npy.h"

/* From a file, plain or gzip. *out is all zero after a failure. */
int loom_idx_read(const char *path, struct loom_array *out,
                  struct loom_errmsg *e);

/* Decode an uncompressed image in memory. */
int loom_idx_decode(const void *bytes, size_t n, const char *name,
                    struct loom_array *out, struct loom_errmsg *e);
