/* As much of cmocka as tests/unit/test_kernels.c needs, for a processor whose
 * cmocka is not at hand: the first failure ends the program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(f)                                                    \
    {                                                                          \
#f, f                                                                  \
    }
#define print_message printf
#define fail_msg(...)                                                          \
    do {                                                                       \
        printf(__VA_ARGS__);                                                   \
        puts(": FAILED");                                                      \
        exit(1);                                                               \
    } while (0)
#define assert_true(is)                                                        \
    do {                                                                       \
        if (!(is))                                                             \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, #is);                    \
    } while (0)
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_ptr_equal(a, b) assert_true((a) == (b))
#define assert_non_null(p)     assert_true((p) != NULL)
#define assert_float_equal(a, b, e)                                            \
    assert_true(-(e) <= (a) - (b) && (a) - (b) <= (e))

#define cmocka_run_group_tests(tests, setup, teardown)                         \
    run_tests(tests, sizeof(tests) / sizeof(tests[0]))

static inline int run_tests(const struct CMUnitTest *tests, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        void *state = NULL;
        tests[k].run(&state);
        printf("%s: ok\n", tests[k].name);
    }
    return 0;
}
