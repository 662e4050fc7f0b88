#include "tests/data/support.h"

#include <ftw.h>

char *test_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = loom_asprintf("%s/loom-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        exit(1);
    }
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void test_folder_remove(char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

char *test_path(const char *dir, const char *name)
{
    return loom_asprintf("%s/%s", dir, name);
}

char *test_shared(const char *name)
{
    const char *shared = getenv("LOOM_SHARED"), *root = getenv("LOOM_ROOT");
    char *path =
        shared ? test_path(shared, name)
               : loom_asprintf("%s/../shared/%s", root ? root : ".", name);
    if (access(path, R_OK) == 0)
        return path;
    fprintf(stderr, "skipped: %s is not here\n", path);
    free(path);
    return NULL;
}
