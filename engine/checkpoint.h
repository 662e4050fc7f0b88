/* Checkpoint files: a network, and what is needed to go on training it.
 *
 * Format (all little-endian): 8 bytes "LOOMCKP1", then sections
 *   tag[4]  crc32 u32  length u64  payload[length]  zeros to a multiple of 8
 * up to and including an empty section "END.". The CRC-32 is of tag, length and
 * payload.
 *   INFO  JSON: {"model": ..., "params": [[name, n], ...], "info": {...}}
 *   THET  float32 [n_theta], parameters in the order of "params"
 *   ADAM  u64 step, float32 m [n_theta], v [n_theta], and for AMSGrad its
 *         largest v [n_theta]                              (to go on only)
 *   TRAI  JSON: the trainer's own state                      (to go on only)
 * A reader skips sections it does not know. Files are written through a
 * temporary name, synced and renamed: whole or absent. */
#pragma once

#include <jansson.h>

#include "engine/err.h"
#include "engine/model.h"
#include "engine/optimizer.h"

struct loom_checkpoint {
    struct loom_model *model;        /* owned */
    json_t *info;                    /* owned; data set, metric, epoch, ... */
    struct loom_optimizer optimizer; /* m NULL: not in the file */
    json_t *trainer;                 /* owned; NULL: not in the file */
};

/* optimizer and trainer may be NULL: a network to use, not to train on. */
int loom_checkpoint_write(const char *path, const struct loom_model *m,
                          const json_t *info,
                          const struct loom_optimizer *optimizer,
                          const json_t *trainer, struct loom_errmsg *e);

/* Survives any bytes: LOOM_ERR_FORMAT says what is wrong with the file. */
int loom_checkpoint_read(const char *path, struct loom_checkpoint *c,
                         struct loom_errmsg *e);
void loom_checkpoint_deinit(struct loom_checkpoint *c);
