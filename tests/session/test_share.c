/* Sessions that train at once in one process: each as it would alone, with data
 * that one of them made. */
#include "tests/data/support.h"

#include <pthread.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/npy.h"
#include "lua/session.h"

enum { ROWS = 1200, IN = 6, VARIANTS = 4 };

static char *dir, *script, *rows, *set_rows;
/* Each is a variant of its own: another price, another seed, more of both. */
static const char *const set[VARIANTS] = {"beta=1e-6", "beta=1e-4", "beta=1e-6",
                                          "scale=0.5"};

static const char text[] =
    "local rows = loom.option('rows', '')\n"
    "local x = loom.load(rows):scale(loom.option('scale', 0.25))\n"
    "local y = loom.load(rows):column(1)\n"
    "local data = loom.data{x = x, y = y, split = {train = 0.8, val = 0.2},\n"
    "                       standardize = true}\n"
    "loom.train{name = 'share', data = data, loss = 'mse', batch = 100,\n"
    "  epochs = 12, lr = 2e-3, beta = loom.option('beta', 1e-5),\n"
    "  model = loom.model{input = data.inputs, loom.dense{8, relu = true},\n"
    "                     loom.dense{1}}}\n";

struct run {
    struct loom_session_conf conf;
    const char *set[3];
    char weights[24];
    int err;
    struct loom_errmsg why;
};

static void *run(void *arg)
{
    struct run *r = arg;
    r->conf.set = r->set;
    struct loom_session *s = loom_session_new(&r->conf, &r->why);
    r->err = s ? loom_session_run(s, &r->why) : LOOM_ERR_NOMEM;
    if (s)
        snprintf(r->weights, sizeof(r->weights), "%s",
                 loom_session_look(s)->train.weights);
    loom_session_destroy(s);
    return NULL;
}

static void write_rows(void)
{
    static float x[ROWS * IN];
    for (int k = 0; k < ROWS * IN; k++)
        x[k] = (float)(k * 7919 % 1021) / 256 - 2;
    assert_ok(loom_npy_write_f32(rows, x, 2, (size_t[]){ROWS, IN}, e));
}

static struct run variant(int k, int threads, struct loom_depot *depot)
{
    return (struct run){.set = {set[k], set_rows, NULL},
                        .conf = {.script = script,
                                 .out = dir,
                                 .threads = threads,
                                 .seed = k == 2 ? 9 : 3,
                                 .depot = depot}};
}

/* All variants, `wide` at once of so many threads each. */
static void run_all(struct run *r, int wide, int threads,
                    struct loom_depot *depot)
{
    pthread_t thread[VARIANTS];
    for (int k = 0; k < VARIANTS; k++)
        r[k] = variant(k, threads, depot);
    for (int at = 0; at < VARIANTS; at += wide) {
        for (int k = at; k < at + wide && k < VARIANTS; k++)
            assert_false(pthread_create(&thread[k], NULL, run, &r[k]));
        for (int k = at; k < at + wide && k < VARIANTS; k++)
            pthread_join(thread[k], NULL);
    }
}

static void test_same(void **state)
{
    (void)state;
    struct run alone[VARIANTS], r[VARIANTS];
    run_all(alone, 1, 1, NULL);
    for (int k = 0; k < VARIANTS; k++) {
        if (alone[k].err)
            fail_msg("%s", alone[k].why.text);
        for (int j = 0; j < k; j++)
            assert_string_not_equal(alone[j].weights, alone[k].weights);
    }
    for (int wide = 1; wide <= VARIANTS; wide++) {
        struct loom_depot *d = loom_depot_new();
        run_all(r, wide, 1 + wide % 3, d);
        for (int k = 0; k < VARIANTS; k++)
            assert_string_equal(r[k].weights, alone[k].weights);
        loom_depot_destroy(d);
    }
}

/* What is shared was read by the first one: the file can be gone. What is made
 * in another way is not taken for it, and what nobody uses is given up once
 * someone has data of his own. */
static void test_once(void **state)
{
    (void)state;
    struct loom_depot *d = loom_depot_new();
    struct run r = variant(0, 1, d);
    run(&r);
    assert_int_equal(r.err, 0);
    unlink(rows);
    r = variant(1, 1, d);
    run(&r);
    assert_int_equal(r.err, 0);
    r = variant(3, 1, d); /* other rows, of the same file */
    run(&r);
    assert_int_equal(r.err, 0);
    r = variant(0, 1, d); /* the set of those before was given up */
    run(&r);
    assert_int_equal(r.err, 0); /* but not the file's */
    loom_depot_destroy(d);
    r = variant(0, 1, NULL);
    run(&r);
    assert_int_not_equal(r.err, 0);
    write_rows();
}

/* A script cannot end the others. */
static void test_exit(void **state)
{
    (void)state;
    struct loom_depot *d = loom_depot_new();
    struct run r = variant(0, 1, d);
    char *path = test_path(dir, "exit.lua");
    assert_ok(loom_file_write(path, "os.exit(3)\n", 11, e));
    r.conf.script = path;
    run(&r);
    assert_int_equal(r.err, LOOM_ERR_SCRIPT);
    assert_non_null(strstr(r.why.text, "exit.lua:1: os.exit"));
    loom_depot_destroy(d);
    free(path);
}

static int n_alive;

static void destroy(void *thing)
{
    (void)thing;
    n_alive--;
}

static void test_depot(void **state)
{
    (void)state;
    int a, b, users[2];
    struct loom_depot *d = loom_depot_new();
    n_alive = 2;
    loom_depot_lock(d);
    assert_null(loom_depot_find(d, "a", &users[0]));
    loom_depot_add(d, "a", &a, destroy, &users[0]);
    loom_depot_add(d, "b", &b, destroy, &users[0]);
    assert_ptr_equal(loom_depot_find(d, "a", &users[1]), &a);
    loom_depot_unlock(d);
    loom_depot_leave(d, &users[0]);
    assert_int_equal(n_alive, 2); /* for whoever comes next */
    loom_depot_tidy(d);
    assert_int_equal(n_alive, 1);
    loom_depot_lock(d);
    assert_ptr_equal(loom_depot_find(d, "a", &users[1]), &a);
    assert_null(loom_depot_find(d, "b", &users[1]));
    loom_depot_unlock(d);
    loom_depot_destroy(d);
    assert_int_equal(n_alive, 0);
}

static int set_up(void **state)
{
    (void)state;
    struct loom_errmsg e;
    dir = test_folder();
    script = test_path(dir, "s.lua");
    rows = test_path(dir, "rows.npy");
    set_rows = loom_asprintf("rows=%s", rows);
    write_rows();
    return loom_file_write(script, text, strlen(text), &e);
}

static int tear_down(void **state)
{
    (void)state;
    test_folder_remove(dir);
    free(script);
    free(rows);
    free(set_rows);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same), cmocka_unit_test(test_once),
        cmocka_unit_test(test_exit), cmocka_unit_test(test_depot)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
