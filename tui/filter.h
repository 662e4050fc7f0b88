/* Which runs to list: an expression over what the store knows of a run.
 *
 *   acc > .75 and lut < 5000        comparisons: < <= > >= = != ~
 *   ebops < 4k   started > 2026-11-01   numbers may end in k, M, G
 *   #beta   not #old                a tag
 *   muon "two words"                a part of any text, in any case
 *   /mnist-00[1-5]/i                a regular expression (PCRE2) on any text
 *   state = failed   script ~ jets  a text: the whole of it, or a part
 *
 * "and" binds closer than "or" and may be left out; parentheses group.
 * Names: id state tags note script parent reason; metric (or the name of the
 * run's own, "acc" for "accuracy"), ebops lut4 lc fmax epochs seed builds
 * points started ended; any other is looked up among the run's settings. A
 * comparison with a number that a run does not have is false. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "engine/err.h"
#include "engine/store.h"

/* What is asked of one run; borrowed. */
struct filter_row {
    const struct loom_store_run *run;
    const struct loom_store_cost *cost; /* NULL: never built */
    json_t *settings;                   /* NULL: none */
};

struct filter;

/* An empty text lets all pass. NULL with a sentence and, where at is not
 * NULL, the byte of the text that it is about. filter_free(NULL) is fine. */
struct filter *filter_parse(const char *text, size_t *at,
                            struct loom_errmsg *e);
void filter_free(struct filter *f);

bool filter_match(struct filter *f, const struct filter_row *row);

/* After some matches: a name in the expression that none of those runs had, or
 * NULL. It is likely misspelt. */
const char *filter_unknown(const struct filter *f);

/* A setting as a number, also one that --set gave; NaN: it is none. */
double filter_setting(const json_t *settings, const char *name);

/* Add the names of all settings that are numbers to an object, as keys. */
void filter_setting_names(const json_t *settings, json_t *names);
