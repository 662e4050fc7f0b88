/* Networks of several outputs: trained together, judged one by one. */
#include <math.h>

#include "engine/trainer.h"
#include "tests/unit/unit.h"

/* Two ways from the input that have nothing in common. */
#define KIND                                                                   \
    "['quantize','a/iq',{'f0':4},'x'],"                                        \
    "['dense','a',{'units':8,'norm':true,'kernel':{'b0':4}}],"                 \
    "['relu','r',{}],['quantize','b/iq',{'f0':3}],"                            \
    "['dense','b',{'units':3,'kernel':{'b0':4}}]"
#define SIZE                                                                   \
    "['quantize','c/iq',{'f0':4},'x'],"                                        \
    "['dense','c',{'units':2,'kernel':{'b0':4,'round':'RND'}}]"
#define X "['input','x',{'n':6}],"

static const char both[] =
    "[" X KIND "," SIZE ",['outputs','o',{'names':['size','kind']},'c','b']]";

/* A class of three, and two targets (in halves), of the same inputs. */
static struct loom_dataset *data(void)
{
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    struct loom_dataset *t = loom_dataset_new("unit", 0, 2);
    snprintf(d->output, sizeof(d->output), "kind");
    snprintf(t->output, sizeof(t->output), "size");
    t->target_scale = 0.5f;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        size_t rows = d->part[p].rows;
        assert_ok(loom_dataset_alloc(t, (enum loom_part)p, rows, 0, e));
        for (size_t k = 0; k < rows * 2; k++)
            t->part[p].t[k] = 2 * d->part[p].x[k / 2 * 6 + k % 2] - 1;
    }
    d->next = t;
    return d;
}

/* The same rows for one of the outputs alone. */
static struct loom_dataset *alone(const struct loom_dataset *all,
                                  const char *output)
{
    const struct loom_dataset *of = loom_dataset_of(all, output);
    struct loom_dataset *d = loom_dataset_new("unit", 6, of->n_out);
    d->target_scale = of->target_scale;
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        const struct loom_rows *r = &of->part[p];
        assert_ok(
            loom_dataset_alloc(d, (enum loom_part)p, r->rows, r->y != NULL, e));
        memcpy(d->part[p].x, all->part[p].x, r->rows * 6 * sizeof(float));
        if (r->y)
            memcpy(d->part[p].y, r->y, r->rows * sizeof(int));
        else
            memcpy(d->part[p].t, r->t, r->rows * of->n_out * sizeof(float));
    }
    return d;
}

static struct loom_trainer_conf settings(void)
{
    return (struct loom_trainer_conf){
        .batch = 97,
        .epochs = 1000,
        .seed = 5,
        .threads = 2,
        .lr = loom_schedule_constant(1e-2),
        .beta = loom_schedule_constant(1e-6),
        .optimizer = {.kind = LOOM_SGD, .momentum = 0.5f},
        .autosave_s = 1e9,
    };
}

static struct loom_trainer_conf settings_of_both(void)
{
    struct loom_trainer_conf c = settings();
    c.aim = (struct loom_aim){
        .n = 2,
        .goal = {{.loss = LOOM_CROSS_ENTROPY, .output = "kind", .weight = 2},
                 {.loss = LOOM_HUBER, .output = "size", .huber_delta = 0.5}},
        .n_metrics = 3,
        .metric = {{1, LOOM_RMS}, {0, LOOM_AUC}, {0, LOOM_ACCURACY}}};
    return c;
}

static struct loom_trainer *trainer(const char *text,
                                    const struct loom_dataset *d,
                                    const struct loom_trainer_conf *c)
{
    struct loom_errmsg e = {""};
    struct loom_trainer *t = loom_trainer_new(unit_chain(text), d, c, &e);
    if (!t)
        fail_msg("%s", e.text);
    return t;
}

/* Parameters of the same names. */
static void copy_theta(const struct loom_model *from, struct loom_model *to)
{
    for (int k = 0; k < to->n_params; k++) {
        struct loom_param *p =
            loom_model_param((void *)(uintptr_t)from, to->param[k].name);
        memcpy(to->theta + to->param[k].at, from->theta + p->at,
               p->n * sizeof(float));
    }
}

static void same_theta(const struct loom_model *all, struct loom_model *one)
{
    float *was = loom_malloc(one->n_theta * sizeof(float));
    memcpy(was, one->theta, one->n_theta * sizeof(float));
    copy_theta(all, one);
    assert_memory_equal(one->theta, was, one->n_theta * sizeof(float));
    free(was);
}

/* Branches that share nothing train together as they do alone; a weight is a
 * learning rate of its own, but for the cost of bits. */
static void test_together(void **state)
{
    (void)state;
    struct loom_dataset *d = data();
    struct loom_dataset *kind = alone(d, "kind"), *size = alone(d, "size");
    struct loom_trainer_conf c = settings_of_both(), one = settings();
    c.aim.goal[0].weight = 1;
    struct loom_trainer *t = trainer(both, d, &c);
    struct loom_trainer *a = trainer("[" X KIND "]", kind, &one);
    one.aim.goal[0] =
        (struct loom_goal){.loss = LOOM_HUBER, .huber_delta = 0.5};
    struct loom_trainer *b = trainer("[" X SIZE "]", size, &one);
    copy_theta(loom_trainer_model(t), loom_trainer_model(a));
    copy_theta(loom_trainer_model(t), loom_trainer_model(b));
    for (int k = 0; k < 35; k++) {
        assert_ok(loom_trainer_step(t, e));
        assert_ok(loom_trainer_step(a, e));
        assert_ok(loom_trainer_step(b, e));
    }
    same_theta(loom_trainer_model(t), loom_trainer_model(a));
    same_theta(loom_trainer_model(t), loom_trainer_model(b));
    const struct loom_train_point *p = loom_trainer_ended(t);
    const struct loom_train_point *pa = loom_trainer_ended(a);
    const struct loom_train_point *pb = loom_trainer_ended(b);
    assert_true(p->val_metric == pb->val_metric);
    assert_true(p->more[1] == pa->val_metric && isnan(p->more[2]));
    assert_true(p->more[0] > 0.5f && p->more[0] <= 1);
    assert_true(fabsf(p->val_loss - pa->val_loss - pb->val_loss) < 1e-6f);
    assert_true(fabsf(p->loss - pa->loss - pb->loss) < 1e-5f);
    loom_trainer_destroy(t);
    loom_trainer_destroy(a);
    loom_trainer_destroy(b);
    loom_dataset_destroy(d);
    loom_dataset_destroy(kind);
    loom_dataset_destroy(size);
}

/* The weighted sum, and what a view and a checkpoint say. */
static void test_weights(void **state)
{
    (void)state;
    struct loom_dataset *d = data();
    struct loom_trainer_conf c = settings_of_both();
    struct loom_trainer *t = trainer(both, d, &c);
    struct loom_score all, one;
    assert_ok(loom_trainer_evaluate(t, LOOM_TEST, &all, e));
    loom_trainer_destroy(t);
    c.aim.goal[0].weight = 1;
    t = trainer(both, d, &c);
    assert_ok(loom_trainer_evaluate(t, LOOM_TEST, &one, e));
    assert_true(one.metric == all.metric && one.all[1] == all.all[1]);
    struct loom_train_view *v = loom_calloc(1, sizeof(*v));
    loom_trainer_look(t, v);
    assert_string_equal(v->metric, "size.rms");
    assert_true(v->lower_is_better && v->n_more == 2);
    assert_string_equal(v->more_metric[0], "kind.auc");
    loom_trainer_destroy(t);
    c.aim.goal[0].weight = 3;
    t = trainer(both, d, &c);
    struct loom_score three;
    assert_ok(loom_trainer_evaluate(t, LOOM_TEST, &three, e));
    /* 1, 2 and 3 times the one and once the other */
    assert_true(fabs(one.loss + three.loss - 2 * all.loss) < 1e-9);
    assert_true(three.loss > all.loss);
    loom_trainer_destroy(t);
    free(v);
    loom_dataset_destroy(d);
}

/* Weights of classes are for training alone. */
static void test_class_weight(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer_conf c = settings();
    struct loom_score plain, weighed;
    struct loom_trainer *t = trainer("[" X KIND "]", d, &c);
    assert_ok(loom_trainer_evaluate(t, LOOM_VAL, &plain, e));
    loom_trainer_destroy(t);
    assert_ok(loom_dataset_weigh(d, (float[]){0, 0, 9}, e));
    t = trainer("[" X KIND "]", d, &c);
    assert_ok(loom_trainer_evaluate(t, LOOM_VAL, &weighed, e));
    assert_true(plain.loss == weighed.loss && plain.metric == weighed.metric);
    for (int k = 0; k < 70; k++)
        assert_ok(loom_trainer_step(t, e));
    /* Only the last class counts: it is the only answer. */
    assert_ok(loom_trainer_evaluate(t, LOOM_VAL, &weighed, e));
    size_t last = 0;
    for (size_t k = 0; k < d->part[LOOM_VAL].rows; k++)
        last += d->part[LOOM_VAL].y[k] == 2;
    assert_true(fabs(weighed.metric -
                     (double)last / (double)d->part[LOOM_VAL].rows) < 1e-9);
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* An aim through JSON. */
static void test_aim(void **state)
{
    (void)state;
    struct loom_trainer_conf c = settings_of_both();
    json_t *info = json_object();
    char word[LOOM_METRIC_NAME];
    loom_aim_to_json(&c.aim, info);
    struct loom_aim a = loom_aim_from_json(info);
    assert_int_equal(a.n, 2);
    assert_int_equal(loom_aim_n_metrics(&a), 3);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(a.goal[k].loss, c.aim.goal[k].loss);
        assert_string_equal(a.goal[k].output, c.aim.goal[k].output);
        assert_true(loom_goal_weight(&a.goal[k]) ==
                    loom_goal_weight(&c.aim.goal[k]));
    }
    assert_true(a.goal[1].huber_delta == 0.5);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(a.metric[k].goal, c.aim.metric[k].goal);
        assert_int_equal(a.metric[k].metric, c.aim.metric[k].metric);
    }
    loom_aim_word(&a, 1, word);
    assert_string_equal(word, "kind.auc");
    json_decref(info);
    /* Rubbish is the standard. */
    info = unit_json("{'outputs':[1,{'output':3},{},{},{},{},{},{},{},{},{}],"
                     "'metrics':[1,'x','a.b','auc','.','rms.']}");
    a = loom_aim_from_json(info);
    assert_true(a.n == LOOM_MAX_TARGETS && a.n_metrics <= LOOM_MAX_METRICS);
    json_decref(info);
}

static void refuse(const char *text, const struct loom_dataset *d,
                   const struct loom_trainer_conf *c, const char *what)
{
    struct loom_errmsg e = {""};
    assert_null(loom_trainer_new(unit_chain(text), d, c, &e));
    if (!strstr(e.text, what))
        fail_msg("\"%s\" lacks \"%s\"", e.text, what);
}

static void test_refused(void **state)
{
    (void)state;
    struct loom_dataset *d = data();
    struct loom_trainer_conf c = settings_of_both();
    struct loom_errmsg e = {""};
    refuse("[" X KIND "]", d, &c, "the network has 1 output, the data unit");
    refuse("[" X KIND "," SIZE
           ",['outputs','o',{'names':['a','kind']},'c','b']]",
           d, &c, "output size: the network has none of that name");
    refuse("[" X KIND "," SIZE
           ",['outputs','o',{'names':['kind','size']},'c','b']]",
           d, &c, "kind: gives 2 outputs, but the data unit needs 3");
    c.aim.metric[0].goal = 0;
    refuse(both, d, &c, "has classes: its metric can be");
    c = settings_of_both();
    c.aim.goal[1].loss = LOOM_HINGE;
    refuse(both, d, &c, "has targets: its loss can be");
    loom_dataset_destroy(d);
    static const char *const layers[][2] = {
        {"['outputs','o',{'names':['a']},'c','b']", "a name for each of the 2"},
        {"['outputs','o',{'names':['a','a']},'c','b']", "a name for each"},
        {"['outputs','o',{'names':['a','']},'c','b']", "a name for each"},
        {"['outputs','o',{'name':['a','b']},'c','b']", "unknown field"},
        {"['outputs','o',{'names':['a']},'c']", "at least 2 inputs"},
        {"['outputs','o',{'names':['a','b']},'c','b'],['relu','z',{}]",
         "nothing can follow the outputs"},
    };
    for (size_t k = 0; k < sizeof(layers) / sizeof(*layers); k++) {
        char text[1024];
        snprintf(text, sizeof(text), "[%s%s,%s,%s]", X, KIND, SIZE,
                 layers[k][0]);
        assert_null(unit_try_chain(text, &e));
        if (!strstr(e.text, layers[k][1]))
            fail_msg("\"%s\" lacks \"%s\"", e.text, layers[k][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together), cmocka_unit_test(test_weights),
        cmocka_unit_test(test_class_weight), cmocka_unit_test(test_aim),
        cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
