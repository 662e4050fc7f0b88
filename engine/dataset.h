/* A data set in memory: float32 rows, labels or targets, three parts.
 * Rows are sample-major. The trainer reads it from several threads; it never
 * changes after it was made. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "engine/map.h"

enum loom_part { LOOM_TRAIN, LOOM_VAL, LOOM_TEST, LOOM_N_PARTS };

enum { LOOM_MAX_TARGETS = 8 };

struct loom_rows {
    size_t rows;
    float *x; /* [rows][n_in] */
    /* NULL, or the file that x is mapped from: then x is not the set's, and not
     * to be written. Lent by whoever made the set, for as long as it lives. */
    const struct loom_map *map;
    int *y;   /* [rows] class labels, or NULL for regression */
    float *t; /* [rows][n_out] targets, or NULL for classification */
};

struct loom_dataset {
    char name[48];
    size_t n_in, n_out; /* n_out: classes, or numbers a target has */
    struct loom_rows part[LOOM_N_PARTS]; /* val may be empty until split */
    char **feature;                      /* [n_in] names, or NULL */
    char **class_name;                   /* [n_out] names, or NULL */
    float *mean, *scale; /* [n_in] applied as (x - mean) / scale, or NULL */
    char unit[16];       /* of the target, e.g. "mrad"; "" for classes */
    float target_scale;  /* targets are stored divided by this; 0 means 1 */
    float *class_weight; /* [n_out] of a row's loss, by label; NULL: all 1 */
    /* Where a network has several outputs: the one that these labels or targets
     * are for, and the next one's: a set of the same rows without inputs, owned
     * by this one. */
    char output[48];
    struct loom_dataset *next;
    char source[256];    /* where the rows come from, for people; "" unknown */
    char split[96];      /* how the parts were made, likewise */
};

/* An empty set of the given sizes; rows come from loom_dataset_alloc. */
struct loom_dataset *loom_dataset_new(const char *name, size_t n_in,
                                      size_t n_out);
void loom_dataset_destroy(struct loom_dataset *d);

/* Room for `rows` of a part: zeroed x, and y (classes true) or t. LOOM_ERR_ARG
 * if the part has rows already. */
int loom_dataset_alloc(struct loom_dataset *d, enum loom_part part, size_t rows,
                       int classes, struct loom_errmsg *e);

/* The same, with inputs x [rows][n_in] that lie in a mapped file. */
int loom_dataset_lend(struct loom_dataset *d, enum loom_part part, size_t rows,
                      int classes, const float *x, const struct loom_map *map,
                      struct loom_errmsg *e);

/* Those of the output of that name; NULL: none. */
const struct loom_dataset *loom_dataset_of(const struct loom_dataset *d,
                                           const char *output);

/* Move a seeded random `fraction` of the training rows into the empty
 * validation part (at least one row on either side). The order of the rows
 * is kept on both sides. */
int loom_dataset_split_val(struct loom_dataset *d, double fraction,
                           uint64_t seed, struct loom_errmsg *e);

/* Fit mean and standard deviation on the training part and apply them to all
 * parts; a constant feature gets scale 1. Remembers both in mean, scale.
 * Checks the set before; LOOM_ERR_ARG if it was standardized before. */
int loom_dataset_standardize(struct loom_dataset *d, struct loom_errmsg *e);

/* Weigh the classes in the loss of training (not in that of other parts, nor in
 * a metric). w [n_out], each finite and at least 0, not all
 * 0; NULL: balanced, rows / (classes * rows of the class) in the training part,
 * so that every class counts as much and the mean over the rows is 1 (a class
 * that has no row there gets 1). LOOM_ERR_ARG for targets that are no classes,
 * or without training rows. */
int loom_dataset_weigh(struct loom_dataset *d, const float *w,
                       struct loom_errmsg *e);

/* Check: shapes agree, values finite, labels in range; names the first bad
 * row and column, counted from 0. */
int loom_dataset_check(const struct loom_dataset *d, struct loom_errmsg *e);

/* LOOM_ERR_IO if a file that rows are mapped from is not what it was. */
int loom_dataset_intact(const struct loom_dataset *d, struct loom_errmsg *e);

/* Make the rows of a part the set's own, to be written to. */
int loom_dataset_own(struct loom_dataset *d, enum loom_part part,
                     struct loom_errmsg *e);

/* CRC-32 over all rows of all parts, their shapes, the outputs and the weights
 * of classes: tells two data sets apart. */
uint32_t loom_dataset_hash(const struct loom_dataset *d);
