#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "engine/table_impl.h"

void loom_table_deinit(struct loom_table *t)
{
    for (size_t k = 0; k < t->n_columns; k++) {
        free(t->name[k]);
        for (size_t j = 0; j < t->words[k].n; j++)
            free(t->words[k].word[j]);
        free(t->words[k].word);
    }
    free(t->name);
    free(t->words);
    loom_array_deinit(&t->a);
    *t = (struct loom_table){0};
}

long loom_table_column(const struct loom_table *t, const char *name)
{
    for (size_t k = 0; k < t->n_columns; k++)
        if (!strcmp(t->name[k], name))
            return (long)k;
    char *end;
    unsigned long n = strtoul(name, &end, 10);
    return *name && !*end && n >= 1 && n <= t->n_columns ? (long)n - 1 : -1;
}

int loom_table_pick(const struct loom_table *t, size_t column,
                    struct loom_table *out, struct loom_errmsg *e)
{
    size_t rows = t->a.n_dims ? t->a.dim[0] : 0,
           width = rows ? t->a.n / rows : 0;
    *out = (struct loom_table){0};
    int err = loom_array_init(&out->a, LOOM_F32, 2, (size_t[]){rows, 1},
                              LOOM_BYTES_MAX, "column", e);
    if (err)
        return err;
    for (size_t i = 0; i < rows; i++)
        ((float *)out->a.data)[i] =
            (float)loom_array_get(&t->a, i * width + column);
    if (column >= t->n_columns)
        return 0;
    const struct loom_words *w = &t->words[column];
    out->n_columns = 1;
    out->name = loom_calloc(1, sizeof(*out->name));
    out->name[0] = loom_strdup(t->name[column]);
    out->words = loom_calloc(1, sizeof(*out->words));
    out->words->word = loom_calloc(w->n + 1, sizeof(*w->word));
    out->words->n = w->n;
    for (size_t k = 0; k < w->n; k++)
        out->words->word[k] = loom_strdup(w->word[k]);
    return 0;
}

char *loom_table_name(const char *name)
{
    char *copy = loom_strdup(name);
    json_t *utf8 = json_string(name);
    for (char *p = copy; !utf8 && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    json_decref(utf8);
    return copy;
}

void loom_table_begin(struct loom_table_builder *b, struct loom_table *t,
                      const char *file, char **take_name, size_t n)
{
    *t = (struct loom_table){.n_columns = n, .name = take_name};
    *b = (struct loom_table_builder){.t = t, .name = file};
    t->words = loom_calloc(n + 1, sizeof(*t->words));
    b->sorted = loom_calloc(n + 1, sizeof(*b->sorted));
}

int loom_table_put(struct loom_table_builder *b, float v, struct loom_errmsg *e)
{
    if (b->n == b->room) {
        size_t room = b->room ? 2 * b->room : 4096;
        if (room > LOOM_BYTES_MAX / sizeof(float))
            return loom_fail(e, LOOM_ERR_FORMAT,
                             "%s: more than %zu numbers, the most that is read",
                             b->name, b->room);
        float *more = loom_try_alloc(room, sizeof(float), b->name, e);
        if (!more)
            return LOOM_ERR_NOMEM;
        if (b->n)
            memcpy(more, b->value, b->n * sizeof(float));
        free(b->value);
        b->value = more;
        b->room = room;
    }
    b->value[b->n++] = v;
    return 0;
}

long loom_table_word(struct loom_table_builder *b, size_t column,
                     const char *word, bool add)
{
    struct loom_words *w = &b->t->words[column];
    uint16_t *sorted = b->sorted[column];
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(word, w->word[sorted[mid]]);
        if (!order)
            return sorted[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    if (!add || w->n == LOOM_TABLE_WORDS)
        return -1;
    if (!(w->n & (w->n - 1))) { /* room for a power of two */
        size_t room = w->n ? 2 * w->n : 1;
        w->word = loom_realloc(w->word, room * sizeof(*w->word));
        sorted = loom_realloc(sorted, room * sizeof(*sorted));
        b->sorted[column] = sorted;
    }
    memmove(sorted + low + 1, sorted + low, (w->n - low) * sizeof(*sorted));
    sorted[low] = (uint16_t)w->n;
    w->word[w->n] = loom_strdup(word);
    return (long)w->n++;
}

/* Number the words of a column by alphabet. */
static void sort_words(struct loom_table_builder *b, size_t column)
{
    struct loom_words *w = &b->t->words[column];
    char **word = loom_malloc((w->n + 1) * sizeof(*word));
    float *number = loom_malloc((w->n + 1) * sizeof(*number));
    for (size_t k = 0; k < w->n; k++) {
        word[k] = w->word[b->sorted[column][k]];
        number[b->sorted[column][k]] = (float)k;
    }
    for (size_t i = column; w->n && i < b->n; i += b->t->n_columns)
        if (!isnan(b->value[i]))
            b->value[i] = number[(size_t)b->value[i]];
    free(w->word);
    free(number);
    w->word = word;
}

static void clean_words(struct loom_table *t)
{
    for (size_t k = 0; k < t->n_columns; k++)
        for (size_t j = 0; j < t->words[k].n; j++) {
            char *clean = loom_table_name(t->words[k].word[j]);
            free(t->words[k].word[j]);
            t->words[k].word[j] = clean;
        }
}

int loom_table_finish(struct loom_table_builder *b, bool sort, int err,
                      struct loom_errmsg *e)
{
    struct loom_table *t = b->t;
    size_t width = t->n_columns;
    size_t dim[] = {width ? b->n / width : 0, width};
    for (size_t k = 0; !err && sort && k < width; k++)
        sort_words(b, k);
    if (!err)
        err = loom_array_init(&t->a, LOOM_F32, 2, dim, LOOM_BYTES_MAX, b->name,
                              e);
    if (!err && t->a.n)
        memcpy(t->a.data, b->value, t->a.n * sizeof(float));
    for (size_t k = 0; k < width; k++)
        free(b->sorted[k]);
    free(b->sorted);
    free(b->value);
    if (err)
        loom_table_deinit(t);
    else
        clean_words(t);
    return err;
}
