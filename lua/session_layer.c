/* One layer of the model that trains, for a screen that asks: weight by weight,
 * or its inputs as they are for one example. On the session's thread. */
#include "engine/mem.h"
#include "lua/session_impl.h"

void loom_session_watch_layer(struct loom_session *s,
                              const struct loom_layer_watch *w)
{
    s->layer.watch = *w;
    s->layer.watch.name[sizeof(w->name) - 1] = 0;
}

int loom_session_open_layers(struct loom_session *s, struct loom_errmsg *e)
{
    s->layer.bits = loom_bit_history_new(loom_trainer_model(s->trainer), e);
    return s->layer.bits ? 0 : LOOM_ERR_NOMEM;
}

void loom_session_close_layers(struct loom_session *s)
{
    struct session_layer *k = &s->layer;
    loom_bit_history_destroy(k->bits);
    k->bits = NULL;
    if (k->has_example) {
        loom_scratch_deinit(&k->example);
        loom_sums_deinit(&k->sums);
    }
    k->has_example = false;
}

static bool make_room(struct session_layer *k, const struct loom_model *m)
{
    struct loom_errmsg ignored; /* without it no values are shown */
    if (k->has_example)
        return true;
    if (loom_scratch_init(&k->example, m, &ignored))
        return false;
    if (loom_sums_init(&k->sums, m, &ignored)) {
        loom_scratch_deinit(&k->example);
        return false;
    }
    return k->has_example = true;
}

/* Send a row of the validation data through the network, quantized as in the
 * last step. NULL where that cannot be: a network with sync points works on
 * whole batches. */
static const struct loom_scratch *send_example(struct loom_session *s,
                                               const struct loom_model *m)
{
    const struct loom_rows *r = &s->data->part[LOOM_VAL];
    struct session_layer *k = &s->layer;
    if (!r->rows || m->n_phases > 1 || !make_room(k, m))
        return NULL;
    size_t row = (size_t)(k->watch.example > 0 ? k->watch.example : 0);
    loom_sums_clear(&k->sums, m);
    loom_scratch_put(&k->example, m, 0, r->x + row % r->rows * s->data->n_in);
    loom_model_forward(m, &k->example, 1, &k->sums);
    return &k->example;
}

void loom_session_show_layer(struct loom_session *s)
{
    struct session_layer *k = &s->layer;
    if (!s->trainer || !k->watch.name[0])
        return;
    struct loom_model *m = loom_trainer_model(s->trainer);
    loom_layer_look(m, k->bits, s->view.train.epoch, &k->watch,
                    k->watch.inputs ? send_example(s, m) : NULL, &k->detail);
    loom_mailbox_put(k->mailbox, &k->detail);
}

const struct loom_layer_detail *loom_session_look_layer(struct loom_session *s)
{
    return loom_mailbox_get(s->layer.mailbox);
}
