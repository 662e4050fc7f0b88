/* What the files of the Layers screen share: layers.c (layout, keys, the whole
 * picture), layers_map.c and layers_panels.c (its boxes). */
#pragma once

#include "tui/dash.h"
#include "tui/layers.h"

/* Boxes (no width: hidden), and the part of the layer that the map shows. */
struct layers_layout {
    bool frames;
    struct dash_rect map, histogram, cell, flow, time;
    int label, cell_w, means;   /* columns: row numbers, a cell, row means */
    int high, wide, rows, cols; /* cells of high x wide weights */
    int row, col;               /* the first cell, in weights */
    int gap_h, gap_w; /* a blank behind each so many rows, columns; 0: none */
};

void layers_layout(const struct ui *ui, struct layers_layout *l);

/* The layer that is looked at, or NULL; and what is known of it: NULL: nothing
 * yet, or not what is asked for. */
const struct loom_train_layer *layers_selected(const struct ui *ui);
const struct loom_layer_detail *layers_detail(const struct ui *ui);

/* A channel's or an image's part of the layer is a tile of its own. */
bool layers_tiled(const struct loom_layer_detail *d);

/* The cell of the detail at these weights; NULL: not in its window. */
const struct loom_weight_cell *layers_cell(const struct loom_layer_detail *d,
                                           const struct layers_layout *l,
                                           int row, int col);

/* Where cell number i of the map begins, gaps counted. */
int layers_x(const struct layers_layout *l, int i);
int layers_y(const struct layers_layout *l, int i);

/* layers_map.c */
void layers_map_draw(struct area a, const struct ui *ui,
                     const struct layers_layout *l);
void layers_map_title(const struct ui *ui, char *title, size_t n);
void layers_map_note(const struct ui *ui, const struct layers_layout *l,
                     char *note, size_t n);
/* "bits", "value" ... */
const char *layers_what_name(enum layers_what what);
/* What the map shows, as lines of numbers between tabs; the caller frees.
 * NULL: nothing. */
char *layers_map_text(const struct ui *ui);

/* layers_panels.c: the inside of a box, or all of it where it has a title of
 * its own. */
void layers_histogram_draw(struct area in, const struct loom_layer_detail *d);
void layers_cell_draw(struct area a, const struct ui *ui,
                      const struct layers_layout *l);
void layers_flow_draw(struct area in, const struct ui *ui,
                      const struct loom_layer_detail *d);
void layers_time_draw(struct area a, const struct ui *ui);
