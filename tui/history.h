/* Lines that were typed, oldest first, kept in a file: one line each. */
#pragma once

#include "tui/edit.h"

struct history;

/* What the file has; NULL: none is kept. A file that cannot be read or
 * written is no reason to complain. */
struct history *history_new(const char *path);
void history_free(struct history *h); /* NULL is fine, as for all of these */

/* A new line, unless it is the last one again; to the file at once. */
void history_add(struct history *h, const char *line);

/* The line before (-1) or after (1) the one that e shows, among those that
 * begin with what was typed by hand. */
void history_turn(struct history *h, int by, struct edit *e);
