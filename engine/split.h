/* Which part of a data set each row of a file belongs to. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/dataset.h"
#include "engine/err.h"
#include "engine/table.h"

enum { LOOM_NO_PART = LOOM_N_PARTS }; /* the row is left out */

/* By chance: each part gets exactly its share of the rows, rounded. ratio: by
 * part, each at least 0, their sum above 0 and at most 1 (the rest is left
 * out). part [rows]. */
int loom_split_ratio(uint8_t *part, size_t rows,
                     const double ratio[LOOM_N_PARTS], uint64_t seed,
                     struct loom_errmsg *e);

/* By lists of row numbers from 0, one a part, NULL: none. A number out of range
 * or in two lists is an error; rows in no list are left out. */
int loom_split_index(uint8_t *part, size_t rows,
                     const struct loom_array *const index[LOOM_N_PARTS],
                     struct loom_errmsg *e);

/* By a column: the words train, val (or validation, valid) and test, or the
 * numbers 0, 1 and 2; missing values are left out. */
int loom_split_column(uint8_t *part, const struct loom_table *t, size_t column,
                      struct loom_errmsg *e);
