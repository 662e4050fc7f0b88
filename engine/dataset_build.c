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

/* A set in the making. */
struct target {
    struct loom_dataset *d;
    size_t classes; /* 0: targets */
    float scale;
    struct loom_words words; /* of the classes */
};

struct build {
    const struct loom_build_conf *conf;
    struct target of[LOOM_MAX_TARGETS];
    struct loom_dataset *d;  /* of the first one, with the inputs */
    size_t at[LOOM_N_PARTS]; /* rows of each part so far */
    size_t dropped;
};

static bool is_feature(const struct build *u, const struct loom_block *b,
                       size_t column)
{
    bool label = b->leave && b->leave[column];
    for (int k = 0; !label && k < u->conf->n_targets; k++)
        label = !b->of[k].y && b->of[k].column == column;
    return !label;
}

static size_t count_features(const struct build *u, const struct loom_block *b)
{
    size_t n = 0, columns = loom_array_columns(&b->x->a);
    for (size_t k = 0; k < columns; k++)
        n += is_feature(u, b, k);
    return n;
}

/* The words of the labels of target k; n 0: they are numbers. */
static struct loom_words words_of(const struct loom_block *b, int k)
{
    const struct loom_table *t = b->of[k].y ? b->of[k].y : b->x;
    size_t column = b->of[k].y ? 0 : b->of[k].column;
    return column < t->n_columns ? t->words[column] : (struct loom_words){0};
}

static size_t label_width(const struct loom_block *b, int k)
{
    return b->of[k].y ? loom_array_columns(&b->of[k].y->a) : 1;
}

/* ---- do the blocks go together? ----------------------------------------- */

/* The same features, of the same words, as in block a. */
static int check_columns(const struct build *u, const struct loom_block *a,
                         const struct loom_block *b, struct loom_errmsg *e)
{
    size_t has = count_features(u, b), want = count_features(u, a);
    if (has != want)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: inputs of %zu columns; %s has %zu", b->what, has,
                         a->what, want);
    size_t columns = a->x->n_columns;
    for (size_t k = 0; columns == b->x->n_columns && k < columns; k++) {
        const struct loom_words *v = &a->x->words[k], *w = &b->x->words[k];
        bool same = !is_feature(u, a, k) || v->n == w->n;
        for (size_t j = 0; same && is_feature(u, a, k) && j < v->n; j++)
            same = !strcmp(v->word[j], w->word[j]);
        if (!same)
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "%s: column %.40s holds other words than in %s",
                             b->what, a->x->name[k], a->what);
    }
    return 0;
}

static int check_labels(const struct loom_block *a, const struct loom_block *b,
                        int k, bool classes, struct loom_errmsg *e)
{
    size_t rows = rows_of(b), width = label_width(b, k);
    const struct loom_table *y = b->of[k].y;
    size_t labels = !y ? rows : y->a.n_dims ? y->a.dim[0] : 0;
    if (labels != rows)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu rows of inputs and %zu of labels; the same "
                         "rows are needed",
                         b->what, rows, labels);
    if (width != (classes ? 1 : label_width(a, k)))
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu numbers a row to predict; %s", b->what, width,
                         classes ? "classes need one label a row"
                                 : "all parts need the same");
    if (!words_of(a, k).n != !words_of(b, k).n)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: labels are words there or in %s, but not in both",
                         b->what, a->what);
    return 0;
}

static int check_block(const struct build *u, const struct loom_block *a,
                       const struct loom_block *b, struct loom_errmsg *e)
{
    int err = 0;
    for (int k = 0; !err && k < u->conf->n_targets; k++)
        err = check_labels(a, b, k, u->of[k].classes > 0, e);
    if (!err && (!rows_of(b) || !count_features(u, b)))
        err = loom_fail(e, LOOM_ERR_SHAPE, "%s: no rows, or no features",
                        b->what);
    return err || a == b ? err : check_columns(u, a, b, e);
}

/* ---- filling ------------------------------------------------------------ */

/* Number j of target k. */
static double label(const struct loom_block *b, int k, size_t row, size_t j)
{
    const struct loom_labels *of = &b->of[k];
    return of->y ? loom_array_get(&of->y->a, row * label_width(b, k) + j)
                 : loom_array_get(&b->x->a, row * loom_array_columns(&b->x->a) +
                                                of->column);
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
                   (is_feature(u, b, k) &&
                    !isfinite(loom_array_get(&b->x->a, row * columns + k)));
    for (int k = 0; k < u->conf->n_targets; k++)
        for (size_t j = 0; j < label_width(b, k); j++)
            *missing = *missing || !isfinite(label(b, k, row, j));
    return *missing ? LOOM_NO_PART : part;
}

/* Number of each of the block's words of target t among those of the classes;
 * NULL with a sentence where one is unknown. */
static int *match_words(const struct build *u, const struct loom_block *b,
                        int t, struct loom_errmsg *e)
{
    struct loom_words w = words_of(b, t), known = u->of[t].words;
    int *to = loom_malloc((w.n + 1) * sizeof(*to));
    for (size_t k = 0; k < w.n; k++) {
        size_t j = 0;
        while (j < known.n && strcmp(w.word[k], known.word[j]))
            j++;
        to[k] = (int)j;
        if (j == known.n) {
            loom_fail(e, LOOM_ERR_RANGE,
                      "%s: the label \"%.40s\" is none of the classes before",
                      b->what, w.word[k]);
            free(to);
            return NULL;
        }
    }
    return to;
}

static void put_labels(const struct target *t, const struct loom_block *b,
                       int k, const int *words, size_t row, struct loom_rows *r,
                       size_t i)
{
    for (size_t j = 0; !t->classes && j < t->d->n_out; j++)
        r->t[i * t->d->n_out + j] =
            (float)(label(b, k, row, j) / (double)t->scale);
    if (t->classes) {
        double v = label(b, k, row, 0);
        bool whole = v >= 0 && v < 1e6 && v == floor(v);
        r->y[i] = !whole ? -1 : words ? words[(size_t)v] : (int)v;
    }
}

static void put_row(struct build *u, const struct loom_block *b,
                    int *const *words, size_t row, int part)
{
    struct loom_rows *r = &u->d->part[part];
    size_t columns = loom_array_columns(&b->x->a), i = u->at[part]++;
    float *x = r->x + i * u->d->n_in;
    for (size_t k = 0; !r->map && k < columns; k++)
        if (is_feature(u, b, k))
            *x++ = (float)loom_array_get(&b->x->a, row * columns + k);
    for (int k = 0; k < u->conf->n_targets; k++)
        put_labels(&u->of[k], b, k, words[k], row, &u->of[k].d->part[part], i);
}

static int put_block(struct build *u, const struct loom_block *b,
                     struct loom_errmsg *e)
{
    int *words[LOOM_MAX_TARGETS] = {NULL}, err = 0;
    bool missing;
    for (int k = 0; !err && k < u->conf->n_targets; k++)
        if (words_of(b, k).n && u->of[k].classes &&
            !(words[k] = match_words(u, b, k, e)))
            err = LOOM_ERR_RANGE;
    for (size_t row = 0; !err && row < rows_of(b); row++) {
        int part = part_of(u, b, row, &missing);
        if (part != LOOM_NO_PART)
            put_row(u, b, words, row, part);
    }
    for (int k = 0; k < u->conf->n_targets; k++)
        free(words[k]);
    return err;
}

/* Whether a block is just a part, row by row as its file has it. */
static bool is_lent(const struct build *u, const struct loom_block *b)
{
    const struct loom_array *a = &b->x->a;
    return a->map.data && a->dtype == LOOM_F32 && !b->part &&
           !u->conf->drop_missing &&
           count_features(u, b) == loom_array_columns(a);
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
        bool lent = a && rows[p] && is_lent(u, only[p]);
        for (int k = 0; !err && rows[p] && k < u->conf->n_targets; k++)
            err = lent && !k
                      ? loom_dataset_lend(u->d, (enum loom_part)p, rows[p],
                                          u->of[k].classes > 0, a->data,
                                          &a->map, e)
                      : loom_dataset_alloc(u->of[k].d, (enum loom_part)p,
                                           rows[p], u->of[k].classes > 0, e);
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
        if (is_feature(u, b, k))
            u->d->feature[j++] = loom_strdup(b->x->name[k]);
    for (int t = 0; t < u->conf->n_targets; t++) {
        const struct target *of = &u->of[t];
        if (of->classes && of->words.n)
            of->d->class_name = loom_calloc(of->d->n_out, sizeof(char *));
        for (size_t k = 0; of->classes && k < of->words.n; k++)
            of->d->class_name[k] = loom_strdup(of->words.word[k]);
    }
}

/* The targets that the first block has, and whether they are what conf says. */
static int find_targets(struct build *u, const struct loom_block *b,
                        struct loom_errmsg *e)
{
    for (int k = 0; k < u->conf->n_targets; k++) {
        const struct loom_build_target *c = &u->conf->target[k];
        struct target *t = &u->of[k];
        t->words = words_of(b, k);
        t->classes = c->classes ? c->classes : t->words.n;
        t->scale = c->scale;
        if (t->words.n > t->classes)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: %zu classes, but the labels have %zu words",
                             u->conf->name, t->classes, t->words.n);
    }
    return 0;
}

/* A chain of empty sets. */
static void make_sets(struct build *u, const struct loom_block *b)
{
    for (int k = u->conf->n_targets - 1; k >= 0; k--) {
        struct target *t = &u->of[k];
        size_t n_in = k ? 0 : count_features(u, b);
        size_t n_out = t->classes ? t->classes : label_width(b, k);
        t->d = loom_dataset_new(u->conf->name, n_in, n_out);
        t->d->target_scale = t->scale;
        t->d->next = u->d;
        u->d = t->d;
        if (u->conf->n_targets > 1)
            snprintf(t->d->output, sizeof(t->d->output), "%s",
                     u->conf->target[k].output);
    }
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
    struct build u = {.conf = conf};
    *err = find_targets(&u, block, e);
    for (size_t k = 0; !*err && k < n; k++)
        *err = check_block(&u, block, &block[k], e);
    if (*err)
        return NULL;
    make_sets(&u, block);
    *err = build(&u, block, n, e);
    if (dropped)
        *dropped = u.dropped;
    if (!*err)
        return u.d;
    loom_dataset_destroy(u.d);
    return NULL;
}
