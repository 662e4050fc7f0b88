/* bitloom import: a network that others trained, as a checkpoint of ours. */
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/import.h"
#include "engine/mem.h"
#include "engine/npy.h"
#include "engine/trainer.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/model_arg.h"

struct args {
    const char *from, *out, **data;
    int n_data;
    bool json;
};

static struct loom_model *read_network(const char *path, json_t **info,
                                       struct loom_errmsg *e)
{
    const char *dot = strrchr(path, '.');
    return dot && !strcmp(dot, ".onnx") ? loom_import_qonnx(path, info, e)
                                        : loom_import_keras(path, info, e);
}

/* "X.keras" gives "X.loom", in the current folder. */
static char *default_out(const char *from)
{
    char *copy = loom_strdup(from), *base = basename(copy);
    char *dot = strrchr(base, '.');
    if (dot && dot != base)
        *dot = 0;
    char *out = loom_asprintf("%s.loom", base);
    free(copy);
    return out;
}

static int calibrate(struct loom_model *m, const struct args *a,
                     struct loom_errmsg *e)
{
    struct cli_rows rows = {0};
    if (!a->n_data)
        return 0;
    struct cli_model view = {.model = m, .path = loom_strdup(a->from)};
    int err = cli_rows_read(&view, a->data, (size_t)a->n_data, NULL, 0, NULL,
                            &rows, e);
    if (!err)
        err = loom_model_calibrate(m, rows.x, rows.n, e);
    cli_rows_free(&rows);
    free(view.path);
    return err;
}

static int report(const struct args *a, const char *out, struct loom_model *m)
{
    loom_model_prepare(m, LOOM_MODE_EVAL);
    double ebops = loom_model_ebops(m, 0.0f, NULL);
    size_t n_out = m->layer[m->output].n;
    if (a->json)
        return cli_print_json(json_pack(
            "{s:s,s:s,s:s,s:i,s:i,s:i,s:f}", "schema", "bitloom/import/1",
            "from", a->from, "model", out, "layers", m->n_layers, "inputs",
            (int)m->n_in, "outputs", (int)n_out, "ebops", ebops));
    printf("%s: %d layers, %zu inputs, %zu outputs, %.0f EBOPs%s\n", out,
           m->n_layers, m->n_in, n_out, ebops, a->n_data ? ", calibrated" : "");
    return CLI_DONE;
}

static int run(const struct args *a)
{
    struct loom_errmsg e = {""};
    json_t *info = NULL;
    struct loom_model *m = read_network(a->from, &info, &e);
    char *out = a->out ? loom_strdup(a->out) : default_out(a->from);
    int err = m ? calibrate(m, a, &e) : LOOM_ERR_FORMAT;
    if (!err) {
        json_object_set_new(info, "imported", json_string(a->from));
        err = loom_checkpoint_write(out, m, info, NULL, NULL, &e);
    }
    int status = err ? cli_fail(err, &e) : report(a, out, m);
    loom_model_destroy(m);
    json_decref(info);
    free(out);
    return status;
}

int cmd_import(int argc, char **argv)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},
        {"calibrate", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct args a = {.data = loom_calloc((size_t)argc, sizeof(*a.data))};
    int c, status = CLI_DONE;
    optind = 1;
    while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (c == 'o')
            a.out = optarg;
        else if (c == 'c')
            a.data[a.n_data++] = optarg;
        else if (c == 'j')
            a.json = true;
        else
            status = cli_usage(argv[0], "wrong option");
    }
    if (status == CLI_DONE && optind + 1 != argc)
        status = cli_usage(argv[0], "one FILE.keras or FILE.onnx is needed");
    if (status == CLI_DONE) {
        a.from = argv[optind];
        status = run(&a);
    }
    free(a.data);
    return status;
}
