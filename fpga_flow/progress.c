#define PCRE2_CODE_UNIT_WIDTH 8
#include "fpga_flow/progress.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "engine/mem.h"

enum {
    STUCK_VISITS = 60000, /* a healthy router improves every few thousand */
    MAX_GROUPS = 8
};

typedef void (*meaning)(struct loom_progress *p, char g[MAX_GROUPS][160]);

/* A count in a log, which may be any text: 0 .. INT_MAX / 2. */
static int count_of(const char *digits)
{
    long v = strtol(digits, NULL, 10);
    return v < 0 ? 0 : v > INT_MAX / 2 ? INT_MAX / 2 : (int)v;
}

/* Share of a run of synth_ice40 at which a step begins, measured. */
static void yosys_pass(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    static const struct {
        const char *pass;
        float at;
    } steps[] = {
        {"HIERARCHY", 0.02f}, {"PROC", 0.05f},        {"FLATTEN", 0.12f},
        {"ALUMACC", 0.3f},    {"MEMORY", 0.4f},       {"ICE40_OPT", 0.45f},
        {"TECHMAP", 0.5f},    {"DFFLEGALIZE", 0.55f}, {"ABC", 0.65f},
        {"OPT_LUT", 0.8f},    {"AUTONAME", 0.9f},     {"CHECK", 0.95f},
        {"JSON", 0.97f}};
    p->phase = LOOM_PHASE_YOSYS;
    snprintf(p->detail, sizeof(p->detail), "%.60s", g[2]);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        if (!strcmp(g[2], steps[i].pass) && steps[i].at > p->fraction)
            p->fraction = steps[i].at;
}

static void packing(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    p->phase = LOOM_PHASE_PACK;
    p->fraction = -1;
    snprintf(p->detail, sizeof(p->detail), "packing %.60s", g[1]);
}

static void utilisation(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    if (!strcmp(g[1], "ICESTORM_LC") || !strcmp(g[1], "TRELLIS_COMB") ||
        !strcmp(g[1], "TRELLIS_SLICE")) {
        p->lc_used = count_of(g[2]);
        p->lc_available = count_of(g[3]);
    }
}

static void place_begins(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    (void)g;
    p->phase = LOOM_PHASE_PLACE;
    p->fraction = 0;
    snprintf(p->detail, sizeof(p->detail), "placing");
}

/* The analytic placer stops when it stops gaining: about ten rounds, which
 * take a good half of the time. */
static void place_round(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    int k = count_of(g[1]);
    p->phase = LOOM_PHASE_PLACE;
    p->fraction = 0.6f * (float)k / (float)(k + 6);
    snprintf(p->detail, sizeof(p->detail), "placer iteration %d, wirelen %.12s",
             k, g[2]);
}

static void anneal_round(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    int k = count_of(g[1]);
    p->phase = LOOM_PHASE_PLACE;
    p->fraction = 0.6f + 0.4f * (float)k / (float)(k + 10);
    snprintf(p->detail, sizeof(p->detail), "refining %d, wirelen %.12s", k,
             g[2]);
}

static void route_begins(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    p->phase = LOOM_PHASE_ROUTE;
    p->fraction = 0;
    p->arcs = p->remaining = count_of(g[1]);
    p->visits_stuck = p->best_visit = 0;
    snprintf(p->detail, sizeof(p->detail), "routing %d arcs", p->arcs);
}

static void route_row(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    int left = count_of(g[6]), visits = count_of(g[1]);
    p->phase = LOOM_PHASE_ROUTE;
    if (left < p->remaining || p->remaining < 0) {
        p->remaining = left;
        p->best_visit = visits;
    }
    p->visits_stuck = visits - p->best_visit;
    if (p->arcs > 0)
        p->fraction = 1 - (float)p->remaining / (float)p->arcs;
    snprintf(p->detail, sizeof(p->detail), "%d arcs to route", left);
}

static void route_round(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    p->phase = LOOM_PHASE_ROUTE;
    p->fraction = -1;
    snprintf(p->detail, sizeof(p->detail),
             "router iteration %.12s, overused %.12s", g[1], g[3]);
}

static void frequency(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    p->fmax_mhz = strtod(g[3], NULL);
}

static void failure(struct loom_progress *p, char g[MAX_GROUPS][160])
{
    if (!p->error[0])
        snprintf(p->error, sizeof(p->error), "%s", g[1]);
}

static const struct {
    const char *pattern;
    meaning means;
} table[] = {
    {"^(\\d+(?:\\.\\d+)*)\\. Executing (\\S+)", yosys_pass},
    {"^Info: Packing ([^.]+)\\.\\.", packing},
    {"^Info:\\s+(\\w+):\\s*(\\d+)/\\s*(\\d+)\\s+(\\d+)%", utilisation},
    {"^Info: (Placed \\d+ cells|Creating initial)", place_begins},
    {"^Info:\\s+at iteration #(\\d+), type \\w+: wirelen solved = \\d+, spread "
     "= \\d+, legal = (\\d+)",
     place_round},
    {"^Info:\\s+at iteration #(\\d+): temp = [\\d.]+, timing cost = \\d+, "
     "wirelen = (\\d+)",
     anneal_round},
    {"^Info: Routing (\\d+) arcs\\.", route_begins},
    {"^Info:\\s+(\\d+) \\|\\s+(\\d+)\\s+(\\d+) \\|\\s+(-?\\d+)\\s+(-?\\d+) "
     "\\|\\s+(\\d+)\\|",
     route_row},
    {"iter=(\\d+) wires=(\\d+) overused=(\\d+)", route_round},
    {"^(Info|Warning|ERROR): Max frequency for clock\\s+'([^']*)': ([\\d.]+) "
     "MHz \\((PASS|FAIL) at ([\\d.]+) MHz\\)",
     frequency},
    {"^ERROR: (.*)", failure},
};

enum { N_PATTERNS = sizeof(table) / sizeof(*table) };

struct loom_patterns {
    pcre2_code *code[N_PATTERNS];
    pcre2_match_data *match;
};

struct loom_patterns *loom_patterns_new(void)
{
    struct loom_patterns *p = loom_calloc(1, sizeof(*p));
    for (int i = 0; i < N_PATTERNS; i++) {
        int error;
        PCRE2_SIZE at;
        p->code[i] = pcre2_compile((PCRE2_SPTR)table[i].pattern,
                                   PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
        assert(p->code[i]);
    }
    p->match = pcre2_match_data_create(MAX_GROUPS, NULL);
    return p;
}

void loom_patterns_destroy(struct loom_patterns *p)
{
    if (!p)
        return;
    for (int i = 0; i < N_PATTERNS; i++)
        pcre2_code_free(p->code[i]);
    pcre2_match_data_free(p->match);
    free(p);
}

void loom_progress_start(struct loom_progress *p, enum loom_phase phase)
{
    *p = (struct loom_progress){.phase = phase,
                                .fraction = phase == LOOM_PHASE_YOSYS ? 0 : -1,
                                .lc_used = -1,
                                .lc_available = -1,
                                .fmax_mhz = -1,
                                .arcs = -1,
                                .remaining = -1};
}

bool loom_progress_line(struct loom_progress *p, const struct loom_patterns *t,
                        const char *line)
{
    for (int i = 0; i < N_PATTERNS; i++) {
        char g[MAX_GROUPS][160] = {{0}};
        int n = pcre2_match(t->code[i], (PCRE2_SPTR)line, strlen(line), 0, 0,
                            t->match, NULL);
        if (n <= 0)
            continue;
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(t->match);
        for (int k = 0; k < n && k < MAX_GROUPS; k++)
            if (at[2 * k] != PCRE2_UNSET)
                snprintf(g[k], sizeof(g[k]), "%.*s",
                         (int)(at[2 * k + 1] - at[2 * k]), line + at[2 * k]);
        table[i].means(p, g);
        return true;
    }
    return false;
}

bool loom_progress_is_stuck(const struct loom_progress *p)
{
    return p->phase == LOOM_PHASE_ROUTE && p->visits_stuck >= STUCK_VISITS;
}
