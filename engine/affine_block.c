/* Affine layers at work on a block of rows. One position: the block is one
 * product. Several: a row at a time, its patches where they lie, so that a
 * convolution copies nothing but its padding. */
#include <string.h>

#include "engine/affine.h"

/* Positions whose patches' gradients are held at once. */
enum { TILE = 64 };

/* Outputs of a position that fill half vectors are computed where they belong;
 * others beside, in rows of ldu. */
static bool is_wide(const struct loom_affine *a)
{
    return a->units % LOOM_HALF == 0;
}

static size_t ld_row(const struct loom_affine *a)
{
    return is_wide(a) ? a->units : a->ldu;
}

/* Columns that are computed. */
static size_t width(const struct loom_affine *a)
{
    return (a->units + LOOM_HALF - 1) / LOOM_HALF * LOOM_HALF;
}

void loom_affine_lay(const struct loom_affine *a, struct loom_layer *l)
{
    l->matrix = a->positions == 1 && !a->patch;
    l->affine = l->matrix || is_wide(a);
    if (a->norm) /* outputs, or their gradients and those of x W */
        l->work_n = (l->matrix ? LOOM_BLOCK : a->positions) * 2 * a->ldu;
    else if (!l->matrix && !is_wide(a))
        l->work_n = a->positions * a->ldu;
    if (!l->matrix)
        l->work_n += 2 * loom_pad(a->lines.padded) + TILE * a->ldk;
}

/* The parts of b->work; those before y where there are several positions. */
struct room {
    float *padded, *gradient; /* input, its gradient, with padding */
    float *back;              /* [TILE][ldk] */
    float *y;                 /* [positions or rows][ldu or 2 ldu] */
};

static struct room room_of(const struct loom_affine *a,
                           const struct loom_block *b)
{
    size_t padded = loom_pad(a->lines.padded);
    float *p = b->work;
    return (struct room){p, p + padded, p + 2 * padded,
                         p + 2 * padded + TILE * a->ldk};
}

/* A row of the input with zeros around it. */
static const float *pad(const struct loom_lines *n, const float *x, float *room)
{
    if (!n->padded)
        return x;
    memset(room, 0, n->padded * sizeof(*room));
    for (size_t r = 0; r < n->rows; r++)
        memcpy(room + n->front + r * n->apart, x + r * n->row,
               n->row * sizeof(*x));
    return room;
}

static void unpad(const struct loom_lines *n, const float *g, float *gx)
{
    for (size_t r = 0; r < n->rows; r++)
        memcpy(gx + r * n->row, g + n->front + r * n->apart,
               n->row * sizeof(*g));
}

/* Between rows of `units` and rows of ldu. */
static void spread(const struct loom_affine *a, const float *from, float *to)
{
    memset(to, 0, a->positions * a->ldu * sizeof(*to));
    for (size_t p = 0; p < a->positions; p++)
        memcpy(to + p * a->ldu, from + p * a->units, a->units * sizeof(*to));
}

static void pack(const struct loom_affine *a, const float *from, float *to)
{
    for (size_t p = 0; p < a->positions; p++)
        memcpy(to + p * a->units, from + p * a->ldu, a->units * sizeof(*to));
}

/* Product with line y of x begun: its patches times w. */
static void read_line(const struct loom_affine *a, struct loom_product *p,
                      const float *x, size_t y, const float *w)
{
    const struct loom_lines *n = &a->lines;
    p->M = n->line;
    p->N = width(a);
    p->runs = n->runs;
    p->run = n->run;
    p->apart = n->apart;
    p->a = x + y * n->down;
    p->lda = n->step;
    p->b = w;
    p->ldb = a->ldu;
}

static struct loom_product begin(const struct loom_block *b)
{
    return b->fused ? *b->fused : (struct loom_product){0};
}

/* ---- forward ----------------------------------------------------------- */

static void forward_one(const struct loom_affine *a, const struct loom_model *m,
                        const struct loom_layer *l, const struct loom_block *b)
{
    struct loom_product p = begin(b);
    p.M = b->rows;
    p.N = width(a);
    p.runs = 1;
    p.run = a->k;
    p.a = b->in[0];
    p.lda = a->ld_in;
    p.b = a->w;
    p.ldb = a->ldu;
    p.bias = a->has_bias ? a->b : NULL;
    p.c = b->out;
    p.ldc = l->ld;
    m->kernels->product(&p);
}

/* What is fused with row r's line y, whose outputs have bits of their own. */
static struct loom_product begin_line(const struct loom_affine *a,
                                      const struct loom_layer *l,
                                      const struct loom_block *b, size_t r,
                                      size_t y)
{
    struct loom_product p = begin(b);
    size_t at = y * a->lines.line * a->units;
    p.each = a->units;
    if (p.scale) {
        p.scale += at;
        p.inverse += at;
        p.top += at;
        p.q += r * l->ld + at;
    }
    return p;
}

static void forward_row(const struct loom_affine *a, const struct loom_model *m,
                        const struct loom_layer *l, const struct loom_block *b,
                        size_t r)
{
    const struct loom_lines *n = &a->lines;
    struct room room = room_of(a, b);
    const float *x = pad(n, b->in[0] + r * a->ld_in, room.padded);
    float *out = b->out + r * l->ld;
    for (size_t y = 0; y < n->lines; y++) {
        struct loom_product p = begin_line(a, l, b, r, y);
        read_line(a, &p, x, y, a->w);
        p.bias = a->has_bias ? a->b : NULL;
        p.ldc = ld_row(a);
        p.c = (is_wide(a) ? out : room.y) + y * n->line * p.ldc;
        m->kernels->product(&p);
    }
    if (!is_wide(a))
        pack(a, room.y, out);
}

void loom_affine_forward(const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    const struct loom_affine *a = l->state;
    if (l->matrix)
        forward_one(a, m, l, b);
    for (size_t r = 0; !l->matrix && r < b->rows; r++)
        forward_row(a, m, l, b, r);
}

/* ---- backward ---------------------------------------------------------- */

/* Of the one position: gin = g wt, of the first n of g's ld numbers a row. */
static void input_gradient(const struct loom_affine *a,
                           const struct loom_model *m,
                           const struct loom_block *b, const float *g,
                           size_t ld, size_t n)
{
    struct loom_product p = begin(b);
    p.M = b->rows;
    p.N = a->ld_in;
    p.runs = 1;
    p.run = n;
    p.a = g;
    p.lda = ld;
    p.b = a->wt;
    p.ldb = a->ldk;
    p.c = b->gin[0];
    p.ldc = a->ld_in;
    m->kernels->product(&p);
}

static void backward_one(const struct loom_affine *a,
                         const struct loom_model *m, const struct loom_layer *l,
                         const struct loom_block *b)
{
    struct loom_outer o = {.planes = 1,
                           .M = b->rows,
                           .N = width(a),
                           .K = a->k,
                           .a = b->in[0],
                           .g = b->gout,
                           .lda = a->ld_in,
                           .ldg = l->ld,
                           .c = b->sum,
                           .ldc = a->ldu};
    m->kernels->outer(&o);
    if (!b->summed)
        m->kernels->column_sum(b->rows, a->ldu, b->gout, l->ld,
                               b->sum + l->bias_at);
    if (!b->gin[0])
        return;
    input_gradient(a, m, b, b->gout, l->ld, a->units);
}

/* Gradients of positions t.. t+n of line y, [n][ldk], to where their patches
 * lie in gx. */
static void scatter(const struct loom_affine *a, const struct loom_model *m,
                    const float *back, size_t y, size_t t, size_t n, float *gx)
{
    const struct loom_lines *s = &a->lines;
    gx += y * s->down + t * s->step;
    for (; n; n--, back += a->ldk, gx += s->step)
        for (size_t run = 0; run < s->runs; run++)
            m->kernels->add(s->run, back + run * s->run, gx + run * s->apart);
}

/* Gradient of a row's (padded) input: gx is zero, g [positions][ldg] of which
 * `run` count, as many as the rows of wt. */
static void backward_lines(const struct loom_affine *a,
                           const struct loom_model *m, const float *g,
                           size_t ldg, size_t run, float *back, float *gx)
{
    const struct loom_lines *s = &a->lines;
    for (size_t y = 0; y < s->lines; y++)
        for (size_t t = 0, n; t < s->line; t += n) {
            n = s->line - t < TILE ? s->line - t : TILE;
            struct loom_product p = {.M = n,
                                     .N = a->ldk,
                                     .runs = 1,
                                     .run = run,
                                     .a = g + (y * s->line + t) * ldg,
                                     .lda = ldg,
                                     .b = a->wt,
                                     .ldb = a->ldk,
                                     .c = back,
                                     .ldc = a->ldk};
            m->kernels->product(&p);
            scatter(a, m, back, y, t, n, gx);
        }
}

/* The same of an input as it lies. */
static void backward_input(const struct loom_affine *a,
                           const struct loom_model *m, const float *g,
                           size_t ldg, size_t run, const struct room *room,
                           float *gx)
{
    const struct loom_lines *s = &a->lines;
    float *to = s->padded ? room->gradient : gx;
    memset(to, 0, (s->padded ? s->padded : a->ld_in) * sizeof(*to));
    backward_lines(a, m, g, ldg, run, room->back, to);
    if (s->padded)
        unpad(s, to, gx);
}

/* Sums of a weight matrix's gradient over a row's patches x. */
static void outer_row(const struct loom_affine *a, const struct loom_model *m,
                      const float *x, const float *g, size_t ldg, float *sum)
{
    const struct loom_lines *s = &a->lines;
    struct loom_outer o = {.planes = s->lines,
                           .M = s->line,
                           .N = width(a),
                           .K = s->run,
                           .g = g,
                           .lda = s->step,
                           .ldg = ldg,
                           .a_plane = s->down,
                           .g_plane = s->line * ldg,
                           .ldc = a->ldu};
    for (size_t run = 0; run < s->runs; run++) {
        o.a = x + run * s->apart;
        o.c = sum + run * s->run * a->ldu;
        m->kernels->outer(&o);
    }
}

static void backward_row(const struct loom_affine *a,
                         const struct loom_model *m, const float *row,
                         const float *g, float *gx, const struct loom_block *b)
{
    struct room room = room_of(a, b);
    const float *x = pad(&a->lines, row, room.padded);
    if (!is_wide(a)) {
        spread(a, g, room.y);
        g = room.y;
    }
    outer_row(a, m, x, g, ld_row(a), b->sum);
    m->kernels->column_sum(a->positions, width(a), g, ld_row(a),
                           b->sum + a->k * a->ldu);
    if (gx)
        backward_input(a, m, g, ld_row(a), a->units, &room, gx);
}

/* Back to the weights, and to the inputs unless gin[0] is NULL. */
static void backward(const struct loom_model *m, const struct loom_layer *l,
                     const struct loom_block *b)
{
    const struct loom_affine *a = l->state;
    if (l->matrix)
        backward_one(a, m, l, b);
    for (size_t r = 0; !l->matrix && r < b->rows; r++)
        backward_row(a, m, b->in[0] + r * a->ld_in, b->gout + r * l->ld,
                     b->gin[0] ? b->gin[0] + r * a->ld_in : NULL, b);
}

/* ---- a norm's statistics, and back through them ------------------------- */

/* x W, W in float, to z [rows][ld]. */
static void float_one(const struct loom_affine *a, const struct loom_model *m,
                      const struct loom_block *b, float *z, size_t ld)
{
    struct loom_product p = {.M = b->rows,
                             .N = width(a),
                             .runs = 1,
                             .run = a->k,
                             .a = b->in[0],
                             .lda = a->ld_in,
                             .b = a->float_w,
                             .ldb = a->ldu,
                             .c = z,
                             .ldc = ld};
    m->kernels->product(&p);
}

/* The same of a (padded) row, z [positions][ld]. */
static void float_row(const struct loom_affine *a, const struct loom_model *m,
                      const float *x, float *z, size_t ld)
{
    for (size_t y = 0; y < a->lines.lines; y++) {
        struct loom_product p = {.c = z + y * a->lines.line * ld, .ldc = ld};
        read_line(a, &p, x, y, a->float_w);
        m->kernels->product(&p);
    }
}

void loom_affine_look(const struct loom_model *m, const struct loom_layer *l,
                      const struct loom_block *b)
{
    const struct loom_affine *a = l->state;
    struct room room = room_of(a, b);
    if (l->matrix) {
        float_one(a, m, b, b->work, a->ldu);
        loom_moments_add(&a->norm_of, b->work, a->ldu, b->rows, b->stat);
        return;
    }
    for (size_t r = 0; r < b->rows; r++) {
        const float *x = pad(&a->lines, b->in[0] + r * a->ld_in, room.padded);
        float_row(a, m, x, room.y, a->ldu);
        loom_moments_add(&a->norm_of, room.y, a->ldu, a->positions, b->stat);
    }
}

void loom_affine_look_back(const struct loom_model *m,
                           const struct loom_layer *l,
                           const struct loom_block *b)
{
    struct loom_block weights = *b;
    weights.gin[0] = NULL;
    backward(m, l, &weights);
}

/* In n rows of 2 ldu, behind z = x W, its gradients by way of the statistics
 * come to stand; in front of them those of the output, g [n][ldg]. */
static void both_gradients(const struct loom_affine *a, const float *g,
                           size_t ldg, size_t n, float *both)
{
    const struct loom_moments *s = &a->norm_of;
    for (size_t t = 0; t < n; t++, both += 2 * a->ldu, g += ldg) {
        memset(both, 0, a->ldu * sizeof(*both));
        memcpy(both, g, a->units * sizeof(*both));
        for (size_t u = 0; u < width(a); u++)
            both[a->ldu + u] = s->shift[u] + s->slope[u] * both[a->ldu + u];
        memset(both + a->ldu + width(a), 0,
               (a->ldu - width(a)) * sizeof(*both));
    }
}

static void through_one(const struct loom_affine *a, const struct loom_model *m,
                        const struct loom_layer *l, const struct loom_block *b)
{
    float *both = b->work, *dz = both + a->ldu;
    float_one(a, m, b, dz, 2 * a->ldu);
    both_gradients(a, b->gout, l->ld, b->rows, both);
    struct loom_outer o = {.planes = 1,
                           .M = b->rows,
                           .N = width(a),
                           .K = a->k,
                           .a = b->in[0],
                           .g = dz,
                           .lda = a->ld_in,
                           .ldg = 2 * a->ldu,
                           .c = b->sum + (a->k + 1) * a->ldu,
                           .ldc = a->ldu};
    m->kernels->outer(&o);
    if (!b->gin[0])
        return;
    input_gradient(a, m, b, both, 2 * a->ldu, 2 * a->ldu);
}

static void through_row(const struct loom_affine *a, const struct loom_model *m,
                        const struct loom_layer *l, const struct loom_block *b,
                        size_t r)
{
    struct room room = room_of(a, b);
    const float *x = pad(&a->lines, b->in[0] + r * a->ld_in, room.padded);
    float *dz = room.y + a->ldu;
    float_row(a, m, x, dz, 2 * a->ldu);
    both_gradients(a, b->gout + r * l->ld, a->units, a->positions, room.y);
    outer_row(a, m, x, dz, 2 * a->ldu, b->sum + (a->k + 1) * a->ldu);
    if (b->gin[0])
        backward_input(a, m, room.y, 2 * a->ldu, 2 * a->ldu, &room,
                       b->gin[0] + r * a->ld_in);
}

/* With a norm, what goes to the weights has been summed before. */
void loom_affine_backward(const struct loom_model *m,
                          const struct loom_layer *l,
                          const struct loom_block *b)
{
    const struct loom_affine *a = l->state;
    if (!a->norm)
        backward(m, l, b);
    else if (l->matrix)
        through_one(a, m, l, b);
    for (size_t r = 0; a->norm && !l->matrix && r < b->rows; r++)
        through_row(a, m, l, b, r);
}
