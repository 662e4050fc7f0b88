#include "tui/cli.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cli_status(int err)
{
    switch (err) {
    case LOOM_OK:
        return CLI_DONE;
    case LOOM_ERR_CANCELLED:
        return CLI_INTERRUPTED;
    case LOOM_ERR_ARG:
    case LOOM_ERR_FORMAT:
    case LOOM_ERR_SHAPE:
    case LOOM_ERR_MISSING:
    case LOOM_ERR_SCRIPT:
        return CLI_USAGE;
    default:
        return CLI_FAILED;
    }
}

int cli_fail(int err, const struct loom_errmsg *e)
{
    fprintf(stderr, "bitloom: %s\n",
            e && e->text[0] ? e->text : loom_strerror(err));
    return cli_status(err);
}

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("bitloom: ", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    if (command)
        fprintf(stderr, "; see bitloom %s --help\n", command);
    else
        fputs("; see bitloom --help\n", stderr);
    return CLI_USAGE;
}

int cli_number(const char *command, const char *option, const char *value,
               double lo, double hi, bool whole, double *out)
{
    char *end;
    *out = strtod(value, &end);
    if (end != value && !*end && *out >= lo && *out <= hi &&
        (!whole || *out == floor(*out)))
        return CLI_DONE;
    return cli_usage(command, "%s %s: expected a %snumber of %.10g to %.10g",
                     option, value, whole ? "whole " : "", lo, hi);
}

int cli_write_json(FILE *out, json_t *j)
{
    int failed = json_dumpf(j, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(j);
    failed |= fputc('\n', out) == EOF || fflush(out) == EOF;
    return failed ? CLI_FAILED : CLI_DONE;
}

int cli_print_json(json_t *j)
{
    return cli_write_json(stdout, j);
}

void cli_print_help(const struct cli_command *c)
{
    printf("usage: bitloom %s %s\n\n%s\n", c->name, c->args, c->help);
}

const char *cli_count(double n, char buf[16])
{
    static const char *const unit[] = {"", "k", "M", "G"};
    int u = 0;
    while (fabs(n) >= 9999.5 && u < 3) {
        n /= 1000;
        u++;
    }
    snprintf(buf, 16, u ? "%.1f%s" : "%.0f%s", n, unit[u]);
    return buf;
}

int cli_out_parse(int argc, char **argv, struct cli_out_args *a)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},
        {"store", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0}};
    int c;
    *a = (struct cli_out_args){0};
    optind = 1;
    while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (c == 'o')
            a->out = optarg;
        else if (c == 's')
            a->store = optarg;
        else if (c == 'j')
            a->json = true;
        else
            return cli_usage(argv[0], "wrong option");
    }
    return CLI_DONE;
}
