/* The full-screen program's place in a build without curses. */
#include "tui/cli.h"
#include "tui/commands.h"

int cli_screen(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_usage(NULL, "this build has no screen: use bitloom run SCRIPT");
}

int cmd_bench_ui(int argc, char **argv)
{
    return cli_screen(argc, argv);
}
