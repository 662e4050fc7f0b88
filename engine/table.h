/* An array whose columns may have names and words: what the readers of data
 * files give. From csv and ARFF it is float32 [rows][columns]; a missing value
 * is NaN, a word is its number in the column's list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/bytes.h"
#include "engine/err.h"
#include "engine/npy.h"

enum { LOOM_TABLE_COLUMNS = 1 << 16, LOOM_TABLE_WORDS = 1 << 14 };

struct loom_words {
    size_t n; /* 0: the column holds numbers */
    char **word;
};

struct loom_table {
    struct loom_array a;
    size_t n_columns;         /* of name and words; 0: there are none */
    char **name;              /* [n_columns], UTF-8 */
    struct loom_words *words; /* [n_columns] */
};

struct loom_csv_conf {
    int header;     /* the first line is names: 1, or not: 0; -1: look */
    char delimiter; /* 0: the one of , ; tab that the first line has most of */
};

/* Safe on a table that is all zero. */
void loom_table_deinit(struct loom_table *t);

/* Column by its name or its number from 1 ("3"; names come first), -1: none. */
long loom_table_column(const struct loom_table *t, const char *name);

/* One column as a table of its own, float32 [rows][1], with its name and words
 * where there are some. LOOM_ERR_NOMEM. */
int loom_table_pick(const struct loom_table *t, size_t column,
                    struct loom_table *out, struct loom_errmsg *e);

/* A copy of a name; bytes that are no UTF-8 become question marks. */
char *loom_table_name(const char *name);

/* From a csv file, plain or gzip: quotes, any end of line, missing values
 * (nothing, NA, N/A, NaN, null, None, ?; without quotes). The first value of a
 * column says whether it holds numbers or words (a number in quotes may be
 * one); words are numbered in alphabetical order. Without a header the names
 * are "1", "2", ... With header -1 the first line is names if none of its
 * fields is a number and one of the second line is. All readers leave *out all
 * zero when they fail. */
int loom_csv_read(const char *path, const struct loom_csv_conf *conf,
                  struct loom_table *out, struct loom_errmsg *e);
int loom_csv_decode(struct loom_bytes *b, const struct loom_csv_conf *conf,
                    struct loom_table *out, struct loom_errmsg *e);

/* From an ARFF file, plain or gzip, as OpenML and Weka write it: attributes
 * numeric (real, integer) or nominal, whose words keep the order declared.
 * Strings, dates and sparse rows are refused with a sentence. */
int loom_arff_read(const char *path, struct loom_table *out,
                   struct loom_errmsg *e);
int loom_arff_decode(struct loom_bytes *b, struct loom_table *out,
                     struct loom_errmsg *e);
