/* The program with the fake session: the real screen and the real
 * `bitloom run`, no engine. */
#include <string.h>

#include "tui/cli.h"
#include "tui/commands.h"

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "run"))
        return cmd_run(argc - 1, argv + 1);
    return cli_screen(argc, argv);
}
