/* What ends a training early or warns of it: on made-up histories, and on
 * trainings that are made to collapse. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/checkpoint.h"
#include "engine/trainer.h"

/* ---- made-up histories ------------------------------------------------- */

enum { N = 12 };

/* Epochs 1 to 12 of a good network, then one more. */
static bool falls(float metric, float cost, float loss, double chance,
                  bool lower)
{
    struct loom_train_point p[N];
    for (int k = 0; k < N; k++)
        p[k] = (struct loom_train_point){.epoch = k + 1,
                                         .val_loss = 0.7f,
                                         .val_metric = lower ? 10 : 0.75f,
                                         .cost = 5000 - 20 * (float)k,
                                         .beta = 1e-5f};
    struct loom_train_point now = {.epoch = N + 1,
                                   .val_loss = loss,
                                   .val_metric = metric,
                                   .cost = cost,
                                   .beta = 1e-4f};
    const struct loom_train_point *q =
        loom_guard_collapse(p, N, &now, chance, lower);
    if (q)
        assert_true(q >= p && q < p + N);
    return q != NULL;
}

static void test_collapse(void **state)
{
    (void)state;
    assert_true(falls(0.3f, 800, 0.9f, 0.2, false));
    assert_true(falls(0.2f, 0, 1.1f, 0.2, false));
    assert_true(falls(NAN, 0, 1.1f, 0.2, false));
    assert_false(falls(0.72f, 800, 0.8f, 0.2, false)); /* pruned, and good */
    assert_false(falls(0.3f, 4500, 0.9f, 0.2, false)); /* bad, not pruned */
    assert_false(falls(0.3f, 800, 1.6f, 0.2, false));  /* no gain in loss */
    assert_false(falls(0.3f, 800, 0.9f, 0.73, false)); /* it never was good */
    assert_true(falls(30, 800, 0.9f, 100, true));
    assert_true(falls(120, 800, 0.9f, 100, true));
    assert_false(falls(12, 800, 0.9f, 100, true));
    assert_false(falls(3, 800, 0.9f, 100, true));
}

/* A slow price for fewer bits is no collapse, however long it goes on. */
static void test_no_collapse(void **state)
{
    (void)state;
    struct loom_train_point p[600];
    for (int k = 0; k < 600; k++) {
        double part = k / 600.0;
        p[k] =
            (struct loom_train_point){.epoch = k + 1,
                                      .val_loss = (float)(0.7 + 0.2 * part),
                                      .val_metric = (float)(0.76 - 0.1 * part),
                                      .cost = (float)(20000 * pow(0.02, part)),
                                      .beta = (float)(1e-6 * pow(1000, part))};
        assert_null(loom_guard_collapse(p, k, &p[k], 0.2, false));
    }
}

static void test_patience(void **state)
{
    (void)state;
    static const struct {
        float metric, ebops;
        bool stops;
    } epochs[] = {{0.5f, 900, false}, {0.4f, 900, false}, {0.6f, 500, false},
                  {0.7f, 900, false}, {0.6f, 500, false}, {0.601f, 500, false},
                  {0.9f, 501, false}, {0.6f, 100, true}};
    struct loom_guard_conf conf = {.patience = 3, .ebops = 500, .least = 0.01};
    for (int way = 0; way < 4; way++) {
        bool lower = way % 2;
        conf.metric = way / 2; /* of the first, of a further one */
        struct loom_guard g = {.best = NAN};
        for (size_t k = 0; k < sizeof(epochs) / sizeof(*epochs); k++) {
            float v = lower ? 1 - epochs[k].metric : epochs[k].metric;
            struct loom_train_point p = {.val_metric = way < 2 ? v : 1.5f,
                                         .more = {way < 2 ? 1.5f : v},
                                         .ebops = epochs[k].ebops};
            assert_int_equal(loom_guard_patience(&conf, &g, &p, lower),
                             epochs[k].stops);
        }
    }
    struct loom_guard g = {.best = NAN};
    struct loom_train_point p = {.val_metric = 1};
    conf.patience = 0;
    for (int k = 0; k < 100; k++)
        assert_false(loom_guard_patience(&conf, &g, &p, false));
}

static void test_words(void **state)
{
    (void)state;
    for (int k = LOOM_COLLAPSE_WARN; k <= LOOM_COLLAPSE_IGNORE; k++)
        assert_int_equal(loom_on_collapse_from_word(
                             loom_on_collapse_word((enum loom_on_collapse)k)),
                         k);
    assert_int_equal(loom_on_collapse_from_word("rolback"), -1);
}

/* ---- trainings --------------------------------------------------------- */

static const char classifier[] =
    "[['input','x',{'n':6}],['quantize','a/iq',{'f0':4}],"
    "['dense','a',{'units':12,'kernel':{'b0':4,'i0':0}}],"
    "['relu','a/relu',{}],['quantize','b/iq',{'f0':4}],"
    "['dense','b',{'units':3,'kernel':{'b0':4,'i0':0}}]]";

/* Good for 20 epochs of 5 batches, then far too dear. */
static struct loom_trainer_conf dear(const char *dir)
{
    return (struct loom_trainer_conf){
        .batch = 80,
        .epochs = 90,
        .seed = 5,
        .threads = 1,
        .lr = loom_schedule_constant(3e-2),
        .beta = {.kind = LOOM_PIECEWISE,
                 .n_keys = 2,
                 .key = {{0, 1e-6, LOOM_HOLD}, {20, 0.1, LOOM_HOLD}}},
        .dir = dir,
        .autosave_s = 1e9,
    };
}

static struct loom_trainer *begin(const struct loom_dataset *d,
                                  const struct loom_trainer_conf *c)
{
    struct loom_errmsg e = {""};
    struct loom_trainer *t = loom_trainer_new(unit_chain(classifier), d, c, &e);
    if (!t)
        fail_msg("%s", e.text);
    return t;
}

/* One epoch; its notice. */
static struct loom_notice epoch(struct loom_trainer *t)
{
    struct loom_errmsg e = {""};
    int rc;
    while ((rc = loom_trainer_step(t, &e)) == LOOM_STEP_BATCH)
        ;
    if (rc < 0)
        fail_msg("%s", e.text);
    return *loom_trainer_notice(t);
}

static void same_bits(struct loom_trainer *a, struct loom_trainer *b)
{
    const struct loom_model *m = loom_trainer_model(a);
    assert_memory_equal(m->theta, loom_trainer_model(b)->theta,
                        m->n_theta * sizeof(float));
}

static void test_warns_once(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    struct loom_trainer_conf c = dear(NULL);
    struct loom_trainer *t = begin(d, &c);
    int warned = 0;
    while (!loom_trainer_done(t)) {
        struct loom_notice n = epoch(t);
        if (!n.collapsed)
            continue;
        warned++;
        assert_true(n.epoch_before >= 10 && n.good_epoch > 0);
        assert_true(n.good_epoch <= n.epoch_before);
        assert_true(loom_trainer_ended(t)->epoch > 20);
        assert_int_equal(n.action, LOOM_COLLAPSE_WARN);
        assert_true(!strcmp(n.layer, "a") || !strcmp(n.layer, "b"));
    }
    assert_int_equal(warned, 1);
    assert_int_equal(loom_trainer_ended(t)->epoch, 90);
    loom_trainer_destroy(t);
    c.guard.collapse = LOOM_COLLAPSE_IGNORE;
    t = begin(d, &c);
    while (!loom_trainer_done(t))
        assert_false(epoch(t).collapsed);
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* Stopped is stopped, also after a resume; and goes on where the script asks
 * for that no more. */
static void test_stops(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = dear(dir);
    c.guard.collapse = LOOM_COLLAPSE_STOP;
    struct loom_trainer *t = begin(d, &c);
    struct loom_notice n = {0};
    while (!loom_trainer_done(t))
        n = epoch(t);
    assert_true(n.collapsed && loom_trainer_ended(t)->epoch < 90);
    assert_string_equal(n.stopped, "collapse");
    assert_ok(loom_trainer_save(t, e));
    loom_trainer_destroy(t);
    t = begin(d, &c);
    assert_ok(loom_trainer_resume(t, path, e));
    assert_true(loom_trainer_done(t));
    loom_trainer_destroy(t);
    c.guard.collapse = LOOM_COLLAPSE_WARN;
    t = begin(d, &c);
    assert_ok(loom_trainer_resume(t, path, e));
    assert_false(loom_trainer_done(t));
    loom_trainer_destroy(t);
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

/* Back to the file of the good point, bit for bit, with half the beta; and
 * the same again from a state saved before. */
static void test_goes_back(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = dear(dir);
    c.guard.collapse = LOOM_COLLAPSE_ROLLBACK;
    struct loom_trainer *a = begin(d, &c), *b = begin(d, &c);
    for (int k = 0; k < 20; k++)
        epoch(a);
    assert_ok(loom_trainer_save(a, e));
    assert_ok(loom_trainer_resume(b, path, e));
    int back = 0;
    while (loom_trainer_ended(a)->epoch < 60) {
        struct loom_notice n = epoch(a), m = epoch(b);
        same_bits(a, b);
        assert_int_equal(n.collapsed, m.collapsed);
        if (!n.collapsed)
            continue;
        struct loom_checkpoint p;
        char name[32];
        snprintf(name, sizeof(name), "epoch-%05d.loom", n.good_epoch);
        char *good = test_path(dir, name);
        assert_ok(loom_checkpoint_read(good, &p, e));
        assert_memory_equal(p.model->theta, loom_trainer_model(a)->theta,
                            p.model->n_theta * sizeof(float));
        loom_checkpoint_deinit(&p);
        free(good);
        assert_int_equal(n.action, LOOM_COLLAPSE_ROLLBACK);
        assert_true(loom_trainer_hand(a).beta == 0.1 * pow(0.5, ++back));
    }
    assert_true(back > 0);
    loom_trainer_destroy(a);
    loom_trainer_destroy(b);
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

static int at_epoch_7(void *ud, const struct loom_train_point *p,
                      struct loom_errmsg *e)
{
    int *asked = ud;
    (void)e;
    assert_int_equal(p->epoch, ++*asked);
    return p->epoch == 7;
}

static int cannot_say(void *ud, const struct loom_train_point *p,
                      struct loom_errmsg *e)
{
    (void)ud;
    return p->epoch == 2 ? loom_fail(e, LOOM_ERR_SCRIPT, "oh no") : 0;
}

static void test_script_stops(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    struct loom_trainer_conf c = dear(NULL);
    struct loom_errmsg e;
    int asked = 0, rc = 0;
    c.guard.when = at_epoch_7;
    c.guard.ud = &asked;
    struct loom_trainer *t = begin(d, &c);
    while (!loom_trainer_done(t))
        epoch(t);
    assert_int_equal(asked, 7);
    assert_string_equal(loom_trainer_notice(t)->stopped, "script");
    loom_trainer_destroy(t);
    c.guard.when = cannot_say;
    t = begin(d, &c);
    while (rc >= 0)
        rc = loom_trainer_step(t, &e);
    assert_int_equal(rc, LOOM_ERR_SCRIPT);
    assert_string_equal(e.text, "stop at epoch 2: oh no");
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* ---- the front --------------------------------------------------------- */

/* Every point is what its file says: EBOPs and metric of the network with
 * ranges that training and validation rows need, and no larger. */
static void test_front_is_true(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder();
    struct loom_trainer_conf c = dear(dir);
    struct loom_goal goal = {0};
    const struct loom_rows *val = &d->part[LOOM_VAL];
    struct loom_trainer *t = begin(d, &c);
    for (int k = 0; k < 40; k++)
        epoch(t);
    const struct loom_pareto *f = loom_trainer_front(t);
    assert_true(f->n > 3);
    float *z = loom_calloc(val->rows * d->n_out, sizeof(*z));
    for (int k = 0; k < f->n; k++) {
        struct loom_checkpoint p;
        char *path = test_path(dir, f->point[k].file);
        assert_ok(loom_checkpoint_read(path, &p, e));
        assert_ok(loom_model_predict(p.model, val->x, val->rows, z, e));
        assert_true(loom_model_ebops(p.model, 0, NULL) == f->point[k].cost);
        assert_true(loom_score_outputs(&goal, d, val, z).metric ==
                    f->point[k].metric);
        loom_checkpoint_deinit(&p);
        free(path);
    }
    free(z);
    loom_trainer_destroy(t);
    test_folder_remove(dir);
    loom_dataset_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collapse),
        cmocka_unit_test(test_no_collapse),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_warns_once),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_goes_back),
        cmocka_unit_test(test_script_stops),
        cmocka_unit_test(test_front_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
