/* bitloom devices: what can be built for. */
#include <stdio.h>
#include <string.h>

#include "fpga_flow/interface.h"
#include "fpga_flow/target.h"
#include "tui/cli.h"
#include "tui/commands.h"

static json_t *boards(bool print)
{
    json_t *a = json_array();
    if (print)
        printf("\n%-14s %-28s %-20s %10s\n", "board", "", "device",
               "clock MHz");
    for (const struct loom_board *b = loom_boards; b->name; b++) {
        if (print)
            printf("%-14s %-28s %-20s %10g\n", b->name, b->title,
                   loom_device_find(b->device)->name, b->clock_mhz);
        json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:f}", "name", b->name,
                                           "title", b->title, "device",
                                           loom_device_find(b->device)->name,
                                           "clock_mhz", b->clock_mhz));
    }
    return a;
}

int cmd_devices(int argc, char **argv)
{
    bool json = argc == 2 && !strcmp(argv[1], "--json");
    if (argc > 1 && !json)
        return cli_usage(argv[0], "no such argument: %s", argv[1]);
    json_t *a = json_array();
    if (!json)
        printf("%-18s %-6s %6s %5s %4s %10s\n", "device", "short", "cells",
               "BRAM", "DSP", "clock MHz");
    for (const struct loom_device *d = loom_devices; d->name; d++) {
        if (!json)
            printf("%-18s %-6s %6d %5d %4d %10g\n", d->name, d->shorthand,
                   d->lc, d->bram, d->dsp, d->clock_mhz);
        json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:f}",
                                           "name", d->name, "short",
                                           d->shorthand, "package", d->package,
                                           "lc", d->lc, "bram", d->bram, "dsp",
                                           d->dsp, "clock_mhz", d->clock_mhz));
    }
    json_t *b = boards(!json);
    if (json)
        return cli_print_json(json_pack("{s:s,s:o,s:o}", "schema",
                                        "bitloom/devices/1", "devices", a,
                                        "boards", b));
    json_decref(a);
    json_decref(b);
    return CLI_DONE;
}
