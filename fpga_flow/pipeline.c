#include "fpga_flow/pipeline.h"

#include <stdlib.h>

#include "engine/mem.h"
#include "fpga_flow/retime.h"

void loom_pipeline_deinit(struct loom_pipeline *p)
{
    free(p->stage);
    free(p->last);
    free(p->early);
    *p = (struct loom_pipeline){0};
}

static int max(int a, int b)
{
    return a > b ? a : b;
}

/* The stage of the latest of the wires behind `id`, through views. */
static int operand_stage(const struct loom_pipeline *p,
                         const struct loom_wires *w, int id)
{
    const struct loom_wire *x = &w->wire[id];
    if (!x->bits)
        return 1;
    if (!loom_wire_is_view(w, id))
        return p->stage[id];
    int t = operand_stage(p, w, x->a);
    return x->b < 0 ? t : max(t, operand_stage(p, w, x->b));
}

static int stage_of(const struct loom_pipeline *p, const struct loom_wires *w,
                    int id)
{
    const struct loom_wire *x = &w->wire[id];
    int t = 1;
    if (x->op == LOOM_WIRE_CONST)
        return t;
    t = p->levels ? (x->level + p->levels - 1) / p->levels
                  : w->layer[x->layer].depth;
    const int arg[] = {x->a, x->b, x->c};
    for (int i = 0; i < 3; i++)
        if (arg[i] >= 0)
            t = max(t, operand_stage(p, w, arg[i]));
    return max(t, 1);
}

/* `id` is read at a slot: note it where the bits come from. */
static void read_at(struct loom_pipeline *p, const struct loom_wires *w, int id,
                    int slot)
{
    const struct loom_wire *x = &w->wire[id];
    if (x->op == LOOM_WIRE_CONST || !x->bits)
        return;
    if (!loom_wire_is_view(w, id)) {
        p->last[id] = max(p->last[id], slot);
        p->early[id] |= slot < p->stage[id];
        return;
    }
    read_at(p, w, x->a, slot);
    if (x->b >= 0)
        read_at(p, w, x->b, slot);
}

void loom_pipeline_make(struct loom_pipeline *p, const struct loom_wires *w,
                        int levels)
{
    *p = (struct loom_pipeline){.levels = levels, .latency = 1};
    p->stage = loom_calloc(w->n + 1, sizeof(*p->stage));
    p->last = loom_calloc(w->n + 1, sizeof(*p->last));
    p->early = loom_calloc(w->n + 1, sizeof(*p->early));
    for (size_t i = 0; i < w->n; i++)
        if (!loom_wire_is_view(w, (int)i))
            p->stage[i] = stage_of(p, w, (int)i);
    for (size_t j = 0; j < w->n_out; j++)
        p->latency = max(p->latency, operand_stage(p, w, w->out[j]));
    loom_retime(p, w);
    for (size_t i = 0; i < w->n; i++) {
        const int arg[] = {w->wire[i].a, w->wire[i].b, w->wire[i].c};
        if (loom_wire_is_view(w, (int)i) || !w->wire[i].bits)
            continue;
        for (int m = 0; m < 3; m++)
            if (arg[m] >= 0)
                read_at(p, w, arg[m], p->stage[i] - 1);
    }
    for (size_t j = 0; j < w->n_out; j++)
        read_at(p, w, w->out[j], p->latency);
}

int loom_pipeline_banks(const struct loom_pipeline *p, int i)
{
    int banks = p->last[i] - p->stage[i] + 1;
    return banks > 0 ? banks : 0;
}
