/* bitloom program: a bitstream onto a board. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/mem.h"
#include "fpga_flow/program.h"
#include "fpga_flow/target.h"
#include "tui/cli.h"
#include "tui/commands.h"
#include "tui/flow_arg.h"

struct options {
    const char *what, *board, *device;
    bool flash, json, quiet;
};

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        {"board", required_argument, NULL, 'b'},
        {"device", required_argument, NULL, 'd'},
        {"flash", no_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    struct loom_errmsg e = {""};
    int c;
    *o = (struct options){0};
    optind = 1;
    while ((c = getopt_long(argc, argv, "q", options, NULL)) != -1) {
        const struct loom_device *d;
        switch (c) {
        case 'b':
            o->board = optarg;
            break;
        case 'd':
            d = loom_device_get(optarg, &e);
            if (!d)
                return cli_fail(LOOM_ERR_ARG, &e);
            o->device = d->name;
            break;
        case 'f':
            o->flash = true;
            break;
        case 'j':
            o->json = true;
            break;
        case 'q':
            o->quiet = true;
            break;
        default:
            return cli_usage(argv[0], "wrong option");
        }
    }
    if (optind + 1 != argc)
        return cli_usage(argv[0], "one DIR or bitstream is needed");
    o->what = argv[optind];
    return CLI_DONE;
}

static bool show(void *ctx, const char *line, bool err)
{
    (void)err;
    if (!*(const bool *)ctx)
        fprintf(stderr, "%s\n", line);
    return true;
}

int cmd_program(int argc, char **argv)
{
    struct options o;
    struct stat st;
    struct loom_errmsg e = {""};
    char *bitstream = NULL, *device = NULL;
    const char *tool = NULL;
    if (parse(argc, argv, &o) != CLI_DONE)
        return CLI_USAGE;
    int err = 0;
    if (!stat(o.what, &st) && S_ISDIR(st.st_mode))
        err = loom_program_find(o.what, &bitstream, &device, &e);
    else
        bitstream = loom_strdup(o.what);
    if (!err) {
        bool quiet = o.quiet || o.json;
        const struct loom_program p = {.bitstream = bitstream,
                                       .device = o.device ? o.device : device,
                                       .board = o.board,
                                       .flash = o.flash,
                                       .cancel = flow_interrupts(),
                                       .line = show,
                                       .ctx = &quiet};
        err = loom_program_run(&p, &tool, &e);
    }
    int status = CLI_DONE;
    if (err)
        status = cli_fail(err, &e);
    else if (o.json)
        status = cli_print_json(json_pack(
            "{s:s,s:s,s:s,s:b}", "schema", "bitloom/program/1", "bitstream",
            bitstream, "tool", tool, "flash", (int)o.flash));
    else if (!o.quiet)
        printf("%s is on the board%s\n", bitstream,
               o.flash ? ", and stays there" : " until its power goes");
    free(bitstream);
    free(device);
    return status;
}
