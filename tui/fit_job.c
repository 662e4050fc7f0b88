#include "tui/fit_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/design.h"
#include "tui/build_job.h"
#include "tui/cli.h"
#include "tui/flow_arg.h"
#include "tui/run_job.h"

/* Of the EBOPs that should fill the device, so that points near them fit. */
static const double AIM = 0.97;
/* A best point that could grow by less has filled the device. */
static const double FILLED = 1.04;

/* ---- the record --------------------------------------------------------- */

static json_t *cells_json(struct loom_cells c)
{
    return json_pack("{s:i,s:i,s:i}", "lut4", c.lut4, "ff", c.ff, "lc", c.lc);
}

static struct loom_cells cells_of(const json_t *o)
{
    return (struct loom_cells){
        .lut4 = (int)json_integer_value(json_object_get(o, "lut4")),
        .ff = (int)json_integer_value(json_object_get(o, "ff")),
        .lc = (int)json_integer_value(json_object_get(o, "lc"))};
}

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static const char *what_of(const struct fit_conf *c)
{
    return c->train->conf.script;
}

/* The build of a candidate in the record; NULL: not built. */
static json_t *build_of(const struct fit_job *j, const struct fit_candidate *c)
{
    for (size_t k = 0; k < json_array_size(j->builds); k++) {
        json_t *b = json_array_get(j->builds, k);
        if (!strcmp(word(b, "run"), c->run) && number(b, "epoch") == c->epoch)
            return b;
    }
    return NULL;
}

json_t *fit_job_json(const struct fit_job *j)
{
    const struct fit_conf *c = j->conf;
    json_t *rounds = json_array(), *best = NULL;
    int b = loom_fit_best(&j->fit);
    if (b >= 0)
        best = build_of(j, &j->candidate[b]);
    for (int k = 0; k < j->n_rounds; k++)
        json_array_append_new(
            rounds,
            json_pack("{s:s,s:f,s:f,s:f,s:b}", "run", j->round[k].run, "target",
                      j->round[k].target, "factor", j->round[k].factor, "end",
                      j->round[k].end, "complete", (int)j->round[k].complete));
    return json_pack(
        "{s:s,s:s,s:s,s:f,s:o,s:s,s:o,s:O,s:O}", "schema", "bitloom/fit/1",
        "of", what_of(c), "device", c->device->name, "clock_mhz", c->clock_mhz,
        "limit", cells_json(c->limit), "metric", j->metric, "rounds", rounds,
        "builds", j->builds, "best", best ? best : json_null());
}

static int save(const struct fit_job *j, struct loom_errmsg *e)
{
    json_t *o = fit_job_json(j);
    char *text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    char *path = loom_asprintf("%s/fit.json", j->conf->dir);
    int err = loom_file_write(path, text, strlen(text), e);
    json_decref(o);
    free(text);
    free(path);
    return err;
}

static bool is_same_search(const struct fit_job *j, const json_t *o)
{
    const struct fit_conf *c = j->conf;
    struct loom_cells l = cells_of(json_object_get(o, "limit"));
    return !strcmp(word(o, "of"), what_of(c)) &&
           !strcmp(word(o, "device"), c->device->name) &&
           number(o, "clock_mhz") == c->clock_mhz && l.lut4 == c->limit.lut4 &&
           l.ff == c->limit.ff && l.lc == c->limit.lc;
}

/* What DIR/fit.json says has been done. */
static int load(struct fit_job *j, struct loom_errmsg *e)
{
    json_error_t je;
    char *path = loom_asprintf("%s/fit.json", j->conf->dir);
    json_t *o =
        access(path, F_OK) ? json_object() : json_load_file(path, 0, &je);
    json_t *builds = json_object_get(o, "builds");
    const json_t *rounds = json_object_get(o, "rounds");
    int err = 0;
    if (!o || (json_object_size(o) && !is_same_search(j, o)))
        err =
            loom_fail(e, LOOM_ERR_ARG, "%s: %s; choose another folder with -o",
                      path, o ? "of another search" : je.text);
    for (size_t k = 0; !err && k < json_array_size(rounds); k++) {
        const json_t *r = json_array_get(rounds, k);
        struct fit_round *to = &j->round[j->n_rounds];
        if (j->n_rounds == FIT_ROUNDS)
            break;
        snprintf(to->run, sizeof(to->run), "%s", word(r, "run"));
        to->target = number(r, "target");
        to->factor = number(r, "factor");
        to->end = number(r, "end");
        to->complete = json_is_true(json_object_get(r, "complete"));
        j->n_rounds++;
    }
    if (!err && json_is_array(builds))
        json_array_extend(j->builds, builds);
    json_decref(o);
    free(path);
    return err;
}

/* ---- candidates --------------------------------------------------------- */

/* Whether a is no better than b, and no smaller. */
static bool is_beaten(const struct fit_job *j, const struct fit_candidate *a,
                      const struct fit_candidate *b)
{
    double gain =
        j->lower_is_better ? a->metric - b->metric : b->metric - a->metric;
    return gain >= 0 && b->ebops <= a->ebops;
}

/* Unless it is beaten; what it beats leaves. */
static void add_candidate(struct fit_job *j, const struct fit_candidate *c)
{
    int n = 0, at;
    for (int k = 0; k < j->fit.n; k++)
        if (is_beaten(j, c, &j->candidate[k]))
            return;
    for (int k = 0; k < j->fit.n; k++)
        if (!is_beaten(j, &j->candidate[k], c))
            j->candidate[n++] = j->candidate[k];
    j->candidate =
        loom_realloc(j->candidate, (size_t)(n + 1) * sizeof(*j->candidate));
    for (at = n; at && j->candidate[at - 1].ebops < c->ebops; at--)
        j->candidate[at] = j->candidate[at - 1];
    j->candidate[at] = *c;
    j->fit.n = n + 1;
}

static int add_front(struct fit_job *j, struct loom_store *s, const char *run,
                     struct loom_errmsg *e)
{
    struct loom_store_run r;
    struct loom_store_point *p = NULL;
    size_t n = 0;
    int err = loom_store_get(s, run, &r, e);
    if (err)
        return err;
    snprintf(j->metric, sizeof(j->metric), "%s", r.metric);
    j->lower_is_better = r.lower_is_better;
    err = loom_store_points(s, r.id, true, &p, &n, e);
    for (size_t k = 0; !err && k < n; k++) {
        struct fit_candidate c = {.epoch = p[k].epoch,
                                  .metric = p[k].val_metric,
                                  .ebops = p[k].ebops};
        snprintf(c.run, sizeof(c.run), "%s", r.id);
        add_candidate(j, &c);
    }
    loom_store_run_deinit(&r);
    free(p);
    return err;
}

static void take_build(struct fit_job *j, int i, const json_t *b)
{
    struct loom_fit_point *p = &j->fit.point[i];
    p->is_predicted = true;
    p->predicted = cells_of(json_object_get(b, "predicted"));
    p->measured = cells_of(json_object_get(b, "cells"));
    p->fmax_mhz = number(b, "fmax_mhz");
    for (int o = LOOM_FIT_YES; o <= LOOM_FIT_FAILED; o++)
        if (!strcmp(word(b, "outcome"),
                    loom_fit_word((enum loom_fit_outcome)o)))
            p->outcome = (enum loom_fit_outcome)o;
}

/* The points of all fronts so far, with what is known of them. */
static int collect(struct fit_job *j, struct loom_errmsg *e)
{
    const struct fit_conf *c = j->conf;
    int err = 0;
    j->fit.n = 0;
    struct loom_store *s =
        loom_store_open(c->train->conf.out, LOOM_STORE_READ, &err, e);
    if (!s)
        return err;
    for (int k = 0; !err && k < j->n_rounds; k++)
        err = add_front(j, s, j->round[k].run, e);
    loom_store_close(s);
    if (!err && !j->fit.n)
        err = loom_fail(e, LOOM_ERR_MISSING, "%s: no point on its front",
                        j->round[0].run);
    free(j->fit.point);
    j->fit.point = loom_calloc((size_t)j->fit.n + 1, sizeof(*j->fit.point));
    for (int i = 0; i < j->fit.n; i++) {
        const json_t *b = build_of(j, &j->candidate[i]);
        if (b)
            take_build(j, i, b);
    }
    return err;
}

/* ---- builds ------------------------------------------------------------- */

/* "RUN@EPOCH", to be freed. */
static char *name_of(const struct fit_candidate *c)
{
    return loom_asprintf("%s@%d", c->run, c->epoch);
}

static int predict(void *ctx, int i, struct loom_cells *out)
{
    struct fit_job *j = ctx;
    struct cli_model m;
    struct loom_design *d = NULL;
    char *name = name_of(&j->candidate[i]);
    int err = cli_model_open(name, j->conf->train->conf.out, &m, NULL);
    free(name);
    if (err)
        return err;
    if (!cli_model_freeze(&m, NULL))
        d = loom_design_new(m.net,
                            &(struct loom_design_conf){
                                .name = "net",
                                .family = j->conf->device->family,
                                .levels = loom_pipeline_levels(j->levels)},
                            NULL);
    if (d)
        *out = loom_target_predict(d, -1);
    loom_design_destroy(d);
    cli_model_close(&m);
    return d ? 0 : LOOM_ERR_RANGE;
}

static void say(const struct fit_job *j, int i, const struct loom_errmsg *e)
{
    const struct fit_candidate *c = &j->candidate[i];
    const struct loom_fit_point *p = &j->fit.point[i];
    if (j->conf->quiet)
        return;
    fprintf(stderr,
            "%s@%d: %s %.5g, %.0f EBOPs, ~%d LC: %s: %d LC, %.1f MHz%s%s\n",
            c->run, c->epoch, j->metric, c->metric, c->ebops, p->predicted.lc,
            loom_fit_word(p->outcome), p->measured.lc, p->fmax_mhz,
            p->outcome == LOOM_FIT_FAILED ? ": " : "",
            p->outcome == LOOM_FIT_FAILED ? e->text : "");
}

static void record(struct fit_job *j, int i, const char *dir)
{
    const struct fit_candidate *c = &j->candidate[i];
    const struct loom_fit_point *p = &j->fit.point[i];
    json_t *b = build_of(j, c);
    if (!b) {
        b = json_object();
        json_array_append_new(j->builds, b);
    }
    json_object_update_new(
        b, json_pack("{s:s,s:i,s:f,s:f,s:i,s:s,s:o,s:o,s:f,s:s}", "run", c->run,
                     "epoch", c->epoch, "val_metric", c->metric, "ebops",
                     c->ebops, "levels", loom_pipeline_levels(j->levels),
                     "outcome", loom_fit_word(p->outcome), "predicted",
                     cells_json(p->predicted), "cells", cells_json(p->measured),
                     "fmax_mhz", p->fmax_mhz, "dir", dir));
}

/* Build candidate i and note what it takes. */
static int build(struct fit_job *j, int i, struct loom_errmsg *e)
{
    const struct fit_conf *c = j->conf;
    const struct fit_candidate *k = &j->candidate[i];
    char *name = name_of(k);
    char *dir = loom_asprintf("%s/%s-%d-l%d", c->dir, k->run, k->epoch,
                              loom_pipeline_levels(j->levels));
    struct flow_arg a = {.model = name, .store = c->train->conf.out};
    struct flow_input in;
    struct loom_build_view v = {.lut4 = -1, .ff = -1, .lc = -1};
    struct loom_errmsg why = {""};
    int err = flow_input_open(&a, &in, e);
    if (!err) {
        struct loom_build_conf conf = {.net = in.model.net,
                                       .vectors = in.vectors,
                                       .n_vectors = in.n_vectors,
                                       .name = in.model.name,
                                       .device = c->device->name,
                                       .clock_mhz = c->clock_mhz,
                                       .levels = j->levels,
                                       .seeds = c->seeds,
                                       .timeout_s = c->timeout_s,
                                       .dir = dir};
        int came = build_job(&conf, c->quiet, &v, NULL, &why);
        struct loom_cells got = {.lut4 = v.lut4 > 0 ? v.lut4 : 0,
                                 .ff = v.ff > 0 ? v.ff : 0,
                                 .lc = v.lc > 0 ? v.lc : 0};
        if (came == LOOM_ERR_CANCELLED || came == LOOM_ERR_IO)
            err = loom_fail(e, came, "%s", why.text);
        else
            loom_fit_note(&j->fit, i, got, (double)v.fmax_mhz, came);
        flow_input_close(&in);
    }
    if (!err) {
        record(j, i, dir);
        say(j, i, &why);
        err = save(j, e);
    }
    free(name);
    free(dir);
    return err;
}

/* A shorter stage is what a clock that was missed asks for: from now on all
 * is built with a register after every level, this one anew. */
static void shorten_stages(struct fit_job *j, int i)
{
    if (j->fit.point[i].outcome != LOOM_FIT_TOO_SLOW || j->levels == 1)
        return;
    j->levels = 1;
    for (int k = 0; k < j->fit.n; k++)
        if (k == i || j->fit.point[k].outcome == LOOM_FIT_UNKNOWN)
            j->fit.point[k] = (struct loom_fit_point){0};
    if (!j->conf->quiet)
        fprintf(stderr, "a register after every adder level from now on\n");
}

static int search(struct fit_job *j, struct loom_errmsg *e)
{
    int err = 0, i;
    for (int n = 0; !err && n < j->conf->builds; n++) {
        i = loom_fit_next(&j->fit, predict, j);
        if (i < 0)
            break;
        err = build(j, i, e);
        if (!err)
            shorten_stages(j, i);
    }
    return err;
}

/* ---- rounds ------------------------------------------------------------- */

/* EBOPs that should fill the device; 0: no round of training is of use. */
static double next_target(const struct fit_job *j)
{
    int best = loom_fit_best(&j->fit);
    double growth = loom_fit_growth(&j->fit);
    if (growth == 0 || (best >= 0 && growth < FILLED))
        return 0;
    return AIM * growth * j->candidate[best < 0 ? j->fit.n - 1 : best].ebops;
}

/* The factor on beta that should end a round with so many EBOPs, going by the
 * last one: EBOPs fall with some power of beta, that of the last two rounds
 * where they tell. */
static double factor_for(const struct fit_job *j, double target)
{
    const struct fit_round *r = &j->round[j->n_rounds - 1];
    double power = 0.5, from = r->factor > 0 ? r->factor : 1;
    if (j->n_rounds > 1) {
        double before = r[-1].factor > 0 ? r[-1].factor : 1;
        double steep = log(r[-1].end / r->end) / log(from / before);
        if (isfinite(steep))
            power = fmin(fmax(steep, 0.25), 1);
    }
    return r->end > 0 ? from * pow(r->end / target, 1 / power) : from;
}

/* Train round k, or go on with it. An exit status. */
static int train(struct fit_job *j, int k, struct loom_errmsg *e)
{
    struct fit_round *r = &j->round[k];
    struct args *a = j->conf->train;
    struct loom_train_view last;
    a->conf.resume = r->run[0] ? r->run : NULL;
    if (r->target > 0 && !j->conf->quiet)
        fprintf(stderr, "round %d: towards %.0f EBOPs, with beta x%.3g\n",
                k + 1, r->target, r->factor);
    int status = run_job(a, (struct run_size){r->target, r->factor}, &last);
    snprintf(r->run, sizeof(r->run), "%s", last.run);
    r->end = (double)last.ebops;
    r->complete = status == CLI_DONE;
    if (j->n_rounds <= k && last.run[0])
        j->n_rounds = k + 1;
    int err = save(j, e);
    return status ? status : err ? cli_fail(err, e) : CLI_DONE;
}

static int rounds(struct fit_job *j, struct loom_errmsg *e)
{
    int err = 0;
    for (int k = 0; k < j->conf->rounds; k++) {
        if (k == j->n_rounds && k > 0) {
            j->round[k].target = next_target(j);
            if (j->round[k].target == 0)
                break;
            j->round[k].factor = factor_for(j, j->round[k].target);
        }
        if (!j->round[k].complete) {
            int status = train(j, k, e);
            if (status)
                return status;
        }
        err = collect(j, e);
        if (!err && k + 1 >= j->n_rounds)
            err = search(j, e);
        if (err)
            return cli_fail(err, e);
    }
    return CLI_DONE;
}

int fit_job_run(struct fit_job *j, const struct fit_conf *conf)
{
    struct loom_errmsg e = {""};
    *j = (struct fit_job){.conf = conf, .builds = json_array()};
    j->fit.limit = conf->limit;
    j->fit.clock_mhz = conf->clock_mhz;
    int err = loom_file_mkdirs(conf->dir, &e);
    if (!err)
        err = load(j, &e);
    if (err)
        return cli_fail(err, &e);
    for (size_t k = 0; k < json_array_size(j->builds); k++)
        if (number(json_array_get(j->builds, k), "levels") == 1)
            j->levels = 1;
    if (conf->run) {
        snprintf(j->round[0].run, sizeof(j->round[0].run), "%s", conf->run);
        j->round[0].complete = true;
        j->n_rounds = 1;
    }
    return rounds(j, &e);
}

void fit_job_deinit(struct fit_job *j)
{
    json_decref(j->builds);
    free(j->candidate);
    free(j->fit.point);
}
