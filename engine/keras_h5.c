#include "engine/keras_h5.h"

#include <stdbool.h>
#include <string.h>

/* Message types of object headers, and what a search may visit: a file has no
 * more groups, nodes and messages than that, a loop has. */
enum {
    SPACE = 1,
    TYPE = 3,
    LAYOUT = 8,
    FILTER = 11,
    CONTINUED = 16,
    TABLE = 17,
    MAX_VISITS = 1 << 16,
    MAX_DEPTH = 16
};

/* A place in the file where bytes are read one after the other; `bad` once
 * there are none. */
struct cursor {
    const struct loom_h5 *f;
    uint64_t at;
    bool bad;
};

static const uint8_t *take(struct cursor *c, uint64_t n)
{
    static const uint8_t none[8];
    if (c->bad || c->at > c->f->n || n > c->f->n - c->at) {
        c->bad = true;
        return none;
    }
    const uint8_t *p = c->f->data + c->at;
    c->at += n;
    return p;
}

/* A number of up to 8 bytes, little-endian. */
static uint64_t number(struct cursor *c, int bytes)
{
    const uint8_t *p = take(c, (uint64_t)bytes);
    uint64_t v = 0;
    for (int k = bytes; k-- > 0;)
        v = v << 8 | p[k];
    return v;
}

static bool mark(struct cursor *c, const char *four)
{
    return !memcmp(take(c, 4), four, 4) && !c->bad;
}

int loom_h5_check(const struct loom_h5 *f, struct loom_errmsg *e)
{
    /* Signature, version 0 of all parts, offsets and lengths of 8 bytes. */
    static const uint8_t head[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    if (f->n < 96 || memcmp(f->data, head, sizeof(head)))
        return loom_fail(e, LOOM_ERR_FORMAT, "%s is damaged, or no HDF5 file",
                         f->name);
    if (f->data[8] != 0 || f->data[13] != 8 || f->data[14] != 8)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s is an HDF5 file of superblock version %d; that "
                         "which Keras writes, 0, can be read",
                         f->name, f->data[8]);
    return 0;
}

/* ---- object headers ---------------------------------------------------- */

/* Where the messages of an object lie that are of use here; 0: nowhere. */
struct object {
    uint64_t space, type, layout, table;
    bool filtered;
};

/* Messages of `bytes` at c; further blocks of them into *next. */
static bool read_block(struct cursor c, uint64_t bytes, struct object *o,
                       struct cursor *next, uint64_t *next_bytes, int *visits)
{
    uint64_t end = c.at + bytes;
    *next_bytes = 0;
    if (bytes > c.f->n)
        return false;
    while (c.at + 8 <= end) {
        uint64_t type = number(&c, 2), size = number(&c, 2);
        uint64_t flags = number(&c, 4) & 0xff;
        uint64_t at = c.at;
        take(&c, size);
        if (c.bad || ++*visits > MAX_VISITS)
            return false;
        if (flags & 2 && (type == TYPE || type == SPACE))
            return false; /* kept elsewhere */
        if (type == SPACE)
            o->space = at;
        else if (type == TYPE)
            o->type = at;
        else if (type == LAYOUT)
            o->layout = at;
        else if (type == TABLE)
            o->table = at;
        else if (type == FILTER)
            o->filtered = true;
        else if (type == CONTINUED) {
            struct cursor to = {.f = c.f, .at = at};
            next->at = number(&to, 8);
            *next_bytes = number(&to, 8);
        }
    }
    return true;
}

static bool read_object(const struct loom_h5 *f, uint64_t at, struct object *o,
                        int *visits)
{
    struct cursor c = {.f = f, .at = at};
    *o = (struct object){0};
    uint64_t version = number(&c, 1);
    take(&c, 7);
    uint64_t bytes = number(&c, 4);
    take(&c, 4);
    if (c.bad || version != 1)
        return false;
    while (bytes) {
        struct cursor next = {.f = f};
        if (!read_block(c, bytes, o, &next, &bytes, visits))
            return false;
        c = next;
    }
    return true;
}

/* ---- groups ------------------------------------------------------------ */

/* Looking for a name in a group. */
struct search {
    const struct loom_h5 *f;
    const char *name;
    size_t length;
    uint64_t names; /* where the group keeps them */
    uint64_t found; /* header of the object */
    int visits;
};

static bool is_name(const struct search *s, uint64_t offset)
{
    struct cursor c = {.f = s->f, .at = s->names + offset};
    const uint8_t *p = take(&c, s->length + 1);
    return !c.bad && !memcmp(p, s->name, s->length) && !p[s->length];
}

static bool search_symbols(struct search *s, struct cursor c)
{
    if (!mark(&c, "SNOD"))
        return false;
    take(&c, 2);
    for (uint64_t n = number(&c, 2); n && !s->found; n--) {
        uint64_t name = number(&c, 8), header = number(&c, 8);
        take(&c, 24);
        if (c.bad || ++s->visits > MAX_VISITS)
            return false;
        if (is_name(s, name))
            s->found = header;
    }
    return true;
}

/* The node at `at` and those below it. False where it is damaged. */
static bool search_tree(struct search *s, uint64_t at, int depth)
{
    struct cursor c = {.f = s->f, .at = at};
    if (depth > MAX_DEPTH || ++s->visits > MAX_VISITS || !mark(&c, "TREE"))
        return false;
    uint64_t type = number(&c, 1), level = number(&c, 1), n = number(&c, 2);
    take(&c, 16);
    if (c.bad || type)
        return false;
    for (; n && !s->found; n--) {
        take(&c, 8); /* a key */
        uint64_t child = number(&c, 8);
        struct cursor leaf = {.f = s->f, .at = child};
        if (c.bad || !(level ? search_tree(s, child, depth + 1)
                             : search_symbols(s, leaf)))
            return false;
    }
    return true;
}

/* The header of member s->name of the group whose header is at `at`. */
static bool find_member(struct search *s, uint64_t at)
{
    struct object o;
    if (!read_object(s->f, at, &o, &s->visits))
        return false;
    s->found = 0;
    if (!o.table)
        return true; /* no group */
    struct cursor c = {.f = s->f, .at = o.table};
    uint64_t tree = number(&c, 8), heap = number(&c, 8);
    struct cursor h = {.f = s->f, .at = heap};
    if (c.bad || !mark(&h, "HEAP"))
        return false;
    take(&h, 20);
    s->names = number(&h, 8);
    return !h.bad && search_tree(s, tree, 0);
}

/* The header at the end of the path; 0: there is none. */
static bool find(const struct loom_h5 *f, const char *path, uint64_t *header)
{
    struct search s = {.f = f};
    struct cursor root = {.f = f, .at = 64};
    *header = number(&root, 8);
    while (*path && *header) {
        s.name = path;
        s.length = strcspn(path, "/");
        if (!find_member(&s, *header))
            return false;
        *header = s.found;
        path += s.length;
        path += *path == '/';
    }
    return !root.bad;
}

/* ---- data sets --------------------------------------------------------- */

/* Elements; false where they cannot be counted. */
static bool count(const struct loom_h5 *f, uint64_t at, uint64_t *n)
{
    struct cursor c = {.f = f, .at = at};
    uint64_t version = number(&c, 1), rank = number(&c, 1);
    take(&c, version == 1 ? 6 : 2);
    *n = 1;
    if (version < 1 || version > 2 || rank > 32)
        return false;
    for (; rank; rank--)
        if (__builtin_mul_overflow(*n, number(&c, 8), n))
            return false;
    return !c.bad;
}

/* What numbers are made of: class 0 whole, 1 IEEE floating-point. */
struct type {
    uint64_t class, bytes;
    bool has_sign;
};

static bool read_type(const struct loom_h5 *f, uint64_t at, struct type *t)
{
    struct cursor c = {.f = f, .at = at};
    uint64_t word = number(&c, 1), order = number(&c, 1);
    take(&c, 2);
    t->class = word & 15;
    t->bytes = number(&c, 4);
    t->has_sign = order & 8;
    uint64_t offset = number(&c, 2), bits = number(&c, 2);
    bool whole = t->class == 0 && (t->bytes == 1 || t->bytes == 2 ||
                                   t->bytes == 4 || t->bytes == 8);
    bool real = t->class == 1 && (t->bytes == 4 || t->bytes == 8);
    return !c.bad && (whole || real) && !(order & 1) && !offset &&
           bits == 8 * t->bytes;
}

static float element(struct cursor *c, const struct type *t)
{
    uint64_t v = number(c, (int)t->bytes);
    if (t->class == 1 && t->bytes == 4) {
        uint32_t word = (uint32_t)v;
        float x;
        memcpy(&x, &word, sizeof(x));
        return x;
    }
    if (t->class == 1) {
        double x;
        memcpy(&x, &v, sizeof(x));
        return (float)x;
    }
    int spare = 64 - 8 * (int)t->bytes;
    return t->has_sign ? (float)((int64_t)(v << spare) >> spare) : (float)v;
}

static bool find_data(const struct loom_h5 *f, uint64_t layout, uint64_t bytes,
                      struct cursor *data)
{
    struct cursor c = {.f = f, .at = layout};
    uint64_t version = number(&c, 1), class = number(&c, 1);
    *data = (struct cursor){.f = f, .at = number(&c, 8)};
    uint64_t room = number(&c, 8);
    struct cursor end = *data;
    take(&end, bytes);
    return version == 3 && class == 1 && room >= bytes && !c.bad && !end.bad;
}

int loom_h5_read(const struct loom_h5 *f, const char *path, size_t n,
                 float *out, struct loom_errmsg *e)
{
    uint64_t header, has, bytes;
    struct object o;
    struct type t;
    struct cursor data;
    int visits = 0;
    bool good = find(f, path, &header);
    if (good && !header)
        return loom_fail(e, LOOM_ERR_MISSING, "%s is not in %s", path, f->name);
    good = good && read_object(f, header, &o, &visits);
    if (good && !o.space && !o.layout)
        return loom_fail(e, LOOM_ERR_MISSING, "%s in %s is no data set", path,
                         f->name);
    good = good && o.space && o.type && o.layout && !o.filtered &&
           count(f, o.space, &has) && read_type(f, o.type, &t);
    if (good && has != n)
        return loom_fail(e, LOOM_ERR_SHAPE,
                         "%s in %s has %llu elements, the layer needs %zu",
                         path, f->name, (unsigned long long)has, n);
    good = good && !__builtin_mul_overflow(has, t.bytes, &bytes) &&
           find_data(f, o.layout, bytes, &data);
    if (!good)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s in %s is damaged, or not stored as Keras does: "
                         "little-endian numbers in one piece",
                         path, f->name);
    for (size_t k = 0; k < n; k++)
        out[k] = element(&data, &t);
    return 0;
}
