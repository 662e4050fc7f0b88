#include "tests/data/support.h"

#include "engine/file.h"

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

void test_folder_remove(char *dir)
{
    loom_file_remove_tree(dir);
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
