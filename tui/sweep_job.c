#include "tui/sweep_job.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/sha256.h"
#include "fpga_flow/tool.h"
#include "tui/cli.h"
#include "tui/flow_arg.h"
#include "tui/run_job.h"

enum { MAX_VARIANTS = 10000, MAX_TEXT = 1 << 24, SUBMISSIONS = 4, POLL_S = 2 };

/* ---- files --------------------------------------------------------------- */

static int write_json(const char *path, json_t *steal, struct loom_errmsg *e)
{
    char *text = json_dumps(steal, JSON_INDENT(1));
    int err = loom_file_write(path, text, strlen(text), e);
    json_decref(steal);
    free(text);
    return err;
}

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* DIR/003, to be freed. */
static char *task_dir(const char *dir, int k)
{
    return loom_asprintf("%s/%03d", dir, k);
}

static int hash_file(const char *path, char hex[65], struct loom_errmsg *e)
{
    void *data = NULL;
    size_t n = 0;
    int err = loom_file_read(path, MAX_TEXT, &data, &n, e);
    if (!err)
        loom_sha256(data, n, hex);
    free(data);
    return err;
}

/* ---- the plan ------------------------------------------------------------ */

/* The variants of `list`, each with every value of "key=v1,v2". */
static json_t *multiply(json_t *steal, const char *set)
{
    json_t *out = json_array();
    int key = (int)strcspn(set, "=");
    for (size_t i = 0; i < json_array_size(steal); i++)
        for (const char *v = set + key; *v; v += strcspn(v, ",")) {
            json_t *one = json_deep_copy(json_array_get(steal, i));
            v++;
            char *text =
                loom_asprintf("%.*s=%.*s", key, set, (int)strcspn(v, ","), v);
            json_array_append_new(json_object_get(one, "set"),
                                  json_string(text));
            json_array_append_new(out, one);
            free(text);
        }
    json_decref(steal);
    return out;
}

static json_t *times_seeds(json_t *steal, int seeds)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(steal); i++)
        for (int k = 1; k <= seeds; k++) {
            json_t *one = json_deep_copy(json_array_get(steal, i));
            json_object_set_new(one, "seed", json_integer(k));
            json_array_append_new(out, one);
        }
    json_decref(steal);
    return out;
}

static json_t *make_plan(const struct args *a, int seeds, struct loom_errmsg *e)
{
    const struct loom_session_conf *c = &a->conf;
    char *script = realpath(c->script, NULL), hex[65];
    if (!script || hash_file(script, hex, e)) {
        if (!script)
            loom_fail(e, LOOM_ERR_MISSING, "%s: %s", c->script,
                      strerror(errno));
        free(script);
        return NULL;
    }
    json_t *all = json_pack("[{s:[],s:I}]", "set", "seed", (json_int_t)c->seed);
    for (size_t k = 0; a->set[k] && json_array_size(all) <= MAX_VARIANTS; k++)
        all = multiply(all, a->set[k]);
    if (seeds)
        all = times_seeds(all, seeds);
    json_t *plan =
        json_pack("{s:s,s:s,s:s,s:i,s:s,s:o}", "schema", "bitloom/sweep-plan/1",
                  "script", script, "sha256", hex, "epochs", c->epochs,
                  "device", c->device ? c->device : "", "variants", all);
    free(script);
    if (json_array_size(all) > MAX_VARIANTS) {
        loom_fail(e, LOOM_ERR_ARG, "%zu variants: at most %d are swept",
                  json_array_size(all), MAX_VARIANTS);
        json_decref(plan);
        plan = NULL;
    }
    return plan;
}

static json_t *read_plan(const char *dir, struct loom_errmsg *e)
{
    json_error_t je;
    char *path = loom_asprintf("%s/sweep.json", dir);
    json_t *o = json_load_file(path, 0, &je);
    if (!o || !json_is_array(json_object_get(o, "variants")) ||
        !json_is_string(json_object_get(o, "script"))) {
        loom_fail(e, o ? LOOM_ERR_FORMAT : LOOM_ERR_MISSING,
                  "%s: not the plan of a sweep: %s", path,
                  o ? "script or variants are missing" : je.text);
        json_decref(o);
        o = NULL;
    }
    free(path);
    return o;
}

/* What Slurm, GNU parallel or a shell starts with the number of a task. */
static int write_script(const char *dir, struct loom_errmsg *e)
{
    char program[PATH_MAX] = "";
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
        return loom_fail(e, LOOM_ERR_IO, "/proc/self/exe: %s", strerror(errno));
    if (strpbrk(dir, "'\n") || strpbrk(program, "'\n"))
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: a quote or line break in a folder's name cannot "
                         "be written into a shell script",
                         dir);
    char *path = loom_asprintf("%s/job.sh", dir);
    char *text = loom_asprintf(
        "#!/bin/sh\n"
        "#SBATCH --job-name=bitloom\n"
        "# One task of a sweep: job.sh NUMBER, or a task of a Slurm array.\n"
        "# With GNU parallel: parallel sh '%s' ::: $(seq N)\n"
        "exec '%s' sweep --task '%s' \"${1:-$SLURM_ARRAY_TASK_ID}\"\n",
        path, program, dir);
    int err = loom_file_write(path, text, strlen(text), e);
    chmod(path, 0755);
    free(text);
    free(path);
    return err;
}

static int settle_plan(struct sweep_job *j, json_t *wanted,
                       struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/sweep.json", j->dir);
    int err = 0;
    if (access(path, F_OK)) {
        err = write_script(j->dir, e);
        if (!err)
            err = write_json(path, json_incref(wanted), e);
    } else {
        json_t *old = read_plan(j->dir, e);
        if (!old)
            err = LOOM_ERR_FORMAT;
        else if (!json_equal(old, wanted))
            err = loom_fail(e, LOOM_ERR_ARG,
                            "%s: of another sweep (script, variants or "
                            "options differ); choose another folder with -o",
                            path);
        json_decref(old);
    }
    free(path);
    return err;
}

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
    j->plan = make_plan(a, seeds, e);
    if (!j->plan)
        return LOOM_ERR_ARG;
    err = settle_plan(j, j->plan, e);
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

/* ---- one task ------------------------------------------------------------ */

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
    if (loom_file_read(path, MAX_TEXT, &data, &n, NULL))
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
    int err = write_json(path, o, &e);
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
        .script = word(plan, "script"),
        .set = a.set,
        .out = dir,
        .resume = id[0] ? id : NULL,
        .epochs = (int)json_integer_value(json_object_get(plan, "epochs")),
        .threads = threads,
        .seed = json_integer_value(json_object_get(variant, "seed")),
        .device = word(plan, "device")[0] ? word(plan, "device") : NULL};
    int status = done ? CLI_DONE : run_job(&a, 0, last);
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
    char hex[65];
    json_t *plan = read_plan(dir, &e);
    if (!plan)
        return cli_fail(LOOM_ERR_MISSING, &e);
    const json_t *v =
        json_array_get(json_object_get(plan, "variants"), (size_t)(k - 1));
    char *own = task_dir(dir, k), *end = loom_asprintf("%s/done.json", own);
    int err = 0, status = CLI_DONE;
    if (k < 1 || !v)
        err = loom_fail(&e, LOOM_ERR_ARG, "%s: there is no task %d", dir, k);
    if (!err)
        err = hash_file(word(plan, "script"), hex, &e);
    if (!err && strcmp(hex, word(plan, "sha256")))
        err = loom_fail(&e, LOOM_ERR_ARG,
                        "%s has changed since the sweep began; choose another "
                        "folder with -o",
                        word(plan, "script"));
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

/* ---- how they stand ------------------------------------------------------ */

static void look(struct sweep_job *j, int k)
{
    struct sweep_variant *v = &j->variant[k];
    char *path = loom_asprintf("%s/%03d/done.json", j->dir, k + 1);
    json_t *o = v->done ? NULL : json_load_file(path, 0, NULL);
    if (o) {
        v->done = true;
        v->status = (int)json_integer_value(json_object_get(o, "status"));
        snprintf(v->run, sizeof(v->run), "%s", word(o, "run"));
        snprintf(v->why, sizeof(v->why), "%s", word(o, "why"));
    }
    json_decref(o);
    free(path);
}

static int adopt(struct sweep_job *j, struct loom_store *s, int k,
                 struct loom_errmsg *e)
{
    struct sweep_variant *v = &j->variant[k];
    char *own = task_dir(j->dir, k + 1), id[LOOM_RUN_ID];
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
                     "bitloom/sweep/1", "script", word(j->plan, "script"),
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
        err = write_json(file, json_pack("{s:s}", "job", job), e);
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
    snprintf(job, LOOM_CLUSTER_ID, "%s", word(o, "job"));
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
