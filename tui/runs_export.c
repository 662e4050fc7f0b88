#include "tui/runs_export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/runs_data.h"

enum { LAST = 20 };

static const char *const titles[LAST] = {
    "run",   "state",   "metric",   "best",           "unit",
    "epoch", "ebops",   "epochs",   "device",         "lut4",
    "lc",    "ff",      "fmax_mhz", "predicted_lut4", "predicted_lc",
    "seed",  "started", "parent",   "tags",           "note"};

static void number(char out[64], double v)
{
    out[0] = 0;
    if (isfinite(v))
        snprintf(out, 64, "%.9g", v);
}

/* Cell i of a run; numbers go to buf. */
static const char *cell(const struct filter_row *row, int i, char buf[64])
{
    const struct loom_store_run *r = row->run;
    const struct loom_store_cost *c = row->cost;
    const double nan = (double)NAN;
    const double cells[] = {c ? c->lut4 : nan,
                            c ? c->lc : nan,
                            c ? c->ff : nan,
                            c ? c->fmax_mhz : nan,
                            c ? c->predicted_lut4 : nan,
                            c ? c->predicted_lc : nan};
    const char *texts[LAST] = {
        [0] = r->id,
        [1] = loom_run_state_word(r->state),
        [2] = r->metric,
        [4] = r->unit,
        [8] = c ? c->device : "",
        [17] = r->parent,
        [18] = r->tags,
        [19] = r->note,
    };
    if (texts[i])
        return texts[i];
    buf[0] = 0;
    if (i == 3 && r->best_epoch)
        number(buf, r->best_metric);
    else if (i == 5 && r->best_epoch)
        snprintf(buf, 64, "%d", r->best_epoch);
    else if (i == 6 && r->best_epoch)
        number(buf, r->best_ebops);
    else if (i == 7)
        snprintf(buf, 64, "%d", r->epochs);
    else if (i >= 9 && i <= 14)
        number(buf, cells[i - 9]);
    else if (i == 15)
        snprintf(buf, 64, "%llu", (unsigned long long)r->seed);
    else if (i == 16)
        runs_time_text(r->started, buf);
    return buf;
}

static void quoted(FILE *f, const char *text, enum runs_format format)
{
    bool quote = format == RUNS_CSV && text[strcspn(text, ",\"\n\r")];
    if (quote)
        fputc('"', f);
    for (const char *p = text; *p; p++) {
        bool space =
            format != RUNS_CSV && (*p == '\n' || *p == '\r' || *p == '\t');
        if (format == RUNS_MARKDOWN && (*p == '|' || *p == '\\'))
            fputc('\\', f);
        if (quote && *p == '"')
            fputc('"', f);
        fputc(space ? ' ' : *p, f);
    }
    if (quote)
        fputc('"', f);
}

static void line(FILE *f, const struct filter_row *row, enum runs_format format)
{
    static const char between[] = {',', '|', '\t'};
    char buf[64];
    if (format == RUNS_MARKDOWN)
        fputs("| ", f);
    for (int i = 0; i < LAST; i++) {
        if (i && format == RUNS_MARKDOWN)
            fputs(" | ", f);
        else if (i)
            fputc(between[format], f);
        quoted(f, row ? cell(row, i, buf) : titles[i], format);
    }
    fputs(format == RUNS_MARKDOWN ? " |\n" : "\n", f);
}

char *runs_export_text(const struct filter_row *const *row, int n,
                       enum runs_format format)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        abort();
    line(f, NULL, format);
    for (int i = 0; format == RUNS_MARKDOWN && i <= LAST; i++)
        fputs(i == LAST ? "|\n" : "|---", f);
    for (int i = 0; i < n; i++)
        line(f, row[i], format);
    fclose(f);
    return text;
}

int runs_export_format(const char *path)
{
    const char *end = strrchr(path, '.');
    return !end                   ? -1
           : !strcmp(end, ".csv") ? RUNS_CSV
           : !strcmp(end, ".md")  ? RUNS_MARKDOWN
           : !strcmp(end, ".tsv") ? RUNS_TABS
                                  : -1;
}
