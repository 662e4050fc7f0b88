/* bitloom runs: the run store on the command line. */
#include "tui/commands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "tui/cli.h"
#include "tui/runs_data.h"
#include "tui/runs_rerun.h"

struct options {
    bool json;
    const char *out, *csv, *state, *tag, *filter, *threads;
    int n; /* words that are no options; the sub-command is taken off */
    char *word[64];
};

struct command {
    const char *name;
    int min, max; /* words after it */
    int (*run)(struct loom_store *s, const struct options *o);
    const char *usage;
};

/* ---- JSON ---- */

/* A time in whole seconds, a number; null where it is not known. */
static json_t *seconds(double t)
{
    return isfinite(t) ? json_integer((json_int_t)t) : json_null();
}

static json_t *real(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *parse_or_null(const char *text)
{
    json_t *j = text[0] ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return j ? j : json_null();
}

static json_t *run_json(const struct loom_store_run *r)
{
    char hash[16];
    snprintf(hash, sizeof(hash), "%08x", r->data_hash);
    json_t *best =
        r->best_epoch
            ? json_pack("{si so so}", "epoch", r->best_epoch, "val_metric",
                        real(r->best_metric), "ebops", real(r->best_ebops))
            : json_null();
    return json_pack(
        "{ss ss so so si ss ss ss sI ss ss sb si si so ss ss ss ss so}", "id",
        r->id, "state", loom_run_state_word(r->state), "started",
        seconds(r->started), "ended", seconds(r->ended), "epochs", r->epochs,
        "script", r->script, "parent", r->parent, "dir", r->dir, "seed",
        (json_int_t)r->seed, "data_hash", hash, "metric", r->metric,
        "lower_is_better", r->lower_is_better, "n_points", r->n_points,
        "n_builds", r->n_builds, "best", best, "unit", r->unit, "tags", r->tags,
        "note", r->note, "reason", r->reason, "settings",
        parse_or_null(r->settings));
}

static json_t *front_json(const struct loom_store_point *p, size_t n)
{
    json_t *front = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            front, json_pack("{si so so ss}", "epoch", p[i].epoch, "val_metric",
                             real(p[i].val_metric), "ebops", real(p[i].ebops),
                             "checkpoint", p[i].checkpoint));
    return front;
}

static json_t *builds_json(const struct loom_store_build *b, size_t n)
{
    json_t *builds = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            builds,
            json_pack("{sI si ss ss ss so so so}", "id", (json_int_t)b[i].id,
                      "epoch", b[i].epoch, "device", b[i].device, "state",
                      b[i].state, "dir", b[i].dir, "started",
                      seconds(b[i].started), "ended", seconds(b[i].ended),
                      "report", parse_or_null(b[i].report)));
    return builds;
}

/* ---- text ---- */

static const char *when(double t, char buf[24])
{
    time_t seconds = (time_t)t;
    struct tm tm;
    if (!isfinite(t) || !localtime_r(&seconds, &tm) ||
        !strftime(buf, 24, "%Y-%m-%d %H:%M", &tm))
        snprintf(buf, 24, "-");
    return buf;
}

static const char *metric(const struct loom_store_run *r, double v,
                          char buf[40])
{
    if (isfinite(v))
        snprintf(buf, 40, "%.4g%s%s", v, r->unit[0] ? " " : "", r->unit);
    else
        snprintf(buf, 40, "-");
    return buf;
}

static const char *count(double v, char buf[16])
{
    return isfinite(v) ? cli_count(v, buf) : "-";
}

/* ---- ls ---- */

/* Characters in the first n bytes of UTF-8. */
static int text_columns(const char *text, size_t n)
{
    int columns = 0;
    for (size_t i = 0; i < n && text[i]; i++)
        columns += (text[i] & 0xc0) != 0x80;
    return columns;
}

static void print_list(const struct filter_row *row, size_t n)
{
    char start[24], value[40], ebops[16];
    printf("%-16s %-8s %6s  %-14s %7s %6s  %-16s  %s\n", "run", "state",
           "epochs", "best", "EBOPs", "builds", "started", "tags");
    for (size_t i = 0; i < n; i++) {
        const struct loom_store_run *r = row[i].run;
        printf("%-16s %-8s %6d  %-14s %7s %6d  %-16s  %s\n", r->id,
               loom_run_state_word(r->state), r->epochs,
               metric(r, r->best_epoch ? r->best_metric : (double)NAN, value),
               count(r->best_epoch ? r->best_ebops : (double)NAN, ebops),
               r->n_builds, when(r->started, start), r->tags);
    }
}

static int list_json(const char *dir, const struct filter_row *row, size_t n)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(runs, run_json(row[i].run));
    return cli_print_json(json_pack("{ss ss so}", "schema", "bitloom/runs/1",
                                    "dir", dir, "runs", runs));
}

/* Keep the rows that pass; an expression that cannot be read, or names what
 * no run has, is wrong use. */
static int filter_rows(struct runs_data *d, const char *text, size_t *n)
{
    struct loom_errmsg e;
    size_t at, kept = 0;
    struct filter *f = filter_parse(text, &at, &e);
    if (!f)
        return cli_usage("runs", "--filter: %s\n  %s\n  %*s^", e.text, text,
                         text_columns(text, at), "");
    for (size_t i = 0; i < d->n; i++)
        if (filter_match(f, &d->row[i]))
            d->row[kept++] = d->row[i];
    *n = kept;
    const char *unknown = d->n && !kept ? filter_unknown(f) : NULL;
    int status = unknown
                     ? cli_usage("runs", "--filter: no run has a '%s'", unknown)
                     : CLI_DONE;
    filter_free(f);
    return status;
}

static int runs_ls(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    struct loom_store_filter f = {
        .state = o->state ? loom_run_state_find(o->state) : -1,
        .tag = o->tag,
        .name = o->n ? o->word[0] : NULL};
    if (o->state && f.state < 0)
        return cli_usage("runs",
                         "%s: no such state; there are running, done, "
                         "stopped, failed and lost",
                         o->state);
    int err, status = CLI_DONE;
    struct runs_data *d = runs_data_read(s, &f, &err, &e);
    if (!d)
        return cli_fail(err, &e);
    size_t n = d->n;
    if (o->filter)
        status = filter_rows(d, o->filter, &n);
    if (!status && o->json)
        status = list_json(loom_store_dir(s), d->row, n);
    else if (!status && n)
        print_list(d->row, n);
    else if (!status)
        printf("no such runs in %s%s\n", loom_store_dir(s),
               f.name && strpbrk(f.name, "<>=#/ ")
                   ? "; an expression goes behind --filter"
                   : "");
    runs_data_free(d);
    return status;
}

/* ---- show ---- */

struct whole_run {
    struct loom_store_run run;
    struct loom_store_point *front;
    struct loom_store_build *builds;
    size_t n_front, n_builds;
};

static void whole_run_deinit(struct whole_run *w)
{
    loom_store_run_deinit(&w->run);
    free(w->front);
    loom_store_builds_free(w->builds, w->n_builds);
    *w = (struct whole_run){0};
}

static int whole_run_get(struct loom_store *s, const char *id,
                         struct whole_run *w, struct loom_errmsg *e)
{
    *w = (struct whole_run){0};
    int err = loom_store_get(s, id, &w->run, e);
    if (!err)
        err = loom_store_points(s, id, true, &w->front, &w->n_front, e);
    if (!err)
        err = loom_store_builds(s, id, &w->builds, &w->n_builds, e);
    if (err)
        whole_run_deinit(w);
    return err;
}

static json_t *whole_run_json(const struct whole_run *w)
{
    json_t *j = json_pack("{ss}", "schema", "bitloom/run/1"),
           *run = run_json(&w->run);
    json_object_update(j, run);
    json_decref(run);
    json_object_set_new(j, "script_text", json_string(w->run.script_text));
    json_object_set_new(j, "version", json_string(w->run.version));
    json_object_set_new(j, "weights", json_string(w->run.weights));
    json_object_set_new(j, "steered", json_boolean(w->run.steered));
    json_object_set_new(j, "front", front_json(w->front, w->n_front));
    json_object_set_new(j, "builds", builds_json(w->builds, w->n_builds));
    return j;
}

static void print_front(const struct whole_run *w)
{
    char value[40], ebops[16];
    if (!w->n_front)
        return;
    printf("\n%5s  %-14s %7s  %s\n", "epoch", w->run.metric, "EBOPs",
           "checkpoint");
    for (size_t i = 0; i < w->n_front; i++)
        printf("%5d  %-14s %7s  %s%s\n", w->front[i].epoch,
               metric(&w->run, w->front[i].val_metric, value),
               count(w->front[i].ebops, ebops), w->front[i].checkpoint,
               w->front[i].epoch == w->run.best_epoch ? "  best" : "");
}

/* Cells and clock are what place and route measured; a build that did not get
 * that far has none. */
static void print_build(const struct loom_store_build *b)
{
    char start[24];
    json_t *report = parse_or_null(b->report);
    json_t *lc = json_object_get(json_object_get(report, "cells"), "lc");
    json_t *fmax = json_object_get(report, "fmax_mhz");
    printf("%5d  %-10s %-18s %-16s", b->epoch, b->state, b->device,
           when(b->started, start));
    if (json_is_number(lc))
        printf("  %.0f LC", json_number_value(lc));
    if (json_is_number(fmax))
        printf("  %.1f MHz", json_number_value(fmax));
    printf("  %s\n", b->dir);
    json_decref(report);
}

static void print_run(const struct whole_run *w)
{
    const struct loom_store_run *r = &w->run;
    char start[24], end[24];
    printf("%s  %s", r->id, loom_run_state_word(r->state));
    if (r->reason[0])
        printf(": %s", r->reason);
    printf("\nscript    %s\nsettings  %s\nstarted   %s, ended %s\n", r->script,
           r->settings, when(r->started, start), when(r->ended, end));
    printf(
        "epochs    %d\nseed      %llu, data %08x, bitloom %s\nfolder    %s\n",
        r->epochs, (unsigned long long)r->seed, r->data_hash, r->version,
        r->dir);
    const struct {
        const char *name, *value;
    } more[] = {{"parent", r->parent},
                {"weights", r->weights},
                {"by hand", r->steered ? "changed while it trained" : ""},
                {"tags", r->tags},
                {"note", r->note}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        if (more[i].value[0])
            printf("%-9s %s\n", more[i].name, more[i].value);
    if (r->state == LOOM_RUN_LOST || r->state == LOOM_RUN_STOPPED)
        printf("go on     bitloom run %s --resume %s\n", r->script, r->id);
    print_front(w);
    if (w->n_builds)
        printf("\n%5s  %-10s %-18s %-16s  measured\n", "epoch", "build",
               "device", "started");
    for (size_t i = 0; i < w->n_builds; i++)
        print_build(&w->builds[i]);
}

static int runs_show(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    struct whole_run w;
    int err = whole_run_get(s, o->word[0], &w, &e), status = CLI_DONE;
    if (err)
        return cli_fail(err, &e);
    if (o->json)
        status = cli_print_json(whole_run_json(&w));
    else
        print_run(&w);
    whole_run_deinit(&w);
    return status;
}

/* ---- compare ---- */

static void print_compare(const struct filter_row *row, int n)
{
    struct runs_compare c;
    runs_compare_make(&c, row, n);
    printf("%-14s", "");
    for (int i = 0; i < n; i++)
        printf("  %-16s", row[i].run->id);
    putchar('\n');
    for (int k = 0; k < c.n_rows; k++) {
        if (!c.row[k].differs && !c.row[k].always)
            continue;
        printf("%-14s", c.row[k].key);
        for (int i = 0; i < n; i++)
            printf("  %-16s", c.row[k].cell[i]);
        putchar('\n');
    }
    runs_compare_free(&c);
}

static int compare_runs(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    struct loom_store_run *r = loom_calloc((size_t)o->n, sizeof *r);
    struct loom_store_cost *cost = NULL;
    size_t n_costs = 0, n = 0;
    int err = loom_store_costs(s, &cost, &n_costs, &e), status = CLI_DONE;
    while (!err && n < (size_t)o->n) {
        err = loom_store_get(s, o->word[n], &r[n], &e);
        n += !err;
    }
    struct runs_data *d = runs_data_new(r, n, cost, n_costs);
    if (err) {
        status = cli_fail(err, &e);
    } else if (o->json) {
        json_t *runs = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(runs, run_json(&r[i]));
        status = cli_print_json(
            json_pack("{ss so}", "schema", "bitloom/compare/1", "runs", runs));
    } else {
        print_compare(d->row, (int)n);
    }
    runs_data_free(d);
    return status;
}

/* ---- export ---- */

static void csv_number(FILE *f, double v, char end)
{
    if (isfinite(v))
        fprintf(f, "%.9g", v);
    if (end)
        fputc(end, f);
}

/* A column each for the metrics behind the first, which are the last ones.
 * Their names are words of ours and of layers. */
static size_t csv_head(FILE *f, const json_t *metrics)
{
    size_t n = json_array_size(metrics);
    fputs("epoch,loss,val_loss,val_metric,ebops,beta,lr,seconds,front", f);
    for (size_t k = 1; k < n && k < 4; k++) {
        const char *name = json_string_value(json_array_get(metrics, k));
        fputs(",\"val_", f);
        for (; name && *name; name++)
            fputs(*name == '"' ? "\"\"" : (char[]){*name, 0}, f);
        fputc('"', f);
    }
    fputc('\n', f);
    return n > 4 ? 3 : n ? n - 1 : 0;
}

static void csv_rows(FILE *f, const json_t *metrics,
                     const struct loom_store_epoch *r, size_t n,
                     const struct loom_store_point *p, size_t n_points)
{
    size_t more = csv_head(f, metrics);
    for (size_t i = 0; i < n; i++) {
        bool front = false;
        for (size_t k = 0; k < n_points; k++)
            front = front || p[k].epoch == r[i].epoch;
        const double v[] = {r[i].loss,   r[i].val_loss, r[i].val_metric,
                            r[i].ebops,  r[i].beta,     r[i].lr,
                            r[i].seconds};
        fprintf(f, "%d,", r[i].epoch);
        for (int k = 0; k < 7; k++)
            csv_number(f, v[k], ',');
        fprintf(f, "%d", front);
        for (size_t k = 0; k < more; k++) {
            fputc(',', f);
            csv_number(f, r[i].more[k], 0);
        }
        fputc('\n', f);
    }
}

/* To a file whole or not at all, or "-" for standard output. */
static int write_csv(const char *path, const struct loom_store_run *run,
                     const struct loom_store_epoch *r, size_t n,
                     const struct loom_store_point *p, size_t n_points,
                     struct loom_errmsg *e)
{
    json_t *settings = json_loads(run->settings, 0, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    csv_rows(f, json_object_get(settings, "metrics"), r, n, p, n_points);
    fclose(f);
    json_decref(settings);
    int err = 0;
    if (strcmp(path, "-") != 0)
        err = loom_file_write(path, text, size, e);
    else if (fwrite(text, 1, size, stdout) != size || fflush(stdout) == EOF)
        err = loom_fail(e, LOOM_ERR_IO, "standard output cannot be written");
    free(text);
    return err;
}

static int runs_export(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    struct loom_store_epoch *r = NULL;
    struct loom_store_point *p = NULL;
    size_t n = 0, n_points = 0;
    const char *id = o->word[0];
    if (!o->csv)
        return cli_usage("runs", "export %s: --csv FILE is missing", id);
    struct loom_store_run run = {0};
    int err = loom_store_get(s, id, &run, &e);
    if (!err)
        err = loom_store_epochs(s, id, &r, &n, &e);
    if (!err)
        err = loom_store_points(s, id, true, &p, &n_points, &e);
    if (!err)
        err = write_csv(o->csv, &run, r, n, p, n_points, &e);
    loom_store_run_deinit(&run);
    free(r);
    free(p);
    if (err)
        return cli_fail(err, &e);
    if (o->json && strcmp(o->csv, "-") != 0)
        return cli_print_json(json_pack("{ss ss ss si}", "schema",
                                        "bitloom/export/1", "run", id, "csv",
                                        o->csv, "rows", (int)n));
    return CLI_DONE;
}

/* ---- rm, tag ---- */

/* Rows first: should the rest fail, a folder that no run names is left, and
 * its name is never given again. */
static int runs_rm(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    const char *id = o->word[0];
    int err = loom_store_remove_run(s, id, &e);
    if (err)
        return cli_fail(err, &e);
    if (id[0] != '.' && !strchr(id, '/')) {
        char *dir = loom_asprintf("%s/%s", loom_store_dir(s), id);
        if (loom_file_remove_tree(dir))
            err = loom_fail(&e, LOOM_ERR_IO,
                            "%s: the run is forgotten, but not all of this "
                            "folder could be removed: %s",
                            dir, strerror(errno));
        free(dir);
    }
    if (err)
        return cli_fail(err, &e);
    return o->json ? cli_print_json(json_pack("{ss ss}", "schema",
                                              "bitloom/removed/1", "run", id))
                   : CLI_DONE;
}

static int runs_tag(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    struct loom_store_run r;
    const char *id = o->word[0], *tag = o->word[1];
    int err = loom_store_get(s, id, &r, &e);
    if (err)
        return cli_fail(err, &e);
    char *tags = runs_edit_tags(r.tags, tag, &e);
    err = tags ? loom_store_set_tags(s, id, tags, &e) : LOOM_ERR_ARG;
    int status =
        err ? cli_fail(err, &e)
        : o->json
            ? cli_print_json(json_pack("{ss ss ss}", "schema", "bitloom/tags/1",
                                       "run", id, "tags", tags))
            : CLI_DONE;
    free(tags);
    loom_store_run_deinit(&r);
    return status;
}

/* ---- rerun ---- */

static int runs_again(struct loom_store *s, const struct options *o)
{
    struct loom_errmsg e;
    struct loom_store_run r;
    int n = o->threads ? atoi(o->threads) : 0;
    if (o->threads && (n < 1 || n > 256))
        return cli_usage("runs", "--threads: 1 to 256");
    int err = loom_store_get(s, o->word[0], &r, &e);
    if (err)
        return cli_fail(err, &e);
    int status = runs_rerun(&r, loom_store_dir(s), n, o->json);
    loom_store_run_deinit(&r);
    return status;
}

/* ---- the command ---- */

static const struct command commands[] = {
    {"ls", 0, 1, runs_ls, "ls [NAME] [--state S] [--tag T] [--filter EXPR]"},
    {"show", 1, 1, runs_show, "show ID"},
    {"compare", 2, 64, compare_runs, "compare ID ID..."},
    {"export", 1, 1, runs_export, "export ID --csv FILE"},
    {"rm", 1, 1, runs_rm, "rm ID"},
    {"tag", 2, 2, runs_tag, "tag ID T"},
    {"rerun", 1, 1, runs_again, "rerun ID [--threads N]"},
};

static int parse(struct options *o, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } with_value[] = {{"--out", &o->out},        {"--store", &o->out},
                      {"--csv", &o->csv},        {"--state", &o->state},
                      {"--tag", &o->tag},        {"--filter", &o->filter},
                      {"--threads", &o->threads}};
    enum { N = sizeof(with_value) / sizeof(with_value[0]) };
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < N && strcmp(argv[i], with_value[k].name) != 0)
            k++;
        if (k < N && i + 1 == argc)
            return cli_usage("runs", "%s needs a value", argv[i]);
        if (k < N)
            *with_value[k].value = argv[++i];
        else if (!strcmp(argv[i], "--json"))
            o->json = true;
        else if (!strncmp(argv[i], "--", 2))
            return cli_usage("runs", "%s: unknown option", argv[i]);
        else if (o->n == (int)(sizeof(o->word) / sizeof(o->word[0])))
            return cli_usage("runs", "too many runs; at most %d", o->n);
        else
            o->word[o->n++] = argv[i];
    }
    return CLI_DONE;
}

/* A folder without a store has no runs; that is no error to who lists them. */
static int no_store(const struct options *o, const struct loom_errmsg *e)
{
    if (!o->json) {
        printf("%s\n", e->text);
        return CLI_DONE;
    }
    char *dir = o->out ? loom_strdup(o->out) : loom_folder(LOOM_FOLDER_DATA);
    int status = list_json(dir, NULL, 0);
    free(dir);
    return status;
}

static int run_command(const struct command *c, const struct options *o)
{
    struct loom_errmsg e;
    int err;
    struct loom_store *s = loom_store_open(o->out, LOOM_STORE_READ, &err, &e);
    if (!s)
        return err == LOOM_ERR_MISSING && c->run == runs_ls ? no_store(o, &e)
                                                            : cli_fail(err, &e);
    int status = c->run(s, o);
    loom_store_close(s);
    return status;
}

int cmd_runs(int argc, char **argv)
{
    struct options o = {0};
    int status = parse(&o, argc, argv);
    if (status)
        return status;
    const char *name = o.n ? o.word[0] : "ls";
    size_t k = 0, n = sizeof(commands) / sizeof(commands[0]);
    while (k < n && strcmp(name, commands[k].name) != 0)
        k++;
    if (k == n)
        return cli_usage("runs",
                         "%s: not one of ls, show, compare, export, "
                         "rm, tag, rerun",
                         name);
    if (o.n)
        memmove(o.word, o.word + 1, (size_t)--o.n * sizeof(o.word[0]));
    if (o.n < commands[k].min || o.n > commands[k].max)
        return cli_usage("runs", "usage: bitloom runs %s", commands[k].usage);
    return run_command(&commands[k], &o);
}
