/* What tools have made, kept, so that the same call is not made twice: the
 * key is the command line, the tool's version and the bytes of every input.
 * The folder is $LOOM_CACHE (empty: nothing is kept), or bitloom/ in
 * $XDG_CACHE_HOME or ~/.cache. Entries appear whole, by a rename, and carry
 * checksums; the least lately used go when all take more than LOOM_MEMO_BYTES.
 * Several processes may use it at once. That it cannot be written to is no
 * error: nothing is kept. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LOOM_MEMO_BYTES ((int64_t)1 << 30)

struct loom_memo {
    const char *dir;         /* the tool's working folder */
    const char *const *argv; /* NULL-ended */
    const char *version;     /* of the tool */
    const char *const *in;   /* files in dir that it reads; NULL-ended */
    const char *const *out;  /* and writes */
    char *entry;             /* its folder; NULL: nothing is kept */
};

/* Fill in `entry`; loom_memo_deinit afterwards. */
void loom_memo_init(struct loom_memo *m);
void loom_memo_deinit(struct loom_memo *m);

/* Copy all outputs into dir: true if they were there, whole. */
bool loom_memo_take(const struct loom_memo *m);

/* Keep the outputs of a call that succeeded. */
void loom_memo_keep(const struct loom_memo *m);
