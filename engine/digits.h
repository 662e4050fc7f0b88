/* Simulated house numbers: colour pictures of 32 x 32, a digit in the middle of
 * each, parts of its neighbours beside it. They stand in for photographs where
 * there are none, and are a little easier.
 *
 * A digit is a few straight strokes on a grid of 5 x 7 points. It is stretched,
 * slanted, turned and shifted at random; its strokes have a random width and a
 * soft edge. Strokes and ground have random colours of enough contrast, under
 * light that changes over the picture; then every pixel gets noise, and is
 * rounded to 8 bits. */
#pragma once

#include <stdint.h>

#include "engine/dataset.h"

enum { LOOM_DIGITS_SIZE = 32, LOOM_DIGITS_PIXELS = 32 * 32 * 3 };

struct loom_digits_conf {
    size_t train, val, test; /* pictures of each part */
    uint64_t seed;
};

/* 3072 inputs ([row][column][red, green, blue], multiples of 1/256 in 0 .. 1),
 * 10 classes. Picture i of a part depends on (seed, part, i) alone, so a larger
 * set begins with the smaller one. NULL with a sentence: no memory. */
struct loom_dataset *loom_digits_generate(const struct loom_digits_conf *conf,
                                          struct loom_errmsg *e);
