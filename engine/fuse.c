#include "engine/fuse.h"

static bool is_quantizer(const struct loom_layer *l)
{
    return l->ops == &loom_layer_quantize;
}

static bool only_rounds(const struct loom_layer *l)
{
    const float *scale, *inverse;
    return is_quantizer(l) && loom_quantize_grid(l, &scale, &inverse);
}

/* The relu and the quantizer behind layer k. */
static void plan_forward(struct loom_model *m, const int *readers, int k)
{
    struct loom_layer *l = &m->layer[k];
    int at = k;
    for (int next = k + 1; next < m->n_layers; next++) {
        struct loom_layer *f = &m->layer[next];
        if (!f->n_inputs || f->input[0] != at || readers[at] != 1)
            continue;
        if (f->ops == &loom_layer_relu && at == k)
            l->relu = next;
        else if (only_rounds(f))
            l->quantize = next;
        else
            return;
        f->in_forward = true;
        if (l->quantize)
            return;
        at = next;
    }
}

/* The quantizer in front of a dense layer, and what is in front of that. */
static void plan_backward(struct loom_model *m, const int *readers, int k)
{
    struct loom_layer *l = &m->layer[k], *q = &m->layer[l->input[0]], *src;
    src = &m->layer[q->input[0]];
    bool ends = src->ops == &loom_layer_input;
    if (readers[l->input[0]] != 1 || !only_rounds(q) || !(q->shares || ends))
        return;
    l->error = true;
    q->in_backward = true;
    if (ends)
        return;
    if (src->ops == &loom_layer_relu && src->shares) {
        l->mask = true;
        src->in_backward = true;
        src = &m->layer[src->input[0]];
    }
    if (src->matrix && src->bias_at) {
        l->column = (int)(src - m->layer);
        src->summed = true;
    }
}

void loom_fuse_plan(struct loom_model *m, const int *readers)
{
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (l->affine)
            plan_forward(m, readers, k);
        if (is_quantizer(l) || l->ops == &loom_layer_relu)
            l->shares = readers[l->input[0]] == 1 &&
                        m->layer[l->input[0]].ops != &loom_layer_input;
        l->in_place = l->ops == &loom_layer_relu && l->shares &&
                      m->layer[l->input[0]].affine;
        if (l->matrix)
            plan_backward(m, readers, k);
    }
}

bool loom_fuse_is_off(const struct loom_model *m, int k)
{
    return m->mode == LOOM_MODE_REAL && is_quantizer(&m->layer[k]);
}

float *loom_fuse_out(const struct loom_model *m, const struct loom_scratch *s,
                     int k)
{
    while (loom_fuse_is_off(m, k))
        k = m->layer[k].input[0];
    return s->out[k];
}

bool loom_fuse_skips_forward(const struct loom_model *m, int k)
{
    return loom_fuse_is_off(m, k) ||
           (loom_in_step(m) && m->layer[k].in_forward);
}

bool loom_fuse_skips_backward(const struct loom_model *m, int k)
{
    const struct loom_layer *l = &m->layer[k];
    return loom_in_step(m) &&
           (l->in_backward || (loom_fuse_is_off(m, k) && l->shares));
}

void loom_fuse_forward(const struct loom_model *m, const struct loom_scratch *s,
                       struct loom_sums *sums, int k, struct loom_product *p,
                       struct loom_block *b)
{
    const struct loom_layer *l = &m->layer[k];
    if (!loom_in_step(m) || !(l->relu || l->quantize))
        return;
    *p = (struct loom_product){.relu = l->relu != 0};
    if (l->quantize && m->mode == LOOM_MODE_TRAIN) {
        const struct loom_layer *q = &m->layer[l->quantize];
        loom_quantize_grid(q, &p->scale, &p->inverse);
        p->q = s->out[l->quantize];
        p->top = sums->top + q->top_at;
    }
    b->fused = p;
}

void loom_fuse_backward(const struct loom_model *m,
                        const struct loom_scratch *s, struct loom_sums *sums,
                        int k, struct loom_product *p, struct loom_block *b)
{
    const struct loom_layer *l = &m->layer[k];
    b->summed = loom_in_step(m) && l->summed;
    if (!loom_in_step(m) || !l->error)
        return;
    const struct loom_layer *q = &m->layer[l->input[0]];
    const struct loom_layer *from = &m->layer[l->column];
    *p = (struct loom_product){.x = loom_fuse_out(m, s, q->input[0]),
                               .mask = l->mask};
    if (m->mode == LOOM_MODE_TRAIN) {
        p->rounded = s->out[l->input[0]];
        p->error = sums->sum + q->sum_at;
    }
    if (l->column)
        p->column = sums->sum + from->sum_at + from->bias_at;
    b->fused = p;
}
