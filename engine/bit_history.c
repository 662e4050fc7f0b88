#include "engine/bit_history.h"

#include <stdlib.h>

#include "engine/layer.h"
#include "engine/mem.h"

enum { BINS = 33, PARTS = 4 };

/* A map's cell is a mean of side x side weights, in quarters of a bit, which
 * holds whole bits exactly. */
struct layer_maps {
    size_t rows, cols, side, cell_rows, cell_cols;
    struct loom_bit_point point[LOOM_BIT_MAPS];
    uint8_t *cell; /* [LOOM_BIT_MAPS][cell_rows][cell_cols]; NULL: no weights */
};

struct loom_bit_history {
    struct loom_model *model;
    int n, stride, first; /* maps; epochs from one to the next; of the first */
    struct layer_maps *layer;
};

static size_t cells(const struct layer_maps *l)
{
    return l->cell_rows * l->cell_cols;
}

static void shape_map(struct layer_maps *l, size_t rows, size_t cols)
{
    l->rows = rows;
    l->cols = cols;
    for (l->side = 1;; l->side++) {
        l->cell_rows = (rows + l->side - 1) / l->side;
        l->cell_cols = (cols + l->side - 1) / l->side;
        if (cells(l) <= LOOM_BIT_MAP_CELLS)
            return;
    }
}

struct loom_bit_history *loom_bit_history_new(struct loom_model *m,
                                              struct loom_errmsg *e)
{
    struct loom_bit_history *h = loom_calloc(1, sizeof(*h));
    h->model = m;
    h->stride = 1;
    h->layer = loom_calloc((size_t)m->n_layers, sizeof(*h->layer));
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (!l->ops->weights)
            continue;
        struct loom_layer_weights w = l->ops->weights(h->model, l);
        shape_map(&h->layer[k], w.rows, w.cols);
        h->layer[k].cell = loom_try_alloc(LOOM_BIT_MAPS * cells(&h->layer[k]),
                                          1, "history of bits", e);
        if (!h->layer[k].cell) {
            loom_bit_history_destroy(h);
            return NULL;
        }
    }
    return h;
}

void loom_bit_history_destroy(struct loom_bit_history *h)
{
    if (!h)
        return;
    for (int k = 0; k < h->model->n_layers; k++)
        free(h->layer[k].cell);
    free(h->layer);
    free(h);
}

float loom_bit_quantile(const int *counts, int n, double part)
{
    double total = 0.0, below = 0.0;
    for (int b = 0; b < n; b++)
        total += counts[b];
    for (int b = 0; b < n; b++) {
        below += counts[b];
        if (below > 0 && below >= part * total)
            return (float)b;
    }
    return 0.0f;
}

/* One cell: the sum of its weights' bits; counts them too. */
static float take_cell(const struct layer_maps *l,
                       const struct loom_layer_weights *w, size_t row,
                       size_t col, int counts[BINS], double *sum)
{
    size_t n = 0, last_row = row + l->side, last_col = col + l->side;
    double in_cell = 0.0;
    for (size_t r = row; r < last_row && r < l->rows; r++)
        for (size_t c = col; c < last_col && c < l->cols; c++, n++) {
            float b = loom_weight_bits(w, r * l->cols + c);
            counts[b < BINS - 1 ? (int)b : BINS - 1]++;
            in_cell += (double)b;
        }
    *sum += in_cell;
    return (float)(in_cell / (double)n);
}

static void take_map(struct layer_maps *l, const struct loom_layer_weights *w,
                     int map, int epoch)
{
    uint8_t *cell = l->cell + (size_t)map * cells(l);
    int counts[BINS] = {0};
    double sum = 0.0;
    for (size_t r = 0; r < l->rows; r += l->side)
        for (size_t c = 0; c < l->cols; c += l->side)
            *cell++ =
                (uint8_t)(take_cell(l, w, r, c, counts, &sum) * PARTS + 0.5f);
    l->point[map] = (struct loom_bit_point){
        epoch, (float)(sum / (double)(w->rows * w->cols)),
        loom_bit_quantile(counts, BINS, 0.9)};
}

/* Every other map goes. */
static void thin(struct loom_bit_history *h)
{
    for (int k = 0; k < h->model->n_layers; k++) {
        struct layer_maps *l = &h->layer[k];
        size_t n = cells(l);
        for (int map = 0; l->cell && 2 * map < h->n; map++) {
            l->point[map] = l->point[2 * map];
            for (size_t j = 0; j < n; j++)
                l->cell[(size_t)map * n + j] =
                    l->cell[(size_t)(2 * map) * n + j];
        }
    }
    h->n = (h->n + 1) / 2;
    h->stride *= 2;
}

void loom_bit_history_add(struct loom_bit_history *h, int epoch)
{
    if (!h->n || epoch <= h->first + (h->n - 1) * h->stride) {
        h->n = 0;
        h->stride = 1;
        h->first = epoch;
    }
    if ((epoch - h->first) % h->stride)
        return;
    if (h->n == LOOM_BIT_MAPS) {
        thin(h);
        if ((epoch - h->first) % h->stride)
            return;
    }
    for (int k = 0; k < h->model->n_layers; k++) {
        struct loom_layer *l = &h->model->layer[k];
        if (!h->layer[k].cell)
            continue;
        struct loom_layer_weights w = l->ops->weights(h->model, l);
        take_map(&h->layer[k], &w, h->n, epoch);
    }
    h->n++;
}

int loom_bit_history_size(const struct loom_bit_history *h)
{
    return h->n;
}

struct loom_bit_point loom_bit_history_point(const struct loom_bit_history *h,
                                             int layer, int map)
{
    return h->layer[layer].point[map];
}

float loom_bit_history_bits(const struct loom_bit_history *h, int layer,
                            int map, size_t row, size_t col)
{
    const struct layer_maps *l = &h->layer[layer];
    size_t j = row / l->side * l->cell_cols + col / l->side;
    return (float)l->cell[(size_t)map * cells(l) + j] / PARTS;
}
