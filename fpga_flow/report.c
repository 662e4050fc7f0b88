#include "fpga_flow/report.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mem.h"
#include "fpga_flow/interface.h"
#include "fpga_flow/target.h"

static json_t *load(const char *path, struct loom_errmsg *e)
{
    json_error_t je;
    json_t *j = json_load_file(path, 0, &je);
    if (!j)
        loom_fail(e, LOOM_ERR_IO, "%s: line %d: %s", path, je.line,
                  *je.text ? je.text : "is there enough memory?");
    return j;
}

/* Layer that a hierarchical name ("core.dense_0.n3_17_r[2]") lies in, and the
 * output if the name tells; -1 if none. */
static int layer_of_name(const struct loom_design *d, const char *name,
                         int *output)
{
    *output = -1;
    if (strncmp(name, "core.", 5))
        return -1;
    name += 5;
    size_t n = strcspn(name, ".");
    for (size_t l = 0; name[n] && l < d->w->n_layers; l++)
        if (strlen(d->layer[l]) == n && !strncmp(d->layer[l], name, n)) {
            sscanf(name + n + 1, "n%d_", output);
            return (int)l;
        }
    return -1;
}

/* The bit of a value that a net is ("...n3_17_r2[5]"), -1: it is none, but
 * something within its logic. */
static int bit_of_name(const char *name)
{
    const char *last = strrchr(name, '.');
    int output, number, bit, end = 0;
    if (!last || sscanf(last, ".n%d_%d%n", &output, &number, &end) < 2)
        return -1;
    last += end;
    if (*last == '_' && last[1] == 'r')
        last += 2 + strspn(last + 2, "0123456789");
    end = 0;
    return sscanf(last, "[%d]%n", &bit, &end) == 1 && end && !last[end] ? bit
                                                                        : -1;
}

/* ---- nextpnr ------------------------------------------------------------ */

static double delay_of(const json_t *path)
{
    double sum = 0;
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(path, "path"), i, step) sum +=
        json_number_value(json_object_get(step, "delay"));
    return sum;
}

static json_t *path_step(const struct loom_design *d, const json_t *step)
{
    const char *net = json_string_value(json_object_get(step, "net"));
    const char *cell =
        json_string_value(json_object_get(json_object_get(step, "to"), "cell"));
    const char *type = json_string_value(json_object_get(step, "type"));
    int output, layer = -1;
    json_t *j = json_pack("{s:s*,s:f,s:s*,s:s*}", "type", type, "delay_ns",
                          json_number_value(json_object_get(step, "delay")),
                          "net", net, "cell", cell);
    if (net)
        layer = layer_of_name(d, net, &output);
    if (layer < 0 && cell)
        layer = layer_of_name(d, cell, &output);
    if (layer >= 0) {
        json_object_set_new(j, "layer", json_string(d->w->layer[layer].name));
        if (output >= 0)
            json_object_set_new(j, "output", json_integer(output));
        if (net && bit_of_name(net) >= 0)
            json_object_set_new(j, "bit", json_integer(bit_of_name(net)));
    }
    return j;
}

/* The slowest path from clock edge to clock edge. */
static json_t *critical_path(const struct loom_design *d, const json_t *report)
{
    json_t *out = json_array(), *p, *step, *worst = NULL;
    size_t i;
    json_array_foreach(json_object_get(report, "critical_paths"), i, p)
    {
        const char *a = json_string_value(json_object_get(p, "from"));
        const char *b = json_string_value(json_object_get(p, "to"));
        if (a && b && strstr(a, "edge") && strstr(b, "edge") &&
            (!worst || delay_of(p) > delay_of(worst)))
            worst = p;
    }
    json_array_foreach(json_object_get(worst, "path"), i, step)
        json_array_append_new(out, path_step(d, step));
    return out;
}

static bool is_clocked(const json_t *o)
{
    const char *event = json_string_value(json_object_get(o, "event"));
    return event && strstr(event, "edge");
}

/* What is left of the period at every end of a path from clock to clock; how
 * many, in fresh memory. */
static size_t slacks(const json_t *report, double period, double **out)
{
    size_t n = 0, i, k;
    json_t *net, *end;
    json_array_foreach(json_object_get(report, "detailed_net_timings"), i, net)
    {
        const json_t *ends = json_object_get(net, "endpoints");
        if (!is_clocked(net))
            continue;
        *out =
            loom_realloc(*out, (n + json_array_size(ends) + 1) * sizeof(**out));
        json_array_foreach(ends, k, end)
        {
            if (is_clocked(end))
                (*out)[n++] =
                    period - json_number_value(json_object_get(end, "delay"));
        }
    }
    return n;
}

static json_t *slack_of(const json_t *report, double clock_mhz)
{
    enum { BINS = 20 };
    double *v = NULL;
    size_t n = slacks(report, 1e3 / clock_mhz, &v);
    int failing = 0, count[BINS] = {0};
    if (!n) {
        free(v);
        return json_null();
    }
    double lo = v[0], hi = v[0];
    for (size_t k = 0; k < n; k++) {
        lo = v[k] < lo ? v[k] : lo;
        hi = v[k] > hi ? v[k] : hi;
        failing += v[k] < 0;
    }
    double bin = hi > lo ? (hi - lo) / BINS : 1;
    for (size_t k = 0; k < n; k++) {
        int at = (int)((v[k] - lo) / bin);
        count[at < BINS ? at : BINS - 1]++;
    }
    free(v);
    json_t *counts = json_array();
    for (int k = 0; k < BINS; k++)
        json_array_append_new(counts, json_integer(count[k]));
    return json_pack("{s:i,s:i,s:f,s:f,s:o}", "endpoints", (int)n, "failing",
                     failing, "least_ns", lo, "bin_ns", bin, "counts", counts);
}

static int used(const json_t *report, const char *cell)
{
    const json_t *u = json_object_get(report, "utilization");
    return (int)json_integer_value(
        json_object_get(json_object_get(u, cell), "used"));
}

int loom_report_placed(const char *path, const struct loom_design *d,
                       double clock_mhz, struct loom_placed *out,
                       struct loom_errmsg *e)
{
    json_t *report = load(path, e), *clock;
    const char *key;
    if (!report)
        return LOOM_ERR_IO;
    *out = (struct loom_placed){.fmax_mhz = -1};
    json_object_foreach(json_object_get(report, "fmax"), key, clock)
    {
        double f = json_number_value(json_object_get(clock, "achieved"));
        if (out->fmax_mhz < 0 || f < out->fmax_mhz)
            out->fmax_mhz = f;
    }
    out->lc = used(report, d->family->used_cells);
    out->bram = used(report, d->family->used_bram);
    out->dsp = used(report, d->family->used_dsp);
    out->path = critical_path(d, report);
    out->slack = slack_of(report, clock_mhz);
    json_decref(report);
    return 0;
}

void loom_placed_deinit(struct loom_placed *p)
{
    json_decref(p->path);
    json_decref(p->slack);
    *p = (struct loom_placed){0};
}

/* ---- Yosys -------------------------------------------------------------- */

static bool begins(const char *type, const char *with)
{
    return !strncmp(type, with, strlen(with));
}

static void count(struct loom_synthesized *s, const struct loom_family *f,
                  const char *type)
{
    s->lut4 += begins(type, f->lut);
    s->carry += begins(type, f->carry);
    s->ff += begins(type, f->ff);
    s->bram += begins(type, f->bram);
    s->dsp += begins(type, f->dsp);
}

/* ---- carry chains -------------------------------------------------------- */

struct chain_cell {
    int in, out; /* nets; -1: a constant */
    int layer;
};

static int net_of(const json_t *cell, const char *port)
{
    const json_t *c = json_object_get(cell, "connections");
    const json_t *bit = json_array_get(json_object_get(c, port), 0);
    return json_is_integer(bit) ? (int)json_integer_value(bit) : -1;
}

static int by_input(const void *a, const void *b)
{
    const struct chain_cell *x = a, *y = b;
    return (x->in > y->in) - (x->in < y->in);
}

static struct chain_cell *reader(struct chain_cell *c, size_t n, int net)
{
    struct chain_cell key = {.in = net};
    return net < 0 ? NULL : bsearch(&key, c, n, sizeof(*c), by_input);
}

/* Tiles of the chains among n cells. A chain whose carry comes from elsewhere
 * takes a cell more, and so does its last carry, on its way out. */
static void count_tiles(struct chain_cell *c, size_t n, int tile,
                        struct loom_synthesized *all,
                        struct loom_synthesized *layer)
{
    bool *inside = loom_calloc(n + 1, sizeof(*inside));
    struct chain_cell *next;
    qsort(c, n, sizeof(*c), by_input);
    for (size_t k = 0; k < n; k++)
        if ((next = reader(c, n, c[k].out)))
            inside[next - c] = true;
    for (size_t k = 0; k < n; k++) {
        int cells = 2 + (c[k].in >= 0);
        for (next = reader(c, n, c[k].out); next && !inside[k];
             next = reader(c, n, next->out))
            cells++;
        int tiles = inside[k] ? 0 : (cells + tile - 1) / tile;
        all->tiles += tiles;
        if (c[k].layer >= 0)
            layer[c[k].layer].tiles += tiles;
    }
    free(inside);
}

int loom_report_netlist(const char *path, const struct loom_design *d,
                        struct loom_synthesized *all,
                        struct loom_synthesized *layer, struct loom_errmsg *e)
{
    json_t *netlist = load(path, e), *module, *cell;
    const char *name;
    size_t n = 0;
    if (!netlist)
        return LOOM_ERR_IO;
    memset(all, 0, sizeof(*all));
    memset(layer, 0, d->w->n_layers * sizeof(*layer));
    char *top =
        loom_asprintf("%s_%s", d->name, loom_interface_word(d->interface));
    module = json_object_get(json_object_get(netlist, "modules"), top);
    const json_t *cells = json_object_get(module, "cells");
    struct chain_cell *chain =
        loom_calloc(json_object_size(cells) + 1, sizeof(*chain));
    json_object_foreach((json_t *)(uintptr_t)cells, name, cell)
    {
        const char *type = json_string_value(json_object_get(cell, "type"));
        int output, l = layer_of_name(d, name, &output);
        if (!type)
            continue;
        count(all, d->family, type);
        if (l >= 0)
            count(&layer[l], d->family, type);
        if (begins(type, d->family->carry))
            chain[n++] =
                (struct chain_cell){net_of(cell, "CI"), net_of(cell, "CO"), l};
    }
    if (d->family->tile)
        count_tiles(chain, n, d->family->tile, all, layer);
    free(chain);
    free(top);
    json_decref(netlist);
    return 0;
}
