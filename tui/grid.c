#include "tui/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "engine/mem.h"

/* Every character that the screens use beyond ASCII, and its ASCII twin. */
static const struct {
    uint32_t ch;
    char ascii;
} twin[] = {
    {0x2500, '-'},  /* ─ */ {0x2502, '|'}, /* │ */ {0x256d, '+'}, /* ╭ */
    {0x256e, '+'},  /* ╮ */ {0x2570, '+'}, /* ╰ */ {0x256f, '+'}, /* ╯ */
    {0x2504, '.'},  /* ┄ */ {0x25b6, '>'}, /* ▶ */ {0x25b7, '>'}, /* ▷ */
    {0x25b8, '>'},  /* ▸ */ {0x2016, '='}, /* ‖ */ {0x2714, '+'}, /* ✔ */
    {0x2718, '!'},  /* ✘ */ {0x00b7, '.'}, /* · */ {0x2026, '>'}, /* … */
    {0x25c6, '#'},  /* ◆ */ {0x2022, '*'}, /* • */ {0x25cb, 'o'}, /* ○ */
    {0x2191, '^'},  /* ↑ */ {0x2193, 'v'}, /* ↓ */ {0x2190, '<'}, /* ← */
    {0x2192, '>'},  /* → */ {0x03b2, 'b'}, /* β */ {0x00d7, 'x'}, /* × */
    {0x2014, '-'},  /* — */ {0x2212, '-'}, /* − */ {0x2588, '#'}, /* █ */
    {0x2580, '\''}, /* ▀ */ {0x2584, '.'},                        /* ▄ */
    {0x2591, ':'},  /* ░ */ {0x00b5, 'u'}, /* µ */ {0x2265, '>'}, /* ≥ */
};

static uint32_t ascii_of(uint32_t ch)
{
    if (ch < 0x7f)
        return ch;
    for (size_t i = 0; i < sizeof twin / sizeof *twin; i++)
        if (twin[i].ch == ch)
            return (uint32_t)twin[i].ascii;
    return '?';
}

uint32_t text_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int n = s[0] < 0x80    ? 1
            : s[0] < 0xc2  ? 0
            : s[0] < 0xe0  ? 2
            : s[0] < 0xf0  ? 3
            : s[0] <= 0xf4 ? 4
                           : 0;
    uint32_t ch = n == 1 ? s[0] : n ? s[0] & (0x7fu >> n) : 0;
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            n = 0;
            break;
        }
        ch = ch << 6 | (s[i] & 0x3f);
    }
    if (s[0])
        *text += n ? n : 1;
    if (!n || ch < least[n] || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000))
        return 0xfffd;
    return ch;
}

/* Columns of a code point: 0 for a combining mark, 1, or 2; *ch becomes what
 * can be shown. */
static int columns(uint32_t *ch, bool ascii)
{
    if (*ch == '\t')
        *ch = ' ';
    if (*ch < 0x20 || (*ch >= 0x7f && *ch < 0xa0) || *ch == 0xfffd)
        *ch = '?';
    if (*ch < 0x7f)
        return 1;
    int w = wcwidth((wchar_t)*ch);
    if (ascii) {
        *ch = w == 0 ? 0 : ascii_of(*ch);
        return w == 0 ? 0 : 1;
    }
    if (w < 0) {
        *ch = '?';
        w = 1;
    }
    return w;
}

int text_width(const char *text)
{
    int w = 0;
    uint32_t ch;
    while ((ch = text_next(&text)))
        w += columns(&ch, false);
    return w;
}

void grid_init(struct grid *g, enum grid_glyphs glyphs)
{
    *g = (struct grid){.glyphs = glyphs};
}

void grid_deinit(struct grid *g)
{
    free(g->cell);
    grid_init(g, g->glyphs);
}

void grid_clear(struct grid *g)
{
    g->n_spots = 0;
    for (int i = 0; i < g->w * g->h; i++)
        g->cell[i] = (struct cell){.ch = ' ', .width = 1};
}

void grid_resize(struct grid *g, int w, int h)
{
    if (w != g->w || h != g->h) {
        free(g->cell);
        g->w = w;
        g->h = h;
        g->cell = loom_calloc((size_t)w * (size_t)h + 1, sizeof *g->cell);
    }
    grid_clear(g);
}

struct area grid_all(struct grid *g)
{
    return (struct area){g, 0, 0, g->w, g->h};
}

void area_spot(struct area a, enum spot_kind kind, int value)
{
    struct grid *g = a.grid;
    if (a.w > 0 && a.h > 0 && g->n_spots < GRID_SPOTS)
        g->spot[g->n_spots++] = (struct spot){a.x, a.y, a.w, a.h, kind, value};
}

const struct spot *grid_spot(const struct grid *g, int x, int y)
{
    for (int i = g->n_spots - 1; i >= 0; i--) {
        const struct spot *s = &g->spot[i];
        if (x >= s->x && x < s->x + s->w && y >= s->y && y < s->y + s->h)
            return s;
    }
    return NULL;
}

size_t text_encode(uint32_t ch, char *out)
{
    if (ch < 0x80) {
        out[0] = (char)ch;
        return 1;
    }
    size_t n = ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, ch >>= 6)
        out[i] = (char)(0x80 | (ch & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0) | ch);
    return n;
}

char *grid_text(const struct grid *g)
{
    char *text = loom_malloc((size_t)(g->w * 8 + 1) * (size_t)g->h + 1);
    char *p = text;
    for (int y = 0; y < g->h; y++) {
        char *end = p;
        for (int x = 0; x < g->w; x++) {
            const struct cell *c = &g->cell[y * g->w + x];
            if (!c->width)
                continue;
            p += text_encode(c->ch, p);
            if (c->mark)
                p += text_encode(c->mark, p);
            if (c->ch != ' ')
                end = p;
        }
        p = end;
        *p++ = '\n';
    }
    *p = 0;
    return text;
}

struct area area_sub(struct area a, int x, int y, int w, int h)
{
    int x1 = x + w < a.w ? x + w : a.w, y1 = y + h < a.h ? y + h : a.h;
    x = x > 0 ? x : 0;
    y = y > 0 ? y : 0;
    return (struct area){a.grid, a.x + x, a.y + y, x1 > x ? x1 - x : 0,
                         y1 > y ? y1 - y : 0};
}

/* Blank the other half of a wide character that is about to lose one. */
static void split_wide(struct grid *g, int x, int y)
{
    struct cell *c = &g->cell[y * g->w + x];
    if (c->width == 0 && x > 0)
        c[-1] = (struct cell){' ', 0, c[-1].style, 1};
    if (c->width == 2 && x + 1 < g->w)
        c[1] = (struct cell){' ', 0, c[1].style, 1};
}

static void put_cell(struct area a, int x, int y, enum style s, uint32_t ch,
                     int width)
{
    struct grid *g = a.grid;
    if (x < 0 || y < 0 || y >= a.h || x >= a.w)
        return;
    if (x + width > a.w) {
        ch = ' ';
        width = 1;
    }
    x += a.x;
    y += a.y;
    struct cell *c = &g->cell[y * g->w + x];
    split_wide(g, x, y);
    if (width == 2) {
        split_wide(g, x + 1, y);
        c[1] = (struct cell){0, 0, (uint8_t)s, 0};
    }
    *c = (struct cell){ch, 0, (uint8_t)s, (uint8_t)width};
}

static void put_mark(struct area a, int x, int y, uint32_t mark)
{
    if (x < 0 || y < 0 || y >= a.h || x >= a.w)
        return;
    struct cell *c = &a.grid->cell[(a.y + y) * a.grid->w + a.x + x];
    if (c->width == 0 && a.x + x > 0)
        c--;
    if (!c->mark)
        c->mark = mark;
}

void area_put(struct area a, int x, int y, enum style s, uint32_t ch)
{
    int w = columns(&ch, a.grid->glyphs == GRID_ASCII);
    if (w > 0)
        put_cell(a, x, y, s, ch, w);
}

int area_text(struct area a, int x, int y, enum style s, const char *text)
{
    int start = x;
    uint32_t ch;
    while ((ch = text_next(&text))) {
        int w = columns(&ch, a.grid->glyphs == GRID_ASCII);
        if (w > 0)
            put_cell(a, x, y, s, ch, w);
        else if (x > start && ch)
            put_mark(a, x - 1, y, ch);
        x += w;
    }
    return x - start;
}

int area_printf(struct area a, int x, int y, enum style s, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return area_text(a, x, y, s, text);
}

void area_right(struct area a, int end, int y, enum style s, const char *fmt,
                ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    area_text(a, end - text_width(text), y, s, text);
}

/* Bytes of text that make one line of at most w columns: up to a newline,
 * else up to the last blank that fits, else as many as fit (at least one). */
static size_t line_bytes(const char *text, int w)
{
    const char *p = text, *blank = NULL;
    int x = 0;
    while (*p && *p != '\n') {
        const char *next = p;
        uint32_t ch = text_next(&next);
        x += columns(&ch, false);
        if (x > w)
            return (size_t)((blank ? blank : p > text ? p : next) - text);
        if (*p == ' ')
            blank = next;
        p = next;
    }
    return (size_t)(p - text);
}

void area_fit(struct area a, int x, int y, int w, enum style s,
              const char *text)
{
    struct area slot = area_sub(a, x, y, w, 1);
    area_fill(slot, s, ' ');
    if (text_width(text) <= slot.w) {
        area_text(slot, 0, 0, s, text);
        return;
    }
    size_t n = line_bytes(text, slot.w - 1);
    struct area kept = area_sub(slot, 0, 0, slot.w - 1, 1);
    int cut = area_printf(kept, 0, 0, s, "%.*s", (int)n, text);
    if (cut < slot.w * 2 / 3) {
        area_text(kept, 0, 0, s, text);
        cut = slot.w - 1;
    }
    area_put(slot, cut < slot.w ? cut : slot.w - 1, 0, s, 0x2026);
}

int area_wrap(struct area a, int y, enum style s, const char *text)
{
    while (*text && y < a.h && a.w > 0) {
        size_t n = line_bytes(text, a.w);
        area_printf(a, 0, y++, s, "%.*s", (int)n, text);
        text += n;
        text += *text == '\n';
    }
    return y;
}

void area_fill(struct area a, enum style s, uint32_t ch)
{
    for (int y = 0; y < a.h; y++)
        for (int x = 0; x < a.w; x++)
            area_put(a, x, y, s, ch);
}

struct area area_box(struct area a, bool focus, const char *title,
                     const char *note)
{
    enum style s = focus ? STYLE_FOCUS : STYLE_BORDER;
    int r = a.w - 1, b = a.h - 1;
    area_fill(area_sub(a, 1, 1, a.w - 2, a.h - 2), STYLE_PLAIN, ' ');
    area_fill(area_sub(a, 1, 0, a.w - 2, 1), s, 0x2500);
    area_fill(area_sub(a, 1, b, a.w - 2, 1), s, 0x2500);
    area_fill(area_sub(a, 0, 1, 1, a.h - 2), s, 0x2502);
    area_fill(area_sub(a, r, 1, 1, a.h - 2), s, 0x2502);
    area_put(a, 0, 0, s, 0x256d);
    area_put(a, r, 0, s, 0x256e);
    area_put(a, 0, b, s, 0x2570);
    area_put(a, r, b, s, 0x256f);
    struct area top = area_sub(a, 2, 0, a.w - 4, 1);
    if (focus && top.w > 0)
        area_put(a, 1, 0, s, 0x25b8);
    int w = text_width(title) + 2;
    area_text(top, 0, 0, s, " ");
    area_fit(top, 1, 0, w - 2 < top.w - 2 ? w - 2 : top.w - 2, STYLE_TITLE,
             title);
    area_text(top, w - 1, 0, s, " ");
    int nw = note ? text_width(note) + 2 : 0;
    if (nw > 2 && w + 1 + nw <= top.w) {
        area_text(top, top.w - nw, 0, s, " ");
        area_text(top, top.w - nw + 1, 0, STYLE_DIM, note);
        area_text(top, top.w - 1, 0, s, " ");
    }
    return area_sub(a, 1, 1, a.w - 2, a.h - 2);
}

void area_bar(struct area a, int x, int y, int w, double fraction,
              bool estimate)
{
    enum style s = estimate ? STYLE_ESTIMATE : STYLE_MEASURED;
    bool ascii = a.grid->glyphs == GRID_ASCII;
    if (!(fraction > 0))
        fraction = 0;
    else if (fraction > 1)
        s = STYLE_ERROR;
    int eighths = fraction >= 1 ? w * 8 : (int)(fraction * w * 8 + 0.5);
    if (fraction > 0 && eighths == 0)
        eighths = 1;
    for (int i = 0; i < w; i++, eighths -= 8) {
        if (eighths <= 0)
            area_put(a, x + i, y, STYLE_DIM, 0xb7);
        else if (estimate)
            area_put(a, x + i, y, s, 0x2591);
        else if (eighths >= 8)
            area_put(a, x + i, y, s, 0x2588);
        else
            area_put(a, x + i, y, s,
                     ascii ? '=' : (uint32_t)(0x2590 - eighths));
    }
}
