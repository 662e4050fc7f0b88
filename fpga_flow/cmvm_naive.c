#include "fpga_flow/cmvm_naive.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/fixed.h"
#include "engine/mem.h"

enum { GROUP = 4 }; /* terms of two levels */

/* +-(name << shift) */
struct term {
    char name[48];
    int shift;
    bool negate;
    int64_t lo, hi; /* of the name */
};

struct writer {
    const struct loom_design *d;
    const int64_t *w;
    struct term *term; /* of one output */
    int n;
    FILE *decl, *step; /* declarations, assignments at a clock edge */
};

/* Output j, low zero bits aside: its port has none. */
static void read_terms(struct writer *x, size_t j)
{
    size_t n_out = x->d->w->n_out;
    int low = -x->d->w->out_f[j];
    x->n = 0;
    for (size_t i = 0; i < x->d->w->n_in; i++) {
        int64_t c = x->w[i * n_out + j] / (INT64_C(1) << low);
        const struct loom_exact_elem *in = &x->d->net->nodes[0].elem[i];
        for (int k = 0; c; c /= 2, k++) {
            if (!(c & 1))
                continue;
            int d = (c & 3) == 3 ? -1 : 1;
            struct term *t = &x->term[x->n++];
            *t = (struct term){
                .shift = k, .negate = d < 0, .lo = in->lo, .hi = in->hi};
            snprintf(t->name, sizeof(t->name), "x%zu", i);
            c -= d;
        }
    }
}

static void declare(struct writer *x, const struct term *t)
{
    fprintf(x->decl, "    reg signed [%d:0] %s;\n",
            loom_interval_width(t->lo, t->hi) - 1, t->name);
}

/* A register of the sum of some terms. One term alone keeps its shift for
 * later. */
static struct term put_sum(struct writer *x, const struct term *t, int n,
                           const char *name)
{
    struct term y = {.shift = n == 1 ? t->shift : 0};
    snprintf(y.name, sizeof(y.name), "%s", name);
    fprintf(x->step, "        %s <=", name);
    for (int i = 0; i < n; i++) {
        bool minus = t[i].negate;
        int64_t k = INT64_C(1) << (n > 1 ? t[i].shift : 0);
        fprintf(x->step, "%s(%s <<< %d)",
                minus ? " - "
                : i   ? " + "
                      : " ",
                t[i].name, n > 1 ? t[i].shift : 0);
        y.lo += (minus ? -t[i].hi : t[i].lo) * k;
        y.hi += (minus ? -t[i].lo : t[i].hi) * k;
    }
    fputs(";\n", x->step);
    declare(x, &y);
    return y;
}

/* The terms of an output to one, a stage after the other. */
static void add_up(struct writer *x, size_t j, int stages)
{
    for (int s = 0; s < stages; s++) {
        int m = 0;
        for (int i = 0; i < x->n; i += GROUP) {
            char name[48];
            int n = x->n - i < GROUP ? x->n - i : GROUP;
            snprintf(name, sizeof(name), "s%zu_%d_%d", j, s, m);
            x->term[m++] = put_sum(x, &x->term[i], n, name);
        }
        x->n = m;
    }
}

static int stages_of(int terms)
{
    int stages = 1;
    for (; terms > GROUP; terms = (terms + GROUP - 1) / GROUP)
        stages++;
    return stages;
}

static void put_ports(FILE *f, const struct loom_design *d)
{
    fprintf(f,
            "module %s (\n    input wire clk,\n    input wire [%d:0] x,\n"
            "    output wire [%d:0] y\n);\n",
            d->name, d->in_bits - 1, d->out_bits - 1);
    for (size_t i = 0; i < d->w->n_in; i++)
        if (d->in[i].bits)
            fprintf(f, "    wire signed [%d:0] x%zu = x[%d +: %d];\n",
                    d->in[i].bits - 1, i, d->in[i].at, d->in[i].bits);
}

static void put_output(FILE *f, const struct loom_port *p, const struct term *t)
{
    fprintf(f,
            "    wire signed [%d:0] y%d = %s <<< %d;\n"
            "    assign y[%d +: %d] = y%d;\n",
            p->bits - 1, p->at, t->name, t->shift, p->at, p->bits, p->at);
}

char *loom_cmvm_naive(struct loom_design *d, const int64_t *w)
{
    enum { DIGITS = 32 };
    struct writer x = {.d = d, .w = w};
    char *decl, *step, *text;
    size_t size;
    x.term = loom_malloc((d->w->n_in * DIGITS + 1) * sizeof(*x.term));
    x.decl = open_memstream(&decl, &size);
    x.step = open_memstream(&step, &size);
    d->latency = 1;
    for (size_t j = 0; j < d->w->n_out; j++) {
        read_terms(&x, j);
        int stages = stages_of(x.n);
        d->latency = stages > d->latency ? stages : d->latency;
    }
    FILE *outs = open_memstream(&text, &size);
    for (size_t j = 0; j < d->w->n_out; j++) {
        read_terms(&x, j);
        if (!x.n)
            continue;
        add_up(&x, j, d->latency);
        put_output(outs, &d->out[j], &x.term[0]);
    }
    fclose(x.decl);
    fclose(x.step);
    fclose(outs);
    char *outputs = text;
    FILE *f = open_memstream(&text, &size);
    put_ports(f, d);
    fprintf(f, "%s%s    always @(posedge clk) begin\n%s    end\nendmodule\n",
            decl, outputs, step);
    fclose(f);
    free(decl);
    free(step);
    free(outputs);
    free(x.term);
    return text;
}
