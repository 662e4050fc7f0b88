/* Checkpoints are whole or absent, and a damaged one is told from a good one
 * whatever byte it is. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/checkpoint.h"
#include "engine/file.h"

static const char chain[] =
    "[['input','x',{'n':2}],['quantize','q',{'per':'tensor'}],"
    "['dense','d',{'units':2,'kernel':{'b0':3}}]]";

struct fixture {
    char *dir, *path;
    struct loom_model *m;
    struct loom_optimizer optimizer;
    json_t *info, *trainer;
};

static int set_up(void **state)
{
    struct fixture *f = loom_calloc(1, sizeof(*f));
    struct loom_rng g = loom_rng_init(1, 1);
    f->dir = test_folder();
    f->path = test_path(f->dir, "a.loom");
    f->m = unit_chain(chain);
    assert_ok(loom_optimizer_init(&f->optimizer,
                                  &(struct loom_optimizer_conf){0}, f->m, e));
    f->optimizer.step = 77;
    for (size_t j = 0; j < f->m->n_theta; j++) {
        f->optimizer.m[j] = (float)loom_rng_normal(&g);
        f->optimizer.v[j] = (float)loom_rng_uniform(&g);
    }
    f->info = json_pack("{s:s,s:f}", "data", "somewhere", "beta", 0.1);
    f->trainer = json_pack("{s:i,s:f}", "epoch", 3, "third", 1.0 / 3.0);
    assert_ok(loom_checkpoint_write(f->path, f->m, f->info, &f->optimizer,
                                    f->trainer, e));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loom_model_destroy(f->m);
    loom_optimizer_deinit(&f->optimizer);
    json_decref(f->info);
    json_decref(f->trainer);
    test_folder_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

/* Everything that was written is there again, to the bit. */
static bool same(const struct fixture *f, const struct loom_checkpoint *c)
{
    size_t bytes = f->m->n_theta * sizeof(float);
    json_t *a = loom_model_to_json(f->m), *b = loom_model_to_json(c->model);
    bool equal = json_equal(a, b) && json_equal(f->info, c->info) &&
                 json_equal(f->trainer, c->trainer) &&
                 c->model->n_theta == f->m->n_theta &&
                 !memcmp(c->model->theta, f->m->theta, bytes) &&
                 c->optimizer.m && c->optimizer.step == f->optimizer.step &&
                 !memcmp(c->optimizer.m, f->optimizer.m, bytes) &&
                 !memcmp(c->optimizer.v, f->optimizer.v, bytes);
    json_decref(a);
    json_decref(b);
    return equal;
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    struct loom_checkpoint c;
    assert_ok(loom_checkpoint_read(f->path, &c, e));
    assert_true(same(f, &c));
    loom_checkpoint_deinit(&c);
    /* A network alone. */
    assert_ok(loom_checkpoint_write(f->path, f->m, NULL, NULL, NULL, e));
    assert_ok(loom_checkpoint_read(f->path, &c, e));
    assert_null(c.optimizer.m);
    assert_null(c.trainer);
    loom_checkpoint_deinit(&c);
}

/* Write bytes as they are. */
static void put(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, data, n) == (ssize_t)n);
    close(fd);
}

static void check_damaged(const struct fixture *f, const char *path,
                          const char *what, size_t at)
{
    struct loom_checkpoint c;
    struct loom_errmsg e = {""};
    int err = loom_checkpoint_read(path, &c, &e);
    if (err ? err != LOOM_ERR_FORMAT || !strstr(e.text, path) : !same(f, &c))
        fail_msg("%s %zu: %d, \"%s\"", what, at, err, e.text);
    loom_checkpoint_deinit(&c);
}

static void test_every_cut(void **state)
{
    struct fixture *f = *state;
    void *data;
    size_t n;
    char *path = test_path(f->dir, "cut.loom");
    assert_ok(loom_file_read(f->path, 1 << 20, &data, &n, e));
    for (size_t k = 0; k < n; k++) {
        put(path, data, k);
        check_damaged(f, path, "cut after", k);
    }
    free(data);
    free(path);
}

static void test_every_byte(void **state)
{
    struct fixture *f = *state;
    static const unsigned char flip[] = {0x01, 0x20, 0x80, 0xff};
    void *data;
    size_t n;
    char *path = test_path(f->dir, "bit.loom");
    assert_ok(loom_file_read(f->path, 1 << 20, &data, &n, e));
    unsigned char *p = data;
    for (size_t k = 0; k < n; k++)
        for (size_t x = 0; x < sizeof(flip); x++) {
            p[k] ^= flip[x];
            put(path, data, n);
            check_damaged(f, path, "byte", k);
            p[k] ^= flip[x];
        }
    free(data);
    free(path);
}

/* Numbers that no training leaves, with a right checksum. */
static void test_not_finite(void **state)
{
    struct fixture *f = *state;
    static const float bad[] = {__builtin_nanf(""), __builtin_inff()};
    struct loom_checkpoint c;
    for (size_t j = 0; j < f->m->n_theta; j++)
        for (int k = 0; k < 2; k++) {
            float old = f->m->theta[j];
            f->m->theta[j] = bad[k];
            assert_ok(
                loom_checkpoint_write(f->path, f->m, NULL, NULL, NULL, e));
            assert_fails(loom_checkpoint_read(f->path, &c, e), LOOM_ERR_FORMAT,
                         "a.loom");
            f->m->theta[j] = old;
        }
}

/* ---- writing where it cannot be done ----------------------------------- */

static void check_old_is_whole(struct fixture *f)
{
    struct loom_checkpoint c;
    struct stat st;
    assert_ok(loom_checkpoint_read(f->path, &c, e));
    assert_true(same(f, &c));
    loom_checkpoint_deinit(&c);
    char *tmp = loom_asprintf("%s.tmp%ld", f->path, (long)getpid());
    assert_true(stat(tmp, &st) < 0 && errno == ENOENT);
    free(tmp);
}

/* No file may become longer than 100 bytes: as a full disk. */
static void test_disk_full(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, small;
    struct loom_errmsg e = {""};
    char *fresh = test_path(f->dir, "fresh.loom");
    struct stat st;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int a = loom_checkpoint_write(f->path, f->m, NULL, NULL, NULL, &e);
    int b = loom_checkpoint_write(fresh, f->m, NULL, NULL, NULL, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(a, LOOM_ERR_IO);
    assert_int_equal(b, LOOM_ERR_IO);
    assert_non_null(strstr(e.text, f->path));
    assert_true(stat(fresh, &st) < 0);
    check_old_is_whole(f);
    free(fresh);
}

/* /dev/full says ENOSPC to every write: the sentence says what to do. */
static void test_no_space(void **state)
{
    struct fixture *f = *state;
    char *path = test_path(f->dir, "full");
    char *tmp = loom_asprintf("%s.tmp%ld", path, (long)getpid());
    struct stat st;
    assert_int_equal(symlink("/dev/full", tmp), 0);
    assert_fails(loom_checkpoint_write(path, f->m, NULL, NULL, NULL, e),
                 LOOM_ERR_IO, "free some space");
    assert_true(lstat(tmp, &st) < 0);
    assert_true(lstat(path, &st) < 0);
    free(tmp);
    free(path);
}

static void test_read_only_folder(void **state)
{
    struct fixture *f = *state;
    if (geteuid() == 0 && setegid(65534) == 0 &&
        chown(f->dir, 65534, -1) == 0 && chown(f->path, 65534, -1) == 0 &&
        seteuid(65534))
        skip();
    chmod(f->dir, 0500);
    struct loom_errmsg e = {""};
    int err = loom_checkpoint_write(f->path, f->m, NULL, NULL, NULL, &e);
    check_old_is_whole(f);
    chmod(f->dir, 0700);
    if (getuid() == 0)
        assert_true(seteuid(0) == 0 && setegid(0) == 0);
    assert_int_equal(err, LOOM_ERR_IO);
    assert_non_null(strstr(e.text, "permissions"));
}

/* Killed at any moment while it is replaced again and again: whole. */
static void test_killed(void **state)
{
    struct fixture *f = *state;
    for (int n = 0; n < 20; n++) {
        pid_t child = fork();
        if (!child)
            for (;;)
                loom_checkpoint_write(f->path, f->m, f->info, &f->optimizer,
                                      f->trainer, NULL);
        usleep((useconds_t)(2000 + 700 * n));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        struct loom_checkpoint c;
        assert_ok(loom_checkpoint_read(f->path, &c, e));
        assert_true(same(f, &c));
        loom_checkpoint_deinit(&c);
    }
}

static void test_not_a_checkpoint(void **state)
{
    struct fixture *f = *state;
    struct loom_checkpoint c;
    char *fifo = test_path(f->dir, "fifo");
    put(f->path, "hello, this is a text", 21);
    assert_fails(loom_checkpoint_read(f->path, &c, e), LOOM_ERR_FORMAT,
                 "not a bitloom checkpoint");
    put(f->path, "", 0);
    assert_fails(loom_checkpoint_read(f->path, &c, e), LOOM_ERR_FORMAT,
                 "not a bitloom checkpoint");
    assert_fails(loom_checkpoint_read(f->dir, &c, e), LOOM_ERR_IO, f->dir);
    assert_fails(loom_checkpoint_read("/nowhere", &c, e), LOOM_ERR_MISSING,
                 "/nowhere");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_fails(loom_checkpoint_read(fifo, &c, e), LOOM_ERR_IO, "plain file");
    free(fifo);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),       TEST(test_every_cut),
        TEST(test_every_byte),       TEST(test_not_finite),
        TEST(test_disk_full),        TEST(test_no_space),
        TEST(test_killed),           TEST(test_read_only_folder),
        TEST(test_not_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
