/* What the tests of this folder share: cmocka with its includes, a scratch
 * folder, the folder of large shared files. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/err.h"
#include "engine/mem.h"

/* An error must name the file (or whatever `what` is) in its sentence. */
#define assert_fails(call, code, what)                                         \
    do {                                                                       \
        struct loom_errmsg e_ = {""};                                          \
        struct loom_errmsg *e = &e_;                                           \
        int err_ = (call);                                                     \
        if (err_ != (code) || !strstr(e_.text, what))                          \
            fail_msg("%s: %d, \"%s\"", #call, err_, e_.text);                  \
    } while (0)

#define assert_ok(call)                                                        \
    do {                                                                       \
        struct loom_errmsg e_ = {""};                                          \
        struct loom_errmsg *e = &e_;                                           \
        int err_ = (call);                                                     \
        if (err_ < 0)                                                          \
            fail_msg("%s: %d, \"%s\"", #call, err_, e_.text);                  \
    } while (0)

/* A fresh folder under $TMPDIR; removed with all it holds. */
char *test_folder(void);
void test_folder_remove(char *dir);

/* "<dir>/<name>" in fresh memory. */
char *test_path(const char *dir, const char *name);

/* A file of the shared folder (LOOM_SHARED, else ../shared beside the source
 * root) in fresh memory; NULL, with a line that says so, if it is absent. */
char *test_shared(const char *name);
