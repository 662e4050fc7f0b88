/* A run as JSON lines, schema bitloom/run/1. */
#pragma once

#include <stdio.h>

#include "lua/session.h"

/* A line for the event, if it has one; flushed. ferror(out) says whether it is
 * lost. */
void run_write_event(FILE *out, const struct loom_event *ev);

/* The last line: the run as it is in the end. */
void run_write_done(FILE *out, const struct loom_train_view *t, bool complete);

/* Index of the point of the front with the best metric; -1: none. */
int run_best(const struct loom_train_view *t);
