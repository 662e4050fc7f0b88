/* The real program in a real pseudo terminal, its picture read back through
 * libvterm. Every wait is for what is to be seen, with a deadline that only a
 * failure reaches. Usage: test_terminal PROGRAM */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <vterm.h>

#include "engine/rng.h"
#include "engine/store.h"
#include "tui/vt.h"

enum { DEADLINE = 10000, W = 160, H = 48 };

static const char *program;
static char folder[64]; /* scripts, which are only names, and logs */

static struct {
    pid_t pid;
    int fd; /* the master, -1: closed */
    VTerm *vt;
    VTermScreen *screen;
    int w, h;
    bool alternate, cursor;
    struct vt *own; /* the reader of `bench ui`, beside libvterm; or NULL */
} t;

static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int on_property(VTermProp p, VTermValue *v, void *unused)
{
    (void)unused;
    if (p == VTERM_PROP_ALTSCREEN)
        t.alternate = v->boolean;
    if (p == VTERM_PROP_CURSORVISIBLE)
        t.cursor = v->boolean;
    return 1;
}

static void path_of(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", folder, name);
}

/* Run argv in a terminal of w x h with environment env ("NAME=value" ...),
 * NULL-ended both. */
static void spawn(int w, int h, char *const *argv, const char *const *env)
{
    static const VTermScreenCallbacks calls = {.settermprop = on_property};
    struct winsize ws = {.ws_row = (unsigned short)h,
                         .ws_col = (unsigned short)w};
    t.w = w;
    t.h = h;
    t.alternate = false;
    t.cursor = true;
    t.vt = vterm_new(h, w);
    vterm_set_utf8(t.vt, 1);
    t.screen = vterm_obtain_screen(t.vt);
    vterm_screen_set_callbacks(t.screen, &calls, NULL);
    vterm_screen_enable_altscreen(t.screen, 1);
    vterm_screen_reset(t.screen, 1);
    t.pid = forkpty(&t.fd, NULL, NULL, &ws);
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        setenv("TERM", "xterm-256color", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("TZ", "UTC", 1);
        setenv("XDG_DATA_HOME", folder, 1);
        setenv("XDG_STATE_HOME", folder, 1);
        setenv("XDG_CONFIG_HOME", folder, 1);
        /* The search for leaks stops its process with ptrace and waits for ever
         * when a hang-up signal comes between. */
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        unsetenv("NO_COLOR");
        unsetenv("COLORTERM");
        for (; env && *env; env++)
            putenv(strdup(*env));
        execv(argv[0], argv);
        _exit(99);
    }
    fcntl(t.fd, F_SETFL, O_NONBLOCK);
}

/* What the screen remembers from the last time. */
static void forget_state(void)
{
    char state[128];
    path_of(state, "bitloom/screen.json");
    unlink(state);
}

static void start(int w, int h, const char *view, const char *const *env)
{
    char script[128], name[64];
    char *argv[] = {strdup(program), script, NULL};
    snprintf(name, sizeof name, "%s.lua", view);
    path_of(script, name);
    close(open(script, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    forget_state();
    spawn(w, h, argv, env);
    free(argv[0]);
}

/* Feed what the program has written; false at its end. */
static bool pump(int ms)
{
    struct pollfd p = {t.fd, POLLIN, 0};
    char buf[8192];
    if (poll(&p, 1, ms) <= 0)
        return true;
    ssize_t n = read(t.fd, buf, sizeof buf);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    vterm_input_write(t.vt, buf, (size_t)n);
    if (t.own)
        vt_feed(t.own, buf, (size_t)n);
    n = (ssize_t)vterm_output_read(t.vt, buf, sizeof buf);
    return n <= 0 || write(t.fd, buf, (size_t)n) == n;
}

static void text_of(char *out, size_t size)
{
    size_t n = 0;
    for (int y = 0; y < t.h; y++) {
        VTermRect row = {y, y + 1, 0, t.w};
        n += vterm_screen_get_text(t.screen, out + n, size - n - 2, row);
        out[n++] = '\n';
    }
    out[n] = 0;
}

static bool shows(const char *text)
{
    static char all[W * H * 8];
    text_of(all, sizeof all);
    return strstr(all, text) != NULL;
}

static void wait_shows(const char *text, bool there)
{
    int64_t end = now() + DEADLINE;
    while (shows(text) != there) {
        if (!pump(20) || now() > end) {
            static char all[W * H * 8];
            text_of(all, sizeof all);
            fprintf(stderr, "%s \"%s\"\n%s", there ? "no" : "still", text, all);
            fail();
        }
    }
}

static void type(const char *keys)
{
    assert_int_equal(write(t.fd, keys, strlen(keys)), strlen(keys));
}

/* The status of the program once it has ended within ms. */
static int wait_exit(int ms)
{
    int status;
    int64_t end = now() + ms;
    while (waitpid(t.pid, &status, WNOHANG) != t.pid) {
        if (now() > end) {
            kill(t.pid, SIGKILL);
            print_error("still runs after %d ms\n", ms);
            fail();
        }
        if (t.fd < 0 || !pump(5))
            poll(NULL, 0, 2);
    }
    while (t.fd >= 0 && pump(0) &&
           poll(&(struct pollfd){t.fd, POLLIN, 0}, 1, 0) > 0)
        continue;
    return status;
}

static void finish(void)
{
    if (t.fd >= 0)
        close(t.fd);
    vterm_free(t.vt);
}

/* Ended with that status, and the terminal is as it was. */
static void check_restored(int status, int want)
{
    struct termios tio;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), want);
    assert_false(t.alternate);
    assert_true(t.cursor);
    assert_int_equal(tcgetattr(t.fd, &tio), 0);
    assert_true((tio.c_lflag & (ICANON | ECHO | ISIG)) ==
                (ICANON | ECHO | ISIG));
}

static void test_terminals(void **unused)
{
    (void)unused;
    static const char *const terms[] = {"TERM=xterm-256color", "TERM=linux",
                                        "TERM=vt100", "TERM=tmux-256color",
                                        "TERM=screen", "TERM=xterm"};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        start(80, 24, "running", (const char *const[]){terms[i], NULL});
        wait_shows("running  ep 214/600", true);
        wait_shows("dense_2", true);
        assert_true(shows(i == 1 || i == 2 ? "+- log" : "╭─ log"));
        type(" ");
        wait_shows("paused", true);
        type("3");
        wait_shows("No build yet", true);
        type("?");
        wait_shows("keys on Builds", true);
        type("\033");
        wait_shows("keys on Builds", false);
        type("1q");
        wait_shows("save it and leave", true);
        type("y");
        check_restored(wait_exit(DEADLINE), 0);
        assert_true(shows("muon-017 is saved at epoch 214 of 600"));
        finish();
    }
}

/* Arrow keys arrive as sequences, Esc alone as itself. */
static void test_keys(void **unused)
{
    (void)unused;
    char log[128], env[160], line[256] = "";
    path_of(log, "commands");
    unlink(log);
    snprintf(env, sizeof env, "LOOM_FAKE_LOG=%s", log);
    start(80, 24, "building", (const char *const[]){env, NULL});
    wait_shows("route 61%", true);
    type("3\033[B");
    wait_shows("▸ ▶ b-13", true);
    type("\033OB");
    wait_shows("▸ ✘ b-12", true);
    type("1\t\t\r");
    wait_shows("dense_1  64×32   6654", true);
    type("\033");
    wait_shows("budget", true);
    type(":beta x2\r");
    wait_shows("β ×2 on its schedule", true);
    wait_shows("8.7e-6", true);
    type("b");
    wait_shows("building the best point", true);
    type(":bu\t\t up5k\r");
    wait_shows("building the best point", true);
    type("\003y");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    line[fread(line, 1, sizeof line - 1, f)] = 0;
    fclose(f);
    assert_string_equal(line, "3 2 \n6 0 \n6 0 up5k\n8 0 \n");
}

/* The runs of a store: none, then some that another program makes; found by a
 * filter, tagged, left for Dash. */
static void test_runs(void **unused)
{
    (void)unused;
    static const struct loom_store_new info = {.script = "muon.lua",
                                               .metric = "rms"};
    char dir[128], id[LOOM_RUN_ID];
    struct loom_errmsg e;
    start(80, 24, "running", NULL);
    wait_shows("q Quit", true);
    type("4");
    wait_shows("no runs here", true);
    path_of(dir, "bitloom");
    struct loom_store *s = loom_store_open(dir, LOOM_STORE_WRITE, NULL, &e);
    assert_non_null(s);
    assert_int_equal(loom_store_new_run(s, "muon", &info, id, &e), 0);
    assert_int_equal(loom_store_new_run(s, "jets", &info, id, &e), 0);
    wait_shows("jets-001", true);
    loom_store_close(s);
    type("/id ~ muon\r");
    wait_shows("jets-001", false);
    type("Tbest\r");
    wait_shows("best", true);
    type("\r");
    wait_shows("[4 Runs]", true);
    type("\0331");
    wait_shows("dense_2", true);
    type("qy");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
}

/* The Lua screen, its history on disk, the palette; and all of it found again
 * at the next start. */
static void test_console(void **unused)
{
    (void)unused;
    start(80, 24, "running", NULL);
    wait_shows("q Quit", true);
    type("6");
    wait_shows("Tab completes", true);
    type("say hello 1 2 3\r");
    wait_shows("\nhello 1 2 3", false);
    wait_shows("hello 1 2 3  ", true);
    type("run.\t");
    wait_shows("> run.loss", true);
    type("\003loop\r");
    wait_shows("Ctrl-C stops it", true);
    type("\003");
    wait_shows("stopping the line", true);
    type("act theme cividis\r");
    wait_shows("╰ theme cividis", true);
    type("\020snapsh\r");
    wait_shows("writing a checkpoint", true);
    type("\033");
    wait_shows("Enter to type", true);
    type("qy");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
    char *argv[] = {strdup(program), NULL};
    spawn(80, 24, argv, NULL);
    wait_shows("[6 Lua]", true);
    type("\033[A\033[A\033[A");
    wait_shows("> say hello 1 2 3", true);
    type("\003\0331");
    wait_shows("go on with muon-017, epoch 214 of 600", true);
    type("\r");
    wait_shows("dense_2", true);
    type("\033[<0;12;1M\033[<0;12;1m"); /* a click on Layers */
    wait_shows("[2 Layers]", true);
    type("qy");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
    free(argv[0]);
}

static void resize(int w, int h)
{
    struct winsize ws = {.ws_row = (unsigned short)h,
                         .ws_col = (unsigned short)w};
    t.w = w;
    t.h = h;
    vterm_set_size(t.vt, h, w);
    assert_int_equal(ioctl(t.fd, TIOCSWINSZ, &ws), 0);
}

static void test_resize(void **unused)
{
    (void)unused;
    start(80, 24, "running", NULL);
    wait_shows("schedule", false);
    wait_shows("budget", true);
    resize(160, 48);
    wait_shows("schedule", true);
    wait_shows("jobs", true);
    resize(60, 16);
    wait_shows("loss 0.2052  rms 3.652", true);
    wait_shows("budget", false);
    resize(30, 3);
    wait_shows("▶ 214/600", true);
    resize(1, 1);
    wait_shows("▶", true);
    resize(80, 24);
    wait_shows("budget", true);
    type("qy");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
}

/* The only child of a process. */
static pid_t child_of(pid_t parent)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%d", &child) != 1)
        child = 0;
    if (f)
        fclose(f);
    return child;
}

static void test_signals(void **unused)
{
    (void)unused;
    static const int sent[] = {SIGTERM, SIGHUP, SIGINT};
    for (size_t i = 0; i < 2 * sizeof sent / sizeof *sent; i++) {
        start(80, 24, "running", NULL);
        wait_shows("dense_2", true);
        kill(i % 2 ? child_of(t.pid) : t.pid, sent[i / 2]);
        check_restored(wait_exit(DEADLINE), 130);
        assert_true(shows("is saved at epoch"));
        finish();
    }
}

static void test_crash(void **unused)
{
    (void)unused;
    start(80, 24, "crash", NULL);
    wait_shows("dense_2", true);
    type("+");
    int status = wait_exit(DEADLINE);
    /* Under a sanitizer the fault becomes an exit of its own. */
    if (shows("ended by signal 11"))
        check_restored(status, 128 + SIGSEGV);
    finish();
    start(80, 24, "running", NULL);
    wait_shows("dense_2", true);
    kill(child_of(t.pid), SIGKILL);
    check_restored(wait_exit(DEADLINE), 128 + SIGKILL);
    finish();
}

/* The window is closed: all ends within a second, whatever is shown. */
static void test_hang_up(void **unused)
{
    (void)unused;
    static const char *const views[][2] = {
        {"running", "dense_2"}, {"ticking", "dense_2"}, {"loading", "loading"},
        {"paused", "paused"},   {"done", "dense_2"},    {"failed", "stopped"},
        {"building", "route"},  {"built", "dense_2"},   {"odd", "out"}};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        start(80, 24, views[i][0], NULL);
        wait_shows(views[i][1], true);
        close(t.fd);
        t.fd = -1;
        assert_true(WIFEXITED(wait_exit(1000)));
        finish();
        int64_t end =
            now() + 1000; /* the child is ours now: none may be left */
        while (waitpid(-1, NULL, WNOHANG) >= 0)
            assert_true(now() < end);
        assert_int_equal(errno, ECHILD);
    }
}

/* A terminal that takes nothing more, as after Ctrl-S, delays no signal. */
static void test_blocked(void **unused)
{
    (void)unused;
    static const char *const views[] = {"ticking", "running"};
    for (int i = 0; i < 2; i++) {
        start(160, 48, views[i], NULL);
        wait_shows("dense_2", true);
        for (int k = 0; k < 40; k++) { /* pictures until no more go in */
            type("\014");
            poll(NULL, 0, 10);
        }
        kill(t.pid, SIGTERM);
        int status = 0;
        for (int64_t end = now() + 2000; now() < end; poll(NULL, 0, 5))
            if (waitpid(t.pid, &status, WNOHANG) == t.pid)
                break;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 130);
        finish();
    }
}

static void read_slowly(int ms)
{
    enum { TICK_MS = 25, BYTES = 240 }; /* 9,600 a second */
    for (int64_t end = now() + ms; now() < end; poll(NULL, 0, TICK_MS)) {
        char buf[BYTES];
        ssize_t n = read(t.fd, buf, sizeof buf);
        if (n > 0)
            vterm_input_write(t.vt, buf, (size_t)n);
    }
}

/* On a line of 9,600 bytes a second keys still count while there is always
 * news: pictures become few, and do not queue up. */
static void test_slow_line(void **unused)
{
    (void)unused;
    start(80, 24, "ticking", NULL);
    wait_shows("dense_2", true);
    read_slowly(1000);
    type("?");
    for (int64_t end = now() + DEADLINE; !shows("keys on Dash");
         read_slowly(100))
        assert_true(now() < end);
    type("\033q");
    wait_shows("save it and leave", true);
    type("y");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
}

/* Stopped from outside in every state, its screen is right again when it goes
 * on, also at another size; killed, the terminal is as it was. */
static void test_stopped(void **unused)
{
    (void)unused;
    static const struct {
        const char *view, *shows;
    } cases[] = {{"loading", "loading"},      {"running", "running  ep 214"},
                 {"paused", "paused  ep 214"}, {"done", "done  ep 480"},
                 {"failed", "training stopped"}, {"building", "route 61%"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(80, 24, cases[i].view, NULL);
        wait_shows(cases[i].shows, true);
        pid_t child = child_of(t.pid);
        kill(child, SIGSTOP);
        resize(120, 40);
        kill(child, SIGCONT);
        type("4");
        wait_shows("[4 Runs]", true);
        type("1");
        wait_shows(cases[i].shows, true);
        wait_shows("schedule", true); /* as it is only on a large one */
        kill(child, SIGKILL);
        check_restored(wait_exit(DEADLINE), 128 + SIGKILL);
        finish();
    }
}

/* Without SIGHUP, too: end of file is enough. */
static void test_parent_killed(void **unused)
{
    (void)unused;
    start(80, 24, "running", NULL);
    wait_shows("dense_2", true);
    pid_t child = child_of(t.pid);
    kill(t.pid, SIGKILL);
    t.pid = child; /* a subreaper inherits it */
    wait_exit(1000);
    finish();
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

static void test_suspend(void **unused)
{
    (void)unused;
    char command[256], script[128];
    path_of(script, "running.lua");
    char *argv[] = {strdup("/bin/sh"), strdup("-i"), NULL};
    /* The prompt counts, so that each is told from the one before. */
    static const char *const stopped[] = {"ready 1>", "ready 2>", "ready 3>"};
    spawn(
        80, 24, argv,
        (const char *const[]){"PS1=ready $((n=n+1))> ", "ENV=", "n=-1", NULL});
    wait_shows("ready 0>", true);
    snprintf(command, sizeof command, "%s %s\r", program, script);
    for (int i = 0; i < 3; i++) {
        type(i ? "fg\r" : command);
        wait_shows("dense_2", true);
        wait_shows("q Quit", true);
        type("\032");
        wait_shows(stopped[i], true); /* said by the shell, each time anew */
        assert_false(t.alternate);
        assert_true(t.cursor);
    }
    type("fg\r");
    wait_shows("dense_2", true);
    type("qy");
    wait_shows("is saved at epoch", true);
    type("exit\r");
    wait_exit(DEADLINE);
    finish();
    free(argv[0]);
    free(argv[1]);
}

static int coloured_cells(void)
{
    int n = 0;
    for (int y = 0; y < t.h; y++)
        for (int x = 0; x < t.w; x++) {
            VTermScreenCell c;
            VTermPos at = {y, x};
            vterm_screen_get_cell(t.screen, at, &c);
            n += !VTERM_COLOR_IS_DEFAULT_FG(&c.fg) ||
                 !VTERM_COLOR_IS_DEFAULT_BG(&c.bg);
        }
    return n;
}

static void test_colour(void **unused)
{
    (void)unused;
    static const struct {
        const char *env;
        bool colour;
    } cases[] = {{"A=", true},
                 {"COLORTERM=truecolor", true},
                 {"NO_COLOR=1", false},
                 {"TERM=vt100", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(80, 24, "running", (const char *const[]){cases[i].env, NULL});
        wait_shows("q Quit", true);
        wait_shows("3333221111100", true);
        assert_int_equal(coloured_cells() > 20, cases[i].colour);
        type("qy");
        check_restored(wait_exit(DEADLINE), 0);
        finish();
    }
}

/* The user's settings count, and one that is wrong is told before there is a
 * screen. */
static void test_config(void **unused)
{
    (void)unused;
    char path[128];
    path_of(path, "bitloom/config.lua");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("glyphs = 'ascii'\nkeys = {pause = 'Ctrl-G', palette = 'Ctrl-K'}",
          f);
    fclose(f);
    start(80, 24, "running", NULL);
    wait_shows("+> loss", true);
    type("\013");
    wait_shows("+> palette", true);
    type("\033\007");
    wait_shows("pauses after this batch", true);
    type("qy");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("\nfps = 1000", f);
    fclose(f);
    start(W, H, "running", NULL);
    check_restored(wait_exit(DEADLINE), 2);
    assert_true(shows("config.lua:2: fps: a whole number from 1 to 60"));
    finish();
    unlink(path);
}

static void test_refusals(void **unused)
{
    (void)unused;
    start(80, 24, "running", (const char *const[]){"TERM=dumb", NULL});
    assert_int_equal(WEXITSTATUS(wait_exit(DEADLINE)), 2);
    assert_true(shows("cannot show a screen"));
    finish();
    start(80, 24, "missing", NULL);
    check_restored(wait_exit(DEADLINE), 2);
    assert_true(shows("no such file"));
    finish();
}

/* Nothing happens: nothing runs. */
static void test_idle(void **unused)
{
    (void)unused;
    start(80, 24, "running", NULL);
    wait_shows("q Quit", true);
    long switches[2] = {0, 0};
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/status", child_of(t.pid));
    for (int i = 0; i < 2; i++) {
        int64_t end = now() + 300;
        while (now() < end)
            pump((int)(end - now()));
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        while (fgets(line, sizeof line, f))
            sscanf(line, "voluntary_ctxt_switches: %ld", &switches[i]);
        fclose(f);
    }
    assert_true(switches[0] > 0);
    assert_int_equal(switches[0], switches[1]);
    type("qy");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
}

/* Our own reader of xterm's language sees what libvterm sees, while keys are
 * pressed that paint all kinds of pictures. */
static void test_reader(void **unused)
{
    (void)unused;
    static const char *const keys[] = {"l", "2", "]", "m", "-", "3", "j",
                                       "4", "5", "j", "\r", "6", "\t",
                                       "\033", "?", "\020", "1", "t", "\033[B"};
    struct loom_rng r = loom_rng_init(5, 0);
    start(100, 30, "building", NULL);
    t.own = vt_new(100, 30);
    wait_shows("q Quit", true);
    for (int i = 0; i < 200; i++) {
        type(keys[loom_rng_below(&r, sizeof keys / sizeof *keys)]);
        for (int64_t end = now() + 20; now() < end;)
            assert_true(pump(5));
        for (int y = 0; y < t.h && i % 10 == 9; y++) {
            char want[1024] = "", got[1024];
            VTermRect row = {y, y + 1, 0, t.w};
            size_t n = vterm_screen_get_text(t.screen, want, 1000, row);
            while (n && want[n - 1] == ' ')
                n--;
            want[n] = 0;
            vt_row(t.own, y, got, sizeof got);
            assert_string_equal(got, want);
        }
    }
    vt_free(t.own);
    t.own = NULL;
    kill(t.pid, SIGTERM);
    wait_exit(DEADLINE);
    finish();
}

static void test_random(void **unused)
{
    (void)unused;
    static const char *const keys[] = {
        "\033[A", "\033[B", "\033[5~",     "\033[6~", "\033[H", "\033[Z",
        "\t",     "\r",     "\033",        "3",       "1",      "?",
        "4",      ":",      "be\t",        "l",       "f",      "t",
        "+",      "b",      "\014",        "é",       "\xff",   "g",
        "G",      "jjjj",   "\033[<0;1;1M"};
    struct loom_rng r = loom_rng_init(11, 0);
    start(80, 24, "building", NULL);
    wait_shows("dense_2", true);
    for (int i = 0; i < 400; i++) {
        type(keys[loom_rng_below(&r, sizeof keys / sizeof *keys)]);
        if (i % 25 == 0)
            resize(1 + (int)loom_rng_below(&r, W),
                   1 + (int)loom_rng_below(&r, H));
        assert_true(pump(1));
    }
    resize(80, 24);
    type("\033");
    poll(NULL, 0, 60); /* longer than Esc may wait for a sequence */
    type("\0331\033");
    pump(60);
    type("\003");
    wait_shows("leave?", true);
    type("y");
    check_restored(wait_exit(DEADLINE), 0);
    finish();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminals),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_resize),        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_crash),         cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_parent_killed), cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_colour),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_idle),          cmocka_unit_test(test_random),
        cmocka_unit_test(test_runs),          cmocka_unit_test(test_console),
        cmocka_unit_test(test_blocked),       cmocka_unit_test(test_reader),
        cmocka_unit_test(test_config),        cmocka_unit_test(test_slow_line),
        cmocka_unit_test(test_stopped),
    };
    if (argc < 2)
        return 2;
    program = argv[1];
    strcpy(folder, "/tmp/loom-tui-XXXXXX");
    if (!mkdtemp(folder))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "C.UTF-8");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : failed;
}
