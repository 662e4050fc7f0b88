/* Supervised child processes. A keeper process stands between us and the
 * tool: it ends the tool's whole process group (SIGTERM, then SIGKILL), and
 * whoever left that, when it is told to or when we die, and reaps all of it.
 * Nothing survives the call, or us. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/err.h"

/* One line of the tool's output, without its end; `err`: from standard error.
 * Return false to have the tool ended (loom_tool_run gives
 * LOOM_TOOL_STOPPED). */
typedef bool (*loom_tool_line)(void *ctx, const char *line, bool err);

struct loom_tool {
    const char *const *argv;   /* [0] is looked up; NULL ends */
    const char *dir;           /* working folder, NULL: ours */
    const char *log;           /* every line is appended to it; NULL: none */
    double timeout_s;          /* 0: none */
    const atomic_bool *cancel; /* polled; may be NULL */
    loom_tool_line line;       /* may be NULL */
    void *ctx;
};

enum { LOOM_TOOL_STOPPED = 1000 };

/* Find a program in the folders of LOOM_TOOLS, then in PATH, then where
 * ./run install-ecp5 puts it. LOOM_ERR_TOOL with one line that says what to
 * type. */
int loom_tool_find(const char *name, char *path, size_t size,
                   struct loom_errmsg *e);

/* The same, but from the folder of the program at path `mate` if that has one
 * and LOOM_TOOLS has none: tools of one version go together. */
int loom_tool_find_beside(const char *mate, const char *name, char *path,
                          size_t size, struct loom_errmsg *e);

/* Run to the end. Returns the exit status 0..255, 128 + signal, or
 * LOOM_TOOL_STOPPED; LOOM_ERR_CANCELLED, LOOM_ERR_TOOL (deadline, or there
 * is no such program) or LOOM_ERR_IO with a sentence. Ends within a second of
 * `cancel`. The tool has its own TMPDIR, removed afterwards. */
int loom_tool_run(const struct loom_tool *t, struct loom_errmsg *e);

/* The sentence for a tool that ended with a status that is not 0, `said` being
 * the last that it had to say ("": nothing), and its work in `dir`: the disk is
 * full (LOOM_ERR_IO), a signal ended it, or what it said. */
int loom_tool_failed(const char *name, int status, const char *said,
                     const char *dir, struct loom_errmsg *e);

/* Whether the disk that this folder is on has no room left. */
bool loom_disk_is_full(const char *dir);

/* The first line of `name ARG`'s output, e.g. its version; "" if none. */
void loom_tool_version(const char *name, const char *arg, char *out,
                       size_t size);
