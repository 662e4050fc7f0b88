/* bitloom build: from a network to a verified bitstream. The build runs in a
 * thread of its own; this one shows it and listens for Ctrl-C. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fpga_flow/build.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

struct job {
    struct loom_build *b;
    struct loom_errmsg e;
    int err;
    atomic_bool done;
};

static void *work(void *arg)
{
    struct job *j = arg;
    j->err = loom_build_run(j->b, &j->e);
    atomic_store(&j->done, true);
    return NULL;
}

/* ---- progress ----------------------------------------------------------- */

static void draw_bar(const struct loom_build_view *v)
{
    char bar[21];
    int n = v->fraction < 0 ? 0 : (int)(v->fraction * 20);
    for (int i = 0; i < 20; i++)
        bar[i] = i < n ? '#' : '.';
    bar[20] = 0;
    fprintf(stderr, "\r\033[K%-9s [%s] %5.1f s  %.40s",
            loom_phase_word(v->phase), bar, (double)v->seconds[v->phase],
            v->detail);
}

static void watch(struct job *j, const atomic_bool *interrupted, bool quiet)
{
    bool tty = isatty(STDERR_FILENO), cancelled = false;
    int shown = -1;
    struct timespec tick = {0, 100 * 1000000};
    while (!atomic_load(&j->done)) {
        struct loom_build_view v;
        nanosleep(&tick, NULL);
        if (atomic_load(interrupted) && !cancelled) {
            loom_build_cancel(j->b);
            cancelled = true;
        }
        loom_build_look(j->b, &v);
        if (quiet)
            continue;
        if (tty)
            draw_bar(&v);
        else if (shown != (int)v.phase)
            fprintf(stderr, "%s\n", loom_phase_word(v.phase));
        shown = (int)v.phase;
    }
    if (tty && !quiet)
        fputs("\r\033[K", stderr);
}

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

static int finish(struct job *j, const struct flow_arg *a)
{
    struct loom_build_view v;
    if (j->err)
        return cli_fail(j->err, &j->e);
    if (a->json)
        return cli_print_json(loom_build_report(j->b));
    loom_build_look(j->b, &v);
    print_summary(&v);
    return CLI_DONE;
}

static int run(struct job *j, const struct flow_arg *a)
{
    pthread_t thread;
    const atomic_bool *interrupted = flow_interrupts();
    if (pthread_create(&thread, NULL, work, j)) {
        loom_fail(&j->e, LOOM_ERR_NOMEM, "no thread can be started");
        return cli_fail(LOOM_ERR_NOMEM, &j->e);
    }
    watch(j, interrupted, a->quiet);
    pthread_join(thread, NULL);
    return finish(j, a);
}

int cmd_build(int argc, char **argv)
{
    struct flow_arg a;
    struct flow_input in;
    struct job j = {0};
    if (flow_arg_parse(argc, argv, "dcelostx", &a) != CLI_DONE)
        return CLI_USAGE;
    int err = flow_input_open(&a, &in, &j.e);
    if (err)
        return cli_fail(err, &j.e);
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
    j.b = loom_build_new(&conf, &j.e);
    int status = j.b ? run(&j, &a) : cli_fail(LOOM_ERR_ARG, &j.e);
    loom_build_destroy(j.b);
    flow_input_close(&in);
    return status;
}
