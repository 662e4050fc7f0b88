#include "tui/term.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NCURSES_NOMACROS 1
#include <curses.h>
#include <term.h>

#include "tui/key.h"

/* Curses itself is one per process, and so is this. */
static struct {
    SCREEN *screen;
    bool open;
    enum grid_glyphs glyphs;
    enum style_depth depth;
    int theme; /* of the pairs set, -1 none */
    struct grid shown;
    int x, y; /* of the last press of the mouse */
    int64_t pressed;
} term;

static bool is_set(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

/* A UTF-8 locale, or ASCII. With no locale named at all, the terminal is
 * taken for a modern one. */
static bool choose_locale(void)
{
    bool named = is_set("LC_ALL") || is_set("LC_CTYPE") || is_set("LANG");
    setlocale(LC_CTYPE, named ? "" : "C.UTF-8");
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Terminals whose fonts hold little beyond ASCII. */
static bool is_plain_terminal(const char *name)
{
    static const char *const plain[] = {"linux", "vt1", "vt2", "ansi", "cons"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strncmp(name, plain[i], strlen(plain[i])))
            return true;
    return false;
}

static void set_pairs(enum style_theme theme)
{
    bool direct = COLORS > 256;
    for (int s = 0; s < STYLE_COUNT; s++) {
        struct style_look k = style_look((enum style)s, theme, term.depth);
        int bits = s - STYLE_BITS;
        if (bits >= 10 && k.bg >= 0 && direct) {
            k.fg = (int)style_rgb(theme, (bits - 10) / 10);
            k.bg = (int)style_rgb(theme, (bits - 10) % 10);
        } else if (bits >= 0 && k.bg >= 0 && direct) {
            k.bg = (int)style_rgb(theme, bits);
            k.fg = k.fg == 16 ? 0 : 0xffffff;
        } else if (bits >= 0 && bits < 10 && k.bg >= 0 && term.depth == STYLE_TRUE &&
                   can_change_color()) {
            uint32_t rgb = style_rgb(theme, bits);
            init_extended_color(k.bg, (int)(rgb >> 16) * 1000 / 255,
                                (int)(rgb >> 8 & 255) * 1000 / 255,
                                (int)(rgb & 255) * 1000 / 255);
        }
        init_extended_pair(s + 1, k.fg, k.bg);
    }
    term.theme = (int)theme;
}

static void set_modes(void)
{
    raw();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    /* Both forms of the cursor keys, whatever mode the terminal is in. */
    static const int cursor[] = {KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT};
    for (int i = 0; i < 4; i++)
        define_key((char[]){'\033', '[', (char)('A' + i), 0}, cursor[i]);
}

int term_open(const struct term_conf *conf, struct loom_errmsg *e)
{
    const char *name = getenv("TERM");
    bool utf8 = choose_locale();
    if (!name || !*name)
        name = "";
    use_tioctl(TRUE);
    term.screen = newterm(NULL, stdout, stdin);
    if (!term.screen || !tigetstr("cup") || tigetstr("cup") == (char *)-1) {
        if (term.screen)
            endwin();
        return loom_fail(e, LOOM_ERR_MISSING,
                         "terminal type \"%s\" cannot show a screen: set TERM "
                         "to what your terminal is, or use bitloom run",
                         name);
    }
    set_escdelay(25);
    set_modes();
    bool ascii = conf->ascii || !utf8 || is_plain_terminal(name);
    term.glyphs = ascii          ? GRID_ASCII
                  : conf->blocks ? GRID_BLOCKS
                                 : GRID_BRAILLE;
    term.depth = STYLE_MONO;
    term.theme = -1;
    if (!conf->mono && has_colors() && start_color() == OK &&
        use_default_colors() == OK)
        term.depth =
            style_depth(COLORS, getenv("COLORTERM"), getenv("NO_COLOR"));
    grid_init(&term.shown, term.glyphs);
    term.open = true;
    return LOOM_OK;
}

void term_close(void)
{
    if (!term.open)
        return;
    endwin();
    /* Terminals after libvterm keep the cursor's visibility with its saved
     * place, which leaving the alternate screen brings back. */
    if (cursor_normal)
        putp(cursor_normal);
    fflush(stdout);
    term.open = false;
}

void term_reopen(void)
{
    struct winsize ws;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col)
        resizeterm(ws.ws_row, ws.ws_col);
    term.open = true;
    clearok(curscr, TRUE);
    refresh();
    curs_set(0);
}

enum grid_glyphs term_glyphs(void)
{
    return term.glyphs;
}

void term_size(int *w, int *h)
{
    getmaxyx(stdscr, *h, *w);
}

static attr_t attributes(struct style_look k)
{
    return (k.bold ? A_BOLD : 0) | (k.dim ? A_DIM : 0) |
           (k.reverse ? A_REVERSE : 0);
}

static void paint_cell(int x, int y, const struct cell *c,
                       enum style_theme theme)
{
    struct style_look k = style_look((enum style)c->style, theme, term.depth);
    wchar_t text[3] = {(wchar_t)c->ch, (wchar_t)c->mark, 0};
    short pair = k.fg < 0 && k.bg < 0 ? 0 : (short)(c->style + 1);
    cchar_t cc;
    setcchar(&cc, text, attributes(k), pair, NULL);
    mvadd_wch(y, x, &cc);
}

static bool same(const struct cell *a, const struct cell *b)
{
    return a->ch == b->ch && a->mark == b->mark && a->style == b->style &&
           a->width == b->width;
}

void term_paint(const struct grid *g, enum style_theme theme, bool all)
{
    struct grid *old = &term.shown;
    if (term.depth != STYLE_MONO && term.theme != (int)theme) {
        set_pairs(theme);
        all = true;
    }
    if (all || old->w != g->w || old->h != g->h) {
        grid_resize(old, g->w, g->h);
        clear();
    }
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            struct cell *was = &old->cell[y * g->w + x];
            const struct cell *c = &g->cell[y * g->w + x];
            if (c->width && !same(was, c))
                paint_cell(x, y, c, theme);
            *was = *c;
        }
    refresh();
}

enum { MOST_COPIED = 56000 }; /* xterm takes 75 kB of base64, tmux more */

static void put_base64(FILE *f, const char *text, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                "qrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)text[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            fputc(i + k <= n ? digit[v >> (18 - 6 * k) & 63] : '=', f);
    }
}

bool term_copy(const char *text)
{
    const char *name = getenv("TERM");
    size_t n = strlen(text);
    /* These would print it. */
    if (!name || !strncmp(name, "linux", 5) || !strncmp(name, "vt", 2) ||
        n > MOST_COPIED)
        return false;
    fputs("\033]52;c;", stdout);
    put_base64(stdout, text, n);
    fputs("\a", stdout);
    return fflush(stdout) == 0;
}

int term_key(void)
{
    static const int special[][2] = {
        {KEY_UP, KEY_ARROW_UP},      {KEY_DOWN, KEY_ARROW_DOWN},
        {KEY_LEFT, KEY_ARROW_LEFT},  {KEY_RIGHT, KEY_ARROW_RIGHT},
        {KEY_PPAGE, KEY_PAGE_UP},    {KEY_NPAGE, KEY_PAGE_DOWN},
        {KEY_HOME, KEY_FIRST},       {KEY_END, KEY_LAST},
        {KEY_BTAB, KEY_BACKTAB},     {KEY_ENTER, KEY_RETURN},
        {KEY_BACKSPACE, KEY_RUBOUT}, {KEY_DC, KEY_ERASE},
        {KEY_MOUSE, KEY_MOUSE_EVENT}};
    wint_t c;
    int kind;
    while ((kind = get_wch(&c)) == KEY_CODE_YES)
        for (size_t i = 0; i < sizeof special / sizeof *special; i++)
            if ((int)c == special[i][0])
                return special[i][1];
    if (kind == ERR)
        return KEY_NONE;
    return c == '\n' ? KEY_RETURN : (int)c;
}

void term_mouse(bool on)
{
    mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0,
              NULL);
    mouseinterval(0); /* a press counts at once; twice is told below */
}

/* Two presses on a place within this time are a double click. */
enum { TWICE_MS = 400 };

bool term_mouse_event(struct mouse *m)
{
    MEVENT e;
    struct timespec t;
    if (getmouse(&e) != OK)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    m->x = e.x;
    m->y = e.y;
    if (e.bstate & BUTTON4_PRESSED) {
        m->what = MOUSE_UP;
    } else if (e.bstate & BUTTON5_PRESSED) {
        m->what = MOUSE_DOWN;
    } else if (e.bstate & BUTTON1_PRESSED) {
        bool twice = e.x == term.x && e.y == term.y &&
                     ms - term.pressed < TWICE_MS;
        m->what = twice ? MOUSE_DOUBLE : MOUSE_CLICK;
        term.x = e.x;
        term.y = e.y;
        term.pressed = twice ? 0 : ms;
    } else {
        return false;
    }
    return true;
}

void term_rescue(void)
{
    static const char *const names[] = {"sgr0", "oc", "rmkx", "rmcup", "cnorm"};
    if (setupterm(NULL, STDOUT_FILENO, &(int){0}) != OK)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *s = tigetstr(names[i]);
        if (s && s != (char *)-1)
            putp(s);
    }
    fflush(stdout);
}
