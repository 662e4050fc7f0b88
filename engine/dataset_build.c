#include "engine/dataset_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "engine/split.h"

size_t loom_array_columns(const struct loom_array *a)
{
    size_t n = 1;
    for (int k = 1; k < a->n_dims; k++)
        n *= a->dim[k];
    return n;
}

static size_t rows_of(const struct loom_block *b)
{
    return b->x->a.n_dims ? b->x->a.dim[0] : 0;
}

static bool is_feature(const struct loom_block *b, size_t column)
{
    return !(b->leave && b->leave[column]) && (b->y || column != b->label);
}

static size_t count_features(const struct loom_block *b)
{
    size_t n = 0, columns = loom_array_columns(&b->x->a);
    for (size_t k = 0; k < columns; k++)
        n += is_feature(b, k);
    return n;
}

/* The words of the labels; n 0: they are numbers. */
static struct loom_words words_of(const struct loom_block *b)
{
    const struct loom_table *t = b->y ? b->y : b->x;
    size_t column = b->y ? 0 : b->label;
    return column < t->n_columns ? t->words[column] : (struct loom_words){0};
}

static size_t label_width(const struct loom_block *b)
{
    return b->y ? loom_array_columns(&b->y->a) : 1;
}

/* ---- do the blocks go together? ----------------------------------------- */

/* The same features, of the same words, as in block a. */
static int check_columns(const struct loom_block *a, const struct loom_block *b,
                         struct loom_errmsg *e)
{
    size_t has = count_features(b), want = count_features(a);
    if (has != want)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: inputs of %zu columns; %s has %zu", b->what, has,
                         a->what, want);
    size_t columns = a->x->n_columns;
    for (size_t k = 0; columns == b->x->n_columns && k < columns; k++) {
        const struct loom_words *u = &a->x->words[k], *v = &b->x->words[k];
        bool same = !is_feature(a, k) || u->n == v->n;
        for (size_t j = 0; same && is_feature(a, k) && j < u->n; j++)
            same = !strcmp(u->word[j], v->word[j]);
        if (!same)
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "%s: column %.40s holds other words than in %s",
                             b->what, a->x->name[k], a->what);
    }
    return 0;
}

static int check_block(const struct loom_block *a, const struct loom_block *b,
                       bool classes, struct loom_errmsg *e)
{
    size_t rows = rows_of(b), width = label_width(b);
    size_t labels = !b->y ? rows : b->y->a.n_dims ? b->y->a.dim[0] : 0;
    if (labels != rows)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu rows of inputs and %zu of labels; the same "
                         "rows are needed",
                         b->what, rows, labels);
    if (!rows || !count_features(b))
        return loom_fail(e, LOOM_ERR_SHAPE, "%s: no rows, or no features",
                         b->what);
    if (width != (classes ? 1 : label_width(a)))
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu numbers a row to predict; %s", b->what, width,
                         classes ? "classes need one label a row"
                                 : "all parts need the same");
    if (!words_of(a).n != !words_of(b).n)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: labels are words there or in %s, but not in both",
                         b->what, a->what);
    return a == b ? 0 : check_columns(a, b, e);
}

/* ---- filling ------------------------------------------------------------ */

struct build {
    struct loom_dataset *d;
    const struct loom_build_conf *conf;
    bool classes;
    struct loom_words words; /* of the classes */
    size_t at[LOOM_N_PARTS]; /* rows of each part so far */
    size_t dropped;
};

static double label(const struct loom_block *b, size_t row, size_t k)
{
    return b->y ? loom_array_get(&b->y->a, row * label_width(b) + k)
                : loom_array_get(&b->x->a,
                                 row * loom_array_columns(&b->x->a) + b->label);
}

/* The part of a row, LOOM_NO_PART: left out. */
static int part_of(const struct build *u, const struct loom_block *b,
                   size_t row, bool *missing)
{
    size_t columns = loom_array_columns(&b->x->a);
    int part = b->part ? b->part[row] : (int)b->only;
    *missing = false;
    if (part == LOOM_NO_PART || !u->conf->drop_missing)
        return part;
    for (size_t k = 0; k < columns; k++)
        *missing = *missing ||
                   (is_feature(b, k) &&
                    !isfinite(loom_array_get(&b->x->a, row * columns + k)));
    for (size_t k = 0; k < label_width(b); k++)
        *missing = *missing || !isfinite(label(b, row, k));
    return *missing ? LOOM_NO_PART : part;
}

/* Number of each of the block's words among those of the classes; NULL with a
 * sentence where one is unknown. */
static int *match_words(const struct build *u, const struct loom_block *b,
                        struct loom_errmsg *e)
{
    struct loom_words w = words_of(b);
    int *to = loom_malloc((w.n + 1) * sizeof(*to));
    for (size_t k = 0; k < w.n; k++) {
        size_t j = 0;
        while (j < u->words.n && strcmp(w.word[k], u->words.word[j]))
            j++;
        to[k] = (int)j;
        if (j == u->words.n) {
            loom_fail(e, LOOM_ERR_RANGE,
                      "%s: the label \"%.40s\" is none of the classes before",
                      b->what, w.word[k]);
            free(to);
            return NULL;
        }
    }
    return to;
}

static void put_row(struct build *u, const struct loom_block *b,
                    const int *words, size_t row, int part)
{
    struct loom_rows *r = &u->d->part[part];
    size_t columns = loom_array_columns(&b->x->a), i = u->at[part]++;
    float *x = r->x + i * u->d->n_in;
    for (size_t k = 0; !r->map && k < columns; k++)
        if (is_feature(b, k))
            *x++ = (float)loom_array_get(&b->x->a, row * columns + k);
    for (size_t k = 0; !u->classes && k < u->d->n_out; k++)
        r->t[i * u->d->n_out + k] =
            (float)(label(b, row, k) / (double)u->conf->target_scale);
    if (u->classes) {
        double v = label(b, row, 0);
        bool whole = v >= 0 && v < 1e6 && v == floor(v);
        r->y[i] = !whole ? -1 : words ? words[(size_t)v] : (int)v;
    }
}

static int put_block(struct build *u, const struct loom_block *b,
                     struct loom_errmsg *e)
{
    int *words = NULL;
    bool missing;
    if (words_of(b).n && u->classes && !(words = match_words(u, b, e)))
        return LOOM_ERR_RANGE;
    for (size_t row = 0; row < rows_of(b); row++) {
        int part = part_of(u, b, row, &missing);
        if (part != LOOM_NO_PART)
            put_row(u, b, words, row, part);
    }
    free(words);
    return 0;
}

/* Whether a block is just a part, row by row as its file has it. */
static bool is_lent(const struct build *u, const struct loom_block *b)
{
    const struct loom_array *a = &b->x->a;
    return a->map.data && a->dtype == LOOM_F32 && b->y && !b->part &&
           !u->conf->drop_missing && count_features(b) == loom_array_columns(a);
}

/* Room for the rows that there will be. */
static int make_room(struct build *u, const struct loom_block *block, size_t n,
                     struct loom_errmsg *e)
{
    size_t rows[LOOM_N_PARTS + 1] = {0};
    const struct loom_block *only[LOOM_N_PARTS + 1] = {NULL};
    bool missing;
    int err = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t row = 0; row < rows_of(&block[k]); row++) {
            int p = part_of(u, &block[k], row, &missing);
            only[p] = rows[p]++ && only[p] != &block[k] ? NULL : &block[k];
            u->dropped += missing;
        }
    for (int p = 0; !err && p < LOOM_N_PARTS; p++) {
        const struct loom_array *a = only[p] ? &only[p]->x->a : NULL;
        if (a && rows[p] && is_lent(u, only[p]))
            err = loom_dataset_lend(u->d, (enum loom_part)p, rows[p],
                                    u->classes, a->data, &a->map, e);
        else if (rows[p])
            err = loom_dataset_alloc(u->d, (enum loom_part)p, rows[p],
                                     u->classes, e);
    }
    return err;
}

/* Names of features, where the columns have some, and of classes. */
static void put_names(struct build *u, const struct loom_block *b)
{
    size_t j = 0;
    if (b->x->n_columns)
        u->d->feature = loom_calloc(u->d->n_in, sizeof(char *));
    for (size_t k = 0; k < b->x->n_columns; k++)
        if (is_feature(b, k))
            u->d->feature[j++] = loom_strdup(b->x->name[k]);
    if (u->classes && u->words.n)
        u->d->class_name = loom_calloc(u->d->n_out, sizeof(char *));
    for (size_t k = 0; u->classes && k < u->words.n; k++)
        u->d->class_name[k] = loom_strdup(u->words.word[k]);
}

static int build(struct build *u, const struct loom_block *block, size_t n,
                 struct loom_errmsg *e)
{
    int err = make_room(u, block, n, e);
    put_names(u, block);
    for (size_t k = 0; !err && k < n; k++)
        err = put_block(u, &block[k], e);
    return err;
}

struct loom_dataset *loom_dataset_build(const struct loom_block *block,
                                        size_t n,
                                        const struct loom_build_conf *conf,
                                        size_t *dropped, int *err,
                                        struct loom_errmsg *e)
{
    struct build u = {.conf = conf, .words = words_of(block)};
    size_t classes = conf->classes ? conf->classes : u.words.n;
    *err = 0;
    for (size_t k = 0; !*err && k < n; k++)
        *err = check_block(block, &block[k], classes > 0, e);
    if (!*err && u.words.n > classes)
        *err = loom_fail(e, LOOM_ERR_RANGE,
                         "%s: %zu classes, but the labels have %zu words",
                         conf->name, classes, u.words.n);
    if (*err)
        return NULL;
    u.classes = classes > 0;
    u.d = loom_dataset_new(conf->name, count_features(block),
                           classes ? classes : label_width(block));
    u.d->target_scale = conf->target_scale;
    *err = build(&u, block, n, e);
    if (dropped)
        *dropped = u.dropped;
    if (!*err)
        return u.d;
    loom_dataset_destroy(u.d);
    return NULL;
}
