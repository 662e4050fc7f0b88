#include "tui/sweep_job.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/tool.h"
#include "tui/flow_arg.h"
#include "tui/sweep_plan.h"

enum { SUBMISSIONS = 4, POLL_S = 2 };

/* ---- making -------------------------------------------------------------- */

/* A variant that failed is tried again. */
static void forget_failures(const struct sweep_job *j)
{
    for (int k = 0; k < j->n; k++) {
        char *path = loom_asprintf("%s/%03d/done.json", j->dir, k + 1);
        json_t *o = json_load_file(path, 0, NULL);
        if (o && json_integer_value(json_object_get(o, "status")))
            unlink(path);
        json_decref(o);
        free(path);
    }
}

int sweep_init(struct sweep_job *j, const char *dir, const struct args *a,
               int seeds, struct loom_errmsg *e)
{
    *j = (struct sweep_job){0};
    int err = loom_file_mkdirs(dir, e);
    if (err)
        return err;
    j->dir = realpath(dir, NULL);
    j->store = a->conf.out ? loom_strdup(a->conf.out) : NULL;
    j->plan = sweep_plan_make(a, seeds, e);
    if (!j->plan)
        return LOOM_ERR_ARG;
    err = sweep_plan_settle(j->dir, j->plan, e);
    if (err)
        return err;
    json_t *all = json_object_get(j->plan, "variants");
    j->n = (int)json_array_size(all);
    j->variant = loom_calloc((size_t)j->n + 1, sizeof(*j->variant));
    for (int k = 0; k < j->n; k++) {
        const json_t *o = json_array_get(all, (size_t)k);
        j->variant[k].set = json_object_get(o, "set");
        j->variant[k].seed = json_integer_value(json_object_get(o, "seed"));
    }
    forget_failures(j);
    return 0;
}

void sweep_deinit(struct sweep_job *j)
{
    json_decref(j->plan);
    free(j->variant);
    free(j->store);
    free(j->dir);
}

void sweep_words(const struct sweep_variant *v, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (size_t k = 0; k < json_array_size(v->set) && n < size; k++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "",
                              json_string_value(json_array_get(v->set, k)));
    if (v->seed >= 0 && n < size)
        snprintf(out + n, size - n, "%sseed=%lld", n ? " " : "", v->seed);
}

/* ---- how they stand ------------------------------------------------------ */

static void look(struct sweep_job *j, int k)
{
    struct sweep_variant *v = &j->variant[k];
    char *path = loom_asprintf("%s/%03d/done.json", j->dir, k + 1);
    json_t *o = v->done ? NULL : json_load_file(path, 0, NULL);
    if (o) {
        v->done = true;
        v->status = (int)json_integer_value(json_object_get(o, "status"));
        snprintf(v->run, sizeof(v->run), "%s", sweep_word(o, "run"));
        snprintf(v->why, sizeof(v->why), "%s", sweep_word(o, "why"));
    }
    json_decref(o);
    free(path);
}

static int adopt(struct sweep_job *j, struct loom_store *s, int k,
                 struct loom_errmsg *e)
{
    struct sweep_variant *v = &j->variant[k];
    char *own = loom_asprintf("%s/%03d", j->dir, k + 1), id[LOOM_RUN_ID];
    /* Its folder on this machine is the task's name. */
    char *tag = loom_asprintf("sweep:%s", own);
    int err = loom_store_adopt(s, own, v->run, tag, id, e);
    if (!err) {
        snprintf(v->run, sizeof(v->run), "%s", id);
        v->collected = true;
    }
    free(tag);
    free(own);
    return err;
}

int sweep_collect(struct sweep_job *j, struct loom_errmsg *e)
{
    int err = 0;
    struct loom_store *s = loom_store_open(j->store, LOOM_STORE_WRITE, &err, e);
    for (int k = 0; s && !err && k < j->n; k++) {
        look(j, k);
        if (j->variant[k].done && !j->variant[k].status &&
            !j->variant[k].collected)
            err = adopt(j, s, k, e);
    }
    if (s)
        loom_store_close(s);
    return err;
}

json_t *sweep_json(const struct sweep_job *j)
{
    json_t *all = json_array();
    int done = 0, failed = 0;
    for (int k = 0; k < j->n; k++) {
        const struct sweep_variant *v = &j->variant[k];
        json_t *o = json_pack("{s:O,s:s,s:s}", "set", v->set, "state",
                              !v->done     ? "waiting"
                              : !v->status ? "done"
                                           : "failed",
                              "run", v->collected ? v->run : "");
        if (v->seed >= 0)
            json_object_set_new(o, "seed", json_integer(v->seed));
        if (v->status)
            json_object_set_new(o, "why", json_string(v->why));
        json_array_append_new(all, o);
        done += v->done && !v->status;
        failed += v->done && v->status;
    }
    return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:o}", "schema",
                     "bitloom/sweep/1", "script", sweep_word(j->plan, "script"),
                     "dir", j->dir, "variants", j->n, "done", done, "failed",
                     failed, "tasks", all);
}

static void say(const struct sweep_job *j, int k, bool quiet)
{
    const struct sweep_variant *v = &j->variant[k];
    char words[160];
    int done = 0;
    for (int i = 0; i < j->n; i++)
        done += j->variant[i].done;
    sweep_words(v, words, sizeof(words));
    if (!quiet)
        fprintf(stderr, "%d/%d  %03d  %s  %s%s\n", done, j->n, k + 1, words,
                v->status ? "failed: " : "done", v->status ? v->why : "");
}

/* ---- here ---------------------------------------------------------------- */

struct crew {
    struct sweep_job *j;
    int next, threads;
    bool quiet;
    pthread_mutex_t lock; /* of next, the variants, standard error */
    struct loom_errmsg e;
    int err;
};

/* The next variant that is not done; -1: none is left. */
static int take_next(struct crew *c)
{
    int k = -1;
    pthread_mutex_lock(&c->lock);
    while (!c->err && c->next < c->j->n && c->j->variant[c->next].done)
        c->next++;
    if (!c->err && c->next < c->j->n)
        k = c->next++;
    pthread_mutex_unlock(&c->lock);
    return k;
}

static void *work(void *arg)
{
    struct crew *c = arg;
    char program[PATH_MAX] = "", number[16], threads[16];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    snprintf(threads, sizeof(threads), "%d", c->threads);
    for (int k; n > 0 && (k = take_next(c)) >= 0;) {
        struct loom_errmsg e = {""};
        snprintf(number, sizeof(number), "%d", k + 1);
        const char *const argv[] = {program, "sweep",     "--task", c->j->dir,
                                    number,  "--threads", threads,  NULL};
        int err = loom_tool_run(
            &(struct loom_tool){.argv = argv, .cancel = flow_interrupts()}, &e);
        pthread_mutex_lock(&c->lock);
        look(c->j, k);
        if (c->j->variant[k].done)
            say(c->j, k, c->quiet);
        else if (!c->err) {
            c->err = err < 0 ? err : LOOM_ERR_TOOL;
            c->e = e;
            if (err >= 0)
                loom_fail(&c->e, c->err, "task %d ended with status %d; see %s",
                          k + 1, err, c->j->dir);
        }
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

int sweep_run(struct sweep_job *j, int jobs, int threads, bool quiet,
              struct loom_errmsg *e)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    jobs = jobs < j->n ? jobs : j->n;
    struct crew c = {.j = j, .quiet = quiet, .threads = threads};
    pthread_t *thread = loom_calloc((size_t)jobs, sizeof(*thread));
    int started = 0;
    if (!threads)
        c.threads = cores > jobs ? (int)(cores / jobs) : 1;
    flow_interrupts(); /* before there is a thread */
    pthread_mutex_init(&c.lock, NULL);
    while (started < jobs && !pthread_create(&thread[started], NULL, work, &c))
        started++;
    if (!started)
        c.err = loom_fail(&c.e, LOOM_ERR_NOMEM, "no thread can be started");
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_mutex_destroy(&c.lock);
    free(thread);
    if (c.err)
        return loom_fail(e, c.err, "%s", c.e.text);
    return 0;
}

/* ---- on a cluster -------------------------------------------------------- */

/* Submit the variants that are neither done nor with the cluster; how many,
 * or an error. */
static int submit(struct sweep_job *j, const char *partition, const bool *has,
                  char job[LOOM_CLUSTER_ID], struct loom_errmsg *e)
{
    int n = 0, *left = loom_calloc((size_t)j->n, sizeof(*left));
    for (int k = 0; k < j->n; k++)
        if (!j->variant[k].done && !has[k])
            left[n++] = k + 1;
    char *script = loom_asprintf("%s/job.sh", j->dir);
    char *file = loom_asprintf("%s/slurm.json", j->dir);
    int err = 0;
    if (n)
        err = loom_cluster_submit(script, j->dir, partition, left, n, job, e);
    if (n && !err)
        err = sweep_write_json(file, json_pack("{s:s}", "job", job), e);
    free(left);
    free(script);
    free(file);
    return err ? err : n;
}

/* The array that an earlier call has submitted; "" if none. */
static void last_job(const struct sweep_job *j, char job[LOOM_CLUSTER_ID])
{
    char *file = loom_asprintf("%s/slurm.json", j->dir);
    json_t *o = json_load_file(file, 0, NULL);
    snprintf(job, LOOM_CLUSTER_ID, "%s", sweep_word(o, "job"));
    json_decref(o);
    free(file);
}

/* Take in what has been done since; how many variants are not done. */
static int take_stock(struct sweep_job *j, bool quiet)
{
    int left = 0;
    for (int k = 0; k < j->n; k++) {
        bool before = j->variant[k].done;
        look(j, k);
        if (j->variant[k].done && !before)
            say(j, k, quiet);
        left += !j->variant[k].done;
    }
    return left;
}

int sweep_run_slurm(struct sweep_job *j, const char *partition, bool quiet,
                    struct loom_errmsg *e)
{
    const atomic_bool *interrupted = flow_interrupts();
    bool *has = loom_calloc((size_t)j->n + 1, sizeof(*has));
    char job[LOOM_CLUSTER_ID];
    int err = 0, submissions = 0;
    last_job(j, job);
    while (!err && take_stock(j, quiet)) {
        bool any = false;
        memset(has, 0, (size_t)j->n * sizeof(*has));
        if (job[0])
            err = loom_cluster_look(job, has, j->n, e);
        for (int k = 0; k < j->n; k++)
            any |= has[k];
        /* What has just left the cluster may have written its end since. */
        if (!err && !any && take_stock(j, quiet)) {
            if (submissions++ == SUBMISSIONS)
                err = loom_fail(e, LOOM_ERR_TOOL,
                                "tasks have left the cluster unfinished %d "
                                "times; see slurm-*.txt in %s",
                                SUBMISSIONS, j->dir);
            else
                err = submit(j, partition, has, job, e);
            if (err > 0 && !quiet)
                fprintf(stderr, "%d tasks are job %s\n", err, job);
            err = err < 0 ? err : 0;
        }
        if (!err && atomic_load(interrupted))
            err = loom_fail(e, LOOM_ERR_CANCELLED,
                            "job %s goes on; the same command follows it "
                            "again, scancel %s ends it",
                            job, job);
        struct timespec pause = {POLL_S, 0};
        if (!err)
            nanosleep(&pause, NULL);
    }
    free(has);
    return err;
}
