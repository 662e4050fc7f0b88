#include "fpga_flow/design.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/mem.h"
#include "fpga_flow/share.h"
#include "fpga_flow/target.h"

/* ---- names -------------------------------------------------------------- */

static bool is_keyword(const char *s)
{
    static const char *const words[] = {
        "always",   "and",       "assign",   "begin",      "buf",
        "case",     "casex",     "casez",    "cell",       "config",
        "deassign", "default",   "defparam", "design",     "disable",
        "edge",     "else",      "end",      "event",      "for",
        "force",    "forever",   "fork",     "function",   "generate",
        "genvar",   "if",        "ifnone",   "include",    "initial",
        "inout",    "input",     "instance", "integer",    "join",
        "large",    "liblist",   "library",  "localparam", "medium",
        "module",   "nand",      "negedge",  "nmos",       "nor",
        "not",      "or",        "output",   "parameter",  "pmos",
        "posedge",  "primitive", "pull0",    "pull1",      "real",
        "realtime", "reg",       "release",  "repeat",     "scalared",
        "signed",   "small",     "specify",  "strong0",    "strong1",
        "supply0",  "supply1",   "table",    "task",       "time",
        "tran",     "tri",       "tri0",     "tri1",       "unsigned",
        "use",      "vectored",  "wait",     "wand",       "weak0",
        "weak1",    "while",     "wire",     "wor",        "xnor",
        "xor",      "int",       "bit",      "byte",       "logic",
        "do",       "class",     "final",    "global",     "package",
        "program",  "property",  "static",   "string",     "struct",
        "this",     "type",      "union",    "var",        "void",
        "with",     "clk",       "x",        "y",          "core",
        "go",       "at",        "after",    "done"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (!strcmp(s, words[i]))
            return true;
    return false;
}

/* An identifier like s, different from the n names there are. */
static char *identifier(const char *s, char *const *names, size_t n)
{
    char *id = loom_asprintf("%s%.48s", isdigit((unsigned char)*s) ? "_" : "",
                             *s ? s : "net");
    for (char *c = id; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    for (size_t i = 0; i <= n; i++)
        if (i == n ? is_keyword(id) : !strcmp(id, names[i])) {
            char *longer = loom_asprintf("%s_", id);
            free(id);
            id = longer;
            i = (size_t)-1;
        }
    return id;
}

/* ---- ports -------------------------------------------------------------- */

static int pack_in(struct loom_design *d)
{
    int at = 0;
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if (x->op != LOOM_WIRE_INPUT || !x->bits)
            continue;
        int width = loom_wire_width(d->w, (int)i);
        d->in[x->k] = (struct loom_port){at, width};
        at += width;
    }
    return at ? at : 1;
}

static int pack_out(struct loom_design *d)
{
    int at = 0;
    for (size_t j = 0; j < d->w->n_out; j++) {
        int width = loom_wire_width(d->w, d->w->out[j]);
        d->out[j] = (struct loom_port){at, width};
        at += width;
    }
    return at ? at : 1;
}

static struct loom_design *make(const struct loom_exact *net,
                                const struct loom_design_conf *conf,
                                const struct loom_share *share,
                                struct loom_errmsg *e)
{
    bool serial = conf->levels == LOOM_BIT_SERIAL;
    enum loom_wire_style style = serial                    ? LOOM_WIRES_SERIAL
                                 : conf->family->subtracts ? LOOM_WIRES_SUBTRACT
                                                           : LOOM_WIRES_COMPLEMENT;
    struct loom_wires *w = loom_wires_lower(net, share, style, e);
    if (!w)
        return NULL;
    struct loom_design *d = loom_calloc(1, sizeof(*d));
    d->net = net;
    d->family = conf->family;
    d->plain = conf->plain;
    d->interface = conf->interface;
    d->board = conf->board;
    d->w = w;
    d->name = identifier(conf->name, NULL, 0);
    d->layer = loom_calloc(w->n_layers, sizeof(*d->layer));
    for (size_t i = 0; i < w->n_layers; i++)
        d->layer[i] = identifier(w->layer[i].name, d->layer, i);
    d->in = loom_calloc(w->n_in + 1, sizeof(*d->in));
    d->out = loom_calloc(w->n_out + 1, sizeof(*d->out));
    d->in_bits = pack_in(d);
    d->out_bits = pack_out(d);
    if (serial) {
        d->p.levels = conf->levels;
        d->serial = loom_bitserial_new(w);
        d->latency = d->serial->latency;
        d->ii = d->serial->ii;
    } else {
        loom_pipeline_make(&d->p, w, conf->levels);
        d->latency = d->p.latency;
        d->ii = 1;
    }
    return d;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- sharing ------------------------------------------------------------ */

/* The ways of sharing that are tried on every layer. Subtractions inside a
 * shared sum need complements, which mostly cost more than they save. */
static const struct loom_share ways[] = {
    {.on = false},
    {.on = false, .mixed = true},
    {.on = true, .plus_only = true, .slack = 0, .mixed = true},
    {.on = true, .plus_only = true, .slack = 1},
    {.on = true, .plus_only = true, .slack = -1},
    {.on = true, .slack = 0, .mixed = true},
    {.on = true, .slack = 1},
};

struct choice {
    struct loom_design *best; /* of all designs so far */
    int cost;
    struct loom_share *share; /* [n_nodes] per layer the cheapest so far */
    int *layer_cost;          /* [n_nodes] of these */
};

/* Take over design d, of which each layer shares as `way` says (NULL: as the
 * choice says). */
static void weigh(struct choice *c, struct loom_design *d,
                  const struct loom_share *way)
{
    int cost = loom_target_predict(d, -1).lc;
    for (int l = 0; way && l < (int)d->w->n_layers; l++) {
        int node = d->w->layer[l].node, lc = loom_target_predict(d, l).lc;
        if (c->best && lc >= c->layer_cost[node])
            continue;
        c->layer_cost[node] = lc;
        c->share[node] = *way;
    }
    if (c->best && cost >= c->cost) {
        loom_design_destroy(d);
        return;
    }
    loom_design_destroy(c->best);
    c->best = d;
    c->cost = cost;
}

/* Try all ways with a seed of its own for each round; false if one fails. */
static bool try_ways(struct choice *c, const struct loom_exact *net,
                     const struct loom_design_conf *conf, int round,
                     struct loom_errmsg *e)
{
    enum { MOST = 6, STEPS = 1500, CELL_STEPS = 600 };
    bool serial = conf->levels == LOOM_BIT_SERIAL;
    struct loom_share *all = loom_calloc(net->n_nodes + 1, sizeof(*all));
    bool done = true;
    for (size_t i = round ? 2 : 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct loom_share way = ways[i];
        way.seed = (uint64_t)round;
        way.steps = (long)STEPS << (round < MOST ? round : MOST);
        way.cell_steps =
            serial ? 0 : (long)CELL_STEPS << (round < MOST ? round : MOST);
        way.family = conf->family;
        way.levels = conf->levels;
        for (size_t k = 0; k < net->n_nodes; k++)
            all[k] = way;
        struct loom_design *d = make(net, conf, all, e);
        done = d != NULL;
        if (!done)
            break;
        weigh(c, d, &way);
    }
    free(all);
    return done;
}

struct loom_design *loom_design_new(const struct loom_exact *net,
                                    const struct loom_design_conf *conf,
                                    struct loom_errmsg *e)
{
    if (conf->levels == LOOM_BIT_SERIAL && conf->interface != LOOM_SERIAL) {
        loom_fail(e, LOOM_ERR_ARG,
                  "a bit-serial network has the interface serial only");
        return NULL;
    }
    if (conf->plain || conf->share)
        return make(net, conf, conf->share, e);
    struct choice c = {
        .share = loom_calloc(net->n_nodes + 1, sizeof(*c.share)),
        .layer_cost = loom_calloc(net->n_nodes + 1, sizeof(*c.layer_cost))};
    double end = now() + conf->seconds;
    for (int round = 0; try_ways(&c, net, conf, round, e); round++)
        if (conf->seconds <= 0 || now() > end)
            break;
    struct loom_design *mixed = c.best ? make(net, conf, c.share, e) : NULL;
    if (mixed)
        weigh(&c, mixed, NULL);
    free(c.share);
    free(c.layer_cost);
    return c.best;
}

void loom_design_destroy(struct loom_design *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->w->n_layers; i++)
        free(d->layer[i]);
    free(d->layer);
    free(d->name);
    free(d->in);
    free(d->out);
    loom_pipeline_deinit(&d->p);
    loom_bitserial_destroy(d->serial);
    loom_wires_destroy(d->w);
    free(d);
}

struct loom_design_size loom_design_size(const struct loom_design *d, int layer)
{
    struct loom_design_size s = {0};
    if (d->serial)
        return loom_bitserial_size(d->serial, d->w, layer);
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if ((layer >= 0 && x->layer != layer) ||
            loom_wire_is_view(d->w, (int)i) || x->op == LOOM_WIRE_CONST ||
            x->bits <= x->low)
            continue;
        s.registers += loom_pipeline_banks(&d->p, (int)i) * (x->bits - x->low);
        if (x->level > s.depth)
            s.depth = x->level;
        if (x->op != LOOM_WIRE_ADD)
            continue;
        s.adders++;
        s.adder_bits += x->bits - loom_wire_chain(x);
    }
    return s;
}

/* ---- vectors ------------------------------------------------------------ */

char *loom_design_hex(const struct loom_port *port, size_t n, int port_bits,
                      const int64_t *v, size_t rows)
{
    size_t digits = ((size_t)port_bits + 3) / 4, line = digits + 1;
    unsigned char *nibble = loom_malloc(digits);
    char *text = loom_malloc(rows * line + 1), *at = text;
    for (size_t r = 0; r < rows; r++) {
        memset(nibble, 0, digits);
        for (size_t i = 0; i < n; i++)
            for (int b = 0; b < port[i].bits; b++)
                if (v[r * n + i] >> b & 1) {
                    int k = port[i].at + b;
                    nibble[k / 4] |= (unsigned char)(1 << k % 4);
                }
        for (size_t i = digits; i-- > 0;)
            *at++ = "0123456789abcdef"[nibble[i]];
        *at++ = '\n';
    }
    *at = 0;
    free(nibble);
    return text;
}
