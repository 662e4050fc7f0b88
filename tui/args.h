/* The options that the screen and `bitloom run` share. */
#pragma once

#include <stdbool.h>

#include "lua/session.h"

struct config;

struct args {
    struct loom_session_conf conf; /* points into argv and set */
    const char **set;              /* NULL-ended; freed by args_deinit */
    bool json, quiet;              /* run */
    bool ascii, mono, blocks;      /* the screen */
    bool plain;                    /* words instead of a screen */
    int fps; /* of background changes; 0: as the config says, or 10 */
    const struct config *config;   /* the screen: borrowed, or NULL */
};

enum args_for { ARGS_SCREEN = 1, ARGS_RUN = 2 };

/* argv[0] is skipped. CLI_DONE, or CLI_USAGE after a sentence on standard
 * error. */
int args_parse(struct args *a, enum args_for who, int argc, char **argv);

/* An option that a command has beside those of `bitloom run`. */
struct args_own {
    const char *name; /* "--clock"; NULL ends a list */
    bool flag;        /* it takes no value */
    double lo, hi;    /* of a number; hi 0: it is a text */
    bool whole;
};
struct args_given {
    const char *text; /* NULL: not given */
    double number;    /* 0: not given */
};

/* Take a command's own options out of argv (argv[0] is its name) into
 * given[], one each, and give the rest to args_parse. */
int args_parse_own(const struct args_own *own, struct args_given *given,
                   struct args *a, int argc, char **argv);
void args_deinit(struct args *a);
