/* bitloom run SCRIPT.lua: the same run without a screen. */
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/run_job.h"

int cmd_run(int argc, char **argv)
{
    struct args a;
    int rc = args_parse(&a, ARGS_RUN, argc, argv);
    if (rc)
        return rc;
    if (a.conf.script)
        rc = run_job(&a, (struct run_size){0}, NULL);
    else
        rc = cli_usage("run", "which script? bitloom run SCRIPT.lua");
    args_deinit(&a);
    return rc;
}
