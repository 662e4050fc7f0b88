#include "engine/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

static int64_t read_memory(struct loom_bytes *b, void *p, size_t n)
{
    if (n > b->left)
        n = (size_t)b->left;
    if (n)
        memcpy(p, b->at, n);
    b->at += n;
    return (int64_t)n;
}

void loom_bytes_memory(struct loom_bytes *b, const void *p, size_t n,
                       const char *name)
{
    *b = (struct loom_bytes){name, n, read_memory, p, NULL};
}

static int64_t read_gzip(struct loom_bytes *b, void *p, size_t n)
{
    int got = gzread(b->from, p, n > 1u << 30 ? 1u << 30 : (unsigned)n);
    int err = Z_OK;
    if (!got)
        gzerror(b->from, &err); /* an end in the middle is not an end */
    return err == Z_OK || err == Z_STREAM_END ? got : -1;
}

int loom_bytes_open(struct loom_bytes *b, const char *path,
                    struct loom_errmsg *e)
{
    /* O_NONBLOCK: a pipe must not hang the open; it is refused below. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return loom_fail(e, errno == ENOENT ? LOOM_ERR_MISSING : LOOM_ERR_IO,
                         "%s: cannot be read: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return loom_fail(e, LOOM_ERR_IO, "%s: not a plain file", path);
    }
    gzFile g = gzdopen(fd, "rb");
    if (!g) {
        close(fd);
        return loom_fail(e, LOOM_ERR_NOMEM, "%s: no memory to read it", path);
    }
    gzbuffer(g, 1 << 17);
    uint64_t size = (uint64_t)st.st_size;
    uint64_t left = gzdirect(g) ? size : size * LOOM_DEFLATE_RATIO;
    *b = (struct loom_bytes){path, left, read_gzip, NULL, g};
    return 0;
}

void loom_bytes_close(struct loom_bytes *b)
{
    gzclose_r(b->from);
    b->from = NULL;
}

static int fail_damaged(const struct loom_bytes *b, struct loom_errmsg *e)
{
    return loom_fail(e, LOOM_ERR_FORMAT,
                     "%s: damaged: it cannot be unpacked or its checksum is "
                     "wrong; fetch or save it again",
                     b->name);
}

int loom_bytes_read(struct loom_bytes *b, void *p, size_t n,
                    struct loom_errmsg *e)
{
    char *to = p;
    while (n) {
        int64_t got = n <= b->left ? b->read(b, to, n) : 0;
        if (got < 0)
            return fail_damaged(b, e);
        if (!got)
            return loom_fail(e, LOOM_ERR_FORMAT,
                             "%s: cut short: %zu more bytes expected; "
                             "fetch or save it again",
                             b->name, n);
        n -= (size_t)got;
        to += got;
        b->left -= (uint64_t)got;
    }
    return 0;
}

int loom_bytes_end(struct loom_bytes *b, struct loom_errmsg *e)
{
    char extra;
    int64_t got = b->read(b, &extra, 1);
    if (got > 0)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: more bytes than its header says", b->name);
    return got < 0 ? fail_damaged(b, e) : 0;
}
