/* The command line: what all commands share. A command is one function in a
 * file of its own (cmd_<name>.c), one row in main.c. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "engine/err.h"

/* Exit statuses, a contract with scripts. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

struct cli_command {
    const char *name, *args, *help;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* The exit status that belongs to err. */
int cli_status(int err);

/* Print "bitloom: sentence" on standard error and return the exit status
 * that belongs to err. */
int cli_fail(int err, const struct loom_errmsg *e);

/* Wrong use: print the sentence and how to get help; returns CLI_USAGE. */
__attribute__((format(printf, 2, 3))) int cli_usage(const char *command,
                                                    const char *fmt, ...);

/* An option's number, lo to hi, whole if need be: CLI_DONE, or the exit status
 * after a sentence that says what is expected. */
int cli_number(const char *command, const char *option, const char *value,
               double lo, double hi, bool whole, double *out);

/* One JSON value on a line of standard output, flushed; steals j. Returns
 * CLI_DONE, or CLI_FAILED when standard output is gone. */
int cli_print_json(json_t *j);
/* The same in a file. */
int cli_write_json(FILE *out, json_t *j);

/* The table of main.c, ended by a NULL name; and one row's help on stdout. */
extern const struct cli_command cli_commands[];
void cli_print_help(const struct cli_command *c);

/* "12.3k", "4.0M": a count in at most 6 characters, in caller's buf[16]. */
const char *cli_count(double n, char buf[16]);

/* The options of commands that look into a store and write a file; names of
 * runs or models are left from optind on. CLI_DONE, or the exit status. */
struct cli_out_args {
    const char *out, *store;
    bool json;
};
int cli_out_parse(int argc, char **argv, struct cli_out_args *a);

/* The full-screen program (screen.c), or a sentence that this build has none
 * (noscreen.c). argc, argv as for a command; argv[0] is "tui". */
int cli_screen(int argc, char **argv);
