/* Numbers out of the HDF5 files that Keras writes: superblock 0, groups as
 * symbol tables, contiguous data without filters, little-endian. Any bytes are
 * survived; files of other forms are refused. Source: the HDF5 file format
 * specification, version 1.1 of its parts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"

/* The file as it lies in memory, borrowed. */
struct loom_h5 {
    const uint8_t *data;
    size_t n;
    const char *name; /* for sentences */
};

/* LOOM_ERR_FORMAT where it is no such file. */
int loom_h5_check(const struct loom_h5 *f, struct loom_errmsg *e);

/* The n numbers of data set `path` ("a/b/c") as float32. LOOM_ERR_MISSING
 * where there is none, LOOM_ERR_SHAPE where it has not n elements. */
int loom_h5_read(const struct loom_h5 *f, const char *path, size_t n,
                 float *out, struct loom_errmsg *e);
