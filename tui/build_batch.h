/* Several builds as an array of tasks (array_job.h): every model, or every
 * point of a run's front, on every device. DIR/builds.json holds the words of
 * each; task K builds into DIR/00K. */
#pragma once

#include <stdbool.h>

/* Whether the words of `bitloom build` ask for several. */
bool build_batch_is(int argc, char **argv);

/* Do them; and one of them, `build --task DIR K`. Exit statuses. */
int build_batch(int argc, char **argv);
int build_batch_task(int argc, char **argv);
