/* A screen as plain data: a grid of cells that everything draws into and
 * that a terminal only copies. Nothing here knows curses, so every picture can
 * be tested as text.
 *
 * All drawing goes through an area: a rectangle of the grid with coordinates
 * of its own, outside of which nothing is written. Text is UTF-8; rubbish in
 * it (control characters, broken sequences) is drawn as '?'. A grid that is
 * `ascii` shows every character it knows by its ASCII twin. Character widths
 * come from wcwidth, so the locale must be a UTF-8 one unless ascii is set. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/style.h"

/* Invariant: a cell of width 2 is followed by one of width 0. */
struct cell {
    uint32_t ch, mark; /* code point; one combining mark, or 0 */
    uint8_t style;     /* enum style */
    uint8_t width;     /* 1, 2, or 0: the right half of the cell before */
};

enum grid_glyphs { GRID_BRAILLE, GRID_BLOCKS, GRID_ASCII };

/* What a place is good for when it is clicked; later ones lie above. */
enum spot_kind {
    SPOT_NONE,
    SPOT_KEY,    /* value: the key that it stands for */
    SPOT_SCREEN, /* enum screen */
    SPOT_ACTION, /* number in the table of actions */
    SPOT_BOX,    /* of Dash */
    SPOT_ROWS,   /* a list: number of its first row here */
    SPOT_CELLS,  /* the map of Layers */
    SPOT_PALETTE /* its list: number of the first row */
};

struct spot {
    int x, y, w, h;
    enum spot_kind kind;
    int value;
};

enum { GRID_SPOTS = 64 };

struct grid {
    int w, h;
    enum grid_glyphs glyphs; /* curves; GRID_ASCII: all text as well */
    struct cell *cell;       /* h rows of w */
    int n_spots;
    struct spot spot[GRID_SPOTS];
};

struct area {
    struct grid *grid;
    int x, y, w, h; /* w and h are never negative */
};

/* An empty grid of no size. Nothing to free until grid_resize. */
void grid_init(struct grid *g, enum grid_glyphs glyphs);
void grid_deinit(struct grid *g);
/* Blank, of w x h (each at least 0). */
void grid_resize(struct grid *g, int w, int h);
void grid_clear(struct grid *g);
struct area grid_all(struct grid *g);

/* The grid as UTF-8 lines without blanks at their ends; caller frees. */
char *grid_text(const struct grid *g);

/* The part of a that is inside w x h at (x, y) of it. */
struct area area_sub(struct area a, int x, int y, int w, int h);

/* One code point at (x, y). */
void area_put(struct area a, int x, int y, enum style s, uint32_t ch);

/* The area can be clicked; more than fit in a grid are left out. */
void area_spot(struct area a, enum spot_kind kind, int value);

/* What is at a cell, or NULL. */
const struct spot *grid_spot(const struct grid *g, int x, int y);

/* Text from (x, y) to the right; returns the columns it takes, drawn or cut
 * off. */
int area_text(struct area a, int x, int y, enum style s, const char *text);
__attribute__((format(printf, 5, 6))) int
area_printf(struct area a, int x, int y, enum style s, const char *fmt, ...);

/* Text in exactly w columns, padded with blanks; what is too long ends with an
 * ellipsis, between two words where that does not cost much. */
void area_fit(struct area a, int x, int y, int w, enum style s,
              const char *text);

/* Text that ends before column `end`. */
__attribute__((format(printf, 5, 6))) void
area_right(struct area a, int end, int y, enum style s, const char *fmt, ...);

/* Words wrapped to the area's width from row y on; newlines are kept. Returns
 * the row after the last; draws nothing below the area. */
int area_wrap(struct area a, int y, enum style s, const char *text);

void area_fill(struct area a, enum style s, uint32_t ch);

/* A frame with a title on its upper left and a note on its upper right, which
 * is left out where it has no room. Returns the inside. */
struct area area_box(struct area a, bool focus, const char *title,
                     const char *note);

/* A bar of w columns, in eighths of a column. An estimate is drawn in shades,
 * so that it never looks like a measurement. Not finite: an empty bar. */
void area_bar(struct area a, int x, int y, int w, double fraction,
              bool estimate);

/* Columns of UTF-8 text. */
int text_width(const char *text);

/* The next code point of *text, which moves on; 0 at the end, U+FFFD for
 * rubbish. */
uint32_t text_next(const char **text);

/* A code point as UTF-8 into out, without a 0; its bytes, at most 4. */
size_t text_encode(uint32_t ch, char *out);
