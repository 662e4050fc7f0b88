/* Simulated muon tracks for a trigger: hit strips in, track angle out. */
#pragma once

#include <stdint.h>

#include "engine/dataset.h"

enum { LOOM_MUON_STATIONS = 3, LOOM_MUON_LAYERS = 7, LOOM_MUON_STRIPS = 50 };

struct loom_muon_conf {
    size_t train, val, test; /* events of each part */
    uint64_t seed;
    double efficiency;   /* a strip that is crossed fires with this chance */
    double noise;        /* any strip fires by itself with this chance */
    double scattering_mrad; /* rms of the kick between two stations */
    double max_angle_mrad;  /* angles are uniform in +- this */
};

/* The defaults the examples use. */
struct loom_muon_conf loom_muon_defaults(void);

/* 350 inputs (0 or 1; station, layer, strip in this order), one target: the
 * angle in mrad. Event e of a part depends on (seed, part, e) alone, so a
 * larger set begins with the smaller one. */
struct loom_dataset *loom_muon_generate(const struct loom_muon_conf *conf,
                                        struct loom_errmsg *e);
