/* NumPy arrays: .npy files and members of .npz archives, read and written.
 * Little-endian bool, int and uint of 8 to 64 bits, float32 and float64, C
 * order (Fortran order of more than one axis is refused with a sentence). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/bytes.h"
#include "engine/err.h"
#include "engine/map.h"

enum { LOOM_NPY_MAX_DIMS = 8 };

enum loom_dtype {
    LOOM_BOOL,
    LOOM_I8,
    LOOM_U8,
    LOOM_I16,
    LOOM_U16,
    LOOM_I32,
    LOOM_U32,
    LOOM_I64,
    LOOM_U64,
    LOOM_F32,
    LOOM_F64
};

struct loom_array {
    enum loom_dtype dtype;
    int n_dims; /* 0: a scalar */
    size_t dim[LOOM_NPY_MAX_DIMS];
    size_t n;   /* elements */
    void *data; /* owned, 64-byte aligned; or in `map`, not to be written */
    struct loom_map map;
};

/* Bytes of one element. */
size_t loom_dtype_size(enum loom_dtype d);

/* A zeroed array of this type and shape, for readers of data that has come in
 * from outside: a shape whose elements would take more than `left` bytes, or
 * more than LOOM_BYTES_MAX, is LOOM_ERR_FORMAT before memory is asked for. */
int loom_array_init(struct loom_array *a, enum loom_dtype dtype, int n_dims,
                    const size_t *dim, uint64_t left, const char *name,
                    struct loom_errmsg *e);

/* Safe on an array that is all zero. */
void loom_array_deinit(struct loom_array *a);

/* Element i as a number, whatever the dtype. */
double loom_array_get(const struct loom_array *a, size_t i);

/* All elements as float32 in fresh memory (caller frees); NULL if no memory. */
float *loom_array_to_f32(const struct loom_array *a);

/* Decode an .npy image in memory. `name` is used in error sentences.
 * All readers here leave *out all zero when they fail. */
int loom_npy_decode(const void *bytes, size_t n, const char *name,
                    struct loom_array *out, struct loom_errmsg *e);

/* From a file, plain or gzip. */
int loom_npy_read(const char *path, struct loom_array *out,
                  struct loom_errmsg *e);

/* The same, but the numbers of a plain file of a megabyte or more stay in the
 * file, mapped (loom_map_check tells whether they still do). */
int loom_npy_map(const char *path, struct loom_array *out,
                 struct loom_errmsg *e);

/* From any stream: the one decoder behind all the readers. */
int loom_npy_decode_bytes(struct loom_bytes *b, struct loom_array *out,
                          struct loom_errmsg *e);

/* An .npy image of C-order data (LOOM_F32 or LOOM_I16) in fresh memory, its
 * length in *size; NULL with a sentence, which names `name`. */
void *loom_npy_encode(const char *name, enum loom_dtype dtype, const void *data,
                      int n_dims, const size_t *dim, size_t *size,
                      struct loom_errmsg *e);

/* Write C-order float32 data; through a temporary name and rename. */
int loom_npy_write_f32(const char *path, const float *data, int n_dims,
                       const size_t *dim, struct loom_errmsg *e);

/* .npz archive, members stored or deflated: open once, read members by name
 * (without ".npy"). One thread at a time. Names are valid until the close. */
struct loom_npz;
struct loom_npz *loom_npz_open(const char *path, struct loom_errmsg *e);
void loom_npz_close(struct loom_npz *z);
size_t loom_npz_count(const struct loom_npz *z);
const char *loom_npz_name(const struct loom_npz *z, size_t i);
/* LOOM_ERR_MISSING if there is no such member. */
int loom_npz_read(struct loom_npz *z, const char *name, struct loom_array *out,
                  struct loom_errmsg *e);
