/* bitloom build: from a network to a verified bitstream. */
#include <stdio.h>

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

static void print_summary(const struct loom_build_view *v)
{
    double total = 0;
    for (int p = 0; p < LOOM_N_PHASES; p++)
        total += (double)v->seconds[p];
    printf("%s on %s, %.0f s\n", v->name, v->device, total);
    row("logic cells", v->lc, v->lc_available, v->predicted_lc);
    row("LUT4", v->lut4, 0, v->predicted_lut4);
    row("carry", v->carry, 0, v->predicted_carry);
    row("flip-flops", v->ff, 0, v->predicted_ff);
    printf("  %-12s %7.1f MHz, target %g: %s\n", "clock", (double)v->fmax_mhz,
           (double)v->clock_mhz,
           v->fmax_mhz >= v->clock_mhz ? "met" : "MISSED");
    printf("  %-12s %7d cycles, %.0f ns; a result every cycle\n", "latency",
           v->latency_cycles, 1e3 * v->latency_cycles / (double)v->fmax_mhz);
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
    if (flow_arg_parse(argc, argv, "dcelostx", &a) != CLI_DONE)
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
                                   .seeds = a.seeds,
                                   .timeout_s = a.timeout_s,
                                   .dir = a.out};
    err = build_job(&conf, a.quiet, &v, &report, &e);
    flow_input_close(&in);
    if (err)
        return cli_fail(err, &e);
    if (a.json)
        return cli_print_json(report);
    json_decref(report);
    print_summary(&v);
    return CLI_DONE;
}
