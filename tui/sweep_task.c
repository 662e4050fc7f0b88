#include "tui/sweep_task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "tui/cli.h"
#include "tui/run_job.h"
#include "tui/sweep_plan.h"

enum { MAX_SAID = 1 << 24 };

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

/* The end of what was said on standard error. */
static void last_words(const char *path, char *out, size_t size)
{
    void *data = NULL;
    size_t n = 0;
    if (loom_file_read(path, MAX_SAID, &data, &n, NULL))
        return;
    char *text = data;
    while (n && text[n - 1] == '\n')
        text[--n] = 0;
    const char *line = strrchr(text, '\n');
    snprintf(out, size, "%s", line ? line + 1 : text);
    free(data);
}

static int end_task(const char *dir, const char *run, int status)
{
    struct loom_errmsg e;
    char why[256] = "", *path = loom_asprintf("%s/done.json", dir);
    char *said = loom_asprintf("%s/err.txt", dir);
    if (status)
        last_words(said, why, sizeof(why));
    json_t *o = json_pack("{s:i,s:s}", "status", status, "run", run);
    json_t *text = json_string(why); /* NULL where it is no UTF-8 */
    json_object_set_new(o, "why", text ? text : json_string("?"));
    int err = sweep_write_json(path, o, &e);
    free(path);
    free(said);
    return err ? cli_fail(err, &e) : status;
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
        .script = sweep_word(plan, "script"),
        .set = a.set,
        .out = dir,
        .resume = id[0] ? id : NULL,
        .epochs = (int)json_integer_value(json_object_get(plan, "epochs")),
        .threads = threads,
        .seed = json_integer_value(json_object_get(variant, "seed")),
        .device =
            sweep_word(plan, "device")[0] ? sweep_word(plan, "device") : NULL};
    int status = done ? CLI_DONE : run_job(&a, (struct run_size){0}, last);
    if (!done && last->run[0])
        snprintf(id, sizeof(id), "%s", last->run);
    if (status != CLI_INTERRUPTED)
        status = end_task(dir, id, status);
    args_deinit(&a);
    free(last);
    return status;
}

/* From now on all that is said goes into the task's folder. */
static int redirect(const char *dir, struct loom_errmsg *e)
{
    char *log = loom_asprintf("%s/log.jsonl", dir);
    char *said = loom_asprintf("%s/err.txt", dir);
    int err = loom_file_mkdirs(dir, e);
    if (!err && (!freopen(log, "ae", stdout) || !freopen(said, "we", stderr)))
        err = loom_fail(e, LOOM_ERR_IO, "%s: %s", dir, strerror(errno));
    setvbuf(stderr, NULL, _IOLBF, 0); /* as a screen is, not as a file is */
    free(log);
    free(said);
    return err;
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
        err = redirect(own, &e);
        if (!err)
            status = train(plan, v, own, threads);
    }
    json_decref(plan);
    free(own);
    free(end);
    return err ? cli_fail(err, &e) : status;
}
