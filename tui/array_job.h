/* An array of tasks, numbered from 1, that any machine that sees the folder may
 * run. Task K is `bitloom COMMAND --task DIR K`, works in DIR/00K, and leaves
 * its end there in done.json: {status, run, why}. They are made here, several
 * at once, or by a Slurm array, or by DIR/job.sh. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "engine/store.h"

struct array_task {
    char words[160]; /* what it is */
    int mb;          /* of memory it should take; 0: not known */
    bool done;
    int status; /* of a done one: 0, or an exit status */
    char run[LOOM_RUN_ID];
    char why[256]; /* it failed */
};

struct array_job {
    const char *command;
    char *dir; /* absolute; owned */
    int n;
    struct array_task *task; /* [n] owned */
};

void array_deinit(struct array_job *j);

/* Tasks that have failed are to be tried again. */
void array_forget_failures(const struct array_job *j);

/* See how the tasks stand; says on standard error what has ended since, unless
 * quiet. How many are not done. */
int array_take_stock(struct array_job *j, bool quiet);

/* Do what is left, `jobs` tasks at once; no second one starts while the memory
 * that is there does not hold what they should take. do_task(ud, K, e) does
 * one, on a thread of its own; its exit status, or an error; NULL: in a
 * process. Returns when all are done, or LOOM_ERR_CANCELLED. */
int array_run(struct array_job *j, int jobs,
              int (*do_task)(void *ud, int k, struct loom_errmsg *e), void *ud,
              bool quiet, struct loom_errmsg *e);

/* The same on a cluster: submitted, followed, and submitted again (3 times at
 * most) where a task has left the cluster unfinished. */
int array_run_slurm(struct array_job *j, const char *partition, bool quiet,
                    struct loom_errmsg *e);

/* DIR/job.sh: what Slurm, GNU parallel or a shell starts with the number of a
 * task. */
int array_write_script(const char *dir, const char *command,
                       struct loom_errmsg *e);

/* For a task: its end, with the last words of DIR/00K/err.txt if it failed;
 * the exit status. And from now on all that it says goes into its folder. */
int array_end_task(const char *own, const char *run, int status);
int array_redirect(const char *own, struct loom_errmsg *e);

/* Steals o. */
int array_write_json(const char *path, json_t *steal, struct loom_errmsg *e);
/* A text of an object; "" if it is none. */
const char *array_word(const json_t *o, const char *key);
