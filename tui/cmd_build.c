/* bitloom build: from a network to a verified bitstream. */
#include <stdio.h>
#include <string.h>

#include "tui/build_batch.h"
#include "tui/build_job.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

/* ---- summary ------------------------------------------------------------ */

static void row(const char *what, int used, int available, int model)
{
    char of[32] = "", guess[32] = "";
    if (available > 0)
        snprintf(of, sizeof(of), "of %d (%.0f %%)", available,
                 100.0 * used / available);
    if (model >= 0)
        snprintf(guess, sizeof(guess), "model said %d", model);
    printf("  %-12s %7d %-18s %s\n", what, used, of, guess);
}

/* The path through the network's own parts: "dense_0[3] > dense_1[0]", with
 * what it spends on wires. */
static void print_path(const json_t *path)
{
    double total = 0, wires = 0;
    const char *last = "";
    long last_output = -1;
    size_t i;
    json_t *step;
    printf("  %-12s ", "slowest path");
    json_array_foreach(path, i, step)
    {
        double ns = json_number_value(json_object_get(step, "delay_ns"));
        const char *type = json_string_value(json_object_get(step, "type"));
        const char *layer = json_string_value(json_object_get(step, "layer"));
        const json_t *o = json_object_get(step, "output");
        long output = o ? (long)json_integer_value(o) : -1;
        total += ns;
        wires += type && !strcmp(type, "routing") ? ns : 0;
        if (!layer || (!strcmp(layer, last) && output == last_output))
            continue;
        printf("%s%s", *last ? " > " : "", layer);
        if (output >= 0)
            printf("[%ld]", output);
        last = layer;
        last_output = output;
    }
    printf("%s%.1f ns, %.0f %% of it wires\n", *last ? ": " : "", total,
           total > 0 ? 100 * wires / total : 0);
}

/* How many paths end with so much of the clock's period left. */
static void print_slack(const json_t *slack)
{
    const json_t *counts = json_object_get(slack, "counts");
    double lo = json_number_value(json_object_get(slack, "least_ns"));
    double bin = json_number_value(json_object_get(slack, "bin_ns"));
    int top = 1, n = (int)json_array_size(counts);
    if (!n)
        return;
    for (int k = 0; k < n; k++) {
        int c = (int)json_integer_value(json_array_get(counts, (size_t)k));
        top = c > top ? c : top;
    }
    printf("  %-12s %7.1f ns at %d ends of paths, %d of them too late\n",
           "least slack", lo,
           (int)json_integer_value(json_object_get(slack, "endpoints")),
           (int)json_integer_value(json_object_get(slack, "failing")));
    for (int k = 0; k < n; k += 2) {
        int c = (int)json_integer_value(json_array_get(counts, (size_t)k));
        if (k + 1 < n)
            c += (int)json_integer_value(json_array_get(counts, (size_t)k + 1));
        printf("  %9.1f ns %7d %.*s\n", lo + k * bin, c, 20 * c / top,
               "########################################");
    }
}

static void print_layers(const json_t *layers)
{
    size_t i;
    json_t *l;
    printf("  %-20s %7s %7s %7s\n", "layer", "LUT4", "carry", "FF");
    json_array_foreach(layers, i, l)
    {
        const json_t *c = json_object_get(l, "cells");
        int lut4 = (int)json_integer_value(json_object_get(c, "lut4"));
        int ff = (int)json_integer_value(json_object_get(c, "ff"));
        if (lut4 || ff)
            printf("  %-20s %7d %7d %7d\n",
                   json_string_value(json_object_get(l, "name")), lut4,
                   (int)json_integer_value(json_object_get(c, "carry")), ff);
    }
}

static void print_clock(const struct loom_build_view *v, const json_t *report)
{
    double got = (double)v->fmax_mhz, want = (double)v->clock_mhz;
    const json_t *f = json_object_get(report, "fmax_seeds");
    printf("  %-12s %7.1f MHz, target %g: ", "clock", got, want);
    if (got >= want)
        printf("met");
    else
        printf("MISSED by %.1f ns; fewer --levels a stage are faster",
               1e3 / got - 1e3 / want);
    if (json_array_size(json_object_get(report, "seeds")) > 1)
        printf(" (seeds: %.1f to %.1f, median %.1f)",
               json_number_value(json_object_get(f, "worst")),
               json_number_value(json_object_get(f, "best")),
               json_number_value(json_object_get(f, "median")));
    printf("\n");
}

static void print_summary(const struct loom_build_view *v, const json_t *report)
{
    double total = 0;
    for (int p = 0; p < LOOM_N_PHASES; p++)
        total += (double)v->seconds[p];
    printf("%s on %s, %.0f s\n", v->name, v->device, total);
    row("logic cells", v->lc, v->lc_available, v->predicted_lc);
    row("LUT4", v->lut4, 0, v->predicted_lut4);
    row("carry", v->carry, 0, v->predicted_carry);
    row("flip-flops", v->ff, 0, v->predicted_ff);
    print_clock(v, report);
    printf("  %-12s %7d cycles, %.0f ns; a result every cycle\n", "latency",
           v->latency_cycles, 1e3 * v->latency_cycles / (double)v->fmax_mhz);
    print_path(json_object_get(report, "critical_path"));
    print_slack(json_object_get(report, "slack"));
    print_layers(json_object_get(report, "layers"));
    printf("  %-12s %7ld vectors, %ld mismatches\n", "simulation", v->vectors,
           v->mismatches);
    printf("  %-12s %s\n", "bitstream", v->bitstream);
}

int cmd_build(int argc, char **argv)
{
    struct flow_arg a;
    struct flow_input in;
    struct loom_build_view v;
    struct loom_errmsg e = {""};
    json_t *report;
    if (argc > 1 && !strcmp(argv[1], "--task"))
        return build_batch_task(argc, argv);
    if (build_batch_is(argc, argv))
        return build_batch(argc, argv);
    if (flow_arg_parse(argc, argv, "bidcelostx", &a) != CLI_DONE)
        return CLI_USAGE;
    int err = flow_input_open(&a, &in, &e);
    if (err)
        return cli_fail(err, &e);
    struct loom_build_conf conf = {.net = in.model.net,
                                   .vectors = in.vectors,
                                   .n_vectors = in.n_vectors,
                                   .name = in.model.name,
                                   .device = a.device->name,
                                   .clock_mhz = a.clock_mhz,
                                   .levels = a.levels,
                                   .plain = a.plain,
                                   .interface = a.interface,
                                   .board = a.board,
                                   .seeds = a.seeds,
                                   .timeout_s = a.timeout_s,
                                   .dir = a.out};
    err = build_job(&conf, a.quiet, &v, &report, &e);
    flow_input_close(&in);
    if (err)
        return cli_fail(err, &e);
    if (a.json)
        return cli_print_json(report);
    print_summary(&v, report);
    json_decref(report);
    return CLI_DONE;
}
