/* Keys as the program knows them: a code point, or one of these. */
#pragma once

enum key {
    KEY_NONE = 0,
    KEY_TAB = '\t',
    KEY_RETURN = '\r',
    KEY_ESCAPE = 27,
    KEY_RUBOUT = 127,
    KEY_SPECIAL = 0x110000, /* beyond Unicode */
    KEY_BACKTAB,
    KEY_ARROW_UP,
    KEY_ARROW_DOWN,
    KEY_ARROW_LEFT,
    KEY_ARROW_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_FIRST,
    KEY_LAST,
    KEY_ERASE,
    KEY_MOUSE_EVENT /* the terminal has the rest */
};

#define KEY_CTRL(letter) ((letter) - '@')

/* What the mouse did, and at which cell. */
struct mouse {
    enum { MOUSE_CLICK, MOUSE_DOUBLE, MOUSE_UP, MOUSE_DOWN } what;
    int x, y;
};
