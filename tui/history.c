#include "tui/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"

enum { LINES = 500, FILE_LINES = 4 * LINES };

struct history {
    char *path;
    int n;
    char *line[LINES];
    int at;                /* shown; n: none */
    char shown[EDIT_SIZE]; /* as it was put into the edit */
    char typed[EDIT_SIZE]; /* by hand, before */
};

static void append(struct history *h, const char *line)
{
    if (h->n && !strcmp(h->line[h->n - 1], line))
        return;
    if (h->n == LINES) {
        free(h->line[0]);
        memmove(h->line, h->line + 1, (LINES - 1) * sizeof *h->line);
        h->n--;
    }
    h->line[h->n++] = loom_strdup(line);
}

/* The file again, of no more than is kept. */
static void rewrite(const struct history *h)
{
    FILE *f = fopen(h->path, "we");
    for (int i = 0; f && i < h->n; i++)
        fprintf(f, "%s\n", h->line[i]);
    if (f)
        fclose(f);
}

struct history *history_new(const char *path)
{
    struct history *h = loom_calloc(1, sizeof *h);
    char line[EDIT_SIZE + 1];
    int n = 0;
    h->path = loom_strdup(path);
    FILE *f = fopen(path, "re");
    for (; f && fgets(line, sizeof line, f); n++) {
        size_t end = strcspn(line, "\n");
        line[end < EDIT_SIZE ? end : EDIT_SIZE - 1] = 0;
        if (line[0])
            append(h, line);
    }
    if (f)
        fclose(f);
    if (n > FILE_LINES)
        rewrite(h);
    h->at = h->n;
    return h;
}

void history_free(struct history *h)
{
    for (int i = 0; h && i < h->n; i++)
        free(h->line[i]);
    if (h)
        free(h->path);
    free(h);
}

void history_add(struct history *h, const char *line)
{
    if (!h)
        return;
    append(h, line);
    h->at = h->n;
    FILE *f = fopen(h->path, "ae");
    if (f) {
        fprintf(f, "%s\n", line);
        fclose(f);
    }
}

void history_turn(struct history *h, int by, struct edit *e)
{
    if (!h)
        return;
    if (h->at == h->n || strcmp(e->text, h->shown) != 0) {
        memcpy(h->typed, e->text, sizeof h->typed);
        h->at = h->n;
    }
    size_t n = strlen(h->typed);
    int at = h->at + by;
    while (at >= 0 && at < h->n && strncmp(h->line[at], h->typed, n) != 0)
        at += by;
    if (at < 0 || (at >= h->n && h->at == h->n))
        return;
    h->at = at < h->n ? at : h->n;
    edit_set(e, h->at < h->n ? h->line[h->at] : h->typed);
    memcpy(h->shown, e->text, sizeof h->shown);
}
