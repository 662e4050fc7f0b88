#include "fpga_flow/formal.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "engine/pool.h"
#include "fpga_flow/gates.h"
#include "fpga_flow/netlist.h"
#include "fpga_flow/reference.h"
#include "fpga_flow/tool.h"
#include "fpga_flow/verilog.h"

const char *loom_verdict_word(enum loom_verdict v)
{
    static const char *const words[] = {"proven", "failed", "unknown"};
    return words[v];
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One layer on its way. */
struct proof {
    const struct loom_formal *f;
    const char *dir, *abc;
    int layer;
    struct loom_formal_layer *out;
    struct loom_aig *g;
    struct loom_reference *ref;
    struct loom_gates *gates;
    struct loom_verilog_port *port;
    size_t n_ports;
    /* Of each bit compared: a literal that is 1 where it is wrong, what the
     * netlist has, and the claim (-1: a wire that stands for no element). */
    int *wrong, *is, *claim;
    size_t n;
};

/* ---- the comparison ----------------------------------------------------- */

static int set_inputs(struct proof *p, struct loom_errmsg *e)
{
    for (size_t i = 0; i < p->n_ports; i++) {
        const struct loom_verilog_port *q = &p->port[i];
        for (int b = q->low; !q->out && b < q->bits; b++) {
            struct loom_signal s = {loom_reference_bit(p->ref, q->wire, b),
                                    q->slot};
            int err = loom_gates_set(p->gates, NULL, q->name, b - q->low, s, e);
            if (err)
                return err;
        }
    }
    return 0;
}

static void compare(struct proof *p, int is, int want, int when, int claim)
{
    int wrong = loom_aig_and(p->g, when, loom_aig_xor(p->g, is, want));
    p->wrong = loom_realloc(p->wrong, (p->n + 1) * sizeof(*p->wrong));
    p->is = loom_realloc(p->is, (p->n + 1) * sizeof(*p->is));
    p->claim = loom_realloc(p->claim, (p->n + 1) * sizeof(*p->claim));
    p->wrong[p->n] = wrong;
    p->is[p->n] = is;
    p->claim[p->n++] = claim;
}

/* Compare bit b of an output port with every claim about it. */
static int check_bit(struct proof *p, const struct loom_verilog_port *q, int b,
                     struct loom_errmsg *e)
{
    struct loom_signal s;
    int err = loom_gates_get(p->gates, NULL, q->name, b - q->low, &s, e);
    if (err)
        return err;
    if (s.slot != LOOM_GATES_ANY && s.slot != q->slot)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s comes after %d clock edges, not %d", q->name,
                         s.slot, q->slot);
    for (size_t i = 0; i < p->ref->n_claims; i++) {
        const struct loom_claim *c = &p->ref->claim[i];
        if (c->wire == q->wire && c->at == b)
            compare(p, s.lit, c->want, c->when, (int)i);
    }
    if (!loom_reference_covers(p->ref, q->wire, b))
        compare(p, s.lit, loom_reference_bit(p->ref, q->wire, b),
                loom_reference_inputs(p->ref), -1);
    return 0;
}

static int check_outputs(struct proof *p, struct loom_errmsg *e)
{
    for (size_t i = 0; i < p->ref->n_claims; i++) {
        const struct loom_claim *c = &p->ref->claim[i];
        if (c->wire < 0)
            compare(p, c->is, c->want, c->when, (int)i);
    }
    for (size_t i = 0; i < p->n_ports; i++)
        for (int b = p->port[i].low; p->port[i].out && b < p->port[i].bits;
             b++) {
            int err = check_bit(p, &p->port[i], b, e);
            if (err)
                return err;
        }
    return 0;
}

/* ---- the solver --------------------------------------------------------- */

static bool on_line(void *ctx, const char *line, bool err)
{
    enum loom_verdict *v = ctx;
    (void)err;
    if (!strncmp(line, "UNSATISFIABLE", 13))
        *v = LOOM_PROVEN;
    else if (!strncmp(line, "SATISFIABLE", 11))
        *v = LOOM_FAILED;
    return true;
}

/* Ask whether any bit can be wrong: first by merging, from the inputs up, what
 * is equal inside, then by a search over what is left. */
static int solve(struct proof *p, struct loom_errmsg *e)
{
    char *file = loom_asprintf("%s/%d.aig", p->dir, p->layer);
    char *script = loom_asprintf(
        "&r %d.aig; &fraig -x; &put; orpos; sat -C 0; write_cex %d.cex",
        p->layer, p->layer);
    const char *const argv[] = {p->abc, "-c", script, NULL};
    struct loom_tool t = {.argv = argv,
                          .dir = p->dir,
                          .log = p->f->log,
                          .timeout_s = p->f->timeout_s,
                          .cancel = p->f->cancel,
                          .line = on_line,
                          .ctx = &p->out->verdict};
    int err = loom_aig_write(p->g, p->wrong, p->n, file, e);
    if (!err)
        err = loom_tool_run(&t, e);
    if (!err && p->out->verdict == LOOM_UNKNOWN)
        loom_fail(e, LOOM_ERR_TOOL, "ABC gave no answer");
    free(file);
    free(script);
    return err < 0 ? err : 0;
}

/* ---- a counterexample --------------------------------------------------- */

/* The inputs that ABC found, [inputs of the graph]; NULL if it left none. */
static bool *read_inputs(const struct proof *p)
{
    size_t size, n = (size_t)loom_aig_n_inputs(p->g);
    void *text = NULL;
    char *path = loom_asprintf("%s/%d.cex", p->dir, p->layer);
    bool *value = NULL;
    if (!loom_file_read(path, 1 << 26, &text, &size, NULL) && size >= n) {
        value = loom_calloc(n + 1, sizeof(*value));
        for (size_t i = 0; i < n; i++)
            value[i] = ((const char *)text)[i] == '1';
    }
    free(text);
    free(path);
    return value;
}

static int64_t number(const struct proof *p, const bool *value,
                      const struct loom_word *w)
{
    int64_t v = 0;
    for (int b = 0; b < w->n && b < 63; b++)
        if (loom_aig_value(p->g, value, w->bit[b]))
            v += b == w->n - 1 ? -(INT64_C(1) << b) : INT64_C(1) << b;
    return v;
}

/* The values that element j of node k is made of, as far as there is room. */
static void tell_inputs(const struct proof *p, const bool *value, int k, int j,
                        FILE *f)
{
    enum { MOST = 8 };
    const struct loom_exact *net = p->f->d->net;
    const struct loom_exact_node *d = &net->nodes[k];
    for (; !d->start && p->f->d->w->node_layer[d->input[0]] == p->layer;
         d = &net->nodes[k])
        k = d->input[0];
    size_t from = d->start ? d->start[j] : 0;
    size_t n = d->start ? d->start[j + 1] - from : 1;
    for (size_t t = 0; t < n && t < MOST; t++) {
        int i = d->start ? d->term[from + t].i : j, m = 0;
        for (; (size_t)i >= net->nodes[d->input[m]].n; m++)
            i -= (int)net->nodes[d->input[m]].n;
        const struct loom_word *x =
            loom_reference_value(p->ref, d->input[m], i);
        fprintf(f, "%s %s[%d] = %lld", t ? "," : "",
                net->nodes[d->input[m]].name, i,
                (long long)number(p, value, x));
    }
    if (n > MOST)
        fprintf(f, " and %zu more", n - MOST);
}

/* Say what is wrong at bit i of those compared. */
static void tell_bit(const struct proof *p, const bool *value, size_t i,
                     FILE *f)
{
    int at = p->claim[i];
    if (at < 0) {
        fprintf(f, "a sum inside is wrong");
        return;
    }
    const struct loom_claim *c = &p->ref->claim[at];
    struct loom_word is = {0};
    const struct loom_word *want =
        loom_reference_value(p->ref, c->node, c->elem);
    is = *want; /* bits that nobody reads are right */
    for (size_t k = 0; k < p->n; k++) {
        const struct loom_claim *o = &p->ref->claim[p->claim[k]];
        if (p->claim[k] >= 0 && o->node == c->node && o->elem == c->elem)
            is.bit[o->bit] = p->is[k];
    }
    fprintf(f, "%s[%d] is %lld, should be %lld, for",
            p->f->d->net->nodes[c->node].name, c->elem,
            (long long)number(p, value, &is),
            (long long)number(p, value, want));
    tell_inputs(p, value, c->node, c->elem, f);
}

static void tell_counterexample(struct proof *p)
{
    char *text = NULL;
    size_t size;
    bool *value = read_inputs(p);
    FILE *f = open_memstream(&text, &size);
    for (size_t i = 0; value && i < p->n; i++)
        if (loom_aig_value(p->g, value, p->wrong[i])) {
            tell_bit(p, value, i, f);
            break;
        }
    fclose(f);
    snprintf(p->out->reason, sizeof(p->out->reason), "%s",
             size ? text : "it differs from the network");
    free(text);
    free(value);
}

/* ---- one layer ---------------------------------------------------------- */

static int prove(struct proof *p, const json_t *modules, struct loom_errmsg *e)
{
    const struct loom_design *d = p->f->d;
    char *name = loom_asprintf("%s_%s", d->name, d->layer[p->layer]);
    p->g = loom_aig_new();
    p->ref = loom_reference_new(d, p->layer, p->g);
    p->gates = loom_gates_new(json_object_get(modules, name), p->g, e);
    free(name);
    int err = p->gates ? set_inputs(p, e) : LOOM_ERR_FORMAT;
    if (!err)
        err = check_outputs(p, e);
    if (!err)
        err = solve(p, e);
    p->out->bits = (int)p->n;
    p->out->gates = loom_aig_size(p->g);
    if (p->out->verdict == LOOM_FAILED) {
        tell_counterexample(p);
        if (p->ref->loose) {
            p->out->verdict = LOOM_UNKNOWN;
            snprintf(p->out->reason, sizeof(p->out->reason),
                     "it reads what is inside another layer, and alone could "
                     "be given what that never gives");
        }
    }
    return err;
}

static void proof_deinit(struct proof *p)
{
    loom_verilog_ports_free(p->port, p->n_ports);
    loom_gates_destroy(p->gates);
    loom_reference_destroy(p->ref);
    loom_aig_destroy(p->g);
    free(p->wrong);
    free(p->is);
    free(p->claim);
}

/* ---- what connects the layers ------------------------------------------- */

/* Which layer, and as which signals: a literal a bit of a wire. */
struct top {
    const struct loom_design *d;
    struct loom_gates *gates;
    int **lit; /* [wires][bits] */
};

static int connect_outputs(struct top *t, int layer, bool out,
                           struct loom_errmsg *e)
{
    struct loom_verilog_port *port;
    const char *cell = t->d->layer[layer];
    size_t n = loom_verilog_ports(t->d, layer, &port);
    int err = 0;
    for (size_t i = 0; !err && i < n; i++) {
        const struct loom_verilog_port *q = &port[i];
        for (int b = q->low; !err && q->out == out && b < q->bits; b++) {
            struct loom_signal s = {t->lit[q->wire][b], q->slot}, is;
            if (out) {
                err = loom_gates_set(t->gates, cell, q->name, b - q->low, s, e);
                continue;
            }
            err = loom_gates_get(t->gates, cell, q->name, b - q->low, &is, e);
            if (!err && (is.lit != s.lit || is.slot != s.slot))
                err = loom_fail(e, LOOM_ERR_MISMATCH,
                                "%s.%s[%d] is connected to something else",
                                cell, q->name, b);
        }
    }
    loom_verilog_ports_free(port, n);
    return err;
}

static int check_result(struct top *t, struct loom_errmsg *e)
{
    const struct loom_design *d = t->d;
    for (size_t j = 0; j < d->w->n_out; j++)
        for (int b = 0; b < d->out[j].bits; b++) {
            struct loom_wire_bit at = loom_wire_bit(d->w, d->w->out[j], b);
            struct loom_signal is;
            int err =
                loom_gates_get(t->gates, NULL, "y", d->out[j].at + b, &is, e);
            if (err)
                return err;
            int want = at.wire < 0 ? at.i : t->lit[at.wire][at.i];
            if (is.lit != want || (at.wire >= 0 && is.slot != d->p.latency))
                return loom_fail(e, LOOM_ERR_MISMATCH,
                                 "bit %d of output %zu is connected to "
                                 "something else",
                                 b, j);
        }
    return 0;
}

static int check_top(struct top *t, struct loom_errmsg *e)
{
    const struct loom_design *d = t->d;
    int err = 0, n = (int)d->w->n_layers;
    for (size_t i = 0; !err && i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        for (int b = 0; x->op == LOOM_WIRE_INPUT && !err && b < x->bits; b++)
            err = loom_gates_set(t->gates, NULL, "x", d->in[x->k].at + b,
                                 (struct loom_signal){t->lit[i][b], 0}, e);
    }
    for (int l = 0; !err && l < n; l++)
        err = connect_outputs(t, l, true, e);
    for (int l = 0; !err && l < n; l++)
        err = connect_outputs(t, l, false, e);
    return err ? err : check_result(t, e);
}

static void prove_top(const struct loom_design *d, const json_t *modules,
                      struct loom_formal_layer *out)
{
    struct loom_errmsg e = {""};
    struct loom_aig *g = loom_aig_new();
    struct top t = {.d = d, .lit = loom_calloc(d->w->n + 1, sizeof(*t.lit))};
    for (size_t i = 0; i < d->w->n; i++) {
        int n = loom_wire_width(d->w, (int)i);
        t.lit[i] = loom_calloc((size_t)n + 1, sizeof(**t.lit));
        for (int b = 0; b < n; b++)
            t.lit[i][b] = loom_aig_input(g);
    }
    t.gates = loom_gates_new(json_object_get(modules, d->name), g, &e);
    int err = t.gates ? check_top(&t, &e) : LOOM_ERR_FORMAT;
    out->verdict = !err                       ? LOOM_PROVEN
                   : err == LOOM_ERR_MISMATCH ? LOOM_FAILED
                                              : LOOM_UNKNOWN;
    snprintf(out->reason, sizeof(out->reason), "%.511s", e.text);
    loom_gates_destroy(t.gates);
    for (size_t i = 0; i < d->w->n; i++)
        free(t.lit[i]);
    free(t.lit);
    loom_aig_destroy(g);
}

/* ---- all layers --------------------------------------------------------- */

struct work {
    const struct loom_formal *f;
    const char *dir;
    char abc[PATH_MAX];
    const json_t *modules;
    struct loom_formal_layer *out; /* [layers + 1]; NULL names have no module */
    pthread_mutex_t lock;          /* of progress */
    int *err;                      /* [layers + 1] */
    struct loom_errmsg *e;         /* likewise */
};

static void prove_one(void *ud, int item, int worker)
{
    struct work *w = ud;
    struct loom_formal_layer *out = &w->out[item];
    double t = now();
    (void)worker;
    if (!out->name)
        return;
    if (item == (int)w->f->d->w->n_layers) {
        prove_top(w->f->d, w->modules, out);
        out->seconds = now() - t;
        return;
    }
    struct proof p = {
        .f = w->f, .dir = w->dir, .abc = w->abc, .layer = item, .out = out};
    out->verdict = LOOM_UNKNOWN;
    p.n_ports = loom_verilog_ports(w->f->d, item, &p.port);
    w->err[item] = prove(&p, w->modules, &w->e[item]);
    if (!out->reason[0] && out->verdict == LOOM_UNKNOWN)
        snprintf(out->reason, sizeof(out->reason), "%.511s", w->e[item].text);
    proof_deinit(&p);
    out->seconds = now() - t;
    pthread_mutex_lock(&w->lock);
    if (w->f->progress) {
        char text[128];
        snprintf(text, sizeof(text), "%s: %s, %.1f s", out->name,
                 loom_verdict_word(out->verdict), out->seconds);
        w->f->progress(w->f->ctx, text);
    }
    pthread_mutex_unlock(&w->lock);
}

static int prove_all(struct work *w, struct loom_errmsg *e)
{
    int n = (int)w->f->d->w->n_layers + 1;
    struct loom_pool *pool = loom_pool_new(w->f->jobs > 0 ? w->f->jobs : 1, e);
    if (!pool)
        return LOOM_ERR_NOMEM;
    w->err = loom_calloc((size_t)n, sizeof(*w->err));
    w->e = loom_calloc((size_t)n, sizeof(*w->e));
    pthread_mutex_init(&w->lock, NULL);
    loom_pool_run(pool, n, prove_one, w);
    loom_pool_destroy(pool);
    int err = 0;
    for (int i = 0; i < n && !err; i++)
        if (w->err[i] == LOOM_ERR_CANCELLED || w->err[i] == LOOM_ERR_IO) {
            err = w->err[i];
            loom_fail(e, err, "%s", w->e[i].text);
        }
    pthread_mutex_destroy(&w->lock);
    free(w->err);
    free(w->e);
    return err;
}

/* Names of what is to be proven: layers that have a module, and the top. */
static void list(const struct loom_design *d, struct loom_formal_result *r)
{
    r->n = d->w->n_layers + 1;
    r->layer = loom_calloc(r->n, sizeof(*r->layer));
    for (size_t l = 0; l + 1 < r->n; l++) {
        struct loom_verilog_port *port;
        size_t n = loom_verilog_ports(d, (int)l, &port);
        r->layer[l].name = n ? d->w->layer[l].name : NULL;
        loom_verilog_ports_free(port, n);
    }
    r->layer[r->n - 1].name = "top";
}

/* Bit-serial layers: what they compute is spread over cycles, which the
 * comparison does not follow. */
static void list_serial(const struct loom_design *d,
                        struct loom_formal_result *r)
{
    r->n = d->w->n_layers;
    r->layer = loom_calloc(r->n + 1, sizeof(*r->layer));
    for (size_t l = 0; l < r->n; l++) {
        r->layer[l].name = d->w->layer[l].name;
        r->layer[l].verdict = LOOM_UNKNOWN;
        snprintf(r->layer[l].reason, sizeof(r->layer[l].reason),
                 "bit-serial sums are not proven; every vector is simulated");
    }
}

/* Leave out what has no name, and count. */
static void sum_up(struct loom_formal_result *r)
{
    size_t n = 0;
    for (size_t l = 0; l < r->n; l++) {
        if (!r->layer[l].name)
            continue;
        enum loom_verdict v = r->layer[l].verdict;
        r->proven += v == LOOM_PROVEN;
        r->failed += v == LOOM_FAILED;
        r->unknown += v == LOOM_UNKNOWN;
        r->layer[n++] = r->layer[l];
    }
    r->n = n;
}

static int run_in(const struct loom_formal *f, const char *dir,
                  struct loom_formal_result *r, struct loom_errmsg *e)
{
    char core[PATH_MAX];
    struct work w = {.f = f, .dir = dir, .out = r->layer};
    struct loom_netlist n = {.d = f->d,
                             .core = core,
                             .dir = dir,
                             .log = f->log,
                             .cancel = f->cancel};
    if (!realpath(f->core, core))
        return loom_fail(e, LOOM_ERR_MISSING, "%s: %s", f->core,
                         strerror(errno));
    if (f->progress)
        f->progress(f->ctx, "mapping the layers");
    int err = loom_tool_find("yosys-abc", w.abc, sizeof(w.abc), e);
    if (!err)
        err = loom_netlist_layers(&n, e);
    if (err)
        return err;
    char *path = loom_asprintf("%s/netlist.json", dir);
    json_t *j = json_load_file(path, 0, NULL);
    w.modules = json_object_get(j, "modules");
    err = j ? prove_all(&w, e)
            : loom_fail(e, LOOM_ERR_TOOL, "yosys: the netlist is not JSON");
    json_decref(j);
    free(path);
    return err;
}

int loom_formal_run(const struct loom_formal *f, struct loom_formal_result *r,
                    struct loom_errmsg *e)
{
    char *dir = loom_folder_scratch(e);
    *r = (struct loom_formal_result){0};
    if (!dir)
        return LOOM_ERR_IO;
    int err = 0;
    if (f->d->serial) {
        list_serial(f->d, r);
    } else {
        list(f->d, r);
        err = run_in(f, dir, r, e);
    }
    loom_file_remove_tree(dir);
    free(dir);
    if (err)
        loom_formal_free(r);
    else
        sum_up(r);
    return err;
}

void loom_formal_free(struct loom_formal_result *r)
{
    free(r->layer);
    *r = (struct loom_formal_result){0};
}
