/* A growing text of HTML. What comes from outside goes through html_text,
 * which escapes it, so that no name or note can be more than text. */
#pragma once

#include <stddef.h>

struct html {
    char *text; /* free() */
    size_t n, room;
};

/* As it is: what the program itself says. */
void html_raw(struct html *h, const char *text);
__attribute__((format(printf, 2, 3))) void html_printf(struct html *h,
                                                       const char *fmt, ...);
/* Escaped for elements and quoted attributes; bytes that are no UTF-8, and
 * characters that XML has not, become U+FFFD. */
void html_text(struct html *h, const char *text);

/* "<tag class='class'>text</tag>"; class may be NULL. */
void html_element(struct html *h, const char *tag, const char *class_name,
                  const char *text);
