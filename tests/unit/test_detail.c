/* One layer looked at closely, and how its bits went on: what the screen is
 * told is what the model holds, whatever is asked for. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/layer.h"
#include "engine/layer_detail.h"
#include "engine/trainer.h"

static const char net[] =
    "[['input','x',{'n':6}],"
    "['quantize','a/iq',{'f0':4}],"
    "['dense','a',{'units':12,'kernel':{'b0':4,'i0':0}}],"
    "['relu','a/relu',{}],"
    "['quantize','b/iq',{'f0':4}],"
    "['dense','b',{'units':3,'kernel':{'b0':3,'per':'tensor'}}]]";

static struct loom_layer_detail d;

static struct loom_trainer *trained(struct loom_dataset *data, int steps)
{
    struct loom_errmsg why = {""};
    struct loom_trainer_conf c = {
        .aim = {.goal = {{.loss = LOOM_CROSS_ENTROPY}}},
        .batch = 100,
        .epochs = 1000,
        .seed = 5,
        .threads = 1,
        .lr = loom_schedule_constant(3e-3),
        .beta = loom_schedule_constant(1e-4),
        .autosave_s = 1e9};
    struct loom_trainer *t = loom_trainer_new(unit_chain(net), data, &c, &why);
    if (!t)
        fail_msg("%s", why.text);
    for (int k = 0; k < steps; k++)
        assert_ok(loom_trainer_step(t, e));
    return t;
}

static const struct loom_layer_watch all = {
    .name = "a", .rows = 99, .cols = 99, .high = 1, .wide = 1};

static void test_now(void **state)
{
    (void)state;
    struct loom_dataset *data = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer *t = trained(data, 40);
    struct loom_model *m = loom_trainer_model(t);
    struct loom_layer *l = &m->layer[loom_model_find(m, "a")];
    struct loom_layer_weights w = l->ops->weights(m, l);
    const float *value = w.value;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_layer_look(m, NULL, 7, &all, NULL, &d);
    assert_string_equal(d.name, "a");
    assert_true(d.rows == 6 && d.cols == 12 && d.n_rows == 6 && d.n_cols == 12);
    assert_true(d.epoch == 7 && d.map < 0 && d.symmetric);
    double sum = 0;
    int pruned = 0, counted = 0;
    for (int j = 0; j < 72; j++) {
        const struct loom_weight_cell *c = &d.cell[j];
        assert_true(c->value == value[j]);
        assert_true(c->value - c->error == w.quantized[j]);
        assert_true(c->gradient == w.gradient[j]);
        assert_true(c->bits == loom_weight_bits(&w, (size_t)j));
        sum += (double)c->bits;
        pruned += c->bits == 0.0f;
    }
    for (int b = 0; b < LOOM_DETAIL_BINS; b++)
        counted += d.histogram[b];
    assert_int_equal(counted, 72);
    assert_true(fabs((double)d.mean_bits - sum / 72) < 1e-5);
    assert_int_equal(d.pruned, pruned);
    assert_true(d.in.n == 6 && d.out.n == 12);
    assert_true(d.in_f[0] == w.in->rf[0]);
    assert_true(d.ebops > 0 && d.share > 0 && d.share < 1);
    loom_trainer_destroy(t);
    loom_dataset_destroy(data);
}

static void kill_weight(struct loom_model *m, size_t row, size_t col)
{
    m->theta[loom_model_param(m, "a/kernel")->at + row * 12 + col] = 0.0f;
}

static void test_dead(void **state)
{
    (void)state;
    struct loom_dataset *data = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer *t = trained(data, 0);
    struct loom_model *m = loom_trainer_model(t);
    for (size_t c = 0; c < 12; c++)
        kill_weight(m, 4, c);
    for (size_t r = 0; r < 6; r++)
        kill_weight(m, r, 9);
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_layer_look(m, NULL, 0, &all, NULL, &d);
    assert_true(d.n_dead_rows == 1 && d.dead_row[0] == 4);
    assert_true(d.n_dead_cols >= 1);
    assert_true(d.row_bits[4] == 0.0f && d.row_bits[3] > 0.0f);
    loom_trainer_destroy(t);
    loom_dataset_destroy(data);
}

/* Cells of several weights are their means, ragged ones too. */
static void test_means(void **state)
{
    (void)state;
    struct loom_model *m = unit_chain(net);
    struct loom_layer *l = &m->layer[loom_model_find(m, "a")];
    struct loom_layer_watch w = all;
    w.high = 4;
    w.wide = 5;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    struct loom_layer_weights k = l->ops->weights(m, l);
    loom_layer_look(m, NULL, 0, &w, NULL, &d);
    assert_true(d.n_rows == 2 && d.n_cols == 3);
    for (size_t y = 0; y < 2; y++)
        for (size_t x = 0; x < 3; x++) {
            float bits = 0, value = 0;
            int n = 0;
            for (size_t r = y * 4; r < 6 && r < y * 4 + 4; r++)
                for (size_t c = x * 5; c < 12 && c < x * 5 + 5; c++, n++) {
                    bits += loom_weight_bits(&k, r * 12 + c);
                    value += fabsf(k.value[r * 12 + c]);
                }
            const struct loom_weight_cell *c = &d.cell[y * 3 + x];
            assert_true(fabsf(c->bits - bits / (float)n) < 1e-5f);
            assert_true(fabsf(c->value - value / (float)n) < 1e-6f);
        }
    loom_model_destroy(m);
}

/* A convolution by channel: the kernel of channel c in filter f, place by
 * place; and the inputs as an image, with what flows through them. */
static void test_channels(void **state)
{
    (void)state;
    struct loom_model *m = unit_chain(
        "[['input','x',{'shape':[4,5,2]}],['quantize','a/iq',{'f0':6}],"
        "['conv2d','a',{'filters':3,'size':[2,3],'kernel':{'b0':4}}]]");
    struct loom_errmsg e;
    struct loom_scratch s;
    struct loom_sums sums;
    struct loom_layer_watch w = all;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    const float *kernel = m->theta + loom_model_param(m, "a/kernel")->at;
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 3; x++) /* filter 1 reads nothing of channel 1 */
            m->theta[loom_model_param(m, "a/kernel")->at +
                     (size_t)(((y * 3 + x) * 2 + 1) * 3 + 1)] = 0.0f;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_layer_look(m, NULL, 0, &w, NULL, &d);
    assert_true(d.rows == 4 && d.cols == 9 && d.n_rows == 4 && d.n_cols == 9);
    assert_true(d.kernel_high == 2 && d.kernel_wide == 3 && d.weights == 36);
    assert_true(!d.n_dead_rows && !d.n_dead_cols);
    for (int c = 0; c < 2; c++)
        for (int f = 0; f < 3; f++)
            for (int y = 0; y < 2; y++)
                for (int x = 0; x < 3; x++)
                    assert_true(d.cell[(c * 2 + y) * 9 + f * 3 + x].value ==
                                kernel[((y * 3 + x) * 2 + c) * 3 + f]);
    float row[40];
    for (int j = 0; j < 40; j++)
        row[j] = (float)(j - 20) / 64.0f;
    assert_int_equal(loom_scratch_init(&s, m, &e), 0);
    assert_int_equal(loom_sums_init(&sums, m, &e), 0);
    loom_scratch_put(&s, m, 0, row);
    loom_model_forward(m, &s, 1, &sums);
    w.inputs = true;
    loom_layer_look(m, NULL, 0, &w, &s, &d);
    assert_true(d.inputs && d.rows == 4 && d.cols == 10 && d.weights == 40);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 5; x++)
            for (int c = 0; c < 2; c++)
                assert_true(d.cell[y * 10 + c * 5 + x].value ==
                            row[(y * 5 + x) * 2 + c]);
    loom_layer_look(m, NULL, 0, &w, NULL, &d);
    assert_true(isnan(d.cell[0].value) && d.cell[0].bits > 0.0f);
    loom_sums_deinit(&sums);
    loom_scratch_deinit(&s);
    loom_model_destroy(m);
}

/* A list of inputs is wrapped; the places behind its end are empty. */
static void test_list(void **state)
{
    (void)state;
    struct loom_model *m = unit_chain(
        "[['input','x',{'n':70}],['quantize','a/iq',{'f0':3}],"
        "['dense','a',{'units':2,'kernel':{'b0':4}}]]");
    struct loom_layer_watch w = all;
    w.inputs = true;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_layer_look(m, NULL, 0, &w, NULL, &d);
    assert_true(d.rows == 3 && d.cols == 32 && d.weights == 70);
    assert_true(d.cell[2 * 32 + 5].bits > 0.0f && isnan(d.cell[70].bits));
    w.high = w.wide = 7;
    loom_layer_look(m, NULL, 0, &w, NULL, &d);
    assert_true(d.n_rows == 1 && isnan(d.cell[0].value));
    assert_true(d.cell[0].bits == d.mean_bits);
    loom_model_destroy(m);
}

/* Whatever is asked for, the window lies in the layer and in the buffer. */
static void test_rubbish(void **state)
{
    (void)state;
    static const int odd[] = {-2147483647, -1,  0,      1,         5,
                              6,           127, 100000, 2147483647};
    enum { ODD = sizeof(odd) / sizeof(*odd) };
    struct loom_model *m = unit_chain(net);
    struct loom_rng r = loom_rng_init(1, 2);
    loom_model_prepare(m, LOOM_MODE_EVAL);
    for (int k = 0; k < 3000; k++) {
        struct loom_layer_watch w = {.name = "a"};
        int *field[] = {&w.row,  &w.col,  &w.rows, &w.cols,
                        &w.high, &w.wide, &w.epoch};
        for (int f = 0; f < 7; f++)
            *field[f] = odd[unit_between(&r, 0, ODD - 1)];
        w.inputs = k % 2;
        loom_layer_look(m, NULL, 0, &w, NULL, &d);
        assert_int_equal(d.rows, w.inputs ? 1 : 6);
        assert_int_equal(d.cols, w.inputs ? 6 : 12);
        assert_true(d.row >= 0 && d.row < d.rows);
        assert_true(d.col >= 0 && d.col < d.cols);
        assert_true(d.n_rows >= 1 && d.row + (d.n_rows - 1) * d.high < d.rows);
        assert_true(d.n_cols >= 1 && d.col + (d.n_cols - 1) * d.wide < d.cols);
    }
    static const char *const names[] = {"", "x", "a/iq", "nonsense", "aa"};
    for (int k = 0; k < 5; k++) {
        struct loom_layer_watch w = all;
        strcpy(w.name, names[k]);
        loom_layer_look(m, NULL, 0, &w, NULL, &d);
        assert_string_equal(d.name, "");
    }
    loom_model_destroy(m);
}

/* The series is bounded, evenly spaced, and holds what was there. */
static void test_history(void **state)
{
    (void)state;
    struct loom_model *m = unit_chain(net);
    struct loom_errmsg e;
    struct loom_bit_history *h = loom_bit_history_new(m, &e);
    int at = loom_model_find(m, "b");
    struct loom_param *b = loom_model_param(m, "b/kq/b");
    assert_non_null(b);
    for (int epoch = 1; epoch <= 1000; epoch++) {
        m->theta[b->at] = (float)(8 - epoch / 200);
        loom_model_prepare(m, LOOM_MODE_TRAIN);
        loom_bit_history_add(h, epoch);
        int n = loom_bit_history_size(h);
        assert_true(n >= 1 && n <= LOOM_BIT_MAPS);
        assert_true(epoch < 64 || n > LOOM_BIT_MAPS / 2 - 1);
    }
    int n = loom_bit_history_size(h);
    for (int k = 0; k < n; k++) {
        struct loom_bit_point p = loom_bit_history_point(h, at, k);
        assert_int_equal(p.epoch, 1 + k * 16);
        assert_true(p.p90 == (float)(8 - p.epoch / 200));
        float bits = loom_bit_history_bits(h, at, k, 0, 0);
        assert_true(bits == 0.0f || bits == p.p90);
    }
    struct loom_layer_watch w = all;
    strcpy(w.name, "b");
    w.epoch = 500;
    loom_layer_look(m, h, 1000, &w, NULL, &d);
    assert_true(d.map == 31 && d.epoch == 497 && d.n_points == n);
    assert_true(isnan(d.cell[0].value) && !isnan(d.cell[0].bits));
    w.epoch = -3;
    loom_layer_look(m, h, 1000, &w, NULL, &d);
    assert_true(d.map < 0 && d.epoch == 1000);
    loom_bit_history_add(h, 12); /* gone back */
    assert_int_equal(loom_bit_history_size(h), 1);
    loom_bit_history_destroy(h);
    loom_model_destroy(m);
}

/* A layer of more weights than a map has cells. */
static void test_large(void **state)
{
    (void)state;
    struct loom_model *m =
        unit_chain("[['input','x',{'n':301}],['quantize','a/iq',{}],"
                   "['dense','a',{'units':203,'kernel':{'b0':5}}]]");
    struct loom_errmsg e;
    struct loom_bit_history *h = loom_bit_history_new(m, &e);
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_bit_history_add(h, 1);
    struct loom_bit_point p = loom_bit_history_point(h, 2, 0);
    struct loom_layer_watch w = all;
    w.epoch = 1;
    w.rows = w.cols = 512;
    loom_layer_look(m, h, 1, &w, NULL, &d);
    assert_true(d.n_rows * d.n_cols <= LOOM_DETAIL_CELLS && d.n_cols == 203);
    assert_true(fabsf(d.mean_bits - p.mean) < 0.2f);
    assert_true(loom_bit_history_bits(h, 2, 0, 300, 202) > 0.0f);
    loom_bit_history_destroy(h);
    loom_model_destroy(m);
}

static void test_quantile(void **state)
{
    (void)state;
    const int counts[] = {5, 3, 1, 1};
    assert_true(loom_bit_quantile(counts, 4, 0.5) == 0.0f);
    assert_true(loom_bit_quantile(counts, 4, 0.51) == 1.0f);
    assert_true(loom_bit_quantile(counts, 4, 0.9) == 2.0f);
    assert_true(loom_bit_quantile(counts, 4, 1.0) == 3.0f);
    assert_true(loom_bit_quantile(counts, 0, 0.9) == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now),     cmocka_unit_test(test_dead),
        cmocka_unit_test(test_means),   cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_history), cmocka_unit_test(test_large),
        cmocka_unit_test(test_quantile), cmocka_unit_test(test_channels),
        cmocka_unit_test(test_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
