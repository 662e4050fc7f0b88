#include "tui/args.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "tui/cli.h"

enum option {
    OPT_SET,
    OPT_DEVICE,
    OPT_OUT,
    OPT_RESUME,
    OPT_SEED,
    OPT_THREADS,
    OPT_EPOCHS,
    OPT_FPS,
    OPT_JSON,
    OPT_QUIET,
    OPT_ASCII,
    OPT_MONO,
    OPT_BLOCKS,
    OPT_PLAIN,
    OPTIONS
};

static const struct {
    const char *name;
    bool value;
    unsigned who;
} option[OPTIONS] = {
    [OPT_SET] = {"--set", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_DEVICE] = {"--device", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_OUT] = {"--out", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_RESUME] = {"--resume", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_SEED] = {"--seed", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_THREADS] = {"--threads", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_EPOCHS] = {"--epochs", true, ARGS_SCREEN | ARGS_RUN},
    [OPT_FPS] = {"--fps", true, ARGS_SCREEN},
    [OPT_JSON] = {"--json", false, ARGS_RUN},
    [OPT_QUIET] = {"-q", false, ARGS_RUN},
    [OPT_ASCII] = {"--ascii", false, ARGS_SCREEN},
    [OPT_MONO] = {"--mono", false, ARGS_SCREEN},
    [OPT_BLOCKS] = {"--blocks", false, ARGS_SCREEN},
    [OPT_PLAIN] = {"--plain", false, ARGS_SCREEN},
};

static const char *command_of(enum args_for who)
{
    return who == ARGS_RUN ? "run" : NULL;
}

/* A whole number of lo..hi. */
static int number(enum args_for who, const char *name, const char *text,
                  long long lo, long long hi, long long *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || v < lo || v > hi)
        return cli_usage(command_of(who),
                         "%s %s: a whole number of %lld to %lld is needed",
                         name, text, lo, hi);
    *out = v;
    return CLI_DONE;
}

static int take_set(struct args *a, enum args_for who, const char *v)
{
    const char *eq = strchr(v, '=');
    size_t n = 0;
    if (!eq || eq == v)
        return cli_usage(command_of(who), "--set %s: key=value is needed", v);
    while (a->set[n])
        n++;
    a->set[n] = v;
    return CLI_DONE;
}

static int take(struct args *a, enum args_for who, enum option o, const char *v)
{
    struct loom_session_conf *c = &a->conf;
    long long n = 0;
    int rc = CLI_DONE;
    switch (o) {
    case OPT_SET:
        return take_set(a, who, v);
    case OPT_DEVICE:
        c->device = v;
        break;
    case OPT_OUT:
        c->out = v;
        break;
    case OPT_RESUME:
        c->resume = v;
        break;
    case OPT_SEED:
        rc = number(who, "--seed", v, 0, INT64_MAX, &n);
        c->seed = n;
        break;
    case OPT_THREADS:
        rc = number(who, "--threads", v, 1, 1024, &n);
        c->threads = (int)n;
        break;
    case OPT_EPOCHS:
        rc = number(who, "--epochs", v, 1, INT_MAX, &n);
        c->epochs = (int)n;
        break;
    case OPT_FPS:
        rc = number(who, "--fps", v, 1, 60, &n);
        a->fps = (int)n;
        break;
    case OPT_JSON:
        a->json = true;
        break;
    case OPT_QUIET:
        a->quiet = true;
        break;
    case OPT_ASCII:
        a->ascii = true;
        break;
    case OPT_MONO:
        a->mono = true;
        break;
    case OPT_PLAIN:
        a->plain = true;
        break;
    default:
        a->blocks = true;
    }
    return rc;
}

/* "--name value" or "--name=value" at argv[*i], which moves on. */
static int take_option(struct args *a, enum args_for who, int argc, char **argv,
                       int *i)
{
    const char *word = argv[*i];
    size_t len = strcspn(word, "=");
    for (int o = 0; o < OPTIONS; o++) {
        if (strlen(option[o].name) != len ||
            strncmp(word, option[o].name, len) != 0 ||
            !(option[o].who & (unsigned)who))
            continue;
        if (!option[o].value)
            return word[len] ? cli_usage(command_of(who), "%s takes no value",
                                         option[o].name)
                             : take(a, who, (enum option)o, NULL);
        if (word[len])
            return take(a, who, (enum option)o, word + len + 1);
        if (*i + 1 >= argc)
            return cli_usage(command_of(who), "%s needs a value", word);
        return take(a, who, (enum option)o, argv[++*i]);
    }
    return cli_usage(command_of(who), "unknown option %s", word);
}

int args_parse(struct args *a, enum args_for who, int argc, char **argv)
{
    bool only_words = false;
    *a = (struct args){.conf = {.seed = -1}};
    a->set = loom_calloc((size_t)argc + 1, sizeof *a->set);
    a->conf.set = a->set;
    for (int i = 1; i < argc; i++) {
        int rc = CLI_DONE;
        if (!only_words && !strcmp(argv[i], "--"))
            only_words = true;
        else if (!only_words && argv[i][0] == '-' && argv[i][1])
            rc = take_option(a, who, argc, argv, &i);
        else if (a->conf.script)
            rc = cli_usage(command_of(who), "one script at a time: %s, or %s?",
                           a->conf.script, argv[i]);
        else
            a->conf.script = argv[i];
        if (rc) {
            args_deinit(a);
            return rc;
        }
    }
    return CLI_DONE;
}

static int take_own(const char *command, const struct args_own *o,
                    const char *text, struct args_given *g)
{
    g->text = text;
    if (!o->hi)
        return CLI_DONE;
    return cli_number(command, o->name, text, o->lo, o->hi, o->whole,
                      &g->number);
}

int args_parse_own(const struct args_own *own, struct args_given *given,
                   struct args *a, int argc, char **argv)
{
    char **rest = loom_calloc((size_t)argc + 1, sizeof(*rest));
    int n = 0, rc = CLI_DONE;
    rest[n++] = argv[0];
    for (int i = 1; rc == CLI_DONE && i < argc; i++) {
        int k = 0;
        while (own[k].name && strcmp(argv[i], own[k].name))
            k++;
        if (!own[k].name)
            rest[n++] = argv[i];
        else if (own[k].flag)
            given[k].text = argv[i];
        else if (i + 1 == argc)
            rc = cli_usage(argv[0], "%s needs a value", argv[i]);
        else
            rc = take_own(argv[0], &own[k], argv[++i], &given[k]);
    }
    if (rc == CLI_DONE)
        rc = args_parse(a, ARGS_RUN, n, rest);
    free(rest);
    return rc;
}

void args_deinit(struct args *a)
{
    free(a->set);
    a->set = NULL;
}
