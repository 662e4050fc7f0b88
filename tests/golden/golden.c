#include "tests/golden/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/mem.h"

struct entry {
    char *name;
    struct loom_array array;
    float *f32;
    struct entry *next;
};

struct golden {
    struct loom_npz *npz;
    struct entry *entries;
};

char *golden_folder(void)
{
    const char *top = getenv("LOOM_GOLDEN");
    const char *root = getenv("LOOM_ROOT");
    return top && *top
               ? loom_strdup(top)
               : loom_asprintf("%s/../shared/golden", root ? root : ".");
}

struct golden *golden_open(const char *file)
{
    char *folder = golden_folder();
    char *path = loom_asprintf("%s/hgq2/%s", folder, file);
    if (access(path, R_OK)) {
        free(path);
        path = loom_asprintf("%s/%s", folder, file);
    }
    struct golden *g = NULL;
    if (access(path, R_OK)) {
        print_message("%s is not in %s\n", file, folder);
    } else {
        struct loom_errmsg e;
        g = loom_calloc(1, sizeof(*g));
        g->npz = loom_npz_open(path, &e);
        if (!g->npz)
            fail_msg("%s", e.text);
    }
    free(path);
    free(folder);
    return g;
}

void golden_close(struct golden *g)
{
    while (g->entries) {
        struct entry *x = g->entries;
        g->entries = x->next;
        loom_array_deinit(&x->array);
        free(x->f32);
        free(x->name);
        free(x);
    }
    loom_npz_close(g->npz);
    free(g);
}

static struct entry *find(struct golden *g, const char *name)
{
    for (struct entry *x = g->entries; x; x = x->next)
        if (!strcmp(x->name, name))
            return x;
    struct loom_errmsg e;
    struct entry *x = loom_calloc(1, sizeof(*x));
    if (loom_npz_read(g->npz, name, &x->array, &e) < 0)
        fail_msg("%s: %s", name, e.text);
    x->name = loom_strdup(name);
    x->f32 = loom_array_to_f32(&x->array);
    x->next = g->entries;
    g->entries = x;
    return x;
}

const float *golden_get(struct golden *g, size_t *n, const char *fmt, ...)
{
    char name[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    struct entry *x = find(g, name);
    if (n)
        *n = x->array.n;
    return x->f32;
}

bool golden_has(struct golden *g, const char *fmt, ...)
{
    char name[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    for (size_t k = 0; k < loom_npz_count(g->npz); k++)
        if (!strcmp(loom_npz_name(g->npz, k), name))
            return true;
    return false;
}

size_t golden_dim(struct golden *g, const char *name, int d)
{
    struct entry *x = find(g, name);
    assert_true(d < x->array.n_dims);
    return x->array.dim[d];
}

void golden_exact(const char *what, const float *got, const float *want,
                  size_t n)
{
    size_t bad = 0;
    for (size_t j = 0; j < n; j++)
        if (got[j] != want[j] && !bad++)
            print_message("%s[%zu]: %.9g, should be %.9g\n", what, j,
                          (double)got[j], (double)want[j]);
    if (bad)
        fail_msg("%s: %zu of %zu differ", what, bad, n);
}

void golden_close_to(const char *what, const float *got, const float *want,
                     size_t n, double tolerance)
{
    double top = 0, worst = 0;
    for (size_t j = 0; j < n; j++) {
        top = fmax(top, fabs((double)want[j]));
        worst = fmax(worst, fabs((double)got[j] - (double)want[j]));
        if (isnan(got[j]))
            worst = INFINITY;
    }
    print_message("%-28s largest difference %.2e of the maximum\n", what,
                  top > 0 ? worst / top : worst);
    if (!(worst <= tolerance * (top > 0 ? top : 1)))
        fail_msg("%s: differs by %g, more than %g of the maximum %g", what,
                 worst, tolerance, top);
}
