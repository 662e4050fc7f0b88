#include "engine/muon.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "engine/rng.h"

#define PITCH ((double)LOOM_MUON_PITCH_MM)
#define LOW   (-PITCH * LOOM_MUON_STRIPS / 2)

const struct loom_muon_layer loom_muon_layers[LOOM_MUON_LAYERS] = {
    {0, 0, LOW},
    {0, 40, LOW + PITCH / 2},
    {0, 80, LOW},
    {1, 1500, LOW},
    {1, 1540, LOW + PITCH / 2},
    {2, 3000, LOW},
    {2, 3040, LOW + PITCH / 2},
};

/* Share of a strip, at either border, where its neighbour fires too. */
static const double sharing = 0.12;

struct loom_muon_conf loom_muon_defaults(void)
{
    return (struct loom_muon_conf){
        .train = 80000,
        .val = 10000,
        .test = 10000,
        .seed = 1,
        .efficiency = 0.95,
        .noise = 0.002,
        .scattering_mrad = 1,
        .max_angle_mrad = 250,
    };
}

/* A random position at z = 0 from which a straight line of this slope crosses
 * all layers: |x| and |x + slope * z| at most half a chamber. */
static double start(double slope, double u)
{
    double end = slope * loom_muon_layers[LOOM_MUON_LAYERS - 1].z_mm;
    double half = -LOW - PITCH / 2; /* the shifted layers end later */
    double low = -half - fmin(end, 0), high = half - fmax(end, 0);
    return low + (high - low) * u;
}

/* Where the track is in each layer. The displacement over a gap of length g
 * that kicks by angle k is k g / 2 and, independent of k, rms g k0 / sqrt(12)
 * (both follow from many small kicks spread evenly over the gap). */
static void track(struct loom_rng *rng, const struct loom_muon_conf *c,
                  double *angle_mrad, double x[LOOM_MUON_LAYERS])
{
    *angle_mrad = (2 * loom_rng_uniform(rng) - 1) * c->max_angle_mrad;
    double slope = tan(*angle_mrad * 1e-3);
    double k0 = c->scattering_mrad * 1e-3 * (1 + slope * slope);
    x[0] = start(slope, loom_rng_uniform(rng));
    for (int l = 1; l < LOOM_MUON_LAYERS; l++) {
        double gap = loom_muon_layers[l].z_mm - loom_muon_layers[l - 1].z_mm;
        x[l] = x[l - 1] + slope * gap;
        if (loom_muon_layers[l].station == loom_muon_layers[l - 1].station)
            continue;
        double k = k0 * loom_rng_normal(rng);
        x[l] += k * gap / 2 + k0 * gap / sqrt(12) * loom_rng_normal(rng);
        slope += k;
    }
}

/* Set the strips that the track at x fires: one or, near a border, two. */
static void fire(struct loom_rng *rng, const struct loom_muon_conf *c,
                 double strips, float hit[LOOM_MUON_STRIPS])
{
    double below = floor(strips), in = strips - below;
    bool first = loom_rng_uniform(rng) < c->efficiency;
    bool second = loom_rng_uniform(rng) < c->efficiency;
    int s = (int)below;
    int next = in < sharing ? s - 1 : in > 1 - sharing ? s + 1 : -1;
    if (first && s >= 0 && s < LOOM_MUON_STRIPS)
        hit[s] = 1;
    if (second && next >= 0 && next < LOOM_MUON_STRIPS)
        hit[next] = 1;
}

static void event(struct loom_rng *rng, const struct loom_muon_conf *c,
                  float *hit, float *angle)
{
    double angle_mrad, x[LOOM_MUON_LAYERS];
    track(rng, c, &angle_mrad, x);
    *angle = (float)angle_mrad;
    for (int l = 0; l < LOOM_MUON_LAYERS; l++)
        fire(rng, c, (x[l] - loom_muon_layers[l].low_mm) / PITCH,
             hit + l * LOOM_MUON_STRIPS);
    for (int s = 0; s < LOOM_MUON_LAYERS * LOOM_MUON_STRIPS; s++)
        if (loom_rng_uniform(rng) < c->noise)
            hit[s] = 1;
}

static int check(const struct loom_muon_conf *c, struct loom_errmsg *e)
{
    const struct {
        const char *name;
        double value, low, high;
    } number[] = {
        {"efficiency", c->efficiency, 0, 1},
        {"noise", c->noise, 0, 1},
        {"scattering_mrad", c->scattering_mrad, 0, 100},
        {"max_angle_mrad", c->max_angle_mrad, 0, 400},
    };
    for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
        if (!(number[i].value >= number[i].low &&
              number[i].value <= number[i].high))
            return loom_fail(e, LOOM_ERR_RANGE,
                             "muon tracks: %s is %g; it lies between %g and %g",
                             number[i].name, number[i].value, number[i].low,
                             number[i].high);
    return 0;
}

struct loom_dataset *loom_muon_generate(const struct loom_muon_conf *conf,
                                        struct loom_errmsg *e)
{
    enum { N_IN = LOOM_MUON_LAYERS * LOOM_MUON_STRIPS };
    const size_t rows[LOOM_N_PARTS] = {conf->train, conf->val, conf->test};
    if (check(conf, e) < 0)
        return NULL;
    struct loom_dataset *d = loom_dataset_new("muon tracks", N_IN, 1);
    snprintf(d->unit, sizeof(d->unit), "mrad");
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        if (rows[p] &&
            loom_dataset_alloc(d, (enum loom_part)p, rows[p], 0, e) < 0) {
            loom_dataset_destroy(d);
            return NULL;
        }
        for (size_t i = 0; i < rows[p]; i++) {
            struct loom_rng rng =
                loom_rng_init(conf->seed, (uint64_t)p << 56 | i);
            event(&rng, conf, d->part[p].x + i * N_IN, d->part[p].t + i);
        }
    }
    return d;
}
