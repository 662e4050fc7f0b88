#include "tui/matrix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"
#include "engine/mem.h"
#include "fpga_flow/cmvm_graph.h"

/* The next integer of a text, in [lo, hi]. */
static int next(const char **at, const char *file, const char *what, int64_t lo,
                int64_t hi, int64_t *out, struct loom_errmsg *e)
{
    char *end;
    const char *from = *at + strspn(*at, " \t\r\n");
    size_t n = strcspn(from, " \t\r\n");
    int show = n < 20 ? (int)n : 20;
    errno = 0;
    long long v = strtoll(from, &end, 10);
    if (!n || end != from + n)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: %s: expected an integer, found \"%.*s\"", file,
                         what, show, from);
    if (errno || v < lo || v > hi)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: %s: %.*s is not in %lld to %lld", file, what,
                         show, from, (long long)lo, (long long)hi);
    *at = end;
    *out = v;
    return 0;
}

static int parse_matrix(const char *text, const char *file,
                        struct cli_matrix *m, struct loom_errmsg *e)
{
    static const int64_t most = INT64_C(1) << 40;
    enum { SIZE = 4096, ALL = 1 << 22 };
    int64_t rows, cols;
    int err = next(&text, file, "rows", 1, SIZE, &rows, e);
    if (!err)
        err = next(&text, file, "cols", 1, SIZE, &cols, e);
    if (err)
        return err;
    if (rows * cols > ALL)
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: %lld x %lld: more than %d integers", file,
                         (long long)rows, (long long)cols, ALL);
    m->rows = (int)rows;
    m->cols = (int)cols;
    m->w = loom_calloc((size_t)(rows * cols), sizeof(*m->w));
    for (int64_t i = 0; i < rows * cols; i++) {
        char what[64];
        snprintf(what, sizeof(what), "row %lld, column %lld",
                 (long long)(i / cols + 1), (long long)(i % cols + 1));
        err = next(&text, file, what, -most, most, &m->w[i], e);
        if (err)
            return err;
    }
    if (text[strspn(text, " \t\r\n")])
        return loom_fail(e, LOOM_ERR_FORMAT,
                         "%s: more than %lld x %lld integers", file,
                         (long long)rows, (long long)cols);
    return 0;
}

int cli_matrix_read(const char *file, struct cli_matrix *m,
                    struct loom_errmsg *e)
{
    enum { MOST = 1 << 26 };
    void *text;
    size_t n;
    int err = loom_file_read(file, MOST, &text, &n, e);
    if (err)
        return err;
    err = parse_matrix(text, file, m, e);
    free(text);
    return err;
}

void cli_matrix_name(const char *file, char *out, size_t n)
{
    const char *base = strrchr(file, '/');
    snprintf(out, n, "%s", base ? base + 1 : file);
    out[strcspn(out, ".")] = 0;
}

int cli_matrix_solve(const struct cli_matrix *m, const struct loom_cmvm *p,
                     struct cli_graph_size *out, struct loom_errmsg *e)
{
    int64_t *lo = loom_calloc((size_t)m->rows, sizeof(*lo));
    int64_t *hi = loom_calloc((size_t)m->rows, sizeof(*hi));
    struct loom_cmvm full = *p;
    struct loom_cmvm_sums s;
    for (int i = 0; i < m->rows; i++) {
        lo[i] = -128;
        hi[i] = 127;
    }
    full.n_in = m->rows;
    full.n_out = m->cols;
    full.w = m->w;
    full.lo = lo;
    full.hi = hi;
    int err = loom_cmvm_solve(&full, &s, e);
    if (!err) {
        struct loom_cmvm_graph g;
        loom_cmvm_graph_make(&g, &s);
        *out = (struct cli_graph_size){.adders = g.n_adds,
                                       .bits = loom_cmvm_graph_bits(&g),
                                       .depth = loom_cmvm_graph_depth(&g),
                                       .exact = loom_cmvm_graph_is(&g, m->w)};
        loom_cmvm_graph_deinit(&g);
        loom_cmvm_sums_deinit(&s);
    }
    free(lo);
    free(hi);
    return err;
}
