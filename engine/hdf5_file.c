#include "engine/hdf5_file.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

/* A data set that is open, and what it is. */
struct set {
    const char *file, *path;
    hid_t id, type, space, memory; /* the type in memory */
    enum loom_dtype dtype;
    int n_dims;
    size_t dim[LOOM_NPY_MAX_DIMS];
    char **name; /* of a record's fields */
    size_t n_fields;
};

static int fail_set(const struct set *s, const char *what,
                    struct loom_errmsg *e)
{
    return loom_fail(e, LOOM_ERR_FORMAT, "%s: %s: %s", s->file, s->path, what);
}

/* ---- which data sets there are ------------------------------------------ */

struct found {
    size_t n;
    char last[256], list[512];
};

static herr_t note(hid_t file, const char *name, const H5O_info_t *info,
                   void *ud)
{
    struct found *f = ud;
    (void)file;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    size_t at = strlen(f->list);
    snprintf(f->list + at, sizeof(f->list) - at, "%s/%s", f->n ? ", " : "",
             name);
    snprintf(f->last, sizeof(f->last), "/%s", name);
    f->n++;
    return 0;
}

/* H5Ovisit by the one name that both 1.10 and later versions know. */
static herr_t visit(hid_t file, struct found *f)
{
#if H5_VERSION_GE(1, 12, 0)
    return H5Ovisit3(file, H5_INDEX_NAME, H5_ITER_INC, note, f, H5O_INFO_BASIC);
#else
    return H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, note, f, H5O_INFO_BASIC);
#endif
}

/* ---- types -------------------------------------------------------------- */

static const struct {
    enum loom_dtype dtype;
    H5T_class_t class;
    size_t size;
    H5T_sign_t sign;
} types[] = {
    {LOOM_I8, H5T_INTEGER, 1, H5T_SGN_2},
    {LOOM_U8, H5T_INTEGER, 1, H5T_SGN_NONE},
    {LOOM_I16, H5T_INTEGER, 2, H5T_SGN_2},
    {LOOM_U16, H5T_INTEGER, 2, H5T_SGN_NONE},
    {LOOM_I32, H5T_INTEGER, 4, H5T_SGN_2},
    {LOOM_U32, H5T_INTEGER, 4, H5T_SGN_NONE},
    {LOOM_I64, H5T_INTEGER, 8, H5T_SGN_2},
    {LOOM_U64, H5T_INTEGER, 8, H5T_SGN_NONE},
};

/* The machine's own type for a dtype; belongs to the library. */
static hid_t native(enum loom_dtype d)
{
    const hid_t type[] = {
        H5T_NATIVE_UINT8,  H5T_NATIVE_INT8,   H5T_NATIVE_UINT8,
        H5T_NATIVE_INT16,  H5T_NATIVE_UINT16, H5T_NATIVE_INT32,
        H5T_NATIVE_UINT32, H5T_NATIVE_INT64,  H5T_NATIVE_UINT64,
        H5T_NATIVE_FLOAT,  H5T_NATIVE_DOUBLE};
    return type[d];
}

/* The dtype that holds numbers of a type, -1: they are none. Booleans are
 * kept by h5py as an enumeration of bytes. */
static int find_dtype(hid_t type)
{
    H5T_class_t class = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    if (class == H5T_ENUM && size == 1)
        return LOOM_U8;
    if (class == H5T_FLOAT)
        return size <= 4 ? LOOM_F32 : LOOM_F64;
    for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++)
        if (class == H5T_INTEGER && types[k].size == size &&
            types[k].sign == H5Tget_sign(type))
            return (int)types[k].dtype;
    return -1;
}

/* Records as floats side by side: their type in memory, and their names. */
static int open_fields(struct set *s, struct loom_errmsg *e)
{
    int n = H5Tget_nmembers(s->type);
    if (n < 1 || n > LOOM_TABLE_COLUMNS)
        return fail_set(s, "records of too many fields, or of none", e);
    s->name = loom_calloc((size_t)n, sizeof(*s->name));
    s->memory = H5Tcreate(H5T_COMPOUND, (size_t)n * sizeof(float));
    s->dtype = LOOM_F32;
    for (int k = 0; k < n; k++) {
        hid_t type = H5Tget_member_type(s->type, (unsigned)k);
        char *name = H5Tget_member_name(s->type, (unsigned)k);
        bool ok = type >= 0 && name &&
                  (H5Tget_class(type) == H5T_FLOAT ||
                   H5Tget_class(type) == H5T_INTEGER) &&
                  H5Tinsert(s->memory, name, (size_t)k * sizeof(float),
                            H5T_NATIVE_FLOAT) >= 0;
        if (name)
            s->name[s->n_fields++] = loom_strdup(name);
        if (!ok)
            loom_fail(e, LOOM_ERR_FORMAT,
                      "%s: %s: field %s of its records is no number", s->file,
                      s->path, name ? name : "?");
        if (type >= 0)
            H5Tclose(type);
        H5free_memory(name);
        if (!ok)
            return LOOM_ERR_FORMAT;
    }
    return 0;
}

static int open_type(struct set *s, struct loom_errmsg *e)
{
    s->type = H5Dget_type(s->id);
    if (s->type < 0)
        return fail_set(s, "damaged", e);
    if (H5Tget_class(s->type) == H5T_COMPOUND)
        return open_fields(s, e);
    int dtype = find_dtype(s->type);
    if (dtype < 0)
        return fail_set(s, "it holds no numbers", e);
    s->dtype = (enum loom_dtype)dtype;
    s->memory = H5Tcopy(native(s->dtype));
    return 0;
}

static int open_space(struct set *s, struct loom_errmsg *e)
{
    hsize_t dim[H5S_MAX_RANK];
    s->space = H5Dget_space(s->id);
    int n = s->space < 0 ? -1 : H5Sget_simple_extent_ndims(s->space);
    if (n < 0 || H5Sget_simple_extent_dims(s->space, dim, NULL) < 0 ||
        H5Sget_simple_extent_type(s->space) == H5S_NULL)
        return fail_set(s, "it has no shape", e);
    if (n + (s->n_fields > 0) > LOOM_NPY_MAX_DIMS)
        return fail_set(s, "it has more than 8 axes", e);
    for (int k = 0; k < n; k++)
        s->dim[k] = (size_t)dim[k];
    s->n_dims = n;
    if (s->n_fields)
        s->dim[s->n_dims++] = s->n_fields;
    return 0;
}

/* ---- reading ------------------------------------------------------------ */

/* A set may claim a size of which nothing is stored: what is stored bounds
 * it. */
static uint64_t room(const struct set *s)
{
    uint64_t bytes;
    return __builtin_mul_overflow((uint64_t)H5Dget_storage_size(s->id),
                                  (uint64_t)LOOM_DEFLATE_RATIO * 8, &bytes)
               ? UINT64_MAX
               : bytes;
}

static int read_set(struct set *s, struct loom_table *out,
                    struct loom_errmsg *e)
{
    int err = open_type(s, e);
    if (!err)
        err = open_space(s, e);
    if (!err)
        err = loom_array_init(&out->a, s->dtype, s->n_dims, s->dim, room(s),
                              s->file, e);
    if (!err && H5Dread(s->id, s->memory, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                        out->a.data) < 0) {
        err = fail_set(s,
                       "damaged, or packed in a way that libhdf5 does not "
                       "know",
                       e);
        loom_array_deinit(&out->a);
    }
    if (!err && s->n_fields) {
        out->n_columns = s->n_fields;
        out->words = loom_calloc(s->n_fields, sizeof(*out->words));
        out->name = s->name;
        s->name = NULL;
    }
    return err;
}

/* What is open of it, whether or not it has been read. */
static void close_set(struct set *s)
{
    for (size_t k = 0; s->name && k < s->n_fields; k++)
        free(s->name[k]);
    free(s->name);
    if (s->memory >= 0)
        H5Tclose(s->memory);
    if (s->space >= 0)
        H5Sclose(s->space);
    if (s->type >= 0)
        H5Tclose(s->type);
    if (s->id >= 0)
        H5Dclose(s->id);
}

/* The set at `want`, or the only one. */
static int read_chosen(hid_t file, const char *path, const char *want,
                       struct loom_table *out, struct loom_errmsg *e)
{
    struct found f = {0};
    if (visit(file, &f) < 0)
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: damaged", path);
    if (!want && f.n != 1)
        return loom_fail(e, LOOM_ERR_MISSING,
                         f.n ? "%s: name one of its data sets: %s"
                             : "%s: no data set in it%s",
                         path, f.list);
    struct set s = {.file = path,
                    .path = want ? want : f.last,
                    .type = -1,
                    .space = -1,
                    .memory = -1};
    s.id = H5Dopen2(file, s.path, H5P_DEFAULT);
    if (s.id < 0)
        return loom_fail(e, LOOM_ERR_MISSING,
                         "%s: no data set %s that can be opened; it has %s",
                         path, s.path, f.n ? f.list : "none");
    int err = read_set(&s, out, e);
    close_set(&s);
    return err;
}

int loom_hdf5_read(const char *path, const char *set, struct loom_table *out,
                   struct loom_errmsg *e)
{
    struct loom_bytes b;
    *out = (struct loom_table){0};
    int err = loom_bytes_open(&b, path, e); /* a plain file that can be read */
    if (err)
        return err;
    loom_bytes_close(&b);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* it is not to print */
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: cut short, damaged, or no HDF5 file", path);
    err = read_chosen(file, path, set, out, e);
    H5Fclose(file);
    return err;
}
