/* Building models: JSON and back, and what is said about a wrong one. */
#include "tests/unit/unit.h"

#include <math.h>

static const char whole[] =
    "[['input','x',{'n':5}],"
    "['quantize','a/iq',{'k0':0,'i0':2,'f0':3,'per':'tensor'}],"
    "['dense','a',{'units':7,'kernel':{'b0':4,'type':'kbi','b':[0,9]},"
    "  'bias':{'round':'TRN','overflow':'SAT'}}],"
    "['relu','a/relu',{}],"
    "['quantize','b/iq',{'overflow':'SAT_SYM','i':[-3,5],'f':[-2,8]}],"
    "['dense','b',{'units':2}]]";

static void test_round_trip(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    struct loom_model *m = unit_chain(whole);
    json_t *j = loom_model_to_json(m);
    struct loom_model *n = loom_model_from_json(j, &e);
    if (!n)
        fail_msg("%s", e.text);
    json_t *k = loom_model_to_json(n);
    assert_true(json_equal(j, k));
    assert_int_equal(m->n_params, n->n_params);
    assert_int_equal(m->n_theta, n->n_theta);
    for (int p = 0; p < m->n_params; p++) {
        assert_string_equal(m->param[p].name, n->param[p].name);
        assert_int_equal(m->param[p].n, n->param[p].n);
        assert_true(m->param[p].lo == n->param[p].lo);
        assert_true(m->param[p].hi == n->param[p].hi);
        assert_true(m->param[p].l1 == n->param[p].l1);
        assert_int_equal(m->param[p].trained, n->param[p].trained);
    }
    json_decref(j);
    json_decref(k);
    loom_model_destroy(m);
    loom_model_destroy(n);
}

/* Same seed, same parameters; another seed, others. */
static void test_seed(void **state)
{
    (void)state;
    struct loom_errmsg e;
    struct loom_model *m = unit_chain(whole), *n = unit_chain(whole);
    json_t *j = loom_model_to_json(m);
    struct loom_model *other = loom_model_from_json(j, &e); /* seed 0 */
    assert_memory_equal(m->theta, n->theta, m->n_theta * sizeof(float));
    assert_memory_not_equal(m->theta, other->theta, m->n_theta * sizeof(float));
    json_decref(j);
    loom_model_destroy(m);
    loom_model_destroy(n);
    loom_model_destroy(other);
}

/* A chain that must be refused, and words its sentence must have. */
static void test_wrong(void **state)
{
    (void)state;
#define X "['input','x',{'n':4}],"
#define Q X "['quantize','q',{}],"
    static const struct {
        const char *text, *word[3];
    } cases[] = {
        {"[['imput','x',{'n':4}]]", {"x", "imput", "dense"}},
        {"[['input','x',{}]]", {"x", "\"n\"", "missing"}},
        {"[['input','x',{'n':0}]]", {"x", "\"n\"", "1"}},
        {"[['input','x',{'n':-1}]]", {"x", "\"n\""}},
        {"[['input','x',{'n':2.5}]]", {"x", "\"n\"", "whole"}},
        {"[['input','x',{'n':1e30}]]", {"x", "\"n\""}},
        {"[['input','x',{'n':'4'}]]", {"x", "\"n\"", "number"}},
        {"[['input','x',{'m':4}]]", {"x", "\"m\"", "n"}},
        {"[['input','',{'n':4}]]", {"name"}},
        {"[['input','x234567890123456789012345678901234567890123456789',"
         "{'n':4}]]",
         {"name", "47"}},
        {"[['input','x',{'n':4,'shape':[2,2]}]]", {"x", "shape", "both"}},
        {"[['input','x',{'shape':[2,0]}]]", {"x", "shape", "1 to 4"}},
        {"[['input','x',{'shape':[1,1,1,1,1]}]]", {"x", "shape", "1 to 4"}},
        {"[['input','x',{'shape':[65536,65536]}]]", {"x", "shape"}},
        {"[" X "['input','y',{'n':4}]]", {"y", "0 inputs"}},
        {"[" X "['reshape','r',{'shape':[5]}]]", {"r", "shape", "5"}},
        {"[" X "['permute','p',{'axes':[2]}]]", {"p", "axes", "once"}},
        {"[" X "['slice','s',{'from':4}]]", {"s", "from"}},
        {"[" X "['slice','s',{'from':2,'to':2}]]", {"s", "to"}},
        {"[" X "['sum','s',{'axes':[2]}]]", {"s", "axes", "1 to 1"}},
        {"[" X "['add','a',{}]]", {"a", "at least 2"}},
        {"[" X "['conv1d','c',{'filters':2,'size':3}]]", {"c", "x", "axes"}},
        {"[" X "['max_pool2d','m',{'size':2}]]", {"m", "x", "axes"}},
        {"[" X "['relu','x',{}]]", {"x", "already"}},
        {"[" X "['relu','r',{'slope':1}]]", {"r", "slope", "none"}},
        {"[" X "['dense','d',{'units':2}]]", {"d", "x", "quantize"}},
        {"[" X "['quantize','q',{'bits':3}]]", {"q", "bits", "k0"}},
        {"[" X "['quantize','q',{'type':'kfi'}]]", {"q", "kfi", "kbi"}},
        {"[" X "['quantize','q',{'type':3}]]", {"q", "type", "string"}},
        {"[" X "['quantize','q',{'round':'RDN'}]]", {"q", "RDN", "RND"}},
        {"[" X "['quantize','q',{'round':1}]]", {"q", "round", "string"}},
        {"[" X "['quantize','q',{'overflow':'CLIP'}]]", {"q", "CLIP", "SAT"}},
        {"[" X "['quantize','q',{'overflow':[]}]]", {"q", "overflow"}},
        {"[" X "['quantize','q',{'per':'layer'}]]", {"q", "per", "tensor"}},
        {"[" X "['quantize','q',{'per':true}]]", {"q", "per", "axes"}},
        {"[" X "['quantize','q',{'per':[2]}]]", {"q", "per", "1 to 1"}},
        {"[" X "['quantize','q',{'trained':'no'}]]", {"q", "trained", "true"}},
        {"[" X "['quantize','q',{'k0':0.5}]]", {"q", "k0", "whole"}},
        {"[" X "['quantize','q',{'k0':2}]]", {"q", "k0"}},
        {"[" X "['quantize','q',{'f0':'3'}]]", {"q", "f0", "number"}},
        {"[" X "['quantize','q',{'f0':99}]]", {"q", "f0", "32"}},
        {"[" X "['quantize','q',{'f':3}]]", {"q", "\"f\"", "lowest"}},
        {"[" X "['quantize','q',{'f':[3]}]]", {"q", "\"f\""}},
        {"[" X "['quantize','q',{'f':[3,1]}]]", {"q", "\"f\""}},
        {"[" X "['quantize','q',{'f':[-999,1]}]]", {"q", "\"f\"", "32"}},
        {"[" X "['quantize','q',{'i':['a',1]}]]", {"q", "\"i\""}},
        {"[" X "['quantize','q',{'l1':-1}]]", {"q", "l1"}},
        {"[" Q "['dense','d',{}]]", {"d", "units", "missing"}},
        {"[" Q "['dense','d',{'units':0}]]", {"d", "units"}},
        {"[" Q "['dense','d',{'units':1.5}]]", {"d", "units", "whole"}},
        {"[" Q "['dense','d',{'units':99999}]]", {"d", "units", "65536"}},
        {"[" Q "['dense','d',{'units':2,'kernel':3}]]", {"d", "kernel"}},
        {"[" Q "['dense','d',{'units':2,'kernel':{'bb':1}}]]", {"d", "bb"}},
        {"[" Q "['dense','d',{'units':2,'bias':[1]}]]", {"d", "bias"}},
        {"[['input','x',{'n':4096}],['quantize','q',{}],"
         "['dense','d',{'units':65536}]]",
         {"d", "too large"}},
        {"[]", {"input"}},
        {"[['quantize','q',{}]]", {"q", "inputs"}},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        struct loom_errmsg e = {""};
        struct loom_model *m = unit_try_chain(cases[c].text, &e);
        if (m)
            fail_msg("%s: accepted", cases[c].text);
        for (int w = 0; w < 3 && cases[c].word[w]; w++)
            if (!strstr(e.text, cases[c].word[w]))
                fail_msg("%s: \"%s\" lacks \"%s\"", cases[c].text, e.text,
                         cases[c].word[w]);
    }
}

/* JSON that no model wrote. */
static void test_wrong_json(void **state)
{
    (void)state;
#define IN "{'kind':'input','name':'x','inputs':[],'conf':{'n':2}}"
#define QU(name, from)                                                         \
    "{'kind':'quantize','name':'" name "','inputs':[" from "],'conf':{}}"
    static const char *const cases[] = {
        "null",
        "5",
        "[]",
        "{}",
        "{'layers':5,'output':0}",
        "{'layers':[],'output':0}",
        "{'layers':[5],'output':0}",
        "{'layers':[null],'output':0}",
        "{'layers':[{}],'output':0}",
        "{'layers':[" IN "],'output':1}",
        "{'layers':[" IN "],'output':-1}",
        "{'layers':[" IN "],'output':99999999999}",
        "{'layers':[" IN "," QU("q", "1") "],'output':1}",
        "{'layers':[" IN "," QU("q", "-1") "],'output':1}",
        "{'layers':[" IN "," QU("q", "'x'") "],'output':1}",
        "{'layers':[" IN "," QU("q", "0,0") "],'output':1}",
        "{'layers':[" IN "," QU("q", "0,0,0,0,0") "],'output':1}",
        "{'layers':[" IN "," QU("q", "4294967296") "],'output':1}",
        /* What nobody reads would get no gradient; the output gets its own. */
        "{'layers':[" IN
        "," QU("q", "0") "," QU("r", "1") "," QU("s", "1") "],'output':3}",
        "{'layers':[" IN "," QU("q", "0") "," QU("r", "1") "],'output':1}",
        "{'layers':[" IN ",{'kind':'relu','name':'r','inputs':[0],"
        "'conf':[]}],'output':1}",
        "{'layers':[" IN ",{'kind':'relu','name':5,'inputs':[0],"
        "'conf':{}}],'output':1}",
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        struct loom_errmsg e = {""};
        json_t *j = unit_json(cases[c]);
        struct loom_model *m = loom_model_from_json(j, &e);
        if (m || !e.text[0])
            fail_msg("%s: %s", cases[c], m ? "accepted" : "no sentence");
        json_decref(j);
    }
}

/* A name that JSON cannot hold would make checkpoints that cannot be read. */
static void test_name_is_text(void **state)
{
    (void)state;
    struct loom_model *m = loom_model_new();
    json_t *conf = json_pack("{s:i}", "n", 3);
    assert_fails(loom_model_add(m, "input",
                                "gr\xf6\xdf"
                                "e",
                                NULL, 0, conf, e),
                 LOOM_ERR_ARG, "UTF-8");
    json_decref(conf);
    loom_model_destroy(m);
}

/* Freezing says which layer float32 cannot follow. */
static void test_freeze_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"[['input','x',{'n':1}],['quantize','q',{'f0':20,'i0':10}],"
         "['dense','d',{'units':1}]]",
         "q"}, /* 30 bits of an input */
        {"[['input','x',{'n':1}],['quantize','q',{'f0':8,'i0':8}],"
         "['dense','d',{'units':1,'kernel':{'b0':16,'i0':4}}]]",
         "d"}, /* 32 bits of a product */
        {"[['input','x',{'n':1}],['quantize','q',{'f0':4,'i0':4}],"
         "['dense','d',{'units':1,'kernel':{'b0':4,'i0':4}}],"
         "['quantize','r',{'f0':32,'i0':32}]]",
         "r"}, /* 65 bits of a format */
        {"[['input','x',{'n':1}],['quantize','q',{'f0':4,'i0':4}],"
         "['relu','r',{}],"
         "['quantize','s',{'f0':22,'i0':3,'overflow':'SAT'}]]",
         "s"}, /* 2^3 - 2^-22 is no float32 */
        {"[['input','x',{'n':1}],['relu','r',{}]]", "r"},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        struct loom_errmsg e = {""};
        struct loom_model *m = unit_chain(cases[c].text);
        struct loom_param *w = loom_model_param(m, "d/kernel");
        if (w)
            m->theta[w->at] = 0.337f;
        struct loom_exact *net = loom_model_freeze(m, &e);
        if (net || strncmp(e.text, cases[c].word, strlen(cases[c].word)))
            fail_msg("%s: %s", cases[c].text, net ? "freezes" : e.text);
        loom_model_destroy(m);
    }
}

/* ---- fused steps ------------------------------------------------------- */

/* What one step of one block leaves. */
struct trace {
    struct loom_model *m;
    struct loom_scratch s;
    struct loom_sums sums;
};

static void unplan(struct loom_model *m)
{
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        l->relu = l->quantize = l->column = 0;
        l->error = l->mask = l->in_forward = l->in_backward = false;
        l->summed = l->in_place = l->shares = false;
    }
}

static bool is_fused(const struct loom_model *m)
{
    bool forward = false, backward = false;
    for (int k = 0; k < m->n_layers; k++) {
        forward |= m->layer[k].in_forward;
        backward |= m->layer[k].in_backward;
    }
    return forward && backward;
}

static struct trace step(struct loom_model *take_m, size_t rows, bool planned)
{
    struct loom_errmsg e;
    struct trace t = {.m = take_m};
    struct loom_rng g = loom_rng_init(3, 3);
    assert_true(is_fused(t.m));
    if (!planned)
        unplan(t.m);
    assert_int_equal(loom_scratch_init(&t.s, t.m, &e), 0);
    assert_int_equal(loom_sums_init(&t.sums, t.m, &e), 0);
    loom_model_prepare(t.m, LOOM_MODE_TRAIN);
    float *x = t.s.out[0], *gz = t.s.gout[t.m->output];
    const struct loom_layer *out = &t.m->layer[t.m->output];
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < t.m->n_in; j++)
            x[r * t.m->layer[0].ld + j] = (float)loom_rng_normal(&g);
    loom_model_forward(t.m, &t.s, rows, &t.sums);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < out->n; j++)
            gz[r * out->ld + j] = (float)loom_rng_normal(&g);
    loom_model_backward(t.m, &t.s, rows, &t.sums);
    return t;
}

static void free_trace(struct trace *t)
{
    loom_scratch_deinit(&t->s);
    loom_sums_deinit(&t->sums);
    loom_model_destroy(t->m);
}

/* Two quantizers read one relu, and one of two dense layers joins it. */
static struct loom_model *branches(void)
{
    struct loom_errmsg e = {""};
    json_t *j = unit_json(
        "{'output':10,'layers':["
        "{'kind':'input','name':'x','inputs':[],'conf':{'n':9}},"
        "{'kind':'quantize','name':'q','inputs':[0],'conf':{}},"
        "{'kind':'dense','name':'a','inputs':[1],'conf':{'units':20}},"
        "{'kind':'relu','name':'r','inputs':[2],'conf':{}},"
        "{'kind':'quantize','name':'q1','inputs':[3],'conf':{'f0':1}},"
        "{'kind':'quantize','name':'q2','inputs':[3],'conf':{'f0':4}},"
        "{'kind':'dense','name':'b','inputs':[4],'conf':{'units':12}},"
        "{'kind':'dense','name':'c','inputs':[5],'conf':{'units':12}},"
        "{'kind':'add','name':'s','inputs':[6,7],'conf':{}},"
        "{'kind':'quantize','name':'q3','inputs':[8],'conf':{}},"
        "{'kind':'dense','name':'d','inputs':[9],'conf':{'units':3}}]}");
    struct loom_model *m = loom_model_from_json(j, &e);
    json_decref(j);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

/* What runs inside products gives the bits that the layers give alone. */
static void test_fused(void **state)
{
    static const char *const nets[] = {
        "[['input','x',{'n':19}],['quantize','q',{}],"
        "['dense','a',{'units':37}],['relu','ar',{}],['quantize','aq',{}],"
        "['dense','b',{'units':24}],['quantize','bq',{'per':'tensor'}],"
        "['dense','c',{'units':7,'bias':false}],['relu','cr',{}],"
        "['quantize','cq',{'f0':2}],['dense','d',{'units':5}]]",
        "[['input','x',{'shape':[6,7,3]}],['quantize','q',{}],"
        "['conv2d','a',{'filters':8,'size':[3,2]}],['relu','ar',{}],"
        "['quantize','aq',{}],['conv2d','b',{'filters':5,'size':3,"
        "'padding':'same'}],['relu','br',{}],['max_pool2d','bp',{'size':2}],"
        "['flatten','bf',{}],['quantize','bq',{}],"
        "['dense','c',{'units':16}],['relu','cr',{}],['quantize','cq',{}],"
        "['dense','d',{'units':3}]]",
        "[['input','x',{'shape':[9,4]}],['quantize','q',{}],"
        "['dense','a',{'units':16}],['relu','ar',{}],['quantize','aq',{}],"
        "['conv1d','b',{'filters':24,'size':3,'stride':2}],['relu','br',{}],"
        "['quantize','bq',{}],['flatten','bf',{}],['quantize','b2',{}],"
        "['dense','d',{'units':3}]]",
    };
    const size_t n = sizeof(nets) / sizeof(*nets);
    (void)state;
    for (size_t k = 0; k <= n; k++)
        for (size_t rows = 1; rows <= LOOM_BLOCK; rows += 47) {
            struct trace a =
                step(k < n ? unit_chain(nets[k]) : branches(), rows, true);
            struct trace b =
                step(k < n ? unit_chain(nets[k]) : branches(), rows, false);
            const struct loom_layer *out = &a.m->layer[a.m->output];
            assert_memory_equal(a.s.out[a.m->output], b.s.out[a.m->output],
                                rows * out->ld * sizeof(float));
            assert_memory_equal(a.sums.sum, b.sums.sum,
                                a.m->n_sum * sizeof(float));
            assert_memory_equal(a.sums.top, b.sums.top,
                                a.m->n_top * sizeof(float));
            free_trace(&a);
            free_trace(&b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_wrong_json),
        cmocka_unit_test(test_name_is_text),
        cmocka_unit_test(test_freeze_limits),
        cmocka_unit_test(test_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
