#include "engine/folder.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "engine/file.h"
#include "engine/mem.h"

char *loom_folder(enum loom_folder which)
{
    static const char *const variable[] = {"XDG_DATA_HOME", "XDG_CACHE_HOME",
                                           "XDG_STATE_HOME", "XDG_CONFIG_HOME"};
    static const char *const standard[] = {".local/share", ".cache",
                                           ".local/state", ".config"};
    const char *own = getenv(variable[which]), *home = getenv("HOME");
    if (own && own[0] == '/')
        return loom_asprintf("%s/bitloom", own);
    if (!home || home[0] != '/') {
        const struct passwd *user = getpwuid(getuid());
        home = user ? user->pw_dir : "/nonexistent";
    }
    return loom_asprintf("%s/%s/bitloom", home, standard[which]);
}

/* ---- scratch ----------------------------------------------------------- */

/* A folder's name says whose it is: bitloom-PLACE-PID-XXXXXX. PLACE tells
 * apart machines and containers that share the folder but no processes. */
static unsigned place(void)
{
    char text[128] = "";
    if (gethostname(text, 64) < 0)
        text[0] = 0;
    text[63] = 0;
    size_t n = strlen(text);
    ssize_t got = readlink("/proc/self/ns/pid", text + n, sizeof(text) - n);
    return (unsigned)crc32_z(0, (const unsigned char *)text,
                             n + (got > 0 ? (size_t)got : 0));
}

/* Of a process of this place that is no more. */
static bool is_left(const char *name)
{
    unsigned where;
    int pid, end = 0;
    return sscanf(name, "bitloom-%8x-%d-%n", &where, &pid, &end) == 2 && end &&
           where == place() && pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

static void remove_left(const char *base)
{
    DIR *d = opendir(base);
    const struct dirent *f;
    while (d && (f = readdir(d))) {
        if (f->d_name[0] != 'b' || !is_left(f->d_name))
            continue;
        char *path = loom_asprintf("%s/%s", base, f->d_name);
        loom_file_remove_tree(path);
        free(path);
    }
    if (d)
        closedir(d);
}

char *loom_folder_scratch(struct loom_errmsg *e)
{
    const char *base = getenv("TMPDIR");
    base = base && *base ? base : "/tmp";
    remove_left(base);
    char *path = loom_asprintf("%s/bitloom-%08x-%ld-XXXXXX", base, place(),
                               (long)getpid());
    if (mkdtemp(path))
        return path;
    loom_fail(e, LOOM_ERR_IO, "%s: a temporary folder cannot be made: %s", base,
              strerror(errno));
    free(path);
    return NULL;
}
