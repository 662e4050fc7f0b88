/* From the integer network to wires. Rounding is an added constant where it
 * can be, and that constant then joins the bias of the layer before; max(x, 0)
 * and rounding trade places, because rounding is monotone and keeps 0. */
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/share.h"
#include "fpga_flow/wires.h"

struct lower {
    const struct loom_exact *net;
    const struct loom_share *share; /* [node], NULL: none */
    struct loom_wires *w;
    int **wire;      /* [node][element] */
    int64_t **extra; /* [node][element] already added by a LINEAR node */
};

/* Wire of element i of a node's inputs. */
static int wire_in(const struct lower *l, const struct loom_exact_node *d,
                   size_t i)
{
    int k = 0;
    for (; i >= l->net->nodes[d->input[k]].n; k++)
        i -= l->net->nodes[d->input[k]].n;
    return l->wire[d->input[k]][i];
}

/* Places dropped when element j of quantizer d is rounded. */
static int dropped(const struct lower *l, const struct loom_exact_node *d,
                   size_t j)
{
    return loom_exact_in(l->net, d, j)->f - d->format[j].f;
}

/* The constant whose addition turns the rounding into a floor; -1 where no
 * constant does. lo, hi: what is rounded. */
static int64_t round_constant(enum loom_round r, int shift, int64_t lo,
                              int64_t hi)
{
    int64_t half = INT64_C(1) << (shift - 1);
    switch (r) {
    case LOOM_RND:
        return half;
    case LOOM_TRN:
        return 0;
    case LOOM_RND_MIN_INF:
        return half - 1;
    case LOOM_TRN_ZERO:
        return lo >= 0 ? 0 : hi < 0 ? 2 * half - 1 : -1;
    case LOOM_RND_ZERO:
        return lo >= 0 ? half - 1 : hi < 0 ? half : -1;
    case LOOM_RND_INF:
        return lo >= 0 ? half : hi < 0 ? half - 1 : -1;
    default:
        return -1;
    }
}

/* Every value of [lo, hi] rounds to 0. */
static bool rounds_away(enum loom_round r, int shift, int64_t lo, int64_t hi)
{
    if (r == LOOM_TRN)
        return false;
    int s = r == LOOM_TRN_ZERO ? shift : shift - 1;
    return s > 62 || (lo > -(INT64_C(1) << s) && hi < INT64_C(1) << s);
}

/* round(a / 2^shift), shift > 0. `done`: the constant is in a already. */
static int round_wire(struct loom_wires *w, int a, int shift, enum loom_round r,
                      bool done)
{
    int64_t lo = w->wire[a].lo, hi = w->wire[a].hi;
    int f = w->wire[a].f;
    if (done)
        return loom_wire_shr(w, a, shift);
    if (rounds_away(r, shift, lo, hi))
        return loom_wire_const(w, 0, f - shift);
    if (r == LOOM_TRN)
        return loom_wire_shr(w, a, shift);
    int64_t c = round_constant(r, shift, lo, hi);
    int64_t half = INT64_C(1) << (shift - 1);
    int b;
    if (c >= 0) {
        b = loom_wire_const(w, c, f);
    } else if (r == LOOM_RND_CONV) {
        b = loom_wire_bit_of(w, a, shift);
        a = loom_wire_add(w, a, 0, loom_wire_const(w, half - 1, f), 0, -1);
    } else {
        int sign = loom_wire_bit_of(w, a, 62);
        int64_t neg = r == LOOM_TRN_ZERO   ? 2 * half - 1
                      : r == LOOM_RND_ZERO ? half
                                           : half - 1;
        int64_t pos = r == LOOM_TRN_ZERO   ? 0
                      : r == LOOM_RND_ZERO ? half - 1
                                           : half;
        b = loom_wire_mux(w, sign, loom_wire_const(w, neg, f),
                          loom_wire_const(w, pos, f));
    }
    return loom_wire_shr(w, loom_wire_add(w, a, 0, b, 0, -1), shift);
}

/* ---- tables and products ------------------------------------------------ */

/* Entries a table may have; an element of a TABLE node as one. */
enum { MAX_ENTRIES = 1 << 16 };

static struct loom_wire_table
table_of(const struct lower *l, const struct loom_exact_node *d, size_t j)
{
    const struct loom_exact_elem *x = loom_exact_in(l->net, d, j);
    return (struct loom_wire_table){x->lo, (size_t)(x->hi - x->lo) + 1,
                                    d->table + d->at[j]};
}

/* The input of element j of a TABLE node. */
static int table_input(struct lower *l, const struct loom_exact_node *d,
                       size_t j)
{
    const struct loom_exact_elem *x = loom_exact_in(l->net, d, j);
    return loom_wire_known(l->w, l->wire[d->input[0]][j], x->lo, x->hi);
}

/* Element j of quantizer d behind TABLE node t: the table's entries, quantized,
 * so that what is stored has the bits that are read. */
static int quantized_table(struct lower *l, const struct loom_exact_node *d,
                           const struct loom_exact_node *t, size_t j)
{
    struct loom_wire_table u = table_of(l, t, j);
    const int64_t *v = u.v;
    u.v = loom_malloc(u.n * sizeof(*u.v));
    for (size_t k = 0; k < u.n; k++)
        u.v[k] = loom_fixed_quantize(v[k], t->table_f[j], d->format[j],
                                     d->round, d->overflow);
    int y = loom_wire_table(l->w, table_input(l, t, j), &u, d->format[j].f);
    free(u.v);
    return y;
}

/* Element j of TABLE node d as it stands. */
static int table(struct lower *l, const struct loom_exact_node *d, size_t j)
{
    struct loom_wire_table t = table_of(l, d, j);
    return loom_wire_table(l->w, table_input(l, d, j), &t, d->table_f[j]);
}

/* Whether all tables of a TABLE node are small enough. */
static int check_tables(const struct lower *l, const struct loom_exact_node *d,
                        struct loom_errmsg *e)
{
    for (size_t j = 0; d->op == LOOM_EXACT_TABLE && j < d->n; j++)
        if (table_of(l, d, j).n > MAX_ENTRIES)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: a table of %zu entries cannot be built, at "
                             "most %d; quantize its input to fewer bits",
                             d->name, table_of(l, d, j).n, MAX_ENTRIES);
    return 0;
}

/* x squared as a table. */
static int square(struct loom_wires *w, int x, int f)
{
    int64_t lo = w->wire[x].lo;
    struct loom_wire_table t = {lo, (size_t)(w->wire[x].hi - lo) + 1, NULL};
    t.v = loom_malloc(t.n * sizeof(*t.v));
    for (size_t k = 0; k < t.n; k++)
        t.v[k] = (lo + (int64_t)k) * (lo + (int64_t)k);
    int y = loom_wire_table(w, x, &t, f);
    free(t.v);
    return y;
}

/* Element j of a MUL node: one factor, shifted, for each bit of the narrower
 * one that is set, all summed up; its sign bit counts negatively. */
static int product(struct lower *l, const struct loom_exact_node *d, size_t j)
{
    enum { SQUARE_BITS = 6 };
    struct loom_wires *w = l->w;
    const struct loom_exact_term *t = d->term + d->start[j];
    int a = wire_in(l, d, (size_t)t[0].i), b = wire_in(l, d, (size_t)t[1].i);
    int f = d->elem[j].f, n = loom_wire_width(w, b), m = loom_wire_width(w, a);
    if (a == b && n <= SQUARE_BITS)
        return square(w, a, f);
    if (n > m || w->wire[a].op == LOOM_WIRE_CONST) {
        int swap = a;
        a = b;
        b = swap;
        n = n > m ? m : n;
    }
    if (w->wire[b].op == LOOM_WIRE_CONST) {
        struct loom_tree_term one = {a, 0, w->wire[b].k};
        return loom_trees_sum(w, &one, 1, 0, f);
    }
    struct loom_tree_term *term = loom_calloc((size_t)n + 1, sizeof(*term));
    int zero = loom_wire_const(w, 0, w->wire[a].f);
    for (int i = 0; i < n; i++) {
        bool sign = w->wire[b].lo < 0 && i == n - 1;
        int row = loom_wire_mux(w, loom_wire_bit_of(w, b, i), a, zero);
        term[i] = (struct loom_tree_term){row, i, sign ? -1 : 1};
    }
    int y = loom_trees_sum(w, term, (size_t)n, 0, f);
    free(term);
    return loom_wire_known(w, y, d->elem[j].lo, d->elem[j].hi);
}

/* ---- quantizers --------------------------------------------------------- */

static int quantize(struct lower *l, const struct loom_exact_node *d, size_t j)
{
    struct loom_wires *w = l->w;
    const struct loom_exact_node *src = &l->net->nodes[d->input[0]];
    struct loom_fixed t = d->format[j];
    int a = l->wire[d->input[0]][j], shift = dropped(l, d, j);
    bool relu = src->op == LOOM_EXACT_RELU;
    if (!loom_fixed_width(t))
        return loom_wire_const(w, 0, 0);
    if (src->op == LOOM_EXACT_TABLE)
        return quantized_table(l, d, src, j);
    if (shift > 0) {
        int64_t extra = 0;
        if (relu) {
            extra = l->extra[src->input[0]] ? l->extra[src->input[0]][j] : 0;
            a = l->wire[src->input[0]][j];
        } else if (l->extra[d->input[0]]) {
            extra = l->extra[d->input[0]][j];
        }
        a = round_wire(w, a, shift, d->round, extra > 0);
        if (relu)
            a = loom_wire_relu(w, a);
    }
    if (d->overflow == LOOM_WRAP) {
        int bits = loom_fixed_width(t), up = shift < 0 ? -shift : 0;
        if (up >= bits)
            return loom_wire_const(w, 0, t.f);
        return loom_wire_shl(w, loom_wire_wrap(w, a, bits - up, t.k), up);
    }
    if (shift < 0)
        a = loom_wire_shl(w, a, -shift);
    return loom_wire_clip(w, a, loom_fixed_min(t, d->overflow),
                          loom_fixed_max(t));
}

/* The same, within the interval that the network has for it: that of wires may
 * be wider, where they cannot see that two numbers never meet. */
static int quantize_known(struct lower *l, const struct loom_exact_node *d,
                          size_t j)
{
    const struct loom_exact_elem *y = &d->elem[j];
    return y->lo == y->hi
               ? loom_wire_const(l->w, y->lo, y->f)
               : loom_wire_known(l->w, quantize(l, d, j), y->lo, y->hi);
}

static bool reads(const struct loom_exact_node *d, size_t at)
{
    for (int i = 0; d->op != LOOM_EXACT_INPUT && i < d->n_inputs; i++)
        if (d->input[i] == (int)at)
            return true;
    return false;
}

/* Whether all who read element j of node `at` round it by adding one and the
 * same constant, which goes to *c (-1: nobody yet). Looks through a ReLU. */
static bool agree(const struct lower *l, size_t at, size_t j, bool relu,
                  int64_t *c)
{
    const struct loom_exact *net = l->net;
    const struct loom_exact_elem *x = &net->nodes[at].elem[j];
    if (net->output == (int)at)
        return false;
    for (size_t k = at + 1; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        if (!reads(d, at))
            continue;
        if (d->op == LOOM_EXACT_RELU && !relu) {
            if (!agree(l, k, j, true, c))
                return false;
            continue;
        }
        if (d->op != LOOM_EXACT_QUANTIZE)
            return false;
        if (!loom_fixed_width(d->format[j]))
            continue;
        int s = dropped(l, d, j);
        int64_t want = -1;
        if (s > 0 && s < 62 && !rounds_away(d->round, s, x->lo, x->hi))
            want = round_constant(d->round, s, -1, 1);
        if (want <= 0 || (*c >= 0 && *c != want))
            return false;
        *c = want;
    }
    return true;
}

/* Numbers of the input elements that the terms of outputs first .. first + n
 * read, each once, in order of appearance; column[i] is its place there. */
static size_t list_inputs(const struct loom_exact_node *d, size_t first,
                          size_t n, int *column, int *element)
{
    size_t n_x = 0;
    for (size_t t = d->start[first]; t < d->start[first + n]; t++) {
        int i = d->term[t].i;
        if (column[i] < 0) {
            column[i] = (int)n_x;
            element[n_x++] = i;
        }
    }
    return n_x;
}

/* Constants of a LINEAR node, what rounding adds behind it included. */
static int64_t *constants(struct lower *l, size_t at)
{
    const struct loom_exact_node *d = &l->net->nodes[at];
    int64_t *k = loom_calloc(d->n, sizeof(*k));
    l->extra[at] = loom_calloc(d->n, sizeof(**l->extra));
    for (size_t j = 0; j < d->n; j++) {
        int64_t c = -1;
        if (agree(l, at, j, false, &c) && c > 0)
            l->extra[at][j] = c;
        k[j] = l->extra[at][j];
        if (d->b[j])
            k[j] += d->b[j] * (INT64_C(1) << (d->elem[j].f - d->bf[j]));
    }
    return k;
}

/* Outputs first .. first + block as one matrix over what they read. */
static void lower_block(struct lower *l, size_t at, size_t first,
                        const int64_t *k, int *column, int *element)
{
    const struct loom_exact_node *d = &l->net->nodes[at];
    size_t n = d->block, n_x = list_inputs(d, first, n, column, element);
    int64_t *w = loom_calloc(n_x * n + 1, sizeof(*w));
    int *shift = loom_calloc(n_x * n + 1, sizeof(*shift));
    int *x = loom_calloc(n_x + 1, sizeof(*x)), *f = loom_calloc(n, sizeof(*f));
    for (size_t i = 0; i < n_x; i++)
        x[i] = wire_in(l, d, (size_t)element[i]);
    for (size_t j = 0; j < n; j++) {
        f[j] = d->elem[first + j].f;
        for (size_t t = d->start[first + j]; t < d->start[first + j + 1]; t++) {
            const struct loom_exact_elem *e =
                loom_exact_in(l->net, d, (size_t)d->term[t].i);
            size_t m = (size_t)column[d->term[t].i] * n + j;
            w[m] = d->term[t].w;
            if (e->lo || e->hi)
                shift[m] = f[j] - e->f - d->term[t].f;
        }
    }
    struct loom_matrix matrix = {.n_in = n_x,
                                 .n_out = n,
                                 .first = first,
                                 .x = x,
                                 .w = w,
                                 .shift = shift,
                                 .k = k + first,
                                 .f = f};
    loom_share_lower(l->w, &matrix, l->share ? &l->share[at] : NULL,
                     l->wire[at] + first);
    for (size_t i = 0; i < n_x; i++)
        column[element[i]] = -1;
    free(w);
    free(shift);
    free(x);
    free(f);
}

static void linear(struct lower *l, size_t at)
{
    const struct loom_exact_node *d = &l->net->nodes[at];
    size_t n_in = loom_exact_n_in(l->net, d);
    int *column = loom_malloc((n_in + 1) * sizeof(*column));
    int *element = loom_calloc(n_in + 1, sizeof(*element));
    int64_t *k = constants(l, at);
    for (size_t i = 0; i < n_in; i++)
        column[i] = -1;
    for (size_t j = 0; j < d->n; j += d->block)
        lower_block(l, at, j, k, column, element);
    free(column);
    free(element);
    free(k);
}

/* The larger of two wires with the same step. */
static int larger(struct loom_wires *w, int a, int b)
{
    if (w->wire[a].lo >= w->wire[b].hi)
        return a;
    if (w->wire[b].lo >= w->wire[a].hi)
        return b;
    int less = loom_wire_sub(w, a, 0, b, 0);
    return loom_wire_mux(w, loom_wire_bit_of(w, less, 62), b, a);
}

/* Element j of a MAX node: a tree of comparisons. */
static int maximum(struct lower *l, const struct loom_exact_node *d, size_t j)
{
    size_t n = d->start[j + 1] - d->start[j];
    int *x = loom_calloc(n, sizeof(*x));
    for (size_t t = 0; t < n; t++) {
        size_t i = (size_t)d->term[d->start[j] + t].i;
        const struct loom_exact_elem *in = loom_exact_in(l->net, d, i);
        /* What is always 0, though its wire may not know it, has no say in
         * the step. */
        x[t] = !in->lo && !in->hi ? loom_wire_const(l->w, 0, d->elem[j].f)
                                  : loom_wire_shl(l->w, wire_in(l, d, i),
                                                  d->elem[j].f - in->f);
    }
    for (; n > 1; n = (n + 1) / 2)
        for (size_t t = 0; t < n / 2; t++) {
            x[t] = larger(l->w, x[2 * t], x[2 * t + 1]);
            if (t + 1 == n / 2 && n % 2)
                x[t + 1] = x[n - 1];
        }
    int y = x[0];
    free(x);
    return y;
}

/* ---- layers ------------------------------------------------------------- */

/* Whether a LINEAR node computes nothing: every output is an input, shifted at
 * most. */
static bool only_moves(const struct loom_exact_node *d)
{
    for (size_t j = 0; j < d->n; j++)
        if (d->b[j] || d->start[j + 1] - d->start[j] != 1 ||
            d->term[d->start[j]].w != 1)
            return false;
    return true;
}

/* The layer of the deepest of a node's inputs. */
static int deepest(const struct lower *l, const struct loom_exact_node *d,
                   const int *layer_of)
{
    int best = layer_of[d->input[0]];
    for (int i = 1; i < d->n_inputs; i++) {
        int k = layer_of[d->input[i]];
        if (l->w->layer[k].depth > l->w->layer[best].depth)
            best = k;
    }
    return best;
}

/* An INPUT node or a LINEAR one that computes leads a layer; the others belong
 * to their inputs'. */
static void name_layers(const struct lower *l, int *layer_of)
{
    const struct loom_exact *net = l->net;
    struct loom_wires *w = l->w;
    w->layer = loom_calloc(net->n_nodes, sizeof(*w->layer));
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        bool input = d->op == LOOM_EXACT_INPUT;
        int before = input ? 0 : deepest(l, d, layer_of);
        layer_of[k] = before;
        if (!input && (d->op != LOOM_EXACT_LINEAR || only_moves(d)))
            continue;
        int depth = input ? 0 : w->layer[before].depth + 1;
        layer_of[k] = (int)w->n_layers;
        w->layer[w->n_layers++] = (struct loom_wire_layer){
            .name = loom_strdup(d->name), .node = (int)k, .depth = depth};
    }
}

/* ---- after building ----------------------------------------------------- */

/* Someone reads the bits low .. bits-1 of x; above its width, its sign. */
static void need(struct loom_wire *x, int low, int bits)
{
    int width = loom_interval_width(x->lo, x->hi);
    if (bits <= low || bits <= 0 || (low >= width && x->lo >= 0))
        return;
    if (low >= width)
        low = width - 1;
    if (bits > width)
        bits = width;
    if (low < x->low)
        x->low = low < 0 ? 0 : low;
    if (bits > x->bits)
        x->bits = bits;
}

/* Tell the operands of x which of their bits it reads. */
static void need_operands(struct loom_wires *w, const struct loom_wire *x)
{
    enum { ALL = 64 };
    struct loom_wire *a = x->a < 0 ? NULL : &w->wire[x->a];
    int low = x->low, bits = x->bits, k = (int)x->k;
    switch (x->op) {
    case LOOM_WIRE_INPUT:
    case LOOM_WIRE_CONST:
        break;
    case LOOM_WIRE_ADD: {
        int chain = loom_wire_chain(x);
        if (low > chain)
            low = chain;
        need(a, low - x->sa, bits - x->sa);
        need(&w->wire[x->b], low - x->sb, bits - x->sb);
        break;
    }
    case LOOM_WIRE_MUX:
        need(a, 0, 1);
        need(&w->wire[x->b], low, bits);
        need(&w->wire[x->c], low, bits);
        break;
    case LOOM_WIRE_RELU:
        need(a, low, ALL);
        break;
    case LOOM_WIRE_CLIP:
    case LOOM_WIRE_TABLE:
        need(a, 0, ALL);
        break;
    case LOOM_WIRE_NOT:
        need(a, low, bits);
        break;
    case LOOM_WIRE_SHL:
        need(a, low - k, bits - k);
        break;
    case LOOM_WIRE_SHR:
    case LOOM_WIRE_BIT:
        need(a, low + k, bits + k);
        break;
    case LOOM_WIRE_WRAP:
        need(a, low, bits);
        break;
    }
}

/* Where wire i, or what it shifts, is among the wires that are kept. */
static struct loom_wire_place place(const struct loom_wires *w, const int *to,
                                    int i)
{
    int shift = 0;
    for (; to[i] < 0 && w->wire[i].op == LOOM_WIRE_SHL; i = w->wire[i].a)
        shift += (int)w->wire[i].k;
    return (struct loom_wire_place){to[i], shift};
}

/* Note where the elements of all nodes are, before dead wires go. */
static void keep_places(struct lower *l, const int *to, const int *layer_of)
{
    struct loom_wires *w = l->w;
    w->n_nodes = l->net->n_nodes;
    w->place = loom_calloc(w->n_nodes, sizeof(*w->place));
    w->node_layer = loom_calloc(w->n_nodes, sizeof(*w->node_layer));
    for (size_t k = 0; k < w->n_nodes; k++) {
        size_t n = l->net->nodes[k].n;
        w->place[k] = loom_calloc(n + 1, sizeof(**w->place));
        w->node_layer[k] = layer_of[k];
        for (size_t j = 0; j < n; j++)
            w->place[k][j] = place(w, to, l->wire[k][j]);
    }
}

int *loom_wires_settle(struct loom_wires *w)
{
    int n = 0;
    int *to = loom_calloc(w->n + 1, sizeof(*to));
    bool *live = loom_calloc(w->n + 1, sizeof(*live));
    for (size_t i = 0; i < w->n; i++) {
        w->wire[i].bits = 0;
        w->wire[i].low = 64;
    }
    for (size_t j = 0; j < w->n_out; j++) {
        need(&w->wire[w->out[j]], 0, 64);
        live[w->out[j]] = true;
    }
    for (size_t i = w->n; i-- > 0;) {
        const struct loom_wire *x = &w->wire[i];
        const int arg[] = {x->a, x->b, x->c};
        for (int m = 0; live[i] && m < 3; m++)
            if (arg[m] >= 0)
                live[arg[m]] = true;
        if (x->bits > 0)
            need_operands(w, x);
    }
    for (size_t i = 0; i < w->n; i++)
        to[i] = live[i] ? n++ : -1;
    free(live);
    return to;
}

void loom_wires_compact(struct loom_wires *w, const int *to)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct loom_wire x = w->wire[i];
        if (to[i] < 0)
            continue;
        x.a = x.a < 0 ? -1 : to[x.a];
        x.b = x.b < 0 ? -1 : to[x.b];
        x.c = x.c < 0 ? -1 : to[x.c];
        w->wire[n++] = x;
    }
    w->n = n;
    for (size_t j = 0; j < w->n_out; j++)
        w->out[j] = to[w->out[j]];
    free(w->bucket);
    w->bucket = NULL;
}

static void finish(struct lower *l, const int *layer_of)
{
    int *to = loom_wires_settle(l->w);
    keep_places(l, to, layer_of);
    loom_wires_compact(l->w, to);
    free(to);
}

static void lower_node(struct lower *l, size_t at, int64_t *element)
{
    const struct loom_exact_node *d = &l->net->nodes[at];
    struct loom_wires *w = l->w;
    if (d->op == LOOM_EXACT_LINEAR) {
        linear(l, at);
        return;
    }
    for (size_t j = 0; j < d->n; j++) {
        w->at_index = (int)j;
        if (d->op == LOOM_EXACT_INPUT)
            l->wire[at][j] = loom_wire_input(w, (*element)++, &d->elem[j]);
        else if (d->op == LOOM_EXACT_RELU)
            l->wire[at][j] = loom_wire_relu(w, l->wire[d->input[0]][j]);
        else if (d->op == LOOM_EXACT_MAX)
            l->wire[at][j] = maximum(l, d, j);
        else if (d->op == LOOM_EXACT_MUL)
            l->wire[at][j] = product(l, d, j);
        else if (d->op == LOOM_EXACT_TABLE)
            l->wire[at][j] = table(l, d, j);
        else
            l->wire[at][j] = quantize_known(l, d, j);
    }
}

static int lower_all(struct lower *l, const int *layer_of,
                     struct loom_errmsg *e)
{
    const struct loom_exact *net = l->net;
    struct loom_wires *w = l->w;
    int64_t element = 0;
    for (size_t k = 0; k < net->n_nodes; k++) {
        int err = check_tables(l, &net->nodes[k], e);
        if (err)
            return err;
        l->wire[k] = loom_calloc(net->nodes[k].n, sizeof(**l->wire));
        w->at_layer = layer_of[k];
        lower_node(l, k, &element);
        if (w->wide)
            return loom_fail(e, LOOM_ERR_RANGE,
                             "%s: a sum needs more than 62 bits; lower the "
                             "bits of its weights or inputs",
                             net->nodes[k].name);
    }
    w->n_in = net->in_size;
    w->n_out = net->out_size;
    w->out = loom_calloc(w->n_out + 1, sizeof(*w->out));
    w->out_f = loom_calloc(w->n_out + 1, sizeof(*w->out_f));
    for (size_t j = 0; j < w->n_out; j++) {
        w->out[j] = l->wire[net->output][j];
        w->out_f[j] = net->nodes[net->output].elem[j].f;
    }
    finish(l, layer_of);
    return 0;
}

struct loom_wires *loom_wires_lower(const struct loom_exact *net,
                                    const struct loom_share *share,
                                    enum loom_wire_style style,
                                    struct loom_errmsg *e)
{
    struct lower l = {.net = net, .share = share};
    l.w = loom_calloc(1, sizeof(*l.w));
    l.w->style = style;
    l.wire = loom_calloc(net->n_nodes, sizeof(*l.wire));
    l.extra = loom_calloc(net->n_nodes, sizeof(*l.extra));
    int *layer_of = loom_calloc(net->n_nodes, sizeof(*layer_of));
    name_layers(&l, layer_of);
    int err = lower_all(&l, layer_of, e);
    for (size_t k = 0; k < net->n_nodes; k++) {
        free(l.wire[k]);
        free(l.extra[k]);
    }
    free(l.wire);
    free(l.extra);
    free(layer_of);
    if (!err)
        return l.w;
    loom_wires_destroy(l.w);
    return NULL;
}
