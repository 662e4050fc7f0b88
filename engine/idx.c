#include "engine/idx.h"

#include <string.h>

/* The third byte of the magic. */
static int find_dtype(unsigned char code)
{
    switch (code) {
    case 0x08:
        return LOOM_U8;
    case 0x09:
        return LOOM_I8;
    case 0x0b:
        return LOOM_I16;
    case 0x0c:
        return LOOM_I32;
    case 0x0d:
        return LOOM_F32;
    case 0x0e:
        return LOOM_F64;
    default:
        return -1;
    }
}

/* From the file's big-endian order to the machine's, in place. */
static void swap_bytes(struct loom_array *a)
{
    uint16_t *h = a->data;
    uint32_t *w = a->data;
    uint64_t *d = a->data;
    switch (loom_dtype_size(a->dtype)) {
    case 2:
        for (size_t i = 0; i < a->n; i++)
            h[i] = __builtin_bswap16(h[i]);
        break;
    case 4:
        for (size_t i = 0; i < a->n; i++)
            w[i] = __builtin_bswap32(w[i]);
        break;
    case 8:
        for (size_t i = 0; i < a->n; i++)
            d[i] = __builtin_bswap64(d[i]);
        break;
    }
}

static int read_header(struct loom_bytes *b, int *dtype, int *n_dims,
                       size_t dim[LOOM_NPY_MAX_DIMS], struct loom_errmsg *e)
{
    unsigned char m[4], size[LOOM_NPY_MAX_DIMS * 4];
    if (b->left < sizeof(m))
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: not an IDX file", b->name);
    int err = loom_bytes_read(b, m, sizeof(m), e);
    if (err)
        return err;
    *dtype = find_dtype(m[2]);
    *n_dims = m[3];
    if (m[0] || m[1] || *dtype < 0)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: not an IDX file: it starts with %02x %02x %02x",
                         b->name, m[0], m[1], m[2]);
    if (*n_dims < 1 || *n_dims > LOOM_NPY_MAX_DIMS)
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: %d axes; 1 to %d are read",
                         b->name, *n_dims, LOOM_NPY_MAX_DIMS);
    err = loom_bytes_read(b, size, (size_t)*n_dims * 4, e);
    for (int i = 0; !err && i < *n_dims; i++)
        dim[i] = (size_t)size[4 * i] << 24 | (size_t)size[4 * i + 1] << 16 |
                 (size_t)size[4 * i + 2] << 8 | size[4 * i + 3];
    return err;
}

static int decode(struct loom_bytes *b, struct loom_array *out,
                  struct loom_errmsg *e)
{
    int dtype = 0, n_dims = 0;
    size_t dim[LOOM_NPY_MAX_DIMS];
    int err = read_header(b, &dtype, &n_dims, dim, e);
    if (err)
        return err;
    err = loom_array_init(out, (enum loom_dtype)dtype, n_dims, dim, b->left,
                          b->name, e);
    if (!err)
        err = loom_bytes_read(b, out->data,
                              out->n * loom_dtype_size(out->dtype), e);
    if (!err)
        err = loom_bytes_end(b, e);
    if (err)
        loom_array_deinit(out);
    else
        swap_bytes(out);
    return err;
}

int loom_idx_decode(const void *bytes, size_t n, const char *name,
                    struct loom_array *out, struct loom_errmsg *e)
{
    struct loom_bytes b;
    loom_bytes_memory(&b, bytes, n, name);
    *out = (struct loom_array){0};
    return decode(&b, out, e);
}

int loom_idx_read(const char *path, struct loom_array *out,
                  struct loom_errmsg *e)
{
    struct loom_bytes b;
    *out = (struct loom_array){0};
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    err = decode(&b, out, e);
    loom_bytes_close(&b);
    return err;
}
