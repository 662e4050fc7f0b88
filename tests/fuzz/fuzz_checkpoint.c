#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/aim.h"
#include "engine/checkpoint.h"
#include "engine/file.h"
#include "engine/mem.h"
#include "engine/trainer.h"
#include "tests/fuzz/fuzz.h"

enum { MAGIC = 8, HEAD = 16 };

/* Two outputs, one of them moved. */
static int fork_outputs(struct loom_model *m, int at)
{
    struct loom_errmsg e;
    json_t *axes = json_pack("{s:i,s:i}", "from", 0, "to", 1);
    json_t *names = json_pack("{s:[s,s]}", "names", "a", "b");
    int in[2] = {at, loom_model_add(m, "slice", "c", &at, 1, axes, &e)};
    at = loom_model_add(m, "outputs", "o", in, 2, names, &e);
    json_decref(axes);
    json_decref(names);
    return at;
}

static struct loom_model *small_model(bool deep)
{
    struct loom_errmsg e;
    struct loom_model *m = loom_model_new();
    json_t *in = json_pack("{s:i}", "n", 2);
    json_t *q = json_pack("{s:s}", "per", deep ? "tensor" : "element");
    json_t *d = json_pack("{s:i,s:{s:f}}", "units", 2, "kernel", "b0", 3.0);
    int at = loom_model_add(m, "input", "x", NULL, 0, in, &e);
    at = loom_model_add(m, "quantize", "q", &at, 1, q, &e);
    at = loom_model_add(m, "dense", "d", &at, 1, d, &e);
    if (deep) {
        at = loom_model_add(m, "relu", "r", &at, 1, NULL, &e);
        at = loom_model_add(m, "quantize", "s", &at, 1, q, &e);
        at = fork_outputs(m, at);
    }
    if (loom_model_finish(m, at, 1, &e) < 0)
        abort();
    json_decref(in);
    json_decref(q);
    json_decref(d);
    return m;
}

/* A network alone; a state to go on from. */
size_t fuzz_seed(size_t i, uint8_t *to)
{
    char path[64];
    void *data;
    size_t n = 0;
    struct loom_optimizer optimizer;
    struct loom_errmsg e;
    if (i >= 2)
        return 0;
    snprintf(path, sizeof(path), "/tmp/loom-fuzz-%ld", (long)getpid());
    struct loom_model *m = small_model(i);
    json_t *state = json_pack("{s:i}", "epoch", 3);
    json_t *info =
        json_pack("{s:s,s:[{s:s,s:s},{s:s,s:s}]}", "metric", "a.rms", "outputs",
                  "output", "a", "loss", "mse", "output", "b", "loss", "hinge");
    if (loom_optimizer_init(&optimizer, &(struct loom_optimizer_conf){0}, m,
                            &e) < 0 ||
        loom_checkpoint_write(path, m, i ? info : NULL, i ? &optimizer : NULL,
                              i ? state : NULL, &e) < 0 ||
        loom_file_read(path, FUZZ_SEED_ROOM, &data, &n, &e) < 0)
        abort();
    memcpy(to, data, n);
    unlink(path);
    free(data);
    json_decref(state);
    json_decref(info);
    loom_optimizer_deinit(&optimizer);
    loom_model_destroy(m);
    return n;
}

/* Make every checksum right, so that what lies behind them is searched too. */
static void mend(uint8_t *p, size_t n)
{
    uint64_t length;
    for (size_t at = MAGIC; at < n && n - at >= HEAD;) {
        memcpy(&length, p + at + 8, 8);
        if (length > n - at - HEAD)
            return;
        uLong crc = crc32_z(crc32_z(0, NULL, 0), p + at, 4);
        crc = crc32_z(crc, p + at + 8, HEAD - 8 + length);
        uint32_t word = (uint32_t)crc;
        memcpy(p + at + 4, &word, 4);
        at += HEAD + (length + 7) / 8 * 8;
    }
}

static void use(struct loom_model *m)
{
    struct loom_errmsg e;
    size_t n_in = m->layer[m->input[0]].n, n_out = m->layer[m->output].n;
    if (n_in > 64 || n_out > 64)
        return;
    float x[64] = {1, -2, 0.5f}, z[64];
    loom_model_predict(m, x, 1, z, &e);
    loom_exact_destroy(loom_model_freeze(m, &e));
}

static void read_one(const uint8_t *data, size_t n)
{
    struct loom_errmsg e;
    struct loom_checkpoint c;
    if (loom_checkpoint_read(fuzz_file(data, n), &c, &e) < 0)
        return;
    use(c.model);
    loom_aim_from_json(c.info);
    loom_checkpoint_deinit(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *copy = loom_malloc(n + 1);
    read_one(data, n);
    if (n)
        memcpy(copy, data, n);
    mend(copy, n);
    read_one(copy, n);
    free(copy);
    return 0;
}
