/* bitloom ebops and bitloom freeze: what a trained network costs, and the
 * network as integers. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "engine/train_view.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/model_arg.h"

enum { MAX_LAYERS = 256 };

/* The options, and the one MODEL that both commands take. */
static int parse(int argc, char **argv, struct cli_out_args *a)
{
    int status = cli_out_parse(argc, argv, a);
    if (status == CLI_DONE && optind + 1 != argc)
        return cli_usage(argv[0], "one MODEL is needed");
    return status;
}

static json_t *layer_json(const struct loom_train_layer *l)
{
    return json_pack("{s:s,s:s,s:f,s:i,s:i,s:f,s:f}", "name", l->name, "kind",
                     l->kind, "ebops", (double)l->ebops, "weights", l->weights,
                     "pruned", l->pruned, "mean_weight_bits",
                     (double)l->mean_w_bits, "mean_activation_bits",
                     (double)l->mean_a_bits);
}

/* Layers without weights have nothing to prune. */
static void print_row(const struct loom_train_layer *l)
{
    char pruned[16] = "-", bits[16] = "-";
    if (l->weights) {
        snprintf(pruned, sizeof(pruned), "%.1f%%",
                 100.0 * l->pruned / l->weights);
        snprintf(bits, sizeof(bits), "%.2f", (double)l->mean_w_bits);
    }
    printf("%-16s %-14s %9.0f %8d %7s %8s %8.2f\n", l->name, l->kind,
           (double)l->ebops, l->weights, pruned, bits, (double)l->mean_a_bits);
}

static int print_rows(const struct loom_train_layer *row, int n, double total,
                      bool json)
{
    if (json) {
        json_t *layers = json_array();
        for (int k = 0; k < n; k++)
            json_array_append_new(layers, layer_json(&row[k]));
        return cli_print_json(json_pack("{s:s,s:f,s:o}", "schema",
                                        "bitloom/ebops/1", "total", total,
                                        "layers", layers));
    }
    printf("%-16s %-14s %9s %8s %7s %8s %8s\n", "layer", "kind", "EBOPs",
           "weights", "pruned", "w bits", "a bits");
    for (int k = 0; k < n; k++)
        print_row(&row[k]);
    printf("%-16s %-14s %9.0f\n", "total", "", total);
    return CLI_DONE;
}

static int print_ebops(struct loom_model *m, bool json)
{
    struct loom_train_layer *row = loom_calloc(MAX_LAYERS, sizeof(*row));
    loom_model_prepare(m, LOOM_MODE_EVAL);
    double total = loom_model_ebops(m, 0.0f, NULL);
    int n = loom_model_describe(m, row, MAX_LAYERS);
    int status = print_rows(row, n, total, json);
    free(row);
    return status;
}

int cmd_ebops(int argc, char **argv)
{
    struct cli_out_args a;
    struct cli_model m;
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &a);
    if (status != CLI_DONE)
        return status;
    int err = cli_model_open(argv[optind], a.store, &m, &e);
    if (err)
        return cli_fail(err, &e);
    if (m.model)
        status = print_ebops(m.model, a.json);
    else
        status = cli_usage("ebops",
                           "%s holds integers only; EBOPs need a "
                           "checkpoint",
                           m.path);
    cli_model_close(&m);
    return status;
}

int cmd_freeze(int argc, char **argv)
{
    struct cli_out_args a;
    struct cli_model m;
    struct loom_errmsg e = {""};
    int status = parse(argc, argv, &a);
    if (status != CLI_DONE)
        return status;
    if (!a.out)
        return cli_usage("freeze", "where to? name the file with -o NET.json");
    int err = cli_model_open(argv[optind], a.store, &m, &e);
    if (!err)
        err = cli_model_freeze(&m, &e);
    if (!err)
        err = loom_exact_save(m.net, a.out, &e);
    if (err)
        status = cli_fail(err, &e);
    else if (a.json)
        status = cli_print_json(
            json_pack("{s:s,s:s,s:i,s:i,s:i}", "schema", "bitloom/freeze/1",
                      "net", a.out, "nodes", (int)m.net->n_nodes, "inputs",
                      (int)m.net->in_size, "outputs", (int)m.net->out_size));
    else
        printf("%s: %zu nodes, %zu inputs, %zu outputs\n", a.out,
               m.net->n_nodes, m.net->in_size, m.net->out_size);
    cli_model_close(&m);
    return status;
}
