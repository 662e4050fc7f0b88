#include "engine/keras_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "engine/keras_h5.h"
#include "engine/mem.h"

enum { MAX_CONFIG = 1 << 26, MAX_WEIGHTS = 1 << 30 };

struct loom_keras_file {
    char *path;
    json_t *config;
    void *image; /* of the weights file, which h5 reads */
    struct loom_h5 h5;
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

/* ---- the file ---------------------------------------------------------- */

struct loom_keras_file *loom_keras_open(const char *path, struct loom_errmsg *e)
{
    int code = 0, err = LOOM_ERR_FORMAT;
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
    f->config = read_config(zip, path, e);
    if (f->config)
        f->image =
            read_member(zip, path, "model.weights.h5", MAX_WEIGHTS, &n, e);
    zip_discard(zip);
    f->h5 = (struct loom_h5){f->image, n, "model.weights.h5"};
    if (f->image)
        err = loom_h5_check(&f->h5, e);
    if (!err)
        return f;
    if (f->image)
        loom_fail_prefix(e, err, "%s", path);
    loom_keras_close(f);
    return NULL;
}

void loom_keras_close(struct loom_keras_file *f)
{
    if (!f)
        return;
    json_decref(f->config);
    free(f->image);
    free(f->path);
    free(f);
}

const json_t *loom_keras_config(const struct loom_keras_file *f)
{
    return f->config;
}

int loom_keras_read(struct loom_keras_file *f, const char *path, size_t n,
                    float *out, struct loom_errmsg *e)
{
    int err = loom_h5_read(&f->h5, path, n, out, e);
    return err ? loom_fail_prefix(e, err, "%s", f->path) : 0;
}
