/* Simulated muon tracks for a trigger: hit strips in, track angle out.
 *
 * The detector. Three stations of 3, 2 and 2 layers stand 1.5 m apart along
 * z, the layers of a station 40 mm apart. A layer is 50 parallel strips of
 * 30 mm, read out with one bit each; every other layer is shifted by half a
 * strip, which halves the step in which a station sees the position. Lengths
 * are in mm, z counts from the first layer, x from the middle of the chamber.
 *
 * The track. At the first layer it has the angle that is asked for, uniform
 * in +-max_angle, and a position that is uniform among those from which a
 * straight line crosses all layers. In the material between two stations it
 * is kicked: an angle of rms `scattering_mrad`, and the displacement that
 * belongs to it when the material is spread evenly over the gap.
 *
 * The hits. The strip below the track fires, and its neighbour too where the
 * track passes within 12 % of a strip of the border (the charge is shared);
 * each with chance `efficiency`. Then any strip may fire by noise.
 *
 * What can be reached: a straight line fitted to the strips gives 1.7 mrad rms
 * at the defaults, 1.2 mrad in ideal chambers without scattering
 * (tests/data/test_muon.c measures both). Of the former 0.8 mrad is
 * scattering, which no reconstruction can undo; the rest is the width of the
 * strips over the length of the arm. */
#pragma once

#include <stdint.h>

#include "engine/dataset.h"

enum {
    LOOM_MUON_STATIONS = 3,
    LOOM_MUON_LAYERS = 7,
    LOOM_MUON_STRIPS = 50,
    LOOM_MUON_PITCH_MM = 30
};

/* Where a layer is: strip s reaches from low_mm + s * pitch to one pitch
 * more. */
struct loom_muon_layer {
    int station;
    double z_mm, low_mm;
};
extern const struct loom_muon_layer loom_muon_layers[LOOM_MUON_LAYERS];

struct loom_muon_conf {
    size_t train, val, test; /* events of each part */
    uint64_t seed;
    double efficiency;      /* a strip that is crossed fires, 0..1 */
    double noise;           /* any strip fires by itself, 0..1 */
    double scattering_mrad; /* rms of the kick between two stations */
    double max_angle_mrad;  /* angles are uniform in +- this; up to 400 */
};

/* The defaults the examples use: 80,000, 10,000 and 10,000 events, seed 1,
 * efficiency 0.95, noise 0.002, scattering 1 mrad, angles within 250 mrad. */
struct loom_muon_conf loom_muon_defaults(void);

/* 350 inputs (0 or 1; station, layer, strip in this order), one target: the
 * angle in mrad at the first layer. Event e of a part depends on (seed, part,
 * e) and the four physics numbers alone, so a larger set begins with the
 * smaller one; and as every event draws the same random numbers whatever the
 * physics, sets that differ in one of its numbers differ in nothing else.
 * NULL with a sentence: a number out of range, or no memory. */
struct loom_dataset *loom_muon_generate(const struct loom_muon_conf *conf,
                                        struct loom_errmsg *e);
