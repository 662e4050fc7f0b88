/* The trainer's promises: the same bits whatever the threads, a stop that
 * leaves no trace, no allocation in a step, errors that say what to do. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/checkpoint.h"
#include "engine/file.h"
#include "engine/trainer.h"

/* ---- counting allocations ----------------------------------------------
 * The names below stand before the C library's in this program. A sanitizer
 * brings its own, and counts for itself. */

static atomic_long allocations;
static _Thread_local long own; /* of this thread */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
enum { COUNTS = 1 };

static void count(void)
{
    atomic_fetch_add(&allocations, 1);
    own++;
}

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

void *malloc(size_t n)
{
    count();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count();
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    count();
    return __libc_memalign(align, n);
}
#else
enum { COUNTS = 0 };
#endif

/* ---- a small training -------------------------------------------------- */

static const char classifier[] =
    "[['input','x',{'n':6}],"
    "['quantize','a/iq',{'f0':4,'round':'S_RND'}],"
    "['dense','a',{'units':12,"
    "  'kernel':{'b0':4,'i0':0,'round':'S_RND'}}],"
    "['relu','a/relu',{}],"
    "['quantize','b/iq',{'f0':4,'per':'tensor'}],"
    "['dense','b',{'units':9,'kernel':{'type':'kif','overflow':'WRAP',"
    "  'f0':4,'i0':1}}],"
    "['quantize','c/iq',{'f0':4,'overflow':'SAT','i0':3}],"
    "['dense','c',{'units':3,'kernel':{'b0':4,'per':'tensor'},"
    "  'bias':{'round':'RND_CONV'}}]]";

/* Five phases a step, one for bits that wait for a range, and what is drawn by
 * lot. */
static const char normed[] =
    "[['input','x',{'n':6}],"
    "['quantize','a/iq',{'f0':4}],"
    "['dense','a',{'units':12,'norm':true,'kernel':{'b0':4,'i0':1}}],"
    "['relu','a/relu',{}],['dropout','a/drop',{'rate':0.1}],"
    "['quantize','n/iq',{'f0':4}],['batch_norm','n',{}],"
    "['quantize','b/iq',{'type':'kbi','b0':6,'i0':2}],"
    "['dense','b',{'units':9,'norm':{'momentum':0.9},'kernel':{'type':'kif',"
    "  'overflow':'WRAP','f0':4,'i0':1},'bias':{'overflow':'SAT_SYM'}}],"
    "['quantize','c/iq',{'f0':4,'overflow':'SAT','i0':3}],"
    "['dense','c',{'units':3,'kernel':{'b0':4,'per':'tensor'}}]]";

/* Of the trainers made: a test's state, or the first. */
static const char *chain = classifier;

static struct loom_trainer_conf standard(int threads)
{
    struct loom_trainer_conf c = {
        .aim = {.goal = {{.loss = LOOM_CROSS_ENTROPY}}},
        .batch = 97,
        .epochs = 1000,
        .seed = 5,
        .threads = threads,
        .lr = loom_schedule_constant(3e-3),
        .beta = loom_schedule_constant(1e-5),
        .autosave_s = 1e9,
    };
    return c;
}

static struct loom_trainer *new_trainer(const struct loom_dataset *d,
                                        const struct loom_trainer_conf *c)
{
    struct loom_errmsg e = {""};
    struct loom_trainer *t = loom_trainer_new(unit_chain(chain), d, c, &e);
    if (!t)
        fail_msg("%s", e.text);
    return t;
}

static void steps(struct loom_trainer *t, int n)
{
    for (int k = 0; k < n; k++)
        assert_ok(loom_trainer_step(t, e));
}

static void same_theta(struct loom_trainer *a, struct loom_trainer *b)
{
    const struct loom_model *m = loom_trainer_model(a);
    assert_memory_equal(m->theta, loom_trainer_model(b)->theta,
                        m->n_theta * sizeof(float));
}

static void same_front(struct loom_trainer *a, struct loom_trainer *b)
{
    const struct loom_pareto *f = loom_trainer_front(a);
    const struct loom_pareto *g = loom_trainer_front(b);
    assert_int_equal(f->n, g->n);
    for (int k = 0; k < f->n; k++) {
        assert_int_equal(f->point[k].epoch, g->point[k].epoch);
        assert_true(f->point[k].metric == g->point[k].metric);
        assert_true(f->point[k].cost == g->point[k].cost);
        assert_string_equal(f->point[k].file, g->point[k].file);
    }
}

static void test_threads(void **state)
{
    chain = *state ? *state : classifier;
    static const int threads[] = {1, 2, 3, 8};
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer *t[4];
    for (int k = 0; k < 4; k++) {
        struct loom_trainer_conf c = standard(threads[k]);
        t[k] = new_trainer(d, &c);
        steps(t[k], 100);
        same_theta(t[0], t[k]);
        same_front(t[0], t[k]);
        assert_true(loom_trainer_front(t[k])->n > 0);
    }
    for (int k = 0; k < 4; k++)
        loom_trainer_destroy(t[k]);
    loom_dataset_destroy(d);
    chain = classifier;
}

/* Whatever the optimizer and the metric. */
static void test_threads_all_kinds(void **state)
{
    (void)state;
    static const struct {
        struct loom_optimizer_conf optimizer;
        struct loom_goal goal;
    } cases[] = {{{.amsgrad = true, .clip_norm = 0.1f}, {.metric = LOOM_AUC}},
                 {{.decay = 0.1f, .clip_value = 0.01f},
                  {.loss = LOOM_HINGE, .metric = LOOM_CLASS_ACCURACY}},
                 {{.kind = LOOM_SGD, .momentum = 0.9f, .nesterov = true}, {0}}};
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_trainer_conf c = standard(1);
        c.optimizer = cases[k].optimizer;
        c.aim.goal[0] = cases[k].goal;
        struct loom_trainer *a = new_trainer(d, &c);
        c.threads = 3;
        struct loom_trainer *b = new_trainer(d, &c);
        steps(a, 60);
        steps(b, 60);
        same_theta(a, b);
        same_front(a, b);
        assert_true(loom_trainer_front(a)->n > 0);
        loom_trainer_destroy(a);
        loom_trainer_destroy(b);
    }
    loom_dataset_destroy(d);
}

/* It does learn: better than the best constant answer by far. */
static void test_learns(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 1200, 2);
    struct loom_trainer_conf c = standard(2);
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_score s;
    steps(t, 600);
    assert_ok(loom_trainer_evaluate(t, LOOM_TEST, &s, e));
    print_message("test accuracy %.3f\n", s.metric);
    assert_true(s.metric > 0.8);
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* ---- memory ------------------------------------------------------------ */

static void test_no_allocation(void **state)
{
    chain = *state ? *state : classifier;
    if (!COUNTS)
        skip();
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer_conf c = standard(3);
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_errmsg e;
    free(malloc(1));
    assert_true(atomic_load(&allocations) > 0); /* they are counted */
    int batches = 0;
    while (batches < 200) {
        long before = atomic_load(&allocations);
        int rc = loom_trainer_step(t, &e);
        assert_true(rc >= 0);
        if (rc == LOOM_STEP_EPOCH)
            continue; /* an epoch's end may */
        assert_int_equal(atomic_load(&allocations) - before, 0);
        batches++;
    }
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
    chain = classifier;
}

/* Nor does one that has its state saved; the thread that saves may. */
static void test_no_allocation_to_save(void **state)
{
    (void)state;
    if (!COUNTS)
        skip();
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    char *dir = test_folder();
    struct loom_trainer_conf c = standard(2);
    c.dir = dir;
    c.autosave_s = 1e-9;
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_errmsg why;
    for (int k = 0; k < 400; k++) {
        long before = own;
        int rc = loom_trainer_step(t, &why);
        assert_true(rc >= 0);
        if (rc == LOOM_STEP_BATCH)
            assert_int_equal(own - before, 0);
    }
    loom_trainer_destroy(t);
    char *path = test_path(dir, "last.loom");
    struct loom_checkpoint ck;
    assert_ok(loom_checkpoint_read(path, &ck, e));
    loom_checkpoint_deinit(&ck);
    free(path);
    test_folder_remove(dir);
    loom_dataset_destroy(d);
}

/* One set of bits for many elements: few parameters, many ranges. */
static void test_more_ranges_than_parameters(void **state)
{
    (void)state;
    static const char wide[] =
        "[['input','x',{'n':300}],['quantize','q',{'per':'tensor'}],"
        "['dense','d',{'units':1,'kernel':{'per':'tensor'}}],"
        "['quantize','r',{}]]";
    struct loom_dataset *d = unit_data(300, 1, 0, 64, 1);
    struct loom_trainer_conf c = standard(1);
    struct loom_errmsg e;
    c.aim.goal[0].loss = LOOM_MSE;
    struct loom_trainer *t = loom_trainer_new(unit_chain(wide), d, &c, &e);
    assert_non_null(t);
    steps(t, 8);
    assert_true(loom_trainer_front(t)->n > 0);
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* ---- stop and go on ---------------------------------------------------- */

/* All a user could tell two runs apart by, but for the clock. */
static void same_run(struct loom_trainer *a, struct loom_trainer *b)
{
    struct loom_train_view *v = loom_calloc(2, sizeof(*v));
    same_theta(a, b);
    same_front(a, b);
    loom_trainer_look(a, &v[0]);
    loom_trainer_look(b, &v[1]);
    assert_int_equal(v[0].epoch, v[1].epoch);
    assert_int_equal(v[0].batch, v[1].batch);
    assert_int_equal(v[0].n_points, v[1].n_points);
    assert_memory_equal(v[0].point, v[1].point,
                        (size_t)v[0].n_points * sizeof(v[0].point[0]));
    assert_true(v[0].lr == v[1].lr && v[0].beta == v[1].beta);
    assert_memory_equal(&v[0].loss, &v[1].loss, sizeof(float));
    assert_memory_equal(&v[0].val_loss, &v[1].val_loss, sizeof(float));
    free(v);
}

static struct loom_trainer_conf in_folder(const char *dir)
{
    struct loom_trainer_conf c = standard(2);
    c.dir = dir;
    c.lr = (struct loom_schedule){.kind = LOOM_COSINE,
                                  .value = 3e-3,
                                  .cycle = 2,
                                  .decay = 0.9,
                                  .floor = 1e-5};
    c.beta = (struct loom_schedule){
        .kind = LOOM_PIECEWISE,
        .n_keys = 2,
        .key = {{0, 1e-6, LOOM_LOG}, {9, 1e-4, LOOM_LOG}}};
    return c;
}

/* Stopped after `stop` batches, with the user's hand on the schedules `at`. */
static void stop_and_go_on(const struct loom_dataset *d, const char *dir,
                           int stop, int total, int at)
{
    struct loom_trainer_conf c = in_folder(dir);
    char *path = test_path(dir, "last.loom");
    struct loom_trainer *a = new_trainer(d, &c), *b = new_trainer(d, &c);
    for (int k = 0; k < total; k++) {
        if (k == at || k == at + 1)
            loom_trainer_scale(a, 1.7 + k, 0.3 * k + 0.1);
        if (k == stop) {
            assert_ok(loom_trainer_save(a, e));
            assert_ok(loom_trainer_resume(b, path, e));
            same_run(a, b);
        }
        steps(a, 1);
        if (k >= stop) {
            if (k > stop && (k == at || k == at + 1))
                loom_trainer_scale(b, 1.7 + k, 0.3 * k + 0.1);
            steps(b, 1);
        }
    }
    same_run(a, b);
    loom_trainer_destroy(a);
    loom_trainer_destroy(b);
    free(path);
}

static void test_resume(void **state)
{
    chain = *state ? *state : classifier;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3); /* 5 batches */
    char *dir = test_folder();
    for (int stop = 0; stop <= 12; stop++)
        stop_and_go_on(d, dir, stop, stop + 13, -9);
    stop_and_go_on(d, dir, 7, 20, 6);
    stop_and_go_on(d, dir, 8, 20, 5);
    test_folder_remove(dir);
    loom_dataset_destroy(d);
    chain = classifier;
}

/* A disk that takes for ever stops nobody; what goes wrong there is told. Here
 * it is a pipe that nobody reads yet. */
static void test_slow_disk(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), name[40];
    snprintf(name, sizeof(name), "last.loom.tmp%ld", (long)getpid());
    char *pipe = test_path(dir, name), bytes[4096];
    struct loom_trainer_conf c = in_folder(dir), plain = in_folder(dir);
    c.autosave_s = 1e-9;
    plain.dir = NULL;
    struct loom_trainer *a = new_trainer(d, &c), *b = new_trainer(d, &plain);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    steps(a, 50); /* the pipe is opened by now, or soon */
    steps(b, 50);
    same_theta(a, b);
    struct loom_errmsg why = {""};
    int rc = 0, fd = open(pipe, O_RDONLY);
    assert_true(fd >= 0);
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
    close(fd);
    for (int k = 0; k < 10000000 && rc >= 0; k++) /* no pipe can be synced */
        rc = loom_trainer_step(a, &why);
    assert_int_equal(rc, LOOM_ERR_IO);
    assert_non_null(strstr(why.text, "last.loom"));
    assert_ok(loom_trainer_save(a, e)); /* the next one is as any other */
    loom_trainer_destroy(a);
    loom_trainer_destroy(b);
    test_folder_remove(dir);
    free(pipe);
    loom_dataset_destroy(d);
}

static bool has_file(const char *dir, const struct loom_pareto_point *p)
{
    char *path = test_path(dir, p->file);
    bool there = access(path, R_OK) == 0;
    free(path);
    return there;
}

static size_t files(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *f; d && (f = readdir(d));)
        n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Whenever a run is killed, the front of the state that was saved last has all
 * its files; and once it is saved or resumed, there are no others. */
static void test_front_files(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *last = test_path(dir, "last.loom");
    struct loom_trainer_conf c = in_folder(dir);
    struct loom_trainer *t = new_trainer(d, &c);
    const struct loom_pareto *f = loom_trainer_front(t);
    const struct loom_pareto_point *gone;
    int left = 0;
    for (int round = 0; round < 12; round++) {
        assert_ok(loom_trainer_save(t, e));
        assert_int_equal(files(dir), f->n + 1);
        struct loom_pareto saved = *f;
        for (int k = 0; k < 5 * (1 + round); k++) {
            steps(t, 1);
            left += loom_trainer_gone(t, &gone);
            loom_trainer_remove_gone(t);
            for (int j = 0; j < saved.n; j++)
                assert_true(has_file(dir, &saved.point[j]));
        }
        struct loom_trainer *u = new_trainer(d, &c);
        assert_ok(loom_trainer_resume(u, last, e));
        loom_trainer_destroy(t);
        loom_trainer_tidy(u);
        assert_int_equal(files(dir), saved.n + 1);
        t = u;
        f = loom_trainer_front(t);
        steps(t, 5 * (1 + round));
    }
    assert_true(left > 5); /* or nothing has been tried */
    loom_trainer_destroy(t);
    test_folder_remove(dir);
    free(last);
    loom_dataset_destroy(d);
}

/* Stopped after `stop` batches, any settings go on as if never stopped. */
static void goes_on(const struct loom_dataset *d,
                    const struct loom_trainer_conf *c, int stop)
{
    char *path = test_path(c->dir, "last.loom");
    struct loom_trainer *a = new_trainer(d, c), *b = new_trainer(d, c);
    steps(a, stop);
    assert_ok(loom_trainer_save(a, e));
    assert_ok(loom_trainer_resume(b, path, e));
    for (int k = 0; k < 3; k++) {
        steps(a, 9);
        steps(b, 9);
        same_run(a, b);
    }
    loom_trainer_destroy(a);
    loom_trainer_destroy(b);
    free(path);
}

static void test_optimizers_resume(void **state)
{
    (void)state;
    static const struct loom_optimizer_conf cases[] = {
        {.amsgrad = true, .clip_norm = 0.1f},
        {.decay = 0.1f, .clip_value = 0.01f},
        {.kind = LOOM_SGD, .momentum = 0.9f}};
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = in_folder(dir);
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        c.optimizer = cases[k];
        goes_on(d, &c, 8);
    }
    /* The state of one is none for another. */
    c.optimizer = cases[0];
    struct loom_trainer *t = new_trainer(d, &c);
    assert_fails(loom_trainer_resume(t, path, e), LOOM_ERR_ARG, "optimizer");
    loom_trainer_destroy(t);
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

/* Beta that follows a target is part of it, also before it begins. */
static void test_control_resumes(void **state)
{
    (void)state;
    static const struct loom_control_conf cases[] = {
        {.target = 60, .warmup = 1, .i = 0.1, .d = 0.2, .damp = 0.3},
        {.target = 60, .warmup = 3},
        {.kind = LOOM_DUAL, .target = 60, .rate = 1e-4, .warmup = 0}};
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3); /* 5 batches */
    char *dir = test_folder();
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_trainer_conf c = in_folder(dir);
        c.control = cases[k];
        goes_on(d, &c, 3);
        goes_on(d, &c, 13);
        struct loom_trainer *t = new_trainer(d, &c);
        struct loom_train_view *v = loom_calloc(1, sizeof(*v));
        steps(t, 5 * 4);
        loom_trainer_look(t, v);
        assert_true(v->target == 60);
        loom_trainer_destroy(t);
        free(v);
    }
    test_folder_remove(dir);
    loom_dataset_destroy(d);
}

/* A training for a device's cells goes on at the prices it began with; one for
 * others is refused. Front, target and beta count cells, and EBOPs are told. */
static void test_cells(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3); /* 5 batches */
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = in_folder(dir);
    c.cost = (struct loom_cost){.device = "some",
                                .unit = "LC",
                                .fixed = 40,
                                .price = {0.4, 0.5, 0.1, 1.1, 0.2, 3.0, 1.0}};
    goes_on(d, &c, 3);
    goes_on(d, &c, 13);
    struct loom_trainer *a = new_trainer(d, &c);
    c.cost.price[0] = 2;
    struct loom_trainer *b = new_trainer(d, &c);
    c.cost.device[0] = 0;
    struct loom_trainer *other = new_trainer(d, &c);
    steps(a, 7);
    assert_ok(loom_trainer_save(a, e));
    assert_ok(loom_trainer_resume(b, path, e));
    steps(a, 9);
    steps(b, 9);
    same_run(a, b);
    assert_fails(loom_trainer_resume(other, path, e), LOOM_ERR_ARG, "some");
    struct loom_train_view *v = loom_calloc(1, sizeof(*v));
    steps(a, 4);
    loom_trainer_look(a, v);
    struct loom_model *m = loom_trainer_model(a);
    assert_string_equal(v->cost_unit, "LC");
    assert_true(v->ebops == (float)loom_model_ebops(m, 0, NULL));
    c.cost.price[0] = 0.4;
    assert_true(v->cost == (float)loom_cost_cells(m, &c.cost, 0));
    const struct loom_pareto *f = loom_trainer_front(a);
    for (int k = 0; k < f->n; k++) {
        assert_true(!k || f->point[k - 1].cost < f->point[k].cost);
        assert_true(f->point[k].cost > 40 && f->point[k].ebops > 0);
    }
    assert_true(f->n > 0);
    free(v);
    loom_trainer_destroy(a);
    loom_trainer_destroy(b);
    loom_trainer_destroy(other);
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

/* ---- the user's hand --------------------------------------------------- */

/* A target, frozen bits and factors are part of the saved state. */
static void test_hand_resumes(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = in_folder(dir);
    for (int stop = 9; stop <= 11; stop++) {
        struct loom_trainer *a = new_trainer(d, &c), *b = new_trainer(d, &c);
        steps(a, 6);
        loom_trainer_scale(a, 2.0, 0.5);
        loom_trainer_target(a, 60);
        assert_true(loom_model_freeze_bits(loom_trainer_model(a), "b", true) >
                    0);
        steps(a, stop - 6);
        assert_ok(loom_trainer_save(a, e));
        steps(a, 14);
        assert_ok(loom_trainer_resume(b, path, e));
        assert_true(loom_model_bits_frozen(loom_trainer_model(b), "b"));
        steps(b, 14);
        same_theta(a, b);
        assert_true(loom_trainer_hand(a).beta == loom_trainer_hand(b).beta);
        loom_trainer_destroy(a);
        loom_trainer_destroy(b);
    }
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

/* EBOPs come to the target from above, and beta begins where it was. */
static void test_target(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer_conf c = standard(1);
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_train_view *v = loom_calloc(1, sizeof(*v));
    steps(t, 7);
    double before = loom_trainer_hand(t).beta;
    loom_trainer_look(t, v);
    double target = 0.5 * (double)v->ebops;
    loom_trainer_target(t, target);
    assert_true(loom_trainer_hand(t).beta == before);
    steps(t, 7);
    double after = loom_trainer_hand(t).beta;
    assert_true(after > 0.5 * before && after < 2 * before);
    steps(t, 7 * 900);
    loom_trainer_look(t, v);
    print_message("target %.0f, is %.0f, beta %.3g\n", target, (double)v->ebops,
                  (double)v->beta);
    assert_true((double)v->ebops < 1.3 * target);
    assert_true((double)v->ebops > 0.3 * target);
    loom_trainer_target(t, 0);
    assert_true(loom_trainer_hand(t).beta == 1e-5);
    free(v);
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* Frozen bits stay, weights go on; without, bits move. */
static void test_freeze(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 600, 1);
    struct loom_trainer_conf c = standard(1);
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_model *m = loom_trainer_model(t);
    const struct loom_param *bits = loom_model_param(m, "a/kq/b");
    const struct loom_param *w = loom_model_param(m, "a/kernel");
    float old_bits[72], old_w[72];
    assert_int_equal(bits->n, 72);
    memcpy(old_w, m->theta + w->at, sizeof(old_w));
    memcpy(old_bits, m->theta + bits->at, sizeof(old_bits));
    assert_int_equal(loom_model_freeze_bits(m, "nothing", true), 0);
    assert_true(loom_model_freeze_bits(m, "a", true) > 0);
    steps(t, 20);
    assert_memory_equal(old_bits, m->theta + bits->at, sizeof(old_bits));
    assert_memory_not_equal(old_w, m->theta + w->at, sizeof(old_w));
    loom_model_freeze_bits(m, "a", false);
    steps(t, 20);
    assert_memory_not_equal(old_bits, m->theta + bits->at, sizeof(old_bits));
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* What of a saved state is changed, and what is said about it then. */
static void test_resume_refused(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = in_folder(dir);
    struct loom_trainer *t = new_trainer(d, &c);
    steps(t, 7);
    assert_ok(loom_trainer_save(t, e));
    loom_trainer_destroy(t);

    c.seed = 6;
    t = new_trainer(d, &c);
    assert_fails(loom_trainer_resume(t, path, e), LOOM_ERR_ARG, "seed");
    loom_trainer_destroy(t);
    c.seed = 5;
    c.batch = 300;
    t = new_trainer(d, &c);
    assert_fails(loom_trainer_resume(t, path, e), LOOM_ERR_ARG, "batch");
    loom_trainer_destroy(t);
    c.batch = 97;
    struct loom_errmsg why;
    struct loom_model *m =
        unit_chain("[['input','x',{'n':6}],['quantize','q',{}],"
                   "['dense','a',{'units':3}]]");
    t = loom_trainer_new(m, d, &c, &why);
    assert_fails(loom_trainer_resume(t, path, e), LOOM_ERR_ARG, "layers");
    assert_fails(loom_trainer_resume(t, "/nowhere/x", e), LOOM_ERR_MISSING,
                 "/nowhere/x");
    loom_trainer_destroy(t);
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

/* A state that no training saved, with a right checksum. */
static void test_resume_damaged(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
    } cases[] = {
        {"batch", "5"},
        {"batch", "-1"},
        {"batch", "1e300"},
        {"batch", "'x'"},
        {"epoch", "-1"},
        {"epoch", "1e12"},
        {"epoch", "null"},
        {"lr_factor", "0"},
        {"beta_factor", "null"},
        {"loss_sum", "null"},
        {"train_rows", "[]"},
        {"front", "[[1]]"},
        {"front", "[[1,0.5,3,'../../x']]"},
        {"front", "[[1,0.5,3,5]]"},
        {"history", "{}"},
        {"history", "{'stride':0,'points':[]}"},
        {"batches", "1"},
        {"seed_low", "null"},
    };
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *path = test_path(dir, "last.loom");
    struct loom_trainer_conf c = in_folder(dir);
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_errmsg why;
    steps(t, 7);
    assert_ok(loom_trainer_save(t, e));
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct loom_checkpoint ck;
        char *other = test_path(dir, "other.loom");
        assert_ok(loom_checkpoint_read(path, &ck, e));
        json_object_set_new(ck.trainer, cases[k].field,
                            unit_json(cases[k].value));
        assert_ok(loom_checkpoint_write(other, ck.model, ck.info, &ck.optimizer,
                                        ck.trainer, e));
        loom_checkpoint_deinit(&ck);
        struct loom_trainer *u = new_trainer(d, &c);
        if (loom_trainer_resume(u, other, &why) >= 0)
            fail_msg("%s = %s: accepted", cases[k].field, cases[k].value);
        assert_non_null(strstr(why.text, "other.loom"));
        loom_trainer_destroy(u);
        free(other);
    }
    loom_trainer_destroy(t);
    test_folder_remove(dir);
    free(path);
    loom_dataset_destroy(d);
}

/* ---- what can go wrong ------------------------------------------------- */

static void test_nan(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    char *dir = test_folder(), *last = test_path(dir, "last.loom");
    /* Even where it happens in the last batch of all, and is saved often. */
    for (int epochs = 1; epochs <= 3; epochs++) {
        struct loom_trainer_conf c = in_folder(dir);
        struct loom_errmsg e = {""};
        c.lr = loom_schedule_constant(1e36);
        c.epochs = epochs;
        c.autosave_s = 1e-9;
        struct loom_trainer *t = new_trainer(d, &c);
        struct loom_model *m = loom_trainer_model(t);
        int rc = 0;
        while (rc >= 0 && !loom_trainer_done(t)) {
            rc = loom_trainer_step(t, &e);
            if (epochs == 1 && rc == LOOM_STEP_BATCH)
                for (size_t j = 0; j < 20; j++) /* of the last layer */
                    m->theta[m->n_theta - 1 - j] *= 1e30f;
        }
        if (rc != LOOM_ERR_NAN)
            fail_msg("%d epochs: %d, \"%s\"", epochs, rc, e.text);
        assert_non_null(strstr(e.text, "not a number"));
        assert_non_null(strstr(e.text, "learning rate"));
        loom_trainer_destroy(t);
        struct loom_checkpoint ck; /* what was saved before is good */
        int err = loom_checkpoint_read(last, &ck, &e);
        if (err < 0 && err != LOOM_ERR_MISSING)
            fail_msg("%s", e.text);
        loom_checkpoint_deinit(&ck);
    }
    free(last);
    test_folder_remove(dir);
    loom_dataset_destroy(d);
}

static double fails_at_two(void *ud, double epoch, struct loom_errmsg *e)
{
    (void)ud;
    if (epoch < 2)
        return 1e-3;
    loom_fail(e, LOOM_ERR_SCRIPT, "the moon is full");
    return NAN;
}

static void test_schedule_fails(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    struct loom_trainer_conf c = standard(1);
    struct loom_errmsg e = {""};
    int rc = 0;
    c.lr = (struct loom_schedule){.kind = LOOM_CALLBACK, .call = fails_at_two};
    struct loom_trainer *t = new_trainer(d, &c);
    while (rc >= 0)
        rc = loom_trainer_step(t, &e);
    assert_int_equal(rc, LOOM_ERR_SCRIPT);
    assert_string_equal(e.text, "lr at epoch 3: the moon is full");
    loom_trainer_destroy(t);
    /* A formula that overflows has a sentence too. */
    c.lr = (struct loom_schedule){.kind = LOOM_COSINE,
                                  .value = 1e300,
                                  .cycle = 1,
                                  .decay = 1e300,
                                  .floor = 0};
    c.epochs = 5;
    t = new_trainer(d, &c);
    for (rc = 0, e.text[0] = 0; rc >= 0 && !loom_trainer_done(t);)
        rc = loom_trainer_step(t, &e);
    assert_true(rc == LOOM_ERR_SCRIPT || rc == LOOM_ERR_NAN);
    assert_true(strlen(e.text) > 10);
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

/* The model does not fit the data: who, what, how many. */
static void test_shapes(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(5, 3, 1, 40, 3);
    struct loom_dataset *two = unit_data(6, 2, 1, 40, 3);
    struct loom_dataset *numbers = unit_data(6, 3, 0, 40, 3);
    struct loom_trainer_conf c = standard(1);
    const struct {
        const struct loom_dataset *data;
        const char *words[3];
    } cases[] = {{d, {"x", "6", "5"}},
                 {two, {"c", "3", "2"}},
                 {numbers, {"unit", "mse", "loss"}}};
    for (size_t k = 0; k < 3; k++) {
        struct loom_errmsg e = {""};
        assert_null(
            loom_trainer_new(unit_chain(classifier), cases[k].data, &c, &e));
        for (int w = 0; w < 3; w++)
            assert_non_null(strstr(e.text, cases[k].words[w]));
    }
    loom_dataset_destroy(d);
    loom_dataset_destroy(two);
    loom_dataset_destroy(numbers);
}

/* Where points cannot be written, training stops with a sentence. */
static void test_folder_is_gone(void **state)
{
    (void)state;
    struct loom_dataset *d = unit_data(6, 3, 1, 400, 3);
    struct loom_trainer_conf c = in_folder("/nowhere/at/all");
    struct loom_trainer *t = new_trainer(d, &c);
    struct loom_errmsg e = {""};
    int rc = 0;
    for (int k = 0; k < 10 && rc >= 0; k++)
        rc = loom_trainer_step(t, &e);
    assert_int_equal(rc, LOOM_ERR_MISSING);
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
    loom_trainer_destroy(t);
    loom_dataset_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_threads_all_kinds),
        cmocka_unit_test_prestate(test_threads, (void *)(uintptr_t)normed),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test_prestate(test_no_allocation,
                                  (void *)(uintptr_t)normed),
        cmocka_unit_test(test_no_allocation_to_save),
        cmocka_unit_test(test_more_ranges_than_parameters),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_slow_disk),
        cmocka_unit_test(test_front_files),
        cmocka_unit_test(test_optimizers_resume),
        cmocka_unit_test(test_control_resumes),
        cmocka_unit_test(test_cells),
        cmocka_unit_test_prestate(test_resume, (void *)(uintptr_t)normed),
        cmocka_unit_test(test_hand_resumes),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_resume_refused),
        cmocka_unit_test(test_resume_damaged),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_schedule_fails),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_folder_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
