#include "fpga_flow/verify.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "engine/rng.h"
#include "fpga_flow/interface.h"
#include "fpga_flow/netlist.h"
#include "fpga_flow/verilog.h"

enum { MAX_EXTREMES = 2000 };

/* ---- vectors ------------------------------------------------------------ */

/* Interval of input element i. */
static const struct loom_exact_elem *input_elem(const struct loom_exact *net,
                                                size_t i)
{
    for (size_t k = 0; k < net->n_nodes; k++) {
        if (net->nodes[k].op != LOOM_EXACT_INPUT)
            continue;
        if (i < net->nodes[k].n)
            return &net->nodes[k].elem[i];
        i -= net->nodes[k].n;
    }
    return NULL;
}

int loom_verify_rows(const struct loom_design *d, const int64_t *vectors,
                     size_t n, size_t random, int64_t **rows, size_t *n_rows,
                     struct loom_errmsg *e)
{
    size_t w = d->net->in_size, extremes = 2 * w;
    if (extremes > MAX_EXTREMES)
        extremes = MAX_EXTREMES;
    struct loom_rng rng = loom_rng_init(1, 7);
    *n_rows = n + 2 + extremes + random;
    *rows = loom_try_alloc(*n_rows * w + 1, sizeof(**rows), "test vectors", e);
    if (!*rows)
        return LOOM_ERR_NOMEM;
    if (n)
        memcpy(*rows, vectors, n * w * sizeof(**rows));
    for (size_t i = 0; i < w; i++) {
        const struct loom_exact_elem *x = input_elem(d->net, i);
        int64_t *at = *rows + n * w + i;
        at[0] = x->lo;
        at[w] = x->hi;
        at += 2 * w;
        for (size_t k = 0; k < extremes; k++, at += w)
            *at = k / 2 != i ? 0 : k % 2 ? x->hi : x->lo;
        for (size_t k = 0; k < random; k++, at += w)
            *at = x->lo +
                  (int64_t)loom_rng_below(&rng, (uint64_t)(x->hi - x->lo) + 1);
    }
    return 0;
}

/* ---- simulators --------------------------------------------------------- */

struct sim {
    const struct loom_verify *v;
    const char *dir;
    long vectors, mismatches;
    char first[160], last[160];
};

static bool on_line(void *ctx, const char *line, bool err)
{
    struct sim *s = ctx;
    long n, m;
    if (!err && sscanf(line, "vectors %ld mismatches %ld", &n, &m) == 2) {
        s->vectors = n;
        s->mismatches = m;
    } else if (!err && !strncmp(line, "vector ", 7) && !s->first[0]) {
        snprintf(s->first, sizeof(s->first), "%s", line);
    }
    if (strstr(line, "rror"))
        snprintf(s->last, sizeof(s->last), "%s", line);
    return true;
}

static int run_tool(struct sim *s, const char *const *argv,
                    struct loom_errmsg *e)
{
    struct loom_tool t = {.argv = argv,
                          .dir = s->dir,
                          .log = s->v->log,
                          .timeout_s = s->v->timeout_s,
                          .cancel = s->v->cancel,
                          .line = on_line,
                          .ctx = s};
    int err = loom_tool_run(&t, e);
    if (err > 0)
        return loom_tool_failed(argv[0], err, s->last, s->dir, e);
    return err;
}

static void tell(const struct loom_verify *v, const char *detail)
{
    if (v->progress)
        v->progress(v->ctx, detail);
}

static int with_verilator(struct sim *s, const char *const *files,
                          struct loom_errmsg *e)
{
    const char *const build[] = {
        "verilator", "--binary",     "--timing", "-Wno-fatal",
        "-Wno-lint", "-Wno-style",   "-O3",      "-j",
        "2",         "-CFLAGS",      "-O1",      "--output-split",
        "20000",     "--top-module", "bench",    "--Mdir",
        "obj",       "-o",           "bench",    files[0],
        files[1],    files[2],       NULL};
    tell(s->v, "compiling the simulation");
    int err = run_tool(s, build, e);
    if (err)
        return err;
    char *bench = loom_asprintf("%s/obj/bench", s->dir);
    const char *const run[] = {bench, NULL};
    tell(s->v, "simulating");
    err = run_tool(s, run, e);
    free(bench);
    return err;
}

static int with_iverilog(struct sim *s, const char *const *files,
                         struct loom_errmsg *e)
{
    const char *const build[] = {"iverilog", "-g2005", "-o",     "bench.vvp",
                                 "-s",       "bench",  files[0], files[1],
                                 files[2],   NULL};
    const char *const run[] = {"vvp", "-n", "bench.vvp", NULL};
    tell(s->v, "compiling the simulation");
    int err = run_tool(s, build, e);
    if (!err) {
        tell(s->v, "simulating");
        err = run_tool(s, run, e);
    }
    return err;
}

/* Write a file of the bench; steals text. */
static int put(const char *dir, const char *name, char *text,
               struct loom_errmsg *e)
{
    char *path = loom_asprintf("%s/%s", dir, name);
    int err = loom_file_write(path, text, strlen(text), e);
    free(path);
    free(text);
    return err;
}

int loom_verify_write(const struct loom_design *d, const char *dir,
                      const int64_t *rows, size_t n, bool serial,
                      struct loom_errmsg *e)
{
    int64_t *y =
        loom_try_alloc(n * d->w->n_out + 1, sizeof(*y), "expected outputs", e);
    if (!y)
        return LOOM_ERR_NOMEM;
    loom_exact_run(d->net, rows, n, y);
    int err =
        put(dir, "bench.v",
            serial ? loom_interface_bench(d, n) : loom_verilog_bench(d, n), e);
    if (!err)
        err = put(dir, "vectors.hex",
                  loom_design_hex(d->in, d->w->n_in, d->in_bits, rows, n), e);
    if (!err)
        err = put(dir, "expected.hex",
                  loom_design_hex(d->out, d->w->n_out, d->out_bits, y, n), e);
    n = loom_interface_rows(d, n);
    if (!err && d->interface == LOOM_SELFTEST)
        err = put(dir, "selftest_x.hex",
                  loom_design_hex(d->in, d->w->n_in, d->in_bits, rows, n), e);
    if (!err && d->interface == LOOM_SELFTEST)
        err = put(dir, "selftest_y.hex",
                  loom_design_hex(d->out, d->w->n_out, d->out_bits, y, n), e);
    free(y);
    return err;
}

/* Whether Icarus is done sooner with n rows: it begins at once and takes about
 * a microsecond a wire and row; Verilator's C++ compiles for some seconds, and
 * some milliseconds a wire, but then runs hundreds of times as fast. What is
 * around a core is slow only in clocks, and small. */
static bool icarus_is_quicker(const struct loom_design *d, size_t n,
                              bool serial)
{
    double wires = d->w->n;
    return serial || 1e-6 * wires * (double)n * d->ii < 5 + 4.5e-3 * wires;
}

/* Which simulator: the one asked for; else the quicker one, or which is there.
 */
static int choose(const struct loom_verify *v, size_t n, bool serial,
                  char name[16], struct loom_errmsg *e)
{
    static const char *const names[] = {"verilator", "iverilog"};
    char path[PATH_MAX];
    bool icarus = icarus_is_quicker(v->d, n, serial);
    const char *first = v->simulator ? v->simulator : names[icarus];
    int err = loom_tool_find(first, path, sizeof(path), e);
    snprintf(name, 16, "%s", first);
    if (!err || v->simulator)
        return err;
    snprintf(name, 16, "%s", names[!icarus]);
    return loom_tool_find(name, path, sizeof(path), NULL) ? err : 0;
}

static int simulate(struct sim *s, const int64_t *rows, size_t n, bool serial,
                    char simulator[16], struct loom_errmsg *e)
{
    char core[PATH_MAX], harness[PATH_MAX] = "";
    const struct loom_verify *v = s->v;
    if (!realpath(v->core, core) || (serial && !realpath(v->serial, harness)))
        return loom_fail(e, LOOM_ERR_MISSING, "%s: %s", v->core,
                         strerror(errno));
    const char *const files[] = {"bench.v", core, serial ? harness : NULL};
    int err = choose(v, n, serial, simulator, e);
    if (err)
        return err;
    s->vectors = -1;
    s->first[0] = s->last[0] = 0;
    err = loom_verify_write(v->d, s->dir, rows, n, serial, e);
    if (!err)
        err = simulator[0] == 'i' ? with_iverilog(s, files, e)
                                  : with_verilator(s, files, e);
    if (!err && s->vectors != (long)n)
        err = loom_fail(e, LOOM_ERR_TOOL,
                        "%s: the simulation ended without a result", simulator);
    return err;
}

static int run_in(const struct loom_verify *v, const char *dir,
                  struct loom_verify_result *r, struct loom_errmsg *e)
{
    int64_t *rows = NULL;
    size_t n = 0;
    struct sim s = {.v = v, .dir = dir};
    char simulator[16];
    int err = loom_verify_rows(v->d, v->vectors, v->n_vectors,
                               v->random ? v->random : LOOM_VERIFY_RANDOM,
                               &rows, &n, e);
    if (!err)
        err = simulate(&s, rows, n, false, r->simulator, e);
    if (!err) {
        r->vectors = s.vectors;
        r->mismatches = s.mismatches;
        snprintf(r->first, sizeof(r->first), "%s", s.first);
    }
    if (!err && v->serial) {
        n = loom_interface_rows(v->d, n);
        err = simulate(&s, rows, n, true, simulator, e);
        r->serial_vectors = s.vectors;
        r->serial_mismatches = s.mismatches;
        if (!r->first[0])
            snprintf(r->first, sizeof(r->first), "%s", s.first);
    }
    free(rows);
    return err;
}

int loom_verify_run(const struct loom_verify *v, struct loom_verify_result *r,
                    struct loom_errmsg *e)
{
    char *dir = loom_folder_scratch(e);
    *r = (struct loom_verify_result){0};
    if (!dir)
        return LOOM_ERR_IO;
    int err = run_in(v, dir, r, e);
    loom_file_remove_tree(dir);
    free(dir);
    return err;
}

/* Simulate the netlist in a folder of its own. Icarus first: the models are
 * many small modules, which Verilator takes long to compile. */
static int netlist_in(const struct loom_verify *v, const char *dir,
                      struct loom_verify_result *r, struct loom_errmsg *e)
{
    enum { MANY = 20000 };
    char core[PATH_MAX], path[PATH_MAX];
    struct loom_verify of_netlist = *v;
    if (!realpath(v->core, core))
        return loom_fail(e, LOOM_ERR_MISSING, "%s: %s", v->core,
                         strerror(errno));
    tell(v, "mapping the core");
    int err =
        loom_netlist_write(&(struct loom_netlist){.d = v->d,
                                                  .core = core,
                                                  .dir = dir,
                                                  .log = v->log,
                                                  .timeout_s = v->timeout_s,
                                                  .cancel = v->cancel},
                           e);
    if (err)
        return err;
    char *netlist = loom_asprintf("%s/netlist.v", dir);
    of_netlist.core = netlist;
    of_netlist.serial = NULL;
    if (!v->simulator && v->n_vectors + v->random < MANY &&
        !loom_tool_find("iverilog", path, sizeof(path), NULL))
        of_netlist.simulator = "iverilog";
    err = loom_verify_run(&of_netlist, r, e);
    free(netlist);
    return err;
}

int loom_verify_netlist(const struct loom_verify *v,
                        struct loom_verify_result *r, struct loom_errmsg *e)
{
    char *dir = loom_folder_scratch(e);
    *r = (struct loom_verify_result){0};
    if (!dir)
        return LOOM_ERR_IO;
    int err = netlist_in(v, dir, r, e);
    loom_file_remove_tree(dir);
    free(dir);
    return err;
}
