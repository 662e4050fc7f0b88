/* bitloom fit: the best network that fits a device. */
#include <math.h>
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

/* Those of fit alone; a number of lo..hi where hi > 0. */
static const struct {
    const char *name;
    double lo, hi;
    bool whole;
} option[N_OPTIONS] = {
    [DEVICE] = {"--device"},
    [CLOCK] = {"--clock", 0.1, 1000, false},
    [LUT4] = {"--lut4", 1, 1e7, true},
    [FF] = {"--ff", 1, 1e7, true},
    [ROUNDS] = {"--rounds", 1, FIT_ROUNDS, true},
    [BUILDS] = {"--builds", 1, 1000, true},
    [SEEDS] = {"--seeds", 1, 64, true},
    [TIMEOUT] = {"--timeout", 0.1, 1e7, false},
    [OUT] = {"-o"},
    [STORE] = {"--store"},
};

struct options {
    const char *text[N_OPTIONS]; /* NULL: not given */
    double number[N_OPTIONS];    /* 0: not given */
    struct args train;           /* what is left: as of bitloom run */
};

static int take(struct options *o, int k, const char *text)
{
    char *end;
    double v = strtod(text, &end), lo = option[k].lo, hi = option[k].hi;
    o->text[k] = text;
    if (!hi)
        return CLI_DONE;
    if (end == text || *end || !(v >= lo && v <= hi) ||
        (option[k].whole && v != floor(v)))
        return cli_usage(
            "fit", "%s %s: expected %s of %g to %g", option[k].name, text,
            option[k].whole ? "a whole number" : "a number", lo, hi);
    o->number[k] = v;
    return CLI_DONE;
}

/* Own options out of argv; the others are those of bitloom run. */
static int parse(int argc, char **argv, struct options *o)
{
    char **rest = loom_calloc((size_t)argc + 3, sizeof(*rest));
    int n = 1, rc = CLI_DONE;
    *o = (struct options){0};
    rest[0] = argv[0];
    for (int i = 1; rc == CLI_DONE && i < argc; i++) {
        int k = 0;
        while (k < N_OPTIONS && strcmp(argv[i], option[k].name))
            k++;
        if (k == N_OPTIONS)
            rest[n++] = argv[i];
        else if (i + 1 == argc)
            rc = cli_usage("fit", "%s needs a value", argv[i]);
        else
            rc = take(o, k, argv[++i]);
    }
    if (rc == CLI_DONE)
        rc = args_parse(&o->train, ARGS_RUN, n, rest);
    free(rest);
    if (rc == CLI_DONE && o->text[STORE])
        o->train.conf.out = o->text[STORE];
    return rc;
}

static int check(const struct options *o, const struct loom_device **device)
{
    const char *name = o->text[DEVICE];
    if (!o->train.conf.script)
        return cli_usage("fit", "a SCRIPT.lua, or a RUN, is needed");
    if (!name)
        return cli_usage("fit", "--device DEV is needed");
    *device = loom_device_find(name);
    if (!*device)
        return cli_usage("fit",
                         "device \"%s\" is not known; bitloom devices lists "
                         "those that are",
                         name);
    return CLI_DONE;
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
    const double *v = o->number;
    size_t n = strlen(what);
    bool json = o->train.json, script = n > 4 && !strcmp(what + n - 4, ".lua");
    char *dir =
        o->text[OUT] ? loom_strdup(o->text[OUT]) : default_dir(what, device);
    o->train.json = false;
    o->train.quiet |= json;
    struct fit_conf conf = {
        .train = &o->train,
        .run = script ? NULL : what,
        .dir = dir,
        .device = device,
        .limit = {.lc = device->lc, .lut4 = (int)v[LUT4], .ff = (int)v[FF]},
        .clock_mhz = v[CLOCK] > 0 ? v[CLOCK] : device->clock_mhz,
        .rounds = !script         ? 1
                  : v[ROUNDS] > 0 ? (int)v[ROUNDS]
                                  : 2,
        .builds = v[BUILDS] > 0 ? (int)v[BUILDS] : 6,
        .seeds = (int)v[SEEDS],
        .timeout_s = v[TIMEOUT],
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
    struct options o;
    const struct loom_device *device;
    int status = parse(argc, argv, &o);
    if (status != CLI_DONE)
        return status;
    status = check(&o, &device);
    if (status == CLI_DONE)
        status = fit(&o, device);
    args_deinit(&o.train);
    return status;
}
