/* A file is a header of 128 bytes and a list of elements, each a tag (type and
 * size) and its data; an array is an element that holds others: flags, sizes,
 * name, numbers. Packed ones are deflated, tag and all. Everything is read in
 * order, through streams that know how much can follow. Source: "MAT-File
 * Format", MathWorks. */
#include "engine/mat.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "engine/mem.h"

enum {
    HEADER = 128,
    MI_INT8 = 1,
    MI_INT32 = 5,
    MI_UINT32 = 6,
    MI_MATRIX = 14,
    MI_COMPRESSED = 15,
    MX_DOUBLE = 6,
    MX_UINT64 = 15,
    FLAG_COMPLEX = 0x0800,
    MAX_NAME = 64
};

/* Numbers as they are stored, by the type of the element. */
static const int stored[] = {
    [0] = -1,        [1] = LOOM_I8,   [2] = LOOM_U8,  [3] = LOOM_I16,
    [4] = LOOM_U16,  [5] = LOOM_I32,  [6] = LOOM_U32, [7] = LOOM_F32,
    [8] = -1,        [9] = LOOM_F64,  [10] = -1,      [11] = -1,
    [12] = LOOM_I64, [13] = LOOM_U64,
};
enum { N_STORED = sizeof(stored) / sizeof(*stored) };

/* And as they are meant, by the class of the array. */
static const enum loom_dtype meant[] = {
    [6] = LOOM_F64,  [7] = LOOM_F32,  [8] = LOOM_I8,   [9] = LOOM_U8,
    [10] = LOOM_I16, [11] = LOOM_U16, [12] = LOOM_I32, [13] = LOOM_U32,
    [14] = LOOM_I64, [15] = LOOM_U64,
};

/* ---- a deflated element as a stream ------------------------------------- */

struct packed {
    z_stream z;
    struct loom_bytes *below;
    uint64_t left; /* packed bytes not taken yet */
    unsigned char buffer[1 << 14];
};

static int64_t read_packed(struct loom_bytes *b, void *p, size_t n)
{
    struct packed *k = b->from;
    n = n > 1u << 30 ? 1u << 30 : n;
    k->z.next_out = p;
    k->z.avail_out = (unsigned)n;
    while (k->z.avail_out) {
        if (!k->z.avail_in && k->left) {
            size_t want = k->left < sizeof(k->buffer) ? (size_t)k->left
                                                      : sizeof(k->buffer);
            if (loom_bytes_read(k->below, k->buffer, want, NULL) < 0)
                return -1;
            k->left -= want;
            k->z.next_in = k->buffer;
            k->z.avail_in = (unsigned)want;
        }
        int err = inflate(&k->z, Z_NO_FLUSH);
        if (err == Z_STREAM_END || (err == Z_BUF_ERROR && !k->left))
            break;
        if (err != Z_OK)
            return -1;
    }
    return (int64_t)(n - k->z.avail_out);
}

/* ---- elements ----------------------------------------------------------- */

struct tag {
    uint32_t type;
    uint64_t size;
    unsigned char small[4]; /* its data, of an element that has room for it */
    bool is_small;
};

static int skip(struct loom_bytes *b, uint64_t n, struct loom_errmsg *e)
{
    char none[4096];
    int err = 0;
    while (n && !err) {
        size_t k = n < sizeof(none) ? (size_t)n : sizeof(none);
        err = loom_bytes_read(b, none, k, e);
        n -= k;
    }
    return err;
}

/* `end` (may be NULL) is set instead of a failure where the stream ends. */
static int read_tag(struct loom_bytes *b, struct tag *t, bool *end,
                    struct loom_errmsg *e)
{
    unsigned char m[8];
    uint32_t word[2];
    if (end) {
        int err = loom_bytes_read(b, m, 1, NULL);
        if (err) {
            *end = true;
            return loom_bytes_end(b, e);
        }
    }
    size_t has = end ? 1 : 0;
    int err = loom_bytes_read(b, m + has, sizeof(m) - has, e);
    if (err)
        return err;
    memcpy(word, m, sizeof(m));
    *t = (struct tag){.type = word[0], .size = word[1]};
    if (word[0] >> 16) {
        t->type = word[0] & 0xffff;
        t->size = word[0] >> 16;
        t->is_small = true;
        memcpy(t->small, m + 4, 4);
        if (t->size > 4)
            return loom_fail(e, LOOM_ERR_FORMAT,
                             "%s: damaged: a small element of %ju bytes",
                             b->name, (uintmax_t)t->size);
    }
    return 0;
}

/* The data of an element whose tag has been read, and what fills it up. */
static int read_data(struct loom_bytes *b, const struct tag *t, void *to,
                     struct loom_errmsg *e)
{
    if (t->is_small) {
        memcpy(to, t->small, (size_t)t->size);
        return 0;
    }
    int err = loom_bytes_read(b, to, (size_t)t->size, e);
    uint64_t pad = (8 - t->size % 8) % 8;
    if (!err && pad > b->left) /* the last one may go without */
        pad = b->left;
    return err ? err : skip(b, pad, e);
}

/* An element of this type and of at most `room` bytes. */
static int read_small(struct loom_bytes *b, uint32_t type, void *to,
                      size_t room, size_t *n, struct loom_errmsg *e)
{
    struct tag t;
    int err = read_tag(b, &t, NULL, e);
    if (err)
        return err;
    if (t.type != type || t.size > room)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: damaged: an element of type %u and %ju bytes "
                         "where one of type %u is expected",
                         b->name, t.type, (uintmax_t)t.size, type);
    *n = (size_t)t.size;
    return read_data(b, &t, to, e);
}

/* ---- arrays ------------------------------------------------------------- */

struct search {
    const char *file, *want; /* want NULL: only look what there is */
    struct loom_array *out;
    bool found;
    size_t n; /* arrays of numbers */
    char last[MAX_NAME], list[256];
};

struct array_head {
    unsigned class;
    bool numbers;
    int n_dims;
    size_t dim[LOOM_NPY_MAX_DIMS];
    char name[MAX_NAME];
};

static int read_head(struct loom_bytes *b, struct array_head *h,
                     struct loom_errmsg *e)
{
    uint32_t flags[2];
    int32_t dim[LOOM_NPY_MAX_DIMS];
    size_t n = 0;
    *h = (struct array_head){0};
    int err = read_small(b, MI_UINT32, flags, sizeof(flags), &n, e);
    if (err)
        return err;
    h->class = n == 8 ? flags[0] & 0xff : 0;
    h->numbers = h->class >= MX_DOUBLE && h->class <= MX_UINT64 &&
                 !(flags[0] & FLAG_COMPLEX);
    if (!h->numbers)
        return 0;
    err = read_small(b, MI_INT32, dim, sizeof(dim), &n, e);
    if (err)
        return err;
    h->n_dims = (int)(n / 4);
    for (int k = 0; k < h->n_dims; k++) {
        if (dim[k] < 0)
            return loom_fail(e, LOOM_ERR_FORMAT,
                             "%s: damaged: an axis of length %d", b->name,
                             dim[k]);
        h->dim[k] = (size_t)dim[k];
    }
    err = read_small(b, MI_INT8, h->name, MAX_NAME - 1, &n, e);
    return err;
}

/* From column-major order with the last axis slowest to C order. */
static void reorder(const struct loom_array *from, struct loom_array *to)
{
    size_t size = loom_dtype_size(from->dtype), at[LOOM_NPY_MAX_DIMS] = {0};
    size_t step[LOOM_NPY_MAX_DIMS], stride = size;
    const char *p = from->data;
    char *q = to->data;
    for (int k = from->n_dims - 1; k >= 0; k--) {
        step[k] = stride;
        stride *= from->dim[k];
    }
    for (size_t i = 0, offset = 0; i < from->n; i++, p += size) {
        memcpy(q + offset, p, size);
        for (int k = 0; k < from->n_dims; k++) {
            offset += step[k];
            if (++at[k] < from->dim[k])
                break;
            offset -= at[k] * step[k];
            at[k] = 0;
        }
    }
}

/* Number i of the stored ones as the type that is meant. */
static void convert(const struct loom_array *from, struct loom_array *to)
{
    for (size_t i = 0; i < from->n; i++) {
        double v = loom_array_get(from, i);
        switch (to->dtype) {
        case LOOM_F64:
            ((double *)to->data)[i] = v;
            break;
        case LOOM_F32:
            ((float *)to->data)[i] = (float)v;
            break;
        default: { /* fewer bytes hold small integers: they fit */
            int64_t whole = (int64_t)v;
            memcpy((char *)to->data + i * loom_dtype_size(to->dtype), &whole,
                   loom_dtype_size(to->dtype));
        }
        }
    }
}

/* The numbers behind a head, in C order. */
static int read_numbers(struct loom_bytes *b, const struct array_head *h,
                        struct loom_array *out, struct loom_errmsg *e)
{
    struct tag t;
    struct loom_array raw, typed;
    enum loom_dtype want = meant[h->class];
    int err = read_tag(b, &t, NULL, e);
    if (err)
        return err;
    int dtype = t.type < N_STORED ? stored[t.type] : -1;
    bool whole = want != LOOM_F32 && want != LOOM_F64;
    if (dtype < 0 ||
        (dtype != (int)want && whole &&
         (dtype == LOOM_F32 || dtype == LOOM_F64 ||
          loom_dtype_size((enum loom_dtype)dtype) > loom_dtype_size(want))))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: %s is damaged: numbers of type %u", b->name,
                         h->name, t.type);
    err = loom_array_init(&raw, (enum loom_dtype)dtype, h->n_dims, h->dim,
                          t.is_small ? 4 : b->left, b->name, e);
    if (err)
        return err;
    if (t.size != raw.n * loom_dtype_size(raw.dtype))
        err = loom_fail(e, LOOM_ERR_FORMAT,
                        "%s: %s is damaged: %ju bytes for %zu numbers of %zu",
                        b->name, h->name, (uintmax_t)t.size, raw.n,
                        loom_dtype_size(raw.dtype));
    if (!err)
        err = read_data(b, &t, raw.data, e);
    if (!err && raw.dtype != want) {
        err = loom_array_init(&typed, want, h->n_dims, h->dim, LOOM_BYTES_MAX,
                              b->name, e);
        if (!err) {
            convert(&raw, &typed);
            loom_array_deinit(&raw);
            raw = typed;
        }
    }
    if (!err)
        err = loom_array_init(out, want, h->n_dims, h->dim, LOOM_BYTES_MAX,
                              b->name, e);
    if (!err)
        reorder(&raw, out);
    loom_array_deinit(&raw);
    return err;
}

/* An array whose tag has been read: take it, or note its name. */
static int read_array(struct loom_bytes *b, struct search *s,
                      struct loom_errmsg *e)
{
    struct array_head h;
    int err = read_head(b, &h, e);
    if (err || !h.numbers)
        return err;
    size_t at = strlen(s->list);
    snprintf(s->list + at, sizeof(s->list) - at, "%s%s", s->n ? ", " : "",
             h.name);
    memcpy(s->last, h.name, sizeof(s->last));
    s->n++;
    if (!s->want || strcmp(s->want, h.name))
        return 0;
    s->found = true;
    return read_numbers(b, &h, s->out, e);
}

/* A packed element, as the array that it should be. */
static int read_compressed(struct loom_bytes *b, uint64_t size,
                           struct search *s, struct loom_errmsg *e)
{
    struct packed *k = loom_calloc(1, sizeof(*k));
    struct tag t;
    k->below = b;
    k->left = size;
    if (inflateInit(&k->z) != Z_OK) {
        free(k);
        return loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory to unpack it",
                         b->name);
    }
    struct loom_bytes in = {s->file, size * LOOM_DEFLATE_RATIO, read_packed,
                            NULL, k};
    int err = read_tag(&in, &t, NULL, e);
    if (!err && t.type == MI_MATRIX)
        err = read_array(&in, s, e);
    inflateEnd(&k->z);
    uint64_t left = k->left;
    free(k);
    return err ? err : skip(b, left, e);
}

/* The array of an element; what of the element is not used is skipped. */
static int read_element(struct loom_bytes *b, const struct tag *t,
                        struct search *s, struct loom_errmsg *e)
{
    if (t->is_small || t->size > b->left)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: cut short or damaged: an element of %ju bytes, "
                         "at most %ju follow; fetch or save it again",
                         b->name, (uintmax_t)t->size, (uintmax_t)b->left);
    if (t->type == MI_COMPRESSED)
        return read_compressed(b, t->size, s, e);
    uint64_t behind = b->left - t->size;
    b->left = t->size; /* nothing in it reaches beyond it */
    int err = t->type == MI_MATRIX ? read_array(b, s, e) : 0;
    uint64_t unused = b->left;
    b->left += behind;
    return err ? err : skip(b, unused, e);
}

static int check_header(struct loom_bytes *b, struct loom_errmsg *e)
{
    char m[HEADER] = {0};
    int err = b->left < HEADER ? 0 : loom_bytes_read(b, m, HEADER, e);
    if (err || !memcmp(m + HEADER - 4, "\0\1IM", 4))
        return err;
    return loom_fail(e, LOOM_ERR_FORMAT,
                     "%s: not a MATLAB file of version 5, little-endian; save "
                     "it with save(..., '-v7')",
                     b->name);
}

/* Element by element, until the array that is wanted, or the end. */
static int look_through(struct loom_bytes *b, struct search *s,
                        struct loom_errmsg *e)
{
    struct tag t;
    int err = check_header(b, e);
    while (!err && !s->found) {
        bool end = false;
        err = read_tag(b, &t, &end, e);
        if (end)
            break;
        if (!err)
            err = read_element(b, &t, s, e);
    }
    return err;
}

/* What was looked for, once the whole file is seen. */
static int decide(const struct search *s, struct loom_errmsg *e)
{
    if (s->found || (!s->want && s->n == 1))
        return 0;
    if (!s->n)
        return loom_fail(e, LOOM_ERR_MISSING, "%s: no array of numbers in it",
                         s->file);
    if (!s->want)
        return loom_fail(e, LOOM_ERR_MISSING, "%s: name one of its arrays: %s",
                         s->file, s->list);
    return loom_fail(e, LOOM_ERR_MISSING, "%s: no array %s; it has %s", s->file,
                     s->want, s->list);
}

int loom_mat_decode(const void *bytes, size_t n, const char *file,
                    const char *name, struct loom_array *out,
                    struct loom_errmsg *e)
{
    struct loom_bytes b;
    struct search s = {.file = file, .want = name, .out = out};
    *out = (struct loom_array){0};
    loom_bytes_memory(&b, bytes, n, file);
    int err = look_through(&b, &s, e);
    if (!err)
        err = decide(&s, e);
    return err || s.found ? err
                          : loom_mat_decode(bytes, n, file, s.last, out, e);
}

int loom_mat_read(const char *path, const char *name, struct loom_array *out,
                  struct loom_errmsg *e)
{
    struct loom_bytes b;
    struct search s = {.file = path, .want = name, .out = out};
    *out = (struct loom_array){0};
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    err = look_through(&b, &s, e);
    loom_bytes_close(&b);
    if (!err)
        err = decide(&s, e);
    return err || s.found ? err : loom_mat_read(path, s.last, out, e);
}
