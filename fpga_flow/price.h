/* What a family's cells cost in bits (engine/cost.h): prices fitted to networks
 * whose cells have been counted. Those that were shipped count until `bitloom
 * calibrate` has written others, a file a family in the data folder. */
#pragma once

#include <jansson.h>

#include "engine/cost.h"
#include "fpga_flow/accuracy.h"
#include "fpga_flow/target.h"

/* One network and its cells. */
struct loom_price_row {
    double part[LOOM_COST_PARTS];
    double cells;
    const char *group; /* networks of one training belong together */
};

/* The prices of a device, by its name or short form. LOOM_ERR_ARG where there
 * is none, or what reading the file came to. */
int loom_price_find(const char *device, struct loom_cost *out,
                    struct loom_errmsg *e);

/* Those that were shipped. */
void loom_price_shipped(const struct loom_device *d, struct loom_cost *out);

/* Prices that are close to the cells of the rows, by share: least squares that
 * forgive far points (Huber's weights), held by the prices that were (`before`)
 * where the rows say nothing, and none below half of what it was. The same rows
 * give the same prices. */
void loom_price_fit(const struct loom_price_row *row, int n,
                    const struct loom_cost *before, struct loom_cost *out);

/* How good prices are that were fitted like that: each group is priced by the
 * others alone. */
struct loom_accuracy loom_price_check(const struct loom_price_row *row, int n,
                                      const struct loom_cost *before);

/* Estimated cells of a row. */
double loom_price_cells(const struct loom_cost *c,
                        const struct loom_price_row *row);

/* The unit in which a family's cells count: "LC" or "LUT4". */
const char *loom_price_unit(const struct loom_family *f);

/* The file of a family; the caller frees. */
char *loom_price_path(const struct loom_family *f);

/* Keep prices as the family's, with what is known of them: `rows` networks,
 * and the error. */
int loom_price_write(const struct loom_family *f, const struct loom_cost *c,
                     int rows, const struct loom_accuracy *error,
                     struct loom_errmsg *e);
