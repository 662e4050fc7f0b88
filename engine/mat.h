/* MATLAB files of version 5 (-v6 and -v7; packed or not): their arrays of
 * numbers. Cells, structs, objects, text, sparse and complex arrays are passed
 * over; those of version 7.3 are HDF5 files (engine/hdf5_file.h). */
#pragma once

#include "engine/bytes.h"
#include "engine/err.h"
#include "engine/npy.h"

/* The array of this name, or (NULL) the only one of the file, in C order with
 * the axes as MATLAB shows them: X of 32 x 32 x 3 x N is [32][32][3][N].
 * LOOM_ERR_MISSING, with the names that there are, where it is none of them.
 * *out is all zero after a failure. */
int loom_mat_read(const char *path, const char *name, struct loom_array *out,
                  struct loom_errmsg *e);

/* Decode an image in memory. */
int loom_mat_decode(const void *bytes, size_t n, const char *file,
                    const char *name, struct loom_array *out,
                    struct loom_errmsg *e);
