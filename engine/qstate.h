/* A trained quantizer: its bits as parameters of a model.
 * KIF holds i and f and has b = max(i + f, 0) bits; KBI holds b and i and has
 * f = b - i. Stored bits are real numbers; they are read rounded half to
 * even, with the gradient passed straight through. With WRAP, i is not
 * trained but follows the data. Source: HGQ2's KIF and KBI quantizers.
 *
 * With the semantics of HGQ's first version (v1; KIF with WRAP only) bits count
 * in another way: a weight's from its highest bit down to the grid in training,
 * from its highest to its lowest that is not 0 else, without sign; data's with
 * their sign, where there is one, and with the exact range once it is traced,
 * the range being that of the epoch. The gradient of EBOPs on bits that n
 * elements share is divided by sqrt(n). Source: HGQ, arXiv 2405.00645, as its
 * first implementation has it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engine/err.h"
#include "engine/quantizer.h"

struct loom_model;
struct loom_shape;

enum loom_qtype { LOOM_KIF, LOOM_KBI };

struct loom_qconf {
    enum loom_qtype type;
    struct loom_quant_mode mode;
    float k0, b0, i0, f0;
    float b_range[2], i_range[2], f_range[2]; /* -+infinity: none */
    float l1;                                 /* MonoL1 on the trained bits */
    float i_decay;       /* a step, of the tracked i; infinite: none kept */
    bool v1, stochastic; /* rounding (S_RND), in training */
    bool adapt; /* begin with i that just holds the weights, and with b0, or
                   with KIF f0, bits that count; see loom_qstate_adapt */
    /* Bits differ along axis a where bit a is set (axes of one row's shape,
     * or of the weights'); elements that share all such indices share bits. */
    unsigned axes;
    bool trained;
};

/* HGQ2's defaults by place. */
enum loom_qplace { LOOM_Q_WEIGHT, LOOM_Q_BIAS, LOOM_Q_DATA };
struct loom_qconf loom_qconf_default(enum loom_qplace place);

/* Overlay the fields of a JSON object (may be NULL) on c: type, round (S_RND
 * too), overflow, k0, b0, i0, f0, b, i, f (ranges, or false), l1, i_decay,
 * trained, adapt, semantics: "v2" or "v1", which changes the defaults; per:
 * "element", "tensor", "channel" (the last axis of the shape), or an array of
 * axes, the first being 1. */
int loom_qconf_read(struct loom_qconf *c, const json_t *j,
                    const struct loom_shape *shape, const char *layer,
                    struct loom_errmsg *e);

struct loom_qstate {
    struct loom_qconf conf;
    size_t n, groups; /* elements; sets of bits */
    uint32_t *group;  /* [n] the set of each, never above its own number;
                         NULL: every element has its own */
    int k, i, bf;     /* parameters; bf is f (KIF) or b (KBI) */
    float share;      /* v1: of the EBOPs gradients, 1 / sqrt(elements) */
    /* read by prepare, one an element [n], whole numbers */
    float *rk, *ri, *rf, *bits; /* bits: as EBOPs counts them */
};

/* Add the parameters "<name>/{k,i,f|b}" to a layer, for elements of this
 * shape. */
void loom_qstate_build(struct loom_qstate *q, struct loom_model *m,
                       const char *layer, const char *name,
                       const struct loom_shape *shape,
                       const struct loom_qconf *conf);
void loom_qstate_init(const struct loom_qstate *q, struct loom_model *m);

/* Initial bits adapted to the values v [n], where conf asks for it: KIF
 * f = f0 - log2 of the largest of those that share bits, KBI i that just holds
 * it in b0 bits. Source: HGQ's first version. */
void loom_qstate_adapt(const struct loom_qstate *q, struct loom_model *m,
                       const float *v);

/* Round the stored bits into rk, ri, rf, bits. */
void loom_qstate_prepare(struct loom_qstate *q, const struct loom_model *m);

/* WRAP in training: i = max(i - decay, bits that hold top); top [n] is the
 * largest magnitude of each element, on the grid for KIF, raw for KBI. v1: the
 * first step of an epoch forgets what was before; k as any negative [n] > 0
 * says (else it may be NULL). */
void loom_qstate_track(struct loom_qstate *q, struct loom_model *m,
                       const float *top, const float *negative);

/* WRAP, calibration: i = bits that hold top [n]; k = any negative [n] > 0. v1:
 * top are the largest values and negative the largest of their negatives; the
 * lowest number of a format counts, too. */
void loom_qstate_trace(struct loom_qstate *q, struct loom_model *m,
                       const float *top, const float *negative);

/* Add the loss gradients g[c] di[c] on i and g[c] df[c] on f of elements
 * j .. j+n (i and f as independent) to the stored bits' gradients. di NULL:
 * i gets none. */
void loom_qstate_grad(const struct loom_qstate *q, struct loom_model *m,
                      size_t j, size_t n, const float *g, const float *di,
                      const float *df);

/* The gradient on the trained f or b of element j, of the last step. */
float loom_qstate_gradient(const struct loom_qstate *q,
                           const struct loom_model *m, size_t j);

/* Add g, a gradient on each of bits[j .. j+n), to the stored bits'
 * gradients. */
void loom_qstate_bits_grad(const struct loom_qstate *q, struct loom_model *m,
                           size_t j, size_t n, float g);
