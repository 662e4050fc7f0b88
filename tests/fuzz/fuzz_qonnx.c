/* ONNX files of other programs, read as networks; what is read must also be
 * one that can be frozen or refused, and be written again. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/exact.h"
#include "engine/export.h"
#include "engine/file.h"
#include "engine/import.h"
#include "engine/mem.h"
#include "engine/trainer.h"
#include "tests/fuzz/fuzz.h"

static const char dense[] =
    "{\"output\":6,\"layers\":["
    "{\"kind\":\"input\",\"name\":\"x\",\"inputs\":[],\"conf\":{\"n\":3}},"
    "{\"kind\":\"quantize\",\"name\":\"q\",\"inputs\":[0],\"conf\":{}},"
    "{\"kind\":\"dense\",\"name\":\"a\",\"inputs\":[1],\"conf\":{\"units\":2}},"
    "{\"kind\":\"dense\",\"name\":\"b\",\"inputs\":[1],"
    "\"conf\":{\"units\":2,\"bias\":false}},"
    "{\"kind\":\"add\",\"name\":\"s\",\"inputs\":[2,3],\"conf\":{}},"
    "{\"kind\":\"relu\",\"name\":\"r\",\"inputs\":[4],\"conf\":{}},"
    "{\"kind\":\"quantize\",\"name\":\"o\",\"inputs\":[5],"
    "\"conf\":{\"overflow\":\"SAT\",\"round\":\"TRN\"}}]}";

static const char images[] =
    "{\"output\":5,\"layers\":["
    "{\"kind\":\"input\",\"name\":\"x\",\"inputs\":[],"
    "\"conf\":{\"shape\":[3,3,1]}},"
    "{\"kind\":\"quantize\",\"name\":\"q\",\"inputs\":[0],"
    "\"conf\":{\"per\":\"tensor\"}},"
    "{\"kind\":\"conv2d\",\"name\":\"c\",\"inputs\":[1],"
    "\"conf\":{\"filters\":2,\"size\":2,\"padding\":\"same\"}},"
    "{\"kind\":\"max_pool2d\",\"name\":\"p\",\"inputs\":[2],"
    "\"conf\":{\"size\":2}},"
    "{\"kind\":\"flatten\",\"name\":\"f\",\"inputs\":[3],\"conf\":{}},"
    "{\"kind\":\"quantize\",\"name\":\"o\",\"inputs\":[4],\"conf\":{}}]}";

static size_t write_seed(const char *text, uint8_t *to)
{
    struct loom_errmsg e;
    char path[] = "/tmp/loom-fuzz-XXXXXX";
    json_t *j = json_loads(text, 0, NULL);
    struct loom_model *m = loom_model_from_json(j, &e);
    int fd = mkstemp(path);
    void *bytes = NULL;
    size_t n = 0;
    if (!m || fd < 0 || loom_export_qonnx(m, path, &e) ||
        loom_file_read(path, FUZZ_SEED_ROOM, &bytes, &n, &e))
        abort();
    memcpy(to, bytes, n);
    close(fd);
    unlink(path);
    free(bytes);
    json_decref(j);
    loom_model_destroy(m);
    return n;
}

size_t fuzz_seed(size_t i, uint8_t *to)
{
    return i < 2 ? write_seed(i ? images : dense, to) : 0;
}

static void use(struct loom_model *m)
{
    struct loom_errmsg e;
    size_t n_out = m->layer[m->output].n;
    if (m->n_in > 64 || n_out > 64)
        return;
    float x[64] = {1, -2, 0.5f}, z[64];
    loom_model_predict(m, x, 1, z, &e);
    loom_exact_destroy(loom_model_freeze(m, &e));
    loom_export_qonnx(m, "/dev/null/none", &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loom_errmsg e = {""};
    json_t *info = NULL;
    struct loom_model *m = loom_import_qonnx(fuzz_file(data, n), &info, &e);
    if (!m && !e.text[0])
        abort();
    if (m)
        use(m);
    loom_model_destroy(m);
    json_decref(info);
    return 0;
}
