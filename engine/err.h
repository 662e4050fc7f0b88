/* Errors: a negative code for the program, a sentence for the user.
 * A function that the world can make fail returns 0 (or a positive value with
 * a meaning of its own) on success and a negative enum loom_err otherwise, and
 * fills the caller's struct loom_errmsg with what, where and what to do. */
#pragma once

/* code, words */
#define LOOM_ERRORS(X)                                                         \
    X(LOOM_OK, 0, "ok")                                                        \
    X(LOOM_ERR_ARG, -1, "wrong use")                                           \
    X(LOOM_ERR_IO, -2, "input or output failed")                               \
    X(LOOM_ERR_FORMAT, -3, "malformed file")                                   \
    X(LOOM_ERR_SHAPE, -4, "shapes do not match")                               \
    X(LOOM_ERR_RANGE, -5, "a value or width is out of range")                  \
    X(LOOM_ERR_NAN, -6, "not a number")                                        \
    X(LOOM_ERR_MISSING, -7, "not found")                                       \
    X(LOOM_ERR_SCRIPT, -8, "the script failed")                                \
    X(LOOM_ERR_TOOL, -9, "a tool failed")                                      \
    X(LOOM_ERR_FIT, -10, "does not fit the device")                            \
    X(LOOM_ERR_MISMATCH, -11, "results differ")                                \
    X(LOOM_ERR_CANCELLED, -12, "cancelled")                                    \
    X(LOOM_ERR_NOMEM, -13, "out of memory")                                    \
    X(LOOM_ERR_BUSY, -14, "in use by another process")

enum loom_err {
#define X(name, code, words) name = code,
    LOOM_ERRORS(X)
#undef X
};

struct loom_errmsg {
    char text[768];
};

/* The words of a code; static storage. */
const char *loom_strerror(int err);

/* Format the sentence into e (may be NULL) and return err, for
 * `return loom_fail(e, LOOM_ERR_IO, "%s: ...", path)`. */
__attribute__((format(printf, 3, 4))) int
loom_fail(struct loom_errmsg *e, int err, const char *fmt, ...);

/* Put "prefix: " before the sentence already in e; returns err. */
__attribute__((format(printf, 3, 4))) int
loom_fail_prefix(struct loom_errmsg *e, int err, const char *fmt, ...);
