/* The simulated tracks: reproducible, of the physics that muon.h describes,
 * and of an angle that a classical straight-line fit can find. */
#include "engine/muon.h"

#include <math.h>
#include <time.h>

#include "tests/data/support.h"

enum {
    STRIPS = LOOM_MUON_STRIPS,
    LAYERS = LOOM_MUON_LAYERS,
    N_IN = STRIPS * LAYERS
};

static struct loom_dataset *make(struct loom_muon_conf conf)
{
    struct loom_errmsg msg;
    struct loom_dataset *d = loom_muon_generate(&conf, &msg);
    if (!d)
        fail_msg("%s", msg.text);
    assert_ok(loom_dataset_check(d, e));
    return d;
}

static struct loom_muon_conf events(size_t n)
{
    struct loom_muon_conf c = loom_muon_defaults();
    c.train = n;
    c.val = c.test = 0;
    return c;
}

static void reproducible(void **state)
{
    (void)state;
    struct loom_muon_conf c = events(300);
    c.val = 200;
    struct loom_dataset *a = make(c), *b = make(c);
    c.train = 1000;
    struct loom_dataset *longer = make(c);
    c.seed++;
    struct loom_dataset *other = make(c);
    assert_int_equal(loom_dataset_hash(a), loom_dataset_hash(b));
    assert_string_equal(a->unit, "mrad");
    assert_int_equal(a->n_in, 350);
    for (int p = 0; p < 2; p++)
        assert_memory_equal(a->part[p].x, longer->part[p].x,
                            a->part[p].rows * N_IN * sizeof(float));
    assert_memory_not_equal(a->part[0].x, a->part[1].x,
                            200 * N_IN * sizeof(float));
    assert_memory_not_equal(longer->part[0].t, other->part[0].t,
                            1000 * sizeof(float));
    loom_dataset_destroy(a);
    loom_dataset_destroy(b);
    loom_dataset_destroy(longer);
    loom_dataset_destroy(other);
}

static void refused(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct loom_muon_conf c = events(1);
        const char *says[] = {"efficiency", "noise", "scattering", "max_angle",
                              "muon tracks"};
        c.efficiency = i == 0 ? 1.01 : 1;
        c.noise = i == 1 ? (double)NAN : 0;
        c.scattering_mrad = i == 2 ? -1 : 0;
        c.max_angle_mrad = i == 3 ? 401 : 0;
        c.train = i == 4 ? SIZE_MAX / 2 : 1;
        struct loom_errmsg e;
        assert_null(loom_muon_generate(&c, &e));
        assert_non_null(strstr(e.text, says[i]));
    }
}

/* Without noise, scattering and losses each layer has one strip, or two
 * neighbours, where the line is; at any angle all layers are crossed. */
static void clean_tracks(void **state)
{
    (void)state;
    struct loom_muon_conf c = events(5000);
    c.efficiency = 1;
    c.noise = c.scattering_mrad = 0;
    c.max_angle_mrad = 400;
    struct loom_dataset *d = make(c);
    size_t pairs = 0, single = 0;
    for (size_t i = 0; i < 5000; i++)
        for (int l = 0; l < LAYERS; l++) {
            const float *hit = d->part[0].x + i * N_IN + l * STRIPS;
            int n = 0, first = -1;
            for (int s = 0; s < STRIPS; s++)
                if (hit[s] != 0) {
                    first = first < 0 ? s : first;
                    assert_true(s - first == n);
                    n++;
                }
            assert_in_range(n, 1, 2);
            pairs += n == 2;
            single += n == 1;
        }
    double share = (double)pairs / (double)(pairs + single);
    if (fabs(share - 0.24) > 0.01) /* 12 % at either border */
        fail_msg("%g of the clusters have two strips", share);
    loom_dataset_destroy(d);
}

static void rates(void **state)
{
    (void)state;
    struct loom_muon_conf c = events(4000);
    c.efficiency = 0;
    c.noise = 0.01;
    struct loom_dataset *d = make(c);
    double hits = 0, angle2 = 0;
    for (size_t i = 0; i < 4000 * N_IN; i++)
        hits += (double)d->part[0].x[i];
    for (size_t i = 0; i < 4000; i++) {
        double t = (double)d->part[0].t[i];
        assert_true(fabs(t) <= 250);
        angle2 += t * t;
    }
    assert_true(fabs(hits / (4000.0 * N_IN) / 0.01 - 1) < 0.03);
    assert_true(fabs(sqrt(angle2 / 4000) / (250 / sqrt(3)) - 1) < 0.03);
    loom_dataset_destroy(d);
}

/* ---- the classical reconstruction ---- */

struct cluster {
    int layer;
    double z, x, weight;
};

/* Neighbouring fired strips; a pair means a track near their border, so it is
 * known more sharply than a single strip. */
static int clusters(const float *hit, struct cluster *out)
{
    int n = 0;
    for (int l = 0; l < LAYERS; l++)
        for (int s = 0; s < STRIPS; s++) {
            if (hit[l * STRIPS + s] == 0)
                continue;
            int end = s;
            while (end + 1 < STRIPS && hit[l * STRIPS + end + 1] != 0)
                end++;
            const struct loom_muon_layer *at = &loom_muon_layers[l];
            double width = end - s == 1 ? 0.24 : 0.76 * (end - s + 1);
            out[n++] = (struct cluster){l, at->z_mm,
                                        at->low_mm + LOOM_MUON_PITCH_MM *
                                                         (0.5 * (s + end + 1)),
                                        1 / (width * width)};
            s = end;
        }
    return n;
}

/* Weighted least squares over the clusters nearest to the line (x0, slope),
 * one a layer, within a road of one strip; how many there were. */
static int refit(const struct cluster *c, int n, double x0, double slope,
                 double *fit, double *chi2)
{
    const struct cluster *near[LAYERS] = {NULL};
    for (int i = 0; i < n; i++) {
        double r = fabs(x0 + slope * c[i].z - c[i].x);
        const struct cluster *old = near[c[i].layer];
        if (r < LOOM_MUON_PITCH_MM &&
            (!old || r < fabs(x0 + slope * old->z - old->x)))
            near[c[i].layer] = &c[i];
    }
    double w = 0, z = 0, x = 0, zz = 0, zx = 0;
    int used = 0;
    for (int l = 0; l < LAYERS; l++)
        if (near[l]) {
            double k = near[l]->weight;
            used++;
            w += k;
            z += k * near[l]->z;
            x += k * near[l]->x;
            zz += k * near[l]->z * near[l]->z;
            zx += k * near[l]->z * near[l]->x;
        }
    *fit = (w * zx - z * x) / (w * zz - z * z);
    *chi2 = 0;
    for (int l = 0; l < LAYERS; l++)
        if (near[l]) {
            double r = (x - *fit * z) / w + *fit * near[l]->z - near[l]->x;
            *chi2 += near[l]->weight * r * r;
        }
    return used;
}

/* The line with the most layers, then the smallest chi2, among those through
 * a cluster of the first and one of the last station. */
static double reconstruct(const float *hit)
{
    struct cluster c[N_IN];
    int n = clusters(hit, c), most = 0;
    double best = 0, least = 0;
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            if (loom_muon_layers[c[i].layer].station != 0 ||
                loom_muon_layers[c[j].layer].station != 2)
                continue;
            double slope = (c[j].x - c[i].x) / (c[j].z - c[i].z), fit, chi2;
            int used = refit(c, n, c[i].x - slope * c[i].z, slope, &fit, &chi2);
            if (used > most || (used == most && chi2 < least)) {
                most = used;
                least = chi2;
                best = fit;
            }
        }
    return 1e3 * atan(best);
}

static void fit_resolution(struct loom_muon_conf c, const char *what,
                           double low, double high, double most_outliers)
{
    struct loom_dataset *d = make(c);
    double squares = 0;
    size_t core = 0;
    for (size_t i = 0; i < c.train; i++) {
        double error =
            reconstruct(d->part[0].x + i * N_IN) - (double)d->part[0].t[i];
        if (fabs(error) > 30)
            continue;
        core++;
        squares += error * error;
    }
    double rms = sqrt(squares / (double)core);
    double outliers = 1 - (double)core / (double)c.train;
    printf("%s: a straight-line fit gives %.2f mrad, %.2f %% beyond 30 mrad\n",
           what, rms, 100 * outliers);
    assert_true(rms > low && rms < high && outliers <= most_outliers);
    loom_dataset_destroy(d);
}

static void resolution(void **state)
{
    (void)state;
    struct loom_muon_conf c = events(5000);
    fit_resolution(c, "defaults", 1.5, 2.3, 0.01);
    c.noise = c.scattering_mrad = 0;
    c.efficiency = 1;
    fit_resolution(c, "ideal chambers, no scattering", 0.8, 1.8, 0);
    c.scattering_mrad = 5;
    fit_resolution(c, "scattering 5 mrad", 3.5, 5, 0.001);
}

static void speed(void **state)
{
    (void)state;
    struct timespec a, b;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    loom_dataset_destroy(make(events(20000)));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    printf("100,000 events take %.2f s\n",
           5 * ((double)(b.tv_sec - a.tv_sec) +
                1e-9 * (double)(b.tv_nsec - a.tv_nsec)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reproducible), cmocka_unit_test(refused),
        cmocka_unit_test(clean_tracks), cmocka_unit_test(rates),
        cmocka_unit_test(resolution),   cmocka_unit_test(speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
