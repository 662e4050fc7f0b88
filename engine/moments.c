#include "engine/moments.h"

#include <string.h>

int loom_moments_read(struct loom_moments *s, const json_t *conf,
                      const char *layer, double epsilon, struct loom_errmsg *e)
{
    double momentum = 0.99;
    int err = loom_conf_number(conf, layer, "epsilon", 1e-30, 1e3, &epsilon, e);
    if (!err)
        err = loom_conf_number(conf, layer, "momentum", 0, 1, &momentum, e);
    s->epsilon = (float)epsilon;
    s->momentum = (float)momentum;
    return err;
}

void loom_moments_build(struct loom_moments *s, struct loom_model *m,
                        const char *layer, size_t n)
{
    s->n = n;
    s->moving_mean = loom_model_add_param(m, layer, "moving_mean", n, false);
    s->moving_variance =
        loom_model_add_param(m, layer, "moving_variance", n, false);
    s->mean = loom_model_floats(m, n);
    s->variance = loom_model_floats(m, n);
    s->shift = loom_model_floats(m, loom_pad(n));
    s->slope = loom_model_floats(m, loom_pad(n));
}

void loom_moments_init(const struct loom_moments *s, struct loom_model *m)
{
    for (size_t c = 0; c < s->n; c++)
        loom_theta(m, s->moving_variance)[c] = 1.0f;
}

void loom_moments_use_moving(struct loom_moments *s, const struct loom_model *m)
{
    memcpy(s->mean, loom_theta(m, s->moving_mean), s->n * sizeof(float));
    memcpy(s->variance, loom_theta(m, s->moving_variance),
           s->n * sizeof(float));
}

void loom_moments_add(const struct loom_moments *s, const float *z, size_t ld,
                      size_t rows, double *stat)
{
    double *square = stat + s->n;
    for (size_t r = 0; r < rows; r++, z += ld)
        for (size_t c = 0; c < s->n; c++) {
            double v = (double)z[c];
            stat[c] += v;
            square[c] += v * v;
        }
}

void loom_moments_use_batch(struct loom_moments *s, const double *stat,
                            double count)
{
    s->count = count;
    for (size_t c = 0; c < s->n; c++) {
        double mean = stat[c] / count;
        double variance = stat[s->n + c] / count - mean * mean;
        s->mean[c] = (float)mean;
        s->variance[c] = variance > 0.0 ? (float)variance : 0.0f;
    }
}

void loom_moments_back(struct loom_moments *s, size_t c, float mean,
                       float variance)
{
    float over = (float)(1.0 / s->count);
    s->slope[c] = 2.0f * variance * over;
    s->shift[c] = mean * over - s->slope[c] * s->mean[c];
}

void loom_moments_follow(const struct loom_moments *s, struct loom_model *m)
{
    float *mean = loom_theta(m, s->moving_mean);
    float *variance = loom_theta(m, s->moving_variance), p = s->momentum;
    for (size_t c = 0; c < s->n; c++) {
        mean[c] = mean[c] * p + s->mean[c] * (1.0f - p);
        variance[c] = variance[c] * p + s->variance[c] * (1.0f - p);
    }
}
