#include "engine/checkpoint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/file.h"
#include "engine/mem.h"

static const char MAGIC[8] = {'L', 'O', 'O', 'M', 'C', 'K', 'P', '1'};

enum { HEAD = 16 }; /* tag, crc, length */

static const size_t MAX_FILE = (size_t)1 << 34;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "checkpoints are little-endian");

/* ---- writing ----------------------------------------------------------- */

struct buffer {
    unsigned char *data;
    size_t n, room;
};

static void *grow(struct buffer *b, size_t n)
{
    if (b->n + n > b->room) {
        b->room = 2 * (b->n + n);
        b->data = loom_realloc(b->data, b->room);
    }
    b->n += n;
    return b->data + b->n - n;
}

static void put(struct buffer *b, const void *data, size_t n)
{
    if (n)
        memcpy(grow(b, n), data, n);
}

/* Of a section whose head is at `head`, its own place left out. */
static uint32_t crc_of(const unsigned char *head, size_t length)
{
    uLong crc = crc32_z(crc32_z(0, NULL, 0), head, 4);
    return (uint32_t)crc32_z(crc, head + 8, HEAD - 8 + length);
}

static size_t begin_section(struct buffer *b, const char *tag)
{
    memset(grow(b, HEAD), 0, HEAD);
    memcpy(b->data + b->n - HEAD, tag, 4);
    return b->n;
}

static void end_section(struct buffer *b, size_t start)
{
    uint64_t length = b->n - start;
    memcpy(b->data + start - 8, &length, 8);
    uint32_t crc = crc_of(b->data + start - HEAD, length);
    memcpy(b->data + start - 12, &crc, 4);
    size_t pad = (8 - b->n % 8) % 8;
    memset(grow(b, pad), 0, pad);
}

static void put_json(struct buffer *b, const char *tag, const json_t *j)
{
    size_t start = begin_section(b, tag);
    /* Sorted: tables of a script come in any order, and the same network is to
     * be the same file. */
    char *text =
        json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    put(b, text, text ? strlen(text) : 0);
    free(text);
    end_section(b, start);
}

static json_t *param_list(const struct loom_model *m)
{
    json_t *a = json_array();
    for (int k = 0; k < m->n_params; k++)
        json_array_append_new(
            a, json_pack("[s,I]", m->param[k].name, (json_int_t)m->param[k].n));
    return a;
}

int loom_checkpoint_write(const char *path, const struct loom_model *m,
                          const json_t *info,
                          const struct loom_optimizer *optimizer,
                          const json_t *trainer, struct loom_errmsg *e)
{
    struct buffer b = {0};
    json_t *head = json_pack("{s:o,s:o,s:o}", "model", loom_model_to_json(m),
                             "params", param_list(m), "info",
                             info ? json_deep_copy(info) : json_object());
    put(&b, MAGIC, sizeof(MAGIC));
    put_json(&b, "INFO", head);
    json_decref(head);
    size_t start = begin_section(&b, "THET");
    put(&b, m->theta, m->n_theta * sizeof(float));
    end_section(&b, start);
    if (optimizer) {
        const struct loom_optimizer *o = optimizer;
        size_t bytes = m->n_theta * sizeof(float);
        start = begin_section(&b, "ADAM");
        put(&b, &o->step, sizeof(o->step));
        put(&b, o->m, bytes);
        put(&b, o->v, bytes);
        if (o->top)
            put(&b, o->top, bytes);
        end_section(&b, start);
    }
    if (trainer)
        put_json(&b, "TRAI", trainer);
    start = begin_section(&b, "END.");
    end_section(&b, start);
    int err = loom_file_write(path, b.data, b.n, e);
    free(b.data);
    return err;
}

/* ---- reading ----------------------------------------------------------- */

struct section {
    const unsigned char *data;
    size_t n;
};

static int damaged(struct loom_errmsg *e, const char *path, const char *what)
{
    return loom_fail(e, LOOM_ERR_FORMAT,
                     "%s: damaged checkpoint: %s; use an older one of the "
                     "same run",
                     path, what);
}

/* Walk all sections and check every CRC; found[k] gets the one of tag[k]. */
static int find_sections(const char *path, const unsigned char *data, size_t n,
                         const char *const *tag, struct section *found,
                         int n_tags, struct loom_errmsg *e)
{
    if (n < sizeof(MAGIC) || memcmp(data, MAGIC, sizeof(MAGIC)))
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: not a bitloom checkpoint (or one of another "
                         "version)",
                         path);
    size_t at = sizeof(MAGIC);
    for (;;) {
        uint32_t crc;
        uint64_t length;
        if (n - at < HEAD)
            return damaged(e, path, "it ends too early");
        memcpy(&crc, data + at + 4, 4);
        memcpy(&length, data + at + 8, 8);
        const unsigned char *head = data + at;
        at += HEAD;
        if (length > n - at)
            return damaged(e, path, "it ends too early");
        if (crc_of(head, (size_t)length) != crc)
            return damaged(e, path, "a checksum is wrong");
        if (!memcmp(head, "END.", 4))
            return 0;
        for (int k = 0; k < n_tags; k++)
            if (!memcmp(head, tag[k], 4))
                found[k] = (struct section){data + at, (size_t)length};
        at += ((size_t)length + 7) / 8 * 8;
        if (at > n)
            return damaged(e, path, "it ends too early");
    }
}

static int check_params(const char *path, const struct loom_model *m,
                        const json_t *list, struct loom_errmsg *e)
{
    bool same = json_array_size(list) == (size_t)m->n_params;
    for (int k = 0; same && k < m->n_params; k++) {
        const json_t *p = json_array_get(list, (size_t)k);
        const char *name = json_string_value(json_array_get(p, 0));
        json_int_t n = json_integer_value(json_array_get(p, 1));
        same = name && !strcmp(name, m->param[k].name) &&
               n == (json_int_t)m->param[k].n;
    }
    return same ? 0 : damaged(e, path, "its parameters do not fit its layers");
}

static int read_optimizer(const char *path, struct loom_checkpoint *c,
                          struct section s, struct loom_errmsg *e)
{
    struct loom_optimizer_conf conf = {0};
    struct loom_optimizer *o = &c->optimizer;
    size_t bytes = c->model->n_theta * sizeof(float);
    if (s.n != 8 + 2 * bytes && s.n != 8 + 3 * bytes)
        return damaged(e, path, "section ADAM has the wrong length");
    conf.amsgrad = s.n == 8 + 3 * bytes && bytes;
    int err = loom_optimizer_init(o, &conf, c->model, e);
    if (err)
        return err;
    memcpy(&o->step, s.data, 8);
    memcpy(o->m, s.data + 8, bytes);
    memcpy(o->v, s.data + 8 + bytes, bytes);
    if (o->top)
        memcpy(o->top, s.data + 8 + 2 * bytes, bytes);
    return 0;
}

static int read_parts(const char *path, struct loom_checkpoint *c,
                      const struct section *s, struct loom_errmsg *e)
{
    json_t *head =
        s[0].data ? json_loadb((const char *)s[0].data, s[0].n, 0, NULL) : NULL;
    int err = 0;
    if (!json_is_object(head)) {
        json_decref(head);
        return damaged(e, path, "section INFO is missing or no JSON");
    }
    c->info = json_deep_copy(json_object_get(head, "info"));
    c->model = loom_model_from_json(json_object_get(head, "model"), e);
    if (!c->model)
        err = loom_fail_prefix(e, LOOM_ERR_FORMAT, "%s", path);
    if (!err)
        err = check_params(path, c->model, json_object_get(head, "params"), e);
    if (!err && s[1].n != c->model->n_theta * sizeof(float))
        err = damaged(e, path, "section THET has the wrong length");
    if (!err) {
        memcpy(c->model->theta, s[1].data, s[1].n);
        if (loom_model_not_finite(c->model))
            err = damaged(e, path, "it holds what is not a number");
        else if (s[2].data)
            err = read_optimizer(path, c, s[2], e);
    }
    if (!err && s[3].data) {
        c->trainer = json_loadb((const char *)s[3].data, s[3].n, 0, NULL);
        if (!c->trainer)
            err = damaged(e, path, "section TRAI is no JSON");
    }
    json_decref(head);
    return err;
}

int loom_checkpoint_read(const char *path, struct loom_checkpoint *c,
                         struct loom_errmsg *e)
{
    static const char *const tags[] = {"INFO", "THET", "ADAM", "TRAI"};
    struct section s[4] = {{0}};
    void *data = NULL;
    size_t n = 0;
    *c = (struct loom_checkpoint){0};
    int err = loom_file_read(path, MAX_FILE, &data, &n, e);
    if (!err)
        err = find_sections(path, data, n, tags, s, 4, e);
    if (!err)
        err = read_parts(path, c, s, e);
    if (err)
        loom_checkpoint_deinit(c);
    free(data);
    return err;
}

void loom_checkpoint_deinit(struct loom_checkpoint *c)
{
    loom_model_destroy(c->model);
    json_decref(c->info);
    json_decref(c->trainer);
    loom_optimizer_deinit(&c->optimizer);
    *c = (struct loom_checkpoint){0};
}
