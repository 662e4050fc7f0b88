/* The report of some runs as one page of HTML: style and pictures in it, no
 * script, nothing from elsewhere. The same runs give the same page, byte by
 * byte. */
#pragma once

#include <stdint.h>

#include "engine/train_view.h"
#include "tui/runs_data.h"

/* The bits of every weight of a layer, of the best point. */
struct report_map {
    char name[48];
    size_t rows, cols; /* inputs, outputs */
    uint8_t *bits;     /* [rows][cols]; owned */
};

struct report_run {
    struct loom_store_epoch *epoch;
    struct loom_store_point *point; /* live, by rising EBOPs */
    struct loom_store_build *build; /* newest first */
    size_t n_epochs, n_points, n_builds;
    struct loom_train_layer *layer; /* of the best point; NULL: not known */
    struct report_map *map;
    int n_layers, n_maps;
    struct loom_errmsg why; /* the best point could not be read, or "" */
};

/* row and more: n runs. The caller frees the page. */
char *report_make(const struct filter_row *row, const struct report_run *more,
                  int n);

void report_run_deinit(struct report_run *r);
