/* A data set from arrays: which columns are features, which is the label, and
 * which row belongs to which part. */
#pragma once

#include <stdbool.h>

#include "engine/dataset.h"
#include "engine/table.h"

/* What is to be predicted. */
struct loom_labels {
    const struct loom_table *y; /* [rows][...]; NULL: a column of x: */
    size_t column;
};

/* Rows of one file (or of more: inputs and labels). */
struct loom_block {
    const char *what; /* it is called, for sentences: "x_train and y_train" */
    const struct loom_table *x; /* [rows][columns...] */
    struct loom_labels of[LOOM_MAX_TARGETS];
    const bool *leave;   /* [columns of x], true: no feature; NULL: all are */
    const uint8_t *part; /* [rows], LOOM_NO_PART: left out; NULL: all `only` */
    enum loom_part only;
};

struct loom_build_target {
    const char *output; /* of several: the name */
    size_t classes;     /* 0: as many as the labels have words; without words,
                           targets */
    float scale;        /* targets are divided by this */
};

struct loom_build_conf {
    const char *name;
    int n_targets; /* 1: there is one output */
    struct loom_build_target target[LOOM_MAX_TARGETS];
    bool drop_missing; /* leave rows out in which a value is not finite */
};

/* One set of all blocks, names of features and classes where they are known.
 * Labels that are words are matched by their words, over the order of the first
 * block. Inputs of float32 that are mapped from a file and used as they are
 * stay there: such arrays must outlive the set. The rows of a part keep the
 * order of the blocks. `dropped` (may be NULL): rows left out for what is
 * missing. Values are not checked yet (loom_dataset_check). NULL with a
 * sentence, and its code in *err. */
struct loom_dataset *loom_dataset_build(const struct loom_block *block,
                                        size_t n,
                                        const struct loom_build_conf *conf,
                                        size_t *dropped, int *err,
                                        struct loom_errmsg *e);

/* Columns of an array: the numbers that one row has. */
size_t loom_array_columns(const struct loom_array *a);
