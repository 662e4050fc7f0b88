/* dense{units, kernel, bias, norm}: y = x q(W) + q(b), every weight with its
 * own bits. An input of several axes keeps all but its last: the same weights
 * serve every position (particle, pixel). Fields as affine.h has them. */
#include "engine/affine.h"

static int build(struct loom_model *m, struct loom_layer *l,
                 struct loom_errmsg *e)
{
    static const char *const names[] = {"units", "parallel", LOOM_AFFINE_FIELDS,
                                        NULL};
    struct loom_affine *a = l->state;
    const struct loom_layer *src = &m->layer[l->input[0]];
    struct loom_shape shape = src->shape;
    double units = 0, parallel = 0;
    int err = loom_conf_check(l->conf, l->name, names, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "units", 1, 65536, &units, e);
    if (!err)
        err = loom_conf_whole(l->conf, l->name, "parallel", 1, 1 << 24,
                              &parallel, e);
    if (!err && units < 1)
        err = loom_fail(e, LOOM_ERR_ARG,
                        "%s: field \"units\", the number of outputs, is "
                        "missing",
                        l->name);
    if (err)
        return err;
    a->k = shape.dim[shape.rank - 1];
    a->units = (size_t)units;
    a->positions = src->n / a->k;
    a->lines =
        (struct loom_lines){1, a->positions, 0, a->k, 1, a->k, 0, 0, 0, 0, 0};
    a->kernel_shape = (struct loom_shape){2, {a->k, a->units}};
    a->bias_positions = a->positions;
    a->share = parallel > 0 ? parallel / (double)a->positions : 1.0;
    shape.dim[shape.rank - 1] = a->units;
    loom_layer_shape(l, shape.rank, shape.dim);
    return loom_affine_build(a, m, l, e);
}

const struct loom_layer_ops loom_layer_dense = {
    .kind = "dense",
    .n_inputs = 1,
    .build = build,
    LOOM_AFFINE_OPS,
};
