#include <stdio.h>
#include <stdlib.h>

#include "engine/mem.h"
#include "fpga_flow/bitserial.h"
#include "fpga_flow/verilog.h"
#include "fpga_flow/verilog_expr.h"

/* Where text is being written: the block of a layer, or the module (-1). */
struct writer {
    const struct loom_design *d;
    const struct loom_bitserial *s;
    FILE *f;
    int layer;
};

static int layer_of(const struct loom_wires *w, int i)
{
    return w->wire[i].op == LOOM_WIRE_INPUT ? -1 : w->wire[i].layer;
}

/* Whether wire i has a name here: it is read, and no view and no constant. */
static bool is_real(const struct writer *o, int i)
{
    const struct loom_wires *w = o->d->w;
    return w->wire[i].op != LOOM_WIRE_CONST && !loom_wire_is_view(w, i) &&
           (w->wire[i].op == LOOM_WIRE_ADD
                ? loom_bitserial_is_sum(o->s, w, i)
                : w->wire[i].bits > 0 && !o->s->wire[i].inside);
}

/* ---- names --------------------------------------------------------------- */

static void block(const struct writer *o, int layer)
{
    if (layer >= 0 && layer != o->layer)
        fprintf(o->f, "%s.", o->d->layer[layer]);
}

/* Wire i, without what tells the copy. */
static void stem(const struct writer *o, int i)
{
    const struct loom_wire *x = &o->d->w->wire[i];
    block(o, layer_of(o->d->w, i));
    if (x->op == LOOM_WIRE_INPUT)
        fprintf(o->f, "x%d", (int)x->k);
    else
        fprintf(o->f, "n%d_%d", x->index, i);
}

/* All kept bits of wire i in a copy. */
static void copy_name(const struct writer *o, int i, int copy)
{
    stem(o, i);
    if (o->d->w->wire[i].op == LOOM_WIRE_ADD || copy)
        fputs("_k", o->f);
    if (copy)
        fprintf(o->f, "%d", copy);
}

static void expr_name(const struct loom_expr *e, int i, int time)
{
    const struct writer *o = e->ctx;
    copy_name(o, i, loom_bitserial_copy(o->s, i, time));
}

static void expr_range(const struct loom_expr *e, int i, int time, int *low,
                       int *bits)
{
    const struct writer *o = e->ctx;
    const struct loom_wire *x = &e->w->wire[i];
    const struct loom_bitserial_wire *y = &o->s->wire[i];
    (void)time;
    bool whole = x->op == LOOM_WIRE_INPUT || x->op == LOOM_WIRE_CLIP;
    *low = x->op == LOOM_WIRE_ADD ? y->low : whole ? 0 : x->low;
    *bits = x->op == LOOM_WIRE_ADD ? y->bits : x->bits;
}

static struct loom_expr expr_of(const struct writer *o)
{
    return (struct loom_expr){.f = o->f,
                              .w = o->d->w,
                              .family = o->d->family,
                              .ctx = o,
                              .name = expr_name,
                              .range = expr_range};
}

static void range(const struct writer *o, int i)
{
    struct loom_expr e = expr_of(o);
    int low, bits;
    expr_range(&e, i, 0, &low, &bits);
    if (bits - low > 1 || low)
        fprintf(o->f, "[%d:%d] ", bits - 1, low);
}

/* The bit that an operand is at now. */
static void operand(const struct writer *o,
                    const struct loom_bitserial_operand *p)
{
    if (p->kind == LOOM_OPERAND_ZERO) {
        fputs("1'b0", o->f);
        return;
    }
    if (p->kind == LOOM_OPERAND_SUM) {
        stem(o, p->id);
    } else {
        block(o, o->s->leaf[p->id].layer);
        fprintf(o->f, "s%d", p->id);
    }
    if (p->delay)
        fprintf(o->f, "_d%d", p->delay);
    else if (p->kind == LOOM_OPERAND_LEAF && o->s->leaf[p->id].sum < 0 &&
             o->s->leaf[p->id].bits > 1)
        fputs("[0]", o->f);
}

/* ---- control ------------------------------------------------------------- */

static void window_name(const struct writer *o, struct loom_bitserial_window v)
{
    if (v.b - v.a == 1 && !v.c)
        fprintf(o->f, "at[%d]", v.a);
    else if (!v.c)
        fprintf(o->f, "in_%d_%d", v.a, v.b - 1);
    else
        fprintf(o->f, "in_%d_%d_%d_%d", v.a, v.b - 1, v.c, v.d - 1);
}

static void windows(const struct writer *o)
{
    for (size_t i = 0; i < o->s->n_windows; i++) {
        struct loom_bitserial_window v = o->s->window[i];
        fputs("    reg ", o->f);
        window_name(o, v);
        fputs(" = 0;\n    always @(posedge clk) ", o->f);
        window_name(o, v);
        fprintf(o->f, " <= at[%d] | ", v.a - 1);
        if (v.c)
            fprintf(o->f, "at[%d] | ", v.c - 1);
        window_name(o, v);
        if (v.c)
            fprintf(o->f, " & ~at[%d] & ~at[%d];\n", v.b - 1, v.d - 1);
        else
            fprintf(o->f, " & ~at[%d];\n", v.b - 1);
    }
}

static void control(const struct writer *o)
{
    int n = o->s->last;
    fprintf(o->f,
            "    // at[k]: the row that is k cycles old is here.\n"
            "    wire [%d:0] at;\n"
            "    assign at[0] = go;\n",
            n);
    if (n)
        fprintf(o->f,
                "    reg [%d:1] after = 0;\n"
                "    assign at[%d:1] = after;\n"
                "    always @(posedge clk) after <= at[%d:0];\n",
                n, n, n - 1);
    windows(o);
}

/* ---- wires --------------------------------------------------------------- */

static void copies(const struct writer *o, int i)
{
    const struct loom_bitserial_wire *y = &o->s->wire[i];
    for (int k = 1; k <= y->copies; k++) {
        fputs("    reg ", o->f);
        range(o, i);
        copy_name(o, i, k);
        fprintf(o->f, ";\n    always @(posedge clk) if (at[%d]) ",
                y->until + (k - 1) * o->s->ii);
        copy_name(o, i, k);
        fputs(" <= ", o->f);
        copy_name(o, i, k - 1);
        fputs(";\n", o->f);
    }
}

static void delays(const struct writer *o, const char *of, const char *first,
                   int n)
{
    if (!n)
        return;
    fputs("    reg ", o->f);
    for (int k = 1; k <= n; k++)
        fprintf(o->f, "%s_d%d = 0%s", of, k, k < n ? ", " : ";\n");
    fputs("    always @(posedge clk) begin\n", o->f);
    for (int k = 1; k <= n; k++) {
        fprintf(o->f, "        %s_d%d <= %s", of, k, k > 1 ? of : first);
        if (k > 1)
            fprintf(o->f, "_d%d", k - 1);
        fputs(";\n", o->f);
    }
    fputs("    end\n", o->f);
}

/* The bit that a leaf sends from where its sum is kept. */
static void send(const struct writer *o, int k)
{
    const struct loom_bitserial_leaf *l = &o->s->leaf[k];
    const struct loom_bitserial_wire *y = &o->s->wire[l->sum];
    copy_name(o, l->sum, 0);
    if (y->bits - y->low > 1)
        fprintf(o->f, "[%d]", y->low);
    if (y->sign >= 0) {
        fputs(" & ~", o->f);
        stem(o, l->sum);
        fputs("_s", o->f);
    }
    fputs(" & ", o->f);
    window_name(o, loom_bitserial_sends(o->s, k));
    struct loom_bitserial_window v = loom_bitserial_extends(o->s, o->d->w, k);
    if (v.a < v.b) {
        fprintf(o->f, " | s%d & ", k);
        window_name(o, v);
    }
    fputs(";\n", o->f);
}
static void leaf(const struct writer *o, int k)
{
    const struct loom_bitserial_leaf *l = &o->s->leaf[k];
    struct loom_expr e = expr_of(o);
    int top = l->sum < 0 ? l->bits - 1 : 0;
    char stem[32], first[40];
    snprintf(stem, sizeof(stem), "s%d", k);
    snprintf(first, sizeof(first), "s%d%s", k, top ? "[0]" : "");
    fputs("    reg ", o->f);
    if (top)
        fprintf(o->f, "[%d:0] ", top);
    fprintf(o->f, "%s = 0;\n    always @(posedge clk) %s <= ", stem, stem);
    if (l->sum >= 0) {
        send(o, k);
        delays(o, stem, first, l->delay);
        return;
    }
    fprintf(o->f, "at[%d] ? ", l->load);
    loom_expr_bits(&e, l->wire, 0, top, l->load);
    if (l->clear >= 0 && top)
        fprintf(o->f, " : {%d{~at[%d]}} & {%s[%d], %s[%d:1]};\n", top + 1,
                l->clear, stem, top, stem, top);
    else if (l->clear >= 0)
        fprintf(o->f, " : ~at[%d] & %s;\n", l->clear, stem);
    else if (top)
        fprintf(o->f, " : {1'b0, %s[%d:1]};\n", stem, top);
    else
        fputs(" : 1'b0;\n", o->f);
    delays(o, stem, first, l->delay);
}

static void carry(const struct writer *o, int i)
{
    const struct loom_bitserial_wire *y = &o->s->wire[i];
    bool sub = o->d->w->wire[i].sub;
    fputs("_c <= ", o->f);
    if (y->clear >= 0)
        fputc('(', o->f);
    fputs(sub ? "~" : "", o->f);
    operand(o, &y->op[0]);
    fputs(" & ", o->f);
    operand(o, &y->op[1]);
    fputs(" | ", o->f);
    stem(o, i);
    fputs(sub ? "_c & ~(" : "_c & (", o->f);
    operand(o, &y->op[0]);
    fputs(" ^ ", o->f);
    operand(o, &y->op[1]);
    fputc(')', o->f);
    if (y->clear >= 0)
        fprintf(o->f, ") & ~at[%d]", y->clear);
    if (y->inject >= 0)
        fprintf(o->f, " | at[%d]", y->inject);
    fputs(";\n", o->f);
}

static void kept(const struct writer *o, int i)
{
    const struct loom_bitserial_wire *y = &o->s->wire[i];
    fputs("    reg ", o->f);
    range(o, i);
    copy_name(o, i, 0);
    fputs(";\n    always @(posedge clk) if (", o->f);
    window_name(o, loom_bitserial_keeps(o->s, i));
    fputs(") ", o->f);
    copy_name(o, i, 0);
    fputs(y->bits - y->low > 1 ? " <= {" : " <= ", o->f);
    stem(o, i);
    if (y->bits - y->low > 1) {
        fputs(", ", o->f);
        copy_name(o, i, 0);
        fprintf(o->f, "[%d:%d]}", y->bits - 1, y->low + 1);
    }
    fputs(";\n", o->f);
    if (y->sign < 0)
        return;
    fputs("    reg ", o->f);
    stem(o, i);
    fprintf(o->f, "_s;\n    always @(posedge clk) if (at[%d]) ",
            y->start + y->sign);
    stem(o, i);
    fputs("_s <= ", o->f);
    stem(o, i);
    fputs(";\n", o->f);
}

static void sum(const struct writer *o, int i)
{
    const struct loom_bitserial_wire *y = &o->s->wire[i];
    const struct loom_wire *x = &o->d->w->wire[i];
    char name[48];
    snprintf(name, sizeof(name), "n%d_%d", x->index, i);
    fprintf(o->f, "    reg %s = 0, %s_c = 0; // output %d: ", name, name,
            x->index);
    loom_expr_format(o->f, loom_wire_width(o->d->w, i), x->f, x->lo, x->hi);
    fprintf(o->f, "\n    always @(posedge clk) begin\n        %s <= ", name);
    operand(o, &y->op[0]);
    fputs(" ^ ", o->f);
    operand(o, &y->op[1]);
    fprintf(o->f, " ^ %s_c;\n        %s", name, name);
    carry(o, i);
    fputs("    end\n", o->f);
    delays(o, name, name, y->delay);
    if (y->bits)
        kept(o, i);
}

static void wire(const struct writer *o, int i)
{
    struct loom_expr e = expr_of(o);
    if (o->d->w->wire[i].op == LOOM_WIRE_ADD) {
        sum(o, i);
    } else {
        fputs("    wire ", o->f);
        range(o, i);
        stem(o, i);
        fputs(" = ", o->f);
        loom_expr_wire(&e, i, o->s->wire[i].from);
        fputs(";\n", o->f);
    }
    copies(o, i);
}

/* Those of the leaves that wire i is the first to read, or (-1) that nobody
 * was the first to. */
static void leaves_of(const struct writer *o, int i, bool *done)
{
    for (size_t k = 0; k < o->s->n_leaves; k++) {
        const struct loom_bitserial_leaf *l = &o->s->leaf[k];
        if (done[k] || l->bits <= 0 || l->layer != o->layer ||
            (i >= 0 && l->reader != i))
            continue;
        leaf(o, (int)k);
        done[k] = true;
    }
}

static void layer(const struct writer *o)
{
    const struct loom_wires *w = o->d->w;
    bool any = false;
    for (size_t i = 0; i < w->n && !any; i++)
        any = layer_of(w, (int)i) == o->layer && is_real(o, (int)i);
    if (!any)
        return;
    fprintf(o->f, "\n    // Layer %s.\n    generate if (1) begin : %s\n",
            w->layer[o->layer].name, o->d->layer[o->layer]);
    bool *done = loom_calloc(o->s->n_leaves + 1, sizeof(*done));
    for (int i = 0; i < (int)w->n; i++) {
        if (layer_of(w, i) != o->layer || !is_real(o, i))
            continue;
        leaves_of(o, i, done);
        wire(o, i);
    }
    leaves_of(o, -1, done);
    free(done);
    fputs("    end endgenerate\n", o->f);
}

/* ---- the module ---------------------------------------------------------- */

static void inputs(const struct writer *o)
{
    const struct loom_wires *w = o->d->w;
    for (int i = 0; i < (int)w->n; i++) {
        const struct loom_wire *x = &w->wire[i];
        if (x->op != LOOM_WIRE_INPUT || !x->bits)
            continue;
        int at = o->d->in[x->k].at;
        fputs("    wire ", o->f);
        range(o, i);
        fprintf(o->f, "x%d = x[%d:%d]; // input %d: ", (int)x->k,
                at + x->bits - 1, at, (int)x->k);
        loom_expr_format(o->f, loom_wire_width(w, i), x->f, x->lo, x->hi);
        fputc('\n', o->f);
        copies(o, i);
    }
}

static void outputs(const struct writer *o)
{
    const struct loom_design *d = o->d;
    struct loom_expr e = expr_of(o);
    const char *comma = "";
    fputs("\n    assign y = {", o->f);
    for (size_t j = d->w->n_out; j-- > 0;) {
        if (!d->out[j].bits)
            continue;
        fprintf(o->f, "%s\n        ", comma);
        loom_expr_bits(&e, d->w->out[j], 0, d->out[j].bits - 1, o->s->latency);
        comma = ",";
    }
    fprintf(o->f, "%s\n    assign done = at[%d];\n", *comma ? "};" : "1'b0};",
            o->s->latency);
}

char *loom_verilog_bitserial(const struct loom_design *d)
{
    char *text = NULL;
    size_t n = 0;
    struct writer o = {d, d->serial, open_memstream(&text, &n), -1};
    struct loom_expr e = expr_of(&o);
    fprintf(o.f,
            "// %s: a quantized network in bit-serial arithmetic: sums take "
            "their operands\n"
            "// one bit a clock cycle, lowest first.\n"
            "// Names: x<element>, n<output of the layer>_<number> a sum's "
            "bit, _c its carry,\n"
            "// _k the bits that are kept, _s a sign that is, _d<k> k cycles "
            "later, s<k> a\n// number on its way.\n\n",
            d->name);
    fprintf(o.f,
            "// A row enters at x with go, and at the earliest %d cycles "
            "later the next one;\n"
            "// its result is at y %d cycles later, in the cycle in which "
            "done is high.\n",
            d->ii, d->latency);
    loom_verilog_output_table(d, o.f);
    fprintf(o.f,
            "module %s (\n    input wire clk,\n    input wire go,\n"
            "    input wire [%d:0] x,\n    output wire [%d:0] y,\n"
            "    output wire done\n);\n",
            d->name, d->in_bits - 1, d->out_bits - 1);
    control(&o);
    loom_expr_tables(&e, -1);
    inputs(&o);
    for (o.layer = 0; o.layer < (int)d->w->n_layers; o.layer++)
        layer(&o);
    o.layer = -1;
    outputs(&o);
    fputs("endmodule\n", o.f);
    fclose(o.f);
    return text;
}
