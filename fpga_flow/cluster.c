#include "fpga_flow/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/tool.h"

enum { TIMEOUT_S = 60 };

/* "1-3,7": Slurm's form of a list of tasks. */
static char *ranges(const int *index, int n)
{
    char *text = loom_strdup("");
    for (int i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && index[k] == index[k - 1] + 1; k++)
            continue;
        char *longer =
            k > i + 1 ? loom_asprintf("%s%s%d-%d", text, i ? "," : "", index[i],
                                      index[k - 1])
                      : loom_asprintf("%s%s%d", text, i ? "," : "", index[i]);
        free(text);
        text = longer;
    }
    return text;
}

struct heard {
    char out[LOOM_CLUSTER_ID]; /* the first line */
    char err[256];             /* the last one of standard error */
    bool *has;
    int n;
};

static bool hear(void *ctx, const char *line, bool err)
{
    struct heard *h = ctx;
    int task;
    if (err)
        snprintf(h->err, sizeof(h->err), "%.255s", line);
    else if (!h->out[0])
        snprintf(h->out, sizeof(h->out), "%.31s", line);
    if (!err && h->has && sscanf(line, "%d", &task) == 1 && task >= 1 &&
        task <= h->n)
        h->has[task - 1] = true;
    return true;
}

static int call(const char *const *argv, struct heard *h, struct loom_errmsg *e)
{
    const struct loom_tool t = {
        .argv = argv, .timeout_s = TIMEOUT_S, .line = hear, .ctx = h};
    return loom_tool_run(&t, e);
}

int loom_cluster_submit(const char *script, const char *dir,
                        const char *partition, const int *index, int n,
                        char job[LOOM_CLUSTER_ID], struct loom_errmsg *e)
{
    struct heard h = {0};
    char *list = ranges(index, n), *array = loom_asprintf("--array=%s", list);
    char *out = loom_asprintf("--output=%s/slurm-%%a.txt", dir);
    char *part = loom_asprintf("--partition=%s", partition ? partition : "");
    const char *argv[] = {
        "sbatch", "--parsable", "--requeue", array, "--open-mode=append",
        out,      script,       NULL,        NULL};
    if (partition) {
        argv[6] = part;
        argv[7] = script;
    }
    int err = call(argv, &h, e);
    if (err > 0)
        err = loom_fail(e, LOOM_ERR_TOOL, "sbatch: exit status %d: %s", err,
                        h.err[0] ? h.err : "no message");
    if (!err) /* "ID" or "ID;CLUSTER" */
        snprintf(job, LOOM_CLUSTER_ID, "%.*s", (int)strcspn(h.out, ";"), h.out);
    free(list);
    free(array);
    free(out);
    free(part);
    return err;
}

int loom_cluster_look(const char *job, bool *has, int n, struct loom_errmsg *e)
{
    struct heard h = {.has = has, .n = n};
    const char *const argv[] = {"squeue", "-h", "-r", "-j",
                                job,      "-o", "%K", NULL};
    memset(has, 0, (size_t)n * sizeof(*has));
    int err = call(argv, &h, e);
    if (err > 0 && strstr(h.err, "Invalid job id"))
        return 0;
    if (err > 0)
        err = loom_fail(e, LOOM_ERR_TOOL, "squeue: exit status %d: %s", err,
                        h.err[0] ? h.err : "no message");
    return err;
}
