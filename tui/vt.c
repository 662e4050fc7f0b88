#include "tui/vt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "engine/mem.h"
#include "tui/grid.h"

enum { ARGS = 8, PIECE = 64 };

struct vt {
    int w, h, x, y, top, bottom; /* the cursor; rows that scroll */
    bool wraps;                  /* a character stands in the last column */
    uint32_t last;               /* the character written last */
    uint32_t *cell;              /* [h][w]; 0: right half of a wide one */
    int saved_x, saved_y;
    enum { TEXT, ESCAPE, CHARSET, CONTROL, COMMAND, COMMAND_ESCAPE } state;
    bool private;
    int arg[ARGS], n_args;
    char utf8[5];
    int n_utf8, need;
};

struct vt *vt_new(int w, int h)
{
    struct vt *t = loom_calloc(1, sizeof *t);
    t->w = w;
    t->h = h;
    t->bottom = h;
    t->cell = loom_calloc((size_t)w * (size_t)h, sizeof *t->cell);
    for (int i = 0; i < w * h; i++)
        t->cell[i] = ' ';
    return t;
}

void vt_free(struct vt *t)
{
    if (t)
        free(t->cell);
    free(t);
}

static uint32_t *at(struct vt *t, int x, int y)
{
    return &t->cell[y * t->w + x];
}

static void blank(struct vt *t, int from, int to, int y)
{
    for (int x = from < 0 ? 0 : from; x < to && x < t->w; x++)
        *at(t, x, y) = ' ';
}

static int within(int v, int lo, int hi)
{
    return v > hi ? hi : v < lo ? lo : v;
}

static void go(struct vt *t, int x, int y)
{
    t->x = within(x, 0, t->w - 1);
    t->y = within(y, 0, t->h - 1);
    t->wraps = false;
}

/* Rows from `top` to the scroll's bottom move up by n (negative: down). */
static void scroll(struct vt *t, int top, int n)
{
    int rows = t->bottom - top;
    if (rows < 1)
        return;
    n = within(n, -rows, rows);
    size_t bytes = (size_t)t->w * sizeof *t->cell;
    if (n > 0)
        memmove(at(t, 0, top), at(t, 0, top + n), bytes * (size_t)(rows - n));
    else
        memmove(at(t, 0, top - n), at(t, 0, top), bytes * (size_t)(rows + n));
    for (int y = n > 0 ? t->bottom - n : top; y < (n > 0 ? t->bottom : top - n);
         y++)
        blank(t, 0, t->w, y);
}

static void line_feed(struct vt *t)
{
    if (t->y == t->bottom - 1)
        scroll(t, t->top, 1);
    else if (t->y < t->h - 1)
        t->y++;
    t->wraps = false;
}

static void put(struct vt *t, uint32_t ch)
{
    int w = wcwidth((wchar_t)ch);
    if (w == 0)
        return; /* a combining mark */
    w = w == 2 ? 2 : 1;
    if (t->wraps || t->x + w > t->w) {
        t->x = 0;
        line_feed(t);
    }
    *at(t, t->x, t->y) = ch;
    if (w == 2)
        *at(t, t->x + 1, t->y) = 0;
    t->last = ch;
    t->x += w;
    if (t->x >= t->w) {
        t->x = t->w - 1;
        t->wraps = true;
    }
}

/* Cells of the cursor's row from it on move right by n (negative: left). */
static void shift(struct vt *t, int n)
{
    int rest = t->w - t->x, k = n < 0 ? -n : n;
    k = k < rest ? k : rest;
    size_t bytes = (size_t)(rest - k) * sizeof *t->cell;
    if (n > 0) {
        memmove(at(t, t->x + k, t->y), at(t, t->x, t->y), bytes);
        blank(t, t->x, t->x + k, t->y);
    } else {
        memmove(at(t, t->x, t->y), at(t, t->x + k, t->y), bytes);
        blank(t, t->w - k, t->w, t->y);
    }
}

static void erase(struct vt *t, int how, bool screen)
{
    int from = how == 0 ? t->x : 0, to = how == 1 ? t->x + 1 : t->w;
    blank(t, from, to, t->y);
    for (int y = 0; screen && y < t->h; y++)
        if ((how == 0 && y > t->y) || (how == 1 && y < t->y) || how == 2)
            blank(t, 0, t->w, y);
}

/* Commands that count; n is at least 1. */
static void count(struct vt *t, char c, int n)
{
    switch (c) {
    case '@':
        shift(t, n);
        break;
    case 'A':
        go(t, t->x, t->y - n);
        break;
    case 'B':
        go(t, t->x, t->y + n);
        break;
    case 'C':
        go(t, t->x + n, t->y);
        break;
    case 'D':
        go(t, t->x - n, t->y);
        break;
    case 'G':
        go(t, n - 1, t->y);
        break;
    case 'L':
        scroll(t, t->y, -n);
        break;
    case 'M':
        scroll(t, t->y, n);
        break;
    case 'P':
        shift(t, -n);
        break;
    case 'S':
        scroll(t, t->top, n);
        break;
    case 'T':
        scroll(t, t->top, -n);
        break;
    case 'X':
        blank(t, t->x, t->x + n, t->y);
        break;
    case 'Z':
        go(t, (t->x - 1) / 8 * 8, t->y);
        break;
    case 'b':
        for (n = n < t->w ? n : t->w; n > 0; n--)
            put(t, t->last);
        break;
    case 'd':
        go(t, t->x, n - 1);
        break;
    }
}

static void command(struct vt *t, char c)
{
    int a = t->arg[0], b = t->n_args > 1 ? t->arg[1] : 0;
    if (t->private)
        return;
    if (c == 'H' || c == 'f') {
        go(t, b - 1, a - 1);
    } else if (c == 'J' || c == 'K') {
        erase(t, a, c == 'J');
    } else if (c == 'r') {
        t->top = within(a - 1, 0, t->h - 1);
        t->bottom = b > t->top && b <= t->h ? b : t->h;
        go(t, 0, 0);
    } else {
        count(t, c, a > 0 ? a : 1);
    }
}

static void escape(struct vt *t, char c)
{
    t->state = TEXT;
    if (c == '[') {
        t->state = CONTROL;
        t->private = false;
        t->n_args = 1;
        memset(t->arg, 0, sizeof t->arg);
    } else if (c == ']') {
        t->state = COMMAND;
    } else if (c == '(' || c == ')') {
        t->state = CHARSET;
    } else if (c == 'M') {
        if (t->y == t->top)
            scroll(t, t->top, -1);
        else
            go(t, t->x, t->y - 1);
    } else if (c == '7') {
        t->saved_x = t->x;
        t->saved_y = t->y;
    } else if (c == '8') {
        go(t, t->saved_x, t->saved_y);
    }
}

static void control(struct vt *t, char c)
{
    int *last = &t->arg[t->n_args - 1];
    if (c >= '0' && c <= '9')
        *last = *last < 10000 ? *last * 10 + (c - '0') : *last;
    else if (c == ';' && t->n_args < ARGS)
        t->n_args++;
    else if (c >= '@') {
        t->state = TEXT;
        command(t, c);
    } else if (c == '?' || c == '>' || c == '!' || c == '<')
        t->private = true;
}

static void text(struct vt *t, char c)
{
    unsigned char u = (unsigned char)c;
    if (u == '\r')
        go(t, 0, t->y);
    else if (u == '\n')
        line_feed(t);
    else if (u == '\b')
        go(t, t->x - 1, t->y);
    else if (u == '\t')
        go(t, (t->x / 8 + 1) * 8, t->y);
    else if (u == 27)
        t->state = ESCAPE;
    else if (u >= 0xc2) {
        t->utf8[0] = c;
        t->n_utf8 = 1;
        t->need = u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
    } else if (u >= 0x80 && t->n_utf8) {
        t->utf8[t->n_utf8++] = c;
        t->utf8[t->n_utf8] = 0;
        const char *p = t->utf8;
        if (t->n_utf8 == t->need) {
            put(t, text_next(&p));
            t->n_utf8 = 0;
        }
    } else if (u >= ' ' && u < 0x7f) {
        put(t, u);
    }
}

void vt_feed(struct vt *t, const char *bytes, size_t n)
{
    for (; n; n--, bytes++)
        switch (t->state) {
        case TEXT:
            text(t, *bytes);
            break;
        case ESCAPE:
            escape(t, *bytes);
            break;
        case CHARSET:
            t->state = TEXT;
            break;
        case CONTROL:
            control(t, *bytes);
            break;
        case COMMAND: /* to a bell, or ESC \ */
            t->state = *bytes == 7    ? TEXT
                       : *bytes == 27 ? COMMAND_ESCAPE
                                      : COMMAND;
            break;
        case COMMAND_ESCAPE:
            t->state = TEXT;
            break;
        }
}

void vt_row(const struct vt *t, int y, char *buf, size_t size)
{
    size_t n = 0, end = 0;
    for (int x = 0; x < t->w && n + 5 < size; x++) {
        uint32_t ch = t->cell[y * t->w + x];
        if (!ch)
            continue;
        n += text_encode(ch, buf + n);
        if (ch != ' ')
            end = n;
    }
    buf[end] = 0;
}

bool vt_shows(const struct vt *t, int row, const char *what)
{
    char line[2048];
    for (int y = row < 0 ? 0 : row; y < (row < 0 ? t->h : row + 1); y++) {
        vt_row(t, y, line, sizeof line);
        if (strstr(line, what))
            return true;
    }
    return false;
}
