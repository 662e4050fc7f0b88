#include "fpga_flow/verilog_expr.h"

#include <math.h>
#include <stdbool.h>

#include "fpga_flow/target.h"

void loom_expr_format(FILE *f, int bits, int frac, int64_t lo, int64_t hi)
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

static void print_run(const struct loom_expr *o, const struct run *r, int id,
                      int top, int slot)
{
    const struct loom_wires *w = o->w;
    if (r->at.wire < 0) {
        fprintf(o->f, "%d'b", r->n);
        for (int i = top; i > top - r->n; i--)
            fputc('0' + loom_wire_bit(w, id, i).i, o->f);
        return;
    }
    int low, bits;
    o->range(o, r->at.wire, slot, &low, &bits);
    if (r->same)
        fprintf(o->f, "{%d{", r->n);
    o->name(o, r->at.wire, slot);
    if (r->same || r->n == 1) {
        if (bits - low > 1 || low)
            fprintf(o->f, "[%d]", r->at.i);
    } else if (r->n != bits - low) {
        fprintf(o->f, "[%d:%d]", r->at.i + r->n - 1, r->at.i);
    }
    if (r->same)
        fputs("}}", o->f);
}

void loom_expr_bits(const struct loom_expr *o, int id, int low, int top,
                    int slot)
{
    struct run r = run_down(o->w, id, low, top);
    bool several = top - r.n >= low;
    if (several)
        fputc('{', o->f);
    for (int at = top;;) {
        print_run(o, &r, id, at, slot);
        at -= r.n;
        if (at < low)
            break;
        fputs(", ", o->f);
        r = run_down(o->w, id, low, at);
    }
    if (several)
        fputc('}', o->f);
}

/* Whether ADD wire x is written as logic: too short for a carry chain. */
static bool in_luts(const struct loom_family *family, const struct loom_wire *x)
{
    int n = x->bits - loom_wire_chain(x);
    return n > 0 && n <= family->lut_adder;
}

static void add(const struct loom_expr *o, const struct loom_wire *x, int slot)
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
    if (in_luts(o->family, x)) {
        fprintf(o->f, "sum%d(", top - chain + 1);
        loom_expr_bits(o, x->a, chain - x->sa, top - x->sa, slot);
        fputs(x->sub ? ", ~" : ", ", o->f);
        loom_expr_bits(o, x->b, chain - x->sb, top - x->sb, slot);
        fprintf(o->f, ", 1'b%d)", x->sub || x->carry >= 0);
    } else if (top >= chain) {
        loom_expr_bits(o, x->a, chain - x->sa, top - x->sa, slot);
        fputs(x->sub ? " - " : " + ", o->f);
        loom_expr_bits(o, x->b, chain - x->sb, top - x->sb, slot);
        if (x->carry >= 0)
            fputs(" + 1'b1", o->f);
    }
    if (low < chain) {
        if (top >= chain)
            fputs(", ", o->f);
        else
            chain = top + 1;
        loom_expr_bits(o, below, low - s, chain - 1 - s, slot);
        fputc('}', o->f);
    } else if (x->inv) {
        fputc(')', o->f);
    }
}

/* A condition: wire a (width wa, sign known) is above hi, or below lo. */
static void beyond(const struct loom_expr *o, const struct loom_wire *x,
                   int slot, bool above)
{
    const struct loom_wire *a = &o->w->wire[x->a];
    int wa = loom_wire_width(o->w, x->a);
    bool sign = a->lo < 0;
    uint64_t edge = above ? (uint64_t)x->k2 + 1 : (uint64_t)-x->k;
    bool power = edge && !(edge & (edge - 1));
    int m = power ? __builtin_ctzll(edge) : 0, top = wa - 1 - sign;
    if (!above && x->k == 0) {
        loom_expr_bits(o, x->a, wa - 1, wa - 1, slot);
    } else if (power && m <= top) {
        if (sign) {
            fputs(above ? "~" : "", o->f);
            loom_expr_bits(o, x->a, wa - 1, wa - 1, slot);
            fputs(" & ", o->f);
        }
        fputs(above ? "|" : "~&", o->f);
        loom_expr_bits(o, x->a, m, top, slot);
    } else {
        fputs(sign ? "$signed(" : "(", o->f);
        loom_expr_bits(o, x->a, 0, wa - 1, slot);
        fprintf(o->f, ") %s ", above ? ">" : "<");
        int64_t k = above ? x->k2 : x->k;
        fprintf(o->f, "%s%d'%sd%lld", k < 0 ? "-" : "", wa, sign ? "s" : "",
                (long long)(k < 0 ? -k : k));
    }
}

void loom_expr_literal(FILE *f, int n, int64_t v)
{
    fprintf(f, "%d'b", n);
    for (int i = n - 1; i >= 0; i--)
        fputc('0' + (int)(v >> i & 1), f);
}

static void clip(const struct loom_expr *o, const struct loom_wire *x, int slot)
{
    const struct loom_wire *a = &o->w->wire[x->a];
    if (a->hi > x->k2) {
        fputc('(', o->f);
        beyond(o, x, slot, true);
        fputs(") ? ", o->f);
        loom_expr_literal(o->f, x->bits, x->k2);
        fputs(" : ", o->f);
    }
    if (a->lo < x->k) {
        fputc('(', o->f);
        beyond(o, x, slot, false);
        fputs(") ? ", o->f);
        loom_expr_literal(o->f, x->bits, x->k);
        fputs(" : ", o->f);
    }
    loom_expr_bits(o, x->a, 0, x->bits - 1, slot);
}

/* A table, cut to the bits that are read of wire x. */
static void table_name(FILE *f, const struct loom_wire *x)
{
    fprintf(f, "table%d_%d_%d", (int)x->k, x->bits - 1, x->low);
}

void loom_expr_wire(const struct loom_expr *o, int i, int slot)
{
    const struct loom_wire *x = &o->w->wire[i];
    int top = x->bits - 1;
    int sign = x->a < 0 ? 0 : loom_wire_width(o->w, x->a) - 1;
    switch (x->op) {
    case LOOM_WIRE_ADD:
        add(o, x, slot);
        break;
    case LOOM_WIRE_NOT:
        fputc('~', o->f);
        loom_expr_bits(o, x->a, x->low, top, slot);
        break;
    case LOOM_WIRE_RELU:
        loom_expr_bits(o, x->a, x->low, top, slot);
        fprintf(o->f, " & {%d{~", top - x->low + 1);
        loom_expr_bits(o, x->a, sign, sign, slot);
        fputs("}}", o->f);
        break;
    case LOOM_WIRE_CLIP:
        clip(o, x, slot);
        break;
    case LOOM_WIRE_MUX:
        loom_expr_bits(o, x->a, 0, 0, slot);
        fputs(" ? ", o->f);
        loom_expr_bits(o, x->b, x->low, top, slot);
        fputs(" : ", o->f);
        loom_expr_bits(o, x->c, x->low, top, slot);
        break;
    case LOOM_WIRE_TABLE:
        table_name(o->f, x);
        fputc('(', o->f);
        loom_expr_bits(o, x->a, 0, sign, slot);
        fputc(')', o->f);
        break;
    default:
        break;
    }
}

/* ---- tables ------------------------------------------------------------- */

/* The table of wire x as a function. */
static void table_function(const struct loom_expr *o, const struct loom_wire *x)
{
    const struct loom_wire_table *t = &o->w->table[x->k];
    int n = x->bits - x->low, in = loom_wire_width(o->w, x->a);
    fprintf(o->f, "    function [%d:0] ", n - 1);
    table_name(o->f, x);
    fprintf(o->f,
            ";\n        input [%d:0] a;\n"
            "        (* rom_style = \"logic\" *) case (a)\n",
            in - 1);
    for (size_t k = 0; k < t->n; k++) {
        fputs("        ", o->f);
        loom_expr_literal(o->f, in, t->lo + (int64_t)k);
        fputs(": ", o->f);
        table_name(o->f, x);
        fputs(" = ", o->f);
        loom_expr_literal(o->f, n, t->v[k] >> x->low);
        fputs(";\n", o->f);
    }
    fputs("        default: ", o->f);
    table_name(o->f, x);
    fprintf(o->f, " = %d'bx;\n        endcase\n    endfunction\n", n);
}

void loom_expr_sums(const struct loom_expr *o, int layer)
{
    const struct loom_wires *w = o->w;
    uint64_t done = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct loom_wire *x = &w->wire[i];
        int n = x->bits - loom_wire_chain(x);
        if (x->op != LOOM_WIRE_ADD || !x->bits || x->layer != layer ||
            loom_wire_is_view(w, (int)i) || !in_luts(o->family, x) ||
            done >> n & 1)
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

void loom_expr_tables(const struct loom_expr *o, int layer)
{
    const struct loom_wires *w = o->w;
    for (size_t i = 0; i < w->n; i++) {
        const struct loom_wire *x = &w->wire[i];
        if (x->op != LOOM_WIRE_TABLE || !x->bits ||
            (layer >= 0 && x->layer != layer))
            continue;
        bool done = false;
        for (size_t k = 0; k < i && !done; k++)
            done = w->wire[k].op == x->op &&
                   (layer < 0 || w->wire[k].layer == layer) &&
                   w->wire[k].k == x->k && w->wire[k].bits == x->bits &&
                   w->wire[k].low == x->low;
        if (!done)
            table_function(o, x);
    }
}
