/* The search for the best network that fits a device: rounds of training,
 * each followed by builds of a few points of all fronts together. What has
 * been done is kept in DIR/fit.json, whole at every moment, so that the same
 * search can go on after an interruption. */
#pragma once

#include "engine/store.h"
#include "fpga_flow/fit.h"
#include "tui/args.h"

struct fit_conf {
    struct args *train; /* the script, and where its runs are kept */
    const char *run;    /* whose front is tried, without training; or NULL */
    const char *dir;    /* DIR */
    const struct loom_device *device;
    struct loom_cells limit; /* lut4, ff: 0 no limit; lc: the device's */
    double clock_mhz;
    int rounds, builds, seeds; /* builds: at most, a round */
    double timeout_s;          /* of each tool; 0: default */
    bool quiet;
};

/* A point of a front. */
struct fit_candidate {
    char run[LOOM_RUN_ID];
    int epoch;
    double metric, ebops;
};

struct fit_round {
    char run[LOOM_RUN_ID];
    double target; /* EBOPs; 0: none, the script's own way */
    double factor; /* on the script's beta, to come there */
    double end;    /* EBOPs it ended with */
    bool complete;
};

enum { FIT_ROUNDS = 16 };

struct fit_job {
    const struct fit_conf *conf;
    char metric[64];
    bool lower_is_better;
    int n_rounds;
    struct fit_round round[FIT_ROUNDS];
    json_t *builds; /* of all rounds, as in fit.json */
    int levels;     /* of the next build's pipeline; 0: the default */
    struct loom_fit fit;
    struct fit_candidate *candidate; /* [fit.n], best first; none is beaten */
};

/* Go on from DIR/fit.json if it is there. An exit status of cli.h: CLI_DONE
 * when the search is over, whether anything fits (loom_fit_best(&j->fit)) or
 * not. fit_job_deinit afterwards, whatever came of it. */
int fit_job_run(struct fit_job *j, const struct fit_conf *conf);
void fit_job_deinit(struct fit_job *j);

/* What fit.json holds (schema bitloom/fit/1): new reference. */
json_t *fit_job_json(const struct fit_job *j);
