/* What a cell looks like: style ids, and what each means on a terminal of some
 * number of colours. The frame and the words use the terminal's own first
 * eight colours, so that they follow its theme; only the bit map has fixed
 * colours. No meaning hangs on colour alone: bits are digits, states have
 * marks, estimates have a '~'. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum style {
    STYLE_PLAIN,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_BORDER,
    STYLE_FOCUS, /* border of the box that has the keys */
    STYLE_TITLE,
    STYLE_KEY,
    STYLE_TAB, /* the tab shown */
    STYLE_SELECTED,
    STYLE_TRAIN, /* curves */
    STYLE_VAL,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_ERROR,
    STYLE_MEASURED,
    STYLE_ESTIMATE,
    STYLE_BITS,                   /* + 0..9: that many bits, 9 and more */
    STYLE_PAIR = STYLE_BITS + 10, /* + 10 a + b: a half-block of a over b */
    STYLE_COUNT = STYLE_PAIR + 100
};

enum style_depth { STYLE_MONO, STYLE_16, STYLE_256, STYLE_TRUE };

/* The light ones are for a bright background: no yellow on white. */
enum style_theme {
    STYLE_VIRIDIS,
    STYLE_CIVIDIS,
    STYLE_VIRIDIS_LIGHT,
    STYLE_CIVIDIS_LIGHT,
    STYLE_PLAINEST,
    STYLE_THEMES
};

/* Colours are palette indices, -1 the terminal's own. */
struct style_look {
    int fg, bg;
    bool bold, dim, reverse;
};

const char *style_theme_name(enum style_theme t);

/* How much colour: from the terminal's count, COLORTERM and NO_COLOR (each
 * may be NULL). */
enum style_depth style_depth(int colors, const char *colorterm,
                             const char *no_color);

struct style_look style_look(enum style s, enum style_theme t,
                             enum style_depth d);

/* The exact colour 0xRRGGBB behind the background of STYLE_BITS + bits. */
uint32_t style_rgb(enum style_theme t, int bits);
