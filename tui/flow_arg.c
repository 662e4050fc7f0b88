#include "tui/flow_arg.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cli.h"

/* A whole number, 1 to hi. */
static int whole(const char *command, const char *option, const char *value,
                 double hi, int *out)
{
    double v;
    int status = cli_number(command, option, value, 1, hi, true, &v);
    if (status == CLI_DONE)
        *out = (int)v;
    return status;
}

/* CLI_DONE, or the exit status. */
static int set(const char *command, struct flow_arg *a, int option,
               const char *value)
{
    struct loom_errmsg e = {""};
    int status;
    double v;
    switch (option) {
    case 'd':
        a->device = loom_device_get(value, &e);
        return a->device ? CLI_DONE : cli_fail(LOOM_ERR_ARG, &e);
    case 'b':
        a->board = loom_board_find(value);
        if (!a->board)
            return cli_usage(command,
                             "board \"%s\" is not known; bitloom devices "
                             "lists those that are",
                             value);
        return CLI_DONE;
    case 'i':
        if (loom_interface_find(value) < 0)
            return cli_usage(command,
                             "--interface %s: expected serial, uart, spi, "
                             "stream or selftest",
                             value);
        a->interface = (enum loom_interface)loom_interface_find(value);
        return CLI_DONE;
    case 'c':
        return cli_number(command, "--clock", value, 0.1, 1000, false,
                          &a->clock_mhz);
    case 't':
        return cli_number(command, "--timeout", value, 0.1, 1e7, false,
                          &a->timeout_s);
    case 'e':
        if (strcmp(value, "0") && strcmp(value, "1"))
            return cli_usage(command,
                             "--effort %s: expected 1, or 0 for a plain tree "
                             "an output",
                             value);
        a->plain = *value == '0';
        return CLI_DONE;
    case 'l':
        status = cli_number(command, "--levels", value, 0, 100, true, &v);
        if (status != CLI_DONE)
            return status;
        a->levels = v > 0 ? (int)v : -1;
        return CLI_DONE;
    case 'J':
        return whole(command, "--jobs", value, 256, &a->jobs);
    case 'r':
        return whole(command, "--random", value, 1e7, &a->random);
    default:
        return whole(command, "--seeds", value, 64, &a->seeds);
    }
}

/* A board is a device and a clock. */
static int take_board(const char *command, struct flow_arg *a)
{
    const struct loom_device *dev = loom_device_find(a->board->device);
    if (a->device && a->device != dev)
        return cli_usage(command, "board %s has a %s; leave out --device",
                         a->board->name, dev->name);
    a->device = dev;
    if (!a->clock_mhz)
        a->clock_mhz = a->board->clock_mhz;
    return CLI_DONE;
}

int flow_arg_parse(int argc, char **argv, const char *allowed,
                   struct flow_arg *a)
{
    static const struct option options[] = {
        {"board", required_argument, NULL, 'b'},
        {"device", required_argument, NULL, 'd'},
        {"clock", required_argument, NULL, 'c'},
        {"effort", required_argument, NULL, 'e'},
        {"formal", no_argument, NULL, 'f'},
        {"interface", required_argument, NULL, 'i'},
        {"jobs", required_argument, NULL, 'J'},
        {"format", required_argument, NULL, 'F'},
        {"levels", required_argument, NULL, 'l'},
        {"netlist", no_argument, NULL, 'n'},
        {"bit-serial", no_argument, NULL, 'B'},
        {"out", required_argument, NULL, 'o'},
        {"random", required_argument, NULL, 'r'},
        {"seeds", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 't'},
        {"data", required_argument, NULL, 'x'},
        {"store", required_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0}};
    int c;
    *a = (struct flow_arg){0};
    optind = 1;
    while ((c = getopt_long(argc, argv, "o:q", options, NULL)) != -1) {
        int letter = c == 'B'                            ? 'l'
                     : c == 'd' && !strchr(allowed, 'd') ? 'D'
                                                         : c;
        if (c == '?' || (!strchr("jqS", c) && !strchr(allowed, letter)))
            return cli_usage(argv[0], "wrong option");
        if (c == 'j')
            a->json = true;
        else if (c == 'q')
            a->quiet = true;
        else if (c == 'B')
            a->levels = LOOM_BIT_SERIAL;
        else if (c == 'S')
            a->store = optarg;
        else if (c == 'o')
            a->out = optarg;
        else if (c == 'x')
            a->data = optarg;
        else if (c == 'n')
            a->netlist = true;
        else if (c == 'f')
            a->formal = true;
        else if (c == 'F')
            a->format = optarg;
        else if (set(argv[0], a, c, optarg) != CLI_DONE)
            return CLI_USAGE;
    }
    if (optind + 1 != argc)
        return cli_usage(argv[0], "one MODEL is needed");
    a->model = argv[optind];
    if (a->board && take_board(argv[0], a) != CLI_DONE)
        return CLI_USAGE;
    if (strchr(allowed, 'o') && !a->out)
        return cli_usage(argv[0], "-o DIR is needed");
    if (strchr(allowed, 'd') && !a->device)
        return cli_usage(argv[0], "--device DEV is needed");
    return CLI_DONE;
}

/* ---- input -------------------------------------------------------------- */

static int read_vectors(const struct flow_arg *a, struct flow_input *in,
                        struct loom_errmsg *e)
{
    struct cli_rows rows;
    int err = cli_rows_read(&in->model, &a->data, a->data ? 1 : 0, NULL, 0,
                            NULL, &rows, e);
    if (err)
        return err;
    if (rows.n) {
        in->vectors = cli_rows_quantize(&rows, in->model.net, e);
        in->n_vectors = rows.n;
        err = in->vectors ? 0 : LOOM_ERR_RANGE;
    }
    cli_rows_free(&rows);
    return err;
}

int flow_input_open(const struct flow_arg *a, struct flow_input *in,
                    struct loom_errmsg *e)
{
    *in = (struct flow_input){0};
    int err = cli_model_open_for(a->model, a->store, a->device, a->levels,
                                 &in->model, e);
    if (err)
        return err;
    err = cli_model_freeze(&in->model, e);
    if (!err && in->model.net->n_inputs == 1)
        err = read_vectors(a, in, e);
    else if (!err && a->data)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "--data: the network has %zu inputs; only networks "
                        "with one can be given rows",
                        in->model.net->n_inputs);
    if (err)
        flow_input_close(in);
    return err;
}

void flow_input_close(struct flow_input *in)
{
    free(in->vectors);
    cli_model_close(&in->model);
    *in = (struct flow_input){0};
}

/* ---- interrupts --------------------------------------------------------- */

static atomic_bool interrupted;

static void on_signal(int sig)
{
    (void)sig;
    atomic_store(&interrupted, true);
}

atomic_bool *flow_interrupts(void)
{
    struct sigaction a = {.sa_handler = on_signal};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
    signal(SIGPIPE, SIG_IGN);
    return &interrupted;
}
