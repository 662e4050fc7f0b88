/* Wires: the network as a scalar single-assignment program, bit for bit what
 * the chip computes. Every wire is an integer v that stands for v * 2^-f, with
 * an exact interval [lo, hi]; wires are stored in topological order.
 *
 * SHL, SHR, WRAP, BIT and an ADD whose operands do not overlap are views: they
 * only rename bits and cost nothing. The constructors fold constants, drop
 * what does nothing and return an existing wire for an equal one, so building
 * is plain and the result is small. An interval of more than 62 bits makes the
 * program invalid (`wide`), which loom_wires_lower reports. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "engine/exact.h"

enum loom_wire_op {
    LOOM_WIRE_INPUT, /* element k of the row of integers */
    LOOM_WIRE_CONST, /* k */
    LOOM_WIRE_ADD,   /* (a << sa) + (b << sb) + 2^carry (none if carry < 0;
                        carry <= max(sa, sb)); complemented if inv;
                        (a << sa) - (b << sb) if sub, without both */
    LOOM_WIRE_NOT,   /* -a - 1 */
    LOOM_WIRE_RELU,  /* max(a, 0) */
    LOOM_WIRE_CLIP,  /* min(max(a, k), k2) */
    LOOM_WIRE_MUX,   /* a ? b : c */
    LOOM_WIRE_TABLE, /* table[k] at a */
    LOOM_WIRE_SHL,   /* a << k */
    LOOM_WIRE_SHR,   /* floor(a / 2^k) */
    LOOM_WIRE_WRAP,  /* low k bits of a, two's complement if k2 */
    LOOM_WIRE_BIT    /* bit k of a: 0 or 1 */
};

struct loom_wire {
    enum loom_wire_op op;
    bool inv, sub;
    int carry;
    int a, b, c;   /* wires, -1 if unused */
    int sa, sb;    /* shifts of a and b in ADD */
    int64_t k, k2; /* constants of the op */
    int f;
    int64_t lo, hi;
    int bits;  /* low bits that anyone reads, at most the interval's width */
    int low;   /* of these, the lowest that anyone reads */
    int level; /* adders, clips and selections on the way from the inputs */
    int layer; /* which layer it belongs to, and which output of it */
    int index;
};

/* A DENSE node and what follows it, or an input and what follows it. */
struct loom_wire_layer {
    char *name; /* owned; of the node that leads it */
    int node;
    int depth; /* DENSE nodes on the way here, this one included */
};

/* Where an element of the network is: its integer is v << shift, plus a
 * constant for elements of a LINEAR node (rounding that is done ahead). */
struct loom_wire_place {
    int wire; /* -1: nothing needed it as such */
    int shift;
};

/* v[x - lo] for x of [lo, lo + n). */
struct loom_wire_table {
    int64_t lo;
    size_t n;
    int64_t *v;
};

/* What costs nothing. */
enum loom_wire_style {
    LOOM_WIRES_COMPLEMENT, /* to complement a sum; to subtract does */
    LOOM_WIRES_SUBTRACT,   /* to subtract; to complement a sum does */
    LOOM_WIRES_SERIAL      /* likewise, and a shift is a delay: a wire's level
                              is when its lowest bit is there */
};

struct loom_wires {
    size_t n, cap;
    struct loom_wire *wire;
    size_t n_tables;
    struct loom_wire_table *table; /* owned, each with its v */
    size_t n_layers;
    struct loom_wire_layer *layer;
    size_t n_nodes;
    struct loom_wire_place **place; /* [n_nodes][elements of the node] */
    int *node_layer;                /* [n_nodes] */
    size_t n_in, n_out;
    int *out;   /* [n_out] wire of each output */
    int *out_f; /* [n_out] its f in the network */

    int at_layer, at_index; /* stamped on new wires */
    enum loom_wire_style style;
    bool mixed; /* sums add terms of both signs early where they are less deep
                   for it */
    bool wide;      /* an interval passed 62 bits */
    int *bucket;            /* hash of wires while building; NULL afterwards */
    size_t n_buckets;
};

struct loom_share; /* share.h */

/* Lower a network, LINEAR node k with its sums shared as share[k] says (NULL:
 * none shares), in the style of a target; NULL and a sentence when a width
 * passes 62 bits. The result does not refer to net. */
struct loom_wires *loom_wires_lower(const struct loom_exact *net,
                                    const struct loom_share *share,
                                    enum loom_wire_style style,
                                    struct loom_errmsg *e);
void loom_wires_destroy(struct loom_wires *w);

/* Run rows of integers through the program: q [rows][n_in], y [rows][n_out].
 * The same bits as loom_exact_run. */
void loom_wires_run(const struct loom_wires *w, const int64_t *q, size_t rows,
                    int64_t *y);

/* What adders and registers come to: adder_bits counts carry chains only (or
 * full adders), registers are bits. */
struct loom_design_size {
    int adders, adder_bits, registers, depth;
};

/* Bits of wire i's interval. */
int loom_wire_width(const struct loom_wires *w, int i);

/* Its level, where it is an operand of a sum: 0 for a serial leaf. */
int loom_wire_time(const struct loom_wires *w, int i);

/* First bit of ADD wire i's carry chain; the bits below are an operand's. */
int loom_wire_chain(const struct loom_wire *x);

/* Whether wire i only renames bits of others. */
bool loom_wire_is_view(const struct loom_wires *w, int i);

/* Bit i of wire `id`, followed through views: `wire` is a wire that is not a
 * view and `i` the bit of it; wire -1: the constant i. Bits below 0 are 0,
 * above the width the sign. */
struct loom_wire_bit {
    int wire, i;
};
struct loom_wire_bit loom_wire_bit(const struct loom_wires *w, int id, int i);

/* Settle which bits of each wire are read, for the outputs `out`; where each
 * wire goes when those that no output depends on are left out (-1: it is), in
 * fresh memory. Then leave them out, and end building. */
int *loom_wires_settle(struct loom_wires *w);
void loom_wires_compact(struct loom_wires *w, const int *to);

/* ---- constructors, for those who build parts of the program ------------- */

int loom_wire_input(struct loom_wires *w, int64_t k,
                    const struct loom_exact_elem *elem);
int loom_wire_const(struct loom_wires *w, int64_t k, int f);
/* (a << sa) + (b << sb) + 2^carry, without the last where carry is -1;
 * sa, sb >= 0, carry <= max(sa, sb), where it costs nothing. */
int loom_wire_add(struct loom_wires *w, int a, int sa, int b, int sb,
                  int carry);
/* (a << sa) - (b << sb), in the way that the target likes; sa, sb >= 0. */
int loom_wire_sub(struct loom_wires *w, int a, int sa, int b, int sb);
/* -a - 1; of an adder it is a sum that is stored complemented, unless the
 * target subtracts. */
int loom_wire_not(struct loom_wires *w, int a);
int loom_wire_relu(struct loom_wires *w, int a);
int loom_wire_clip(struct loom_wires *w, int a, int64_t lo, int64_t hi);
int loom_wire_mux(struct loom_wires *w, int sel, int b, int c);
/* What t says of a, in steps of 2^-f; t covers all that a can be. Copies what
 * it needs of t. */
int loom_wire_table(struct loom_wires *w, int a,
                    const struct loom_wire_table *t, int f);
/* a, of which the caller knows that it lies in [lo, hi]. */
int loom_wire_known(struct loom_wires *w, int a, int64_t lo, int64_t hi);
int loom_wire_shl(struct loom_wires *w, int a, int s);
int loom_wire_shr(struct loom_wires *w, int a, int s);
int loom_wire_wrap(struct loom_wires *w, int a, int bits, bool sign);
int loom_wire_bit_of(struct loom_wires *w, int a, int bit);
