#include "engine/data_summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "engine/rng.h"

static const char *const part_word[] = {"train", "val", "test"};

static void name_it(char to[32], char *const *names, size_t k)
{
    size_t n = 31;
    if (!names || !names[k]) {
        snprintf(to, 32, "%zu", k);
        return;
    }
    if (strlen(names[k]) > n) /* cut between two characters of UTF-8 */
        while (n && ((unsigned char)names[k][n] & 0xc0) == 0x80)
            n--;
    snprintf(to, 32, "%.*s", (int)n, names[k]);
}

/* ---- columns ----------------------------------------------------------- */

/* Columns of [rows][width] matrices, one a part; NULL where there is none. */
struct columns {
    const struct loom_dataset *d;
    const float *part[LOOM_N_PARTS];
    size_t width;
    double factor; /* on every value */
};

/* First pass: ranges, sums, what is missing. */
static void measure(const struct columns *c, struct loom_column_summary *s)
{
    size_t *n = loom_calloc(c->width + 1, sizeof(*n));
    for (size_t j = 0; j < c->width; j++) {
        s[j].low = INFINITY;
        s[j].high = -INFINITY;
    }
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t i = 0; c->part[p] && i < c->d->part[p].rows; i++)
            for (size_t j = 0; j < c->width; j++) {
                float v = c->part[p][i * c->width + j];
                s[j].zeros += v == 0;
                if (!isfinite(v)) {
                    s[j].missing++;
                    continue;
                }
                s[j].low = v < s[j].low ? v : s[j].low;
                s[j].high = v > s[j].high ? v : s[j].high;
                s[j].mean += (double)v;
                n[j]++;
            }
    for (size_t j = 0; j < c->width; j++) {
        if (!n[j])
            s[j].low = s[j].high = 0;
        s[j].mean /= n[j] ? (double)n[j] : 1;
        s[j].constant = s[j].low == s[j].high;
    }
    free(n);
}

/* Second pass: deviations and histograms. */
static void spread(const struct columns *c, struct loom_column_summary *s)
{
    size_t *n = loom_calloc(c->width + 1, sizeof(*n));
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t i = 0; c->part[p] && i < c->d->part[p].rows; i++)
            for (size_t j = 0; j < c->width; j++) {
                double v = (double)c->part[p][i * c->width + j];
                double low = (double)s[j].low, high = (double)s[j].high;
                if (!isfinite(v))
                    continue;
                double at = high > low ? (v - low) / (high - low) : 0;
                int b = (int)(at * LOOM_SUMMARY_BINS);
                s[j].bin[b < LOOM_SUMMARY_BINS ? b : LOOM_SUMMARY_BINS - 1]++;
                s[j].deviation += (v - s[j].mean) * (v - s[j].mean);
                n[j]++;
            }
    for (size_t j = 0; j < c->width; j++) {
        s[j].deviation = sqrt(s[j].deviation / (n[j] ? (double)n[j] : 1));
        s[j].deviation *= c->factor;
        s[j].mean *= c->factor;
        s[j].low = (float)((double)s[j].low * c->factor);
        s[j].high = (float)((double)s[j].high * c->factor);
    }
    free(n);
}

static void summarize_columns(const struct columns *c,
                              struct loom_column_summary *s)
{
    measure(c, s);
    spread(c, s);
}

/* ---- rows that are there twice ----------------------------------------- */

struct row_hash {
    uint64_t hash;
    uint32_t part;
};

static int by_hash(const void *a, const void *b)
{
    const struct row_hash *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

/* -0 is 0, and any NaN is like any other. */
static uint64_t hash_row(const float *x, size_t n)
{
    uint64_t h = n;
    for (size_t j = 0; j < n; j++) {
        float v = x[j] == 0 ? 0 : isnan(x[j]) ? NAN : x[j];
        uint32_t bits;
        memcpy(&bits, &v, 4);
        h ^= bits;
        h = loom_splitmix64(&h);
    }
    return h;
}

/* The rows of one hash: how many of each part. */
static void count_equal(struct loom_data_summary *s,
                        const size_t n[LOOM_N_PARTS])
{
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        s->repeated[p] += n[p] > 1 ? n[p] - 1 : 0;
        for (int q = p + 1; n[p] && q < LOOM_N_PARTS; q++)
            s->shared[p][q] += n[q];
    }
}

static int find_repeated(const struct loom_dataset *d,
                         struct loom_data_summary *s, struct loom_errmsg *e)
{
    size_t rows = 0, at = 0;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        rows += d->part[p].rows;
    struct row_hash *h = loom_try_alloc(rows, sizeof(*h), d->name, e);
    if (!h)
        return LOOM_ERR_NOMEM;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t i = 0; i < d->part[p].rows; i++)
            h[at++] = (struct row_hash){
                hash_row(d->part[p].x + i * d->n_in, d->n_in), (uint32_t)p};
    qsort(h, rows, sizeof(*h), by_hash);
    for (size_t i = 0; i < rows;) {
        size_t n[LOOM_N_PARTS] = {0}, first = i;
        for (; i < rows && h[i].hash == h[first].hash; i++)
            n[h[i].part]++;
        count_equal(s, n);
    }
    free(h);
    return 0;
}

/* ---- all of it --------------------------------------------------------- */

static void summarize_features(const struct loom_dataset *d,
                               struct loom_data_summary *s)
{
    struct columns c = {.d = d, .width = d->n_in, .factor = 1};
    for (int p = 0; p < LOOM_N_PARTS; p++)
        c.part[p] = d->part[p].x;
    s->feature = loom_calloc(d->n_in + 1, sizeof(*s->feature));
    summarize_columns(&c, s->feature);
    for (size_t j = 0; j < d->n_in; j++) {
        name_it(s->feature[j].name, d->feature, j);
        s->n_constant += s->feature[j].constant;
        s->n_missing += s->feature[j].missing;
    }
}

static void summarize_targets(const struct loom_dataset *d,
                              struct loom_data_summary *s)
{
    struct columns c = {.d = d, .width = d->n_out, .factor = 1};
    if (d->target_scale > 0)
        c.factor = (double)d->target_scale;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        c.part[p] = d->part[p].t;
    s->target = loom_calloc(d->n_out + 1, sizeof(*s->target));
    summarize_columns(&c, s->target);
    for (size_t j = 0; j < d->n_out; j++)
        name_it(s->target[j].name, NULL, j);
}

static void summarize_classes(const struct loom_dataset *d,
                              struct loom_data_summary *s)
{
    s->class = loom_calloc(d->n_out + 1, sizeof(*s->class));
    for (size_t k = 0; k < d->n_out; k++) {
        name_it(s->class[k].name, d->class_name, k);
        s->class[k].weight = d->class_weight ? d->class_weight[k] : 1;
    }
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (size_t i = 0; d->part[p].y && i < d->part[p].rows; i++) {
            int y = d->part[p].y[i];
            if (y >= 0 && (size_t)y < d->n_out)
                s->class[y].rows[p]++;
            else
                s->bad_labels++;
        }
}

/* What is to be predicted, of all outputs. */
static void summarize_labels(const struct loom_dataset *d,
                             struct loom_data_summary *s)
{
    bool classes = false, targets = false;
    memcpy(s->unit, d->unit, sizeof(s->unit));
    memcpy(s->output, d->output, sizeof(s->output));
    s->n_out = d->n_out;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        classes = classes || d->part[p].y;
        targets = targets || d->part[p].t;
    }
    if (classes)
        summarize_classes(d, s);
    else if (targets)
        summarize_targets(d, s);
    if (d->next) {
        s->next = loom_calloc(1, sizeof(*s->next));
        summarize_labels(d->next, s->next);
    }
}

struct loom_data_summary *loom_data_summary_new(const struct loom_dataset *d,
                                                struct loom_errmsg *e)
{
    struct loom_data_summary *s = loom_calloc(1, sizeof(*s));
    memcpy(s->name, d->name, sizeof(s->name));
    memcpy(s->source, d->source, sizeof(s->source));
    memcpy(s->split, d->split, sizeof(s->split));
    s->hash = loom_dataset_hash(d);
    s->standardized = d->mean;
    s->n_in = d->n_in;
    for (int p = 0; p < LOOM_N_PARTS; p++)
        s->rows[p] = d->part[p].rows;
    summarize_features(d, s);
    summarize_labels(d, s);
    if (find_repeated(d, s, e) < 0) {
        loom_data_summary_destroy(s);
        return NULL;
    }
    return s;
}

void loom_data_summary_destroy(struct loom_data_summary *s)
{
    if (!s)
        return;
    free(s->feature);
    free(s->class);
    free(s->target);
    loom_data_summary_destroy(s->next);
    free(s);
}

/* ---- as JSON ----------------------------------------------------------- */

static json_t *column_to_json(const struct loom_column_summary *c)
{
    json_t *bins = json_array();
    for (int b = 0; b < LOOM_SUMMARY_BINS; b++)
        json_array_append_new(bins, json_integer(c->bin[b]));
    return json_pack("{s:s,s:f,s:f,s:f,s:f,s:I,s:I,s:b,s:o}", "name", c->name,
                     "min", (double)c->low, "max", (double)c->high, "mean",
                     c->mean, "std", c->deviation, "missing",
                     (json_int_t)c->missing, "zeros", (json_int_t)c->zeros,
                     "constant", c->constant, "histogram", bins);
}

static json_t *columns_to_json(const struct loom_column_summary *c, size_t n)
{
    json_t *j = json_array();
    for (size_t k = 0; k < n; k++)
        json_array_append_new(j, column_to_json(&c[k]));
    return j;
}

/* {"train": n, ...} */
static json_t *parts_to_json(const size_t n[LOOM_N_PARTS])
{
    json_t *j = json_object();
    for (int p = 0; p < LOOM_N_PARTS; p++)
        json_object_set_new(j, part_word[p], json_integer((json_int_t)n[p]));
    return j;
}

static json_t *classes_to_json(const struct loom_data_summary *s)
{
    json_t *j = json_array();
    for (size_t k = 0; k < s->n_out; k++)
        json_array_append_new(
            j, json_pack("{s:s,s:o,s:f}", "name", s->class[k].name, "rows",
                         parts_to_json(s->class[k].rows), "weight",
                         (double)s->class[k].weight));
    return j;
}

static void put_labels(const struct loom_data_summary *s, json_t *j)
{
    if (s->output[0])
        json_object_set_new(j, "output", json_string(s->output));
    if (s->class)
        json_object_set_new(j, "classes", classes_to_json(s));
    if (s->target)
        json_object_set_new(j, "targets", columns_to_json(s->target, s->n_out));
}

json_t *loom_data_summary_to_json(const struct loom_data_summary *s)
{
    char hash[16];
    snprintf(hash, sizeof(hash), "%08x", s->hash);
    json_t *j = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:o,s:o,s:I,s:I,s:I,s:o}", "name",
        s->name, "source", s->source, "split", s->split, "unit", s->unit,
        "hash", hash, "standardized", s->standardized, "inputs",
        (json_int_t)s->n_in, "outputs", (json_int_t)s->n_out, "rows",
        parts_to_json(s->rows), "repeated_rows", parts_to_json(s->repeated),
        "constant_features", (json_int_t)s->n_constant, "missing_values",
        (json_int_t)s->n_missing, "bad_labels", (json_int_t)s->bad_labels,
        "features", columns_to_json(s->feature, s->n_in));
    json_t *shared = json_object();
    for (int p = 0; p < LOOM_N_PARTS; p++)
        for (int q = p + 1; q < LOOM_N_PARTS; q++) {
            char key[16];
            snprintf(key, sizeof(key), "%s_%s", part_word[p], part_word[q]);
            json_object_set_new(shared, key,
                                json_integer((json_int_t)s->shared[p][q]));
        }
    json_object_set_new(j, "shared_rows", shared);
    put_labels(s, j);
    json_t *more = json_array();
    for (const struct loom_data_summary *t = s->next; t; t = t->next) {
        json_t *of = json_object();
        put_labels(t, of);
        json_array_append_new(more, of);
    }
    if (s->next)
        json_object_set(j, "more_outputs", more);
    json_decref(more);
    return j;
}
