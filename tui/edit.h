/* A line that is being typed: UTF-8 with a cursor. For the command line, the
 * palette and the console alike. */
#pragma once

#include <stdbool.h>

#include "tui/grid.h"

enum { EDIT_SIZE = 512 };

struct edit {
    char text[EDIT_SIZE];
    int at; /* of the cursor, in bytes; the start of a character */
};

/* The cursor goes to the end; what is too long is cut between characters. */
void edit_set(struct edit *e, const char *text);

/* A key typed: characters, the keys that move and rub out, and Ctrl-A -E -U
 * -K -W. False: the key means nothing here. */
bool edit_key(struct edit *e, int key);

/* In one row of a, the cursor always in sight. */
void edit_draw(struct area a, const char *prompt, const struct edit *e);
