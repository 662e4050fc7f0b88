/* bitloom bench lut6: networks in LUTs of six inputs, for comparison with what
 * is published: synthesis only. Of the harness, all is counted; inverters,
 * which later tools fold into LUTs, are not. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "fpga_flow/measure.h"
#include "tui/bench.h"
#include "tui/cli.h"
#include "tui/flow_arg.h"
#include "tui/model_arg.h"

enum { TIMEOUT_S = 3600 };

struct job {
    const char *store;
    int levels;
    bool json;
    json_t *rows;
};

static int count(const struct job *j, const struct loom_exact *net,
                 struct loom_cells *c, int *latency, struct loom_errmsg *e)
{
    char *dir = loom_folder_scratch(e);
    struct loom_measurement m = {
        .dir = dir, .timeout_s = TIMEOUT_S, .cancel = flow_interrupts()};
    struct loom_design *d =
        dir ? loom_design_new(net,
                              &(struct loom_design_conf){.name = "net",
                                                         .family = &loom_lut6,
                                                         .levels = j->levels},
                              e)
            : NULL;
    int err = d     ? loom_measure_synthesis(&m, d, c, e)
              : dir ? LOOM_ERR_RANGE
                    : LOOM_ERR_IO;
    *latency = d ? d->latency : 0;
    loom_design_destroy(d);
    if (dir)
        loom_file_remove_tree(dir);
    free(dir);
    return err;
}

static int count_model(struct job *j, const char *arg, struct loom_errmsg *e)
{
    struct cli_model m;
    struct loom_cells c;
    int latency, err = cli_model_open(arg, j->store, &m, e);
    if (err)
        return err;
    err = cli_model_freeze(&m, e);
    if (!err)
        err = count(j, m.net, &c, &latency, e);
    if (!err && !j->json)
        printf("| %-24s | %6d | %6d | %6d | %7d |\n", m.name, c.lut4, c.carry,
               c.ff, latency);
    if (!err)
        json_array_append_new(j->rows,
                              json_pack("{s:s,s:i,s:i,s:i,s:i}", "name", m.name,
                                        "lut6", c.lut4, "carry4", c.carry, "ff",
                                        c.ff, "latency_cycles", latency));
    fflush(stdout);
    cli_model_close(&m);
    return err;
}

int bench_lut6(int argc, char **argv)
{
    static const struct option options[] = {
        {"levels", required_argument, NULL, 'l'},
        {"store", required_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct job j = {.rows = json_array()};
    struct loom_errmsg e = {""};
    double levels = LOOM_PIPELINE_LEVELS;
    int c, status = CLI_DONE, err = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'l' && cli_number("bench", "--levels", optarg, 0, 100, true,
                                   &levels) != CLI_DONE)
            status = CLI_USAGE;
        if (c == '?')
            status = cli_usage("bench", "wrong option");
        if (c == 'S')
            j.store = optarg;
        j.json |= c == 'j';
    }
    j.levels = (int)levels;
    if (status == CLI_DONE && optind == argc)
        status = cli_usage("bench", "name MODELs");
    if (status == CLI_DONE && !j.json)
        puts("Synthesis only, harness included, inverters not.\n\n"
             "| network                  |   LUT6 | CARRY4 |     FF | latency |"
             "\n|---|---|---|---|---|");
    for (int k = optind; status == CLI_DONE && !err && k < argc; k++)
        err = count_model(&j, argv[k], &e);
    if (err)
        status = cli_fail(err, &e);
    if (status == CLI_DONE && j.json)
        return cli_print_json(json_pack("{s:s,s:s,s:o}", "schema",
                                        "bitloom/bench_lut6/1", "flow",
                                        "synthesis only", "networks", j.rows));
    json_decref(j.rows);
    return status;
}
