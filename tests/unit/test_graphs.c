/* Random graphs of all layer kinds, with random shapes, bits and modes: what
 * evaluation gives in float32, what the integer network gives (also after its
 * way through JSON) and what its wires give are the same numbers.
 * LOOM_PROPERTY=10000 draws that many graphs, LOOM_PROPERTY_SEED=7 others. */
#include "tests/unit/unit.h"

#include <math.h>

#include "engine/layer.h"
#include "engine/trainer.h"
#include "fpga_flow/wires.h"

enum { ROWS = 6, MAX_N = 400 };

struct draw {
    struct loom_rng r;
    struct loom_model *m;
};

static int between(struct draw *d, int lo, int hi)
{
    return unit_between(&d->r, lo, hi);
}

static const struct loom_shape *shape_at(const struct draw *d, int at)
{
    return &d->m->layer[at].shape;
}

static int add_all(struct draw *d, const char *kind, const int *in, int n_in,
                   json_t *conf)
{
    struct loom_errmsg e = {""};
    char name[32];
    snprintf(name, sizeof(name), "%s_%d", kind, d->m->n_layers);
    int at = loom_model_add(d->m, kind, name, in, n_in, conf, &e);
    if (at < 0)
        fail_msg("%s", e.text);
    json_decref(conf);
    return at;
}

static int add(struct draw *d, const char *kind, int in, json_t *conf)
{
    return add_all(d, kind, &in, 1, conf);
}

static json_t *draw_quantizer(struct draw *d, int rank)
{
    bool kbi = between(d, 0, 2) == 0;
    int o = between(d, 0, LOOM_N_OVERFLOWS - 1);
    int r = between(d, 0, 2) ? LOOM_RND : between(d, 0, LOOM_N_ROUNDS - 1);
    json_t *q = json_pack("{s:s,s:s,s:s}", "type", kbi ? "kbi" : "kif", "round",
                          loom_round_word((enum loom_round)r), "overflow",
                          loom_overflow_word((enum loom_overflow)o));
    json_t *axes = json_array();
    for (int a = 1; a <= rank; a++)
        if (between(d, 0, 3))
            json_array_append_new(axes, json_integer(a));
    json_object_set_new(q, "per", axes);
    if (r == LOOM_RND && !between(d, 0, 3))
        json_object_set_new(q, "round", json_string("S_RND"));
    if (!kbi && o == LOOM_WRAP && !between(d, 0, 3))
        json_object_set_new(q, "semantics", json_string("v1"));
    if (!between(d, 0, 5))
        json_object_set_new(q, "trained", json_false());
    return q;
}

static int quantize(struct draw *d, int at)
{
    return add(d, "quantize", at, draw_quantizer(d, shape_at(d, at)->rank));
}

static json_t *draw_window(struct draw *d, int at, const char *field,
                           bool average)
{
    const struct loom_shape *s = shape_at(d, at);
    json_t *sizes = json_array(), *strides = json_array();
    bool same = !average && between(d, 0, 1);
    for (int a = 0; a < s->rank - 1; a++) {
        int most = same || s->dim[a] > 3 ? 3 : (int)s->dim[a];
        int n = between(d, 1, most);
        json_array_append_new(sizes, json_integer(average && n == 3 ? 2 : n));
        json_array_append_new(strides, json_integer(between(d, 1, 3)));
    }
    return json_pack("{s:o,s:o,s:s}", field, sizes, "stride", strides,
                     "padding", same ? "same" : "valid");
}

/* Like the kernel of a dense layer. */
static json_t *draw_mask(struct draw *d, int at, const json_t *conf)
{
    const struct loom_shape *s = shape_at(d, at);
    json_int_t units = json_integer_value(json_object_get(conf, "units"));
    json_t *rows = json_array();
    for (size_t k = 0; k < s->dim[s->rank - 1]; k++) {
        json_t *row = json_array();
        for (json_int_t u = 0; u < units; u++)
            json_array_append_new(row, json_integer(between(d, 0, 1)));
        json_array_append_new(rows, row);
    }
    return rows;
}

static int batch_norm(struct draw *d, int at)
{
    if (between(d, 0, 1))
        at = add(d, "dropout", at, json_pack("{s:f}", "rate", 0.5));
    return add(d, "batch_norm", quantize(d, at),
               json_pack("{s:o,s:o,s:b,s:b}", "scale", draw_quantizer(d, 1),
                         "offset", draw_quantizer(d, 1), "gamma",
                         between(d, 0, 1), "beta", between(d, 0, 1)));
}

static int weighted(struct draw *d, int at)
{
    int rank = shape_at(d, at)->rank, axes = rank - 1;
    bool conv = rank >= 2 && rank <= 3 && between(d, 0, 2);
    bool deep = conv && axes == 2 && between(d, 0, 1);
    at = quantize(d, at);
    json_t *conf = conv ? draw_window(d, at, "size", false) : json_object();
    json_object_set_new(conf,
                        deep   ? "multiplier"
                        : conv ? "filters"
                               : "units",
                        json_integer(between(d, 1, deep ? 2 : 4)));
    json_object_set_new(conf, "kernel", draw_quantizer(d, conv ? axes + 2 : 2));
    json_object_set_new(conf, "bias",
                        between(d, 0, 2) ? draw_quantizer(d, 1) : json_false());
    if (json_is_object(json_object_get(conf, "bias")) && !between(d, 0, 2))
        json_object_set_new(conf, "norm", json_true());
    if (deep)
        return add(d, "depthwise_conv2d", at, conf);
    if (!conv && !between(d, 0, 3))
        json_object_set_new(conf, "mask", draw_mask(d, at, conf));
    return add(d, !conv ? "dense" : axes == 1 ? "conv1d" : "conv2d", at, conf);
}

static int pool(struct draw *d, int at)
{
    static const char *const kinds[2][2] = {
        {"max_pool1d", "max_pool2d"}, {"average_pool1d", "average_pool2d"}};
    int rank = shape_at(d, at)->rank, average = between(d, 0, 1);
    if (rank == 2 || rank == 3)
        return add(d, kinds[average][rank - 2], at,
                   draw_window(d, at, "size", average));
    return add(d, "global_max_pool", at, json_object());
}

/* Sum or maximum over some axes. */
static int reduce(struct draw *d, int at)
{
    json_t *axes = json_array();
    int rank = shape_at(d, at)->rank;
    for (int a = 1; a <= rank; a++)
        if (a == rank ? !json_array_size(axes) : between(d, 0, 1))
            json_array_append_new(axes, json_integer(a));
    json_t *conf =
        json_pack("{s:o,s:b}", "axes", axes, "keep", between(d, 0, 1));
    if (between(d, 0, 2) == 0)
        return add(d, "max", at, conf);
    json_object_set_new(conf, "scale", json_real(ldexp(1, between(d, -3, 1))));
    return add(d, "sum", at, conf);
}

/* A function, given or by name, its quantizer mostly behind it. */
static int function(struct draw *d, int at)
{
    static const char *const words[] = {"tanh", "sigmoid",  "exp",
                                        "elu",  "softsign", "inverse"};
    json_t *conf = json_pack("{s:f}", "scale", between(d, -4, 4) * 0.5);
    int k = between(d, 0, 6);
    if (k < 6)
        json_object_set_new(conf, "name", json_string(words[k]));
    else
        json_object_update_new(conf, unit_json("{'values':[0.5,-1,3,0.25],"
                                               "'from':-2,'to':1}"));
    at = add(d, "function", quantize(d, at), conf);
    if (!between(d, 0, 3))
        at = add(d, "relu", at, json_object());
    return quantize(d, at);
}

/* A function for each connection, and their sums. */
static int lut_dense(struct draw *d, int at)
{
    if (shape_at(d, at)->rank < LOOM_MAX_DIMS)
        at = add(d, "repeat", quantize(d, at),
                 json_pack("{s:i}", "n", between(d, 1, 3)));
    at = add(d, "tables", quantize(d, at),
             json_pack("{s:i}", "hidden", between(d, 1, 4)));
    at = quantize(d, at);
    return add(d, "sum", at, json_pack("{s:[i]}", "axes", 1));
}

/* Elementwise, without bits of its own. */
static int elementwise(struct draw *d, int at)
{
    static const float slopes[] = {0.25f, 0.375f};
    switch (between(d, 0, 2)) {
    case 0:
        return add(d, "relu", at, json_object());
    case 1:
        return add(
            d, "leaky_relu", at,
            json_pack("{s:f}", "slope", (double)slopes[between(d, 0, 1)]));
    default:
        return add(d, "scale", at,
                   json_pack("{s:f,s:f}", "factor", between(d, -3, 3) * 0.25,
                             "shift", between(d, -2, 2) * 0.5));
    }
}

static int move(struct draw *d, int at)
{
    const struct loom_shape s = *shape_at(d, at);
    int axis = between(d, 1, s.rank), size = (int)s.dim[axis - 1];
    int from = between(d, 0, size - 1);
    json_t *axes = json_array();
    switch (between(d, 0, 3)) {
    case 0:
        json_decref(axes);
        return add(d, "flatten", at, json_object());
    case 1:
        for (int a = 0; a < s.rank; a++)
            json_array_append_new(axes, json_integer((a + axis) % s.rank + 1));
        return add(d, "permute", at, json_pack("{s:o}", "axes", axes));
    case 2:
        json_decref(axes);
        return add(d, "slice", at,
                   json_pack("{s:i,s:i,s:i,s:i}", "axis", axis, "from", from,
                             "to", between(d, from + 1, size), "step",
                             between(d, 1, size)));
    default:
        json_array_append_new(axes,
                              json_integer((json_int_t)d->m->layer[at].n));
        json_array_append_new(axes, json_integer(1));
        return add(d, "reshape", at, json_pack("{s:o}", "shape", axes));
    }
}

/* Two ways from `at`, joined again; one of them may be a sum that repeats. */
static int fork_join(struct draw *d, int at)
{
    static const char *const kinds[] = {"add",     "subtract", "multiply",
                                        "maximum", "minimum",  "concatenate"};
    int kind = between(d, 0, 5), in[3] = {at, at, at};
    int n = kind == 1 || kind == 2 ? 2 : between(d, 2, 3);
    for (int i = 0; i < n; i++) {
        if (i == 1 && kind < 5 && between(d, 0, 1))
            in[i] = add(d, "sum", in[i],
                        json_pack("{s:[i],s:b}", "axes", 1, "keep", 1));
        if (between(d, 0, 3) == 0)
            in[i] = add(d, "relu", in[i], json_object());
        in[i] = quantize(d, in[i]);
    }
    return add_all(d, kinds[kind], in, n, json_object());
}

static int draw_input(struct draw *d)
{
    json_t *shape = json_array();
    for (int a = between(d, 1, 3); a > 0; a--)
        json_array_append_new(shape, json_integer(between(d, 1, 4)));
    int at = add_all(d, "input", NULL, 0, json_pack("{s:o}", "shape", shape));
    if (!between(d, 0, 2)) /* moved about before it is quantized */
        at = move(d, at);
    if (!between(d, 0, 3))
        at = between(d, 0, 1) ? add(d, "flatten", at, json_object())
                              : add(d, "reshape", at,
                                    json_pack("{s:[i,i]}", "shape", 1,
                                              (int)d->m->layer[at].n));
    if (!between(d, 0, 5)) { /* twice, the second time moved */
        int in[2] = {at, add(d, "slice", at,
                             json_pack("{s:i,s:i}", "axis", 1, "from", 0))};
        at = add_all(d, "concatenate", in, 2, json_pack("{s:i}", "axis", 1));
    }
    if (!between(d, 0, 5))
        at = add(d, "dropout", at, json_pack("{s:f}", "rate", 0.25));
    return quantize(d, at);
}

/* Two or three outputs that lie behind `at`, or are it. */
static int outputs(struct draw *d, int at)
{
    int in[3] = {at}, n = between(d, 2, 3);
    json_t *names = json_pack("[s]", "a");
    for (int i = 1; i < n; i++) {
        in[i] = between(d, 0, 1) ? weighted(d, at) : move(d, at);
        json_array_append_new(names, json_string(i == 1 ? "b" : "c"));
    }
    return add_all(d, "outputs", in, n, json_pack("{s:o}", "names", names));
}

static struct loom_model *draw_model(struct draw *d, uint64_t seed)
{
    d->m = loom_model_new();
    int at = draw_input(d);
    if (!between(d, 0, 3)) { /* a second input */
        int in[2] = {add(d, "flatten", at, json_object()),
                     add(d, "flatten", draw_input(d), json_object())};
        at = add_all(d, "concatenate", in, 2, json_object());
    }
    for (int n = between(d, 1, 4); n > 0; n--) {
        switch (between(d, 0, 8)) {
        case 8:
            at = lut_dense(d, at);
            break;
        case 7:
            at = batch_norm(d, at);
            break;
        case 0:
            at = pool(d, at);
            break;
        case 1:
            at = reduce(d, at);
            break;
        case 2:
            at = move(d, at);
            break;
        case 3:
            at = fork_join(d, at);
            break;
        case 4:
            at = between(d, 0, 3) ? elementwise(d, at) : function(d, at);
            break;
        default:
            at = weighted(d, at);
        }
    }
    if (between(d, 0, 1))
        at = quantize(d, at);
    if (!between(d, 0, 2))
        at = outputs(d, at);
    assert_ok(loom_model_finish(d->m, at, seed, e));
    return d->m;
}

static void draw_values(struct draw *d, struct loom_model *m)
{
    for (int p = 0; p < m->n_params; p++) {
        const struct loom_param *q = &m->param[p];
        const char *word = strrchr(q->name, '/') + 1;
        float *v = m->theta + q->at;
        for (size_t j = 0; j < q->n; j++) {
            if (!strcmp(word, "k"))
                v[j] = (float)between(d, 0, 1);
            else if (!strcmp(word, "i"))
                v[j] = (float)between(d, -2, 3);
            else if (!strcmp(word, "f"))
                v[j] = (float)between(d, -2, 4);
            else if (!strcmp(word, "b"))
                v[j] = (float)between(d, 0, 4);
            else if (!strcmp(word, "moving_variance"))
                v[j] = (float)between(d, 1, 9) * 0.3f;
            else
                v[j] = (float)(loom_rng_normal(&d->r) * 1.5);
        }
    }
}

static void check_wires(const struct loom_exact *net, const int64_t *q,
                        const int64_t *want, uint64_t seed)
{
    struct loom_errmsg e = {""};
    struct loom_wires *w = loom_wires_lower(net, NULL, seed % 3, &e);
    if (!w) {
        if (!strstr(e.text, "62 bits") && !strstr(e.text, "a table of "))
            fail_msg("seed %lu: %s", (unsigned long)seed, e.text);
        return;
    }
    int64_t *y = loom_calloc(ROWS * net->out_size + 1, sizeof(*y));
    loom_wires_run(w, q, ROWS, y);
    for (size_t j = 0; j < ROWS * net->out_size; j++)
        if (y[j] != want[j])
            fail_msg("seed %lu: wires: output %zu is %ld, not %ld",
                     (unsigned long)seed, j, (long)y[j], (long)want[j]);
    free(y);
    loom_wires_destroy(w);
}

static void check_json(const struct loom_exact *net, const int64_t *q,
                       const int64_t *want)
{
    json_t *j = loom_exact_to_json(net);
    struct loom_errmsg e = {""};
    struct loom_exact *back = loom_exact_from_json(j, &e);
    if (!back)
        fail_msg("%s", e.text);
    int64_t *y = loom_calloc(ROWS * net->out_size + 1, sizeof(*y));
    loom_exact_run(back, q, ROWS, y);
    assert_memory_equal(y, want, ROWS * net->out_size * sizeof(*y));
    assert_int_equal(back->n_outputs, net->n_outputs);
    for (size_t k = 0; k < net->n_outputs; k++) {
        assert_string_equal(back->outputs[k].name, net->outputs[k].name);
        assert_int_equal(back->outputs[k].n, net->outputs[k].n);
    }
    free(y);
    loom_exact_destroy(back);
    json_decref(j);
}

static void check_rows(struct draw *d, const struct loom_exact *net,
                       uint64_t seed)
{
    struct loom_model *m = d->m;
    size_t n_out = m->layer[m->output].n;
    float *x = loom_calloc(ROWS * m->n_in, sizeof(*x));
    float *z = loom_calloc(2 * ROWS * n_out, sizeof(*z));
    int64_t *q = loom_calloc(ROWS * net->in_size, sizeof(*q));
    int64_t *y = loom_calloc(ROWS * n_out, sizeof(*y));
    for (size_t k = 0; k < ROWS * m->n_in; k++)
        x[k] = (float)(loom_rng_normal(&d->r) * exp2(between(d, -2, 4)));
    assert_ok(loom_model_predict(m, x, ROWS, z, e));
    assert_ok(loom_exact_quantize(net, x, ROWS, q, e));
    loom_exact_run(net, q, ROWS, y);
    loom_exact_to_float(net, y, ROWS, z + ROWS * n_out);
    for (size_t k = 0; k < ROWS * n_out; k++) {
        const struct loom_exact_elem *v =
            &net->nodes[net->output].elem[k % n_out];
        float want = z[ROWS * n_out + k];
        if (z[k] != want) {
            json_t *j = loom_model_to_json(m);
            fail_msg("seed %lu: output %zu: float %.9g, integers %.9g\n%s",
                     (unsigned long)seed, k, (double)z[k], (double)want,
                     json_dumps(j, JSON_COMPACT));
        }
        if (y[k] < v->lo || y[k] > v->hi)
            fail_msg("seed %lu: output %zu leaves its interval",
                     (unsigned long)seed, k);
    }
    check_json(net, q, y);
    check_wires(net, q, y, seed);
    free(x);
    free(z);
    free(q);
    free(y);
}

static void test_graphs(void **state)
{
    (void)state;
    long count = unit_count("LOOM_PROPERTY", 1000), frozen = 0;
    uint64_t seed = (uint64_t)unit_count("LOOM_PROPERTY_SEED", 1) << 32;
    for (uint64_t end = seed + (uint64_t)count; seed < end; seed++) {
        struct draw d = {.r = loom_rng_init(seed, 13)};
        struct loom_errmsg e = {""};
        struct loom_model *m = draw_model(&d, seed);
        draw_values(&d, m);
        struct loom_exact *net = loom_model_freeze(m, &e);
        if (net)
            check_rows(&d, net, seed);
        else if (!strstr(e.text, " bits") && !strstr(e.text, "power of two"))
            fail_msg("seed %lu: %s", (unsigned long)seed, e.text);
        frozen += net != NULL;
        loom_exact_destroy(net);
        loom_model_destroy(m);
    }
    print_message("%ld graphs, %ld freeze, all of them exact\n", count, frozen);
    assert_true(frozen > count / 2);
}

/* ---- gradients --------------------------------------------------------- */

/* Bits so fine that rounding vanishes: the gradient is a derivative. */
#define FINE   "{'f0':19,'i0':6,'overflow':'SAT','l1':0}"
#define KERNEL "{'type':'kif','f0':20,'i0':4,'overflow':'SAT'}"

/* clang-format off */
#define LAYER(kind, name, in, conf)                                            \
    "{'kind':'" kind "','name':'" name "','inputs':[" in "],'conf':{" conf "}}"
#define WEIGHTS "'kernel':" KERNEL ",'bias':" KERNEL
#define QUANTIZE(name, in)                                                     \
    "{'kind':'quantize','name':'" name "','inputs':[" in "],'conf':" FINE "}"

static const char *const graphs[] = {
    /* 0: convolution, pools, batch norm, sums */
    LAYER("input", "x", "", "'shape':[5,4,2]") ","
    QUANTIZE("q", "0") ","
    LAYER("conv2d", "c", "1", "'filters':3,'size':[3,2],'stride':[2,1],"
          "'padding':'same','norm':true," WEIGHTS) ","
    LAYER("max_pool2d", "p", "2", "'size':2,'stride':1") ","
    LAYER("sum", "s", "3", "'axes':[2],'scale':0.5") ","
    QUANTIZE("r", "4") ","
    LAYER("conv1d", "d", "5", "'filters':2,'size':2,'bias':false,"
          "'kernel':" KERNEL) ","
    LAYER("average_pool1d", "a", "6", "'size':1"),
    /* 1: forks, merges, moves, shared weights */
    LAYER("input", "x", "", "'shape':[3,4]") ","
    QUANTIZE("q", "0") ","
    LAYER("dense", "d", "1", "'units':4," WEIGHTS) ","
    QUANTIZE("r", "2") ","
    LAYER("sum", "s", "3", "'axes':[1],'keep':true") ","
    LAYER("multiply", "m", "3,4", "") ","
    LAYER("maximum", "t", "5,3", "") ","
    LAYER("subtract", "u", "6,4", "") ","
    LAYER("permute", "p", "7", "'axes':[2,1]") ","
    LAYER("slice", "v", "8", "'axis':1,'from':1,'to':4,'step':2") ","
    LAYER("flatten", "f", "9", "") ","
    LAYER("minimum", "n", "7,3", "") ","
    LAYER("flatten", "g", "11", "") ","
    LAYER("concatenate", "h", "10,12", "") ","
    LAYER("add", "k", "13,13", "") ","
    LAYER("leaky_relu", "l", "14", "'slope':0.25") ","
    LAYER("function", "o", "15", "'name':'tanh'"),
    /* 2: softmax, as it is put together; functions of every shape */
    LAYER("input", "x", "", "'shape':[2,4]") ","
    QUANTIZE("q", "0") ","
    LAYER("dense", "d", "1", "'units':4," WEIGHTS) ","
    QUANTIZE("r", "2") ","
    LAYER("max", "m", "3", "'axes':[2],'keep':true") ","
    LAYER("subtract", "s", "4,3", "") ","
    LAYER("function", "e", "5", "'name':'exp','scale':-1") ","
    LAYER("sum", "t", "6", "'axes':[2],'keep':true,'unit':1") ","
    LAYER("function", "i", "7", "'name':'inverse'") ","
    LAYER("multiply", "p", "6,8", "") ","
    LAYER("scale", "u", "9", "'factor':6,'shift':-2") ","
    LAYER("function", "f", "10", "'name':'softplus'") ","
    LAYER("function", "g", "10", "'name':'silu'") ","
    LAYER("add", "n", "11,12", "") ","
    LAYER("function", "h", "13", "'name':'gelu'") ","
    LAYER("function", "j", "13", "'name':'selu'") ","
    LAYER("function", "k", "13", "'name':'elu'") ","
    LAYER("function", "l", "13", "'name':'softsign'") ","
    LAYER("function", "v", "13", "'name':'sigmoid'") ","
    LAYER("function", "w", "13", "'values':[0,0.5,1.1,1.8,2.6,3.5,4.5],'from':-3,'to':5")
    "," LAYER("add", "a", "14,15,16,17,18,19", ""),
    /* 3: depthwise convolutions */
    LAYER("input", "x", "", "'shape':[4,3,2]") ","
    QUANTIZE("q", "0") ","
    LAYER("depthwise_conv2d", "d", "1", "'size':[2,3],'multiplier':2,"
          "'stride':[2,1],'padding':'same','norm':true," WEIGHTS) ","
    QUANTIZE("r", "2") ","
    LAYER("depthwise_conv2d", "e", "3", "'size':2," WEIGHTS) ","
    LAYER("function", "f", "4", "'name':'tanh'"),
    /* 4: functions of connections */
    LAYER("input", "x", "", "'shape':[3]") ","
    QUANTIZE("q", "0") ","
    LAYER("dense", "d", "1", "'units':2," WEIGHTS) ","
    QUANTIZE("r", "2") ","
    LAYER("repeat", "b", "3", "'n':3") ","
    QUANTIZE("p", "4") ","
    LAYER("tables", "t", "5", "'hidden':4") ","
    QUANTIZE("o", "6") ","
    LAYER("sum", "s", "7", "'axes':[1]"),
};
/* clang-format on */

/* sum of out^2 / 2 over the rows; gradients into m->grad. */
static double run(struct loom_model *m, struct loom_scratch *s,
                  struct loom_sums *sums, const float *x)
{
    const struct loom_layer *out = &m->layer[m->output];
    int last = m->n_phases - 1;
    double loss = 0;
    loom_model_prepare(m, LOOM_MODE_TRAIN);
    loom_sums_clear(sums, m);
    for (size_t r = 0; r < ROWS; r++)
        loom_scratch_put(s, m, r, x + r * m->n_in);
    for (int p = 0; p <= last; p++) {
        loom_model_forward_phase(m, s, ROWS, sums, p, false);
        if (p < last)
            loom_model_sync(m, sums, 1, p, ROWS);
    }
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; j < out->n; j++) {
            float y = s->out[m->output][r * out->ld + j];
            s->gout[m->output][r * out->ld + j] = y;
            loss += (double)y * (double)y / 2;
        }
    for (int p = last; p >= 0; p--) {
        if (p < last)
            loom_model_sync_back(m, sums, 1, p + 1, ROWS);
        loom_model_backward_phase(m, s, ROWS, sums, p);
    }
    loom_model_reduce(m, sums, 1);
    return loss;
}

static void check_param(struct loom_model *m, struct loom_scratch *s,
                        struct loom_sums *sums, const float *x,
                        const struct loom_param *p)
{
    const float h = 1.0f / 512;
    float *grad = loom_calloc(p->n, sizeof(*grad));
    double worst = 0, top = 0;
    run(m, s, sums, x);
    memcpy(grad, m->grad + p->at, p->n * sizeof(*grad));
    for (size_t j = 0; j < p->n; j++) {
        float *v = m->theta + p->at + j, old = *v;
        *v = old + h;
        double up = run(m, s, sums, x);
        *v = old - h;
        double down = run(m, s, sums, x);
        *v = old;
        double want = (up - down) / (2 * (double)h);
        worst = fmax(worst, fabs(want - (double)grad[j]));
        top = fmax(top, fabs(want));
    }
    print_message("%-10s largest difference %.1e of the largest derivative\n",
                  p->name, worst / top);
    assert_true(top > 0 && worst < 2e-3 * top);
    free(grad);
}

static void check_gradients(const char *layers, uint64_t seed)
{
    struct loom_errmsg why = {""};
    struct loom_scratch s;
    struct loom_sums sums;
    struct loom_rng rng = loom_rng_init(seed, 5);
    char *text = loom_asprintf("[%s]", layers);
    json_t *list = unit_json(text);
    json_t *j = json_pack("{s:i,s:O}", "output", (int)json_array_size(list) - 1,
                          "layers", list);
    struct loom_model *m = loom_model_from_json(j, &why);
    if (!m)
        fail_msg("%s", why.text);
    assert_ok(loom_scratch_init(&s, m, e));
    assert_ok(loom_sums_init(&sums, m, e));
    float *x = loom_calloc(ROWS * m->n_in, sizeof(*x));
    for (size_t k = 0; k < ROWS * m->n_in; k++)
        x[k] = (float)loom_rng_normal(&rng);
    for (int p = 0; p < m->n_params; p++) {
        const char *word = strrchr(m->param[p].name, '/') + 1;
        if (!strcmp(word, "moving_mean"))
            m->theta[m->param[p].at] = 0.25f;
        if (!strcmp(word, "kernel") || !strcmp(word, "bias") ||
            !strcmp(word, "gamma") || strpbrk(word, "12"))
            check_param(m, &s, &sums, x, &m->param[p]);
    }
    free(x);
    free(text);
    json_decref(j);
    json_decref(list);
    loom_scratch_deinit(&s);
    loom_sums_deinit(&sums);
    loom_model_destroy(m);
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(graphs) / sizeof(*graphs); k++)
        check_gradients(graphs[k], 2 + k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
