#include "tui/builds_past.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/target.h"

enum { MOST = 200 };

static int cells(double v)
{
    return isfinite(v) ? (int)v : -1;
}

static struct loom_build_view make(const struct loom_store_run *r,
                                   const struct loom_store_cost *c, int id)
{
    const struct loom_device *device = loom_device_find(c->device);
    struct loom_build_view b = {
        .id = id,
        .state = LOOM_BUILD_DONE,
        .phase = LOOM_PHASE_BITSTREAM,
        .fraction = -1,
        .vectors = -1,
        .mismatches = -1,
        .lut4 = cells(c->lut4),
        .carry = -1,
        .ff = cells(c->ff),
        .lc = cells(c->lc),
        .bram = -1,
        .dsp = -1,
        .lc_available = device ? device->lc : 0,
        .predicted_lut4 = cells(c->predicted_lut4),
        .predicted_carry = -1,
        .predicted_ff = -1,
        .predicted_lc = cells(c->predicted_lc),
        .fmax_mhz = isfinite(c->fmax_mhz) ? (float)c->fmax_mhz : -1,
        .clock_mhz = -1,
        .latency_cycles = -1};
    snprintf(b.name, sizeof b.name, "%.31s", r->id);
    snprintf(b.device, sizeof b.device, "%.23s", c->device);
    snprintf(b.dir, sizeof b.dir, "%.200s/build-%05d-%.24s", r->dir, c->epoch,
             device ? device->shorthand : c->device);
    return b;
}

static bool is_shown(const struct loom_view *v, const char *dir)
{
    for (int i = 0; i < v->n_builds; i++)
        if (!strcmp(v->build[i].dir, dir))
            return true;
    return false;
}

struct loom_build_view *builds_past_make(const struct runs_data *d,
                                         const struct loom_view *v, int *n)
{
    *n = 0;
    if (!d || !d->n_costs)
        return NULL;
    size_t room = d->n < MOST ? d->n : MOST;
    struct loom_build_view *b = loom_calloc(room, sizeof *b);
    for (size_t i = 0; i < d->n && *n < (int)room; i++) {
        if (!d->row[i].cost)
            continue;
        b[*n] = make(d->row[i].run, d->row[i].cost, -1 - (int)(d->n - i));
        *n += !is_shown(v, b[*n].dir);
    }
    if (*n)
        return b;
    free(b);
    return NULL;
}
