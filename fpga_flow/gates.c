#include "fpga_flow/gates.h"

#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

enum { UNKNOWN = -1, BUSY = -2 }; /* literals of nets not known yet */

/* Which cell drives a net, and from which of its ports and bits. */
struct driver {
    const json_t *cell;
    const char *port;
};

struct loom_gates {
    const json_t *module;
    struct loom_aig *g;
    struct loom_signal *net;
    struct driver *driver;
    size_t n;
    int undefined; /* literal of "x", UNKNOWN: none yet */
};

static const json_t *port_bits(const json_t *module, const char *port)
{
    return json_object_get(
        json_object_get(json_object_get(module, "ports"), port), "bits");
}

/* ---- reading ------------------------------------------------------------ */

static void drive(struct loom_gates *m, const json_t *bits, struct driver d)
{
    for (size_t i = 0; i < json_array_size(bits); i++) {
        const json_t *b = json_array_get(bits, i);
        size_t n = (size_t)json_integer_value(b);
        if (!json_is_integer(b) || json_integer_value(b) < 0 || n > 1u << 28)
            continue;
        if (n >= m->n) {
            size_t more = 2 * n + 64;
            m->net = loom_realloc(m->net, more * sizeof(*m->net));
            m->driver = loom_realloc(m->driver, more * sizeof(*m->driver));
            for (; m->n < more; m->n++) {
                m->net[m->n] = (struct loom_signal){UNKNOWN, LOOM_GATES_ANY};
                m->driver[m->n] = (struct driver){NULL, NULL};
            }
        }
        if (d.cell)
            m->driver[n] = d;
    }
}

struct loom_gates *loom_gates_new(const json_t *module, struct loom_aig *g,
                                  struct loom_errmsg *e)
{
    json_t *cells = json_object_get(module, "cells"), *cell, *bits, *port;
    json_t *ports = json_object_get(module, "ports");
    const char *key, *name;
    if (!json_is_object(cells) || !json_is_object(ports)) {
        loom_fail(e, LOOM_ERR_FORMAT, "the netlist has no such module");
        return NULL;
    }
    struct loom_gates *m = loom_calloc(1, sizeof(*m));
    m->module = module;
    m->g = g;
    m->undefined = UNKNOWN;
    json_object_foreach(ports, key, port)
        drive(m, json_object_get(port, "bits"), (struct driver){NULL, NULL});
    json_object_foreach(cells, key, cell)
    {
        json_t *way = json_object_get(cell, "port_directions");
        json_object_foreach(json_object_get(cell, "connections"), name, bits)
        {
            const char *w = json_string_value(json_object_get(way, name));
            bool out = w && !strcmp(w, "output");
            drive(m, bits,
                  out ? (struct driver){cell, name}
                      : (struct driver){NULL, NULL});
        }
    }
    return m;
}

void loom_gates_destroy(struct loom_gates *m)
{
    if (!m)
        return;
    free(m->net);
    free(m->driver);
    free(m);
}

/* ---- cells -------------------------------------------------------------- */

static int eval_bit(struct loom_gates *m, const json_t *bit,
                    struct loom_signal *s, struct loom_errmsg *e);

/* What enters a cell; a port that is not connected is 0. */
static int input(struct loom_gates *m, const json_t *cell, const char *port,
                 struct loom_signal *s, struct loom_errmsg *e)
{
    *s = (struct loom_signal){0, LOOM_GATES_ANY};
    const json_t *bits =
        json_object_get(json_object_get(cell, "connections"), port);
    return json_array_size(bits) ? eval_bit(m, json_array_get(bits, 0), s, e)
                                 : 0;
}

static const char *parameter(const json_t *cell, const char *name)
{
    const char *s = json_string_value(
        json_object_get(json_object_get(cell, "parameters"), name));
    return s ? s : "";
}

static const char *type_of(const json_t *cell)
{
    const char *s = json_string_value(json_object_get(cell, "type"));
    return s ? s : "";
}

/* What meets in a cell is equally late. */
static int meet(const json_t *cell, int *slot, int other, struct loom_errmsg *e)
{
    if (*slot == LOOM_GATES_ANY)
        *slot = other;
    if (other == LOOM_GATES_ANY || other == *slot)
        return 0;
    return loom_fail(e, LOOM_ERR_FORMAT,
                     "signals of clock edges %d and %d meet in a %s", *slot,
                     other, type_of(cell));
}

/* The n inputs named by the letters or digits in `names`, behind a prefix and
 * before a suffix. */
static int inputs(struct loom_gates *m, const json_t *cell,
                  const char *const *names, int n, int *lit, int *slot,
                  struct loom_errmsg *e)
{
    for (int i = 0; i < n; i++) {
        struct loom_signal s;
        int err = input(m, cell, names[i], &s, e);
        if (!err)
            err = meet(cell, slot, s.slot, e);
        if (err)
            return err;
        lit[i] = s.lit;
    }
    return 0;
}

/* The table of a string of n binary digits, the first for all ones. */
static int lut(struct loom_aig *g, const char *digits, size_t n, const int *in)
{
    if (n == 1)
        return *digits == '1';
    size_t half = n / 2;
    int k = __builtin_ctzll(n) - 1;
    return loom_aig_mux(g, in[k], lut(g, digits, half, in),
                        lut(g, digits + half, half, in));
}

static int lut_cell(struct loom_gates *m, const json_t *cell,
                    const char *const *names, const char *init,
                    struct loom_signal *s, struct loom_errmsg *e)
{
    int in[4];
    const char *digits = parameter(cell, init);
    if (strlen(digits) != 16)
        return loom_fail(e, LOOM_ERR_FORMAT, "a table of %zu bits",
                         strlen(digits));
    int err = inputs(m, cell, names, 4, in, &s->slot, e);
    if (!err)
        s->lit = lut(m->g, digits, 16, in);
    return err;
}

static int majority(struct loom_aig *g, const int *x)
{
    return loom_aig_or(g, loom_aig_and(g, x[0], x[1]),
                       loom_aig_and(g, x[2], loom_aig_or(g, x[0], x[1])));
}

/* Half of a CCU2C: a sum bit and a carry out of a table and a carry in. */
static void half(struct loom_aig *g, const json_t *cell, const char *init,
                 const char *inject, const int *in, int cin, int *sum,
                 int *carry)
{
    const char *digits = parameter(cell, init);
    bool yes = *parameter(cell, inject) != 'N';
    int all = lut(g, digits, 16, in), two = lut(g, digits + 12, 4, in);
    *sum = loom_aig_xor(g, all, yes ? 0 : cin);
    *carry = loom_aig_mux(g, all, cin, yes ? 0 : two);
}

static int ccu2c(struct loom_gates *m, const json_t *cell, const char *port,
                 struct loom_signal *s, struct loom_errmsg *e)
{
    static const char *const names[] = {"CIN", "A0", "B0", "C0", "D0",
                                        "A1",  "B1", "C1", "D1"};
    int in[9], carry, sum;
    bool first = !strcmp(port, "S0");
    int err = inputs(m, cell, names, first ? 5 : 9, in, &s->slot, e);
    if (err)
        return err;
    half(m->g, cell, "INIT0", "INJECT1_0", in + 1, in[0], &sum, &carry);
    if (!first)
        half(m->g, cell, "INIT1", "INJECT1_1", in + 5, carry, &sum, &carry);
    s->lit = *port == 'C' ? carry : sum;
    return 0;
}

/* A register on the edges of clk is open, and one edge late. reset, set: ports
 * that force a 0 or a 1, or NULL. */
static int reg(struct loom_gates *m, const json_t *cell, const char *clock,
               const char *data, const char *reset, const char *set,
               struct loom_signal *s, struct loom_errmsg *e)
{
    const char *names[] = {data, reset ? reset : set};
    int in[2], force = reset || set;
    const json_t *clk =
        json_object_get(json_object_get(cell, "connections"), clock);
    if (!json_equal(clk, port_bits(m->module, "clk")))
        return loom_fail(e, LOOM_ERR_FORMAT, "a register that is not on clk");
    int err = inputs(m, cell, names, 1 + force, in, &s->slot, e);
    if (err)
        return err;
    s->lit = !force  ? in[0]
             : reset ? loom_aig_and(m->g, in[0], in[1] ^ 1)
                     : loom_aig_or(m->g, in[0], in[1]);
    s->slot += s->slot != LOOM_GATES_ANY;
    return 0;
}

static int trellis_ff(struct loom_gates *m, const json_t *cell,
                      struct loom_signal *s, struct loom_errmsg *e)
{
    bool set = *parameter(cell, "REGSET") == 'S';
    if (*parameter(cell, "CEMUX") != '1' ||
        !strcmp(parameter(cell, "LSRMUX"), "INV") ||
        !strcmp(parameter(cell, "CLKMUX"), "INV") ||
        *parameter(cell, "SRMODE") == 'A')
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "a TRELLIS_FF that does not just take data");
    return reg(m, cell, "CLK", "DI", set ? NULL : "LSR", set ? "LSR" : NULL, s,
               e);
}

static int eval_cell(struct loom_gates *m, const struct driver *d,
                     struct loom_signal *s, struct loom_errmsg *e)
{
    static const char *const ice40[] = {"I0", "I1", "I2", "I3"};
    static const char *const ecp5[] = {"A", "B", "C", "D"};
    static const char *const carry[] = {"I0", "I1", "CI"};
    const char *type = type_of(d->cell);
    int in[3];
    *s = (struct loom_signal){0, LOOM_GATES_ANY};
    if (!strcmp(type, "SB_LUT4"))
        return lut_cell(m, d->cell, ice40, "LUT_INIT", s, e);
    if (!strcmp(type, "LUT4"))
        return lut_cell(m, d->cell, ecp5, "INIT", s, e);
    if (!strcmp(type, "SB_CARRY")) {
        int err = inputs(m, d->cell, carry, 3, in, &s->slot, e);
        s->lit = err ? 0 : majority(m->g, in);
        return err;
    }
    if (!strcmp(type, "CCU2C"))
        return ccu2c(m, d->cell, d->port, s, e);
    if (!strcmp(type, "SB_DFF"))
        return reg(m, d->cell, "C", "D", NULL, NULL, s, e);
    if (!strcmp(type, "SB_DFFSR"))
        return reg(m, d->cell, "C", "D", "R", NULL, s, e);
    if (!strcmp(type, "SB_DFFSS"))
        return reg(m, d->cell, "C", "D", NULL, "S", s, e);
    if (!strcmp(type, "TRELLIS_FF"))
        return trellis_ff(m, d->cell, s, e);
    return loom_fail(e, LOOM_ERR_FORMAT, "a cell %s, which has no model here",
                     type);
}

static int eval_bit(struct loom_gates *m, const json_t *bit,
                    struct loom_signal *s, struct loom_errmsg *e)
{
    const char *word = json_string_value(bit);
    if (word) {
        bool x = *word != '0' && *word != '1';
        if (x && m->undefined == UNKNOWN)
            m->undefined = loom_aig_input(m->g);
        *s = (struct loom_signal){x ? m->undefined : *word == '1',
                                  LOOM_GATES_ANY};
        return 0;
    }
    size_t n = (size_t)json_integer_value(bit);
    if (n >= m->n || m->net[n].lit == BUSY ||
        (m->net[n].lit == UNKNOWN && !m->driver[n].cell))
        return loom_fail(e, LOOM_ERR_FORMAT, "net %zu %s", n,
                         n < m->n && m->net[n].lit == BUSY
                             ? "depends on itself"
                             : "is driven by nothing");
    if (m->net[n].lit == UNKNOWN) {
        m->net[n].lit = BUSY;
        int err = eval_cell(m, &m->driver[n], s, e);
        if (err)
            return err;
        m->net[n] = *s;
    }
    *s = m->net[n];
    return 0;
}

/* ---- ports -------------------------------------------------------------- */

static int find_bit(const struct loom_gates *m, const char *cell,
                    const char *port, int i, const json_t **bit,
                    struct loom_errmsg *e)
{
    const json_t *c =
        cell ? json_object_get(json_object_get(m->module, "cells"), cell)
             : NULL;
    const json_t *bits =
        cell ? json_object_get(json_object_get(c, "connections"), port)
             : port_bits(m->module, port);
    *bit = json_array_get(bits, (size_t)i);
    return *bit ? 0
                : loom_fail(e, LOOM_ERR_FORMAT,
                            "the netlist has no bit %d of %s%s%s", i,
                            cell ? cell : "", cell ? "." : "", port);
}

int loom_gates_set(struct loom_gates *m, const char *cell, const char *port,
                   int i, struct loom_signal s, struct loom_errmsg *e)
{
    const json_t *bit;
    int err = find_bit(m, cell, port, i, &bit, e);
    if (!err && json_is_integer(bit))
        m->net[json_integer_value(bit)] = s;
    return err;
}

int loom_gates_get(struct loom_gates *m, const char *cell, const char *port,
                   int i, struct loom_signal *s, struct loom_errmsg *e)
{
    const json_t *bit;
    int err = find_bit(m, cell, port, i, &bit, e);
    return err ? err : eval_bit(m, bit, s, e);
}
