/* A table of runs for other programs: every number in full, measured and
 * predicted cells in columns of their own. */
#pragma once

#include "tui/filter.h"

enum runs_format { RUNS_CSV, RUNS_MARKDOWN, RUNS_TABS };

/* The caller frees. Texts that could break the table are quoted. */
char *runs_export_text(const struct filter_row *const *row, int n,
                       enum runs_format format);

/* Of a file's name: .csv, .md, .tsv; -1: another. */
int runs_export_format(const char *path);
