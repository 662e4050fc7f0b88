/* Builds that are cancelled, or whose process is killed, in each phase of each
 * real tool: gone within a second, and no process left. All that a build
 * starts bears a mark in its environment; LOOM_NIGHTLY=1 asks a larger network,
 * both families, and ten instants of each phase. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/build.h"
#include "fpga_flow/tool.h"
#include "tests/flow/netgen.h"

static const char MARK[] = "LOOM_TEST_CANCEL";
static const double LIMIT_S = 1.0;

static char dir[64];
static struct loom_exact *net;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- processes ---------------------------------------------------------- */

static bool is_marked(const char *pid, const char *mark)
{
    static char env[1 << 17];
    char path[64];
    snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got;
    while (fd >= 0 && (got = read(fd, env + n, sizeof(env) - 1 - n)) > 0)
        n += (size_t)got;
    if (fd >= 0)
        close(fd);
    env[n] = 0;
    for (char *s = env; s < env + n; s += strlen(s) + 1)
        if (!strcmp(s, mark))
            return true;
    return false;
}

/* How many others live that bear our mark; their names to `names`. */
static int count_left(char *names, size_t size)
{
    char mark[64];
    int left = 0;
    snprintf(mark, sizeof(mark), "%s=%s", MARK, getenv(MARK));
    DIR *d = opendir("/proc");
    assert_non_null(d);
    names[0] = 0;
    for (struct dirent *f; (f = readdir(d));) {
        size_t n = strlen(names);
        if (!isdigit((unsigned char)f->d_name[0]) ||
            atoi(f->d_name) == (int)getpid() || !is_marked(f->d_name, mark))
            continue;
        snprintf(names + n, size - n, " %s", f->d_name);
        left++;
    }
    closedir(d);
    return left;
}

/* ---- a build, ended somewhere -------------------------------------------- */

/* Each asks for another clock, so that nothing is known of it from before but
 * the netlist. */
static struct loom_build *new_build(const char *device)
{
    static double clock_mhz = 10;
    struct loom_errmsg e;
    clock_mhz += 0.01;
    struct loom_build *b =
        loom_build_new(&(struct loom_build_conf){.net = net,
                                                 .name = "small",
                                                 .device = device,
                                                 .clock_mhz = clock_mhz,
                                                 .dir = dir},
                       &e);
    if (!b)
        fail_msg("%s", e.text);
    return b;
}

static void *run(void *arg)
{
    return (void *)(intptr_t)loom_build_run(arg, NULL);
}

/* Wait for a phase (and within Yosys for ABC, a process of its own), and then
 * so long. False: it went by. */
static bool await(struct loom_build *b, enum loom_phase phase, double delay)
{
    struct loom_build_view v;
    for (;;) {
        loom_build_look(b, &v);
        if (v.state > LOOM_BUILD_RUNNING || v.phase > phase)
            return false;
        if (v.phase == phase && v.state == LOOM_BUILD_RUNNING &&
            (phase != LOOM_PHASE_YOSYS || strstr(v.detail, "ABC")))
            break;
        usleep(500);
    }
    usleep((useconds_t)(1e6 * delay));
    return true;
}

/* False: the phase went by unseen, as on a busy machine. */
static bool cancel_in(const char *device, enum loom_phase phase, double delay)
{
    struct loom_build *b = new_build(device);
    struct loom_build_view v;
    pthread_t t;
    void *err;
    char left[4096];
    pthread_create(&t, NULL, run, b);
    bool came = await(b, phase, delay);
    double begin = now();
    loom_build_cancel(b);
    pthread_join(t, &err);
    double took = now() - begin;
    int n = count_left(left, sizeof(left));
    loom_build_look(b, &v);
    loom_build_destroy(b);
    if (took > LIMIT_S || n)
        fail_msg("%s, cancelled in %s: %.2f s, left:%s", device,
                 loom_phase_word(phase), took, left);
    /* A tool may have ended by itself in that very moment. */
    assert_true((intptr_t)err == LOOM_ERR_CANCELLED || !err);
    assert_int_equal(v.state, err ? LOOM_BUILD_CANCELLED : LOOM_BUILD_DONE);
    assert_int_equal(v.bitstream[0] == 0, err != NULL);
    char *bin =
        loom_asprintf("%s/small.%s", dir, device[0] == 'e' ? "bit" : "bin");
    assert_int_equal(access(bin, F_OK), err ? -1 : 0);
    free(bin);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie either */
    return came;
}

/* The same with a process that dies, as by kill -9 or for want of memory. */
static bool kill_in(const char *device, enum loom_phase phase, double delay)
{
    char left[4096];
    struct loom_build *b = new_build(device);
    pid_t pid = fork();
    if (!pid) {
        pthread_t t;
        pthread_create(&t, NULL, run, b);
        if (await(b, phase, delay))
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    loom_build_destroy(b);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    double begin = now();
    bool came = WIFSIGNALED(status);
    while (count_left(left, sizeof(left)) && now() - begin < 4 * LIMIT_S)
        usleep(10000);
    double took = now() - begin;
    if (took > LIMIT_S)
        fail_msg("%s, killed in %s: %.2f s, left:%s", device,
                 loom_phase_word(phase), took, left);
    return came;
}

static void in_phase(bool (*end)(const char *, enum loom_phase, double),
                     const char *device, enum loom_phase phase, double delay)
{
    for (int tries = 0; tries < 5; tries++)
        if (end(device, phase, delay))
            return;
    fail_msg("%s: %s was never seen", device, loom_phase_word(phase));
}

static void in_all_phases(const char *device)
{
    int instants = getenv("LOOM_NIGHTLY") ? 10 : 1;
    for (int p = LOOM_PHASE_VERIFY; p < LOOM_N_PHASES; p++) {
        /* Packing and packing the bitstream are over too soon to wait. */
        bool is_short = p == LOOM_PHASE_PACK || p == LOOM_PHASE_BITSTREAM;
        for (int k = 0; k < instants; k++) {
            double delay = is_short ? 0 : 0.02 * k;
            in_phase(cancel_in, device, (enum loom_phase)p, delay);
            if (instants > 1 || p == LOOM_PHASE_YOSYS || p == LOOM_PHASE_PLACE)
                in_phase(kill_in, device, (enum loom_phase)p, delay);
        }
    }
}

/* ---- tests --------------------------------------------------------------- */

static bool have(const char *const *tools)
{
    for (; *tools; tools++) {
        char path[4096];
        struct loom_errmsg e;
        if (loom_tool_find(*tools, path, sizeof(path), &e)) {
            print_message("%s\n", e.text);
            return false;
        }
    }
    return true;
}

static void test_ice40(void **state)
{
    (void)state;
    static const char *const tools[] = {"yosys", "nextpnr-ice40", "icepack",
                                        "iverilog", NULL};
    if (!have(tools))
        skip();
    in_all_phases("hx8k");
}

static void test_ecp5(void **state)
{
    (void)state;
    static const char *const tools[] = {"yosys", "nextpnr-ecp5", "ecppack",
                                        "iverilog", NULL};
    if (!getenv("LOOM_NIGHTLY") || !have(tools))
        skip();
    in_all_phases("ecp5-25k");
}

/* Without Verilator, whose compiler takes most of a small build. */
static int prepare(void **state)
{
    static const int small[] = {12, 6, 3}, large[] = {16, 24, 16, 5};
    char text[256];
    bool nightly = getenv("LOOM_NIGHTLY");
    (void)state;
    strcpy(dir, "/tmp/bitloom-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(text, sizeof(text),
             "mkdir %s/bin && ln -s /usr/bin/* %s/bin && rm -f "
             "%s/bin/verilator",
             dir, dir, dir);
    if (system(text))
        return -1;
    snprintf(text, sizeof(text), "%s/bin", dir);
    setenv("PATH", text, 1);
    snprintf(text, sizeof(text), "%s/cache", dir);
    setenv("LOOM_CACHE", text, 1);
    net = netgen_like(4, nightly ? large : small, nightly ? 4 : 3, 400, 4);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    loom_exact_destroy(net);
    return loom_file_remove_tree(dir);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ice40),
        cmocka_unit_test(test_ecp5),
    };
    (void)argc;
    if (!getenv(MARK)) { /* in /proc is what a process began with */
        char text[24];
        snprintf(text, sizeof(text), "%ld", (long)getpid());
        setenv(MARK, text, 1);
        execv("/proc/self/exe", argv);
        return 1;
    }
    return cmocka_run_group_tests(tests, prepare, clear);
}
