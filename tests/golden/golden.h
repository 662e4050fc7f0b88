/* Numbers computed with HGQ2, read from the folder LOOM_GOLDEN (default:
 * ../shared/golden beside the source tree). Shapes and names are taken from
 * the files, so another set of the same form can be checked. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/npy.h"

struct golden;

/* The folder; the caller frees. */
char *golden_folder(void);

/* NULL where the file is absent: then skip(). */
struct golden *golden_open(const char *file);
void golden_close(struct golden *g);

/* Array by printf-name as float32, kept until close; fails the test if it is
 * not there. *n (may be NULL) gets the number of elements. */
__attribute__((format(printf, 3, 4))) const float *
golden_get(struct golden *g, size_t *n, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) bool golden_has(struct golden *g,
                                                      const char *fmt, ...);
/* Dimension d of an array. */
size_t golden_dim(struct golden *g, const char *name, int d);

/* Equal, every element. */
void golden_exact(const char *what, const float *got, const float *want,
                  size_t n);
/* |got - want| <= tolerance * max |want|; prints the largest difference. */
void golden_close_to(const char *what, const float *got, const float *want,
                     size_t n, double tolerance);
