#include "engine/map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mem.h"

enum { MAX_MAPS = 64 };

/* Where maps are, for the signal: begin is set last and cleared first. */
static struct {
    _Atomic uintptr_t begin, end;
    atomic_bool taken;
} maps[MAX_MAPS];
static struct sigaction before;
static size_t page;

/* Where the file ends now, put zeros up to where it ended. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr / page * page;
    int kept = errno;
    (void)context;
    for (int k = 0; k < MAX_MAPS; k++) {
        uintptr_t begin = maps[k].begin, end = maps[k].end;
        if (begin && at >= begin && at < end &&
            mmap((void *)at, end - at, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                 0) != MAP_FAILED) {
            errno = kept;
            return;
        }
    }
    sigaction(number, &before, NULL); /* not ours: it comes again */
}

/* With every map, as others may have put a handler of theirs in its place. */
static void install(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction ours = {.sa_sigaction = on_bus_error,
                             .sa_flags = SA_SIGINFO};
    struct sigaction now;
    pthread_mutex_lock(&lock);
    page = (size_t)sysconf(_SC_PAGESIZE);
    sigaction(SIGBUS, NULL, &now);
    if (now.sa_sigaction != on_bus_error) {
        before = now;
        sigaction(SIGBUS, &ours, NULL);
    }
    pthread_mutex_unlock(&lock);
}

/* A free place in the table, taken; MAX_MAPS: there is none. */
static int take_place(void)
{
    int k = 0;
    install();
    while (k < MAX_MAPS && atomic_exchange(&maps[k].taken, true))
        k++;
    return k;
}

static int64_t changed(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int open_file(struct loom_map *m, const char *path,
                     struct loom_errmsg *e)
{
    struct stat st;
    /* O_NONBLOCK: a pipe must not hang the open; it is refused below. */
    m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (m->fd < 0)
        return loom_fail(e, errno == ENOENT ? LOOM_ERR_MISSING : LOOM_ERR_IO,
                         "%s: cannot be read: %s", path, strerror(errno));
    if (fstat(m->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return loom_fail(e, LOOM_ERR_IO, "%s: not a plain file", path);
    if (!st.st_size)
        return loom_fail(e, LOOM_ERR_FORMAT, "%s: empty", path);
    m->size = (size_t)st.st_size;
    m->changed_ns = changed(&st);
    return 0;
}

int loom_map_open(struct loom_map *m, const char *path, struct loom_errmsg *e)
{
    *m = (struct loom_map){0};
    int err = open_file(m, path, e), place = err ? MAX_MAPS : take_place();
    void *at = MAP_FAILED;
    if (place < MAX_MAPS)
        at = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
    if (at != MAP_FAILED) {
        maps[place].end = (uintptr_t)at + m->size;
        maps[place].begin = (uintptr_t)at;
        m->data = at;
        m->path = loom_strdup(path);
        return 0;
    }
    if (!err)
        err = loom_fail(e, LOOM_ERR_NOMEM, "%s: it cannot be mapped", path);
    if (place < MAX_MAPS)
        maps[place].taken = false;
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct loom_map){0};
    return err;
}

void loom_map_close(struct loom_map *m)
{
    if (!m->data)
        return;
    for (int k = 0; k < MAX_MAPS; k++)
        if (maps[k].begin == (uintptr_t)m->data) {
            maps[k].begin = 0;
            maps[k].taken = false;
        }
    munmap((void *)(uintptr_t)m->data, m->size);
    close(m->fd);
    free(m->path);
    *m = (struct loom_map){0};
}

int loom_map_check(const struct loom_map *m, struct loom_errmsg *e)
{
    struct stat st;
    if (!m->data)
        return 0;
    if (!fstat(m->fd, &st) && (size_t)st.st_size == m->size &&
        changed(&st) == m->changed_ns)
        return 0;
    return loom_fail(e, LOOM_ERR_IO,
                     "%s: it was changed while its rows were in use; put it "
                     "back, or begin anew",
                     m->path);
}
