/* bitloom data: what is in a data file, or in the data set of a script. */
#include <getopt.h>
#include <langinfo.h>
#include <lauxlib.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data_file.h"
#include "engine/data_summary.h"
#include "engine/dataset_build.h"
#include "engine/mem.h"
#include "lua/script.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/format.h"

enum { LISTED = 40, STEPS = 16 };

struct data_args {
    const char *path, *label, *labels;
    const char **set; /* NULL-ended */
    size_t classes;
    bool json;
};

/* ---- a file ------------------------------------------------------------- */

/* All columns as features, where no label is known. */
static struct loom_dataset *only_features(const struct loom_table *t,
                                          const char *name,
                                          struct loom_errmsg *e)
{
    size_t rows = t->a.n_dims ? t->a.dim[0] : 0;
    struct loom_dataset *d =
        loom_dataset_new(name, loom_array_columns(&t->a), 0);
    float *x = loom_array_to_f32(&t->a);
    int err = x ? loom_dataset_alloc(d, LOOM_TRAIN, rows, 0, e)
                : loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for it", name);
    if (!err && t->a.n)
        memcpy(d->part[LOOM_TRAIN].x, x, t->a.n * sizeof(*x));
    free(x);
    if (err) {
        loom_dataset_destroy(d);
        return NULL;
    }
    if (t->n_columns)
        d->feature = loom_calloc(t->n_columns, sizeof(*d->feature));
    for (size_t k = 0; k < t->n_columns; k++)
        d->feature[k] = loom_strdup(t->name[k]);
    return d;
}

static struct loom_dataset *with_labels(const struct data_args *a,
                                        const struct loom_table *x,
                                        const struct loom_table *y, int *err,
                                        struct loom_errmsg *e)
{
    struct loom_build_conf conf = {
        .name = a->path,
        .n_targets = 1,
        .target = {{.classes = a->classes, .scale = 1}}};
    struct loom_block b = {.what = a->path, .x = x, .of = {{.y = y}}};
    if (!y) {
        long column = loom_table_column(x, a->label);
        if (column < 0) {
            *err = loom_fail(e, LOOM_ERR_ARG, "%s: no column \"%s\"", a->path,
                             a->label);
            return NULL;
        }
        b.of[0].column = (size_t)column;
    }
    return loom_dataset_build(&b, 1, &conf, NULL, err, e);
}

static int summarize_file(const struct data_args *a,
                          struct loom_data_summary **out, struct loom_errmsg *e)
{
    struct loom_table x = {0}, y = {0};
    struct loom_dataset *d = NULL;
    int err = loom_data_read(a->path, &loom_data_plain, &x, e);
    if (!err && a->labels)
        err = loom_data_read(a->labels, &loom_data_plain, &y, e);
    if (!err && (a->label || a->labels)) {
        d = with_labels(a, &x, a->labels ? &y : NULL, &err, e);
    } else if (!err) {
        d = only_features(&x, a->path, e);
        err = d ? 0 : LOOM_ERR_NOMEM;
    }
    if (!err)
        *out = loom_data_summary_new(d, e);
    if (!err && !*out)
        err = LOOM_ERR_NOMEM;
    loom_dataset_destroy(d);
    loom_table_deinit(&x);
    loom_table_deinit(&y);
    return err;
}

/* ---- a script ----------------------------------------------------------- */

/* What the script would train on; it does not train. */
static int look(void *ud, struct loom_train_request *r, struct loom_errmsg *e)
{
    struct loom_data_summary **out = ud;
    loom_model_destroy(r->take_model);
    r->take_model = NULL;
    *out = loom_data_summary_new(r->data, e);
    return *out ? loom_fail(e, LOOM_ERR_CANCELLED, "seen") : LOOM_ERR_NOMEM;
}

static bool no_point(void *ud, int k, struct loom_pareto_point *out)
{
    (void)ud;
    (void)k;
    (void)out;
    return false;
}

static void no_print(void *ud, const char *line)
{
    (void)ud;
    (void)line;
}

static int summarize_script(const struct data_args *a,
                            struct loom_data_summary **out,
                            struct loom_errmsg *e)
{
    struct loom_script_host host = {.ud = out,
                                    .train = look,
                                    .point = no_point,
                                    .print = no_print,
                                    .script = a->path,
                                    .set = a->set,
                                    .seed = -1};
    lua_State *L = loom_script_new(&host);
    if (!L)
        return loom_fail(e, LOOM_ERR_NOMEM, "no memory for the script");
    int err = loom_script_run(L, a->path, NULL, e);
    lua_close(L);
    if (*out)
        return 0;
    return err ? err
               : loom_fail(e, LOOM_ERR_SCRIPT, "%s: it ends without loom.train",
                           a->path);
}

/* ---- as text ------------------------------------------------------------ */

/* The histogram in STEPS characters, as high as the largest bin. */
static void print_histogram(const struct loom_column_summary *c, bool utf8)
{
    static const char *const block[] = {" ", "▁", "▂", "▃", "▄",
                                        "▅", "▆", "▇", "█"};
    static const char ascii[] = " .:-=+*#@";
    uint64_t sum[STEPS] = {0}, most = 1;
    for (int b = 0; b < LOOM_SUMMARY_BINS; b++)
        sum[b * STEPS / LOOM_SUMMARY_BINS] += c->bin[b];
    for (int k = 0; k < STEPS; k++)
        most = sum[k] > most ? sum[k] : most;
    for (int k = 0; k < STEPS; k++) {
        uint64_t level = (sum[k] * 8 + most - 1) / most;
        if (utf8)
            fputs(block[level], stdout);
        else
            putchar(ascii[level]);
    }
}

static void print_columns(const char *what, const struct loom_column_summary *c,
                          size_t n, bool utf8)
{
    char low[FORMAT_CHARS], high[FORMAT_CHARS], mean[FORMAT_CHARS];
    char deviation[FORMAT_CHARS];
    printf("\n  %-24s %9s %9s %9s %9s %9s\n", what, "min", "max", "mean", "std",
           "missing");
    for (size_t k = 0; k < n && k < LISTED; k++) {
        printf("  %-24s %9s %9s %9s %9s %9zu  ", c[k].name,
               format_value((double)c[k].low, low),
               format_value((double)c[k].high, high),
               format_value(c[k].mean, mean),
               format_value(c[k].deviation, deviation), c[k].missing);
        print_histogram(&c[k], utf8);
        puts(c[k].constant ? "  constant" : "");
    }
    if (n > LISTED)
        printf("  ... and %zu more; --json has them all\n", n - LISTED);
}

static void print_classes(const struct loom_data_summary *s)
{
    printf("\n  %-24s %9s %9s %9s %9s\n", "class", "train", "val", "test",
           "weight");
    for (size_t k = 0; k < s->n_out; k++)
        printf("  %-24s %9zu %9zu %9zu %9.4g\n", s->class[k].name,
               s->class[k].rows[0], s->class[k].rows[1], s->class[k].rows[2],
               (double)s->class[k].weight);
}

static void print_summary(const struct loom_data_summary *s, bool utf8)
{
    printf("%s: %zu features, %zu rows: %zu train, %zu val, %zu test\n",
           s->name, s->n_in, s->rows[0] + s->rows[1] + s->rows[2], s->rows[0],
           s->rows[1], s->rows[2]);
    if (*s->source)
        printf("  source    %s\n", s->source);
    if (*s->split)
        printf("  split     %s\n", s->split);
    printf("  hash      %08x%s\n", s->hash,
           s->standardized ? ", standardized by the training part" : "");
    printf("  missing   %zu values; %zu constant features; %zu labels out of "
           "range\n",
           s->n_missing, s->n_constant, s->bad_labels);
    printf("  repeated  %zu rows in train, %zu in val, %zu in test\n",
           s->repeated[0], s->repeated[1], s->repeated[2]);
    printf("  shared    %zu rows of val and %zu of test are in train too, %zu "
           "of test in val\n",
           s->shared[0][1], s->shared[0][2], s->shared[1][2]);
    for (const struct loom_data_summary *t = s; t; t = t->next) {
        if (*t->output)
            printf("\n  output %s:", t->output);
        if (t->class)
            print_classes(t);
        if (t->target && t->n_out)
            print_columns("target", t->target, t->n_out, utf8);
    }
    print_columns("feature", s->feature, s->n_in, utf8);
}

static int run(const struct data_args *a)
{
    struct loom_errmsg e = {""};
    struct loom_data_summary *s = NULL;
    size_t n = strlen(a->path);
    bool script = n > 4 && !strcmp(a->path + n - 4, ".lua");
    int err = script ? summarize_script(a, &s, &e) : summarize_file(a, &s, &e);
    if (err)
        return cli_fail(err, &e);
    int status = CLI_DONE;
    if (a->json) {
        json_t *j = loom_data_summary_to_json(s);
        json_object_set_new(j, "schema", json_string("bitloom/data/1"));
        status = cli_print_json(j);
    } else {
        setlocale(LC_CTYPE, "");
        print_summary(s, !strcmp(nl_langinfo(CODESET), "UTF-8"));
    }
    loom_data_summary_destroy(s);
    return status;
}

int cmd_data(int argc, char **argv)
{
    static const struct option options[] = {
        {"label", required_argument, NULL, 'l'},
        {"labels", required_argument, NULL, 'L'},
        {"classes", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct data_args a = {.set = loom_calloc((size_t)argc, sizeof(*a.set))};
    size_t n_set = 0;
    int c;
    bool wrong = false;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'l':
            a.label = optarg;
            break;
        case 'L':
            a.labels = optarg;
            break;
        case 'c':
            a.classes = strtoul(optarg, NULL, 10);
            wrong = wrong || !a.classes || a.classes > 65536;
            break;
        case 's':
            a.set[n_set++] = optarg;
            break;
        case 'j':
            a.json = true;
            break;
        default:
            wrong = true;
        }
    }
    int status;
    if (wrong || (a.label && a.labels))
        status = cli_usage("data", "wrong option");
    else if (optind + 1 != argc)
        status = cli_usage("data", "one FILE or SCRIPT.lua is needed");
    else {
        a.path = argv[optind];
        status = run(&a);
    }
    free(a.set);
    return status;
}
