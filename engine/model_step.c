/* A model at work: the memory of a step, and what a step does. */
#include <stdlib.h>
#include <string.h>

#include "engine/fuse.h"
#include "engine/layer.h"
#include "engine/mem.h"

/* ---- memory of a step -------------------------------------------------- */

/* Of one kind of layers, kept or not, the outputs and gradients begin at p;
 * those that are their input's are found anew. The end of them. */
static float *place(struct loom_scratch *s, const struct loom_model *m,
                    bool kept, float *p)
{
    for (int k = 0; k < m->n_layers; k++) {
        const struct loom_layer *l = &m->layer[k];
        if (l->in_place) {
            s->out[k] = s->out[l->input[0]];
        } else if (l->kept == kept) {
            s->out[k] = p;
            p += LOOM_BLOCK * l->ld;
        }
        if (l->shares) {
            s->gout[k] = s->gout[l->input[0]];
        } else if (l->kept == kept) {
            s->gout[k] = p;
            p += LOOM_BLOCK * l->ld;
        }
    }
    return p;
}

void loom_scratch_at(struct loom_scratch *s, const struct loom_model *m,
                     float *kept)
{
    if (m->n_kept)
        place(s, m, true, kept ? kept : s->kept);
}

int loom_scratch_init(struct loom_scratch *s, const struct loom_model *m,
                      struct loom_errmsg *e)
{
    size_t total = m->n_work + LOOM_MAX_INPUTS * m->n_spare;
    size_t n = (size_t)m->n_layers;
    for (int k = 0; k < m->n_layers; k++)
        total += LOOM_BLOCK * loom_layer_buffers(&m->layer[k]);
    s->out = loom_calloc(n, sizeof(*s->out));
    s->gout = loom_calloc(n, sizeof(*s->gout));
    s->memory = loom_try_alloc(total, sizeof(float), "activations", e);
    if (!s->memory)
        return LOOM_ERR_NOMEM;
    s->first = 0;
    s->kept = place(s, m, false, s->memory);
    float *p = place(s, m, true, s->kept);
    for (int i = 0; i < LOOM_MAX_INPUTS; i++, p += m->n_spare)
        s->spare[i] = p;
    s->work = p;
    return 0;
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
    s->stat = loom_try_alloc(m->n_stat, sizeof(double), "statistics", e);
    return s->sum && s->top && s->stat ? 0 : LOOM_ERR_NOMEM;
}

void loom_sums_deinit(struct loom_sums *s)
{
    free(s->sum);
    free(s->top);
    free(s->stat);
    *s = (struct loom_sums){0};
}

void loom_sums_clear(struct loom_sums *s, const struct loom_model *m)
{
    memset(s->sum, 0, m->n_sum * sizeof(float));
    memset(s->top, 0, m->n_top * sizeof(float));
    memset(s->stat, 0, m->n_stat * sizeof(double));
}

/* ---- a step ------------------------------------------------------------ */

void loom_model_prepare_layer(struct loom_model *m, int k)
{
    if (m->layer[k].ops->prepare)
        m->layer[k].ops->prepare(m, &m->layer[k]);
}

void loom_model_prepare(struct loom_model *m, enum loom_mode mode)
{
    m->mode = mode;
    for (int k = 0; k < m->n_layers; k++)
        loom_model_prepare_layer(m, k);
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
    b.stat = sums ? sums->stat + l->stat_at : NULL;
    return b;
}

static void forward_layer(const struct loom_model *m, struct loom_scratch *s,
                          size_t rows, struct loom_sums *sums, int k)
{
    if (!m->layer[k].ops->forward || loom_fuse_skips_forward(m, k))
        return;
    struct loom_block b = block_at(m, s, rows, sums, k);
    struct loom_product p;
    loom_fuse_forward(m, s, sums, k, &p, &b);
    m->layer[k].ops->forward(m, &m->layer[k], &b);
}

void loom_model_forward(const struct loom_model *m, struct loom_scratch *s,
                        size_t rows, struct loom_sums *sums)
{
    for (int o = 0; o < m->n_layers; o++)
        forward_layer(m, s, rows, sums, m->order[o]);
}

/* Where in the order the sync points of a phase end. */
static int end_of_sync(const struct loom_model *m, int phase)
{
    int o = m->first[phase];
    while (o < m->first[phase + 1] && m->layer[m->order[o]].sync)
        o++;
    return o;
}

void loom_model_forward_phase(const struct loom_model *m,
                              struct loom_scratch *s, size_t rows,
                              struct loom_sums *sums, int phase, bool again)
{
    int next = m->first[phase + 1];
    for (int o = m->first[phase]; o < next; o++)
        forward_layer(m, s, rows, sums, m->order[o]);
    if (again || phase + 1 == m->n_phases)
        return;
    for (int o = next; o < end_of_sync(m, phase + 1); o++) {
        int k = m->order[o];
        struct loom_block b = block_at(m, s, rows, sums, k);
        m->layer[k].ops->look(m, &m->layer[k], &b);
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

static void backward_layer(const struct loom_model *m, struct loom_scratch *s,
                           size_t rows, struct loom_sums *sums, int k)
{
    if (!m->layer[k].ops->backward || loom_fuse_skips_backward(m, k))
        return;
    struct loom_block b = block_at(m, s, rows, sums, k);
    struct loom_product p;
    loom_fuse_backward(m, s, sums, k, &p, &b);
    m->layer[k].ops->backward(m, &m->layer[k], &b);
    join_gradients(m, s, &b, k);
}

void loom_model_backward(const struct loom_model *m, struct loom_scratch *s,
                         size_t rows, struct loom_sums *sums)
{
    for (int o = m->n_layers - 1; o >= 0; o--)
        backward_layer(m, s, rows, sums, m->order[o]);
}

void loom_model_backward_phase(const struct loom_model *m,
                               struct loom_scratch *s, size_t rows,
                               struct loom_sums *sums, int phase)
{
    int own = end_of_sync(m, phase), next = m->first[phase + 1];
    if (phase + 1 < m->n_phases)
        for (int o = end_of_sync(m, phase + 1) - 1; o >= next; o--)
            backward_layer(m, s, rows, sums, m->order[o]);
    for (int o = next - 1; o >= own; o--)
        backward_layer(m, s, rows, sums, m->order[o]);
    for (int o = own - 1; o >= m->first[phase]; o--) {
        int k = m->order[o];
        if (!m->layer[k].ops->look_back)
            continue;
        struct loom_block b = block_at(m, s, rows, sums, k);
        b.summed = m->layer[k].summed;
        m->layer[k].ops->look_back(m, &m->layer[k], &b);
    }
}

void loom_model_sync(struct loom_model *m, struct loom_sums *chunk,
                     int n_chunks, int phase, size_t rows)
{
    int next = m->first[phase + 1];
    for (int o = next; o < end_of_sync(m, phase + 1); o++) {
        struct loom_layer *l = &m->layer[m->order[o]];
        double *stat = chunk[0].stat + l->stat_at;
        float *top = chunk[0].top + l->top_at;
        for (int c = 1; c < n_chunks; c++) {
            const float *more = chunk[c].top + l->top_at;
            for (size_t j = 0; j < l->stat_n; j++)
                stat[j] += chunk[c].stat[l->stat_at + j];
            for (size_t j = 0; j < l->top_n; j++)
                top[j] = top[j] > more[j] ? top[j] : more[j];
        }
        l->ops->sync(m, l, stat, top, rows);
    }
}

/* The sums move to the first chunk: when all are merged, nothing of them is
 * counted twice. */
void loom_model_sync_back(struct loom_model *m, struct loom_sums *chunk,
                          int n_chunks, int phase, size_t rows)
{
    for (int o = m->first[phase]; o < end_of_sync(m, phase); o++) {
        struct loom_layer *l = &m->layer[m->order[o]];
        float *sum = chunk[0].sum + l->sum_at;
        for (int c = 1; c < n_chunks; c++) {
            float *more = chunk[c].sum + l->sum_at;
            for (size_t j = 0; j < l->sum_n; j++) {
                sum[j] += more[j];
                more[j] = 0.0f;
            }
        }
        if (l->ops->sync_back)
            l->ops->sync_back(m, l, sum, rows);
    }
}

/* Layer k's sums and maxima of all chunks into those of the first. */
static void merge(const struct loom_model *m, struct loom_sums *chunk,
                  int n_chunks, int k)
{
    const struct loom_layer *l = &m->layer[k];
    for (int c = 1; c < n_chunks; c++) {
        m->kernels->add(l->sum_n, chunk[c].sum + l->sum_at,
                        chunk[0].sum + l->sum_at);
        m->kernels->max(l->top_n, chunk[c].top + l->top_at,
                        chunk[0].top + l->top_at);
    }
}

void loom_model_reduce_layer(struct loom_model *m, struct loom_sums *chunk,
                             int n_chunks, int k)
{
    struct loom_layer *l = &m->layer[k];
    memset(m->grad + l->theta_at, 0, l->theta_n * sizeof(float));
    merge(m, chunk, n_chunks, k);
    if (l->ops->reduce && !loom_fuse_is_off(m, k))
        l->ops->reduce(m, l, chunk[0].sum + l->sum_at,
                       chunk[0].top + l->top_at);
}

void loom_model_reduce(struct loom_model *m, struct loom_sums *chunk,
                       int n_chunks)
{
    for (int k = 0; k < m->n_layers; k++)
        loom_model_reduce_layer(m, chunk, n_chunks, k);
}

void loom_model_trace(struct loom_model *m, struct loom_sums *chunk,
                      int n_chunks)
{
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        merge(m, chunk, n_chunks, k);
        if (l->ops->trace)
            l->ops->trace(m, l, chunk[0].top + l->top_at);
    }
}
