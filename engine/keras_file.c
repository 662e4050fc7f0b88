#include "engine/keras_file.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "engine/mem.h"

enum { MAX_CONFIG = 1 << 26, MAX_WEIGHTS = 1 << 30 };

struct loom_keras_file {
    char *path;
    json_t *config;
    void *image; /* of the weights file, lives as long as h5 */
    hid_t h5;
};

/* ---- the archive ------------------------------------------------------- */

/* A member as text or bytes in fresh memory, a zero behind it. */
static void *read_member(zip_t *zip, const char *path, const char *name,
                         size_t most, size_t *n, struct loom_errmsg *e)
{
    zip_stat_t st;
    if (zip_stat(zip, name, 0, &st) < 0 || !(st.valid & ZIP_STAT_SIZE)) {
        loom_fail(e, LOOM_ERR_FORMAT,
                  "%s: no %s in it: not a file that Keras 3 saved as .keras",
                  path, name);
        return NULL;
    }
    if (st.size > most) {
        loom_fail(e, LOOM_ERR_FORMAT, "%s: %s is larger than %zu MB", path,
                  name, most >> 20);
        return NULL;
    }
    zip_file_t *f = zip_fopen(zip, name, 0);
    char *data = f ? loom_try_alloc(st.size + 1, 1, name, e) : NULL;
    if (f && data && zip_fread(f, data, st.size) == (zip_int64_t)st.size) {
        *n = st.size;
    } else {
        free(data);
        data = NULL;
        loom_fail(e, LOOM_ERR_FORMAT, "%s: %s cannot be unpacked", path, name);
    }
    if (f)
        zip_fclose(f);
    return data;
}

/* Python writes numbers that JSON does not have: put others in their place,
 * of the same length. */
static void replace_python(char *text)
{
    static const struct {
        const char *from, *to;
    } words[] = {{"Infinity", "1e300   "}, {"NaN", "nul"}};
    bool quoted = false;
    for (char *p = text; *p; p++) {
        if (quoted && *p == '\\' && p[1]) {
            p++;
            continue;
        }
        quoted ^= *p == '"';
        if (quoted)
            continue;
        for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++) {
            size_t n = strlen(words[k].from);
            if (!strncmp(p, words[k].from, n))
                memcpy(p, words[k].to, n);
        }
    }
}

static json_t *read_config(zip_t *zip, const char *path, struct loom_errmsg *e)
{
    size_t n;
    json_error_t je;
    char *text = read_member(zip, path, "config.json", MAX_CONFIG, &n, e);
    if (!text)
        return NULL;
    replace_python(text);
    json_t *j = json_loadb(text, n, 0, &je);
    free(text);
    if (!j)
        loom_fail(e, LOOM_ERR_FORMAT, "%s: config.json, line %d: %s", path,
                  je.line, je.text);
    return j;
}

/* ---- the weights ------------------------------------------------------- */

/* Errors are told by what functions return; the library is not to print. */
static void silence(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static hid_t open_image(void *image, size_t n)
{
    silence();
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    if (access >= 0 && H5Pset_fapl_core(access, 1 << 16, 0) >= 0 &&
        H5Pset_file_image(access, image, n) >= 0)
        file = H5Fopen("weights", H5F_ACC_RDONLY, access);
    if (access >= 0)
        H5Pclose(access);
    return file;
}

struct loom_keras_file *loom_keras_open(const char *path, struct loom_errmsg *e)
{
    int code = 0;
    size_t n = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        loom_fail(e, code == ZIP_ER_NOENT ? LOOM_ERR_MISSING : LOOM_ERR_FORMAT,
                  "%s: cannot be read as a .keras file: %s", path,
                  zip_error_strerror(&error));
        zip_error_fini(&error);
        return NULL;
    }
    struct loom_keras_file *f = loom_calloc(1, sizeof(*f));
    f->path = loom_strdup(path);
    f->h5 = -1;
    f->config = read_config(zip, path, e);
    if (f->config)
        f->image =
            read_member(zip, path, "model.weights.h5", MAX_WEIGHTS, &n, e);
    zip_discard(zip);
    if (f->image) {
        f->h5 = open_image(f->image, n);
        if (f->h5 < 0)
            loom_fail(e, LOOM_ERR_FORMAT,
                      "%s: model.weights.h5 is damaged, or no HDF5 file", path);
    }
    if (f->h5 >= 0)
        return f;
    loom_keras_close(f);
    return NULL;
}

void loom_keras_close(struct loom_keras_file *f)
{
    if (!f)
        return;
    silence();
    if (f->h5 >= 0)
        H5Fclose(f->h5);
    json_decref(f->config);
    free(f->image);
    free(f->path);
    free(f);
}

const json_t *loom_keras_config(const struct loom_keras_file *f)
{
    return f->config;
}

/* Whether every group on the way to path is there: asking for a path through
 * a missing one is an error of the library. */
static bool has_path(hid_t file, const char *path)
{
    char *part = loom_strdup(path);
    bool there = true;
    for (char *p = part; there && p; p = strchr(p + 1, '/')) {
        char *end = strchr(p + 1, '/');
        if (end)
            *end = 0;
        there = H5Lexists(file, part, H5P_DEFAULT) > 0;
        if (end)
            *end = '/';
    }
    free(part);
    return there;
}

static int read_numbers(hid_t set, size_t n, float *out, const char *file,
                        const char *path, struct loom_errmsg *e)
{
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    hssize_t has = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    H5T_class_t kind = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    int err = 0;
    if (kind != H5T_FLOAT && kind != H5T_INTEGER)
        err = loom_fail(e, LOOM_ERR_FORMAT, "%s: %s holds no numbers", file,
                        path);
    else if (has < 0 || (size_t)has != n)
        err = loom_fail(e, LOOM_ERR_SHAPE,
                        "%s: %s has %lld elements, the layer needs %zu", file,
                        path, (long long)has, n);
    else if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     out) < 0)
        err = loom_fail(e, LOOM_ERR_FORMAT, "%s: %s is damaged", file, path);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return err;
}

int loom_keras_read(struct loom_keras_file *f, const char *path, size_t n,
                    float *out, struct loom_errmsg *e)
{
    silence();
    if (!has_path(f->h5, path))
        return loom_fail(e, LOOM_ERR_MISSING, "%s: %s is not among the weights",
                         f->path, path);
    hid_t set = H5Dopen2(f->h5, path, H5P_DEFAULT);
    if (set < 0)
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: %s is damaged", f->path,
                         path);
    int err = read_numbers(set, n, out, f->path, path, e);
    H5Dclose(set);
    return err;
}
