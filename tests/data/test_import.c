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

/* What the layer is: its axis, center, scale, and more of its iq. */
#define NORM                                                                   \
    "{\"class_name\":\"QBatchNormalization\",\"config\":{\"name\":\"n\","      \
    "\"axis\":%d,\"momentum\":0.9,\"epsilon\":0.25,\"center\":%s,"             \
    "\"scale\":%s,\"enable_iq\":true,"                                         \
    "\"iq_conf\":" BITS(                                                       \
        "kif", "\"f0\":2,%s") ","                                              \
                              "\"kq_conf\":" BITS(                             \
                                  "kbi", "\"b0\":4,") ","                      \
                                                      "\"bq_conf\":" BITS(     \
                                                          "kbi",               \
                                                          "\"b0\":4,") "}"
#define INPUT                                                                  \
    "{\"class_name\":\"InputLayer\",\"config\":{\"name\":\"x\","               \
    "\"batch_shape\":[null,2]}},"
#define READS(name)                                                            \
    ",\"inbound_nodes\":[{\"args\":[{\"class_name\":\"__keras_tensor__\","     \
    "\"config\":{\"keras_history\":[\"" name "\",0,0]}}],\"kwargs\":{}}]}"

#define CHAIN                                                                  \
    "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[" INPUT NORM "}]}" \
                                                                         "}"
/* The layer, and its relu: two outputs. */
#define FORK                                                                   \
    "{\"class_name\":\"Functional\",\"config\":{\"layers\":[" INPUT NORM       \
        READS("x") ",{\"class_name\":\"ReLU\",\"config\":{\"name\":"           \
                   "\"r\"}" READS(                                             \
                       "n") "],\"input_layers\":[[\"x\",0,0]],"                \
                            "\"output_layers\":[[\"r\",0,0],[\"n\",0,0]]}}"

struct made {
    bool fork, gamma, center;
    int axis;
    const char *extra; /* of iq */
};

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
static void write_weights(const char *path, const struct made *c)
{
    int at = 0;
    const float v[][2] = {{1.5f, -2.0f}, {0.5f, 0.25f}, {1, -1}, {0.75f, 2}};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int k = 0; k < 4; k++) {
        char name[64];
        if ((k == 0 && !c->gamma) || (k == 1 && !c->center))
            continue;
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

static char *write_keras(const char *dir, const struct made *c)
{
    int code;
    char *weights = test_path(dir, "weights.h5");
    char *path = test_path(dir, "net.keras");
    const char *center = c->center ? "true" : "false";
    const char *gamma = c->gamma ? "true" : "false";
    char *text = c->fork
                     ? loom_asprintf(FORK, c->axis, center, gamma, c->extra)
                     : loom_asprintf(CHAIN, c->axis, center, gamma, c->extra);
    unlink(path);
    write_weights(weights, c);
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

/* Output j of the layer for its quantized input. */
static double normed(const struct made *c, int j, double x)
{
    double g = !c->gamma ? 1 : j % 2 ? -2 : 1.5;
    double beta = !c->center ? 1 : j % 2 ? 0.25 : 0.5; /* HGQ2's 1 */
    double scale = g / sqrt((j % 2 ? 2 : 0.75) + 0.25);
    double shift = beta - (j % 2 ? -1 : 1) * scale;
    return x * rounded(scale, 0x1p-4) + rounded(shift, 0x1p-4);
}

static struct loom_model *import(const char *dir, const struct made *c)
{
    struct loom_errmsg why = {""};
    char *path = write_keras(dir, c);
    json_t *info;
    struct loom_model *m = loom_import_keras(path, &info, &why);
    if (!m)
        fail_msg("%s", why.text);
    json_decref(info);
    free(path);
    return m;
}

static const float x[4] = {1.3f, -0.7f, -3.1f, 0.2f};

static void test_batch_norm(void **state)
{
    (void)state;
    static const struct {
        struct made made;
        double divisor, factor, shift; /* around the input's quantizer */
    } entries[] = {
        {{false, true, true, -1, ""}, 1, 1, 0},
        {{false, false, true, 1, ""}, 1, 1, 0},
        {{false, true, false, -1, ""}, 1, 1, 0},
        {{false, false, false, -1, "\"affine\":null,\"qnoise_factor\":1.0,"},
         1,
         1,
         0},
        {{false, true, true, -1, "\"affine\":[0.25,0.5],"}, 1, 0.25, 0.5},
        {{false, true, true, -1, "\"scaler\":2,"}, 2, 1, 0},
        {{false, true, true, -1, "\"scaler\":0.5,"}, 0.5, 1, 0},
    };
    char *dir = test_folder();
    for (size_t k = 0; k < sizeof(entries) / sizeof(*entries); k++) {
        struct loom_model *m = import(dir, &entries[k].made);
        float z[4];
        assert_ok(loom_model_predict(m, x, 2, z, e));
        for (int j = 0; j < 4; j++) {
            double d = entries[k].divisor, v = rounded((double)x[j] / d, 0.25);
            v = fmin(v, 3.75) * d * entries[k].factor + entries[k].shift;
            double want = normed(&entries[k].made, j, fmax(v, -4 * d));
            if ((double)z[j] != want)
                fail_msg("%zu: output %d is %g, not %g", k, j, (double)z[j],
                         want);
        }
        loom_model_destroy(m);
    }
    test_folder_remove(dir);
}

/* Two outputs in the file's order, by their layers' names. */
static void test_outputs(void **state)
{
    (void)state;
    const struct made c = {true, true, true, -1, ""};
    struct loom_output out[LOOM_MAX_OUTPUTS];
    char *dir = test_folder();
    struct loom_model *m = import(dir, &c);
    float z[8];
    assert_int_equal(loom_model_outputs(m, out), 2);
    assert_string_equal(out[0].name, "r");
    assert_string_equal(out[1].name, "n");
    assert_true(out[1].at == 2 && out[1].n == 2);
    assert_ok(loom_model_predict(m, x, 2, z, e));
    for (int j = 0; j < 4; j++) {
        double want = normed(&c, j, rounded((double)x[j], 0.25));
        assert_true((double)z[j / 2 * 4 + 2 + j % 2] == want);
        assert_true((double)z[j / 2 * 4 + j % 2] == fmax(want, 0));
    }
    loom_model_destroy(m);
    test_folder_remove(dir);
}

/* ---- softmax ------------------------------------------------------------- */

#define SOFTMAX                                                                    \
    "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[" INPUT                \
    "{\"class_name\":\"QSoftmax\",\"config\":{\"name\":\"s\",\"axes\":[-1],"       \
    "\"stable\":%s,\"parallelization_factor\":%d,\"input_scaler\":0.5,"            \
    "\"enable_iq\":true,\"iq_conf\":" BITS(                                        \
        "kif",                                                                     \
        "\"f0\":2,") ","                                                           \
                     "\"exp_iq_conf\":" BITS(                                      \
                         "kif",                                                    \
                         "\"f0\":2,") ","                                          \
                                      "\"exp_oq_conf\":" BITS(                     \
                                          "kbi",                                   \
                                          "\"b0\":4,") ","                         \
                                                       "\"inv_iq_"                 \
                                                       "conf\":" BITS(             \
                                                           "kif",                  \
                                                           "\"f0\":2,") ","        \
                                                                        "\"in"     \
                                                                        "v_"       \
                                                                        "oq_"      \
                                                                        "conf"     \
                                                                        "\""       \
                                                                        ":" BITS(  \
                                                                            "kbi", \
                                                                            "\"b0\":4,") "}}]}}"

/* Steps of 1/16 up to 4 for the tables, of 1/4 for what they read. */
static void write_softmax(const char *path)
{
    static const char *const q[] = {"iq", "exp_table/iq", "exp_table/oq",
                                    "inv_table/iq", "inv_table/oq"};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int k = 0; k < 5; k++)
        for (int j = 0; j < 3; j++) {
            char name[80];
            bool table = k == 2 || k == 4;
            const float bits[2][3] = {{2, 2, 1}, {6, 2, 0}};
            snprintf(name, sizeof(name),
                     "layers/q_softmax/%s/quantizer/vars/%d", q[k], j);
            put(file, name, 1, bits[table][j], 0);
        }
    H5Fclose(file);
}

static struct loom_model *import_softmax(const char *dir, bool stable,
                                         int parallel, struct loom_errmsg *e)
{
    char *path = test_path(dir, "s.keras"), *weights = test_path(dir, "s.h5");
    char *text = loom_asprintf(SOFTMAX, stable ? "true" : "false", parallel);
    json_t *info;
    int code;
    unlink(path);
    write_softmax(weights);
    zip_t *z = zip_open(path, ZIP_CREATE, &code);
    zip_file_add(z, "config.json", zip_source_buffer(z, text, strlen(text), 0),
                 0);
    zip_file_add(z, "model.weights.h5", zip_source_file(z, weights, 0, -1), 0);
    assert_int_equal(zip_close(z), 0);
    struct loom_model *m = loom_import_keras(path, &info, e);
    if (m)
        json_decref(info);
    free(path);
    free(weights);
    free(text);
    return m;
}

static double table(double y)
{
    return fmin(rounded(y, 0x1p-4), 4 - 0x1p-4);
}

static void test_softmax(void **state)
{
    (void)state;
    char *dir = test_folder();
    struct loom_errmsg why = {""};
    for (int stable = 0; stable < 2; stable++) {
        struct loom_model *m =
            import_softmax(dir, stable, stable ? -1 : 1, &why);
        float z[4];
        if (!m)
            fail_msg("%s", why.text);
        assert_ok(loom_model_predict(m, x, 2, z, e));
        for (int r = 0; r < 2; r++) {
            double a = rounded((double)x[2 * r], 0.25);
            double b = rounded((double)x[2 * r + 1], 0.25);
            double top = stable ? fmax(a, b) : 0;
            double ea = table(exp(0.5 * (a - top)));
            double eb = table(exp(0.5 * (b - top)));
            double inverse = table(1 / rounded(ea + eb, 0.25));
            assert_true((double)z[2 * r] == ea * inverse);
            assert_true((double)z[2 * r + 1] == eb * inverse);
        }
        loom_model_destroy(m);
    }
    assert_null(import_softmax(dir, true, 3, &why));
    assert_non_null(strstr(why.text, "field parallelization_factor: -1 or 1"));
    test_folder_remove(dir);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        int axis;
        const char *extra, *what;
    } entries[] = {
        {2, "", "field axis"},
        {-1, "\"scaler\":3,", "field iq_conf: scaler must"},
        {-1, "\"scaler\":0,", "null, or a power of two"},
        {-1, "\"affine\":[1],", "null, or [factor, shift]"},
        {-1, "\"affine\":[1,\"a\"],", "null, or [factor, shift]"},
        {-1, "\"affine\":[1,2],\"scaler\":2,", "affine map"},
        {-1, "\"qnoise_factor\":0.5,", "null, or 1"},
        {-1, "\"bw_mapper\":{},", "bw_mapper"},
    };
    char *dir = test_folder();
    for (size_t k = 0; k < sizeof(entries) / sizeof(*entries); k++) {
        struct loom_errmsg e = {""};
        const struct made c = {false, true, true, entries[k].axis,
                               entries[k].extra};
        char *path = write_keras(dir, &c);
        json_t *info;
        assert_null(loom_import_keras(path, &info, &e));
        if (!strstr(e.text, "layer n (QBatchNormalization), field ") ||
            !strstr(e.text, entries[k].what))
            fail_msg("\"%s\" lacks \"%s\"", e.text, entries[k].what);
        free(path);
    }
    test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
