/* A network written as Keras writes it, imported: every number where it
 * belongs, and the outputs those of the formulas. (Published networks are in
 * tests/golden.) */
#include "tests/data/support.h"

#include <math.h>
#include <unistd.h>

#include <hdf5.h>
#include <zip.h>

#include "engine/import.h"
#include "engine/model.h"
#include "engine/trainer.h"

#define BITS(type, extra)                                                      \
    "{\"config\":{\"q_type\":\"" type "\",\"k0\":1,\"i0\":2," extra            \
    "\"round_mode\":\"RND\",\"overflow_mode\":\"SAT\","                        \
    "\"heterogeneous_axis\":[],\"homogeneous_axis\":[0]}}"

static const char config[] =
    "{\"class_name\":\"Sequential\",\"config\":{\"layers\":["
    "{\"class_name\":\"InputLayer\",\"config\":{\"name\":\"x\","
    "\"batch_shape\":[null,2]}},"
    "{\"class_name\":\"QBatchNormalization\",\"config\":{\"name\":\"n\","
    "\"axis\":%d,\"momentum\":0.9,\"epsilon\":0.25,\"center\":true,"
    "\"scale\":%s,\"enable_iq\":true,"
    "\"iq_conf\":" BITS(
        "kif", "\"f0\":2,") ","
                            "\"kq_conf\":" BITS(
                                "kbi", "\"b0\":4,") ","
                                                    "\"bq_conf\":" BITS(
                                                        "kbi",
                                                        "\"b0\":4,") "}}]}}";

static void put(hid_t file, const char *path, size_t n, float a, float b)
{
    const float v[2] = {a, b};
    hsize_t dim = n;
    hid_t groups = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(groups, 1);
    hid_t space = H5Screate_simple(1, &dim, NULL);
    hid_t set = H5Dcreate2(file, path, H5T_IEEE_F32LE, space, groups,
                           H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(groups);
}

#define LAYER "layers/q_batch_normalization/"

/* Variables in Keras' order: gamma, beta, the moving mean and variance. */
static void write_weights(const char *path, bool gamma)
{
    int at = 0;
    const float v[][2] = {{1.5f, -2.0f}, {0.5f, 0.25f}, {1, -1}, {0.75f, 2}};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int k = gamma ? 0 : 1; k < 4; k++) {
        char name[64];
        snprintf(name, sizeof(name), LAYER "vars/%d", at++);
        put(file, name, 2, v[k][0], v[k][1]);
    }
    static const char *const q[] = {"iq", "kq", "bq"};
    for (int k = 0; k < 3; k++)
        for (int j = 0; j < 3; j++) {
            char name[64];
            const float bits[3] = {k ? 6 : 2, 2, 1}; /* i f k, or b i k */
            snprintf(name, sizeof(name), LAYER "%s/quantizer/vars/%d", q[k], j);
            put(file, name, 1, bits[j], 0);
        }
    H5Fclose(file);
}

static char *write_keras(const char *dir, bool gamma, int axis)
{
    int code;
    char *weights = test_path(dir, "weights.h5");
    char *path = test_path(dir, "net.keras");
    char *text = loom_asprintf(config, axis, gamma ? "true" : "false");
    unlink(path);
    write_weights(weights, gamma);
    zip_t *z = zip_open(path, ZIP_CREATE, &code);
    zip_file_add(z, "config.json", zip_source_buffer(z, text, strlen(text), 0),
                 0);
    zip_file_add(z, "model.weights.h5", zip_source_file(z, weights, 0, -1), 0);
    assert_int_equal(zip_close(z), 0);
    free(weights);
    free(text);
    return path;
}

static double rounded(double x, double step)
{
    return floor(x / step + 0.5) * step;
}

static void test_batch_norm(void **state)
{
    (void)state;
    char *dir = test_folder();
    for (int gamma = 0; gamma < 2; gamma++) {
        struct loom_errmsg why = {""};
        char *path = write_keras(dir, gamma, gamma ? -1 : 1);
        json_t *info;
        struct loom_model *m = loom_import_keras(path, &info, &why);
        if (!m)
            fail_msg("%s", why.text);
        const float x[4] = {1.3f, -0.7f, -3.1f, 0.2f};
        float z[4];
        assert_ok(loom_model_predict(m, x, 2, z, e));
        for (int j = 0; j < 4; j++) {
            double g = !gamma ? 1 : j % 2 ? -2 : 1.5;
            double scale = g / sqrt((j % 2 ? 2 : 0.75) + 0.25);
            double shift = (j % 2 ? 0.25 : 0.5) - (j % 2 ? -1 : 1) * scale;
            double want = rounded((double)x[j], 0.25) * rounded(scale, 0x1p-4) +
                          rounded(shift, 0x1p-4);
            if ((double)z[j] != want)
                fail_msg("output %d is %g, not %g", j, (double)z[j], want);
        }
        json_decref(info);
        loom_model_destroy(m);
        free(path);
    }
    test_folder_remove(dir);
}

static void test_axis(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    char *dir = test_folder(), *path = write_keras(dir, true, 2);
    json_t *info;
    assert_null(loom_import_keras(path, &info, &e));
    assert_non_null(
        strstr(e.text, "layer n (QBatchNormalization), field axis"));
    test_folder_remove(dir);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
