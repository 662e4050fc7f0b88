#include "engine/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/mem.h"

/* A job is short (a training step) and the next one comes soon (once the
 * parameters are updated), so a worker looks for it this often, some 50
 * microseconds, before it sleeps: waking takes as long as a small step. */
enum { SPINS = 4000, NICE = 10, MAX_THREADS = 256 };

/* On cache lines of its own: `next` is written at every item. */
struct worker {
    struct loom_pool *pool;
    pthread_t thread;
    int number;
    atomic_int next; /* item of its part to take */
} __attribute__((aligned(64)));

struct loom_pool {
    int threads;
    struct worker *worker; /* [threads]; 0 is the caller */
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    atomic_uint job;   /* rises with every job; written under the lock */
    atomic_int active; /* workers still busy with this job */
    bool quit;
    int n;
    void (*work)(void *ud, int item, int worker);
    void *ud;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Where the part of worker w begins. */
static int part(const struct loom_pool *p, int w)
{
    return (int)((long)p->n * w / p->threads);
}

/* Its own part first, then what is left of the others'. */
static void take_items(struct loom_pool *p, int worker)
{
    for (int k = 0; k < p->threads; k++) {
        int owner = (worker + k) % p->threads, item;
        while ((item = atomic_fetch_add(&p->worker[owner].next, 1)) <
               part(p, owner + 1))
            p->work(p->ud, item, worker);
    }
}

/* Wait for a job newer than `seen`; false when the pool ends. */
static bool wait_job(struct loom_pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++)
        if (atomic_load_explicit(&p->job, memory_order_acquire) != seen)
            return !p->quit;
        else
            relax();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->job) == seen)
        pthread_cond_wait(&p->begin, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return !p->quit;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct loom_pool *p = w->pool;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_setname_np(pthread_self(), "worker");
    for (unsigned seen = 0; wait_job(p, seen); seen++) {
        take_items(p, w->number);
        if (atomic_fetch_sub(&p->active, 1) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->end);
            pthread_mutex_unlock(&p->lock);
        }
    }
    return NULL;
}

static void announce(struct loom_pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->job, 1, memory_order_release);
    pthread_cond_broadcast(&p->begin);
    pthread_mutex_unlock(&p->lock);
}

/* Signals are the business of whoever made the pool. */
static int start_worker(struct worker *w)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of a mapped file, see engine/map.h */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

struct loom_pool *loom_pool_new(int threads, struct loom_errmsg *e)
{
    if (threads <= 0)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    struct loom_pool *p = loom_calloc(1, sizeof(*p));
    p->worker = loom_try_alloc((size_t)threads, sizeof(*p->worker), "threads",
                               e);
    if (!p->worker) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->begin, NULL);
    pthread_cond_init(&p->end, NULL);
    p->threads = 1;
    while (p->threads < threads) {
        struct worker *w = &p->worker[p->threads];
        w->pool = p;
        w->number = p->threads;
        int err = start_worker(w);
        if (err) {
            loom_fail(e, LOOM_ERR_NOMEM, "thread %d cannot be started: %s",
                      p->threads, strerror(err));
            loom_pool_destroy(p);
            return NULL;
        }
        p->threads++;
    }
    return p;
}

void loom_pool_destroy(struct loom_pool *p)
{
    if (!p)
        return;
    p->quit = true;
    announce(p);
    for (int k = 1; k < p->threads; k++)
        pthread_join(p->worker[k].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->begin);
    pthread_cond_destroy(&p->end);
    free(p->worker);
    free(p);
}

int loom_pool_threads(const struct loom_pool *p)
{
    return p->threads;
}

void loom_pool_run(struct loom_pool *p, int n,
                   void (*work)(void *ud, int item, int worker), void *ud)
{
    p->n = n;
    p->work = work;
    p->ud = ud;
    for (int k = 0; k < p->threads; k++)
        atomic_store(&p->worker[k].next, part(p, k));
    atomic_store(&p->active, p->threads - 1);
    if (p->threads > 1)
        announce(p);
    take_items(p, 0);
    for (int i = 0; i < SPINS && atomic_load(&p->active); i++)
        relax();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->active))
        pthread_cond_wait(&p->end, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
