#include "engine/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct loom_text *t)
{
    t->at = 0;
    int64_t got = t->from->read(t->from, t->buffer, sizeof(t->buffer));
    t->n = got > 0 ? (size_t)got : 0;
    if (got > 0 && t->from->left >= (uint64_t)got)
        t->from->left -= (uint64_t)got;
    if (got < 0)
        t->err = loom_bytes_end(t->from, t->e);
}

void loom_text_init(struct loom_text *t, struct loom_bytes *from,
                    struct loom_errmsg *e)
{
    t->from = from;
    t->line = 1;
    t->err = 0;
    t->e = e;
    loom_text_begin(t);
    fill(t);
    if (t->n >= 3 && !memcmp(t->buffer, "\xef\xbb\xbf", 3))
        t->at = 3;
}

int loom_text_peek(struct loom_text *t)
{
    if (t->at == t->n && t->n && !t->err)
        fill(t);
    if (t->err || t->at == t->n)
        return LOOM_TEXT_END;
    unsigned char c = (unsigned char)t->buffer[t->at];
    if (!c) {
        loom_text_fail(t, "a zero byte: this is no text");
        return LOOM_TEXT_END;
    }
    return c == '\r' ? '\n' : c;
}

int loom_text_next(struct loom_text *t)
{
    int c = loom_text_peek(t);
    if (c == LOOM_TEXT_END)
        return c;
    bool cr = t->buffer[t->at++] == '\r';
    if (cr && t->at == t->n)
        fill(t);
    if (cr && t->at < t->n && t->buffer[t->at] == '\n')
        t->at++;
    t->line += c == '\n';
    return c;
}

int loom_text_fail(struct loom_text *t, const char *fmt, ...)
{
    char sentence[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    if (!t->err)
        t->err = loom_fail(t->e, LOOM_ERR_FORMAT, "%s: line %zu: %s",
                           t->from->name, t->line, sentence);
    return t->err;
}

void loom_text_begin(struct loom_text *t)
{
    t->length = 0;
    t->field[0] = 0;
    t->quoted = false;
}

void loom_text_add(struct loom_text *t, int c)
{
    if (t->length + 1 == LOOM_TEXT_FIELD) {
        loom_text_fail(t, "a field of more than %d characters",
                       LOOM_TEXT_FIELD - 1);
        return;
    }
    t->field[t->length++] = (char)c;
    t->field[t->length] = 0;
}

static bool blank(int c, int stop)
{
    return (c == ' ' || c == '\t') && c != stop;
}

void loom_text_skip_blanks(struct loom_text *t, int stop)
{
    while (blank(loom_text_peek(t), stop))
        loom_text_next(t);
}

void loom_text_trim(struct loom_text *t)
{
    while (t->length && blank(t->field[t->length - 1], 0))
        t->length--;
    t->field[t->length] = 0;
}
