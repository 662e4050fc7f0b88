#include "tui/sweep_task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "tui/array_job.h"
#include "tui/cli.h"
#include "tui/run_job.h"
#include "tui/sweep_plan.h"

/* The run that a task has begun: its id ("" if none), and whether it ended. */
static bool find_run(const char *dir, char id[LOOM_RUN_ID])
{
    struct loom_store_run *runs = NULL;
    size_t n = 0;
    bool done = false;
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_READ, NULL, NULL);
    id[0] = 0;
    if (!s)
        return false;
    if (!loom_store_list(s, NULL, &runs, &n, NULL) && n) {
        char *last = loom_asprintf("%s/last.loom", runs[0].dir);
        done = runs[0].state == LOOM_RUN_DONE;
        if (done || !access(last, R_OK))
            snprintf(id, LOOM_RUN_ID, "%s", runs[0].id);
        free(last);
    }
    loom_store_runs_free(runs, n);
    loom_store_close(s);
    return done;
}

static int train(const json_t *plan, const json_t *variant, const char *dir,
                 int threads)
{
    const json_t *set = json_object_get(variant, "set");
    size_t n = json_array_size(set);
    char id[LOOM_RUN_ID];
    struct loom_train_view *last = loom_calloc(1, sizeof(*last));
    struct args a = {.json = true};
    a.set = loom_calloc(n + 1, sizeof(*a.set));
    for (size_t k = 0; k < n; k++)
        a.set[k] = json_string_value(json_array_get(set, k));
    bool done = find_run(dir, id);
    a.conf = (struct loom_session_conf){
        .script = array_word(plan, "script"),
        .set = a.set,
        .out = dir,
        .resume = id[0] ? id : NULL,
        .epochs = (int)json_integer_value(json_object_get(plan, "epochs")),
        .threads = threads,
        .seed = json_integer_value(json_object_get(variant, "seed")),
        .device =
            array_word(plan, "device")[0] ? array_word(plan, "device") : NULL};
    int status = done ? CLI_DONE : run_job(&a, (struct run_size){0}, last);
    if (!done && last->run[0])
        snprintf(id, sizeof(id), "%s", last->run);
    if (status != CLI_INTERRUPTED)
        status = array_end_task(dir, id, status);
    args_deinit(&a);
    free(last);
    return status;
}

int sweep_task(const char *dir, int k, int threads)
{
    struct loom_errmsg e;
    json_t *plan = sweep_plan_read(dir, &e);
    if (!plan)
        return cli_fail(LOOM_ERR_MISSING, &e);
    const json_t *v =
        json_array_get(json_object_get(plan, "variants"), (size_t)(k - 1));
    char *own = loom_asprintf("%s/%03d", dir, k),
         *end = loom_asprintf("%s/done.json", own);
    int err = 0, status = CLI_DONE;
    if (k < 1 || !v)
        err = loom_fail(&e, LOOM_ERR_ARG, "%s: there is no task %d", dir, k);
    if (!err)
        err = sweep_plan_check_script(plan, &e);
    if (!err && access(end, F_OK)) {
        err = array_redirect(own, &e);
        if (!err)
            status = train(plan, v, own, threads);
    }
    json_decref(plan);
    free(own);
    free(end);
    return err ? cli_fail(err, &e) : status;
}
