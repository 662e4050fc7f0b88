#include "tui/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "engine/mem.h"
#include "tui/builds.h"
#include "tui/builds_past.h"
#include "tui/cli.h"
#include "tui/config.h"
#include "tui/console.h"
#include "tui/data.h"
#include "tui/format.h"
#include "tui/history.h"
#include "tui/keeper.h"
#include "tui/key.h"
#include "tui/keys.h"
#include "tui/layers.h"
#include "tui/line.h"
#include "tui/runs.h"
#include "tui/runs_reader.h"
#include "tui/state.h"
#include "tui/term.h"

enum { FPS = 10 }; /* where nobody says */

struct loop {
    const struct args *args;
    struct loom_session_conf conf;
    int fps;
    struct loom_session *session;
    struct loom_view *loading;    /* shown until the session has a view */
    struct builds_reader *folder; /* NULL until Builds is looked at */
    struct builds_files *files;   /* what it read last */
    struct loom_build_view *past; /* of earlier sessions, or NULL */
    struct runs_reader *reader;   /* NULL until the Runs screen is looked at */
    char opened[UI_PATH]; /* the script, if it was chosen on the screen */
    struct ui ui;
    struct grid grid;
    char *state_path;   /* where the screen's memory is, or NULL */
    json_t *state;      /* as it was at the start, or NULL */
    const char **set;   /* of the last session, if it goes on */
    bool mouse;         /* the terminal was told to report it */
    bool paint;         /* a key or the window changed: at once */
    bool news;          /* the session has a new view: when it is time */
    bool all;           /* paint every cell */
    int64_t next;       /* ms: not before this for news */
    int64_t note_until; /* ms: an answer older than that may go */
    bool suspended;     /* the shell has the terminal */
    bool looks_for_it;  /* and may have given it back unseen */
    bool gone;          /* the terminal has hung up */
    bool stop;          /* a signal asked to end */
};

/* Signals become bytes in a pipe. The write end has to be global. */
static int signal_pipe[2] = {-1, -1};

/* A terminal that takes no more (stopped, or its window hangs) would hold this
 * program in a write for ever. So a signal that ends it also sets a clock, and
 * if the terminal has not been given back by then, writes go nowhere. */
static int nowhere = -1;
static volatile sig_atomic_t holds_terminal;

enum { END_PATIENCE_MS = 400 };

static void on_alarm(int s)
{
    (void)s;
    if (holds_terminal)
        dup2(nowhere, STDOUT_FILENO);
}

static bool ends(int s)
{
    return s == SIGTERM || s == SIGHUP || s == SIGINT || s == SIGQUIT;
}

static void on_signal(int s)
{
    int saved = errno;
    unsigned char byte = (unsigned char)s;
    if (write(signal_pipe[1], &byte, 1) < 0)
        errno = 0; /* full: as many signals wait already */
    if (ends(s))
        setitimer(
            ITIMER_REAL,
            &(struct itimerval){.it_value.tv_usec = 1000 * END_PATIENCE_MS},
            NULL);
    errno = saved;
}

static void handle(int s, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(s, &sa, NULL);
}

static int catch_signals(void)
{
    static const int caught[] = {SIGTERM, SIGHUP,  SIGINT,  SIGQUIT,
                                 SIGUSR2, SIGTSTP, SIGWINCH};
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0 || pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) < 0)
        return LOOM_ERR_IO;
    handle(SIGALRM, on_alarm);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        handle(caught[i], on_signal);
    return LOOM_OK;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool send_command(void *ud, const struct loom_command *c)
{
    struct loop *l = ud;
    return loom_session_send(l->session, c);
}

/* A run of `script` begins; until its first view, one that says so. */
static int open_session(struct loop *l, const char *script,
                        struct loom_errmsg *e)
{
    l->conf.script = script;
    l->conf.forecast = true;
    struct loom_session *s = loom_session_new(&l->conf, e);
    if (!s)
        return LOOM_ERR_SCRIPT;
    int rc = loom_session_start(s, e);
    if (rc) {
        loom_session_destroy(s);
        return rc;
    }
    l->session = s;
    l->ui.send = send_command;
    l->ui.ud = l;
    return LOOM_OK;
}

static void show_loading(struct loop *l, const char *script)
{
    *l->loading = *ui_no_view();
    l->loading->train.state = LOOM_TRAIN_LOADING;
    snprintf(l->loading->script, sizeof l->loading->script, "%.127s", script);
    l->ui.view = l->loading;
}

/* Scripts to choose from where none was named. */
static void find_scripts(struct ui *ui)
{
    static const char *const where[] = {"*.lua", "examples/*.lua"};
    for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
        glob_t g;
        if (glob(where[i], 0, NULL, &g) == 0)
            for (size_t j = 0; j < g.gl_pathc && ui->n_scripts < UI_SCRIPTS;
                 j++)
                snprintf(ui->scripts[ui->n_scripts++], UI_PATH, "%s",
                         g.gl_pathv[j]);
        globfree(&g);
    }
}

/* The Runs screen: a reader from the first look on, told what can be seen. */

static void tell_reader(struct loop *l)
{
    struct runs_list *list = l->ui.runs;
    char id[RUNS_WANTED][LOOM_RUN_ID];
    int n = 0;
    bool runs = l->ui.screen == SCREEN_RUNS;
    bool look = (runs || l->ui.screen == SCREEN_BUILDS) && !l->suspended;
    if (look && !l->reader) {
        struct loom_errmsg e = {""};
        l->reader = runs_reader_new(l->args->conf.out, &e);
        l->ui.runs = list = runs_list_new();
        list->state = l->reader ? RUNS_LOADING : RUNS_ERROR;
        list->write = l->reader ? runs_reader_write : NULL;
        list->ud = l->reader;
        list->error = e;
    }
    if (!l->reader)
        return;
    for (int i = 0; look && runs && i < runs_page(&l->ui) && n < RUNS_WANTED;
         i++) {
        const struct filter_row *row =
            runs_list_row(list, runs_first(&l->ui) + i);
        if (row)
            memcpy(id[n++], row->run->id, sizeof id[0]);
    }
    runs_reader_want(l->reader, look, list->cursor,
                     (const char(*)[LOOM_RUN_ID])id, n);
}

/* The folder of the build that is looked at. */
static void tell_folder(struct loop *l)
{
    struct loom_errmsg e;
    builds_watch(&l->ui);
    if (!l->folder && l->ui.builds.wanted.dir[0])
        l->folder = builds_reader_new(&e);
    if (l->folder)
        builds_reader_want(l->folder, &l->ui.builds.wanted);
}

static void take_files(struct loop *l)
{
    struct builds_files *f = builds_reader_take(l->folder);
    if (!f)
        return;
    builds_files_free(l->files);
    l->files = f;
    l->ui.files = f;
    l->paint |=
        l->ui.screen == SCREEN_BUILDS || l->ui.screen == SCREEN_LAYERS;
}

static void take_runs(struct loop *l)
{
    struct loom_errmsg e;
    runs_reader_take(l->reader, l->ui.runs, &e);
    if (e.text[0]) {
        snprintf(l->ui.note, sizeof l->ui.note, "%.190s", e.text);
        l->ui.note_style = STYLE_ERROR;
        l->note_until = now_ms() + 5000;
    }
    free(l->past);
    l->past = builds_past_make(l->ui.runs->data, l->ui.view, &l->ui.n_past);
    l->ui.past = l->past;
    l->paint |=
        l->ui.screen == SCREEN_RUNS || l->ui.screen == SCREEN_BUILDS;
}

/* Painting. */

enum { MOST_PAUSE_MS = 2000 }; /* between two pictures on the slowest line */

static void do_wishes(struct loop *l);

/* What Lua asked for by ui.action. */
static void do_asked(struct loop *l)
{
    const char *text;
    while ((text = console_action(&l->ui))) {
        line_run(&l->ui, text);
        do_wishes(l);
    }
}

static void paint(struct loop *l)
{
    int64_t start = now_ms();
    if (l->news && l->session) {
        const struct loom_view *v = loom_session_look(l->session);
        if (v)
            l->ui.view = v;
        l->ui.detail = loom_session_look_layer(l->session);
        l->ui.data = loom_session_look_data(l->session);
        l->ui.lines = loom_session_look_console(l->session);
        if (start > l->note_until)
            l->ui.note[0] = 0;
        console_news(&l->ui);
        do_asked(l);
    }
    term_size(&l->ui.w, &l->ui.h);
    layers_watch(&l->ui);
    data_watch(&l->ui);
    ui_draw(&l->grid, &l->ui);
    term_paint(&l->grid, l->ui.theme, l->all);
    l->paint = l->news = l->all = false;
    tell_reader(l);
    tell_folder(l);
    /* A slow line gets fewer pictures, not a queue of them. */
    int64_t took = now_ms() - start, pause = 1000 / l->fps;
    pause = took * 8 > pause ? took * 8 : pause;
    l->next = start + (pause < MOST_PAUSE_MS ? pause : MOST_PAUSE_MS);
}

/* Ctrl-Z and back. */

static void suspend(struct loop *l)
{
    if (l->suspended)
        return;
    term_close();
    l->suspended = true;
    tell_reader(l);
    handle(SIGTSTP, SIG_IGN);
    keeper_stop_job();
}

static void resume(struct loop *l)
{
    if (!l->suspended)
        return;
    l->looks_for_it = tcgetpgrp(STDIN_FILENO) != getpgrp();
    if (l->looks_for_it)
        return;
    handle(SIGTSTP, on_signal);
    term_reopen();
    l->suspended = false;
    l->paint = l->all = true;
}

static void take_signals(struct loop *l)
{
    unsigned char byte;
    while (read(signal_pipe[0], &byte, 1) == 1)
        switch (byte) {
        case SIGUSR2:
            resume(l);
            break;
        case SIGTSTP:
            suspend(l);
            break;
        case SIGWINCH:
            if (!l->suspended) {
                term_reopen();
                l->paint = l->all = true;
            }
            break;
        default:
            l->stop = true;
        }
}

/* Keys. */

static void do_wishes(struct loop *l)
{
    struct ui *ui = &l->ui;
    if (ui->redraw)
        l->all = true;
    ui->redraw = false;
    if (ui->suspend)
        suspend(l);
    ui->suspend = false;
    if (ui->stop_line && l->session)
        loom_session_stop_console(l->session);
    ui->stop_line = false;
    if (ui->copied && !term_copy(ui->copied))
        ui_say(ui, STYLE_WARN, "this terminal takes no copy of so much");
    free(ui->copied);
    ui->copied = NULL;
    if (l->mouse == ui->no_mouse) {
        l->mouse = !ui->no_mouse;
        term_mouse(l->mouse);
    }
    if (ui->open[0] && !l->session) {
        struct loom_errmsg e = {""};
        memcpy(l->opened, ui->open, sizeof l->opened);
        if (ui->go_on && !l->set)
            state_resume(l->state, &l->conf, &l->set);
        if (open_session(l, l->opened, &e) == LOOM_OK) {
            show_loading(l, l->opened);
        } else {
            snprintf(ui->note, sizeof ui->note, "%.190s", e.text);
            ui->note_style = STYLE_ERROR;
        }
    }
    ui->open[0] = 0;
}

static void take_keys(struct loop *l)
{
    int waiting = 0, key;
    if (ioctl(STDIN_FILENO, FIONREAD, &waiting) < 0 || waiting == 0) {
        l->gone = true; /* readable, and nothing to read: it is closed */
        return;
    }
    while (!l->suspended && !l->ui.quit && (key = term_key()) != KEY_NONE) {
        struct mouse m;
        if (key != KEY_MOUSE_EVENT)
            keys_press(&l->ui, key);
        else if (term_mouse_event(&m))
            keys_mouse(&l->ui, &l->grid, &m);
        do_wishes(l);
        l->note_until = now_ms() + 5000;
        l->paint = true;
    }
}

/* Milliseconds until something is to be done without an event; -1 never. */
static int patience(const struct loop *l)
{
    if (l->suspended)
        return l->looks_for_it ? 500 : -1;
    if (!l->news)
        return -1;
    int64_t wait = l->next - now_ms();
    return wait > 0 ? (int)wait : 0;
}

static void wait_for_events(struct loop *l)
{
    bool watch = l->session && !l->news && !l->suspended;
    struct pollfd p[] = {
        {signal_pipe[0], POLLIN, 0},
        {l->suspended ? -1 : STDIN_FILENO, POLLIN, 0},
        {watch ? loom_session_fd(l->session) : -1, POLLIN, 0},
        {l->reader ? runs_reader_fd(l->reader) : -1, POLLIN, 0},
        {l->folder ? builds_reader_fd(l->folder) : -1, POLLIN, 0},
    };
    if (poll(p, 5, patience(l)) < 0)
        return;
    if (p[0].revents)
        take_signals(l);
    if (p[1].revents & (POLLHUP | POLLERR | POLLNVAL))
        l->gone = true;
    else if (p[1].revents && !l->suspended)
        take_keys(l);
    if (p[2].revents)
        l->news = true;
    if (p[3].revents)
        take_runs(l);
    if (p[4].revents)
        take_files(l);
    if (l->looks_for_it)
        resume(l);
}

static void run(struct loop *l)
{
    l->paint = true;
    while (!l->ui.quit && !l->stop && !l->gone) {
        if (!l->suspended && (l->paint || (l->news && now_ms() >= l->next)))
            paint(l);
        wait_for_events(l);
    }
}

/* One line that says where the run is and how to go on. */
static void say_goodbye(const struct loop *l)
{
    const struct loom_train_view *t = &l->ui.view->train;
    const char *out = l->args->conf.out;
    const char *store = out ? " --out " : "";
    out = out ? out : "";
    struct pollfd p = {STDOUT_FILENO, POLLOUT, 0};
    if (!t->run[0] || poll(&p, 1, 0) != 1) /* no run, or a stopped terminal */
        return;
    if (t->state == LOOM_TRAIN_DONE)
        printf("%s is done after %d epochs; bitloom runs show %s%s%s\n", t->run,
               t->epoch, t->run, store, out);
    else if (t->state == LOOM_TRAIN_FAILED)
        printf("%s failed after epoch %d: %s\n", t->run, t->epoch, t->error);
    else
        printf("%s is saved at epoch %d of %d; go on with: bitloom %s "
               "--resume %s%s%s\n",
               t->run, t->epoch, t->epochs, l->conf.script, t->run, store, out);
}

static void leave(struct loop *l)
{
    if (!l->gone)
        term_close();
    holds_terminal = false;
    state_save(l->state_path, &l->ui, l->state,
               l->session ? &l->conf : &(struct loom_session_conf){0});
    if (l->session) {
        loom_session_send(l->session,
                          &(struct loom_command){.kind = LOOM_CMD_STOP});
        struct loom_view *last = loom_malloc(sizeof *last);
        *last = *l->ui.view;
        l->ui.view = last;
        loom_session_destroy(l->session);
        if (!l->gone)
            say_goodbye(l);
        free(last);
    }
    builds_reader_free(l->folder);
    builds_files_free(l->files);
    free(l->past);
    runs_reader_free(l->reader);
    runs_list_free(l->ui.runs);
    history_free(l->ui.history);
    grid_deinit(&l->grid);
    json_decref(l->state);
    free(l->state_path);
    free(l->set);
    free(l->loading);
}

/* What is remembered from the last time. */
static void remember(struct loop *l)
{
    char *lines = state_path("console");
    if (lines)
        l->ui.history = history_new(lines);
    free(lines);
    l->state_path = state_path("screen.json");
    l->state = state_load(l->state_path, &l->ui);
}

int loop_run(const struct args *a)
{
    struct loom_errmsg e = {""};
    const struct config *c = a->config;
    struct loop l = {.args = a,
                     .conf = a->conf,
                     .fps = a->fps ? a->fps : c->fps ? c->fps : FPS};
    struct term_conf tc = {a->ascii || c->glyphs == GRID_ASCII,
                           a->mono || c->colour == 0,
                           a->blocks || c->glyphs == GRID_BLOCKS};
    int rc = catch_signals();
    if (!rc)
        rc = term_open(&tc, &e);
    if (rc)
        return cli_fail(rc, &e);
    holds_terminal = true;
    ui_init(&l.ui);
    grid_init(&l.grid, term_glyphs());
    l.loading = loom_malloc(sizeof *l.loading);
    if (a->conf.script)
        show_loading(&l, a->conf.script);
    else
        find_scripts(&l.ui);
    remember(&l);
    config_apply(c, &l.ui);
    do_wishes(&l);
    paint(&l);
    if (a->conf.script)
        rc = open_session(&l, a->conf.script, &e);
    if (!rc)
        run(&l);
    leave(&l);
    if (rc)
        return cli_fail(rc, &e);
    return l.stop || l.gone ? CLI_INTERRUPTED : CLI_DONE;
}
