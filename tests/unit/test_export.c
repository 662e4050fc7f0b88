/* What is exported says the same as the network itself. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/export.h"
#include "engine/npy.h"

static const char chain[] =
    "[['input','x',{'shape':[3]}],['quantize','d/iq',{'i0':3,'f0':3,"
    "'overflow':'SAT'}],['dense','d',{'units':4,'kernel':{'b0':4}}],"
    "['relu','r'],['quantize','e/iq',{'i0':3,'f0':2,'overflow':'SAT'}],"
    "['dense','e',{'units':2,'bias':false}]]";

static struct loom_npz *npz;

static float *take(const char *name, size_t n)
{
    struct loom_array a;
    assert_ok(loom_npz_read(npz, name, &a, e));
    assert_int_equal(a.n, n);
    float *v = loom_array_to_f32(&a);
    loom_array_deinit(&a);
    return v;
}

/* y = q(x) of the formats that the archive has under the name. */
static void quantize(const char *name, size_t n, const float *x, float *y)
{
    static const char *const words[] = {"/k", "/i", "/f"};
    float *b[3];
    for (int w = 0; w < 3; w++) {
        char *full = loom_asprintf("%s%s", name, words[w]);
        b[w] = take(full, n);
        free(full);
    }
    for (size_t j = 0; j < n; j++) {
        float step = exp2f(-b[2][j]), top = exp2f(b[1][j]);
        float v = floorf(x[j] / step + 0.5f) * step;
        y[j] = fminf(fmaxf(v, -b[0][j] * top), top - step);
    }
    for (int w = 0; w < 3; w++)
        free(b[w]);
}

static void product(const char *name, size_t n_in, size_t n_out, bool bias,
                    const float *x, float *y)
{
    char *k = loom_asprintf("%s/kernel", name);
    char *b = loom_asprintf("%s/bias", name);
    char *f = loom_asprintf("%s/kernel_f", name);
    float *w = take(k, n_in * n_out), *c = bias ? take(b, n_out) : NULL;
    float *bits = take(f, n_in * n_out);
    for (size_t u = 0; u < n_out; u++) {
        y[u] = c ? c[u] : 0.0f;
        for (size_t j = 0; j < n_in; j++)
            y[u] += x[j] * w[j * n_out + u];
    }
    for (size_t j = 0; j < n_in * n_out; j++) {
        float v = w[j] * exp2f(bits[j]);
        assert_true(v == rintf(v)); /* on the grid that it names */
    }
    free(w);
    free(c);
    free(bits);
    free(k);
    free(b);
    free(f);
}

static void test_npz(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "m.npz");
    struct loom_model *m = unit_chain(chain);
    struct loom_rng g = loom_rng_init(3, 1);
    struct loom_scratch s;
    for (int k = 0; k < m->n_params; k++)
        for (size_t j = 0; !m->param[k].bits && j < m->param[k].n; j++)
            if (m->param[k].trained)
                m->theta[m->param[k].at + j] = (float)loom_rng_normal(&g);
    assert_ok(loom_export_npz(m, path, e));
    npz = loom_npz_open(path, NULL);
    assert_non_null(npz);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    assert_ok(loom_scratch_init(&s, m, e));
    for (int r = 0; r < 50; r++) {
        float x[3], q[3], h[4], p[4], y[2];
        for (int j = 0; j < 3; j++)
            x[j] = 3.0f * (float)loom_rng_normal(&g);
        loom_scratch_put(&s, m, 0, x);
        loom_model_forward(m, &s, 1, NULL);
        quantize("d/iq", 3, x, q);
        product("d", 3, 4, true, q, h);
        for (int j = 0; j < 4; j++)
            h[j] = fmaxf(h[j], 0.0f);
        quantize("e/iq", 4, h, p);
        product("e", 4, 2, false, p, y);
        for (int j = 0; j < 2; j++)
            assert_true(y[j] == s.out[m->output][j]);
    }
    loom_npz_close(npz);
    loom_scratch_deinit(&s);
    assert_fails(loom_export_npz(m, "/nowhere/m.npz", e), LOOM_ERR_MISSING,
                 "/nowhere");
    loom_model_destroy(m);
    test_folder_remove(dir);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_npz)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
