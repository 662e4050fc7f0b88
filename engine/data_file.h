/* Any data file by its name: .npy, .npz, .csv (.tsv, .txt, .data), .arff, .h5
 * (.hdf5), .mat, IDX; those of text, .npy and IDX also packed (.gz). Another
 * ending is taken for what the first bytes say. */
#pragma once

#include "engine/err.h"
#include "engine/table.h"

struct loom_data_conf {
    const char *member; /* of an archive: .npz, .h5, .mat; NULL: the only one */
    struct loom_csv_conf csv;
};

/* Nothing given: look what the file says. */
extern const struct loom_data_conf loom_data_plain;

/* Read one array. A path that is no file but has a colon is FILE:MEMBER.
 * A large .npy is mapped, see loom_npy_map. *out is all zero after a
 * failure. */
int loom_data_read(const char *path, const struct loom_data_conf *conf,
                   struct loom_table *out, struct loom_errmsg *e);
