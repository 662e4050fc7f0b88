#include "fpga_flow/price.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/folder.h"
#include "engine/mem.h"
#include "fpga_flow/regress.h"

enum { VERSION = 1, N = LOOM_COST_PARTS + 1 }; /* the last is `fixed` */

/* Fitted like that to 20 networks (iCE40) and 17 (ECP5) of 526 to 7,173 EBOPs,
 * a register after every two levels of adders. */
static const struct loom_cost shipped[] = {
    {.device = "ice40",
     .unit = "LC",
     .price = {0.367, 0.422, 0.107, 2.449, 0.3, 3.809, 1}},
    {.device = "ecp5",
     .unit = "LUT4",
     .price = {0.496, 0.787, 0.1, 2.022, 0.3, 3.279, 1}},
};

const char *loom_price_unit(const struct loom_family *f)
{
    return f == &loom_ice40 ? shipped[0].unit : shipped[1].unit;
}

/* ---- fitting --------------------------------------------------------------
 */

double loom_price_cells(const struct loom_cost *c,
                        const struct loom_price_row *row)
{
    double cells = c->fixed;
    for (int k = 0; k < LOOM_COST_PARTS; k++)
        cells += c->price[k] * row->part[k];
    return cells;
}

/* The prices in a row, `fixed` last. */
static void spread(const struct loom_cost *c, double price[N])
{
    memcpy(price, c->price, sizeof(c->price));
    price[N - 1] = c->fixed;
}

/* What networks have in common with another part is free in their cells, but a
 * training would find out that it is free: no price falls below half of what
 * it was. */
void loom_price_fit(const struct loom_price_row *row, int n,
                    const struct loom_cost *before, struct loom_cost *out)
{
    double *x = loom_malloc((size_t)(n + 1) * N * sizeof(*x));
    double *y = loom_malloc((size_t)(n + 1) * sizeof(*y)), was[N], price[N];
    for (int i = 0; i < n; i++) {
        memcpy(x + i * N, row[i].part, sizeof(row[i].part));
        x[i * N + N - 1] = 1.0;
        y[i] = row[i].cells;
    }
    spread(before, was);
    loom_regress_fit(
        &(struct loom_regress){
            .n = n, .n_x = N, .x = x, .y = y, .before = was, .floor = 0.5},
        price);
    *out = *before;
    memcpy(out->price, price, sizeof(out->price));
    out->fixed = price[N - 1];
    free(x);
    free(y);
}

/* Estimates of each row by the rows of other groups; false: there are none. */
static bool estimate_others(const struct loom_price_row *row, int n,
                            const struct loom_cost *before, double *cells)
{
    struct loom_price_row *rest = loom_malloc((size_t)n * sizeof(*rest));
    int least = n;
    for (int i = 0; i < n; i++) {
        struct loom_cost c;
        int m = 0;
        for (int j = 0; j < n; j++)
            if (strcmp(row[j].group, row[i].group) != 0)
                rest[m++] = row[j];
        loom_price_fit(rest, m, before, &c);
        cells[i] = loom_price_cells(&c, &row[i]);
        least = m < least ? m : least;
    }
    free(rest);
    return least > 0;
}

struct loom_accuracy loom_price_check(const struct loom_price_row *row, int n,
                                      const struct loom_cost *before)
{
    double *cells = loom_malloc((size_t)(n + 1) * sizeof(*cells));
    double *real = loom_malloc((size_t)(n + 1) * sizeof(*real));
    bool known = n && estimate_others(row, n, before, cells);
    for (int i = 0; i < n; i++)
        real[i] = row[i].cells;
    struct loom_accuracy r = loom_accuracy_of(cells, real, known ? n : 0);
    free(cells);
    free(real);
    return r;
}

/* ---- the file ------------------------------------------------------------ */

char *loom_price_path(const struct loom_family *f)
{
    char *dir = loom_folder(LOOM_FOLDER_DATA);
    char *path = loom_asprintf("%s/cost-%s.json", dir, f->name);
    free(dir);
    return path;
}

int loom_price_write(const struct loom_family *f, const struct loom_cost *c,
                     int rows, const struct loom_accuracy *error,
                     struct loom_errmsg *e)
{
    char *path = loom_price_path(f);
    json_t *j =
        json_pack("{s:s,s:i,s:o,s:i}", "schema", "bitloom/cost", "version",
                  VERSION, "cost", loom_cost_to_json(c), "networks", rows);
    if (isfinite(error->median))
        json_object_set_new(j, "error",
                            json_pack("{s:f,s:f,s:f}", "median", error->median,
                                      "worst", error->worst, "rank",
                                      error->rank));
    char *text = json_dumps(j, JSON_INDENT(1));
    char *dir = loom_folder(LOOM_FOLDER_DATA);
    int err = loom_file_mkdirs(dir, e);
    if (!err)
        err = loom_file_write(path, text, strlen(text), e);
    free(dir);
    free(text);
    free(path);
    json_decref(j);
    return err;
}

static int read_file(const char *path, const struct loom_family *f,
                     struct loom_cost *out, struct loom_errmsg *e)
{
    enum { MOST = 1 << 16 };
    void *text;
    size_t n;
    int err = loom_file_read(path, MOST, &text, &n, e);
    if (err)
        return err;
    json_t *j = json_loadb(text, n, 0, NULL);
    const char *schema = json_string_value(json_object_get(j, "schema"));
    free(text);
    if (!schema || strcmp(schema, "bitloom/cost") != 0)
        err = loom_fail(e, LOOM_ERR_FORMAT, "no file of prices");
    else if (json_integer_value(json_object_get(j, "version")) != VERSION)
        err = loom_fail(e, LOOM_ERR_FORMAT, "of another bitloom");
    else
        err = loom_cost_from_json(json_object_get(j, "cost"), out, e);
    if (!err && strcmp(out->unit, loom_price_unit(f)) != 0)
        err = loom_fail(e, LOOM_ERR_FORMAT, "of another family");
    json_decref(j);
    return err ? loom_fail_prefix(e, err,
                                  "%s (bitloom calibrate writes it anew; "
                                  "without it, prices are as shipped)",
                                  path)
               : 0;
}

void loom_price_shipped(const struct loom_device *d, struct loom_cost *out)
{
    *out = shipped[d->family != &loom_ice40];
    snprintf(out->device, sizeof(out->device), "%s", d->name);
}

int loom_price_find(const char *device, struct loom_cost *out,
                    struct loom_errmsg *e)
{
    const struct loom_device *d = loom_device_find(device);
    if (!d)
        return loom_fail(e, LOOM_ERR_ARG,
                         "cost: \"%s\" is no device; bitloom devices lists "
                         "them, \"ebops\" counts EBOPs",
                         device);
    char *path = loom_price_path(d->family);
    int err = 0;
    loom_price_shipped(d, out);
    if (!access(path, F_OK))
        err = read_file(path, d->family, out, e);
    snprintf(out->device, sizeof(out->device), "%s", d->name);
    free(path);
    return err;
}
