/* A stream of bytes as text, a character at a time: LF, CR LF and CR all end a
 * line, a UTF-8 mark at the start is skipped, a zero byte is a sign that it is
 * no text. For the readers of csv and ARFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/bytes.h"
#include "engine/err.h"

enum { LOOM_TEXT_END = -1, LOOM_TEXT_FIELD = 1 << 14 };

struct loom_text {
    struct loom_bytes *from; /* borrowed */
    size_t line;             /* of the next character, from 1 */
    int err;                 /* what has failed; the text then ends */
    struct loom_errmsg *e;
    size_t at, n;
    char buffer[1 << 14];
    char field[LOOM_TEXT_FIELD]; /* the last word, zero-ended */
    size_t length;
    bool quoted; /* it stood in quotes */
};

/* At the start of a stream. */
void loom_text_init(struct loom_text *t, struct loom_bytes *from,
                    struct loom_errmsg *e);

/* The next character, '\n' for any end of line, LOOM_TEXT_END at the end or
 * after a failure; the first of the two stays. */
int loom_text_peek(struct loom_text *t);
int loom_text_next(struct loom_text *t);

/* The failure "name: line n: sentence"; remembered in t->err and returned. */
__attribute__((format(printf, 2, 3))) int loom_text_fail(struct loom_text *t,
                                                         const char *fmt, ...);

/* Empty the field; add a character to it (a failure when it is full). */
void loom_text_begin(struct loom_text *t);
void loom_text_add(struct loom_text *t, int c);

/* Take blanks and tabs (but not `stop`) away, here and at the field's end. */
void loom_text_skip_blanks(struct loom_text *t, int stop);
void loom_text_trim(struct loom_text *t);
