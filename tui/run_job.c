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

/* JSON lines. */

/* A number that is none becomes null: JSON has no NaN. */
static json_t *real(float v)
{
    return isfinite(v) ? json_real((double)v) : json_null();
}

/* Cells, where they are what counts; estimated, as in every step. */
static void put_cost(json_t *j, const struct loom_train_view *t, float cost)
{
    if (!t->cost_unit[0])
        return;
    json_object_set_new(j, "cost", real(cost));
    json_object_set_new(j, "cost_unit", json_string(t->cost_unit));
}

static json_t *event(const char *name)
{
    return json_pack("{s:s, s:s}", "schema", "bitloom/run/1", "event", name);
}

static void put_epoch(const struct loom_train_view *t)
{
    json_t *j = event("epoch");
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "epochs", json_integer(t->epochs));
    json_object_set_new(j, "loss", real(t->loss));
    json_object_set_new(j, "val_loss", real(t->val_loss));
    json_object_set_new(j, "val_metric", real(t->val_metric));
    json_object_set_new(j, "metric", json_string(t->metric));
    json_t *metrics = json_pack("{s:o}", t->metric, real(t->val_metric));
    for (int k = 0; k < t->n_more; k++)
        json_object_set_new(metrics, t->more_metric[k], real(t->more[k]));
    json_object_set_new(j, "metrics", metrics);
    if (t->outliers >= 0)
        json_object_set_new(j, "outliers", real(t->outliers));
    json_object_set_new(j, "ebops", real(t->ebops));
    put_cost(j, t, t->cost);
    json_object_set_new(j, "beta", real(t->beta));
    json_object_set_new(j, "lr", real(t->lr));
    json_object_set_new(j, "seconds", real(t->seconds_per_epoch));
    json_object_set_new(j, "samples_per_s", real(t->samples_per_s));
    cli_print_json(j);
}

static json_t *point(const struct loom_train_view *t, int i)
{
    const struct loom_train_front *p = &t->front[i];
    json_t *j = json_object();
    json_object_set_new(j, "epoch", json_integer(p->epoch));
    json_object_set_new(j, "val_metric", real(p->val_metric));
    json_object_set_new(j, "ebops", real(p->ebops));
    put_cost(j, t, p->cost);
    return j;
}

static void put_pareto(const struct loom_event *ev)
{
    const struct loom_train_view *t = ev->train;
    json_t *j = event("pareto");
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "val_metric", real(t->val_metric));
    json_object_set_new(j, "ebops", real(t->ebops));
    put_cost(j, t, t->cost);
    json_object_set_new(j, "checkpoint",
                        json_string(ev->checkpoint ? ev->checkpoint : ""));
    cli_print_json(j);
}

static void put_collapse(const struct loom_event *ev)
{
    const struct loom_notice *n = ev->notice;
    json_t *j = event("collapse");
    json_object_set_new(j, "epoch", json_integer(ev->train->epoch));
    json_object_set_new(j, "since_epoch", json_integer(n->epoch_before));
    json_object_set_new(j, "ebops_before", json_real(n->ebops_before));
    json_object_set_new(j, "layer", json_string(n->layer));
    json_object_set_new(j, "good_epoch",
                        n->good_epoch ? json_integer(n->good_epoch)
                                      : json_null());
    json_object_set_new(j, "action",
                        json_string(loom_on_collapse_word(n->action)));
    cli_print_json(j);
}

static void put_stop(const struct loom_event *ev)
{
    json_t *j = event("stop");
    json_object_set_new(j, "epoch", json_integer(ev->train->epoch));
    json_object_set_new(j, "reason", json_string(ev->notice->stopped));
    cli_print_json(j);
}

static const char *const level_words[] = {"info", "good", "warn", "error"};

static void put_log(const struct loom_log_line *line)
{
    json_t *j = event("log");
    json_t *text = json_string(line->text);
    json_object_set_new(j, "level", json_string(level_words[line->level]));
    json_object_set_new(j, "text", text ? text : json_string("?"));
    cli_print_json(j);
}

/* Index of the point of the front with the best metric; -1: none. */
static int best_of(const struct loom_train_view *t)
{
    int best = -1;
    for (int i = 0; i < t->n_front; i++) {
        float m = t->front[i].val_metric;
        if (isfinite(m) &&
            (best < 0 || (t->lower_is_better ? m < t->front[best].val_metric
                                             : m > t->front[best].val_metric)))
            best = i;
    }
    return best;
}

static void put_done(const struct loom_train_view *t, bool complete)
{
    json_t *j = event("done"), *front = json_array();
    int best = best_of(t);
    for (int i = 0; i < t->n_front; i++)
        json_array_append_new(front, point(t, i));
    json_object_set_new(j, "run", json_string(t->run));
    json_object_set_new(j, "epoch", json_integer(t->epoch));
    json_object_set_new(j, "complete", json_boolean(complete));
    json_object_set_new(j, "metric", json_string(t->metric));
    json_object_set_new(j, "best", best < 0 ? json_null() : point(t, best));
    json_object_set_new(j, "front", front);
    json_object_set_new(j, "weights", json_string(t->weights));
    cli_print_json(j);
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
    int best = best_of(t);
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
    switch (ev->kind) {
    case LOOM_EVENT_BATCH:
        if (!r->json)
            put_progress(r, ev->train, false);
        break;
    case LOOM_EVENT_EPOCH:
        if (r->json)
            put_epoch(ev->train);
        else
            put_progress(r, ev->train, true);
        break;
    case LOOM_EVENT_PARETO:
        if (r->json) /* people read it in the log */
            put_pareto(ev);
        break;
    case LOOM_EVENT_COLLAPSE: /* people read these two there as well */
        if (r->json)
            put_collapse(ev);
        break;
    case LOOM_EVENT_STOP:
        if (r->json)
            put_stop(ev);
        break;
    case LOOM_EVENT_LOG:
        if (r->json)
            put_log(ev->line);
        else
            put_log_words(r, ev->line);
        break;
    default:
        break;
    }
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
        put_done(&r->train, !stopped);
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
