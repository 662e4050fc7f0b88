/* Bit-serial arithmetic: a network's sums one bit a clock cycle, lowest first.
 * An adder of any width is a full adder and its carry then, two cells; a shift
 * is a delay, and what has no bits still costs nothing. Networks with wide sums
 * take less than half of the cells so, at twice the clock, for one result every
 * `ii` cycles; those with narrow sums gain nothing.
 *
 * Times are clock cycles after the one in which `go` is high and the inputs
 * are there; all is relative to it, so rows may follow at any distance of at
 * least ii. Only sums are serial. A number that a sum takes and that is no sum
 * of the same segment is a leaf: its bits are loaded into a shift register,
 * all leaves of a segment at once. Bits of a sum that something else reads
 * are kept in a shift register, where they stay until the next row's arrive; if
 * only a leaf reads them, it is sent from there.
 *
 * Every stream is 0 before its lowest bit and after its last one, so nothing
 * has to know where another row begins: an adder only has its carry cleared
 * when its operands have ended. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fpga_flow/wires.h"

/* What an adder reads: bit 0 of it is taken `shift` bits later than the
 * adder's own, after so many registers of delay. */
struct loom_bitserial_operand {
    enum { LOOM_OPERAND_ZERO, LOOM_OPERAND_SUM, LOOM_OPERAND_LEAF } kind;
    int id; /* wire, or leaf */
    int shift, delay;
};

/* Of a wire that is no view and no constant. */
struct loom_bitserial_wire {
    int segment; /* of a sum, from 1; of another the last one before it */
    int from;    /* first cycle in which its value is there, all bits at once */
    int until;   /* last one; after that its copies: each ii cycles longer */
    int copies;  /* that someone reads */
    bool inside; /* max(x, 0) that is part of how a leaf is sent */

    /* Sums only. */
    int need;      /* bits that someone reads; 0: nobody */
    int start;     /* cycle in which bit 0 is there */
    int clear;     /* in which its carry is cleared; -1: it is 0 by itself */
    int inject;    /* in which a carry is put in; -1: none is */
    int delay;     /* registers behind it that someone reads */
    int low, bits; /* low .. bits - 1 are kept; none if bits is 0 */
    int sign;      /* a bit that is kept apart; -1: none */
    int sends;     /* the leaf that is sent from the kept bits; -1: none */
    struct loom_bitserial_operand op[2];
};

struct loom_bitserial_leaf {
    int wire;   /* whose value it sends; a view or a constant it may be */
    int reader; /* the first sum that reads it */
    int layer;  /* of that */
    int segment, load; /* cycle in which it is loaded; bit 0 is there after */
    int need;          /* bits that someone reads */
    int bits;          /* at most its width */
    int sum;           /* sent from the kept bits of this one; -1: loaded */
    int clear; /* cycle in which a signed one is cleared; -1: it empties */
    int delay; /* registers behind it that someone reads */
};

/* A signal that is high from cycle a to b - 1, and, if c is not 0, from c to
 * d - 1 again. */
struct loom_bitserial_window {
    int a, b, c, d;
};

struct loom_bitserial {
    int ii, latency;
    int last;     /* last cycle that anything is told of */
    int *longest; /* [segments + 1] most bits of a leaf that is sent so */
    struct loom_bitserial_wire *wire; /* [w->n] */
    struct loom_bitserial_leaf *leaf;
    size_t n_leaves;
    struct loom_bitserial_window *window; /* each once; in order */
    size_t n_windows;
};

/* When everything happens. w: lowered for bit-serial arithmetic. */
struct loom_bitserial *loom_bitserial_new(const struct loom_wires *w);
void loom_bitserial_destroy(struct loom_bitserial *s);

/* Adders and registers; layer -1 for all, with those of the control. */
struct loom_design_size loom_bitserial_size(const struct loom_bitserial *s,
                                            const struct loom_wires *w,
                                            int layer);

/* Whether wire i is computed one bit at a time. */
bool loom_bitserial_is_sum(const struct loom_bitserial *s,
                           const struct loom_wires *w, int i);

/* When the kept bits of a sum move: while they pass, and while a leaf is sent
 * from there. */
struct loom_bitserial_window
loom_bitserial_keeps(const struct loom_bitserial *s, int i);

/* When leaf k, which is sent from kept bits, is, and when its last bit, a sign,
 * is repeated (never: a == b). */
struct loom_bitserial_window
loom_bitserial_sends(const struct loom_bitserial *s, int k);
struct loom_bitserial_window
loom_bitserial_extends(const struct loom_bitserial *s,
                       const struct loom_wires *w, int k);

/* Which copy of wire i to read in a cycle, 0 for the wire itself. */
int loom_bitserial_copy(const struct loom_bitserial *s, int i, int time);
