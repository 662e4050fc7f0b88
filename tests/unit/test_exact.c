/* The frozen network: its interpreter against plain arithmetic on doubles,
 * its JSON form, and what is said about JSON that is wrong. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/exact.h"
#include "engine/file.h"
#include "tests/flow/netgen.h"

/* ---- plain arithmetic -------------------------------------------------- */

static double plain_round(double u, enum loom_round r)
{
    double down = floor(u), part = u - down;
    bool tie = part == 0.5;
    switch (r) {
    case LOOM_RND:
        return down + (part >= 0.5);
    case LOOM_TRN:
        return down;
    case LOOM_RND_CONV:
        return tie ? 2 * floor(down / 2 + 0.5) : down + (part > 0.5);
    case LOOM_TRN_ZERO:
        return u < 0 ? ceil(u) : down;
    case LOOM_RND_ZERO:
        return tie ? (u < 0 ? down + 1 : down) : down + (part > 0.5);
    case LOOM_RND_MIN_INF:
        return down + (part > 0.5);
    case LOOM_RND_INF:
        return tie ? (u < 0 ? down : down + 1) : down + (part > 0.5);
    default:
        return NAN;
    }
}

static double plain_quantize(double x, struct loom_fixed t, enum loom_round r,
                             enum loom_overflow o)
{
    if (t.k + t.i + t.f <= 0)
        return 0;
    double u = ldexp(x, t.f), top = ldexp(1, t.i + t.f);
    double lo = -t.k * (o == LOOM_SAT_SYM ? top - 1 : top), hi = top - 1;
    if (o != LOOM_WRAP)
        return ldexp(plain_round(fmin(fmax(u, lo), hi), r), -t.f);
    double y = plain_round(u, r), m = ldexp(1, t.k + t.i + t.f);
    return ldexp(y - floor((y - lo) / m) * m, -t.f);
}

/* x: the inputs' values side by side; in: the first one's intervals. */
static void plain_node(const struct loom_exact_node *d, const double *x,
                       const struct loom_exact_elem *in, double *y)
{
    for (size_t j = 0; j < d->n; j++) {
        const struct loom_exact_term *t =
            d->start ? d->term + d->start[j] : NULL;
        if (d->op == LOOM_EXACT_TABLE) {
            size_t at = (size_t)(ldexp(x[j], in[j].f) - (double)in[j].lo);
            y[j] = ldexp((double)d->table[d->at[j] + at], -d->table_f[j]);
        } else if (d->op == LOOM_EXACT_MUL) {
            y[j] = x[t[0].i] * x[t[1].i];
        } else if (d->op == LOOM_EXACT_MAX) {
            y[j] = x[t[0].i];
            for (size_t k = 1; k < d->start[j + 1] - d->start[j]; k++)
                y[j] = fmax(y[j], x[t[k].i]);
        } else if (d->op == LOOM_EXACT_RELU) {
            y[j] = fmax(x[j], 0);
        } else if (d->op == LOOM_EXACT_QUANTIZE) {
            y[j] = plain_quantize(x[j], d->format[j], d->round, d->overflow);
        } else {
            y[j] = ldexp((double)d->b[j], -d->bf[j]);
            for (size_t k = 0; k < d->start[j + 1] - d->start[j]; k++)
                y[j] += x[t[k].i] * ldexp((double)t[k].w, -t[k].f);
        }
    }
}

/* Whether doubles hold all of the network's numbers. */
static bool fits_doubles(const struct loom_exact *net)
{
    for (size_t k = 0; k < net->n_nodes; k++)
        for (size_t j = 0; j < net->nodes[k].n; j++) {
            const struct loom_exact_elem *x = &net->nodes[k].elem[j];
            if (x->hi >> 44 || -x->lo >> 44)
                return false;
        }
    return true;
}

static void plain_inputs(const struct loom_exact *net,
                         const struct loom_exact_node *d, double *const *v,
                         double *y)
{
    size_t n = 0;
    double *x = loom_calloc(loom_exact_n_in(net, d) + 1, sizeof(*x));
    for (int i = 0; i < d->n_inputs; i++) {
        const struct loom_exact_node *in = &net->nodes[d->input[i]];
        memcpy(x + n, v[d->input[i]], in->n * sizeof(*x));
        n += in->n;
    }
    plain_node(d, x, net->nodes[d->input[0]].elem, y);
    free(x);
}

static void check_row(const struct loom_exact *net, const int64_t *q,
                      uint64_t seed)
{
    double **v = loom_calloc(net->n_nodes, sizeof(*v));
    int64_t *y = loom_calloc(net->out_size, sizeof(*y));
    loom_exact_run(net, q, 1, y);
    for (size_t k = 0; k < net->n_nodes; k++) {
        const struct loom_exact_node *d = &net->nodes[k];
        v[k] = loom_calloc(d->n, sizeof(**v));
        if (d->op != LOOM_EXACT_INPUT)
            plain_inputs(net, d, v, v[k]);
        else
            for (size_t j = 0; j < d->n; j++)
                v[k][j] = ldexp((double)*q++, -d->elem[j].f);
        for (size_t j = 0; j < d->n; j++) {
            double u = ldexp(v[k][j], d->elem[j].f);
            if (u < (double)d->elem[j].lo || u > (double)d->elem[j].hi)
                fail_msg("net %lu: %s[%zu] is outside of its interval",
                         (unsigned long)seed, d->name, j);
        }
    }
    for (size_t j = 0; j < net->out_size; j++) {
        int f = net->nodes[net->output].elem[j].f;
        if (ldexp((double)y[j], -f) != v[net->output][j])
            fail_msg("net %lu: output %zu is %g, not %g", (unsigned long)seed,
                     j, ldexp((double)y[j], -f), v[net->output][j]);
    }
    for (size_t k = 0; k < net->n_nodes; k++)
        free(v[k]);
    free(v);
    free(y);
}

static void test_interpreter(void **state)
{
    (void)state;
    int checked = 0;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        uint64_t s = seed * 77 + 1;
        struct loom_exact *net = netgen_wild(seed);
        if (net && fits_doubles(net)) {
            int64_t *q = loom_calloc(net->in_size + 1, sizeof(*q));
            for (int r = 0; r < 8; r++) {
                netgen_row(net, &s, q);
                check_row(net, q, seed);
            }
            free(q);
            checked++;
        }
        loom_exact_destroy(net);
    }
    print_message("%d networks\n", checked);
    assert_true(checked > 300);
}

/* ---- inputs ------------------------------------------------------------ */

static struct loom_exact *from_text(const char *text)
{
    struct loom_errmsg e = {""};
    json_t *j = unit_json(text);
    struct loom_exact *net = loom_exact_from_json(j, &e);
    json_decref(j);
    if (!net)
        fail_msg("%s", e.text);
    return net;
}

#define NET(format, over)                                                      \
    "{'schema':'bitloom/net/1','inputs':[2],'output':0,'nodes':[{'op':"        \
    "'input','name':'in','input':0,'n':2,'round':'RND','overflow':'" over      \
    "','format':[" format "," format "]}]}"

static void test_inputs(void **state)
{
    (void)state;
    struct loom_exact *net = from_text(NET("[1,3,4]", "SAT"));
    struct loom_exact *wide = from_text(NET("[1,20,20]", "SAT"));
    struct loom_exact *wrap = from_text(NET("[1,3,20]", "WRAP"));
    int64_t q[2];
#define QUANTIZE(n, a, b) loom_exact_quantize(n, (const float[]){a, b}, 1, q, e)
    assert_ok(QUANTIZE(net, 1.03f, 1e30f));
    assert_int_equal(q[0], 16);
    assert_int_equal(q[1], 127);
    assert_fails(QUANTIZE(net, 0, NAN), LOOM_ERR_NAN, "element 1");
    assert_fails(QUANTIZE(net, INFINITY, 0), LOOM_ERR_NAN, "element 0");
    /* 2^20 - 2^-20 is no float32: it would become 2^20. */
    assert_fails(QUANTIZE(wide, 0, 1e30f), LOOM_ERR_RANGE, "element 1");
    assert_fails(QUANTIZE(wrap, 0, 3e38f), LOOM_ERR_RANGE, "in");
    loom_exact_destroy(net);
    loom_exact_destroy(wide);
    loom_exact_destroy(wrap);
}

/* ---- JSON -------------------------------------------------------------- */

static void same_results(const struct loom_exact *a, const struct loom_exact *b,
                         uint64_t seed)
{
    uint64_t s = seed + 5;
    int64_t *q = loom_calloc(a->in_size + 1, sizeof(*q));
    int64_t *y = loom_calloc(a->out_size, sizeof(*y));
    int64_t *z = loom_calloc(a->out_size, sizeof(*z));
    assert_int_equal(a->in_size, b->in_size);
    assert_int_equal(a->out_size, b->out_size);
    for (int r = 0; r < 20; r++) {
        netgen_row(a, &s, q);
        loom_exact_run(a, q, 1, y);
        loom_exact_run(b, q, 1, z);
        assert_memory_equal(y, z, a->out_size * sizeof(*y));
    }
    free(q);
    free(y);
    free(z);
}

static void test_save_load(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "net.json");
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct loom_exact *net = netgen_wild(seed);
        if (!net)
            continue;
        struct loom_errmsg why = {""};
        assert_ok(loom_exact_save(net, path, e));
        struct loom_exact *back = loom_exact_load(path, &why);
        if (!back)
            fail_msg("%s", why.text);
        json_t *a = loom_exact_to_json(net), *b = loom_exact_to_json(back);
        assert_true(json_equal(a, b));
        same_results(net, back, seed);
        json_decref(a);
        json_decref(b);
        loom_exact_destroy(net);
        loom_exact_destroy(back);
    }
    free(path);
    test_folder_remove(dir);
}

static const char small[] =
    "{'schema':'bitloom/net/1','inputs':[2],'output':3,'nodes':["
    "{'op':'input','name':'a/iq','input':0,'n':2,'round':'RND',"
    " 'overflow':'WRAP','format':[[1,2,3],[0,1,-1]]},"
    "{'op':'linear','name':'a','input':0,'n':3,'block':3,"
    " 'weights':[[0,0,5,3],[1,2,-7,-2]],'bias':[[1,3,4]]},"
    "{'op':'relu','name':'a/relu','input':1,'n':3},"
    "{'op':'quantize','name':'a/oq','input':2,'n':3,'round':'TRN',"
    " 'overflow':'SAT','format':[[1,2,1],[1,2,1],[0,0,0]]}]}";

/* Take it as it comes: refused with a sentence, or a network that runs. */
static void survive(const json_t *j, const char *what)
{
    struct loom_errmsg e = {""};
    struct loom_exact *net = loom_exact_from_json(j, &e);
    if (!net) {
        if (strncmp(e.text, "network JSON", 12) && !strstr(e.text, "bits"))
            fail_msg("%s: \"%s\"", what, e.text);
        return;
    }
    uint64_t s = 3;
    int64_t *q = loom_calloc(net->in_size + 1, sizeof(*q));
    int64_t *y = loom_calloc(net->out_size + 1, sizeof(*y));
    netgen_row(net, &s, q);
    loom_exact_run(net, q, 1, y);
    free(q);
    free(y);
    loom_exact_destroy(net);
}

static const char *const junk[] = {
    "null",
    "true",
    "-1",
    "0",
    "1",
    "2",
    "4",
    "999",
    "-1000",
    "1000",
    "4611686018427387903",
    "-4611686018427387905",
    "9223372036854775807",
    "1e300",
    "0.5",
    "'x'",
    "''",
    "[]",
    "[[]]",
    "[[1,2,3,4]]",
    "{}",
};

/* Every value, at any depth, becomes junk, and goes. */
static void spoil(json_t *whole, json_t *at);

static void spoil_object(json_t *whole, json_t *at)
{
    const char *key, *names[16];
    json_t *old;
    size_t n = 0;
    json_object_foreach(at, key, old) names[n++] = loom_strdup(key);
    while (n--) {
        old = json_incref(json_object_get(at, names[n]));
        for (size_t x = 0; x < sizeof(junk) / sizeof(*junk); x++) {
            json_object_set_new(at, names[n], unit_json(junk[x]));
            survive(whole, names[n]);
        }
        json_object_del(at, names[n]);
        survive(whole, names[n]);
        json_object_set_new(at, names[n], old);
        spoil(whole, old);
        free((void *)(uintptr_t)names[n]);
    }
}

static void spoil(json_t *whole, json_t *at)
{
    if (json_is_object(at))
        spoil_object(whole, at);
    for (size_t k = 0; json_is_array(at) && k < json_array_size(at); k++) {
        json_t *old = json_incref(json_array_get(at, k));
        for (size_t x = 0; x < sizeof(junk) / sizeof(*junk); x++) {
            json_array_set_new(at, k, unit_json(junk[x]));
            survive(whole, "item");
        }
        json_array_remove(at, k);
        survive(whole, "no item");
        json_array_insert_new(at, k, old);
        spoil(whole, old);
    }
}

static void test_every_field(void **state)
{
    (void)state;
    json_t *j = unit_json(small);
    loom_exact_destroy(from_text(small)); /* good as it is */
    spoil(j, j);
    json_decref(j);
}

static void test_every_cut(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "net.json");
    json_t *j = unit_json(small);
    char *text = json_dumps(j, JSON_COMPACT);
    for (size_t n = 0; n < strlen(text); n++) {
        struct loom_errmsg why = {""};
        assert_ok(loom_file_write(path, text, n, e));
        assert_null(loom_exact_load(path, &why));
        assert_non_null(strstr(why.text, path));
    }
    free(text);
    json_decref(j);
    free(path);
    test_folder_remove(dir);
}

/* One sentence each, that names the field. */
static void test_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *word;
    } cases[] = {
        {"net/1", "net/2", "schema"},
        {"'output':3", "'output':4", "\"output\""},
        {"'output':3", "'output':'3'", "\"output\""},
        {"'inputs':[2]", "'inputs':[0]", "\"inputs\""},
        {"'inputs':[2]", "'inputs':[3]", "\"n\""},
        {"'op':'relu'", "'op':'elu'", "\"op\""},
        {"'input':1", "'input':2", "\"input\""},
        {"'input':1", "'input':'1'", "\"input\""},
        {"'name':'a'", "'name':''", "\"name\""},
        {"'RND'", "'RUND'", "\"round\""},
        {"'SAT'", "'SIT'", "\"overflow\""},
        {"[1,2,3]", "[2,2,3]", "\"format\""},
        {"[1,2,3]", "[1,60,3]", "\"format\""},
        {"[0,0,5,3]", "[2,0,5,3]", "\"weights\""},
        {"[0,0,5,3]", "[0,3,5,3]", "\"weights\""},
        {"[0,0,5,3]", "[0,0,4,3]", "odd"},
        {"[0,0,5,3]", "[1,2,5,3]", "rising"},
        {"'block':3", "'block':2", "\"block\""},
        {"'input':1", "'input':[1,1]", "\"input\""},
        {"[0,0,5,3]", "[0,0,5,3000]", "\"weights\""},
        {"[[1,3,4]]", "[[1,3,4],[1,5,4]]", "\"bias\""},
        {"[0,0,5,3]", "[0,0,4611686018427387903,3]", "62 bits"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_errmsg e = {""};
        const char *at = strstr(small, cases[k].from);
        assert_non_null(at);
        char *text = loom_asprintf("%.*s%s%s", (int)(at - small), small,
                                   cases[k].to, at + strlen(cases[k].from));
        json_t *j = unit_json(text);
        struct loom_exact *net = loom_exact_from_json(j, &e);
        if (net || !strstr(e.text, cases[k].word))
            fail_msg("%s: \"%s\" lacks %s", cases[k].to, e.text, cases[k].word);
        json_decref(j);
        free(text);
    }
}

/* A few bytes must not ask for all the memory there is. */
static void test_greedy(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    json_t *j = unit_json("{'schema':'bitloom/net/1','inputs':[1048576],"
                          "'output':0,'nodes':[]}");
    json_t *nodes = json_object_get(j, "nodes");
    json_array_append_new(
        nodes, unit_json("{'op':'linear','name':'d','input':0,'n':1048576,"
                         "'block':1,'weights':[],'bias':[]}"));
    assert_null(loom_exact_from_json(j, &e));
    json_array_clear(nodes);
    for (int k = 0; k < 90000; k++)
        json_array_append_new(nodes,
                              json_pack("{s:s,s:s,s:i,s:i}", "op", "relu",
                                        "name", "r", "input", 0, "n", 1048576));
    assert_null(loom_exact_from_json(j, &e));
    json_decref(j);
    /* Depth beyond reason. */
    char *dir = test_folder(), *path = test_path(dir, "deep.json");
    char *deep = loom_malloc(1000000);
    memset(deep, '[', 1000000);
    assert_int_equal(loom_file_write(path, deep, 1000000, &e), 0);
    assert_null(loom_exact_load(path, &e));
    assert_non_null(strstr(e.text, "deep.json"));
    assert_null(loom_exact_load("/nowhere.json", &e));
    assert_non_null(strstr(e.text, "/nowhere.json: cannot be read"));
    free(deep);
    free(path);
    test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpreter), cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_save_load),   cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_every_cut),   cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_greedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
