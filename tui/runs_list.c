#include "tui/runs_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

struct runs_list *runs_list_new(void)
{
    return loom_calloc(1, sizeof(struct runs_list));
}

void runs_list_free(struct runs_list *l)
{
    if (!l)
        return;
    runs_data_free(l->data);
    runs_more_free(l->more);
    filter_free(l->filter);
    free(l->order);
    free(l);
}

void runs_more_free(struct runs_more *m)
{
    if (!m)
        return;
    free(m->epoch);
    free(m->point);
    loom_store_builds_free(m->build, m->n_builds);
    free(m->spark);
    free(m);
}

/* ---- order ---- */

static const char *const sort_name[RUNS_SORTS] = {
    [RUNS_BY_START] = "started", [RUNS_BY_METRIC] = "metric",
    [RUNS_BY_EBOPS] = "ebops",   [RUNS_BY_LUT4] = "lut4",
    [RUNS_BY_LC] = "lc",         [RUNS_BY_FMAX] = "fmax",
    [RUNS_BY_EPOCHS] = "epochs", [RUNS_BY_ID] = "id",
};

const char *runs_sort_name(enum runs_sort s)
{
    return sort_name[s];
}

/* What is measured counts before what is predicted. */
static double measured_or(double measured, double predicted)
{
    return isfinite(measured) ? measured : predicted;
}

/* Small is first. NaN: not known, always last. */
static double sort_key(const struct filter_row *r, enum runs_sort s)
{
    const struct loom_store_run *run = r->run;
    const struct loom_store_cost *c = r->cost;
    bool best = run->best_epoch > 0;
    switch (s) {
    case RUNS_BY_METRIC:
        return !best                  ? (double)NAN
               : run->lower_is_better ? run->best_metric
                                      : -run->best_metric;
    case RUNS_BY_EBOPS:
        return best ? run->best_ebops : (double)NAN;
    case RUNS_BY_LUT4:
        return c ? measured_or(c->lut4, c->predicted_lut4) : (double)NAN;
    case RUNS_BY_LC:
        return c ? measured_or(c->lc, c->predicted_lc) : (double)NAN;
    case RUNS_BY_FMAX:
        return c ? -c->fmax_mhz : (double)NAN;
    case RUNS_BY_EPOCHS:
        return -run->epochs;
    default:
        return -run->started;
    }
}

static int compare_rows(const void *a, const void *b, void *ud)
{
    const struct runs_list *l = ud;
    int i = *(const int *)a, j = *(const int *)b;
    const struct filter_row *x = &l->data->row[i], *y = &l->data->row[j];
    int sign = l->reverse ? -1 : 1, by = 0;
    if (l->sort == RUNS_BY_ID)
        return sign * strcmp(x->run->id, y->run->id);
    if (l->sort == RUNS_BY_METRIC) /* an accuracy is not less than an rms */
        by = strcmp(x->run->metric, y->run->metric);
    if (by)
        return by;
    double u = sort_key(x, l->sort), v = sort_key(y, l->sort);
    if (isnan(u) || isnan(v))
        by = isnan(u) - isnan(v);
    else
        by = sign * ((u > v) - (u < v));
    return by ? by : i - j;
}

/* Filter and sort again. The cursor stays at its run, or else at its row. */
static void arrange(struct runs_list *l)
{
    int at = runs_list_at(l);
    l->n = 0;
    for (size_t i = 0; l->data && i < l->data->n; i++)
        if (!l->filter || filter_match(l->filter, &l->data->row[i]))
            l->order[l->n++] = (int)i;
    if (l->n)
        qsort_r(l->order, (size_t)l->n, sizeof *l->order, compare_rows, l);
    if (l->n && runs_list_at(l) < 0) {
        at = at < 0 ? 0 : at < l->n ? at : l->n - 1;
        memcpy(l->cursor, runs_list_row(l, at)->run->id, sizeof l->cursor);
    }
}

void runs_list_set_data(struct runs_list *l, struct runs_data *d)
{
    int at = runs_list_at(l);
    runs_data_free(l->data);
    l->data = d;
    l->n = 0;
    free(l->order);
    l->order = loom_calloc(d && d->n ? d->n : 1, sizeof *l->order);
    if (d && runs_data_find(d, l->cursor) < 0 && at >= 0 && (size_t)at < d->n)
        memcpy(l->cursor, d->run[at].id, sizeof l->cursor);
    arrange(l);
}

void runs_list_set_more(struct runs_list *l, struct runs_more *m)
{
    runs_more_free(l->more);
    l->more = m;
}

bool runs_list_filter(struct runs_list *l, const char *text)
{
    size_t at = 0;
    struct loom_errmsg e = {""};
    struct filter *f = filter_parse(text, &at, &e);
    l->filter_error[0] = 0;
    if (!f) {
        snprintf(l->filter_error, sizeof l->filter_error, "%.150s (at %zu)",
                 e.text, at + 1);
        return false;
    }
    filter_free(l->filter);
    snprintf(l->filter_text, sizeof l->filter_text, "%s", text);
    l->filter = f;
    arrange(l);
    const char *unknown = l->n ? NULL : filter_unknown(f);
    if (unknown && l->data)
        snprintf(l->filter_error, sizeof l->filter_error,
                 "no run has a '%.60s'", unknown);
    if (!l->filter_text[strspn(l->filter_text, " ")]) {
        filter_free(l->filter);
        l->filter = NULL;
        l->filter_text[0] = 0;
    }
    return true;
}

void runs_list_sort(struct runs_list *l, enum runs_sort s, bool reverse)
{
    l->sort = s;
    l->reverse = reverse;
    arrange(l);
}

/* ---- cursor and marks ---- */

const struct filter_row *runs_list_row(const struct runs_list *l, int i)
{
    return i >= 0 && i < l->n ? &l->data->row[l->order[i]] : NULL;
}

int runs_list_at(const struct runs_list *l)
{
    for (int i = 0; i < l->n; i++)
        if (!strcmp(runs_list_row(l, i)->run->id, l->cursor))
            return i;
    return -1;
}

const struct filter_row *runs_list_selected(const struct runs_list *l)
{
    return runs_list_row(l, runs_list_at(l));
}

void runs_list_move(struct runs_list *l, long by)
{
    long at = runs_list_at(l) + by;
    at = at < 0 ? 0 : at < l->n ? at : l->n - 1;
    if (l->n)
        memcpy(l->cursor, runs_list_row(l, (int)at)->run->id, sizeof l->cursor);
}

static int find_mark(const struct runs_list *l, const char *id)
{
    for (int i = 0; i < l->n_marks; i++)
        if (!strcmp(l->mark[i], id))
            return i;
    return -1;
}

bool runs_list_marked(const struct runs_list *l, const char *id)
{
    return find_mark(l, id) >= 0;
}

bool runs_list_mark(struct runs_list *l, const char *id)
{
    int i = find_mark(l, id);
    if (i >= 0) {
        l->n_marks--;
        memmove(l->mark[i], l->mark[i + 1],
                (size_t)(l->n_marks - i) * sizeof l->mark[0]);
    } else if (l->n_marks < RUNS_MARKS) {
        snprintf(l->mark[l->n_marks++], LOOM_RUN_ID, "%s", id);
    } else {
        return false;
    }
    return true;
}

int runs_list_marks(const struct runs_list *l,
                    const struct filter_row *out[RUNS_MARKS])
{
    int n = 0;
    for (int i = 0; i < l->n_marks; i++) {
        int at = runs_data_find(l->data, l->mark[i]);
        if (at >= 0)
            out[n++] = &l->data->row[at];
    }
    return n;
}

/* ---- sparks ---- */

const struct runs_spark *runs_list_spark(const struct runs_list *l,
                                         const char *id)
{
    for (int i = 0; l->more && i < l->more->n_sparks; i++)
        if (!strcmp(l->more->spark[i].id, id))
            return &l->more->spark[i];
    return NULL;
}

void runs_make_spark(struct runs_spark *s, const struct loom_store_epoch *row,
                     size_t n)
{
    s->n = n < RUNS_SPARK ? (int)n : RUNS_SPARK;
    for (int i = 0; i < s->n; i++) {
        const struct loom_store_epoch *r =
            &row[s->n > 1 ? (size_t)i * (n - 1) / (size_t)(s->n - 1) : 0];
        s->y[i] = (float)(isfinite(r->val_loss) ? r->val_loss : r->loss);
    }
}
