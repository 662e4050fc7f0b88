#include "tui/html.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

static void append(struct html *h, const char *text, size_t n)
{
    if (h->n + n + 1 > h->room) {
        h->room = 2 * (h->n + n + 1);
        h->text = loom_realloc(h->text, h->room);
    }
    memcpy(h->text + h->n, text, n);
    h->n += n;
    h->text[h->n] = 0;
}

void html_raw(struct html *h, const char *text)
{
    append(h, text, strlen(text));
}

void html_printf(struct html *h, const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    append(h, buf, n < (int)sizeof buf ? (size_t)n : sizeof buf - 1);
}

/* Bytes of the character at p, 0 if it is none that may be in a page. */
static size_t character(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xe0) == 0xc0 ? 2
               : (p[0] & 0xf0) == 0xe0 ? 3
               : (p[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    if (n < 2)
        return n && (p[0] >= ' ' || p[0] == '\t' || p[0] == '\n') &&
                       p[0] != 0x7f
                   ? 1
                   : 0;
    uint32_t c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
                   (c >= 0x80 && c < 0xa0) || (c & 0xfffe) == 0xfffe
               ? 0
               : n;
}

void html_text(struct html *h, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t n = character(p);
        const char *as = *p == '&'    ? "&amp;"
                         : *p == '<'  ? "&lt;"
                         : *p == '>'  ? "&gt;"
                         : *p == '"'  ? "&quot;"
                         : *p == '\'' ? "&#39;"
                         : !n         ? "\xef\xbf\xbd"
                                      : NULL;
        if (as)
            html_raw(h, as);
        else
            append(h, (const char *)p, n);
        p += n ? n : 1;
    }
}

void html_element(struct html *h, const char *tag, const char *class_name,
                  const char *text)
{
    if (class_name)
        html_printf(h, "<%s class='%s'>", tag, class_name);
    else
        html_printf(h, "<%s>", tag);
    html_text(h, text);
    html_printf(h, "</%s>", tag);
}
