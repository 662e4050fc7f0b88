/* Supervised children: statuses, deadlines, cancel, nothing left behind. */
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

#include "fpga_flow/tool.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct seen {
    char text[4096];
    int lines, errors;
    const char *stop_at;
    atomic_bool *cancel; /* set when `cancel_after` lines have been seen */
    int cancel_after;
    double cancelled; /* when that was */
};

static bool take(void *ctx, const char *line, bool err)
{
    struct seen *s = ctx;
    s->lines++;
    s->errors += err;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof(s->text) - n, "%s\n", line);
    if (s->cancel && s->lines == s->cancel_after) {
        s->cancelled = now();
        atomic_store(s->cancel, true);
    }
    return !s->stop_at || strcmp(line, s->stop_at);
}

static int sh(const char *script, double timeout, const atomic_bool *cancel,
              struct seen *s, struct loom_errmsg *e)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    return loom_tool_run(&(struct loom_tool){.argv = argv,
                                             .timeout_s = timeout,
                                             .cancel = cancel,
                                             .line = take,
                                             .ctx = s},
                         e);
}

/* A process that a script wrote down ("pid N") is gone. */
static void assert_gone(const struct seen *s)
{
    const char *p = s->text;
    int n = 0;
    while ((p = strstr(p, "pid "))) {
        pid_t pid = (pid_t)atoi(p + 4);
        assert_true(pid > 1);
        assert_int_equal(kill(pid, 0), -1);
        n++;
        p += 4;
    }
    assert_true(n > 0);
}

static void test_status(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        int status;
    } cases[] = {{"exit 0", 0},
                 {"exit 7", 7},
                 {"kill -TERM $$", 143},
                 {"kill -HUP $$", 129},
                 {"kill -PIPE $$", 141}};
    signal(SIGPIPE, SIG_IGN); /* must not be inherited */
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct seen s = {0};
        assert_int_equal(sh(cases[i].script, 10, NULL, &s, NULL),
                         cases[i].status);
    }
}

static void test_lines(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_int_equal(
        sh("echo one; echo two >&2; printf three; cat", 10, NULL, &s, NULL), 0);
    assert_int_equal(s.lines, 3);
    assert_int_equal(s.errors, 1);
    assert_non_null(strstr(s.text, "three\n"));
    s = (struct seen){0};
    assert_int_equal(
        sh("head -c 300000 /dev/zero; echo; echo $TMPDIR; ls -d $TMPDIR", 10,
           NULL, &s, NULL),
        0);
    assert_int_equal(s.lines, 3);
}

static void test_tmpdir(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_int_equal(sh("touch $TMPDIR/x; mkdir $TMPDIR/y; echo $TMPDIR", 10,
                        NULL, &s, NULL),
                     0);
    s.text[strcspn(s.text, "\n")] = 0;
    assert_non_null(strstr(s.text, "bitloom-"));
    assert_int_equal(access(s.text, F_OK), -1);
}

static void test_deadline(void **state)
{
    (void)state;
    struct seen s = {0};
    struct loom_errmsg e;
    double t = now();
    assert_int_equal(sh("trap '' TERM; sleep 60 & echo pid $!; echo pid $$;"
                        "wait; wait; sleep 60",
                        0.3, NULL, &s, &e),
                     LOOM_ERR_TOOL);
    assert_true(now() - t < 2);
    assert_non_null(strstr(e.text, "--timeout"));
    assert_gone(&s);
}

static void test_cancel(void **state)
{
    (void)state;
    atomic_bool cancel = false;
    struct seen s = {.cancel = &cancel, .cancel_after = 3};
    assert_int_equal(sh("echo pid $$; (sleep 60 & echo pid $!; wait) & "
                        "echo pid $!; sleep 60",
                        0, &cancel, &s, NULL),
                     LOOM_ERR_CANCELLED);
    assert_true(now() - s.cancelled < 1.0);
    assert_gone(&s);
}

static void test_stop(void **state)
{
    (void)state;
    struct seen s = {.stop_at = "enough"};
    assert_int_equal(
        sh("echo pid $$; echo enough; sleep 60", 0, NULL, &s, NULL),
        LOOM_TOOL_STOPPED);
    assert_gone(&s);
}

/* A child left in the background ends with its parent. */
static void test_stray(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_int_equal(
        sh("sleep 60 >/dev/null 2>&1 & echo pid $!", 10, NULL, &s, NULL), 0);
    assert_gone(&s);
}

/* Nor do those survive that left the tool's group, and what they started. */
static void test_escaped(void **state)
{
    (void)state;
    struct seen s = {0};
    double t = now();
    assert_int_equal(
        sh("setsid sh -c 'sleep 60 & echo pid $!; sleep 60' & echo pid $!;"
           "sleep 0.1",
           10, NULL, &s, NULL),
        0);
    assert_true(now() - t < 2);
    assert_gone(&s);
}

/* We die; the tool must not live on. */
static void test_we_die(void **state)
{
    (void)state;
    int fd[2];
    char buf[64] = "";
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (!pid) {
        char script[128];
        struct seen s = {0};
        snprintf(script, sizeof(script),
                 "echo pid $$ >/proc/%d/fd/%d; sleep 60", (int)getpid(), fd[1]);
        sh(script, 0, NULL, &s, NULL);
        _exit(0);
    }
    assert_true(read(fd[0], buf, sizeof(buf) - 1) > 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    pid_t tool = (pid_t)atoi(buf + 4);
    assert_true(tool > 1);
    for (int i = 0; i < 100 && !kill(tool, 0); i++)
        usleep(20000);
    assert_int_equal(kill(tool, 0), -1);
    close(fd[0]);
    close(fd[1]);
}

static void test_missing(void **state)
{
    (void)state;
    struct loom_errmsg e;
    char path[4096];
    char *old = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    setenv("XDG_DATA_HOME", "/nowhere", 1);
    setenv("LOOM_TOOLS", "/nowhere", 1);
    assert_int_equal(loom_tool_find("icepack", path, sizeof(path), &e),
                     LOOM_ERR_TOOL);
    assert_non_null(strstr(e.text, "fpga-icestorm"));
    setenv("LOOM_TOOLS", "/nowhere:/bin", 1);
    assert_int_equal(loom_tool_find("sh", path, sizeof(path), &e), 0);
    assert_string_equal(path, "/bin/sh");
    unsetenv("LOOM_TOOLS");
    unsetenv("XDG_DATA_HOME");
    setenv("PATH", old, 1);
    free(old);
}

static void test_log_full(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "echo x", NULL};
    struct loom_errmsg e;
    assert_int_equal(
        loom_tool_run(&(struct loom_tool){.argv = argv, .log = "/dev/full"},
                      &e),
        LOOM_ERR_IO);
    assert_non_null(strstr(e.text, "/dev/full"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),  cmocka_unit_test(test_lines),
        cmocka_unit_test(test_tmpdir),  cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancel),  cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stray),   cmocka_unit_test(test_escaped),
        cmocka_unit_test(test_we_die),  cmocka_unit_test(test_missing),
        cmocka_unit_test(test_log_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
