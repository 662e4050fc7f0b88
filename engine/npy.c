/* The header of an .npy file is a Python dictionary in text. It is scanned
 * once from left to right, never past its end, and everything in it is
 * checked before memory for the data is asked for. */
#include "engine/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "arrays are kept as the files have them: little-endian");

enum { MAX_HEADER = 1 << 16, MAX_WORD = 32 };

static const struct {
    char code[3];
    unsigned char size;
} dtypes[] = {
    [LOOM_BOOL] = {"b1", 1}, [LOOM_I8] = {"i1", 1},  [LOOM_U8] = {"u1", 1},
    [LOOM_I16] = {"i2", 2},  [LOOM_U16] = {"u2", 2}, [LOOM_I32] = {"i4", 4},
    [LOOM_U32] = {"u4", 4},  [LOOM_I64] = {"i8", 8}, [LOOM_U64] = {"u8", 8},
    [LOOM_F32] = {"f4", 4},  [LOOM_F64] = {"f8", 8},
};
enum { N_DTYPES = sizeof(dtypes) / sizeof(dtypes[0]) };

size_t loom_dtype_size(enum loom_dtype d)
{
    return dtypes[d].size;
}

int loom_array_init(struct loom_array *a, enum loom_dtype dtype, int n_dims,
                    const size_t *dim, uint64_t left, const char *name,
                    struct loom_errmsg *e)
{
    *a = (struct loom_array){.dtype = dtype, .n_dims = n_dims, .n = 1};
    /* The largest product also bounds axes beside an axis of length 0, so
     * that no caller's own product of a few of them can overflow. */
    uint64_t product = 1;
    bool fits = true;
    for (int i = 0; i < n_dims; i++) {
        a->dim[i] = dim[i];
        a->n *= dim[i];
        fits = fits &&
               !(dim[i] && __builtin_mul_overflow(product, dim[i], &product));
        fits = fits && product <= LOOM_BYTES_MAX;
    }
    uint64_t size = dtypes[dtype].size;
    uint64_t bytes = fits ? a->n * size : 0;
    int err = 0;
    if (!fits || bytes > LOOM_BYTES_MAX)
        err = loom_fail(e, LOOM_ERR_FORMAT,
                        "%s: the array is larger than %" PRIu64 " GiB, the "
                        "most that is read",
                        name, LOOM_BYTES_MAX >> 30);
    else if (bytes > left)
        err = loom_fail(e, LOOM_ERR_FORMAT,
                        "%s: cut short: its shape needs %" PRIu64
                        " bytes, at most %" PRIu64
                        " follow; fetch or save it again",
                        name, bytes, left);
    else if (!(a->data = loom_try_alloc(a->n, size, name, e)))
        err = LOOM_ERR_NOMEM;
    if (err)
        *a = (struct loom_array){0};
    return err;
}

void loom_array_deinit(struct loom_array *a)
{
    if (a->map.data)
        loom_map_close(&a->map);
    else
        free(a->data);
    *a = (struct loom_array){0};
}

double loom_array_get(const struct loom_array *a, size_t i)
{
    switch (a->dtype) {
    case LOOM_BOOL:
        return ((const uint8_t *)a->data)[i] != 0;
    case LOOM_I8:
        return ((const int8_t *)a->data)[i];
    case LOOM_U8:
        return ((const uint8_t *)a->data)[i];
    case LOOM_I16:
        return ((const int16_t *)a->data)[i];
    case LOOM_U16:
        return ((const uint16_t *)a->data)[i];
    case LOOM_I32:
        return ((const int32_t *)a->data)[i];
    case LOOM_U32:
        return ((const uint32_t *)a->data)[i];
    case LOOM_I64:
        return (double)((const int64_t *)a->data)[i];
    case LOOM_U64:
        return (double)((const uint64_t *)a->data)[i];
    case LOOM_F32:
        return (double)((const float *)a->data)[i];
    case LOOM_F64:
        return ((const double *)a->data)[i];
    }
    return 0;
}

float *loom_array_to_f32(const struct loom_array *a)
{
    float *f = loom_try_alloc(a->n, sizeof(float), "array", NULL);
    for (size_t i = 0; f && i < a->n; i++)
        f[i] = (float)loom_array_get(a, i);
    return f;
}

/* ---- the header's dictionary ---- */

struct header {
    const char *p, *end; /* what is not scanned yet */
    const char *name;
    char descr[MAX_WORD];
    int fortran; /* -1 until seen, as the next */
    int n_dims;
    size_t dim[LOOM_NPY_MAX_DIMS];
};

static void skip_blanks(struct header *h)
{
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\n'))
        h->p++;
}

/* Skip blanks; true and a step over c if c is next. */
static bool next_is(struct header *h, char c)
{
    skip_blanks(h);
    if (h->p == h->end || *h->p != c)
        return false;
    h->p++;
    return true;
}

/* A quoted string of plain characters. */
static bool scan_string(struct header *h, char out[MAX_WORD])
{
    char quote = next_is(h, '\'') ? '\'' : next_is(h, '"') ? '"' : 0;
    size_t n = 0;
    while (quote && h->p < h->end && n + 1 < MAX_WORD && *h->p != quote &&
           (isalnum((unsigned char)*h->p) || strchr("_<>|=", *h->p)))
        out[n++] = *h->p++;
    out[n] = 0;
    return quote && next_is(h, quote);
}

static bool scan_bool(struct header *h, int *out)
{
    static const char *const word[] = {"False", "True"};
    skip_blanks(h);
    for (int v = 0; v < 2; v++) {
        size_t n = strlen(word[v]);
        if ((size_t)(h->end - h->p) >= n && !memcmp(h->p, word[v], n)) {
            h->p += n;
            *out = v;
            return true;
        }
    }
    return false;
}

static bool scan_size(struct header *h, size_t *out)
{
    *out = 0;
    const char *start = h->p;
    for (; h->p < h->end && isdigit((unsigned char)*h->p); h->p++)
        if (__builtin_mul_overflow(*out, (size_t)10, out) ||
            __builtin_add_overflow(*out, (size_t)(*h->p - '0'), out))
            return false;
    bool ok = h->p > start;
    next_is(h, 'L'); /* as Python 2 wrote it */
    return ok;
}

/* (), (3,), (3, 4) */
static int scan_shape(struct header *h, struct loom_errmsg *e)
{
    const char *what = "its shape cannot be read";
    h->n_dims = 0;
    if (!next_is(h, '('))
        goto bad;
    while (!next_is(h, ')')) {
        if (h->n_dims == LOOM_NPY_MAX_DIMS) {
            what = "it has more than 8 axes";
            goto bad;
        }
        if (!scan_size(h, &h->dim[h->n_dims++]))
            goto bad;
        if (!next_is(h, ',') && !(h->p < h->end && *h->p == ')'))
            goto bad;
    }
    return 0;
bad:
    return loom_fail(e, LOOM_ERR_FORMAT, "%s: not a usable .npy file: %s",
                     h->name, what);
}

static int scan_entry(struct header *h, struct loom_errmsg *e)
{
    char key[MAX_WORD];
    const char *what = "its header is not a dictionary";
    if (!scan_string(h, key) || !next_is(h, ':'))
        goto bad;
    if (!strcmp(key, "shape"))
        return scan_shape(h, e);
    if (!strcmp(key, "fortran_order")) {
        what = "fortran_order is neither True nor False";
        if (scan_bool(h, &h->fortran))
            return 0;
    } else if (!strcmp(key, "descr")) {
        what = "it holds records; save each field as an array of its own";
        if (next_is(h, '['))
            goto bad;
        what = "its dtype cannot be read";
        if (scan_string(h, h->descr))
            return 0;
    } else {
        what = "its header has an unknown key";
    }
bad:
    return loom_fail(e, LOOM_ERR_FORMAT, "%s: not a usable .npy file: %s",
                     h->name, what);
}

static int scan_header(struct header *h, struct loom_errmsg *e)
{
    bool seen = next_is(h, '{'), comma = true;
    for (int entries = 0; seen && !next_is(h, '}'); entries++) {
        int err = scan_entry(h, e);
        if (err)
            return err;
        seen = comma && entries < 3;
        comma = next_is(h, ',');
    }
    skip_blanks(h);
    if (!seen || h->p != h->end || !h->descr[0] || h->fortran < 0 ||
        h->n_dims < 0)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: not a usable .npy file: its header is damaged",
                         h->name);
    return 0;
}

/* The dtype of a descr such as "<f4"; negative with a sentence. */
static int find_dtype(const struct header *h, struct loom_errmsg *e)
{
    char order = h->descr[0];
    const char *code = h->descr + (isalnum((unsigned char)order) ? 0 : 1);
    for (int d = 0; d < (int)N_DTYPES; d++) {
        if (strcmp(code, dtypes[d].code))
            continue;
        if (order == '>' && dtypes[d].size > 1)
            return loom_fail(e, LOOM_ERR_FORMAT,
                             "%s: big-endian numbers (%s); save it with "
                             "array.astype('<%s')",
                             h->name, h->descr, code);
        return d;
    }
    return loom_fail(e, LOOM_ERR_FORMAT,
                     "%s: numbers of type %s; bool, integers of 8 to 64 bits, "
                     "float32 and float64 are read: save it with "
                     "array.astype('<f4')",
                     h->name, h->descr);
}

/* Magic, version and length of the dictionary that follows. */
static int read_preamble(struct loom_bytes *b, size_t *length,
                         struct loom_errmsg *e)
{
    unsigned char m[8] = {0}, l[4] = {0};
    int err = b->left < sizeof(m) ? 0 : loom_bytes_read(b, m, sizeof(m), e);
    if (err)
        return err;
    if (memcmp(m, "\x93NUMPY", 6))
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: not an .npy file", b->name);
    if (m[6] < 1 || m[6] > 3)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: .npy version %d; 1 to 3 are read", b->name, m[6]);
    err = loom_bytes_read(b, l, m[6] == 1 ? 2 : 4, e);
    if (err)
        return err;
    *length =
        l[0] | (size_t)l[1] << 8 | (size_t)l[2] << 16 | (size_t)l[3] << 24;
    if (*length >= MAX_HEADER)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: a header of %zu bytes; less than %d are read",
                         b->name, *length, MAX_HEADER);
    return 0;
}

static int read_header(struct loom_bytes *b, struct header *h,
                       struct loom_errmsg *e)
{
    size_t n = 0;
    int err = read_preamble(b, &n, e);
    if (err)
        return err;
    char *text = loom_malloc(n + 1);
    *h = (struct header){.p = text,
                         .end = text + n,
                         .name = b->name,
                         .fortran = -1,
                         .n_dims = -1};
    err = loom_bytes_read(b, text, n, e);
    if (!err)
        err = scan_header(h, e);
    free(text);
    return err;
}

/* The header, as a type that is read and in an order that is read. */
static int read_type(struct loom_bytes *b, struct header *h,
                     enum loom_dtype *dtype, struct loom_errmsg *e)
{
    int err = read_header(b, h, e);
    if (err)
        return err;
    int found = find_dtype(h, e);
    if (found < 0)
        return found;
    *dtype = (enum loom_dtype)found;
    if (h->fortran && h->n_dims > 1)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: in Fortran order; save it with "
                         "numpy.ascontiguousarray(array)",
                         b->name);
    return 0;
}

int loom_npy_decode_bytes(struct loom_bytes *b, struct loom_array *out,
                          struct loom_errmsg *e)
{
    struct header h;
    enum loom_dtype dtype;
    *out = (struct loom_array){0};
    int err = read_type(b, &h, &dtype, e);
    if (!err)
        err = loom_array_init(out, dtype, h.n_dims, h.dim, b->left, b->name, e);
    if (!err)
        err = loom_bytes_read(b, out->data, out->n * dtypes[dtype].size, e);
    if (!err)
        err = loom_bytes_end(b, e);
    if (err)
        loom_array_deinit(out);
    return err;
}

/* The array whose header is at the start of a map, its numbers where they are.
 * Positive: they cannot be used there (packed, or not aligned). */
static int decode_map(const struct loom_map *m, struct loom_array *out,
                      struct loom_errmsg *e)
{
    enum { NOT_HERE = 1 };
    struct header h;
    struct loom_bytes b;
    enum loom_dtype dtype;
    if (m->size < 2 || !memcmp(m->data, "\x1f\x8b", 2))
        return NOT_HERE;
    loom_bytes_memory(&b, m->data, m->size, m->path);
    int err = read_type(&b, &h, &dtype, e);
    size_t n = 1, size = dtypes[dtype].size;
    for (int k = 0; !err && k < h.n_dims; k++)
        if (__builtin_mul_overflow(n, h.dim[k], &n))
            return NOT_HERE;
    if (err || n > b.left / size || n * size != b.left ||
        (uintptr_t)b.at % size)
        return err ? err : NOT_HERE;
    *out = (struct loom_array){
        .dtype = dtype, .n_dims = h.n_dims, .n = n, .map = *m};
    memcpy(out->dim, h.dim, sizeof(out->dim));
    out->data = (void *)(uintptr_t)b.at;
    return 0;
}

int loom_npy_map(const char *path, struct loom_array *out,
                 struct loom_errmsg *e)
{
    enum { SMALL = 1 << 20 };
    struct loom_map m;
    *out = (struct loom_array){0};
    int err = loom_map_open(&m, path, e);
    /* Empty: the reader's own sentence. No room for a map: read it. */
    if (err == LOOM_ERR_FORMAT || err == LOOM_ERR_NOMEM)
        return loom_npy_read(path, out, e);
    if (err)
        return err;
    err = m.size < SMALL ? 1 : decode_map(&m, out, e);
    if (err)
        loom_map_close(&m);
    return err > 0 ? loom_npy_read(path, out, e) : err;
}

int loom_npy_decode(const void *bytes, size_t n, const char *name,
                    struct loom_array *out, struct loom_errmsg *e)
{
    struct loom_bytes b;
    loom_bytes_memory(&b, bytes, n, name);
    return loom_npy_decode_bytes(&b, out, e);
}

int loom_npy_read(const char *path, struct loom_array *out,
                  struct loom_errmsg *e)
{
    struct loom_bytes b;
    *out = (struct loom_array){0};
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    err = loom_npy_decode_bytes(&b, out, e);
    loom_bytes_close(&b);
    return err;
}

/* "(3, 4)"; one axis needs its comma. */
static void print_shape(char *to, size_t room, int n_dims, const size_t *dim)
{
    size_t n = (size_t)snprintf(to, room, "(");
    for (int i = 0; i < n_dims; i++)
        n += (size_t)snprintf(to + n, room - n, i ? ", %zu" : "%zu", dim[i]);
    snprintf(to + n, room - n, n_dims == 1 ? ",)" : ")");
}

void *loom_npy_encode(const char *name, enum loom_dtype dtype, const void *data,
                      int n_dims, const size_t *dim, size_t *size,
                      struct loom_errmsg *e)
{
    enum { PREAMBLE = 10, ALIGN = 64 };
    char shape[LOOM_NPY_MAX_DIMS * 22 + 4], dict[ALIGN * 5];
    size_t n = loom_dtype_size(dtype);
    if (n_dims < 0 || n_dims > LOOM_NPY_MAX_DIMS) {
        loom_fail(e, LOOM_ERR_ARG, "%s: %d axes; at most %d are written", name,
                  n_dims, LOOM_NPY_MAX_DIMS);
        return NULL;
    }
    for (int i = 0; i < n_dims; i++)
        n *= dim[i];
    print_shape(shape, sizeof(shape), n_dims, dim);
    size_t text = (size_t)snprintf(
        dict, sizeof(dict),
        "{'descr': '<%s', 'fortran_order': False, 'shape': %s, }",
        dtype == LOOM_I16 ? "i2" : "f4", shape);
    /* Blanks and a newline until the data starts at a multiple of 64. */
    size_t start = (PREAMBLE + text + 1 + ALIGN - 1) / ALIGN * ALIGN;
    char *file = loom_try_alloc(start + n, 1, name, e);
    if (!file)
        return NULL;
    size_t header = start - PREAMBLE;
    memset(file, ' ', start);
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (char)(header & 255);
    file[9] = (char)(header >> 8);
    memcpy(file + PREAMBLE, dict, text);
    file[start - 1] = '\n';
    if (n)
        memcpy(file + start, data, n);
    *size = start + n;
    return file;
}

int loom_npy_write_f32(const char *path, const float *data, int n_dims,
                       const size_t *dim, struct loom_errmsg *e)
{
    size_t size;
    void *file = loom_npy_encode(path, LOOM_F32, data, n_dims, dim, &size, e);
    if (!file)
        return n_dims < 0 || n_dims > LOOM_NPY_MAX_DIMS ? LOOM_ERR_ARG
                                                        : LOOM_ERR_NOMEM;
    int err = loom_file_write(path, file, size, e);
    free(file);
    return err;
}
