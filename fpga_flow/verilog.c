#include "fpga_flow/verilog.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/verilog_expr.h"

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

/* ---- names -------------------------------------------------- */

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

static void expr_name(const struct loom_expr *e, int i, int slot)
{
    name(e->ctx, i, slot);
}

static void expr_range(const struct loom_expr *e, int i, int slot, int *low,
                       int *bits)
{
    const struct writer *o = e->ctx;
    *low = lowest(o->d, i, slot);
    *bits = e->w->wire[i].bits;
}

/* For expressions in the module that o writes. */
static struct loom_expr expr_of(const struct writer *o)
{
    return (struct loom_expr){.f = o->f,
                              .w = o->d->w,
                              .family = o->d->family,
                              .ctx = o,
                              .name = expr_name,
                              .range = expr_range};
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
    loom_expr_format(o->f, loom_wire_width(o->d->w, i), x->f, x->lo, x->hi);
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
    struct loom_expr e = expr_of(o);
    fprintf(o->f, "\n// Layer %s. In:\n", d->w->layer[o->layer].name);
    each_port(o, o->layer, true, port_comment);
    fputs("// Out:\n", o->f);
    each_port(o, o->layer, false, port_comment);
    fprintf(o->f, "module %s_%s (\n    input wire clk", d->name,
            d->layer[o->layer]);
    each_port(o, o->layer, true, port_in);
    each_port(o, o->layer, false, port_out);
    fputs("\n);\n", o->f);
    loom_expr_tables(&e, o->layer);
    loom_expr_sums(&e, o->layer);
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
        loom_expr_wire(&e, (int)i, slot);
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
    struct loom_expr e = expr_of(o);
    const char *comma = "";
    fputs("    assign y = {", o->f);
    for (size_t j = d->w->n_out; j-- > 0;) {
        if (!d->out[j].bits)
            continue;
        fprintf(o->f, "%s\n        ", comma);
        loom_expr_bits(&e, d->w->out[j], 0, d->out[j].bits - 1, d->p.latency);
        comma = ",";
    }
    fputs(*comma ? "};\n" : "1'b0};\n", o->f);
}

/* "output 7", of several outputs "angle[2]". */
static void output_name(const struct loom_exact *net, FILE *f, size_t j)
{
    size_t k = 0, i = j;
    while (k < net->n_outputs && i >= net->outputs[k].n)
        i -= net->outputs[k++].n;
    if (k == net->n_outputs) {
        fprintf(f, "output %zu", j);
        return;
    }
    for (const char *c = net->outputs[k].name; *c; c++)
        fputc((unsigned char)*c < ' ' ? '_' : *c, f);
    fprintf(f, "[%zu]", i);
}

void loom_verilog_output_table(const struct loom_design *d, FILE *f)
{
    for (size_t j = 0; j < d->w->n_out; j++) {
        const struct loom_wire *x = &d->w->wire[d->w->out[j]];
        if (!d->out[j].bits) {
            fputs("//   ", f);
            output_name(d->net, f, j);
            fputs(" is 0\n", f);
            continue;
        }
        fprintf(f, "//   y[%d:%d] ", d->out[j].at + d->out[j].bits - 1,
                d->out[j].at);
        output_name(d->net, f, j);
        fputs(": ", f);
        loom_expr_format(f, d->out[j].bits, d->w->out_f[j], x->lo, x->hi);
        fputc('\n', f);
    }
}

static void top_module(const struct writer *o)
{
    const struct loom_design *d = o->d;
    fprintf(o->f,
            "// The whole network: a result %d clock edge%s after its input, "
            "one a clock.\n",
            d->p.latency, d->p.latency == 1 ? "" : "s");
    loom_verilog_output_table(d, o->f);
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
    if (d->serial)
        return loom_verilog_bitserial(d);
    char *text = NULL;
    size_t n = 0;
    struct crossings in = {0}, out = {0};
    struct writer o = {d, open_memstream(&text, &n), -1, &in, &out};
    find_crossings(d, &in, &out);
    fprintf(o.f,
            "// %s: a quantized network, unrolled; every sum has the width "
            "its values need.\n"
            "// Names: x<element>, n<output of the layer>_<number>, _r<k> the "
            "same k clock edges later.\n"
            "// Bits that rounding or wrapping drops are there for their "
            "carries.\n"
            "/* verilator lint_off UNUSED */\n"
            "/* verilator lint_off DECLFILENAME */\n\n",
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

/* ---- ports, for those who look at a module from outside ------------------ */

static void list_port(const struct writer *o, const struct cross *c, bool out,
                      struct loom_verilog_port *p)
{
    size_t n = 0;
    struct writer to = *o;
    *p = (struct loom_verilog_port){.wire = c->wire,
                                    .slot = c->slot,
                                    .low = lowest(o->d, c->wire, c->slot),
                                    .bits = o->d->w->wire[c->wire].bits,
                                    .out = out};
    to.f = open_memstream(&p->name, &n);
    name(&to, c->wire, c->slot);
    fclose(to.f);
}

size_t loom_verilog_ports(const struct loom_design *d, int layer,
                          struct loom_verilog_port **ports)
{
    struct crossings in = {0}, out = {0};
    struct writer o = {d, NULL, layer, &in, &out};
    size_t n = 0;
    find_crossings(d, &in, &out);
    *ports = loom_calloc(in.n + out.n + 1, sizeof(**ports));
    for (size_t i = 0; i < in.n; i++)
        if (in.c[i].to == layer)
            list_port(&o, &in.c[i], false, &(*ports)[n++]);
    for (size_t i = 0; i < out.n; i++)
        if (layer_of(d->w, out.c[i].wire) == layer)
            list_port(&o, &out.c[i], true, &(*ports)[n++]);
    free(in.c);
    free(out.c);
    return n;
}

void loom_verilog_ports_free(struct loom_verilog_port *ports, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(ports[i].name);
    free(ports);
}
