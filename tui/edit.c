#include "tui/edit.h"

#include <stdio.h>
#include <string.h>

#include "tui/key.h"

static bool is_inner(char c)
{
    return (c & 0xc0) == 0x80;
}

void edit_set(struct edit *e, const char *text)
{
    size_t n = strlen(text);
    if (n >= EDIT_SIZE)
        for (n = EDIT_SIZE - 1; n && is_inner(text[n]); n--)
            continue;
    memmove(e->text, text, n);
    e->text[n] = 0;
    e->at = (int)n;
}

static int before(const struct edit *e)
{
    int at = e->at;
    while (at > 0 && is_inner(e->text[--at]))
        continue;
    return at;
}

static int after(const struct edit *e)
{
    int at = e->at + (e->text[e->at] != 0);
    while (is_inner(e->text[at]))
        at++;
    return at;
}

/* What lies between two places is no more. */
static void cut(struct edit *e, int from, int to)
{
    memmove(e->text + from, e->text + to, strlen(e->text + to) + 1);
    e->at = from;
}

/* The start of the word before the cursor. */
static int word_before(const struct edit *e)
{
    int at = e->at;
    while (at > 0 && e->text[at - 1] == ' ')
        at--;
    while (at > 0 && e->text[at - 1] != ' ')
        at--;
    return at;
}

static void insert(struct edit *e, int key)
{
    char utf8[4];
    size_t n = text_encode((uint32_t)key, utf8);
    size_t rest = strlen(e->text + e->at) + 1;
    if ((size_t)e->at + n + rest > EDIT_SIZE)
        return;
    memmove(e->text + e->at + n, e->text + e->at, rest);
    memcpy(e->text + e->at, utf8, n);
    e->at += (int)n;
}

bool edit_key(struct edit *e, int key)
{
    int end = (int)strlen(e->text);
    if (key == KEY_RUBOUT || key == 8)
        cut(e, before(e), e->at);
    else if (key == KEY_ERASE)
        cut(e, e->at, after(e));
    else if (key == KEY_ARROW_LEFT)
        e->at = before(e);
    else if (key == KEY_ARROW_RIGHT)
        e->at = after(e);
    else if (key == KEY_FIRST || key == KEY_CTRL('A'))
        e->at = 0;
    else if (key == KEY_LAST || key == KEY_CTRL('E'))
        e->at = end;
    else if (key == KEY_CTRL('U'))
        cut(e, 0, e->at);
    else if (key == KEY_CTRL('K'))
        cut(e, e->at, end);
    else if (key == KEY_CTRL('W'))
        cut(e, word_before(e), e->at);
    else if (key >= ' ' && key < KEY_SPECIAL)
        insert(e, key);
    else
        return false;
    return true;
}

void edit_draw(struct area a, const char *prompt, const struct edit *e)
{
    char left[EDIT_SIZE];
    snprintf(left, sizeof left, "%.*s", e->at, e->text);
    int over = text_width(prompt) + text_width(left) + 2 - a.w;
    int x = over > 0 ? -over : 0;
    x += area_text(a, x, 0, STYLE_KEY, prompt);
    area_text(a, x, 0, STYLE_PLAIN, e->text);
    x += text_width(left);
    const char *p = e->text + e->at;
    area_put(a, x, 0, STYLE_SELECTED, *p ? text_next(&p) : ' ');
}
