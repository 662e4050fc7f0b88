#include "engine/digits.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "engine/rng.h"

enum { SIZE = LOOM_DIGITS_SIZE, MAX_STROKES = 48 };

/* Points of each digit's strokes, x 0 .. 4 and y 0 .. 6 from above; a stroke
 * goes on from point to point, but for a jump at a bar. */
static const char *const strokes[10] = {
    "10 30 41 45 36 16 05 01 10",
    "11 20 26",
    "01 10 30 41 42 06 46",
    "01 10 30 41 42 33 13|33 44 45 36 16 05",
    "36 30 04 44",
    "40 00 03 33 44 45 36 16 05",
    "30 10 01 05 16 36 45 44 33 13 04",
    "00 40 26",
    "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33",
    "42 33 13 02 01 10 30 41 43 35 16",
};

struct stroke {
    float ax, ay, bx, by; /* in pixels */
};

struct glyph {
    struct stroke stroke[MAX_STROKES];
    int n;
};

/* How a digit lies in the picture. */
struct pose {
    double x, y, width, height, slant, turn; /* middle and size in pixels */
};

static double between(struct loom_rng *r, double low, double high)
{
    return low + (high - low) * loom_rng_uniform(r);
}

static void place(const struct pose *p, char column, char row, float *x,
                  float *y)
{
    double v = ((row - '0') / 6.0 - 0.5) * p->height;
    double u = ((column - '0') / 4.0 - 0.5) * p->width - p->slant * v;
    *x = (float)(p->x + u * cos(p->turn) - v * sin(p->turn));
    *y = (float)(p->y + u * sin(p->turn) + v * cos(p->turn));
}

static void draw_glyph(int digit, const struct pose *p, struct glyph *g)
{
    float x = 0, y = 0;
    for (const char *s = strokes[digit]; *s; s += s[2] ? 3 : 2) {
        struct stroke to = {x, y, 0, 0};
        place(p, s[0], s[1], &to.bx, &to.by);
        if (s != strokes[digit] && s[-1] != '|')
            g->stroke[g->n++] = to;
        x = to.bx;
        y = to.by;
    }
}

/* Distance from a point to the nearest stroke. */
static float distance(const struct glyph *g, float x, float y)
{
    float best = 1e6f;
    for (int k = 0; k < g->n; k++) {
        const struct stroke *s = &g->stroke[k];
        float dx = s->bx - s->ax, dy = s->by - s->ay;
        float t = ((x - s->ax) * dx + (y - s->ay) * dy) / (dx * dx + dy * dy);
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        float u = x - s->ax - t * dx, v = y - s->ay - t * dy;
        float d = u * u + v * v;
        best = d < best ? d : best;
    }
    return sqrtf(best);
}

/* The digit and its neighbours to both sides. */
static void draw_picture(struct loom_rng *r, int digit, struct glyph *g)
{
    struct pose p = {.x = between(r, 13.5, 17.5),
                     .y = between(r, 13.5, 17.5),
                     .height = between(r, 15, 24),
                     .slant = between(r, -0.15, 0.3),
                     .turn = between(r, -0.2, 0.2)};
    p.width = p.height * between(r, 0.45, 0.65);
    double step = p.width * between(r, 1.5, 2);
    g->n = 0;
    draw_glyph(digit, &p, g);
    for (int side = -1; side <= 1; side += 2) {
        struct pose q = p;
        bool there = loom_rng_uniform(r) < 0.6;
        int other = (int)loom_rng_below(r, 10);
        q.x += side * step * cos(p.turn);
        q.y += side * step * sin(p.turn);
        if (there)
            draw_glyph(other, &q, g);
    }
}

/* Ground and strokes, three channels each, apart by a contrast of the same
 * sign. */
static void choose_colours(struct loom_rng *r, double ground[3],
                           double stroke[3])
{
    double contrast = between(r, 0.25, 0.6), base = between(r, 0.1, 0.9);
    if (base + contrast > 1 || (base > contrast && loom_rng_u64(r) & 1))
        contrast = -contrast;
    for (int c = 0; c < 3; c++) {
        ground[c] = base + between(r, -0.1, 0.1);
        stroke[c] = base + contrast + between(r, -0.1, 0.1);
    }
}

static float to_8_bits(double v)
{
    v = floor(v * 256);
    return (float)((v < 0 ? 0 : v > 255 ? 255 : v) / 256);
}

static void picture(struct loom_rng *r, float *x, int *digit)
{
    struct glyph g;
    double ground[3], stroke[3];
    *digit = (int)loom_rng_below(r, 10);
    draw_picture(r, *digit, &g);
    choose_colours(r, ground, stroke);
    double width = between(r, 1.5, 3.5), edge = between(r, 0.8, 2.5);
    double light_x = between(r, -0.15, 0.15), light_y = between(r, -0.15, 0.15);
    double noise = between(r, 0.01, 0.05);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            double d = (double)distance(&g, (float)j, (float)i);
            double cover = 0.5 + (width / 2 - d) / edge;
            cover = cover < 0 ? 0 : cover > 1 ? 1 : cover;
            double light = light_x * (j - SIZE / 2) / SIZE +
                           light_y * (i - SIZE / 2) / SIZE;
            for (int c = 0; c < 3; c++)
                *x++ = to_8_bits(ground[c] + cover * (stroke[c] - ground[c]) +
                                 light + noise * loom_rng_normal(r));
        }
}

struct loom_dataset *loom_digits_generate(const struct loom_digits_conf *conf,
                                          struct loom_errmsg *e)
{
    const size_t rows[LOOM_N_PARTS] = {conf->train, conf->val, conf->test};
    struct loom_dataset *d = loom_dataset_new("digits", LOOM_DIGITS_PIXELS, 10);
    snprintf(d->source, sizeof(d->source), "simulated");
    for (int p = 0; p < LOOM_N_PARTS; p++) {
        if (rows[p] &&
            loom_dataset_alloc(d, (enum loom_part)p, rows[p], 1, e) < 0) {
            loom_dataset_destroy(d);
            return NULL;
        }
        for (size_t i = 0; i < rows[p]; i++) {
            struct loom_rng rng =
                loom_rng_init(conf->seed, (uint64_t)p << 56 | i);
            picture(&rng, d->part[p].x + i * LOOM_DIGITS_PIXELS,
                    d->part[p].y + i);
        }
    }
    return d;
}
