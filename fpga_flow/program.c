#include "fpga_flow/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "engine/mem.h"

enum { TIMEOUT_S = 300 };

int loom_program_find(const char *dir, char **bitstream, char **device,
                      struct loom_errmsg *e)
{
    json_error_t je;
    int err = 0;
    char *path = loom_asprintf("%s/build.json", dir);
    json_t *j = json_load_file(path, 0, &je);
    const char *file = json_string_value(json_object_get(j, "bitstream"));
    const char *dev = json_string_value(json_object_get(j, "device"));
    if (!file || !dev) {
        err = loom_fail(e, j ? LOOM_ERR_FORMAT : LOOM_ERR_MISSING,
                        "%s: %s; bitloom build writes it when a bitstream is "
                        "done",
                        path, j ? "bitstream or device is missing" : je.text);
    } else {
        /* The folder may have moved since. */
        const char *name = strrchr(file, '/');
        *bitstream = loom_asprintf("%s/%s", dir, name ? name + 1 : file);
        *device = loom_strdup(dev);
    }
    json_decref(j);
    free(path);
    return err;
}

/* What the tool says, to say again if it fails: its last line that is more
 * than a word of farewell, and an earlier one that explains it. */
struct heard {
    const struct loom_program *p;
    char last[2][160];
};

static bool hear(void *ctx, const char *line, bool err)
{
    struct heard *h = ctx;
    if (strlen(line) > 8) {
        memcpy(h->last[0], h->last[1], sizeof h->last[0]);
        snprintf(h->last[1], sizeof h->last[1], "%.159s", line);
    }
    return !h->p->line || h->p->line(h->p->ctx, line, err);
}

static int failed(const struct heard *h, const char *tool, int status,
                  struct loom_errmsg *e)
{
    return loom_fail(e, LOOM_ERR_TOOL,
                     "%s: exit status %d: %s%s%s; is the board plugged in and "
                     "switched on, and may this user open it (udev rules)?",
                     tool, status, h->last[0], *h->last[0] ? "; " : "",
                     *h->last[1] ? h->last[1] : "no message");
}

/* The command line, or LOOM_ERR_ARG. */
static int command(const struct loom_program *p, const char *argv[8],
                   struct loom_errmsg *e)
{
    int n = 0;
    if (p->board) {
        argv[n++] = "openFPGALoader";
        argv[n++] = "--board";
        argv[n++] = p->board;
        argv[n++] = p->flash ? "--write-flash" : "--write-sram";
    } else if (p->device && !strncmp(p->device, "ice40-", 6)) {
        argv[n++] = "iceprog";
        if (!p->flash)
            argv[n++] = "-S";
    } else {
        return loom_fail(e, LOOM_ERR_ARG,
                         "%s%s: name the board with --board; openFPGALoader "
                         "--list-boards knows their names",
                         p->bitstream,
                         p->device ? "" : ": its device is not known");
    }
    argv[n++] = p->bitstream;
    argv[n] = NULL;
    return 0;
}

int loom_program_run(const struct loom_program *p, const char **used,
                     struct loom_errmsg *e)
{
    const char *argv[8];
    struct heard h = {.p = p};
    int err = command(p, argv, e);
    if (err)
        return err;
    if (access(p->bitstream, R_OK))
        return loom_fail(e, LOOM_ERR_MISSING,
                         "%s: no such bitstream; bitloom build makes one",
                         p->bitstream);
    const struct loom_tool t = {.argv = argv,
                                .log = p->log,
                                .timeout_s = TIMEOUT_S,
                                .cancel = p->cancel,
                                .line = hear,
                                .ctx = &h};
    int status = loom_tool_run(&t, e);
    if (used)
        *used = argv[0];
    return status > 0 ? failed(&h, argv[0], status, e) : status;
}
