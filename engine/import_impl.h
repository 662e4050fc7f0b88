/* Parts of the importer: import.c walks the graph, import_layers.c translates
 * one layer, import_quantizer.c a quantizer. */
#pragma once

#include <stdbool.h>

#include "engine/import.h"

/* A parameter to be filled from a data set of the weights file. */
struct import_load {
    char *set, *param;
};

struct import {
    struct loom_model *m;
    const char *path;
    struct import_load *load;
    size_t n_loads;
    /* Layers of the file, by name: our layer that is its output. */
    struct {
        char name[48], class_name[48];
        int at;
    } * layer;
    size_t n_layers;
};

/* A layer being translated. */
struct import_layer {
    const char *name, *class_name;
    const json_t *config; /* its own fields */
    const json_t *args;   /* of its call; NULL in a Sequential */
    char group[96];       /* in the weights file */
    int input[LOOM_MAX_INPUTS], n_inputs;
};

/* "layer t1 (QDense), field units: sentence". Returns LOOM_ERR_FORMAT. */
__attribute__((format(printf, 4, 5))) int
import_fail(const struct import_layer *l, const char *field,
            struct loom_errmsg *e, const char *fmt, ...);

/* Fields of a layer's config. Missing or null gives the standard value; what
 * is of another type is an error. */
int import_whole(const struct import_layer *l, const char *field, int standard,
                 int *out, struct loom_errmsg *e);
int import_flag(const struct import_layer *l, const char *field, bool standard,
                bool *out, struct loom_errmsg *e);
/* "" where there is none. */
int import_word(const struct import_layer *l, const char *field,
                const char **out, struct loom_errmsg *e);

/* Add a layer of ours: takes conf. The number, or an error. */
int import_add(struct import *im, const struct import_layer *l,
               const char *kind, const char *suffix, const int *input,
               int n_inputs, json_t *conf, struct loom_errmsg *e);

/* The parameter of that (formatted) name comes from data set `set` of the
 * layer's group. */
__attribute__((format(printf, 4, 5))) void
import_load(struct import *im, const struct import_layer *l, const char *set,
            const char *param, ...);

/* What is done besides: q(x / divisor) divisor factor + shift. The divisor is a
 * power of two. */
struct import_scale {
    double divisor, factor, shift;
};

/* A quantizer's conf from its config `field` (item `item` of it where that is
 * not negative), for a tensor of `rank` axes, the rows not counted; `scale`, of
 * data: the rows are axis 0 (NULL: of weights). Its data sets are under
 * `group`, its parameters are param/k, ... */
int import_quantizer(struct import *im, const struct import_layer *l,
                     const char *field, int item, struct import_scale *scale,
                     int rank, const char *group, const char *param,
                     json_t **conf, struct loom_errmsg *e);

/* Translate a layer; its output goes to *at. */
int import_translate(struct import *im, const struct import_layer *l, int *at,
                     struct loom_errmsg *e);
