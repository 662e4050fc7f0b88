/* The importer of .keras files. An input is the text of config.json, a zero,
 * and the image of model.weights.h5, which are packed here (an archive's
 * checksums would hide them from the search); and an archive as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>
#include <zip.h>

#include "engine/import.h"
#include "engine/mem.h"
#include "engine/model.h"
#include "tests/fuzz/fuzz.h"

/* ---- a network of one layer of every sort ------------------------------ */

#define NAMED(class_name, name, fields)                                        \
    "{\"class_name\":\"" class_name "\",\"name\":\"" name                      \
    "\",\"config\":{\"name\":\"" name "\"" fields "}"
#define READS(name)                                                            \
    ",\"inbound_nodes\":[{\"args\":[{\"class_name\":\"__keras_tensor__\","     \
    "\"config\":{\"keras_history\":[\"" name "\",0,0]}}],\"kwargs\":{}}]}"
#define RANGE                                                                  \
    "{\"class_name\":\"MinMax\",\"config\":{\"min_value\":-9,"                 \
    "\"max_value\":9}}"
#define L1 "{\"class_name\":\"MonoL1\",\"config\":{\"l1\":1e-8}}"
#define DATA                                                                   \
    "{\"config\":{\"q_type\":\"kif\",\"k0\":1,\"i0\":2,\"f0\":3,"              \
    "\"round_mode\":\"RND\",\"overflow_mode\":\"WRAP\",\"ic\":" RANGE          \
    ",\"fc\":" RANGE ",\"fr\":" L1 ",\"i_decay_speed\":Infinity,"              \
    "\"homogeneous_axis\":[0]}}"
#define WEIGHT                                                                 \
    "{\"config\":{\"q_type\":\"kbi\",\"k0\":true,\"i0\":2,\"b0\":3,"           \
    "\"round_mode\":\"RND_CONV\",\"overflow_mode\":\"SAT\","                   \
    "\"heterogeneous_axis\":[-1]}}"
/* One set of bits for all. */
#define WEIGHTLIKE                                                             \
    "{\"config\":{\"q_type\":\"kbi\",\"k0\":0,\"i0\":1,\"b0\":4,"              \
    "\"round_mode\":\"RND_CONV\",\"overflow_mode\":\"SAT\","                   \
    "\"heterogeneous_axis\":[]}}"
#define INPUT   ",\"enable_iq\":true,\"iq_conf\":" DATA
#define WEIGHTS INPUT ",\"kq_conf\":" WEIGHT ",\"bq_conf\":" WEIGHT

static const char chain[] =
    "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[" NAMED(
        "InputLayer", "x",
        ",\"batch_shape\":[null,3]") "}," NAMED("QDense", "d",
                                                ",\"units\":2,\"activation\":"
                                                "\"relu\"" WEIGHTS) "}]}}";

static const char graph[] =
    "{\"class_name\":\"Functional\",\"config\":{\"layers\":[" NAMED(
        "InputLayer", "x",
        ",\"batch_shape\":[null,4,4,1]") "}," NAMED("QConv2D", "c",
                                                    ",\"filters\":2,\"kernel_"
                                                    "size\":[2,2],"
                                                    "\"strides\":[1,1],"
                                                    "\"padding\":\"same\","
                                                    "\"use_bias\":"
                                                    "false" WEIGHTS)
        READS("x") "," NAMED("MaxPooling2D", "p",
                             ",\"pool_size\":[2,2],\"strides\":[2,2]")
            READS("c") "," NAMED(
                "GetItem", "g",
                "") ",\"inbound_nodes\":[{\"args\":[{\"class_name\":"
                    "\"__keras_tensor__\",\"config\":{\"keras_history\":[\"p\","
                    "0,0]}},["
                    "{\"class_name\":\"__slice__\",\"config\":{}},{\"class_"
                    "name\":"
                    "\"__slice__\",\"config\":{\"start\":0,\"stop\":1}}]]}]}"
                    "," NAMED("Permute", "m", ",\"dims\":[2,1,3]") READS(
                        "p") "," NAMED("Reshape", "r",
                                       ",\"target_shape\":[-1,2]")
                        READS("m") "," NAMED(
                            "QSum", "s",
                            ",\"axes\":[1],\"scale\":0.5,\"enable_iq\":true,"
                            "\"iq_conf\":" DATA) READS("r") "," NAMED("Flatten",
                                                                      "f", "")
                            READS("g") "," NAMED(
                                "Concatenate", "k",
                                ",\"axis\":-1") ",\"inbound_nodes\":[{\"args\":"
                                                "[[{\"class_name\":\"__keras_"
                                                "tensor__\","
                                                "\"config\":{\"keras_history\":"
                                                "[\"s\",0,0]}},{\"class_name\":"
                                                "\"__keras_tensor__\","
                                                "\"config\":{\"keras_history\":"
                                                "[\"f\",0,0]}}]]}]}," NAMED(
                                                    "QEinsumDenseBatchnorm",
                                                    "e",
                                                    ",\"equation\":\"bc,cC->"
                                                    "bC\","
                                                    "\"bias_axes\":\"C\","
                                                    "\"output_shape\":["
                                                    "2]" WEIGHTS)
                                                    READS(
                                                        "k") "],\"input_"
                                                             "layers\":[\"x\","
                                                             "0,0],\"output_"
                                                             "layers\":[\"e\","
                                                             "0,0]}}";

static const char functions
    [] = "{\"class_name\":\"Sequential\",\"config\":{"
         "\"layers\":[" NAMED("InputLayer", "x", ",\"batch_shape\":[null,2]") "}," NAMED(
             "Quantizer", "q",
             ",\"config\":" DATA) "}," NAMED("QUnaryFunc"
                                             "tionLUT",
                                             "u",
                                             ",\"activat"
                                             "ion\":"
                                             "\"tanh\","
                                             "\"enable_"
                                             "oq\":"
                                             "true,\"oq_"
                                             "conf\""
                                             ":" WEIGHTLIKE
                                                 INPUT) "}," NAMED("QSoftmax",
                                                                   "s",
                                                                   ",\"axes\":["
                                                                   "-1],"
                                                                   "\"stable\":"
                                                                   "true,"
                                                                   "\"input_"
                                                                   "scaler\":"
                                                                   "0.5,\"exp_"
                                                                   "iq_"
                                                                   "conf\""
                                                                   ":" DATA
                                                                   ",\"exp_oq_"
                                                                   "conf\""
                                                                   ":" WEIGHTLIKE
                                                                   ",\"inv_iq_"
                                                                   "conf\""
                                                                   ":" DATA
                                                                   ",\"inv_oq_"
                                                                   "conf\""
                                                                   ":" WEIGHTLIKE
                                                                       INPUT) "}," NAMED("QBatchNormalization",
                                                                                         "b",
                                                                                         ",\"axis\":-1,\"epsilon\":0.001" WEIGHTS) "}]}}";

/* ---- its weights ------------------------------------------------------- */

static hid_t make_group(hid_t at, const char *name)
{
    return H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

static void make_set(hid_t group, int number, size_t n, float value)
{
    char name[16];
    hsize_t dim = n;
    float *v = loom_calloc(n, sizeof(*v));
    for (size_t j = 0; j < n; j++)
        v[j] = value;
    snprintf(name, sizeof(name), "%d", number);
    hid_t space = H5Screate_simple(1, &dim, NULL);
    hid_t set = H5Dcreate2(group, name, H5T_IEEE_F32LE, space, H5P_DEFAULT,
                           H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v);
    H5Dclose(set);
    H5Sclose(space);
    free(v);
}

/* Three numbers a quantizer, all of `n` elements. */
static void make_quantizer(hid_t layer, const char *name, size_t n)
{
    hid_t a = make_group(layer, name), b = make_group(a, "quantizer");
    hid_t vars = make_group(b, "vars");
    for (int k = 0; k < 3; k++)
        make_set(vars, k, n, 2.0f);
    H5Gclose(vars);
    H5Gclose(b);
    H5Gclose(a);
}

/* sizes: of vars/0, vars/1, ... up to a 0; then of the iq, kq and bq. */
static void make_layer(hid_t root, const char *name, const size_t *sizes)
{
    static const char *const q[] = {"iq", "kq", "bq"};
    hid_t layer = make_group(root, name), vars = make_group(layer, "vars");
    int k = 0;
    for (; sizes[k]; k++)
        make_set(vars, k, sizes[k], 0.75f);
    for (int j = 0; j < 3 && sizes[k + 1 + j]; j++)
        make_quantizer(layer, q[j], sizes[k + 1 + j]);
    H5Gclose(vars);
    H5Gclose(layer);
}

/* A function's table, or part of a layer with two. */
static void make_table(hid_t at, const char *name, size_t n)
{
    hid_t group = make_group(at, name);
    make_quantizer(group, "iq", n);
    make_quantizer(group, "oq", 1);
    H5Gclose(group);
}

static void make_functions(hid_t root)
{
    static const size_t norm[] = {2, 2, 2, 2, 0, 2, 2, 2};
    make_quantizer(root, "quantizer", 2);
    make_layer(root, "q_batch_normalization", norm);
    make_table(root, "q_unary_function_lut", 2);
    hid_t softmax = make_group(root, "q_softmax");
    make_quantizer(softmax, "iq", 2);
    make_table(softmax, "exp_table", 2);
    make_table(softmax, "inv_table", 1);
    H5Gclose(softmax);
}

/* Of network `which`. */
static size_t make_weights(size_t which, uint8_t *to, size_t room)
{
    static const size_t d[] = {6, 2, 0, 3, 2, 2}, c[] = {8, 0, 16, 2, 0},
                        e[] = {12, 2, 2, 1, 1, 2, 2, 0, 6, 2, 2},
                        s[] = {1, 1, 0, 8, 0};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 12, 0);
    hid_t file = H5Fcreate("seed", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    hid_t root = make_group(file, "layers");
    if (which == 0) {
        make_layer(root, "q_dense", d);
    } else if (which == 2) {
        make_functions(root);
    } else {
        make_layer(root, "q_conv2d", c);
        make_layer(root, "q_sum", s);
        make_layer(root, "q_einsum_dense_batchnorm", e);
    }
    H5Gclose(root);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    ssize_t n = H5Fget_file_image(file, to, room);
    H5Fclose(file);
    H5Pclose(access);
    return n > 0 ? (size_t)n : 0;
}

/* ---- packing ----------------------------------------------------------- */

static size_t pack(const void *config, size_t n_config, const void *weights,
                   size_t n_weights, uint8_t *to, size_t room)
{
    zip_source_t *s = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_source_keep(s);
    zip_t *z = zip_open_from_source(s, ZIP_TRUNCATE, NULL);
    const struct {
        const char *name;
        const void *data;
        size_t n;
    } member[] = {{"config.json", config, n_config},
                  {"model.weights.h5", weights, n_weights}};
    for (int k = 0; k < 2; k++) {
        zip_source_t *from =
            zip_source_buffer(z, member[k].data, member[k].n, 0);
        zip_int64_t at = zip_file_add(z, member[k].name, from, 0);
        zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0);
    }
    zip_close(z);
    zip_source_open(s);
    zip_int64_t n = zip_source_read(s, to, room);
    zip_source_close(s);
    zip_source_free(s);
    return n > 0 ? (size_t)n : 0;
}

static bool import_one(const uint8_t *data, size_t n)
{
    struct loom_errmsg e;
    json_t *info;
    struct loom_model *m = loom_import_keras(fuzz_file(data, n), &info, &e);
    if (m)
        json_decref(info);
    loom_model_destroy(m);
    return m;
}

static bool import_packed(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n ? memchr(data, 0, n) : NULL;
    if (!zero)
        return false;
    size_t n_text = (size_t)(zero - data), room = n + 1024;
    uint8_t *archive = loom_malloc(room);
    size_t used = pack(data, n_text, zero + 1, n - n_text - 1, archive, room);
    bool good = import_one(archive, used);
    free(archive);
    return good;
}

/* The networks as text and image; the chain as an archive. Made
 * once, and they must be good ones. */
static size_t make_seed(size_t i, uint8_t *to)
{
    static uint8_t image[FUZZ_SEED_ROOM];
    static const char *const texts[] = {chain, graph, functions};
    const char *text = texts[i % 3];
    size_t n = strlen(text);
    size_t n_image = make_weights(i % 3, image, sizeof(image));
    if (!n_image || n + 1 + n_image > FUZZ_SEED_ROOM)
        abort();
    if (i == 3)
        return pack(text, n, image, n_image, to, FUZZ_SEED_ROOM);
    memcpy(to, text, n + 1);
    memcpy(to + n + 1, image, n_image);
    return n + 1 + n_image;
}

size_t fuzz_seed(size_t i, uint8_t *to)
{
    static uint8_t made[4][FUZZ_SEED_ROOM];
    static size_t size[4];
    if (i >= 4)
        return 0;
    if (!size[i]) {
        size[i] = make_seed(i, made[i]);
        if (i == 3 ? !import_one(made[i], size[i])
                   : !import_packed(made[i], size[i]))
            abort();
    }
    memcpy(to, made[i], size[i]);
    return size[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    import_one(data, n);
    import_packed(data, n);
    return 0;
}
