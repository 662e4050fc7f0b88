/* What the engine's tests share, beside cmocka and tests/data/support.h. */
#pragma once

#include "tests/data/support.h"

#include "engine/dataset.h"
#include "engine/model.h"
#include "engine/rng.h"

/* lo .. hi, both included. */
int unit_between(struct loom_rng *r, int lo, int hi);

/* Number of rounds: `standard`, or what the variable says. */
long unit_count(const char *variable, long standard);

/* A finished chain of layers from text with single quotes:
 *   "[['input', 'x', {'n': 4}], ['quantize', 'q', {}], ...]"
 * Each layer reads the one before it, or those named behind its conf. NULL
 * with a sentence on failure. */
struct loom_model *unit_try_chain(const char *text, struct loom_errmsg *e);
/* The same; fails the test where it cannot be made. */
struct loom_model *unit_chain(const char *text);

/* JSON from text with single quotes; fails the test if it is none. */
json_t *unit_json(const char *text);

/* A classification (classes > 0) or regression set with learnable random
 * rows in all three parts: rows, rows / 4 and rows / 4. */
struct loom_dataset *unit_data(size_t n_in, size_t n_out, int classes,
                               size_t rows, uint64_t seed);
