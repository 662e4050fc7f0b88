/* One layer of the frozen network as logic, straight from its integers, to hold
 * a netlist against.
 *
 * Everything but sums is written down from the network alone. A sum of many
 * products would defeat any solver if its adders stood in another order than
 * the circuit's. So the circuit's own adders are taken, and that they come to
 * sum(w x) + b is proven over the integers: coefficient by coefficient, with no
 * width on the way too small. Only the bits are then left to a solver.
 *
 * The layer's inputs are the values of other layers, any that their intervals
 * allow: a layer proven is right whatever the others do, and all layers proven
 * make the network right. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fpga_flow/aig.h"
#include "fpga_flow/design.h"

/* Bit `bit` of element `elem` of a node should be `want`, where `when` holds;
 * it is bit `at` of a wire of the layer, or (wire -1) the literal `is`. */
struct loom_claim {
    int node, elem, bit;
    int wire, at, is;
    int want, when;
};

struct loom_reference {
    struct loom_claim *claim;
    size_t n_claims;
    int plain;  /* sums that are not known to be what they should be: they are
                   left to the solver as well */
    bool loose; /* it reads what is inside another layer, or holds a value in
                   another form: a difference may be one that cannot occur */
    struct loom_reference_own *own;
};

/* The layer in graph g; both must outlive it. */
struct loom_reference *loom_reference_new(const struct loom_design *d,
                                          int layer, struct loom_aig *g);
void loom_reference_destroy(struct loom_reference *r);

/* What bit `bit` of a wire is: of a wire that enters the layer or of one of its
 * own. */
int loom_reference_bit(struct loom_reference *r, int wire, int bit);

/* Whether a claim of this layer or of another covers this bit of one of this
 * layer's wires; else what reads it relies on loom_reference_bit. */
bool loom_reference_covers(const struct loom_reference *r, int wire, int bit);

/* Where all inputs are in their intervals. */
int loom_reference_inputs(const struct loom_reference *r);

/* The value of element j of node k, one of the layer's or one that it reads. */
const struct loom_word *loom_reference_value(struct loom_reference *r, int k,
                                             int j);
