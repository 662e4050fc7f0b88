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
#include "tui/flow_arg.h"
#include "tui/run_events.h"
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

/* What hears of a run's events. */
struct listener {
    FILE *log;
    struct loom_session *session;
    struct loom_train_view train; /* the latest */
};

static void on_event(void *ud, const struct loom_event *ev)
{
    struct listener *l = ud;
    l->train = *ev->train;
    run_write_event(l->log, ev);
    if (ferror(l->log)) /* no room, most likely: save and end */
        loom_session_interrupt(l->session);
}

static int train(const struct loom_session_conf *conf, const char *own,
                 struct listener *l, struct loom_errmsg *e)
{
    struct loom_session_conf c = *conf;
    char *log = loom_asprintf("%s/log.jsonl", own);
    int err = LOOM_ERR_IO;
    c.event = on_event;
    c.ud = l;
    l->log = fopen(log, "ae");
    l->session = l->log ? loom_session_new(&c, e) : NULL;
    if (!l->log)
        loom_fail(e, err, "%s: %s", log, strerror(errno));
    if (l->session) {
        err = loom_session_run(l->session, e);
        run_write_done(l->log, &l->train, !err);
    }
    if (l->session && ferror(l->log))
        err = loom_fail(e, LOOM_ERR_IO, "%s: cannot be written", log);
    loom_session_destroy(l->session);
    if (l->log)
        fclose(l->log);
    free(log);
    return err;
}

/* What failed, for array_end_task and for people; "" if nothing. */
static int say_why(const char *own, int err, const struct loom_errmsg *e,
                   struct loom_errmsg *failed)
{
    char *path = loom_asprintf("%s/err.txt", own);
    char *text =
        err ? loom_asprintf("bitloom: %s\n", e->text) : loom_strdup("");
    int rc = loom_file_write(path, text, strlen(text), failed);
    free(path);
    free(text);
    return rc;
}

static int do_variant(const json_t *plan, const json_t *variant,
                      const char *own, struct loom_session_conf conf,
                      struct loom_errmsg *e)
{
    const json_t *set = json_object_get(variant, "set");
    size_t n = json_array_size(set);
    char id[LOOM_RUN_ID];
    struct listener *l = loom_calloc(1, sizeof(*l));
    const char **words = loom_calloc(n + 1, sizeof(*words));
    for (size_t k = 0; k < n; k++)
        words[k] = json_string_value(json_array_get(set, k));
    bool done = find_run(own, id);
    conf.script = array_word(plan, "script");
    conf.set = words;
    conf.out = own;
    conf.resume = id[0] ? id : NULL;
    conf.epochs = (int)json_integer_value(json_object_get(plan, "epochs"));
    conf.seed = json_integer_value(json_object_get(variant, "seed"));
    conf.device =
        array_word(plan, "device")[0] ? array_word(plan, "device") : NULL;
    int err = done ? 0 : train(&conf, own, l, e);
    if (!done && l->train.run[0])
        snprintf(id, sizeof(id), "%s", l->train.run);
    if (err != LOOM_ERR_CANCELLED) {
        int status = cli_status(err);
        err = say_why(own, err, e, e);
        err = err ? err : array_end_task(own, id, status);
    }
    free(words);
    free(l);
    return err;
}

int sweep_task(const json_t *plan, const char *dir, int k, int threads,
               struct loom_depot *depot, struct loom_errmsg *e)
{
    const json_t *v = json_array_get(json_object_get(plan, "variants"),
                                     (size_t)(k < 1 ? -1 : k - 1));
    char *own = loom_asprintf("%s/%03d", dir, k),
         *end = loom_asprintf("%s/done.json", own);
    int err = 0;
    struct loom_session_conf conf = {
        .threads = threads, .depot = depot, .interrupted = flow_interrupts()};
    if (!v)
        err = loom_fail(e, LOOM_ERR_ARG, "%s: there is no task %d", dir, k);
    if (!err)
        err = sweep_plan_check_script(plan, e);
    if (!err && access(end, F_OK)) {
        err = loom_file_mkdirs(own, e);
        if (!err)
            err = do_variant(plan, v, own, conf, e);
    }
    free(own);
    free(end);
    return err;
}
