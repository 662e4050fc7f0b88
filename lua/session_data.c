/* The data of the training, for a screen that asks: a summary, measured once a
 * data set, and a window of its rows. On the session's thread. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "lua/session_impl.h"

/* A summary that was handed out stays: a screen may look at it. */
struct session_summary {
    struct loom_data_summary *summary;
    struct session_summary *next;
};

static void look_at_rows(const struct loom_dataset *d,
                         const struct loom_data_watch *w,
                         struct loom_data_view *v)
{
    const struct loom_rows *r = &d->part[w->part];
    v->part = w->part;
    v->row = w->row < r->rows ? w->row : r->rows ? r->rows - 1 : 0;
    v->col = w->col < d->n_in ? w->col : d->n_in - 1;
    size_t rows = r->rows - v->row, cols = d->n_in - v->col;
    v->n_rows = rows < LOOM_DATA_ROWS ? (int)rows : LOOM_DATA_ROWS;
    v->n_cols = cols < LOOM_DATA_COLS ? (int)cols : LOOM_DATA_COLS;
    for (int y = 0; y < v->n_rows; y++) {
        size_t row = v->row + (size_t)y;
        memcpy(v->x[y], r->x + row * d->n_in + v->col,
               (size_t)v->n_cols * sizeof(v->x[0][0]));
        v->label[y] = r->y   ? (float)r->y[row]
                      : r->t ? r->t[row * d->n_out]
                             : NAN;
    }
}

/* Measure the data anew if they are not those of the last time. */
static const struct loom_data_summary *summary(struct loom_session *s)
{
    struct loom_errmsg e;
    struct session_data *k = &s->looked;
    if (k->of == s->data && k->all)
        return k->all->summary;
    struct loom_data_summary *made = loom_data_summary_new(s->data, &e);
    if (!made) {
        loom_session_log(s, LOOM_LOG_WARN, "%s", e.text);
        return NULL;
    }
    struct session_summary *first = loom_malloc(sizeof(*first));
    *first = (struct session_summary){made, k->all};
    k->all = first;
    k->of = s->data;
    return made;
}

void loom_session_show_data(struct loom_session *s,
                            const struct loom_data_watch *w)
{
    struct session_data *k = &s->looked;
    if (w)
        k->watch = *w;
    if (!k->watch.on || !s->data)
        return;
    if (!k->view)
        k->view = loom_calloc(1, sizeof(*k->view));
    k->view->summary = summary(s);
    if (!k->view->summary)
        return;
    look_at_rows(s->data, &k->watch, k->view);
    loom_mailbox_put(k->mailbox, k->view);
}

void loom_session_forget_data(struct loom_session *s)
{
    while (s->looked.all) {
        struct session_summary *next = s->looked.all->next;
        loom_data_summary_destroy(s->looked.all->summary);
        free(s->looked.all);
        s->looked.all = next;
    }
    free(s->looked.view);
    loom_mailbox_destroy(s->looked.mailbox);
}

const struct loom_data_view *loom_session_look_data(struct loom_session *s)
{
    return loom_mailbox_get(s->looked.mailbox);
}
