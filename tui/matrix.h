/* Constant matrices in files: text, `rows cols`, then the integers, row by
 * row. y = x W: rows are inputs, columns outputs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/err.h"
#include "fpga_flow/cmvm.h"

struct cli_matrix {
    int rows, cols;
    int64_t *w; /* [rows][cols], the caller frees it, also after an error */
};

int cli_matrix_read(const char *file, struct cli_matrix *m,
                    struct loom_errmsg *e);

/* Its file's name, without folder and ending, cut to n - 1 letters. */
void cli_matrix_name(const char *file, char *out, size_t n);

/* What a matrix came to; exact: the graph was checked. */
struct cli_graph_size {
    int adders, bits, depth;
    bool exact;
};

/* A graph of the matrix, of inputs that are signed 8 bit; p has the goal and
 * what the search may take. */
int cli_matrix_solve(const struct cli_matrix *m, const struct loom_cmvm *p,
                     struct cli_graph_size *out, struct loom_errmsg *e);
