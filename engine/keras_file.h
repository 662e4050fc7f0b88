/* A .keras file: a zip archive of config.json and model.weights.h5, both read
 * into memory. For one thread at a time, as libhdf5 is. */
#pragma once

#include <stddef.h>

#include <jansson.h>

#include "engine/err.h"

struct loom_keras_file;

/* NULL with a sentence. The bare Infinity and NaN of Python's JSON are read as
 * 1e300 and null. */
struct loom_keras_file *loom_keras_open(const char *path,
                                        struct loom_errmsg *e);
void loom_keras_close(struct loom_keras_file *f);

/* config.json, borrowed. */
const json_t *loom_keras_config(const struct loom_keras_file *f);

/* The data set at `path` as n floats into out: LOOM_ERR_MISSING where there is
 * none, LOOM_ERR_SHAPE where it has not n elements, LOOM_ERR_FORMAT where it
 * holds no numbers or is damaged. */
int loom_keras_read(struct loom_keras_file *f, const char *path, size_t n,
                    float *out, struct loom_errmsg *e);
