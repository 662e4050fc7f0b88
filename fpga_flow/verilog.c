#include "fpga_flow/verilog.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/target.h"

/* A wire at a slot that crosses into a module. */
struct cross {
    int to, wire, slot;
};

struct crossings {
    struct cross *c;
    size_t n, cap;
};

/* Where text is being written: a module of a layer, or the top (-1). */
struct writer {
    const struct loom_design *d;
    FILE *f;
    int layer;
    const struct crossings *in;  /* sorted by module, wire, slot */
    const struct crossings *out; /* sorted by wire, slot; `to` is 0 */
};

static int layer_of(const struct loom_wires *w, int i)
{
    return w->wire[i].op == LOOM_WIRE_INPUT ? -1 : w->wire[i].layer;
}

/* ---- names and formats -------------------------------------------------- */

/* Wire i at a slot, as the module that makes it calls it. */
static void local_name(const struct writer *o, int i, int slot)
{
    const struct loom_wire *x = &o->d->w->wire[i];
    int bank = slot - o->d->p.stage[i] + 1;
    if (x->op == LOOM_WIRE_INPUT)
        fprintf(o->f, "x%d", (int)x->k);
    else
        fprintf(o->f, "n%d_%d", x->index, i);
    if (bank == 1)
        fputs("_r", o->f);
    else if (bank > 1)
        fprintf(o->f, "_r%d", bank);
}

static void name(const struct writer *o, int i, int slot)
{
    int layer = layer_of(o->d->w, i);
    if (layer != o->layer && layer >= 0)
        fprintf(o->f, "%s_", o->d->layer[layer]);
    local_name(o, i, slot);
}

/* Lowest bit that wire i carries at a slot. */
static int lowest(const struct loom_design *d, int i, int slot)
{
    const struct loom_wire *x = &d->w->wire[i];
    if (slot >= d->p.stage[i])
        return x->low;
    switch (x->op) {
    case LOOM_WIRE_ADD: {
        int chain = loom_wire_chain(x);
        return x->low < chain ? x->low : chain;
    }
    case LOOM_WIRE_NOT:
    case LOOM_WIRE_RELU:
    case LOOM_WIRE_MUX:
    case LOOM_WIRE_TABLE:
        return x->low;
    default:
        return 0;
    }
}

static void range(const struct writer *o, int i, int slot)
{
    const struct loom_wire *x = &o->d->w->wire[i];
    int low = lowest(o->d, i, slot);
    if (x->bits - low > 1 || low)
        fprintf(o->f, "[%d:%d] ", x->bits - 1, low);
}

static void format(FILE *f, int bits, int frac, int64_t lo, int64_t hi)
{
    fprintf(f, "%d bit%s %s, step 2^%d, %.6g .. %.6g", bits,
            bits == 1 ? "" : "s", lo < 0 ? "signed" : "unsigned", -frac,
            ldexp((double)lo, -frac), ldexp((double)hi, -frac));
}

/* ---- expressions -------------------------------------------------------- */

struct run {
    struct loom_wire_bit at; /* lowest bit */
    int n;
    bool same; /* n copies of one bit, not n bits in a row */
};

/* The run of bits that ends with bit `top` of `id`, not below `low`. */
static struct run run_down(const struct loom_wires *w, int id, int low, int top)
{
    struct run r = {loom_wire_bit(w, id, top), 1, false};
    for (int i = top - 1; i >= low; i--, r.n++) {
        struct loom_wire_bit b = loom_wire_bit(w, id, i);
        if (b.wire != r.at.wire)
            break;
        if (b.wire < 0) {
            if (r.n == 32)
                break;
            continue;
        }
        bool same = b.i == r.at.i;
        if ((!same && b.i != r.at.i - 1) || (r.n > 1 && same != r.same))
            break;
        r.same = same;
        r.at = b;
    }
    return r;
}

static void print_run(const struct writer *o, const struct run *r, int id,
                      int top, int slot)
{
    const struct loom_wires *w = o->d->w;
    if (r->at.wire < 0) {
        fprintf(o->f, "%d'b", r->n);
        for (int i = top; i > top - r->n; i--)
            fputc('0' + loom_wire_bit(w, id, i).i, o->f);
        return;
    }
    const struct loom_wire *x = &w->wire[r->at.wire];
    int at = slot;
    int bits = x->bits, low = lowest(o->d, r->at.wire, at);
    if (r->same)
        fprintf(o->f, "{%d{", r->n);
    name(o, r->at.wire, at);
    if (r->same || r->n == 1) {
        if (bits - low > 1 || low)
            fprintf(o->f, "[%d]", r->at.i);
    } else if (r->n != bits - low) {
        fprintf(o->f, "[%d:%d]", r->at.i + r->n - 1, r->at.i);
    }
    if (r->same)
        fputs("}}", o->f);
}

/* Bits low .. top of wire id, as they are at a slot. */
static void bits(const struct writer *o, int id, int low, int top, int slot)
{
    struct run r = run_down(o->d->w, id, low, top);
    bool several = top - r.n >= low;
    if (several)
        fputc('{', o->f);
    for (int at = top;;) {
        print_run(o, &r, id, at, slot);
        at -= r.n;
        if (at < low)
            break;
        fputs(", ", o->f);
        r = run_down(o->d->w, id, low, at);
    }
    if (several)
        fputc('}', o->f);
}

/* Whether ADD wire x is written as logic: too short for a carry chain. */
static bool in_luts(const struct loom_design *d, const struct loom_wire *x)
{
    int n = x->bits - loom_wire_chain(x);
    return n > 0 && n <= d->family->lut_adder;
}

static void add(const struct writer *o, const struct loom_wire *x, int slot)
{
    int chain = loom_wire_chain(x), low = x->low < chain ? x->low : chain;
    int top = x->bits - 1;
    bool a_low = x->sub || x->sa <= x->sb;
    int below = a_low ? x->a : x->b, s = a_low ? x->sa : x->sb;
    if (x->inv)
        fputc('~', o->f);
    if (low < chain)
        fputc('{', o->f);
    else if (x->inv)
        fputc('(', o->f);
    if (in_luts(o->d, x)) {
        fprintf(o->f, "sum%d(", top - chain + 1);
        bits(o, x->a, chain - x->sa, top - x->sa, slot);
        fputs(x->sub ? ", ~" : ", ", o->f);
        bits(o, x->b, chain - x->sb, top - x->sb, slot);
        fprintf(o->f, ", 1'b%d)", x->sub || x->carry >= 0);
    } else if (top >= chain) {
        bits(o, x->a, chain - x->sa, top - x->sa, slot);
        fputs(x->sub ? " - " : " + ", o->f);
        bits(o, x->b, chain - x->sb, top - x->sb, slot);
        if (x->carry >= 0)
            fputs(" + 1'b1", o->f);
    }
    if (low < chain) {
        if (top >= chain)
            fputs(", ", o->f);
        else
            chain = top + 1;
        bits(o, below, low - s, chain - 1 - s, slot);
        fputc('}', o->f);
    } else if (x->inv) {
        fputc(')', o->f);
    }
}

/* A condition: wire a (width wa, sign known) is above hi, or below lo. */
static void beyond(const struct writer *o, const struct loom_wire *x, int slot,
                   bool above)
{
    const struct loom_wire *a = &o->d->w->wire[x->a];
    int wa = loom_wire_width(o->d->w, x->a);
    bool sign = a->lo < 0;
    uint64_t edge = above ? (uint64_t)x->k2 + 1 : (uint64_t)-x->k;
    bool power = edge && !(edge & (edge - 1));
    int m = power ? __builtin_ctzll(edge) : 0, top = wa - 1 - sign;
    if (!above && x->k == 0) {
        bits(o, x->a, wa - 1, wa - 1, slot);
    } else if (power && m <= top) {
        if (sign) {
            fputs(above ? "~" : "", o->f);
            bits(o, x->a, wa - 1, wa - 1, slot);
            fputs(" & ", o->f);
        }
        fputs(above ? "|" : "~&", o->f);
        bits(o, x->a, m, top, slot);
    } else {
        fputs(sign ? "$signed(" : "(", o->f);
        bits(o, x->a, 0, wa - 1, slot);
        fprintf(o->f, ") %s ", above ? ">" : "<");
        int64_t k = above ? x->k2 : x->k;
        fprintf(o->f, "%s%d'%sd%lld", k < 0 ? "-" : "", wa, sign ? "s" : "",
                (long long)(k < 0 ? -k : k));
    }
}

static void literal(FILE *f, int n, int64_t v)
{
    fprintf(f, "%d'b", n);
    for (int i = n - 1; i >= 0; i--)
        fputc('0' + (int)(v >> i & 1), f);
}

static void clip(const struct writer *o, const struct loom_wire *x, int slot)
{
    const struct loom_wire *a = &o->d->w->wire[x->a];
    if (a->hi > x->k2) {
        fputc('(', o->f);
        beyond(o, x, slot, true);
        fputs(") ? ", o->f);
        literal(o->f, x->bits, x->k2);
        fputs(" : ", o->f);
    }
    if (a->lo < x->k) {
        fputc('(', o->f);
        beyond(o, x, slot, false);
        fputs(") ? ", o->f);
        literal(o->f, x->bits, x->k);
        fputs(" : ", o->f);
    }
    bits(o, x->a, 0, x->bits - 1, slot);
}

/* A table, cut to the bits that are read of wire x. */
static void table_name(FILE *f, const struct loom_wire *x)
{
    fprintf(f, "table%d_%d_%d", (int)x->k, x->bits - 1, x->low);
}

static void expression(const struct writer *o, int i)
{
    const struct loom_wire *x = &o->d->w->wire[i];
    int slot = o->d->p.stage[i] - 1, top = x->bits - 1;
    int sign = x->a < 0 ? 0 : loom_wire_width(o->d->w, x->a) - 1;
    switch (x->op) {
    case LOOM_WIRE_ADD:
        add(o, x, slot);
        break;
    case LOOM_WIRE_NOT:
        fputc('~', o->f);
        bits(o, x->a, x->low, top, slot);
        break;
    case LOOM_WIRE_RELU:
        bits(o, x->a, x->low, top, slot);
        fprintf(o->f, " & {%d{~", top - x->low + 1);
        bits(o, x->a, sign, sign, slot);
        fputs("}}", o->f);
        break;
    case LOOM_WIRE_CLIP:
        clip(o, x, slot);
        break;
    case LOOM_WIRE_MUX:
        bits(o, x->a, 0, 0, slot);
        fputs(" ? ", o->f);
        bits(o, x->b, x->low, top, slot);
        fputs(" : ", o->f);
        bits(o, x->c, x->low, top, slot);
        break;
    case LOOM_WIRE_TABLE:
        table_name(o->f, x);
        fputc('(', o->f);
        bits(o, x->a, 0, sign, slot);
        fputc(')', o->f);
        break;
    default:
        break;
    }
}

/* ---- tables ------------------------------------------------------------- */

/* The table of wire x as a function. */
static void table_function(const struct writer *o, const struct loom_wire *x)
{
    const struct loom_wire_table *t = &o->d->w->table[x->k];
    int n = x->bits - x->low, in = loom_wire_width(o->d->w, x->a);
    fprintf(o->f, "    function [%d:0] ", n - 1);
    table_name(o->f, x);
    fprintf(o->f, ";\n        input [%d:0] a;\n        case (a)\n", in - 1);
    for (size_t k = 0; k < t->n; k++) {
        fputs("        ", o->f);
        literal(o->f, in, t->lo + (int64_t)k);
        fputs(": ", o->f);
        table_name(o->f, x);
        fputs(" = ", o->f);
        literal(o->f, n, t->v[k] >> x->low);
        fputs(";\n", o->f);
    }
    fputs("        default: ", o->f);
    table_name(o->f, x);
    fprintf(o->f, " = %d'bx;\n        endcase\n    endfunction\n", n);
}

/* Adders of n bits as logic, for those lengths that the module has. */
static void sum_functions(const struct writer *o)
{
    const struct loom_wires *w = o->d->w;
    uint64_t done = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct loom_wire *x = &w->wire[i];
        int n = x->bits - loom_wire_chain(x);
        if (x->op != LOOM_WIRE_ADD || !x->bits || x->layer != o->layer ||
            loom_wire_is_view(w, (int)i) || !in_luts(o->d, x) || done >> n & 1)
            continue;
        done |= UINT64_C(1) << n;
        /* Its own variable for the carry: Yosys 0.23 computes something else
         * when a function writes to its input. */
        fprintf(o->f,
                "    function [%d:0] sum%d;\n"
                "        input [%d:0] a, b;\n"
                "        input carry;\n"
                "        reg c;\n"
                "        integer i;\n"
                "        begin\n"
                "            c = carry;\n"
                "            for (i = 0; i < %d; i = i + 1) begin\n"
                "                sum%d[i] = a[i] ^ b[i] ^ c;\n"
                "                c = a[i] & b[i] | c & (a[i] ^ b[i]);\n"
                "            end\n"
                "        end\n"
                "    endfunction\n",
                n - 1, n, n - 1, n, n);
    }
}

/* The functions that the module's wires call, each once. */
static void table_functions(const struct writer *o)
{
    const struct loom_wires *w = o->d->w;
    for (size_t i = 0; i < w->n; i++) {
        const struct loom_wire *x = &w->wire[i];
        if (x->op != LOOM_WIRE_TABLE || !x->bits || x->layer != o->layer)
            continue;
        bool done = false;
        for (size_t k = 0; k < i && !done; k++)
            done = w->wire[k].op == x->op && w->wire[k].layer == x->layer &&
                   w->wire[k].k == x->k && w->wire[k].bits == x->bits &&
                   w->wire[k].low == x->low;
        if (!done)
            table_function(o, x);
    }
}

/* ---- what crosses modules ----------------------------------------------- */

static void cross(struct crossings *s, struct cross c)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->c = loom_realloc(s->c, s->cap * sizeof(*s->c));
    }
    s->c[s->n++] = c;
}

static void read_by(const struct loom_wires *w, struct crossings *s, int id,
                    int to, int slot)
{
    const struct loom_wire *x = &w->wire[id];
    if (x->op == LOOM_WIRE_CONST || !x->bits)
        return;
    if (!loom_wire_is_view(w, id)) {
        if (layer_of(w, id) != to)
            cross(s, (struct cross){to, id, slot});
        return;
    }
    read_by(w, s, x->a, to, slot);
    if (x->b >= 0)
        read_by(w, s, x->b, to, slot);
}

static int compare(const void *a, const void *b)
{
    const struct cross *x = a, *y = b;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->wire != y->wire)
        return x->wire < y->wire ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* A wire of its own in the text: not a view, not a constant, has bits. */
static bool is_real(const struct loom_wires *w, int i)
{
    return w->wire[i].bits > 0 && w->wire[i].op != LOOM_WIRE_CONST &&
           !loom_wire_is_view(w, i);
}

static void sort_unique(struct crossings *s)
{
    size_t n = 0;
    if (s->n)
        qsort(s->c, s->n, sizeof(*s->c), compare);
    for (size_t i = 0; i < s->n; i++)
        if (!n || compare(&s->c[i], &s->c[n - 1]))
            s->c[n++] = s->c[i];
    s->n = n;
}

/* What enters each module, and what leaves any. */
static void find_crossings(const struct loom_design *d, struct crossings *in,
                           struct crossings *out)
{
    const struct loom_wires *w = d->w;
    for (size_t i = 0; i < w->n; i++) {
        const int arg[] = {w->wire[i].a, w->wire[i].b, w->wire[i].c};
        for (int m = 0; m < 3; m++)
            if (arg[m] >= 0 && is_real(w, (int)i))
                read_by(w, in, arg[m], w->wire[i].layer, d->p.stage[i] - 1);
    }
    for (size_t j = 0; j < w->n_out; j++)
        read_by(w, in, w->out[j], -1, d->p.latency);
    for (size_t i = 0; i < in->n; i++)
        cross(out, (struct cross){0, in->c[i].wire, in->c[i].slot});
    sort_unique(in);
    sort_unique(out);
}

/* Whether wire i at a slot leaves its module. */
static bool leaves(const struct writer *o, int i, int slot)
{
    struct cross key = {0, i, slot};
    return o->out->n &&
           bsearch(&key, o->out->c, o->out->n, sizeof(key), compare);
}

/* ---- modules ------------------------------------------------------------ */

static bool has_wires(const struct loom_design *d, int layer)
{
    for (size_t i = 0; i < d->w->n; i++)
        if (is_real(d->w, (int)i) && layer_of(d->w, (int)i) == layer)
            return true;
    return false;
}

/* Print a line for each signal that enters module `layer`, or leaves it. */
static void each_port(const struct writer *o, int layer, bool in,
                      void (*line)(const struct writer *, int, int))
{
    const struct crossings *s = in ? o->in : o->out;
    for (size_t i = 0; i < s->n; i++) {
        const struct cross *c = &s->c[i];
        if (in ? c->to == layer : layer_of(o->d->w, c->wire) == layer)
            line(o, c->wire, c->slot);
    }
}

static void comment(const struct writer *o, int i)
{
    const struct loom_wire *x = &o->d->w->wire[i];
    int layer = layer_of(o->d->w, i);
    if (layer < 0)
        fprintf(o->f, " // input %d: ", (int)x->k);
    else
        fprintf(o->f, " // %s, output %d: ", o->d->w->layer[layer].name,
                x->index);
    format(o->f, loom_wire_width(o->d->w, i), x->f, x->lo, x->hi);
}

static void port_in(const struct writer *o, int i, int slot)
{
    fputs(",\n    input wire ", o->f);
    range(o, i, slot);
    name(o, i, slot);
}

static void port_out(const struct writer *o, int i, int slot)
{
    bool reg = slot >= o->d->p.stage[i];
    fprintf(o->f, ",\n    output %s ", reg ? "reg" : "wire");
    range(o, i, slot);
    name(o, i, slot);
}

static void port_comment(const struct writer *o, int i, int slot)
{
    fputs("//   ", o->f);
    name(o, i, slot);
    comment(o, i);
    fputc('\n', o->f);
}

/* The registers behind the module's wires. */
static void registers(const struct writer *o)
{
    const struct loom_design *d = o->d;
    bool any = false;
    for (size_t i = 0; i < d->w->n; i++) {
        int n = loom_pipeline_banks(&d->p, (int)i), t = d->p.stage[i];
        if (!is_real(d->w, (int)i) || layer_of(d->w, (int)i) != o->layer)
            continue;
        for (int s = t; s < t + n; s++) {
            if (!any)
                fputs("    always @(posedge clk) begin\n", o->f);
            any = true;
            fputs("        ", o->f);
            name(o, (int)i, s);
            fputs(" <= ", o->f);
            name(o, (int)i, s - 1);
            int low = d->w->wire[i].low;
            if (lowest(d, (int)i, s - 1) != low)
                fprintf(o->f, "[%d:%d]", d->w->wire[i].bits - 1, low);
            fputs(";\n", o->f);
        }
    }
    if (any)
        fputs("    end\n", o->f);
}

static void declare_registers(const struct writer *o, int i)
{
    int n = loom_pipeline_banks(&o->d->p, i), t = o->d->p.stage[i];
    for (int s = t; s < t + n; s++) {
        if (leaves(o, i, s) && o->layer >= 0)
            continue; /* declared as a port */
        fputs("    reg ", o->f);
        range(o, i, s);
        name(o, i, s);
        fputs(";\n", o->f);
    }
}

static void layer_module(const struct writer *o)
{
    const struct loom_design *d = o->d;
    fprintf(o->f, "\n// Layer %s. In:\n", d->w->layer[o->layer].name);
    each_port(o, o->layer, true, port_comment);
    fputs("// Out:\n", o->f);
    each_port(o, o->layer, false, port_comment);
    fprintf(o->f, "module %s_%s (\n    input wire clk", d->name,
            d->layer[o->layer]);
    each_port(o, o->layer, true, port_in);
    each_port(o, o->layer, false, port_out);
    fputs("\n);\n", o->f);
    table_functions(o);
    sum_functions(o);
    for (size_t i = 0; i < d->w->n; i++) {
        if (!is_real(d->w, (int)i) || layer_of(d->w, (int)i) != o->layer)
            continue;
        int slot = d->p.stage[i] - 1;
        if (leaves(o, (int)i, slot)) {
            fputs("    assign ", o->f);
        } else {
            fputs("    wire ", o->f);
            range(o, (int)i, slot);
        }
        name(o, (int)i, slot);
        fputs(" = ", o->f);
        expression(o, (int)i);
        fputs(";\n", o->f);
        declare_registers(o, (int)i);
    }
    registers(o);
    fputs("endmodule\n", o->f);
}

/* ---- the top ------------------------------------------------------------ */

static void declare(const struct writer *o, int i, int slot)
{
    fputs("    wire ", o->f);
    range(o, i, slot);
    name(o, i, slot);
    fputs(";\n", o->f);
}

/* .name in the layer(name in the top); o writes the layer. */
static void connect(const struct writer *o, int i, int slot)
{
    struct writer top = *o;
    top.layer = -1;
    fputs(",\n        .", o->f);
    name(o, i, slot);
    fputc('(', o->f);
    name(&top, i, slot);
    fputc(')', o->f);
}

static void top_inputs(const struct writer *o)
{
    const struct loom_design *d = o->d;
    for (size_t i = 0; i < d->w->n; i++) {
        const struct loom_wire *x = &d->w->wire[i];
        if (x->op != LOOM_WIRE_INPUT || !x->bits)
            continue;
        int at = d->in[x->k].at;
        fputs("    wire ", o->f);
        range(o, (int)i, 0);
        name(o, (int)i, 0);
        fprintf(o->f, " = x[%d:%d];", at + x->bits - 1, at);
        comment(o, (int)i);
        fputc('\n', o->f);
        declare_registers(o, (int)i);
    }
    registers(o);
}

static void top_outputs(const struct writer *o)
{
    const struct loom_design *d = o->d;
    const char *comma = "";
    fputs("    assign y = {", o->f);
    for (size_t j = d->w->n_out; j-- > 0;) {
        if (!d->out[j].bits)
            continue;
        fprintf(o->f, "%s\n        ", comma);
        bits(o, d->w->out[j], 0, d->out[j].bits - 1, d->p.latency);
        comma = ",";
    }
    fputs(*comma ? "};\n" : "1'b0};\n", o->f);
}

static void output_table(const struct writer *o)
{
    const struct loom_design *d = o->d;
    for (size_t j = 0; j < d->w->n_out; j++) {
        const struct loom_wire *x = &d->w->wire[d->w->out[j]];
        if (!d->out[j].bits) {
            fprintf(o->f, "//   output %zu is 0\n", j);
            continue;
        }
        fprintf(o->f,
                "//   y[%d:%d] output %zu: ", d->out[j].at + d->out[j].bits - 1,
                d->out[j].at, j);
        format(o->f, d->out[j].bits, d->w->out_f[j], x->lo, x->hi);
        fputc('\n', o->f);
    }
}

static void top_module(const struct writer *o)
{
    const struct loom_design *d = o->d;
    fprintf(o->f,
            "// The whole network: a result %d clock edge%s after its input, "
            "one a clock.\n",
            d->p.latency, d->p.latency == 1 ? "" : "s");
    output_table(o);
    fprintf(o->f,
            "module %s (\n    input wire clk,\n    input wire [%d:0] x,\n"
            "    output wire [%d:0] y\n);\n",
            d->name, d->in_bits - 1, d->out_bits - 1);
    top_inputs(o);
    for (int l = 0; l < (int)d->w->n_layers; l++) {
        struct writer in = *o;
        in.layer = l;
        if (!has_wires(d, l))
            continue;
        each_port(o, l, false, declare);
        fprintf(o->f, "    %s_%s %s (\n        .clk(clk)", d->name, d->layer[l],
                d->layer[l]);
        each_port(&in, l, true, connect);
        each_port(&in, l, false, connect);
        fputs(");\n", o->f);
    }
    top_outputs(o);
    fputs("endmodule\n", o->f);
}

char *loom_verilog_core(const struct loom_design *d)
{
    char *text = NULL;
    size_t n = 0;
    struct crossings in = {0}, out = {0};
    struct writer o = {d, open_memstream(&text, &n), -1, &in, &out};
    find_crossings(d, &in, &out);
    fprintf(o.f,
            "// %s: a quantized network, unrolled; every sum has the width "
            "its values need.\n"
            "// Names: x<element>, n<output of the layer>_<number>, _r<k> the "
            "same k clock edges later.\n\n",
            d->name);
    top_module(&o);
    for (o.layer = 0; o.layer < (int)d->w->n_layers; o.layer++)
        if (has_wires(d, o.layer))
            layer_module(&o);
    fclose(o.f);
    free(in.c);
    free(out.c);
    return text;
}
