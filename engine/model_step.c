/* A model at work: the memory of a step, and what a step does. */
#include <stdlib.h>
#include <string.h>

#include "engine/fuse.h"
#include "engine/layer.h"
#include "engine/mem.h"

/* ---- memory of a step -------------------------------------------------- */

/* A layer's own: its output and its gradient, where they are not its input's.
 */
static size_t buffers(const struct loom_layer *l)
{
    return 2 - (size_t)l->in_place - (size_t)l->shares;
}

int loom_scratch_init(struct loom_scratch *s, const struct loom_model *m,
                      struct loom_errmsg *e)
{
    size_t total = m->n_work + LOOM_MAX_INPUTS * m->n_spare;
    size_t n = (size_t)m->n_layers;
    for (int k = 0; k < m->n_layers; k++)
        total += buffers(&m->layer[k]) * LOOM_BLOCK * m->layer[k].ld;
    s->out = loom_calloc(n, sizeof(*s->out));
    s->gout = loom_calloc(n, sizeof(*s->gout));
    s->memory = loom_try_alloc(total, sizeof(float), "activations", e);
    float *p = s->memory;
    for (int k = 0; p && k < m->n_layers; k++) {
        const struct loom_layer *l = &m->layer[k];
        s->out[k] = l->in_place ? s->out[l->input[0]] : p;
        p += l->in_place ? 0 : LOOM_BLOCK * l->ld;
        s->gout[k] = l->shares ? s->gout[l->input[0]] : p;
        p += l->shares ? 0 : LOOM_BLOCK * l->ld;
    }
    for (int i = 0; p && i < LOOM_MAX_INPUTS; i++, p += m->n_spare)
        s->spare[i] = p;
    s->work = p;
    return s->memory ? 0 : LOOM_ERR_NOMEM;
}

void loom_scratch_deinit(struct loom_scratch *s)
{
    free(s->out);
    free(s->gout);
    free(s->memory);
    *s = (struct loom_scratch){0};
}

void loom_scratch_put(struct loom_scratch *s, const struct loom_model *m,
                      size_t r, const float *x)
{
    for (int i = 0; i < m->n_inputs; i++) {
        const struct loom_layer *l = &m->layer[m->input[i]];
        memcpy(s->out[m->input[i]] + r * l->ld, x, l->n * sizeof(*x));
        x += l->n;
    }
}

int loom_sums_init(struct loom_sums *s, const struct loom_model *m,
                   struct loom_errmsg *e)
{
    s->sum = loom_try_alloc(m->n_sum, sizeof(float), "gradient sums", e);
    s->top = loom_try_alloc(m->n_top, sizeof(float), "ranges", e);
    return s->sum && s->top ? 0 : LOOM_ERR_NOMEM;
}

void loom_sums_deinit(struct loom_sums *s)
{
    free(s->sum);
    free(s->top);
    *s = (struct loom_sums){0};
}

void loom_sums_clear(struct loom_sums *s, const struct loom_model *m)
{
    memset(s->sum, 0, m->n_sum * sizeof(float));
    memset(s->top, 0, m->n_top * sizeof(float));
}

/* ---- a step ------------------------------------------------------------ */

void loom_model_prepare(struct loom_model *m, enum loom_mode mode)
{
    m->mode = mode;
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].ops->prepare)
            m->layer[k].ops->prepare(m, &m->layer[k]);
}

static struct loom_block block_at(const struct loom_model *m,
                                  struct loom_scratch *s, size_t rows,
                                  struct loom_sums *sums, int k)
{
    const struct loom_layer *l = &m->layer[k];
    struct loom_block b;
    b.rows = rows;
    b.first = s->first;
    b.out = s->out[k];
    b.gout = s->gout[k];
    b.work = s->work;
    b.fused = NULL;
    b.summed = false;
    for (int i = 0; i < l->n_inputs; i++) {
        b.in[i] = loom_fuse_out(m, s, l->input[i]);
        b.gin[i] = l->adds[i] ? s->spare[i] : s->gout[l->input[i]];
        /* Nobody asks for the gradient of the data itself. */
        if (m->layer[l->input[i]].ops == &loom_layer_input)
            b.gin[i] = NULL;
    }
    b.sum = sums ? sums->sum + l->sum_at : NULL;
    b.top = sums ? sums->top + l->top_at : NULL;
    return b;
}

void loom_model_forward(const struct loom_model *m, struct loom_scratch *s,
                        size_t rows, struct loom_sums *sums)
{
    for (int k = 0; k < m->n_layers; k++) {
        if (!m->layer[k].ops->forward || loom_fuse_skips_forward(m, k))
            continue;
        struct loom_block b = block_at(m, s, rows, sums, k);
        struct loom_product p;
        loom_fuse_forward(m, s, sums, k, &p, &b);
        m->layer[k].ops->forward(m, &m->layer[k], &b);
    }
}

/* Gradients that came back beside those that were there. */
static void join_gradients(const struct loom_model *m, struct loom_scratch *s,
                           const struct loom_block *b, int k)
{
    const struct loom_layer *l = &m->layer[k];
    for (int i = 0; i < l->n_inputs; i++) {
        if (!l->adds[i] || !b->gin[i])
            continue;
        float *restrict to = s->gout[l->input[i]];
        const float *restrict from = s->spare[i];
        for (size_t j = 0; j < b->rows * m->layer[l->input[i]].ld; j++)
            to[j] += from[j];
    }
}

void loom_model_backward(const struct loom_model *m, struct loom_scratch *s,
                         size_t rows, struct loom_sums *sums)
{
    for (int k = m->n_layers - 1; k >= 0; k--) {
        if (!m->layer[k].ops->backward || loom_fuse_skips_backward(m, k))
            continue;
        struct loom_block b = block_at(m, s, rows, sums, k);
        struct loom_product p;
        loom_fuse_backward(m, s, sums, k, &p, &b);
        m->layer[k].ops->backward(m, &m->layer[k], &b);
        join_gradients(m, s, &b, k);
    }
}

static void merge(const struct loom_model *m, struct loom_sums *chunk,
                  int n_chunks)
{
    float *restrict sum = chunk[0].sum, *restrict top = chunk[0].top;
    for (int c = 1; c < n_chunks; c++) {
        const float *restrict s = chunk[c].sum, *restrict t = chunk[c].top;
        for (size_t j = 0; j < m->n_sum; j++)
            sum[j] += s[j];
        for (size_t j = 0; j < m->n_top; j++)
            top[j] = top[j] > t[j] ? top[j] : t[j];
    }
}

void loom_model_reduce(struct loom_model *m, struct loom_sums *chunk,
                       int n_chunks)
{
    merge(m, chunk, n_chunks);
    memset(m->grad, 0, m->n_theta * sizeof(float));
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (l->ops->reduce && !loom_fuse_is_off(m, k))
            l->ops->reduce(m, l, chunk[0].sum + l->sum_at,
                           chunk[0].top + l->top_at);
    }
}

void loom_model_trace(struct loom_model *m, struct loom_sums *chunk,
                      int n_chunks)
{
    merge(m, chunk, n_chunks);
    for (int k = 0; k < m->n_layers; k++)
        if (m->layer[k].ops->trace)
            m->layer[k].ops->trace(m, &m->layer[k],
                                   chunk[0].top + m->layer[k].top_at);
}
