/* A number as a function of the epoch: beta, the learning rate. */
#pragma once

#include "engine/err.h"

enum loom_schedule_kind {
    LOOM_CONSTANT,
    LOOM_PIECEWISE, /* through key points, constant before and after */
    LOOM_COSINE,    /* cosine decay with restarts */
    LOOM_CALLBACK   /* a function of the script */
};

/* How the stretch after a key point goes to the next one. */
enum loom_interp {
    LOOM_HOLD,
    LOOM_LINEAR,
    LOOM_LOG,
    LOOM_SMOOTH /* half a cosine */
};

enum { LOOM_MAX_KEYS = 64 };

struct loom_schedule {
    enum loom_schedule_kind kind;
    double value; /* CONSTANT; COSINE: at the start of the first cycle */
    int n_keys;
    struct {
        double epoch, value;
        enum loom_interp interp;
    } key[LOOM_MAX_KEYS];
    /* COSINE: value floor + (value m^c - floor) (1 + cos pi t)/2 with t the
     * part of cycle c done; the last `flat` epochs of a cycle are at `rest` (0:
     * at floor). With floor = alpha value this is TensorFlow's
     * CosineDecayRestarts, and HGQ's first version; with a floor of its own,
     * the artifact of HGQ's FPGA'26 paper */
    double cycle, decay, floor, flat, rest;
    /* CALLBACK: not a number on failure, with a sentence in e */
    double (*call)(void *ud, double epoch, struct loom_errmsg *e);
    void *ud;
};

struct loom_schedule loom_schedule_constant(double value);

/* Value at an epoch (0 is the first). Not finite, with a sentence in e: a
 * callback failed, or the numbers are too large. */
double loom_schedule_at(const struct loom_schedule *s, double epoch,
                        struct loom_errmsg *e);

/* Check the fields; `what` names the schedule in the sentence. */
int loom_schedule_check(const struct loom_schedule *s, const char *what,
                        struct loom_errmsg *e);
