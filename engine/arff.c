/* ARFF: a header of @attribute lines, then rows of fields after @data. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/mem.h"
#include "engine/table_impl.h"
#include "engine/text.h"

struct attribute {
    char *name;
    char **word; /* of a nominal one; NULL: numbers */
    size_t n_words;
};

struct arff {
    struct loom_text text;
    struct loom_table_builder build;
    struct attribute *attribute;
    size_t n;
};

static void skip_line(struct loom_text *t)
{
    int c = 0;
    while (c != '\n' && c != LOOM_TEXT_END)
        c = loom_text_next(t);
}

/* Over blanks, empty lines and comments; false at the end. */
static bool at_line(struct loom_text *t)
{
    for (;;) {
        loom_text_skip_blanks(t, 0);
        int c = loom_text_peek(t);
        if (c != '\n' && c != '%')
            return c != LOOM_TEXT_END;
        skip_line(t);
    }
}

/* A word into t->field: in quotes of either kind, with backslashes before what
 * would end it, or up to a blank, the line's end or one of `ends`. */
static void read_word(struct loom_text *t, const char *ends)
{
    loom_text_begin(t);
    loom_text_skip_blanks(t, 0);
    int c = loom_text_peek(t);
    int quote = c == '\'' || c == '"' ? c : 0;
    t->quoted = quote;
    if (quote)
        loom_text_next(t);
    while ((c = loom_text_peek(t)) != LOOM_TEXT_END && c != '\n') {
        if (quote ? c == quote
                  : c == ' ' || c == '\t' || strchr(ends, c) != NULL)
            break;
        loom_text_next(t);
        if (quote && c == '\\' && loom_text_peek(t) != LOOM_TEXT_END)
            c = loom_text_next(t);
        loom_text_add(t, c);
    }
    if (quote && loom_text_next(t) != quote)
        loom_text_fail(t, "quotes are not closed");
    loom_text_skip_blanks(t, 0);
}

/* {a, b, 'c d'}: the brace is taken already. */
static int read_nominal(struct arff *a, struct attribute *to)
{
    struct loom_text *t = &a->text;
    int c = 0;
    while (c != '}') {
        size_t n = to->n_words;
        read_word(t, ",}");
        if (t->err)
            return t->err;
        if (n == LOOM_TABLE_WORDS)
            return loom_text_fail(t, "an attribute of more than %d words",
                                  LOOM_TABLE_WORDS);
        if (!(n & (n - 1))) /* room for a power of two */
            to->word =
                loom_realloc(to->word, (n ? 2 * n : 1) * sizeof(*to->word));
        to->word[to->n_words++] = loom_strdup(t->field);
        c = loom_text_next(t);
        if (c != ',' && c != '}')
            return loom_text_fail(t,
                                  "the words of attribute %zu (%.40s) end "
                                  "with a }, on one line",
                                  a->n, to->name);
    }
    return t->err;
}

static int read_attribute(struct arff *a)
{
    static const char *const numbers[] = {"numeric", "real", "integer"};
    struct loom_text *t = &a->text;
    if (a->n == LOOM_TABLE_COLUMNS)
        return loom_text_fail(t, "more than %d attributes", LOOM_TABLE_COLUMNS);
    if (!(a->n & (a->n - 1))) /* room for a power of two */
        a->attribute = loom_realloc(a->attribute, (a->n ? 2 * a->n : 1) *
                                                      sizeof(*a->attribute));
    read_word(t, "{");
    struct attribute *to = &a->attribute[a->n++];
    *to = (struct attribute){.name = loom_table_name(t->field)};
    if (loom_text_peek(t) == '{') {
        loom_text_next(t);
        return read_nominal(a, to);
    }
    read_word(t, "[");
    for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++)
        if (!strcasecmp(t->field, numbers[k]))
            return t->err;
    return loom_text_fail(t,
                          "attribute %zu (%.40s) is of type \"%.40s\"; numeric "
                          "ones and {lists, of, words} are read",
                          a->n, to->name, t->field);
}

/* Up to the line after @data. */
static int read_header(struct arff *a)
{
    struct loom_text *t = &a->text;
    while (!t->err && at_line(t)) {
        read_word(t, "{");
        if (!strcasecmp(t->field, "@data")) {
            skip_line(t);
            return a->n ? t->err
                        : loom_text_fail(t, "no @attribute before @data");
        }
        if (!strcasecmp(t->field, "@attribute"))
            read_attribute(a);
        else if (strcasecmp(t->field, "@relation"))
            loom_text_fail(t,
                           "not an ARFF file: @relation, @attribute or "
                           "@data is expected, not \"%.40s\"",
                           t->field);
        if (!t->err)
            skip_line(t);
    }
    return loom_text_fail(t, "not an ARFF file: it has no @data");
}

static int put(struct arff *a, size_t column, struct loom_errmsg *e)
{
    const struct attribute *at = &a->attribute[column];
    const struct loom_text *t = &a->text;
    char *end;
    float v = NAN;
    if (strcmp(t->field, "?") || t->quoted) {
        if (at->word) {
            long k = loom_table_word(&a->build, column, t->field, false);
            if (k < 0)
                return loom_text_fail(&a->text,
                                      "attribute %zu (%.40s): \"%.40s\" is not "
                                      "among its %zu words",
                                      column + 1, at->name, t->field,
                                      at->n_words);
            v = (float)k;
        } else {
            v = (float)strtod(t->field, &end);
            if (end == t->field || *end)
                return loom_text_fail(&a->text,
                                      "attribute %zu (%.40s): \"%.40s\" is no "
                                      "number",
                                      column + 1, at->name, t->field);
        }
    }
    return loom_table_put(&a->build, v, e);
}

static int read_row(struct arff *a, struct loom_errmsg *e)
{
    struct loom_text *t = &a->text;
    if (loom_text_peek(t) == '{')
        return loom_text_fail(t, "a sparse row; save it with all its values");
    for (size_t k = 0; k < a->n; k++) {
        read_word(t, ",");
        int err = t->err ? t->err : put(a, k, e);
        if (err)
            return err;
        bool last = k + 1 == a->n, comma = loom_text_peek(t) == ',';
        if (last == comma)
            return loom_text_fail(t, "%s fields than there are attributes, %zu",
                                  comma ? "more" : "fewer", a->n);
        if (comma)
            loom_text_next(t);
    }
    int c = loom_text_peek(t);
    if (c != '\n' && c != LOOM_TEXT_END)
        return loom_text_fail(t, "fields are separated by commas");
    return 0;
}

/* The table of the attributes: names and words, no rows yet. */
static int begin(struct arff *a, struct loom_table *out)
{
    char **name = loom_calloc(a->n, sizeof(*name));
    for (size_t k = 0; k < a->n; k++)
        name[k] = loom_strdup(a->attribute[k].name);
    loom_table_begin(&a->build, out, a->text.from->name, name, a->n);
    for (size_t k = 0; k < a->n; k++)
        for (size_t j = 0; j < a->attribute[k].n_words; j++)
            if (loom_table_word(&a->build, k, a->attribute[k].word[j], true) !=
                (long)j)
                return loom_text_fail(
                    &a->text,
                    "attribute %zu (%.40s) has the word \"%.40s\" "
                    "twice",
                    k + 1, name[k], a->attribute[k].word[j]);
    return 0;
}

static int read_data(struct arff *a, struct loom_table *out,
                     struct loom_errmsg *e)
{
    int err = begin(a, out);
    while (!err && at_line(&a->text))
        err = read_row(a, e);
    if (!err)
        err = a->text.err;
    if (!err && !a->build.n)
        err = loom_text_fail(&a->text, "there are no rows");
    return loom_table_finish(&a->build, false, err, e);
}

int loom_arff_decode(struct loom_bytes *b, struct loom_table *out,
                     struct loom_errmsg *e)
{
    struct arff *a = loom_calloc(1, sizeof(*a));
    *out = (struct loom_table){0};
    loom_text_init(&a->text, b, e);
    int err = read_header(a);
    if (!err)
        err = read_data(a, out, e);
    for (size_t k = 0; k < a->n; k++) {
        free(a->attribute[k].name);
        for (size_t j = 0; j < a->attribute[k].n_words; j++)
            free(a->attribute[k].word[j]);
        free(a->attribute[k].word);
    }
    free(a->attribute);
    free(a);
    return err;
}

int loom_arff_read(const char *path, struct loom_table *out,
                   struct loom_errmsg *e)
{
    struct loom_bytes b;
    *out = (struct loom_table){0};
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    err = loom_arff_decode(&b, out, e);
    loom_bytes_close(&b);
    return err;
}
