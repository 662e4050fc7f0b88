#include "fpga_flow/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"

enum {
    LINE_MAX_BYTES = 4096, /* longer lines are cut */
    LOG_MAX_BYTES = 16 << 20,
    FULL_BYTES = 64 << 10, /* a tool wants more than that left */
    GRACE_MS = 300,        /* between SIGTERM and SIGKILL */
    TICK_MS = 50           /* how often `cancel` and the clock are looked at */
};

extern char **environ;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- finding ------------------------------------------------------------ */

static const char *package_of(const char *name)
{
    static const char *const table[][2] = {
        {"yosys", "yosys"},           {"nextpnr-ice40", "nextpnr-ice40"},
        {"icepack", "fpga-icestorm"}, {"verilator", "verilator"},
        {"iverilog", "iverilog"},     {"vvp", "iverilog"},
        {"sbatch", "slurm-client"},   {"squeue", "slurm-client"},
        {"iceprog", "fpga-icestorm"}, {"openFPGALoader", "openfpgaloader"}};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (!strcmp(name, table[i][0]))
            return table[i][1];
    return name;
}

/* Look for name in the folders of a colon-separated list. */
static bool find_in(const char *folders, const char *name, char *path,
                    size_t size)
{
    while (folders && *folders) {
        size_t n = strcspn(folders, ":");
        int got = snprintf(path, size, "%.*s/%s", (int)n, folders, name);
        if (n && got > 0 && (size_t)got < size && !access(path, X_OK))
            return true;
        folders += n + (folders[n] == ':');
    }
    return false;
}

/* Where ./run install-ecp5 puts what Debian 12 lacks. */
static bool find_in_prefix(const char *name, char *path, size_t size)
{
    char *home = loom_folder(LOOM_FOLDER_DATA);
    int got = snprintf(path, size, "%s/ecp5/bin/%s", home, name);
    free(home);
    return got > 0 && (size_t)got < size && !access(path, X_OK);
}

int loom_tool_find(const char *name, char *path, size_t size,
                   struct loom_errmsg *e)
{
    if (strchr(name, '/')) {
        snprintf(path, size, "%s", name);
        if (!access(path, X_OK))
            return 0;
    } else if (find_in(getenv("LOOM_TOOLS"), name, path, size) ||
               find_in(getenv("PATH"), name, path, size) ||
               find_in_prefix(name, path, size)) {
        return 0;
    }
    if (!strcmp(name, "nextpnr-ecp5") || !strcmp(name, "ecppack"))
        return loom_fail(e, LOOM_ERR_TOOL,
                         "%s is not installed: ./run install-ecp5 (or name "
                         "its folder in LOOM_TOOLS)",
                         name);
    return loom_fail(e, LOOM_ERR_TOOL,
                     "%s is not installed: apt-get install %s (or name its "
                     "folder in LOOM_TOOLS)",
                     name, package_of(name));
}

int loom_tool_find_beside(const char *mate, const char *name, char *path,
                          size_t size, struct loom_errmsg *e)
{
    const char *end = strrchr(mate, '/');
    if (find_in(getenv("LOOM_TOOLS"), name, path, size))
        return 0;
    int got = snprintf(path, size, "%.*s/%s", end ? (int)(end - mate) : 0, mate,
                       name);
    if (end && got > 0 && (size_t)got < size && !access(path, X_OK))
        return 0;
    return loom_tool_find(name, path, size, e);
}

/* ---- the keeper (after fork: async-signal-safe calls only) --------------- */

static void reset_signals(void)
{
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

struct start {
    const char *path, *dir;
    char *const *argv, *const *env;
    int out, err, life; /* write, write, read ends */
};

static void become_tool(const struct start *s, pid_t keeper)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(127);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(s->out, 1);
    dup2(s->err, 2);
    close_range(3, ~0U, 0);
    if (s->dir && chdir(s->dir) < 0)
        _exit(126);
    execve(s->path, s->argv, s->env);
    _exit(127);
}

static int status_of(int w)
{
    return WIFEXITED(w) ? WEXITSTATUS(w) : 128 + WTERMSIG(w);
}

/* Reap what has ended; the tool's status goes to *status. True while any
 * child is left. */
static bool reap(pid_t tool, int *status)
{
    int w;
    pid_t p;
    while ((p = waitpid(-1, &w, WNOHANG)) > 0)
        if (p == tool)
            *status = status_of(w);
    return p == 0;
}

/* SIGKILL for all children, those that left the tool's group too; who dies
 * leaves its own children to us. */
static void kill_children(void)
{
    char list[4096];
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, list, sizeof(list));
    pid_t pid = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (list[i] != ' ') {
            pid = 10 * pid + (list[i] - '0');
        } else {
            kill(pid, SIGKILL);
            pid = 0;
        }
    }
    close(fd);
}

static void nothing(int sig)
{
    (void)sig;
}

/* Start the tool, wait for its end or for the life line to break, leave no
 * process of it behind. */
static void keep(const struct start *s)
{
    sigset_t child, none;
    int status = -1;
    reset_signals();
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&none);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pid_t keeper = getpid(), tool = fork();
    if (tool < 0)
        _exit(126);
    if (!tool)
        become_tool(s, keeper);
    setpgid(tool, tool);
    dup2(s->life, 3);
    close_range(4, ~0U, 0);
    close(0);
    close(1);
    close(2);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGCHLD, nothing);
    struct pollfd life = {3, POLLIN, 0};
    while (status < 0 && reap(tool, &status) && status < 0 &&
           !(ppoll(&life, 1, NULL, &none) > 0))
        ;
    kill(-tool, status < 0 ? SIGTERM : SIGKILL);
    struct timespec tick = {0, 10 * 1000000};
    for (int i = 0; reap(tool, &status); i++) {
        if (i >= GRACE_MS / 10) {
            kill(-tool, SIGKILL);
            kill_children();
        }
        ppoll(NULL, 0, &tick, &none);
    }
    _exit(status < 0 ? 126 : status);
}

/* ---- the caller's side -------------------------------------------------- */

struct stream {
    int fd;
    bool err;
    char line[LINE_MAX_BYTES];
    size_t n;
};

struct run {
    const struct loom_tool *t;
    FILE *log;
    size_t logged;
    struct stream s[2];
    bool stop;
};

static void end_line(struct run *r, struct stream *s)
{
    s->line[s->n] = 0;
    if (r->log && r->logged < LOG_MAX_BYTES) {
        r->logged += s->n + 1;
        fprintf(r->log, "%s\n", s->line);
    }
    if (r->t->line && !r->stop && !r->t->line(r->t->ctx, s->line, s->err))
        r->stop = true;
    s->n = 0;
}

static void read_some(struct run *r, struct stream *s)
{
    char buf[8192];
    ssize_t n = read(s->fd, buf, sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    for (ssize_t i = 0; i < n; i++) {
        if (buf[i] == '\n')
            end_line(r, s);
        else if (buf[i] != '\r' && s->n + 1 < sizeof(s->line))
            s->line[s->n++] = buf[i] ? buf[i] : ' ';
    }
    if (n > 0)
        return;
    if (s->n)
        end_line(r, s);
    close(s->fd);
    s->fd = -1;
}

/* Read both streams until they end; LOOM_TOOL_STOPPED or an error where the
 * tool must be ended before that. */
static int watch(struct run *r, struct loom_errmsg *e)
{
    const struct loom_tool *t = r->t;
    double begin = now();
    while (r->s[0].fd >= 0 || r->s[1].fd >= 0) {
        struct pollfd p[2] = {{r->s[0].fd, POLLIN, 0}, {r->s[1].fd, POLLIN, 0}};
        poll(p, 2, TICK_MS);
        for (int i = 0; i < 2; i++)
            if (p[i].revents)
                read_some(r, &r->s[i]);
        if (r->stop)
            return LOOM_TOOL_STOPPED;
        if (t->cancel && atomic_load(t->cancel))
            return loom_fail(e, LOOM_ERR_CANCELLED, "%s: cancelled",
                             t->argv[0]);
        if (t->timeout_s > 0 && now() - begin > t->timeout_s)
            return loom_fail(e, LOOM_ERR_TOOL,
                             "%s: not done after %.0f s, given up; allow "
                             "more time with --timeout",
                             t->argv[0], t->timeout_s);
    }
    return 0;
}

/* Our environment with another TMPDIR; only the array and [0] are owned. */
static char **environment(const char *tmp)
{
    size_t n = 0, m = 1;
    while (environ[n])
        n++;
    char **env = loom_calloc(n + 2, sizeof(*env));
    env[0] = loom_asprintf("TMPDIR=%s", tmp);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "TMPDIR=", 7))
            env[m++] = environ[i];
    return env;
}

/* Fork the keeper; its pid, with the ends of the pipes in r and *life. */
static pid_t start(struct run *r, struct start *s, int *life)
{
    int out[2], err[2], line[2];
    pid_t pid = -1;
    if (pipe2(out, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(err, O_CLOEXEC) < 0)
        goto close_out;
    if (pipe2(line, O_CLOEXEC) < 0)
        goto close_err;
    s->out = out[1];
    s->err = err[1];
    s->life = line[0];
    pid = fork();
    if (!pid)
        keep(s);
    close(line[0]);
    if (pid < 0) {
        close(line[1]);
        goto close_err;
    }
    close(out[1]);
    close(err[1]);
    r->s[0] = (struct stream){.fd = out[0]};
    r->s[1] = (struct stream){.fd = err[0], .err = true};
    *life = line[1];
    return pid;
close_err:
    close(err[0]);
    close(err[1]);
close_out:
    close(out[0]);
    close(out[1]);
    return -1;
}

static int supervise(struct run *r, struct start *s, struct loom_errmsg *e)
{
    int life, w = 0;
    pid_t pid = start(r, s, &life);
    if (pid < 0)
        return loom_fail(e, LOOM_ERR_IO, "%s: cannot be started: %s",
                         r->t->argv[0], strerror(errno));
    int err = watch(r, e);
    if (err)
        close(life);
    while (waitpid(pid, &w, 0) < 0 && errno == EINTR)
        ;
    if (!err)
        close(life);
    for (int i = 0; i < 2; i++)
        if (r->s[i].fd >= 0)
            close(r->s[i].fd);
    return err ? err : status_of(w);
}

int loom_tool_run(const struct loom_tool *t, struct loom_errmsg *e)
{
    char path[4096];
    if (t->cancel && atomic_load(t->cancel))
        return loom_fail(e, LOOM_ERR_CANCELLED, "%s: cancelled", t->argv[0]);
    int err = loom_tool_find(t->argv[0], path, sizeof(path), e);
    if (err)
        return err;
    char *tmp = loom_folder_scratch(e);
    if (!tmp)
        return LOOM_ERR_IO;
    struct run *r = loom_calloc(1, sizeof(*r));
    r->t = t;
    r->log = t->log ? fopen(t->log, "ae") : NULL;
    if (t->log && !r->log) {
        err = loom_fail(e, LOOM_ERR_IO, "%s: cannot be written: %s", t->log,
                        strerror(errno));
        goto out;
    }
    if (r->log) /* so that it can be followed */
        setvbuf(r->log, NULL, _IOLBF, 0);
    char **env = environment(tmp);
    struct start s = {.path = path,
                      .dir = t->dir,
                      .argv = (char *const *)(uintptr_t)t->argv,
                      .env = env};
    err = supervise(r, &s, e);
    free(env[0]);
    free(env);
    if (r->log && (ferror(r->log) | fclose(r->log)) && err >= 0)
        err = loom_fail(e, LOOM_ERR_IO,
                        "%s: writing failed: %s; free some space and try "
                        "again",
                        t->log, strerror(errno));
out:
    loom_file_remove_tree(tmp);
    free(tmp);
    free(r);
    return err;
}

/* ---- why it failed ------------------------------------------------------ */

bool loom_disk_is_full(const char *dir)
{
    struct statvfs fs;
    return !statvfs(dir, &fs) &&
           fs.f_bavail * (uint64_t)fs.f_frsize < FULL_BYTES;
}

int loom_tool_failed(const char *name, int status, const char *said,
                     const char *dir, struct loom_errmsg *e)
{
    int sig = status - 128;
    if (loom_disk_is_full(dir))
        return loom_fail(e, LOOM_ERR_IO,
                         "%s: the disk is full; free some space and try again",
                         dir);
    if (sig == SIGKILL || sig == SIGSEGV || sig == SIGABRT || sig == SIGBUS)
        return loom_fail(e, LOOM_ERR_TOOL,
                         "%s: ended by signal %d%s%s; is there enough memory?",
                         name, sig, *said ? ": " : "", said);
    return loom_fail(e, LOOM_ERR_TOOL, "%s: exit status %d: %s", name, status,
                     *said ? said : "no message");
}

/* ---- versions ----------------------------------------------------------- */

struct first_line {
    char *out;
    size_t size;
};

static bool take_first(void *ctx, const char *line, bool err)
{
    struct first_line *f = ctx;
    (void)err;
    if (!f->out[0])
        snprintf(f->out, f->size, "%s", line);
    return true;
}

void loom_tool_version(const char *name, const char *arg, char *out,
                       size_t size)
{
    const char *const argv[] = {name, arg, NULL};
    struct first_line f = {out, size};
    out[0] = 0;
    loom_tool_run(
        &(struct loom_tool){
            .argv = argv, .timeout_s = 20, .line = take_first, .ctx = &f},
        NULL);
}
