/* add, subtract, multiply, maximum, minimum: several inputs into one, element
 * by element; axes of size 1 (and those that are missing in front) repeat.
 * EBOPs as HGQ2 counts them, over the elements of the output, b the bits of
 * the quantizers before it: add .65 (sum b - min b), maximum and minimum
 * sum b - min b, subtract max(b0, b1), multiply b0 b1; nothing where an input
 * has none, or counts as HGQ's first version. */
#include <stdio.h>
#include <string.h>

#include "engine/layer.h"

struct merge {
    int32_t *at[LOOM_MAX_INPUTS]; /* [n] element of input i; NULL: the same */
    size_t ld[LOOM_MAX_INPUTS], n[LOOM_MAX_INPUTS];
    struct loom_qstate *bits[LOOM_MAX_INPUTS];
};

static size_t element(const struct merge *s, int i, size_t j)
{
    return s->at[i] ? (size_t)s->at[i][j] : j;
}

/* Size of axis a of the output, counted from the last. */
static size_t dim_from_end(const struct loom_shape *s, int a)
{
    return a < s->rank ? s->dim[s->rank - 1 - a] : 1;
}

static int broadcast(const struct loom_model *m, struct loom_layer *l,
                     struct loom_errmsg *e)
{
    size_t dim[LOOM_MAX_DIMS] = {1, 1, 1, 1};
    int rank = 1;
    for (int i = 0; i < l->n_inputs; i++) {
        const struct loom_layer *src = &m->layer[l->input[i]];
        rank = src->shape.rank > rank ? src->shape.rank : rank;
        for (int a = 0; a < LOOM_MAX_DIMS; a++) {
            size_t n = dim_from_end(&src->shape, a);
            size_t *d = &dim[LOOM_MAX_DIMS - 1 - a];
            if (n != 1 && *d != 1 && n != *d)
                return loom_fail(e, LOOM_ERR_SHAPE,
                                 "%s: the shapes of its inputs %s and %s do "
                                 "not fit",
                                 l->name, m->layer[l->input[0]].name,
                                 src->name);
            *d = n > *d ? n : *d;
        }
    }
    loom_layer_shape(l, rank, dim + LOOM_MAX_DIMS - rank);
    return 0;
}

static void fill_map(const struct loom_layer *l, const struct loom_shape *in,
                     int32_t *at)
{
    for (size_t j = 0; j < l->n; j++) {
        size_t left = j, scale = 1, sum = 0;
        for (int a = 0; a < l->shape.rank; a++) {
            size_t out = dim_from_end(&l->shape, a), n = dim_from_end(in, a);
            sum += n == 1 ? 0 : left % out * scale;
            left /= out;
            scale *= n;
        }
        at[j] = (int32_t)sum;
    }
}

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {NULL};
    struct merge *s = l->state;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = broadcast(m, l, e);
    for (int i = 0; !err && i < l->n_inputs; i++) {
        struct loom_layer *src = &m->layer[l->input[i]];
        s->ld[i] = src->ld;
        s->n[i] = src->n;
        if (src->ops->output_bits)
            s->bits[i] = src->ops->output_bits(src);
        if (src->n != l->n) {
            s->at[i] = loom_model_memory(m, l->n, sizeof(**s->at));
            if (s->at[i])
                fill_map(l, &src->shape, s->at[i]);
        }
    }
    return err;
}

/* ---- values ------------------------------------------------------------ */

enum op { ADD, SUBTRACT, MULTIPLY, MAXIMUM, MINIMUM };

static inline float value(const struct loom_block *b, const struct merge *s,
                          int i, size_t r, size_t j)
{
    return b->in[i][r * s->ld[i] + element(s, i, j)];
}

static inline void forward(const struct loom_layer *l,
                           const struct loom_block *b, enum op op)
{
    const struct merge *s = l->state;
    for (size_t r = 0; r < b->rows; r++) {
        float *y = b->out + r * l->ld;
        for (size_t j = 0; j < l->n; j++)
            y[j] = value(b, s, 0, r, j);
        for (int i = 1; i < l->n_inputs; i++)
            for (size_t j = 0; j < l->n; j++) {
                float x = value(b, s, i, r, j);
                y[j] = op == ADD                               ? y[j] + x
                       : op == SUBTRACT                        ? y[j] - x
                       : op == MULTIPLY                        ? y[j] * x
                       : (op == MAXIMUM ? y[j] > x : y[j] < x) ? y[j]
                                                               : x;
            }
    }
}

/* Where several inputs are the maximum (minimum), each gets its share. */
static float share_of(const struct loom_layer *l, const struct loom_block *b,
                      size_t r, size_t j)
{
    int n = 0;
    for (int i = 0; i < l->n_inputs; i++)
        n += value(b, l->state, i, r, j) == b->out[r * l->ld + j];
    return 1.0f / (float)(n ? n : 1);
}

/* Derivative of element j with respect to input i. */
static inline float derivative(const struct loom_layer *l,
                               const struct loom_block *b, enum op op, int i,
                               size_t r, size_t j)
{
    if (op == ADD)
        return 1.0f;
    if (op == SUBTRACT)
        return i ? -1.0f : 1.0f;
    if (op == MULTIPLY)
        return value(b, l->state, 1 - i, r, j);
    return value(b, l->state, i, r, j) == b->out[r * l->ld + j]
               ? share_of(l, b, r, j)
               : 0.0f;
}

static inline void backward(const struct loom_layer *l,
                            const struct loom_block *b, enum op op)
{
    const struct merge *s = l->state;
    for (int i = 0; i < l->n_inputs; i++) {
        if (!b->gin[i])
            continue;
        memset(b->gin[i], 0, b->rows * s->ld[i] * sizeof(float));
        for (size_t r = 0; r < b->rows; r++)
            for (size_t j = 0; j < l->n; j++)
                b->gin[i][r * s->ld[i] + element(s, i, j)] +=
                    b->gout[r * l->ld + j] * derivative(l, b, op, i, r, j);
    }
}

/* ---- cost -------------------------------------------------------------- */

/* Least of the inputs' bits at element j, and how many have it. */
static float least(const struct loom_layer *l, size_t j, int *count)
{
    const struct merge *s = l->state;
    float low = s->bits[0]->bits[element(s, 0, j)];
    *count = 1;
    for (int i = 1; i < l->n_inputs; i++) {
        float b = s->bits[i]->bits[element(s, i, j)];
        *count = b < low ? 1 : *count + (b == low);
        low = b < low ? b : low;
    }
    return low;
}

static bool counted(const struct loom_layer *l)
{
    const struct merge *s = l->state;
    for (int i = 0; i < l->n_inputs; i++)
        if (!s->bits[i] || s->bits[i]->conf.v1)
            return false;
    return true;
}

/* unit (sum of bits - the least). For two inputs, that is the larger. */
static double sum_ebops(struct loom_model *m, struct loom_layer *l, float unit,
                        float beta)
{
    struct merge *s = l->state;
    double total = 0.0;
    if (!counted(l))
        return 0.0;
    for (size_t j = 0; j < l->n; j++) {
        int count;
        float low = least(l, j, &count);
        for (int i = 0; i < l->n_inputs; i++) {
            float b = s->bits[i]->bits[element(s, i, j)];
            float g = b == low ? 1.0f - 1.0f / (float)count : 1.0f;
            total += (double)b;
            if (beta != 0.0f)
                loom_qstate_bits_grad(s->bits[i], m, element(s, i, j), 1,
                                      beta * unit * g);
        }
        total -= (double)low;
    }
    return (double)unit * total;
}

static double ebops_multiply(struct loom_model *m, struct loom_layer *l,
                             float beta)
{
    struct merge *s = l->state;
    double total = 0.0;
    if (!counted(l))
        return 0.0;
    for (size_t j = 0; j < l->n; j++) {
        size_t u = element(s, 0, j), v = element(s, 1, j);
        float a = s->bits[0]->bits[u], b = s->bits[1]->bits[v];
        total += (double)a * (double)b;
        if (beta == 0.0f)
            continue;
        loom_qstate_bits_grad(s->bits[0], m, u, 1, beta * b);
        loom_qstate_bits_grad(s->bits[1], m, v, 1, beta * a);
    }
    return total;
}

static void describe(const struct loom_model *m, const struct loom_layer *l,
                     struct loom_train_layer *row)
{
    const struct merge *s = l->state;
    double sum = 0.0, n = 0.0;
    (void)m;
    for (int i = 0; i < l->n_inputs; i++)
        for (size_t j = 0; s->bits[i] && j < s->n[i]; j++, n++)
            sum += (double)s->bits[i]->bits[j];
    row->n_in = (int)s->n[0];
    row->n_out = (int)l->n;
    row->mean_a_bits = n > 0 ? (float)(sum / n) : 0.0f;
}

/* ---- integers ---------------------------------------------------------- */

/* A node of the negatives of all elements of the inputs. */
static void freeze_negated(const struct loom_layer *l, const char *word,
                           struct loom_exact *net, const int *input,
                           int n_inputs, size_t n)
{
    char name[64];
    snprintf(name, sizeof(name), "%s%s", l->name, word);
    struct loom_exact_node *d =
        loom_exact_append(net, LOOM_EXACT_LINEAR, name, n, input, n_inputs);
    for (size_t j = 0; j < n; j++) {
        loom_exact_push(d, j, -1.0f);
        d->start[j + 1] = d->n_terms;
    }
}

/* The minimum is the negative of the largest negative. */
static void freeze(struct loom_model *m, struct loom_layer *l,
                   struct loom_exact *net, int *node, enum op op)
{
    static const enum loom_exact_op ops[] = {LOOM_EXACT_LINEAR,
                                             LOOM_EXACT_LINEAR, LOOM_EXACT_MUL,
                                             LOOM_EXACT_MAX, LOOM_EXACT_MAX};
    const struct merge *s = l->state;
    int input[LOOM_MAX_INPUTS], n_inputs = l->n_inputs;
    char name[64];
    size_t all = 0;
    for (int i = 0; i < n_inputs; i++) {
        input[i] = node[l->input[i]];
        all += s->n[i];
    }
    snprintf(name, sizeof(name), "%s%s", l->name, op == MINIMUM ? "/max" : "");
    if (op == MINIMUM) {
        freeze_negated(l, "/negative", net, input, n_inputs, all);
        input[0] = (int)net->n_nodes - 1;
        n_inputs = 1;
    }
    int at = (int)net->n_nodes;
    struct loom_exact_node *d =
        loom_exact_append(net, ops[op], name, l->n, input, n_inputs);
    for (size_t j = 0; j < l->n; j++) {
        size_t first = 0;
        for (int i = 0; i < l->n_inputs; i++) {
            float w = op == SUBTRACT && i ? -1.0f : 1.0f;
            loom_exact_push(d, first + element(s, i, j), w);
            first += s->n[i];
        }
        d->start[j + 1] = d->n_terms;
    }
    if (op == MINIMUM)
        freeze_negated(l, "", net, &at, 1, l->n);
    node[l - m->layer] = (int)net->n_nodes - 1;
}

/* ---- the five kinds ---------------------------------------------------- */

#define KIND(word, op)                                                         \
    static void forward_##word(const struct loom_model *m,                     \
                               const struct loom_layer *l,                     \
                               const struct loom_block *b)                     \
    {                                                                          \
        (void)m;                                                               \
        forward(l, b, op);                                                     \
    }                                                                          \
    static void backward_##word(const struct loom_model *m,                    \
                                const struct loom_layer *l,                    \
                                const struct loom_block *b)                    \
    {                                                                          \
        (void)m;                                                               \
        backward(l, b, op);                                                    \
    }                                                                          \
    static int freeze_##word(struct loom_model *m, struct loom_layer *l,       \
                             struct loom_exact *net, int *node,                \
                             struct loom_errmsg *e)                            \
    {                                                                          \
        (void)e;                                                               \
        freeze(m, l, net, node, op);                                           \
        return 0;                                                              \
    }

KIND(add, ADD)
KIND(subtract, SUBTRACT)
KIND(multiply, MULTIPLY)
KIND(maximum, MAXIMUM)
KIND(minimum, MINIMUM)

static double ebops_add(struct loom_model *m, struct loom_layer *l, float beta)
{
    return sum_ebops(m, l, 0.65f, beta);
}

static double ebops_max(struct loom_model *m, struct loom_layer *l, float beta)
{
    return sum_ebops(m, l, 1.0f, beta);
}

#define OPS(word, most, cost)                                                  \
    {                                                                          \
        .kind = #word, .n_inputs = 2, .max_inputs = (most),                    \
        .state_size = sizeof(struct merge), .build = build,                    \
        .forward = forward_##word, .backward = backward_##word,                \
        .ebops = (cost), .describe = describe, .freeze = freeze_##word         \
    }

const struct loom_layer_ops loom_layer_add =
    OPS(add, LOOM_MAX_INPUTS, ebops_add);
const struct loom_layer_ops loom_layer_subtract = OPS(subtract, 2, ebops_max);
const struct loom_layer_ops loom_layer_multiply =
    OPS(multiply, 2, ebops_multiply);
const struct loom_layer_ops loom_layer_maximum =
    OPS(maximum, LOOM_MAX_INPUTS, ebops_max);
const struct loom_layer_ops loom_layer_minimum =
    OPS(minimum, LOOM_MAX_INPUTS, ebops_max);
