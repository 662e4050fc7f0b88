#include "engine/loss.h"

#include <math.h>
#include <string.h>

static const char *const words[] = {"cross_entropy", "mse"};

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

/* gz first holds the exponentials. */
static void cross_entropy(size_t rows, size_t n, const float *z, size_t ld,
                          const int *y, float scale, float *gz,
                          struct loom_loss_sums *sums)
{
    for (size_t r = 0; r < rows; r++, z += ld, gz = gz ? gz + ld : NULL) {
        size_t best = 0, label = (size_t)y[r];
        for (size_t j = 1; j < n; j++)
            if (z[j] > z[best])
                best = j;
        float total = 0.0f, top = z[best];
        for (size_t j = 0; j < n; j++) {
            float e = expf(z[j] - top);
            total += e;
            if (gz)
                gz[j] = e;
        }
        sums->loss += (double)(logf(total) - (z[label] - top));
        sums->correct += best == label;
        if (!gz)
            continue;
        for (size_t j = 0; j < n; j++)
            gz[j] *= scale / total;
        gz[label] -= scale;
    }
}

static void mse(size_t rows, size_t n, const float *z, size_t ld,
                const float *t, double cut, float scale, float *gz,
                struct loom_loss_sums *sums)
{
    for (size_t r = 0; r < rows; r++, z += ld, t += n, gz = gz ? gz + ld : NULL)
        for (size_t j = 0; j < n; j++) {
            float d = z[j] - t[j];
            double square = (double)d * (double)d;
            sums->loss += square / (double)n;
            sums->values += 1.0;
            if (cut <= 0.0 || fabs((double)d) < cut) {
                sums->square += square;
                sums->inliers += 1.0;
            }
            if (gz)
                gz[j] = scale * 2.0f * d / (float)n;
        }
}

void loom_loss_block(enum loom_loss kind, size_t rows, size_t n, const float *z,
                     size_t ld, const int *y, const float *t, double cut,
                     float scale, float *gz, struct loom_loss_sums *sums)
{
    if (kind == LOOM_CROSS_ENTROPY)
        cross_entropy(rows, n, z, ld, y, scale, gz, sums);
    else
        mse(rows, n, z, ld, t, cut, scale, gz, sums);
}
