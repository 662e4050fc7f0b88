/* .npz: a zip archive of .npy files. Sizes in an archive's directory are only
 * claims; each is checked against what its packed bytes can hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zip.h>

#include "engine/mem.h"
#include "engine/npy.h"

struct loom_npz {
    zip_t *zip;
    char *path;
    size_t n;
    char **name; /* without ".npy" */
};

/* Length of a member's name without ".npy"; 0 if it is something else. */
static size_t stem(const char *member)
{
    size_t n = member ? strlen(member) : 0;
    return n > 4 && !strcmp(member + n - 4, ".npy") ? n - 4 : 0;
}

static void list_members(struct loom_npz *z)
{
    zip_int64_t n = zip_get_num_entries(z->zip, 0);
    z->name = loom_calloc(n > 0 ? (size_t)n : 1, sizeof(*z->name));
    for (zip_int64_t i = 0; i < n; i++) {
        const char *member = zip_get_name(z->zip, (zip_uint64_t)i, 0);
        size_t length = stem(member);
        if (!length)
            continue;
        z->name[z->n] = loom_strdup(member);
        z->name[z->n++][length] = 0;
    }
}

struct loom_npz *loom_npz_open(const char *path, struct loom_errmsg *e)
{
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        int err = code == ZIP_ER_NOENT ? LOOM_ERR_MISSING
                  : code == ZIP_ER_OPEN || code == ZIP_ER_READ
                      ? LOOM_ERR_IO
                      : LOOM_ERR_FORMAT;
        loom_fail(e, err, "%s: cannot be read as an .npz archive: %s", path,
                  zip_error_strerror(&error));
        zip_error_fini(&error);
        return NULL;
    }
    struct loom_npz *z = loom_calloc(1, sizeof(*z));
    z->zip = zip;
    z->path = loom_strdup(path);
    list_members(z);
    return z;
}

void loom_npz_close(struct loom_npz *z)
{
    if (!z)
        return;
    zip_discard(z->zip);
    for (size_t i = 0; i < z->n; i++)
        free(z->name[i]);
    free(z->name);
    free(z->path);
    free(z);
}

size_t loom_npz_count(const struct loom_npz *z)
{
    return z->n;
}

const char *loom_npz_name(const struct loom_npz *z, size_t i)
{
    return z->name[i];
}

static int64_t read_member(struct loom_bytes *b, void *p, size_t n)
{
    return zip_fread(b->from, p, n);
}

static int open_member(struct loom_npz *z, zip_uint64_t index, const char *name,
                       struct loom_bytes *b, struct loom_errmsg *e)
{
    enum { NEEDED = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD };
    zip_stat_t st;
    if (zip_stat_index(z->zip, index, 0, &st) < 0 ||
        (st.valid & NEEDED) != NEEDED)
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: damaged: %s", name,
                         zip_strerror(z->zip));
    if (st.comp_method != ZIP_CM_STORE && st.comp_method != ZIP_CM_DEFLATE)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: packed by method %d; save it with numpy.savez "
                         "or savez_compressed",
                         name, st.comp_method);
    uint64_t most = st.comp_size;
    if (st.comp_method == ZIP_CM_DEFLATE &&
        __builtin_mul_overflow(most, LOOM_DEFLATE_RATIO, &most))
        most = UINT64_MAX;
    if (st.size > most)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: damaged: %ju bytes cannot be packed into %ju",
                         name, (uintmax_t)st.size, (uintmax_t)st.comp_size);
    zip_file_t *f = zip_fopen_index(z->zip, index, 0);
    if (!f)
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: cannot be unpacked: %s", name,
                         zip_strerror(z->zip));
    *b = (struct loom_bytes){name, st.size, read_member, NULL, f};
    return 0;
}

int loom_npz_read(struct loom_npz *z, const char *name, struct loom_array *out,
                  struct loom_errmsg *e)
{
    *out = (struct loom_array){0};
    char *member = loom_asprintf("%s.npy", name);
    char *full = loom_asprintf("%s: %s", z->path, name);
    struct loom_bytes b;
    zip_int64_t i = zip_name_locate(z->zip, member, 0);
    int err = i < 0 ? loom_fail(e, LOOM_ERR_MISSING,
                                "%s: no array of this name (it holds %zu)",
                                full, z->n)
                    : open_member(z, (zip_uint64_t)i, full, &b, e);
    if (!err) {
        err = loom_npy_decode_bytes(&b, out, e);
        zip_fclose(b.from);
    }
    free(full);
    free(member);
    return err;
}
