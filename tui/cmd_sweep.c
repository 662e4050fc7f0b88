/* bitloom sweep: all variants of a script. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/mem.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/sweep_job.h"
#include "tui/sweep_plan.h"
#include "tui/sweep_task.h"

enum option { JOBS, SLURM, PARTITION, PREPARE, SEEDS, OUT, STORE, N_OPTIONS };

static const struct args_own own[] = {
    [JOBS] = {"--jobs", .lo = 1, .hi = 1024, .whole = true},
    [SLURM] = {"--slurm", .flag = true},
    [PARTITION] = {.name = "--partition"},
    [PREPARE] = {"--prepare", .flag = true},
    [SEEDS] = {"--seeds", .lo = 1, .hi = 10000, .whole = true},
    [OUT] = {.name = "-o"},
    [STORE] = {.name = "--store"},
    {.name = NULL}};

/* sweep --task DIR NUMBER: what job.sh calls. */
static int task(int argc, char **argv)
{
    struct loom_errmsg e = {""};
    if (argc != 4)
        return cli_usage("sweep", "--task DIR NUMBER");
    json_t *plan = sweep_plan_read(argv[2], &e);
    int status = plan ? sweep_task(plan, argv[2], atoi(argv[3]), 0, NULL, &e)
                      : LOOM_ERR_MISSING;
    json_decref(plan);
    return status < 0 ? cli_fail(status, &e) : status;
}

static void print_table(const struct sweep_job *j)
{
    int width = 8;
    for (int k = 0; k < j->array.n; k++) {
        int n = (int)strlen(j->array.task[k].words);
        width = n > width ? n : width;
    }
    for (int k = 0; k < j->array.n; k++) {
        const struct array_task *t = &j->array.task[k];
        printf("%03d  %-*s  %s%s\n", k + 1, width, t->words,
               !t->done    ? "waiting"
               : t->status ? "failed: "
                           : t->run,
               t->status ? t->why : "");
    }
}

static int answer(const struct sweep_job *j, const struct args *a)
{
    int failed = 0;
    for (int k = 0; k < j->array.n; k++)
        failed += j->array.task[k].status != 0;
    if (a->json)
        cli_print_json(sweep_json(j));
    else if (!a->quiet)
        print_table(j);
    return failed ? CLI_FAILED : CLI_DONE;
}

/* "mnist.sweep" for "examples/mnist.lua". */
static char *default_dir(const char *script)
{
    const char *name = strrchr(script, '/');
    name = name ? name + 1 : script;
    return loom_asprintf("%.*s.sweep", (int)strcspn(name, "."), name);
}

/* A run's: as asked for, or the cores shared out. */
static int threads(const struct args *a, int jobs, int tasks)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    jobs = jobs < tasks ? jobs : tasks;
    if (a->conf.threads)
        return a->conf.threads;
    return jobs > 0 && cores > jobs ? (int)(cores / jobs) : 1;
}

static int sweep(const struct args_given *g, const struct args *a)
{
    struct sweep_job j;
    struct loom_errmsg e = {""};
    bool quiet = a->quiet || a->json;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int jobs = g[JOBS].number > 0 ? (int)g[JOBS].number : (int)cores;
    char *dir =
        g[OUT].text ? loom_strdup(g[OUT].text) : default_dir(a->conf.script);
    int err = sweep_init(&j, dir, a, (int)g[SEEDS].number, &e);
    if (!err)
        err = sweep_collect(&j, &e);
    if (!err && g[SLURM].text)
        err = array_run_slurm(&j.array, g[PARTITION].text, quiet, &e);
    else if (!err && !g[PREPARE].text)
        err = sweep_run(&j, jobs, threads(a, jobs, j.array.n), quiet, &e);
    int also = j.array.n ? sweep_collect(&j, err ? NULL : &e) : 0;
    err = err ? err : also;
    int status = err ? cli_fail(err, &e) : answer(&j, a);
    if (!err && g[PREPARE].text && !quiet)
        printf("tasks 1 to %d: sh %s/job.sh NUMBER; then the same command "
               "takes in what they made\n",
               j.array.n, j.array.dir);
    sweep_deinit(&j);
    free(dir);
    return status;
}

int cmd_sweep(int argc, char **argv)
{
    struct args a;
    struct args_given g[N_OPTIONS] = {{0}};
    if (argc > 1 && !strcmp(argv[1], "--task"))
        return task(argc, argv);
    int status = args_parse_own(own, g, &a, argc, argv);
    if (status != CLI_DONE)
        return status;
    if (g[STORE].text)
        a.conf.out = g[STORE].text;
    if (!a.conf.script)
        status = cli_usage("sweep", "which script? bitloom sweep SCRIPT.lua");
    else if (g[PARTITION].text && !g[SLURM].text)
        status = cli_usage("sweep", "--partition is for --slurm");
    else
        status = sweep(g, &a);
    args_deinit(&a);
    return status;
}
