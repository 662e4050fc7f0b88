#include "tui/runs_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/mem.h"
#include "tui/format.h"

static int by_run(const void *a, const void *b)
{
    const struct loom_store_cost *x = a, *y = b;
    return strcmp(x->run, y->run);
}

struct runs_data *runs_data_new(struct loom_store_run *run, size_t n,
                                struct loom_store_cost *cost, size_t n_costs)
{
    struct runs_data *d = loom_calloc(1, sizeof *d);
    d->n = n;
    d->run = run;
    d->n_costs = n_costs;
    d->cost = cost;
    d->row = loom_calloc(n ? n : 1, sizeof *d->row);
    d->settings = loom_calloc(n ? n : 1, sizeof(json_t *));
    for (size_t i = 0; i < n; i++) {
        struct loom_store_cost key = {.epoch = 0};
        memcpy(key.run, run[i].id, sizeof key.run);
        d->settings[i] = json_loads(run[i].settings, 0, NULL);
        d->row[i].run = &run[i];
        d->row[i].settings = d->settings[i];
        if (n_costs && run[i].n_builds)
            d->row[i].cost = bsearch(&key, cost, n_costs, sizeof *cost, by_run);
    }
    return d;
}

struct runs_data *runs_data_read(struct loom_store *s,
                                 const struct loom_store_filter *f, int *err,
                                 struct loom_errmsg *e)
{
    struct loom_store_run *run;
    struct loom_store_cost *cost;
    size_t n, n_costs;
    *err = loom_store_list(s, f, &run, &n, e);
    if (*err)
        return NULL;
    *err = loom_store_costs(s, &cost, &n_costs, e);
    if (*err) {
        loom_store_runs_free(run, n);
        return NULL;
    }
    return runs_data_new(run, n, cost, n_costs);
}

void runs_data_free(struct runs_data *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n; i++)
        json_decref(d->settings[i]);
    free(d->settings);
    free(d->row);
    free(d->cost);
    loom_store_runs_free(d->run, d->n);
    free(d);
}

int runs_data_find(const struct runs_data *d, const char *id)
{
    for (size_t i = 0; d && i < d->n; i++)
        if (!strcmp(d->run[i].id, id))
            return (int)i;
    return -1;
}

static char *append_tag(char *tags, const char *tag)
{
    char *longer = loom_asprintf("%s%s%s", tags, *tags ? "," : "", tag);
    free(tags);
    return longer;
}

char *runs_edit_tags(const char *tags, const char *tag, struct loom_errmsg *e)
{
    bool take = tag[0] == '-';
    const char *word = tag + take;
    if (!word[0] || strpbrk(word, ", \t\n")) {
        loom_fail(e, LOOM_ERR_ARG, "'%s': a tag is one word without commas",
                  tag);
        return NULL;
    }
    char *out = loom_strdup(""), *copy = loom_strdup(tags), *rest = copy;
    for (char *t; (t = strsep(&rest, ","));)
        if (*t && strcmp(t, word) != 0)
            out = append_tag(out, t);
    if (!take)
        out = append_tag(out, word);
    free(copy);
    return out;
}

const char *runs_metric_text(const struct loom_store_run *r, double v,
                             char buf[RUNS_CELL])
{
    char n[FORMAT_CHARS];
    bool unit = isfinite(v) && r->unit[0];
    snprintf(buf, RUNS_CELL, "%s%s%s", format_value(v, n), unit ? " " : "",
             unit ? r->unit : "");
    return buf;
}

const char *runs_time_text(double t, char buf[24])
{
    time_t seconds = isfinite(t) ? (time_t)t : 0;
    struct tm tm;
    if (!isfinite(t) || !localtime_r(&seconds, &tm) ||
        !strftime(buf, 24, "%Y-%m-%d %H:%M", &tm))
        snprintf(buf, 24, "—");
    return buf;
}

/* ---- compare ---- */

struct attribute {
    const char *name;
    bool always;
    void (*text)(const struct filter_row *r, char out[RUNS_CELL]);
};

static double best(const struct loom_store_run *r, double v)
{
    return r->best_epoch ? v : (double)NAN;
}

static void state_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%s", loom_run_state_word(r->run->state));
}

static void epochs_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%d", r->run->epochs);
}

static void metric_text(const struct filter_row *r, char out[RUNS_CELL])
{
    runs_metric_text(r->run, best(r->run, r->run->best_metric), out);
}

static void ebops_text(const struct filter_row *r, char out[RUNS_CELL])
{
    char n[FORMAT_CHARS];
    snprintf(out, RUNS_CELL, "%s",
             format_count(best(r->run, r->run->best_ebops), n));
}

/* Measured; "~" before what is only predicted. */
static void cells_text(double measured, double predicted, char out[RUNS_CELL])
{
    char n[FORMAT_CHARS];
    bool guess = !isfinite(measured) && isfinite(predicted);
    if (guess || isfinite(measured))
        snprintf(out, RUNS_CELL, "%s%s", guess ? "~" : "",
                 format_count(guess ? predicted : measured, n));
}

static void lut4_text(const struct filter_row *r, char out[RUNS_CELL])
{
    if (r->cost)
        cells_text(r->cost->lut4, r->cost->predicted_lut4, out);
}

static void lc_text(const struct filter_row *r, char out[RUNS_CELL])
{
    if (r->cost)
        cells_text(r->cost->lc, r->cost->predicted_lc, out);
}

static void fmax_text(const struct filter_row *r, char out[RUNS_CELL])
{
    if (r->cost && isfinite(r->cost->fmax_mhz))
        snprintf(out, RUNS_CELL, "%.1f MHz", r->cost->fmax_mhz);
}

static void builds_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%d", r->run->n_builds);
}

static void seed_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%llu", (unsigned long long)r->run->seed);
}

static void data_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%08x", r->run->data_hash);
}

static void version_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%s", r->run->version);
}

static void parent_text(const struct filter_row *r, char out[RUNS_CELL])
{
    snprintf(out, RUNS_CELL, "%.38s", r->run->parent);
}

static void script_text(const struct filter_row *r, char out[RUNS_CELL])
{
    const char *slash = strrchr(r->run->script, '/');
    snprintf(out, RUNS_CELL, "%s", slash ? slash + 1 : r->run->script);
}

static const struct attribute attributes[] = {
    {"state", true, state_text},      {"epochs", true, epochs_text},
    {"best", true, metric_text},      {"EBOPs", true, ebops_text},
    {"builds", true, builds_text},    {"LUT4", false, lut4_text},
    {"LC", false, lc_text},           {"Fmax", false, fmax_text},
    {"seed", false, seed_text},       {"data", false, data_text},
    {"bitloom", false, version_text}, {"parent", false, parent_text},
    {"script", false, script_text},
};

static struct runs_compare_row *add_row(struct runs_compare *c, const char *key)
{
    c->row = loom_realloc(c->row, (size_t)(c->n_rows + 1) * sizeof *c->row);
    struct runs_compare_row *r = &c->row[c->n_rows++];
    *r = (struct runs_compare_row){
        .key = loom_strdup(key),
        .cell = loom_calloc((size_t)c->n_runs + 1, sizeof *r->cell)};
    return r;
}

static void find_difference(struct runs_compare_row *r, int n)
{
    for (int i = 1; i < n; i++)
        r->differs |= strcmp(r->cell[0], r->cell[i]) != 0;
}

bool runs_setting_empty(const json_t *v)
{
    return json_is_array(v) && json_array_size(v) == 0;
}

char *runs_setting_text(const json_t *v)
{
    if (json_is_string(v))
        return loom_strdup(json_string_value(v));
    return v ? json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)) : NULL;
}

static void add_settings(struct runs_compare *c, const struct filter_row *row)
{
    json_t *keys = json_object(), *value;
    const char *key;
    for (int i = 0; i < c->n_runs; i++)
        json_object_foreach(row[i].settings, key, value)
            if (!runs_setting_empty(value))
                json_object_set(keys, key, value);
    json_object_foreach(keys, key, value)
    {
        /* How many were asked for, where the other row is how many there are.
         */
        struct runs_compare_row *r =
            add_row(c, strcmp(key, "epochs") ? key : "epochs set");
        for (int i = 0; i < c->n_runs; i++) {
            char *text =
                runs_setting_text(json_object_get(row[i].settings, key));
            snprintf(r->cell[i], RUNS_CELL, "%s", text ? text : "");
            free(text);
        }
        find_difference(r, c->n_runs);
    }
    json_decref(keys);
}

/* "same" or "differs": the text itself has no room in a cell. */
static void add_script(struct runs_compare *c, const struct filter_row *row)
{
    struct runs_compare_row *r = add_row(c, "script text");
    for (int i = 0; i < c->n_runs; i++)
        snprintf(r->cell[i], RUNS_CELL, "%s",
                 i == 0                                           ? ""
                 : row[0].run->script_id != row[i].run->script_id ? "differs"
                                                                  : "same");
    for (int i = 1; i < c->n_runs; i++)
        r->differs |= !strcmp(r->cell[i], "differs");
}

void runs_compare_make(struct runs_compare *c, const struct filter_row *row,
                       int n)
{
    *c = (struct runs_compare){.n_runs = n};
    for (size_t k = 0; k < sizeof attributes / sizeof *attributes; k++) {
        struct runs_compare_row *r = add_row(c, attributes[k].name);
        r->always = attributes[k].always;
        for (int i = 0; i < n; i++)
            attributes[k].text(&row[i], r->cell[i]);
        find_difference(r, n);
    }
    add_settings(c, row);
    add_script(c, row);
}

void runs_compare_free(struct runs_compare *c)
{
    for (int i = 0; i < c->n_rows; i++) {
        free(c->row[i].key);
        free(c->row[i].cell);
    }
    free(c->row);
    *c = (struct runs_compare){0};
}
