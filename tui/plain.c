#include "tui/plain.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tui/action.h"
#include "tui/builds.h"
#include "tui/cli.h"
#include "tui/console.h"
#include "tui/data.h"
#include "tui/format.h"
#include "tui/line.h"
#include "tui/runs_data.h"

/* Seconds between two lines about epochs. */
static const double EPOCH_PERIOD = 5;

struct plain {
    struct ui ui;
    struct loom_session_conf conf;
    struct loom_session *session;
    bool ended, stop; /* nothing more is typed; a signal came */
    /* What was said last. */
    enum loom_train_state state;
    int epoch;
    double epoch_at;
    uint64_t log, line;
    enum loom_build_state build[LOOM_VIEW_BUILDS];
    int build_id[LOOM_VIEW_BUILDS];
    bool wants_data; /* asked for, not there yet */
    char typed[EDIT_SIZE];
    size_t n_typed;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool send_command(void *ud, const struct loom_command *c)
{
    return loom_session_send(ud, c);
}

/* ---- what is asked for ----------------------------------------------------
 */

static void say_epoch(const struct loom_train_view *t)
{
    char m[FORMAT_CHARS];
    if (t->n_points)
        printf("epoch %d of %d: loss %.4g, validation loss %.4g, %s %s%s%s, "
               "%.0f EBOPs, beta %.2g, learning rate %.2g\n",
               t->epoch, t->epochs, (double)t->loss, (double)t->val_loss,
               t->metric, format_value((double)t->val_metric, m),
               t->unit[0] ? " " : "", t->unit, (double)t->ebops,
               (double)t->beta, (double)t->lr);
}

static void say_training(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    char s[FORMAT_CHARS];
    printf("%s %s\n", t->run[0] ? t->run : ui->view->script,
           ui_state_word(t->state));
    say_epoch(t);
    if (t->eta_s > 0 && t->state == LOOM_TRAIN_RUNNING)
        printf("ends in about %s\n", format_whole_seconds((double)t->eta_s, s));
    printf("the front has %d points", t->n_front);
    for (int i = 0; i < t->n_front; i++)
        printf("%s epoch %d: %s %.4g with %.0f EBOPs", i ? ";" : ":",
               t->front[i].epoch, t->metric, (double)t->front[i].val_metric,
               (double)t->front[i].ebops);
    puts("");
    if (t->state == LOOM_TRAIN_FAILED)
        printf("it failed: %s\n", t->error);
}

static void say_layers(const struct ui *ui)
{
    const struct loom_train_view *t = &ui->view->train;
    for (int i = 0; i < t->n_layers; i++) {
        const struct loom_train_layer *l = &t->layer[i];
        printf("%s: %s, %d inputs, %d outputs", l->name, l->kind, l->n_in,
               l->n_out);
        if (l->weights)
            printf(", %.2f bits a weight, %d of %d weights pruned",
                   (double)l->mean_w_bits, l->pruned, l->weights);
        printf(", %.0f EBOPs%s\n", (double)l->ebops,
               l->frozen ? ", bits frozen" : "");
    }
    if (!t->n_layers)
        puts("no layers yet");
}

static void say_build(const struct loom_build_view *b)
{
    static const char *const states[] = {[LOOM_BUILD_QUEUED] = "waits",
                                         [LOOM_BUILD_RUNNING] = "runs",
                                         [LOOM_BUILD_DONE] = "done",
                                         [LOOM_BUILD_FAILED] = "failed",
                                         [LOOM_BUILD_CANCELLED] = "cancelled"};
    printf("build %d for %s %s", b->id, b->device, states[b->state]);
    if (b->state == LOOM_BUILD_RUNNING)
        printf(": %s", loom_phase_word(b->phase));
    if (b->lc >= 0)
        printf(", %d LC measured", b->lc);
    else if (b->predicted_lc >= 0)
        printf(", %d LC predicted", b->predicted_lc);
    if (b->fmax_mhz >= 0)
        printf(", %.1f MHz", (double)b->fmax_mhz);
    if (b->error[0])
        printf(": %s", b->error);
    puts("");
}

static void say_runs(const struct plain *p)
{
    struct loom_errmsg e;
    int err;
    char m[RUNS_CELL];
    struct loom_store *s =
        loom_store_open(p->conf.out, LOOM_STORE_READ, &err, &e);
    struct runs_data *d = s ? runs_data_read(s, NULL, &err, &e) : NULL;
    if (!d)
        puts(e.text);
    for (size_t i = 0; d && i < d->n; i++) {
        const struct loom_store_run *r = &d->run[i];
        printf("%s: %s after %d epochs", r->id, loom_run_state_word(r->state),
               r->epochs);
        if (r->best_epoch)
            printf(", best %s %s with %.0f EBOPs", r->metric,
                   runs_metric_text(r, r->best_metric, m), r->best_ebops);
        printf("%s%s\n", r->tags[0] ? ", tags " : "", r->tags);
    }
    runs_data_free(d);
    loom_store_close(s);
}

static void say_data(const struct ui *ui)
{
    const struct loom_data_summary *s = ui->data->summary;
    printf("%s: %zu features; %zu rows to train, %zu to validate, %zu to "
           "test\n",
           s->name, s->n_in, s->rows[LOOM_TRAIN], s->rows[LOOM_VAL],
           s->rows[LOOM_TEST]);
    printf("%zu features never change, %zu values are missing, %zu labels are "
           "no class, %zu rows of test are in train\n",
           s->n_constant, s->n_missing, s->bad_labels,
           s->shared[LOOM_TRAIN][LOOM_TEST]);
    for (size_t i = 0; s->class && i < s->n_out; i++)
        printf("class %s: %zu rows to train\n", s->class[i].name,
               s->class[i].rows[LOOM_TRAIN]);
    for (size_t i = 0; i < s->n_in; i++) {
        const struct loom_column_summary *c = &s->feature[i];
        printf("%s: from %.4g to %.4g, mean %.4g, deviation %.4g, %zu "
               "missing%s\n",
               c->name, (double)c->low, (double)c->high, c->mean, c->deviation,
               c->missing, c->constant ? ", constant" : "");
    }
}

static void say_help(void)
{
    for (const struct action *a = actions; a->name; a++)
        printf("%s%s%s: %s\n", a->name, *a->arg ? " " : "", a->arg, a->help);
}

/* The screen that a command turned to, in words. */
static void say_screen(struct plain *p)
{
    struct ui *ui = &p->ui;
    switch (ui->screen) {
    case SCREEN_DASH:
        say_training(ui);
        break;
    case SCREEN_LAYERS:
        say_layers(ui);
        break;
    case SCREEN_BUILDS:
        for (int i = 0; i < ui->view->n_builds; i++)
            say_build(&ui->view->build[i]);
        if (!ui->view->n_builds)
            puts("no build yet");
        break;
    case SCREEN_RUNS:
        say_runs(p);
        break;
    case SCREEN_DATA:
        p->wants_data = true;
        break;
    default:
        break; /* what a line of Lua says comes by itself */
    }
}

static bool names_screen(const char *text)
{
    for (int s = 0; s < SCREENS; s++)
        if (!strcasecmp(text, ui_screen((enum screen)s)->name))
            return true;
    return false;
}

static void take_line(struct plain *p, const char *text)
{
    struct ui *ui = &p->ui;
    ui->note[0] = 0;
    if (ui->asks_quit) {
        ui->quit = *text == 'y' || *text == 'Y';
        ui->asks_quit = false;
        return;
    }
    line_run(ui, text);
    if (ui->help)
        say_help();
    else if (ui->typing)
        printf("%s: say what, on the same line\n", text);
    else if (names_screen(text))
        say_screen(p);
    ui->help = ui->typing = ui->palette.open = false;
    if (ui->copied)
        fputs(ui->copied, stdout); /* there is no clipboard to put it in */
    free(ui->copied);
    ui->copied = NULL;
    if (ui->stop_line)
        loom_session_stop_console(p->session);
    ui->stop_line = false;
    if (ui->note[0])
        puts(ui->note);
    if (ui->asks_quit)
        puts(ui_trains(ui) ? "training runs; save it and leave? y or n"
                           : "a build runs; stop it and leave? y or n");
    data_watch(ui);
}

/* ---- what happens ----------------------------------------------------------
 */

static void tell_builds(struct plain *p)
{
    const struct loom_view *v = p->ui.view;
    for (int i = 0; i < v->n_builds; i++) {
        int k = 0;
        while (k < LOOM_VIEW_BUILDS - 1 && p->build_id[k] != v->build[i].id &&
               p->build_id[k])
            k++;
        if (p->build_id[k] == v->build[i].id &&
            p->build[k] == v->build[i].state)
            continue;
        p->build_id[k] = v->build[i].id;
        p->build[k] = v->build[i].state;
        say_build(&v->build[i]);
    }
}

static void tell_console(struct plain *p)
{
    const struct loom_console_view *v = p->ui.lines;
    const char *asked;
    for (int i = 0; v && i < v->n; i++)
        if (v->line[i].number > p->line &&
            v->line[i].kind >= LOOM_CONSOLE_OUTPUT)
            puts(v->line[i].text);
    if (v && v->n)
        p->line = v->line[v->n - 1].number;
    while ((asked = console_action(&p->ui)))
        take_line(p, asked);
}

static void tell(struct plain *p)
{
    const struct loom_view *v = loom_session_look(p->session);
    struct ui *ui = &p->ui;
    if (!v)
        return;
    ui->view = v;
    ui->lines = loom_session_look_console(p->session);
    ui->data = loom_session_look_data(p->session);
    const struct loom_train_view *t = &v->train;
    for (int i = 0; i < v->n_log; i++)
        if (v->log[i].number > p->log)
            puts(v->log[i].text);
    if (v->n_log)
        p->log = v->log[v->n_log - 1].number;
    if (t->state != p->state)
        printf("%s %s\n", t->run[0] ? t->run : v->script,
               ui_state_word(t->state));
    bool last = t->state != p->state && t->state == LOOM_TRAIN_DONE;
    if (t->epoch != p->epoch && (last || now() - p->epoch_at >= EPOCH_PERIOD)) {
        say_epoch(t);
        p->epoch = t->epoch;
        p->epoch_at = now();
    }
    p->state = t->state;
    tell_builds(p);
    tell_console(p);
    if (p->wants_data && ui->data) {
        say_data(ui);
        p->wants_data = false;
    }
}

static void take_input(struct plain *p)
{
    ssize_t n = read(STDIN_FILENO, p->typed + p->n_typed,
                     sizeof p->typed - 1 - p->n_typed);
    if (n <= 0) {
        p->ended = n == 0 || errno != EINTR;
        return;
    }
    p->n_typed += (size_t)n;
    p->typed[p->n_typed] = 0;
    char *end;
    while (!p->ui.quit && (end = strchr(p->typed, '\n'))) {
        *end = 0;
        take_line(p, p->typed);
        p->n_typed -= (size_t)(end + 1 - p->typed);
        memmove(p->typed, end + 1, p->n_typed + 1);
    }
    if (p->n_typed == sizeof p->typed - 1)
        p->n_typed = 0; /* no line is as long */
}

/* With nothing more to be typed, it goes on until nothing goes on. */
static bool goes_on(const struct plain *p)
{
    enum loom_train_state s = p->ui.view->train.state;
    bool busy = s == LOOM_TRAIN_LOADING || s == LOOM_TRAIN_RUNNING ||
                s == LOOM_TRAIN_PAUSING || ui_builds(&p->ui) ||
                p->ui.view == ui_no_view();
    return !p->ui.quit && !p->stop && (!p->ended || busy);
}

static void loop(struct plain *p, int signals)
{
    while (goes_on(p)) {
        struct pollfd f[] = {{p->ended ? -1 : STDIN_FILENO, POLLIN, 0},
                             {loom_session_fd(p->session), POLLIN, 0},
                             {signals, POLLIN, 0}};
        fflush(stdout);
        if (poll(f, 3, -1) < 0)
            continue;
        if (f[1].revents)
            tell(p);
        if (f[0].revents)
            take_input(p);
        p->stop = f[2].revents || ferror(stdout);
    }
}

int plain_run(const struct args *a)
{
    struct plain p = {.conf = a->conf};
    struct loom_errmsg e = {""};
    sigset_t set;
    if (!a->conf.script)
        return cli_usage(NULL, "--plain needs a script");
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    ui_init(&p.ui);
    p.ui.w = 80;
    p.ui.h = 24;
    p.session = loom_session_new(&p.conf, &e);
    int rc = !p.session || signals < 0 ? LOOM_ERR_SCRIPT
                                       : loom_session_start(p.session, &e);
    if (rc) {
        loom_session_destroy(p.session);
        return cli_fail(rc, &e);
    }
    p.ui.send = send_command;
    p.ui.ud = p.session;
    puts("type a command and Enter: dash, layers, builds, runs, data, lua "
         "LINE, pause, resume, help, quit");
    loop(&p, signals);
    tell(&p); /* what came of the last line */
    enum loom_train_state s = p.ui.view->train.state;
    bool trained = ui_trains(&p.ui);
    char run[48];
    memcpy(run, p.ui.view->train.run, sizeof run);
    loom_session_destroy(p.session);
    close(signals);
    if (trained)
        printf("%s is saved; go on with: bitloom --plain %s --resume %s\n", run,
               a->conf.script, run);
    return p.stop                   ? CLI_INTERRUPTED
           : s == LOOM_TRAIN_FAILED ? CLI_FAILED
                                    : CLI_DONE;
}
