/* The argument MODEL of many commands: a checkpoint, a run of the store
 * ("muon-001", "muon-001@40", or the run's folder), the folder of a store (its
 * newest run), a frozen network (NET.json), or a folder that `bitloom compile`
 * wrote. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engine/err.h"
#include "engine/exact.h"
#include "engine/model.h"
#include "fpga_flow/target.h"

struct cli_model {
    char *path;    /* of the file that was read */
    char name[64]; /* a word for it: the run's id, or the file's name */
    struct loom_model *model; /* NULL: only the integers are known */
    json_t *info;             /* of the checkpoint; NULL likewise */
    struct loom_exact *net;   /* set by cli_model_open for integers, else by
                                 cli_model_freeze */
};

/* Rows for a model: inputs and, where they are known, labels or targets. */
struct cli_rows {
    size_t n, n_in;
    float *x; /* [n][n_in] */
    float *y; /* labels [n] or targets [n][outputs]; NULL: not known */
    size_t y_width;
    size_t y_of[LOOM_MAX_OUTPUTS]; /* numbers of each output; 0: not said */
};

/* store: folder of the run store, NULL for the default. */
int cli_model_open(const char *arg, const char *store, struct cli_model *out,
                   struct loom_errmsg *e);

/* The same; of a run whose epoch is not named, the best point that is
 * predicted to fit the device (or that comes closest). */
int cli_model_open_for(const char *arg, const char *store,
                       const struct loom_device *device, int levels,
                       struct cli_model *out, struct loom_errmsg *e);
void cli_model_close(struct cli_model *m);

/* Make m->net if it is not there yet. */
int cli_model_freeze(struct cli_model *m, struct loom_errmsg *e);

/* From the files named (loom_data_read; one of all inputs side by side, or
 * NAME=FILE for each input), or (n_data 0) the test rows kept in the run's
 * folder; without those n is 0. Labels are in the files `labels` (one of all
 * outputs side by side, or NAME=FILE for each output), or in the column `label`
 * (may be NULL) of the one file of inputs. Words among them are
 * numbered as the model's classes are, if it has names of them, else by
 * alphabet. */
int cli_rows_read(const struct cli_model *m, const char *const *data,
                  size_t n_data, const char *const *labels, size_t n_labels,
                  const char *label, struct cli_rows *out,
                  struct loom_errmsg *e);

/* Apply the standardization that the model was trained with. */
int cli_rows_standardize(const struct cli_model *m, struct cli_rows *r,
                         struct loom_errmsg *e);
void cli_rows_free(struct cli_rows *r);

/* The rows as the integers of the network's input ports [n][in_size]; the
 * caller frees. NULL with a sentence. */
int64_t *cli_rows_quantize(const struct cli_rows *r,
                           const struct loom_exact *net, struct loom_errmsg *e);
