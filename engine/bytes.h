/* A bounded stream of bytes, taken in order by the readers of data files:
 * memory, a plain or gzip file, a member of an archive. `left` says how many
 * bytes can follow at most, so that a reader refuses a size that the stream
 * cannot hold before it asks for memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"

/* A data file of this many bytes, uncompressed, is the largest one read. */
#define LOOM_BYTES_MAX ((uint64_t)4 << 30)

/* Deflate packs at most 1032 bytes into one. */
enum { LOOM_DEFLATE_RATIO = 1032 };

struct loom_bytes {
    const char *name; /* borrowed, for error sentences */
    uint64_t left;
    /* Up to n bytes into p: how many, 0 at the end, negative on failure. */
    int64_t (*read)(struct loom_bytes *b, void *p, size_t n);
    const char *at; /* what comes next, of a stream in memory */
    void *from;     /* the open file, of any other */
};

/* From memory: borrows the n bytes at p. */
void loom_bytes_memory(struct loom_bytes *b, const void *p, size_t n,
                       const char *name);

/* From a plain or gzip file; loom_bytes_close afterwards. */
int loom_bytes_open(struct loom_bytes *b, const char *path,
                    struct loom_errmsg *e);
void loom_bytes_close(struct loom_bytes *b);

/* Exactly n bytes; LOOM_ERR_FORMAT when the stream is shorter or broken. */
int loom_bytes_read(struct loom_bytes *b, void *p, size_t n,
                    struct loom_errmsg *e);

/* LOOM_ERR_FORMAT unless the stream ends here and its checksum, if it has
 * one, is right. */
int loom_bytes_end(struct loom_bytes *b, struct loom_errmsg *e);
