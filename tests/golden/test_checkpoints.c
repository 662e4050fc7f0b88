/* Published networks, imported, against HGQ2's own numbers: bits, quantized
 * weights, every layer's output, outputs and EBOPs, as they are in the file
 * and calibrated anew. All sets NAME.npz in LOOM_GOLDEN/checkpoints are
 * checked; the network NAME.keras (or with an e before its last number) is
 * looked for beside it, in LOOM_GOLDEN/../data/hgq_checkpoints and in the
 * folders of LOOM_DATA. */
#include "tests/golden/golden.h"

#include <glob.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "engine/affine.h"
#include "engine/file.h"
#include "engine/import.h"
#include "engine/mem.h"
#include "engine/trainer.h"

/* ---- finding ----------------------------------------------------------- */

static char *look_in(const char *folder, const char *sub, const char *name)
{
    const char *number = strrchr(name, '_');
    for (int e = 0; e < 2; e++) {
        char *path = e && number
                         ? loom_asprintf("%s%s/%.*s_e%s.keras", folder, sub,
                                         (int)(number - name), name, number + 1)
                         : loom_asprintf("%s%s/%s.keras", folder, sub, name);
        if (!access(path, R_OK))
            return path;
        free(path);
    }
    return NULL;
}

static char *find_model(const char *name)
{
    char *folder = golden_folder();
    char *path = look_in(folder, "/checkpoints", name);
    if (!path)
        path = look_in(folder, "/../data/hgq_checkpoints", name);
    free(folder);
    char *list = loom_strdup(getenv("LOOM_DATA") ? getenv("LOOM_DATA") : "");
    for (char *save, *f = strtok_r(list, ":", &save); f && !path;
         f = strtok_r(NULL, ":", &save)) {
        path = look_in(f, "", name);
        if (!path)
            path = look_in(f, "/hgq_checkpoints", name);
    }
    free(list);
    return path;
}

/* ---- comparing --------------------------------------------------------- */

/* All inputs side by side, [rows][n_in]; the caller frees. */
static float *read_rows(const struct loom_model *m, struct golden *g,
                        size_t *rows)
{
    float *x = NULL;
    size_t at = 0;
    for (int i = 0; i < m->n_inputs; i++) {
        const struct loom_layer *l = &m->layer[m->input[i]];
        bool one = m->n_inputs == 1;
        size_t n;
        const float *v = golden_get(g, &n, "x%s", one ? "" : l->name);
        *rows = n / l->n;
        if (!x)
            x = loom_calloc(*rows * m->n_in, sizeof(*x));
        for (size_t r = 0; r < *rows; r++)
            memcpy(x + r * m->n_in + at, v + r * l->n, l->n * sizeof(*x));
        at += l->n;
    }
    return x;
}

/* Parameter `word` of quantizer q, rounded; zeros where there is none. */
static void rounded(const struct loom_model *m, const char *q, const char *word,
                    size_t n, float *out)
{
    char name[96];
    snprintf(name, sizeof(name), "%s/%s", q, word);
    const struct loom_param *p =
        loom_model_param((struct loom_model *)(uintptr_t)m, name);
    for (size_t j = 0; j < n; j++)
        out[j] = p ? rintf(m->theta[p->at + j]) : 0.0f;
}

static void check_bits(const struct loom_model *m, struct golden *g,
                       const char *prefix)
{
    int checked = 0;
    for (int p = 0; p < m->n_params; p++) {
        const char *end = strrchr(m->param[p].name, '/');
        char q[72], what[128];
        size_t n;
        if (strcmp(end, "/k"))
            continue;
        snprintf(q, sizeof(q), "%.*s", (int)(end - m->param[p].name),
                 m->param[p].name);
        float v[4][1 << 14];
        const float *k = golden_get(g, &n, "%s%s/k", prefix, q);
        assert_int_equal(n, m->param[p].n);
        assert_true(n <= 1 << 14);
        rounded(m, q, "k", n, v[0]);
        rounded(m, q, "i", n, v[1]);
        rounded(m, q, "f", n, v[2]);
        rounded(m, q, "b", n, v[3]);
        char name[96];
        snprintf(name, sizeof(name), "%s/b", q);
        bool kbi = loom_model_param((struct loom_model *)(uintptr_t)m, name);
        for (size_t j = 0; kbi && j < n; j++)
            v[2][j] = v[3][j] - v[1][j];
        snprintf(what, sizeof(what), "%s%s", prefix, q);
        golden_exact(what, v[0], k, n);
        golden_exact(what, v[1], golden_get(g, NULL, "%s%s/i", prefix, q), n);
        golden_exact(what, v[2], golden_get(g, NULL, "%s%s/f", prefix, q), n);
        checked++;
    }
    assert_true(checked > 0);
}

static void check_weights(const struct loom_model *m, struct golden *g,
                          const char *prefix)
{
    for (int k = 0; k < m->n_layers; k++) {
        const struct loom_layer *l = &m->layer[k];
        if (!golden_has(g, "%s%s/qkernel", prefix, l->name))
            continue;
        const struct loom_affine *a = l->state;
        golden_exact(l->name, a->kernel.qv,
                     golden_get(g, NULL, "%s%s/qkernel", prefix, l->name),
                     a->kernel.q.n);
        if (a->has_bias)
            golden_exact(l->name, a->bias.qv,
                         golden_get(g, NULL, "%s%s/qbias", prefix, l->name),
                         a->units);
    }
}

/* A layer's output there is that of its activation here. */
static int output_of(const struct loom_model *m, const char *name)
{
    char relu[64];
    snprintf(relu, sizeof(relu), "%s/relu", name);
    int at = loom_model_find(m, relu);
    return at < 0 ? loom_model_find(m, name) : at;
}

static void check_layers(struct loom_model *m, struct golden *g,
                         const char *prefix, const float *x)
{
    struct loom_scratch s;
    struct loom_errmsg e;
    const size_t rows = 40;
    assert_int_equal(loom_scratch_init(&s, m, &e), 0);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    for (size_t r = 0; r < rows; r++)
        loom_scratch_put(&s, m, r, x + r * m->n_in);
    loom_model_forward(m, &s, rows, NULL);
    for (int k = 0; k < m->n_layers; k++) {
        const char *name = m->layer[k].name;
        if (!golden_has(g, "%sact64/%s", prefix, name))
            continue;
        int at = output_of(m, name);
        const struct loom_layer *l = &m->layer[at];
        const float *want = golden_get(g, NULL, "%sact64/%s", prefix, name);
        for (size_t r = 0; r < rows; r++)
            golden_exact(name, s.out[at] + r * l->ld, want + r * l->n, l->n);
    }
    loom_scratch_deinit(&s);
}

static void check_ebops(struct loom_model *m, struct golden *g, bool traced)
{
    double whole, exact = 0;
    for (int k = 0; k < m->n_layers; k++) {
        struct loom_layer *l = &m->layer[k];
        if (!l->ops->ebops)
            continue;
        float v = (float)l->ops->ebops(m, l, 0.0f);
        exact += (double)v;
        if (traced)
            v = floorf(v);
        golden_exact(
            l->name, &v,
            traced ? golden_get(g, NULL, "traced/%s/ebops_traced", l->name)
                   : golden_get(g, NULL, "%s/ebops_formula", l->name),
            1);
    }
    loom_model_ebops(m, 0.0f, &whole);
    float total = (float)(traced ? whole : exact);
    golden_exact("EBOPs", &total,
                 golden_get(g, NULL,
                            traced ? "traced/ebops_total_traced"
                                   : "ebops_total_formula"),
                 1);
    print_message("  EBOPs %g\n", (double)total);
}

/* Float, integers and HGQ2 give the same outputs. */
static void check_outputs(struct loom_model *m, struct golden *g,
                          const char *prefix, const float *x, size_t rows)
{
    struct loom_errmsg e = {""};
    size_t n = m->layer[m->output].n * rows;
    float *z = loom_calloc(2 * n, sizeof(*z));
    const float *want = golden_get(g, NULL, "%sy", prefix);
    if (loom_model_predict(m, x, rows, z, &e) < 0)
        fail_msg("%s", e.text);
    golden_exact("y", z, want, n);
    struct loom_exact *net = loom_model_freeze(m, &e);
    if (!net)
        fail_msg("%s", e.text);
    int64_t *q = loom_calloc(rows * net->in_size, sizeof(*q));
    int64_t *y = loom_calloc(n, sizeof(*y));
    if (loom_exact_quantize(net, x, rows, q, &e) < 0)
        fail_msg("%s", e.text);
    loom_exact_run(net, q, rows, y);
    loom_exact_to_float(net, y, rows, z + n);
    golden_exact("integers", z + n, want, n);
    print_message("  0 of %zu outputs differ\n", n);
    loom_exact_destroy(net);
    free(q);
    free(y);
    free(z);
}

static void check(const char *file, const char *name)
{
    char *path = find_model(name);
    if (!path) {
        print_message("%s.keras: not at hand\n", name);
        return;
    }
    struct golden *g = golden_open(file);
    struct loom_errmsg e = {""};
    json_t *info = NULL;
    struct loom_model *m = loom_import_keras(path, &info, &e);
    print_message("%s\n", path);
    if (!m)
        fail_msg("%s", e.text);
    size_t rows = 0;
    float *x = read_rows(m, g, &rows);
    for (int traced = 0; traced < 2; traced++) {
        const char *prefix = traced ? "traced/" : "";
        if (traced)
            assert_int_equal(loom_model_calibrate(m, x, rows, &e), 0);
        loom_model_prepare(m, LOOM_MODE_EVAL);
        check_bits(m, g, prefix);
        check_weights(m, g, prefix);
        check_ebops(m, g, traced);
        check_layers(m, g, prefix, x);
        check_outputs(m, g, prefix, x, rows);
    }
    free(x);
    free(path);
    json_decref(info);
    loom_model_destroy(m);
    golden_close(g);
}

static void test_checkpoints(void **state)
{
    (void)state;
    char *folder = golden_folder();
    char *pattern = loom_asprintf("%s/checkpoints/*.npz", folder);
    glob_t found = {0};
    int none = glob(pattern, 0, NULL, &found);
    for (size_t k = 0; !none && k < found.gl_pathc; k++) {
        char *name = loom_strdup(strrchr(found.gl_pathv[k], '/') + 1);
        char *file = loom_asprintf("checkpoints/%s", name);
        *strrchr(name, '.') = 0;
        check(file, name);
        free(file);
        free(name);
    }
    globfree(&found);
    free(pattern);
    free(folder);
    if (none) {
        print_message("no checkpoints there\n");
        skip();
    }
}

/* ---- what must be refused ---------------------------------------------- */

/* Write a copy of a .keras file to `to`, the first `from` in its config
 * replaced by `with`. */
static void edit_config(const char *path, const char *to, const char *from,
                        const char *with)
{
    int code;
    zip_stat_t st;
    zip_t *in = zip_open(path, ZIP_RDONLY, &code);
    zip_t *out = zip_open(to, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_true(in && out);
    for (zip_uint64_t k = 0; k < (zip_uint64_t)zip_get_num_entries(in, 0);
         k++) {
        assert_int_equal(zip_stat_index(in, k, 0, &st), 0);
        char *data = loom_calloc(st.size + 1, 1);
        zip_file_t *f = zip_fopen_index(in, k, 0);
        assert_int_equal(zip_fread(f, data, st.size), st.size);
        zip_fclose(f);
        size_t n = st.size;
        if (!strcmp(st.name, "config.json")) {
            const char *at = strstr(data, from);
            if (!at)
                fail_msg("%s is not in the config", from);
            char *text = loom_asprintf("%.*s%s%s", (int)(at - data), data, with,
                                       at + strlen(from));
            free(data);
            data = text;
            n = strlen(text);
        }
        zip_source_t *source = zip_source_buffer(out, data, n, 1);
        assert_true(zip_file_add(out, st.name, source, 0) >= 0);
    }
    assert_int_equal(zip_close(out), 0);
    zip_discard(in);
}

/* Every one a sentence that names layer and field. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *with, *word[3];
    } cases[] = {
        {"\"QDense\"", "\"QDance\"", {"out", "QDance", "not known"}},
        {"\"units\": 10", "\"units\": \"a\"", {"out", "QDense", "units"}},
        {"\"bc,cC->bC\"", "\"bc,Cc->bC\"", {"t1", "equation", "bc,Cc->bC"}},
        {"\"bias_axes\": \"C\"", "\"bias_axes\": \"b\"", {"t1", "bias_axes"}},
        {"\"relu\"", "\"gelu\"", {"t1", "activation", "gelu"}},
        {"\"kif\"", "\"float\"", {"t1", "iq_conf", "q_type"}},
        {"\"scaler\": null", "\"scaler\": 3", {"t1", "iq_conf", "scaler"}},
        {"\"WRAP\"", "\"WARP\"", {"t1", "WARP"}},
        {"\"RND\"", "\"RAND\"", {"t1", "RAND"}},
        {"\"MinMax\"", "\"MinMix\"", {"t1", "iq_conf", "ic"}},
        {"\"homogeneous_axis\": [0]",
         "\"homogeneous_axis\": []",
         {"t1", "iq_conf", "rows"}},
        {"\"output_shape\": [64]",
         "\"output_shape\": [63]",
         {"t1/kq", "1024", "1008"}},
        {"\"keras_history\": [\"t1\"",
         "\"keras_history\": [\"t9\"",
         {"t2", "inbound_nodes"}},
        {"[\"out\", 0, 0]", "[\"tuo\", 0, 0]", {"output_layers"}},
        {"\"Functional\"", "\"Subclass\"", {"Subclass"}},
        {"{", "[", {"config.json"}},
    };
    char *path = find_model("jsc_openml_530"), to[] = "/tmp/refusedXXXXXX";
    if (!path)
        skip();
    close(mkstemp(to));
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_errmsg e = {""};
        json_t *info;
        edit_config(path, to, cases[k].from, cases[k].with);
        if (loom_import_keras(to, &info, &e))
            fail_msg("%s: imported", cases[k].with);
        for (int w = 0; w < 3 && cases[k].word[w]; w++)
            if (!strstr(e.text, cases[k].word[w]))
                fail_msg("%s: \"%s\" lacks %s", cases[k].with, e.text,
                         cases[k].word[w]);
    }
    /* Cut short anywhere. */
    void *data;
    size_t n;
    struct loom_errmsg e = {""};
    json_t *info;
    assert_int_equal(loom_file_read(path, 1 << 26, &data, &n, &e), 0);
    for (size_t cut = 0; cut < n; cut += n / 50) {
        assert_int_equal(loom_file_write(to, data, cut, &e), 0);
        assert_null(loom_import_keras(to, &info, &e));
        assert_non_null(strstr(e.text, to));
    }
    unlink(to);
    free(data);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_checkpoints),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
