/* bitloom [SCRIPT.lua]: the full-screen program. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli.h"
#include "tui/config.h"
#include "tui/keeper.h"
#include "tui/loop.h"
#include "tui/plain.h"

static int work(void *arg)
{
    return loop_run(arg);
}

/* A script must be a file that can be read, and is no command misspelt. */
static int check_script(const char *script)
{
    size_t n = strlen(script);
    bool lua = n > 4 && !strcmp(script + n - 4, ".lua");
    if (access(script, R_OK) == 0)
        return CLI_DONE;
    if (!lua)
        return cli_usage(NULL, "%s is neither a command nor a script", script);
    fprintf(stderr, "bitloom: %s cannot be read: is it the right folder?\n",
            script);
    return CLI_USAGE;
}

int cli_screen(int argc, char **argv)
{
    struct args a;
    int rc = args_parse(&a, ARGS_SCREEN, argc, argv);
    if (rc)
        return rc;
    if (a.conf.script)
        rc = check_script(a.conf.script);
    if (!rc && a.plain) {
        rc = plain_run(&a);
        args_deinit(&a);
        return rc;
    }
    if (!rc && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        rc = cli_usage(NULL, "the screen needs a terminal; without one: "
                             "bitloom run SCRIPT.lua, or --plain");
    struct config c;
    struct loom_errmsg e;
    if (!rc && config_load(NULL, &c, &e)) {
        fprintf(stderr, "bitloom: %s\n", e.text);
        rc = CLI_USAGE;
    }
    a.config = &c;
    if (!rc)
        rc = keeper_run(work, &a);
    args_deinit(&a);
    return rc;
}
