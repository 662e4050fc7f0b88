#include "engine/dataset.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "engine/mem.h"
#include "engine/rng.h"

static const char *const part_word[] = {"training", "validation", "test"};

struct loom_dataset *loom_dataset_new(const char *name, size_t n_in,
                                      size_t n_out)
{
    struct loom_dataset *d = loom_calloc(1, sizeof(*d));
    snprintf(d->name, sizeof(d->name), "%s", name);
    d->n_in = n_in;
    d->n_out = n_out;
    return d;
}

static void free_names(char **name, size_t n)
{
    for (size_t i = 0; name && i < n; i++)
        free(name[i]);
    free(name);
}

void loom_dataset_destroy(struct loom_dataset *d)
{
    if (!d)
        return;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        if (!d->part[p].map)
            free(d->part[p].x);
        free(d->part[p].y);
        free(d->part[p].t);
    }
    free_names(d->feature, d->n_in);
    free_names(d->class_name, d->n_out);
    free(d->mean);
    free(d->scale);
    free(d->class_weight);
    loom_dataset_destroy(d->next);
    free(d);
}

const struct loom_dataset *loom_dataset_of(const struct loom_dataset *d,
                                           const char *output)
{
    while (d && strcmp(d->output, output))
        d = d->next;
    return d;
}

/* rows * width elements of 4 bytes, or NULL with a sentence. */
static void *alloc_rows(const struct loom_dataset *d, size_t rows, size_t width,
                        struct loom_errmsg *e)
{
    size_t n;
    if (__builtin_mul_overflow(rows, width, &n))
        n = SIZE_MAX;
    return loom_try_alloc(n, 4, d->name, e);
}

/* Room for `rows` of labels or targets, and for inputs unless they are lent. */
static int make_part(struct loom_dataset *d, enum loom_part part, size_t rows,
                     int classes, const float *lent, const struct loom_map *map,
                     struct loom_errmsg *e)
{
    struct loom_rows *r = &d->part[part];
    if (r->x)
        return loom_fail(e, LOOM_ERR_ARG, "%s: the %s part is there already",
                         d->name, part_word[part]);
    float *own = lent ? NULL : alloc_rows(d, rows, d->n_in, e);
    if (classes)
        r->y = alloc_rows(d, rows, 1, e);
    else
        r->t = alloc_rows(d, rows, d->n_out, e);
    if (!(lent || own) || !(r->y || r->t)) {
        free(own);
        free(r->y);
        free(r->t);
        *r = (struct loom_rows){0};
        return LOOM_ERR_NOMEM;
    }
    r->x = lent ? (float *)(uintptr_t)lent : own;
    r->map = map;
    r->rows = rows;
    return 0;
}

int loom_dataset_alloc(struct loom_dataset *d, enum loom_part part, size_t rows,
                       int classes, struct loom_errmsg *e)
{
    return make_part(d, part, rows, classes, NULL, NULL, e);
}

int loom_dataset_lend(struct loom_dataset *d, enum loom_part part, size_t rows,
                      int classes, const float *x, const struct loom_map *map,
                      struct loom_errmsg *e)
{
    return make_part(d, part, rows, classes, x, map, e);
}

int loom_dataset_own(struct loom_dataset *d, enum loom_part part,
                     struct loom_errmsg *e)
{
    struct loom_rows *r = &d->part[part];
    if (!r->map)
        return 0;
    float *x = alloc_rows(d, r->rows, d->n_in, e);
    if (!x)
        return LOOM_ERR_NOMEM;
    memcpy(x, r->x, r->rows * d->n_in * sizeof(*x));
    r->x = x;
    r->map = NULL;
    return 0;
}

int loom_dataset_intact(const struct loom_dataset *d, struct loom_errmsg *e)
{
    int err = 0;
    for (int p = 0; !err && p < LOOM_N_PARTS; p++)
        err = d->part[p].map ? loom_map_check(d->part[p].map, e) : 0;
    return err;
}

static void copy_row(const struct loom_dataset *d, struct loom_rows *to,
                     size_t i, const struct loom_rows *from, size_t j)
{
    memmove(to->x + i * d->n_in, from->x + j * d->n_in,
            d->n_in * sizeof(float));
    if (from->y)
        to->y[i] = from->y[j];
    else
        memmove(to->t + i * d->n_out, from->t + j * d->n_out,
                d->n_out * sizeof(float));
}

int loom_dataset_split_val(struct loom_dataset *d, double fraction,
                           uint64_t seed, struct loom_errmsg *e)
{
    struct loom_rows *train = &d->part[LOOM_TRAIN], *val = &d->part[LOOM_VAL];
    if (!(fraction > 0 && fraction < 1))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: a validation fraction of %g; it lies between "
                         "0 and 1",
                         d->name, fraction);
    if (val->rows)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: it has %zu validation rows already", d->name,
                         val->rows);
    if (train->rows < 2)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu training rows cannot be split", d->name,
                         train->rows);
    size_t rows = train->rows, want = (size_t)lround(fraction * (double)rows);
    want = want < 1 ? 1 : want > rows - 1 ? rows - 1 : want;
    free(val->x); /* a part of no rows */
    free(val->y);
    free(val->t);
    *val = (struct loom_rows){0};
    int err = loom_dataset_own(d, LOOM_TRAIN, e);
    if (!err)
        err = loom_dataset_alloc(d, LOOM_VAL, want, train->y != NULL, e);
    if (err)
        return err;
    /* Selection sampling: one pass, exactly `want` rows, order kept. */
    struct loom_rng rng = loom_rng_init(seed, 0x73706c6974); /* "split" */
    size_t taken = 0;
    for (size_t i = 0; i < rows; i++)
        if (loom_rng_below(&rng, rows - i) < want - taken)
            copy_row(d, val, taken++, train, i);
        else
            copy_row(d, train, i - taken, train, i);
    train->rows = rows - want;
    /* The seed says which rows, so they are the same. */
    return d->next ? loom_dataset_split_val(d->next, fraction, seed, e) : 0;
}

/* Balanced weights into w [n_out]. */
static void balance(const struct loom_dataset *d, float *w)
{
    const struct loom_rows *r = &d->part[LOOM_TRAIN];
    size_t *count = loom_calloc(d->n_out, sizeof(*count)), classes = 0;
    for (size_t i = 0; i < r->rows; i++)
        classes += !count[r->y[i]]++;
    for (size_t k = 0; k < d->n_out; k++)
        w[k] = count[k]
                   ? (float)((double)r->rows / (double)(classes * count[k]))
                   : 1;
    free(count);
}

int loom_dataset_weigh(struct loom_dataset *d, const float *w,
                       struct loom_errmsg *e)
{
    int err = loom_dataset_check(d, e);
    bool any = !w;
    if (err)
        return err;
    if (!d->part[LOOM_TRAIN].y)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: weights of classes need training rows with "
                         "labels",
                         d->name);
    for (size_t k = 0; w && k < d->n_out; k++) {
        if (!(isfinite(w[k]) && w[k] >= 0))
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: class %zu has a weight of %g; it must be 0 "
                             "or more",
                             d->name, k, (double)w[k]);
        any = any || w[k] > 0;
    }
    if (!any)
        return loom_fail(e, LOOM_ERR_RANGE,
                         "%s: the weights of all classes are 0", d->name);
    free(d->class_weight);
    d->class_weight = loom_malloc(d->n_out * sizeof(float));
    if (w)
        memcpy(d->class_weight, w, d->n_out * sizeof(float));
    else
        balance(d, d->class_weight);
    return 0;
}

/* Mean and standard deviation of one column; 1 for a constant one. */
static void fit_column(const struct loom_rows *r, size_t n_in, size_t j,
                       float *mean, float *scale)
{
    float low = r->x[j], high = r->x[j];
    double sum = 0, squares = 0;
    for (size_t i = 0; i < r->rows; i++) {
        float v = r->x[i * n_in + j];
        low = v < low ? v : low;
        high = v > high ? v : high;
        sum += (double)v;
    }
    double m = sum / (double)r->rows;
    for (size_t i = 0; i < r->rows; i++) {
        double v = (double)r->x[i * n_in + j] - m;
        squares += v * v;
    }
    double sd = sqrt(squares / (double)r->rows);
    *mean = (float)m;
    *scale = low < high && (float)sd > 0 ? (float)sd : 1;
}

int loom_dataset_standardize(struct loom_dataset *d, struct loom_errmsg *e)
{
    if (d->mean)
        return loom_fail(e, LOOM_ERR_ARG, "%s: it is standardized already",
                         d->name);
    int err = loom_dataset_check(d, e);
    for (int p = 0; !err && p < LOOM_N_PARTS; p++)
        err = loom_dataset_own(d, (enum loom_part)p, e);
    if (err)
        return err;
    float *mean = loom_malloc(d->n_in * sizeof(float));
    float *scale = loom_malloc(d->n_in * sizeof(float));
    for (size_t j = 0; j < d->n_in; j++)
        fit_column(&d->part[LOOM_TRAIN], d->n_in, j, &mean[j], &scale[j]);
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t i = 0; i < d->part[p].rows; i++)
            for (size_t j = 0; j < d->n_in; j++) {
                float *v = &d->part[p].x[i * d->n_in + j];
                *v = (*v - mean[j]) / scale[j];
            }
    d->mean = mean;
    d->scale = scale;
    return 0;
}

/* The first value of [rows][width] that is not finite, or rows * width. */
static size_t first_bad(const float *v, size_t rows, size_t width)
{
    size_t i = 0, n = rows * width;
    while (i < n && isfinite(v[i]))
        i++;
    return i;
}

static int check_part(const struct loom_dataset *d, int part,
                      struct loom_errmsg *e)
{
    const struct loom_rows *r = &d->part[part];
    const char *word = part_word[part];
    if (!r->x || !r->y == !r->t)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: the %s part needs inputs and either labels or "
                         "targets",
                         d->name, word);
    size_t bad = first_bad(r->x, r->rows, d->n_in);
    if (bad < r->rows * d->n_in) {
        size_t column = bad % d->n_in;
        const char *feature = d->feature ? d->feature[column] : NULL;
        return loom_fail(e, LOOM_ERR_NAN,
                         "%s: %s row %zu, column %zu%s%s%s is %g; leave such "
                         "rows out",
                         d->name, word, bad / d->n_in, column,
                         feature ? " (" : "", feature ? feature : "",
                         feature ? ")" : "", (double)r->x[bad]);
    }
    bad = r->t ? first_bad(r->t, r->rows, d->n_out) : 0;
    if (r->t && bad < r->rows * d->n_out)
        return loom_fail(e, LOOM_ERR_NAN,
                         "%s: %s row %zu, target %zu is %g; leave such rows "
                         "out",
                         d->name, word, bad / d->n_out, bad % d->n_out,
                         (double)r->t[bad]);
    for (size_t i = 0; r->y && i < r->rows; i++)
        if (r->y[i] < 0 || (size_t)r->y[i] >= d->n_out)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: %s row %zu has label %d; labels go from 0 "
                             "to %zu",
                             d->name, word, i, r->y[i], d->n_out - 1);
    return 0;
}

int loom_dataset_check(const struct loom_dataset *d, struct loom_errmsg *e)
{
    int first = 0; /* the part that the others are compared with */
    while (first < LOOM_N_PARTS - 1 && !d->part[first].rows)
        first++;
    const struct loom_rows *a = &d->part[first];
    if ((!d->n_in && !d->output[0]) || !d->n_out || !a->rows)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s: %zu inputs, %zu outputs, %zu rows; at least "
                         "one of each is needed",
                         d->name, d->n_in, d->n_out, a->rows);
    for (int p = first; p < LOOM_N_PARTS; p++) {
        int err = d->part[p].rows ? check_part(d, p, e) : 0;
        if (err)
            return err;
        if (d->part[p].rows && !d->part[p].y != !a->y)
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "%s: the %s part has %s, the %s part %s", d->name,
                             part_word[first], a->y ? "labels" : "targets",
                             part_word[p], a->y ? "targets" : "labels");
        if (d->next && d->next->part[p].rows != d->part[p].rows)
            return loom_fail(e, LOOM_ERR_SHAPE,
                             "%s: the %s part has %zu rows for output %s, but "
                             "%zu for %s",
                             d->name, part_word[p], d->part[p].rows, d->output,
                             d->next->part[p].rows, d->next->output);
    }
    return d->next ? loom_dataset_check(d->next, e) : 0;
}

uint32_t loom_dataset_hash(const struct loom_dataset *d)
{
    uLong crc = crc32_z(0, NULL, 0);
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        const struct loom_rows *r = &d->part[p];
        /* The shape, so that a row moved from part to part is seen. */
        uint64_t shape[] = {r->rows, d->n_in, d->n_out};
        crc = crc32_z(crc, (const void *)shape, sizeof(shape));
        if (!r->rows)
            continue;
        crc = crc32_z(crc, (const void *)r->x, r->rows * d->n_in * 4);
        if (r->y)
            crc = crc32_z(crc, (const void *)r->y, r->rows * 4);
        else
            crc = crc32_z(crc, (const void *)r->t, r->rows * d->n_out * 4);
    }
    if (d->class_weight)
        crc = crc32_z(crc, (const void *)d->class_weight, d->n_out * 4);
    crc = crc32_z(crc, (const void *)d->output, strlen(d->output));
    uint32_t next = d->next ? loom_dataset_hash(d->next) : 0;
    if (d->next)
        crc = crc32_z(crc, (const void *)&next, sizeof(next));
    return (uint32_t)crc;
}
