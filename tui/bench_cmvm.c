/* bitloom bench cmvm: adders of constant matrices against the time that the
 * search has, beside plain sums of canonical signed digits and the best that
 * is known. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "engine/table.h"
#include "tui/bench.h"
#include "tui/cli.h"
#include "tui/matrix.h"

enum { BUDGETS = 8 };

struct row {
    char name[64];
    int plain;           /* adders without sharing */
    double adders, bits; /* the fewest known; not a number: nobody says */
    struct cli_graph_size size[BUDGETS];
    double took[BUDGETS];
};

struct job {
    double budget[BUDGETS]; /* seconds */
    int n_budgets, threads, n;
    const char *best;
    bool json;
    struct row *row;
    struct loom_table known;
};

/* ---- the fewest known ---------------------------------------------------- */

static double cell(const struct loom_table *t, size_t row, long column)
{
    const float *v = t->a.data;
    return v[row * t->n_columns + (size_t)column];
}

static void look_up(const struct job *j, struct row *r)
{
    const struct loom_table *t = &j->known;
    long name = loom_table_column(t, "matrix");
    r->adders = r->bits = NAN;
    for (size_t i = 0; j->best && i < t->a.dim[0]; i++) {
        double word = cell(t, i, name);
        if (isnan(word) || strcmp(t->words[name].word[(size_t)word], r->name))
            continue;
        r->adders = cell(t, i, loom_table_column(t, "best_adders"));
        r->bits = cell(t, i, loom_table_column(t, "best_cost_bits"));
    }
}

static int read_known(struct job *j, struct loom_errmsg *e)
{
    static const char *const columns[] = {"matrix", "best_adders",
                                          "best_cost_bits"};
    const struct loom_csv_conf conf = {.header = 1};
    int err = j->best ? loom_csv_read(j->best, &conf, &j->known, e) : 0;
    for (int k = 0; j->best && !err && k < 3; k++) {
        long at = loom_table_column(&j->known, columns[k]);
        if (at < 0 || !j->known.words[at].n != (k > 0))
            err = loom_fail(e, LOOM_ERR_FORMAT, "%s: no column \"%s\" of %s",
                            j->best, columns[k], k ? "numbers" : "names");
    }
    return err;
}

/* ---- the work ------------------------------------------------------------ */

static int plain_adders(const struct cli_matrix *m)
{
    int sum = 0;
    for (int c = 0; c < m->cols; c++) {
        int digits = 0;
        for (int r = 0; r < m->rows; r++)
            digits += loom_cmvm_sums_digits(m->w[r * m->cols + c]);
        sum += digits > 1 ? digits - 1 : 0;
    }
    return sum;
}

static int measure(struct job *j, const char *file, struct loom_errmsg *e)
{
    struct cli_matrix m = {0};
    struct row r = {.name = ""};
    int err = cli_matrix_read(file, &m, e);
    cli_matrix_name(file, r.name, sizeof(r.name));
    look_up(j, &r);
    r.plain = err ? 0 : plain_adders(&m);
    for (int b = 0; !err && b < j->n_budgets; b++) {
        struct loom_cmvm p = {.goal = LOOM_CMVM_ADDERS,
                              .seconds = j->budget[b],
                              .threads = j->threads};
        double start = bench_now();
        err = cli_matrix_solve(&m, &p, &r.size[b], e);
        r.took[b] = bench_now() - start;
        if (!err && !r.size[b].exact)
            err = loom_fail(e, LOOM_ERR_RANGE, "%s: another matrix", file);
    }
    free(m.w);
    j->row = loom_realloc(j->row, (size_t)(j->n + 1) * sizeof(*j->row));
    if (!err)
        j->row[j->n++] = r;
    return err;
}

/* ---- the answer ---------------------------------------------------------- */

/* All matrices at one budget, against the fewest known of those that have one;
 * 0 where none has. */
struct point {
    double adders, bits;             /* ratios of the totals */
    double worst_adders, worst_bits; /* of one matrix */
    double of_plain, longest_s;
};

static struct point point(const struct job *j, int b)
{
    double sum[6] = {0};
    struct point p = {0};
    for (int i = 0; i < j->n; i++) {
        const struct row *r = &j->row[i];
        sum[4] += r->size[b].adders;
        sum[5] += r->plain;
        p.longest_s = fmax(p.longest_s, r->took[b]);
        if (isnan(r->adders) || isnan(r->bits))
            continue;
        sum[0] += r->size[b].adders;
        sum[1] += r->adders;
        sum[2] += r->size[b].bits;
        sum[3] += r->bits;
        p.worst_adders = fmax(p.worst_adders, r->size[b].adders / r->adders);
        p.worst_bits = fmax(p.worst_bits, r->size[b].bits / r->bits);
    }
    p.adders = sum[1] > 0 ? sum[0] / sum[1] : 0;
    p.bits = sum[3] > 0 ? sum[2] / sum[3] : 0;
    p.of_plain = sum[5] > 0 ? sum[4] / sum[5] : 0;
    return p;
}

static void print_row(const struct job *j, const struct row *r)
{
    const struct cli_graph_size *s = &r->size[j->n_budgets - 1];
    printf("| %-28s | %6d | %6d | %7d | %5d |", r->name, r->plain, s->adders,
           s->bits, s->depth);
    if (isnan(r->adders) || isnan(r->bits))
        printf("        |        |\n");
    else
        printf("  %.3f |  %.3f |\n", s->adders / r->adders, s->bits / r->bits);
    fflush(stdout);
}

static void print_head(const struct job *j)
{
    printf("After %g s with %d threads; the last two columns: against the "
           "fewest known.\n\n"
           "| %-28s |  plain | adders |    bits | depth | adders |   bits |\n"
           "|---|---|---|---|---|---|---|\n",
           j->budget[j->n_budgets - 1], j->threads, "matrix");
}

static void print_curve(const struct job *j)
{
    printf("\n| seconds | longest | of plain | adders | worst | bits | worst "
           "|\n|---|---|---|---|---|---|---|\n");
    for (int b = 0; b < j->n_budgets; b++) {
        struct point p = point(j, b);
        printf("| %g | %.1f | %.4f |", j->budget[b], p.longest_s, p.of_plain);
        if (p.adders > 0)
            printf(" %.4f | %.3f | %.4f | %.3f |\n", p.adders, p.worst_adders,
                   p.bits, p.worst_bits);
        else
            printf(" | | | |\n");
    }
}

static json_t *row_json(const struct job *j, const struct row *r)
{
    json_t *runs = json_array();
    for (int b = 0; b < j->n_budgets; b++)
        json_array_append_new(
            runs, json_pack("{s:f,s:f,s:i,s:i,s:i}", "budget_s", j->budget[b],
                            "seconds", r->took[b], "adders", r->size[b].adders,
                            "adder_bits", r->size[b].bits, "depth",
                            r->size[b].depth));
    return json_pack("{s:s,s:i,s:o}", "name", r->name, "plain_adders", r->plain,
                     "runs", runs);
}

static int answer(const struct job *j)
{
    if (!j->json) {
        print_curve(j);
        return CLI_DONE;
    }
    json_t *rows = json_array(), *curve = json_array();
    for (int i = 0; i < j->n; i++)
        json_array_append_new(rows, row_json(j, &j->row[i]));
    for (int b = 0; b < j->n_budgets; b++) {
        struct point p = point(j, b);
        json_t *o = json_pack("{s:f,s:f,s:f}", "budget_s", j->budget[b],
                              "longest_s", p.longest_s, "of_plain", p.of_plain);
        if (p.adders > 0)
            json_object_update_new(o, json_pack("{s:f,s:f,s:f,s:f}", "adders",
                                                p.adders, "worst_adders",
                                                p.worst_adders, "bits", p.bits,
                                                "worst_bits", p.worst_bits));
        json_array_append_new(curve, o);
    }
    return cli_print_json(
        json_pack("{s:s,s:i,s:o,s:o}", "schema", "bitloom/bench_cmvm/1",
                  "threads", j->threads, "curve", curve, "matrices", rows));
}

/* "1,10,30" */
static int read_budgets(struct job *j, const char *text)
{
    const char *at = text;
    for (j->n_budgets = 0; j->n_budgets < BUDGETS;) {
        char *end;
        double s = strtod(at, &end);
        if (end == at || !(s > 0 && s < 1e6) || (*end && *end != ','))
            break;
        j->budget[j->n_budgets++] = s;
        if (!*end)
            return CLI_DONE;
        at = end + 1;
    }
    return cli_usage("bench",
                     "--time %s: expected up to %d numbers of seconds, "
                     "such as 1,10",
                     text, BUDGETS);
}

static int parse(int argc, char **argv, struct job *j)
{
    static const struct option options[] = {
        {"time", required_argument, NULL, 't'},
        {"threads", required_argument, NULL, 'n'},
        {"best", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    double threads = j->threads;
    int c, status = CLI_DONE;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?')
            return cli_usage("bench", "wrong option");
        if (c == 't')
            status = read_budgets(j, optarg);
        if (c == 'n')
            status =
                cli_number("bench", "--threads", optarg, 1, 64, true, &threads);
        if (c == 'b')
            j->best = optarg;
        j->json |= c == 'j';
        if (status != CLI_DONE)
            return status;
    }
    j->threads = (int)threads;
    return optind < argc ? CLI_DONE
                         : cli_usage("bench", "name files of matrices");
}

int bench_cmvm(int argc, char **argv)
{
    struct job j = {.budget = {10}, .n_budgets = 1, .threads = 2};
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &j);
    if (status != CLI_DONE)
        return status;
    int err = read_known(&j, &e);
    if (!err && !j.json)
        print_head(&j);
    for (int k = optind; !err && k < argc; k++) {
        err = measure(&j, argv[k], &e);
        if (!err && !j.json)
            print_row(&j, &j.row[j.n - 1]);
    }
    status = err ? cli_fail(err, &e) : answer(&j);
    loom_table_deinit(&j.known);
    free(j.row);
    return status;
}
