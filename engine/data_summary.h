/* What is in a data set, as a person wants to see it before training: ranges,
 * histograms, missing values, balance of classes, rows that are there twice.
 * Measured in one go (about a second for 10^8 numbers) on the rows as they are
 * in the set, that is after standardization. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engine/dataset.h"

enum { LOOM_SUMMARY_BINS = 48 };

/* One column over the rows of all parts. Mean, deviation and histogram are of
 * its finite values; without any, they and the range are 0. */
struct loom_column_summary {
    char name[32]; /* of the feature, or its number from 0 */
    float low, high;
    double mean, deviation;
    size_t missing; /* NaN or infinite */
    size_t zeros;
    bool constant; /* it never changes: it tells a network nothing */
    uint32_t bin[LOOM_SUMMARY_BINS]; /* equal steps from low to high */
};

struct loom_class_summary {
    char name[32]; /* of the class, or its number from 0 */
    size_t rows[LOOM_N_PARTS];
    float weight; /* in the loss */
};

struct loom_data_summary {
    char name[48], source[256], split[96], unit[16];
    uint32_t hash; /* loom_dataset_hash */
    bool standardized;
    size_t n_in, n_out;
    size_t rows[LOOM_N_PARTS];
    struct loom_column_summary *feature; /* [n_in] */
    struct loom_class_summary *class;    /* [n_out]; NULL: no classes */
    struct loom_column_summary *target;  /* [n_out] in `unit`; NULL: classes */
    size_t n_constant, n_missing;        /* features; values in all features */
    size_t bad_labels;                   /* outside 0 .. n_out - 1 */
    /* Of several outputs: which one's labels or targets these are, and those of
     * the next, about which nothing else is in there. Owned. */
    char output[48];
    struct loom_data_summary *next;
    /* Rows whose inputs are those of an earlier row of their part; and rows of
     * part q that are in an earlier part p too: a leak from p into q. By a
     * hash of 64 bits. */
    size_t repeated[LOOM_N_PARTS];
    size_t shared[LOOM_N_PARTS][LOOM_N_PARTS]; /* [p][q], p < q */
};

/* Never fails but for want of memory (NULL with a sentence): a set that
 * loom_dataset_check would refuse is just what one wants to look at. Any
 * thread, as long as nobody changes the set; the summary borrows nothing. */
struct loom_data_summary *loom_data_summary_new(const struct loom_dataset *d,
                                                struct loom_errmsg *e);
void loom_data_summary_destroy(struct loom_data_summary *s);

/* All of it, histograms included; the caller owns the reference. */
json_t *loom_data_summary_to_json(const struct loom_data_summary *s);
