#include "tui/sweep_job.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "tui/sweep_plan.h"
#include "tui/sweep_task.h"

/* ---- making -------------------------------------------------------------- */

/* "key=value key=value seed=N" of a variant. */
static void put_words(const struct sweep_variant *v, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (size_t k = 0; k < json_array_size(v->set) && n < size; k++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "",
                              json_string_value(json_array_get(v->set, k)));
    if (v->seed >= 0 && n < size)
        snprintf(out + n, size - n, "%sseed=%lld", n ? " " : "", v->seed);
}

int sweep_init(struct sweep_job *j, const char *dir, const struct args *a,
               int seeds, struct loom_errmsg *e)
{
    *j = (struct sweep_job){.array = {.command = "sweep"}};
    int err = loom_file_mkdirs(dir, e);
    if (err)
        return err;
    j->array.dir = realpath(dir, NULL);
    j->store = a->conf.out ? loom_strdup(a->conf.out) : NULL;
    j->plan = sweep_plan_make(a, seeds, e);
    if (!j->plan)
        return LOOM_ERR_ARG;
    err = sweep_plan_settle(j->array.dir, j->plan, e);
    if (err)
        return err;
    json_t *all = json_object_get(j->plan, "variants");
    int n = (int)json_array_size(all);
    j->variant = loom_calloc((size_t)n + 1, sizeof(*j->variant));
    j->array.task = loom_calloc((size_t)n + 1, sizeof(*j->array.task));
    j->array.n = n;
    for (int k = 0; k < n; k++) {
        const json_t *o = json_array_get(all, (size_t)k);
        struct array_task *t = &j->array.task[k];
        j->variant[k].set = json_object_get(o, "set");
        j->variant[k].seed = json_integer_value(json_object_get(o, "seed"));
        put_words(&j->variant[k], t->words, sizeof(t->words));
    }
    array_forget_failures(&j->array);
    return 0;
}

void sweep_deinit(struct sweep_job *j)
{
    json_decref(j->plan);
    array_deinit(&j->array);
    free(j->variant);
    free(j->store);
}

/* ---- training ------------------------------------------------------------ */

struct shared {
    const struct sweep_job *job;
    struct loom_depot *depot;
    int threads; /* of a run */
};

static int do_task(void *ud, int k, struct loom_errmsg *e)
{
    const struct shared *s = ud;
    return sweep_task(s->job->plan, s->job->array.dir, k, s->threads, s->depot,
                      e);
}

int sweep_run(struct sweep_job *j, int jobs, int threads, bool quiet,
              struct loom_errmsg *e)
{
    struct shared s = {j, loom_depot_new(), threads};
    int err = array_run(&j->array, jobs, do_task, &s, quiet, e);
    loom_depot_destroy(s.depot);
    if (err == LOOM_ERR_CANCELLED)
        loom_fail(e, err,
                  "interrupted, all runs are saved; the same command "
                  "goes on");
    return err;
}

/* ---- taking in ----------------------------------------------------------- */

static int adopt(struct sweep_job *j, struct loom_store *s, int k,
                 struct loom_errmsg *e)
{
    struct array_task *t = &j->array.task[k];
    char *own = loom_asprintf("%s/%03d", j->array.dir, k + 1), id[LOOM_RUN_ID];
    /* Its folder on this machine is the task's name. */
    char *tag = loom_asprintf("sweep:%s", own);
    int err = loom_store_adopt(s, own, t->run, tag, id, e);
    if (!err) {
        snprintf(t->run, sizeof(t->run), "%s", id);
        j->variant[k].collected = true;
    }
    free(tag);
    free(own);
    return err;
}

int sweep_collect(struct sweep_job *j, struct loom_errmsg *e)
{
    int err = 0;
    struct loom_store *s = loom_store_open(j->store, LOOM_STORE_WRITE, &err, e);
    array_take_stock(&j->array, true);
    for (int k = 0; s && !err && k < j->array.n; k++)
        if (j->array.task[k].done && !j->array.task[k].status &&
            !j->variant[k].collected)
            err = adopt(j, s, k, e);
    if (s)
        loom_store_close(s);
    return err;
}

json_t *sweep_json(const struct sweep_job *j)
{
    json_t *all = json_array();
    int done = 0, failed = 0;
    for (int k = 0; k < j->array.n; k++) {
        const struct sweep_variant *v = &j->variant[k];
        const struct array_task *t = &j->array.task[k];
        json_t *o = json_pack("{s:O,s:s,s:s}", "set", v->set, "state",
                              !t->done     ? "waiting"
                              : !t->status ? "done"
                                           : "failed",
                              "run", v->collected ? t->run : "");
        if (v->seed >= 0)
            json_object_set_new(o, "seed", json_integer(v->seed));
        if (t->status)
            json_object_set_new(o, "why", json_string(t->why));
        json_array_append_new(all, o);
        done += t->done && !t->status;
        failed += t->done && t->status;
    }
    return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:o}", "schema",
                     "bitloom/sweep/1", "script", array_word(j->plan, "script"),
                     "dir", j->array.dir, "variants", j->array.n, "done", done,
                     "failed", failed, "tasks", all);
}
