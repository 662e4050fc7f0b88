#include "engine/data_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/hdf5_file.h"
#include "engine/idx.h"
#include "engine/mat.h"
#include "engine/mem.h"

const struct loom_data_conf loom_data_plain = {.csv = {.header = -1}};

enum kind { UNKNOWN, NPY, NPZ, CSV, ARFF, HDF5, MAT, IDX };

static enum kind by_ending(const char *path)
{
    static const struct {
        const char *ending;
        enum kind kind;
    } known[] = {
        {".npy", NPY},   {".npz", NPZ},  {".csv", CSV},   {".tsv", CSV},
        {".txt", CSV},   {".data", CSV}, {".arff", ARFF}, {".h5", HDF5},
        {".hdf5", HDF5}, {".mat", MAT},  {"-ubyte", IDX}, {".idx", IDX},
    };
    size_t n = strlen(path);
    if (n > 3 && !strcasecmp(path + n - 3, ".gz"))
        n -= 3;
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++) {
        size_t m = strlen(known[k].ending);
        if (n > m && !strncasecmp(path + n - m, known[k].ending, m))
            return known[k].kind;
    }
    return UNKNOWN;
}

/* By what it begins with; IDX's own reader tells what is none of them. */
static int by_content(const char *path, enum kind *kind, struct loom_errmsg *e)
{
    static const struct {
        const char *start;
        size_t n;
        enum kind kind;
    } known[] = {
        {"\x93NUMPY", 6, NPY}, {"PK\3\4", 4, NPZ}, {"\x89HDF", 4, HDF5},
        {"MATLAB", 6, MAT},    {"@", 1, ARFF},     {"%", 1, ARFF},
    };
    struct loom_bytes b;
    char start[8] = {0};
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    if (b.read(&b, start, sizeof(start)) < 0)
        start[0] = 0;
    loom_bytes_close(&b);
    *kind = start[0] ? CSV : IDX;
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        if (!memcmp(start, known[k].start, known[k].n))
            *kind = known[k].kind;
    return 0;
}

/* Its only member where none is named. */
static int read_npz(const char *path, const char *member,
                    struct loom_array *out, struct loom_errmsg *e)
{
    struct loom_npz *z = loom_npz_open(path, e);
    if (!z)
        return LOOM_ERR_FORMAT;
    int err = 0;
    char list[512] = "";
    size_t n = loom_npz_count(z);
    for (size_t k = 0; k < n; k++) {
        size_t at = strlen(list);
        snprintf(list + at, sizeof(list) - at, "%s%s", k ? ", " : "",
                 loom_npz_name(z, k));
    }
    if (!member && n != 1)
        err = loom_fail(e, LOOM_ERR_MISSING,
                        n ? "%s: name one of its arrays: %s"
                          : "%s: no array in it%s",
                        path, list);
    else
        err = loom_npz_read(z, member ? member : loom_npz_name(z, 0), out, e);
    loom_npz_close(z);
    return err;
}

/* A MATLAB file of version 7.3 is HDF5 behind 512 bytes. */
static int read_mat(const char *path, const char *member,
                    struct loom_table *out, struct loom_errmsg *e)
{
    struct loom_bytes b;
    char start[11] = "";
    int err = loom_bytes_open(&b, path, e);
    if (err)
        return err;
    bool hdf5 = b.read(&b, start, 10) == 10 && !strcmp(start, "MATLAB 7.3");
    loom_bytes_close(&b);
    return hdf5 ? loom_hdf5_read(path, member, out, e)
                : loom_mat_read(path, member, &out->a, e);
}

static int read_kind(const char *path, enum kind kind,
                     const struct loom_data_conf *conf, struct loom_table *out,
                     struct loom_errmsg *e)
{
    switch (kind) {
    case NPZ:
        return read_npz(path, conf->member, &out->a, e);
    case HDF5:
        return loom_hdf5_read(path, conf->member, out, e);
    case MAT:
        return read_mat(path, conf->member, out, e);
    default:
        break;
    }
    if (conf->member)
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s: it holds one array, there is no \"%s\" to name",
                         path, conf->member);
    switch (kind) {
    case NPY:
        return loom_npy_map(path, &out->a, e);
    case CSV:
        return loom_csv_read(path, &conf->csv, out, e);
    case ARFF:
        return loom_arff_read(path, out, e);
    default:
        return loom_idx_read(path, &out->a, e);
    }
}

static int read_file(const char *path, const struct loom_data_conf *conf,
                     struct loom_table *out, struct loom_errmsg *e)
{
    enum kind kind = by_ending(path);
    int err = kind ? 0 : by_content(path, &kind, e);
    return err ? err : read_kind(path, kind, conf, out, e);
}

int loom_data_read(const char *path, const struct loom_data_conf *conf,
                   struct loom_table *out, struct loom_errmsg *e)
{
    struct loom_data_conf c = *conf;
    const char *colon = strrchr(path, ':');
    *out = (struct loom_table){0};
    if (!colon || conf->member || !access(path, F_OK))
        return read_file(path, &c, out, e);
    char *file = loom_strdup(path);
    file[colon - path] = 0;
    c.member = colon + 1;
    int err = read_file(file, &c, out, e);
    free(file);
    return err;
}
