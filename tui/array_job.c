#include "tui/array_job.h"

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
#include "fpga_flow/cluster.h"
#include "fpga_flow/tool.h"
#include "tui/cli.h"
#include "tui/flow_arg.h"

enum { SUBMISSIONS = 4, POLL_S = 2, MAX_SAID = 1 << 24 };

/* ---- files --------------------------------------------------------------- */

int array_write_json(const char *path, json_t *steal, struct loom_errmsg *e)
{
    char *text = json_dumps(steal, JSON_INDENT(1));
    int err = loom_file_write(path, text, strlen(text), e);
    json_decref(steal);
    free(text);
    return err;
}

const char *array_word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

int array_write_script(const char *dir, const char *command,
                       struct loom_errmsg *e)
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
        "# One task of several: job.sh NUMBER, or a task of a Slurm array.\n"
        "# With GNU parallel: parallel sh '%s' ::: $(seq N)\n"
        "exec '%s' %s --task '%s' \"${1:-$SLURM_ARRAY_TASK_ID}\"\n",
        path, program, command, dir);
    int err = loom_file_write(path, text, strlen(text), e);
    chmod(path, 0755);
    free(text);
    free(path);
    return err;
}

/* ---- of a task ----------------------------------------------------------- */

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

int array_end_task(const char *own, const char *run, int status)
{
    struct loom_errmsg e;
    char why[256] = "", *path = loom_asprintf("%s/done.json", own);
    char *said = loom_asprintf("%s/err.txt", own);
    if (status)
        last_words(said, why, sizeof(why));
    json_t *o = json_pack("{s:i,s:s}", "status", status, "run", run);
    json_t *text = json_string(why); /* NULL where it is no UTF-8 */
    json_object_set_new(o, "why", text ? text : json_string("?"));
    int err = array_write_json(path, o, &e);
    free(path);
    free(said);
    return err ? cli_fail(err, &e) : status;
}

int array_redirect(const char *own, struct loom_errmsg *e)
{
    char *log = loom_asprintf("%s/log.jsonl", own);
    char *said = loom_asprintf("%s/err.txt", own);
    int err = loom_file_mkdirs(own, e);
    if (!err && (!freopen(log, "ae", stdout) || !freopen(said, "we", stderr)))
        err = loom_fail(e, LOOM_ERR_IO, "%s: %s", own, strerror(errno));
    setvbuf(stderr, NULL, _IOLBF, 0); /* as a screen is, not as a file is */
    free(log);
    free(said);
    return err;
}

/* ---- how they stand ------------------------------------------------------ */

void array_deinit(struct array_job *j)
{
    free(j->task);
    free(j->dir);
    *j = (struct array_job){0};
}

/* DIR/00K/done.json, to be freed; k counts from 0. */
static char *end_of(const struct array_job *j, int k)
{
    return loom_asprintf("%s/%03d/done.json", j->dir, k + 1);
}

void array_forget_failures(const struct array_job *j)
{
    for (int k = 0; k < j->n; k++) {
        char *path = end_of(j, k);
        json_t *o = json_load_file(path, 0, NULL);
        if (o && json_integer_value(json_object_get(o, "status")))
            unlink(path);
        json_decref(o);
        free(path);
    }
}

static void look(struct array_job *j, int k)
{
    struct array_task *t = &j->task[k];
    char *path = end_of(j, k);
    json_t *o = t->done ? NULL : json_load_file(path, 0, NULL);
    if (o) {
        t->done = true;
        t->status = (int)json_integer_value(json_object_get(o, "status"));
        snprintf(t->run, sizeof(t->run), "%s", array_word(o, "run"));
        snprintf(t->why, sizeof(t->why), "%s", array_word(o, "why"));
    }
    json_decref(o);
    free(path);
}

static void say(const struct array_job *j, int k, bool quiet)
{
    const struct array_task *t = &j->task[k];
    int done = 0;
    for (int i = 0; i < j->n; i++)
        done += j->task[i].done;
    if (!quiet)
        fprintf(stderr, "%d/%d  %03d  %s  %s%s\n", done, j->n, k + 1, t->words,
                t->status ? "failed: " : "done", t->status ? t->why : "");
}

int array_take_stock(struct array_job *j, bool quiet)
{
    int left = 0;
    for (int k = 0; k < j->n; k++) {
        bool before = j->task[k].done;
        look(j, k);
        if (j->task[k].done && !before)
            say(j, k, quiet);
        left += !j->task[k].done;
    }
    return left;
}

/* ---- here ---------------------------------------------------------------- */

struct crew {
    struct array_job *j;
    int (*do_task)(void *ud, int k, struct loom_errmsg *e);
    void *ud;
    int next, running;
    int mb, mb_taken; /* of memory: what there is, what runs should take */
    bool quiet;
    pthread_mutex_t lock; /* of next, running, mb_taken, the tasks, stderr */
    pthread_cond_t ended;
    struct loom_errmsg e;
    int err;
};

/* Megabytes that can be taken without pushing anything out; cgroups (v2) have
 * a limit of their own. */
static int memory_mb(void)
{
    long kb = 0, limit = LONG_MAX, used = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof(line), f) &&
           sscanf(line, "MemAvailable: %ld", &kb) != 1)
        continue;
    if (f)
        fclose(f);
    FILE *max = fopen("/sys/fs/cgroup/memory.max", "re");
    FILE *now = fopen("/sys/fs/cgroup/memory.current", "re");
    if (max && now && fscanf(max, "%ld", &limit) == 1 &&
        fscanf(now, "%ld", &used) == 1 && (limit - used) / 1024 < kb)
        kb = (limit - used) / 1024;
    if (max)
        fclose(max);
    if (now)
        fclose(now);
    return kb > 0 ? (int)(kb / 1024) : INT_MAX;
}

/* The next task that is not done, when there is room for it (alone it always
 * has); -1: none is left. */
static int take_next(struct crew *c)
{
    struct array_job *j = c->j;
    int k = -1;
    pthread_mutex_lock(&c->lock);
    while (!c->err) {
        while (c->next < j->n && j->task[c->next].done)
            c->next++;
        if (c->next >= j->n)
            break;
        int mb = j->task[c->next].mb;
        if (!c->running || mb <= c->mb - c->mb_taken) {
            k = c->next++;
            c->running++;
            c->mb_taken += mb;
            break;
        }
        pthread_cond_wait(&c->ended, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return k;
}

static void end_one(struct crew *c, int k, int err, const struct loom_errmsg *e)
{
    pthread_mutex_lock(&c->lock);
    look(c->j, k);
    c->running--;
    c->mb_taken -= c->j->task[k].mb;
    if (c->j->task[k].done) {
        say(c->j, k, c->quiet);
    } else if (!c->err) {
        c->err = err < 0 ? err : LOOM_ERR_TOOL;
        c->e = *e;
        if (err >= 0)
            loom_fail(&c->e, c->err, "task %d ended with status %d; see %s",
                      k + 1, err, c->j->dir);
    }
    pthread_cond_broadcast(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

/* Task k, from 1, in a process of its own. */
static int spawn(void *ud, int k, struct loom_errmsg *e)
{
    const struct array_job *j = ud;
    char program[PATH_MAX] = "", number[16];
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
        return loom_fail(e, LOOM_ERR_IO, "/proc/self/exe: %s", strerror(errno));
    snprintf(number, sizeof(number), "%d", k);
    const char *argv[] = {program, j->command, "--task", j->dir, number, NULL};
    return loom_tool_run(
        &(struct loom_tool){.argv = argv, .cancel = flow_interrupts()}, e);
}

static void *work(void *arg)
{
    struct crew *c = arg;
    for (int k; (k = take_next(c)) >= 0;) {
        struct loom_errmsg e = {""};
        int err = c->do_task(c->ud, k + 1, &e);
        end_one(c, k, err, &e);
    }
    return NULL;
}

int array_run(struct array_job *j, int jobs,
              int (*do_task)(void *ud, int k, struct loom_errmsg *e), void *ud,
              bool quiet, struct loom_errmsg *e)
{
    struct crew c = {.j = j,
                     .do_task = do_task ? do_task : spawn,
                     .ud = do_task ? ud : j,
                     .quiet = quiet,
                     .mb = memory_mb()};
    jobs = jobs < j->n ? jobs : j->n;
    pthread_t *thread = loom_calloc((size_t)jobs + 1, sizeof(*thread));
    int started = 0;
    flow_interrupts(); /* before there is a thread */
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.ended, NULL);
    while (started < jobs && !pthread_create(&thread[started], NULL, work, &c))
        started++;
    if (!started)
        c.err = loom_fail(&c.e, LOOM_ERR_NOMEM, "no thread can be started");
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_cond_destroy(&c.ended);
    pthread_mutex_destroy(&c.lock);
    free(thread);
    if (c.err)
        return loom_fail(e, c.err, "%s", c.e.text);
    return 0;
}

/* ---- on a cluster -------------------------------------------------------- */

/* Submit the tasks that are neither done nor with the cluster; how many, or an
 * error. */
static int submit(struct array_job *j, const char *partition, const bool *has,
                  char job[LOOM_CLUSTER_ID], struct loom_errmsg *e)
{
    int n = 0, *left = loom_calloc((size_t)j->n, sizeof(*left));
    for (int k = 0; k < j->n; k++)
        if (!j->task[k].done && !has[k])
            left[n++] = k + 1;
    char *script = loom_asprintf("%s/job.sh", j->dir);
    char *file = loom_asprintf("%s/slurm.json", j->dir);
    int err = 0;
    if (n)
        err = loom_cluster_submit(script, j->dir, partition, left, n, job, e);
    if (n && !err)
        err = array_write_json(file, json_pack("{s:s}", "job", job), e);
    free(left);
    free(script);
    free(file);
    return err ? err : n;
}

/* The array that an earlier call has submitted; "" if none. */
static void last_job(const struct array_job *j, char job[LOOM_CLUSTER_ID])
{
    char *file = loom_asprintf("%s/slurm.json", j->dir);
    json_t *o = json_load_file(file, 0, NULL);
    snprintf(job, LOOM_CLUSTER_ID, "%s", array_word(o, "job"));
    json_decref(o);
    free(file);
}

int array_run_slurm(struct array_job *j, const char *partition, bool quiet,
                    struct loom_errmsg *e)
{
    const atomic_bool *interrupted = flow_interrupts();
    bool *has = loom_calloc((size_t)j->n + 1, sizeof(*has));
    char job[LOOM_CLUSTER_ID];
    int err = 0, submissions = 0;
    last_job(j, job);
    while (!err && array_take_stock(j, quiet)) {
        bool any = false;
        memset(has, 0, (size_t)j->n * sizeof(*has));
        if (job[0])
            err = loom_cluster_look(job, has, j->n, e);
        for (int k = 0; k < j->n; k++)
            any |= has[k];
        /* What has just left the cluster may have written its end since. */
        if (!err && !any && array_take_stock(j, quiet)) {
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
