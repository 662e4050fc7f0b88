/* Results of tools: found again by the same call only, whole or not at all. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/memo.h"

static char dir[64], cache[96];

static const char *const words[] = {"tool", "-x", NULL};
static const char *const in[] = {"a", "b", NULL};
static const char *const out[] = {"c", "d", NULL};
static const struct loom_memo call = {
    .dir = dir, .argv = words, .version = "1", .in = in, .out = out};

static void put(const char *name, const char *text)
{
    char *path = loom_asprintf("%s/%s", dir, name);
    assert_int_equal(loom_file_write(path, text, strlen(text), NULL), 0);
    free(path);
}

static void check(const char *name, const char *text)
{
    char *path = loom_asprintf("%s/%s", dir, name);
    void *data;
    size_t n;
    assert_int_equal(loom_file_read(path, 1 << 20, &data, &n, NULL), 0);
    assert_string_equal(data, text);
    free(data);
    free(path);
}

static bool take(struct loom_memo m)
{
    loom_memo_init(&m);
    bool there = loom_memo_take(&m);
    loom_memo_deinit(&m);
    return there;
}

static void keep(struct loom_memo m)
{
    loom_memo_init(&m);
    assert_non_null(m.entry);
    loom_memo_keep(&m);
    loom_memo_deinit(&m);
}

static int fresh(void **state)
{
    (void)state;
    put("a", "first input");
    put("b", "second input");
    put("c", "one result");
    put("d", "");
    return 0;
}

static void test_same_call(void **state)
{
    (void)state;
    assert_false(take(call));
    keep(call);
    put("c", "lost");
    put("d", "lost");
    assert_true(take(call));
    check("c", "one result");
    check("d", "");
    keep(call); /* once more does no harm */
    assert_true(take(call));
}

static void test_other_calls(void **state)
{
    (void)state;
    static const char *const other[] = {"tool", "-y", NULL};
    struct loom_memo m = call;
    keep(call);
    m.argv = other;
    assert_false(take(m));
    m = call;
    m.version = "2";
    assert_false(take(m));
    put("b", "another input");
    assert_false(take(call));
    put("b", "second input");
    assert_true(take(call));
}

/* Any byte changed or missing: there is no result, and the next try is as if
 * there never had been. */
static void test_damage(void **state)
{
    (void)state;
    struct loom_memo m = call;
    loom_memo_init(&m);
    char *path = loom_asprintf("%s/c.gz", m.entry);
    for (int cut = 0; cut < 2; cut++) {
        void *data;
        size_t n;
        loom_memo_keep(&m);
        assert_int_equal(loom_file_read(path, 1 << 20, &data, &n, NULL), 0);
        ((unsigned char *)data)[n - 6] ^= 1; /* of the checksum */
        assert_int_equal(loom_file_write(path, data, n - (size_t)cut * 3, NULL),
                         0);
        free(data);
        assert_false(loom_memo_take(&m));
        assert_int_equal(access(m.entry, F_OK), -1);
    }
    free(path);
    loom_memo_deinit(&m);
}

static void test_nowhere(void **state)
{
    (void)state;
    struct loom_memo m = call;
    setenv("LOOM_CACHE", "", 1);
    loom_memo_init(&m);
    assert_null(m.entry);
    assert_false(loom_memo_take(&m));
    loom_memo_keep(&m);
    setenv("LOOM_CACHE", "/proc/none", 1);
    keep(call);
    assert_false(take(call));
    setenv("LOOM_CACHE", cache, 1);
}

/* A folder that grows too large loses what was used longest ago. */
static void test_room(void **state)
{
    (void)state;
    static const char *const names[] = {"0123456789012345678901234567890123456"
                                        "789012345678901234567890123456789old",
                                        "0123456789012345678901234567890123456"
                                        "789012345678901234567890123456789new"};
    char *folder[2];
    for (int i = 0; i < 2; i++) {
        folder[i] = loom_asprintf("%s/%s", cache, names[i]);
        char *file = loom_asprintf("%s/f", folder[i]);
        assert_int_equal(loom_file_mkdirs(folder[i], NULL), 0);
        int fd = open(file, O_CREAT | O_WRONLY, 0600);
        assert_int_equal(ftruncate(fd, LOOM_MEMO_BYTES * 3 / 4), 0);
        close(fd);
        free(file);
        struct timespec when[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        assert_int_equal(utimensat(AT_FDCWD, folder[i], when, 0), 0);
    }
    put("a", "something else");
    keep(call);
    assert_int_equal(access(folder[0], F_OK), -1);
    assert_int_equal(access(folder[1], F_OK), 0);
    assert_true(take(call));
    free(folder[0]);
    free(folder[1]);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/bitloom-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(cache, sizeof(cache), "%s/cache", dir);
    return setenv("LOOM_CACHE", cache, 1);
}

static int remove_dir(void **state)
{
    (void)state;
    return loom_file_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same_call, fresh),
        cmocka_unit_test_setup(test_other_calls, fresh),
        cmocka_unit_test_setup(test_damage, fresh),
        cmocka_unit_test_setup(test_nowhere, fresh),
        cmocka_unit_test_setup(test_room, fresh),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
