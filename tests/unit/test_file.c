/* Files that are whole or absent, folders, memory, error sentences. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/file.h"
#include "engine/folder.h"

static void test_write_read(void **state)
{
    (void)state;
    char *dir = test_folder(), *path = test_path(dir, "f");
    static const size_t sizes[] = {0, 1, 4095, 4096, 1 << 20};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
        char *p = loom_malloc(sizes[k] + 1);
        void *back;
        size_t n;
        memset(p, (int)k + 'a', sizes[k]);
        assert_ok(loom_file_write(path, p, sizes[k], e));
        assert_ok(loom_file_read(path, sizes[k], &back, &n, e));
        assert_int_equal(n, sizes[k]);
        assert_memory_equal(p, back, n);
        assert_int_equal(((char *)back)[n], 0);
        free(back);
        free(p);
        if (sizes[k])
            assert_fails(loom_file_read(path, sizes[k] - 1, &back, &n, e),
                         LOOM_ERR_FORMAT, path);
    }
    free(path);
    test_folder_remove(dir);
}

static void test_wrong_places(void **state)
{
    (void)state;
    char *dir = test_folder(), *fifo = test_path(dir, "fifo");
    void *p;
    size_t n;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_fails(loom_file_read(fifo, 9, &p, &n, e), LOOM_ERR_IO, fifo);
    assert_fails(loom_file_read(dir, 9, &p, &n, e), LOOM_ERR_IO, dir);
    assert_fails(loom_file_read("", 9, &p, &n, e), LOOM_ERR_MISSING, "");
    assert_fails(loom_file_write(dir, "x", 1, e), LOOM_ERR_IO, dir);
    assert_fails(loom_file_write("/nowhere/f", "x", 1, e), LOOM_ERR_MISSING,
                 "/nowhere/f");
    /* No temporary file stays behind, beside the folder either. */
    char *tmp = loom_asprintf("%s.tmp%ld", dir, (long)getpid());
    assert_int_equal(access(tmp, F_OK), -1);
    free(tmp);
    free(fifo);
    test_folder_remove(dir);
}

static void test_folders(void **state)
{
    (void)state;
    char *dir = test_folder();
    static const char *const names[] = {"a", "a", "a/b/c", "d//e", "f/g/"};
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
        struct stat st;
        char *path = test_path(dir, names[k]);
        assert_ok(loom_file_mkdirs(path, e));
        assert_true(!stat(path, &st) && S_ISDIR(st.st_mode));
        free(path);
    }
    char *file = test_path(dir, "file"), *in = test_path(dir, "file/x");
    assert_ok(loom_file_write(file, "x", 1, e));
    assert_fails(loom_file_mkdirs(file, e), LOOM_ERR_IO, file);
    assert_fails(loom_file_mkdirs(in, e), LOOM_ERR_IO, file);
    assert_fails(loom_file_mkdirs("", e), LOOM_ERR_MISSING, "folder");
    assert_ok(loom_file_mkdirs("/", e));
    free(file);
    free(in);
    test_folder_remove(dir);
}

static void test_user_folders(void **state)
{
    (void)state;
    static const struct {
        enum loom_folder which;
        const char *variable, *at_home;
    } cases[] = {
        {LOOM_FOLDER_DATA, "XDG_DATA_HOME", "/home/x/.local/share/bitloom"},
        {LOOM_FOLDER_CACHE, "XDG_CACHE_HOME", "/home/x/.cache/bitloom"},
        {LOOM_FOLDER_STATE, "XDG_STATE_HOME", "/home/x/.local/state/bitloom"}};
    setenv("HOME", "/home/x", 1);
    for (size_t k = 0; k < 3; k++) {
        static const char *const values[] = {"relative", "", "/d"};
        for (size_t v = 0; v < 3; v++) {
            setenv(cases[k].variable, values[v], 1);
            char *dir = loom_folder(cases[k].which);
            assert_string_equal(dir, v < 2 ? cases[k].at_home : "/d/bitloom");
            free(dir);
        }
    }
}

/* A process that makes a scratch folder with a file in it, says its name and
 * waits to be killed. */
static pid_t start_scratch(char *name, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (!pid) {
        char *dir = loom_folder_scratch(NULL);
        char *file = test_path(dir, "f");
        if (loom_file_write(file, "x", 1, NULL) ||
            write(ends[1], dir, strlen(dir) + 1) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    assert_true(read(ends[0], name, size) > 0);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

/* What a killed process leaves goes when the next one begins; what belongs to
 * a living one, or to nobody that we know, stays. */
static void test_scratch(void **state)
{
    (void)state;
    char *base = test_folder(), name[2][512];
    setenv("TMPDIR", base, 1);
    char *other = test_path(base, "bitloom-notes");
    assert_ok(loom_file_mkdirs(other, e));
    pid_t killed = start_scratch(name[0], sizeof(name[0]));
    pid_t alive = start_scratch(name[1], sizeof(name[1]));
    kill(killed, SIGKILL);
    waitpid(killed, NULL, 0);
    assert_int_equal(access(name[0], F_OK), 0);
    char *own = loom_folder_scratch(NULL);
    assert_int_equal(access(name[0], F_OK), -1);
    assert_int_equal(access(name[1], F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
    kill(alive, SIGKILL);
    waitpid(alive, NULL, 0);
    char *next = loom_folder_scratch(NULL);
    assert_int_equal(access(name[1], F_OK), -1);
    assert_int_equal(access(own, F_OK), 0);
    unsetenv("TMPDIR");
    free(own);
    free(next);
    free(other);
    test_folder_remove(base);
}

/* Under the address sanitizer, too, what is too large gives NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_memory(void **state)
{
    (void)state;
    struct loom_errmsg e = {""};
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = loom_try_alloc(n, 3, "block", &e);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t j = 0; j < 3 * n; j++)
            assert_int_equal(p[j], 0);
        free(p);
    }
    assert_null(loom_try_alloc(SIZE_MAX / 2, 4, "overflow", &e));
    assert_non_null(strstr(e.text, "overflow"));
    assert_null(loom_try_alloc(SIZE_MAX, 1, "all of it", &e));
    assert_null(loom_try_alloc(SIZE_MAX / 4096, 8, "too much", NULL));
    char *s = loom_asprintf("%s-%d", "x", 7);
    assert_string_equal(s, "x-7");
    free(s);
}

/* Long sentences are cut, never run over; a prefix keeps what fits. */
static void test_sentences(void **state)
{
    (void)state;
    struct loom_errmsg e;
    char big[2000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    assert_int_equal(loom_fail(&e, LOOM_ERR_IO, "%s", big), LOOM_ERR_IO);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    loom_fail_prefix(&e, LOOM_ERR_IO, "%s", "file");
    assert_int_equal(strncmp(e.text, "file: xxx", 9), 0);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    loom_fail_prefix(&e, LOOM_ERR_IO, "%s", big);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_int_equal(loom_fail(NULL, LOOM_ERR_NAN, "x"), LOOM_ERR_NAN);
    assert_string_equal(loom_strerror(LOOM_ERR_NAN), "not a number");
    assert_string_equal(loom_strerror(-999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_read), cmocka_unit_test(test_wrong_places),
        cmocka_unit_test(test_folders),    cmocka_unit_test(test_user_folders),
        cmocka_unit_test(test_scratch),    cmocka_unit_test(test_memory),
        cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
