/* The terminal: the only file that knows curses. It starts and ends the
 * screen, copies a grid to it and turns its bytes into keys. One at a time, one
 * thread. */
#pragma once

#include <stdbool.h>

#include "engine/err.h"
#include "tui/grid.h"
#include "tui/key.h"

struct term_conf {
    bool ascii, mono;
    bool blocks; /* curves from quadrant blocks: fonts without braille */
};

/* Take standard input and output over. LOOM_ERR_MISSING when TERM names no
 * terminal that can do it. */
int term_open(const struct term_conf *conf, struct loom_errmsg *e);

/* Give the terminal back as it was; nothing when it is not open. */
void term_close(void);

/* After a close, or when the window has changed: take it (again). */
void term_reopen(void);

/* What curves and text may be made of here. */
enum grid_glyphs term_glyphs(void);

void term_size(int *w, int *h);

/* Copy what has changed since the last time. `all`: everything. */
void term_paint(const struct grid *g, enum style_theme theme, bool all);

/* Text to the clipboard of whoever looks at the terminal (OSC 52). False: this
 * kind of terminal has none, or it takes no text so long. */
bool term_copy(const char *text);

/* The next key typed, KEY_NONE when there is none. */
int term_key(void);

/* The mouse speaks as keys (KEY_MOUSE_EVENT), or to the terminal. */
void term_mouse(bool on);
/* After KEY_MOUSE_EVENT; false: nothing that means something. */
bool term_mouse_event(struct mouse *m);

/* Put right a terminal that a dead process left in the middle. */
void term_rescue(void);
