/* JSON lines, a bar on a terminal, or plain lines at most about one a
 * second. */
#include "tui/run_job.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tui/cli.h"
#include "tui/format.h"
#include "tui/run_events.h"

struct report {
    bool json, quiet, bar; /* bar: standard output is a terminal */
    bool utf8;
    bool bar_shown;
    bool lost;                  /* standard output is gone */
    double last_line;           /* seconds: of the last plain line or bar */
    char error[LOOM_LOG_CHARS]; /* of the log, not yet shown */
    struct run_size size;
    struct loom_session *session;
    struct loom_train_view train; /* the latest */
};

/* The session that SIGINT interrupts. */
static struct loom_session *volatile interrupted;
static volatile sig_atomic_t was_interrupted;

static void on_interrupt(int s)
{
    (void)s;
    was_interrupted = 1;
    if (interrupted)
        loom_session_interrupt(interrupted);
}

static void on_closed_pipe(int s)
{
    (void)s; /* the write fails: that is noticed */
}

static void catch_signals(struct loom_session *s)
{
    struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    struct sigaction pipe = {.sa_handler = on_closed_pipe};
    interrupted = s;
    sigaction(SIGPIPE, &pipe, NULL);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Lines for people. */

static void wipe_bar(struct report *r)
{
    if (r->bar_shown)
        fputs("\r\033[K", stdout);
    r->bar_shown = false;
}

static int terminal_width(void)
{
    struct winsize ws;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col
                                                                   : 80;
}

/* "loss 0.2471  accuracy 0.7512  ebops 28.4k". */
static int numbers(const struct loom_train_view *t, char *buf, size_t n)
{
    char l[FORMAT_CHARS], m[FORMAT_CHARS], e[FORMAT_CHARS];
    return snprintf(buf, n, "loss %6s   %s %6s%s%s   ebops %6s",
                    format_value((double)t->loss, l), t->metric,
                    format_value((double)t->val_metric, m),
                    t->unit[0] ? " " : "", t->unit,
                    format_count((double)t->ebops, e));
}

static void bar_cells(struct report *r, double fraction, int w)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int full = (int)(fraction * w * 8 + 0.5);
    if (!r->utf8) {
        for (int i = 0; i < w; i++)
            putchar(i * 8 + 4 <= full ? '#' : '.');
        return;
    }
    for (int i = 0; i < full / 8; i++)
        fputs("█", stdout);
    fputs(eighth[full % 8], stdout);
    for (int i = full / 8 + (full % 8 != 0); i < w; i++)
        fputs("·", stdout);
}

/* Cut text that is wider than w between two of its fields, which stand three
 * blanks apart. */
static void keep_fields(char *text, int w)
{
    size_t most = w > 0 ? (size_t)w : 0;
    while (strlen(text) > most) {
        char *last = text;
        for (char *p = text; (p = strstr(p, "   ")); p += strspn(p, " "))
            last = p;
        *last = 0;
    }
}

static void put_bar(struct report *r, const struct loom_train_view *t)
{
    char what[160], rate[FORMAT_CHARS], eta[FORMAT_CHARS], left[64], head[48];
    double part = t->batches > 0 ? (double)t->batch / t->batches : 0;
    double fraction = t->epochs > 0 ? (t->epoch + part) / t->epochs : 0;
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    snprintf(head, sizeof head, "ep %*d/%d ",
             snprintf(NULL, 0, "%d", t->epochs), t->epoch, t->epochs);
    if (t->epoch < 1 || numbers(t, what, sizeof what) < 0)
        what[0] = 0;
    snprintf(left, sizeof left, " %3.0f%%  %6s/s  %5s left  ", 100 * fraction,
             format_count((double)t->samples_per_s, rate),
             t->eta_s > 0 ? format_whole_seconds((double)t->eta_s, eta) : "?");
    int room = terminal_width() - 1 - (int)(strlen(head) + strlen(left));
    int w = room < 0 ? 0 : room < 20 ? room : 20;
    keep_fields(what, room - w);
    wipe_bar(r);
    fputs(head, stdout);
    bar_cells(r, fraction, w);
    if (room >= 0)
        printf("%s%s", left, what);
    fflush(stdout);
    r->bar_shown = true;
}

static void put_line(const struct loom_train_view *t)
{
    char what[160], per[FORMAT_CHARS], eta[FORMAT_CHARS], val[FORMAT_CHARS];
    numbers(t, what, sizeof what);
    printf("ep %*d/%d   %s   val %6s", snprintf(NULL, 0, "%d", t->epochs),
           t->epoch, t->epochs, what, format_value((double)t->val_loss, val));
    for (int k = 0; k < t->n_more; k++)
        printf("   %s %6s", t->more_metric[k],
               format_value((double)t->more[k], val));
    printf("   %s/ep", format_seconds((double)t->seconds_per_epoch, per));
    if (t->eta_s > 0)
        printf("   %s left", format_whole_seconds((double)t->eta_s, eta));
    putchar('\n');
    fflush(stdout);
}

static void put_progress(struct report *r, const struct loom_train_view *t,
                         bool epoch)
{
    double now = seconds(), pause = r->bar ? 0.1 : 1;
    bool last = epoch && t->epoch == t->epochs;
    if (now - r->last_line < pause && !last)
        return;
    if (r->bar)
        put_bar(r, t);
    else if (epoch)
        put_line(t);
    else
        return;
    r->last_line = now;
}

static void put_words(struct report *r, const char *mark, const char *text)
{
    wipe_bar(r);
    printf("%s%s\n", mark, text);
    fflush(stdout);
}

/* The table at the end. */
static void put_summary(struct report *r, bool complete)
{
    const struct loom_train_view *t = &r->train;
    char took[FORMAT_CHARS], m[FORMAT_CHARS], e[FORMAT_CHARS], c[FORMAT_CHARS];
    int best = run_best(t);
    wipe_bar(r);
    printf("\n%s: %s after %d epochs in %s, %d points on the front\n", t->run,
           complete ? "done" : "stopped and saved", t->epoch,
           format_seconds((double)t->elapsed_s, took), t->n_front);
    if (t->n_front)
        printf("  %5s  %10s  %8s%s%s\n", "epoch", t->metric, "EBOPs",
               t->cost_unit[0] ? "     ~" : "", t->cost_unit);
    for (int i = 0; i < t->n_front; i++)
        printf("  %5d  %10s  %8s%s%s%s\n", t->front[i].epoch,
               format_value((double)t->front[i].val_metric, m),
               format_count((double)t->front[i].ebops, e),
               t->cost_unit[0] ? "  ~" : "",
               t->cost_unit[0] ? format_count((double)t->front[i].cost, c) : "",
               i == best ? "  best" : "");
    if (!complete && t->run[0])
        printf("go on with --resume %s and the options of this run\n", t->run);
    fflush(stdout);
}

/* An error waits for the next event: when it is what ends the run, it is
 * said once, on standard error. */
static void put_error(struct report *r)
{
    if (r->error[0])
        put_words(r, "error: ", r->error);
    r->error[0] = 0;
}

static void put_log_words(struct report *r, const struct loom_log_line *line)
{
    if (line->level == LOOM_LOG_ERROR)
        snprintf(r->error, sizeof r->error, "%s", line->text);
    else
        put_words(r, line->level == LOOM_LOG_WARN ? "warning: " : "",
                  line->text);
}

static void put_event(struct report *r, const struct loom_event *ev)
{
    put_error(r);
    if (ev->kind == LOOM_EVENT_BATCH || ev->kind == LOOM_EVENT_EPOCH)
        put_progress(r, ev->train, ev->kind == LOOM_EVENT_EPOCH);
    else if (ev->kind == LOOM_EVENT_LOG) /* all else is told in there, too */
        put_log_words(r, ev->line);
}

static void set_size(struct report *r)
{
    const struct loom_train_view *t = &r->train;
    bool steered = t->target > 0;
    /* A target counts what the training counts. */
    double each = t->cost_unit[0] && t->ebops > 0
                      ? (double)t->cost / (double)t->ebops
                      : 1;
    struct loom_command c = {.kind = LOOM_CMD_SCALE_BETA,
                             .value = r->size.factor};
    if (steered)
        c = (struct loom_command){.kind = LOOM_CMD_TARGET,
                                  .value = each * r->size.ebops};
    loom_session_send(r->session, &c);
}

static void on_event(void *ud, const struct loom_event *ev)
{
    struct report *r = ud;
    if (ev->train)
        r->train = *ev->train;
    if (ev->kind == LOOM_EVENT_START && r->size.factor > 0)
        set_size(r);
    if (r->quiet || r->lost)
        return;
    if (r->json)
        run_write_event(stdout, ev);
    else
        put_event(r, ev);
    if (ferror(stdout)) { /* nobody reads any more: save and end */
        r->lost = true;
        loom_session_interrupt(r->session);
    }
}

static int finish(struct report *r, int rc, const struct loom_errmsg *e)
{
    bool stopped = was_interrupted != 0;
    wipe_bar(r);
    if (r->lost)
        return cli_fail(LOOM_ERR_IO,
                        &(struct loom_errmsg){"standard output is closed: "
                                              "stopped, the run is saved"});
    if (rc && !(stopped && rc == LOOM_ERR_CANCELLED))
        return cli_fail(rc, e);
    put_error(r);
    if (r->json && !r->quiet)
        run_write_done(stdout, &r->train, !stopped);
    else if (!r->quiet)
        put_summary(r, !stopped);
    return ferror(stdout) ? CLI_FAILED : stopped ? CLI_INTERRUPTED : CLI_DONE;
}

int run_job(struct args *a, struct run_size size, struct loom_train_view *last)
{
    struct loom_errmsg e = {""};
    struct report r = {.json = a->json, .quiet = a->quiet, .size = size};
    r.bar = !a->json && !a->quiet && isatty(STDOUT_FILENO);
    setlocale(LC_CTYPE, "");
    r.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    a->conf.event = on_event;
    a->conf.ud = &r;
    struct loom_session *s = loom_session_new(&a->conf, &e);
    if (!s)
        return cli_fail(LOOM_ERR_SCRIPT, &e);
    r.session = s;
    catch_signals(s);
    int rc = loom_session_run(s, &e);
    interrupted = NULL;
    rc = finish(&r, rc, &e);
    loom_session_destroy(s);
    if (last)
        *last = r.train;
    return rc;
}
