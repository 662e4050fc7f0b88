#include "engine/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mem.h"

static int fail_errno(struct loom_errmsg *e, const char *path, const char *what)
{
    int err = errno == ENOENT ? LOOM_ERR_MISSING : LOOM_ERR_IO;
    const char *hint = errno == ENOSPC   ? "; free some space and try again"
                       : errno == EACCES ? "; check its permissions"
                       : errno == EROFS  ? "; choose another folder"
                                         : "";
    return loom_fail(e, err, "%s: %s: %s%s", path, what, strerror(errno), hint);
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* The rename is durable only when the folder is on disk too. */
static void sync_folder(const char *path)
{
    char *copy = loom_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

int loom_file_write(const char *path, const void *data, size_t n,
                    struct loom_errmsg *e)
{
    char *tmp = loom_asprintf("%s.tmp%ld", path, (long)getpid());
    int err = 0;
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        err = fail_errno(e, path, "cannot be written");
        goto out;
    }
    if (write_all(fd, data, n) < 0 || fsync(fd) < 0)
        err = fail_errno(e, path, "writing failed");
    if (close(fd) < 0 && !err)
        err = fail_errno(e, path, "writing failed");
    if (!err && rename(tmp, path) < 0)
        err = fail_errno(e, path, "cannot be replaced");
    if (err)
        unlink(tmp);
    else
        sync_folder(path);
out:
    free(tmp);
    return err;
}

/* NAME.tmp<pid> */
static bool is_half(const char *name)
{
    const char *p = strstr(name, ".tmp");
    return p && p[4] && strspn(p + 4, "0123456789") == strlen(p + 4);
}

void loom_file_remove_halves(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (is_half(f->d_name))
            unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
}

int loom_file_read(const char *path, size_t max, void **data, size_t *n,
                   struct loom_errmsg *e)
{
    int err = 0;
    struct stat st;
    char *buf = NULL;
    /* O_NONBLOCK: a pipe must not hang the open; it is refused below. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(e, path, "cannot be read");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        err = loom_fail(e, LOOM_ERR_IO, "%s: not a plain file", path);
        goto out;
    }
    if ((uintmax_t)st.st_size > max) {
        err =
            loom_fail(e, LOOM_ERR_FORMAT, "%s: %jd bytes, at most %zu are read",
                      path, (intmax_t)st.st_size, max);
        goto out;
    }
    size_t size = (size_t)st.st_size, got = 0;
    buf = malloc(size + 1);
    if (!buf) {
        err = loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory for its %zu bytes",
                        path, size);
        goto out;
    }
    while (got < size) {
        ssize_t r = read(fd, buf + got, size - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0) {
            err = r < 0
                      ? fail_errno(e, path, "reading failed")
                      : loom_fail(e, LOOM_ERR_IO,
                                  "%s: became shorter while it was read", path);
            goto out;
        }
        got += (size_t)r;
    }
    buf[size] = 0;
    *data = buf;
    *n = size;
    buf = NULL;
out:
    free(buf);
    close(fd);
    return err;
}

int loom_file_mkdirs(const char *path, struct loom_errmsg *e)
{
    char *copy = loom_strdup(path);
    int err = 0;
    for (char *p = copy + (*copy == '/'); !err; p++) {
        if (*p && *p != '/')
            continue;
        char old = *p;
        *p = 0;
        if (mkdir(copy, 0777) < 0 && errno != EEXIST)
            err = fail_errno(e, copy, "the folder cannot be made");
        *p = old;
        if (!old)
            break;
    }
    struct stat st;
    if (!err && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
        err = loom_fail(e, LOOM_ERR_IO, "%s: not a folder", path);
    free(copy);
    return err;
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int loom_file_remove_tree(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0 && errno == ENOENT)
        return 0;
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
