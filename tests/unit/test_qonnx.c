/* Networks as QONNX: what is exported and imported again says the same of every
 * row, bit for bit, with the same bits; what cannot be written or read is one
 * error that names it. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/export.h"
#include "engine/file.h"
#include "engine/fixed.h"
#include "engine/import.h"
#include "engine/trainer.h"

enum { ROWS = 64 };

/* Every kind of layer, rounding and overflow that can be written; @ is the
 * overflow mode of all data, % the rounding. */
static const char images[] =
    "[['input','x',{'shape':[6,5,2]}],"
    "['quantize','c/iq',{'overflow':'@','round':'%'}],"
    "['conv2d','c',{'filters':3,'size':[3,2],'stride':[2,1],'padding':'same',"
    "'kernel':{'b0':3}}],['relu','r'],"
    "['max_pool2d','p',{'size':[2,1],'stride':1}],"
    "['quantize','d/iq',{'overflow':'@','round':'%','per':'tensor'}],"
    "['conv2d','d',{'filters':2,'size':2,'bias':false,'kernel':{'type':'kif'}}]"
    ","
    "['flatten','f'],['quantize','e/iq',{'overflow':'@','round':'%'}],"
    "['dense','e',{'units':4,'kernel':{'b0':4}}],"
    "['dense','g',{'units':4,'bias':false},'e/iq'],"
    "['add','a',{},'e','g'],['quantize','oq',{'overflow':'@','round':'%'}]]";

/* Dense over the last axis, fused norm, three tensors added. */
static const char rows[] =
    "[['input','x',{'shape':[3,4]}],"
    "['quantize','q',{'overflow':'@','round':'%'}],"
    "['dense','a',{'units':2,'norm':true}],['dense','b',{'units':2},'q'],"
    "['dense','c',{'units':2},'q'],['add','s',{},'a','b','c'],"
    "['relu','r'],['flatten','f'],"
    "['quantize','e/iq',{'overflow':'@','round':'%'}],"
    "['dense','e',{'units':3}]]";

/* The text with its modes in place. */
static char *with_modes(const char *text, const char *over, const char *round)
{
    char *out = loom_calloc(strlen(text) * 2 + 1, 1);
    for (; *text; text++) {
        const char *word = *text == '@' ? over : *text == '%' ? round : NULL;
        if (word)
            strcat(out, word);
        else
            out[strlen(out)] = *text;
    }
    return out;
}

static void draw(struct loom_model *m, struct loom_rng *g)
{
    for (int p = 0; p < m->n_params; p++) {
        const struct loom_param *q = &m->param[p];
        const char *word = strrchr(q->name, '/') + 1;
        bool data = !strstr(q->name, "/kq/") && !strstr(q->name, "/bq/");
        for (size_t j = 0; j < q->n; j++) {
            float *v = &m->theta[q->at + j];
            if (!strcmp(word, "k"))
                *v = data ? (float)unit_between(g, 0, 1) : 1.0f;
            else if (!strcmp(word, "i"))
                *v = (float)unit_between(g, -1, 4);
            else if (!strcmp(word, "f"))
                *v = (float)unit_between(g, -1, 4);
            else if (!strcmp(word, "b"))
                *v = (float)unit_between(g, 0, 4);
            else if (!strcmp(word, "moving_variance"))
                *v = (float)unit_between(g, 1, 9) * 0.3f;
            else
                *v = (float)loom_rng_normal(g);
        }
    }
}

/* Returns the share of outputs that are not those of the first row. */
static double check_round_trip(const char *text, const char *over,
                               const char *round, const char *path,
                               uint64_t seed)
{
    char *full = with_modes(text, over, round);
    struct loom_model *m = unit_chain(full), *back;
    struct loom_rng g = loom_rng_init(seed, 7);
    struct loom_errmsg why = {""};
    json_t *info = NULL;
    draw(m, &g);
    assert_ok(loom_export_qonnx(m, path, e));
    back = loom_import_qonnx(path, &info, &why);
    if (!back)
        fail_msg("%s", why.text);
    size_t n = m->layer[m->output].n, n_y = ROWS * n;
    assert_int_equal(back->n_in, m->n_in);
    assert_int_equal(back->layer[back->output].n, n);
    float *x = loom_calloc(ROWS * m->n_in, sizeof(*x));
    float *y = loom_calloc(n_y, sizeof(*y)), *z = loom_calloc(n_y, sizeof(*z));
    for (size_t j = 0; j < ROWS * m->n_in; j++)
        x[j] = (float)(loom_rng_normal(&g) * exp2(unit_between(&g, -2, 4)));
    assert_ok(loom_model_predict(m, x, ROWS, y, e));
    assert_ok(loom_model_predict(back, x, ROWS, z, e));
    size_t distinct = 0;
    for (size_t j = 0; j < n_y; j++) {
        if (y[j] != z[j])
            fail_msg("%s %s: output %zu is %g, was %g", over, round, j,
                     (double)z[j], (double)y[j]);
        distinct += y[j] != y[j % n];
    }
    loom_model_prepare(m, LOOM_MODE_EVAL);
    loom_model_prepare(back, LOOM_MODE_EVAL);
    double want = loom_model_ebops(m, 0.0f, NULL),
           got = loom_model_ebops(back, 0.0f, NULL);
    /* With SAT the sign of what has no other bits counts; it is not written. */
    if (want != got && strcmp(over, "SAT"))
        fail_msg("%s %s: %g EBOPs, not %g", over, round, got, want);
    loom_model_destroy(m);
    loom_model_destroy(back);
    json_decref(info);
    free(full);
    free(x);
    free(y);
    free(z);
    return (double)distinct / (double)n_y;
}

static void test_round_trip(void **state)
{
    (void)state;
    double distinct = 0;
    static const char *const rounds[] = {"RND", "TRN", "RND_CONV", "TRN_ZERO"};
    char *dir = test_folder(), *path = test_path(dir, "m.onnx");
    for (int o = 0; o < LOOM_N_OVERFLOWS; o++)
        for (int r = 0; r < 4; r++)
            for (uint64_t seed = 1; seed <= 4; seed++) {
                const char *over = loom_overflow_word((enum loom_overflow)o);
                distinct +=
                    check_round_trip(images, over, rounds[r], path, seed);
                distinct += check_round_trip(rows, over, rounds[r], path, seed);
            }
    print_message("%.0f %% of all outputs are not always the same\n",
                  100 * distinct / (LOOM_N_OVERFLOWS * 4 * 4 * 2));
    assert_true(distinct > 0.25 * LOOM_N_OVERFLOWS * 4 * 4 * 2);
    test_folder_remove(dir);
    free(path);
}

static void test_not_written(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "m.onnx");
    struct loom_model *m =
        unit_chain("[['input','x',{'n':3}],['quantize','q'],"
                   "['function','t',{'name':'tanh'}],['quantize','o']]");
    assert_fails(loom_export_qonnx(m, path, e), LOOM_ERR_ARG,
                 "t: a layer of kind function");
    loom_model_destroy(m);
    m = unit_chain("[['input','x',{'n':3}],['quantize','q',{'round':"
                   "'RND_INF'}],['dense','d',{'units':2}]]");
    assert_fails(loom_export_qonnx(m, path, e), LOOM_ERR_ARG,
                 "q: rounding RND_INF");
    assert_int_not_equal(access(path, F_OK), 0);
    loom_model_destroy(m);
    test_folder_remove(dir);
    free(path);
}

/* One that is written, with the first bytes `from` as `to`, of one length. */
static void check_damaged(const uint8_t *bytes, size_t n, const char *path,
                          const char *from, const char *to, const char *what)
{
    uint8_t *copy = loom_malloc(n);
    struct loom_errmsg why = {""};
    json_t *info = NULL;
    size_t k = 0, length = strlen(from);
    memcpy(copy, bytes, n);
    while (k + length <= n && memcmp(copy + k, from, length))
        k++;
    assert_true(k + length <= n);
    memcpy(copy + k, to, length);
    assert_ok(loom_file_write(path, copy, n, e));
    struct loom_model *m = loom_import_qonnx(path, &info, &why);
    if (m || !strstr(why.text, what) || !strstr(why.text, path))
        fail_msg("%s: \"%s\", not \"%s\"", to, m ? "imported" : why.text, what);
    free(copy);
}

static void test_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *what;
    } cases[] = {
        {"Relu", "Relv", "(Relv), operator: it is not known here"},
        {"rounding_mode", "rounding_mood", "(Quant), rounding_mood: it is not"},
        {"FLOOR", "FLUUR", "rounding_mode: FLUUR"},
        {"kernel_shape", "kernel_shade", "kernel_shade: it is not known"},
        {"narrow", "narrog", "narrog: it is not known"},
        {"c/kernel/scale", "c/kernel/scald", "is no constant of float32"},
        {"MatMul", "MatMil", "(MatMil), operator"},
        {"d/iq/half", "d/iq/hale", "input"},
    };
    char *dir = test_folder(), *path = test_path(dir, "m.onnx");
    char *full = with_modes(images, "WRAP", "RND");
    struct loom_model *m = unit_chain(full);
    struct loom_errmsg why = {""};
    void *bytes = NULL;
    json_t *info = NULL;
    size_t n = 0;
    assert_ok(loom_export_qonnx(m, path, e));
    assert_ok(loom_file_read(path, 1 << 24, &bytes, &n, e));
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++)
        check_damaged(bytes, n, path, cases[k].from, cases[k].to,
                      cases[k].what);
    for (size_t cut = 0; cut < n; cut += n / 50 + 1) {
        assert_ok(loom_file_write(path, bytes, cut, e));
        assert_null(loom_import_qonnx(path, &info, &why));
        assert_non_null(strstr(why.text, path));
    }
    assert_null(loom_import_qonnx("/nowhere/m.onnx", &info, &why));
    assert_non_null(strstr(why.text, "/nowhere/m.onnx"));
    loom_model_destroy(m);
    free(bytes);
    free(full);
    test_folder_remove(dir);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_not_written),
                                       cmocka_unit_test(test_not_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
