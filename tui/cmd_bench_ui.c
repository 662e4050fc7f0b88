/* bitloom bench ui: the screen as a person has it, in a pseudo-terminal while
 * it trains on all cores. A key counts until its own effect is to be read on
 * the screen, not until something is painted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "engine/store.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/vt.h"

enum { RUNS = 1000, MOST_KEYS = 10000, MOST_PAIRS = 50, PATIENCE_MS = 30000 };

/* Seconds: of counting frames and CPU, of each run of a pair, of idling. */
static const double WATCH = 5, RUN = 6, IDLE = 3;

static const char script[] =
    "local data = loom.muon{train = 20000, val = 2000, test = 2000, seed = 1,\n"
    "                       target_scale = 64}\n"
    "local bit = {k0 = 0, i0 = 1, f0 = 0, trained = false}\n"
    "loom.train{name = 'bench', data = data, loss = 'mse', batch = 512,\n"
    "  epochs = 100000, seed = 1, lr = 1e-3, beta = 1e-6, model = loom.model{\n"
    "    input = data.inputs,\n"
    "    loom.dense{64, relu = true, input = bit, kernel = {b0 = 4, i0 = 0}},\n"
    "    loom.dense{32, relu = true, input = {f0 = 4}},\n"
    "    loom.dense{1, input = {f0 = 5}, kernel = {b0 = 6, i0 = 1}}}}\n";

struct bench {
    char *dir, script[4096], program[256];
    int keys, pairs;
    bool json;
    json_t *cases;
};

/* The program in its terminal. */
struct probe {
    pid_t pid; /* the one that keeps the terminal */
    int fd, w, h;
    struct vt *vt;
    size_t bytes, bursts;
    double last; /* when the last bytes came */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the program in a terminal ------------------------------------------ */

static void start(struct probe *p, const struct bench *b, int w, int h,
                  const char *file)
{
    struct winsize ws = {.ws_row = (unsigned short)h,
                         .ws_col = (unsigned short)w};
    *p = (struct probe){.w = w, .h = h, .vt = vt_new(w, h)};
    p->pid = forkpty(&p->fd, NULL, NULL, &ws);
    if (p->pid == 0) {
        setenv("TERM", "xterm-256color", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("XDG_STATE_HOME", b->dir, 1);
        setenv("XDG_DATA_HOME", b->dir, 1);
        execl(b->program, b->program, file, (char *)NULL);
        _exit(127);
    }
}

/* Take what comes within some time; false: the program has ended. */
static bool pump(struct probe *p, double seconds)
{
    struct pollfd f = {p->fd, POLLIN, 0};
    struct timespec t = {(time_t)seconds,
                         (long)((seconds - floor(seconds)) * 1e9)};
    char buf[65536];
    if (ppoll(&f, 1, &t, NULL) <= 0)
        return true;
    ssize_t n = read(p->fd, buf, sizeof buf);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    double at = now();
    p->bursts += at - p->last > 0.01;
    p->last = at;
    p->bytes += (size_t)n;
    vt_feed(p->vt, buf, (size_t)n);
    return true;
}

static void pump_for(struct probe *p, double seconds)
{
    for (double end = now() + seconds; now() < end;)
        if (!pump(p, end - now()))
            return;
}

static bool wait_text(struct probe *p, const char *text)
{
    double end = now() + PATIENCE_MS / 1e3;
    while (!vt_shows(p->vt, -1, text))
        if (now() > end || !pump(p, 0.1))
            return false;
    return true;
}

static void type(struct probe *p, const char *keys)
{
    if (write(p->fd, keys, strlen(keys)) < 0)
        p->last = now(); /* it has ended; the next wait says so */
}

static void stop(struct probe *p)
{
    int status;
    kill(p->pid, SIGTERM);
    while (pump(p, 0.1) && waitpid(p->pid, &status, WNOHANG) == 0)
        continue;
    close(p->fd);
    waitpid(p->pid, &status, 0);
    vt_free(p->vt);
}

/* ---- what the system says of it ------------------------------------------ */

/* The program proper: the only child of the keeper; 0: none. */
static int worker(const struct probe *p)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", p->pid, p->pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return pid;
}

/* What one of its threads has had: seconds of CPU, NAN when it is gone, and
 * how often it waited for something. */
struct thread_use {
    double cpu;
    long waits;
    bool trains;
};

static void read_thread(int pid, const char *tid, struct thread_use *out)
{
    char path[96], line[128], name[32] = "";
    double ns = NAN;
    *out = (struct thread_use){.waits = 0};
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/schedstat", pid, tid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%lf", &ns) != 1)
        ns = (double)NAN;
    if (f)
        fclose(f);
    out->cpu = 1e-9 * ns;
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/status", pid, tid);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Name: %31s", name);
        sscanf(line, "voluntary_ctxt_switches: %ld", &out->waits);
    }
    if (f)
        fclose(f);
    out->trains = !strcmp(name, "session") || !strcmp(name, "worker");
}

/* Seconds of CPU of the whole program, with threads that have ended. */
static double program_cpu(int pid)
{
    char path[64];
    double user = NAN, kernel = NAN;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f,
                    "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
                    "%*u %lf %lf",
                    &user, &kernel) != 2)
        user = (double)NAN;
    if (f)
        fclose(f);
    return (user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* All of them: CPU of the screen's thread, of those that train, and of the
 * whole; waits of all. */
struct use {
    double screen, training, all;
    long waits;
};

static struct use look(const struct probe *p)
{
    int pid = worker(p);
    struct use u = {.all = program_cpu(pid), .screen = (double)NAN};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct thread_use t;
        if (e->d_name[0] == '.')
            continue;
        read_thread(pid, e->d_name, &t);
        u.waits += t.waits;
        if (t.trains)
            u.training += t.cpu;
        if (atoi(e->d_name) == pid)
            u.screen = t.cpu;
    }
    if (d)
        closedir(d);
    return u;
}

/* Until the program has done what it does beside: then it computes no more. */
static void wait_idle(struct probe *p)
{
    static const double much = 0.02;
    double end = now() + PATIENCE_MS / 1e3;
    for (double was = NAN, is; now() < end; was = is) {
        is = program_cpu(worker(p));
        if (is - was < much)
            return;
        pump_for(p, 1);
    }
}

/* ---- keys -----------------------------------------------------------------
 */

/* Press a key and wait for what it does to a row (-1: any); milliseconds. */
static double press(struct probe *p, const char *key, int row, const char *text)
{
    double from = now();
    type(p, key);
    while (!vt_shows(p->vt, row, text))
        if (now() > from + PATIENCE_MS / 1e3 || !pump(p, 1))
            return (double)NAN;
    return 1e3 * (now() - from);
}

/* Key k on the screens of a running program: a curve's axis, a weight's
 * neighbour, the next run, a letter of Lua; each by turns of 50. */
static double press_one(struct probe *p, int k)
{
    char text[64], key[2] = "j";
    int turn = k / 50 % 4, at = k % 50;
    static const char *const to[] = {"1", "2]", "4", "6"};
    static const char *const here[] = {"[1 Dash]", "[2 Layers]", "[4 Runs]",
                                       "[6 Lua]"};
    if (at == 0) {
        type(p, k ? "\033" : "");
        pump_for(p, 0.1);
        type(p, to[turn]);
        if (!wait_text(p, here[turn]))
            return (double)NAN;
        pump_for(p, 0.5);
        type(p, turn == 2 ? "g" : turn == 1 ? "g<" : turn == 3 ? "\025" : "");
        pump_for(p, 0.2);
    }
    if (turn == 0)
        return press(p, "l", 1, at % 2 ? "  log ─" : "linear ─");
    if (turn == 1) {
        snprintf(text, sizeof text, "weight [%d,", at + 1);
    } else if (turn == 2) {
        snprintf(text, sizeof text, "─ %d of ", at + 2);
    } else {
        key[0] = (char)('a' + at % 26);
        snprintf(text, sizeof text, "> ");
        for (int i = 0; i <= at; i++)
            text[2 + i] = (char)('a' + i % 26);
        text[3 + at] = 0;
    }
    return press(p, key, -1, text);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Between two keys a time that has nothing to do with the frames'. */
static bool measure_keys(struct probe *p, int n, double *p50, double *p99)
{
    double ms[MOST_KEYS];
    for (int k = 0; k < n; k++) {
        ms[k] = press_one(p, k);
        if (isnan(ms[k]))
            return false;
        pump_for(p, 0.037 + 0.001 * (k * 17 % 29));
    }
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    *p50 = ms[n / 2];
    *p99 = ms[n * 99 / 100];
    return true;
}

/* ---- training beside it ----------------------------------------------------
 */

/* Median of the seconds an epoch took in the newest run. */
static double epoch_seconds(const struct bench *b, const char *name)
{
    struct loom_errmsg e;
    struct loom_store_filter only = {.state = -1, .name = name};
    struct loom_store_run *run = NULL;
    struct loom_store_epoch *row = NULL;
    size_t n = 0, n_rows = 0;
    double median = (double)NAN;
    char *dir = loom_asprintf("%s/bitloom", b->dir);
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_READ, NULL, &e);
    if (s && !loom_store_list(s, &only, &run, &n, &e) && n &&
        !loom_store_epochs(s, run[0].id, &row, &n_rows, &e) && n_rows) {
        double *seconds = loom_malloc(n_rows * sizeof *seconds);
        for (size_t k = 0; k < n_rows; k++)
            seconds[k] = row[k].seconds;
        qsort(seconds, n_rows, sizeof *seconds, by_value);
        median = seconds[n_rows / 2];
        free(seconds);
    }
    free(row);
    loom_store_runs_free(run, n);
    loom_store_close(s);
    free(dir);
    return median;
}

static double headless(const struct bench *b)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        setenv("XDG_DATA_HOME", b->dir, 1);
        execl(b->program, b->program, "run", "-q", b->script, (char *)NULL);
        _exit(127);
    }
    usleep((useconds_t)(RUN * 1e6));
    kill(pid, SIGINT);
    waitpid(pid, &status, 0);
    return epoch_seconds(b, "bench");
}

static double with_screen(const struct bench *b, int w, int h)
{
    struct probe p;
    start(&p, b, w, h, b->script);
    pump_for(&p, RUN);
    stop(&p);
    return epoch_seconds(b, "bench");
}

/* Per cent that an epoch takes longer; the median of the pairs, which take
 * turns in who is first. */
static double slowdown(const struct bench *b, int w, int h)
{
    double ratio[MOST_PAIRS];
    for (int k = 0; k < b->pairs; k++) {
        double alone = k % 2 ? headless(b) : 0;
        double screen = with_screen(b, w, h);
        alone = k % 2 ? alone : headless(b);
        ratio[k] = 100 * (screen / alone - 1);
    }
    qsort(ratio, (size_t)b->pairs, sizeof *ratio, by_value);
    return b->pairs ? ratio[b->pairs / 2] : (double)NAN;
}

/* ---- cases ------------------------------------------------------------------
 */

/* From the start of the process to something on the screen; ms. */
static double first_frame(const struct bench *b, int w, int h)
{
    double ms[5], from;
    for (int k = 0; k < 5; k++) {
        struct probe p;
        from = now();
        start(&p, b, w, h, b->script);
        ms[k] = wait_text(&p, "[1 Dash]") ? 1e3 * (now() - from) : (double)NAN;
        stop(&p);
        char *state = loom_asprintf("%s/bitloom/screen.json", b->dir);
        unlink(state);
        free(state);
    }
    qsort(ms, 5, sizeof *ms, by_value);
    return ms[2];
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

struct result {
    double first, p50, p99, frame_ms, cpu, bytes, slow;
    double beside; /* per cent of all cores, of what does not train */
    double idle;
};

static void cell(int width, int digits, double v)
{
    if (isfinite(v))
        printf("%*.*f", width, digits, v);
    else
        printf("%*s", width, "-");
}

static void report(struct bench *b, int w, int h, bool trains,
                   const struct result *r)
{
    char size[16];
    snprintf(size, sizeof size, "%dx%d", w, h);
    json_array_append_new(
        b->cases,
        json_pack("{s:s,s:b,s:{s:o,s:o},s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "size",
                  size, "training", trains, "key_ms", "p50", number(r->p50),
                  "p99", number(r->p99), "first_frame_ms", number(r->first),
                  "frame_ms", number(r->frame_ms), "cpu_percent",
                  number(r->cpu), "beside_percent", number(r->beside),
                  "slowdown_percent", number(r->slow), "bytes_per_s",
                  number(r->bytes), "idle_wakeups", number(r->idle)));
    if (b->json)
        return;
    printf("%-7s %-8s", size, trains ? "trains" : "paused");
    cell(7, 1, r->p50);
    cell(7, 1, r->p99);
    cell(8, 1, r->first);
    cell(9, 2, r->frame_ms);
    cell(7, 2, r->cpu);
    cell(10, 0, r->bytes);
    cell(8, 2, r->beside);
    cell(8, 1, r->slow);
    cell(7, 0, r->idle);
    putchar('\n');
    fflush(stdout);
}

static bool run_case(struct bench *b, int w, int h, bool trains)
{
    struct probe p;
    struct result r = {
        .idle = (double)NAN, .slow = (double)NAN, .beside = (double)NAN};
    r.first = first_frame(b, w, h);
    start(&p, b, w, h, b->script);
    bool good = wait_text(&p, "dense_0");
    pump_for(&p, 3);
    if (!trains) {
        type(&p, " ");
        good = good && wait_text(&p, "paused");
        wait_idle(&p);
        long waits = look(&p).waits;
        pump_for(&p, IDLE);
        r.idle = (double)(look(&p).waits - waits);
    }
    struct use a = look(&p);
    double from = now();
    p.bytes = p.bursts = 0;
    pump_for(&p, WATCH);
    struct use z = look(&p);
    double cpu = z.screen - a.screen, took = now() - from;
    r.beside = 100 * (z.all - a.all - z.training + a.training) / took /
               (double)sysconf(_SC_NPROCESSORS_ONLN);
    r.cpu = 100 * cpu / took;
    r.bytes = (double)p.bytes / (now() - from);
    r.frame_ms = p.bursts ? 1e3 * cpu / (double)p.bursts : (double)NAN;
    good = good && measure_keys(&p, b->keys, &r.p50, &r.p99);
    stop(&p);
    if (trains && w >= 160)
        r.slow = slowdown(b, w, h);
    if (good)
        report(b, w, h, trains, &r);
    else
        fprintf(stderr, "bitloom: %dx%d: the screen does not answer\n", w, h);
    return good;
}

/* A store of as many runs as someone has after a while, and the script. */
static int prepare(struct bench *b, struct loom_errmsg *e)
{
    static const struct loom_store_new info = {
        .script = "old.lua", .settings = "{\"beta\":1e-6}", .metric = "rms"};
    char id[LOOM_RUN_ID];
    ssize_t n = readlink("/proc/self/exe", b->program, sizeof b->program - 1);
    b->dir = loom_folder_scratch(e);
    if (n < 0 || !b->dir)
        return LOOM_ERR_IO;
    snprintf(b->script, sizeof b->script, "%s/bench.lua", b->dir);
    int err = loom_file_write(b->script, script, strlen(script), e);
    char *dir = loom_asprintf("%s/bitloom", b->dir);
    struct loom_store *s =
        err ? NULL : loom_store_open(dir, LOOM_STORE_WRITE, &err, e);
    for (int k = 0; s && !err && k < RUNS; k++) {
        struct loom_store_point p = {
            .epoch = 1, .val_metric = 10 + k, .ebops = 1000 + k, .live = true};
        err = loom_store_new_run(s, "old", &info, id, e);
        if (!err)
            err = loom_store_add_point(s, id, &p, e);
        if (!err)
            err = loom_store_set_state(s, id, LOOM_RUN_DONE, "", e);
    }
    loom_store_close(s);
    free(dir);
    return err;
}

static int bench_screen(struct bench *b)
{
    struct loom_errmsg e = {""};
    int err = prepare(b, &e);
    bool good = !err;
    b->cases = json_array();
    setlocale(LC_CTYPE, "C.UTF-8");
    if (!err && !b->json)
        puts("                  key ms     first    frame screen            "
             "beside training  idle\n"
             "size    state      p50    p99      ms       ms      %   bytes/s"
             "       % slower % wakes");
    if (!err) {
        good &= run_case(b, 80, 24, true);
        good &= run_case(b, 160, 48, true);
        good &= run_case(b, 160, 48, false);
    }
    if (b->dir)
        good &= !loom_file_remove_tree(b->dir);
    free(b->dir);
    if (err || !b->json) {
        json_decref(b->cases);
        return err ? cli_fail(err, &e) : good ? CLI_DONE : CLI_FAILED;
    }
    int rc = cli_print_json(json_pack("{s:s,s:i,s:i,s:o}", "schema",
                                      "bitloom/bench-ui/1", "keys", b->keys,
                                      "runs", (int)RUNS, "cases", b->cases));
    return good ? rc : CLI_FAILED;
}

static bool take_number(const char *text, int most, int *out)
{
    char *end;
    long v = strtol(text, &end, 10);
    *out = (int)v;
    return *text && !*end && v >= 0 && v <= most;
}

int cmd_bench_ui(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"keys", required_argument, NULL, 'k'},
        {"pairs", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0}};
    struct bench b = {.keys = 200, .pairs = 5};
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'j')
            b.json = true;
        else if (c == 'k' &&
                 !(take_number(optarg, MOST_KEYS, &b.keys) && b.keys))
            return cli_usage("bench", "--keys: 1 to %d", MOST_KEYS);
        else if (c == 'p' && !take_number(optarg, MOST_PAIRS, &b.pairs))
            return cli_usage("bench", "--pairs: 0 to %d", MOST_PAIRS);
        else if (c == '?')
            return cli_usage("bench", "wrong option");
    }
    if (optind < argc)
        return cli_usage("bench", "ui takes no words");
    return bench_screen(&b);
}
