/* HDF5 files: data sets of numbers, or of records of numbers as a table. For
 * one thread at a time, as libhdf5 is. */
#pragma once

#include "engine/err.h"
#include "engine/table.h"

/* The data set at this path ("/train/x"), or (NULL) the only one of the file.
 * Records (compound types) become float32 [rows][fields] with the fields'
 * names. LOOM_ERR_MISSING, with the paths that there are, where it is none of
 * them. *out is all zero after a failure. */
int loom_hdf5_read(const char *path, const char *set, struct loom_table *out,
                   struct loom_errmsg *e);
