/* bitloom fit: the best network that fits a device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/fit_job.h"

enum option {
    DEVICE,
    CLOCK,
    LUT4,
    FF,
    ROUNDS,
    BUILDS,
    SEEDS,
    TIMEOUT,
    OUT,
    STORE,
    N_OPTIONS
};

static const struct args_own own[] = {
    [DEVICE] = {.name = "--device"},
    [CLOCK] = {"--clock", .lo = 0.1, .hi = 1000},
    [LUT4] = {"--lut4", .lo = 1, .hi = 1e7, .whole = true},
    [FF] = {"--ff", .lo = 1, .hi = 1e7, .whole = true},
    [ROUNDS] = {"--rounds", .lo = 1, .hi = FIT_ROUNDS, .whole = true},
    [BUILDS] = {"--builds", .lo = 1, .hi = 1000, .whole = true},
    [SEEDS] = {"--seeds", .lo = 1, .hi = 64, .whole = true},
    [TIMEOUT] = {"--timeout", .lo = 0.1, .hi = 1e7},
    [OUT] = {.name = "-o"},
    [STORE] = {.name = "--store"},
    {.name = NULL}};

struct options {
    struct args_given own[N_OPTIONS];
    struct args train; /* what is left: as of bitloom run */
};

static int check(const struct options *o, const struct loom_device **device)
{
    const char *name = o->own[DEVICE].text;
    struct loom_errmsg e = {""};
    if (!o->train.conf.script)
        return cli_usage("fit", "a SCRIPT.lua, or a RUN, is needed");
    if (!name)
        return cli_usage("fit", "--device DEV is needed");
    *device = loom_device_get(name, &e);
    return *device ? CLI_DONE : cli_fail(LOOM_ERR_ARG, &e);
}

/* ---- the answer --------------------------------------------------------- */

static int print_best(const struct fit_job *j)
{
    const struct fit_conf *c = j->conf;
    int i = loom_fit_best(&j->fit);
    const struct fit_candidate *k = &j->candidate[i];
    const struct loom_fit_point *p = &j->fit.point[i];
    printf("%s@%d fits %s: %s %.5g at %.0f EBOPs\n"
           "  %d of %d LC (%.0f %%), %d LUT4, %d FF, %.1f MHz (target %g)\n"
           "  the builds are in %s\n",
           k->run, k->epoch, c->device->name, j->metric, k->metric, k->ebops,
           p->measured.lc, c->limit.lc, 100.0 * p->measured.lc / c->limit.lc,
           p->measured.lut4, p->measured.ff, p->fmax_mhz, c->clock_mhz, c->dir);
    return CLI_DONE;
}

static int say_nothing_fits(const struct fit_job *j)
{
    const struct fit_conf *c = j->conf;
    const struct fit_candidate *k = &j->candidate[j->fit.n - 1];
    const struct loom_fit_point *p = &j->fit.point[j->fit.n - 1];
    struct loom_errmsg e;
    bool measured = p->measured.lc > 0;
    loom_fail(&e, LOOM_ERR_FIT,
              "nothing fits %s within the limits at %g MHz; the smallest "
              "network, %s@%d of %.0f EBOPs, takes %s%d of %d LC and %s; train "
              "with a higher beta, or name a larger device",
              c->device->name, c->clock_mhz, k->run, k->epoch, k->ebops,
              measured ? "" : "~", measured ? p->measured.lc : p->predicted.lc,
              c->limit.lc,
              p->fmax_mhz > 0 ? "misses the clock" : "was not placed");
    return cli_fail(LOOM_ERR_FIT, &e);
}

static int answer(const struct fit_job *j, bool json)
{
    bool fits = loom_fit_best(&j->fit) >= 0;
    if (json)
        cli_print_json(fit_job_json(j));
    if (!fits)
        return say_nothing_fits(j);
    return json ? CLI_DONE : print_best(j);
}

/* "jets-hx8k.fit" for "examples/jets.lua". */
static char *default_dir(const char *script, const struct loom_device *device)
{
    const char *name = strrchr(script, '/');
    name = name ? name + 1 : script;
    return loom_asprintf("%.*s-%s.fit", (int)strcspn(name, "."), name,
                         device->shorthand);
}

static int fit(struct options *o, const struct loom_device *device)
{
    const char *what = o->train.conf.script;
    const struct args_given *g = o->own;
    size_t n = strlen(what);
    bool json = o->train.json, script = n > 4 && !strcmp(what + n - 4, ".lua");
    char *dir =
        g[OUT].text ? loom_strdup(g[OUT].text) : default_dir(what, device);
    o->train.json = false;
    o->train.quiet |= json;
    struct fit_conf conf = {
        .train = &o->train,
        .run = script ? NULL : what,
        .dir = dir,
        .device = device,
        .limit = {.lc = device->lc,
                  .lut4 = (int)g[LUT4].number,
                  .ff = (int)g[FF].number},
        .clock_mhz = g[CLOCK].number > 0 ? g[CLOCK].number : device->clock_mhz,
        .rounds = !script                ? 1
                  : g[ROUNDS].number > 0 ? (int)g[ROUNDS].number
                                         : 3,
        .builds = g[BUILDS].number > 0 ? (int)g[BUILDS].number : 6,
        .seeds = (int)g[SEEDS].number,
        .timeout_s = g[TIMEOUT].number,
        .quiet = o->train.quiet};
    struct fit_job j;
    int status = fit_job_run(&j, &conf);
    if (status == CLI_DONE)
        status = answer(&j, json);
    fit_job_deinit(&j);
    free(dir);
    return status;
}

int cmd_fit(int argc, char **argv)
{
    struct options o = {0};
    const struct loom_device *device;
    int status = args_parse_own(own, o.own, &o.train, argc, argv);
    if (status != CLI_DONE)
        return status;
    if (o.own[STORE].text)
        o.train.conf.out = o.own[STORE].text;
    status = check(&o, &device);
    if (status == CLI_DONE)
        status = fit(&o, device);
    args_deinit(&o.train);
    return status;
}
