/* csv after RFC 4180, and what people write besides. A file is read once, from
 * front to back; only its first line is kept until it is known what it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/mem.h"
#include "engine/table_impl.h"
#include "engine/text.h"

struct csv {
    struct loom_text text;
    struct loom_table_builder build;
    char delimiter;
    int header;
    char **first; /* the first line's fields, until they are used */
    bool *first_quoted;
    size_t n_first;
};

/* Of , ; and tab the one that the first line has most of, outside quotes. */
static char find_delimiter(const struct loom_text *t)
{
    static const char known[] = ",;\t";
    size_t count[3] = {0}, best = 0;
    bool quoted = false;
    for (size_t i = t->at; i < t->n; i++) {
        char c = t->buffer[i];
        quoted ^= c == '"';
        if (!quoted && (c == '\n' || c == '\r'))
            break;
        const char *p = c && !quoted ? strchr(known, c) : NULL;
        if (p)
            count[p - known]++;
    }
    for (size_t k = 1; k < 3; k++)
        best = count[k] > count[best] ? k : best;
    return known[best];
}

/* A field in quotes, the first of them taken already. */
static void read_quoted(struct csv *c)
{
    struct loom_text *t = &c->text;
    size_t line = t->line;
    t->quoted = true;
    for (;;) {
        int ch = loom_text_next(t);
        if (ch == LOOM_TEXT_END) {
            loom_text_fail(t, "the quotes opened in line %zu are never closed",
                           line);
            return;
        }
        if (ch == '"') {
            if (loom_text_peek(t) != '"')
                break;
            loom_text_next(t);
        }
        loom_text_add(t, ch);
    }
    loom_text_skip_blanks(t, c->delimiter);
    int after = loom_text_peek(t);
    if (after != c->delimiter && after != '\n' && after != LOOM_TEXT_END)
        loom_text_fail(t, "after closing quotes a delimiter is expected");
}

/* The next field into text.field. true: another one follows in its line. */
static bool read_field(struct csv *c)
{
    struct loom_text *t = &c->text;
    int ch;
    loom_text_begin(t);
    loom_text_skip_blanks(t, c->delimiter);
    if (loom_text_peek(t) == '"') {
        loom_text_next(t);
        read_quoted(c);
    } else {
        while ((ch = loom_text_peek(t)) != c->delimiter && ch != '\n' &&
               ch != LOOM_TEXT_END)
            loom_text_add(t, loom_text_next(t));
        loom_text_trim(t);
    }
    return loom_text_peek(t) == c->delimiter;
}

/* Over empty lines; false at the end. */
static bool at_row(struct csv *c)
{
    int ch;
    for (;;) {
        loom_text_skip_blanks(&c->text, c->delimiter);
        ch = loom_text_peek(&c->text);
        if (ch != '\n')
            return ch != LOOM_TEXT_END;
        loom_text_next(&c->text);
    }
}

static bool missing(const char *field, bool quoted)
{
    static const char *const words[] = {"?",    "NA",   "N/A",
                                        "null", "None", "NaN"};
    if (!*field)
        return true;
    for (size_t k = 0; !quoted && k < sizeof(words) / sizeof(*words); k++)
        if (!strcasecmp(field, words[k]))
            return true;
    return false;
}

static bool number(const char *field, float *v)
{
    char *end;
    *v = (float)strtod(field, &end);
    return end > field && !*end;
}

/* One value of the table. Whether a column holds words is decided by the first
 * value that is not missing: `*kind` is 0 until then, 'n' or 'w' after. */
static int put(struct csv *c, size_t column, char *kind, const char *field,
               bool quoted, struct loom_errmsg *e)
{
    float v = NAN;
    if (!missing(field, quoted)) {
        bool is_number = number(field, &v);
        if (!*kind)
            *kind = is_number ? 'n' : 'w';
        if (*kind == 'n' ? !is_number : is_number && !quoted)
            return loom_text_fail(&c->text,
                                  "column %zu (%.40s) holds \"%.40s\", and "
                                  "%s before",
                                  column + 1, c->build.t->name[column], field,
                                  *kind == 'n' ? "numbers" : "words");
        if (*kind == 'w') {
            long word = loom_table_word(&c->build, column, field, true);
            if (word < 0)
                return loom_text_fail(&c->text,
                                      "column %zu (%.40s) has more than %d "
                                      "different words; leave it out",
                                      column + 1, c->build.t->name[column],
                                      LOOM_TABLE_WORDS);
            v = (float)word;
        }
    }
    return loom_table_put(&c->build, v, e);
}

/* The first line, kept. */
static int read_first(struct csv *c)
{
    bool more = at_row(c);
    if (!more)
        return c->text.err ? c->text.err
                           : loom_text_fail(&c->text, "there are no rows");
    while (more && !c->text.err) {
        size_t n = c->n_first;
        if (n == LOOM_TABLE_COLUMNS)
            return loom_text_fail(&c->text, "more than %d columns",
                                  LOOM_TABLE_COLUMNS);
        more = read_field(c);
        if (!(n & (n - 1))) { /* room for a power of two */
            size_t room = n ? 2 * n : 1;
            c->first = loom_realloc(c->first, room * sizeof(*c->first));
            c->first_quoted = loom_realloc(c->first_quoted, room);
        }
        c->first[n] = loom_strdup(c->text.field);
        c->first_quoted[n] = c->text.quoted;
        c->n_first++;
        if (more)
            loom_text_next(&c->text);
    }
    return c->text.err;
}

/* Whether the second line holds a number, seen from where it begins and as far
 * as it is in the buffer; it is not taken. */
static bool number_follows(struct csv *c)
{
    struct loom_text *t = &c->text;
    char field[64];
    float v;
    if (!at_row(c))
        return false;
    for (size_t i = t->at, n = 0; i < t->n; i++) {
        char ch = t->buffer[i];
        bool end = ch == '\n' || ch == '\r';
        if (end || ch == c->delimiter) {
            field[n] = 0;
            if (number(field, &v))
                return true;
            n = 0;
        } else if (n + 1 < sizeof(field) && ch != '"' && ch != ' ') {
            field[n++] = ch;
        }
        if (end)
            return false;
    }
    return false;
}

static bool is_header(struct csv *c)
{
    float v;
    if (c->header >= 0)
        return c->header;
    for (size_t k = 0; k < c->n_first; k++)
        if (number(c->first[k], &v))
            return false;
    return number_follows(c);
}

/* Begin the table; a first line that holds no names is its first row. */
static int begin(struct csv *c, struct loom_table *out, char **kind,
                 struct loom_errmsg *e)
{
    size_t n = c->n_first;
    bool header = is_header(c);
    char **name = loom_calloc(n, sizeof(*name));
    for (size_t k = 0; k < n; k++)
        name[k] = header && *c->first[k] ? loom_table_name(c->first[k])
                                         : loom_asprintf("%zu", k + 1);
    loom_table_begin(&c->build, out, c->text.from->name, name, n);
    *kind = loom_calloc(n, 1);
    int err = 0;
    for (size_t k = 0; !header && !err && k < n; k++)
        err = put(c, k, &(*kind)[k], c->first[k], c->first_quoted[k], e);
    return err;
}

static int read_row(struct csv *c, char *kind, struct loom_errmsg *e)
{
    size_t n = c->build.t->n_columns, k = 0;
    bool more = true;
    size_t line = c->text.line;
    for (; more && k < n; k++) {
        if (k)
            loom_text_next(&c->text); /* the delimiter */
        more = read_field(c);
        if (c->text.err)
            return c->text.err;
        int err = put(c, k, &kind[k], c->text.field, c->text.quoted, e);
        if (err)
            return err;
    }
    if (more || k < n) {
        c->text.line = line;
        return loom_text_fail(&c->text,
                              "%s fields than the first line, which has %zu",
                              more ? "more" : "fewer", n);
    }
    return 0;
}

static int read_rows(struct csv *c, struct loom_table *out,
                     struct loom_errmsg *e)
{
    char *kind = NULL;
    int err = begin(c, out, &kind, e);
    while (!err && at_row(c))
        err = read_row(c, kind, e);
    free(kind);
    if (!err)
        err = c->text.err;
    return loom_table_finish(&c->build, true, err, e);
}

int loom_csv_decode(struct loom_bytes *b, const struct loom_csv_conf *conf,
                    struct loom_table *out, struct loom_errmsg *e)
{
    struct csv *c = loom_calloc(1, sizeof(*c));
    *out = (struct loom_table){0};
    loom_text_init(&c->text, b, e);
    c->header = conf->header;
    c->delimiter = conf->delimiter ? conf->delimiter : find_delimiter(&c->text);
    int err = read_first(c);
    if (!err)
        err = read_rows(c, out, e);
    for (size_t k = 0; k < c->n_first; k++)
        free(c->first[k]);
    free(c->first);
    free(c->first_quoted);
    free(c);
    return err;
}

int loom_csv_read(const char *path, const struct loom_csv_conf *conf,
                  struct loom_table *out, struct loom_errmsg *e)
{
    struct loom_bytes b;
    *out = (struct loom_table){0};
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    err = loom_csv_decode(&b, conf, out, e);
    loom_bytes_close(&b);
    return err;
}
