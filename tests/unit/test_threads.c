/* The worker pool and the mailbox, hard at work. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "engine/mailbox.h"
#include "engine/pool.h"

/* ---- pool -------------------------------------------------------------- */

enum { ITEMS = 64 };

struct job {
    int threads;
    long value[ITEMS];
    atomic_int times[ITEMS], busy[16];
};

static void work(void *ud, int item, int worker)
{
    struct job *j = ud;
    if (worker < 0 || worker >= j->threads)
        abort();
    if (atomic_fetch_add(&j->busy[worker], 1)) /* one item at a time each */
        abort();
    j->value[item] += item * item; /* plain: must be visible to the caller */
    atomic_fetch_add(&j->times[item], 1);
    atomic_fetch_sub(&j->busy[worker], 1);
}

static void test_pool(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        struct loom_errmsg e;
        struct job j = {.threads = threads};
        struct loom_pool *p = loom_pool_new(threads, &e);
        assert_non_null(p);
        assert_int_equal(loom_pool_threads(p), threads);
        for (int run = 1; run <= 500; run++) {
            int n = run % (ITEMS + 1);
            long before = 0, after = 0, want = 0;
            for (int k = 0; k < ITEMS; k++)
                before += j.value[k];
            loom_pool_run(p, n, work, &j);
            for (int k = 0; k < ITEMS; k++)
                after += j.value[k];
            for (int k = 0; k < n; k++)
                want += k * k;
            assert_int_equal(after - before, want);
        }
        for (int k = 1; k < ITEMS; k++)
            assert_true(atomic_load(&j.times[k]) <=
                        atomic_load(&j.times[k - 1]));
        loom_pool_destroy(p);
    }
}

/* A pool may end at any time: at once, after a pause when workers sleep. */
static void test_pool_ends(void **state)
{
    (void)state;
    for (int k = 0; k < 60; k++) {
        struct loom_errmsg e;
        struct loom_pool *p = loom_pool_new(4, &e);
        struct job j = {.threads = 4};
        if (k % 3)
            loom_pool_run(p, k, work, &j);
        if (k % 10 == 0)
            usleep(2000);
        if (k % 2)
            loom_pool_run(p, k, work, &j);
        loom_pool_destroy(p);
    }
    loom_pool_destroy(NULL);
}

/* ---- mailbox ----------------------------------------------------------- */

enum { WORDS = 300, PUTS = 30000 };

struct letter {
    long word[WORDS];
};

static void *write_letters(void *ud)
{
    struct letter l;
    for (long n = 1; n <= PUTS; n++) {
        for (int k = 0; k < WORDS; k++)
            l.word[k] = n;
        loom_mailbox_put(ud, &l);
    }
    return NULL;
}

/* What is read is one whole letter, never older than the one before, and it
 * does not change while it is held; the last one arrives. */
static void test_mailbox(void **state)
{
    (void)state;
    struct loom_errmsg e;
    struct loom_mailbox *m = loom_mailbox_new(sizeof(struct letter), &e);
    pthread_t writer;
    long last = 0, got = 0;
    assert_null(loom_mailbox_get(m));
    pthread_create(&writer, NULL, write_letters, m);
    while (last < PUTS) {
        const struct letter *l = loom_mailbox_get(m);
        if (!l)
            continue;
        long n = l->word[0];
        for (int k = 0; k < WORDS; k++)
            if (l->word[k] != n)
                fail_msg("torn: %ld beside %ld", l->word[k], n);
        assert_true(n >= last);
        got += n > last;
        last = n;
    }
    pthread_join(writer, NULL);
    assert_int_equal(((const struct letter *)loom_mailbox_get(m))->word[0],
                     PUTS);
    print_message("%d put, %ld seen\n", PUTS, got);
    loom_mailbox_destroy(m);
    loom_mailbox_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_ends),
        cmocka_unit_test(test_mailbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
