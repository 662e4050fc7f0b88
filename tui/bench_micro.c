/* Micro-benchmarks of cells: sixteen of one construct side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/bench.h"

enum { COPIES = 16, MOST_LAYERS = 4, A = 2, B = 3, FIRST = 4 };

/* A layer behind both operands, which are layers A and B; the next is FIRST.
 * Of a quantizer: bits more (or fewer) than an operand has. */
struct micro_layer {
    const char *kind;
    int in[2]; /* 0: none */
    const char *round, *overflow, *function;
    int more_i, more_f;
    int factor; /* of a scale */
};

/* clang-format off */
#define LAYER(k, ...) {.kind = k, .in = {__VA_ARGS__}}
#define TIMES(from, f) {.kind = "scale", .in = {from}, .factor = f}
#define BITS(from, r, o, i, f)                                                 \
    {.kind = "quantize", .in = {from}, .round = r, .overflow = o,              \
     .more_i = i, .more_f = f}

static const struct micro {
    const char *name;
    int widths[5]; /* of the operands; ended by 0 */
    struct micro_layer layer[MOST_LAYERS];
    bool positive; /* operands without sign */
} micros[] = {
    {.name = "sum", .widths = {2, 4, 6, 9, 12}, .layer = {LAYER("add", A, B)}},
    {.name = "sum of positives", .widths = {2, 4, 6, 9, 12}, .layer = {LAYER("add", A, B)}, .positive = true},
    {.name = "difference of positives", .widths = {3, 6, 12}, .layer = {LAYER("subtract", A, B)}, .positive = true},
    {.name = "difference", .widths = {3, 6, 12}, .layer = {LAYER("subtract", A, B)}},
    {.name = "complement", .widths = {3, 6, 12},
     .layer = {LAYER("add", A, B), LAYER("subtract", A, FIRST)}},
    {.name = "chain", .widths = {4, 8, 12},
     .layer = {LAYER("add", A, B), LAYER("add", FIRST, A),
      LAYER("subtract", FIRST + 1, B)}},
    {.name = "relu of a sum", .widths = {3, 6, 12}, .layer = {LAYER("add", A, B), LAYER("relu", FIRST)}},
    {.name = "relu of a difference of positives", .widths = {3, 6, 12},
     .layer = {LAYER("subtract", A, B), LAYER("relu", FIRST)},
     .positive = true},
    {.name = "shifted sum of positives", .widths = {4, 8, 12},
     .layer = {TIMES(B, 8), LAYER("add", A, FIRST)}, .positive = true},
    {.name = "shifted difference", .widths = {4, 8, 12},
     .layer = {TIMES(A, 8), LAYER("subtract", FIRST, B)}, .positive = true},
    {.name = "neuron", .widths = {3, 6},
     .layer = {TIMES(A, 4), LAYER("subtract", FIRST, B),
               LAYER("add", FIRST + 1, A), LAYER("relu", FIRST + 2)},
     .positive = true},
    {.name = "relu of a maximum", .widths = {4, 8},
     .layer = {LAYER("maximum", A, B), LAYER("relu", FIRST)}},
    {.name = "rounded", .widths = {4, 8, 12},
     .layer = {LAYER("add", A, B), BITS(FIRST, "RND", "WRAP", 1, -2)}},
    {.name = "rounded to even", .widths = {4, 8, 12},
     .layer = {LAYER("add", A, B), BITS(FIRST, "RND_CONV", "WRAP", 1, -2)}},
    {.name = "cut off", .widths = {4, 8, 12},
     .layer = {LAYER("add", A, B), BITS(FIRST, "TRN", "SAT", -1, 0)}},
    {.name = "cut off symmetrically", .widths = {4, 8, 12},
     .layer = {LAYER("add", A, B), BITS(FIRST, "TRN", "SAT_SYM", -1, 0)}},
    {.name = "maximum", .widths = {3, 6, 12}, .layer = {LAYER("maximum", A, B)}},
    {.name = "product", .widths = {2, 3, 5}, .layer = {LAYER("multiply", A, B)}},
    {.name = "table", .widths = {3, 4, 5, 6, 7},
     .layer = {{.kind = "function", .in = {A}, .function = "tanh"},
      BITS(FIRST, "RND", "SAT", -9, 6), LAYER("add", FIRST + 1, B)}},
    {.name = "delay", .widths = {4, 8},
     .layer = {LAYER("add", A, B), LAYER("add", FIRST, B),
      LAYER("add", FIRST + 1, FIRST), LAYER("add", FIRST + 2, A)}},
};
/* clang-format on */

/* A quantizer of w bits, or of some more; a function by its name. */
static json_t *conf_of(const struct micro_layer *p, int w)
{
    if (p->function)
        return json_pack("{s:s}", "name", p->function);
    if (p->factor)
        return json_pack("{s:i}", "factor", p->factor);
    if (strcmp(p->kind, "quantize") != 0)
        return json_object();
    int i = p->more_i < -8 ? 0 : w - 1 + p->more_i;
    return json_pack("{s:i,s:i,s:s,s:s,s:b}", "i0", i, "f0", p->more_f, "round",
                     p->round, "overflow", p->overflow, "trained", 0);
}

static int add(struct loom_model *m, const char *kind, const int *in,
               json_t *take_conf, struct loom_errmsg *e)
{
    char name[24];
    snprintf(name, sizeof(name), "%s_%d", kind, m->n_layers);
    int n = !in ? 0 : in[1] ? 2 : 1;
    int at = loom_model_add(m, kind, name, in, n, take_conf, e);
    json_decref(take_conf);
    return at;
}

/* Input, its quantizer, and both halves of it. */
static int add_operands(struct loom_model *m, int w, bool positive,
                        struct loom_errmsg *e)
{
    static const int input[2] = {0, 0}, bits[2] = {1, 0};
    int at = add(m, "input", NULL, json_pack("{s:i}", "n", 2 * COPIES), e);
    if (at >= 0)
        at = add(m, "quantize", input,
                 json_pack("{s:i,s:i,s:i,s:b}", "k0", !positive, "i0",
                           w - !positive, "f0", 0, "trained", 0),
                 e);
    for (int h = 0; at >= 0 && h < 2; h++)
        at = add(m, "slice", bits,
                 json_pack("{s:i,s:i,s:i}", "axis", 1, "from", h * COPIES, "to",
                           (h + 1) * COPIES),
                 e);
    return at;
}

static struct loom_exact *make(const struct micro *b, int w,
                               struct loom_errmsg *e)
{
    struct loom_model *m = loom_model_new();
    struct loom_exact *net = NULL;
    int at = add_operands(m, w, b->positive, e);
    for (int k = 0; at >= 0 && k < MOST_LAYERS && b->layer[k].kind; k++)
        at = add(m, b->layer[k].kind, b->layer[k].in, conf_of(&b->layer[k], w),
                 e);
    if (at >= 0 && !loom_model_finish(m, at, 1, e)) {
        loom_model_prepare(m, LOOM_MODE_EVAL);
        net = loom_model_freeze(m, e);
    }
    loom_model_destroy(m);
    return net;
}

struct loom_exact *bench_micro(int k, char name[48], struct loom_errmsg *e)
{
    name[0] = 0;
    for (size_t i = 0; i < sizeof(micros) / sizeof(*micros); i++)
        for (int w = 0; w < 5 && micros[i].widths[w]; w++)
            if (k-- == 0) {
                int bits = micros[i].widths[w];
                snprintf(name, 48, "%s, %d bits", micros[i].name, bits);
                return make(&micros[i], bits, e);
            }
    return NULL;
}
