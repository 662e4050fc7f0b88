/* Shared by the readers that build a table row by row. */
#pragma once

#include <stdint.h>

#include "engine/table.h"

struct loom_table_builder {
    struct loom_table *t;
    const char *name; /* of the file, borrowed */
    float *value;     /* [room] */
    size_t n, room;
    uint16_t **sorted; /* [n_columns] numbers of the words, by alphabet */
};

/* Names come to t->name from the caller: n of them, which it owns from now on.
 * n may be 0: nothing can be put into such a table. */
void loom_table_begin(struct loom_table_builder *b, struct loom_table *t,
                      const char *file, char **take_name, size_t n);

/* The next value, row by row. LOOM_ERR_NOMEM, LOOM_ERR_FORMAT: too large. */
int loom_table_put(struct loom_table_builder *b, float v,
                   struct loom_errmsg *e);

/* The number of a word of a column, added if it is not there and `add`; -1:
 * not there, or the column has LOOM_TABLE_WORDS already. */
long loom_table_word(struct loom_table_builder *b, size_t column,
                     const char *word, bool add);

/* Make the array of whole rows; `sort`: number the words of all columns anew,
 * in alphabetical order. On err (which is returned), or a failure of its own,
 * nothing is left in the table. */
int loom_table_finish(struct loom_table_builder *b, bool sort, int err,
                      struct loom_errmsg *e);
