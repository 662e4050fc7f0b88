#include "engine/loss.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"

static const char *const words[] = {"cross_entropy", "mse", "huber", "hinge"};

int loom_loss_from_word(const char *s)
{
    for (int i = 0; i < (int)(sizeof(words) / sizeof(*words)); i++)
        if (!strcmp(s, words[i]))
            return i;
    return -1;
}

const char *loom_loss_word(enum loom_loss kind)
{
    return words[kind];
}

bool loom_loss_of_classes(enum loom_loss kind)
{
    return kind == LOOM_CROSS_ENTROPY || kind == LOOM_HINGE;
}

static size_t largest(size_t n, const float *z)
{
    size_t best = 0;
    for (size_t j = 1; j < n; j++)
        if (z[j] > z[best])
            best = j;
    return best;
}

static void cross_entropy(const struct loom_loss_rule *rule, size_t rows,
                          size_t n, const float *z, size_t ld, const int *y,
                          float scale, float *gz, struct loom_loss_sums *sums)
{
    const struct loom_kernels *kernels = loom_kernels();
    float weight[LOOM_LANES], scales[LOOM_LANES], loss[LOOM_LANES];
    int best[LOOM_LANES];
    for (size_t at = 0; at < rows; at += LOOM_LANES, y += LOOM_LANES) {
        size_t some = rows - at < LOOM_LANES ? rows - at : LOOM_LANES;
        for (size_t r = 0; r < some; r++) {
            weight[r] = rule->class_weight ? rule->class_weight[y[r]] : 1.0f;
            scales[r] = weight[r] * scale;
        }
        kernels->softmax(some, n, z + at * ld, ld, y, scales, loss, best,
                         gz ? gz + at * ld : NULL);
        for (size_t r = 0; r < some; r++) {
            sums->loss += (double)weight[r] * (double)loss[r];
            sums->correct += best[r] == y[r];
        }
    }
}

static double hinge(size_t n, const float *z, size_t best, size_t label,
                    float scale, float *gz)
{
    size_t rival = best;
    if (gz)
        memset(gz, 0, n * sizeof(*gz));
    if (n < 2)
        return 0.0;
    if (best == label) {
        rival = label ? 0 : 1;
        for (size_t j = rival + 1; j < n; j++)
            if (j != label && z[j] > z[rival])
                rival = j;
    }
    double loss = 1.0 + (double)z[rival] - (double)z[label];
    if (gz && loss > 0.0) {
        gz[rival] = scale;
        gz[label] = -scale;
    }
    return fmax(loss, 0.0);
}

static void classes(const struct loom_loss_rule *rule, size_t rows, size_t n,
                    const float *z, size_t ld, const int *y, float scale,
                    float *gz, struct loom_loss_sums *sums)
{
    if (rule->kind == LOOM_CROSS_ENTROPY) {
        cross_entropy(rule, rows, n, z, ld, y, scale, gz, sums);
        return;
    }
    for (size_t r = 0; r < rows; r++, z += ld, gz = gz ? gz + ld : NULL) {
        size_t label = (size_t)y[r], best = largest(n, z);
        float w = rule->class_weight ? rule->class_weight[label] : 1.0f;
        sums->loss += (double)w * hinge(n, z, best, label, w * scale, gz);
        sums->correct += best == label;
    }
}

/* The loss of one output that is off by d, and its derivative. */
static double loss_of(const struct loom_loss_rule *rule, double d,
                      double *slope)
{
    if (rule->kind == LOOM_MSE) {
        *slope = 2.0 * d;
        return d * d;
    }
    if (fabs(d) <= rule->delta) {
        *slope = d;
        return 0.5 * d * d;
    }
    *slope = copysign(rule->delta, d);
    return rule->delta * (fabs(d) - 0.5 * rule->delta);
}

static void targets(const struct loom_loss_rule *rule, size_t rows, size_t n,
                    const float *z, size_t ld, const float *t, float scale,
                    float *gz, struct loom_loss_sums *sums)
{
    for (size_t r = 0; r < rows; r++, z += ld, t += n, gz = gz ? gz + ld : NULL)
        for (size_t j = 0; j < n; j++) {
            double d = (double)(z[j] - t[j]), slope;
            sums->loss += loss_of(rule, d, &slope) / (double)n;
            sums->absolute += fabs(d);
            sums->values += 1.0;
            if (rule->cut <= 0.0 || fabs(d) < rule->cut) {
                sums->square += d * d;
                sums->inliers += 1.0;
            }
            if (gz)
                gz[j] = scale * (float)slope / (float)n;
        }
}

void loom_loss_block(const struct loom_loss_rule *rule, size_t rows, size_t n,
                     const float *z, size_t ld, const int *y, const float *t,
                     float scale, float *gz, struct loom_loss_sums *sums)
{
    if (loom_loss_of_classes(rule->kind))
        classes(rule, rows, n, z, ld, y, scale, gz, sums);
    else
        targets(rule, rows, n, z, ld, t, scale, gz, sums);
}
