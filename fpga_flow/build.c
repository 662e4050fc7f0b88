#include "fpga_flow/build.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/design.h"
#include "fpga_flow/emit.h"
#include "fpga_flow/interface.h"
#include "fpga_flow/memo.h"
#include "fpga_flow/progress.h"
#include "fpga_flow/report.h"
#include "fpga_flow/sha256.h"
#include "fpga_flow/target.h"
#include "fpga_flow/tool.h"
#include "fpga_flow/verify.h"

enum { DEFAULT_TIMEOUT_S = 1800, MAX_SEEDS = 64, SPARE_SEEDS = 3 };

struct loom_build {
    struct loom_build_conf conf; /* strings owned */
    const struct loom_device *device;
    struct loom_design *d;
    struct loom_patterns *patterns;
    struct loom_progress progress;
    struct loom_verify_result verify;
    struct loom_synthesized cells, *layer_cells; /* [n_layers] */
    struct loom_placed best;
    int best_seed;
    json_t *seeds;
    json_t *report;
    char wrapper[32];              /* the interface's file */
    char tool[3][PATH_MAX];        /* Yosys, nextpnr, what packs bitstreams */
    char yosys[128], nextpnr[128]; /* versions */
    int reused;                    /* calls whose results were known */
    atomic_bool cancel;

    pthread_mutex_t lock; /* of view and begun */
    struct loom_build_view view;
    double begun; /* when the phase began; 0: none runs */
};

const char *loom_phase_word(enum loom_phase p)
{
    static const char *const words[] = {"emit",  "verify", "yosys",    "pack",
                                        "place", "route",  "bitstream"};
    return words[p];
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- making and looking -------------------------------------------------- */

static int check(const struct loom_build_conf *c, struct loom_errmsg *e)
{
    if (!c->net || !c->dir || !*c->dir)
        return loom_fail(e, LOOM_ERR_ARG,
                         "a build needs a network and a folder");
    if (!loom_device_get(c->device, e))
        return LOOM_ERR_ARG;
    if (!(c->clock_mhz >= 0 && c->clock_mhz <= 1000))
        return loom_fail(e, LOOM_ERR_ARG,
                         "clock %g MHz: expected a number up to 1000",
                         c->clock_mhz);
    if (c->levels < LOOM_BIT_SERIAL || c->levels > 1000)
        return loom_fail(e, LOOM_ERR_ARG,
                         "levels %d: expected adder levels a stage, at least "
                         "1, or 0 for a stage a layer",
                         c->levels);
    if (c->seeds < 0 || c->seeds > MAX_SEEDS)
        return loom_fail(e, LOOM_ERR_ARG, "seeds %d: expected 1 to %d",
                         c->seeds, MAX_SEEDS);
    if (!(c->timeout_s >= 0))
        return loom_fail(e, LOOM_ERR_ARG,
                         "timeout %g s: expected a positive number",
                         c->timeout_s);
    return 0;
}

struct loom_build *loom_build_new(const struct loom_build_conf *conf,
                                  struct loom_errmsg *e)
{
    if (check(conf, e) < 0)
        return NULL;
    int levels = loom_pipeline_levels(conf->levels);
    const struct loom_device *device = loom_device_find(conf->device);
    struct loom_design *d = loom_design_new(
        conf->net,
        &(struct loom_design_conf){.name = conf->name ? conf->name : "net",
                                   .family = device->family,
                                   .levels = levels,
                                   .plain = conf->plain,
                                   .interface = conf->interface,
                                   .board = conf->board},
        e);
    struct loom_pin pins[6];
    if (!d || loom_interface_pins(d, device, pins, e)) {
        loom_design_destroy(d);
        return NULL;
    }
    struct loom_build *b = loom_calloc(1, sizeof(*b));
    b->conf = *conf;
    b->d = d;
    b->device = device;
    b->conf.name = b->d->name;
    b->conf.device = b->device->name;
    b->conf.dir = loom_strdup(conf->dir);
    if (!conf->clock_mhz)
        b->conf.clock_mhz = b->device->clock_mhz;
    if (!conf->timeout_s)
        b->conf.timeout_s = DEFAULT_TIMEOUT_S;
    if (!conf->seeds)
        b->conf.seeds = 1;
    b->layer_cells = loom_calloc(d->w->n_layers + 1, sizeof(*b->layer_cells));
    b->patterns = loom_patterns_new();
    b->best.fmax_mhz = -1;
    snprintf(b->wrapper, sizeof(b->wrapper), "%s.v",
             loom_interface_word(d->interface));
    pthread_mutex_init(&b->lock, NULL);
    struct loom_build_view *v = &b->view;
    snprintf(v->name, sizeof(v->name), "%s", d->name);
    snprintf(v->device, sizeof(v->device), "%s", b->device->name);
    snprintf(v->dir, sizeof(v->dir), "%s", conf->dir);
    v->fraction = -1;
    v->vectors = v->mismatches = -1;
    v->lut4 = v->carry = v->ff = v->lc = v->bram = v->dsp = -1;
    v->lc_available = b->device->lc;
    v->fmax_mhz = -1;
    v->clock_mhz = (float)b->conf.clock_mhz;
    v->latency_cycles = d->latency;
    struct loom_cells p = loom_target_predict(d, -1);
    v->predicted_lut4 = p.lut4;
    v->predicted_carry = p.carry;
    v->predicted_ff = p.ff;
    v->predicted_lc = p.lc;
    return b;
}

void loom_build_destroy(struct loom_build *b)
{
    if (!b)
        return;
    loom_design_destroy(b->d);
    loom_patterns_destroy(b->patterns);
    json_decref(b->seeds);
    loom_placed_deinit(&b->best);
    json_decref(b->report);
    free(b->layer_cells);
    free((void *)(uintptr_t)b->conf.dir);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void loom_build_cancel(struct loom_build *b)
{
    atomic_store(&b->cancel, true);
}

void loom_build_look(struct loom_build *b, struct loom_build_view *out)
{
    pthread_mutex_lock(&b->lock);
    *out = b->view;
    if (b->begun > 0)
        out->seconds[out->phase] += (float)(now() - b->begun);
    pthread_mutex_unlock(&b->lock);
}

json_t *loom_build_report(const struct loom_build *b)
{
    return json_incref(b->report);
}

/* ---- the view ----------------------------------------------------------- */

/* With the lock held: the time of the running phase goes to its sum. */
static void settle(struct loom_build *b)
{
    double t = now();
    if (b->begun > 0)
        b->view.seconds[b->view.phase] += (float)(t - b->begun);
    b->begun = t;
}

static void enter(struct loom_build *b, enum loom_phase phase)
{
    pthread_mutex_lock(&b->lock);
    settle(b);
    b->view.phase = phase;
    b->view.fraction = -1;
    b->view.detail[0] = 0;
    pthread_mutex_unlock(&b->lock);
}

static void detail(void *ctx, const char *text)
{
    struct loom_build *b = ctx;
    pthread_mutex_lock(&b->lock);
    snprintf(b->view.detail, sizeof(b->view.detail), "%s", text);
    pthread_mutex_unlock(&b->lock);
}

static bool on_line(void *ctx, const char *line, bool err)
{
    struct loom_build *b = ctx;
    struct loom_progress *p = &b->progress;
    (void)err;
    if (!loom_progress_line(p, b->patterns, line))
        return true;
    pthread_mutex_lock(&b->lock);
    if (p->phase != b->view.phase)
        settle(b);
    b->view.phase = p->phase;
    b->view.fraction = p->fraction;
    snprintf(b->view.detail, sizeof(b->view.detail), "%s", p->detail);
    if (p->lc_used >= 0)
        b->view.lc = p->lc_used;
    pthread_mutex_unlock(&b->lock);
    return !loom_progress_is_stuck(p);
}

/* ---- phases ------------------------------------------------------------- */

/* DIR/name, to be freed. */
static char *in_dir(const struct loom_build *b, const char *name)
{
    return loom_asprintf("%s/%s", b->conf.dir, name);
}

static void forget(const struct loom_build *b, const char *name)
{
    char *path = in_dir(b, name);
    unlink(path);
    free(path);
}

/* Files that only a finished build leaves. */
static void forget_results(const struct loom_build *b)
{
    static const char *const names[] = {
        "synth.json", "nextpnr.json", "seed.routed", "seed.json", "build.json"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        forget(b, names[i]);
    const char *suffix = b->device->family->suffix;
    char *bin = loom_asprintf("%s.%s", b->d->name, suffix);
    char *part = loom_asprintf("%s.%s.part", b->d->name, suffix);
    forget(b, b->device->family->routed);
    forget(b, bin);
    forget(b, part);
    free(bin);
    free(part);
}

static int emit(struct loom_build *b, struct loom_errmsg *e)
{
    enter(b, LOOM_PHASE_EMIT);
    int err = loom_file_mkdirs(b->conf.dir, e);
    if (err)
        return err;
    forget_results(b);
    forget(b, "verify.log");
    forget(b, "yosys.log");
    forget(b, "nextpnr.log");
    return loom_emit(b->d, b->device, b->conf.clock_mhz, b->conf.vectors,
                     b->conf.n_vectors, b->conf.dir, e);
}

static int verify(struct loom_build *b, struct loom_errmsg *e)
{
    enter(b, LOOM_PHASE_VERIFY);
    char *core = in_dir(b, "core.v"), *serial = in_dir(b, b->wrapper);
    char *log = in_dir(b, "verify.log");
    struct loom_verify v = {.d = b->d,
                            .core = core,
                            .serial = serial,
                            .vectors = b->conf.vectors,
                            .n_vectors = b->conf.n_vectors,
                            .log = log,
                            .timeout_s = b->conf.timeout_s,
                            .cancel = &b->cancel,
                            .progress = detail,
                            .ctx = b};
    struct loom_verify_result *r = &b->verify;
    int err = loom_verify_run(&v, r, e);
    free(core);
    free(serial);
    free(log);
    if (err)
        return err;
    pthread_mutex_lock(&b->lock);
    b->view.vectors = r->vectors;
    b->view.mismatches = r->mismatches;
    pthread_mutex_unlock(&b->lock);
    if (r->mismatches || r->serial_mismatches)
        return loom_fail(e, LOOM_ERR_MISMATCH,
                         "the Verilog differs from the integer network on "
                         "%ld of %ld vectors (%ld of %ld through the "
                         "harness): %s",
                         r->mismatches, r->vectors, r->serial_mismatches,
                         r->serial_vectors, r->first);
    return 0;
}

static int run_tool(struct loom_build *b, const char *const *argv,
                    const char *log, enum loom_phase phase,
                    struct loom_errmsg *e)
{
    char *path = in_dir(b, log);
    struct loom_tool t = {.argv = argv,
                          .dir = b->conf.dir,
                          .log = path,
                          .timeout_s = b->conf.timeout_s,
                          .cancel = &b->cancel,
                          .line = on_line,
                          .ctx = b};
    enter(b, phase);
    loom_progress_start(&b->progress, phase);
    int err = loom_tool_run(&t, e);
    free(path);
    return err;
}

/* The same, unless the results of this very call are known. */
static int run_once(struct loom_build *b, struct loom_memo *m, const char *log,
                    enum loom_phase phase, struct loom_errmsg *e)
{
    int err = 0;
    m->dir = b->conf.dir;
    loom_memo_init(m);
    if (loom_memo_take(m)) {
        enter(b, phase);
        b->reused++;
    } else {
        err = run_tool(b, m->argv, log, phase, e);
        if (!err)
            loom_memo_keep(m);
    }
    loom_memo_deinit(m);
    return err;
}

static int tool_failed(const struct loom_build *b, const char *tool,
                       const char *log, int status, struct loom_errmsg *e)
{
    char said[sizeof(b->progress.error) + 4200];
    snprintf(said, sizeof(said), "%s; see %s/%s",
             b->progress.error[0] ? b->progress.error : "no message",
             b->conf.dir, log);
    return loom_tool_failed(tool, status, said, b->conf.dir, e);
}

/* What a tool wrote cannot be read, for the reason in e, or for want of room.
 */
static int unreadable(const struct loom_build *b, int err,
                      struct loom_errmsg *e)
{
    return loom_disk_is_full(b->conf.dir)
               ? loom_tool_failed("", 0, "", b->conf.dir, e)
               : err;
}

/* The placer would look for room for the chains until its deadline. */
static int chains_fit(struct loom_build *b, struct loom_errmsg *e)
{
    int tile = b->device->family->tile, need = b->cells.tiles, top = 0;
    int have = tile ? b->device->lc / tile : need;
    if (need <= have)
        return 0;
    for (int l = 1; l < (int)b->d->w->n_layers; l++)
        if (b->layer_cells[l].tiles > b->layer_cells[top].tiles)
            top = l;
    pthread_mutex_lock(&b->lock);
    b->view.lc = need * tile;
    pthread_mutex_unlock(&b->lock);
    return loom_fail(e, LOOM_ERR_FIT,
                     "carry chains take %d tiles of %d cells, %s has %d: %d "
                     "(%.0f %%) too many; those of %s alone take %d; train with "
                     "a higher beta or build for a larger device",
                     need, tile, b->device->name, have, need - have,
                     100.0 * (need - have) / have, b->d->w->layer[top].name,
                     b->layer_cells[top].tiles);
}

static int yosys(struct loom_build *b, struct loom_errmsg *e)
{
    const char *word = loom_interface_word(b->d->interface);
    char *script =
        loom_asprintf("read_verilog core.v %s.v; %s "
                      "-top %s_%s -json synth.json",
                      word, loom_target_synth(b->d), b->d->name, word);
    const char *const argv[] = {b->tool[0], "-p", script, NULL};
    bool test = b->d->interface == LOOM_SELFTEST;
    const char *const in[] = {"core.v", b->wrapper,
                              test ? "selftest_x.hex" : NULL, "selftest_y.hex",
                              NULL};
    static const char *const out[] = {"synth.json", NULL};
    struct loom_memo m = {
        .argv = argv, .version = b->yosys, .in = in, .out = out};
    int err = run_once(b, &m, "yosys.log", LOOM_PHASE_YOSYS, e);
    free(script);
    if (err > 0)
        return tool_failed(b, "yosys", "yosys.log", err, e);
    if (err)
        return err;
    char *netlist = in_dir(b, "synth.json");
    err = loom_report_netlist(netlist, b->d, &b->cells, b->layer_cells, e);
    free(netlist);
    if (err)
        return unreadable(b, err, e);
    pthread_mutex_lock(&b->lock);
    b->view.lut4 = b->cells.lut4;
    b->view.carry = b->cells.carry;
    b->view.ff = b->cells.ff;
    pthread_mutex_unlock(&b->lock);
    return chains_fit(b, e);
}

/* Does the failed placement mean that the design is too large? */
static int does_not_fit(const struct loom_build *b, struct loom_errmsg *e)
{
    const struct loom_progress *p = &b->progress;
    int have = b->device->lc, over = p->lc_used - have, top = 0;
    for (int l = 1; l < (int)b->d->w->n_layers; l++)
        if (b->layer_cells[l].lut4 > b->layer_cells[top].lut4)
            top = l;
    if (over > 0)
        return loom_fail(e, LOOM_ERR_FIT,
                         "needs %d logic cells, %s has %d: %d (%.0f %%) too "
                         "many; %s alone takes %d of the %d LUT4; train with a "
                         "higher beta or build for a larger device",
                         p->lc_used, b->device->name, have, over,
                         100.0 * over / have, b->d->w->layer[top].name,
                         b->layer_cells[top].lut4, b->cells.lut4);
    if (strstr(p->error, "expand region") || strstr(p->error, "no BELs") ||
        strstr(p->error, "legal placement"))
        return loom_fail(e, LOOM_ERR_FIT,
                         "%d of the %d logic cells of %s are too many to "
                         "place; a network a tenth smaller should fit",
                         p->lc_used, have, b->device->name);
    return 0;
}

static int keep_best(struct loom_build *b, int seed,
                     const struct loom_placed *p, struct loom_errmsg *e)
{
    const char *const moves[][2] = {{"seed.routed", b->device->family->routed},
                                    {"seed.json", "nextpnr.json"}};
    for (int i = 0; i < 2; i++) {
        char *from = in_dir(b, moves[i][0]), *to = in_dir(b, moves[i][1]);
        int failed = rename(from, to);
        free(from);
        free(to);
        if (failed)
            return loom_fail(e, LOOM_ERR_IO, "%s/%s: %s", b->conf.dir,
                             moves[i][1], strerror(errno));
    }
    loom_placed_deinit(&b->best);
    b->best = *p;
    b->best_seed = seed;
    pthread_mutex_lock(&b->lock);
    b->view.lc = p->lc;
    b->view.bram = p->bram;
    b->view.dsp = p->dsp;
    b->view.fmax_mhz = (float)p->fmax_mhz;
    pthread_mutex_unlock(&b->lock);
    return 0;
}

static void note_seed(struct loom_build *b, int seed, const char *result,
                      const struct loom_placed *p, double seconds)
{
    json_t *j = json_pack("{s:i,s:s,s:f}", "seed", seed, "result", result,
                          "seconds", seconds);
    if (p) {
        json_object_set_new(j, "fmax_mhz", json_real(p->fmax_mhz));
        json_object_set_new(j, "lc", json_integer(p->lc));
    }
    json_array_append_new(b->seeds, j);
}

/* One placement. 1: done; 0: this seed led nowhere; or an error. */
static int nextpnr(struct loom_build *b, int seed, struct loom_errmsg *e)
{
    char freq[32], number[16];
    struct loom_placed p;
    double t = now();
    snprintf(freq, sizeof(freq), "%g", b->conf.clock_mhz);
    snprintf(number, sizeof(number), "%d", seed);
    const struct loom_family *f = b->device->family;
    const char *const argv[] = {b->tool[1],
                                b->device->flag,
                                "--package",
                                b->device->package,
                                "--json",
                                "synth.json",
                                f->pins_flag,
                                f->pins,
                                "--freq",
                                freq,
                                "--seed",
                                number,
                                "--report",
                                "seed.json",
                                f->route_flag,
                                "seed.routed",
                                "--timing-allow-fail",
                                "--detailed-timing-report",
                                NULL};
    const char *const in[] = {"synth.json", f->pins, NULL};
    static const char *const out[] = {"seed.routed", "seed.json", NULL};
    struct loom_memo m = {
        .argv = argv, .version = b->nextpnr, .in = in, .out = out};
    int err = run_once(b, &m, "nextpnr.log", LOOM_PHASE_PACK, e);
    if (err < 0)
        return err;
    if (err && does_not_fit(b, e))
        return LOOM_ERR_FIT;
    if (err == LOOM_TOOL_STOPPED || strstr(b->progress.error, "rout")) {
        note_seed(b, seed, "unroutable", NULL, now() - t);
        return 0;
    }
    if (err)
        return tool_failed(b, f->nextpnr, "nextpnr.log", err, e);
    char *report = in_dir(b, "seed.json");
    err = loom_report_placed(report, b->d, b->conf.clock_mhz, &p, e);
    free(report);
    if (err)
        return unreadable(b, err, e);
    note_seed(b, seed, "done", &p, now() - t);
    if (p.fmax_mhz > b->best.fmax_mhz || !b->best_seed) {
        err = keep_best(b, seed, &p, e);
        return err ? err : 1;
    }
    loom_placed_deinit(&p);
    return 1;
}

static int place_and_route(struct loom_build *b, struct loom_errmsg *e)
{
    int done = 0;
    b->seeds = json_array();
    for (int seed = 1; done < b->conf.seeds; seed++) {
        if (seed > b->conf.seeds + SPARE_SEEDS) {
            if (done)
                break;
            return loom_fail(e, LOOM_ERR_TOOL,
                             "%s: none of %d seeds could be routed; the "
                             "device is too full, make the network smaller",
                             b->device->family->nextpnr, seed - 1);
        }
        int got = nextpnr(b, seed, e);
        if (got < 0)
            return got;
        done += got;
    }
    forget(b, "seed.routed");
    forget(b, "seed.json");
    return 0;
}

static int bitstream(struct loom_build *b, char sha[65], struct loom_errmsg *e)
{
    const struct loom_family *f = b->device->family;
    char *part = loom_asprintf("%s.%s.part", b->d->name, f->suffix);
    char *from = in_dir(b, part);
    char *to = loom_asprintf("%s/%s.%s", b->conf.dir, b->d->name, f->suffix);
    const char *const argv[] = {b->tool[2], f->routed, part, NULL};
    void *data = NULL;
    size_t n = 0;
    int err = run_tool(b, argv, "nextpnr.log", LOOM_PHASE_BITSTREAM, e);
    if (err > 0)
        err = tool_failed(b, f->pack, "nextpnr.log", err, e);
    if (!err)
        err = loom_file_read(from, 64 << 20, &data, &n, e);
    if (!err && n < 1000)
        err = unreadable(b,
                         loom_fail(e, LOOM_ERR_TOOL,
                                   "%s: %s holds no "
                                   "bitstream",
                                   f->pack, from),
                         e);
    if (!err) {
        loom_sha256(data, n, sha);
        err = loom_file_write(to, data, n, e);
    }
    unlink(from);
    if (!err) {
        pthread_mutex_lock(&b->lock);
        snprintf(b->view.bitstream, sizeof(b->view.bitstream), "%s", to);
        pthread_mutex_unlock(&b->lock);
    }
    free(data);
    free(part);
    free(from);
    free(to);
    return err;
}

/* ---- the report --------------------------------------------------------- */

static json_t *seconds(const struct loom_build *b)
{
    json_t *j = json_object();
    double sum = 0;
    for (int p = 0; p < LOOM_N_PHASES; p++) {
        double s = (double)b->view.seconds[p];
        json_object_set_new(j, loom_phase_word((enum loom_phase)p),
                            json_real(s));
        sum += s;
    }
    json_object_set_new(j, "total", json_real(sum));
    return j;
}

static json_t *predicted(struct loom_cells c)
{
    return json_pack("{s:i,s:i,s:i,s:i}", "lut4", c.lut4, "carry", c.carry,
                     "ff", c.ff, "lc", c.lc);
}

static json_t *layers(const struct loom_build *b)
{
    json_t *a = json_array();
    for (int l = 0; l < (int)b->d->w->n_layers; l++) {
        struct loom_design_size s = loom_design_size(b->d, l);
        const struct loom_synthesized *c = &b->layer_cells[l];
        json_array_append_new(
            a, json_pack("{s:s,s:i,s:i,s:{s:i,s:i,s:i},s:o}", "name",
                         b->d->w->layer[l].name, "adders", s.adders,
                         "registers", s.registers, "cells", "lut4", c->lut4,
                         "carry", c->carry, "ff", c->ff, "predicted",
                         predicted(loom_target_predict(b->d, l))));
    }
    return a;
}

static json_t *verified(const struct loom_verify_result *r)
{
    return json_pack("{s:s,s:I,s:I,s:I,s:I}", "simulator", r->simulator,
                     "vectors", (json_int_t)r->vectors, "mismatches",
                     (json_int_t)r->mismatches, "serial_vectors",
                     (json_int_t)r->serial_vectors, "serial_mismatches",
                     (json_int_t)r->serial_mismatches);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of the seeds that could be routed. */
static json_t *fmax_seeds(const struct loom_build *b)
{
    double v[MAX_SEEDS + SPARE_SEEDS];
    size_t n = 0, i;
    json_t *seed;
    json_array_foreach(b->seeds, i, seed)
    {
        const json_t *f = json_object_get(seed, "fmax_mhz");
        if (f)
            v[n++] = json_number_value(f);
    }
    qsort(v, n, sizeof(*v), by_value);
    return json_pack("{s:f,s:f,s:f}", "median", (v[(n - 1) / 2] + v[n / 2]) / 2,
                     "best", v[n - 1], "worst", v[0]);
}

static json_t *make_report(const struct loom_build *b, const char *sha)
{
    int lat = b->d->latency;
    json_t *j =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "schema", "bitloom/build/1",
                  "name", b->d->name, "device", b->device->name, "dir",
                  b->conf.dir, "yosys", b->yosys, "nextpnr", b->nextpnr);
    json_object_set_new(j, "seeds", json_incref(b->seeds));
    json_object_set_new(j, "best_seed", json_integer(b->best_seed));
    json_object_set_new(j, "cells",
                        json_pack("{s:i,s:i,s:i,s:i,s:i,s:i}", "lut4",
                                  b->cells.lut4, "carry", b->cells.carry, "ff",
                                  b->cells.ff, "dsp", b->best.dsp, "bram",
                                  b->best.bram, "lc", b->best.lc));
    json_object_set_new(j, "available",
                        json_pack("{s:i,s:i,s:i}", "lc", b->device->lc, "bram",
                                  b->device->bram, "dsp", b->device->dsp));
    json_object_set_new(j, "fmax_mhz", json_real(b->best.fmax_mhz));
    json_object_set_new(j, "clock_mhz", json_real(b->conf.clock_mhz));
    json_object_set_new(j, "timing_met",
                        json_boolean(b->best.fmax_mhz >= b->conf.clock_mhz));
    json_object_set_new(j, "latency_cycles", json_integer(lat));
    json_object_set_new(j, "latency_ns",
                        json_real(1e3 * lat / b->best.fmax_mhz));
    json_object_set_new(j, "ii", json_integer(b->d->ii));
    json_object_set_new(j, "levels", json_integer(b->d->p.levels));
    json_object_set_new(j, "bitstream", json_string(b->view.bitstream));
    json_object_set_new(j, "sha256", json_string(sha));
    json_object_set_new(j, "fmax_seeds", fmax_seeds(b));
    json_object_set_new(j, "critical_path", json_incref(b->best.path));
    json_object_set_new(j, "slack", json_incref(b->best.slack));
    json_object_set_new(j, "layers", layers(b));
    json_object_set_new(j, "verify", verified(&b->verify));
    json_object_set_new(j, "seconds", seconds(b));
    json_object_set_new(j, "reused", json_integer(b->reused));
    json_object_set_new(j, "predicted",
                        predicted(loom_target_predict(b->d, -1)));
    return j;
}

static int write_report(struct loom_build *b, const char *sha,
                        struct loom_errmsg *e)
{
    b->report = make_report(b, sha);
    char *text = json_dumps(b->report, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    char *path = in_dir(b, "build.json");
    int err = loom_file_write(path, text, strlen(text), e);
    free(text);
    free(path);
    return err;
}

/* ---- the run ------------------------------------------------------------ */

/* Before the first second of work: are the tools there? */
static int check_tools(struct loom_build *b, struct loom_errmsg *e)
{
    const struct loom_family *f = b->device->family;
    if (loom_tool_find(f->nextpnr, b->tool[1], PATH_MAX, e) ||
        loom_tool_find(f->pack, b->tool[2], PATH_MAX, e) ||
        loom_tool_find_beside(b->tool[1], "yosys", b->tool[0], PATH_MAX, e))
        return LOOM_ERR_TOOL;
    loom_tool_version(b->tool[0], "-V", b->yosys, sizeof(b->yosys));
    loom_tool_version(b->tool[1], "--version", b->nextpnr, sizeof(b->nextpnr));
    return 0;
}

static int run_phases(struct loom_build *b, struct loom_errmsg *e)
{
    char sha[65] = "";
    int err = check_tools(b, e);
    if (!err)
        err = emit(b, e);
    if (!err)
        err = verify(b, e);
    if (!err)
        err = yosys(b, e);
    if (!err)
        err = place_and_route(b, e);
    if (!err)
        err = bitstream(b, sha, e);
    if (!err)
        err = write_report(b, sha, e);
    return err;
}

int loom_build_run(struct loom_build *b, struct loom_errmsg *e)
{
    struct loom_errmsg own;
    e = e ? e : &own;
    e->text[0] = 0;
    pthread_mutex_lock(&b->lock);
    assert(b->view.state == LOOM_BUILD_QUEUED);
    b->view.state = LOOM_BUILD_RUNNING;
    pthread_mutex_unlock(&b->lock);
    int err = run_phases(b, e);
    if (err)
        forget_results(b);
    pthread_mutex_lock(&b->lock);
    settle(b);
    b->begun = 0;
    b->view.state = !err                        ? LOOM_BUILD_DONE
                    : err == LOOM_ERR_CANCELLED ? LOOM_BUILD_CANCELLED
                                                : LOOM_BUILD_FAILED;
    if (err) {
        snprintf(b->view.error, sizeof(b->view.error), "%.511s", e->text);
        b->view.bitstream[0] = 0;
    }
    pthread_mutex_unlock(&b->lock);
    return err;
}
